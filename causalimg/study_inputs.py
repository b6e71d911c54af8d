"""What a study file asks for, as objects: its cohort, its extractor, its background knowledge."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pandas as pd

from causalimg.config import FEATURES, ExtractSection, StudyConfig
from causalimg.errors import CausalImgError, InvalidInputError, UnknownNameError, nearest
from causalimg.graph.knowledge import Knowledge
from causalimg.imaging.acquisition import with_acquisition
from causalimg.imaging.check import header_problems
from causalimg.provenance import Provenance, sha256_file
from causalimg.radiomics.extractor import RadiomicsExtractor
from causalimg.radiomics.ibsi_settings import IbsiSettings
from causalimg.radiomics.store import CaseStore
from causalimg.study_features import feature_table, grouped
from causalimg.study_methods import method_problems
from causalimg.study_questions import data_problems
from causalimg.tables.cohort import Cohort
from causalimg.tables.encode import is_categorical
from causalimg.tables.features import FeatureTable


def read_cohort(config: StudyConfig, folder: Path) -> Cohort:
    """Read the cohort file, with the roles and the groups that the study declares.

    A study that declares roles decides them all, but for columns read from image headers, which
    bring theirs; else a cohort we wrote brings its own.

    Raises
    ------
    InvalidInputError
        If the manifest is wrong.
    """
    section = config.cohort
    roles = declared_roles(config)
    cohort = Cohort.read(folder / section.file)
    before = set(cohort.frame.columns)
    if section.acquisition:
        cohort = with_acquisition(cohort, section.acquisition, n_jobs=config.study.n_jobs)
    if roles:
        added = {n: role for n, role in cohort.roles.items() if n not in before}
        cohort = Cohort(cohort.frame, {**added, **roles}, cohort.folder, cohort.provenance)
    for column, groups in section.groups.items():
        cohort = cohort.grouped(column, {new: list(old) for new, old in groups.items()})
    return cohort


def declared_roles(config: StudyConfig) -> dict[str, str]:
    """Return column -> role of the columns that ``[cohort]`` declares.

    Raises
    ------
    InvalidInputError
        If a column has two roles.
    """
    section = config.cohort
    roles: dict[str, str] = {}
    for role, names in (
        ("context", section.context),
        ("covariate", section.covariates),
        ("outcome", section.outcomes),
    ):
        for name in names:
            if name in roles:
                raise InvalidInputError(
                    f"[cohort] column {name!r} is declared as {roles[name]} and as {role};"
                    " a column has one role"
                )
            roles[name] = role
    return roles


def read_features(config: StudyConfig, folder: Path) -> FeatureTable:
    """Read the table of features that stands in place of images, with the declared roles.

    Raises
    ------
    FileReadError, InvalidInputError, UnknownNameError
    """
    name = config.cohort.features
    if name is None:
        raise InvalidInputError("[cohort] features names no table of features")
    table = feature_table(folder / name, declared_roles(config))
    for column, groups in config.cohort.groups.items():
        table = grouped(table, column, {new: list(old) for new, old in groups.items()})
    made = Provenance.of(
        "features",
        settings={"file": Path(name).name, "roles": declared_roles(config)},
        inputs={"file": sha256_file(folder / name)},
    )
    return replace(table, provenance=made if table.provenance is None else table.provenance)


def make_extractor(
    config: StudyConfig, folder: Path, store: CaseStore | None = None
) -> RadiomicsExtractor:
    """Return the extractor that ``[extract]`` describes.

    Raises
    ------
    InvalidInputError
        If a setting is wrong, or settings are given beside a parameter file.
    """
    section = config.extract
    if section.parameter_file is not None:
        beside = sorted(section.model_fields_set - {"parameter_file", "engine"})
        if beside:
            raise InvalidInputError(
                f"[extract] parameter_file holds the settings of the extraction, so"
                f" {', '.join(beside)} cannot be given beside it"
            )
        path = folder / section.parameter_file
        return RadiomicsExtractor.from_parameter_file(path, engine=section.engine, store=store)
    options = section.model_dump(exclude={"parameter_file", "ibsi"})
    ibsi = None if section.ibsi is None else _ibsi(section.ibsi)
    return RadiomicsExtractor(**options, ibsi=ibsi, store=store)


def _ibsi(given: Mapping[str, Any]) -> IbsiSettings:
    known = [entry.name for entry in fields(IbsiSettings)]
    for name in given:
        if name not in known:
            raise InvalidInputError(
                f"[extract.ibsi] unknown key {name!r}{nearest(name, known)}"
                f" (allowed: {', '.join(known)})"
            )
    values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in given.items()}
    return IbsiSettings(**values)


def make_knowledge(
    config: StudyConfig,
    columns: Sequence[str],
    kept: Sequence[str],
    *,
    without: Sequence[str] = (),
    partial: bool = False,
) -> Knowledge:
    """Return the background knowledge of ``[discover]`` over the columns of the graph.

    Parameters
    ----------
    config : StudyConfig
        Without tiers: covariates and context before features before outcomes.
    columns : sequence of str
        Columns of the graph.
    kept : sequence of str
        The features among them; ``@features`` in a tier stands for these.
    without : sequence of str
        Columns that are left out after all (they do not vary).
    partial : bool
        The features are not known yet, so names that are not among the columns are let pass.

    Raises
    ------
    UnknownNameError
        If a name is not a column of the graph.
    InvalidInputError
        If the knowledge contradicts itself.
    """
    section = config.discover
    if section is None:
        raise InvalidInputError("the study has no [discover] section")
    tiers = [
        [name for item in tier for name in (kept if item == FEATURES else [item])]
        for tier in section.tiers
    ]
    if not tiers:
        cohort = config.cohort
        tiers = [[*cohort.covariates, *cohort.context], list(kept), list(cohort.outcomes)]
    edges = (*section.forbidden, *section.required)
    named = {name for tier in tiers for name in tier} | {n for edge in edges for n in edge}
    unknown = sorted(named - set(columns))
    if unknown and not partial:
        hints = ", ".join(f"{name!r}{nearest(name, columns)}" for name in unknown)
        raise UnknownNameError(
            f"[discover] names what is not a column of the graph: {hints} (write {FEATURES!r} for"
            " all features; a feature that is a near-copy of another is not in the graph, unless"
            " [redundancy] keep names it)"
        )
    gone = set(without)
    left = [[name for name in tier if name not in gone] for tier in tiers]
    return Knowledge(
        tiers=[tier for tier in left if tier],
        forbidden=[edge for edge in section.forbidden if not gone & set(edge)],
        required=[edge for edge in section.required if not gone & set(edge)],
    )


def problems(config: StudyConfig, folder: Path) -> pd.DataFrame:
    """Return everything that is wrong before an image is read: ``where, problem``.

    Missing files, columns that the stages name and the cohort lacks, methods and options that do
    not exist or refuse their value, contradictory knowledge.
    """
    rows: list[tuple[str, str]] = []
    cases: list[tuple[str, str]] = []  # last: there may be hundreds
    try:
        if config.cohort.features is None:
            cohort = read_cohort(config, folder)
            frame = cohort.frame
            for row in pd.concat([cohort.problems(), header_problems(cohort)]).itertuples():
                cases.append((f"case {row.case_id!r}, column {row.column!r}", str(row.problem)))
        else:
            frame = read_features(config, folder).frame
    except CausalImgError as error:
        return pd.DataFrame([("[cohort]", str(error))], columns=["where", "problem"])
    have = [str(name) for name in frame.columns]
    named = (*config.cohort.context, *config.cohort.covariates, *config.cohort.outcomes)
    texts = any(is_categorical(frame[name]) for name in named if name in have)
    rows += method_problems(config, tried=True, categorical=texts)
    if config.effects is not None:
        section = config.effects
        cluster = () if section.cluster is None else (section.cluster,)
        for name in (section.treatment, *section.adjustment, *cluster):
            if name not in have:
                rows.append(("[effects]", f"no column {name!r} in the cohort{nearest(name, have)}"))
        if section.treatment in have and frame[section.treatment].nunique() < 2:
            rows.append(("[effects]", f"treatment {section.treatment!r} has one level only"))
    rows += _missing_problems(config, frame)
    rows += data_problems(config, frame, skip={where for where, _ in rows})
    batch = config.harmonize.batch
    if config.harmonize.method != "none" and batch is not None:
        for name in (batch, *config.harmonize.covariates):
            if name not in have:
                problem = f"no column {name!r} in the cohort{nearest(name, have)}"
                rows.append(("[harmonize]", problem))
    rows += _plan_problems(config, have)
    if config.cohort.features is None:
        try:
            make_extractor(config, folder)
        except CausalImgError as error:
            rows.append(("[extract]", str(error)))
    elif config.extract != ExtractSection():
        unused = "is not used: [cohort] features names a table that was extracted elsewhere"
        rows.append(("[extract]", unused))
    if config.discover is not None:
        try:
            make_knowledge(config, have, [], partial=True)
        except CausalImgError as error:
            rows.append(("[discover]", str(error)))
    truth = config.report.truth
    if truth is not None and not (folder / truth).is_file():
        rows.append(("[report]", f"no such file: {truth}"))
    return pd.DataFrame([*rows, *cases], columns=["where", "problem"])


def _missing_problems(config: StudyConfig, frame: pd.DataFrame) -> list[tuple[str, str]]:
    """Name the columns with missing values where a stage needs complete ones."""
    rows: list[tuple[str, str]] = []

    def look(section: str, names: Sequence[str], advice: str) -> None:
        for name in dict.fromkeys(names):
            if name not in frame.columns:
                continue
            lost = [str(case) for case in frame["case_id"][frame[name].isna()]]
            if lost:
                first = ", ".join(map(repr, lost[:3]))
                some = f"{len(lost)} cases ({first}{', ...' if len(lost) > 3 else ''})"
                rows.append((section, f"column {name!r} is missing in {some}: {advice}"))

    effects, discover = config.effects, config.discover
    if effects is not None:
        cluster = () if effects.cluster is None else (effects.cluster,)
        names = (effects.treatment, *effects.adjustment, *cluster)
        look("[effects]", names, "fill it, drop the cases, or leave the column out")
    if discover is not None and discover.options.get("missing", "error") == "error":
        cohort = config.cohort
        names = (*cohort.covariates, *cohort.context, *cohort.outcomes)
        chosen = names if discover.columns is None else discover.columns
        advice = 'name the others in columns, or let pc or fci deal with it: missing = "testwise"'
        look("[discover]", chosen, advice)
    return rows


def _plan_problems(config: StudyConfig, have: Sequence[str]) -> list[tuple[str, str]]:
    section = config.constraints
    if section is None:
        return []
    nodes = [n for n in have if n not in ("case_id", "image", "mask", "label")]
    environment = () if section.environment is None else (section.environment,)
    return [
        ("[constraints]", f"no column {name!r} in the cohort{nearest(name, nodes)}")
        for name in (section.outcome, *environment, *section.attributes, *section.observed)
        if name not in nodes
    ]
