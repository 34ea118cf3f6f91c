"""GradientClipping: skorch nets against plain torch loops, and what an Inf or a NaN may do."""

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

from seqforecast import DivergenceError, LSTMRegressor
from seqforecast.callbacks import GradientClipping
from seqforecast.clipping import AutoClip, ClipNorm, ClipValue

EPOCHS, BATCH, LR = 3, 16, 0.05  # three steps an epoch
KEYS = ["grad_norm", "grad_norm_max", "clip_fraction", "skipped_steps"]


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
    return sliding_window_view(series[:-1], window)[..., None].copy(), series[window:, None].copy()


def network():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return Network()


def user_net(*callbacks, **options):
    defaults = {"batch_size": BATCH, "max_epochs": EPOCHS, "lr": LR, "train_split": None}
    return NeuralNetRegressor(
        network(), callbacks=list(callbacks), verbose=0, **(defaults | options)
    )


def our_model(*callbacks, **options):
    defaults = {"hidden_size": 4, "batch_size": BATCH, "max_epochs": EPOCHS, "random_state": 0}
    return LSTMRegressor(callbacks=list(callbacks), **(defaults | options))


def fit_ours(model):
    X, y = data()
    return model.fit(X[..., 0], y[:, 0])


def weights(net):
    return [parameter.detach().clone() for parameter in net.module_.parameters()]


def same(first, second):
    return all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def recorded(history):
    return [[row[key] for key in KEYS] for row in history]


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


class Watch(Callback):
    """Keep the weights and the state of the optimizer after each step."""

    def initialize(self):
        self.weights_, self.optimizer_ = [], []
        return self

    def on_batch_end(self, net, training=None, **kwargs):
        self.weights_.append(weights(net))
        self.optimizer_.append(pickle.dumps(net.optimizer_.state_dict()))


class Peek(Callback):
    """Keep a copy of the gradient of each step, as one vector."""

    def initialize(self):
        self.gradients_ = []
        return self

    def on_grad_computed(self, net, named_parameters, **kwargs):
        self.gradients_.append(torch.cat([p.grad.flatten() for _, p in named_parameters]))


# Against a plain loop -----------------------------------------------------------------------------


def scale(parameters, norm, limit):
    for parameter in parameters:
        parameter.grad.mul_(min(1.0, limit / norm))
    return norm > limit


def cut(parameters, limit):
    clipped = any((p.grad.abs() > limit).any().item() for p in parameters)
    torch.nn.utils.clip_grad_value_(parameters, limit)
    return clipped


def by_hand(strategy, parameters, norms):
    """Do what a strategy promises to a gradient whose norm is the last of all so far."""
    if strategy is None:
        return False
    if isinstance(strategy, ClipValue):
        return cut(parameters, strategy.limit)
    if isinstance(strategy, AutoClip):
        return scale(parameters, norms[-1], np.median(norms))
    return scale(parameters, norms[-1], 5.0)


@pytest.mark.parametrize("strategy", [5.0, ClipNorm(5), ClipValue(2), AutoClip(50), None], ids=str)
def test_clipped_training_equals_a_plain_loop(strategy):
    net = user_net(GradientClipping(strategy)).fit(*data())
    module, norms, clipped = network(), [], []
    sgd = torch.optim.SGD(module.parameters(), lr=LR)
    X, y = map(torch.from_numpy, data())
    for _ in range(EPOCHS):
        for rows in torch.arange(len(X)).split(BATCH):
            sgd.zero_grad()
            ((module(X[rows]) - y[rows]) ** 2).mean().backward()
            norms.append(torch.nn.utils.clip_grad_norm_(module.parameters(), math.inf).item())
            clipped.append(by_hand(strategy, list(module.parameters()), norms))
            sgd.step()
    tolerance = 1e-6 if isinstance(strategy, AutoClip) else 0  # of the median of two norms
    for value, expected in zip(net.module_.parameters(), module.parameters(), strict=True):
        torch.testing.assert_close(value, expected, rtol=0, atol=tolerance)
    for row, first in zip(net.history, (0, 3, 6), strict=True):
        steps = slice(first, first + 3)
        assert row["grad_norm"] == pytest.approx(math.fsum(norms[steps]) / 3, rel=tolerance, abs=0)
        assert row["grad_norm_max"] == pytest.approx(max(norms[steps]), rel=tolerance, abs=0)
        assert row["clip_fraction"] == np.mean(clipped[steps])
        assert row["skipped_steps"] == 0
    assert len(set(clipped)) == (1 if strategy is None else 2)


