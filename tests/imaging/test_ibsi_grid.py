import itertools

import numpy as np
import pytest

from causalimg.errors import GeometryError, InvalidInputError
from causalimg.imaging.ibsi_grid import AxisGrid, resample_centred
from causalimg.imaging.volume import ImageMask, crop, to_sitk


def ball(shape=(14, 20, 18), spacing=(3.0, 1.0, 1.0), seed=0):
    rng = np.random.default_rng(seed)
    middle = [length / 2 for length in shape]
    around = [
        (axis - m) * step
        for axis, m, step in zip(np.ogrid[tuple(map(slice, shape))], middle, spacing, strict=True)
    ]
    mask = sum(part**2 for part in around) < 36
    return ImageMask(rng.normal(size=shape) * 100, mask, spacing, origin=(5.0, -7.0, 2.0))


def centre(scan):
    last = (np.array(scan.image.shape) - 1) / 2
    return np.array(scan.origin) + (last * scan.spacing)[::-1]


@pytest.mark.parametrize(
    "spacing", [(2.0, 2.0, 2.0), (0.0, 0.7, 0.7), (1.0, 1.0, 1.0), (7.0, 3.0, 2.5)]
)
def test_the_new_grid_shares_its_centre_and_covers_the_old_one(spacing):
    scan = ball()
    found = resample_centred(scan, spacing)
    np.testing.assert_allclose(centre(found), centre(scan), atol=1e-9)
    new = [step or old for step, old in zip(spacing, scan.spacing, strict=True)]
    assert found.spacing == tuple(new)
    extent = np.array(scan.image.shape) * scan.spacing
    covered = np.array(found.image.shape) * found.spacing
    assert (covered >= extent - 1e-6).all() and (covered - extent < new).all()


def test_a_count_that_is_whole_but_for_rounding_stays():
    assert AxisGrid.centred(7, 0.1, 0.7 / 7).size == 7
    assert AxisGrid.centred(10, 0.3, 0.1).size == 30


@pytest.mark.parametrize("interpolation", ["linear", "cubic"])
@pytest.mark.parametrize("spacing", [(2.0, 0.8, 1.3), (0.0, 2.0, 2.0)])
def test_the_box_of_the_region_gives_what_the_whole_image_gives(interpolation, spacing):
    scan = ball(shape=(40, 60, 60), spacing=(1.5, 1.0, 1.0))
    options = {"image_interpolation": interpolation}
    whole = resample_centred(scan, spacing, **options)
    part = resample_centred(scan, spacing, margin=4.0, **options)
    assert part.image.size < whole.image.size / 4
    assert part.n_voxels == whole.n_voxels
    inside = whole.image[whole.mask]
    if interpolation == "linear":
        np.testing.assert_array_equal(part.image[part.mask], inside)
    else:
        np.testing.assert_allclose(part.image[part.mask], inside, atol=1e-9)
    # the box starts where its origin says
    shift = np.array(part.origin) - np.array(whole.origin)
    x, y, z = np.rint(shift / part.spacing[::-1]).astype(int)
    depth, height, width = part.image.shape
    window = whole.image[z : z + depth, y : y + height, x : x + width]
    np.testing.assert_allclose(part.image, window, atol=1e-9)
    # and reaches as far as asked, where the image does
    for (low, high), length, step in zip(
        part.bounds(), part.image.shape, part.spacing, strict=True
    ):
        assert low * step >= 4.0 - step and (length - high) * step >= 4.0 - step


@pytest.mark.parametrize("interpolation", ["linear", "cubic"])
def test_polynomials_are_kept(interpolation):
    axes = np.ogrid[:12, :13, :14]
    image = 2.0 * axes[0] - 3.0 * axes[1] + 0.5 * axes[2] + 0.25 * axes[0] * axes[2]
    mask = np.zeros(image.shape, dtype=bool)
    mask[4:8, 4:9, 4:10] = True
    scan = ImageMask(image, mask, (2.0, 1.0, 1.5))
    found = resample_centred(scan, (1.1, 0.7, 0.9), image_interpolation=interpolation)
    z, y, x = (
        (found.origin[2 - k] + np.arange(found.image.shape[k]) * found.spacing[k]) / scan.spacing[k]
        for k in range(3)
    )
    truth = 2.0 * z[:, None, None] - 3.0 * y[:, None] + 0.5 * x + 0.25 * z[:, None, None] * x
    tolerance = 1e-10 if interpolation == "linear" else 1e-2  # the spline feels the edge
    np.testing.assert_allclose(found.image[found.mask], truth[found.mask], atol=tolerance)


