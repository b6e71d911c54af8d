"""The check of a training penalty; the rules are those of `causalimg.training.check`."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import pandas as pd

from causalimg.errors import InvalidInputError, MissingDependencyError
from causalimg.testing.clauses import ConformanceError, FailedClause, class_name

_PROMISE = (
    "A penalty states an independence, is near zero where it holds and larger where it is broken,"
    " and has the gradient of its value."
)


def check_penalty(
    penalty: Any, *, batch: Callable[..., Any] | None = None, n_seeds: int = 10
) -> pd.DataFrame:
    """Hold a training penalty to what this package promises of its own.

    Parameters
    ----------
    penalty : Penalty, or callable (violation) -> (Penalty, torch.nn.Module)
        The latter for a penalty that reads a model. Its variables are ``scanner``, ``site`` and
        ``age`` of `causalimg.training.check.example_batch`.
    batch : callable (violation, dtype, seed) -> Batch, optional
        Rows of your own that keep (``violation=0``) or break its statement.
    n_seeds : int
        Batches to average the level over.

    Returns
    -------
    pandas.DataFrame
        ``check, value``: the figures that were compared.

    Raises
    ------
    ConformanceError
        Naming the first property that fails, with the figures.
    MissingDependencyError
        Without torch.

    Examples
    --------
    >>> from causalimg.training.alignment import CORAL
    >>> check_penalty(CORAL("site"))["check"].tolist()[:2]
    ['null level', 'level when broken']
    """
    if find_spec("torch") is None:
        raise MissingDependencyError(
            "check_penalty needs torch, which is not installed: pip install 'causalimg[torch]'"
        )
    from causalimg.training import check

    if isinstance(penalty, type):
        raise InvalidInputError(
            f'give an instance, not the class {penalty.__name__}: check_penalty(MMD("site"))'
        )
    rows = check.example_batch if batch is None else batch
    try:
        return check.check_penalty(penalty, batch=rows, n_seeds=n_seeds)
    except AssertionError as error:
        seen = str(error).removeprefix("check_penalty: ")
        advice = "compare with a penalty of causalimg.training on the same example_batch"
        failed = FailedClause("penalty", _PROMISE, seen, advice)
        raise ConformanceError(class_name(penalty), [failed], 1) from error
