"""Is a result still what made it? Hashes, settings, software, and a sample computed again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from causalimg.errors import CausalImgError, FileReadError, InvalidInputError
from causalimg.graph.core import CausalGraph
from causalimg.ledger import Ledger
from causalimg.recheck import (
    DIFFERS,
    OTHER,
    SAME,
    UNCHECKED,
    Check,
    check_digest,
    check_effects,
    check_features,
    check_software,
    check_treated,
    graph_digest,
)
from causalimg.recheck_folder import FolderChecks
from causalimg.recheck_images import check_images
from causalimg.study_result import FILES
from causalimg.tables.cohort import Cohort
from causalimg.tables.effect_table import EffectTable
from causalimg.tables.features import FeatureTable
from causalimg.tables.invariant_set import InvariantSet
from causalimg.training.plan import ConstraintPlan

_KINDS: tuple[Any, ...] = (FeatureTable, EffectTable, CausalGraph, InvariantSet, ConstraintPlan)
_SUMMARY = FILES["summary"]


@dataclass(frozen=True)
class Verification:
    """What was asked of a result and what came out, one `Check` each.

    Parameters
    ----------
    name : str
        Of the folder or file.
    checks : tuple of Check
    sample, random_state : int
        How many cases and features were computed again, and the seed that chose them.
    """

    name: str
    checks: tuple[Check, ...]
    sample: int
    random_state: int

    @property
    def ok(self) -> bool:
        """True when nothing differs; what could not be checked does not count."""
        return not any(check.verdict == DIFFERS for check in self.checks)

    def counts(self) -> dict[str, int]:
        """Return how many checks have each verdict."""
        found = [check.verdict for check in self.checks]
        return {name: found.count(name) for name in (SAME, DIFFERS, OTHER, UNCHECKED)}

    def to_frame(self) -> pd.DataFrame:
        """Return one row per check: ``item, check, verdict, detail``."""
        names = [entry.name for entry in fields(Check)]
        return pd.DataFrame(
            [[getattr(check, name) for name in names] for check in self.checks], columns=names
        )

    def __repr__(self) -> str:
        said = ", ".join(f"{count} {name}" for name, count in self.counts().items() if count)
        return f"Verification({self.name}: {said})"

    def _repr_html_(self) -> str:
        shown: str = self.to_frame().to_html(index=False, escape=True, border=0)
        return f"<p>{self!r}</p>{shown}"


def verify(
    path: str | Path,
    *,
    sample: int = 5,
    random_state: int = 0,
    inputs: Sequence[str | Path] = (),
) -> Verification:
    """Check that a result is still what its record says made it.

    Parameters
    ----------
    path : path
        A folder of results, or one record: a feature table, graph, effect table, invariant set or
        constraint plan.
    sample : int
        Cases whose features are extracted again from their images, and features whose effects are
        estimated again; 0 for none.
    random_state : int
        Chooses them.
    inputs : sequence of paths
        For a record that lies alone: what it was made from (the cohort of a feature table, the
        feature table of the others), which is told by its content.

    Returns
    -------
    Verification

    Raises
    ------
    FileReadError, InvalidInputError
        If there is no result, or ``sample`` is below 0.

    Notes
    -----
    Values count as the same within a relative difference of 1e-6. The bytes of every image are
    read. A person who can write all files can write hashes that agree: this finds accidents and
    drift, and is no signature.

    Examples
    --------
    >>> import tempfile
    >>> graph = CausalGraph.from_directed(("a", "b"), [[0, 1], [0, 0]])
    >>> where = Path(tempfile.mkdtemp()) / "graph.json"
    >>> graph.save(where)
    >>> verify(where).to_frame()["verdict"].tolist()
    ['unchecked', 'unchecked']
    """
    if sample < 0:
        raise InvalidInputError(f"sample={sample}: a number of cases, 0 or more")
    where = Path(path)
    if where.is_dir():
        checks = FolderChecks(where, sample, random_state, inputs).checks()
    elif not where.is_file():
        raise FileReadError(f"there is no file or folder {where.name!r} in {where.parent}")
    elif where.name in Ledger(where.parent).files() and (where.parent / _SUMMARY).is_file():
        found = FolderChecks(where.parent, sample, random_state, inputs).checks()
        checks = [check for check in found if check.item == where.name]
    else:
        checks = _alone(where, sample, random_state, [Path(name) for name in inputs])
    return Verification(where.name, tuple(checks), sample, random_state)


def _alone(path: Path, sample: int, seed: int, inputs: Sequence[Path]) -> list[Check]:
    """Check one record that lies in no folder of results."""
    record = _first([path], *(kind.load for kind in _KINDS))
    if record is None:
        raise InvalidInputError(
            f"{path.name} is none of the records that can be verified: feature table, effect table,"
            " graph, invariant set, constraint plan; or it is damaged ('causalimg validate' says)"
        )
    item, rng = path.name, np.random.default_rng(seed)
    found = [check_software(item, record.provenance)]
    if isinstance(record, FeatureTable):
        cohort = _first(inputs, Cohort.read)
        if cohort is None:
            return [*found, _lacks(item, "cohort")]
        found.append(check_images(item, record, cohort, None))
        if sample:
            found.append(check_features(item, record, cohort, sample=sample, rng=rng))
        return found
    if isinstance(record, CausalGraph):
        said = "which columns it was learned from is known in a folder of results only"
        return [*found, Check(item, "inputs", UNCHECKED, said)]
    if isinstance(record, ConstraintPlan):
        graph = _first(inputs, CausalGraph.load)
        if graph is None:
            return [*found, _lacks(item, "graph")]
        now = graph_digest(graph)
        return [*found, check_digest(item, "inputs", record.graph_digest, now, of="the graph")]
    table = _first(inputs, FeatureTable.load)
    if table is None:
        return [*found, _lacks(item, "feature table")]
    if isinstance(record, InvariantSet):
        made_from = record.inputs.get("table")
        return [*found, check_digest(item, "inputs", made_from, table.digest(), of="the table")]
    found.append(check_treated(item, record.provenance, table))
    if sample:
        found.append(check_effects(item, record, table, sample=sample, rng=rng))
    return found


def _lacks(item: str, wanted: str) -> Check:
    return Check(item, "inputs", UNCHECKED, f"give its {wanted} as an input")


def _first(paths: Sequence[Path], *loaders: Callable[[Path], Any]) -> Any:
    """Return the first of the files that one of the loaders can read."""
    for path in paths:
        for loader in loaders:
            try:
                return loader(path)
            except CausalImgError:
                continue  # another kind of file
    return None
