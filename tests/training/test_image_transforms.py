"""Transforms: what they change, and what they leave as it was."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from causalimg.errors import InvalidInputError, NotEstimableError
from causalimg.training.augmentation import (
    CounterfactualPairs,
    pair_consistency,
    select_augmentations,
)
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
