"""Before and after harmonisation: what is left of the batch, and what is left of the outcome."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from causalimg.atomic import write_text
from causalimg.effects.columns import refuse_missing
from causalimg.effects.multiplicity import fdr_adjust
from causalimg.errors import InvalidInputError, check_columns
from causalimg.harmonize.columns import BatchCodes, CovariateCodes
from causalimg.harmonize.location_scale import batch_columns, least_squares
from causalimg.harmonize.predictability import batch_predictability
from causalimg.registry import load
from causalimg.schemas import read_document, validate

Array = NDArray[np.float64]
Codes = NDArray[np.intp]

SCHEMA_ID = "https://causalimg.org/schemas/harmonization/1.0.0"
MEASURES = (
    "batch_r2",
    "batch_p",
    "batch_q",
    "batch_gap_sd",
    "variance_ratio",
    "outcome_r",
    "outcome_p",
)


@dataclass(frozen=True, eq=False)
class HarmonizationReport:
    """Batch effects and outcome association of every feature, before and after.

    Parameters
    ----------
    features : pandas.DataFrame
        One row per feature and stage: ``feature, stage`` (before, after) and `MEASURES`.
        ``batch_r2``: share of the variance left by the covariates that the batch explains, with
        the p-value of its F test and, over features, its q-value. ``batch_gap_sd``: largest
        adjusted difference between two batches [SD within batches]. ``variance_ratio``: largest
        over smallest residual variance of a batch. ``outcome_r``: correlation with the outcome
        given batch and covariates.
    predictability : pandas.DataFrame
        ``stage, balanced_accuracy, auc, chance``: how well the batch is told from the features,
        cross-validated; chance is that of the balanced accuracy (0.5 for the AUC).
    batch : str
    outcome : str or None
    notes : tuple of str
        In words.

    Examples
    --------
    >>> from causalimg.harmonize.combat import ComBat
    >>> rng = np.random.default_rng(0)
    >>> table = pd.DataFrame(rng.normal(size=(80, 3)), columns=["a", "b", "c"])
    >>> table["scanner"] = np.repeat(["A", "B"], 40)
    >>> table.loc[40:, ["a", "b", "c"]] += 1.5
    >>> after = ComBat(batch="scanner").fit_transform(table)
    >>> found = harmonization_report(table, after, batch="scanner", features=["a", "b", "c"])
    >>> found.notes[0]
    "Of the features, 100% differed between levels of 'scanner' before and 0% after (q < 0.05);"
    """

    features: pd.DataFrame
    predictability: pd.DataFrame
    batch: str
    outcome: str | None = None
    notes: tuple[str, ...] = field(default=())

    @property
    def plot(self) -> Any:
        """Plots of this report: ``plot.batch()``, ``plot.outcome()``."""
        return load("causalimg.plots", "harmonization_report")(self)

    def to_frame(self) -> pd.DataFrame:
        """Return one row per feature and stage."""
        return self.features.copy()

    def summary(self) -> pd.DataFrame:
        """Return one row per stage: medians over features, share with q below 0.05, and AUC."""
        grouped = self.features.groupby("stage", sort=False)
        out = pd.DataFrame(
            {
                "batch_r2": grouped["batch_r2"].median(),
                "batch_gap_sd": grouped["batch_gap_sd"].median(),
                "share_moved": grouped["batch_q"].agg(lambda q: float((q < 0.05).mean())),
                "variance_ratio": grouped["variance_ratio"].median(),
                "outcome_r_abs": grouped["outcome_r"].agg(lambda r: r.abs().median()),
            }
        ).reset_index()
        return out.merge(self.predictability, on="stage")

    def to_dict(self) -> dict[str, Any]:
        """Return the report as JSON types (schema ``harmonization``)."""
        return {
            "$schema": SCHEMA_ID,
            "batch": self.batch,
            "outcome": self.outcome,
            "features": _records(self.features),
            "predictability": _records(self.predictability),
            "notes": list(self.notes),
        }

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> HarmonizationReport:
        """Rebuild a report from `to_dict`."""
        features = pd.DataFrame(document["features"], columns=["feature", "stage", *MEASURES])
        told = pd.DataFrame(document["predictability"])
        numbers = [name for name in told.columns if name != "stage"]
        return cls(
            features.astype(dict.fromkeys(MEASURES, "float64")),
            told.astype(dict.fromkeys(numbers, "float64")),
            document["batch"],
            document["outcome"],
            tuple(document["notes"]),
        )

    def save(self, path: str | Path) -> None:
        """Write the report as JSON, atomically."""
        document = self.to_dict()
        validate(document, "harmonization")
        write_text(path, json.dumps(document, allow_nan=False, indent=1) + "\n")

    @classmethod
    def load(cls, path: str | Path) -> HarmonizationReport:
        """Read a report written by `save`.

        Raises
        ------
        FileReadError, SchemaError
            If the file is missing, or not a report of this version.
        """
        return cls.from_dict(read_document(path, "harmonization"))

    def __repr__(self) -> str:
        return "HarmonizationReport: " + " ".join(self.notes)

    def _repr_html_(self) -> str:
        shown: str = self.summary().round(3).to_html(index=False, border=0)
        return shown


def harmonization_report(
    before: pd.DataFrame,
    after: pd.DataFrame,
    *,
    batch: str,
    features: Sequence[str],
    covariates: Sequence[str] = (),
    outcome: str | None = None,
    n_folds: int = 5,
    random_state: int | None = 0,
) -> HarmonizationReport:
    """Compare batch effects, batch predictability and outcome association before and after.

    Parameters
    ----------
    before : pandas.DataFrame
        With batch, covariates, outcome and features.
    after : pandas.DataFrame
        The features of the same cases after harmonisation, in the same order.
    batch : str
    features : sequence of str
    covariates : sequence of str
        Differences that they explain are not held against the batch.
    outcome : str, optional
        A column of numbers or of two labels.
    n_folds : int, default=5
    random_state : int or None
        Of the folds.

    Returns
    -------
    HarmonizationReport

    Raises
    ------
    InvalidInputError
        If the tables do not hold the same cases, or values are missing.

    Notes
    -----
    Assumptions: covariates act linearly. The measures describe the given cases: harmonised on the
    same cases, features look better than they will on new ones.

    Examples
    --------
    >>> from causalimg.harmonize.combat import ComBat
    >>> rng = np.random.default_rng(0)
    >>> table = pd.DataFrame(rng.normal(size=(80, 3)), columns=["a", "b", "c"])
    >>> table["scanner"] = np.repeat(["A", "B"], 40)
    >>> table.loc[40:, ["a", "b", "c"]] += 1.5
    >>> after = ComBat(batch="scanner").fit_transform(table)
    >>> found = harmonization_report(table, after, batch="scanner", features=["a", "b", "c"])
    >>> bool(found.summary()["batch_r2"].is_monotonic_decreasing)
    True
    """
    names = [str(name) for name in features]
    for frame, which in ((before, "before"), (after, "after")):
        check_columns(frame, names, f"features {which}")
        refuse_missing(frame, names, f"feature ({which})")
    if len(before) != len(after) or not before.index.equals(after.index):
        raise InvalidInputError(
            f"before has {len(before)} cases and after {len(after)}, or their index differs; both"
            " must hold the same cases in the same order"
        )
    batches = BatchCodes.of(before, batch, reference=None, least=2)
    codes = batches.codes(before)
    known = CovariateCodes.of(before, covariates).matrix(before)
    label = None if outcome is None else _outcome(before, outcome)
    parts, found = [], []
    for stage, frame in (("before", before), ("after", after)):
        values = frame[names].to_numpy(dtype=np.float64)
        parts.append(_measures(values, codes, len(batches.levels), known, label))
        parts[-1].insert(0, "feature", names)
        parts[-1].insert(1, "stage", stage)
        told = batch_predictability(
            values, codes, known, n_folds=n_folds, random_state=random_state
        )
        found.append({"stage": stage, **told})
    table = pd.concat(parts, ignore_index=True)
    report = HarmonizationReport(table, pd.DataFrame(found), batch, outcome)
    return HarmonizationReport(table, report.predictability, batch, outcome, _words(report))


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows as JSON types; a number that is not finite becomes null."""
    return [
        {
            str(name): None if isinstance(value, float) and not np.isfinite(value) else value
            for name, value in row.items()
        }
        for row in frame.to_dict(orient="records")
    ]


