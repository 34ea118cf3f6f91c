"""The parameter `observe`: when a fit looks at its gradient, and that looking changes nothing."""

import pickle
import re

import numpy as np
import pytest
import torch
from sklearn.base import clone
from skorch.callbacks import EarlyStopping
from skorch.utils import noop

from seqforecast import DivergenceError, LSTMRegressor, RNNRegressor
from seqforecast.gradients.gradient_flow import input_sensitivity, take_snapshot

OBSERVE = ["auto", "epoch", "off"]


def small(kind=LSTMRegressor, **params):
    return kind(**{"hidden_size": 4, "max_epochs": 4, "random_state": 0, **params})


def fresh_look(model, X, n_train):
    """Look at a fitted network anew, on 16 windows spread over the training rows."""
    rows = [round(k * (n_train - 1) / 15) for k in range(16)]
    windows = model.net_.inputs(X[rows][:, :, None])
    return take_snapshot(model.net_.module_, lambda: model.net_.point_forecast(windows), epoch=0)


def assert_last_record_is_of_the_fitted_weights(model, X, n_train):
    shot, probe = fresh_look(model, X, n_train)
    flow = model.gradient_flow_
    found = np.log10(flow.scale[-1][:, None] * flow.lag_curve[-1])
    # The same numbers but for a logarithm; float32, with denormals flushed while fitting.
    np.testing.assert_allclose(found, shot.log10_curve, rtol=0, atol=1e-6)
    np.testing.assert_allclose(flow.spread[-1], shot.spread, rtol=1e-5)
    np.testing.assert_allclose(flow.input_sensitivity, input_sensitivity(probe), rtol=1e-4)


# The schedule -------------------------------------------------------------------------------------


@pytest.mark.parametrize("max_epochs", [1, 2, 4, 13, 15])
def test_auto_records_at_the_numbers_of_fibonacci_and_at_the_end(max_epochs, one_ahead):
    model = small(max_epochs=max_epochs).fit(*one_ahead)
    due = [epoch for epoch in (1, 2, 3, 5, 8, 13) if epoch <= max_epochs]
    expected = sorted({0, *due, max_epochs})
    assert model.gradient_flow_.epochs.tolist() == expected
    memory = model.history_["effective_memory"]
    assert memory.index[memory.notna()].tolist() == due
    for epoch in due:
        record = expected.index(epoch)
        assert memory[epoch] == model.gradient_flow_.effective_memory[record, 0]


def test_epoch_records_always(regressor, one_ahead):
    model = small(regressor, observe="epoch").fit(*one_ahead)
    assert model.gradient_flow_.epochs.tolist() == [0, 1, 2, 3, 4]
    assert model.history_["effective_memory"].tolist() == list(
        model.gradient_flow_.effective_memory[1:, 0]
    )


def test_off_leaves_no_trace(regressor, one_ahead):
    model = small(regressor, observe="off").fit(*one_ahead)
    assert not hasattr(model, "gradient_flow_")
    assert "effective_memory" not in model.history_
    model.partial_fit(*one_ahead)
    assert not hasattr(model, "gradient_flow_")
    watched = small(regressor).fit(*one_ahead)
    assert list(watched.history_) == [*model.history_, "effective_memory"]


def test_off_forgets_what_an_earlier_fit_saw(one_ahead):
    model = small().fit(*one_ahead)
    assert hasattr(model, "gradient_flow_")
    model.set_params(observe="off").fit(*one_ahead)
    assert not hasattr(model, "gradient_flow_")


def test_defaults_of_a_fit_are_seen(regressor, two_channels):
    X, y = two_channels
    model = small(regressor, n_channels=2, num_layers=2).fit(X, y)
    assert model.observe == "auto"
    assert model.gradient_flow_.lag_curve.shape == (5, 2, 8)
    assert model.gradient_flow_.input_sensitivity.shape == (1, 8, 2)


# Looking changes nothing --------------------------------------------------------------------------


