"""Reading only what lies around a region: the same as reading everything and cutting."""

from __future__ import annotations

import ast
import gzip
import struct
import zlib
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from test_damaged_files import in_its_own_process, mutants

from causalimg.errors import CausalImgError, GeometryError, ImageReadError, InvalidInputError
from causalimg.imaging import near_region, planes
from causalimg.imaging.read import read_image_mask
from causalimg.imaging.volume import ImageMask, cut
from causalimg.imaging.voxel_layout import voxel_layout
from causalimg.imaging.window import Reach

SHAPE = (9, 12, 11)
REACH = Reach(voxels=1)
TURNED = (0.0, -1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0)
TILTED = (0.6, 0.0, 0.8, 0.0, 1.0, 0.0, -0.8, 0.0, 0.6)
DTYPES = ("i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f4", "f8")


def region() -> np.ndarray:
    mask = np.zeros(SHAPE, dtype=np.uint8)
    mask[3:5, 4:7, 2:8] = 2
    mask[5, 5, 5] = 2
    return mask


def noise(dtype: str = "i2") -> np.ndarray:
    return np.random.default_rng(0).integers(0, 120, SHAPE).astype(dtype)


def save(
    path: Path, array: np.ndarray, *, direction: tuple[float, ...] = TILTED, packed: bool = False
) -> Path:
    import SimpleITK

    image = SimpleITK.GetImageFromArray(array)
    image.SetSpacing((0.7, 1.3, 2.1))
    image.SetOrigin((-10.1, 7.7, 1003.3))
    image.SetDirection(direction)
    SimpleITK.WriteImage(image, str(path), useCompression=packed)
    return path


def near_and_whole(
    image: Path, mask: Path, reach: Reach = REACH, label: int | None = None
) -> tuple[ImageMask | None, ImageMask]:
    """Read in part (None where that is left to the reader of whole files), and whole and cut."""
    whole = read_image_mask(image, mask, label=label)
    window = reach.window(whole.bounds(), whole.image.shape, whole.spacing)
    near = near_region.read_near(
        image, mask, reach=reach, case_id="", where="mask", label=label, tolerance=1e-4
    )
    return near, cut(whole, window)


def assert_equal(near: ImageMask | None, whole: ImageMask) -> None:
    assert near is not None
    np.testing.assert_array_equal(near.image, whole.image)
    assert near.image.dtype == whole.image.dtype
    np.testing.assert_array_equal(near.mask, whole.mask)
    for name in ("spacing", "origin", "direction", "label"):
        assert getattr(near, name) == getattr(whole, name)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("suffix", [".nii", ".nii.gz", ".nrrd", ".nhdr", ".mha", ".mhd"])
def test_every_format(tmp_path, suffix, packed):
    mask = save(tmp_path / f"mask{suffix}", region(), packed=packed)
    for dtype in DTYPES:
        image = save(tmp_path / f"image{suffix}", noise(dtype), packed=packed)
        assert_equal(*near_and_whole(image, mask))


@pytest.mark.parametrize("direction", [TURNED, TILTED, (-1.0, 0, 0, 0, -1.0, 0, 0, 0, 1.0)])
@pytest.mark.parametrize("suffix", [".nii.gz", ".nrrd", ".mha"])
def test_orientations(tmp_path, suffix, direction):
    image = save(tmp_path / f"image{suffix}", noise(), direction=direction, packed=True)
    mask = save(tmp_path / f"mask{suffix}", region(), direction=direction)
    assert_equal(*near_and_whole(image, mask))


@pytest.mark.parametrize("reach", [
    Reach(), Reach(voxels=50), Reach(length=3.0), Reach(wrapping=3), Reach(wrapping=4),
    Reach(voxels=1, length=2.0, wrapping=2),
])  # fmt: skip
def test_reaches(tmp_path, reach):
    image, mask = (
        save(tmp_path / "i.nrrd", noise(), packed=True),
        save(tmp_path / "m.nii", region()),
    )
    near, whole = near_and_whole(image, mask, reach)
    assert_equal(near, whole)


