"""Multinomial logistic regression by Newton steps, for tests and imputations."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]
Int = NDArray[np.intp]
_STEPS = 60


def fit_multinomial(design: Float, codes: Int, *, ridge: float = 1e-6) -> tuple[Float, float]:
    """Fit the probabilities of classes 0..k-1, class 0 as reference.

    The ridge penalty, on all but the first column (the intercept), keeps the coefficients finite
    when classes are separated; the likelihood is then at its bound all the same.

    Parameters
    ----------
    design : ndarray, shape (n, q)
        The first column is the intercept; the others of about unit size.
    codes : ndarray of int, shape (n,)
    ridge : float

    Returns
    -------
    coefficients : ndarray, shape (k - 1, q)
    log_likelihood : float

    Examples
    --------
    >>> design = np.ones((4, 1))
    >>> slope, log_likelihood = fit_multinomial(design, np.array([0, 1, 1, 1]))
    >>> round(float(slope[0, 0]), 3), round(log_likelihood, 3)
    (1.099, -2.249)
    """
    n, q = design.shape
    k = int(codes.max()) + 1
    hit = np.zeros((n, k - 1))
    inside = codes > 0
    hit[np.flatnonzero(inside), codes[inside] - 1] = 1.0
    share = np.bincount(codes, minlength=k) / n
    slope = np.zeros((k - 1, q))
    slope[:, 0] = np.log(np.maximum(share[1:], 1e-12) / max(share[0], 1e-12))
    penalty = np.full(q, ridge)
    penalty[0] = 0.0

    def value(beta: Float) -> tuple[float, Float, float]:
        score = design @ beta.T
        top = np.maximum(score.max(axis=1), 0.0)
        raised = np.exp(score - top[:, None])
        whole = raised.sum(axis=1) + np.exp(-top)
        likelihood = float((score * hit).sum() - (np.log(whole) + top).sum())
        objective = likelihood - 0.5 * float((beta**2 * penalty).sum())
        return objective, raised / whole[:, None], likelihood

    now, p, likelihood = value(slope)
    for _ in range(_STEPS):
        gradient = (hit - p).T @ design - slope * penalty
        hessian = np.empty((k - 1, q, k - 1, q))
        for a in range(k - 1):
            for b in range(a, k - 1):
                weight = p[:, a] * ((a == b) - p[:, b])
                block = (design * weight[:, None]).T @ design
                hessian[a, :, b, :] = block
                hessian[b, :, a, :] = block.T
        flat = hessian.reshape((k - 1) * q, (k - 1) * q)
        flat[np.diag_indices_from(flat)] += np.tile(penalty, k - 1) + 1e-10
        step = np.linalg.solve(flat, gradient.ravel()).reshape(k - 1, q)
        size = 1.0
        while size > 1e-4:
            new, p_new, likelihood_new = value(slope + size * step)
            if new >= now - 1e-12:
                break
            size /= 2
        else:
            break
        gain = new - now
        slope, now, p, likelihood = slope + size * step, new, p_new, likelihood_new
        if gain < 1e-8:
            break
    return slope, likelihood


def probabilities(design: Float, slope: Float) -> Float:
    """Return the probability of each class in each row, shape (n, k).

    Examples
    --------
    >>> probabilities(np.ones((1, 1)), np.zeros((1, 1))).tolist()
    [[0.5, 0.5]]
    """
    score = np.column_stack([np.zeros(len(design)), design @ slope.T])
    raised = np.exp(score - score.max(axis=1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True))
