"""What the kernels read and write: all of the results, none of what lies beside, no old values."""

import numpy as np
import pytest

CELLS = ["tanh", "relu", "lstm", "gru"]

# (windows, steps, inputs, units): none is a whole number of vectors, of tiles or of rings.
SIZES = {
    "one_window_and_unit": (1, 3, 1, 1),
    "two_tiles_ring_twice": (37, 7, 5, 19),
    "three_tiles_of_many_units": (50, 3, 18, 70),
    "last_tile_of_one_with_a_longer_ring": (33 * 31 - 30, 4, 2, 3),
    "long_window": (2, 120, 3, 9),
}
FILLS = [np.nan, 1e30, 0.0]


def example(kernels, any_variant, cell, sizes, initial, fill=np.nan):
    """Return a call, and the gradients that arrive at output and final state."""
    name, dtype = any_variant
    n, window, n_inputs, hidden = sizes
    rng = np.random.default_rng(0)
    n_states = 2 if cell == "lstm" else 1

    def draw(*shape):
        return rng.standard_normal(shape).astype(dtype)

    x, pulls = draw(n, window, n_inputs), [draw(n, window, hidden)]
    pulls += [draw(n, hidden) for _ in range(n_states)]
    state = [draw(n, hidden) for _ in range(n_states)] if initial else []
    weights = kernels.weights(cell, n_inputs, hidden, rng, dtype)
    return kernels.Call(name, cell, x, weights, state, fill=fill), pulls


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("cell", CELLS)
def test_results_are_complete_and_nothing_else_is_touched(kernels, any_variant, cell, sizes):
    for initial in (False, True):
        found = []
        for fill in FILLS:
            call, pulls = example(kernels, any_variant, cell, SIZES[sizes], initial, fill)
            results = call.forward()
            results += call.backward(*pulls)
            assert call.damage() == []
            found.append(results)
        for poisoned, *others in zip(*found, strict=True):
            assert np.isfinite(poisoned).all()
            # Bit by bit: no result may depend on what the memory held before.
            assert all(poisoned.tobytes() == other.tobytes() for other in others)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("initial", [False, True], ids=["zero_state", "given_state"])
def test_results_that_nobody_wants_change_no_other(kernels, any_variant, cell, initial):
    sizes = SIZES["two_tiles_ring_twice"]
    call, pulls = example(kernels, any_variant, cell, sizes, initial)
    output, *final = call.forward()
    wanted = call.backward(*pulls)
    some = call.backward(*pulls, inputs=False)
    assert all(np.array_equal(a, b) for a, b in zip(wanted, some, strict=False))
    nothing, *same = call.forward(output=False)
    assert nothing is None
    assert all(np.array_equal(a, b) for a, b in zip(final, same, strict=True))
    without = call.forward(keep=False)
    nothing, *same = call.forward(keep=False, output=False)
    assert all(np.array_equal(a, b) for a, b in zip(without[1:], same, strict=True))
    for value, expected in zip(without, [output, *final], strict=True):
        # Other instances of the same source, which the compiler may round elsewhere.
        np.testing.assert_allclose(value, expected, rtol=0, atol=8 * np.finfo(value.dtype).eps)
    assert call.damage() == []


@pytest.mark.parametrize("cell", CELLS)
def test_backward_pass_leaves_what_the_forward_pass_kept(kernels, any_variant, cell):
    call, pulls = example(kernels, any_variant, cell, SIZES["two_tiles_ring_twice"], True)
    call.forward()
    kept = call.workspace.tobytes()
    first, second = call.backward(*pulls), call.backward(*pulls)
    assert call.workspace.tobytes() == kept
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


@pytest.mark.parametrize("cell", CELLS)
def test_gradients_that_do_not_arrive_count_as_zero(kernels, any_variant, cell):
    call, pulls = example(kernels, any_variant, cell, SIZES["two_tiles_ring_twice"], True)
    call.forward()
    for k in range(len(pulls)):
        missing = [None if i == k else p for i, p in enumerate(pulls)]
        zero = [np.zeros_like(p) if i == k else p for i, p in enumerate(pulls)]
        pairs = zip(call.backward(*missing), call.backward(*zero), strict=True)
        assert all(np.array_equal(a, b) for a, b in pairs)
    assert all((gradient == 0).all() for gradient in call.backward())


@pytest.mark.parametrize("cell", CELLS)
def test_windows_and_steps_may_lie_anywhere(kernels, any_variant, cell):
    call, pulls = example(kernels, any_variant, cell, SIZES["two_tiles_ring_twice"], False)
    expected = call.forward() + call.backward(*pulls)
    x, pull = call.x, pulls[0]
    # Steps first, then backwards in both, then in every other row of something larger.
    for lay in (
        lambda a: a.swapaxes(0, 1).copy().swapaxes(0, 1),
        lambda a: a[::-1, ::-1].copy()[::-1, ::-1],
        lambda a: np.repeat(np.repeat(a, 2, 0), 3, 1)[::2, ::3],
    ):
        call.x = lay(x)
        assert not call.x.flags.c_contiguous
        call.hold = lambda a, lay=lay: lay(a) if a.ndim == 3 else a
        found = call.forward() + call.backward(pull, *pulls[1:])
        assert all(np.array_equal(a, b) for a, b in zip(expected, found, strict=True))
