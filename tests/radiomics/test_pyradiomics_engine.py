"""Agreement with PyRadiomics on whole images, and what the adapter adds."""

import logging
import pickle
from dataclasses import replace

import numpy as np
import pytest

from causalimg.errors import InvalidInputError, MissingDependencyError
from causalimg.imaging import ImageMask, Patient, PhantomModel, render, simulate_patients
from causalimg.imaging.read import read_image_mask
from causalimg.imaging.volume import to_sitk
from causalimg.radiomics.pyradiomics_engine import PyRadiomicsEngine
from causalimg.radiomics.settings import ExtractionSettings

radiomics = pytest.importorskip("radiomics")

TYPES = {"original": {}, "wavelet": {}, "log": {"sigma": [1.0, 3.0]}, "gradient": {}}
WHOLE = {"square": {}, "squareroot": {}, "logarithm": {}, "exponential": {}}


def phantom(seed: int = 0, protocol: str = "thin") -> ImageMask:
    row = simulate_patients(1, random_state=seed).iloc[0]
    patient = Patient.of(row.to_dict(), entropy=seed, index=0)
    return render(patient, scanner="A", protocol=protocol, model=PhantomModel())


def engine(**options: object) -> PyRadiomicsEngine:
    return PyRadiomicsEngine(ExtractionSettings.of(**options))


def reference(image, mask, types: dict, **settings: object) -> dict[str, float]:
    """PyRadiomics by its own front door, on the whole image."""
    from radiomics.featureextractor import RadiomicsFeatureExtractor

    logger = logging.getLogger("radiomics")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        oracle = RadiomicsFeatureExtractor(additionalInfo=False, **settings)
        oracle.enabledImagetypes = types
        return {name: float(v) for name, v in oracle.execute(image, mask).items()}
    finally:
        logger.setLevel(level)


def assert_same(found: dict, expected: dict, rtol: float) -> None:
    assert set(found) == set(expected)
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, rel=rtol, abs=1e-12), name


@pytest.mark.parametrize("case", ["breast1", "brain2"])
def test_a_cropped_real_scan_gives_what_the_whole_scan_gives(shared_data, case):
    paths = [str(shared_data / "pyradiomics" / f"{case}_{k}.nrrd") for k in ("image", "label")]
    found = engine(image_types=TYPES).compute(read_image_mask(*paths))
    spelled = {"Original": {}, "Wavelet": {}, "LoG": {"sigma": [1.0, 3.0]}, "Gradient": {}}
    expected = reference(*paths, spelled, binWidth=25)
    exact = {n: v for n, v in expected.items() if not n.startswith("log")}
    assert {n: found[n] for n in exact} == exact
    assert_same(found, expected, rtol=1e-5)


def test_normalised_and_resampled_as_pyradiomics_does(shared_data):
    paths = [str(shared_data / "pyradiomics" / f"breast1_{k}.nrrd") for k in ("image", "label")]
    scan = read_image_mask(*paths)
    found = engine(normalize=True, bin_width=5.0).compute(scan)
    expected = reference(*paths, {"Original": {}}, binWidth=5, normalize=True, normalizeScale=100)
    assert_same(found, expected, rtol=1e-9)
    found = engine(resample=(3.0, 2.0, 1.5), bin_count=16).compute(scan)
    expected = reference(
        *paths, {"Original": {}}, binCount=16, resampledPixelSpacing=[1.5, 2.0, 3.0], padDistance=6
    )
    assert_same(found, expected, rtol=1e-9)


def test_a_lesion_near_the_border_with_wavelets_and_global_filters():
    scan = phantom()
    mask = np.zeros_like(scan.mask)
    mask[1:7, 10:16, 22:28] = True
    scan = replace(scan, mask=mask)
    found = engine(image_types={**TYPES, **WHOLE}).compute(scan)
    spelled = {
        "Original": {},
        "Wavelet": {},
        "LoG": {"sigma": [1.0, 3.0]},
        "Gradient": {},
        "Square": {},
        "SquareRoot": {},
        "Logarithm": {},
        "Exponential": {},
    }
    expected = reference(*to_sitk(scan), spelled, binWidth=25)
    assert_same(found, expected, rtol=1e-5)


