"""Windows against a plain-loop twin, their labels, their memory and their refusals."""

import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from seqforecast.windows import last_window, make_windows
from tests.properties import examples


def loop_windows(rows, window, horizon, step, target, every_step, flat):
    """Make windows one number at a time: the independent twin."""
    order = [target] + [c for c in range(len(rows[0])) if c != target]
    X, y = [], []
    start = 0
    while start + window + horizon <= len(rows):
        steps = [[rows[start + t][c] for c in order] for t in range(window)]
        X.append([v for row in steps for v in row] if flat else steps)
        after = [
            [rows[start + t + h][target] for h in range(1, horizon + 1)] for t in range(window)
        ]
        y.append(after if every_step else after[-1][0] if horizon == 1 else after[-1])
        start += step
    return np.array(X), np.array(y)


@st.composite
def settings_of_windows(draw):
    window, horizon = draw(st.integers(1, 7)), draw(st.integers(1, 5))
    n_channels = draw(st.integers(1, 4))
    return {
        "n_steps": window + horizon + draw(st.integers(0, 15)),
        "window": window,
        "horizon": horizon,
        "step": draw(st.integers(1, 6)),
        "n_channels": n_channels,
        "target": draw(st.integers(0, n_channels - 1)),
        "every_step": draw(st.booleans()),
        "flat": draw(st.booleans()),
    }


def numbered(n_steps, n_channels=1):
    """A table whose value tells its step (hundreds) and its channel (units)."""
    return np.arange(n_steps)[:, np.newaxis] * 100.0 + np.arange(n_channels)


def daily(n_steps, names=("price", "promo", "heat")):
    index = pd.date_range("2024-01-01", periods=n_steps, name="day")
    return pd.DataFrame(numbered(n_steps, len(names)), columns=list(names), index=index)


def says(message):
    """Match the whole of a message."""
    return f"^{re.escape(message)}$"


# ------------------------------------------------------------------------------- values


@settings(max_examples=examples(150))
@given(drawn=settings_of_windows(), kind=st.sampled_from(["array", "fortran", "strided", "frame"]))
def test_make_windows_any_settings_equals_plain_loop(drawn, kind):
    n_steps, n_channels = drawn.pop("n_steps"), drawn.pop("n_channels")
    values = numbered(n_steps, n_channels)
    series = {
        "array": lambda: values,
        "fortran": lambda: np.asfortranarray(values),
        "strided": lambda: np.repeat(np.repeat(values, 2, axis=0), 3, axis=1)[::2, ::3],
        "frame": lambda: pd.DataFrame(values),
    }[kind]()
    X, y = make_windows(series, **drawn)
    expected_X, expected_y = loop_windows(values.tolist(), **drawn)
    np.testing.assert_array_equal(X, expected_X)
    np.testing.assert_array_equal(y, expected_y)
    assert (np.shape(X), np.shape(y)) == (expected_X.shape, expected_y.shape)


@settings(max_examples=examples(50))
@given(drawn=settings_of_windows(), reverse=st.booleans(), hop=st.integers(1, 3))
def test_make_windows_1d_any_stride_equals_plain_loop_without_copy(drawn, reverse, hop):
    n_steps, _ = drawn.pop("n_steps"), drawn.pop("n_channels")
    drawn.update(target=0)
    whole = np.arange(float(n_steps * hop))
    series = whole[:: -hop if reverse else hop]
    X, y = make_windows(series, **drawn)
    expected_X, expected_y = loop_windows(series[:, np.newaxis].tolist(), **drawn)
    np.testing.assert_array_equal(X, expected_X)
    np.testing.assert_array_equal(y, expected_y)
    assert np.shares_memory(X, whole)
    assert np.shares_memory(y, whole)


