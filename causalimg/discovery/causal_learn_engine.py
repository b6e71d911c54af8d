"""causal-learn behind the same classes: an alternative engine, and an oracle for tests."""

from __future__ import annotations

from contextlib import redirect_stdout
from io import StringIO

import numpy as np
from numpy.typing import NDArray

from causalimg.discovery.data import DiscoveryData
from causalimg.discovery.skeleton import Skeleton
from causalimg.errors import InvalidInputError, MissingDependencyError
from causalimg.graph.knowledge import Knowledge

Float = NDArray[np.float64]


def _missing(error: ImportError) -> MissingDependencyError:
    return MissingDependencyError(
        f'engine="causal-learn" needs the package causal-learn: pip install causal-learn ({error})'
    )


def _rows(data: DiscoveryData) -> Float:
    """Return the rows, one column a node, or refuse."""
    if data.matrix is None:
        raise InvalidInputError(
            'engine="causal-learn" needs the rows, not only their moments; give a DataFrame, or use'
            ' engine="native"'
        )
    if data.categorical:
        raise InvalidInputError(
            'engine="causal-learn" takes continuous columns only; categorical:'
            f' {list(data.categorical)}. engine="native" takes both'
        )
    return data.matrix


def pc_skeleton(
    data: DiscoveryData,
    alpha: float,
    max_condition: int | None,
    knowledge: Knowledge,
    collider_rule: str,
) -> tuple[Skeleton, list[tuple[int, int, int]] | None]:
    """Run causal-learn's stable PC with Fisher's z.

    Parameters
    ----------
    data : DiscoveryData
    alpha : float
    max_condition : int or None
    knowledge : Knowledge
    collider_rule : str
        With ``"standard"`` the colliders of causal-learn's result are returned too.

    Returns
    -------
    skeleton : Skeleton
        causal-learn reports no p-values: ``p_max`` is NaN, and ``n_tests`` 0.
    colliders : list of (x, z, y), or None

    Raises
    ------
    MissingDependencyError
        If causal-learn is not installed.
    InvalidInputError
        If there are categorical columns, or only moments.
    """
    matrix = _rows(data)
    try:
        from causallearn.graph.GraphNode import GraphNode
        from causallearn.search.ConstraintBased.PC import pc
        from causallearn.utils.cit import CIT
        from causallearn.utils.PCUtils.BackgroundKnowledge import BackgroundKnowledge
        from causallearn.utils.PCUtils.SkeletonDiscovery import skeleton_discovery
    except ImportError as error:
        raise _missing(error) from error
    names = list(data.columns)
    forbidden = knowledge.forbidden_matrix(names)
    required = knowledge.required_matrix(names)
    node = [GraphNode(name) for name in names]
    background = BackgroundKnowledge()
    for i, j in np.argwhere(forbidden):
        background.add_forbidden_by_node(node[i], node[j])
    for i, j in np.argwhere(required):
        background.add_required_by_node(node[i], node[j])
    if collider_rule == "standard":
        result = pc(
            matrix,
            alpha,
            "fisherz",
            True,
            0,
            background_knowledge=background,
            verbose=False,
            show_progress=False,
            node_names=names,
            max_k=max_condition,
        )
    else:
        result = skeleton_discovery(
            matrix,
            alpha,
            CIT(matrix, "fisherz"),
            True,
            background_knowledge=background,
            verbose=False,
            show_progress=False,
            node_names=names,
            max_k=max_condition,
        )
    marks = np.asarray(result.G.graph)
    banned = forbidden & forbidden.T
    adjacent = (((marks != 0) | (marks.T != 0)) & ~banned) | required | required.T
    separating = {}
    for i, j in np.argwhere(np.triu(~adjacent & ~banned, 1)):
        sets = [s for s in (result.sepset[i, j] or []) if s is not None]
        if sets:
            separating[(int(i), int(j))] = tuple(sorted(int(k) for k in sets[0]))
    largest = max((len(given) for given in separating.values()), default=0)
    skeleton = Skeleton(adjacent, np.full(marks.shape, np.nan), separating, largest, 0, "done")
    if collider_rule != "standard":
        return skeleton, None
    colliders = []
    for z in range(len(names)):
        heads = np.flatnonzero((marks[z] == 1) & adjacent[z])
        apart = np.triu(~adjacent[np.ix_(heads, heads)], 1)
        colliders += [(int(heads[i]), z, int(heads[j])) for i, j in np.argwhere(apart)]
    return skeleton, sorted(colliders)


