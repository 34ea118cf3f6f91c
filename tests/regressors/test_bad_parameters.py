"""Parameters out of range are refused by `fit`, in words, and change nothing."""

import copy
import functools
from itertools import chain

import numpy as np
import pytest
import torch
from skorch.callbacks import Callback

from seqforecast import (
    DivergenceError,
    GRURegressor,
    LSTMRegressor,
    RNNRegressor,
    make_windows,
)
from seqforecast.clipping import ClipNorm

X, Y = make_windows(10 + np.random.default_rng(0).standard_normal(46), window=6)


def small(kind=LSTMRegressor, **params):
    return kind(**{"hidden_size": 4, "max_epochs": 2, "random_state": 0, **params})


LSTM = LSTMRegressor


def numbers():
    for name in [
        "hidden_size",
        "num_layers",
        "n_channels",
        "batch_size",
        "max_epochs",
        "max_steps",
        "n_iter_no_change",
    ]:
        for value in (0, -1, 2.0, "2", True, np.nan):
            yield LSTM, name, value, rf"^{name}=.*; an integer of at least 1 is needed"
    for name, bounds, values in [
        ("dropout", "of at least 0 and below 1", [-0.1, 1, 1.0, np.nan, "0.1", None, True]),
        ("lr", "above 0", [0, -1e-3, np.inf, np.nan, "fast", None]),
        ("weight_decay", "of at least 0", [-1, np.inf, np.nan, None]),
        ("validation_fraction", "above 0 and below 1", [0, 1, -0.5, np.nan, None, 10]),
    ]:
        for value in values:
            yield LSTM, name, value, rf"^{name}=.*; a number {bounds} is needed. .*{name}"
    for value in (0, -3.5, "two", True, np.nan):
        yield LSTM, "n_jobs", value, "^n_jobs=.*; None or an integer other than 0 is needed. Set"
    for value in [
        (0, 0.5),
        (0.5, 1),
        (-0.1,),
        (0.5, 1.2),
        (),
        (0.5, 0.5),
        0.5,
        "0.5",
        None,
        ("a",),
    ]:
        yield LSTM, "quantiles", value, "different numbers between 0 and 1 .*are needed. For the"


def biases():
    for kind in (LSTM, GRURegressor):
        near = "one of 'chrono', None or a number is needed"
        yield kind, "forget_bias", "abc", rf"^forget_bias='abc'; {near}"
        yield kind, "forget_bias", "crono", rf"{near}. Did you mean 'chrono'\?"
        for value in (np.nan, np.inf, True, [1.0], 1j):
            yield kind, "forget_bias", value, r"^forget_bias=.*; a number is needed"


def words():
    for kind, name, value, near in [
        (LSTM, "recurrent_init", "orthogonl", "orthogonal"),
        (LSTM, "scaling", "standart", "standard"),
        (LSTM, "scaling", "Windows", "window"),
        (LSTM, "loss", "squared_eror", "squared_error"),
        (LSTM, "loss", "hubert", "huber"),
        (LSTM, "loss", "quantiles", "quantile"),
        (LSTM, "optimizer", "adamm", "adam"),
        (LSTM, "optimizer", "rms_prop", "rmsprop"),
        (LSTM, "lr_schedule", "cosin", "cosine"),
        (LSTM, "early_stopping", "Auto", "auto"),
        (LSTM, "device", "cuda_", "cuda"),
        (RNNRegressor, "nonlinearity", "tan", "tanh"),
        (RNNRegressor, "nonlinearity", "ReLU", "relu"),
    ]:
        yield kind, name, value, rf"^{name}='{value}'; one of .* is needed. Did you mean '{near}'\?"
    for name in ("scaling", "loss", "recurrent_init", "lr_schedule", "optimizer"):
        yield LSTM, name, 3, rf"^{name}=3; one of .* is needed. .*{name}"


def objects():
    for value in (0, -1.0, -np.inf, np.nan, True, np.True_):
        yield LSTM, "gradient_clipping", value, "^gradient_clipping=.*; a number above 0 is needed"
    for value in ("norm", ClipNorm):
        yield LSTM, "gradient_clipping", value, r"^gradient_clipping=.*a strategy of .*AutoClip\(\)"
    yield LSTM, "gradient_clipping", ClipNorm(-1), r"ClipNorm\(max_norm\)=-1; a positive number"
    yield LSTM, "optimizer", torch.optim.LBFGS, "^optimizer=LBFGS; .* Use 'adam'"
    yield LSTM, "optimizer", torch.nn.Linear, "^optimizer=.*a class of torch.optim is needed"
    yield LSTM, "early_stopping", 1, "^early_stopping=1; True or False is needed"
    yield LSTM, "warm_start", "yes", "^warm_start='yes'; True or False is needed"
    yield LSTM, "verbose", -1, "^verbose=-1; an integer of at least 0 is needed"
    yield LSTM, "verbose", "loud", "^verbose='loud'; .* is needed"
    yield LSTM, "verbose", None, "^verbose=None; .* is needed"
    yield LSTM, "device", 3.5, "^device=3.5; one of .* is needed"
    yield LSTM, "callbacks", 3, "^callbacks=3; a list of .* is needed. Put a single callback"
    yield LSTM, "callbacks", Callback(), "^callbacks=<.*; a list of skorch callbacks or None is"


CASES = [
    pytest.param(*case, id=f"{case[0].__name__}-{case[1]}-{str(case[2])[:20]}")
    for case in chain(numbers(), biases(), words(), objects())
]


@functools.cache
def fitted(kind):
    return small(kind).fit(X, Y)


@pytest.mark.parametrize(("kind", "name", "value", "message"), CASES)
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_parameter_out_of_range_raises_and_keeps_the_fit(kind, name, value, message, method):
    model = copy.deepcopy(fitted(kind))
    before = model.predict(X), model.n_iter_, getattr(model, name)
    with pytest.raises(ValueError, match=message):
        getattr(model.set_params(**{name: value}), method)(X, Y)
    model.set_params(**{name: before[2]})
    np.testing.assert_array_equal(model.predict(X), before[0])
    assert model.n_iter_ == before[1]
    fresh = small(kind, **{name: value})  # the constructor takes it: it is fit that refuses
    with pytest.raises(ValueError, match=message):
        getattr(fresh, method)(X, Y)
    assert not hasattr(fresh, "net_")


def test_random_state_that_is_no_seed_raises_and_keeps_the_fit():
    model = small().fit(X, Y)
    before = model.predict(X)
    with pytest.raises(ValueError, match="'seed' cannot be used to seed"):
        model.set_params(random_state="seed").fit(X, Y)
    np.testing.assert_array_equal(model.predict(X), before)


def test_an_integer_beyond_those_of_the_machine_is_a_number():
    X = np.random.default_rng(0).standard_normal((20, 4))

    def outcome(decay):
        model = LSTMRegressor(hidden_size=2, max_epochs=1, weight_decay=decay, random_state=0)
        try:
            return model.fit(X, X[:, 0]).predict(X).tolist()
        except DivergenceError as error:
            return str(error)

    assert outcome(10**30) == outcome(1e30)
