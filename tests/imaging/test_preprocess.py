"""Normalised windows, resampling around a region, re-segmentation."""

import numpy as np
import pytest
import SimpleITK

from causalimg.errors import InvalidInputError
from causalimg.imaging.intensities import Intensities
from causalimg.imaging.preprocess import kept_by_range, resampled
from causalimg.imaging.volume import ImageMask

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("kind", [np.uint8, np.int16, np.float32, np.float64])
def test_normalising_is_that_of_itk(kind):
    image = RNG.integers(0, 200, (5, 40, 41)).astype(kind)
    expected = SimpleITK.GetArrayFromImage(SimpleITK.Normalize(SimpleITK.GetImageFromArray(image)))
    source = Intensities.normalised(image, scale=1.0)
    assert np.allclose(source.all(), expected, rtol=1e-12, atol=1e-14)
    box = (slice(1, 3), slice(4, 9), slice(0, 7))
    assert np.array_equal(source.window(box), source.all()[box])
    assert source.largest() == np.abs(source.all()).max()
    clipped = Intensities.normalised(image, scale=10.0, clip=1.0).all()
    assert np.allclose(clipped, 10 * np.clip(expected, -1, 1))


def test_an_image_as_it_is_keeps_its_type():
    image = RNG.integers(-5, 5, (3, 4, 5)).astype(np.int16)
    source = Intensities(image)
    assert source.all() is image
    assert (
        source.at(np.array([0, 0]), np.array([1]), np.array([4, 2])).tolist()
        == [[[image[0, 1, 4], image[0, 1, 2]]]] * 2
    )
    with pytest.raises(InvalidInputError, match="every voxel is 3"):
        Intensities.normalised(np.full((2, 2, 2), 3), scale=1.0)


def _ramp(shape=(12, 20, 24)) -> ImageMask:
    z, y, x = np.indices(shape)
    mask = np.zeros(shape, dtype=bool)
    mask[3:9, 5:14, 6:18] = True
    return ImageMask(
        (100.0 * z + 10 * y + x).astype(np.float64), mask, (2.0, 1.0, 1.0), origin=(3.0, 4.0, 5.0)
    )


@pytest.mark.parametrize("interpolator", ["sitkBSpline", "sitkLinear"])
def test_a_ramp_stays_a_ramp(interpolator):
    scan = _ramp()
    found = resampled(
        scan, Intensities(scan.image), (1.5, 0.8, 0.8), interpolator=interpolator, pad=0
    )
    assert found.spacing == (1.5, 0.8, 0.8)
    z, y, x = np.indices(found.image.shape)
    at = [
        (index * step + start - first) / old
        for index, step, start, first, old in zip(
            (x, y, z),
            found.spacing[::-1],
            found.origin,
            scan.origin,
            scan.spacing[::-1],
            strict=True,
        )
    ]
    expected = 100 * at[2] + 10 * at[1] + at[0]
    # the spline of ITK mirrors the image at its ends, which bends the ramp a little
    tolerance = 1e-6 if interpolator == "sitkLinear" else 1.0
    assert np.allclose(found.image[found.mask], expected[found.mask], rtol=0, atol=tolerance)
    assert found.n_voxels * found.voxel_volume == pytest.approx(
        scan.n_voxels * scan.voxel_volume, rel=0.1
    )


def test_the_cut_does_not_change_a_spline():
    image = RNG.normal(size=(60, 70, 80))
    mask = np.zeros(image.shape, dtype=bool)
    mask[40:44, 50:56, 30:37] = True
    scan = ImageMask(image, mask, (1.0, 1.0, 1.0))
    near = resampled(scan, Intensities(image), (0.7, 0.7, 0.7), pad=2)
    grid = SimpleITK.Image(*[near.image.shape[::-1], SimpleITK.sitkFloat64])
    grid.SetOrigin(near.origin)
    grid.SetSpacing(near.spacing[::-1])
    whole = SimpleITK.Resample(
        SimpleITK.GetImageFromArray(image), grid, SimpleITK.Transform(), SimpleITK.sitkBSpline
    )
    assert np.allclose(near.image, SimpleITK.GetArrayFromImage(whole), atol=1e-9)


def test_axes_that_are_kept():
    scan = _ramp()
    kept = resampled(scan, Intensities(scan.image), (0, 1.0, 1.0), pad=2)
    assert kept.spacing == scan.spacing
    assert kept.image.shape == (10, 13, 16)
    flat = ImageMask(scan.image, scan.mask & (np.indices(scan.mask.shape)[0] == 4), scan.spacing)
    assert resampled(flat, Intensities(flat.image), (1.0, 2.0, 2.0)).spacing == (2.0, 2.0, 2.0)


def test_a_region_that_is_lost():
    mask = np.zeros((20, 20, 20), dtype=bool)
    mask[10:12, 10:12, 10:12] = True
    scan = ImageMask(np.zeros(mask.shape), mask, (1.0, 1.0, 1.0), case_id="x")
    with pytest.raises(InvalidInputError, match="case 'x', column 'mask': no voxel of the region"):
        resampled(scan, Intensities(scan.image), (8.0, 8.0, 8.0))


def test_what_a_range_keeps():
    values = np.array([0, 10, 20, 100])
    assert kept_by_range(values, [10]).tolist() == [False, True, True, True]
    assert kept_by_range(values, [20, 10]).tolist() == [False, True, True, False]
    assert kept_by_range(values, [0.1, 0.2], mode="relative").tolist() == [0, 1, 1, 0]
    assert kept_by_range(values, [-1, 1], mode="sigma").tolist() == [1, 1, 1, 0]
    with pytest.raises(InvalidInputError, match="keeps 1 of 4 voxels"):
        kept_by_range(values, [50, 200])


def test_reading_keeps_the_memory_of_the_image(tmp_path):
    """The array is the file reader's own memory, and outlives the reader."""
    import gc

    from causalimg.imaging.itk_file import read_itk

    image = RNG.integers(-500, 500, (20, 30, 40)).astype(np.int16)
    SimpleITK.WriteImage(SimpleITK.GetImageFromArray(image), str(tmp_path / "image.nrrd"))
    found = read_itk(tmp_path / "image.nrrd", where="x").array
    gc.collect()
    others = [np.ones_like(image) for _ in range(8)]
    assert np.array_equal(found, image)
    found[0, 0, 0] = 7
    assert found[0, 0, 0] == 7
    assert all((other == 1).all() for other in others)
