"""Our kernels against torch.nn in float64: results, final states and every gradient."""

import functools

import hypothesis
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from seqforecast import _kernels
from tests.properties import examples

CELLS = ["tanh", "relu", "lstm", "gru"]

# Windows, steps, inputs, units, layers; a function of the lanes of a vector. Tiles hold up to 32
# windows (24 above 64 units), the ring of the backward pass 96 rows, a panel 4 vectors.
SHAPES = {
    "one_of_all": lambda _: (1, 1, 1, 1, 1),
    "one_window_longer_than_ring": lambda lanes: (1, 200, 1, lanes - 1, 1),
    "two_tiles_of_a_whole_vector": lambda lanes: (33, 5, lanes, lanes, 1),
    "ring_of_whole_steps_three_layers": lambda lanes: (3, 40, 2 * lanes + 1, lanes + 1, 3),
    "ring_with_rows_to_spare": lambda lanes: (29, 8, 3, 2 * lanes, 2),
    "more_than_a_panel": lambda lanes: (50, 9, 5 * lanes, 4 * lanes + 3, 1),
    "small_tiles_last_smaller": lambda lanes: (49, 4, 2, max(8 * lanes + 5, 67), 1),
    "more_tiles_than_parts": lambda _: (32 * 19 + 5, 2, 1, 3, 1),
}

# Which of output, last h and last c the loss reads.
LOSSES = {"steps": (1, 0, 0), "end": (0, 1, 1), "end_without_c": (0, 1, 0), "both": (1, 1, 1)}

# Twice the error of float32 sums of some hundred terms of size one: closer to the kink, rounding
# may decide on which side a value lies, and no two kernels have the same gradient.
AWAY = 3e-6


def as_tuple(state):
    return state if isinstance(state, tuple) else (state,)


def draw(cell, sizes, initial, seed):
    """Draw windows, initial state, and the gradients that arrive at output and final state."""
    n, window, n_inputs, hidden, layers = sizes
    rng = torch.Generator().manual_seed(seed)
    x = torch.randn(n, window, n_inputs, generator=rng)
    n_states = 2 if cell == "lstm" else 1
    state = [torch.randn(layers, n, hidden, generator=rng) for _ in range(n_states)]
    pulls = [torch.randn(n, window, hidden, generator=rng)]
    pulls += [torch.randn(layers, n, hidden, generator=rng) for _ in range(n_states)]
    return x, state if initial else [], pulls


def distance_from_kink(twin, x, state):
    """Return the smallest absolute value that torch's twin would rectify."""
    smallest, x = torch.inf, x.double()
    for k in range(twin.num_layers):
        w_ih, w_hh, b_ih, b_hh = twin.all_weights[k]
        h = state[0][k].double() if state else x.new_zeros(x.shape[0], twin.hidden_size)
        outputs = []
        for t in range(x.shape[1]):
            a = x[:, t] @ w_ih.T + b_ih + h @ w_hh.T + b_hh
            smallest, h = min(smallest, a.abs().min().item()), a.relu()
            outputs.append(h)
        x = torch.stack(outputs, 1)
    return smallest


def results(layer, x, state, pulls, losses):
    """Return results, then for each loss all gradients, by name."""
    dtype = layer.weight_hh_l0.dtype
    x = x.to(dtype).requires_grad_()
    state = [part.to(dtype).requires_grad_() for part in state]
    output, final = layer(x, (tuple(state) if len(state) == 2 else state[0]) if state else None)
    values = [output, *as_tuple(final)]
    found = dict(zip(("output", "h", "c"), values, strict=False))
    wanted = {"x": x, **dict(zip(("h0", "c0"), state, strict=False))}
    wanted |= dict(layer.named_parameters())
    for loss in losses:
        read = zip(values, pulls, LOSSES[loss], strict=False)
        pairs = [(value, pull.to(dtype)) for value, pull, use in read if use]
        ends, pulled = zip(*pairs, strict=True)
        gradients = torch.autograd.grad(ends, list(wanted.values()), pulled, retain_graph=True)
        found |= {f"{loss}: {name}": g for name, g in zip(wanted, gradients, strict=True)}
    return {name: value.detach() for name, value in found.items()}


def assert_within_tolerance(found, expected, n_terms=1):
    """Issue 4's bound: a few hundred roundings in float32, each 6e-8 of the terms.

    The terms of a sum may cancel: its rounding grows with their number, its value need not.
    """
    assert found.keys() == expected.keys()
    for name, value in found.items():
        allowed = 1e-5 * expected[name].abs().max() + 1e-6 * n_terms**0.5
        error = (value - expected[name]).abs().max()
        assert error <= allowed, f"{name}: error {error:.2e}, allowed {allowed:.2e}"


@functools.cache
def example(kernels_layer, kernels_twin, cell, sizes, initial):
    """Return a layer, what it is given, and torch's answer; relu: away from the kink."""
    for seed in range(200):
        layer = kernels_layer(cell, *sizes[2:], seed=seed)
        given_ = draw(cell, sizes, initial, seed)
        twin = kernels_twin(layer)
        if cell != "relu" or distance_from_kink(twin, *given_[:2]) > AWAY:
            return layer, given_, results(twin, *given_, LOSSES)
    raise AssertionError("no example away from the kink")


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("cell", CELLS)
def test_layer_equals_torch_in_float64(kernels, variant, cell, shape):
    sizes = SHAPES[shape](kernels.lanes[variant])
    for initial in (False, True):
        layer, given_, expected = example(kernels.layer, kernels.twin, cell, sizes, initial)
        assert_within_tolerance(results(layer, *given_, LOSSES), expected)


@hypothesis.example(  # the gradient of a bias, in which 440 terms cancel
    cell="relu", n=44, window=10, n_inputs=1, hidden=1, layers=2, initial=False, loss="both",
    variant=0, seed=365,
)  # fmt: skip
@settings(max_examples=examples(60))
@given(
    cell=st.sampled_from(CELLS),
    n=st.integers(1, 70),
    window=st.integers(1, 12),
    n_inputs=st.integers(1, 40),
    hidden=st.integers(1, 80),
    layers=st.integers(1, 2),
    initial=st.booleans(),
    loss=st.sampled_from(list(LOSSES)),
    variant=st.integers(0, 7),
    seed=st.integers(0, 2**31),
)
def test_layer_of_any_size_equals_torch_in_float64(
    kernels, cell, n, window, n_inputs, hidden, layers, initial, loss, variant, seed
):
    if not kernels.variants:
        pytest.skip("the kernels were not built")
    sizes = n, window, n_inputs, hidden, layers
    layer = kernels.layer(cell, *sizes[2:], seed=seed)
    twin, given_ = kernels.twin(layer), draw(cell, sizes, initial, seed)
    assume(cell != "relu" or distance_from_kink(twin, *given_[:2]) > AWAY)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_kernels, "NATIVE", kernels.native)
        patch.setattr(_kernels, "VARIANT", kernels.variants[variant % len(kernels.variants)])
        found = results(layer, *given_, [loss])
    assert_within_tolerance(found, results(twin, *given_, [loss]), n_terms=n * window)
