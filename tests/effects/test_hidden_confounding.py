"""Front-door and instrumental-variable estimates: truth, dowhy, by hand, refusals."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from causalimg.effects import AIPW, simultaneous
from causalimg.effects.mediated import FrontDoor
from causalimg.effects.two_stage import IV
from causalimg.errors import InvalidInputError, NotEstimableError

NAMES = [f"f{k}" for k in range(6)]


def mediated(seed: int, n: int = 600, levels: int = 2) -> pd.DataFrame:
    """Level k moves two mediators; its effect is 0.4 k."""
    rng = np.random.default_rng(seed)
    hidden, age = rng.normal(size=(2, n))
    code = (rng.random(n) < 1 / (1 + np.exp(-hidden))).astype(int)
    if levels == 3:
        code = code + (rng.random(n) < 0.3)
    noise = 1.0 * code + 0.5 * age + rng.normal(size=n)
    blur = -0.5 * code + rng.normal(size=n)
    y = (0.5 * noise + 0.2 * blur + hidden + 0.7 * age)[:, None] + rng.normal(size=(n, 6))
    return pd.DataFrame(y, columns=NAMES).assign(
        scanner=np.array(list("ABC"))[code], noise=noise, blur=blur, age=age
    )


def assigned(seed: int, n: int = 400, strength: float = 1.0, count: int = 1) -> pd.DataFrame:
    """Instruments move a treatment with effect 0.5 and an unmeasured confounder."""
    rng = np.random.default_rng(seed)
    hidden, age = rng.normal(size=(2, n))
    z = rng.normal(size=(n, count))
    b = hidden + strength * z.sum(axis=1) + 0.5 * age + rng.normal(size=n) > 0
    y = (0.5 * b + hidden + 0.7 * age)[:, None] + rng.normal(size=(n, 6))
    frame = pd.DataFrame(y, columns=NAMES).assign(age=age, scanner=np.where(b, "B", "A"))
    return frame.assign(**{f"z{j}": z[:, j] for j in range(count)})


def as_gml(edges: list[tuple[str, str]]) -> str:
    """Write a graph the way dowhy reads one; a node without a column is unobserved."""
    nodes = sorted({node for edge in edges for node in edge})
    lines = [f'node [ id "{node}" label "{node}" ]' for node in nodes]
    lines += [f'edge [ source "{a}" target "{b}" ]' for a, b in edges]
    return "graph [ directed 1 " + " ".join(lines) + " ]"


@pytest.mark.parametrize("interactions", [True, False])
def test_front_door_coverage(interactions: bool) -> None:
    inside, estimates, errors, naive = [], [], [], []
    for seed in range(60):
        frame = mediated(seed, n=300)
        fit = FrontDoor(
            treatment="scanner",
            mediators=["noise", "blur"],
            adjustment=["age"],
            interactions=interactions,
        ).fit(frame, NAMES)
        rows = fit.effects_.frame
        inside.append(((rows["ci_low"] < 0.4) & (rows["ci_high"] > 0.4)).mean())
        estimates.append(rows["estimate"].to_numpy())
        errors.append(rows["se"].to_numpy())
        aipw = AIPW(treatment="scanner", adjustment=["age"]).fit(frame, NAMES)
        naive.append(aipw.effects_.frame["estimate"].mean())
    assert abs(np.mean(estimates) - 0.4) < 0.06
    assert np.mean(naive) > 1.0
    assert abs(np.mean(inside) - 0.95) < 3 * np.std(inside) / np.sqrt(60) + 0.01
    assert np.mean(errors) / np.std(estimates, axis=0).mean() == pytest.approx(1, abs=0.2)


@pytest.mark.filterwarnings("ignore")
def test_front_door_of_one_mediator_by_hand_and_by_dowhy() -> None:
    frame = mediated(1, n=3000)[["scanner", "noise", "f0"]]
    fit = FrontDoor(treatment="scanner", mediators=["noise"], interactions=False)
    row = fit.fit(frame, ["f0"]).effects_.frame.iloc[0]
    b = (frame["scanner"] == "B").to_numpy(dtype=float)
    ones = np.ones(len(b))
    moved = np.linalg.lstsq(np.column_stack([ones, b]), frame["noise"], rcond=None)[0][1]
    both = np.column_stack([ones, b, frame["noise"]])
    slope = np.linalg.lstsq(both, frame["f0"], rcond=None)[0][2]
    assert row["estimate"] == pytest.approx(moved * slope)
    dowhy = pytest.importorskip("dowhy")
    data = pd.DataFrame({"t": b, "m": frame["noise"], "y": frame["f0"]})
    model = dowhy.CausalModel(
        data, "t", "y", graph=as_gml([("U", "t"), ("U", "y"), ("t", "m"), ("m", "y")])
    )
    estimand = model.identify_effect(proceed_when_unidentifiable=True)
    theirs = model.estimate_effect(estimand, method_name="frontdoor.two_stage_regression")
    assert row["estimate"] == pytest.approx(float(np.ravel(theirs.value)[0]), rel=1e-6)


def test_front_door_has_the_common_interface() -> None:
    frame = mediated(2, n=1500, levels=3)
    frame["patient"] = np.arange(len(frame)) // 3
    fit = FrontDoor(
        treatment="scanner",
        mediators=["noise", "blur"],
        adjustment=["age"],
        cluster="patient",
        bootstrap=60,
    ).fit(frame, NAMES)
    pairs = fit.effects(pairs=True).frame
    for contrast, truth in (("B - A", 0.4), ("C - A", 0.8), ("C - B", 0.4)):
        part = pairs[pairs["contrast"] == contrast]
        assert abs(part["estimate"].mean() - truth) < 0.2
    assert np.isfinite(simultaneous(fit).frame["band_low"]).all()
    plain = FrontDoor(treatment="scanner", mediators=["noise", "blur"], adjustment=["age"])
    ratio = fit.effects_.frame["se"] / plain.fit(frame, NAMES).effects_.frame["se"]
    assert ((ratio > 0.7) & (ratio < 1.4)).all()


def test_front_door_refusals() -> None:
    frame = mediated(3)
    frame["copy"] = (frame["scanner"] == "B").astype(float)
    with pytest.raises(NotEstimableError, match="cannot be told apart"):
        FrontDoor(treatment="scanner", mediators=["copy"]).fit(frame, NAMES)
    with pytest.raises(InvalidInputError, match="mediators must be a list"):
        FrontDoor(treatment="scanner", mediators=[]).fit(frame, NAMES)
    with pytest.raises(InvalidInputError, match="'noise' cannot be an outcome"):
        FrontDoor(treatment="scanner", mediators=["noise"]).fit(frame, ["noise"])


@pytest.mark.filterwarnings("ignore")
def test_iv_by_hand_and_by_dowhy() -> None:
    frame = assigned(0)
    row = IV(treatment="scanner", instruments=["z0"]).fit(frame, ["f0"]).effects_.frame.iloc[0]
    b, z = (frame["scanner"] == "B").to_numpy(dtype=float), frame["z0"].to_numpy()
    y = frame["f0"].to_numpy()
    ratio = np.cov(z, y)[0, 1] / np.cov(z, b)[0, 1]
    assert row["estimand"] == "late"
    assert row["estimate"] == pytest.approx(ratio)
    centred, own = b - b.mean(), z - z.mean()
    rest = y - y.mean() - ratio * centred
    sandwich = np.sqrt((own**2 * rest**2).sum()) / abs(own @ centred)
    assert row["se"] == pytest.approx(sandwich, rel=0.02)
    dowhy = pytest.importorskip("dowhy")
    data = pd.DataFrame({"t": b, "z": z, "y": y})
    model = dowhy.CausalModel(
        data, "t", "y", graph=as_gml([("U", "t"), ("U", "y"), ("z", "t"), ("t", "y")])
    )
    estimand = model.identify_effect(proceed_when_unidentifiable=True)
    theirs = model.estimate_effect(
        estimand, method_name="iv.instrumental_variable", method_params={"iv_instrument_name": "z"}
    )
    assert row["estimate"] == pytest.approx(float(np.ravel(theirs.value)[0]), rel=1e-6)


@pytest.mark.parametrize(("strength", "count"), [(1.0, 1), (0.8, 2)])
def test_iv_coverage(strength: float, count: int) -> None:
    inside, robust, middle = [], [], []
    z = [f"z{j}" for j in range(count)]
    for seed in range(60):
        fit = IV(treatment="scanner", instruments=z, adjustment=["age"])
        rows = fit.fit(assigned(seed, strength=strength, count=count), NAMES).effects_.frame
        sets = fit.anderson_rubin()
        inside.append(((rows["ci_low"] < 0.5) & (rows["ci_high"] > 0.5)).mean())
        robust.append(((sets["ci_low"] < 0.5) & (sets["ci_high"] > 0.5)).mean())
        middle.append(rows["estimate"].median())
    for covered in (inside, robust):
        assert abs(np.mean(covered) - 0.95) < 3 * np.std(covered) / np.sqrt(60) + 0.01
    assert abs(np.median(middle) - 0.5) < 0.1


def test_anderson_rubin_limits_are_where_the_test_turns() -> None:
    """The polynomial's roots, against the test statistic computed at the limits."""
    frame = assigned(5, count=2)
    fit = IV(treatment="scanner", instruments=["z0", "z1"]).fit(frame, NAMES)
    limits = fit.anderson_rubin(alpha=0.1)
    limits = limits[limits["bounded"]]
    assert len(limits) >= 4
    from scipy.stats import f as fisher

    z = frame[["z0", "z1"]].to_numpy()
    matrix = np.column_stack([np.ones(len(z)), z])
    hat = np.linalg.solve(matrix.T @ matrix, matrix.T)
    b = (frame["scanner"] == "B").to_numpy(dtype=float)
    for name, low, high in limits[["outcome", "ci_low", "ci_high"]].itertuples(index=False):
        for effect in (low, high):
            rest = frame[name].to_numpy() - effect * b
            slope = (hat @ rest)[1:]
            error = rest - matrix @ (hat @ rest)
            spread = (hat * error) @ (hat * error).T * len(z) / (len(z) - 3)
            wald = slope @ np.linalg.solve(spread[1:, 1:], slope) / 2
            assert wald == pytest.approx(fisher.ppf(0.9, 2, len(z) - 3), rel=1e-5)


