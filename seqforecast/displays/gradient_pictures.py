"""The pictures of one record of the gradient: each function draws one into given axes."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from seqforecast.displays.style import (
    COLOR_MAP,
    FIRST,
    LINES,
    SEASON,
    color_bar,
    halo,
    integer_ticks,
    is_narrow,
    label_lags,
    legend_above,
    legend_within,
    log_scale,
    mark_season,
    plain_ticks,
)
from seqforecast.gradients.effective_memory import decay_fit
from seqforecast.gradients.gate_statistics import GATE_NAMES
from seqforecast.gradients.gradient_flow import GradientFlow

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = NDArray[np.float64]

_DARKEST = -4.0
"""Decades below the largest gradient that have a colour of their own."""

_LOWEST = 1e-6
"""Where the axis of the lag curves ends, relative to the largest gradient."""

_BINS_A_DECADE = 5
_ROWS_NAMED = 11


def draw_heatmap(ax: Axes, flow: GradientFlow, *, layer: int, season: int | None) -> dict[str, Any]:
    """Draw the size of the gradient over lags and epochs."""
    from matplotlib.ticker import MaxNLocator

    curves = flow.lag_curve[:, layer]
    n_records, window = curves.shape
    image = ax.imshow(
        _log10(curves),
        aspect="auto",
        interpolation="nearest",
        cmap=COLOR_MAP,
        vmin=_DARKEST,
        vmax=0,
    )
    memory = _draw_memory(ax, flow.effective_memory[:, layer])
    marked = mark_season(ax, season, on_image=True)
    _label_rows(ax, flow.epochs)
    label_lags(ax, window)
    ax.set(ylabel="epoch", ylim=(n_records - 0.5, -0.5))
    legend_above(ax)
    decades = {"ticks": MaxNLocator(5, integer=True), "format": "$10^{{{x:g}}}$", "extend": "min"}
    colorbar = color_bar(ax, image, _gradient_label(ax), **decades)
    return {"image": image, "colorbar": colorbar, "memory": memory, "season": marked}


def draw_lag(ax: Axes, flow: GradientFlow, *, layer: int, season: int | None) -> dict[str, Any]:
    """Draw the size of the gradient over lags, of the first and of the last record."""
    curves, memory = flow.lag_curve[:, layer], flow.effective_memory[:, layer]
    window = curves.shape[-1]
    artists: dict[str, Any] = {"first": None}
    if len(curves) > 1:
        style = {"color": FIRST, "linestyle": "--"}
        artists["first"] = _draw_curve(ax, curves[0], memory[0], flow.epochs[0], **style)
    style = {"color": LINES[0][0], "linestyle": "-"}
    artists["last"] = _draw_curve(ax, curves[-1], memory[-1], flow.epochs[-1], **style)
    artists["fit"] = _draw_fit(ax, curves[-1])
    artists["season"] = mark_season(ax, season)
    shown = curves[[0, -1]]
    if (shown > 0).any():
        bottom = max(_LOWEST, shown[shown > 0].min() / 2)
        log_scale(ax, bottom, 2)
        ax.set_ylim(bottom, 2)
    label_lags(ax, window)
    ax.set_ylabel(_gradient_label(ax))
    legend_above(ax)
    return artists


def draw_timescales(
    ax: Axes, flow: GradientFlow, *, layer: int, season: int | None
) -> dict[str, Any]:
    """Draw how many units keep their state for how many steps."""
    assert flow.time_scale is not None
    scales, window = flow.time_scale[:, layer], flow.lag_curve.shape[-1]
    edges = _decade_edges(scales[[0, -1]], at_least=max(window, season or 1))
    artists: dict[str, Any] = {"first": None}
    if len(scales) > 1:
        artists["first"] = ax.stairs(
            _counts(scales[0], edges), edges, fill=True, color="0.8", label=_epoch(flow.epochs[0])
        )
    artists["last"] = ax.stairs(
        _counts(scales[-1], edges),
        edges,
        color=LINES[0][0],
        linewidth=1.8,
        label=_epoch(flow.epochs[-1]),
    )
    artists["window"] = _mark_steps(ax, window, "black", ":", "window")
    artists["season"] = (
        None if season is None else _mark_steps(ax, season, SEASON, (0, (4, 2)), "season")
    )
    ax.set_xscale("log")
    plain_ticks(ax.xaxis)
    integer_ticks(ax.yaxis)
    gate = "f" if "f" in flow.gates else "z"
    ax.set(xlabel=f"time scale of a unit, 1/(1 - {gate}) (steps)", ylabel="units")
    legend_above(ax, n_columns=2)
    return artists


def draw_gates(ax: Axes, flow: GradientFlow, *, layer: int) -> dict[str, Any]:
    """Draw for each unit how often its gates are saturated low, and high."""
    artists: dict[str, Any] = {}
    ax.plot([0, 1], [1, 0], color="0.85", linewidth=1, zorder=0)
    for (name, gate), (color, _, marker) in zip(flow.gates.items(), LINES, strict=False):
        artists[name] = ax.scatter(
            gate.low[-1, layer],
            gate.high[-1, layer],
            s=18,
            marker=marker,
            facecolor="none" if marker != "x" else color,
            edgecolor=color,
            linewidth=1,
            label=f"{GATE_NAMES[name].removesuffix(' gate')} {name}",
        )
    ax.set(
        xlabel="share of steps saturated low",
        ylabel="share of steps saturated high",
        xlim=(-0.04, 1.04),
        ylim=(-0.04, 1.04),
    )
    legend_within(ax, "upper right")  # low and high together are at most 1
    return artists


def _gradient_label(ax: Axes) -> str:
    return "relative gradient" if is_narrow(ax) else "gradient, relative to its largest"


def _draw_memory(ax: Axes, steps: Array) -> Any:
    """Draw the edge of the steps that hold most of the gradient, row by row."""
    rows = np.repeat(np.arange(len(steps) + 1) - 0.5, 2)[1:-1]
    return ax.plot(
        np.repeat(steps, 2) - 0.5,
        rows,
        color="white",
        linewidth=1.6,
        path_effects=halo("black"),
        clip_on=False,
        label="memory (95 %)",
    )[0]


def _log10(curves: Array) -> Array:
    """Return the logarithm, finite where a curve is zero."""
    return np.log10(np.maximum(curves, np.finfo(np.float64).tiny))


def _label_rows(ax: Axes, epochs: NDArray[np.int64]) -> None:
    """Put the epochs beside rows that are a record each."""
    from matplotlib.ticker import FuncFormatter

    n_records = len(epochs)
    if n_records <= _ROWS_NAMED:
        ax.set_yticks(np.arange(n_records))
    else:
        integer_ticks(ax.yaxis)
    ax.yaxis.set_major_formatter(FuncFormatter(partial(_row_label, epochs)))


def _row_label(epochs: NDArray[np.int64], row: float, _: Any = None) -> str:
    return f"{epochs[int(row)]}" if 0 <= row < len(epochs) else ""


def _epoch(epoch: int) -> str:
    return "before training" if epoch == 0 else f"after epoch {epoch}"


def _draw_curve(ax: Axes, curve: Array, memory: float, epoch: int, **style: Any) -> Any:
    """Draw a curve over the lags, with a dot at the last step that its memory holds."""
    held = [int(memory) - 1] if memory >= 1 else []
    label = f"{_epoch(epoch)}, memory {memory:g}"
    return ax.plot(curve, marker="o", markersize=5, markevery=held, label=label, **style)[0]


def _draw_fit(ax: Axes, curve: Array) -> Any:
    """Draw the exponential decay that fits a curve best, where there is one."""
    fit = decay_fit(curve)
    if np.isnan(fit.rate):
        return None
    lags, slope = np.arange(1, len(curve)), np.log(fit.rate)
    used = lags[curve[1:] > 0]
    level = np.median(np.log(curve[used]) - slope * used)
    decay = f"half-life {fit.half_life:.3g} steps" if np.isfinite(fit.half_life) else "no decay"
    return ax.plot(
        lags,
        np.exp(level + slope * lags),
        color="black",
        linestyle=":",
        linewidth=1.2,
        label=f"fit: {decay}, r$^2$ {fit.r_squared:.2f}",
    )[0]


def _decade_edges(scales: Array, at_least: float) -> Array:
    """Return the edges of bins of equal width on a logarithmic axis, from 1 step on."""
    largest = max(at_least, scales[np.isfinite(scales)].max(initial=1.0))
    n_bins = int(np.ceil(np.log10(largest) * _BINS_A_DECADE + 1e-9))
    return 10.0 ** (np.arange(n_bins + 1) / _BINS_A_DECADE)


def _counts(scales: Array, edges: Array) -> NDArray[np.int64]:
    """Count the units in each bin; one that keeps its state for ever is in the last."""
    return np.histogram(np.clip(scales, edges[0], edges[-1]), edges)[0]


def _mark_steps(ax: Axes, steps: int, color: str, style: Any, name: str) -> Any:
    """Mark a number of steps on an axis of steps."""
    return ax.axvline(
        steps, color=color, linestyle=style, linewidth=1.2, label=f"{name} ({steps} steps)"
    )
