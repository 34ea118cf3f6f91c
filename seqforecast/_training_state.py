"""All that a net has become by training, as arrays and numbers, and back.

What a checkpoint holds, and a saved regressor: weights, optimizer, units, random generators,
history and what the callbacks have seen.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import torch
from skorch.callbacks import Callback
from skorch.history import History
from torch import Generator, Tensor

from seqforecast._observation import GradientFlow, Snapshot
from seqforecast._scaling import NoScaling, StandardScaling, Units, WindowScaling
from seqforecast._training import RecurrentNet
from seqforecast.clipping import AutoClip, ClipNorm, ClipOutcome, ClipValue
from seqforecast.gradients.gates import GateStatistics
from seqforecast.nn import Dropout
from seqforecast.serialization.codec import Kind, Parts, record

__all__ = ["KINDS", "restore", "state_of"]

State = dict[str, Any]


def state_of(net: RecurrentNet) -> State:
    """Return what a net has become, made of values of `KINDS` and plain ones."""
    return {
        "network": _detached(net.module_.state_dict()),
        "optimizer": _detached(net.optimizer_.state_dict()),
        "generators": {name: g.get_state() for name, g in _generators(net).items()},
        "scaling": net.scaling,
        "clipping": net.clipping,
        "history": net.history.to_list(),
        "callbacks": {
            name: state for name, callback in net.callbacks_ if (state := _seen_by(callback))
        },
        "lr": net.lr,
        "batch_size": net.batch_size,
    }


def restore(net: RecurrentNet, state: Mapping[str, Any]) -> None:
    """Make a net, newly built with the same parameters, what another one had become.

    Raises
    ------
    ValueError
        If the state is that of a net of another form.
    """
    try:
        net.module_.load_state_dict(state["network"])
        net.optimizer_.load_state_dict(state["optimizer"])
        for name, generator in _generators(net).items():
            generator.set_state(state["generators"][name])
    except (RuntimeError, KeyError, TypeError) as error:
        raise ValueError(f"weights and optimizer are of another network ({error})") from error
    net.scaling, net.clipping = state["scaling"], state["clipping"]
    net.history = History(state["history"])
    net.lr, net.batch_size = state["lr"], state["batch_size"]
    callbacks = dict(net.callbacks_)
    for name, seen in state["callbacks"].items():
        if name in callbacks:
            _remember(callbacks[name], seen)


def _generators(net: RecurrentNet) -> dict[str, Generator]:
    dropout = {
        name: module.generator
        for name, module in net.module_.named_modules()
        if isinstance(module, Dropout) and module.generator is not None
    }
    return {"order": net.generator, **dropout}


def _seen_by(callback: Callback) -> State:
    """Return what a callback keeps from epoch to epoch: attributes that end in an underscore."""
    return {
        name: value.state_dict() if hasattr(value, "state_dict") else _detached(value)
        for name, value in vars(callback).items()
        if name.endswith("_") and not name.startswith("_") and not isinstance(value, type)
    }


def _remember(callback: Callback, seen: Mapping[str, Any]) -> None:
    for name, value in seen.items():
        holder: Any = getattr(callback, name, None)
        if hasattr(holder, "load_state_dict"):
            holder.load_state_dict(value)
        else:
            setattr(callback, name, value)


def _detached(value: Any) -> Any:
    """Return tensors on the CPU, without a history of their own, within dicts and lists."""
    if isinstance(value, Tensor):
        return value.detach().cpu().clone()
    if isinstance(value, Mapping):
        return {key: _detached(inner) for key, inner in value.items()}
    if type(value) in (list, tuple):
        return type(value)(_detached(inner) for inner in value)
    return value


def _tensor_parts(tensor: Tensor) -> Parts:
    return {"values": tensor.detach().cpu().numpy()}


def _auto_clip(parts: Parts) -> AutoClip:
    strategy = AutoClip(parts["percentile"])
    if parts["norms"] is not None:
        strategy._recent = deque(map(float, parts["norms"]))
        strategy._ordered = sorted(strategy._recent)
    return strategy


def _auto_clip_parts(strategy: AutoClip) -> Parts:
    norms = list(strategy._recent) if hasattr(strategy, "_recent") else None
    return {"percentile": strategy.percentile, "norms": norms}


def _dataclass(name: str, cls: Any) -> Kind:
    return record(name, cls, [field.name for field in fields(cls)], make=cls)


KINDS = (
    Kind("tensor", Tensor, _tensor_parts, lambda parts: torch.from_numpy(parts["values"])),
    record("no_scaling", NoScaling, []),
    record("standard_scaling", StandardScaling, ["_units"]),
    record("window_scaling", WindowScaling, ["_overall"]),
    _dataclass("units", Units),
    record("clip_norm", ClipNorm, ["max_norm"]),
    record("clip_value", ClipValue, ["limit"]),
    Kind("auto_clip", AutoClip, _auto_clip_parts, _auto_clip),
    _dataclass("clip_outcome", ClipOutcome),
    _dataclass("snapshot", Snapshot),
    _dataclass("gradient_flow", GradientFlow),
    _dataclass("gate_statistics", GateStatistics),
)
"""Kinds of values that a training holds."""
