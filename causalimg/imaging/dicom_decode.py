"""Decode compressed pixels that pydicom has no decoder for, in a process apart.

The decoders that come with SimpleITK know JPEG lossless and more, but a damaged stream can bring
their process down; so they run in one of their own, once for a whole series.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from causalimg.errors import ImageReadError
from causalimg.imaging.dicom_file import dicom_border

_INSTALL = "pip install pylibjpeg pylibjpeg-libjpeg pylibjpeg-openjpeg"
_SECONDS, _SECONDS_EACH = 60, 5
_PIXEL_MODULE = (
    "SamplesPerPixel", "PhotometricInterpretation", "NumberOfFrames", "Rows", "Columns",
    "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation", "PixelData",
)  # fmt: skip
_CHILD = """
import sys
from pathlib import Path
import numpy, SimpleITK
for path in sorted(Path(sys.argv[1]).glob("*.dcm")):
    array = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(path)))
    numpy.save(path.with_suffix(".npy"), array, allow_pickle=False)
"""


def decode_apart(datasets: Mapping[Path, Any], where: str) -> dict[Path, np.ndarray]:
    """Return the stored values of files, decoded: (y, x) or (frames, y, x).

    The process is shown copies that hold the pixels and nothing else, so that it does not rescale
    them, and learns nothing of the patient.

    Parameters
    ----------
    datasets : mapping of Path to pydicom.Dataset
    where : str
        Case and column, for the messages.

    Raises
    ------
    ImageReadError
        Naming the file that cannot be decoded, its compression, and what to install.
    """
    with tempfile.TemporaryDirectory() as folder:
        copies = {path: Path(folder) / f"{k:06d}.dcm" for k, path in enumerate(datasets)}
        for path, copy in copies.items():
            with dicom_border(where, path.name):
                _bare(datasets[path]).save_as(copy, enforce_file_format=True)
        try:
            subprocess.run(
                [sys.executable, "-c", _CHILD, folder],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=_SECONDS + _SECONDS_EACH * len(copies),
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise _refused(datasets, copies, where) from error
        found: dict[Path, np.ndarray] = {}
        for path, copy in copies.items():
            made = copy.with_suffix(".npy")
            if not made.is_file():
                raise _refused(datasets, copies, where)
            with dicom_border(where, path.name):
                array = np.load(made, allow_pickle=False)
            found[path] = array[0] if array.ndim == 3 and len(array) == 1 else array
        return found


def _bare(dataset: Any) -> Any:
    """Return a data set with the pixels of another, as they are, and no more."""
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import SecondaryCaptureImageStorage, generate_uid

    bare = Dataset()
    for keyword in _PIXEL_MODULE:
        if keyword in dataset:
            bare[keyword] = dataset[keyword]
    bare.SOPClassUID, bare.SOPInstanceUID = SecondaryCaptureImageStorage, generate_uid()
    bare.file_meta = FileMetaDataset()
    bare.file_meta.TransferSyntaxUID = dataset.file_meta.TransferSyntaxUID
    return bare


def _refused(
    datasets: Mapping[Path, Any], copies: Mapping[Path, Path], where: str
) -> ImageReadError:
    """Return the error for the first file that was not decoded."""
    path = next(p for p, copy in copies.items() if not copy.with_suffix(".npy").is_file())
    syntax = datasets[path].file_meta.TransferSyntaxUID.name
    return ImageReadError(
        f"{where}: {path.name} is compressed ({syntax}) and damaged, or nothing installed decodes "
        f"it; install decoders ({_INSTALL}), or export the series uncompressed"
    )
