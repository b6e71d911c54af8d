"""The role of each column of a table, guessed from its name and values, with the reason."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from causalimg.study_features import looks_radiomic, no_features
from causalimg.tables.encode import is_categorical, numbers_in_text

_ACQUISITION = ("scanner", "manufacturer", "model", "protocol", "kernel", "site", "centre",
                "center", "hospital", "field", "sequence", "vendor", "batch", "spacing",
                "thickness", "contrast_agent", "kvp", "tube", "exposure_m", "modality",
                "reconstruction", "magnetic", "echo_time", "repetition_time", "flip_angle", "coil",
                "software", "pixel", "slice")  # fmt: skip
_OUTCOME = ("malign", "outcome", "diagnos", "disease", "metasta", "death", "event", "response",
            "recurrence", "grade", "survival", "target")  # fmt: skip
_PATIENT = ("age", "sex", "gender", "bmi", "weight", "height", "smoker", "smoking", "stage", "ecog",
            "ethnicity", "race", "treatment", "comorbidity", "diabetes")  # fmt: skip
_KEY_WORDS = {"patient", "subject", "participant", "id", "ids", "no", "nr", "number", "code", "key"}
_TREATMENTS = ("manufacturer", "vendor", "scanner", "protocol", "kernel", "model", "site")
_MAX_LEVELS = 10
_NEARLY = 0.995  # correlation above which a number says the same as another


@dataclass(frozen=True)
class Guess:
    """What a column seems to be (empty: nothing that a study uses), and why."""

    role: str
    why: str


def guess_roles(
    frame: pd.DataFrame, *, has_images: bool, known: Mapping[str, str] | None = None
) -> dict[str, Guess]:
    """Guess the role of every column; a person has to check it.

    Parameters
    ----------
    frame : pandas.DataFrame
        A cohort, or a table of features.
    has_images : bool
        A cohort: its features are still to be extracted, so that other numbers are covariates.
    known : mapping of str to str, optional
        Column -> role, as the file itself records them.

    Examples
    --------
    >>> table = pd.DataFrame({"scanner": list("AAB"), "age": [60, 61, 70]})
    >>> table["glcm_contrast"] = [1.0, 2.0, 1.5]
    >>> {name: found.role for name, found in guess_roles(table, has_images=False).items()}
    {'scanner': 'context', 'age': 'covariate', 'glcm_contrast': 'feature'}
    """
    radiomic = not has_images and any(looks_radiomic(str(name)) for name in frame.columns)
    skipped = set(no_features(frame)) | {"series_uid"}
    recorded = dict(known or {})
    found: dict[str, Guess] = {}
    for name in map(str, frame.columns):
        if name in skipped:
            continue
        guess = _guess(name, frame[name], has_images=has_images, radiomic=radiomic)
        if guess.role != "feature":
            twin = next((n for n in found if _same(frame[n], frame[name])), None)
            if twin is not None:
                guess = Guess("", f"the same as {twin!r} in every row")
        if guess.role and recorded.get(name) in ("context", "covariate", "outcome"):
            guess = Guess(recorded[name], "the file records it")
        found[name] = guess
    for role in ("context", "covariate"):
        _leave_out_repeats(frame, found, role)
    return found


def _leave_out_repeats(frame: pd.DataFrame, found: dict[str, Guess], role: str) -> None:
    """Take the role from columns that say what another one of that role says already."""
    names = [name for name, guess in found.items() if guess.role == role]
    kept: list[str] = []
    for name in by_treatment(names) if role == "context" else names:
        twin = next((n for n in kept if _repeats(frame[n], frame[name])), None)
        if twin is None:
            kept.append(name)
        else:
            found[name] = Guess("", f"says the same as {twin!r}")


def by_treatment(names: list[str]) -> list[str]:
    """Return the names, likely treatments first.

    Examples
    --------
    >>> by_treatment(["site", "dose", "scanner_model", "scanner"])
    ['scanner', 'site', 'scanner_model', 'dose']
    """
    ranked = [name for part in _TREATMENTS for name in names if name.lower() == part]
    ranked += [name for part in _TREATMENTS for name in names if part in name.lower()]
    return list(dict.fromkeys([*ranked, *names]))


def decides(frame: pd.DataFrame, name: str, other: str) -> bool:
    """Tell whether a column of few values decides the value of another one in every case.

    Examples
    --------
    >>> models = pd.DataFrame({"model": ["m1", "m2", "m3"] * 3, "maker": ["A", "A", "B"] * 3})
    >>> decides(models, "model", "maker"), decides(models, "maker", "model")
    (True, False)
    """
    column = frame[name]
    if not is_categorical(column) and column.nunique() > _MAX_LEVELS:
        return False
    pairs = frame[[name, other]].dropna().astype(str)
    return bool((pairs.groupby(name)[other].nunique() <= 1).all())


def _repeats(one: pd.Series, other: pd.Series) -> bool:
    """Tell whether two complete columns say the same: one to one, or nearly the same numbers."""
    if one.isna().any() or other.isna().any():
        return False
    if not is_categorical(one) and not is_categorical(other) and one.nunique() > _MAX_LEVELS:
        return bool(abs(one.corr(other)) > _NEARLY)
    both = pd.DataFrame({"one": one.astype(str), "other": other.astype(str)}).drop_duplicates()
    n_levels = both["one"].nunique()
    return bool(n_levels <= len(one) / 2 and len(both) == n_levels == both["other"].nunique())


def _same(one: pd.Series, other: pd.Series) -> bool:
    return bool(one.astype(str).equals(other.astype(str)))


def _guess(name: str, column: pd.Series, *, has_images: bool, radiomic: bool) -> Guess:
    text = is_categorical(column)
    n_levels = int(column.nunique(dropna=True))
    if n_levels < 2:
        return Guess("", "the same in every row")
    if text and n_levels == len(column):
        return Guess("", numbers_in_text(column) or "a different text in every row")
    if looks_radiomic(name) and not text:
        return (
            Guess("", "a feature, and features are extracted from the images")
            if has_images
            else Guess("feature", "called like a radiomics feature")
        )
    for role, parts in (("outcome", _OUTCOME), ("context", _ACQUISITION)):
        part = next((part for part in parts if part in name.lower()), None)
        if part is not None:
            return Guess(role, f"{part!r} is in its name")
    words = [word for word in re.split(r"[^a-z]+", name.lower()) if word]
    part = next((part for part in _PATIENT if part in words), None)
    if part is not None and (not text or n_levels <= _MAX_LEVELS):
        return Guess("covariate", f"{part!r} is in its name")
    if text:
        said = numbers_in_text(column) or f"text with {n_levels} levels"
        return Guess("covariate" if n_levels <= _MAX_LEVELS else "", said)
    if has_images or radiomic:
        return Guess("covariate", "a number that is not called like a feature")
    return Guess("feature", "a number")


def patient_column(frame: pd.DataFrame) -> str | None:
    """Return the column that says which rows are of one patient, if some patient has several."""
    for name in frame.columns:
        text = re.sub(r"(patient|subject|participant)(?=[a-z])", r"\1_", str(name).lower())
        words = {word for word in re.split(r"[^a-z]+", text) if word}
        if words & {"patient", "subject", "participant"} and words <= _KEY_WORDS:
            column = frame[name]
            if column.notna().all() and 1 < column.nunique() < len(column):
                return str(name)
    return None


def values_of(column: pd.Series) -> str:
    """Say what a column holds: its commonest levels, or its range, and how many are missing."""
    missing = int(column.isna().sum())
    if is_categorical(column) or column.nunique() <= 6:
        counts = column.dropna().astype(str).value_counts().head(4)
        said = ", ".join(f"{level} ({n})" for level, n in counts.items())
        said += ", ..." if column.nunique() > 4 else ""
    else:
        said = f"{column.min():g} to {column.max():g}"
    return said + (f"; {missing} missing" if missing else "")