@settings(max_examples=examples(50))
@given(drawn=settings_of_windows())
def test_make_windows_of_numbered_steps_no_window_sees_its_target(drawn):
    n_steps, _ = drawn.pop("n_steps"), drawn.pop("n_channels")
    drawn.update(target=0, every_step=False, flat=True)
    X, y = make_windows(np.arange(n_steps), **drawn)
    y = y.reshape(len(X), -1)
    assert (X.max(axis=1) < y.min(axis=1)).all()
    np.testing.assert_array_equal(y[:, 0], X[:, -1] + 1)  # and no step is lost between them


@settings(max_examples=examples(50))
@given(window=st.integers(1, 8), n_windows=st.integers(1, 8), spare=st.integers(0, 7))
def test_make_windows_step_equal_window_tiles_the_series(window, n_windows, spare):
    n_steps = window * n_windows + 1 + spare % window
    X, _ = make_windows(np.arange(n_steps), window, step=window)
    np.testing.assert_array_equal(X.ravel(), np.arange(window * n_windows))


def test_make_windows_known_answer():
    X, y = make_windows([1, 2, 3, 4, 5], window=2, horizon=2)
    np.testing.assert_array_equal(X, [[1, 2], [2, 3]])
    np.testing.assert_array_equal(y, [[3, 4], [4, 5]])


def test_make_windows_every_step_known_answer():
    _, y = make_windows([1, 2, 3, 4, 5], window=2, horizon=2, every_step=True)
    np.testing.assert_array_equal(y, [[[2, 3], [3, 4]], [[3, 4], [4, 5]]])


def test_make_windows_nan_passes_through():
    X, y = make_windows([1.0, np.nan, 3.0], window=2)
    np.testing.assert_array_equal(X, [[1.0, np.nan]])
    np.testing.assert_array_equal(y, [3.0])


# ------------------------------------------------------------------------------- labels


@pytest.mark.parametrize("step", [1, 3])
def test_make_windows_frame_columns_match_values_of_their_lag(step):
    frame = daily(12)
    X, y = make_windows(frame, 4, 2, target="promo", step=step)
    assert list(X.columns[:3]) == ["promo@lag3", "price@lag3", "heat@lag3"]
    assert list(X.columns[-3:]) == ["promo@lag0", "price@lag0", "heat@lag0"]
    assert X.index.name == "day"
    for name in frame.columns:
        for lag in range(4):
            expected = frame[name].shift(lag).loc[X.index].to_numpy()
            np.testing.assert_array_equal(X[f"{name}@lag{lag}"], expected)
    assert list(y.columns) == ["promo@step1", "promo@step2"]
    assert y.index.equals(X.index)
    for h in (1, 2):
        expected = frame["promo"].shift(-h).loc[X.index].to_numpy()
        np.testing.assert_array_equal(y[f"promo@step{h}"], expected)


def test_make_windows_frame_horizon_one_gives_named_series():
    frame = daily(6)
    X, y = make_windows(frame, 2, target="heat")
    assert isinstance(y, pd.Series)
    assert y.name == "heat"
    assert y.index.equals(X.index)
    assert X.index.equals(pd.date_range("2024-01-02", "2024-01-05"))


@pytest.mark.parametrize(("name", "label"), [(None, "y"), ("load", "load"), (7, "7")])
def test_make_windows_series_uses_its_name_or_y(name, label):
    series = pd.Series([1.0, 2.0, 3.0], name=name)
    X, y = make_windows(series, 2)
    assert list(X.columns) == [f"{label}@lag1", f"{label}@lag0"]
    assert y.name == ("y" if name is None else name)
    same_X, _ = make_windows(series, 2, target=y.name)
    assert same_X.equals(X)


def test_make_windows_frame_every_step_gives_frame_and_array():
    X, y = make_windows(daily(8), 3, 2, every_step=True)
    assert isinstance(X, pd.DataFrame)
    assert type(y) is np.ndarray
    assert y.shape == (4, 3, 2)


def test_make_windows_frame_not_flat_gives_arrays():
    X, y = make_windows(daily(8), 3, 2, flat=False)
    assert type(X) is np.ndarray
    assert type(y) is np.ndarray
    assert X.shape == (4, 3, 3)


