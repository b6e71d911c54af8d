import json
import math
import struct

import numpy as np
import pytest

from causalimg.radiomics.store import CaseStore

KEY = CaseStore.key(image="a", mask="b", label=1, settings={"bin_width": 25.0}, engine="e 1")


def test_values_come_back_bit_for_bit(tmp_path):
    generator = np.random.default_rng(0)
    bits = generator.integers(0, 2**63, 2000, dtype=np.int64)
    numbers = [struct.unpack("<d", struct.pack("<q", int(b)))[0] for b in bits]
    features = {
        f"f{k}": v for k, v in enumerate([*numbers, 0.1, -0.0, math.inf, -math.inf, 5e-324])
    }
    store = CaseStore(tmp_path)
    store.put(KEY, features)
    again = store.get(KEY)
    assert list(again) == list(features)
    for name, value in features.items():
        if not math.isnan(value):
            assert struct.pack("<d", again[name]) == struct.pack("<d", value)
    store.put(KEY, {"x": math.nan})
    assert math.isnan(store.get(KEY)["x"])


@pytest.mark.parametrize(
    "change",
    [
        {"image": "c"},
        {"mask": "c"},
        {"label": None},
        {"label": 2},
        {"settings": {"bin_width": 25.5}},
        {"engine": "e 2"},
    ],
)
def test_the_key_depends_on_everything(change):
    same = {"image": "a", "mask": "b", "label": 1, "settings": {"bin_width": 25.0}, "engine": "e 1"}
    assert CaseStore.key(**same) == KEY
    assert CaseStore.key(**{**same, **change}) != KEY


@pytest.mark.parametrize(
    "damage", ["", "{", "[]", "{}", "null", '{"features": 3, "checksum": "x"}']
)
def test_an_entry_that_is_damaged_is_absent(tmp_path, damage):
    store = CaseStore(tmp_path)
    store.put(KEY, {"x": 1.5})
    assert len(store) == 1
    store.path(KEY).write_text(damage)
    assert store.get(KEY) is None
    store.put(KEY, {"x": 1.5})
    assert store.get(KEY) == {"x": 1.5}


def test_a_changed_number_is_noticed(tmp_path):
    store = CaseStore(tmp_path)
    store.put(KEY, {"x": 1.5})
    text = store.path(KEY).read_text()
    assert json.loads(text)["features"] == [["x", 1.5]]
    store.path(KEY).write_text(text.replace("1.5", "2.5"))
    assert store.get(KEY) is None


def test_an_empty_store(tmp_path):
    store = CaseStore(tmp_path / "none")
    assert store.get(KEY) is None
    assert len(store) == 0
    assert not (tmp_path / "none").exists()
