"""What scikit-learn asks of a step of its pipelines, without importing scikit-learn."""

from __future__ import annotations

from typing import Any


class PipelineStep:
    """Tags of a transformer of tables, made when scikit-learn asks for them."""

    def __sklearn_tags__(self) -> Any:
        from sklearn.utils import InputTags, Tags, TargetTags, TransformerTags

        return Tags(
            estimator_type="transformer",
            target_tags=TargetTags(required=False),
            transformer_tags=TransformerTags(),
            input_tags=InputTags(two_d_array=True, string=True, categorical=True),
        )
