"""What a training does for callbacks of skorch: hooks, history, learning rate, end, errors."""

import signal

import numpy as np
import pytest
import torch
from skorch import NeuralNetRegressor
from skorch.callbacks import (
    BatchScoring,
    Callback,
    Checkpoint,
    EarlyStopping,
    EpochScoring,
    Freezer,
    GradientNormClipping,
    LoadInitState,
    LRScheduler,
    MlflowLogger,
    NeptuneLogger,
    PassthroughScoring,
    ProgressBar,
    SacredLogger,
    TensorBoard,
    Unfreezer,
)
from torch.optim.lr_scheduler import ReduceLROnPlateau

from seqforecast import LSTMRegressor, _kernels
from seqforecast.callbacks import EpochBar, GradientNorms
from seqforecast.training.hooks import hooks_in_use, may_read_batches

X = np.random.default_rng(0).standard_normal((70, 6)).cumsum(axis=1)
Y = X[:, -1] + X[:, 0]
VALID = {"X_val": X[50:], "y_val": Y[50:]}


def small(*callbacks, **params):
    defaults = {"hidden_size": 3, "max_epochs": 3, "random_state": 0, "observe": "off"}
    return LSTMRegressor(callbacks=list(callbacks), **(defaults | params))


def used(model, place=0):
    return model.net_.copies_[place].callback


# Hooks --------------------------------------------------------------------------------------------

IDLE = {
    "epoch scoring": EpochScoring("r2"),
    "schedule by epochs": LRScheduler("StepLR", step_size=1),
    "no limit": GradientNormClipping(),
    "tensorboard": TensorBoard(writer=None),
    "mlflow": MlflowLogger(run=1, client=1),
    "neptune": NeptuneLogger(run=None),
    "sacred": SacredLogger(experiment=None),
    "early stopping": EarlyStopping("train_loss"),
}
BY_BATCH = {
    "batch scoring": (BatchScoring("r2"), {"on_batch_end"}),
    "schedule by batches": (
        LRScheduler("StepLR", step_size=1, step_every="batch"),
        {"on_batch_end"},
    ),
    "limit": (GradientNormClipping(1.0), {"on_grad_computed"}),
    "mlflow": (MlflowLogger(run=1, client=1, log_on_batch_end=True), {"on_batch_end"}),
    "neptune": (NeptuneLogger(run=None, log_on_batch_end=True), {"on_batch_end"}),
    "sacred": (SacredLogger(experiment=None, log_on_batch_end=True), {"on_batch_end"}),
    "progress": (ProgressBar(), {"on_batch_end"}),
    "norms": (GradientNorms(), {"on_grad_computed"}),
}


@pytest.mark.parametrize("name", IDLE)
def test_callbacks_that_do_nothing_by_batch_are_told_of_none(name):
    assert hooks_in_use([(name, IDLE[name])]) == set()


@pytest.mark.parametrize("name", BY_BATCH)
def test_callbacks_that_look_at_batches_are_told_of_each(name):
    callback, hooks = BY_BATCH[name]
    assert hooks_in_use([(name, callback)]) == hooks


def test_hooks_of_an_object_or_a_subclass_count():
    callback = Callback()
    callback.on_batch_begin = Callback().on_epoch_begin
    subclass = type("Scalars", (TensorBoard,), {})(writer=None)
    assert hooks_in_use([("a", callback), ("b", subclass)]) == {"on_batch_begin", "on_batch_end"}


def test_only_callbacks_of_others_may_read_batches():
    assert not may_read_batches([("a", EpochBar()), ("b", GradientNorms())])
    assert may_read_batches([("a", EpochBar()), ("b", EarlyStopping())])


class Native(Callback):
    """Notes at the end of each epoch whether native code took the steps."""

    def on_epoch_end(self, net, **kwargs):
        if not hasattr(self, "steps_"):
            self.steps_, self.kinds_ = [], []
        self.steps_.append(net._run.native is not None)
        self.kinds_.append(type(net._run.native).__name__)


needs_kernels = pytest.mark.skipif(_kernels.VARIANT is None, reason="no kernels were built")


@needs_kernels
@pytest.mark.parametrize("name", ["epoch scoring", "schedule by epochs", "early stopping"])
def test_the_step_stays_native_where_no_batch_is_looked_at(name):
    model = small(Native(), IDLE[name]).fit(X, Y, **VALID)
    assert used(model).steps_ == [True, True, True]


@needs_kernels
def test_the_step_is_native_again_where_a_hook_has_gone():
    class Hooked(Callback):
        def on_epoch_begin(self, net, **kwargs):
            if len(net.history) == 2:
                self.hook_ = net.module_.head.register_forward_hook(lambda *_: None)
            if len(net.history) == 3:
                self.hook_.remove()

    model = small(Native(), Hooked()).fit(X, Y)
    assert [used(model).kinds_[k] for k in range(3)] == ["NativeStep", "NativeUpdate", "NativeStep"]


