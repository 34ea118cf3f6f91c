"""How a training runs: its history, its end, its going on, and who may watch it."""

import signal
import threading
from functools import partial

import joblib
import numpy as np
import pandas as pd
import pytest
import torch
from skorch.callbacks import Callback, EarlyStopping, EpochScoring, LRScheduler

from seqforecast import LSTMRegressor, RNNRegressor

CORES = joblib.cpu_count()
COLUMNS = [
    "train_loss",
    "grad_norm",
    "grad_norm_max",
    "clip_fraction",
    "skipped_steps",
    "lr",
    "effective_memory",
]


def small(kind=LSTMRegressor, **params):
    params = {"hidden_size": 4, "max_epochs": 3, "random_state": 0, **params}
    return kind(**params)


def weights_of(model):
    return {name: value.numpy().copy() for name, value in model.net_.module_.state_dict().items()}


# --------------------------------------------------------------------------------- history


def test_history_is_a_frame_with_one_row_an_epoch(regressor, one_ahead):
    X, y = one_ahead
    model = small(regressor).fit(X, y)
    history = model.history_
    assert isinstance(history, pd.DataFrame)
    assert list(history.columns) == COLUMNS
    assert history.index.tolist() == [1, 2, 3]
    assert history.index.name == "epoch"
    assert model.n_iter_ == 3
    assert history["train_loss"].is_monotonic_decreasing
    assert (history["skipped_steps"] == 0).all()
    assert (history["lr"] == model.lr).all()
    assert (history["grad_norm_max"] >= history["grad_norm"]).all()
    validated = small(regressor, early_stopping=True).fit(X, y).history_
    assert list(validated.columns) == ["train_loss", "valid_loss", *COLUMNS[1:]]


@pytest.mark.parametrize(
    ("clipping", "clip_fraction"), [(None, 0), (1e9, 0), (1e-9, 1)], ids=["None", "high", "low"]
)
def test_history_gradient_norm_is_there_whatever_the_clipping(one_ahead, clipping, clip_fraction):
    X, y = one_ahead
    # One batch an epoch: the first norm is that before any step.
    params = {"batch_size": 72, "hidden_size": 4, "random_state": 0, "max_epochs": 2}
    history = RNNRegressor(gradient_clipping=clipping, **params).fit(X, y).history_
    unclipped = RNNRegressor(gradient_clipping=None, **params).fit(X, y).history_
    assert (history["clip_fraction"] == clip_fraction).all()
    assert history["grad_norm"].iloc[0] == unclipped["grad_norm"].iloc[0] > 0
    np.testing.assert_array_equal(history["grad_norm"], history["grad_norm_max"])


def test_history_first_loss_of_full_batch_is_that_of_the_untrained_net(regressor, one_ahead):
    X, y = one_ahead
    X, y = X[:32], y[:32]
    untrained = small(regressor, scaling=None, max_epochs=1, lr=1e-30).fit(X, y)
    history = small(regressor, scaling=None, max_epochs=1).fit(X, y).history_
    own = np.mean((untrained.predict(X) - y) ** 2)
    assert history["train_loss"].item() == pytest.approx(own, rel=1e-5)  # float32


# --------------------------------------------------------------------------------- the end


@pytest.mark.parametrize(
    ("max_steps", "n_iter", "last_steps"), [(1, 1, 1), (3, 1, 3), (4, 2, 1), (99, 3, 3)]
)
def test_max_steps_ends_training_at_that_step(one_ahead, max_steps, n_iter, last_steps):
    X, y = one_ahead  # 72 windows: three steps an epoch
    model = small(max_steps=max_steps).fit(X, y)
    assert model.n_iter_ == n_iter
    assert model.net_.history[-1, "train_batch_count"] == last_steps


def test_batch_size_decides_the_steps_of_an_epoch(one_ahead):
    X, y = one_ahead
    steps = [
        small(batch_size=size, max_epochs=1).fit(X, y).net_.history[-1, "train_batch_count"]
        for size in (1, 10, 72)
    ]
    assert steps == [72, 8, 1]


class Batches(Callback):
    """Note the first value of every window, in the order in which they come."""

    def on_train_begin(self, net, X=None, y=None, **kwargs):
        self.epochs_ = []

    def on_epoch_begin(self, net, **kwargs):
        self.epochs_.append([])

    def on_batch_begin(self, net, batch=None, training=None, **kwargs):
        self.epochs_[-1] += batch[0][:, 0, 0].tolist()


