"""The native engine against PyRadiomics by its own front door, on whole images."""

import logging
import math
import pickle

import numpy as np
import pytest

from causalimg.errors import InvalidInputError
from causalimg.imaging.read import read_image_mask
from causalimg.imaging.volume import ImageMask, to_sitk
from causalimg.radiomics.ibsi_settings import IbsiSettings
from causalimg.radiomics.native_engine import NativeEngine
from causalimg.radiomics.settings import ExtractionSettings

FILTERED = {"original": {}, "wavelet": {}, "log": {"sigma": [1.0, 2.0, 3.0]}}
SPELLED = {"Original": {}, "Wavelet": {}, "LoG": {"sigma": [1.0, 2.0, 3.0]}}
POINTWISE = {name: {} for name in ("square", "squareroot", "logarithm", "exponential", "gradient")}
POINTWISE_SPELLED = {
    name: {} for name in ("Square", "SquareRoot", "Logarithm", "Exponential", "Gradient")
}

# name: ours, PyRadiomics'
VARIANTS = {
    "default": ({}, {}),
    "resampled": ({"resample": (3.0, 2.0, 1.5)}, {"resampledPixelSpacing": [1.5, 2.0, 3.0]}),
    "resampled in plane": (
        {"resample": (0, 1.0, 1.0), "interpolator": "sitkLinear"},
        {"resampledPixelSpacing": [1.0, 1.0, 0], "interpolator": "sitkLinear"},
    ),
    "normalised": (
        {"normalize": True, "remove_outliers": 2.5, "bin_width": 10.0},
        {"normalize": True, "normalizeScale": 100, "removeOutliers": 2.5, "binWidth": 10},
    ),
    "in slices": ({"force_2d": True}, {"force2D": True}),
    "across another axis": (
        {"force_2d": True, "force_2d_dimension": 1},
        {"force2D": True, "force2Ddimension": 1},
    ),
    "bin count": ({"bin_count": 32}, {"binCount": 32}),
    "re-segmented": (
        {"resegment_range": (-1.5, 1.5), "resegment_mode": "sigma"},
        {"resegmentRange": [-1.5, 1.5], "resegmentMode": "sigma"},
    ),
    "re-segmented, with shape": (
        {"resegment_range": (0.3, 0.9), "resegment_mode": "relative", "resegment_shape": True},
        {"resegmentRange": [0.3, 0.9], "resegmentMode": "relative", "resegmentShape": True},
    ),
    "distances": (
        {"distances": (1, 2), "gldm_alpha": 1, "array_shift": 1000},
        {"distances": [1, 2], "gldm_a": 1, "voxelArrayShift": 1000},
    ),
    "weighted": (
        {"weighting": "manhattan", "symmetric_glcm": False},
        {"weightingNorm": "manhattan", "symmetricalGLCM": False},
    ),
    "merged": ({"weighting": "no_weighting"}, {"weightingNorm": "no_weighting"}),
}


def native(scan: ImageMask, **options: object) -> dict[str, float]:
    return NativeEngine(ExtractionSettings.of(**options)).compute(scan)


def reference(image, mask, types: dict, **settings: object) -> dict[str, float]:
    """PyRadiomics on the whole image."""
    pytest.importorskip("radiomics")
    from radiomics.featureextractor import RadiomicsFeatureExtractor

    logger = logging.getLogger("radiomics")
    level = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        oracle = RadiomicsFeatureExtractor(additionalInfo=False, **settings)
        oracle.enabledImagetypes = dict(types)
        with np.errstate(all="ignore"):
            return {name: float(v) for name, v in oracle.execute(image, mask).items()}
    finally:
        logger.setLevel(level)


def assert_same(found: dict, expected: dict, *, rtol: float = 1e-6) -> None:
    """Compare all values; 0, and NaN where PyRadiomics takes the root of what rounding leaves."""
    assert set(found) == set(expected)
    for name, value in expected.items():
        ends = name.rsplit("_", 1)[1]
        if ends in ("MCC", "Imc2") and (math.isnan(value) or found[name] < 1e-6):
            continue
        same = pytest.approx(value, rel=rtol, abs=1e-10, nan_ok=True)
        assert found[name] == same, name


@pytest.mark.parametrize("case", ["breast1", "brain2"])
@pytest.mark.parametrize("variant", VARIANTS)
def test_real_scans(shared_data, case, variant):
    ours, theirs = VARIANTS[variant]
    paths = [str(shared_data / "pyradiomics" / f"{case}_{k}.nrrd") for k in ("image", "label")]
    few = case == "brain2" and variant != "default"
    types, spelled = ({"original": {}}, {"Original": {}}) if few else (FILTERED, SPELLED)
    if not few:
        types, spelled = {**types, **POINTWISE}, {**spelled, **POINTWISE_SPELLED}
    found = native(read_image_mask(*paths), image_types=types, **ours)
    expected = reference(*paths, spelled, **theirs)
    assert len(found) == (107 if few else 1223 if ours.get("force_2d") else 1595)
    assert_same(found, expected, rtol=1e-8)


