"""Images in: reading, writing, cropping, and the simulated scans."""

from causalimg.imaging.phantom import (
    PhantomModel,
    Protocol,
    Scanner,
    simulate_patients,
    true_graph,
)
from causalimg.imaging.phantom_render import Patient, render
from causalimg.imaging.read import ImageMask, crop, pad, read_image_mask
from causalimg.imaging.write import write_volume

__all__ = [
    "ImageMask",
    "Patient",
    "PhantomModel",
    "Protocol",
    "Scanner",
    "crop",
    "pad",
    "read_image_mask",
    "render",
    "simulate_patients",
    "true_graph",
    "write_volume",
]
