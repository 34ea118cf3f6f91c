"""What a training in native steps leaves behind, and what others see of it on the way."""

import copy
import math
import pickle
import warnings
from concurrent.futures import ThreadPoolExecutor

import joblib
import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from skorch.callbacks import Callback

from seqforecast import DivergenceError, GRURegressor, LSTMRegressor, RNNRegressor, _kernels
from seqforecast.training.native_step import NativeStep

native = pytest.importorskip("seqforecast._native", exc_type=ImportError)

WINDOW = 6


@pytest.fixture(autouse=True)
def kernels(monkeypatch):
    """Our kernels at work, whatever the environment says; the number of threads comes back."""
    if _kernels.VARIANT is None:
        monkeypatch.setattr(_kernels, "NATIVE", native)
        monkeypatch.setattr(_kernels, "VARIANT", native.variants()[0])
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture(params=["step", "update"])
def part(request, monkeypatch):
    """Whole steps in native code, or the update alone."""
    if request.param == "update":
        monkeypatch.setattr(NativeStep, "fits", lambda *_: False)


def data(n=53, window=WINDOW, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(3, 2, size=(n, window))
    return X, X[:, ::3].sum(1) + 0.1 * rng.normal(size=n)


def make(cls=LSTMRegressor, callbacks=None, **options):
    defaults = {"hidden_size": 5, "batch_size": 10, "max_epochs": 3, "early_stopping": False}
    return cls(callbacks=callbacks, random_state=0, **(defaults | options))


def with_torch(act):
    """Call a function while torch's kernels take the steps."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_kernels, "VARIANT", None)
        return act()


def both(act):
    """Return what a function gives with our kernels and with torch's."""
    return act(), with_torch(act)


def assert_same(first, second, tolerance=1e-4):
    """Compare two fits; float32's rounding, grown by Adam, which divides by small gradients."""
    X, _ = data(20, seed=3)
    limits = {"rtol": tolerance, "atol": tolerance}
    np.testing.assert_allclose(first.predict(X), second.predict(X), **limits)
    np.testing.assert_allclose(first.history_, second.history_, **limits)


def assert_identical(first, second):
    X, _ = data(20, window=first.window_, seed=3)
    assert np.array_equal(first.predict(X), second.predict(X))
    assert first.history_.equals(second.history_)


def listener(**hooks):
    """Return a callback with the given hooks, which are called with the net alone."""

    def method(hook):
        return lambda _self, net, *_, **__: hook(net)

    return type("Listener", (Callback,), {name: method(h) for name, h in hooks.items()})()


def tensors_of(net):
    """List parameters, gradients and moments."""
    found = []
    for p in net.module_.parameters():
        state = net.optimizer_.state[p]
        found += [p.data, p.grad, state["exp_avg"], state["exp_avg_sq"], state["step"]]
    return found


# Memory -------------------------------------------------------------------------------------------


def assert_own_memory(tensors):
    assert all(t is not None for t in tensors)
    storages = [t.untyped_storage() for t in tensors]
    assert len({s.data_ptr() for s in storages}) == len(tensors)
    assert [s.nbytes() for s in storages] == [t.numel() * t.element_size() for t in tensors]
    assert all(t.storage_offset() == 0 and t.is_contiguous() for t in tensors)


@pytest.mark.usefixtures("part")
def test_tensors_have_memory_of_their_own_afterwards():
    model = make(num_layers=2).fit(*data())
    assert_own_memory(tensors_of(model.net_))


@pytest.mark.usefixtures("part")
@pytest.mark.parametrize("how", ["interrupt", "error", "max_steps", "early_stopping"])
def test_tensors_have_memory_of_their_own_whatever_ends_the_training(how):
    seen = []

    def end(net):
        seen[:] = [net]
        if len(net.history) == 2 and how in ("interrupt", "error"):
            raise {"interrupt": KeyboardInterrupt, "error": ZeroDivisionError}[how]

    options = {"max_steps": {"max_steps": 3}, "early_stopping": {"early_stopping": True}}
    model = make(callbacks=[listener(on_epoch_end=end)], **options.get(how, {}))
    if how == "error":
        with pytest.raises(ZeroDivisionError):
            model.fit(*data())
    else:
        model.fit(*data())
    assert_own_memory(tensors_of(seen[0]))


@pytest.mark.usefixtures("part")
def test_gradient_that_is_left_is_that_of_torch():
    ours, theirs = both(lambda: make(gradient_clipping=0.05, max_epochs=1).fit(*data()))
    for p, q in zip(ours.net_.module_.parameters(), theirs.net_.module_.parameters(), strict=True):
        np.testing.assert_allclose(p.grad, q.grad, rtol=1e-3, atol=1e-6)


@pytest.mark.usefixtures("part")
def test_optimizer_tells_the_steps_after_every_epoch():
    seen = []

    def look(net):
        states = [net.optimizer_.state[p] for p in net.module_.parameters()]
        steps = {float(s["step"]) for s in states}
        seen.append((steps, [float(s["exp_avg"].abs().sum()) for s in states]))

    ours = make(callbacks=[listener(on_epoch_end=look)]).fit(*data())
    of_ours = seen.copy()
    seen.clear()
    with_torch(lambda: make(callbacks=[listener(on_epoch_end=look)]).fit(*data()))
    assert [steps for steps, _ in of_ours] == [{6.0}, {12.0}, {18.0}]
    for (steps, moments), (others, expected) in zip(of_ours, seen, strict=True):
        assert steps == others
        np.testing.assert_allclose(moments, expected, rtol=1e-3)
    state = ours.net_.optimizer_.state_dict()["state"]
    assert {float(s["step"]) for s in state.values()} == {18.0}
    assert {s["step"].dtype for s in state.values()} == {torch.float32}
    assert {s["step"].shape for s in state.values()} == {()}


# Going on -----------------------------------------------------------------------------------------


@pytest.mark.usefixtures("part")
def test_warm_start_and_partial_fit_go_on_as_with_torch():
    def train():
        model = make(warm_start=True, max_epochs=2, weight_decay=0.1)
        for seed in range(2):
            model.fit(*data(seed=seed))
        return model.partial_fit(*data(27, seed=2)).partial_fit(*data(8, seed=3))

    ours, theirs = both(train)
    assert_same(ours, theirs)
    for mine, other in zip(tensors_of(ours.net_), tensors_of(theirs.net_), strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-3, atol=1e-5)


@pytest.mark.usefixtures("part")
def test_native_and_torch_steps_take_turns_on_one_optimizer():
    expected = make()
    mixed = make()
    for seed in range(4):
        with_torch(lambda seed=seed: expected.partial_fit(*data(seed=seed)))
        if seed % 2:
            with_torch(lambda seed=seed: mixed.partial_fit(*data(seed=seed)))
        else:
            mixed.partial_fit(*data(seed=seed))
    assert_same(mixed, expected)


@pytest.mark.usefixtures("part")
def test_two_trainings_that_take_turns_do_not_mix():
    alone = [make(cls) for cls in (LSTMRegressor, GRURegressor)]
    for model in alone:
        for seed in range(3):
            model.partial_fit(*data(seed=seed))
    turns = [make(cls) for cls in (LSTMRegressor, GRURegressor)]
    for seed in range(3):
        for model in turns:
            model.partial_fit(*data(seed=seed))
    for first, second in zip(alone, turns, strict=True):
        assert_identical(first, second)


@pytest.mark.usefixtures("part")
def test_training_within_a_callback_of_another_one_does_not_mix():
    inner = []
    outer = make(
        GRURegressor,
        callbacks=[listener(on_epoch_end=lambda _: inner.append(make().fit(*data(seed=5))))],
    )
    outer.fit(*data())
    assert_identical(outer, make(GRURegressor).fit(*data()))
    for model in inner:
        assert_identical(model, make().fit(*data(seed=5)))


# Copies -------------------------------------------------------------------------------------------


def pickled(value):
    return pickle.loads(pickle.dumps(value))


@pytest.mark.usefixtures("part")
@pytest.mark.parametrize("copied", [pickled, copy.deepcopy])
def test_copy_goes_on_by_itself(copied):
    model = make().fit(*data())
    twin = copied(model)
    assert_identical(twin, model)
    before = [t.clone() for t in tensors_of(model.net_)]
    twin.partial_fit(*data(seed=1))
    assert all(map(torch.equal, tensors_of(model.net_), before))
    assert_identical(twin, model.partial_fit(*data(seed=1)))


@pytest.mark.usefixtures("part")
def test_clone_fits_anew():
    model = make().fit(*data())
    assert_identical(clone(model).fit(*data()), model)


class Copies(Callback):
    """Copy a net in the middle of training."""

    def on_epoch_end(self, net, **kwargs):
        if len(net.history) == 2:
            self.weights_ = {k: v.clone() for k, v in net.module_.state_dict().items()}
            twin = copy.deepcopy(net)
            self.copies_ = [
                (twin.module_, twin.optimizer_),
                copy.deepcopy((net.module_, net.optimizer_)),
                pickled((net.module_, net.optimizer_)),
            ]


@pytest.mark.parametrize("which", [0, 1, 2], ids=["net", "module", "pickle"])
@pytest.mark.usefixtures("part")
def test_net_that_is_copied_on_the_way_stays_where_it_was(which):
    model = make(callbacks=[Copies()], max_epochs=4).fit(*data())
    kept = next(cb for _, cb in model.net_.callbacks_ if isinstance(cb, Copies))
    assert_same(model, with_torch(lambda: make(max_epochs=4).fit(*data())))
    module, optimizer = kept.copies_[which]
    assert all(torch.equal(v, kept.weights_[k]) for k, v in module.state_dict().items())
    # The copy's optimizer knows its steps, and moves the copy's parameters alone.
    owned = [p for group in optimizer.param_groups for p in group["params"]]
    assert {id(p) for p in owned} == {id(p) for p in module.parameters()}
    assert {float(optimizer.state[p]["step"]) for p in owned} == {12.0}
    before = [t.clone() for t in tensors_of(model.net_)]
    module(torch.ones(2, WINDOW, 1)).sum().backward()
    optimizer.step()
    assert all(not torch.equal(v, kept.weights_[k]) for k, v in module.state_dict().items())
    assert all(map(torch.equal, tensors_of(model.net_), before))


@pytest.mark.usefixtures("part")
def test_files_written_on_the_way_hold_what_torch_would_write(tmp_path):
    files = [tmp_path / name for name in ("params.pt", "optimizer.pt")]

    def save(net):
        net.save_params(f_params=files[0], f_optimizer=files[1])

    def train():
        model = make(callbacks=[listener(on_epoch_end=save)]).fit(*data())
        size = files[0].stat().st_size
        return model, size, *(torch.load(file, weights_only=True) for file in files)

    (ours, size, params, optimizer), (_, other_size, other_params, other_optimizer) = both(train)
    assert size < 1.5 * other_size  # not every buffer with every tensor
    for name, value in ours.net_.module_.state_dict().items():
        assert torch.equal(params[name], value)
        np.testing.assert_allclose(value, other_params[name], rtol=1e-3, atol=1e-5)
    assert optimizer["param_groups"] == other_optimizer["param_groups"]
    assert {float(s["step"]) for s in optimizer["state"].values()} == {18.0}
    loaded = torch.optim.Adam([torch.zeros_like(p) for p in ours.net_.module_.parameters()])
    loaded.load_state_dict(optimizer)


# Endings ------------------------------------------------------------------------------------------


class Weights(Callback):
    """Keep the weights after every epoch."""

    def initialize(self):
        self.all_ = []
        return self

    def on_epoch_end(self, net, **kwargs):
        self.all_.append({k: v.clone() for k, v in net.module_.state_dict().items()})


@pytest.mark.usefixtures("part")
def test_early_stopping_brings_the_best_weights_back():
    X, y = data(200)

    def train():
        model = make(
            callbacks=[Weights()], early_stopping=True, max_epochs=30, n_iter_no_change=3, lr=0.1
        )
        return model.fit(X, y)

    ours, theirs = both(train)
    assert ours.n_iter_ == theirs.n_iter_ < 30
    assert_same(ours, theirs, 1e-2)  # large steps, so that there is something to stop
    kept = next(cb for _, cb in ours.net_.callbacks_ if isinstance(cb, Weights))
    best = int(ours.history_["valid_loss"].argmin())
    assert best < ours.n_iter_ - 1
    assert all(
        torch.equal(v, kept.all_[best][k]) for k, v in ours.net_.module_.state_dict().items()
    )


class Spoil(Callback):
    """Overwrite a weight of the head in the third epoch."""

    def __init__(self, value=math.nan):
        self.value = value

    def on_epoch_begin(self, net, **kwargs):
        if len(net.history) == 3:
            with torch.no_grad():
                net.module_.head.linear.weight[0, 0] = self.value


@pytest.mark.usefixtures("part")
@pytest.mark.parametrize("value", [math.nan, 1e30])
def test_divergence_is_told_in_the_same_words_and_good_weights_stay(value):
    def train():
        kept = Weights()
        nets = []
        watch = listener(on_train_begin=nets.append)
        model = make(callbacks=[kept, Spoil(value), watch], early_stopping=True, max_epochs=9)
        with pytest.raises(DivergenceError) as raised:
            model.fit(*data())
        return str(raised.value), raised.value.step, nets[0]

    (text, step, net), (other_text, other_step, other) = both(train)
    assert text == other_text
    assert step == other_step
    assert_own_memory([p.data for p in net.module_.parameters()])
    for name, value in net.module_.state_dict().items():
        assert value.isfinite().all()
        np.testing.assert_allclose(value, other.module_.state_dict()[name], rtol=1e-3, atol=1e-5)
    last, expected = net.history[-1], other.history[-1]
    assert last["skipped_steps"] == expected["skipped_steps"] == 3
    assert [p.grad for p in net.module_.parameters()] == [None] * len(tensors_of(net)[::5])


@pytest.mark.usefixtures("part")
def test_steps_are_skipped_and_counted_as_with_torch():
    X, y = data()
    X, X_val = X.copy(), X[:5]
    X[7] = 1e25  # its window alone is beyond float32 in the square

    def train():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return make(scaling=None).fit(X, 1e25 * (X[:, 0] > 1e20) + y)

    ours, theirs = both(train)
    assert ours.history_["skipped_steps"].tolist() == [1, 1, 1]
    steps = {float(s["step"]) for s in ours.net_.optimizer_.state.values()}
    assert steps == {15.0}
    np.testing.assert_allclose(ours.predict(X_val), theirs.predict(X_val), rtol=1e-4)


# Side by side -------------------------------------------------------------------------------------

# Two threads have work here: 5e7 multiplications and additions forward for one gate.
# LAPACK finds other orthogonal matrices with two threads; torch draws the same ones.
LARGE = {"hidden_size": 64, "batch_size": 128, "max_epochs": 1, "recurrent_init": None}


def large(cls=GRURegressor):
    return make(cls, **LARGE).fit(*data(300, window=48))


@pytest.mark.parametrize("cls", [RNNRegressor, LSTMRegressor, GRURegressor])
def test_threads_do_not_change_a_bit(cls):
    torch.set_num_threads(1)
    alone = large(cls)
    torch.set_num_threads(2)
    for _ in range(2):
        assert_identical(large(cls), alone)


@pytest.mark.usefixtures("part")
def test_fits_in_a_pool_of_threads_equal_those_one_after_the_other():
    tasks = [(cls, seed) for seed in range(3) for cls in (LSTMRegressor, GRURegressor)]

    def run(task):
        return make(task[0]).fit(*data(seed=task[1]))

    expected = [run(task) for task in tasks]
    with ThreadPoolExecutor(4) as pool:
        for found, other in zip(pool.map(run, tasks), expected, strict=True):
            assert_identical(found, other)


@pytest.mark.slow
def test_workers_of_joblib_with_one_thread_give_the_same_bits():
    X, y = data(300, window=48)
    results = []
    for n_jobs in (1, 2):
        torch.set_num_threads(2)
        search = GridSearchCV(make(**LARGE), {"hidden_size": [3, 64]}, cv=2, n_jobs=n_jobs)
        with joblib.parallel_config("loky", inner_max_num_threads=1):
            results.append(search.fit(X, y).cv_results_["mean_test_score"].tolist())
    assert results[0] == results[1]
