"""A training that was killed goes on, and ends as if nothing had happened."""

import os
import signal
import subprocess
import sys
import textwrap
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.model_selection import GridSearchCV, TimeSeriesSplit
from skorch import NeuralNetRegressor
from skorch.callbacks import Callback, LRScheduler, TensorBoard
from skorch.callbacks import EarlyStopping as SkorchEarlyStopping
from torch.utils.tensorboard import SummaryWriter

from seqforecast import Forecaster, GRURegressor, LSTMRegressor, RNNRegressor, make_windows
from seqforecast.callbacks import Checkpoint, GradientClipping, GradientNorms
from seqforecast.clipping import AutoClip
from seqforecast.datasets import load_airline, load_sunspots
from seqforecast.persistence.format import write

EPOCHS = 9


class Killed(Exception):
    pass


class KillAt(Callback):
    """Break a training off as an epoch begins, while `armed`."""

    armed = True

    def __init__(self, epoch, error=Killed):
        self.epoch = epoch
        self.error = error

    def on_epoch_begin(self, net, **kwargs):
        if KillAt.armed and len(net.history) == self.epoch:
            if self.error is KeyboardInterrupt:  # raised here, it would ask for the end
                signal.raise_signal(signal.SIGINT)
            raise self.error


@pytest.fixture(autouse=True)
def armed():
    KillAt.armed = True


@pytest.fixture(scope="module")
def windows():
    return make_windows(load_sunspots(), window=12, horizon=2)


def killed_and_resumed(make, data, *, at=5, error=Killed, **fit):
    """Fit until it is killed, then fit anew; `make` is given the callbacks."""
    with pytest.raises(error):
        make([KillAt(at, error)]).fit(*data, **fit)
    KillAt.armed = False
    return make([KillAt(at, error)]).fit(*data, **fit)


def assert_same(a, b, X):
    np.testing.assert_array_equal(a.predict(X), b.predict(X))
    pd.testing.assert_frame_equal(a.history_, b.history_, check_exact=True)
    np.testing.assert_array_equal(a.gradient_flow_.epochs, b.gradient_flow_.epochs)
    np.testing.assert_array_equal(a.gradient_flow_.lag_curve, b.gradient_flow_.lag_curve)


CASES = {
    "default": (LSTMRegressor, {}),
    "dropout, layers": (GRURegressor, {"dropout": 0.3, "num_layers": 2}),
    "cosine": (RNNRegressor, {"lr_schedule": "cosine", "early_stopping": False}),
    "steps": (GRURegressor, {"max_steps": 60}),
    "autoclip": (LSTMRegressor, {"gradient_clipping": AutoClip(20)}),
    "momentum": (GRURegressor, {"optimizer": partial(torch.optim.SGD, momentum=0.9)}),
    "rmsprop": (RNNRegressor, {"optimizer": "rmsprop"}),
    "adamw": (LSTMRegressor, {"optimizer": "adamw", "weight_decay": 0.1}),
    "quantile": (LSTMRegressor, {"loss": "quantile", "scaling": "window"}),
    "stops early": (GRURegressor, {"n_iter_no_change": 6, "lr": 0.05}),
    "waits on a plateau": (GRURegressor, {"n_iter_no_change": 3, "lr": 1e-30}),  # ends at epoch 8
}


@pytest.mark.parametrize("case", CASES)
def test_resumed_training_equals_uninterrupted(case, windows, tmp_path):
    regressor, params = CASES[case]
    params = {
        "hidden_size": 5,
        "batch_size": 256,
        "max_epochs": EPOCHS,
        "random_state": 3,
        **params,
    }
    whole = regressor(callbacks=[KillAt(99)], **params).fit(*windows)

    resumed = killed_and_resumed(
        lambda callbacks: regressor(callbacks=[Checkpoint(tmp_path, 2), *callbacks], **params),
        windows,
    )
    assert resumed.n_iter_ > 5
    assert_same(resumed, whole, windows[0])
    assert not list(tmp_path.iterdir())


