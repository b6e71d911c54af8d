"""The three meanings of "invariant", kept apart: what each claims and on what evidence.

``stable_measurement``
    The environment (scanner) does not move the feature: says nothing about any outcome.
``invariant_predictors``
    The outcome is independent of the environment given these features, together.
``invariant_model``
    A fitted model whose risk was held down in every environment uses these features.
"""

from __future__ import annotations

from dataclasses import dataclass

from causalimg.errors import UnknownNameError, nearest

OPTIONAL_COLUMNS = (
    "icc_2_1",
    "icc_3_1",
    "ccc",
    "coefficient_of_variation",
    "repeatability_coefficient",
    "bootstrap_frequency",
    "environments_tested",
)
"""Evidence that any meaning may add, numbers all of them."""


@dataclass(frozen=True)
class Meaning:
    """What a set of that meaning holds.

    Parameters
    ----------
    name : str
    verdicts : tuple of str
        Possible verdicts on a feature; the first admits it to the set.
    numbers : tuple of str
        Columns of evidence that are always there.
    words : tuple of str
        Further columns that hold text.
    needs_outcome : bool
    claim : str
        In words, after "these features".
    """

    name: str
    verdicts: tuple[str, ...]
    numbers: tuple[str, ...]
    words: tuple[str, ...] = ()
    needs_outcome: bool = True
    claim: str = ""

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of evidence, in order."""
        return ("feature", "verdict", *self.words, *self.numbers)


MEANINGS = {
    item.name: item
    for item in (
        Meaning(
            "stable_measurement",
            ("stable", "shifted", "not_certifiable"),
            (
                "effect_sd",
                "ci_low_sd",
                "ci_high_sd",
                "p_equivalence",
                "q_equivalence",
                "n",
                "n_needed",
            ),
            ("contrast",),
            False,
            "are moved by the environment by less than the margin",
        ),
        Meaning(
            "invariant_predictors",
            ("invariant", "not_shown", "screened_out"),
            ("estimate", "ci_low", "ci_high", "p", "share"),
            claim="together make the outcome independent of the environment",
        ),
        Meaning(
            "invariant_model",
            ("used", "not_used"),
            ("weight",),
            claim="are used by a model whose risk was held down in every environment",
        ),
    )
}


def meaning_of(name: str) -> Meaning:
    """Return one of the three meanings.

    Raises
    ------
    UnknownNameError
        Naming the nearest.

    Examples
    --------
    >>> meaning_of("stable_measurement").verdicts
    ('stable', 'shifted', 'not_certifiable')
    """
    if name not in MEANINGS:
        raise UnknownNameError(
            f"no meaning is called {name!r}{nearest(name, MEANINGS)} (there are:"
            f" {', '.join(MEANINGS)})"
        )
    return MEANINGS[name]
