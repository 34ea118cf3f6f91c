"""One look at a network, and the record of all: against autograd through a plain loop."""

import math
import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.lib.stride_tricks import sliding_window_view

from seqforecast import GRURegressor, LSTMRegressor, RNNRegressor
from seqforecast.gradients import effective_memory, half_life
from seqforecast.gradients.gate_statistics import GateStatistics
from seqforecast.gradients.gradient_flow import (
    GradientFlow,
    Snapshot,
    input_sensitivity,
    probe_rows,
    take_snapshot,
)

WINDOW, HIDDEN, ROWS = 7, 4, 40
GATES = {RNNRegressor: ["h"], LSTMRegressor: ["i", "f", "g", "o"], GRURegressor: ["r", "z", "n"]}


def data(n_outputs=1, n_channels=1):
    rng = np.random.default_rng(0)
    series = rng.normal(size=(ROWS + WINDOW, n_channels)).cumsum(0)
    X = sliding_window_view(series[:-1], WINDOW, axis=0).swapaxes(1, 2)
    return X, rng.normal(size=(ROWS, n_outputs)).squeeze()


def fit(kind=LSTMRegressor, n_outputs=1, n_channels=1, **params):
    params = {"hidden_size": HIDDEN, "max_epochs": 2, "random_state": 0, **params}
    return kind(n_channels=n_channels, **params).fit(*data(n_outputs, n_channels))


def probe_windows(model, X):
    """Return the windows that a fit looks at, scaled as its network takes them."""
    rows = [round(k * (len(X) - 1) / 15) for k in range(16)]
    return model.net_.inputs(X[rows])


def states_of_lstm(network, x):
    """Run an LSTM of the package by the equations; return its cell states, layer by layer."""
    layer, inputs, cells = network.recurrent, list(x.unbind(1)), []
    for k in range(layer.num_layers):
        w_ih, w_hh, b_ih, b_hh = layer.layer_parameters(k)
        h = c = torch.zeros(len(x), HIDDEN, dtype=x.dtype)
        cells.append([])
        for t, value in enumerate(inputs):
            i, f, g, o = (value @ w_ih.T + b_ih + h @ w_hh.T + b_hh).chunk(4, dim=1)
            c = f.sigmoid() * c + i.sigmoid() * g.tanh()
            c.retain_grad()
            h = inputs[t] = o.sigmoid() * c.tanh()
            cells[k].append(c)
    return cells, network.head(inputs[-1])


# The numbers --------------------------------------------------------------------------------------


@pytest.mark.parametrize("num_layers", [1, 2])
@pytest.mark.parametrize("n_channels", [1, 2])
def test_scale_times_lag_curve_is_the_gradient_of_the_forecast(num_layers, n_channels):
    model = fit(num_layers=num_layers, n_channels=n_channels)
    x = probe_windows(model, data(1, n_channels)[0]).double()
    cells, forecast = states_of_lstm(model.net_.module_.double(), x)
    forecast.sum().backward()
    flow = model.gradient_flow_
    for k in range(num_layers):
        norms = [c.grad.square().sum(1).mean().sqrt().item() for c in reversed(cells[k])]
        found = flow.scale[-1, k] * flow.lag_curve[-1, k]
        np.testing.assert_allclose(found, norms, rtol=1e-4)  # the fit measures in float32
        assert flow.spread[-1, k].shape == (HIDDEN,)


@pytest.mark.parametrize("kind", GATES)
@pytest.mark.parametrize("n_outputs", [1, 3])
@pytest.mark.parametrize(
    "params", [{}, {"loss": "quantile", "quantiles": (0.1, 0.2, 0.9)}, {"num_layers": 2}]
)
def test_input_sensitivity_is_the_derivative_of_the_point_forecast(kind, n_outputs, params):
    model = fit(kind, n_outputs, n_channels=2, **params)
    X = data(n_outputs, 2)[0]
    leaf = probe_windows(model, X).requires_grad_()
    forecast = model.net_.module_(leaf)
    if "loss" in params:
        forecast = forecast[..., model.quantiles_.index(0.5)]
    found = model.gradient_flow_.input_sensitivity
    assert found.shape == (n_outputs, WINDOW, 2)
    for j in range(n_outputs):
        (gradient,) = torch.autograd.grad(forecast[:, j].sum(), leaf, retain_graph=True)
        expected = gradient.abs().mean(0).flip(0).numpy()  # by lag
        np.testing.assert_allclose(found[j], expected, rtol=1e-4, atol=1e-6)  # float32