def test_fit_each_epoch_sees_every_window_once_in_a_new_order(one_ahead):
    X, y = one_ahead
    model = small(scaling=None, callbacks=[Batches()]).fit(X, y)
    epochs = model.net_.callbacks_[1][1].epochs_
    expected = sorted(X[:, 0].astype(np.float32).tolist())
    assert [sorted(epoch) for epoch in epochs] == [expected] * 3
    assert len({tuple(epoch) for epoch in epochs}) == 3


def test_lr_schedule_cosine_rises_and_falls_to_nothing(one_ahead):
    X, y = one_ahead
    model = small(lr_schedule="cosine", lr=0.01, max_epochs=40).fit(X[:32], y[:32])
    step = np.arange(1, 41)  # one step an epoch: two of 40 warm up
    falling = 0.005 * (1 + np.cos(np.pi * (step - 2) / 38))
    expected = np.where(step <= 2, 0.01 * step / 2, falling)
    np.testing.assert_allclose(model.history_["lr"], expected, rtol=1e-9, atol=1e-15)
    assert model.history_["lr"].iloc[-1] == 0
    stopped = small(lr_schedule="cosine", lr=0.01, max_epochs=40, max_steps=4).fit(X[:32], y[:32])
    assert stopped.history_["lr"].iloc[-1] == 0  # the last possible step is the fourth


@pytest.mark.parametrize(
    "optimizer",
    [
        "adam",
        "adamw",
        "sgd",
        "rmsprop",
        torch.optim.NAdam,
        partial(torch.optim.SGD, momentum=0.9),
    ],
    ids=["adam", "adamw", "sgd", "rmsprop", "class", "partial"],
)
def test_optimizer_name_class_or_partial_trains(regressor, one_ahead, optimizer):
    X, y = one_ahead
    model = small(regressor, optimizer=optimizer, max_epochs=8).fit(X, y)
    loss = model.history_["train_loss"]
    assert loss.iloc[-1] < loss.iloc[0]
    name = (
        optimizer if isinstance(optimizer, str) else getattr(optimizer, "func", optimizer).__name__
    )
    assert type(model.net_.optimizer_).__name__.lower() == name.lower()


def test_optimizer_partial_keeps_its_arguments(one_ahead):
    X, y = one_ahead
    momentum = partial(torch.optim.SGD, momentum=0.9)
    first, plain = (small(optimizer=o, max_epochs=1, batch_size=72) for o in (momentum, "sgd"))
    # The first step has no past: momentum shows from the second on.
    first.fit(X, y), plain.fit(X, y)
    np.testing.assert_allclose(first.predict(X), plain.predict(X), rtol=1e-6)
    second, plain = (small(optimizer=o, max_epochs=2, batch_size=72) for o in (momentum, "sgd"))
    assert np.abs(second.fit(X, y).predict(X) - plain.fit(X, y).predict(X)).max() > 1e-4


def test_weight_decay_one_step_moves_matrices_only(regressor, one_ahead):
    X, y = one_ahead
    params = {"optimizer": "sgd", "max_steps": 1}
    start = weights_of(small(regressor, **params, lr=1e-30).fit(X, y))
    plain = weights_of(small(regressor, **params, lr=0.1).fit(X, y))
    decayed = weights_of(small(regressor, **params, lr=0.1, weight_decay=0.5).fit(X, y))
    for name, value in start.items():
        moved = decayed[name] - plain[name]
        expected = -0.1 * 0.5 * value if value.ndim > 1 else 0 * value
        np.testing.assert_allclose(moved, expected, rtol=0, atol=1e-6, err_msg=name)  # float32


# ------------------------------------------------------------------------------- going on


def test_warm_start_two_fits_equal_one_twice_as_long(regressor, one_ahead):
    X, y = one_ahead
    once = small(regressor, max_epochs=6, dropout=0.2).fit(X, y)
    twice = small(regressor, max_epochs=3, dropout=0.2, warm_start=True).fit(X, y).fit(X, y)
    assert twice.n_iter_ == 6
    pd.testing.assert_frame_equal(twice.history_, once.history_)
    np.testing.assert_array_equal(twice.predict(X), once.predict(X))
    again = small(regressor, max_epochs=3, dropout=0.2).fit(X, y).fit(X, y)
    assert again.n_iter_ == 3  # without warm_start, fit begins anew
    assert np.abs(again.predict(X) - twice.predict(X)).max() > 0


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_going_on_with_data_of_another_level_keeps_the_first_units(one_ahead, method):
    X, y = one_ahead
    model = small(warm_start=True).fit(X, y)
    getattr(model, method)(X + 500, y + 500)
    # In the first units the new data are some 70 standard deviations away.
    assert model.history_["train_loss"].iloc[-1] > 1000
    assert small().fit(X + 500, y + 500).history_["train_loss"].iloc[-1] < 2


