"""LRScheduler with every policy of torch, by epoch and by batch."""

from skorch.callbacks import Checkpoint, EpochScoring, LoadInitState, LRScheduler, WarmRestartLR
from torch.optim import lr_scheduler

from tests.callbacks.contract.known import CURES
from tests.callbacks.contract.mode import Mode

EPOCHS = 4


def halves(step):
    return 0.5**step


def newest_loss(net):
    return net.history[-1, "batches", -1, "train_loss"]


def validation_loss(net):
    return net.history[-1, "valid_loss"]


POLICIES = {
    lr_scheduler.StepLR: {"step_size": 2, "gamma": 0.5},
    lr_scheduler.MultiStepLR: {"milestones": [1, 3], "gamma": 0.5},
    lr_scheduler.ConstantLR: {"factor": 0.5, "total_iters": 2},
    lr_scheduler.LinearLR: {"start_factor": 0.1, "total_iters": 3},
    lr_scheduler.ExponentialLR: {"gamma": 0.7},
    lr_scheduler.PolynomialLR: {"total_iters": 4, "power": 2},
    lr_scheduler.CosineAnnealingLR: {"T_max": 4},
    lr_scheduler.CosineAnnealingWarmRestarts: {"T_0": 2},
    lr_scheduler.CyclicLR: {
        "base_lr": 0.001,
        "max_lr": 0.02,
        "step_size_up": 2,
        "cycle_momentum": False,
    },
    lr_scheduler.OneCycleLR: {"max_lr": 0.02, "total_steps": 20},
    lr_scheduler.LambdaLR: {"lr_lambda": halves},
    lr_scheduler.MultiplicativeLR: {"lr_lambda": halves},
    lr_scheduler.ReduceLROnPlateau: {"patience": 0, "threshold": 0.5},
    WarmRestartLR: {"min_lr": 0.001, "max_lr": 0.02, "base_period": 2},
}
"""Each policy, and arguments with which it changes the rate within a few epochs."""

OF_SCHEDULERS = {lr_scheduler.ChainedScheduler, lr_scheduler.SequentialLR}
"""Policies that are made of schedulers, which LRScheduler cannot make."""


def _policy(policy, step_every, **options):
    given = POLICIES[policy] | {"step_every": step_every} | options
    return lambda _: [("callback", LRScheduler(policy, **given))]


def _mode(mode, make, **options):
    return Mode("LRScheduler", mode, make, epochs=EPOCHS, **options)


def _with_default(_):
    return [("callback", LRScheduler())]


def _loaded(place):
    checkpoint = Checkpoint(monitor=None, dirname=str(place.folder))
    schedule = _policy(lr_scheduler.ExponentialLR, "epoch")(place)
    return [("checkpoint", checkpoint), LoadInitState(checkpoint), *schedule]


_PLATEAU = lr_scheduler.ReduceLROnPlateau
_CYCLE = lr_scheduler.CyclicLR

MODES = [
    _mode("as it is", _with_default),
    _mode("a policy by its name", lambda _: [LRScheduler("StepLR", step_size=2)]),
    *(
        _mode(
            f"{policy.__name__}, step_every={every!r}",
            _policy(policy, every),
            native=every != "batch",
        )
        for policy in POLICIES
        for every in ("epoch", "batch")
    ),
    _mode("CyclicLR that changes the momentum", _policy(_CYCLE, "epoch", cycle_momentum=True)),
    _mode("event_name=None", _policy(lr_scheduler.StepLR, "epoch", event_name=None)),
    _mode(
        "event_name='event_rate'", _policy(lr_scheduler.StepLR, "epoch", event_name="event_rate")
    ),
    _mode("monitor='valid_loss'", _policy(_PLATEAU, "epoch", monitor="valid_loss"), valid=True),
    _mode("monitor=callable", _policy(_PLATEAU, "epoch", monitor=newest_loss)),
    _mode(
        "monitor=callable, step_every='batch'",
        _policy(_PLATEAU, "batch", monitor=newest_loss),
        native=False,
    ),
    _mode(
        "monitor of a score",
        lambda place: [EpochScoring("r2"), *_policy(_PLATEAU, "epoch", monitor="r2")(place)],
        valid=True,
    ),
    _mode("monitor of a name that is not there", _policy(_PLATEAU, "epoch", monitor="loss")),
    _mode(
        "monitor='valid_loss', no validation",
        _policy(_PLATEAU, "epoch", monitor="valid_loss"),
        refused=("LRScheduler", "valid_loss", *CURES),
    ),
    _mode(
        "monitor=callable, no validation",
        _policy(_PLATEAU, "epoch", monitor=validation_loss),
        refused=("LRScheduler", "valid_loss", *CURES),
    ),
    _mode("after LoadInitState", _loaded, fits=2),
    _mode("StepLR", _policy(lr_scheduler.StepLR, "epoch")).twice(),
    _mode(
        "StepLR, step_every='batch'", _policy(lr_scheduler.StepLR, "batch"), native=False
    ).twice(),
    _mode("LambdaLR", _policy(lr_scheduler.LambdaLR, "epoch")).twice(),
    _mode("ReduceLROnPlateau", _policy(_PLATEAU, "epoch")).twice(),
]