def test_labels_are_chosen_in_the_same_way(tmp_path):
    labels = region()
    labels[0, 0, 0], labels[8, 11, 10] = 5, 7
    image, mask = save(tmp_path / "i.mha", noise()), save(tmp_path / "m.nrrd", labels, packed=True)
    for label in (2, 5, 7):
        near, whole = near_and_whole(image, mask, label=label)
        assert_equal(near, whole)
        assert near is not None
        assert near.label == label
    for label in (None, 3):
        messages = []
        for reach in (None, REACH):
            with pytest.raises(GeometryError) as error:
                read_image_mask(image, mask, case_id="p1", label=label, reach=reach)
            messages.append(str(error.value))
        assert messages[0] == messages[1]
    save(mask, 0 * region())
    with pytest.raises(GeometryError, match="case 'p1', column 'mask': the mask is empty"):
        read_image_mask(image, mask, case_id="p1", reach=REACH)


@pytest.mark.parametrize("encoding", ["raw", "gzip"])
@pytest.mark.parametrize("dtype", [">i2", ">f4", ">u4", "<f8"])
def test_nrrd_written_by_hand(tmp_path, dtype, encoding):
    array = noise(dtype)
    name = {"i2": "short", "f4": "float", "u4": "unsigned int", "f8": "double"}[dtype[1:]]
    order = "big" if dtype[0] == ">" else "little"
    header = (
        f"NRRD0004\n# a comment\ntype: {name}\ndimension: 3\nspace: right-anterior-superior\n"
        f"sizes: 11 12 9\nspace directions: (0,1.5,0) (0.5,0,0) (0,0,2)\nkinds: space space space\n"
        f"endian: {order}\nencoding: {encoding}\nspace origin: (1,2,3)\nmodality:=MR\n\n"
    ).encode()
    image, mask = tmp_path / "image.nrrd", tmp_path / "mask.nrrd"
    body = array.tobytes() if encoding == "raw" else gzip.compress(array.tobytes())
    image.write_bytes(header + body)
    mask.write_bytes(header + (body if encoding == "raw" else gzip.compress(
        region().astype(dtype).tobytes())))  # fmt: skip
    if encoding == "raw":
        mask.write_bytes(header + region().astype(dtype).tobytes())
    assert_equal(*near_and_whole(image, mask))


def nifti(
    array: np.ndarray, *, slope: float = 1.0, intercept: float = 0.0, sform: int = 1
) -> bytes:
    """Return a NIfTI-1 file, its header packed by hand, in the byte order of the array."""
    order = ">" if array.dtype.byteorder == ">" else "<"
    code = {"i2": 4, "f4": 16, "u2": 512}[array.dtype.str[1:]]
    header = bytearray(352)
    struct.pack_into(order + "i", header, 0, 348)
    struct.pack_into(order + "8h", header, 40, 3, *array.shape[::-1], 1, 1, 1, 1)
    struct.pack_into(order + "2h", header, 70, code, 8 * array.dtype.itemsize)
    struct.pack_into(order + "8f", header, 76, 1, 0.7, 1.3, 2.1, 0, 0, 0, 0)
    struct.pack_into(order + "3f", header, 108, 352, slope, intercept)
    struct.pack_into(order + "2h", header, 252, 1, sform)
    struct.pack_into(order + "6f", header, 256, 0.1, 0.2, 0.3, 4, 5, 6)
    rows = ((0.7, 0, 0, 4), (0, 1.3, 0, 5), (0, 0, 2.1, 6))
    struct.pack_into(order + "12f", header, 280, *(value for row in rows for value in row))
    header[344:348] = b"n+1\0"
    return bytes(header) + array.tobytes()


@pytest.mark.parametrize("dtype", [">i2", "<i2", ">f4", "<u2"])
@pytest.mark.parametrize("sform", [0, 1])
def test_nifti_written_by_hand(tmp_path, dtype, sform):
    image, mask = tmp_path / "image.nii.gz", tmp_path / "mask.nii"
    image.write_bytes(gzip.compress(nifti(noise(dtype), sform=sform)))
    mask.write_bytes(nifti(region().astype(dtype), sform=sform))
    assert_equal(*near_and_whole(image, mask))


@pytest.mark.parametrize(("slope", "intercept"), [(2.0, 0.0), (1.0, -1024.0), (0.0, 5.0)])
def test_scaled_nifti_is_left_to_simpleitk(tmp_path, slope, intercept):
    image, mask = tmp_path / "image.nii", tmp_path / "mask.nii"
    image.write_bytes(nifti(noise("<i2"), slope=slope, intercept=intercept))
    mask.write_bytes(nifti(region().astype("<i2")))
    near, whole = near_and_whole(image, mask)
    assert near is None
    assert_equal(read_image_mask(image, mask, reach=REACH), whole)


