"""The skorch net: batches, skorch's protocol, the step against a plain torch loop, prediction."""

import copy
import math
import tracemalloc

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.lib.stride_tricks import sliding_window_view
from skorch import NeuralNetRegressor
from skorch.callbacks import Callback
from skorch.dataset import Dataset
from skorch.helper import predefined_split

from seqforecast import GRURegressor, LSTMRegressor, nn
from seqforecast.callbacks import EpochBar
from seqforecast.clipping import ClipNorm
from seqforecast.training.batches import Batches, WindowDataset
from seqforecast.training.net import RecurrentNet
from seqforecast.training.scaling import NoScaling, StandardScaling, WindowScaling

HOOKS = ("on_batch_begin", "on_batch_end", "on_grad_computed")


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def data(n=64, window=6, seed=0):
    """Return windows as views of a random walk, and what followed."""
    rng = np.random.default_rng(seed)
    series = rng.normal(size=n + window).cumsum()
    return sliding_window_view(series[:-1], window), series[window:]


def fit(callbacks=None, cls=LSTMRegressor, n=64, X_val=None, y_val=None, **options):
    defaults = {"hidden_size": 4, "batch_size": 20, "max_epochs": 3, "early_stopping": False}
    model = cls(callbacks=callbacks, random_state=0, **(defaults | options))
    return model.fit(*data(n), X_val=X_val, y_val=y_val)


def of(model, kind):
    """Return the copy of a callback that the training used."""
    return next(cb for _, cb in model.net_.callbacks_ if isinstance(cb, kind))


# Batches ------------------------------------------------------------------------------------------


def batches(n=23, batch_size=5, shuffle=None, scaling=None, weight=None):
    rng = np.random.default_rng(0)
    X, y = rng.normal(5, 2, size=(n, 4, 2)), rng.normal(size=(n, 3))
    scaling = scaling or NoScaling()
    scaling.fit(X, y, None)
    dataset = WindowDataset(X, y, weight)
    return X, y, Batches(dataset, scaling, batch_size, shuffle=shuffle)


@pytest.mark.parametrize("batch_size", [1, 5, 23, 100])
def test_batches_each_epoch_is_the_permutation_the_generator_draws(batch_size):
    X, y, iterator = batches(batch_size=batch_size, shuffle=seeded(3))
    twin = seeded(3)
    before = torch.get_rng_state()
    orders = []
    for _ in range(3):
        order = torch.randperm(23, generator=twin).numpy()
        epoch = list(iterator)
        assert len(epoch) == len(iterator) == math.ceil(23 / batch_size)
        assert [len(x) for x, _ in epoch[:-1]] == [batch_size] * (len(epoch) - 1)
        assert np.array_equal(torch.cat([x for x, _ in epoch]), X[order].astype(np.float32))
        assert np.array_equal(torch.cat([t for _, t in epoch]), y[order].astype(np.float32))
        assert sorted(order) == list(range(23))
        orders.append(order.tolist())
    assert orders[0] != orders[1] != orders[2]
    assert torch.equal(torch.get_rng_state(), before)


def test_batches_without_generator_keep_the_order():
    X, _, iterator = batches()
    for _ in range(2):
        assert np.array_equal(torch.cat([x for x, _ in iterator]), X.astype(np.float32))


@pytest.mark.parametrize("shuffled", [False, True])
def test_batches_are_scaled_rows_with_their_weights(shuffled):
    weight = np.linspace(0.5, 1.5, 23)
    shuffle = seeded(3) if shuffled else None
    X, y, iterator = batches(scaling=WindowScaling(), weight=weight, shuffle=shuffle)
    order = torch.randperm(23, generator=seeded(3)).numpy() if shuffled else np.arange(23)
    level, scale = X.mean(1, keepdims=True), X.std(1, keepdims=True)
    parts = list(iterator)
    expected = ((X - level) / scale)[order].astype(np.float32)
    assert np.array_equal(torch.cat([x for x, _ in parts]), expected)
    expected = ((y - level[:, 0, :1]) / scale[:, 0, :1])[order].astype(np.float32)
    assert np.array_equal(torch.cat([t for _, (t, _) in parts]), expected)
    expected = weight[order].astype(np.float32)
    assert np.array_equal(torch.cat([w for _, (_, w) in parts]), expected)
    assert {x.dtype for x, _ in parts} == {torch.float32}


