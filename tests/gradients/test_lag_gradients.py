"""lag_gradients against autograd through a plain loop, finite differences and bad input."""

import math

import numpy as np
import pytest
import torch

from seqforecast.gradients import lag_gradients

KINDS = ["RNN-tanh", "RNN-relu", "LSTM", "GRU"]
N, WINDOW, HIDDEN = 3, 6, 4
LAYOUTS = {
    "torch": {},
    "torch-no-bias": {"bias": False},
    "torch-time-first": {"batch_first": False},
    "torch-time-first-no-bias": {"batch_first": False, "bias": False},
    "ours": {"own": True},
}


def close(value, expected, atol=1e-12):
    # Float64: sums of a few products in another order.
    torch.testing.assert_close(value, expected, rtol=0, atol=atol)


# Against autograd ---------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("num_layers", [1, 2, 3])
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("step", [-1, 2])
def test_gradients_equal_autograd_through_plain_loop(
    kind, num_layers, layout, step, layer_of, loop_twin, normal
):
    layer = layer_of(kind, num_layers=num_layers, **LAYOUTS[layout])
    time_first = not getattr(layer, "batch_first", True)
    x, cotangent = normal(N, WINDOW, 3), normal(N, HIDDEN, seed=2)
    x = x.transpose(0, 1).contiguous() if time_first else x
    found = lag_gradients(layer, x, cotangent, step=step)

    twin, leaf = loop_twin(layer, kind), x.clone().requires_grad_()
    output = twin(leaf)[0]
    output = output.transpose(0, 1) if time_first else output
    (output[:, step] * cotangent).sum().backward()
    expected = twin.gradients()

    assert found.dh.shape == (num_layers, N, WINDOW, HIDDEN)
    close(found.dh, expected.dh)
    if kind == "LSTM":
        close(found.dc, expected.dc)
    else:
        assert found.dc is None
    close(found.dx, leaf.grad.transpose(0, 1) if time_first else leaf.grad)
    close(found.h_before, expected.h)
    assert list(found.gates) == list(expected.gates)
    for name, gate in expected.gates.items():
        close(found.gates[name], gate)
    for k in range(num_layers):
        weight = torch.einsum("ntg,nth->gh", found.da[k], found.h_before[k])
        close(weight, getattr(twin, f"weight_hh_l{k}").grad)
        if hasattr(twin, "bias_hh_l0"):
            close(found.da[k].sum((0, 1)), getattr(twin, f"bias_hh_l{k}").grad)
    state = expected.dc if kind == "LSTM" else expected.dh
    last = step % WINDOW
    curve = state.square().sum(3).mean(1).sqrt()[:, : last + 1].flip(1).numpy()
    np.testing.assert_allclose(10**found.log10_curve, curve, rtol=1e-10)
    np.testing.assert_allclose(
        found.lag_curve, curve / curve.max(axis=1, keepdims=True), rtol=1e-10
    )
    # Nothing comes back from after the loss.
    assert not found.dh[:, :, last + 1 :].any()
    assert not found.dx[:, last + 1 :].any()


@pytest.mark.parametrize("kind", KINDS)
def test_every_step_of_the_loss_equals_autograd(kind, layer_of, loop_twin, normal):
    layer = layer_of(kind, num_layers=2)
    x, cotangent = normal(N, WINDOW, 3), normal(N, HIDDEN, seed=2)
    for step in range(-WINDOW, WINDOW):
        twin = loop_twin(layer, kind)
        (twin(x)[0][:, step] * cotangent).sum().backward()
        close(lag_gradients(layer, x, cotangent, step=step).dh, twin.gradients().dh)


def test_float32_agrees_with_float64(layer_of, normal):
    layer, x, cotangent = layer_of("LSTM", num_layers=2), normal(N, WINDOW, 3), normal(N, HIDDEN)
    expected = lag_gradients(layer, x, cotangent)
    found = lag_gradients(layer.float(), x.float(), cotangent.float())
    assert found.dh.dtype == found.dx.dtype == torch.float32
    torch.testing.assert_close(found.dh.double(), expected.dh, rtol=1e-4, atol=1e-6)  # float32


# Against finite differences -----------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("step", [-1, 2])
def test_input_gradient_equals_central_differences(kind, step, layer_of, normal):
    layer, x, cotangent = layer_of(kind, num_layers=2), normal(N, WINDOW, 3), normal(N, HIDDEN)
    dx = lag_gradients(layer, x, cotangent, step=step).dx
    size = 1e-5
    for t in range(WINDOW):
        move = torch.zeros_like(x)
        move[:, t] = normal(N, 3, seed=t)
        with torch.no_grad():
            high, low = (
                (layer(x + sign * size * move)[0][:, step] * cotangent).sum() for sign in (1, -1)
            )
        # Central differences: about size**2, and 1e-16 / size of rounding.
        assert (dx * move).sum().item() == pytest.approx(
            ((high - low) / (2 * size)).item(), abs=1e-8
        )


@pytest.mark.parametrize("kind", KINDS)
def test_state_gradients_equal_central_differences(kind, layer_of, loop_twin, normal):
    layer, x, cotangent = layer_of(kind, num_layers=2), normal(N, WINDOW, 3), normal(N, HIDDEN)
    found = lag_gradients(layer, x, cotangent)
    gradients = {"h": found.dh, "c": found.dc} if kind == "LSTM" else {"h": found.dh}
    size = 1e-5

    def loss(name, k, t, move):
        twin = loop_twin(layer, kind, {(name, k, t): move})
        return (twin(x)[0][:, -1] * cotangent).sum().item()

    for name, gradient in gradients.items():
        for k in range(2):
            for t in range(WINDOW):
                move = normal(N, HIDDEN, seed=10 * k + t)
                high, low = (loss(name, k, t, sign * size * move) for sign in (1, -1))
                assert (gradient[k, :, t] * move).sum().item() == pytest.approx(
                    (high - low) / (2 * size), abs=1e-8
                )


