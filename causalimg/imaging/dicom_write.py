"""Write a scan as DICOM: one file a slice, and its region as a segmentation object (SEG)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from causalimg.errors import InvalidInputError, MissingDependencyError
from causalimg.imaging.volume import ImageMask


def write_dicom(
    scan: ImageMask,
    folder: str | Path,
    *,
    segment: str = "lesion",
    header: Mapping[str, Any] | None = None,
) -> tuple[Path, Path]:
    """Write a CT series and the segmentation of its region.

    Parameters
    ----------
    scan : ImageMask
        Whole numbers [HU] within 16 bits.
    folder : path
        Gets ``series/`` with one file a slice, and ``seg.dcm``.
    segment : str
        Label of the region in the segmentation.
    header : mapping of str to value, optional
        Further elements by DICOM keyword, such as ``{"ConvolutionKernel": "Br40"}``. The patient
        is called by ``scan.case_id``; identifiers come from it, so that the same scan gives the
        same files.

    Returns
    -------
    series : Path
        Folder of the slices.
    seg : Path

    Raises
    ------
    InvalidInputError
        If intensities are not whole numbers of 16 bits, or a keyword is not in the DICOM
        dictionary.
    MissingDependencyError
        Without pydicom and highdicom.

    Examples
    --------
    >>> import tempfile
    >>> mask = np.zeros((3, 8, 8), dtype=bool)
    >>> mask[1, 2:5, 2:5] = True
    >>> scan = ImageMask(np.zeros((3, 8, 8), dtype=np.int16), mask, (2.0, 1.0, 1.0), case_id="P1")
    >>> series, seg = write_dicom(scan, tempfile.mkdtemp(), header={"KVP": "120"})
    >>> len(list(series.glob("*.dcm"))), seg.name
    (3, 'seg.dcm')
    """
    try:
        import highdicom
        import pydicom
        from pydicom.sr.codedict import codes
    except ImportError as error:
        raise MissingDependencyError(
            "writing DICOM needs pydicom and highdicom: pip install 'causalimg[dicom]'"
        ) from error

    stored = _stored(scan)
    more = dict(header or {})
    for keyword in more:
        if pydicom.datadict.tag_for_keyword(keyword) is None:
            raise InvalidInputError(f"header: {keyword!r} is no keyword of the DICOM dictionary")
    target = Path(folder) / "series"
    target.mkdir(parents=True, exist_ok=True)
    slices = [_slice(scan, plane, k, more) for k, plane in enumerate(stored)]
    for k, one in enumerate(slices):
        one.save_as(target / f"slice_{k + 1:04d}.dcm", enforce_file_format=True)
    described = highdicom.seg.SegmentDescription(
        segment_number=1,
        segment_label=segment,
        segmented_property_category=codes.SCT.MorphologicallyAbnormalStructure,
        segmented_property_type=codes.SCT.Lesion,
        algorithm_type="MANUAL",
    )
    seg = highdicom.seg.Segmentation(
        slices, scan.mask, "BINARY", [described], _uid(scan, "seg series"), 2,
        _uid(scan, "seg"), 1, "causalimg", "simulation", "1", "1",
    )  # fmt: skip
    seg.save_as(Path(folder) / "seg.dcm")
    return target, Path(folder) / "seg.dcm"


def _stored(scan: ImageMask) -> np.ndarray:
    """Return the intensities as 16-bit whole numbers."""
    whole = np.asarray(scan.image).round()
    limits = np.iinfo(np.int16)
    if (
        not np.array_equal(whole, scan.image)
        or whole.min() < limits.min
        or whole.max() > limits.max
    ):
        raise InvalidInputError(
            f"case {scan.case_id!r}: intensities from {scan.image.min():g} to"
            f" {scan.image.max():g}; DICOM stores whole numbers of 16 bits, so round them first"
        )
    return np.asarray(whole.astype(np.int16))


def _uid(scan: ImageMask, what: str) -> str:
    from pydicom.uid import generate_uid

    return str(generate_uid(entropy_srcs=["causalimg", scan.case_id, what]))


def _slice(scan: ImageMask, plane: np.ndarray, k: int, header: Mapping[str, Any]) -> Any:
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

    axes = np.asarray(scan.direction)
    at = np.asarray(scan.origin) + k * scan.spacing[0] * axes[:, 2]
    one = Dataset()
    one.file_meta = FileMetaDataset()
    one.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    one.SOPClassUID = CTImageStorage
    one.SOPInstanceUID = _uid(scan, f"slice {k}")
    one.StudyInstanceUID = _uid(scan, "study")
    one.SeriesInstanceUID = _uid(scan, "series")
    one.FrameOfReferenceUID = _uid(scan, "frame")
    one.Modality = "CT"
    one.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    one.PatientID, one.PatientName = scan.case_id, f"{scan.case_id}^"
    one.PatientBirthDate = one.PatientSex = one.StudyDate = one.StudyTime = ""
    one.StudyID = one.AccessionNumber = one.ReferringPhysicianName = ""
    one.PositionReferenceIndicator = one.Manufacturer = ""
    one.SeriesNumber, one.AcquisitionNumber, one.InstanceNumber = "1", "1", str(k + 1)
    one.SliceThickness = _text(scan.spacing[0])
    one.ImagePositionPatient = [_text(v) for v in at]
    one.ImageOrientationPatient = [_text(v) for v in (*axes[:, 0], *axes[:, 1])]
    one.PixelSpacing = [_text(scan.spacing[1]), _text(scan.spacing[2])]
    one.RescaleSlope, one.RescaleIntercept, one.RescaleType = "1", "0", "HU"
    one.Rows, one.Columns = plane.shape
    one.SamplesPerPixel, one.PhotometricInterpretation = 1, "MONOCHROME2"
    one.BitsAllocated = one.BitsStored = 16
    one.HighBit, one.PixelRepresentation = 15, 1
    one.PixelData = plane.astype("<i2").tobytes()
    one["PixelData"].VR = "OW"
    for keyword, value in header.items():
        setattr(one, keyword, value)
    return one


def _text(value: float) -> str:
    """Return a decimal string of at most 16 characters."""
    return f"{float(value):.10g}"[:16]
