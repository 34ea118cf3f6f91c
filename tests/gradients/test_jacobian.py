"""Step Jacobians and their products against autograd, finite differences and closed forms."""

import math

import numpy as np
import pytest
import torch

from seqforecast.gradients import lag_gradients
from seqforecast.gradients.jacobian import (
    _log_singular_values,
    finite_time_exponents,
    step_jacobian,
)

KINDS = ["RNN-tanh", "RNN-relu", "LSTM", "GRU"]
N, WINDOW, HIDDEN = 3, 6, 4
NAMES = "weight_ih", "weight_hh", "bias_ih", "bias_hh"


def cell(layer, k, kind):
    """Return the equations of layer k as a function of its input and state, one window."""
    w_ih, w_hh, *biases = (
        getattr(layer, f"{name}_l{k}").detach() for name in NAMES if hasattr(layer, f"{name}_l{k}")
    )
    b_ih, b_hh = biases or (0, 0)

    def step(x, s):
        h, c = s[:HIDDEN], s[HIDDEN:]
        from_x = (w_ih @ x + b_ih).split(HIDDEN)
        from_h = (w_hh @ h + b_hh).split(HIDDEN)
        if kind == "LSTM":
            i, f, g, o = (a + b for a, b in zip(from_x, from_h, strict=True))
            c = f.sigmoid() * c + i.sigmoid() * g.tanh()
            return torch.cat([o.sigmoid() * c.tanh(), c])
        if kind == "GRU":
            r, z = ((a + b).sigmoid() for a, b in zip(from_x[:2], from_h[:2], strict=True))
            return (1 - z) * (from_x[2] + r * from_h[2]).tanh() + z * h
        a = from_x[0] + from_h[0]
        return a.tanh() if kind == "RNN-tanh" else a.relu()

    return step


def trajectory(layer, kind, window):
    """Return, layer by layer, the inputs of every step and the states from the zero state on."""
    found, inputs = [], list(window)
    for k in range(layer.num_layers):
        states = [torch.zeros(HIDDEN * (2 if kind == "LSTM" else 1), dtype=torch.float64)]
        for x in inputs:
            states.append(cell(layer, k, kind)(x, states[-1]))
        found.append((inputs, states))
        inputs = [s[:HIDDEN] for s in states[1:]]
    return found


def close(value, expected, atol=1e-12):
    # Float64: sums of a few products in another order.
    torch.testing.assert_close(value, expected, rtol=0, atol=atol)


# One step -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("bias", [True, False])
def test_step_jacobian_equals_autograd_through_the_equations(kind, bias, layer_of, normal):
    layer, x = layer_of(kind, num_layers=2, bias=bias), normal(N, WINDOW, 3)
    for b in range(N):
        for k, (inputs, states) in enumerate(trajectory(layer, kind, x[b])):
            for t in (0, 2, WINDOW - 1):
                by_state = torch.func.jacrev(cell(layer, k, kind), argnums=1)
                expected = by_state(inputs[t], states[t])
                close(step_jacobian(layer, x, step=t, layer=k)[b], expected)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("k", [0, 1])
def test_step_jacobian_equals_central_differences_of_torch(kind, k, layer_of, normal):
    layer, x, t = layer_of(kind, num_layers=2), normal(N, WINDOW, 3), 3
    tensors = 2 if kind == "LSTM" else 1
    with torch.no_grad():
        before = layer(x[:, :t])[1]
        before = before if tensors == 2 else (before,)

        def after(part, j, size):
            state = [s.clone() for s in before]
            state[part][k, :, j] += size
            # The state of the layers above and the input from below stay as they are.
            new = layer(x[:, t : t + 1], tuple(state) if tensors == 2 else state[0])[1]
            return torch.cat([s[k] for s in (new if tensors == 2 else (new,))], dim=1)

        columns = [
            (after(part, j, 1e-6) - after(part, j, -1e-6)) / 2e-6
            for part in range(tensors)
            for j in range(HIDDEN)
        ]
    expected = torch.stack(columns, dim=2)
    found = step_jacobian(layer, x, step=t, layer=k)
    assert found.shape == expected.shape == (N, tensors * HIDDEN, tensors * HIDDEN)
    # Rounding is 1e-16 / 1e-6 of a state of size 1.
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_steps_and_layers_count_from_the_end_and_layouts_agree(kind, layer_of, normal):
    layer, x = layer_of(kind, num_layers=2), normal(N, WINDOW, 3)
    expected = step_jacobian(layer, x, step=4, layer=1)
    assert torch.equal(step_jacobian(layer, x, step=-2, layer=-1), expected)
    time_first = layer_of(kind, num_layers=2, batch_first=False)
    found = step_jacobian(time_first, x.transpose(0, 1), step=4, layer=1)
    assert torch.equal(found, expected)
    ours = layer_of(kind, num_layers=2, own=True)
    ours.load_state_dict(layer.state_dict())
    close(step_jacobian(ours, x, step=4, layer=1), expected)


