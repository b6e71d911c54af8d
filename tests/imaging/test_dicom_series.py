import builtins
import sys

import numpy as np
import pytest

pydicom = pytest.importorskip("pydicom")

from dicom_maker import (  # noqa: E402
    AXIAL,
    FRAME,
    ORIGIN,
    SHAPE,
    SPACING,
    STUDY,
    make_enhanced,
    make_rtstruct,
    make_series,
    noise,
    ring,
    save,
    set_pixels,
)  # fmt: skip
from pydicom.uid import (  # noqa: E402
    MPEG2MPML,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGLSLossless,
    RLELossless,
    generate_uid,
)

from causalimg.errors import (  # noqa: E402
    GeometryError,
    ImageReadError,
    InvalidInputError,
    MissingDependencyError,
    UnknownNameError,
)
from causalimg.imaging.dicom_series import list_series  # noqa: E402
from causalimg.imaging.read import read_image_mask, read_volume  # noqa: E402
from causalimg.imaging.sources import source_files  # noqa: E402
from causalimg.imaging.write import write_volume  # noqa: E402

OBLIQUE = ((0.8, 0.6, 0.0), (0.0, 0.0, -1.0))


def rewrite(path, **values):
    """Change elements of a file; None removes one."""
    dataset = pydicom.dcmread(path)
    for keyword, value in values.items():
        if value is None:
            del dataset[keyword]
        else:
            setattr(dataset, keyword, value)
    dataset.save_as(path)


@pytest.mark.parametrize("axes", [AXIAL, OBLIQUE, ((0, 1, 0), (0, 0, -1))])
def test_a_series_is_read_in_the_order_of_its_positions(tmp_path, axes):
    make_series(tmp_path, axes=axes)
    volume = read_volume(tmp_path)
    np.testing.assert_array_equal(volume.array, noise())
    assert volume.array.dtype == np.int16
    assert volume.grid.spacing == pytest.approx(SPACING)
    assert volume.grid.origin == pytest.approx(ORIGIN)
    row, column = np.asarray(axes, float)
    np.testing.assert_allclose(
        np.asarray(volume.grid.direction).T, [row, column, np.cross(row, column)], atol=1e-12
    )
    assert volume.frame_of_reference == FRAME


@pytest.mark.parametrize("axes", [AXIAL, OBLIQUE])
def test_agrees_with_simpleitk(tmp_path, axes):
    import SimpleITK

    make_series(tmp_path, slope=2, intercept=-1024, axes=axes)
    reader = SimpleITK.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(tmp_path)))
    theirs = reader.Execute()
    ours = read_volume(tmp_path)
    np.testing.assert_array_equal(ours.array, SimpleITK.GetArrayFromImage(theirs))
    assert ours.grid.spacing[::-1] == pytest.approx(theirs.GetSpacing())
    assert ours.grid.origin == pytest.approx(theirs.GetOrigin())
    np.testing.assert_allclose(np.ravel(ours.grid.direction), theirs.GetDirection(), atol=1e-9)


@pytest.mark.parametrize(
    "syntax",
    [
        ImplicitVRLittleEndian,
        ExplicitVRLittleEndian,
        ExplicitVRBigEndian,
        DeflatedExplicitVRLittleEndian,
    ],
)
@pytest.mark.parametrize("dtype", [np.int16, np.uint16])
def test_syntaxes_and_signs(tmp_path, syntax, dtype):
    image = noise(low=0, high=60000 if dtype is np.uint16 else 30000)
    image = np.random.default_rng(2).integers(0, 60000, SHAPE).astype(dtype)
    make_series(tmp_path, image, syntax=syntax)
    volume = read_volume(tmp_path)
    np.testing.assert_array_equal(volume.array, image)
    assert volume.array.dtype == dtype


def test_any_file_stands_for_its_series(tmp_path):
    paths = make_series(tmp_path)
    make_series(tmp_path, 2 * noise(), uid="other", name="other")
    np.testing.assert_array_equal(read_volume(paths[3]).array, noise())
    assert source_files(paths[3]) == tuple(sorted(paths))


def test_values_are_rescaled_slice_by_slice(tmp_path):
    slopes = [1, 2, 3, 1, 1, 0.5]
    make_series(tmp_path, slope=slopes, intercept=[0, -5, 0, 0.25, 7, 1])
    volume = read_volume(tmp_path)
    wanted = noise() * np.reshape(slopes, (6, 1, 1)) + np.reshape([0, -5, 0, 0.25, 7, 1], (6, 1, 1))
    np.testing.assert_array_equal(volume.array, wanted)
    assert volume.array.dtype == np.float32


