"""Five kinds of constraint from one plan: each says what it enforces, and does it."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

import causalimg.shift
from causalimg.errors import IdentificationError, InvalidInputError, UnknownNameError
from causalimg.graph.core import CausalGraph
from causalimg.graph.metrics import dag_to_cpdag
from causalimg.graph.query import d_separated, descendants
from causalimg.tables.invariant_set import InvariantSet
from causalimg.training.backdoor import BackdoorClassifier
from causalimg.training.catalogue import CATALOGUE
from causalimg.training.columns import connected, sets_in
from causalimg.training.constraint import Constraint, ConstraintKind, Mask, Weights
from causalimg.training.feature_set import FeatureSet
from causalimg.training.plan import ConstraintPlan
from causalimg.training.roles import Roles

EDGES = "age->y y->energy site->scanner scanner->entropy y->entropy scanner->noise energy->size"
FEATURES = ["energy", "entropy", "noise", "size"]


def graph_of(text: str) -> CausalGraph:
    """Return a graph from ``"a->b b->c"``."""
    pairs = [tuple(edge.split("->")) for edge in text.split()]
    nodes = sorted({n for p in pairs for n in p})
    matrix = [[int((a, b) in pairs) for b in nodes] for a in nodes]
    return CausalGraph.from_directed(tuple(nodes), matrix)


def plan_of(edges: str = EDGES, **more: Any) -> ConstraintPlan:
    """Return the plan of a study with measured features, a scanner and age."""
    roles: dict[str, Any] = {"environment": "site", "attributes": ["scanner"], "image": FEATURES}
    roles |= {"direction": "anticausal", "observed": ["age"], **more}
    return ConstraintPlan.from_graph(graph_of(edges), outcome="y", **roles)


def random_dag(rng: np.random.Generator, n: int) -> CausalGraph:
    order = rng.permutation(n)
    matrix = np.triu(rng.random((n, n)) < rng.uniform(0.15, 0.5), 1)[np.ix_(order, order)]
    return CausalGraph.from_directed(tuple("abcdefghij"[:n]), matrix)


# ---- the list ----------------------------------------------------------------------------


def test_every_row_of_the_list_runs_as_written_and_says_its_statement() -> None:
    edges = f"{EDGES} y->scanner"
    plan = plan_of(edges, resamples=[graph_of(edges)])
    table = plan.constraints()
    assert {"group_dro", "density_ratio", "additive_head"} <= set(table["name"])
    assert set(table["kind"]) == {str(kind) for kind in ConstraintKind}
    assert (table["statement"].str.len() > 0).all() and (table["reason"].str.len() > 0).all()
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(40, 5)), columns=[*FEATURES, "age"])
    frame = frame.assign(y=np.arange(40) % 2, scanner=(np.arange(40) // 2) % 2)
    names = {
        "plan": plan,
        "frame": frame,
        "columns": [*FEATURES, "age"],
        "layer": torch.nn.Linear(5, 3),
    }
    fill = {
        '"n_features": ...': '"n_features": 5',
        '"n_groups": ...': '"n_groups": 2',
        '"n_given": ...': '"n_given": 2',
        '"parameters": ...': '"parameters": layer.parameters()',
        "n_groups=...": "n_groups=4",
    }
    names["causalimg"], names["new"] = causalimg, frame.sample(frac=1.0, random_state=0)
    for row in table.itertuples():
        call = row.use
        for gap, value in fill.items():
            call = call.replace(gap, value)
        if row.name == "label_shift":
            continue
        head = call
        for tail in (".of(frame)", ".transform(frame)", ".network()", ".head()"):
            head = head.removesuffix(tail)
        if row.name == "density_ratio":
            assert eval(call, {**names}).mean() == pytest.approx(1.0)
            continue
        made = eval(head, {**names})
        assert isinstance(made, Constraint), row
        assert made.kind == row.kind and made.statement == row.statement, row
        assert made.reason == row.reason or row.kind == "transform"
        eval(call, {**names})


def test_each_kind_lists_what_it_needs() -> None:
    plan = plan_of()
    given = plan_of(f"{EDGES} y->scanner")
    assert given.weighting("scanner").needs == ("scanner",)
    worst = given.group_dro("scanner", 4)
    assert isinstance(worst, Constraint) and worst.kind is ConstraintKind.WEIGHTS
    assert worst.needs == ("scanner",) and worst.statement == given.verdicts["scanner"].statement
    with pytest.raises(IdentificationError, match=r"use plan\.loss"):
        plan.group_dro("scanner", 4)
    door = BackdoorClassifier(reason="age blocks every back door")
    assert isinstance(door, Constraint) and door.kind is ConstraintKind.MASK and door.needs == ()
    given_y = plan_of(f"{EDGES} y->scanner").penalty("scanner", "circe")
    assert given_y.needs == ("scanner",)
    assert plan.penalty("conditional_alignment").needs == ("site",)
    assert plan.feature_set("parents").needs == ()
    assert plan.transform("scanner", lambda x: x).needs == ()
    assert not isinstance(object(), Constraint)


def test_a_penalty_of_the_plan_has_its_statement_and_refuses_what_does_not_enforce_it() -> None:
    plan = plan_of()
    made = plan.penalty("scanner", "hsic", on="logits")
    assert made.statement == plan.verdicts["scanner"].statement == "content ⊥ scanner"
    assert type(made).__name__ == "HSIC" and made.on == "logits"
    with pytest.raises(IdentificationError, match="does not enforce 'content ⊥ scanner'"):
        plan.penalty("scanner", "irm")
    with pytest.raises(UnknownNameError, match="did you mean 'hsic'"):
        plan.penalty("scanner", "hsicc")
    with pytest.raises(UnknownNameError, match="did you mean 'unbiased'"):
        plan.penalty("scanner", "mmd", settings={"unbiassed": False})
    with pytest.raises(InvalidInputError, match="n_features, n_groups"):
        plan.penalty("scanner", "domain_adversarial")
    with pytest.raises(UnknownNameError, match="did you mean 'scanner'"):
        plan.penalty("scaner")
    shifted = plan_of(f"{EDGES} site->y")
    with pytest.raises(IdentificationError, match="risk_invariance: refused"):
        shifted.penalty("risk_invariance")


def test_every_name_in_a_verdict_is_a_constraint_of_some_kind() -> None:
    other = {"weights", "group_dro", "label_shift", "interventional_augmentation"}
    for edges in (EDGES, f"{EDGES} y->scanner", f"{EDGES} site->y"):
        plan = plan_of(edges)
        named = [n for v in plan.licensed().values() for n in v.constraints]
        named += [n for f in plan.families.values() for n in f.constraints]
        assert set(named) <= set(CATALOGUE) | other


def test_a_family_asked_for_by_weight_alone_enters_the_loss() -> None:
    loss = plan_of(f"{EDGES} y->scanner").loss(weights={"risk_invariance": 2.0})
    assert [type(p).__name__ for p in loss.penalties] == ["IRM"] and loss.weights == [2.0]


# ---- transforms, masks, weights ------------------------------------------------------------


def test_a_transform_is_for_what_reaches_the_image_beside_the_content() -> None:
    found = plan_of().transform("scanner")
    assert found(torch.rand(2, 1, 8, 8)).shape == (2, 1, 8, 8)
    assert found.statement == "image ⊥ scanner | content, do(look)"
    through = ConstraintPlan.from_graph(
        graph_of("y->content drug->content content->image"),
        outcome="y",
        attributes=["drug"],
        image="image",
        content="content",
    )
    with pytest.raises(IdentificationError, match="does not license an intervention on the look"):
        through.transform("drug")
    causes = ConstraintPlan.from_graph(
        graph_of("sex->y y->image sex->image"), outcome="y", attributes=["sex"]
    )
    with pytest.raises(IdentificationError, match="causes the outcome"):
        causes.transform("sex")


def test_a_mask_reads_the_set_and_nothing_else() -> None:
    columns = [*FEATURES, "age"]
    mask = plan_of().mask(columns, "markov_blanket")
    x = torch.randn(6, 5, requires_grad=True)
    for network in (mask.network(hidden=[7]), mask.head()):
        used = torch.autograd.grad(network(x).sum(), x)[0].abs().sum(dim=0) > 0
        assert used.tolist() == [True, True, True, False, True]
    with pytest.raises(InvalidInputError, match="one row for each of the 1 outputs"):
        Mask(("a", "b"), ("y",), ((True,),))
    with pytest.raises(UnknownNameError, match="no output 'z'"):
        mask.head("z")


def test_weights_record_and_plan_weights_are_the_same() -> None:
    plan = plan_of(f"{EDGES} y->scanner")
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"y": rng.integers(0, 2, 60), "scanner": rng.integers(0, 2, 60)})
    record = plan.weighting("scanner")
    assert isinstance(record, Weights) and record.statement == "content ⊥ scanner | y"
    assert np.array_equal(record.of(frame), plan.weights(frame, "scanner"))
    with pytest.raises(UnknownNameError, match="no such column in the table: 'scanner'"):
        record.of(frame.rename(columns={"scanner": "scaner"}))


# ---- feature sets --------------------------------------------------------------------------


def test_the_sets_of_a_known_graph() -> None:
    sets = {rule: found.features for rule, found in plan_of().feature_sets.items()}
    assert sets == {
        "parents": ("age",),
        "markov_blanket": ("age", "energy", "entropy", "noise"),  # noise tells of the scanner
        "non_descendants": ("age", "noise"),
        "stable": ("age", "energy", "size"),
        "scanner": ("age", "energy", "size"),
    }
    found = plan_of().feature_set("stable")
    assert found.statement == "y ⊥ site | age, energy, size" and found.invariant
    assert not plan_of().feature_set("markov_blanket").invariant


def test_paths_agree_with_d_separation_on_random_graphs() -> None:
    rng = np.random.default_rng(1)
    for _ in range(60):
        dag = random_dag(rng, int(rng.integers(3, 8)))
        start = dag.nodes[0]
        given = [n for n in dag.nodes[1:] if rng.random() < 0.4]
        reached = connected(dag, start, given)
        for node in set(dag.nodes[1:]) - set(given):
            assert (node in reached) == (not d_separated(dag, start, node, given))


def test_sets_of_random_graphs_are_what_their_statements_say() -> None:
    rng = np.random.default_rng(2)
    seen = dict.fromkeys(("parents", "stable", "refused"), 0)
    for _ in range(150):
        dag = random_dag(rng, int(rng.integers(4, 9)))
        y, e, *rest = (str(n) for n in rng.permutation(dag.nodes))
        names = tuple(n for n in dag.nodes if n in rest and rng.random() < 0.8)
        if not names:
            continue
        roles = Roles(y, environment=e, observed=names)
        found = sets_in(dag, roles, names, {})
        blanket = tuple(
            n for n in names if not d_separated(dag, y, n, [m for m in names if m != n])
        )
        assert found["markov_blanket"] == blanket
        below = set(descendants(dag, y))
        assert found["non_descendants"] == tuple(n for n in names if n not in below)
        parents = found["parents"]
        expected = [n for n in names if n in dag.parents(y)]
        others = [n for n in names if n not in below and n not in expected]
        screened = not others or d_separated(dag, y, others, expected)
        assert (parents is not None) == screened
        seen["parents"] += parents is not None
        stable = found["stable"]
        if stable is None:
            seen["refused"] += 1
            subsets = (s for k in range(len(names) + 1) for s in combinations(names, k))
            assert not any(d_separated(dag, y, e, s) for s in subsets)
            continue
        seen["stable"] += 1
        assert d_separated(dag, y, e, stable)
        for more in set(names) - set(stable):  # nothing informative could be added
            assert d_separated(dag, y, more, stable) or not d_separated(dag, y, e, (*stable, more))
    assert min(seen.values()) > 15


def test_a_class_of_dags_settles_what_its_members_agree_on() -> None:
    cpdag = dag_to_cpdag(graph_of("age->y y->energy"))
    plan = ConstraintPlan.from_graph(
        cpdag, outcome="y", image=["energy"], observed=["age"], direction="anticausal"
    )
    with pytest.raises(IdentificationError, match=r"decided by age --- y"):
        plan.feature_set("parents")
    assert plan.feature_set("markov_blanket").features == ("age", "energy")
    assert plan.feature_sets["parents"].refused


def test_a_hidden_cause_of_both_leaves_no_parents() -> None:
    plan = ConstraintPlan.from_graph(
        graph_of("u->y u->age y->energy"),
        outcome="y",
        image=["energy"],
        observed=["age"],
        direction="anticausal",
    )
    with pytest.raises(IdentificationError, match="a cause of 'y' is not among the columns"):
        plan.feature_set("parents")


def test_frequencies_come_from_the_resamples_and_set_the_price_of_the_lasso() -> None:
    other = "age->y y->energy site->scanner scanner->entropy scanner->noise energy->size"
    plan = plan_of(resamples=[graph_of(EDGES), graph_of(other)])
    blanket = plan.feature_set("markov_blanket")
    assert blanket.frequency["energy"] == 1.0 and blanket.frequency["entropy"] == 0.5
    layer = torch.nn.Linear(5, 2)
    penalty = blanket.lasso(layer, [*FEATURES, "age"])
    assert penalty.support.tolist() == [1.0, 0.5, 0.5, 0.0, 1.0]
    assert penalty.statement == blanket.statement
    with pytest.raises(IdentificationError, match="resamples="):
        plan_of().feature_set("parents").lasso(layer, [*FEATURES, "age"])


def test_a_selector_in_a_pipeline_and_the_exchange_form() -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(60, 5)), columns=[*FEATURES, "age"])
    found = plan_of().feature_set("stable")
    model = make_pipeline(clone(found), LogisticRegression()).fit(frame, np.arange(60) % 2)
    assert model[-1].n_features_in_ == 3
    assert found.get_feature_names_out().tolist() == ["age", "energy", "size"]
    assert found.mask(frame.columns).tolist() == [True, False, False, True, True]
    exported = found.to_invariant_set()
    assert isinstance(exported, InvariantSet) and exported.meaning == "invariant_predictors"
    assert set(exported.features) == set(found.features)
    assert exported.inputs["graph"] == plan_of().graph_digest
    pd.testing.assert_frame_equal(
        exported.transform(frame)[list(found.features)], found.transform(frame)
    )
    with pytest.raises(IdentificationError, match="no invariant predictors"):
        plan_of().feature_set("markov_blanket").to_invariant_set()
    with pytest.raises(InvalidInputError, match="ndarray has none"):
        found.transform(frame.to_numpy())


def test_sets_are_saved_with_the_plan_and_refusals_name_the_reason(tmp_path: Any) -> None:
    plan = plan_of(resamples=[graph_of(EDGES)])
    plan.save(tmp_path / "plan.json")
    again = ConstraintPlan.load(tmp_path / "plan.json")
    assert again.feature_sets == plan.feature_sets
    assert isinstance(again.feature_set("stable"), FeatureSet)
    with pytest.raises(UnknownNameError, match="did you mean 'parents'"):
        plan.feature_set("parent")
    bare = ConstraintPlan.from_graph(graph_of("y->image scanner->image"), outcome="y")
    with pytest.raises(InvalidInputError, match="no columns to choose among"):
        bare.feature_set("parents")
    adjacent = plan_of(f"{EDGES} site->y")
    with pytest.raises(IdentificationError, match="no set of columns makes 'y' and 'site'"):
        adjacent.feature_set("stable")
    empty = plan_of("y->energy site->scanner scanner->entropy age->size scanner->noise")
    with pytest.raises(IdentificationError, match="no candidate belongs to it"):
        empty.feature_set("parents").transform(pd.DataFrame({"age": [1.0]}))
