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

import numpy as np
import pandas as pd

from causalimg.errors import InvalidInputError, UnknownNameError, nearest
from causalimg.graph.core import CausalGraph
from causalimg.imaging.phantom_model import PhantomModel

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
