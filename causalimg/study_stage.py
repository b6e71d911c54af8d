"""What every stage of a study works with: settings, folder, ledger, what is noted and refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from causalimg.atomic import replacing
from causalimg.config import StudyConfig
from causalimg.errors import CausalImgError
from causalimg.ledger import Ledger
from causalimg.parallel import Progress
from causalimg.provenance import software_versions
from causalimg.study_result import FILES, Refusal

StageProgress = Callable[[str, int, int], None]


@dataclass
class Workplace:
    """Where one run of a study does its work.

    Parameters
    ----------
    config : StudyConfig
    base : pathlib.Path
        Folder that the paths of the configuration are relative to.
    folder : pathlib.Path
        Folder of results; it exists.
    progress : callable, optional
        Called as ``progress(stage, done, total)``.

    Examples
    --------
    >>> place = Workplace(StudyConfig(), Path("."), Path("."))
    >>> with place.may_refuse("effects"):
    ...     raise CausalImgError("one level only")
    >>> place.refusals
    [Refusal(stage='effects', error='CausalImgError', reason='one level only')]
    """

    config: StudyConfig
    base: Path
    folder: Path
    progress: StageProgress | None = None
    refusals: list[Refusal] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.ledger = Ledger(self.folder)
        self.version: dict[str, Any] = {"version": software_versions().get("causalimg", "source")}

    def path(self, name: str) -> Path:
        """Return the path of one of the files of a study (`FILES`)."""
        return self.folder / FILES[name]

    def write_once(
        self, name: str, key: str, write: Callable[[Path], None], *, stage: str | None = None
    ) -> None:
        """Write one record's file, unless the same is there."""
        self.ledger.run(
            stage or name,
            made_from={**self.version, "digest": key, "writer": software_versions(("pyarrow",))},
            files=(FILES[name],),
            compute=lambda: None,
            save=lambda _: write(self.path(name)),
            load=lambda: None,
        )

    def write_csv(self, name: str, frame: pd.DataFrame) -> None:
        """Write a plain table."""
        with replacing(self.path(name)) as temporary:
            frame.to_csv(temporary, index=False)

    def progress_of(self, stage: str) -> Progress | None:
        """Return ``progress(done, total)`` of one stage."""
        report = self.progress
        if report is None:
            return None
        return lambda done, total: report(stage, done, total)

    @contextmanager
    def may_refuse(self, stage: str) -> Iterator[None]:
        """Record an expected error as the refusal of a stage, and go on."""
        try:
            yield
        except CausalImgError as error:
            self.refusals.append(Refusal(stage, type(error).__name__, str(error)))
            self.ledger.events.append((stage, "refused"))
