"""GradientNorms: the norms of a training against a plain torch loop, and against our own nets."""

import json
import math
import pickle

import numpy as np
import pytest
import torch
from numpy.lib.stride_tricks import sliding_window_view
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, KFold
from skorch import NeuralNetRegressor
from skorch.callbacks import Callback, GradientNormClipping

from seqforecast import GRURegressor, LSTMRegressor, RNNRegressor
from seqforecast.callbacks import GradientClipping, GradientNorms

EPOCHS, BATCH, LR = 3, 16, 0.05


class Network(torch.nn.Module):
    """What a user writes."""

    def __init__(self):
        super().__init__()
        self.lstm = torch.nn.LSTM(1, 4, batch_first=True)
        self.head = torch.nn.Linear(4, 1)

    def forward(self, x):
        return self.head(self.lstm(x)[0][:, -1])


def data(n=40, window=6):
    """Return windows of a random walk and what followed, as skorch takes them."""
    series = np.random.default_rng(0).normal(size=n + window).cumsum().astype(np.float32)
    return sliding_window_view(series[:-1], window)[..., None].copy(), series[window:, None]


def network(frozen=()):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        module = Network()
    for name in frozen:
        module.get_parameter(name).requires_grad_(False)
    return module


def fitted(*callbacks, module=None, **options):
    defaults = {"batch_size": BATCH, "max_epochs": EPOCHS, "lr": LR, "train_split": None}
    net = NeuralNetRegressor(
        module or network(), callbacks=list(callbacks), verbose=0, **(defaults | options)
    )
    return net.fit(*data())


def plain_loop():
    """Train by hand; return the network, and per epoch the norms of all and of each parameter."""
    module, totals, parts = network(), [], []
    sgd = torch.optim.SGD(module.parameters(), lr=LR)
    X, y = map(torch.from_numpy, data())
    for _ in range(EPOCHS):
        totals.append([])
        parts.append({name: [] for name, _ in module.named_parameters()})
        for rows in torch.arange(len(X)).split(BATCH):
            sgd.zero_grad()
            ((module(X[rows]) - y[rows]) ** 2).mean().backward()
            for name, parameter in module.named_parameters():
                parts[-1][name].append(math.sqrt((parameter.grad.double() ** 2).sum()))
            total = torch.nn.utils.clip_grad_norm_(module.parameters(), math.inf)
            totals[-1].append(total.item())
            sgd.step()
    return module, totals, parts


class Poison(Callback):
    """Make the gradient of given steps infinite or not a number."""

    def __init__(self, steps, value=math.nan):
        self.steps = steps
        self.value = value

    def initialize(self):
        self.step_ = 0
        return self

    def on_grad_computed(self, net, named_parameters, **kwargs):
        self.step_ += 1
        if self.step_ in self.steps:
            list(named_parameters)[-1][1].grad.view(-1)[0] = self.value


class Peek(Callback):
    """Keep a copy of all gradients of each step."""

    def initialize(self):
        self.gradients_ = []
        return self

    def on_grad_computed(self, net, named_parameters, **kwargs):
        self.gradients_.append([p.grad.clone() for _, p in named_parameters])


class Drop(Callback):
    """Leave out every step."""

    def on_grad_computed(self, net, named_parameters, **kwargs):
        for _, parameter in named_parameters:
            parameter.grad = None


# Against a plain loop -----------------------------------------------------------------------------


def test_norm_equals_return_of_clip_grad_norm_in_a_plain_loop():
    _, totals, _ = plain_loop()
    history = fitted(GradientNorms()).history
    assert history[:, "grad_norm"] == [math.fsum(norms) / len(norms) for norms in totals]
    assert history[:, "grad_norm_max"] == [max(norms) for norms in totals]
    assert totals[0][0] != totals[1][0] != totals[2][0]
    assert not [name for name in history[-1] if "/" in name]


def test_norm_per_parameter_equals_a_plain_loop():
    module, _, parts = plain_loop()
    history = fitted(GradientNorms(per_parameter=True)).history
    names = [name for name, _ in module.named_parameters()]
    assert [key for key in history[-1] if "/" in key] == [f"grad_norm/{name}" for name in names]
    for row, expected in zip(history, parts, strict=True):
        for name in names:
            # By hand in float64.
            assert row[f"grad_norm/{name}"] == pytest.approx(np.mean(expected[name]), rel=1e-5)


def test_norms_of_parameters_of_one_step_add_up_to_the_norm():
    row = fitted(GradientNorms(per_parameter=True), batch_size=40, max_epochs=1).history[0]
    parts = [value for key, value in row.items() if key.startswith("grad_norm/")]
    assert math.hypot(*parts) == pytest.approx(row["grad_norm"], rel=1e-6)


@pytest.mark.parametrize("per_parameter", [False, True])
def test_measuring_changes_no_bit(per_parameter):
    module, _, _ = plain_loop()
    net = fitted(GradientNorms(per_parameter))
    for value, expected in zip(net.module_.parameters(), module.parameters(), strict=True):
        assert torch.equal(value, expected)


def test_parameter_without_gradient_is_left_out():
    module = network(frozen=["lstm.bias_ih_l0", "head.bias"])
    row = fitted(GradientNorms(per_parameter=True), module=module, max_epochs=1).history[0]
    assert [key for key in row if "/" in key] == [
        "grad_norm/lstm.weight_ih_l0",
        "grad_norm/lstm.weight_hh_l0",
        "grad_norm/lstm.bias_hh_l0",
        "grad_norm/head.weight",
    ]
    assert row["grad_norm"] > 0


