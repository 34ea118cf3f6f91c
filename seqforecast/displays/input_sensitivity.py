"""The picture of how much each output moves with each input."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from seqforecast.displays.style import (
    COLOR_MAP,
    LINES,
    SEASON,
    color_bar,
    integer_ticks,
    label_lags,
    legend_above,
    mark_season,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = NDArray[np.float64]

_MARKERS_UP_TO = 30
_LABELS_UP_TO = 12


def draw_input(
    ax: Axes, sensitivity: Array, *, season: int | None, channels: Sequence[str], unit: str
) -> dict[str, Any]:
    """Draw lines for one output and few channels, a map otherwise."""
    n_outputs, window, n_channels = sensitivity.shape
    label = f"|d output / d input|{f' ({unit})' if unit else ''}"
    if n_outputs == 1 and n_channels <= len(LINES):
        artists = _draw_lines(ax, sensitivity[0].T, channels, label)
        artists["season"] = mark_season(ax, season)
        if n_channels > 1 or season is not None:
            legend_above(ax, n_columns=2)
    else:
        artists = _draw_map(ax, sensitivity, channels)
        artists["season"] = _mark_seasons(ax, season, n_outputs, n_channels)
        if season is not None:
            legend_above(ax)
        artists["colorbar"] = color_bar(ax, artists["image"], label)
    label_lags(ax, window)
    return artists


def _draw_lines(ax: Axes, by_channel: Array, channels: Sequence[str], label: str) -> dict[str, Any]:
    """Draw a line a channel."""
    n_channels, window = by_channel.shape
    lines = [
        ax.plot(
            values,
            color=color,
            linestyle=line,
            marker=marker if window <= _MARKERS_UP_TO else None,
            markersize=3,
            label=name if n_channels > 1 else None,
        )[0]
        for name, values, (color, line, marker) in zip(channels, by_channel, LINES, strict=False)
    ]
    ax.set_ylim(bottom=0)
    ax.set_ylabel(label)
    return {"lines": lines}


def _draw_map(ax: Axes, sensitivity: Array, channels: Sequence[str]) -> dict[str, Any]:
    """Draw a row an output, those of a channel together."""
    n_outputs, window, n_channels = sensitivity.shape
    rows = sensitivity.transpose(2, 0, 1).reshape(-1, window)
    image = ax.imshow(rows, aspect="auto", interpolation="nearest", cmap=COLOR_MAP, vmin=0)
    if n_channels == 1:
        _label_outputs(ax, n_outputs)
    else:
        _label_channels(ax, n_outputs, channels)
    return {"image": image}


def _label_outputs(ax: Axes, n_outputs: int) -> None:
    from matplotlib.ticker import FuncFormatter

    ax.set_ylabel("output")
    if n_outputs <= _LABELS_UP_TO:
        ax.set_yticks(np.arange(n_outputs))
    else:
        integer_ticks(ax.yaxis)
    ax.yaxis.set_major_formatter(FuncFormatter(lambda row, _: f"{int(row) + 1}"))


def _label_channels(ax: Axes, n_outputs: int, channels: Sequence[str]) -> None:
    middle = (np.arange(len(channels)) + 0.5) * n_outputs - 0.5
    every = -(-len(channels) // _LABELS_UP_TO)
    ax.set_yticks(middle[::every], list(channels)[::every])
    ax.tick_params(axis="y", length=0)
    ax.set_ylabel("channel" if n_outputs == 1 else f"outputs 1-{n_outputs} by channel")
    if n_outputs > 1:
        for edge in np.arange(1, len(channels)) * n_outputs - 0.5:
            ax.axhline(edge, color="white", linewidth=1)


def _mark_seasons(ax: Axes, season: int | None, n_outputs: int, n_channels: int) -> Any:
    """Mark in each row the newest value that is whole seasons before what the row forecasts."""
    if season is None:
        return None
    lags = np.tile(-np.arange(1, n_outputs + 1) % season, n_channels)
    return ax.plot(
        lags,
        np.arange(len(lags)),
        linestyle="none",
        marker="o",
        markersize=4,
        color=SEASON,
        markeredgecolor="white",
        markeredgewidth=0.6,
        label=f"season {season}",
    )[0]
