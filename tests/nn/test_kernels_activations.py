"""tanh, sigmoid and relu of each instruction set: error, bounds, NaN and infinity."""

import numpy as np
import pytest
import torch

from seqforecast import _kernels

CELLS = ["tanh", "relu", "lstm", "gru"]
UNITS = 64
"""Whole vectors of every instruction set: each value passes through some lane of one."""

EPS = 2.0**-24
"""Largest relative rounding error of float32."""


@pytest.fixture(scope="module")
def arguments():
    """Values of all sizes, sorted: dense where the functions bend, and any bits at all."""
    rng = np.random.default_rng(0)
    bits = rng.integers(0, 2**32, 60_000, dtype=np.uint32).view(np.float32)
    tiny = np.logspace(-30, 0, 20_000)
    values = [np.linspace(-100, 100, 60_000), np.linspace(-3, 3, 60_000), tiny, -tiny, [0.0]]
    values = np.concatenate([*values, bits[np.isfinite(bits)]]).astype(np.float32)
    values = np.sort(values[: len(values) // UNITS * UNITS])
    return torch.from_numpy(values)


def through_identity(layer, values, state=None):
    """Run one step in which unit j sees the j-th of 64 inputs, for some of its gates."""
    with torch.no_grad():
        return layer(values.reshape(-1, 1, UNITS), state)


def tanh_of(kernels, values):
    layer = kernels.layer("tanh", UNITS, UNITS)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.zero_()
        layer.weight_ih_l0.copy_(torch.eye(UNITS))
    return through_identity(layer, values)[0].flatten()


def sigmoid_of(kernels, values):
    """Return what is left of a memory of one: the forget gate."""
    layer = kernels.layer("lstm", UNITS, UNITS)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.zero_()
        layer.weight_ih_l0[UNITS : 2 * UNITS] = torch.eye(UNITS)
    n = values.numel() // UNITS
    start = torch.zeros(1, n, UNITS), torch.ones(1, n, UNITS)
    return through_identity(layer, values, start)[1][1].flatten()


@pytest.mark.usefixtures("variant")
def test_tanh_is_within_its_error_bound(kernels, arguments):
    found = tanh_of(kernels, arguments).double()
    expected = torch.tanh(arguments.double())
    # The polynomial errs by 2.1e-8, its argument by a rounding, which tanh makes no larger;
    # then four operations. Denormal numbers become zero.
    relative = (found - expected).abs() / expected.abs().clamp_min(1e-30)
    assert relative.max() <= 6 * EPS
    assert found.abs().max() <= 1
    drops = (found.diff() / expected[1:].abs().clamp_min(1e-30)).min()
    assert drops >= -6 * EPS  # never falls by more than it errs


@pytest.mark.usefixtures("variant")
def test_sigmoid_is_within_its_error_bound(kernels, arguments):
    found = sigmoid_of(kernels, arguments).double()
    expected = torch.sigmoid(arguments.double())
    error = (found - expected).abs()
    assert error.max() <= 4 * EPS
    # x log2(e) is rounded by |x| EPS, and log2(e) itself by 0.22 EPS: the exponential turns that
    # into a relative error. From -83 on the function stays at 2**-120.
    tail = arguments > -83
    relative = error[tail] / expected[tail]
    assert (relative <= (4 + 1.25 * arguments[tail].abs().clamp_max(100)) * EPS).all()
    assert (found[~tail] <= 2.0**-119).all()
    assert found.min() > 0
    assert found.max() <= 1
    assert found.diff().min() >= -4 * EPS


@pytest.mark.usefixtures("variant")
@pytest.mark.parametrize("value", [0.0, -0.0])
def test_activations_of_zero_are_exact(kernels, value):
    zeros = torch.full((UNITS,), value)
    assert (tanh_of(kernels, zeros) == 0).all()
    assert (sigmoid_of(kernels, zeros) == 0.5).all()


def both(kernels, cell, x, monkeypatch):
    """Run forward and back by our kernels, then by torch's."""
    found = []
    for ours in (True, False):
        if not ours:
            monkeypatch.setattr(_kernels, "VARIANT", None)
        layer, x = kernels.layer(cell, 3, 21), x.clone().requires_grad_()
        output, _ = layer(x)
        (gradient,) = torch.autograd.grad(output.sum(), [x])
        found.append((output.detach(), gradient))
    return found


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf, 3e38, -3e38, 1e-40])
@pytest.mark.usefixtures("variant")
def test_odd_value_passes_through_its_window_as_in_torch(kernels, cell, value, monkeypatch):
    x = torch.randn(37, 6, 3, generator=torch.Generator().manual_seed(0))
    odd = x.clone()
    odd[5, 2, 1] = value
    with monkeypatch.context() as patch:
        (plain, plain_gradient), _ = both(kernels, cell, x, patch)
    (found, gradient), (expected, expected_gradient) = both(kernels, cell, odd, monkeypatch)
    # The other windows do not notice, to the last bit.
    others = torch.arange(37) != 5
    assert torch.equal(found[others], plain[others])
    assert torch.equal(gradient[others], plain_gradient[others])
    assert torch.equal(found[5, :2], plain[5, :2])
    # Two float32 kernels, some tens of terms; a value of 1e38 is exact or saturates.
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6, equal_nan=True)
    if abs(value) != torch.inf:  # whose product with the zeros that pad the units is NaN
        torch.testing.assert_close(
            gradient, expected_gradient, rtol=1e-5, atol=1e-6, equal_nan=True
        )
    if value != value:
        assert found[5, 2:].isnan().all()


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.usefixtures("variant")
def test_nan_in_a_weight_reaches_every_window(kernels, cell):
    layer = kernels.layer(cell, 3, 21)
    with torch.no_grad():
        layer.weight_hh_l0[0, 0] = torch.nan
        output, _ = layer(torch.randn(37, 3, 3, generator=torch.Generator().manual_seed(0)))
    assert output[:, 2].isnan().any(1).all()


@pytest.mark.parametrize("cell", ["tanh", "lstm", "gru"])
@pytest.mark.parametrize("size", [1e4, 1e30])
@pytest.mark.usefixtures("variant")
def test_saturated_cells_stay_bounded_and_their_gradients_finite(kernels, cell, size):
    layer = kernels.layer(cell, 3, 21)
    x = size * torch.randn(9, 5, 3, generator=torch.Generator().manual_seed(0))
    output, _ = layer(x.requires_grad_())
    output.sum().backward()
    assert output.abs().max() <= 1
    assert all(t.grad.isfinite().all() for t in (x, *layer.parameters()))
