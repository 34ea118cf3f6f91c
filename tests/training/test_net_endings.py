"""How a training ends: skipped steps, divergence, max_steps, early stopping, interruption."""

import math
import pickle
import signal

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.lib.stride_tricks import sliding_window_view
from skorch.callbacks import Callback

from seqforecast import DivergenceError, LSTMRegressor

STEPS_AN_EPOCH = 4


def data(n=64, window=6, seed=0):
    rng = np.random.default_rng(seed)
    series = rng.normal(size=n + window).cumsum()
    return sliding_window_view(series[:-1], window), series[window:]


def regressor(*callbacks, **options):
    defaults = {"hidden_size": 4, "batch_size": 16, "max_epochs": 3, "early_stopping": False}
    return LSTMRegressor(callbacks=list(callbacks), random_state=0, **(defaults | options))


def weights(net):
    return {name: value.clone() for name, value in net.module_.state_dict().items()}


def same(first, second):
    return all(torch.equal(first[name], second[name]) for name in first)


class Watch(Callback):
    """Keep the weights after each step and each epoch, and the learning rates."""

    def initialize(self):
        self.steps_, self.epochs_, self.rates_, self.optimizer_ = [], [], [], []
        return self

    def on_train_begin(self, net, X=None, y=None, **kwargs):
        self.first_ = weights(net)

    def on_batch_end(self, net, batch=None, training=None, **kwargs):
        if training:
            self.steps_.append(weights(net))
            self.rates_.append({group["lr"] for group in net.optimizer_.param_groups})
            self.optimizer_.append(pickle.dumps(net.optimizer_.state_dict()))

    def on_epoch_end(self, net, dataset_train=None, dataset_valid=None, **kwargs):
        self.epochs_.append(weights(net))


class Poison(Callback):
    """Make the gradient of given steps infinite or not a number."""

    def __init__(self, steps, value=math.nan):
        self.steps = steps
        self.value = value

    def initialize(self):
        self.step_ = 0
        return self

    def on_grad_computed(self, net, named_parameters, batch=None, training=None, **kwargs):
        self.step_ += 1
        if self.step_ in self.steps:
            list(named_parameters)[-1][1].grad.view(-1)[0] = self.value


class Interrupt(Callback):
    """Press Ctrl-C after or before a step, or ask for the end after an epoch."""

    def __init__(self, step=None, before=None, epoch=None):
        self.step = step
        self.before = before
        self.epoch = epoch

    def initialize(self):
        self.step_ = 0
        return self

    def on_batch_end(self, net, batch=None, training=None, **kwargs):
        self.step_ += training
        if self.step_ == self.step:
            signal.raise_signal(signal.SIGINT)

    def on_batch_begin(self, net, batch=None, training=None, **kwargs):
        if self.step_ + training == self.before:
            signal.raise_signal(signal.SIGINT)

    def on_epoch_end(self, net, dataset_train=None, dataset_valid=None, **kwargs):
        if len(net.history) == self.epoch:
            raise KeyboardInterrupt


class Overwrite(Callback):
    """Overwrite a parameter at the beginning of the second epoch."""

    def __init__(self, name, value):
        self.name = name
        self.value = value

    def on_epoch_begin(self, net, dataset_train=None, dataset_valid=None, **kwargs):
        if len(net.history) == 2:
            with torch.no_grad():
                dict(net.module_.named_parameters())[self.name].view(-1)[0] = self.value


def watched(model):
    return next(cb for _, cb in model.net_.callbacks_ if isinstance(cb, Watch))


# Skipped steps ------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("clipping", [1.0, None])
def test_skipped_steps_move_nothing_and_are_counted(value, clipping):
    poison = Poison((2, 5, 6, 9, 11, 12), value)  # twice in a row is no divergence
    model = regressor(Watch(), poison, gradient_clipping=clipping).fit(*data())
    watch = watched(model)
    assert model.history_["skipped_steps"].tolist() == [1, 2, 3]
    assert len(watch.steps_) == 12
    for step in range(1, 12):  # position 0 is step 1
        skipped = step + 1 in poison.steps
        assert same(watch.steps_[step], watch.steps_[step - 1]) == skipped
        unmoved = watch.optimizer_[step] == watch.optimizer_[step - 1]
        assert unmoved == skipped
    taken = {int(state["step"]) for state in model.net_.optimizer_.state.values()}
    assert taken == {12 - len(poison.steps)}
    assert np.isfinite(model.history_[["train_loss", "grad_norm"]]).all(axis=None)
    assert np.isfinite(model.predict(data()[0])).all()


