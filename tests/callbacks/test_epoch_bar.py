"""EpochBar: what it shows in a real terminal, and what is left of it."""

import copy
import pickle
import signal

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, KFold
from skorch import NeuralNetRegressor
from skorch.callbacks import Callback

from seqforecast import DivergenceError, GRURegressor, LSTMRegressor, load, save
from seqforecast.callbacks import Checkpoint, EpochBar
from tests.terminal import COLUMNS, shown_in_terminal

START = """
from seqforecast import LSTMRegressor, Forecaster, backtest, make_windows
from seqforecast.callbacks import EpochBar
from seqforecast.datasets import load_airline
X, y = make_windows(load_airline(), window=8)
params = {"hidden_size": 4, "random_state": 0}
"""


@pytest.fixture(scope="module")
def one_ahead():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 8))
    return X, X[:, -1] + 0.1 * rng.normal(size=60)


def fitted(X, y, *callbacks, **params):
    params = {"hidden_size": 4, "max_epochs": 3, "random_state": 0, **params}
    return LSTMRegressor(callbacks=list(callbacks), **params).fit(X, y)


def last_bar(err):
    """Return the last state of the bar that was written."""
    return err.replace("\n", "\r").rstrip("\r").split("\r")[-1]


def test_terminal_shows_epochs_and_the_last_losses_in_its_columns():
    lines = shown_in_terminal(
        START
        + "model = LSTMRegressor(max_epochs=4, early_stopping=True, n_iter_no_change=9, "
        + "callbacks=[EpochBar()], **params).fit(X, y)\n"
        + "print(*model.history_.iloc[-1][['train_loss', 'valid_loss', 'grad_norm']])"
    )
    train, valid, norm = map(float, lines[-1].split())
    assert lines[0].startswith("0/4 epochs |")
    assert lines[-2].startswith("4/4 epochs |")
    assert lines[-2].endswith(f", train {train:.3g}, valid {valid:.3g}, norm {norm:.3g}")
    assert all(len(line) <= COLUMNS for line in lines)


@pytest.mark.slow
def test_terminal_of_a_search_shows_no_bars_of_worker_processes():
    lines = shown_in_terminal(
        START
        + "from sklearn.model_selection import GridSearchCV, KFold\n"
        + "model = LSTMRegressor(max_epochs=4, callbacks=[EpochBar()], **params)\n"
        + "GridSearchCV(model, {'lr': [0.1, 0.2]}, cv=KFold(2), n_jobs=2).fit(X, y)"
    )
    assert sum(line.startswith("0/4 epochs") for line in lines) == 1  # of the refit, in process


def test_nothing_is_written_where_nobody_watches(one_ahead, capfd):
    model = fitted(*one_ahead, EpochBar())
    assert capfd.readouterr() == ("", "")
    assert model.n_iter_ == 3


def test_bar_is_written_to_stderr_where_it_is_asked_for(one_ahead, capfd):
    model = fitted(*one_ahead, EpochBar(always=True))
    out, err = capfd.readouterr()
    assert out == ""
    last = last_bar(err)
    assert last.startswith("3/3 epochs")
    assert f"train {model.history_['train_loss'].iloc[-1]:.3g}" in last
    assert "valid" not in last


def test_bar_that_shall_not_stay_is_wiped_away(one_ahead, capfd):
    fitted(*one_ahead, EpochBar(always=True, leave=False))
    err = capfd.readouterr().err
    assert "3 epochs" in err
    assert err.endswith("\r")
    assert last_bar(err).strip() == ""


@pytest.mark.usefixtures("capfd")
def test_watching_changes_no_bit(one_ahead):
    X, _ = one_ahead
    watched = fitted(*one_ahead, EpochBar(always=True))
    np.testing.assert_array_equal(watched.predict(X), fitted(*one_ahead).predict(X))


def test_early_stopping_ends_with_a_full_bar(one_ahead, capfd):
    model = fitted(
        *one_ahead,
        EpochBar(always=True),
        max_epochs=90,
        early_stopping=True,
        n_iter_no_change=1,
        lr=0.5,
    )
    assert model.n_iter_ < 90
    assert last_bar(capfd.readouterr().err).startswith(f"{model.n_iter_}/{model.n_iter_} epochs")


def test_max_steps_bound_the_epochs_of_the_bar(one_ahead, capfd):
    model = fitted(*one_ahead, EpochBar(always=True), batch_size=20, max_epochs=50, max_steps=7)
    err = capfd.readouterr().err
    assert model.n_iter_ == 3  # of three steps each
    assert "/50" not in err
    assert last_bar(err).startswith("3/3 epochs")


def test_partial_fit_shows_one_epoch_each(one_ahead, capfd):
    model = fitted(*one_ahead, EpochBar(always=True))
    capfd.readouterr()
    model.partial_fit(*one_ahead)
    assert last_bar(capfd.readouterr().err).startswith("1/1 epochs")
    model.set_params(warm_start=True).fit(*one_ahead)
    assert last_bar(capfd.readouterr().err).startswith("3/3 epochs")
    assert model.n_iter_ == 7


