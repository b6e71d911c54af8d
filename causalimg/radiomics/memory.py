"""How much memory a case needs, estimated from its region, its grid and the settings.

The estimate is of the peak of a worker's process: what Python and its libraries take, and the
arrays that are alive at once. Its factors were set by measured peaks and are on the safe side for
regions of grey levels as they occur; an image of few levels may need up to twice as much for its
zones.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from causalimg.errors import InvalidInputError
from causalimg.imaging.volume import ImageMask
from causalimg.radiomics.settings import ExtractionSettings

PROCESS = 240 * 2**20  # Python, NumPy, SciPy, pandas and SimpleITK
_PER_REGION_VOXEL = 320  # neighbours, runs and zones
_PER_BAND_VOXEL = 8 * 30  # the eight bands of a level, and what they are made from
_PER_FURTHER_LEVEL = 8 * 7
_BLOCK = 40 * 2**20  # the Laplacian of Gaussian goes through the image in blocks
_PER_LOG_VOXEL = 8
_PER_GRID_VOXEL = 24  # copies of the image and the mask that are resampled
_PER_MATRIX_CELL = 2 * 13 * 8
_PADDING = 5


class MemoryLimitError(InvalidInputError):
    """A case needs more memory than it may take."""


def needed_memory(scan: ImageMask, settings: ExtractionSettings, *, engine: str = "native") -> int:
    """Estimate the peak of the memory of a process that extracts one case [bytes].

    Parameters
    ----------
    scan : ImageMask
        As it was read: the whole image, or what lies around the region.
    settings : ExtractionSettings
    engine : str
        ``"pyradiomics"`` filters the whole image.

    Examples
    --------
    >>> scan = ImageMask(np.zeros((9, 9, 9)), np.ones((9, 9, 9), dtype=bool), (1.0, 1.0, 1.0))
    >>> few = needed_memory(scan, ExtractionSettings.of())
    >>> few < needed_memory(scan, ExtractionSettings.of(image_types=["original", "wavelet"]))
    True
    """
    held = scan.image.nbytes + scan.mask.nbytes
    lengths = [stop - first for first, stop in scan.bounds()]
    types = settings.image_types
    spacing = settings.resample if settings.ibsi is None else settings.ibsi.spacing
    finer, grid = 1.0, 0
    if spacing is not None:
        finer = math.prod(
            old / (new or old) for old, new in zip(scan.spacing, spacing, strict=True)
        )
        lengths = [length + 2 * _PADDING for length in lengths]
        grid = _PER_GRID_VOXEL * scan.mask.size
    elif settings.normalize:
        grid = 8 * scan.mask.size
    if engine == "pyradiomics":
        filtered = "wavelet" in types or "log" in types
        return int(PROCESS + held + (220 if filtered else 24) * scan.mask.size * finer)
    box = math.prod(lengths) * finer
    levels = _levels(scan, settings)
    peak = _PER_REGION_VOXEL * scan.n_voxels * finer + _PER_MATRIX_CELL * levels**2
    peak += (8 + 1) * box
    filters = [0.0]
    if "wavelet" in types:
        options = types["wavelet"]
        filters.append((_PER_BAND_VOXEL + _PER_FURTHER_LEVEL * (options["level"] - 1)) * box)
    if "log" in types:
        filters.append(min(_BLOCK, 24 * scan.mask.size) + _PER_LOG_VOXEL * max(scan.mask.size, box))
    return int(PROCESS + held + grid + peak + max(filters))


def _levels(scan: ImageMask, settings: ExtractionSettings) -> float:
    """Return the number of grey levels of the image as it is."""
    own = settings if settings.ibsi is None else settings.ibsi
    if own.bin_count is not None:
        return own.bin_count
    inside = scan.image[scan.mask]
    spread = float(inside.max()) - float(inside.min())
    if settings.normalize:
        spread *= settings.normalize_scale / max(float(np.std(scan.image)), 1e-9)
    return min(spread / (own.bin_width or 1.0) + 1, 1e5)


@dataclass(frozen=True)
class MemoryBound:
    """What one case may take.

    Parameters
    ----------
    most : int
        Peak of a worker's process [bytes].
    settings : ExtractionSettings
    engine : str
    """

    most: int
    settings: ExtractionSettings
    engine: str = "native"

    def check(self, scan: ImageMask) -> None:
        """Refuse a case that needs more.

        Raises
        ------
        MemoryLimitError
            Saying how much it needs and what would lower that.
        """
        needed = needed_memory(scan, self.settings, engine=self.engine)
        if needed <= self.most:
            return
        hints = ["raise max_memory"]
        if {"wavelet", "log"} & set(self.settings.image_types):
            hints.append("leave out 'wavelet' and 'log'")
        if self.settings.resample is not None:
            hints.append("resample to a wider spacing")
        if self.engine == "pyradiomics":
            hints.append("take engine='native', which filters around the region only")
        raise MemoryLimitError(
            f"case {scan.case_id!r}: a region of {scan.n_voxels} voxels in {scan.image.shape} "
            f"(z, y, x) needs about {_shown(needed)} of memory, and max_memory leaves "
            f"{_shown(self.most)}; {', or '.join(hints)}"
        )


def memory_limit(given: int | str | None) -> int | None:
    """Return the bound in bytes; ``"auto"`` is four fifths of what is free now.

    Raises
    ------
    InvalidInputError
        If it is neither ``"auto"`` nor a number of bytes that a worker can start in.
    """
    if given is None:
        return None
    if given == "auto":
        return int(0.8 * free_memory())
    if isinstance(given, str) or int(given) != given or given < PROCESS:
        raise InvalidInputError(
            f"max_memory={given!r}: 'auto', or a number of bytes of at least {PROCESS} "
            f"({_shown(PROCESS)}), which a worker takes before its first case"
        )
    return int(given)


def free_memory() -> int:
    """Return the memory that this machine, or this container, has left [bytes]."""
    free = _machine()
    limit, used = (
        _number(Path("/sys/fs/cgroup") / f"memory.{name}") for name in ("max", "current")
    )
    if limit is not None and used is not None:
        free = min(free, max(limit - used, 0))
    return free


def _machine() -> int:
    try:
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except OSError:  # not Linux
        if "SC_PHYS_PAGES" in getattr(os, "sysconf_names", {}):
            return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
    return 4 * 2**30


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None


def _shown(n_bytes: int) -> str:
    return f"{n_bytes / 2**20:.0f} MB"
