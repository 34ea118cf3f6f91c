"""Two hundred fits, forecasts and pickles in one process keep neither memory nor files."""

import gc
import os
import pickle
import sys
import threading
import weakref
from pathlib import Path

import numpy as np
import pytest

from seqforecast import Forecaster, GRURegressor, LSTMRegressor, RNNRegressor

pytestmark = pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads /proc")

WARM_UP, MORE = 60, 150
LEAK = 30_000  # bytes a round: a leak of 50 kB would show
KINDS = [
    (LSTMRegressor, {}),  # whole steps in native code
    (GRURegressor, {"dropout": 0.2, "lr_schedule": "cosine"}),  # torch's autograd
    (RNNRegressor, {"loss": "quantile", "n_jobs": 2}),
]


def memory():
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def handles():
    return len(os.listdir("/proc/self/fd")), threading.active_count()


def grown(use):
    """Return how many bytes a round of `use` keeps, once the first rounds have taken theirs."""
    for number in range(WARM_UP):
        use(number)
    before, open_before = memory(), handles()
    for number in range(MORE):
        use(number)
    assert handles() == open_before
    return (memory() - before) / MORE


def small(number=0, **options):
    kind, own = KINDS[number % len(KINDS)]
    return kind(**{"hidden_size": 8, "max_epochs": 1, "random_state": 0, **own, **options})


def test_two_hundred_fits_keep_no_memory_and_no_file(windows):
    X, y = windows
    assert grown(lambda number: small(number).fit(X[:32], y[:32])) < LEAK


@pytest.mark.slow
@pytest.mark.parametrize("number", range(len(KINDS)))
def test_two_hundred_fits_of_one_estimator_keep_no_memory(windows, number):
    X, y = windows
    model = small(number)
    assert grown(lambda _: model.fit(X, y)) < LEAK


def test_two_hundred_forecasts_and_pickles_keep_no_memory(windows):
    X, y = windows
    models = [small(number).fit(X, y) for number in range(len(KINDS))]

    def use(number):
        model = models[number % len(models)]
        model.predict(X[: 10 * (number % 7 + 1)])
        pickle.loads(pickle.dumps(model)).predict(X)

    assert grown(use) < LEAK


def test_two_hundred_questions_to_a_forecaster_keep_no_memory():
    series = 10 + np.sin(np.arange(60))
    forecaster = Forecaster(small(max_epochs=1), window=8, horizon=4).fit(series)
    assert grown(lambda _: forecaster.predict(4, level=50)) < LEAK


def test_nets_of_earlier_fits_die(windows):
    X, y = windows
    model, nets = small(1), []
    for _ in range(4):
        nets.append(weakref.ref(model.fit(X, y).net_))
    gc.collect()
    assert [net() is None for net in nets] == [True, True, True, False]
    del model
    gc.collect()
    assert nets[-1]() is None


def test_a_fit_that_failed_keeps_nothing(windows):
    X, y = windows
    model = small()

    def use(number):
        with pytest.raises(ValueError, match="NaN"):
            model.fit(X, np.where(np.arange(len(y)) == number % len(y), np.nan, y))

    assert grown(use) < LEAK
    assert sys.exc_info() == (None, None, None)
