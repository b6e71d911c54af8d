"""The contract of a feature engine, and the check of it."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np

from causalimg.errors import CausalImgError, GeometryError, InvalidInputError, UnknownNameError
from causalimg.imaging.volume import ImageMask
from causalimg.radiomics.assemble import describer
from causalimg.radiomics.settings import ExtractionSettings
from causalimg.testing.clauses import (
    Clause,
    Conformance,
    LeftOut,
    class_name,
    must_refuse,
    need,
    run_clauses,
)

_SAME = 1e-6  # relative difference of two values of one feature


def lesion_scan(*, size: int = 14, random_state: int = 0) -> ImageMask:
    """Return the scan that `check_extractor` computes: a ball of whole numbers on (3, 1, 1) mm.

    Parameters
    ----------
    size : int
        Edge of the volume [voxel].
    random_state : int

    Examples
    --------
    >>> lesion_scan().n_voxels
    360
    """
    rng = np.random.default_rng(random_state)
    image = rng.normal(60, 40, (size, size, size)).round()
    z, y, x = (axis - (size - 1) / 2 for axis in np.ogrid[:size, :size, :size])
    mask = x**2 + y**2 + z**2 < (size / 3.1) ** 2
    image[mask] += 80
    return ImageMask(image, mask, (3.0, 1.0, 1.0), case_id="lesion")


class _Subject:
    def __init__(self, engine: Callable[[ExtractionSettings], Any], known: ExtractionSettings):
        self.engine = engine
        self.settings = known
        self.scan = lesion_scan()

    def made(self) -> Any:
        return self.engine(self.settings)

    @cached_property
    def values(self) -> dict[str, float]:
        found: dict[str, float] = self.made().compute(self.scan)
        return found


def check_extractor(
    engine: Callable[[ExtractionSettings], Any],
    *,
    settings: ExtractionSettings | None = None,
    except_for: Mapping[str, str] | None = None,
) -> Conformance:
    """Hold a feature engine to what this package promises of its own.

    Parameters
    ----------
    engine : class or callable
        Makes an engine (`causalimg.radiomics.engine.Engine`) from `ExtractionSettings`.
    settings : ExtractionSettings, optional
        Defaults otherwise.
    except_for : mapping of str to str, optional
        Clause -> the reason why it does not apply; such clauses are not run.

    Returns
    -------
    Conformance

    Raises
    ------
    ConformanceError
        Listing the clauses that do not hold, what was seen and what to do.

    Examples
    --------
    >>> from causalimg.radiomics.native_engine import NativeEngine
    >>> "known_values" in check_extractor(NativeEngine).passed
    True
    """
    known = ExtractionSettings.of() if settings is None else settings
    return run_clauses(class_name(engine), CLAUSES, _Subject(engine, known), except_for)


def _identity(s: _Subject) -> None:
    made = s.made()
    name, version = getattr(made, "name", None), made.version()
    need(
        isinstance(name, str) and name.isidentifier(),
        f"name is {name!r}",
        "set name to a short identifier; it is in the settings of every table",
    )
    need(
        isinstance(version, str) and version and version == s.made().version(),
        f"version() is {version!r}, then {s.made().version()!r}",
        "return a text that changes when values change; it is part of the cache key",
    )


def _result(s: _Subject) -> None:
    need(isinstance(s.values, dict) and s.values, f"compute returns {s.values!r}", "return a dict")
    wrong = {k: v for k, v in s.values.items() if not isinstance(v, float | np.floating)}
    need(not wrong, f"no numbers: {dict(list(wrong.items())[:3])}", "return floats")
    bad = [name for name, value in s.values.items() if not np.isfinite(value)]
    need(not bad, f"not finite on an ordinary lesion: {bad[:5]}", "define the feature, or refuse")


def _names(s: _Subject) -> None:
    described = describer(s.made())
    try:
        features = [described(name) for name in s.values]
    except UnknownNameError as error:
        need(
            False,
            str(error),
            "call features as PyRadiomics does, or give the engine a method describe(name) that"
            " returns causalimg.radiomics.names.Feature",
        )
        return
    columns = [feature.name for feature in features]
    wrong = [name for name in columns if not name.isidentifier() or name != name.lower()]
    need(not wrong, f"column names {wrong[:3]}", "column names are identifiers in lower case")
    twice = sorted({name for name in columns if columns.count(name) > 1})
    need(not twice, f"two features share the column {twice[:3]}", "name them apart")


def _order(s: _Subject) -> None:
    other = s.made().compute(lesion_scan(size=12, random_state=4))
    need(
        list(other) == list(s.values),
        "another scan gives other names, or the same in another order",
        "let names and order depend on the settings only",
    )


def _input_unchanged(s: _Subject) -> None:
    image, mask = s.scan.image.copy(), s.scan.mask.copy()
    image.setflags(write=False)
    mask.setflags(write=False)
    advice = "work on a copy: other code uses the same arrays"
    try:
        s.made().compute(replace(s.scan, image=image, mask=mask))
    except ValueError as error:
        need("read-only" not in str(error), f"it writes into the scan: {error}", advice)
        raise


def _repeatable(s: _Subject) -> None:
    made = s.made()
    made.compute(lesion_scan(size=12, random_state=4))
    _agree(s.values, made.compute(s.scan), "after another case", "keep nothing between cases")
    again = pickle.loads(pickle.dumps(s.made())).compute(s.scan)
    _agree(s.values, again, "after pickling", "an engine travels to worker processes")


def _position(s: _Subject) -> None:
    moved = s.made().compute(replace(s.scan, origin=(50.0, -20.0, 10.0), case_id="elsewhere"))
    _agree(s.values, moved, "another origin", "features do not depend on where the patient lies")


def _types(s: _Subject) -> None:
    whole = s.made().compute(replace(s.scan, image=s.scan.image.astype(np.int16)))
    _agree(s.values, whole, "int16 in place of float64", "convert to float before computing")


def _empty(s: _Subject) -> None:
    must_refuse(
        lambda: s.made().compute(replace(s.scan, mask=np.zeros_like(s.scan.mask))),
        (InvalidInputError, GeometryError),
        named=[],
        advice="refuse an empty region with InvalidInputError; the other cases then go on",
    )


def _not_finite(s: _Subject) -> None:
    image = s.scan.image.copy()
    image[s.scan.mask] = np.nan
    try:
        found = s.made().compute(replace(s.scan, image=image))
    except CausalImgError:
        return
    finite = [name for name, value in found.items() if np.isfinite(value) and "shape" not in name]
    need(
        not finite,
        f"values of a region of NaN: {finite[:3]}",
        "refuse intensities that are not finite with InvalidInputError",
    )


def _one_voxel(s: _Subject) -> None:
    mask = np.zeros_like(s.scan.mask)
    mask[6, 6, 6] = True
    try:
        found = s.made().compute(replace(s.scan, mask=mask))
    except CausalImgError:
        return
    need(
        list(found) == list(s.values),
        "a region of one voxel has other names",
        "give NaN for what is not defined, or refuse the region with InvalidInputError",
    )


def _known(s: _Subject) -> None:
    from causalimg.radiomics.native_engine import NativeEngine

    native = NativeEngine(s.settings).compute(s.scan)
    shared = [name for name in s.values if name in native]
    if not shared:
        raise LeftOut("no feature of this package's names")
    wrong = [n for n in shared if not np.isclose(s.values[n], native[n], rtol=1e-4, atol=1e-8)]
    need(
        not wrong,
        f"{wrong[:4]} of {len(shared)} shared names; {wrong[:1]}: {s.values.get(wrong[0])!r}"
        f" where the native engine has {native.get(wrong[0])!r}"
        if wrong
        else "",
        "a name of PyRadiomics means its value with these settings; give another value another"
        " name",
    )


def _agree(first: dict[str, float], second: dict[str, float], what: str, advice: str) -> None:
    apart = [
        name
        for name, value in first.items()
        if not np.isclose(value, second.get(name, np.nan), rtol=_SAME, atol=1e-9, equal_nan=True)
    ]
    need(not apart, f"{what}: other values of {apart[:4]}", advice)


CLAUSES: tuple[Clause[_Subject], ...] = (
    Clause("identity", "It has a name, and a version that values can be filed under.", _identity),
    Clause("result", "compute gives a finite number for every feature.", _result),
    Clause("names", "Every feature can be described, by a column name of its own.", _names),
    Clause("order", "Names and their order depend on the settings only.", _order),
    Clause("input_unchanged", "The scan is not written into.", _input_unchanged),
    Clause("repeatable", "No state between cases; it can be pickled.", _repeatable),
    Clause("position", "Values do not depend on the origin or the name of the case.", _position),
    Clause("types", "Whole numbers and floats give the same values.", _types),
    Clause("empty_region", "A region without a voxel is refused.", _empty),
    Clause("not_finite", "Intensities that are not finite are refused, or give no number.",
           _not_finite),
    Clause("one_voxel", "A region of one voxel has values or is refused.", _one_voxel),
    Clause("known_values", "A name that the native engine has, means the same value.", _known),
)  # fmt: skip
