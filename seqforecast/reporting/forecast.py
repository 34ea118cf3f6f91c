"""The forecast of a forecaster: pictures and tables, of the most telling series where many are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from seqforecast._shared.numbers import number, same_decimals
from seqforecast._shared.time_index import show_time
from seqforecast.displays import ForecastDisplay
from seqforecast.displays.forecast_frames import Frames, index_of
from seqforecast.displays.forecast_read import newest_steps, read_forecast
from seqforecast.forecasting import Forecaster
from seqforecast.forecasting.data.columns import COLUMNS
from seqforecast.forecasting.data.fold_columns import levels_of
from seqforecast.forecasting.data.panel import FutureRows, Panel
from seqforecast.forecasting.parts import parts_of
from seqforecast.reporting.backtest_errors import Measured, shown_levels
from seqforecast.reporting.blocks import (
    Block,
    Details,
    Figure,
    Grid,
    Number,
    Paragraph,
    Stack,
    Table,
)
from seqforecast.reporting.svg import Pictures

_PICTURES = 6
"""Of a panel so many series are shown at most."""

_LAST_LETTER = "\N{LATIN SMALL LETTER EZH WITH CARON}"
"""Up to here matplotlib's own font is complete, and warns of nothing."""

_HORIZONS, _SEASONS = 3, 4
"""What a picture shows of the past, at least."""

_LONGEST_SEASONS = 48
"""Steps that seasons may fill in it: among more of them a few forecast ones are not seen."""

_FEWEST = 24

_MARKED = 12
"""Steps up to which each has marks of its own: a line and a band would be specks."""


@dataclass(frozen=True)
class Chosen:
    """A series that is shown, and why."""

    name: Any
    why: str


