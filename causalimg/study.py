"""The whole study: a study file, every stage in order, a folder of results that can be resumed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from causalimg.config import StudyConfig
from causalimg.radiomics.extractor import RadiomicsExtractor
from causalimg.radiomics.store import CaseStore
from causalimg.study_inputs import make_extractor, problems
from causalimg.study_result import StudyResult
from causalimg.study_run import StudyRun
from causalimg.study_stage import StageProgress


@dataclass(frozen=True)
class Study:
    """A study file and the folder that its paths are relative to.

    Parameters
    ----------
    config : StudyConfig
    folder : pathlib.Path

    Examples
    --------
    >>> Study(StudyConfig.parse({"study": {"name": "pilot"}}), Path(".")).config.study.name
    'pilot'
    """

    config: StudyConfig
    folder: Path = Path()

    @classmethod
    def read(cls, path: str | Path) -> Study:
        """Read a study file (TOML).

        Raises
        ------
        FileReadError, InvalidInputError
            See `StudyConfig.read`.
        """
        return cls(StudyConfig.read(path), Path(path).parent)

    def problems(self) -> pd.DataFrame:
        """Return everything that is wrong before an image is read: ``where, problem``."""
        return problems(self.config, self.folder)

    def extractor(self, store: CaseStore | None = None) -> RadiomicsExtractor:
        """Return the extractor that ``[extract]`` describes."""
        return make_extractor(self.config, self.folder, store)

    def run(self, folder: str | Path, *, progress: StageProgress | None = None) -> StudyResult:
        """Run every stage, reusing what the folder already holds and is still right.

        A case that cannot be read, and a stage that the data cannot answer, are recorded with the
        reason and the rest goes on: see ``StudyResult.refusals`` and ``table.failures``.

        Parameters
        ----------
        folder : path
            Results; made if it does not exist.
        progress : callable, optional
            Called as ``progress(stage, done, total)``.

        Raises
        ------
        CausalImgError
            If the study cannot start (no cohort, no engine, no case that can be read).
        """
        where = Path(folder).absolute()
        where.mkdir(parents=True, exist_ok=True)
        return StudyRun(self.config, self.folder, where, progress).result()