def test_whole_numbers_stay_whole_in_a_type_that_holds_them(tmp_path):
    make_series(tmp_path / "a", noise(low=0, high=4000), intercept=-1024)
    assert read_volume(tmp_path / "a").array.dtype == np.int16
    make_series(tmp_path / "b", noise(), slope=100)
    volume = read_volume(tmp_path / "b")
    assert volume.array.dtype == np.int32
    np.testing.assert_array_equal(volume.array, 100 * noise().astype(int))


def test_an_enhanced_multi_frame_object(tmp_path):
    make_enhanced(tmp_path / "enhanced.dcm", noise())
    volume = read_volume(tmp_path / "enhanced.dcm")
    np.testing.assert_array_equal(volume.array, 2 * noise() - 5)
    assert volume.grid.spacing == SPACING
    assert volume.grid.origin == ORIGIN


def test_one_slice_is_as_thick_as_its_header_says(tmp_path):
    make_series(tmp_path, noise((1, 12, 10)))
    volume = read_volume(tmp_path)
    assert volume.array.shape == (1, 12, 10)
    assert volume.grid.spacing == SPACING


def test_a_radiograph_has_no_position(tmp_path):
    (path,) = make_series(tmp_path, noise((1, 12, 10)))
    rewrite(
        path,
        ImagePositionPatient=None,
        ImageOrientationPatient=None,
        PixelSpacing=None,
        SliceThickness=None,
    )
    rewrite(path, ImagerPixelSpacing=[0.2, 0.1])
    volume = read_volume(path)
    assert volume.grid.spacing == (1.0, 0.2, 0.1)
    assert volume.grid.origin == (0.0, 0.0, 0.0)


def test_other_objects_and_files_in_the_folder_are_passed_over(tmp_path):
    paths = make_series(tmp_path)
    make_rtstruct(tmp_path / "rs.dcm", {"GTV": [ring(0, 0, 0, radius=1)]})
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / ".hidden.dcm").write_text("x")
    (tmp_path / "DICOMDIR").write_text("x")
    (tmp_path / "README").write_text("not DICOM at all")
    assert source_files(tmp_path) == tuple(sorted(paths))
    assert read_volume(tmp_path).array.shape == SHAPE


def test_files_without_suffix_or_preamble_are_found(tmp_path):
    for k, path in enumerate(make_series(tmp_path, syntax=ImplicitVRLittleEndian)):
        raw = path.read_bytes()
        path.unlink()
        (tmp_path / f"1.2.840.{k}").write_bytes(raw if k % 2 else raw[132:])
    np.testing.assert_array_equal(read_volume(tmp_path).array, noise())


def test_several_series_are_listed_and_one_is_chosen(tmp_path):
    make_series(tmp_path, header={"SeriesDescription": "secret words"})
    make_series(tmp_path, noise((3, 4, 5)), modality="MR", uid="other", name="other")
    one, other = generate_uid(entropy_srcs=["series"]), generate_uid(entropy_srcs=["other"])
    with pytest.raises(GeometryError) as caught:
        read_volume(tmp_path, where="case 'p1', column 'image'")
    message = str(caught.value)
    assert message.startswith("case 'p1', column 'image': ")
    assert "holds 2 series; say which one, in the column 'series_uid' or with series=" in message
    assert f"{one} (CT, 6 slices, pixels of 0.8 x 0.8 mm, every 3 mm)" in message
    assert f"{other} (MR, 3 slices" in message
    assert "secret" not in message
    assert read_volume(tmp_path, series=other).array.shape == (3, 4, 5)
    assert len(source_files(tmp_path, series=other)) == 3
    with pytest.raises(UnknownNameError, match=f"no series '{other[:-1]}'; did you mean '{other}'"):
        read_volume(tmp_path, series=other[:-1])
    assert list(list_series(tmp_path, where="x")) == sorted([one, other])


@pytest.mark.parametrize("lost", [[2], [1, 2], [1, 3]])
def test_a_missing_slice_is_named_by_its_position(tmp_path, lost):
    paths = make_series(tmp_path, noise((8, 12, 10)))
    for k in lost:
        paths[k].unlink()
    before, after = 100 + 3 * (lost[0] - 1), 103 + 3 * lost[0]
    if lost == [1, 2]:
        after += 3
    with pytest.raises(
        GeometryError,
        match=rf"{len(lost)} of 8 slices missing: none between {before} and {after} mm along",
    ):
        read_volume(tmp_path)


