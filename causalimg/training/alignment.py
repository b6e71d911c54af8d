"""Penalties that align distributions of features: between groups, marginally or given others."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import torch
from torch import Tensor

from causalimg.errors import InvalidInputError
from causalimg.training.gram import BANDWIDTHS, rbf
from causalimg.training.licence import statement as statement_of
from causalimg.training.penalty import Batch, Penalty, groups_of, needs_of, zero_of

On = str
ON = ("features", "logits")


def representation(batch: Batch, on: str) -> Tensor:
    """Return what the statement is about: the features or the logits, shape (n, k)."""
    return batch.flat() if on == "features" else batch.logits.reshape(len(batch.logits), -1)


class ConditionalMMD(Penalty):
    """Maximum mean discrepancy between an attribute's groups, within strata of a given set.

    ``MMD²(f | a, t ; f | a', t)``, averaged over the strata t and pairs of groups that the batch
    holds. With ``given=()`` it is the marginal MMD.

    Parameters
    ----------
    attribute : str
        A categorical variable of the batch.
    given : sequence of str
        Categorical variables (the outcome among them, by ``outcome``).
    on : {"features", "logits"}
    outcome : str
        Name that the outcome goes by in ``given``.
    min_group : int
        Groups with fewer rows of the batch are left out.
    unbiased : bool
        Leave out each row's similarity to itself, so that the mean is 0 (a value may be negative)
        where the statement holds. The biased form is never negative, but in small groups it
        rewards features that do not vary at all.
    bandwidths : sequence of float
        Of the Gaussian kernels, in units of ``scale``.
    scale : float, optional
        A squared distance; by default the median of the batch, so that the unit of the features
        does not matter. Fixed (such as 1 for logits), features that are small count as alike.
    statement, reason : str
        From the plan.

    Notes
    -----
    Assumptions: content and attribute are independent given ``given`` (a plan's statement), and
    every batch holds rows of several groups in some stratum.

    References
    ----------
    Gretton A, Borgwardt KM, Rasch MJ, Schölkopf B, Smola A. A kernel two-sample test. JMLR
    2012;13:723-773. Kaur JN, Kiciman E, Sharma A. ICLR 2023. doi:10.48550/arXiv.2206.07837

    Examples
    --------
    >>> a = torch.tensor([0, 0, 1, 1])
    >>> x = torch.tensor([[0.0], [1.0], [0.0], [1.0]])
    >>> batch = Batch(x, x[:, 0], torch.zeros(4), {"scanner": a})
    >>> float(ConditionalMMD("scanner", unbiased=False)(batch))
    0.0
    """

    def __init__(
        self,
        attribute: str,
        *,
        given: Sequence[str] = (),
        on: On = "features",
        outcome: str = "outcome",
        min_group: int = 2,
        unbiased: bool = True,
        bandwidths: Sequence[float] = BANDWIDTHS,
        scale: float | None = None,
        statement: str = "",
        reason: str = "",
    ) -> None:
        super().__init__(statement or statement_of(on, attribute, given), reason)
        if on not in ON:
            raise InvalidInputError(f"on={on!r} must be 'features' or 'logits'")
        if min_group < 1 + unbiased:
            raise InvalidInputError(
                f"min_group={min_group} must be at least 2, or 1 with unbiased=False"
            )
        self.attribute = attribute
        self.given = tuple(given)
        self.needs = needs_of(attribute, given, outcome)
        self.on = on
        self.outcome = outcome
        self.min_group = min_group
        self.unbiased = unbiased
        if scale is not None and not scale > 0:
            raise InvalidInputError(f"scale={scale!r} must be above 0, or None for the median")
        self.bandwidths = tuple(bandwidths)
        self.scale = scale

    def _groups(self, batch: Batch) -> list[list[Tensor]]:
        """Return for each stratum the shares of the rows in each of its groups."""
        attribute = groups_of(batch.variable(self.attribute, self.outcome))
        n = len(attribute)
        columns = [batch.variable(name, self.outcome) for name in self.given]
        strata = groups_of(*columns) if columns else torch.zeros_like(attribute)
        dtype = representation(batch, self.on).dtype
        weights = torch.ones(n, dtype=dtype, device=attribute.device)
        if batch.weights is not None:
            weights = batch.weights.to(dtype)
        found = []
        for stratum in torch.unique(strata):
            inside = strata == stratum
            shares = []
            for value in torch.unique(attribute[inside]):
                rows = inside & (attribute == value) & (weights > 0)
                if int(rows.sum()) >= self.min_group:
                    share = torch.where(rows, weights, torch.zeros_like(weights))
                    shares.append(share / share.sum())
            found.append(shares)
        return found

    def forward(self, batch: Batch) -> Tensor:
        """Return the mean squared discrepancy over the pairs of groups of the batch."""
        strata = self._groups(batch)
        flat = [share for shares in strata for share in shares]
        pairs, start = [], 0
        for shares in strata:
            pairs += list(combinations(range(start, start + len(shares)), 2))
            start += len(shares)
        if not pairs:
            return zero_of(batch)
        seen = representation(batch, self.on)
        gram = rbf(seen, bandwidths=self.bandwidths, scale=self.scale)
        each = torch.stack(flat)
        similar = each @ gram @ each.T
        within = torch.diagonal(similar)
        if self.unbiased:
            alone = each**2
            within = (within - alone @ torch.diagonal(gram)) / (1 - alone.sum(dim=1))
        terms = [within[i] + within[j] - 2 * similar[i, j] for i, j in pairs]
        return torch.stack(terms).mean()


class MMD(ConditionalMMD):
    """Marginal maximum mean discrepancy between the groups of a variable.

    Parameters
    ----------
    attribute : str
    on : {"features", "logits"}
    unbiased : bool
    bandwidths : sequence of float
    scale : float, optional
        As in `ConditionalMMD`.
    statement, reason : str

    Notes
    -----
    Assumptions: content and attribute are independent (``marginal_alignment`` of a plan for an
    environment). Where they are not, it takes away signal.

    References
    ----------
    Gretton A, Borgwardt KM, Rasch MJ, Schölkopf B, Smola A. A kernel two-sample test. JMLR
    2012;13:723-773. Long M, Cao Y, Wang J, Jordan MI. Learning transferable features with deep
    adaptation networks. ICML 2015. doi:10.48550/arXiv.1502.02791

    Examples
    --------
    >>> from causalimg.training.check import example_batch
    >>> bool(MMD("site")(example_batch(1.5)) > MMD("site")(example_batch(0.0)))
    True
    """

    def __init__(
        self,
        attribute: str,
        *,
        on: On = "features",
        unbiased: bool = True,
        bandwidths: Sequence[float] = BANDWIDTHS,
        scale: float | None = None,
        statement: str = "",
        reason: str = "",
    ) -> None:
        super().__init__(
            attribute,
            on=on,
            unbiased=unbiased,
            bandwidths=bandwidths,
            scale=scale,
            statement=statement,
            reason=reason,
        )


class CORAL(Penalty):
    """Squared distance of means and covariances between the groups of a variable.

    ``mean over pairs of  mean((μ - μ')²) + mean((Σ - Σ')²)``; aligns two moments only.

    Parameters
    ----------
    attribute : str
    statement, reason : str

    Notes
    -----
    Assumptions: those of `MMD`.

    References
    ----------
    Sun B, Saenko K. Deep CORAL. ECCV Workshops 2016. doi:10.1007/978-3-319-49409-8_35

    Examples
    --------
    >>> x = torch.tensor([[0.0], [2.0], [3.0], [5.0]])  # means 1 and 4, the same variance
    >>> float(CORAL("site")(Batch(x, x[:, 0], x[:, 0], {"site": torch.tensor([0, 0, 1, 1])})))
    9.0
    """

    def __init__(self, attribute: str, *, statement: str = "", reason: str = "") -> None:
        super().__init__(statement or statement_of("features", attribute, ()), reason)
        self.attribute = attribute
        self.needs = (attribute,)

    def forward(self, batch: Batch) -> Tensor:
        """Return the mean over pairs of groups with two rows or more."""
        x = batch.flat()
        groups = groups_of(batch.variable(self.attribute))
        moments = []
        for value in torch.unique(groups):
            rows = x[groups == value]
            if len(rows) >= 2:
                apart = rows - rows.mean(dim=0)
                moments.append((rows.mean(dim=0), apart.T @ apart / (len(rows) - 1)))
        terms = [
            ((m - o) ** 2).mean() + ((c - d) ** 2).mean()
            for (m, c), (o, d) in combinations(moments, 2)
        ]
        return torch.stack(terms).mean() if terms else zero_of(batch)


class MixtureMatching(Penalty):
    """Match two mixtures of the environments, each with other shares of them.

    Every environment's rows are cut at a random point; the first parts of all and the second
    parts of all are two mixtures, whose features should have one distribution if the environment
    does not matter. The discrepancy is the MMD.

    Parameters
    ----------
    attribute : str
        The environment.
    random_state : int, optional
    statement, reason : str

    Notes
    -----
    Assumptions: those of `MMD`. The draw of the cut makes it noisy; it is meant for many batches.

    References
    ----------
    Chevalley M, Bunne C, Krause A, Bauer S. Invariant causal mechanisms through distribution
    matching. 2022. doi:10.48550/arXiv.2206.11646

    Examples
    --------
    >>> from causalimg.training.check import example_batch
    >>> value = MixtureMatching("site", random_state=0)(example_batch(1.5))
    >>> bool(value > MixtureMatching("site", random_state=0)(example_batch(0.0)))
    True
    """

    def __init__(
        self,
        attribute: str,
        *,
        random_state: int | None = None,
        statement: str = "",
        reason: str = "",
    ) -> None:
        super().__init__(statement or statement_of("features", attribute, ()), reason)
        self.attribute = attribute
        self.needs = (attribute,)
        self._generator = torch.Generator()
        if random_state is not None:
            self._generator.manual_seed(random_state)

    def forward(self, batch: Batch) -> Tensor:
        """Return the MMD² of the two mixtures; zero if one of them would be empty."""
        groups = groups_of(batch.variable(self.attribute))
        first = torch.zeros(len(groups), dtype=torch.bool, device=groups.device)
        for value in torch.unique(groups):
            rows = torch.nonzero(groups == value)[:, 0]
            cut = int(torch.randint(0, len(rows) + 1, (1,), generator=self._generator))
            first[rows[:cut]] = True
        if int(first.sum()) < 2 or int((~first).sum()) < 2:
            return zero_of(batch)
        x = batch.flat()
        share = first.to(x.dtype) / first.sum() - (~first).to(x.dtype) / (~first).sum()
        return share @ rbf(x) @ share
