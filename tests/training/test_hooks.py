"""What callbacks ask of a training."""

import signal
import time

import numpy as np
import pytest
from skorch.callbacks import Callback, EarlyStopping

from seqforecast import LSTMRegressor
from seqforecast.training.hooks import asks_for_the_end


class Asks(Callback):
    def on_epoch_end(self, net=None, **kwargs):
        raise KeyboardInterrupt


class AsksWithinAHandler(Callback):
    def on_epoch_end(self, net=None, **kwargs):
        try:
            raise ValueError("something else")
        except ValueError:
            raise KeyboardInterrupt from None


class AsksThroughAFunction(Callback):
    def on_epoch_end(self, net=None, **kwargs):
        own_handler()  # a function like any other, while it handles no signal


class Sleeps(Callback):
    def on_epoch_end(self, net=None, **kwargs):
        signal.setitimer(signal.ITIMER_REAL, 0.01)
        time.sleep(10)


class Loops(Callback):
    def on_epoch_end(self, net=None, **kwargs):
        signal.setitimer(signal.ITIMER_REAL, 0.01)
        while True:
            pass


def caught(callback):
    with pytest.raises(KeyboardInterrupt) as caught:
        callback.on_epoch_end()
    return caught.value


@pytest.mark.parametrize("kind", [Asks, AsksWithinAHandler, AsksThroughAFunction])
def test_raise_in_a_callback_asks_for_the_end(kind):
    assert asks_for_the_end(caught(kind()))


def test_early_stopping_of_skorch_ends_a_fit_quietly():
    X = np.random.default_rng(0).standard_normal((40, 6))
    stopping = EarlyStopping(monitor="train_loss", patience=1, threshold=1e9)
    model = LSTMRegressor(hidden_size=3, max_epochs=20, callbacks=[stopping], random_state=0)
    assert model.fit(X, X[:, 0]).n_iter_ < 20


def own_handler(*_):
    raise KeyboardInterrupt


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs a timer that sends signals")
@pytest.mark.parametrize("handler", [signal.default_int_handler, own_handler])
@pytest.mark.parametrize("kind", [Sleeps, Loops])
def test_signal_while_a_callback_runs_asks_for_nothing(kind, handler):
    before = signal.signal(signal.SIGALRM, handler)
    try:
        assert not asks_for_the_end(caught(kind()))
    finally:
        signal.signal(signal.SIGALRM, before)


def test_without_a_place_it_asks_for_nothing():
    assert not asks_for_the_end(KeyboardInterrupt())