@pytest.mark.parametrize("strategy", [1.0, ClipNorm(0.01), AutoClip(0)], ids=str)
def test_direction_is_unchanged_by_clipping(strategy):
    before, after = Peek(), Peek()
    net = user_net(("before", before), GradientClipping(strategy), ("after", after)).fit(*data())
    for old, new in zip(before.gradients_, after.gradients_, strict=True):
        # One float32 rounding per element.
        torch.testing.assert_close(new / new.norm(), old / old.norm(), rtol=1e-5, atol=0)
    pairs = zip(before.gradients_, after.gradients_, strict=True)
    shrunk = [bool(new.norm() < old.norm()) for old, new in pairs]
    assert any(shrunk)
    assert np.mean(net.history[:, "clip_fraction"]) == pytest.approx(np.mean(shrunk))


def test_recorded_norm_equals_return_of_clip_grad_norm():
    net = user_net(GradientClipping(1.0), batch_size=40, max_epochs=1).fit(*data())
    module, (X, y) = network(), map(torch.from_numpy, data())
    ((module(X) - y) ** 2).mean().backward()
    expected = torch.nn.utils.clip_grad_norm_(module.parameters(), 1.0).item()
    assert net.history[0, tuple(KEYS)] == (expected, expected, 1.0, 0)


# Inf and NaN --------------------------------------------------------------------------------------

OPTIMIZERS = {
    "adam": (torch.optim.Adam, {}),
    "fused adam": (torch.optim.Adam, {"fused": True}),
    "adamw": (torch.optim.AdamW, {"weight_decay": 0.1, "amsgrad": True}),
    "sgd": (torch.optim.SGD, {"momentum": 0.9, "nesterov": True, "weight_decay": 0.1}),
    "rmsprop": (torch.optim.RMSprop, {"momentum": 0.9, "centered": True}),
    "adagrad": (torch.optim.Adagrad, {"lr_decay": 0.1}),
    "nadam": (torch.optim.NAdam, {}),
}


@pytest.mark.parametrize("strategy", [1.0, None])
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_step_that_is_not_finite_moves_no_bit(optimizer, value, strategy):
    cls, options = OPTIMIZERS[optimizer]
    options = {f"optimizer__{name}": option for name, option in options.items()}
    poison, watch = Poison((3, 5, 6, 8), value), Watch()
    net = user_net(poison, GradientClipping(strategy), watch, optimizer=cls, **options)
    net.fit(*data())
    for step in range(2, 10):
        unmoved = step in poison.steps
        before, after = step - 2, step - 1
        assert same(watch.weights_[before], watch.weights_[after]) == unmoved
        assert (watch.optimizer_[before] == watch.optimizer_[after]) == unmoved
    assert net.history[:, "skipped_steps"] == [1, 2, 1]
    assert all(parameter.isfinite().all() for parameter in weights(net))


def test_trap_skorch_own_clipping_spreads_one_inf():
    net = user_net(Poison((2,), math.inf), GradientNormClipping(1.0)).fit(*data())
    assert all(parameter.isnan().any() for parameter in weights(net))


