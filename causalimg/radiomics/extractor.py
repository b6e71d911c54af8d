"""From a cohort of images and masks to a table of radiomics features."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from causalimg.errors import InvalidInputError
from causalimg.imaging.pictures import CasePictures
from causalimg.imaging.suv import check_suv
from causalimg.imaging.volume import ImageMask
from causalimg.parallel import Failure
from causalimg.radiomics.assemble import case_pictures, describer, feature_table
from causalimg.radiomics.case import CaseOutcome, CaseTask, cases_of
from causalimg.radiomics.engine import Engine, make_engine
from causalimg.radiomics.ibsi_settings import IbsiSettings
from causalimg.radiomics.memory import MemoryBound, memory_limit
from causalimg.radiomics.picture_store import PictureStore
from causalimg.radiomics.reach import reach_of
from causalimg.radiomics.schedule import run_cases
from causalimg.radiomics.settings import ExtractionSettings
from causalimg.radiomics.store import CaseStore
from causalimg.tables.cohort import Cohort
from causalimg.tables.features import FeatureTable


class RadiomicsExtractor:
    """Radiomics features of every case of a cohort, in parallel, each computed once.

    Parameters
    ----------
    engine : str or callable
        ``"native"`` (also ``"auto"``), with PyRadiomics' values and nothing to compile,
        ``"pyradiomics"``, the name of a registered plug-in, or a class that makes an engine from
        `ExtractionSettings` (`causalimg.radiomics.engine.Engine`).
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
    suv : {"bw"}, optional
        Take PET series (DICOM) as standardised uptake values by body weight [g/ml].
    store : CaseStore or path, optional
        Keeps each case's features on disk, so that a run that was stopped goes on where it was.
    max_memory : int or "auto", optional
        Most memory that all workers together may take [bytes]; ``"auto"`` is four fifths of what
        is free at the start. A case's need is estimated when it has been read, from its region,
        its grid and the settings. Fewer workers run where they have not enough room; a case that
        needs more than a worker's share waits and runs alone, and one that needs more than all of
        it is a row of the failures. No value depends on it. None: no bound.

    Raises
    ------
    UnknownNameError
        Naming the nearest engine, image type, option, class or feature.
    InvalidInputError
        If a value is outside what it may be.
    MissingDependencyError
        If the engine is not installed.

    Examples
    --------
    >>> import tempfile
    >>> from causalimg.datasets import phantom_cohort
    >>> cohort = phantom_cohort(tempfile.mkdtemp(), n_patients=2, size=16)
    >>> table = RadiomicsExtractor(feature_classes=["shape", "firstorder"]).extract(cohort)
    >>> len(table.features), table.column("firstorder_mean").family, len(table.failures)
    (32, 'firstorder', 0)
    """

    def __init__(
        self,
        *,
        engine: str | Callable[[ExtractionSettings], Engine] = "auto",
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
        suv: str | None = None,
        store: CaseStore | str | Path | None = None,
        max_memory: int | str | None = None,
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
        self._suv = check_suv(suv)
        self._store = _opened(store)
        most = memory_limit(max_memory)
        self._bound = None if most is None else MemoryBound(most, settings, self._engine.name)

    @classmethod
    def from_parameter_file(
        cls,
        path: str | Path,
        *,
        engine: str | Callable[[ExtractionSettings], Engine] = "auto",
        tolerance: float = 1e-4,
        store: CaseStore | str | Path | None = None,
        max_memory: int | str | None = None,
    ) -> RadiomicsExtractor:
        """Make an extractor from a parameter file of PyRadiomics (YAML or JSON).

        Its ``label`` and ``correctMask`` (a mask on another grid is resampled) are followed too.

        Raises
        ------
        FileReadError, MissingDependencyError, UnknownNameError, InvalidInputError
            If the file cannot be read, or holds what has no meaning here.
        """
        from causalimg.radiomics.parameter_file import corrects_mask, label_of

        return cls(
            engine=engine,
            settings=ExtractionSettings.from_yaml(path),
            label=label_of(Path(path)),
            tolerance=tolerance,
            resample_mask=corrects_mask(Path(path)),
            store=store,
            max_memory=max_memory,
        )

    def settings(self) -> dict[str, Any]:
        """Return everything that the values depend on, but the images (canonical JSON types)."""
        return {
            "engine": self._engine.name,
            "engine_version": self._engine.version(),
            "label": self._label,
            "tolerance": self._tolerance,
            "resample_mask": self._resample_mask,
            "suv": self._suv,
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
        describe = describer(self._engine)
        return {describe(name).name: value for name, value in values.items()}

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
        outcomes = self._outcomes(cohort, n_jobs, progress, _opened(store), None)
        return self._table(cohort, outcomes)

    def extract_with_pictures(
        self,
        cohort: Cohort,
        *,
        pictures: PictureStore | str | Path,
        n_jobs: int = 1,
        progress: Callable[[int, int], None] | None = None,
        store: CaseStore | str | Path | None = None,
    ) -> tuple[FeatureTable, CasePictures]:
        """Return what `extract` gives, and a picture of each case made from the same reading.

        ``pictures`` keeps each case's picture on disk; the others are as for `extract`.
        """
        kept = pictures if isinstance(pictures, PictureStore) else PictureStore(Path(pictures))
        outcomes = self._outcomes(cohort, n_jobs, progress, _opened(store), kept)
        return self._table(cohort, outcomes), case_pictures(cohort, outcomes, kept)

    def _table(self, cohort: Cohort, outcomes: Sequence[CaseOutcome | Failure]) -> FeatureTable:
        describe = describer(self._engine)
        return feature_table(cohort, outcomes, settings=self.settings(), describe_feature=describe)

    def _outcomes(
        self,
        cohort: Cohort,
        n_jobs: int,
        progress: Callable[[int, int], None] | None,
        store: CaseStore | None,
        pictures: PictureStore | None,
    ) -> list[CaseOutcome | Failure]:
        task = CaseTask(
            engine=self._engine,
            made_by=f"{self._engine.name} {self._engine.version()}",
            settings=self._settings.to_dict(),
            tolerance=self._tolerance,
            resample_mask=self._resample_mask,
            reach=reach_of(self._settings) if self._engine.name == "native" else None,
            memory=self._bound,
            suv=self._suv,
            store=self._store if store is None else store,
            pictures=pictures,
        )
        return run_cases(task, cases_of(cohort, self._label), n_jobs=n_jobs, progress=progress)


def _opened(store: CaseStore | str | Path | None) -> CaseStore | None:
    if isinstance(store, str | Path):
        return CaseStore(Path(store).absolute())
    return store
