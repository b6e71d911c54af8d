"""A study as an RO-Crate: its files, what ran, its settings, software, inputs and authors."""

from __future__ import annotations

import json
import shutil
import tempfile
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import replace
from os.path import relpath
from pathlib import Path, PurePosixPath

from causalimg.atomic import replacing, write_text
from causalimg.crate_metadata import METADATA, crate_metadata
from causalimg.errors import FileReadError, InvalidInputError
from causalimg.imaging.sources import source_files
from causalimg.report.page import render
from causalimg.study_result import FILES, StudyResult

_COHORT = "cohort.csv"


def write_crate(
    folder: str | Path,
    out: str | Path,
    *,
    with_images: bool = False,
    authors: Iterable[Mapping[str, str]] | None = None,
    license: str | None = None,
) -> Path:
    """Export the results of a study as an RO-Crate 1.1 (Process Run Crate).

    Parameters
    ----------
    folder : path
        Results of a study.
    out : path
        A new or empty folder; or a file that ends in ``.zip``.
    with_images : bool
        Copy images and masks too, with a ``cohort.csv`` that names the copies. Otherwise only their
        names stand in the cohort table; no voxel is in the crate, and its report is without the
        pictures of the cases.
    authors : iterable of mapping, optional
        ``name``, optional ``orcid`` and ``affiliation``; those of ``[study]`` by default.
    license : str, optional
        SPDX identifier or address; that of ``[study]`` by default.

    Returns
    -------
    pathlib.Path
        The folder or zip file.

    Raises
    ------
    FileReadError
        If the folder holds no finished study, or an image is missing.
    InvalidInputError
        If ``out`` exists and is not an empty folder.

    References
    ----------
    Soiland-Reyes S et al. Packaging research artefacts with RO-Crate. Data Science 2022.
    doi:10.3233/DS-210053
    Leo S et al. Recording provenance of workflow runs with RO-Crate. PLoS ONE 2024.
    doi:10.1371/journal.pone.0309210

    Examples
    --------
    >>> from causalimg.config import StudyConfig
    >>> from causalimg.study import Study
    >>> home = Path(tempfile.mkdtemp())
    >>> rows = "\\n".join(f"P{k},{k % 7},{k * k % 11}" for k in range(20))
    >>> write_text(home / "features.csv", f"case_id,glcm_contrast,glcm_entropy\\n{rows}\\n")
    >>> config = StudyConfig.parse({"cohort": {"features": "features.csv"}})
    >>> result = Study(config, home).run(home / "results")
    >>> made = write_crate(home / "results", home / "study.crate", license="CC0-1.0")
    >>> sorted(path.name for path in made.iterdir())[-2:]
    ['ro-crate-metadata.json', 'summary.json']
    """
    source, where = Path(folder), Path(out)
    result = StudyResult.load(source)
    zipped = where.suffix == ".zip"
    if where.exists() and (zipped or not where.is_dir() or any(where.iterdir())):
        raise InvalidInputError(
            f"{where.name} is there already and is not an empty folder;"
            " give another name with --out"
        )
    _check_paths(result)
    files = {file: source / file for file in FILES.values() if (source / file).is_file()}
    texts: dict[str, str] = {}
    if with_images:
        images, texts[_COHORT] = images_of(result)
        files |= images
    elif FILES["pictures"] in files:
        del files[FILES["pictures"]]
        texts[FILES["report"]] = render(replace(result, pictures=None))
    people = (
        [author.model_dump() for author in result.config.study.authors]
        if authors is None
        else [dict(author) for author in authors]
    )
    terms = license if license is not None else result.config.study.license
    with tempfile.TemporaryDirectory() as made:
        for name, text in texts.items():
            files[name] = Path(made) / name
            write_text(files[name], text)
        document = crate_metadata(result, files, authors=people, license=terms)
        text = json.dumps(document, indent=1, ensure_ascii=False) + "\n"
        if zipped:
            _pack(where, files, text)
        else:
            _copy(where, files, text)
    return where


def _pack(where: Path, files: Mapping[str, Path], metadata: str) -> None:
    where.parent.mkdir(parents=True, exist_ok=True)
    with (
        replacing(where) as temporary,
        zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as packed,
    ):
        packed.writestr(METADATA, metadata)
        for name, path in files.items():
            packed.write(path, name)


def _copy(where: Path, files: Mapping[str, Path], metadata: str) -> None:
    where.mkdir(parents=True, exist_ok=True)
    for name, path in files.items():
        (where / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, where / name)
    write_text(where / METADATA, metadata)


def _check_paths(result: StudyResult) -> None:
    """Refuse settings with absolute paths, which would tell where the study was run."""
    config = result.config
    given = {
        "[cohort] file": config.cohort.file,
        "[cohort] features": config.cohort.features,
        "[extract] parameter_file": config.extract.parameter_file,
        "[report] truth": config.report.truth,
    }
    for key, value in given.items():
        if value is not None and (PurePosixPath(value).is_absolute() or ":" in value[:3]):
            raise InvalidInputError(
                f"{key} is an absolute path, which would be in the crate; write it relative to the"
                " study file and run the study again (no feature is computed again)"
            )


def images_of(result: StudyResult) -> tuple[dict[str, Path], str]:
    """Return name in the crate -> image file, and a cohort file (CSV) with those names.

    Raises
    ------
    InvalidInputError
        If the study began with features.
    FileReadError
        If a file is missing.
    """
    cohort = result.cohort
    if cohort is None:
        raise InvalidInputError("the study began with features, so it has no images to include")
    frame = cohort.frame.copy()
    files: dict[str, Path] = {}
    for column in ("image", "mask"):
        names: list[str] = []
        for case_id, value in zip(frame["case_id"], frame[column], strict=True):
            whole = cohort.folder / str(value)
            found = source_files(whole)
            if not found:
                raise FileReadError(f"case {case_id!r}, column {column!r}: no file {value}")
            files.update({_inside(file, cohort.folder): file for file in found})
            names.append(_inside(whole, cohort.folder))
        frame[column] = names
    return files, str(frame.to_csv(index=False))


def _inside(file: Path, folder: Path) -> str:
    """Return a name below ``images/`` in the crate, from the file's place beside the results."""
    parts = [part for part in Path(relpath(file, folder)).parts if part != ".."]
    return Path("images", *parts).as_posix()
