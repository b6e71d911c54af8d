"""Who is who in a graph: outcome, environment, attributes, image, content."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from causalimg.errors import InvalidInputError, UnknownNameError, nearest

DIRECTIONS = ("anticausal", "causal")
Edges = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Roles:
    """Who is who in the graph.

    Parameters
    ----------
    outcome : str
        What the model predicts.
    environment : str, optional
        Site, scanner batch ...: what differs between training and use.
    attributes : tuple of str
        Observed variables that may leave a trace in the image (scanner, marker, sex).
    image : str or tuple of str, optional
        The node that is the image, or the features measured from it. By default the node
        ``image``; without one, every node that has no other role is a measured feature.
    content : str, optional
        The node that is the part of the image about the outcome. By default it is inserted.
    direction : {"anticausal", "causal"}, optional
        For the inserted content: the outcome causes it (a disease shows), or it causes the
        outcome (an annotator reads it). By default read from the edges between outcome and image.
    selection : tuple of str
        Nodes that decided who is in the data; always conditioned on.
    observed : tuple of str
        Further measured variables (age, sex) that a statement may condition on.
    spurious : tuple of (cause, effect)
        Edges that do not count when asking whether an attribute causes the outcome.
    """

    outcome: str
    environment: str | None = None
    attributes: Sequence[str] = ()
    image: str | tuple[str, ...] | None = None
    content: str | None = None
    direction: str | None = None
    selection: Sequence[str] = ()
    observed: Sequence[str] = ()
    spurious: Edges = ()

    def __post_init__(self) -> None:
        for name in ("attributes", "selection", "observed"):
            value = getattr(self, name)
            if isinstance(value, str):
                raise InvalidInputError(f"{name}={value!r} must be a list of names, not one text")
            object.__setattr__(self, name, tuple(value))
        if self.image is not None and not isinstance(self.image, str):
            object.__setattr__(self, "image", tuple(self.image))
        object.__setattr__(self, "spurious", tuple((a, b) for a, b in self.spurious))
        if self.direction is not None and self.direction not in DIRECTIONS:
            raise InvalidInputError(
                f"direction={self.direction!r}{nearest(str(self.direction), DIRECTIONS)} must be"
                " 'anticausal' (the outcome causes what the image shows of it), 'causal' (what the"
                " image shows causes the outcome) or None"
            )
        if self.content is not None and self.direction is not None:
            raise InvalidInputError(
                f"content={self.content!r} is a node of the graph, which already says its"
                " direction: leave direction out"
            )
        self._check_apart()

    def _check_apart(self) -> None:
        named = [self.outcome, self.environment, self.content]
        images = (self.image,) if isinstance(self.image, str) else self.image or ()
        names = [n for n in named if n is not None]
        names += [*self.attributes, *images, *self.selection, *self.observed]
        twice = sorted({n for n in names if names.count(n) > 1})
        if twice:
            raise InvalidInputError(
                f"{twice} have more than one role among outcome, environment, content, attributes,"
                " image, selection and observed: give each node one"
            )

    def check(self, nodes: Sequence[str]) -> None:
        """Raise `UnknownNameError` naming the roles that the graph lacks."""
        single = (self.outcome, self.environment, self.content)
        images = (self.image,) if isinstance(self.image, str) else self.image or ()
        wanted = chain(
            (n for n in single if n is not None),
            self.attributes,
            images,
            self.selection,
            self.observed,
            chain.from_iterable(self.spurious),
        )
        for name in wanted:
            if name not in nodes:
                raise UnknownNameError(
                    f"the graph has no node {name!r}{nearest(name, nodes)} (nodes:"
                    f" {', '.join(nodes[:12])}{' ...' if len(nodes) > 12 else ''})"
                )

    def features(self, nodes: Sequence[str]) -> tuple[str, ...]:
        """Return the measured features that stand for the image; empty if a node is the image."""
        if isinstance(self.image, tuple):
            return self.image
        if self.image is not None or "image" in nodes:
            return ()
        taken = {self.outcome, self.environment, self.content, *self.attributes}
        taken |= {*self.selection, *self.observed}
        return tuple(node for node in nodes if node not in taken)

    def to_dict(self) -> dict[str, Any]:
        """Return the roles as JSON types."""
        image = list(self.image) if isinstance(self.image, tuple) else self.image
        return {
            "outcome": self.outcome,
            "environment": self.environment,
            "attributes": list(self.attributes),
            "image": image,
            "content": self.content,
            "direction": self.direction,
            "selection": list(self.selection),
            "observed": list(self.observed),
            "spurious": [list(edge) for edge in self.spurious],
        }

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Roles:
        """Rebuild the roles from `to_dict`."""
        return cls(**{name: document[name] for name in cls.__dataclass_fields__})
