"""Whether the parts of a Forecaster that was loaded fit together.

Every size that something is later made of is held against arrays that are in the file, so that no
file can ask for more than a few times its own size.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from seqforecast.containers.frames import DATE, LIBRARIES, TIMESTAMP
from seqforecast.forecasting import Forecaster
from seqforecast.forecasting.arrays.baseline import BASELINES
from seqforecast.forecasting.arrays.lookback import Lookback
from seqforecast.forecasting.arrays.ragged import offsets_of
from seqforecast.forecasting.data.panel import FutureRows, Panel
from seqforecast.forecasting.data.reading import Form
from seqforecast.forecasting.data.time_grid import TimeGrid
from seqforecast.forecasting.model.intervals import Conformal
from seqforecast.forecasting.model.regressor_adapter import reads_windows
from seqforecast.forecasting.model.series_model import SeriesModel
from seqforecast.forecasting.model.stream_model import StreamModel
from seqforecast.forecasting.stream import ForecastStream

_FURTHEST = 2**53
"""Positions in a calendar, to either side."""

_LONGEST_SPAN, _SPAN_BY_ROWS = 2_000_000, 1_000
"""Steps from the first time of a panel to the last one: so many, or so many a row."""

_LAGS_BY_STEPS, _FEW_LAGS = 2, 100
"""Lags in a row: a few, and so many for each step of the longest series."""


def check_form(form: Form) -> None:
    """Raise if results are to have a form that no data have."""
    if form.library not in (None, *LIBRARIES) or form.time_kind not in (None, DATE, TIMESTAMP):
        raise ValueError(f"a form has the library {form.library!r} and times {form.time_kind!r}")


def check_grid(grid: TimeGrid) -> None:
    """Raise if a calendar has no next time, or times that are no integers of 64 bits."""
    uneven = grid.step == 0
    offset: Any = grid.offset
    kind = type(grid).__name__
    dates = isinstance(grid.dtype, pd.DatetimeTZDtype) or getattr(grid.dtype, "kind", "") == "M"
    fits = {
        "_Integers": not uneven and offset is None and _is_integer(grid.dtype),
        "_Periods": not uneven and isinstance(grid.dtype, pd.PeriodDtype),
        "_Stamps": not uneven and dates,
        "_UnevenStamps": uneven and dates,
    }[kind]
    steps_on = kind == "_Integers" or (offset is not None and offset.n > 0)
    within = abs(grid.first) < 2**62 and 0 <= grid.step < 2**62
    if not (fits and steps_on and within):
        raise ValueError("a calendar does not go on from step to step")


def _is_integer(dtype: Any) -> bool:
    return bool(pd.api.types.is_integer_dtype(dtype))


def check_panel(panel: Panel) -> None:
    """Raise if the series of a panel do not fill its rows, or lie too far from each other."""
    panel.__post_init__()  # freezes the arrays
    tables = (panel.past, panel.future, panel.static)
    names = (panel.past_names, panel.future_names, panel.static_names)
    if len(panel.offsets) < 2 or panel.offsets[0] != 0:
        raise ValueError("a panel has no series")
    lengths, n_rows = panel.lengths, len(panel.values)
    fits = (
        len(panel.ids) == len(lengths) == len(panel.first) == len(panel.static)
        and panel.ids.is_unique
        and (lengths > 0).all()
        and (offsets_of(lengths) == panel.offsets).all()
        and panel.offsets[-1] == n_rows == len(panel.past) == len(panel.future)
        and [table.shape[1] for table in tables] == [len(some) for some in names]
    )
    if not fits:
        raise ValueError("the series of a panel do not fill its rows")
    low, high = int(panel.first.min()), int(panel.last.max())
    span, longest = high - low, max(_LONGEST_SPAN, _SPAN_BY_ROWS * n_rows)
    if max(-low, high) > _FURTHEST or span > longest:
        raise ValueError(f"the series of a panel lie {span} steps from each other")


def check_lookback(lookback: Lookback) -> None:
    """Raise if a size is not positive, or the seasons are not in order."""
    seasons = lookback.seasons
    increasing = all(a < b for a, b in pairwise(seasons))
    sizes = (lookback.n_lags, lookback.window, lookback.horizon, *seasons)
    if not (seasons and increasing and min(sizes) > 0):
        raise ValueError("seasons, lags, window and horizon are not positive")


def check_model(model: SeriesModel) -> None:
    """Raise if the parts of a model are of different sizes."""
    panel, lookback, n_fitted = model.panel, model.lookback, len(model.ids)
    n_series, longest = panel.n_series, int(panel.lengths.max())
    window = model.window if model.adapter.windows else 1
    units, fitted = model.units, model.fitted_units
    widths = panel.past.shape[1], panel.future.shape[1], panel.static.shape[1]
    fits = (
        model.window >= 1
        and model.horizon >= 1
        and model.window + model.horizon <= longest
        and (lookback.window, lookback.horizon) == (window, model.horizon)
        and lookback.n_lags <= _LAGS_BY_STEPS * longest + _FEW_LAGS
        and lookback.season <= longest
        and len(model.values) == len(panel.values)
        and len(model.members) == n_series
        and (model.members >= -1).all()
        and (model.members < n_fitted).all()
        and len(units.mean) == len(units.scale) == n_series
        and len(fitted.mean) == len(fitted.scale) == n_fitted
        and model.features.n_features == widths
    )
    if not fits:
        raise ValueError("the model of a Forecaster is of other series, or of other sizes")
    _check_baseline(model)
    _check_adapter(model)


def _check_baseline(model: SeriesModel) -> None:
    baseline: Any = model.baseline_
    fits = type(baseline) is BASELINES.get(model.baseline)
    if fits and model.baseline == "linear":
        shape = (len(model.ids) + 1, len(baseline.coefficients))
        fits = baseline.common.shape == baseline.by_series.shape == shape
    if not fits:
        raise ValueError("the baseline of a Forecaster is of another kind or size")


def _check_adapter(model: SeriesModel) -> None:
    adapter, width = model.adapter, len(model.row_names())
    each = adapter.by_step or [adapter.fitted]
    sizes = [(1 if adapter.by_step else model.horizon, model.window, width)] * len(each)
    found = [
        (one.n_outputs_, one.window_, one.n_channels_)
        if reads_windows(one)
        else (*sizes[0][:2], getattr(one, "n_features_in_", width))
        for one in each
    ]
    fits = (
        adapter.windows == reads_windows(adapter.regressor)
        and all(reads_windows(one) == adapter.windows for one in each)
        and adapter.window == model.window
        and len(adapter.by_step or range(model.horizon)) == model.horizon
        and adapter.fitted is each[0]
        and found == sizes
    )
    if not fits:
        raise ValueError("the regressor of a Forecaster is of other windows or another horizon")


def check_scores(intervals: Conformal) -> None:
    """Raise if errors of held-out forecasts are of other steps or series."""
    fitted = intervals.fitted
    for n_blocks, scores in intervals._scores.items():
        n_steps, n_series = n_blocks * fitted.horizon, len(fitted.ids)
        if len(scores.errors) != n_steps or len(scores.difficulty) != n_series:
            raise ValueError("the errors for intervals are of other steps or series")


def check_forecaster(forecaster: Forecaster) -> None:
    """Raise if a Forecaster shows other things than its model holds."""
    model, form = forecaster._model, forecaster._form
    adapter, roles = model.adapter, form.roles
    names = (roles.past, roles.future, roles.static)
    panel = model.panel
    shown = forecaster.regressor_ if adapter.by_step else [forecaster.regressor_]
    held = adapter.by_step or [adapter.fitted]
    intervals: Any = forecaster._intervals
    fits = (
        form.kind in ("series", "wide", "long", "xy")
        and len(form.columns) == 3
        and names == (panel.past_names, panel.future_names, panel.static_names)
        and (form.kind not in ("series", "xy") or panel.n_series == 1)
        and len(shown) == len(held)
        and all(a is b for a, b in zip(shown, held, strict=True))
        and forecaster.ids_.equals(panel.ids)
        and np.isfinite(forecaster.regressor_weight_)
        and (not isinstance(intervals, Conformal) or intervals.fitted.horizon == model.horizon)
    )
    if not fits:
        raise ValueError("a Forecaster shows other things than its model holds")


def check_stream_model(model: StreamModel) -> None:
    """Raise if the parts of a stream's model are of different sizes."""
    panel, n = model.panel, model.panel.n_series
    arrays: tuple[Any, ...] = (*model._left_out, model.by_phase, model.read, model.members)
    fits = (
        all(len(part) == n for part in (*arrays, model.units.mean, model.units.scale))
        and model.by_phase.shape[1] == model.lookback.season
        and len(model.values) == len(panel.values)
        and (model.reading is None or model.reading.n_series == n)
        and (model.members < len(model.ids)).all()
        and (model.members >= -1).all()
    )
    if not fits:
        raise ValueError("the model of a stream is of other series")


def check_future_rows(rows: FutureRows) -> None:
    """Raise if the columns of the rows that a stream forecasts are of different lengths."""
    if not len(rows.series) == len(rows.step) == len(rows.features) or (rows.step < 1).any():
        raise ValueError("the rows that a stream forecasts do not fit together")


def check_forecast_stream(stream: ForecastStream) -> None:
    """Raise if the forecasts of a stream are of other rows than it asks for."""
    rows, n_series = stream._rows, stream._model.panel.n_series
    lengths = {len(values) for values in stream._columns.values()}
    inside = bool((rows.series >= 0).all() and (rows.series < n_series).all())
    if lengths != {len(rows.series)} or not inside:
        raise ValueError("the forecasts of a stream are of other rows")
