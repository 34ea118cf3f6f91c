"""Callbacks that change weights, or which of them are trained."""

from functools import partial

from skorch.callbacks import (
    Callback,
    Freezer,
    GradientNormClipping,
    Initializer,
    ParamMapper,
    Unfreezer,
)
from skorch.utils import freeze_parameter, noop, unfreeze_parameter
from torch import nn

from tests.callbacks.contract.mode import Mode

filled = partial(nn.init.constant_, val=0.05)


def even_epochs(net):
    return len(net.history) % 2 == 0


def turns(net):
    return freeze_parameter if even_epochs(net) else unfreeze_parameter


def is_bias(name):
    return "bias" in name


def below_one(net):
    """Tell whether the loss of the epoch before was low, whatever it is in the first one."""
    return len(net.history) > 1 and net.history[-2, "train_loss"] < 1.0


class Doubles(Callback):
    """Changes the gradient, as a user's own callback may."""

    def on_grad_computed(self, net, named_parameters, **kwargs):
        for _, parameter in named_parameters:
            parameter.grad.mul_(2.0)


class Decays(Callback):
    """Changes the weights between two batches."""

    def on_batch_begin(self, net, training, **kwargs):
        if training:
            for parameter in net.module_.parameters():
                parameter.data.mul_(0.99)


def _modes(kind, arguments, **fixed):
    def maker(positional, options):
        return lambda _: [("callback", kind(*positional, **options))]

    return [
        Mode(kind.__name__, mode, maker(positional, options), epochs=4, **fixed)
        for mode, positional, options in arguments
    ]


MODES = [
    *_modes(GradientNormClipping, [("as it is", (), {})]),
    *_modes(
        GradientNormClipping,
        [
            ("a limit", (0.05,), {}),
            ("a limit of the largest value", (0.05,), {"gradient_clip_norm_type": float("inf")}),
            ("a limit that is never reached", (1e6,), {}),
        ],
        native=False,
    ),
    *_modes(
        Freezer,
        [
            ("a pattern", ("recurrent.*",), {}),
            ("list of patterns", (["head.*", "*bias*"],), {}),
            ("callable pattern", (is_bias,), {}),
            ("all but the head", (lambda name: not name.startswith("head"),), {}),
        ],
        native=False,
    ),
    *_modes(
        Freezer,
        [
            ("at=2", ("recurrent.*",), {"at": 2}),
            ("at=callable", ("recurrent.*",), {"at": below_one}),
            ("a pattern of nothing", ("dense*",), {}),
            ("at=0", ("recurrent.*",), {"at": 0}),
        ],
    ),
    Mode(
        "Unfreezer",
        "after Freezer",
        lambda _: [Freezer("recurrent.*"), ("callback", Unfreezer("recurrent.*", at=3))],
        epochs=4,
        native=False,  # Adam counts the steps of each parameter, the native step those of all
    ),
    *_modes(Unfreezer, [("nothing was frozen", ("*",), {"at": 2})]),
    *_modes(
        Initializer,
        [
            ("in the first epoch", ("head.*",), {"fn": filled}),
            ("at=2", ("*weight*",), {"fn": filled, "at": 2}),
            ("at=callable", ("*",), {"fn": nn.init.zeros_, "at": below_one}),
        ],
    ),
    *_modes(
        ParamMapper,
        [
            ("as it is", ("*",), {}),
            ("fn", ("*bias*",), {"fn": nn.init.zeros_, "at": 3}),
            ("schedule", ("head.*",), {"schedule": turns}),
            ("schedule of nothing", ("*",), {"schedule": lambda _: noop}),
        ],
    ),
    *(mode.twice() for mode in _modes(Freezer, [("at=5", ("recurrent.*",), {"at": 5})])),
    *_modes(Doubles, [("a callback of one's own", (), {})], native=False),
    *_modes(Decays, [("a callback of one's own", (), {})], native=False),
]
