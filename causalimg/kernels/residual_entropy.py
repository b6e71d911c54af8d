"""Approximate entropies of the residuals of all pairs of columns, in one pass over the rows.

For each pair the residual is formed, standardised and summed row by row, so that nothing but the
columns is read. Two exponentials a row are what it costs: ``log cosh u`` is
``|u| + log(1 + exp(-2 |u|)) - log 2``, and the logarithm is taken once of the product of up to 512
such factors, of at most 2 each.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

K1, K2, GAMMA = 79.047, 7.4129, 0.37457
NORMAL = (1 + math.log(2 * math.pi)) / 2
_FACTORS = 512
_LOG2E = 1 / math.log(2)
_LN2_HIGH = 6.93145751953125e-1  # exact in few bits, so that its multiples are
_LN2_LOW = 1.428606820309417232121458e-6  # log 2 less the above
_TERMS = tuple(1 / math.factorial(k) for k in range(13))
_SUMS = {"reassoc", "contract", "nsz", "arcp"}  # lets the sums over rows run side by side


@njit(cache=True, nogil=True, fastmath={"contract"})
def exponential(y: float) -> float:
    """Return ``exp(y)`` for ``y <= 0``, to rounding, in operations that vectorise.

    ``y = k log 2 + r`` with ``|r| <= log(2) / 2``: Taylor's series of ``exp(r)``, and ``2**k`` by
    its bits. Below -700 it is that of -700.
    """
    y = max(y, -700.0)
    k = np.floor(y * _LOG2E + 0.5)
    r = (y - k * _LN2_HIGH) - k * _LN2_LOW
    total = _TERMS[12]
    total = total * r + _TERMS[11]
    total = total * r + _TERMS[10]
    total = total * r + _TERMS[9]
    total = total * r + _TERMS[8]
    total = total * r + _TERMS[7]
    total = total * r + _TERMS[6]
    total = total * r + _TERMS[5]
    total = total * r + _TERMS[4]
    total = total * r + _TERMS[3]
    total = total * r + _TERMS[2]
    total = total * r + 1.0
    total = total * r + 1.0
    bits = (np.int64(k) + np.int64(1023)) << np.int64(52)
    return float(total * np.int64(bits).view(np.float64))


@njit(cache=True, nogil=True, fastmath=_SUMS, error_model="numpy")
def residual_entropies(columns: np.ndarray, corr: np.ndarray) -> np.ndarray:
    """Return ``[i, j]``: the entropy of the standardised residual of i regressed on j.

    Parameters
    ----------
    columns : ndarray, shape (k, n)
        Standardised, one column of the table a row.
    corr : ndarray, shape (k, k)
        Their correlations. The diagonal of the result is the entropy of the column itself.
    """
    k, n = columns.shape
    out = np.empty((k, k))
    for j in range(k):
        for i in range(k):
            slope = 0.0 if i == j else corr[i, j]
            scale = 1.0 / np.sqrt(1.0 - slope * slope)
            size = 0.0
            odd = 0.0
            logarithm = 0.0
            for first in range(0, n, _FACTORS):
                product = 1.0
                for t in range(first, min(first + _FACTORS, n)):
                    u = (columns[i, t] - slope * columns[j, t]) * scale
                    size += abs(u)
                    product *= 1.0 + exponential(-2.0 * abs(u))
                    odd += u * exponential(-0.5 * u * u)
                logarithm += np.log(product)
            cosh = (size + logarithm) / n - np.log(2.0)
            out[i, j] = NORMAL - K1 * (cosh - GAMMA) ** 2 - K2 * (odd / n) ** 2
    return out
