from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from linear_models import random_dag, simulate
from scipy import stats

from causalimg.discovery.bootstrap import BootstrapDiscovery
from causalimg.discovery.fci import FCI
from causalimg.discovery.imputation import MultipleImputation
from causalimg.discovery.imputed import ImputedDiscovery
from causalimg.discovery.pc import PC
from causalimg.errors import InvalidInputError, NotEstimableError
from causalimg.graph.knowledge import Knowledge
from causalimg.graph.metrics import shd
from causalimg.stats.independence import FisherZ
from causalimg.stats.pooled import PooledFisherZ
from causalimg.stats.testwise import TestwiseFisherZ
from causalimg.tables.encode import encode
from causalimg.tables.moments import Moments

WAYS = ("testwise", MultipleImputation(n_imputations=5, n_sweeps=5, random_state=0))


def holed(frame: pd.DataFrame, share: float, rng: np.random.Generator) -> pd.DataFrame:
    """Cells missing completely at random."""
    return frame.mask(rng.random(frame.shape) < share)


def triangle(n: int, rng: np.random.Generator) -> pd.DataFrame:
    """x and y independent given z; z is seen more often missing where x is large."""
    x = rng.normal(size=n)
    z = x + rng.normal(size=n)
    y = z + rng.normal(size=n)
    return pd.DataFrame({"x": x, "y": y, "z": z})


@pytest.mark.parametrize("missing", WAYS, ids=["testwise", "impute"])
def test_a_tenth_of_the_cells_missing_changes_little(missing: object) -> None:
    rng = np.random.default_rng(0)
    wrong = edges = 0
    for _ in range(4):
        frame = simulate(random_dag(7, 2, rng), 1500, rng)
        whole = PC().fit(frame).graph_
        found = PC(missing=missing).fit(holed(frame, 0.1, rng))
        wrong += int(np.triu((whole.marks > 0) != (found.graph_.marks > 0)).sum())
        edges += len(whole.to_frame())
        assert any("missing" in text for text in found.assumptions_)
    assert wrong <= 0.1 * edges
    assert edges > 20


def test_testwise_tests_use_the_rows_that_are_complete_in_their_columns() -> None:
    rng = np.random.default_rng(1)
    frame = holed(simulate(random_dag(5, 2, rng), 300, rng), 0.15, rng)
    frame["site"] = pd.Series(rng.choice(["a", "b", "c"], 300)).mask(rng.random(300) < 0.1)
    test = TestwiseFisherZ(encode(frame, list(frame)))
    sets = [("v00", "v01", []), ("v00", "v03", ["v02"]), ("site", "v01", ["v04"])]
    for x, y, given in sets:
        rows = frame[[x, y, *given]].dropna()
        wanted = FisherZ(Moments.from_frame(rows))(x, y, given)
        at = [np.array([test.nodes.index(name)]) for name in (x, y)]
        z = np.array([[test.nodes.index(name) for name in given]], dtype=int).reshape(1, -1)
        found = test.batch(at[0], at[1], z)
        assert [float(part[0]) for part in found] == pytest.approx(
            [wanted.statistic, wanted.p_value, wanted.dof, wanted.effect_size]
        )
        assert test(x, y, given).p_value == pytest.approx(wanted.p_value)


def test_level_with_cells_missing_at_random_given_another_column() -> None:
    runs, p = 150, {"impute": [], "testwise": []}
    for k in range(runs):
        rng = np.random.default_rng([2, k])
        frame = triangle(150, rng)
        gone = rng.random(150) < stats.norm.cdf(2 * frame["y"])  # y is always seen
        frame.loc[gone & (rng.random(150) < 0.6), "x"] = np.nan
        rows = encode(frame, list(frame))
        p["testwise"].append(TestwiseFisherZ(rows)("x", "y", ["z"]).p_value)
        imputation = MultipleImputation(n_imputations=10, n_sweeps=2, random_state=k)
        test = PooledFisherZ(imputation.draw_moments(rows))
        p["impute"].append(test.batch(np.array([0]), np.array([1]), np.array([[2]]))[1][0])
    for alpha in (0.05, 0.2):
        error = np.sqrt(alpha * (1 - alpha) / runs)
        # selection on y leaves the regression of x's cause alone, but not every test
        assert (np.array(p["impute"]) < alpha).mean() < alpha + 3.5 * error
    assert (np.array(p["impute"]) < 0.2).mean() > 0.08


