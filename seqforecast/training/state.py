"""All that a net has become by training, as arrays and numbers, and back.

What a checkpoint holds, and a saved regressor: weights, optimizer, units, random generators,
history and what the callbacks have seen.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import copy, deepcopy
from functools import partial
from typing import Any

import numpy as np
import torch
from skorch.callbacks import Callback
from skorch.history import History
from torch import Generator, Tensor
from torch.nn import Module

from seqforecast._shared.at_once import as_it_is
from seqforecast.clipping import AutoClip, ClipNorm, ClipOutcome, ClipValue
from seqforecast.gradients.gate_statistics import GateStatistics
from seqforecast.gradients.gradient_flow import GradientFlow, Snapshot
from seqforecast.gradients.probe import is_of_a_probe
from seqforecast.nn import Dropout
from seqforecast.persistence.format.codec import Kind, Parts, record
from seqforecast.persistence.format.fields import Each, Numbers, Table, holds
from seqforecast.training.divergence import parameter_not_finite
from seqforecast.training.net import RecurrentNet
from seqforecast.training.rest import Rest
from seqforecast.training.scaling import NoScaling, StandardScaling, Units, WindowScaling

State = dict[str, Any]


def state_of(net: RecurrentNet) -> State:
    """Return what a net has become, made of values of `KINDS` and plain ones."""
    return {
        "network": _detached(net.module_.state_dict()),
        "optimizer": _detached(net.optimizer_.state_dict()),
        "generators": {name: g.get_state() for name, g in _generators(net).items()},
        "scaling": net.scaling,
        "clipping": net.clipping,
        # Of all batches a file would hold more than of the network; callbacks look at the last.
        "history": [row | {"batches": row["batches"][-1:]} for row in net.history],
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
        _check_moments(net.optimizer_)
        for name, generator in _generators(net).items():
            _set_state(generator, state["generators"][name])
    except (RuntimeError, KeyError, TypeError) as error:
        raise ValueError(f"weights and optimizer are of another network ({error})") from error
    net.scaling, net.clipping = state["scaling"], state["clipping"]
    net.history = History(state["history"])
    net.lr, net.batch_size = state["lr"], state["batch_size"]
    callbacks = dict(net.callbacks_)
    for name, seen in state["callbacks"].items():
        if name in callbacks:
            _remember(callbacks[name], seen)


class NotFiniteError(ValueError):
    """A net cannot forecast, and is not to be saved or loaded."""


def require_finite(net: RecurrentNet) -> None:
    """Raise if a weight or a unit of a net is not finite.

    Raises
    ------
    NotFiniteError
        That names it.
    """
    wrong = parameter_not_finite(net.module_)
    if wrong is None:
        # Of a window of zeros: what units there are beside a window's own.
        units = net.scaling.units(np.zeros((1, 1, net.module_.recurrent.input_size)))
        names = (name for name, part in vars(units).items() if not np.isfinite(part).all())
        wrong = next((f"{name} of the scaling" for name in names), None)
    if wrong is not None:
        raise NotFiniteError(
            f"infinity or NaN is in {wrong}; finite numbers are needed, because this network "
            "cannot forecast. Fit it again: fit leaves finite weights, also where it raises a "
            "DivergenceError."
        )


def as_it_stands(net: RecurrentNet) -> Callable[[], RecurrentNet]:
    """Return what makes a copy of a net as it is now, also when it has been trained on since.

    Until it is called, it costs what `state_of` costs.
    """
    twin = as_it_is(net)
    twin.rest, twin.module_ = Rest(), _frame(net.module_)
    return partial(_parted, twin, state_of(net))


def _frame(module: Module) -> Module:
    """Return a module of the same parts and parameters; nobody will hang other hooks into it."""
    twin: Module = object.__new__(type(module))
    for name, held in module.__dict__.copy().items():
        twin.__dict__[name] = held.copy() if isinstance(held, dict) else held
    hooks = twin._forward_hooks
    for key in [key for key, hook in hooks.items() if is_of_a_probe(hook)]:
        del hooks[key]
    for name, part in twin._modules.items():
        twin._modules[name] = None if part is None else _frame(part)
    return twin


def _parted(twin: RecurrentNet, state: State) -> RecurrentNet:
    """Give a net that shares its parts with another one parts of its own, in some state."""
    net = as_it_is(twin)  # two threads may ask at once
    net.generator = Generator()
    net.module = net.module_ = deepcopy(twin.module_)
    net.criterion = net.criterion_ = deepcopy(twin.criterion_)
    net.callbacks_ = [(name, copy(callback)) for name, callback in twin.callbacks_]
    net.initialize_optimizer()
    # What has a state of its own (a scheduler of torch) is shared, and stays as it is.
    callbacks = dict(net.callbacks_)
    alone = {
        name: {key: v for key, v in seen.items() if not _has_state(callbacks[name], key)}
        for name, seen in state["callbacks"].items()
    }
    restore(net, {**state, "callbacks": alone})
    net.module_.eval()
    return net


def _has_state(callback: Callback, name: str) -> bool:
    return hasattr(getattr(callback, name, None), "load_state_dict")


_OF_THE_RUN = (
    "epochs",
    "steps",
    "best_loss",
    "best_epoch",
    "best_weights",
)
"""Attributes of a run that a training goes on with."""


def progress_of(net: RecurrentNet) -> State:
    """Return where the training of a net stands, in the middle of it."""
    run = net._run
    return {name: getattr(run, name) for name in _OF_THE_RUN} | run.guard.state_dict()


def kind_of(net: RecurrentNet) -> State:
    """Return what a net is: its numbers alone could be those of another kind."""
    recurrent, head = net.module_.recurrent, net.module_.head
    return {
        "cell": recurrent.kernel,
        "channels": recurrent.input_size,
        "hidden_size": recurrent.hidden_size,
        "num_layers": recurrent.num_layers,
        "outputs": head.linear.out_features,
        "loss": type(net.criterion_).__name__,
        "optimizer": type(net.optimizer_).__name__,
        "scaling": type(net.scaling).__name__,
        "weight_decay": float(net.weight_decay),
    }


def check_going_on(net: RecurrentNet, kind: Mapping[str, Any], progress: Mapping[str, Any]) -> None:
    """Raise, before anything is changed, if a net is no place to go on with a training.

    Parameters
    ----------
    net : RecurrentNet
        One whose training has just begun.
    kind : mapping
        What `kind_of` said; empty in files of earlier versions.
    progress : mapping
        What `progress_of` said.
    """
    here = kind_of(net)
    for what, there in kind.items():
        if here.get(what) != there:
            raise ValueError(f"it is of a network with {what}={there!r}, not {here.get(what)!r}")
    epochs, steps = progress["epochs"], progress["epochs"] * net._run.steps_an_epoch
    if steps >= net._run.n_steps:
        raise ValueError(
            f"its training has done {epochs} epochs ({steps} steps), and max_epochs and max_steps "
            f"ask for {net.max_epochs} ({net._run.n_steps}); raise them to go on"
        )


def resume(net: RecurrentNet, state: Mapping[str, Any], progress: Mapping[str, Any]) -> None:
    """Let the training of a net, which has just begun, go on where another one stood.

    How it goes on is told by what the net was given: rate, size of a batch, clipping.
    """
    values = {name: progress[name] for name in _OF_THE_RUN}  # all or nothing
    values["steps"] = values["epochs"] * net._run.steps_an_epoch  # of batches as they are now
    lr, batch_size, clipping = net.lr, net.batch_size, net.clipping
    restore(net, state)
    if lr != net.lr:
        net.use_lr(lr)
    if repr(clipping) != repr(net.clipping):  # else it has learnt already
        net.clipping = clipping
    net.batch_size = batch_size
    net._run.guard.load_state_dict(progress)
    vars(net._run).update(values)


def _check_moments(optimizer: torch.optim.Optimizer) -> None:
    """Raise if a moment has not the form of its parameter: fused kernels would write beside it."""
    for parameter, moments in optimizer.state.items():
        for name, moment in moments.items():
            if not isinstance(moment, Tensor):
                continue
            found = tuple(moment.shape)
            needed = () if name in _SINGLE else tuple(parameter.shape)
            if isinstance(optimizer, torch.optim.Adafactor):  # sums of rows and of columns
                needed = tuple(1 if a == 1 else b for a, b in zip(found, needed, strict=False))
            if found != needed:
                raise ValueError(f"{name} of the optimizer has the shape {found}, not {needed}")


_SINGLE = ("eta", "mu", "mu_product", "step")
"""What optimizers keep of a parameter that is one number."""


def _set_state(generator: Generator, state: Tensor) -> None:
    """Set the state of a generator, whose positions torch does not check against each other."""
    if state.dtype == torch.uint8 and state.ndim == 1 and len(state) >= _STATE.itemsize:
        head = np.frombuffer(state.numpy()[: _STATE.itemsize].tobytes(), _STATE)[0]
        left, following = int(head["left"]), int(head["next"])
        if (left, following) != (1, 0) and left + following != _MERSENNE + 1:
            raise ValueError("the state of a random generator points beside its numbers")
    generator.set_state(state)


_STATE = np.dtype([("seed", "<u8"), ("left", "<i4"), ("seeded", "<i4"), ("next", "<u8")])
"""How torch's state of a generator on the CPU begins."""

