"""Back-door sets against brute force, on small graphs with known answers, and at size."""

from __future__ import annotations

import itertools

import networkx as nx
import numpy as np
import pytest

from causalimg.effects import backdoor_sets, efficient_set, is_backdoor_set
from causalimg.errors import IdentificationError, InvalidInputError, UnknownNameError
from causalimg.graph.core import CausalGraph, GraphKind, Mark


def dag(*edges: str) -> CausalGraph:
    graph = nx.DiGraph()
    for edge in edges:
        a, b = edge.split(" -> ")
        graph.add_edge(a, b)
    return CausalGraph.from_networkx(graph)


def random_dag(seed: int, count: int = 7, density: float = 0.35) -> CausalGraph:
    rng = np.random.default_rng(seed)
    adjacency = np.triu(rng.random((count, count)) < density, 1)
    order = rng.permutation(count)
    return CausalGraph.from_directed(
        [f"v{k}" for k in range(count)], adjacency[np.ix_(order, order)]
    )


def brute_force_valid(graph: CausalGraph, t: str, y: str, given: set[str]) -> bool:
    """Pearl's definition with networkx: no descendant of t, and every back-door path closed."""
    drawn = nx.DiGraph(graph.to_networkx())
    if given & (nx.descendants(drawn, t) | {t, y}):
        return False
    drawn.remove_edges_from(list(drawn.out_edges(t)))
    return bool(nx.is_d_separator(drawn, {t}, {y}, given))


def brute_force_minimal(graph: CausalGraph, t: str, y: str) -> set[frozenset[str]]:
    rest = [node for node in graph.nodes if node not in (t, y)]
    every = [
        frozenset(chosen)
        for size in range(len(rest) + 1)
        for chosen in itertools.combinations(rest, size)
        if brute_force_valid(graph, t, y, set(chosen))
    ]
    return {item for item in every if not any(other < item for other in every)}


@pytest.mark.parametrize("seed", range(60))
def test_all_minimal_sets_equal_brute_force(seed: int) -> None:
    graph = random_dag(seed)
    expected = brute_force_minimal(graph, "v0", "v1")
    if not expected:
        with pytest.raises(IdentificationError):
            backdoor_sets(graph, treatment="v0", outcome="v1")
        return
    found = backdoor_sets(graph, treatment="v0", outcome="v1")
    assert {frozenset(item) for item in found} == expected
    assert len(found) == len(expected)
    assert found.complete


@pytest.mark.parametrize("seed", range(40))
def test_verdicts_equal_brute_force(seed: int) -> None:
    graph = random_dag(seed, count=6)
    rest = [node for node in graph.nodes if node not in ("v0", "v1")]
    for size in range(len(rest) + 1):
        for chosen in itertools.combinations(rest, size):
            verdict = is_backdoor_set(graph, "v0", "v1", list(chosen))
            assert verdict.ok == brute_force_valid(graph, "v0", "v1", set(chosen))
            assert bool(verdict.reason) != verdict.ok


@pytest.mark.parametrize("seed", range(40))
def test_efficient_set_is_the_o_set(seed: int) -> None:
    graph = random_dag(seed)
    drawn = nx.DiGraph(graph.to_networkx())
    if "v1" not in nx.descendants(drawn, "v0"):
        return
    on_path = nx.descendants(drawn, "v0") & (nx.ancestors(drawn, "v1") | {"v1"})
    below = on_path.union(*(nx.descendants(drawn, node) for node in on_path))
    parents = set().union(*(drawn.predecessors(node) for node in on_path))
    expected = parents - below - {"v0"}
    found = set(efficient_set(graph, treatment="v0", outcome="v1"))
    assert found == expected
    assert brute_force_valid(graph, "v0", "v1", found)
    sets = backdoor_sets(graph, treatment="v0", outcome="v1")
    assert set(sets.efficient or ()) == expected


def test_reasons_are_named() -> None:
    graph = dag("u -> t", "u -> y", "t -> m", "m -> y", "t -> z")
    assert is_backdoor_set(graph, "t", "y", []).reason == "the path t <- u -> y stays open"
    assert is_backdoor_set(graph, "t", "y", ["u", "z"]).reason == (
        "'z' is a descendant of the treatment"
    )
    assert is_backdoor_set(graph, "t", "y", ["u", "m"]).reason == (
        "'m' lies on a causal path: it is a mediator"
    )
    assert is_backdoor_set(graph, "t", "y", ["u", "t"]).reason == (
        "the treatment itself is in the adjustment set"
    )
    assert is_backdoor_set(graph, "t", "y", ["u"])


def test_a_collider_in_the_set_opens_a_path() -> None:
    graph = dag("a -> t", "a -> c", "b -> c", "b -> y", "t -> y")
    assert is_backdoor_set(graph, "t", "y", [])
    assert is_backdoor_set(graph, "t", "y", ["c"]).reason == (
        "the path t <- a -> c <- b -> y stays open"
    )
    assert is_backdoor_set(graph, "t", "y", ["c", "b"])


def test_an_unobserved_confounder_is_named_with_its_path() -> None:
    graph = dag("u -> t", "u -> y", "t -> y", "w -> y")
    with pytest.raises(IdentificationError, match=r"t <- u -> y stays open \('u' cannot"):
        backdoor_sets(graph, treatment="t", outcome="y", observed=["t", "y", "w"])
    found = backdoor_sets(graph, treatment="t", outcome="y")
    assert list(found) == [("u",)]
    assert found.efficient == ("u", "w")
    assert found.to_frame()["kind"].tolist() == ["minimal", "efficient"]


