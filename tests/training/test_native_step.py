"""Steps in native code: the results of torch's, and torch's steps wherever a user looks in."""

import math
from collections import Counter
from functools import partial

import numpy as np
import pytest
import torch
from skorch.callbacks import Callback, LRScheduler
from torch.nn.utils import parametrize

from seqforecast import GRURegressor, LSTMRegressor, RNNRegressor, _kernels, nn
from seqforecast.clipping import AutoClip, ClipNorm, ClipValue
from seqforecast.training.batches import WindowDataset
from seqforecast.training.native_step import NativeStep, NativeUpdate
from seqforecast.training.net import RecurrentNet
from seqforecast.training.scaling import NoScaling

native = pytest.importorskip("seqforecast._native", exc_type=ImportError)

REGRESSORS = {"rnn": RNNRegressor, "lstm": LSTMRegressor, "gru": GRURegressor}
WINDOW, CHANNELS = 6, 2


@pytest.fixture(autouse=True)
def kernels(monkeypatch):
    """Our kernels at work, whatever the environment says."""
    if _kernels.VARIANT is None:
        monkeypatch.setattr(_kernels, "NATIVE", native)
        monkeypatch.setattr(_kernels, "VARIANT", native.variants()[0])


@pytest.fixture
def taken(monkeypatch):
    """Count the steps that were taken as a whole and the updates, in native code."""
    counts = Counter()

    def count(kind, name):
        inner = getattr(kind, name)

        def counted(self, *arguments):
            counts[name] += 1
            return inner(self, *arguments)

        monkeypatch.setattr(kind, name, counted)

    count(NativeStep, "step")
    count(NativeUpdate, "update")
    return counts


def data(steps=False, n=53, seed=0):
    """Return windows and two outputs; at every step many targets are missing."""
    rng = np.random.default_rng(seed)
    X = rng.normal(3, 2, size=(n, WINDOW * CHANNELS))
    y = np.stack([X[:, ::3].sum(1), 2 * X[:, 1]], 1) + 0.1 * rng.normal(size=(n, 2))
    if not steps:
        return X, y
    y = np.repeat(y[:, None], WINDOW, 1) + np.arange(WINDOW)[:, None]
    y[rng.random(y.shape) < 0.3] = np.nan
    y[3], y[5, :, 0] = np.nan, np.nan
    return X, y


def make(cls=LSTMRegressor, callbacks=None, **options):
    defaults = {
        "n_channels": CHANNELS,
        "hidden_size": 5,
        "batch_size": 10,
        "max_epochs": 2,
        "early_stopping": False,
        "random_state": 0,
    }
    return cls(callbacks=callbacks, **(defaults | options))


def fitted(path, model, *arguments, **options):
    """Fit in native steps, with the native update alone, or in torch's steps and kernels."""
    with pytest.MonkeyPatch.context() as patch:
        if path == "torch":
            patch.setattr(_kernels, "VARIANT", None)
        if path == "update":
            patch.setattr(NativeStep, "fits", lambda *_: False)
        return model.fit(*arguments, **options)


def assert_same(first, second, X, tolerance=1e-4):
    """Compare two fits; float32's rounding, grown by Adam, which divides by small gradients."""
    np.testing.assert_allclose(first.predict(X), second.predict(X), rtol=tolerance, atol=tolerance)
    np.testing.assert_allclose(first.history_, second.history_, rtol=tolerance, atol=tolerance)
    assert list(first.history_) == list(second.history_)
    assert torch.equal(first.net_.generator.get_state(), second.net_.generator.get_state())


# The same results ---------------------------------------------------------------------------------

# Where slopes are signs, the sum of a batch's can be zero but for rounding, and Adam divides by it.
BLUNT = partial(torch.optim.Adam, eps=1e-3)

OPTIONS = {
    "default": {},
    "two_layers": {"num_layers": 2},
    "three_layers": {"num_layers": 3},
    "absolute": {"loss": "absolute_error", "optimizer": BLUNT},
    "huber": {"loss": "huber"},
    "quantile": {"loss": "quantile", "optimizer": BLUNT},
    "other_quantiles": {"loss": "quantile", "quantiles": (0.3, 0.9), "optimizer": BLUNT},
    "decay": {"weight_decay": 0.2},
    "adamw": {"weight_decay": 0.2, "optimizer": "adamw"},
    "cosine": {"lr_schedule": "cosine", "lr": 0.05},
    "no_clipping": {"gradient_clipping": None},
    "strong_clipping": {"gradient_clipping": 0.05},
    "clip_norm": {"gradient_clipping": ClipNorm(0.3)},
    "no_scaling": {"scaling": None},
    "window_scaling": {"scaling": "window"},
    "max_steps": {"max_steps": 8},
    "one_batch": {"batch_size": 53},
    "one_window_a_batch": {"batch_size": 1, "max_epochs": 1},
    "tiles": {"batch_size": 40, "hidden_size": 70},
}


