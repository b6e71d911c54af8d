from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from causalimg.errors import UnknownNameError
from causalimg.imaging.phantom import simulate_patients
from causalimg.imaging.phantom_model import PhantomModel, Protocol
from causalimg.imaging.phantom_render import Patient, _field, _kernel_matrix, render


def patients(n: int, size: int = 28, seed: int = 0) -> list[Patient]:
    rows = simulate_patients(n, model=PhantomModel(size=size), random_state=seed)
    return [Patient.of(row, entropy=seed, index=k) for k, row in enumerate(rows.to_dict("records"))]


def roughness(scan) -> float:
    return float(np.abs(np.diff(scan.image.astype(float), axis=2)).mean())


@pytest.mark.parametrize("size", [16, 20, 28])
def test_shapes_and_spacing(size):
    model = PhantomModel(size=size)
    patient = patients(1, size)[0]
    thin = render(patient, scanner="A", protocol="thin", model=model)
    thick = render(patient, scanner="A", protocol="thick", model=model)
    assert thin.image.shape == (size, size, size)
    assert thick.image.shape == (size // 2, size, size)
    assert thin.image.dtype == np.int16
    assert (thin.spacing, thick.spacing) == ((1.0, 1.0, 1.0), (2.0, 1.0, 1.0))
    assert thick.origin == (0.5, 0.5, 1.0)
    volume = thin.n_voxels * thin.voxel_volume
    assert thick.n_voxels * thick.voxel_volume == pytest.approx(volume, rel=0.15)


def test_the_same_patient_is_rendered_the_same():
    patient = patients(1)[0]
    one = render(patient, scanner="B", protocol="thin")
    two = render(patient, scanner="B", protocol="thin")
    np.testing.assert_array_equal(one.image, two.image)
    other = render(replace(patient, index=1), scanner="B", protocol="thin")
    assert (other.image != one.image).mean() > 0.5


def test_the_mask_does_not_depend_on_the_scanner():
    model = PhantomModel.of(("A", "B", "C"))
    for patient in patients(5):
        for protocol in ("thin", "thick"):
            masks = [render(patient, scanner=s, protocol=protocol, model=model).mask for s in "ABC"]
            np.testing.assert_array_equal(masks[0], masks[1])
            np.testing.assert_array_equal(masks[0], masks[2])


def test_every_lesion_is_one_piece_inside_the_volume():
    for patient in patients(40, seed=2):
        scan = render(patient, scanner="A", protocol="thin")
        pieces, n = ndimage.label(scan.mask, structure=np.ones((3, 3, 3)))
        sizes = np.bincount(pieces.ravel())[1:]
        assert sizes.max() / sizes.sum() > 0.97, n
        assert scan.n_voxels > 100
        border = scan.mask.copy()
        border[1:-1, 1:-1, 1:-1] = False
        assert not border.any()


def test_size_contrast_and_texture_are_what_the_patient_says():
    patient = replace(patients(1)[0], lesion_shape=0.0, lesion_size=8.0, lesion_contrast=100.0)
    scan = render(patient, scanner="A", protocol="thin")
    assert scan.n_voxels == pytest.approx(4 / 3 * np.pi * 8**3, rel=0.04)
    inside = ndimage.binary_erosion(scan.mask, iterations=2)
    outside = ~ndimage.binary_dilation(scan.mask, iterations=3)
    contrast = scan.image[inside].mean() - scan.image[outside].mean()
    assert contrast == pytest.approx(100.0, abs=12.0)
    plain = render(replace(patient, lesion_texture=0.0), scanner="A", protocol="thin")
    assert scan.image[inside].std() > 1.8 * plain.image[inside].std()


def test_physics_of_scanner_and_protocol():
    model = PhantomModel()
    a, b = model.scanners
    patient = patients(1)[0]
    louder = replace(model, scanners=(a, replace(a, name="loud", noise_sd=40.0)))
    smoother = replace(model, scanners=(a, replace(a, name="smooth", psf_fwhm=4.0)))
    shifted = replace(model, scanners=(a, replace(a, name="shift", gain=1.1, offset=50.0)))
    plain = render(patient, scanner="A", protocol="thin", model=model)
    assert roughness(render(patient, scanner="loud", protocol="thin", model=louder)) > 1.5 * (
        roughness(plain)
    )
    assert roughness(render(patient, scanner="smooth", protocol="thin", model=smoother)) < (
        roughness(plain)
    )
    moved = render(patient, scanner="shift", protocol="thin", model=shifted)
    assert moved.image.mean() == pytest.approx(1.1 * plain.image.mean() + 50.0, abs=1.0)
    assert b.psf_fwhm > a.psf_fwhm


def test_thick_slices_average_thin_ones():
    quiet = replace(PhantomModel(), scanners=(replace(PhantomModel().scanners[0], noise_sd=0.0),))
    patient = patients(1)[0]
    thin = render(patient, scanner="A", protocol="thin", model=quiet).image.astype(float)
    thick = render(patient, scanner="A", protocol="thick", model=quiet).image.astype(float)
    np.testing.assert_allclose((thin[::2] + thin[1::2]) / 2, thick, atol=1.01)


def test_noise_has_the_stated_size_and_is_the_patients_own():
    a, b = PhantomModel().scanners
    silent = tuple(replace(s, noise_sd=0.0, gain=1.0, offset=0.0) for s in (a, b))
    noisy = tuple(replace(s, gain=1.0, offset=0.0) for s in (a, b))
    patient = patients(1)[0]

    def noise(name: str, protocol: str) -> np.ndarray:
        scans = [
            render(
                patient, scanner=name, protocol=protocol, model=replace(PhantomModel(), scanners=s)
            )
            for s in (noisy, silent)
        ]
        return scans[0].image.astype(float) - scans[1].image.astype(float)

    assert noise("A", "thin").std() == pytest.approx(a.noise_sd, rel=0.03)
    assert noise("B", "thin").std() == pytest.approx(b.noise_sd, rel=0.05)
    assert noise("A", "thick").std() == pytest.approx(a.noise_sd / np.sqrt(2), rel=0.04)
    assert np.corrcoef(noise("A", "thin").ravel(), noise("B", "thin").ravel())[0, 1] > 0.7


def test_a_random_field_has_unit_variance_and_the_stated_length():
    generator = np.random.default_rng(0)
    fields = np.stack([_field(generator, 16, 2.0, lattice=1.0) for _ in range(60)])
    assert fields.var() == pytest.approx(1.0, abs=0.05)
    assert fields[:, 0].var() == pytest.approx(1.0, abs=0.15)
    lag = 4  # 2 mm on the grid of 0.5 mm
    correlation = (fields[:, :, :, lag:] * fields[:, :, :, :-lag]).mean() / fields.var()
    assert correlation == pytest.approx(np.exp(-(2.0**2) / (2 * 2.0**2)), abs=0.05)


def test_sampling_keeps_a_constant():
    grid = (np.arange(40) + 0.5) * 0.5
    matrix = _kernel_matrix(np.arange(20) + 0.5, grid, 0.8, box=1.0)
    np.testing.assert_allclose(matrix.sum(axis=1), 1.0)
    assert (matrix >= 0).all()


def test_an_unknown_scanner_is_named():
    with pytest.raises(UnknownNameError, match="scanner: no level 'C'"):
        render(patients(1)[0], scanner="C", protocol="thin")
    assert Protocol("x", 1.0, {}, 0.0).slice_thickness == 1.0
