"""Images in: reading, writing, cropping, and the simulated scans."""

from typing import TYPE_CHECKING

from causalimg.lazy import lazy_names

if TYPE_CHECKING:
    from causalimg.imaging.acquisition import acquisition_table, read_acquisition, with_acquisition
    from causalimg.imaging.acquisition_record import Acquisition
    from causalimg.imaging.check import header_problems
    from causalimg.imaging.dicom_write import write_dicom
    from causalimg.imaging.phantom import simulate_patients, true_graph
    from causalimg.imaging.phantom_model import PhantomModel, Protocol, Scanner
    from causalimg.imaging.phantom_render import Patient, render
    from causalimg.imaging.read import read_image_mask, read_volume
    from causalimg.imaging.volume import ImageMask, crop, pad
    from causalimg.imaging.window import Reach
    from causalimg.imaging.write import write_volume

_WHERE = {
    "Acquisition": "acquisition_record",
    "ImageMask": "volume",
    "Patient": "phantom_render",
    "PhantomModel": "phantom_model",
    "Protocol": "phantom_model",
    "Reach": "window",
    "Scanner": "phantom_model",
    "acquisition_table": "acquisition",
    "crop": "volume",
    "header_problems": "check",
    "pad": "volume",
    "read_acquisition": "acquisition",
    "read_image_mask": "read",
    "read_volume": "read",
    "render": "phantom_render",
    "simulate_patients": "phantom",
    "true_graph": "phantom",
    "with_acquisition": "acquisition",
    "write_dicom": "dicom_write",
    "write_volume": "write",
}
__getattr__, __dir__ = lazy_names(__name__, _WHERE)

__all__ = [
    "Acquisition",
    "ImageMask",
    "Patient",
    "PhantomModel",
    "Protocol",
    "Reach",
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
    "write_dicom",
    "write_volume",
]
