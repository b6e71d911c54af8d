"""The slices of a volume file, one after the other, as far as they are wanted.

A deflated file can only be read from its beginning; what comes before the first slice wanted is
inflated and dropped, and what comes after the last one is not inflated at all. So a checksum at the
end of the stream is compared only where the last slice of the file is wanted; a damaged byte
before it mostly, but not always, breaks the stream itself.

The library ``isal`` inflates about three times faster than ``zlib``; it is taken where it is
installed, and gives the same bytes.
"""

from __future__ import annotations

import importlib
import importlib.util
import zlib
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO

from causalimg.imaging.voxel_layout import VoxelLayout

_READ = 1 << 16
_DROPPED = 1 << 18
_WINDOW = {"zlib": 15, "gzip": 31}


class BrokenStream(Exception):
    """A stream that ends early or is damaged; the reader of the whole file says how."""


def planes(layout: VoxelLayout, first: int, stop: int) -> Iterator[bytes | bytearray]:
    """Go through slices of a volume.

    Parameters
    ----------
    layout : VoxelLayout
    first, stop : int
        First and last-plus-one slice (z).

    Yields
    ------
    bytes
        Of one slice; `VoxelLayout.plane` makes an array of them.

    Raises
    ------
    BrokenStream
        If the file ends early or its stream is damaged.
    """
    n_bytes = layout.plane_bytes
    with open(layout.path, "rb") as handle:
        if layout.deflated:
            handle.seek(layout.start)
            stream = _Inflated(handle, _WINDOW[layout.deflated])
            stream.skip(layout.skipped + first * n_bytes)
            read: Callable[[int], bytes | bytearray] = stream.read
        else:
            handle.seek(layout.start + layout.skipped + first * n_bytes)
            read = handle.read
        for _ in range(first, stop):
            held = read(n_bytes)
            if len(held) != n_bytes:
                raise BrokenStream
            yield held
        if layout.deflated and stop == layout.shape[0]:
            stream.finish()


def check_deflated(path: Path, start: int, n_bytes: int) -> None:
    """Go through a zlib stream to its end, where its checksum is compared.

    Raises
    ------
    BrokenStream
        If it is damaged, or holds more or fewer than so many bytes.
    """
    with open(path, "rb") as handle:
        handle.seek(start)
        stream = _Inflated(handle, _WINDOW["zlib"])
        stream.skip(n_bytes)
        stream.finish()


class _Inflated:
    """Inflate a file piece by piece."""

    def __init__(self, handle: BinaryIO, window: int) -> None:
        self._handle = handle
        maker, self._errors = _inflater()
        self._object = maker(window)
        self._data = b""

    def read(self, n_bytes: int) -> bytes | bytearray:
        """Return so many bytes."""
        piece = self._piece(n_bytes)
        if len(piece) == n_bytes:
            return piece
        whole = bytearray(piece)
        while len(whole) < n_bytes:
            whole += self._piece(n_bytes - len(whole))
        return whole

    def skip(self, n_bytes: int) -> None:
        """Inflate and drop so many bytes."""
        while n_bytes:
            n_bytes -= len(self._piece(min(n_bytes, _DROPPED)))

    def finish(self) -> None:
        """Go on to the end of the stream, where its checksum is compared; nothing may be left."""
        while not self._object.eof:
            if self._more(1):
                raise BrokenStream

    def _piece(self, most: int) -> bytes:
        """Return at least one and at most so many bytes."""
        while not (piece := self._more(most)):
            if self._object.eof:
                raise BrokenStream
        return piece

    def _more(self, most: int) -> bytes:
        """Return up to so many bytes, perhaps none, going on in the file where that is needed."""
        given = self._data
        try:
            piece = bytes(self._object.decompress(given, most))
        except self._errors as error:
            raise BrokenStream from error
        self._data = self._object.unconsumed_tail
        if not piece and not self._object.eof:
            if not self._data:
                self._data = self._handle.read(_READ)
            if not self._data or self._data is given:
                raise BrokenStream
        return piece


@cache
def _inflater() -> tuple[Callable[[int], Any], tuple[type[Exception], ...]]:
    """Return what makes an inflating object, and the errors that it raises."""
    if importlib.util.find_spec("isal") is not None:
        fast = importlib.import_module("isal.isal_zlib")
        return fast.decompressobj, (fast.error, ValueError, EOFError)
    return zlib.decompressobj, (zlib.error,)
