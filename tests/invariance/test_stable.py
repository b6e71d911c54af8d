"""Stable features: the level at the margin, power, verdicts, refusals, order."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from stable_tables import ADJUSTMENT, shifted_table

from causalimg.effects import AIPW, DifferenceInMeans
from causalimg.errors import InvalidInputError, NotEstimableError, UnknownNameError
from causalimg.invariance import StableFeatures
from causalimg.invariance.control import Control
from causalimg.invariance.frequency import resampled
from causalimg.invariance.reliability import reliability
from causalimg.invariance.spread import reference_spread
from causalimg.tables.invariant_set import EVIDENCE_COLUMNS, InvariantSet


def fitted(frame: pd.DataFrame, names: list[str], **settings: object) -> StableFeatures:
    made = {"environment": "scanner", "adjustment": ADJUSTMENT, **settings}
    return StableFeatures(**made).fit(frame, features=names)


def test_three_verdicts() -> None:
    frame, names = shifted_table(0, [0.0, 1.0], n=3000)
    found = fitted(frame, names, margin=0.2).invariant_set_
    assert isinstance(found, InvariantSet)
    assert found.features == ("f0",)
    assert found.meaning == "stable_measurement"
    assert tuple(found.evidence.columns) == EVIDENCE_COLUMNS
    verdicts = found.evidence.set_index("feature")["verdict"]
    assert verdicts["f0"] == "stable"
    assert verdicts["f1"] == "shifted"
    small, few = shifted_table(1, [0.0, 0.05], n=60)
    undecided = fitted(small, few, margin=0.2).invariant_set_
    assert len(undecided) == 0
    assert set(undecided.evidence["verdict"]) == {"not_certifiable"}
    assert (undecided.evidence["n_needed"] > 60).all()


def test_p_agrees_with_a_direct_t_calculation() -> None:
    frame, names = shifted_table(2, [0.0, 0.1, -0.3], n=500)
    evidence = fitted(frame, names, margin=0.25).invariant_set_.evidence
    fit = AIPW(treatment="scanner", adjustment=ADJUSTMENT, estimand="ato").fit(frame, names)
    rows = fit.contrast_frame()
    se = rows["se"] / rows["outcome_sd"]
    low = stats.t.sf((rows["effect_sd"] + 0.25) / se, rows["df"])
    high = stats.t.cdf((rows["effect_sd"] - 0.25) / se, rows["df"])
    np.testing.assert_allclose(evidence["p_equivalence"], np.maximum(low, high), rtol=1e-9)
    np.testing.assert_allclose(
        evidence["q_equivalence"], stats.false_discovery_control(evidence["p_equivalence"])
    )
    np.testing.assert_allclose(evidence["ci_low_sd"], rows["ci_low"] / rows["outcome_sd"])
    np.testing.assert_allclose(evidence["effect_sd"], rows["effect_sd"])


def test_the_level_is_kept_exactly_at_the_margin() -> None:
    """True effects at plus and minus the margin: at most 5 % of single tests reject."""
    margin, rejected, count = 0.3, 0, 0
    for seed in range(40):
        frame, names = shifted_table(seed, np.tile([margin, -margin], 25), n=300)
        p = fitted(frame, names, margin=margin).invariant_set_.evidence["p_equivalence"]
        rejected += int((p <= 0.05).sum())
        count += len(p)
    # 40 tables of 50 features: Monte Carlo error about 0.005
    assert 0.03 < rejected / count < 0.065


@pytest.mark.parametrize("control", ["bh", "maxt"])
@pytest.mark.parametrize("common", [0.0, 0.6])
def test_false_inclusions_are_controlled(control: str, common: float) -> None:
    """Half the features at the margin, half without effect."""
    margin, any_wrong, share_wrong, recall = 0.3, 0, [], []
    truth = np.repeat([0.0, margin], 10)
    runs = 40
    for seed in range(runs):
        frame, names = shifted_table(seed, truth, n=1000, common=common)
        chosen = fitted(
            frame, names, margin=margin, control=control, n_bootstrap=300
        ).invariant_set_.features
        wrong = [name for name in chosen if truth[int(name[1:])] > 0]
        any_wrong += bool(wrong)
        share_wrong.append(len(wrong) / max(len(chosen), 1))
        recall.append((len(chosen) - len(wrong)) / 10)
    assert np.mean(share_wrong) < 0.05 + 3 * np.std(share_wrong) / np.sqrt(runs)
    if control == "maxt":
        assert any_wrong / runs <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / runs)
    assert np.mean(recall) > 0.7


def test_maxt_at_the_margin_with_others_far_beyond_and_far_inside() -> None:
    """Correlated features exactly at plus and minus the margin, when little else is left."""
    margin, runs, wrong, right = 0.4, 120, 0, 0.0
    truth = np.array([margin, -margin] * 4 + [1.2, -1.2] * 6 + [0.0] * 4)
    for seed in range(runs):
        frame, names = shifted_table(seed, truth, n=400, common=0.5)
        effects = DifferenceInMeans(treatment="scanner").fit(frame, names)  # age moves nothing
        search = StableFeatures(
            environment="scanner", adjustment=[], margin=margin, control="maxt", n_bootstrap=400
        )
        chosen = search.fit(frame, features=names, effects=effects).invariant_set_.features
        made = np.isin(names, chosen)
        wrong += bool(made[np.abs(truth) >= margin].any())
        right += made[truth == 0].mean()
    assert wrong / runs <= 0.05 + 2.5 * np.sqrt(0.05 * 0.95 / runs)
    # not by certifying nothing: the level is used
    assert wrong / runs >= 0.01
    assert right / runs > 0.6


def test_maxt_pays_nothing_for_features_far_beyond_the_margin() -> None:
    """Plain step-down would take the maximum over all of them."""
    inside, beyond = np.linspace(0.0, 0.3, 10), np.full(150, 1.5)
    frame, names = shifted_table(40, np.concatenate([inside, beyond]), n=800)
    settings = {"margin": 0.4, "control": "maxt", "n_bootstrap": 4000}
    alone = fitted(frame, names[:10], **settings).invariant_set_
    among = fitted(frame, names, **settings).invariant_set_
    assert among.features == alone.features
    q = among.evidence["q_equivalence"][:10] - alone.evidence["q_equivalence"]
    assert np.abs(q).max() < 0.03


def test_power_grows_with_n_and_not_significant_is_not_stable() -> None:
    found = []
    for n in (80, 400, 2000):
        frame, names = shifted_table(3, np.zeros(30), n=n)
        found.append(len(fitted(frame, names, margin=0.2).invariant_set_))
    assert found[0] == 0
    assert found[0] <= found[1] < found[2]
    assert found[2] >= 28


def test_n_needed_is_about_right() -> None:
    """With the number of patients asked for, most features without effect are certified."""
    frame, names = shifted_table(4, np.zeros(40), n=200)
    evidence = fitted(frame, names, margin=0.3).invariant_set_.evidence
    asked = evidence.loc[evidence["verdict"] == "not_certifiable", "n_needed"]
    assert len(asked) > 20
    again, _ = shifted_table(5, np.zeros(40), n=int(asked.median()))
    assert len(fitted(again, names, margin=0.3).invariant_set_) > 20


def test_n_needed_counts_on_the_features_that_need_fewer() -> None:
    """The share certified with the patients asked for is about the power that they are for."""
    shares = []
    for seed in range(8):
        frame, names = shifted_table(seed, np.zeros(40), n=200, common=0.3)
        first = fitted(frame, names, margin=0.3).invariant_set_.evidence
        asked = int(first.loc[first["verdict"] == "not_certifiable", "n_needed"].median())
        again, _ = shifted_table(seed + 500, np.zeros(40), n=asked, common=0.3)
        shares.append(len(fitted(again, names, margin=0.3).invariant_set_) / 40)
    assert 0.5 < np.mean(shares) < 0.97


def test_precision_covariates_certify_more() -> None:
    """What the features depend on and the scanner does not narrows the intervals."""
    frame, names = shifted_table(30, np.zeros(20), n=500)
    known = np.random.default_rng(99).normal(size=500)
    frame["stage"] = known
    frame[names] = frame[names] + 1.5 * known[:, None]
    plain = fitted(frame, names, margin=0.15).invariant_set_
    precise = fitted(frame, names, margin=0.15, precision=["stage"]).invariant_set_
    assert len(precise) > len(plain) + 5


def test_repeats_stand_beside_the_evidence_and_change_no_verdict(tmp_path: Path) -> None:
    frame, names = shifted_table(31, [0.0, 0.6], n=1500)
    rng = np.random.default_rng(31)
    scans = pd.DataFrame({"patient": np.repeat(np.arange(30), 2), "scan": np.tile([1, 2], 30)})
    scans["f0"] = np.repeat(rng.normal(size=30), 2) + rng.normal(scale=0.2, size=60)
    found = reliability(scans, subject="patient", repeat="scan", features=["f0"])
    plain = fitted(frame, names).invariant_set_
    search = StableFeatures(environment="scanner", adjustment=ADJUSTMENT)
    beside = search.fit(frame, features=names, repeats=found).invariant_set_
    more = ["icc_2_1", "icc_3_1", "ccc", "coefficient_of_variation", "repeatability_coefficient"]
    assert beside.evidence.columns.tolist() == [*plain.evidence.columns, *more]
    pd.testing.assert_frame_equal(beside.evidence[plain.evidence.columns], plain.evidence)
    assert beside.evidence["icc_2_1"][0] == found["icc_2_1"][0] > 0.9
    assert beside.evidence.loc[1, more].isna().all()
    beside.save(tmp_path / "set.json")
    again = InvariantSet.load(tmp_path / "set.json")
    pd.testing.assert_frame_equal(again.evidence, beside.evidence)
    with pytest.raises(UnknownNameError, match="reliability"):
        search.fit(frame, features=names, repeats=scans)


def test_bootstrap_frequency_says_how_much_hangs_on_the_cases(tmp_path: Path) -> None:
    frame, names = shifted_table(32, [0.0, 0.2, 0.6], n=700)
    settings = {"margin": 0.3, "n_resamples": 30}
    one = fitted(frame, names, **settings).invariant_set_
    share = one.evidence.set_index("feature")["bootstrap_frequency"]
    assert share["f0"] > 0.95 and 0 < share["f1"] < 0.8 and share["f2"] == 0
    plain = fitted(frame, names, margin=0.3).invariant_set_
    assert plain.features == one.features
    pd.testing.assert_frame_equal(one.evidence[plain.evidence.columns], plain.evidence)
    again = StableFeatures(environment="scanner", adjustment=ADJUSTMENT, **settings)
    two = again.fit(frame, features=names, n_jobs=2).invariant_set_
    pd.testing.assert_frame_equal(one.evidence, two.evidence)
    one.save(tmp_path / "set.json")
    read = InvariantSet.load(tmp_path / "set.json")
    pd.testing.assert_frame_equal(read.evidence, one.evidence, check_dtype=False)
    assert read.environments == ("A", "B")


def test_clusters_are_drawn_whole() -> None:
    frame = pd.DataFrame({"patient": list("aaabbc"), "v": range(6)})
    drawn = resampled(frame, "patient", np.random.SeedSequence(0))
    for _, part in drawn.groupby("patient"):
        assert part["v"].tolist() in ([0, 1, 2], [3, 4], [5])
    assert drawn["patient"].nunique() == 3


def test_one_moved_pair_keeps_a_feature_out() -> None:
    frame, names = shifted_table(6, [0.0, 0.0], n=4000, levels="ABC")
    frame.loc[frame["scanner"] == "C", "f1"] += 0.5
    found = fitted(frame, names, margin=0.2, reference="B").invariant_set_
    assert found.features == ("f0",)
    row = found.evidence.set_index("feature").loc["f1"]
    assert row["verdict"] == "shifted"
    assert "C" in row["contrast"]


def test_pairs_away_from_the_reference_count() -> None:
    """A is in the middle: B and C are each within the margin of A, and not of each other."""
    frame, names = shifted_table(7, [0.0], n=8000, levels="ABC")
    frame.loc[frame["scanner"] == "B", "f0"] += 0.15
    frame.loc[frame["scanner"] == "C", "f0"] -= 0.15
    found = fitted(frame, names, margin=0.22)
    rows = found.effects_.frame.set_index("contrast")["effect_sd"].abs()
    assert (rows[["B - A", "C - A"]] < 0.22).all()
    assert rows["C - B"] > 0.22
    assert found.invariant_set_.features == ()
    assert found.invariant_set_.evidence["contrast"].iloc[0] == "C - B"


@pytest.mark.parametrize("control", ["bh", "maxt"])
def test_order_of_features_and_rows_does_not_matter(control: str) -> None:
    frame, names = shifted_table(8, np.linspace(0, 0.5, 12), n=900)
    first = fitted(frame, names, margin=0.3, control=control).invariant_set_
    second = fitted(
        frame[list(frame.columns[::-1])], names[::-1], margin=0.3, control=control
    ).invariant_set_
    assert set(first.features) == set(second.features)
    a = first.evidence.set_index("feature").sort_index()
    b = second.evidence.set_index("feature").sort_index()
    pd.testing.assert_frame_equal(a, b, rtol=1e-6)


def test_seeds() -> None:
    frame, names = shifted_table(9, np.linspace(0, 0.4, 10), n=500)
    made = [
        fitted(frame, names, control="maxt", margin=0.3, random_state=seed).invariant_set_
        for seed in (1, 1, 2)
    ]
    pd.testing.assert_frame_equal(made[0].evidence, made[1].evidence)
    gap = np.abs(made[0].evidence["q_equivalence"] - made[2].evidence["q_equivalence"])
    assert gap.max() < 0.05


def test_ready_effects_give_the_same_set_and_are_not_computed_twice() -> None:
    frame, names = shifted_table(10, np.linspace(0, 0.5, 8), n=800)
    effects = AIPW(treatment="scanner", adjustment=ADJUSTMENT, estimand="ato").fit(frame, names)
    search = StableFeatures(environment="scanner", adjustment=ADJUSTMENT, margin=0.5)
    ready = search.fit(frame, features=names[2:6], effects=effects)
    assert ready.estimator_ is effects
    fresh = fitted(frame, names[2:6], margin=0.5)
    pd.testing.assert_frame_equal(ready.invariant_set_.evidence, fresh.invariant_set_.evidence)
    assert len(ready.invariant_set_.features) > 0
    assert ready.transform(frame).columns.tolist() == list(ready.invariant_set_.features)


def test_effects_that_do_not_belong_are_refused() -> None:
    frame, names = shifted_table(11, [0.0, 0.1], n=300)
    search = StableFeatures(environment="scanner", adjustment=ADJUSTMENT)
    with pytest.raises(InvalidInputError, match="not fitted"):
        search.fit(frame, features=names, effects=DifferenceInMeans(treatment="scanner"))
    other = DifferenceInMeans(treatment="sex").fit(frame, names)
    with pytest.raises(InvalidInputError, match="treatment 'sex', and the environment is"):
        search.fit(frame, features=names, effects=other)
    part = AIPW(treatment="scanner", adjustment=ADJUSTMENT).fit(frame, names[:1])
    with pytest.raises(UnknownNameError, match="effects has no outcome 'f1'"):
        search.fit(frame, features=names, effects=part)
    with pytest.raises(InvalidInputError, match="on 300 cases, and the table has 200"):
        search.fit(frame.iloc[:200], features=names[:1], effects=part)


def test_features_that_are_not_estimable_are_not_certifiable() -> None:
    frame, names = shifted_table(12, [0.0, 0.0], n=2000)
    frame["flat"] = 1.0
    frame["gone"] = np.nan
    found = fitted(frame, [*names, "flat", "gone"]).invariant_set_
    assert found.features == ("f0", "f1")
    rows = found.evidence.set_index("feature").loc[["flat", "gone"]]
    assert set(rows["verdict"]) == {"not_certifiable"}
    assert rows[["effect_sd", "p_equivalence", "q_equivalence", "n_needed"]].isna().all().all()


@pytest.mark.parametrize("control", ["bh", "maxt"])
def test_no_overlap_certifies_nothing(control: str) -> None:
    rng = np.random.default_rng(13)
    frame, names = shifted_table(13, np.zeros(3), n=1000)
    frame["scanner"] = np.where(
        rng.random(1000) < 1 / (1 + np.exp(-0.7 * (frame["age"] - 60))), "B", "A"
    )
    for estimand in ("ate", "ato"):
        found = fitted(frame, names, control=control, estimand=estimand)
        assert found.invariant_set_.features == ()
        assert set(found.invariant_set_.evidence["verdict"]) == {"not_certifiable"}
        expected = "not_estimable" if estimand == "ate" else "ok"
        assert set(found.effects_.frame["status"]) == {expected}


def test_a_separating_covariate_is_an_error() -> None:
    frame, names = shifted_table(14, [0.0], n=400)
    frame["sex"] = np.where(frame["scanner"] == "B", "M", "F")
    with pytest.raises(NotEstimableError, match="'sex' separates treatment 'scanner'"):
        fitted(frame, names)


@pytest.mark.parametrize(
    ("setting", "value", "said"),
    [
        ("margin", 0.0, "margin must be above 0"),
        ("alpha", 0.7, "alpha must be between 0 and 0.5"),
        ("control", "maxT", "did you mean 'maxt'"),
        ("n_resamples", -1, "n_resamples must be at least 0"),
        ("n_bootstrap", 5, "n_bootstrap must be at least 100"),
    ],
)
def test_settings_are_checked(setting: str, value: object, said: str) -> None:
    frame, names = shifted_table(15, [0.0], n=200)
    with pytest.raises(InvalidInputError, match=said):
        fitted(frame, names, **{setting: value})


def test_round_trip_and_transform(tmp_path: Path) -> None:
    frame, names = shifted_table(16, [0.0, 1.0, 0.0], n=3000)
    frame["flat"] = 0.0
    found = fitted(frame, [*names, "flat"], control="maxt").invariant_set_
    found.save(tmp_path / "set.json")
    again = InvariantSet.load(tmp_path / "set.json")
    assert again.features == found.features == ("f0", "f2")
    pd.testing.assert_frame_equal(again.evidence, found.evidence, check_dtype=False)
    assert again.transform(frame).columns.tolist() == ["f0", "f2"]
    assert found.provenance is not None
    assert found.provenance.settings["margin"] == 0.2


def test_clustered_features_are_certified_less_often() -> None:
    """Each patient has five lesions that share most of their noise."""
    rng = np.random.default_rng(17)
    patients, names = 150, [f"f{k}" for k in range(20)]
    patient = np.repeat(np.arange(patients), 5)
    age = rng.normal(size=patients)[patient]
    scanner = np.where(rng.random(patients) < 0.5, "A", "B")[patient]
    shared = rng.normal(size=(patients, 20))[patient]
    frame = pd.DataFrame(0.95 * shared + 0.3 * rng.normal(size=shared.shape), columns=names)
    frame = frame.assign(age=age, scanner=scanner, patient=patient)
    counts = {}
    for cluster in (None, "patient"):
        for control in ("bh", "maxt"):
            found = fitted(
                frame, names, adjustment=["age"], margin=0.3, cluster=cluster, control=control
            )
            counts[cluster, control] = len(found.invariant_set_)
    assert counts["patient", "bh"] < counts[None, "bh"]
    assert counts["patient", "maxt"] <= counts["patient", "bh"]


@pytest.mark.parametrize("estimand", ["ate", "att"])
def test_the_shared_products_give_the_draws_of_every_pair(estimand: str) -> None:
    frame, names = shifted_table(18, np.linspace(0, 0.4, 5), n=300, levels="ABC")
    fit = AIPW(treatment="scanner", adjustment=ADJUSTMENT, estimand=estimand).fit(frame, names)
    control = Control("maxt", 0.05, 200, np.random.SeedSequence(3))
    found = control.largest_draws(names, fit)
    assert found is not None
    direct = np.zeros_like(found)
    for a, b in fit.contrast_pairs(pairs=True):
        part = fit.influence(fit.levels_[a], fit.levels_[b])[names].to_numpy()
        drawn = control._multipliers(fit).studentised(lambda at, part=part: part[:, at], 5)
        direct = np.maximum(direct, np.abs(drawn))
    np.testing.assert_allclose(found, direct, rtol=1e-4)


def test_spread_under_the_reference() -> None:
    """Scanner B sees the old: patients of one scanner differ less than all of them."""
    rng = np.random.default_rng(19)
    age = rng.normal(size=6000)
    scanner = np.where(rng.random(6000) < 1 / (1 + np.exp(-1.5 * age)), "B", "A")
    noise = rng.normal(size=6000) * np.where(scanner == "B", 0.5, 1.0)
    frame = pd.DataFrame({"age": age, "scanner": scanner, "f": 2 * age + noise})
    sd = reference_spread(
        frame, features=["f"], environment="scanner", adjustment=["age"], reference="A"
    )
    assert sd[0] == pytest.approx(np.sqrt(5), rel=0.04)
    rows = {}
    for spread in ("within", "reference"):
        search = StableFeatures(environment="scanner", adjustment=["age"], spread=spread)
        rows[spread] = search.fit(frame, features=["f"]).invariant_set_.evidence.iloc[0]
    ratio = rows["within"]["effect_sd"] / rows["reference"]["effect_sd"]
    assert ratio == pytest.approx(sd[0] / frame.groupby("scanner")["f"].std().mean(), rel=0.03)


def test_spread_from_repeats() -> None:
    frame, names = shifted_table(20, [0.1, 0.1], n=800)
    search = StableFeatures(environment="scanner", adjustment=ADJUSTMENT)
    plain = search.fit(frame, features=names).invariant_set_.evidence
    wide = search.fit(frame, features=names, between_sd={"f0": 2.0, "f1": 0.5})
    scaled = wide.invariant_set_.evidence
    estimate = wide.effects_.frame["estimate"].to_numpy()
    np.testing.assert_allclose(scaled["effect_sd"], estimate / [2.0, 0.5])
    assert scaled["p_equivalence"][0] < plain["p_equivalence"][0]
    with pytest.raises(InvalidInputError, match="not so for \\['f1'\\]"):
        search.fit(frame, features=names, between_sd={"f0": 1.0})
