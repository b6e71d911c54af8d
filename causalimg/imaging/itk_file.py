"""Read a file that SimpleITK knows: NIfTI, NRRD, MHA, and 2-D images."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from causalimg.errors import GeometryError, ImageReadError
from causalimg.imaging.grid import Grid, Volume, check_finite
from causalimg.imaging.integrity import check_complete, lost_voxels
from causalimg.imaging.itk import captured_stderr
from causalimg.imaging.planes import BrokenStream, check_deflated
from causalimg.imaging.voxel_layout import meta_is_binary, meta_stream

_PIXELS = {
    "8-bit signed integer": "i1",
    "8-bit unsigned integer": "u1",
    "16-bit signed integer": "i2",
    "16-bit unsigned integer": "u2",
    "32-bit signed integer": "i4",
    "32-bit unsigned integer": "u4",
    "64-bit signed integer": "i8",
    "64-bit unsigned integer": "u8",
    "32-bit float": "f4",
    "64-bit float": "f8",
}
_MOST_DEFLATED = 1100  # deflate makes data at most 1032 times smaller


def read_itk(path: Path, *, where: str) -> Volume:
    """Read one image file; a 2-D image becomes one slice (1, y, x), 1 mm thick.

    Parameters
    ----------
    path : Path
    where : str
        Case and column, for the messages.

    Raises
    ------
    ImageReadError
        If the file is truncated, damaged or not an image.
    GeometryError
        If it is not a volume with one value a voxel.
    """
    import SimpleITK

    check_complete(path, what=where)
    _check_binary(path, where)
    caught: list[str] = []
    try:
        with captured_stderr() as caught:
            reader = SimpleITK.ImageFileReader()
            reader.SetFileName(str(path))
            reader.ReadImageInformation()
            _check_size(reader, path, where)
            _check_stream(reader, path, where)
            volume = reader.Execute()
    except RuntimeError as error:
        lines = [line for line in (*str(error).splitlines(), *caught) if line.strip()]
        raise ImageReadError(
            f"{where}: {path.name} is truncated, damaged or not an image that can be read "
            f"(NIfTI, NRRD, MHA): {lines[-1].split('ERROR: ')[-1].strip()}"
        ) from error
    if volume.GetDimension() == 4 and volume.GetSize()[3] == 1:
        volume = volume[:, :, :, 0]
    if volume.GetDimension() == 2 and volume.GetNumberOfComponentsPerPixel() == 1:
        volume = SimpleITK.JoinSeries(volume)
    if volume.GetDimension() != 3 or volume.GetNumberOfComponentsPerPixel() != 1:
        raise GeometryError(
            f"{where}: {path.name} has size {volume.GetSize()} and "
            f"{volume.GetNumberOfComponentsPerPixel()} values a voxel; "
            "a 2-D image or a 3-D volume with one value a voxel is needed"
        )
    array = np.asarray(_Voxels(volume))
    if array.dtype.kind == "f":
        lost = lost_voxels(path, array.shape)
        if lost is not None:
            places, values = lost
            array.flat[places] = values
    grid = _grid(volume)
    check_finite(grid, where)
    return Volume(array, grid)


class _Voxels:
    """The memory of a SimpleITK image as NumPy's array protocol, which keeps the image alive.

    ``numpy.asarray`` of it is the image's own memory: nothing is copied.
    """

    def __init__(self, volume: Any) -> None:
        import SimpleITK

        view = SimpleITK.GetArrayViewFromImage(volume)
        address = view.__array_interface__["data"][0]
        self._volume = volume
        self.__array_interface__ = {**view.__array_interface__, "data": (address, False)}


def read_information(path: Path) -> tuple[Grid, np.dtype] | None:
    """Return the grid and the type of the voxels of a volume, from its header.

    Parameters
    ----------
    path : Path

    Returns
    -------
    tuple or None
        None if the header cannot be read or is not that of a plain volume; `read_itk` says why.
    """
    import SimpleITK

    reader = SimpleITK.ImageFileReader()
    reader.SetFileName(str(path))
    try:
        with captured_stderr():
            reader.ReadImageInformation()
            _check_size(reader, path, path.name)
    except (RuntimeError, ImageReadError):
        return None
    if reader.GetDimension() != 3 or reader.GetNumberOfComponents() != 1:
        return None
    kind = _PIXELS.get(SimpleITK.GetPixelIDValueAsString(reader.GetPixelID()))
    grid = _grid(reader)
    try:
        check_finite(grid, path.name)
    except GeometryError:
        return None
    return None if kind is None else (grid, np.dtype(kind))


def read_spacing(path: Path, *, where: str) -> tuple[float, float, float]:
    """Return the spacing (z, y, x) [mm] that a header states, without the voxels.

    Raises
    ------
    ImageReadError
        If the file is not an image.
    """
    import SimpleITK

    reader = SimpleITK.ImageFileReader()
    reader.SetFileName(str(path))
    try:
        with captured_stderr():
            reader.ReadImageInformation()
    except RuntimeError as error:
        raise ImageReadError(f"{where}: {path.name} is not an image that can be read") from error
    x, y, z = (*(float(f"{step:.6g}") for step in reader.GetSpacing()), 1.0, 1.0)[:3]
    return (z, y, x)


def _check_size(reader: Any, path: Path, where: str) -> None:
    """Refuse a header that promises more voxels than the file can hold, before memory is asked."""
    voxels = int(np.prod([float(length) for length in reader.GetSize()]))
    held = path.stat().st_size
    if path.suffix.lower() in (".mhd", ".nhdr"):
        held = sum(item.stat().st_size for item in path.parent.iterdir() if item.is_file())
    if voxels < 1 or voxels > held * _MOST_DEFLATED:
        raise ImageReadError(
            f"{where}: {path.name} is truncated or damaged: its header promises {voxels} voxels "
            f"and the file has {held} bytes"
        )


def _check_binary(path: Path, where: str) -> None:
    """Refuse a MetaImage of text.

    Voxels that are no numbers in text, as those of a damaged header, are left as memory was.
    """
    if path.suffix.lower() in (".mha", ".mhd") and not meta_is_binary(path):
        raise ImageReadError(
            f"{where}: {path.name} is damaged, or holds its voxels as text: its header does not say"
            " BinaryData = True; copy it again from its source, or save it as binary"
        )


def _check_stream(reader: Any, path: Path, where: str) -> None:
    """Refuse a MetaImage whose stream is damaged or too short, which is read without a word."""
    import SimpleITK

    stream = meta_stream(path) if path.suffix.lower() in (".mha", ".mhd") else None
    kind = SimpleITK.GetPixelIDValueAsString(reader.GetPixelID()).removeprefix("vector of ")
    if stream is None or kind not in _PIXELS or not stream[0].is_file():
        return
    voxels = int(np.prod([float(length) for length in reader.GetSize()]))
    n_bytes = voxels * reader.GetNumberOfComponents() * np.dtype(_PIXELS[kind]).itemsize
    try:
        check_deflated(*stream, n_bytes)
    except BrokenStream as error:
        raise ImageReadError(
            f"{where}: {path.name} is truncated or damaged: its compressed voxels cannot be "
            "unpacked; copy it again from its source"
        ) from error


def _grid(volume: Any) -> Grid:
    sizes, step, start = volume.GetSize(), volume.GetSpacing(), volume.GetOrigin()
    cosines = np.asarray(volume.GetDirection()).reshape(3, 3)
    return Grid(
        shape=(int(sizes[2]), int(sizes[1]), int(sizes[0])),
        spacing=(float(step[2]), float(step[1]), float(step[0])),
        origin=(float(start[0]), float(start[1]), float(start[2])),
        direction=tuple((float(a), float(b), float(c)) for a, b, c in cosines),
    )
