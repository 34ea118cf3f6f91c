"""What a task is given, and what it does with its partition: no Dask in here."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import replace
from typing import Any, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seqforecast.forecasting.backtest import BacktestTask, folds_frame
from seqforecast.forecasting.data.columns import show
from seqforecast.forecasting.data.frames import read_new, to_form
from seqforecast.forecasting.data.lookalikes import Place, find_known, known_ids
from seqforecast.forecasting.data.panel import FutureRows, Panel
from seqforecast.forecasting.data.series_ids import ids_of
from seqforecast.forecasting.forecaster import Forecaster
from seqforecast.forecasting.parts import Parts, parts_of, with_model

SERIES = "seqforecast_series"
"""Where a partition of forecasts carries the names of the series it was made from."""


def shipped(forecaster: Forecaster, levels: Sequence[float], steps: int) -> Forecaster:
    """Return what forecasts any series up to so many steps ahead, without the data of the fit."""
    parts = parts_of(forecaster)
    intervals = parts.intervals.without_data(levels, steps)
    light = with_model(forecaster, parts.model.without_series(), intervals)
    light.padded_ = light.ids_
    return light


def forecast_partition(
    part: pd.DataFrame,
    *others: Any,
    steps: int,
    levels: tuple[float, ...],
    empty: pd.DataFrame,
    whole: bool,
) -> pd.DataFrame:
    """Forecast the series of a partition.

    Parameters
    ----------
    part : DataFrame
        Whole series.
    *others : Forecaster, or DataFrame and Forecaster
        Future rows of these series, where the forecaster knows future features; the light
        forecaster.
    steps : int
        Steps ahead: all are forecast, or those that have future rows.
    levels : tuple of float
        Coverage of intervals in percent.
    empty : DataFrame
        An empty result, whose types all have.
    whole : bool
        Whether no series can be cut.
    """
    *futures, light = others
    unique_id = parts_of(light).form.columns[0]
    future = plain(futures[0], unique_id) if futures else None
    where = _place(futures[0], "future", unique_id) if futures else None
    if part.empty:
        _require_history(future, where, pd.Index([]))
        return _carrying(empty, empty[unique_id])
    panel = _read(light, part, whole)
    _require_history(future, where, panel.ids)
    if future is not None and future.empty:
        return _carrying(empty, panel.ids)
    form, model, intervals = parts_of(light)
    parts = Parts(form, model.with_panel(panel), intervals)
    rows = parts.requested_rows(steps if future is None else future)
    _require_within(rows, steps)
    forecasts = parts.forecasts(rows, level=levels)
    # Partitions are of pandas, whatever the forecaster was fitted to.
    of_pandas = replace(form, library=None, time_kind=None)
    frame = cast(pd.DataFrame, to_form(of_pandas, panel, rows, forecasts))
    return _finished(frame, panel, part, empty)


def backtest_partition(
    part: pd.DataFrame,
    light: Forecaster,
    *,
    cutoffs: NDArray[np.int64],
    horizon: int,
    levels: tuple[float, ...],
    empty: pd.DataFrame,
    whole: bool,
) -> pd.DataFrame:
    """Forecast the series of a partition from earlier cutoffs, positions on the calendar."""
    form, model, intervals = parts_of(light)
    unique_id = form.columns[0]
    if part.empty:
        return _carrying(empty, empty[unique_id])
    panel = _read(light, part, whole)
    task = BacktestTask(light, panel, horizon, levels)
    folds = task.folds_of(model, intervals, cutoffs)
    some = [fold for fold in folds if fold is not None]
    if not some:
        return _carrying(empty, panel.ids)
    return _finished(folds_frame(some, panel, form.columns), panel, part, empty)


def plain(part: Any, unique_id: Hashable) -> Any:
    """Return a frame, or a partition, with the series as a column, were they the index or not."""
    return part if unique_id in part.columns else part.reset_index()


def _read(light: Forecaster, part: pd.DataFrame, whole: bool) -> Panel:
    """Read whole series on the calendar of the fit: a partition may be too short to have one."""
    form, model, _ = parts_of(light)
    unique_id = form.columns[0]
    try:
        panel = read_new(form, model.panel, plain(part, unique_id))
    except ValueError as error:
        if whole:
            raise
        raise ValueError(
            f"A partition cannot be read: {error} Where the rest of a series stands in another "
            f"partition, call ddf.shuffle({unique_id!r}) before."
        ) from error
    place = _place(part, "ddf", unique_id)
    return replace(panel, ids=known_ids(model.ids, panel.ids, "The rows of ddf", place))


def _place(part: pd.DataFrame, frame: str, unique_id: Hashable) -> Place:
    """Tell where a Dask DataFrame has the names of series: `astype` leaves an index alone."""
    return Place(frame if unique_id in part.columns else f"{frame}.reset_index()", unique_id)


def _finished(
    frame: pd.DataFrame, panel: Panel, part: pd.DataFrame, empty: pd.DataFrame
) -> pd.DataFrame:
    """Give the names of series the type that they have in the partition."""
    name, dtype = empty.columns[0], empty.dtypes.iloc[0]
    if isinstance(dtype, pd.CategoricalDtype):  # its categories may be unknown
        dtype = plain(part, name)[name].dtype
    frame[name] = frame[name].astype(dtype)
    return _carrying(frame, panel.ids)


def _carrying(frame: pd.DataFrame, series: Any) -> pd.DataFrame:
    """Attach which series a partition held, also those that have no row in its result."""
    frame = frame.copy(deep=False)
    frame.attrs = {**frame.attrs, SERIES: pd.Index(series)}
    return frame


def _require_history(future: pd.DataFrame | None, where: Place | None, ids: pd.Index) -> None:
    """Refuse future rows of a series that has no history beside them."""
    if future is None or where is None:
        return
    unique_id = where.column
    given = ids_of(future[unique_id])
    strangers = find_known(ids, given, "The rows of future", where) < 0
    if strangers.any():
        name = given[strangers][0]
        raise ValueError(
            f"future has rows of series {show(name)}, of which ddf has none; a forecast needs the "
            f"history of its series. Drop such rows, and give {unique_id!r} one type in both "
            "frames: series are matched by it."
        )


def _require_within(rows: FutureRows, steps: int) -> None:
    """Refuse future rows beyond what was said: intervals are computed for so many steps."""
    if rows.horizon > steps:
        raise ValueError(
            f"future reaches {rows.horizon} steps ahead of what is known, horizon={steps}; so many "
            f"at most are forecast. Pass horizon={rows.horizon}, or fewer rows."
        )
