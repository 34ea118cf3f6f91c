"""scikit-learn's own callbacks, where the installed version (from 1.9 on) has them."""

import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV, KFold
from skorch.callbacks import Callback

from seqforecast import DivergenceError, LSTMRegressor
from tests.terminal import shown_in_terminal

EPOCHS = 3


def small(**params):
    return LSTMRegressor(**{"hidden_size": 4, "max_epochs": EPOCHS, "random_state": 0, **params})


def epochs_in(log):
    return [row for row in log.data if row["task_name"] == "epoch"]


@pytest.fixture
def sklearn_callback():
    return pytest.importorskip("sklearn.callback", reason="scikit-learn has callbacks from 1.9 on")


needs_callbacks = pytest.mark.usefixtures("sklearn_callback")


def test_scoring_monitor_logs_r2_after_every_epoch(sklearn_callback, regressor, one_ahead):
    X, y = one_ahead
    monitor = sklearn_callback.ScoringMonitor(scoring="r2")
    params = {"hidden_size": 4, "random_state": 0, "lr": 0.01}
    regressor(max_epochs=EPOCHS, **params).set_callbacks(monitor).fit(X, y)
    rows = epochs_in(monitor.get_logs())
    assert [row["task_id"] for row in rows] == [0, 1, 2]
    scores = [row["r2"] for row in rows]
    # The score after k epochs is that of a training of k epochs: the monitor sees the weights of
    # its moment, and watching changes nothing.
    assert scores == [
        regressor(max_epochs=k + 1, **params).fit(X, y).score(X, y) for k in range(EPOCHS)
    ]


def test_scoring_monitor_of_targets_at_every_step_scores_the_last(
    sklearn_callback, series, regressor
):
    windows = np.lib.stride_tricks.sliding_window_view(series, 9)
    X, y = windows[:, :-1], windows[:, 1:, None]
    own_score = {"score": lambda model, X, y, **_: model.score(X, y)}
    monitor = sklearn_callback.ScoringMonitor(scoring=own_score)
    model = regressor(hidden_size=4, max_epochs=2).set_callbacks(monitor).fit(X, y)
    rows = epochs_in(monitor.get_logs())
    assert rows[-1]["score"] == model.score(X, y)


def test_scoring_monitor_in_grid_search_knows_every_fit(sklearn_callback, one_ahead):
    X, y = one_ahead
    monitor = sklearn_callback.ScoringMonitor(scoring="r2")
    model = small().set_callbacks(monitor)
    GridSearchCV(model, {"hidden_size": [2, 4]}, cv=KFold(2), error_score="raise").fit(X, y)
    log = monitor.get_logs()
    assert log.estimator_name == "GridSearchCV"
    assert len(epochs_in(log)) == (2 * 2 + 1) * EPOCHS  # two candidates on two folds, and refit


def test_scoring_monitor_in_worker_processes_knows_every_fit(sklearn_callback, one_ahead):
    X, y = one_ahead
    monitor = sklearn_callback.ScoringMonitor(scoring="r2")
    model = small().set_callbacks(monitor)
    grid = {"hidden_size": [2, 4]}
    GridSearchCV(model, grid, cv=KFold(2), n_jobs=2, error_score="raise").fit(X, y)
    assert len(epochs_in(monitor.get_logs())) == (2 * 2 + 1) * EPOCHS


def test_progress_bar_shows_epochs_and_changes_nothing(
    sklearn_callback, regressor, one_ahead, capsys
):
    pytest.importorskip("rich", reason="scikit-learn draws its bars with rich")
    X, y = one_ahead
    params = {"hidden_size": 4, "max_epochs": EPOCHS, "random_state": 0}
    silent = regressor(**params).fit(X, y)
    assert capsys.readouterr().out == ""
    watched = regressor(**params).set_callbacks(sklearn_callback.ProgressBar()).fit(X, y)
    shown = capsys.readouterr().out
    assert regressor.__name__ in shown
    assert "100%" in shown
    np.testing.assert_array_equal(watched.predict(X), silent.predict(X))


def test_progress_bar_in_grid_search_runs(sklearn_callback, one_ahead, capsys):
    pytest.importorskip("rich", reason="scikit-learn draws its bars with rich")
    X, y = one_ahead
    search = GridSearchCV(small(), {"hidden_size": [2, 4]}, cv=KFold(2), error_score="raise")
    # Registered on the search; it reaches the regressor two levels below.
    search.set_callbacks(sklearn_callback.ProgressBar(max_propagation_depth=None)).fit(X, y)
    shown = capsys.readouterr().out
    assert "GridSearchCV" in shown
    assert "LSTMRegressor" in shown
    assert "100%" in shown


@needs_callbacks
def test_callback_that_asks_to_stop_ends_training(one_ahead):
    X, y = one_ahead

    class Stop(Recorder):
        def on_fit_task_end(self, estimator, context, **kwargs):
            super().on_fit_task_end(estimator, context, **kwargs)
            return context.task_name == "epoch" and context.task_id == 1

    stop = Stop()
    model = small(max_epochs=9).set_callbacks(stop).fit(X, y)
    assert model.n_iter_ == 2
    assert stop.events[-1] == "teardown"


