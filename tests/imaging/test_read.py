import gzip
from pathlib import Path

import numpy as np
import pytest

from causalimg.errors import GeometryError, ImageReadError, InvalidInputError
from causalimg.imaging.read import read_image_mask
from causalimg.imaging.volume import ImageMask, crop, pad, to_sitk
from causalimg.imaging.write import write_volume

SHAPE = (6, 8, 10)
SPACING = (2.0, 1.5, 0.5)
TURNED = ((0.0, -1.0, 0.0), (1.0, 0.0, 0.0), (0.0, 0.0, 1.0))


def volume() -> np.ndarray:
    return np.arange(np.prod(SHAPE), dtype=np.int16).reshape(SHAPE)


def region() -> np.ndarray:
    mask = np.zeros(SHAPE, dtype=np.uint8)
    mask[2:4, 3:6, 4:9] = 1
    return mask


def save(folder: Path, image: np.ndarray, mask: np.ndarray, suffix: str = ".nii", **grid: object):
    image_path, mask_path = folder / f"image{suffix}", folder / f"mask{suffix}"
    write_volume(image_path, image, SPACING, origin=(1.0, 2.0, 3.0))
    write_volume(
        mask_path,
        mask,
        grid.get("spacing", SPACING),
        origin=grid.get("origin", (1.0, 2.0, 3.0)),
        direction=grid.get("direction", ((1.0, 0, 0), (0, 1.0, 0), (0, 0, 1.0))),
    )
    return image_path, mask_path


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz", ".nrrd", ".mha"])
def test_what_is_written_is_read(tmp_path, suffix):
    scan = read_image_mask(*save(tmp_path, volume(), region(), suffix), case_id="a")
    np.testing.assert_array_equal(scan.image, volume())
    assert scan.image.dtype == np.int16
    np.testing.assert_array_equal(scan.mask, region().astype(bool))
    assert scan.spacing == SPACING
    assert scan.origin == (1.0, 2.0, 3.0)
    assert (scan.case_id, scan.label, scan.n_voxels) == ("a", 1, 30)
    assert scan.voxel_volume == pytest.approx(1.5)
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


@pytest.mark.parametrize("column", ["image", "mask"])
def test_a_missing_file_is_named(tmp_path, column):
    paths = dict(zip(("image", "mask"), save(tmp_path, volume(), region()), strict=True))
    paths[column].unlink()
    with pytest.raises(ImageReadError, match=rf"case 'p1', column '{column}': there is no file"):
        read_image_mask(paths["image"], paths["mask"], case_id="p1")


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz", ".nrrd", ".mha"])
@pytest.mark.parametrize("share", [0.0, 0.1, 0.6, 0.95])
def test_a_truncated_file_is_refused_and_nothing_is_printed(tmp_path, capfd, suffix, share):
    noise = np.random.default_rng(0).integers(0, 999, SHAPE).astype(np.int16)
    image, mask = save(tmp_path, noise, region(), suffix)
    whole = image.read_bytes()
    image.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(ImageReadError, match=r"case 'p1', column 'image': image\..*"):
        read_image_mask(image, mask, case_id="p1")
    captured = capfd.readouterr()
    assert captured.err == ""
    assert captured.out == ""


def test_a_damaged_gzip_stream_is_refused(tmp_path):
    image, mask = save(tmp_path, volume(), region(), ".nii.gz")
    raw = bytearray(image.read_bytes())
    raw[-4:] = b"\x01\x00\x00\x00"
    image.write_bytes(bytes(raw))
    with pytest.raises(ImageReadError, match="truncated or damaged"):
        read_image_mask(image, mask, case_id="p1")


def test_a_damaged_compressed_mha_is_refused(tmp_path):
    import SimpleITK

    image, mask = save(tmp_path, volume(), region(), ".mha")
    noise = np.random.default_rng(0).integers(0, 999, SHAPE).astype(np.int16)
    packed = SimpleITK.GetImageFromArray(noise)
    SimpleITK.WriteImage(packed, str(image), useCompression=True)
    raw = bytearray(image.read_bytes())
    raw[-300] ^= 1
    image.write_bytes(bytes(raw))
    with pytest.raises(ImageReadError, match=r"case 'p1', column 'image': image\.mha is trunc"):
        read_image_mask(image, mask, case_id="p1")


