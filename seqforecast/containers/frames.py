"""Frames and series of polars and other libraries become pandas ones, and results go back."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, cast

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd

LIBRARIES = ("cudf", "modin", "polars", "pyarrow")
"""Those whose frames narwhals reads in memory, beside pandas."""

_NOT_FOREIGN = (
    *(pd.DataFrame, pd.Series, pd.Index, np.ndarray, np.generic),
    *(float, int, str, list, tuple, dict, type(None)),
)

DATE = "date"
"""A time column of days without a clock."""

TIMESTAMP = "timestamp"
"""A time column of time stamps in Arrow's memory, within pandas."""


def library_of(data: Any) -> str | None:
    """Name the library of a frame or series, such as "polars"; None for pandas and all else."""
    native = _wrapped(data)
    return native.implementation.value if isinstance(native, nw.DataFrame | nw.Series) else None


def is_foreign(data: Any) -> bool:
    """Tell whether data is a frame or series of another library than pandas: one has no index."""
    return library_of(data) is not None


def named(what: str) -> str:
    """Return the name of an argument as code, where `what` is in words."""
    return what if what.isidentifier() else "data"


def is_series(data: Any) -> bool:
    """Tell whether data is a series of pandas or of another library."""
    return isinstance(data, pd.Series) or isinstance(_wrapped(data), nw.Series)


def is_frame(data: Any) -> bool:
    """Tell whether data is a frame of pandas or of another library."""
    return isinstance(data, pd.DataFrame) or isinstance(_wrapped(data), nw.DataFrame)


def column_names(data: Any) -> list[Any]:
    """Return the names of the columns of a frame of any library; all else has none."""
    native = _wrapped(data)
    return list(native.columns) if isinstance(native, nw.DataFrame | pd.DataFrame) else []


def as_pandas(data: Any, what: str) -> Any:
    """Return a frame or series of another library as pandas, all else as it is.

    Values go column by column through numpy: polars' own conversion needs pyarrow.

    Parameters
    ----------
    data : object
        What a user handed in.
    what : str
        What it is, for messages.

    Raises
    ------
    TypeError
        If it is a lazy frame, which holds no values yet.
    """
    native = _wrapped(data)
    if isinstance(native, nw.LazyFrame):
        call = "compute" if native.implementation.is_dask() else "collect"
        raise TypeError(
            f"{what} is a {type(data).__name__} of {native.implementation.value}, which holds no "
            f"values yet; a frame in memory is needed. Call {named(what)}.{call}() before."
        )
    if type(data).__name__ == "RecordBatch":  # of pyarrow, which narwhals does not read
        raise TypeError(
            f"{what} is a RecordBatch, a part of a table; a Table is needed. Pass "
            f"pa.Table.from_batches([{named(what)}])."
        )
    if not isinstance(data, _NOT_FOREIGN) and hasattr(data, "ngroups"):  # of groupby
        raise TypeError(
            f"{what} is a {type(data).__name__}; a frame is needed. Pass the frame that it groups, "
            "with the column that it is grouped by."
        )
    if isinstance(native, nw.Series):
        return _column(native).rename(native.name or None)
    if isinstance(native, nw.DataFrame):
        columns = {name: _column(native[name]) for name in native.columns}
        return pd.DataFrame(columns, index=pd.RangeIndex(len(native)))
    return data


def in_library(frame: pd.DataFrame, library: str, dates: tuple[Hashable, ...] = ()) -> Any:
    """Return a pandas frame, without its index, as a frame of another library.

    Parameters
    ----------
    frame : DataFrame
        Numbers, text, categories and time stamps.
    library : str
        As `library_of` names it.
    dates : tuple of column names
        Columns of time stamps that are days without a clock there.
    """
    columns: dict[str, Any] = {}
    casts = []
    for name, column in frame.items():
        columns[str(name)] = _values(column)
        of_own_type = _of_own_type(nw.col(str(name)), column, is_date=name in dates)
        casts += [] if of_own_type is None else [of_own_type]
    made: Any = nw.from_dict(columns, backend=cast(Any, library))
    return made.with_columns(*casts).to_native()


def series_in_library(values: Any, name: Hashable, library: str) -> Any:
    """Return numbers as a series of another library."""
    text = "" if name is None else str(name)
    return nw.new_series(text, values, backend=cast(Any, library)).to_native()


