"""Images of one patient under two looks: from the phantom, from any generator, from a batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from causalimg.datasets.phantom import PhantomWorld
from causalimg.errors import InvalidInputError, NotEstimableError

Generator = Callable[[Tensor, Tensor], Tensor]
Swap = Callable[[Tensor, Tensor], Tensor]


class CounterfactualPairs:
    """Pairs of an image and the same patient on another scanner.

    Parameters
    ----------
    generator : callable (images, environment) -> images
        Shows images as another environment would: a harmonisation fitted the other way, a
        generative model. One that renders patients anew, such as `PhantomLooks`, is given their
        numbers instead of images.
    n_environments : int
    random_state : int, optional

    Examples
    --------
    >>> pairs = CounterfactualPairs(
    ...     lambda images, scanner: images + scanner[:, None, None, None], n_environments=2
    ... )
    >>> shown, where = pairs(torch.zeros(2, 1, 1, 1), torch.tensor([0, 1]))
    >>> where.tolist(), shown.flatten().tolist()
    ([1, 0], [1.0, 0.0])
    """

    def __init__(
        self, generator: Generator, *, n_environments: int, random_state: int | None = None
    ) -> None:
        if n_environments < 2:
            raise InvalidInputError(f"n_environments={n_environments} must be at least 2")
        self.generator = generator
        self.n_environments = n_environments
        self._draw = torch.Generator()
        if random_state is not None:
            self._draw.manual_seed(random_state)

    def __call__(self, images: Tensor, environment: Tensor) -> tuple[Tensor, Tensor]:
        """Return the counterfactual images and the environments they are shown in."""
        step = torch.randint(1, self.n_environments, (len(images),), generator=self._draw)
        other = (environment + step.to(environment.device)) % self.n_environments
        return self.generator(images, other), other


class PhantomLooks:
    """Simulated patients as each scanner would show them; a generator for `CounterfactualPairs`.

    Every noise term is the patient's own, so a pair differs by what the scanner does and by
    nothing else. Rendered on first use and kept.

    Parameters
    ----------
    world : PhantomWorld
        Of a simulated cohort: ``PhantomWorld.of(cohort)``.
    variable : {"scanner", "protocol"}
    levels : sequence of str, optional
        By default all that the phantom knows, in its order.
    middle : bool
        Only the middle slice, shape (n, 1, y, x); by default volumes, (n, 1, z, y, x).
    scale : float
        Intensities are divided by it [HU].

    Examples
    --------
    >>> import tempfile
    >>> from causalimg.datasets import phantom_cohort
    >>> cohort = phantom_cohort(tempfile.mkdtemp(), n_patients=2, size=16)
    >>> looks = PhantomLooks(PhantomWorld.of(cohort), middle=True)
    >>> pairs = CounterfactualPairs(looks, n_environments=len(looks.levels))
    >>> shown, where = pairs(torch.tensor([0, 1]), torch.tensor([0, 1]))
    >>> shown.shape, where.tolist()
    (torch.Size([2, 1, 16, 16]), [1, 0])
    """

    def __init__(
        self,
        world: PhantomWorld,
        variable: str = "scanner",
        *,
        levels: Sequence[str] | None = None,
        middle: bool = False,
        scale: float = 100.0,
    ) -> None:
        known = world.model.levels
        if variable not in known:
            raise InvalidInputError(f"variable={variable!r} must be one of {', '.join(known)}")
        if not scale > 0:
            raise InvalidInputError(f"scale={scale!r} must be above 0")
        self.variable, self.middle, self.scale = variable, middle, scale
        self.levels = tuple(known[variable] if levels is None else levels)
        self._worlds = [world.under({variable: level}) for level in self.levels]
        self._kept: dict[tuple[int, int], Tensor] = {}

    def _one(self, case: int, level: int) -> Tensor:
        if (case, level) not in self._kept:
            image = self._worlds[level].render(case).image
            part = image[len(image) // 2] if self.middle else image
            self._kept[case, level] = torch.tensor(part / self.scale, dtype=torch.float32)[None]
        return self._kept[case, level]

    def __call__(self, cases: Tensor, environment: Tensor) -> Tensor:
        """Return patients (rows of ``world.patients``) on scanners (places in ``levels``)."""
        n = len(self._worlds[0].patients)
        if len(cases) != len(environment):
            raise InvalidInputError(f"{len(cases)} cases, but {len(environment)} environments")
        for what, values, size in (("case", cases, n), ("level", environment, len(self.levels))):
            wrong = [int(v) for v in values if not 0 <= int(v) < size]
            if wrong:
                raise InvalidInputError(f"there is no {what} {wrong[0]}: 0 to {size - 1} are there")
        shown = [self._one(int(k), int(s)) for k, s in zip(cases, environment, strict=True)]
        shapes = sorted({tuple(image.shape[1:]) for image in shown})
        if len(shapes) > 1:
            raise InvalidInputError(
                f"the patients' protocols give volumes of {shapes[0]} and {shapes[1]} voxels: take"
                " the middle slice (middle=True), or one protocol for all, such as"
                " world.under({'protocol': 'thin'})"
            )
        return torch.stack(shown)


class BatchSwap:
    """Give every image of a batch the style of another image of the batch.

    Parameters
    ----------
    swap : callable (images, style images) -> images
        Such as `fourier_style_swap` or `statistics_swap`.
    random_state : int, optional

    Examples
    --------
    >>> from causalimg.training.transforms import statistics_swap
    >>> x = torch.arange(8.0).reshape(2, 1, 2, 2)
    >>> BatchSwap(statistics_swap, random_state=0)(x).mean((1, 2, 3)).round().tolist()
    [6.0, 2.0]
    """

    def __init__(self, swap: Swap, *, random_state: int | None = None) -> None:
        self.swap = swap
        self._draw = np.random.default_rng(random_state)

    def __call__(self, images: Tensor) -> Tensor:
        """Return images of the same content; no image keeps its own style."""
        n = len(images)
        if n < 2:
            raise NotEstimableError("a swap within the batch needs at least two images")
        order = self._draw.permutation(n)
        partner = np.empty(n, dtype=np.intp)
        partner[order] = np.roll(order, 1)
        return self.swap(images, images[torch.as_tensor(partner, device=images.device)])