def test_resuming_saves_the_epochs_before(windows, tmp_path):
    seen = []

    class Watch(Callback):
        def on_epoch_begin(self, net, **kwargs):
            seen.append(len(net.history))

    killed_and_resumed(
        lambda callbacks: GRURegressor(
            max_epochs=EPOCHS,
            random_state=0,
            callbacks=[Checkpoint(tmp_path, 2), Watch(), *callbacks],
        ),
        windows,
        at=6,
    )
    assert seen == [1, 2, 3, 4, 5, 6, 5, 6, 7, 8, 9]


def test_other_callbacks_go_on_where_they_were(windows, tmp_path):
    def make(callbacks):
        return LSTMRegressor(
            hidden_size=4,
            batch_size=256,
            max_epochs=EPOCHS,
            early_stopping=False,
            random_state=0,
            callbacks=[
                LRScheduler("StepLR", step_size=3, gamma=0.5),
                SkorchEarlyStopping("train_loss", patience=50, load_best=True),
                GradientNorms(),
                GradientClipping(AutoClip(30)),
                *callbacks,
            ],
        )

    whole = make([KillAt(99)]).fit(*windows)
    resumed = killed_and_resumed(lambda rest: make([*rest, Checkpoint(tmp_path)]), windows)
    assert_same(resumed, whole, windows[0])
    assert resumed.history_["lr"].nunique() == 3


def test_validation_data_and_weights_count(windows, tmp_path):
    X, y = windows
    fit = {
        "sample_weight": np.linspace(0.5, 1.5, len(X) - 100),
        "X_val": X[-100:],
        "y_val": y[-100:],
    }
    params = {"hidden_size": 4, "batch_size": 256, "max_epochs": EPOCHS, "random_state": 0}
    whole = GRURegressor(**params).fit(X[:-100], y[:-100], **fit)
    resumed = killed_and_resumed(
        lambda rest: GRURegressor(callbacks=[Checkpoint(tmp_path), *rest], **params),
        (X[:-100], y[:-100]),
        **fit,
    )
    np.testing.assert_array_equal(resumed.predict(X), whole.predict(X))


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError])
def test_whatever_ended_it(error, windows, tmp_path):
    params = {"hidden_size": 4, "batch_size": 256, "max_epochs": EPOCHS, "random_state": 0}
    whole = GRURegressor(**params).fit(*windows)
    resumed = killed_and_resumed(
        lambda rest: GRURegressor(callbacks=[Checkpoint(tmp_path), *rest], **params),
        windows,
        error=error,
    )
    np.testing.assert_array_equal(resumed.predict(windows[0]), whole.predict(windows[0]))


def test_without_random_state_it_cannot_be_known_again(windows, tmp_path):
    model = GRURegressor(callbacks=[Checkpoint(tmp_path)])
    with pytest.raises(ValueError, match="random_state=None.*Set random_state=0"):
        model.fit(*windows)
    assert not hasattr(model, "net_")


def test_generators_are_known_by_their_state(windows, tmp_path):
    def make(seed, *callbacks):
        return GRURegressor(
            hidden_size=3,
            max_epochs=6,
            batch_size=256,
            random_state=np.random.RandomState(seed),
            callbacks=[*callbacks],
        )

    for seed in (0, 0, 1):  # the third one must not go on with the first
        KillAt.armed = True
        with pytest.raises(Killed):
            make(0, Checkpoint(tmp_path), KillAt(4)).fit(*windows)
        KillAt.armed = False
        resumed = make(seed, Checkpoint(tmp_path), KillAt(4)).fit(*windows)
        assert bool(list(tmp_path.iterdir())) == (seed == 1)  # the file of another training stays
        whole = make(seed).fit(*windows)
        np.testing.assert_array_equal(resumed.predict(windows[0]), whole.predict(windows[0]))


