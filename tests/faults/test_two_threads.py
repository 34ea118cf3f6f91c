"""One estimator in two threads: what was fitted before, or one clear error, and never a mixture.

The moments are chosen by callbacks and replaced methods, which let the other thread have its turn
there: no test depends on which of two threads is faster.
"""

import os
import pickle
from concurrent.futures import ThreadPoolExecutor
from threading import Event, Lock, Thread

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from skorch.callbacks import Callback

from seqforecast import (
    Forecaster,
    GRURegressor,
    LSTMRegressor,
    RNNRegressor,
    export_numpy,
    gradient_flow,
    load,
    make_windows,
    save,
)
from seqforecast.forecasting import forecaster as forecaster_module
from seqforecast.runtime import load_numpy
from seqforecast.training.net import RecurrentNet
from seqforecast.training.rest import Rest

SERIES = 10 + np.random.default_rng(0).standard_normal(60).cumsum()
X, Y = make_windows(SERIES, window=6)
OTHER_X, OTHER_Y = make_windows(SERIES, window=4, horizon=2)
PASSES = {
    "partial_fit": lambda model: model.partial_fit(X, Y),
    "warm_start": lambda model: model.set_params(warm_start=True).fit(X, Y),
}


def meanwhile(model, function, watch=None):
    """Give a model a callback that calls a function in another thread; return what it returns."""

    def call():
        model.set_params(callbacks=None)  # such a callback is in no file
        return function()

    found = []
    model.set_params(callbacks=[(watch or Meanwhile)(call, found)])
    return found


