"""Write a volume as an image file, whole or not at all."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from causalimg.atomic import replacing
from causalimg.errors import InvalidInputError
from causalimg.imaging.itk import captured_stderr

_TWO_FILES = (".mhd", ".nhdr", ".hdr", ".img")
_IDENTITY = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))


def write_volume(
    path: str | Path,
    array: np.ndarray,
    spacing: tuple[float, float, float],
    *,
    origin: tuple[float, float, float] = (0.0, 0.0, 0.0),
    direction: tuple[tuple[float, float, float], ...] = _IDENTITY,
) -> None:
    """Write a 3-D array as NIfTI, NRRD or MHA, by the suffix of ``path``.

    Parameters
    ----------
    path : str or Path
        A temporary file beside it is written first and renamed.
    array : ndarray, shape (z, y, x)
        Booleans are written as 0 and 1 (uint8).
    spacing : tuple of float, (z, y, x) [mm]
    origin : tuple of float, (x, y, z) [mm]
        Centre of the first voxel, in patient coordinates.
    direction : 3 x 3 nested tuple
        Columns are the directions of the x, y and z index axes.

    Raises
    ------
    InvalidInputError
        If the array has not three dimensions, or the suffix is not a known image format of one
        file (``.mhd``, ``.nhdr`` and ``.hdr`` keep the voxels in a second one).

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "image.nii.gz"
    >>> write_volume(path, np.zeros((2, 4, 4)), (2.0, 1.0, 1.0))
    >>> path.is_file()
    True
    """
    import SimpleITK

    if Path(path).suffix.lower() in _TWO_FILES:
        raise InvalidInputError(
            f"{Path(path).name}: a {Path(path).suffix} header keeps the voxels in a second file, "
            "and the two cannot be written at once; use .nii, .nii.gz, .nrrd or .mha"
        )
    volume = np.asarray(array)
    if volume.ndim != 3:
        raise InvalidInputError(f"{Path(path).name}: a volume of shape {volume.shape}; 3-D needed")
    if volume.dtype == bool:
        volume = volume.astype(np.uint8)
    image = SimpleITK.GetImageFromArray(volume)
    image.SetSpacing([float(step) for step in spacing[::-1]])
    image.SetOrigin([float(place) for place in origin])
    image.SetDirection(np.asarray(direction, dtype=np.float64).ravel().tolist())
    with replacing(path) as temporary:
        try:
            with captured_stderr():
                SimpleITK.WriteImage(image, str(temporary))
        except RuntimeError as error:
            raise InvalidInputError(
                f"{Path(path).name} cannot be written as an image "
                f"(use .nii, .nii.gz, .nrrd or .mha): {str(error).splitlines()[-1]}"
            ) from error
