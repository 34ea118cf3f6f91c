"""GradientFlowRecorder on nets as users write them."""

import copy
import json
import math
import pickle

import numpy as np
import pytest
import torch
from numpy.lib.stride_tricks import sliding_window_view
from sklearn.base import clone
from skorch import NeuralNetRegressor
from skorch.callbacks import Callback, EarlyStopping
from skorch.utils import noop

from seqforecast.callbacks import GradientFlowRecorder
from seqforecast.gradients.gradient_flow import take_snapshot

WINDOW, ROWS = 6, 40


class Network(torch.nn.Module):
    """What a user writes; `form` is what it returns."""

    def __init__(self, form="last", layer=torch.nn.LSTM, dropout=0.0):
        super().__init__()
        self.form = form
        self.recurrent = layer(2, 4, num_layers=2, dropout=dropout, batch_first=True)
        self.dropout = torch.nn.Dropout(dropout)
        self.head = torch.nn.Linear(4, 3)

    def forward(self, x):
        every = self.head(self.dropout(self.recurrent(x)[0]))
        last = every[:, -1]
        return {
            "last": last,
            "flat": last[:, 0],
            "every": every,
            "tuple": (last, every.mean()),
            "tuple of every": (every, last),
        }[self.form]


class Loss(torch.nn.MSELoss):
    """Compare the last step, of a tuple's first."""

    def forward(self, prediction, target):
        prediction = prediction[0] if isinstance(prediction, tuple) else prediction
        prediction = prediction[:, -1] if prediction.ndim == 3 else prediction
        target = target[:, 0] if prediction.ndim == 1 else target
        return super().forward(prediction, target)


class OfTuple(NeuralNetRegressor):
    def get_loss(self, y_pred, y_true, *args, **kwargs):
        return self.criterion_(y_pred, y_true)


def data():
    rng = np.random.default_rng(0)
    series = rng.normal(size=(ROWS + WINDOW, 2)).cumsum(0).astype(np.float32)
    X = sliding_window_view(series[:-1], WINDOW, axis=0).swapaxes(1, 2).copy()
    return X, rng.normal(size=(ROWS, 3)).astype(np.float32)


def net_with(*callbacks, **options):
    options = {"max_epochs": 4, "lr": 0.05, "batch_size": 16, "train_split": None, **options}
    return OfTuple(Network, criterion=Loss, callbacks=list(callbacks), verbose=0, **options)


def fitted(*callbacks, seed=0, **options):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return net_with(*callbacks, **options).fit(*data())


def probe_windows():
    return torch.from_numpy(data()[0][[round(k * (ROWS - 1) / 15) for k in range(16)]])


def is_of(flow, record, module):
    """Tell whether a record of a flow is that of a module's weights."""
    with torch.random.fork_rng(devices=[]):
        shot, _ = take_snapshot(module, lambda: module(probe_windows()), epoch=0)
    found = np.log10(flow.scale[record, :, None] * flow.lag_curve[record])
    return np.allclose(found, shot.log10_curve, rtol=0, atol=1e-12)  # a step changes more


# What is recorded ---------------------------------------------------------------------------------


@pytest.mark.parametrize("layer", [torch.nn.LSTM, torch.nn.GRU, torch.nn.RNN])
@pytest.mark.parametrize("form", ["last", "flat", "every", "tuple", "tuple of every"])
def test_flow_is_of_the_forecast_from_the_last_step(form, layer):
    recorder = GradientFlowRecorder()
    net = fitted(recorder, module__form=form, module__layer=layer)
    n_outputs = 1 if form == "flat" else 3
    flow = recorder.flow_
    assert flow.lag_curve.shape == (5, 2, WINDOW)
    assert flow.input_sensitivity.shape == (n_outputs, WINDOW, 2)
    leaf, module = probe_windows().requires_grad_(), net.module_.eval()
    module.form = "last"
    forecast = module(leaf)
    for j in range(n_outputs):
        (gradient,) = torch.autograd.grad(forecast[:, j].sum(), leaf, retain_graph=True)
        expected = gradient.abs().mean(0).flip(0).numpy()
        np.testing.assert_allclose(flow.input_sensitivity[j], expected, rtol=1e-4, atol=1e-6)


SCHEDULES = {
    (1, 4): [0, 1, 2, 3, 4],
    (3, 7): [0, 3, 6, 7],
    (3, 6): [0, 3, 6],
    (3, 1): [0, 1],
    (100, 4): [0, 4],
    ("auto", 8): [0, 1, 2, 3, 5, 8],
    ("auto", 15): [0, 1, 2, 3, 5, 8, 13, 15],
}


