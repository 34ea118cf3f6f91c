"""Values in words: the same in every process, others for a value that acts otherwise."""

import functools
import os
import subprocess
import sys
import threading
from collections import OrderedDict, defaultdict
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.metrics import make_scorer

from seqforecast.callbacks import GradientNorms
from seqforecast.clipping import AutoClip
from seqforecast.training.described import described

RATE, RATES, SEEN = 0.9, [0.9, 0.5], threading.Lock()


def decay(rate):
    return lambda epoch: rate**epoch


def halved(epoch):
    return 0.5 * epoch


def of_globals(epoch):
    return halved(epoch) * RATE + RATES[0] + bool(SEEN)


def of_itself(epoch):
    return of_itself(epoch - 1) if epoch else 1.0


class Schedule:
    def __init__(self, rate, **more):
        self.rate = rate
        self.me = self
        vars(self).update(more)

    def __call__(self, epoch):
        return self.rate**epoch

    def at(self, epoch):
        return self.rate * epoch

    def before(self, epoch):
        return self.rate * (epoch - 1)


class Slotted:
    __slots__ = ("rate",)

    def __init__(self, rate):
        self.rate = rate


@dataclass
class Told:
    act: object


class Named(dict):
    pass


def defaults(epoch, rate=0.9, *, by=2):
    return epoch * rate + by


def other_defaults(epoch, rate=0.9, *, by=3):
    return epoch * rate + by


def large(value):
    return np.append(np.zeros(2_000), value)


@functools.lru_cache
def cached(epoch):
    return epoch + 1.0


@functools.lru_cache
def otherwise_cached(epoch):
    return epoch + 2.0


def ramp(middle):
    values = np.arange(3000.0)
    values[1500] = middle
    return values


def linear(weight):
    module = torch.nn.Linear(2, 1)
    for parameter in module.parameters():
        torch.nn.init.constant_(parameter, weight)
    return module


OTHERS = {
    "code": (lambda e: e + 1, lambda e: e * 1),
    "a constant": (lambda e: 0.9**e, lambda e: 0.5**e),
    "one and true": (lambda e: 1, lambda e: True),  # noqa: ARG005
    "a name": (lambda e: np.exp(e), lambda e: np.log(e)),
    "an inner function": (lambda: lambda e: e + 1, lambda: lambda e: e + 2),
    "an element": (lambda e: e in {"a", "b"}, lambda e: e in {"a", "c"}),
    "a default": (defaults, other_defaults),
    "the closure": (decay(0.9), decay(0.5)),
    "a function in the closure": (decay(decay(0.9)), decay(decay(0.5))),
    "an array in the closure": (decay(large(0.1)), decay(large(0.2))),
    "what partial binds": (partial(defaults, rate=1), partial(defaults, rate=2)),
    "what partial calls": (partial(decay(1)), partial(decay(2))),
    "within a list": ([decay(0.9), 3], [decay(0.5), 3]),
    "within a dict": ({"a": decay(0.9)}, {"a": decay(0.5)}),
    "within a set": ({decay(0.9)}, {decay(0.5)}),
    "within a class of dict": (Named(a=decay(0.9)), Named(a=decay(0.5))),
    "within an ordered dict": (OrderedDict(a=decay(0.9)), OrderedDict(a=decay(0.5))),
    "within a dict with defaults": (defaultdict(int, a=decay(1)), defaultdict(int, a=decay(2))),
    "within a dataclass": (Told(decay(0.9)), Told(decay(0.5))),
    "a method": (Schedule(0.9).at, Schedule(0.9).before),
    "the object of a method": (Schedule(0.9).at, Schedule(0.5).at),
    "the object of a built-in method": ({1: 0.9}.get, {1: 0.5}.get),
    "an object": (Schedule(0.9), Schedule(0.5)),
    "an object of another class": (Schedule(0.9), Slotted(0.9)),
    "an object with slots": (Slotted(0.9), Slotted(0.5)),
    "an object within an object": (Slotted(Slotted(1)), Slotted(Slotted(2))),
    "a scorer": (make_scorer(lambda a, b: 1), make_scorer(lambda a, b: 2)),  # noqa: ARG005
    "a cached function": (cached, otherwise_cached),
    "a vectorised function": (np.vectorize(decay(0.9)), np.vectorize(decay(0.5))),
    "a large array": (large(0.1), large(0.2)),
    "the last digit": (np.array([0.123456789012]), np.array([0.123456789013])),
    "the last digit of a tensor": (torch.tensor([0.123456]), torch.tensor([0.123457])),
    "the last digit of a frame": (pd.Series([0.123456789]), pd.Series([0.123456788])),
    "a generator": (np.random.default_rng(0), np.random.default_rng(1)),
    "a generator of torch": (torch.Generator(), torch.Generator().manual_seed(1)),
    "a module": (linear(0.1), linear(0.2)),
    "within a large array": (SimpleNamespace(a=ramp(0.0)), SimpleNamespace(a=ramp(1.0))),
    "a long index": (pd.Index(ramp(0.0)), pd.Index(ramp(1.0))),
    "the index of a frame": (pd.DataFrame({"a": [1]}, [0]), pd.DataFrame({"a": [1]}, [1])),
}