# Steps in a row -----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_product_of_step_jacobians_carries_the_gradient_back(kind, layer_of, normal):
    layer, x, cotangent = layer_of(kind, num_layers=2), normal(N, WINDOW, 3), normal(N, HIDDEN)
    found = lag_gradients(layer, x, cotangent)
    expected = found.dh[1]
    if kind == "LSTM":
        # dc includes the path through h of the same step; beside h, c has the direct path alone.
        states = [torch.stack(trajectory(layer, kind, window)[1][1][1:]) for window in x]
        read = read_of(torch.stack(states))
        expected = torch.cat([expected, found.dc[1] - read * expected], dim=2)
        assert expected[:, -1, HIDDEN:].abs().max() < 1e-15  # the loss reads h
    s = expected[:, -1]
    for t in range(WINDOW - 1, 0, -1):
        s = torch.einsum("nij,ni->nj", step_jacobian(layer, x, step=t, layer=1), s)
        close(s, expected[:, t - 1])


def read_of(states):
    """Return the derivative of h by c within one step, o held fixed."""
    h, tanh_c = states[..., :HIDDEN], states[..., HIDDEN:].tanh()
    return h / tanh_c * (1 - tanh_c**2)


def test_cell_jacobian_of_the_tutorials_is_wrong_from_the_second_lag_on(layer_of, normal):
    layer, window, last = layer_of("LSTM"), normal(WINDOW + 4, 3), WINDOW + 3
    with torch.no_grad():
        layer.weight_hh_l0 *= 3  # as after a training; torch's first weights give 1, 2 and 4 %
    inputs, states = trajectory(layer, "LSTM", window)[0]
    jacobians = [step_jacobian(layer, window[None], step=t)[0] for t in range(last + 1)]
    read = read_of(torch.stack(states[1:]))
    eye = torch.eye(HIDDEN, dtype=torch.float64)

    def autograd(start):
        h, c = states[start + 1].split(HIDDEN)

        def last_c(c_start):
            s = torch.cat([h / c.tanh() * c_start.tanh(), c_start])
            for x in inputs[start + 1 :]:
                s = cell(layer, 0, "LSTM")(x, s)
            return s[HIDDEN:]

        return torch.func.jacrev(last_c)(c)

    exact, tutorials, errors = torch.eye(2 * HIDDEN).double(), eye, {}
    for t in range(last, last - 8, -1):
        exact = exact @ jacobians[t]
        truth = exact[HIDDEN:] @ torch.cat([read[t - 1].diag(), eye])
        close(truth, autograd(t - 1))
        # D(f) + A D(u), the path of h into c with the output gate held fixed.
        c_by_h, keep = jacobians[t][HIDDEN:].split(HIDDEN, dim=1)
        tutorials = tutorials @ (keep + c_by_h * read[t - 1])
        errors[last - t + 1] = float(torch.dist(tutorials, truth) / truth.norm())
    assert errors[1] < 1e-14
    for lag, error in ((2, 0.09), (4, 0.16), (8, 0.23)):
        assert errors[lag] == pytest.approx(error, abs=0.02)


# Exponents ----------------------------------------------------------------------------------------


def linear(weight, window, dtype=torch.float64):
    """Return a relu layer that is linear along its input: its state is all ones at every step."""
    size = len(weight)
    layer = torch.nn.RNN(size, size, nonlinearity="relu", bias=False, batch_first=True).to(dtype)
    torch.nn.init.eye_(layer.weight_ih_l0)
    layer.weight_hh_l0.data.copy_(weight)
    ones = torch.ones(1, window, size, dtype=dtype)
    x = ones - ones @ weight.T.to(dtype)
    x[:, 0] = 1.0
    return layer, x


def rotation(size):
    """Return an orthogonal matrix of zeros and ones: products with it are exact."""
    return torch.eye(size, dtype=torch.float64).roll(1, 0)


def orthogonal(normal, size=5, seed=1):
    return torch.linalg.qr(normal(size, size, seed=seed))[0]


