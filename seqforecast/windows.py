"""Cut a series into windows: strided views of the past, and the values that follow."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np
import pandas as pd
from numpy.lib.stride_tricks import as_strided
from numpy.typing import ArrayLike, NDArray

from seqforecast._shared.time_index import check_increasing
from seqforecast.containers.arrays import as_array, is_real
from seqforecast.containers.frames import as_pandas, is_foreign, plain_times, time_kind
from seqforecast.containers.many_series import SIDE_BY_SIDE

__all__ = ["last_window", "make_windows"]


def make_windows(
    series: ArrayLike | pd.Series | pd.DataFrame,
    window: int,
    horizon: int = 1,
    *,
    target: Hashable | None = None,
    step: int = 1,
    every_step: bool = False,
    flat: bool = True,
) -> tuple[NDArray[Any] | pd.DataFrame, NDArray[Any] | pd.Series | pd.DataFrame]:
    """Cut a series into windows and the values that follow each of them.

    Use it to turn one series into the ``X, y`` of any scikit-learn regressor. The windows
    are views of the series: they cost no memory, however much they overlap.

    Parameters
    ----------
    series : array-like of shape (n_steps,) or (n_steps, n_channels), Series or DataFrame
        The series, oldest step first, a channel a column. Every channel is an input.
        Numbers of any real type; the index of a frame must increase. Frames of polars, tensors
        and masked arrays are read as well.
    window : int
        The number of past steps in a window.
    horizon : int, default=1
        The number of steps to forecast after a window.
    target : column name or int, default=None
        The channel to forecast: the name of a column of a DataFrame, the position of a
        column of an array. None takes the first channel.
    step : int, default=1
        The number of steps from the start of a window to the start of the next.
    every_step : bool, default=False
        Whether `y` holds the values that follow each step of a window, not the last alone.
    flat : bool, default=True
        Whether a window is one row, as scikit-learn expects, or a (window, n_channels) table.

    Returns
    -------
    X : ndarray or DataFrame of shape (n_windows, window * n_channels)
        The windows: step by step, oldest first, the channels of a step side by side; the
        target is the first channel, the others follow in their order. From a Series or
        DataFrame, of pandas or polars, comes a DataFrame of pandas with columns
        ``{channel}@lag{k}``, k steps before the last step of the window, whose index holds the
        last step of each window. With ``flat=False`` an array of shape
        (n_windows, window, n_channels).
    y : ndarray, Series or DataFrame of shape (n_windows,) or (n_windows, horizon)
        The values of the target that follow each window; one dimension if `horizon` is 1.
        Where `X` is a DataFrame, `y` is a Series named as the target or a DataFrame with
        columns ``{target}@step{h}``, h from 1 to `horizon`. With ``every_step=True`` an
        array of shape (n_windows, window, horizon): ``y[i, t]`` follows step t of window i.

    Raises
    ------
    ValueError
        If the series is too short, empty or has neither 1 nor 2 dimensions; if its time
        index is out of order or has duplicates; if channels share a name, or `target` is
        none of them; if `window`, `horizon` or `step` is below 1.
    TypeError
        If a channel is not numeric, or `window`, `horizon` or `step` is not an integer.

    See Also
    --------
    last_window : The newest window, to forecast what comes after the series.

    Notes
    -----
    `X` and `y` are read-only and follow the series: a value changed in it changes in them.
    ``X.copy()`` cuts the bond, at `window` times the memory. The series itself is copied
    once where its layout asks for it: a DataFrame of several columns, an array that is not
    C-contiguous or whose target is not the first column, boolean and nullable columns
    (which become float64).

    Missing values pass through, for the regressor to accept or refuse: a search for them
    would read the whole series. A step is a row: a time stamp that is missing is not filled.

    Examples
    --------
    >>> from seqforecast.windows import make_windows
    >>> X, y = make_windows([10.0, 11.0, 12.0, 13.0, 14.0], window=3)
    >>> X
    array([[10., 11., 12.],
           [11., 12., 13.]])
    >>> y
    array([13., 14.])

    A frame gives named columns. The target comes first:

    >>> import pandas as pd
    >>> days = pd.date_range("2024-01-01", periods=4)
    >>> frame = pd.DataFrame({"promo": [0, 1, 0, 1], "sales": [5, 9, 6, 8]}, index=days)
    >>> X, y = make_windows(frame, window=2, target="sales")
    >>> X
                sales@lag1  promo@lag1  sales@lag0  promo@lag0
    2024-01-02           5           0           9           1
    2024-01-03           9           1           6           0
    >>> y.tolist()
    [6, 8]
    """
    window = _positive_integer("window", window)
    horizon = _positive_integer("horizon", horizon)
    step = _positive_integer("step", step)
    channels = _read_series(series, target)
    n_steps = len(channels.table)
    if n_steps < window + horizon:
        raise ValueError(
            f"{window=} and {horizon=} need at least {window + horizon} values; the series has "
            f"{n_steps}. Use a shorter window or horizon, or pass more data."
        )
    n_windows = (n_steps - window - horizon) // step + 1
    X = _cut_windows(channels.table, window, n_windows, step, flat=flat)
    past = channels.table[:, 0]
    if every_step:
        y = _view(past[1:], (n_windows, window, horizon), (step, 1, 1))
    else:
        y = _view(past[window:], (n_windows, horizon), (step, 1))
        y = y[:, 0] if horizon == 1 else y
    if channels.index is None or not flat:
        return X, y
    cutoffs = channels.index[window - 1 : n_steps - horizon : step]
    named_X = _label_windows(X, channels, cutoffs)
    return named_X, y if every_step else _label_targets(y, channels, cutoffs)


def last_window(
    series: ArrayLike | pd.Series | pd.DataFrame,
    window: int,
    *,
    target: Hashable | None = None,
    flat: bool = True,
) -> NDArray[Any] | pd.DataFrame:
    """Take the newest window of a series, in the form of the `X` of `make_windows`.

    Use it to forecast what comes after the series: give it to `predict` of a regressor
    that was fitted on `make_windows` with the same `window`, `target` and `flat`.

    Parameters
    ----------
    series : array-like of shape (n_steps,) or (n_steps, n_channels), Series or DataFrame
        The series, oldest step first, a channel a column. Every channel is an input.
        Numbers of any real type; the index of a frame must increase. Frames of polars, tensors
        and masked arrays are read as well.
    window : int
        The number of past steps in a window.
    target : column name or int, default=None
        The channel to forecast: the name of a column of a DataFrame, the position of a
        column of an array. None takes the first channel.
    flat : bool, default=True
        Whether a window is one row, as scikit-learn expects, or a (window, n_channels) table.

    Returns
    -------
    ndarray or DataFrame of shape (1, window * n_channels)
        The last `window` steps, the target as first channel. From a Series or DataFrame
        comes a DataFrame with columns ``{channel}@lag{k}``, whose index holds the last
        step. With ``flat=False`` an array of shape (1, window, n_channels).

    Raises
    ------
    ValueError
        If the series is too short, empty or has neither 1 nor 2 dimensions; if its time
        index is out of order or has duplicates; if channels share a name, or `target` is
        none of them; if `window` is below 1.
    TypeError
        If a channel is not numeric, or `window` is not an integer.

    See Also
    --------
    make_windows : All windows whose following values are known.

    Notes
    -----
    The window is read-only, and a view where `make_windows` gives one. Of a series that must
    be copied, the last `window` steps alone are.

    Examples
    --------
    >>> from seqforecast.windows import last_window
    >>> last_window([10.0, 11.0, 12.0, 13.0, 14.0], window=3)
    array([[12., 13., 14.]])
    """
    window = _positive_integer("window", window)
    channels = _read_series(series, target, last=window)
    n_steps = len(channels.table)
    if n_steps < window:
        raise ValueError(
            f"{window=} needs at least {window} values; the series has {n_steps}. "
            "Use a shorter window, or pass more data."
        )
    X = _cut_windows(channels.table, window, 1, 1, flat=flat)
    if channels.index is None or not flat:
        return X
    return _label_windows(X, channels, channels.index[-1:])


@dataclass(frozen=True)
class _Channels:
    """A series as one table, the target in the first column, and what labels it."""

    table: NDArray[Any]  # (n_steps, n_channels); C-contiguous if n_channels > 1
    names: Sequence[Hashable] = ()  # one a channel; empty for an array
    index: pd.Index | None = None  # (n_steps,); None for an array


# ------------------------------------------------------------------------------------ views


def _view(first: NDArray[Any], shape: tuple[int, ...], hops: tuple[int, ...]) -> NDArray[Any]:
    """View a column so that one step along axis j of the result is `hops[j]` elements."""
    strides = tuple(hop * first.strides[0] for hop in hops)
    return as_strided(first, shape=shape, strides=strides, writeable=False)


def _cut_windows(
    values: NDArray[Any], window: int, n_windows: int, step: int, *, flat: bool
) -> NDArray[Any]:
    """View a table (n_steps, n_channels) as windows, flat or (n_windows, window, n_channels)."""
    n_channels = values.shape[1]
    # Successive elements of a row: a channel apart, or a step apart where there is one channel
    # (whose column may have any stride). All strides below are multiples of that distance.
    elements = values[:, 0] if n_channels == 1 else values.reshape(-1)
    if flat:
        return _view(elements, (n_windows, window * n_channels), (step * n_channels, 1))
    return _view(elements, (n_windows, window, n_channels), (step * n_channels, n_channels, 1))


def _label_windows(X: NDArray[Any], channels: _Channels, cutoffs: pd.Index) -> pd.DataFrame:
    """Name the columns of flat windows by channel and lag, the rows by their last step."""
    window = X.shape[1] // len(channels.names)
    lags = range(window - 1, -1, -1)
    columns = [f"{name}@lag{lag}" for lag in lags for name in channels.names]
    return pd.DataFrame(X, index=cutoffs, columns=columns, copy=False)


def _label_targets(
    y: NDArray[Any], channels: _Channels, cutoffs: pd.Index
) -> pd.Series | pd.DataFrame:
    """Name targets of one or two dimensions as the windows they follow."""
    target = channels.names[0]
    if y.ndim == 1:
        return pd.Series(y, index=cutoffs, name=target, copy=False)
    columns = [f"{target}@step{h}" for h in range(1, y.shape[1] + 1)]
    return pd.DataFrame(y, index=cutoffs, columns=columns, copy=False)


# ---------------------------------------------------------------------------------- reading


def _read_series(
    series: ArrayLike | pd.Series | pd.DataFrame, target: Hashable | None, last: int = 0
) -> _Channels:
    """Check a series and bring its target to the front; keep the `last` steps, 0 for all."""
    dates = "frame.drop({!r})" if is_foreign(series) else "frame.set_index({!r})"
    series = as_pandas(series, "series")
    if isinstance(series, pd.DataFrame):
        return _read_frame(series, target, last, dates)
    if isinstance(series, pd.Series):
        name = "y" if series.name is None else series.name
        if target is not None and target != name:
            raise ValueError(
                f"{target=} was given, but the series is named {name!r} and has no other column. "
                "Leave target out, or pass a DataFrame."
            )
        return _read_frame(series.to_frame(name), None, last, dates)
    return _read_array(series, target, last)


def _read_frame(frame: pd.DataFrame, target: Hashable | None, last: int, dates: str) -> _Channels:
    """Read a DataFrame; one column is viewed, several are copied side by side.

    `dates` is the call that moves a column of dates out of the way, for messages.
    """
    names = list(frame.columns)
    _refuse_panel(names, dates)
    _check_filled(len(frame), len(names))
    _check_names(names)
    _check_numeric(frame, dates)
    _check_order(frame.index)
    front = 0 if target is None else _find_name(target, names)
    order = _bring_to_front(front, len(names))
    frame = frame.iloc[-last:]
    if len(names) == 1:
        values = _column_values(frame.iloc[:, 0])[:, np.newaxis]
    else:
        # Filled column by column: frame.to_numpy() lays the steps of a column side by side,
        # and would have to be copied a second time.
        dtype = np.result_type(*(np.float64 if _converts(d) else d for d in frame.dtypes))
        values = np.empty(frame.shape, dtype)
        for position, column in enumerate(order):
            values[:, position] = _column_values(frame.iloc[:, column])
    return _Channels(values, [names[column] for column in order], frame.index)


def _read_array(series: ArrayLike, target: Hashable | None, last: int) -> _Channels:
    """Read an array; copied only if its rows are not contiguous or the target is not first."""
    values = as_array(series, "series", series=SIDE_BY_SIDE)
    if values.ndim not in (1, 2):
        raise ValueError(
            f"The series has {values.ndim} dimensions, shape {values.shape}; it must have one "
            "(n_steps,) or two (n_steps, n_channels). Reshape it, or pass one series at a time."
        )
    values = values[:, np.newaxis] if values.ndim == 1 else values
    _check_filled(*values.shape)
    n_channels = values.shape[1]
    front = 0 if target is None else _find_position(target, n_channels)
    values = values[-last:]
    if values.dtype.kind == "b":
        values = values.astype(np.float64)
    if front != 0:
        values = np.take(values, _bring_to_front(front, n_channels), axis=1)
    return _Channels(values if n_channels == 1 else np.ascontiguousarray(values))


def _bring_to_front(front: int, n_channels: int) -> list[int]:
    """List the channels with `front` first, the others in their order."""
    return [front, *(channel for channel in range(n_channels) if channel != front)]


def _converts(dtype: Any) -> bool:
    """Tell whether a column becomes float64: boolean, nullable and long double ones."""
    return not isinstance(dtype, np.dtype) or dtype.kind == "b" or dtype == np.longdouble


def _column_values(column: pd.Series) -> NDArray[Any]:
    """Return the values of a numeric column, without a copy where torch knows its dtype."""
    values = as_array(column, f"Column {column.name!r}")
    return values.astype(np.float64) if values.dtype.kind == "b" else values


# ----------------------------------------------------------------------------------- checks


def _positive_integer(name: str, value: Any) -> int:
    """Return `value` as an int, or say why it is not a positive integer."""
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise TypeError(
            f"{name}={value!r} is a {type(value).__name__}; it must be a positive integer. "
            f"Pass for example {name}=12."
        )
    if not 1 <= int(value) <= sys.maxsize:
        wrong = "below 1" if int(value) < 1 else "beyond what counts anything"
        raise ValueError(
            f"{name}={value!r} is {wrong}; it must be a positive integer. "
            f"Pass for example {name}=12."
        )
    return int(value)


def _check_filled(n_steps: int, n_channels: int) -> None:
    """Refuse a series without steps or without channels."""
    if n_steps == 0 or n_channels == 0:
        raise ValueError(
            f"The series is empty: {n_steps} steps of {n_channels} channels. Windows need at "
            "least one channel and window steps of it. Check how the series was read or filtered."
        )


def _refuse_panel(names: Sequence[Hashable], dates: str) -> None:
    """Refuse a long frame, whose rows are of several series."""
    one = "frame[frame['unique_id'] == name].set_index('ds')['y']"
    if "drop" in dates:
        one = "frame.filter(pl.col('unique_id') == name)['y']"
    if {"unique_id", "ds", "y"} <= set(names):
        raise ValueError(
            "The frame has the columns 'unique_id', 'ds' and 'y', as a long panel of several "
            "series; windows need one series. Pass the panel to Forecaster, or one series: "
            f"{one}."
        )


def _check_names(names: Sequence[Hashable]) -> None:
    """Refuse channels that would share the names of their lags."""
    seen: set[str] = set()
    for name in names:
        if str(name) in seen:
            raise ValueError(
                f"Two columns are named {name!r}; every channel needs a name of its own. "
                "Rename one, or keep the first with frame.loc[:, ~frame.columns.duplicated()]."
            )
        seen.add(str(name))


def _check_numeric(frame: pd.DataFrame, dates: str) -> None:
    """Refuse columns that are not real numbers."""
    for name, dtype in zip(frame.columns, frame.dtypes, strict=True):
        if is_real(dtype):
            continue
        cure = "Drop it, or encode it as numbers."
        if pd.api.types.is_datetime64_any_dtype(dtype) or time_kind(frame, name):
            cure = f"Take the times out of the channels: {dates.format(name)}."
        raise TypeError(
            f"Column {name!r} has dtype {dtype}; every channel needs real numbers. {cure}"
        )


def _check_order(index: pd.Index) -> None:
    """Refuse an index of several levels or of text, and a time or number that does not increase."""
    if isinstance(index, pd.MultiIndex):
        raise ValueError(
            f"The index has {index.nlevels} levels, as of several series in one; one level of "
            "times is needed. Make windows for one series at a time, as series.groupby(level=0) "
            "gives them, after droplevel(0); or pass all of them to Forecaster as a long frame: "
            "series.rename_axis(['unique_id', 'ds']).reset_index(name='y')."
        )
    if isinstance(index, pd.Index) and pd.api.types.is_string_dtype(index.dtype):
        raise ValueError(
            f"The index holds text ({index[0]!r}), whose order in time cannot be told; time stamps "
            "or numbers are needed. Convert it with series.set_axis(pd.to_datetime(series.index)), "
            "or drop it with series.reset_index(drop=True) if the steps are in time order."
        )
    index = plain_times(index)
    timed = isinstance(index, pd.DatetimeIndex | pd.PeriodIndex | pd.TimedeltaIndex)
    if not (timed or pd.api.types.is_any_real_numeric_dtype(index.dtype)):
        return
    check_increasing(index, "If several series share the frame, make windows for one at a time.")


def _find_name(target: Hashable, names: Sequence[Hashable]) -> int:
    """Return the position of the column named `target`."""
    if isinstance(target, Hashable) and target in names:
        return names.index(target)
    shown = ", ".join(repr(name) for name in names[:8]) + (", ..." if len(names) > 8 else "")
    near = difflib.get_close_matches(str(target), [str(name) for name in names], n=1)
    cure = f"Did you mean {near[0]!r}?" if near else "Pass the name of one of them."
    raise ValueError(f"{target=} is not a column of the frame, which has {shown}. {cure}")


def _find_position(target: Any, n_channels: int) -> int:
    """Return the position of the column `target` of an array."""
    is_position = isinstance(target, Integral) and not isinstance(target, bool)
    if is_position and 0 <= target < n_channels:
        return int(target)
    if n_channels == 1:
        raise ValueError(
            f"{target=} is not a column of the array, whose only column is 0. Leave target out."
        )
    raise ValueError(
        f"{target=} is not a column of the array, whose columns are 0 to {n_channels - 1}. Pass "
        "one of these positions, or a DataFrame to speak of columns by name."
    )
