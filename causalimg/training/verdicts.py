"""Verdicts of a plan: what every DAG in agreement with the graph says, or which edge decides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from itertools import combinations
from typing import Any

from causalimg.graph.core import CausalGraph
from causalimg.provenance import plain
from causalimg.training.licence import (
    AttributeAnswer,
    Family,
    Kind,
    ask_attribute,
    ask_environment,
    family_questions,
    minimal,
    separated,
    statement,
)
from causalimg.training.roles import Roles
from causalimg.training.scene import Scene, directed_path

INTERVENTION = "interventional_augmentation"
_BY_FAMILY = {
    Family.RISK_INVARIANCE: ("irm", "vrex", "fishr", "gradient_agreement"),
    Family.MARGINAL_ALIGNMENT: ("mmd", "coral", "mixture_matching", "domain_adversarial"),
    Family.CONDITIONAL_ALIGNMENT: ("conditional_mmd", "conditional_adversarial", "label_shift"),
}


@dataclass(frozen=True)
class Verdict:
    """What the graph says about one attribute.

    Parameters
    ----------
    attribute : str
    kind : Kind
    reason : str
        The path or the statement that decides, in words.
    statement : str
        ``"content ⊥ scanner | malignant"``; empty when refused.
    given : tuple of str, optional
        The set to condition on (selection nodes included); None when refused.
    alternatives : tuple of tuple of str
        Other sets that do as well, smallest first.
    constraints : tuple of str
        What implements the statement, the cheapest first; for a refusal, what to do instead.
    deciding : tuple of str
        For an ambiguous verdict, the unoriented edges that decide.
    probability : float, optional
        Share of the resampled graphs in which the statement holds.
    """

    attribute: str
    kind: Kind
    reason: str
    statement: str = ""
    given: tuple[str, ...] | None = None
    alternatives: tuple[tuple[str, ...], ...] = ()
    constraints: tuple[str, ...] = ()
    deciding: tuple[str, ...] = ()
    probability: float | None = None

    @property
    def refused(self) -> bool:
        """True when no penalty is licensed."""
        return self.kind is not Kind.STATEMENT

    def __str__(self) -> str:
        sure = (
            "" if self.probability is None else f" [holds in {self.probability:.0%} of resamples]"
        )
        if self.refused:
            return f"{self.attribute}: refused ({self.kind}): {self.reason}"
        others = "; ".join(", ".join(s) or "nothing" for s in self.alternatives)
        also = f" (or given {others})" if others else ""
        return f"{self.attribute}: {self.statement}{sure}{also}: {self.reason}"


@dataclass(frozen=True)
class FamilyVerdict:
    """Whether a family of losses across environments holds: True, False, or None if ambiguous."""

    family: Family
    statement: str
    holds: bool | None
    constraints: tuple[str, ...]
    deciding: tuple[str, ...] = ()
    probability: float | None = None

    @property
    def refused(self) -> bool:
        """True when no loss of the family is licensed."""
        return not self.holds

    @property
    def reason(self) -> str:
        """Where the statement comes from."""
        return f"{self.statement}, by d-separation in the graph" if self.holds else str(self)

    def __str__(self) -> str:
        word = {True: "licensed", False: "refused", None: "ambiguous"}[self.holds]
        decides = f"; decided by {' and '.join(self.deciding)}" if self.deciding else ""
        sure = (
            "" if self.probability is None else f" [holds in {self.probability:.0%} of resamples]"
        )
        not_ = "" if self.holds else " does not follow" if self.holds is False else " is open"
        return f"{self.family}: {word}: {self.statement}{not_}{sure}{decides}"


def _constraints(given: Sequence[str], roles: Roles) -> tuple[str, ...]:
    """Return what implements a statement; reweighting only where the outcome is given.

    Balanced weights make outcome and attribute independent; that removes the attribute's use
    only where P(content | outcome, attribute) does not depend on the attribute.
    """
    if not given:
        return ("mmd", "hsic", "coral", "domain_adversarial")
    conditional = ("conditional_mmd", "circe", "hscic", "conditional_adversarial")
    return ("weights", *conditional, "group_dro") if roles.outcome in given else conditional


def _look(scenes: Sequence[Scene], attribute: str) -> tuple[str, ...]:
    """Return the intervention on the look, if a path to the image passes the content by."""
    beside = all(_passes_by(scene, attribute) for scene in scenes)
    return (INTERVENTION,) if beside else ()


def _passes_by(scene: Scene, attribute: str) -> bool:
    around = tuple((scene.content, child) for child in scene.graph.children(scene.content))
    return bool(directed_path(scene.graph, attribute, scene.image, around))


_INSTEAD = {
    Kind.CAUSES_OUTCOME: ("backdoor_adjustment",),
    Kind.NOT_IN_IMAGE: (),
    Kind.AMBIGUOUS: ("orient_edge",),
}


def _shown(edge: tuple[str, str]) -> str:
    return f"{edge[0]} --- {edge[1]}"


def deciding_edges(
    graph: CausalGraph, members: Sequence[CausalGraph], answers: Sequence[Any]
) -> tuple[str, ...]:
    """Return the fewest unoriented edges (at most three) whose directions settle the answer."""
    open_ = [
        (graph.nodes[i], graph.nodes[j])
        for i, j in combinations(range(len(graph.nodes)), 2)
        if graph.undirected()[i, j]
    ]
    ways = {edge: [edge[1] in m.children(edge[0]) for m in members] for edge in open_}
    moving = [edge for edge in open_ if len(set(ways[edge])) > 1]
    for size in (1, 2, 3):
        for edges in combinations(moving, size):
            settled: dict[tuple[bool, ...], set[Any]] = {}
            for k, answer in enumerate(answers):
                settled.setdefault(tuple(ways[e][k] for e in edges), set()).add(answer)
            if all(len(found) == 1 for found in settled.values()):
                return tuple(_shown(edge) for edge in edges)
    return tuple(_shown(edge) for edge in moving)


def attribute_verdict(
    graph: CausalGraph,
    members: Sequence[CausalGraph],
    scenes: Sequence[Scene],
    roles: Roles,
    attribute: str,
) -> Verdict:
    """Return the verdict that holds in every DAG of the class, or that it is ambiguous."""
    answers = [ask_attribute(scene, roles, attribute) for scene in scenes]
    kinds = {answer.kind for answer in answers}
    common = [s for s in answers[0].sets if all(s in answer.sets for answer in answers)]
    if kinds == {Kind.STATEMENT} and common:
        best, *rest = minimal(common)
        given = (*best, *roles.selection)
        said = statement(scenes[0].content, attribute, given)
        first = answers[0]
        reason = (
            first.reason
            if best == first.sets[0]
            else f"{said} holds in each of the {len(scenes)} DAGs of the class"
        )
        return Verdict(
            attribute,
            Kind.STATEMENT,
            reason,
            statement=said,
            given=given,
            alternatives=tuple(rest),
            constraints=(*_constraints(best, roles), *_look(scenes, attribute)),
        )
    if len(kinds) == 1 and kinds != {Kind.STATEMENT}:
        kind = answers[0].kind
        instead = _look(scenes, attribute) if kind is Kind.NO_SET else _INSTEAD[kind]
        return Verdict(attribute, kind, answers[0].reason, constraints=instead)
    return _ambiguous(graph, members, scenes, attribute, answers)


def _ambiguous(
    graph: CausalGraph,
    members: Sequence[CausalGraph],
    scenes: Sequence[Scene],
    attribute: str,
    answers: Sequence[AttributeAnswer],
) -> Verdict:
    labels = [(answer.kind, answer.sets) for answer in answers]
    variants: dict[str, int] = {}
    for answer in answers:
        named = (
            statement(scenes[0].content, attribute, answer.sets[0])
            if answer.sets
            else f"refused ({answer.kind})"
        )
        variants[named] = variants.get(named, 0) + 1
    shown = "; ".join(f"{text} in {n} of {len(answers)} DAGs" for text, n in variants.items())
    deciding = deciding_edges(graph, members, labels)
    return Verdict(
        attribute,
        Kind.AMBIGUOUS,
        f"the class does not agree: {shown}. Decided by {' and '.join(deciding)}",
        constraints=_INSTEAD[Kind.AMBIGUOUS],
        deciding=deciding,
    )


def family_verdicts(
    graph: CausalGraph, members: Sequence[CausalGraph], scenes: Sequence[Scene], roles: Roles
) -> dict[Family, FamilyVerdict]:
    """Return for each family of losses across environments whether the class licenses it."""
    answers = [ask_environment(scene, roles) for scene in scenes]
    out = {}
    for family, (x, y, given) in family_questions(roles, scenes[0]).items():
        said = [answer[family] for answer in answers]
        holds = said[0] if len(set(said)) == 1 else None
        out[family] = FamilyVerdict(
            family,
            statement(x, y, (*given, *roles.selection)),
            holds,
            _BY_FAMILY[family] if holds else (),
            deciding_edges(graph, members, said) if holds is None else (),
        )
    return out


def share_holding(scenes: Sequence[Scene], roles: Roles, verdict: Verdict) -> float:
    """Return the share of DAGs in which a verdict's statement is licensed."""
    if verdict.given is None or not scenes:
        return 0.0
    given = [node for node in verdict.given if node not in roles.selection]
    good = [
        not directed_path(scene.graph, verdict.attribute, roles.outcome, roles.spurious)
        and separated(scene, scene.content, verdict.attribute, given, roles)
        for scene in scenes
    ]
    return sum(good) / len(good)


def verdict_to_dict(verdict: Verdict | FamilyVerdict) -> dict[str, Any]:
    """Return a verdict as JSON types."""
    fields: dict[str, Any] = plain(asdict(verdict))
    return {name: str(v) if isinstance(v, StrEnum) else v for name, v in fields.items()}


def verdict_from_dict(document: Mapping[str, Any]) -> Verdict:
    """Rebuild a verdict from `verdict_to_dict`."""
    fields: dict[str, Any] = {
        name: tuple(v) if isinstance(v, list) else v for name, v in document.items()
    }
    fields["kind"] = Kind(fields["kind"])
    fields["alternatives"] = tuple(tuple(s) for s in document["alternatives"])
    return Verdict(**fields)


def family_from_dict(document: Mapping[str, Any]) -> FamilyVerdict:
    """Rebuild a family's verdict from `verdict_to_dict`."""
    fields: dict[str, Any] = {
        name: tuple(v) if isinstance(v, list) else v for name, v in document.items()
    }
    return FamilyVerdict(**{**fields, "family": Family(fields["family"])})
