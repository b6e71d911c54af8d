"""Reliability beside effect size: who is in the corner where both are good."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from causalimg.errors import InvalidInputError, NotEstimableError, UnknownNameError
from causalimg.report.plots import agreement, equivalence, overlap
from causalimg.report.style import figure_to_svg
from causalimg.tables.invariant_set import InvariantSet
from causalimg.tables.meanings import MEANINGS


def retest(study, **columns) -> pd.DataFrame:
    names = study.invariant.evidence["feature"]
    return pd.DataFrame({"feature": names, "icc_2_1": np.linspace(0.3, 0.99, len(names)),
                         **columns})  # fmt: skip


def drawn(ax) -> np.ndarray:
    return np.vstack([np.asarray(found.get_offsets()) for found in ax.collections
                      if type(found).__name__ == "PathCollection"])  # fmt: skip


def test_points_are_reach_and_icc(study):
    table = retest(study)
    ax = agreement(study.invariant, table)
    rows = study.invariant.evidence
    reach = rows[["ci_low_sd", "ci_high_sd"]].abs().max(axis=1)
    known = np.isfinite(reach.to_numpy())
    points = drawn(ax)
    assert len(points) == known.sum()
    wanted = np.column_stack([reach[known], table["icc_2_1"][known]])
    assert sorted(map(tuple, points.round(9))) == sorted(map(tuple, wanted.round(9)))


def test_stable_features_lie_left_of_the_margin(study):
    ax = agreement(study.invariant, retest(study))
    stable = next(found for found in ax.collections if found.get_label() == "stable")
    assert (np.asarray(stable.get_offsets())[:, 0] < study.invariant.margin).all()


def test_intervals_and_evidence_of_the_set_are_used(study):
    from dataclasses import replace

    table = retest(study)
    evidence = study.invariant.evidence.assign(icc_2_1=table["icc_2_1"])
    own = replace(study.invariant, evidence=evidence)
    assert len(drawn(own.plot.agreement())) == len(drawn(agreement(study.invariant, table)))
    wide = table.assign(icc_2_1_low=-0.4, icc_2_1_high=1.0)
    assert agreement(study.invariant, wide).get_ylim()[0] < -0.4


def test_refusals(study):
    with pytest.raises(NotEstimableError, match=r"no ICC.*reliability"):
        agreement(study.invariant)
    with pytest.raises(UnknownNameError, match="icc_2_1"):
        agreement(study.invariant, pd.DataFrame({"feature": ["a"], "icc": [0.1]}))
    kind = MEANINGS["invariant_model"]
    other = InvariantSet((), "invariant_model", "site", float("nan"),
                         pd.DataFrame(columns=list(kind.columns)), outcome="y")  # fmt: skip
    for draw in (equivalence, agreement):
        with pytest.raises(InvalidInputError, match="invariant_model"):
            draw(other)
    nobody = pd.DataFrame({"feature": ["zz"], "icc_2_1": [0.5]})
    assert "no feature has both" in figure_to_svg(agreement(study.invariant, nobody).figure,
                                                  title="t")  # fmt: skip


def test_overlap_takes_a_fitted_propensity(study):
    bare = study.propensity.drop(columns="level")
    one = overlap(bare, "B", received=study.propensity["level"])
    two = overlap(study.propensity, "B")
    assert [p.get_height() for p in one.patches] == [p.get_height() for p in two.patches]
    with pytest.raises(InvalidInputError, match="received has 1 cases"):
        overlap(bare, "B", received=pd.Series(["B"]))
    with pytest.raises(UnknownNameError, match="level"):
        overlap(bare, "B")
