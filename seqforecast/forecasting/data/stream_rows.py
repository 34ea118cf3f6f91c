"""What a stream is given: a number, the next value of every series, or rows as those of fit."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from numbers import Number, Real
from typing import Any

import numpy as np
import pandas as pd

from seqforecast.containers.arrays import as_array, float_values
from seqforecast.containers.frames import is_frame, is_series
from seqforecast.forecasting.arrays.ragged import offsets_of
from seqforecast.forecasting.data.columns import show
from seqforecast.forecasting.data.frames import Form, read_new, row_as_frame
from seqforecast.forecasting.data.future_rows import next_times
from seqforecast.forecasting.data.long_table import LARGEST
from seqforecast.forecasting.data.panel import Panel
from seqforecast.forecasting.data.reading import plain_array


def read_stream_rows(form: Form, panel: Panel, X: Any, y: Any = None) -> Panel:
    """Read rows that follow a panel: arrays in the order of its series, or what fit was given.

    Parameters
    ----------
    form : Form
        How the data of fit came in.
    panel : Panel
        The series that the rows follow.
    X : number, Series, DataFrame or array-like
        The next step of every series, or several.
    y : number, Series or array-like, default=None
        The next values, where X holds features of them.
    """
    X, y = _one_number(X), y if y is None else _one_number(y)
    labelled = is_series(X) or is_frame(X)
    if form.kind == "xy" and y is not None:
        X, y = _one_step(panel, X, y)
    elif not labelled and y is None and not _has_features(panel):
        return _from_array(panel, X)
    elif not labelled and np.ndim(X) == 0 and isinstance(X, Number):
        X = [X]
    new = read_new(form, panel, X, y)
    strangers = new.ids[~new.ids.isin(panel.ids)]
    if len(strangers):
        raise ValueError(
            f"The observation holds {len(strangers)} series that the stream does not know, the "
            f"first is {show(strangers[0])}; a series begins with a history of its own. Give it to "
            "forecaster.update(...) and begin a new stream."
        )
    return new


def _one_number(value: Any) -> Any:
    """Return one value of any kind as a float, a missing one as NaN; all else as it is."""
    value = value.as_py() if hasattr(value, "as_py") else value  # of pyarrow
    if value is None or value is pd.NA or value is np.ma.masked:
        return np.nan
    if isinstance(value, Real | Decimal):
        return float(value)
    if getattr(value, "shape", None) == () and not isinstance(value, np.generic):
        return as_array(value, "X").item()
    return value


def _has_features(panel: Panel) -> bool:
    return bool(panel.past_names or panel.future_names or panel.static_names)


def _from_array(panel: Panel, values: Any) -> Panel:
    """Read values without times: a number, (n_series,), or (n_steps, n_series)."""
    n = panel.n_series
    given = np.asarray(values) if isinstance(values, Number) else plain_array(values, "X")
    table = float_values(given, "The observation", "Convert it: array.astype(float).")
    if table.ndim < 2:
        table = table.reshape(-1, 1) if n == 1 else table.reshape(1, -1)
    if table.shape[1] != n or not len(table):
        raise ValueError(
            f"The observation has shape {given.shape}; the next value of each of {n} series is "
            "needed, in the order of ids_. Pass so many, NaN where one is unknown."
        )
    large = np.abs(np.nan_to_num(table, posinf=np.inf, neginf=np.inf)) > LARGEST
    if large.any():
        row, column = np.argwhere(large)[0]
        raise ValueError(
            f"The observation is {table[row, column]:g} in series {show(panel.ids[int(column)])}; "
            f"a number up to {LARGEST:g} is needed there. Replace it by NaN if it is unknown."
        )
    lengths = np.full(n, len(table))
    return replace(
        panel,
        offsets=offsets_of(lengths),
        values=table.T.ravel(),
        first=panel.last + 1,
        past=np.empty((table.size, 0)),
        future=np.empty((table.size, 0)),
    )


def _one_step(panel: Panel, X: Any, y: Any) -> tuple[Any, Any]:
    """Read features and a target of one step as rows of one, and leave all others alone."""
    if np.ndim(y) > 0:
        return X, y
    if isinstance(X, pd.Series):
        X = row_as_frame(X, next_times(panel, 1))
    elif not isinstance(X, pd.DataFrame):
        X = np.reshape(plain_array(np.atleast_1d(X), "X"), (1, -1))
    return X, as_array(y, "y")[np.newaxis]
