"""From a causal graph to training constraints: plans and weights without torch, losses with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from causalimg.lazy import lazy_names

if TYPE_CHECKING:
    from causalimg.training.adversarial import DomainAdversarial
    from causalimg.training.agreement import AndMask, GradientAgreement
    from causalimg.training.alignment import CORAL, MMD, ConditionalMMD, MixtureMatching
    from causalimg.training.augmentation import pair_consistency, select_augmentations
    from causalimg.training.backdoor import BackdoorClassifier
    from causalimg.training.canonical import family_table, statement_table
    from causalimg.training.check import check_penalty
    from causalimg.training.constraint import Constraint, Mask, Transform, Weights
    from causalimg.training.dependence import CIRCE, HSCIC, HSIC
    from causalimg.training.feature_set import FeatureSet
    from causalimg.training.group_dro import GroupDRO
    from causalimg.training.leave_out import (
        LeaveOneOut,
        invariant_models,
        leave_one_environment_out,
    )
    from causalimg.training.masks import AdditiveHead, MaskedLinear, MaskedMLP, factorize
    from causalimg.training.model_features import used_features
    from causalimg.training.objective import ConstrainedLoss, LossOutput
    from causalimg.training.pairs import BatchSwap, CounterfactualPairs, PhantomLooks
    from causalimg.training.penalty import Batch, Penalty
    from causalimg.training.plan import ConstraintPlan
    from causalimg.training.risk import IRM, Bottleneck, Fishr, VREx
    from causalimg.training.structure import CASTLE, CastleNet, EdgeWeightedLasso, InputGradient
    from causalimg.training.tabular import ConstrainedClassifier
    from causalimg.training.transforms import GIN, IPA, fourier_style_swap, statistics_swap
    from causalimg.training.weights import balance, effective_size

_WHERE = {
    "AdditiveHead": "masks",
    "AndMask": "agreement",
    "BackdoorClassifier": "backdoor",
    "Batch": "penalty",
    "BatchSwap": "pairs",
    "Bottleneck": "risk",
    "CASTLE": "structure",
    "CIRCE": "dependence",
    "CORAL": "alignment",
    "CastleNet": "structure",
    "ConditionalMMD": "alignment",
    "ConstrainedClassifier": "tabular",
    "ConstrainedLoss": "objective",
    "Constraint": "constraint",
    "ConstraintPlan": "plan",
    "CounterfactualPairs": "pairs",
    "DomainAdversarial": "adversarial",
    "EdgeWeightedLasso": "structure",
    "FeatureSet": "feature_set",
    "Fishr": "risk",
    "GIN": "transforms",
    "GradientAgreement": "agreement",
    "GroupDRO": "group_dro",
    "HSCIC": "dependence",
    "HSIC": "dependence",
    "IPA": "transforms",
    "IRM": "risk",
    "InputGradient": "structure",
    "LeaveOneOut": "leave_out",
    "LossOutput": "objective",
    "MMD": "alignment",
    "Mask": "constraint",
    "MaskedLinear": "masks",
    "MaskedMLP": "masks",
    "MixtureMatching": "alignment",
    "Penalty": "penalty",
    "PhantomLooks": "pairs",
    "Transform": "constraint",
    "VREx": "risk",
    "Weights": "constraint",
    "balance": "weights",
    "check_penalty": "check",
    "effective_size": "weights",
    "factorize": "masks",
    "family_table": "canonical",
    "fourier_style_swap": "transforms",
    "invariant_models": "leave_out",
    "leave_one_environment_out": "leave_out",
    "pair_consistency": "augmentation",
    "select_augmentations": "augmentation",
    "statement_table": "canonical",
    "statistics_swap": "transforms",
    "used_features": "model_features",
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
    "AndMask",
    "BackdoorClassifier",
    "Batch",
    "BatchSwap",
    "Bottleneck",
    "CastleNet",
    "ConditionalMMD",
    "ConstrainedClassifier",
    "ConstrainedLoss",
    "Constraint",
    "ConstraintPlan",
    "CounterfactualPairs",
    "DomainAdversarial",
    "EdgeWeightedLasso",
    "FeatureSet",
    "Fishr",
    "GradientAgreement",
    "GroupDRO",
    "InputGradient",
    "LeaveOneOut",
    "LossOutput",
    "Mask",
    "MaskedLinear",
    "MaskedMLP",
    "MixtureMatching",
    "Penalty",
    "PhantomLooks",
    "Transform",
    "VREx",
    "Weights",
    "balance",
    "check_penalty",
    "effective_size",
    "factorize",
    "family_table",
    "fourier_style_swap",
    "invariant_models",
    "leave_one_environment_out",
    "pair_consistency",
    "select_augmentations",
    "statement_table",
    "statistics_swap",
    "used_features",
]
