"""Values of Python, numpy and pandas as nodes, and back; and what no file may say of them."""

import json
import zoneinfo
from datetime import datetime

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pandas.tseries.frequencies import to_offset

from seqforecast.persistence.format.codec import Decoder, Encoder
from seqforecast.persistence.format.values import VALUES


def through(value):
    encoder = Encoder(VALUES)
    node = json.loads(json.dumps(encoder.encode(value)))
    return Decoder(VALUES, encoder.arrays).decode(node)


def decode(name, arrays=None, **parts):
    return Decoder(VALUES, arrays or {}).decode({"kind": name, "parts": parts})


@pytest.mark.parametrize(
    "value",
    [
        *(np.float32(1.1), np.int8(-3), np.uint64(2**64 - 1), np.bool_(True), np.float64("nan")),
        *(np.str_("text"), np.float16(0.1)),
    ],
    ids=repr,
)
def test_scalars(value):
    again = through(value)
    assert type(again) is type(value)
    assert again.tobytes() == value.tobytes()


@pytest.mark.parametrize(
    "array",
    [
        np.array(["a", "bcd"]),
        np.array([["a", None], [1, 2.5]], dtype=object),
        np.array([], dtype=object),
        np.array([(1, 2), [3], None], dtype=object),
        np.empty((2, 0), dtype="U5"),
    ],
    ids=str,
)
def test_arrays_of_other_things(array):
    again = through(array)
    assert again.dtype.kind == array.dtype.kind
    assert again.shape == array.shape
    assert again.tolist() == array.tolist()


@pytest.mark.parametrize("value", [set(), {"b", "a"}, {1, None, (2, "c")}])
def test_sets(value):
    assert through(value) == value
    assert decode("set", items=[1, 1]) == {1}
    with pytest.raises(TypeError, match="unhashable"):
        decode("set", items=[[1]])


INDEXES = [
    pd.RangeIndex(2, 20, 3, name="i"),
    pd.Index([1, 2], dtype="int8"),
    pd.Index([1.5, np.nan]),
    pd.Index([True, False]),
    pd.Index(["a", "b"], name=("x", 1)),
    pd.Index(["a", None], dtype=object),
    pd.Index([("a", 1), ("b", 2)], tupleize_cols=False, name=3),
    pd.Index([1, 2], dtype="Int32"),
    pd.Index(["a", "b"], dtype="string"),
    pd.Index(["a", "b"], dtype="string[python]"),
    pd.Index(["a", "b"], dtype=pd.ArrowDtype(pa.string())),
    pd.Index([pd.Timestamp("2020"), "x"], dtype=object),
    pd.DatetimeIndex(["2020-01-01", None], name="t"),
    pd.date_range("2020", periods=3, freq="MS", unit="s"),
    pd.date_range("2020-10-24", periods=4, freq="h", tz="Europe/Berlin"),
    pd.date_range("2020", periods=3, freq="D", tz="UTC"),
    pd.date_range("2020", periods=3, freq="D", tz="-03:30"),
    pd.period_range("2020", periods=3, freq="W-TUE", name="p"),
    pd.PeriodIndex(["2020", None], freq="Y"),
    pd.CategoricalIndex(["b", None, "a"], categories=["a", "b"], ordered=True, name="c"),
    pd.CategoricalIndex([2, 1]),
    pd.Index([]),
]


@pytest.mark.parametrize("index", INDEXES, ids=lambda i: f"{type(i).__name__}-{i.dtype}")
def test_indexes(index):
    again = through(index)
    pd.testing.assert_index_equal(again, index, exact=True)
    assert again.name == index.name
    assert getattr(again, "freq", None) == getattr(index, "freq", None)


@pytest.mark.parametrize(
    "time",
    [
        pd.Timestamp("2020-02-29 12:34:56.789012345"),
        pd.Timestamp("2020-10-25 00:30", tz="UTC").tz_convert("Europe/Berlin"),
        pd.Timestamp("2020-10-25 01:30", tz="UTC").tz_convert("Europe/Berlin"),
        pd.Timestamp("2020", tz="UTC").as_unit("s"),
    ],
    ids=str,
)
def test_times(time):
    again = through(time)
    assert again == time
    assert (again.unit, str(again.tz), again.fold) == (time.unit, str(time.tz), time.fold)


FREQUENCIES = ["MS", "ME", "QE-DEC", "QS-FEB", "YE-JUN", "W-SUN", "B", "D", "h", "15min", "s", "ms"]


@pytest.mark.parametrize("name", [*FREQUENCIES, "3MS", "2W-WED", "BME", "WOM-2TUE", "SME", "90min"])
def test_frequencies(name):
    assert through(to_offset(name)) == to_offset(name)


def test_frequencies_with_more_than_a_name_are_refused():
    custom = pd.offsets.CustomBusinessDay(holidays=["2020-01-01"])
    with pytest.raises(ValueError, match="holds more than its name 'C' says"):
        through(custom)


