"""Streams: the network over a window that grows, step by step."""

import copy
import io
import pickle

import joblib
import numpy as np
import pytest
import torch

from seqforecast import GRURegressor, LSTMRegressor, RNNRegressor, Stream, make_windows
from seqforecast.datasets import load_sunspots

KINDS = {RNNRegressor: torch.nn.RNN, LSTMRegressor: torch.nn.LSTM, GRURegressor: torch.nn.GRU}
WINDOW, AHEAD = 8, 30


def fitted(regressor, X, y, **params):
    settings = {"hidden_size": 6, "max_epochs": 2, "random_state": 0}
    return regressor(**settings | params).fit(X, y)


def steps_of(series, n, k):
    """Give the start windows of n neighbours, and what comes after each: (n, k, n_channels)."""
    table = np.asarray(series, dtype=float).reshape(len(series), -1)
    starts = np.arange(n)[:, None]
    return table[starts + np.arange(WINDOW)], table[starts + WINDOW + np.arange(k)]


def over_the_grown_window(model, start, grown):
    """Run torch's own layers in float64 from a zero state over windows of any length."""
    module, scaling = model.net_.module_, model.scaling
    twin = KINDS[type(model)](
        model.n_channels_, model.hidden_size, model.num_layers, batch_first=True
    ).double()
    twin.load_state_dict({k: v.double() for k, v in module.recurrent.state_dict().items()})
    level, scale, target_level, target_scale = 0.0, 1.0, 0.0, 1.0
    if scaling == "standard":
        units = model.net_.scaling.units(start)
        level, scale = units.level, units.scale
        target_level, target_scale = units.target_level, units.target_scale
    elif scaling == "window":
        level, scale = start.mean(1, keepdims=True), start.std(1, keepdims=True)
        target_level, target_scale = level[:, 0, :1], scale[:, 0, :1]
    with torch.no_grad():
        hidden, _ = twin(torch.from_numpy((grown - level) / scale))
        output = module.head.double()(hidden[:, -1]).numpy()
    module.head.float()
    if output.ndim == 3:
        target_level, target_scale = np.asarray(target_level), np.asarray(target_scale)
        target_level, target_scale = target_level[..., None], target_scale[..., None]
    return output * target_scale + target_level


@pytest.mark.parametrize("scaling", ["standard", "window", None])
@pytest.mark.parametrize("num_layers", [1, 2])
def test_the_forecast_is_that_of_the_window_that_has_grown(regressor, series, scaling, num_layers):
    series = series - (0 if scaling else 100)
    X, y = make_windows(series, window=WINDOW, horizon=4)
    model = fitted(regressor, X, y, scaling=scaling, num_layers=num_layers)
    start, ahead = steps_of(series, 3, AHEAD)
    stream = model.stream(start)
    for k in range(AHEAD):
        forecast = stream.update(ahead[:, k])
        grown = np.concatenate([start, ahead[:, : k + 1]], axis=1)
        expected = over_the_grown_window(model, start, grown)
        np.testing.assert_allclose(forecast, expected, rtol=0, atol=2e-5 * np.ptp(series))
        np.testing.assert_array_equal(forecast, stream.forecast)


def test_channels_and_one_output(regressor, series):
    table = np.column_stack([series, np.roll(series, 3) / 50])
    X, y = make_windows(table, window=WINDOW, flat=False)
    model = fitted(regressor, X, y)
    start, ahead = steps_of(table, 2, AHEAD)
    stream = model.stream(start.reshape(2, -1))
    for k in range(AHEAD):
        forecast = stream.update(ahead[:, k])
    assert forecast.shape == (2,)
    grown = np.concatenate([start, ahead], axis=1)
    expected = over_the_grown_window(model, start, grown)
    np.testing.assert_allclose(forecast, expected[:, 0], rtol=0, atol=2e-5 * np.ptp(series))


@pytest.mark.parametrize("params", [{}, {"loss": "quantile"}, {"scaling": "window"}])
@pytest.mark.parametrize("n", [1, 70, 150])
def test_before_the_first_update_it_is_predict_bit_by_bit(regressor, params, n):
    series = np.random.default_rng(0).standard_normal(200).cumsum()
    X, y = make_windows(series, window=WINDOW, horizon=3)
    model = fitted(regressor, X, y, **params)
    stream = model.stream(X[:n])
    np.testing.assert_array_equal(stream.forecast, model.predict(X[:n]))
    assert stream.n_series == n
    if params.get("loss") == "quantile":
        np.testing.assert_array_equal(stream.quantiles, model.predict_quantiles(X[:n]))


