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


class Author(Section):
    """``[[study.authors]]``: who made the study; written into its RO-Crate."""

    name: str
    orcid: str | None = None
    affiliation: str | None = None


class StudySection(Section):
    """``[study]``: what the study is called, who made it and how it is computed."""

    name: str = "study"
    description: str | None = None
    authors: tuple[Author, ...] = ()
    license: str | None = None
    keywords: tuple[str, ...] = ()
    random_state: int = Field(default=0, ge=0)
    n_jobs: int = -1


class CohortSection(Section):
    """``[cohort]``: the cohort file, what is added from image headers, and the columns' roles.

    ``features`` names a table of features that were extracted elsewhere, in place of ``file``.
    """

    file: str = "cohort.csv"
    features: str | None = None
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


class HarmonizeSection(Section):
    """``[harmonize]``: take a batch effect out of the features before the stages in ``stages``."""

    method: Literal["none", "combat", "causal_combat"] = "none"
    batch: str | None = None
    covariates: tuple[str, ...] = ()
    on_no_overlap: Literal["refuse", "match"] = "refuse"
    stages: tuple[Literal["discover", "effects"], ...] = ("discover",)


class DiscoverSection(Section):
    """``[discover]``: the graph.

    ``method`` is a name registered under ``causalimg.discovery``; ``[discover.options]`` holds its
    own settings, and ``alpha`` is short for one of them.
    """

    method: str = "pc"
    alpha: float | None = Field(default=None, gt=0, lt=1)
    options: dict[str, Any] = Field(default_factory=dict)
    columns: tuple[str, ...] | None = None
    tiers: tuple[tuple[str, ...], ...] = ()
    forbidden: tuple[tuple[str, str], ...] = ()
    required: tuple[tuple[str, str], ...] = ()
    n_bootstrap: int = Field(default=100, ge=0)
    max_features: int = Field(default=30, ge=2)


class EffectsSection(Section):
    """``[effects]``: the effect of one column on every feature.

    ``estimator`` is a name registered under ``causalimg.effects``; ``[effects.options]`` holds its
    own settings.
    """

    treatment: str
    adjustment: tuple[str, ...]
    estimator: str = "aipw"
    estimand: str | None = None
    options: dict[str, Any] = Field(default_factory=dict)
    reference: str | None = None
    alpha: float = Field(default=0.05, gt=0, lt=1)
    fdr: Literal["bh", "by"] = "bh"
    cluster: str | None = None


class InvariantSection(Section):
    """``[invariant]``: which features are certified as stable across the treatment's levels."""

    margin: float = Field(default=0.2, gt=0)
    alpha: float = Field(default=0.05, gt=0, lt=0.5)
    control: Literal["bh", "maxt"] = "bh"


class ConstraintsSection(Section):
    """``[constraints]``: what the graph licenses when a model is trained on the images."""

    outcome: str
    attributes: tuple[str, ...]
    environment: str | None = None
    content: str | None = None
    direction: Literal["anticausal", "causal"] | None = None
    observed: tuple[str, ...] = ()
    selection: tuple[str, ...] = ()


class ReportSection(Section):
    """``[report]``: the page."""

    title: str | None = None
    truth: str | None = None


class StudyConfig(Section):
    """The whole study file. A section that is left out is a stage that does not run.

    ``[cohort]`` and ``[extract]`` always run (``[extract]`` not where ``[cohort]`` names a table of
    features); ``[harmonize]`` runs where its ``method`` is not ``none``.
    """

    study: StudySection = StudySection()
    cohort: CohortSection = CohortSection()
    extract: ExtractSection = ExtractSection()
    harmonize: HarmonizeSection = HarmonizeSection()
    redundancy: RedundancySection = RedundancySection()
    discover: DiscoverSection | None = None
    effects: EffectsSection | None = None
    invariant: InvariantSection | None = None
    constraints: ConstraintsSection | None = None
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
            table = where.suffix in (".csv", ".parquet")
            hint = f"; write a study file with 'causalimg init {where.name}'" if table else ""
            raise FileReadError(f"{where.name} is not valid TOML: {error}{hint}") from error
        return cls.parse(document, where=where.name)

    @classmethod
    def parse(cls, document: Mapping[str, Any], *, where: str = "study") -> StudyConfig:
        """Check a document that is already in memory (see `read`).

        Examples
        --------
        >>> StudyConfig.parse({"discover": {"alhpa": 0.05}})
        Traceback (most recent call last):
        causalimg.errors.InvalidInputError: study: [discover] unknown key 'alhpa'; did you mean \
'alpha'? (allowed: method, alpha, options, columns, tiers, forbidden, required, n_bootstrap, \
max_features)
        """
        try:
            config = cls.model_validate(dict(document))
        except ValidationError as error:
            lines = [_explain(item) for item in error.errors()]
            raise InvalidInputError(f"{where}: " + "; ".join(lines)) from error
        against = _contradictions(config)
        if against:
            raise InvalidInputError(f"{where}: " + "; ".join(against))
        return config

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as JSON types."""
        document: dict[str, Any] = self.model_dump(mode="json")
        return document


def _contradictions(config: StudyConfig) -> list[str]:
    """Say which sections do not go together."""
    found: list[str] = []
    if config.invariant is not None and config.effects is None:
        found.append(
            "[invariant] needs [effects], which names the environment (treatment) and the"
            " adjustment columns"
        )
    if config.constraints is not None and config.discover is None:
        found.append("[constraints] needs [discover], whose graph it reads")
    cohort = config.cohort
    if cohort.features is not None and cohort.file != CohortSection().file:
        found.append(
            "[cohort] file names images and features names a table in place of them; give one"
        )
    if cohort.features is not None and cohort.acquisition:
        found.append("[cohort] acquisition reads image headers, and features stands for images")
    section = config.harmonize
    if section.method != "none" and section.batch is None:
        found.append(f'[harmonize] method = "{section.method}" needs batch, the column to remove')
    if section.method == "causal_combat" and not section.covariates:
        found.append(
            '[harmonize] method = "causal_combat" needs covariates, by which it judges whether'
            ' the batches are comparable; without any there is "combat"'
        )
    changed = section.batch if section.method != "none" and "effects" in section.stages else None
    if changed is not None and config.effects is not None and changed == config.effects.treatment:
        found.append(
            f"[harmonize] stages holds effects, and batch is the treatment ({changed}): an effect"
            " of what was taken out says nothing"
        )
    return found


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
