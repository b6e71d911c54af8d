"""Settings by name, as scikit-learn's ``clone`` expects them."""

from __future__ import annotations

import inspect
from typing import Any, Self

from causalimg.effects.diagnostics import OverlapLimits
from causalimg.errors import UnknownNameError, nearest


class Parametrised:
    """`get_params` and `set_params` from the keyword-only arguments of ``__init__``."""

    @classmethod
    def _parameter_names(cls) -> tuple[str, ...]:
        return tuple(name for name in inspect.signature(cls.__init__).parameters if name != "self")

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the settings, as scikit-learn's ``clone`` expects."""
        return {name: getattr(self, name) for name in self._parameter_names()}

    def set_params(self, **params: Any) -> Self:
        """Change settings by name; an unknown name is an error with the nearest known one."""
        for name, value in params.items():
            if name not in self._parameter_names():
                raise UnknownNameError(
                    f"{type(self).__name__} has no setting {name!r}"
                    f"{nearest(name, self._parameter_names())}"
                    f" (settings: {', '.join(self._parameter_names())})"
                )
            setattr(self, name, value)
        return self

    def settings(self) -> dict[str, Any]:
        """Return the settings as plain values, for provenance."""
        return {
            name: vars(value)
            if isinstance(value, OverlapLimits)
            else repr(value)
            if hasattr(value, "fit")
            else value
            for name, value in self.get_params().items()
        }

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={value!r}" for name, value in self.get_params().items())
        return f"{type(self).__name__}({shown})"
