"""Every coefficient of the simulated world: patients, lesions, scanners, protocols."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from causalimg.errors import InvalidInputError, UnknownNameError, nearest


@dataclass(frozen=True)
class Scanner:
    """How one scanner turns the object into intensities, and who meets it.

    Parameters
    ----------
    name : str
    psf_fwhm : float
        Width of the in-plane point-spread function [mm].
    noise_sd : float
        Standard deviation of the noise in a slice of 1 mm [HU].
    noise_fwhm : float
        In-plane correlation width of the noise [mm]; 0 is white noise.
    gain, offset : float
        Intensity = gain * true intensity + offset [HU].
    site_logit : mapping of str to float
        Log odds of this scanner against the reference scanner, for each site.
    age_logit : float
        Change of the log odds for each 10 years of age.

    Examples
    --------
    >>> even = {"S1": 0.0, "S2": 0.0, "S3": 0.0}
    >>> Scanner("D", 1.6, 9.0, 0.5, 1.01, 1.0, site_logit=even, age_logit=0.3).psf_fwhm
    1.6
    """

    name: str
    psf_fwhm: float
    noise_sd: float
    noise_fwhm: float
    gain: float
    offset: float
    site_logit: Mapping[str, float]
    age_logit: float


@dataclass(frozen=True)
class Protocol:
    """One acquisition protocol: its slice thickness [mm] and who is scanned with it.

    Parameters
    ----------
    name : str
    slice_thickness : float
        [mm]
    site_logit : mapping of str to float
        Log odds of this protocol against the reference protocol, for each site.
    age_logit : float
        Change of the log odds for each 10 years of age.

    Examples
    --------
    >>> even = {"S1": 0.0, "S2": 0.0, "S3": 0.0}
    >>> Protocol("thin", 1.25, site_logit=even, age_logit=0.0).slice_thickness
    1.25
    """

    name: str
    slice_thickness: float
    site_logit: Mapping[str, float]
    age_logit: float


_SITES = ("S1", "S2", "S3")
_EVEN = {"S1": 0.0, "S2": 0.0, "S3": 0.0}
_SCANNERS = (
    Scanner("A", 1.2, 11.0, 0.0, 1.00, 0.0, _EVEN, 0.0),
    Scanner("B", 2.0, 8.0, 1.4, 1.03, 3.0, {"S1": -0.3, "S2": 0.0, "S3": 0.3}, 0.9),
    Scanner("C", 1.4, 13.0, 0.8, 0.97, -3.0, {"S1": 0.3, "S2": -0.2, "S3": 0.0}, -0.4),
)
_PROTOCOLS = (
    Protocol("thin", 1.0, _EVEN, 0.0),
    Protocol("thick", 2.0, {"S1": 0.3, "S2": -0.3, "S3": 0.0}, 0.4),
)


@dataclass(frozen=True)
class PhantomModel:
    """Every coefficient of the simulated world.

    Parameters
    ----------
    size : int
        Edge of the imaged cube [mm]; even, at least 16. A voxel is 1 mm in plane.
    scanners : tuple of Scanner
        The first is the reference.
    protocols : tuple of Protocol
        The first is the reference.
    sites : tuple of str
        Drawn with equal probability; a site acts on nothing but scanner and protocol.
    age_mean, age_sd : float
        Age is normal, truncated at two standard deviations [years].
    biology_age : float
        Correlation of the latent biology (standard normal, up to the truncation) with age.
    malignant_intercept, malignant_biology : float
        Log odds of malignancy, and its change for each unit of biology.
    radius, radius_biology, radius_sd : float
        Median lesion radius as a share of half the cube; effects on its logarithm.
    irregularity, irregularity_biology, irregularity_sd : float
        Median relative boundary displacement; effects on its logarithm.
    texture, texture_biology, texture_sd : float
        Median amplitude of the texture inside the lesion [HU]; effects on its logarithm.
    texture_length : float
        Correlation length of that texture [mm] at the median amplitude; it grows with amplitude.
    contrast, contrast_biology, contrast_male, contrast_sd : float
        Lesion minus background [HU], and what moves it [HU].
    background, background_texture, background_length : float
        Mean [HU], amplitude [HU] and correlation length [mm] of the tissue around the lesion.

    Examples
    --------
    >>> [scanner.name for scanner in PhantomModel().scanners]
    ['A', 'B']
    """

    size: int = 28
    scanners: tuple[Scanner, ...] = _SCANNERS[:2]
    protocols: tuple[Protocol, ...] = _PROTOCOLS
    sites: tuple[str, ...] = _SITES
    age_mean: float = 60.0
    age_sd: float = 10.0
    biology_age: float = 0.8
    malignant_intercept: float = -0.2
    malignant_biology: float = 1.2
    radius: float = 0.5
    radius_biology: float = 0.11
    radius_sd: float = 0.09
    irregularity: float = 0.10
    irregularity_biology: float = 0.25
    irregularity_sd: float = 0.25
    texture: float = 45.0
    texture_biology: float = 0.16
    texture_sd: float = 0.14
    texture_length: float = 1.5
    contrast: float = 90.0
    contrast_biology: float = 18.0
    contrast_male: float = 8.0
    contrast_sd: float = 16.0
    background: float = 40.0
    background_texture: float = 8.0
    background_length: float = 2.5
    levels: Mapping[str, tuple[str, ...]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.size < 16 or self.size % 2:
            raise InvalidInputError(
                f"size={self.size}: the phantom needs an even number of voxels, at least 16"
            )
        for kind, parts in (("scanners", self.scanners), ("protocols", self.protocols)):
            names = [part.name for part in parts]
            if not names or len(set(names)) != len(names):
                raise InvalidInputError(f"{kind}={names}: at least one, each name once")
            for part in parts:
                if set(part.site_logit) != set(self.sites):
                    raise InvalidInputError(
                        f"{kind} {part.name!r} has log odds for sites {sorted(part.site_logit)}; "
                        f"the model's sites are {sorted(self.sites)}"
                    )
        levels = {
            "scanner": tuple(scanner.name for scanner in self.scanners),
            "protocol": tuple(protocol.name for protocol in self.protocols),
        }
        object.__setattr__(self, "levels", levels)

    @classmethod
    def of(cls, scanners: Sequence[str] = ("A", "B"), *, size: int = 28) -> PhantomModel:
        """Return the standard model with some of the standard scanners (A, B, C).

        Raises
        ------
        UnknownNameError
            If there is no standard scanner of that name.
        """
        known = {scanner.name: scanner for scanner in _SCANNERS}
        for name in scanners:
            if name not in known:
                raise UnknownNameError(
                    f"no standard scanner is called {name!r}{nearest(name, known)} "
                    f"(there are: {', '.join(known)})"
                )
        return cls(size=size, scanners=tuple(known[name] for name in scanners))

    def scanner(self, name: str) -> Scanner:
        """Return the scanner of that name."""
        return {part.name: part for part in self.scanners}[self._level("scanner", name)]

    def protocol(self, name: str) -> Protocol:
        """Return the protocol of that name."""
        return {part.name: part for part in self.protocols}[self._level("protocol", name)]

    def check_do(self, do: Mapping[str, str]) -> dict[str, str]:
        """Check an intervention: variables ``scanner`` and ``protocol``, set to known levels.

        Raises
        ------
        UnknownNameError
            Naming the nearest variable or level.
        """
        for variable in do:
            if variable not in self.levels:
                raise UnknownNameError(
                    f"do: cannot set {variable!r}{nearest(variable, self.levels)} "
                    f"(the phantom can be re-rendered under: {', '.join(self.levels)})"
                )
        return {variable: self._level(variable, level) for variable, level in do.items()}

    def _level(self, variable: str, level: str) -> str:
        levels = self.levels[variable]
        if level not in levels:
            raise UnknownNameError(
                f"{variable}: no level {level!r}{nearest(level, levels)} "
                f"(the phantom's levels are: {', '.join(levels)})"
            )
        return level

    def probabilities(self, variable: str, site: Sequence[str], age: np.ndarray) -> np.ndarray:
        """Return P(level | site, age), shape (n_patients, n_levels): the true propensity."""
        parts: Sequence[Scanner | Protocol]
        parts = self.scanners if variable == "scanner" else self.protocols
        decades = (np.asarray(age, dtype=np.float64) - self.age_mean) / self.age_sd
        logits = np.column_stack(
            [
                np.array([part.site_logit[s] for s in site]) + part.age_logit * decades
                for part in parts
            ]
        )
        weights = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.asarray(weights / weights.sum(axis=1, keepdims=True))

    def to_dict(self) -> dict[str, Any]:
        """Return every coefficient as JSON types."""
        document = asdict(self)
        del document["levels"]
        return {k: list(v) if isinstance(v, tuple) else v for k, v in document.items()}

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> PhantomModel:
        """Rebuild a model from `to_dict`."""
        parts = dict(document)
        parts["scanners"] = tuple(Scanner(**part) for part in parts["scanners"])
        parts["protocols"] = tuple(Protocol(**part) for part in parts["protocols"])
        parts["sites"] = tuple(parts["sites"])
        return cls(**parts)
