"""The record of how one scan was acquired: every column, its DICOM keyword, unit and role."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

import pandas as pd


def _column(keyword: str, unit: str = "", role: str = "context") -> Any:
    return field(default=None, metadata={"keyword": keyword, "unit": unit, "role": role})


@dataclass(frozen=True)
class Acquisition:
    """The protocol of one scan; None where the header does not say.

    A number that differs between the slices of a series is None, but for tube current and
    exposure, which are modulated by design and averaged; ``varying`` names them all. Patient's
    sex, age and weight are covariates, everything else is context.

    Parameters
    ----------
    modality, manufacturer, manufacturer_original, manufacturer_model_name, software_versions : str
        The maker's name is one spelling per maker; the original is kept beside it.
    kvp, x_ray_tube_current_ma, exposure_mas : float
        Tube voltage [kV], current [mA], exposure [mAs].
    convolution_kernel, reconstruction_method : str
    slice_thickness_mm, spacing_between_slices_mm, reconstruction_diameter_mm : float
    pixel_spacing_mm, pixel_spacing_column_mm : float
        Between rows, and between columns where it differs.
    magnetic_field_strength_t, repetition_time_ms, echo_time_ms, flip_angle_deg : float
    contrast_agent, radiopharmaceutical : str
    patient_sex, patient_age_years, patient_weight_kg : str or float
    series_hash : str
        First 16 hex digits of the SHA-256 of the SeriesInstanceUID, where it was asked for.
    varying : tuple of str
        Columns that differ between the slices.

    Examples
    --------
    >>> scan = Acquisition(manufacturer="SIEMENS", kvp=120.0)
    >>> {name: value for name, value in scan.to_dict().items() if value is not None}
    {'manufacturer': 'SIEMENS', 'kvp': 120.0}
    """

    modality: str | None = _column("Modality")
    manufacturer: str | None = _column("Manufacturer")
    manufacturer_original: str | None = _column("Manufacturer")
    manufacturer_model_name: str | None = _column("ManufacturerModelName")
    software_versions: str | None = _column("SoftwareVersions")
    kvp: float | None = _column("KVP", "kV")
    x_ray_tube_current_ma: float | None = _column("XRayTubeCurrent", "mA")
    exposure_mas: float | None = _column("Exposure", "mAs")
    convolution_kernel: str | None = _column("ConvolutionKernel")
    slice_thickness_mm: float | None = _column("SliceThickness", "mm")
    pixel_spacing_mm: float | None = _column("PixelSpacing", "mm")
    pixel_spacing_column_mm: float | None = _column("PixelSpacing", "mm")
    spacing_between_slices_mm: float | None = _column("SpacingBetweenSlices", "mm")
    reconstruction_diameter_mm: float | None = _column("ReconstructionDiameter", "mm")
    magnetic_field_strength_t: float | None = _column("MagneticFieldStrength", "T")
    repetition_time_ms: float | None = _column("RepetitionTime", "ms")
    echo_time_ms: float | None = _column("EchoTime", "ms")
    flip_angle_deg: float | None = _column("FlipAngle", "degree")
    contrast_agent: str | None = _column("ContrastBolusAgent")
    radiopharmaceutical: str | None = _column("RadiopharmaceuticalCodeSequence")
    reconstruction_method: str | None = _column("ReconstructionMethod")
    patient_sex: str | None = _column("PatientSex", role="covariate")
    patient_age_years: float | None = _column("PatientAge", "year", "covariate")
    patient_weight_kg: float | None = _column("PatientWeight", "kg", "covariate")
    series_hash: str | None = _column("SeriesInstanceUID", role="other")
    varying: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return column name -> value, in a fixed order."""
        return {name: getattr(self, name) for name in COLUMNS}

    def to_frame(self) -> pd.DataFrame:
        """Return one row per column: ``column, keyword, value, unit, role``."""
        return pd.DataFrame(
            [
                (name, meta["keyword"], getattr(self, name), meta["unit"], meta["role"])
                for name, meta in COLUMNS.items()
            ],
            columns=["column", "keyword", "value", "unit", "role"],
        ).astype({"value": "object"})


COLUMNS: dict[str, dict[str, str]] = {
    entry.name: dict(entry.metadata) for entry in fields(Acquisition) if entry.metadata
}
