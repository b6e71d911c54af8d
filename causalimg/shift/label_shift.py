"""Label shift: how common each label is among new cases, from a model's predictions alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from causalimg.errors import InvalidInputError, NotEstimableError, UnknownNameError, nearest

Array = NDArray[np.float64]

_WORST = 100.0


@dataclass(frozen=True, eq=False)
class LabelShift:
    """How common each label is, and how source cases have to be weighted.

    Parameters
    ----------
    table : pandas.DataFrame
        ``label, source_share, target_share, ci_low, ci_high, weight``; the interval is that of
        ``target_share``.
    notes : tuple of str

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> truth = rng.choice(["benign", "malignant"], 400, p=[0.8, 0.2])
    >>> found = label_shift_weights(truth, truth, rng.choice(["benign", "malignant"], 400),
    ...                             n_bootstrap=50)
    >>> light, heavy = found.weights(["benign", "malignant"])
    >>> bool(light < 1 < heavy)
    True
    """

    table: pd.DataFrame
    notes: tuple[str, ...] = ()

    def weights(self, labels: ArrayLike) -> Array:
        """Return the weight of each source case by its label.

        Raises
        ------
        UnknownNameError
            If a label was not among those of the source.
        """
        known = dict(zip(self.table["label"], self.table["weight"], strict=True))
        names = [str(item) for item in np.asarray(labels).ravel()]
        strange = [name for name in names if name not in known]
        if strange:
            raise UnknownNameError(
                f"no label {strange[0]!r}{nearest(strange[0], known)} (labels: {', '.join(known)})"
            )
        return np.array([known[name] for name in names])

    def to_frame(self) -> pd.DataFrame:
        """Return one row per label."""
        return self.table.copy()


def label_shift_weights(
    labels: Sequence[object] | ArrayLike,
    predicted: Sequence[object] | ArrayLike,
    predicted_target: Sequence[object] | ArrayLike,
    *,
    alpha: float = 0.05,
    n_bootstrap: int = 500,
    random_state: int | None = 0,
) -> LabelShift:
    """Estimate the shares of labels among new cases, and weights for the old ones (BBSE).

    How often the model predicts each label among new cases is a mixture of how often it does so
    for each true label; the mixture is solved for the shares.

    Parameters
    ----------
    labels : sequence of shape (n_source,)
        True labels of cases that the model was not fitted to.
    predicted : sequence of shape (n_source,)
        What it predicts for them.
    predicted_target : sequence of shape (n_target,)
        What it predicts for the new cases.
    alpha : float, default=0.05
    n_bootstrap : int, default=500
        Resamples of both tables for the intervals.
    random_state : int or None

    Returns
    -------
    LabelShift

    Raises
    ------
    InvalidInputError
        If lengths differ or a predicted label is not among the true ones.
    NotEstimableError
        If the model does not tell two labels apart, so that the mixture has no solution.

    Notes
    -----
    Assumptions: label shift, that is, features given the label are distributed alike in both;
    only the labels' shares differ.

    References
    ----------
    Lipton, Wang, Smola (2018). arXiv:1802.03916, doi:10.48550/arXiv.1802.03916

    Examples
    --------
    >>> found = label_shift_weights([0, 0, 0, 1, 1, 1], [0, 0, 0, 1, 1, 1], [1, 1, 1, 0])
    >>> found.table["target_share"].tolist()
    [0.25, 0.75]
    """
    if not 0 < alpha < 1:
        raise InvalidInputError(f"alpha must be between 0 and 1, got {alpha!r}")
    truth, said, later = (
        np.array([str(item) for item in np.asarray(part).ravel()])
        for part in (labels, predicted, predicted_target)
    )
    if len(truth) != len(said) or not len(truth) or not len(later):
        raise InvalidInputError(
            f"{len(truth)} labels, {len(said)} predictions for them and {len(later)} for new"
            " cases: the first two must be equal, and none 0"
        )
    names = np.unique(truth)
    strange = sorted({*said, *later} - set(names))
    if strange:
        raise InvalidInputError(
            f"the model predicts {str(strange[0])!r}, which no case of the source has"
            f" (labels: {', '.join(names)})"
        )
    a, b, c = (np.searchsorted(names, part) for part in (truth, said, later))
    count = len(names)
    cells = np.zeros((count, count))
    np.add.at(cells, (b, a), 1.0)
    mixed = np.bincount(c, minlength=count).astype(np.float64)
    condition = float(np.linalg.cond(cells / cells.sum(axis=0)))
    if condition > _WORST:
        raise NotEstimableError(
            f"the model hardly tells the labels apart (condition number {condition:.0f} of its"
            f" confusion matrix, limit {_WORST:g}): its predictions do not say how common they are"
        )
    share = _solve(cells[None], mixed[None])[0]
    low, high = np.full((2, count), np.nan)
    if n_bootstrap:
        # resampling cases is drawing the counts of the cells
        rng = np.random.default_rng(random_state)
        again = rng.multinomial(len(a), cells.ravel() / len(a), n_bootstrap)
        later_again = rng.multinomial(len(c), mixed / len(c), n_bootstrap)
        drawn = again.reshape(n_bootstrap, count, count).astype(np.float64)
        whole = (drawn.sum(axis=1) > 0).all(axis=1)
        found = _solve(drawn[whole], later_again[whole].astype(np.float64))
        low, high = np.quantile(found, [alpha / 2, 1 - alpha / 2], axis=0)
    before = np.bincount(a, minlength=count) / len(a)
    notes: tuple[str, ...] = ()
    if (share < 0).any():
        worst = str(names[int(share.argmin())])
        notes = (
            f"the share of {worst!r} came out below 0 and was set to 0: chance, or features given"
            " the label differ too",
        )
    share = np.maximum(share, 0.0) / np.maximum(share, 0.0).sum()
    table = pd.DataFrame(
        {
            "label": names.astype(object),
            "source_share": before,
            "target_share": share,
            "ci_low": np.clip(low, 0.0, 1.0),
            "ci_high": np.clip(high, 0.0, 1.0),
            "weight": share / before,
        }
    )
    return LabelShift(table, notes)


def _solve(cells: Array, mixed: Array) -> Array:
    """Solve mixtures; columns of ``cells`` count what the model says given each true label."""
    given = cells / cells.sum(axis=1, keepdims=True)
    # least squares: a resample may have a singular table
    shares = np.linalg.pinv(given) @ (mixed / mixed.sum(axis=1, keepdims=True))[..., None]
    return np.asarray(shares[..., 0])
