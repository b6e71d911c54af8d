"""A label image: which values it holds, and where one of them is."""

from __future__ import annotations

import numpy as np

from causalimg.errors import GeometryError
from causalimg.imaging.grid import shown


def region_of(labels: np.ndarray, where: str, label: int | None) -> tuple[int, np.ndarray]:
    """Choose a region of a label image.

    Parameters
    ----------
    labels : ndarray, shape (z, y, x)
        0 outside every region.
    where : str
        Case and column, for the messages.
    label : int, optional
        None takes the only one.

    Returns
    -------
    int
        The label.
    ndarray of bool, shape (z, y, x)
        Where it is.

    Raises
    ------
    GeometryError
        If there is no such label, or none or several to take; if the values are not whole numbers.
    """
    present = _present(labels, where)
    if not present:
        raise GeometryError(f"{where}: the mask is empty (no voxel differs from 0)")
    shown = ", ".join(map(str, present[:10])) + (", ..." if len(present) > 10 else "")
    if label is None:
        if len(present) > 1:
            raise GeometryError(
                f"{where}: the mask holds the labels {shown}; say which one, "
                "in the column 'label' or with label="
            )
        label = present[0]
    elif label not in present:
        raise GeometryError(f"{where}: there is no label {label} in the mask (there are: {shown})")
    return label, labels == label


def _present(labels: np.ndarray, where: str) -> list[int]:
    """List the values that are not zero."""
    if labels.dtype == np.uint8:
        found = np.flatnonzero(np.bincount(labels[labels != 0], minlength=1))
    else:
        found = np.unique(labels[labels != 0])
    if not np.all(np.isfinite(found)) or np.any(found != np.rint(found)):
        raise GeometryError(
            f"{where}: the mask holds values that are not whole numbers "
            f"({shown(found[:4])}); is it a probability map or an image?"
        )
    return [int(value) for value in found if value != 0]
