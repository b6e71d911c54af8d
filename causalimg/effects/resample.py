"""Fit everything anew to resampled cases or to permuted treatments, for all outcomes at once.

Most estimates are weighted sums of outcomes. A refit then costs one vector of weights, and the
estimates of all outcomes in all refits are one matrix product.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from causalimg.effects.blocks import Block, Planner
from causalimg.effects.design import Design, check_counts, subset
from causalimg.effects.outcomes import Outcomes
from causalimg.effects.plans import contrast_weights
from causalimg.effects.treatment_model import TreatmentModel, weigh_cases
from causalimg.errors import NotEstimableError

Array = NDArray[np.float64]
Refit = tuple[NDArray[np.intp], Design]
"""Positions of cases, and the design that they get."""

Draw = Callable[[TreatmentModel, np.random.SeedSequence], Iterator[Refit]]
Refitter = Callable[
    [Block, Outcomes, Planner, Sequence[tuple[int, int]], int, np.random.SeedSequence], Array
]

_MOST_FAILED = 0.2


def refit_estimates(
    block: Block,
    outcomes: Outcomes,
    planner: Planner,
    chosen: Sequence[tuple[int, int]],
    refits: Iterable[Refit],
    count: int,
    what: str,
) -> Array:
    """Estimate in ``count`` refits; one that cannot be estimated is replaced by the next.

    Parameters
    ----------
    block : Block
    outcomes : Outcomes
    planner : callable
    chosen : sequence of (level, base)
    refits : iterable of (rows, design)
        Endless, or at least ``count`` long.
    count : int
    what : str
        For messages.

    Returns
    -------
    ndarray of shape (count, n_columns, n_contrasts)

    Raises
    ------
    NotEstimableError
        If a fifth of the refits cannot be estimated.
    """
    model = fitted_model(block)
    seen = outcomes.values[np.ix_(block.rows, block.columns)]
    out = np.empty((count, len(block.columns), len(chosen)))
    weights = np.zeros((len(chosen), count, len(seen)))
    linear = True
    done, failed, said = 0, 0, ""
    for rows, design in refits:
        try:
            part = refitted(model, rows, design)
            plans = planner(part)
        except NotEstimableError as error:
            failed += 1
            said = str(error)
            if failed > max(_MOST_FAILED * count, 5):
                raise NotEstimableError(
                    f"{failed} of the first {done + failed} {what} could not be estimated; the"
                    f" last: {said}"
                ) from error
            continue
        solved = {}
        for j, (level, base) in enumerate(chosen):
            key = part.key(level, base)
            own = contrast_weights(plans[key], level, base)
            if own is None:
                linear = False
                if key not in solved:
                    solved[key] = plans[key].solve(seen[rows])
                out[done, :, j] = solved[key].means[level] - solved[key].means[base]
            else:
                weights[j, done] = np.bincount(rows, weights=own, minlength=len(seen))
        done += 1
        if done == count:
            break
    if linear:
        for j in range(len(chosen)):
            out[:, :, j] = weights[j] @ seen
    return out


def refitted(model: TreatmentModel, rows: NDArray[np.intp], design: Design) -> TreatmentModel:
    """Fit propensities and weights to other cases, or to another design of the same cases."""
    check_counts(design)
    # without clusters, copies of a case are one: they must not be in several folds
    cluster = rows if model.cluster is None else model.cluster[rows]
    return weigh_cases(design, model.weighting, cluster)


def percentile_limits(draws: Array, alpha: float) -> tuple[Array, Array]:
    """Return the ``alpha / 2`` and ``1 - alpha / 2`` quantiles over the first axis."""
    found = np.quantile(draws, [alpha / 2, 1 - alpha / 2], axis=0)
    return found[0], found[1]


def fitted_model(block: Block) -> TreatmentModel:
    """Return the treatment model of a block that could be fitted."""
    if block.model is None:
        raise NotEstimableError(block.failed)
    return block.model


def _units(model: TreatmentModel) -> NDArray[np.intp]:
    return np.arange(len(model.design.codes)) if model.cluster is None else model.cluster


def _resamples(model: TreatmentModel, seed: np.random.SeedSequence) -> Iterator[Refit]:
    rng = np.random.default_rng(seed)
    n = len(model.design.codes)
    members: list[NDArray[np.intp]] = []
    if model.cluster is not None:
        members = [np.flatnonzero(model.cluster == k) for k in range(int(model.cluster.max()) + 1)]
    while True:
        if model.cluster is None:
            rows = np.sort(rng.integers(0, n, n))
        else:
            drawn = rng.integers(0, len(members), len(members))
            rows = np.concatenate([members[k] for k in drawn])
        yield rows, subset(model.design, rows)


def _parts(model: TreatmentModel, seed: np.random.SeedSequence, share: float) -> Iterator[Refit]:
    rng = np.random.default_rng(seed)
    unit = _units(model)
    size = int(unit.max()) + 1
    while True:
        chosen = np.zeros(size, dtype=bool)
        chosen[rng.permutation(size)[: max(round(share * size), 1)]] = True
        rows = np.flatnonzero(chosen[unit])
        yield rows, subset(model.design, rows)


def _with_noise(model: TreatmentModel, seed: np.random.SeedSequence) -> Iterator[Refit]:
    rng = np.random.default_rng(seed)
    design, unit = model.design, _units(model)
    everyone = np.arange(len(design.codes))
    while True:
        noise = rng.standard_normal(int(unit.max()) + 1)[unit]
        noise = (noise - noise.mean()) / noise.std()
        yield (
            everyone,
            replace(
                design,
                matrix=np.column_stack([design.matrix, noise]),
                names=(*design.names, "(random)"),
                source=(*design.source, "(random)"),
            ),
        )


def _permutations(model: TreatmentModel, seed: np.random.SeedSequence) -> Iterator[Refit]:
    rng = np.random.default_rng(seed)
    codes = model.design.codes
    everyone = np.arange(len(codes))
    whole = None
    if model.cluster is not None:
        first = np.unique(model.cluster, return_index=True)[1]
        if (codes == codes[first][model.cluster]).all():
            # treatment belongs to clusters: clusters exchange it
            whole = codes[first]
    while True:
        dealt = rng.permutation(codes) if whole is None else rng.permutation(whole)[model.cluster]
        yield everyone, replace(model.design, codes=dealt)


def _refitter(draw: Draw, what: str) -> Refitter:
    def refit(
        block: Block,
        outcomes: Outcomes,
        planner: Planner,
        chosen: Sequence[tuple[int, int]],
        count: int,
        seed: np.random.SeedSequence,
    ) -> Array:
        refits = draw(fitted_model(block), seed)
        return refit_estimates(block, outcomes, planner, chosen, refits, count, what)

    return refit


bootstrap_block = _refitter(_resamples, "bootstrap resamples")
"""Estimate in cases (clusters, where there are any) drawn with replacement."""

permuted_block = _refitter(_permutations, "permutations")
"""Estimate with treatments dealt out anew at random."""

noise_block = _refitter(_with_noise, "refits")
"""Estimate with one more covariate, of pure noise."""


def subset_block(share: float) -> Refitter:
    """Return a function that estimates in random parts of the cases, or clusters."""
    return _refitter(partial(_parts, share=share), "subsets")
