"""What gates do, against plain numpy; and the time scales that chrono initialisation promises."""

import math

import numpy as np
import pytest
import torch

from seqforecast.gradients import gate_statistics, lag_gradients, time_scale
from seqforecast.nn import forget_gate_bias_

KINDS = {"LSTM": "f", "GRU": "z"}


@pytest.mark.parametrize(
    ("name", "tanh"),
    [("i", 0), ("f", 0), ("o", 0), ("r", 0), ("z", 0), ("g", 1), ("n", 1), ("h", 1)],
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_gate_statistics_equal_numpy(name, tanh, dtype, normal):
    a = 3 * normal(2, 5, 7, 4).to(dtype)  # layers, windows, steps, units
    gate = a.tanh() if tanh else a.sigmoid()
    found = gate_statistics({name: gate})[name]
    values = gate.numpy().astype(np.float64)
    np.testing.assert_allclose(found.mean, values.mean((1, 2)), rtol=1e-12)
    low = values < (-0.9 if tanh else 0.1)
    assert 0 < low.mean() < 1
    np.testing.assert_allclose(found.low, low.mean((1, 2)), rtol=1e-12)
    np.testing.assert_allclose(found.high, (values > 0.9).mean((1, 2)), rtol=1e-12)
    assert found.mean.shape == (2, 4)
    assert found.mean.dtype == np.float64


def test_gate_statistics_keeps_the_gates_apart_and_in_order(layer_of, normal):
    gates = lag_gradients(layer_of("LSTM"), normal(3, 6, 3), normal(3, 4)).gates
    found = gate_statistics(gates)
    assert list(found) == ["i", "f", "g", "o"]
    for name, gate in gates.items():
        np.testing.assert_allclose(found[name].mean, gate.numpy().mean((1, 2)), rtol=1e-12)


@pytest.mark.parametrize("keep", [0.001, 0.25, 0.5, 0.9, 0.999, 1 - 1e-9])
def test_time_scale_of_a_constant_gate_is_the_closed_form(keep):
    gate = torch.full((1, 3, 5, 2), keep, dtype=torch.float64)
    # The logarithm of a number near 1 is rounded to 1e-16.
    np.testing.assert_allclose(time_scale(gate), 1 / (1 - keep), rtol=1e-6)
    np.testing.assert_allclose(
        time_scale(torch.full((1, 3, 5, 2), 0.75)), np.full((1, 2), 4.0), rtol=1e-12
    )


def test_time_scale_of_a_varying_gate_is_that_of_its_geometric_mean(normal):
    gate = normal(2, 4, 9, 3).sigmoid()
    mean = np.prod(gate.numpy(), axis=(1, 2)) ** (1 / 36)
    np.testing.assert_allclose(time_scale(gate), 1 / (1 - mean), rtol=1e-12)


@pytest.mark.parametrize(("value", "steps"), [(1.0, math.inf), (0.0, 1.0)])
def test_time_scale_of_a_gate_that_never_moves(value, steps):
    assert time_scale(torch.full((1, 2, 3, 2), value)).tolist() == [[steps, steps]]


@pytest.mark.parametrize(("kind", "keep"), KINDS.items())
def test_time_scales_of_chrono_fill_the_window(kind, keep, layer_of, normal):
    window, hidden = 96, 200
    layer = layer_of(kind, 1, hidden)
    forget_gate_bias_(layer, "chrono", window=window, generator=torch.Generator().manual_seed(0))
    for weight in (layer.weight_ih_l0, layer.weight_hh_l0):
        torch.nn.init.zeros_(weight)
    gates = lag_gradients(layer, normal(2, window, 1), normal(2, hidden)).gates
    steps = time_scale(gates[keep])[0]
    # 1 / (1 - sigmoid(log U)) = 1 + U, with U uniform on [1, window - 1].
    assert steps.min() >= 2 - 1e-9
    assert steps.max() <= window + 1e-9
    assert np.abs(np.sort(steps) - np.linspace(2, window, hidden)).max() < 12
    fresh = lag_gradients(layer_of(kind, 1, hidden), normal(2, window, 1), normal(2, hidden))
    assert time_scale(fresh.gates[keep]).max() < 3  # torch's own values: about 2 steps each
