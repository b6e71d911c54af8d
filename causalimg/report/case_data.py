"""What the case browser shows: every case's columns, feature values, picture and files."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from causalimg.imaging.pictures import CasePictures, relative
from causalimg.imaging.thumbnail import averaged
from causalimg.report.columns import codes, numbers, packed
from causalimg.report.png import grey_png
from causalimg.report.rows import largest_first
from causalimg.report.words import treatment_of
from causalimg.study_result import StudyResult
from causalimg.tables.encode import is_categorical

_MOST_GROUPS = 12
_SHA = 12
_SIDES = (96, 80, 64, 48, 32)
PICTURE_BYTES = 4_500_000
VALUE_BYTES = 2_700_000
"""Most characters that pictures and feature values may take, so that a page stays below 10 MB."""


def case_data(result: StudyResult) -> dict[str, Any]:
    """Return the columns of the case browser, in the order of the table.

    Returns
    -------
    dict
        ``ids``, ``columns`` (context, covariates, outcomes), ``groups`` (those with few levels,
        the treatment first), ``features`` and their packed ``values`` (feature by feature),
        ``files``, ``pictures``, and a sentence on what was left out for room.
    """
    frame = result.table.frame
    names, left_out = _features_with_room(result)
    pictures, picture_note = _pictures(result)
    families = {column.name: column.family or "other" for column in result.table.columns}
    notes = [picture_note]
    if result.harmonized is not None:
        notes.append("Values are as they were extracted, before harmonisation.")
    if left_out:
        notes.append(
            f"Values are here for the {len(names):,} features in the graph and with the largest"
            f" effects; those of the other {left_out:,} are in features.parquet."
        )
    return {
        "ids": [str(name) for name in frame["case_id"]],
        "columns": _columns(result),
        "groups": _groups(result),
        "features": names,
        "families": [families[name] for name in names],
        "first": _first(result, names),
        "values": packed(frame[names].to_numpy(dtype=float, na_value=np.nan).T),
        "files": _files(result),
        "pictures": pictures,
        "notes": [note for note in notes if note],
    }


def _features_with_room(result: StudyResult) -> tuple[list[str], int]:
    """Return the features whose values fit, in the table's order, and how many do not."""
    features = result.table.features
    most = VALUE_BYTES // (4 * max(1, len(result.table.frame)))
    if len(features) <= most:
        return features, 0
    rank: list[str] = [] if result.graph is None else list(result.graph.nodes)
    if result.effects is not None:
        rank += [str(name) for name in largest_first(result.effects.frame)["outcome"]]
    there = set(features)
    first = [name for name in dict.fromkeys([*rank, *features]) if name in there][:most]
    return [name for name in features if name in set(first)], len(features) - most


def _first(result: StudyResult, names: list[str]) -> str:
    """Return the feature with the largest effect, which the browser shows first."""
    if result.effects is None or result.effects.estimable.empty:
        return next(iter(names), "")
    most = str(largest_first(result.effects.frame)["outcome"].iloc[0])
    return most if most in names else next(iter(names), "")


def _columns(result: StudyResult) -> list[dict[str, Any]]:
    out = []
    for column in result.table.columns:
        if column.role not in ("context", "covariate", "outcome"):
            continue
        series = result.table.frame[column.name]
        entry: dict[str, Any] = {"name": column.name, "role": column.role}
        if is_categorical(series):
            entry["texts"] = codes(["" if pd.isna(v) else str(v) for v in series])
        else:
            entry["numbers"] = numbers(pd.to_numeric(series, errors="coerce"), 6)
        out.append(entry)
    return out


def _groups(result: StudyResult) -> list[str]:
    """Return the columns that cases can be told apart by, the treatment first."""
    frame, treatment = result.table.frame, treatment_of(result)
    named = [*result.table.names("context"), *result.table.names("outcome"),
             *result.table.names("covariate")]  # fmt: skip
    few = [name for name in named if 2 <= frame[name].nunique(dropna=True) <= _MOST_GROUPS]
    return sorted(few, key=lambda name: name != treatment)


def _files(result: StudyResult) -> dict[str, Any]:
    """Return each case's image and mask: path from the cohort's folder, start of the sha256."""
    ids = [str(name) for name in result.table.frame["case_id"]]
    if result.pictures is not None:
        known = result.pictures.frame.set_index("case_id").reindex(ids)
        return {
            "image": [_text(v) for v in known["image"]],
            "mask": [_text(v) for v in known["mask"]],
            "image_sha": [_text(v)[:_SHA] for v in known["image_sha256"]],
            "mask_sha": [_text(v)[:_SHA] for v in known["mask_sha256"]],
        }
    if result.cohort is None:
        return {}
    known = result.cohort.frame.set_index("case_id").reindex(ids)
    folder = result.cohort.folder
    return {
        name: [relative(_text(v), folder) if _text(v) else "" for v in known[name]]
        for name in ("image", "mask")
    }


def _text(value: object) -> str:
    return "" if pd.isna(value) else str(value)  # type: ignore[call-overload]


def _pictures(result: StudyResult) -> tuple[list[dict[str, Any] | None], str]:
    """Return the pictures as large as there is room for, and what there is to say of them."""
    found = result.pictures
    if found is None or not len(found):
        return [], no_pictures(result)
    ids = [str(name) for name in result.table.frame["case_id"]]
    have = set(found.frame["case_id"])
    for side in _SIDES:
        made = [_picture(found, name, side) if name in have else None for name in ids]
        size = sum(len(each["png"]) + len(each["d"]) for each in made if each is not None)
        if size <= PICTURE_BYTES:
            return made, ""
    room = PICTURE_BYTES
    for k, each in enumerate(made):
        room -= 0 if each is None else len(each["png"]) + len(each["d"])
        if room < 0:
            return made[:k], f"There is room for the pictures of the first {k:,} cases only."
    return made, ""


def no_pictures(result: StudyResult) -> str:
    """Say why there are no pictures."""
    if result.cohort is None:
        return "The study started from a table of features, so there are no pictures of its cases."
    return (
        "These results hold no pictures of the cases; run the study again with 'causalimg run',"
        " which makes them without extracting again."
    )


def _picture(found: CasePictures, case_id: str, side: int) -> dict[str, Any]:
    small = found.thumbnail(case_id)
    pixels = _at_most(small.pixels, side)
    rows, columns = small.pixels.shape
    return {
        "png": base64.b64encode(grey_png(pixels)).decode("ascii"),
        "box": [columns, rows],
        "size": numbers([small.size[1], small.size[0]], 4),
        "d": "".join(_path(corners) for corners in small.outline),
        "at": small.position,
        "window": numbers(small.window, 4),
    }


def _at_most(pixels: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    longest = max(pixels.shape)
    if longest <= side:
        return pixels
    rows, columns = (max(1, round(n * side / longest)) for n in pixels.shape)
    small = averaged(pixels.astype(float), (rows, columns))
    return np.asarray(np.round(small / 255 * 63) * (255 / 63), dtype=np.uint8)


def _path(corners: NDArray[np.int16]) -> str:
    """Write an outline along pixel edges as an SVG path.

    Examples
    --------
    >>> _path(np.array([[0, 0], [2, 0], [2, 1], [0, 1]], dtype=np.int16))
    'M0 0h2v1h-2z'
    """
    steps = [f"M{corners[0][0]} {corners[0][1]}"]
    for (x, y), (u, v) in zip(corners[:-1].tolist(), corners[1:].tolist(), strict=True):
        steps.append(f"h{u - x}" if u != x else f"v{v - y}")
    return "".join([*steps, "z"])
