"""The DAGs that a graph, or the graphs of a bootstrap, stand for, each read as a scene."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from causalimg.errors import CausalImgError, IdentificationError, InvalidInputError
from causalimg.graph.core import CausalGraph, GraphKind
from causalimg.graph.equivalence import all_dags
from causalimg.training.licence import Family, ask_environment
from causalimg.training.roles import Roles
from causalimg.training.scene import Scene, as_dag, build_scene
from causalimg.training.verdicts import FamilyVerdict, Verdict, share_holding


def dags_of(graph: CausalGraph, limit: int) -> list[CausalGraph]:
    """Return the DAGs that a graph stands for, hidden common causes as nodes."""
    return all_dags(graph, limit=limit) if graph.kind == GraphKind.CPDAG else [as_dag(graph)]


def member_scenes(
    graph: CausalGraph, roles: Roles, limit: int
) -> tuple[list[CausalGraph], list[Scene]]:
    """Return the DAGs that a graph stands for, and the scene of each."""
    members = dags_of(graph, limit)
    roles.check(graph.nodes)
    scenes, reasons = [], []
    kept = []
    for member in members:
        try:
            scenes.append(build_scene(member, roles))
            kept.append(member)
        except InvalidInputError as error:
            reasons.append(error)
    if not scenes or (reasons and len(members) == 1):
        raise reasons[0]
    if reasons:
        raise InvalidInputError(
            f"in {len(reasons)} of {len(members)} DAGs of the class: {reasons[0]}"
        ) from reasons[0]
    return kept, scenes


def with_probability(
    resamples: Sequence[CausalGraph],
    roles: Roles,
    verdicts: Mapping[str, Verdict],
    families: Mapping[Family, FamilyVerdict],
    limit: int,
) -> tuple[dict[str, Verdict], dict[Family, FamilyVerdict], int]:
    """Return the verdicts with the share of resampled graphs in which they hold."""
    attribute_shares: dict[str, list[float]] = {name: [] for name in verdicts}
    family_shares: dict[Family, list[float]] = {family: [] for family in families}
    left_out = 0
    for graph in resamples:
        try:
            _, scenes = member_scenes(graph, roles, limit)
        except CausalImgError:
            left_out += 1
            continue
        for name, verdict in verdicts.items():
            attribute_shares[name].append(share_holding(scenes, roles, verdict))
        answers = [ask_environment(scene, roles) for scene in scenes] if families else []
        for family in families:
            held = [answer[family] for answer in answers]
            family_shares[family].append(sum(held) / len(held))
    total = len(resamples)
    if left_out == total:
        raise IdentificationError("none of the resampled graphs can be read with these roles")
    return (
        {
            name: replace(v, probability=sum(attribute_shares[name]) / total)
            if not v.refused
            else v
            for name, v in verdicts.items()
        },
        {f: replace(v, probability=sum(family_shares[f]) / total) for f, v in families.items()},
        left_out,
    )
