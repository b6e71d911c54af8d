"""The stages of a study that compare levels of a column: harmonise, effects, stable features."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace

import pandas as pd

from causalimg.atomic import replacing
from causalimg.effects.base import EffectEstimator
from causalimg.effects.estimators import DifferenceInMeans
from causalimg.errors import CausalImgWarning, InvalidInputError
from causalimg.harmonize import HarmonizationReport, harmonization_report
from causalimg.invariance.stable import StableFeatures
from causalimg.provenance import Provenance
from causalimg.study_methods import make_effects, make_harmonizer
from causalimg.study_result import FILES
from causalimg.study_stage import Workplace
from causalimg.tables.effect_table import EffectTable
from causalimg.tables.features import FeatureTable
from causalimg.tables.invariant_set import InvariantSet


def harmonized(place: Workplace, table: FeatureTable) -> tuple[FeatureTable, HarmonizationReport]:
    """Return the table with the batch effect taken out, and the report of before and after."""
    config = place.config
    section = config.harmonize
    outcome = _followed(table, config.cohort.outcomes, section.covariates)

    def compute() -> tuple[FeatureTable, HarmonizationReport]:
        fitted = make_harmonizer(config)
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always", CausalImgWarning)
            after = table.frame.assign(**fitted.fit_transform(table.frame, features=table.features))
        report = harmonization_report(
            table.frame,
            after,
            batch=str(section.batch),
            features=table.features,
            covariates=section.covariates,
            outcome=outcome,
            random_state=config.study.random_state,
        )
        made = Provenance.of(
            "harmonize",
            settings={**section.model_dump(mode="json"), "notes": [str(w.message) for w in said]},
            inputs={"table": table.digest()},
            assumptions=(
                "Given the covariates, batches hold comparable cases, and a batch only shifts and"
                " scales a feature.",
            ),
            seed=config.study.random_state,
        )
        return replace(table, frame=after, provenance=made), report

    def save(value: tuple[FeatureTable, HarmonizationReport]) -> None:
        value[0].save(place.path("harmonized"))
        value[1].save(place.path("harmonization"))

    def load() -> tuple[FeatureTable, HarmonizationReport]:
        found = FeatureTable.load(place.path("harmonized"))
        return found, HarmonizationReport.load(place.path("harmonization"))

    result, report = place.ledger.run(
        "harmonize",
        made_from={
            **place.version,
            "table": table.digest(),
            "settings": section.model_dump(mode="json"),
            "outcome": outcome,
            "seed": config.study.random_state,
        },
        files=(FILES["harmonized"], FILES["harmonization"]),
        compute=compute,
        save=save,
        load=load,
    )
    place.notes.extend(_in_words(place, result, report.summary()))
    return result, report


def _followed(
    table: FeatureTable, outcomes: Sequence[str], covariates: Sequence[str]
) -> str | None:
    """Return the first outcome whose association can be followed: a number, or two labels."""
    for name in outcomes:
        column = table.frame[name]
        if name in covariates or column.isna().any() or column.nunique() < 2:
            continue
        if pd.api.types.is_numeric_dtype(column.dtype) or column.nunique() == 2:
            return str(name)
    return None


def _in_words(place: Workplace, result: FeatureTable, summary: pd.DataFrame) -> list[str]:
    section = place.config.harmonize
    gap = dict(zip(summary["stage"], summary["batch_gap_sd"], strict=True))
    given = f" with {', '.join(section.covariates)} kept in" if section.covariates else ""
    stages = {"discover": "the graph", "effects": "effects and stable features"}
    used = " and ".join(stages[name] for name in section.stages) or "no later stage"
    word = {"combat": "ComBat", "causal_combat": "causal ComBat"}[section.method]
    lines = [
        f"features were harmonised over {section.batch} by {word}{given}, and used so for {used};"
        " the largest gap between two batches, in the median feature, went from"
        f" {gap['before']:.2f} to {gap['after']:.2f} SD"
    ]
    if "effects" not in section.stages and place.config.effects is not None:
        lines.append("effects and stable features describe the features before harmonisation")
    made = result.provenance
    return lines + ([] if made is None else list(made.settings["notes"]))


class EffectStages:
    """Effects and stable features, which share one fit of the estimator.

    Parameters
    ----------
    place : Workplace
    table : FeatureTable
    """

    def __init__(self, place: Workplace, table: FeatureTable) -> None:
        self.place = place
        self.table = table
        self._known: EffectEstimator | None = None

    def _fitted(self) -> EffectEstimator:
        section = self.place.config.effects
        if section is None:
            raise InvalidInputError("the study has no [effects] section")
        if self._known is None:
            estimator = make_effects(section, random_state=self.place.config.study.random_state)
            self._known = estimator.fit(self.table.frame, outcomes=self.table.features)
        return self._known

    def _made_from(self) -> dict[str, object]:
        section = self.place.config.effects
        return {
            **self.place.version,
            "table": self.table.digest(),
            "effects": None if section is None else section.model_dump(mode="json"),
            "seed": self.place.config.study.random_state,
        }

    def effects(self) -> tuple[EffectTable, EffectTable, pd.DataFrame]:
        """Return adjusted effects, plain differences in means, and propensities."""
        place, table = self.place, self.table
        section = place.config.effects
        if section is None:
            raise InvalidInputError("the study has no [effects] section")
        names = ("effects", "naive", "propensity")

        def compute() -> tuple[EffectTable, EffectTable, pd.DataFrame]:
            fitted = self._fitted()
            naive = DifferenceInMeans(
                treatment=section.treatment,
                reference=section.reference,
                alpha=section.alpha,
                fdr=section.fdr,
                cluster=section.cluster,
            ).fit(table.frame, outcomes=table.features)
            scores = fitted.propensity_.reset_index(drop=True)
            scores.insert(0, "level", table.frame[section.treatment].astype(str).to_numpy())
            scores.insert(0, "case_id", table.frame["case_id"].to_numpy())
            return fitted.effects_, naive.effects_, scores

        def save(value: tuple[EffectTable, EffectTable, pd.DataFrame]) -> None:
            adjusted, naive, scores = value
            adjusted.save(place.path("effects"))
            naive.save(place.path("naive"))
            with replacing(place.path("propensity")) as temporary:
                scores.to_parquet(temporary, index=False)

        def load() -> tuple[EffectTable, EffectTable, pd.DataFrame]:
            paths = [place.path(name) for name in names]
            scores = pd.read_parquet(paths[2])
            return EffectTable.load(paths[0]), EffectTable.load(paths[1]), scores

        return place.ledger.run(
            "effects",
            made_from=self._made_from(),
            files=tuple(FILES[name] for name in names),
            compute=compute,
            save=save,
            load=load,
        )

    def invariant(self) -> InvariantSet:
        """Return the features whose effects are certified to lie within the margin."""
        place, table = self.place, self.table
        effects, section = place.config.effects, place.config.invariant
        if effects is None or section is None:
            raise InvalidInputError("the study has no [effects] or no [invariant] section")

        def compute() -> InvariantSet:
            fitted = StableFeatures(
                environment=effects.treatment,
                adjustment=list(effects.adjustment),
                reference=effects.reference,
                cluster=effects.cluster,
                **section.model_dump(),
            ).fit(table.frame, features=table.features, effects=self._fitted())
            found: InvariantSet = fitted.invariant_set_
            return found.with_source(table)

        return place.ledger.run(
            "invariant",
            made_from={**self._made_from(), "settings": section.model_dump(mode="json")},
            files=(FILES["invariant"],),
            compute=compute,
            save=lambda found: found.save(place.path("invariant")),
            load=lambda: InvariantSet.load(place.path("invariant")),
        )
