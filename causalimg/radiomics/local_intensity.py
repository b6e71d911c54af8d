"""IBSI local intensity: mean intensity in a sphere of 1 cm^3 around the voxels of a region.

References
----------
Zwanenburg A et al. Image biomarker standardisation initiative, reference manual, section 3.2.
https://doi.org/10.48550/arXiv.1612.07003
"""

from __future__ import annotations

import math

import numpy as np

from causalimg.imaging.volume import ImageMask, crop

PEAK_RADIUS = 10.0 * (3.0 / (4.0 * math.pi)) ** (1.0 / 3.0)
"""Radius of a sphere of 1 cm^3 [mm]."""


def local_intensity_features(scan: ImageMask) -> dict[str, float]:
    """Return the local and the global intensity peak.

    Parameters
    ----------
    scan : ImageMask
        With the intensity mask. The image must go on around the region: the spheres reach
        `PEAK_RADIUS` beyond it.

    Returns
    -------
    dict of str to float [intensity]
        - ``local_peak``: mean of the voxels whose centres are within the sphere around the
          brightest voxel of the region, inside it or not; the highest such mean where several
          voxels are the brightest; voxels outside that are NaN or infinite are left out, as are
          those beyond the image
        - ``global_peak``: the highest such mean around any voxel of the region

    Examples
    --------
    >>> mask = np.zeros((5, 5, 5), dtype=bool)
    >>> mask[2, 2, 2] = True
    >>> scan = ImageMask(np.arange(125.0).reshape(5, 5, 5), mask, (4.0, 4.0, 4.0))
    >>> round(local_intensity_features(scan)["global_peak"], 6)
    62.0
    """
    reach = [math.floor(PEAK_RADIUS / step) for step in scan.spacing]
    part = crop(scan, (reach[0], reach[1], reach[2]))
    peaks = _sphere_means(part, reach)
    inside = part.image[part.mask]
    return {
        "local_peak": float(peaks[inside == inside.max()].max()),
        "global_peak": float(peaks.max()),
    }


def _sphere_means(scan: ImageMask, reach: list[int]) -> np.ndarray:
    """Return the mean in the sphere around each voxel of the region, shape (n_voxels,)."""
    from scipy import fft

    z, y, x = (
        (np.arange(-far, far + 1) * step) ** 2
        for far, step in zip(reach, scan.spacing, strict=True)
    )
    sphere = z[:, None, None] + y[None, :, None] + x[None, None, :] <= PEAK_RADIUS**2
    lengths = [
        fft.next_fast_len(size + 2 * far, real=True)
        for size, far in zip(scan.image.shape, reach, strict=True)
    ]
    kernel = fft.rfftn(sphere.astype(np.float64), lengths)
    inside = tuple(place + far for place, far in zip(np.nonzero(scan.mask), reach, strict=True))

    def summed(values: np.ndarray) -> np.ndarray:
        found: np.ndarray = fft.irfftn(fft.rfftn(values, lengths) * kernel, lengths)[inside]
        return found

    finite = np.isfinite(scan.image)
    whole = finite.all() and not _clipped(scan, reach)
    number = int(sphere.sum()) if whole else np.rint(summed(finite.astype(np.float64)))
    image = np.where(finite, scan.image, 0).astype(np.float64)
    level = image.mean()  # taken out first: the transforms lose digits of large numbers
    means: np.ndarray = summed(np.where(finite, image - level, 0)) / number + level
    return means


def _clipped(scan: ImageMask, reach: list[int]) -> bool:
    """Say whether a sphere around a voxel of the region can reach beyond the image."""
    return any(
        low < far or size - high < far
        for (low, high), size, far in zip(scan.bounds(), scan.image.shape, reach, strict=True)
    )