@needs_kernels
def test_what_was_frozen_has_taken_fewer_steps_which_native_code_does_not_know():
    freeze, thaw = Freezer("recurrent.*", at=2), Unfreezer("recurrent.*", at=3)
    model = small(Native(), freeze, thaw).fit(X, Y)
    assert used(model).steps_ == [True, False, False]


# The history --------------------------------------------------------------------------------------


def test_history_says_which_losses_are_the_lowest_so_far():
    model = small(max_epochs=8, lr=0.3).fit(X, Y, **VALID)
    for key in ("train_loss", "valid_loss"):
        losses = np.array(model.net_.history[:, key])
        lowest = np.minimum.accumulate([np.inf, *losses])[:-1]
        assert model.net_.history[:, f"{key}_best"] == (losses < lowest).tolist()
    assert not all(model.net_.history[:, "valid_loss_best"])
    assert not any(name.endswith("_best") for name in model.history_)


def test_the_lowest_loss_is_that_of_all_trainings():
    model = small(max_epochs=6, warm_start=True).fit(X, Y)
    model.set_params(lr=2.0, max_epochs=1).fit(X, Y)
    assert model.net_.history[-1, "train_loss_best"] is False


def test_a_loss_that_is_not_finite_is_not_the_lowest():
    model = small(GradientNorms(), max_epochs=1).fit(X, Y)
    model.net_.criterion_.forward = lambda *_: torch.tensor(torch.nan, requires_grad=True) * 1.0
    model.partial_fit(X, Y)
    assert model.net_.history[-1, "train_loss_best"] is False


def test_batches_are_what_a_callback_averages():
    average = PassthroughScoring("train_loss", on_train=True)
    model = small(average, batch_size=32, warm_start=True, max_epochs=2).fit(X, Y)
    rows = model.net_.history
    assert [b["train_batch_size"] for b in rows[-1]["batches"]] == [32, 32, 6]
    plain = small(batch_size=32, max_epochs=2).fit(X, Y)
    np.testing.assert_allclose(rows[:, "train_loss"], plain.history_["train_loss"], rtol=1e-12)


# Scores -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", ["squared_error", "quantile"])
@pytest.mark.parametrize("weighted", [False, True])
def test_batches_are_scored_in_the_units_of_the_network(loss, weighted):
    def spread(net, X, y):
        return float(np.std(y - net.predict(X)))

    model = small(
        BatchScoring(spread, on_train=True),
        EpochScoring(spread, on_train=True, name="of_epoch"),
        loss=loss,
        lr=1e-9,
        batch_size=70,
        max_epochs=1,
    )
    weight = np.full(70, 3.0) if weighted else None
    row = model.fit(X, 1000 * Y, sample_weight=weight).history_.iloc[0]
    assert row["spread"] == pytest.approx(row["of_epoch"] / np.std(1000 * Y), rel=1e-5)


# The learning rate --------------------------------------------------------------------------------


def rates_of_skorch(callback, fits):
    net = NeuralNetRegressor(
        torch.nn.Linear(6, 1),
        max_epochs=3,
        lr=0.01,
        optimizer=torch.optim.Adam,
        callbacks=[callback],
        warm_start=True,
        train_split=None,
        verbose=0,
    )
    for _ in range(fits):
        net.fit(X.astype("float32"), Y[:, None].astype("float32"))
    return net.history[:, "event_lr"]


SCHEDULES = {
    "exponential": {"policy": "ExponentialLR", "gamma": 0.5},
    "steps": {"policy": "StepLR", "step_size": 2, "gamma": 0.5},
    "function": {"policy": "LambdaLR", "lr_lambda": lambda epoch: 0.9**epoch},
    "plateau": {"policy": ReduceLROnPlateau, "patience": 0, "threshold": 0.9},
    "restarts": {"policy": "WarmRestartLR"},
}


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_schedule_goes_on_as_on_a_net_of_skorch(name):
    model = small(LRScheduler(**SCHEDULES[name]), lr=0.01, warm_start=True).fit(X, Y).fit(X, Y)
    ours = model.net_.history[:, "event_lr"]
    np.testing.assert_allclose(ours, rates_of_skorch(LRScheduler(**SCHEDULES[name]), fits=2))


def test_a_new_rate_or_no_schedule_any_more_begins_with_lr():
    model = small(LRScheduler("ExponentialLR", gamma=0.1), lr=0.01, warm_start=True).fit(X, Y)
    rates = model.set_params(lr=0.2).fit(X, Y).net_.history[3:, "event_lr"]
    np.testing.assert_allclose(rates, [0.2, 0.02, 0.002])
    assert {group["initial_lr"] for group in model.net_.optimizer_.param_groups} == {0.2}
    model.set_params(callbacks=None).partial_fit(X, Y)
    assert model.history_["lr"].iloc[-1] == 0.2


def test_going_on_after_a_cosine_begins_with_lr():
    model = small(lr_schedule="cosine", lr=0.01).fit(X, Y).partial_fit(X, Y)
    assert model.history_["lr"].iloc[-1] == 0.01


# The end ------------------------------------------------------------------------------------------


