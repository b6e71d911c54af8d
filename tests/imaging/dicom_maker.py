"""Small valid DICOM objects, written on the fly: CT and MR series, SEG, RTSTRUCT."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence as DicomSequence
from pydicom.uid import (
    CTImageStorage,
    EnhancedMRImageStorage,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    MRImageStorage,
    RTStructureSetStorage,
    generate_uid,
)

SHAPE = (6, 12, 10)
SPACING = (3.0, 0.8, 0.8)
ORIGIN = (-20.5, 10.25, 100.0)
AXIAL = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0))
STUDY, FRAME = generate_uid(entropy_srcs=["study"]), generate_uid(entropy_srcs=["frame"])
PROTOCOL = {
    "CT": {
        "Manufacturer": "SIEMENS Healthineers", "ManufacturerModelName": "SOMATOM Force",
        "SoftwareVersions": ["VA50A", "SP2"], "KVP": "120", "XRayTubeCurrent": "200",
        "Exposure": "150", "ConvolutionKernel": ["Br40d", "3"], "SliceThickness": "3.0",
        "ReconstructionDiameter": "380", "PatientSex": "F", "PatientAge": "061Y",
        "PatientWeight": "71.5",
    },
    "MR": {
        "Manufacturer": "GE MEDICAL SYSTEMS", "ManufacturerModelName": "SIGNA Artist",
        "SoftwareVersions": "DV26.0", "MagneticFieldStrength": "1.5", "RepetitionTime": "550",
        "EchoTime": "12.5", "FlipAngle": "90", "SliceThickness": "3.0", "PatientSex": "M",
        "PatientAge": "092Y", "ScanningSequence": "SE", "SequenceVariant": "NONE",
        "ScanOptions": "", "MRAcquisitionType": "2D",
    },
}  # fmt: skip


def noise(shape: tuple[int, int, int] = SHAPE, *, low: int = -800, high: int = 1200) -> np.ndarray:
    """Return an image of whole numbers."""
    return np.random.default_rng(5).integers(low, high, shape).astype(np.int16)


def make_series(
    folder: Path,
    image: np.ndarray | None = None,
    *,
    modality: str = "CT",
    spacing: tuple[float, float, float] = SPACING,
    origin: tuple[float, float, float] = ORIGIN,
    axes: Sequence[Sequence[float]] = AXIAL,
    slope: Sequence[float] | float = 1.0,
    intercept: Sequence[float] | float = 0.0,
    uid: str = "series",
    frame: str = FRAME,
    syntax: Any = ExplicitVRLittleEndian,
    name: str = "slice",
    header: Mapping[str, Any] | None = None,
) -> list[Path]:
    """Write stored values as one file a slice; the file names do not follow the positions."""
    folder.mkdir(parents=True, exist_ok=True)
    stored = noise() if image is None else image
    row, column = np.asarray(axes[0]), np.asarray(axes[1])
    normal = np.cross(row, column)
    order = np.random.default_rng(0).permutation(len(stored))
    paths: list[Path] = [Path()] * len(stored)
    for k, plane in enumerate(stored):
        at = np.asarray(origin) + k * spacing[0] * normal
        dataset = _image_header(modality, uid, k, frame, header or {})
        dataset.ImagePositionPatient = [_ds(v) for v in at]
        dataset.ImageOrientationPatient = [_ds(v) for v in (*row, *column)]
        dataset.PixelSpacing = [_ds(spacing[1]), _ds(spacing[2])]
        dataset.RescaleSlope = _ds(slope if np.isscalar(slope) else slope[k])  # type: ignore[index]
        dataset.RescaleIntercept = _ds(
            intercept if np.isscalar(intercept) else intercept[k]  # type: ignore[index]
        )
        set_pixels(dataset, plane, big=syntax == ExplicitVRBigEndian)
        paths[k] = folder / f"{name}_{order[k]:03d}.dcm"
        save(dataset, paths[k], syntax)
    return paths


def set_pixels(dataset: Dataset, plane: np.ndarray, *, big: bool = False) -> None:
    """Put 16-bit whole numbers into a data set."""
    dataset.Rows, dataset.Columns = plane.shape[-2:]
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated = dataset.BitsStored = 16
    dataset.HighBit = 15
    dataset.PixelRepresentation = int(plane.dtype.kind == "i")
    dataset.PixelData = plane.astype(plane.dtype.newbyteorder(">" if big else "<")).tobytes()
    dataset["PixelData"].VR = "OW"


def save(dataset: Dataset, path: Path, syntax: Any = ExplicitVRLittleEndian) -> None:
    """Write a data set as a DICOM file."""
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.save_as(path, enforce_file_format=True)


def _image_header(
    modality: str, uid: str, k: int, frame: str, header: Mapping[str, Any]
) -> Dataset:
    dataset = Dataset()
    dataset.SOPClassUID = CTImageStorage if modality == "CT" else MRImageStorage
    dataset.SOPInstanceUID = generate_uid(entropy_srcs=["instance", uid, str(k)])
    dataset.StudyInstanceUID = STUDY
    dataset.SeriesInstanceUID = generate_uid(entropy_srcs=[uid])
    dataset.FrameOfReferenceUID = frame
    dataset.Modality = modality
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    dataset.InstanceNumber = str(k + 1)
    dataset.PositionReferenceIndicator = ""
    dataset.SeriesNumber, dataset.AcquisitionNumber = "1", "1"
    dataset.StudyID, dataset.AccessionNumber = "", ""
    dataset.PatientName, dataset.PatientID, dataset.PatientBirthDate = "", "", ""
    dataset.StudyDate = dataset.StudyTime = dataset.ReferringPhysicianName = ""
    for keyword, value in {**PROTOCOL[modality], **header}.items():
        setattr(dataset, keyword, value)
    return dataset


def make_enhanced(path: Path, image: np.ndarray) -> None:
    """Write an enhanced multi-frame MR object; its frames run downwards."""
    dataset = _image_header("MR", "enhanced", 0, FRAME, {})
    for keyword in ("RepetitionTime", "EchoTime", "FlipAngle", "SliceThickness"):
        delattr(dataset, keyword)
    dataset.SOPClassUID = EnhancedMRImageStorage
    shared = Dataset()
    shared.PlaneOrientationSequence = _one(ImageOrientationPatient=[1, 0, 0, 0, 1, 0])
    shared.PixelMeasuresSequence = _one(PixelSpacing=list(SPACING[1:]), SliceThickness="3.0")
    shared.MRTimingAndRelatedParametersSequence = _one(RepetitionTime="700", FlipAngle="80")
    shared.MREchoSequence = _one(EffectiveEchoTime=15.0)
    shared.PixelValueTransformationSequence = _one(RescaleSlope="2", RescaleIntercept="-5")
    dataset.SharedFunctionalGroupsSequence = DicomSequence([shared])
    frames = []
    for k in reversed(range(len(image))):
        group = Dataset()
        at = [ORIGIN[0], ORIGIN[1], ORIGIN[2] + k * SPACING[0]]
        group.PlanePositionSequence = _one(ImagePositionPatient=[_ds(v) for v in at])
        frames.append(group)
    dataset.PerFrameFunctionalGroupsSequence = DicomSequence(frames)
    dataset.NumberOfFrames = len(image)
    set_pixels(dataset, image[::-1])
    save(dataset, path)


def make_rtstruct(
    path: Path,
    regions: Mapping[str, Sequence[np.ndarray]],
    *,
    frame: str = FRAME,
    kind: str = "CLOSED_PLANAR",
) -> None:
    """Write regions of interest; each contour is an array of corners (x, y, z) [mm]."""
    dataset = Dataset()
    dataset.SOPClassUID = RTStructureSetStorage
    dataset.SOPInstanceUID = generate_uid(entropy_srcs=["structures"])
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = STUDY, generate_uid(entropy_srcs=["rs"])
    dataset.Modality, dataset.StructureSetLabel = "RTSTRUCT", "test"
    dataset.PatientName, dataset.PatientID = "", ""
    named, drawn = [], []
    for number, (label, contours) in enumerate(regions.items(), start=1):
        region = Dataset()
        region.ROINumber, region.ROIName = number, label
        region.ReferencedFrameOfReferenceUID, region.ROIGenerationAlgorithm = frame, "MANUAL"
        named.append(region)
        entry = Dataset()
        entry.ReferencedROINumber = number
        entry.ContourSequence = DicomSequence([_contour(corners, kind) for corners in contours])
        drawn.append(entry)
    dataset.StructureSetROISequence = DicomSequence(named)
    dataset.ROIContourSequence = DicomSequence(drawn)
    save(dataset, path)


def _contour(corners: np.ndarray, kind: str) -> Dataset:
    contour = Dataset()
    contour.ContourGeometricType = kind
    contour.NumberOfContourPoints = len(corners)
    contour.ContourData = [_ds(value) for value in np.ravel(corners)]
    return contour


def ring(
    x: float, y: float, z: float, *, radius: float, n: int = 40, squeeze: float = 1.0
) -> np.ndarray:
    """Return the corners of an ellipse in an axial plane, (n, 3) [mm]."""
    turn = np.linspace(0, 2 * np.pi, n, endpoint=False)
    return np.stack(
        [x + radius * np.cos(turn), y + squeeze * radius * np.sin(turn), np.full(n, z)], axis=1
    )


def make_seg(
    path: Path,
    images: Sequence[Path],
    masks: Mapping[str, np.ndarray],
    *,
    kind: str = "BINARY",
    fraction: float = 1.0,
    frame: str | None = None,
) -> None:
    """Write a SEG with highdicom: segments by label, each a mask in the order of the images."""
    import highdicom
    import pydicom

    sources = [pydicom.dcmread(image) for image in images]
    codes = pydicom.sr.codedict.codes
    described = [
        highdicom.seg.SegmentDescription(
            segment_number=k,
            segment_label=label,
            segmented_property_category=codes.SCT.MorphologicallyAbnormalStructure,
            segmented_property_type=codes.SCT.Neoplasm,
            algorithm_type="MANUAL",
        )
        for k, label in enumerate(masks, start=1)
    ]
    stacked = np.stack([np.asarray(mask) for mask in masks.values()], axis=-1)
    pixels = stacked.astype(bool) if kind == "BINARY" else fraction * stacked.astype(np.float64)
    if kind == "LABELMAP":
        pixels = sum(
            ((k + 1) * stacked[..., k].astype(np.uint8) for k in range(len(masks))),
            start=np.zeros(stacked.shape[:-1], np.uint8),
        )
    segmentation = highdicom.seg.Segmentation(
        sources, pixels, kind, described, generate_uid(), 1, generate_uid(), 1,
        "Test", "Test", "1", "1",
    )  # fmt: skip
    if frame is not None:
        segmentation.FrameOfReferenceUID = frame
    segmentation.save_as(path)


def _one(**values: Any) -> DicomSequence:
    dataset = Dataset()
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    return DicomSequence([dataset])


def _ds(value: Any) -> str:
    """Return a decimal string of at most 16 characters."""
    return f"{float(value):.10g}"[:16]
