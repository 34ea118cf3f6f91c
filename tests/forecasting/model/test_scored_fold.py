"""R2 of a fold: against scikit-learn's, series by series, and what may weigh a row."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score

from seqforecast import Forecaster
from seqforecast.forecasting.data.fold_columns import Y_HAT
from seqforecast.forecasting.data.panel import FutureRows
from seqforecast.forecasting.model.scored_fold import ScoredFold

STEPS = 4


def fold(actual, forecast, seed=0):
    """Return the fold of a series a row, whose rows were given in an order drawn by chance."""
    actual, forecast = np.atleast_2d(actual), np.atleast_2d(forecast)
    series, step = np.indices(actual.shape)
    rows = FutureRows(series.ravel(), 1 + step.ravel(), np.empty((actual.size, 0)))
    order = np.random.default_rng(seed).permutation(actual.size)
    return ScoredFold(rows, {"y": actual.ravel(), Y_HAT: forecast.ravel()}, order)


def test_it_is_the_mean_over_series_of_that_of_scikit_learn():
    rng = np.random.default_rng(0)
    actual, forecast, weight = rng.standard_normal((3, 5, STEPS))
    scored, weight = fold(actual, forecast), np.abs(weight)
    plain = [r2_score(y, y_hat) for y, y_hat in zip(actual, forecast, strict=True)]
    assert scored.r2() == pytest.approx(np.mean(plain), rel=1e-12)
    given = np.empty(weight.size)
    given[scored.order] = weight.ravel()
    weighed = [
        r2_score(y, y_hat, sample_weight=w)
        for y, y_hat, w in zip(actual, forecast, weight, strict=True)
    ]
    assert scored.r2(given) == pytest.approx(np.mean(weighed), rel=1e-12)


@pytest.mark.parametrize(("forecast", "expected"), [(1.1, 0.0), (0.1, 1.0)])
def test_a_constant_whose_mean_is_rounded(forecast, expected):
    assert np.mean([0.1] * 3) != 0.1
    actual = np.array([0.1, 0.1, 0.1, np.nan])
    assert fold(actual, np.full(STEPS, forecast)).r2() == expected


def test_a_row_without_weight_is_left_out():
    actual, forecast = np.random.default_rng(0).standard_normal((2, 2, STEPS))
    scored = fold(actual, forecast)
    weight = np.array([1.0, 2.0, 0.0, 3.0, 5.0, 0.0, 0.0, 0.0])  # one row of the second series
    given = np.empty(weight.size)
    given[scored.order] = weight
    some = [0, 1, 3]
    expected = r2_score(actual[0, some], forecast[0, some], sample_weight=weight[some])
    assert scored.r2(given) == pytest.approx(expected, rel=1e-12)
    with pytest.raises(ValueError, match="hold fewer with a weight above 0. Take longer"):
        scored.r2(np.zeros(weight.size))


@pytest.mark.parametrize("bad", [-1.0, np.nan, np.inf])
def test_weights_that_cannot_be_used(bad):
    series = 50 + np.random.default_rng(0).standard_normal(40)
    model = Forecaster(Ridge(), window=6).fit(series[:36])
    weight = np.array([1.0, 1.0, bad, 2.0])
    with pytest.raises(ValueError, match=rf"sample_weight is {bad:g} in row 2 \(1 row") as error:
        model.score(series[36:], sample_weight=weight)
    assert "Give rows that should not count the weight 0" in str(error.value)
    weight[2] = 0.0  # followed to the letter
    model.score(series[36:], sample_weight=weight)
