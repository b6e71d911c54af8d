"""The texture matrices: by hand, and against counting voxel by voxel."""

import itertools

import numpy as np
import pytest

from causalimg.errors import InvalidInputError
from causalimg.radiomics import matrices, neighbours, zones
from causalimg.radiomics.region import directions

# 0 is outside the region
FLAT = np.array([[[1, 2, 2, 0], [1, 1, 3, 3], [0, 1, 3, 2]]])
ALONG = [(0, 0, 1)]


def test_directions_are_half_of_the_neighbours():
    for dimensions, distance, number in ((3, 1, 13), (2, 1, 4), (3, 2, 49), (2, 2, 8)):
        found = directions(dimensions, distance)
        assert len(found) == len(set(found)) == number
        assert not {tuple(-step for step in one) for one in found} & set(found)
    assert all(dy == 0 for _, dy, _ in directions(2, across=1))


def test_glcm_by_hand():
    counts = matrices.glcm(FLAT, 3, directions=ALONG)[0]
    assert counts.tolist() == [[2, 1, 2], [1, 2, 1], [2, 1, 2]]
    one_way = matrices.glcm(FLAT, 3, directions=ALONG, symmetric=False)[0]
    assert one_way.tolist() == [[1, 1, 2], [0, 1, 0], [0, 1, 1]]


def test_glrlm_by_hand():
    assert matrices.glrlm(FLAT, 3, directions=ALONG)[0].tolist() == [[2, 1], [1, 1], [1, 1]]
    down = matrices.glrlm(FLAT, 3, directions=[(0, 1, 0)])[0]
    assert down.tolist() == [[0, 2], [3, 0], [1, 1]]


def test_glszm_by_hand():
    counts, sizes = zones.glszm(FLAT, 3)
    assert sizes.tolist() == [1, 2, 3, 4]
    assert counts.tolist() == [[0, 0, 0, 1], [1, 1, 0, 0], [0, 0, 1, 0]]


def test_gldm_and_ngtdm_by_hand():
    line = np.array([[[1, 1, 2, 4]]])
    assert neighbours.gldm(line, 4)[:, :3].tolist() == [[0, 2, 0], [1, 0, 0], [0, 0, 0], [1, 0, 0]]
    assert neighbours.gldm(line, 4, alpha=1)[:, :3].tolist() == [
        [0, 1, 1],
        [0, 1, 0],
        [0, 0, 0],
        [1, 0, 0],
    ]
    n, s = neighbours.ngtdm(line, 4)
    assert n.tolist() == [2, 1, 0, 1]
    assert s.tolist() == [0.5, 0.5, 0, 2]


def test_a_voxel_without_neighbours():
    lonely = np.array([[[1, 0, 2, 2]]])
    assert neighbours.ngtdm(lonely, 2)[0].tolist() == [0, 2]
    assert neighbours.ngtdm(lonely, 2, count_isolated=True)[0].tolist() == [1, 2]
    assert neighbours.gldm(lonely, 2)[0, 0] == 1
    assert zones.glszm(np.array([[[3]]]), 3)[1].tolist() == [1]


@pytest.mark.parametrize("seed", range(6))
def test_against_counting_one_by_one(seed):
    rng = np.random.default_rng(seed)
    shape = (1, 5, 6) if seed == 5 else (4, 5, 6)
    levels = rng.integers(1, 5, shape) * (rng.random(shape) < (0.9, 0.6, 0.3)[seed % 3])
    cells = {place: int(levels[place]) for place in zip(*np.nonzero(levels), strict=True)}
    offsets = [*directions(), *directions(distance=2)]
    pairs = np.zeros((len(offsets), 4, 4))
    for row, offset in enumerate(offsets):
        for place, level in cells.items():
            other = cells.get(tuple(np.add(place, offset)))
            if other:
                pairs[row, level - 1, other - 1] += 1
                pairs[row, other - 1, level - 1] += 1
    assert np.array_equal(matrices.glcm(levels, 4, directions=offsets), pairs)
    _check_neighbours(levels, cells)
    _check_runs(levels, cells)


def _check_neighbours(levels, cells):
    around = [step for step in itertools.product((-1, 0, 1), repeat=3) if any(step)]
    dependence, n, s = np.zeros((4, 27)), np.zeros(4), np.zeros(4)
    for place, level in cells.items():
        near = [cells[p] for step in around if (p := tuple(np.add(place, step))) in cells]
        dependence[level - 1, sum(abs(other - level) <= 1 for other in near)] += 1
        if near:
            n[level - 1] += 1
            s[level - 1] += abs(level - np.mean(near))
    assert np.array_equal(neighbours.gldm(levels, 4, alpha=1), dependence)
    found = neighbours.ngtdm(levels, 4)
    assert np.array_equal(found[0], n)
    assert np.allclose(found[1], s, rtol=1e-12)


def _check_runs(levels, cells):
    found = matrices.glrlm(levels, 4, directions=directions())
    assert np.array_equal((found * np.arange(1, found.shape[2] + 1)).sum(axis=2)[0], [
        sum(level == one for level in cells.values()) for one in (1, 2, 3, 4)
    ])  # fmt: skip
    for row, offset in enumerate(directions()):
        expected = np.zeros_like(found[row])
        for place, level in cells.items():
            if cells.get(tuple(np.subtract(place, offset))) == level:
                continue
            length = 1
            while cells.get(tuple(np.add(place, np.multiply(length, offset)))) == level:
                length += 1
            expected[level - 1, length - 1] += 1
        assert np.array_equal(found[row], expected)


@pytest.mark.parametrize("in_plane", [False, True])
def test_zones_are_connected_components(in_plane):
    from scipy import ndimage

    rng = np.random.default_rng(3)
    levels = rng.integers(0, 3, (6, 30, 30))
    structure = np.ones((3, 3, 3))
    if in_plane:
        structure[[0, 2]] = 0
    counts, sizes = zones.glszm(levels, 2, in_plane=in_plane)
    for level in (1, 2):
        label, number = ndimage.label(levels == level, structure=structure)
        size = np.bincount(label.ravel())[1:]
        assert counts[level - 1].sum() == number
        assert [int((size == one).sum()) for one in sizes] == counts[level - 1].tolist()


def test_what_is_refused():
    with pytest.raises(InvalidInputError, match="highest level is 3, above n_levels=2"):
        matrices.glcm(FLAT, 2, directions=ALONG)
    with pytest.raises(InvalidInputError, match="integer array"):
        zones.glszm(FLAT.astype(float), 3)
    with pytest.raises(InvalidInputError, match="region is empty"):
        neighbours.gldm(np.zeros((2, 2, 2), dtype=int), 3)
    with pytest.raises(InvalidInputError, match="2 or 3 dimensions"):
        directions(4)
