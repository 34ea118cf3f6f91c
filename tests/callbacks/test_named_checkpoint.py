"""A checkpoint under a name that the user gives is that file, and nothing else decides."""

import shutil

import numpy as np
import pandas as pd
import pytest
from skorch.callbacks import Callback, LRScheduler

from seqforecast import GRURegressor, LSTMRegressor, RNNRegressor, make_windows
from seqforecast.callbacks import Checkpoint
from seqforecast.datasets import load_airline

X, Y = make_windows(load_airline(), window=6)
NAME = "my training.v1"


class Killed(Exception):
    pass


class At(Callback):
    """Call a function as an epoch begins; by itself it kills the training."""

    def __init__(self, epoch, act=None):
        self.epoch = epoch
        self.act = act

    def on_epoch_begin(self, net, **kwargs):
        if len(net.history) == self.epoch:
            if self.act is None:
                raise Killed
            self.act()


def small(*callbacks, kind=GRURegressor, **params):
    given = {"hidden_size": 3, "max_epochs": 6, "dropout": 0.2, "num_layers": 2, "random_state": 0}
    return kind(callbacks=[*callbacks], **given | params)


def kill(folder, *, at=5, **params):
    with pytest.raises(Killed):
        small(Checkpoint(folder, name=NAME), At(at), **params).fit(X, Y)


def resumed(folder, y=Y, **params):
    return small(Checkpoint(folder, name=NAME), **params).fit(X, y)


def assert_same(a, b):
    np.testing.assert_array_equal(a.predict(X), b.predict(X))
    pd.testing.assert_frame_equal(a.history_, b.history_, check_exact=True)


def test_the_name_is_that_of_the_file(tmp_path):
    kill(tmp_path / "runs")
    assert [path.name for path in tmp_path.rglob("*")] == ["runs", NAME]
    assert_same(resumed(tmp_path / "runs"), small().fit(X, Y))
    assert not list((tmp_path / "runs").iterdir())


def test_without_random_state_the_generators_are_in_the_file(tmp_path):
    kill(tmp_path)
    assert_same(resumed(tmp_path, random_state=None), small().fit(X, Y))
    kill(tmp_path, random_state=None)
    shutil.copytree(tmp_path, tmp_path / "copy")
    first, second = (resumed(folder, random_state=None) for folder in (tmp_path, tmp_path / "copy"))
    assert_same(first, second)


def test_it_goes_on_for_more_epochs(tmp_path):
    kill(tmp_path, at=6)
    assert_same(resumed(tmp_path, max_epochs=8), small(max_epochs=8).fit(X, Y))


def test_other_data_and_parameters_are_taken_up(tmp_path):
    kill(tmp_path)
    given = {"lr": 0.5, "batch_size": 70, "gradient_clipping": 1e-9}
    model = resumed(tmp_path, y=Y[::-1].copy(), max_epochs=12, **given)
    assert model.n_iter_ == 12
    before, after = small(max_epochs=4).fit(X, Y).history_, model.history_
    pd.testing.assert_frame_equal(after[:4], before, check_exact=True)
    np.testing.assert_allclose(after["lr"][4:], 0.5)
    assert set(after["clip_fraction"][4:]) == {1.0}
    assert model.net_.history[-1, "train_batch_count"] == 2


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"max_epochs": 3}, r"done 4 epochs \(20 steps\), and .* ask for 3 \(15\); raise them"),
        ({"max_epochs": 4}, r"ask for 4 \(20\); raise them to go on. Delete it, or give Checkp"),
        ({"max_steps": 20}, r"ask for 4 \(20\); raise"),
    ],
)
def test_one_that_has_come_further_is_refused(given, message, tmp_path):
    kill(tmp_path)
    model = small(**given, warm_start=True).fit(X, Y)
    before, moments = model.predict(X), model.net_.optimizer_.state_dict()["state"][0]["step"]
    model.set_params(callbacks=[Checkpoint(tmp_path, name=NAME)])
    model.net_.callbacks_.append(("checkpoint", Checkpoint(tmp_path, name=NAME)))
    with pytest.raises(ValueError, match=message):
        model.fit(X, Y)
    assert (tmp_path / NAME).exists()
    np.testing.assert_array_equal(model.predict(X), before)
    assert model.net_.optimizer_.state_dict()["state"][0]["step"] == moments
    assert resumed(tmp_path, max_epochs=7).n_iter_ == 7  # as it advises