def test_pooling_equal_tables_is_the_test_of_one() -> None:
    rng = np.random.default_rng(3)
    frame = triangle(200, rng).assign(site=rng.choice(["a", "b", "c"], 200))
    moments = Moments.from_frame(frame)
    one, pooled = FisherZ(moments), PooledFisherZ([moments] * 4)
    x, y = np.array([0, 0, 3]), np.array([1, 2, 1])
    z = np.array([[2], [1], [0]])
    a, b = one.batch(x, y, z), pooled.batch(x, y, z)
    np.testing.assert_allclose(a[1][:2], b[1][:2], rtol=1e-4, atol=1e-12)
    assert b[1][2] == pytest.approx(a[1][2], abs=0.01)
    with pytest.raises(InvalidInputError, match="at least two"):
        PooledFisherZ([moments])


def test_imputed_tables() -> None:
    rng = np.random.default_rng(4)
    frame = triangle(400, rng)
    frame["site"] = np.where(frame["x"] > 0.5, "b", np.where(frame["y"] > 0, "c", "a"))
    holes = holed(frame, 0.2, rng)
    made = MultipleImputation(n_imputations=3, random_state=0).draw(holes)
    again = MultipleImputation(n_imputations=3, random_state=0).draw(holes)
    for one, two in zip(made, again, strict=True):
        pd.testing.assert_frame_equal(one, two)
        assert not one.isna().any().any()
        assert ((one == holes) | holes.isna()).all().all()
        assert one["x"].corr(one["y"]) == pytest.approx(frame["x"].corr(frame["y"]), abs=0.1)
        gone = holes["site"].isna()
        assert (one.loc[gone, "site"] == frame.loc[gone, "site"]).mean() > 0.55
    assert not made[0].equals(made[1])


def test_votes_of_imputations() -> None:
    rng = np.random.default_rng(5)
    frame = triangle(800, rng)
    known = Knowledge(tiers=[["x"], ["z"], ["y"]])
    imputation = MultipleImputation(n_imputations=6, n_sweeps=3, random_state=0)
    model = ImputedDiscovery(PC(knowledge=known), imputation=imputation)
    found = model.fit(holed(frame, 0.1, rng))
    assert shd(found.graph_, PC(knowledge=known).fit(frame).graph_) == 0
    assert found.support_[0, 2] == 1.0
    assert len(found.estimators_) == 6
    assert set(found.stats_["missing"]) == {"x", "y", "z"}
    with pytest.raises(InvalidInputError, match="must be a discovery method"):
        ImputedDiscovery("pc").fit(frame)


def test_fci_and_the_bootstrap_take_missing_cells() -> None:
    rng = np.random.default_rng(6)
    frame = triangle(600, rng)
    holes = holed(frame, 0.1, rng)
    assert shd(FCI(missing="testwise").fit(holes).graph_, FCI().fit(frame).graph_) == 0
    boot = BootstrapDiscovery(PC(missing="testwise"), n_bootstrap=5, random_state=0).fit(holes)
    assert (boot.support_ + boot.support_.T)[0, 2] == 1.0
    assert shd(PC(missing="testwise").fit(frame).graph_, PC().fit(frame).graph_) == 0


def test_the_same_seed_gives_the_same_graph() -> None:
    rng = np.random.default_rng(7)
    holes = holed(triangle(100, rng), 0.3, rng)
    one, two = (PC(missing="impute", alpha=0.2).fit(holes).edges_ for _ in range(2))
    pd.testing.assert_frame_equal(one, two)


def test_what_cannot_be_used_is_named() -> None:
    rng = np.random.default_rng(8)
    frame = triangle(100, rng)
    holes = holed(frame, 0.1, rng)
    with pytest.raises(InvalidInputError, match=r"'x' \(\d+ missing\)"):
        PC().fit(holes)
    for missing in ("testwise", "impute"):
        with pytest.raises(InvalidInputError, match=r"without a single cell .*\['void'\]"):
            PC(missing=missing).fit(frame.assign(void=np.nan))
    with pytest.raises(InvalidInputError, match=r"'x' \(1 infinite\)"):
        PC(missing="testwise").fit(holes.assign(x=holes["x"].where(holes.index != 3, np.inf)))
    with pytest.raises(InvalidInputError, match=r"duplicate columns .*'copy', 'x'"):
        PC(missing="testwise").fit(holed(frame.assign(copy=2 * frame["x"]), 0.1, rng))
    apart = frame.assign(
        x=frame["x"].where(frame.index < 50), y=frame["y"].where(frame.index >= 48)
    )
    with pytest.raises(NotEstimableError, match=r"only 2 rows are complete in \['x', 'y'\]"):
        PC(missing="testwise").fit(apart)
    with pytest.raises(InvalidInputError, match="n_imputations=1"):
        MultipleImputation(n_imputations=1).draw(holes)
