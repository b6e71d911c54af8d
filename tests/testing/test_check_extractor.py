"""The contract of feature engines: ours keep it, and each broken plug-in is found out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from causalimg import registry
from causalimg.datasets import phantom_cohort
from causalimg.errors import InvalidInputError, MissingDependencyError
from causalimg.imaging.volume import ImageMask
from causalimg.radiomics.assemble import described
from causalimg.radiomics.extractor import RadiomicsExtractor
from causalimg.radiomics.names import Feature
from causalimg.radiomics.native_engine import NativeEngine
from causalimg.radiomics.settings import ExtractionSettings
from causalimg.testing import ConformanceError, check_extractor

FEW = ExtractionSettings.of(feature_classes=["shape", "firstorder"])


@pytest.mark.parametrize("name", registry.names("causalimg.extractors"))
def test_every_registered_engine_keeps_the_contract(name: str) -> None:
    engine = registry.load("causalimg.extractors", name)
    try:
        engine(FEW)
    except MissingDependencyError as error:
        pytest.skip(str(error))
    assert len(check_extractor(engine).passed) == 12


class Edge:
    """An engine with a feature of its own: how steep the rim of the lesion is."""

    name = "edge"

    def __init__(self, settings: ExtractionSettings) -> None:
        self.settings = settings

    def version(self) -> str:
        return "1"

    def compute(self, scan: ImageMask) -> dict[str, float]:
        if not scan.mask.any():
            raise InvalidInputError(f"case {scan.case_id!r}: the region is empty")
        image = scan.image.astype(np.float64)
        steep = np.sqrt(sum(g**2 for g in np.gradient(image, *scan.spacing)))
        return {
            "original_rim_Steepness": float(steep[scan.mask].mean()),
            "original_firstorder_Mean": float(image[scan.mask].mean()),
        }

    def describe(self, name: str) -> Feature:
        if name == "original_rim_Steepness":
            return Feature("rim_steepness", "rim", "original", "intensity/mm", "", name)
        return described(name)


class Anonymous(Edge):
    name = "my engine"


class NoNumbers(Edge):
    def compute(self, scan: ImageMask) -> dict[str, float]:
        return {**super().compute(scan), "original_rim_Steepness": float("inf")}


class Undescribed(Edge):
    def describe(self, name: str) -> Feature:
        return described(name)


class ByCase(Edge):
    def compute(self, scan: ImageMask) -> dict[str, float]:
        found = super().compute(scan)
        return found if len(scan.image) == 14 else dict(reversed(found.items()))


class InPlace(Edge):
    def compute(self, scan: ImageMask) -> dict[str, float]:
        scan.image[~scan.mask] = 0.0
        return super().compute(scan)


class Counts(Edge):
    def __init__(self, settings: ExtractionSettings) -> None:
        super().__init__(settings)
        self.seen = 0

    def compute(self, scan: ImageMask) -> dict[str, float]:
        self.seen += 1
        found = super().compute(scan)
        return {**found, "original_rim_Steepness": found["original_rim_Steepness"] + self.seen}


class KeepsALambda(Edge):
    def __init__(self, settings: ExtractionSettings) -> None:
        super().__init__(settings)
        self.say = lambda text: text


class Locates(Edge):
    def compute(self, scan: ImageMask) -> dict[str, float]:
        found = super().compute(scan)
        return {**found, "original_rim_Steepness": float(scan.origin[0])}


class Rounds(Edge):
    def compute(self, scan: ImageMask) -> dict[str, float]:
        image = scan.image.astype(scan.image.dtype, copy=True)
        image -= np.asarray(image.mean(), dtype=image.dtype)
        return super().compute(replace(scan, image=image))


class EmptyIsFine(Edge):
    def compute(self, scan: ImageMask) -> dict[str, float]:
        if not scan.mask.any():
            return {"original_rim_Steepness": 0.0, "original_firstorder_Mean": 0.0}
        return super().compute(scan)


class NanIsZero(Edge):
    def compute(self, scan: ImageMask) -> dict[str, float]:
        return super().compute(replace(scan, image=np.nan_to_num(scan.image)))


class Drops(Edge):
    def compute(self, scan: ImageMask) -> dict[str, float]:
        found = super().compute(scan)
        if scan.n_voxels == 1:
            del found["original_rim_Steepness"]
        return found


class OtherMean(NativeEngine):
    def compute(self, scan: ImageMask) -> dict[str, float]:
        found = super().compute(scan)
        return {**found, "original_firstorder_Mean": found["original_firstorder_Median"]}


BROKEN = [
    ("identity", Anonymous, "my engine"),
    ("result", NoNumbers, "original_rim_Steepness"),
    ("names", Undescribed, "describe(name)"),
    ("order", ByCase, "another order"),
    ("input_unchanged", InPlace, "writes into the scan"),
    ("repeatable", Counts, "after another case"),
    ("repeatable", KeepsALambda, "pickle"),
    ("position", Locates, "another origin"),
    ("types", Rounds, "int16"),
    ("empty_region", EmptyIsFine, "no error"),
    ("not_finite", NanIsZero, "region of NaN"),
    ("one_voxel", Drops, "one voxel"),
    ("known_values", OtherMean, "original_firstorder_Mean"),
]


@pytest.mark.parametrize(
    ("clause", "broken", "said"), BROKEN, ids=lambda v: getattr(v, "__name__", v)
)
def test_a_broken_engine_is_found_out(clause: str, broken: Any, said: str) -> None:
    with pytest.raises(ConformanceError) as caught:
        check_extractor(broken, settings=FEW)
    failed = {failure.clause: str(failure) for failure in caught.value.failures}
    assert clause in failed
    assert said in failed[clause]


def test_an_engine_of_ones_own_extracts_a_cohort(tmp_path: Any) -> None:
    assert len(check_extractor(Edge).passed) == 12
    cohort = phantom_cohort(tmp_path, n_patients=3, size=16)
    table = RadiomicsExtractor(engine=Edge).extract(cohort)
    assert table.features == ["rim_steepness", "firstorder_mean"]
    assert (table.frame["rim_steepness"] > 0).all()
    column = next(c for c in table.columns if c.name == "rim_steepness")
    assert (column.unit, column.family) == ("intensity/mm", "rim")
    native = RadiomicsExtractor(feature_classes={"firstorder": ["Mean"]}).extract(cohort)
    np.testing.assert_allclose(table.frame["firstorder_mean"], native.frame["firstorder_mean"])
    assert table.provenance is not None
    assert table.provenance.settings["engine"] == "edge"
    with pytest.raises(InvalidInputError, match="class of an engine"):
        RadiomicsExtractor(engine=Edge(FEW))  # type: ignore[arg-type]
