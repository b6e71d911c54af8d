"""Evidence as a file: what is read back says of every pair what the search itself said."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from causalimg.discovery.bootstrap import BootstrapDiscovery
from causalimg.discovery.evidence import resample_counts
from causalimg.discovery.graph_evidence import GraphEvidence
from causalimg.discovery.notears import NOTEARS
from causalimg.discovery.pc import PC
from causalimg.errors import SchemaError
from causalimg.graph.knowledge import Knowledge
from causalimg.report.graph_view_data import graph_view_data

KNOWN = Knowledge(tiers=[["e", "b"], ["a", "c", "d"]], required=[("b", "a")], forbidden=[("c", "d"), ("d", "c")])  # fmt: skip  # noqa: E501


@pytest.fixture(scope="module")
def fitted() -> BootstrapDiscovery:
    rng = np.random.default_rng(3)
    values = rng.normal(size=(250, 5)) @ rng.normal(size=(5, 5))
    frame = pd.DataFrame(values, columns=list("ebacd"))
    search = PC(alpha=0.05, knowledge=KNOWN)
    return BootstrapDiscovery(search, n_bootstrap=4, random_state=0).fit(frame)


@pytest.fixture
def again(fitted, tmp_path) -> GraphEvidence:
    GraphEvidence.of(fitted).save(tmp_path / "evidence.json")
    return GraphEvidence.load(tmp_path / "evidence.json")


def test_the_file_says_the_same_of_every_pair(fitted, again):
    before, after = fitted.estimator_.evidence_, again.tests
    pd.testing.assert_frame_equal(before.to_frame(), after.to_frame())
    reasons = set(after.to_frame()["reason"])
    assert {"required", "forbidden", "dependent", "separated"} <= reasons
    assert (after.test, after.alpha) == ("fisher_z", 0.05)
    assert again.knowledge == KNOWN and again.n_resamples == 4
    assert again.counts == resample_counts(fitted.graphs_, again.nodes)


def test_the_picture_is_the_same_from_the_file_as_from_the_search(fitted, again):
    live = graph_view_data(fitted.graph_, fitted=fitted)
    stored = graph_view_data(fitted.graph_, fitted=again)
    assert json.dumps(stored) == json.dumps(live)
    assert live["n_resamples"] == 4 and live["test"] == "fisher_z"


def test_a_search_without_tests_leaves_its_knowledge(tmp_path):
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(80, 2)), columns=["a", "b"])
    search = NOTEARS(lambda1=0.1, knowledge=Knowledge(forbidden=[("a", "b")])).fit(frame)
    GraphEvidence.of(search).save(tmp_path / "evidence.json")
    found = GraphEvidence.load(tmp_path / "evidence.json")
    assert found.nodes == ("a", "b") and found.tests is None and not found.counts
    assert found.knowledge.forbidden == (("a", "b"),)
    assert GraphEvidence.of(None).nodes == ()


def test_a_changed_file_is_refused(fitted, tmp_path):
    path = tmp_path / "evidence.json"
    document = GraphEvidence.of(fitted).to_dict()
    document["pairs"][0]["reason"] = "because"
    path.write_text(json.dumps(document))
    with pytest.raises(SchemaError, match="because"):
        GraphEvidence.load(path)
