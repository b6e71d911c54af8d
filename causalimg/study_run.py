"""One run of a study: each stage computed or reused, refusals recorded, results written."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from causalimg.config import StudyConfig
from causalimg.errors import InvalidInputError
from causalimg.provenance import sha256_file
from causalimg.radiomics.store import CaseStore
from causalimg.report.page import write_report
from causalimg.study_effects import EffectStages, harmonized
from causalimg.study_graph import derive_plan, find_graph, find_redundancy
from causalimg.study_inputs import make_extractor, read_cohort, read_features
from causalimg.study_methods import method_problems
from causalimg.study_result import FILES, StudyResult
from causalimg.study_stage import StageProgress, Workplace
from causalimg.tables.cohort import Cohort
from causalimg.tables.features import FeatureTable

if TYPE_CHECKING:
    from causalimg.datasets import PhantomTruth


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

    def result(self) -> StudyResult:
        """Run the stages and return what they gave.

        Raises
        ------
        InvalidInputError
            If the study names a method or an option that does not exist, before any image is read.
        """
        config = self.config
        wrong = method_problems(config)
        if wrong:
            raise InvalidInputError("; ".join(f"{where}: {problem}" for where, problem in wrong))
        self.place = place = Workplace(config, self.base, self.folder, self.progress)
        cohort = None if config.cohort.features is not None else self._cohort()
        table, parts = (self._given(), {}) if cohort is None else self._extract(cohort)
        used = dict.fromkeys(("discover", "effects"), table)
        if config.harmonize.method != "none":
            with place.may_refuse("harmonize"):
                parts["harmonized"], parts["harmonization"] = harmonized(place, table)
                used |= dict.fromkeys(config.harmonize.stages, parts["harmonized"])
        blocked = set(config.harmonize.stages) if _refused(place, "harmonize") else set()
        if table.features and "discover" not in blocked:
            with place.may_refuse("redundancy"):
                parts["redundancy"] = find_redundancy(place, used["discover"])
        if config.discover is not None and "redundancy" in parts:
            with place.may_refuse("discover"):
                parts["graph"], parts["evidence"] = find_graph(
                    place, used["discover"], parts["redundancy"]
                )
        if config.constraints is not None:
            with place.may_refuse("constraints"):
                if "graph" not in parts:
                    raise InvalidInputError("there is no graph to read them from")
                parts["plan"] = derive_plan(place, table, parts["graph"])
        self._compare(used["effects"], parts, blocked="effects" in blocked)
        if config.report.truth is not None:
            with place.may_refuse("truth"):
                parts["truth"] = self._truth(config.report.truth)
        result = StudyResult(
            config=config,
            folder=self.folder,
            cohort=cohort,
            table=table,
            refusals=tuple(place.refusals),
            notes=tuple(place.notes),
            stages=dict(place.ledger.events),
            **parts,
        )
        self._drop_stale(result)
        result.save_summary()
        self._report(result)
        return result

    # ---- stages --------------------------------------------------------------------------

    def _cohort(self) -> Cohort:
        cohort = read_cohort(self.config, self.base)
        self.place.write_once("cohort", cohort.digest(), cohort.save)
        return cohort

    def _given(self) -> FeatureTable:
        """Read the features that were extracted elsewhere."""
        table = read_features(self.config, self.base)
        self.place.write_once("table", table.digest(), table.save, stage="features")
        return table

    def _extract(self, cohort: Cohort) -> tuple[FeatureTable, dict[str, Any]]:
        """Extract; every case is looked up in the stores by the bytes of its files."""
        place = self.place
        extractor = make_extractor(self.config, self.base, CaseStore(self.folder / "cases"))
        table, pictures = extractor.extract_with_pictures(
            cohort,
            pictures=self.folder / "pictures",
            n_jobs=self.config.study.n_jobs,
            progress=place.progress_of("extract"),
        )
        place.write_once("table", table.digest(), table.save, stage="extract")
        if table.frame.empty:
            first = table.failures.iloc[0]
            raise InvalidInputError(
                f"no case could be read: all {len(table.failures)} failed; the first is"
                f" {first.case_id!r}: {first.reason}"
            )
        if len(table.failures):
            place.notes.append(
                f"{len(table.failures)} of {len(cohort)} cases failed and are in no later stage;"
                " the reason for each is in the table of failures"
            )
        place.write_once("pictures", pictures.digest(), pictures.save)
        return table, {"pictures": pictures}

    def _compare(self, table: FeatureTable, parts: dict[str, Any], *, blocked: bool) -> None:
        """Estimate effects, and judge stability by them."""
        place, config = self.place, self.config
        stages = EffectStages(place, table)
        if config.effects is not None:
            with place.may_refuse("effects"):
                if blocked:
                    raise InvalidInputError("the features could not be harmonised, as asked")
                parts["effects"], parts["naive"], parts["propensity"] = stages.effects()
        if config.invariant is not None:
            with place.may_refuse("invariant"):
                if "effects" not in parts:
                    raise InvalidInputError(
                        "the effects were refused, and stability is judged by them"
                    )
                parts["invariant"] = stages.invariant()

    def _truth(self, name: str) -> PhantomTruth:
        from causalimg.datasets import PhantomTruth

        source = self.base / name
        truth = PhantomTruth.load(source)
        self.place.write_once("truth", sha256_file(source), truth.save)
        return truth

    def _drop_stale(self, result: StudyResult) -> None:
        """Remove files of an earlier run that this one has no result for."""
        for name, file in FILES.items():
            if name not in ("summary", "report") and getattr(result, name) is None:
                (self.folder / file).unlink(missing_ok=True)

    def _report(self, result: StudyResult) -> None:
        stage = self.place.progress_of("report")
        if stage is not None:
            stage(0, 1)
        write_report(result, self.folder / FILES["report"])
        if stage is not None:
            stage(1, 1)


def _refused(place: Workplace, stage: str) -> bool:
    return any(refusal.stage == stage for refusal in place.refusals)