def test_slices_at_uneven_distances(tmp_path):
    paths = make_series(tmp_path)
    rewrite(paths[5], ImagePositionPatient=[*ORIGIN[:2], 116.2])
    with pytest.raises(
        GeometryError, match=r"not evenly spaced: 3 mm apart, but 4.2 mm between slice_"
    ):
        read_volume(tmp_path)
    rewrite(paths[5], ImagePositionPatient=[*ORIGIN[:2], 115.25])
    with pytest.raises(GeometryError, match=r"mm from its place in an even stack .* slice_tol"):
        read_volume(tmp_path)
    assert read_volume(tmp_path, slice_tolerance=0.1).grid.spacing[0] == pytest.approx(3.05)
    rewrite(paths[5], ImagePositionPatient=[*ORIGIN[:2], 115.02])
    read_volume(tmp_path)


def test_mixed_orientations(tmp_path):
    paths = make_series(tmp_path)
    rewrite(paths[0], ImageOrientationPatient=[0, 1, 0, 0, 0, -1])
    with pytest.raises(
        GeometryError, match=r"mixes 2 orientations \(.*5 slices with \(1, 0, 0, 0, 1, 0\)"
    ):
        read_volume(tmp_path)


def test_mixed_sizes_and_pixel_spacings(tmp_path):
    paths = make_series(tmp_path)
    rewrite(paths[0], PixelSpacing=[0.8, 0.9])
    with pytest.raises(GeometryError, match="mixes pixel spacings"):
        read_volume(tmp_path)
    dataset = pydicom.dcmread(paths[0])
    set_pixels(dataset, noise((1, 12, 11))[0])
    save(dataset, paths[0])
    with pytest.raises(GeometryError, match=r"mixes sizes \(.*11 x 12"):
        read_volume(tmp_path)


def test_two_slices_at_one_position(tmp_path):
    make_series(tmp_path)
    make_series(tmp_path, name="echo", header={"EchoTime": "80"})
    for k, path in enumerate(sorted(tmp_path.glob("echo*"))):
        rewrite(path, SOPInstanceUID=generate_uid(entropy_srcs=["echo", str(k)]))
    with pytest.raises(GeometryError, match=r"two slices lie at 100 mm .*; 6 positions .* echoes"):
        read_volume(tmp_path)


def test_a_copied_file(tmp_path):
    paths = make_series(tmp_path)
    (tmp_path / "copy.dcm").write_bytes(paths[0].read_bytes())
    with pytest.raises(GeometryError, match=r"are the same image twice; remove the copy"):
        read_volume(tmp_path)


def test_a_sheared_stack(tmp_path):
    paths = make_series(tmp_path)
    for k, path in enumerate(paths):
        rewrite(path, ImagePositionPatient=[ORIGIN[0], ORIGIN[1] + k, ORIGIN[2] + 3 * k])
    with pytest.raises(GeometryError, match=r"sheared \(gantry tilt\).* by up to 6.2 pixels"):
        read_volume(tmp_path)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"PixelSpacing": None}, "mixes pixel spacings"),
        ({"ImagePositionPatient": None}, "has no ImagePositionPatient"),
        ({"ImageOrientationPatient": [0, 0, 0, 0, 0, 0]}, "orientations"),
        ({"SamplesPerPixel": 3}, "is a colour image"),
        ({"RescaleSlope": "0"}, "RescaleSlope of 0"),
        ({"NumberOfFrames": "3"}, "holds 3 frames without a position"),
    ],
)
def test_headers_that_cannot_be_used(tmp_path, values, message):
    rewrite(make_series(tmp_path)[2], **values)
    with pytest.raises((GeometryError, ImageReadError), match=message):
        read_volume(tmp_path)


def test_a_folder_without_images(tmp_path):
    with pytest.raises(ImageReadError, match=r"no DICOM image in the folder .*it holds no files"):
        read_volume(tmp_path)
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / "inner").mkdir()
    make_series(tmp_path / "inner")
    with pytest.raises(ImageReadError, match="subfolders are not looked at"):
        read_volume(tmp_path)
    make_rtstruct(tmp_path / "rs.dcm", {"GTV": [ring(0, 0, 0, radius=1)]})
    with pytest.raises(ImageReadError, match=r"\(1 RTSTRUCT; subfolders"):
        read_volume(tmp_path)
    with pytest.raises(ImageReadError, match="is a DICOM RTSTRUCT object, not an image"):
        read_volume(tmp_path / "rs.dcm")


