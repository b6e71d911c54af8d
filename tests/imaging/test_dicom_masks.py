import numpy as np
import pytest

pydicom = pytest.importorskip("pydicom")

from dicom_maker import (  # noqa: E402
    FRAME,
    ORIGIN,
    SHAPE,
    SPACING,
    make_rtstruct,
    make_seg,
    make_series,
    noise,
)  # fmt: skip
from pydicom.uid import generate_uid  # noqa: E402

from causalimg.errors import (  # noqa: E402
    GeometryError,
    ImageReadError,
    InvalidInputError,
    UnknownNameError,
)
from causalimg.imaging.read import read_image_mask, read_volume  # noqa: E402
from causalimg.imaging.write import write_volume  # noqa: E402

ELSEWHERE = generate_uid(entropy_srcs=["elsewhere"])


def region() -> np.ndarray:
    mask = np.zeros(SHAPE, dtype=bool)
    mask[2:4, 3:7, 2:6] = True
    mask[2, 4, 4] = False
    return mask


def node() -> np.ndarray:
    mask = np.zeros(SHAPE, dtype=bool)
    mask[5, 9:11, 8] = True
    return mask


def box(z: float, low: float, high: float) -> np.ndarray:
    """Return the corners of a square from pixel ``low`` to pixel ``high`` of the slice at z."""
    x0, y0 = ORIGIN[0] + 0.8 * np.array([low, high]), ORIGIN[1] + 0.8 * np.array([low, high])
    return np.array([[x0[0], y0[0], z], [x0[1], y0[0], z], [x0[1], y0[1], z], [x0[0], y0[1], z]])


@pytest.fixture
def images(tmp_path):
    return make_series(tmp_path / "ct")


# --- segmentation objects ---------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["BINARY", "FRACTIONAL", "LABELMAP"])
def test_a_segment_is_chosen_by_label_or_number(tmp_path, images, kind):
    pytest.importorskip("highdicom")
    seg = tmp_path / "seg.dcm"
    make_seg(seg, images, {"GTV": region(), "Node": node()}, kind=kind)
    for chosen in ({"roi": "GTV"}, {"label": 1}, {"roi": "GTV", "label": 1}):
        scan = read_image_mask(tmp_path / "ct", seg, **chosen)
        np.testing.assert_array_equal(scan.mask, region())
        assert scan.label == 1
    np.testing.assert_array_equal(read_image_mask(tmp_path / "ct", seg, roi="Node").mask, node())
    with pytest.raises(GeometryError, match=r"holds 2 of them; say which segment, in the column"):
        read_image_mask(tmp_path / "ct", seg)
    with pytest.raises(UnknownNameError, match=r"no segment named 'gtv' .*did you mean 'GTV'"):
        read_image_mask(tmp_path / "ct", seg, roi="gtv")
    with pytest.raises(GeometryError, match=r"no segment number 3 .*there are: 1 'GTV', 2 'Node'"):
        read_image_mask(tmp_path / "ct", seg, label=3)
    with pytest.raises(GeometryError, match=r"has the numbers \[1\], not 2"):
        read_image_mask(tmp_path / "ct", seg, roi="GTV", label=2)


def test_the_only_segment_is_taken_and_a_folder_may_hold_it(tmp_path, images):
    pytest.importorskip("highdicom")
    (tmp_path / "mask").mkdir()
    make_seg(tmp_path / "mask" / "seg.dcm", images, {"GTV": region()})
    np.testing.assert_array_equal(
        read_image_mask(tmp_path / "ct", tmp_path / "mask").mask, region()
    )
    with pytest.raises(ImageReadError, match=r"column 'mask': the folder ct holds 6 DICOM files"):
        read_image_mask(tmp_path / "ct", tmp_path / "ct")
    with pytest.raises(ImageReadError, match="is a DICOM object of modality CT, not a mask"):
        read_image_mask(tmp_path / "ct", images[0])


def test_frames_whose_bits_do_not_fill_bytes(tmp_path):
    pytest.importorskip("highdicom")
    shape = (5, 7, 9)
    mask = np.random.default_rng(0).random(shape) < 0.4
    images = make_series(tmp_path / "ct", noise(shape))
    make_seg(tmp_path / "seg.dcm", images, {"GTV": mask})
    np.testing.assert_array_equal(read_image_mask(tmp_path / "ct", tmp_path / "seg.dcm").mask, mask)