def test_zones_that_are_not_the_same_everywhere_are_refused():
    from dateutil.tz import gettz, tzlocal

    for zone in (gettz("Europe/Berlin"), tzlocal()):
        time = pd.Timestamp("2020", tz=zone)
        for value in (time, pd.DatetimeIndex([time]), pd.DatetimeIndex([time]).dtype):
            with pytest.raises(ValueError, match="has no name that is the same on every machine"):
                through(value)
    named = pd.Timestamp(datetime(2020, 1, 1, tzinfo=zoneinfo.ZoneInfo("Asia/Kathmandu")))
    assert through(named) == named


def test_dtypes():
    for name in ("int32", "M8[ms]", "O", "bool"):
        assert through(np.dtype(name)) == np.dtype(name)
    for name in ("Int64", "period[Q-DEC]", "datetime64[us, Europe/Berlin]", "string"):
        assert through(pd.api.types.pandas_dtype(name)) == pd.api.types.pandas_dtype(name)


def test_random_states_go_on():
    state = np.random.RandomState(3)
    state.standard_normal(5)
    again = through(state)
    np.testing.assert_array_equal(again.standard_normal(700), state.standard_normal(700))


def test_functions_are_those_of_a_list():
    assert through(np.log1p) is np.log1p
    with pytest.raises(ValueError, match="numpy.sin is not among those that can be saved: absol"):
        through(np.sin)


KEY = {"k": np.zeros(624, np.uint32)}
OBJECTS = {"values": ["a"], "shape": [1], "text": False}
HOSTILE = {
    "a function of another name": ("function", {"name": "linspace"}, {}),
    "a function that is a list": ("function", {"name": []}, {}),
    "a scalar of objects": ("scalar", {"dtype": "O", "value": 1}, {}),
    "a scalar of nested form": ("scalar", {"dtype": "(1000000,1000000)f8", "value": 1}, {}),
    "a scalar with a dtype that is a list": ("scalar", {"dtype": [["a", "i4"]], "value": 1}, {}),
    "a scalar of many values": ("scalar", {"dtype": "f8", "value": [1.0] * 9}, {}),
    "a dtype of a gigabyte": ("dtype", {"name": "V1000000000"}, {}),
    "a dtype that is a record": ("dtype", {"name": "i4,i4"}, {}),
    "a dtype of another library": ("extension_dtype", {"name": "x" * 1_000}, {}),
    "a zone that is a path": (
        "extension_dtype",
        {"name": "datetime64[ns, dateutil//etc/hosts]"},
        {},
    ),
    "a long frequency": ("offset", {"frequency": "1D" * 100_000}, {}),
    "a frequency that is a number": ("offset", {"frequency": 3}, {}),
    "a frequency that is none": ("offset", {"frequency": "os"}, {}),
    "text of a terabyte": ("objects", {**OBJECTS, "values": ["a"] * 20_000 + ["a" * 10_000]}, {}),
    "text with numbers": ("objects", {"values": [1], "shape": [1], "text": True}, {}),
    "objects of no form": ("objects", {**OBJECTS, "shape": [2**62, 2**62]}, {}),
    "objects of a form that is a text": ("objects", {**OBJECTS, "shape": "1"}, {}),
    "a generator that points beyond": (
        "random_state",
        {"key": {"array": "k"}, "position": 625, "had": 0, "cached": 0.0},
        KEY,
    ),
    "a generator that points before": (
        "random_state",
        {"key": {"array": "k"}, "position": -1, "had": 0, "cached": 0.0},
        KEY,
    ),
    "a generator of few numbers": (
        "random_state",
        {"key": {"array": "k"}, "position": 1, "had": 0, "cached": 0.0},
        {"k": np.zeros(623, np.uint32)},
    ),
    "a key that is no key": ("dict", {"keys": [[]], "values": [1]}, {}),
    "more keys than values": ("dict", {"keys": [1, 2], "values": [1]}, {}),
    "an index of text": ("index", {"values": "abc", "dtype": "object", "name": None}, {}),
    "an index of gigabytes": ("index", {"values": [1], "dtype": "U1000000000", "name": None}, {}),
    "times of no unit": (
        "datetimes",
        {"values": {"array": "k"}, "unit": "x", "zone": None, "frequency": None, "name": None},
        {"k": np.zeros(1, np.int64)},
    ),
    "times of a zone that is a path": (
        "datetimes",
        {"values": {"array": "k"}, "unit": "s", "zone": "../../x", "frequency": None, "name": None},
        {"k": np.zeros(1, np.int64)},
    ),
    "codes of no category": (
        "categories",
        {"codes": {"array": "k"}, "categories": ["a"], "ordered": False, "name": None},
        {"k": np.array([7], np.int8)},
    ),
}
HOSTILE["text of a terabyte"][1]["text"] = True
HOSTILE["text of a terabyte"][1]["shape"] = [20_001]


@pytest.mark.parametrize("case", HOSTILE.values(), ids=HOSTILE)
def test_hostile_parts_are_refused(case):
    name, parts, arrays = case
    with pytest.raises((ValueError, TypeError, LookupError)):
        decode(name, arrays, **parts)