def test_too_small_a_margin_is_seen():
    """The agreement above can fail: with no margin the filters see the cut."""
    scan = phantom()
    types = {"wavelet": {}}
    right = engine(image_types=types).compute(scan)
    wrong = engine(image_types=types, margin=0).compute(scan)
    name = "wavelet-LLH_firstorder_Mean"
    assert wrong[name] != pytest.approx(right[name], rel=1e-3)


def test_a_mask_over_the_whole_image():
    scan = phantom()
    block = replace(
        scan, image=scan.image[8:20, 8:20, 8:20], mask=np.ones((12, 12, 12), dtype=bool)
    )
    inner = np.zeros_like(scan.mask)
    inner[8:20, 8:20, 8:20] = True
    assert engine().compute(block) == engine().compute(replace(scan, mask=inner))


def test_the_order_is_fixed_and_follows_the_settings():
    settings = {"feature_classes": ["glcm", "shape"], "image_types": ["original", "wavelet"]}
    one = list(engine(**settings).compute(phantom(0)))
    two = list(engine(**settings).compute(phantom(1, "thick")))
    assert one == two
    assert one[0] == "original_shape_Elongation"
    assert len(one) == 14 + 9 * 24


def test_only_the_features_asked_for():
    found = engine(feature_classes={"glcm": ["contrast"], "firstorder": ["Mean"]}).compute(
        phantom()
    )
    assert list(found) == ["original_firstorder_Mean", "original_glcm_Contrast"]


def test_what_pyradiomics_refuses_is_said_with_the_case():
    one = np.zeros((28, 28, 28), dtype=bool)
    one[9, 9, 9] = True
    with pytest.raises(
        InvalidInputError, match=r"case 'P0001', column 'mask': .*\(1 voxels\).*sing"
    ):
        engine().compute(replace(phantom(), mask=one))
    thin = replace(phantom(), image=phantom().image[:3], mask=phantom().mask[12:15])
    with pytest.raises(InvalidInputError, match=r"no features of log-sigma-1-0-mm-3D: Image too"):
        engine(image_types={"log": {"sigma": 1}}).compute(thin)
    with pytest.raises(InvalidInputError, match="wavelet='coif77'"):
        engine(image_types={"wavelet": {"wavelet": "coif77"}}).compute(phantom())


def test_a_constant_region_gives_finite_numbers_and_a_constant_image_cannot_be_normalised():
    flat = replace(phantom(), image=np.full((28, 28, 28), 7, dtype=np.int16))
    found = engine().compute(flat)
    assert found["original_firstorder_Variance"] == 0.0
    assert len(found) == 107
    with pytest.raises(InvalidInputError, match="every voxel is 7"):
        engine(normalize=True).compute(flat)


def test_nan_around_the_region_matters_only_to_filters():
    scan = phantom()
    image = scan.image.astype(np.float32)
    plain = engine().compute(replace(scan, image=image))
    z, y, x = (low for low, _ in scan.bounds())
    image[z - 1, y - 1, x - 1] = np.nan
    holed = replace(scan, image=image)
    assert engine().compute(holed) == plain
    with pytest.raises(InvalidInputError, match="1 voxels near the mask are NaN"):
        engine(image_types=["wavelet"]).compute(holed)
    with pytest.raises(InvalidInputError, match="cannot be normalised"):
        engine(normalize=True).compute(holed)


def test_logging_is_left_as_it_was(capfd):
    logger, root = logging.getLogger("radiomics"), logging.getLogger()
    before = (
        list(logger.handlers),
        logger.level,
        logger.propagate,
        list(root.handlers),
        root.level,
    )
    engine().compute(phantom())
    assert before == (
        list(logger.handlers), logger.level, logger.propagate, list(root.handlers), root.level,
    )  # fmt: skip
    captured = capfd.readouterr()
    assert captured.out == captured.err == ""


def test_an_engine_travels_to_a_worker():
    again = pickle.loads(pickle.dumps(engine()))
    assert again.compute(phantom()) == engine().compute(phantom())
    assert again.version() == engine().version()
    assert "radiomics" in again.version()


def test_without_pyradiomics_the_message_says_what_to_install(monkeypatch):
    from causalimg.radiomics import RadiomicsExtractor

    monkeypatch.setattr(PyRadiomicsEngine, "available", staticmethod(lambda: False))
    with pytest.raises(MissingDependencyError, match=r'pip install "causalimg\[engines\]"'):
        RadiomicsExtractor(engine="pyradiomics")
    assert RadiomicsExtractor(engine="auto").settings()["engine"] == "native"
