"""Invariant feature sets: which features an environment does not move."""

from causalimg.invariance.stable import StableFeatures

__all__ = ["StableFeatures"]