def ends(hook):
    """Return a callback that asks for the end in the second epoch."""

    def ask(_, net, *args, **kwargs):  # noqa: ARG001
        if len(net.history) == 2:
            raise KeyboardInterrupt

    return type("Ends", (Callback,), {hook: ask})()


@pytest.mark.parametrize(
    "hook",
    ["on_epoch_begin", "on_batch_begin", "on_grad_computed", "on_batch_end", "on_epoch_end"],
)
def test_a_callback_ends_a_training_from_every_hook_as_in_skorch(hook):
    model = small(ends(hook)).fit(X, Y)
    net = NeuralNetRegressor(
        torch.nn.Linear(6, 1), max_epochs=3, callbacks=[ends(hook)], train_split=None, verbose=0
    ).fit(X.astype("float32"), Y[:, None].astype("float32"))
    assert len(model.net_.history) == len(net.history) == 2
    assert model.n_iter_ == (1 if hook == "on_epoch_begin" else 2)  # nothing of it was trained
    assert model.history_["skipped_steps"].notna().all()
    assert np.isfinite(model.predict(X)).all()


# Errors -------------------------------------------------------------------------------------------

NEED_VALIDATION = {
    "stop": EarlyStopping(),
    "checkpoint": Checkpoint(dirname=""),
    "schedule": LRScheduler(ReduceLROnPlateau, monitor="valid_loss"),
}


@pytest.mark.parametrize("name", NEED_VALIDATION)
def test_a_monitor_of_the_validation_loss_says_how_to_have_one(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    callback = NEED_VALIDATION[name]
    model = small(callback)
    with pytest.raises(ValueError, match=r"looks for 'valid_loss.*X_val.*early_stopping=True") as e:
        model.fit(X, Y)
    assert str(e.value).startswith(type(callback).__name__)
    assert not hasattr(model, "net_")
    model.fit(X, Y, **VALID)
    model.set_params(early_stopping=True).fit(X, Y)
    small(EarlyStopping("train_loss")).fit(X, Y)


def test_other_keys_that_are_missing_are_the_callbacks_own_error():
    with pytest.raises(KeyError, match="'nothing' was not found"):
        small(EarlyStopping("nothing")).fit(X, Y)
    with pytest.raises(KeyError, match="'valid_r2' was not found"):
        small(EarlyStopping("valid_r2")).fit(X, Y, **VALID)


@pytest.mark.parametrize(
    "error", [FileNotFoundError(2, "No such file", "valid_data"), RuntimeError("not 'valid_until'")]
)
def test_errors_about_something_else_are_the_callbacks_own(error):
    class Fails(Callback):
        def on_epoch_end(self, net, **kwargs):
            raise error

    with pytest.raises(type(error)) as caught:
        small(Fails()).fit(X, Y)
    assert caught.value is error


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_an_error_is_not_hidden_by_one_at_the_end_that_follows(error, tmp_path):
    class Fails(Callback):
        def on_epoch_begin(self, net, **kwargs):
            if error is KeyboardInterrupt:
                signal.raise_signal(signal.SIGINT)
            raise error

    saved = Checkpoint("train_loss_best", load_best=True, dirname=str(tmp_path))
    with pytest.raises(error):
        small(saved, Fails()).fit(X, Y)


def test_callbacks_hear_of_the_end_after_an_error_whatever_others_do():
    class Fails(Callback):
        def on_epoch_end(self, net, **kwargs):
            raise RuntimeError("first")

        def on_train_end(self, net, **kwargs):
            raise OSError("second")

    class Closes(Callback):
        def __init__(self, log):
            self.log = log

        def on_train_end(self, net, **kwargs):
            self.log.append("closed")

    log = []
    with pytest.raises(RuntimeError, match="first"):
        small(Fails(), Closes(log)).fit(X, Y)
    assert log == ["closed"]


def test_a_pass_that_an_error_ends_leaves_all_as_it_was():
    class Fails(Callback):
        def on_epoch_end(self, net, **kwargs):
            raise RuntimeError

    model = small(warm_start=True).fit(X, Y)
    forecasts, history = model.predict(X), model.history_
    model.set_params(callbacks=[Fails()])
    for fit in (model.partial_fit, model.fit):
        with pytest.raises(RuntimeError):
            fit(X, Y)
        np.testing.assert_array_equal(model.predict(X), forecasts)
        assert model.history_ is history
        assert len(model.net_.history) == len(history)
    twin = small(warm_start=True).fit(X, Y)
    model.set_params(callbacks=None).fit(X, Y)
    np.testing.assert_array_equal(model.predict(X), twin.fit(X, Y).predict(X))


# A history that is loaded -------------------------------------------------------------------------


def test_a_loaded_history_counts_for_bars_and_records(tmp_path, capfd):
    saved = Checkpoint(monitor=None, dirname=str(tmp_path))
    small(saved).fit(X, Y)
    model = small(EpochBar(always=True), LoadInitState(saved), max_epochs=2, observe="epoch").fit(
        X, Y
    )
    assert model.n_iter_ == 5
    assert model.gradient_flow_.epochs.tolist() == [3, 4, 5]
    assert "2/2" in capfd.readouterr().err
