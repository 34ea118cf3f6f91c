"""The forecasts of a forecaster, with the history and perhaps actual values, as long frames."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from seqforecast._shared.checks import check_integer
from seqforecast.containers.arrays import as_array, float_values
from seqforecast.containers.frames import as_pandas, is_foreign, plain_times
from seqforecast.containers.many_series import SIDE_BY_SIDE
from seqforecast.displays.forecast_frames import (
    DS,
    FEWEST,
    ID,
    Frames,
    Y,
    chosen_series,
    index_of,
)
from seqforecast.forecasting.data.fold_columns import CUTOFF, require_columns
from seqforecast.forecasting.data.lookalikes import Place, find_known
from seqforecast.forecasting.data.panel import FutureRows, Panel
from seqforecast.forecasting.data.reading import Form
from seqforecast.forecasting.forecaster import Forecaster
from seqforecast.forecasting.parts import parts_of

Cells = NDArray[np.int64]

_SEASONS, _HORIZONS = 4, 3
"""Of the past, so much is shown at least where nobody says how much."""


def read_forecast(
    forecaster: Any, X: Any, *, level: Any, ids: Any, n_history: int | None, truth: Any
) -> Frames:
    """Forecast, and take the history and perhaps actual values from what a forecaster knows."""
    forecaster = _fitted_forecaster(forecaster)
    if n_history is not None:
        check_integer("n_history", n_history)
    parts = parts_of(forecaster)
    panel = parts.panel
    requested = X if isinstance(X, FutureRows) else parts.requested_rows(X)
    available = np.unique(requested.series)
    shown = available[chosen_series(ids, panel.ids.take(available))]
    # Of ten thousand series, those that are shown are enough.
    places = [np.flatnonzero(requested.series == one) for one in shown]
    rows = requested.take(np.concatenate(places))
    series, ahead, last = rows.series, rows.step, panel.last[rows.series]
    labels = {
        ID: panel.ids.take(series),
        CUTOFF: panel.grid.times(last),
        DS: panel.grid.times(last + ahead),
    }
    forecast = pd.DataFrame(labels | parts.forecasts(rows, level=level))
    horizon = rows.horizon
    if n_history is None:
        n_history = max(_SEASONS * forecaster.season_[0], _HORIZONS * horizon, FEWEST)
    came = None
    if truth is not None:
        ends = np.zeros(panel.n_series, dtype=np.int64)
        np.maximum.at(ends, series, ahead)
        observed = _observed(panel, parts.form, truth, horizon)
        place = parts.form.place._replace(is_pandas=not is_foreign(truth))
        came = _after(panel, shown, ends, observed, place)
    return Frames(forecast, newest_steps(panel, shown, int(n_history)), came, len(available))


def _fitted_forecaster(forecaster: Any) -> Forecaster:
    """Return a fitted forecaster, that of a search where one is given."""
    found = forecaster
    is_class = isinstance(found, type)
    if not is_class and not isinstance(found, Forecaster) and hasattr(found, "estimator"):
        check_is_fitted(found)
        found = getattr(found, "best_estimator_", found)
    if not isinstance(found, Forecaster):
        given = f"the class {found.__name__}" if is_class else f"a {type(found).__name__}"
        raise TypeError(
            f"got {given}; a fitted Forecaster, or a search that found one, is needed. Pass "
            "Forecaster(regressor, ...).fit(series)."
        )
    check_is_fitted(found)
    return found


def newest_steps(panel: Panel, series: Cells, n_steps: int) -> pd.DataFrame:
    """Return the newest steps of some series."""
    counts = np.minimum(panel.lengths[series], n_steps)
    back = np.concatenate([np.arange(count)[::-1] for count in counts])
    series = np.repeat(series, counts)
    return pd.DataFrame(
        {
            ID: panel.ids.take(series),
            DS: panel.grid.times(panel.last[series] - back),
            Y: panel.values[panel.offsets[series + 1] - 1 - back],  # noqa: PD011  (an array)
        }
    )


def _observed(panel: Panel, form: Form, truth: Any, horizon: int) -> pd.DataFrame:
    """Read values in the form of the fit into a long frame; arrays follow what is known."""
    has_index = form.labelled and isinstance(truth, pd.Series | pd.DataFrame)
    truth = as_pandas(truth, "truth")
    if form.kind == "long":
        cure = f"Pass the actual values as a frame with {list(form.columns)!r}."
        require_columns(truth, form.columns, "truth", cure)
        return truth[list(form.columns)].set_axis([ID, DS, Y], axis=1)
    values = _table(truth)
    names = panel.ids
    if form.kind == "wide" and isinstance(truth, pd.DataFrame) and (form.labelled or form.library):
        names = truth.columns
    if values.shape[1] != len(names):
        raise ValueError(
            f"truth has shape {values.shape}; a column for each of the {len(names)} series of "
            "the fit is needed. Pass the actual values in the form of the data of fit."
        )
    if has_index:
        times = truth.index
    elif len(values) > horizon:
        raise ValueError(
            f"truth has {len(values)} rows without times, and {horizon} step(s) are forecast; rows "
            "without times are those that follow the fit. Pass those alone, or a Series or frame "
            "of pandas whose index holds the times."
        )
    else:
        times = panel.grid.times(int(panel.last.max()) + 1 + np.arange(len(values)))
    row, column = np.indices(values.shape)
    labels = {ID: names.take(column.T.ravel()), DS: times.take(row.T.ravel())}
    return pd.DataFrame(labels | {Y: values.T.ravel()})


_NUMBERS = "Convert it with pd.to_numeric."


def _table(truth: Any) -> NDArray[np.float64]:
    """Return the values of a Series, frame or array, a column a series."""
    values = as_array(truth, "truth", series=SIDE_BY_SIDE)
    if values.ndim not in (1, 2):
        raise ValueError(
            f"truth is {truth!r}; values are needed. Pass the actual values in the form of the "
            "data of fit."
        )
    return values.astype(np.float64).reshape(len(values), -1)


def _after(
    panel: Panel, series: Cells, ends: Cells, observed: pd.DataFrame, place: Place
) -> pd.DataFrame:
    """Return the actual values at the steps that are forecast, NaN where that is not known."""
    of = find_known(panel.ids, index_of(observed[ID]), "The rows of truth", place)
    wanted = np.isin(of, series)
    of, observed = of[wanted], observed[wanted]
    step = panel.grid.positions(plain_times(pd.Index(observed[DS]))) - panel.last[of]
    wanted = (step >= 1) & (step <= ends[of])
    if not wanted.any():
        one = series[0]
        begin, end = (panel.grid.label(int(panel.last[one]) + k) for k in (1, int(ends[one])))
        raise ValueError(
            f"truth holds no step that is forecast, such as those of series {panel.ids[one]!r} "
            f"from {begin} to {end}; values of such steps are needed. Pass the actual values after "
            "the fit, or None."
        )
    again = pd.MultiIndex.from_arrays([of[wanted], step[wanted]]).duplicated()
    if again.any():
        row = int(np.flatnonzero(wanted)[np.argmax(again)])
        raise ValueError(
            f"truth has the time {panel.grid.label(int(panel.last[of[row]] + step[row]))} of "
            f"series {panel.ids[of[row]]!r} twice; one value of each step is needed. Drop one."
        )
    table = np.full((panel.n_series, int(ends.max()) + 1), np.nan)
    table[of[wanted], step[wanted]] = float_values(observed[Y], "truth", _NUMBERS)[wanted]
    step = np.concatenate([np.arange(1, ends[one] + 1) for one in series])
    of = np.repeat(series, ends[series])
    times = panel.grid.times(panel.last[of] + step)
    return pd.DataFrame({ID: panel.ids.take(of), DS: times, Y: table[of, step]})
