"""The dose-response curve: what is drawn is what `response` says."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from causalimg.effects.dose import DoseResponse
from causalimg.errors import InvalidInputError, UnknownNameError
from causalimg.report.plots import dose_response


@pytest.fixture(scope="module")
def fitted():
    rng = np.random.default_rng(0)
    dose = rng.normal(100, 10, 200)
    table = pd.DataFrame({"dose": dose, "noise": -0.02 * dose + rng.normal(0, 0.1, 200)})
    return DoseResponse(treatment="dose", adjustment=[]).fit(table, ["noise"])


def test_the_line_is_the_response(fitted):
    ax = dose_response(fitted, "noise", low=90, high=110, n_points=5)
    x, y = ax.lines[0].get_data()
    wanted = fitted.response([90, 95, 100, 105, 110])
    assert x == pytest.approx(wanted["dose"]) and y == pytest.approx(wanted["estimate"])
    assert y[-1] - y[0] == pytest.approx(-0.4, abs=0.1)


def test_refusals(fitted):
    with pytest.raises(InvalidInputError, match="nothing was fitted"):
        dose_response(DoseResponse(treatment="dose", adjustment=[]), "noise", low=1, high=2)
    with pytest.raises(UnknownNameError, match=r"'nose'.*'noise'"):
        dose_response(fitted, "nose", low=90, high=110)
    with pytest.raises(InvalidInputError, match="low=110 to high=90"):
        dose_response(fitted, "noise", low=110, high=90)
    with pytest.raises(InvalidInputError, match="outside the doses"):
        dose_response(fitted, "noise", low=90, high=1000)
