"""Inner products of features and residual per environment, and where they agree."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_STEPS = 200


@dataclass(frozen=True, eq=False)
class InnerProducts:
    """Moments of (outcome, features) that give those of any residual.

    For a residual y - x b, the moments of an environment are its covariance with every feature and
    its mean. They, and their sampling covariance, are polynomials of b with coefficients that are
    averages over the rows.

    Parameters
    ----------
    mean : ndarray of shape (n_environments, d + 1, d + 1)
        Moment by coefficient of (y, x).
    square : ndarray of shape (n_environments, d + 1, d + 1, d + 1, d + 1)
        Second moments of the summands, divided by the number of rows.
    n : ndarray of shape (n_environments,)
    """

    mean: Array
    square: Array
    n: Array

    @classmethod
    def of(cls, x: Array, y: Array, codes: NDArray[np.intp]) -> InnerProducts:
        """Compute them from rows; columns should be of one scale."""
        d = x.shape[1]
        count = int(codes.max()) + 1
        mean = np.empty((count, d + 1, d + 1))
        square = np.empty((count, d + 1, d + 1, d + 1, d + 1))
        n = np.bincount(codes).astype(np.float64)
        for e in range(count):
            both = np.hstack([y[codes == e, None], x[codes == e]])
            centre = both.mean(axis=0)
            both = both - centre
            with_one = np.hstack([both[:, 1:], np.ones((len(both), 1))])
            products = (with_one[:, :, None] * both[:, None, :]).reshape(len(both), -1)
            mean[e] = products.mean(axis=0).reshape(d + 1, d + 1)
            second = products.T @ products / len(both) - np.outer(mean[e], mean[e])
            square[e] = second.reshape((d + 1,) * 4) / (len(both) - 1)
            mean[e, d] = centre
        return cls(mean, square, n)

    @property
    def slope(self) -> Array:
        """How the contrasts of the moments with the first environment fall with b, (m, d)."""
        gap = self.mean[1:] - self.mean[0]
        return np.asarray(gap[:, :, 1:].reshape(-1, gap.shape[2] - 1))

    @property
    def constant(self) -> Array:
        """The contrasts at b = 0, shape (m,)."""
        return np.asarray((self.mean[1:] - self.mean[0])[:, :, 0].ravel())

    def covariance(self, theta: Array) -> Array:
        """Return the sampling covariance of the contrasts for the residual theta' (y, x)."""
        own = np.einsum("eaibj,i,j->eab", self.square, theta, theta, optimize=True)
        return self._contrasted(own)

    def _contrasted(self, own: Array) -> Array:
        count, k = len(own) - 1, own.shape[1]
        out = np.tile(own[0], (count, count))
        for e in range(count):
            out[e * k : (e + 1) * k, e * k : (e + 1) * k] += own[e + 1]
        return out

    def distance(self, b: Array) -> tuple[float, Array]:
        """Return the squared distance of the contrasts from zero, in their noise, and gradient."""
        theta = np.concatenate([[1.0], -b])
        gap = self.constant - self.slope @ b
        half = np.einsum("eaibj,j->eaib", self.square, theta, optimize=True)
        own = np.einsum("eaib,i->eab", half, theta)
        solved = _solve(self._contrasted(own), gap)
        gradient = -2 * self.slope.T @ solved
        # the covariance falls with b_k by twice the symmetric part of half[:, :, k]
        parts = solved.reshape(len(own) - 1, -1)
        total = parts.sum(axis=0)
        by = 2 * np.einsum("a,aib,b->i", total, half[0], total)
        by = by + 2 * np.einsum("ea,eaib,eb->i", parts, half[1:], parts)
        return float(gap @ solved), gradient + by[1:]

    def start(self) -> Array:
        """Return the coefficients that bring the contrasts nearest to zero, equally weighted."""
        return np.asarray(np.linalg.lstsq(self.slope, self.constant, rcond=1e-10)[0])

    def minimise(self, start: Array, fixed: int | None = None) -> tuple[float, Array]:
        """Minimise the distance over b, or over all but one coefficient, which stays zero."""
        from scipy.optimize import minimize

        free = np.array([k for k in range(len(start)) if k != fixed], dtype=np.intp)
        full = np.zeros(len(start))
        if not len(free):
            return self.distance(full)[0], full

        def objective(part: Array) -> tuple[float, Array]:
            full[free] = part
            value, gradient = self.distance(full)
            return value, gradient[free]

        found = minimize(
            objective, start[free], jac=True, method="BFGS", options={"maxiter": _STEPS}
        )
        best = np.zeros(len(start))
        best[free] = found.x
        return float(found.fun), best


def _solve(covariance: Array, gap: Array) -> Array:
    values, vectors = np.linalg.eigh(covariance)
    good = values > 1e-12 * values[-1]
    return np.asarray(vectors[:, good] @ ((vectors[:, good].T @ gap) / values[good]))
