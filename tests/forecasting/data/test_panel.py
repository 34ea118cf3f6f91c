"""Cutting a panel at a time, and putting it together again."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqforecast.forecasting.data.frames import read_new, read_panel
from seqforecast.forecasting.data.panel import FutureRows, Panel
from tests.properties import examples

DAYS = pd.date_range("2024-02-20", periods=40, freq="D")
ARRAYS = ("offsets", "values", "first", "past", "future", "static")


def frame_of(spans, seed=0):
    """Make a long frame; `spans` tells the first and last day of each series."""
    rng = np.random.default_rng(seed)
    parts = [
        pd.DataFrame(
            {
                "unique_id": name,
                "ds": DAYS[a : b + 1],
                "y": rng.standard_normal(b + 1 - a),
                "promo": rng.standard_normal(b + 1 - a),
                "heat": rng.standard_normal(b + 1 - a),
                "size": float(len(name)),
            }
        )
        for name, (a, b) in spans.items()
    ]
    return pd.concat(parts, ignore_index=True)


def read(frame):
    return read_panel(frame, past=["heat"], static=["size"])[0]


def same(a: Panel, b: Panel):
    pd.testing.assert_index_equal(a.ids, b.ids)
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name))
    assert a.grid == b.grid


@st.composite
def spans(draw):
    # The first series spans all days: cut or not, the calendar begins at the first day.
    found = {"a": (0, 39)}
    for name in ("bb", "c", "dd")[: draw(st.integers(0, 3))]:
        a = draw(st.integers(0, 39))
        found[name] = (a, draw(st.integers(a, 39)))
    return found


@settings(max_examples=examples(60))
@given(spans(), st.integers(3, 38))
def test_until_is_what_the_frame_held_then(found, cutoff):
    frame = frame_of(found)
    cut = read(frame).until(cutoff)
    same(cut, read(frame[frame["ds"] <= DAYS[cutoff]]))
    assert (cut.last <= cutoff).all()


@settings(max_examples=examples(60))
@given(spans(), st.integers(3, 38))
def test_append_undoes_until(found, cutoff):
    frame = frame_of(found)
    whole = read(frame)
    known = whole.until(cutoff)
    form = read_panel(frame, past=["heat"], static=["size"])[1]
    joined = known.append(read_new(form, known, frame[frame["ds"] > DAYS[cutoff]]))
    order = joined.ids.get_indexer(whole.ids)
    same(joined.take(order), whole)
    assert list(joined.ids[: known.n_series]) == list(known.ids)


@settings(max_examples=examples(60))
@given(spans(), st.integers(3, 38), st.integers(1, 9))
def test_rows_after_are_the_future_features_that_came_true(found, cutoff, steps):
    frame = frame_of(found)
    whole = read(frame)
    known = whole.until(cutoff)
    rows = whole.rows_after(cutoff, steps, known=known)
    expected = [
        (series, (row.ds - DAYS[cutoff]).days, row.promo)
        for series, name in enumerate(known.ids)
        for row in frame[frame["unique_id"] == name].itertuples()
        if 0 < (row.ds - DAYS[cutoff]).days <= steps
    ]
    assert list(zip(rows.series, rows.step, rows.features[:, 0], strict=True)) == expected


@settings(max_examples=examples(60))
@given(spans(), st.lists(st.integers(0, 45), min_size=4, max_size=4))
def test_after_is_a_frame_without_the_oldest_rows(found, steps):
    frame = frame_of(found)
    panel = read(frame)
    skipped = dict(zip(panel.ids, steps, strict=False))
    left = frame[frame.groupby("unique_id").cumcount() >= frame["unique_id"].map(skipped)]
    later = panel.after(np.array([skipped[name] for name in panel.ids]))
    assert list(later.ids) == list(dict.fromkeys(left["unique_id"]))
    assert later.lengths.tolist() == left.groupby("unique_id", sort=False).size().tolist()
    begin = panel.grid.times(later.first)
    assert list(begin) == list(left.drop_duplicates("unique_id")["ds"])
    for name, column in (("values", "y"), ("past", "heat"), ("future", "promo")):
        np.testing.assert_array_equal(getattr(later, name).reshape(-1), left[column])
    np.testing.assert_array_equal(later.static[:, 0], [len(name) for name in later.ids])


def test_take_keeps_the_order_asked_and_arrays_are_read_only():
    whole = read(frame_of({"a": (0, 9), "bb": (4, 8), "c": (9, 20)}))
    some = whole.take(np.array([2, 0]))
    assert list(some.ids) == ["c", "a"]
    same(some.take(np.array([1, 0])), whole.take(np.array([0, 2])))
    assert some.first.tolist() == [9, 0]
    assert some.last.tolist() == [20, 9]
    assert some.lengths.tolist() == [12, 10]
    assert some.static.tolist() == [[1.0], [1.0]]
    for panel in (whole, some, whole.until(9)):
        for name in ARRAYS:
            assert not getattr(panel, name).flags.writeable


def test_future_rows_without_features():
    panel, _ = read_panel(frame_of({"a": (0, 9), "bb": (4, 8)}), future=[])
    rows = panel.future_rows(3)
    assert rows.series.tolist() == [0, 0, 0, 1, 1, 1]
    assert rows.step.tolist() == [1, 2, 3, 1, 2, 3]
    assert rows.features.shape == (6, 0)
    assert rows.horizon == 3
    with pytest.raises(ValueError, match="future feature.s. 'promo', 'heat', 'size'.* Pass"):
        read_panel(frame_of({"a": (0, 9)}))[0].future_rows(3)


def test_table_lays_features_out_by_series_and_step():
    rows = FutureRows(np.array([1, 0]), np.array([2, 1]), np.array([[5.0], [6.0]]))
    table = rows.table(3)
    assert table.shape == (3, 2, 1)
    assert table[1, 1, 0] == 5
    assert table[0, 0, 0] == 6
    assert np.isnan(table).sum() == 4
    none = FutureRows(np.empty(0, int), np.empty(0, int), np.empty((0, 1)))
    assert none.horizon == 0
    assert none.table(2).shape == (2, 0, 1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: f[f["ds"] >= DAYS[10]], "overlap of 1 step.*'a' ends at 2024-03-01.* Pass"),
        (lambda f: f[f["ds"] >= DAYS[12]], "a gap of 1 step.* begin at 2024-03-02.* may be NaN"),
        (lambda f: f.assign(size=3), "static feature 'size' of series 'a' is 1, but 3 .* Name it"),
        (lambda f: f.rename(columns={"promo": "p"}), r"future features \['p'\].* Pass the columns"),
        (lambda f: f.iloc[::2], "have frequency 2D, the series have D; .* Resample"),
    ],
)
def test_append_refuses(change, message):
    whole = frame_of({"a": (0, 30)})
    known = read(whole).until(10)
    later = whole if "overlap" in message else whole[whole["ds"] > DAYS[10]]
    with pytest.raises(ValueError, match=message):
        known.append(read(change(later)))


def test_append_places_new_series_on_its_own_calendar():
    whole = read(frame_of({"a": (0, 30), "bb": (14, 30)}))
    new = read(frame_of({"a": (11, 30), "bb": (14, 30)}))
    joined = whole.until(10).append(new)
    assert joined.first.tolist() == whole.first.tolist() == [0, 14]
    assert joined.last.tolist() == [30, 30]


def test_append_takes_a_calendar_that_begins_elsewhere_only_on_the_same_grid():
    mondays = pd.date_range("2024-01-01", periods=8, freq="7D")
    known, _ = read_panel(pd.Series(np.arange(4.0), index=mondays[:4]))
    new, _ = read_panel(pd.Series(np.arange(4.0), index=mondays[4:]))
    assert new.grid != known.grid
    assert known.append(new).lengths.tolist() == [8]
    beside, _ = read_panel(pd.Series(np.arange(4.0), index=mondays[4:] + pd.Timedelta("1D")))
    beside = replace(beside, grid=replace(beside.grid, offset=known.grid.offset))
    with pytest.raises(ValueError, match="not on the grid"):
        known.append(beside)
