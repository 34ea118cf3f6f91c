"""The parameters of the regressors: which values they take, and what the words mean."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from sklearn.utils import check_random_state
from skorch.callbacks import Callback
from torch import Generator

from seqforecast import nn
from seqforecast._shared.checks import (
    check_flag,
    check_integer,
    check_number,
    check_quantiles,
    check_word,
    is_integer,
    side_of_median,
)
from seqforecast.clipping import AutoClip, ClipNorm, ClippingStrategy, ClipValue, strategy_of
from seqforecast.regressors.observe import OBSERVED_EVERY
from seqforecast.training.scaling import SCALINGS

LOSSES: dict[str, Callable[..., nn.Loss]] = {
    "squared_error": nn.SquaredError,
    "absolute_error": nn.AbsoluteError,
    "huber": nn.Huber,
    "quantile": nn.PinballLoss,
}

# fused: one kernel updates all parameters, where the default starts several for each.
OPTIMIZERS: dict[Any, Callable[..., torch.optim.Optimizer]] = {
    "adam": partial(torch.optim.Adam, fused=True),
    "adamw": partial(torch.optim.AdamW, fused=True),
    "sgd": partial(torch.optim.SGD, fused=True),
    "rmsprop": torch.optim.RMSprop,
}

_STRATEGIES: tuple[type[ClippingStrategy], ...] = (ClipNorm, ClipValue, AutoClip)

_LARGEST = float(np.finfo(np.float32).max)
"""The largest number of float32."""

_OF_THE_NETWORK = (
    "hidden_size",
    "num_layers",
    "n_channels",
    "dropout",
    "nonlinearity",
    "forget_bias",
    "recurrent_init",
    "scaling",
    "loss",
    "quantiles",
    "optimizer",
    "weight_decay",
)


def built_with(params: dict[str, Any]) -> dict[str, Any]:
    """Return the parameters that a network cannot change once it is built."""
    built = {name: params[name] for name in _OF_THE_NETWORK if name in params}
    built["quantiles"] = tuple(float(level) for level in params["quantiles"])  # list or array
    return built


def check_unchanged(params: dict[str, Any], built: dict[str, Any]) -> None:
    """Raise if training is to go on with parameters that only a new network could follow."""
    for name, value in built_with(params).items():
        if value != built[name]:
            raise ValueError(
                f"{name}={value!r}, but the network that is to go on was built with "
                f"{built[name]!r}; the same value is needed. Set it back, or fit anew with "
                "warm_start=False."
            )


def check_nested(params: dict[str, Any], given: dict[str, Any]) -> None:
    """Raise if a parameter is to be set of a value that has none, such as a number.

    Parameters
    ----------
    params : dict
        The parameters of the estimator, before any is set.
    given : dict
        What `set_params` was given; plain parameters are set before nested ones.
    """
    now = params | given
    for key, value in given.items():
        name, nested, inner = key.partition("__")
        holder = now.get(name)
        of_callbacks = name == "callbacks"  # which are told apart by name
        if not nested or of_callbacks or name not in params or _has_parameters(holder):
            continue
        raise ValueError(
            f"{key}={value!r}, but {name}={holder!r:.60}, which has no parameter {inner!r}; "
            + _cure_of_nested(name, inner, value)
        )


def _has_parameters(value: Any) -> bool:
    return hasattr(value, "set_params") and not isinstance(value, type)


def _cure_of_nested(name: str, inner: str, value: Any) -> str:
    """Say what is needed, and what to do, where the value of a parameter has none of its own."""
    if name == "gradient_clipping":
        by_number = f"gradient_clipping={value!r}, or " if inner == "max_norm" else ""
        kind = next((k.__name__ for k in _STRATEGIES if inner in k().get_params()), "ClipNorm")
        return (
            f"a strategy of seqforecast.clipping is needed there. Set {by_number}"
            f"gradient_clipping={kind}() first."
        )
    if name == "optimizer":
        return (
            "a class of torch.optim with its arguments is needed. Set optimizer to one, for "
            "example functools.partial(torch.optim.SGD, momentum=0.9)."
        )
    return f"a value of {name} itself is needed. Set {name} without '__'."


def generators(random_state: Any) -> list[Generator]:
    """Return generators for the first weights, the order of the windows and dropout.

    None draws from the operating system: numpy's global generator is not ours to move.
    """
    if random_state is None:
        seeds = np.random.SeedSequence().generate_state(3)
    else:
        seeds = check_random_state(random_state).randint(2**31 - 1, size=3)
    return [torch.Generator().manual_seed(int(seed)) for seed in seeds]


def check_parameters(params: dict[str, Any]) -> None:
    """Raise a ValueError for the first parameter of a regressor that is out of range."""
    _check_network(params)
    _check_objective(params)
    _check_optimisation(params)
    _check_stopping(params)
    _check_running(params)


def _check_network(params: dict[str, Any]) -> None:
    for name in ("hidden_size", "num_layers", "n_channels"):
        check_integer(name, params[name])
    check_number("dropout", params["dropout"], low=0, high=1)
    check_word("recurrent_init", params["recurrent_init"], ["orthogonal", None])
    check_word("scaling", params["scaling"], SCALINGS)
    if "nonlinearity" in params:
        check_word("nonlinearity", params["nonlinearity"], ["tanh", "relu"])
    if "forget_bias" in params:
        bias = params["forget_bias"]
        if isinstance(bias, str):
            check_word("forget_bias", bias, ["chrono", None], other="a number")
        elif bias is not None:
            check_number("forget_bias", bias)
            _check_single("forget_bias", bias)


def _check_objective(params: dict[str, Any]) -> None:
    check_word("loss", params["loss"], LOSSES)
    check_quantiles(params["quantiles"])


def warn_if_one_sided(params: dict[str, Any], *, stacklevel: int) -> None:
    """Warn of quantiles that all lie on one side of the median, which `predict` gives."""
    side = side_of_median(params["quantiles"]) if params["loss"] == "quantile" else ""
    if side:
        levels = [float(level) for level in params["quantiles"]]
        warnings.warn(
            f"quantiles={tuple(levels)} lie {side} 0.5, but predict, and so score, is of the "
            "median whatever they are; what you asked for is given by predict_quantiles. Score it "
            "with a scorer that calls predict_quantiles and sklearn.metrics.mean_pinball_loss. "
            f"Set quantiles={tuple(sorted([*levels, 0.5]))} to say that the median is meant.",
            stacklevel=stacklevel + 1,
        )


def _check_optimisation(params: dict[str, Any]) -> None:
    _check_optimizer(params["optimizer"])
    check_number("lr", params["lr"], low=0, open_low=True)
    check_number("weight_decay", params["weight_decay"], low=0)
    for name in ("lr", "weight_decay"):
        _check_single(name, params[name])
    check_word("lr_schedule", params["lr_schedule"], ["cosine", None])
    check_integer("batch_size", params["batch_size"])
    check_integer("max_epochs", params["max_epochs"])
    if params["max_steps"] is not None:
        check_integer("max_steps", params["max_steps"])
    strategy_of(params["gradient_clipping"], "gradient_clipping")


def _check_single(name: str, value: Any) -> None:
    """Raise if a number is beyond float32, in which a network computes."""
    if abs(value) > _LARGEST:
        raise ValueError(
            f"{name}={value!r}; a number that float32 holds, up to {_LARGEST:.2g}, is needed. "
            f"Set {name} to such a number."
        )


def _check_optimizer(optimizer: Any) -> None:
    if not callable(optimizer):
        check_word("optimizer", optimizer, OPTIMIZERS, other="a torch.optim class")
        return
    kind = optimizer.func if isinstance(optimizer, partial) else optimizer
    if not (isinstance(kind, type) and issubclass(kind, torch.optim.Optimizer)):
        raise ValueError(
            f"optimizer={kind!r:.60}; a name or a class of torch.optim is needed, not an instance. "
            "Fix arguments with functools.partial(torch.optim.SGD, momentum=0.9)."
        )
    if inspect.signature(kind.step).parameters["closure"].default is inspect.Parameter.empty:
        raise ValueError(
            f"optimizer={kind.__name__}; an optimizer that takes one gradient a step is needed, "
            "and this one evaluates the loss several times. Use 'adam' or torch.optim.AdamW."
        )


def _check_stopping(params: dict[str, Any]) -> None:
    if params["early_stopping"] != "auto":
        if isinstance(params["early_stopping"], str):
            check_word("early_stopping", params["early_stopping"], ["auto"], other="True or False")
        check_flag("early_stopping", params["early_stopping"])
    check_number("validation_fraction", params["validation_fraction"], low=0, high=1, open_low=True)
    check_integer("n_iter_no_change", params["n_iter_no_change"])


def _check_running(params: dict[str, Any]) -> None:
    check_word("observe", params["observe"], OBSERVED_EVERY)
    _check_callbacks(params["callbacks"])
    check_flag("warm_start", params["warm_start"])
    if not isinstance(params["verbose"], bool):
        check_integer("verbose", params["verbose"], minimum=0)
    n_jobs = params["n_jobs"]
    if n_jobs is not None and not (is_integer(n_jobs) and n_jobs != 0):
        raise ValueError(
            f"{n_jobs=}; None or an integer other than 0 is needed. Set n_jobs=-1 for all cores, "
            "-2 for all but one, or None for one thread."
        )
    _check_device(params["device"])


def _check_callbacks(callbacks: Any) -> None:
    if not isinstance(callbacks, list | tuple | None):
        raise ValueError(
            f"callbacks={callbacks!r}; a list of skorch callbacks or None is needed. Put a single "
            "callback into a list."
        )
    for item in callbacks or []:
        callback = item[1] if isinstance(item, tuple) and len(item) == 2 else item
        kind = callback if isinstance(callback, type) else type(callback)
        if not issubclass(kind, Callback):
            raise ValueError(
                f"callbacks holds {item!r}; skorch callbacks, or tuples of a name and one, are "
                "needed. A callback of scikit-learn goes to the method set_callbacks instead."
            )


def quantile_column(level: float, known: tuple[float, ...] | None, owner: str) -> int:
    """Return where a level stands among those that a network forecasts; raise if it does not.

    Parameters
    ----------
    level : float
        In (0, 1).
    known : tuple of float or None
        The attribute `quantiles_` of the fitted regressor.
    owner : str
        The name of its class, for messages.
    """
    if known is None:
        raise ValueError(
            f"{owner} was fitted to forecast one value; quantiles need "
            "loss='quantile'. Set loss='quantile' and the levels in quantiles, then fit again."
        )
    for column, other in enumerate(known):
        if abs(other - level) < 1e-9:
            return column
    raise ValueError(
        f"the quantile {level:g} was asked for, but the network was fitted for "
        f"{known}. Add the level to quantiles and fit again."
    )


def device_of(device: Any) -> str:
    """Return the torch device that the parameter `device` asks for."""
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    return str(device)


def _check_device(device: Any) -> None:
    if device == "auto":
        return
    try:
        kind = torch.device(device).type
    except (RuntimeError, TypeError):
        check_word("device", device, ["auto", "cpu", "cuda"], other="a torch device")
    else:
        if kind != "cpu" and not _computes_on(device):
            raise ValueError(
                f"device={device!r}; a GPU that torch can use is needed, and there is none here. "
                "Set device='auto' to use one where it is found."
            )


def _computes_on(device: Any) -> bool:
    """Tell whether torch has values on a device; on "meta" it has shapes alone."""
    try:
        return bool(torch.ones(1, device=device).item() == 1.0)
    except (RuntimeError, AssertionError, NotImplementedError):
        return False