def regions() -> dict[str, np.ndarray]:
    """Masks of every awkward kind, on a grid of 14 x 16 x 15."""
    shape = (14, 16, 15)
    rng = np.random.default_rng(5)
    made = {name: np.zeros(shape, dtype=bool) for name in ("slice", "line", "corner", "islands")}
    made["slice"][6, 3:12, 2:13] = rng.random((9, 11)) < 0.8
    made["line"][6, 4, 2:12] = True
    made["corner"][:4, :5, -6:] = True
    made["islands"][2:4, 2:4, 2:5] = True
    made["islands"][9:12, 11:13, 9:13] = True
    made["scattered"] = rng.random(shape) < 0.04
    made["holes"] = np.zeros(shape, dtype=bool)
    made["holes"][2:12, 3:14, 2:13] = rng.random((10, 11, 11)) < 0.7
    made["two voxels"] = np.zeros(shape, dtype=bool)
    made["two voxels"][5, 5:7, 5] = True
    return made


@pytest.mark.parametrize("region", regions())
@pytest.mark.parametrize("kind", [np.int16, np.float32])
def test_awkward_regions(region, kind):
    rng = np.random.default_rng(7)
    mask = regions()[region]
    image = (rng.normal(size=mask.shape).cumsum(axis=2) * 40).astype(kind)
    scan = ImageMask(image, mask, (3.0, 1.0, 0.8), origin=(5.0, -7.0, 2.0))
    types = {"original": {}, "wavelet": {}, "log": {"sigma": [1.0]}, "gradient": {}}
    spelled = {"Original": {}, "Wavelet": {}, "LoG": {"sigma": [1.0]}, "Gradient": {}}
    thin = {"minimum_dimensions": 1} if region in ("line", "two voxels") else {}
    theirs = {"minimumROIDimensions": 1} if thin else {}
    found = native(scan, image_types=types, bin_width=20.0, **thin)
    expected = reference(*to_sitk(scan), spelled, binWidth=20, **theirs)
    assert_same(found, expected)


def test_the_whole_image_is_a_region():
    rng = np.random.default_rng(1)
    image = rng.integers(0, 200, (6, 7, 8)).astype(np.int16)
    found = native(ImageMask(image, np.ones(image.shape, dtype=bool), (1.0, 1.0, 1.0)))
    outer = ImageMask(np.pad(image, 1), np.pad(np.ones(image.shape, dtype=bool), 1), (1.0,) * 3)
    assert found == native(outer)
    assert_same(found, reference(*to_sitk(outer), {"Original": {}}))


def test_a_constant_region():
    image = np.full((6, 6, 6), 7.0)
    mask = np.zeros(image.shape, dtype=bool)
    mask[1:5, 1:5, 1:5] = True
    scan = ImageMask(image, mask, (1.0, 1.0, 1.0))
    found = native(scan)
    assert_same(found, reference(*to_sitk(scan), {"Original": {}}))
    assert found["original_glcm_MCC"] == found["original_glcm_Correlation"] == 1
    assert found["original_ngtdm_Coarseness"] == 1e6


def test_two_labels_of_one_mask(shared_data, tmp_path):
    """Each label is a region of its own."""
    import SimpleITK

    paths = [str(shared_data / "pyradiomics" / f"brain2_{k}.nrrd") for k in ("image", "label")]
    labels = SimpleITK.ReadImage(paths[1])
    array = SimpleITK.GetArrayFromImage(labels)
    places = np.argwhere(array == 1)
    array[tuple(places[places[:, 1] > places[:, 1].mean()].T)] = 3
    split = SimpleITK.GetImageFromArray(array)
    split.CopyInformation(labels)
    SimpleITK.WriteImage(split, str(tmp_path / "labels.nrrd"))
    for label in (1, 3):
        scan = read_image_mask(paths[0], tmp_path / "labels.nrrd", label=label)
        expected = reference(paths[0], split, {"Original": {}}, label=label)
        assert_same(native(scan), expected, rtol=1e-8)


