"""The reverse scan: closed forms, and sizes far beyond what a float can hold."""

import math

import numpy as np
import pytest
import torch

from seqforecast.gradients import lag_gradients
from seqforecast.gradients.layer_runs import LayerRun
from seqforecast.gradients.scan import Direct, scan_layers

LONG = 600
DOUBLE, SINGLE = torch.float64, torch.float32


def linear_run(weight, window, n=1, slope=1.0, dtype=DOUBLE):
    """Return the run of h[t] = slope * (W h[t - 1] + x[t]): only slopes and weights matter."""
    weight = torch.as_tensor(weight, dtype=dtype)
    hidden = len(weight)
    states = torch.zeros(n, window, hidden, dtype=dtype)
    return LayerRun(
        x=states,
        previous=states,
        h=states,
        gates={"h": states},
        slopes=torch.full((n, window, 1, hidden), slope, dtype=dtype),
        weight_ih=torch.eye(hidden, dtype=dtype),
        weight_hh=weight,
    )


def scan(run, cotangent):
    """Scan one layer with a loss at the last step; return the scan, dh and da."""
    last = run.h.shape[1] - 1
    (found,), dx = scan_layers([run], [Direct({last: cotangent})], last=last)
    dh, _, da = found.true_values()
    return found, dh, da, dx


def log10_curve(gradient):
    """Return log10 of the root mean square by lag, and where no float64 was near underflow."""
    gradient = gradient.flip(2).numpy()
    size = np.abs(gradient).max((1, 3), keepdims=True)
    size[size == 0] = 1
    squares = ((gradient / size) ** 2).sum(3).mean(1)
    known = np.abs(gradient).min((1, 3)) > 1e-290
    with np.errstate(divide="ignore"):
        return 0.5 * np.log10(squares) + np.log10(size[:, 0, :, 0]), known


# Closed forms -------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [SINGLE, DOUBLE])
@pytest.mark.parametrize("own", [False, True])
def test_scalar_weight_of_a_half_passes_two_to_the_minus_17_exactly(dtype, own, layer_of):
    layer = layer_of("RNN-relu", 1, 1, own=own).to(dtype)
    for name, value in (("weight_hh", 0.5), ("weight_ih", 1), ("bias_ih", 0), ("bias_hh", 0)):
        torch.nn.init.constant_(getattr(layer, f"{name}_l0"), value)
    ones = torch.ones(1, 20, 1, dtype=dtype)
    found = lag_gradients(layer, ones, ones[:, 0])
    assert found.dh[0, 0, 2].item() == 7.62939453125e-06 == 2**-17
    assert found.dh[0, 0, :, 0].tolist() == [2.0 ** (t - 19) for t in range(20)]
    assert found.dx.flatten().tolist() == found.dh.flatten().tolist()
    np.testing.assert_allclose(found.lag_curve[0], 0.5 ** np.arange(20), rtol=1e-13)


def test_linear_recurrence_passes_the_power_of_the_matrix(normal):
    weight = torch.tensor([[0.5, 10.0], [0.0, 0.5]], dtype=DOUBLE)  # rho 0.5, yet it grows first
    cotangent = normal(3, 2)
    _, dh, _, dx = scan(linear_run(weight, 13, n=3), cotangent)
    for k in range(13):
        expected = cotangent @ torch.linalg.matrix_power(weight, k)
        torch.testing.assert_close(dh[:, 12 - k], expected, rtol=0, atol=1e-13)
    assert torch.equal(dx, dh)


def test_slope_of_a_fifth_and_weight_of_100_give_80_then_1600():
    _, _, da, _ = scan(linear_run([[100.0]], 4, slope=0.2), torch.ones(1, 1, dtype=DOUBLE))
    one, two, three, four = da.flatten().flip(0).tolist()
    assert three == pytest.approx(0.2**3 * 100**2, rel=1e-15) == pytest.approx(80, rel=1e-15)
    assert four == pytest.approx(1600, rel=1e-15)
    assert (one, two) == pytest.approx((0.2, 4), rel=1e-15)


def test_orthogonal_recurrence_gives_a_constant_curve(normal):
    weight = torch.linalg.qr(normal(6, 6))[0]
    found, _, _, _ = scan(linear_run(weight, LONG, n=3), normal(3, 6))
    assert np.ptp(found.log10_curve()) < 1e-12  # 600 products
    assert found.log10_curve()[0] == pytest.approx(
        math.log10(normal(3, 6).square().sum(1).mean().sqrt()), abs=1e-14
    )


def test_permutation_of_positive_states_gives_a_constant_curve(layer_of, normal):
    layer = layer_of("RNN-relu", 2, 5, bias=False)
    with torch.no_grad():
        layer.weight_hh_l0.copy_(torch.eye(5).roll(1, 0))
        layer.weight_ih_l0.abs_()
    found = lag_gradients(layer, normal(3, 20, 2).abs(), normal(3, 5))
    assert np.ptp(found.log10_curve) < 1e-14


def test_lstm_without_recurrent_weights_passes_the_product_of_f(layer_of, normal):
    layer = layer_of("LSTM", 2, 5)
    torch.nn.init.zeros_(layer.weight_hh_l0)
    found = lag_gradients(layer, normal(3, 30, 2), normal(3, 5))
    dc, f = found.dc[0], found.gates["f"][0]
    for t in range(30):
        expected = dc[:, -1] * f[:, t + 1 :].prod(dim=1)
        torch.testing.assert_close(dc[:, t], expected, rtol=1e-12, atol=0)
    assert not found.dh[0, :, :-1].any()