@pytest.mark.parametrize("early_stopping", [False, True])
def test_observing_changes_nothing(regressor, early_stopping, windows):
    X, y = windows
    torch_state = torch.get_rng_state()
    numpy_state = np.random.get_state()[1].copy()  # noqa: NPY002
    results = []
    for observe in OBSERVE:
        model = small(
            regressor,
            observe=observe,
            num_layers=2,
            dropout=0.3,
            early_stopping=early_stopping,
            n_iter_no_change=2,
        ).fit(X, y)
        model.partial_fit(X, y)
        assert torch.equal(torch.get_rng_state(), torch_state)
        assert np.array_equal(np.random.get_state()[1], numpy_state)  # noqa: NPY002
        assert not any(module.training for module in model.net_.module_.modules())
        results.append(model)
    *watched, off = results
    weights = off.net_.module_.state_dict()
    for model in watched:
        for name, value in model.net_.module_.state_dict().items():
            assert value.numpy().tobytes() == weights[name].numpy().tobytes()
        history = model.history_.drop(columns="effective_memory")
        assert history.equals(off.history_)
        assert np.array_equal(model.predict(X), off.predict(X))
        for generator in ("net_.generator", "net_.module_.dropout.generator"):
            states = []
            for owner in (model, off):
                for part in generator.split("."):
                    owner = getattr(owner, part)
                states.append(owner.get_state())
            assert torch.equal(*states)


def test_observing_leaves_the_gradients_of_the_step_alone(one_ahead):
    gradients = []
    for observe in OBSERVE:
        model = small(observe=observe).fit(*one_ahead)
        gradients.append([p.grad.clone() for p in model.net_.module_.parameters()])
    for others in gradients[1:]:
        assert all(torch.equal(a, b) for a, b in zip(gradients[0], others, strict=True))


# Which weights ------------------------------------------------------------------------------------


@pytest.mark.parametrize("observe", ["auto", "epoch"])
def test_last_record_is_of_the_fitted_weights(regressor, observe, one_ahead):
    X, y = one_ahead
    model = small(regressor, observe=observe).fit(X, y)
    assert_last_record_is_of_the_fitted_weights(model, X, len(X))


def test_first_record_is_of_the_first_weights(regressor, one_ahead):
    X, y = one_ahead
    first = small(regressor, lr=1e-30).fit(X, y)
    model = small(regressor).fit(X, y).gradient_flow_
    np.testing.assert_array_equal(model.lag_curve[0], first.gradient_flow_.lag_curve[0])
    np.testing.assert_allclose(model.lag_curve[0], first.gradient_flow_.lag_curve[-1], rtol=1e-6)
    assert not np.allclose(model.lag_curve[0], model.lag_curve[-1], rtol=1e-3)


@pytest.mark.parametrize("observe", ["auto", "epoch"])
def test_last_record_after_early_stopping_is_of_the_best_weights(observe, one_ahead):
    X, y = one_ahead
    params = {"early_stopping": True, "n_iter_no_change": 2, "lr": 0.1, "max_epochs": 60}
    model = small(observe=observe, **params).fit(X, y)
    best = int(model.history_["valid_loss"].idxmin())
    assert best < model.n_iter_ < 60
    assert model.gradient_flow_.epochs[-1] == model.n_iter_
    assert_last_record_is_of_the_fitted_weights(model, X, len(X) - model.n_validation_)
    if observe == "epoch":
        flow = model.gradient_flow_
        assert np.array_equal(flow.lag_curve[-1], flow.lag_curve[best])


def test_last_record_is_of_the_weights_that_a_callback_brings_back(one_ahead):
    X, y = one_ahead
    stop = EarlyStopping("train_loss", patience=2, load_best=True, sink=noop)
    model = small(callbacks=[stop], lr=0.3, max_epochs=60).fit(X, y)
    assert model.history_["train_loss"].idxmin() < model.n_iter_ < 60
    assert_last_record_is_of_the_fitted_weights(model, X, len(X))


@pytest.mark.parametrize("warm", [False, True])
def test_divergence_keeps_a_record_of_the_weights_that_stay(regressor, warm, one_ahead):
    X, y = one_ahead
    model = small(regressor, warm_start=True, optimizer="sgd", batch_size=8)
    earlier = []
    if warm:
        earlier = model.fit(X, y).gradient_flow_.epochs.tolist()
    with pytest.raises(DivergenceError):
        model.set_params(lr=1e30, gradient_clipping=None).fit(X, y)
    flow = model.gradient_flow_
    assert flow.epochs[: len(earlier)].tolist() == earlier
    assert (np.diff(flow.epochs) > 0).all()
    assert np.isfinite(flow.lag_curve).all()
    assert_last_record_is_of_the_fitted_weights(model, X, len(X))