def test_gzip_in_several_members_is_read(tmp_path):
    image, mask = save(tmp_path, volume(), region())
    raw = image.read_bytes()
    zipped = tmp_path / "members.nii.gz"
    zipped.write_bytes(gzip.compress(raw[:500]) + gzip.compress(raw[500:]))
    scan = read_image_mask(zipped, mask)
    np.testing.assert_array_equal(scan.image, volume())


def test_a_text_file_is_not_an_image(tmp_path, capfd):
    _, mask = save(tmp_path, volume(), region())
    image = tmp_path / "notes.nrrd"
    image.write_text("nothing here")
    with pytest.raises(ImageReadError, match=r"notes\.nrrd is truncated, damaged or not an image"):
        read_image_mask(image, mask, case_id="p1")
    assert capfd.readouterr().err == ""


def test_another_size(tmp_path):
    image, mask = save(tmp_path, volume(), region()[:, :, :-1])
    with pytest.raises(GeometryError, match=r"case 'p1', column 'mask': the mask's size is \(9, 8"):
        read_image_mask(image, mask, case_id="p1")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("spacing", (2.0, 1.5, 0.6)),
        ("origin", (1.0, 2.5, 3.0)),
        ("direction", TURNED),
    ],
)
def test_another_grid(tmp_path, name, value):
    image, mask = save(tmp_path, volume(), region(), **{name: value})
    with pytest.raises(GeometryError, match=f"case 'p1', column 'mask': the mask's {name} is"):
        read_image_mask(image, mask, case_id="p1")


def test_a_grid_within_the_tolerance(tmp_path):
    image, mask = save(tmp_path, volume(), region(), origin=(1.01, 2.0, 3.0))
    with pytest.raises(GeometryError, match="origin"):
        read_image_mask(image, mask)
    assert read_image_mask(image, mask, tolerance=0.05).n_voxels == 30


def test_an_empty_mask(tmp_path):
    image, mask = save(tmp_path, volume(), 0 * region())
    with pytest.raises(GeometryError, match=r"case 'p1', column 'mask': the mask is empty"):
        read_image_mask(image, mask, case_id="p1")


def test_labels(tmp_path):
    labels = 3 * region()
    labels[0, 0, 0] = 7
    image, mask = save(tmp_path, volume(), labels)
    assert read_image_mask(image, mask, label=3).n_voxels == 30
    assert read_image_mask(image, mask, label=7).n_voxels == 1
    with pytest.raises(GeometryError, match=r"no label 2 in the mask \(there are: 3, 7\)"):
        read_image_mask(image, mask, label=2)
    with pytest.raises(GeometryError, match="holds the labels 3, 7; say which one"):
        read_image_mask(image, mask)
    labels[0, 0, 0] = 0
    write_volume(mask, labels, SPACING, origin=(1.0, 2.0, 3.0))
    assert read_image_mask(image, mask).label == 3


def test_a_float_mask_with_whole_labels_is_accepted_and_a_probability_map_is_not(tmp_path):
    image, mask = save(tmp_path, volume(), region().astype(np.float32))
    assert read_image_mask(image, mask).n_voxels == 30
    write_volume(mask, 0.5 * region().astype(np.float32), SPACING, origin=(1.0, 2.0, 3.0))
    with pytest.raises(GeometryError, match="not whole numbers"):
        read_image_mask(image, mask)


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz", ".nrrd", ".mha"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_not_finite_inside(tmp_path, value, suffix):
    image = volume().astype(np.float32)
    image[2, 3, 4:7] = value
    image[0, 0, 0] = value
    paths = save(tmp_path, image, region(), suffix)
    with pytest.raises(
        InvalidInputError, match=r"case 'p1', column 'image': 3 of 30 voxels .* NaN or infinite"
    ):
        read_image_mask(*paths, case_id="p1")


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_not_finite_outside_is_kept_as_it_is(tmp_path, dtype):
    image = volume().astype(dtype)
    image[0, 1, 2], image[5, 7, 9] = np.nan, -np.inf
    scan = read_image_mask(*save(tmp_path, image, region()))
    np.testing.assert_array_equal(scan.image, image)


