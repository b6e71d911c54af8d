"""Help with files before a run: a study file drafted from a cohort, and what is wrong in one."""

from __future__ import annotations

import json
from os.path import relpath
from pathlib import Path

import pandas as pd

from causalimg.errors import CausalImgError, InvalidInputError
from causalimg.imaging.check import header_problems
from causalimg.schemas import NAMES, validate
from causalimg.study import Study
from causalimg.tables.cohort import Cohort
from causalimg.tables.effect_table import EffectTable
from causalimg.tables.encode import is_categorical, levels
from causalimg.tables.features import FeatureTable

_ACQUISITION = ("scanner", "manufacturer", "model", "protocol", "kernel", "site", "centre",
                "center", "hospital", "field", "sequence", "vendor", "batch", "spacing",
                "thickness")  # fmt: skip
_OUTCOME = ("malign", "outcome", "diagnos", "disease", "metasta", "death", "event", "response",
            "recurrence", "grade", "survival", "target")  # fmt: skip
_FILES = ("case_id", "image", "mask", "label", "roi", "series_uid")
_FIRST = ("manufacturer", "vendor", "scanner", "protocol", "kernel", "model", "site")


def guess_roles(cohort: Cohort) -> dict[str, str]:
    """Guess the role of each column from its name; a person has to check it.

    Columns with one value, or with a different text in every row, get no role.
    """
    roles: dict[str, str] = {}
    for name in cohort.frame.columns:
        if name in _FILES:
            continue
        column = cohort.frame[name]
        text = is_categorical(column)
        n_values = column.nunique(dropna=True)
        if n_values < 2 or (text and n_values == len(column)):
            continue
        lower = name.lower()
        if any(part in lower for part in _OUTCOME):
            roles[name] = "outcome"
        elif any(part in lower for part in _ACQUISITION):
            roles[name] = "context"
        elif not text or n_values <= 10:
            roles[name] = "covariate"
    return roles


def draft(cohort_file: str | Path, folder: str | Path) -> str:
    """Return the text of a commented study file for a cohort.

    Parameters
    ----------
    cohort_file : path
    folder : path
        Folder that the study file will lie in; the cohort's path is written relative to it.

    Raises
    ------
    FileReadError, InvalidInputError
        If the cohort cannot be read.
    """
    cohort = Cohort.read(cohort_file)
    roles = guess_roles(cohort)
    by_role = {
        role: [name for name, its in roles.items() if its == role]
        for role in ("context", "covariate", "outcome")
    }
    context = by_role["context"]
    ranked = [name for part in _FIRST for name in context if name.lower() == part]
    ranked += [name for part in _FIRST for name in context if part in name.lower()]
    treatment = (ranked or context or [""])[0]
    others = [name for name in (*by_role["covariate"], *context) if name != treatment]
    fixing = [name for name in others if treatment and _determines(cohort, name, treatment)]
    adjustment = [name for name in others if name not in fixing]
    before = [name for name in others if name in by_role["covariate"] or "site" in name.lower()]
    tiers = [before, [name for name in context if name not in before], ["@features"]]
    tiers.append(by_role["outcome"])
    lines = [
        "# A study for causalimg. Every line is a choice: read it, change it, then",
        "#     causalimg validate study.toml",
        "#     causalimg run study.toml --out results",
        "# The roles below were guessed from the columns' names.",
        "",
        "[study]",
        f"name = {_toml(_title(Path(cohort_file)))}",
        "random_state = 0",
        "n_jobs = -1               # every core",
        "",
        "[cohort]",
        f"file = {_toml(Path(relpath(cohort_file, folder)).as_posix())}",
        f"context = {_toml(context)}      # acquisition: site, scanner, protocol",
        f"covariates = {_toml(by_role['covariate'])}   # known of the patient before the scan",
        f"outcomes = {_toml(by_role['outcome'])}",
        *_describe(cohort, roles),
        "",
        "[extract]",
        "bin_width = 25.0          # width of a grey-level bin, in the image's intensity",
        "# image_types = { original = {}, wavelet = {}, log = { sigma = [1.0, 3.0] } }",
        "",
        "[redundancy]",
        "threshold = 0.95          # features that correlate above this are near-copies",
        "",
        "[discover]                # leave the section out to learn no graph",
        'method = "pc"             # or "direct_lingam"',
        "alpha = 0.01",
        "# causes first: nothing in a tier is caused by a later tier",
        f"tiers = {_toml([tier for tier in tiers if tier])}",
        "n_bootstrap = 100",
        "",
    ]
    if treatment:
        lines += [
            "[effects]                 # what this column does to every feature",
            f"treatment = {_toml(treatment)}",
            "# adjust for what influences both the treatment and the image, and for nothing that",
            "# the treatment changes",
            f"adjustment = {_toml(adjustment)}",
            *[
                f"# not {name}: its value decides which {treatment} a case has, so the two"
                " cannot be told apart"
                for name in fixing
            ],
            "",
            "[invariant]",
            "margin = 0.5              # largest harmless effect, in SD between patients",
        ]
        if roles.get(treatment) == "context" and len(levels(cohort.frame[treatment])) > 2:
            lines += [
                "",
                "# To compare one level with all the others, merge them:",
                f"# [cohort.groups.{_key(treatment)}]",
                f"# {_key(levels(cohort.frame[treatment])[0])} = "
                f"{_toml([levels(cohort.frame[treatment])[0]])}",
                '# other = ["*"]',
            ]
    else:
        lines += [
            "# No column looks like a scanner, protocol or site. To estimate effects, add one to",
            "# [cohort] context, and:",
            "# [effects]",
            '# treatment = "scanner"',
            '# adjustment = ["age", "sex"]',
        ]
    return "\n".join(lines) + "\n"


