"""The forecaster whose settings go well together."""

import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from seqforecast import Forecaster, GRURegressor, LSTMRegressor, RNNRegressor, recurrent_forecaster
from seqforecast.datasets import load_airline


@pytest.mark.parametrize(
    ("cell", "kind"), [("lstm", LSTMRegressor), ("gru", GRURegressor), ("rnn", RNNRegressor)]
)
def test_cell_chooses_the_network(cell, kind):
    forecaster = recurrent_forecaster(horizon=3, cell=cell, random_state=7)
    assert isinstance(forecaster, Forecaster)
    assert type(forecaster.regressor) is kind
    assert forecaster.regressor.random_state == 7
    assert clone(forecaster).get_params()["horizon"] == 3


def test_arguments_reach_the_forecaster():
    forecaster = recurrent_forecaster(horizon=3, season=[4, 8], window=10)
    assert (forecaster.season, forecaster.window) == ([4, 8], 10)
    assert recurrent_forecaster(horizon=3).window == "auto"
    own = {"calendar": ["week"], "past": ["visits"], "future": ["promo"], "static": ["area"]}
    forecaster = recurrent_forecaster(horizon=3, hidden_size=7, **own)
    assert {name: getattr(forecaster, name) for name in own} == own
    assert forecaster.regressor.hidden_size == 7


def test_what_is_not_given_is_as_in_a_forecaster():
    recipe, plain = recurrent_forecaster(horizon=3), Forecaster(None, horizon=3)
    for name in ("window", "season", "calendar", "past", "future", "static", "intervals"):
        assert getattr(recipe, name) == getattr(plain, name)
    assert recipe.regressor.hidden_size == 128


def test_features_are_read_by_their_lists():
    rng = np.random.default_rng(0)
    days = pd.date_range("2024-01-01", periods=60)
    panel = pd.DataFrame({"unique_id": np.repeat(["a", "b"], 60), "ds": np.tile(days, 2)})
    panel[["y", "visits", "promo"]] = rng.random((120, 3)) + 1
    panel["area"] = np.repeat([10.0, 20.0], 60)
    lists = {"past": ["visits"], "future": ["promo"], "static": ["area"]}
    forecaster = recurrent_forecaster(horizon=2, hidden_size=4, calendar=["week"], **lists)
    forecaster.set_params(regressor__max_steps=2).fit(panel)
    for name in ("visits", "promo", "area"):
        assert any(name in column for column in forecaster.row_names_)
    assert forecaster.calendar_ == ("week",)


@pytest.mark.parametrize(
    ("horizon", "steps"), [(1, 400), (16, 400), (17, 425), (64, 1_600), (65, 1_600), (500, 1_600)]
)
def test_a_longer_horizon_is_trained_for_longer(horizon, steps):
    assert recurrent_forecaster(horizon=horizon).regressor.max_steps == steps


def test_a_short_series_is_passed_over_ten_times_and_trusted_by_half_at_least():
    short = load_airline()[:60]
    forecaster = recurrent_forecaster(horizon=12, random_state=0).fit(short)
    assert len(forecaster.regressor_.history_) == 10
    assert 0.5 <= forecaster.regressor_weight_ <= 1


def test_quantiles_are_learnt_for_two_levels_where_intervals_are_made_of_them():
    forecaster = recurrent_forecaster(horizon=3, intervals="quantile", random_state=0)
    assert forecaster.intervals == forecaster.regressor.loss == "quantile"
    forecaster.set_params(regressor__max_steps=5).fit(load_airline())
    frame = forecaster.predict(level=[80, 95])
    ends = frame[["lo-95", "lo-80", "y_hat", "hi-80", "hi-95"]].to_numpy()
    assert (np.diff(ends, axis=1) > 0).all()


@pytest.mark.parametrize("intervals", [None, "conformal"])
def test_the_median_alone_is_learnt_otherwise(intervals):
    forecaster = recurrent_forecaster(horizon=3, intervals=intervals)
    assert forecaster.intervals == intervals
    assert forecaster.regressor.loss == "absolute_error"


def test_beats_last_year_on_the_airline_series():
    passengers = load_airline()
    forecaster = recurrent_forecaster(horizon=12, random_state=0)
    forecaster.set_params(regressor__max_steps=100)
    forecast = forecaster.fit(passengers[:-12]).predict()
    naive = passengers[-24:-12].to_numpy()
    ours, last = (np.abs(f - passengers[-12:]).mean() for f in (forecast, naive))
    assert ours < 0.7 * last


def test_is_silent_on_a_short_series():
    short = pd.Series(10.0 + np.arange(40) % 4, pd.date_range("2020-01-01", periods=40, freq="QS"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        forecaster = recurrent_forecaster(horizon=4, random_state=0)
        forecaster.set_params(regressor__max_steps=5).fit(short)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"horizon": 0}, "horizon=0; an integer of at least 1"),
        ({"horizon": "12"}, "horizon='12'; an integer"),
        ({"horizon": 2, "window": 0}, "window=0; an integer"),
        ({"horizon": 2, "hidden_size": 0}, "hidden_size=0; an integer"),
        ({"horizon": 2, "cell": "lstn"}, "cell='lstn'; .* Did you mean 'lstm'"),
        ({"horizon": 2, "intervals": "quantiles"}, "intervals='quantiles'; .* mean 'quantile'"),
    ],
)
def test_arguments_that_cannot_be_used_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        recurrent_forecaster(**arguments)
