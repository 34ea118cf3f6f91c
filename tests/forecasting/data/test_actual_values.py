"""What is no actual value of the rows to score is refused."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Ridge

from seqforecast import Forecaster, forecast_scorer

DAYS = pd.date_range("2024-01-01", periods=30)
SOLD = pd.Series(np.arange(30.0) % 7 + 5, DAYS, name="sold")
PRICE = pd.DataFrame({"price": np.arange(30.0) % 5}, DAYS)
LONG = pd.concat({"a": SOLD, "b": 9 - SOLD}, names=["unique_id", "ds"]).rename("y").reset_index()
KNOWN = LONG["ds"] < DAYS[28]
SCORERS = [Forecaster.score, forecast_scorer("mae")]


def fitted(*data):
    return Forecaster(Ridge(), window=7, horizon=2).fit(*data)


@pytest.mark.parametrize("score", SCORERS)
def test_features_are_no_actual_values(score):
    model = fitted(PRICE[:28], SOLD[:28])
    with pytest.raises(ValueError, match="y is None, and X holds features; .* Pass y"):
        score(model, PRICE[28:])  # of one column, as the target is
    score(model, PRICE[28:], SOLD[28:])


@pytest.mark.parametrize("score", SCORERS)
@pytest.mark.parametrize("steps", [2, None])
def test_a_number_of_steps_needs_actual_values_beside_it(score, steps):
    model = fitted(SOLD[:28])
    with pytest.raises(ValueError, match=f"X is {steps}; the rows that follow the fit are needed"):
        score(model, steps)
    assert score(model, steps, SOLD[28:].to_numpy()) == score(model, SOLD[28:])


@pytest.mark.parametrize("score", SCORERS)
def test_values_beside_a_number_of_steps_of_many_series_have_no_order(score):
    model, later = fitted(LONG[KNOWN]), LONG[~KNOWN]
    with pytest.raises(ValueError, match="X is 2; the rows that follow the fit are needed"):
        score(model, 2, later["y"])
    assert score(model, later, later["y"].tolist()) == score(model, later)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (LONG["y"][:0], "The data is empty: 0 rows"),
        (3.0, "y holds 1 actual values, the rows to score are 4; one for each"),
        (LONG[~KNOWN][["y", "y"]], r"y has shape \(4, 2\), the forecast \(4, 1\)"),
        (LONG["y"], "have different indexes: .* Align them: y = y.reindex"),
        (
            LONG[~KNOWN].set_index(["unique_id", "ds"])["y"],
            r"they begin at 28 and \('a'.* If they belong together row by row: y = y.set_axis",
        ),
    ],
    ids=["empty", "a number", "two columns", "other rows", "two levels"],
)
def test_what_does_not_belong_to_the_rows(y, message):
    model, later = fitted(LONG[KNOWN]), LONG[~KNOWN]
    with pytest.raises(ValueError, match=message) as error:
        model.score(later, y)
    if "y = " in str(error.value):  # followed to the letter
        cure = str(error.value).rpartition("y = ")[2].rstrip(".")
        assert model.score(later, eval(cure, {"X": later, "y": y})) == model.score(later)