def test_quantiles_follow(series):
    X, y = make_windows(series, window=WINDOW, horizon=4)
    model = fitted(LSTMRegressor, X, y, loss="quantile", quantiles=(0.9, 0.1))
    start, ahead = steps_of(series, 2, 5)
    stream = model.stream(start)
    for k in range(5):
        forecast = stream.update(ahead[:, k])
    grown = np.concatenate([start, ahead], axis=1)
    every = over_the_grown_window(model, start, grown)
    assert model.quantiles_ == (0.1, 0.5, 0.9)
    np.testing.assert_allclose(forecast, every[..., 1], rtol=1e-5)
    np.testing.assert_allclose(stream.quantiles, every[..., [2, 0]], rtol=1e-5)
    with pytest.raises(ValueError, match="loss='quantile'"):
        _ = fitted(LSTMRegressor, X, y).stream(X[:1]).quantiles


# ---------------------------------------------------------------- the relation to windows


def test_a_network_without_memory_forecasts_what_the_moved_window_does(one_ahead):
    X, y = one_ahead
    model = fitted(RNNRegressor, X, y)
    with torch.no_grad():
        model.net_.module_.recurrent.weight_hh_l0.zero_()
    stream = model.stream(X[:1])
    for window in X[1:20]:
        forecast = stream.update(window[-1])
        np.testing.assert_allclose(forecast, model.predict(window[None]), rtol=1e-6)


def test_the_difference_from_predict_vanishes_as_the_window_outgrows_the_memory():
    sunspots = load_sunspots().to_numpy()[:1500]
    gaps = []
    for window in (2, 12, 60):
        X, y = make_windows(sunspots, window=window)
        model = fitted(GRURegressor, X[:1200], y[:1200], max_epochs=5, forget_bias=None)
        stream = model.stream(X[1200:1201])
        streamed = np.concatenate([stream.update(row[-1]) for row in X[1201:1400]])
        gaps.append(np.abs(streamed - model.predict(X[1201:1400])).max() / sunspots.std())
    assert gaps[0] > 0.01
    assert gaps[1] < gaps[0] / 2
    assert gaps[2] < gaps[1] / 10


def test_units_of_the_first_window_stay(series):
    X, y = make_windows(series, window=WINDOW)
    model = fitted(LSTMRegressor, X, y, scaling="window")
    moved = np.concatenate([series[:WINDOW], series[:AHEAD] + 500])
    stream = model.stream(moved[None, :WINDOW])
    for value in moved[WINDOW:]:
        stream.update(value)
    newest = moved[None, -WINDOW:]
    assert abs(stream.forecast[0] - moved[-1]) > 100  # it saturates: far from its first window
    assert abs(model.stream(newest).forecast[0] - moved[-1]) < 30
    assert stream.units.level[0, 0, 0] == pytest.approx(series[:WINDOW].mean())


# ---------------------------------------------------------------- what may be given


def test_an_observation_may_have_any_shape_that_fits(one_ahead, two_channels):
    X, y = one_ahead
    model = fitted(GRURegressor, X, y)
    one = [101.0, [101.0], [[101]], np.float32(101), np.array([[101.0]], dtype=object)]
    forecasts = [model.stream(X[:1]).update(value) for value in one]
    assert {float(forecast[0]) for forecast in forecasts} == {float(forecasts[0][0])}
    many = [X[1:4, -1], X[1:4, -1:], X[1:4, -1].tolist()]
    first, *others = (model.stream(X[:3]).update(values) for values in many)
    for other in others:
        np.testing.assert_array_equal(other, first)
    X, y = two_channels
    model = fitted(GRURegressor, X, y, n_channels=2)
    np.testing.assert_array_equal(
        model.stream(X[:1]).update([100.0, 2.0]), model.stream(X[:1]).update([[100.0, 2.0]])
    )


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ([1.0, 2.0], r"shape \(2,\); \(3, 1\) is needed"),
        (1.0, r"shape \(\); \(3, 1\) is needed"),
        (np.ones((3, 2)), r"shape \(3, 2\)"),
        (np.ones((3, 1, 1)), r"shape \(3, 1, 1\)"),
        ([100.0, np.nan, 100.0], "is nan in series 1, channel 0"),
        ([100.0, 100.0, -np.inf], "is -inf in series 2, channel 0"),
        (["a", "b", "c"], "numbers are needed"),
        ([100.0, None, "x"], "numbers are needed"),
        ([1j, 1j, 1j], "numbers are needed"),
        (None, "an array is needed"),
        ([100.0, 1e308, 100.0], "not finite"),
    ],
)
def test_what_cannot_be_used_is_refused_and_changes_nothing(regressor, one_ahead, bad, message):
    X, y = one_ahead
    params = {"nonlinearity": "relu"} if regressor is RNNRegressor else {}
    model = fitted(regressor, X, y, **params)
    stream, twin = model.stream(X[:3]), model.stream(X[:3])
    if message == "not finite" and regressor is not RNNRegressor:
        bad = [100.0, 1e308, 100.0]  # in float32 that is infinity, and infinity less itself NaN
        with torch.no_grad():
            weight = model.net_.module_.recurrent.weight_ih_l0
            weight[0] = 0.0
    with pytest.raises((TypeError, ValueError), match=message):
        stream.update(bad)
    np.testing.assert_array_equal(stream.forecast, twin.forecast)
    np.testing.assert_array_equal(stream.update(X[1:4, -1]), twin.update(X[1:4, -1]))


