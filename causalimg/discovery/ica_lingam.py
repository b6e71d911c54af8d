"""ICALiNGAM: the directed graph of a linear non-Gaussian model from independent components."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from causalimg.discovery.base import check_choice
from causalimg.discovery.lingam_model import LinearNonGaussian
from causalimg.errors import InvalidInputError
from causalimg.graph.core import directed_cycle
from causalimg.graph.knowledge import Knowledge

Float = NDArray[np.float64]
Bool = NDArray[np.bool_]


class ICALiNGAM(LinearNonGaussian):
    """Learn a DAG with weights from non-Gaussian noise through independent component analysis.

    The unmixing matrix is permuted so that its diagonal has no small entry; the smallest of the
    other coefficients, in units of the noise, are taken for zero until there is a causal order.
    The edges are then regressions along that order, as in `DirectLiNGAM`. (The original method
    compares coefficients in the units of the columns, so that its order depends on them.)

    Parameters
    ----------
    knowledge : Knowledge, optional
        Tiers, required edges and exogenous nodes constrain the order, forbidden edges the
        regressions; the independent components are looked for without it. The result never
        contradicts it.
    pruning, alpha
        As in `DirectLiNGAM`.
    fun : {"logcosh", "exp", "cube"}
        Contrast of FastICA.
    max_iter : int
        Iterations of FastICA.
    random_state : int, optional
        Start of FastICA. The result depends on it where the search has several optima.

    Attributes
    ----------
    graph_, edges_, assumptions_
        As in `DirectLiNGAM`.
    stats_ : dict
        As in `DirectLiNGAM`, and ``converged``, ``n_iter``, and ``largest_ignored``: the largest
        coefficient (in units of the noise) that the order takes for zero. Far from zero, the
        model does not hold or the components were not found.

    Raises
    ------
    InvalidInputError
        From `fit`: a setting that is not allowed; columns as in `DirectLiNGAM`.

    Notes
    -----
    Assumptions: causal sufficiency, acyclicity, linear relations, independent non-Gaussian noise.

    Where it fails: the order is read off all coefficients at once, so that one misplaced
    component spoils it. It is exact and fast for up to some 50 columns with 20 rows or more for
    each; on 100 columns and 1,000 rows FastICA needs a minute and the graph had 20 errors for
    185 edges, where `DirectLiNGAM` has none or one. FastICA can stop at a local optimum: compare
    seeds, or use `BootstrapDiscovery`.

    References
    ----------
    Shimizu S, Hoyer PO, Hyvarinen A, Kerminen A. A linear non-Gaussian acyclic model for causal
    discovery. J Mach Learn Res 2006;7:2003-2030.
    Hyvarinen A. Fast and robust fixed-point algorithms for independent component analysis. IEEE
    Trans Neural Netw 1999;10:626-634. doi:10.1109/72.761722

    Examples
    --------
    >>> import pandas as pd
    >>> rng = np.random.default_rng(0)
    >>> cause = rng.exponential(size=500)
    >>> table = pd.DataFrame({"effect": 2 * cause + rng.exponential(size=500), "cause": cause})
    >>> ICALiNGAM(random_state=0).fit(table).graph_.parents("effect")
    ('cause',)
    """

    def __init__(
        self,
        *,
        knowledge: Knowledge | None = None,
        pruning: str = "t_test",
        alpha: float = 0.01,
        fun: str = "logcosh",
        max_iter: int = 1000,
        random_state: int | None = 0,
    ) -> None:
        self.knowledge = knowledge
        self.pruning = pruning
        self.alpha = alpha
        self.fun = fun
        self.max_iter = max_iter
        self.random_state = random_state

    def _order(
        self, values: Float, before: Bool, names: list[str]
    ) -> tuple[list[int], dict[str, Any]]:
        check_choice("fun", self.fun, ("logcosh", "exp", "cube"))
        if not isinstance(self.max_iter, int | np.integer) or self.max_iter < 1:
            raise InvalidInputError(f"max_iter={self.max_iter!r} must be a whole number >= 1")
        scaled = values / np.sqrt((values * values).mean(axis=0))
        unmixing, n_iter, converged = self._unmixing(scaled)
        effects = coefficients(unmixing)
        order, ignored = order_of_coefficients(effects, before)
        return order, {
            "converged": converged,
            "n_iter": n_iter,
            "largest_ignored": ignored,
        }

    def _unmixing(self, scaled: Float) -> tuple[Float, int, bool]:
        from sklearn.decomposition import FastICA
        from sklearn.exceptions import ConvergenceWarning

        start = np.random.SeedSequence(self.random_state).generate_state(1)[0]
        ica = FastICA(
            fun=self.fun,
            whiten="unit-variance",
            whiten_solver="eigh",
            max_iter=self.max_iter,
            random_state=int(start),
        )
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always", ConvergenceWarning)
            ica.fit(scaled)
        converged = True
        for one in said:  # no convergence is reported in stats_; anything else is passed on
            if issubclass(one.category, ConvergenceWarning):
                converged = False
            else:
                warnings.warn_explicit(one.message, one.category, one.filename, one.lineno)
        return np.asarray(ica.components_), int(ica.n_iter_), converged


def coefficients(unmixing: Float) -> Float:
    """Return the effect of i on j, ``[i, j]``, from an unmixing matrix in any row order.

    Effects are in units of the noise: of one standard deviation of i's noise term on j, in
    standard deviations of j's. So they do not depend on the units of the columns, and the
    sampling error is about the same for all of them.

    Parameters
    ----------
    unmixing : ndarray, shape (d, d)
        Of components with unit variance, in rows; of full rank.

    Returns
    -------
    ndarray, shape (d, d)
        Row = cause; zero diagonal.

    Examples
    --------
    >>> coefficients(np.array([[-4.0, 2.0], [3.0, 0.0]])).round(3).tolist()
    [[0.0, 1.333], [0.0, 0.0]]
    """
    from scipy.optimize import linear_sum_assignment

    # a component belongs to the node on which it has its own entry, none of which is zero; each
    # column is first divided by its largest entry, or the units of the table would decide
    size = np.abs(unmixing)
    share = np.maximum(size / np.maximum(size.max(axis=0), 1e-300), 1e-12)
    component, node = linear_sum_assignment(1 / share)
    rows = unmixing[component[np.argsort(node)]]
    own = np.diag(rows)
    effects = -(rows * np.sign(own)[:, None] / np.abs(own)[None, :]).T + 0.0
    np.fill_diagonal(effects, 0.0)
    return np.asarray(effects)


def order_of_coefficients(effects: Float, before: Bool) -> tuple[list[int], float]:
    """Return a causal order in which as small coefficients as possible run backwards.

    The smallest coefficients are dropped until the rest, with what is known of the order, has no
    cycle; nodes that are then free go by position.

    Parameters
    ----------
    effects : ndarray, shape (d, d)
        Row = cause.
    before : ndarray of bool, shape (d, d)
        ``[i, j]``: i is known to come before j; without cycles.

    Returns
    -------
    order : list of int
    ignored : float
        The largest absolute coefficient that was dropped.

    Examples
    --------
    >>> effects = np.array([[0, 0.9, 0.02], [0.1, 0, 0.8], [0.01, 0, 0]])
    >>> order_of_coefficients(effects, np.zeros((3, 3), dtype=bool))
    ([0, 1, 2], 0.1)
    """
    size = np.where(before.T, 0.0, np.abs(effects))
    np.fill_diagonal(size, 0.0)
    levels = np.unique(size)
    low, high = 0, len(levels) - 1  # dropping everything leaves `before`, which has no cycle
    while low < high:
        middle = (low + high) // 2
        if directed_cycle((size > levels[middle]) | before):
            low = middle + 1
        else:
            high = middle
    edges = (size > levels[low]) | before
    left = np.ones(len(size), dtype=bool)
    order: list[int] = []
    while left.any():
        node = int(np.flatnonzero(left & ~edges[left].any(axis=0))[0])
        order.append(node)
        left[node] = False
    place = np.argsort(order)
    against = (place[:, None] > place[None, :]) & ~before.T
    return order, float(np.abs(effects)[against].max(initial=0.0))
