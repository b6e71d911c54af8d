"""IBSI diagnostic features: what resampling and re-segmentation did to image and region.

They are no features of the patient, but the first place to look when two programs disagree. They
go by the tags of the IBSI's tables.

References
----------
Zwanenburg A et al. Image biomarker standardisation initiative, reference manual, section 4.
https://doi.org/10.48550/arXiv.1612.07003
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from causalimg.imaging.volume import ImageMask
from causalimg.radiomics.ibsi import prepare
from causalimg.radiomics.ibsi_settings import IbsiSettings


def diagnostics(scan: ImageMask, settings: IbsiSettings) -> dict[str, float]:
    """Describe the image and the masks before, between and after the steps of preparation.

    Parameters
    ----------
    scan : ImageMask
        The whole image.
    settings : IbsiSettings

    Returns
    -------
    dict of str to float
        By tag, with ``init``, ``interp`` and ``reseg`` for the stage: ``img_dim_x`` ... number of
        voxels, ``vox_dim_x`` ... spacing [mm], ``mean_int`` ``min_int`` ``max_int`` of the image
        [intensity]; of intensity and morphological mask ``dim``, ``bb_dim`` (of the box around
        it), ``vox_count`` [voxels] and ``mean_int`` ``min_int`` ``max_int``.

    Examples
    --------
    >>> scan = ImageMask(np.ones((2, 3, 4)), np.ones((2, 3, 4), dtype=bool), (2.0, 1.0, 1.0))
    >>> found = diagnostics(scan, IbsiSettings(spacing=(1.0, 1.0, 1.0), bin_width=1.0))
    >>> found["img_dim_z_init_img"], found["img_dim_z_interp_img"]
    (2.0, 4.0)
    """
    ready = prepare(scan, settings, whole=True)
    cut = replace(ready.scan, mask=ready.intensity_mask)
    return {
        **_image(scan, "init_img"),
        **_image(ready.scan, "interp_img"),
        **_region(scan, scan, "init_roi"),
        **_region(ready.scan, ready.scan, "interp_roi"),
        **_region(cut, ready.scan, "reseg_roi"),
    }


def _image(scan: ImageMask, stage: str) -> dict[str, float]:
    values = scan.image.astype(np.float64)
    return {
        **_along("img_dim", scan.image.shape, stage),
        **_along("vox_dim", scan.spacing, stage),
        f"mean_int_{stage}": float(values.mean()),
        f"min_int_{stage}": float(values.min()),
        f"max_int_{stage}": float(values.max()),
    }


def _region(intensity: ImageMask, morphological: ImageMask, stage: str) -> dict[str, float]:
    inside = intensity.image[intensity.mask].astype(np.float64)
    boxes = {
        name: tuple(stop - first for first, stop in scan.bounds())
        for name, scan in (("int_mask", intensity), ("morph_mask", morphological))
    }
    return {
        **_along("int_mask_dim", intensity.mask.shape, stage),
        **_along("int_mask_bb_dim", boxes["int_mask"], stage),
        **_along("morph_mask_bb_dim", boxes["morph_mask"], stage),
        f"int_mask_vox_count_{stage}": float(intensity.n_voxels),
        f"morph_mask_vox_count_{stage}": float(morphological.n_voxels),
        f"int_mask_mean_int_{stage}": float(inside.mean()),
        f"int_mask_min_int_{stage}": float(inside.min()),
        f"int_mask_max_int_{stage}": float(inside.max()),
    }


def _along(name: str, lengths: tuple[float, ...], stage: str) -> dict[str, float]:
    return {
        f"{name}_{axis}_{stage}": float(length) for axis, length in zip("zyx", lengths, strict=True)
    }