def test_observed_nodes_restrict_the_sets() -> None:
    graph = dag("u -> t", "u -> m", "m -> y", "t -> y")
    everything = backdoor_sets(graph, treatment="t", outcome="y")
    assert set(everything) == {("u",), ("m",)}
    some = backdoor_sets(graph, treatment="t", outcome="y", observed=["u"])
    assert list(some) == [("u",)]
    assert some.efficient is None


def test_max_sets_stops_and_says_so() -> None:
    edges = []
    for k in range(6):
        edges += [f"t0{k} -> t", f"t0{k} -> m{k}", f"m{k} -> y"]
    graph = dag(*edges, "t -> y")
    every = backdoor_sets(graph, treatment="t", outcome="y")
    assert len(every) == 2**6
    assert every.complete
    few = backdoor_sets(graph, treatment="t", outcome="y", max_sets=5)
    assert len(few) == 5
    assert not few.complete
    with pytest.raises(InvalidInputError, match="max_sets"):
        backdoor_sets(graph, treatment="t", outcome="y", max_sets=0)


def cpdag(nodes: list[str], directed: list[str], loose: list[str]) -> CausalGraph:
    adjacency = np.zeros((len(nodes), len(nodes)), dtype=bool)
    for text in directed:
        a, b = text.split(" -> ")
        adjacency[nodes.index(a), nodes.index(b)] = True
    for text in loose:
        a, b = text.split(" - ")
        adjacency[nodes.index(a), nodes.index(b)] = adjacency[nodes.index(b), nodes.index(a)] = True
    return CausalGraph.from_directed(nodes, adjacency, kind="cpdag")


def test_an_unoriented_edge_that_matters_is_named() -> None:
    graph = cpdag(["t", "y", "z"], ["z -> y"], ["t - y"])
    with pytest.raises(IdentificationError, match="unoriented at the treatment: t --- y"):
        backdoor_sets(graph, treatment="t", outcome="y")
    with pytest.raises(IdentificationError, match="t --- y"):
        is_backdoor_set(graph, "t", "y", ["z"])


def test_an_unoriented_edge_elsewhere_does_not_matter() -> None:
    graph = cpdag(
        ["a", "b", "t", "y"], ["a -> t", "b -> t", "a -> y", "b -> y", "t -> y"], ["a - b"]
    )
    found = backdoor_sets(graph, treatment="t", outcome="y")
    assert list(found) == [("a", "b")]
    assert found.efficient == ("a", "b")
    assert is_backdoor_set(graph, "t", "y", ["a", "b"])
    assert not is_backdoor_set(graph, "t", "y", ["a"])


def test_a_bidirected_edge_is_an_unmeasured_common_cause() -> None:
    marks = np.zeros((3, 3), dtype=np.int8)
    marks[0, 1], marks[1, 0] = Mark.ARROW, Mark.TAIL
    marks[0, 2] = marks[2, 0] = Mark.ARROW
    graph = CausalGraph(("t", "y", "w"), marks, GraphKind.ADMG)
    assert list(backdoor_sets(graph, treatment="t", outcome="y")) == [()]
    marks = np.zeros((2, 2), dtype=np.int8)
    marks[0, 1] = marks[1, 0] = Mark.ARROW
    graph = CausalGraph(("t", "y"), marks, GraphKind.ADMG)
    with pytest.raises(IdentificationError, match="unmeasured 1"):
        backdoor_sets(graph, treatment="t", outcome="y")


def test_a_pag_is_refused() -> None:
    marks = np.array([[0, 2], [1, 0]], dtype=np.int8)
    graph = CausalGraph(("t", "y"), marks, GraphKind.PAG)
    with pytest.raises(IdentificationError, match="PAG"):
        backdoor_sets(graph, treatment="t", outcome="y")


def test_names_are_checked() -> None:
    graph = dag("scanner -> texture")
    with pytest.raises(UnknownNameError, match="did you mean 'scanner'"):
        backdoor_sets(graph, treatment="scaner", outcome="texture")
    with pytest.raises(InvalidInputError, match="same node"):
        backdoor_sets(graph, treatment="scanner", outcome="scanner")


def test_the_efficient_set_of_200_nodes() -> None:
    rng = np.random.default_rng(1)
    adjacency = np.triu(rng.random((200, 200)) < 0.03, 1)
    graph = CausalGraph.from_directed([f"v{k}" for k in range(200)], adjacency)
    found = efficient_set(graph, treatment="v20", outcome="v190")
    assert found
    assert is_backdoor_set(graph, "v20", "v190", list(found))


def test_node_order_does_not_matter() -> None:
    graph = dag("a -> t", "a -> c", "b -> c", "b -> y", "t -> m", "m -> y", "c -> t", "c -> y")
    flipped = CausalGraph.from_directed(graph.nodes[::-1], graph.directed()[::-1, ::-1])
    first = backdoor_sets(graph, treatment="t", outcome="y")
    second = backdoor_sets(flipped, treatment="t", outcome="y")
    assert len(first) == 2
    assert {frozenset(item) for item in first} == {frozenset(item) for item in second}
