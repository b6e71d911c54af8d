"""The checks of a folder of results: every file, and every record against what made it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from causalimg.discovery.base import describe
from causalimg.errors import CausalImgError
from causalimg.invariance.stable import StableFeatures
from causalimg.ledger import Ledger
from causalimg.provenance import Provenance, sha256_file
from causalimg.recheck import (
    DIFFERS,
    SAME,
    UNCHECKED,
    Check,
    check_bytes,
    check_digest,
    check_effects,
    check_features,
    check_settings,
    check_software,
    check_treated,
    graph_digest,
)
from causalimg.recheck_images import check_cohort, check_images, check_stored
from causalimg.study_graph import GraphTask
from causalimg.study_inputs import make_extractor
from causalimg.study_methods import make_effects
from causalimg.study_result import FILES, StudyResult
from causalimg.tables.features import FeatureTable

_SUMMARY = FILES["summary"]


class FolderChecks:
    """The checks of a folder of results.

    Parameters
    ----------
    folder : pathlib.Path
    sample, seed : int
        How many cases and features are computed again, and what chooses them.
    inputs : sequence of paths
        Where to look for a table of features that was read.
    """

    def __init__(self, folder: Path, sample: int, seed: int, inputs: Sequence[str | Path]) -> None:
        self.folder, self.sample, self.seed = folder, sample, seed
        self.inputs = [Path(name) for name in inputs]

    def rng(self) -> np.random.Generator:
        """Return the generator of one sample."""
        return np.random.default_rng(self.seed)

    def checks(self) -> list[Check]:
        """Return every check, by the order of the files."""
        recorded = Ledger(self.folder).files()
        found = check_bytes(self.folder, recorded)
        if not recorded:
            found.append(Check("ledger.json", "bytes", UNCHECKED, "no file has a recorded hash"))
        try:
            self.result = StudyResult.load(self.folder)
        except CausalImgError as error:
            if not recorded:
                raise
            return [*found, Check(self.folder.name, "read", DIFFERS, str(error))]
        found += self._table()
        if self.result.harmonized is not None:
            made = self.result.harmonized.provenance
            item = FILES["harmonized"]
            found.append(self._from_table(item, made, "table"))
            found.append(check_software(item, made))
        for part in (self._graph, self._effects, self._invariant, self._plan):
            found += part()
        order = {name: k for k, name in enumerate([*FILES.values()])}
        return sorted(found, key=lambda check: order.get(check.item, -1))

    def _used(self, stage: str) -> FeatureTable:
        """Return the table that a stage worked on."""
        after, stages = self.result.harmonized, self.result.config.harmonize.stages
        return self.result.table if after is None or stage not in stages else after

    def _table(self) -> list[Check]:
        result, item = self.result, FILES["table"]
        made = result.table.provenance
        found = [check_software(item, made)]
        if result.cohort is None:
            return [*found, self._source(item, made)]
        config = result.config
        if config.extract.parameter_file is None:
            expected = make_extractor(config, self.folder).settings()
            found.append(check_settings(item, made, expected, where=_SUMMARY))
        else:
            said = f"they are those of {config.extract.parameter_file}, which is no part of it"
            found.append(Check(item, "settings", UNCHECKED, said))
        cohort = result.cohort
        found.append(check_cohort(item, result.table, cohort))
        store = self.folder / "cases"
        known = None if result.pictures is None else result.pictures.frame
        found.append(check_images(item, result.table, cohort, known))
        found.append(check_stored(item, result.table, cohort, store))
        if self.sample:
            values = check_features(item, result.table, cohort, sample=self.sample, rng=self.rng())
            found.append(values)
        return found

    def _source(self, item: str, made: Provenance | None) -> Check:
        """Look for the table that was read, beside the results or among the given inputs."""
        name = self.result.config.cohort.features or ""
        sha = None if made is None else made.inputs.get("file")
        if sha is None:
            return Check(item, "inputs", UNCHECKED, "it says by no hash what it was made from")
        places = [self.folder / name, self.folder.parent / name, *self.inputs]
        there = [path for path in places if path.is_file()]
        if any(sha256_file(path) == sha for path in there):
            return Check(item, "inputs", SAME)
        if there:
            return Check(item, "inputs", DIFFERS, f"{there[0].name} has other bytes now")
        return Check(item, "inputs", UNCHECKED, f"{name} is not there; name it as an input")

    def _from_table(self, item: str, made: Provenance | None, key: str) -> Check:
        recorded = None if made is None else made.inputs.get(key)
        now = self.result.table.digest()
        return check_digest(item, "inputs", recorded, now, of=FILES["table"])

    def _graph(self) -> list[Check]:
        result, item = self.result, FILES["graph"]
        if result.graph is None or result.redundancy is None:
            return []
        made = result.graph.provenance
        try:
            task = GraphTask.of(result.config, self._used("discover"), result.redundancy)
            expected = describe(task.resampled(result.config))
            source = task.estimator.read(task.frame).source
        except CausalImgError as error:
            return [check_software(item, made), Check(item, "settings", DIFFERS, str(error))]
        expected.pop("n_jobs", None)
        recorded = None if made is None else made.inputs.get("table")
        said = "not learned again, which can take long; causalimg run does it when anything changed"
        return [
            check_software(item, made),
            check_settings(item, made, expected, where=_SUMMARY),
            check_digest(item, "inputs", recorded, source, of=FILES["table"]),
            Check(item, "values", UNCHECKED, said),
        ]

    def _effects(self) -> list[Check]:
        result, item = self.result, FILES["effects"]
        section = result.config.effects
        if result.effects is None or section is None:
            return []
        made, table = result.effects.provenance, self._used("effects")
        seed = result.config.study.random_state
        expected = make_effects(section, random_state=seed)
        named = {"estimator": section.estimator, **expected.settings()}
        found = [check_software(item, made), check_settings(item, made, named, where=_SUMMARY)]
        found.append(check_treated(item, made, table))
        if self.sample:
            values = check_effects(item, result.effects, table, sample=self.sample, rng=self.rng())
            found.append(values)
        return found

    def _invariant(self) -> list[Check]:
        result, item = self.result, FILES["invariant"]
        effects, section = result.config.effects, result.config.invariant
        if result.invariant is None or effects is None or section is None:
            return []
        made = result.invariant.provenance
        expected = StableFeatures(
            environment=effects.treatment,
            adjustment=list(effects.adjustment),
            reference=effects.reference,
            cluster=effects.cluster,
            **section.model_dump(),
        ).settings()
        now = self._used("effects").digest()
        recorded = result.invariant.inputs.get("table")
        return [
            check_software(item, made),
            check_settings(item, made, expected, where=_SUMMARY),
            check_digest(item, "inputs", recorded, now, of=FILES["table"]),
        ]

    def _plan(self) -> list[Check]:
        plan, graph, item = self.result.plan, self.result.graph, FILES["plan"]
        if plan is None or graph is None:
            return []
        made = plan.provenance
        now = graph_digest(graph)
        return [
            check_software(item, made),
            check_digest(item, "inputs", plan.graph_digest, now, of=FILES["graph"]),
        ]
