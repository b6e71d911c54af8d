"""The protocol's facts out of DICOM headers and BIDS sidecars: only what is listed here is taken.

The keywords below are the allow-list. Names, identifiers, UIDs, dates, places and descriptions
are not on it; the few elements that could hold text of a person's own (contrast agent,
radiopharmaceutical) are turned into codes. The text of a device element that repeats an
identifier of the same header is left out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from causalimg.imaging.agents import (
    contrast,
    positive,
    radiopharmaceutical,
    tracer_of,
    yes_no,
)
from causalimg.imaging.dicom_file import dicom_border, item, open_dicom
from causalimg.imaging.manufacturer import known_maker, maker

OLDEST = 90.0  # ages above 89 years are one class
NUMBERS = {
    "KVP": "kvp",
    "XRayTubeCurrent": "x_ray_tube_current_ma",
    "Exposure": "exposure_mas",
    "SliceThickness": "slice_thickness_mm",
    "SpacingBetweenSlices": "spacing_between_slices_mm",
    "ReconstructionDiameter": "reconstruction_diameter_mm",
    "MagneticFieldStrength": "magnetic_field_strength_t",
    "RepetitionTime": "repetition_time_ms",
    "EchoTime": "echo_time_ms",
    "FlipAngle": "flip_angle_deg",
}
TEXTS = {
    "ManufacturerModelName": "manufacturer_model_name",
    "SoftwareVersions": "software_versions",
    "ConvolutionKernel": "convolution_kernel",
    "ReconstructionMethod": "reconstruction_method",
}
_ALSO = {  # the same fact under another keyword, with the factor to our unit
    "XRayTubeCurrent": (("XRayTubeCurrentInuA", 1e-3), ("XRayTubeCurrentInmA", 1.0)),
    "Exposure": (("ExposureInuAs", 1e-3), ("ExposureInmAs", 1.0)),
    "EchoTime": (("EffectiveEchoTime", 1.0),),
}
_MODULATED = ("XRayTubeCurrent", "Exposure")  # differ from slice to slice; their mean is reported
_PERSONS = ("PatientName", "ReferringPhysicianName", "PerformingPhysicianName", "OperatorsName")
_IDENTIFYING = (
    "PatientID", "OtherPatientIDs", "AccessionNumber", "StudyID", "InstitutionName",
    "PatientBirthDate", "StudyDate", "DeviceSerialNumber",
)  # fmt: skip
_PLAIN = (
    "Manufacturer", "Modality", "PixelSpacing", "PatientSex", "PatientAge", "PatientWeight",
    "ContrastBolusAgent", "ContrastBolusAgentSequence", "ContrastBolusVolume",
    "RadiopharmaceuticalInformationSequence", "SharedFunctionalGroupsSequence",
    "PerFrameFunctionalGroupsSequence",
)  # fmt: skip
TAGS = (
    "SOPClassUID", *NUMBERS, *TEXTS, *(k for pairs in _ALSO.values() for k, _ in pairs), *_PLAIN,
    *_IDENTIFYING, *_PERSONS,
)  # fmt: skip
_AGE = re.compile(r"^\s*(\d{1,3})\s*([DWMY])\s*$", re.IGNORECASE)
_PER_YEAR = {"D": 365.25, "W": 52.1775, "M": 12.0, "Y": 1.0}


def from_dicom(
    files: Sequence[Path], positions: np.ndarray, *, where: str
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return the facts of a series, and the names of those that differ between its slices.

    Parameters
    ----------
    files : sequence of Path
        The slices.
    positions : ndarray, shape (n_slices,)
        Sorted positions along the normal [mm]; empty if they are unknown.
    where : str
        Case and column, for the messages.

    Raises
    ------
    ImageReadError
    """
    rows = []
    for file in files:
        header = open_dicom(file, where=where, tags=TAGS)
        with dicom_border(where, file.name):
            rows.append(_of_header(header))
    facts: dict[str, Any] = {}
    varying = []
    for name in rows[0]:
        values = [row[name] for row in rows if row[name] is not None]
        if values and any(other != values[0] for other in values[1:]):
            varying.append(name)
            modulated = name in (NUMBERS[key] for key in _MODULATED)
            mean = float(np.mean(values)) if modulated else None
            facts[name] = mean
        else:
            facts[name] = values[0] if values else None
    if len(positions) > 1:
        facts["spacing_between_slices_mm"] = float(f"{np.median(np.diff(positions)):.6g}")
    return facts, tuple(varying)


