"""What an extraction engine is, and how one is found by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from causalimg.errors import InvalidInputError
from causalimg.imaging.volume import ImageMask
from causalimg.radiomics.native_engine import NativeEngine
from causalimg.radiomics.pyradiomics_engine import PyRadiomicsEngine
from causalimg.radiomics.settings import ExtractionSettings
from causalimg.registry import load

_OWN: dict[str, Callable[[ExtractionSettings], Any]] = {
    "native": NativeEngine,
    "pyradiomics": PyRadiomicsEngine,
}


class Engine(Protocol):
    """Compute the features of one region.

    An engine is made from `ExtractionSettings`, holds no state between cases, and can be pickled.
    A package of its own registers one under the entry-point group ``causalimg.extractors``; one
    that is not registered is given as a class, ``RadiomicsExtractor(engine=MyEngine)``. An engine
    with features that PyRadiomics lacks has a further method ``describe(name)`` that returns
    their `causalimg.radiomics.names.Feature`. `causalimg.testing.check_extractor` checks it all.

    Examples
    --------
    >>> engine: Engine = make_engine("native", ExtractionSettings.of())
    >>> engine.name
    'native'
    """

    name: str

    def version(self) -> str:
        """Return what computed the values, with its version; part of the cache key."""
        ...

    def compute(self, scan: ImageMask) -> dict[str, float]:
        """Return the features by PyRadiomics' names, in an order that depends on settings only."""
        ...


def make_engine(
    name: str | Callable[[ExtractionSettings], Engine], settings: ExtractionSettings
) -> Engine:
    """Return the engine of that name, or made by that class; ``auto`` is ``native``.

    Parameters
    ----------
    name : str
        ``native``, ``auto``, ``pyradiomics`` or a registered one.
    settings : ExtractionSettings

    Raises
    ------
    UnknownNameError
        If no engine has that name.
    MissingDependencyError
        If its package is not installed.

    Examples
    --------
    >>> make_engine("auto", ExtractionSettings.of(bin_width=10)).name
    'native'
    """
    if not isinstance(name, str):
        if not callable(name):
            raise InvalidInputError(
                f"engine={name!r}: give a name, or the class of an engine, not an engine itself"
            )
        return name(settings)
    if name == "auto":
        name = "native"
    maker = _OWN.get(name)
    engine: Engine = (maker or load("causalimg.extractors", name))(settings)
    return engine
