"""A stream that was saved goes on with the same bits."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Ridge

from seqforecast import Forecaster, GRURegressor, LSTMRegressor, RNNRegressor, load, save
from seqforecast.datasets import load_airline
from seqforecast.forecasting.data.panel import FutureRows
from seqforecast.windows import make_windows

PASSENGERS = load_airline()


def reloaded(stream, tmp_path):
    save(stream, tmp_path / "stream.safetensors")
    return load(tmp_path / "stream.safetensors")


@pytest.mark.parametrize("scaling", ["standard", "window", None])
@pytest.mark.parametrize("regressor", [RNNRegressor, LSTMRegressor, GRURegressor])
def test_networks_read_on(regressor, scaling, tmp_path):
    X, y = make_windows(PASSENGERS.to_numpy(), window=12, horizon=2)
    model = regressor(
        hidden_size=3, num_layers=2, max_epochs=2, scaling=scaling, loss="quantile", random_state=0
    ).fit(X, y)
    stream = model.stream(X[-3:])
    stream.update([400.0, 410.0, 420.0])
    again = reloaded(stream, tmp_path)
    np.testing.assert_array_equal(again.forecast, stream.forecast)
    for values in np.linspace(380.0, 600.0, 12).reshape(4, 3):
        np.testing.assert_array_equal(again.update(values), stream.update(values))
        np.testing.assert_array_equal(again.quantiles, stream.quantiles)


@pytest.mark.parametrize("level", [None, 80])
@pytest.mark.parametrize(
    "regressor", [Ridge(), GRURegressor(hidden_size=3, max_steps=20, random_state=0)]
)
def test_forecasters_go_on(regressor, level, tmp_path):
    forecaster = Forecaster(regressor, window=12, horizon=3).fit(PASSENGERS[:120])
    stream = forecaster.stream(level=level)
    for value in PASSENGERS[120:130]:
        stream.update(value)
    again = reloaded(stream, tmp_path)
    for value in [*PASSENGERS[130:134], np.nan, *PASSENGERS[135:]]:
        expected, found = stream.update(value), again.update(value)
        compare = pd.testing.assert_frame_equal if level else pd.testing.assert_series_equal
        compare(found, expected, check_exact=True)


def test_panel_with_features(tmp_path):
    days, t = pd.date_range("2024-01-01", periods=60), np.arange(60)
    frame = pd.concat(
        pd.DataFrame({"unique_id": name, "ds": days, "y": k + t % 7, "promo": t % 3, "seen": t})
        for k, name in enumerate("ab")
    )
    forecaster = Forecaster(Ridge(), window=7, horizon=2, past=["seen"])
    stream = forecaster.fit(frame[frame["ds"] < days[50]]).stream(
        frame[frame["ds"].isin(days[50:52])].drop(columns=["y", "seen"])
    )
    again = reloaded(stream, tmp_path)
    for k in range(50, 56):
        now = frame[frame["ds"] == days[k]]
        ahead = frame[frame["ds"].isin(days[k + 1 : k + 3])].drop(columns=["y", "seen"])
        expected = stream.update(now, X_future=ahead)
        pd.testing.assert_frame_equal(again.update(now, X_future=ahead), expected)


def test_state_of_another_network_is_refused(tmp_path):
    X, y = make_windows(PASSENGERS.to_numpy(), window=12)
    small, large = (
        GRURegressor(hidden_size=size, max_epochs=1, random_state=0).fit(X, y) for size in (2, 3)
    )
    stream = small.stream(X[-1:])
    stream.regressor = large
    with pytest.raises(ValueError, match="state of a Stream is of another network"):
        reloaded(stream, tmp_path)


def test_forecasts_of_other_rows_are_refused(tmp_path):
    stream = Forecaster(Ridge(), window=12, horizon=3).fit(PASSENGERS).stream()
    stream._columns = {"y_hat": np.zeros(2)}
    with pytest.raises(ValueError, match="forecasts of a stream are of other rows"):
        reloaded(stream, tmp_path)


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("read", np.zeros(2, np.int64)),
        ("by_phase", np.zeros((1, 5))),
        ("members", np.array([7])),
        ("values", np.zeros(3)),
    ],
)
def test_a_model_of_other_series_is_refused(part, value, tmp_path):
    stream = Forecaster(Ridge(), window=12, horizon=3).fit(PASSENGERS).stream()
    setattr(stream._model, part, value)
    with pytest.raises(ValueError, match="model of a stream is of other series"):
        reloaded(stream, tmp_path)


def test_rows_that_do_not_fit_together_are_refused(tmp_path):
    stream = Forecaster(Ridge(), window=12, horizon=3).fit(PASSENGERS).stream()
    stream._rows = FutureRows(np.zeros(3, np.int64), np.array([1, 2]), np.empty((3, 0)))
    with pytest.raises(ValueError, match="rows that a stream forecasts do not fit together"):
        reloaded(stream, tmp_path)
