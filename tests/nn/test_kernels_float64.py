"""The same source in double precision: derivatives by finite differences, and torch's own."""

import numpy as np
import pytest
import torch

CELLS = ["tanh", "relu", "lstm", "gru"]


@pytest.fixture(autouse=True)
def only_where_built(native):
    """Skip without kernels."""


def arrays(tensors):
    return [t.detach().numpy() for t in tensors]


class Layer(torch.autograd.Function):
    """The compiled functions in float64, for gradcheck."""

    @staticmethod
    def forward(ctx, make_call, cell, n_states, x, *tensors):
        values = arrays(tensors)
        call = make_call("float64", cell, x.detach().numpy(), values[n_states:], values[:n_states])
        ctx.call, ctx.n_states = call, n_states
        return tuple(torch.from_numpy(a) for a in call.forward())

    @staticmethod
    def backward(ctx, *gradients):
        found = ctx.call.backward(*(g.numpy() for g in gradients))
        of_weights, of_x, of_state = found[:4], found[4], found[5:]
        assert not ctx.call.damage()
        return None, None, None, *(torch.from_numpy(a) for a in (of_x, *of_state, *of_weights))


def draw(kernels, cell, n, window, n_inputs, hidden, initial, seed=0):
    rng = np.random.default_rng(seed)
    n_states = (2 if cell == "lstm" else 1) if initial else 0
    x = rng.standard_normal((n, window, n_inputs))
    state = [rng.standard_normal((n, hidden)) for _ in range(n_states)]
    weights = kernels.weights(cell, n_inputs, hidden, rng, np.float64)
    tensors = [torch.from_numpy(a).requires_grad_() for a in (x, *state, *weights)]
    return n_states, tensors


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("initial", [False, True], ids=["zero_state", "given_state"])
def test_gradients_of_float64_kernels_equal_finite_differences(kernels, cell, initial):
    # Five units are two vectors of two lanes and one of one.
    n_states, tensors = draw(kernels, cell, 2, 4, 3, 5, initial)

    def run(*values):
        return Layer.apply(kernels.Call, cell, n_states, *values)

    # gradcheck's own bounds; the second central difference errs by some 1e-6**2.
    assert torch.autograd.gradcheck(run, tensors, eps=1e-6, atol=1e-7, rtol=1e-6)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize(
    "sizes", [(3, 70, 2, 9), (50, 5, 5, 67)], ids=["ring_twice", "three_tiles"]
)
def test_float64_kernels_equal_torch_to_rounding(kernels, cell, sizes):
    n_states, tensors = draw(kernels, cell, *sizes, initial=True)
    x, *state = tensors[: n_states + 1]
    weights = tensors[n_states + 1 :]
    parts = [part[None] for part in state]
    options = (True, 1, 0.0, True, False, True)
    function = {"tanh": "rnn_tanh", "relu": "rnn_relu"}.get(cell, cell)
    start = parts if cell == "lstm" else parts[0]
    expected = getattr(torch, function)(x, start, weights, *options)
    expected = [expected[0], *(part[0] for part in expected[1:])]
    found = Layer.apply(kernels.Call, cell, n_states, *tensors)
    rng = torch.Generator().manual_seed(1)
    pulls = [torch.randn(v.shape, generator=rng, dtype=v.dtype) for v in expected]
    of_ours, of_theirs = (torch.autograd.grad(v, tensors, pulls) for v in (found, expected))
    for value, other in zip((*found, *of_ours), (*expected, *of_theirs), strict=True):
        # Sums of some hundred terms in another order; a kink would show as far more.
        assert (value - other).abs().max() <= 1e-12 * other.abs().max() + 1e-13