def test_nan_and_infinity(tmp_path):
    array = noise("f4")
    array[0, 0, 0], array[3, 3, 2], array[8, 1, 1] = np.nan, np.inf, -np.inf
    mask = save(tmp_path / "mask.nii", region())
    for suffix in (".nii.gz", ".nrrd"):
        image = save(tmp_path / f"image{suffix}", array)
        near, whole = near_and_whole(image, mask)
        assert_equal(near, whole)
        assert np.isinf(whole.image).any()
    array[3, 4, 2:4] = np.nan
    save(image, array)
    with pytest.raises(InvalidInputError, match=r"column 'image': 2 of 37 voxels .* NaN or infin"):
        read_image_mask(image, mask, case_id="p1", reach=REACH)


def test_what_is_not_plain_is_read_whole_and_cut(tmp_path):
    import SimpleITK

    plane, flat = tmp_path / "plane.nrrd", tmp_path / "flat.nrrd"
    SimpleITK.WriteImage(SimpleITK.GetImageFromArray(noise()[4]), str(plane))
    SimpleITK.WriteImage(SimpleITK.GetImageFromArray(region()[4]), str(flat))
    near, whole = near_and_whole(plane, flat)
    assert near is None
    assert_equal(read_image_mask(plane, flat, reach=REACH), whole)
    image, mask = save(tmp_path / "i.nrrd", noise()), save(tmp_path / "m.nrrd", region())
    raw = image.read_bytes()
    image.write_bytes(raw.replace(b"encoding: raw", b"byte skip: 0\nencoding: raw"))
    near, whole = near_and_whole(image, mask)
    assert near is None
    assert_equal(read_image_mask(image, mask, reach=REACH), whole)


def test_a_mask_on_another_grid_is_refused_or_resampled_as_before(tmp_path):
    image, mask = save(tmp_path / "i.nii", noise()), tmp_path / "m.nii"
    save(mask, region(), direction=(1.0, 0, 0, 0, 1.0, 0, 0, 0, 1.0))
    with pytest.raises(GeometryError, match="the mask's direction is"):
        read_image_mask(image, mask, case_id="p1", reach=REACH)
    save(mask, region()[:, 1:-1, 1:-1].copy())
    whole = read_image_mask(image, mask, resample_mask=True)
    window = REACH.window(whole.bounds(), SHAPE, whole.spacing)
    near = read_image_mask(image, mask, resample_mask=True, reach=REACH)
    assert_equal(near, cut(whole, window))


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz", ".nrrd", ".mha"])
@pytest.mark.parametrize("share", [0.0, 0.1, 0.6, 0.95])
def test_a_truncated_file_is_refused(tmp_path, capfd, suffix, share):
    image = save(tmp_path / f"image{suffix}", noise(), packed=True)
    mask = save(tmp_path / f"mask{suffix}", region())
    whole = image.read_bytes()
    image.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(ImageReadError, match=r"case 'p1', column 'image': image\..*"):
        read_image_mask(image, mask, case_id="p1", reach=REACH)
    assert capfd.readouterr().err == ""


def test_the_checksum_is_compared_where_the_last_slice_is_needed(tmp_path):
    image, mask = save(tmp_path / "i.nii", noise()), tmp_path / "m.nii.gz"
    save(mask, region())
    raw = bytearray(mask.read_bytes())
    raw[-8] ^= 1
    mask.write_bytes(bytes(raw))
    layout = voxel_layout(mask)
    assert layout is not None
    assert len(list(planes.planes(layout, 0, 8))) == 8
    with pytest.raises(planes.BrokenStream):
        list(planes.planes(layout, 0, 9))
    assert near_region.read_near(
        image, mask, reach=REACH, case_id="", where="m", label=None, tolerance=1e-4
    ) is None  # fmt: skip


def test_gzip_in_several_members_is_read(tmp_path):
    image, mask = tmp_path / "i.nii.gz", save(tmp_path / "m.nii", region())
    raw = save(tmp_path / "i.nii", noise()).read_bytes()
    image.write_bytes(gzip.compress(raw[:500]) + gzip.compress(raw[500:]))
    scan = read_image_mask(image, mask, reach=REACH)
    np.testing.assert_array_equal(scan.image, noise()[2:7, 3:8, 1:9])


