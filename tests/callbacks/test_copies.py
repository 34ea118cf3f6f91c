"""Copies of callbacks: one level deep, for a fit, a clone, a search and a pickle."""

import copy
import pickle
import threading
from functools import partial

import numpy as np
import pytest
import torch
from sklearn import config_context
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, TimeSeriesSplit
from skorch.callbacks import Callback, Checkpoint, LoadInitState

from seqforecast import Forecaster, GRURegressor, LSTMRegressor, load, save
from seqforecast.callbacks.copies import copies_for_fit, copies_of, replaced
from seqforecast.training.batches import WindowDataset

X = np.random.default_rng(0).standard_normal((60, 6)).cumsum(axis=1)
Y = X[:, -1] + X[:, 0]


class Notes(Callback):
    """Notes the epochs it sees in a list of the user, and counts those of its own."""

    def __init__(self, name="notes", book=None):
        self.name = name
        self.book = book

    def initialize(self):
        self.epochs_ = 0
        return self

    def on_epoch_end(self, net, **kwargs):
        self.epochs_ += 1
        if self.book is not None:
            self.book.append((self.name, len(net.history)))


class Writer:
    """Cannot be copied or pickled, as an open file cannot."""

    def __init__(self):
        self.lock = threading.Lock()
        self.lines = []

    def append(self, line):
        with self.lock:
            self.lines.append(line)


def small(*callbacks, **params):
    defaults = {"hidden_size": 3, "max_epochs": 2, "random_state": 0, "observe": "off"}
    return LSTMRegressor(callbacks=list(callbacks), **(defaults | params))


def used(model, place=0):
    return model.net_.copies_[place].callback


# One level deep -----------------------------------------------------------------------------------


@pytest.mark.parametrize("wrap", [lambda one: one, lambda one: ("mine", one)])
def test_fit_leaves_the_callback_as_it_was_and_shares_what_it_refers_to(wrap):
    writer = Writer()
    notes = Notes(book=writer)
    before = dict(vars(notes))
    model = small(wrap(notes)).fit(X, Y)
    assert vars(notes) == before
    assert used(model) is not notes
    assert used(model).epochs_ == 2
    assert used(model).book is writer
    assert writer.lines == [("notes", 1), ("notes", 2)]


def test_clone_shares_what_a_callback_refers_to():
    writer = Writer()
    model = small(Notes(book=writer), ("named", Notes("other")), Notes)
    twin = clone(clone(model))
    assert [type(item) for item in twin.callbacks] == [Notes, tuple, type]
    assert twin.callbacks[0] is not model.callbacks[0]
    assert twin.callbacks[0].book is writer
    assert twin.callbacks[1][0] == "named"
    assert twin.callbacks[1][1].name == "other"
    assert twin.get_params(deep=False).keys() == model.get_params(deep=False).keys()
    assert model.set_params(hidden_size=7).hidden_size != twin.hidden_size


@pytest.mark.parametrize("callbacks", [None, (), 5, [("a",)]])
def test_clone_keeps_what_is_no_list(callbacks):
    assert clone(LSTMRegressor(callbacks=callbacks)).callbacks == callbacks


def test_clone_keeps_metadata_requests():
    with config_context(enable_metadata_routing=True):
        model = small(Notes()).set_fit_request(X_val=True)
        assert clone(model)._metadata_request.fit.requests["X_val"] is True


def test_candidates_of_a_search_share_what_a_callback_refers_to():
    writer = Writer()
    search = GridSearchCV(
        small(Notes(book=writer)), {"callbacks__Notes__name": ["a", "b"]}, cv=TimeSeriesSplit(2)
    )
    search.fit(X, Y)
    # Two folds and two epochs of each candidate, and the best one once more.
    names = [name for name, _ in writer.lines]
    assert sorted(names[:8]) == ["a"] * 4 + ["b"] * 4
    assert len(names) == 10
    assert search.estimator.callbacks[0].name == "notes"


def test_forecaster_shares_what_a_callback_refers_to():
    writer = Writer()
    model = Forecaster(small(Notes(book=writer)), window=6)
    model.fit(np.sin(np.arange(80.0)))
    assert len(writer.lines) >= 2


# Callbacks that refer to each other ---------------------------------------------------------------


class Follows(Callback):
    def __init__(self, other):
        self.other = other


def test_a_copy_refers_to_the_copy_of_another_callback():
    notes = Notes()
    first, second, third = copies_of([notes, ("f", Follows(notes)), Follows(X)])
    assert second[1].other is first
    assert third.other is X