def test_input_sensitivity_is_in_the_units_of_the_forecast():
    model = fit()
    X, y = data()
    rows = [round(k * (ROWS - 1) / 15) for k in range(16)]
    high, low = X[rows].copy(), X[rows].copy()
    step = 1e-2 * X.std()
    high[:, -3] += step
    low[:, -3] -= step
    slope = np.abs((model.predict(high) - model.predict(low)) / (2 * step)).mean()
    in_deviations = slope * X.std() / y.std()
    # float32 and a difference of 1 % of a deviation.
    found = model.gradient_flow_.input_sensitivity[0, 2, 0]
    assert found == pytest.approx(in_deviations, rel=0.05)


def test_point_forecast_is_the_prediction():
    for params in ({}, {"loss": "quantile", "quantiles": (0.1, 0.9)}):
        model = fit(n_outputs=3, **params)
        X, y = data(3)
        with torch.no_grad():
            forecast = model.net_.point_forecast(model.net_.inputs(X)).numpy()
        np.testing.assert_allclose(
            forecast * y.std(0) + y.mean(0), model.predict(X), rtol=0, atol=1e-5
        )


def test_signs_of_several_outputs_keep_the_sum_of_squares():
    n_outputs, n = 4, 400
    model = fit(n_outputs=n_outputs)
    network, x = (
        model.net_.module_,
        torch.randn(n, WINDOW, 1, generator=torch.Generator().manual_seed(0)),
    )
    together, probe = take_snapshot(network, lambda: network(x), epoch=0)
    squares = 0.0
    for j in range(n_outputs):
        alone, _ = take_snapshot(network, lambda j=j: network(x)[:, j : j + 1], epoch=0)
        squares = squares + 10 ** (2 * alone.log10_curve)
    # The cross terms of 400 windows with random signs leave a few per cent.
    np.testing.assert_allclose(10 ** (2 * together.log10_curve), squares, rtol=0.2)
    again, _ = take_snapshot(network, lambda: network(x), epoch=0)
    assert np.array_equal(again.log10_curve, together.log10_curve)
    assert input_sensitivity(probe).shape == (n_outputs, WINDOW, 1)


def test_spread_and_gates_equal_numpy():
    model = fit(GRURegressor)
    X = probe_windows(model, data()[0])
    with torch.no_grad():
        states = model.net_.module_.recurrent(X)[0].double().numpy()
    flow = model.gradient_flow_
    np.testing.assert_allclose(flow.spread[-1, 0], states.std((0, 1)), rtol=1e-5)
    assert np.array_equal(flow.time_scale[-1, 0] > 1, np.ones(HIDDEN, dtype=bool))
    # By the geometric mean, at most what the arithmetic one gives.
    assert (flow.time_scale <= 1 / (1 - flow.gates["z"].mean) + 1e-9).all()


# The record ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", GATES)
@pytest.mark.parametrize("n_outputs", [1, 3])
@pytest.mark.parametrize("num_layers", [1, 2])
@pytest.mark.parametrize("n_channels", [1, 2])
def test_shapes_of_all_fields(kind, n_outputs, num_layers, n_channels):
    flow = fit(kind, n_outputs, n_channels, num_layers=num_layers).gradient_flow_
    by_layer, by_unit = (3, num_layers), (3, num_layers, HIDDEN)
    assert flow.epochs.tolist() == [0, 1, 2]
    assert flow.epochs.dtype.kind == "i"
    assert flow.lag_curve.shape == (*by_layer, WINDOW)
    assert flow.scale.shape == by_layer
    assert flow.spread.shape == by_unit
    assert flow.input_sensitivity.shape == (n_outputs, WINDOW, n_channels)
    assert list(flow.gates) == GATES[kind]
    for gate in flow.gates.values():
        assert gate.mean.shape == gate.low.shape == gate.high.shape == by_unit
    assert kind is RNNRegressor or flow.time_scale.shape == by_unit
    assert (flow.time_scale is None) == (kind is RNNRegressor)
    assert (flow.lag_curve.max(-1) == 1).all()
    assert (flow.lag_curve >= 0).all()
    assert (flow.scale > 0).all()
    assert flow.effective_memory.shape == flow.half_life.shape == by_layer
    for i in range(3):
        for k in range(num_layers):
            curve = flow.lag_curve[i, k]
            assert flow.effective_memory[i, k] == effective_memory(curve)
            assert flow.half_life[i, k] == half_life(curve)
    for array in (flow.lag_curve, flow.scale, flow.spread, flow.input_sensitivity):
        assert array.dtype == np.float64


