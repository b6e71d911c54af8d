"""Tables as compact JSON columns: rounded numbers, repeated texts as codes, long rows of floats."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike


def numbers(values: Iterable[Any], digits: int = 4) -> list[float | int | None]:
    """Round to significant digits; what is missing or not finite becomes None.

    Examples
    --------
    >>> numbers([1.23456, float("nan"), 250.0])
    [1.235, None, 250]
    """
    out: list[float | int | None] = []
    for value in np.asarray(list(values), dtype=float):
        if not np.isfinite(value):
            out.append(None)
            continue
        near = float(f"{value:.{digits}g}")
        out.append(int(near) if near.is_integer() and abs(near) < 1e15 else near)
    return out


def codes(texts: Sequence[str]) -> dict[str, list[Any]]:
    """Write repeated texts as codes into their levels, in order of first appearance.

    Examples
    --------
    >>> codes(["glcm", "shape", "glcm"])
    {'levels': ['glcm', 'shape'], 'codes': [0, 1, 0]}
    """
    levels = list(dict.fromkeys(texts))
    place = {text: k for k, text in enumerate(levels)}
    return {"levels": levels, "codes": [place[text] for text in texts]}


def packed(values: ArrayLike) -> str:
    """Pack numbers into three bytes each, as base64: good for four digits and more.

    The bytes are the upper three of the four of a 32-bit float, rounded to nearest, least
    significant first. What is not finite is kept as such.

    Parameters
    ----------
    values : array-like

    Examples
    --------
    >>> packed([1.0])
    'AIA/'
    """
    flat = np.ascontiguousarray(np.asarray(values, dtype="<f4").ravel())
    bits = flat.view("<u4").astype(np.uint64)
    near = np.where(np.isfinite(flat), np.minimum(bits + 0x80, 0xFFFFFFFF), bits)
    return base64.b64encode(
        near.astype("<u4").view(np.uint8).reshape(-1, 4)[:, 1:].tobytes()
    ).decode("ascii")
