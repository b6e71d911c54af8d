"""Whether the columns of a cohort can answer what a study asks, before an image is read."""

from __future__ import annotations

import warnings
from collections.abc import Collection

import numpy as np
import pandas as pd

from causalimg.config import FEATURES, StudyConfig
from causalimg.discovery.data import DiscoveryData
from causalimg.errors import CausalImgError, CausalImgWarning
from causalimg.study_methods import make_effects

_PLACEHOLDER = "outcome_to_be_measured"


def data_problems(
    config: StudyConfig, frame: pd.DataFrame, *, skip: Collection[str] = ()
) -> list[tuple[str, str]]:
    """Return the refusals that the columns alone decide: ``where, problem``.

    Parameters
    ----------
    config : StudyConfig
    frame : pandas.DataFrame
        Cohort or table of features.
    skip : collection of str
        Sections that are known to be wrong: they are not tried.

    Examples
    --------
    >>> table = pd.DataFrame({"case_id": list("abcdefghijkl"), "scanner": list("AB") * 6})
    >>> table["kernel"] = table["scanner"].map({"A": "soft", "B": "sharp"})
    >>> asked = {"treatment": "scanner", "adjustment": ["kernel"]}
    >>> study = StudyConfig.parse({"study": {"name": "pilot"}, "effects": asked})
    >>> [where for where, problem in data_problems(study, table) if "separates" in problem]
    ['[effects]']
    """
    rows: list[tuple[str, str]] = []
    if config.effects is not None and "[effects]" not in skip:
        rows += [("[effects]", problem) for problem in _effect_problems(config, frame)]
    if config.discover is not None and "[discover]" not in skip:
        rows += [("[discover]", problem) for problem in _graph_problems(config, frame)]
    return rows


def _effect_problems(config: StudyConfig, frame: pd.DataFrame) -> list[str]:
    """Try the study's comparison on a random outcome, which asks only whether it can be made."""
    section = config.effects
    if section is None:
        return []
    noise = np.random.default_rng(0).normal(size=len(frame))
    tried = frame.assign(**{_PLACEHOLDER: noise})
    try:
        estimator = make_effects(section, random_state=config.study.random_state)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", CausalImgWarning)
            estimator.fit(tried, outcomes=[_PLACEHOLDER])
    except CausalImgError as error:
        return [str(error)]
    return []


def _graph_problems(config: StudyConfig, frame: pd.DataFrame) -> list[str]:
    """Look whether the columns of the graph, without features, can be told apart."""
    section = config.discover
    if section is None or section.options.get("missing", "error") != "error":
        return []
    cohort = config.cohort
    chosen = section.columns or (*cohort.covariates, *cohort.context, *cohort.outcomes)
    names = [n for n in dict.fromkeys(chosen) if n != FEATURES and n in frame.columns]
    names = [name for name in names if frame[name].nunique() > 1]
    if len(names) < 2:
        return []
    try:
        DiscoveryData.of(frame[names]).check(full_rank=False)
    except CausalImgError as error:
        return [f"{error}; [discover] columns says which columns are in the graph"]
    return []
