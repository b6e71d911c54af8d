"""Names that a package offers and that are imported when they are first used."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def lazy_names(
    package: str, where: Mapping[str, str]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return ``__getattr__`` and ``__dir__`` for a package.

    Parameters
    ----------
    package : str
        Its ``__name__``.
    where : mapping of str to str
        Public name -> module inside the package that defines it; a name that equals the last part
        of its module, and that the module does not define, is the module itself.

    Examples
    --------
    >>> get, names = lazy_names("causalimg", {"Cohort": "tables.cohort", "errors": "errors"})
    >>> get("Cohort").__name__, names()
    ('Cohort', ['Cohort', 'errors'])
    """

    def get(name: str) -> Any:
        if name not in where:
            near = difflib.get_close_matches(name, list(where), n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise AttributeError(f"module {package!r} has no attribute {name!r}{hint}")
        module = import_module(f"{package}.{where[name]}")
        whole = where[name].rsplit(".", 1)[-1] == name
        value = getattr(module, name, module) if whole else getattr(module, name)
        setattr(sys.modules[package], name, value)
        return value

    return get, lambda: sorted(where)
