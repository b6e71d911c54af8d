"""Hold features against a table of IBSI reference values, with the tolerances that go with them.

A table is a CSV file with the columns ``reference value;tolerance;tag``, as the IBSI's values are
passed round. Values are printed with three significant digits, trailing zeros dropped: ``2.6``
stands for 2.60. A tolerance smaller than that rounding is raised to half of the third digit, and
to no more.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from causalimg.errors import InvalidInputError
from causalimg.radiomics.ibsi_names import NO_CONSENSUS, TAGS

_COLUMNS = ("reference value", "tolerance", "tag")
_DIGITS = 3
_SLACK = 1e-9


@dataclass(frozen=True)
class ReferenceValue:
    """One row of a table.

    Parameters
    ----------
    tag : str
    value, tolerance : float or None
        None where the IBSI found no consensus.
    """

    tag: str
    value: float | None
    tolerance: float | None

    def admits(self, ours: float) -> bool:
        """Say whether a value is the reference value within its tolerance.

        Examples
        --------
        >>> ReferenceValue("stat_mean", 2.15, 0.0).admits(2.1486)
        True
        >>> ReferenceValue("stat_median", 1.0, 0.0).admits(1.006)
        False
        """
        if self.value is None:
            return False
        return abs(ours - self.value) <= self.allowed * (1 + _SLACK)

    @property
    def allowed(self) -> float:
        """The tolerance, or half of the third significant digit where that is more."""
        if self.value is None:
            return float("nan")
        power = math.floor(math.log10(abs(self.value))) if self.value else 0
        return max(self.tolerance or 0.0, 0.5 * 10.0 ** (power - _DIGITS + 1))


def read_reference_values(path: str | Path) -> list[ReferenceValue]:
    """Read a table of reference values.

    Raises
    ------
    InvalidInputError
        If the file lacks a column, or a number is not one.
    """
    source = Path(path)
    with source.open(newline="", encoding="utf-8") as handle:
        reader = csv.DictReader(handle, delimiter=";")
        lacking = [name for name in _COLUMNS if name not in (reader.fieldnames or ())]
        if lacking:
            raise InvalidInputError(
                f"{source.name}: no column {', '.join(map(repr, lacking))}; a table of reference "
                f"values has the columns {';'.join(_COLUMNS)}"
            )
        return [_row(row, f"{source.name}, line {reader.line_num}") for row in reader]


def _row(row: Mapping[str, str], where: str) -> ReferenceValue:
    try:
        numbers = [float(row[name]) if row[name] else None for name in _COLUMNS[:2]]
    except ValueError as error:
        raise InvalidInputError(f"{where}: {error}") from error
    return ReferenceValue(row["tag"], numbers[0], numbers[1])


def compare(found: Mapping[str, float], reference: list[ReferenceValue]) -> pd.DataFrame:
    """Set features beside their reference values.

    Parameters
    ----------
    found : mapping of str to float
        Features by the names of `ibsi_names`, diagnostics by tag.
    reference : list of ReferenceValue

    Returns
    -------
    DataFrame
        One row for each reference value: ``tag``, ``feature``, ``ours``, ``reference``,
        ``tolerance`` (as applied), and ``status``: ``met``, ``missed``, ``no consensus`` (no
        reference value exists) or ``not claimed`` (not among the features given).

    Examples
    --------
    >>> row = compare({"statistics_mean": 2.1486}, [ReferenceValue("stat_mean", 2.15, 0.0)]).loc[0]
    >>> row["feature"], row["status"]
    ('statistics_mean', 'met')
    """
    rows = []
    for one in reference:
        name = TAGS.get(one.tag, one.tag)
        ours = found.get(name, float("nan"))
        if one.value is None or one.tag in NO_CONSENSUS:
            status = "no consensus"
        elif name not in found:
            status = "not claimed"
        else:
            status = "met" if one.admits(ours) else "missed"
        rows.append((one.tag, name, ours, one.value, one.allowed, status))
    columns = ["tag", "feature", "ours", "reference", "tolerance", "status"]
    return pd.DataFrame(rows, columns=columns)
