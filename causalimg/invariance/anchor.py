"""Anchor regression: prediction that holds up when the environment shifts further."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from causalimg.effects.parameters import Parametrised
from causalimg.errors import InvalidInputError, NotEstimableError, check_columns
from causalimg.tables.encode import encode, is_categorical

Array = NDArray[np.float64]

_GAMMAS = (0.0, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0)


class AnchorRegression(Parametrised):
    """Linear regression that weighs the part of the error that the environment explains.

    Minimises ``|(I - P)(y - x b)|^2 + gamma |P (y - x b)|^2``, with P the projection on the anchors
    (intercept left aside). ``gamma = 1`` is least squares, ``0`` partials the anchors out, a large
    one goes towards two-stage least squares with the anchors as instruments.

    Parameters
    ----------
    anchors : str or sequence of str
        Columns that cause shifts and are caused by nothing else in the table: site, scanner (as
        categories), or numbers.
    gamma : float or "auto", default="auto"
        ``auto`` takes, of ``gammas``, the one with the smallest error in the worst environment
        when each level of the first (categorical) anchor is left out in turn.
    gammas : sequence of float
        Also the grid of `path`.
    ridge : float, default=0.0
        Penalty on the squared coefficients in standardised units, times the number of rows.

    Attributes
    ----------
    coef_ : pandas.Series
    intercept_ : float
    gamma_ : float
    path_ : pandas.DataFrame
        One row per gamma: the coefficients.
    worst_ : pandas.Series or None
        Worst mean squared error of a left-out environment, per gamma, where it was computed.

    Notes
    -----
    Assumptions: linear relations; anchors that are exogenous. With gamma the mean squared error is
    the smallest possible in the worst of all shifts of the anchors' direction up to a size of
    about ``sqrt(gamma)`` times those in the data. Hidden confounding is allowed; the coefficients
    are not causal effects in general.

    References
    ----------
    Rothenhausler, Meinshausen, Buhlmann, Peters (2021). doi:10.1111/rssb.12398

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> site = np.repeat(["a", "b", "c"], 300)
    >>> hidden = rng.normal(size=900)
    >>> x = 3.0 * (site == "b") + hidden + rng.normal(size=900)
    >>> table = pd.DataFrame({"site": site, "x": x, "y": x + 2 * hidden})
    >>> model = AnchorRegression(anchors="site", gamma=1000.0).fit(table, "y", ["x"])
    >>> bool(abs(model.coef_["x"] - 1) < 0.1)
    True
    """

    def __init__(
        self,
        *,
        anchors: str | Sequence[str],
        gamma: float | str = "auto",
        gammas: Sequence[float] = _GAMMAS,
        ridge: float = 0.0,
    ) -> None:
        self.anchors = anchors
        self.gamma = gamma
        self.gammas = gammas
        self.ridge = ridge

    def fit(self, frame: pd.DataFrame, outcome: str, features: Sequence[str]) -> Self:
        """Fit the whole path, and choose gamma if asked.

        Parameters
        ----------
        frame : pandas.DataFrame
            One row per case. Not modified.
        outcome : str
            A number column.
        features : sequence of str

        Returns
        -------
        self

        Raises
        ------
        InvalidInputError
            For settings outside their range, missing values or text.
        NotEstimableError
            If there are more features than rows and no ridge.
        UnknownNameError
            If a column does not exist.
        """
        names = [features] if isinstance(features, str) else [str(name) for name in features]
        places = [self.anchors] if isinstance(self.anchors, str) else list(self.anchors)
        self._check(frame, outcome, names, places)
        x = frame[names].to_numpy(dtype=np.float64)
        y = frame[outcome].to_numpy(dtype=np.float64)
        if len(x) <= len(names) + 1 and not self.ridge > 0:
            raise NotEstimableError(
                f"{len(names)} features and {len(x)} rows; set ridge above 0 or give fewer features"
            )
        anchors = encode(frame, places).matrix
        scale = np.where(x.std(axis=0) > 0, x.std(axis=0), 1.0)
        grid = [float(g) for g in self.gammas]
        self.worst_: pd.Series | None = None
        if self.gamma == "auto":
            self.worst_ = self._left_out(x / scale, y, anchors, frame[places[0]], grid)
            self.gamma_ = grid[int(self.worst_.to_numpy().argmin())]
        else:
            self.gamma_ = float(self.gamma)
        wanted = sorted({*grid, self.gamma_})
        coef = _solve(x / scale, y, anchors, wanted, self.ridge) / scale
        self.path_ = pd.DataFrame(coef, index=pd.Index(wanted, name="gamma"), columns=names)
        self.coef_ = pd.Series(coef[wanted.index(self.gamma_)], index=names, name="coef")
        self.intercept_ = float(y.mean() - x.mean(axis=0) @ self.coef_.to_numpy())
        return self

    def predict(self, frame: pd.DataFrame) -> Array:
        """Predict the outcome of new rows, shape (n_samples,)."""
        names = list(self.coef_.index)
        check_columns(frame, names, "predict")
        x = frame[names].to_numpy(dtype=np.float64)
        return np.asarray(x @ self.coef_.to_numpy() + self.intercept_)

    # ---- steps ---------------------------------------------------------------------------

    def _check(
        self, frame: pd.DataFrame, outcome: str, names: list[str], places: list[str]
    ) -> None:
        automatic = isinstance(self.gamma, str)
        if automatic and self.gamma != "auto":
            raise InvalidInputError(f"gamma must be a number or 'auto', got {self.gamma!r}")
        values = [*self.gammas, *([] if automatic else [float(self.gamma)])]
        if not values or min(values) < 0:
            raise InvalidInputError(f"gamma must be at least 0, got {min(values, default=None)!r}")
        if not self.ridge >= 0:
            raise InvalidInputError(f"ridge must be at least 0, got {self.ridge!r}")
        if not places or not names:
            raise InvalidInputError("anchors and features must name at least one column each")
        check_columns(frame, [outcome, *names, *places], "AnchorRegression")
        used = [outcome, *names, *places]
        twice = sorted({name for name in used if used.count(name) > 1})
        if twice:
            raise InvalidInputError(f"columns with two roles: {twice}")
        text = [name for name in (outcome, *names) if is_categorical(frame[name])]
        if text:
            raise InvalidInputError(f"outcome and features must be numbers; not so: {text[:8]}")
        gaps = frame[used].isna().sum()
        if gaps.any():
            raise InvalidInputError(f"missing values in {list(gaps[gaps > 0].index[:8])}")
        if automatic and not is_categorical(frame[places[0]]):
            raise InvalidInputError(
                f"gamma='auto' leaves out the levels of the first anchor, and {places[0]!r} is a"
                " number; set gamma, or put a categorical anchor first"
            )

    def _left_out(
        self, x: Array, y: Array, anchors: Array, groups: pd.Series, grid: list[float]
    ) -> pd.Series:
        labels = groups.astype(str).to_numpy()
        levels = sorted(set(labels))
        if len(levels) < 3:
            raise NotEstimableError(
                f"gamma='auto' needs three levels of {groups.name!r}, so that two are left to"
                f" learn from; there are {len(levels)}. Set gamma"
            )
        errors = []
        for level in levels:
            test = labels == level
            coef = _solve(x[~test], y[~test], anchors[~test], grid, self.ridge)
            level_x, level_y = x[~test].mean(axis=0), y[~test].mean()
            gap = (y[test] - level_y)[:, None] - (x[test] - level_x) @ coef.T
            errors.append((gap**2).mean(axis=0))
        return pd.Series(np.max(errors, axis=0), index=pd.Index(grid, name="gamma"), name="worst")


def _solve(x: Array, y: Array, anchors: Array, gammas: list[float], ridge: float) -> Array:
    """Return coefficients per gamma, shape (n_gammas, d), from two Gram matrices."""
    both = np.column_stack([x, y])
    both = both - both.mean(axis=0)
    basis, values, _ = np.linalg.svd(anchors - anchors.mean(axis=0), full_matrices=False)
    basis = basis[:, values > 1e-10 * max(values.max(initial=0.0), 1.0)]
    along = basis.T @ both
    whole, part = both.T @ both, along.T @ along
    d = x.shape[1]
    out = np.empty((len(gammas), d))
    for k, gamma in enumerate(gammas):
        gram = whole + (gamma - 1.0) * part
        left = gram[:d, :d] + ridge * len(x) * np.eye(d)
        out[k] = np.linalg.lstsq(left, gram[:d, d], rcond=1e-12)[0]
    return out
