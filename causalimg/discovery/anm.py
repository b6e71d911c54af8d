"""ANM: which of two variables is the cause, from a nonlinear relation with additive noise."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from causalimg.discovery.base import BaseDiscovery, Found, check_choice, check_share
from causalimg.discovery.data import DiscoveryData
from causalimg.discovery.hsic import hsic_test
from causalimg.errors import InvalidInputError
from causalimg.graph.core import CausalGraph, GraphKind
from causalimg.graph.knowledge import Knowledge

Float = NDArray[np.float64]

ASSUMPTIONS = (
    "No unmeasured common cause of the two variables.",
    "The effect is a smooth function of the cause plus noise that does not depend on the cause;"
    " the function is not linear with Gaussian noise, for which no direction can be told.",
)


class ANM(BaseDiscovery):
    """Find the direction between two variables by the additive noise model.

    Each variable is regressed on the other by a smooth curve, and the residuals are tested for
    independence of the regressor. In the causal direction they are independent; in the other, in
    general, they are not.

    Parameters
    ----------
    alpha : float
        Level of the tests. A direction is decided if it alone is not rejected.
    regression : {"spline", "gaussian_process"}
        ``"spline"``: cubic splines, smoothed by leave-one-out error; milliseconds.
        ``"gaussian_process"``: with a fitted Gaussian kernel, as the paper has it; seconds
        at a thousand rows, and its time grows with their cube.
    max_rows : int
        Of more rows, these many are drawn; memory grows with the square.
    random_state : int, optional
        Of the draw.
    knowledge : Knowledge, optional
        A required or forbidden direction is taken as known; the p-values are reported all the
        same.
    engine : {"native", "causal-learn"}
        causal-learn fits Gaussian processes and tests by its kernel test.

    Attributes
    ----------
    graph_ : CausalGraph
        A CPDAG of two nodes: no edge if they are independent, an arrow if one direction is
        decided, an edge without direction if not.
    stats_ : dict
        ``decision`` ("a -> b", "independent", "undecided"), ``reason``; ``p_independent``, the
        p-value of their independence; ``p_values``, ``(cause, effect)`` -> p-value of the
        independence of residuals and cause: large in the causal direction; ``n_used``.
    assumptions_ : tuple of str

    Raises
    ------
    InvalidInputError
        From `fit`: not exactly two columns, categorical columns, only moments, or a setting that
        is not allowed.

    Notes
    -----
    Assumptions: no common cause; additive noise; a relation that is not linear and Gaussian.
    "undecided" is an answer: both directions fit (linear and Gaussian, or too few rows) or
    neither does (common cause, noise that is not additive).

    References
    ----------
    Hoyer PO, Janzing D, Mooij JM, Peters J, Scholkopf B. Nonlinear causal discovery with additive
    noise models. NIPS 2008.

    Examples
    --------
    >>> import pandas as pd
    >>> rng = np.random.default_rng(0)
    >>> dose = rng.uniform(-2, 2, 400)
    >>> table = pd.DataFrame({"response": np.exp(dose) + rng.normal(size=400), "dose": dose})
    >>> ANM().fit(table).stats_["decision"]
    'dose -> response'
    """

    def __init__(
        self,
        *,
        alpha: float = 0.01,
        regression: str = "spline",
        max_rows: int = 1000,
        random_state: int | None = 0,
        knowledge: Knowledge | None = None,
        engine: str = "native",
    ) -> None:
        self.alpha = alpha
        self.regression = regression
        self.max_rows = max_rows
        self.random_state = random_state
        self.knowledge = knowledge
        self.engine = engine

    def _discover(self, data: DiscoveryData, knowledge: Knowledge) -> Found:
        check_share("alpha", self.alpha)
        check_choice("regression", self.regression, ("spline", "gaussian_process"))
        check_choice("engine", self.engine, ("native", "causal-learn"))
        if not isinstance(self.max_rows, int | np.integer) or self.max_rows < 20:
            raise InvalidInputError(f"max_rows={self.max_rows!r} must be a whole number >= 20")
        if len(data.columns) != 2 or data.categorical or data.matrix is None:
            raise InvalidInputError(
                "ANM takes the rows of two continuous columns; got"
                f" {list(data.columns[:6])}, categorical: {list(data.categorical)}. Give it"
                " table[[a, b]], or use PC or DirectLiNGAM for more columns"
            )
        rows = self._rows(data.matrix)
        p_independent = hsic_test(rows[:, 0], rows[:, 1])[1]
        p = self._p_values(rows)
        edges, decision, reason = self._decide(data.columns, knowledge, p_independent, p)
        graph = CausalGraph.from_directed(data.columns, edges, kind=GraphKind.CPDAG)
        a, b = data.columns
        stats = {
            "decision": decision,
            "reason": reason,
            "p_independent": p_independent,
            "p_values": {(a, b): p[0], (b, a): p[1]},
            "n_used": len(rows),
        }
        return Found(graph, stats, ASSUMPTIONS)

    def _rows(self, matrix: Float) -> Float:
        if len(matrix) > self.max_rows:
            rng = np.random.default_rng(self.random_state)
            matrix = matrix[np.sort(rng.choice(len(matrix), self.max_rows, replace=False))]
        spread = matrix.std(axis=0)
        if (spread == 0).any():
            raise InvalidInputError("a column is constant in the rows drawn; raise max_rows")
        return np.asarray((matrix - matrix.mean(axis=0)) / spread)

    def _p_values(self, rows: Float) -> tuple[float, float]:
        """Return the p-values of first -> second and of second -> first."""
        if self.engine == "causal-learn":
            from causalimg.discovery.causal_learn_engine import anm_p_values

            return anm_p_values(rows)
        fit = spline_residual if self.regression == "spline" else gaussian_process_residual
        forward = hsic_test(rows[:, 0], fit(rows[:, 0], rows[:, 1]))[1]
        backward = hsic_test(rows[:, 1], fit(rows[:, 1], rows[:, 0]))[1]
        return forward, backward

    def _decide(
        self,
        names: tuple[str, ...],
        knowledge: Knowledge,
        p_independent: float,
        p: tuple[float, float],
    ) -> tuple[NDArray[np.bool_], str, str]:
        required = knowledge.required_matrix(names)
        forbidden = knowledge.forbidden_matrix(names)
        ways = [(0, 1), (1, 0)]
        open_ways = [way for way in ways if not forbidden[way]]
        edges = np.zeros((2, 2), dtype=bool)
        if required.any():
            return required, _arrow(names, np.argwhere(required)[0]), "required by the knowledge"
        if not open_ways:
            return edges, "no edge", "both directions are forbidden by the knowledge"
        if p_independent > self.alpha:
            return edges, "independent", f"independence is not rejected (p = {p_independent:.3g})"
        if len(open_ways) == 1:
            edges[open_ways[0]] = True
            return edges, _arrow(names, open_ways[0]), "the knowledge leaves one direction"
        fits = [p[0] > self.alpha, p[1] > self.alpha]
        said = f"p = {p[0]:.3g} for {_arrow(names, (0, 1))}, {p[1]:.3g} for the reverse"
        if fits[0] != fits[1]:
            way = ways[0] if fits[0] else ways[1]
            edges[way] = True
            return edges, _arrow(names, way), f"only this direction fits ({said})"
        edges[:] = ~np.eye(2, dtype=bool)
        which = "both directions fit" if fits[0] else "neither direction fits"
        return edges, "undecided", f"{which} ({said})"


def _arrow(names: tuple[str, ...], way: NDArray[np.intp] | tuple[int, int]) -> str:
    return f"{names[way[0]]} -> {names[way[1]]}"


def spline_residual(x: Float, y: Float) -> Float:
    """Return what a smooth curve of ``x`` leaves of ``y``, shape (n_samples,).

    Cubic splines with knots at quantiles and a ridge penalty chosen by leave-one-out error.

    Examples
    --------
    >>> x = np.linspace(-2, 2, 200)
    >>> bool(np.abs(spline_residual(x, np.sin(2 * x))).max() < 0.02)
    True
    """
    from sklearn.linear_model import RidgeCV
    from sklearn.preprocessing import SplineTransformer

    knots = int(np.clip(len(x) // 20, 4, 15))
    quantiles = np.unique(np.quantile(x, np.linspace(0, 1, knots)))
    basis = SplineTransformer(
        knots=quantiles[:, None], degree=3, include_bias=False, extrapolation="linear"
    ).fit_transform(x[:, None])
    design = np.column_stack([basis, x])
    fitted = RidgeCV(alphas=np.logspace(-6, 3, 19)).fit(design, y).predict(design)
    return np.asarray(y - fitted)


def gaussian_process_residual(x: Float, y: Float) -> Float:
    """Return what Gaussian process regression on ``x`` leaves of ``y``, shape (n_samples,).

    A Gaussian kernel and white noise, fitted by marginal likelihood; standardised columns.
    """
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel

    kernel = ConstantKernel(1.0, (1e-4, 1e4)) * RBF(1.0, (1e-2, 1e3))
    kernel = kernel + WhiteKernel(0.1, (1e-8, 1e2))
    model = GaussianProcessRegressor(kernel=kernel, n_restarts_optimizer=0)
    return np.asarray(y - model.fit(x[:, None], y).predict(x[:, None]))