@pytest.mark.parametrize(("every", "epochs"), SCHEDULES)
def test_schedule_of_the_records_and_the_column_of_the_history(every, epochs):
    recorder = GradientFlowRecorder(every)
    net = fitted(recorder, max_epochs=epochs)
    expected = SCHEDULES[every, epochs]
    assert recorder.flow_.epochs.tolist() == expected
    column = net.history[:, "effective_memory"]
    assert len(column) == epochs
    assert "effective_memory" not in net.history[:, "batches"][0][0]
    due = {e for e in expected if every == "auto" or e % every == 0}
    if every == "auto":
        due &= {1, 2, 3, 5, 8, 13}
    for row, memory in enumerate(column, start=1):
        assert isinstance(memory, float)
        if row in due:
            assert memory == recorder.flow_.effective_memory[expected.index(row), 0]
        else:
            assert math.isnan(memory)
    json.dumps(net.history.to_list())


def test_every_none_records_nothing():
    recorder = GradientFlowRecorder(None)
    net = fitted(recorder)
    assert recorder.flow_ is None
    assert "effective_memory" not in net.history[-1]


def test_record_before_training_is_of_the_first_weights():
    class Keep(Callback):
        def on_train_begin(self, net, **kwargs):
            self.first_ = copy.deepcopy(net.module_)

    recorder, keep = GradientFlowRecorder(), Keep()
    net = fitted(recorder, keep)
    assert is_of(recorder.flow_, 0, keep.first_)
    assert is_of(recorder.flow_, -1, net.module_)
    assert not is_of(recorder.flow_, 0, net.module_)


@pytest.mark.parametrize("n_windows", [1, 5, 1000])
def test_n_windows_are_looked_at(n_windows, monkeypatch):
    seen = []
    recorder = GradientFlowRecorder(n_windows=n_windows)
    monkeypatch.setattr(
        OfTuple, "infer", lambda net, x, **_: seen.append(len(x)) or net.module_(x), raising=True
    )
    fitted(recorder, max_epochs=1)
    of_training = {16, ROWS % 16}
    assert set(seen) - of_training == {min(n_windows, ROWS)} - of_training
    assert min(n_windows, ROWS) in seen


def test_recording_changes_nothing():
    class Watch(Callback):
        def on_epoch_end(self, net, **kwargs):
            self.state_ = torch.get_rng_state()
            self.modes_ = [module.training for module in net.module_.modules()]

    before = np.random.get_state()[1].copy()  # noqa: NPY002
    results = []
    for every in (None, "auto", 1):
        watch = Watch()
        net = fitted(GradientFlowRecorder(every), watch, module__dropout=0.4)
        results.append((net.module_.state_dict(), watch, net.history[:, "train_loss"]))
    (weights, watch, losses), *others = results
    for weights_2, watch_2, losses_2 in others:
        assert all(torch.equal(weights[name], weights_2[name]) for name in weights)
        assert torch.equal(watch.state_, watch_2.state_)
        assert watch.modes_ == watch_2.modes_
        assert losses == losses_2
    assert np.array_equal(np.random.get_state()[1], before)  # noqa: NPY002


# Going on, starting anew, and breaking off --------------------------------------------------------


def test_partial_fit_grows_the_record_and_fit_starts_anew():
    recorder = GradientFlowRecorder("auto")
    net = fitted(recorder, max_epochs=4)
    assert recorder.flow_.epochs.tolist() == [0, 1, 2, 3, 4]
    earlier = recorder.flow_
    for expected in ([0, 1, 2, 3, 4, 5], [0, 1, 2, 3, 4, 5]):  # 6 is not due: nothing is added
        net.set_params(max_epochs=1).partial_fit(*data())
        assert recorder.flow_.epochs.tolist() == expected
    assert np.array_equal(recorder.flow_.lag_curve[:5], earlier.lag_curve)
    net.set_params(max_epochs=3).partial_fit(*data())
    assert recorder.flow_.epochs.tolist() == [0, 1, 2, 3, 4, 5, 8, 9]
    assert is_of(recorder.flow_, -1, net.module_)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        net.fit(*data())
    assert recorder.flow_.epochs.tolist() == [0, 1, 2, 3]
    assert len(net.history) == 3
    assert not np.isclose(recorder.flow_.scale, earlier.scale[:4]).any()


