"""Shape: known bodies, and PyRadiomics' own mesh."""

import math

import numpy as np
import pytest

from causalimg.errors import InvalidInputError
from causalimg.radiomics import diameter, mesh, shape, shape2d


def ball(radius: float, spacing: tuple[float, float, float]) -> np.ndarray:
    reach = [math.ceil(radius / step) + 1 for step in spacing]
    z, y, x = np.ogrid[tuple(slice(-n, n + 1) for n in reach)]
    dz, dy, dx = spacing
    return (z * dz) ** 2 + (y * dy) ** 2 + (x * dx) ** 2 <= radius**2


def test_a_ball():
    found = shape.features(ball(12.0, (0.5, 0.5, 0.5)), (0.5, 0.5, 0.5))
    volume = 4 / 3 * math.pi * 12**3
    assert found["MeshVolume"] == pytest.approx(volume, rel=0.01)
    assert found["VoxelVolume"] == pytest.approx(volume, rel=0.01)
    # a mesh through the middles of edges has steps, so its area is too large
    assert found["SurfaceArea"] == pytest.approx(4 * math.pi * 12**2, rel=0.1)
    assert found["Maximum3DDiameter"] == pytest.approx(24, abs=0.6)
    for name in ("Maximum2DDiameterSlice", "Maximum2DDiameterRow", "Maximum2DDiameterColumn"):
        assert found[name] == pytest.approx(24, abs=0.6)
    assert found["Elongation"] == pytest.approx(1, abs=1e-9)
    assert found["Flatness"] == pytest.approx(1, abs=1e-9)
    # 4 sqrt(r^2 / 5): the axis of the ellipsoid with the same second moments, not the diameter
    assert found["MajorAxisLength"] == pytest.approx(4 * math.sqrt(12**2 / 5), rel=0.01)


def test_a_box():
    found = shape.features(np.ones((4, 6, 10), dtype=bool), (2.0, 1.0, 0.5))
    # half a voxel is cut off along every edge and corner; the faces lie half a voxel outside
    assert found["VoxelVolume"] == 4 * 6 * 10
    assert 8 * 6 * 5 * 0.9 < found["MeshVolume"] < 8 * 6 * 5
    # from the face above one corner voxel to the face below the opposite one
    assert found["Maximum3DDiameter"] == pytest.approx(math.hypot(8, 5, 4.5))
    lengths = [4 * math.sqrt((n**2 - 1) / 12) * d for n, d in ((4, 2), (6, 1), (10, 0.5))]
    assert found["MajorAxisLength"] == pytest.approx(max(lengths))
    assert found["LeastAxisLength"] == pytest.approx(min(lengths))


def test_one_voxel_is_an_octahedron():
    found = shape.features(np.ones((1, 1, 1), dtype=bool), (2.0, 1.0, 1.0))
    assert found["MeshVolume"] == pytest.approx(2 / 6)
    assert found["Maximum3DDiameter"] == 2.0
    assert math.isnan(found["Elongation"])
    with pytest.raises(InvalidInputError, match="mask is empty"):
        shape.features(np.zeros((3, 3, 3), dtype=bool), (1.0, 1.0, 1.0))


def test_the_surface_does_not_depend_on_the_place_or_the_axes():
    rng = np.random.default_rng(0)
    mask = ball(4.0, (1.0, 1.0, 1.0))
    mask[rng.random(mask.shape) < 0.1] = False
    area, volume = mesh.surface(np.pad(mask, 1), (1.0, 1.0, 1.0))
    for axes in ((1, 2, 0), (2, 0, 1)):
        other = mesh.surface(np.pad(mask.transpose(axes), 1), (1.0, 1.0, 1.0))
        assert other == pytest.approx((area, volume), rel=0.02)


@pytest.mark.parametrize("seed", range(8))
def test_the_mesh_is_pyradiomics_own(seed):
    c_shape = pytest.importorskip("radiomics").cShape
    rng = np.random.default_rng(seed)
    for density in (0.05, 0.3, 0.5, 0.7, 0.95):
        mask = np.pad(rng.random((6, 7, 8)) < density, 1)
        spacing = tuple(rng.uniform(0.3, 3, 3))
        if not mask.any():
            continue
        area, volume, diameters = c_shape.calculate_coefficients(mask, np.array(spacing))
        assert mesh.surface(mask, spacing) == pytest.approx((area, volume), rel=1e-10)
        box = shape.boxed(mask)[1:-1, 1:-1, 1:-1]
        found = shape.features(box, spacing)
        order = ("2DDiameterSlice", "2DDiameterColumn", "2DDiameterRow", "3DDiameter")
        assert [found[f"Maximum{name}"] for name in order] == pytest.approx(diameters, rel=1e-10)


@pytest.mark.parametrize("seed", range(4))
def test_the_outline_is_pyradiomics_own(seed):
    c_shape = pytest.importorskip("radiomics").cShape
    rng = np.random.default_rng(seed)
    for density in (0.1, 0.5, 0.9):
        mask = rng.random((9, 8)) < density
        spacing = tuple(rng.uniform(0.3, 3, 2))
        expected = c_shape.calculate_coefficients2D(np.pad(mask, 1), np.array(spacing))
        found = shape2d.features(mask, spacing)
        names = ("Perimeter", "MeshSurface", "MaximumDiameter")
        assert [found[name] for name in names] == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("dimensions", [2, 3])
def test_the_largest_distance_among_many_points(dimensions):
    from scipy.spatial.distance import pdist

    rng = np.random.default_rng(1)
    for stretch in (1.0, 5.0):
        points = rng.normal(size=(700, dimensions))
        points /= np.linalg.norm(points, axis=1)[:, None]
        points[:, 0] *= stretch
        assert diameter.largest(points) == pytest.approx(pdist(points).max(), rel=1e-12)


def test_the_largest_distance_within_groups():
    rng = np.random.default_rng(2)
    points, group = rng.normal(size=(300, 2)), rng.integers(0, 12, 300)
    best = max(diameter.largest(points[group == one]) for one in range(12))
    assert diameter.largest_within(points, group) == best
    assert diameter.largest_within(points[:0], group[:0]) == 0
