"""A content-addressed store of one case's features: nothing is computed twice.

The key is the digest of everything a value depends on (bytes of image and mask, label, settings,
engine and its version), so an entry never goes stale: a changed input has another key.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from causalimg.atomic import write_text
from causalimg.provenance import digest

_FORMAT = 1


@dataclass(frozen=True)
class CaseStore:
    """Features of single cases on disk, one small JSON file each.

    A file is written under a temporary name and renamed, so a killed process leaves whole entries
    only. An entry that cannot be read, or whose checksum is wrong, counts as absent. Several
    processes may use one store at once.

    Parameters
    ----------
    folder : Path
        Made when the first entry is written.

    Examples
    --------
    >>> import tempfile
    >>> store = CaseStore(Path(tempfile.mkdtemp()))
    >>> key = store.key(image="a1", mask="b2", label=1, settings={"bin_width": 25.0}, engine="e 1")
    >>> store.get(key) is None
    True
    >>> store.put(key, {"original_shape_VoxelVolume": 0.1})
    >>> store.get(key)
    {'original_shape_VoxelVolume': 0.1}
    """

    folder: Path

    def __post_init__(self) -> None:
        object.__setattr__(self, "folder", Path(self.folder))

    @staticmethod
    def key(
        *, image: str, mask: str, label: int | None, settings: Mapping[str, Any], engine: str
    ) -> str:
        """Return the key of a case.

        Parameters
        ----------
        image, mask : str
            sha256 of the bytes of the files.
        label : int or None
        settings : mapping
        engine : str
            Name and version.
        """
        return digest(
            {
                "format": _FORMAT,
                "image": image,
                "mask": mask,
                "label": label,
                "settings": dict(settings),
                "engine": engine,
            }
        )

    def path(self, key: str) -> Path:
        """Return the file of an entry."""
        return self.folder / key[:2] / f"{key}.json"

    def get(self, key: str) -> dict[str, float] | None:
        """Return the features of an entry, bit for bit as they were put; None if absent."""
        try:
            document = json.loads(self.path(key).read_text(encoding="utf-8"))
            pairs = document["features"]
            if document["checksum"] != digest(pairs):
                return None
            return {str(name): float(value) for name, value in pairs}
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def put(self, key: str, features: Mapping[str, float]) -> None:
        """Write an entry, atomically."""
        pairs = [[name, _text(value)] for name, value in features.items()]
        document = {"key": key, "features": pairs, "checksum": digest(pairs)}
        write_text(self.path(key), json.dumps(document, allow_nan=False))

    def __len__(self) -> int:
        """Return the number of entries."""
        return sum(1 for _ in self.folder.glob("??/[0-9a-f]*.json"))


def _text(value: float) -> float | str:
    """Finite numbers as JSON numbers (shortest text that gives the same bits), others as text."""
    number = float(value)
    return number if abs(number) < float("inf") else repr(number)
