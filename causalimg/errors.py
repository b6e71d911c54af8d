"""The errors of the package: each is also the builtin that a caller would expect."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


class CausalImgError(Exception):
    """Base class of every error that the package raises on purpose."""


class InvalidInputError(CausalImgError, ValueError):
    """A value, column or setting is not what the function accepts."""


class UnknownNameError(CausalImgError, KeyError):
    """A column, node, level or setting of that name does not exist."""

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else ""


class FileReadError(CausalImgError, OSError):
    """A file is missing, truncated or not of the format that its name says."""


class ImageReadError(FileReadError):
    """An image or mask file is missing, truncated or not an image."""


class GeometryError(InvalidInputError):
    """Image and mask do not lie on the same grid, or the mask is unusable."""


class SchemaError(InvalidInputError):
    """A document does not validate against its JSON Schema."""


class NotEstimableError(CausalImgError, ValueError):
    """The data cannot answer the question: one level, no overlap, too few cases."""


class IdentificationError(CausalImgError, ValueError):
    """The graph does not identify the quantity that was asked for."""


class MissingDependencyError(CausalImgError, ImportError):
    """An optional package is needed and not installed."""


class CausalImgWarning(UserWarning):
    """A result is given, but something about it should be known."""


def nearest(name: str, allowed: Iterable[str]) -> str:
    """Hint for a misspelt name, ready to append to a message.

    Examples
    --------
    >>> nearest("alhpa", ["alpha", "lambda1"])
    "; did you mean 'alpha'?"
    >>> nearest("zzz", ["alpha"])
    ''
    """
    matches = difflib.get_close_matches(str(name), [str(item) for item in allowed], n=1, cutoff=0.6)
    return f"; did you mean {matches[0]!r}?" if matches else ""


def check_columns(frame: pd.DataFrame, columns: Iterable[str], where: str) -> None:
    """Raise `UnknownNameError` naming every column that ``frame`` lacks.

    Parameters
    ----------
    frame : pandas.DataFrame
    columns : iterable of str
    where : str
        What asked for the columns, for the message (``"adjustment"``).
    """
    # names as they stand first: a wide table's are not copied for every question
    absent = [str(column) for column in columns if column not in frame.columns]
    have = [str(column) for column in frame.columns] if absent else []
    missing = [name for name in absent if name not in set(have)]
    if missing:
        named = ", ".join(f"{name!r}{nearest(name, have)}" for name in missing)
        shown = ", ".join(have[:12]) + (", ..." if len(have) > 12 else "")
        raise UnknownNameError(
            f"{where}: no such column in the table: {named} (the table has: {shown})"
        )
