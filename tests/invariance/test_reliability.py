"""Reliability: published values, direct calculations, coverage, refusals."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from causalimg.errors import InvalidInputError, NotEstimableError, UnknownNameError
from causalimg.invariance.reliability import RELIABILITY_COLUMNS, reliability

# Shrout and Fleiss (1979), table 2: six targets, four judges
JUDGES = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]


def long(values: np.ndarray, names: list[str]) -> pd.DataFrame:
    """Values of shape (subjects, repeats, features) as one row per subject and repeat."""
    n, k, d = values.shape
    frame = pd.DataFrame(values.reshape(n * k, d), columns=names)
    return frame.assign(patient=np.repeat(np.arange(n), k), scan=np.tile(np.arange(k), n))


def measured(values: np.ndarray, **settings: float) -> pd.DataFrame:
    names = [f"f{k}" for k in range(values.shape[2])]
    return reliability(
        long(values, names), subject="patient", repeat="scan", features=names, **settings
    )


def drawn(seed: int, n: int, k: int, d: int, *, repeat_sd: float, error_sd: float) -> np.ndarray:
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(n, 1, d)) + repeat_sd * rng.normal(size=(1, k, d))
    return values + error_sd * rng.normal(size=(n, k, d))


def test_the_example_of_shrout_and_fleiss() -> None:
    row = measured(np.array(JUDGES, dtype=float)[:, :, None]).iloc[0]
    assert row["icc_2_1"] == pytest.approx(0.29, abs=0.005)
    assert row["icc_3_1"] == pytest.approx(0.71, abs=0.005)
    # intervals as commonly printed for this table
    assert (row["icc_2_1_low"], row["icc_2_1_high"]) == pytest.approx((0.02, 0.76), abs=0.005)
    assert (row["icc_3_1_low"], row["icc_3_1_high"]) == pytest.approx((0.34, 0.95), abs=0.005)


def test_concordance_of_two_repeats_by_its_definition() -> None:
    values = drawn(0, 40, 2, 3, repeat_sd=0.3, error_sd=0.5)
    found = measured(values)
    for k in range(3):
        a, b = values[:, 0, k], values[:, 1, k]
        direct = 2 * np.cov(a, b, ddof=0)[0, 1] / (a.var() + b.var() + (a.mean() - b.mean()) ** 2)
        assert found["ccc"][k] == pytest.approx(direct)
        assert found["ccc_low"][k] < direct < found["ccc_high"][k]


def test_variation_and_repeatability_by_their_definitions() -> None:
    values = drawn(1, 30, 2, 2, repeat_sd=0.0, error_sd=0.4) + 10
    found = measured(values)
    gap = values[:, 0] - values[:, 1]
    wsd = np.sqrt((gap**2).mean(axis=0) / 2)
    np.testing.assert_allclose(found["wsd"], wsd)
    np.testing.assert_allclose(found["repeatability"], 1.96 * np.sqrt(2) * wsd)
    share = gap**2 / 2 / values.mean(axis=1) ** 2
    np.testing.assert_allclose(found["wcv"], np.sqrt(share.mean(axis=0)))
    assert (found["repeatability_low"] < found["repeatability"]).all()
    mixed = measured(values - 10)
    assert mixed["wcv"].isna().all()


def test_the_measures_estimate_their_parameters() -> None:
    found = measured(drawn(2, 4000, 3, 40, repeat_sd=0.0, error_sd=0.5))
    np.testing.assert_allclose(found[["icc_2_1", "icc_3_1", "ccc"]].mean(), 0.8, atol=0.005)
    np.testing.assert_allclose(found["between_sd"].mean(), 1.0, atol=0.01)
    shifted = measured(drawn(3, 400, 2, 40, repeat_sd=1.0, error_sd=0.5))
    assert (shifted["icc_2_1"] < shifted["icc_3_1"] + 0.001).all()
    assert shifted["icc_2_1"].mean() < shifted["icc_3_1"].mean() - 0.1


@pytest.mark.parametrize(("name", "truth"), [("icc_2_1", 1 / 1.34), ("icc_3_1", 0.8)])
def test_the_intervals_cover(name: str, truth: float) -> None:
    found = measured(drawn(4, 25, 4, 1500, repeat_sd=0.3, error_sd=0.5), alpha=0.1)
    inside = (found[f"{name}_low"] <= truth) & (truth <= found[f"{name}_high"])
    assert inside.mean() == pytest.approx(0.9, abs=0.03)


def test_the_intervals_of_concordance_and_repeatability_cover() -> None:
    found = measured(drawn(5, 40, 2, 1500, repeat_sd=0.0, error_sd=0.5))
    # without a difference of means, the concordance is 1 / (1 + 0.25)
    inside = (found["ccc_low"] <= 0.8) & (found["ccc_high"] >= 0.8)
    assert inside.mean() == pytest.approx(0.95, abs=0.03)
    truth = 1.96 * np.sqrt(2) * 0.5
    inside = (found["repeatability_low"] <= truth) & (found["repeatability_high"] >= truth)
    assert inside.mean() == pytest.approx(0.95, abs=0.02)


def test_order_of_rows_and_features_does_not_matter() -> None:
    values = drawn(6, 20, 3, 5, repeat_sd=0.2, error_sd=0.5)
    names = [f"f{k}" for k in range(5)]
    frame = long(values, names)
    settings = {"subject": "patient", "repeat": "scan"}
    first = reliability(frame, features=names, **settings).set_index("feature")
    mixed = frame.sample(frac=1.0, random_state=0)
    second = reliability(mixed, features=names[::-1], **settings).set_index("feature")
    pd.testing.assert_frame_equal(first, second.loc[names])


def test_flat_and_incomplete_features() -> None:
    values = drawn(7, 12, 2, 4, repeat_sd=0.0, error_sd=0.3)
    values[:, :, 0] = 3.0
    values[0, 1, 1] = np.nan
    values[:, 1, 2] = values[:, 0, 2]
    found = measured(values)
    assert tuple(found.columns) == RELIABILITY_COLUMNS
    assert found.loc[0, "icc_2_1":"between_sd"].isna().all()
    assert found["n"].tolist() == [12, 11, 12, 12]
    alone = measured(values[1:, :, 1:2])
    assert found["icc_2_1"][1] == pytest.approx(alone["icc_2_1"][0])
    assert found["icc_3_1"][2] == pytest.approx(1.0)
    assert found["wsd"][2] == 0.0


def test_refusals() -> None:
    frame = long(drawn(8, 6, 2, 1, repeat_sd=0.0, error_sd=0.3), ["f0"])
    settings = {"subject": "patient", "repeat": "scan", "features": ["f0"]}
    with pytest.raises(InvalidInputError, match="patient 5 has 1 of the 2 repeats"):
        reliability(frame.iloc[:-1], **settings)
    with pytest.raises(InvalidInputError, match="patient 0 has scan 0 more than once"):
        reliability(pd.concat([frame, frame.iloc[:1]]), **settings)
    with pytest.raises(NotEstimableError, match="there are 2 and 2"):
        reliability(frame.iloc[:4], **settings)
    with pytest.raises(UnknownNameError, match="did you mean 'f0'"):
        reliability(frame, subject="patient", repeat="scan", features=["f_0"])
    with pytest.raises(InvalidInputError, match="alpha must be between"):
        reliability(frame, alpha=1.0, **settings)
