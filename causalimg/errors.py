"""The errors of the package: each is also the builtin that a caller would expect."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


class CausalImgError(Exception):
    """Base class of every error that the package raises on purpose.

    Examples
    --------
    >>> try:
    ...     raise GeometryError("case 'P1': the mask has 28 x 28 voxels and the image 30 x 30")
    ... except CausalImgError as error:
    ...     print(error)
    case 'P1': the mask has 28 x 28 voxels and the image 30 x 30
    """


class InvalidInputError(CausalImgError, ValueError):
    """A value, column or setting is not what the function accepts.

    Examples
    --------
    >>> issubclass(InvalidInputError, ValueError)
    True
    """


class UnknownNameError(CausalImgError, KeyError):
    """A column, node, level or setting of that name does not exist.

    Examples
    --------
    >>> print(UnknownNameError("no column 'agee'; did you mean 'age'?"))
    no column 'agee'; did you mean 'age'?
    >>> issubclass(UnknownNameError, KeyError)
    True
    """

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else ""


class FileReadError(CausalImgError, OSError):
    """A file is missing, truncated or not of the format that its name says.

    Examples
    --------
    >>> issubclass(FileReadError, OSError)
    True
    """


class ImageReadError(FileReadError):
    """An image or mask file is missing, truncated or not an image.

    Examples
    --------
    >>> issubclass(ImageReadError, FileReadError)
    True
    """


class GeometryError(InvalidInputError):
    """Image and mask do not lie on the same grid, or the mask is unusable.

    Examples
    --------
    >>> issubclass(GeometryError, InvalidInputError)
    True
    """


class SchemaError(InvalidInputError):
    """A document does not validate against its JSON Schema.

    Examples
    --------
    >>> issubclass(SchemaError, InvalidInputError)
    True
    """


class NotEstimableError(CausalImgError, ValueError):
    """The data cannot answer the question: one level, no overlap, too few cases.

    Examples
    --------
    >>> issubclass(NotEstimableError, CausalImgError)
    True
    """


class IdentificationError(CausalImgError, ValueError):
    """The graph does not identify the quantity that was asked for.

    Examples
    --------
    >>> issubclass(IdentificationError, CausalImgError)
    True
    """


class MissingDependencyError(CausalImgError, ImportError):
    """An optional package is needed and not installed.

    Examples
    --------
    >>> issubclass(MissingDependencyError, ImportError)
    True
    """


class CausalImgWarning(UserWarning):
    """A result is given, but something about it should be known.

    Examples
    --------
    >>> import warnings
    >>> with warnings.catch_warnings(record=True) as said:
    ...     warnings.simplefilter("always")
    ...     warnings.warn("58 effective of 80 cases", CausalImgWarning)
    >>> [str(warning.message) for warning in said]
    ['58 effective of 80 cases']
    """


def nearest(name: str, allowed: Iterable[str]) -> str:
    """Hint for a misspelt name, ready to append to a message.

    Parameters
    ----------
    name : str
    allowed : iterable of str

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

    Examples
    --------
    >>> import pandas as pd
    >>> check_columns(pd.DataFrame({"age": [60]}), ["age"], "adjustment")
    >>> check_columns(pd.DataFrame({"age": [60]}), ["agee"], "adjustment")
    Traceback (most recent call last):
        ...
    causalimg.errors.UnknownNameError: adjustment: no such column in the table: 'agee'; did you mean 'age'? (the table has: age)
    """  # noqa: E501
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