def test_linear_helper_is_linear():
    weight = 100 * rotation(5)
    layer, x = linear(weight, 400)
    assert torch.equal(layer(x)[0].detach(), torch.ones(1, 400, 5).double())
    assert torch.equal(step_jacobian(layer, x, step=20)[0], weight)


def test_exponents_of_an_orthogonal_recurrence_are_zero(normal):
    layer, x = linear(orthogonal(normal), 50)
    found = finite_time_exponents(layer, x)
    assert found.shape == (1, 50, 5)
    np.testing.assert_allclose(found, 0, atol=1e-14)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("rate", [1e-2, 1e2])
def test_exponents_over_a_long_window_neither_overflow_nor_underflow(rate, dtype):
    # 100**400 is beyond float64.
    layer, x = linear(rate * rotation(5), 400, dtype)
    atol = 1e-12 if dtype == torch.float64 else 1e-6
    np.testing.assert_allclose(finite_time_exponents(layer, x), math.log(rate), atol=atol)


def test_exponents_of_a_non_normal_matrix_are_those_of_its_powers():
    weight = torch.tensor([[0.5, 10.0], [0.0, 0.5]], dtype=torch.float64)
    layer, x = linear(weight, 200)
    found = finite_time_exponents(layer, x)[0]
    norms = {k: math.exp(k * found[k - 1, 0]) for k in (1, 2, 3, 5, 8, 12)}
    rounded = {1: 10.0, 2: 10.0, 3: 7.5, 5: 3.1, 8: 0.63, 12: 0.06}
    for k, norm in norms.items():
        assert norm == pytest.approx(rounded[k], rel=0.03)
        power = torch.linalg.matrix_power(weight, k)
        assert norm == pytest.approx(torch.linalg.matrix_norm(power, 2).item(), rel=1e-12)
    # The determinant, .25**k, is the product of both: nothing small is lost.
    np.testing.assert_allclose(found.sum(axis=1), math.log(0.25), rtol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("k", [0, 1])
def test_exponents_equal_the_singular_values_of_the_product(kind, k, layer_of, normal):
    layer, x = layer_of(kind, num_layers=2), normal(N, WINDOW, 3)
    if kind == "RNN-relu":
        for parameter in layer.parameters():
            parameter.data.abs_()  # every unit alive, so that no singular value is zero
        x = x.abs()
    found = finite_time_exponents(layer, x, layer=k, n_steps=3)
    product, log_det = torch.eye(found.shape[2]).double(), torch.zeros(N).double()
    for lag in range(3):
        jacobian = step_jacobian(layer, x, step=-1 - lag, layer=k)
        product = product @ jacobian
        log_det += torch.linalg.slogdet(jacobian).logabsdet
        expected = torch.linalg.svdvals(product).log() / (lag + 1)
        np.testing.assert_allclose(found[:, lag], expected, rtol=0, atol=1e-9)
        mean = log_det / (lag + 1)
        np.testing.assert_allclose(found[:, lag].sum(axis=1), mean, rtol=0, atol=1e-10)
    # The whole window is the default.
    assert finite_time_exponents(layer, x, layer=k).shape[1] == WINDOW


def test_exponents_of_a_gru_without_recurrent_weights_are_those_of_its_gate(layer_of, normal):
    layer, x = layer_of("GRU"), normal(N, WINDOW, 3)
    torch.nn.init.zeros_(layer.weight_hh_l0)
    keep = lag_gradients(layer, x, normal(N, HIDDEN)).gates["z"][0]
    logs = keep.log().flip(1).cumsum(1) / torch.arange(1, WINDOW + 1)[:, None]
    expected = logs.sort(dim=2, descending=True).values
    np.testing.assert_allclose(finite_time_exponents(layer, x), expected, rtol=1e-12)


def test_exponents_hidden_by_rounding_are_nan_and_the_others_true(normal):
    q, rates = orthogonal(normal, 3), torch.tensor([1.0, 0.5, 0.1], dtype=torch.float64)
    layer, x = linear(q @ rates.diag() @ q.T, 100)
    found = finite_time_exponents(layer, x)[0]
    gaps = np.arange(1, 101)[:, None] * -rates.log().numpy()
    assert not np.isnan(found[gaps < 28]).any()
    assert np.isnan(found[gaps > 34]).all()
    errors = np.arange(1, 101)[:, None] * (found - rates.log().numpy())
    assert np.nanmax(np.abs(errors)) < 0.01


def test_exponents_are_nan_where_some_steps_keep_what_others_lose(normal):
    # The product is 1e-20 in all directions; rounding makes its largest singular value 1e-17.
    q = [orthogonal(normal, 2, seed) for seed in range(41)]
    rates = torch.tensor([[1, 0.1]] * 20 + [[0.1, 1]] * 20, dtype=torch.float64)
    jacobians = [(q[k] @ rates[k].diag() @ q[k + 1].T)[None] for k in range(40)]
    found = torch.cat(list(_log_singular_values(iter(jacobians)))).numpy()
    k = np.arange(1, 41)
    expected = -math.log(10) * np.column_stack([np.maximum(k - 20, 0), np.minimum(k, 20)])
    assert not np.isnan(found[:30, 0]).any()
    assert np.isnan(found[36:]).all()
    assert np.nanmax(np.abs(found - expected)) < 0.01


def test_exponents_of_dead_units_are_minus_infinity():
    layer, x = linear(rotation(3), 10)
    x[:, 7] = -100.0  # every unit is dead at step 7: nothing comes back beyond it
    x[:, 8] = 1.0
    found = finite_time_exponents(layer, x)[0]
    np.testing.assert_allclose(found[:2], 0, atol=1e-14)
    assert (found[2:] == -np.inf).all()


# What it leaves alone, and what it refuses --------------------------------------------------------


@pytest.mark.parametrize("function", [step_jacobian, finite_time_exponents])
def test_module_and_random_numbers_stay_as_they_are(function, layer_of, normal):
    layer, x = layer_of("LSTM", num_layers=2, dropout=0.5), normal(N, WINDOW, 3)
    weights = {name: value.clone() for name, value in layer.state_dict().items()}
    random_state = torch.get_rng_state()
    first, second = function(layer, x, layer=1), function(layer, x, layer=1)
    assert (first == second).all()
    assert torch.equal(torch.get_rng_state(), random_state)
    assert layer.training
    for name, value in layer.state_dict().items():
        assert torch.equal(value, weights[name])


@pytest.mark.parametrize("function", [step_jacobian, finite_time_exponents])
@pytest.mark.parametrize("layer_index", [2, -3])
def test_layer_out_of_range_is_refused(function, layer_index, layer_of, normal):
    message = f"layer={layer_index}, but this GRU has num_layers=2; an index from -2 to 1 is needed"
    with pytest.raises(ValueError, match=message):
        function(layer_of("GRU", num_layers=2), normal(N, WINDOW, 3), layer=layer_index)


@pytest.mark.parametrize("step", [WINDOW, -WINDOW - 1])
def test_step_out_of_range_is_refused(step, layer_of, normal):
    with pytest.raises(ValueError, match=f"step={step}, but x has 6 steps"):
        step_jacobian(layer_of("GRU"), normal(N, WINDOW, 3), step=step)


@pytest.mark.parametrize("n_steps", [0, -1, WINDOW + 1])
def test_number_of_steps_out_of_range_is_refused(n_steps, layer_of, normal):
    message = f"n_steps={n_steps}, but x has 6 steps; a number from 1 to 6 is needed"
    with pytest.raises(ValueError, match=message):
        finite_time_exponents(layer_of("GRU"), normal(N, WINDOW, 3), n_steps=n_steps)


@pytest.mark.parametrize("function", [step_jacobian, finite_time_exponents])
def test_input_is_checked(function, layer_of, normal):
    layer, x = layer_of("LSTM"), normal(N, WINDOW, 3)
    with pytest.raises(ValueError, match=r"\(n, window, 3\) is needed by this LSTM"):
        function(layer, x[0])
    with pytest.raises(ValueError, match="x holds NaN"):
        function(layer, x * math.nan)
    with pytest.raises(TypeError, match="a recurrent layer"):
        function(torch.nn.Linear(3, 4), x)


def test_exponents_of_weights_that_are_not_finite_are_refused(layer_of, normal):
    layer = layer_of("LSTM")
    torch.nn.init.constant_(layer.weight_hh_l0, math.nan)
    with pytest.raises(ValueError, match="finite weights and states are needed"):
        finite_time_exponents(layer, normal(N, WINDOW, 3))


@pytest.mark.parametrize("kind", KINDS)
def test_window_of_one_step(kind, layer_of, normal):
    layer, x = layer_of(kind), normal(N, 1, 3)
    exponents = finite_time_exponents(layer, x)
    largest = torch.linalg.matrix_norm(step_jacobian(layer, x), 2)
    np.testing.assert_allclose(np.exp(exponents[:, 0, 0]), largest, rtol=1e-12)