def test_warm_start_with_other_lr_and_batch_size_takes_them(one_ahead):
    X, y = one_ahead
    model = small(warm_start=True).fit(X, y)
    model.set_params(lr=0.5, batch_size=8).fit(X, y)
    assert model.history_["lr"].tolist() == [3e-3] * 3 + [0.5] * 3
    assert model.net_.history[:, "train_batch_count"] == [3] * 3 + [9] * 3


def test_partial_fit_calls_equal_the_epochs_of_fit(regressor, windows):
    X, y = windows
    once = small(regressor, max_epochs=4, dropout=0.2).fit(X, y)
    model = small(regressor, dropout=0.2)
    for _ in range(4):
        assert model.partial_fit(X, y) is model
    np.testing.assert_array_equal(model.predict(X), once.predict(X))
    pd.testing.assert_frame_equal(model.history_, once.history_)
    assert model.n_validation_ == 0


def test_partial_fit_stream_learns_the_units_in_the_first_call_only(one_ahead):
    X, y = one_ahead
    parts = [slice(0, 36), slice(36, 72)]
    model = small()
    for part in parts:
        model.partial_fit(X[part], y[part])
    assert model.n_iter_ == 2
    first_alone = small().partial_fit(X[parts[0]], y[parts[0]])
    units, first_units = (m.net_.scaling.units(X[:, :, None]) for m in (model, first_alone))
    for name in ("level", "scale", "target_level", "target_scale"):
        np.testing.assert_array_equal(getattr(units, name), getattr(first_units, name))


# ------------------------------------------------------------------------ who may watch it


class Watcher(Callback):
    """Notes what it sees, in itself."""

    def __init__(self, note=None):
        self.note = note

    def on_train_begin(self, net, X=None, y=None, **kwargs):
        self.notes_ = []

    def on_epoch_end(self, net, **kwargs):
        self.notes_.append((torch.get_num_threads(), net.module_.training))


def test_callbacks_are_copied_and_the_users_are_never_touched(regressor, one_ahead):
    X, y = one_ahead
    watcher = Watcher(note="mine")
    model = small(regressor, callbacks=[watcher])
    model.fit(X, y)
    assert vars(watcher) == {"note": "mine"}
    copy = dict(model.net_.callbacks_)["Watcher"]
    assert copy is not watcher
    assert copy.note == "mine"
    assert len(copy.notes_) == 3
    np.testing.assert_array_equal(model.predict(X), small(regressor).fit(X, y).predict(X))


class Lister(Callback):
    """Notes what it sees in a list that its constructor made."""

    def __init__(self):
        self.seen = []

    def on_epoch_end(self, net, **kwargs):
        self.seen.append(net)


@pytest.mark.parametrize("named", [False, True])
def test_callbacks_are_copied_and_share_what_they_hold(one_ahead, named):
    lister = Lister()
    before = dict(vars(lister))
    model = small(callbacks=[("lister", lister) if named else lister]).fit(*one_ahead)
    used = model.net_.callbacks_[1][1]
    assert used is not lister
    assert vars(lister) == before
    assert used.seen is lister.seen
    assert len(lister.seen) == 3


class Logger(Callback):
    """Writes under a lock, which cannot be copied, as loggers with an open file do."""

    def __init__(self, lock, lines):
        self.lock = lock
        self.lines = lines

    def on_epoch_end(self, net, **kwargs):
        with self.lock:
            self.lines.append(net.history[-1]["train_loss"])


def test_callbacks_that_cannot_be_copied_share_what_they_hold(one_ahead):
    logger = Logger(threading.Lock(), lines=[])
    model = small(callbacks=[logger]).fit(*one_ahead)
    assert logger.lines == model.history_["train_loss"].tolist()
    assert model.net_.callbacks_[1][1] is not logger


def test_callbacks_with_the_same_name_both_hear(one_ahead):
    model = small(callbacks=[Watcher(), Watcher()]).fit(*one_ahead)
    assert [len(callback.notes_) for _, callback in model.net_.callbacks_[1:]] == [3, 3]