class Recorder:
    """Writes down what it is told."""

    def __init__(self):
        self.events = []

    def setup(self, estimator, context):
        self.events.append("setup")

    def on_fit_task_begin(self, estimator, context, **kwargs):
        self.events.append(f"begin {context.task_name} {context.task_id}")

    def on_fit_task_end(self, estimator, context, **kwargs):
        self.events.append(f"end {context.task_name} {context.task_id}")

    def teardown(self, estimator, context):
        self.events.append("teardown")


@needs_callbacks
def test_callback_fit_of_two_epochs_hears_each_once_in_order(one_ahead):
    X, y = one_ahead
    recorder = Recorder()
    small(max_epochs=2).set_callbacks(recorder).fit(X, y)
    assert recorder.events == [
        "setup",
        "begin fit 0",
        "begin epoch 0",
        "end epoch 0",
        "begin epoch 1",
        "end epoch 1",
        "end fit 0",
        "teardown",
    ]


@needs_callbacks
def test_callback_after_a_divergence_is_torn_down(one_ahead):
    X, y = one_ahead
    recorder = Recorder()
    model = small(optimizer="sgd", lr=1e30, gradient_clipping=None, batch_size=8)
    with pytest.raises(DivergenceError):
        model.set_callbacks(recorder).fit(X, y)
    assert recorder.events[-1] == "teardown"


class Fails(Callback):
    """Breaks off a training in the middle of an epoch, and after it."""

    def __init__(self, hook):
        self.hook = hook

    def on_batch_end(self, net, training, **kwargs):
        self.break_off("on_batch_end")

    def on_epoch_end(self, net, **kwargs):
        self.break_off("on_epoch_end")

    def break_off(self, hook):
        if hook == self.hook:
            raise OSError("the disk is full")


@needs_callbacks
@pytest.mark.parametrize("hook", ["on_batch_end", "on_epoch_end"])
def test_callback_after_an_error_is_torn_down_and_told_no_end(one_ahead, hook):
    """Without the end of what began a ProgressBar would wait for ever."""
    recorder = Recorder()
    model = small(callbacks=[Fails(hook)]).set_callbacks(recorder)
    before = dict(vars(model))
    with pytest.raises(OSError, match="disk"):
        model.fit(*one_ahead)
    assert recorder.events[-1] == "teardown"
    assert "end fit 0" not in recorder.events
    assert vars(model) == before
    model.set_params(callbacks=None).fit(*one_ahead)
    assert recorder.events[-2:] == ["end fit 0", "teardown"]


@needs_callbacks
@pytest.mark.parametrize("again", ["partial_fit", "warm_start"])
def test_callback_hears_of_every_training_that_goes_on(one_ahead, again):
    recorder = Recorder()
    model = small(warm_start=True).set_callbacks(recorder).fit(*one_ahead)
    recorder.events.clear()
    getattr(model, "partial_fit" if again == "partial_fit" else "fit")(*one_ahead)
    n_epochs = 1 if again == "partial_fit" else EPOCHS
    assert recorder.events[:2] == ["setup", "begin fit 0"]
    assert recorder.events[-3:] == [f"end epoch {n_epochs - 1}", "end fit 0", "teardown"]
    assert recorder.events.count("begin fit 0") == 1


class Sizes(Recorder):
    """Writes down how many subtasks are announced."""

    def on_fit_task_begin(self, estimator, context, **kwargs):
        if context.task_name == "fit":
            self.events.append(context.max_subtasks)


@needs_callbacks
def test_number_of_epochs_is_the_largest_that_max_steps_allow(one_ahead):
    sizes = Sizes()
    model = small(max_epochs=40, max_steps=7, batch_size=24).set_callbacks(sizes).fit(*one_ahead)
    assert sizes.events[:2] == ["setup", 3]  # of three steps each
    assert model.n_iter_ == 3


@pytest.mark.slow
@needs_callbacks
def test_terminal_shows_the_epochs_within_the_folds_of_a_search():
    pytest.importorskip("rich", reason="scikit-learn draws its bars with rich")
    lines = shown_in_terminal(
        """
import numpy as np
from sklearn.callback import ProgressBar
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from seqforecast import LSTMRegressor, make_windows
X, y = make_windows(np.sin(np.arange(60.0)), window=8)
model = make_pipeline(StandardScaler(), LSTMRegressor(hidden_size=4, max_epochs=3))
search = GridSearchCV(model, {"lstmregressor__lr": [0.01]}, cv=KFold(2))
search.set_callbacks(ProgressBar(max_propagation_depth=None)).fit(X, y)
"""
    )
    shown = lines[-11:]  # the last state: search and refit, and in each fit pipeline, scaler, net
    assert shown[0].startswith("GridSearchCV - fit")
    assert sum("LSTMRegressor - fit" in line for line in shown) == 3
    assert all("100%" in line for line in shown)


@needs_callbacks
def test_callbacks_after_fit_are_no_part_of_the_net(one_ahead):
    # The estimator would otherwise hold itself and its data, and pickle both with every model.
    model = small().set_callbacks(Recorder()).fit(*one_ahead)
    assert [name for name, _ in model.net_.callbacks_] == ["gradient_flow"]
