"""The small picture of a region and its outline."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from causalimg.errors import FileReadError, InvalidInputError, UnknownNameError
from causalimg.imaging.outline import outlines
from causalimg.imaging.pictures import CasePictures, Source
from causalimg.imaging.thumbnail import REACH, averaged, thumbnail
from causalimg.imaging.volume import ImageMask, cut


def filled(shape: tuple[int, int], corners: tuple[np.ndarray, ...]) -> np.ndarray:
    """Fill outlines by the even-odd rule, asking for the middle of every pixel."""
    y, x = np.mgrid[: shape[0], : shape[1]] + 0.5
    inside = np.zeros(shape, dtype=bool)
    for polygon in corners:
        for (x0, y0), (x1, y1) in zip(polygon, np.roll(polygon, -1, axis=0), strict=True):
            if x0 == x1:
                inside ^= (x < x0) & (y > min(y0, y1)) & (y < max(y0, y1))
    return inside


def area(polygon: np.ndarray) -> float:
    x, y = polygon.astype(float).T
    return float(np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y) / 2)


@pytest.mark.parametrize("seed", range(6))
def test_outlines_enclose_the_region_and_nothing_else(seed: int) -> None:
    rng = np.random.default_rng(seed)
    mask = ndimage.gaussian_filter(rng.normal(size=(23, 31)), 1.0 + seed % 3) > 0
    found = outlines(mask)
    np.testing.assert_array_equal(filled(mask.shape, found), mask)
    assert sum(area(polygon) for polygon in found) == mask.sum()
    pieces, _ = ndimage.label(mask)
    assert sum(area(polygon) > 0 for polygon in found) == pieces.max()


def test_outlines_keep_corners_only_and_holes_run_backwards() -> None:
    mask = np.ones((5, 5), dtype=bool)
    mask[2, 1:4] = False
    outer, hole = outlines(mask)
    assert len(outer) == len(hole) == 4
    assert area(outer) == 25 and area(hole) == -3
    assert outlines(np.zeros((3, 3), dtype=bool)) == ()


def test_pixels_that_touch_at_a_corner_are_traced_apart() -> None:
    assert [area(polygon) for polygon in outlines(np.eye(3, dtype=bool))] == [1, 1, 1]


def scan(size: int = 60, spacing: tuple[float, float, float] = (3.0, 1.0, 1.0)) -> ImageMask:
    rng = np.random.default_rng(0)
    image = rng.normal(100, 20, (5, size, size))
    mask = np.zeros(image.shape, dtype=bool)
    mask[1, 30:34, 30:34] = True
    mask[3, 22:36, 26:34] = True
    return ImageMask(image, mask, spacing, origin=(-30.0, -30.0, 7.0), case_id="P1")


def test_it_shows_the_slice_with_the_largest_area() -> None:
    small = thumbnail(scan())
    assert small.position == 7.0 + 3 * 3.0
    assert [area(polygon) for polygon in small.outline] == [14 * 8]
    assert small.size == (28.0, 28.0)
    assert small.pixels.shape == (28, 28) and small.pixels.dtype == np.uint8
    shown = scan().image[3, 15:43, 16:44]
    assert small.window == pytest.approx(tuple(np.percentile(shown, [1, 99])))
    low, high = small.window
    exact = np.clip((shown - low) / (high - low), 0, 1) * 255
    assert np.abs(small.pixels - exact).max() <= 255 / 63 / 2 + 0.51


def test_the_margin_is_at_most_15_mm_and_at_least_four_voxels() -> None:
    wide = thumbnail(scan(spacing=(3.0, 4.0, 4.0)))
    assert wide.pixels.shape == (14 + 2 * 4, 8 + 2 * 4)
    fine = np.zeros((1, 200, 200), dtype=bool)
    fine[0, 50:150, 60:140] = True
    small = thumbnail(ImageMask(fine.astype(float), fine, (1.0, 1.0, 1.0)), side=500)
    assert small.size == (130.0, 110.0)


def test_a_large_region_is_averaged_down_with_its_outline() -> None:
    mask = np.zeros((1, 400, 400), dtype=bool)
    mask[0, 100:300, 100:300] = True
    small = thumbnail(ImageMask(np.where(mask, 50.0, 10.0), mask, (1.0, 1.0, 0.5)))
    assert small.pixels.shape == (96, 54)
    covered = sum(area(polygon) for polygon in small.outline)
    rows, columns = small.pixels.shape
    height, width = small.size
    assert covered * (height / rows) * (width / columns) == pytest.approx(200 * 100, rel=0.03)
    np.testing.assert_array_equal(filled(small.pixels.shape, small.outline), small.pixels > 127)


def test_the_reach_holds_all_that_a_picture_shows() -> None:
    for spacing in ((3.0, 1.0, 1.0), (3.0, 0.37, 0.37), (1.0, 4.4, 2.2)):
        whole = scan(spacing=spacing)
        near = cut(whole, REACH.window(whole.bounds(), whole.image.shape, whole.spacing))
        one, other = thumbnail(whole), thumbnail(near)
        np.testing.assert_array_equal(one.pixels, other.pixels)
        assert one.position == pytest.approx(other.position)
        assert [k.tolist() for k in one.outline] == [k.tolist() for k in other.outline]


def test_odd_intensities_give_a_picture_all_the_same() -> None:
    flat = thumbnail(replace(scan(), image=np.full((5, 60, 60), 7, dtype=np.int16)))
    assert set(flat.pixels.ravel()) == {128}
    image = scan().image.copy()
    image[3, :28] = np.nan
    holed = thumbnail(replace(scan(), image=image))
    assert np.isfinite(holed.window).all() and holed.pixels.max() == 255


def test_refusals_name_the_case() -> None:
    empty = ImageMask(np.zeros((2, 9, 9)), np.zeros((2, 9, 9), dtype=bool), (1, 1, 1), case_id="P9")
    with pytest.raises(InvalidInputError, match=r"'P9'.*empty"):
        thumbnail(empty)
    with pytest.raises(InvalidInputError, match="side=4"):
        thumbnail(scan(), side=4)


def test_averaging_keeps_the_mean() -> None:
    values = np.random.default_rng(1).normal(size=(37, 53))
    small = averaged(values, (10, 7))
    assert small.shape == (10, 7) and small.mean() == pytest.approx(values.mean())
    np.testing.assert_allclose(averaged(values, values.shape), values)


def test_pictures_are_saved_and_read_back_equal(tmp_path) -> None:
    small = thumbnail(scan())
    source = Source("P1", "images/p1.nii", "masks/p1.nii", "ab" * 32, "cd" * 32)
    made = CasePictures.of([(source, small)])
    made.save(tmp_path / "pictures.parquet")
    again = CasePictures.load(tmp_path / "pictures.parquet")
    assert again.digest() == made.digest()
    back = again.thumbnail("P1")
    np.testing.assert_array_equal(back.pixels, small.pixels)
    np.testing.assert_array_equal(back.outline[0], small.outline[0])
    assert (back.size, back.position, back.window) == (small.size, small.position, small.window)
    with pytest.raises(UnknownNameError, match="did you mean 'P1'"):
        again.thumbnail("P")
    (tmp_path / "other.parquet").write_text("no")
    with pytest.raises(FileReadError, match=r"other\.parquet"):
        CasePictures.load(tmp_path / "other.parquet")
