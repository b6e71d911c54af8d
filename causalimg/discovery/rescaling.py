"""Which edges survive a change of units: the test that a least-squares graph has to pass."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import clone

from causalimg.discovery.base import BaseDiscovery
from causalimg.errors import InvalidInputError
from causalimg.tables.encode import is_categorical


def rescaling_test(
    estimator: BaseDiscovery,
    table: pd.DataFrame,
    *,
    n_rescalings: int = 20,
    spread: float = 4.0,
    random_state: int | None = 0,
) -> pd.DataFrame:
    """Refit a method after random changes of the columns' units and count what remains.

    Every continuous column is multiplied by its own factor, drawn log-uniformly from
    ``1 / spread`` to ``spread``. A method whose arrows mean something gives the same graph; one
    that reads the arrows off the units does not. A method that standardises passes without
    having earned it: its choice of scale is arbitrary all the same.

    Parameters
    ----------
    estimator : BaseDiscovery
        Cloned, never changed.
    table : pandas.DataFrame
    n_rescalings : int
    spread : float
        More than 1.
    random_state : int, optional

    Returns
    -------
    pandas.DataFrame
        One row for each edge of the graph on the table as it is: ``source, target, edge``, and
        the shares of refits with the same arrow (``kept``), the opposite one (``reversed``) and
        no edge (``lost``).

    Raises
    ------
    InvalidInputError
        If a setting is not usable.

    Examples
    --------
    >>> from causalimg.discovery.notears import NOTEARS
    >>> rng = np.random.default_rng(0)
    >>> a = rng.normal(size=300)
    >>> table = pd.DataFrame({"a": a, "b": 1.2 * a + rng.normal(size=300)})
    >>> found = rescaling_test(NOTEARS(standardize=False, solver="order"), table)
    >>> bool(found["reversed"][0] > 0.1)
    True
    """
    if not isinstance(estimator, BaseDiscovery):
        raise InvalidInputError(
            f"estimator must be a discovery method, not {type(estimator).__name__}"
        )
    if not isinstance(n_rescalings, int | np.integer) or n_rescalings < 1:
        raise InvalidInputError(f"n_rescalings={n_rescalings!r} must be a whole number >= 1")
    if not isinstance(spread, int | float) or not 1 < spread < np.inf:
        raise InvalidInputError(f"spread={spread!r} must be a number above 1")
    rng = np.random.default_rng(random_state)
    numeric = [name for name in table.columns if not is_categorical(table[name])]
    first: Any = clone(estimator).fit(table)
    graph = first.graph_
    arrows = np.zeros(graph.marks.shape)
    present = np.zeros(graph.marks.shape)
    for _ in range(n_rescalings):
        factors = np.exp(rng.uniform(-np.log(spread), np.log(spread), len(numeric)))
        scaled = table.copy()
        scaled[numeric] = table[numeric].to_numpy(dtype=np.float64) * factors
        again: Any = clone(estimator).fit(scaled)
        arrows += again.graph_.directed()
        present += again.graph_.marks != 0
    frame: pd.DataFrame = graph.to_frame()[["source", "target", "edge"]].copy()
    i = [graph.index(name) for name in frame["source"]]
    j = [graph.index(name) for name in frame["target"]]
    frame["kept"] = arrows[i, j] / n_rescalings
    frame["reversed"] = arrows[j, i] / n_rescalings
    frame["lost"] = 1 - present[i, j] / n_rescalings
    return frame