def test_network_without_any_gradient_has_no_norm():
    history = fitted(Drop(), GradientNorms(per_parameter=True)).history
    assert all(math.isnan(norm) for norm in history[:, "grad_norm"])
    assert not [key for key in history[-1] if "/" in key]


# Beside others ------------------------------------------------------------------------------------


@pytest.mark.parametrize("clipping", [GradientClipping(1e-3), GradientNormClipping(1e-3)])
def test_norm_is_the_one_at_the_place_in_the_list(clipping):
    norms = clone(clipping), GradientNorms(), Peek()
    options = {"batch_size": 40, "max_epochs": 1}
    peek = Peek()
    before = fitted(peek, GradientNorms(), clone(clipping), **options).history[0, "grad_norm"]
    after = fitted(*norms, **options).history[0, "grad_norm"]
    assert before == torch.nn.utils.get_total_norm(peek.gradients_[0]).item() > 1e-3
    assert after == torch.nn.utils.get_total_norm(norms[2].gradients_[0]).item()
    assert after == pytest.approx(1e-3, rel=1e-4)  # skorch's divides by the norm + 1e-6


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_steps_that_are_not_finite_are_left_out_and_left_alone(value):
    poison, peek = Poison((3, 4, 6), value), Peek()  # two steps an epoch
    history = fitted(poison, GradientNorms(True), peek, Drop(), batch_size=20).history
    norms = [torch.nn.utils.get_total_norm(step).item() for step in peek.gradients_]
    assert [step + 1 for step in range(6) if not math.isfinite(norms[step])] == [3, 4, 6]
    assert history[0, "grad_norm"] == (norms[0] + norms[1]) / 2
    assert history[0, "grad_norm_max"] == max(norms[:2])
    assert math.isnan(history[1, "grad_norm"])
    assert math.isnan(history[1, "grad_norm_max"])
    assert history[2, "grad_norm"] == history[2, "grad_norm_max"] == norms[4]
    # All parameters of a step count, or none.
    name = "grad_norm/lstm.weight_ih_l0"
    parts = [step[0].norm().item() for step in peek.gradients_]
    assert all(math.isfinite(part) for part in parts)
    assert history[0, name] == (parts[0] + parts[1]) / 2
    assert name not in history[1]
    assert history[2, name] == parts[4]


@pytest.mark.parametrize("cls", [RNNRegressor, LSTMRegressor, GRURegressor])
@pytest.mark.parametrize("poisoned", [False, True])
def test_norms_agree_with_those_that_our_regressors_record(cls, poisoned):
    X, y = data()
    models = []
    for norms in ([], [GradientNorms(per_parameter=True)]):
        callbacks = [Poison((2, 5, 6)) if poisoned else Poison(()), *norms]
        model = cls(hidden_size=4, batch_size=16, max_epochs=3, callbacks=callbacks, random_state=0)
        models.append(model.set_params(gradient_clipping=0.1).fit(X[..., 0], y[:, 0]))
    alone, watched = (model.history_ for model in models)
    assert watched[alone.columns].equals(alone)
    assert alone["skipped_steps"].sum() == (3 if poisoned else 0)
    added = [name for name in watched.columns if name not in alone.columns]
    assert added == [f"grad_norm/{n}" for n, _ in models[1].net_.module_.named_parameters()]
    assert (watched[added] > 0).all(axis=None)
    assert np.array_equal(*(model.predict(X[..., 0]) for model in models))


# As a callback ------------------------------------------------------------------------------------


def test_history_holds_plain_numbers(tmp_path):
    net = fitted(GradientNorms(per_parameter=True))
    net.history.to_file(tmp_path / "history.json")
    rows = json.loads((tmp_path / "history.json").read_text())
    assert rows == net.history.to_list()
    assert {type(v) for k, v in net.history[-1].items() if k.startswith("grad_norm")} == {float}


def test_parameter_is_checked_when_training_begins():
    needed = r"per_parameter\)='yes'; True or False is needed. Set GradientNorms"
    with pytest.raises(ValueError, match=needed):
        fitted(GradientNorms("yes"))
    with pytest.raises(ValueError, match=needed):
        LSTMRegressor(callbacks=[GradientNorms("yes")]).fit(data()[0][..., 0], data()[1])


def test_parameters_clone_and_pickle():
    callback = GradientNorms(per_parameter=True)
    net = fitted(callback)
    assert callback.get_params() == {"per_parameter": True}  # nothing that it measured
    assert clone(callback).get_params() == {"per_parameter": True}
    again = pickle.loads(pickle.dumps(net))
    assert again.history == net.history
    assert clone(net).fit(*data()).history[-1].keys() == net.history[-1].keys()


def test_parameter_is_set_and_searched_by_name():
    net = NeuralNetRegressor(
        network(), callbacks=[("norms", GradientNorms())], max_epochs=1, verbose=0, train_split=None
    ).initialize()
    assert net.get_params()["callbacks__norms__per_parameter"] is False
    grid = {"callbacks__norms__per_parameter": [False, True]}
    search = GridSearchCV(net, grid, cv=KFold(2), refit=False, error_score="raise")
    assert len(search.fit(*data()).cv_results_["params"]) == 2
    net.set_params(callbacks__norms__per_parameter=True).fit(*data())
    assert "grad_norm/head.bias" in net.history[-1]
