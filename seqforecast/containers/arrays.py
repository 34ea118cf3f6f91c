"""Arrays, tensors, lists and columns become plain arrays of numbers, or are refused by name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NoReturn

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import issparse

from seqforecast.containers.frames import as_pandas, named
from seqforecast.containers.many_series import BELOW_EACH_OTHER, refuse_dict, refuse_series_in

_LARGEST_FLOAT = 8
"""Bytes of a float that torch knows."""

_CONVERT = "Convert it: pd.to_numeric(...), or cast(pl.Float64) of polars."

_DATES = {"date", "datetime", "datetime64", "period", "time", "timedelta", "timedelta64"}
"""What pandas calls objects that are times."""


def as_array(values: Any, what: str, *, series: str = BELOW_EACH_OTHER) -> NDArray[Any]:
    """Return real numbers of any container as an array that numpy and torch know.

    Nothing is copied where the values are such an array. Values under a mask, and those that
    pandas or polars know to be missing, are NaN.

    Parameters
    ----------
    values : array-like
        An array, masked or not, a tensor, a Series or frame of pandas or polars, or a list.
    what : str
        The name of the argument, for messages.
    series : {SIDE_BY_SIDE, BELOW_EACH_OTHER}
        How several series make a table: a column each, or a row. Where it is a column, a list
        of arrays is refused, for each may be a series or a row.

    Raises
    ------
    TypeError
        If it holds no real numbers, or is a collection of series or no container of values.
    ValueError
        If its rows are not equally long, or its numbers complex.
    """
    values = as_pandas(values, what)
    if isinstance(values, pd.DataFrame):
        return _of_frame(values, what)
    if isinstance(values, pd.Series | pd.Index):
        return _of_column(values, what)
    _refuse_no_values(values, what)
    if isinstance(values, list | tuple):
        values = _members(values, what, series)
    if _is_tensor(values):
        values = _of_tensor(values, what)
    try:
        array = np.asanyarray(values)
    except ValueError as error:
        raise ValueError(
            f"{what} is ragged; a sequence of numbers, or a table whose rows are equally long, is "
            "needed. Treat each row by itself, or pad the rows with NaN."
        ) from error
    if isinstance(array, np.ma.MaskedArray):
        return _numbers(_unmasked(array, what), what)
    return _numbers(np.asarray(array), what)


def float_values(
    values: pd.Series | NDArray[Any], what: str, cure: str | None = None
) -> NDArray[np.float64]:
    """Return a column or an array of real numbers as float64, missing ones as NaN.

    Parameters
    ----------
    values : Series of shape (n,) or ndarray of any shape
        A view is returned where the values are float64.
    what : str
        What the values are, for messages.
    cure : str, default=None
        What to do if they are no real numbers; None says what suits their type.
    """
    dtype = values.dtype
    if pd.api.types.is_complex_dtype(dtype):
        _refuse_complex(what, dtype)
    if not is_real(dtype):
        times = pd.api.types.is_datetime64_any_dtype(dtype) or getattr(dtype, "kind", "") == "m"
        if times and cure is None:
            _refuse_dates(what, dtype)
        raise TypeError(f"{what} has dtype {dtype}; real numbers are needed. {cure or _CONVERT}")
    with np.errstate(over="ignore"):  # beyond float64 is infinite, which is refused by name
        if isinstance(values, np.ndarray):
            return values.astype(np.float64, copy=False)
        if isinstance(dtype, np.dtype):
            return values.to_numpy(dtype=np.float64)
        return values.to_numpy(dtype=np.float64, na_value=np.nan)


def is_real(dtype: Any) -> bool:
    """Tell whether a dtype of numpy or pandas is of real numbers, booleans among them."""
    number = pd.api.types.is_numeric_dtype(dtype) and not pd.api.types.is_complex_dtype(dtype)
    return bool(number or pd.api.types.is_bool_dtype(dtype))


def _refuse_no_values(values: Any, what: str) -> None:
    """Refuse what is no container of values."""
    if issparse(values):
        raise TypeError(
            f"{what} is a sparse matrix; a dense array is needed. Call {named(what)}.toarray() "
            "before."
        )
    if isinstance(values, dict):
        refuse_dict(values, what)
    if values is None or isinstance(values, str | bytes | set | Iterator):
        cure = "Pass the values themselves; pd.read_csv(...) reads a file."
        if isinstance(values, set | Iterator):
            cure = f"Pass list({named(what)}), if its order is that of time."
        raise TypeError(
            f"{what} is a {type(values).__name__}; a Series, a DataFrame or an array is needed. "
            f"{cure}"
        )


def _refuse_complex(what: str, dtype: Any) -> NoReturn:
    """Refuse complex numbers."""
    raise ValueError(
        f"Complex data not supported: {what} has dtype {dtype}; real numbers are needed. Pass "
        "real and imaginary part as two columns."
    )


# ------------------------------------------------------------------------------- containers


def _members(values: Any, what: str, series: str) -> Any:
    """Return a list without tensors and masked arrays; refuse one of Series or frames."""
    if set(map(type, values)) <= {float, int, list}:  # most lists, and the long ones
        return values
    kind = list if isinstance(values, list) else tuple
    members = kind(_of_tensor(one, what) if _is_tensor(one) else one for one in values)
    refuse_series_in(members, what, series)
    if any(isinstance(one, np.ma.MaskedArray) and one is not np.ma.masked for one in members):
        return np.ma.array(members)
    return [np.nan if one is np.ma.masked else one for one in members]


def _is_tensor(values: Any) -> bool:
    """Tell whether it is a tensor of torch, without an import of torch."""
    return type(values).__module__.partition(".")[0] == "torch" and hasattr(values, "detach")


def _of_tensor(tensor: Any, what: str) -> NDArray[Any]:
    """Return the values of a tensor, also of one with a gradient or on another device."""
    if str(tensor.layout) != "torch.strided":
        raise TypeError(
            f"{what} is a sparse tensor; a dense one is needed. Call {named(what)}.to_dense() "
            "before."
        )
    tensor = tensor.detach().cpu().resolve_conj().resolve_neg()
    if str(tensor.dtype) == "torch.bfloat16":  # which numpy does not know
        tensor = tensor.float()
    values: NDArray[Any] = tensor.numpy()
    return values


def _unmasked(array: Any, what: str) -> NDArray[Any]:
    """Return the values of a masked array, NaN under the mask; the values alone if none is."""
    if array.dtype.names is None and not np.ma.is_masked(array):
        return np.asarray(array.data)
    if array.dtype.kind not in "biuf":
        raise TypeError(
            f"{what} is a masked array of dtype {array.dtype}; real numbers are needed. Convert "
            f"it: {named(what)}.astype(float)."
        )
    return np.asarray(array.astype(np.float64).filled(np.nan))


def _of_frame(frame: pd.DataFrame, what: str) -> NDArray[Any]:
    """Return the values of a frame; those of one numpy type are not copied."""
    dtypes = set(frame.dtypes)
    if len(dtypes) == 1 and isinstance(frame.dtypes.iloc[0], np.dtype):
        return _numbers(frame.to_numpy(), what)
    columns = [
        _of_column(frame.iloc[:, k], f"{what}, column {name!r},")
        for k, name in enumerate(frame.columns)
    ]
    if not columns:
        return np.empty(frame.shape)
    table = np.empty(frame.shape, dtype=np.result_type(*(column.dtype for column in columns)))
    for k, column in enumerate(columns):
        table[:, k] = column
    return table


def _of_column(column: Any, what: str) -> NDArray[Any]:
    if isinstance(column.dtype, np.dtype):
        return _numbers(column.to_numpy(), what)
    return float_values(column, what)


# ------------------------------------------------------------------------------------ types


def _numbers(array: NDArray[Any], what: str) -> NDArray[Any]:
    """Return an array of real numbers in a type that torch knows, or say what it holds."""
    kind = array.dtype.kind
    if kind == "O":
        return _of_objects(array, what)
    if kind == "c":
        _refuse_complex(what, array.dtype)
    if kind in "mM":
        _refuse_dates(what, array.dtype)
    if kind in "SUT":
        _refuse_text(what, array.dtype)
    if kind not in "biuf":
        cure = f"Convert it: {named(what)}.astype(np.float32)."
        if array.dtype.names is not None:
            cure = f"Make a frame of records: pd.DataFrame({named(what)})."
        raise TypeError(f"{what} has dtype {array.dtype}; real numbers are needed. {cure}")
    if kind == "f" and array.dtype.itemsize > _LARGEST_FLOAT:
        with np.errstate(over="ignore"):  # beyond float64 is infinite, which is refused by name
            return array.astype(np.float64)
    return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))


def _of_objects(array: NDArray[Any], what: str) -> NDArray[np.float64]:
    """Return numbers that numpy holds as objects, None and pd.NA as NaN."""
    found = pd.api.types.infer_dtype(array.ravel(), skipna=True)
    if found in _DATES:
        _refuse_dates(what, found)
    if found in ("string", "bytes") or any(isinstance(one, str | bytes) for one in array.flat):
        _refuse_text(what, array.dtype)
    if found == "complex":
        _refuse_complex(what, array.dtype)
    missing = pd.isna(array)
    if missing.any():
        array = np.where(missing, np.nan, array)
    try:
        return array.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"{what} holds objects that are no real numbers ({error}); numbers are needed. "
            f"{_CONVERT}"
        ) from error


def _refuse_text(what: str, dtype: Any) -> NoReturn:
    raise TypeError(
        f"{what} holds text (dtype {dtype}); real numbers are needed. Convert numbers with "
        "pd.to_numeric and times with pd.to_datetime; encode or drop all other columns."
    )


def _refuse_dates(what: str, dtype: Any) -> NoReturn:
    raise TypeError(
        f"{what} holds dates or durations ({dtype}); real numbers are needed. Drop such columns: "
        "times belong into the index of a Series or frame, or into the column ds of a long frame."
    )