def from_sidecar(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the facts of a BIDS sidecar; its times are in seconds and become milliseconds."""
    look = _Lookup([document], _identifiers(document.get))
    facts = _common(look)
    for keyword in ("RepetitionTime", "EchoTime"):
        seconds = facts[NUMBERS[keyword]]
        facts[NUMBERS[keyword]] = None if seconds is None else seconds * 1000
    facts["manufacturer_model_name"] = look.text("ManufacturersModelName") or look.text(
        "ManufacturerModelName"
    )
    facts["reconstruction_method"] = look.text("ReconMethodName") or facts["reconstruction_method"]
    facts["exposure_mas"] = facts["exposure_mas"] or look.number("XRayExposure")
    told = look.first("ContrastBolusIngredient", "ContrastBolusAgent", "ContrastAgent")
    facts["contrast_agent"] = None if told in (None, "") else yes_no(told)
    tracer = look.first("TracerName", "Radiopharmaceutical")
    facts["radiopharmaceutical"] = None if tracer in (None, "") else tracer_of(str(tracer))
    return facts


def _of_header(header: Any) -> dict[str, Any]:
    groups = [header]
    for sequence in ("PerFrameFunctionalGroupsSequence", "SharedFunctionalGroupsSequence"):
        first = item(header, sequence)
        if first is not None:
            groups += [nested for nested in _items(first, depth=3)]
    look = _Lookup(groups, _identifiers(header.get))
    facts = _common(look)
    facts["contrast_agent"] = contrast(header, facts)
    facts["radiopharmaceutical"] = radiopharmaceutical(header)
    return facts


class _Lookup:
    """Find an allowed element in a header and its functional groups, and clean it."""

    def __init__(self, groups: Sequence[Any], identifiers: Sequence[str]) -> None:
        self._groups = groups
        self._identifiers = identifiers

    def first(self, *keywords: str) -> Any:
        for keyword in keywords:
            for group in self._groups:
                found = group.get(keyword)
                if found is not None and found != "":
                    return found
        return None

    def number(self, keyword: str) -> float | None:
        """Return a positive finite number; blank, zero, text and lists count as not stated."""
        found = positive(self.first(keyword))
        return None if found is None else float(f"{found:.6g}")

    def text(self, keyword: str) -> str | None:
        """Return the text of a device element on one line."""
        found = self.first(keyword)
        if found is None:
            return None
        parts = [found] if isinstance(found, str) else _listed(found)
        line = " ".join(" ".join(str(part) for part in parts).split())
        line = "".join(letter for letter in line if letter.isprintable())[:64].strip()
        lower = line.lower()
        if not line or any(name in lower for name in self._identifiers):
            return None
        return line

    def maker(self) -> str | None:
        """Return the maker's one name; of a text that repeats an identifier, only a known one."""
        text = self.text("Manufacturer")
        if text is not None:
            return maker(text)
        found = self.first("Manufacturer")
        return known_maker(str(found)) if isinstance(found, str) else None


def _common(look: _Lookup) -> dict[str, Any]:
    facts: dict[str, Any] = {}
    original = look.text("Manufacturer")
    facts["modality"] = _code(look.first("Modality"), r"[A-Z]{2,8}")
    facts["manufacturer"] = look.maker()
    facts["manufacturer_original"] = original
    for keyword, name in TEXTS.items():
        facts[name] = look.text(keyword)
    for keyword, name in NUMBERS.items():
        number = look.number(keyword)
        for other, factor in _ALSO.get(keyword, ()):
            if number is None:
                found = look.number(other)
                number = None if found is None else found * factor
        facts[name] = number
    if (facts["magnetic_field_strength_t"] or 0) > 100:  # written in gauss
        facts["magnetic_field_strength_t"] /= 10_000
    spacing = look.first("PixelSpacing")
    pair = [positive(one) for one in _listed(spacing)] if spacing is not None else []
    both = pair if len(pair) == 2 else [None, None]
    facts["pixel_spacing_mm"], facts["pixel_spacing_column_mm"] = both
    facts["patient_sex"] = _code(look.first("PatientSex"), r"[MFO]")
    facts["patient_age_years"] = age_years(look.first("PatientAge"))
    facts["patient_weight_kg"] = look.number("PatientWeight")
    return facts


def age_years(found: Any) -> float | None:
    """Return an age in years, from a DICOM age string (``045Y``) or a number; 90 above 89.

    Examples
    --------
    >>> age_years("045Y"), age_years("006M"), age_years("093Y"), age_years("")
    (45.0, 0.5, 90.0, None)
    """
    if found is None or isinstance(found, bool):
        return None
    match = _AGE.match(str(found))
    if match is not None:
        years = int(match[1]) / _PER_YEAR[match[2].upper()]
    else:
        number = positive(found)
        if number is None or number > 150:
            return None
        years = number
    return OLDEST if years > 89 else round(years, 4)


def _identifiers(get: Callable[[str], Any]) -> list[str]:
    """Return the identifying values of a header, in lower case, to be looked for in texts."""
    found: set[str] = set()
    for keyword in (*_PERSONS, *_IDENTIFYING):
        held = get(keyword)
        for one in _listed(held) if held not in (None, "") else ():
            whole = str(one).strip().lower()
            found.add(whole)
            if keyword in _PERSONS:
                found |= set(re.split(r"[\^=\s]+", whole))
    return sorted(one for one in found if len(one) >= 4)


def _items(dataset: Any, depth: int) -> Iterable[Any]:
    """Yield a data set and the first items of the sequences inside it."""
    yield dataset
    if depth == 0:
        return
    for element in dataset:
        if element.VR == "SQ" and len(element.value):
            yield from _items(element.value[0], depth - 1)


def _listed(found: Any) -> list[Any]:
    if isinstance(found, Sequence) and not isinstance(found, str | bytes):
        return list(found)
    return [found]


def _code(found: Any, pattern: str) -> str | None:
    text = "" if found is None else str(found).strip().upper()
    return text if re.fullmatch(pattern, text) else None
