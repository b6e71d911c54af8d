"""The invariant set: three meanings, selection, files, and the way back to images."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import FrozenInstanceError
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from causalimg.datasets import phantom_cohort
from causalimg.errors import InvalidInputError, SchemaError, UnknownNameError
from causalimg.graph.core import CausalGraph
from causalimg.provenance import Provenance
from causalimg.radiomics import RadiomicsExtractor
from causalimg.tables.cohort import Cohort
from causalimg.tables.features import FeatureTable
from causalimg.tables.invariant_set import EVIDENCE_COLUMNS, InvariantSet
from causalimg.tables.meanings import MEANINGS


def stable_set(stable: list[str], others: list[str], **more: object) -> InvariantSet:
    rows = [
        [name, verdict, "B - A", 0.01, -0.1, 0.12, p, p, 100, np.nan]
        for names, verdict, p in ((stable, "stable", 0.001), (others, "shifted", 1.0))
        for name in names
    ]
    evidence = pd.DataFrame(rows, columns=list(EVIDENCE_COLUMNS))
    return InvariantSet(
        tuple(stable), "stable_measurement", "scanner", 0.5, evidence,
        Provenance.of("invariance", settings={"margin": 0.5}), **more,
    )  # fmt: skip


def predictors() -> InvariantSet:
    columns = list(MEANINGS["invariant_predictors"].columns)
    rows = [["a", "invariant", 0.5, 0.4, 0.6, 0.01, 1.0], ["b", "not_shown", 0.1, -1, 1, 0.4, 0.2]]
    return InvariantSet(
        ("a",), "invariant_predictors", "site", np.nan, pd.DataFrame(rows, columns=columns),
        outcome="ill",
    )  # fmt: skip


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Cohort:
    return phantom_cohort(tmp_path_factory.mktemp("scans"), n_patients=3, size=16, random_state=3)


def test_it_selects_in_a_pipeline_and_survives_cloning() -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(120, 4)), columns=list("abcd"))
    label = (frame["c"] + 0.5 * rng.normal(size=120) > 0).astype(int)
    found = stable_set(["c", "a"], ["b", "d"])
    steps = make_pipeline(found, StandardScaler(), LogisticRegression())
    assert cross_val_score(clone(steps), frame, label, cv=3).min() > 0.75
    fitted = clone(steps).fit(frame, label)
    assert fitted[:-1].get_feature_names_out().tolist() == ["c", "a"]
    assert fitted[-1].n_features_in_ == 2
    with pytest.raises(InvalidInputError, match=r"select columns of an array with mask"):
        found.transform(frame.to_numpy())
    with pytest.raises(FrozenInstanceError):
        found.features = ("b",)


def test_the_mask_marks_columns_of_an_array() -> None:
    found = stable_set(["c", "a"], ["b"])
    mask = found.mask(["a", "b", "c", "z"])
    assert mask.dtype == bool and mask.tolist() == [True, False, True, False]
    with pytest.raises(UnknownNameError, match="'c'"):
        found.mask(["a", "b"])


def test_the_three_meanings_are_kept_apart(tmp_path: Path) -> None:
    found = predictors()
    assert found.counts() == {"invariant": 1, "not_shown": 1, "screened_out": 0}
    assert "for 'ill' across 'site'" in repr(found) and "SD" not in repr(found)
    found.evidence.loc[1, "ci_high"] = np.inf
    found.save(tmp_path / "predictors.json")
    again = InvariantSet.load(tmp_path / "predictors.json")
    assert again.digest() == found.digest() and np.isnan(again.margin)
    found.save(tmp_path / "folder")
    assert InvariantSet.load(tmp_path / "folder").digest() == found.digest()
    assert np.isnan(again.evidence["ci_high"].iloc[1])
    assert (again.meaning, again.outcome) == ("invariant_predictors", "ill")
    with pytest.raises(UnknownNameError, match="did you mean 'invariant_predictors'"):
        InvariantSet(("a",), "invariant_predictor", "site", 0.5, found.evidence)
    with pytest.raises(InvalidInputError, match="needs outcome="):
        InvariantSet(("a",), "invariant_predictors", "site", 0.5, found.evidence)
    with pytest.raises(SchemaError, match="only in the dictionary"):
        InvariantSet(("a",), "stable_measurement", "site", 0.5, found.evidence)
    with pytest.raises(InvalidInputError, match="has no outcome"):
        stable_set(["a"], [], outcome="ill")


def test_optional_evidence_is_kept(tmp_path: Path) -> None:
    plain = stable_set(["a"], ["b"])
    richer = plain.evidence.assign(icc_2_1=[0.93, np.nan], bootstrap_frequency=[0.98, 0.1])
    found = InvariantSet(("a",), "stable_measurement", "scanner", 0.5, richer)
    found.save(tmp_path / "set.json")
    again = InvariantSet.load(tmp_path / "set.json")
    pd.testing.assert_frame_equal(again.evidence, found.evidence)
    assert again.evidence["icc_2_1"].iloc[0] == 0.93
    with pytest.raises(SchemaError, match="icc_9"):
        InvariantSet(
            ("a",),
            "stable_measurement",
            "scanner",
            0.5,
            richer.rename(columns={"icc_2_1": "icc_9"}),
        )


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d["evidence"][0].update(effect_sd=0.0),
        lambda d: d.update(environment="site"),
        lambda d: d["provenance"]["settings"].update(margin=0.1),
        lambda d: d["inputs"].update(table="0" * 64),
    ],
)
def test_whatever_is_changed_in_the_file_is_noticed(change: object, tmp_path: Path) -> None:
    path = tmp_path / "set.json"
    stable_set(["a"], ["b"], inputs={"table": "1" * 64}).save(path)
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))
    with pytest.raises(SchemaError, match="changed after it was written"):
        InvariantSet.load(path)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("evidence.csv", lambda text: text.replace("shifted", "stable")),
        ("parameters.json", lambda text: text.replace('"Mean"', '"Median"')),
        ("parameters.json", lambda text: text[:-4]),
    ],
)
def test_files_beside_the_set_that_say_something_else_are_refused(
    name: str, change: object, cohort: Cohort, tmp_path: Path
) -> None:
    table = RadiomicsExtractor(feature_classes=["firstorder"]).extract(cohort)
    found = stable_set(["firstorder_mean"], ["firstorder_energy"]).with_source(table)
    found.save(tmp_path / "set")
    assert InvariantSet.load(tmp_path / "set").digest() == found.digest()
    path = tmp_path / "set" / name
    changed = change(path.read_text(encoding="utf-8"))
    assert changed != path.read_text(encoding="utf-8")
    path.write_text(changed, encoding="utf-8")
    with pytest.raises(SchemaError, match=f"{name} does not say what invariant_set.json"):
        InvariantSet.load(tmp_path / "set")


def test_the_set_knows_its_table_and_graph(cohort: Cohort) -> None:
    table = RadiomicsExtractor(feature_classes=["firstorder"]).extract(cohort)
    graph = CausalGraph.from_directed(("scanner", "firstorder_mean"), [[0, 1], [0, 0]])
    found = stable_set(["firstorder_mean"], []).with_source(table, graph=graph)
    assert found.inputs["table"] == table.digest() and len(found.inputs["graph"]) == 64
    assert set(found.environments) == set(table.frame["scanner"].astype(str))
    assert found.original_names == {"firstorder_mean": "original_firstorder_Mean"}
    with pytest.raises(UnknownNameError, match="glcm_contrast"):
        stable_set(["glcm_contrast"], []).with_source(table)


def test_a_set_without_source_has_no_parameter_file(tmp_path: Path) -> None:
    found = stable_set(["firstorder_mean"], [])
    with pytest.raises(InvalidInputError, match=r"with_source\(table\)"):
        found.parameters()
    found.save(tmp_path / "folder")
    assert sorted(p.name for p in (tmp_path / "folder").iterdir()) == [
        "evidence.csv",
        "invariant_set.json",
    ]


NEW_PROCESS = """
import sys
from pathlib import Path
from causalimg.radiomics import RadiomicsExtractor
from causalimg.tables.cohort import Cohort
from causalimg.tables.invariant_set import InvariantSet

