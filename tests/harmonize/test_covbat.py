"""CovBat: the covariance between features no longer tells the scanner."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.discriminant_analysis import QuadraticDiscriminantAnalysis
from sklearn.model_selection import cross_val_score

from causalimg.errors import InvalidInputError
from causalimg.harmonize import ComBat, CovBat


def correlated(seed: int, n: int = 400) -> pd.DataFrame:
    """Both scanners give equal means and variances; only in B do the features go together."""
    rng = np.random.default_rng(seed)
    late = np.repeat([False, True], n // 2)
    common = rng.normal(size=(n, 1))
    share = np.where(late, 0.7, 0.1)[:, None]
    values = np.sqrt(share) * common + np.sqrt(1 - share) * rng.normal(size=(n, 8))
    return pd.DataFrame(values).add_prefix("f").assign(scanner=np.where(late, "B", "A"))


def test_what_combat_leaves_in_the_covariance_covbat_takes() -> None:
    frame = correlated(0)
    late = (frame["scanner"] == "B").to_numpy()
    told = {}
    for name, harmoniser in (
        ("combat", ComBat(batch="scanner")),
        ("covbat", CovBat(batch="scanner")),
    ):
        after = harmoniser.fit_transform(frame)
        model = QuadraticDiscriminantAnalysis()
        told[name] = cross_val_score(model, after, late, cv=5, scoring="roc_auc").mean()
        gap = np.abs(np.corrcoef(after[late].T) - np.corrcoef(after[~late].T)).max()
        told[f"{name} gap"] = gap
    assert told["combat"] > 0.8 and told["combat gap"] > 0.5
    assert told["covbat"] < 0.65 and told["covbat gap"] < 0.3


def test_scores_of_all_scanners_have_one_mean_and_variance() -> None:
    frame = correlated(1)
    fitted = CovBat(batch="scanner", variance=1.0).fit(frame)
    after = fitted.transform(frame).to_numpy()
    codes = fitted.batches_.codes(frame)
    none = np.empty((len(frame), 0))
    residual = (after - fitted.model_.centre(none)) / fitted.model_.spread
    scores = (residual - fitted._middle) / fitted._spread @ fitted.components_.T
    assert fitted.n_components_ == 8
    first, second = scores[codes == 0], scores[codes == 1]
    np.testing.assert_allclose(first.mean(axis=0), second.mean(axis=0), atol=1e-9)
    np.testing.assert_allclose(first.std(axis=0, ddof=1), second.std(axis=0, ddof=1), atol=1e-9)


def test_new_cases_and_the_reference() -> None:
    frame = correlated(2)
    fitted = CovBat(batch="scanner", reference_batch="A").fit(frame)
    whole = fitted.transform(frame)
    names = list(fitted.features_)
    np.testing.assert_array_equal(whole[:200], frame.loc[:199, names])
    pd.testing.assert_frame_equal(fitted.transform(frame.iloc[[350, 2]]), whole.iloc[[350, 2]])
    with pytest.raises(InvalidInputError, match="variance must be above 0"):
        CovBat(batch="scanner", variance=0.0).fit(frame)
