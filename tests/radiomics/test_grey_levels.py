"""Grey levels and first-order features, by hand and against numpy."""

import numpy as np
import pytest

from causalimg.errors import InvalidInputError
from causalimg.radiomics import emphasis, firstorder, glcm, glrlm, glszm, ngtdm
from causalimg.radiomics.discretise import grey_levels


def test_edges_are_multiples_of_the_width():
    assert grey_levels(np.array([54, 74, 75, 99, 100, 166])).tolist() == [1, 1, 2, 2, 3, 5]
    assert grey_levels(np.array([-30.0, -25.0, 0.0])).tolist() == [1, 2, 3]
    # the maximum on an edge opens a bin of its own; a constant region has one
    assert grey_levels(np.array([0, 50])).tolist() == [1, 3]
    assert grey_levels(np.array([50, 50])).tolist() == [1, 1]


def test_a_count_divides_the_range():
    values = np.array([0.0, 0.9, 1.0, 2.5, 4.0])
    assert grey_levels(values, bin_count=4).tolist() == [1, 1, 2, 3, 4]


@pytest.mark.parametrize("kind", [np.int16, np.float32, np.float64])
@pytest.mark.parametrize("width", [0.1, 3.0, 25.0])
def test_every_value_lies_in_its_bin(kind, width):
    values = (np.random.default_rng(0).normal(size=5000) * 100).astype(kind)
    low = values.min() - values.min() % width
    edges = np.arange(low, values.max() + 2 * width, width)
    assert np.array_equal(grey_levels(values, bin_width=width), np.digitize(values, edges))
    edges = np.histogram_bin_edges(values, 17)
    edges[-1] += 1
    assert np.array_equal(grey_levels(values, bin_count=17), np.digitize(values, edges))


def test_a_width_that_makes_no_sense():
    with pytest.raises(InvalidInputError, match="over a million grey levels of the range 0 to 1"):
        grey_levels(np.array([0.0, 1.0]), bin_width=1e-7)
    with pytest.raises(InvalidInputError, match="give bin_width or bin_count"):
        grey_levels(np.array([0.0, 1.0]), bin_width=None)


def test_first_order_by_hand():
    x = np.array([4.0, 1.0, 2.0, 3.0, 10.0])
    found = firstorder.features(x, np.array([1, 1, 1, 1, 2]), voxel_volume=0.5, shift=1.0)
    assert found["Mean"] == 4
    assert found["Variance"] == pytest.approx(10)
    assert found["Median"] == 3
    assert found["Energy"] == 25 + 4 + 9 + 16 + 121
    assert found["TotalEnergy"] == found["Energy"] / 2
    assert found["10Percentile"] == pytest.approx(np.percentile(x, 10))
    assert found["InterquartileRange"] == pytest.approx(2)
    assert found["MeanAbsoluteDeviation"] == pytest.approx((0 + 3 + 2 + 1 + 6) / 5)
    assert found["RobustMeanAbsoluteDeviation"] == pytest.approx(2 / 3)
    assert found["Skewness"] == pytest.approx((-27 - 8 - 1 + 216) / 5 / 10**1.5)
    assert found["Kurtosis"] == pytest.approx((81 + 16 + 1 + 1296) / 5 / 100)
    assert found["Uniformity"] == pytest.approx(0.8**2 + 0.2**2)
    assert found["Entropy"] == pytest.approx(-0.8 * np.log2(0.8) - 0.2 * np.log2(0.2))


def test_percentiles_are_those_of_numpy():
    for n in (2, 3, 10, 11, 57):
        x = np.random.default_rng(n).normal(size=n)
        found = firstorder.features(x, np.ones(n, dtype=int), voxel_volume=1.0)
        assert found["10Percentile"] == np.percentile(x, 10)
        assert found["90Percentile"] == np.percentile(x, 90)
        assert found["Median"] == np.median(x)


def test_features_of_several_matrices_are_those_of_each():
    rng = np.random.default_rng(0)
    counts = rng.integers(0, 5, (2, 3, 6, 4)).astype(float)
    square = rng.integers(0, 5, (2, 3, 6, 6)).astype(float)
    for function, table in (
        (glrlm.features, counts),
        (lambda c: glszm.features(c, np.array([1, 2, 5, 9])), counts),
        (glcm.features, square + square.swapaxes(-1, -2)),
    ):
        together = function(table)
        for place in np.ndindex(2, 3):
            for name, value in function(table[place]).items():
                assert value.shape == ()
                assert together[name][place] == pytest.approx(float(value), rel=1e-12), name


def test_left_out_levels_change_nothing():
    rng = np.random.default_rng(1)
    levels = np.array([2, 3, 7])
    small = rng.integers(1, 9, (3, 3)).astype(float)
    small += small.T
    full = np.zeros((7, 7))
    full[np.ix_(levels - 1, levels - 1)] = small
    for name, value in glcm.features(full).items():
        assert glcm.features(small, levels=levels)[name] == pytest.approx(float(value)), name
    runs = np.zeros((7, 3))
    runs[levels - 1] = small
    for name, value in glrlm.features(runs).items():
        assert glrlm.features(small, levels=levels)[name] == pytest.approx(float(value)), name
    n = np.zeros(7)
    n[levels - 1] = [4, 2, 5]
    for name, value in ngtdm.features(n, n / 2).items():
        few = ngtdm.features(n[levels - 1], n[levels - 1] / 2, levels=levels)
        assert few[name] == pytest.approx(float(value)), name


def test_a_matrix_without_counts_has_no_values():
    assert all(np.isnan(v) for v in glcm.features(np.zeros((3, 3))).values())
    assert all(np.isnan(v) for v in ngtdm.features(np.zeros(3), np.zeros(3)).values())
    found = emphasis.emphases(np.zeros((3, 3)), np.arange(1, 4))
    assert np.isnan(found["short"]) and found["total"] == 0


def test_the_correlation_of_independent_and_of_equal_neighbours():
    independent = np.outer([1.0, 2.0, 3.0], [1.0, 2.0, 3.0])
    found = glcm.features(independent)
    assert found["MCC"] == pytest.approx(0, abs=1e-7)
    assert found["Imc2"] == pytest.approx(0, abs=1e-6)
    assert found["Correlation"] == pytest.approx(0, abs=1e-12)
    equal = glcm.features(np.diag([1.0, 2.0, 3.0]))
    assert equal["MCC"] == pytest.approx(1)
    assert equal["Imc1"] == pytest.approx(-1)
    one_way = glcm.features(np.triu(np.ones((4, 4))))
    assert 0 < one_way["MCC"] < 1
