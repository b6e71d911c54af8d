"""Regions and number formats at the edge of what a reader meets."""

import struct

import numpy as np
import pytest

from causalimg.errors import GeometryError, ImageReadError
from causalimg.imaging.read import read_image_mask
from causalimg.imaging.write import write_volume

SHAPE = (6, 8, 10)
SPACING = (2.0, 1.5, 0.5)


def kinds() -> dict[str, np.ndarray]:
    names = ("one voxel", "one slice", "disconnected", "border", "corner voxel", "line")
    found = {name: np.zeros(SHAPE, dtype=bool) for name in names}
    found["one voxel"][3, 4, 5] = True
    found["one slice"][2, 2:6, 3:8] = True
    found["disconnected"][1, 1, 1] = found["disconnected"][4, 6, 8] = True
    found["border"][:, :3, :4] = True
    found["corner voxel"][-1, -1, -1] = True
    found["line"][:, 4, 4] = True
    found["whole"] = np.ones(SHAPE, dtype=bool)
    return found


@pytest.mark.parametrize("kind", list(kinds()))
@pytest.mark.parametrize("suffix", [".nii.gz", ".nrrd", ".mha"])
def test_regions(tmp_path, kind, suffix):
    image = np.random.default_rng(0).normal(size=SHAPE).astype(np.float32)
    write_volume(tmp_path / f"image{suffix}", image, SPACING)
    write_volume(tmp_path / f"mask{suffix}", kinds()[kind], SPACING)
    scan = read_image_mask(tmp_path / f"image{suffix}", tmp_path / f"mask{suffix}")
    np.testing.assert_array_equal(scan.mask, kinds()[kind])
    np.testing.assert_array_equal(scan.image, image)


@pytest.mark.parametrize(
    "dtype", [np.int8, np.uint8, np.int16, np.uint16, np.int32, np.float32, np.float64]
)
@pytest.mark.parametrize("suffix", [".nii", ".nrrd", ".mha"])
def test_number_formats(tmp_path, dtype, suffix):
    high = 255 if np.dtype(dtype).kind == "f" else np.iinfo(dtype).max
    image = np.random.default_rng(0).integers(0, high, SHAPE, endpoint=True).astype(dtype)
    write_volume(tmp_path / f"image{suffix}", image, SPACING)
    write_volume(tmp_path / f"mask{suffix}", kinds()["border"].astype(dtype), SPACING)
    scan = read_image_mask(tmp_path / f"image{suffix}", tmp_path / f"mask{suffix}")
    assert scan.image.dtype == dtype
    np.testing.assert_array_equal(scan.image, image)
    np.testing.assert_array_equal(scan.mask, kinds()["border"])


NIFTI = {"int16": (4, 16), "float32": (16, 32), "uint16": (512, 16), "float64": (64, 64)}
NRRD = {"int16": "short", "uint16": "ushort", "float32": "float", "float64": "double"}


@pytest.mark.parametrize("kind", list(NRRD))
def test_big_endian_nrrd(tmp_path, kind):
    image = np.random.default_rng(0).integers(0, 30000, SHAPE).astype(kind)
    header = (
        f"NRRD0004\ntype: {NRRD[kind]}\ndimension: 3\nspace: left-posterior-superior\n"
        f"sizes: 10 8 6\nspace directions: (0.5,0,0) (0,1.5,0) (0,0,2)\n"
        "kinds: domain domain domain\nendian: big\nencoding: raw\nspace origin: (0,0,0)\n\n"
    )
    (tmp_path / "image.nrrd").write_bytes(
        header.encode() + image.astype(image.dtype.newbyteorder(">")).tobytes()
    )
    write_volume(tmp_path / "mask.nrrd", kinds()["border"], SPACING)
    scan = read_image_mask(tmp_path / "image.nrrd", tmp_path / "mask.nrrd")
    np.testing.assert_array_equal(scan.image, image)
    assert scan.image.dtype == kind


@pytest.mark.parametrize("kind", list(NIFTI))
@pytest.mark.parametrize("order", ["<", ">"])
def test_nifti_of_either_byte_order(tmp_path, kind, order):
    image = np.random.default_rng(0).integers(0, 30000, SHAPE).astype(kind)
    if kind.startswith("float"):
        image[0, 1, 2] = np.nan
    code, bits = NIFTI[kind]
    header = bytearray(352)
    for place, form, values in (
        (0, "i", (348,)), (40, "8h", (3, 10, 8, 6, 1, 1, 1, 1)), (70, "2h", (code, bits)),
        (76, "8f", (1, 0.5, 1.5, 2, 0, 0, 0, 0)), (108, "f", (352,)), (252, "2h", (0, 1)),
        (280, "4f", (-0.5, 0, 0, 0)), (296, "4f", (0, -1.5, 0, 0)), (312, "4f", (0, 0, 2, 0)),
    ):  # fmt: skip
        struct.pack_into(order + form, header, place, *values)
    header[344:348] = b"n+1\x00"
    (tmp_path / "image.nii").write_bytes(
        bytes(header) + image.astype(image.dtype.newbyteorder(order)).tobytes()
    )
    write_volume(tmp_path / "mask.nii", kinds()["one slice"], SPACING)
    scan = read_image_mask(tmp_path / "image.nii", tmp_path / "mask.nii")
    np.testing.assert_array_equal(scan.image, image)
    assert scan.image.dtype == kind
    assert scan.spacing == SPACING


@pytest.mark.parametrize("suffix", [".nii", ".nrrd", ".mha", ".png", ".tif"])
def test_a_2d_image_is_one_slice(tmp_path, suffix):
    import SimpleITK

    image = np.random.default_rng(0).integers(0, 255, (7, 9)).astype(np.uint8)
    mask = np.zeros((7, 9), dtype=np.uint8)
    mask[2:5, 3:8] = 1
    for name, plane in (("image", image), ("mask", mask)):
        written = SimpleITK.GetImageFromArray(plane)
        written.SetSpacing((0.5, 0.25))
        SimpleITK.WriteImage(written, str(tmp_path / f"{name}{suffix}"))
    scan = read_image_mask(tmp_path / f"image{suffix}", tmp_path / f"mask{suffix}")
    np.testing.assert_array_equal(scan.image, image[None])
    np.testing.assert_array_equal(scan.mask, mask[None] > 0)
    if suffix in (".nii", ".nrrd", ".mha"):
        assert scan.spacing == (1.0, 0.25, 0.5)


def test_a_colour_image_is_refused(tmp_path):
    import SimpleITK

    colour = SimpleITK.GetImageFromArray(np.zeros((7, 9, 3), np.uint8), isVector=True)
    SimpleITK.WriteImage(colour, str(tmp_path / "image.png"))
    with pytest.raises(GeometryError, match="3 values a voxel"):
        read_image_mask(tmp_path / "image.png", tmp_path / "image.png")


@pytest.mark.parametrize("suffix", [".nrrd", ".mha"])
def test_a_header_that_promises_more_than_memory_holds(tmp_path, suffix):
    write_volume(tmp_path / f"image{suffix}", np.zeros(SHAPE, np.int16), SPACING)
    raw = (tmp_path / f"image{suffix}").read_bytes()
    assert raw.count(b"10 8 6") == 1
    (tmp_path / f"image{suffix}").write_bytes(raw.replace(b"10 8 6", b"100000 80000 60000"))
    with pytest.raises(ImageReadError, match=r"truncated, damaged|promises 480000000000000 voxels"):
        read_image_mask(tmp_path / f"image{suffix}", tmp_path / f"image{suffix}")