@pytest.mark.parametrize("place", [0, 1_000, 2_000])
@pytest.mark.parametrize("step", [1, 3])
def test_one_corrected_value_begins_anew(place, step, tmp_path):
    series = load_sunspots().to_numpy().copy()
    params = {"hidden_size": 2, "max_epochs": 4, "batch_size": 256, "random_state": 0}

    def windows_of(values):
        X, y = make_windows(values, window=12)
        return X[::step], y[::step]

    with pytest.raises(Killed):
        GRURegressor(callbacks=[Checkpoint(tmp_path), KillAt(3)], **params).fit(*windows_of(series))
    KillAt.armed = False
    series[place] += 40.0
    fit_again = GRURegressor(callbacks=[Checkpoint(tmp_path), KillAt(3)], **params)
    other = fit_again.fit(*windows_of(series))
    whole = GRURegressor(**params).fit(*windows_of(series))
    X, _ = windows_of(series)
    np.testing.assert_array_equal(other.predict(X), whole.predict(X))
    assert len(list(tmp_path.iterdir())) == 1


def test_a_callback_with_other_parameters_begins_anew(windows, tmp_path):
    def make(gamma, folder=tmp_path):
        schedule = LRScheduler("StepLR", step_size=2, gamma=gamma)
        return GRURegressor(
            hidden_size=2,
            max_epochs=6,
            batch_size=256,
            random_state=0,
            callbacks=[schedule, Checkpoint(folder), KillAt(4)],
        )

    with pytest.raises(Killed):
        make(0.5).fit(*windows)
    KillAt.armed = False
    rates = make(0.1).fit(*windows).history_["lr"]
    np.testing.assert_allclose(rates.iloc[0] / rates.iloc[-1], 100.0)
    assert len(list(tmp_path.iterdir())) == 1
    rates = make(0.5, str(tmp_path)).fit(*windows).history_["lr"]  # the same folder, as a text
    np.testing.assert_allclose(rates.iloc[0] / rates.iloc[-1], 4.0)
    assert not list(tmp_path.iterdir())


def test_a_callback_with_another_function_begins_anew(windows, tmp_path):
    def make(rate, *callbacks):
        schedule = LRScheduler(torch.optim.lr_scheduler.LambdaLR, lr_lambda=lambda e: rate**e)
        return GRURegressor(
            hidden_size=2,
            max_epochs=6,
            batch_size=256,
            random_state=0,
            callbacks=[schedule, *callbacks],
        )

    for rate in (0.9, 0.5):
        with pytest.raises(Killed):
            make(rate, Checkpoint(tmp_path), KillAt(4)).fit(*windows)
    assert len(list(tmp_path.iterdir())) == 2
    KillAt.armed = False
    for rate in (0.9, 0.5):
        resumed = make(rate, Checkpoint(tmp_path), KillAt(4)).fit(*windows)
        assert_same(resumed, make(rate).fit(*windows), windows[0])
    assert not list(tmp_path.iterdir())


def test_a_callback_with_another_writer_goes_on(windows, tmp_path):
    def make(log, *callbacks):
        writer = SummaryWriter(tmp_path / log)
        return GRURegressor(
            hidden_size=2,
            max_epochs=6,
            batch_size=256,
            random_state=0,
            callbacks=[TensorBoard(writer), *callbacks],
        )

    with pytest.raises(Killed):
        make("one", Checkpoint(tmp_path / "runs"), KillAt(4)).fit(*windows)
    KillAt.armed = False
    resumed = make("two", Checkpoint(tmp_path / "runs"), KillAt(4)).fit(*windows)
    assert_same(resumed, make("three").fit(*windows), windows[0])
    assert not list((tmp_path / "runs").iterdir())


def test_state_that_another_version_wrote_is_named(windows, tmp_path):
    model = GRURegressor(
        max_epochs=6, random_state=0, callbacks=[Checkpoint(tmp_path), KillAt(4)], batch_size=256
    )
    with pytest.raises(Killed):
        model.fit(*windows)
    (file,) = tmp_path.iterdir()
    write(file, "checkpoint", {"fields": {"net": None}}, {})
    with pytest.raises(ValueError, match="cannot be taken up.*Delete it"):
        model.fit(*windows)
    assert not hasattr(model, "net_")


