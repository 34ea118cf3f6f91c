"""Bad input: an exception with a clear message for each, never a crash; NaN has its own file."""

import os
import re
import subprocess
import sys

import numpy as np
import pytest
import torch

N, WINDOW, INPUTS, HIDDEN = 3, 4, 2, 5
LARGEST = 2**31 - 1

FORWARD = (
    *("variant", "cell", "x", "h0", "c0", "layer", "output", "h_last", "c_last"),
    *("keep", "workspace", "threads"),
)
BACKWARD = (
    *("variant", "cell", "x", "initial", "layer", "workspace"),
    *("grad_output", "grad_h_last", "grad_c_last", "layer_gradient"),
    *("grad_x", "grad_h0", "grad_c0", "scratch", "threads"),
)


def zeros(*shape):
    return np.zeros(shape, np.float32)


def weights():
    shapes = (4 * HIDDEN, INPUTS), (4 * HIDDEN, HIDDEN), (4 * HIDDEN,), (4 * HIDDEN,)
    return [zeros(*shape) for shape in shapes]


@pytest.fixture
def arguments(native):
    """Return what a good call of an LSTM takes, by name."""
    name, sizes = native.variants()[0], (N, WINDOW, INPUTS, HIDDEN)
    state = {key: zeros(N, HIDDEN) for key in ("h0", "c0", "h_last", "c_last")}
    of_state = {f"grad_{key}": value.copy() for key, value in state.items()}
    steps = {key: zeros(N, WINDOW, HIDDEN) for key in ("output", "grad_output")}
    return {
        "variant": name,
        "cell": "lstm",
        "x": zeros(N, WINDOW, INPUTS),
        "initial": True,
        "keep": True,
        "layer": weights(),
        "layer_gradient": weights(),
        "grad_x": zeros(N, WINDOW, INPUTS),
        "workspace": zeros(native.workspace_size(name, "lstm", *sizes, True)),
        "scratch": zeros(native.scratch_size(name, "lstm", *sizes)),
        "threads": 1,
        **state,
        **of_state,
        **steps,
    }


def run(native, arguments, changes, passes=("forward", "backward")):
    """Call forward and backward with other values of some arguments; `layer.2` is one of four."""
    for key, value in changes.items():
        name, _, place = key.partition(".")
        if place:
            arguments[name][int(place)] = value
        else:
            arguments[name] = value
    for name in passes:
        order = FORWARD if name == "forward" else BACKWARD
        getattr(native, name)(*(arguments[key] for key in order))


def read_only(*shape):
    array = zeros(*shape)
    array.flags.writeable = False
    return array


def double(*shape):
    return np.zeros(shape)


STATE = (N, HIDDEN)
STEPS = (N, WINDOW, HIDDEN)
INPUT = (N, WINDOW, INPUTS)
APART = zeros(N, WINDOW, 2 * INPUTS)[..., ::2]
BETWEEN = np.lib.stride_tricks.as_strided(zeros(99), INPUT, (30, 8, 4))