def test_skipped_steps_are_left_out_of_the_mean_norm():
    model = regressor(Poison((2, 3)), max_epochs=1).fit(*data())
    other = regressor(Poison((1, 2)), max_epochs=1, gradient_clipping=1e-9).fit(*data())
    assert model.history_["clip_fraction"].iloc[0] in (0.0, 0.25, 0.5)
    assert other.history_["clip_fraction"].iloc[0] == 0.5


def test_epoch_without_a_good_step_has_no_norm():
    model = regressor(Poison((1, 2)), batch_size=32, max_epochs=1).fit(*data())
    assert model.history_["skipped_steps"].tolist() == [2]
    assert model.history_[["grad_norm", "grad_norm_max"]].isna().all(axis=None)


def test_three_skips_in_a_row_raise_and_leave_the_best_weights():
    model = regressor(Watch(), Poison((10, 11, 12)), lr=0.01)
    with pytest.raises(DivergenceError, match="3 steps in a row, from step 10 on") as caught:
        model.fit(*data())
    assert caught.value.step == 10
    assert caught.value.culprit in str(caught.value)
    watch = watched(model)
    losses = model.history_["train_loss"].iloc[:2]
    assert len(watch.epochs_) == 2
    assert not same(watch.steps_[-1], watch.epochs_[1])  # step 9 went on
    assert same(weights(model.net_), watch.epochs_[int(losses.argmin())])
    assert np.isfinite(model.predict(data()[0])).all()
    again = pickle.loads(pickle.dumps(caught.value))
    assert (str(again), again.culprit, again.step) == (
        str(caught.value),
        caught.value.culprit,
        caught.value.step,
    )


def test_three_skips_in_the_first_epoch_leave_the_first_weights():
    model = regressor(Watch(), Poison((1, 2, 3)))
    with pytest.raises(DivergenceError):
        model.fit(*data())
    assert same(weights(model.net_), watched(model).first_)


def test_skips_apart_from_each_other_never_raise():
    steps = tuple(step for step in range(1, 41) if step % 3)  # two of three
    model = regressor(Poison(steps), max_epochs=10).fit(*data())
    assert model.history_["skipped_steps"].sum() == len(steps)


# Culprits -----------------------------------------------------------------------------------------


def small(n=8, window=5):
    rng = np.random.default_rng(0)
    return rng.normal(size=(n, window)), rng.normal(size=n)


def diverged(X, y, *callbacks, **options):
    """Fit with all rows in each batch; return the error and the model."""
    model = regressor(*callbacks, **({"scaling": None, "max_epochs": 5} | options))
    with pytest.raises(DivergenceError, match="Finite values are needed there; scale") as caught:
        model.fit(X, y)
    assert f"first in {caught.value.culprit}." in str(caught.value)
    return caught.value.culprit, model


def test_culprit_input_is_named_by_its_column():
    X, y = small()
    X[3, 1] = 1e39
    culprit, _ = diverged(pd.DataFrame(X, columns=[f"price@lag{k}" for k in range(4, -1, -1)]), y)
    assert culprit == "input column 'price@lag3' (beyond float32)"


def test_culprit_input_of_many_channels_is_named_by_its_column():
    X, y = small(window=6)
    X[3, 3] = -1e39
    frame = pd.DataFrame(X, columns=[f"{c}@lag{k}" for k in (2, 1, 0) for c in ("a", "b")])
    assert diverged(frame, y, n_channels=2)[0] == "input column 'b@lag1' (beyond float32)"


