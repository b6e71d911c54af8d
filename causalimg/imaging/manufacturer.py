"""One name for each maker of scanners, out of the many spellings in headers."""

from __future__ import annotations

import re

_MAKERS = {
    "SIEMENS": r"SIEMENS",
    "GE": r"GE|GEMS|GENERAL ELECTRIC",
    "PHILIPS": r"PHILIPS",
    "CANON/TOSHIBA": r"CANON|TOSHIBA|TMSC",
    "HITACHI/FUJIFILM": r"HITACHI|FUJI|FUJIFILM|FUJI PHOTO FILM",
    "UNITED IMAGING": r"UIH|UNITED IMAGING|UNITED-IMAGING",
    "SHIMADZU": r"SHIMADZU",
    "HOLOGIC": r"HOLOGIC|LORAD",
    "CARESTREAM/KODAK": r"CARESTREAM|KODAK|EASTMAN KODAK",
    "AGFA": r"AGFA|AGFA-GEVAERT",
    "NEUSOFT": r"NEUSOFT",
    "ESAOTE": r"ESAOTE",
    "SAMSUNG": r"SAMSUNG|NEUROLOGICA",
    "VARIAN": r"VARIAN",
    "ELEKTA": r"ELEKTA",
    "ACCURAY": r"ACCURAY|TOMOTHERAPY",
    "BRUKER": r"BRUKER",
    "MEDISO": r"MEDISO",
    "PLANMECA": r"PLANMECA|PLANMED",
    "MARCONI/PICKER": r"MARCONI|PICKER",
}
_FORMS = re.compile(
    r"\b(MEDICAL|SYSTEMS?|HEALTHCARE|HEALTHINEERS|IMAGING|GMBH|INC|INCORPORATED|CORP|CORPORATION"
    r"|COMPANY|CO|LTD|LIMITED|LLC|AG|AB|BV|SPA|SA|KG|NV|TECHNOLOGY|TECHNOLOGIES|ELECTRONICS)\b"
)


def maker(text: str) -> str:
    """Return the maker's one name.

    Company forms (GmbH, Medical Systems), divisions and what follows a slash (the software that
    wrote the file last) are dropped, and makers that merged have one name. A maker that is not
    known keeps its first words, in capitals.

    Parameters
    ----------
    text : str
        Manufacturer as the header has it.

    Examples
    --------
    >>> [maker(t) for t in ("SIEMENS / MIM Software", "GE MEDICAL SYSTEMS", "Acme Imaging GmbH")]
    ['SIEMENS', 'GE', 'ACME']
    """
    known = known_maker(text)
    if known is not None:
        return known
    head = _head(text)
    bare = " ".join(re.sub(r"[.,;:()]", " ", _FORMS.sub(" ", head.replace(".", ""))).split())
    return bare or head


def known_maker(text: str) -> str | None:
    """Return the one name of a maker on the list, or None.

    Examples
    --------
    >>> known_maker("TOSHIBA_MEC"), known_maker("Acme")
    ('CANON/TOSHIBA', None)
    """
    for part in (_head(text), text.upper()):
        for name, spelled in _MAKERS.items():
            if re.search(rf"(?<![A-Z])(?:{spelled})(?![A-Z])", part):
                return name
    return None


def _head(text: str) -> str:
    """Return what stands before a slash, in capitals."""
    upper = " ".join(text.replace("_", " ").upper().split())
    return upper.split("/")[0].strip() or upper