# What is wrong, and words that the message must hold.
WRONG = [
    ({"variant": "mmx"}, ValueError, "no kernels 'mmx'"),
    ({"variant": "float64"}, ValueError, "no kernels 'float64'"),
    ({"cell": "LSTM"}, ValueError, "cell is 'LSTM'; one of 'tanh'"),
    ({"cell": "gru"}, ValueError, "weight_ih has shape (20, 2); (15, 2)"),
    ({"x": double(*INPUT)}, ValueError, "no kernels"),
    ({"x": np.zeros(INPUT, np.int32)}, TypeError, "x has dtype int32; float32"),
    ({"x": np.zeros(INPUT, ">f4")}, TypeError, "x has dtype >f4; float32"),
    ({"x": np.zeros(INPUT, object)}, TypeError, "x has dtype object; float32"),
    ({"x": zeros(N, INPUTS)}, ValueError, "x needs three dimensions"),
    ({"x": zeros(0, WINDOW, INPUTS)}, ValueError, "number of windows is 0; 1 to"),
    ({"x": zeros(N, 0, INPUTS)}, ValueError, "window is 0; 1 to"),
    ({"x": zeros(N, WINDOW, 0)}, ValueError, "number of inputs is 0; 1 to"),
    ({"x": zeros(N, WINDOW, INPUTS + 1)}, ValueError, "weight_ih has shape (20, 2); (20, 3)"),
    ({"x": APART}, ValueError, "x has its columns apart"),
    ({"x": BETWEEN}, ValueError, "x has its columns apart"),
    ({"x": zeros(*INPUT).tolist()}, TypeError, "incompatible function arguments"),
    ({"x": None}, TypeError, "incompatible function arguments"),
    ({"h0": zeros(N + 1, HIDDEN)}, ValueError, "h0 has shape (4, 5); (3, 5)"),
    ({"h0": zeros(1, *STATE)}, ValueError, "h0 has shape (1, 3, 5); (3, 5)"),
    ({"h0": double(*STATE)}, TypeError, "h0 has dtype float64; float32"),
    ({"h0": zeros(HIDDEN, N).T}, ValueError, "h0 is not contiguous"),
    ({"c0": [[0.0] * HIDDEN] * N}, TypeError, "c0 is no numpy array"),
    ({"layer": []}, ValueError, "four parameters"),
    ({"layer": weights()[:3]}, ValueError, "four parameters"),
    ({"layer": None}, TypeError, "incompatible function arguments"),
    ({"layer.0": zeros(4 * HIDDEN, HIDDEN)}, ValueError, "weight_ih has shape (20, 5); (20, 2)"),
    ({"layer.1": zeros(HIDDEN, 4 * HIDDEN)}, ValueError, "h0 has shape (3, 5); (3, 20)"),
    ({"layer.1": zeros(4 * HIDDEN)}, ValueError, "weight_hh two"),
    ({"layer.1": double(4 * HIDDEN, HIDDEN)}, TypeError, "weight_hh has dtype float64"),
    ({"layer.2": zeros(8 * HIDDEN)[::2]}, ValueError, "bias_ih is not contiguous"),
    ({"layer.3": zeros(HIDDEN)}, ValueError, "bias_hh has shape (5,); (20,)"),
    ({"output": zeros(*STATE)}, ValueError, "output has shape (3, 5); (3, 4, 5)"),
    ({"output": read_only(*STEPS)}, ValueError, "output is read-only"),
    ({"output": zeros(WINDOW, N, HIDDEN).swapaxes(0, 1)}, ValueError, "output is not contiguous"),
    ({"output": double(*STEPS)}, TypeError, "output has dtype float64"),
    ({"h_last": None}, TypeError, "h_last is None"),
    ({"c_last": None}, TypeError, "c_last is None"),
    ({"h_last": read_only(*STATE)}, ValueError, "h_last is read-only"),
    ({"c_last": np.broadcast_to(zeros(1), STATE)}, ValueError, "c_last is not contiguous"),
    ({"workspace": zeros(10)}, ValueError, "workspace needs one dimension of at least"),
    ({"workspace": zeros(100, 100)}, ValueError, "workspace needs one dimension of at least"),
    ({"workspace": double(99999)}, TypeError, "workspace has dtype float64"),
    ({"workspace": read_only(99999)}, ValueError, "workspace is read-only"),
    ({"workspace": zeros(199999)[::2]}, ValueError, "workspace is not contiguous"),
    ({"workspace": None}, TypeError, "incompatible function arguments"),
    ({"threads": 2**40}, TypeError, "incompatible function arguments"),
]
WRONG_BACK = [
    ({"scratch": zeros(10)}, ValueError, "scratch needs one dimension of at least"),
    ({"scratch": read_only(99999)}, ValueError, "scratch is read-only"),
    ({"grad_output": zeros(N, WINDOW, 2 * HIDDEN)[..., ::2]}, ValueError, "its columns apart"),
    ({"grad_output": zeros(N, HIDDEN, WINDOW)}, ValueError, "grad_output has shape (3, 5, 4)"),
    ({"grad_output": double(*STEPS)}, TypeError, "grad_output has dtype float64"),
    ({"grad_h_last": zeros(HIDDEN)}, ValueError, "grad_h_last has shape (5,); (3, 5)"),
    ({"grad_c_last": zeros(N, HIDDEN + 1)}, ValueError, "grad_c_last has shape (3, 6); (3, 5)"),
    ({"layer_gradient": weights()[1:]}, ValueError, "four gradients"),
    ({"layer_gradient.0": zeros(1, 1)}, ValueError, "has shape (1, 1); (20, 2)"),
    ({"layer_gradient.2": double(4 * HIDDEN)}, TypeError, "dtype float64; float32"),
    ({"layer_gradient.1": read_only(4 * HIDDEN, HIDDEN)}, ValueError, "read-only"),
    ({"grad_x": read_only(*INPUT)}, ValueError, "grad_x is read-only"),
    ({"grad_x": zeros(WINDOW, N, INPUTS).swapaxes(0, 1)}, ValueError, "grad_x is not contiguous"),
    ({"grad_h0": read_only(*STATE)}, ValueError, "grad_h0 is read-only"),
    ({"grad_c0": zeros(N)}, ValueError, "grad_c0 has shape (3,); (3, 5)"),
]


