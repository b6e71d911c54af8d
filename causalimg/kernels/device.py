"""Where the arrays live: the CPU, or a CUDA device through CuPy."""

from __future__ import annotations

import logging
from functools import cache

from causalimg.errors import InvalidInputError, MissingDependencyError

DEVICES = ("auto", "cpu", "cuda")
logger = logging.getLogger("causalimg")


def choose_device(device: str, *, worth: bool = True) -> str:
    """Return ``"cpu"`` or ``"cuda"`` for a setting, after trying the device.

    Parameters
    ----------
    device : {"auto", "cpu", "cuda"}
        ``"auto"`` takes a CUDA device if one answers and the work is worth it, else the CPU,
        with one line in the log of ``causalimg``.
    worth : bool
        Whether the work is large enough for a device; looked at for ``"auto"`` only.

    Raises
    ------
    InvalidInputError
        If the setting is not one of the three.
    MissingDependencyError
        If ``"cuda"`` was asked for and CuPy is not installed or no device answers; the message
        says what to install and what the driver said.
    """
    if device not in DEVICES:
        raise InvalidInputError(f"device={device!r} is not one of {', '.join(map(repr, DEVICES))}")
    if device == "cpu" or (device == "auto" and not worth):
        return "cpu"
    from causalimg.kernels.cuda import fault

    found = fault()
    if found is None:
        return "cuda"
    if device == "cuda":
        raise MissingDependencyError(
            f"device='cuda' cannot be used: {found}. Install CuPy for the CUDA version of the"
            " driver, pip install 'causalimg[cuda12]' or 'causalimg[cuda13]', and check the driver"
            " with nvidia-smi; or use device='cpu'"
        )
    log_fallback(found)
    return "cpu"


@cache
def log_fallback(reason: str) -> None:
    """Log once in a process why ``device="auto"`` uses the CPU."""
    logger.info("no CUDA device (%s); using the CPU", reason)
