"""The two usual ways to look at gradients through time, and what each of them gets wrong."""

import numpy as np
import pytest
import torch

from seqforecast.gradients import lag_gradients

N, WINDOW, HIDDEN = 4, 24, 8


def norms(gradient):
    """Return the norm at each step of (n, window, hidden)."""
    return gradient.square().sum((0, 2)).sqrt()


@pytest.mark.parametrize("kind", ["RNN-tanh", "LSTM", "GRU"])
def test_retain_grad_on_the_output_sees_the_last_step_alone(kind, layer_of, loop_twin, normal):
    layer, x = layer_of(kind, 3, HIDDEN), normal(N, WINDOW, 3)
    output = layer(x)[0]
    output.retain_grad()
    output[:, -1].sum().backward()
    seen = norms(output.grad)
    assert np.flatnonzero(seen).tolist() == [WINDOW - 1]

    twin = loop_twin(layer, kind)
    twin(x)[0][:, -1].sum().backward()
    true = norms(twin.gradients().dh[0])
    assert (true > 1e-8).all()
    found = norms(lag_gradients(layer, x, torch.ones(N, HIDDEN).double()).dh[0])
    torch.testing.assert_close(found, true, rtol=0, atol=1e-12)


def test_sum_of_losses_at_every_step_hides_that_the_gradient_vanishes(layer_of, loop_twin, normal):
    layer, x = layer_of("GRU", 3, HIDDEN, num_layers=2), normal(N, WINDOW, 3)
    twin, last = loop_twin(layer, "GRU"), loop_twin(layer, "GRU")
    twin(x)[0].sum().backward()
    last(x)[0][:, -1].sum().backward()
    of_sum, of_last = norms(twin.gradients().dh[0]), norms(last.gradients().dh[0])
    assert of_sum[0] / of_sum[-1] > 1
    assert of_last[0] / of_last[-1] < 1e-2

    ones = torch.ones(N, HIDDEN).double()
    found = norms(lag_gradients(layer, x, ones).dh[0])
    assert found[0] / found[-1] < 1e-2
    torch.testing.assert_close(found, of_last, rtol=0, atol=1e-12)
    # The sum is the sum over the steps, each of which is to be had by itself.
    parts = [lag_gradients(layer, x, ones, step=s).dh for s in range(WINDOW)]
    torch.testing.assert_close(sum(parts), twin.gradients().dh, rtol=0, atol=1e-12)


# The triangle of paths: three steps, three losses -------------------------------------------------

W, U = 0.7, 0.5
X = np.array([0.3, -0.8, 1.1])


def scalar_rnn(layer_of):
    layer = layer_of("RNN-tanh", 1, 1, bias=False)
    torch.nn.init.constant_(layer.weight_hh_l0, W)
    torch.nn.init.constant_(layer.weight_ih_l0, U)
    return layer


def test_loss_at_step_s_has_the_paths_of_its_own_and_they_add_up(layer_of):
    h = [0.0]
    for value in X:
        h.append(np.tanh(U * value + W * h[-1]))
    slope = [1 - value**2 for value in h[1:]]
    # dL_s/da_t: from step s back to step t, one factor W and one slope a step.
    paths = [[slope[2] * W * slope[1] * W * slope[0], slope[2] * W * slope[1], slope[2]]]
    paths.append([slope[1] * W * slope[0], slope[1], 0.0])
    paths.append([slope[0], 0.0, 0.0])

    layer, x = scalar_rnn(layer_of), torch.from_numpy(X).reshape(1, 3, 1)
    one, total = torch.ones(1, 1).double(), 0.0
    for step, expected in zip((2, 1, 0), paths, strict=True):
        found = lag_gradients(layer, x, one, step=step)
        np.testing.assert_allclose(found.da.flatten(), expected, rtol=0, atol=1e-15)
        assert np.count_nonzero(found.da) == step + 1  # 3, 2 and 1 paths
        assert found.log10_curve.shape == (1, step + 1)
        total = total + (found.da * found.h_before).sum()
    layer(x)[0].sum().backward()
    torch.testing.assert_close(total, layer.weight_hh_l0.grad[0, 0], rtol=0, atol=1e-15)
    # Six paths to the input's weight.
    weight = sum((np.array(row) * X).sum() for row in paths)
    assert layer.weight_ih_l0.grad.item() == pytest.approx(weight, abs=1e-15)
