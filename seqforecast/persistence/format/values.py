"""Kinds of values of Python, numpy and pandas."""

from __future__ import annotations

import re
from typing import Any, cast

import numpy as np
import pandas as pd
from pandas.tseries.frequencies import to_offset
from pandas.tseries.offsets import BaseOffset

from seqforecast.persistence.format.codec import Kind, Parts
from seqforecast.persistence.format.fields import Each, Numbers, holds, shown

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


_ZONE = re.compile(r"\w[\w+-]*(/\w[\w+-]*){0,2}|UTC[+-]\d\d:\d\d(:\d\d)?")
"""Names of the time zone database, and fixed distances from UTC: no path of a file."""

_LONGEST_NAME = 60
"""Characters in the name of a dtype or frequency."""

_MOST_TEXT = 10_000_000
"""Characters in an array of texts, each of which takes as many as the longest."""


def _scalar(parts: Parts) -> Any:
    dtype = _dtype(parts["dtype"])
    if dtype.kind not in "biufU":
        raise ValueError(f"a scalar has the dtype {dtype}")
    if not holds((bool, int, float, str), parts["value"]):
        raise ValueError(f"a scalar is {shown(parts['value'])}")
    return dtype.type(parts["value"])


def _scalar_parts(value: np.generic) -> Parts:
    if value.dtype.kind not in "biufU" or (value.dtype.kind != "U" and value.dtype.itemsize > 8):
        raise ValueError(f"{value!r} is a numpy scalar that cannot be saved")
    return {"dtype": value.dtype.str, "value": value.item()}


def _name(value: Any) -> str:
    """Refuse what is no name, or one so long that nothing is called so."""
    if not isinstance(value, str) or len(value) > _LONGEST_NAME:
        raise ValueError(f"the name of a dtype or frequency is {shown(value)}")
    return value


def _dtype(name: Any) -> np.dtype[Any]:
    dtype = np.dtype(_name(name))
    if dtype.kind not in "biufMmUO" or dtype.subdtype is not None:
        raise ValueError(f"the dtype {dtype} is not among what can be loaded")
    return dtype


def _pandas_dtype(name: Any) -> Any:
    _, zoned, zone = _name(name).removesuffix("]").partition(", ")
    if zoned:
        _checked_zone(zone)
    return pd.api.types.pandas_dtype(name)


def _pandas_dtype_parts(dtype: Any) -> Parts:
    if isinstance(dtype, pd.DatetimeTZDtype):
        _zone_name(dtype.tz)
    return {"name": str(dtype)}


def _function(parts: Parts) -> np.ufunc:
    name = parts["name"]
    if not isinstance(name, str) or name not in _FUNCTIONS:
        raise ValueError(f"the function {shown(name)} is not among what can be loaded")
    return _FUNCTIONS[name]


def _function_parts(function: np.ufunc) -> Parts:
    if function.__name__ not in _FUNCTIONS:
        raise ValueError(
            f"the function numpy.{function.__name__} is not among those that can be saved: "
            f"{', '.join(_FUNCTIONS)}"
        )
    return {"name": function.__name__}


def _objects(parts: Parts) -> Any:
    values, shape, text = parts["values"], parts["shape"], parts["text"]
    of = str if text else object
    if not (holds(bool, text) and holds(Each(list, of), values) and holds(Each(list, int), shape)):
        raise ValueError("an array of objects has no values, or no shape")
    array = np.empty(len(values), dtype=object)
    for k, value in enumerate(values):  # a slice would look into what is a list itself
        array[k] = value
    if text and len(values) * max(map(len, values), default=0) > _MOST_TEXT:
        raise ValueError("an array of texts has many of them, and one that is very long")
    array = array.reshape(shape)
    return array.astype(str) if text else array


def _objects_parts(array: np.ndarray[Any, Any]) -> Parts:
    if array.dtype.kind not in "OU":
        raise ValueError(f"an array has the dtype {array.dtype}, which cannot be saved")
    text = array.dtype.kind == "U"
    return {"values": array.ravel().tolist(), "shape": list(array.shape), "text": text}


def _random_state(parts: Parts) -> np.random.RandomState:
    key, position = parts["key"], parts["position"]
    # numpy takes any position, and would read beyond the end of its numbers.
    fits = holds(Numbers("u", 1), key) and len(key) == 624 and key.dtype == np.uint32
    if not (fits and holds(int, position) and 0 <= position <= 624):
        raise ValueError("the state of a RandomState points beside its numbers")
    state = np.random.RandomState()
    state.set_state(("MT19937", key, position, int(parts["had"]), float(parts["cached"])))
    return state