def test_batches_writing_into_one_leaves_the_data_alone():
    X, _, iterator = batches()
    before = X.copy()
    for x, target in iterator:
        x.fill_(7)
        target.fill_(7)
    assert np.array_equal(X, before)


@pytest.mark.parametrize("shuffle", [None, seeded()])
def test_batches_never_copy_the_dataset(shuffle):
    view = sliding_window_view(np.zeros(50_000), 100)[..., None]
    dataset = WindowDataset(view, np.zeros((len(view), 1)))
    iterator = Batches(dataset, NoScaling(), 64, shuffle=shuffle)
    tracemalloc.start()
    try:
        for _ in iterator:
            pass
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 1e6  # a batch takes 51 kB, all windows 40 MB


class Datasets(Callback):
    def on_train_begin(self, net, X=None, y=None, **kwargs):
        self.X_, self.y_ = X, y

    def on_epoch_end(self, net, dataset_train=None, dataset_valid=None, **kwargs):
        self.trained_, self.valid_ = dataset_train, dataset_valid


@pytest.mark.parametrize("early_stopping", [False, True])
def test_fit_trains_on_views_of_what_it_was_given(early_stopping):
    series = np.random.default_rng(0).normal(size=100)
    X = sliding_window_view(series[:-1], 6)
    model = LSTMRegressor(
        hidden_size=2, max_epochs=1, early_stopping=early_stopping, callbacks=[Datasets()]
    )
    callback = of(model.fit(X, series[6:]), Datasets)
    assert np.shares_memory(callback.trained_.X, series)
    assert np.shares_memory(callback.trained_.y, series)
    assert callback.X_ is callback.trained_.X
    assert callback.y_ is callback.trained_.y
    assert (callback.valid_ is not None) == early_stopping
    if early_stopping:
        assert np.shares_memory(callback.valid_.X, series)


# The step -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("weight_decay", [0.0, 0.3])
def test_training_equals_plain_torch_loop(weighted, weight_decay):
    X, y = data()
    X, y = X[..., None], y[:, None]
    weight = np.linspace(0.5, 1.5, 64) if weighted else None
    scaling = StandardScaling()
    scaling.fit(X, y, weight)
    module = nn.RecurrentNetwork(nn.GRU(1, 4, generator=seeded()), nn.LinearHead(4, 1))
    twin = copy.deepcopy(module)
    net = RecurrentNet(
        module,
        nn.SquaredError(),
        optimizer=torch.optim.Adam,
        scaling=scaling,
        generator=seeded(1),
        clipping=ClipNorm(0.5),
        weight_decay=weight_decay,
        lr=0.01,
        batch_size=20,
    ).initialize()
    net.train(WindowDataset(X, y, weight), epochs=3)

    (level, scale), (y_level, y_scale) = ((v.mean(), v.std()) for v in (X, y))
    if weighted:
        level = np.average(X.mean((1, 2)), weights=weight)
        scale = np.sqrt(np.average(((X - level) ** 2).mean((1, 2)), weights=weight))
        y_level = np.average(y[:, 0], weights=weight)
        y_scale = np.sqrt(np.average((y[:, 0] - y_level) ** 2, weights=weight))
    inputs = torch.tensor((X - level) / scale, dtype=torch.float32)
    targets = torch.tensor((y - y_level) / y_scale, dtype=torch.float32)
    weights = torch.tensor(weight if weighted else np.ones(64), dtype=torch.float32)
    groups = [
        {"params": [p for p in twin.parameters() if p.ndim == 2], "weight_decay": weight_decay},
        {"params": [p for p in twin.parameters() if p.ndim == 1]},
    ]
    adam, order = torch.optim.Adam(groups, lr=0.01), seeded(1)
    norms = []
    for _ in range(3):
        for rows in torch.randperm(64, generator=order).split(20):
            adam.zero_grad()
            (weights[rows, None] * (twin(inputs[rows]) - targets[rows]) ** 2).mean().backward()
            norms.append(torch.nn.utils.clip_grad_norm_(twin.parameters(), 0.5).item())
            adam.step()
    for value, expected in zip(net.module_.parameters(), twin.parameters(), strict=True):
        # torch clips to 0.5 / (norm + 1e-6), and sums the float32 losses in another order.
        torch.testing.assert_close(value, expected, rtol=0, atol=1e-5)
    last = net.history[-1]
    assert last["grad_norm"] == pytest.approx(np.mean(norms[-4:]), rel=1e-4)
    assert last["grad_norm_max"] == pytest.approx(max(norms[-4:]), rel=1e-4)
    assert last["clip_fraction"] == np.mean(np.array(norms[-4:]) > 0.5)
    assert last["skipped_steps"] == 0
    assert not net.module_.training