def test_a_mask_with_nan(tmp_path):
    mask = region().astype(np.float32)
    mask[0, 0, 0] = np.nan
    with pytest.raises(GeometryError, match="not whole numbers"):
        read_image_mask(*save(tmp_path, volume(), mask))


def test_four_dimensions(tmp_path):
    import SimpleITK

    series = SimpleITK.GetImageFromArray(np.zeros((2, 4, 4, 4), dtype=np.int16), isVector=False)
    SimpleITK.WriteImage(series, str(tmp_path / "series.nii"))
    _, mask = save(tmp_path, volume(), region())
    with pytest.raises(GeometryError, match="a 3-D volume with one value a voxel is needed"):
        read_image_mask(tmp_path / "series.nii", mask, case_id="p1")


def test_crop_keeps_voxels_where_they_are_in_space():
    import SimpleITK

    scan = ImageMask(volume(), region().astype(bool), SPACING, (1.0, 2.0, 3.0), TURNED)
    small = crop(scan, (1, 2, 0))
    assert small.image.shape == (4, 7, 5)
    np.testing.assert_array_equal(small.image, volume()[1:5, 1:8, 4:9])
    whole, _ = to_sitk(scan)
    part, _ = to_sitk(small)
    assert part.TransformIndexToPhysicalPoint((0, 0, 0)) == pytest.approx(
        whole.TransformIndexToPhysicalPoint((4, 1, 1))
    )
    assert isinstance(part, SimpleITK.Image)


def test_crop_is_clipped_at_the_border_or_keeps_the_axis():
    scan = ImageMask(volume(), region().astype(bool), SPACING)
    assert crop(scan, 3).image.shape == (6, 8, 9)
    assert crop(scan, 3, whole_if_clipped=True).image.shape == (6, 8, 10)
    assert crop(scan, (0, 0, 1), whole_if_clipped=True).image.shape == (2, 3, 7)


def test_pad_repeats_the_edge_and_moves_the_origin():
    scan = pad(ImageMask(volume(), np.ones(SHAPE, dtype=bool), SPACING), 1)
    assert scan.origin == (-0.5, -1.5, -2.0)
    assert scan.image[0, 0, 0] == volume()[0, 0, 0]
    assert not scan.mask[0].any()
    assert scan.n_voxels == np.prod(SHAPE)


def test_arrays_that_do_not_fit():
    with pytest.raises(GeometryError, match="both must be 3-D and equal"):
        ImageMask(volume(), region().astype(bool)[1:], SPACING)
    with pytest.raises(GeometryError, match="must be bool"):
        ImageMask(volume(), region(), SPACING)
    with pytest.raises(GeometryError, match="positive lengths"):
        ImageMask(volume(), region().astype(bool), (0.0, 1.0, 1.0))
    with pytest.raises(GeometryError, match="the mask is empty"):
        ImageMask(volume(), np.zeros(SHAPE, dtype=bool), SPACING).bounds()


def test_write_refuses_what_is_no_volume(tmp_path, capfd):
    with pytest.raises(InvalidInputError, match="3-D needed"):
        write_volume(tmp_path / "a.nii", np.zeros((2, 2)), SPACING)
    with pytest.raises(InvalidInputError, match=r"use \.nii"):
        write_volume(tmp_path / "a.xyz", volume(), SPACING)
    for suffix in (".mhd", ".nhdr", ".hdr"):
        with pytest.raises(InvalidInputError, match=r"second file, .*; use \.nii"):
            write_volume(tmp_path / f"a{suffix}", volume(), SPACING)
    assert list(tmp_path.iterdir()) == []
    assert capfd.readouterr().err == ""


def test_real_scans(shared_data):
    for case, voxels in (("brain1", 4137), ("lung1", 837)):
        folder = shared_data / "pyradiomics"
        scan = read_image_mask(folder / f"{case}_image.nrrd", folder / f"{case}_label.nrrd")
        assert scan.n_voxels == voxels
