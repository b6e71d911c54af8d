"""The methods that a study file names: found by the registry, made with the study's settings."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from causalimg.config import DiscoverSection, EffectsSection, StudyConfig
from causalimg.discovery.base import BaseDiscovery
from causalimg.effects.base import EffectEstimator
from causalimg.errors import (
    CausalImgError,
    InvalidInputError,
    NotEstimableError,
    UnknownNameError,
    nearest,
)
from causalimg.graph.knowledge import Knowledge
from causalimg.harmonize import CausalComBat, ComBat
from causalimg.registry import load, names

_GIVEN_DISCOVERY = ("knowledge", "random_state", "alpha")
_GIVEN_EFFECTS = (
    "treatment", "adjustment", "reference", "alpha", "fdr", "cluster", "estimand", "random_state",
)  # fmt: skip
_OBJECTS = ("limits", "propensity_model", "outcome_model")
_ESTIMANDS = ("ate", "att", "atc", "ato")


def discovery_options(method: str) -> tuple[str, ...]:
    """Return what ``[discover.options]`` may hold for a method.

    Examples
    --------
    >>> "penalty_discount" in discovery_options("ges")
    True
    """
    return _options(load("causalimg.discovery", method), _GIVEN_DISCOVERY)


def effect_options(estimator: str) -> tuple[str, ...]:
    """Return what ``[effects.options]`` may hold for an estimator."""
    return _options(_effect_class(estimator), _GIVEN_EFFECTS)


def effect_estimators() -> tuple[str, ...]:
    """Return the registered estimators that a study can use: treatment and adjustment suffice."""
    return tuple(name for name in names("causalimg.effects") if not _unfit(name))


def make_discovery(
    section: DiscoverSection | None, knowledge: Knowledge | None, *, random_state: int | None
) -> BaseDiscovery:
    """Return the discovery method that ``[discover]`` describes.

    Raises
    ------
    UnknownNameError
        Naming the nearest method or option.
    """
    if section is None:
        raise InvalidInputError("the study has no [discover] section")
    kind = load("causalimg.discovery", section.method)
    accepted = _parameters(kind)
    values = _checked(
        section.options, discovery_options(section.method), "[discover.options]", section.method
    )
    if section.alpha is not None:
        if "alpha" not in accepted:
            raise UnknownNameError(
                f"[discover] alpha is no setting of {section.method!r}; its own, under"
                f" [discover.options], are: {', '.join(discovery_options(section.method))}"
            )
        values["alpha"] = section.alpha
    if "random_state" in accepted:
        values["random_state"] = random_state
    made: BaseDiscovery = kind(knowledge=knowledge, **values)
    return made


def make_effects(section: EffectsSection, *, random_state: int | None) -> EffectEstimator:
    """Return the effect estimator that ``[effects]`` describes.

    Raises
    ------
    UnknownNameError, InvalidInputError
        If there is no such estimator, or it needs more than a treatment and an adjustment set.
    """
    kind = _effect_class(section.estimator)
    accepted = _parameters(kind)
    values = _checked(
        section.options, effect_options(section.estimator), "[effects.options]", section.estimator
    )
    if section.estimand is not None:
        if "estimand" not in accepted:
            raise UnknownNameError(
                f"[effects] {section.estimator!r} has one estimand of its own; leave estimand out"
            )
        values["estimand"] = section.estimand
    if "random_state" in accepted:
        values["random_state"] = random_state
    made: EffectEstimator = kind(
        treatment=section.treatment,
        adjustment=list(section.adjustment),
        reference=section.reference,
        alpha=section.alpha,
        fdr=section.fdr,
        cluster=section.cluster,
        **values,
    )
    return made


def make_harmonizer(config: StudyConfig) -> ComBat:
    """Return the harmoniser that ``[harmonize]`` describes.

    Raises
    ------
    InvalidInputError
        If the section asks for none.
    """
    section = config.harmonize
    if section.method == "none" or section.batch is None:
        raise InvalidInputError('the study asks for no harmonisation ([harmonize] method = "none")')
    if section.method == "combat":
        return ComBat(batch=section.batch, covariates=list(section.covariates))
    return CausalComBat(
        batch=section.batch,
        covariates=list(section.covariates),
        on_no_overlap=section.on_no_overlap,
    )


def method_problems(
    config: StudyConfig, *, tried: bool = False, categorical: bool = False
) -> list[tuple[str, str]]:
    """Return what is wrong with the methods that a study names: ``(section, problem)``.

    Parameters
    ----------
    config : StudyConfig
    tried : bool
        Fit them on a small simulated table too, which finds columns and values that a method
        refuses.
    categorical : bool
        The simulated table has a categorical column, as the study has.
    """
    found: list[tuple[str, str]] = []
    discover, effects = config.discover, config.effects
    if discover is not None:
        context = ["t"] if categorical else []
        knowledge = Knowledge(tiers=[["a", "b", *context], ["c", "d"]])
        try:
            method = make_discovery(discover, knowledge, random_state=0)
            if tried and (discover.options or discover.method != "pc"):
                _try(lambda: method.fit(_trial()[[*context, *"abcd"]]))
        except CausalImgError as error:
            found.append(("[discover]", str(error)))
    if effects is not None:
        small = effects.model_copy(
            update={"treatment": "t", "adjustment": ("a",), "reference": None, "cluster": None}
        )
        try:
            estimator = make_effects(small, random_state=0)
            if tried and (effects.options or effects.estimand is not None):
                _try(lambda: estimator.fit(_trial(), outcomes=["c", "d"]))
        except CausalImgError as error:
            found.append(("[effects]", str(error)))
    return found + [("[constraints]", problem) for problem in _plan_problems(config)]


def _plan_problems(config: StudyConfig) -> list[str]:
    section, discover, harmonize = config.constraints, config.discover, config.harmonize
    found: list[str] = []
    if section is None or discover is None:
        return found
    if discover.method == "fci":
        found.append(
            "a PAG, which is what fci gives, does not say which constraints hold; learn the graph"
            " with another method"
        )
    gone = harmonize.batch if harmonize.method != "none" else None
    if gone in (*section.attributes, section.environment) and "discover" in harmonize.stages:
        found.append(
            f"the images still carry {gone!r}, which [harmonize] takes out of the features that the"
            " graph is learned from; leave 'discover' out of its stages"
        )
    return found


def _try(fit: Callable[[], object]) -> None:
    """Fit on a simulated table; what that table cannot answer is not the study's fault."""
    try:
        fit()
    except NotEstimableError:
        return
    except CausalImgError as error:
        raise InvalidInputError(f"{error} (tried on a small simulated table)") from error


