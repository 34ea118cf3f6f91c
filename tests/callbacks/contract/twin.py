"""One training twice: by a regressor of ours, and by skorch's net of the same module."""

import warnings
from copy import deepcopy
from functools import cache, partial

import numpy as np
import torch
from skorch import NeuralNetRegressor
from skorch.callbacks import Callback
from skorch.dataset import Dataset
from skorch.helper import predefined_split

from seqforecast import LSTMRegressor, make_windows
from seqforecast.nn import SquaredError
from seqforecast.regressors.parameters import generators
from tests.callbacks.contract.seen import (
    Batches,
    Epochs,
    Log,
    Seen,
    describe,
    files_of,
    history_of,
    state_of,
)

N_TRAIN, N_VALID, WINDOW, BATCH, LR = 59, 40, 8, 32, 0.01
"""The last batch is smaller than the others."""

SEED = 0


@cache
def data():
    """Return X, y, X_val, y_val in float32: windows (n, 8, 1), targets (n, 1)."""
    rng = np.random.default_rng(SEED)
    steps = np.arange(N_TRAIN + N_VALID + WINDOW)
    series = np.sin(steps / 3) + 0.3 * rng.normal(size=len(steps))
    X, y = make_windows(series, window=WINDOW)
    X, y = X.astype(np.float32).reshape(-1, WINDOW, 1), y.astype(np.float32).reshape(-1, 1)
    return X[:N_TRAIN], y[:N_TRAIN], X[N_TRAIN:], y[N_TRAIN:]


def regressor(callbacks, epochs):
    """Return ours, without what skorch's net does not do."""
    return LSTMRegressor(
        hidden_size=4,
        scaling=None,
        gradient_clipping=None,
        observe="off",
        early_stopping=False,
        lr=LR,
        batch_size=BATCH,
        max_epochs=epochs,
        callbacks=callbacks,
        random_state=SEED,
    )


class _FirstModule(Callback):
    """Keeps what training starts from."""

    def __init__(self, kept):
        self.kept = kept

    def on_train_begin(self, net, **kwargs):
        self.kept.append(deepcopy(net.module_))


@cache
def _first_module():
    kept = []
    regressor([_FirstModule(kept)], 1).fit(*data()[:2])
    return kept[0]


class Order:
    """Draws the order of the windows as ours does, once an epoch."""

    def __init__(self, n):
        self.n = n
        self.generator = generators(SEED)[1]

    def __len__(self):
        return self.n

    def __iter__(self):
        return iter(torch.randperm(self.n, generator=self.generator).tolist())


def _adam(groups, lr):
    """Take the parameters in the order of ours: matrices, then biases."""
    for group in groups:
        group["params"].sort(key=lambda parameter: parameter.ndim < 2)
    return torch.optim.Adam(groups, lr=lr, fused=True)


def plain_net(callbacks, epochs, *, valid):
    """Return skorch's net with the module, the data and the seed of `regressor`."""
    X, _, X_val, y_val = data()
    return NeuralNetRegressor(
        deepcopy(_first_module()),
        criterion=SquaredError,
        optimizer=_adam,
        lr=LR,
        batch_size=BATCH,
        max_epochs=epochs,
        train_split=predefined_split(Dataset(X_val, y_val)) if valid else None,
        iterator_train__sampler=Order(len(X)),
        iterator_valid__batch_size=256,
        callbacks=callbacks,
        callbacks__epoch_timer=None,
        callbacks__print_log=None,
        verbose=0,
    )


class _Keeps(Callback):
    """Keeps the net, also of a fit that ends with an error."""

    def __init__(self, kept):
        self.kept = kept

    def on_train_begin(self, net, **kwargs):
        self.kept[:] = [net]


def _ours(mode, callbacks):
    """Return what fits ours, and what gives its net."""
    kept = Log()
    model = regressor([("keeps", _Keeps(kept)), *callbacks], mode.epochs)
    model.set_params(warm_start=mode.goes_on)
    X, y, X_val, y_val = data()
    validation = {"X_val": X_val, "y_val": y_val} if mode.valid else {}
    return partial(model.fit, X, y, **validation), lambda: kept[0]


def _skorchs(mode, callbacks):
    """Return what fits skorch's net, and what gives it."""
    net = plain_net(callbacks, mode.epochs, valid=mode.valid)
    net.set_params(warm_start=mode.goes_on)
    return partial(net.fit, *data()[:2]), lambda: net


def ours(mode, place, *, by_batch):
    """Train ours in a mode; with `by_batch` each batch is looked at, so no step is native."""
    return _trained(mode, place, mode.make, _ours, Batches if by_batch else Epochs)


def skorchs(mode, place):
    """Train skorch's net in the same mode."""
    return _trained(mode, place, mode.plain or mode.make, _skorchs, Batches)


def _trained(mode, place, make, net_with, recorder):
    """Return what is seen of the fits of a mode, whose callbacks stand between two recorders."""
    seen = Seen()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for number in range(mode.fits):
            if number == 0 or not mode.goes_on:
                before, after = (recorder(who, seen.calls, seen.native) for who in _WHO)
                between = [("before", before), *make(place), ("after", after)]
                fit, net_of = net_with(mode, between)
            try:
                fit()
            except Exception as error:
                seen.error = error
    seen.warnings = [[one.category.__name__, str(one.message)] for one in caught]
    if seen.calls:  # else it ended before training began
        _look_at(net_of(), seen)
        seen.files, seen.book = files_of(place, data()[0]), describe(place.book)
    return seen


_WHO = "before", "after"


def _look_at(net, seen):
    names = [name for name, _ in net.callbacks_]
    start, stop = (names.index(who) for who in _WHO)
    seen.callbacks = [state_of(callback) for _, callback in net.callbacks_[start + 1 : stop]]
    seen.history = history_of(net)
    seen.weights = describe(dict(net.module_.state_dict()))
