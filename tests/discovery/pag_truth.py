"""The true PAG of a small graph with hidden nodes, from the definitions and by enumeration."""

from __future__ import annotations

import itertools

import numpy as np

from causalimg.graph.core import CausalGraph, GraphKind, Mark
from causalimg.graph.orientation import reachable
from causalimg.graph.query import d_separated

Separations = dict[tuple[int, int, frozenset[int]], bool]


class Oracle:
    """Answers tests of the observed nodes by d-separation in the whole graph.

    ``selected`` nodes are conditioned on throughout: the cases were selected by them.
    """

    def __init__(self, dag: CausalGraph, observed: list[str], selected: tuple = ()) -> None:
        self.dag = dag
        self.selected = list(selected)
        self.nodes = tuple(sorted(observed))
        self.known: Separations = {}

    def largest_condition(self) -> int:
        return len(self.nodes)

    def separated(self, i: int, j: int, given: frozenset[int]) -> bool:
        key = (min(i, j), max(i, j), given)
        if key not in self.known:
            names = [self.nodes[k] for k in given] + self.selected
            self.known[key] = d_separated(self.dag, self.nodes[i], self.nodes[j], names)
        return self.known[key]

    def batch(self, x, y, z):
        p = np.array(
            [
                float(self.separated(int(i), int(j), frozenset(int(v) for v in given)))
                for i, j, given in zip(x, y, z, strict=True)
            ]
        )
        return p, p, p, p


def ancestral_graph(oracle: Oracle) -> np.ndarray:
    """Marks of the maximal ancestral graph: joined if nothing separates, arrows by ancestry."""
    d = len(oracle.nodes)
    at = [oracle.dag.index(name) for name in oracle.nodes]
    paths = reachable(oracle.dag.directed())
    ancestor = paths[np.ix_(at, at)]
    chosen = [oracle.dag.index(name) for name in oracle.selected]
    ancestor |= paths[np.ix_(at, chosen)].any(axis=1)[:, None]
    marks = np.zeros((d, d), dtype=np.int8)
    for i, j in itertools.combinations(range(d), 2):
        rest = [k for k in range(d) if k not in (i, j)]
        sets = (s for size in range(len(rest) + 1) for s in itertools.combinations(rest, size))
        if not any(oracle.separated(i, j, frozenset(s)) for s in sets):
            marks[i, j] = Mark.TAIL if ancestor[j, i] else Mark.ARROW
            marks[j, i] = Mark.TAIL if ancestor[i, j] else Mark.ARROW
    return marks


def canonical(marks: np.ndarray) -> CausalGraph:
    """A DAG with the same separations: a hidden cause for <->, a selected effect for ---."""
    d = len(marks)
    extra = [
        (int(i), int(j)) for i, j in np.argwhere(np.triu(marks != 0)) if marks[i, j] == marks[j, i]
    ]
    directed = np.zeros((d + len(extra), d + len(extra)), dtype=bool)
    directed[:d, :d] = (marks == Mark.ARROW) & (marks.T == Mark.TAIL)
    for k, (i, j) in enumerate(extra, start=d):
        if marks[i, j] == Mark.ARROW:
            directed[k, [i, j]] = True
        else:
            directed[[i, j], k] = True
    return CausalGraph.from_directed([str(k) for k in range(len(directed))], directed)


def ancestral(marks: np.ndarray) -> bool:
    """Tell whether no cycle, no arrow back to an ancestor, and no arrow into a --- end exists."""
    directed = (marks == Mark.ARROW) & (marks.T == Mark.TAIL)
    undirected = (marks == Mark.TAIL) & (marks.T == Mark.TAIL)
    paths = reachable(directed)
    into = marks == Mark.ARROW  # [i, j]: arrow at j
    if paths.diagonal().any() or (paths & into.T).any():
        return False
    return not (into.any(axis=0) & undirected.any(axis=0)).any()


def separations(dag: CausalGraph, d: int) -> list[bool]:
    """d-separation of every pair given every set; nodes beyond d that are effects are selected."""
    hidden = range(d, len(dag.nodes))
    selected = [str(k) for k in hidden if dag.directed()[:, k].any()]
    out = []
    for i, j in itertools.combinations(range(d), 2):
        rest = [k for k in range(d) if k not in (i, j)]
        for size in range(len(rest) + 1):
            for given in itertools.combinations(rest, size):
                out.append(d_separated(dag, str(i), str(j), [*map(str, given), *selected]))
    return out


def true_pag(oracle: Oracle, *, selection: bool = True) -> CausalGraph:
    """The marks that all ancestral graphs with the same separations share."""
    truth = ancestral_graph(oracle)
    d = len(truth)
    edges = [(int(i), int(j)) for i, j in np.argwhere(np.triu(truth != 0))]
    ends = [(Mark.ARROW, Mark.TAIL), (Mark.TAIL, Mark.ARROW), (Mark.ARROW, Mark.ARROW)]
    ends += [(Mark.TAIL, Mark.TAIL)] * selection
    triples = [
        (a, b, c)
        for b in range(d)
        for a, c in itertools.combinations(np.flatnonzero(truth[b]), 2)
        if truth[a, c] == 0
    ]
    colliders = [truth[a, b] == truth[c, b] == Mark.ARROW for a, b, c in triples]
    wanted = separations(canonical(truth), d)
    shared = truth.copy()
    for choice in itertools.product(ends, repeat=len(edges)):
        marks = np.zeros_like(truth)
        for (i, j), (far, near) in zip(edges, choice, strict=True):
            marks[i, j], marks[j, i] = far, near
        same = [marks[a, b] == marks[c, b] == Mark.ARROW for a, b, c in triples] == colliders
        if not same or (marks[shared == truth] == truth[shared == truth]).all():
            continue
        if ancestral(marks) and separations(canonical(marks), d) == wanted:
            shared[(marks != truth) & (truth != 0)] = Mark.CIRCLE
    return CausalGraph(oracle.nodes, shared, GraphKind.PAG)


def random_mixed(
    d: int, arrows: float, hidden: float, selected: float, rng: np.random.Generator
) -> Oracle:
    """An oracle of a random graph: each pair joined by an arrow, a hidden cause, a selection."""
    upper = np.triu(rng.random((d, d)), 1)
    pairs = [(int(i), int(j)) for i, j in np.argwhere(np.triu(np.ones((d, d)), 1))]
    causes = [p for p in pairs if rng.random() < hidden]
    effects = [p for p in pairs if rng.random() < selected]
    size = d + len(causes) + len(effects)
    directed = np.zeros((size, size), dtype=bool)
    directed[:d, :d] = (upper > 0) & (upper < arrows)
    for k, pair in enumerate(causes, start=d):
        directed[k, list(pair)] = True
    for k, pair in enumerate(effects, start=d + len(causes)):
        directed[list(pair), k] = True
    order = [f"v{k}" for k in rng.permutation(d)]
    names = [*order, *(f"u{k}" for k in range(size - d))]
    dag = CausalGraph.from_directed(names, directed)
    return Oracle(dag, order, tuple(names[d + len(causes) :]))
