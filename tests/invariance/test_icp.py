"""Linear invariant causal prediction: coverage, agreement with causalicp, bounds, refusals."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from invariance_tables import linear_arrays
from scipy import stats
from sklearn.base import clone
from sklearn.linear_model import LinearRegression

from causalimg.errors import (
    InvalidInputError,
    NotEstimableError,
    SchemaError,
    UnknownNameError,
)
from causalimg.invariance.environments import EnvironmentData, read_environments
from causalimg.invariance.icp import ICP
from causalimg.invariance.predictors import InvariantPredictors, smallest_overlap
from causalimg.invariance.set_tests import LinearSetTest
from causalimg.invariance.subset_search import Accepted, search_sets
from causalimg.schemas import validate
from causalimg.tables.invariant_set import InvariantSet

GOLDEN = Path(__file__).parent / "data" / "causalicp.json"


def table(x: np.ndarray, y: np.ndarray, codes: np.ndarray) -> tuple[pd.DataFrame, list[str]]:
    names = [f"x{k}" for k in range(x.shape[1])]
    frame = pd.DataFrame(x, columns=names)
    return frame.assign(y=y, site=[f"s{c}" for c in codes]), names


def fitted(frame: pd.DataFrame, names: list[str], **settings: object) -> ICP:
    return ICP(environment="site", **settings).fit(frame, outcome="y", features=names)


def problem(seed: int, **settings: object) -> tuple[pd.DataFrame, list[str], set[str]]:
    x, y, codes, parents = linear_arrays(seed, **settings)
    frame, names = table(x, y, codes)
    return frame, names, {names[k] for k in parents}


def plain(x: np.ndarray, y: np.ndarray, codes: np.ndarray) -> EnvironmentData:
    """The same data without the detour over a DataFrame, for tests with many runs."""
    names = tuple(f"x{k}" for k in range(x.shape[1]))
    levels = tuple(f"s{k}" for k in range(codes.max() + 1))
    return EnvironmentData(x, y, codes, names, "y", "site", levels, "gaussian", (), "")


def searched(seed: int, *, p: int, test: str) -> tuple[Accepted, set[int]]:
    x, y, codes, parents = linear_arrays(seed, n=100, environments=3, p=p)
    made = LinearSetTest(plain(x, y, codes), test)
    return search_sets(made, p, alpha=0.05, most=p, kind="all"), set(parents)


def test_the_detour_makes_no_difference() -> None:
    frame, names, _ = problem(5, n=100, environments=3)
    found, _ = searched(5, p=5, test="chow")
    assert fitted(frame, names).accepted_sets_ == [
        tuple(names[k] for k in one) for one in found.sets
    ]


@pytest.mark.parametrize("test", ["chow", "residuals", "levene"])
def test_the_set_is_within_the_true_causes(test: str) -> None:
    runs, wrong, found, causes = 200, 0, 0, 0
    for seed in range(runs):
        accepted, parents = searched(seed, p=5, test=test)
        chosen = set(accepted.intersection())
        wrong += not chosen <= parents
        found += len(chosen & parents)
        causes += len(parents)
    # 5 %, and three Monte Carlo standard errors
    assert wrong / runs <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / runs)
    assert found / causes > 0.15


@pytest.mark.parametrize("environments", [2, 4])
def test_the_chow_test_holds_its_level_in_small_samples(environments: int) -> None:
    """Its two parts are exact F tests, so that the p-value is never too small."""
    p = []
    for seed in range(600):
        rng = np.random.default_rng(seed)
        codes = np.repeat(np.arange(environments), 9)
        x = rng.normal(size=(len(codes), 3)) * (1 + codes)[:, None] + codes[:, None]
        y = x @ [1.0, -1.0, 0.5] + rng.normal(size=len(codes))
        p.append(LinearSetTest(plain(x, y, codes), "chow").p_values(np.array([[0, 1, 2]]))[0])
    for level in (0.05, 0.2):
        assert (np.array(p) <= level).mean() <= level + 3 * np.sqrt(level * (1 - level) / 600)
    assert (np.array(p) <= 0.2).mean() > 0.1


def test_chow_agrees_with_a_direct_calculation() -> None:
    frame, names, _ = problem(3, n=40, environments=2)
    data = read_environments(frame, environment="site", outcome="y", features=names)
    p = LinearSetTest(data, "chow").p_values(np.array([[0, 2]]))[0]

    def rss(rows: np.ndarray) -> float:
        x, y = frame.loc[rows, ["x0", "x2"]], frame.loc[rows, "y"]
        return float(((y - LinearRegression().fit(x, y).predict(x)) ** 2).sum())

    first = (frame["site"] == "s0").to_numpy()
    a, b, whole = rss(first), rss(~first), rss(np.ones(80, dtype=bool))
    p_coef = stats.f.sf((whole - a - b) / 3 / ((a + b) / 74), 3, 74)
    cdf = stats.f.cdf(a / b, 37, 37)
    assert p == pytest.approx(min(1.0, 2 * min(p_coef, 2 * min(cdf, 1 - cdf))), rel=1e-8)


def test_levene_agrees_with_scipy() -> None:
    frame, names, _ = problem(4, n=50, environments=3)
    data = read_environments(frame, environment="site", outcome="y", features=names)
    p = LinearSetTest(data, "levene").p_values(np.array([[1, 3]]))[0]
    x = frame[["x1", "x3"]]
    residual = frame["y"] - LinearRegression().fit(x, frame["y"]).predict(x)
    parts = [residual[frame["site"] == f"s{k}"] for k in range(3)]
    spread = stats.levene(*parts, center="median").pvalue
    mean = min(
        stats.ttest_ind(
            parts[k], pd.concat([q for j, q in enumerate(parts) if j != k]), equal_var=False
        ).pvalue
        for k in range(3)
    )
    assert p == pytest.approx(min(1.0, 2 * min(spread, 3 * mean)), rel=1e-7)


def test_agreement_with_causalicp_on_fifty_problems() -> None:
    problems = json.loads(GOLDEN.read_text())["problems"]
    assert len(problems) == 50
    for one in problems:
        sizes = {key: one[key] for key in ("n", "environments", "p")}
        frame, names, _ = problem(one["seed"], **sizes)
        found = fitted(frame, names, test="residuals")
        accepted = sorted(
            ([int(name[1:]) for name in chosen] for chosen in found.accepted_sets_),
            key=lambda chosen: (len(chosen), chosen),
        )
        assert accepted == one["accepted"], one["seed"]
        estimate = (
            None
            if found.model_rejected_
            else [int(name[1:]) for name in found.predictors_.features]
        )
        assert estimate == one["estimate"], one["seed"]
        factor = (
            1.0 if one["environments"] == 2 else one["environments"] / (one["environments"] - 1)
        )
        if estimate is None:
            continue
        theirs = np.minimum(np.array(one["p_values"]) * factor, 1.0)
        ours = found.predictors_.evidence["p"].to_numpy()
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-12)


def test_the_short_search_gives_the_same_features_and_bounds() -> None:
    tested = []
    for seed in range(30):
        frame, names, _ = problem(seed, n=80, environments=3, p=6)
        every = fitted(frame, names)
        short = fitted(frame, names, search="minimal")
        assert every.predictors_.features == short.predictors_.features
        assert set(short.accepted_sets_) <= set(every.accepted_sets_)
        rng = np.random.default_rng(seed)
        for _ in range(10):
            among = [name for name in names if rng.random() < 0.5]
            assert every.true_discoveries(among) == short.true_discoveries(among)
        tested.append(short.n_tested_ / every.n_tested_)
    assert np.mean(tested) < 0.6


def test_true_discovery_bounds_hold_for_all_sets_at_once() -> None:
    runs, wrong, more = 200, 0, 0
    for seed in range(runs):
        found, parents = searched(seed, p=4, test="chow")
        every = [{k for k in range(4) if code >> k & 1} for code in range(16)]
        wrong += any(smallest_overlap(found.sets, one) > len(one & parents) for one in every)
        more += smallest_overlap(found.sets, set(range(4))) > len(found.intersection())
    assert wrong / runs <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / runs)
    # the point of the bounds: in some tables they know of more causes than can be named
    assert more > 10


def test_a_curve_of_discoveries() -> None:
    frame, names, _ = problem(6, n=300, environments=3)
    record = fitted(frame, names).predictors_
    curve = record.discovery_curve()
    assert curve["size"].tolist() == list(range(1, len(names) + 1))
    assert (curve["true_at_least"].diff().dropna() >= 0).all()
    assert curve["true_at_least"].iloc[-1] == record.true_discoveries(names)
    assert (curve["true_at_least"] + curve["false_at_most"] == curve["size"]).all()


def test_the_intervals_hold_the_coefficient() -> None:
    runs, outside = 80, 0
    for seed in range(runs):
        rng = np.random.default_rng(seed)
        codes = np.repeat([0, 1, 2], 60)
        x = rng.normal(size=(180, 2)) + 1.5 * codes[:, None] * [1.0, -1.0]
        y = 0.8 * x[:, 0] + rng.normal(size=180)
        frame, names = table(x, y, codes)
        row = fitted(frame, names).predictors_.evidence.iloc[0]
        outside += not row["ci_low"] <= 0.8 <= row["ci_high"]
    assert outside / runs <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / runs)


def test_a_direct_effect_of_the_environment_is_a_rejected_model() -> None:
    frame, names, _ = problem(1, n=200)
    frame["y"] += 4.0 * (frame["site"] == "s1") * (1 + frame["x0"] ** 2)
    found = fitted(frame, names)
    assert found.model_rejected_
    assert found.predictors_.features == ()
    assert found.predictors_.p_model < 0.05
    assert found.true_discoveries(names) == 0
    assert "model rejected" in repr(found.predictors_)
    assert found.predictors_.evidence["estimate"].isna().all()


@pytest.mark.parametrize("screening", ["boosting", "lasso", "forest"])
def test_hundreds_of_features(screening: str) -> None:
    rng = np.random.default_rng(7)
    codes = np.repeat([0, 1, 2], 200)
    x = rng.normal(size=(600, 300))
    x[:, 40] += 1.5 * codes
    x[:, 41] -= 1.5 * (codes == 1)
    y = x[:, 40] - x[:, 41] + rng.normal(size=600)
    x[:, 99] = y + rng.normal(size=600) + 2.0 * codes
    frame, names = table(x, y, codes)
    found = fitted(frame, names, screening=screening, max_features=8)
    assert set(found.predictors_.features) == {"x40", "x41"}
    assert len(found.screened_) == 8
    evidence = found.predictors_.evidence
    assert evidence["feature"].tolist() == names
    assert (evidence["verdict"] == "screened_out").sum() == 292
    assert "provided that the 8 features kept by the" in found.predictors_.claim


def test_order_and_units_do_not_matter() -> None:
    frame, names, _ = problem(9, n=150, environments=3)
    first = fitted(frame, names).predictors_
    other = frame.sample(frac=1.0, random_state=0)[list(frame.columns[::-1])]
    second = fitted(other, names[::-1]).predictors_
    assert set(first.features) == set(second.features)
    a, b = (r.evidence.set_index("feature").sort_index() for r in (first, second))
    pd.testing.assert_frame_equal(a, b, rtol=1e-6)
    scaled = frame.assign(x0=frame["x0"] * 1000 + 5, y=frame["y"] / 7)
    third = fitted(scaled, names).predictors_.evidence.set_index("feature").sort_index()
    np.testing.assert_allclose(third["p"], a["p"], rtol=1e-6)
    np.testing.assert_allclose(third.loc["x0", "ci_high"] * 7000, a.loc["x0", "ci_high"])


def test_collinear_features_are_no_obstacle() -> None:
    frame, names, parents = problem(11, n=200, environments=3)
    frame["copy"] = 2 * frame["x0"]
    frame["one_site"] = frame["x1"].where(frame["site"] == "s0", 3.0)
    frame["flat"] = 1.0
    found = fitted(frame, [*names, "copy", "one_site", "flat"])
    assert set(found.predictors_.features) <= parents | {"copy"}
    assert np.isfinite(found.predictors_.p_model)
    assert found.predictors_.evidence["verdict"].iloc[-1] == "screened_out"


def test_round_trip(tmp_path: Path) -> None:
    frame, names, _ = problem(6, n=300, environments=3)
    found = fitted(frame, names).predictors_
    found.save(tmp_path / "causes.json")
    validate(json.loads((tmp_path / "causes.json").read_text()), "invariant_predictors")
    again = InvariantPredictors.load(tmp_path / "causes.json")
    assert again.features == found.features
    assert again.accepted_sets == found.accepted_sets
    assert again.digest() == found.digest()
    pd.testing.assert_frame_equal(again.evidence, found.evidence)
    assert again.transform(frame).columns.tolist() == list(found.features)
    assert again.provenance is not None
    assert again.provenance.settings["outcome"] == "y"
    text = (tmp_path / "causes.json").read_text()
    (tmp_path / "causes.json").write_text(text.replace('"alpha": 0.05', '"alpha": 0.01'))
    with pytest.raises(InvalidInputError, match="does not match its digest"):
        InvariantPredictors.load(tmp_path / "causes.json")
    document = json.loads(text)
    del document["claim"]
    (tmp_path / "causes.json").write_text(json.dumps(document))
    with pytest.raises(SchemaError, match="claim"):
        InvariantPredictors.load(tmp_path / "causes.json")


def test_the_exchange_form(tmp_path: Path) -> None:
    frame, names, _ = problem(6, n=300, environments=3)
    search = fitted(frame, names)
    made = search.invariant_set_
    assert isinstance(made, InvariantSet)
    assert (made.meaning, made.outcome) == ("invariant_predictors", "y")
    assert made.environments == ("s0", "s1", "s2")
    made.save(tmp_path / "set.json")
    again = InvariantSet.load(tmp_path / "set.json")
    assert again.features == search.predictors_.features
    pd.testing.assert_frame_equal(again.evidence, search.predictors_.evidence)


def test_clone_and_settings() -> None:
    search = ICP(environment="site", alpha=0.1, test="levene")
    assert clone(search).get_params() == search.get_params()
    with pytest.raises(UnknownNameError, match="did you mean 'alpha'"):
        search.set_params(alhpa=0.2)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"alpha": 0.7}, "alpha must be between"),
        ({"test": "chows"}, "did you mean 'chow'"),
        ({"test": "score"}, "does not fit a gaussian outcome"),
        ({"screening": "laso"}, "did you mean 'lasso'"),
        ({"search": "fast"}, "search='fast' is not known"),
        ({"max_features": 40}, "max_features=40 must be from 1 to 20"),
        ({"max_set_size": 0}, "max_set_size must be at least 1"),
        ({"family": "poisson"}, "needs counts"),
    ],
)
def test_settings_are_checked(settings: dict[str, object], said: str) -> None:
    frame, names, _ = problem(0)
    with pytest.raises(InvalidInputError, match=said):
        fitted(frame, names, **settings)


def test_tables_that_cannot_answer_are_refused() -> None:
    frame, names, _ = problem(0)
    with pytest.raises(UnknownNameError, match="did you mean 'x1'"):
        fitted(frame, ["x0", "x1a"])
    with pytest.raises(InvalidInputError, match=r"missing values in 'x0' \(3 rows\)"):
        fitted(frame.assign(x0=frame["x0"].where(frame.index > 2)), names)
    with pytest.raises(NotEstimableError, match="one level"):
        fitted(frame[frame["site"] == "s0"], names)
    with pytest.raises(NotEstimableError, match="level 's1' has 3 rows"):
        fitted(frame.iloc[:203], names)
    with pytest.raises(NotEstimableError, match="too few to fit"):
        fitted(frame.iloc[:206], names)
    with pytest.raises(InvalidInputError, match="must be different columns"):
        fitted(frame, [*names, "y"])
    with pytest.raises(InvalidInputError, match="text with 3 levels"):
        fitted(frame.assign(y=np.resize(["a", "b", "c"], len(frame))), names)