def _trial() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.standard_normal((120, 4)), columns=list("abcd"))
    frame["c"] += 0.5 * frame["a"]
    return frame.assign(t=np.where(rng.random(120) < 0.5, "A", "B"))


def _parameters(kind: Any) -> tuple[str, ...]:
    return tuple(inspect.signature(kind).parameters)


def _options(kind: Any, given: Iterable[str]) -> tuple[str, ...]:
    return tuple(name for name in _parameters(kind) if name not in (*given, *_OBJECTS))


def _checked(
    given: Mapping[str, Any], allowed: tuple[str, ...], where: str, method: str
) -> dict[str, Any]:
    for name in given:
        if name not in allowed:
            raise UnknownNameError(
                f"{where} {method!r} has no option {name!r}{nearest(name, allowed)}"
                f" (allowed: {', '.join(allowed)})"
            )
    return dict(given)


def _effect_class(name: str) -> Any:
    if name in _ESTIMANDS:
        raise UnknownNameError(
            f'[effects] {name!r} is an estimand: write estimator = "aipw" and estimand = "{name}"'
        )
    kind = load("causalimg.effects", name)
    reason = _unfit(name)
    if reason:
        raise InvalidInputError(
            f"[effects] estimator {name!r} {reason}; a study can use: "
            + ", ".join(effect_estimators())
        )
    return kind


def _unfit(name: str) -> str:
    """Say why a registered estimator cannot be used from a study file; empty if it can."""
    kind = load("causalimg.effects", name)
    if not (isinstance(kind, type) and issubclass(kind, EffectEstimator)):
        return "gives no table of effects between levels of a treatment"
    signature = inspect.signature(kind).parameters
    needed = [n for n, p in signature.items() if p.default is inspect.Parameter.empty]
    more = [n for n in needed if n not in ("treatment", "adjustment")]
    if more:
        return f"needs {', '.join(more)} too, and is used from Python"
    return "" if "adjustment" in needed else "does not adjust for covariates"
