"""Time arithmetic against pandas.date_range, and against answers worked by hand."""

import pickle

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqforecast.forecasting.data.time_grid import TimeGrid
from tests.properties import examples

FREQUENCIES = [
    ("ME", None),
    ("MS", None),
    ("2MS", None),
    ("QE-NOV", None),
    ("QS-FEB", None),
    ("YE", None),
    ("2YS", None),
    ("YE-MAR", None),
    ("BME", None),
    ("BMS", None),
    ("W-WED", None),
    ("2W-SUN", "America/New_York"),
    ("B", None),
    ("2B", None),
    ("D", None),
    ("D", "Europe/Berlin"),
    ("ME", "Europe/Berlin"),
    ("3D", None),
    ("h", "Europe/Berlin"),
    ("2h", None),
    ("15min", "America/New_York"),
    ("7s", None),
    ("WOM-2TUE", None),
]


def without_freq(index):
    return index[np.arange(len(index))]


@st.composite
def grids(draw):
    freq, zone = draw(st.sampled_from(FREQUENCIES))
    day = draw(st.dates(pd.Timestamp("1975-01-01").date(), pd.Timestamp("2045-01-01").date()))
    unit = draw(st.sampled_from(["s", "ms", "us", "ns"]))
    hour = 0 if zone else draw(st.integers(0, 23))
    start = pd.Timestamp(day) + pd.Timedelta(hours=hour)
    return pd.date_range(start, periods=64, freq=freq, tz=zone, unit=unit)


@settings(max_examples=examples(150))
@given(grids(), st.integers(12, 40), st.data())
def test_infers_any_frequency_and_continues_as_date_range(grid, n_known, data):
    assert without_freq(grid).freq is None
    calendar = TimeGrid.infer(without_freq(grid[:n_known]))
    np.testing.assert_array_equal(calendar.positions(grid), np.arange(64))
    later = calendar.times(np.arange(n_known, 64))
    assert (later == grid[n_known:]).all()
    assert later.dtype == grid.dtype
    asked = np.array(data.draw(st.lists(st.integers(-30, 90), max_size=9)), dtype=np.int64)
    times = calendar.times(asked)
    assert times.dtype == grid.dtype
    np.testing.assert_array_equal(calendar.positions(times), asked)


@settings(max_examples=examples(100))
@given(grids(), st.sets(st.integers(1, 46), max_size=9))
def test_a_missing_time_is_a_gap_in_the_same_frequency(grid, lost):
    if grid.freqstr.startswith("WOM"):  # pandas' own inference knows no gaps
        return
    kept = np.array(sorted(set(range(48)) - lost))
    calendar = TimeGrid.infer(grid[kept])
    np.testing.assert_array_equal(calendar.positions(grid[kept]), kept)


@pytest.mark.parametrize(("freq", "zone"), FREQUENCIES)
def test_names_the_frequency_as_pandas_does(freq, zone):
    grid = pd.date_range("2021-03-03", periods=60, freq=freq, tz=zone)
    for known in (grid, without_freq(grid)):
        calendar = TimeGrid.infer(known)
        assert calendar.freqstr == grid.freqstr
        assert calendar.offset == grid.freq
    assert TimeGrid.infer(grid[:1]).freqstr == grid.freqstr  # it carries its frequency
    assert pickle.loads(pickle.dumps(calendar)) == calendar


