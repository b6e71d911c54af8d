"""The ordered map: order, failures as records, defects raised."""

from __future__ import annotations

import pytest

from causalimg.errors import InvalidInputError
from causalimg.parallel import Failure, ordered_map


def half(x: int) -> int:
    if x == 3:
        raise InvalidInputError("three is odd")
    return x // 2


def broken(x: int) -> float:
    return 1 / x


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_order_failures_and_progress_do_not_depend_on_workers(n_jobs: int) -> None:
    seen: list[tuple[int, int]] = []
    found = ordered_map(
        half,
        range(5),
        n_jobs=n_jobs,
        labels=list("abcde"),
        progress=lambda done, total: seen.append((done, total)),
    )
    assert found == [0, 0, 1, Failure("d", "InvalidInputError", "three is odd"), 2]
    assert seen == [(k, 5) for k in range(1, 6)]


def test_a_defect_is_raised_and_not_recorded() -> None:
    with pytest.raises(ZeroDivisionError):
        ordered_map(broken, [1, 0])


def test_wrong_arguments() -> None:
    with pytest.raises(InvalidInputError, match="n_jobs=0"):
        ordered_map(half, [1], n_jobs=0)
    with pytest.raises(InvalidInputError, match="1 labels were given for 2 items"):
        ordered_map(half, [1, 2], labels=["a"])
