import json
import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from causalimg.datasets import (
    PhantomModel,
    PhantomTruth,
    PhantomWorld,
    counterfactual,
    phantom_cohort,
    phantom_truth,
)
from causalimg.errors import (
    FileReadError,
    InvalidInputError,
    NotEstimableError,
    SchemaError,
    UnknownNameError,
)
from causalimg.imaging.read import read_image_mask
from causalimg.imaging.volume import ImageMask
from causalimg.radiomics import RadiomicsExtractor
from causalimg.schemas import read_document, validate
from causalimg.tables.cohort import Cohort
from causalimg.tables.features import FeatureTable


class Plain:
    """A tiny extractor, so that these tests need no engine."""

    def __init__(self, *, fail: str = "nobody") -> None:
        self.fail = fail

    def settings(self) -> dict:
        return {"engine": "plain", "fail": self.fail}

    def extract_arrays(self, scan: ImageMask) -> dict[str, float]:
        if scan.case_id == self.fail:
            raise InvalidInputError("no features of this one")
        inside = scan.image[scan.mask].astype(float)
        return {
            "shape_mesh_volume": float(scan.n_voxels * scan.voxel_volume),
            "firstorder_mean": float(inside.mean()),
            "firstorder_variance": float(inside.var()),
        }


@pytest.fixture(scope="module")
def cohort(tmp_path_factory) -> Cohort:
    return phantom_cohort(tmp_path_factory.mktemp("cohort"), n_patients=12, size=20, random_state=5)


def files(cohort: Cohort) -> dict[str, bytes]:
    names = ("images", "masks")
    return {
        str(path.relative_to(cohort.folder)): path.read_bytes()
        for name in names
        for path in sorted((cohort.folder / name).iterdir())
    }


def test_what_lies_in_the_folder(cohort):
    assert {path.name for path in cohort.folder.iterdir()} >= {
        "cohort.csv",
        "images",
        "masks",
        "phantom.json",
    }
    assert len(files(cohort)) == 24
    document = read_document(cohort.folder / "phantom.json", "phantom")
    assert len(document["patients"]) == 12
    assert document["entropy"] == 5
    again = Cohort.read(cohort.folder / "cohort.csv", roles=cohort.roles)
    pd.testing.assert_frame_equal(again.frame, cohort.frame)
    assert set(again.frame.columns) == {
        "case_id", "image", "mask", "age", "sex", "site", "scanner", "protocol", "malignant",
    }  # fmt: skip
    assert not any(value.startswith("/") for value in again.frame["image"])
    assert cohort.problems().empty


def test_images_are_the_patients_own_for_every_n_jobs_and_cohort_size(cohort, tmp_path):
    again = phantom_cohort(tmp_path / "a", n_patients=14, size=20, random_state=5, n_jobs=2)
    mine, other = files(cohort), files(again)
    assert {name: other[name] for name in mine} == mine
    assert (tmp_path / "a/cohort.csv").read_text().splitlines()[:13] == (
        (cohort.folder / "cohort.csv").read_text().splitlines()
    )
    different = phantom_cohort(tmp_path / "b", n_patients=12, size=20, random_state=6)
    assert files(different) != mine


def test_a_drawn_seed_is_recorded(tmp_path):
    one = phantom_cohort(tmp_path / "a", n_patients=1, size=16, random_state=None)
    seed = PhantomWorld.of(one).entropy
    two = phantom_cohort(tmp_path / "b", n_patients=1, size=16, random_state=seed)
    assert files(one) == files(two)


def test_compressed_images_hold_the_same_voxels(cohort, tmp_path):
    zipped = phantom_cohort(tmp_path / "z", n_patients=2, size=20, random_state=5, compress=True)
    assert zipped.image_path("P0001").name == "P0001.nii.gz"
    one = read_image_mask(zipped.image_path("P0001"), zipped.mask_path("P0001"))
    two = read_image_mask(cohort.image_path("P0001"), cohort.mask_path("P0001"))
    np.testing.assert_array_equal(one.image, two.image)
    np.testing.assert_array_equal(one.mask, two.mask)


def test_the_factual_scanner_gives_the_factual_bytes(cohort, tmp_path):
    worlds = {
        level: counterfactual(cohort, do={"scanner": level}, folder=tmp_path / level)
        for level in ("A", "B")
    }
    for case_id, scanner in zip(cohort.frame["case_id"], cohort.frame["scanner"], strict=True):
        factual = cohort.image_path(case_id).read_bytes()
        for level, world in worlds.items():
            same = world.image_path(case_id).read_bytes() == factual
            assert same == (level == scanner)
            assert world.mask_path(case_id).read_bytes() == cohort.mask_path(case_id).read_bytes()
    assert set(worlds["B"].frame["scanner"]) == {"B"}
    kept = ["case_id", "age", "sex", "site", "malignant"]
    pd.testing.assert_frame_equal(worlds["B"].frame[kept], cohort.frame[kept])
    assert (worlds["B"].frame["protocol"].astype(str) == cohort.frame["protocol"].astype(str)).all()


