"""Batches, covariates and features of a table as arrays, the same in training and later."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from causalimg.effects.columns import case_names, refuse_missing
from causalimg.effects.covariates import independent_columns
from causalimg.errors import (
    InvalidInputError,
    NotEstimableError,
    UnknownNameError,
    check_columns,
    nearest,
)
from causalimg.tables.encode import encode, is_categorical, levels

Array = NDArray[np.float64]
Codes = NDArray[np.intp]


@dataclass(frozen=True)
class BatchCodes:
    """The batches seen in training.

    Parameters
    ----------
    column : str
    levels : tuple of str
        Sorted.
    counts : tuple of int
        Training cases of each.
    reference : int or None
        Position of the reference batch.
    """

    column: str
    levels: tuple[str, ...]
    counts: tuple[int, ...]
    reference: int | None = None

    @classmethod
    def of(
        cls, frame: pd.DataFrame, column: str, *, reference: str | None, least: int
    ) -> BatchCodes:
        """Read the batches of a training table.

        Raises
        ------
        NotEstimableError
            If there is one batch only, or one has fewer than ``least`` cases; naming it.
        """
        check_columns(frame, [column], "batch")
        refuse_missing(frame, [column], "batch")
        known = levels(frame[column].astype("object"))
        if len(known) < 2:
            raise NotEstimableError(
                f"batch {column!r} has one level only ({', '.join(known) or 'no cases'});"
                " there is nothing to harmonise"
            )
        text = frame[column].astype(str)
        counts = tuple(int((text == level).sum()) for level in known)
        small = [f"{level!r} ({n})" for level, n in zip(known, counts, strict=True) if n < least]
        if small:
            raise NotEstimableError(
                f"batch {column!r}: {', '.join(small)} has fewer than {least} cases, too few to"
                " estimate its spread. Merge it with a batch of the same hardware, leave its cases"
                " out, or adjust means only (mean_only=True)."
            )
        place = None
        if reference is not None:
            if str(reference) not in known:
                raise UnknownNameError(
                    f"reference_batch {reference!r} is not a level of batch {column!r}"
                    f"{nearest(str(reference), known)} (levels: {', '.join(known)})"
                )
            place = known.index(str(reference))
        return cls(column, known, counts, place)

    def codes(self, frame: pd.DataFrame, *, on_unseen: str = "refuse") -> Codes:
        """Return the position of each case's batch.

        Raises
        ------
        NotEstimableError
            For a batch that training did not see, unless ``on_unseen`` is ``reference``.
        """
        check_columns(frame, [self.column], "batch")
        refuse_missing(frame, [self.column], "batch")
        text = frame[self.column].astype(str).to_numpy()
        place = {level: k for k, level in enumerate(self.levels)}
        unseen = np.array([value not in place for value in text], dtype=bool)
        if unseen.any():
            strange = sorted(set(text[unseen]))
            if on_unseen != "reference":
                raise NotEstimableError(
                    f"batch {self.column!r}: {', '.join(map(repr, strange))}"
                    f"{nearest(strange[0], self.levels)} was not in the training data (seen:"
                    f" {', '.join(self.levels)}; case {case_names(frame, unseen)}), so its shift is"
                    " not known. Refit with some of its cases; or set reference_batch= and"
                    " on_unseen='reference' if it measures as the reference does; or use features"
                    " that are stable across batches (StableFeatures)."
                )
            place |= dict.fromkeys(strange, -1 if self.reference is None else self.reference)
        return np.array([place[value] for value in text], dtype=np.intp)


@dataclass(frozen=True)
class CovariateCodes:
    """Covariates as centred numbers, with the levels, curves and scale of the training cases.

    Parameters
    ----------
    columns : tuple of str
    smooth : tuple of str
        Those with a spline.
    levels : dict of str to tuple of str
    splines : dict of str to fitted SplineTransformer
    centre, scale : ndarray of shape (n_parameters,)
    blocks : dict of str to slice
        Column -> its part of the matrix.
    """

    columns: tuple[str, ...]
    smooth: tuple[str, ...] = ()
    levels: dict[str, tuple[str, ...]] = field(default_factory=dict)
    splines: dict[str, Any] = field(default_factory=dict)
    centre: Array = field(default_factory=lambda: np.zeros(0))
    scale: Array = field(default_factory=lambda: np.zeros(0))
    blocks: dict[str, slice] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        frame: pd.DataFrame,
        columns: Sequence[str],
        *,
        smooth: Sequence[str] = (),
        n_knots: int = 6,
    ) -> CovariateCodes:
        """Learn the encoding from a training table.

        Raises
        ------
        InvalidInputError
            For missing values or a constant covariate.
        """
        chosen = tuple(str(name) for name in columns)
        _check(frame, chosen)
        found = {c: levels(frame[c]) for c in chosen if is_categorical(frame[c])}
        curves: dict[str, Any] = {}
        for name in smooth:
            if name not in chosen:
                raise InvalidInputError(
                    f"smooth names {name!r}, which is not among the covariates"
                    f"{nearest(name, chosen)} ({', '.join(chosen) or 'there are none'})"
                )
            if name in found:
                raise InvalidInputError(f"smooth: {name!r} is a category; it has no curve")
            curves[name] = _curve(frame[name].to_numpy(dtype=np.float64), n_knots)
        raw, blocks = _raw(frame, chosen, found, curves)
        centre = raw.mean(axis=0)
        scale = np.ones(raw.shape[1])
        for name, block in blocks.items():
            part = raw[:, block]
            if not np.ptp(part, axis=0).any():
                raise InvalidInputError(
                    f"covariate {name!r} is the same in every case; take it out of covariates"
                )
            # one scale for a curve, so that differences of its coefficients mean its bends
            scale[block] = part.std() if name in curves else np.maximum(part.std(axis=0), 1e-300)
        return cls(chosen, tuple(curves), found, curves, centre, scale, blocks)

    def matrix(self, frame: pd.DataFrame) -> Array:
        """Return the covariates of a table, shape (n_cases, n_parameters)."""
        _check(frame, self.columns)
        raw, _ = _raw(frame, self.columns, self.levels, self.splines)
        return np.asarray((raw - self.centre) / self.scale)


def _check(frame: pd.DataFrame, columns: Sequence[str]) -> None:
    check_columns(frame, columns, "covariates")
    refuse_missing(frame, list(columns), "covariate")


def _curve(values: Array, n_knots: int) -> Any:
    from sklearn.preprocessing import SplineTransformer

    places = np.unique(np.quantile(values, np.linspace(0.0, 1.0, n_knots)))
    return SplineTransformer(
        degree=3, knots=places[:, None], extrapolation="linear", include_bias=False
    ).fit(values[:, None])


def _raw(
    frame: pd.DataFrame,
    columns: Sequence[str],
    known: dict[str, tuple[str, ...]],
    curves: dict[str, Any],
) -> tuple[Array, dict[str, slice]]:
    encoded = encode(frame, list(columns), levels_of=known)
    parts: list[Array] = []
    blocks: dict[str, slice] = {}
    start = 0
    for name in columns:
        part = encoded.matrix[:, encoded.blocks[name]]
        if name in curves:
            part = np.asarray(curves[name].transform(part), dtype=np.float64)
        blocks[name] = slice(start, start + part.shape[1])
        start += part.shape[1]
        parts.append(part)
    return (np.hstack(parts) if parts else np.empty((len(frame), 0))), blocks


def refuse_confounded(batches: Array, codes: CovariateCodes, covariates: Array, batch: str) -> None:
    """Raise `NotEstimableError` if a covariate is a function of the batch or of other covariates.

    A curve is refused if nothing of it varies within batches: its penalty decides the rest.
    """
    design = np.hstack([batches, covariates])
    free = independent_columns(design)[batches.shape[1] :]
    for name, block in codes.blocks.items():
        enough = free[block].any() if name in codes.smooth else free[block].all()
        if not enough:
            raise NotEstimableError(
                f"covariate {name!r} cannot be told from batch {batch!r} (or from the other"
                " covariates): within batches it does not vary on its own. Removing the batch would"
                " remove it too. Take it out only if the graph says that it does not matter; else"
                " the data have no answer."
            )