@pytest.mark.parametrize("every", [1, 100, "auto"])
def test_last_record_is_of_the_best_weights_that_early_stopping_brings_back(every):
    stop = EarlyStopping("train_loss", patience=3, load_best=True, sink=noop)
    recorder = GradientFlowRecorder(every)
    net = fitted(stop, recorder, max_epochs=40, lr=1.9)
    assert 4 <= len(net.history) < 40
    assert stop.best_epoch_ < len(net.history)
    assert recorder.flow_.epochs[-1] == len(net.history)
    assert (np.diff(recorder.flow_.epochs) > 0).all()
    assert is_of(recorder.flow_, -1, net.module_)
    if every == 1:  # and not what the history says of the last epoch
        best = list(recorder.flow_.epochs).index(stop.best_epoch_)
        assert np.array_equal(recorder.flow_.lag_curve[-1], recorder.flow_.lag_curve[best])


class Stop(Callback):
    """Break off after some epochs."""

    def __init__(self, error, epochs=2):
        self.error = error
        self.epochs = epochs

    def on_epoch_end(self, net, **kwargs):
        if len(net.history) == self.epochs:
            raise self.error


def test_interrupted_training_keeps_the_record():
    recorder = GradientFlowRecorder("auto")
    net = fitted(recorder, Stop(KeyboardInterrupt()), max_epochs=9)
    assert recorder.flow_.epochs.tolist() == [0, 1, 2]
    assert is_of(recorder.flow_, -1, net.module_)


def test_training_goes_on_after_an_error():
    recorder = GradientFlowRecorder()
    net = net_with(recorder, Stop(ZeroDivisionError()))
    with pytest.raises(ZeroDivisionError):
        net.fit(*data())
    net.partial_fit(*data())
    assert recorder.flow_.epochs.tolist() == [0, 1, 2, 3, 4, 5, 6]


# Copies -------------------------------------------------------------------------------------------


def test_clone_has_the_parameters_and_no_record():
    net = fitted(GradientFlowRecorder("auto", n_windows=7), max_epochs=1)
    (recorder,) = clone(net).callbacks
    assert recorder.get_params() == {"every": "auto", "n_windows": 7}
    assert not hasattr(recorder, "flow_")
    assert clone(net.callbacks[0]).get_params() == recorder.get_params()


def through_pickle(net):
    return pickle.loads(pickle.dumps(net))


@pytest.mark.parametrize("copier", [through_pickle, copy.deepcopy])
def test_copy_of_a_trained_net_keeps_its_record_and_goes_on(copier):
    net = fitted(GradientFlowRecorder(), max_epochs=2)
    again = copier(net)
    (recorder,) = again.callbacks
    assert recorder.flow_.epochs.tolist() == [0, 1, 2]
    assert np.array_equal(recorder.flow_.lag_curve, net.callbacks[0].flow_.lag_curve)
    again.partial_fit(*data())
    assert recorder.flow_.epochs.tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("copier", [through_pickle, copy.deepcopy])
def test_net_can_be_copied_in_the_middle_of_a_training(copier):
    class Copy(Callback):
        def on_epoch_end(self, net, **kwargs):
            callbacks = [copier(callback) for callback in net.callbacks[:1]]
            self.copied_ = len(callbacks[0].snapshots_)

    keep = Copy()
    fitted(GradientFlowRecorder(), keep, max_epochs=2)
    assert keep.copied_ == 3


# Bad input ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"every": "atuo"}, "every='atuo'; one of 'auto', None or an integer .* mean 'auto'?"),
        ({"every": 0}, "every=0; an integer of at least 1 is needed."),
        ({"every": 1.5}, "every=1.5; one of 'auto', None or an integer of at least 1"),
        ({"every": True}, "every=True; one of 'auto', None or an integer of at least 1"),
        ({"n_windows": 0}, "n_windows=0; an integer of at least 1 is needed."),
        ({"n_windows": 2.0}, "n_windows=2.0; an integer of at least 1 is needed."),
        ({"n_windows": None}, "n_windows=None; an integer of at least 1 is needed."),
    ],
)
def test_bad_parameter_is_told_when_training_begins(params, message):
    with pytest.raises(ValueError, match=message):
        net_with(GradientFlowRecorder(**params)).fit(*data())


def test_module_without_recurrent_layer_is_a_type_error():
    X, y = data()
    module = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(2 * WINDOW, 3))
    net = NeuralNetRegressor(module, callbacks=[GradientFlowRecorder()], verbose=0)
    with pytest.raises(TypeError, match="Sequential holds no recurrent layer; an RNN, LSTM or"):
        net.fit(X, y)
    net.set_params(callbacks=[GradientFlowRecorder(None)], max_epochs=1).fit(X, y)
