"""What each lag adds to the gradient of the recurrent weights, against the matrices themselves."""

import dataclasses

import numpy as np
import pytest
import torch

from seqforecast.gradients import lag_gradients
from seqforecast.gradients.weight_gradients import weight_gradient_by_lag

KINDS = ["RNN-tanh", "RNN-relu", "LSTM", "GRU"]
WINDOW, HIDDEN = 6, 4


def formed(gradients):
    """Return the matrices of all layers and steps, in the order of time."""
    return torch.einsum("lbti,lbtj->ltij", gradients.da, gradients.h_before)


def by_forming(gradients, last=WINDOW - 1):
    return torch.linalg.matrix_norm(formed(gradients))[:, : last + 1].flip(1)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n", [1, 5])
@pytest.mark.parametrize("step", [-1, 2])
def test_norms_equal_those_of_the_formed_matrices(kind, n, step, layer_of, normal):
    layer, x = layer_of(kind, num_layers=2), normal(n, WINDOW, 3)
    gradients = lag_gradients(layer, x, normal(n, HIDDEN, seed=2), step=step)
    last = step % WINDOW
    found = weight_gradient_by_lag(gradients)
    assert found.shape == (2, last + 1)
    np.testing.assert_allclose(found, by_forming(gradients, last), rtol=1e-12, atol=1e-17)
    assert (found[:, -1] == 0).all()  # the state before the first step is zero
    # Lag 0 comes first: its gradient has not passed a single step.
    assert found[1, 0] > 0


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n", [1, 5])
def test_parts_add_up_to_the_gradient_of_autograd(kind, n, layer_of, normal):
    layer, x, cotangent = layer_of(kind, num_layers=2), normal(n, WINDOW, 3), normal(n, HIDDEN)
    gradients = lag_gradients(layer, x, cotangent)
    (layer(x)[0][:, -1] * cotangent).sum().backward()
    for k, total in enumerate(formed(gradients).sum(1)):
        autograd = getattr(layer, f"weight_hh_l{k}").grad
        torch.testing.assert_close(total, autograd, rtol=0, atol=1e-12)
    # With two steps all of it comes from the last: the norm is that of autograd.
    layer.zero_grad()
    (layer(x[:, :2])[0][:, -1] * cotangent).sum().backward()
    found = weight_gradient_by_lag(lag_gradients(layer, x[:, :2], cotangent))
    expected = [getattr(layer, f"weight_hh_l{k}").grad.norm().item() for k in (0, 1)]
    np.testing.assert_allclose(found[1], [expected[1], 0], rtol=1e-12)
    assert found[0, 0] == pytest.approx(expected[0], rel=1e-12)


def test_small_gradients_do_not_underflow(layer_of, normal):
    layer, x = layer_of("LSTM"), normal(5, WINDOW, 3)
    expected = weight_gradient_by_lag(lag_gradients(layer, x, normal(5, HIDDEN)))
    small = lag_gradients(layer, x, normal(5, HIDDEN) * 2.0**-900)
    np.testing.assert_allclose(weight_gradient_by_lag(small), expected * 2.0**-900, rtol=1e-12)


def test_float32_is_summed_in_float64(layer_of, normal):
    layer, x = layer_of("LSTM").float(), normal(5, WINDOW, 3).float()
    gradients = lag_gradients(layer, x, normal(5, HIDDEN).float() * 2.0**-90)
    found = weight_gradient_by_lag(gradients)
    double = dataclasses.replace(
        gradients, da=gradients.da.double(), h_before=gradients.h_before.double()
    )
    np.testing.assert_allclose(found, by_forming(double), rtol=1e-12)


def test_windows_that_cancel_leave_zero(layer_of, normal):
    layer, x = layer_of("GRU"), normal(1, WINDOW, 3)
    x, cotangent = torch.cat([x, x, x]), normal(1, HIDDEN)
    cotangent = torch.cat([cotangent, -3 * cotangent, 2 * cotangent])
    found = weight_gradient_by_lag(lag_gradients(layer, x, cotangent))
    assert (found >= 0).all()
    assert found.max() < 1e-7


def test_no_gradient_at_all_is_zero(layer_of, normal):
    gradients = lag_gradients(layer_of("LSTM"), normal(2, WINDOW, 3), torch.zeros(2, 4).double())
    assert not weight_gradient_by_lag(gradients).any()


def test_gradient_that_is_not_finite_is_nan_at_its_step_alone(layer_of, normal):
    gradients = lag_gradients(layer_of("RNN-tanh"), normal(2, WINDOW, 3), normal(2, HIDDEN))
    da = gradients.da.clone()
    da[0, 0, 3, 0] = torch.nan
    found = weight_gradient_by_lag(dataclasses.replace(gradients, da=da))
    assert np.flatnonzero(np.isnan(found)).tolist() == [2]