def test_a_counterfactual_of_a_counterfactual(cohort, tmp_path):
    one = counterfactual(cohort, do={"scanner": "B"}, folder=tmp_path / "one")
    two = counterfactual(one, do={"protocol": "thick"}, folder=tmp_path / "two")
    both = counterfactual(
        cohort, do={"scanner": "B", "protocol": "thick"}, folder=tmp_path / "both", n_jobs=2
    )
    assert files(two) == files(both)
    assert PhantomWorld.of(two).do == {"scanner": "B", "protocol": "thick"}


def test_a_subset_of_the_cases(cohort, tmp_path):
    some = Cohort(cohort.frame.iloc[[4, 2]], dict(cohort.roles), cohort.folder)
    world = counterfactual(some, do={"scanner": "B"}, folder=tmp_path / "some")
    assert list(world.frame["case_id"]) == ["P0005", "P0003"]
    whole = counterfactual(cohort, do={"scanner": "B"}, folder=tmp_path / "whole")
    for case_id in ("P0005", "P0003"):
        assert world.image_path(case_id).read_bytes() == whole.image_path(case_id).read_bytes()


def test_what_a_counterfactual_refuses(cohort, tmp_path):
    with pytest.raises(UnknownNameError, match="cannot set 'scaner'; did you mean 'scanner'"):
        counterfactual(cohort, do={"scaner": "B"}, folder=tmp_path)
    with pytest.raises(UnknownNameError, match="scanner: no level 'C'"):
        counterfactual(cohort, do={"scanner": "C"}, folder=tmp_path)
    with pytest.raises(UnknownNameError, match="cannot set 'age'"):
        counterfactual(cohort, do={"age": "60"}, folder=tmp_path)
    with pytest.raises(InvalidInputError, match="set scanner or protocol"):
        counterfactual(cohort, do={}, folder=tmp_path)
    with pytest.raises(InvalidInputError, match="the cohort's own"):
        counterfactual(cohort, do={"scanner": "B"}, folder=cohort.folder)
    alone = Cohort(cohort.frame, dict(cohort.roles), tmp_path)
    with pytest.raises(FileReadError, match=r"no phantom\.json beside the cohort"):
        counterfactual(alone, do={"scanner": "B"}, folder=tmp_path / "x")
    strange = Cohort(cohort.frame.assign(case_id=[f"Q{k}" for k in range(12)]), {}, cohort.folder)
    with pytest.raises(UnknownNameError, match=r"phantom\.json has no patient 'Q0'"):
        counterfactual(strange, do={"scanner": "B"}, folder=tmp_path / "x")


def test_a_changed_world_is_refused(cohort, tmp_path):
    shutil.copytree(cohort.folder, tmp_path / "copy")
    path = tmp_path / "copy/phantom.json"
    document = json.loads(path.read_text())
    del document["patients"][0]["biology"]
    path.write_text(json.dumps(document))
    with pytest.raises(SchemaError, match=r"patients\[0\].*biology"):
        PhantomWorld.of(Cohort(cohort.frame, {}, tmp_path / "copy"))


def test_truth_by_hand(cohort, tmp_path):
    truth = phantom_truth(cohort, Plain())
    values = {}
    for level in ("A", "B"):
        world = counterfactual(cohort, do={"scanner": level}, folder=tmp_path / level)
        values[level] = pd.DataFrame(
            [
                Plain().extract_arrays(read_image_mask(world.image_path(c), world.mask_path(c)))
                for c in world.case_ids
            ]
        )
    rows = truth.to_frame().set_index("outcome")
    single = values["B"] - values["A"]
    for name in rows.index:
        row = rows.loc[name]
        assert row["contrast"] == "B - A"
        assert row["effect"] == pytest.approx(single[name].mean())
        assert row["outcome_sd"] == pytest.approx(values["A"][name].std())
        assert row["effect_sd"] == pytest.approx(row["effect"] / row["outcome_sd"])
        assert row["spread"] == pytest.approx(single[name].std())
        assert row["mean_other"] - row["mean_reference"] == pytest.approx(row["effect"])
        assert row["n"] == 12
    assert not rows.loc["shape_mesh_volume", "moved"]
    assert rows.loc["shape_mesh_volume", "effect"] == 0.0
    assert rows.loc["firstorder_variance", "moved"]
    assert truth.reference == "A"


def test_truth_does_not_depend_on_jobs_or_on_the_way(cohort):
    extractor = RadiomicsExtractor(feature_classes=["shape", "glcm"])
    pytest.importorskip("radiomics")
    one = phantom_truth(cohort, extractor)
    two = phantom_truth(cohort, extractor, n_jobs=2)
    files_too = phantom_truth(cohort, extractor.extract)
    known = phantom_truth(cohort, extractor, factual=extractor.extract(cohort))
    for other in (two, files_too, known):
        pd.testing.assert_frame_equal(one.effects, other.effects, check_exact=True)