def elsewhere(function):
    """Call a function in another thread, and return what it returns."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(function).result(timeout=60)


class Meanwhile(Callback):
    """Call a function in another thread: after an epoch, where nothing is half done, or a batch."""

    def __init__(self, function, found):
        self.function = function
        self.found = found

    def on_epoch_end(self, net, dataset_train=None, dataset_valid=None, **kwargs):
        self.found.append(elsewhere(self.function))


class MeanwhileInABatch(Meanwhile):
    def on_grad_computed(self, net, named_parameters, batch=None, training=None, **kwargs):
        self.found.append(elsewhere(self.function))


def small(kind=LSTMRegressor, **params):
    return kind(
        **{"hidden_size": 4, "max_epochs": 2, "dropout": 0.5, "lr": 0.1, "random_state": 0} | params
    )


def through_a_file(write, read):
    def answer(model, folder):
        path = folder / "model.safetensors"
        write(model, path)
        return read(path).predict(X)

    return answer


ANSWERS = {
    "predict": lambda model, _: model.predict(X),
    "save": through_a_file(save, load),
    "export": through_a_file(export_numpy, load_numpy),
    "pickle": lambda model, _: pickle.loads(pickle.dumps(model)).predict(X),
    "stream": lambda model, _: model.stream(X).forecast,
    "gradient": lambda model, _: gradient_flow(model, X).lag_curve,
}


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize(
    ("how", "watch"), [("partial_fit", MeanwhileInABatch), ("warm_start", Meanwhile)]
)
def test_beside_a_training_of_its_net_it_answers_as_before(how, answer, watch, tmp_path):
    model = small().fit(X, Y)
    before = ANSWERS[answer](model, tmp_path)
    found = meanwhile(model, lambda: ANSWERS[answer](model, tmp_path), watch)
    PASSES[how](model)
    assert found
    for one in found:
        np.testing.assert_array_equal(one, before)
    assert not np.array_equal(ANSWERS["predict"](model, tmp_path), small().fit(X, Y).predict(X))


@pytest.mark.parametrize(("kind", "answer"), [(RNNRegressor, "predict"), (GRURegressor, "save")])
def test_other_cells_answer_as_before(kind, answer, tmp_path):
    model = small(kind).fit(X, Y)
    before = ANSWERS[answer](model, tmp_path)
    found = meanwhile(model, lambda: ANSWERS[answer](model, tmp_path), MeanwhileInABatch)
    model.partial_fit(X, Y)
    for one in found:
        np.testing.assert_array_equal(one, before)


@pytest.mark.parametrize("answer", ["save", "pickle"])
def test_what_is_saved_beside_a_training_trains_on_as_if_there_were_none(answer, tmp_path):
    def copy():
        if answer == "pickle":
            return pickle.loads(pickle.dumps(model))
        save(model, tmp_path / "model")
        return load(tmp_path / "model")

    undisturbed, model = small().fit(X, Y).partial_fit(X, Y).predict(X), small().fit(X, Y)
    found = meanwhile(model, copy)
    model.partial_fit(X, Y)
    # The optimizer's moments and the generators are those of before, too.
    again = found[-1].partial_fit(X, Y).predict(X)
    np.testing.assert_array_equal(again, undisturbed)
    np.testing.assert_array_equal(model.predict(X), undisturbed)


def test_a_stream_goes_on_with_the_old_weights_until_the_training_ends():
    model = small().fit(X, Y)
    expected, stream = model.stream(X[:1]).update(SERIES[6]), model.stream(X[:1])
    found = meanwhile(model, lambda: stream.update(SERIES[6]))
    model.partial_fit(X, Y)
    np.testing.assert_array_equal(found[0], expected)


def test_the_thread_that_trains_sees_the_weights_as_they_are():
    class Ask(Callback):
        def on_epoch_end(self, net, dataset_train=None, dataset_valid=None, **kwargs):
            found.append((model.predict(X), net.predict(X[:, :, np.newaxis])[:, 0]))

    found, model = [], small().fit(X, Y)
    before = model.predict(X)
    model.set_params(callbacks=[Ask()]).partial_fit(X, Y)
    np.testing.assert_array_equal(*found[0])
    assert not np.array_equal(found[0][0], before)


@pytest.mark.parametrize("answer", ["predict", "save", "export", "stream"])
def test_beside_a_refit_it_answers_as_before(answer, tmp_path):
    model = small().fit(X, Y)
    before = ANSWERS[answer](model, tmp_path)
    found = meanwhile(model, lambda: ANSWERS[answer](model, tmp_path))
    model.fit(OTHER_X, OTHER_Y)
    for one in found:
        np.testing.assert_array_equal(one, before)
    assert model.predict(OTHER_X).shape == OTHER_Y.shape


def test_a_refit_that_ends_within_a_forecast_does_not_change_its_form(monkeypatch):
    model, forecast = small(loss="quantile").fit(X, Y), RecurrentNet.forecast
    before = model.predict(X), model.predict_quantiles(X)

    def slow(net, windows):
        elsewhere(lambda: model.set_params(loss="squared_error").fit(OTHER_X, OTHER_Y))
        return forecast(net, windows)

    for method, expected in zip(("predict", "predict_quantiles"), before, strict=True):
        model.set_params(loss="quantile").fit(X, Y)
        monkeypatch.setattr(RecurrentNet, "forecast", slow)
        np.testing.assert_array_equal(getattr(model, method)(X), expected)
        monkeypatch.setattr(RecurrentNet, "forecast", forecast)


def test_a_fit_that_fails_beside_a_forecast_leaves_no_trace():
    model = small().fit(X, Y)
    before = dict(vars(model))
    with pytest.raises(ValueError, match="y"):
        model.fit(OTHER_X, np.full(len(OTHER_X), np.nan))
    assert vars(model).keys() == before.keys()
    assert all(vars(model)[name] is value for name, value in before.items())


def test_a_training_waits_for_those_who_read_and_lets_no_reader_wait():
    net, rest, reading, go_on, order = object(), Rest(), Event(), Event(), []

    def slow(_):
        reading.set()
        assert go_on.wait(60)
        order.append("read")

    def train():
        rest.begin(lambda: "as it was")
        order.append("trained")

    reader, trainer = (
        Thread(target=work, daemon=True) for work in (lambda: rest.read(net, slow), train)
    )
    reader.start()
    assert reading.wait(60)
    trainer.start()
    while rest.read(net, lambda one: one) != "as it was":  # who comes now does not wait
        pass
    trainer.join(0.005)
    assert not order
    go_on.set()
    for thread in (reader, trainer):
        thread.join(60)
    assert order == ["read", "trained"]


# Two that change the same object ------------------------------------------------------------------

FITS = {
    "fit": lambda model: model.fit(OTHER_X, OTHER_Y),
    "partial_fit": lambda model: model.partial_fit(X, Y),
}


@pytest.mark.parametrize("second", FITS)
@pytest.mark.parametrize("first", FITS)
def test_a_second_fit_is_refused_and_the_first_goes_on(first, second):
    def refused():
        with pytest.raises(
            RuntimeError, match="another fit of this LSTMRegressor is .* one threading.Lock around"
        ):
            FITS[second](model)
        return True

    model = small()
    found = meanwhile(model, refused)
    FITS[first](model)
    assert all(found)
    alone = FITS[first](small())
    windows = OTHER_X if first == "fit" else X
    np.testing.assert_array_equal(model.predict(windows), alone.predict(windows))
    elsewhere(lambda: FITS[first](model))  # the next one may


def forecaster(regressor=None):
    return Forecaster(Ridge() if regressor is None else regressor, window=6, horizon=2)


def within(monkeypatch, name, function):
    """Call a function in another thread within a step of the forecaster."""
    step = getattr(forecaster_module, name)

    def slow(*args, **kwargs):
        monkeypatch.setattr(forecaster_module, name, step)
        result = step(*args, **kwargs)
        found.append(elsewhere(function))
        return result

    found = []
    monkeypatch.setattr(forecaster_module, name, slow)
    return found


@pytest.mark.parametrize("second", ["fit", "update"])
@pytest.mark.parametrize("first", ["fit", "update"])
def test_a_second_fit_of_a_forecaster_is_refused(first, second, monkeypatch):
    def refused():
        with pytest.raises(RuntimeError, match="another fit of this Forecaster is"):
            call(second, SERIES[-1:])
        return True

    def call(how, values):
        return model.fit(SERIES) if how == "fit" else model.update(values)

    model = forecaster().fit(SERIES[:50])
    found = within(monkeypatch, "fit_with_weight" if first == "fit" else "read_new", refused)
    call(first, SERIES[50:55])
    assert found == [True]
    expected = forecaster().fit(SERIES) if first == "fit" else forecaster().fit(SERIES[:50])
    expected = expected if first == "fit" else expected.update(SERIES[50:55])
    np.testing.assert_array_equal(model.predict(3), expected.predict(3))


def test_a_refit_that_ends_within_a_forecast_of_a_forecaster_does_not_change_it(monkeypatch):
    model = forecaster().fit(SERIES)
    before = model.predict(3)
    panel = np.column_stack([SERIES[:30], SERIES[30:]])
    within(monkeypatch, "requested_rows", lambda: model.fit(panel))
    np.testing.assert_array_equal(model.predict(3), before)
    assert model.predict(3).shape == (3, 2)


def test_a_second_update_of_a_stream_is_refused(monkeypatch):
    model = small().fit(X, Y)
    for stream, step in (
        (model.stream(X[:1]), SERIES[6]),
        (forecaster(model).fit(SERIES).stream(), SERIES[-1:]),
    ):
        compute, found = RecurrentNet.tensor, []

        def refused(stream=stream, step=step):
            with pytest.raises(RuntimeError, match="another update of this .*Stream is"):
                stream.update(step)
            return stream.forecast  # of before

        def slow(net, values, compute=compute, refused=refused, found=found):
            monkeypatch.setattr(RecurrentNet, "tensor", compute)
            found.append(elsewhere(refused))
            return compute(net, values)

        before = stream.forecast
        monkeypatch.setattr(RecurrentNet, "tensor", slow)
        after = stream.update(step)
        np.testing.assert_array_equal(found[0], before)
        np.testing.assert_array_equal(stream.forecast, after)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_fork_in_the_middle_of_a_training_leaves_what_was_before():
    def in_a_child():
        child = os.fork()
        if child == 0:
            right = np.array_equal(model.predict(X), before)
            trained, elsewhere = model.partial_fit(X, Y).predict(X), []
            thread = Thread(target=lambda: elsewhere.append(model.predict(X)))
            thread.start()
            thread.join()
            right &= all(np.array_equal(one, undisturbed) for one in (trained, *elsewhere))
            os._exit(0 if right and elsewhere else 1)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    undisturbed = small().fit(X, Y).partial_fit(X, Y).predict(X)
    model = small().fit(X, Y)
    before, found = model.predict(X), meanwhile(model, in_a_child, MeanwhileInABatch)
    model.partial_fit(X, Y)
    assert found
    assert set(found) == {0}


class FitsItself(Callback):
    """Trains the estimator that is being fitted, which no fit can take in."""

    def __init__(self, work):
        self.work = work

    def on_epoch_end(self, net, **kwargs):
        getattr(self.model, self.work)(*self.data)


@pytest.mark.parametrize("work", ["fit", "partial_fit"])
@pytest.mark.parametrize("warm_start", [False, True])
def test_a_callback_does_not_fit_its_own_estimator(work, warm_start):
    X = np.random.default_rng(0).standard_normal((40, 6))
    callback = FitsItself(work)
    model = LSTMRegressor(hidden_size=2, max_epochs=2, random_state=0, warm_start=warm_start)
    before = model.fit(X, X[:, 0]).predict(X)
    callback.model, callback.data = model, (X, X[:, 0])
    model.set_params(callbacks=[callback])
    with pytest.raises(RuntimeError, match="a fit of this LSTMRegressor is under way in this thr"):
        model.fit(X, X[:, 0])
    np.testing.assert_array_equal(model.predict(X), before)
    model.set_params(callbacks=None).fit(X, X[:, 0])


def test_a_training_does_not_wait_for_readers_of_another_process():
    rest, reading = Rest(), Lock()
    reading.acquire()  # as a fork has left it, which took no thread along but its own
    rest._readers[reading] = object(), -1
    training = Thread(target=rest.begin, args=(object,), daemon=True)
    training.start()
    training.join(10)
    assert not training.is_alive()