def _outcome(frame: pd.DataFrame, outcome: str) -> Array:
    check_columns(frame, [outcome], "outcome")
    refuse_missing(frame, [outcome], "outcome")
    series = frame[outcome]
    if pd.api.types.is_numeric_dtype(series.dtype):
        return series.to_numpy(dtype=np.float64)
    codes, names = pd.factorize(series, sort=True)
    if len(names) != 2:
        raise InvalidInputError(
            f"outcome {outcome!r} has {len(names)} labels; give a number or two labels"
        )
    return np.asarray(codes, dtype=np.float64)


def _measures(
    values: Array, codes: Codes, count: int, covariates: Array, label: Array | None
) -> pd.DataFrame:
    from scipy.stats import f as f_distribution
    from scipy.stats import t as t_distribution

    n = len(values)
    batches = batch_columns(codes, count, None)
    design = np.hstack([batches, covariates])
    coefficient = least_squares(design, values)
    error = values - design @ coefficient
    plain = np.column_stack([np.ones(n), covariates])
    rest = values - plain @ least_squares(plain, values)
    inner, outer = (error**2).sum(axis=0), (rest**2).sum(axis=0)
    free = n - design.shape[1]
    tiny = np.finfo(float).tiny
    ratio = (outer - inner) / (count - 1) / np.maximum(inner / free, tiny)
    p = f_distribution.sf(ratio, count - 1, free)
    variances = np.stack([error[codes == k].var(axis=0, ddof=1) for k in range(count)])
    r, p_outcome = np.full(values.shape[1], np.nan), np.full(values.shape[1], np.nan)
    if label is not None:
        left = label - design @ least_squares(design, label[:, None])[:, 0]
        r = (left @ error) / np.maximum(np.sqrt((left @ left) * inner), tiny)
        t = r * np.sqrt((free - 1) / np.maximum(1 - r**2, tiny))
        p_outcome = 2 * t_distribution.sf(np.abs(t), free - 1)
    measured = (
        1 - inner / np.maximum(outer, tiny),
        p,
        fdr_adjust(p),
        np.ptp(coefficient[:count], axis=0) / np.sqrt(np.maximum(inner / free, tiny)),
        variances.max(axis=0) / np.maximum(variances.min(axis=0), tiny),
        r,
        p_outcome,
    )
    return pd.DataFrame(dict(zip(MEASURES, measured, strict=True)))


def _words(report: HarmonizationReport) -> tuple[str, ...]:
    first, last = (row for _, row in report.summary().iterrows())
    said = [
        f"Of the features, {first['share_moved']:.0%} differed between levels of {report.batch!r}"
        f" before and {last['share_moved']:.0%} after (q < 0.05);",
        f"the batch was told from the features with AUC {first['auc']:.2f} before and"
        f" {last['auc']:.2f} after (chance 0.5).",
    ]
    if report.outcome is not None:
        said.append(
            f"The median correlation with {report.outcome!r}, given batch and covariates, was"
            f" {first['outcome_r_abs']:.2f} before and {last['outcome_r_abs']:.2f} after."
        )
    return tuple(said)