def test_the_first_windows_are_checked_as_by_predict(one_ahead):
    X, y = one_ahead
    with pytest.raises(ValueError, match="not fitted"):
        LSTMRegressor().stream(X)
    model = fitted(LSTMRegressor, X, y)
    with pytest.raises(ValueError, match="expecting 8 features"):
        model.stream(X[:, 1:])
    with pytest.raises(ValueError, match="contains NaN"):
        model.stream(np.full((1, 8), np.nan))


# ---------------------------------------------------------------- some series of many


def test_series_may_come_at_different_times(regressor, one_ahead):
    X, y = one_ahead
    model = fitted(regressor, X, y, num_layers=2)
    stream = model.stream(X[:3])
    alone = [model.stream(X[k : k + 1]) for k in range(3)]
    rng = np.random.default_rng(0)
    for _ in range(20):
        some = rng.permutation(3)[: rng.integers(1, 4)]
        values = 100 + rng.standard_normal(len(some))
        forecast = stream.update(values, series=some)
        for k, value in zip(some, values, strict=True):
            alone[k].update(value)
        expected = np.concatenate([one.forecast for one in alone])
        np.testing.assert_allclose(forecast, expected, rtol=1e-6)


def test_taken_series_go_on_by_themselves(one_ahead):
    X, y = one_ahead
    model = fitted(LSTMRegressor, X, y, scaling="window")
    stream = model.stream(X[:4])
    stream.update(X[1:5, -1])
    taken, before = stream.take([3, 0]), stream.forecast
    np.testing.assert_array_equal(taken.forecast, before[[3, 0]])
    forecast = taken.update(X[[5, 2], -1])
    np.testing.assert_array_equal(stream.forecast, before)
    np.testing.assert_allclose(forecast, stream.update(X[2:6, -1])[[3, 0]], rtol=1e-6)


@pytest.mark.parametrize("places", [[3], [-1], [0, 0], [], [0.0], 1, [[0]], ["a"]])
def test_places_that_are_none_are_refused(one_ahead, places):
    X, y = one_ahead
    stream = fitted(GRURegressor, X, y).stream(X[:3])
    with pytest.raises(ValueError, match="different places from 0 to 2"):
        stream.take(places)
    with pytest.raises(ValueError, match="different places from 0 to 2"):
        stream.update([1.0], series=places)


# ---------------------------------------------------------------- what it stands on


def by_joblib(stream):
    file = io.BytesIO()
    joblib.dump(stream, file)
    file.seek(0)
    return joblib.load(file)


@pytest.mark.parametrize(
    "copied",
    [lambda s: pickle.loads(pickle.dumps(s)), by_joblib, copy.deepcopy, copy.copy],
    ids=["pickle", "joblib", "deepcopy", "copy"],
)
@pytest.mark.parametrize("scaling", ["standard", "window", None])
def test_a_copy_goes_on_with_the_same_bits(regressor, one_ahead, copied, scaling):
    X, y = one_ahead
    model = fitted(regressor, X / 100, y / 100, scaling=scaling)
    stream = model.stream(X[:3] / 100)
    stream.update(X[1:4, -1] / 100)
    twin = copied(stream)
    assert isinstance(twin, Stream)
    np.testing.assert_array_equal(twin.forecast, stream.forecast)
    for k in range(2, 20):
        step = X[k : k + 3, -1] / 100
        np.testing.assert_array_equal(twin.update(step), stream.update(step))


