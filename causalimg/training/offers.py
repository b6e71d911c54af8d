"""What a plan licenses, as constraints of five kinds: one method for each, and the list of all."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd
from numpy.typing import NDArray

from causalimg.errors import (
    IdentificationError,
    InvalidInputError,
    MissingDependencyError,
    UnknownNameError,
    nearest,
)
from causalimg.training.catalogue import CATALOGUE, constraint_table
from causalimg.training.constraint import Mask, Transform, Weights
from causalimg.training.feature_set import FeatureSet
from causalimg.training.licence import Family, statement
from causalimg.training.roles import Roles
from causalimg.training.verdicts import INTERVENTION, FamilyVerdict, Verdict

if TYPE_CHECKING:
    from torch import Tensor

    from causalimg.training.group_dro import GroupDRO
    from causalimg.training.penalty import Penalty

NO_TORCH = (
    "this needs PyTorch: pip install 'causalimg[torch]'; without it use plan.weights, which any"
    " learner with sample_weight takes, or plan.feature_set"
)


class PlanOffers:
    """The methods of a plan that make one constraint; torch is imported when one needs it."""

    roles: Roles
    verdicts: Mapping[str, Verdict]
    families: Mapping[Family, FamilyVerdict]
    feature_sets: Mapping[str, FeatureSet]

    def verdict(self, subject: str) -> Verdict | FamilyVerdict:
        """Return what the graph says of an attribute or of a family of losses, by name."""
        found: dict[str, Verdict | FamilyVerdict] = dict(self.verdicts)
        found |= {str(family): verdict for family, verdict in self.families.items()}
        if subject not in found:
            raise UnknownNameError(
                f"the plan has no attribute or family {subject!r}{nearest(subject, found)} (it has:"
                f" {', '.join(found)})"
            )
        return found[subject]

    def licensed(self) -> dict[str, Verdict]:
        """Return the attributes whose statement may be enforced."""
        return {name: verdict for name, verdict in self.verdicts.items() if not verdict.refused}

    def licensed_verdict(self, subject: str) -> Verdict | FamilyVerdict:
        """Return the verdict on an attribute or family that may be enforced.

        Raises
        ------
        IdentificationError
            If the plan refuses it, with the plan's reason.
        UnknownNameError
            If the plan has neither attribute nor family of that name.
        """
        verdict = self.verdict(subject)
        if verdict.refused:
            raise IdentificationError(f"the plan refuses a constraint: {verdict}")
        return verdict

    def constraints(self) -> pd.DataFrame:
        """Return every constraint that the plan licenses, one row each.

        Returns
        -------
        pandas.DataFrame
            ``kind`` (penalty, mask, weights, transform, feature_set), ``name``, ``subject`` (an
            attribute, a family of losses, a set of columns), ``statement``, ``reason``, ``needs``
            (what it reads), ``use`` (the call), ``probability`` (share of resampled graphs).
        """
        return constraint_table(self)

    def weighting(self, attribute: str) -> Weights:
        """Return the sample weights that break the association of outcome and attribute.

        Raises
        ------
        IdentificationError
            If the plan refuses the attribute, or its statement holds without the outcome only:
            weights would then make content and attribute dependent.
        """
        verdict = self.licensed_verdict(attribute)
        outcome = self.roles.outcome
        sets: list[tuple[str, ...]] = []
        if isinstance(verdict, Verdict):
            sets = [verdict.given or (), *verdict.alternatives]
        fitting = [s for s in sets if outcome in s]
        if not fitting:
            raise IdentificationError(
                f"weights make {outcome!r} and {attribute!r} independent, which removes its use"
                f" only where {attribute!r} says nothing of the content given {outcome!r}; the"
                f" graph licenses '{verdict.statement}' instead: use plan.loss"
            )
        given = tuple(n for n in fitting[0] if n != outcome and n not in self.roles.selection)
        content = verdict.statement.split(" ⊥ ")[0]
        said = statement(content, attribute, fitting[0])
        return Weights(outcome, attribute, given, said, verdict.reason)

    def weights(
        self, frame: pd.DataFrame, attribute: str, *, max_weight: float | None = None
    ) -> NDArray[Any]:
        """Return the sample weights of a table's rows, mean 1: ``weighting(attribute).of(frame)``.

        For ``sample_weight=`` of any learner; see `Weights` and `balance`.
        """
        return self.weighting(attribute).of(frame, max_weight=max_weight)

    def group_dro(self, attribute: str, n_groups: int, *, step: float = 0.01) -> GroupDRO:
        """Return the loss that holds down the worst group of outcome and attribute.

        Parameters
        ----------
        attribute : str
        n_groups : int
            Number of combinations of the levels of the outcome and of what ``needs`` names.
        step : float

        Raises
        ------
        IdentificationError
            Where `weighting` is refused too.
        """
        weights = self.weighting(attribute)
        try:
            from causalimg.training.group_dro import GroupDRO
        except ImportError as error:
            raise MissingDependencyError(NO_TORCH) from error
        return GroupDRO(
            n_groups,
            step=step,
            needs=weights.needs,
            statement=weights.statement,
            reason=weights.reason,
        )

    def feature_set(self, which: str) -> FeatureSet:
        """Return the columns that the graph licenses as inputs.

        Parameters
        ----------
        which : str
            ``parents``; ``markov_blanket``; ``non_descendants`` of the outcome; ``stable``: given
            them, outcome and environment are independent; or an attribute: the columns for which
            its statement holds.

        Raises
        ------
        IdentificationError
            If the graph does not settle the set, with the reason.
        UnknownNameError
            If there is no such set.
        """
        known = self.feature_sets
        if not known:
            raise InvalidInputError(
                "the graph of this plan has no columns to choose among: name the measured features"
                " with image=[...], or covariates with observed=[...]"
            )
        if which not in known:
            raise UnknownNameError(
                f"the plan has no feature set {which!r}{nearest(which, known)} (it has:"
                f" {', '.join(known)})"
            )
        if known[which].refused:
            raise IdentificationError(f"the plan refuses the feature set {known[which]}")
        return known[which]

    def mask(self, columns: Sequence[str], which: str = "parents") -> Mask:
        """Return the wiring of a network that reads ``columns`` and uses one of the feature sets.

        Parameters
        ----------
        columns : sequence of str
            What the network is given, in order.
        which : str
            See `feature_set`.
        """
        return self.feature_set(which).wiring(columns)

    def transform(
        self, attribute: str, look: Callable[[Tensor], Tensor] | None = None
    ) -> Transform:
        """Return an intervention on what an attribute does to the look of images.

        Parameters
        ----------
        attribute : str
        look : callable (images) -> images, optional
            By default a `GIN` with fresh randomness.

        Raises
        ------
        IdentificationError
            If the attribute causes the outcome, or reaches the image through the content alone.
        """
        verdict = self.verdict(attribute)
        if not isinstance(verdict, Verdict) or INTERVENTION not in verdict.constraints:
            raise IdentificationError(
                f"the graph does not license an intervention on the look: {verdict}"
            )
        if look is None:
            try:
                from causalimg.training.transforms import GIN
            except ImportError as error:
                raise MissingDependencyError(NO_TORCH) from error
            look = GIN()
        content = self.roles.content or "content"
        reason = (
            f"'{attribute}' reaches the image beside the {content} and does not cause"
            f" {self.roles.outcome!r}: an intervention on the look overrides it"
        )
        return Transform(attribute, look, f"image ⊥ {attribute} | {content}, do(look)", reason)

    def penalty(
        self,
        subject: str,
        name: str | None = None,
        *,
        on: str = "features",
        settings: Mapping[str, object] | None = None,
    ) -> Penalty:
        """Return one penalty that the plan licenses, with its statement and reason.

        Parameters
        ----------
        subject : str
            An attribute, or a family of losses (``risk_invariance`` ...).
        name : str, optional
            Which of the penalties that ``verdict(subject).constraints`` names; the first by
            default.
        on : {"features", "logits"}
        settings : mapping of str to object, optional
            Further arguments of the penalty.

        Raises
        ------
        IdentificationError
            If the plan refuses the subject, or the penalty does not enforce its statement.
        """
        verdict = self.licensed_verdict(subject)
        usable = [found for found in verdict.constraints if found in CATALOGUE]
        chosen = usable[0] if name is None else name
        if chosen not in usable:
            if chosen not in CATALOGUE:
                raise UnknownNameError(
                    f"no penalty is called {chosen!r}{nearest(chosen, CATALOGUE)} (for {subject}:"
                    f" {', '.join(usable)})"
                )
            raise IdentificationError(
                f"{chosen} does not enforce '{verdict.statement}'; of the penalties for"
                f" {subject!r} do: {', '.join(usable)}"
            )
        place = subject if subject in self.verdicts else self.roles.environment
        given: list[str] = []
        if isinstance(verdict, Verdict):
            given = [n for n in verdict.given or () if n not in self.roles.selection]
        elif verdict.family is Family.CONDITIONAL_ALIGNMENT:
            given = [self.roles.outcome]
        known: dict[str, object] = {
            "attribute": place,
            "environment": place,
            "given": given,
            "on": on,
            "outcome": self.roles.outcome,
            "statement": verdict.statement,
            "reason": verdict.reason,
        }
        try:
            return CATALOGUE[chosen].build(known, settings)
        except ImportError as error:
            raise MissingDependencyError(NO_TORCH) from error