def case_id(value):
    return "-".join(value) if isinstance(value, dict) else ""


@pytest.mark.parametrize(("changes", "error", "words"), WRONG, ids=case_id)
def test_bad_argument_of_forward_is_an_exception(native, arguments, changes, error, words):
    with pytest.raises(error, match=re.escape(words)):
        run(native, arguments, changes, ["forward"])


@pytest.mark.parametrize(("changes", "error", "words"), WRONG_BACK, ids=case_id)
def test_bad_argument_of_backward_is_an_exception(native, arguments, changes, error, words):
    run(native, arguments, {})
    with pytest.raises(error, match=re.escape(words)):
        run(native, arguments, changes, ["backward"])


@pytest.mark.parametrize("threads", [0, -5, 1000])
def test_any_number_of_threads_is_taken(native, arguments, threads):
    run(native, arguments, {"threads": threads})


IN_CHILD = """
import sys
import numpy as np
from seqforecast import _native
passed, place = sys.argv[1], int(sys.argv[2])
def zeros(*shape): return np.zeros(shape, np.float32)
name, sizes = _native.variants()[0], (3, 4, 2, 5)
layer, gradient = ([zeros(20, 2), zeros(20, 5), zeros(20), zeros(20)] for _ in range(2))
workspace = zeros(_native.workspace_size(name, "lstm", *sizes, True))
scratch = zeros(_native.scratch_size(name, "lstm", *sizes))
(layer if passed == "layer" else gradient)[place] = None
x = zeros(3, 4, 2)
try:
    if passed == "layer":
        ends = zeros(3, 4, 5), zeros(3, 5), zeros(3, 5)
        _native.forward(name, "lstm", x, None, None, layer, *ends, True, workspace, 1)
    else:
        rest = None, zeros(3, 5), None, gradient, None, None, None, scratch, 1
        _native.backward(name, "lstm", x, False, layer, workspace, *rest)
except (TypeError, ValueError) as error:
    print(error)
    raise SystemExit(3)
"""


@pytest.mark.parametrize(
    ("passed", "place"), [("layer", 0), ("layer", 3), ("gradient", 1), ("gradient", 2)]
)
@pytest.mark.usefixtures("native")
def test_none_for_a_parameter_is_an_exception(passed, place):
    # In a process of its own, which a null pointer would end.
    child = subprocess.run(
        [sys.executable, "-c", IN_CHILD, passed, str(place)], capture_output=True, text=True
    )
    assert child.returncode == 3, f"ended with {child.returncode}: {child.stderr}"
    assert child.stdout.strip()


@pytest.mark.parametrize("place", range(4), ids=["windows", "steps", "inputs", "units"])
@pytest.mark.parametrize("cell", ["tanh", "lstm"])
def test_needed_memory_grows_with_each_size_until_it_is_refused(any_variant, native, cell, place):
    def needed(size):
        sizes = [1, 1, 1, 1]
        sizes[place] = size
        kept, forgotten = (
            native.workspace_size(any_variant[0], cell, *sizes, keep) for keep in (True, False)
        )
        return kept, forgotten, native.scratch_size(any_variant[0], cell, *sizes)

    before, reached = needed(1), 1
    for size in (1000, 10**6, 2**27, 2**30, LARGEST - 40, LARGEST):
        try:
            now = needed(size)
        except (OverflowError, ValueError):
            break
        # A sum of products of sizes: ten times a size is at most a hundred times the memory. The
        # last tile may be better filled, by a third at most.
        for a, b in zip(before, now, strict=True):
            assert a * 0.7 <= b <= 2 * a * (size / reached) ** 2
        assert now[1] >= size
        before, reached = now, size