@pytest.mark.parametrize(
    ("killed", "given", "message"),
    [
        ({}, {"hidden_size": 4}, "it is of a network with hidden_size=3, not 4"),
        ({}, {"num_layers": 1}, "num_layers=2, not 1"),
        ({}, {"loss": "quantile"}, "outputs=1, not 3"),
        ({}, {"kind": LSTMRegressor}, "a network with cell='gru', not 'lstm'"),
        (
            {"kind": RNNRegressor},
            {"kind": RNNRegressor, "nonlinearity": "relu"},
            "cell='tanh', not 'relu'",
        ),
        ({}, {"optimizer": "rmsprop"}, "optimizer='Adam', not 'RMSprop'"),
        ({}, {"scaling": "window"}, "scaling='StandardScaling', not 'WindowScaling'"),
        ({}, {"loss": "huber"}, "loss='SquaredError', not 'Huber'"),
    ],
)
def test_one_of_another_network_is_refused(killed, given, message, tmp_path):
    kill(tmp_path, **killed)
    message = f"{NAME} cannot be taken up: .*{message}.*Delete it, or give Checkpoint another name:"
    with pytest.raises(ValueError, match=message):
        resumed(tmp_path, **given)
    assert (tmp_path / NAME).exists()


def test_a_foreign_file_of_that_name_stays(tmp_path):
    (tmp_path / NAME).write_text("my thesis")
    with pytest.raises(ValueError, match="is no file of seqforecast.*or give Checkpoint another"):
        resumed(tmp_path)
    assert (tmp_path / NAME).read_text() == "my thesis"


@pytest.mark.parametrize("epoch", [1, 3])
def test_another_fit_under_the_name_at_the_same_time_is_refused(epoch, tmp_path):
    def of_another_fit():
        with pytest.raises(Killed):
            small(Checkpoint(tmp_path, name=NAME), At(epoch + 2)).fit(X, Y)

    checkpoint = Checkpoint(tmp_path, every=2, name=NAME)
    message = "written by another fit since this one began; .* Give Checkpoint another name than"
    with pytest.raises(ValueError, match=message):
        small(checkpoint, At(epoch, of_another_fit)).fit(X, Y)


def test_the_file_of_another_fit_is_not_removed(tmp_path):
    model = small(Checkpoint(tmp_path, every=9, name=NAME), At(3, lambda: kill(tmp_path)))
    assert model.fit(X, Y).n_iter_ == 6
    assert (tmp_path / NAME).exists()
    assert resumed(tmp_path).n_iter_ == 6
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "/a", "a\\b", "a\0", 3, b"a"])
def test_a_name_that_is_none_is_refused(name, tmp_path):
    with pytest.raises(ValueError, match=r"^Checkpoint\(name=.*; the name of a file, without a f"):
        small(Checkpoint(tmp_path, name=name)).fit(X, Y)
    assert not list(tmp_path.iterdir())


def test_early_stopping_may_begin_where_there_was_no_validation(tmp_path):
    kill(tmp_path, early_stopping=False)
    model = resumed(tmp_path, early_stopping=True, n_iter_no_change=2)
    assert model.history_["valid_loss"].notna().tolist() == [False] * 4 + [True] * 2


def test_another_weight_decay_is_refused_by_its_name(tmp_path):
    kill(tmp_path, weight_decay=0.2)
    with pytest.raises(ValueError, match="of a network with weight_decay=0.2, not 0.1"):
        resumed(tmp_path, weight_decay=0.1)
    assert_same(resumed(tmp_path, weight_decay=0.2), small(weight_decay=0.2).fit(X, Y))


def constant(epoch):  # noqa: ARG001
    return 1.0


def test_a_scheduler_goes_on_from_the_rate_of_the_fit(tmp_path):
    def schedule():
        return LRScheduler("LambdaLR", lr_lambda=constant)

    with pytest.raises(Killed):
        small(schedule(), Checkpoint(tmp_path, name=NAME), At(5), lr=0.01).fit(X, Y)
    model = small(schedule(), Checkpoint(tmp_path, name=NAME), lr=0.001).fit(X, Y)
    assert model.history_["lr"].tolist() == [0.01] * 4 + [0.001] * 2