def _random_state_parts(state: np.random.RandomState) -> Parts:
    _, key, position, had, cached = cast(Any, state.get_state(legacy=True))
    return {"key": key, "position": int(position), "had": int(had), "cached": float(cached)}


def _offset(parts: Parts) -> BaseOffset:
    return to_offset(_name(parts["frequency"]))


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
    return time if zone is None else time.tz_localize("UTC").tz_convert(_checked_zone(zone))


def _stamp_parts(time: pd.Timestamp) -> Parts:
    zone = None if time.tz is None else _zone_name(time.tz)
    clock = time if zone is None else time.tz_convert(None)
    return {"value": int(clock.to_datetime64().astype(np.int64)), "unit": time.unit, "zone": zone}


def _checked_zone(zone: Any) -> str:
    """Refuse what is no name of a time zone: pandas takes paths of files, too."""
    if not isinstance(zone, str) or len(zone) > _LONGEST_NAME or not _ZONE.fullmatch(zone):
        raise ValueError(f"the time zone {shown(zone)} is not among what can be loaded")
    return zone


def _zone_name(zone: Any) -> str:
    name = str(zone)
    if not _ZONE.fullmatch(name):
        raise ValueError(
            f"the time zone {zone!r} has no name that is the same on every machine, such as "
            "'Europe/Berlin', and cannot be saved"
        )
    return name


# Indexes ---------------------------------------------------------------------------------------


def _index(parts: Parts) -> pd.Index:
    values, dtype = parts["values"], _pandas_dtype(parts["dtype"])
    if not holds((list, *(Numbers(kind, 1) for kind in "biuf")), values):
        raise ValueError(f"the values of an index are {shown(values)}")
    if isinstance(dtype, np.dtype) and (dtype.kind not in "biufMmOU" or dtype.itemsize > 8):
        raise ValueError(f"an index has the dtype {dtype}")
    return pd.Index(values, dtype=dtype, name=parts["name"], tupleize_cols=False)


def _index_parts(index: pd.Index) -> Parts:
    numbers = isinstance(index.dtype, np.dtype) and index.dtype.kind in "biuf"
    values = index.to_numpy() if numbers else index.tolist()
    return {"values": values, "dtype": _dtype_name(index.dtype), "name": index.name}


def _dtype_name(dtype: Any) -> str:
    """Return the name by which pandas finds a dtype again: two of text have that of another."""
    name = str(dtype)
    if isinstance(dtype, pd.ArrowDtype) and name == "string[pyarrow]":
        return "utf8[pyarrow]"
    if name == "string" and dtype.storage == "python":
        return "string[python]"
    return name


def _datetimes(parts: Parts) -> pd.DatetimeIndex:
    times = pd.DatetimeIndex(_integers(parts).view(f"M8[{parts['unit']}]"))
    if parts["zone"] is not None:
        times = times.tz_localize("UTC").tz_convert(_checked_zone(parts["zone"]))
    return pd.DatetimeIndex(times, freq=parts["frequency"], name=parts["name"])


def _datetimes_parts(index: pd.DatetimeIndex) -> Parts:
    zone = None if index.tz is None else _zone_name(index.tz)
    return {
        "values": index.asi8,
        "unit": index.unit,
        "zone": zone,
        "frequency": index.freq,
        "name": index.name,
    }


def _integers(parts: Parts) -> np.ndarray[Any, Any]:
    if not holds(Numbers("i", 1), parts["values"]):
        raise ValueError(f"the times of an index are {shown(parts['values'])}")
    return cast(Any, parts["values"].astype(np.int64))


def _periods(parts: Parts) -> pd.PeriodIndex:
    frequency = pd.PeriodDtype(_name(parts["frequency"]))
    from_ordinals = cast(Any, pd.PeriodIndex).from_ordinals
    index: pd.PeriodIndex = from_ordinals(_integers(parts), freq=frequency.freq, name=parts["name"])
    return index


def _categories(parts: Parts) -> pd.CategoricalIndex:
    values = pd.Categorical.from_codes(
        parts["codes"], categories=parts["categories"], ordered=bool(parts["ordered"])
    )
    return pd.CategoricalIndex(values, name=parts["name"])


VALUES = (
    Kind("tuple", tuple, lambda t: {"items": list(t)}, lambda p: tuple(p["items"])),
    Kind(
        "set",
        set,
        lambda s: {"items": sorted(s, key=repr)},
        lambda p: set(map(_hashable, p["items"])),
    ),
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
        lambda p: _dtype(p["name"]),
        family=True,
    ),
    Kind(
        "extension_dtype",
        pd.api.extensions.ExtensionDtype,
        _pandas_dtype_parts,
        lambda p: _pandas_dtype(p["name"]),
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
)
"""Kinds that any file may hold."""