@pytest.mark.parametrize(
    "index",
    [
        pd.RangeIndex(5),
        pd.period_range("2024-01", periods=5, freq="M"),
        pd.timedelta_range("1h", periods=5, freq="h"),
        pd.date_range("2024-01-01", periods=5, tz="Europe/Zurich"),
        pd.Index([0.5, 1.0, 2.0, 4.0, 8.0]),
    ],
)
def test_make_windows_any_index_labels_the_cutoffs(index):
    X, y = make_windows(pd.Series(np.arange(5.0), index=index), 2, 2)
    assert X.index.equals(index[1:3])
    assert y.index.equals(index[1:3])


def test_make_windows_frame_through_pipeline_keeps_names():
    X, y = make_windows(daily(40), 4, 2, target="promo")
    scaler = StandardScaler().set_output(transform="pandas")
    model = make_pipeline(scaler, Ridge()).fit(X, y)
    assert list(model[-1].feature_names_in_) == list(X.columns)
    assert list(model[:-1].transform(X).columns) == list(X.columns)
    newest = last_window(daily(40), 4, target="promo")
    assert model.predict(newest).shape == (1, 2)


# ------------------------------------------------------------------------------- dtypes


@pytest.mark.parametrize("dtype", ["int8", "uint16", "int64", "float16", "float32"])
@pytest.mark.parametrize("n_channels", [1, 2])
def test_make_windows_numeric_dtype_is_kept(dtype, n_channels):
    table = numbered(5, n_channels).astype(dtype)
    X, y = make_windows(table, 2)
    assert X.dtype == y.dtype == table.dtype
    X, y = make_windows(pd.DataFrame(table), 2)
    assert set(X.dtypes) == {table.dtype}
    assert y.dtype == table.dtype


@pytest.mark.parametrize("dtype", ["bool", "boolean", "Int64", "Float64", "Float32"])
@pytest.mark.parametrize("n_channels", [1, 2])
def test_make_windows_boolean_or_nullable_column_becomes_float64(dtype, n_channels):
    frame = pd.DataFrame({"a": pd.Series([1, 0, 1, 1]).astype(dtype)})
    if n_channels == 2:
        frame["b"] = np.arange(4)
    X, y = make_windows(frame, 2)
    assert set(X.dtypes) == {np.dtype("float64")}
    np.testing.assert_array_equal(X["a@lag0"], [0, 1])
    np.testing.assert_array_equal(y, [1, 1])
    assert make_windows(np.array([True, False, True]), 2)[0].dtype == np.float64


@pytest.mark.parametrize("dtype", ["boolean", "Int64", "Float64"])
def test_make_windows_nullable_missing_value_becomes_nan(dtype):
    series = pd.Series(pd.array([1, None, 0], dtype=dtype))
    X, _ = make_windows(series, 2)
    np.testing.assert_array_equal(X, [[1.0, np.nan]])


def test_make_windows_mixed_columns_share_the_wider_dtype():
    X, _ = make_windows(daily(4).astype({"price": "float32", "heat": "int64"}), 2)
    assert set(X.dtypes) == {np.dtype("float64")}


# ------------------------------------------------------------------------------- memory


@pytest.mark.parametrize("flat", [True, False])
@pytest.mark.parametrize("every_step", [True, False])
@pytest.mark.parametrize("shape", [(50,), (50, 1), (50, 3)])
def test_make_windows_array_is_viewed_read_only(shape, flat, every_step):
    series = np.random.default_rng(0).normal(size=shape)
    X, y = make_windows(series, 8, 3, flat=flat, every_step=every_step)
    for view in (X, y, last_window(series, 8, flat=flat)):
        assert np.shares_memory(view, series)
        assert not view.flags.writeable
    assert series.flags.writeable


