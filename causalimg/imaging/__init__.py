"""Images in: reading, writing, cropping, and the simulated scans."""

from causalimg.imaging.phantom import simulate_patients, true_graph
from causalimg.imaging.phantom_model import PhantomModel, Protocol, Scanner
from causalimg.imaging.phantom_render import Patient, render
from causalimg.imaging.read import read_image_mask
from causalimg.imaging.volume import ImageMask, crop, pad
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
