"""Checks of single records: bytes, settings, software, and values computed again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from causalimg.effects.base import EffectEstimator
from causalimg.effects.diagnostics import OverlapLimits
from causalimg.errors import CausalImgError, InvalidInputError
from causalimg.graph.core import CausalGraph
from causalimg.provenance import (
    Provenance,
    canonical_json,
    digest,
    plain,
    sha256_file,
    sha256_frame,
    software_versions,
)
from causalimg.radiomics.extractor import RadiomicsExtractor
from causalimg.radiomics.ibsi_settings import IbsiSettings
from causalimg.radiomics.settings import ExtractionSettings
from causalimg.registry import load
from causalimg.tables.cohort import Cohort
from causalimg.tables.effect_table import EffectTable
from causalimg.tables.features import FeatureTable

TOLERANCE = 1e-6
SAME, DIFFERS, UNCHECKED, OTHER = "same", "differs", "unchecked", "other software"
_OWN = ("engine", "engine_version", "label", "tolerance", "resample_mask", "suv")
_COMPARED = ("estimate", "se", "ci_low", "ci_high", "p")


@dataclass(frozen=True)
class Check:
    """One question about one item.

    Parameters
    ----------
    item : str
        File name.
    check : str
        What was asked: ``bytes``, ``settings``, ``software``, ``inputs``, ``values`` ...
    verdict : str
        ``same``, ``differs``, ``unchecked``, or ``other software``, which is no difference of the
        result by itself.
    detail : str
        By what it differs, or why it cannot be checked.
    """

    item: str
    check: str
    verdict: str
    detail: str = ""


def check_bytes(folder: Path, recorded: Mapping[str, str]) -> list[Check]:
    """Compare files with their recorded sha256."""
    found: list[Check] = []
    for name, sha in sorted(recorded.items()):
        path = folder / name
        if not path.is_file():
            found.append(Check(name, "bytes", DIFFERS, "the file is gone"))
            continue
        now = sha256_file(path)
        detail = "" if now == sha else f"sha256 {now[:12]}... is not the recorded {sha[:12]}..."
        found.append(Check(name, "bytes", SAME if now == sha else DIFFERS, detail))
    return found


def check_software(item: str, made: Provenance | None) -> Check:
    """Compare the versions that made a record with those installed."""
    if made is None:
        return Check(item, "software", UNCHECKED, "the record does not say what made it")
    now = software_versions()
    other = [
        f"{name} {version} then, {now.get(name, 'not installed')} now"
        for name, version in made.versions.items()
        if now.get(name) != version
    ]
    return Check(item, "software", OTHER if other else SAME, "; ".join(other))


def check_settings(
    item: str, made: Provenance | None, expected: Mapping[str, Any], *, where: str
) -> Check:
    """Compare the settings that made a record with those that are written elsewhere."""
    if made is None:
        return Check(item, "settings", UNCHECKED, "the record does not say what made it")
    wanted = plain(dict(expected))
    differing = _differences(made.settings, wanted)
    said = "; ".join(f"{key}: {a} made it, {where} has {b}" for key, a, b in differing[:5])
    return Check(item, "settings", DIFFERS if differing else SAME, said)


def check_digest(item: str, what: str, recorded: str | None, now: str, *, of: str) -> Check:
    """Compare one recorded input hash with that of the input as it is now."""
    if recorded is None:
        return Check(item, what, UNCHECKED, "the record holds no hash of it")
    if recorded == now:
        return Check(item, what, SAME)
    return Check(item, what, DIFFERS, f"it was made from other values of {of}")


def check_features(
    item: str, table: FeatureTable, cohort: Cohort, *, sample: int, rng: np.random.Generator
) -> Check:
    """Extract the features of some cases again."""
    made = table.provenance
    if made is None or made.stage != "extract":
        return Check(item, "values", UNCHECKED, "it does not say with which settings it was made")
    ids = [str(name) for name in table.frame["case_id"]]
    chosen = sorted(rng.choice(len(ids), size=min(sample, len(ids)), replace=False))
    names = [ids[k] for k in chosen]
    rows = cohort.frame["case_id"].isin(names)
    part = Cohort(cohort.frame[rows], cohort.roles, cohort.folder)
    try:
        again = extractor_of(made.settings).extract(part)
    except CausalImgError as error:
        return Check(item, "values", UNCHECKED, str(error))
    if len(again.failures):
        first = again.failures.iloc[0]
        return Check(item, "values", DIFFERS, f"case {first.case_id!r} fails now: {first.reason}")
    before = table.frame.set_index("case_id").loc[names, table.features]
    after = again.frame.set_index("case_id").loc[names].reindex(columns=table.features)
    return _compared(item, "values", before, after, f"features of {len(names)} cases extracted")


def check_effects(
    item: str,
    effects: EffectTable,
    table: FeatureTable,
    *,
    sample: int,
    rng: np.random.Generator,
) -> Check:
    """Estimate the effects of some features again."""
    made = effects.provenance
    if made is None:
        return Check(item, "values", UNCHECKED, "it does not say with which settings it was made")
    known = [n for n in dict.fromkeys(effects.estimable["outcome"]) if n in table.features]
    if not known:
        return Check(item, "values", UNCHECKED, "no estimable effect of a feature of the table")
    chosen = sorted(rng.choice(len(known), size=min(sample, len(known)), replace=False))
    names = [known[k] for k in chosen]
    try:
        fitted = estimator_of(made.settings).fit(table.frame, outcomes=names)
    except CausalImgError as error:
        return Check(item, "values", UNCHECKED, str(error))

    def rows(frame: pd.DataFrame) -> pd.DataFrame:
        part = frame[frame["outcome"].isin(names)]
        keys = part["outcome"] + ", " + part["contrast"]
        return part.set_index(keys)[list(_COMPARED)].sort_index()

    said = f"effects on {len(names)} features estimated"
    return _compared(item, "values", rows(effects.frame), rows(fitted.effects_.frame), said)


def graph_digest(graph: CausalGraph) -> str:
    """Return the sha256 of a graph, without what made it."""
    return digest({k: v for k, v in graph.to_dict().items() if k != "provenance"})


def check_treated(item: str, made: Provenance | None, table: FeatureTable) -> Check:
    """Compare the treatment and covariates that an effect table was made from."""
    if made is None:
        return Check(item, "inputs", UNCHECKED, "the record does not say what made it")
    given: dict[str, Any] = made.settings
    more = [given["cluster"]] if given.get("cluster") else []
    names = [given["treatment"], *given.get("adjustment", ()), *given.get("precision", ()), *more]
    used = list(dict.fromkeys(names))
    lacking = [name for name in used if name not in table.frame.columns]
    if lacking:
        return Check(item, "inputs", DIFFERS, f"the table has no column {lacking[0]!r}")
    now = sha256_frame(table.frame[used])
    recorded = made.inputs.get("treatment_and_covariates")
    return check_digest(item, "inputs", recorded, now, of="treatment and covariates")


def extractor_of(settings: Mapping[str, Any]) -> RadiomicsExtractor:
    """Make the extractor that a feature table's provenance describes.

    Raises
    ------
    InvalidInputError, UnknownNameError, MissingDependencyError
    """
    given = {key: value for key, value in settings.items() if key not in _OWN}
    ibsi = given.pop("ibsi", None)
    if ibsi is not None:
        values: dict[str, Any] = {
            k: tuple(v) if isinstance(v, list) else v for k, v in ibsi.items()
        }
        ibsi = IbsiSettings(**values)
    return RadiomicsExtractor(
        engine=str(settings["engine"]),
        settings=ExtractionSettings.of(**given, ibsi=ibsi),
        label=settings.get("label"),
        tolerance=float(settings["tolerance"]),
        resample_mask=bool(settings["resample_mask"]),
        suv=settings.get("suv"),
    )


def estimator_of(settings: Mapping[str, Any]) -> EffectEstimator:
    """Make the effect estimator that an effect table's provenance describes.

    Raises
    ------
    InvalidInputError
        If it was made with a model of the caller's own, which a record cannot hold.
    """
    given = dict(settings)
    kind = load("causalimg.effects", str(given.pop("estimator")))
    for name in ("propensity_model", "outcome_model"):
        if given.get(name) is not None:
            raise InvalidInputError(f"{name}={given[name]} was a model of the caller's own")
    if given.get("limits") is not None:
        given["limits"] = OverlapLimits(**given["limits"])
    made: EffectEstimator = kind(**given)
    return made


def _differences(one: Any, other: Any, at: str = "") -> list[tuple[str, str, str]]:
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return [
            row
            for key in dict.fromkeys([*one, *other])
            for row in _differences(one.get(key), other.get(key), f"{at}.{key}" if at else str(key))
        ]
    same = canonical_json(one) == canonical_json(other)
    return [] if same else [(at, canonical_json(one), canonical_json(other))]


def _compared(item: str, check: str, before: pd.DataFrame, after: pd.DataFrame, said: str) -> Check:
    a, b = before.to_numpy(dtype=float), after.to_numpy(dtype=float)
    if a.shape != b.shape:
        return Check(item, check, DIFFERS, f"{said} again gives {b.shape}, not {a.shape}")
    scale = np.maximum(np.maximum(np.abs(a), np.abs(b)), 1e-12)
    with np.errstate(invalid="ignore"):
        gap = np.where(np.isnan(a) & np.isnan(b), 0.0, np.abs(a - b) / scale)
    gap = np.where(a == b, 0.0, gap)
    off = ~(gap <= TOLERANCE)
    if not off.any():
        largest = f"; largest relative difference {gap.max():.1g}" if gap.size else ""
        return Check(item, check, SAME, f"{said} again, within {TOLERANCE:g}{largest}")
    places = np.argwhere(off)
    named = "; ".join(
        f"{before.index[i]}, {before.columns[j]}: {a[i, j]:.8g} recorded, {b[i, j]:.8g} now"
        for i, j in places[:3]
    )
    return Check(item, check, DIFFERS, f"{len(places)} of {a.size} values: {named}")
