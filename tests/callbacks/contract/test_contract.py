"""Every callback of skorch in every mode does on our net what it does on skorch's own."""

import inspect

import pytest
import skorch.callbacks
import torch
from skorch.callbacks import LRScheduler
from torch.optim import lr_scheduler

from seqforecast import _kernels
from tests.callbacks.contract import modes_rates
from tests.callbacks.contract.compare import differences
from tests.callbacks.contract.mode import Mode, Place
from tests.callbacks.contract.modes import MODES
from tests.callbacks.contract.modes_weights import Decays, Doubles
from tests.callbacks.contract.twin import ours, regressor, skorchs
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
    own = {skorch.callbacks.WarmRestartLR}
    tried = set(modes_rates.POLICIES) - own
    assert tried == classes - modes_rates.OF_SCHEDULERS - {lr_scheduler.LRScheduler}
    assert own <= set(modes_rates.POLICIES)


@pytest.mark.parametrize("policy", modes_rates.POLICIES, ids=lambda policy: policy.__name__)
@pytest.mark.parametrize("step_every", ["epoch", "batch"])
def test_every_policy_changes_the_rate(policy, step_every):
    """A policy that leaves the rate alone would be the same on any net."""
    rates = []

    class Rates(skorch.callbacks.Callback):
        def on_epoch_end(self, net, **kwargs):
            rates.append(net.optimizer_.param_groups[0]["lr"])

    schedule = LRScheduler(policy, step_every=step_every, **modes_rates.POLICIES[policy])
    net = regressor([schedule, Rates()], 4)
    from tests.callbacks.contract.twin import data

    net.fit(*data()[:2])
    assert len(set(rates)) > 1
