"""One case of an extraction: read it, look it up or compute it, keep it, or say why not."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from causalimg.errors import CausalImgError
from causalimg.imaging.read import read_image_mask
from causalimg.imaging.sources import source_files
from causalimg.imaging.window import Reach
from causalimg.provenance import digest, sha256_file
from causalimg.radiomics.engine import Engine
from causalimg.radiomics.memory import MemoryBound
from causalimg.radiomics.store import CaseStore


@dataclass(frozen=True)
class Case:
    """Where the files of one case lie, and which series and region of them are wanted."""

    case_id: str
    image: Path
    mask: Path
    label: int | None
    series: str | None = None
    roi: str | None = None


@dataclass(frozen=True)
class CaseOutcome:
    """Features by PyRadiomics' names and the hashes of the files, or the row of a failure."""

    case_id: str
    features: dict[str, float]
    image: str = ""
    mask: str = ""
    failure: dict[str, str] | None = None


@dataclass(frozen=True)
class CaseTask:
    """Read, look up or compute, and keep one case. Picklable, so workers can run it."""

    engine: Engine
    made_by: str
    settings: dict[str, Any]
    tolerance: float
    store: CaseStore | None
    resample_mask: bool = False
    reach: Reach | None = None
    memory: MemoryBound | None = None
    suv: str | None = None

    def __call__(self, case: Case) -> CaseOutcome:
        stage = "read"
        try:
            image, mask = _hash(case.image, case.series), _hash(case.mask)
            key = CaseStore.key(
                image=image,
                mask=mask,
                label=case.label,
                settings={
                    "tolerance": self.tolerance,
                    "resample_mask": self.resample_mask,
                    "series": case.series,
                    "roi": case.roi,
                    **({} if self.suv is None else {"suv": self.suv}),
                    **self.settings,
                },
                engine=self.made_by,
            )
            known = None if self.store is None else self.store.get(key)
            if known is not None:
                return CaseOutcome(case.case_id, known, image, mask)
            scan = read_image_mask(
                case.image,
                case.mask,
                case_id=case.case_id,
                label=case.label,
                roi=case.roi,
                series=case.series,
                tolerance=self.tolerance,
                resample_mask=self.resample_mask,
                reach=self.reach,
                suv=self.suv,
            )
            stage = "extract"
            if self.memory is not None:
                self.memory.check(scan)
            features = self.engine.compute(scan)
        except CausalImgError as error:
            row = failure_row(case.case_id, stage, type(error).__name__, str(error))
            return CaseOutcome(case.case_id, {}, failure=row)
        if self.store is not None:
            self.store.put(key, features)
        return CaseOutcome(case.case_id, features, image, mask)


def _hash(path: Path, series: str | None = None) -> str:
    """Hash every byte that is read: one file, or the sorted hashes of the slices of a series.

    What is missing is left for the reader to name.
    """
    files = source_files(path, series=series)
    if len(files) == 1:
        return sha256_file(files[0])
    return digest(sorted(sha256_file(file) for file in files)) if files else ""


def failure_row(case_id: str, stage: str, error: str, reason: str) -> dict[str, str]:
    """Return a row of the table of failures."""
    return {"case_id": case_id, "stage": stage, "error": error, "reason": reason}
