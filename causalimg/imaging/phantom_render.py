"""Render a simulated patient: tissue and lesion, point spread, slices, gain, noise.

The object is made on a grid of 0.5 mm from noise fields that depend on the patient's seed alone.
Scanner and protocol act afterwards, so the same patient can be rendered under any of them. Every
linear step is a small matrix along one axis (smoothing and sampling at once), which is exact and
fast.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from causalimg.imaging.phantom_model import PhantomModel, Protocol, Scanner
from causalimg.imaging.volume import ImageMask

_STEP = 0.5
_FWHM = 2.0 * np.sqrt(2.0 * np.log(2.0))
_BOUNDARY_LENGTH = 0.3


@dataclass(frozen=True)
class Patient:
    """What the renderer needs of one patient.

    Parameters
    ----------
    case_id : str
    entropy, index : int
        The patient's noise fields come from ``SeedSequence(entropy, spawn_key=(index, 1))``.
    lesion_size : float
        Mean radius [mm].
    lesion_shape : float
        Relative displacement of the boundary (standard deviation).
    lesion_texture, lesion_texture_length : float
        Amplitude [HU] and correlation length [mm] of the texture inside the lesion.
    lesion_contrast : float
        Lesion minus background [HU].

    Examples
    --------
    >>> from causalimg.imaging.phantom import simulate_patients
    >>> row = simulate_patients(1, random_state=0).iloc[0].to_dict()
    >>> Patient.of(row, entropy=0, index=0).case_id
    'P0001'
    """

    case_id: str
    entropy: int
    index: int
    lesion_size: float
    lesion_shape: float
    lesion_texture: float
    lesion_texture_length: float
    lesion_contrast: float

    @classmethod
    def of(cls, row: Mapping[str, object], *, entropy: int, index: int) -> Patient:
        """Take a patient from a row of `simulate_patients`."""
        numbers = [name for name in cls.__dataclass_fields__ if name.startswith("lesion_")]
        return cls(
            case_id=str(row["case_id"]),
            entropy=entropy,
            index=index,
            **{name: float(row[name]) for name in numbers},  # type: ignore[arg-type]
        )


def render(
    patient: Patient, *, scanner: str, protocol: str, model: PhantomModel | None = None
) -> ImageMask:
    """Render one patient under a scanner and a protocol.

    Parameters
    ----------
    patient : Patient
    scanner, protocol : str
        Names of a scanner and a protocol of the model.
    model : PhantomModel, optional

    Returns
    -------
    ImageMask
        Image int16 [HU], shape (n_slices, size, size); the mask depends on the patient and the
        slices, never on the scanner.

    Examples
    --------
    >>> from causalimg.imaging.phantom import simulate_patients
    >>> row = simulate_patients(1, random_state=0).iloc[0]
    >>> scan = render(Patient.of(row, entropy=0, index=0), scanner="A", protocol="thick")
    >>> scan.image.shape, scan.spacing
    ((14, 28, 28), (2.0, 1.0, 1.0))
    """
    world = model if model is not None else PhantomModel()
    machine, slices = world.scanner(scanner), world.protocol(protocol)
    seed = np.random.SeedSequence(patient.entropy, spawn_key=(patient.index, 1))
    generator = np.random.default_rng(seed)
    inside, tissue = _object(patient, world, generator)
    noise = generator.normal(size=(world.size,) * 3)

    along_z = _slice_matrix(world.size, slices)
    in_plane = _kernel_matrix(
        _grid(world.size, 1.0), _grid(world.size, _STEP), machine.psf_fwhm / _FWHM, box=1.0
    )
    blurred = _along(tissue, (along_z, in_plane, in_plane))
    pixels = _kernel_matrix(_grid(world.size, 1.0), _grid(world.size, _STEP), 0.0, box=1.0)
    mask = _along(inside, (along_z, pixels, pixels)) >= 0.5
    values = machine.gain * blurred + machine.offset + _noise(noise, machine, slices)
    thickness = slices.slice_thickness
    return ImageMask(
        image=np.clip(np.rint(values), -32768, 32767).astype(np.int16),
        mask=mask,
        spacing=(thickness, 1.0, 1.0),
        origin=(0.5, 0.5, thickness / 2),
        case_id=patient.case_id,
    )


def _object(
    patient: Patient, world: PhantomModel, generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return the lesion indicator and the intensities [HU] on the grid of 0.5 mm."""
    size = world.size
    axes = np.exp(generator.normal(scale=patient.lesion_shape, size=3))
    axes = patient.lesion_size * axes / np.prod(axes) ** (1 / 3)
    shift = generator.uniform(-0.5, 0.5, size=3)
    length = _BOUNDARY_LENGTH * patient.lesion_size
    bumps = _field(generator, size, length, lattice=max(1.0, length))
    fine = _field(generator, size, patient.lesion_texture_length, lattice=1.0)
    tissue = _field(generator, size, world.background_length, lattice=2.0)

    centred = _grid(size, _STEP) - size / 2
    z, y, x = (((centred - shift[k]) / axes[k]) ** 2 for k in range(3))
    distance = np.sqrt(z[:, None, None] + y[None, :, None] + x[None, None, :])
    inside = distance <= 1.0 + patient.lesion_shape * np.clip(bumps, -2.5, 2.5)
    edge = min(size / 2 - 1.0, 0.92 * size / 2)
    near = np.abs(centred) <= edge
    inside &= near[:, None, None] & near[None, :, None] & near[None, None, :]

    tissue *= world.background_texture
    tissue += world.background
    fine *= patient.lesion_texture
    fine += patient.lesion_contrast
    fine *= inside
    tissue += fine
    return inside.astype(np.float64), tissue


