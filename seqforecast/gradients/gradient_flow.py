"""What is seen of the gradient while a network trains: one snapshot, and the record of all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor, nn

from seqforecast.gradients.effective_memory import effective_memory, half_life
from seqforecast.gradients.gate_statistics import (
    KEEP_GATE,
    GateStatistics,
    gate_statistics,
    time_scale,
)
from seqforecast.gradients.lag_gradients import relative_curve
from seqforecast.gradients.probe import NetworkProbe
from seqforecast.nn.gates import cell_name

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Snapshot:
    """What one look at a network found; arrays as in `GradientFlow`, without the records' axis."""

    epoch: int
    log10_curve: Array
    gates: dict[str, GateStatistics]
    time_scale: Array | None
    spread: Array

    @property
    def effective_memory(self) -> float:
        """Steps that the first layer's gradient reaches back."""
        return float(effective_memory(relative_curve(self.log10_curve)[0]))


@dataclass(frozen=True, eq=False, repr=False)
class GradientFlow:
    """How far back the forecast of a network reaches, seen several times while it trained.

    What `gradient_flow` returns and what stands in `gradient_flow_` after a fit. The gradient is
    that of the forecast from the last step (one terminal loss), in the units that the network
    works in; where it forecasts several values, that of their sum with random signs, whose square
    is the sum of the squares on average. With several layers the first one carries all that comes
    from the input: where one number is needed, it is that of layer 0.

    Parameters
    ----------
    epochs : ndarray of shape (n_records,)
        Number of epochs trained when each record was taken; 0 is before training. The last one is
        of the weights that the fit kept, whichever epoch they are from; `partial_fit` records at
        the epochs of the schedule only.
    lag_curve : ndarray of shape (n_records, n_layers, window)
        Size of the gradient by lag, relative to its largest value: ``[..., k]`` is the root mean
        square, over the windows, of its norm by the state k steps before the last one (c of an
        LSTM, h otherwise).
    scale : ndarray of shape (n_records, n_layers)
        The largest value that `lag_curve` is relative to.
    gates : dict of str to GateStatistics
        Mean and saturation of every gate, arrays of shape (n_records, n_layers, hidden).
    time_scale : ndarray of shape (n_records, n_layers, hidden) or None
        Steps that the forget gate (LSTM) or update gate (GRU) of each unit keeps its state.
    spread : ndarray of shape (n_records, n_layers, hidden)
        Standard deviation of each unit's state over windows and steps; 0 is a dead unit.
    input_sensitivity : ndarray of shape (n_outputs, window, n_channels)
        Mean absolute derivative of each output by each input, by lag: ``[:, k]`` is k steps before
        the last one. Standard deviations of the target by standard deviation of the channel, with
        ``scaling="standard"``. Of the last record.

    Attributes
    ----------
    effective_memory : ndarray of shape (n_records, n_layers)
        Steps that hold 95 % of the gradient; see `seqforecast.gradients.effective_memory`.
    half_life : ndarray of shape (n_records, n_layers)
        Steps over which the gradient halves; see `seqforecast.gradients.half_life`.

    Examples
    --------
    >>> from seqforecast import LSTMRegressor, make_windows
    >>> from seqforecast.datasets import load_airline
    >>> X, y = make_windows(load_airline(), window=24)
    >>> model = LSTMRegressor(max_epochs=5, random_state=0).fit(X, y)
    >>> flow = model.gradient_flow_
    >>> flow.epochs
    array([0, 1, 2, 3, 5])
    >>> flow.lag_curve.shape
    (5, 1, 24)
    >>> list(flow.frame().columns)
    ['epoch', 'layer', 'lag', 'gradient']
    """

    epochs: NDArray[np.int64]
    lag_curve: Array
    scale: Array
    gates: dict[str, GateStatistics]
    time_scale: Array | None
    spread: Array
    input_sensitivity: Array

    @classmethod
    def of(cls, snapshots: Sequence[Snapshot], input_sensitivity: Array) -> GradientFlow:
        """Put snapshots, in the order of time, into one record."""
        log10 = np.stack([snapshot.log10_curve for snapshot in snapshots])
        names = snapshots[0].gates
        scales = [snapshot.time_scale for snapshot in snapshots if snapshot.time_scale is not None]
        with np.errstate(over="ignore"):
            peak = 10.0 ** log10.max(axis=-1)
        return cls(
            epochs=np.array([snapshot.epoch for snapshot in snapshots], dtype=np.int64),
            lag_curve=relative_curve(log10),
            scale=peak,
            gates={name: _stacked([shot.gates[name] for shot in snapshots]) for name in names},
            time_scale=np.stack(scales) if scales else None,
            spread=np.stack([snapshot.spread for snapshot in snapshots]),
            input_sensitivity=input_sensitivity,
        )

    @cached_property
    def effective_memory(self) -> Array:
        """Steps that hold 95 % of the gradient."""
        return np.asarray(effective_memory(self.lag_curve))

    @cached_property
    def half_life(self) -> Array:
        """Steps over which the gradient halves."""
        return np.asarray(half_life(self.lag_curve))

    def frame(self) -> pd.DataFrame:
        """Return the lag curves as a table.

        Returns
        -------
        pandas.DataFrame
            One row an epoch, layer and lag, with the relative gradient.
        """
        n_records, n_layers, window = self.lag_curve.shape
        return pd.DataFrame(
            {
                "epoch": np.repeat(self.epochs, n_layers * window),
                "layer": np.tile(np.repeat(np.arange(n_layers), window), n_records),
                "lag": np.tile(np.arange(window), n_records * n_layers),
                "gradient": self.lag_curve.ravel(),
            }
        )

    def __repr__(self) -> str:
        n_records, n_layers, window = self.lag_curve.shape
        memory = self.effective_memory[:, 0]
        course = " -> ".join(f"{steps:g}" for steps in memory[[0, -1][: len(memory)]])
        return (
            f"<GradientFlow: {n_records} record(s) of {n_layers} layer(s), window {window}, "
            f"epochs {self.epochs[0]} to {self.epochs[-1]}, effective memory {course} steps>"
        )


