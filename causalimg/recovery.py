"""How well a study of a simulated cohort found what is true there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from causalimg.datasets import PhantomTruth
from causalimg.errors import InvalidInputError
from causalimg.tables.effect_table import EffectTable
from causalimg.tables.invariant_set import InvariantSet

RECOVERY_COLUMNS = (
    "feature",
    "contrast",
    "true_effect",
    "estimate",
    "ci_low",
    "ci_high",
    "covered",
    "naive",
    "naive_covered",
    "sd",
    "true_effect_sd",
    "estimate_sd",
    "ci_low_sd",
    "ci_high_sd",
    "naive_sd",
    "truly_invariant",
    "certified",
)


@dataclass(frozen=True, eq=False)
class Recovery:
    """Estimated against true effects, and the exported features against the truly invariant ones.

    The truth is the mean effect over the patients of this cohort, not over a population.

    Parameters
    ----------
    frame : pandas.DataFrame
        One row per estimated effect with a known truth, columns `RECOVERY_COLUMNS`: raw units, and
        units of ``sd`` (the effect table's ``outcome_sd``) with the suffix ``_sd``. ``covered``:
        the interval holds the true effect. ``truly_invariant`` and ``certified`` are the feature's,
        and missing without an invariant set.
    coverage, naive_coverage : float
        Share of the intervals that hold the true effect.
    rmse_sd, naive_rmse_sd : float
        Root mean squared error [SD].
    precision, recall : float
        Share of the certified features that are truly invariant, and of the truly invariant ones
        that are certified; nan where there is none to divide by.
    n_true_invariant, n_certified : int
        Among the features of the invariant set's evidence with a known truth.
    margin : float
        The margin of the invariant set [SD]; nan without one.
    """

    frame: pd.DataFrame
    coverage: float
    naive_coverage: float
    rmse_sd: float
    naive_rmse_sd: float
    precision: float
    recall: float
    n_true_invariant: int
    n_certified: int
    margin: float

    def to_frame(self) -> pd.DataFrame:
        """Return a copy of the rows."""
        return self.frame.copy()

    def summary(self) -> dict[str, Any]:
        """Return the numbers as JSON types; None where there is none."""
        names = ("coverage", "naive_coverage", "rmse_sd", "naive_rmse_sd", "precision", "recall")
        found: dict[str, Any] = {"n_effects": len(self.frame)}
        for name in (*names, "margin"):
            value = float(getattr(self, name))
            found[name] = value if np.isfinite(value) else None
        found["n_true_invariant"] = self.n_true_invariant
        found["n_certified"] = self.n_certified
        return found

    def in_words(self) -> str:
        """Return the result in a few sentences."""
        said = [
            f"{_share(self.coverage)} of the {len(self.frame)} intervals hold the true effect"
            f" (naive difference in means: {_share(self.naive_coverage)}); typical error"
            f" {_number(self.rmse_sd)} SD (naive: {_number(self.naive_rmse_sd)} SD)."
        ]
        if np.isfinite(self.margin):
            said.append(
                f"Invariant set: {self.n_certified} features certified within {self.margin:g} SD,"
                f" {self.n_true_invariant} truly are; precision {_number(self.precision)},"
                f" recall {_number(self.recall)}."
            )
        said.append(
            "One cohort is one draw of correlated features, so this share swings from cohort to"
            " cohort; intervals are judged over many cohorts."
        )
        return " ".join(said)


def recovery(
    effects: EffectTable,
    naive: EffectTable | None,
    invariant: InvariantSet | None,
    truth: PhantomTruth,
) -> Recovery:
    """Compare a study's results with the truth of its simulated cohort.

    Parameters
    ----------
    effects : EffectTable
    naive : EffectTable or None
        The unadjusted difference in means.
    invariant : InvariantSet or None
    truth : PhantomTruth

    Returns
    -------
    Recovery

    Raises
    ------
    InvalidInputError
        If no estimated effect has a known truth.

    Examples
    --------
    >>> import pandas as pd
    >>> from causalimg.datasets.truth import EFFECT_COLUMNS
    >>> from causalimg.tables.effect_table import COLUMNS
    >>> row = dict.fromkeys(COLUMNS, 0.0) | {"outcome": "mean", "contrast": "B - A"}
    >>> row |= {"estimate": 1.0, "ci_low": 0.5, "ci_high": 1.5, "outcome_sd": 2.0, "status": "ok"}
    >>> known = dict.fromkeys(EFFECT_COLUMNS, 0.0) | {"outcome": "mean", "contrast": "B - A"}
    >>> known |= {"effect": 1.2, "effect_sd": 0.6}
    >>> truth = PhantomTruth(pd.DataFrame([known]), reference="A")
    >>> found = recovery(EffectTable(pd.DataFrame([row])), None, None, truth)
    >>> found.coverage, round(found.rmse_sd, 3)
    (1.0, 0.1)
    """
    known = known_effects(truth)
    rows = _numbers(effects)
    pairs = list(zip(rows["feature"], rows["contrast"], strict=True))
    rows["true_effect"] = [known.get(pair, np.nan) for pair in pairs]
    rows = rows[rows["true_effect"].notna()].reset_index(drop=True)
    if rows.empty:
        raise InvalidInputError(
            "no estimated effect has a known truth: the table's contrasts are"
            f" {list(effects.contrasts)} and the truth's are"
            f" {list(dict.fromkeys(truth.effects['contrast']))}"
        )
    rows = _with_naive(rows, naive)
    rows["covered"] = rows["true_effect"].between(rows["ci_low"], rows["ci_high"])
    for name in ("true_effect", "estimate", "ci_low", "ci_high", "naive"):
        rows[f"{name}_sd"] = rows[name] / rows["sd"]
    error = rows["estimate_sd"] - rows["true_effect_sd"]
    naive_error = rows["naive_sd"] - rows["true_effect_sd"]
    beside = rows["naive_covered"].dropna()
    rows["truly_invariant"], rows["certified"] = None, None
    judged: set[str] = set()
    truly: set[str] = set()
    certified: set[str] = set()
    if invariant is not None:
        judged = set(invariant.evidence["feature"]) & set(truth.features)
        truly = set(truth.invariant(invariant.margin)) & judged
        certified = set(invariant.features) & judged
        here = rows["feature"].isin(judged)
        for name, members in (("truly_invariant", truly), ("certified", certified)):
            rows[name] = rows["feature"].isin(members).astype(object).where(here, None)
    right = len(truly & certified)
    return Recovery(
        frame=rows[list(RECOVERY_COLUMNS)],
        coverage=float(rows["covered"].mean()),
        naive_coverage=float(beside.astype(float).mean()) if len(beside) else float("nan"),
        rmse_sd=_rms(error),
        naive_rmse_sd=_rms(naive_error),
        precision=right / len(certified) if certified else float("nan"),
        recall=right / len(truly) if truly else float("nan"),
        n_true_invariant=len(truly),
        n_certified=len(certified),
        margin=float("nan") if invariant is None else float(invariant.margin),
    )


def known_effects(truth: PhantomTruth) -> Mapping[tuple[str, str], float]:
    """Return (feature, contrast) -> true effect, every contrast in both directions."""
    found: dict[tuple[str, str], float] = {}
    rows: Iterable[Any] = truth.effects.itertuples(index=False)
    for row in rows:
        feature, contrast, effect = str(row.outcome), str(row.contrast), float(row.effect)
        for other in _reversed(contrast):
            found.setdefault((feature, other), -effect)
        found[feature, contrast] = effect
    return found


def _reversed(contrast: str) -> list[str]:
    """Return "A - B" for "B - A"; several readings if a level's own name holds " - "."""
    parts = contrast.split(" - ")
    return [f"{' - '.join(parts[k:])} - {' - '.join(parts[:k])}" for k in range(1, len(parts))]


def _numbers(table: EffectTable) -> pd.DataFrame:
    """Return what is estimable, under the names of the comparison."""
    names = {"outcome": "feature", "outcome_sd": "sd"}
    wanted = ["outcome", "contrast", "estimate", "ci_low", "ci_high", "outcome_sd"]
    return table.estimable[wanted].rename(columns=names).reset_index(drop=True)


def _with_naive(rows: pd.DataFrame, naive: EffectTable | None) -> pd.DataFrame:
    if naive is None:
        return rows.assign(naive=np.nan, naive_covered=None)
    beside = _numbers(naive).drop(columns="sd")
    names = {"estimate": "naive", "ci_low": "naive_low", "ci_high": "naive_high"}
    both = rows.merge(beside.rename(columns=names), on=["feature", "contrast"], how="left")
    inside = both["true_effect"].between(both["naive_low"], both["naive_high"]).astype(object)
    both["naive_covered"] = inside.where(both["naive"].notna(), None)
    return both.drop(columns=["naive_low", "naive_high"])


def _rms(error: pd.Series) -> float:
    values = error.to_numpy(dtype=float)
    values = values[np.isfinite(values)]
    return float(np.sqrt(np.mean(values**2))) if len(values) else float("nan")


def _share(value: float) -> str:
    return f"{value:.0%}" if np.isfinite(value) else "none"


def _number(value: float) -> str:
    return f"{value:.2f}" if np.isfinite(value) else "not defined"
