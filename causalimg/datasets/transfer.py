"""Simulated transfer problems: a graph, training environments, and tests where a cue breaks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from causalimg.errors import UnknownNameError, nearest
from causalimg.graph.core import CausalGraph

Draw = Callable[[np.random.Generator, int, float, int], pd.DataFrame]
INPUTS = ("x1", "x2", "x3", "x4")


@dataclass(frozen=True, eq=False)
class TransferProblem:
    """Rows of several environments with the graph that made them.

    Parameters
    ----------
    name : str
    graph : CausalGraph
        Over outcome ``y``, environment ``site``, attribute ``marker``, ``content``, ``image`` and
        any hidden cause.
    train : pandas.DataFrame
        Columns `INPUTS` (what a model sees), ``y``, ``site``, ``marker``.
    tests : dict of str to pandas.DataFrame
        Environments to be tested in, by name.
    """

    name: str
    graph: CausalGraph
    train: pd.DataFrame
    tests: dict[str, pd.DataFrame]

    def roles(self) -> dict[str, object]:
        """Return the arguments of ``ConstraintPlan.from_graph`` beside the graph."""
        return {
            "outcome": "y",
            "environment": "site",
            "attributes": ["marker"],
            "image": "image",
            "content": "content",
        }


def _graph(edges: str) -> CausalGraph:
    pairs = [tuple(e.split("->")) for e in f"{edges} content->image marker->image".split()]
    nodes = tuple(sorted({n for p in pairs for n in p}))
    return CausalGraph.from_directed(nodes, [[int((a, b) in pairs) for b in nodes] for a in nodes])


def _frame(
    rng: np.random.Generator,
    content: NDArray[np.float64],
    marker: NDArray[np.intp],
    y: NDArray[np.intp],
    site: int,
) -> pd.DataFrame:
    """Return what a model sees: the content in two noisy inputs, the marker in two clear ones."""
    n = len(y)
    seen = np.column_stack([content, content, marker - 0.5, marker - 0.5])
    seen = seen + rng.normal(size=(n, 4)) * np.array([0.5, 0.5, 0.3, 0.3])
    frame = pd.DataFrame(seen, columns=list(INPUTS))
    return frame.assign(y=y, site=site, marker=marker)


def _bernoulli(
    rng: np.random.Generator, p: NDArray[np.float64] | float, n: int
) -> NDArray[np.intp]:
    return (rng.random(n) < p).astype(np.intp)


def _agreeing(rng: np.random.Generator, values: NDArray[np.intp], share: float) -> NDArray[np.intp]:
    """Return the values, each turned over with probability ``1 - share``."""
    return np.where(rng.random(len(values)) < share, values, 1 - values)


def _logistic(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(1 / (1 + np.exp(-x)))


def _shortcut(rng: np.random.Generator, n: int, share: float, site: int) -> pd.DataFrame:
    content = rng.normal(size=n)
    y = _bernoulli(rng, _logistic(4.0 * content), n)
    return _frame(rng, content, _agreeing(rng, y, share), y, site)


def _confounded(rng: np.random.Generator, n: int, share: float, site: int) -> pd.DataFrame:
    content = rng.normal(size=n)
    hidden = _bernoulli(rng, 0.5, n)
    y = _bernoulli(rng, _logistic(1.5 * content + 2.5 * (2 * hidden - 1)), n)
    return _frame(rng, content, _agreeing(rng, hidden, share), y, site)


def _anticausal(rng: np.random.Generator, n: int, share: float, site: int) -> pd.DataFrame:
    y = _bernoulli(rng, 0.5, n)
    content = (2 * y - 1) + rng.normal(size=n)
    return _frame(rng, content, _agreeing(rng, y, share), y, site)


def _label_shift(rng: np.random.Generator, n: int, share: float, site: int) -> pd.DataFrame:
    """Return a site whose share of patients is ``share`` or its complement, and its scanner."""
    prevalence = share if site % 2 == 0 else 1 - share
    y = _bernoulli(rng, prevalence, n)
    content = (2 * y - 1) + rng.normal(size=n)
    scanner = _agreeing(rng, np.full(n, 1 - site % 2, dtype=np.intp), 0.9)
    return _frame(rng, content, scanner, y, site)


_MAKERS: dict[str, tuple[str, Draw, tuple[float, ...], tuple[float, ...]]] = {
    "shortcut": (
        "content->y y->marker site->marker",
        _shortcut,
        (0.9, 0.8),
        (0.9, 0.5, 0.1),
    ),
    "confounded": (
        "content->y hidden->y hidden->marker site->marker",
        _confounded,
        (0.9, 0.8),
        (0.9, 0.5, 0.1),
    ),
    "anticausal": (
        "y->content y->marker site->marker",
        _anticausal,
        (0.9, 0.8),
        (0.9, 0.5, 0.1),
    ),
    "label_shift": (
        "y->content site->y site->marker",
        _label_shift,
        (0.85, 0.85),
        (0.85, 0.5, 0.15),
    ),
}
PROBLEMS = tuple(_MAKERS)


def transfer_problem(
    name: str, *, n_per_site: int = 1000, n_test: int = 4000, random_state: int = 0
) -> TransferProblem:
    """Simulate one transfer problem.

    Parameters
    ----------
    name : {"shortcut", "confounded", "anticausal", "label_shift"}
        The outcome causes a marker; a hidden cause drives outcome and marker; the disease shows
        and causes the marker; sites differ in case mix and scanner.
    n_per_site : int
        Training rows of each of two sites.
    n_test : int
        Rows of each test environment, which are named by the association in them: as in training,
        none, and turned over.
    random_state : int

    Raises
    ------
    UnknownNameError
        If there is no such problem.

    Examples
    --------
    >>> problem = transfer_problem("shortcut", n_per_site=50, n_test=20)
    >>> len(problem.train), list(problem.tests)
    (100, ['0.9', '0.5', '0.1'])
    """
    if name not in _MAKERS:
        raise UnknownNameError(
            f"no problem is called {name!r}{nearest(name, PROBLEMS)} (there are:"
            f" {', '.join(PROBLEMS)})"
        )
    edges, draw, training, testing = _MAKERS[name]
    rng = np.random.default_rng(np.random.SeedSequence([random_state, PROBLEMS.index(name)]))
    train = pd.concat(
        [draw(rng, n_per_site, share, site) for site, share in enumerate(training)],
        ignore_index=True,
    )
    tests = {}
    for share in testing:
        parts = [draw(rng, n_test // 2, share, site) for site in (0, 1)]
        tests[f"{share:g}"] = pd.concat(parts, ignore_index=True)
    return TransferProblem(name, _graph(edges), train, tests)
