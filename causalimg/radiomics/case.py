"""One case of an extraction: read it, look it up or compute it, keep it, or say why not."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from causalimg.errors import CausalImgError
from causalimg.imaging.read import read_image_mask
from causalimg.imaging.sources import source_files
from causalimg.imaging.thumbnail import REACH, thumbnail
from causalimg.imaging.volume import ImageMask, cut
from causalimg.imaging.window import Reach
from causalimg.provenance import digest, sha256_file
from causalimg.radiomics.engine import Engine
from causalimg.radiomics.memory import MemoryBound
from causalimg.radiomics.picture_store import PictureStore
from causalimg.radiomics.store import CaseStore
from causalimg.tables.cohort import Cohort


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
    """Features by PyRadiomics' names and the hashes of the files, or the row of a failure.

    ``picture`` is the key of the case's picture, where pictures are kept.
    """

    case_id: str
    features: dict[str, float]
    image: str = ""
    mask: str = ""
    failure: dict[str, str] | None = None
    picture: str = ""


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
    pictures: PictureStore | None = None

    def __call__(self, case: Case) -> CaseOutcome:
        stage = "read"
        try:
            image, mask = hash_source(case.image, case.series), hash_source(case.mask)
            read: dict[str, Any] = {
                "tolerance": self.tolerance,
                "resample_mask": self.resample_mask,
                "series": case.series,
                "roi": case.roi,
                **({} if self.suv is None else {"suv": self.suv}),
            }
            key = CaseStore.key(
                image=image,
                mask=mask,
                label=case.label,
                settings={**read, **self.settings},
                engine=self.made_by,
            )
            known = None if self.store is None else self.store.get(key)
            picture, lacking = "", False
            if self.pictures is not None:
                picture = PictureStore.key(image=image, mask=mask, label=case.label, read=read)
                lacking = self.pictures.get(picture) is None
            if known is not None and not lacking:
                return CaseOutcome(case.case_id, known, image, mask, picture=picture)
            scan = self._scan(case, pictured=lacking)
            if self.pictures is not None and lacking:
                self.pictures.put(picture, thumbnail(scan))
                if known is not None:
                    return CaseOutcome(case.case_id, known, image, mask, picture=picture)
                if self.reach is not None:
                    near = self.reach.window(scan.bounds(), scan.image.shape, scan.spacing)
                    scan = cut(scan, near)
            stage = "extract"
            if self.memory is not None:
                self.memory.check(scan)
            features = self.engine.compute(scan)
        except CausalImgError as error:
            row = failure_row(case.case_id, stage, type(error).__name__, str(error))
            return CaseOutcome(case.case_id, {}, failure=row)
        if self.store is not None:
            self.store.put(key, features)
        return CaseOutcome(case.case_id, features, image, mask, picture=picture)

    def _scan(self, case: Case, *, pictured: bool) -> ImageMask:
        """Read a case as far as its features reach, or its picture if one is wanted."""
        reach = self.reach
        if reach is not None and pictured:
            reach = reach.joined(REACH)
        return read_image_mask(
            case.image,
            case.mask,
            case_id=case.case_id,
            label=case.label,
            roi=case.roi,
            series=case.series,
            tolerance=self.tolerance,
            resample_mask=self.resample_mask,
            reach=reach,
            suv=self.suv,
        )


def cases_of(cohort: Cohort, label: int | None) -> list[Case]:
    """Return the cases of a cohort; its column ``label`` comes before the extractor's ``label``."""
    labels: list[Any] = [None] * len(cohort.frame)
    if "label" in cohort.frame.columns:
        labels = [None if pd.isna(v) else int(v) for v in cohort.frame["label"]]
    return [
        Case(
            str(case_id),
            cohort.folder / str(image),
            cohort.folder / str(mask),
            label if own is None else own,
            series,
            roi,
        )
        for case_id, image, mask, own, series, roi in zip(
            cohort.frame["case_id"],
            cohort.frame["image"],
            cohort.frame["mask"],
            labels,
            _texts(cohort, "series_uid"),
            _texts(cohort, "roi"),
            strict=True,
        )
    ]


def _texts(cohort: Cohort, column: str) -> list[str | None]:
    """Return an optional text column of the cohort; None where a cell is empty or it is absent."""
    if column not in cohort.frame.columns:
        return [None] * len(cohort.frame)
    return [None if pd.isna(v) or not str(v).strip() else str(v) for v in cohort.frame[column]]


def hash_source(path: Path, series: str | None = None) -> str:
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
