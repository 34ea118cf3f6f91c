"""Every callback of skorch in every mode does on our net what it does on skorch's own."""

import inspect

import pytest
import skorch.callbacks
import torch
from skorch.callbacks import WarmRestartLR
from torch.optim import lr_scheduler

from seqforecast import _kernels
from tests.callbacks.contract import modes_rates
from tests.callbacks.contract.compare import differences
from tests.callbacks.contract.mode import Mode, Place
from tests.callbacks.contract.modes import MODES
from tests.callbacks.contract.modes_weights import Decays, Doubles
from tests.callbacks.contract.twin import ours, skorchs
from tests.callbacks.contract.verdict import verdict_of

NOT_TRIED = {
    "Callback": "the class of all others",
    "InputShapeSetter": "refused by name, as a regressor builds its network to the shape of X",
    "NeptuneLogger": "imports neptune when training begins, whatever it is given",
}


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("mode", MODES, ids=str)
def test_ours_does_as_skorch_does(mode, tmp_path):
    verdict = verdict_of(mode, tmp_path)
    assert verdict.silent == []
    if verdict.quiet.error is None:
        assert any(verdict.quiet.native) == (mode.native and _kernels.VARIANT is not None)
    assert not any(verdict.ours.native)
    if mode.refused:
        assert verdict.skorchs.error is not None


@pytest.mark.parametrize("mode", [mode for mode in MODES if mode.intended], ids=str)
def test_what_is_intended_differs_indeed(mode, tmp_path):
    plain = Mode(mode.name, mode.mode, mode.make, valid=mode.valid, epochs=mode.epochs)
    seen = [
        train(plain, place(tmp_path, name)) for name, train in (("a", skorchs), ("b", by_batch))
    ]
    assert differences(seen[1], seen[0], by_batch=True)


def place(folder, name):
    (folder / name).mkdir()
    return Place(folder / name)


def by_batch(mode, where):
    return ours(mode, where, by_batch=True)


def test_every_callback_of_skorch_is_tried():
    classes = {
        name
        for name, value in vars(skorch.callbacks).items()
        if inspect.isclass(value) and issubclass(value, skorch.callbacks.Callback)
    }
    tried = {mode.name for mode in MODES} - {Decays.__name__, Doubles.__name__}
    assert tried == classes - NOT_TRIED.keys()


def test_every_policy_of_torch_is_tried():
    classes = {
        value
        for value in vars(lr_scheduler).values()
        if inspect.isclass(value) and issubclass(value, lr_scheduler.LRScheduler)
    }
    bases = {lr_scheduler.LRScheduler, lr_scheduler._LRScheduler}
    classes = (classes - bases - modes_rates.OF_SCHEDULERS) | {WarmRestartLR}
    assert set(modes_rates.POLICIES) == classes


@pytest.mark.parametrize("policy", modes_rates.POLICIES, ids=lambda policy: policy.__name__)
def test_every_policy_changes_the_rate(policy):
    """One that leaves the rate alone would be the same on any net."""
    weight = torch.nn.Parameter(torch.ones(1))
    optimizer = torch.optim.SGD([weight], lr=0.01, momentum=0.9)
    schedule, rates = policy(optimizer, **modes_rates.POLICIES[policy]), set()
    loss = [1.0] if policy is lr_scheduler.ReduceLROnPlateau else []
    for _ in range(modes_rates.EPOCHS):
        rates.add(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step(*loss)
    assert len(rates) > 1
