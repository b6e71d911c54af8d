"""Slices as one even stack: sorted along the normal, and refused where they make no grid."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from causalimg.errors import GeometryError
from causalimg.imaging.dicom_slice import Slice, heights, placed
from causalimg.imaging.grid import Grid, shown

_PARALLEL = 1e-3  # direction cosines of two slices of one stack
_SHIFT = 0.25  # slices of one stack lie over each other to a quarter of a pixel


def stack(
    given: Sequence[Slice], *, where: str, slice_tolerance: float
) -> tuple[list[Slice], Grid]:
    """Return the slices in the order of the normal, and the grid that they make.

    Parameters
    ----------
    given : sequence of Slice
    where : str
        Case and column, for the messages.
    slice_tolerance : float
        How far a slice may lie from its place, as a share of the distance of two slices.

    Raises
    ------
    GeometryError
        Naming the slice that is missing, there twice, turned, of another size, or shifted.
    """
    slices = list(given)
    first = slices[0]
    _check_same(slices, where)
    if first.spacing is None:
        raise GeometryError(
            f"{where}: {first.path.name} has no PixelSpacing, so lengths are unknown"
        )
    thickness = first.thickness if first.thickness and first.thickness > 0 else 1.0
    shape = (len(slices), first.rows, first.columns)
    if not placed(slices):
        if len(slices) > 1:
            lacking = next(s for s in slices if s.position is None or s.orientation is None)
            raise GeometryError(
                f"{where}: {lacking.path.name} has no ImagePositionPatient or "
                "ImageOrientationPatient, so the order of the slices is unknown"
            )
        return slices, Grid(shape, (thickness, *first.spacing), (0.0, 0.0, 0.0), Grid.AXIAL)
    row, column = _unit(first, where)
    along = heights(slices)
    order = np.argsort(along, kind="stable")
    slices, along = [slices[k] for k in order], along[order]
    step = _step(slices, along, where, slice_tolerance) if len(slices) > 1 else thickness
    _check_upright(slices, row, column, where)
    start = np.asarray(slices[0].position)
    normal = np.cross(row, column)
    return slices, Grid(
        shape=shape,
        spacing=(step, *first.spacing),
        origin=(float(start[0]), float(start[1]), float(start[2])),
        direction=tuple(
            (float(a), float(b), float(c)) for a, b, c in zip(row, column, normal, strict=True)
        ),
    )


def _unit(one: Slice, where: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the directions along a row and down a column, of length 1."""
    both = np.asarray(one.orientation)
    row, column = both[:3], both[3:]
    lengths = np.linalg.norm(row), np.linalg.norm(column)
    if not 0.9 < min(lengths) <= max(lengths) < 1.1 or abs(row @ column) > 0.01:
        raise GeometryError(
            f"{where}: {one.path.name}: ImageOrientationPatient {shown(both)} is not two "
            "perpendicular directions; the header is damaged"
        )
    return row / lengths[0], column / lengths[1]


def _check_same(slices: Sequence[Slice], where: str) -> None:
    """Refuse slices of several orientations, sizes or pixel spacings."""
    first = slices[0]
    kinds: dict[str, Counter[str]] = {"sizes": Counter(), "pixel spacings": Counter()}
    turned: list[tuple[np.ndarray, int]] = []
    for one in slices:
        kinds["sizes"][f"{one.columns} x {one.rows}"] += 1
        same = (
            one.spacing is not None
            and first.spacing is not None
            and np.allclose(one.spacing, first.spacing, rtol=1e-4)
        )
        kinds["pixel spacings"][shown((first if same else one).spacing or ())] += 1
        if one.orientation is not None:
            for k, (known, count) in enumerate(turned):
                if np.abs(known - one.orientation).max() < _PARALLEL:
                    turned[k] = (known, count + 1)
                    break
            else:
                turned.append((one.orientation, 1))
    if len(turned) > 1:
        listed = ", ".join(f"{count} slices with {shown(both)}" for both, count in turned[:4])
        raise GeometryError(
            f"{where}: the series mixes {len(turned)} orientations ({listed}): a localiser or "
            "several stacks in one series; keep one stack"
        )
    for name, counted in kinds.items():
        if len(counted) > 1:
            listed = ", ".join(f"{count} slices with {kind}" for kind, count in counted.items())
            raise GeometryError(f"{where}: the series mixes {name} ({listed}); keep one stack")


def _step(slices: Sequence[Slice], along: np.ndarray, where: str, slice_tolerance: float) -> float:
    """Return the distance of the slices [mm], after refusing an uneven stack."""
    gaps = np.diff(along)
    span = float(along[-1] - along[0])
    twice = np.flatnonzero(gaps <= 1e-3 * max(span, 1e-9) / len(slices))
    if len(twice) or span <= 0:
        k = int(twice[0]) if len(twice) else 0
        one, other = slices[k], slices[k + 1]
        differ = [name for name, said in one.phase if dict(other.phase).get(name) != said]
        told = f"; they differ in {', '.join(differ)}" if differ else ""
        raise GeometryError(
            f"{where}: two slices lie at {along[k]:.6g} mm along the normal ({one.path.name} and "
            f"{other.path.name}; {len(twice)} positions are there twice{told}): several echoes, "
            "phases or a copy in one series; keep one"
        )
    typical = float(np.median(gaps[gaps < 1.5 * gaps.min()]))
    share = gaps / typical
    uneven = np.abs(share - 1) > 2 * slice_tolerance
    if np.any(uneven):
        k = int(np.flatnonzero(uneven)[0])
        lost = np.rint(share[uneven]) - 1
        whole = np.abs(share[uneven] - np.rint(share[uneven])) <= 2 * slice_tolerance
        if np.all(whole & (lost >= 1)) and uneven.sum() <= len(gaps) / 2:
            raise GeometryError(
                f"{where}: {int(lost.sum())} of {len(slices) + int(lost.sum())} slices missing: "
                f"none between {along[k]:.6g} and {along[k + 1]:.6g} mm along the normal "
                f"({slices[k].path.name} and {slices[k + 1].path.name}), where the others are "
                f"{typical:.4g} mm apart; export the series again"
            )
        raise GeometryError(
            f"{where}: the slices are not evenly spaced: {typical:.4g} mm apart, but "
            f"{gaps[k]:.4g} mm between {slices[k].path.name} and {slices[k + 1].path.name}; "
            "resample the series to an even spacing"
        )
    step = float(f"{span / (len(slices) - 1):.9g}")  # text rounding of the positions, not ours
    away = np.abs(along - along[0] - step * np.arange(len(slices)))
    if away.max() > slice_tolerance * step:
        k = int(away.argmax())
        raise GeometryError(
            f"{where}: {slices[k].path.name} lies {away[k]:.4g} mm from its place in an even "
            f"stack of {step:.4g} mm (allowed: {slice_tolerance:g} of that); resample the series, "
            "or raise slice_tolerance"
        )
    return step


def _check_upright(
    slices: Sequence[Slice], row: np.ndarray, column: np.ndarray, where: str
) -> None:
    """Refuse a sheared stack, whose slices do not lie over each other."""
    places = np.array([s.position for s in slices])
    offset = places - places[0]
    pixel = min(slices[0].spacing or (1.0,))
    shift = np.hypot(offset @ row, offset @ column).max() / pixel
    if shift > _SHIFT:
        raise GeometryError(
            f"{where}: the stack is sheared (gantry tilt): its slices are shifted in their plane "
            f"by up to {shift:.1f} pixels; resample it to an upright grid"
        )
