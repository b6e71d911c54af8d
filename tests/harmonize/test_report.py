"""Before and after harmonisation."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from batch_tables import batch_table

from causalimg.errors import InvalidInputError, SchemaError
from causalimg.harmonize import ComBat, HarmonizationReport, harmonization_report


def test_the_batch_goes_and_the_outcome_stays() -> None:
    frame, names, clean = batch_table(0, n=500)
    rng = np.random.default_rng(0)
    z = clean.to_numpy() - clean.to_numpy().mean(axis=0)
    frame["ill"] = np.where(z[:, 0] + rng.normal(size=500) > 0, "yes", "no")
    after = ComBat(batch="scanner", covariates=["age", "sex"]).fit_transform(frame, features=names)
    found = harmonization_report(
        frame, after, batch="scanner", features=names, covariates=["age", "sex"], outcome="ill"
    )
    first, last = (row for _, row in found.summary().iterrows())
    assert first["share_moved"] > 0.9 and last["share_moved"] == 0.0
    assert first["auc"] > 0.9 and last["auc"] < 0.6
    assert last["variance_ratio"] < 1.2 < first["variance_ratio"]
    rows = found.to_frame().query("feature == 'f0'").set_index("stage")
    assert abs(rows.loc["after", "outcome_r"] - rows.loc["before", "outcome_r"]) < 0.05
    assert rows.loc["after", "outcome_r"] > 0.4
    assert "AUC" in repr(found) and "yes" not in repr(found)
    assert len(found.to_frame()) == 2 * len(names)


def test_the_f_test_is_that_of_scipy_without_covariates() -> None:
    from scipy.stats import f_oneway

    frame, names, _ = batch_table(1, n=120)
    found = harmonization_report(frame, frame[names], batch="scanner", features=names)
    groups = [part["f3"] for _, part in frame.groupby("scanner")]
    p = found.to_frame().set_index(["feature", "stage"]).loc[("f3", "before"), "batch_p"]
    np.testing.assert_allclose(p, f_oneway(*groups).pvalue, rtol=1e-8)


def test_other_cases_are_refused() -> None:
    frame, names, _ = batch_table(2, n=90)
    with pytest.raises(InvalidInputError, match="same cases in the same order"):
        harmonization_report(frame, frame[names][:-1], batch="scanner", features=names)
    with pytest.raises(InvalidInputError, match="has 3 labels"):
        three = frame.assign(y=np.tile(["a", "b", "c"], 30))
        harmonization_report(three, three, batch="scanner", features=names, outcome="y")


def test_null_batches_are_not_told() -> None:
    rng = np.random.default_rng(3)
    frame = pd.DataFrame(rng.normal(size=(300, 5))).add_prefix("f")
    frame["scanner"] = rng.choice(["A", "B"], 300)
    found = harmonization_report(
        frame, frame, batch="scanner", features=[f"f{k}" for k in range(5)]
    )
    assert abs(found.predictability["auc"].iloc[0] - 0.5) < 0.12
    assert (found.to_frame()["batch_q"] > 0.05).all()


def test_what_is_saved_is_read_back(tmp_path) -> None:
    frame, names, _ = batch_table(4, n=90)
    frame["y"] = np.arange(90.0)
    with_y = harmonization_report(frame, frame, batch="scanner", features=names, outcome="y")
    without = harmonization_report(frame, frame, batch="scanner", features=names)
    for found in (with_y, without):
        found.save(tmp_path / "report.json")
        again = HarmonizationReport.load(tmp_path / "report.json")
        pd.testing.assert_frame_equal(again.features, found.features)
        pd.testing.assert_frame_equal(again.predictability, found.predictability)
        assert (again.batch, again.outcome, again.notes) == (
            found.batch, found.outcome, found.notes,
        )  # fmt: skip
    text = (tmp_path / "report.json").read_text().replace("harmonization/1.0.0", "harmonization/9")
    (tmp_path / "report.json").write_text(text)
    with pytest.raises(SchemaError, match="version"):
        HarmonizationReport.load(tmp_path / "report.json")
