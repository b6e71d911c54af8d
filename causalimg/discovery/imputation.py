"""Multiple imputation by chained regressions, for discovery on tables with missing cells."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

from causalimg.errors import InvalidInputError
from causalimg.parallel import spawn_seeds
from causalimg.stats.multinomial import fit_multinomial, probabilities
from causalimg.tables.encode import Encoded, encode
from causalimg.tables.moments import Moments

Float = NDArray[np.float64]
Bool = NDArray[np.bool_]


class MultipleImputation(BaseEstimator):
    """Draw complete tables from a table with missing cells.

    Each incomplete column is drawn in turn given all others: a number from a Bayesian linear
    regression (coefficients and residual variance from their posterior), a category from a
    multinomial logistic regression on a bootstrap resample. The sweep is repeated ``n_sweeps``
    times from a random start, once for each imputation.

    Parameters
    ----------
    n_imputations : int
        Number of complete tables, at least 2.
    n_sweeps : int
        Rounds through the incomplete columns.
    ridge : float
        Added to the diagonal of the standardised cross-products, as a share of the number of
        rows; raise it if there are nearly as many columns as rows.
    random_state : int, optional

    Notes
    -----
    Assumptions: missingness depends on observed cells only (MAR); linear Gaussian relations.

    References
    ----------
    van Buuren S, Groothuis-Oudshoorn K. mice: multivariate imputation by chained equations in R.
    J Stat Softw 2011;45(3). doi:10.18637/jss.v045.i03

    Examples
    --------
    >>> table = pd.DataFrame({"a": [1.0, 2, 3, 4, 5, 6], "b": [1.1, 2.1, 2.9, 4.2, 5.0, None]})
    >>> tables = MultipleImputation(n_imputations=3, random_state=0).draw(table)
    >>> [int(t["b"].isna().sum()) for t in tables]
    [0, 0, 0]
    """

    def __init__(
        self,
        *,
        n_imputations: int = 10,
        n_sweeps: int = 10,
        ridge: float = 1e-4,
        random_state: int | None = None,
    ) -> None:
        self.n_imputations = n_imputations
        self.n_sweeps = n_sweeps
        self.ridge = ridge
        self.random_state = random_state

    def draw(self, table: pd.DataFrame) -> list[pd.DataFrame]:
        """Return complete copies of a table; cells that were there stay as they are.

        Raises
        ------
        InvalidInputError
            If a setting is not allowed, or a column has no cell at all.
        """
        columns = [str(name) for name in table.columns]
        frame = table.set_axis(columns, axis=1)
        rows = encode(frame, columns)
        out = []
        for matrix in self.draw_matrices(rows):
            filled = frame.copy()
            for name in columns:
                holes = frame[name].isna().to_numpy()
                if not holes.any():
                    continue
                values = matrix[np.ix_(holes, rows.blocks[name])]
                if name in rows.levels:
                    labels = {str(v): v for v in frame[name].dropna().unique()}
                    codes = (values @ np.arange(1, values.shape[1] + 1)).round().astype(int)
                    filled.loc[holes, name] = [labels[rows.levels[name][k]] for k in codes]
                else:
                    filled[name] = filled[name].astype(np.float64)
                    filled.loc[holes, name] = values[:, 0]
            out.append(filled.set_axis(table.columns, axis=1))
        return out

    def draw_moments(self, rows: Encoded) -> list[Moments]:
        """Return the moments of each complete table."""
        return [
            Moments.from_matrix(matrix, list(rows.blocks), blocks=rows.blocks, levels=rows.levels)
            for matrix in self.draw_matrices(rows)
        ]

    def draw_matrices(self, rows: Encoded) -> list[Float]:
        """Return complete encoded matrices, each of shape (n_samples, n_encoded)."""
        for name, least in (("n_imputations", 2), ("n_sweeps", 1)):
            value = getattr(self, name)
            if not isinstance(value, int | np.integer) or value < least:
                raise InvalidInputError(f"{name}={value!r} must be a whole number >= {least}")
        holes = np.isnan(rows.matrix)
        empty = [name for name, block in rows.blocks.items() if holes[:, block].all()]
        if empty:
            raise InvalidInputError(
                f"columns without a single cell cannot be imputed; drop them: {empty}"
            )
        seeds = spawn_seeds(self.random_state, self.n_imputations)
        return [self._chain(rows, holes, np.random.default_rng(seed)) for seed in seeds]

    def _chain(self, rows: Encoded, holes: Bool, rng: np.random.Generator) -> Float:
        matrix = rows.matrix.copy()
        work = []
        for name, block in rows.blocks.items():
            gone = np.asarray(holes[:, block].any(axis=1))
            if gone.any():
                known = np.flatnonzero(~gone)
                matrix[np.ix_(gone, block)] = matrix[np.ix_(rng.choice(known, gone.sum()), block)]
                work.append((int(gone.sum()), name, block, gone))
        work.sort(key=lambda item: (item[0], item[1]))  # the most complete first
        for _ in range(self.n_sweeps):
            for _, name, block, gone in work:
                others = np.setdiff1d(np.arange(matrix.shape[1]), block)
                draw = _draw_category if name in rows.levels else _draw_number
                design = _design(matrix[:, others])
                matrix[np.ix_(gone, block)] = draw(
                    design, matrix[:, block], gone, self.ridge * len(matrix), rng
                )
        return matrix


def _design(others: Float) -> Float:
    """Return an intercept and the standardised columns."""
    scale = others.std(axis=0)
    scaled = (others - others.mean(axis=0)) / np.where(scale > 0, scale, 1.0)
    return np.column_stack([np.ones(len(others)), scaled])


def _draw_number(
    design: Float, target: Float, gone: Bool, ridge: float, rng: np.random.Generator
) -> Float:
    inside, values = design[~gone], target[~gone, 0]
    gram = inside.T @ inside
    gram[np.diag_indices_from(gram)] += np.append(0.0, np.full(len(gram) - 1, ridge))
    factor = np.linalg.cholesky(gram)
    mean = np.linalg.solve(gram, inside.T @ values)
    residual = values - inside @ mean
    freedom = max(len(values) - design.shape[1], 3)
    sd = np.sqrt(residual @ residual / rng.chisquare(freedom))
    slope = mean + sd * np.linalg.solve(factor.T, rng.standard_normal(len(mean)))
    drawn = design[gone] @ slope + sd * rng.standard_normal(int(gone.sum()))
    return np.asarray(drawn[:, None])


def _draw_category(
    design: Float, target: Float, gone: Bool, ridge: float, rng: np.random.Generator
) -> Float:
    width = target.shape[1]
    codes = (target @ np.arange(1, width + 1)).round().astype(np.intp)
    known = np.flatnonzero(~gone)
    again = rng.choice(known, len(known))
    seen, compact = np.unique(codes[again], return_inverse=True)
    if len(seen) == 1:
        picked = np.full(int(gone.sum()), seen[0])
    else:
        slope = fit_multinomial(design[again], compact.ravel(), ridge=max(ridge, 1e-3))[0]
        share = probabilities(design[gone], slope).cumsum(axis=1)
        at = (rng.random((len(share), 1)) > share).sum(axis=1)
        picked = seen[np.minimum(at, len(seen) - 1)]
    return np.asarray(picked[:, None] == np.arange(1, width + 1), dtype=np.float64)
