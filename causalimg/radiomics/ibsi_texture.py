"""IBSI texture: matrices counted by slice or by volume, and the ways to make one value of them.

With directions (GLCM, GLRLM):

=======================  ===================================================================
aggregation              value
=======================  ===================================================================
2d_averaged              mean over slices and their 4 directions
2d_slice_merged          directions of a slice merged; mean over slices
2_5d_direction_merged    slices merged, direction by direction; mean over the 4 directions
2_5d_merged              all slices and directions merged
3d_averaged              mean over the 13 directions of the volume
3d_merged                the 13 directions merged
=======================  ===================================================================

Without (GLSZM, GLDZM, NGTDM, NGLDM): ``2d``, mean over slices; ``2_5d``, slices merged; ``3d``,
counted in the volume. Merging adds matrices before the features are taken. A slice or direction
whose matrix is empty is left out of a mean. Neighbours are those at Chebyshev distance 1, and
dependent ones (NGLDM) those of the same level.

The formulas are those of `glcm`, `glrlm`, `glszm`, `gldzm`, `ngtdm` and `gldm` (the NGLDM, which
here has three more: grey level nonuniformity normalised 5SPA, dependence count percentage 6XV8 and
dependence count energy CAS9 = sum p^2);
`ibsi_codes` has the IBSI code of each. Percentages are over the voxels of the region, once for each
matrix that was merged.

References
----------
Zwanenburg A et al. Image biomarker standardisation initiative, reference manual, 3.6 to 3.11.
https://doi.org/10.48550/arXiv.1612.07003
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from causalimg.radiomics.emphasis import emphases
from causalimg.radiomics.glcm import features as glcm_features
from causalimg.radiomics.gldzm import Zones
from causalimg.radiomics.ibsi_codes import LEVEL_BY_SIZE
from causalimg.radiomics.ibsi_settings import MATRIX_AGGREGATIONS
from causalimg.radiomics.matrices import glcm, glrlm
from causalimg.radiomics.neighbours import neighbourhood
from causalimg.radiomics.ngtdm import features as ngtdm_features
from causalimg.radiomics.region import Region, directions

_GLCM = {
    "joint_maximum": "MaximumProbability",
    "joint_average": "JointAverage",
    "joint_variance": "SumSquares",
    "joint_entropy": "JointEntropy",
    "difference_average": "DifferenceAverage",
    "difference_variance": "DifferenceVariance",
    "difference_entropy": "DifferenceEntropy",
    "sum_average": "SumAverage",
    "sum_variance": "ClusterTendency",
    "sum_entropy": "SumEntropy",
    "angular_second_moment": "JointEnergy",
    "contrast": "Contrast",
    "dissimilarity": "DifferenceAverage",
    "inverse_difference": "Id",
    "inverse_difference_normalised": "Idn",
    "inverse_difference_moment": "Idm",
    "inverse_difference_moment_normalised": "Idmn",
    "inverse_variance": "InverseVariance",
    "correlation": "Correlation",
    "autocorrelation": "Autocorrelation",
    "cluster_tendency": "ClusterTendency",
    "cluster_shade": "ClusterShade",
    "cluster_prominence": "ClusterProminence",
    "information_correlation_1": "Imc1",
    "information_correlation_2": "Imc2",
}
"""IBSI name -> name in `glcm.features`. Sum variance is cluster tendency by another formula, and
dissimilarity the difference average."""

TEXTURE = ("glcm", "glrlm", "glszm", "gldzm", "ngtdm", "ngldm")
"""The texture families."""

# merge, of counts with the axes (slice or volume, direction): which axes are added up
_MERGED: dict[str, tuple[int, ...]] = {
    "2d_averaged": (),
    "2d_slice_merged": (1,),
    "2_5d_direction_merged": (0,),
    "2_5d_merged": (0, 1),
    "3d_averaged": (),
    "3d_merged": (1,),
    "2d": (),
    "2_5d": (0,),
    "3d": (),
}


def texture_features(
    levels: np.ndarray,
    region: np.ndarray,
    *,
    n_levels: int,
    aggregations: Sequence[str],
    families: Sequence[str] = TEXTURE,
) -> dict[str, float]:
    """Return texture features, aggregated in all ways asked for.

    Parameters
    ----------
    levels : ndarray of int, shape (z, y, x)
        Grey level from 1 to ``n_levels`` inside the intensity mask, 0 outside.
    region : ndarray of bool, shape (z, y, x)
        Morphological mask, to which the distances of the GLDZM refer.
    n_levels : int
    aggregations : sequence of str
        Of `ibsi_settings.AGGREGATIONS`.
    families : sequence of str
        Of `TEXTURE`.

    Returns
    -------
    dict of str to float
        By `ibsi_names`.

    Examples
    --------
    >>> levels = np.array([[[1, 2, 2], [2, 1, 1]]])
    >>> found = texture_features(levels, levels > 0, n_levels=2, aggregations=["2d", "3d_merged"])
    >>> found["glszm_zone_percentage_2d"], round(found["glcm_contrast_3d_merged"], 3)
    (0.3333333333333333, 0.636)
    """
    found: dict[str, float] = {}
    wanted = {
        plane: [a for a in aggregations if a.startswith("3d") != plane] for plane in (True, False)
    }
    for plane, names in wanted.items():
        with_directions = [name for name in names if name in MATRIX_AGGREGATIONS]
        without = [name for name in names if name not in with_directions]
        parts = _parts(levels) if plane else [levels]
        if with_directions:
            if "glcm" in families:
                found.update(_glcm(parts, n_levels, plane, with_directions))
            if "glrlm" in families:
                found.update(_glrlm(parts, n_levels, plane, with_directions))
        if without:
            if "glszm" in families or "gldzm" in families:
                found.update(_zones(levels, region, n_levels, plane, without))
            if "ngtdm" in families or "ngldm" in families:
                found.update(_neighbours(parts, n_levels, plane, without))
    return {name: value for name, value in found.items() if name.split("_")[0] in families}


def _parts(levels: np.ndarray) -> list[np.ndarray]:
    """Return the slices that hold voxels of the region."""
    return [levels[k : k + 1] for k in np.flatnonzero((levels > 0).any(axis=(1, 2)))]


def _glcm(
    parts: list[np.ndarray], n_levels: int, plane: bool, aggregations: list[str]
) -> dict[str, float]:
    # one slice after the other: the matrices of all of them can be larger than memory
    offsets = directions(2 if plane else 3)
    values: dict[str, list[dict[str, np.ndarray]]] = {name: [] for name in aggregations}
    total = np.zeros((len(offsets), n_levels, n_levels))
    for part in parts:
        counts = glcm(part, n_levels, directions=offsets)
        total += counts
        for aggregation in aggregations:
            if 0 not in _MERGED[aggregation]:
                values[aggregation].append(glcm_features(_merge(counts[None], aggregation)))
    for aggregation in aggregations:
        if 0 in _MERGED[aggregation]:
            values[aggregation].append(glcm_features(_merge(total[None], aggregation)))
    return {
        f"glcm_{name}_{aggregation}": _mean(np.concatenate([one[key].ravel() for one in several]))
        for aggregation, several in values.items()
        for name, key in _GLCM.items()
    }


def _glrlm(
    parts: list[np.ndarray], n_levels: int, plane: bool, aggregations: list[str]
) -> dict[str, float]:
    offsets = directions(2 if plane else 3)
    # one direction after the other in a volume: all at once need thirteen times the memory
    groups = [offsets] if plane else [(offset,) for offset in offsets]
    runs = [[glrlm(part, n_levels, directions=group) for group in groups] for part in parts]
    longest = max(table.shape[-1] for of_part in runs for table in of_part)
    counts = np.stack([np.concatenate([_widened(r, longest) for r in of_part]) for of_part in runs])
    voxels = np.repeat(_n_voxels(parts)[:, None], len(offsets), axis=1)
    lengths = np.arange(1, longest + 1)
    found: dict[str, float] = {}
    for aggregation in aggregations:
        merged, n_voxels = _merge(counts, aggregation), _merge(voxels, aggregation)
        found.update(_by_size("glrlm", merged, lengths, n_voxels, aggregation))
    return found


def _widened(runs: np.ndarray, longest: int) -> np.ndarray:
    return np.pad(runs, ((0, 0), (0, 0), (0, longest - runs.shape[-1])))


def _zones(
    levels: np.ndarray, region: np.ndarray, n_levels: int, plane: bool, aggregations: list[str]
) -> dict[str, float]:
    zones = Zones.of(levels, region, in_slices=plane)
    voxels = (levels > 0).sum(axis=(1, 2)).astype(np.float64)
    kept = np.flatnonzero(voxels)
    n_slices, voxels = (len(levels), voxels[kept]) if plane else (1, voxels.sum(keepdims=True))
    sizes, column = np.unique(zones.size, return_inverse=True)
    tables = {
        "glszm": (zones.counts(column, n_levels, n_slices), sizes),
        "gldzm": (
            zones.counts(zones.distance - 1, n_levels, n_slices),
            np.arange(1, int(zones.distance.max()) + 1),
        ),
    }
    found: dict[str, float] = {}
    for family, (counts, columns) in tables.items():
        counts = counts[kept] if plane else counts
        for aggregation in aggregations:
            merged, n_voxels = _merge(counts, aggregation), _merge(voxels, aggregation)
            found.update(_by_size(family, merged, columns, n_voxels, aggregation))
    return found


def _neighbours(
    parts: list[np.ndarray], n_levels: int, plane: bool, aggregations: list[str]
) -> dict[str, float]:
    offsets = directions(2 if plane else 3)
    around = [
        neighbourhood(Region.of(part > 0), part[part > 0], n_levels, offsets) for part in parts
    ]
    counts, number, difference = (np.stack(each) for each in zip(*around, strict=True))
    dependences = np.arange(1, counts.shape[-1] + 1)
    voxels = _n_voxels(parts)
    found: dict[str, float] = {}
    for aggregation in aggregations:
        merged, n_voxels = _merge(counts, aggregation), _merge(voxels, aggregation)
        found.update(_by_size("ngldm", merged, dependences, n_voxels, aggregation))
        tones = ngtdm_features(_merge(number, aggregation), _merge(difference, aggregation))
        for name, value in tones.items():
            found[f"ngtdm_{name.lower()}_{aggregation}"] = _mean(value)
    return found


def _n_voxels(parts: list[np.ndarray]) -> np.ndarray:
    return np.array([float((part > 0).sum()) for part in parts])


def _by_size(
    family: str, counts: np.ndarray, sizes: np.ndarray, n_voxels: np.ndarray, aggregation: str
) -> dict[str, float]:
    values = emphases(counts, sizes)
    values["percentage"] = np.where(values["total"] > 0, values["total"] / n_voxels, np.nan)
    return {
        f"{family}_{name}_{aggregation}": _mean(values[key])
        for key, (name, _, _) in LEVEL_BY_SIZE[family].items()
    }


def _merge(counts: np.ndarray, aggregation: str) -> np.ndarray:
    added: np.ndarray = counts.sum(axis=_MERGED[aggregation], keepdims=True)
    return added


def _mean(values: np.ndarray) -> float:
    """Return the mean of the values that there are; NaN if there are none."""
    there = values[~np.isnan(values)]
    return float(there.mean()) if there.size else float("nan")
