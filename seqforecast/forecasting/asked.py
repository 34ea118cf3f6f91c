"""What predict is asked for, and the forecasts of it: what a Forecaster shares with its streams."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Number
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqforecast._checks import check_integer
from seqforecast.forecasting.frames import Form, read_future
from seqforecast.forecasting.intervals import Intervals, checked_levels, forecast_columns
from seqforecast.forecasting.model import SeriesModel
from seqforecast.forecasting.panel import FutureRows

__all__ = ["asked_rows", "forecasts_of"]

_MOST_BLOCKS = 10_000
"""Of the horizon: a minute or so, and four times as long for twice as many."""


def asked_rows(form: Form, model: SeriesModel, X: Any) -> FutureRows:
    """Return what ``predict(X)`` asks for."""
    panel = model.panel
    if X is None or isinstance(X, Number | str):
        steps = model.horizon if X is None else X
        check_integer("the number of steps", steps)
        return panel.future_rows(int(steps))  # type: ignore[arg-type]
    rows = read_future(form, panel, X)
    if panel.future_names:
        _require_whole_blocks(model, rows)
    return rows


def forecasts_of(
    model: SeriesModel, intervals: Intervals, rows: FutureRows, level: Any
) -> dict[str, NDArray[np.float64]]:
    """Return forecasts and ends of intervals, a value a row, by column name."""
    levels: Sequence[float] = checked_levels(level)
    _require_few_blocks(model, rows)
    if levels:
        intervals.prepare(levels, rows.horizon)
    return forecast_columns(model, rows, levels, intervals)


def _require_few_blocks(model: SeriesModel, rows: FutureRows) -> None:
    """Refuse what would take hours: each block is forecast from all those before."""
    horizon, steps = model.horizon, rows.horizon
    if steps > _MOST_BLOCKS * horizon:
        raise ValueError(
            f"{steps} steps ahead were asked for, {-(-steps // horizon)} blocks of {horizon=}, "
            f"each made of the forecasts before it; at most {_MOST_BLOCKS} blocks are possible. "
            f"Fit with a horizon of {-(-steps // _MOST_BLOCKS)} or more, or ask for fewer steps."
        )


def _require_whole_blocks(model: SeriesModel, rows: FutureRows) -> None:
    """Refuse future features of a part of the steps that are forecast at once."""
    panel, horizon = model.panel, model.horizon
    given = np.zeros(panel.n_series, dtype=np.int64)
    np.maximum.at(given, rows.series, rows.step)
    partial = given % horizon > 0
    if partial.any():
        series = int(np.argmax(partial))
        n, needed = given[series], -(-given[series] // horizon) * horizon
        label = panel.calendar.label(int(panel.last[series] + needed))
        fewer = f"leave the last {n % horizon} out" if n > horizon else f"fit with a horizon of {n}"
        raise ValueError(
            f"The future features of {n} step(s) of series {panel.ids[series]!r} were given; "
            f"all steps of a block of {horizon=} read them, so {needed} are needed. Append "
            f"rows with what is planned up to {label}, or {fewer}. In a cross-validation, pass "
            f"cv=TimeSeriesSplit(..., test_size={horizon}), or a multiple of it."
        )