def test_make_windows_series_is_viewed_read_only():
    series = pd.Series(np.arange(50.0), name="load")
    for horizon in (1, 3):
        X, y = make_windows(series, 8, horizon)
        for frame in (X, y, last_window(series, 8)):
            assert np.shares_memory(frame.to_numpy(), series.to_numpy())
    with pytest.raises(ValueError, match="read-only"):
        X.iloc[0, 0] = -1.0


def test_make_windows_frame_shares_one_copy_between_windows_and_targets():
    X, y = make_windows(daily(50), 8, target="heat")
    assert np.shares_memory(X.to_numpy(), y.to_numpy())
    assert X.to_numpy().strides == (3 * 8, 8)  # overlapping rows: a view


@pytest.mark.parametrize(("order", "target"), [("C", 2), ("F", 0), ("F", 2)])
def test_make_windows_array_not_laid_out_for_it_is_copied_once(order, target):
    series = np.asarray(numbered(50, 3), order=order)
    X, y = make_windows(series, 8, target=target)
    assert not np.shares_memory(X, series)
    assert np.shares_memory(X, y)
    assert X.strides == (3 * 8, 8)


def test_last_window_frame_copies_the_window_alone():
    X = last_window(daily(50), 8)
    base = X.to_numpy()
    while isinstance(base.base, np.ndarray):
        base = base.base
    assert base.size <= 8 * 3


# -------------------------------------------------------------------------- last window


@settings(max_examples=examples(80))
@given(drawn=settings_of_windows(), frame=st.booleans())
def test_last_window_equals_the_row_make_windows_builds_next(drawn, frame):
    window, target, flat = drawn["window"], drawn["target"], drawn["flat"]
    values = numbered(drawn["n_steps"], drawn["n_channels"])
    longer = np.vstack([values, values[-1:] + 100.0])
    series, longer = (pd.DataFrame(values), pd.DataFrame(longer)) if frame else (values, longer)
    newest = last_window(series, window, target=target, flat=flat)
    following, _ = make_windows(longer, window, target=target, flat=flat)
    assert type(newest) is type(following)
    if isinstance(newest, pd.DataFrame):
        pd.testing.assert_frame_equal(newest, following.iloc[-1:])
    else:
        np.testing.assert_array_equal(newest, following[-1:])


def test_windows_shortest_series_gives_one_window():
    X, y = make_windows(np.arange(60), window=48, horizon=12)
    assert (X.shape, y.shape) == ((1, 48), (1, 12))
    np.testing.assert_array_equal(last_window([1, 2, 3], 3), [[1, 2, 3]])


# ------------------------------------------------------------------------------- errors


SHORT = (
    "window=48 and horizon=12 need at least 60 values; the series has 52. "
    "Use a shorter window or horizon, or pass more data."
)
EMPTY = "The series is empty: {} channels. Windows need at least .* Check how the series was read"
RANK = "The series has {} dimensions, shape {}; it must have one .* or two .* Reshape it, or pass"
UNKNOWN = "target={} is not a column of the frame, which has 'price', 'promo', 'heat'. {}"
POSITION = "target={!r} is not a column of the array, whose columns are 0 to 2. Pass one of these"