@pytest.mark.parametrize(
    ("known", "after"),
    [
        (["2023-11-30", "2023-12-31", "2024-01-31"], ["2024-02-29", "2024-03-31"]),
        (["2022-12-31", "2023-12-31", "2024-12-31"], ["2025-12-31", "2026-12-31"]),
        (["2024-02-26", "2024-02-27", "2024-02-28"], ["2024-02-29", "2024-03-01"]),
        (["2023-02-26", "2023-02-27", "2023-02-28"], ["2023-03-01", "2023-03-02"]),
        (["2023-05-31", "2023-08-31", "2023-11-30"], ["2024-02-29", "2024-05-31"]),
        (["2024-03-07", "2024-03-08", "2024-03-11"], ["2024-03-12", "2024-03-13"]),
        (["2024-02-14", "2024-02-21", "2024-02-28"], ["2024-03-06", "2024-03-13"]),
    ],
    ids=["month ends", "years", "leap day", "no leap day", "quarters", "business", "weeks"],
)
def test_known_continuations(known, after):
    calendar = TimeGrid.infer(pd.DatetimeIndex(known))
    assert list(calendar.times(np.array([3, 4]))) == [pd.Timestamp(day) for day in after]


def test_hours_and_days_across_both_changes_of_the_clock():
    # Spring: 01:00, 03:00 (+02:00); there is no 02:00. Autumn: 02:00 twice.
    known = pd.date_range("2024-03-30 22:00", periods=3, freq="h", tz="Europe/Berlin")
    hours = TimeGrid.infer(without_freq(known)).times(np.arange(3, 6))
    assert [str(t) for t in hours] == [
        "2024-03-31 01:00:00+01:00",
        "2024-03-31 03:00:00+02:00",
        "2024-03-31 04:00:00+02:00",
    ]
    known = pd.date_range("2024-10-27 00:00", periods=3, freq="h", tz="Europe/Berlin")
    hours = TimeGrid.infer(without_freq(known)).times(np.arange(2, 5))
    assert [t.hour for t in hours] == [2, 2, 3]
    for day in ("2024-03-29", "2024-10-25"):
        known = pd.date_range(day, periods=3, freq="D", tz="Europe/Berlin")
        days = TimeGrid.infer(without_freq(known)).times(np.arange(1, 5))
        assert [t.hour for t in days] == [0, 0, 0, 0]
        assert len(set(np.diff(days.asi8))) == 2  # one day has 23 or 25 hours


def test_days_at_an_hour_that_the_clock_skips():
    known = pd.date_range("2024-03-28 02:30", periods=3, freq="D", tz="Europe/Berlin")
    times = TimeGrid.infer(without_freq(known)).times(np.arange(2, 5))
    assert [f"{t:%d %H:%M}" for t in times] == ["30 02:30", "31 03:00", "01 02:30"]
    known = pd.date_range("2024-10-24 02:30", periods=3, freq="D", tz="Europe/Berlin")
    times = TimeGrid.infer(without_freq(known)).times(np.arange(2, 5))
    assert [f"{t:%d %H:%M%z}" for t in times] == ["26 02:30+0200", "27 02:30+0200", "28 02:30+0100"]


def test_the_same_instant_in_another_zone_or_unit_is_the_same_position():
    grid = pd.date_range("2024-03-30", periods=48, freq="h", tz="Europe/Berlin", unit="s")
    calendar = TimeGrid.infer(grid)
    np.testing.assert_array_equal(calendar.positions(grid.tz_convert("UTC")), np.arange(48))
    np.testing.assert_array_equal(calendar.positions(grid.as_unit("ns")), np.arange(48))
    with pytest.raises(ValueError, match="not on the grid"):
        calendar.positions(grid.as_unit("ns") + pd.Timedelta(1, "ns"))


@pytest.mark.parametrize("freq", ["M", "Q-NOV", "W", "D", "2M", "h"])
def test_periods(freq):
    grid = pd.period_range("2023-01-01", periods=30, freq=freq)
    calendar = TimeGrid.infer(grid[[0, 1, 5]])
    np.testing.assert_array_equal(calendar.positions(grid), np.arange(30))
    pd.testing.assert_index_equal(calendar.times(np.arange(30)), grid)
    assert calendar.offset == grid.freq
    assert calendar.freqstr == grid.freqstr


