"""Fitting the networks of `NOTEARSMLP`: the constrained search, then the order's own optimum."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from causalimg.discovery.lagrangian import Relaxed, augmented
from causalimg.discovery.orders import order_of
from causalimg.discovery.relaxation import one_each, to_host
from causalimg.kernels import mlp, reference
from causalimg.kernels.quasi_newton import Minimum, minimise

Float = NDArray[np.float64]
Bool = NDArray[np.bool_]
Int = NDArray[np.int64]
H_TOLERANCE = 1e-3  # the rest of the cycles is cut
TOLERANCE = 1e-4  # over ten evaluations
FIRST_WEIGHT = 0.1  # of the constraint, over its square at the start
LEAST_GAIN = 1e-3  # fall of the objective for which the order is changed


@dataclass(frozen=True, eq=False)
class Networks:
    """One problem: the rows and the penalties of the networks that are to predict them.

    Parameters
    ----------
    rows : array, shape (n_samples, d)
        On the device that computes.
    layout : mlp.Layout
    penalty : array, shape (d, width)
        L1, zero for required edges and for all but the first layers.
    ridge : float
    equal_variance : bool
    max_iter : int
    kernels : module
    """

    rows: Any
    layout: mlp.Layout
    penalty: Any
    ridge: float
    equal_variance: bool
    max_iter: int
    kernels: Any

    @classmethod
    def of(
        cls,
        rows: Float,
        required: Bool,
        *,
        hidden: int,
        lambda1: float,
        ridge: float,
        equal_variance: bool,
        max_iter: int,
        device: str,
    ) -> Networks:
        """Set up the problem on ``device``; ``required`` with row = cause."""
        layout = mlp.Layout(rows.shape[1], hidden)
        penalty = np.zeros((layout.d, layout.width))
        penalty[:, : hidden * layout.d] = np.tile(np.where(required.T, 0.0, lambda1), hidden)
        kernels: Any = reference
        there: list[Any] = [rows, penalty]
        if device == "cuda":
            from causalimg.kernels import cuda

            kernels, there = cuda, [cuda.to_device(a) for a in there]
        return cls(there[0], layout, there[1], ridge, equal_variance, max_iter, kernels)

    def loss(self, theta: Any) -> tuple[Any, Any]:
        """Value and gradient of all but the L1 penalty."""
        return mlp.mlp_loss(
            theta, self.rows, self.layout, ridge=self.ridge, equal_variance=self.equal_variance
        )

    def free(self, may: Bool) -> Any:
        """Return which parameters may differ from zero for edges ``may`` (row = cause)."""
        layout = self.layout
        free = np.ones((layout.d, layout.width))
        free[:, : layout.m * layout.d] = np.tile(may.T.astype(np.float64), layout.m)
        return reference.array_module(self.rows).asarray(free)

    def initial(self, n_starts: int, seed: int | None) -> Any:
        """Return random networks, shape (n_starts, d, width); offsets are zero.

        The first layers are not zero, as in the published algorithm: from there an effect without
        a linear part, such as a parabola, cannot be found.
        """
        rng = np.random.default_rng(seed)
        theta = rng.uniform(-1.0, 1.0, (n_starts, self.layout.d, self.layout.width))
        theta[..., -1] = 0.0
        return reference.array_module(self.rows).asarray(theta)

    def search(self, allowed: Bool, n_starts: int, seed: int | None) -> list[Relaxed]:
        """Run the augmented Lagrangian from every start, as one batch.

        The networks first learn without the constraint, whose weight then begins so small that it
        does not undo this: from nothing, effects without a linear part do not come back.
        """
        xp = reference.array_module(self.rows)
        free = self.free(allowed)
        start = self._minimum(self.initial(n_starts, seed), free).point

        def acyclicity(theta: Any) -> tuple[Any, Any]:
            return mlp.mlp_acyclicity(theta, self.layout)

        found = augmented(
            self.loss, acyclicity, self.penalty, free, start,
            h_tolerance=H_TOLERANCE, tolerance=TOLERANCE, max_iter=self.max_iter,
            rho=FIRST_WEIGHT / xp.maximum(acyclicity(start)[0], 1.0) ** 2, kernels=self.kernels,
        )  # fmt: skip
        return one_each(found)

    def settle(self, loose: Relaxed, allowed: Bool, before: Bool, seed: int | None) -> Settled:
        """Fix the order that the search ended with, improve it, and minimise without constraint.

        Given an order the nodes are separate problems, so that exchanging two neighbours in it
        changes two of them. All exchanges are tried as one batch, and those that lower the
        objective are made, until none does.
        """
        xp = reference.array_module(self.rows)
        strength = to_host(mlp.mlp_strength(xp.asarray(loose.weights), self.layout))[0]
        order, cut = order_of(strength, before)
        end = self._minimum(xp.asarray(loose.weights), self.free(_earlier(order, allowed)))
        fresh = self.initial(1, seed)[0]
        exchanges = 0
        for _ in range(2 * self.layout.d):
            order, made, point = self._exchange(order, end.point[0], fresh, allowed, before)
            if not made:
                break
            exchanges += made
            end = self._minimum(point[None], self.free(_earlier(order, allowed)))
        free = self.free(_earlier(order, allowed))
        slope = self.loss(end.point)[1]
        steepest = self.kernels.pseudo_gradient(end.point, slope, self.penalty) * free
        return Settled(order, cut, exchanges, end, float(xp.abs(steepest).max()))

    def _minimum(self, start: Any, free: Any) -> Minimum:
        return minimise(
            self.loss, start, self.penalty, free,
            tolerance=TOLERANCE, max_ticks=self.max_iter, kernels=self.kernels,
        )  # fmt: skip

    def _exchange(
        self, order: Int, point: Any, fresh: Any, allowed: Bool, before: Bool
    ) -> tuple[Int, int, Any]:
        """Try to exchange each pair of neighbours; return order, exchanges made, parameters."""
        xp, layout = reference.array_module(self.rows), self.layout
        pairs = [
            (k, int(order[k]), int(order[k + 1]))
            for k in range(layout.d - 1)
            if not before[order[k], order[k + 1]]
        ]
        if not pairs:
            return order, 0, point
        now = _earlier(order, allowed)
        nodes = [node for _, a, b in pairs for node in (a, b)]
        may = np.stack([now[:, node] for node in nodes])
        start = point[nodes]
        first = start[:, : layout.m * layout.d].reshape(len(nodes), layout.m, layout.d)
        for row, (_, a, b) in enumerate(pairs):
            may[2 * row, b] = allowed[b, a]
            may[2 * row + 1, a] = False
            first[2 * row, :, b] = fresh[a, : layout.m * layout.d].reshape(layout.m, -1)[:, b]
        free = np.ones((len(nodes), layout.width))
        free[:, : layout.m * layout.d] = np.tile(may.astype(np.float64), layout.m)
        start[:, : layout.m * layout.d] = first.reshape(len(nodes), -1)
        both = xp.concatenate([start, point[nodes]])[:, None]
        targets = xp.swapaxes(self.rows[:, nodes + nodes], 0, 1)[..., None]
        open_ = xp.concatenate([xp.asarray(free), self.free(now)[nodes]])[:, None]

        def loss(theta: Any) -> tuple[Any, Any]:
            return mlp.mlp_loss(
                theta, self.rows, layout,
                ridge=self.ridge, equal_variance=self.equal_variance, targets=targets,
            )  # fmt: skip

        found = minimise(
            loss, both, self.penalty[nodes + nodes][:, None], open_,
            tolerance=TOLERANCE, max_ticks=self.max_iter, kernels=self.kernels,
        )  # fmt: skip
        value = to_host(found.value)
        gain = value[len(nodes) :] - value[: len(nodes)]
        order, point, made, taken = order.copy(), xp.array(point), 0, set[int]()
        for row in np.argsort(-(gain[0::2] + gain[1::2])):
            k, a, b = pairs[int(row)]
            if gain[2 * row] + gain[2 * row + 1] <= LEAST_GAIN:
                break
            if {k, k + 1} & taken:
                continue
            taken |= {k, k + 1}
            order[k], order[k + 1] = b, a
            point[a], point[b] = found.point[2 * row, 0], found.point[2 * row + 1, 0]
            made += 1
        return order, made, point


def _earlier(order: Int, allowed: Bool) -> Bool:
    """Return which edges an order leaves possible, row = cause."""
    place = np.argsort(order)
    return np.asarray((place[:, None] < place[None, :]) & allowed)


@dataclass(frozen=True, eq=False)
class Settled:
    """Exactly acyclic networks.

    Parameters
    ----------
    order : ndarray of int, shape (d,)
    cut : float
        Norm at which the last cycle was cut.
    exchanges : int
        Of neighbours in the order, after that.
    end : Minimum
    optimality : float
        Largest entry of the subgradient.
    """

    order: Int
    cut: float
    exchanges: int
    end: Minimum
    optimality: float
