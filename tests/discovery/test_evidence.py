"""The evidence behind a skeleton: tests that can be repeated, reasons, counts of resamples."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from causalimg.discovery.bootstrap import BootstrapDiscovery
from causalimg.discovery.evidence import COLUMNS, Evidence, evidence_of, resample_counts
from causalimg.discovery.fci import FCI
from causalimg.discovery.notears import NOTEARS
from causalimg.discovery.pc import PC
from causalimg.errors import InvalidInputError
from causalimg.graph.core import CausalGraph
from causalimg.graph.knowledge import Knowledge
from causalimg.stats.independence import FisherZ
from causalimg.tables.moments import Moments


@pytest.fixture(scope="module")
def mixed() -> pd.DataFrame:
    """Seven columns with a hidden common cause of most of them."""
    rng = np.random.default_rng(8)
    values = rng.normal(size=(300, 7)) @ rng.normal(size=(7, 7)) + rng.normal(size=(300, 1))
    return pd.DataFrame(values, columns=list("gabfced"))


@pytest.mark.parametrize("method", [PC, FCI])
def test_every_p_value_is_that_of_its_pair_given_its_set(method, mixed):
    fitted = method(alpha=0.05).fit(mixed)
    evidence = fitted.evidence_
    test = FisherZ(Moments.from_frame(mixed))
    at = {name: k for k, name in enumerate(test.nodes)}
    sizes = set()
    for (a, b), given in evidence.given.items():
        i, j = evidence.nodes.index(a), evidence.nodes.index(b)
        z = np.array([at[name] for name in given], dtype=np.intp).reshape(1, len(given))
        again = test.batch(np.array([at[a]]), np.array([at[b]]), z)[1][0]
        assert evidence.p_value[i, j] == pytest.approx(again, rel=1e-9)
        assert evidence.adjacent[i, j] == (again <= fitted.alpha) == fitted.graph_.adjacent(a, b)
        sizes.add(len(given))
    assert len(evidence.given) == 21 and len(sizes) > 2


def test_the_separating_sets_are_those_of_the_statistics(mixed):
    fitted = PC(alpha=0.05).fit(mixed)
    frame = fitted.evidence_.to_frame()
    assert list(frame.columns) == list(COLUMNS) and len(frame) == 21
    apart = frame[~frame["adjacent"]]
    assert (
        dict(zip(zip(apart["a"], apart["b"], strict=True), apart["given"], strict=True))
        == (fitted.stats_["separating_sets"])
    )
    again = PC(alpha=0.05).fit(mixed[sorted(mixed, reverse=True)]).evidence_.to_frame()
    pd.testing.assert_frame_equal(frame, again)


def test_what_knowledge_settles_is_not_tested(mixed):
    known = Knowledge(required=[("a", "b")], forbidden=[("c", "d"), ("d", "c")])
    frame = PC(knowledge=known).fit(mixed).evidence_.to_frame().set_index(["a", "b"])
    assert frame.loc[("a", "b"), "reason"] == "required" and frame.loc[("a", "b"), "adjacent"]
    assert frame.loc[("c", "d"), "reason"] == "forbidden"
    assert frame.loc[[("a", "b"), ("c", "d")], "p_value"].isna().all()
    assert frame.loc[[("a", "b"), ("c", "d")], "test"].isna().all()
    assert frame.drop([("a", "b"), ("c", "d")])["p_value"].notna().all()


def test_an_edge_taken_out_of_a_cycle_is_said():
    nothing = np.zeros((2, 2), dtype=bool)

    def make(p_value: np.ndarray) -> Evidence:
        return Evidence(("a", "b"), nothing, p_value, {}, {}, "fisher_z", 0.01, nothing, nothing)

    assert make(np.full((2, 2), 1e-5)).reason(1, 0) == "cycle"
    with pytest.raises(InvalidInputError, match="p_value has shape"):
        make(np.ones(2))


def test_evidence_is_found_inside_a_bootstrap_and_nowhere_else(mixed):
    boot = BootstrapDiscovery(PC(), n_bootstrap=2, random_state=0).fit(mixed)
    assert evidence_of(boot) is boot.estimator_.evidence_
    assert evidence_of(evidence_of(boot)) is boot.estimator_.evidence_
    assert evidence_of(NOTEARS()) is None and evidence_of(None) is None
    shares = evidence_of(boot).to_frame(support=np.full((7, 7), 0.25))["support"]
    assert (shares == 0.5).all()


def test_counts_do_not_depend_on_the_order_of_nodes():
    one = CausalGraph.from_directed(("a", "b", "c"), [[0, 1, 0], [0, 0, 0], [0, 1, 0]])
    two = CausalGraph.from_directed(("c", "b", "a"), [[0, 0, 0], [0, 0, 0], [0, 1, 0]])
    assert resample_counts([one, two], ("b", "a", "c")) == {
        ("b", "a"): {"<--": 2},
        ("b", "c"): {"none": 1, "<--": 1},
    }
    assert resample_counts([], ("a", "b")) == {}