def cases():
    """Draw one regressor for each option, in turn, and all of them for the default."""
    for i, (name, options) in enumerate(OPTIONS.items()):
        kinds = list(REGRESSORS) if name == "default" else [list(REGRESSORS)[i % 3]]
        for kind in kinds:
            for steps in (False, True):
                for weighted in (False, True) if name == "default" else (steps,):
                    marks = [name, kind, "every_step" if steps else "last_step"]
                    marks += ["weighted"] * weighted
                    identity = "-".join(marks)
                    yield pytest.param(REGRESSORS[kind], options, steps, weighted, id=identity)


@pytest.mark.parametrize(("cls", "options", "steps", "weighted"), list(cases()))
def test_three_ways_give_one_result(taken, cls, options, steps, weighted):
    X, y = data(steps)
    weight = np.random.default_rng(1).uniform(0.2, 2, len(X)) if weighted else None
    whole = fitted("native", make(cls, **options), X, y, weight)
    n_steps = taken.pop("step")
    assert n_steps == options.get("max_steps", whole.n_iter_ * math.ceil(53 / whole.batch_size))
    assert not taken
    halves = fitted("update", make(cls, **options), X, y, weight)
    assert taken.pop("update") == n_steps
    assert not taken
    plain = fitted("torch", make(cls, **options), X, y, weight)
    assert not taken
    assert_same(whole, plain, X)
    assert_same(halves, plain, X)


@pytest.mark.parametrize("nonlinearity", ["tanh", "relu"])
def test_both_nonlinearities_are_trained(nonlinearity):
    X, y = data()
    models = [
        fitted(path, make(RNNRegressor, nonlinearity=nonlinearity), X, y)
        for path in ("native", "torch")
    ]
    assert_same(*models, X)


@pytest.mark.parametrize("variant", native.variants())
def test_every_instruction_set_trains(monkeypatch, taken, variant):
    X, y = data()
    monkeypatch.setattr(_kernels, "VARIANT", variant)
    model = make(num_layers=2).fit(X, y)
    assert taken == {"step": 12}
    assert_same(model, fitted("torch", make(num_layers=2), X, y), X)


# Who takes the steps ------------------------------------------------------------------------------


def listener(**hooks):
    """Return a callback with the given hooks, which are called with the net alone."""

    def method(hook):
        return lambda _self, net, *_, **__: hook(net)

    methods = {name: method(hook) for name, hook in hooks.items()}
    return type("Listener", (Callback,), methods)()


def nothing(net):
    pass


def freeze_head_bias(net):
    net.module_.head.linear.bias.requires_grad_(False)


def tripled(_module, _inputs, output):
    return 3 * output


def pass_through(*_):
    return None


class Half(torch.nn.Module):
    def forward(self, weight):
        return weight / 2


class DoublingLinear(torch.nn.Linear):
    def forward(self, x):
        return 2 * super().forward(x)


def untie(net):
    net.module_.head.linear.__class__ = DoublingLinear


def half_the_head(net):
    parametrize.register_parametrization(net.module_.head.linear, "weight", Half())


def use_sgd(net):
    net.optimizer = torch.optim.SGD
    net.initialize_optimizer()


def tie_biases(net):
    net.module_.recurrent.bias_hh_l0 = net.module_.recurrent.bias_ih_l0
    net.initialize_optimizer()


def other_loss(net):
    net.criterion_.forward = lambda y_pred, y, *_: ((y_pred - y) ** 4).mean()


def hook(part, name):
    """Return what hangs a hook on a part of the net; it triples what a module returns."""

    def hang(net):
        target = {
            "module": net.module_,
            "layer": net.module_.recurrent,
            "linear": net.module_.head.linear,
            "criterion": net.criterion_,
            "weight": net.module_.head.linear.weight,
            "optimizer": net.optimizer_,
        }[part]
        triple = name == "register_forward_hook" and part in ("module", "linear", "criterion")
        getattr(target, name)(tripled if triple else pass_through)

    return hang


