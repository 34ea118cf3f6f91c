"""What one training did, as plain values: calls, history, weights, files, warnings, errors."""

import json
import pickle
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

import numpy as np
import torch
from safetensors.torch import load as load_safetensors
from skorch.callbacks import Callback
from skorch.dataset import Dataset
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch import Tensor
from torch.optim.lr_scheduler import LRScheduler
from tqdm import tqdm

from tests.callbacks.contract.known import NOBODY_READS, without_known

OF_BATCHES = ("on_batch_begin", "on_batch_end", "on_grad_computed")
MODE_SET = ("on_batch_end", "on_grad_computed", "on_epoch_end")
"""Hooks before which a net has said whether its module trains."""


class Log(list):
    """What recorders and all their copies write to; a pickle of it is empty."""

    def __reduce__(self):
        return Log, ()


@dataclass
class Seen:
    """All that can be seen of a training."""

    calls: list[Any] = field(default_factory=Log)
    history: list[Any] = field(default_factory=list)
    weights: dict[str, Any] = field(default_factory=dict)
    callbacks: list[Any] = field(default_factory=list)
    files: dict[str, Any] = field(default_factory=dict)
    book: list[Any] = field(default_factory=list)
    warnings: list[Any] = field(default_factory=list)
    error: BaseException | None = None
    native: list[bool] = field(default_factory=Log)


class Epochs(Callback):
    """Writes down each call but those of batches."""

    def __init__(self, who, calls, native):
        self.who = who
        self.calls = calls
        self.native = native

    def note(self, hook, net, **kwargs):
        row = dict(net.history[-1]) if net.history else {}
        batches = row.pop("batches", [])
        row = {} if hook in OF_BATCHES else row
        self.calls.append(
            {
                "who": self.who,
                "hook": hook,
                "kwargs": describe(kwargs) if self.who == "after" else sorted(kwargs),
                "row": row_of(row),
                "n_batches": len(batches),
                "batch": describe(batches[-1] if batches else {}),
                "net": [net.max_epochs, net.batch_size, net.verbose, net.lr, len(net.history)],
                "trains": hook in MODE_SET and net.module_.training,
                "lrs": [group["lr"] for group in net.optimizer_.param_groups],
            }
        )

    def on_train_begin(self, net, **kwargs):
        self.note("on_train_begin", net, **kwargs)

    def on_train_end(self, net, **kwargs):
        self.note("on_train_end", net, **kwargs)

    def on_epoch_begin(self, net, **kwargs):
        self.note("on_epoch_begin", net, **kwargs)

    def on_epoch_end(self, net, **kwargs):
        self.note("on_epoch_end", net, **kwargs)
        if hasattr(net, "_run"):
            self.native.append(net._run.native is not None)


class Batches(Epochs):
    """Writes down each call."""

    def on_batch_begin(self, net, **kwargs):
        self.note("on_batch_begin", net, **kwargs)

    def on_batch_end(self, net, **kwargs):
        self.note("on_batch_end", net, **kwargs)

    def on_grad_computed(self, net, named_parameters, **kwargs):
        named = [(name, p, p.grad, p.requires_grad) for name, p in named_parameters]
        self.note("on_grad_computed", net, named_parameters=named, **kwargs)


def describe(value):
    """Return a value as numbers, texts, arrays, lists and dicts, to be compared."""
    if isinstance(value, Tensor):
        return value.detach().cpu().numpy().copy()
    if isinstance(value, np.ndarray):
        return value.copy()
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, dict):
        return {key: describe(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [describe(inner) for inner in value]
    if isinstance(value, str | int | float | None):
        return value
    return _describe_object(value)


def _describe_object(value):
    if isinstance(value, Dataset):
        return ["dataset", describe(value.X), describe(value.y)]
    if isinstance(value, LRScheduler):
        return describe(value.state_dict())
    if isinstance(value, tqdm):
        return ["bar", value.n, value.total, value.postfix]
    return value.__qualname__ if isinstance(value, type) else type(value).__name__


def row_of(row):
    """Return a row of the history, or what was made of one, without the known differences."""
    return describe(without_known(row))


def history_of(net):
    """Return all rows, each with its batches."""
    return [row_of(row) for row in net.history.to_list()]


def state_of(callback):
    """Return what a callback has seen: attributes that end in an underscore."""
    state = {
        name: value
        for name, value in vars(callback).items()
        if name.endswith("_") and name not in NOBODY_READS
    }
    return [type(callback).__name__, describe(state)]


def files_of(place, X):
    """Return what lies in the folder, and in the open files, by name."""
    place.flush()
    found = {path: path.read_bytes() for path in sorted(place.folder.rglob("*")) if path.is_file()}
    named = {str(path.relative_to(place.folder)): content for path, content in found.items()}
    named |= {name: stream.getvalue() for name, stream in place.streams.items()}
    contents = {
        name: _content(name, content, X)
        for name, content in named.items()
        if "tfevents" not in name
    }
    if len(contents) < len(named):
        contents["events"] = _events(place.folder)
    return contents


def _content(name, content, X):
    if not content:
        return "empty"
    if name.endswith(".json"):
        return [row_of(row) for row in json.loads(content)]
    if name.endswith(".pkl"):
        net = pickle.loads(content)
        forecast = net.predict(X).astype(np.float64)
        return [history_of(net), describe(dict(net.module_.state_dict())), forecast]
    if content.startswith(b"PK"):  # a zip file
        return describe(torch.load(BytesIO(content), weights_only=True))
    return describe(load_safetensors(content))


def _events(folder):
    events = EventAccumulator(str(folder), size_guidance={"scalars": 0}).Reload()
    tags = events.Tags()
    scalars = {tag: [[e.step, e.value] for e in events.Scalars(tag)] for tag in tags["scalars"]}
    return [row_of(scalars), tags["histograms"]]