# What it leaves alone -----------------------------------------------------------------------------


@pytest.mark.parametrize("own", [False, True])
def test_module_and_generators_are_unchanged(own, layer_of, normal):
    layer = layer_of("LSTM", num_layers=2, dropout=0.5, own=own).train()
    x = normal(N, WINDOW, 3).requires_grad_()
    weights = {name: value.clone() for name, value in layer.state_dict().items()}
    generator = torch.get_rng_state()
    found = lag_gradients(layer, x, normal(N, HIDDEN))
    assert layer.training
    assert torch.equal(torch.get_rng_state(), generator)
    assert all(torch.equal(value, weights[name]) for name, value in layer.state_dict().items())
    assert all(p.grad is None for p in layer.parameters())
    assert x.grad is None
    assert not found.dx.requires_grad
    # Dropout is off: the same again, and the same as without.
    close(lag_gradients(layer, x, normal(N, HIDDEN)).dx, found.dx, atol=0)


def test_window_of_one_step(layer_of, normal):
    layer, x, cotangent = layer_of("GRU"), normal(N, 1, 3), normal(N, HIDDEN)
    found = lag_gradients(layer, x, cotangent)
    close(found.dh[0, :, 0], cotangent)
    assert found.lag_curve.tolist() == [[1.0]]


def test_cotangent_of_zero_is_a_curve_of_zeros(layer_of, normal):
    found = lag_gradients(layer_of("LSTM", num_layers=2), normal(N, 6, 3), torch.zeros(N, HIDDEN))
    assert (found.log10_curve == -math.inf).all()
    assert not found.lag_curve.any()
    assert not found.dx.any()


def test_cotangent_that_is_not_a_number_is_a_curve_that_is_not_known(layer_of, normal):
    cotangent = normal(N, HIDDEN)
    cotangent[1, 2] = math.nan
    found = lag_gradients(layer_of("LSTM", num_layers=2), normal(N, 6, 3), cotangent)
    assert np.isnan(found.log10_curve).all()
    assert np.isnan(found.lag_curve).all()
    assert found.dx[[0, 2]].isfinite().all()  # windows are independent of each other


# Bad input ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "module", [torch.nn.Linear(3, 4), torch.nn.LSTMCell(3, 4), torch.nn.Sequential()]
)
def test_module_without_recurrence_is_a_type_error(module, normal):
    message = f"got a {type(module).__name__}; a recurrent layer .* is needed. Pass the layer"
    with pytest.raises(TypeError, match=message):
        lag_gradients(module, normal(N, WINDOW, 3), normal(N, HIDDEN))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"bidirectional": True}, "LSTM has bidirectional=True; .* use bidirectional=False."),
        ({"proj_size": 2}, "LSTM has proj_size=2; .* use proj_size=0."),
    ],
)
def test_two_directions_or_a_projection_are_a_value_error(options, message, layer_of, normal):
    with pytest.raises(ValueError, match=message):
        lag_gradients(layer_of("LSTM", **options), normal(N, WINDOW, 3), normal(N, HIDDEN))


@pytest.mark.parametrize("shape", [(WINDOW, 3), (N, WINDOW, 2), (0, WINDOW, 3), (N, 0, 3)])
@pytest.mark.parametrize(("batch_first", "layout"), [(True, "n, window"), (False, "window, n")])
def test_wrong_shape_of_x_names_the_right_one(shape, batch_first, layout, layer_of, normal):
    layer = layer_of("GRU", batch_first=batch_first)
    with pytest.raises(ValueError, match=rf"x has shape \(.*\); \({layout}, 3\) is needed by this"):
        lag_gradients(layer, normal(*shape), normal(N, HIDDEN))


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_x_that_is_not_finite_is_a_value_error(value, layer_of, normal):
    x = normal(N, WINDOW, 3)
    x[1, 2, 0] = value
    with pytest.raises(ValueError, match="x holds NaN or infinity; finite numbers are needed."):
        lag_gradients(layer_of("GRU"), x, normal(N, HIDDEN))


def test_x_of_another_type_than_the_weights_is_a_value_error():
    layer = torch.nn.GRU(3, 4, batch_first=True, dtype=torch.float64)
    with pytest.raises(ValueError, match="x is torch.float32, but the weights of this GRU are"):
        lag_gradients(layer, torch.zeros(2, 5, 3), torch.zeros(2, 4))


@pytest.mark.parametrize("step", [WINDOW, -WINDOW - 1])
def test_step_outside_the_window_is_a_value_error(step, layer_of, normal):
    with pytest.raises(ValueError, match=f"step={step}, but x has 6 steps; an index from -6 to 5"):
        lag_gradients(layer_of("GRU"), normal(N, WINDOW, 3), normal(N, HIDDEN), step=step)


@pytest.mark.parametrize("shape", [(HIDDEN,), (N, HIDDEN + 1), (N, WINDOW, HIDDEN), (1, HIDDEN)])
def test_wrong_shape_of_cotangent_names_the_right_one(shape, layer_of, normal):
    with pytest.raises(ValueError, match=r"cotangent has shape \(.*\); \(3, 4\) is needed"):
        lag_gradients(layer_of("GRU"), normal(N, WINDOW, 3), normal(*shape))
