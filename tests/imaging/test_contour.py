import numpy as np
import pytest

from causalimg.imaging.contour import fill_contours


def one_slice(shape, *polygons) -> np.ndarray:
    return fill_contours([(0, np.asarray(p, float)) for p in polygons], (1, *shape))[0]


def square(low: float, high: float) -> np.ndarray:
    return np.array([[low, low], [high, low], [high, high], [low, high]])


def test_a_centre_inside_counts_and_one_outside_does_not():
    assert np.argwhere(one_slice((5, 5), square(0.9, 2.1))).tolist() == [
        [1, 1], [1, 2], [2, 1], [2, 2]
    ]  # fmt: skip
    assert not one_slice((5, 5), square(1.1, 1.9)).any()


def test_a_centre_on_an_edge_belongs_to_the_right_and_below():
    assert np.argwhere(one_slice((5, 5), square(1, 3))).tolist() == [[1, 1], [1, 2], [2, 1], [2, 2]]


def test_neighbours_share_no_pixel_and_leave_none_out():
    left = np.array([[0, 0], [3, 0], [6, 6], [0, 6]])
    right = np.array([[3, 0], [6, 0], [6, 6]])
    a, b = one_slice((8, 8), left), one_slice((8, 8), right)
    assert not (a & b).any()
    np.testing.assert_array_equal(a | b, one_slice((8, 8), square(0, 6)))


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("start", [0, 2])
def test_direction_and_first_corner_do_not_matter(turned, start):
    generator = np.random.default_rng(1)
    polygon = generator.uniform(0, 30, (9, 2))
    other = np.roll(polygon[::-1] if turned else polygon, start, axis=0)
    np.testing.assert_array_equal(one_slice((30, 30), polygon), one_slice((30, 30), other))


def test_a_hole_and_an_island_in_it():
    mask = one_slice((20, 20), square(0.5, 18.5), square(4.5, 14.5), square(7.5, 9.5))
    assert mask.sum() == 18**2 - 10**2 + 2**2
    assert not mask[6, 6]
    assert mask[8, 8]


def test_a_keyhole_is_a_hole():
    outer, inner = square(0.5, 18.5), square(4.5, 14.5)[::-1]
    keyhole = np.concatenate([outer, outer[:1], inner, inner[:1], outer[:1]])
    np.testing.assert_array_equal(one_slice((20, 20), keyhole), one_slice((20, 20), outer, inner))
    through_centres = np.concatenate(
        [square(0, 18), [[0, 0]], square(5, 14)[::-1], [[5, 14]], [[0, 0]]]
    )
    np.testing.assert_array_equal(
        one_slice((20, 20), through_centres), one_slice((20, 20), square(0, 18), square(5, 14))
    )


def test_what_reaches_over_the_border_is_cut_there():
    assert one_slice((4, 6), square(-5, 50)).all()
    np.testing.assert_array_equal(np.argwhere(one_slice((4, 6), square(-3, 0.5))), [[0, 0]])


def test_slices_are_apart_and_a_line_encloses_nothing():
    mask = fill_contours([(1, square(0.5, 2.5)), (2, square(0.5, 1.5)[:2])], (4, 5, 5))
    assert mask.sum(axis=(1, 2)).tolist() == [0, 4, 0, 0]
    assert not fill_contours([(7, square(0.5, 2.5)), (-1, square(0.5, 2.5))], (4, 5, 5)).any()


def test_agrees_with_scikit_image_where_no_centre_lies_on_an_edge():
    draw = pytest.importorskip("skimage.draw")
    generator = np.random.default_rng(0)
    for _ in range(60):
        turn = np.sort(generator.uniform(0, 2 * np.pi, generator.integers(3, 40)))
        reach = generator.uniform(2, 24, len(turn))
        x, y = 25.1 + reach * np.cos(turn), 24.9 + reach * np.sin(turn)
        theirs = np.zeros((50, 50), dtype=bool)
        theirs[draw.polygon(y, x, (50, 50))] = True
        np.testing.assert_array_equal(one_slice((50, 50), np.stack([x, y], axis=1)), theirs)


def test_the_area_is_unbiased():
    turn = np.linspace(0, 2 * np.pi, 500, endpoint=False)
    generator = np.random.default_rng(3)
    counts = []
    for _ in range(200):
        cx, cy = generator.uniform(19, 21, 2)
        circle = np.stack([cx + 7.3 * np.cos(turn), cy + 7.3 * np.sin(turn)], axis=1)
        counts.append(one_slice((40, 40), circle).sum())
    assert np.mean(counts) == pytest.approx(np.pi * 7.3**2, rel=0.004)