@pytest.mark.parametrize(
    ("series", "arguments", "message"),
    [
        (np.arange(52), {"window": 48, "horizon": 12}, SHORT),
        (daily(52), {"window": 48, "horizon": 12}, SHORT),
        ([], {}, EMPTY.format("0 steps of 1")),
        (pd.Series([], dtype=object), {}, EMPTY.format("0 steps of 1")),
        (pd.DataFrame(), {}, EMPTY.format("0 steps of 0")),
        (np.empty((5, 0)), {}, EMPTY.format("5 steps of 0")),
        (np.zeros(()), {}, RANK.format(0, r"\(\)")),
        (np.zeros((4, 3, 2)), {}, RANK.format(3, r"\(4, 3, 2\)")),
        ([[1, 2], [3]], {}, "series is ragged; a sequence .* or pad the rows with NaN"),
        (daily(9), {"target": "prise"}, UNKNOWN.format("'prise'", "Did you mean 'price'?")),
        (daily(9), {"target": "zz"}, UNKNOWN.format("'zz'", "Pass the name of one of them")),
        (daily(9), {"target": {"a"}}, UNKNOWN.format("{'a'}", "Pass the name of one of them")),
        (
            pd.Series([1.0, 2.0, 3.0], name="load"),
            {"target": "sales"},
            "target='sales' was given, but the series is named 'load' and has no other column. "
            "Leave target out, or pass a DataFrame.",
        ),
        *((numbered(9, 3), {"target": t}, POSITION.format(t)) for t in (3, -1, "price", True, 1.0)),
        (
            np.arange(9.0),
            {"target": "y"},
            "target='y' is not a column of the array, whose only column is 0. Leave target out.",
        ),
    ],
)
def test_make_windows_bad_value_says_what_is_needed(series, arguments, message):
    with pytest.raises(ValueError, match=message):
        make_windows(series, **({"window": 2} | arguments))


def test_last_window_bad_value_says_what_is_needed():
    message = "window=48 needs at least 48 values; the series has 30. Use a shorter window, or pass"
    with pytest.raises(ValueError, match=message):
        last_window(daily(30), 48)
    with pytest.raises(ValueError, match="window=0 is below 1; it must be a positive integer"):
        last_window([1.0, 2.0], 0)


@pytest.mark.parametrize("name", ["window", "horizon", "step"])
@pytest.mark.parametrize("value", [0, -3, 2.0, "2", True, np.True_, None])
def test_make_windows_size_not_positive_integer_refused(name, value):
    is_integer = type(value) is int
    fault = "below 1" if is_integer else f"a {type(value).__name__}"
    message = f"{name}={value!r} is {fault}; it must be a positive integer. Pass for"
    with pytest.raises(ValueError if is_integer else TypeError, match=re.escape(message)):
        make_windows(np.arange(9.0), **{"window": 2, name: value})


def test_make_windows_numpy_integer_sizes_are_accepted():
    X, _ = make_windows(np.arange(9.0), np.int64(2), np.int32(1), step=np.uint8(3))
    assert X.shape == (3, 2)


@pytest.mark.parametrize(
    ("series", "message"),
    [
        (np.ones(4, complex), "series has dtype complex128; real numbers are needed. Pass real"),
        (["1", "2"], r"series holds text \(dtype <U1\); real numbers are needed. Convert numbers"),
        (pd.date_range("2024", periods=3), r"series holds dates .* times belong into the index"),
    ],
)
def test_make_windows_array_not_real_numbers_refused(series, message):
    with pytest.raises((TypeError, ValueError), match=message):
        make_windows(series, 2)


@pytest.mark.parametrize(
    ("bad", "dtype"),
    [
        (["a", "b", "c"], None),
        (pd.Categorical([1, 2, 1]), "category"),
        (np.ones(3, complex), "complex128"),
        (pd.Series([1, None, 2], dtype=object), "object"),
        (pd.date_range("2024", periods=3, unit="ns"), "datetime64[ns]"),
    ],
)
def test_make_windows_column_not_numeric_is_named(bad, dtype):
    frame = pd.DataFrame({"ok": [1, 2, 3], "bad": bad, "fine": [1.0, 2.0, 3.0]})
    dtype = dtype or frame["bad"].dtype  # pandas 2 calls text object, pandas 3 str
    cure = "Drop it, or encode it as numbers."
    if dtype == "datetime64[ns]":
        cure = "Take the times out of the channels: frame.set_index('bad')."
    message = f"Column 'bad' has dtype {dtype}; every channel needs real numbers. {cure}"
    with pytest.raises(TypeError, match=says(message)):
        make_windows(frame, 2)
    with pytest.raises(TypeError, match=re.escape(f"Column 'bad' has dtype {dtype};")):
        last_window(frame["bad"], 2)


