"""The probability of each treatment level given the covariates, and whether there is one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from causalimg.effects.design import Design
from causalimg.errors import NotEstimableError
from causalimg.tables.encode import is_categorical

_RIDGE = 1e-6
_FLAT = 1e-4


@dataclass(frozen=True)
class PropensityFit:
    """A fitted multinomial logistic model.

    Parameters
    ----------
    probability : ndarray of shape (n_samples, n_levels)
        Rows add up to 1.
    coefficient : ndarray of shape (n_parameters, n_levels - 1)
        Log odds against the first level, per standard deviation of each covariate.
    """

    probability: NDArray[np.float64]
    coefficient: NDArray[np.float64]


def fit_multinomial(
    matrix: NDArray[np.float64],
    codes: NDArray[np.intp],
    n_levels: int,
    *,
    ridge: float = _RIDGE,
    start: NDArray[np.float64] | None = None,
    max_iterations: int = 100,
    tolerance: float = 1e-9,
) -> PropensityFit:
    """Fit a multinomial logistic regression by Newton's method.

    Parameters
    ----------
    matrix : ndarray of shape (n_samples, n_parameters)
        First column ones, the others of unit spread.
    codes : ndarray of int, shape (n_samples,)
        Level of each case, 0 to ``n_levels - 1``; level 0 is the base.
    n_levels : int
    ridge : float
        Penalty on the squared coefficients, so small that it matters only where the likelihood
        has no maximum; the intercept is not penalised.
    start : ndarray of shape (n_parameters, n_levels - 1), optional
        Coefficients to start from.

    Returns
    -------
    PropensityFit
        Deterministic.

    Examples
    --------
    >>> ones = np.ones((4, 1))
    >>> fit_multinomial(ones, np.array([0, 1, 1, 1]), 2).probability[0].round(6).tolist()
    [0.25, 0.75]
    """
    p = matrix.shape[1]
    free = n_levels - 1
    target = np.eye(n_levels)[codes][:, 1:]
    penalty = np.full(p, ridge)
    penalty[0] = ridge * 1e-3
    beta = np.zeros((p, free)) if start is None else start.copy()
    value = _objective(matrix, codes, beta, penalty)
    for _ in range(max_iterations):
        fitted = _softmax(matrix @ beta)[:, 1:]
        gradient = matrix.T @ (target - fitted) - penalty[:, None] * beta
        step = np.linalg.solve(_hessian(matrix, fitted, penalty), gradient.T.ravel())
        step = step.reshape(free, p).T
        size = 1.0
        while True:
            moved = _objective(matrix, codes, beta + size * step, penalty)
            if moved >= value - 1e-12 * abs(value) or size < 1e-8:
                break
            size /= 2
        beta = beta + size * step
        value = moved
        if np.abs(size * step).max() < tolerance:
            break
    return PropensityFit(_softmax(matrix @ beta), beta)


def information(
    matrix: NDArray[np.float64], probability: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the information of the multinomial likelihood.

    Parameters
    ----------
    matrix : ndarray of shape (n_samples, n_parameters)
    probability : ndarray of shape (n_samples, n_levels)

    Returns
    -------
    ndarray of shape (n_parameters * (n_levels - 1),) * 2
    """
    return _hessian(matrix, probability[:, 1:], np.full(matrix.shape[1], _RIDGE))


def _softmax(eta: NDArray[np.float64]) -> NDArray[np.float64]:
    full = np.column_stack([np.zeros(len(eta)), eta])
    full = np.exp(full - full.max(axis=1, keepdims=True))
    return np.asarray(full / full.sum(axis=1, keepdims=True))


def _objective(
    matrix: NDArray[np.float64],
    codes: NDArray[np.intp],
    beta: NDArray[np.float64],
    penalty: NDArray[np.float64],
) -> float:
    full = np.column_stack([np.zeros(len(matrix)), matrix @ beta])
    top = full.max(axis=1)
    likelihood = full[np.arange(len(full)), codes] - top
    likelihood = likelihood - np.log(np.exp(full - top[:, None]).sum(axis=1))
    return float(likelihood.sum() - 0.5 * (penalty[:, None] * beta**2).sum())