@pytest.mark.parametrize("place", [[3], [0, 1], [0, 1, 2, 3]])
def test_memory_of_petabytes_is_refused(any_variant, native, place):
    sizes = [LARGEST if k in place else 1 for k in range(4)]
    with pytest.raises(OverflowError, match="petabyte"):
        native.workspace_size(any_variant[0], "gru", *sizes, False)
    with pytest.raises(OverflowError, match="petabyte"):
        native.scratch_size(any_variant[0], "gru", *sizes)


@pytest.mark.parametrize("sizes", [(0, 1, 1, 1), (1, -1, 1, 1), (1, 1, 0, 1), (1, 1, 1, -(2**31))])
def test_sizes_below_one_are_refused(native, sizes):
    name = native.variants()[0]
    with pytest.raises(ValueError, match="1 to 2147483647 is needed"):
        native.workspace_size(name, "gru", *sizes, True)
    with pytest.raises(ValueError, match="1 to 2147483647 is needed"):
        native.scratch_size(name, "gru", *sizes)


@pytest.mark.parametrize("size", [2**31, 2**63, -(2**31) - 1])
def test_sizes_that_are_no_int_are_refused(native, size):
    with pytest.raises(TypeError, match="incompatible function arguments"):
        native.workspace_size(native.variants()[0], "gru", size, 1, 1, 1, True)


@pytest.mark.parametrize(
    ("shape", "error"),
    [
        ((2**31, 4, 2), ValueError),  # more than an int
        ((2**40, 4, 2), ValueError),
        ((LARGEST, 2**20, 2), OverflowError),  # more than a petabyte
        ((LARGEST, 1, 2), ValueError),  # results of another shape
        ((1, LARGEST, 2), ValueError),
        ((3, 4, LARGEST), ValueError),
    ],
)
def test_huge_expanded_windows_are_refused(native, arguments, shape, error):
    huge = np.broadcast_to(zeros(1, 1, 1), shape)
    with pytest.raises(error, match="needed|petabyte"):
        run(native, arguments, {"x": huge, "h0": None, "c0": None}, ["forward"])


LAYER_IN_CHILD = """
import itertools
import torch
from seqforecast import _kernels, nn
good = torch.zeros(2, 4, 3)
def state(*shape):
    return torch.zeros(shape)
ours = _kernels.VARIANT
assert ours
for variant, kind, (name, x, start) in itertools.product((ours, None), (nn.RNN, nn.GRU, nn.LSTM), (
    ("inputs", torch.zeros(2, 4, 1), None),
    ("no steps", torch.zeros(2, 0, 3), None),
    ("dimensions", torch.zeros(2, 4, 3, 1), None),
    ("float64", good.double(), None),
    ("int64", good.long(), None),
    ("units", good, state(1, 2, 6)),
    ("windows", good, state(1, 1, 5)),
    ("layers", good, state(0, 2, 5)),
    ("rank", good, state(2, 5)),
)):
    if kind is nn.LSTM and start is not None:
        start = start, start
    _kernels.VARIANT = variant
    try:
        kind(3, 5)(x, start)
    except (RuntimeError, ValueError, IndexError):
        continue
    print(f"no exception: {kind.__name__}, {name}, {variant}", flush=True)
"""


@pytest.mark.usefixtures("native")
def test_layers_answer_bad_input_by_an_exception():
    # With our kernels, and with torch's: torch.lstm checks little, and reads beyond what it is
    # given.
    child = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", LAYER_IN_CHILD],
        capture_output=True,
        text=True,
        env={**os.environ, "SEQFORECAST_KERNELS": "1"},
    )
    assert (child.returncode, child.stdout) == (0, ""), child.stderr[-300:]


@pytest.mark.parametrize("cell", ["tanh", "lstm", "gru"])
@pytest.mark.usefixtures("native")
def test_layers_take_an_empty_batch_as_torch_does(kernels, cell):
    layer = kernels.layer(cell, 3, 5)
    output, _ = layer(torch.zeros(0, 4, 3))
    assert output.shape == (0, 4, 5)
    output.sum().backward()
    assert all((p.grad == 0).all() for p in layer.parameters())


@pytest.mark.usefixtures("native")
def test_layer_refuses_more_memory_than_there_is(kernels):
    layer = kernels.layer("lstm", 1, 1)
    # 2**61 bytes of results: torch's allocator refuses at once, whatever the system promises.
    x = torch.zeros(1, 1, 1).expand(2**31 - 1, 2**28, 1)
    with torch.no_grad(), pytest.raises((RuntimeError, OverflowError, MemoryError)):
        layer(x)