class After(Callback):
    """Does something at the end of the second epoch, or in the middle of it."""

    def __init__(self, what, hook="on_epoch_end"):
        self.what = what
        self.hook = hook

    def on_epoch_end(self, net, **kwargs):
        if self.hook == "on_epoch_end" and len(net.history) == 2:
            self.what()

    def on_batch_end(self, net, training, **kwargs):
        if self.hook == "on_batch_end" and len(net.history) == 2:
            self.what()


def interrupt():
    signal.raise_signal(signal.SIGINT)


def fail():
    raise OSError("the disk is full")


@pytest.mark.parametrize(
    ("what", "error"), [(interrupt, KeyboardInterrupt), (fail, OSError)], ids=["Ctrl-C", "error"]
)
def test_bar_of_a_training_that_breaks_off_stays_where_it_was_and_is_closed(
    one_ahead, capfd, what, error
):
    bar = EpochBar(always=True)
    kept = []

    class Keep(Callback):
        def on_train_end(self, net, **kwargs):
            kept.extend(net.callbacks_)

    with pytest.raises(error):
        fitted(*one_ahead, ("bar", bar), After(what, "on_batch_end"), Keep())
    err = capfd.readouterr().err
    assert last_bar(err).startswith("1/3 epochs")
    assert err.endswith("\n")
    assert "_bar_" not in vars(dict(kept)["bar"])
    assert "_bar_" not in vars(bar)


def test_bar_of_a_divergence_is_closed(one_ahead, capfd):
    with pytest.raises(DivergenceError):
        fitted(
            *one_ahead,
            EpochBar(always=True),
            optimizer="sgd",
            lr=1e30,
            gradient_clipping=None,
            batch_size=8,
        )
    err = capfd.readouterr().err
    assert last_bar(err).startswith("0/3 epochs")
    assert err.endswith("\n")


def test_callback_that_ends_training_leaves_a_full_bar(one_ahead, capfd):
    def stop():
        raise KeyboardInterrupt

    model = fitted(*one_ahead, EpochBar(always=True), After(stop), max_epochs=9)
    assert model.n_iter_ == 2
    assert last_bar(capfd.readouterr().err).startswith("2/2 epochs")


def test_fit_that_goes_on_from_a_checkpoint_begins_where_that_ended(one_ahead, capfd, tmp_path):
    for begins_with in (0, 1):
        callbacks = EpochBar(always=True), Checkpoint(tmp_path), After(fail)
        with pytest.raises(OSError, match="disk"):
            fitted(*one_ahead, *callbacks, max_epochs=4)
        assert capfd.readouterr().err.split("\r")[1].startswith(f"{begins_with}/4 epochs")


@pytest.mark.usefixtures("capfd")
def test_estimator_holds_no_bar_and_goes_through_pickle_clone_and_files(one_ahead, tmp_path):
    X, _ = one_ahead
    model = fitted(*one_ahead, EpochBar(always=True, leave=False))
    for bar in (model.callbacks[0], model.net_.callbacks_[1][1]):
        assert isinstance(bar, EpochBar)
        assert "_bar_" not in vars(bar)
    save(model, tmp_path / "model.safetensors")
    copies = pickle.loads(pickle.dumps(model)), load(tmp_path / "model.safetensors")
    for one in (*copies, clone(model).fit(*one_ahead)):
        assert one.callbacks[0].get_params() == {"leave": False, "always": True}
        np.testing.assert_array_equal(one.predict(X), model.predict(X))


@pytest.mark.usefixtures("capfd")
def test_copies_made_while_training_hold_no_bar(one_ahead):
    made = []

    class Copies(Callback):
        def on_epoch_end(self, net, **kwargs):
            bar = dict(net.callbacks_)["bar"]
            made.extend([copy.deepcopy(bar), pickle.loads(pickle.dumps(bar))])

    fitted(*one_ahead, ("bar", EpochBar(always=True)), Copies(), max_epochs=1)
    assert [type(one) for one in made] == [EpochBar, EpochBar]
    assert not any("_bar_" in vars(one) for one in made)


def test_net_of_a_user_shows_its_epochs(one_ahead, capfd):
    X, y = (a.astype(np.float32) for a in one_ahead)
    net = NeuralNetRegressor(
        torch.nn.Linear(8, 1), max_epochs=5, callbacks=[EpochBar(always=True)], verbose=0
    )
    net.fit(X, y[:, None])
    last = last_bar(capfd.readouterr().err)
    assert last.startswith("5/5 epochs")
    assert f"train {net.history[-1, 'train_loss']:.3g}" in last
    assert f"valid {net.history[-1, 'valid_loss']:.3g}" in last
    assert "norm" not in last


def test_search_in_this_process_shows_a_bar_a_fit(one_ahead, capfd):
    model = GRURegressor(hidden_size=4, max_epochs=2, callbacks=[EpochBar(always=True)])
    GridSearchCV(model, {"lr": [0.1]}, cv=KFold(2), error_score="raise").fit(*one_ahead)
    assert capfd.readouterr().err.count("0/2 epochs") == 3


@pytest.mark.parametrize("name", ["leave", "always"])
def test_parameter_that_is_no_flag_is_refused(one_ahead, name):
    with pytest.raises(ValueError, match=rf"EpochBar\({name}\)='yes'; True or False is needed"):
        fitted(*one_ahead, EpochBar(**{name: "yes"}))