def test_replacing_a_callback_copies_those_that_refer_to_it_and_no_others():
    notes, alone = Notes(), Follows(X)
    follows = Follows(notes)
    follows_on = Follows(follows)
    new = Notes("new")
    result = replaced([notes, follows_on, alone, follows], {0: new})
    assert result[0] is new
    assert result[2] is alone
    assert result[3].other is new
    assert result[1].other is result[3]
    assert follows.other is notes
    assert follows_on.other is follows


def test_fit_lets_a_callback_refer_to_the_copy_at_work():
    notes = Notes()
    model = small(Follows(notes), notes).fit(X, Y)
    assert used(model, 0).other is used(model, 1)


# Going on -----------------------------------------------------------------------------------------


def test_what_stays_keeps_what_it_has_seen():
    book = []
    model = small(Notes("a", book), Notes("b", book), warm_start=True).fit(X, Y)
    kept, changed = used(model, 0), used(model, 1)
    model.callbacks[1].name = "c"
    model.fit(X, Y)
    assert used(model, 0) is kept
    assert kept.epochs_ == 4
    assert used(model, 1) is not changed
    assert used(model, 1).epochs_ == 2
    assert [name for name, _ in book] == list("ababacac")


def test_one_callback_given_twice_has_two_copies_that_stay():
    notes = Notes()
    model = small(("a", notes), ("b", notes), warm_start=True).fit(X, Y)
    before = used(model, 0), used(model, 1)
    model.fit(X, Y)
    assert (used(model, 0), used(model, 1)) == before
    assert [callback.epochs_ for callback in before] == [4, 4]


def test_going_on_follows_the_list_as_it_is_now():
    book = []
    model = small(Notes("a", book), warm_start=True).fit(X, Y)
    model.set_params(callbacks=[Notes("b", book)]).fit(X, Y)
    model.set_params(callbacks=None).partial_fit(X, Y)
    assert book == [("a", 1), ("a", 2), ("b", 3), ("b", 4)]
    assert model.n_iter_ == 5
    model.set_params(callbacks=[Notes("c", book)]).partial_fit(X, Y)
    assert book[4:] == [("c", 6)]


class Opens(Callback):
    """Opens a file that may not be there yet."""

    def __init__(self, path):
        self.path = path

    def initialize(self):
        self.text_ = self.path.read_text()
        return self

    def on_epoch_end(self, net, **kwargs):
        self.seen_ = self.text_


def test_a_callback_that_could_not_be_initialised_is_so_in_the_next_fit(tmp_path):
    model = small(warm_start=True).fit(X, Y).set_params(callbacks=[Opens(tmp_path / "a")])
    with pytest.raises(FileNotFoundError):
        model.fit(X, Y)
    (tmp_path / "a").write_text("here")
    assert used(model.fit(X, Y)).seen_ == "here"


def test_going_on_prints_as_verbose_says_now(capsys):
    model = small(warm_start=True).fit(X, Y)
    assert capsys.readouterr().out == ""
    model.set_params(verbose=1).fit(X, Y)
    assert len(capsys.readouterr().out.splitlines()) == 3
    model.set_params(verbose=0).partial_fit(X, Y)
    assert capsys.readouterr().out == ""


def test_a_changed_callback_is_followed_by_what_refers_to_it():
    notes = Notes()
    follows = Follows(notes)
    before = copies_for_fit([notes, follows], ())
    notes.name = "changed"
    after = copies_for_fit([notes, follows], before)
    assert after[0].callback is not before[0].callback
    assert after[1].callback is before[1].callback
    assert after[1].callback.other is after[0].callback


@pytest.mark.parametrize("way", ["pickle", "deepcopy", "copy"])
def test_copies_of_an_estimator_know_their_callbacks_again(way):
    ways = {
        "pickle": lambda model: pickle.loads(pickle.dumps(model)),
        "deepcopy": copy.deepcopy,
        "copy": copy.copy,
    }
    notes = Notes()
    notes.patience = 0.25  # a pickle keeps no identity of numbers
    model = ways[way](small(notes, warm_start=True).fit(X, Y))
    assert "_named" not in vars(model)
    kept = used(model)
    assert model.net_.copies_[0].given is model.callbacks[0]
    assert used(model.fit(X, Y)) is kept
    assert kept.epochs_ == 4


def test_saved_estimators_go_on_with_what_their_callbacks_have_seen(tmp_path):
    save(small(warm_start=True).fit(X, Y), tmp_path / "a.safetensors")
    model = load(tmp_path / "a.safetensors").set_params(callbacks=[Notes()])
    assert used(model.fit(X, Y)).epochs_ == 2


# A pickle -----------------------------------------------------------------------------------------