def test_skipped_steps_are_left_out_of_the_norms_but_not_of_the_share():
    peek = Peek()
    net = user_net(Poison((2,)), peek, GradientClipping(1e-3), batch_size=10, max_epochs=1)
    net.fit(*data())
    norms = [gradient.norm().item() for gradient in peek.gradients_]
    assert math.isnan(norms[1])
    left = [norms[0], *norms[2:]]
    assert net.history[0, "grad_norm"] == pytest.approx(np.mean(left), rel=1e-6)
    assert net.history[0, "grad_norm_max"] == pytest.approx(max(left), rel=1e-6)
    assert net.history[0, tuple(KEYS[2:])] == (0.75, 1)


def test_epoch_without_a_good_step_has_no_norm():
    net = user_net(Poison((1, 2)), GradientClipping(), batch_size=20, max_epochs=1).fit(*data())
    assert np.isnan(net.history[0, ("grad_norm", "grad_norm_max")]).all()
    assert net.history[0, ("clip_fraction", "skipped_steps")] == (0.0, 2)


# Divergence ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("first", [1, 2, 4, 5])
def test_three_in_a_row_raise_and_leave_the_last_good_weights(first):
    watch = Watch()
    net = user_net(Poison(range(first, first + 3)), GradientClipping(0.25), watch)
    before = [parameter.clone() for parameter in net.module.parameters()]
    with pytest.raises(DivergenceError) as caught:
        net.fit(*data())
    assert caught.value.step == first
    assert str(caught.value) == (
        f"the gradient was not finite in 3 steps in a row, from step {first} on: first in the loss "
        "or its gradient. Finite values are needed there; scale the data, lower lr or limit the "
        "gradient further (strategy=0.25 now). The steps left out moved no parameter."
    )
    assert same(weights(net), before if first == 1 else watch.weights_[first - 2])
    assert len(watch.weights_) == first + 1
    # The last row tells of the epoch that was broken off.
    assert sum(net.history[:, "skipped_steps"]) == 3
    assert len(net.history) == math.ceil((first + 2) / 3)
    again = pickle.loads(pickle.dumps(caught.value))
    assert (again.args, again.culprit, again.step) == (
        caught.value.args,
        caught.value.culprit,
        first,
    )


def test_two_in_a_row_never_raise_and_a_new_training_counts_anew():
    steps = tuple(step for step in range(1, 31) if step % 3)
    net = user_net(Poison(steps), GradientClipping(), max_epochs=10).fit(*data())
    assert sum(net.history[:, "skipped_steps"]) == 20
    net = user_net(Poison((8, 9, 10, 15, 16, 17)), GradientClipping()).fit(*data())
    with pytest.raises(DivergenceError, match="from step 6 on"):
        net.partial_fit(*data())


def broken(what):
    """Return data, and a net whose weights may be broken, from the second batch on."""
    (X, y), net = data(), user_net(GradientClipping(), batch_size=8)
    part, value = what.split()
    value = float(value)
    if part == "input":
        X[8:, 2] = value
    elif part == "target":
        y[8:] = value
    elif part == "parameter":
        with torch.no_grad():
            net.module.head.bias.fill_(value)
    else:
        y[8:16] = 3e38  # its square is beyond float32
        X[16:] = math.nan  # too late to be the first
    return net, X, y


@pytest.mark.parametrize(
    ("what", "culprit", "step"),
    [
        ("input nan", "the input", 2),
        ("input inf", "the input", 2),
        ("target inf", "the target", 2),
        ("target nan", "the loss or its gradient (the target holds NaN)", 2),
        ("parameter nan", "parameter 'head.bias'", 1),
        ("loss inf", "the loss or its gradient", 2),
    ],
)
def test_culprit_is_the_first_thing_that_is_not_finite(what, culprit, step):
    net, X, y = broken(what)
    with pytest.raises(DivergenceError) as caught:
        net.fit(X, y)
    assert (caught.value.culprit, caught.value.step) == (culprit, step)
    assert f"first in {culprit}. Finite" in str(caught.value)


