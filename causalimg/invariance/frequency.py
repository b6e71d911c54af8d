"""How often a feature is certified again when the cases are drawn anew."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from causalimg.effects.base import EffectEstimator
from causalimg.errors import InvalidInputError, NotEstimableError
from causalimg.parallel import Failure, ordered_map, spawn_seeds

Array = NDArray[np.float64]


def resampled(
    frame: pd.DataFrame, cluster: str | None, seed: np.random.SeedSequence
) -> pd.DataFrame:
    """Draw as many cases (or clusters) as there are, with replacement.

    A cluster that is drawn twice counts as two.
    """
    rng = np.random.default_rng(seed)
    if cluster is None:
        return frame.iloc[rng.integers(0, len(frame), len(frame))].reset_index(drop=True)
    codes, levels = pd.factorize(frame[cluster])
    members = [np.flatnonzero(codes == k) for k in range(len(levels))]
    drawn = [members[k] for k in rng.integers(0, len(levels), len(levels))]
    out = frame.iloc[np.concatenate(drawn)].reset_index(drop=True)
    out[cluster] = np.repeat(np.arange(len(drawn)), [len(rows) for rows in drawn])
    return out


def certified_again(
    search: Any,
    effects: EffectEstimator,
    features: Sequence[str],
    between_sd: Mapping[str, float] | None,
) -> Callable[[pd.DataFrame], Sequence[str]]:
    """Return a function that estimates effects anew in a table and gives the stable features."""
    plain = type(search)(**{**search.get_params(), "n_resamples": 0})

    def certified(frame: pd.DataFrame) -> Sequence[str]:
        again = type(effects)(**effects.get_params()).fit(frame, list(features))
        found = plain.fit(frame, features=features, effects=again, between_sd=between_sd)
        names: Sequence[str] = found.invariant_set_.features
        return names

    return certified


def certified_frequency(
    certified: Callable[[pd.DataFrame], Sequence[str]],
    frame: pd.DataFrame,
    features: Sequence[str],
    *,
    n_resamples: int,
    cluster: str | None = None,
    random_state: int | None = 0,
    n_jobs: int = 1,
) -> Array:
    """Return the share of resamples in which each feature is certified.

    It says how much a verdict hangs on the cases at hand; it is not a probability that the
    feature is stable. A resample that cannot be estimated certifies nothing.

    Parameters
    ----------
    certified : callable
        From a table to the features certified in it.
    frame : pandas.DataFrame
    features : sequence of str
    n_resamples : int
    cluster : str, optional
        Column of clusters, which are drawn whole.
    random_state : int or None
    n_jobs : int
        Resamples at a time; the result does not depend on it.

    Returns
    -------
    ndarray of shape (n_features,)

    Raises
    ------
    NotEstimableError
        If no resample can be estimated.
    InvalidInputError
        If ``n_resamples`` is below 1.

    Examples
    --------
    >>> table = pd.DataFrame({"volume": [1.0, 2.0, 3.0, 10.0]})
    >>> def low(rows):
    ...     return ["volume"] if rows["volume"].max() < 10 else []
    >>> certified_frequency(low, table, ["volume"], n_resamples=200).round(1).tolist()
    [0.3]
    """
    if n_resamples < 1:
        raise InvalidInputError(f"n_resamples must be at least 1, got {n_resamples!r}")

    def once(seed: np.random.SeedSequence) -> Array:
        chosen = list(certified(resampled(frame, cluster, seed)))
        return np.isin(list(features), chosen).astype(np.float64)

    found = ordered_map(
        once, spawn_seeds(random_state, n_resamples), n_jobs=n_jobs, catch=(NotEstimableError,)
    )
    failed = [one for one in found if isinstance(one, Failure)]
    if len(failed) == n_resamples:
        raise NotEstimableError(
            f"none of the {n_resamples} resamples could be estimated; the last: {failed[-1].reason}"
        )
    share: Array = np.zeros(len(features))
    for one in found:
        if not isinstance(one, Failure):
            share += one
    share /= n_resamples
    return share
