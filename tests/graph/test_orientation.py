from __future__ import annotations

import itertools

import numpy as np
import pytest

from causalimg.graph.core import CausalGraph
from causalimg.graph.metrics import dag_to_cpdag
from causalimg.graph.orientation import has_path, meek_closure, reachable, v_structures


def matrix(d: int, edges: list[tuple[int, int]]) -> np.ndarray:
    out = np.zeros((d, d), dtype=bool)
    for i, j in edges:
        out[i, j] = True
    return out


def both(d: int, edges: list[tuple[int, int]]) -> np.ndarray:
    out = matrix(d, edges)
    return out | out.T


def acyclic(directed: np.ndarray) -> bool:
    return not reachable(directed).diagonal().any()


@pytest.mark.parametrize(
    ("d", "arrows", "loose", "expected"),
    [
        (3, [(0, 1)], [(1, 2)], [(0, 1), (1, 2)]),  # R1
        (3, [(0, 1), (1, 2)], [(0, 2)], [(0, 1), (1, 2), (0, 2)]),  # R2
        (4, [(1, 3), (2, 3)], [(0, 1), (0, 2), (0, 3)], [(1, 3), (2, 3), (0, 3)]),  # R3
        (4, [(1, 2), (2, 3)], [(0, 1), (0, 2), (0, 3)], [(1, 2), (2, 3), (0, 3)]),  # R4
    ],
)
def test_each_of_meeks_rules(d: int, arrows: list, loose: list, expected: list) -> None:
    directed, undirected, refused = meek_closure(matrix(d, arrows), both(d, loose))
    assert (directed == matrix(d, expected)).all()
    assert not (undirected & (directed | directed.T)).any()
    assert refused == []


def test_ambiguous_triples_draw_nothing() -> None:
    directed, undirected, _ = meek_closure(
        matrix(3, [(0, 1)]), both(3, [(1, 2)]), ambiguous={(0, 1, 2)}
    )
    assert not directed[1, 2]
    assert undirected[1, 2]


def test_an_arrow_asked_for_in_both_directions_is_left_open() -> None:
    # 0 -> 1 --- 2 <- 3 with 0, 2 and 1, 3 apart: R1 asks for both directions
    _, undirected, refused = meek_closure(matrix(4, [(0, 1), (3, 2)]), both(4, [(1, 2)]))
    assert undirected[1, 2]
    assert set(refused) == {(1, 2), (2, 1)}


def test_refused_arrows_are_not_drawn() -> None:
    directed, _, refused = meek_closure(
        matrix(3, [(0, 1)]), both(3, [(1, 2)]), allowed=lambda a, b: False
    )
    assert not directed[1, 2]
    assert refused == [(1, 2)]


def equivalent(first: np.ndarray, second: np.ndarray) -> bool:
    """Same skeleton and same unshielded colliders (Verma and Pearl)."""

    def colliders(directed: np.ndarray) -> set:
        adjacent = directed | directed.T
        return {
            (i, z, j)
            for z in range(len(directed))
            for i, j in itertools.combinations(np.flatnonzero(directed[:, z]), 2)
            if not adjacent[i, j]
        }

    same = ((first | first.T) == (second | second.T)).all()
    return bool(same) and colliders(first) == colliders(second)


def test_cpdag_is_what_all_equivalent_dags_share() -> None:
    """Against the definition, by listing every orientation of small skeletons."""
    rng = np.random.default_rng(0)
    for _ in range(25):
        d = 5
        dag = np.triu(rng.random((d, d)) < 0.5, 1)
        order = rng.permutation(d)
        dag = dag[np.ix_(order, order)]
        pairs = [(int(i), int(j)) for i, j in np.argwhere(np.triu(dag | dag.T))]
        shared = np.ones((d, d), dtype=bool)
        for flips in itertools.product([False, True], repeat=len(pairs)):
            other = matrix(
                d, [(j, i) if f else (i, j) for (i, j), f in zip(pairs, flips, strict=True)]
            )
            if acyclic(other) and equivalent(dag, other):
                shared &= other
        found = dag_to_cpdag(CausalGraph.from_directed([f"n{k}" for k in range(d)], dag))
        assert (found.directed() == shared).all()


def test_paths() -> None:
    rng = np.random.default_rng(1)
    for _ in range(10):
        dag = np.triu(rng.random((7, 7)) < 0.3, 1)
        power, expected = dag.astype(int), np.zeros((7, 7), dtype=bool)
        for _ in range(7):
            expected |= power > 0
            power = power @ dag.astype(int)
        assert (reachable(dag) == expected).all()
        for i in range(7):
            for j in range(7):
                assert has_path(dag, i, j) == expected[i, j]


def test_v_structures_leave_shielded_colliders_out() -> None:
    assert v_structures(matrix(3, [(0, 2), (1, 2)])).sum() == 2
    assert v_structures(matrix(3, [(0, 2), (1, 2), (0, 1)])).sum() == 0
