"""Knowledge over a thousand random problems: no constraint-based search ever goes against it."""

from __future__ import annotations

import numpy as np
import pytest
from linear_models import random_dag, random_knowledge, simulate

from causalimg.discovery.fci import FCI
from causalimg.discovery.pc import PC
from causalimg.graph.core import Mark
from causalimg.tables.moments import Moments

RULES = ("majority", "conservative", "standard")


@pytest.mark.parametrize("part", range(4))
def test_a_thousand_problems(part: int) -> None:
    rng = np.random.default_rng([20, part])
    edges = bound = 0
    for k in range(250):
        d = int(rng.integers(4, 8))
        dag = random_dag(d, min(3.0, d - 1), rng)
        known = random_knowledge(list(dag.nodes), rng)
        table = simulate(dag, 40, rng)
        columns = list(rng.permutation(dag.nodes))
        moments = Moments.from_frame(table[columns])
        rule, alpha = RULES[k % 3], (0.05, 0.3)[k % 2]
        for search in (PC, FCI):
            model = search(alpha=alpha, knowledge=known, collider_rule=rule, max_condition=2).fit(
                moments
            )
            marks = model.graph_.marks
            forbidden = known.forbidden_matrix(columns)
            required = known.required_matrix(columns)
            assert (marks[required] == Mark.ARROW).all()
            assert (marks.T[required] == Mark.TAIL).all()
            assert (marks[forbidden & forbidden.T] == Mark.NONE).all()
            back = marks.T[forbidden & (marks != Mark.NONE)]  # the end at the forbidden cause
            assert (back == Mark.ARROW).all()
            edges += int((marks > 0).sum()) // 2
            bound += len(back) + int(required.sum())
    assert edges > 1500
    assert bound > 500
