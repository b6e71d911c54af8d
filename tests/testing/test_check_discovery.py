"""The contract of discovery methods: ours keep it, and each broken plug-in is found out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from causalimg import registry
from causalimg.discovery.base import Found
from causalimg.discovery.data import DiscoveryData
from causalimg.discovery.lingam import DirectLiNGAM
from causalimg.discovery.pc import PC
from causalimg.errors import InvalidInputError, UnknownNameError
from causalimg.graph.core import CausalGraph
from causalimg.graph.knowledge import Knowledge
from causalimg.testing import ConformanceError, check_discovery, discovery_table

TIERS = Knowledge(tiers=[["kernel", "dose"], ["noise"], ["texture"]])
SETTINGS: dict[str, dict[str, Any]] = {
    "tier_regression": {"knowledge": TIERS},
    "notears": {"standardize": False},  # the noise terms have one variance on the raw scale
    "notears_mlp": {"hidden": 2, "max_iter": 40},
}
TABLE: dict[str, dict[str, int]] = {
    "anm": {"columns": 2, "n": 300},
    "notears_mlp": {"columns": 2, "n": 120},
}


@pytest.mark.parametrize("name", registry.names("causalimg.discovery"))
def test_every_registered_method_keeps_the_contract(name: str) -> None:
    method = registry.load("causalimg.discovery", name)(**SETTINGS.get(name, {}))
    report = check_discovery(method, **TABLE.get(name, {}))  # type: ignore[arg-type]
    assert set(report.left_out) <= {"n_jobs"}
    assert len(report.passed) == 16


class Positional(PC):
    def __init__(self, alpha: float = 0.01, knowledge: Knowledge | None = None) -> None:
        super().__init__(alpha=alpha, knowledge=knowledge)


class Converts(PC):
    def __init__(self, *, alpha: float = 0.01, knowledge: Knowledge | None = None) -> None:
        super().__init__(alpha=round(alpha / 2, 6), knowledge=knowledge)


class SaysNothing(PC):
    def _discover(self, data: DiscoveryData, knowledge: Knowledge) -> Found:
        return replace(super()._discover(data, knowledge), assumptions=())


class Renames(PC):
    def fit(self, X: Any, y: Any = None) -> Any:
        super().fit(X)
        old = self.graph_
        names = [f"X{k}" for k in range(len(old.nodes))]
        self.graph_ = CausalGraph(tuple(names), old.marks, old.kind, provenance=old.provenance)
        return self


class WritesIntoTable(PC):
    def fit(self, X: Any, y: Any = None) -> Any:
        X["noise"] = X["noise"] - X["noise"].mean()
        return super().fit(X)


class ChangesSettings(PC):
    def fit(self, X: Any, y: Any = None) -> Any:
        self.alpha = 0.5 * self.alpha
        return super().fit(X)


class ReadsPositions(PC):
    def _discover(self, data: DiscoveryData, knowledge: Knowledge) -> Found:
        edges = np.zeros((len(data.columns),) * 2, dtype=bool)
        for a, b in zip(data.order[:-1], data.order[1:], strict=True):
            edges[data.columns.index(a), data.columns.index(b)] = True
        return Found(CausalGraph.from_directed(data.columns, edges), {}, ("none",))


class Jitters(DirectLiNGAM):
    def _discover(self, data: DiscoveryData, knowledge: Knowledge) -> Found:
        found = super()._discover(data, knowledge)
        assert found.graph.weights is not None
        noise = 0.01 * np.random.normal(size=found.graph.weights.shape)  # noqa: NPY002
        return replace(found, graph=replace(found.graph, weights=found.graph.weights + noise))


class Remembers(DirectLiNGAM):
    def fit(self, X: Any, y: Any = None) -> Any:
        if hasattr(self, "graph_"):
            return self
        return super().fit(X)


class CountsWorkers(PC):
    def __init__(self, *, n_jobs: int = 1, knowledge: Knowledge | None = None) -> None:
        super().__init__(knowledge=knowledge)
        self.n_jobs = n_jobs

    def fit(self, X: Any, y: Any = None) -> Any:
        return super().fit(X if self.n_jobs == 1 else np.asarray(X))


class IgnoresKnowledge(PC):
    def run(self, data: DiscoveryData) -> Found:
        data.check(full_rank=False)
        return self._discover(data, Knowledge())


class TakesAnyName(PC):
    def _known(self, data: DiscoveryData) -> Knowledge:
        return (self.knowledge or Knowledge()).restrict(data.columns)


class FillsMissing(PC):
    def read(self, X: Any) -> DiscoveryData:
        return super().read(X.fillna(X.mean()))


class DropsConstant(PC):
    def fit(self, X: Any, y: Any = None) -> Any:
        return super().fit(X.loc[:, X.nunique() > 1])


class ChecksNothing(PC):
    def run(self, data: DiscoveryData) -> Found:
        edges = np.zeros((len(data.columns),) * 2, dtype=bool)
        return Found(CausalGraph.from_directed(data.columns, edges), {}, ("none",))


class NamesNoColumn(PC):
    def run(self, data: DiscoveryData) -> Found:
        try:
            return super().run(data)
        except InvalidInputError as error:
            raise InvalidInputError("bad data") from error


class SplitsCategories(PC):
    def fit(self, X: Any, y: Any = None) -> Any:
        return super().fit(pd.get_dummies(X, dtype=float, drop_first=True))


class Transposes(DirectLiNGAM):
    def _discover(self, data: DiscoveryData, knowledge: Knowledge) -> Found:
        found = super()._discover(data, knowledge)
        return replace(found, graph=replace(found.graph, marks=found.graph.marks.T, weights=None))


class DrawsInRun(PC):
    def run(self, data: DiscoveryData) -> Found:
        entropy = np.random.SeedSequence().generate_state(1)
        rows = np.random.default_rng(entropy).integers(0, int(data.moments.n), 12)
        return super().run(data.resample(rows))


class OnItsOwn:
    """Quacks like a discovery method, without the base class."""

    def __init__(self) -> None:
        self.inner = PC()

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        return {}

    def set_params(self, **params: Any) -> OnItsOwn:
        if params:
            raise ValueError("no settings")
        return self

    def fit(self, X: Any) -> OnItsOwn:
        self.inner.fit(X)
        self.graph_, self.stats_ = self.inner.graph_, self.inner.stats_
        self.assumptions_ = self.inner.assumptions_
        return self


BROKEN = [
    ("parameters", Positional, "keyword-only"),
    ("parameters", Converts, "as it was given"),
    ("result", SaysNothing, "assumptions_"),
    ("result", Renames, "X0"),
    ("input_unchanged", WritesIntoTable, "work on a copy"),
    ("input_unchanged", ChangesSettings, "changes the settings"),
    ("column_order", ReadsPositions, "reverse order"),
    ("repeatable", Jitters, "weights differ"),
    ("refit", Remembers, "weights differ"),
    ("n_jobs", CountsWorkers, "n_jobs=2"),
    ("knowledge", IgnoresKnowledge, "forbidden"),
    ("knowledge_names", TakesAnyName, "UnknownNameError"),
    ("missing_cells", FillsMissing, "no error"),
    ("constant_column", DropsConstant, "no error; expected InvalidInputError"),
    ("duplicate_column", NamesNoColumn, "does not name"),
    ("few_rows", ChecksNothing, "no error"),
    ("categories", SplitsCategories, "one node"),
    ("skeleton", ChecksNothing, "kernel, noise"),
    ("arrows", Transposes, "noise -> kernel"),
    ("bootstrap", DrawsInRun, "differ"),
    ("bootstrap", OnItsOwn, "discovery method"),
]


@pytest.mark.parametrize(
    ("clause", "broken", "said"), BROKEN, ids=lambda v: getattr(v, "__name__", v)
)
def test_a_broken_method_is_found_out(clause: str, broken: type, said: str) -> None:
    with pytest.raises(ConformanceError) as caught:
        check_discovery(broken(), n=300)
    failed = {failure.clause: str(failure) for failure in caught.value.failures}
    assert clause in failed
    assert said in failed[clause]
    assert isinstance(caught.value, AssertionError)


def test_the_right_method_of_each_pair_passes() -> None:
    assert check_discovery(PC(), n=300).left_out == {"n_jobs": "no n_jobs"}


def test_a_clause_can_be_excepted_with_a_reason() -> None:
    report = check_discovery(
        Transposes(), except_for={"arrows": "reads backwards", "knowledge": "x"}
    )
    assert report.left_out["arrows"] == "reads backwards"
    assert "arrows" in report.to_frame().set_index("outcome").loc["left out", "clause"].to_list()
    with pytest.raises(UnknownNameError, match="did you mean 'arrows'"):
        check_discovery(PC(), except_for={"arrow": "misspelt"})
    with pytest.raises(InvalidInputError, match="give an instance"):
        check_discovery(PC)
    with pytest.raises(InvalidInputError, match="columns=3"):
        discovery_table(columns=3)
