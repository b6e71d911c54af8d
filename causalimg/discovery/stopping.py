"""How a search ended, as data with advice."""

from __future__ import annotations

from enum import StrEnum


class Convergence(StrEnum):
    """How a continuous search ended; `advice` says what to do about it."""

    LOCAL_OPTIMUM = "local_optimum"
    CONSTRAINT_LEFT = "constraint_left"
    SWEEPS_LEFT = "sweeps_left"
    LASSO_LEFT = "lasso_left"
    EVALUATIONS_LEFT = "evaluations_left"

    @property
    def advice(self) -> str:
        """What it means, and what to do."""
        return _ADVICE[self]


_ADVICE = {
    Convergence.LOCAL_OPTIMUM: (
        "No move of one node in the order that was looked at lowers the objective. The problem is"
        " not convex: more starts (n_starts) may find a lower one."
    ),
    Convergence.CONSTRAINT_LEFT: (
        "The augmented Lagrangian stopped with cycles left; its weights were cut to the first"
        " acyclic graph before the exact polish, so the result is acyclic all the same. Prefer"
        " solver='best' or 'order'."
    ),
    Convergence.SWEEPS_LEFT: (
        "The search of orders was stopped by its limit of sweeps while it still improved; the"
        " result is a valid graph and not a local optimum."
    ),
    Convergence.LASSO_LEFT: (
        "The lasso of some nodes was stopped by its limit of steps, so their coefficients are not"
        " exact; columns are close to linearly dependent. Remove near-copies with"
        " RedundancyFilter."
    ),
    Convergence.EVALUATIONS_LEFT: (
        "The last fit was stopped by its limit of evaluations while it still improved; the result"
        " is a valid graph. Raise max_iter."
    ),
}
