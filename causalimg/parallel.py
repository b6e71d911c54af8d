"""An ordered map over joblib: progress, seeds, and a record of each item that failed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from causalimg.errors import CausalImgError, InvalidInputError

Item = TypeVar("Item")
Value = TypeVar("Value")
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Failure:
    """One item that failed: its label, the name of the error and its message."""

    item: str
    error: str
    reason: str


def spawn_seeds(random_state: int | None, n: int) -> list[np.random.SeedSequence]:
    """Return ``n`` independent seed sequences; equal seeds give equal sequences.

    Examples
    --------
    >>> [s.generate_state(1)[0] == t.generate_state(1)[0]
    ...  for s, t in zip(spawn_seeds(0, 2), spawn_seeds(0, 2))] == [True, True]
    True
    """
    return np.random.SeedSequence(random_state).spawn(n)


def _attempt(
    function: Callable[[Item], Value],
    item: Item,
    label: str,
    catch: tuple[type[BaseException], ...],
) -> Value | Failure:
    try:
        return function(item)
    except catch as error:
        return Failure(label, type(error).__name__, str(error))


def ordered_map(
    function: Callable[[Item], Value],
    items: Iterable[Item],
    *,
    n_jobs: int = 1,
    labels: Sequence[str] | None = None,
    progress: Progress | None = None,
    catch: tuple[type[BaseException], ...] = (CausalImgError,),
) -> list[Value | Failure]:
    """Apply ``function`` to each item, in parallel, and return the results in order.

    Parameters
    ----------
    function : callable
    items : iterable
    n_jobs : int
        Number of joblib workers; the results do not depend on it. The backend is joblib's own
        choice, so ``joblib.parallel_config(backend="dask")`` takes the work to a cluster.
    labels : sequence of str, optional
        Name of each item in failure records.
    progress : callable, optional
        Called as ``progress(done, total)``.
    catch : tuple of exception types
        An item that raises one of these gives a `Failure` in its place, and the others go on.
        Anything else is a defect and is raised.

    Raises
    ------
    InvalidInputError
        If ``n_jobs`` is 0 or the number of labels differs from the number of items.
    """
    work = list(items)
    names = [str(k) for k in range(len(work))] if labels is None else [str(x) for x in labels]
    if len(names) != len(work):
        raise InvalidInputError(f"{len(names)} labels were given for {len(work)} items")
    if n_jobs == 0:
        raise InvalidInputError("n_jobs=0 has no meaning; use 1, or -1 for every core")
    results: list[Value | Failure] = []
    if n_jobs == 1:
        stream: Iterable[Value | Failure] = (
            _attempt(function, item, name, catch) for item, name in zip(work, names, strict=True)
        )
    else:
        from joblib import Parallel, delayed

        stream = Parallel(n_jobs=n_jobs, return_as="generator")(
            delayed(_attempt)(function, item, name, catch)
            for item, name in zip(work, names, strict=True)
        )
    for result in stream:
        results.append(result)
        if progress is not None:
            progress(len(results), len(work))
    return results
