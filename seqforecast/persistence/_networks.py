"""Kinds of the regressors of this package, and of what may be their parameters."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import torch
from skorch.callbacks import EarlyStopping

from seqforecast import callbacks
from seqforecast._training_state import KINDS, restore, state_of
from seqforecast.nn.gates import GATE_ORDER
from seqforecast.regressors import GRURegressor, LSTMRegressor, RNNRegressor
from seqforecast.regressors._base import RecurrentRegressor
from seqforecast.regressors._building import new_net
from seqforecast.regressors._inputs import InputForm
from seqforecast.regressors._parameters import check_parameters
from seqforecast.serialization.codec import Kind, Parts, record

__all__ = ["NETWORKS"]

_LEARNT = ("n_features_in_", "window_", "n_channels_", "n_outputs_", "n_validation_", "quantiles_")

_OPTIMIZERS = {
    cls.__name__: cls
    for cls in vars(torch.optim).values()
    if isinstance(cls, type) and issubclass(cls, torch.optim.Optimizer)
}


def _regressor(cls: type[RecurrentRegressor]) -> Kind:
    """Return the kind of a regressor: its parameters, and what it learnt."""

    def apart(estimator: RecurrentRegressor) -> Parts:
        learnt = _learnt(estimator) if hasattr(estimator, "net_") else None
        return {"params": estimator.get_params(deep=False), "learnt": learnt}

    def together(parts: Parts) -> RecurrentRegressor:
        estimator = cls(**parts["params"])
        if parts["learnt"] is not None:
            _learn(estimator, parts["learnt"])
        return estimator

    return Kind(f"seqforecast.{cls.__name__}", cls, apart, together)


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
    # A device that is not here is no reason to refuse: the network goes to the CPU.
    check_parameters({**estimator.get_params(deep=False), "device": "auto"})
    for name in _LEARNT:
        setattr(estimator, name, learnt[name])
    if learnt["feature_names_in_"] is not None:
        estimator.feature_names_in_ = np.asarray(learnt["feature_names_in_"])
    estimator._form, estimator._built_with = learnt["form"], learnt["built_with"]
    state = learnt["net"]
    _check_sizes(estimator, state["network"])
    generators = [torch.Generator() for _ in range(3)]
    net = new_net(estimator, state["scaling"], generators)
    restore(net, state)
    net.module_.eval()
    estimator._keep(net)


def _check_sizes(estimator: RecurrentRegressor, network: Mapping[str, torch.Tensor]) -> None:
    """Raise if the arrays are not of the sizes that the parameters say, before any is made."""
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
        return {"params": callback.get_params(deep=False)}

    def together(parts: Parts) -> Any:
        return cls(**parts["params"])

    return Kind(f"callback.{cls.__name__}", cls, apart, together)


def _optimizer_class(parts: Parts) -> type:
    name = parts["name"]
    if name not in _OPTIMIZERS:
        raise ValueError(f"the optimizer {name!r} is not among what can be loaded")
    return _OPTIMIZERS[name]


def _optimizer_parts(cls: type) -> Parts:
    if _OPTIMIZERS.get(cls.__name__) is not cls:
        raise ValueError(f"the class {cls.__qualname__} is none of torch.optim")
    return {"name": cls.__name__}


def _partial(parts: Parts) -> Any:
    if parts["of"] not in _OPTIMIZERS.values():
        raise ValueError("a partial is of no optimizer")
    return partial(parts["of"], **parts["keywords"])


def _partial_parts(bound: Any) -> Parts:
    if bound.args:
        raise ValueError("a functools.partial has arguments without names")
    return {"of": bound.func, "keywords": dict(bound.keywords)}


NETWORKS = (
    *KINDS,
    *(_regressor(cls) for cls in (GRURegressor, LSTMRegressor, RNNRegressor)),
    *(_callback(getattr(callbacks, name)) for name in callbacks.__all__),
    _callback(EarlyStopping),
    record(
        "input_form",
        InputForm,
        ("owner", "window", "n_channels", "y_ndim", "n_outputs", "columns"),
        make=InputForm,
    ),
    Kind("optimizer", type, _optimizer_parts, _optimizer_class),
    Kind("partial", partial, _partial_parts, _partial),
)
"""Kinds of values that a regressor of this package may hold."""