def test_weak_instruments_are_refused_and_anderson_rubin_says_nothing() -> None:
    frame = assigned(6, strength=0.02)
    with pytest.raises(NotEstimableError, match=r"weak instruments: first-stage F of scanner=B is"):
        IV(treatment="scanner", instruments=["z0"]).fit(frame, NAMES)
    fit = IV(treatment="scanner", instruments=["z0"], min_f=0).fit(frame, NAMES)
    assert fit.first_stage_["f"].iloc[0] < 10
    assert not fit.anderson_rubin()["bounded"].all()


def test_iv_refusals_and_three_levels() -> None:
    frame = assigned(7, n=1500, count=2)
    frame["three"] = np.where(frame["z1"] + frame["f0"] > 1, "C", frame["scanner"])
    with pytest.raises(NotEstimableError, match=r"1 instruments .* cannot tell 2 contrasts"):
        IV(treatment="three", instruments=["z0"]).fit(frame, NAMES[1:])
    fit = IV(treatment="three", instruments=["z0", "z1"], min_f=0).fit(frame, NAMES[1:])
    assert len(fit.first_stage_) == 2
    with pytest.raises(InvalidInputError, match="are for two levels"):
        fit.anderson_rubin()
    with pytest.raises(InvalidInputError, match="min_f must be 0 or more"):
        IV(treatment="scanner", instruments=["z0"], min_f=-1).fit(frame, NAMES)


def test_missing_outcomes_and_clusters() -> None:
    frame = assigned(8)
    frame["patient"] = np.arange(len(frame)) // 2
    frame.loc[:50, "f0"] = np.nan
    fit = IV(treatment="scanner", instruments=["z0"], cluster="patient").fit(frame, NAMES)
    alone = IV(treatment="scanner", instruments=["z0"], cluster="patient").fit(
        frame.dropna(), NAMES[:1]
    )
    first, second = fit.effects_.frame.iloc[0], alone.effects_.frame.iloc[0]
    assert first["estimate"] == pytest.approx(second["estimate"])
    assert first["se"] == pytest.approx(second["se"], rel=1e-6)
    sets, other = fit.anderson_rubin().iloc[0], alone.anderson_rubin().iloc[0]
    assert sets["ci_low"] == pytest.approx(other["ci_low"], rel=1e-5)