def test_make_windows_unknown_target_of_wide_frame_lists_the_first_names():
    frame = daily(9, names=[f"store_{i}" for i in range(20)])
    with pytest.raises(ValueError, match=r"'store_7', \.\.\.\. Did you mean 'store_1"):
        make_windows(frame, 2, target="stor_19")


@pytest.mark.parametrize("names", [["a", "b", "a"], ["1", "b", 1]])
def test_make_windows_duplicated_column_names_refused(names):
    frame = daily(9)
    frame.columns = names
    with pytest.raises(ValueError, match=f"are named {names[-1]!r}; every channel .* Rename one"):
        make_windows(frame, 2)


@pytest.mark.parametrize("cut", [make_windows, last_window])
def test_make_windows_unsorted_index_names_the_first_offender(cut):
    frame = daily(9).iloc[[0, 1, 4, 2, 3, 5, 6, 7, 8]]
    message = (
        "The index is not sorted: 2024-01-03 at row 3 comes after 2024-01-05; the oldest step must "
        "come first. Call series.sort_index() before."
    )
    for series in (frame, frame["price"]):
        with pytest.raises(ValueError, match=says(message)):
            cut(series, 2)
    cut(frame.sort_index(), 2)


@pytest.mark.parametrize("cut", [make_windows, last_window])
def test_make_windows_duplicated_index_names_the_first_offender(cut):
    frame = daily(9).iloc[[0, 1, 2, 2, 3, 3, 4]]
    message = "The index has 2024-01-03 twice, again at row 3; a step needs one row"
    with pytest.raises(ValueError, match=message):
        cut(frame, 2)
    cut(frame[~frame.index.duplicated()], 2)  # the cure of the message


def test_make_windows_any_ordered_index_unsorted_refused():
    months = pd.period_range("2024-01", periods=5, freq="M")[::-1]
    hours = pd.timedelta_range("1h", periods=5, freq="h")[::-1]
    for index in (pd.RangeIndex(5, 0, -1), pd.Index([1.0, 2.0, 1.5, 3.0, 4.0]), months, hours):
        series = pd.Series(np.arange(5.0), index=index)
        with pytest.raises(ValueError, match="The index is not sorted: "):
            make_windows(series, 2)


@pytest.mark.parametrize(
    "index", [pd.DatetimeIndex(["2024-01-01", None, "2024-01-03"]), pd.Index([0.0, np.nan, 2.0])]
)
def test_make_windows_index_without_label_refused(index):
    series = pd.Series([1.0, 2.0, 3.0], index=index)
    with pytest.raises(ValueError, match=r"has no label at row 1; every row needs one\. Drop"):
        make_windows(series, 1)
    make_windows(series[series.index.notna()], 1)  # the cure of the message


@pytest.mark.parametrize("cut", [make_windows, last_window])
def test_make_windows_index_of_text_refused(cut):
    series = pd.Series([1.0, 2.0, 3.0], index=["01/02/50", "01/03/50", "01/04/50"])
    with pytest.raises(ValueError, match=r"holds text \('01/02/50'\), whose order .*to_datetime"):
        cut(series, 2)
    cut(series.reset_index(drop=True), 2)  # the cure of the message


def test_rows_of_several_series_are_refused():
    days = pd.date_range("2024", periods=6)
    panel = pd.DataFrame({"unique_id": np.repeat([1, 2], 3), "ds": days, "y": np.arange(6.0)})
    with pytest.raises(ValueError, match=r"long panel .* windows need one series") as caught:
        make_windows(panel, 2)
    line = str(caught.value).partition("or one series: ")[2].rstrip(".")
    one = eval(line, {"frame": panel, "name": 2})  # followed to the letter
    assert make_windows(one, 2)[1].tolist() == [5.0]
    several = panel.set_index(["unique_id", "ds"])["y"]
    with pytest.raises(ValueError, match=r"index has 2 levels.* one level of times is needed"):
        last_window(several, 2)
    for _, one in several.groupby(level=0):
        assert last_window(one.droplevel(0), 2).shape == (1, 2)