def test_culprit_target_with_weights_on_our_regressor():
    X, y = data()
    y = y[:, 0].astype(np.float64)
    y[5] = 1e39
    model = our_model(GradientClipping(), scaling=None, batch_size=40, max_epochs=5)
    with pytest.raises(DivergenceError) as caught:
        model.fit(X[..., 0], y, sample_weight=np.ones(40))
    assert caught.value.culprit == "the target"


def test_interrupted_epoch_is_recorded():
    class Interrupt(Callback):
        def on_batch_end(self, net, **kwargs):
            if len(net.history) == 2 and len(net.history[-1]["batches"]) == 2:
                raise KeyboardInterrupt

    whole = user_net(Poison((5,)), GradientClipping()).fit(*data()).history
    history = user_net(Poison((5,)), GradientClipping(), Interrupt()).fit(*data()).history
    assert recorded(history)[0] == recorded(whole)[0]
    assert history[-1, tuple(KEYS[2:])] == (0.5, 1)
    assert history[-1, "grad_norm"] == history[-1, "grad_norm_max"]


# The parameter ------------------------------------------------------------------------------------


def test_strategy_of_the_user_learns_nothing_and_each_training_starts_anew():
    strategy = AutoClip(50)
    net = user_net(GradientClipping(strategy), optimizer__lr=0.0).fit(*data())
    assert vars(strategy) == {"percentile": 50}
    first = recorded(net.history)
    net.partial_fit(*data())
    assert recorded(net.history)[3:] == first
    assert vars(strategy) == {"percentile": 50}


@pytest.mark.parametrize(
    ("strategy", "message"),
    [
        (-1, r"GradientClipping\(strategy\)=-1; a number above 0 is needed. Set"),
        (0.0, r"=0.0; a number above 0 is needed"),
        (math.nan, r"=nan; a number above 0 is needed"),
        (-math.inf, r"=-inf; a number above 0 is needed"),
        (True, r"=True; a number above 0 is needed"),
        ("1", r"='1'; None, a positive number .* is needed. Give .* AutoClip\(\)"),
        ([1.0], r"=\[1.0\]; None, a positive number"),
        (AutoClip, r"AutoClip'>; None, a positive number"),
        (ClipValue(-1), r"ClipValue\(limit\)=-1; a positive number is needed"),
    ],
    ids=str,
)
def test_strategy_out_of_range_raises_before_any_step(strategy, message):
    net = user_net(("clip", GradientClipping(strategy)))
    with pytest.raises(ValueError, match=message):
        net.fit(*data())
    assert net.history == []
    with pytest.raises(ValueError, match=message):
        fit_ours(our_model(GradientClipping(strategy)))
    # It can be mended where it stands.
    assert len(net.set_params(callbacks__clip__strategy=1.0).fit(*data()).history) == EPOCHS


@pytest.mark.parametrize("strategy", [math.inf, ClipNorm(math.inf), ClipValue(math.inf)], ids=str)
def test_an_infinite_limit_measures_only(strategy):
    free = user_net(GradientClipping(None)).fit(*data())
    net = user_net(GradientClipping(strategy)).fit(*data())
    assert recorded(net.history) == recorded(free.history)
    assert same(weights(net), weights(free))


@pytest.mark.parametrize("strategy", [2, np.float32(0.5), ClipNorm(0.5), AutoClip(), None], ids=str)
def test_parameters_clone_and_pickle(strategy):
    callback = GradientClipping(strategy)
    net = user_net(callback).fit(*data())
    assert callback.get_params(deep=False) == {"strategy": strategy}  # nothing that it learned
    copies = [clone(callback), pickle.loads(pickle.dumps(callback))]
    assert [repr(copy.strategy) for copy in copies] == [repr(strategy)] * 2
    again = pickle.loads(pickle.dumps(net))
    assert again.history == net.history
    again.partial_fit(*data())
    fresh = clone(user_net(GradientClipping(strategy))).fit(*data())
    assert recorded(fresh.history) == recorded(net.history)