BEFORE = {
    # What is done before the first step, and what takes the steps then.
    "nothing": (nothing, "step"),
    "frozen": (freeze_head_bias, None),
    "hook_module": (hook("module", "register_forward_hook"), "update"),
    "hook_layer": (hook("layer", "register_forward_pre_hook"), "update"),
    "hook_layer_back": (hook("layer", "register_full_backward_hook"), "update"),
    "hook_linear": (hook("linear", "register_forward_hook"), "update"),
    "hook_linear_back": (hook("linear", "register_full_backward_pre_hook"), "update"),
    "hook_criterion": (hook("criterion", "register_forward_hook"), "update"),
    "hook_weight": (hook("weight", "register_hook"), None),
    "hook_weight_after": (hook("weight", "register_post_accumulate_grad_hook"), None),
    "hook_optimizer": (hook("optimizer", "register_step_pre_hook"), None),
    "hook_optimizer_after": (hook("optimizer", "register_step_post_hook"), None),
    "parametrized": (half_the_head, "update"),
    "subclass": (untie, "update"),
    "tied": (tie_biases, "update"),
    "other_loss": (other_loss, "update"),
    "dropout": (lambda net: setattr(net.module_.dropout, "p", 0.2), "update"),
    "amsgrad": (lambda net: net.optimizer_.param_groups[0].update(amsgrad=True), None),
    "maximize": (lambda net: net.optimizer_.param_groups[0].update(maximize=True), None),
    "sgd": (use_sgd, None),
}


@pytest.mark.parametrize(("change", "by"), BEFORE.values(), ids=BEFORE)
def test_what_is_changed_before_training_counts(taken, change, by):
    X, y = data()
    models = [
        fitted(path, make(callbacks=[listener(on_train_begin=change)]), X, y)
        for path in ("native", "torch")
    ]
    assert_same(*models, X)
    # It may always be torch that steps; it must be, where native code would overlook something.
    assert dict(taken) in ({by: 12}, {}) if change is not nothing else taken == {"step": 12}


SITUATIONS = {
    # Options of a regressor, and what takes its steps.
    "default": ({}, "step"),
    "dropout": ({"dropout": 0.2}, "update"),
    "dropout_between_layers": ({"num_layers": 2, "dropout": 0.2}, "update"),
    "auto_clip": ({"gradient_clipping": AutoClip()}, None),
    "clip_value": ({"gradient_clipping": ClipValue()}, None),
    "sgd": ({"optimizer": "sgd"}, None),
    "rmsprop": ({"optimizer": "rmsprop"}, None),
    "own_optimizer": ({"optimizer": torch.optim.NAdam}, None),
    "own_adam": ({"optimizer": BLUNT}, "step"),
    "epochs": ({"callbacks": [listener(on_epoch_end=nothing)]}, "step"),
    "batch_begin": ({"callbacks": [listener(on_batch_begin=nothing)]}, None),
    "batch_end": ({"callbacks": [listener(on_batch_end=nothing)]}, None),
    "gradients": ({"callbacks": [listener(on_grad_computed=nothing)]}, None),
}


@pytest.mark.parametrize(("options", "by"), SITUATIONS.values(), ids=SITUATIONS)
def test_who_takes_the_steps(taken, options, by):
    X, y = data()
    model = make(**options).fit(X, y)
    assert dict(taken) == ({} if by is None else {by: 12})
    if "dropout" not in options:
        assert_same(model, fitted("torch", make(**options), X, y), X)


def test_without_kernels_torch_takes_all_steps(taken, monkeypatch):
    monkeypatch.setattr(_kernels, "VARIANT", None)
    monkeypatch.setattr(_kernels, "NATIVE", None)
    make().fit(*data())
    assert not taken


class OwnNetwork(nn.RecurrentNetwork):
    """Knows better."""

    def forward(self, x, *, every_step=False):
        return 2 * super().forward(x, every_step=every_step)


class OwnLoss(nn.SquaredError):
    """Is stricter."""

    def elementwise(self, prediction, target, reduction="none"):
        return 5 * super().elementwise(prediction, target, reduction)


class OwnLayer(nn.GRU):
    """Sees everything upside down."""

    def forward(self, x, *state):
        return super().forward(-x, *state)


@pytest.mark.parametrize("own", ["network", "loss", "layer", "head", "none"])
def test_own_module_is_trained_as_it_is(taken, own):
    X, y = data()
    X, y = X.reshape(-1, WINDOW, CHANNELS), y[:, :1]
    nets = []
    for path in ("native", "torch"):
        seeded = torch.Generator().manual_seed(0)
        layer = (OwnLayer if own == "layer" else nn.GRU)(CHANNELS, 4, generator=seeded)
        head = nn.LinearHead(4, 1, generator=seeded)
        if own == "head":
            head = torch.nn.Sequential(head, torch.nn.Tanh())
        net = RecurrentNet(
            (OwnNetwork if own == "network" else nn.RecurrentNetwork)(layer, head),
            (OwnLoss if own == "loss" else nn.SquaredError)(),
            optimizer=torch.optim.Adam,
            scaling=NoScaling(),
            generator=seeded,
            batch_size=20,
        ).initialize()
        with pytest.MonkeyPatch.context() as patch:
            if path == "torch":
                patch.setattr(_kernels, "VARIANT", None)
            net.train(WindowDataset(X, y), epochs=3)
        nets.append(net)
    assert taken == {"step" if own == "none" else "update": 9}
    np.testing.assert_allclose(nets[0].predict(X), nets[1].predict(X), rtol=1e-4, atol=1e-5)


