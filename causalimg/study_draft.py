"""A commented study file, drafted from the columns of a cohort or of a table of features."""

from __future__ import annotations

import json
import textwrap
from os.path import relpath
from pathlib import Path

import pandas as pd

from causalimg.column_roles import (
    Guess,
    by_treatment,
    decides,
    guess_roles,
    patient_column,
    values_of,
)
from causalimg.registry import names
from causalimg.study_features import feature_table, identified
from causalimg.study_methods import effect_estimators
from causalimg.tables.cohort import Cohort
from causalimg.tables.encode import is_categorical, levels
from causalimg.tables.io import read_frame

_SPACINGS = ("slice_thickness_mm", "spacing_between_slices_mm", "pixel_spacing_mm")
_PLACES = ("site", "centre", "center", "hospital")


def draft(path: str | Path, folder: str | Path, *, name: str = "study.toml") -> str:
    """Return the text of a commented study file.

    Parameters
    ----------
    path : path
        A cohort file (``image`` and ``mask`` for each case), or any table of features.
    folder : path
        Folder that the study file will lie in; the table's path is written relative to it.
    name : str
        Name that it will have.

    Raises
    ------
    FileReadError, InvalidInputError
        If the table cannot be read.
    """
    where = Path(path)
    plain = read_frame(where)
    lower = {str(name).lower() for name in plain.columns}
    # PyRadiomics writes image and mask beside the features that it computed
    has_images = {"image", "mask"} <= lower and "diagnostics_versions_pyradiomics" not in lower
    known: dict[str, str] = {}
    if has_images or (lower & {"image", "mask"} and not _has_numbers(plain)):
        cohort = Cohort.read(where)  # or it says which column is missing
        frame, known = cohort.frame, cohort.roles
    else:
        table = feature_table(where, {})
        frame, _ = identified(plain)
        known = {column.name: column.role for column in table.columns}
    guesses = guess_roles(frame, has_images=has_images, known=known)
    written = Path(relpath(where, folder)).as_posix()
    lines = [
        "# A study for causalimg. Every line is a choice: read it, change it, then",
        f"#     causalimg validate {name}",
        f"#     causalimg run {name} --out results",
        "",
        "[study]",
        f"name = {_toml(_title(where))}",
        "random_state = 0          # seed of everything random",
        "n_jobs = -1               # every core; results do not depend on it",
        '# authors = [{ name = "A. Author", orcid = "0000-0000-0000-0000" }]',
        '# license = "CC-BY-4.0"   # both are written into the RO-Crate of the results',
        "",
        *_cohort_lines(frame, guesses, written, has_images=has_images),
        *(_extract_lines(frame) if has_images else []),
        *_graph_lines(frame, guesses),
        *_effect_lines(frame, guesses),
    ]
    return "\n".join(lines) + "\n"


def _has_numbers(frame: pd.DataFrame) -> bool:
    return any(not is_categorical(frame[n]) and str(n).lower() != "label" for n in frame.columns)


def _named(guesses: dict[str, Guess], role: str) -> list[str]:
    return [name for name, found in guesses.items() if found.role == role]


def _cohort_lines(
    frame: pd.DataFrame, guesses: dict[str, Guess], written: str, *, has_images: bool
) -> list[str]:
    context, known, outcomes = (_named(guesses, r) for r in ("context", "covariate", "outcome"))
    key = "file" if has_images else "features"
    lines = ["[cohort]", f"{key} = {_toml(written)}"]
    if has_images:
        lines += [
            "# columns read from DICOM headers or BIDS sidecars, added to those of the file:",
            '# acquisition = ["Manufacturer", "MagneticFieldStrength"]',
        ]
    else:
        n_features = len(_named(guesses, "feature"))
        lines.append(f"# {n_features} columns are features: every number that has no role below")
    lines += [
        f"context = {_toml(context)}",
        "#   how the image was made: site, scanner, protocol",
        f"covariates = {_toml(known)}",
        "#   known of the patient before the scan",
        f"outcomes = {_toml(outcomes)}",
        "#   what a model would predict; no effect is adjusted for them",
        "# Why (guessed from names and values; move a name to another list if a guess is wrong):",
    ]
    described = [(n, found) for n, found in guesses.items() if found.role != "feature"]
    for name, found in described:
        role = f"{found.role}, as {found.why}" if found.role else f"not used: {found.why}"
        lines.append(f"#   {name}: {role}; {values_of(frame[name])}".replace("\n", " "))
    if any(frame[name].isna().any() for name, found in described if found.role):
        lines.append(
            "# Columns with missing values stay out of the graph and the adjustment below."
        )
    return [*lines, ""]