folder, cohort, out = map(Path, sys.argv[1:])
InvariantSet.load(folder)
extractor = RadiomicsExtractor.from_parameter_file(folder / "parameters.json")
extractor.extract(Cohort.read(cohort)).save(out)
"""


@pytest.mark.parametrize(
    ("settings", "exact"),
    [
        ({}, True),
        ({"bin_count": 16, "resample": [1.0, 1.5, 1.5], "normalize": True}, True),
        ({"image_types": {"original": {}, "log": {"sigma": [1, 2, 3]}, "wavelet": {}}}, False),
    ],
)
def test_the_loop_closes(
    settings: dict[str, object], exact: bool, cohort: Cohort, tmp_path: Path
) -> None:
    """Export, load in a fresh process, extract only these from the images: the same numbers."""
    classes = ["shape", "firstorder", "glcm", "glszm"]
    table = RadiomicsExtractor(feature_classes=classes, **settings).extract(cohort)
    names = ["shape_sphericity", "firstorder_entropy", "glcm_contrast", "glszm_zone_entropy"]
    if not exact:
        names = ["log_sigma_2_0_mm_3d_glcm_contrast", "wavelet_llh_firstorder_mean"]
    found = stable_set(names, ["glcm_id"]).with_source(table)
    found.save(tmp_path / "set")
    (tmp_path / "run.py").write_text(NEW_PROCESS)
    command = [sys.executable, "run.py", "set", str(cohort.folder / "cohort.csv"), "new.parquet"]
    subprocess.run(command, cwd=tmp_path, check=True, timeout=120)
    again = FeatureTable.load(tmp_path / "new.parquet")
    if exact:
        assert sorted(again.features) == sorted(names)
    else:
        assert len(again.features) < len(table.features) / 4
        assert not [name for name in again.features if name.startswith("log_sigma_1")]
    chosen = InvariantSet.load(tmp_path / "set").transform(again.frame)
    np.testing.assert_array_equal(chosen.to_numpy(), table.frame[names].to_numpy())


def test_an_empty_set_selects_nothing_and_says_so() -> None:
    row = ["volume", "not_certifiable", "B - A", 0.1, -0.4, 0.6, 0.4, 0.4, 30, 200]
    evidence = pd.DataFrame([row], columns=EVIDENCE_COLUMNS)
    empty = InvariantSet((), "stable_measurement", "scanner", 0.2, evidence)
    with pytest.raises(InvalidInputError, match=r"set is empty: of 1 features.*n_needed"):
        empty.fit(pd.DataFrame({"volume": [1.0, 2.0]}))
