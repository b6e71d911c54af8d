"""The families of the `ibsi` mode against definitions written out, and against closed forms."""

import itertools
import math

import numpy as np
import pytest
from scipy import ndimage, special
from scipy.spatial.distance import pdist, squareform

from causalimg.errors import InvalidInputError
from causalimg.imaging.volume import ImageMask
from causalimg.radiomics.gldzm import Zones, edge_distance
from causalimg.radiomics.histogram import histogram_features
from causalimg.radiomics.ibsi_morphology import (
    axis_features,
    ellipsoid_area,
    intensity_features,
    surface_features,
)
from causalimg.radiomics.intensity import statistics
from causalimg.radiomics.ivh import IntensityGrid, ivh_features
from causalimg.radiomics.local_intensity import PEAK_RADIUS, local_intensity_features
from causalimg.radiomics.spatial import autocorrelation


def blob(shape=(6, 9, 8), seed=0, share=0.7):
    mask = np.random.default_rng(seed).random(shape) < share
    mask[0] = mask[:, 0] = False
    return mask


def test_statistics_of_a_normal_sample():
    values = np.random.default_rng(0).normal(5, 2, size=200_000)
    found = statistics(values)
    assert found["mean"] == pytest.approx(5, abs=0.02)
    assert found["variance"] == pytest.approx(4, abs=0.05)
    assert abs(found["skewness"]) < 0.02 and abs(found["kurtosis"]) < 0.05
    quartile = 2 * special.ndtri(0.75)
    assert found["interquartile_range"] == pytest.approx(2 * quartile, abs=0.05)
    assert found["mean_absolute_deviation"] == pytest.approx(2 * math.sqrt(2 / math.pi), abs=0.02)
    assert found["coefficient_of_variation"] == pytest.approx(0.4, abs=0.01)
    assert found["quartile_coefficient_of_dispersion"] == pytest.approx(quartile / 5, abs=0.01)
    assert found["root_mean_square"] == pytest.approx(math.sqrt(29), abs=0.02)


def test_statistics_of_equal_and_of_two_values():
    flat = statistics(np.zeros(5))
    assert flat["skewness"] == flat["kurtosis"] == flat["variance"] == 0
    assert math.isnan(flat["coefficient_of_variation"])
    assert math.isnan(flat["quartile_coefficient_of_dispersion"])
    assert math.isnan(statistics(np.array([3.0, 4.0]))["robust_mean_absolute_deviation"])


def test_histogram_of_known_counts():
    levels = np.repeat([1, 2, 3, 4, 5], [2, 8, 3, 8, 1])
    found = histogram_features(levels)
    assert found["mode"] == 2  # of 2 and 4, both 8 voxels: next to the mean, 2.9
    assert found["maximum_gradient"] == 6 and found["maximum_gradient_level"] == 1
    assert found["minimum_gradient"] == -7 and found["minimum_gradient_level"] == 5
    share = np.array([2, 8, 3, 8, 1]) / 22
    assert found["entropy"] == pytest.approx(-(share * np.log2(share)).sum())
    assert found["uniformity"] == pytest.approx((share**2).sum())
    wider = histogram_features(levels, n_levels=7)
    assert wider["minimum_gradient"] == -4 and wider["minimum_gradient_level"] == 5
    flat = histogram_features(np.ones(4, dtype=int))
    assert flat["maximum_gradient"] == flat["entropy"] == 0 and flat["uniformity"] == 1


def test_ivh_of_every_whole_number():
    values = np.repeat(np.arange(101.0), 1)
    found = ivh_features(IntensityGrid.discrete(values, 0, 100))
    assert found["volume_fraction_10"] == pytest.approx(91 / 101)
    assert found["volume_fraction_90"] == pytest.approx(11 / 101)
    assert found["intensity_10"] == 91 and found["intensity_90"] == 11
    assert found["intensity_difference"] == 80
    wider = ivh_features(IntensityGrid.discrete(values, -100, 100))
    assert wider["volume_fraction_10"] == 1 and wider["intensity_10"] == 91


def test_ivh_in_bins_stands_for_their_centres_or_their_numbers():
    values = np.linspace(0, 10, 10_001)
    # bins of equal content but for the last, which holds one more
    width = ivh_features(IntensityGrid.of_width(values, 0, 10, width=0.25))
    assert width["intensity_10"] == pytest.approx(9.125 + 0.25)  # 10.009 % are above 9
    assert width["intensity_90"] == pytest.approx(1.125 + 0.25)  # 90.001 % are above 1
    number = ivh_features(IntensityGrid.of_number(values, 8))
    assert number["intensity_10"] == 9 and number["intensity_90"] == 2
    flat = ivh_features(IntensityGrid.of_number(np.full(4, 3.0), 1000))
    assert flat["volume_fraction_10"] == 0 and flat["intensity_90"] == 2
    with pytest.raises(InvalidInputError, match="bins of 1 has 1e\\+12 bins; choose wider ones"):
        IntensityGrid.discrete(values, 0, 1e12)