def test_how_much_is_printed_does_not_matter(windows, tmp_path, capsys):
    params = {"max_epochs": 6, "batch_size": 256, "random_state": 0}
    with pytest.raises(Killed):
        GRURegressor(callbacks=[Checkpoint(tmp_path), KillAt(4)], **params).fit(*windows)
    KillAt.armed = False
    GRURegressor(callbacks=[Checkpoint(tmp_path), KillAt(4)], verbose=1, **params).fit(*windows)
    assert capsys.readouterr().out.splitlines()[1].split()[0] == "4"
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "change", [{"hidden_size": 6}, {"lr": 0.01}, {"random_state": 1}, {"max_epochs": 8}, "data"]
)
def test_another_training_begins_anew(change, windows, tmp_path):
    X, y = windows
    params = {"hidden_size": 4, "batch_size": 256, "max_epochs": EPOCHS, "random_state": 0}
    with pytest.raises(Killed):
        GRURegressor(callbacks=[Checkpoint(tmp_path), KillAt(5)], **params).fit(X, y)
    (file,) = tmp_path.iterdir()
    KillAt.armed = False

    params, y = (params, y + 1.0) if change == "data" else (params | change, y)
    other = GRURegressor(callbacks=[Checkpoint(tmp_path), KillAt(5)], **params).fit(X, y)
    np.testing.assert_array_equal(other.predict(X), GRURegressor(**params).fit(X, y).predict(X))
    assert list(tmp_path.iterdir()) == [file]


def test_warm_start_goes_on_from_its_own_weights(windows, tmp_path):
    X, y = windows
    params = {
        "hidden_size": 4,
        "batch_size": 256,
        "max_epochs": 4,
        "random_state": 0,
        "warm_start": True,
    }
    whole = GRURegressor(**params).fit(X, y).fit(X, y)
    model = GRURegressor(callbacks=[KillAt(7), Checkpoint(tmp_path)], **params).fit(X, y)
    assert not list(tmp_path.iterdir())
    twin = GRURegressor(callbacks=[KillAt(7), Checkpoint(tmp_path)], **params).fit(X, y)
    with pytest.raises(Killed):
        model.fit(X, y)
    assert len(list(tmp_path.iterdir())) == 1
    KillAt.armed = False
    twin.fit(X, y)
    np.testing.assert_array_equal(twin.predict(X), whole.predict(X))
    assert twin.n_iter_ == 8
    assert not list(tmp_path.iterdir())


def test_candidates_of_a_search_do_not_disturb_each_other(windows, tmp_path):
    X, y = windows[0][:200], windows[1][:200]
    grid = {"hidden_size": [2, 3], "lr": [0.01, 0.02]}
    params = {"max_epochs": 4, "random_state": 0}

    def search(*callbacks):
        return GridSearchCV(
            LSTMRegressor(callbacks=[*callbacks], **params), grid, cv=TimeSeriesSplit(2)
        ).fit(X, y)

    expected = search().cv_results_["mean_test_score"]
    np.testing.assert_array_equal(
        search(Checkpoint(tmp_path)).cv_results_["mean_test_score"], expected
    )
    assert not list(tmp_path.iterdir())


def test_within_a_forecaster(tmp_path):
    def make(*callbacks):
        network = GRURegressor(hidden_size=3, max_epochs=6, callbacks=[*callbacks], random_state=0)
        return Forecaster(network, window=6, horizon=2, season=None)

    whole = make().fit(load_airline()).predict(4)
    with pytest.raises(Killed):
        make(Checkpoint(tmp_path), KillAt(4)).fit(load_airline())
    KillAt.armed = False
    resumed = make(Checkpoint(tmp_path), KillAt(4)).fit(load_airline())
    pd.testing.assert_series_equal(resumed.predict(4), whole, check_exact=True)


