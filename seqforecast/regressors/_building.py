"""From parameters to a net that is ready to train."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

import torch
from torch import Generator

from seqforecast import nn
from seqforecast._scaling import Scaling
from seqforecast._sizes import require_memory
from seqforecast._threads import computing
from seqforecast._training import RecurrentNet
from seqforecast.regressors._observe import Observer
from seqforecast.regressors._parameters import LOSSES, OPTIMIZERS, own_callback

if TYPE_CHECKING:
    from seqforecast._batches import WindowDataset
    from seqforecast.regressors._base import RecurrentRegressor

__all__ = ["levels_of", "new_net", "require_room"]

_OF_A_PARAMETER = 12
"""Bytes, at least: its value, its gradient and the best value so far."""

_OF_A_LAYER = 4_096
"""Bytes of the objects that hold its four arrays, at least."""

_OF_A_VALUE = 20
"""Bytes of a value of the input: as it is gathered, scaled, and in float32."""


def levels_of(estimator: RecurrentRegressor) -> tuple[float, ...] | None:
    """Return the levels that a network is to forecast, increasing; None where it has no quantiles.

    The median is always among them: it is what `predict` gives.
    """
    if estimator.loss != "quantile":
        return None
    return tuple(sorted({float(level) for level in estimator.quantiles} | {0.5}))


def require_room(estimator: RecurrentRegressor, data: WindowDataset) -> None:
    """Raise if the network and one batch can never fit into the memory of this machine.

    Parameters
    ----------
    estimator : RecurrentRegressor
        It knows its windows, outputs and levels.
    data : WindowDataset
        The training windows.
    """
    hidden, layers = int(estimator.hidden_size), int(estimator.num_layers)
    gates = 1 if hasattr(estimator, "nonlinearity") else 3  # an LSTM has 4
    levels = 1 if estimator.quantiles_ is None else len(estimator.quantiles_)
    outputs, channels = levels * estimator.n_outputs_, estimator.n_channels_
    parameters = gates * hidden * (channels + (2 * layers - 1) * hidden) + outputs * hidden
    n, steps = min(int(estimator.batch_size), len(data)), data.y[0].size // estimator.n_outputs_
    states = (gates + 1) * hidden * layers
    batch = n * (estimator.window_ * (_OF_A_VALUE * channels + 4 * states) + 8 * steps * outputs)
    require_memory(
        _OF_A_PARAMETER * parameters + _OF_A_LAYER * layers + batch,
        f"hidden_size={hidden}, num_layers={layers}, batches of {n} windows of "
        f"{estimator.window_} steps and {outputs} outputs",
        "Use a smaller network, a smaller batch_size, shorter windows or fewer quantiles.",
    )


def new_net(
    estimator: RecurrentRegressor, scaling: Scaling, generators: Sequence[Generator]
) -> RecurrentNet:
    """Return a net with first weights.

    Parameters
    ----------
    estimator : RecurrentRegressor
        It knows its windows, outputs and levels.
    scaling : Scaling
        The fitted units.
    generators : sequence of three torch.Generator
        Sources of the first weights, the order of the windows and the dropout masks.
    """
    weights, order, dropout = generators
    with computing(1):  # LAPACK rounds by the number of threads
        network = _network(estimator, weights, dropout)
    criterion = LOSSES[estimator.loss]
    if estimator.quantiles_ is not None:
        criterion = partial(criterion, estimator.quantiles_)
    names = getattr(estimator, "feature_names_in_", None)
    net = RecurrentNet(
        network,
        criterion(),
        optimizer=OPTIMIZERS.get(estimator.optimizer, estimator.optimizer),
        scaling=scaling,
        generator=order,
        weight_decay=estimator.weight_decay,
        feature_names=None if names is None else list(names),
        lr=estimator.lr,
        callbacks=[
            ("gradient_flow", Observer()),
            *(own_callback(callback) for callback in estimator.callbacks or []),
        ],
        device=_device(estimator.device),
        verbose=estimator.verbose,
    )
    return net.initialize()


def _network(
    estimator: RecurrentRegressor, weights: Generator, dropout: Generator
) -> nn.RecurrentNetwork:
    recurrent = estimator._recurrent_layer(weights)
    recurrent.dropout.generator = dropout
    if estimator.recurrent_init == "orthogonal":
        nn.orthogonal_(recurrent, generator=weights)
    bias = getattr(estimator, "forget_bias", None)
    if bias is not None:
        nn.forget_gate_bias_(recurrent, bias, window=estimator.window_, generator=weights)
    hidden, n_outputs, levels = estimator.hidden_size, estimator.n_outputs_, estimator.quantiles_
    head: torch.nn.Module
    if levels is None:
        head = nn.LinearHead(hidden, n_outputs, generator=weights)
    else:
        head = nn.QuantileHead(hidden, n_outputs, levels, generator=weights)
    return nn.RecurrentNetwork(recurrent, head, estimator.dropout, generator=dropout)


def _device(device: str) -> str:
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    return str(device)