def test_gru_without_recurrent_weights_passes_the_product_of_z(layer_of, normal):
    layer = layer_of("GRU", 2, 5)
    torch.nn.init.zeros_(layer.weight_hh_l0)
    found = lag_gradients(layer, normal(3, 30, 2), normal(3, 5))
    dh, z = found.dh[0], found.gates["z"][0]
    for t in range(30):
        expected = dh[:, -1] * z[:, t + 1 :].prod(dim=1)
        torch.testing.assert_close(dh[:, t], expected, rtol=1e-12, atol=0)


# Sizes beyond a float -----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["RNN-tanh", "LSTM", "GRU"])
@pytest.mark.parametrize("num_layers", [1, 2])
def test_vanishing_gradient_is_known_at_every_lag(kind, num_layers, layer_of, loop_twin, normal):
    layer = layer_of(kind, 2, 4, num_layers)
    x, cotangent = normal(3, LONG, 2), normal(3, 4)
    twin = loop_twin(layer, kind)
    (twin(x)[0][:, -1] * cotangent).sum().backward()
    expected, known = log10_curve(twin.gradients().dc if kind == "LSTM" else twin.gradients().dh)
    assert known.mean() > 0.5

    exact = lag_gradients(layer, x, cotangent)
    assert np.isfinite(exact.log10_curve).all()
    np.testing.assert_allclose(exact.log10_curve[known], expected[known], rtol=0, atol=1e-9)
    # 600 steps in float32, each rounded to 1e-7 of what the cancelling terms are.
    found = lag_gradients(layer.float(), x.float(), cotangent.float())
    np.testing.assert_allclose(found.log10_curve, exact.log10_curve, rtol=0, atol=2e-3)
    assert found.log10_curve[:, -1].max() < -80
    state = found.dh if found.dc is None else found.dc
    assert not state[:, :, 0].any()  # what float32 itself makes of it
    assert np.isfinite(found.lag_curve).all()
    assert found.lag_curve.max() == 1


@pytest.mark.parametrize("dtype", [SINGLE, DOUBLE])
@pytest.mark.parametrize("window", [100, 900])
def test_exploding_gradient_is_infinite_at_worst(dtype, window, layer_of):
    layer = layer_of("RNN-tanh", 1, 1, bias=False).to(dtype)
    torch.nn.init.constant_(layer.weight_hh_l0, 3)
    # States of zero: all slopes are 1, while the gradient grows to 3**window.
    zeros = torch.zeros(1, window, 1, dtype=dtype)
    found = lag_gradients(layer, zeros, torch.ones(1, 1, dtype=dtype))
    # float32: 900 powers, each rounded to 6e-8.
    rtol = 1e-13 if dtype == DOUBLE else 1e-7
    np.testing.assert_allclose(
        found.log10_curve[0], np.arange(window) * math.log10(3), rtol=rtol, atol=1e-12
    )
    assert not any(part.isnan().any() for part in (found.dh, found.dx, found.da))
    overflows = 3.0 ** min(window - 1, 600) > torch.finfo(dtype).max
    assert found.dh[0, 0, 0].isinf().item() == (overflows or window == 900)
    assert found.lag_curve[0, -1] == 1
    assert not np.isnan(found.lag_curve).any()


def test_dead_units_are_an_exact_zero(layer_of, normal):
    layer = layer_of("RNN-relu", 1, 4, bias=False).float()
    torch.nn.init.ones_(layer.weight_ih_l0)
    torch.nn.init.ones_(layer.weight_hh_l0)
    x = torch.ones(2, 30, 1)
    x[:, 20] = -1e30  # no state survives this step
    found = lag_gradients(layer, x, normal(2, 4).abs().float())
    assert np.isfinite(found.log10_curve[0, :10]).all()
    assert (found.log10_curve[0, 10:] == -math.inf).all()
    assert not found.lag_curve[0, 10:].any()
    assert not found.dh[0, :, :20].any()


def test_layers_of_widely_different_size_are_each_exact(layer_of, loop_twin, normal):
    layer = layer_of("RNN-tanh", 2, 4, num_layers=3)
    with torch.no_grad():
        layer.weight_ih_l2.mul_(1e-25)  # what the layers below receive
        layer.weight_hh_l2.mul_(0.3)  # vanishes at once
        layer.weight_hh_l0.copy_(
            2 * torch.linalg.qr(normal(4, 4))[0]
        )  # explodes while states are small
        layer.weight_ih_l0.mul_(1e-3)
        layer.bias_ih_l0.zero_(), layer.bias_hh_l0.zero_()
    x, cotangent = 1e-3 * normal(3, 40, 2), normal(3, 4)
    twin = loop_twin(layer, "RNN-tanh")
    (twin(x)[0][:, -1] * cotangent).sum().backward()
    expected, known = log10_curve(twin.gradients().dh)
    assert known.all()
    assert np.ptp(expected) > 30
    for dtype, atol in ((DOUBLE, 1e-12), (SINGLE, 1e-4)):
        found = lag_gradients(layer.to(dtype), x.to(dtype), cotangent.to(dtype))
        np.testing.assert_allclose(found.log10_curve, expected, rtol=0, atol=atol)


def test_direct_gradient_at_a_step_joins_one_that_has_vanished():
    run = linear_run([[1e-3]], LONG, dtype=SINGLE)
    one = torch.ones(1, 1)
    (found,), _ = scan_layers([run], [Direct({LONG - 1: one, 100: one})], last=LONG - 1)
    curve = found.log10_curve()
    np.testing.assert_allclose(curve[: LONG - 101], -3 * np.arange(LONG - 101), atol=1e-3)
    np.testing.assert_allclose(curve[LONG - 101 :], -3 * np.arange(101), atol=1e-4)
    dh = found.true_values()[0]
    assert dh[0, 100, 0] == 1
    assert dh[0, 99, 0].item() == pytest.approx(1e-3, rel=1e-6)
