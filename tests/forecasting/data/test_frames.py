"""Frames of every form become the same arrays, and forecasts go back in the form that came in."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import TimeSeriesSplit

from seqforecast.forecasting.data.frames import read_new, read_panel, to_form
from seqforecast.forecasting.data.future_rows import requested_rows
from seqforecast.forecasting.data.panel import FutureRows
from tests.properties import examples

MONTHS = pd.date_range("2023-01-31", periods=14, freq="ME", name="month")
ARRAYS = ("offsets", "values", "first", "past", "future", "static")


def monthly(n=14, name="air"):
    return pd.Series(np.arange(float(n)), index=MONTHS[:n], name=name)


def long_frame(seed=0, n_series=4, n_steps=20):
    rng = np.random.default_rng(seed)
    days = pd.date_range("2024-02-20", periods=n_steps, freq="D")
    frame = pd.DataFrame(
        {
            "unique_id": np.repeat([f"s{k}" for k in range(n_series)], n_steps),
            "ds": np.tile(days, n_series),
            "y": rng.standard_normal(n_series * n_steps),
            "promo": rng.integers(0, 2, n_series * n_steps),
            "heat": rng.standard_normal(n_series * n_steps),
            "size": np.repeat(np.arange(n_series) * 10.0, n_steps),
        }
    )
    frame.loc[rng.random(len(frame)) < 0.1, ["y", "heat"]] = np.nan
    begins = rng.integers(0, n_steps // 2, n_series)
    return frame[np.tile(np.arange(n_steps), n_series) >= np.repeat(begins, n_steps)]


def to_frame(panel):
    """Write a panel as a long frame: the independent way back."""
    parts = []
    for i, name in enumerate(panel.ids):
        rows = slice(panel.offsets[i], panel.offsets[i + 1])
        times = panel.grid.times(np.arange(panel.first[i], panel.last[i] + 1))
        part = pd.DataFrame({"unique_id": name, "ds": times, "y": values_of(panel)[rows]})
        for names, table in (
            (panel.past_names, panel.past[rows]),
            (panel.future_names, panel.future[rows]),
            (panel.static_names, np.repeat(panel.static[[i]], len(part), axis=0)),
        ):
            part = part.assign(**dict(zip(names, table.T, strict=True)))
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


def same(a, b):
    pd.testing.assert_index_equal(a.ids, b.ids)
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name))
    assert a.grid == b.grid


def values_of(panel):
    return panel.values


# ------------------------------------------------------------------------------ reading


@settings(max_examples=examples(40))
@given(st.integers(0, 999), st.randoms(use_true_random=False))
def test_any_row_order_gives_the_same_panel_and_the_frame_comes_back(seed, random):
    frame = long_frame(seed)
    wishes = {"past": ["heat"], "static": ["size"]}
    panel, _ = read_panel(frame, **wishes)
    rows = list(range(len(frame)))
    random.shuffle(rows)
    same(panel, read_panel(frame.iloc[rows], **wishes)[0])
    back = to_frame(panel)
    same(panel, read_panel(back, **wishes)[0])
    first = frame[frame["y"].notna()].groupby("unique_id")["ds"].transform("min")
    begin = frame["unique_id"].map(first.groupby(frame["unique_id"]).first())
    expected = frame[frame["ds"] >= begin].reset_index(drop=True)
    pd.testing.assert_frame_equal(back[expected.columns], expected, check_dtype=False)


def test_long_frames_of_other_names_and_types():
    frame = long_frame(n_series=3).astype({"y": "Float64", "promo": "boolean"})
    frame["shop"] = frame.pop("unique_id").map({"s0": 30, "s1": 4, "s2": 7})
    frame = frame.rename(columns={"ds": "day", "y": "sales"})
    columns = ("shop", "day", "sales")
    panel, form = read_panel(frame, columns=columns, past=["heat"], future=["promo"])
    assert panel.ids.tolist() == [4, 7, 30]
    assert panel.static.shape == (3, 0)  # size is in no list
    assert panel.future.dtype == values_of(panel).dtype == np.float64
    assert np.isnan(values_of(panel)).sum() > 0
    rows = FutureRows(np.array([2, 0]), np.array([1, 2]), np.zeros((2, 1)))
    out = to_form(form, panel, rows, {"y_hat": np.array([1.0, 2.0])})
    assert out.columns.tolist() == ["shop", "day", "y_hat"]
    assert out["shop"].tolist() == [30, 4]
    assert out.dtypes.tolist() == [frame["shop"].dtype, frame["day"].dtype, np.float64]


def test_categorical_ids_keep_their_type():
    frame = long_frame(n_series=3).astype({"unique_id": "category"})
    panel, form = read_panel(frame.sample(frac=1, random_state=0), past=["heat"], future=[])
    assert list(panel.ids) == ["s0", "s1", "s2"]
    out = to_form(form, panel, panel.future_rows(1), {"y_hat": np.zeros(3)})
    assert out["unique_id"].dtype == frame["unique_id"].dtype


@pytest.mark.parametrize("dtype", ["int32", "bool", "Int64", "boolean", "float32"])
def test_numeric_types_become_float64(dtype):
    series = pd.Series([1, 0, 1, 1], dtype=dtype, index=MONTHS[:4])
    panel, _ = read_panel(series)
    assert values_of(panel).tolist() == [1, 0, 1, 1]
    assert values_of(panel).dtype == np.float64
    series = series.astype(object).where([True, True, False, True], None)
    if dtype in ("Int64", "boolean"):
        assert np.isnan(values_of(read_panel(series.astype(dtype))[0])[2])


def test_the_forms_agree():
    series = monthly()
    frame = pd.DataFrame({"unique_id": "air", "ds": MONTHS, "y": series.to_numpy()})
    panel, form = read_panel(series)
    assert form.kind == "series"
    kinds = {"wide": (series.to_frame(),), "long": (frame,)}
    kinds["xy"] = (pd.DataFrame(index=MONTHS), series)
    for kind, data in kinds.items():
        other, form = read_panel(*data)
        assert form.kind == kind
        same(panel, other)
    for y in (series.to_numpy(), series.to_frame(), series.to_numpy()[:, np.newaxis], list(series)):
        other, _ = read_panel(pd.DataFrame(index=MONTHS), y)
        np.testing.assert_array_equal(values_of(other), values_of(panel))
        assert other.grid == panel.grid


def test_wide_columns_begin_at_their_first_value_and_keep_missing_ends():
    nan = np.nan
    frame = pd.DataFrame(
        {"b": [nan, nan, 3, nan, 5, nan], "a": [1, 2, 3, 4, 5, 6]}, index=MONTHS[:6]
    )
    panel, _ = read_panel(frame)
    assert panel.ids.tolist() == ["b", "a"]
    assert panel.first.tolist() == [2, 0]
    assert panel.last.tolist() == [5, 5]
    np.testing.assert_array_equal(values_of(panel), [3, nan, 5, nan, 1, 2, 3, 4, 5, 6])


def test_roles_of_features():
    X = pd.DataFrame({"a": 1.0, "b": 2, "c": True}, index=MONTHS)
    panel, _ = read_panel(X, monthly())
    assert panel.future_names == ("a", "b", "c")
    panel, _ = read_panel(X, monthly(), past=["b"], static=["a"])
    assert (panel.past_names, panel.future_names, panel.static_names) == (("b",), ("c",), ("a",))
    panel, _ = read_panel(X, monthly(), future=["c"])
    assert (panel.past_names, panel.future_names, panel.static_names) == ((), ("c",), ())
    panel, form = read_panel(X.to_numpy(float), monthly().to_numpy(), past=["x1"])
    assert panel.future_names == ("x0", "x2")
    assert panel.future[0].tolist() == [1, 1]
    assert not form.labelled


def test_the_panel_does_not_follow_later_changes_of_the_data():
    values, index = np.arange(9.0), pd.RangeIndex(9)
    X = np.ones((9, 1))
    frame = pd.DataFrame(
        {"unique_id": "a", "ds": index, "y": np.arange(9.0), "f": np.ones(9)}, copy=False
    )
    panels = [
        read_panel(values)[0],
        read_panel(pd.Series(values, copy=False))[0],
        read_panel(values[:, np.newaxis])[0],
        read_panel(X, values)[0],
        read_panel(frame)[0],
    ]
    assert values.flags.writeable
    values[:], X[:] = -1, -1
    frame.loc[:, ["y", "f"]] = -1.0
    for panel in panels:
        assert values_of(panel).tolist() == list(range(9))
        assert (panel.future == 1).all()


# -------------------------------------------------------------------------- giving back


def test_series_come_back_as_series():
    panel, form = read_panel(monthly())
    rows = panel.future_rows(2)
    index = pd.date_range("2024-03-31", periods=2, freq="ME", name="month")
    y_hat = np.array([5.0, 6.0])
    out = to_form(form, panel, rows, {"y_hat": y_hat})
    pd.testing.assert_series_equal(out, pd.Series(y_hat, index=index, name="air"))
    out = to_form(form, panel, rows, {"y_hat": y_hat, "lo-80": y_hat - 1})
    expected = pd.DataFrame({"y_hat": y_hat, "lo-80": y_hat - 1}, index=index)
    pd.testing.assert_frame_equal(out, expected)


def test_wide_comes_back_wide():
    frame = pd.DataFrame({"b": monthly(), "a": monthly()}).rename_axis(columns="shop")
    panel, form = read_panel(frame)
    index = pd.date_range("2024-03-31", periods=2, freq="ME", name="month")
    rows = panel.future_rows(2)
    y_hat = np.array([1.0, 2.0, 3.0, 4.0])
    expected = pd.DataFrame({"b": [1.0, 2.0], "a": [3.0, 4.0]}, index=index)
    expected = expected.rename_axis(columns="shop")
    pd.testing.assert_frame_equal(to_form(form, panel, rows, {"y_hat": y_hat}), expected)
    out = to_form(form, panel, rows, {"y_hat": y_hat, "hi-80": y_hat + 1})
    assert out.columns.tolist() == [("b", "y_hat"), ("b", "hi-80"), ("a", "y_hat"), ("a", "hi-80")]
    assert out.columns.names == ["shop", None]
    assert out["a"]["hi-80"].tolist() == [4, 5]


def test_arrays_come_back_as_arrays():
    y_hat = np.array([1.0, 2.0])
    for data in ((np.arange(9.0),), (list(range(9)),), (np.ones((9, 0)), np.arange(9))):
        panel, form = read_panel(*data)
        rows = panel.future_rows(2)
        assert to_form(form, panel, rows, {"y_hat": y_hat}) is y_hat
        out = to_form(form, panel, rows, {"y_hat": y_hat, "lo-80": y_hat})
        pd.testing.assert_frame_equal(out, pd.DataFrame({"y_hat": y_hat, "lo-80": y_hat}))
        asked = requested_rows(form, panel, 1, np.ones((2, 0)))
        assert asked.step.tolist() == [1, 2]
    panel, form = read_panel(np.arange(18.0).reshape(9, 2))
    np.testing.assert_array_equal(values_of(panel)[:3], [0, 2, 4])
    rows = panel.future_rows(1)
    assert to_form(form, panel, rows, {"y_hat": y_hat}).tolist() == [[1, 2]]
    assert to_form(form, panel, rows, {"y_hat": y_hat, "lo": y_hat}).shape == (1, 4)
    assert panel.append(read_new(form, panel, np.ones((2, 2)))).lengths.tolist() == [11, 11]


# --------------------------------------------------------------------------- the future


def test_cross_validation_by_time_asks_for_the_rows_after_the_end():
    X, y = pd.DataFrame(index=MONTHS), monthly()
    for gap in (0, 2):
        for train, test in TimeSeriesSplit(3, test_size=2, gap=gap).split(X):
            panel, form = read_panel(X.iloc[train], y.iloc[train])
            rows = requested_rows(form, panel, 1, X.iloc[test])
            assert rows.step.tolist() == [gap + 1, gap + 2]
            out = to_form(form, panel, rows, {"y_hat": np.zeros(2)})
            assert out.index.equals(X.index[test])
            panel, form = read_panel(y.iloc[train])
            assert requested_rows(form, panel, 1, y.iloc[test]).step.tolist() == [gap + 1, gap + 2]


def test_future_features_are_found_by_name_or_by_place():
    X = pd.DataFrame({"b": np.arange(14.0), "p": 1.0, "a": -np.arange(14.0)}, index=MONTHS)
    later = X.iloc[11:]
    for fit, asked in (
        (X, later),
        (X, later[["a", "b"]].assign(y=3)),
        (X, later.to_numpy()),
        (X.to_numpy(), later),
        (X.to_numpy(), later.to_numpy()),
    ):
        past = ["p"] if isinstance(fit, pd.DataFrame) else ["x1"]
        panel, form = read_panel(fit[:11], monthly()[:11], past=past)
        rows = requested_rows(form, panel, 1, asked)
        np.testing.assert_array_equal(rows.features, [[11, -11], [12, -12], [13, -13]])
        assert rows.step.tolist() == [1, 2, 3]


def test_a_wide_frame_asks_for_all_series():
    panel, form = read_panel(pd.DataFrame({"b": monthly(12), "a": monthly(12)}))
    rows = requested_rows(form, panel, 1, pd.DataFrame(index=MONTHS[12:]))
    assert rows.series.tolist() == [0, 0, 1, 1]
    assert rows.step.tolist() == [1, 2, 1, 2]


def test_a_long_frame_asks_in_any_order_and_gets_that_order_back():
    frame = long_frame()
    panel, form = read_panel(frame, past=["heat"], static=["size"])
    days = pd.date_range(frame["ds"].max() + pd.Timedelta("1D"), periods=3)
    asked = pd.DataFrame(
        {"ds": days[[1, 0, 0, 2]], "unique_id": ["s2", "s2", "s1", "s2"], "promo": [4, 3, 2, 5]}
    )
    rows = requested_rows(form, panel, 1, asked)
    assert rows.series.tolist() == [2, 2, 1, 2]
    assert rows.step.tolist() == [2, 1, 1, 3]
    assert rows.features.tolist() == [[4], [3], [2], [5]]
    out = to_form(form, panel, rows, {"y_hat": np.arange(4.0)})
    pd.testing.assert_frame_equal(
        out, asked[["unique_id", "ds"]].assign(y_hat=np.arange(4.0)), check_dtype=True
    )


# ------------------------------------------------------------------------ new observations


def test_new_observations_in_every_form_extend_the_panel():
    series = monthly()
    X = pd.DataFrame({"f": series})
    cases = [
        ((series[:9],), (series[9:],)),
        ((series[:9].to_numpy(),), (series[9:].to_numpy(),)),
        ((series[:9],), (series[9:].rename("other"),)),
        ((series[:9].to_frame(),), (series[9:].to_frame(),)),
        ((X[:9], series[:9]), (X[9:], series[9:])),
        ((np.ones((9, 1)), series[:9].to_numpy()), (np.ones((5, 1)), series[9:].to_numpy())),
    ]
    for fit, new in cases:
        panel, form = read_panel(*fit)
        joined = panel.append(read_new(form, panel, *new))
        np.testing.assert_array_equal(values_of(joined), series)
        one = panel.append(read_new(form, panel, *(part[:1] for part in new)))
        assert one.lengths.tolist() == [10]


def test_new_observations_may_begin_with_missing_values():
    series = monthly()
    panel, form = read_panel(series[:9])
    series.iloc[9:12] = np.nan
    for end in (11, 14):
        joined = panel.append(read_new(form, panel, series[9:end]))
        np.testing.assert_array_equal(values_of(joined), series[:end])


def test_new_series_join_a_long_panel_without_their_leading_gaps():
    frame = long_frame(n_series=3)
    wishes = {"past": ["heat"], "static": ["size"]}
    panel, form = read_panel(frame, **wishes)
    last = frame[frame["ds"] == frame["ds"].max()]
    days = pd.date_range(frame["ds"].max() + pd.Timedelta("1D"), periods=3)
    new = pd.concat([last.assign(ds=day) for day in days]).assign(y=np.nan, promo=0)
    young = new[new["unique_id"] == "s0"].assign(unique_id="baby", y=[np.nan, 2.0, np.nan])
    joined = panel.append(read_new(form, panel, pd.concat([new, young])))
    assert joined.ids.tolist() == ["s0", "s1", "s2", "baby"]
    assert (joined.lengths - np.append(panel.lengths, 0)).tolist() == [3, 3, 3, 2]
    assert values_of(joined)[-2] == 2
