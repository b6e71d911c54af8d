"""A content-addressed store of the cases' pictures: none is made, and no image read, twice."""

from __future__ import annotations

import base64
import json
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from causalimg.atomic import write_text
from causalimg.imaging.thumbnail import Thumbnail
from causalimg.provenance import digest

_FORMAT = 1


@dataclass(frozen=True)
class PictureStore:
    """Pictures of single cases on disk, one small JSON file each.

    Written, read and shared as the features are (see `CaseStore`); the key does not depend on the
    settings of the extraction, so changed settings keep the pictures.

    Parameters
    ----------
    folder : Path
        Made when the first picture is kept.

    Examples
    --------
    >>> import tempfile
    >>> store = PictureStore(Path(tempfile.mkdtemp()))
    >>> key = store.key(image="a1", mask="b2", label=1, read={"tolerance": 0.0001})
    >>> store.get(key) is None
    True
    >>> store.put(key, Thumbnail(np.zeros((2, 3), np.uint8), (), (2.0, 3.0), 0.0, (0.0, 1.0)))
    >>> store.get(key).size
    (2.0, 3.0)
    """

    folder: Path

    def __post_init__(self) -> None:
        object.__setattr__(self, "folder", Path(self.folder))

    @staticmethod
    def key(*, image: str, mask: str, label: int | None, read: dict[str, Any]) -> str:
        """Return the key of a picture.

        Parameters
        ----------
        image, mask : str
            sha256 of the bytes of the files.
        label : int or None
        read : dict
            How image and mask are read: tolerance, series, region.
        """
        return digest({"format": _FORMAT, "image": image, "mask": mask, "label": label, **read})

    def path(self, key: str) -> Path:
        """Return the file of a picture."""
        return self.folder / key[:2] / f"{key}.json"

    def get(self, key: str) -> Thumbnail | None:
        """Return a picture as it was put; None if it is absent or damaged."""
        try:
            document = json.loads(self.path(key).read_text(encoding="utf-8"))
            content = document["picture"]
            if document["checksum"] != digest(content):
                return None
            pixels = np.frombuffer(
                zlib.decompress(base64.b64decode(content["pixels"])), dtype=np.uint8
            )
            return Thumbnail(
                pixels=pixels.reshape(content["shape"]),
                outline=tuple(np.array(k, dtype=np.int16) for k in content["outline"]),
                size=(content["size"][0], content["size"][1]),
                position=content["position"],
                window=(content["window"][0], content["window"][1]),
            )
        except (OSError, ValueError, KeyError, TypeError, zlib.error):
            return None

    def put(self, key: str, picture: Thumbnail) -> None:
        """Keep a picture, atomically."""
        packed = zlib.compress(picture.pixels.tobytes(), 9)
        content = {
            "pixels": base64.b64encode(packed).decode("ascii"),
            "shape": list(picture.pixels.shape),
            "outline": [corners.tolist() for corners in picture.outline],
            "size": list(picture.size),
            "position": picture.position,
            "window": list(picture.window),
        }
        document = {"key": key, "picture": content, "checksum": digest(content)}
        write_text(self.path(key), json.dumps(document, allow_nan=False))
