"""What an extraction engine is, and how one is found by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from causalimg.errors import MissingDependencyError
from causalimg.imaging.volume import ImageMask
from causalimg.radiomics.pyradiomics_engine import PyRadiomicsEngine
from causalimg.radiomics.settings import ExtractionSettings
from causalimg.registry import load

_OWN: dict[str, Callable[[ExtractionSettings], Any]] = {"pyradiomics": PyRadiomicsEngine}


class Engine(Protocol):
    """Compute the features of one region.

    An engine is made from `ExtractionSettings`, holds no state between cases, and can be pickled.
    A package of its own registers one under the entry-point group ``causalimg.extractors``.
    """

    name: str

    def version(self) -> str:
        """Return what computed the values, with its version; part of the cache key."""
        ...

    def compute(self, scan: ImageMask) -> dict[str, float]:
        """Return the features by PyRadiomics' names, in an order that depends on settings only."""
        ...


def make_engine(name: str, settings: ExtractionSettings) -> Engine:
    """Return the engine of that name; ``auto`` is the first that is installed.

    Raises
    ------
    UnknownNameError
        If no engine has that name.
    MissingDependencyError
        If its package is not installed.
    """
    if name == "auto":
        if not PyRadiomicsEngine.available():
            raise MissingDependencyError(
                "engine='auto' finds no extraction engine; run pip install \"causalimg[engines]\" "
                "for PyRadiomics (it needs a C compiler)"
            )
        name = "pyradiomics"
    maker = _OWN.get(name)
    engine: Engine = (maker or load("causalimg.extractors", name))(settings)
    return engine