# Going on -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("observe", ["auto", "epoch"])
def test_warm_start_and_partial_fit_grow_the_record(observe, one_ahead):
    X, y = one_ahead
    model = small(observe=observe, warm_start=True, max_epochs=3).fit(X, y)
    first = model.gradient_flow_
    model.fit(X, y)
    auto = observe == "auto"
    assert model.gradient_flow_.epochs.tolist() == [0, 1, 2, 3, *([] if auto else [4]), 5, 6]
    for _ in range(2):  # 7 is not due, 8 is
        model.partial_fit(X, y)
    grown = model.gradient_flow_
    assert grown.epochs.tolist() == ([0, 1, 2, 3, 5, 6, 8] if auto else list(range(9)))
    assert np.array_equal(grown.lag_curve[:4], first.lag_curve)
    assert first.epochs.tolist() == [0, 1, 2, 3]
    assert model.n_iter_ == 8
    assert_last_record_is_of_the_fitted_weights(model, X, len(X))
    model.set_params(warm_start=False).fit(X, y)
    assert model.gradient_flow_.epochs.tolist() == [0, 1, 2, 3]
    assert np.array_equal(model.gradient_flow_.lag_curve, first.lag_curve)


def test_partial_fit_alone_records(one_ahead):
    model = small().partial_fit(*one_ahead)
    assert model.gradient_flow_.epochs[0] == 0
    for _ in range(4):
        model.partial_fit(*one_ahead)
    assert model.gradient_flow_.epochs.tolist() == [0, 1, 2, 3, 5]


def test_observe_may_change_between_fits_that_go_on(one_ahead):
    model = small(warm_start=True, max_epochs=3).fit(*one_ahead)
    model.set_params(observe="off").fit(*one_ahead)
    model.set_params(observe="epoch").fit(*one_ahead)
    assert model.gradient_flow_.epochs.tolist() == [0, 1, 2, 3, 7, 8, 9]
    memory = model.history_["effective_memory"]
    assert memory.index[memory.notna()].tolist() == [1, 2, 3, 7, 8, 9]


# Copies and bad words -----------------------------------------------------------------------------


def test_pickle_keeps_the_record_and_clone_forgets_it(one_ahead):
    model = small(observe="epoch").fit(*one_ahead)
    again = pickle.loads(pickle.dumps(model))
    assert np.array_equal(again.gradient_flow_.lag_curve, model.gradient_flow_.lag_curve)
    assert again.partial_fit(*one_ahead).gradient_flow_.epochs.tolist() == [0, 1, 2, 3, 4, 5]
    assert model.gradient_flow_.epochs.tolist() == [0, 1, 2, 3, 4]
    copy = clone(model)
    assert copy.observe == "epoch"
    assert not hasattr(copy, "gradient_flow_")


@pytest.mark.parametrize(
    ("word", "advice"),
    [
        ("atuo", "Did you mean 'auto'?"),
        ("epochs", "Did you mean 'epoch'?"),
        ("OFF", "Did you mean 'off'?"),
        ("batch", "Choose observe among them."),
        (None, "Choose observe among them."),
        (1, "Choose observe among them."),
        (True, "Choose observe among them."),
    ],
)
def test_wrong_word_gets_the_nearest_one(word, advice, one_ahead):
    model = small().fit(*one_ahead)
    flow = model.gradient_flow_
    model.set_params(observe=word)
    message = f"^observe={word!r}; one of 'auto', 'epoch', 'off' is needed. {re.escape(advice)}$"
    with pytest.raises(ValueError, match=message):
        model.fit(*one_ahead)
    assert model.gradient_flow_ is flow


def test_gradient_of_dead_units_is_recorded_as_zero(one_ahead):
    X, y = one_ahead
    model = small(RNNRegressor, nonlinearity="relu", warm_start=True).fit(X, y)
    with torch.no_grad():  # no unit ever speaks again
        model.net_.module_.recurrent.bias_ih_l0.fill_(-1e3)
    flow = model.fit(X, y).gradient_flow_
    assert flow.lag_curve[-1, 0].tolist() == [1] + [0] * 7  # what the head puts on the last state
    assert flow.effective_memory[-1] == 1
    assert np.isnan(flow.half_life[-1])
    assert not flow.input_sensitivity.any()
    assert not flow.spread[-1].any()