@pytest.mark.parametrize("what", OTHERS)
def test_what_acts_otherwise_is_told_apart(what):
    first, second = OTHERS[what]
    assert described(first) == described(first)
    assert described(first) != described(second)


def test_what_does_the_same_is_the_same():
    one_order, another_order = {0, 8}, {8, 0}  # in which they were put in, since they collide
    assert list(one_order) != list(another_order)
    assert described(one_order) == described(another_order)
    assert described(decay(0.9)) == described(decay(0.9))
    assert described(Schedule(0.9)) == described(Schedule(0.9))
    one = lambda e: 0.9**e  # noqa: E731

    # Another name, another line.
    def another(e):
        return 0.9**e

    assert described(one) == described(another)


@pytest.mark.parametrize(
    ("name", "value", "counts"),
    [
        ("RATE", 0.5, True),
        ("RATES", [0.8, 0.5], True),
        ("halved", lambda epoch: 0.25 * epoch, True),
        ("SEEN", 3, True),
        ("SEEN", threading.Lock(), False),  # by its name alone
        ("decay", None, False),
    ],
)
def test_plain_globals_and_functions_beside_it_count(name, value, counts, monkeypatch):
    before = described(of_globals)
    monkeypatch.setitem(globals(), name, value)
    assert (described(of_globals) != before) == counts


def test_what_holds_itself_comes_to_an_end():
    circle = [1]
    circle.append(circle)
    assert described(circle) == "[1, ...]"
    assert described(of_itself) == described(of_itself) != described(of_globals)


@pytest.mark.parametrize(
    "value",
    [
        *(None, 3, 0.1, "text", b"b", "at 0x", (), (1,), [], [(1, "a")], {}, {"a": {1: 2.5}}),
        *({1, 2}, set(), frozenset({1}), frozenset(), range(3), Ellipsis),
        *(np.float64(0.1), np.array([0.1, 0.5, 0.9]), np.arange(6).reshape(2, 3)),
        *(torch.optim.Adam, partial(torch.optim.SGD, momentum=0.9), partial(int, "3", base=8)),
        *(AutoClip(20), Path("runs"), max, np.exp, OrderedDict(a=1)),
    ],
    ids=repr,
)
def test_plain_values_are_what_they_were_before_functions_counted(value):
    # The identity of a training is made of these words: the files of all versions have it.
    assert described(value) == repr(value)


def test_of_what_belongs_to_one_process_the_class_counts(tmp_path):
    optuna = pytest.importorskip("optuna")
    SummaryWriter = pytest.importorskip("torch.utils.tensorboard").SummaryWriter
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study()
    trials = [study.ask(), optuna.create_study().ask()]
    writers = [SummaryWriter(tmp_path / name) for name in "ab"]
    for one, other in (
        (threading.Lock(), threading.Lock()),
        writers,
        trials,
        (Schedule(1, by=writers[0]), Schedule(2, by=writers[1])),
        (decay(writers[0]), decay(writers[1])),
        ([1, writers[0].add_scalar], [1, writers[1].add_scalar]),
    ):
        assert described(one) == described(other)
    assert described(writers[0]) == "<torch.utils.tensorboard.writer.SummaryWriter object>"
    assert described(trials[0]) == "<optuna.trial._trial.Trial object>"
    assert described([1, writers[0]]) != described([2, writers[0]])
    both = [writers[0], writers[0].file_writer]  # each by itself, in any order
    assert described(both) == f"[{', '.join(map(described, both))}]"
    for writer in writers:
        writer.close()


SCRIPT = """
from tests.training.test_described import words_of_all
print(*words_of_all(), sep="\\n")
"""


def words_of_all():
    values = [value for pair in OTHERS.values() for value in pair]
    text = "\n".join(map(described, [*values, set("abcdefgh")]))
    return text.splitlines()


@pytest.mark.slow  # that functions are known in another process: tests/callbacks/test_checkpoint.py
def test_words_are_the_same_in_every_process():
    root = Path(__file__).parents[2]
    # Sets have another order there.
    environment = os.environ | {"PYTHONPATH": str(root), "PYTHONHASHSEED": "1"}
    command = [sys.executable, "-c", SCRIPT]
    said = subprocess.check_output(command, cwd=root, env=environment, text=True)
    assert said.splitlines() == words_of_all()
    assert " at 0x" not in said


def test_modules_of_callbacks_keep_the_names_of_the_first_checkpoints():
    assert described(GradientNorms) == "<class 'seqforecast.callbacks._norms.GradientNorms'>"