def test_a_probability_map_is_refused(tmp_path, images):
    pytest.importorskip("highdicom")
    make_seg(tmp_path / "seg.dcm", images, {"GTV": region()}, kind="FRACTIONAL", fraction=0.5)
    with pytest.raises(GeometryError, match=r"seg.dcm is a probability map"):
        read_image_mask(tmp_path / "ct", tmp_path / "seg.dcm")


def test_a_segment_on_another_frame_of_reference(tmp_path, images):
    pytest.importorskip("highdicom")
    make_seg(tmp_path / "seg.dcm", images, {"GTV": region()}, frame=ELSEWHERE)
    with pytest.raises(
        GeometryError, match=r"case 'p1', column 'mask': seg.dcm lies in another frame of reference"
    ):
        read_image_mask(tmp_path / "ct", tmp_path / "seg.dcm", case_id="p1")


def test_a_segment_of_part_of_the_slices_and_of_a_larger_image(tmp_path, images):
    pytest.importorskip("highdicom")
    make_seg(tmp_path / "seg.dcm", images[1:5], {"GTV": region()[1:5]})
    np.testing.assert_array_equal(
        read_image_mask(tmp_path / "ct", tmp_path / "seg.dcm").mask, region()
    )
    make_series(
        tmp_path / "part",
        noise()[1:, 2:, 1:],
        origin=(ORIGIN[0] + 0.8, ORIGIN[1] + 1.6, ORIGIN[2] + 3),
    )
    np.testing.assert_array_equal(
        read_image_mask(tmp_path / "part", tmp_path / "seg.dcm").mask, region()[1:, 2:, 1:]
    )
    make_series(tmp_path / "less", noise()[3:], origin=(*ORIGIN[:2], ORIGIN[2] + 9))
    with pytest.raises(GeometryError, match="mask's size is"):
        read_image_mask(tmp_path / "less", tmp_path / "seg.dcm")
    with pytest.raises(GeometryError, match=r"region reaches 1.0 voxels outside .* along z"):
        read_image_mask(tmp_path / "less", tmp_path / "seg.dcm", resample_mask=True)


def test_a_segment_on_finer_slices_is_refused_or_resampled(tmp_path):
    pytest.importorskip("highdicom")
    make_series(tmp_path / "ct")
    fine = make_series(
        tmp_path / "fine", noise((12, 12, 10)), spacing=(1.5, 0.8, 0.8), uid="fine",
        origin=(*ORIGIN[:2], ORIGIN[2] - 0.75),
    )  # fmt: skip
    make_seg(tmp_path / "seg.dcm", fine, {"GTV": np.repeat(region(), 2, axis=0)})
    with pytest.raises(GeometryError, match=r"the mask's size .*resample_mask=True"):
        read_image_mask(tmp_path / "ct", tmp_path / "seg.dcm")
    np.testing.assert_array_equal(
        read_image_mask(tmp_path / "ct", tmp_path / "seg.dcm", resample_mask=True).mask, region()
    )


def test_a_segment_on_an_image_of_another_format(tmp_path, images):
    pytest.importorskip("highdicom")
    make_seg(tmp_path / "seg.dcm", images, {"GTV": region()})
    write_volume(tmp_path / "image.nii.gz", noise(), SPACING, origin=ORIGIN)
    scan = read_image_mask(tmp_path / "image.nii.gz", tmp_path / "seg.dcm")
    np.testing.assert_array_equal(scan.mask, region())
    write_volume(tmp_path / "mask.nrrd", region(), SPACING, origin=ORIGIN)
    scan = read_image_mask(tmp_path / "ct", tmp_path / "mask.nrrd")
    np.testing.assert_array_equal(scan.mask, region())


def test_a_mask_file_on_another_grid_is_resampled_when_asked(tmp_path):
    write_volume(tmp_path / "image.nii", noise(), SPACING, origin=ORIGIN)
    fine = np.repeat(np.repeat(region(), 2, axis=1), 2, axis=2).astype(np.uint8)
    fine[0, 0, 0] = 9  # another label, which is not looked at
    start = (ORIGIN[0] - 0.2, ORIGIN[1] - 0.2, ORIGIN[2])
    write_volume(tmp_path / "mask.nii", fine * 3, (3.0, 0.4, 0.4), origin=start)
    with pytest.raises(GeometryError, match=r"size is \(20, 24, 6\).*resample_mask=True takes the"):
        read_image_mask(tmp_path / "image.nii", tmp_path / "mask.nii", label=3)
    scan = read_image_mask(
        tmp_path / "image.nii", tmp_path / "mask.nii", label=3, resample_mask=True
    )
    np.testing.assert_array_equal(scan.mask, region())
    assert scan.label == 3
    write_volume(tmp_path / "mask.nii", fine, (3.0, 0.4, 0.4), origin=(90.0, 0.0, 0.0))
    with pytest.raises(GeometryError, match=r"reaches .* voxels outside the image along"):
        read_image_mask(tmp_path / "image.nii", tmp_path / "mask.nii", label=1, resample_mask=True)


