"""Ctrl-C: real signals, sent to a real process at moments that it announces."""

import json
import os
import signal
import sys
import threading

import pytest

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="sends POSIX signals")

SCRIPT = '''
import json, os, pickle, signal, sys, time, warnings

import numpy as np
import torch
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, KFold
from skorch.callbacks import Callback

from seqforecast import Forecaster, GRURegressor, LSTMRegressor, backtest, make_windows
from seqforecast.training import threads

NEVER = 10**7  # epochs: only Ctrl-C ends such a fit


class AtEpoch(Callback):
    """Announces the end of an epoch, and takes its time there."""

    def __init__(self, epoch, seconds):
        self.epoch = epoch
        self.seconds = seconds

    def on_epoch_end(self, net, **kwargs):
        if len(net.history) == self.epoch:
            announce()
            time.sleep(self.seconds)


class AtBegin(Callback):
    """Announces the beginning of the first epoch, and takes its time there."""

    def on_epoch_begin(self, net, **kwargs):
        announce()
        time.sleep(60)


class SlowRidge(Ridge):
    """Announces that it is being fitted or asked, and takes its time."""

    def __init__(self, where="fit"):
        super().__init__()
        self.where = where

    def fit(self, X, y, sample_weight=None):
        if self.where == "fit":
            announce()
            time.sleep(60)
        return super().fit(X, y)

    def predict(self, X):
        if self.where == "predict":
            announce()
            time.sleep(60)
        return super().predict(X)


def announce(to="process"):
    os.write(1, f"now {to}\\n".encode())


def small(*callbacks, kind=LSTMRegressor, **options):
    defaults = {"hidden_size": 4, "max_epochs": 4, "observe": "off", "random_state": 0}
    return kind(callbacks=list(callbacks), **(defaults | options))


def world():
    smallest = 5e-324
    return {
        "threads": torch.get_num_threads(),
        "denormals": smallest * 1.0 == 0.0,
        "gradients": torch.is_grad_enabled(),
        "errors": np.geterr(),
        "computing": len(threads._active),
    }


def interrupted(function):
    """Tell whether Ctrl-C came out of a call, and how long it took to come."""
    before = world()
    try:
        function()
    except KeyboardInterrupt:
        return world() == before
    return "no interrupt"


rng = np.random.default_rng(0)
series = 10 + np.sin(np.arange(400)) + 0.1 * rng.standard_normal(400)
X, y = make_windows(series, window=8)
torch.set_num_threads(2)
reference = small().fit(X, y)
expected = reference.predict(X)
results = {}


def tell(name, **facts):
    facts["later fit"] = np.array_equal(small().fit(X, y).predict(X), expected)
    results[name] = facts


# In a slow callback at the end of an epoch: this Ctrl-C is no request of the callback.
model = small(AtEpoch(3, 60), max_epochs=NEVER)
tell(
    "callback",
    raised=interrupted(lambda: model.fit(X, y)),
    epochs=model.n_iter_,
    best=bool(np.array_equal(model.predict(X), small(max_epochs=3).fit(X, y).predict(X))),
    pickled=bool(np.array_equal(pickle.loads(pickle.dumps(model)).predict(X), model.predict(X))),
)

# In the middle of native steps, and of torch's.
for name, options in {"native": {}, "torch": {"dropout": 0.2, "lr_schedule": "cosine"}}.items():
    model = small(AtEpoch(2, 0), max_epochs=NEVER, hidden_size=32, **options)
    raised = interrupted(lambda: model.fit(X, y))
    tell(name, raised=raised, finite=bool(np.isfinite(model.predict(X)).all()),
         ended=model.n_iter_ < NEVER, pickled=len(pickle.dumps(model)) > 0)

# While the gradient is observed after every epoch.
model = small(AtEpoch(2, 0), max_epochs=NEVER, observe="epoch", kind=GRURegressor)
raised = interrupted(lambda: model.fit(X, y))
tell("observed", raised=raised, finite=bool(np.isfinite(model.predict(X)).all()))

# Before the first epoch has ended: what was fitted before stays.
model = small().fit(X, y)
state = dict(vars(model))
model.set_params(callbacks=[AtBegin()], hidden_size=7)
raised = interrupted(lambda: model.fit(X, y))
left = {k: v for k, v in vars(model).items() if k not in ("callbacks", "hidden_size")}
tell("first epoch", raised=raised, same=bool(np.array_equal(model.predict(X), expected)),
     untouched=all(left[k] is state[k] for k in left) and left.keys() <= state.keys())

# During predict.
many = np.repeat(X, 3000, axis=0)
model = small(hidden_size=64).fit(X, y)
before = model.predict(X)


def predict_for_ever():
    announce()
    while True:
        model.predict(many)


tell("predict", raised=interrupted(predict_for_ever),
     same=bool(np.array_equal(model.predict(X), before)))

# A forecaster is as it was.
forecaster = Forecaster(Ridge(), window=8).fit(series)
state, before = dict(vars(forecaster)), forecaster.predict(5)
forecaster.set_params(regressor=SlowRidge(), window=5)
raised = interrupted(lambda: forecaster.fit(series[:300]))
forecaster.set_params(regressor=state["regressor"], window=8)
tell("forecaster fit", raised=raised, same=bool(np.array_equal(forecaster.predict(5), before)),
     untouched=all(vars(forecaster)[k] is state[k] for k in state))
forecaster = Forecaster(SlowRidge("predict"), window=8).fit(series)
raised = interrupted(lambda: forecaster.predict(5))
forecaster.regressor_.where = forecaster.regressor.where = "nowhere"
tell("forecaster predict", raised=raised, same=bool(np.isfinite(forecaster.predict(5)).all()))

# A search stops at the first candidate.
grid = {"hidden_size": [3, 4, 5]}
fits = []


class Counted(LSTMRegressor):
    def fit(self, X, y, **given):
        fits.append(self.hidden_size)
        return super().fit(X, y, **given)


search = GridSearchCV(small(AtEpoch(2, 60), kind=Counted, max_epochs=NEVER), grid, cv=KFold(2))
tell("search", raised=interrupted(lambda: search.fit(X, y)), fits=len(fits),
     fitted=hasattr(search, "best_estimator_"))

# Two worker processes: Ctrl-C reaches this one alone (kill), or all of them (a terminal).
for who in {"process", "group"}.intersection(sys.argv):
    class There(Callback):
        def __init__(self, who):
            self.who = who

        def on_epoch_end(self, net, **kwargs):
            if len(net.history) == 2:
                os.write(1, f"now {self.who}\\n".encode())

    search = GridSearchCV(small(There(who), max_epochs=NEVER), grid, cv=KFold(2), n_jobs=2)
    tell(f"search of two, {who}", raised=interrupted(lambda: search.fit(X, y)),
         fitted=hasattr(search, "best_estimator_"))

if "backtest" in sys.argv:
    slow = Forecaster(SlowRidge(), window=8)
    tell("backtest of two", raised=interrupted(
        lambda: backtest(slow, series, horizon=3, n_folds=4, n_jobs=2)))

os.write(1, (json.dumps(results) + "\\n").encode())
small(AtEpoch(2, 60), max_epochs=NEVER).fit(X, y)  # nobody catches this one
'''


