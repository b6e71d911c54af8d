"""From a causal graph to training constraints: plans and weights without torch, losses with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from causalimg.lazy import lazy_names

if TYPE_CHECKING:
    from causalimg.training.adversarial import DomainAdversarial
    from causalimg.training.alignment import CORAL, MMD, ConditionalMMD, MixtureMatching
    from causalimg.training.augmentation import (
        CounterfactualPairs,
        pair_consistency,
        select_augmentations,
    )
    from causalimg.training.backdoor import BackdoorClassifier
    from causalimg.training.canonical import family_table, statement_table
    from causalimg.training.dependence import CIRCE, HSCIC, HSIC
    from causalimg.training.group_dro import GroupDRO
    from causalimg.training.masks import AdditiveHead, MaskedLinear, MaskedMLP, factorize
    from causalimg.training.objective import ConstrainedLoss, LossOutput
    from causalimg.training.penalty import Batch, Penalty
    from causalimg.training.plan import ConstraintPlan
    from causalimg.training.risk import IRM, Bottleneck, Fishr, GradientAgreement, VREx
    from causalimg.training.structure import CASTLE, CastleNet, EdgeWeightedLasso, InputGradient
    from causalimg.training.tabular import ConstrainedClassifier
    from causalimg.training.transforms import GIN, IPA, fourier_style_swap, statistics_swap
    from causalimg.training.weights import balance, effective_size

_WHERE = {
    "AdditiveHead": "masks",
    "BackdoorClassifier": "backdoor",
    "Batch": "penalty",
    "Bottleneck": "risk",
    "CASTLE": "structure",
    "CIRCE": "dependence",
    "CORAL": "alignment",
    "CastleNet": "structure",
    "ConditionalMMD": "alignment",
    "ConstrainedClassifier": "tabular",
    "ConstrainedLoss": "objective",
    "ConstraintPlan": "plan",
    "CounterfactualPairs": "augmentation",
    "DomainAdversarial": "adversarial",
    "EdgeWeightedLasso": "structure",
    "Fishr": "risk",
    "GIN": "transforms",
    "GradientAgreement": "risk",
    "GroupDRO": "group_dro",
    "HSCIC": "dependence",
    "HSIC": "dependence",
    "IPA": "transforms",
    "IRM": "risk",
    "InputGradient": "structure",
    "LossOutput": "objective",
    "MMD": "alignment",
    "MaskedLinear": "masks",
    "MaskedMLP": "masks",
    "MixtureMatching": "alignment",
    "Penalty": "penalty",
    "VREx": "risk",
    "balance": "weights",
    "effective_size": "weights",
    "factorize": "masks",
    "family_table": "canonical",
    "fourier_style_swap": "transforms",
    "pair_consistency": "augmentation",
    "select_augmentations": "augmentation",
    "statement_table": "canonical",
    "statistics_swap": "transforms",
}
__getattr__, __dir__ = lazy_names(__name__, _WHERE)

__all__ = [
    "CASTLE",
    "CIRCE",
    "CORAL",
    "GIN",
    "HSCIC",
    "HSIC",
    "IPA",
    "IRM",
    "MMD",
    "AdditiveHead",
    "BackdoorClassifier",
    "Batch",
    "Bottleneck",
    "CastleNet",
    "ConditionalMMD",
    "ConstrainedClassifier",
    "ConstrainedLoss",
    "ConstraintPlan",
    "CounterfactualPairs",
    "DomainAdversarial",
    "EdgeWeightedLasso",
    "Fishr",
    "GradientAgreement",
    "GroupDRO",
    "InputGradient",
    "LossOutput",
    "MaskedLinear",
    "MaskedMLP",
    "MixtureMatching",
    "Penalty",
    "VREx",
    "balance",
    "effective_size",
    "factorize",
    "family_table",
    "fourier_style_swap",
    "pair_consistency",
    "select_augmentations",
    "statement_table",
    "statistics_swap",
]