def test_culprit_input_without_names_is_named_by_step_and_channel():
    X, y = small(window=6)
    X[3, 3] = 1e39
    culprit, _ = diverged(X.reshape(8, 3, 2), y)
    assert culprit == "input step 1, channel 1 (beyond float32)"


@pytest.mark.parametrize("weighted", [False, True])
def test_culprit_target_is_named_by_its_number(weighted):
    X, _ = small()
    y = np.zeros((8, 3))
    y[:, 0] = range(8)
    y[2, 1] = 1e39
    model = regressor(scaling=None, max_epochs=5)
    with pytest.raises(DivergenceError) as caught:
        model.fit(X, y, sample_weight=np.ones(8) if weighted else None)
    assert caught.value.culprit == "target 1 (beyond float32)"


def test_culprit_target_at_every_step_is_not_the_missing_one():
    X, _ = small()
    y = np.full((8, 5, 3), np.nan)
    y[:, -1] = np.arange(24.0).reshape(8, 3)
    y[2, -1, 2] = 1e39
    culprit, _ = diverged(X, y)
    assert culprit == "target 2 (beyond float32)"


@pytest.mark.parametrize("name", ["recurrent.weight_hh_l0", "head.linear.bias"])
def test_culprit_parameter_is_named_and_the_best_weights_come_back(name):
    culprit, model = diverged(*small(), Watch(), Overwrite(name, math.nan))
    assert culprit == f"parameter {name!r}"
    assert same(weights(model.net_), watched(model).epochs_[0])


def test_culprit_forecast_beyond_float32_names_the_largest_parameter():
    X, y = small()
    culprit, _ = diverged(X, y, Overwrite("head.linear.bias", math.inf))
    assert culprit == "parameter 'head.linear.bias'"
    culprit, _ = diverged(1e3 * X, y, Overwrite("head.linear.bias", 3e38))
    assert culprit.startswith("the loss of a forecast of 3e+38")


def test_culprit_loss_of_a_large_target_names_its_size():
    X, y = small()
    culprit, _ = diverged(X, 1e30 * y)
    assert culprit == f"the loss of a target of {np.abs(1e30 * y).max():.3g} scaled units"


# Steps and rates ----------------------------------------------------------------------------------


@pytest.mark.parametrize("max_steps", [1, 4, 7, 12, 100])
def test_max_steps_ends_at_that_step_with_the_weights_of_a_longer_training(max_steps):
    watch = watched(regressor(Watch()).fit(*data()))
    model = regressor(Watch(), max_steps=max_steps).fit(*data())
    n_steps = min(max_steps, 12)
    assert len(watched(model).steps_) == n_steps
    assert same(weights(model.net_), watch.steps_[n_steps - 1])
    assert model.n_iter_ == math.ceil(n_steps / STEPS_AN_EPOCH)


@pytest.mark.parametrize("max_steps", [None, 25, 1])
def test_cosine_schedule_equals_formula(max_steps):
    model = regressor(
        Watch(), max_epochs=10, lr_schedule="cosine", lr=0.02, max_steps=max_steps
    ).fit(*data())
    n_steps = max_steps or 40
    warm_up = {40: 2, 25: 1, 1: 1}[n_steps]  # 5 %, at least one step
    expected = [0.02 * step / warm_up for step in range(1, warm_up + 1)]
    for step in range(warm_up + 1, n_steps + 1):
        share = (step - warm_up) / (n_steps - warm_up)
        expected.append(0.02 * (1 + math.cos(math.pi * share)) / 2)
    rates = watched(model).rates_
    assert all(len(groups) == 1 for groups in rates)
    assert [rate for (rate,) in rates] == pytest.approx(expected, rel=1e-12, abs=1e-18)
    if n_steps > 1:
        assert rates[-1] == {0.0}
    # The history has the rate of the last step of each epoch.
    last_of_epoch = [*range(3, n_steps - 1, 4), n_steps - 1]
    assert model.history_["lr"].tolist() == [min(rates[k]) for k in last_of_epoch]


def test_schedule_none_keeps_the_rate_and_a_new_training_starts_from_it():
    model = regressor(Watch(), lr=0.02, lr_schedule="cosine", warm_start=True).fit(*data())
    model.set_params(lr_schedule=None).fit(*data())
    assert watched(model).rates_[12:] == [{0.02}] * 12


