"""Listening to a layer of a model, so that its output or its input can be penalised."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from causalimg.errors import InvalidInputError


def find_layer(model: nn.Module, name: str) -> nn.Module:
    """Return a layer by its dotted name."""
    layers: dict[str, nn.Module] = dict(model.named_modules())
    if name not in layers:
        raise InvalidInputError(
            f"the model has no layer {name!r}; it has: {', '.join(n for n in layers if n)}"
        )
    return layers[name]


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
        self.value: Tensor | None = None
        self._handle = find_layer(model, layer).register_forward_hook(self._keep)
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


class InputTap:
    """Keep what went into one layer of a model in the last forward pass, with its gradient.

    Parameters
    ----------
    model : nn.Module
    layer : str
        Its dotted name; empty for the model itself.

    Raises
    ------
    InvalidInputError
        If the model has no such layer, listing those it has.
    """

    def __init__(self, model: nn.Module, layer: str) -> None:
        self.value: Tensor | None = None
        self._handle = find_layer(model, layer).register_forward_pre_hook(self._keep)
        self._layer = layer

    def _keep(self, module: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        first, *rest = inputs
        if not first.requires_grad:
            first = first.detach().requires_grad_(True)
        self.value = first
        return (first, *rest)

    def take(self) -> Tensor:
        """Return the last input and forget it."""
        if self.value is None:
            raise InvalidInputError(f"layer {self._layer!r} was not run before the loss")
        value, self.value = self.value, None
        return value

    def close(self) -> None:
        """Stop listening."""
        self._handle.remove()
