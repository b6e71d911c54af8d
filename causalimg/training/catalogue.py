"""The penalties by the names that a plan's verdicts use, and what each wants to know."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

import pandas as pd

from causalimg.errors import InvalidInputError, UnknownNameError, nearest
from causalimg.training.verdicts import INTERVENTION

if TYPE_CHECKING:
    from causalimg.training.offers import PlanOffers
    from causalimg.training.penalty import Penalty


@dataclass(frozen=True)
class Entry:
    """A penalty of the catalogue: its class, what it reads, and settings without a default."""

    name: str
    reads: str
    settings: tuple[str, ...] = ()

    def build(
        self, known: Mapping[str, object], settings: Mapping[str, object] | None = None
    ) -> Penalty:
        """Return the penalty, with the plan's own arguments and the user's.

        Raises
        ------
        UnknownNameError
            For a setting that the penalty does not have.
        InvalidInputError
            If a setting without a default is missing.
        """
        made = getattr(import_module("causalimg.training"), self.name)
        allowed = list(inspect.signature(made).parameters)
        asked = dict(settings or {})
        for name in asked:
            if name not in allowed:
                raise UnknownNameError(
                    f"{self.name} has no setting {name!r}{nearest(name, allowed)} (it has:"
                    f" {', '.join(allowed)})"
                )
        missing = [name for name in self.settings if name not in asked]
        if missing:
            raise InvalidInputError(
                f"{self.name} needs {', '.join(missing)}: hand over settings="
                f"{{{', '.join(f'{name!r}: ...' for name in missing)}}}"
            )
        filled = {name: value for name, value in known.items() if name in allowed}
        penalty: Penalty = made(**{**filled, **asked})
        return penalty


CATALOGUE = {
    "mmd": Entry("MMD", "categories"),
    "conditional_mmd": Entry("ConditionalMMD", "categories"),
    "coral": Entry("CORAL", "categories"),
    "mixture_matching": Entry("MixtureMatching", "categories"),
    "hsic": Entry("HSIC", "categories or numbers"),
    "hscic": Entry("HSCIC", "categories or numbers"),
    "circe": Entry("CIRCE", "categories or numbers; fit on held-out rows first"),
    "domain_adversarial": Entry("DomainAdversarial", "categories", ("n_features", "n_groups")),
    "conditional_adversarial": Entry(
        "DomainAdversarial", "categories", ("n_features", "n_groups", "n_given")
    ),
    "irm": Entry("IRM", "categories"),
    "vrex": Entry("VREx", "categories"),
    "fishr": Entry("Fishr", "categories"),
    "gradient_agreement": Entry("GradientAgreement", "categories", ("parameters",)),
}
COLUMNS = ("kind", "name", "subject", "statement", "reason", "needs", "use", "probability")


def constraint_table(plan: PlanOffers) -> pd.DataFrame:
    """Return every constraint that a plan licenses, one row each; see ``plan.constraints``."""
    rows: list[dict[str, Any]] = []
    outcome, hidden = plan.roles.outcome, set(plan.roles.selection)

    def add(kind: str, name: str, subject: str, said: Any, needs: str, use: str) -> None:
        rows.append(
            {
                "kind": kind,
                "name": name,
                "subject": subject,
                "statement": said.statement,
                "reason": said.reason,
                "needs": needs,
                "use": use,
                "probability": getattr(said, "probability", None),
            }
        )

    for subject, verdict in plan.licensed().items():
        given = [n for n in verdict.given or () if n not in hidden]
        for name in verdict.constraints:
            if name == "weights":
                add("weights", name, subject, verdict, f"{subject}: categories",
                    f'plan.weighting("{subject}").of(frame)')  # fmt: skip
            elif name == "group_dro":
                add("weights", name, subject, verdict, f"{subject}: categories",
                    f'plan.group_dro("{subject}", n_groups=...)')  # fmt: skip
            elif name in CATALOGUE:
                about = ", ".join(n for n in (subject, *given) if n != outcome)
                add("penalty", name, subject, verdict, f"{about}: {CATALOGUE[name].reads}",
                    _call(subject, name))  # fmt: skip
    for subject, verdict in plan.verdicts.items():
        if INTERVENTION in verdict.constraints:
            made = plan.transform(subject, lambda images: images)
            add("transform", "look", subject, made, "images", f'plan.transform("{subject}")')
    for family, found in plan.families.items():
        for name in found.constraints if found.holds else ():
            about = f"{plan.roles.environment}: categories"
            if name == "label_shift":
                add("weights", name, str(family), found, "predictions for unlabelled new cases",
                    "causalimg.shift.label_shift_weights(y, predicted, predicted_new)"
                    ".weights(y)")  # fmt: skip
            else:
                add("penalty", name, str(family), found, about, _call(str(family), name))
    for rule, columns in plan.feature_sets.items():
        if columns.refused or not columns.features:
            continue
        table = "a table with these columns"
        add("feature_set", "columns", rule, columns, table,
            f'plan.feature_set("{rule}").transform(frame)')  # fmt: skip
        add("mask", "network", rule, columns, table,
            f'plan.mask(columns, "{rule}").network()')  # fmt: skip
        add("mask", "additive_head", rule, columns, table,
            f'plan.mask(columns, "{rule}").head()')  # fmt: skip
        if columns.invariant:
            listed = ", ".join(f'"{name}"' for name in columns.features)
            add("weights", "density_ratio", rule, columns, "the same columns of new cases",
                f"causalimg.shift.density_ratio(frame, new, columns=[{listed}])"
                ".weights")  # fmt: skip
        add("penalty", "input_gradient", rule, columns, "inputs= that require gradients",
            f'plan.feature_set("{rule}").input_gradient(columns)')  # fmt: skip
        if columns.frequency:
            add("penalty", "edge_weighted_lasso", rule, columns, "the first layer of a network",
                f'plan.feature_set("{rule}").lasso(layer, columns)')  # fmt: skip
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _call(subject: str, name: str) -> str:
    wanted = ", ".join(f'"{key}": ...' for key in CATALOGUE[name].settings)
    more = f", settings={{{wanted}}}" if wanted else ""
    return f'plan.penalty("{subject}", "{name}"{more})'