def test_a_copy_leaves_its_source_alone(regressor, one_ahead):
    X, y = one_ahead
    stream = fitted(regressor, X, y).stream(X[:3])
    before, twin = stream.forecast, copy.copy(stream)
    forecast = twin.update(X[3:4, -1], series=[1])
    assert (forecast != before).tolist() == [False, True, False]
    np.testing.assert_array_equal(stream.forecast, before)


def test_a_stored_state_is_plain_arrays(one_ahead):
    X, y = one_ahead
    stored = fitted(LSTMRegressor, X, y).stream(X[:3]).__getstate__()
    assert set(stored) == {"regressor", "state", "units", "output"}
    assert [part.shape for part in stored["state"]] == [(1, 3, 6), (1, 3, 6)]
    assert {type(part) for part in stored["state"]} == {np.ndarray}


def test_a_later_fit_leaves_a_stream_alone(regressor, one_ahead):
    X, y = one_ahead
    model = fitted(regressor, X, y)
    stream, twin = model.stream(X[:1]), copy.deepcopy(model).stream(X[:1])
    model.set_params(hidden_size=3, scaling="window", loss="quantile").fit(X, y)
    for value in X[1:9, -1]:
        np.testing.assert_array_equal(stream.update(value), twin.update(value))


@pytest.mark.parametrize("train", ["partial_fit", "fit"])
def test_training_on_reaches_a_stream_at_its_next_update(regressor, one_ahead, train):
    X, y = one_ahead
    model = fitted(regressor, X, y, warm_start=True)
    stream = model.stream(X[:1])
    before, state = stream.forecast, [part.clone() for part in stream.state]
    old = copy.deepcopy(stream)
    getattr(model, train)(X, y)
    np.testing.assert_array_equal(stream.forecast, before)
    forecast = stream.update(X[1, -1])
    assert forecast != old.update(X[1, -1])
    module, units = model.net_.module_, stream.units
    x = torch.from_numpy(units.of_windows(X[1, -1].reshape(1, 1, 1))).float()
    h = tuple(state) if len(state) == 2 else state[0]
    with torch.no_grad():
        hidden, _ = module.recurrent(x, h)
        expected = units.restore(module.head(hidden[:, -1]).numpy().astype(float))
    np.testing.assert_allclose(forecast, expected[:, 0], rtol=1e-6)


def test_a_stream_changes_nothing_of_the_regressor(one_ahead):
    X, y = one_ahead
    model = fitted(LSTMRegressor, X, y)
    before, forecast = pickle.dumps(model.net_.module_.state_dict()), model.predict(X)
    stream = model.stream(X[:2])
    returned = stream.update([1.0, 2.0])
    returned[:] = np.nan  # what is given out is a copy
    assert np.isfinite(stream.forecast).all()
    np.testing.assert_array_equal(model.predict(X), forecast)
    assert pickle.dumps(model.net_.module_.state_dict()) == before
    assert repr(stream) == "Stream(LSTMRegressor, n_series=2, n_channels=1, n_outputs=1)"


DEVICES = [
    "cpu",
    pytest.param(
        "cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
    ),
]


@pytest.mark.parametrize("device", DEVICES)
def test_states_live_on_the_device_of_the_network(regressor, series, one_ahead, device):
    X, y = one_ahead
    model = fitted(regressor, X, y, device=device)
    start, ahead = steps_of(series, 3, 9)
    stream = model.stream(start)
    for k in range(9):
        forecast = stream.update(ahead[:, k])
    assert {part.device.type for part in stream.state} == {device}
    twin = pickle.loads(pickle.dumps(stream))
    assert {part.device.type for part in twin.state} == {device}
    np.testing.assert_array_equal(twin.update([1.0, 2.0, 3.0]), stream.update([1.0, 2.0, 3.0]))
    assert {part.device.type for part in stream.take([1]).state} == {device}
    assert len(stream.update([100.0], series=[2])) == 3
    model.net_.module_.cpu()
    grown = np.concatenate([start, ahead], axis=1)
    expected = over_the_grown_window(model, start, grown)
    np.testing.assert_allclose(forecast, expected[:, 0], rtol=1e-4)
