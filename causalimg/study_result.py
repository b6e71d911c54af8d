"""What a study gave: every record, what was refused and why, and the files they lie in."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from causalimg.atomic import write_text
from causalimg.config import StudyConfig
from causalimg.datasets import PhantomTruth
from causalimg.discovery.graph_evidence import GraphEvidence
from causalimg.errors import FileReadError
from causalimg.graph.core import CausalGraph
from causalimg.harmonize.report import HarmonizationReport
from causalimg.imaging.pictures import CasePictures
from causalimg.provenance import Provenance
from causalimg.tables.cohort import Cohort
from causalimg.tables.effect_table import EffectTable
from causalimg.tables.features import FeatureTable
from causalimg.tables.invariant_set import InvariantSet
from causalimg.training.plan import ConstraintPlan

FILES = {
    "summary": "summary.json",
    "cohort": "cohort.parquet",
    "table": "features.parquet",
    "pictures": "pictures.parquet",
    "harmonized": "harmonized.parquet",
    "harmonization": "harmonization.json",
    "redundancy": "redundancy.csv",
    "graph": "graph.json",
    "evidence": "graph_evidence.json",
    "effects": "effects.parquet",
    "naive": "effects_naive.parquet",
    "propensity": "propensity.parquet",
    "invariant": "invariant_set.json",
    "plan": "constraint_plan.json",
    "truth": "truth.json",
    "report": "report.html",
}
_STAGE_OF = {
    "graph": "discover",
    "evidence": "discover",
    "harmonized": "harmonize",
    "harmonization": "harmonize",
    "plan": "constraints",
}


@dataclass(frozen=True)
class Refusal:
    """A stage that gave no result: the error's name and why, in words."""

    stage: str
    error: str
    reason: str