# --- structure sets ---------------------------------------------------------------------------


def test_a_structure_is_rasterised_by_the_pixel_centre_rule(tmp_path, images):
    z = [ORIGIN[2] + 3 * k for k in range(6)]
    make_rtstruct(
        tmp_path / "rs.dcm",
        {"GTV": [box(z[1], 1.5, 7.5), box(z[1], 3.5, 5.5), box(z[4], 2.6, 4.4)]},
    )
    scan = read_image_mask(tmp_path / "ct", tmp_path / "rs.dcm")
    wanted = np.zeros(SHAPE, dtype=bool)
    wanted[1, 2:8, 2:8] = True
    wanted[1, 4:6, 4:6] = False
    wanted[4, 3:5, 3:5] = True
    np.testing.assert_array_equal(scan.mask, wanted)
    assert scan.label == 1


@pytest.mark.parametrize("axes", [((0.8, 0.6, 0), (0, 0, -1)), ((-1, 0, 0), (0, -1, 0))])
def test_an_oblique_series(tmp_path, axes):
    make_series(tmp_path / "mr", modality="MR", axes=axes)
    grid = read_volume(tmp_path / "mr").grid
    turn = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    contours, wanted = [], np.zeros(SHAPE, dtype=bool)
    y, x = np.mgrid[: SHAPE[1], : SHAPE[2]]
    for k in (1, 2, 3):
        index = np.stack([4.6 + 3 * np.cos(turn), 5.3 + 3 * np.sin(turn), np.full(60, k)], axis=1)
        contours.append(grid.point_of(index))
        wanted[k] = np.hypot(x - 4.6, y - 5.3) < 3
    make_rtstruct(tmp_path / "rs.dcm", {"GTV": contours})
    scan = read_image_mask(tmp_path / "mr", tmp_path / "rs.dcm")
    np.testing.assert_array_equal(scan.mask, wanted)


def test_a_structure_is_chosen_by_name(tmp_path, images):
    z = ORIGIN[2] + 6
    rs = tmp_path / "rs.dcm"
    make_rtstruct(rs, {"GTV_Mass": [box(z, 1.5, 4.5)], "Heart": [box(z, 5.5, 8.5)], "none": []})
    ct = tmp_path / "ct"
    assert read_image_mask(ct, rs, roi="Heart").mask[2, 6:9, 6:9].all()
    assert read_image_mask(ct, rs, label=2).label == 2
    with pytest.raises(UnknownNameError, match=r"no ROI named 'gtv_mass'.*did you mean 'GTV_Mass'"):
        read_image_mask(ct, rs, roi="gtv_mass")
    with pytest.raises(UnknownNameError, match=r"did you mean 'GTV_Mass'.*2 'Heart', 3 'none'"):
        read_image_mask(ct, rs, roi="GTV-Mass")
    with pytest.raises(GeometryError, match=r"rs.dcm \(RTSTRUCT\) holds 3 of them; say which ROI"):
        read_image_mask(ct, rs)
    with pytest.raises(GeometryError, match=r"ROI 'none' of rs.dcm has no closed contours"):
        read_image_mask(ct, rs, roi="none")


def test_a_name_is_of_no_use_with_a_label_image(tmp_path, images):
    write_volume(tmp_path / "mask.nii", region(), SPACING, origin=ORIGIN)
    with pytest.raises(InvalidInputError, match=r"by name \('GTV'\), and mask.nii holds numbers"):
        read_image_mask(tmp_path / "ct", tmp_path / "mask.nii", roi="GTV")


