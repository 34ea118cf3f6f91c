import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline

from seqforecast import LSTMRegressor, OldestFirst, make_windows
from seqforecast.datasets import load_airline
from tests.peers.regressors import ColumnAsForecast, network, same_weights

pytest.importorskip("mlforecast")
from mlforecast import MLForecast

SERIES = load_airline().astype(float)
LONG = pd.DataFrame({"unique_id": "air", "ds": SERIES.index, "y": SERIES.to_numpy()})
LONG["promotion"] = (np.arange(len(LONG)) % 5 == 0).astype(float)
KNOWN, AHEAD = LONG[:-12], LONG[-12:].drop(columns="y")
PAST = KNOWN["y"].to_numpy()
LAGS = range(1, 25)
PLAIN = ["unique_id", "ds", "y"]


def forecaster(regressor, n_exog=0, **given):
    estimator = make_pipeline(OldestFirst(n_exog=n_exog), regressor)
    return MLForecast(models={"model": estimator}, freq="MS", **{"lags": LAGS, **given})


def rolled_out(model, window, steps):
    past = list(PAST)
    for _ in range(steps):
        past.append(float(model.predict(np.array([past[-window:]]))[0]))
    return np.array(past[-steps:])


@pytest.mark.parametrize("as_numpy", [False, True])
@pytest.mark.parametrize("season", [12, 24])
def test_a_column_of_the_window_is_the_lag_that_it_says(season, as_numpy):
    # As in test_skforecast: the seasonal naive forecast is one column of the window.
    fitted = forecaster(ColumnAsForecast(24 - season)).fit(KNOWN[PLAIN], as_numpy=as_numpy)
    np.testing.assert_array_equal(fitted.predict(12)["model"], np.resize(PAST[-season:], 12))


def test_the_network_is_given_the_windows_of_make_windows():
    fitted = forecaster(ColumnAsForecast(0)).fit(KNOWN[PLAIN])
    X, y = make_windows(PAST, window=24)
    np.testing.assert_array_equal(fitted.models_["model"][-1].seen_, X)
    np.testing.assert_array_equal(fitted.models_["model"][-1].targets_, y)


@pytest.mark.parametrize("regressor", [network(), LinearRegression()], ids=["LSTM", "linear"])
def test_forecasts_are_those_of_the_regressor_alone(regressor):
    fitted = forecaster(regressor).fit(KNOWN[PLAIN])
    alone = clone(regressor).fit(*make_windows(PAST, window=24))
    np.testing.assert_allclose(fitted.predict(12)["model"], rolled_out(alone, 24, 12), rtol=1e-12)
    if isinstance(regressor, LSTMRegressor):
        assert same_weights(fitted.models_["model"][-1], alone)


def test_without_it_the_network_reads_time_backwards():
    X, y = make_windows(PAST, window=24)
    with pytest.warns(UserWarning, match="newest step first"):
        fitted = MLForecast(models={"model": network()}, freq="MS", lags=LAGS).fit(KNOWN[PLAIN])
    with pytest.warns(UserWarning, match="newest step first"):
        backwards = network().fit(X[:, ::-1], y)
    assert same_weights(fitted.models_["model"], backwards)
    assert not same_weights(fitted.models_["model"], network().fit(X, y))


def test_direct_forecasts_use_the_same_windows():
    fitted = forecaster(network()).fit(KNOWN[PLAIN], max_horizon=3)
    for step in range(3):
        X, y = make_windows(PAST, window=24, horizon=1 + step)  # each step on all that has it
        alone = network().fit(X, y if step == 0 else y[:, -1])
        assert same_weights(fitted.models_["model"][step][-1], alone)
        assert fitted.predict(3)["model"].iloc[step] == alone.predict(PAST[np.newaxis, -24:])


@pytest.mark.parametrize("step", [0, 23])
def test_features_of_the_step_to_forecast_are_channels(step):
    # mlforecast puts exogenous columns before the lags, features of the date behind them.
    for channel, expected in ((1, AHEAD["promotion"]), (2, AHEAD["ds"].dt.month)):
        regressor = ColumnAsForecast(3 * step + channel)
        model = forecaster(regressor, n_exog=2, date_features=["month"])
        model.fit(KNOWN, static_features=[])
        np.testing.assert_array_equal(model.predict(12, X_df=AHEAD)["model"], expected)


def test_columns_that_are_no_lags_are_named():
    with pytest.raises(ValueError, match="X has 2 .* promotion, month. Set n_exog=2 and n_channe"):
        forecaster(network(), date_features=["month"]).fit(KNOWN, static_features=[])


def test_exogenous_columns_without_names_are_refused():
    with pytest.raises(ValueError, match="if lags come last, pass named columns"):
        forecaster(network(n_channels=2), 1).fit(KNOWN, static_features=[], as_numpy=True)


def test_lags_with_gaps_are_refused():
    with pytest.raises(ValueError, match="X has the lags 1, 2, 12; every lag from 1 to 12"):
        forecaster(network(), lags=[1, 2, 12]).fit(KNOWN[PLAIN])


def test_many_series_keep_the_order():
    panel = pd.concat([KNOWN[PLAIN], KNOWN[PLAIN].assign(unique_id="rail", y=KNOWN["y"] + 1000)])
    forecast = forecaster(ColumnAsForecast(12)).fit(panel).predict(12)  # the value a year before
    np.testing.assert_array_equal(
        forecast["model"], np.concatenate([PAST[-12:], PAST[-12:] + 1000])
    )