def _determines(cohort: Cohort, name: str, treatment: str) -> bool:
    """Tell whether a categorical column decides the treatment's level in every case."""
    if not is_categorical(cohort.frame[name]):
        return False
    pairs = cohort.frame[[name, treatment]].dropna().astype(str)
    return bool((pairs.groupby(name)[treatment].nunique() <= 1).all())


def _describe(cohort: Cohort, roles: dict[str, str]) -> list[str]:
    lines = []
    for name in cohort.frame.columns:
        if name in _FILES:
            continue
        column = cohort.frame[name]
        missing = int(column.isna().sum())
        if is_categorical(column) or column.nunique() <= 6:
            counts = column.astype(str).value_counts().head(5)
            said = ", ".join(f"{level} ({n})" for level, n in counts.items())
            said += ", ..." if column.nunique() > 5 else ""
        else:
            said = f"{column.min():g} to {column.max():g}"
        lost = f"; {missing} missing" if missing else ""
        used = "" if name in roles else "   [no role: not used]"
        lines.append(f"#   {name}: {said}{lost}{used}".replace("\n", " "))
    return lines


def _title(path: Path) -> str:
    return path.resolve().parent.name if path.stem == "cohort" else path.stem


def _toml(value: object) -> str:
    """Return a TOML literal for text or nested lists of text (JSON strings are TOML strings)."""
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    return json.dumps(str(value), ensure_ascii=False)


def _key(name: str) -> str:
    return (
        name if name.replace("_", "").replace("-", "").isalnum() and name.isascii() else _toml(name)
    )


def problems(path: str | Path) -> pd.DataFrame:
    """Return what is wrong in a study file, a cohort, or a file that the package wrote.

    Returns
    -------
    pandas.DataFrame
        ``where, problem``; no rows if nothing is wrong.
    """
    where = Path(path)
    try:
        if where.suffix == ".toml":
            return Study.read(where).problems()
        if where.suffix == ".json":
            _check_json(where)
            return _none()
        if where.suffix == ".parquet" and (kind := _kind(where)) != "cohort":
            (FeatureTable if kind == "feature_table" else EffectTable).load(where)
            return _none()
        cohort = Cohort.read(where)
        found = pd.concat([cohort.problems(), header_problems(cohort)])
        places = [f"case {r.case_id!r}, column {r.column!r}" for r in found.itertuples()]
        return pd.DataFrame({"where": places, "problem": list(found["problem"])})
    except CausalImgError as error:
        return pd.DataFrame([(where.name, str(error))], columns=["where", "problem"])


def _none() -> pd.DataFrame:
    return pd.DataFrame(columns=["where", "problem"])


def _check_json(path: Path) -> None:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InvalidInputError(f"cannot be read as JSON: {error}") from error
    named = str(document.get("$schema", "")) if isinstance(document, dict) else ""
    kinds = [name for name in NAMES if f"/{name}/" in named]
    if not kinds:
        raise InvalidInputError(
            f'no schema of this package is named in "$schema" (known: {", ".join(NAMES)})'
        )
    validate(document, kinds[0])


def _kind(path: Path) -> str:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        raw = (pq.read_schema(path).metadata or {}).get(b"causalimg")
    except (pa.ArrowException, OSError) as error:
        raise InvalidInputError(f"cannot be read as parquet: {error}") from error
    named = json.loads(raw)["$schema"] if raw else "/cohort/"
    return next((name for name in NAMES if f"/{name}/" in named), "cohort")
