from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from causalimg.datasets import phantom_cohort
from causalimg.discovery.identities import find_identities, identity_frame
from causalimg.errors import InvalidInputError
from causalimg.radiomics.extractor import RadiomicsExtractor


def relations(table: pd.DataFrame) -> dict[frozenset[str], str]:
    return {frozenset(one.columns): one.text for one in find_identities(table)}


@pytest.fixture
def base() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return pd.DataFrame(rng.normal(size=(80, 6)), columns=list("abcdef"))


def test_sums_and_products_are_found_and_named(base: pd.DataFrame) -> None:
    table = base.assign(sum=2 * base["a"] - 0.5 * base["b"] + 3, twin=-4 * base["c"] + 1)
    size = np.exp(0.5 * base["d"])
    table["length"] = size * 7
    table["area"] = size**2 * np.exp(0.2 * base["e"])
    table["volume"] = size**3 * np.exp(0.1 * base["f"])
    table["ratio"] = 6 * table["volume"] ** (2 / 3) / table["area"]
    found = relations(table)
    assert found[frozenset(("ratio", "area", "volume"))] == "ratio = 6 * area^-1 * volume^(2/3)"
    assert found[frozenset(("twin", "c"))] == "c = 0.25 + (-1/4) * twin"
    pair = next(text for names, text in found.items() if names == frozenset(("a", "b", "sum")))
    assert pair in {
        "b = 6 + 4 * a + -2 * sum",
        "a = -1.5 + (1/2) * sum + (1/4) * b",
        "sum = 3 + 2 * a + (-1/2) * b",
    }
    assert len(found) == 3


def test_near_copies_are_no_identities(base: pd.DataFrame) -> None:
    rng = np.random.default_rng(1)
    near = {f"a_{k}": base["a"] + 1e-4 * rng.normal(size=80) for k in range(6)}
    assert find_identities(base.assign(**near)) == ()
    exact = base.assign(**near, sum=near["a_0"] - near["a_1"])
    assert list(relations(exact)) == [frozenset(("a_0", "a_1", "sum"))]


def test_nothing_depends_on_units_or_order(base: pd.DataFrame) -> None:
    table = np.exp(base)
    table["x"] = 5 * table["a"] ** 2 / table["b"]
    table["y"] = table["c"] + table["d"]
    first = set(relations(table))
    assert first == {frozenset(("a", "b", "x")), frozenset(("c", "d", "y"))}
    rng = np.random.default_rng(2)
    assert set(relations(table[list(rng.permutation(table.columns))])) == first
    assert set(relations(table * rng.uniform(1e-4, 1e4, len(table.columns)))) == first


def test_other_columns_are_passed_over(base: pd.DataFrame) -> None:
    table = base.assign(
        site="x", flat=1.0, hole=base["a"].where(base.index > 3), twin=base["a"] * 2
    )
    assert list(relations(table)) == [frozenset(("a", "twin"))]
    assert find_identities(table[["a", "site"]]) == ()
    with pytest.raises(InvalidInputError, match="at least 10 rows; got 9"):
        find_identities(base.iloc[:9])
    with pytest.raises(InvalidInputError, match="tolerance"):
        find_identities(base, tolerance=0)


def test_identities_of_radiomics_features(tmp_path: Path) -> None:
    cohort = phantom_cohort(tmp_path, n_patients=16, random_state=0)
    table = RadiomicsExtractor(engine="native").extract(cohort)
    identities = find_identities(table.frame[table.features])
    found = {frozenset(one.columns): one for one in identities}

    def shape(*names: str) -> frozenset[str]:
        return frozenset(f"shape_{name}" for name in names)

    ratio = found[shape("surface_volume_ratio", "surface_area", "mesh_volume")]
    assert ratio.target == "shape_surface_volume_ratio"
    assert ratio.terms == {"shape_mesh_volume": -1.0, "shape_surface_area": 1.0}
    assert ratio.constant == pytest.approx(1.0)
    sphere = found[shape("sphericity", "surface_area", "mesh_volume")]
    assert sphere.target == "shape_sphericity"
    assert sphere.terms["shape_mesh_volume"] == pytest.approx(2 / 3)
    assert sphere.terms["shape_surface_area"] == -1.0
    assert sphere.constant == pytest.approx((36 * np.pi) ** (1 / 3))
    assert shape("elongation", "major_axis_length", "minor_axis_length") in found
    assert shape("flatness", "major_axis_length", "least_axis_length") in found
    assert frozenset(("glcm_joint_average", "glcm_sum_average")) in found
    assert frozenset(("firstorder_minimum", "firstorder_maximum", "firstorder_range")) in found
    frame = identity_frame(identities)
    assert frame["error"].max() < 1e-6
    assert "shape_sphericity = 4.83598 * shape_mesh_volume^(2/3) * shape_surface_area^-1" in set(
        frame["relation"]
    )
