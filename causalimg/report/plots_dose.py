"""The figure of a dose: the mean outcome that all cases would have at each dose."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from causalimg.effects.dose import DoseResponse
from causalimg.errors import InvalidInputError, UnknownNameError, nearest
from causalimg.report.style import PALETTE, axes, shorten, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def dose_response(
    fitted: DoseResponse,
    outcome: str,
    *,
    low: float,
    high: float,
    n_points: int = 60,
    ax: Axes | None = None,
) -> Axes:
    """Draw the mean outcome over a range of doses, with its pointwise interval.

    Parameters
    ----------
    fitted : DoseResponse
        After ``fit``.
    outcome : str
    low, high : float
        Ends of the range, inside the doses that were seen.
    n_points : int
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    InvalidInputError
        If nothing was fitted, or the range is empty or outside the doses that were seen.
    UnknownNameError
        If the outcome was not fitted.

    Examples
    --------
    >>> import pandas as pd
    >>> rng = np.random.default_rng(0)
    >>> dose = rng.normal(100, 10, 300)
    >>> table = pd.DataFrame({"dose": dose, "noise": -0.02 * dose + rng.normal(0, 0.5, 300)})
    >>> fitted = DoseResponse(treatment="dose", adjustment=[]).fit(table, ["noise"])
    >>> dose_response(fitted, "noise", low=90, high=110).get_xlabel()
    'dose'
    """
    if not hasattr(fitted, "outcomes_"):
        raise InvalidInputError("nothing was fitted: call fit(frame, outcomes) first")
    known = tuple(fitted.outcomes_)
    if outcome not in known:
        raise UnknownNameError(
            f"no outcome {outcome!r}{nearest(outcome, known)} was fitted"
            f" (outcomes: {', '.join(known[:12])}{', ...' if len(known) > 12 else ''})"
        )
    if not low < high or n_points < 2:
        raise InvalidInputError(
            f"a curve from low={low:g} to high={high:g} in n_points={n_points} points is empty"
        )
    rows = fitted.response([float(dose) for dose in np.linspace(low, high, n_points)])
    rows = rows[rows["outcome"] == outcome]
    with style():
        ax = axes(ax, (4.8, 3.3))
        ax.fill_between(rows["dose"], rows["ci_low"], rows["ci_high"], lw=0,
                        color=PALETTE["orange-soft"])  # fmt: skip
        ax.plot(rows["dose"], rows["estimate"], color=PALETTE["orange"])
        ax.set_xlim(low, high)
        ax.set_xlabel(shorten(fitted.treatment, 40)).set_parse_math(False)
        ax.set_ylabel(f"mean {shorten(outcome, 36)} of all cases").set_parse_math(False)
    return ax
