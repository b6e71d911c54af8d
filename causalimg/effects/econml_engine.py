"""Effects that vary with covariates, by econml: one outcome at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from causalimg.effects.design import build_design
from causalimg.effects.multiplicity import check_choice
from causalimg.effects.outcomes import read_outcomes
from causalimg.errors import InvalidInputError, MissingDependencyError

Array = NDArray[np.float64]

METHODS = ("LinearDML", "DRLearner", "CausalForestDML")


def econml_effects(
    frame: pd.DataFrame,
    outcomes: Sequence[str],
    *,
    treatment: str,
    adjustment: Sequence[str],
    modifiers: Sequence[str],
    method: str = "LinearDML",
    reference: str | None = None,
    alpha: float = 0.05,
    random_state: int | None = 0,
) -> pd.DataFrame:
    """Estimate every case's effect with econml, and its mean.

    Parameters
    ----------
    frame : pandas.DataFrame
    outcomes : sequence of str
        Columns without missing values.
    treatment : str
    adjustment, modifiers : sequence of str
        Effects vary with the modifiers; the rest of the adjustment set is adjusted for only.
    method : {"LinearDML", "DRLearner", "CausalForestDML"}
        econml's classes with their own default models (``DRLearner``: ``LinearDRLearner``).
    reference : str, optional
    alpha : float, default=0.05
    random_state : int or None, default=0

    Returns
    -------
    pandas.DataFrame
        ``outcome, contrast, estimate, ci_low, ci_high`` (the mean effect over the cases),
        ``spread`` (standard deviation of the cases' effects) and one column per modifier: the
        correlation of the effect with it.

    Raises
    ------
    MissingDependencyError
        Without econml.

    Notes
    -----
    Assumptions: no unmeasured confounding given the adjustment set, overlap. econml cross-fits and
    has no cluster-robust standard errors.

    References
    ----------
    Chernozhukov et al. (2018). doi:10.1111/ectj.12097
    Athey, Tibshirani, Wager (2019). doi:10.1214/18-AOS1709

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> table = pd.DataFrame({"age": rng.normal(size=400)})
    >>> table["scanner"] = np.where(rng.random(400) < 0.5, "A", "B")
    >>> table["contrast"] = 1.0 * (table["scanner"] == "B") + rng.normal(size=400)
    >>> columns = {"treatment": "scanner", "adjustment": ["age"], "modifiers": ["age"]}
    >>> import warnings
    >>> from importlib.util import find_spec
    >>> if find_spec("econml"):  # pip install "causalimg[engines]"
    ...     with warnings.catch_warnings():
    ...         warnings.simplefilter("ignore", FutureWarning)  # econml's, of scikit-learn
    ...         found = econml_effects(table, ["contrast"], **columns)
    ...     assert abs(found.loc[0, "estimate"] - 1.0) < 0.4
    """
    check_choice(method, METHODS, "method")
    try:
        import econml.dml
        import econml.dr
    except ImportError as error:
        raise MissingDependencyError(
            "engine='econml' needs econml: pip install 'causalimg[engines]'"
        ) from error
    design = build_design(frame, treatment=treatment, adjustment=adjustment, reference=reference)
    outside = [name for name in modifiers if name not in list(adjustment)]
    if outside or not len(modifiers):
        raise InvalidInputError("modifiers must be a list of columns of the adjustment set")
    own = np.isin(np.array(design.source), [str(name) for name in modifiers])
    names = [name for name, kept in zip(design.names, own, strict=True) if kept]
    x, rest = design.matrix[:, 1:][:, own], design.matrix[:, 1:][:, ~own]
    roles = {treatment: "the treatment", **dict.fromkeys(map(str, adjustment), "a covariate")}
    read = read_outcomes(frame, outcomes, reserved=roles)
    rows = []
    for k, outcome in enumerate(read.names):
        if outcome in read.problems or np.isnan(read.values[:, k]).any():
            raise InvalidInputError(
                f"outcome {outcome!r} cannot be given to econml:"
                f" {read.problems.get(outcome, 'missing values')}"
            )
        if method == "DRLearner":
            model = econml.dr.LinearDRLearner(random_state=random_state)
        elif method == "LinearDML":
            model = econml.dml.LinearDML(discrete_treatment=True, random_state=random_state)
        else:
            model = econml.dml.CausalForestDML(discrete_treatment=True, random_state=random_state)
        model.fit(read.values[:, k], design.codes, X=x, W=rest if rest.shape[1] else None)
        for level in range(1, len(design.levels)):
            effect = np.ravel(model.effect(x, T0=0, T1=level))
            low, high = model.ate_interval(x, T0=0, T1=level, alpha=alpha)
            varies = effect.std() > 1e-12
            rows.append(
                {
                    "outcome": outcome,
                    "contrast": f"{design.levels[level]} - {design.levels[0]}",
                    "estimate": float(np.mean(effect)),
                    "ci_low": float(np.ravel(low)[0]),
                    "ci_high": float(np.ravel(high)[0]),
                    "spread": float(effect.std()),
                    **{
                        name: float(np.corrcoef(effect, x[:, j])[0, 1]) if varies else 0.0
                        for j, name in enumerate(names)
                    },
                }
            )
    return pd.DataFrame(rows)


def linear_dr_coefficients(
    outcomes: Array,
    codes: NDArray[np.intp],
    modifiers: Array,
    others: Array,
    *,
    outcome_model: Any = None,
    propensity_model: Any = None,
    n_folds: int = 2,
    random_state: int | None = 0,
) -> list[tuple[Array, Array]]:
    """Fit econml's LinearDRLearner to each outcome.

    Parameters
    ----------
    outcomes : ndarray of shape (n_samples, n_outcomes)
    codes : ndarray of int, shape (n_samples,)
        Treatment level, 0 for the reference.
    modifiers : ndarray of shape (n_samples, n_modifiers)
    others : ndarray of shape (n_samples, n_columns)
        Adjusted for only; may have no column.
    outcome_model, propensity_model : regressor and classifier, optional
        econml chooses by default.
    n_folds : int
        At least 2 are used.
    random_state : int or None

    Returns
    -------
    list of (coefficients, errors)
        One pair per level but the reference, each of shape (1 + n_modifiers, n_outcomes), the
        intercept first.

    Raises
    ------
    MissingDependencyError
        Without econml.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> codes, age = rng.integers(0, 2, 400), rng.normal(size=(400, 1))
    >>> y = codes[:, None] * (1 + age) + rng.normal(size=(400, 1))
    >>> from importlib.util import find_spec
    >>> from sklearn.linear_model import LinearRegression, LogisticRegression
    >>> models = {"outcome_model": LinearRegression(), "propensity_model": LogisticRegression()}
    >>> if find_spec("econml"):  # pip install "causalimg[engines]"
    ...     found = linear_dr_coefficients(y, codes, age, age[:, :0], **models)
    ...     [(coefficients, errors)] = found
    ...     assert coefficients.shape == (2, 1) and np.abs(coefficients - 1).max() < 0.4
    """
    try:
        from econml.dr import LinearDRLearner
    except ImportError as error:
        raise MissingDependencyError(
            "engine='econml' needs econml: pip install 'causalimg[engines]'"
        ) from error
    size = (1 + modifiers.shape[1], outcomes.shape[1])
    found = [(np.empty(size), np.empty(size)) for _ in range(int(codes.max()))]
    for k, outcome in enumerate(outcomes.T):
        model = LinearDRLearner(
            model_regression="auto" if outcome_model is None else outcome_model,
            model_propensity="auto" if propensity_model is None else propensity_model,
            cv=max(n_folds, 2),
            random_state=random_state,
        )
        model.fit(outcome, codes, X=modifiers, W=others if others.shape[1] else None)
        for level, (beta, spread) in enumerate(found, start=1):
            middle = model.intercept__inference(T=level)
            slopes = model.coef__inference(T=level)
            beta[0, k], beta[1:, k] = middle.point_estimate, np.ravel(slopes.point_estimate)
            spread[0, k], spread[1:, k] = middle.stderr, np.ravel(slopes.stderr)
    return found