def test_both_libraries_inflate_to_the_same_bytes(tmp_path, monkeypatch):
    array = np.random.default_rng(1).integers(-900, 900, (7, 300, 200)).astype("i2")
    layout = voxel_layout(save(tmp_path / "big.nrrd", array, packed=True))
    assert layout is not None
    found = []
    fast = planes._inflater()
    for inflater in (fast, (zlib.decompressobj, (zlib.error,))):
        monkeypatch.setattr(planes, "_inflater", lambda chosen=inflater: chosen)
        found.append([bytes(held) for held in planes.planes(layout, 2, 7)])
    assert found[0] == found[1] == [plane.tobytes() for plane in array[2:]]


@pytest.mark.parametrize("name", ["../voxels.raw", "/etc/hosts", "LIST", "a b.raw", "v%03d.raw"])
def test_a_header_may_only_name_a_file_beside_it(tmp_path, name):
    header = save(tmp_path / "i.mhd", noise())
    text = header.read_text().replace("ElementDataFile = i.raw", f"ElementDataFile = {name}")
    assert name in text
    header.write_text(text)
    assert voxel_layout(header) is None


@pytest.mark.parametrize("said", ["BinaryFata = True", "BinaryData = False"])
@pytest.mark.parametrize("reach", [REACH, None])
def test_voxels_that_would_be_read_as_text_are_refused(tmp_path, said, reach):
    mask = save(tmp_path / "mask.mha", region())
    for packed in (True, False):
        image = save(tmp_path / "image.mha", noise(), packed=packed)
        raw = image.read_bytes()
        image.write_bytes(raw.replace(b"BinaryData = True", said.encode(), 1))
        assert image.read_bytes() != raw
        with pytest.raises(ImageReadError, match="does not say BinaryData = True"):
            read_image_mask(image, mask, reach=reach)


@pytest.mark.parametrize("reach", [REACH, None])
def test_a_broken_stream_behind_a_broken_header_is_refused(tmp_path, reach):
    mask = save(tmp_path / "mask.mha", region())
    image = save(tmp_path / "image.mha", noise(), packed=True)
    raw = image.read_bytes()
    header = raw.replace(b"ByteOrderMSB", b"Byt\xff\xff\xff\xff\xff\xffMSB", 1)
    image.write_bytes(header)
    read_image_mask(image, mask, reach=reach)  # a field that nothing needs
    data = bytearray(header)
    data[-400:-398] = b"\xff\xff"
    image.write_bytes(bytes(data))
    with pytest.raises(ImageReadError, match="compressed voxels cannot be unpacked"):
        read_image_mask(image, mask, reach=reach)


def damaged(folder: Path, suffix: str, n: int, seed: int) -> Counter[str]:
    """Read damaged files both ways: never a different result where both give one."""
    image = save(folder / f"image{suffix}", noise("f4" if "nii" in suffix else "i2"), packed=True)
    mask = save(folder / f"mask{suffix}", region(), packed=True)
    found: Counter[str] = Counter()
    for target in (image, mask):
        raw = target.read_bytes()
        for data in mutants(raw, n, seed):
            target.write_bytes(data)
            results: list[ImageMask | str] = []
            for reach in (REACH, None):
                try:
                    results.append(read_image_mask(image, mask, case_id="p1", reach=reach))
                except CausalImgError as error:
                    results.append(type(error).__name__)
            near, whole = results
            if isinstance(near, ImageMask) and isinstance(whole, ImageMask):
                window = REACH.window(whole.bounds(), whole.image.shape, whole.spacing)
                assert_equal(near, cut(whole, window))
            found["/".join("read" if isinstance(x, ImageMask) else x for x in results)] += 1
        target.write_bytes(raw)
    return found


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz", ".nrrd", ".mha"])
def test_damaged_files(tmp_path, suffix):
    call = f"here.damaged(Path(sys.argv[1]), {suffix!r}, 100, 5)"
    said = in_its_own_process(call, tmp_path, module="test_near_region")
    found = ast.literal_eval(said)
    assert found.pop("ImageReadError/ImageReadError")
    # one way only: what was damaged beyond the last slice needed is not seen, or not the checksum
    assert all(key == "read/ImageReadError" or len(set(key.split("/"))) == 1 for key in found)
    assert (suffix == ".nii.gz") != ("read/read" in found)  # a damaged gzip header is never read
