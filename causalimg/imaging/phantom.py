"""The structural causal model behind the simulated scans: who is scanned where, with what lesion.

    site ----> scanner ------> image          age ----> biology --> lesion size, shape, texture,
    site ----> protocol -----> image          biology --> malignant             contrast --> image
    age -----> scanner, protocol              sex ----> lesion contrast

Age drives both the scanner a patient meets and the biology of the lesion, so the scanner is
confounded with everything that biology moves. The scanner does not act on the protocol (both
follow from site and age), so the total effect of the scanner is its direct effect.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from causalimg.errors import InvalidInputError, UnknownNameError, nearest
from causalimg.graph.core import CausalGraph

NODES = (
    "age",
    "sex",
    "site",
    "scanner",
    "protocol",
    "biology",
    "malignant",
    "lesion_size",
    "lesion_shape",
    "lesion_texture",
    "lesion_contrast",
)
EDGES = (
    ("site", "scanner"),
    ("age", "scanner"),
    ("site", "protocol"),
    ("age", "protocol"),
    ("age", "biology"),
    ("biology", "malignant"),
    ("biology", "lesion_size"),
    ("biology", "lesion_shape"),
    ("biology", "lesion_texture"),
    ("biology", "lesion_contrast"),
    ("sex", "lesion_contrast"),
)
OBSERVED = ("age", "sex", "site", "scanner", "protocol", "malignant")
_TRUNCATION = 2.0


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
    """One acquisition protocol: its slice thickness [mm] and who is scanned with it."""

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


def simulate_patients(
    n_patients: int, *, model: PhantomModel | None = None, random_state: int | None = None
) -> pd.DataFrame:
    """Draw patients from the structural causal model, without rendering their scans.

    Each patient has an own seed, so patient 7 is the same patient in a cohort of 10 and of 1000.

    Parameters
    ----------
    n_patients : int
    model : PhantomModel, optional
    random_state : int, optional

    Returns
    -------
    pandas.DataFrame
        Columns ``case_id``, the nodes of `true_graph`, and ``lesion_texture_length`` [mm].

    Examples
    --------
    >>> simulate_patients(2, random_state=0)["case_id"].tolist()
    ['P0001', 'P0002']
    """
    from scipy.special import expit, ndtr, ndtri

    if n_patients < 1:
        raise InvalidInputError(f"n_patients={n_patients}: at least 1 is needed")
    world = model if model is not None else PhantomModel()
    seeds = np.random.SeedSequence(random_state).spawn(n_patients)
    generators = [np.random.default_rng(seed.spawn(1)[0]) for seed in seeds]
    noise = np.array([generator.normal(size=8) for generator in generators])
    luck = np.array([generator.uniform(size=6) for generator in generators])

    low, high = ndtr(-_TRUNCATION), ndtr(_TRUNCATION)
    z_age = ndtri(low + (high - low) * luck[:, 0])
    age = np.round(world.age_mean + world.age_sd * z_age, 1)
    z_age = (age - world.age_mean) / world.age_sd
    sex = np.where(luck[:, 1] < 0.5, "F", "M")
    site = np.array(world.sites)[np.floor(luck[:, 2] * len(world.sites)).astype(int)]
    scanner = _draw(world, "scanner", site, age, luck[:, 3])
    protocol = _draw(world, "protocol", site, age, luck[:, 4])

    biology = world.biology_age * z_age + np.sqrt(1 - world.biology_age**2) * noise[:, 0]
    odds = world.malignant_intercept + world.malignant_biology * biology
    malignant = (luck[:, 5] < expit(odds)).astype(np.int64)
    growth = world.radius_biology * biology + world.radius_sd * noise[:, 1]
    radius = np.clip(world.radius * np.exp(growth), 0.3, 0.8) * world.size / 2
    ragged = world.irregularity_biology * biology + world.irregularity_sd * noise[:, 2]
    coarse = world.texture_biology * biology + world.texture_sd * noise[:, 3]
    contrast = world.contrast + world.contrast_biology * biology
    contrast += world.contrast_male * (sex == "M") + world.contrast_sd * noise[:, 4]
    return pd.DataFrame(
        {
            "case_id": [f"P{k + 1:04d}" for k in range(n_patients)],
            "age": age,
            "sex": sex.astype(object),
            "site": site.astype(object),
            "scanner": scanner,
            "protocol": protocol,
            "biology": biology,
            "malignant": malignant,
            "lesion_size": radius,
            "lesion_shape": world.irregularity * np.exp(ragged),
            "lesion_texture": world.texture * np.exp(coarse),
            "lesion_contrast": contrast,
            "lesion_texture_length": world.texture_length
            * np.exp(0.5 * coarse + 0.08 * noise[:, 5]),
        }
    )


def _draw(
    world: PhantomModel, variable: str, site: np.ndarray, age: np.ndarray, luck: np.ndarray
) -> np.ndarray:
    """Draw a level from the propensity by its cumulative distribution."""
    edges = np.cumsum(world.probabilities(variable, list(site), age), axis=1)[:, :-1]
    levels: np.ndarray = np.array(world.levels[variable], dtype=object)
    return np.asarray(levels[(luck[:, None] > edges).sum(axis=1)])


def true_graph(feature_causes: Mapping[str, Sequence[str]] | None = None) -> CausalGraph:
    """Return the causal graph of the simulated world, a DAG.

    Parameters
    ----------
    feature_causes : mapping of str to sequence of str, optional
        Feature -> the nodes that act on it; each feature becomes a node.

    Raises
    ------
    UnknownNameError
        If a cause is not a node.

    Examples
    --------
    >>> graph = true_graph({"glcm_contrast": ["scanner", "lesion_texture"]})
    >>> sorted(graph.parents("glcm_contrast"))
    ['lesion_texture', 'scanner']
    """
    causes = dict(feature_causes or {})
    nodes = (*NODES, *causes)
    place = {name: k for k, name in enumerate(nodes)}
    adjacency = np.zeros((len(nodes), len(nodes)), dtype=bool)
    for cause, effect in EDGES:
        adjacency[place[cause], place[effect]] = True
    for feature, parents in causes.items():
        for parent in parents:
            if parent not in NODES:
                raise UnknownNameError(
                    f"feature {feature!r}: no node is called {parent!r}{nearest(parent, NODES)} "
                    f"(there are: {', '.join(NODES)})"
                )
            adjacency[place[parent], place[feature]] = True
    return CausalGraph.from_directed(nodes, adjacency, kind="dag")