def _hessian(
    matrix: NDArray[np.float64], fitted: NDArray[np.float64], penalty: NDArray[np.float64]
) -> NDArray[np.float64]:
    p, free = matrix.shape[1], fitted.shape[1]
    out = np.empty((free * p, free * p))
    for a in range(free):
        for b in range(a, free):
            weight = fitted[:, a] * (float(a == b) - fitted[:, b])
            block = (matrix * weight[:, None]).T @ matrix
            out[a * p : (a + 1) * p, b * p : (b + 1) * p] = block
            out[b * p : (b + 1) * p, a * p : (a + 1) * p] = block
    out[np.diag_indices_from(out)] += np.tile(penalty, free)
    return out


def check_separation(frame: pd.DataFrame, design: Design) -> None:
    """Refuse covariates that determine the treatment, one covariate at a time.

    Parameters
    ----------
    frame : pandas.DataFrame
        The rows of ``design``.
    design : Design

    Raises
    ------
    NotEstimableError
        Naming the covariate, its value and the treatment level without cases there, or two levels
        whose ranges do not overlap.
    """
    found: list[str] = []
    levels, codes = design.levels, design.codes
    for column in dict.fromkeys(design.source):
        series = frame[column]
        if is_categorical(series) or series.nunique() <= 2:
            label = series.astype(str).to_numpy()
            values, place = np.unique(label.astype(str), return_inverse=True)
            table = np.zeros((len(values), len(levels)), dtype=np.intp)
            np.add.at(table, (place, codes), 1)
            for value, row in zip(values, table, strict=True):
                for k in np.flatnonzero(row == 0):
                    only = [levels[j] for j in np.flatnonzero(row)]
                    has = (
                        f"has only {design.treatment} {only[0]}, none with"
                        if len(only) == 1
                        else "has no case with"
                    )
                    found.append(
                        f"covariate {column!r} separates treatment {design.treatment!r}:"
                        f" {column}={value} {has} {design.treatment}={levels[k]}"
                        f" (0 of {row.sum()} cases)"
                    )
            continue
        number = series.to_numpy(dtype=np.float64)
        low = np.array([number[codes == k].min() for k in range(len(levels))])
        high = np.array([number[codes == k].max() for k in range(len(levels))])
        for a in range(len(levels)):
            for b in range(len(levels)):
                if high[a] < low[b]:
                    found.append(
                        f"covariate {column!r} separates treatment {design.treatment!r}: with"
                        f" {design.treatment}={levels[a]} it is at most {high[a]:g}, with"
                        f" {design.treatment}={levels[b]} at least {low[b]:g}"
                    )
    if found:
        more = f"; and {len(found) - 3} more like this" if len(found) > 3 else ""
        raise NotEstimableError(
            "; ".join(found[:3]) + more + ". No case there shows what another level would have"
            " given. Leave these cases out, merge levels, or take the covariate out of the"
            " adjustment set if the graph allows it."
        )


def check_flat(design: Design, fit: PropensityFit) -> None:
    """Refuse covariates that determine the treatment together (fitted probabilities 0 and 1).

    The curvature of the likelihood vanishes along a direction that separates the levels; the
    covariate named is the largest part of that direction.

    Raises
    ------
    NotEstimableError
    """
    p = design.matrix.shape[1]
    if p == 1:
        return
    n = len(design.matrix)
    curvature = _hessian(design.matrix, fit.probability[:, 1:], np.zeros(p)) / n
    spread = np.linalg.eigvalsh(design.matrix.T @ design.matrix / n)[0]
    values, vectors = np.linalg.eigh(curvature)
    rarest = float(design.counts.min()) / n
    if values[0] > _FLAT * spread * rarest:
        return
    direction = vectors[:, 0].reshape(len(design.levels) - 1, p)
    size = np.abs(direction[:, 1:])
    level, k = np.unravel_index(int(size.argmax()), size.shape)
    share = float((fit.probability.max(axis=1) > 1 - 1e-4).mean())
    raise NotEstimableError(
        f"the covariates together separate treatment {design.treatment!r}: {share:.0%} of the"
        f" cases have a fitted probability of 0 or 1; the largest part is covariate"
        f" {design.names[k]!r} (for {design.treatment}={design.levels[int(level) + 1]}). No case"
        " there shows what another level would have given. Take a covariate out if the graph"
        " allows it, or leave these cases out."
    )


def fit_propensity(design: Design) -> PropensityFit:
    """Fit the treatment model of a design and refuse perfect prediction.

    Returns
    -------
    PropensityFit

    Raises
    ------
    NotEstimableError
        If the covariates determine the treatment of some cases.
    """
    fit = fit_multinomial(design.matrix, design.codes, len(design.levels))
    check_flat(design, fit)
    return fit
