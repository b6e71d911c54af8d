"""The cohort manifest: what it accepts, what it refuses, and how it is written."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from causalimg.errors import FileReadError, InvalidInputError, SchemaError, UnknownNameError
from causalimg.schemas import validate
from causalimg.tables.cohort import Cohort
from causalimg.tables.io import read_table


def manifest(n: int = 4) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "case_id": [f"c{k}" for k in range(n)],
            "image": [f"images/c{k}.nii" for k in range(n)],
            "mask": [f"masks/c{k}.nii" for k in range(n)],
            "site": [1, 2, 1, 2][:n],
            "age": [50.0, 61.5, 70.25, 44.0][:n],
        }
    )


def test_coded_context_becomes_categorical_and_a_float_stays_a_number() -> None:
    frame = manifest().assign(dose=[1.5, 2.0, 1.5, 2.0])
    cohort = Cohort(frame, {"site": "context", "dose": "context", "age": "covariate"})
    assert list(cohort.frame["site"].cat.categories) == ["1", "2"]
    assert cohort.frame["dose"].dtype == float
    assert cohort.names("context") == ["site", "dose"]


@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
def test_written_file_is_read_back_with_paths_that_still_lead_to_the_images(
    tmp_path: Path, suffix: str
) -> None:
    source = tmp_path / "data"
    (source / "images").mkdir(parents=True)
    for k in range(4):
        (source / "images" / f"c{k}.nii").write_bytes(b"x")
    cohort = Cohort(manifest(), {"site": "context", "age": "covariate"}, folder=source)
    out = tmp_path / "elsewhere" / f"cohort{suffix}"
    cohort.save(out)
    again = Cohort.read(out)
    assert again.image_path("c2").read_bytes() == b"x"
    assert not str(again.frame["image"][0]).startswith("/")
    assert again.roles == cohort.roles
    pd.testing.assert_series_equal(again.frame["age"], cohort.frame["age"])
    assert list(again.frame["site"]) == list(cohort.frame["site"])
    validate(read_table(out, schema="cohort")[1], "cohort")


def test_pyradiomics_batch_csv_is_accepted_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "cases.csv"
    path.write_text("ID,Image,Mask,Label\nA,a.nrrd,b.nrrd,2\nB,c.nrrd,d.nrrd,\n")
    cohort = Cohort.read(path)
    assert cohort.case_ids == ("A", "B")
    assert cohort.frame["label"].tolist() == [2, pd.NA]
    assert cohort.mask_path("A") == tmp_path / "b.nrrd"


def test_pyradiomics_batch_csv_without_ids_gets_ids(tmp_path: Path) -> None:
    path = tmp_path / "cases.csv"
    path.write_text("Image,Mask\na.nrrd,b.nrrd\n")
    assert Cohort.read(path).case_ids == ("case_0001",)


def test_every_problem_is_listed_at_once_with_case_and_column(tmp_path: Path) -> None:
    frame = manifest().astype({"image": object})
    frame.loc[1, "case_id"] = "c0"
    frame.loc[2, "image"] = None
    frame["label"] = [1, 1, 1, 0]
    with pytest.raises(InvalidInputError) as caught:
        Cohort(frame)
    message = str(caught.value)
    assert "case 'c0', column 'case_id': the same id in rows 1, 2" in message
    assert "case 'c2', column 'image': empty" in message
    assert "case 'c3', column 'label': 0 is not a whole number above 0" in message


def test_missing_columns_and_roles_are_named() -> None:
    with pytest.raises(InvalidInputError, match=r"no column 'mask'"):
        Cohort(manifest().drop(columns="mask"))
    with pytest.raises(UnknownNameError, match=r"'sitee'; did you mean 'site'\?"):
        Cohort(manifest(), {"sitee": "context"})
    with pytest.raises(UnknownNameError, match=r"did you mean 'context'\?"):
        Cohort(manifest(), {"site": "contxt"})


def test_missing_file_is_a_file_error_and_missing_images_are_listed(tmp_path: Path) -> None:
    with pytest.raises(FileReadError, match=r"no such file: none\.csv"):
        Cohort.read(tmp_path / "none.csv")
    problems = Cohort(manifest(), folder=tmp_path).problems()
    assert len(problems) == 8
    assert set(problems["column"]) == {"image", "mask"}


def test_groups_merge_levels_and_refuse_what_is_unclear() -> None:
    frame = manifest().assign(site=["a", "b", "c", "a"])
    cohort = Cohort(frame, {"site": "context"})
    merged = cohort.grouped("site", {"a": ["a"], "rest": ["*"]})
    assert list(merged.frame["site"]) == ["a", "rest", "rest", "a"]
    assert list(cohort.frame["site"]) == ["a", "b", "c", "a"]
    with pytest.raises(UnknownNameError, match="no case has 'x'"):
        cohort.grouped("site", {"a": ["x"], "rest": ["*"]})
    with pytest.raises(InvalidInputError, match=r"no group takes \['c'\]"):
        cohort.grouped("site", {"a": ["a"], "b": ["b"]})
    with pytest.raises(InvalidInputError, match="'a' is in two groups"):
        cohort.grouped("site", {"a": ["a"], "b": ["a", "*"]})


def test_a_parquet_of_another_kind_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "plain.parquet"
    manifest().to_parquet(path)
    assert len(Cohort.read(path)) == 4
    with pytest.raises(SchemaError, match="without a causalimg header"):
        read_table(path, schema="feature_table")


def test_a_relative_folder_is_kept_as_an_absolute_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    cohort = Cohort(manifest(), folder=Path("data"))
    monkeypatch.chdir("/")
    assert cohort.image_path("c0") == tmp_path / "data" / "images" / "c0.nii"


def test_the_frame_of_the_caller_is_not_changed() -> None:
    frame = manifest()
    before = frame.copy()
    Cohort(frame, {"site": "context"})
    pd.testing.assert_frame_equal(frame, before)


def test_a_context_column_may_have_empty_cells():
    frame = pd.DataFrame({"case_id": ["a", "b"], "image": "i", "mask": "m", "site": ["x", None]})
    cohort = Cohort(frame, {"site": "context"})
    assert list(cohort.frame["site"].cat.categories) == ["x"]
    assert cohort.frame["site"].isna().tolist() == [False, True]
