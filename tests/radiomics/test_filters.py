"""Filtered images in a box against the libraries that filter the whole image."""

import itertools

import numpy as np
import pytest
import SimpleITK

from causalimg.errors import InvalidInputError
from causalimg.imaging.intensities import Intensities
from causalimg.radiomics import filters, gaussian
from causalimg.radiomics.lbp import local_binary_patterns

BOXES = (((3, 8), (4, 9), (2, 9)), ((0, 12), (0, 16), (0, 14)))


def image(shape=(12, 16, 14), kind=np.int16) -> np.ndarray:
    return np.random.default_rng(0).integers(-1000, 1000, shape).astype(kind)


def cut(array, box):
    return array[tuple(slice(*ends) for ends in box)]


@pytest.mark.parametrize("wavelet", ["coif1", "haar", "db3"])
@pytest.mark.parametrize("kind", [np.int16, np.float32, np.float64])
def test_wavelets_are_those_of_pywavelets(wavelet, kind):
    pywt = pytest.importorskip("pywt")
    data = image(kind=kind)
    expected = pywt.swtn(data, wavelet, level=1, start_level=0, axes=(2, 1, 0))[0]
    for box in BOXES:
        found = filters.wavelet_bands(Intensities(data), box, wavelet=wavelet)
        assert len(found) == 8
        for letters in itertools.product("ad", repeat=3):
            name = "".join(letters)
            band = found["wavelet-" + name.replace("a", "L").replace("d", "H")]
            part = cut(expected[name], box)
            assert band.dtype == part.dtype
            assert np.array_equal(band, part)


def test_levels_and_odd_lengths():
    pywt = pytest.importorskip("pywt")
    data = image((11, 13, 12)).astype(float)
    padded = np.pad(data, ((0, 1), (0, 1), (0, 0)), "wrap")
    first = pywt.swtn(padded, "coif1", level=1, axes=(2, 1, 0))[0]
    second = pywt.swtn(first["aaa"], "coif1", level=1, axes=(2, 1, 0))[0]
    box = ((0, 11), (2, 13), (0, 12))
    found = filters.wavelet_bands(Intensities(data), box, level=2)
    assert len(found) == 15
    assert np.allclose(found["wavelet-HLL"], cut(first["daa"], box), atol=1e-9)
    assert np.allclose(found["wavelet2-LLH"], cut(second["aad"], box), atol=1e-9)
    assert np.allclose(found["wavelet2-LLL"], cut(second["aaa"], box), atol=1e-9)
    later = filters.wavelet_bands(Intensities(data), box, start_level=1)
    assert np.array_equal(later["wavelet-LLH"], found["wavelet2-LLH"])


@pytest.mark.parametrize("name", ["coif1", "haar"])
def test_the_built_in_filters(name):
    low, high = filters.wavelet_filters(name)
    assert low.sum() == pytest.approx(2**0.5)
    assert low @ low == pytest.approx(1)
    assert high.sum() == pytest.approx(0, abs=1e-14)
    pywt = pytest.importorskip("pywt")
    assert low.tolist() == pywt.Wavelet(name).dec_lo
    assert high.tolist() == pywt.Wavelet(name).dec_hi


def test_an_unknown_wavelet():
    pytest.importorskip("pywt")
    with pytest.raises(InvalidInputError, match="wavelet='coif99'"):
        filters.wavelet_bands(Intensities(image()), BOXES[0], wavelet="coif99")


@pytest.mark.parametrize(
    ("spacing", "sigma"), [((2.0, 0.7, 0.7), 2.0), ((5.0, 0.6, 0.6), 1.0), ((1.0, 1.0, 1.0), 4.0)]
)
def test_the_laplacian_of_gaussian_is_that_of_itk(spacing, sigma):
    data = image((20, 60, 70))
    volume = SimpleITK.GetImageFromArray(data)
    volume.SetSpacing(spacing[::-1])
    whole = SimpleITK.LaplacianRecursiveGaussian(volume, sigma, True)
    expected = SimpleITK.GetArrayFromImage(whole)
    for box in (((6, 9), (20, 31), (33, 40)), ((0, 20), (0, 60), (0, 70))):
        found = gaussian.laplacian_of_gaussian(Intensities(data), box, spacing, sigma)
        part = cut(expected, box)
        assert found.dtype == np.float32
        assert np.abs(found - part).max() < 2e-5
        assert (found == part).mean() > 0.99


def test_a_response_at_the_end_of_a_line():
    whole = gaussian.response(0, 3.0, 0, 30, 30)
    assert whole.sum(axis=1) == pytest.approx(np.ones(30))
    assert np.array_equal(gaussian.response(0, 3.0, 4, 7, 30), whole[4:7])
    second = gaussian.response(2, 3.0, 100, 101, 200)
    assert second @ (np.arange(200.0) - 100) ** 2 == pytest.approx([2.0], rel=1e-9)
    assert gaussian.response(0, 2.0, 0, 1, 1)[0] == pytest.approx([1.0])


@pytest.mark.parametrize("use_spacing", [True, False])
def test_the_gradient_is_that_of_itk(use_spacing):
    data = image()
    volume = SimpleITK.GetImageFromArray(data)
    volume.SetSpacing((0.7, 0.8, 3.0))
    expected = SimpleITK.GetArrayFromImage(
        SimpleITK.GradientMagnitude(volume, useImageSpacing=use_spacing)
    )
    for box in BOXES:
        found = filters.gradient_magnitude(
            Intensities(data), box, (3.0, 0.8, 0.7), use_spacing=use_spacing
        )
        assert np.array_equal(found, cut(expected, box))


def test_functions_of_single_intensities():
    values = np.array([-100, -1, 0, 1, 50, 100])
    for name in ("squareroot", "logarithm"):
        found = filters.pointwise(name, values, 100.0)
        assert found[[0, 2, 5]] == pytest.approx([-100, 0, 100])
        assert (np.diff(found) > 0).all()
    assert filters.pointwise("square", values, 100.0)[-1] == pytest.approx(100)
    assert filters.pointwise("exponential", values, 100.0)[[2, 5]] == pytest.approx([1, 100])
    with pytest.raises(InvalidInputError, match="'logarithm' needs an image that is not 0"):
        filters.pointwise("logarithm", values, 0.0)


@pytest.mark.parametrize("method", ["uniform", "default"])
@pytest.mark.parametrize(("radius", "samples"), [(1.0, 8), (1.5, 8), (2.0, 12)])
def test_patterns_are_those_of_scikit_image(method, radius, samples):
    feature = pytest.importorskip("skimage.feature")
    data = np.random.default_rng(1).integers(0, 9, (3, 12, 13))
    expected = np.array(
        [feature.local_binary_pattern(one, P=samples, R=radius, method=method) for one in data]
    )
    options = {"radius": radius, "samples": samples, "method": method}
    for box in (((1, 3), (3, 8), (2, 9)), ((0, 3), (0, 12), (0, 13))):
        found = local_binary_patterns(Intensities(data), box, **options)
        assert np.array_equal(found, cut(expected, box))
    turned = local_binary_patterns(
        Intensities(data.swapaxes(0, 1)), ((0, 12), (0, 3), (0, 13)), across=1, **options
    )
    assert np.array_equal(turned.swapaxes(0, 1), expected)