# skorch's protocol --------------------------------------------------------------------------------


class Protocol(Callback):
    """Write down every call."""

    def initialize(self):
        self.calls_, self.shapes_, self.gradients_, self.attached_ = [], [], [], False
        return self

    def on_train_begin(self, net, X=None, y=None, **kwargs):
        self.calls_.append("train_begin")

    def on_train_end(self, net, X=None, y=None, **kwargs):
        self.calls_.append("train_end")

    def on_epoch_begin(self, net, dataset_train=None, dataset_valid=None, **kwargs):
        self.calls_.append("epoch_begin")
        assert len(dataset_train) == 64

    def on_epoch_end(self, net, dataset_train=None, dataset_valid=None, **kwargs):
        self.calls_.append("epoch_end")
        assert len(dataset_valid) == 9

    def on_batch_begin(self, net, batch=None, training=None, **kwargs):
        self.calls_.append(f"batch_begin {training}")
        self.shapes_.append((training, *(tuple(part.shape) for part in batch)))

    def on_batch_end(self, net, batch=None, training=None, loss=None, y_pred=None, **kwargs):
        self.calls_.append(f"batch_end {training}")
        assert y_pred.shape == batch[1].shape
        self.attached_ |= y_pred.requires_grad
        assert math.isfinite(loss.item())
        assert net.history[-1, "batches", -1, f"{'train' if training else 'valid'}_loss"] == loss

    def on_grad_computed(self, net, named_parameters, batch=None, training=None, **kwargs):
        self.calls_.append("grad_computed")
        named = list(named_parameters)
        self.gradients_.append(all(p.grad is not None for _, p in named))
        assert [name for name, _ in named] == [n for n, _ in net.module_.named_parameters()]
        assert training


