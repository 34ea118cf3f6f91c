"""How a recurrent network learnt: findings, losses, and how far back its gradient reaches."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from seqforecast._shared.numbers import number, percent
from seqforecast.clipping import ClipNorm
from seqforecast.displays import GradientFlowDisplay, GradientNormDisplay
from seqforecast.gradients.gate_statistics import GATE_NAMES
from seqforecast.gradients.gradient_flow import GradientFlow
from seqforecast.regressors.base import RecurrentRegressor
from seqforecast.reporting.blocks import Block, Details, Figure, Grid, Number, Paragraph, Table
from seqforecast.reporting.svg import Pictures


def training_part(network: RecurrentRegressor, draw: Pictures) -> list[Block]:
    """Return the losses, the norm of the gradient and the clipped share of each epoch."""
    history: pd.DataFrame = network.history_
    clipping = network.net_.clipping
    limit = float(clipping.max_norm) if isinstance(clipping, ClipNorm) else None
    picture = draw.figure(
        "training",
        "Gradient norm, clipped share and losses by epoch",
        _training_words(history),
        lambda ax: GradientNormDisplay(history, threshold=limit).plot(ax=ax),
        height=4.6,
    )
    names = [name for name in _COLUMNS if name in history]
    if not history["skipped_steps"].any():
        names.remove("skipped_steps")
    rows = Table(
        "The training by epoch; losses are in the scaled units that the network works in",
        ["epoch", *(_COLUMNS[name] for name in names)],
        _epoch_rows(history[names]),
        name="epochs",
        tall=True,
    )
    return [Paragraph(_length(network)), Grid([picture, rows])]


def _epoch_rows(history: pd.DataFrame) -> list[list[Any]]:
    columns: list[Any] = [
        [Number(percent(share)) for share in values] if name == "clip_fraction" else values
        for name, values in history.items()
    ]
    return [[str(epoch), *row] for epoch, *row in zip(history.index, *columns, strict=True)]


_COLUMNS = {
    "train_loss": "training loss",
    "valid_loss": "validation loss",
    "grad_norm": "mean norm",
    "grad_norm_max": "largest norm",
    "clip_fraction": "clipped share",
    "skipped_steps": "skipped steps",
}


def _length(network: RecurrentRegressor) -> str:
    epochs = "1 epoch" if network.n_iter_ == 1 else f"{network.n_iter_} epochs"
    valid = (
        f"{network.n_validation_:,} windows were kept for validation"
        if network.n_validation_
        else "no windows were kept for validation, so that nothing tells when it began to overfit"
    )
    return f"Trained for {epochs}; {valid}."


def _training_words(history: pd.DataFrame) -> str:
    first, last = history.iloc[0], history.iloc[-1]
    epochs = f"epoch {history.index[0]} to {history.index[-1]}"
    said = (
        f"From {epochs} the training loss goes from {number(first['train_loss'])} to "
        f"{number(last['train_loss'])}"
    )
    valid = history["valid_loss"].dropna() if "valid_loss" in history else history["lr"][:0]
    if len(valid):
        said += (
            f"; the validation loss from {number(valid.iloc[0])} to {number(valid.iloc[-1])}, the "
            f"smallest is {number(valid.min())} after epoch {valid.idxmin()}"
        )
    said += (
        f". The mean norm of the gradient lies between {number(history['grad_norm'].min())} and "
        f"{number(history['grad_norm'].max())}, the largest is "
        f"{number(history['grad_norm_max'].max())}. "
        f"{percent(float(history['clip_fraction'].mean()))} of the steps were clipped"
    )
    skipped = int(history["skipped_steps"].sum())
    return said + (f", {skipped:,} skipped as not finite." if skipped else ".")


def flow_part(
    flow: GradientFlow, draw: Pictures, *, season: int | None, recorded: bool
) -> list[Block]:
    """Return the pictures of the gradient through time, and of what the gates do."""
    display, window = GradientFlowDisplay(flow), flow.lag_curve.shape[-1]
    marked = season if season is not None and season <= window else None
    several, has_gates = len(flow.epochs) > 1, flow.time_scale is not None
    saturated = "Saturation of the gates" if has_gates else "Saturation of the state"
    kinds = (
        ("heatmap", "Gradient by epoch and lag", _heatmap_words, several),
        ("lag", "Gradient by lag", _lag_words, True),
        ("timescales", "How long units keep their state", _timescale_words, has_gates),
        ("gates", saturated, _gate_words, True),
    )

    def picture(kind: str, title: str, words: Callable[[GradientFlow], str]) -> Figure:
        def plot(ax: Any) -> None:
            display.plot(kind=kind, season=marked, ax=ax)

        return draw.figure(f"flow-{kind}", title, words(flow), plot)

    pictures = [picture(kind, title, words) for kind, title, words, shown in kinds if shown]
    said = _flow_words(flow, recorded=recorded)
    return [Paragraph(said), Grid(pictures), _flow_tables(flow)]


def _flow_words(flow: GradientFlow, *, recorded: bool) -> str:
    n_layers, window = flow.lag_curve.shape[1:]
    how = (
        f"Recorded {len(flow.epochs)} times while the network trained"
        if recorded
        else "Measured now, on windows, because nothing was recorded while the network trained"
    )
    said = (
        f"{how}: how much the forecast moves with the state of the network k steps before the last "
        f"of its {window} steps."
    )
    if n_layers > 1:
        said += (
            f" Of its {n_layers} layers the pictures show the first, which carries all that comes "
            "from the input."
        )
    if not recorded:
        said += " A picture by epoch needs several records: set observe='auto' and fit again."
    return said


def _heatmap_words(flow: GradientFlow) -> str:
    memory = flow.effective_memory[:, 0]
    course = ", ".join(
        f"{number(steps)} after epoch {epoch}"
        for epoch, steps in list(zip(flow.epochs, memory, strict=True))[:: _every(len(memory))]
    )
    return (
        f"A row a record, the newest lag on the left, bright is large. The steps that hold 95 % of "
        f"the gradient, of {flow.lag_curve.shape[-1]}: {course}."
    )


def _every(n: int) -> int:
    return max(1, n // 6)


def _lag_words(flow: GradientFlow) -> str:
    curve, memory = flow.lag_curve[-1, 0], flow.effective_memory[-1, 0]
    lags = sorted({0, len(curve) // 4, len(curve) // 2, len(curve) - 1})
    values = ", ".join(f"{number(curve[lag])} at lag {lag}" for lag in lags)
    half = flow.half_life[-1, 0]
    decay = f"It halves every {number(half)} steps" if np.isfinite(half) else "It does not decay"
    return (
        f"Relative to its largest value the gradient is {values} after epoch {flow.epochs[-1]}. "
        f"{decay}; 95 % of it is within the last {number(memory)} of {len(curve)} steps."
    )


def _timescale_words(flow: GradientFlow) -> str:
    assert flow.time_scale is not None
    first, last = flow.time_scale[0, 0], flow.time_scale[-1, 0]
    gate = GATE_NAMES["f" if "f" in flow.gates else "z"]
    said = (
        f"By its {gate} the median unit of {len(last)} keeps its state for "
        f"{number(np.median(last))} steps, the longest for {_steps(last.max())}"
    )
    if len(flow.epochs) > 1:
        when = f"after epoch {flow.epochs[0]}" if flow.epochs[0] else "before training"
        said += f"; {when} the median was {number(np.median(first))}"
    return f"{said}."


def _steps(value: float) -> str:
    return number(value) if np.isfinite(value) else "ever"


def _gate_words(flow: GradientFlow) -> str:
    shares = "; ".join(
        f"{_gate(name)} low {percent(float(gate.low[-1, 0].mean()))}, high "
        f"{percent(float(gate.high[-1, 0].mean()))}"
        for name, gate in flow.gates.items()
    )
    return f"A mark a unit: the share of steps at which it is saturated. On average: {shares}."


def _flow_tables(flow: GradientFlow) -> Details:
    """Return the numbers of the pictures, folded away."""
    n_layers, window = flow.lag_curve.shape[1:]
    layers = range(n_layers)
    reach = np.stack([flow.effective_memory, flow.half_life], axis=2).reshape(len(flow.epochs), -1)
    by_epoch = Table(
        "Reach of the gradient in steps, by epoch",
        ["epoch", *(f"{what}, layer {k}" for k in layers for what in _REACH)],
        [[str(epoch), *row] for epoch, row in zip(flow.epochs, reach, strict=True)],
        name="flow-memory-table",
        tall=True,
    )
    gates = Table(
        "Gates after the last epoch, means over the units",
        ["gate", "mean", "saturated low", "saturated high"],
        [
            [f"{_gate(name)}, layer {layer}", *_gate_row(gate, layer)]
            for name, gate in flow.gates.items()
            for layer in layers
        ],
        name="flow-gates-table",
    )
    by_lag = Table(
        "Gradient by lag after the last epoch, relative to its largest",
        ["lag", *(f"layer {k}" for k in layers)],
        [[str(lag), *flow.lag_curve[-1, :, lag]] for lag in range(window)],
        name="flow-lag-table",
        tall=True,
    )
    return Details("These pictures as tables", [by_epoch, gates, by_lag])


_REACH = "memory", "half-life"


def _gate(letter: str) -> str:
    return f"{GATE_NAMES[letter]} {letter}" + " (keeps the state)" * (letter == "z")


def _gate_row(gate: Any, layer: int) -> list[Any]:
    mean, low, high = (float(part[-1, layer].mean()) for part in (gate.mean, gate.low, gate.high))
    return [mean, Number(percent(low)), Number(percent(high))]