def _extract_lines(frame: pd.DataFrame) -> list[str]:
    kinds = set(frame["modality"].dropna().astype(str)) if "modality" in frame else set()
    bins = [
        "bin_width = 25.0          # of a grey-level bin [intensity]; 25 suits CT [HU]",
        "#   for MR or PET choose a number of bins, 16 to 128, in its place: bin_count = 32",
    ]
    if kinds and "CT" not in kinds:
        bins = [
            f"bin_count = 32            # grey levels of every region; {', '.join(sorted(kinds))}"
            " has no scale of its own",
            "#   for CT choose the width of a bin in its place: bin_width = 25.0",
        ]
    uneven = [name for name in _SPACINGS if name in frame and frame[name].nunique() > 1]
    return [
        "[extract]",
        *bins,
        "# resample = [1.0, 1.0, 1.0]   # z, y, x [mm]; leave out to keep each scan's own voxels",
        *(
            f"#   {name} differs between scans ({values_of(frame[name])}), and with it texture;"
            " resample makes one grid"
            for name in uneven[:1]
        ),
        "# image_types = { original = {}, wavelet = {}, log = { sigma = [1.0, 3.0] } }",
        "",
    ]


def _graph_lines(frame: pd.DataFrame, guesses: dict[str, Guess]) -> list[str]:
    whole = {n: found for n, found in guesses.items() if not frame[n].isna().any()}
    context, known, outcomes = (_named(whole, r) for r in ("context", "covariate", "outcome"))
    lacking = [n for n, found in guesses.items() if n not in whole and found.role]
    lacking = [name for name in lacking if guesses[name].role != "feature"]
    tied = _tied(frame, context)
    context = [name for name in context if name not in tied]
    before = [*known, *(name for name in context if _is_place(name))]
    later = [name for name in context if name not in before]
    tiers = [tier for tier in (before, later, ["@features"], outcomes) if tier]
    attributes = later or context
    return [
        "[redundancy]",
        "threshold = 0.95          # features that correlate above this are near-copies,",
        "#   of which one goes into the graph",
        "",
        "[discover]                # the graph; leave the section out to learn none",
        'method = "pc"',
        "#   hidden common causes: fci; Gaussian data, fewer false edges: ges, boss; skewed data,",
        "#   every edge oriented: direct_lingam; the order of all tiers known: tier_regression.",
        *_wrapped("registered here: " + ", ".join(names("causalimg.discovery"))),
        '# options = { test = "mixed_lrt" }   # the method\'s own settings',
        "# causes first: nothing in a tier is caused by a later tier",
        f"tiers = {_toml(tiers)}",
        *(
            f"# not {name}: it and {other} cannot both be in the graph, as one decides the other"
            for name, other in tied.items()
        ),
        *([f"columns = {_toml([n for tier in tiers for n in tier])}"] if lacking or tied else []),
        "n_bootstrap = 100         # resamples, for the support of every edge; 0 for none",
        f"max_features = {max(2, min(30, len(frame) // 5))}"
        f"         # of {len(frame)} cases: never more than a fifth of them",
        "",
        *(
            [
                "# what a model of the images may be trained to ignore, by the graph:",
                "# [constraints]",
                f"# outcome = {_toml(outcomes[0])}",
                f"# attributes = {_toml(attributes[:1])}",
                "",
            ]
            if outcomes and attributes
            else []
        ),
    ]


