"""What a fitted regressor has learnt, as it is saved, and made of it again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from seqforecast.nn.gates import GATE_ORDER
from seqforecast.persistence.format.fields import Each, Numbers, Table, holds, shown
from seqforecast.regressors.base import RecurrentRegressor
from seqforecast.regressors.inputs import InputForm
from seqforecast.regressors.parameters import check_parameters
from seqforecast.training.net import RecurrentNet
from seqforecast.training.scaling import SCALINGS
from seqforecast.training.state import require_finite, restore, state_of

_LEARNT = {
    **dict.fromkeys(("n_features_in_", "window_", "n_channels_", "n_outputs_"), int),
    "n_validation_": int,
    "quantiles_": (None, Each(tuple, float)),
}
"""What a fit learns, beside the network."""

_NAMES = (Numbers("O", 1), Numbers("U", 1))


def learnt_by(estimator: RecurrentRegressor) -> dict[str, Any]:
    """Return what a fitted regressor has learnt, by name; its parameters go beside it."""
    net = estimator.net_
    return {
        **{name: getattr(estimator, name) for name in _LEARNT},
        "feature_names_in_": getattr(estimator, "feature_names_in_", None),
        "form": estimator._form,
        "built_with": estimator._built_with,
        "net": net.rest.read(net, _finite_state),
    }


def _finite_state(net: RecurrentNet) -> dict[str, Any]:
    require_finite(net)
    return state_of(net)


def restore_learnt(estimator: RecurrentRegressor, learnt: Mapping[str, Any]) -> None:
    """Make an estimator what another one with the same parameters had learnt.

    Every size is held against the parameters before an array of it is made.

    Raises
    ------
    ValueError
        If the parts do not fit together.
    """
    for name, what in _LEARNT.items():
        if not holds(what, learnt[name]):
            raise ValueError(f"{name} is {shown(learnt[name])}")
    names, state = learnt["feature_names_in_"], learnt["net"]
    _check_form(learnt, names)
    built_with = {**learnt["built_with"]}
    built_with.setdefault("n_channels", _former_channels(estimator, learnt))
    # Parameters may have been changed since the network was built.
    builder = type(estimator)(**{**estimator.get_params(deep=False), **built_with})
    builder.set_params(device=_found_device(builder.device))
    check_parameters(builder.get_params(deep=False))
    for one in (estimator, builder):
        for name in _LEARNT:
            setattr(one, name, learnt[name])
        if names is not None:
            one.feature_names_in_ = np.asarray(names)
    estimator._form, estimator._built_with = learnt["form"], built_with
    _check_sizes(builder, state["network"])
    _check_scaling(builder, state["scaling"])
    net = builder._build_net(state["scaling"], [torch.Generator() for _ in range(3)])
    restore(net, state)
    require_finite(net)
    net.module_.eval()
    estimator._keep(net)


def _former_channels(estimator: RecurrentRegressor, learnt: Mapping[str, Any]) -> int:
    """Return what `n_channels` was, for a file from before it was kept with the network.

    Windows of three dimensions tell their channels themselves, beside ``n_channels=1``.
    """
    channels: int = learnt["n_channels_"]
    return 1 if estimator.n_channels == 1 else channels


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
    if not scaling.has_learnt(estimator.n_channels_, estimator.n_outputs_):
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