def probe_rows(n: int, n_windows: int) -> NDArray[np.int64]:
    """Return the rows of the windows that are looked at: evenly spread, the same every time."""
    return np.linspace(0, n - 1, min(n, n_windows)).round().astype(np.int64)


def take_snapshot(
    network: nn.Module, forecast: Callable[[], Tensor], *, epoch: int
) -> tuple[Snapshot, NetworkProbe]:
    """Look at a network once; return what was found, and the probe for more.

    Parameters
    ----------
    network : torch.nn.Module
        A network with a recurrent layer.
    forecast : callable
        Runs the network on the probe windows; returns a Tensor of shape (n, n_outputs).
    epoch : int
        Number of epochs trained.
    """
    probe = NetworkProbe(network, forecast)
    scans, _ = probe.scan(_signs(probe.forecast))
    runs, cell = probe.runs, cell_name(probe.layer)
    gates = {name: torch.stack([run.gates[name] for run in runs]) for name in runs[0].gates}
    keep = KEEP_GATE[cell]
    states = torch.stack([run.h for run in runs])
    snapshot = Snapshot(
        epoch=epoch,
        log10_curve=np.stack([scan.log10_curve() for scan in scans]),
        gates=gate_statistics(gates),
        time_scale=None if keep is None else time_scale(gates[keep]),
        spread=states.double().flatten(1, 2).std(dim=1, correction=0).cpu().numpy(),
    )
    return snapshot, probe


def input_sensitivity(probe: NetworkProbe) -> Array:
    """Return the mean absolute derivative of each output by each input, by lag."""
    gradients = probe.input_gradients().double().abs().mean(dim=1)
    return np.ascontiguousarray(gradients.cpu().numpy()[:, ::-1])


def _signs(forecast: Tensor) -> Tensor:
    """Return fixed random signs, a row a window; one output needs none.

    The expected square of a gradient with random signs is the sum of the squares over the outputs
    (M. F. Hutchinson 1990), at the price of a single one.
    """
    if forecast.shape[1] == 1:
        return torch.ones_like(forecast)
    own = Generator().manual_seed(0)
    signs = torch.randint(0, 2, tuple(forecast.shape), generator=own)
    return (2 * signs - 1).to(forecast)


def _stacked(statistics: Sequence[GateStatistics]) -> GateStatistics:
    return GateStatistics(
        *(np.stack([getattr(s, part) for s in statistics]) for part in ("mean", "low", "high"))
    )
