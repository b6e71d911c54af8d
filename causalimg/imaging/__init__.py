"""Images in: reading, writing, cropping, and the simulated scans."""

from causalimg.imaging.acquisition import (
    Acquisition,
    acquisition_table,
    read_acquisition,
    with_acquisition,
)
from causalimg.imaging.check import header_problems
from causalimg.imaging.phantom import simulate_patients, true_graph
from causalimg.imaging.phantom_model import PhantomModel, Protocol, Scanner
from causalimg.imaging.phantom_render import Patient, render
from causalimg.imaging.read import read_image_mask, read_volume
from causalimg.imaging.volume import ImageMask, crop, pad
from causalimg.imaging.write import write_volume

__all__ = [
    "Acquisition",
    "ImageMask",
    "Patient",
    "PhantomModel",
    "Protocol",
    "Scanner",
    "acquisition_table",
    "crop",
    "header_problems",
    "pad",
    "read_acquisition",
    "read_image_mask",
    "read_volume",
    "render",
    "simulate_patients",
    "true_graph",
    "with_acquisition",
    "write_volume",
]
