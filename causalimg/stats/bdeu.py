"""BDeu: the score of a categorical node and its categorical parents."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import gammaln

from causalimg.errors import InvalidInputError
from causalimg.stats.scores import LocalScore, kernel
from causalimg.tables.encode import Encoded, is_categorical, levels
from causalimg.tables.moments import Moments

Float = NDArray[np.float64]


class BDeu(LocalScore):
    """Bayesian Dirichlet score with equivalent uniform prior, for categorical columns.

    The log marginal likelihood of a node's levels given those of its parents; equivalent DAGs
    have equal scores.

    Parameters
    ----------
    frame : pandas.DataFrame
        Text, boolean or ``category`` columns, without missing cells.
    columns : sequence of str, optional
        Nodes, in this order. Default: every column.
    sample_size : float
        Equivalent sample size of the prior.
    penalty_discount : float
        Each parent of a node costs ``log(penalty_discount)`` more; 1 for none.
    max_parents : int, optional
        Default no limit.

    Raises
    ------
    InvalidInputError
        Naming columns that are not categorical or have missing cells; settings that are not
        allowed.

    References
    ----------
    Heckerman D, Geiger D, Chickering DM. Learning Bayesian networks: the combination of
    knowledge and statistical data. Mach Learn 1995;20:197-243. doi:10.1007/BF00994016

    Examples
    --------
    >>> table = pd.DataFrame({"site": list("aabb") * 10, "scanner": list("xxyy") * 10})
    >>> score = BDeu(table)
    >>> bool(score.gains(1, [])[0] > 0)
    True
    """

    def __init__(
        self,
        frame: pd.DataFrame,
        *,
        columns: Sequence[str] | None = None,
        sample_size: float = 10.0,
        penalty_discount: float = 1.0,
        max_parents: int | None = None,
    ) -> None:
        names = [str(c) for c in (frame.columns if columns is None else columns)]
        super().__init__(names)
        table = frame.set_axis([str(c) for c in frame.columns], axis=1)[names]
        odd = [c for c in names if not is_categorical(table[c])]
        if odd:
            raise InvalidInputError(
                f"BDeu takes categorical columns only; numbers: {odd[:10]}. Cast coded columns to"
                " category, or use the BIC score, which takes both"
            )
        holes = [c for c in names if table[c].isna().any()]
        if holes:
            raise InvalidInputError(f"BDeu needs complete columns; missing cells in {holes[:10]}")
        if not sample_size > 0:
            raise InvalidInputError(f"sample_size={sample_size!r} must be a positive number")
        if not penalty_discount > 0:
            raise InvalidInputError(f"penalty_discount={penalty_discount!r} must be positive")
        seen = {c: {v: k for k, v in enumerate(levels(table[c]))} for c in names}
        codes = [table[c].astype(str).map(seen[c]).to_numpy(dtype=np.int64) for c in names]
        self.codes = np.ascontiguousarray(np.stack(codes))
        self.n_levels = np.array([len(seen[c]) for c in names], dtype=np.int64)
        self.sample_size = float(sample_size)
        self.penalty = float(np.log(penalty_discount))
        self.max_parents = len(names) if max_parents is None else int(max_parents)
        scores = kernel("score_gains")
        self._compiled = scores.Score(
            scores.DIRICHLET,
            np.zeros((0, 0)),
            np.arange(len(names) + 1, dtype=np.int64),
            self.codes,
            self.n_levels,
            float(len(table)),
            self.penalty,
            self.sample_size,
            self.max_parents,
        )

    @classmethod
    def of(
        cls,
        moments: Moments,
        rows: Encoded | None,
        *,
        penalty_discount: float = 1.0,
        max_parents: int | None = None,
    ) -> BDeu:
        """Make the score of a table from its encoded rows.

        Raises
        ------
        InvalidInputError
            Naming the columns that are numbers, or if there are no rows.
        """
        numbers = [name for name in moments.columns if name not in moments.levels]
        if numbers:
            raise InvalidInputError(
                f'score="bdeu" takes categorical columns only; numbers: {numbers[:10]}. Use'
                ' score="bic", which takes both'
            )
        if rows is None:
            raise InvalidInputError('score="bdeu" needs the rows, not only their moments')
        codes = {
            name: (rows.matrix[:, block] @ np.arange(1, len(block) + 1)).astype(int)
            for name, block in moments.blocks.items()
        }
        table = pd.DataFrame({name: pd.Categorical(codes[name]) for name in moments.columns})
        return cls(table, penalty_discount=penalty_discount, max_parents=max_parents)

    @property
    def said(self) -> tuple[str, ...]:
        """What the score assumes of the data, in words."""
        return ("Given its parents, a node has any distribution over its levels (multinomial).",)

    def local(self, node: int, parents: Sequence[int]) -> float:
        """Return the score of a node given its parents."""
        config, q = self._configurations(parents)
        r = int(self.n_levels[node])
        table = np.zeros((int(config.max()) + 1, r))
        np.add.at(table, (config, self.codes[node]), 1.0)
        a = self.sample_size / q
        rows = gammaln(a) - gammaln(a + table.sum(axis=1))
        cells = gammaln(a / r + table) - gammaln(a / r)
        return float(rows.sum() + cells.sum()) - self.penalty * len(parents)

    def _configurations(self, parents: Sequence[int]) -> tuple[NDArray[np.int64], float]:
        """Number the configurations that occur; return them and how many are possible."""
        config = np.zeros(self.codes.shape[1], dtype=np.int64)
        possible = 1.0
        for k in sorted(parents):
            config = config * self.n_levels[k] + self.codes[k]
            config = np.unique(config, return_inverse=True)[1].astype(np.int64)
            possible *= float(self.n_levels[k])
        return config, possible

    def compiled(self) -> Any:
        """Return the score as compiled searches take it (`kernels.score_gains.Score`)."""
        return self._compiled
