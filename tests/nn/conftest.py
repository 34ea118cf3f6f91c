"""The kernels of this machine, and their compiled functions with arrays between guards."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from seqforecast import _kernels, nn

try:
    from seqforecast import _native
except ImportError:
    _native = None

VARIANTS = _native.variants() if _native else []
LANES = {"avx512": 16, "avx2": 8, "plain": 4}
GATES = {"tanh": 1, "relu": 1, "lstm": 4, "gru": 3}
GUARD = -12345.0
GUARDS = 64
"""Values before and behind every array: as many as the widest load or store could reach."""


@pytest.fixture(params=VARIANTS)
def variant(request, monkeypatch):
    """Each instruction set of this machine in turn, at work in the layers."""
    monkeypatch.setattr(_kernels, "NATIVE", _native)
    monkeypatch.setattr(_kernels, "VARIANT", request.param)
    return request.param


@pytest.fixture(params=[*VARIANTS, *(["float64"] if VARIANTS else [])])
def any_variant(request):
    """Each instruction set and double precision, with the type of its numbers."""
    return request.param, np.float64 if request.param == "float64" else np.float32


@pytest.fixture
def native(monkeypatch):
    """The compiled module, its best instruction set at work in the layers."""
    if _native is None:
        pytest.skip("the kernels were not built")
    monkeypatch.setattr(_kernels, "NATIVE", _native)
    monkeypatch.setattr(_kernels, "VARIANT", VARIANTS[0])
    return _native


@pytest.fixture
def called(native, monkeypatch):
    """Names of the compiled passes that ran, in order."""
    names = []

    def spy(name):
        def run(*arguments):
            names.append(name)
            return getattr(native, name)(*arguments)

        return run

    spies = {name: spy(name) for name in ("forward", "backward")}
    sizes = {name: getattr(native, name) for name in ("workspace_size", "scratch_size")}
    monkeypatch.setattr(_kernels, "NATIVE", SimpleNamespace(**spies, **sizes))
    return names


class GuardedCall:
    """One layer through the compiled functions; every array lies between guards.

    Parameters
    ----------
    variant, cell : str
        What to call.
    x : ndarray of shape (n, window, n_inputs)
        The windows; their dtype is that of all arrays.
    weights : list of ndarray
        The four parameters.
    state : list of ndarray
        Initial h, and c of an LSTM; empty is none.
    fill : float
        What results and work memory hold before they are written.
    """

    def __init__(self, variant, cell, x, weights, state=(), fill=np.nan, threads=1):
        self.names = variant, cell
        self.dtype, self.fill, self.threads = x.dtype, fill, threads
        self.shape, self.hidden = x.shape, weights[1].shape[1]
        self.guarded, self.given = [], []
        self.x = self.hold(x)
        self.weights = [self.hold(w) for w in weights]
        self.state = [self.hold(part) for part in state]
        self.workspace = None

    def hold(self, values):
        """Copy an input to between guards; it must not change."""
        view = self.empty(values.shape)
        view[...] = values
        self.given.append((view, view.copy()))
        return view

    def empty(self, *shape):
        """Return poisoned memory between guards."""
        shape = shape[0] if shape and isinstance(shape[0], tuple) else shape
        size = int(np.prod(shape))
        whole = np.full(size + 2 * GUARDS, GUARD, self.dtype)
        self.guarded.append((whole, size))
        view = whole[GUARDS : GUARDS + size].reshape(shape)
        view[...] = self.fill
        return view

    def forward(self, keep=True, output=True):
        """Return output (None: not asked for), last h, and last c of an LSTM."""
        n, window, _ = self.shape
        size = _native.workspace_size(*self.names, *self.shape, self.hidden, keep)
        self.workspace = self.empty(size)
        result = self.empty(n, window, self.hidden) if output else None
        h = self.empty(n, self.hidden)
        c = self.empty(n, self.hidden) if self.names[1] == "lstm" else None
        h0, c0 = (*self.state, None, None)[:2]
        ends = result, h, c, keep, self.workspace, self.threads
        _native.forward(*self.names, self.x, h0, c0, self.weights, *ends)
        return [result, h] if c is None else [result, h, c]

    def backward(self, of_output=None, of_h=None, of_c=None, inputs=True):
        """Return gradients of the weights; with `inputs` then of x and the initial state."""
        size = _native.scratch_size(*self.names, *self.shape, self.hidden)
        arriving = [None if a is None else self.hold(a) for a in (of_output, of_h, of_c)]
        leaving = [self.empty(w.shape) for w in self.weights]
        asked = [self.empty(a.shape) for a in (self.x, *self.state)] if inputs else []
        _native.backward(
            *self.names,
            self.x,
            bool(self.state),
            self.weights,
            self.workspace,
            *arriving,
            leaving,
            *(*asked, None, None, None)[:3],
            self.empty(size),
            self.threads,
        )
        return leaving + asked

    def damage(self):
        """List what was touched and must not be: guards, or values that were given."""
        found = []
        for whole, size in self.guarded:
            if (whole[:GUARDS] != GUARD).any() or (whole[GUARDS + size :] != GUARD).any():
                found.append(f"guards of an array of {size} values")
        found += [
            f"a given array of shape {now.shape}"
            for now, before in self.given
            if not np.array_equal(now, before, equal_nan=True)
        ]
        return found


def make_weights(cell, n_inputs, hidden, rng, dtype=np.float32):
    """Draw the four parameters as torch does, uniformly from +-1 / sqrt(hidden)."""
    rows, limit = GATES[cell] * hidden, hidden**-0.5
    shapes = (rows, n_inputs), (rows, hidden), (rows,), (rows,)
    return [rng.uniform(-limit, limit, shape).astype(dtype) for shape in shapes]


def make_layer(cell, *sizes, seed=0):
    """Return our layer of that cell; sizes are inputs, hidden size, layers."""
    rng = torch.Generator().manual_seed(seed)
    if cell in ("tanh", "relu"):
        return nn.RNN(*sizes, nonlinearity=cell, generator=rng)
    return getattr(nn, cell.upper())(*sizes, generator=rng)


def make_twin(layer):
    """Return torch's own layer in float64 with the same weights."""
    options = {"nonlinearity": layer.nonlinearity} if isinstance(layer, nn.RNN) else {}
    sizes = layer.input_size, layer.hidden_size, layer.num_layers
    twin = getattr(torch.nn, type(layer).__name__)(*sizes, batch_first=True, **options)
    twin.load_state_dict(layer.state_dict())
    return twin.double()


@pytest.fixture(scope="session")
def kernels():
    """What the tests of the kernels share."""
    return SimpleNamespace(
        native=_native,
        variants=VARIANTS,
        lanes=LANES,
        gates=GATES,
        Call=GuardedCall,
        weights=make_weights,
        layer=make_layer,
        twin=make_twin,
    )
