from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.base import clone

from causalimg.discovery.pc import PC
from causalimg.discovery.redundancy import RedundancyFilter
from causalimg.errors import InvalidInputError, UnknownNameError


@pytest.fixture
def blocks() -> pd.DataFrame:
    """Six latent columns with four near-copies each, in mixed order."""
    rng = np.random.default_rng(0)
    latent = rng.normal(size=(400, 6))
    copies = {
        f"f{k}_{c}": latent[:, k] + 0.15 * rng.normal(size=400) for k in range(6) for c in range(4)
    }
    frame = pd.DataFrame(copies)
    return frame[list(rng.permutation(frame.columns))]


def test_one_representative_of_each_block(blocks: pd.DataFrame) -> None:
    found = RedundancyFilter(threshold=0.9).fit(blocks)
    assert sorted(name[:2] for name in found.kept_) == [f"f{k}" for k in range(6)]
    assert found.kept_ == [name for name in blocks.columns if name in found.clusters_]
    for name, members in found.clusters_.items():
        assert members[0] == name
        assert {m[:2] for m in members} == {name[:2]}
        assert len(members) == 4
    assert found.transform(blocks).columns.tolist() == found.kept_
    assert found.get_feature_names_out().tolist() == found.kept_
    assert sorted([*found.kept_, *found.dropped_]) == sorted(blocks.columns)


def test_members_correlate_by_the_threshold_and_the_representative_is_central(
    blocks: pd.DataFrame,
) -> None:
    for method in ("spearman", "pearson"):
        found = RedundancyFilter(threshold=0.9, method=method).fit(blocks)
        corr = blocks.corr(method=method).abs()
        for name, members in found.clusters_.items():
            inside = corr.loc[list(members), list(members)]
            assert inside.to_numpy().min() >= 0.9
            assert inside.mean().idxmax() == name
        frame = found.to_frame().set_index("feature")
        row = frame[frame["status"] == "redundant"].iloc[0]
        assert row["abs_r"] == pytest.approx(corr.loc[row.name, row["representative"]])
        assert row["reason"].startswith(f"redundant with {row['representative']} (|r| = 0.9")


def test_the_order_of_columns_does_not_matter(blocks: pd.DataFrame) -> None:
    rng = np.random.default_rng(1)
    twins = blocks.assign(twin_a=blocks["f0_0"], twin_b=-blocks["f0_0"], flat=1.0)
    for threshold in (0.5, 0.9, 0.97):
        first = RedundancyFilter(threshold=threshold).fit(twins)
        for _ in range(3):
            other = RedundancyFilter(threshold=threshold).fit(
                twins[list(rng.permutation(twins.columns))]
            )
            assert other.clusters_ == first.clusters_
            assert other.dropped_ == first.dropped_


def test_monotone_copies_are_redundant_by_rank_only() -> None:
    rng = np.random.default_rng(2)
    a = rng.normal(size=300)
    frame = pd.DataFrame({"a": a, "exp_a": np.exp(3 * a), "b": rng.normal(size=300)})
    assert RedundancyFilter().fit(frame).kept_ == ["a", "b"]
    assert RedundancyFilter(method="pearson").fit(frame).kept_ == ["a", "exp_a", "b"]
    assert stats.spearmanr(a, frame["exp_a"]).statistic == pytest.approx(1.0)


def test_unusable_columns_are_dropped_and_named(blocks: pd.DataFrame) -> None:
    frame = blocks.assign(flat=0.1, hole=blocks["f1_0"].where(blocks.index != 3), wild=np.inf)
    found = RedundancyFilter().fit(frame)
    assert found.dropped_["flat"] == "constant"
    assert found.dropped_["hole"] == "1 of 400 cells missing or infinite"
    assert found.dropped_["wild"] == "400 of 400 cells missing or infinite"
    status = found.to_frame().set_index("feature")["status"]
    assert status["flat"] == "constant"
    assert status["hole"] == "incomplete"
    assert set(status) == {"kept", "redundant", "constant", "incomplete"}


def test_keep(blocks: pd.DataFrame) -> None:
    found = RedundancyFilter(threshold=0.9, keep=["f2_3", "f2_1"]).fit(blocks)
    assert {"f2_1", "f2_3"} <= set(found.kept_)
    assert len(found.kept_) == 7
    members = set(found.clusters_["f2_1"]) | set(found.clusters_["f2_3"])
    assert members == {f"f2_{c}" for c in range(4)}
    with pytest.raises(InvalidInputError, match=r"cannot be used: \{'flat': 'constant'\}"):
        RedundancyFilter(keep=["flat"]).fit(blocks.assign(flat=1.0))
    with pytest.raises(UnknownNameError, match="did you mean"):
        RedundancyFilter(keep=["f2_33"]).fit(blocks)


