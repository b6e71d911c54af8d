"""The stages of a study that end in a graph: near-copies, discovery, training constraints."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd
from sklearn.base import BaseEstimator

from causalimg.config import FEATURES, StudyConfig
from causalimg.discovery.base import BaseDiscovery
from causalimg.discovery.bootstrap import BootstrapDiscovery
from causalimg.discovery.graph_evidence import GraphEvidence
from causalimg.discovery.redundancy import RedundancyFilter
from causalimg.errors import InvalidInputError
from causalimg.graph.core import CausalGraph
from causalimg.graph.knowledge import Knowledge
from causalimg.parallel import Progress
from causalimg.provenance import digest
from causalimg.study_inputs import make_knowledge
from causalimg.study_methods import make_discovery
from causalimg.study_result import FILES, read_redundancy
from causalimg.study_stage import Workplace
from causalimg.tables.features import FeatureTable
from causalimg.training.plan import ConstraintPlan

_LOWEST_THRESHOLD = 0.5


def find_redundancy(place: Workplace, table: FeatureTable) -> pd.DataFrame:
    """Return the representative of every feature, and note a threshold that was lowered."""
    section = place.config.redundancy
    limit = _max_features(place, len(table.frame))

    def screen(threshold: float) -> RedundancyFilter:
        filter_ = RedundancyFilter(threshold=threshold, method=section.method, keep=section.keep)
        return filter_.fit(table.frame[table.features])

    def compute() -> pd.DataFrame:
        threshold = section.threshold
        fitted = screen(threshold)
        while limit is not None and len(fitted.kept_) > limit and threshold > _LOWEST_THRESHOLD:
            threshold = round(threshold - 0.025, 3)
            fitted = screen(threshold)
        found: pd.DataFrame = fitted.to_frame()
        return found.assign(threshold=threshold)

    found = place.ledger.run(
        "redundancy",
        made_from={
            **place.version,
            "table": table.digest(),
            "settings": section.model_dump(mode="json"),
            "limit": limit,
        },
        files=(FILES["redundancy"],),
        compute=compute,
        save=lambda frame: place.write_csv("redundancy", frame),
        load=lambda: read_redundancy(place.path("redundancy")),
    )
    used = float(found["threshold"].iloc[0])
    if used < section.threshold:
        place.notes.append(
            f"features that correlate above {used} (asked: {section.threshold}) stand for one"
            f" another in the graph, to bring it towards {limit} features (the smaller of"
            f" max_features and a fifth of the cases); {(found['status'] == 'kept').sum()} are"
            " in it"
        )
    return found


def _max_features(place: Workplace, n_cases: int) -> int | None:
    """Return how many features the graph may have: five cases for each, at least."""
    section = place.config.discover
    return None if section is None else max(2, min(section.max_features, n_cases // 5))


@dataclass(frozen=True, eq=False)
class GraphTask:
    """What a graph is learned from, and how.

    Parameters
    ----------
    frame : pandas.DataFrame
        The columns of the graph.
    knowledge : Knowledge
    estimator : BaseDiscovery
    constant : tuple of str
        Columns that were left out, as they are the same in every case.
    """

    frame: pd.DataFrame
    knowledge: Knowledge
    estimator: BaseDiscovery
    constant: tuple[str, ...]

    @classmethod
    def of(cls, config: StudyConfig, table: FeatureTable, redundancy: pd.DataFrame) -> GraphTask:
        """Choose the columns of a study's graph and make its method.

        Raises
        ------
        InvalidInputError, UnknownNameError
            If the study asks for no graph, or names what is not a column of it.
        """
        section = config.discover
        if section is None:
            raise InvalidInputError("the study has no [discover] section")
        kept = list(redundancy.loc[redundancy["status"] == "kept", "feature"])
        if section.columns is None:
            roles = ("covariate", "context", "outcome")
            others = [name for role in roles for name in table.names(role)]
        else:
            others = [name for name in section.columns if name != FEATURES]
            kept = kept if FEATURES in section.columns else []
            for name in others:
                table.column(name)
        frame = table.frame[[*others, *kept]]
        constant = tuple(name for name in others if frame[name].nunique(dropna=True) < 2)
        knowledge = make_knowledge(config, [*others, *kept], kept, without=constant)
        estimator = make_discovery(section, knowledge, random_state=config.study.random_state)
        return cls(frame.drop(columns=list(constant)), knowledge, estimator, constant)

    def resampled(self, config: StudyConfig, progress: Progress | None = None) -> BaseEstimator:
        """Return the method with the study's resamples around it, or itself without any."""
        section = config.discover
        if section is None or section.n_bootstrap == 0:
            return self.estimator
        return BootstrapDiscovery(
            self.estimator,
            n_bootstrap=section.n_bootstrap,
            random_state=config.study.random_state,
            n_jobs=config.study.n_jobs,
            progress=progress,
        )


def find_graph(
    place: Workplace, table: FeatureTable, redundancy: pd.DataFrame
) -> tuple[CausalGraph, GraphEvidence]:
    """Return the graph of the kept features and the study's columns, and what stands behind it."""
    config = place.config
    task = GraphTask.of(config, table, redundancy)
    if task.constant:
        place.notes.append(
            f"{', '.join(task.constant)}: the same in every case, so not in the graph"
        )

    def compute() -> tuple[CausalGraph, GraphEvidence]:
        fitted: Any = task.resampled(config, place.progress_of("discover"))
        graph: CausalGraph = fitted.fit(task.frame).graph_
        return graph, GraphEvidence.of(fitted)

    def save(found: tuple[CausalGraph, GraphEvidence]) -> None:
        found[0].save(place.path("graph"))
        found[1].save(place.path("evidence"))

    graph, evidence = place.ledger.run(
        "discover",
        made_from={
            **place.version,
            "table": table.digest(),
            "columns": list(task.frame.columns),
            "settings": None
            if config.discover is None
            else config.discover.model_dump(mode="json"),
            "knowledge": task.knowledge.to_dict(),
            "seed": config.study.random_state,
        },
        files=(FILES["graph"], FILES["evidence"]),
        compute=compute,
        save=save,
        load=lambda: (
            CausalGraph.load(place.path("graph")),
            GraphEvidence.load(place.path("evidence")),
        ),
    )
    if str(graph.kind) == "pag":
        place.notes.append(
            "the graph is a PAG: an arrow a → b says that a causes b directly or through others,"
            " ↔ that they share a hidden cause, and a circle that the data do not tell"
        )
    return graph, evidence


def derive_plan(place: Workplace, table: FeatureTable, graph: CausalGraph) -> ConstraintPlan:
    """Return what the graph licenses when a model is trained; its features stand for the image."""
    section = place.config.constraints
    if section is None:
        raise InvalidInputError("the study has no [constraints] section")
    features = set(table.features)
    measured = [name for name in graph.nodes if name in features]
    return place.ledger.run(
        "constraints",
        made_from={
            **place.version,
            "graph": digest({k: v for k, v in graph.to_dict().items() if k != "provenance"}),
            "settings": section.model_dump(mode="json"),
            "image": measured,
        },
        files=(FILES["plan"],),
        compute=lambda: ConstraintPlan.from_graph(
            graph,
            outcome=section.outcome,
            environment=section.environment,
            attributes=section.attributes,
            image=measured or None,
            content=section.content,
            direction=section.direction,
            observed=section.observed,
            selection=section.selection,
        ),
        save=lambda plan: plan.save(place.path("plan")),
        load=lambda: ConstraintPlan.load(place.path("plan")),
    )
