"""What differs between two sets of cases, and weights that make up for it where weights can."""

from causalimg.shift.density_ratio import DensityRatio, density_ratio
from causalimg.shift.distances import ShiftTest, shift_test
from causalimg.shift.label_shift import LabelShift, label_shift_weights
from causalimg.shift.mechanisms import MechanismChanges, mechanism_changes

__all__ = [
    "DensityRatio",
    "LabelShift",
    "MechanismChanges",
    "ShiftTest",
    "density_ratio",
    "label_shift_weights",
    "mechanism_changes",
    "shift_test",
]
