"""The border: frames become a Panel once, and forecasts become frames of the form that came in."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seqforecast.containers.frames import (
    DATE,
    column_names,
    in_library,
    series_in_library,
    times_as,
)
from seqforecast.forecasting.data.columns import COLUMNS, check_three, show
from seqforecast.forecasting.data.fold_columns import Y_HAT, require_own_names
from seqforecast.forecasting.data.future_rows import next_times
from seqforecast.forecasting.data.long_table import to_panel
from seqforecast.forecasting.data.lookalikes import known_ids
from seqforecast.forecasting.data.panel import FutureRows, Panel
from seqforecast.forecasting.data.reading import Form, check_column_order, read_rows

_Names = Iterable[Hashable] | None


def read_panel(
    X: Any,
    y: Any = None,
    *,
    columns: Iterable[Hashable] = COLUMNS,
    past: _Names = None,
    future: _Names = None,
    static: _Names = None,
) -> tuple[Panel, Form]:
    """Read the data of `fit`: a Series, a wide or long frame, or features X and the target y.

    Parameters
    ----------
    X : Series, DataFrame or array-like
        One series; a frame with a column a series; a long frame with the three `columns`, in
        any row order; with `y` given, features of shape (n_steps, n_features).
    y : Series or array-like of shape (n_steps,) or (n_steps, 1), optional
        The target.
    columns : tuple of three column names
        The id, time and target columns of a long frame.
    past, static : list of column names, optional
        Features known for the past only, and features with one value a series.
    future : list of column names, optional
        Features whose future is known; None takes every other column.
    """
    names = check_three(columns)
    require_own_names(names, X)
    data = read_rows(X, y, names, past, future, static)
    return to_panel(data.rows), data.form


def read_new(form: Form, panel: Panel, X: Any, y: Any = None) -> Panel:
    """Read observations that follow a panel, in the form and with the features it was read with."""
    roles = form.roles
    features = {"past": roles.past, "future": roles.future, "static": roles.static}
    lists: dict[str, Any] = dict.fromkeys(features)
    if form.features:
        lists = {role: list(names) for role, names in features.items()}
    if form.kind == "wide" and isinstance(X, pd.Series):
        X = row_as_frame(X, next_times(panel, 1))
    check_column_order(form, X)
    _require_features(form, column_names(X))
    data = read_rows(X, y, form.columns, **lists)
    if data.form.kind != form.kind:
        raise ValueError(
            f"The new observations are {_KINDS[data.form.kind]}, fit saw {_KINDS[form.kind]}; the "
            "same form is needed. Pass the new observations as the data of fit."
        )
    if data.form.roles != roles:
        raise ValueError(
            f"The new observations have the features {list(data.form.features)}, fit saw "
            f"{list(form.features)}; the same are needed. Pass the columns of fit."
        )
    rows = data.rows
    if form.kind in ("long", "wide") and (data.form.labelled or data.form.library is not None):
        ids = known_ids(panel.ids, rows.ids, "The new observations", data.form.place)
        rows = replace(rows, ids=ids)
    elif len(rows.ids) == panel.n_series:  # without names they are in the order of fit
        rows = replace(rows, ids=panel.ids)
    if form.kind == "wide":
        _require_series(panel.ids, rows.ids)
    if not data.form.labelled or not form.labelled:
        rows = replace(rows, times=next_times(panel, len(rows.times)))
    return to_panel(rows, continues=panel)


def row_as_frame(row: pd.Series, following: pd.Index) -> pd.DataFrame:
    """Make a frame of a row that was taken out of one; without a name it is the next."""
    index: Any = following if row.name is None else pd.Index([row.name])
    table: NDArray[Any] = row.to_numpy()[np.newaxis]
    return pd.DataFrame(table, index=index, columns=row.index)


_KINDS = {
    "series": "one series",
    "wide": "a wide frame, a column a series",
    "long": "a long panel",
    "xy": "features X and a target y",
}


def _require_features(form: Form, given: list[Any]) -> None:
    """Refuse a frame that lacks a feature that fit saw; where columns have no names, nothing."""
    names = [name for _, chosen in form.roles.items() for name in chosen]
    lacking = [name for name in names if name not in given]
    if form.named and given and lacking:
        raise ValueError(
            f"The new observations lack the features {lacking}, which fit saw; the same are "
            "needed. Pass the columns of fit."
        )


def _require_series(known: pd.Index, given: pd.Index) -> None:
    """Refuse a wide frame that lacks columns: all series of a wide frame end together."""
    lacking = known[~known.isin(given)]
    if len(lacking):
        raise ValueError(
            f"The new observations lack {len(lacking)} of {len(known)} series, the first is "
            f"{show(lacking[0])}; a wide frame needs a column for each. Pass NaN where a value is "
            "unknown."
        )


def to_form(
    form: Form, panel: Panel, rows: FutureRows, columns: dict[str, NDArray[np.float64]]
) -> Any:
    """Give forecasts back in the form that came in.

    Parameters
    ----------
    form : Form
        How the data of fit came in.
    panel : Panel
        The series that the rows follow.
    rows : FutureRows
        What was asked.
    columns : dict of str to ndarray of shape (n,)
        The forecasts of each row: ``y_hat``, and the ends of intervals.

    Returns
    -------
    Series, DataFrame or ndarray
        Of the library of the data; without an index where they had none.
    """
    positions = panel.last[rows.series] + rows.step
    if form.kind == "wide":
        return _wide_form(form, panel, rows.series, positions, columns)
    index = panel.grid.times(positions)
    if form.kind == "long":
        unique_id, ds, _ = form.columns
        labels: dict[Hashable, Any] = {unique_id: panel.ids.take(rows.series), ds: index}
        _require_apart(labels, columns)
        return to_long_form(form, pd.DataFrame(labels | columns), (ds,))
    alone = list(columns) == [Y_HAT]
    if form.library is not None:
        if alone:
            return series_in_library(columns[Y_HAT], form.name, form.library)
        return in_library(pd.DataFrame(columns), form.library)
    if not form.labelled:
        return columns[Y_HAT] if alone else pd.DataFrame(columns)
    index = times_as(index, form.time_kind).rename(form.index_name)
    if alone:
        return pd.Series(columns[Y_HAT], index=index, name=form.name)
    return pd.DataFrame(columns, index=index)


def _require_apart(labels: dict[Hashable, Any], columns: Iterable[str]) -> None:
    """Refuse forecasts that would overwrite names or times, as files older than the rule may."""
    twice = [name for name in columns if name in labels]
    if twice:
        raise ValueError(
            f"The forecasts have the column {twice[0]!r}, but columns= of the forecaster calls "
            "series or times so; another name is needed. Fit again with other names in columns=."
        )


def _require_different(names: list[str]) -> None:
    """Refuse columns of a wide frame that would share a name."""
    twice = pd.Index(names).duplicated()
    if twice.any():
        raise ValueError(
            f"Two columns of the forecasts would be named {names[int(np.argmax(twice))]!r}, a "
            "series and an end of an interval; names that differ are needed. Rename the series "
            "before the fit, or pass a long frame."
        )


def to_long_form(form: Form, frame: pd.DataFrame, times: tuple[Hashable, ...]) -> Any:
    """Give a long frame, whose columns `times` are times, back in the library that came in."""
    if form.library is not None:
        return in_library(frame, form.library, times if form.time_kind == DATE else ())
    if form.time_kind is None:
        return frame
    frame = frame.copy(deep=False)
    for name in times:
        frame[name] = times_as(pd.Index(frame[name]), form.time_kind)
    return frame


def _wide_form(
    form: Form,
    panel: Panel,
    series: NDArray[np.int64],
    positions: NDArray[np.int64],
    columns: dict[str, NDArray[np.float64]],
) -> Any:
    """Lay forecasts out as a table of times x series, or of times x (series, column)."""
    steps, row = np.unique(positions, return_inverse=True)
    table = np.full((len(steps), panel.n_series, len(columns)), np.nan)
    for k, values in enumerate(columns.values()):
        table[row, series, k] = values
    alone = list(columns) == [Y_HAT]
    flat = table.reshape(len(steps), -1)
    if form.library is not None:
        # One level of names: "a", and with intervals "a-lo-80" and "a-hi-80" beside it.
        ends = ["" if name == Y_HAT else f"-{name}" for name in columns]
        joined = [f"{name}{end}" for name in panel.ids for end in ends]
        _require_different(joined)
        return in_library(pd.DataFrame(flat, columns=joined), form.library)
    if not form.labelled and alone:
        return flat
    header = panel.ids
    if not alone:
        names: list[Any] = [panel.ids.name, None]
        header = pd.MultiIndex.from_product([panel.ids, list(columns)], names=names)
    index = None
    if form.labelled:
        index = times_as(panel.grid.times(steps), form.time_kind).rename(form.index_name)
    return pd.DataFrame(flat, index=index, columns=header)