def time_kind(data: Any, column: Hashable = None) -> str | None:
    """Tell of which kind times are that pandas and numpy have no type of their own for.

    Parameters
    ----------
    data : frame, series or index
        What a user handed in.
    column : column name, default=None
        The column of a frame that holds the times; None takes `data` itself.
    """
    native = _wrapped(data)
    if isinstance(native, nw.DataFrame):
        return DATE if isinstance(native.schema.get(str(column)), nw.Date) else None
    if isinstance(data, pd.DataFrame):
        data = data.get(column)
    dtype = getattr(data, "dtype", None)
    if not isinstance(dtype, pd.ArrowDtype):
        return None
    return {"date": DATE, "datetime": TIMESTAMP, "Timestamp": TIMESTAMP}.get(dtype.type.__name__)


def plain_times(index: pd.Index) -> pd.Index:
    """Return times in Arrow's memory as pandas' own, all others as they are."""
    return pd.DatetimeIndex(index, name=index.name) if time_kind(index) else index


def times_as(index: pd.Index, kind: str | None) -> pd.Index:
    """Undo `plain_times`: return pandas' own times in Arrow's memory, where they came from."""
    if kind is None or not isinstance(index, pd.DatetimeIndex):
        return index
    import pyarrow  # type: ignore[import-untyped]

    arrow = pyarrow.date32()
    if kind == TIMESTAMP:
        arrow = pyarrow.timestamp(index.unit, None if index.tz is None else str(index.tz))
    return pd.Index(index, dtype=pd.ArrowDtype(arrow), name=index.name)


def _wrapped(data: Any) -> Any:
    """Let narwhals read a frame or series of another library than pandas."""
    if isinstance(data, _NOT_FOREIGN):  # narwhals takes its time to find that out
        return data
    return nw.from_native(data, pass_through=True, allow_series=True)


def _column(column: nw.Series[Any]) -> pd.Series:
    """Return a column, missing values as NaN, None or NaT."""
    dtype = column.dtype
    if isinstance(dtype, nw.Categorical | nw.Enum):
        categories = column.cat.get_categories().to_list()
        ordered = isinstance(dtype, nw.Enum)
        return pd.Series(pd.Categorical(column.to_list(), categories, ordered=ordered))
    if isinstance(dtype, nw.Datetime) and dtype.time_zone is not None:
        clock = pd.DatetimeIndex(column.to_numpy())  # numpy knows no time zones
        return pd.Series(clock.tz_localize("UTC").tz_convert(dtype.time_zone))
    if isinstance(dtype, nw.Date):
        return pd.Series(np.asarray(column.to_numpy(), dtype="M8[s]"))
    if isinstance(dtype, nw.Decimal) or (isinstance(dtype, nw.Boolean) and column.null_count()):
        column = column.cast(nw.Float64)
    if isinstance(dtype, nw.Int128 | nw.UInt128):  # which numpy does not know
        column = column.cast(nw.Float64 if column.null_count() else nw.Int64)
    values = column.to_numpy()
    return pd.Series(values if values.ndim == 1 else list(values))


def _values(column: pd.Series) -> Any:
    """Return the values of a column as narwhals takes them for any library."""
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        column = column.dt.tz_convert(None)
    if np.issubdtype(getattr(column.dtype, "type", object), np.datetime64):
        unit = np.datetime_data(column.to_numpy().dtype)[0]
        return column.to_numpy().astype(f"M8[{'ms' if unit == 's' else unit}]")
    if isinstance(column.dtype, np.dtype) and column.dtype.kind in "biuf":
        return column.to_numpy()
    return column.astype(object).tolist()


def _of_own_type(values: Any, column: pd.Series, *, is_date: bool) -> Any:
    """Return what turns the plain values of a column into its own type; None if nothing must."""
    dtype = column.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        words = [str(word) for word in dtype.categories]
        return values.cast(nw.Enum(words) if dtype.ordered else nw.Categorical())
    if isinstance(dtype, pd.DatetimeTZDtype):
        return values.dt.replace_time_zone("UTC").dt.convert_time_zone(str(dtype.tz))
    return values.cast(nw.Date) if is_date else None