def _grid(size: int, step: float) -> np.ndarray:
    """Centres of the cells of one axis [mm], from 0 to ``size``."""
    return (np.arange(round(size / step)) + 0.5) * step


def _field(
    generator: np.random.Generator, size: int, length: float, *, lattice: float
) -> np.ndarray:
    """Draw a Gaussian random field with unit variance and correlation length [mm].

    White noise on a lattice, smoothed by a Gaussian of sd ``length / sqrt(2)`` and sampled on the
    grid of 0.5 mm; rows of the matrix have unit norm, so the variance is 1 everywhere.
    """
    pad = 3.0 * length
    knots = np.arange(-pad, size + pad + lattice, lattice)
    distance = (_grid(size, _STEP)[:, None] - knots[None, :]) / max(length / np.sqrt(2.0), 1e-9)
    matrix = np.exp(-0.5 * distance**2)
    matrix /= np.linalg.norm(matrix, axis=1, keepdims=True)
    return _along(generator.normal(size=(len(knots),) * 3), (matrix, matrix, matrix))


def _kernel_matrix(centres: np.ndarray, grid: np.ndarray, sd: float, *, box: float) -> np.ndarray:
    """Sample at ``centres`` after a box of width ``box`` and a Gaussian of sd ``sd`` [mm]."""
    from scipy.special import ndtr

    offset = np.abs(centres[:, None] - grid[None, :])
    if sd > 0:
        weights = ndtr((offset + box / 2) / sd) - ndtr((offset - box / 2) / sd)
    else:
        weights = (offset < box / 2).astype(np.float64)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


def _slice_matrix(size: int, protocol: Protocol) -> np.ndarray:
    """Average the fine grid over each slice."""
    thickness = protocol.slice_thickness
    centres = (np.arange(int(size // thickness)) + 0.5) * thickness
    return _kernel_matrix(centres, _grid(size, _STEP), 0.0, box=thickness)


def _noise(white: np.ndarray, scanner: Scanner, protocol: Protocol) -> np.ndarray:
    """Colour and scale the patient's noise: thicker slices average more of it."""
    size = white.shape[0]
    along_z = _kernel_matrix(
        (np.arange(int(size // protocol.slice_thickness)) + 0.5) * protocol.slice_thickness,
        _grid(size, 1.0),
        0.0,
        box=protocol.slice_thickness,
    )
    in_plane = np.eye(size)
    if scanner.noise_fwhm > 0:
        distance = _grid(size, 1.0)[:, None] - _grid(size, 1.0)[None, :]
        in_plane = np.exp(-0.5 * (distance * _FWHM / scanner.noise_fwhm) ** 2)
        in_plane /= np.linalg.norm(in_plane, axis=1, keepdims=True)
    return scanner.noise_sd * _along(white, (along_z, in_plane, in_plane))


def _along(volume: np.ndarray, matrices: tuple[np.ndarray, np.ndarray, np.ndarray]) -> np.ndarray:
    """Apply one matrix along each axis of a volume (z, y, x)."""
    along_z, along_y, along_x = matrices
    result = volume @ along_x.T
    result = along_y @ result
    planes = along_z @ result.reshape(result.shape[0], -1)
    return np.asarray(planes.reshape(along_z.shape[0], *result.shape[1:]))
