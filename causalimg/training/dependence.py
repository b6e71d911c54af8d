"""Kernel penalties for continuous attributes: HSIC, its conditional form, and CIRCE."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from causalimg.errors import InvalidInputError, NotEstimableError
from causalimg.training.alignment import On, representation
from causalimg.training.gram import (
    centred,
    median_scale,
    numbers_of,
    rbf,
    squared_distances,
    variable_gram,
)
from causalimg.training.licence import statement as statement_of
from causalimg.training.penalty import Batch, Penalty, needs_of, zero_of


class HSIC(Penalty):
    """Hilbert-Schmidt independence criterion of the features and a variable.

    ``tr(H K H L) / n²``: zero in the population if and only if they are independent.

    Parameters
    ----------
    attribute : str
    on : {"features", "logits"}
    statement, reason : str

    Notes
    -----
    Assumptions: content and attribute are independent in the graph.

    References
    ----------
    Gretton A, Bousquet O, Smola A, Schölkopf B. Measuring statistical dependence with
    Hilbert-Schmidt norms. ALT 2005. doi:10.1007/11564089_7

    Examples
    --------
    >>> from causalimg.training.check import example_batch
    >>> bool(HSIC("age")(example_batch(1.5)) > 2 * HSIC("age")(example_batch(0.0)))
    True
    """

    def __init__(
        self, attribute: str, *, on: On = "features", statement: str = "", reason: str = ""
    ) -> None:
        super().__init__(statement or statement_of(on, attribute, ()), reason)
        self.attribute = attribute
        self.needs = (attribute,)
        self.on = on

    def forward(self, batch: Batch) -> Tensor:
        """Return the biased estimate over the batch."""
        x = representation(batch, self.on)
        if len(x) < 2:
            return zero_of(batch)
        other = variable_gram(batch.variable(self.attribute), x.dtype)
        return (centred(rbf(x)) * centred(other)).sum() / len(x) ** 2


def regression_weights(given: Tensor, ridge: float) -> Tensor:
    """Return ``(K + n·ridge·I)^-1 K`` of a Gram matrix: column i weighs the rows near row i."""
    n = len(given)
    eye = torch.eye(n, dtype=given.dtype, device=given.device)
    weights: Tensor = torch.linalg.solve(given + n * ridge * eye, given)
    return weights


class HSCIC(Penalty):
    """Hilbert-Schmidt conditional independence criterion of features and attribute.

    At each row the HSIC of kernel-regression weights centred there; their mean.

    Parameters
    ----------
    attribute : str
    given : sequence of str
    ridge : float
        Regularisation of the regression on ``given``.
    on : {"features", "logits"}
    outcome : str
        Name that the outcome goes by in ``given``.
    statement, reason : str

    Notes
    -----
    Assumptions: content and attribute are independent given ``given`` in the graph.

    One linear solve of the batch size; a small batch estimates it badly (CIRCE less so).

    References
    ----------
    Park J, Muandet K. A measure-theoretic approach to kernel conditional mean embeddings.
    NeurIPS 2020. doi:10.48550/arXiv.2002.03689

    Examples
    --------
    >>> from causalimg.training.check import example_batch
    >>> penalty = HSCIC("age", given=["outcome"])
    >>> bool(penalty(example_batch(1.5)) > 2 * penalty(example_batch(0.0)))
    True
    """

    def __init__(
        self,
        attribute: str,
        *,
        given: Sequence[str],
        ridge: float = 1e-2,
        on: On = "features",
        outcome: str = "outcome",
        statement: str = "",
        reason: str = "",
    ) -> None:
        super().__init__(statement or statement_of(on, attribute, given), reason)
        if not given:
            raise InvalidInputError("HSCIC needs a variable in given=; without one use HSIC")
        if not ridge > 0:
            raise InvalidInputError(f"ridge={ridge!r} must be above 0")
        self.attribute = attribute
        self.given = tuple(given)
        self.needs = needs_of(attribute, given, outcome)
        self.ridge = ridge
        self.on = on
        self.outcome = outcome

    def forward(self, batch: Batch) -> Tensor:
        """Return the mean over the rows."""
        x = representation(batch, self.on)
        if len(x) < 2:
            return zero_of(batch)
        first = rbf(x)
        second = variable_gram(batch.variable(self.attribute, self.outcome), x.dtype)
        third = torch.ones_like(first)
        for name in self.given:
            third = third * variable_gram(batch.variable(name, self.outcome), x.dtype)
        w = regression_weights(third, self.ridge)
        of_first, of_second = first @ w, second @ w
        joint = (w * ((first * second) @ w)).sum(dim=0)
        cross = (w * of_first * of_second).sum(dim=0)
        product = (w * of_first).sum(dim=0) * (w * of_second).sum(dim=0)
        return (joint - 2 * cross + product).mean()


class CIRCE(Penalty):
    """Conditional independence regression covariance: HSIC with the attribute's residual.

    The regression of the attribute (in feature space) on the outcome is learned once on rows
    held out, `fit`; in training the features are compared with what is left of the attribute.

    Parameters
    ----------
    attribute : str
    given : sequence of str
    ridge : float or sequence of float
        Regularisation of the held-out regression; of several the one with the smallest
        leave-one-out error is taken.
    on : {"features", "logits"}
    outcome : str
        Name that the outcome goes by in ``given``.
    statement, reason : str

    Notes
    -----
    Assumptions: content and attribute are independent given ``given`` in the graph; the rows held
    out are like those trained on.

    References
    ----------
    Pogodin R, Deka N, Li Y, Sutherland DJ, Veitch V, Gretton A. Efficient conditionally invariant
    representation learning. ICLR 2023. doi:10.48550/arXiv.2212.08645

    Examples
    --------
    >>> from causalimg.training.check import example_batch
    >>> held = example_batch(0.0, seed=1)
    >>> rows = {"age": held.variables["age"], "outcome": held.outcome}
    >>> penalty = CIRCE("age", given=["outcome"]).fit(rows)
    >>> bool(penalty(example_batch(1.5)) > 3 * penalty(example_batch(0.0)))
    True
    """

    def __init__(
        self,
        attribute: str,
        *,
        given: Sequence[str],
        ridge: float | Sequence[float] = (1e-4, 1e-3, 1e-2, 1e-1),
        on: On = "features",
        outcome: str = "outcome",
        statement: str = "",
        reason: str = "",
    ) -> None:
        super().__init__(statement or statement_of(on, attribute, given), reason)
        if not given:
            raise InvalidInputError("CIRCE needs a variable in given=; without one use HSIC")
        self.attribute = attribute
        self.given = tuple(given)
        self.needs = needs_of(attribute, given, outcome)
        self.ridges = (ridge,) if isinstance(ridge, int | float) else tuple(ridge)
        self.on = on
        self.outcome = outcome
        self._held: tuple[Tensor, Tensor, Tensor, float, float] | None = None
        self._levels: dict[str, Tensor] = {}

    def fit(self, variables: dict[str, Tensor]) -> CIRCE:
        """Learn the attribute's regression on rows that are not trained on.

        Parameters
        ----------
        variables : dict of str to Tensor
            The attribute and every variable of ``given``, one row per case held out.
        """
        missing = [n for n in (self.attribute, *self.given) if n not in variables]
        if missing:
            raise InvalidInputError(f"CIRCE.fit needs {missing}; it got {sorted(variables)}")
        variables = {name: values.detach().cpu() for name, values in variables.items()}
        dtype = torch.float64
        self._levels = {
            name: torch.unique(variables[name])
            for name in (self.attribute, *self.given)
            if not variables[name].is_floating_point()
        }
        z = numbers_of(variables[self.attribute], dtype)
        y = torch.cat([numbers_of(variables[name], dtype) for name in self.given], dim=1)
        if len(z) < 10:
            raise NotEstimableError(f"CIRCE needs at least 10 held-out rows, not {len(z)}")
        z_scale, y_scale = (float(median_scale(squared_distances(v))) for v in (z, y))
        gram_y = torch.exp(-squared_distances(y, y) / (2 * y_scale))
        gram_z = torch.exp(-squared_distances(z, z) / (2 * z_scale))
        errors = [_leave_one_out(gram_y, gram_z, ridge) for ridge in self.ridges]
        best = self.ridges[errors.index(min(errors))]
        n = len(z)
        inverse = torch.linalg.inv(gram_y + n * best * torch.eye(n, dtype=dtype))
        self._held = (z, y, inverse, z_scale, y_scale)
        self.ridge_ = best
        return self

    def forward(self, batch: Batch) -> Tensor:
        """Return the criterion over the batch.

        Raises
        ------
        NotEstimableError
            Before `fit`.
        """
        if self._held is None:
            raise NotEstimableError(
                "CIRCE first learns the attribute's regression on held-out rows: call fit"
            )
        x = representation(batch, self.on)
        held_z, held_y, inverse = (part.to(x.device) for part in self._held[:3])
        z_scale, y_scale = self._held[3:]
        if len(x) < 2:
            return zero_of(batch)
        z = self._coded(batch, self.attribute, held_z.dtype)
        y = torch.cat([self._coded(batch, n, held_y.dtype) for n in self.given], dim=1)
        if z.shape[1] != held_z.shape[1] or y.shape[1] != held_y.shape[1]:
            raise InvalidInputError(
                "a variable of the batch has another number of columns than in the held-out rows"
            )
        w = inverse @ torch.exp(-squared_distances(held_y, y) / (2 * y_scale))
        cross = torch.exp(-squared_distances(held_z, z) / (2 * z_scale))
        own = torch.exp(-squared_distances(z, z) / (2 * z_scale))
        held = torch.exp(-squared_distances(held_z, held_z) / (2 * z_scale))
        half = w.T @ cross
        residual = own - half - half.T + w.T @ held @ w
        given = torch.exp(-squared_distances(y, y) / (2 * y_scale))
        other = (given * residual).to(x.dtype).detach()
        return (centred(rbf(x)) * centred(other)).sum() / len(x) ** 2

    def _coded(self, batch: Batch, name: str, dtype: torch.dtype) -> Tensor:
        return numbers_of(batch.variable(name, self.outcome), dtype, self._levels.get(name))


def _leave_one_out(gram_y: Tensor, gram_z: Tensor, ridge: float) -> float:
    """Return the mean squared leave-one-out error of the regression into feature space."""
    n = len(gram_y)
    eye = torch.eye(n, dtype=gram_y.dtype)
    hat = torch.linalg.solve(gram_y + n * ridge * eye, gram_y).T
    left = eye - hat
    errors = torch.einsum("ij,jk,ik->i", left, gram_z, left)
    return float((errors / torch.diagonal(left) ** 2).mean())
