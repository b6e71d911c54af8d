"""What a study file asks for, as objects: its cohort, its extractor, its background knowledge."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import pandas as pd

from causalimg.config import FEATURES, StudyConfig
from causalimg.errors import CausalImgError, InvalidInputError, UnknownNameError, nearest
from causalimg.graph.knowledge import Knowledge
from causalimg.imaging.acquisition import with_acquisition
from causalimg.imaging.check import header_problems
from causalimg.radiomics.extractor import RadiomicsExtractor
from causalimg.radiomics.ibsi_settings import IbsiSettings
from causalimg.radiomics.store import CaseStore
from causalimg.tables.cohort import Cohort


def read_cohort(config: StudyConfig, folder: Path) -> Cohort:
    """Read the cohort file, with the roles and the groups that the study declares.

    A study that declares roles decides them all, but for columns read from image headers, which
    bring theirs; else a cohort we wrote brings its own.

    Raises
    ------
    InvalidInputError
        If a column has two roles, or the manifest is wrong.
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

    Missing files, columns that the stages name and the cohort lacks, contradictory knowledge.
    """
    rows: list[tuple[str, str]] = []
    try:
        cohort = read_cohort(config, folder)
    except CausalImgError as error:
        return pd.DataFrame([("[cohort]", str(error))], columns=["where", "problem"])
    for row in pd.concat([cohort.problems(), header_problems(cohort)]).itertuples():
        rows.append((f"case {row.case_id!r}, column {row.column!r}", str(row.problem)))
    have = list(cohort.frame.columns)
    if config.effects is not None:
        section = config.effects
        cluster = () if section.cluster is None else (section.cluster,)
        for name in (section.treatment, *section.adjustment, *cluster):
            if name not in have:
                rows.append(("[effects]", f"no column {name!r} in the cohort{nearest(name, have)}"))
        if section.treatment in have and cohort.frame[section.treatment].nunique() < 2:
            rows.append(("[effects]", f"treatment {section.treatment!r} has one level only"))
    try:
        make_extractor(config, folder)
    except CausalImgError as error:
        rows.append(("[extract]", str(error)))
    if config.discover is not None:
        try:
            make_knowledge(config, have, [], partial=True)
        except CausalImgError as error:
            rows.append(("[discover]", str(error)))
    truth = config.report.truth
    if truth is not None and not (folder / truth).is_file():
        rows.append(("[report]", f"no such file: {truth}"))
    return pd.DataFrame(rows, columns=["where", "problem"])
