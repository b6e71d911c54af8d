"""Contrast agent and tracer out of a DICOM header, as codes: never the header's own words."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from causalimg.imaging.dicom_file import item

_NO_AGENT = {"no", "none", "n", "nil", "na", "n/a", "without", "native", "non contrast", "0"}
_TRACERS = {
    "fdg": "Fluorodeoxyglucose F^18^",
    "fluorodeoxyglucose": "Fluorodeoxyglucose F^18^",
    "sodium fluoride": "Sodium fluoride F^18^",
    "naf": "Sodium fluoride F^18^",
    "florbetapir": "Florbetapir F^18^",
    "florbetaben": "Florbetaben F^18^",
    "psma-1007": "PSMA-1007 F^18^",
    "psma-11": "PSMA-11 Ga^68^",
    "fluorocholine": "Fluorocholine F^18^",
}


def contrast(header: Any, facts: Mapping[str, Any]) -> str | None:
    """Tell whether an agent was given.

    The standard wants the attribute wherever one was, so its absence means no; but in a header
    that was stripped of its protocol it means nothing.
    """
    if item(header, "ContrastBolusAgentSequence") is not None:
        return "yes"
    if "ContrastBolusAgent" not in header:
        stripped = facts["kvp"] is None and facts["repetition_time_ms"] is None
        return None if stripped else "no"
    told = header.get("ContrastBolusAgent")
    if told is None or str(told).strip() == "":
        return "yes" if positive(header.get("ContrastBolusVolume")) is not None else None
    return yes_no(told)


def yes_no(told: Any) -> str:
    """Say whether the text names an agent."""
    return "no" if str(told).strip().lower() in _NO_AGENT else "yes"


def radiopharmaceutical(header: Any) -> str | None:
    """Return the standard's own words for the tracer, or ``other``; never the header's."""
    told = item(header, "RadiopharmaceuticalInformationSequence")
    if told is None:
        return None
    from pydicom.sr.codedict import codes
    from pydicom.sr.coding import Code

    for sequence, known in (
        ("RadiopharmaceuticalCodeSequence", codes.cid4021.concepts),
        ("RadionuclideCodeSequence", codes.cid4020.concepts),
    ):
        entry = item(told, sequence)
        if entry is None:
            continue
        given = Code(
            str(entry.get("CodeValue") or ""), str(entry.get("CodingSchemeDesignator") or ""), ""
        )
        for concept in known.values():
            if concept == given:
                return str(concept.meaning)
        if sequence == "RadiopharmaceuticalCodeSequence" and told.get("Radiopharmaceutical"):
            break
    text = told.get("Radiopharmaceutical")
    return tracer_of(str(text)) if text else "other"


def tracer_of(text: str) -> str:
    """Return the standard's words for a tracer that a text names, or ``other``."""
    lower = text.lower()
    return next((name for part, name in _TRACERS.items() if part in lower), "other")


def positive(found: Any) -> float | None:
    """Return a finite number above 0; None for anything else."""
    if found is None or isinstance(found, bool):
        return None
    try:
        number = float(found)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) and number > 0 else None