# Changes in the middle ----------------------------------------------------------------------------


def set_groups(**changes):
    def change(net):
        for group in net.optimizer_.param_groups:
            group.update(changes)

    return change


def load_optimizer(net):
    state = net.optimizer_.state_dict()
    for moments in state["state"].values():
        moments["exp_avg"] = torch.full_like(moments["exp_avg"], 0.3)
        moments["step"] = torch.ones_like(moments["step"])
    net.optimizer_.load_state_dict(state)


def load_weights(net):
    net.module_.load_state_dict({k: v / 2 for k, v in net.module_.state_dict().items()})


def new_storage(net):
    for p in net.module_.parameters():
        p.data = p.data.clone() / 2


def new_head(net):
    net.module_.head = nn.LinearHead(5, 2, generator=torch.Generator().manual_seed(7))
    net.initialize_optimizer()


CHANGES = {
    "lr": set_groups(lr=0.1),
    "weight_decay": set_groups(weight_decay=0.5),
    "betas": set_groups(betas=(0.5, 0.9)),
    "eps": set_groups(eps=0.1),
    "maximize": set_groups(maximize=True),
    "one_lr": lambda net: net.optimizer_.param_groups[0].update(lr=0.0),
    "max_norm": lambda net: net.clipping.set_params(max_norm=0.01),
    "clipping": lambda net: net.set_params(clipping=ClipValue(0.01)),
    "no_clipping": lambda net: net.set_params(clipping=None),
    "load_optimizer": load_optimizer,
    "forget_moments": lambda net: net.optimizer_.state.clear(),
    "new_optimizer": lambda net: net.initialize_optimizer(),
    "sgd": use_sgd,
    "freeze": lambda net: net.module_.recurrent.requires_grad_(False),
    "freeze_bias": freeze_head_bias,
    "load_weights": load_weights,
    "new_storage": new_storage,
    "new_head": new_head,
    "parametrize": half_the_head,
    "subclass": untie,
    "hook_linear": hook("linear", "register_forward_hook"),
    "hook_criterion": hook("criterion", "register_forward_hook"),
    "other_loss": other_loss,
    "no_gradients": lambda net: net.optimizer_.zero_grad(),
}


@pytest.mark.parametrize("when", ["on_epoch_end", "on_batch_end"])
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_what_a_callback_changes_on_the_way_counts(change, when):
    X, y = data()

    def once(net):
        if len(net.history) == 2 and not hasattr(net, "changed_"):
            net.changed_ = True
            change(net)

    models = [
        fitted(
            path,
            make(callbacks=[listener(**{when: once})], max_epochs=3, weight_decay=0.1),
            *(X, y),
        )
        for path in ("native", "torch")
    ]
    assert all(hasattr(model.net_, "changed_") for model in models)
    assert_same(*models, X)


@pytest.mark.parametrize(
    ("policy", "options"),
    [
        (torch.optim.lr_scheduler.StepLR, {"step_size": 2, "gamma": 0.3}),
        (torch.optim.lr_scheduler.ExponentialLR, {"gamma": 0.8}),
        (torch.optim.lr_scheduler.CosineAnnealingLR, {"T_max": 5}),
        # It changes Adam's first beta, too.
        (torch.optim.lr_scheduler.OneCycleLR, {"max_lr": 0.05, "total_steps": 40}),
        (torch.optim.lr_scheduler.ReduceLROnPlateau, {"patience": 0, "threshold": 0.9}),
    ],
)
@pytest.mark.parametrize("step_every", ["epoch", "batch"])
def test_schedulers_of_skorch_set_the_rates(policy, options, step_every):
    if step_every == "batch" and policy is torch.optim.lr_scheduler.ReduceLROnPlateau:
        pytest.skip("it steps by epochs")
    X, y = data()
    if policy is torch.optim.lr_scheduler.ReduceLROnPlateau:
        options = {**options, "monitor": "train_loss"}
    models, rates = [], []
    for path in ("native", "torch"):
        seen = []
        watch = listener(on_epoch_end=lambda net, seen=seen: seen.append(rate_of(net)))
        scheduler = LRScheduler(policy, step_every=step_every, **options)
        model = make(callbacks=[scheduler, watch], max_epochs=4)
        models.append(fitted(path, model, X, y))
        rates.append(seen)
    assert rates[0] == rates[1]
    assert len(set(rates[0])) > 1
    assert_same(*models, X)


def rate_of(net):
    (rate,) = {group["lr"] for group in net.optimizer_.param_groups}
    return rate
