"""Categories as blocks of columns."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from causalimg.errors import InvalidInputError
from causalimg.tables.encode import encode, is_categorical


def test_what_counts_as_categorical() -> None:
    assert is_categorical(pd.Series(["a"])) and is_categorical(pd.Series([True]))
    assert is_categorical(pd.Series([1, 2]).astype("category"))
    assert not is_categorical(pd.Series([0, 1]))


def test_missing_cells_stay_missing_in_every_column_of_the_block() -> None:
    frame = pd.DataFrame({"x": [1.0, np.nan, 3.0], "s": ["a", None, "c"]})
    found = encode(frame, ["s", "x"], levels_of={"s": ["a", "b", "c"]})
    assert found.names == ("s[b]", "s[c]", "x")
    np.testing.assert_array_equal(found.matrix, [[0, 0, 1], [np.nan, np.nan, np.nan], [0, 1, 3]])
    assert found.blocks["s"].tolist() == [0, 1]


def test_a_value_outside_fixed_levels_is_refused() -> None:
    with pytest.raises(InvalidInputError, match=r"not among its levels: \['z'\]"):
        encode(pd.DataFrame({"s": ["a", "z"]}), ["s"], levels_of={"s": ["a", "b"]})