def test_factual_features_are_not_computed_again(cohort):
    done: list[str] = []

    class Counting(Plain):
        def extract_arrays(self, scan: ImageMask) -> dict[str, float]:
            done.append(scan.case_id)
            return super().extract_arrays(scan)

    rows = [
        Counting().extract_arrays(read_image_mask(cohort.image_path(c), cohort.mask_path(c)))
        for c in cohort.case_ids
    ]
    frame = pd.concat([cohort.frame[["case_id"]], pd.DataFrame(rows)], axis=1)
    from causalimg.provenance import Provenance

    factual = FeatureTable.from_frame(
        frame,
        roles={"case_id": "id"},
        provenance=Provenance.of("extract", settings=Counting().settings()),
    )
    done.clear()
    truth = phantom_truth(cohort, Counting(), factual=factual)
    assert sorted(done) == sorted(cohort.case_ids)
    pd.testing.assert_frame_equal(truth.effects, phantom_truth(cohort, Plain()).effects)
    with pytest.raises(InvalidInputError, match=r"other settings \(fail\)"):
        phantom_truth(cohort, Counting(fail="P0001"), factual=factual)


def test_two_scanners_with_the_same_physics_move_nothing(tmp_path):
    a = PhantomModel().scanners[0]
    twin = replace(a, name="twin", age_logit=0.9)
    cohort = phantom_cohort(
        tmp_path / "twins", n_patients=6, model=PhantomModel(size=20, scanners=(a, twin))
    )
    truth = phantom_truth(cohort, Plain())
    assert (truth.effects["effect"] == 0).all()
    assert not truth.effects["moved"].any()
    assert truth.invariant(1e-12) == truth.features
    assert "scanner" not in truth.graph().parents("firstorder_mean")


def test_three_scanners_and_the_invariant_set(tmp_path):
    cohort = phantom_cohort(tmp_path / "abc", n_patients=10, size=20, scanners=("A", "B", "C"))
    truth = phantom_truth(cohort, Plain())
    assert list(truth.effects["contrast"].unique()) == ["B - A", "C - A", "C - B"]
    wide = truth.effects.pivot(index="outcome", columns="contrast", values="effect")
    np.testing.assert_allclose(wide["C - A"] - wide["B - A"], wide["C - B"], atol=1e-9)
    worst = truth.worst()
    assert worst["firstorder_variance"] > 0.2 > worst["shape_mesh_volume"] == 0
    assert "shape_mesh_volume" in truth.invariant(0.05)
    assert "firstorder_variance" not in truth.invariant(0.2)
    assert truth.invariant(1e9) == truth.features
    with pytest.raises(InvalidInputError, match="margin=0"):
        truth.invariant(0)


def test_truth_is_saved_and_loaded(cohort, tmp_path):
    truth = phantom_truth(cohort, Plain())
    truth.save(tmp_path / "truth.json")
    validate(json.loads((tmp_path / "truth.json").read_text()), "phantom_truth")
    again = PhantomTruth.load(tmp_path / "truth.json")
    pd.testing.assert_frame_equal(again.effects, truth.effects, check_exact=True)
    assert again.provenance.digest() == truth.provenance.digest()
    assert (again.reference, again.failed) == (truth.reference, truth.failed)


def test_a_value_that_is_not_a_number_goes_through_the_file(tmp_path, cohort):
    class Broken(Plain):
        def extract_arrays(self, scan: ImageMask) -> dict[str, float]:
            return {**super().extract_arrays(scan), "glcm_mcc": float("nan")}

    truth = phantom_truth(cohort, Broken())
    truth.save(tmp_path / "truth.json")
    again = PhantomTruth.load(tmp_path / "truth.json")
    pd.testing.assert_frame_equal(again.effects, truth.effects)
    assert "glcm_mcc" not in again.invariant(100.0)


def test_a_patient_without_features_is_left_out_by_name(cohort):
    truth = phantom_truth(cohort, Plain(fail="P0004"))
    assert truth.failed == ("P0004",)
    assert set(truth.effects["n"]) == {11}
    two = Cohort(cohort.frame.head(2), {}, cohort.folder)
    with pytest.raises(NotEstimableError, match="1 of 2 patients have features"):
        phantom_truth(two, Plain(fail="P0001"))


def test_the_true_graph_of_the_features(cohort):
    graph = phantom_truth(cohort, Plain()).graph(["shape_mesh_volume", "firstorder_mean"])
    assert set(graph.parents("shape_mesh_volume")) == {"lesion_size", "lesion_shape", "protocol"}
    assert "scanner" in graph.parents("firstorder_mean")
    assert "scanner" not in graph.parents("lesion_size")


def test_true_effects_span_from_nothing_to_more_than_one_sd(tmp_path):
    pytest.importorskip("radiomics")
    cohort = phantom_cohort(tmp_path / "c", n_patients=40, size=20, random_state=1)
    extractor = RadiomicsExtractor()
    table = extractor.extract(cohort)
    truth = phantom_truth(cohort, extractor, factual=table)
    size = truth.effects.set_index("outcome")["effect_sd"].abs()
    shape = [name for name in size.index if name.startswith("shape_")]
    assert len(shape) == 14
    assert (size[shape] == 0).all()
    assert 20 <= (size < 0.2).sum() <= 60
    assert ((size >= 0.2) & (size < 1.0)).sum() >= 25
    assert (size >= 1.0).sum() >= 5
    assert set(shape) <= set(truth.invariant(0.2))
