"""The effect table: one row per outcome and contrast, and how comparable the groups were."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from causalimg.provenance import Provenance, digest, sha256_frame
from causalimg.registry import load
from causalimg.tables.io import read_table, same_columns, write_table

SCHEMA_ID = "https://causalimg.org/schemas/effect_table/1.0.0"
COLUMNS = (
    "outcome",
    "contrast",
    "estimand",
    "estimator",
    "estimate",
    "se",
    "ci_low",
    "ci_high",
    "p",
    "q",
    "effect_sd",
    "outcome_sd",
    "n",
    "ess",
    "max_smd",
    "status",
    "reason",
)
BALANCE_COLUMNS = ("covariate", "level_contrast", "smd_raw", "smd_weighted")


@dataclass(frozen=True, eq=False)
class EffectTable:
    """Effects of one treatment on many outcomes.

    Parameters
    ----------
    frame : pandas.DataFrame
        One row per (outcome, contrast), columns `COLUMNS`: ``contrast`` reads "B - A";
        ``estimate, se, ci_low, ci_high`` in the outcome's unit; ``q`` the p value after control of
        the false discovery rate; ``effect_sd = estimate / outcome_sd``; ``ess`` the effective
        sample size; ``max_smd`` the worst standardised mean difference left after weighting;
        ``status`` ``ok`` or ``not_estimable`` with its ``reason`` (of an ``ok`` row: what is weak
        about it, as limited overlap).
    balance : pandas.DataFrame, optional
        ``covariate, level_contrast, smd_raw, smd_weighted``.
    provenance : Provenance, optional
    notes : tuple of str
        What a reader must know, in sentences.

    Examples
    --------
    >>> from causalimg.effects import DifferenceInMeans
    >>> table = pd.DataFrame({"scanner": list("AAABBB"), "glcm_contrast": [1.0, 2, 3, 4, 5, 6]})
    >>> effects = DifferenceInMeans(treatment="scanner").fit(table, ["glcm_contrast"]).effects_
    >>> effects.to_frame()[["outcome", "contrast", "estimate"]].values.tolist()
    [['glcm_contrast', 'B - A', 3.0]]
    """

    frame: pd.DataFrame
    balance: pd.DataFrame | None = None
    provenance: Provenance | None = None
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        frame = self.frame.reset_index(drop=True)
        same_columns(frame, list(COLUMNS), "effect table")
        object.__setattr__(self, "frame", frame)
        object.__setattr__(self, "notes", tuple(self.notes))
        if self.balance is not None:
            balance = self.balance.reset_index(drop=True)
            same_columns(balance, list(BALANCE_COLUMNS), "balance table")
            object.__setattr__(self, "balance", balance)

    @property
    def estimable(self) -> pd.DataFrame:
        """The rows whose status is ``ok``."""
        return self.frame[self.frame["status"] == "ok"]

    @property
    def contrasts(self) -> tuple[str, ...]:
        """The contrasts, in order of first appearance."""
        return tuple(dict.fromkeys(self.frame["contrast"]))

    @property
    def assumptions(self) -> str:
        """What must hold for the effects to be causal, as a paragraph; empty without provenance."""
        return "" if self.provenance is None else " ".join(self.provenance.assumptions)

    @property
    def plot(self) -> Any:
        """Plots of this table: ``plot.volcano()``, ``plot.forest()``, ``plot.love()``."""
        return load("causalimg.plots", "effect_table")(self)

    def to_frame(self) -> pd.DataFrame:
        """Return a copy of the table."""
        return self.frame.copy()

    def digest(self) -> str:
        """Return the sha256 of the values."""
        return digest([sha256_frame(self.frame), list(self.notes)])

    def header(self) -> dict[str, Any]:
        """Return the document that travels with the table (schema ``effect_table``)."""
        balance = None
        if self.balance is not None:
            rows = self.balance.astype(object).where(self.balance.notna(), None)
            balance = rows.to_dict(orient="records")
        return {
            "$schema": SCHEMA_ID,
            "fields": [
                {
                    "name": name,
                    "type": "number"
                    if pd.api.types.is_numeric_dtype(self.frame[name].dtype)
                    else "string",
                }
                for name in COLUMNS
            ],
            "n_rows": len(self.frame),
            "balance": balance,
            "notes": list(self.notes),
            "provenance": None if self.provenance is None else self.provenance.to_dict(),
        }

    def save(self, path: str | Path) -> None:
        """Write ``.parquet`` (header inside) or ``.csv`` (header beside it, ``.json``)."""
        write_table(self.frame, self.header(), path, schema="effect_table")

    @classmethod
    def load(cls, path: str | Path) -> EffectTable:
        """Read a table written by `save`.

        Raises
        ------
        FileReadError, SchemaError
        """
        frame, header = read_table(path, schema="effect_table")
        frame["reason"] = frame["reason"].astype("object").fillna("").astype("str")
        balance = None
        if header["balance"] is not None:
            balance = pd.DataFrame(header["balance"], columns=list(BALANCE_COLUMNS))
            for name in ("smd_raw", "smd_weighted"):
                balance[name] = balance[name].astype(float)
        made = header["provenance"]
        provenance = None if made is None else Provenance.from_dict(made)
        return cls(frame, balance, provenance, tuple(header["notes"]))

    def __repr__(self) -> str:
        good = self.estimable
        below = int(np.sum(good["q"].to_numpy(dtype=float) < 0.05))
        return (
            f"EffectTable({len(self.frame)} effects, {len(good)} estimable,"
            f" {below} with q < 0.05; contrasts: {', '.join(self.contrasts)})"
        )

    def _repr_html_(self) -> str:
        shown: str = self.frame.head(20).round(4).to_html(index=False, border=0)
        return f"<p>{self!r}</p>{shown}"