def chosen_series(ids: pd.Index, measured: Measured | None) -> list[Chosen]:
    """Choose the series that say most: all of a few, else those forecast worst, median and best."""
    errors = pd.Series(dtype=float) if measured is None else measured.by_series
    errors = errors[ids.get_indexer(index_of(errors.index)) >= 0]
    if errors.empty:
        return [Chosen(name, "") for name in ids[:_PICTURES]]
    metric = str(errors.name).upper()
    if len(ids) <= _PICTURES:
        known = {name: f"{metric} {number(errors[name])}" for name in errors.index}
        return [Chosen(name, known.get(name, "")) for name in ids]
    each = min(_PICTURES // 3, max(1, len(errors) // 3))
    middle = (len(errors) - each) // 2
    places = [*range(each), *range(middle, middle + each), *range(len(errors) - each, len(errors))]
    words = np.repeat(["worst", "median", "best"], each)
    chosen: dict[Any, str] = {}
    for place, word in zip(places, words, strict=True):
        which = f"among the {word}, {metric} {number(errors.iloc[place])}"
        chosen.setdefault(errors.index[place], which)
    return [Chosen(name, why) for name, why in chosen.items()]


def forecast_part(
    forecaster: Forecaster,
    chosen: Sequence[Chosen],
    measured: Measured | None,
    draw: Pictures,
    plan: FutureRows | None,
) -> list[Block]:
    """Return the pictures and tables of the next steps, and what there is to say about them.

    Where they need future features, the plan holds these.
    """
    panel = parts_of(forecaster).panel
    if panel.future_names and plan is None:
        names = ", ".join(map(str, panel.future_names))
        return _of_measured(forecaster, chosen, measured, draw, names)
    levels = shown_levels(forecaster)
    frames = read_forecast(
        forecaster,
        plan,
        level=list(levels) or None,
        ids=[one.name for one in chosen],
        n_history=_n_history(forecaster),
        truth=None,
    )
    content: list[Block] = [Paragraph(_introduction(forecaster, frames, len(chosen)))]
    if not levels:
        content.append(Paragraph(_no_intervals(forecaster)))
    parts = [
        part
        for place, one in enumerate(chosen)
        for part in _one_series(frames, one, place, draw, alone=len(chosen) == 1)
    ]
    return [*content, Grid(parts)]


def _n_history(forecaster: Forecaster) -> int:
    """Return how many steps of the past tell how the forecast goes on, and leave room for it."""
    seasons = min(_SEASONS * forecaster.season_[0], _LONGEST_SEASONS)
    return max(_HORIZONS * int(forecaster.horizon), seasons, _FEWEST)


def _introduction(forecaster: Forecaster, frames: Frames, n_chosen: int) -> str:
    panel = parts_of(forecaster).panel
    horizon = int(forecaster.horizon)
    steps = "The next step" if horizon == 1 else f"The next {horizon} steps"
    end = panel.grid.label(int(panel.last.max()))
    known = "whose value is known" if panel.future_names else "that the forecaster knows"
    said = f"{steps} after {end}, the newest step {known}."
    if unplanned := panel.n_series - frames.n_series:
        said += (
            f" Not forecast: {unplanned:,} of {panel.n_series:,} series, for lack of a row for "
            "each of these steps."
        )
    if n_chosen < frames.n_series:
        said += (
            f" {n_chosen} of {frames.n_series:,} series are shown: those with the largest, the "
            "median and the smallest errors below."
        )
    if levels_of(frames.forecast):
        said += (
            " The bands are intervals that are meant to hold each value with the probability "
            "beside them."
        )
    return said


def _no_intervals(forecaster: Forecaster) -> str:
    if forecaster.intervals == "quantile":
        return "There are no intervals: the quantiles of the regressor come in no pair."
    return "There are no intervals: the series are too short to measure how far forecasts err."


def _one_series(
    frames: Frames, one: Chosen, place: int, draw: Pictures, *, alone: bool
) -> list[Block]:
    """Return the picture and the table of one series."""
    forecast, history = (_of(frame, one.name) for frame in (frames.forecast, frames.history))
    label = str(one.name)
    title = f"Forecast of {label}" + (f" ({one.why})" if one.why and not alone else "")
    picture = draw.figure(
        f"forecast-{place}",
        title,
        _description(forecast, history),
        lambda ax: _draw(ax, forecast, history, one.name),
    )
    rows = Table(
        f"Forecast of {label}",
        ["time", "forecast", *(name for _, name in _ends(forecast))],
        _rows(forecast, history),
        name=f"forecast-table-{place}",
        tall=True,
    )
    if alone:
        return [picture, rows]
    return [Stack([picture, Details("The same as a table", [rows])])]


def _draw(
    ax: Any, forecast: pd.DataFrame, history: pd.DataFrame, name: Any, truth: Any = None
) -> None:
    drawn = ForecastDisplay(forecast, history=history, truth=truth).plot(ax=ax, naive=False)
    if len(forecast) <= _MARKED:
        _mark(drawn, forecast)
    ax.set_ylabel(_short(name))


def _mark(drawn: ForecastDisplay, forecast: pd.DataFrame) -> None:
    """Mark each step, which stand at the end of their lines, and draw bars for its intervals."""
    steps = len(forecast)
    (line,) = drawn.artists_["forecast"]
    line.set(marker="o", markersize=5, markevery=slice(-steps, None))
    for came in drawn.artists_["truth"]:
        came.set(marker="x", markersize=6, markevery=slice(-steps, None))
    for level, (band,) in drawn.artists_["bands"].items():
        ends = (forecast[f"{end}-{level}"].to_numpy(float) for end in ("lo", "hi"))
        style = {"colors": band.get_facecolor(), "zorder": band.get_zorder(), "linewidth": 4}
        drawn.ax_.vlines(line.get_xdata()[-steps:], *ends, **style)


def _short(name: Any) -> str:
    """Return what of a name fits beside an axis; nothing of what matplotlib's font cannot write.

    The whole name stands below the picture.
    """
    text = str(name)
    if not text.isprintable() or max(text, default="") > _LAST_LETTER:
        return ""
    return (text if len(text) <= 28 else f"{text[:25]}...").replace("$", r"\$")


def _of(frame: pd.DataFrame, name: Any) -> pd.DataFrame:
    """Return the rows of one series, whose name may be a tuple."""
    return frame[index_of([name]).get_indexer(index_of(frame["unique_id"])) == 0]


def _ends(forecast: pd.DataFrame) -> list[tuple[str, str]]:
    """Return the columns of the ends of intervals, and what they are called in a table."""
    return [
        (f"{short}-{level}", f"{end} {level}\N{NO-BREAK SPACE}%")
        for level in levels_of(forecast)
        for short, end in (("lo", "low"), ("hi", "high"))
    ]


def _rows(forecast: pd.DataFrame, history: pd.DataFrame) -> list[list[Any]]:
    names = ["y_hat", *(name for name, _ in _ends(forecast))]
    columns = [_aligned(forecast[name].tolist(), _spread(forecast, history)) for name in names]
    return [list(row) for row in zip(map(show_time, forecast["ds"]), *columns, strict=True)]


def _spread(forecast: pd.DataFrame, history: pd.DataFrame) -> float:
    """Return how far values lie apart: that says how many of their decimals matter."""
    values = np.concatenate([forecast["y_hat"].to_numpy(float), history["y"].to_numpy(float)])
    values = values[np.isfinite(values)]
    return float(np.ptp(values) or np.abs(values).max()) if len(values) else 0.0


def _aligned(values: Sequence[float], spread: float) -> list[Number]:
    """Write values with the decimals that tell them apart."""
    return [Number(text) for text in same_decimals(values, spread, 3, unknown="unknown", comma=",")]


def _description(forecast: pd.DataFrame, history: pd.DataFrame) -> str:
    """Say what the picture of a forecast shows."""
    spread = _spread(forecast, history)
    y_hat = forecast["y_hat"].to_numpy(float)
    begin, end, low, high = _aligned([y_hat[0], y_hat[-1], y_hat.min(), y_hat.max()], spread)
    first, last = show_time(forecast["ds"].iloc[0]), show_time(forecast["ds"].iloc[-1])
    known = history["y"].dropna()
    said = (
        f"The last known value is {_aligned([known.iloc[-1]], spread)[0]}. " if len(known) else ""
    )
    if len(y_hat) == 1:
        said += f"The forecast for {first} is {begin}"
    else:
        said += (
            f"The forecast begins with {begin} at {first} and ends with {end} at {last}; it lies "
            f"between {low} and {high}"
        )
    for level in levels_of(forecast)[-1:]:
        ends = [forecast[f"{end}-{level}"].iloc[-1] for end in ("lo", "hi")]
        low, high = _aligned(ends, spread)
        said += f". The {level}\N{NO-BREAK SPACE}% interval of the last step is {low} to {high}"
    return f"{said}."


def _of_measured(
    forecaster: Forecaster,
    chosen: Sequence[Chosen],
    measured: Measured | None,
    draw: Pictures,
    names: str,
) -> list[Block]:
    """Show the newest steps that were measured, where the future needs features nobody gave."""
    content: list[Block] = [
        Paragraph(
            f"The next steps are not forecast here: that takes the future values of {names}. Pass "
            "data with a row for each of these steps, its target NaN. Below are the newest steps "
            "whose features and values are known."
        )
    ]
    if measured is None:
        return content
    n_history = _n_history(forecaster)
    parts = [
        _newest(rows, _past(measured.panel, one.name, rows, n_history), one, place, draw)
        for place, one in enumerate(chosen)
        if len(rows := _newest_rows(_of(measured.folds, one.name)))
    ]
    return [*content, Grid(parts)]


def _newest_rows(folds: pd.DataFrame) -> pd.DataFrame:
    """Return the forecasts from the newest cutoff."""
    return folds[folds["cutoff"] == folds["cutoff"].max()]


def _newest(
    rows: pd.DataFrame, history: pd.DataFrame, one: Chosen, place: int, draw: Pictures
) -> Figure:
    """Return the picture of the newest forecast that was measured of a series."""
    truth = rows[list(COLUMNS)]
    came = _aligned([rows["y"].iloc[-1]], _spread(rows, history))[0]
    return draw.figure(
        f"forecast-{place}",
        f"Newest measured forecast of {one.name}" + (f" ({one.why})" if one.why else ""),
        f"{_description(rows, history)} The actual value at the last step is {came}.",
        lambda ax: _draw(ax, rows, history, one.name, truth),
    )


def _past(panel: Panel, name: Any, rows: pd.DataFrame, n_history: int) -> pd.DataFrame:
    """Return what was known before some steps."""
    one = panel.ids.get_indexer(index_of([name]))
    cutoff = panel.grid.positions(pd.Index(rows["cutoff"]))[:1]
    known = panel.take(one, cutoff + 1 - panel.first[one])
    return newest_steps(known, np.array([0]), n_history)