def hand_made(curves, epochs):
    """Return the record of these log10 curves, (n_records, n_layers, window)."""
    gate = GateStatistics(*(np.zeros((2, 1)) for _ in range(3)))
    snapshots = [
        Snapshot(epoch, np.array(curve), {"h": gate}, None, np.ones((2, 1)))
        for epoch, curve in zip(epochs, curves, strict=True)
    ]
    return GradientFlow.of(snapshots, np.zeros((1, 3, 1)))


def test_frame_has_a_row_an_epoch_layer_and_lag():
    curves = np.log10(np.arange(1.0, 13.0).reshape(2, 2, 3))
    flow = hand_made(curves, [0, 5])
    frame = flow.frame()
    assert isinstance(frame, pd.DataFrame)
    assert list(frame.columns) == ["epoch", "layer", "lag", "gradient"]
    assert len(frame) == 12
    for (i, epoch), k, lag in [
        ((i, e), k, j) for i, e in enumerate((0, 5)) for k in (0, 1) for j in range(3)
    ]:
        row = frame[(frame.epoch == epoch) & (frame.layer == k) & (frame.lag == lag)]
        assert row.gradient.tolist() == [flow.lag_curve[i, k, lag]]
    np.testing.assert_allclose(flow.lag_curve[1, 0], [7 / 9, 8 / 9, 1])
    np.testing.assert_allclose(flow.scale, [[3, 6], [9, 12]])


def test_sizes_beyond_a_float_and_zeros_are_said_without_a_warning():
    flow = hand_made([[[-400, -500, -600], [-math.inf] * 3], [[400, 399, 398], [0, 0, 0]]], [0, 1])
    np.testing.assert_allclose(flow.lag_curve[0, 0], [1, 1e-100, 1e-200], rtol=1e-12)
    np.testing.assert_allclose(flow.lag_curve[1, 0], [1, 0.1, 0.01], rtol=1e-12)
    assert not flow.lag_curve[0, 1].any()
    assert flow.scale.tolist() == [[0, 0], [math.inf, 1]]
    assert flow.effective_memory.tolist() == [[1, 0], [2, 3]]


def test_pickle_keeps_everything():
    flow = fit(num_layers=2).gradient_flow_
    assert flow.half_life is flow.half_life  # worked out once
    again = pickle.loads(pickle.dumps(flow))
    for name in ("epochs", "lag_curve", "scale", "time_scale", "spread", "input_sensitivity"):
        assert np.array_equal(getattr(again, name), getattr(flow, name))
    assert np.array_equal(again.effective_memory, flow.effective_memory)
    assert np.array_equal(again.gates["f"].high, flow.gates["f"].high)


def test_repr_tells_records_window_epochs_and_memory():
    flow = hand_made([[[0, -9, -9]] * 2, [[0, 0, -9]] * 2, [[0, 0, 0]] * 2], [0, 1, 8])
    assert repr(flow) == (
        "<GradientFlow: 3 record(s) of 2 layer(s), window 3, epochs 0 to 8, effective memory "
        "1 -> 3 steps>"
    )
    assert "effective memory 3 steps>" in repr(hand_made([[[0, 0, 0]] * 2], [4]))


@pytest.mark.parametrize("n", [1, 2, 15, 16, 17, 31, 100, 10_007])
@pytest.mark.parametrize("n_windows", [1, 2, 16])
def test_probe_rows_are_different_and_spread_over_all(n, n_windows):
    rows = probe_rows(n, n_windows)
    assert len(rows) == len(set(rows.tolist())) == min(n, n_windows)
    assert rows[0] == 0
    if n_windows > 1:
        assert rows[-1] == n - 1
        assert np.ptp(np.diff(rows)) <= 1 if n > 1 else True