@pytest.mark.parametrize("dtype", ["int64", "int32", "Int64"])
@pytest.mark.parametrize("step", [1, 7])
def test_integers(step, dtype):
    index = pd.Index([10, 10 + step, 10 + 3 * step, 10 + 4 * step], dtype=dtype)
    calendar = TimeGrid.infer(index)
    assert calendar.positions(index).tolist() == [0, 1, 3, 4]
    pd.testing.assert_index_equal(
        calendar.times(np.array([-1, 5])), pd.Index([10 - step, 10 + 5 * step], dtype=dtype)
    )
    assert calendar.freqstr == f"integer step {step}"
    assert calendar.offset is None
    assert TimeGrid.infer(pd.RangeIndex(3, 4, step)).step == step


def test_contiguous_times_carry_their_frequency():
    for freq in ("D", "h", "ME", "B"):
        calendar = TimeGrid.infer(pd.date_range("2024-01-01", periods=9, freq=freq))
        assert calendar.times(np.arange(9, 12)).freqstr == freq
        assert calendar.times(np.array([9, 11])).freq is None
    assert len(TimeGrid.infer(pd.date_range("2024", periods=9, freq="ME")).times([])) == 0


def test_a_million_stamps_are_no_loop():
    index = pd.DatetimeIndex(pd.date_range("1990", periods=1_000_000, freq="min").to_numpy())
    calendar = TimeGrid.infer(np.delete(index, 5))
    assert calendar.freqstr == "min"
    assert calendar.positions(index)[-1] == 999_999


@pytest.mark.parametrize(
    ("index", "error", "message"),
    [
        (
            pd.DatetimeIndex(["2024-01-01", "2024-01-02"]),
            ValueError,
            "from 2 .* at least 3 .* Pass",
        ),
        (pd.Index([4, 5]), ValueError, "step cannot be told from 2 .* at least 3 .* Pass"),
        (
            pd.DatetimeIndex(["2024-01-01", "2024-01-05", "2024-01-07", "2024-01-16"]),
            ValueError,
            "no frequency: 2024-01-01 .* 2024-01-07 .* unevenly .* needed. Pass",
        ),
        (pd.Index([0, 3, 8, 10]), ValueError, "no constant step: 0, 3, 8 are unevenly"),
        (pd.Index(["2024-01-01", "2024-01-02"]), TypeError, "needed. Convert .*pd.to_datetime"),
        (pd.Index([0.0, 1.0, 2.0]), TypeError, "float64 .0.0.*needed. Convert"),
        (pd.Index([pd.Timestamp("2024").date()] * 3), TypeError, "object.*pd.to_datetime"),
        (pd.to_timedelta([1, 2, 3], unit="h"), TypeError, "timedelta64"),
    ],
)
def test_what_is_no_calendar(index, error, message):
    with pytest.raises(error, match=message):
        TimeGrid.infer(index)


def test_times_that_are_not_on_the_grid():
    months = TimeGrid.infer(pd.date_range("2024", periods=5, freq="MS"))
    with pytest.raises(ValueError, match="2024-05-02 .*1 of 2 .* frequency is MS .* Pass times of"):
        months.positions(pd.DatetimeIndex(["2024-04-01", "2024-05-02"]))
    with pytest.raises(ValueError, match="2023-05-02"):
        months.positions(pd.DatetimeIndex(["2023-05-02"]))
    sevens = TimeGrid.infer(pd.RangeIndex(0, 70, 7))
    with pytest.raises(ValueError, match="The time 15 .* integer step 7"):
        sevens.positions(pd.Index([14, 15]))
    for calendar, times in (
        (months, pd.Index([3])),
        (months, pd.date_range("2024", periods=2, freq="MS", tz="UTC")),
        (months, pd.period_range("2024", periods=2, freq="M")),
        (sevens, pd.date_range("2024", periods=2)),
        (TimeGrid.infer(pd.period_range("2024", periods=2, freq="M")), pd.Index([3])),
    ):
        with pytest.raises(TypeError, match="have times of dtype .* Give both"):
            calendar.positions(times)
