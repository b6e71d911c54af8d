"""The true effect of the scanner on every feature of a simulated cohort."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from causalimg.atomic import write_text
from causalimg.errors import InvalidInputError
from causalimg.graph.core import CausalGraph
from causalimg.imaging.phantom import true_graph
from causalimg.provenance import Provenance
from causalimg.schemas import read_document, validate

SCHEMA_ID = "https://causalimg.org/schemas/phantom_truth/1.0.0"
EFFECT_COLUMNS = (
    "outcome",
    "contrast",
    "effect",
    "effect_sd",
    "outcome_sd",
    "mean_reference",
    "mean_other",
    "spread",
    "moved",
    "n",
)


@dataclass(frozen=True, eq=False)
class PhantomTruth:
    """True scanner effects: every patient of the cohort, under every scanner.

    Parameters
    ----------
    effects : pandas.DataFrame
        One row per feature and pair of scanners. ``contrast`` is ``"B - A"``; ``effect`` the mean
        over these patients of the feature under B minus under A, each with the patient's own
        protocol (the sample's average effect, no estimate); ``outcome_sd`` the standard deviation
        between patients under the reference scanner, ``effect_sd`` the effect in that unit;
        ``mean_reference`` and ``mean_other`` the means under A and B; ``spread`` the standard
        deviation of the single patients' effects; ``moved`` whether any patient's value changes;
        ``n`` the number of patients.
    reference : str
        The reference scanner.
    failed : tuple of str
        Cases without features under some scanner; they are in no row.
    provenance : Provenance, optional

    Examples
    --------
    >>> row = ("glcm_contrast", "B - A", 0.4, 0.8, 0.5, 4.0, 4.4, 0.1, True, 90)
    >>> still = ("shape_volume", "B - A", 0.0, 0.0, 9.0, 80.0, 80.0, 0.0, False, 90)
    >>> truth = PhantomTruth(pd.DataFrame([row, still], columns=EFFECT_COLUMNS), reference="A")
    >>> truth.invariant(margin=0.5)
    ('shape_volume',)
    """

    effects: pd.DataFrame
    reference: str
    failed: tuple[str, ...] = ()
    provenance: Provenance | None = None

    @property
    def features(self) -> tuple[str, ...]:
        """The features, in the order of the columns."""
        return tuple(dict.fromkeys(self.effects["outcome"]))

    def worst(self) -> pd.Series:
        """Return each feature's largest absolute effect over the pairs of scanners [SD]."""
        size = self.effects["effect_sd"].abs().groupby(self.effects["outcome"], sort=False)
        return size.agg(lambda values: values.max(skipna=False))

    def invariant(self, margin: float) -> tuple[str, ...]:
        """Return the features that no pair of scanners shifts by ``margin`` or more.

        Parameters
        ----------
        margin : float
            In standard deviations between patients under the reference scanner.
        """
        if not margin > 0:
            raise InvalidInputError(f"margin={margin}: a number of standard deviations above 0")
        worst = self.worst()
        return tuple(name for name in self.features if worst[name] < margin)

    def graph(self, features: Sequence[str] | None = None) -> CausalGraph:
        """Return the true graph with features as nodes.

        A feature's parents are the lesion nodes and the protocol (of a shape feature: size, shape
        and protocol), and the scanner where it changes any patient's value.
        """
        moved = self.effects.groupby("outcome", sort=False)["moved"].any()
        chosen = self.features if features is None else tuple(features)
        causes: dict[str, list[str]] = {}
        for name in chosen:
            parents = ["lesion_size", "lesion_shape", "protocol"]
            if not name.startswith("shape_"):
                parents += ["lesion_texture", "lesion_contrast"]
            causes[name] = [*parents, "scanner"] if moved[name] else parents
        return true_graph(causes)

    def to_frame(self) -> pd.DataFrame:
        """Return a copy of the table of effects."""
        return self.effects.copy()

    def save(self, path: str | Path) -> None:
        """Write the truth as JSON (schema ``phantom_truth``)."""
        rows = self.effects.astype(object).where(self.effects.notna(), None)
        document = {
            "$schema": SCHEMA_ID,
            "reference": self.reference,
            "failed": list(self.failed),
            "effects": rows.to_dict(orient="records"),
            "provenance": None if self.provenance is None else self.provenance.to_dict(),
        }
        validate(document, "phantom_truth")
        write_text(path, json.dumps(document, indent=1, allow_nan=False) + "\n")

    @classmethod
    def load(cls, path: str | Path) -> PhantomTruth:
        """Read a truth written by `save`."""
        document = read_document(path, "phantom_truth")
        frame = pd.DataFrame(document["effects"], columns=list(EFFECT_COLUMNS))
        numbers = [name for name in EFFECT_COLUMNS[2:8]]
        frame[numbers] = frame[numbers].astype("float64")
        made = document["provenance"]
        return cls(
            frame,
            document["reference"],
            tuple(document["failed"]),
            None if made is None else Provenance.from_dict(made),
        )