def test_callbacks_early_stopping_of_skorch_ends_training(one_ahead):
    X, y = one_ahead
    stop = EarlyStopping(monitor="train_loss", patience=2, threshold=10.0, sink=lambda _: None)
    model = small(max_epochs=20, callbacks=[stop]).fit(X, y)
    assert model.n_iter_ == 3  # the first sets the mark, two miss it
    assert stop.misses_ == 0
    assert stop.dynamic_threshold_ is None


def test_callbacks_lr_scheduler_of_skorch_sets_the_rate(one_ahead):
    X, y = one_ahead
    scheduler = LRScheduler(policy=torch.optim.lr_scheduler.StepLR, step_size=1, gamma=0.5)
    model = small(callbacks=[scheduler], lr=0.01).fit(X, y)
    np.testing.assert_allclose(model.history_["lr"], [0.01, 0.005, 0.0025])


def test_callbacks_epoch_scoring_sees_data_units(regressor, one_ahead):
    X, y = one_ahead
    on_train, on_valid = (
        EpochScoring("neg_mean_absolute_error", name=name, on_train=name == "train_mae")
        for name in ("train_mae", "valid_mae")
    )
    model = small(regressor, callbacks=[on_train, on_valid], early_stopping=False)
    model.fit(X[:60], y[:60], X_val=X[60:], y_val=y[60:])
    # Levels of 100 and a season of 10: in scaled units both would be about 1.
    for name, part in [("train_mae", slice(0, 60)), ("valid_mae", slice(60, 72))]:
        own = -np.abs(model.predict(X[part]) - y[part]).mean()
        assert model.history_[name].iloc[-1] == pytest.approx(own, rel=1e-12)
        assert own < -3


class Interrupt(Callback):
    """Press ctrl-c in the middle of an epoch."""

    def __init__(self, epoch):
        self.epoch = epoch

    def on_batch_end(self, net, training=None, **kwargs):
        if len(net.history) == self.epoch:
            signal.raise_signal(signal.SIGINT)


def test_fit_interrupted_by_the_user_keeps_the_best_weights_so_far(regressor, one_ahead):
    X, y = one_ahead
    model = small(regressor, max_epochs=9, callbacks=[Interrupt(epoch=3)])
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, y)
    # The same callback: with one that listens to batches, torch takes the steps.
    two = small(regressor, max_epochs=2, callbacks=[Interrupt(epoch=99)]).fit(X, y)
    np.testing.assert_array_equal(model.predict(X), two.predict(X))
    pd.testing.assert_frame_equal(model.history_.iloc[:2], two.history_)


@pytest.mark.parametrize("verbose", [0, 1, False, True])
def test_verbose_prints_a_line_an_epoch_or_nothing(one_ahead, capfd, verbose):
    model = small(verbose=verbose).fit(*one_ahead)
    out, err = capfd.readouterr()
    assert err == ""
    if not verbose:
        assert out == ""
        return
    lines = out.strip().splitlines()
    assert lines[0].split("  ") == ["epoch", "train loss", "grad norm", "clipped", "memory"]
    assert len(lines) == 1 + model.n_iter_


@pytest.mark.parametrize(
    ("n_jobs", "n_threads"),
    [(None, 1), (1, 1), (2, 2), (-1, CORES), (-2, max(1, CORES - 1)), (-1000, 1)],
)
def test_n_jobs_is_the_number_of_threads_inside_fit(one_ahead, n_jobs, n_threads):
    X, y = one_ahead
    model = small(n_jobs=n_jobs, callbacks=[Watcher()]).fit(X, y)
    assert {threads for threads, _ in model.net_.callbacks_[1][1].notes_} == {n_threads}
    # Sums over two threads may be rounded in another order.
    np.testing.assert_allclose(model.predict(X), small().fit(X, y).predict(X), rtol=1e-5)


@pytest.mark.parametrize("num_layers", [1, 2])
def test_dropout_acts_while_training_only(regressor, one_ahead, num_layers):
    X, y = one_ahead
    model = small(regressor, dropout=0.5, num_layers=num_layers).fit(X, y)
    assert not model.net_.module_.training
    np.testing.assert_array_equal(model.predict(X), model.predict(X))
    # Masks change the training even where the weights hardly move ...
    still = {"lr": 1e-30, "optimizer": "sgd", "num_layers": num_layers, "max_epochs": 1}
    dropped, whole = (small(regressor, **still, dropout=p).fit(X, y) for p in (0.5, 0.0))
    assert dropped.history_["train_loss"].item() != whole.history_["train_loss"].item()
    # ... and forecasts know nothing of them.
    np.testing.assert_array_equal(dropped.predict(X), whole.predict(X))