# Early stopping -----------------------------------------------------------------------------------


@pytest.mark.parametrize("patience", [1, 3])
def test_early_stopping_restores_the_best_epoch_exactly(patience):
    X_val, y_val = data(40, seed=4)  # 0.4 of the best constant's loss, from where patience counts
    model = regressor(
        Watch(), max_epochs=60, lr=0.05, early_stopping=True, n_iter_no_change=patience
    ).fit(*data(), X_val=X_val, y_val=y_val)
    losses = model.history_["valid_loss"].to_numpy()
    best = int(losses.argmin())
    assert model.n_iter_ == best + 1 + patience < 60
    assert same(weights(model.net_), watched(model).epochs_[best])
    assert not same(weights(model.net_), watched(model).epochs_[-1])
    for epoch in range(patience, len(losses) - 1):  # and it did not stop too late
        assert losses[epoch - patience + 1 : epoch + 1].min() < losses[: epoch - patience + 1].min()


def test_early_stopping_that_never_stalls_restores_the_best_at_the_end():
    X_val, y_val = data(40, seed=1)
    model = regressor(
        Watch(), max_epochs=12, lr=0.1, early_stopping=True, n_iter_no_change=100
    ).fit(*data(), X_val=X_val, y_val=y_val)
    best = int(model.history_["valid_loss"].argmin())
    assert best < 11
    assert same(weights(model.net_), watched(model).epochs_[best])


def test_without_early_stopping_the_last_weights_stay():
    X_val, y_val = data(40, seed=1)
    model = regressor(Watch(), max_epochs=12, lr=0.1).fit(*data(), X_val=X_val, y_val=y_val)
    assert model.history_["valid_loss"].argmin() < 11
    assert same(weights(model.net_), watched(model).epochs_[-1])


# Interruption -------------------------------------------------------------------------------------


@pytest.mark.parametrize("validated", [False, True])
def test_interrupt_inside_training_propagates_with_the_best_weights_in_place(validated):
    X_val, y_val = data(40, seed=1) if validated else (None, None)
    model = regressor(Watch(), Interrupt(step=38), max_epochs=20, lr=1.0)
    with pytest.raises(KeyboardInterrupt):
        model.fit(*data(), X_val=X_val, y_val=y_val)
    watch = watched(model)
    monitored = "valid_loss" if validated else "train_loss"
    losses = model.history_[monitored].iloc[:9]  # the tenth epoch was broken off
    best = int(losses.argmin())
    assert len(watch.epochs_) == 9
    assert best < 8  # the last ones are not the best
    assert same(weights(model.net_), watch.epochs_[best])
    assert np.isfinite(model.predict(data()[0])).all()
    assert not model.net_.module_.training


def test_interrupt_before_the_first_step_of_an_epoch_propagates():
    model = regressor(Watch(), Interrupt(before=5))
    with pytest.raises(KeyboardInterrupt):
        model.fit(*data())
    assert same(weights(model.net_), watched(model).epochs_[0])


@pytest.mark.parametrize("step", [1, 4])
def test_interrupt_within_the_first_epoch_leaves_nothing_to_keep(step):
    model = regressor(Interrupt(step=step))
    with pytest.raises(KeyboardInterrupt):
        model.fit(*data())
    assert not hasattr(model, "net_")


@pytest.mark.parametrize("early_stopping", [False, True])
def test_interrupt_from_the_end_of_an_epoch_stops_quietly(early_stopping):
    X_val, y_val = data(40, seed=1)
    model = regressor(
        Watch(), Interrupt(epoch=9), max_epochs=20, lr=1.0, early_stopping=early_stopping
    ).set_params(n_iter_no_change=100)
    model.fit(*data(), X_val=X_val, y_val=y_val)
    assert model.n_iter_ == 9
    best = int(model.history_["valid_loss"].argmin())
    assert best < 8
    kept = best if early_stopping else 8
    assert same(weights(model.net_), watched(model).epochs_[kept])
