"""What the page's explorers are given: packed numbers, pictures, and room for them."""

from __future__ import annotations

import base64
import io
import json
import struct
from dataclasses import replace

import numpy as np
import pytest

from causalimg.report import case_data as module
from causalimg.report.case_data import case_data
from causalimg.report.columns import codes, numbers, packed
from causalimg.report.explorer import effect_data, extraction_words
from causalimg.report.png import grey_png


def unpacked(text: str) -> np.ndarray:
    raw = base64.b64decode(text)
    whole = b"".join(b"\0" + raw[k : k + 3] for k in range(0, len(raw), 3))
    return np.array(struct.unpack(f"<{len(raw) // 3}f", whole))


def test_packed_numbers_keep_four_digits_and_what_is_missing() -> None:
    rng = np.random.default_rng(0)
    values = np.concatenate([rng.normal(size=500), 10.0 ** rng.uniform(-30, 30, 500), [0, -1e-4]])
    np.testing.assert_allclose(unpacked(packed(values)), values, rtol=1.6e-5)
    odd = unpacked(packed([np.nan, np.inf, -np.inf, 0.0]))
    assert np.isnan(odd[0]) and odd[1:].tolist() == [np.inf, -np.inf, 0.0]


@pytest.mark.parametrize("shape", [(96, 96), (1, 7), (33, 5)])
def test_png_is_read_back_by_another_library(shape: tuple[int, int]) -> None:
    from matplotlib.image import imread

    rng = np.random.default_rng(1)
    smooth = np.add.outer(np.arange(shape[0]), np.arange(shape[1])) % 256
    for pixels in (rng.integers(0, 256, shape), smooth, np.zeros(shape)):
        made = pixels.astype(np.uint8)
        back = imread(io.BytesIO(grey_png(made)), format="png")
        np.testing.assert_array_equal(np.round(back * 255), made)


def test_columns_are_json() -> None:
    assert numbers([0.123456, -1e-9, np.inf, 12345.6, 3]) == [0.1235, -1e-9, None, 12350, 3]
    assert codes(["b", "a", "b"]) == {"levels": ["b", "a"], "codes": [0, 1, 0]}


def test_the_explorer_orders_by_size_and_keeps_the_truth(study) -> None:
    data = effect_data(study)
    rows = data["rows"]
    sizes = [abs(value) for value in rows["sd"] if value is not None]
    assert sizes == sorted(sizes, reverse=True)
    name = data["features"]["name"][rows["feature"][0]]
    known = study.truth.effects.set_index("outcome").loc[name]
    sd = study.effects.frame.set_index("outcome").loc[name, "outcome_sd"]
    assert rows["truth"][0] == pytest.approx(known["effect"] / sd, rel=1e-3)
    verdicts = data["verdicts"]
    kinds = [verdicts["verdict"]["levels"][k] for k in verdicts["verdict"]["codes"]]
    found = dict(zip(data["features"]["name"], kinds, strict=True))
    evidence = study.invariant.evidence
    assert all(found[row.feature] == row.verdict for row in evidence.itertuples())
    json.dumps(data, allow_nan=False)


def test_a_feature_says_what_stands_for_it(study) -> None:
    features = effect_data(study)["features"]
    stands = dict(zip(features["name"], features["stands"], strict=True))
    near = study.redundancy[study.redundancy["status"] == "redundant"].iloc[0]
    assert stands[near["feature"]] == near["representative"]


def test_the_extraction_is_told_from_its_record(study) -> None:
    made = replace(
        study.table.provenance,
        settings={"engine": "native", "engine_version": "2", "bin_width": 25.0,
                  "resample": [1.0, 1.0, 3.0], "normalize": True},
    )  # fmt: skip
    told = extraction_words(replace(study, table=replace(study.table, provenance=made)))
    assert told == (
        "Extracted by the native engine (version 2), bin width 25, resampled to 1 × 1 × 3 mm,"
        f" intensities normalised; record {made.digest()[:12]}."
    )
    told = extraction_words(replace(study, cohort=None))
    assert told.startswith("Read from a table of features; record ")


def test_values_are_those_of_the_table(study) -> None:
    data = case_data(study)
    values = unpacked(data["values"]).reshape(len(data["features"]), -1)
    np.testing.assert_allclose(values.T, study.table.frame[data["features"]], rtol=1.6e-5)
    assert data["first"] in data["features"]


def test_what_there_is_no_room_for_is_named(study, monkeypatch: pytest.MonkeyPatch) -> None:
    cases = len(study.table.frame)
    monkeypatch.setattr(module, "VALUE_BYTES", 4 * cases * 30)
    data = case_data(study)
    assert len(data["features"]) == 30
    assert {name for name in study.graph.nodes if "_" in name} <= set(data["features"])
    assert "those of the other 2 are in features.parquet" in data["notes"][-1]


def test_pictures_shrink_until_there_is_room(studies, monkeypatch: pytest.MonkeyPatch) -> None:
    made = studies(n=20, n_failed=0, pictures=64)

    def sizes() -> list[int]:
        shown = [p for p in case_data(made)["pictures"] if p is not None]
        return [struct.unpack(">I", base64.b64decode(p["png"])[16:20])[0] for p in shown]

    full = sizes()
    assert len(full) == 20 and max(full) > 48
    total = sum(len(p["png"]) + len(p["d"]) for p in case_data(made)["pictures"])
    monkeypatch.setattr(module, "PICTURE_BYTES", total // 2)
    assert len(sizes()) == 20 and max(sizes()) <= 48
    monkeypatch.setattr(module, "PICTURE_BYTES", total // 30)
    assert 0 < len(sizes()) < 20
    assert "first" in case_data(made)["notes"][0]
