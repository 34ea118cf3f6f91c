"""Ctrl-C at any moment of a fit: whatever it breaks off, the world is as before.

It comes at lines of the package that are spread over a fit, so that it is the same in every run.
The slow tests have a timer send it, which hits the inside of calls, too.
"""

import dis
import gc
import linecache
import os
import pickle
import random
import signal
import sys
import time

import numpy as np
import pytest
import torch

import seqforecast
from seqforecast import GRURegressor, LSTMRegressor

PACKAGE = os.path.dirname(seqforecast.__file__)


class AtLine:
    """Presses Ctrl-C before the n-th line of the package that runs."""

    def __init__(self, n):
        self.n, self.n_seen = n, 0

    def __enter__(self):
        self.before = sys.gettrace()
        sys.settrace(self.trace)
        return self

    def __exit__(self, *_):
        sys.settrace(self.before)

    def trace(self, frame, event, _):
        if not frame.f_code.co_filename.startswith(PACKAGE):
            return None
        if event == "line" and not ends_a_with(frame):
            self.n_seen += 1
            if self.n_seen == self.n:
                signal.raise_signal(signal.SIGINT)
        return self.trace


def ends_a_with(frame):
    """Tell whether the line is that of a ``with`` whose block is over.

    Python calls ``__exit__`` there without looking for signals before, which a trace could not do:
    a lock would be held for ever.
    """
    code = frame.f_code
    text = linecache.getline(code.co_filename, frame.f_lineno).lstrip()
    return text.startswith("with ") and dis.opname[code.co_code[frame.f_lasti]] == "LOAD_CONST"


class AfterSeconds:
    """Presses Ctrl-C after some time."""

    def __init__(self, seconds):
        self.seconds = seconds

    def __enter__(self):
        self.before = signal.signal(signal.SIGALRM, signal.default_int_handler)
        signal.setitimer(signal.ITIMER_REAL, self.seconds)

    def __exit__(self, *_):
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, self.before)


def world():
    smallest = 5e-324
    return torch.get_num_threads(), torch.is_grad_enabled(), smallest * 1.0 == 0.0


def new(kind, **options):
    return kind(**{"hidden_size": 8, "max_epochs": 8, "random_state": 0, **options})


class Fits:
    """Fits that are broken off, of one estimator that was fitted before."""

    def __init__(self, windows, kind, options):
        self.X, self.y = windows
        self.before = world()
        self.fresh = new(kind, **options)
        self.fitted = new(kind, max_epochs=1).fit(self.X, self.y)
        self.full = self.fit_and_forecast()

    def fit_and_forecast(self):
        model = type(self.fresh)(**self.fresh.get_params())
        return model.fit(self.X, self.y).predict(self.X)

    def is_broken_off_by(self, ctrl_c):
        """Fit under Ctrl-C; check what is left, and tell whether the signal came out."""
        model = pickle.loads(pickle.dumps(self.fitted)).set_params(**self.fresh.get_params())
        stopped = False
        try:
            with ctrl_c:
                model.fit(self.X, self.y)
        except KeyboardInterrupt:
            stopped = True
        assert world() == self.before
        forecast = model.predict(self.X)
        assert np.isfinite(forecast).all()
        if model.max_epochs > model.n_iter_ == 1:
            assert model.history_.shape[0] == 1
        if not stopped:
            np.testing.assert_array_equal(forecast, self.full)
        np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).predict(self.X), forecast)
        return stopped

    def check_later_fit(self):
        np.testing.assert_array_equal(self.fit_and_forecast(), self.full)


@pytest.fixture(
    params=[(LSTMRegressor, {}), (GRURegressor, {"dropout": 0.2, "lr_schedule": "cosine"})],
    ids=["LSTM", "GRU"],
)
def fits(request, windows):
    before = torch.get_num_threads()
    torch.set_num_threads(2)  # a fit computes on one thread, and has to put back the two
    yield Fits(windows, *request.param)
    torch.set_num_threads(before)


def at_lines(fits, n):
    """Yield Ctrl-C at n lines that are spread over a fit."""
    with AtLine(None) as whole:
        fits.fit_and_forecast()
    yield from map(AtLine, np.linspace(1, whole.n_seen, n, endpoint=False, dtype=int))


@pytest.mark.parametrize("n", [12, pytest.param(400, marks=pytest.mark.slow)])
def test_ctrl_c_at_any_line_leaves_the_world_as_it_was(fits, n):
    for ctrl_c in at_lines(fits, n):
        stopped = fits.is_broken_off_by(ctrl_c)
        assert stopped == (ctrl_c.n_seen == ctrl_c.n)  # a fit that goes on is no longer traced
    fits.check_later_fit()


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs a timer")
def test_ctrl_c_after_any_time_leaves_the_world_as_it_was(fits, request):
    gc.collect()
    gc.freeze()  # what earlier tests left must not be finalised, and interrupted, meanwhile
    request.addfinalizer(gc.unfreeze)
    chance, start = random.Random(0), time.perf_counter()
    fits.fit_and_forecast()
    longest, n_stopped = time.perf_counter() - start, 0
    while n_stopped < 100:  # however fast this machine is from one moment to the next
        n_stopped += fits.is_broken_off_by(AfterSeconds(chance.uniform(1e-4, longest)))
    fits.check_later_fit()
