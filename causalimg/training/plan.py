"""The constraint plan: which training constraints a causal graph licenses, and which it refuses."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from causalimg.atomic import write_text
from causalimg.errors import SchemaError
from causalimg.graph.core import CausalGraph
from causalimg.provenance import Provenance, digest
from causalimg.schemas import read_document, validate
from causalimg.training.columns import feature_sets
from causalimg.training.feature_set import FeatureSet
from causalimg.training.hooks import PlanHooks
from causalimg.training.licence import Family
from causalimg.training.members import member_scenes, with_probability
from causalimg.training.roles import Roles
from causalimg.training.verdicts import (
    FamilyVerdict,
    Verdict,
    attribute_verdict,
    family_from_dict,
    family_verdicts,
    verdict_from_dict,
    verdict_to_dict,
)

SCHEMA_ID = "https://causalimg.org/schemas/constraint_plan/1.1.0"
ASSUMPTIONS = (
    "Every statement is read off the graph by d-separation; it is as true as the graph.",
    "The content is all that the image shows of the outcome; attributes act on the rest of it.",
    "A penalty on a learned representation stands for a statement about the content.",
)


@dataclass(frozen=True, eq=False)
class ConstraintPlan(PlanHooks):
    """Training constraints derived from a causal graph, each with its statement and its reason.

    Make one with `from_graph`.

    Parameters
    ----------
    roles : Roles
        Outcome, environment, attributes, image, content, selection.
    verdicts : mapping of str to Verdict
        One for each attribute: ``given``, ``refused``, ``reason``, ``alternatives``.
    families : mapping of Family to FamilyVerdict
        Which losses across environments hold; empty without an environment.
    graph_digest : str
        sha256 of the graph.
    notes : tuple of str
        What was read into the graph.
    feature_sets : mapping of str to FeatureSet
        Columns that the graph licenses as inputs, by rule and by attribute; empty where the graph
        has neither measured features nor observed covariates.
    provenance : Provenance, optional

    References
    ----------
    Kaur JN, Kiciman E, Sharma A. Modeling the data-generating process is necessary for
    out-of-distribution generalization. ICLR 2023. doi:10.48550/arXiv.2206.07837
    Veitch V, D'Amour A, Yadlowsky S, Eisenstein J. Counterfactual invariance to spurious
    correlations. NeurIPS 2021. doi:10.48550/arXiv.2106.00545

    Examples
    --------
    >>> graph = CausalGraph.from_directed(
    ...     ("marker", "malignant", "image"), [[0, 0, 1], [1, 0, 1], [0, 0, 0]]
    ... )
    >>> plan = ConstraintPlan.from_graph(graph, outcome="malignant", attributes=["marker"])
    >>> print(plan.verdicts["marker"].statement)
    content ⊥ marker | malignant
    >>> plan.constraints()["kind"].tolist()[:2]
    ['weights', 'penalty']
    """

    roles: Roles
    verdicts: Mapping[str, Verdict]
    families: Mapping[Family, FamilyVerdict]
    graph_digest: str
    notes: tuple[str, ...] = ()
    feature_sets: Mapping[str, FeatureSet] = field(default_factory=dict)
    provenance: Provenance | None = field(default=None, repr=False)

    @classmethod
    def from_graph(
        cls,
        graph: CausalGraph,
        *,
        outcome: str,
        environment: str | None = None,
        attributes: Sequence[str] = (),
        image: str | Sequence[str] | None = None,
        content: str | None = None,
        direction: str | None = None,
        selection: Sequence[str] = (),
        observed: Sequence[str] = (),
        spurious: Sequence[tuple[str, str]] = (),
        resamples: Sequence[CausalGraph] = (),
        max_members: int = 2000,
    ) -> ConstraintPlan:
        """Derive the statements that a graph licenses, and refuse the rest with a reason.

        For each attribute: if it causes the outcome, no penalty; if nothing of it reaches the
        image, none is needed; otherwise the smallest observed set given which the content is
        d-separated from it. For the environment: the independence that each family of losses
        needs. On a CPDAG every DAG of the class is asked; where they differ the verdict is
        ambiguous and names the edges that decide.

        Parameters
        ----------
        graph : CausalGraph
            A DAG, CPDAG or ADMG; weights are not used.
        outcome, environment, attributes, image, content, direction, selection, observed, spurious
            See `Roles`.
        resamples : sequence of CausalGraph
            Graphs of a bootstrap (``BootstrapDiscovery.graphs_``): each verdict then carries the
            share of them in which it holds, and its penalty is weighted by it.
        max_members : int
            Largest number of DAGs of a CPDAG that are asked.

        Raises
        ------
        IdentificationError
            For a PAG, or a CPDAG with more DAGs than ``max_members``.
        InvalidInputError, UnknownNameError
            If the roles do not fit the graph.

        Examples
        --------
        >>> graph = CausalGraph.from_directed(
        ...     ("site", "scanner", "malignant", "image"),
        ...     [[0, 1, 1, 0], [0, 0, 0, 1], [0, 0, 0, 1], [0, 0, 0, 0]],
        ... )
        >>> plan = ConstraintPlan.from_graph(
        ...     graph, outcome="malignant", environment="site", attributes=["scanner"]
        ... )
        >>> plan.verdicts["scanner"].given, plan.licensed_families()
        (('malignant',), ('conditional_alignment',))
        """
        roles = Roles(
            outcome=outcome,
            environment=environment,
            attributes=attributes,
            image=image if isinstance(image, str) or image is None else tuple(image),
            content=content,
            direction=direction,
            selection=selection,
            observed=observed,
            spurious=tuple(spurious),
        )
        members, scenes = member_scenes(graph, roles, max_members)
        verdicts = {
            a: attribute_verdict(graph, members, scenes, roles, a) for a in roles.attributes
        }
        families = family_verdicts(graph, members, scenes, roles) if environment else {}
        notes = list(scenes[0].notes)
        if len(scenes) > 1:
            notes.append(f"the graph is a class of {len(scenes)} DAGs; each was asked")
        if resamples:
            verdicts, families, left_out = with_probability(
                resamples, roles, verdicts, families, max_members
            )
            if left_out:
                notes.append(
                    f"{left_out} of {len(resamples)} resampled graphs could not be read with these"
                    " roles and count as not licensing anything"
                )
        found = digest({k: v for k, v in graph.to_dict().items() if k != "provenance"})
        provenance = Provenance.of(
            "constraint_plan",
            settings=roles.to_dict(),
            inputs={"graph": found},
            assumptions=ASSUMPTIONS,
        )
        columns = feature_sets(
            graph,
            members,
            roles,
            verdicts,
            resamples=resamples,
            limit=max_members,
            graph_digest=found,
        )
        return cls(roles, verdicts, families, found, tuple(notes), columns, provenance)

    def licensed_families(self) -> tuple[str, ...]:
        """Return the names of the families of losses that hold."""
        return tuple(str(f) for f, verdict in self.families.items() if verdict.holds)

    def __str__(self) -> str:
        lines = [str(v) for v in self.verdicts.values()]
        lines += [str(v) for v in self.families.values()]
        return "\n".join([*lines, *(f"note: {note}" for note in self.notes)])

    def to_frame(self) -> pd.DataFrame:
        """Return one row per verdict: subject, verdict, statement, reason, probability ..."""
        rows: list[dict[str, Any]] = []
        for v in self.verdicts.values():
            rows.append(
                {
                    "subject": v.attribute,
                    "verdict": "licensed" if not v.refused else str(v.kind),
                    "statement": v.statement,
                    "constraints": ", ".join(v.constraints),
                    "reason": v.reason,
                    "probability": v.probability,
                }
            )
        for f in self.families.values():
            word = {True: "licensed", False: "refused", None: "ambiguous"}[f.holds]
            rows.append(
                {
                    "subject": f"{self.roles.environment}: {f.family}",
                    "verdict": word,
                    "statement": f.statement,
                    "constraints": ", ".join(f.constraints),
                    "reason": str(f),
                    "probability": f.probability,
                }
            )
        names = ["subject", "verdict", "statement", "constraints", "reason", "probability"]
        return pd.DataFrame(rows, columns=names)

    def _repr_html_(self) -> str:
        table: str = self.to_frame().to_html(index=False, escape=True, border=0)
        return table

    def to_dict(self) -> dict[str, Any]:
        """Return the plan as JSON types (schema ``constraint_plan``)."""
        document = {
            "$schema": SCHEMA_ID,
            "roles": self.roles.to_dict(),
            "verdicts": [verdict_to_dict(v) for v in self.verdicts.values()],
            "families": [verdict_to_dict(f) for f in self.families.values()],
            "graph_digest": self.graph_digest,
            "notes": list(self.notes),
            "feature_sets": [found.to_dict() for found in self.feature_sets.values()],
        }
        return {
            **document,
            "digest": digest(document),
            "provenance": None if self.provenance is None else self.provenance.to_dict(),
        }

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> ConstraintPlan:
        """Rebuild a plan from `to_dict`."""
        made = document.get("provenance")
        families = [family_from_dict(f) for f in document["families"]]
        verdicts = [verdict_from_dict(v) for v in document["verdicts"]]
        roles, graph = Roles.from_dict(document["roles"]), document["graph_digest"]
        columns = [
            FeatureSet.from_dict(
                found, outcome=roles.outcome, environment=roles.environment, graph=graph
            )
            for found in document["feature_sets"]
        ]
        return cls(
            roles,
            {v.attribute: v for v in verdicts},
            {f.family: f for f in families},
            graph,
            tuple(document["notes"]),
            {found.rule: found for found in columns},
            None if made is None else Provenance.from_dict(made),
        )

    def save(self, path: str | Path) -> None:
        """Write the plan as JSON, atomically."""
        document = self.to_dict()
        validate(document, "constraint_plan")
        write_text(path, json.dumps(document, indent=1, ensure_ascii=False) + "\n")

    @classmethod
    def load(cls, path: str | Path) -> ConstraintPlan:
        """Read a plan written by `save`.

        Raises
        ------
        FileReadError, SchemaError
            If the file is missing, not a plan of this version, or was changed by hand.
        """
        document = read_document(path, "constraint_plan")
        body = {k: v for k, v in document.items() if k not in ("digest", "provenance")}
        if digest(body) != document["digest"]:
            raise SchemaError(
                f"{path}: the plan was changed after it was written (its digest does not match);"
                " derive it again from the graph"
            )
        return cls.from_dict(document)
