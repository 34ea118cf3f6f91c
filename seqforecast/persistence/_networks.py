"""Kinds of the regressors of this package, and of what may be their parameters."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import torch
from skorch.callbacks import EarlyStopping

from seqforecast import callbacks
from seqforecast._scaling import SCALINGS, StandardScaling, WindowScaling
from seqforecast._training_state import KINDS, restore, state_of
from seqforecast.nn.gates import GATE_ORDER
from seqforecast.regressors import GRURegressor, LSTMRegressor, RNNRegressor
from seqforecast.regressors._base import RecurrentRegressor
from seqforecast.regressors._building import new_net
from seqforecast.regressors._inputs import InputForm
from seqforecast.regressors._parameters import check_parameters
from seqforecast.serialization.codec import Kind, Parts, record
from seqforecast.serialization.fields import Each, Numbers, Table, holds, shown

__all__ = ["NETWORKS"]

_LEARNT = {
    **dict.fromkeys(("n_features_in_", "window_", "n_channels_", "n_outputs_"), int),
    "n_validation_": int,
    "quantiles_": (None, Each(tuple, float)),
}
"""What a fit learns, beside the network."""

_NAMES = (Numbers("O", 1), Numbers("U", 1))
_CALLBACKS = (
    EarlyStopping,
    callbacks.EpochBar,
    *(callbacks.GradientClipping, callbacks.GradientFlowRecorder, callbacks.GradientNorms),
)

_OPTIMIZERS = {
    cls.__name__: cls
    for cls in vars(torch.optim).values()
    if isinstance(cls, type) and issubclass(cls, torch.optim.Optimizer)
}


def _regressor(cls: type[RecurrentRegressor]) -> Kind:
    """Return the kind of a regressor: its parameters, and what it learnt."""

    def apart(estimator: RecurrentRegressor) -> Parts:
        learnt = _learnt(estimator) if hasattr(estimator, "net_") else None
        params = estimator.get_params(deep=False)
        params["callbacks"] = _of_any_machine(params["callbacks"])
        return {"params": params, "learnt": learnt}

    def together(parts: Parts) -> RecurrentRegressor:
        estimator = cls(**parts["params"])
        if parts["learnt"] is not None:
            _learn(estimator, parts["learnt"])
        return estimator

    return Kind(f"seqforecast.{cls.__name__}", cls, apart, together)


def _of_any_machine(given: Any) -> Any:
    """Leave checkpoints out: where they write is of this machine, and for no file to say."""
    if not isinstance(given, list | tuple):
        return given
    last = [item[-1] if isinstance(item, tuple) and item else item for item in given]
    kept = [
        item
        for item, callback in zip(given, last, strict=True)
        if not isinstance(callback, callbacks.Checkpoint)
    ]
    return type(given)(kept) if len(kept) == len(given) else kept or None


def _learnt(estimator: RecurrentRegressor) -> Parts:
    return {
        **{name: getattr(estimator, name) for name in _LEARNT},
        "feature_names_in_": getattr(estimator, "feature_names_in_", None),
        "form": estimator._form,
        "built_with": estimator._built_with,
        "net": state_of(estimator.net_),
    }


def _learn(estimator: RecurrentRegressor, learnt: Mapping[str, Any]) -> None:
    """Make an estimator what another one with the same parameters had learnt."""
    for name, what in _LEARNT.items():
        if not holds(what, learnt[name]):
            raise ValueError(f"{name} is {shown(learnt[name])}")
    names, state = learnt["feature_names_in_"], learnt["net"]
    _check_form(learnt, names)
    # Parameters may have been set anew since the network was built.
    builder = type(estimator)(**{**estimator.get_params(deep=False), **learnt["built_with"]})
    builder.set_params(device=_found_device(builder.device))
    check_parameters(builder.get_params(deep=False))
    for one in (estimator, builder):
        for name in _LEARNT:
            setattr(one, name, learnt[name])
        if names is not None:
            one.feature_names_in_ = np.asarray(names)
    estimator._form, estimator._built_with = learnt["form"], learnt["built_with"]
    _check_sizes(builder, state["network"])
    _check_scaling(builder, state["scaling"])
    net = new_net(builder, state["scaling"], [torch.Generator() for _ in range(3)])
    restore(net, state)
    net.module_.eval()
    estimator._keep(net)


def _found_device(device: Any) -> Any:
    """Return "auto" for a device that is not here: a network that was on a GPU goes to the CPU."""
    try:
        if device != "auto":
            torch.zeros(1, device=device).cpu()
    except (AssertionError, NotImplementedError, RuntimeError, TypeError):
        return "auto"
    return device


def _check_form(learnt: Mapping[str, Any], names: Any) -> None:
    """Raise if what is said of the windows contradicts itself."""
    form = learnt["form"]
    if not isinstance(form, InputForm):
        raise ValueError(f"the form of the windows is {shown(form)}")
    sizes = learnt["window_"], learnt["n_channels_"], learnt["n_outputs_"]
    fits = (
        (form.window, form.n_channels, form.n_outputs) == sizes
        and min(sizes) > 0
        and form.y_ndim in (1, 2, 3)
        and form.n_features == learnt["n_features_in_"]
        and (names is None or (holds(_NAMES, names) and len(names) == form.n_features))
        and (form.columns is None or len(form.columns) == form.n_features)
    )
    if not fits:
        raise ValueError("window, channels and names of the columns are not of one form")


def _check_scaling(estimator: RecurrentRegressor, scaling: Any) -> None:
    """Raise if the units are of another number of channels or outputs."""
    if type(scaling) is not SCALINGS[estimator.scaling]:
        raise ValueError(f"scaling={estimator.scaling!r}, but there is {shown(scaling)}")
    channels, outputs = (estimator.n_channels_,), (1, estimator.n_outputs_)
    found, needed = [], []
    if isinstance(scaling, StandardScaling):
        units = scaling._units
        found = [units.level, units.scale, units.target_level, units.target_scale]
        needed = [channels, channels, outputs, outputs]
    if isinstance(scaling, WindowScaling):
        found, needed = [scaling._overall], [channels]
    if [array.shape for array in found] != needed:
        raise ValueError("the units are of another number of channels or outputs")


def _check_sizes(estimator: RecurrentRegressor, network: Mapping[str, torch.Tensor]) -> None:
    """Raise if the arrays are not of the sizes that the parameters say, before any is made."""
    if not holds(Table(str, torch.Tensor), network):
        raise ValueError(f"the weights are {shown(network)}")
    hidden, n_layers = estimator.hidden_size, estimator.num_layers
    n_levels = len(estimator.quantiles_ or (0.5,))
    rows = len(GATE_ORDER[type(estimator).__name__.removesuffix("Regressor")]) * hidden
    if len(network) != 4 * n_layers + 2:
        raise ValueError(f"num_layers={n_layers}, but there are {len(network)} arrays of weights")
    for k in range(n_layers):
        columns = estimator.n_channels_ if k == 0 else hidden
        for name, shape in {
            f"weight_ih_l{k}": (rows, columns),
            f"weight_hh_l{k}": (rows, hidden),
            f"bias_ih_l{k}": (rows,),
            f"bias_hh_l{k}": (rows,),
        }.items():
            _check_shape(network, f"recurrent.{name}", shape)
    outputs = estimator.n_outputs_ * n_levels
    _check_shape(network, "head.linear.weight", (outputs, hidden))
    _check_shape(network, "head.linear.bias", (outputs,))


def _check_shape(network: Mapping[str, torch.Tensor], name: str, shape: tuple[int, ...]) -> None:
    found = tuple(network[name].shape) if name in network else None
    if found != shape:
        raise ValueError(f"{name} has the shape {found}, where the parameters ask for {shape}")


def _callback(cls: type) -> Kind:
    """Return the kind of a callback of skorch, which is its parameters."""

    def apart(callback: Any) -> Parts:
        params = callback.get_params(deep=False)
        # What messages are given to; skorch's own choice is the function print.
        return {"params": {name: v for name, v in params.items() if (name, v) != ("sink", print)}}

    def together(parts: Parts) -> Any:
        return cls(**parts["params"])

    return Kind(f"callback.{cls.__name__}", cls, apart, together)


def _optimizer_class(parts: Parts) -> type:
    name = parts["name"]
    if not isinstance(name, str) or name not in _OPTIMIZERS:
        raise ValueError(f"the optimizer {shown(name)} is not among what can be loaded")
    return _OPTIMIZERS[name]


def _optimizer_parts(cls: type) -> Parts:
    if _OPTIMIZERS.get(cls.__name__) is not cls:
        raise ValueError(f"the class {cls.__module__}.{cls.__qualname__} is none of torch.optim")
    return {"name": cls.__name__}


def _partial(parts: Parts) -> Any:
    if not any(parts["of"] is cls for cls in _OPTIMIZERS.values()):
        raise ValueError("a functools.partial is of no optimizer")
    return partial(parts["of"], **parts["keywords"])


def _partial_parts(bound: Any) -> Parts:
    if bound.args:
        raise ValueError(f"{bound!r} has arguments without names")
    if not any(bound.func is cls for cls in _OPTIMIZERS.values()):
        raise ValueError(f"{bound!r} is of no optimizer of torch.optim")
    return {"of": bound.func, "keywords": dict(bound.keywords)}


_FORM = {
    "owner": str,
    **dict.fromkeys(("window", "n_channels", "y_ndim", "n_outputs"), int),
    "columns": (None, Each(tuple, str)),
}

NETWORKS = (
    *KINDS,
    *(_regressor(cls) for cls in (GRURegressor, LSTMRegressor, RNNRegressor)),
    *(_callback(cls) for cls in _CALLBACKS),
    record("input_form", InputForm, _FORM),
    Kind("optimizer", type, _optimizer_parts, _optimizer_class),
    Kind("partial", partial, _partial_parts, _partial),
)
"""Kinds of values that a regressor of this package may hold."""
