"""Models that hold their risk down in every environment, judged on one that they never saw."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import clone

from causalimg.errors import InvalidInputError, NotEstimableError, check_columns
from causalimg.parallel import Failure, ordered_map
from causalimg.training.risk import IRM, VREx
from causalimg.training.tabular import ConstrainedClassifier

COLUMNS = ("model", "held_out", "n", "log_loss", "accuracy", "auc")


@dataclass(frozen=True, eq=False)
class LeaveOneOut:
    """The risk of each model in each environment, trained on the others.

    Parameters
    ----------
    table : pandas.DataFrame
        One row per model and environment: ``model, held_out, n, log_loss, accuracy, auc`` (area
        under the ROC curve; NaN where the environment has one class, or with more than two).
    outcome, environment : str

    Examples
    --------
    >>> rows = [["plain", "a", 50, 0.7, 0.6, 0.6], ["plain", "b", 50, 0.9, 0.5, 0.5]]
    >>> LeaveOneOut(pd.DataFrame(rows, columns=COLUMNS), "y", "site")
    LeaveOneOut(1 models, 'site' left out in turn; smallest worst log loss 0.900: plain)
    """

    table: pd.DataFrame
    outcome: str
    environment: str

    def to_frame(self) -> pd.DataFrame:
        """Return one row per model and held-out environment."""
        return self.table.copy()

    def worst(self) -> pd.DataFrame:
        """Return one row per model: its worst environment, the smallest risk first.

        Columns: ``model, worst_environment, worst_log_loss, mean_log_loss, worst_accuracy,
        worst_auc``.
        """
        rows = []
        for model, part in self.table.groupby("model", sort=False):
            at = int(part["log_loss"].to_numpy().argmax())
            rows.append(
                {
                    "model": model,
                    "worst_environment": part["held_out"].iloc[at],
                    "worst_log_loss": part["log_loss"].max(),
                    "mean_log_loss": part["log_loss"].mean(),
                    "worst_accuracy": part["accuracy"].min(),
                    "worst_auc": part["auc"].min(),
                }
            )
        found = pd.DataFrame(rows).sort_values("worst_log_loss", kind="stable")
        return found.reset_index(drop=True)

    def __repr__(self) -> str:
        best = self.worst().iloc[0]
        return (
            f"LeaveOneOut({self.table['model'].nunique()} models, {self.environment!r} left out in"
            f" turn; smallest worst log loss {best['worst_log_loss']:.3f}: {best['model']})"
        )

    def _repr_html_(self) -> str:
        table: str = self.worst().round(3).to_html(index=False, border=0)
        return table


def invariant_models(
    environment: str,
    *,
    hidden: Sequence[int] = (16,),
    weight: float = 100.0,
    n_steps: int = 400,
    random_state: int = 0,
) -> dict[str, ConstrainedClassifier]:
    """Return plain, IRM, V-REx and group-DRO classifiers, each linear and as a small network.

    Parameters
    ----------
    environment : str
        The variable whose environments are compared.
    hidden : sequence of int
        Units of the network's hidden layers.
    weight : float
        Of the penalties of IRM and V-REx, from half of the steps on.
    n_steps : int
    random_state : int

    Notes
    -----
    Assumptions: outcome and environment are independent given what the model should use; which
    graphs say so, `ConstraintPlan` tells (``risk_invariance``). Group DRO assumes that the
    environment to come is a mixture of those seen.

    References
    ----------
    Arjovsky et al. (2019). doi:10.48550/arXiv.1907.02893. Krueger et al. (2021).
    doi:10.48550/arXiv.2003.00688. Sagawa et al. (2020). doi:10.48550/arXiv.1911.08731

    Examples
    --------
    >>> list(invariant_models("site"))[:4]
    ['linear, plain', 'linear, IRM', 'linear, V-REx', 'linear, group DRO']
    """
    later: dict[str, Any] = {"schedule": "switch", "ramp": n_steps // 2, "reset": True}
    ways: dict[str, dict[str, Any]] = {
        "plain": {},
        "IRM": {"penalties": [(weight, IRM(environment, split=False))], **later},
        "V-REx": {"penalties": [(weight, VREx(environment))], **later},
        "group DRO": {"group_dro": environment},
    }
    return {
        f"{shape}, {way}": ConstrainedClassifier(
            hidden=units, n_steps=n_steps, batch_size=0, random_state=random_state, **settings
        )
        for shape, units in (("linear", ()), ("network", tuple(hidden)))
        for way, settings in ways.items()
    }


def leave_one_environment_out(
    frame: pd.DataFrame,
    *,
    features: Sequence[str],
    outcome: str,
    environment: str,
    models: Mapping[str, Any] | None = None,
    n_jobs: int = 1,
) -> LeaveOneOut:
    """Train models on all environments but one and judge them there, each environment in turn.

    Parameters
    ----------
    frame : pandas.DataFrame
        One row per case; complete in the columns named.
    features : sequence of str
        Numbers.
    outcome : str
        Two classes or more.
    environment : str
        Site, scanner ...
    models : mapping of str to classifier, optional
        scikit-learn classifiers with ``predict_proba``; one whose ``fit`` takes ``variables`` is
        given the environment. By default `invariant_models`.
    n_jobs : int
        Environments at a time.

    Raises
    ------
    NotEstimableError
        With fewer than three environments, so that training would see one only; or if a class is
        seen nowhere but in the environment left out.
    InvalidInputError
        For missing values.

    Notes
    -----
    Assumptions: the environment to come differs from those seen as they differ from each other.
    The setting of a model (its penalty's weight) is not chosen here: choose it inside the training
    environments, or the risk reported is too small.

    References
    ----------
    Gulrajani I, Lopez-Paz D. In search of lost domain generalization. ICLR 2021.
    doi:10.48550/arXiv.2007.01434

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> y = rng.integers(0, 2, 300); site = np.repeat(["a", "b", "c"], 100)
    >>> frame = pd.DataFrame({"energy": y + rng.normal(size=300), "y": y, "site": site})
    >>> from sklearn.linear_model import LogisticRegression
    >>> found = leave_one_environment_out(
    ...     frame, features=["energy"], outcome="y", environment="site",
    ...     models={"logistic": LogisticRegression()},
    ... )
    >>> found.to_frame()["held_out"].tolist(), bool(found.worst()["worst_auc"][0] > 0.6)
    (['a', 'b', 'c'], True)
    """
    names = [str(name) for name in features]
    check_columns(frame, [*names, outcome, environment], "leave_one_environment_out")
    used = frame[[*names, outcome, environment]]
    missing = used.columns[used.isna().any()].tolist()
    if missing:
        raise InvalidInputError(f"missing values in {missing}: impute them or drop the rows")
    levels = sorted(used[environment].unique(), key=str)
    if len(levels) < 3:
        raise NotEstimableError(
            f"{environment!r} has {len(levels)} environments; with one left out, comparing"
            " environments in training needs at least three"
        )
    chosen = dict(invariant_models(environment) if models is None else models)

    def judged(level: object) -> list[dict[str, object]]:
        out = (used[environment] == level).to_numpy()
        return _judged(chosen, used[~out], used[out], names, outcome, environment, level)

    parts = ordered_map(judged, levels, n_jobs=n_jobs, labels=[str(v) for v in levels], catch=())
    rows = [row for part in parts if not isinstance(part, Failure) for row in part]
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    order = {name: k for k, name in enumerate(chosen)}
    table = table.sort_values("model", key=lambda c: c.map(order), kind="stable")
    return LeaveOneOut(table.reset_index(drop=True), outcome, environment)


def _judged(
    models: Mapping[str, Any],
    train: pd.DataFrame,
    test: pd.DataFrame,
    names: list[str],
    outcome: str,
    environment: str,
    level: object,
) -> list[dict[str, object]]:
    from sklearn.metrics import log_loss, roc_auc_score

    strange = sorted(set(test[outcome]) - set(train[outcome]), key=str)
    if strange:
        raise NotEstimableError(
            f"{outcome!r} = {strange[0]!r} is met in {environment!r} = {level!r} only, so no model"
            " trained elsewhere can predict it; merge classes or leave the environment out"
        )
    X, y = train[names].to_numpy(float), train[outcome].to_numpy()
    rows: list[dict[str, object]] = []
    for name, model in models.items():
        made = clone(model)
        more = {}
        if "variables" in inspect.signature(made.fit).parameters:
            more["variables"] = train[[environment]].reset_index(drop=True)
        made.fit(X, y, **more)
        said = made.predict_proba(test[names].to_numpy(float))
        truth = test[outcome].to_numpy()
        both = len(made.classes_) == 2 and len(set(truth)) == 2
        rows.append(
            {
                "model": name,
                "held_out": str(level),
                "n": len(test),
                "log_loss": float(log_loss(truth, said, labels=made.classes_)),
                "accuracy": float(np.mean(made.classes_[said.argmax(axis=1)] == truth)),
                "auc": float(roc_auc_score(truth, said[:, 1])) if both else np.nan,
            }
        )
    return rows
