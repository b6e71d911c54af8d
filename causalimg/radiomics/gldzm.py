"""Grey level distance zone matrix: zones of one grey level by how deep they lie in the region.

A zone is a set of touching voxels (26 neighbours in a volume, 8 in a slice) of one grey level. Its
distance is the smallest number of steps from face to face (6 neighbours, 4 in a slice) from any of
its voxels to the outside of the region; a voxel at the edge has distance 1. The outside is that of
the *morphological* mask: a hole cut by re-segmentation is no edge.

With P(i, d) the number of zones of level i and distance d, N its sum, p = P / N, and V the number
of voxels (`ibsi_texture` names and aggregates them; all are pure numbers):

===========================================  =================================  ======
feature                                      formula                            IBSI
===========================================  =================================  ======
small_distance_emphasis                      sum p / d^2                        0GBI
large_distance_emphasis                      sum p d^2                          MB4I
low_grey_level_zone_emphasis                 sum p / i^2                        S1RA
high_grey_level_zone_emphasis                sum p i^2                          K26C
small_distance_low_grey_level_emphasis       sum p / (i^2 d^2)                  RUVG
small_distance_high_grey_level_emphasis      sum p i^2 / d^2                    DKNJ
large_distance_low_grey_level_emphasis       sum p d^2 / i^2                    A7WM
large_distance_high_grey_level_emphasis      sum p i^2 d^2                      KLTH
grey_level_nonuniformity                     sum_i (sum_d P)^2 / N              VFT7
grey_level_nonuniformity_normalised          sum_i (sum_d P)^2 / N^2            7HP3
zone_distance_nonuniformity                  sum_d (sum_i P)^2 / N              V294
zone_distance_nonuniformity_normalised       sum_d (sum_i P)^2 / N^2            IATH
zone_percentage                              N / V                              VIWW
grey_level_variance                          variance of i under p              QK93
zone_distance_variance                       variance of d under p              7WT1
zone_distance_entropy                        -sum p log2 p                      GBDU
===========================================  =================================  ======

References
----------
Zwanenburg A et al. Image biomarker standardisation initiative, reference manual, section 3.9.
https://doi.org/10.48550/arXiv.1612.07003
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from causalimg.radiomics.region import Region, directions
from causalimg.radiomics.zones import region_zones


@dataclass(frozen=True)
class Zones:
    """The zones of a discretised image, one entry each, shape (n_zones,).

    Parameters
    ----------
    level : ndarray of int
        Grey level.
    size : ndarray of int
        Number of voxels.
    distance : ndarray of int
        Steps to the edge of the region, from 1.
    in_slice : ndarray of int
        Slice (index along z) of its lowest voxel.
    """

    level: np.ndarray
    size: np.ndarray
    distance: np.ndarray
    in_slice: np.ndarray

    @classmethod
    def of(cls, levels: np.ndarray, region: np.ndarray, *, in_slices: bool = False) -> Zones:
        """Find the zones.

        Parameters
        ----------
        levels : ndarray of int, shape (z, y, x)
            Grey level from 1 inside the intensity mask, 0 outside.
        region : ndarray of bool, shape (z, y, x)
            Morphological mask.
        in_slices : bool
            Zones and distances in each slice (y, x) on its own.

        Examples
        --------
        >>> levels = np.array([[[1, 1, 1, 1, 1], [1, 2, 2, 2, 1], [1, 1, 1, 1, 1]]])
        >>> zones = Zones.of(levels, levels > 0, in_slices=True)
        >>> zones.size, zones.distance
        (array([12,  3]), array([1, 2]))
        """
        mask = levels > 0
        inside = levels[mask]
        zone = region_zones(Region.of(mask), inside, directions(2 if in_slices else 3))
        depth = edge_distance(region, in_slices=in_slices)[mask]
        # within a zone sorted by depth, so that its first voxel is the nearest to the edge
        order = np.lexsort((depth, zone))
        size = np.bincount(zone)
        first = order[np.cumsum(size) - size]
        lowest = np.full(len(size), levels.shape[0], dtype=np.intp)
        np.minimum.at(lowest, zone, np.nonzero(mask)[0])
        return cls(inside[first].astype(np.intp), size, depth[first], lowest)

    def counts(self, of: np.ndarray, n_levels: int, n_slices: int = 1) -> np.ndarray:
        """Count the zones by level and by what is given, in one matrix for each slice.

        Parameters
        ----------
        of : ndarray of int, shape (n_zones,)
            Column of each zone, from 0.
        n_levels : int
        n_slices : int
            1: all zones in one matrix.

        Returns
        -------
        ndarray of float64, shape (n_slices, n_levels, n_columns)
        """
        shape = (n_slices, n_levels, int(of.max()) + 1)
        place = self.in_slice if n_slices > 1 else np.zeros_like(self.in_slice)
        cells = np.ravel_multi_index((place, self.level - 1, of), shape)
        return np.bincount(cells, minlength=int(np.prod(shape))).astype(np.float64).reshape(shape)


def edge_distance(region: np.ndarray, *, in_slices: bool = False) -> np.ndarray:
    """Return the steps from face to face to the outside of a region; 0 outside it.

    Examples
    --------
    >>> edge_distance(np.ones((1, 3, 5), dtype=bool), in_slices=True)
    array([[[1, 1, 1, 1, 1],
            [1, 2, 2, 2, 1],
            [1, 1, 1, 1, 1]]])
    """
    from scipy import ndimage

    padded = np.pad(region, 1)
    if in_slices:
        steps = np.stack([ndimage.distance_transform_cdt(part, "taxicab") for part in padded])
    else:
        steps = ndimage.distance_transform_cdt(padded, "taxicab")
    inner: np.ndarray = steps[1:-1, 1:-1, 1:-1].astype(np.intp)
    return inner
