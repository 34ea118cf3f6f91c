"""Kinds of the regressors of this package, and of what may be their parameters."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from skorch.callbacks import EarlyStopping

from seqforecast import callbacks
from seqforecast._shared.at_once import as_it_is
from seqforecast.persistence.format.codec import Kind, Parts, record
from seqforecast.persistence.format.fields import Each, shown
from seqforecast.regressors import GRURegressor, LSTMRegressor, RNNRegressor
from seqforecast.regressors.base import RecurrentRegressor
from seqforecast.regressors.inputs import InputForm
from seqforecast.regressors.saved import learnt_by, restore_learnt
from seqforecast.training.state import KINDS

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
        estimator = as_it_is(estimator)  # a fit in another thread may end meanwhile
        learnt = learnt_by(estimator) if hasattr(estimator, "net_") else None
        params = estimator.get_params(deep=False)
        params["callbacks"] = _of_any_machine(params["callbacks"])
        return {"params": params, "learnt": learnt}

    def together(parts: Parts) -> RecurrentRegressor:
        estimator = cls(**parts["params"])
        if parts["learnt"] is not None:
            restore_learnt(estimator, parts["learnt"])
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
