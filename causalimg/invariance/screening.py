"""Which of hundreds of features are worth the search over subsets."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from causalimg.invariance.environments import EnvironmentData
from causalimg.invariance.gram import standardised

Array = NDArray[np.float64]

SCREENINGS = ("lasso", "boosting", "forest")
_STEP = 0.1
_STEPS = 2000


def screen(data: EnvironmentData, method: str, most: int, seed: np.random.SeedSequence) -> Array:
    """Choose the features that predict the outcome best together, over all environments.

    Parameters
    ----------
    data : EnvironmentData
    method : {"lasso", "boosting", "forest"}
        ``lasso``: the first on the path of the least squares lasso, in order of entry.
        ``boosting``: the first chosen by componentwise least squares boosting.
        ``forest``: the most important of a forest of extremely randomised trees.
        A binary or count outcome is taken as a number.
    most : int
    seed : numpy.random.SeedSequence

    Returns
    -------
    ndarray of int, shape (at most ``most``,)
        Positions, the first chosen first.

    References
    ----------
    Efron, Hastie, Johnstone, Tibshirani (2004). doi:10.1214/009053604000000067
    Buhlmann, Yu (2003). doi:10.1198/016214503000125
    """
    z, y, _, _ = standardised(data)
    z = z[:, 1:]
    if method == "forest":
        from sklearn.ensemble import ExtraTreesRegressor

        state = int(seed.generate_state(1)[0])
        forest = ExtraTreesRegressor(
            n_estimators=100, min_samples_leaf=5, max_features=1 / 3, random_state=state
        )
        importance = forest.fit(z, y).feature_importances_
        return np.asarray(np.argsort(-importance, kind="stable")[:most])
    chosen = _lasso_order(z, y, most) if method == "lasso" else _boosting_order(z, y, most)
    return np.array(chosen, dtype=np.intp)


def screened(
    data: EnvironmentData, method: str, most: int, seed: np.random.SeedSequence
) -> EnvironmentData:
    """Return the data with at most ``most`` of the features; their order is kept."""
    if len(data.features) <= most:
        return data
    return data.columns(np.sort(screen(data, method, most, seed)).tolist())


def _lasso_order(z: Array, y: Array, most: int) -> list[int]:
    from sklearn.linear_model import lars_path

    # a feature may leave the path again, so that more steps than features can be needed
    _, _, path = lars_path(z, y, method="lasso", max_iter=4 * most)
    first = np.where((path != 0).any(axis=1), (path != 0).argmax(axis=1), path.shape[1] + 1)
    order = np.argsort(first, kind="stable")
    return [int(k) for k in order if first[k] <= path.shape[1]][:most]


def _boosting_order(z: Array, y: Array, most: int) -> list[int]:
    score = z.T @ y / len(y)
    chosen: list[int] = []
    columns: dict[int, Array] = {}
    for _ in range(_STEPS):
        k = int(np.abs(score).argmax())
        if k not in columns:
            if len(chosen) == most:
                break
            chosen.append(k)
            columns[k] = z.T @ z[:, k] / len(y)
        score = score - _STEP * score[k] * columns[k]
        if np.abs(score).max() < 1e-6:
            break
    return chosen