class PlainModule(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(6, 1)

    def forward(self, x):
        return self.linear(x)


def test_callback_is_called_as_skorch_itself_calls_it():
    X, y = data()
    X_val, y_val = data(9, seed=1)
    callback = of(fit([Protocol()], X_val=X_val, y_val=y_val), Protocol)

    plain = NeuralNetRegressor(
        PlainModule,
        callbacks=[Protocol()],
        callbacks__print_log=None,
        max_epochs=3,
        batch_size=20,
        train_split=predefined_split(
            Dataset(X_val.astype(np.float32), y_val.astype(np.float32)[:, None])
        ),
    )
    with torch.random.fork_rng(devices=[]):
        plain.fit(X.astype(np.float32), y.astype(np.float32)[:, None])
    twin = next(cb for _, cb in plain.callbacks_ if isinstance(cb, Protocol))
    assert callback.calls_ == twin.calls_
    assert callback.calls_.count("grad_computed") == 12
    assert all(callback.gradients_)
    assert not callback.attached_  # a kept forecast keeps no graph alive
    sizes = [(True, 20)] * 3 + [(True, 4), (False, 9)]
    assert callback.shapes_ == [(t, (n, 6, 1), (n, 1)) for t, n in sizes] * 3


def test_history_with_batch_hooks_has_batch_rows_that_give_the_loss():
    X_val, y_val = data(9, seed=1)
    history = fit([Protocol()], X_val=X_val, y_val=y_val).net_.history
    for row in history:
        rows = row["batches"]
        assert [b["train_batch_size"] for b in rows[:4]] == [20, 20, 20, 4]
        assert rows[4]["valid_batch_size"] == 9
        losses = [b["train_loss"] for b in rows[:4]]
        assert row["train_loss"] == pytest.approx(np.average(losses, weights=[20, 20, 20, 4]))
        assert row["valid_loss"] == rows[4]["valid_loss"]


@pytest.mark.parametrize("hook", HOOKS)
def test_history_with_one_hook_alone_has_batch_rows(hook):
    kind = type("OneHook", (Callback,), {hook: lambda *_, **__: None})
    assert [len(row["batches"]) for row in fit([kind()]).net_.history] == [4, 4, 4]


@pytest.mark.parametrize("callbacks", [None, [EpochBar()]])
def test_history_has_no_batch_rows_where_nobody_reads_them(callbacks):
    model = fit(callbacks)
    assert [row["batches"] for row in model.net_.history] == [[], [], []]
    assert len(model.history_) == 3


def test_history_has_batch_rows_for_the_callbacks_of_others():
    watching = type("Watching", (Callback,), {"on_batch_end": lambda *_, **__: None})
    native, watched = fit([Datasets()]), fit([watching()])
    for row, other in zip(native.net_.history, watched.net_.history, strict=True):
        assert [list(batch) for batch in row["batches"]] == [
            ["train_loss", "train_batch_size"] for _ in range(4)
        ]
        for batch, twin in zip(row["batches"], other["batches"], strict=True):
            assert batch == pytest.approx(twin, rel=1e-4)


@pytest.mark.parametrize("dropout", [0.0, 0.2])
def test_watching_every_batch_changes_rounding_at_most(dropout):
    X_val, y_val = data(9, seed=1)
    options = {"X_val": X_val, "y_val": y_val, "dropout": dropout, "max_epochs": 3}
    models = [fit(c, **options) for c in (None, [Protocol()])]
    # Whoever listens to batches and gradients gets torch's steps; others the native ones, whose
    # sums are rounded in another order: a few units of float32's last place, grown by Adam.
    pd.testing.assert_frame_equal(*(m.history_ for m in models), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(*(m.predict(X_val) for m in models), rtol=1e-4, atol=1e-5)


def test_valid_loss_equals_the_criterion_on_all_rows_without_dropout():
    X_val, y_val = data(300, seed=1)  # two batches of 256 and 44
    model = fit(X_val=X_val, y_val=y_val, dropout=0.5, max_epochs=1, early_stopping=True)
    units = model.net_.scaling.units(X_val[:1, :, None])
    error = (model.predict(X_val) - y_val) / units.target_scale[0, 0]
    # The forecasts are float32.
    assert model.history_["valid_loss"].iloc[0] == pytest.approx((error**2).mean(), rel=1e-5)


# Prediction ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("scaling", ["standard", "window", None])
@pytest.mark.parametrize("cls", [LSTMRegressor, GRURegressor])
def test_predict_does_not_depend_on_other_rows_in_any_bit(cls, scaling):
    model = fit(cls=cls, hidden_size=17, scaling=scaling, num_layers=2)
    X, _ = data(150, seed=1)
    together = model.predict(X)
    order = np.random.default_rng(0).permutation(150)
    assert np.array_equal(model.predict(X[order]), together[order])
    for rows in (slice(0, 1), slice(63, 66), slice(149, 150), slice(10, 120)):
        assert np.array_equal(model.predict(X[rows]), together[rows])


def test_predict_equals_the_module_in_scaled_units_and_back():
    model = fit(dropout=0.5)
    X, _ = data(70, seed=1)
    (train_X, train_y) = data()
    scaled = torch.tensor((X - train_X.mean()) / train_X.std(), dtype=torch.float32)[..., None]
    with torch.no_grad():
        raw = model.net_.module_(scaled)[:, 0].double().numpy()
    # Float32, products of another size.
    np.testing.assert_allclose(model.predict(X), raw * train_y.std() + train_y.mean(), rtol=1e-5)