_MERSENNE = 624
"""Numbers in the state of a Mersenne twister; torch counts those left, and where the next is."""


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
        if _is_kept(name) and not isinstance(value, type)
    }


def _is_kept(name: str) -> bool:
    return name.endswith("_") and not name.startswith("_")


def _remember(callback: Callback, seen: Mapping[str, Any]) -> None:
    for name, value in seen.items():
        if not _is_kept(name) or hasattr(type(callback), name):
            raise ValueError(f"a {type(callback).__name__} keeps no {name!r}")
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
    strategy, norms = AutoClip(parts["percentile"]), parts["norms"]
    if not holds((None, Each(list, float)), norms):
        raise ValueError("the norms of an AutoClip are no list of numbers")
    if norms is not None:
        strategy.load_state_dict({"norms": norms})
    return strategy


def _auto_clip_parts(strategy: AutoClip) -> Parts:
    return {"percentile": strategy.percentile, "norms": strategy.state_dict().get("norms")}


def _tensor(parts: Parts) -> Tensor:
    return torch.from_numpy(parts["values"])


def _floats(*n_axes: int) -> tuple[Numbers, ...]:
    return tuple(Numbers("f", n) for n in n_axes)


_UNITS = {
    "level": _floats(1, 2, 3),
    "scale": _floats(1, 2, 3),
    "target_level": _floats(2),
    "target_scale": _floats(2),
}
_GATES = Table(str, GateStatistics)
_SNAPSHOT = {
    "epoch": int,
    "log10_curve": _floats(2),
    "gates": _GATES,
    "time_scale": (None, *_floats(2)),
    "spread": _floats(2),
}
_FLOW = {
    "epochs": Numbers("i", 1),
    "lag_curve": _floats(3),
    "scale": _floats(2),
    "gates": _GATES,
    "time_scale": (None, *_floats(3)),
    "spread": _floats(3),
    "input_sensitivity": _floats(3),
}

KINDS = (
    Kind("tensor", Tensor, _tensor_parts, _tensor),
    record("no_scaling", NoScaling, {}),
    record("standard_scaling", StandardScaling, {"_units": Units}),
    record("window_scaling", WindowScaling, {"_overall": _floats(1)}),
    record("units", Units, _UNITS),
    record("clip_norm", ClipNorm, {"max_norm": object}),
    record("clip_value", ClipValue, {"limit": object}),
    Kind("auto_clip", AutoClip, _auto_clip_parts, _auto_clip),
    record("clip_outcome", ClipOutcome, {"norm": float, "clipped": bool, "skipped": bool}),
    record("snapshot", Snapshot, _SNAPSHOT),
    record("gradient_flow", GradientFlow, _FLOW),
    record(
        "gate_statistics", GateStatistics, dict.fromkeys(("mean", "low", "high"), _floats(2, 3))
    ),
)
"""Kinds of values that a training holds."""
