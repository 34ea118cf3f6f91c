"""Ctrl-C at random moments of a fit: whatever it breaks off, the world is as before."""

import pickle
import random
import signal
import time

import numpy as np
import pytest
import torch

from seqforecast import GRURegressor, LSTMRegressor

pytestmark = pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs a timer")


@pytest.fixture(autouse=True)
def alarm_is_ctrl_c():
    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


def world():
    smallest = 5e-324
    return torch.get_num_threads(), torch.is_grad_enabled(), smallest * 1.0 == 0.0


def new(kind, **options):
    return kind(**{"hidden_size": 8, "max_epochs": 8, "random_state": 0, **options})


def break_off(windows, kind, options, rounds):
    """Interrupt fits at random moments; return how often the signal came out."""
    X, y = windows
    chance, fitted = random.Random(0), new(kind, max_epochs=1).fit(X, y)
    old, before = fitted.predict(X), world()
    new(kind, **options).fit(X, y)
    start = time.perf_counter()
    full = new(kind, **options).fit(X, y)
    duration, raised = time.perf_counter() - start, 0
    for _ in range(rounds):
        model = pickle.loads(pickle.dumps(fitted)).set_params(**new(kind, **options).get_params())
        stopped = False
        try:
            signal.setitimer(signal.ITIMER_REAL, chance.uniform(1e-4, duration))
            model.fit(X, y)
            signal.setitimer(signal.ITIMER_REAL, 0)
        except KeyboardInterrupt:
            stopped = True
        raised += stopped
        assert world() == before
        forecast = model.predict(X)
        assert np.isfinite(forecast).all()
        if model.max_epochs > model.n_iter_ == 1:
            assert model.history_.shape[0] == 1
        if not stopped:
            np.testing.assert_array_equal(forecast, full.predict(X))
        np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).predict(X), forecast)
    assert np.array_equal(fitted.predict(X), old)
    np.testing.assert_array_equal(new(kind, **options).fit(X, y).predict(X), full.predict(X))
    return raised


CASES = [(LSTMRegressor, {}), (GRURegressor, {"dropout": 0.2, "lr_schedule": "cosine"})]


@pytest.mark.parametrize(("kind", "options"), CASES)
def test_ctrl_c_at_any_moment_leaves_the_world_as_it_was(windows, kind, options):
    assert break_off(windows, kind, options, 60) > 5


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "options"), CASES)
def test_ctrl_c_at_any_moment_many(windows, kind, options):
    assert break_off(windows, kind, options, 1000) > 100
