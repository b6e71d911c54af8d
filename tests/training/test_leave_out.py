"""Environments left out in turn: the rows, the worst, and what invariance is worth there."""

from __future__ import annotations

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from causalimg.errors import InvalidInputError, NotEstimableError, UnknownNameError
from causalimg.training.leave_out import invariant_models, leave_one_environment_out
from causalimg.training.model_features import used_features

FEATURES = ["cause", "cue"]


def sites(shares: tuple[float, ...], n: int = 400, seed: int = 0) -> pd.DataFrame:
    """Return cases whose cue agrees with the outcome by another share at each site."""
    rng = np.random.default_rng(seed)
    parts = []
    for k, share in enumerate(shares):
        cause = rng.normal(size=n)
        y = (rng.random(n) < 1 / (1 + np.exp(-1.5 * cause))).astype(int)
        cue = np.where(rng.random(n) < share, y, 1 - y) + 0.3 * rng.normal(size=n)
        parts.append(pd.DataFrame({"cause": cause, "cue": cue, "y": y, "site": f"s{k}"}))
    return pd.concat(parts, ignore_index=True)


def test_rows_are_those_of_a_loop_written_out() -> None:
    frame = sites((0.6, 0.7, 0.8))
    models = {"logistic": LogisticRegression()}
    found = leave_one_environment_out(
        frame, features=FEATURES, outcome="y", environment="site", models=models
    )
    table = found.to_frame().set_index("held_out")
    for site in ("s0", "s1", "s2"):
        inside, outside = frame[frame["site"] != site], frame[frame["site"] == site]
        fitted = LogisticRegression().fit(inside[FEATURES].to_numpy(), inside["y"])
        said = fitted.predict_proba(outside[FEATURES].to_numpy())
        assert table.loc[site, "log_loss"] == pytest.approx(log_loss(outside["y"], said))
        assert table.loc[site, "accuracy"] == (said.argmax(1) == outside["y"]).mean()
    worst = found.worst().iloc[0]
    assert worst["worst_log_loss"] == table["log_loss"].max()
    assert worst["worst_environment"] == table["log_loss"].idxmax()
    assert "smallest worst log loss" in repr(found) and "logistic" in found._repr_html_()


def test_holding_the_risk_down_everywhere_pays_where_the_cue_turns() -> None:
    frame = sites((0.95, 0.7, 0.1), n=500)
    models = {
        name: model
        for name, model in invariant_models("site", n_steps=200).items()
        if name.startswith("linear")
    }
    found = leave_one_environment_out(
        frame, features=FEATURES, outcome="y", environment="site", models=models
    )
    turned = found.to_frame().query("held_out == 's2'").set_index("model")["log_loss"]
    for name in ("IRM", "V-REx"):
        assert turned[f"linear, {name}"] < turned["linear, plain"] - 0.1
    assert found.worst()["worst_log_loss"].is_monotonic_increasing


def test_default_models_and_workers_give_the_same() -> None:
    frame = sites((0.9, 0.8, 0.7), n=60)
    models = {k: m.set_params(n_steps=20) for k, m in invariant_models("site", hidden=(4,)).items()}
    assert len(models) == 8
    found = []
    for n_jobs in (1, 2):
        with joblib.parallel_config(backend="threading"):
            found.append(
                leave_one_environment_out(
                    frame,
                    features=FEATURES,
                    outcome="y",
                    environment="site",
                    models=models,
                    n_jobs=n_jobs,
                ).to_frame()
            )
    one, two = found
    pd.testing.assert_frame_equal(one, two)
    assert one["model"].unique().tolist() == list(models) and len(one) == 24


def test_refusals_say_what_is_missing() -> None:
    frame = sites((0.9, 0.8, 0.7), n=30)
    asked: dict[str, object] = {"features": FEATURES, "outcome": "y", "environment": "site"}
    with pytest.raises(NotEstimableError, match="at least three"):
        leave_one_environment_out(frame[frame["site"] != "s0"], **asked)  # type: ignore[arg-type]
    with pytest.raises(InvalidInputError, match=r"missing values in \['cue'\]"):
        leave_one_environment_out(frame.assign(cue=np.nan), **asked)  # type: ignore[arg-type]
    with pytest.raises(UnknownNameError, match="did you mean 'cue'"):
        leave_one_environment_out(frame, features=["cues"], outcome="y", environment="site")
    asked["models"] = {"logistic": LogisticRegression()}
    third = frame.assign(y=np.where(frame["site"] == "s1", 2, frame["y"]))
    with pytest.raises(NotEstimableError, match="'y' = 2 is met in 'site' = 's1' only"):
        leave_one_environment_out(third, **asked)  # type: ignore[arg-type]


def test_one_class_in_an_environment_has_no_auc() -> None:
    frame = sites((0.9, 0.8, 0.7), n=40)
    frame = frame[(frame["site"] != "s1") | (frame["y"] == 1)]
    found = leave_one_environment_out(
        frame,
        features=FEATURES,
        outcome="y",
        environment="site",
        models={"logistic": LogisticRegression()},
    ).to_frame()
    assert np.isnan(found.set_index("held_out").loc["s1", "auc"])
    assert np.isfinite(found["log_loss"]).all()


def test_the_features_of_a_model_in_the_exchange_form() -> None:
    frame = sites((0.95, 0.7, 0.4), n=600)
    model = invariant_models("site", n_steps=300)["linear, V-REx"]
    model.fit(frame[FEATURES], frame["y"], variables=frame[["site"]])
    found = used_features(model, FEATURES, outcome="y", environment="site", floor=0.5)
    assert found.features == ("cause",) and found.meaning == "invariant_model"
    assert found.to_frame()["verdict"].tolist() == ["used", "not_used"]
    with pytest.raises(InvalidInputError, match="1 names for a model of 2"):
        used_features(model, ["cause"], outcome="y", environment="site")