def _effect_lines(frame: pd.DataFrame, guesses: dict[str, Guess]) -> list[str]:
    context, known = _named(guesses, "context"), _named(guesses, "covariate")
    treatment = (by_treatment(context) or [""])[0]
    if not treatment:
        return [
            "# No column looks like a scanner, protocol or site. To estimate effects, add one to",
            "# [cohort] context, and:",
            "# [effects]",
            '# treatment = "scanner"',
            '# adjustment = ["age", "sex"]',
        ]
    others = [name for name in (*known, *context) if name != treatment]
    fixing = [name for name in others if decides(frame, name, treatment)]
    lacking = [n for n in others if n not in fixing and frame[n].isna().any()]
    adjustment = [n for n in others if n not in fixing and n not in lacking]
    settings = [n for n in adjustment if guesses[n].role == "context" and not _is_place(n)]
    cluster = patient_column(frame)
    lines = [
        "# take a batch effect out of the features before the graph is learned:",
        "# [harmonize]",
        '# method = "causal_combat" # refuses where batches hold no comparable cases; or "combat"',
        f"# batch = {_toml(treatment)}",
        f"# covariates = {_toml(known)}",
        "",
        "[effects]                 # what this column does to every feature",
        f"treatment = {_toml(treatment)}   # the first of the context columns by its name",
        "# adjust for what influences both the treatment and the image, and for nothing that the",
        "# treatment changes",
        f"adjustment = {_toml(adjustment)}",
        *(
            [
                f"# with {', '.join(settings)}: the effect between scans that are made alike; take",
                f"# out what {treatment} itself decides, and it is the whole effect",
            ]
            if settings
            else []
        ),
        *(
            f"# not {name}: its value decides which {treatment} a case has, so the two cannot be"
            " told apart"
            for name in fixing
        ),
        *(f"# not {name}: it is missing in some rows; fill or drop them first" for name in lacking),
        'estimator = "aipw"',
        *_wrapped("registered here: " + ", ".join(effect_estimators())),
        '# estimand = "ato"        # few comparable cases: the effect where groups overlap',
    ]
    if cluster is not None:
        lines.append(f"cluster = {_toml(cluster)}   # some patients have several rows")
    lines += [
        "",
        "[invariant]",
        "margin = 0.5              # largest harmless effect, in SD between patients: your choice",
    ]
    found = levels(frame[treatment])
    if guesses[treatment].role == "context" and len(found) > 2:
        lines += [
            "",
            "# To compare one level with all the others, merge them:",
            f"# [cohort.groups.{_key(treatment)}]",
            f"# {_key(found[0])} = {_toml([found[0]])}",
            '# other = ["*"]',
        ]
    return lines


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, 92, initial_indent="#   ", subsequent_indent="#   ")


def _is_place(name: str) -> bool:
    return any(part in name.lower() for part in _PLACES)


def _tied(frame: pd.DataFrame, names: list[str]) -> dict[str, str]:
    """Return the columns that decide, or are decided by, a likelier treatment, and that one."""
    kept: list[str] = []
    tied: dict[str, str] = {}
    for name in by_treatment(names):
        pairs = ((name, other) for other in kept)
        other = next((b for a, b in pairs if decides(frame, a, b) or decides(frame, b, a)), None)
        if other is None:
            kept.append(name)
        else:
            tied[name] = other
    return tied


def _title(path: Path) -> str:
    return path.resolve().parent.name if path.stem in ("cohort", "features") else path.stem


def _toml(value: object) -> str:
    """Return a TOML literal for text or nested lists of text (JSON strings are TOML strings)."""
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    return json.dumps(str(value), ensure_ascii=False)


def _key(name: str) -> str:
    return (
        name if name.replace("_", "").replace("-", "").isalnum() and name.isascii() else _toml(name)
    )
