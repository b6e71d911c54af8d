"""What stands behind a graph, in one file beside it: tests, what resamples drew, knowledge."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from causalimg.atomic import write_text
from causalimg.discovery.evidence import Evidence, Pair, evidence_of, resample_counts
from causalimg.graph.core import CausalGraph
from causalimg.graph.knowledge import Knowledge
from causalimg.schemas import read_document, validate

SCHEMA_ID = "https://causalimg.org/schemas/graph_evidence/1.0.0"


@dataclass(frozen=True, eq=False)
class GraphEvidence:
    """What a search found out about every pair of nodes, without the search itself.

    Parameters
    ----------
    nodes : tuple of str
    knowledge : Knowledge
        What the search was given.
    tests : Evidence, optional
        The test behind every pair; only searches by tests (`PC`, `FCI`) have it.
    counts : mapping of (a, b) to mapping of str to int
        What the resamples drew, as `resample_counts` gives it.
    n_resamples : int

    Examples
    --------
    >>> import pandas as pd
    >>> from causalimg.discovery.pc import PC
    >>> rng = np.random.default_rng(0)
    >>> a = rng.normal(size=400)
    >>> b = a + rng.normal(size=400)
    >>> fitted = PC().fit(pd.DataFrame({"a": a, "b": b, "c": b + rng.normal(size=400)}))
    >>> kept = GraphEvidence.of(fitted).to_dict()
    >>> GraphEvidence.from_dict(kept).tests.given["a", "c"]
    ('b',)
    """

    nodes: tuple[str, ...]
    knowledge: Knowledge = field(default_factory=Knowledge)
    tests: Evidence | None = None
    counts: Mapping[Pair, Mapping[str, int]] = field(default_factory=dict)
    n_resamples: int = 0

    @classmethod
    def of(cls, fitted: Any) -> GraphEvidence:
        """Return what a fitted search, a bootstrap of one, or an `Evidence` holds."""
        if isinstance(fitted, GraphEvidence):
            return fitted
        tests = evidence_of(fitted)
        graphs: Sequence[CausalGraph] = getattr(fitted, "graphs_", ())
        graph = getattr(fitted, "graph_", None)
        named = getattr(graph, "nodes", ()) if tests is None else tests.nodes
        known = (
            getattr(owner, "knowledge", None)
            for owner in (fitted, getattr(fitted, "estimator", None))
        )
        return cls(
            nodes=named,
            knowledge=next((k for k in known if isinstance(k, Knowledge)), Knowledge()),
            tests=tests,
            counts=resample_counts(graphs, named) if graphs else {},
            n_resamples=len(graphs),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the evidence as JSON types (schema ``graph_evidence``), nodes by position."""
        at = {name: k for k, name in enumerate(self.nodes)}
        return {
            "$schema": SCHEMA_ID,
            "nodes": list(self.nodes),
            "knowledge": self.knowledge.to_dict(),
            "test": None if self.tests is None else self.tests.test,
            "alpha": None if self.tests is None else self.tests.alpha,
            "pairs": [] if self.tests is None else _pairs(self.tests, at),
            "n_resamples": self.n_resamples,
            "resamples": [
                {"a": at[a], "b": at[b], "drawn": dict(drawn)}
                for (a, b), drawn in self.counts.items()
            ],
        }

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> GraphEvidence:
        """Rebuild the evidence from `to_dict`."""
        nodes = tuple(document["nodes"])
        return cls(
            nodes=nodes,
            knowledge=Knowledge.from_dict(document["knowledge"]),
            tests=None if document["test"] is None else _tests(nodes, document),
            counts={
                (nodes[row["a"]], nodes[row["b"]]): row["drawn"] for row in document["resamples"]
            },
            n_resamples=document["n_resamples"],
        )

    def save(self, path: str | Path) -> None:
        """Write the evidence as JSON, atomically."""
        document = self.to_dict()
        validate(document, "graph_evidence")
        write_text(path, json.dumps(document, allow_nan=False) + "\n")

    @classmethod
    def load(cls, path: str | Path) -> GraphEvidence:
        """Read evidence written by `save`.

        Raises
        ------
        FileReadError, SchemaError
            If the file is missing, or not evidence of this version.
        """
        return cls.from_dict(read_document(path, "graph_evidence"))


def _pairs(tests: Evidence, at: Mapping[str, int]) -> list[dict[str, Any]]:
    rows = []
    for i, j in itertools.combinations(range(len(tests.nodes)), 2):
        a, b = tests.nodes[i], tests.nodes[j]
        p, given = float(tests.p_value[i, j]), tests.given.get((a, b))
        rows.append(
            {
                "a": at[a],
                "b": at[b],
                "adjacent": bool(tests.adjacent[i, j]),
                "reason": tests.reason(i, j),
                "p_value": p if np.isfinite(p) else None,
                "given": None if given is None else [at[name] for name in given],
            }
        )
    return rows


def _tests(nodes: tuple[str, ...], document: Mapping[str, Any]) -> Evidence:
    shape = (len(nodes), len(nodes))
    adjacent, required, forbidden = (np.zeros(shape, dtype=bool) for _ in range(3))
    p_value = np.full(shape, np.nan)
    separating: dict[tuple[int, int], tuple[int, ...]] = {}
    closest: dict[tuple[int, int], tuple[int, ...]] = {}
    for row in document["pairs"]:
        i, j = sorted((row["a"], row["b"]))
        for ends in ((i, j), (j, i)):
            adjacent[ends] = row["adjacent"]
            required[ends] = row["reason"] == "required"
            forbidden[ends] = row["reason"] == "forbidden"
            p_value[ends] = np.nan if row["p_value"] is None else row["p_value"]
        if row["reason"] == "separated":
            separating[i, j] = tuple(row["given"])
        elif row["given"]:
            closest[i, j] = tuple(row["given"])
    return Evidence(nodes, adjacent, p_value, separating, closest, document["test"],
                    document["alpha"], required, forbidden)  # fmt: skip
