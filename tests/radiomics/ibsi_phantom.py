"""The IBSI's digital phantom, with the values that its reference manual prints.

Zwanenburg A et al. Image biomarker standardisation initiative, reference manual, chapter 5;
https://doi.org/10.48550/arXiv.1612.07003. The phantom is published under CC BY 4.0.
"""

from __future__ import annotations

import numpy as np

from causalimg.imaging.volume import ImageMask

_IMAGE = """
14411 14611 41641 44641
14411 11611 11311 44611
14411 11111 11911 11611
14411 11111 11111 11611
"""
_MASK = """
11111 11111 11111 11111
11111 11111 01111 11111
11100 11111 11011 11111
11100 11111 11111 11111
"""


def _array(text: str) -> np.ndarray:
    return np.array([int(digit) for digit in "".join(text.split())]).reshape(4, 4, 5)


def digital_phantom() -> ImageMask:
    """Return the phantom: 5 x 4 x 4 voxels of 2 mm, 74 of them in the region."""
    return ImageMask(_array(_IMAGE), _array(_MASK) == 1, (2.0, 2.0, 2.0), case_id="phantom")
