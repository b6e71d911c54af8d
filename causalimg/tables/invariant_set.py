"""The invariant set: features that may be relied on across an environment, with the evidence."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from causalimg.atomic import write_text
from causalimg.errors import InvalidInputError, SchemaError, check_columns
from causalimg.provenance import digest
from causalimg.registry import load
from causalimg.tables.features import FeatureTable
from causalimg.tables.invariant_record import (
    EVIDENCE_COLUMNS,
    EVIDENCE_FILE,
    SET_FILE,
    InvariantRecord,
)
from causalimg.tables.parameters import parameter_document
from causalimg.transformer import PipelineStep

__all__ = ["EVIDENCE_COLUMNS", "InvariantSet"]

PARAMETERS_FILE = "parameters.json"


class InvariantSet(PipelineStep, InvariantRecord):
    """Named features that a model may rely on across environments, and the evidence for each.

    Also a step of scikit-learn pipelines that selects its features.

    Parameters
    ----------
    features : tuple of str
        The features that the evidence admits.
    meaning : str
        Which sense of "invariant": ``stable_measurement``, ``invariant_predictors`` or
        ``invariant_model``.
    environment : str
        The column (scanner, site ...) across which it holds.
    margin : float
        Largest effect still called stable, in units of the between-patient SD; NaN for the other
        meanings.
    evidence : pandas.DataFrame
        One row per feature looked at: the columns of its `Meaning` (`EVIDENCE_COLUMNS` for stable
        measurements), then any of `OPTIONAL_COLUMNS`. For stable measurements ``contrast`` is the
        worst one.
    provenance : Provenance, optional
        Settings, software versions, assumptions.
    outcome : str, optional
        What is predicted; not for stable measurements.
    role : str
        Of the features in a table.
    environments : tuple of str
        The levels of the environment that were looked at.
    inputs : dict of str to str
        Name of each input (``table``, ``graph``) -> sha256.
    original_names : dict of str to str
        Feature -> the spelling of the extractor.
    extraction : dict, optional
        The settings that the features were extracted with.

    Examples
    --------
    >>> evidence = pd.DataFrame(
    ...     [["volume", "stable", "B - A", 0.0, -0.1, 0.1, 0.01, 0.01, 90, None]],
    ...     columns=EVIDENCE_COLUMNS,
    ... )
    >>> found = InvariantSet(("volume",), "stable_measurement", "scanner", 0.2, evidence)
    >>> found.mask(["energy", "volume"]).tolist()
    [False, True]
    """

    @property
    def plot(self) -> Any:
        """Plots of this set: ``plot.equivalence()``, ``plot.agreement(reliability)``."""
        return load("causalimg.plots", "invariant_set")(self)

    # ---- selection -----------------------------------------------------------------------

    def fit(self, frame: pd.DataFrame, y: Any = None) -> Self:
        """Check that a table has the features; nothing is learnt."""
        self.transform(frame)
        return self

    def transform(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return only the features of the set.

        Raises
        ------
        UnknownNameError
            Naming the features that the table lacks.
        InvalidInputError
            If it is an array, which has no column names; or if the set is empty.
        """
        if not isinstance(frame, pd.DataFrame):
            raise InvalidInputError(
                f"an invariant set selects by column name, and {type(frame).__name__} has none;"
                " give a DataFrame, or select columns of an array with mask(columns)"
            )
        if not self.features:
            raise InvalidInputError(
                f"the invariant set is empty: of {len(self.evidence)} features, the data show none"
                f" to hold across {self.environment!r}; n_needed in its evidence says how many"
                " cases would decide, or choose a larger margin"
            )
        check_columns(frame, self.features, "invariant set")
        return frame.loc[:, list(self.features)].copy()

    def fit_transform(self, frame: pd.DataFrame, y: Any = None) -> pd.DataFrame:
        """Return only the features of the set."""
        return self.transform(frame)

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """Return the names of the columns that `transform` gives."""
        return np.array(self.features, dtype=object)

    def mask(self, columns: Iterable[str]) -> NDArray[np.bool_]:
        """Mark the features of the set among the columns of an array.

        Parameters
        ----------
        columns : iterable of str
            Of the array, in order.

        Returns
        -------
        ndarray of bool, shape (n_columns,)

        Raises
        ------
        UnknownNameError
            If a feature of the set is not among them.
        """
        names = [str(name) for name in columns]
        check_columns(pd.DataFrame(columns=names), self.features, "invariant set")
        return np.isin(np.array(names, dtype=object), list(self.features))

    def __sklearn_clone__(self) -> Self:
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return True

    # ---- back to images ------------------------------------------------------------------

    def with_source(self, table: FeatureTable, *, graph: Any = None) -> InvariantSet:
        """Return the set with what it takes to compute its features from new images.

        Parameters
        ----------
        table : FeatureTable
            What the set was found in: column dictionary, extraction settings, hash.
        graph : CausalGraph, optional
            Its hash is noted.

        Raises
        ------
        UnknownNameError
            If the table lacks a feature of the set.
        """
        check_columns(table.frame, self.features, "invariant set")
        inputs = {**self.inputs, "table": table.digest()}
        if graph is not None:
            document = {k: v for k, v in graph.to_dict().items() if k != "provenance"}
            inputs["graph"] = digest(document)
        known = {column.name: column.original_name for column in table.columns}
        made = table.provenance
        return replace(
            self,
            inputs=inputs,
            original_names={name: known[name] for name in self.features if known[name]},
            extraction=None if made is None or made.stage != "extract" else dict(made.settings),
            environments=self.environments or _levels(table, self.environment),
        )

    def parameters(self) -> dict[str, Any]:
        """Return the extractor's parameter file that computes these features from new images.

        See `parameter_document` for what the format can say.

        Raises
        ------
        InvalidInputError
            If the set does not know how its features were extracted (`with_source`), or the file
            format cannot say it.
        """
        lost = [name for name in self.features if name not in self.original_names]
        if self.extraction is None or lost:
            raise InvalidInputError(
                "the set does not know how its features"
                f"{f' ({lost[0]} ...)' if lost else ''} were extracted: add the feature table with"
                " with_source(table), where table is what RadiomicsExtractor.extract() gave"
            )
        names = [self.original_names[name] for name in self.features]
        return parameter_document(names, self.extraction)

    def save_parameters(self, path: str | Path) -> None:
        """Write `parameters` as JSON, which `RadiomicsExtractor.from_parameter_file` reads."""
        write_text(path, json.dumps(self.parameters(), indent=1, allow_nan=False) + "\n")

    def save(self, path: str | Path) -> None:
        """Write the set, with a digest over all of it that `load` checks.

        Parameters
        ----------
        path : path
            A name that ends in ``.json``: one file. Else a folder: the set, its evidence as CSV,
            and the extractor's parameter file where the set knows it.
        """
        super().save(path)
        if Path(path).suffix != ".json" and self.features and self.original_names:
            self.save_parameters(Path(path) / PARAMETERS_FILE)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a set written by `save`: the file, or the folder.

        Raises
        ------
        FileReadError
            If the file is missing.
        SchemaError
            If it is not an invariant set of this version, its content does not match its digest,
            or the evidence or the parameter file beside it says something else than the set.
        """
        found = super().load(path)
        if Path(path).is_dir():
            found._check_beside(Path(path))
        return found

    def _check_beside(self, folder: Path) -> None:
        said = {EVIDENCE_FILE: lambda text: text == self.evidence.to_csv(index=False)}
        if self.features and self.original_names:
            said[PARAMETERS_FILE] = lambda text: json.loads(text) == self.parameters()
        for name, agrees in said.items():
            beside = folder / name
            if not beside.is_file():
                continue
            try:
                same = agrees(beside.read_text(encoding="utf-8"))
            except ValueError:
                same = False
            if not same:
                raise SchemaError(
                    f"{name} does not say what {SET_FILE} beside it says, so one of them was"
                    " changed after the set was written, or comes from another set; export the"
                    " set again with save()"
                )


def _levels(table: FeatureTable, environment: str) -> tuple[str, ...]:
    if environment not in table.frame.columns:
        return ()
    return tuple(sorted({str(level) for level in table.frame[environment].dropna().unique()}))
