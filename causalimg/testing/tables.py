"""The simulated tables that the checks fit: what is true of them is known."""

from __future__ import annotations

import numpy as np
import pandas as pd

from causalimg.errors import InvalidInputError

KINDS = ("numbers", "categories", "mixed")
EFFECTS = {"B - A": 0.5, "+1 dose": 0.2}


def discovery_table(n: int = 600, *, columns: int = 4, random_state: int = 0) -> pd.DataFrame:
    """Return the table that `check_discovery` fits, with an easy and known graph.

    Four columns: ``kernel -> noise <- dose`` and ``noise -> texture``; linear, every noise term
    exponential with variance 1, so that independence tests, scores, non-Gaussianity and the scale
    all give every arrow. Two columns: ``dose -> noise``, nonlinear.

    Parameters
    ----------
    n : int
    columns : {4, 2}
    random_state : int

    Returns
    -------
    pandas.DataFrame, shape (n, columns)

    Examples
    --------
    >>> list(discovery_table(20))
    ['kernel', 'dose', 'noise', 'texture']
    """
    rng = np.random.default_rng(random_state)
    if columns == 2:
        dose = rng.uniform(-2, 2, n)
        return pd.DataFrame({"dose": dose, "noise": np.exp(dose) + rng.normal(size=n)})
    if columns != 4:
        raise InvalidInputError(f"columns={columns!r}: 4, or 2 for a method of pairs")
    kernel, dose, own, last = rng.exponential(size=(4, n)) - 1
    noise = kernel + dose + own
    return pd.DataFrame({"kernel": kernel, "dose": dose, "noise": noise, "texture": noise + last})


def independence_table(
    kind: str, n: int = 150, *, dependent: bool = False, random_state: int | list[int] = 0
) -> pd.DataFrame:
    """Return a table in which ``x`` and ``y`` share the cause ``z``, and ``w`` stands alone.

    x and y are dependent, and independent given z; with ``dependent`` x also acts on y.

    Parameters
    ----------
    kind : {"numbers", "categories", "mixed"}
        Linear with normal noise; three, two and three levels; x a number, y and z text.
    n : int
    dependent : bool
    random_state : int or list of int

    Returns
    -------
    pandas.DataFrame, shape (n, 4)

    Examples
    --------
    >>> list(independence_table("mixed", 20))
    ['x', 'y', 'z', 'w']
    """
    rng = np.random.default_rng(random_state)
    if kind == "numbers":
        z, x, y, w = rng.normal(size=(4, n))
        x = x + z
        return pd.DataFrame({"x": x, "y": y - z + 0.8 * dependent * x, "z": z, "w": w})
    if kind not in KINDS:
        raise InvalidInputError(f"kind={kind!r} is not one of {', '.join(map(repr, KINDS))}")
    z = rng.integers(0, 2, n)
    y = np.where(rng.random(n) < 0.5, z, rng.integers(0, 3, n))
    if kind == "categories":
        x = np.where(rng.random(n) < 0.5, z, rng.integers(0, 2, n))
        y = np.where(rng.random(n) < 0.6 * dependent, x, y)
        x = np.array([f"x{k}" for k in x])
    else:
        x = 0.8 * z + 1.2 * dependent * (y == 1) + rng.normal(size=n)
    w = (
        rng.normal(size=n)
        if kind == "mixed"
        else np.array([f"w{k}" for k in rng.integers(0, 2, n)])
    )
    text = {name: np.array([f"{name}{k}" for k in v]) for name, v in (("y", y), ("z", z))}
    return pd.DataFrame({"x": x, **text, "w": w})


def trial_table(n: int = 400, *, outcomes: int = 20, random_state: int | list[int] = 0) -> (
    pd.DataFrame
):  # fmt: skip
    """Return a table in which the scanner and the dose were assigned by chance.

    Columns ``case_id``; ``scanner`` (A or B, half each), ``dose`` (a number), ``protocol`` (thin
    or thick, an instrument: it moves the scanner and nothing else; three quarters comply),
    ``sharpness`` (a mediator: all that the scanner does to an outcome goes through it), ``age`` (a
    number) and ``sex``, on which the outcomes depend, and ``feature_000`` ...: every feature is
    0.5 higher on scanner B and 0.2 higher for one unit of dose.

    Parameters
    ----------
    n : int
    outcomes : int
    random_state : int or list of int

    Examples
    --------
    >>> list(trial_table(4, outcomes=1))
    ['case_id', 'scanner', 'dose', 'protocol', 'sharpness', 'age', 'sex', 'feature_000']
    """
    rng = np.random.default_rng(random_state)
    thick = rng.random(n) < 0.5
    b = np.where(rng.random(n) < 0.5, thick, rng.random(n) < 0.5)
    dose = rng.normal(size=n)
    age, male = rng.normal(60, 10, n), rng.random(n) < 0.5
    slope = rng.uniform(-1, 1, (2, outcomes))
    sharpness = b + 0.5 * rng.normal(size=n)
    cause = EFFECTS["B - A"] * sharpness + EFFECTS["+1 dose"] * dose
    values = cause[:, None] + np.column_stack([(age - 60) / 10, male]) @ slope
    values += rng.normal(size=(n, outcomes))
    known = {
        "case_id": [f"P{k:04d}" for k in range(n)],
        "scanner": np.where(b, "B", "A"),
        "dose": dose,
        "protocol": np.where(thick, "thick", "thin"),
        "sharpness": sharpness,
        "age": age,
        "sex": np.where(male, "M", "F"),
    }
    features = {f"feature_{k:03d}": values[:, k] for k in range(outcomes)}
    return pd.DataFrame({**known, **features})


def feature_names(table: pd.DataFrame) -> list[str]:
    """Return the outcomes of a trial table."""
    return [str(name) for name in table if str(name).startswith("feature_")]