def test_it_gives_discovery_back_its_links() -> None:
    """Near-copies hide the links between blocks; representatives show them."""
    rng = np.random.default_rng(3)
    latent = [rng.normal(size=600)]
    for _ in range(4):
        latent.append(0.8 * latent[-1] + rng.normal(size=600))
    frame = pd.DataFrame(
        {
            f"f{k}_{c}": value + 0.1 * rng.normal(size=600)
            for k, value in enumerate(latent)
            for c in range(4)
        }
    )

    def links(graph_frame: pd.DataFrame) -> set:
        pairs = zip(graph_frame["source"], graph_frame["target"], strict=True)
        return {frozenset((a[:2], b[:2])) for a, b in pairs if a[:2] != b[:2]}

    reduced = RedundancyFilter().fit(frame)
    assert len(reduced.kept_) == 5
    found = links(PC().fit(reduced.transform(frame)).graph_.to_frame())
    true = {frozenset((f"f{k}", f"f{k + 1}")) for k in range(4)}
    assert true <= found
    assert not true <= links(PC().fit(frame).graph_.to_frame())


def test_a_column_that_is_an_exact_sum_of_others_is_left_out() -> None:
    """Range = maximum - minimum: PC refuses all three together, and takes what is kept."""
    rng = np.random.default_rng(5)
    low, high, other, noise = rng.normal(size=(4, 300))
    frame = pd.DataFrame({"range": high - low, "maximum": high, "minimum": low, "other": other})
    with pytest.raises(InvalidInputError, match="exact linear combination"):
        PC().fit(frame)
    found = RedundancyFilter().fit(frame)
    assert found.kept_ == ["maximum", "minimum", "other"]
    assert found.dropped_ == {"range": "an exact sum of maximum, minimum"}
    row = found.to_frame().set_index("feature").loc["range"]
    assert row["status"] == "redundant" and row["representative"] in ("maximum", "minimum")
    assert set(PC().fit(frame[found.kept_]).graph_.nodes) == set(found.kept_)
    shuffled = RedundancyFilter().fit(frame[["other", "minimum", "range", "maximum"]])
    assert set(shuffled.kept_) == set(found.kept_)
    copied = RedundancyFilter().fit(frame.assign(range_copy=frame["range"] + 0.05 * noise))
    assert copied.kept_ == ["maximum", "minimum", "other", "range_copy"]
    assert copied.clusters_["range_copy"] == ("range_copy",)
    assert copied.dropped_ == {"range": "an exact sum of maximum, minimum"}
    assert RedundancyFilter(keep=["range"]).fit(frame).kept_ == ["range", "maximum", "other"]
    few = RedundancyFilter(threshold=1.0).fit(frame.head(4))
    assert few.kept_ == list(frame)  # four points decide nothing


def test_clone_and_refusals(blocks: pd.DataFrame) -> None:
    model = RedundancyFilter(threshold=0.8, keep=("f0_0",))
    assert clone(model).get_params() == model.get_params()
    assert RedundancyFilter().fit_transform(blocks).shape[0] == 400
    for settings, message in [
        ({"threshold": 0}, "threshold=0"),
        ({"method": "kendall"}, "method='kendall' is not one of spearman, pearson"),
        ({"linkage": "ward"}, "linkage='ward'"),
        ({"keep": "f0_0"}, "list of names"),
    ]:
        with pytest.raises(InvalidInputError, match=message):
            RedundancyFilter(**settings).fit(blocks)
    with pytest.raises(InvalidInputError, match=r"numeric columns; not so: \['site'\]"):
        RedundancyFilter().fit(blocks.assign(site="a"))
    with pytest.raises(InvalidInputError, match="takes a DataFrame, not ndarray"):
        RedundancyFilter().fit(blocks.to_numpy())
    with pytest.raises(InvalidInputError, match="no usable column is left"):
        RedundancyFilter().fit(pd.DataFrame({"flat": [1.0, 1.0, 1.0]}))
    with pytest.raises(UnknownNameError, match="no such column"):
        RedundancyFilter().fit(blocks).transform(blocks.iloc[:, :3])