def run(start, *searches):
    """Run the script; press Ctrl-C whenever it says 'now'."""
    with start(SCRIPT, *searches) as process:
        killer = threading.Timer(300, lambda: os.killpg(process.pid, signal.SIGKILL))
        killer.start()
        results, errors = {}, []
        drain = threading.Thread(target=lambda: errors.append(process.stderr.read()))
        drain.start()
        for line in process.stdout:
            if line.startswith("{"):
                results = json.loads(line)
            elif line.startswith("now"):
                send = os.killpg if "group" in line else os.kill
                send(process.pid, signal.SIGINT)
        process.wait()
        killer.cancel()
        drain.join()
    assert results, errors[0]
    return results, process.returncode, errors[0]


@pytest.fixture(scope="module")
def ended(start):
    return run(start)


@pytest.fixture(scope="module")
def ended_with_more_workers(start):
    return run(start, "process", "group", "backtest")


ALL = {
    "callback",
    "native",
    "torch",
    "observed",
    "first epoch",
    "predict",
    "forecaster fit",
    "forecaster predict",
    "search",
}


@pytest.mark.parametrize("name", sorted(ALL))
def test_ctrl_c_is_raised_and_thread_count_and_flags_are_restored(ended, name):
    results, _, errors = ended
    assert results[name]["raised"] is True, errors
    assert results[name]["later fit"] is True  # and the bits of a later fit are the same


def test_ctrl_c_while_a_slow_callback_runs_keeps_the_best_weights(ended):
    facts = ended[0]["callback"]
    assert facts["epochs"] == 3
    assert facts["best"]
    assert facts["pickled"]


@pytest.mark.parametrize("name", ["native", "torch"])
def test_ctrl_c_in_the_middle_of_steps_leaves_an_estimator_that_predicts(ended, name):
    facts = ended[0][name]
    assert facts["finite"]
    assert facts["ended"]
    assert facts["pickled"]


def test_ctrl_c_while_the_gradient_is_observed_leaves_an_estimator_that_predicts(ended):
    assert ended[0]["observed"]["finite"]


def test_ctrl_c_before_the_first_epoch_ends_leaves_what_was_fitted_before(ended):
    facts = ended[0]["first epoch"]
    assert facts["same"]
    assert facts["untouched"]


def test_ctrl_c_during_predict_leaves_the_estimator(ended):
    assert ended[0]["predict"]["same"]


def test_ctrl_c_while_a_forecaster_fits_or_predicts_leaves_it(ended):
    assert ended[0]["forecaster fit"]["same"]
    assert ended[0]["forecaster fit"]["untouched"]
    assert ended[0]["forecaster predict"]["same"]


def test_ctrl_c_stops_a_search_at_its_first_fit(ended):
    facts = ended[0]["search"]
    assert facts["fits"] == 1
    assert not facts["fitted"]


@pytest.mark.slow
@pytest.mark.parametrize("who", ["process", "group"])  # kill, or a terminal
def test_ctrl_c_stops_a_search_of_two_workers(ended_with_more_workers, who):
    facts = ended_with_more_workers[0][f"search of two, {who}"]
    assert facts["raised"] is True
    assert not facts["fitted"]
    assert facts["later fit"] is True


@pytest.mark.slow
def test_ctrl_c_stops_a_backtest_of_two_workers(ended_with_more_workers):
    facts = ended_with_more_workers[0]["backtest of two"]
    assert facts["raised"] is True
    assert facts["later fit"] is True


def test_ctrl_c_that_nobody_catches_ends_the_process(ended):
    _, code, errors = ended
    assert code == -signal.SIGINT
    assert errors.rstrip().endswith("KeyboardInterrupt")
