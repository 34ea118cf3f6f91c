from functools import partial

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline

from seqforecast import LSTMRegressor, OldestFirst, make_windows
from seqforecast.datasets import load_airline
from tests.peers.regressors import ColumnAsForecast, network, same_weights

pytest.importorskip("skforecast")
from skforecast.direct import ForecasterDirect
from skforecast.exceptions import IgnoredArgumentWarning
from skforecast.model_selection import TimeSeriesFold, grid_search_forecaster
from skforecast.recursive import ForecasterRecursive, ForecasterRecursiveMultiSeries

SERIES = load_airline().astype(float)
KNOWN = SERIES[:-12]
PRICE = pd.DataFrame({"price": np.random.default_rng(0).normal(size=len(SERIES))}, SERIES.index)


def rolled_out(model, series, window, steps):
    """Forecast recursively with a regressor of windows: each forecast becomes the newest value."""
    past = list(series)
    for _ in range(steps):
        past.append(float(model.predict(np.array([past[-window:]]))[0]))
    return np.array(past[-steps:])


@pytest.mark.parametrize("season", [12, 24])
def test_a_column_of_the_window_is_the_lag_that_it_says(season):
    # The value a season before the step to forecast is at lag season - 1 of the window, so
    # 24 - season columns from the left: the forecast must be that of the seasonal naive method.
    estimator = make_pipeline(OldestFirst(), ColumnAsForecast(24 - season))
    forecaster = ForecasterRecursive(estimator=estimator, lags=24)
    forecaster.fit(KNOWN)
    expected = np.resize(KNOWN[-season:], 12)
    np.testing.assert_array_equal(forecaster.predict(12), expected)


def test_the_network_is_given_the_windows_of_make_windows():
    forecaster = ForecasterRecursive(make_pipeline(OldestFirst(), ColumnAsForecast(0)), lags=24)
    forecaster.fit(KNOWN)
    X, y = make_windows(KNOWN, window=24)
    np.testing.assert_array_equal(forecaster.estimator[-1].seen_, X)
    np.testing.assert_array_equal(forecaster.estimator[-1].targets_, y)


@pytest.mark.parametrize("regressor", [network(), LinearRegression()], ids=["LSTM", "linear"])
def test_forecasts_are_those_of_the_regressor_alone(regressor):
    forecaster = ForecasterRecursive(make_pipeline(OldestFirst(), regressor), lags=24)
    forecaster.fit(KNOWN)
    X, y = make_windows(KNOWN.to_numpy(), window=24)
    alone = clone(regressor).fit(X, y)
    np.testing.assert_allclose(forecaster.predict(12), rolled_out(alone, KNOWN, 24, 12), rtol=1e-12)
    if isinstance(regressor, LSTMRegressor):
        assert same_weights(forecaster.estimator[-1], alone)


def test_without_it_the_network_reads_time_backwards():
    forecaster = ForecasterRecursive(network(), lags=24)
    X, y = make_windows(KNOWN.to_numpy(), window=24)
    with pytest.warns(UserWarning, match="newest step first"):
        forecaster.fit(KNOWN)
    with pytest.warns(UserWarning, match="newest step first"):
        backwards = network().fit(X[:, ::-1], y)
    assert same_weights(forecaster.estimator, backwards)
    assert not same_weights(forecaster.estimator, network().fit(X, y))


def test_direct_forecasts_use_the_same_windows():
    forecaster = ForecasterDirect(make_pipeline(OldestFirst(), network()), steps=3, lags=24)
    forecaster.fit(KNOWN)
    X, y = make_windows(KNOWN.to_numpy(), window=24, horizon=3)
    newest = KNOWN.to_numpy()[np.newaxis, -24:]
    alone = [network().fit(X, y[:, step]) for step in range(3)]
    for step in range(3):
        assert same_weights(forecaster.estimators_[1 + step][-1], alone[step])
    np.testing.assert_array_equal(
        forecaster.predict(), [model.predict(newest).item() for model in alone]
    )


@pytest.mark.parametrize(
    "make", [ForecasterRecursive, partial(ForecasterDirect, steps=12)], ids=["recursive", "direct"]
)
def test_exogenous_columns_are_channels_of_the_step_to_forecast(make):
    # Column 1 of a window is the price at its oldest step, column 3 at the next one, ...
    for column in (1, 3, 47):
        estimator = make_pipeline(OldestFirst(n_exog=1), ColumnAsForecast(column))
        forecaster = make(estimator=estimator, lags=24)
        forecaster.fit(KNOWN, exog=PRICE[:-12])
        forecast = forecaster.predict(12, exog=PRICE[-12:])
        np.testing.assert_array_equal(forecast, PRICE["price"][-12:])


def test_exogenous_columns_that_were_forgotten_are_refused():
    forecaster = ForecasterRecursive(make_pipeline(OldestFirst(), network()), lags=24)
    with pytest.raises(ValueError, match="set n_exog=1 and n_channels=2 of the regressor"):
        forecaster.fit(KNOWN, exog=PRICE[:-12])


def test_lags_with_gaps_are_refused():
    forecaster = ForecasterRecursive(make_pipeline(OldestFirst(), network()), lags=[1, 2, 12])
    with pytest.raises(ValueError, match="if lags have gaps, use every lag"):
        forecaster.fit(KNOWN)


def test_many_series_keep_the_order():
    series = {"air": KNOWN, "rail": KNOWN + 1000}
    estimator = make_pipeline(OldestFirst(), ColumnAsForecast(12))  # the value a year before
    forecaster = ForecasterRecursiveMultiSeries(estimator, lags=24, encoding=None)
    forecaster.fit(series)
    forecast = forecaster.predict(12)
    for name, values in series.items():
        got = forecast.loc[forecast["level"] == name, "pred"]
        np.testing.assert_allclose(got, values[-12:], rtol=1e-12)  # scaled and scaled back


def test_a_search_over_lags_and_parameters_runs():
    forecaster = ForecasterRecursive(make_pipeline(OldestFirst(), network()), lags=24)
    found = grid_search_forecaster(
        forecaster,
        y=KNOWN,
        cv=TimeSeriesFold(steps=12, initial_train_size=96, refit=False, verbose=False),
        lags_grid=[12, 24],
        param_grid={"lstmregressor__hidden_size": [2, 4]},
        metric="mean_absolute_error",
        return_best=True,
        show_progress=False,
        verbose=False,
    )
    assert np.isfinite(found["mean_absolute_error"]).all()
    assert {len(lags) for lags in found["lags"]} == {12, 24}
    best = found.iloc[0]
    assert forecaster.estimator[-1].hidden_size == best["lstmregressor__hidden_size"]
    assert forecaster.estimator[-1].window_ == len(best["lags"])


def test_weights_do_not_pass_through_a_pipeline():
    # The how-to page says so; should skforecast learn it, the page must say that.
    with pytest.warns(IgnoredArgumentWarning, match="weight_func.* is ignored"):
        ForecasterRecursive(
            make_pipeline(OldestFirst(), network()), lags=24, weight_func=lambda index: index.year
        )