def test_a_truncated_slice_is_named(tmp_path):
    path = make_series(tmp_path)[4]
    whole = path.read_bytes()
    for share in (0.0, 0.05, 0.3, 0.9):
        path.write_bytes(whole[: int(share * len(whole))])
        with pytest.raises(ImageReadError, match=path.name):
            read_volume(tmp_path)


def test_a_series_is_asked_of_what_is_not_dicom(tmp_path):
    write_volume(tmp_path / "a.nii", noise(), SPACING)
    with pytest.raises(InvalidInputError, match=r"a series was asked for, and a\.nii is not DICOM"):
        read_volume(tmp_path / "a.nii", series="1.2.3")


def compress(path, suffix):
    """Compress the pixels of a file; JPEG by SimpleITK's encoder, as pydicom has none."""
    import SimpleITK

    dataset = pydicom.dcmread(path)
    if suffix in ("RLE", "JPEGLS"):
        dataset.compress(RLELossless if suffix == "RLE" else JPEGLSLossless)
        dataset.save_as(path)
        return
    image = SimpleITK.GetImageFromArray(dataset.pixel_array[None])
    other = path.with_name("encoded.tmp.dcm")
    writer = SimpleITK.ImageFileWriter()
    writer.SetUseCompression(True)
    writer.SetCompressor(suffix)
    writer.SetFileName(str(other))
    writer.Execute(image)
    encoded = pydicom.dcmread(other)
    other.unlink()
    dataset.PixelData = encoded.PixelData
    dataset["PixelData"].is_undefined_length = True
    dataset.file_meta.TransferSyntaxUID = encoded.file_meta.TransferSyntaxUID
    dataset.save_as(path)


@pytest.mark.parametrize("suffix", ["RLE", "JPEG", "JPEG2000", "JPEGLS"])
def test_compressed_pixels_are_decoded(tmp_path, suffix):
    if suffix == "JPEGLS":
        pytest.importorskip("jpeg_ls")
    image = noise((3, 64, 64))  # encoders break down on tiny images
    for path in make_series(tmp_path, image, slope=2, intercept=-1000):
        compress(path, suffix)
        assert pydicom.dcmread(path).file_meta.TransferSyntaxUID.is_compressed
    np.testing.assert_array_equal(read_volume(tmp_path).array, 2 * image - 1000)


def test_a_compression_that_nothing_decodes_is_named_with_what_to_install(tmp_path):
    path = make_series(tmp_path, noise((3, 64, 64)))[1]
    compress(path, "JPEG2000")
    dataset = pydicom.dcmread(path)
    dataset.file_meta.TransferSyntaxUID = MPEG2MPML
    dataset.save_as(path)
    with pytest.raises(
        ImageReadError,
        match=r"slice_\d+\.dcm is compressed \(MPEG2.*nothing installed decodes.*pip install pyl",
    ):
        read_volume(tmp_path)


def test_without_pydicom_the_command_is_given(tmp_path, monkeypatch):
    path = make_series(tmp_path)[0]
    write_volume(tmp_path / "mask.nii", np.ones(SHAPE, np.uint8), SPACING)
    original = builtins.__import__

    def refusing(name, *rest, **named):
        if name.split(".")[0] == "pydicom":
            raise ImportError("No module named 'pydicom'")
        return original(name, *rest, **named)

    monkeypatch.setattr(builtins, "__import__", refusing)
    monkeypatch.delitem(sys.modules, "pydicom", raising=False)
    for given in (tmp_path, path):
        with pytest.raises(
            MissingDependencyError, match=r"case 'p1', column 'image'.*causalimg\[dicom\]"
        ):
            read_image_mask(given, tmp_path / "mask.nii", case_id="p1")
    assert len(source_files(tmp_path)) == 7


def test_the_study_is_not_needed(tmp_path):
    paths = make_series(tmp_path)
    assert STUDY
    for path in paths:
        rewrite(path, StudyInstanceUID=None, FrameOfReferenceUID=None)
    assert read_volume(tmp_path).frame_of_reference == ""