def test_strategy_is_set_by_the_name_of_the_callback():
    net = user_net(("gradient_clipping", GradientClipping(1e3))).initialize()
    assert net.get_params()["callbacks__gradient_clipping__strategy"] == 1e3
    assert net.fit(*data()).history[-1, "clip_fraction"] == 0
    net.set_params(callbacks__gradient_clipping__strategy=ClipNorm(1e-3)).fit(*data())
    assert net.history[-1, "clip_fraction"] == 1
    net = user_net(GradientClipping, callbacks__GradientClipping__strategy=1e-3).fit(*data())
    assert net.history[-1, "clip_fraction"] == 1


def test_strategy_is_searched():
    net = user_net(("gradient_clipping", GradientClipping()))
    strategies = [1e-3, 1e3, None, ClipNorm(1e-3), 1.0]
    grid = {"callbacks__gradient_clipping__strategy": strategies}
    search = GridSearchCV(net, grid, cv=KFold(2), scoring="r2", error_score="raise").fit(*data())
    scores = search.cv_results_["mean_test_score"]
    assert scores[0] == scores[3]
    assert scores[1] == scores[2]
    assert len(set(scores)) == 3


def test_history_holds_plain_numbers(tmp_path):
    net = user_net(Poison((2,)), GradientClipping(np.float32(0.5))).fit(*data())
    net.history.to_file(tmp_path / "history.json")
    assert json.loads((tmp_path / "history.json").read_text()) == net.history.to_list()
    assert [type(value) for value in recorded(net.history)[0]] == [float, float, float, int]


# On our regressors --------------------------------------------------------------------------------


@pytest.mark.parametrize("strategy", [0.5, ClipValue(0.1), AutoClip(50), None], ids=str)
@pytest.mark.parametrize("steps", [(), (2, 5, 6)])
def test_callback_does_what_the_parameter_of_our_regressors_does(strategy, steps):
    ours = fit_ours(our_model(Poison(steps), gradient_clipping=strategy))
    theirs = our_model(Poison(steps), GradientClipping(strategy), gradient_clipping=None)
    fit_ours(theirs)
    assert theirs.history_.equals(ours.history_)
    assert ours.history_["skipped_steps"].sum() == len(steps)
    assert same(weights(ours.net_), weights(theirs.net_))


@pytest.mark.parametrize(("own", "strategy"), [(0.1, 1e3), (1e3, 0.1), (0.1, None), (0.3, 0.1)])
def test_clip_fraction_is_that_of_the_lower_of_two_limits(own, strategy):
    both = fit_ours(our_model(GradientClipping(strategy), gradient_clipping=own))
    lower = fit_ours(our_model(gradient_clipping=0.1))
    assert both.history_["clip_fraction"].equals(lower.history_["clip_fraction"])
    assert lower.history_["clip_fraction"].iloc[0] > 0


def test_divergence_on_our_regressor_leaves_the_best_weights_and_the_last_row():
    model = our_model(Poison((5, 6, 7)), GradientClipping(), Watch())
    with pytest.raises(DivergenceError, match="from step 5 on"):
        fit_ours(model)
    watch = next(cb for _, cb in model.net_.callbacks_ if isinstance(cb, Watch))
    best = int(model.history_["train_loss"].iloc[:2].argmin())
    assert same(weights(model.net_), watch.weights_[3 * best + 2])
    assert model.history_["skipped_steps"].tolist() == [0, 2, 1]
    assert np.isnan(model.history_["grad_norm"].iloc[-1])


def test_callbacks_of_our_regressor_are_searched():
    lists = [None, [GradientClipping(1e-3)], [GradientClipping(1e3)], [GradientClipping(None)]]
    model = our_model(optimizer="sgd", lr=0.1, gradient_clipping=None)
    search = GridSearchCV(model, {"callbacks": lists}, cv=KFold(2), error_score="raise")
    scores = fit_ours(search).cv_results_["mean_test_score"]
    assert scores[0] == scores[2] == scores[3] != scores[1]