@pytest.mark.parametrize("spacing", [(3.0, 2.0, 2.5), (6.5, 4.0, 1.0)])
def test_local_peaks_by_distances(spacing):
    rng = np.random.default_rng(1)
    image = rng.integers(0, 40, size=(7, 8, 9)).astype(float)
    mask = blob(image.shape, share=0.3)
    mask[0, 0, 0] = True
    places = np.argwhere(np.ones(image.shape, dtype=bool)) * spacing
    means = []
    for place in np.argwhere(mask) * spacing:
        near = np.linalg.norm(places - place, axis=1) <= PEAK_RADIUS
        means.append(image.ravel()[near].mean())
    found = local_intensity_features(ImageMask(image, mask, spacing))
    bright = image[mask] == image[mask].max()
    assert found["global_peak"] == pytest.approx(max(means))
    assert found["local_peak"] == pytest.approx(np.array(means)[bright].max())


def test_local_peaks_leave_out_voxels_without_a_value():
    image = np.full((3, 3, 3), 5.0)
    image[0] = np.nan
    mask = np.zeros(image.shape, dtype=bool)
    mask[1, 1, 1] = True
    found = local_intensity_features(ImageMask(image, mask, (2.0, 2.0, 2.0)))
    assert found == pytest.approx({"local_peak": 5.0, "global_peak": 5.0})


def test_autocorrelation_by_all_pairs():
    rng = np.random.default_rng(2)
    image, mask, spacing = rng.normal(size=(6, 9, 8)), blob(), (3.0, 1.0, 1.5)
    weights = squareform(1 / pdist(np.argwhere(mask) * spacing))
    values = image[mask]
    around = values - values.mean()
    n, total, spread = len(values), weights.sum(), around @ around
    found = autocorrelation(image, mask, spacing)
    assert found["moran_i"] == pytest.approx(n / total * (around @ weights @ around) / spread)
    apart = (values[:, None] - values) ** 2
    geary = (n - 1) / (2 * total) * (weights * apart).sum() / spread
    assert found["geary_c"] == pytest.approx(geary)


def test_autocorrelation_sees_smooth_and_chequered_images():
    z, y, x = np.mgrid[:8, :8, :8]
    everywhere = np.ones(z.shape, dtype=bool)
    smooth = autocorrelation((z + y).astype(float), everywhere, (1.0, 1.0, 1.0))
    chequered = autocorrelation(((z + y + x) % 2).astype(float), everywhere, (1.0, 1.0, 1.0))
    assert smooth["moran_i"] > 0.1 > 0 > chequered["moran_i"]
    assert smooth["geary_c"] < 1 < chequered["geary_c"]


@pytest.mark.parametrize("in_slices", [False, True])
def test_edge_distance_counts_erosions(in_slices):
    region = blob(shape=(9, 14, 13), share=0.97)
    cross = ndimage.generate_binary_structure(3, 1)
    if in_slices:
        cross[[0, 2]] = False
    steps, left = np.zeros(region.shape, dtype=int), np.pad(region, 1)
    while left.any():
        steps += left[1:-1, 1:-1, 1:-1]
        left = ndimage.binary_erosion(left, cross)
    found = edge_distance(region, in_slices=in_slices)
    assert steps.max() > 2
    np.testing.assert_array_equal(found, steps)


@pytest.mark.parametrize("in_slices", [False, True])
def test_zones_by_labelling(in_slices):
    rng = np.random.default_rng(3)
    region = blob(shape=(7, 12, 11), share=0.95)
    levels = rng.integers(1, 4, size=region.shape) * (region & (rng.random(region.shape) < 0.9))
    depth = edge_distance(region, in_slices=in_slices)
    structure = np.ones((3, 3, 3), dtype=bool)
    if in_slices:
        structure[[0, 2]] = False
    truth = []
    for level in (1, 2, 3):
        zones, number = ndimage.label(levels == level, structure)
        for zone in range(1, number + 1):
            inside = zones == zone
            truth.append((level, inside.sum(), depth[inside].min(), np.nonzero(inside)[0].min()))
    found = Zones.of(levels, region, in_slices=in_slices)
    ours = zip(found.level, found.size, found.distance, found.in_slice, strict=True)
    assert sorted(map(tuple, truth)) == sorted(ours)


def test_a_hole_of_resegmentation_is_no_edge():
    region = np.ones((5, 5, 5), dtype=bool)
    levels = np.ones(region.shape, dtype=int)
    levels[2, 2, 2] = 2
    levels[1, 2, 2] = 0
    found = Zones.of(levels, region)
    assert found.distance[found.level == 2] == 3


