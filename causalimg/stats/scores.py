"""Local scores of a node and its parents: Gaussian BIC, its form for mixed columns."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from causalimg.errors import InvalidInputError, MissingDependencyError, NotEstimableError
from causalimg.graph.core import CausalGraph
from causalimg.tables.encode import Encoded
from causalimg.tables.moments import Moments

Float = NDArray[np.float64]
_LINEAR = "Relations are linear with residuals of one normal distribution (Gaussian BIC)."
_MIXED = (
    "Categorical nodes act through group means; their 0/1 columns are scored as if they were"
    " Gaussian (degenerate Gaussian score)."
)


class LocalScore:
    """A decomposable score; larger is better. Nodes are positions in ``nodes``.

    A score writes `local` and `compiled`. One that also writes `of` can be registered under a
    name in the entry-point group ``causalimg.scores``, or given to `GES` and `BOSS` as a class.
    The searches are compiled as a whole, so that `compiled` must return one of the forms of
    `kernels.score_gains.Score` (Gaussian by column or by block, Dirichlet); its penalty, prior
    and limits are free.
    """

    nodes: tuple[str, ...]

    def __init__(self, nodes: Sequence[str]) -> None:
        self.nodes = tuple(nodes)

    def gains(self, node: int, parents: Sequence[int]) -> Float:
        """Return what each node adds to ``node``, given the other parents, shape (d,).

        For x outside ``parents``: score with x less score without. For x among the parents:
        score with all of them less score without x. ``-inf`` where nothing can be added.
        """
        base = np.array(sorted(parents), dtype=np.int64)
        return np.asarray(kernel("score_gains").gains_of(self.compiled(), node, base))

    @classmethod
    def of(
        cls,
        moments: Moments,
        rows: Encoded | None,
        *,
        penalty_discount: float = 1.0,
        max_parents: int | None = None,
    ) -> LocalScore:
        """Make the score of a table from its moments and, where there are any, its rows."""
        raise NotImplementedError

    @property
    def said(self) -> tuple[str, ...]:
        """What the score assumes of the data, in words."""
        return ()

    def local(self, node: int, parents: Sequence[int]) -> float:
        """Return the score of a node given its parents."""
        raise NotImplementedError

    def total(self, graph: CausalGraph) -> float:
        """Return the score of a DAG.

        Raises
        ------
        IdentificationError
            If the graph has unoriented edges.
        """
        graph.require_dag("a score")
        place = {name: k for k, name in enumerate(self.nodes)}
        return float(
            sum(
                self.local(place[name], [place[other] for other in graph.parents(name)])
                for name in graph.nodes
            )
        )

    def compiled(self) -> Any:
        """Return the score as compiled searches take it (`kernels.score_gains.Score`)."""
        raise NotImplementedError


@cache
def kernel(name: str) -> ModuleType:
    """Import a compiled kernel.

    Raises
    ------
    MissingDependencyError
        If numba is not installed.
    """
    try:
        return import_module(f"causalimg.kernels.{name}")
    except ModuleNotFoundError as error:
        if error.name != "numba":
            raise
        raise MissingDependencyError(
            "scores of graphs are compiled by numba; install it with 'pip install numba'"
        ) from error


class GaussianBIC(LocalScore):
    """BIC of linear regressions with Gaussian residuals, from moments.

    ``log L - penalty_discount * log(n) / 2 * k`` with ``k`` free parameters: a node of width w
    (encoded columns) given parents of total width q has ``w q + w (w + 1) / 2 + w``. A
    categorical node is a block of 0/1 columns scored as if they were Gaussian (degenerate
    Gaussian score): dependence through group means is seen, for parents and children alike.
    Equivalent DAGs have equal scores, blocks included.

    Parameters
    ----------
    moments : Moments
        More columns than rows are allowed, since only the parents' columns enter a regression;
        their number is limited by ``max_parents``.
    penalty_discount : float
        Factor on the penalty; above 1 for sparser graphs. With fewer than about 5 rows a column
        a factor of 2 keeps the search from fitting noise.
    max_parents : int, optional
        Most encoded columns of parents that a node can have. Default a third of the rows: a
        BIC of a regression that is nearly saturated means nothing.

    Raises
    ------
    InvalidInputError
        A setting that is not allowed, or constant columns.

    References
    ----------
    Schwarz G. Estimating the dimension of a model. Ann Stat 1978;6:461-464.
    doi:10.1214/aos/1176344136
    Andrews B, Ramsey J, Cooper GF. Learning high-dimensional directed acyclic graphs with mixed
    data-types. Proc Mach Learn Res 2019;104:4-21.

    Examples
    --------
    >>> import pandas as pd
    >>> rng = np.random.default_rng(0)
    >>> a = rng.normal(size=200)
    >>> table = pd.DataFrame({"a": a, "b": a + rng.normal(size=200)})
    >>> score = GaussianBIC(Moments.from_frame(table))
    >>> bool(np.isclose(score.local(1, [0]) - score.local(1, []), score.gains(1, [])[0]))
    True
    """

    def __init__(
        self,
        moments: Moments,
        *,
        penalty_discount: float = 1.0,
        max_parents: int | None = None,
    ) -> None:
        super().__init__(moments.columns)
        if not np.isfinite(penalty_discount) or penalty_discount <= 0:
            raise InvalidInputError(
                f"penalty_discount={penalty_discount!r} must be a positive number"
            )
        self.n = float(moments.n)
        self._levels = moments.levels
        room = max(int(self.n) // 3, 1)
        if max_parents is not None and max_parents < 0:
            raise InvalidInputError(f"max_parents={max_parents!r} must be None or at least 0")
        self.max_parents = room if max_parents is None else min(int(max_parents), room)
        self.penalty = penalty_discount * np.log(self.n) / 2
        order = [moments.blocks[name] for name in moments.columns]
        columns = np.concatenate(order)
        self._corr = np.ascontiguousarray(moments.correlation()[np.ix_(columns, columns)])
        self._log_scale = np.log(np.diag(moments.cov)[columns])
        self.width = np.array([len(block) for block in order], dtype=np.int64)
        self._starts = np.concatenate([[0], np.cumsum(self.width)]).astype(np.int64)
        self._kernel = kernel("gaussian_gains")
        scores = kernel("score_gains")
        self._compiled = scores.Score(
            scores.SCALAR if (self.width == 1).all() else scores.BLOCKS,
            self._corr,
            self._starts,
            np.zeros((0, 0), dtype=np.int64),
            np.zeros(0, dtype=np.int64),
            self.n,
            float(self.penalty),
            0.0,
            self.max_parents,
        )

    def local(self, node: int, parents: Sequence[int]) -> float:
        """Return the score of a node given its parents.

        Raises
        ------
        NotEstimableError
            If the parents have as many columns as there are rows.
        """
        inside, base = self._columns([node]), self._columns(parents)
        if len(base) + len(inside) + 1 >= self.n:
            raise NotEstimableError(
                f"{len(base)} columns of parents are too many for {self.n:g} rows"
            )
        w = len(inside)
        spread = self._kernel.residual_log_determinant(self._corr, inside, base)
        spread += self._log_scale[inside].sum()
        likelihood = -0.5 * self.n * (w * (np.log(2 * np.pi) + 1) + spread)
        return float(likelihood - self.penalty * (w * len(base) + w * (w + 1) / 2 + w))

    @classmethod
    def of(
        cls,
        moments: Moments,
        rows: Encoded | None = None,
        *,
        penalty_discount: float = 1.0,
        max_parents: int | None = None,
    ) -> GaussianBIC:
        """Make the score of a table; the rows are not needed."""
        return cls(moments, penalty_discount=penalty_discount, max_parents=max_parents)

    @property
    def said(self) -> tuple[str, ...]:
        """What the score assumes of the data, in words."""
        return (_LINEAR, _MIXED) if self._levels else (_LINEAR,)

    def _columns(self, nodes: Sequence[int]) -> NDArray[np.int64]:
        parts = [np.arange(self._starts[k], self._starts[k + 1]) for k in sorted(nodes)]
        return np.concatenate([np.empty(0, dtype=np.int64), *parts]).astype(np.int64)

    def compiled(self) -> Any:
        """Return the score as compiled searches take it (`kernels.score_gains.Score`)."""
        return self._compiled