@pytest.mark.parametrize(("interpolation", "itk"), [("linear", "sitkLinear"), ("cubic", "bspline")])
def test_agreement_with_simpleitk(interpolation, itk):
    import SimpleITK

    scan = ball(shape=(44, 56, 58))
    found = resample_centred(scan, (2.0, 1.3, 1.3), image_interpolation=interpolation)
    image, mask = to_sitk(scan)
    grid = SimpleITK.ResampleImageFilter()
    grid.SetSize([int(n) for n in found.image.shape[::-1]])
    grid.SetOutputSpacing([float(step) for step in found.spacing[::-1]])
    grid.SetOutputOrigin(found.origin)
    grid.SetOutputDirection(image.GetDirection())
    grid.SetUseNearestNeighborExtrapolator(True)
    kinds = {"sitkLinear": SimpleITK.sitkLinear, "bspline": SimpleITK.sitkBSpline}
    grid.SetInterpolator(kinds[itk])
    theirs = SimpleITK.GetArrayFromImage(grid.Execute(image))
    np.testing.assert_allclose(found.image[found.mask], theirs[found.mask], atol=1e-6)
    grid.SetInterpolator(SimpleITK.sitkLinear)
    share = SimpleITK.GetArrayFromImage(grid.Execute(SimpleITK.Cast(mask, SimpleITK.sitkFloat64)))
    np.testing.assert_array_equal(found.mask, share >= 0.5 - 1e-6)


def test_an_axis_that_is_kept_is_not_touched():
    scan = ball()
    found = resample_centred(scan, (0.0, 0.5, 0.5), image_interpolation="cubic")
    assert len(found.image) == len(scan.image)
    for k in range(len(scan.image)):
        one = crop_to_slice(scan, k)
        if not one.mask.any():
            continue
        alone = resample_centred(one, (0.0, 0.5, 0.5), image_interpolation="cubic")
        np.testing.assert_array_equal(alone.image[0], found.image[k])
    same = resample_centred(scan, (0.0, 1.0, 1.0), round_intensities=True)
    np.testing.assert_array_equal(same.image, np.rint(scan.image))
    np.testing.assert_array_equal(same.mask, scan.mask)


def crop_to_slice(scan, k):
    return ImageMask(scan.image[k : k + 1], scan.mask[k : k + 1], scan.spacing)


def test_mirror_images_give_mirror_images():
    scan = ball()
    found = resample_centred(scan, (2.0, 1.7, 1.3), image_interpolation="cubic")
    for axes in itertools.combinations(range(3), 2):
        flipped = ImageMask(np.flip(scan.image, axes), np.flip(scan.mask, axes), scan.spacing)
        other = resample_centred(flipped, (2.0, 1.7, 1.3), image_interpolation="cubic")
        np.testing.assert_allclose(np.flip(other.image, axes), found.image, atol=1e-9)
        np.testing.assert_array_equal(np.flip(other.mask, axes), found.mask)


def test_refusals():
    scan = ball()
    with pytest.raises(InvalidInputError, match=r"spacing=\(1.0, -1.0, 1.0\)"):
        resample_centred(scan, (1.0, -1.0, 1.0))
    with pytest.raises(InvalidInputError, match="image_interpolation='nearest': one of linear"):
        resample_centred(scan, (1.0, 1.0, 1.0), image_interpolation="nearest")
    with pytest.raises(InvalidInputError, match="mask_threshold=0"):
        resample_centred(scan, (1.0, 1.0, 1.0), mask_threshold=0)
    with pytest.raises(InvalidInputError, match="margin=-1"):
        resample_centred(scan, (1.0, 1.0, 1.0), margin=-1)
    with pytest.raises(GeometryError, match=r"none of its \d+ voxels is left at a spacing of"):
        resample_centred(scan, (40.0, 40.0, 40.0))
    holed = scan.image.copy()
    holed[~scan.mask] = np.nan
    with pytest.raises(InvalidInputError, match=r"'a', column 'image': \d+ voxels near the mask"):
        resample_centred(ImageMask(holed, scan.mask, scan.spacing, case_id="a"), (1.0, 1.0, 1.0))
    far = scan.image.copy()
    far[0, 0, 0] = np.nan  # beyond reach
    kept = resample_centred(ImageMask(far, scan.mask, scan.spacing), (1.0, 1.0, 1.0), margin=0.0)
    assert np.isfinite(kept.image).all()
    assert crop(kept, 0).n_voxels == kept.n_voxels
