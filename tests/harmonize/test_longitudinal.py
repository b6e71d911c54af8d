"""Longitudinal ComBat: REML against statsmodels, patients kept apart from scanners."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from causalimg.errors import NotEstimableError
from causalimg.harmonize import ComBat, LongitudinalComBat
from causalimg.harmonize.random_intercept import fit_random_intercepts


def visits(seed: int, n_patients: int = 80) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Two to four visits a patient; sicker patients meet scanner B at their later visits."""
    rng = np.random.default_rng(seed)
    count = rng.integers(2, 5, n_patients)
    patient = np.repeat(np.arange(n_patients), count)
    time = np.concatenate([np.arange(c) for c in count]).astype(float)
    late = rng.random(len(patient)) < 0.2 + 0.2 * time
    level = rng.normal(0, 2, (n_patients, 5))[patient]
    clean = level + 0.3 * time[:, None] + 0.5 * rng.normal(size=(len(patient), 5))
    shift = np.array([0.8, -0.5, 1.2, 0.0, 0.6])
    frame = pd.DataFrame(clean + late[:, None] * shift).add_prefix("f")
    about = {"patient": patient, "time": time, "scanner": np.where(late, "B", "A")}
    return frame.assign(**about), pd.DataFrame(clean).add_prefix("f")


def test_reml_agrees_with_statsmodels() -> None:
    mixed = pytest.importorskip("statsmodels.regression.mixed_linear_model")
    frame, _ = visits(0)
    design = np.column_stack(
        [frame["scanner"] == "A", frame["scanner"] == "B", frame["time"]]
    ).astype(float)
    patient = frame["patient"].to_numpy()
    ours = fit_random_intercepts(design, frame[["f0", "f1"]].to_numpy(), patient)
    for k, name in enumerate(("f0", "f1")):
        theirs = mixed.MixedLM(frame[name].to_numpy(), design, groups=patient).fit(reml=True)
        np.testing.assert_allclose(ours.coefficient[:, k], theirs.fe_params, rtol=1e-4)
        np.testing.assert_allclose(ours.spread[k] ** 2, theirs.scale, rtol=1e-3)
        variance = ours.ratio[k] * ours.spread[k] ** 2
        np.testing.assert_allclose(variance, np.asarray(theirs.cov_re)[0, 0], rtol=1e-3)
        residual = frame[[name]].to_numpy() - design @ ours.coefficient[:, [k]]
        alone = fit_random_intercepts(design, frame[[name]].to_numpy(), patient)
        blup = alone.intercepts(residual, patient)[:, 0]
        effects = np.array([theirs.random_effects[i].iloc[0] for i in range(len(blup))])
        np.testing.assert_allclose(blup, effects, rtol=1e-2, atol=1e-3)


def test_no_patient_effect_gives_ratio_zero_and_least_squares() -> None:
    rng = np.random.default_rng(3)
    patient = np.repeat(np.arange(50), 2)
    # differences within patients larger than between them: the likelihood is highest at 0
    values = rng.normal(size=(100, 1)) + np.tile([-1.0, 1.0], 50)[:, None]
    design = np.column_stack([np.ones(100), rng.normal(size=100)])
    fitted = fit_random_intercepts(design, values, patient)
    assert fitted.ratio[0] == 0
    expected = np.linalg.lstsq(design, values, rcond=None)[0]
    np.testing.assert_allclose(fitted.coefficient, expected)


def test_patients_keep_their_level_and_scanners_lose_theirs() -> None:
    frame, clean = visits(1, 150)
    after = LongitudinalComBat(batch="scanner", patient="patient", covariates=["time"])
    harmonised = after.fit_transform(frame)
    plain = ComBat(batch="scanner", covariates=["time"]).fit_transform(frame, features=list(clean))

    def error(found: pd.DataFrame) -> float:
        gap = found.to_numpy() - clean.to_numpy()
        return float(np.sqrt(((gap - gap.mean(axis=0)) ** 2).mean()))

    assert after.features_ == tuple(clean)
    assert error(harmonised) < 0.12
    assert error(harmonised) < 0.8 * error(plain)
    assert error(frame[list(clean)]) > 0.35


def test_new_patients_are_harmonised_alike() -> None:
    frame, _ = visits(2, 120)
    fitted = LongitudinalComBat(batch="scanner", patient="patient", covariates=["time"]).fit(frame)
    whole = fitted.transform(frame)
    rows = frame["patient"].isin([4, 9])
    renamed = frame[rows].assign(patient=frame.loc[rows, "patient"] + 1000)
    pd.testing.assert_frame_equal(fitted.transform(renamed), whole[rows])


def test_one_row_for_each_patient_is_refused() -> None:
    frame, _ = visits(4)
    single = frame.drop_duplicates("patient")
    with pytest.raises(NotEstimableError, match=r"one row only.*use ComBat"):
        LongitudinalComBat(batch="scanner", patient="patient").fit(single, features=["f0"])