def test_bins_of_an_image_type_come_first():
    rng = np.random.default_rng(3)
    image = rng.integers(0, 500, (8, 9, 10)).astype(np.int16)
    mask = np.zeros(image.shape, dtype=bool)
    mask[2:6, 2:7, 2:8] = True
    scan = ImageMask(image, mask, (1.0, 1.0, 1.0))
    found = native(scan, image_types={"original": {}, "wavelet": {"bin_width": 7.0}})
    spelled = {"Original": {}, "Wavelet": {"binWidth": 7}}
    assert_same(found, reference(*to_sitk(scan), spelled))


def test_a_region_of_one_slice_has_a_shape_in_the_plane():
    rng = np.random.default_rng(4)
    image = rng.integers(0, 200, (5, 12, 12)).astype(np.int16)
    mask = np.zeros(image.shape, dtype=bool)
    mask[2, 3:9, 2:10] = rng.random((6, 8)) < 0.8
    scan = ImageMask(image, mask, (2.0, 0.7, 0.9))
    found = native(scan, force_2d=True, feature_classes=["shape2d"])
    pytest.importorskip("radiomics")
    from radiomics.shape2D import RadiomicsShape2D

    box = tuple(slice(*ends) for ends in scan.bounds())
    volume, region = to_sitk(ImageMask(image[box].copy(), mask[box].copy(), scan.spacing))
    oracle = RadiomicsShape2D(volume, region, label=1, force2D=True)
    oracle.enableAllFeatures()
    expected = {f"original_shape2D_{name}": float(v) for name, v in oracle.execute().items()}
    assert_same(found, expected)
    with pytest.raises(InvalidInputError, match="needs force_2d=True and a region of one slice"):
        native(scan, feature_classes=["shape2d"])


def test_the_order_follows_the_settings_and_only_what_is_wanted_is_there():
    scan = _cube()
    found = native(scan, feature_classes={"glcm": ["Id", "Contrast"], "shape": ["VoxelVolume"]})
    assert list(found) == [
        "original_shape_VoxelVolume",
        "original_glcm_Contrast",
        "original_glcm_Id",
    ]
    assert list(native(scan, feature_classes=["shape"])) == [
        f"original_shape_{name}" for name in ExtractionSettings.of().feature_classes["shape"]
    ]


def test_an_engine_travels_to_a_worker():
    engine = NativeEngine(ExtractionSettings.of(image_types=["original", "wavelet"]))
    assert pickle.loads(pickle.dumps(engine)).compute(_cube()) == engine.compute(_cube())


def test_regions_that_are_refused():
    scan = _cube()
    one = np.zeros_like(scan.mask)
    one[2, 2, 2] = True
    line = np.zeros_like(scan.mask)
    line[2, 2, 1:4] = True
    with pytest.raises(InvalidInputError, match=r"case 'x', column 'mask': .* single voxel"):
        native(ImageMask(scan.image, one, scan.spacing, case_id="x"))
    with pytest.raises(InvalidInputError, match="along 1 axes only; minimum_dimensions=2"):
        native(ImageMask(scan.image, line, scan.spacing))
    with pytest.raises(InvalidInputError, match="has 64 voxels, and more than minimum_voxels=64"):
        native(scan, minimum_voxels=64)
    with pytest.raises(InvalidInputError, match=r"keeps 0 of 64 voxels, whose intensities go from"):
        native(scan, resegment_range=[1e6])
    with pytest.raises(InvalidInputError, match="needs an image of at least"):
        native(scan, image_types={"log": {"sigma": [9]}})
    with pytest.raises(InvalidInputError, match="over a million grey levels"):
        native(scan, bin_width=1e-5)


def test_nan_near_the_region_matters_only_to_filters():
    scan = _cube()
    image = scan.image.astype(float)
    image[0, 0, 0] = np.nan
    broken = ImageMask(image, scan.mask, scan.spacing, case_id="x")
    assert native(broken) == native(ImageMask(scan.image.astype(float), scan.mask, scan.spacing))
    with pytest.raises(InvalidInputError, match=r"case 'x'.*NaN or infinite in the image type"):
        native(broken, image_types=["wavelet"])
    with pytest.raises(InvalidInputError, match="so the image cannot be normalised"):
        native(broken, normalize=True)


def test_the_ibsi_mode_has_features_of_its_own():
    from causalimg.radiomics import ibsi

    settings = IbsiSettings(bin_count=8)
    found = native(_cube(), mode="ibsi", ibsi=settings)
    assert found == ibsi.compute(_cube(), settings)


def _cube() -> ImageMask:
    mask = np.zeros((6, 6, 6), dtype=bool)
    mask[1:5, 1:5, 1:5] = True
    image = np.random.default_rng(0).integers(0, 300, mask.shape).astype(np.int16)
    return ImageMask(image, mask, (1.0, 1.0, 1.0))