@pytest.mark.parametrize(
    ("contours", "message"),
    [
        ([box(100.0 + 30, 2, 5)], r"lies outside the image, by up to 15.0 mm along .* z axis"),
        ([box(106.0, 2, 20)], r"lies outside the image, by up to 8.8 mm along the image's x axis"),
        (
            [box(106.0, 2, 5) - np.array([0, 40, 0])],
            r"by up to 38.4 mm .* y axis",
        ),
        ([box(106.0, 2.1, 2.4)], "covers no voxel centre"),
        ([np.empty((0, 3))], "has no closed contours"),
        ([box(106.0, 2, 5) + np.outer([0, 0, 4, 4], [0, 0, 1])], "not parallel"),
        ([box(z, 2, 5) for z in (103.0, 104.0, 105.0)], "in several planes within one slice"),
        ([box(z, 2, 5) for z in (100.0, 106.0, 112.0)], "contours 2 slices apart: .* thicker"),
        ([box(z, 2, 5) for z in (100.0, 105.0, 115.0)], "contours 1.67 slices apart"),
    ],
)
def test_structures_that_cannot_be_used(tmp_path, images, contours, message):
    make_rtstruct(tmp_path / "rs.dcm", {"GTV": contours})
    with pytest.raises(GeometryError, match=rf"case 'p1', column 'mask': ROI 'GTV' .*{message}"):
        read_image_mask(tmp_path / "ct", tmp_path / "rs.dcm", case_id="p1")


def test_structures_apart_are_one_region(tmp_path, images):
    levels = [box(z, 1.5, 3.5) for z in (100.0, 106.0, 115.0)]
    make_rtstruct(tmp_path / "rs.dcm", {"GTV": levels})
    mask = read_image_mask(tmp_path / "ct", tmp_path / "rs.dcm").mask
    assert mask.sum(axis=(1, 2)).tolist() == [4, 0, 4, 0, 0, 4]


def test_a_plane_goes_to_the_nearest_slice(tmp_path, images):
    levels = [box(z + 1.2, 1.5, 3.5) for z in (100.0, 103.0, 106.0)]
    make_rtstruct(tmp_path / "rs.dcm", {"GTV": levels})
    mask = read_image_mask(tmp_path / "ct", tmp_path / "rs.dcm").mask
    assert mask.sum(axis=(1, 2)).tolist() == [4, 4, 4, 0, 0, 0]


def test_a_structure_on_another_frame_of_reference(tmp_path, images):
    make_rtstruct(tmp_path / "rs.dcm", {"GTV": [box(106, 2, 5)]}, frame=ELSEWHERE)
    with pytest.raises(GeometryError, match="drawn in another frame of reference"):
        read_image_mask(tmp_path / "ct", tmp_path / "rs.dcm")


def test_open_contours_and_points(tmp_path, images):
    make_rtstruct(tmp_path / "rs.dcm", {"GTV": [box(106, 2, 5)]}, kind="OPEN_PLANAR")
    with pytest.raises(GeometryError, match="type OPEN_PLANAR, which encloses no region"):
        read_image_mask(tmp_path / "ct", tmp_path / "rs.dcm")
    make_rtstruct(tmp_path / "rs.dcm", {"GTV": [box(106, 2, 5)]}, kind="POINT")
    with pytest.raises(GeometryError, match="has no closed contours"):
        read_image_mask(tmp_path / "ct", tmp_path / "rs.dcm")


def test_a_structure_set_without_structures(tmp_path, images):
    make_rtstruct(tmp_path / "rs.dcm", {})
    with pytest.raises(GeometryError, match=r"rs.dcm \(RTSTRUCT\) holds no ROI"):
        read_image_mask(tmp_path / "ct", tmp_path / "rs.dcm")


@pytest.mark.parametrize("data", [["1", "2"], ["1", "x", "3"], ["nan"] * 12])
def test_coordinates_that_are_damaged(tmp_path, images, data):
    make_rtstruct(tmp_path / "rs.dcm", {"GTV": [box(106, 2, 5)]})
    raw = (tmp_path / "rs.dcm").read_bytes()
    held = b"\\".join(f"{v:.10g}"[:16].encode() for v in np.ravel(box(106, 2, 5)))
    assert held in raw
    new = b"\\".join(item.encode() for item in data).ljust(len(held))
    (tmp_path / "rs.dcm").write_bytes(raw.replace(held, new))
    with pytest.raises(ImageReadError, match=r"rs.dcm"):
        read_image_mask(tmp_path / "ct", tmp_path / "rs.dcm")


def test_the_frame_of_reference_is_the_images(images):
    assert pydicom.dcmread(images[0]).FrameOfReferenceUID == FRAME
