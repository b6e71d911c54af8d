"""The settings of the `ibsi` mode: one frozen record, with the IBSI's own configurations."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from typing import Any

from causalimg.errors import InvalidInputError, UnknownNameError, nearest
from causalimg.imaging.ibsi_grid import ORDERS

MATRIX_AGGREGATIONS = {
    "2d_averaged": "BTW3",
    "2d_slice_merged": "SUJT",
    "2_5d_direction_merged": "JJUI",
    "2_5d_merged": "ZW7Z",
    "3d_averaged": "ITBB",
    "3d_merged": "IAZD",
}
"""How the matrices of slices and directions (GLCM, GLRLM) become one value -> IBSI code."""
ZONE_AGGREGATIONS = {"2d": "8QNN", "2_5d": "62GR", "3d": "KOBO"}
"""The same for matrices without directions (GLSZM, GLDZM, NGTDM, NGLDM)."""
AGGREGATIONS = (*MATRIX_AGGREGATIONS, *ZONE_AGGREGATIONS)
IN_SLICES = tuple(name for name in AGGREGATIONS if not name.startswith("3d"))
IN_VOLUME = tuple(name for name in AGGREGATIONS if name.startswith("3d"))
IVH_MODES = ("discrete", "fixed_bin_size", "fixed_bin_number")


@dataclass(frozen=True)
class IbsiSettings:
    """How an image is prepared and its texture aggregated. Every setting can change a value.

    Parameters
    ----------
    spacing : tuple of float, (z, y, x) [mm], optional
        Resample to this; 0 keeps an axis. None: as scanned.
    interpolation : str
        Of the image: ``"linear"`` or ``"cubic"`` (B-spline). The mask is always linear.
    mask_threshold : float
        Share of the interpolated mask from which a voxel belongs to the region.
    round_intensities : bool
        Round to whole numbers after interpolation (HU are whole numbers).
    range : tuple of float, optional
        Lowest and highest intensity that stay in the intensity mask; either may be infinite.
    outlier_sigma : float, optional
        Intensities further from the mean of the region than so many standard deviations leave
        the intensity mask.
    bin_width : float, optional
        Fixed bin size [intensity]; the first bin starts at the lower end of ``range``, or at the
        lowest intensity of the region where there is none.
    bin_count : int, optional
        Fixed bin number, over the intensities of the region. Give one of the two.
    ivh : str
        Grid of the intensity-volume histogram: ``"discrete"`` (every whole number, as for HU),
        ``"fixed_bin_size"`` or ``"fixed_bin_number"``.
    ivh_bins : float
        Width [intensity] or number of the bins of the last two.
    aggregations : tuple of str
        Ways to aggregate texture, of `AGGREGATIONS`.

    Raises
    ------
    InvalidInputError, UnknownNameError
        If a value is outside what it may be.

    Examples
    --------
    >>> IbsiSettings(bin_width=10.0, range=(0.0, math.inf)).aggregations
    ('3d_averaged', '3d_merged', '3d')
    >>> IbsiSettings.configuration("c").spacing
    (2.0, 2.0, 2.0)
    """

    spacing: tuple[float, float, float] | None = None
    interpolation: str = "linear"
    mask_threshold: float = 0.5
    round_intensities: bool = False
    range: tuple[float, float] | None = None
    outlier_sigma: float | None = None
    bin_width: float | None = None
    bin_count: int | None = None
    ivh: str = "fixed_bin_number"
    ivh_bins: float = 1000
    aggregations: tuple[str, ...] = IN_VOLUME

    def __post_init__(self) -> None:
        if self.spacing is not None and (
            len(self.spacing) != 3 or not all(0 <= step < math.inf for step in self.spacing)
        ):
            raise InvalidInputError(f"spacing={self.spacing}: (z, y, x) [mm], 0 to keep an axis")
        for name, value, allowed in (
            ("interpolation", self.interpolation, tuple(ORDERS)),
            ("ivh", self.ivh, IVH_MODES),
            *(("aggregations", value, AGGREGATIONS) for value in self.aggregations),
        ):
            if value not in allowed:
                raise UnknownNameError(
                    f"{name}: {value!r} is not one of {', '.join(allowed)}{nearest(value, allowed)}"
                )
        if not 0 < self.mask_threshold <= 1:
            raise InvalidInputError(f"mask_threshold={self.mask_threshold}: above 0, at most 1")
        if self.range is not None and not (len(self.range) == 2 and self.range[0] < self.range[1]):
            raise InvalidInputError(f"range={self.range}: (lowest, highest) intensity")
        if self.outlier_sigma is not None and not 0 < self.outlier_sigma < math.inf:
            raise InvalidInputError(f"outlier_sigma={self.outlier_sigma}: a number above 0")
        if (self.bin_width is None) == (self.bin_count is None):
            raise InvalidInputError(
                f"bin_width={self.bin_width} and bin_count={self.bin_count}: give one of the two"
            )
        if self.bin_width is not None and not 0 < self.bin_width < math.inf:
            raise InvalidInputError(f"bin_width={self.bin_width}: a width above 0 [intensity]")
        if self.bin_count is not None and (self.bin_count < 2 or self.bin_count % 1):
            raise InvalidInputError(f"bin_count={self.bin_count}: a whole number, at least 2")
        if not 0 < self.ivh_bins < math.inf or (
            self.ivh == "fixed_bin_number" and (self.ivh_bins < 2 or self.ivh_bins % 1)
        ):
            raise InvalidInputError(
                f"ivh_bins={self.ivh_bins}: a width above 0 [intensity], or a whole number of "
                "bins, at least 2"
            )

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as JSON types."""
        found = asdict(self)
        for name in ("spacing", "range", "aggregations"):
            found[name] = None if found[name] is None else list(found[name])
        if self.range is not None:
            found["range"] = [value if math.isfinite(value) else None for value in self.range]
        return found

    @classmethod
    def digital_phantom(cls) -> IbsiSettings:
        """Return those of the digital phantom: its intensities are grey levels already."""
        return cls(bin_width=1.0, ivh="discrete", aggregations=AGGREGATIONS)

    @classmethod
    def configuration(cls, name: str) -> IbsiSettings:
        """Return configuration A, B, C, D or E of the IBSI's CT phantom.

        Raises
        ------
        UnknownNameError
            If there is no such configuration.
        """
        key = name.lower()
        if key not in _CONFIGURATIONS:
            raise UnknownNameError(
                f"no configuration is called {name!r} (there are: {', '.join(_CONFIGURATIONS)})"
            )
        return _CONFIGURATIONS[key]


_A = IbsiSettings(
    range=(-500.0, 400.0),
    bin_width=25.0,
    ivh="discrete",
    aggregations=IN_SLICES,
)
_C = IbsiSettings(
    spacing=(2.0, 2.0, 2.0),
    round_intensities=True,
    range=(-1000.0, 400.0),
    bin_width=25.0,
    ivh="fixed_bin_size",
    ivh_bins=2.5,
    aggregations=IN_VOLUME,
)
_D = replace(_C, range=None, outlier_sigma=3.0, bin_width=None, bin_count=32, ivh="discrete")
_CONFIGURATIONS = {
    "a": _A,
    "b": replace(_A, spacing=(0.0, 2.0, 2.0), round_intensities=True, bin_width=None, bin_count=32),
    "c": _C,
    "d": _D,
    "e": replace(_D, interpolation="cubic", range=_C.range, ivh="fixed_bin_number", ivh_bins=1000),
}
