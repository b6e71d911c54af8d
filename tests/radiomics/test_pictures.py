"""Pictures made while features are extracted: once, from one reading, without changing a value."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from causalimg.datasets import phantom_cohort
from causalimg.provenance import sha256_file
from causalimg.radiomics import case as case_module
from causalimg.radiomics.extractor import RadiomicsExtractor
from causalimg.radiomics.picture_store import PictureStore
from causalimg.tables.cohort import Cohort

FEW = ["firstorder", "glcm"]


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Cohort:
    folder = tmp_path_factory.mktemp("phantom")
    return phantom_cohort(folder, n_patients=5, random_state=2, size=24)


@pytest.mark.parametrize(
    "settings",
    [{}, {"image_types": {"log": {"sigma": [1.0]}, "wavelet": {}}}, {"resample": (1.0, 1.0, 1.0)}],
)
def test_no_feature_depends_on_the_pictures(cohort: Cohort, settings, tmp_path: Path) -> None:
    extractor = RadiomicsExtractor(feature_classes=FEW, **settings)
    table, pictures = extractor.extract_with_pictures(cohort, pictures=tmp_path)
    plain = extractor.extract(cohort)
    pd.testing.assert_frame_equal(table.frame, plain.frame, check_exact=True)
    assert list(pictures.frame["case_id"]) == list(table.frame["case_id"])


def test_every_picture_says_which_bytes_it_is_from(cohort: Cohort, tmp_path: Path) -> None:
    _, pictures = RadiomicsExtractor(feature_classes=FEW).extract_with_pictures(
        cohort, pictures=tmp_path
    )
    for row in pictures.frame.itertuples():
        assert not Path(row.image).is_absolute()
        assert sha256_file(cohort.folder / row.image) == row.image_sha256
        assert sha256_file(cohort.folder / row.mask) == row.mask_sha256


def test_pictures_do_not_depend_on_workers_or_settings(cohort: Cohort, tmp_path: Path) -> None:
    one = RadiomicsExtractor(feature_classes=FEW).extract_with_pictures(
        cohort, pictures=tmp_path / "a"
    )[1]
    two = RadiomicsExtractor(feature_classes=["shape"], normalize=True).extract_with_pictures(
        cohort, pictures=tmp_path / "b", n_jobs=2
    )[1]
    assert one.digest() == two.digest()


def test_a_known_case_is_not_read_again(
    cohort: Cohort, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    real = case_module.read_image_mask

    def counted(*args, **kwargs):
        read.append(kwargs["case_id"])
        return real(*args, **kwargs)

    monkeypatch.setattr(case_module, "read_image_mask", counted)
    extractor = RadiomicsExtractor(feature_classes=FEW, store=tmp_path / "cases")
    extractor.extract(cohort)
    assert len(read) == 5
    first = extractor.extract_with_pictures(cohort, pictures=tmp_path / "pictures")[1]
    assert len(read) == 10
    again = extractor.extract_with_pictures(cohort, pictures=tmp_path / "pictures")[1]
    assert len(read) == 10 and again.digest() == first.digest()
    damaged = next((tmp_path / "pictures").glob("??/*.json"))
    damaged.write_text(damaged.read_text()[:-20])
    whole = extractor.extract_with_pictures(cohort, pictures=tmp_path / "pictures")[1]
    assert len(read) == 11 and whole.digest() == first.digest()


def test_a_case_that_fails_has_no_picture(cohort: Cohort, tmp_path: Path) -> None:
    frame = cohort.frame.copy()
    frame.loc[2, "mask"] = "masks/nowhere.nii"
    broken = Cohort(frame, cohort.roles, cohort.folder)
    table, pictures = RadiomicsExtractor(feature_classes=FEW).extract_with_pictures(
        broken, pictures=PictureStore(tmp_path)
    )
    assert len(table.failures) == 1 and len(pictures) == 4
    assert frame.loc[2, "case_id"] not in set(pictures.frame["case_id"])
