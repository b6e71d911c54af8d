"""From a cohort of images and masks to a table of radiomics features."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from causalimg.errors import InvalidInputError
from causalimg.imaging.volume import ImageMask
from causalimg.parallel import Failure, ordered_map
from causalimg.provenance import Provenance, digest
from causalimg.radiomics.case import Case, CaseOutcome, CaseTask, failure_row
from causalimg.radiomics.engine import make_engine
from causalimg.radiomics.ibsi_names import IBSI_FEATURES
from causalimg.radiomics.ibsi_settings import IbsiSettings
from causalimg.radiomics.names import Feature, describe
from causalimg.radiomics.settings import ExtractionSettings
from causalimg.radiomics.store import CaseStore
from causalimg.tables.cohort import Cohort
from causalimg.tables.encode import is_categorical
from causalimg.tables.features import Column, FeatureTable, failure_table

_NOT_CONTEXT = ("case_id", "image", "mask", "label", "roi", "series_uid")


class RadiomicsExtractor:
    """Radiomics features of every case of a cohort, in parallel, each computed once.

    Parameters
    ----------
    engine : str
        ``"native"`` (also ``"auto"``), with PyRadiomics' values and nothing to compile, or
        ``"pyradiomics"``.
    image_types : sequence of str, or mapping of str to mapping
        ``original``, ``wavelet``, ``log``, ``square``, ``squareroot``, ``logarithm``,
        ``exponential``, ``gradient``, ``lbp2d``; as a mapping with options,
        ``{"log": {"sigma": [1, 3]}}`` (sigma in mm). ``bin_width`` or ``bin_count`` among the
        options holds for that type only.
    feature_classes : sequence of str, or mapping of str to sequence of str, optional
        ``shape``, ``firstorder``, ``glcm``, ``gldm``, ``glrlm``, ``glszm``, ``ngtdm``; as a
        mapping with the features wanted of each. None: all seven, 107 features of the image.
    bin_width : float, optional
        Width of a grey-level bin [intensity]; not used where ``bin_count`` is given.
    bin_count : int, optional
        Number of bins over the range inside the region.
    resample : sequence of float, optional
        Voxel spacing (z, y, x) [mm] to resample to, 0 to keep an axis. None: as scanned.
    normalize : bool
        Subtract the mean of the whole image, divide by its standard deviation, multiply by
        ``normalize_scale``.
    normalize_scale : float
    margin : int, optional
        Voxels kept around the region of a resampled image. None: five, as PyRadiomics keeps.
    resegment_range : sequence of float, optional
        One or two limits of the intensities that stay in the region, for all but shape.
    resegment_mode : {"absolute", "relative", "sigma"}
        The limits are intensities, shares of the maximum, or standard deviations from the mean.
    force_2d : bool
        Texture and wavelets within slices only.
    mode : {"pyradiomics", "ibsi"}
        ``ibsi``: the features and the preprocessing of the IBSI, with the settings ``ibsi``.
    ibsi : IbsiSettings, optional
    settings : ExtractionSettings, optional
        All settings in one record, in place of those above (``ExtractionSettings.of`` has more).
    label : int, optional
        Value of the region in the masks; the cohort's column ``label`` comes first. None: the
        only value there is.
    tolerance : float
        Largest difference between the grids of image and mask, as a share of a voxel.
    resample_mask : bool
        Give a mask on another grid to the image by nearest neighbour; False refuses the case.
    store : CaseStore or path, optional
        Keeps each case's features on disk, so that a run that was stopped goes on where it was.

    Raises
    ------
    UnknownNameError
        Naming the nearest engine, image type, option, class or feature.
    InvalidInputError
        If a value is outside what it may be.
    MissingDependencyError
        If the engine is not installed.
    """

    def __init__(
        self,
        *,
        engine: str = "auto",
        image_types: Sequence[str] | Mapping[str, Mapping[str, Any]] = ("original",),
        feature_classes: Sequence[str] | Mapping[str, Sequence[str] | None] | None = None,
        bin_width: float | None = 25.0,
        bin_count: int | None = None,
        resample: Sequence[float] | None = None,
        normalize: bool = False,
        normalize_scale: float = 100.0,
        margin: int | None = None,
        resegment_range: Sequence[float] | None = None,
        resegment_mode: str = "absolute",
        force_2d: bool = False,
        mode: str = "pyradiomics",
        ibsi: IbsiSettings | None = None,
        settings: ExtractionSettings | None = None,
        label: int | None = None,
        tolerance: float = 1e-4,
        resample_mask: bool = False,
        store: CaseStore | str | Path | None = None,
    ) -> None:
        given = ExtractionSettings.of(
            image_types=image_types,
            feature_classes=feature_classes,
            bin_width=bin_width,
            bin_count=bin_count,
            resample=resample,
            normalize=normalize,
            normalize_scale=normalize_scale,
            margin=margin,
            resegment_range=resegment_range,
            resegment_mode=resegment_mode,
            force_2d=force_2d,
            mode=mode,
            ibsi=ibsi,
        )
        if settings is None:
            settings = given
        elif given != ExtractionSettings.of():
            raise InvalidInputError(
                "settings= holds all settings of the extraction, so none can be given beside it; "
                "put them into ExtractionSettings.of(...)"
            )
        if label is not None and (int(label) != label or label < 1):
            raise InvalidInputError(f"label={label}: a whole number above 0, or None")
        if not tolerance >= 0:
            raise InvalidInputError(f"tolerance={tolerance}: a share of a voxel, 0 or more")
        self._settings = settings
        self._engine = make_engine(engine, settings)
        self._label = None if label is None else int(label)
        self._tolerance = float(tolerance)
        self._resample_mask = bool(resample_mask)
        self._store = _opened(store)

    @classmethod
    def from_parameter_file(
        cls,
        path: str | Path,
        *,
        engine: str = "auto",
        tolerance: float = 1e-4,
        store: CaseStore | str | Path | None = None,
    ) -> RadiomicsExtractor:
        """Make an extractor from a parameter file of PyRadiomics (YAML or JSON).

        Raises
        ------
        FileReadError, MissingDependencyError, UnknownNameError, InvalidInputError
            If the file cannot be read, or holds what has no meaning here.
        """
        from causalimg.radiomics.parameter_file import label_of

        return cls(
            engine=engine,
            settings=ExtractionSettings.from_yaml(path),
            label=label_of(Path(path)),
            tolerance=tolerance,
            store=store,
        )

    def settings(self) -> dict[str, Any]:
        """Return everything that the values depend on, but the images (canonical JSON types)."""
        return {
            "engine": self._engine.name,
            "engine_version": self._engine.version(),
            "label": self._label,
            "tolerance": self._tolerance,
            "resample_mask": self._resample_mask,
            **self._settings.to_dict(),
        }

    def extract_arrays(self, scan: ImageMask) -> dict[str, float]:
        """Return the features of one image in memory, by column name.

        Raises
        ------
        InvalidInputError
            If the engine cannot compute features of this region.
        """
        values = self._engine.compute(scan)
        return {_described(name).name: value for name, value in values.items()}

    def extract(
        self,
        cohort: Cohort,
        *,
        n_jobs: int = 1,
        progress: Callable[[int, int], None] | None = None,
        store: CaseStore | str | Path | None = None,
    ) -> FeatureTable:
        """Extract the features of every case.

        A case that fails is not in the table's frame; it is a row of ``failures`` with the reason,
        and the others go on.

        Parameters
        ----------
        cohort : Cohort
        n_jobs : int
            Number of workers; the values do not depend on it.
        progress : callable, optional
            Called as ``progress(done, total)``.
        store : CaseStore or path, optional
            In place of the extractor's own.

        Returns
        -------
        FeatureTable
            ``case_id``, the cohort's columns with their roles, then the features in an order that
            depends on the settings only.
        """
        task = CaseTask(
            engine=self._engine,
            made_by=f"{self._engine.name} {self._engine.version()}",
            settings=self._settings.to_dict(),
            tolerance=self._tolerance,
            resample_mask=self._resample_mask,
            store=self._store if store is None else _opened(store),
        )
        cases = self._cases(cohort)
        outcomes = ordered_map(
            task, cases, n_jobs=n_jobs, labels=[case.case_id for case in cases], progress=progress
        )
        return self._table(cohort, outcomes)

    def _cases(self, cohort: Cohort) -> list[Case]:
        labels: list[Any] = [None] * len(cohort.frame)
        if "label" in cohort.frame.columns:
            labels = [None if pd.isna(v) else int(v) for v in cohort.frame["label"]]
        return [
            Case(
                str(case_id),
                cohort.folder / str(image),
                cohort.folder / str(mask),
                self._label if label is None else label,
                series,
                roi,
            )
            for case_id, image, mask, label, series, roi in zip(
                cohort.frame["case_id"],
                cohort.frame["image"],
                cohort.frame["mask"],
                labels,
                _texts(cohort, "series_uid"),
                _texts(cohort, "roi"),
                strict=True,
            )
        ]

    def _table(self, cohort: Cohort, outcomes: Sequence[CaseOutcome | Failure]) -> FeatureTable:
        done: list[CaseOutcome] = []
        failures: list[dict[str, str]] = []
        for outcome in outcomes:
            if isinstance(outcome, Failure):
                failures.append(failure_row(outcome.item, "extract", outcome.error, outcome.reason))
            elif outcome.failure is not None:
                failures.append(outcome.failure)
            else:
                done.append(outcome)
        names = list(dict.fromkeys(name for outcome in done for name in outcome.features))
        known = [_described(name) for name in names]
        values = pd.DataFrame(
            {
                feature.name: [outcome.features.get(name, float("nan")) for outcome in done]
                for name, feature in zip(names, known, strict=True)
            },
            dtype="float64",
        )
        left = [name for name in cohort.frame.columns if name not in _NOT_CONTEXT]
        both = sorted(set(left) & set(values.columns))
        if both:
            raise InvalidInputError(
                f"the cohort already has columns named like features: {', '.join(both[:5])}; "
                "rename them in the cohort file"
            )
        good = {outcome.case_id for outcome in done}
        frame = cohort.frame.loc[cohort.frame["case_id"].isin(good), ["case_id", *left]]
        frame = pd.concat([frame.reset_index(drop=True), values], axis=1)
        columns = [Column("case_id", "id", "string")]
        columns += [
            Column(name, cohort.roles.get(name, "other"), _type(cohort.frame[name]))
            for name in left
        ]
        columns += [
            Column(
                feature.name,
                "feature",
                unit=feature.unit,
                family=feature.family,
                ibsi=feature.ibsi,
                original_name=feature.original_name,
                image_type=feature.image_type,
            )
            for feature in known
        ]
        provenance = Provenance.of(
            "extract",
            settings=self.settings(),
            inputs={
                "cohort": cohort.digest(),
                "images": digest([[o.case_id, o.image, o.mask] for o in done]),
            },
        )
        return FeatureTable(frame, tuple(columns), failure_table(failures), provenance)


def _opened(store: CaseStore | str | Path | None) -> CaseStore | None:
    return (
        store
        if store is None or isinstance(store, CaseStore)
        else CaseStore(Path(store).absolute())
    )


def _texts(cohort: Cohort, column: str) -> list[str | None]:
    """Return an optional text column of the cohort; None where a cell is empty or it is absent."""
    if column not in cohort.frame.columns:
        return [None] * len(cohort.frame)
    return [None if pd.isna(v) or not str(v).strip() else str(v) for v in cohort.frame[column]]


def _described(name: str) -> Feature:
    """Describe a column of either mode."""
    column = IBSI_FEATURES.get(name)
    if column is None:
        return describe(name)
    return Feature(name, column.family, "original", column.unit, column.ibsi, column.tag)


def _type(series: pd.Series) -> str:
    """Return the type of a column in the words of the column dictionary."""
    if pd.api.types.is_bool_dtype(series.dtype):
        return "boolean"
    if is_categorical(series):
        return "string"
    return "integer" if pd.api.types.is_integer_dtype(series.dtype) else "number"
