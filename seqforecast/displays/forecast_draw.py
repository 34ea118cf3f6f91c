"""The series of a picture of forecasts: what is drawn into the axes of one, and its time axis."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seqforecast.displays.forecast_frames import DS, Y
from seqforecast.displays.style import BLUE, VERMILLION, integer_ticks, text_size, width
from seqforecast.forecasting.data.fold_columns import CUTOFF, NAIVE, Y_HAT, levels_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = NDArray[Any]

_STYLES: dict[str, dict[str, Any]] = {
    "history": {"color": "0.35", "linewidth": 1.1},
    "actual": {"color": "black", "linewidth": 0.9, "zorder": 2.4},
    "forecast": {"color": BLUE, "linestyle": (0, (5, 1)), "linewidth": 1.7, "zorder": 2.3},
    "seasonal naive": {"color": VERMILLION, "linestyle": (0, (2, 1.5)), "linewidth": 0.9},
    "cutoff": {"color": "0.5", "linewidth": 0.6, "zorder": 1.6},
}

_PALEST, _DARKEST = 0.16, 0.42
"""How much blue is in the widest and in the narrowest band. Bands are opaque: where one lies upon
another, the legend shows its colour as it is."""


def draw_series(
    ax: Axes, forecast: pd.DataFrame, history: pd.DataFrame, truth: pd.DataFrame, *, naive: bool
) -> dict[str, Any]:
    """Draw one series: what was known, the forecasts of each cutoff, and the actual values."""
    observed = pd.concat([part for part in (history, truth) if len(part)] or [history])
    folds = list(_folds(ax, forecast, observed))
    lines: dict[str, Any] = {"history": [], "truth": [], "naive": [], "cutoffs": []}
    if len(history):
        lines["history"] = _line(ax, history[DS], history[Y], "history")
    if len(truth):
        came = observed.iloc[max(len(history) - 1, 0) :]  # from the last known value on
        lines["truth"] = _line(ax, came[DS], came[Y], "actual")
    lines["forecast"] = [line for fold in folds for line in fold.line(Y_HAT, "forecast")]
    if naive and NAIVE in forecast:
        lines["naive"] = [line for fold in folds for line in fold.line(NAIVE, "seasonal naive")]
    levels = levels_of(forecast)
    shades = np.linspace(_DARKEST, _PALEST, len(levels))
    lines["bands"] = {
        level: [fold.band(level, shade, zorder=1 - k / 1000) for fold in folds]
        for k, (level, shade) in enumerate(zip(levels, shades, strict=True))
    }
    if len(truth):
        lines["cutoffs"] = [fold.mark() for fold in folds]
    return lines


@dataclass(frozen=True)
class _Fold:
    """The forecasts from one cutoff, in the order of their times."""

    ax: Axes
    rows: pd.DataFrame
    cutoff: Any
    known: float  # the value at the cutoff, NaN where there is none: all lines begin there

    def line(self, name: str, label: str) -> list[Any]:
        times, values = self._from_cutoff(self.rows[name])
        return _line(self.ax, times, values, label)

    def band(self, level: str, shade: float, zorder: float) -> Any:
        times, low = self._from_cutoff(self.rows[f"lo-{level}"])
        _, high = self._from_cutoff(self.rows[f"hi-{level}"])
        style: dict[str, Any] = {"color": _pale(shade), "zorder": zorder, "label": f"{level} %"}
        x = _x(times)
        if len(x) == 1:  # has no area
            return self.ax.vlines(x, low, high, linewidth=5, **style)
        return self.ax.fill_between(x, low, high, linewidth=0, **style)

    def mark(self) -> Any:
        at = _x(pd.Index([self.cutoff]))[0]
        return self.ax.axvline(at, label="cutoff", **_STYLES["cutoff"])

    def _from_cutoff(self, column: pd.Series) -> tuple[pd.Index, Array]:
        times, values = pd.Index(self.rows[DS]), column.to_numpy(dtype=np.float64)
        if np.isnan(self.known):
            return times, values
        return times.insert(0, self.cutoff), np.append(self.known, values)


def _folds(ax: Axes, forecast: pd.DataFrame, observed: pd.DataFrame) -> Iterator[_Fold]:
    """Yield the forecasts from each cutoff, oldest cutoff first."""
    times, values = pd.Index(observed[DS]), observed[Y].to_numpy(dtype=np.float64)
    for cutoff in pd.Index(forecast[CUTOFF]).unique().sort_values():
        place = int(times.get_indexer(pd.Index([cutoff]))[0])
        rows = forecast[forecast[CUTOFF] == cutoff].sort_values(DS)
        yield _Fold(ax, rows, cutoff, values[place] if place >= 0 else np.nan)


def _line(ax: Axes, times: Any, values: Any, label: str) -> list[Any]:
    """Draw a line that breaks where values are missing; one between two such is a dot."""
    style = _STYLES[label]
    y = np.asarray(values, dtype=np.float64)
    known = np.pad(np.isfinite(y), 1)
    alone = np.flatnonzero(known[1:-1] & ~known[:-2] & ~known[2:])
    if len(alone):
        style = {"marker": "o", "markersize": 2.4, "markevery": alone.tolist()} | style
    return ax.plot(_x(times), y, label=label, **style)


def _x(times: Any) -> Array:
    """Return times as numbers or time stamps that matplotlib draws; those with a zone in UTC."""
    index = pd.Index(times)
    if isinstance(index, pd.PeriodIndex):
        index = index.to_timestamp()
    if isinstance(index, pd.DatetimeIndex) and index.tz is not None:
        index = index.tz_convert(None)
    return index.to_numpy()


def _pale(share: float) -> tuple[float, float, float]:
    """Mix so much blue into white."""
    from matplotlib.colors import to_rgb

    red, green, blue = (1 - share * (1 - part) for part in to_rgb(BLUE))
    return red, green, blue


def time_axis(ax: Axes, dtype: Any) -> None:
    """Put few and readable ticks on the axis of times of a dtype; name what they do not tell."""
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    if pd.api.types.is_integer_dtype(dtype):
        integer_ticks(ax.xaxis)
        ax.set_xlabel("step")
        return
    zone = getattr(dtype, "tz", None)
    locator = AutoDateLocator(tz=zone, minticks=3, maxticks=min(3 + int(width(ax)), 8))
    ax.xaxis.set_major_locator(locator)
    ax.xaxis.set_major_formatter(ConciseDateFormatter(locator, tz=zone))
    ax.xaxis.get_offset_text().set_fontsize(text_size(ax))
    if zone is not None:
        ax.set_xlabel(str(zone))