def test_one_epoch_writes_nothing(windows, tmp_path):
    folder = tmp_path / "never made"
    GRURegressor(callbacks=[Checkpoint(folder)], random_state=0).partial_fit(*windows).partial_fit(
        *windows
    )
    assert not folder.exists()


def test_damaged_file_is_named(windows, tmp_path):
    params = {"max_epochs": EPOCHS, "batch_size": 256, "random_state": 0}
    model = GRURegressor(callbacks=[Checkpoint(tmp_path), KillAt(5)], **params)
    with pytest.raises(Killed):
        model.fit(*windows)
    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[:-10])
    with pytest.raises(
        ValueError, match=f"{file.name} is cut short.*Delete it: the training then begins anew"
    ):
        model.fit(*windows)
    assert not hasattr(model, "net_")


def test_bad_interval():
    with pytest.raises(ValueError, match="every=0"):
        GRURegressor(callbacks=[Checkpoint(".", every=0)], random_state=0).fit(
            np.eye(4), np.arange(4.0)
        )


def test_what_cannot_be_saved_is_named(windows, tmp_path):
    class Odd(Callback):
        def on_train_begin(self, net, X=None, y=None, **kwargs):
            self.lock_ = open  # any function

    with pytest.raises(ValueError, match=r"net\.callbacks\.Odd\.lock_ is the function"):
        GRURegressor(callbacks=[Odd(), Checkpoint(tmp_path)], max_epochs=3, random_state=0).fit(
            *windows
        )
    assert not list(tmp_path.iterdir())


def test_other_nets_have_another_checkpoint(tmp_path):
    net = NeuralNetRegressor(torch.nn.Linear, module__in_features=2, module__out_features=1)
    net.set_params(callbacks=[Checkpoint(tmp_path)], verbose=0)
    with pytest.raises(TypeError, match="skorch.callbacks.Checkpoint"):
        net.fit(np.zeros((4, 2), np.float32), np.zeros((4, 1), np.float32))


def long_training(folder, kill_at):
    def rate(epoch):
        return 0.5 if epoch in {kill_at, *"abcdef"} else 1.0

    schedule = LRScheduler(torch.optim.lr_scheduler.LambdaLR, lr_lambda=rate)
    callbacks = [Checkpoint(folder), KillAt(kill_at), schedule]
    return LSTMRegressor(
        hidden_size=8, max_epochs=20, early_stopping=False, random_state=0, callbacks=callbacks
    )


SCRIPT = """
    import os, signal, sys
    import torch
    from tests.callbacks.test_checkpoint import KillAt, load_sunspots, long_training, make_windows

    def die(callback, net, **_):
        if len(net.history) == 4:
            os.kill(os.getpid(), signal.SIGKILL)

    torch.set_num_threads(1)
    KillAt.on_epoch_begin = die
    long_training(sys.argv[1], 9).fit(*make_windows(load_sunspots(), window=12))
"""


def test_killed_process_goes_on_in_another_one(tmp_path, monkeypatch):
    root = Path(__file__).parents[2]
    command = [sys.executable, "-c", textwrap.dedent(SCRIPT), str(tmp_path / "runs")]
    environment = os.environ | {"PYTHONPATH": str(root)}
    assert subprocess.run(command, cwd=root, env=environment).returncode == -signal.SIGKILL

    begun, begin = [], KillAt.on_epoch_begin
    monkeypatch.setattr(
        KillAt,
        "on_epoch_begin",
        lambda self, net, **_: begun.append(len(net.history)) or begin(self, net),
    )
    X, y = make_windows(load_sunspots(), window=12)
    with pytest.raises(Killed):
        long_training(tmp_path / "runs", 9).fit(X, y)
    KillAt.armed = False
    resumed = long_training(tmp_path / "runs", 9).fit(X, y)
    assert begun == [4, 5, 6, 7, 8, 9, *range(9, 21)]
    whole = long_training(tmp_path / "never killed", 9).fit(X, y)
    np.testing.assert_array_equal(resumed.predict(X), whole.predict(X))
