"""Listening to one layer of a model, so that its output can be penalised."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from causalimg.errors import InvalidInputError


class FeatureTap:
    """Keep what one layer of a model put out in the last forward pass.

    Parameters
    ----------
    model : nn.Module
    layer : str
        Its dotted name, such as ``"encoder.pool"``.

    Raises
    ------
    InvalidInputError
        If the model has no such layer, listing those it has.
    """

    def __init__(self, model: nn.Module, layer: str) -> None:
        layers = dict(model.named_modules())
        if layer not in layers:
            raise InvalidInputError(
                f"the model has no layer {layer!r}; it has: {', '.join(n for n in layers if n)}"
            )
        self.value: Tensor | None = None
        self._handle = layers[layer].register_forward_hook(self._keep)
        self._layer = layer

    def _keep(self, module: nn.Module, inputs: Any, output: Any) -> None:
        self.value = output

    def take(self) -> Tensor:
        """Return the last output and forget it."""
        if self.value is None:
            raise InvalidInputError(f"layer {self._layer!r} was not run before the loss")
        value, self.value = self.value, None
        return value

    def close(self) -> None:
        """Stop listening."""
        self._handle.remove()
