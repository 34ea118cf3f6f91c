"""Kinds of values of Python, numpy and pandas."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import pandas as pd
from pandas.tseries.frequencies import to_offset
from pandas.tseries.offsets import BaseOffset

from seqforecast.serialization.codec import Kind, Parts

__all__ = ["VALUES"]

_FUNCTIONS = {
    function.__name__: function
    for function in (
        *(np.absolute, np.cbrt, np.exp, np.exp2, np.expm1, np.log, np.log10, np.log1p, np.log2),
        *(np.negative, np.reciprocal, np.sqrt, np.square),
    )
}
"""What a FunctionTransformer may hold."""


def _hashable(key: Any) -> Any:
    hash(key)  # a TypeError of what cannot be a key
    return key


def _scalar(parts: Parts) -> Any:
    dtype = np.dtype(parts["dtype"])
    if dtype.kind not in "biuf":
        raise ValueError(f"a scalar has the dtype {dtype}")
    return dtype.type(parts["value"])


def _scalar_parts(value: np.generic) -> Parts:
    if value.dtype.kind not in "biuf":
        raise ValueError(f"{value!r} is a numpy scalar that cannot be saved")
    return {"dtype": value.dtype.str, "value": value.item()}


def _function(parts: Parts) -> np.ufunc:
    name = parts["name"]
    if name not in _FUNCTIONS:
        raise ValueError(f"the function {name!r} is not among what can be loaded")
    return _FUNCTIONS[name]


def _function_parts(function: np.ufunc) -> Parts:
    if function.__name__ not in _FUNCTIONS:
        raise ValueError(
            f"the function numpy.{function.__name__} is not among those that can be saved: "
            f"{', '.join(_FUNCTIONS)}"
        )
    return {"name": function.__name__}


def _objects(parts: Parts) -> Any:
    values = parts["values"]
    shape = tuple(parts["shape"])
    array = np.empty(len(values), dtype=object)
    array[:] = values
    array = array.reshape(shape)
    return array if parts["text"] is None else array.astype(np.dtype(f"U{int(parts['text'])}"))


def _objects_parts(array: np.ndarray[Any, Any]) -> Parts:
    if array.dtype.kind not in "OU":
        raise ValueError(f"an array has the dtype {array.dtype}, which cannot be saved")
    text = array.dtype.itemsize // 4 if array.dtype.kind == "U" else None
    return {"values": array.ravel().tolist(), "shape": list(array.shape), "text": text}


def _random_state(parts: Parts) -> np.random.RandomState:
    state = np.random.RandomState()
    state.set_state(("MT19937", parts["key"], parts["position"], parts["had"], parts["cached"]))
    return state


def _random_state_parts(state: np.random.RandomState) -> Parts:
    _, key, position, had, cached = cast(Any, state.get_state(legacy=True))
    return {"key": key, "position": int(position), "had": int(had), "cached": float(cached)}


def _offset(parts: Parts) -> BaseOffset:
    offset = to_offset(str(parts["frequency"]))
    if offset is None:
        raise ValueError("a frequency is empty")
    return offset


def _offset_parts(offset: BaseOffset) -> Parts:
    try:
        same = to_offset(offset.freqstr) == offset
    except ValueError:
        same = False
    if not same:
        raise ValueError(
            f"the frequency {offset!r} holds more than its name {offset.freqstr!r} says, and "
            "cannot be saved"
        )
    return {"frequency": offset.freqstr}


def _stamp(parts: Parts) -> pd.Timestamp:
    value: Any = np.asarray(int(parts["value"])).view(f"M8[{parts['unit']}]")
    time = pd.Timestamp(value[()])
    zone = parts["zone"]
    return time if zone is None else time.tz_localize("UTC").tz_convert(str(zone))


def _stamp_parts(time: pd.Timestamp) -> Parts:
    zone = None if time.tz is None else str(time.tz)
    clock = time if zone is None else time.tz_convert(None)
    return {"value": int(clock.to_datetime64().astype(np.int64)), "unit": time.unit, "zone": zone}


# Indexes ---------------------------------------------------------------------------------------


def _index(parts: Parts) -> pd.Index:
    values, dtype = parts["values"], pd.api.types.pandas_dtype(str(parts["dtype"]))
    return pd.Index(values, dtype=dtype, name=parts["name"])


def _index_parts(index: pd.Index) -> Parts:
    numbers = isinstance(index.dtype, np.dtype) and index.dtype.kind in "biuf"
    values = index.to_numpy() if numbers else index.tolist()
    return {"values": values, "dtype": str(index.dtype), "name": index.name}


def _datetimes(parts: Parts) -> pd.DatetimeIndex:
    times = pd.DatetimeIndex(parts["values"].astype(np.int64).view(f"M8[{parts['unit']}]"))
    if parts["zone"] is not None:
        times = times.tz_localize("UTC").tz_convert(str(parts["zone"]))
    return times.rename(parts["name"])


def _datetimes_parts(index: pd.DatetimeIndex) -> Parts:
    zone = None if index.tz is None else str(index.tz)
    return {"values": index.asi8, "unit": index.unit, "zone": zone, "name": index.name}


def _periods(parts: Parts) -> pd.PeriodIndex:
    frequency = pd.PeriodDtype(str(parts["frequency"]))
    ordinals = parts["values"].astype(np.int64)
    from_ordinals = cast(Any, pd.PeriodIndex).from_ordinals
    index: pd.PeriodIndex = from_ordinals(ordinals, freq=frequency.freq, name=parts["name"])
    return index


def _categories(parts: Parts) -> pd.CategoricalIndex:
    values = pd.Categorical.from_codes(
        parts["codes"], categories=parts["categories"], ordered=bool(parts["ordered"])
    )
    return pd.CategoricalIndex(values, name=parts["name"])


def _levels(parts: Parts) -> pd.MultiIndex:
    return pd.MultiIndex(levels=parts["levels"], codes=parts["codes"], names=parts["names"])


VALUES = (
    Kind("tuple", tuple, lambda t: {"items": list(t)}, lambda p: tuple(p["items"])),
    Kind(
        "dict",
        dict,
        lambda d: {"keys": list(d), "values": list(d.values())},
        lambda p: dict(zip(map(_hashable, p["keys"]), p["values"], strict=True)),
    ),
    Kind("scalar", np.generic, _scalar_parts, _scalar, family=True),
    Kind("objects", np.ndarray, _objects_parts, _objects),
    Kind("function", np.ufunc, _function_parts, _function),
    Kind("random_state", np.random.RandomState, _random_state_parts, _random_state),
    Kind(
        "dtype",
        np.dtype,
        lambda d: {"name": d.str},
        lambda p: np.dtype(str(p["name"])),
        family=True,
    ),
    Kind(
        "extension_dtype",
        pd.api.extensions.ExtensionDtype,
        lambda d: {"name": str(d)},
        lambda p: pd.api.types.pandas_dtype(str(p["name"])),
        family=True,
    ),
    Kind("offset", BaseOffset, _offset_parts, _offset, family=True),
    Kind("timestamp", pd.Timestamp, _stamp_parts, _stamp),
    Kind(
        "range",
        pd.RangeIndex,
        lambda i: {"start": i.start, "stop": i.stop, "step": i.step, "name": i.name},
        lambda p: pd.RangeIndex(**p),
    ),
    Kind("index", pd.Index, _index_parts, _index),
    Kind("datetimes", pd.DatetimeIndex, _datetimes_parts, _datetimes),
    Kind(
        "periods",
        pd.PeriodIndex,
        lambda i: {"values": i.asi8, "frequency": i.freqstr, "name": i.name},
        _periods,
    ),
    Kind(
        "categories",
        pd.CategoricalIndex,
        lambda i: {
            "codes": np.asarray(i.codes),
            "categories": i.categories,
            "ordered": bool(i.ordered),
            "name": i.name,
        },
        _categories,
    ),
    Kind(
        "multiindex",
        pd.MultiIndex,
        lambda i: {
            "levels": list(i.levels),
            "codes": [np.asarray(codes) for codes in i.codes],
            "names": list(i.names),
        },
        _levels,
    ),
)
"""Kinds that any file may hold."""
