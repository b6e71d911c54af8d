"""Fisher-z tests of conditional independence from moments, with categorical nodes as blocks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from causalimg.errors import InvalidInputError, NotEstimableError, UnknownNameError, nearest
from causalimg.tables.moments import Moments

Float = NDArray[np.float64]
Int = NDArray[np.intp]
_FLAT = 1e-10  # a partial variance below this share of the variance is rounding
_CHUNK = 1 << 20  # numbers per stacked array


@dataclass(frozen=True)
class TestResult:
    """Outcome of one test.

    Parameters
    ----------
    statistic : float
        Fisher's z (standard normal) for two scalar nodes, Bartlett's chi-square for blocks.
    p_value : float
    dof : float
        ``n - q - 3`` for Fisher's z, ``px * py`` for blocks; q conditioning columns.
    effect_size : float
        Partial correlation; for blocks ``sqrt(1 - lambda ** (1 / min(px, py)))``, 0 to 1.
    """

    __test__ = False  # not a pytest class

    statistic: float
    p_value: float
    dof: float
    effect_size: float


class FisherZ:
    """Test of conditional independence of two nodes given others, for linear Gaussian relations.

    Two scalar nodes: the partial correlation r and Fisher's z = atanh(r) sqrt(n - q - 3). A
    categorical node with k levels is a block of k - 1 columns: Wilks' lambda of the two blocks'
    partial covariance, with Bartlett's chi-square of px * py degrees of freedom. With one
    column on each side both test the same hypothesis.

    Parameters
    ----------
    moments : Moments
        No node may be constant.

    Raises
    ------
    InvalidInputError
        If a node is constant.

    Notes
    -----
    Assumptions: relations are linear and the residuals have the same normal distribution
    everywhere; for categorical nodes, dependence shows in the group means (not only in the
    variances).

    References
    ----------
    Fisher RA. The distribution of the partial correlation coefficient. Metron 1924;3:329-332.
    Bartlett MS. Further aspects of the theory of multiple regression. Proc Camb Phil Soc
    1938;34:33-40. doi:10.1017/S0305004100019897

    Examples
    --------
    >>> chain = Moments(("a", "b", "c"), 200, np.zeros(3),
    ...     np.array([[1.0, 0.6, 0.36], [0.6, 1.0, 0.6], [0.36, 0.6, 1.0]]),
    ...     {name: np.array([k]) for k, name in enumerate("abc")}, {})
    >>> test = FisherZ(chain)
    >>> test("a", "c").p_value < 0.001, round(test("a", "c", ["b"]).p_value, 3)
    (True, 1.0)
    """

    def __init__(self, moments: Moments) -> None:
        moments = moments.select(moments.columns)  # each block's columns side by side
        self.moments = moments
        self.nodes = moments.columns
        self.n = float(moments.n)
        self.width = moments.width
        self.correlation = moments.correlation()
        self._scalar = bool((self.width == 1).all())
        self._first = np.array([moments.blocks[name][0] for name in self.nodes], dtype=np.intp)

    def _index(self, name: str) -> int:
        if name not in self.nodes:
            raise UnknownNameError(f"no node is called {name!r}{nearest(name, self.nodes)}")
        return self.nodes.index(name)

    def __call__(self, x: str, y: str, given: Sequence[str] = ()) -> TestResult:
        """Test ``x`` independent of ``y`` given ``given``.

        Raises
        ------
        UnknownNameError
            If a node is not in the moments.
        InvalidInputError
            If a node is named twice.
        NotEstimableError
            If there are too few rows for the conditioning set, or a node is a linear function
            of the conditioning set.
        """
        names = [x, y, *((given,) if isinstance(given, str) else given)]
        if len(set(names)) < len(names):
            raise InvalidInputError(f"a test needs different nodes; got {names}")
        at = [np.array([self._index(name)]) for name in names]
        z = np.array([[int(k[0]) for k in at[2:]]], dtype=np.intp).reshape(1, -1)
        statistic, p_value, dof, effect = self.batch(at[0], at[1], z)
        return TestResult(float(statistic[0]), float(p_value[0]), float(dof[0]), float(effect[0]))

    def largest_condition(self) -> int:
        """Return the size up to which every conditioning set leaves enough rows for a test."""
        widest = np.cumsum(np.sort(self.width)[::-1])
        room = self.n - 3 - (0 if self._scalar else 2 * int(self.width.max()))
        return int((widest < room).sum())

    def batch(self, x: Int, y: Int, z: Int) -> tuple[Float, Float, Float, Float]:
        """Test many triples at once.

        Parameters
        ----------
        x, y : ndarray of int, shape (m,)
            Node positions.
        z : ndarray of int, shape (m, q)
            Conditioning nodes of each test.

        Returns
        -------
        statistic, p_value, dof, effect_size : ndarray, shape (m,)
        """
        if self._scalar:
            return self._scalars(x, y, z)
        single = self.width == 1
        plain = single[x] & single[y] & single[z].all(axis=1)
        out = np.empty((4, len(x)))
        out[:, plain] = self._scalars(x[plain], y[plain], z[plain])
        mixed = np.flatnonzero(~plain)
        shape = np.column_stack([self.width[x[mixed]], self.width[y[mixed]], self.width[z[mixed]]])
        kinds, member = np.unique(shape, axis=0, return_inverse=True)
        for k in range(len(kinds)):
            rows = mixed[member.ravel() == k]
            parts = [self._columns(z[rows, i]) for i in range(z.shape[1])]
            given = np.hstack(parts) if parts else np.empty((len(rows), 0), dtype=np.intp)
            out[:, rows] = self._same_width(self._columns(x[rows]), self._columns(y[rows]), given)
        return out[0], out[1], out[2], out[3]

    def _scalars(self, x: Int, y: Int, z: Int) -> tuple[Float, Float, Float, Float]:
        return self._same_width(self._first[x][:, None], self._first[y][:, None], self._first[z])

    def _columns(self, nodes: Int) -> Int:
        """Return the encoded columns of nodes of one width, shape (m, width)."""
        width = int(self.width[nodes[0]])
        return np.asarray(self._first[nodes][:, None] + np.arange(width))

    def _same_width(self, x: Int, y: Int, z: Int) -> tuple[Float, Float, Float, Float]:
        q = z.shape[1]
        if x.shape[1] == 1 and y.shape[1] == 1:
            dof = self.n - q - 3
            if dof <= 0:
                raise self._too_few(q)
            r = self._partial_scalar(x[:, 0], y[:, 0], z)
            from scipy.special import erfc

            statistic = np.arctanh(np.clip(r, -1 + 1e-15, 1 - 1e-15)) * np.sqrt(dof)
            return statistic, erfc(np.abs(statistic) / np.sqrt(2)), np.full(len(r), dof), r
        px, py = x.shape[1], y.shape[1]
        factor = self.n - 1 - q - (px + py + 1) / 2
        if factor <= 0:
            raise self._too_few(q)
        partial = self._partial_block(x, y, z)
        log_lambda = (
            np.linalg.slogdet(partial)[1]
            - np.linalg.slogdet(partial[:, :px, :px])[1]
            - np.linalg.slogdet(partial[:, px:, px:])[1]
        )
        log_lambda = np.minimum(log_lambda, 0.0)
        from scipy.special import chdtrc

        statistic = -factor * log_lambda
        effect = np.sqrt(-np.expm1(log_lambda / min(px, py)))
        return statistic, chdtrc(px * py, statistic), np.full(len(x), float(px * py)), effect

    def _too_few(self, q: int) -> NotEstimableError:
        return NotEstimableError(
            f"{self.n:g} rows are too few to test given {q} conditioning columns; use a smaller"
            " conditioning set (max_condition) or more rows"
        )

    def _partial_scalar(self, x: Int, y: Int, z: Int) -> Float:
        """Return partial correlations of single columns, shape (m,)."""
        corr = self.correlation
        q = z.shape[1]
        if q == 0:
            return np.asarray(corr[x, y])
        if q == 1:
            a, b, c = corr[x, z[:, 0]], corr[y, z[:, 0]], corr[x, y]
            xx, yy, xy = 1 - a * a, 1 - b * b, c - a * b
        elif q == 2:
            u, v = z[:, 0], z[:, 1]
            xu, xv, yu, yv, uv = corr[x, u], corr[x, v], corr[y, u], corr[y, v], corr[u, v]
            det = 1 - uv * uv
            self._refuse_flat(det, v, z[:, :1])
            xx = 1 - (xu * xu - 2 * xu * xv * uv + xv * xv) / det
            yy = 1 - (yu * yu - 2 * yu * yv * uv + yv * yv) / det
            xy = corr[x, y] - (xu * yu - uv * (xu * yv + xv * yu) + xv * yv) / det
        else:
            partial = self._partial_block(x[:, None], y[:, None], z)
            xx, yy, xy = partial[:, 0, 0], partial[:, 1, 1], partial[:, 0, 1]
        self._refuse_flat(xx, x, z)
        self._refuse_flat(yy, y, z)
        return np.asarray(xy / np.sqrt(xx * yy))

    def _partial_block(self, x: Int, y: Int, z: Int) -> Float:
        """Return the partial covariance of (x, y) given z, shape (m, px + py, px + py)."""
        corr = self.correlation
        pair = np.hstack([x, y])
        out = corr[pair[:, :, None], pair[:, None, :]]
        q = z.shape[1]
        if q:
            step = max(_CHUNK // (q + pair.shape[1]) ** 2, 1)
            for low in range(0, len(z), step):
                part = slice(low, low + step)
                inner = corr[z[part, :, None], z[part, None, :]]
                cross = corr[z[part, :, None], pair[part, None, :]]
                try:
                    solved = np.linalg.solve(inner, cross)
                except np.linalg.LinAlgError as error:
                    raise self._dependent(z[part][np.linalg.det(inner).argmin()]) from error
                out[part] -= cross.transpose(0, 2, 1) @ solved
        for k in range(pair.shape[1]):
            self._refuse_flat(out[:, k, k], pair[:, k], z)
        return np.asarray(out)

    def _refuse_flat(self, variance: Float, column: Int, z: Int) -> None:
        if (variance < _FLAT).any():
            worst = int(np.argmin(variance))
            raise self._dependent(np.append(z[worst], column[worst]))

    def _dependent(self, columns: Int) -> NotEstimableError:
        owner = {int(c): name for name in self.nodes for c in self.moments.blocks[name]}
        named = list(dict.fromkeys(owner[int(c)] for c in columns))
        return NotEstimableError(
            f"columns {named} are linearly dependent in these data, so that no partial"
            " correlation among them exists; drop one (RedundancyFilter names redundant columns)"
        )
