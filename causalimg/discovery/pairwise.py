"""The causal order of DirectLiNGAM, by the pairwise likelihood ratio or the kernel measure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from causalimg.discovery.kernel_measure import kernel_information
from causalimg.discovery.orders import compiled
from causalimg.errors import NotEstimableError

Float = NDArray[np.float64]
Bool = NDArray[np.bool_]


def residual_entropies(values: Float) -> Float:
    """Return ``[i, j]``: the entropy of the standardised residual of i regressed on j.

    The maximum entropy approximation with log cosh and u exp(-u^2 / 2). On the diagonal is that
    of the columns themselves.

    Parameters
    ----------
    values : ndarray, shape (n_samples, k)
        Columns of mean 0 and variance 1.

    References
    ----------
    Hyvarinen A. New approximations of differential entropy for independent component analysis
    and projection pursuit. NIPS 1998.
    """
    columns = np.ascontiguousarray(values.T)
    corr = columns @ values / len(values)
    found: Float = compiled("residual_entropy").residual_entropies(columns, corr)
    return found


def causal_order(
    matrix: Float, before: Bool, names: Sequence[str], *, measure: str = "pwling"
) -> list[int]:
    """Return the causal order of DirectLiNGAM, the most exogenous variable first.

    At each step the variable is taken whose regressions of the others leave residuals that are
    the least dependent on it; then it is regressed out of the rest. A variable known to come
    after one that is left is not a candidate. For the pairwise likelihood ratio, pairs whose
    order is known do not count as evidence.

    Parameters
    ----------
    matrix : ndarray, shape (n_samples, d)
    before : ndarray of bool, shape (d, d)
        ``[i, j]``: i is known to come before j; without cycles.
    names : sequence of str
        For messages.
    measure : {"pwling", "kernel"}

    Raises
    ------
    NotEstimableError
        If a variable is a linear function of those before it.

    References
    ----------
    Hyvarinen A, Smith SM. Pairwise likelihood ratios for estimation of non-Gaussian structural
    equation models. J Mach Learn Res 2013;14:111-152.
    Shimizu S et al. DirectLiNGAM: a direct method for learning a linear non-Gaussian structural
    equation model. J Mach Learn Res 2011;12:1225-1248.
    """
    kernel = measure == "kernel"
    values = matrix - matrix.mean(axis=0)
    values = values / np.sqrt((values * values).mean(axis=0))
    left = list(range(matrix.shape[1]))
    order = []
    while left:
        known = before[np.ix_(left, left)]
        free = np.flatnonzero(~known.any(axis=0))
        if len(free) == 1:
            best = 0
        elif kernel:
            best = _least_informative(values, free)
        else:
            best = _most_exogenous(values, free, known)
        place = int(free[best])
        order.append(left.pop(place))
        root = values[:, place]
        values = np.delete(values, place, axis=1)
        values = values - np.outer(root, root @ values / (root @ root))
        spread = np.sqrt((values * values).mean(axis=0))
        if (spread < 1e-6).any():
            raise NotEstimableError(
                f"column {names[left[int(spread.argmin())]]!r} is a linear function of the others,"
                " so that there is no causal order; drop it"
            )
        if not kernel:  # the kernel measure is defined on residuals in their own units
            values = values / spread
    return order


def _most_exogenous(values: Float, free: NDArray[np.intp], known: Bool) -> int:
    """Return the position in ``free`` of the variable that looks the most exogenous."""
    # only pairs of a candidate and a variable that is not known to follow it give evidence
    undecided = ~known[free].all(axis=0)
    used = np.flatnonzero(undecided)
    part = values[:, used]
    rest = residual_entropies(part)
    own = rest.diagonal()
    # positive: j -> i has less information in its residual pair than i -> j
    gain = own[None, :] + rest - own[:, None] - rest.T
    loss = np.minimum(gain, 0.0) ** 2
    loss[known[np.ix_(used, used)]] = 0.0
    at = np.searchsorted(used, free)
    return int(np.argmin(loss[at].sum(axis=1)))


def _least_informative(values: Float, free: NDArray[np.intp]) -> int:
    """Return the position in ``free`` of the variable that tells the least of the residuals."""
    total = []
    for j in free:
        root = values[:, j]
        rest = np.delete(values, j, axis=1)
        rest = rest - np.outer(root, root @ rest / (root @ root))
        total.append(kernel_information(root, rest).sum())
    return int(np.argmin(total))
