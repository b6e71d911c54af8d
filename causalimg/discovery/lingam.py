"""DirectLiNGAM: the whole directed graph of a linear model with non-Gaussian noise."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from causalimg.discovery.base import check_choice
from causalimg.discovery.lingam_model import LinearNonGaussian
from causalimg.discovery.pairwise import causal_order
from causalimg.graph.knowledge import Knowledge


class DirectLiNGAM(LinearNonGaussian):
    """Learn a DAG with weights from non-Gaussian noise.

    The causal order is found by taking out, again and again, the variable that looks the most
    exogenous; edges are then the regressions of each variable
    on those before it, pruned.

    Parameters
    ----------
    knowledge : Knowledge, optional
        Tiers, required edges and exogenous nodes constrain the order, forbidden edges the
        regressions. The result never contradicts it.
    measure : {"pwling", "kernel"}
        How dependence of a variable and the residuals of the others on it is judged.
        ``"pwling"``: the pairwise likelihood ratio with maximum entropy approximations; fast.
        ``"kernel"``: the kernel generalised variance (mutual information through Gaussian
        kernels), which sees more kinds of dependence and costs some 10 times as much.
    pruning : {"t_test", "adaptive_lasso", "none"}
        ``"t_test"``: an edge stays if its coefficient in the regression on all earlier variables
        differs from zero at level ``alpha``, and the rest are refitted; given the order, this
        test has its level, and it costs next to nothing in a bootstrap. ``"adaptive_lasso"``:
        LARS path with weights from least squares, stopped by BIC, as the lingam and
        causal-learn packages do; it needs no level and has none. ``"none"``: all weights.
    alpha : float
        Level of the tests of ``pruning="t_test"`` and of the F tests of context blocks.
    engine : {"native", "causal-learn"}
        Who finds the causal order. The measures are the same; causal-learn's slopes are too
        large by n / (n - 1), so that near ties may be decided differently. Its kernel measure
        takes minutes where the native one takes a second.

    Attributes
    ----------
    graph_ : CausalGraph
        A DAG. ``weights[i, j]`` is the effect of one unit of i on j. For a category with two
        levels, the second less the first; with more, the standard deviation of its effect over
        the rows (``stats_["context_effects"]`` has each level).
    edges_ : pandas.DataFrame
        ``source, target, edge, weight, p_value``.
    stats_ : dict
        ``n``, ``causal_order``, ``context_effects`` (frame), ``non_gaussianity`` (frame:
        p-values of a Jarque-Bera test of each column and of its noise term),
        ``normal_residuals``: the nodes whose noise it does not tell from Gaussian at 0.05.
    assumptions_ : tuple of str
        With a warning if there are two or more of these nodes: arrows among them are not to be
        relied on.

    Raises
    ------
    InvalidInputError
        From `fit`: a categorical column that may be an effect of the continuous ones; fewer
        rows than columns; unusable columns, by name.

    Notes
    -----
    Assumptions: causal sufficiency, acyclicity, linear relations, independent non-Gaussian noise.
    The result does not depend on the scale of the columns.

    Categorical columns are context: they and every column that knowledge allows to cause one of
    them (age beside sex in one tier) are regressed out before the order is looked for, their
    edges into the other columns are tested (F test of the block), and edges among them are not
    claimed.

    References
    ----------
    Shimizu S et al. DirectLiNGAM: a direct method for learning a linear non-Gaussian structural
    equation model. J Mach Learn Res 2011;12:1225-1248.
    Bach FR, Jordan MI. Kernel independent component analysis. J Mach Learn Res 2002;3:1-48.
    Hyvarinen A, Smith SM. Pairwise likelihood ratios for estimation of non-Gaussian structural
    equation models. J Mach Learn Res 2013;14:111-152.
    Zou H. The adaptive lasso and its oracle properties. JASA 2006;101:1418-1429.
    doi:10.1198/016214506000000735

    Examples
    --------
    >>> import pandas as pd
    >>> rng = np.random.default_rng(0)
    >>> cause = rng.exponential(size=500)
    >>> table = pd.DataFrame({"effect": 2 * cause + rng.exponential(size=500), "cause": cause})
    >>> DirectLiNGAM().fit(table).graph_.parents("effect")
    ('cause',)
    """

    def __init__(
        self,
        *,
        knowledge: Knowledge | None = None,
        measure: str = "pwling",
        pruning: str = "t_test",
        alpha: float = 0.01,
        engine: str = "native",
    ) -> None:
        self.knowledge = knowledge
        self.measure = measure
        self.pruning = pruning
        self.alpha = alpha
        self.engine = engine

    def _order(
        self, values: NDArray[np.float64], before: NDArray[np.bool_], names: list[str]
    ) -> tuple[list[int], dict[str, Any]]:
        check_choice("measure", self.measure, ("pwling", "kernel"))
        check_choice("engine", self.engine, ("native", "causal-learn"))
        if self.engine == "causal-learn":
            from causalimg.discovery.causal_learn_engine import lingam_order

            return lingam_order(values, before, self.measure), {}
        return causal_order(values, before, names, measure=self.measure), {}
