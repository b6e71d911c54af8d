"""The clauses on what a discovery method refuses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from causalimg.errors import CausalImgError, InvalidInputError, UnknownNameError
from causalimg.graph.knowledge import Knowledge
from causalimg.testing.clauses import LeftOut, must_refuse, need

if TYPE_CHECKING:
    from causalimg.testing.discovery_clauses import Subject

_RAISE = "raise causalimg.errors.{}; BaseDiscovery does it for you if you write _discover"


def knowledge_names(s: Subject) -> None:
    if not s.has("knowledge"):
        raise LeftOut("no setting named knowledge")
    given = getattr(s.estimator, "knowledge", None) or Knowledge()
    known = Knowledge(
        tiers=given.tiers, forbidden=[*given.forbidden, ("dose", "txture")],
        required=given.required, exogenous=given.exogenous,
    )  # fmt: skip
    must_refuse(
        lambda: s.fresh(knowledge=known).fit(s.table),
        UnknownNameError,
        named=["txture"],
        advice="call knowledge.check_nodes(columns): a misspelt name would bind nothing",
    )


def missing(s: Subject) -> None:
    if getattr(s.estimator, "missing", "error") != "error":
        raise LeftOut("missing= says that it takes missing cells")
    table = s.table.copy()
    table.loc[3, "noise"] = np.nan
    _unusable(s, table, ["noise"])


def constant(s: Subject) -> None:
    _unusable(s, s.table.assign(dose=1.0), ["dose"])


def duplicate(s: Subject) -> None:
    _unusable(s, s.table.assign(dose=2 * s.table["noise"] + 1), ["dose", "noise"])


def few_rows(s: Subject) -> None:
    _unusable(s, s.table.head(4), [])


def _unusable(s: Subject, table: pd.DataFrame, named: list[str]) -> None:
    must_refuse(
        lambda: s.fresh().fit(table),
        InvalidInputError,
        named=named,
        advice=_RAISE.format("InvalidInputError"),
    )


def categories(s: Subject) -> None:
    table = s.table.copy()
    table["dose"] = np.where(table["dose"] > 0, "high", "low")
    try:
        graph = s.fresh().fit(table).graph_
    except CausalImgError as error:
        need(
            isinstance(error, ValueError),
            f"{type(error).__name__}: {error}",
            _RAISE.format("InvalidInputError"),
        )
        return
    need(
        set(graph.nodes) == set(table.columns),
        f"nodes {graph.nodes}",
        "a categorical column is one node (DiscoveryData.moments.blocks), not one for each level",
    )
