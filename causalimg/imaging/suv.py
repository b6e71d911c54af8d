r"""Standardised uptake values of a PET series, from what its headers say.

.. math:: \mathrm{SUV_{bw}} = \frac{C\,[\mathrm{Bq/ml}]\; w\,[\mathrm{g}]}{D\,[\mathrm{Bq}]}
          \qquad D = D_0\, 2^{-t/T_{1/2}}

``C`` is the activity concentration, ``w`` the body weight and :math:`D_0` the injected dose. The
dose is decayed to the time that the image was corrected to: with DecayCorrection ``START``,
:math:`t` goes from the injection to the start of the series (the first acquisition, where the
series' own time is later, as in a reconstruction made afterwards); with ``ADMIN`` it is 0.
A start of the injection that is given as a time of day and lies after the scan was the day before.

Nothing of a header but the factor leaves this module: neither dates nor times, nor any identifier.

References
----------
Kinahan PE, Fletcher JW. Positron emission tomography-computed tomography standardized uptake
values in clinical practice and assessing response to therapy. Semin Ultrasound CT MR 2010.
https://doi.org/10.1053/j.sult.2010.10.001
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from causalimg.errors import InvalidInputError, UnknownNameError, nearest
from causalimg.imaging.dicom_file import dicom_border, item, open_dicom, value

SUV_KINDS = ("bw",)
_TAGS = (
    "SOPClassUID", "Modality", "Units", "SUVType", "DecayCorrection", "CorrectedImage",
    "PatientWeight", "RadiopharmaceuticalInformationSequence", "SeriesDate", "SeriesTime",
    "AcquisitionDate", "AcquisitionTime",
)  # fmt: skip
_LEAST_DOSE = 1e5  # Bq; a lower number is a dose in MBq
_LONGEST = 24 * 3600.0


@dataclass(frozen=True)
class _Facts:
    """What the headers of a series agree on."""

    units: str
    kind: str
    correction: str
    weight: float
    dose: float
    half_life: float


def check_suv(kind: str | None) -> str | None:
    """Return the kind of uptake value if there is one of that name.

    Raises
    ------
    UnknownNameError

    Examples
    --------
    >>> check_suv("bw")
    'bw'
    """
    if kind is not None and kind not in SUV_KINDS:
        raise UnknownNameError(
            f"suv={kind!r}: not a known standardised uptake value{nearest(kind, SUV_KINDS)} "
            f"(there are: {', '.join(SUV_KINDS)}, by body weight; or None)"
        )
    return kind


def suv_factor(files: Sequence[Path], *, where: str) -> float:
    """Return what the voxels [Bq/ml] of a PET series are multiplied by to become SUV by weight.

    Parameters
    ----------
    files : sequence of Path
        Of one series.
    where : str
        Case and column, for the messages.

    Raises
    ------
    InvalidInputError
        If the series is not PET in Bq/ml, or a field is missing or cannot be; names the field.
    ImageReadError
        If a header is damaged.
    """
    headers = [open_dicom(file, where=where, tags=_TAGS) for file in files]
    with dicom_border(where, files[0].name):
        if value(headers[0], "Modality", str, "") != "PT":
            raise InvalidInputError(
                f"{where}: suv='bw' is for PET, and this series is of modality "
                f"{value(headers[0], 'Modality', str, 'unknown')}; leave suv out"
            )
        facts = {_facts(header, where) for header in headers}
        if len(facts) > 1:
            raise InvalidInputError(
                f"{where}: the slices of the PET series differ in units, decay correction, weight "
                "or dose, so they have no common uptake value; check the export"
            )
        (fact,) = facts
        if fact.units == "GML":
            return 1.0
        decayed = fact.dose
        if fact.correction == "START":
            waited = _waited(headers, where)
            decayed = fact.dose * 2.0 ** (-waited / fact.half_life)
    return 1000.0 * fact.weight / decayed


def _facts(header: Any, where: str) -> _Facts:
    units = _needed(header, "Units", str, where).upper()
    kind = value(header, "SUVType", str, "BW").upper()
    if units == "GML":
        if kind != "BW":
            raise InvalidInputError(
                f"{where}: the series holds uptake values already, of SUVType {kind!r} and not by "
                "body weight (BW); leave suv out"
            )
        return _Facts(units, kind, "", 0.0, 0.0, 0.0)
    if units != "BQML":
        raise InvalidInputError(
            f"{where}: Units is {units!r}; uptake values are computed from BQML (Bq/ml), so "
            "convert the series with the vendor's software first, or leave suv out"
        )
    correction = _needed(header, "DecayCorrection", str, where).upper()
    if correction not in ("START", "ADMIN"):
        raise InvalidInputError(
            f"{where}: DecayCorrection is {correction!r}; START or ADMIN is needed"
        )
    drug = _drug(header, where)
    weight = _positive(header, "PatientWeight", where)
    dose = _positive(drug, "RadionuclideTotalDose", where)
    if dose < _LEAST_DOSE:
        raise InvalidInputError(
            f"{where}: RadionuclideTotalDose is below {_LEAST_DOSE:g} Bq, so it was probably "
            "written in MBq; DICOM wants Bq"
        )
    return _Facts(
        units, kind, correction, weight, dose, _positive(drug, "RadionuclideHalfLife", where)
    )


def _waited(headers: Sequence[Any], where: str) -> float:
    """Return the time from the injection to what the image was corrected to [s]."""
    first = min(_moment(header, "Acquisition", where) for header in headers)
    start = headers[0]
    stated = bool(start.get("SeriesDate")) and bool(start.get("SeriesTime"))
    scanned = min(_moment(start, "Series", where), first) if stated else first
    drug = _drug(start, where)
    given = value(drug, "RadiopharmaceuticalStartDateTime", str, "")
    if given:
        injected = _parsed(given, "RadiopharmaceuticalStartDateTime", where)
    else:
        clock = _needed(drug, "RadiopharmaceuticalStartTime", str, where)
        injected = _parsed(f"{scanned:%Y%m%d}{clock}", "RadiopharmaceuticalStartTime", where)
        if injected > scanned:
            injected -= timedelta(days=1)
    waited = (scanned - injected).total_seconds()
    if not 0 <= waited <= _LONGEST:
        raise InvalidInputError(
            f"{where}: the injection (RadiopharmaceuticalStartDateTime) lies "
            f"{'after the scan' if waited < 0 else 'more than a day before the scan'}; the header "
            "is wrong, or its times were changed when the images were de-identified"
        )
    return waited


def _drug(header: Any, where: str) -> Any:
    found = item(header, "RadiopharmaceuticalInformationSequence")
    if found is None:
        raise _missing("RadiopharmaceuticalInformationSequence", where)
    return found


def _moment(header: Any, what: str, where: str) -> datetime:
    """Return the date and time of a series or an acquisition."""
    date = value(header, f"{what}Date", str, "") or _needed(header, "SeriesDate", str, where)
    return _parsed(f"{date}{_needed(header, f'{what}Time', str, where)}", f"{what}Time", where)


def _parsed(text: str, field: str, where: str) -> datetime:
    """Read YYYYMMDDHHMMSS.FFFFFF, of which the end may be missing; an offset from UTC is cut."""
    whole, _, share = text.split("+")[0].split("-")[0].strip().partition(".")
    if len(whole) not in (10, 12, 14) or not whole.isdigit() or not (share or "0").isdigit():
        raise InvalidInputError(f"{where}: {field} is not a DICOM date and time")
    try:
        found = datetime.strptime(whole.ljust(14, "0"), "%Y%m%d%H%M%S")
    except ValueError:
        raise InvalidInputError(f"{where}: {field} is not a DICOM date and time") from None
    return found + timedelta(seconds=float(f"0.{share or 0}"))


def _positive(header: Any, field: str, where: str) -> float:
    number = float(_needed(header, field, float, where))
    if not 0 < number < math.inf:
        raise InvalidInputError(f"{where}: {field} is not above 0, so there is no uptake value")
    return number


def _needed(header: Any, field: str, kind: Callable[[Any], Any], where: str) -> Any:
    found = value(header, field, kind, None)
    if found is None:
        raise _missing(field, where)
    return found


def _missing(field: str, where: str) -> InvalidInputError:
    return InvalidInputError(
        f"{where}: the PET header has no {field}, which the uptake value needs; add it, or leave "
        "suv out and take the image in its own unit"
    )
