"""Two tables of cases as matrices on one scale."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from causalimg.effects.columns import refuse_missing
from causalimg.errors import InvalidInputError, NotEstimableError, check_columns
from causalimg.tables.encode import encode, is_categorical, levels

Array = NDArray[np.float64]


def two_matrices(
    source: pd.DataFrame, target: pd.DataFrame, columns: Sequence[str] | None
) -> tuple[Array, Array, tuple[str, ...]]:
    """Encode the same columns of two tables; pooled mean 0 and standard deviation 1.

    Parameters
    ----------
    source, target : pandas.DataFrame
    columns : sequence of str, optional
        None: all columns of ``source``.

    Returns
    -------
    source, target : ndarray of shape (n_cases, n_parameters)
    names : tuple of str

    Raises
    ------
    InvalidInputError
        For missing values or columns that are constant in both.
    NotEstimableError
        If a table has fewer than two cases.
    """
    chosen = [str(name) for name in (source.columns if columns is None else columns)]
    for frame, which in ((source, "source"), (target, "target")):
        check_columns(frame, chosen, f"columns ({which})")
        refuse_missing(frame, chosen, f"{which} column")
        if len(frame) < 2:
            raise NotEstimableError(f"the {which} table has {len(frame)} cases; 2 are the fewest")
    both = pd.concat([source[chosen], target[chosen]], ignore_index=True)
    known = {
        name: levels(both[name].astype("object")) for name in chosen if is_categorical(source[name])
    }
    encoded = encode(both, chosen, levels_of=known)
    spread = encoded.matrix.std(axis=0)
    kept = spread > 1e-12 * np.maximum(np.abs(encoded.matrix).max(axis=0, initial=0.0), 1e-300)
    if not kept.any():
        raise InvalidInputError("every column is the same in all cases of both tables")
    scaled = (encoded.matrix - encoded.matrix.mean(axis=0))[:, kept] / spread[kept]
    names = tuple(name for name, stays in zip(encoded.names, kept, strict=True) if stays)
    return scaled[: len(source)], scaled[len(source) :], names
