"""All texture features of one set of grey levels, with PyRadiomics' way of aggregating them.

GLCM and GLRLM features are computed for each direction and averaged; a direction in which the
region has no pair of voxels is left out. With a weighting norm the matrices of all directions are
added up first, with weights that depend on the length of a step.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from causalimg.radiomics import glcm, gldm, glrlm, glszm, matrices, ngtdm, zones
from causalimg.radiomics.neighbours import neighbourhood
from causalimg.radiomics.region import Offset, Region, directions
from causalimg.radiomics.settings import ExtractionSettings


@dataclass(frozen=True)
class Texture:
    """A region and the rules by which its texture is measured; shared by all image types.

    Parameters
    ----------
    region : Region
        Padded by at least the largest of the distances.
    spacing : tuple of float, (z, y, x) [mm]
    settings : ExtractionSettings
    """

    region: Region
    spacing: tuple[float, float, float]
    settings: ExtractionSettings

    @cached_property
    def next_to(self) -> tuple[Offset, ...]:
        """The offsets at distance 1 that stay in the box of the region."""
        return self._offsets((1,))

    @cached_property
    def neighbours(self) -> tuple[Offset, ...]:
        """The offsets at the distances of the settings that stay in the box of the region."""
        return self._offsets(self.settings.distances)

    @cached_property
    def lines(self) -> tuple[Offset, ...]:
        """The directions along which two voxels of the region lie on one line."""
        return tuple(offset for offset in self.next_to if self._has_line(offset))

    def features(self, levels: np.ndarray, families: Sequence[str]) -> dict[str, dict[str, float]]:
        """Return the features of the families that are wanted.

        Parameters
        ----------
        levels : ndarray of int32, shape (n_voxels,)
            Grey levels, from 1.
        families : sequence of str
            Of ``glcm``, ``gldm``, ``glrlm``, ``glszm`` and ``ngtdm``.
        """
        present = np.flatnonzero(np.bincount(levels))
        rank_of = np.zeros(int(present[-1]) + 1, dtype=np.int32)
        rank_of[present] = np.arange(1, len(present) + 1)
        rank = rank_of[levels]
        n = len(present)
        found: dict[str, dict[str, float]] = {}
        if "glcm" in families:
            pairs = matrices.region_glcm(
                self.region, rank, n, self.neighbours, symmetric=self.settings.symmetric_glcm
            )
            found["glcm"] = _averaged(
                glcm.features(self._merged(pairs, self.neighbours, squared=True), levels=present)
            )
        if "glrlm" in families:
            runs = matrices.region_glrlm(self.region, rank, n, self.lines) if self.lines else None
            found["glrlm"] = _averaged(
                glrlm.features(
                    np.zeros((1, n, 1))
                    if runs is None
                    else self._merged(runs, self.lines, squared=False),
                    levels=present,
                )
            )
        if "glszm" in families:
            counts, sizes = zones.region_glszm(self.region, rank, n, self.next_to)
            found["glszm"] = _single(glszm.features(counts, sizes, levels=present))
        if "gldm" in families or "ngtdm" in families:
            dependence, number, spread = neighbourhood(
                self.region,
                levels,
                n,
                self.neighbours,
                alpha=self.settings.gldm_alpha,
                count_isolated=True,
                rank=rank,
            )
            found["gldm"] = _single(gldm.features(dependence, levels=present))
            found["ngtdm"] = _single(ngtdm.features(number, spread, levels=present))
        return found

    def _offsets(self, distances: Sequence[int]) -> tuple[Offset, ...]:
        flat, across = self.settings.force_2d, self.settings.force_2d_dimension
        size = [length - 2 * self.region.reach for length in self.region.shape]
        return tuple(
            offset
            for distance in distances
            for offset in directions(2 if flat else 3, distance, across=across)
            if all(abs(step) < length for step, length in zip(offset, size, strict=True))
        )

    def _has_line(self, offset: Offset) -> bool:
        inside, step = self.region.inside, self.region.step(offset)
        taken = np.zeros(int(np.prod(self.region.shape)), dtype=bool)
        taken[inside] = True
        if taken[inside + step].any():
            return True
        places = np.stack(self.region.coordinates())
        axis = next(k for k in range(3) if offset[k])
        along = places[axis] * offset[axis]
        line = places - along * np.array(offset)[:, None]
        return len(np.unique(line, axis=1).T) < len(inside)

    def _merged(
        self, counts: np.ndarray, offsets: Sequence[Offset], *, squared: bool
    ) -> np.ndarray:
        """Add the matrices up, weighted by the norms of their offsets, if that is asked for."""
        norm = self.settings.weighting
        if norm is None or not len(counts):
            return counts if len(counts) else np.zeros((1, *counts.shape[1:]))
        steps = np.abs(np.array(offsets)) * np.array(self.spacing)
        length = {
            "manhattan": steps.sum(axis=1),
            "euclidean": np.sqrt((steps**2).sum(axis=1)),
            "infinity": steps.max(axis=1),
            "no_weighting": np.ones(len(steps)),
        }[norm]
        weight = np.exp(-(length**2)) if squared and norm != "no_weighting" else length
        return np.asarray(np.tensordot(weight, counts, axes=1))[None]


def _averaged(features: dict[str, np.ndarray]) -> dict[str, float]:
    """Average over the directions that have a value; NaN where none has."""
    mean = {}
    for name, values in features.items():
        good = values[~np.isnan(values)]
        mean[name] = float(good.mean()) if len(good) else float("nan")
    return mean


def _single(features: dict[str, np.ndarray]) -> dict[str, float]:
    return {name: float(value) for name, value in features.items()}
