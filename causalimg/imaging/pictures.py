"""The pictures of a cohort's cases: a slice of each, its outline, the files it is from."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from os.path import relpath
from pathlib import Path

import numpy as np
import pandas as pd

from causalimg.atomic import replacing
from causalimg.errors import FileReadError, UnknownNameError, nearest
from causalimg.imaging.thumbnail import Thumbnail
from causalimg.provenance import sha256_frame
from causalimg.tables.io import same_columns

COLUMNS = (
    "case_id",
    "image",
    "mask",
    "image_sha256",
    "mask_sha256",
    "rows",
    "columns",
    "pixels",
    "outline",
    "height",
    "width",
    "position",
    "black",
    "white",
)


@dataclass(frozen=True)
class Source:
    """The files of one case: paths relative to the cohort's folder, and the hashes of their bytes.

    For a DICOM series the hash is that of the sorted hashes of its slices.
    """

    case_id: str
    image: str
    mask: str
    image_sha256: str
    mask_sha256: str


@dataclass(frozen=True, eq=False)
class CasePictures:
    """One small picture per case, with the files that it was made from.

    Parameters
    ----------
    frame : pandas.DataFrame
        One row per case, columns `COLUMNS`: a `Source`, then a `Thumbnail` (``pixels`` its bytes
        row by row, ``outline`` its corners as JSON, ``height`` and ``width`` [mm], ``position``
        [mm], ``black`` and ``white`` the intensities at the ends of the grey scale).

    Examples
    --------
    >>> small = Thumbnail(np.zeros((2, 3), np.uint8), (), (2.0, 3.0), 0.0, (0.0, 1.0))
    >>> made = CasePictures.of([(Source("P1", "p1.nii", "m1.nii", "ab12", "cd34"), small)])
    >>> made.thumbnail("P1").pixels.shape
    (2, 3)
    """

    frame: pd.DataFrame

    def __post_init__(self) -> None:
        frame = self.frame.reset_index(drop=True)
        same_columns(frame, list(COLUMNS), "case pictures")
        object.__setattr__(self, "frame", frame)

    @classmethod
    def of(cls, cases: Iterable[tuple[Source, Thumbnail]]) -> CasePictures:
        """Make the record from each case's source and thumbnail."""
        rows = [
            (
                *vars(source).values(),
                *small.pixels.shape,
                small.pixels.tobytes(),
                json.dumps([corners.tolist() for corners in small.outline], separators=(",", ":")),
                *small.size,
                small.position,
                *small.window,
            )
            for source, small in cases
        ]
        return cls(pd.DataFrame(rows, columns=list(COLUMNS)))

    def thumbnail(self, case_id: str) -> Thumbnail:
        """Return the picture of one case.

        Raises
        ------
        UnknownNameError
            If the case has none.
        """
        known = self.frame["case_id"]
        row = self.frame[known == case_id]
        if row.empty:
            raise UnknownNameError(f"no picture of case {case_id!r}{nearest(case_id, list(known))}")
        found = row.iloc[0]
        shape = (int(found["rows"]), int(found["columns"]))
        return Thumbnail(
            pixels=np.frombuffer(found["pixels"], dtype=np.uint8).reshape(shape),
            outline=tuple(np.array(k, dtype=np.int16) for k in json.loads(found["outline"])),
            size=(float(found["height"]), float(found["width"])),
            position=float(found["position"]),
            window=(float(found["black"]), float(found["white"])),
        )

    def digest(self) -> str:
        """Return the sha256 of everything in it."""
        return sha256_frame(self.frame.assign(pixels=[p.hex() for p in self.frame["pixels"]]))

    def save(self, path: str | Path) -> None:
        """Write a Parquet file, whole or not at all."""
        with replacing(path) as temporary:
            self.frame.to_parquet(temporary, index=False, compression="zstd")

    @classmethod
    def load(cls, path: str | Path) -> CasePictures:
        """Read a file written by `save`.

        Raises
        ------
        FileReadError
            If it is missing or is no Parquet file.
        """
        try:
            return cls(pd.read_parquet(path))
        except (OSError, ValueError) as error:
            raise FileReadError(f"{Path(path).name}: cannot be read as pictures: {error}") from None

    def __len__(self) -> int:
        return len(self.frame)

    def __repr__(self) -> str:
        return f"CasePictures({len(self)} cases)"


def relative(path: str, folder: Path) -> str:
    """Return a path of a cohort as it is given there, or relative to its folder if it is absolute.

    Examples
    --------
    >>> relative("images/p1.nii", Path("/data")), relative("/data/images/p1.nii", Path("/data"))
    ('images/p1.nii', 'images/p1.nii')
    """
    return Path(relpath(path, str(folder)) if Path(path).is_absolute() else path).as_posix()