def test_a_ball_is_round():
    z, y, x = np.ogrid[-16:17, -16:17, -16:17]
    mask = z**2 + y**2 + x**2 <= 15.5**2
    spacing = (0.5, 0.5, 0.5)
    surface = surface_features(mask, spacing)
    radius = (3 * surface["volume_mesh"] / (4 * math.pi)) ** (1 / 3)
    assert radius == pytest.approx(7.75, rel=0.01)
    assert surface["maximum_3d_diameter"] == pytest.approx(15.5, rel=0.03)
    assert surface["volume_density_convex_hull"] == pytest.approx(1, abs=0.04)
    assert surface["volume_density_aabb"] == pytest.approx(math.pi / 6, rel=0.03)
    for name, power in (("compactness_2", -3), ("sphericity", -1)):
        assert surface[name] == pytest.approx(surface["spherical_disproportion"] ** power)
    assert surface["asphericity"] == pytest.approx(surface["spherical_disproportion"] - 1)
    assert surface["compactness_1"] ** 2 * 36 * math.pi**2 == pytest.approx(
        surface["compactness_2"]
    )
    axes = axis_features(mask, spacing, volume=surface["volume_mesh"], area=surface["surface_area"])
    assert axes["elongation"] == pytest.approx(1) and axes["flatness"] == pytest.approx(1)
    # 4 sqrt(r^2 / 5)
    assert axes["major_axis_length"] == pytest.approx(4 * 7.75 / math.sqrt(5), rel=0.02)


def test_axes_of_a_box():
    mask = np.ones((3, 5, 9), dtype=bool)
    found = axis_features(mask, (2.0, 1.0, 1.0), volume=1.0, area=1.0)
    n = mask.size
    for name, length, step in (("major", 9, 1), ("minor", 3, 2), ("least", 5, 1)):
        variance = (length**2 - 1) / 12 * step**2 * n / (n - 1)
        assert found[f"{name}_axis_length"] == pytest.approx(4 * math.sqrt(variance))
    flat = axis_features(mask[:1], (2.0, 1.0, 1.0), volume=1.0, area=1.0)
    assert flat["flatness"] == 0 and math.isnan(flat["volume_density_aee"])
    point = axis_features(mask[:1, :1, :1], (2.0, 1.0, 1.0), volume=1.0, area=1.0)
    assert point["major_axis_length"] == 0 and math.isnan(point["elongation"])


@pytest.mark.parametrize(("a", "b", "c"), [(3, 2, 1), (5, 4.9, 3), (4, 1.6, 1.5), (1.2, 1.1, 1)])
def test_the_series_of_an_ellipsoid_by_legendre_polynomials(a, b, c):
    alpha, beta = math.sqrt(1 - (b / a) ** 2), math.sqrt(1 - (c / a) ** 2)
    terms = [(alpha * beta) ** nu / (1 - 4 * nu**2) for nu in range(21)]
    at = (alpha**2 + beta**2) / (2 * alpha * beta)
    series = 4 * math.pi * a * b * np.polynomial.legendre.legval(at, terms)
    assert ellipsoid_area(a, b, c) == pytest.approx(series)


def test_the_area_of_a_sphere_and_next_to_it():
    assert ellipsoid_area(2, 2, 2) == pytest.approx(16 * math.pi)
    assert ellipsoid_area(2, 2, 1.9999) == pytest.approx(
        ellipsoid_area(2, 1.99999, 1.9999), rel=1e-4
    )


def test_the_shift_of_the_centre_of_mass():
    image = np.zeros((1, 1, 5))
    image[0, 0] = [1, 1, 1, 1, 6]
    mask = np.ones(image.shape, dtype=bool)
    found = intensity_features(image, mask, mask, (1.0, 1.0, 3.0), volume=7.0)
    assert found["centre_of_mass_shift"] == pytest.approx(3.0)
    assert found["integrated_intensity"] == pytest.approx(14.0)
    cut = mask.copy()
    cut[0, 0, 4] = False
    found = intensity_features(image, cut, mask, (1.0, 1.0, 3.0), volume=7.0)
    assert found["centre_of_mass_shift"] == pytest.approx(1.5)
    none = intensity_features(np.zeros(image.shape), mask, mask, (1.0, 1.0, 3.0), volume=7.0)
    assert math.isnan(none["centre_of_mass_shift"])


def test_shape_does_not_depend_on_the_order_of_the_axes():
    mask, spacing = blob(share=0.9), (3.0, 1.0, 1.5)
    found = surface_features(mask, spacing)
    for order in itertools.permutations(range(3)):
        turned = surface_features(mask.transpose(order), tuple(spacing[k] for k in order))
        for name in ("maximum_3d_diameter", "volume_density_aabb"):
            # the mesh of touching corners depends on the order, its vertices do not
            ratio = found["volume_mesh"] / turned["volume_mesh"] if "volume" in name else 1
            assert turned[name] * ratio == pytest.approx(found[name])
