"""Sizes that no machine holds are refused before anything large is allocated."""

import sys
import tracemalloc

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Ridge

from seqforecast import (
    Forecaster,
    GRURegressor,
    LSTMRegressor,
    RNNRegressor,
    backtest,
    last_window,
    make_windows,
)

LARGE, HUGE = 10**9, 10**30
SERIES = 10 + np.sin(np.arange(60.0))
DATED = pd.Series(SERIES, index=pd.date_range("2020", periods=60, freq="MS"))
SMALL = 20_000_000  # bytes


def refuses(function, message):
    """Assert that a call refuses in words, and that Python and numpy took next to nothing."""
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=message):
            function()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < SMALL


@pytest.mark.parametrize("kind", [LSTMRegressor, GRURegressor, RNNRegressor])
@pytest.mark.parametrize("name", ["hidden_size", "num_layers"])
def test_network_that_fits_into_no_memory_is_refused(windows, kind, name):
    X, y = windows
    model = kind(max_epochs=1, random_state=0).fit(X, y)
    before = model.predict(X)
    for value in (LARGE, sys.maxsize):
        refuses(
            lambda value=value: model.set_params(**{name: value}).fit(X, y),
            f"{name}={value}.* need at least .* GB of memory; this machine has .* GB. Use a small",
        )
    refuses(lambda: model.set_params(**{name: HUGE}).fit(X, y), "below 2..63 is needed")
    np.testing.assert_array_equal(model.predict(X), before)


def test_batch_that_fits_into_no_memory_is_refused():
    steps = np.arange(2_000_000.0)
    X, y = make_windows(steps, window=500_000)  # views
    refuses(
        lambda: RNNRegressor(batch_size=LARGE, max_epochs=1, early_stopping=False).fit(X, y),
        "batches of 1500000 windows of 500000 steps .* need at least .* GB of memory",
    )


def test_batch_size_above_the_windows_takes_no_more_memory(windows):
    X, y = windows
    with pytest.warns(UserWarning, match="batch_size=1000000000"):
        LSTMRegressor(batch_size=LARGE, max_epochs=1, random_state=0).fit(X, y)


def test_quantiles_by_the_million_of_a_large_network_are_refused(windows):
    X, y = windows
    levels = np.linspace(1e-6, 1 - 1e-6, 10**6)
    model = LSTMRegressor(loss="quantile", quantiles=levels, hidden_size=10**6)
    with pytest.raises(ValueError, match="1000001 outputs need at least .* GB of memory"):
        model.fit(X, y)


@pytest.mark.parametrize("n_jobs", [10**6, LARGE])
def test_threads_without_end_are_no_more_than_processors(windows, n_jobs):
    X, y = windows  # OpenMP ends the process where it cannot start them
    model = LSTMRegressor(max_epochs=1, random_state=0, n_jobs=n_jobs).fit(X, y)
    assert np.isfinite(model.predict(X)).all()


@pytest.mark.parametrize("size", [LARGE, HUGE])
def test_windows_longer_than_the_series_are_refused(size):
    refuses(lambda: make_windows(SERIES, size), "needs? at least|positive integer")
    refuses(lambda: make_windows(SERIES, 3, horizon=size), "need at least|positive integer")
    refuses(lambda: last_window(SERIES, size), "needs? at least|positive integer")


def test_steps_between_windows_beyond_counting_are_refused():
    assert len(make_windows(SERIES, 3, step=LARGE)[0]) == 1
    refuses(lambda: make_windows(SERIES, 3, step=HUGE), "beyond what counts anything")


@pytest.mark.parametrize("size", [LARGE, HUGE])
@pytest.mark.parametrize("name", ["window", "horizon", "season"])
def test_forecaster_of_more_steps_than_there_are_is_refused(name, size):
    forecaster = Forecaster(Ridge(), **{"window": 4, name: size})
    refuses(lambda: forecaster.fit(SERIES), f"{name}=.*need")


@pytest.mark.parametrize("series", [SERIES, DATED])
def test_forecasts_that_fit_into_no_memory_are_refused(series):
    forecaster = Forecaster(Ridge(), window=4).fit(series)
    many = 10**11
    refuses(lambda: forecaster.predict(many), "100000000000 step.* GB of memory; this machine has")
    refuses(lambda: forecaster.predict(many, level=80), "GB of memory; this machine has")
    refuses(lambda: forecaster.predict(HUGE), "below 2..63 is needed")


def test_forecast_of_one_far_step_is_refused():
    forecaster = Forecaster(Ridge(), window=4).fit(pd.Series(SERIES))
    refuses(lambda: forecaster.predict(pd.Index([10**12])), "blocks of horizon=")


def test_forecasts_beyond_the_dates_of_pandas_are_refused():
    forecaster = Forecaster(Ridge(), window=4).fit(DATED.set_axis(DATED.index.as_unit("ns")))
    refuses(lambda: forecaster.predict(10_000), "10000 steps .* series end at .* fewer steps")


@pytest.mark.parametrize("name", ["n_folds", "horizon", "step"])
def test_backtest_of_more_steps_than_there_are_is_refused(name):
    options = {"horizon": 2, "n_folds": 2, "step": 2}
    forecaster = Forecaster(Ridge(), window=4)
    refuses(lambda: backtest(forecaster, SERIES, **{**options, name: LARGE}), "0 value.s. before")
    refuses(lambda: backtest(forecaster, SERIES, **{**options, name: HUGE}), "below 2..63")


def test_series_ages_apart_take_memory_for_their_values_only():
    first = [*range(30), *range(10**12, 10**12 + 30)]
    frame = pd.DataFrame({"unique_id": ["a"] * 30 + ["b"] * 30, "ds": first, "y": SERIES})
    forecast = Forecaster(Ridge(), window=4).fit(frame).predict(2)
    assert forecast["ds"].tolist() == [30, 31, 10**12 + 30, 10**12 + 31]


def test_calendar_features_of_series_ages_apart_are_refused():
    times = [
        *pd.date_range("1700-01-01", periods=30, freq="us", unit="us"),
        *pd.date_range("2020-01-01", periods=30, freq="us", unit="us"),
    ]
    frame = pd.DataFrame({"unique_id": ["a"] * 30 + ["b"] * 30, "ds": times, "y": SERIES})
    forecaster = Forecaster(Ridge(), window=4, calendar=["day"])
    refuses(lambda: forecaster.fit(frame), "Positions in the calendar .* GB of memory")
    assert len(forecaster.set_params(calendar=None).fit(frame).predict(1)) == 2


def test_hours_of_blocks_are_refused():
    forecaster = Forecaster(Ridge(), window=4, horizon=3).fit(np.sin(np.arange(60.0)) + 9)
    with pytest.raises(ValueError, match="10001 blocks of horizon=3.*a horizon of 4 or more"):
        forecaster.predict(30_001)
    with pytest.raises(ValueError, match="10001 blocks"):
        forecaster.stream().update(9.0, X_future=30_001)
