"""Plug-ins by entry point: extractors, independence tests, scores, discovery, effects, plots."""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points
from typing import Any

from causalimg.errors import MissingDependencyError, UnknownNameError, nearest

GROUPS = (
    "causalimg.extractors",
    "causalimg.ci_tests",
    "causalimg.scores",
    "causalimg.discovery",
    "causalimg.effects",
    "causalimg.plots",
)


def _points(group: str) -> dict[str, EntryPoint]:
    if group not in GROUPS:
        raise UnknownNameError(
            f"no plug-in group {group!r}{nearest(group, GROUPS)} (groups: {', '.join(GROUPS)})"
        )
    return {point.name: point for point in entry_points(group=group)}


def names(group: str) -> tuple[str, ...]:
    """Return the names registered in a group, the package's own and third parties'."""
    return tuple(sorted(_points(group)))


def load(group: str, name: str) -> Any:
    """Import what is registered under a name.

    Raises
    ------
    UnknownNameError
        If nothing has that name; the message lists what there is.
    MissingDependencyError
        If the group is empty, so the package runs without being installed.
    """
    found = _points(group)
    if not found:
        raise MissingDependencyError(
            f"nothing is registered in {group!r}: causalimg is imported from a folder without"
            " being installed; run 'pip install -e .' in the source folder"
        )
    if name not in found:
        raise UnknownNameError(
            f"{group} has no {name!r}{nearest(name, found)} (there are: {', '.join(sorted(found))})"
        )
    return found[name].load()
