"""Fits, forecasts and pickles in one process keep neither memory nor files.

The quick suite counts objects after a few rounds; two hundred rounds, whose memory is measured,
tell of leaks in C++, too.
"""

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

FEW, MANY = (3, 6), (60, 150)
"""Rounds until caches are filled, and rounds after them."""
LEAK = 30_000  # bytes a round: a leak of 50 kB would show
KINDS = [
    (LSTMRegressor, {}),  # whole steps in native code
    (GRURegressor, {"dropout": 0.2, "lr_schedule": "cosine"}),  # torch's autograd
    (RNNRegressor, {"loss": "quantile", "n_jobs": 2}),
]


def small(number=0, **options):
    kind, own = KINDS[number % len(KINDS)]
    return kind(**{"hidden_size": 8, "max_epochs": 1, "random_state": 0, **own, **options})


def fits(X, y):
    return lambda number: small(number).fit(X[:32], y[:32])


def fits_of_one_estimator(X, y):
    models = [small(number) for number in range(len(KINDS))]
    return lambda number: models[number % len(models)].fit(X, y)


def failed_fits(X, y):
    model = small()

    def use(number):
        with pytest.raises(ValueError, match="NaN"):
            model.fit(X, np.where(np.arange(len(y)) == number % len(y), np.nan, y))

    return use


def forecasts_and_pickles(X, y):
    models = [small(number).fit(X, y) for number in range(len(KINDS))]

    def use(number):
        model = models[number % len(models)]
        model.predict(X[: 10 * (number % 7 + 1)])
        pickle.loads(pickle.dumps(model)).predict(X)

    return use


def questions_to_a_forecaster(*_):
    series = 10 + np.sin(np.arange(60))
    forecaster = Forecaster(small(max_epochs=1), window=8, horizon=4).fit(series)
    return lambda _: forecaster.predict(4, level=50)


USES = [fits, fits_of_one_estimator, failed_fits, forecasts_and_pickles, questions_to_a_forecaster]


def handles():
    return len(os.listdir("/proc/self/fd")), threading.active_count()


def grown(use, rounds, kept):
    """Return by how much `kept` grows in a round of `use`, and check that no file stays open."""
    warm_up, more = rounds
    for number in range(warm_up):
        use(number)
    before, open_before = kept(), handles()
    for number in range(more):
        use(number)
    assert handles() == open_before
    return (kept() - before) / more


def objects():
    """Count what is alive, less dead references, which pandas clears from time to time."""
    gc.collect()
    return sum(not isinstance(one, weakref.ref) for one in gc.get_objects())


def memory():
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


@pytest.fixture
def old_objects_apart():
    """Let the collector forget what is there: it is quick, and counts what is new."""
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.mark.usefixtures("old_objects_apart")
@pytest.mark.parametrize("of", USES)
def test_a_few_rounds_keep_no_object_and_no_file(windows, of):
    use = of(*windows)
    assert min(grown(use, FEW, objects) for _ in range(3)) <= 0  # a leak grows every time
    assert sys.exc_info() == (None, None, None)


@pytest.mark.slow
@pytest.mark.parametrize("of", USES)
def test_two_hundred_rounds_keep_no_memory_and_no_file(windows, of):
    assert grown(of(*windows), MANY, memory) < LEAK


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