def fci_marks(data: DiscoveryData, alpha: float, max_condition: int | None) -> NDArray[np.int8]:
    """Return the marks of causal-learn's FCI with Fisher's z, shape (d, d), as `CausalGraph`'s.

    ``max_condition`` limits its first phase only.

    Raises
    ------
    MissingDependencyError
        If causal-learn is not installed.
    InvalidInputError
        If there are categorical columns, or only moments.
    """
    matrix = _rows(data)
    try:
        from causallearn.search.ConstraintBased.FCI import fci
    except ImportError as error:
        raise _missing(error) from error
    with redirect_stdout(StringIO()):  # it prints edges
        graph, _ = fci(
            matrix,
            "fisherz",
            alpha,
            depth=-1 if max_condition is None else max_condition,
            show_progress=False,
            node_names=list(data.columns),
        )
    # causal-learn: graph[j, i] is the mark at j's end; tail -1, arrow 1, circle 2
    ends = np.asarray(graph.graph).T
    return np.asarray(np.select([ends == -1, ends == 1, ends == 2], [3, 2, 1], 0), dtype=np.int8)


def lingam_order(matrix: Float, before: NDArray[np.bool_], measure: str = "pwling") -> list[int]:
    """Return the causal order that causal-learn's DirectLiNGAM finds.

    Parameters
    ----------
    matrix : ndarray, shape (n_samples, d)
    before : ndarray of bool, shape (d, d)
        ``[i, j]``: i is known to come before j.
    measure : {"pwling", "kernel"}

    Raises
    ------
    MissingDependencyError
        If causal-learn is not installed.
    """
    try:
        from causallearn.search.FCMBased.lingam import DirectLiNGAM
    except ImportError as error:
        raise _missing(error) from error
    prior = None
    if before.any():
        # causal-learn reads row = effect: prior[i, j] == 0 says that no path leads from j to i
        prior = np.full(before.shape, -1)
        prior[before] = 0
    model = DirectLiNGAM(prior_knowledge=prior, measure=measure)
    model.fit(matrix)
    return [int(k) for k in model.causal_order_]


def anm_p_values(rows: Float) -> tuple[float, float]:
    """Return causal-learn's p-values of the additive noise model in both directions.

    Parameters
    ----------
    rows : ndarray, shape (n_samples, 2)

    Raises
    ------
    MissingDependencyError
        If causal-learn is not installed.
    """
    try:
        from causallearn.search.FCMBased.ANM.ANM import ANM
    except ImportError as error:
        raise _missing(error) from error
    forward, backward = ANM().cause_or_effect(rows[:, :1], rows[:, 1:])
    return float(forward), float(backward)


def score_search(method: str, data: DiscoveryData, penalty_discount: float) -> NDArray[np.uint8]:
    """Run causal-learn's GES or BOSS with the Gaussian BIC.

    Parameters
    ----------
    method : {"GES", "BOSS"}
    data : DiscoveryData
    penalty_discount : float

    Returns
    -------
    ndarray of uint8, shape (d, d)
        1 where an edge of the CPDAG can be followed.

    Raises
    ------
    MissingDependencyError
        If causal-learn is not installed.
    InvalidInputError
        If there are categorical columns, or only moments.
    """
    matrix = _rows(data)
    try:
        from causallearn.search.PermutationBased.BOSS import boss
        from causallearn.search.ScoreBased.GES import ges
    except ImportError as error:
        raise _missing(error) from error
    settings = {"lambda_value": penalty_discount / 2}
    name = "local_score_BIC_from_cov"
    if method == "GES":
        graph = ges(matrix, name, parameters=settings)["G"].graph
    else:
        graph = boss(matrix, name, parameters=settings, verbose=False).graph
    marks = np.asarray(graph)  # [i, j] is the mark at i: -1 tail, 1 arrow
    return np.asarray((marks == -1) & (marks.T != 0), dtype=np.uint8)
