"""The study file: frozen models of its sections, read from TOML, with hints for typing errors."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from causalimg.errors import FileReadError, InvalidInputError, nearest

FEATURES = "@features"
"""Stands for every feature kept by the redundancy step, in a tier or a list of columns."""


class Section(BaseModel):
    """A section of the study file: frozen, and unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=False)


class StudySection(Section):
    """``[study]``: what the study is called and how it is computed."""

    name: str = "study"
    random_state: int = Field(default=0, ge=0)
    n_jobs: int = -1


class CohortSection(Section):
    """``[cohort]``: the cohort file, what is added from image headers, and the columns' roles."""

    file: str = "cohort.csv"
    acquisition: tuple[str, ...] = ()
    context: tuple[str, ...] = ()
    covariates: tuple[str, ...] = ()
    outcomes: tuple[str, ...] = ()
    groups: dict[str, dict[str, tuple[str, ...]]] = Field(default_factory=dict)


class ExtractSection(Section):
    """``[extract]``: which features are computed, and how (see `RadiomicsExtractor`).

    ``parameter_file`` names a parameter file of PyRadiomics, in place of all settings but
    ``engine``; ``[extract.ibsi]`` holds the settings of ``mode = "ibsi"`` (see `IbsiSettings`).
    """

    engine: str = "auto"
    parameter_file: str | None = None
    mode: Literal["pyradiomics", "ibsi"] = "pyradiomics"
    ibsi: dict[str, Any] | None = None
    image_types: dict[str, dict[str, Any]] = {"original": {}}
    feature_classes: tuple[str, ...] | None = None
    bin_width: float | None = Field(default=25.0, gt=0)
    bin_count: int | None = Field(default=None, ge=2)
    resample: tuple[float, float, float] | None = None
    normalize: bool = False
    normalize_scale: float = Field(default=100.0, gt=0)
    resegment_range: tuple[float, ...] | None = None
    resegment_mode: Literal["absolute", "relative", "sigma"] = "absolute"
    force_2d: bool = False
    label: int | None = Field(default=None, ge=1)
    resample_mask: bool = False


class RedundancySection(Section):
    """``[redundancy]``: when two features are near-copies, of which one goes into the graph."""

    threshold: float = Field(default=0.95, gt=0, le=1)
    method: Literal["spearman", "pearson"] = "spearman"
    keep: tuple[str, ...] = ()


class DiscoverSection(Section):
    """``[discover]``: the graph."""

    method: Literal["pc", "direct_lingam", "notears"] = "pc"
    alpha: float = Field(default=0.01, gt=0, lt=1)
    columns: tuple[str, ...] | None = None
    tiers: tuple[tuple[str, ...], ...] = ()
    forbidden: tuple[tuple[str, str], ...] = ()
    required: tuple[tuple[str, str], ...] = ()
    n_bootstrap: int = Field(default=100, ge=0)
    max_features: int = Field(default=30, ge=2)


class EffectsSection(Section):
    """``[effects]``: the effect of one column on every feature."""

    treatment: str
    adjustment: tuple[str, ...]
    reference: str | None = None
    alpha: float = Field(default=0.05, gt=0, lt=1)
    fdr: Literal["bh", "by"] = "bh"
    cluster: str | None = None


class InvariantSection(Section):
    """``[invariant]``: which features are certified as stable across the treatment's levels."""

    margin: float = Field(default=0.2, gt=0)
    alpha: float = Field(default=0.05, gt=0, lt=0.5)
    control: Literal["bh", "maxt"] = "bh"


class ReportSection(Section):
    """``[report]``: the page."""

    title: str | None = None
    truth: str | None = None


class StudyConfig(Section):
    """The whole study file. A section that is left out is a stage that does not run.

    ``[cohort]`` and ``[extract]`` always run.
    """

    study: StudySection = StudySection()
    cohort: CohortSection = CohortSection()
    extract: ExtractSection = ExtractSection()
    redundancy: RedundancySection = RedundancySection()
    discover: DiscoverSection | None = None
    effects: EffectsSection | None = None
    invariant: InvariantSection | None = None
    report: ReportSection = ReportSection()

    @classmethod
    def read(cls, path: str | Path) -> StudyConfig:
        """Read a study file.

        Raises
        ------
        FileReadError
            If the file is missing or is not TOML.
        InvalidInputError
            Listing every wrong key and value, with the nearest right key for a misspelt one.
        """
        where = Path(path)
        if not where.is_file():
            raise FileReadError(
                f"no study file {where.name!r} in {where.parent} (write one with 'causalimg init')"
            )
        try:
            document = tomllib.loads(where.read_text(encoding="utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise FileReadError(f"{where.name} is not valid TOML: {error}") from error
        return cls.parse(document, where=where.name)

    @classmethod
    def parse(cls, document: Mapping[str, Any], *, where: str = "study") -> StudyConfig:
        """Check a document that is already in memory (see `read`).

        Examples
        --------
        >>> StudyConfig.parse({"discover": {"alhpa": 0.05}})
        Traceback (most recent call last):
        causalimg.errors.InvalidInputError: study: [discover] unknown key 'alhpa'; did you mean \
'alpha'? (allowed: method, alpha, columns, tiers, forbidden, required, n_bootstrap, max_features)
        """
        try:
            config = cls.model_validate(dict(document))
        except ValidationError as error:
            lines = [_explain(item) for item in error.errors()]
            raise InvalidInputError(f"{where}: " + "; ".join(lines)) from error
        if config.invariant is not None and config.effects is None:
            raise InvalidInputError(
                f"{where}: [invariant] needs [effects], which names the environment (treatment)"
                " and the adjustment columns"
            )
        return config

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as JSON types."""
        document: dict[str, Any] = self.model_dump(mode="json")
        return document


def _model_at(path: tuple[int | str, ...]) -> type[BaseModel] | None:
    model: type[BaseModel] = StudyConfig
    for step in path:
        info = model.model_fields.get(str(step))
        if info is None:
            return None
        kinds = [info.annotation, *getattr(info.annotation, "__args__", ())]
        found = [k for k in kinds if isinstance(k, type) and issubclass(k, BaseModel)]
        if not found:
            return None
        model = found[0]
    return model


def _explain(error: Any) -> str:
    *parents, last = error["loc"]
    section = f"[{'.'.join(map(str, parents))}] " if parents else ""
    if error["type"] == "extra_forbidden":
        model = _model_at(tuple(parents))
        allowed = list(model.model_fields) if model else []
        kind = "key" if parents else "section"
        hint = nearest(str(last), allowed)
        return f"{section}unknown {kind} {last!r}{hint} (allowed: {', '.join(allowed)})"
    if error["type"] == "missing":
        return f"{section}the key {last!r} is needed"
    return f"{section}{last} = {error['input']!r}: {error['msg'].lower()}"