@dataclass(frozen=True, eq=False)
class StudyResult:
    """Everything that a study gave.

    Parameters
    ----------
    config : StudyConfig
    folder : pathlib.Path
        Where the files lie; `FILES` has their names.
    cohort : Cohort, optional
        None where the features were extracted elsewhere (``[cohort] features``).
    table : FeatureTable
        The features as they were extracted.
    pictures : CasePictures, optional
        A small picture of every case, and the hashes of its files; None where the features were
        extracted elsewhere.
    harmonized : FeatureTable, optional
        The same table with a batch effect taken out, for the stages that ``[harmonize]`` names.
    harmonization : HarmonizationReport, optional
        Batch effects and the association with the outcome, before and after.
    redundancy : pandas.DataFrame, optional
        One row per feature: the representative that stands for it in the graph.
    graph : CausalGraph, optional
    evidence : GraphEvidence, optional
        The tests and the resamples behind the graph.
    effects, naive : EffectTable, optional
        Adjusted effects of the treatment, and the raw difference in means for comparison.
    propensity : pandas.DataFrame, optional
        ``case_id``, ``level`` received, and the probability of each level.
    invariant : InvariantSet, optional
    plan : ConstraintPlan, optional
        What the graph licenses when a model is trained.
    truth : PhantomTruth, optional
        Known for simulated cohorts.
    refusals : tuple of Refusal
        Stages that were asked for and gave no result.
    notes : tuple of str
        What a stage did that a reader should know.
    stages : mapping of str to str
        Stage -> ``computed`` or ``reused``.

    Examples
    --------
    >>> frame = pd.DataFrame({"case_id": ["P1", "P2"], "glcm_contrast": [4.1, 5.6]})
    >>> table = FeatureTable.from_frame(frame, roles={"case_id": "id"})
    >>> config = StudyConfig.parse({"study": {"name": "pilot"}})
    >>> result = StudyResult(config, Path("results"), None, table)
    >>> result.complete, result.effects is None
    (True, True)
    """

    config: StudyConfig
    folder: Path
    cohort: Cohort | None
    table: FeatureTable
    pictures: CasePictures | None = None
    harmonized: FeatureTable | None = None
    harmonization: HarmonizationReport | None = None
    redundancy: pd.DataFrame | None = None
    graph: CausalGraph | None = None
    evidence: GraphEvidence | None = None
    effects: EffectTable | None = None
    naive: EffectTable | None = None
    propensity: pd.DataFrame | None = None
    invariant: InvariantSet | None = None
    plan: ConstraintPlan | None = None
    truth: PhantomTruth | None = None
    refusals: tuple[Refusal, ...] = ()
    notes: tuple[str, ...] = ()
    stages: Mapping[str, str] = field(default_factory=dict)

    @property
    def complete(self) -> bool:
        """True when no case failed and no stage was refused."""
        return not self.refusals and self.table.failures.empty

    def provenance(self) -> dict[str, Provenance]:
        """Return the provenance of every record that has one, by stage."""
        records = {
            "extract": self.table,
            "harmonize": self.harmonized,
            "discover": self.graph,
            "effects": self.effects,
            "invariant": self.invariant,
            "constraints": self.plan,
        }
        return {
            name: record.provenance
            for name, record in records.items()
            if record is not None and record.provenance is not None
        }

    def to_frame(self) -> pd.DataFrame:
        """Return one row per feature: its effects, its verdict and its place in the graph."""
        rows = pd.DataFrame({"feature": self.table.features})
        if self.redundancy is not None:
            wanted = ["feature", "representative", "status"]
            rows = rows.merge(self.redundancy[wanted], on="feature", how="left")
        if self.effects is not None:
            wanted = ["outcome", "contrast", "estimate", "ci_low", "ci_high", "q", "effect_sd"]
            effects = self.effects.frame[wanted].rename(columns={"outcome": "feature"})
            rows = rows.merge(effects, on="feature", how="left")
        if self.invariant is not None:
            evidence = self.invariant.evidence[["feature", "verdict", "q_equivalence"]]
            rows = rows.merge(evidence, on="feature", how="left")
        return rows

    def summary(self) -> dict[str, Any]:
        """Return the counts that the command line prints, as JSON types."""
        found: dict[str, Any] = {
            "name": self.config.study.name,
            "cases": len(self.table.frame),
            "failures": self.table.failures.to_dict(orient="records"),
            "features": len(self.table.features),
            "refusals": [vars(refusal) for refusal in self.refusals],
            "notes": list(self.notes),
            "stages": dict(self.stages),
            "report": FILES["report"],
        }
        if self.graph is not None:
            found["graph"] = {"nodes": len(self.graph.nodes), "edges": len(self.graph.to_frame())}
        if self.effects is not None:
            good = self.effects.estimable
            found["effects"] = {
                "contrasts": list(self.effects.contrasts),
                "estimable": len(good),
                "q_below_0.05": int((good["q"] < 0.05).sum()),
                "notes": list(self.effects.notes),
            }
        if self.invariant is not None:
            found["invariant"] = {"margin": self.invariant.margin, **self.invariant.counts()}
        return found

    def save_summary(self) -> None:
        """Write ``summary.json``: the settings, the counts, refusals and notes."""
        document = {"config": self.config.to_dict(), **self.summary()}
        text = json.dumps(document, indent=1, sort_keys=True)
        write_text(self.folder / FILES["summary"], text + "\n")

    @classmethod
    def load(cls, folder: str | Path) -> StudyResult:
        """Read the results that a study left in a folder.

        Raises
        ------
        FileReadError
            If the folder holds no finished study.
        """
        where = Path(folder)
        path = where / FILES["summary"]
        if not path.is_file():
            raise FileReadError(
                f"{where} holds no finished study (no {FILES['summary']});"
                " run one with 'causalimg run study.toml'"
            )
        document = json.loads(path.read_text(encoding="utf-8"))
        refused = {item["stage"] for item in document["refusals"]}

        def there(name: str) -> Path | None:
            stage = "effects" if name in ("naive", "propensity") else name
            stage = _STAGE_OF.get(stage, stage)
            found = where / FILES[name]
            return found if stage in document["stages"] and stage not in refused else None

        parts: dict[str, Any] = {}
        for name, kind in (
            ("pictures", CasePictures),
            ("harmonized", FeatureTable),
            ("harmonization", HarmonizationReport),
            ("plan", ConstraintPlan),
            ("graph", CausalGraph),
            ("evidence", GraphEvidence),
            ("effects", EffectTable),
            ("naive", EffectTable),
            ("invariant", InvariantSet),
            ("truth", PhantomTruth),
        ):
            found = there(name)
            parts[name] = None if found is None else kind.load(found)
        found = there("redundancy")
        parts["redundancy"] = None if found is None else read_redundancy(found)
        found = there("propensity")
        parts["propensity"] = None if found is None else pd.read_parquet(found)
        return cls(
            config=StudyConfig.parse(document["config"], where=FILES["summary"]),
            folder=where,
            cohort=Cohort.read(where / FILES["cohort"]) if "cohort" in document["stages"] else None,
            table=FeatureTable.load(where / FILES["table"]),
            refusals=tuple(Refusal(**item) for item in document["refusals"]),
            notes=tuple(document["notes"]),
            stages=document["stages"],
            **parts,
        )

    def __repr__(self) -> str:
        counts = f"{len(self.table.frame)} cases, {len(self.table.features)} features"
        refused = f", refused: {', '.join(r.stage for r in self.refusals)}" if self.refusals else ""
        return f"StudyResult({self.config.study.name!r}: {counts}{refused})"


def read_redundancy(path: Path) -> pd.DataFrame:
    """Read the map of near-copies that the redundancy stage wrote.

    Raises
    ------
    FileReadError
        If it lacks a column.
    """
    found = pd.read_csv(path, dtype={"feature": str, "representative": str}, keep_default_na=False)
    lacking = {"feature", "representative", "status", "threshold"} - set(found.columns)
    if lacking:
        raise FileReadError(
            f"{path.name} lacks the columns {', '.join(sorted(lacking))}, so it was changed after"
            " the study wrote it; run the study again"
        )
    return found
