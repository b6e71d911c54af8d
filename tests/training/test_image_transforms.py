"""Transforms: what they change, and what they leave as it was."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from causalimg.datasets.phantom import PhantomWorld, phantom_cohort
from causalimg.errors import InvalidInputError, NotEstimableError, UnknownNameError
from causalimg.training.augmentation import pair_consistency, select_augmentations
from causalimg.training.pairs import BatchSwap, CounterfactualPairs, PhantomLooks
from causalimg.training.transforms import GIN, IPA, fourier_style_swap, statistics_swap


def images(axes: int, n: int = 3, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(n, 2, *([12] * axes), generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("axes", [2, 3])
def test_gin_keeps_norm_and_place_and_changes_the_look(axes: int) -> None:
    x = images(axes)
    out = GIN(random_state=1)(x)
    assert out.shape == x.shape
    assert torch.allclose(out.flatten(1).norm(dim=1), x.flatten(1).norm(dim=1))
    assert torch.equal(out, GIN(random_state=1)(x))
    assert not torch.allclose(out, x, atol=0.05)
    flat = torch.ones_like(x)
    inner = GIN(random_state=2)(flat)[(slice(None), slice(None), *([slice(5, 7)] * axes))]
    assert float(inner.flatten(2).std(dim=2).max()) < 1e-9  # no edge where there was none


def test_gin_gives_each_image_a_look_of_its_own() -> None:
    x = images(2, 1).repeat(4, 1, 1, 1)
    out = GIN(random_state=0)(x)
    assert all(not torch.allclose(out[0], out[k], atol=0.01) for k in (1, 2, 3))


@pytest.mark.parametrize("axes", [2, 3])
def test_ipa_map_is_smooth_and_the_two_views_add_up(axes: int) -> None:
    x = images(axes)
    ipa = IPA(spacing=6, random_state=0)
    share = ipa.blend_map(x)
    assert float(share.min()) >= 0 and float(share.max()) <= 1
    assert float(share.diff(dim=-1).abs().max()) < 0.6
    first, second = IPA(spacing=6, random_state=3)(x)
    again = IPA(spacing=6, random_state=3)
    again.blend_map(x)
    looks = again.look(x) + again.look(x)
    assert torch.allclose(first + second, looks)
    assert not torch.allclose(first, second, atol=0.01)


@pytest.mark.parametrize("axes", [2, 3])
def test_fourier_swap_keeps_phase_and_high_frequencies(axes: int) -> None:
    x, style = images(axes), images(axes, seed=5) * 3
    dims = tuple(range(2, 2 + axes))
    assert torch.equal(fourier_style_swap(x, style, beta=0.0), x)
    out = fourier_style_swap(x, style, beta=0.25)
    before, after = torch.fft.fftn(x, dim=dims), torch.fft.fftn(out, dim=dims)
    turn = (after / before).angle().abs()
    assert float(turn.max()) < 1e-6
    zero = (slice(None), slice(None), *([0] * axes))
    wanted = torch.fft.fftn(style, dim=dims).abs()[zero]
    assert torch.allclose(after.abs()[zero], wanted)
    far = (slice(None), slice(None), *([6] * axes))
    assert torch.allclose(after.abs()[far], before.abs()[far])
    back = fourier_style_swap(out, x, beta=0.25)
    assert torch.allclose(back, x, atol=1e-9)


def test_statistics_swap_transfers_the_moments_exactly() -> None:
    x, style = images(2), images(2, seed=9) * 4 + 1
    out = statistics_swap(x, style, eps=0.0)
    assert torch.allclose(out.mean((2, 3)), style.mean((2, 3)))
    assert torch.allclose(out.std((2, 3)), style.std((2, 3)))
    ranks = x[0, 0].flatten().argsort()
    assert torch.equal(out[0, 0].flatten().argsort(), ranks)


def test_the_augmentation_that_hides_the_scanner_is_ranked_first() -> None:
    generator = torch.Generator().manual_seed(0)
    site = torch.arange(180) % 3
    x = torch.rand(180, 1, 6, 6, generator=generator) * 0.5
    x = x + site.reshape(-1, 1, 1, 1) * 0.6  # the scanners differ in brightness

    def brightness(batch: Tensor) -> Tensor:
        shift = torch.rand(len(batch), 1, 1, 1, generator=torch.Generator().manual_seed(4))
        return batch + 20 * shift

    def flip(batch: Tensor) -> Tensor:
        return batch.flip(-1)

    table = select_augmentations({"flip": flip, "brightness": brightness}, x, site)
    assert table["augmentation"][0] == "brightness"
    assert table["drop"][0] > 0.3
    assert abs(float(table.set_index("augmentation").loc["flip", "drop"])) < 0.05
    with pytest.raises(NotEstimableError, match="two environments"):
        select_augmentations({}, x, torch.zeros(180))


def test_counterfactual_pairs_change_the_environment_always() -> None:
    x, site = images(2, 60), torch.arange(60) % 3
    pairs = CounterfactualPairs(
        lambda batch, other: batch + other.reshape(-1, 1, 1, 1), n_environments=3, random_state=0
    )
    changed, other = pairs(x, site)
    assert not bool((other == site).any()) and set(other.tolist()) == {0, 1, 2}
    assert torch.allclose(changed - x, other.reshape(-1, 1, 1, 1).expand_as(x).double())


def test_pairs_of_the_phantom_are_its_own_counterfactual_scans(tmp_path: Path) -> None:
    mixed = PhantomWorld.of(phantom_cohort(tmp_path, n_patients=4, size=16, random_state=3))
    assert mixed.patients["protocol"].nunique() == 2
    world = mixed.under({"protocol": "thin"})
    looks = PhantomLooks(world)
    pairs = CounterfactualPairs(looks, n_environments=len(looks.levels), random_state=0)
    cases = torch.arange(4)
    met = torch.tensor([looks.levels.index(s) for s in world.patients["scanner"]])
    shown, other = pairs(cases, met)
    assert shown.shape == (4, 1, *world.render(0).image.shape) and bool((other != met).all())
    for k in range(4):
        own = world.render(k).image / 100.0
        assert np.allclose(looks(cases, met)[k, 0], own, atol=1e-5)
        there = world.under({"scanner": looks.levels[int(other[k])]}).render(k).image / 100.0
        assert np.allclose(shown[k, 0], there, atol=1e-5) and not np.allclose(there, own, atol=0.05)
    flat = PhantomLooks(mixed, middle=True)
    assert flat(cases, torch.zeros(4)).shape == (4, 1, 16, 16)
    with pytest.raises(InvalidInputError, match="one protocol for all"):
        PhantomLooks(mixed)(cases, torch.zeros(4))
    with pytest.raises(InvalidInputError, match="there is no case 4"):
        looks(torch.tensor([4]), torch.tensor([0]))
    with pytest.raises(InvalidInputError, match="there is no level 9"):
        looks(torch.tensor([0]), torch.tensor([9]))
    with pytest.raises(InvalidInputError, match="must be one of scanner, protocol"):
        PhantomLooks(world, "site")
    with pytest.raises(UnknownNameError, match="no level 'Z'"):
        PhantomLooks(world, levels=["Z"])


@pytest.mark.parametrize("axes", [2, 3])
def test_a_swap_within_the_batch_gives_every_image_the_style_of_another(axes: int) -> None:
    x = images(axes, n=6) * torch.arange(1.0, 7.0).reshape(6, *([1] * (axes + 1)))
    dims = tuple(range(2, 2 + axes))
    out = BatchSwap(statistics_swap, random_state=0)(x)
    before, after = x.mean(dims)[:, 0], out.mean(dims)[:, 0]
    assert torch.allclose(before.sort().values, after.sort().values, atol=1e-4)
    assert bool(((before - after).abs() > 1e-3).all())
    assert torch.equal(out, BatchSwap(statistics_swap, random_state=0)(x))
    assert BatchSwap(fourier_style_swap, random_state=1)(x).shape == x.shape
    with pytest.raises(NotEstimableError, match="two images"):
        BatchSwap(statistics_swap)(x[:1])


def test_pair_consistency_is_zero_for_the_same_and_symmetric() -> None:
    a, b = torch.randn(5, 3, 4, 4), torch.randn(5, 3, 4, 4)
    assert float(pair_consistency(a, a)) == 0.0
    assert float(pair_consistency(a, b)) == pytest.approx(float(pair_consistency(b, a)))
    assert float(pair_consistency(a, b)) > 0.1


def test_bad_images_are_refused() -> None:
    with pytest.raises(InvalidInputError, match="images must be floats"):
        GIN()(torch.zeros(2, 8, 8))
    with pytest.raises(InvalidInputError, match="beta"):
        fourier_style_swap(images(2), images(2), beta=0.9)
    with pytest.raises(InvalidInputError, match="shape of the images"):
        fourier_style_swap(images(2), images(2, 2))
