"""Other libraries' effect estimators behind one signature, for `effects_truth`.

A library that is not installed gives no row. Those that take one outcome at a time are run on fewer
tables and outcomes; `PEERS` says how many. None of them is given the clusters: econml, dowhy and
zEpid have no cluster-robust errors, DoubleML's need a table of their own kind.
"""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

COVARIATES = [f"x{k}" for k in range(5)]

FEW = (300, 2)
"""Most tables and outcomes for what is fitted to one outcome at a time."""

Fit = Callable[[pd.DataFrame, list[str]], pd.DataFrame]


def table(rows: list[tuple[float, float, float]]) -> pd.DataFrame:
    """Return rows as a table; NaN limits where a library offers none at this price."""
    return pd.DataFrame(rows, columns=["estimate", "ci_low", "ci_high"])


def quiet(one: Callable[[pd.DataFrame, str], tuple[float, float, float]]) -> Fit:
    """Run a fit of one outcome for every outcome, warnings hushed."""

    def fit(frame: pd.DataFrame, names: list[str]) -> pd.DataFrame:
        data = frame[[*COVARIATES, *names]].assign(t=(frame["scanner"] == "B").astype(int))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return table([one(data, name) for name in names])

    return fit


def linear_nuisances() -> dict[str, Any]:
    """Return least squares and an all but unpenalised logistic regression."""
    from sklearn.linear_model import LinearRegression, LogisticRegression

    return {"y": LinearRegression(), "t": LogisticRegression(C=1e3)}


def econml_dml(frame: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    """Fit econml's LinearDML to all outcomes in one call."""
    from econml.dml import LinearDML

    own = linear_nuisances()
    model = LinearDML(model_y=own["y"], model_t=own["t"], discrete_treatment=True, random_state=0)
    t = (frame["scanner"] == "B").astype(int).to_numpy()
    model.fit(frame[names].to_numpy(), t, W=frame[COVARIATES].to_numpy())
    low, high = model.effect_interval(alpha=0.05)
    return pd.DataFrame(
        {"estimate": np.ravel(model.effect()), "ci_low": np.ravel(low), "ci_high": np.ravel(high)}
    )


def econml_dr(data: pd.DataFrame, name: str) -> tuple[float, float, float]:
    """Fit econml's LinearDRLearner."""
    from econml.dr import LinearDRLearner

    own = linear_nuisances()
    model = LinearDRLearner(model_regression=own["y"], model_propensity=own["t"], random_state=0)
    model.fit(data[name].to_numpy(), data["t"].to_numpy(), W=data[COVARIATES].to_numpy())
    found = model.intercept__inference(T=1).summary_frame(alpha=0.05).iloc[0]
    return float(found["point_estimate"]), float(found["ci_lower"]), float(found["ci_upper"])


def dowhy_by(method: str) -> Callable[[pd.DataFrame, str], tuple[float, float, float]]:
    """Return a fit of one of dowhy's methods; only regression has intervals without resampling."""

    def one(data: pd.DataFrame, name: str) -> tuple[float, float, float]:
        from dowhy import CausalModel

        data = data[[*COVARIATES, "t", name]].copy()
        if "weighting" in method:
            data["t"] = data["t"].astype(bool)
        model = CausalModel(data, "t", name, common_causes=COVARIATES)
        estimand = model.identify_effect(proceed_when_unidentifiable=True)
        found = model.estimate_effect(estimand, method_name=f"backdoor.{method}")
        if method != "linear_regression":
            return float(found.value), float("nan"), float("nan")
        low, high = np.ravel(found.get_confidence_intervals())
        return float(found.value), float(low), float(high)

    return one


def doubleml_by(kind: str) -> Callable[[pd.DataFrame, str], tuple[float, float, float]]:
    """Return a fit of DoubleML's IRM or PLR with five folds."""

    def one(data: pd.DataFrame, name: str) -> tuple[float, float, float]:
        import doubleml

        own = linear_nuisances()
        read = doubleml.DoubleMLData(data, y_col=name, d_cols="t", x_cols=COVARIATES)
        np.random.seed(0)  # noqa: NPY002  its folds have no other seed
        if kind == "IRM":
            model = doubleml.DoubleMLIRM(read, ml_g=own["y"], ml_m=own["t"])
        else:
            model = doubleml.DoubleMLPLR(read, ml_l=own["y"], ml_m=own["t"])
        model.fit()
        low, high = model.confint().iloc[0]
        return float(model.coef[0]), float(low), float(high)

    return one


def zepid_aiptw(data: pd.DataFrame, name: str) -> tuple[float, float, float]:
    """Fit zEpid's AIPTW (its TMLE of a number outcome writes into a read-only array here)."""
    from zepid.causal.doublyrobust import AIPTW

    formula = " + ".join(COVARIATES)
    small = data[[*COVARIATES, "t", name]].rename(columns={name: "y"})
    model = AIPTW(small, exposure="t", outcome="y")
    model.exposure_model(formula, print_results=False)
    model.outcome_model(f"t + {formula}", print_results=False)
    model.fit()
    low, high = model.average_treatment_effect_ci
    return float(model.average_treatment_effect), float(low), float(high)


def available() -> dict[str, tuple[Fit, str, tuple[int, int]]]:
    """Return what is installed: name -> fit, estimand, (most tables, most outcomes)."""
    every: dict[str, tuple[str, Fit, str, tuple[int, int]]] = {
        "econml LinearDML": ("econml", econml_dml, "ato", (300, 500)),
        "econml LinearDRLearner": ("econml", quiet(econml_dr), "ate", FEW),
        "dowhy regression": ("dowhy", quiet(dowhy_by("linear_regression")), "ato", FEW),
        "dowhy weighting": ("dowhy", quiet(dowhy_by("propensity_score_weighting")), "ate", FEW),
        "DoubleML IRM": ("doubleml", quiet(doubleml_by("IRM")), "ate", FEW),
        "DoubleML PLR": ("doubleml", quiet(doubleml_by("PLR")), "ato", FEW),
        "zEpid AIPTW": ("zepid", quiet(zepid_aiptw), "ate", FEW),
    }
    return {
        name: (fit, target, size)
        for name, (module, fit, target, size) in every.items()
        if importlib.util.find_spec(module) is not None
    }


PEERS = available()
