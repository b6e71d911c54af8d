"""One run of a study: each stage computed or reused, refusals recorded, results written."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from causalimg.atomic import replacing
from causalimg.config import FEATURES, StudyConfig
from causalimg.discovery.base import BaseDiscovery
from causalimg.discovery.bootstrap import BootstrapDiscovery
from causalimg.discovery.lingam import DirectLiNGAM
from causalimg.discovery.notears import NOTEARS
from causalimg.discovery.pc import PC
from causalimg.discovery.redundancy import RedundancyFilter
from causalimg.effects.estimators import AIPW, DifferenceInMeans
from causalimg.errors import CausalImgError, InvalidInputError
from causalimg.graph.core import CausalGraph
from causalimg.invariance.stable import StableFeatures
from causalimg.ledger import Ledger
from causalimg.parallel import Progress
from causalimg.provenance import sha256_file, software_versions
from causalimg.radiomics.store import CaseStore
from causalimg.report.page import write_report
from causalimg.study_inputs import make_extractor, make_knowledge, read_cohort
from causalimg.study_result import FILES, Refusal, StudyResult, read_redundancy
from causalimg.tables.cohort import Cohort
from causalimg.tables.effect_table import EffectTable
from causalimg.tables.features import FeatureTable
from causalimg.tables.invariant_set import InvariantSet

if TYPE_CHECKING:
    from causalimg.datasets import PhantomTruth

StageProgress = Callable[[str, int, int], None]
_LOWEST_THRESHOLD = 0.5
_METHODS: dict[str, type[BaseDiscovery]] = {
    "pc": PC,
    "direct_lingam": DirectLiNGAM,
    "notears": NOTEARS,
}


@dataclass
class StudyRun:
    """One run of a study: every stage in order, reusing what the folder holds and is still right.

    Parameters
    ----------
    config : StudyConfig
    base : pathlib.Path
        Folder that the paths of the configuration are relative to.
    folder : pathlib.Path
        Folder of results; it exists.
    progress : callable, optional
        Called as ``progress(stage, done, total)``.
    """

    config: StudyConfig
    base: Path
    folder: Path
    progress: StageProgress | None = None
    refusals: list[Refusal] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def result(self) -> StudyResult:
        """Run the stages and return what they gave."""
        config = self.config
        self.ledger = Ledger(self.folder)
        self.version: dict[str, Any] = {"version": software_versions().get("causalimg", "source")}
        cohort = self._cohort()
        table = self._extract(cohort)
        parts: dict[str, Any] = {}
        if table.features:
            with self._may_refuse("redundancy"):
                parts["redundancy"] = self._redundancy(table)
        if config.discover is not None and "redundancy" in parts:
            with self._may_refuse("discover"):
                parts["graph"] = self._discover(table, parts["redundancy"])
        if config.effects is not None:
            with self._may_refuse("effects"):
                parts["effects"], parts["naive"], parts["propensity"] = self._effects(table)
        if config.invariant is not None:
            with self._may_refuse("invariant"):
                if "effects" not in parts:
                    raise InvalidInputError(
                        "the effects were refused, and stability is judged by them"
                    )
                parts["invariant"] = self._invariant(table)
        if config.report.truth is not None:
            with self._may_refuse("truth"):
                parts["truth"] = self._truth(config.report.truth)
        result = StudyResult(
            config=config,
            folder=self.folder,
            cohort=cohort,
            table=table,
            refusals=tuple(self.refusals),
            notes=tuple(self.notes),
            stages=dict(self.ledger.events),
            **parts,
        )
        self._drop_stale(result)
        result.save_summary()
        self._report(result)
        return result

    # ---- stages --------------------------------------------------------------------------

    def _cohort(self) -> Cohort:
        cohort = read_cohort(self.config, self.base)
        self._save("cohort", cohort.digest(), lambda path: cohort.save(path))
        return cohort

    def _extract(self, cohort: Cohort) -> FeatureTable:
        """Extract; every case is looked up in the store by the bytes of its files."""
        store = CaseStore(self.folder / "cases")
        table = make_extractor(self.config, self.base, store).extract(
            cohort, n_jobs=self.config.study.n_jobs, progress=self._progress("extract")
        )
        self._save("table", table.digest(), lambda path: table.save(path), stage="extract")
        if table.frame.empty:
            first = table.failures.iloc[0]
            raise InvalidInputError(
                f"no case could be read: all {len(table.failures)} failed; the first is"
                f" {first.case_id!r}: {first.reason}"
            )
        if not len(table.failures):
            return table
        self.notes.append(
            f"{len(table.failures)} of {len(cohort)} cases failed and are in no later stage;"
            " the reason for each is in the table of failures"
        )
        return table

    def _redundancy(self, table: FeatureTable) -> pd.DataFrame:
        section = self.config.redundancy
        limit = self._max_features(len(table.frame))

        def screen(threshold: float) -> RedundancyFilter:
            filter_ = RedundancyFilter(
                threshold=threshold, method=section.method, keep=section.keep
            )
            return filter_.fit(table.frame[table.features])

        def compute() -> pd.DataFrame:
            threshold = section.threshold
            fitted = screen(threshold)
            while limit is not None and len(fitted.kept_) > limit and threshold > _LOWEST_THRESHOLD:
                threshold = round(threshold - 0.025, 3)
                fitted = screen(threshold)
            found: pd.DataFrame = fitted.to_frame()
            return found.assign(threshold=threshold)

        found = self.ledger.run(
            "redundancy",
            made_from={
                **self.version,
                "table": table.digest(),
                "settings": section.model_dump(mode="json"),
                "limit": limit,
            },
            files=(FILES["redundancy"],),
            compute=compute,
            save=lambda frame: self._write_csv("redundancy", frame),
            load=lambda: read_redundancy(self.folder / FILES["redundancy"]),
        )
        used = float(found["threshold"].iloc[0])
        if used < section.threshold:
            self.notes.append(
                f"features that correlate above {used} (asked: {section.threshold}) stand for one"
                f" another in the graph, to bring it towards {limit} features (the smaller of"
                f" max_features and a fifth of the cases); {(found['status'] == 'kept').sum()} are"
                " in it"
            )
        return found

    def _max_features(self, n_cases: int) -> int | None:
        """Return how many features the graph may have: five cases for each, at least."""
        section = self.config.discover
        return None if section is None else max(2, min(section.max_features, n_cases // 5))

    def _discover(self, table: FeatureTable, redundancy: pd.DataFrame) -> CausalGraph:
        config = self.config
        section = config.discover
        if section is None:
            raise InvalidInputError("the study has no [discover] section")
        kept = list(redundancy.loc[redundancy["status"] == "kept", "feature"])
        if section.columns is None:
            others = [*table.names("covariate"), *table.names("context"), *table.names("outcome")]
        else:
            others = [name for name in section.columns if name != FEATURES]
            kept = kept if FEATURES in section.columns else []
            for name in others:
                table.column(name)
        frame = table.frame[[*others, *kept]]
        constant = [name for name in others if frame[name].nunique(dropna=True) < 2]
        if constant:
            self.notes.append(f"{', '.join(constant)}: the same in every case, so not in the graph")
            frame = frame.drop(columns=constant)
        knowledge = make_knowledge(config, [*others, *kept], kept, without=constant)
        options: dict[str, Any] = {"alpha": section.alpha, "knowledge": knowledge}
        estimator = _METHODS[section.method](**options)

        def compute() -> CausalGraph:
            if section.n_bootstrap == 0:
                found: CausalGraph = estimator.fit(frame).graph_
                return found
            boot = BootstrapDiscovery(
                estimator,
                n_bootstrap=section.n_bootstrap,
                random_state=config.study.random_state,
                n_jobs=config.study.n_jobs,
                progress=self._progress("discover"),
            ).fit(frame)
            graph: CausalGraph = boot.graph_
            return graph

        return self.ledger.run(
            "discover",
            made_from={
                **self.version,
                "table": table.digest(),
                "columns": list(frame.columns),
                "settings": section.model_dump(mode="json"),
                "knowledge": knowledge.to_dict(),
                "seed": config.study.random_state,
            },
            files=(FILES["graph"],),
            compute=compute,
            save=lambda graph: graph.save(self.folder / FILES["graph"]),
            load=lambda: CausalGraph.load(self.folder / FILES["graph"]),
        )

    def _effects(self, table: FeatureTable) -> tuple[EffectTable, EffectTable, pd.DataFrame]:
        section = self.config.effects
        if section is None:
            raise InvalidInputError("the study has no [effects] section")
        names = ("effects", "naive", "propensity")

        def compute() -> tuple[EffectTable, EffectTable, pd.DataFrame]:
            fitted = self._aipw(table)
            naive = DifferenceInMeans(
                treatment=section.treatment,
                reference=section.reference,
                alpha=section.alpha,
                fdr=section.fdr,
                cluster=section.cluster,
            ).fit(table.frame, outcomes=table.features)
            scores = fitted.propensity_.reset_index(drop=True)
            scores.insert(0, "level", table.frame[section.treatment].astype(str).to_numpy())
            scores.insert(0, "case_id", table.frame["case_id"].to_numpy())
            return fitted.effects_, naive.effects_, scores

        def save(value: tuple[EffectTable, EffectTable, pd.DataFrame]) -> None:
            adjusted, naive, scores = value
            adjusted.save(self.folder / FILES["effects"])
            naive.save(self.folder / FILES["naive"])
            with replacing(self.folder / FILES["propensity"]) as temporary:
                scores.to_parquet(temporary, index=False)

        def load() -> tuple[EffectTable, EffectTable, pd.DataFrame]:
            paths = [self.folder / FILES[name] for name in names]
            scores = pd.read_parquet(paths[2])
            return EffectTable.load(paths[0]), EffectTable.load(paths[1]), scores

        return self.ledger.run(
            "effects",
            made_from={
                **self.version,
                "table": table.digest(),
                "settings": section.model_dump(mode="json"),
            },
            files=tuple(FILES[name] for name in names),
            compute=compute,
            save=save,
            load=load,
        )

    def _aipw(self, table: FeatureTable) -> AIPW:
        """Fit the effects once, for the stages that need more of them than their table."""
        if not hasattr(self, "_fitted"):
            section = self.config.effects
            if section is None:
                raise InvalidInputError("the study has no [effects] section")
            self._fitted = AIPW(
                treatment=section.treatment,
                adjustment=list(section.adjustment),
                reference=section.reference,
                alpha=section.alpha,
                fdr=section.fdr,
                cluster=section.cluster,
            ).fit(table.frame, outcomes=table.features)
        return self._fitted

    def _invariant(self, table: FeatureTable) -> InvariantSet:
        effects, section = self.config.effects, self.config.invariant
        if effects is None or section is None:
            raise InvalidInputError("the study has no [effects] or no [invariant] section")

        def compute() -> InvariantSet:
            fitted = StableFeatures(
                environment=effects.treatment,
                adjustment=list(effects.adjustment),
                reference=effects.reference,
                cluster=effects.cluster,
                **section.model_dump(),
            ).fit(table.frame, features=table.features, effects=self._aipw(table))
            found: InvariantSet = fitted.invariant_set_
            return found.with_source(table)

        return self.ledger.run(
            "invariant",
            made_from={
                **self.version,
                "table": table.digest(),
                "effects": effects.model_dump(mode="json"),
                "settings": section.model_dump(mode="json"),
            },
            files=(FILES["invariant"],),
            compute=compute,
            save=lambda found: found.save(self.folder / FILES["invariant"]),
            load=lambda: InvariantSet.load(self.folder / FILES["invariant"]),
        )

    def _truth(self, name: str) -> PhantomTruth:
        from causalimg.datasets import PhantomTruth

        source = self.base / name
        truth = PhantomTruth.load(source)
        self._save("truth", sha256_file(source), truth.save)
        return truth

    def _drop_stale(self, result: StudyResult) -> None:
        """Remove files of an earlier run that this one has no result for."""
        for name, file in FILES.items():
            if name not in ("summary", "report") and getattr(result, name) is None:
                (self.folder / file).unlink(missing_ok=True)

    def _report(self, result: StudyResult) -> None:
        stage = self._progress("report")
        if stage is not None:
            stage(0, 1)
        write_report(result, self.folder / FILES["report"])
        if stage is not None:
            stage(1, 1)

    # ---- how a stage is run --------------------------------------------------------------

    def _save(
        self, name: str, key: str, write: Callable[[Path], None], *, stage: str | None = None
    ) -> None:
        """Write one record's file, unless the same is there."""
        self.ledger.run(
            stage or name,
            made_from={**self.version, "digest": key, "writer": software_versions(("pyarrow",))},
            files=(FILES[name],),
            compute=lambda: None,
            save=lambda _: write(self.folder / FILES[name]),
            load=lambda: None,
        )

    def _write_csv(self, name: str, frame: pd.DataFrame) -> None:
        with replacing(self.folder / FILES[name]) as temporary:
            frame.to_csv(temporary, index=False)

    def _progress(self, stage: str) -> Progress | None:
        report = self.progress
        if report is None:
            return None
        return lambda done, total: report(stage, done, total)

    @contextmanager
    def _may_refuse(self, stage: str) -> Iterator[None]:
        try:
            yield
        except CausalImgError as error:
            self.refusals.append(Refusal(stage, type(error).__name__, str(error)))
            self.ledger.events.append((stage, "refused"))