def test_workers_name_the_callback_that_has_no_pickle():
    search = GridSearchCV(
        small(Notes(), ("log", Notes(book=Writer()))),
        {"lr": [0.1]},
        cv=TimeSeriesSplit(2),
        n_jobs=2,
    )
    with pytest.raises(pickle.PicklingError) as caught:
        search.fit(X, Y)
    assert "the callback Notes has no pickle (cannot pickle '_thread.lock'" in str(
        caught.value.__cause__
    )


def test_pickle_names_the_callback_that_has_none():
    model = small(Follows(Writer()))
    with pytest.raises(pickle.PicklingError, match=r"Follows has no pickle .*Use n_jobs=1"):
        pickle.dumps(model)
    assert copy.copy(model).callbacks == model.callbacks


# A net that trains --------------------------------------------------------------------------------


class Snapshots(Callback):
    """Copies the net in the middle of a training, in both ways."""

    def on_epoch_end(self, net, **kwargs):
        if len(net.history) == 2:
            self.copies_ = [copy.deepcopy(net), pickle.loads(pickle.dumps(net))]
            self.weights_ = {k: v.clone() for k, v in net.module_.state_dict().items()}

    def __getstate__(self):
        return {}


class Everywhere(Callback):
    """Pickles the net wherever it is told of something."""

    def on_train_begin(self, net, **kwargs):
        self.nets_ = [pickle.loads(pickle.dumps(net))]

    def on_epoch_begin(self, net, **kwargs):
        self.nets_.append(copy.deepcopy(net))

    on_epoch_end = on_train_end = on_batch_end = on_epoch_begin

    def __getstate__(self):
        return {}


def test_a_net_can_be_copied_at_any_moment_of_a_training():
    nets = used(small(Everywhere()).fit(X, Y)).nets_
    assert len(nets) == 1 + 2 * (1 + 2 + 1) + 1
    for net in nets:
        assert len(net.callbacks_) == 2
        assert np.isfinite(net.predict(X[..., None])).all()
    assert [len(net.history) for net in nets] == [0, 1, 1, 1, 1, 2, 2, 2, 2, 2]


@pytest.mark.parametrize("schedule", [None, "cosine"])
@pytest.mark.parametrize("listens", [False, True])
def test_a_net_that_trains_can_be_copied_and_pickled(schedule, listens):
    kind = type("Listens", (Snapshots,), {"on_batch_end": lambda *_, **__: None})
    globals()["Listens"] = kind  # where a pickle looks for it
    kind.__module__ = __name__
    callback = (kind if listens else Snapshots)()
    model = small(callback, max_epochs=4, lr_schedule=schedule).fit(X, Y)
    windows = X[..., None]
    two = small((kind if listens else Snapshots)(), max_epochs=2).fit(X, Y)
    for net in used(model).copies_:
        assert not hasattr(net, "_run")
        assert len(net.history) == 2
        assert [name for name, _ in net.callbacks_] == ["gradient_flow", type(callback).__name__]
        for name, value in net.module_.state_dict().items():
            np.testing.assert_array_equal(value, used(model).weights_[name])
        assert not any(
            np.shares_memory(p, q)
            for p, q in zip(
                net.module_.state_dict().values(),
                model.net_.module_.state_dict().values(),
                strict=True,
            )
        )
        if schedule is None:
            np.testing.assert_array_equal(net.forecast(windows)[:, 0], two.predict(X))
    assert model.n_iter_ == 4


class Sizes(Callback):
    def on_epoch_end(self, net, **kwargs):
        self.size_ = len(pickle.dumps(net))


def test_a_copy_of_a_training_net_holds_each_weight_once():
    # Native steps keep all weights in one buffer, of which each would carry the whole.
    native, torch_ = (
        small(Sizes(), hidden_size=32, max_epochs=1, optimizer=kind).fit(X, Y)
        for kind in ("adam", partial(torch.optim.Adam, amsgrad=True))
    )
    assert used(native).size_ < used(torch_).size_  # which has one more moment of each weight


def test_a_copy_of_a_training_net_trains_on_by_itself():
    model = small(Snapshots(), max_epochs=4).fit(X, Y)
    before = {k: v.clone() for k, v in model.net_.module_.state_dict().items()}
    net = used(model).copies_[0]
    net.train(WindowDataset(X[..., None], Y[:, None]), epochs=1)
    assert len(net.history) == 3
    for name, value in model.net_.module_.state_dict().items():
        np.testing.assert_array_equal(value, before[name])


def test_checkpoint_and_what_loads_it_find_each_other(tmp_path):
    first = Checkpoint(monitor=None, dirname=str(tmp_path))
    model = GRURegressor(hidden_size=3, max_epochs=2, random_state=0, callbacks=[first])
    model.fit(X, Y)
    model.set_params(callbacks=[first, LoadInitState(first)]).fit(X, Y)
    assert model.n_iter_ == 4
