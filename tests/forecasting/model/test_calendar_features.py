"""Where in the calendar a cutoff stands: against pandas' time stamps, one at a time."""

import math
import re

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Ridge

from seqforecast import Forecaster, GRURegressor, backtest, evaluate
from seqforecast.forecasting.arrays.phases import phase_columns, phase_names
from seqforecast.forecasting.data.time_grid import TimeGrid

WORDS = ("year", "month", "week", "day")
TWO_YEARS = 730


def daily(n, *, start="2021-03-01", freq="D", tz=None, seed=0):
    index = pd.date_range(start, periods=n, freq=freq, tz=tz)
    return pd.Series(np.random.default_rng(seed).random(n).cumsum() + 5.0, index=index)


def ridge(**params):
    return Forecaster(Ridge(), **{"window": 6, "horizon": 3, "season": None} | params)


def network():
    return GRURegressor(hidden_size=3, max_epochs=1, observe="off", random_state=0)


# ------------------------------------------------------------------------------ what a row holds


def loop(time, word):
    """Return the four values of a word at a time, from the fields that pandas names."""
    if isinstance(time, pd.Period):
        time = time.start_time
    time = time.replace(tzinfo=None)
    day = (time.hour + time.minute / 60 + (time.second + time.microsecond / 1e6) / 3600) / 24
    passed = {
        "year": (time.day_of_year - 1 + day) / (366 if time.is_leap_year else 365),
        "month": (time.day - 1 + day) / time.days_in_month,
        "week": (time.weekday() + day) / 7,
        "day": day,
    }[word]
    angles = [2 * math.pi * k * passed for k in (1, 2)]
    return [wave(angle) for angle in angles for wave in (math.sin, math.cos)]


INDEXES = {
    "leap": pd.date_range("2019-12-25", periods=800, freq="D"),
    "before 1970": pd.date_range("1967-11-03", periods=900, freq="D", unit="s"),
    "hours": pd.date_range("2023-12-30 17:00", periods=900, freq="h"),
    "minutes": pd.date_range("2024-02-28 23:07:30", periods=300, freq="15min"),
    "hours in a zone": pd.date_range("2024-03-20", periods=400, freq="h", tz="America/New_York"),
    "days in a zone": pd.date_range("2024-10-01", periods=100, freq="D", tz="Europe/Berlin"),
    "weeks": pd.date_range("2019-01-02", periods=150, freq="W-WED"),
    "business days": pd.date_range("2019-12-02", periods=400, freq="B"),
    "month ends": pd.date_range("2019-01-31", periods=40, freq="ME"),
    "periods of a day": pd.period_range("2019-12-25", periods=500, freq="D"),
    "periods of a week": pd.period_range("2018-12-25", periods=60, freq="W-SUN"),
    "periods of an hour": pd.period_range("2023-12-30 05:00", periods=300, freq="h"),
    "periods of a month": pd.period_range("2019-12", periods=30, freq="M"),
}


@pytest.mark.parametrize("name", INDEXES)
def test_columns_are_those_of_a_loop_over_time_stamps(name):
    index = INDEXES[name]
    calendar = TimeGrid.infer(index[20:-5])  # positions go on before the first time and behind
    positions = np.random.default_rng(0).permutation(np.arange(len(index)))
    found = phase_columns(WORDS, calendar.clock(positions - 20))
    expected = [[value for word in WORDS for value in loop(index[k], word)] for k in positions]
    np.testing.assert_allclose(found, expected, atol=3e-7)
    assert found.dtype == np.float32
    assert found.shape[1] == len(phase_names(WORDS))


def test_names_say_what_the_columns_are():
    assert phase_names(("year", "day")) == [
        *("year.sin1", "year.cos1", "year.sin2", "year.cos2"),
        *("day.sin1", "day.cos1", "day.sin2", "day.cos2"),
    ]
    # Spring begins after a quarter of the year, Thursday noon is the middle of a week.
    calendar = TimeGrid.infer(pd.date_range("2023-01-01", periods=3000, freq="6h"))
    quarter = phase_columns(("year",), calendar.clock(np.array([365])))
    np.testing.assert_allclose(quarter, [[1, 0, 0, -1]], atol=1e-6)
    noon = calendar.positions(pd.DatetimeIndex(["2023-01-05 12:00"]))
    np.testing.assert_allclose(
        phase_columns(("week",), calendar.clock(noon)), [[0, -1, 0, 1]], atol=1e-6
    )


def numbered(series):
    """Return a long frame with a feature `day` that numbers the days of all time."""
    parts = [
        pd.DataFrame({"unique_id": name, "ds": y.index, "y": y.to_numpy()})
        for name, y in series.items()
    ]
    frame = pd.concat(parts, ignore_index=True)
    return frame.assign(day=(frame["ds"] - pd.Timestamp("2021-01-01")).dt.days.astype(float))


@pytest.mark.parametrize("windows", [True, False])
def test_a_row_holds_the_position_of_its_cutoff(windows):
    frame = numbered({"a": daily(60), "b": daily(25, start="2021-04-05", seed=1)})
    forecaster = ridge(calendar=["month", "year"], past=["day"])
    if windows:
        forecaster.set_params(regressor=network())
    forecaster.fit(frame)
    assert forecaster.calendar_ == ("year", "month")
    names = forecaster.row_names_
    at = names.index("missing") + 1
    assert names[at : at + 8] == phase_names(("year", "month"))
    X, y = forecaster.training_data()
    # Windows that reach from one series into the next have no target at their end.
    rows = X[~np.isnan(y[:, -1]).all(axis=1)] if windows else X[:, np.newaxis]
    assert rows.shape[2] == len(names)
    scaled = rows[:, -1, names.index("day@lag0")].astype(float)
    number = scaled * frame["day"].std(ddof=0) + frame["day"].mean()
    cutoffs = pd.Timestamp("2021-01-01") + pd.to_timedelta(number.round().astype(int), unit="D")
    assert len(cutoffs.unique()) > 50
    for k in range(rows.shape[1]):  # also rows before the first value of a series
        times = cutoffs - pd.Timedelta(days=rows.shape[1] - 1 - k)
        expected = [[*loop(time, "year"), *loop(time, "month")] for time in times]
        np.testing.assert_allclose(rows[:, k, at : at + 8], expected, atol=3e-7)


def test_a_series_that_begins_late_is_told_the_same_day():
    """Also behind its end, and where the newest steps alone are laid out."""
    late = daily(60, start="2021-06-09")
    forecaster = ridge(calendar=["year"], past=["day"])
    model = forecaster.fit(numbered({"a": daily(200), "b": late}))._model
    assert model.panel.first.tolist() == [0, 100]
    padded = model._lay_out(blank=3, newest=10)
    cells = padded.end[1] - 10 - padded.pad + np.arange(padded.pad + 13)
    times = pd.date_range(end=late.index[-1] + pd.Timedelta(days=3), periods=len(cells))
    np.testing.assert_allclose(padded.phases_at(cells), [loop(t, "year") for t in times], atol=3e-7)
    padded = model._lay_out(blank=3)
    edges = np.array([padded.first[0] - padded.pad, padded.end[0] + 2])
    times = daily(200).index[[0, -1]] + pd.to_timedelta([-padded.pad, 3], unit="D")
    np.testing.assert_allclose(padded.phases_at(edges), [loop(t, "year") for t in times], atol=3e-7)


@pytest.mark.parametrize("calendar", [None, []])
def test_without_words_a_row_is_as_it_was(calendar):
    plain = ridge(calendar=calendar).fit(daily(800))
    assert plain.calendar_ == ()
    assert plain.row_names_[-1] == "missing"
    wide = ridge(calendar=["year"]).fit(daily(800))
    assert wide.row_names_ == [*plain.row_names_, *phase_names(("year",))]
    np.testing.assert_array_equal(
        wide.training_data()[0][:, : len(plain.row_names_)], plain.training_data()[0]
    )


# -------------------------------------------------------------------------- what "auto" takes


@pytest.mark.parametrize(
    ("index", "season", "expected"),
    [
        (pd.date_range("2021-03-01", periods=TWO_YEARS, freq="D"), "auto", ("year",)),
        (pd.date_range("2021-03-01", periods=TWO_YEARS - 1, freq="D"), "auto", ()),
        (pd.date_range("2019-03-01", periods=TWO_YEARS + 1, freq="D"), [7, 91], ("year",)),
        (pd.date_range("2019-03-01", periods=TWO_YEARS + 1, freq="D"), [7, 92], ()),
        (pd.period_range("2021-03-01", periods=TWO_YEARS, freq="D"), None, ("year",)),
        (pd.period_range("2021-03-01", periods=TWO_YEARS - 1, freq="D"), None, ()),
        # From the first Monday of March 2021 to that of 2023 there are 105 weeks.
        (pd.date_range("2021-03-01", periods=523, freq="B"), "auto", ("year",)),
        (pd.date_range("2021-03-01", periods=521, freq="B"), "auto", ()),
        (pd.date_range("2021-03-01", periods=105, freq="W-MON"), None, ("year",)),
        (pd.date_range("2021-03-01", periods=104, freq="W-MON"), None, ()),
        (pd.date_range("2021-03-01", periods=300, freq="W-MON"), "auto", ()),  # of 52 weeks
        (pd.date_range("2021-03-01", periods=24 * TWO_YEARS, freq="h", tz="UTC"), None, ("year",)),
        (pd.date_range("2021-03-01", periods=24 * TWO_YEARS - 1, freq="h"), None, ()),
        (pd.date_range("2011-03-01", periods=100, freq="MS"), None, ()),
        (pd.date_range("2011-01-31", periods=100, freq="ME"), None, ()),
        (pd.RangeIndex(2000), None, ()),
    ],
    ids=str,
)
def test_auto_takes_the_year_where_two_are_shown(index, season, expected):
    series = pd.Series(np.random.default_rng(0).random(len(index)), index=index)
    assert ridge(season=season).fit(series).calendar_ == expected


def test_one_series_of_two_years_is_enough():
    short = {"a": daily(100), "b": daily(TWO_YEARS - 1, start="2022-01-01")}
    assert ridge(past=["day"]).fit(numbered(short)).calendar_ == ()
    long = short | {"b": daily(TWO_YEARS, start="2022-01-01")}
    assert ridge(past=["day"]).fit(numbered(long)).calendar_ == ("year",)


def test_what_was_decided_holds_for_the_copy_that_has_seen_less():
    model = ridge().fit(daily(TWO_YEARS))._model
    blind = model.blind(50)
    assert blind.panel.lengths.max() < TWO_YEARS
    assert blind.row_names() == model.row_names()
    plain = ridge().fit(daily(TWO_YEARS - 1))
    assert plain._model.blind(50).row_names() == plain.row_names_
    later = plain.update(daily(TWO_YEARS + 9)[TWO_YEARS - 1 :])
    assert later.predict(level=80).notna().all(axis=None)
    assert later._model.row_names() == plain.row_names_


# --------------------------------------------------------------------- what changes no forecast

ALL = ["year", "month", "week"]


def test_any_order_of_rows_gives_the_same_bits():
    frame = numbered({"a": daily(60), "b": daily(25, start="2021-04-05", seed=1)})
    forecaster = ridge(calendar=ALL, past=["day"])
    expected = forecaster.fit(frame).predict(7)
    shuffled = frame.sample(frac=1.0, random_state=0)
    pd.testing.assert_frame_equal(forecaster.fit(shuffled).predict(7), expected, check_exact=True)


def test_series_alone_is_forecast_as_in_the_panel():
    """Those that begin or end at other times do not move its calendar."""
    some = {"b": daily(70, start="2021-04-05", seed=1)}
    other = {"a": daily(300, start="2020-06-01"), "c": daily(20, start="2021-08-01")}
    together = ridge(calendar=ALL, past=["day"]).fit(numbered(other | some))
    asked = pd.DataFrame({"unique_id": "b", "ds": daily(7, start="2021-06-14").index})
    found = together.predict(7)
    own = found[found["unique_id"] == "b"].reset_index(drop=True)
    pd.testing.assert_frame_equal(together.predict(asked), own, rtol=1e-6)
    at = [k for k, name in enumerate(together.row_names_) if name in phase_names(tuple(ALL))]
    alone = ridge(calendar=ALL, past=["day"]).fit(numbered(some)).training_data()[0]
    rows = together.training_data()[0]
    n = 300 - 6 - 2  # those of a come first
    np.testing.assert_array_equal(rows[n : n + len(alone)][:, at], alone[:, at])


def test_integer_times_may_be_moved():
    values = daily(800).to_numpy()
    expected = ridge().fit(pd.Series(values)).predict(5).to_numpy()
    moved = pd.Series(values, index=pd.RangeIndex(700, 1500))
    np.testing.assert_array_equal(ridge().fit(moved).predict(5).to_numpy(), expected)


def test_four_years_later_the_calendar_is_the_same_but_not_half_a_year_later():
    def forecast(start):
        return ridge(calendar=["year", "month"]).fit(daily(800, start=start)).predict(9).to_numpy()

    expected = forecast("2021-03-01")
    np.testing.assert_array_equal(forecast("2025-03-01"), expected)
    assert np.abs(forecast("2021-09-01") - expected).max() > 1e-4


def test_days_of_a_zone_are_days():
    plain = daily(800)
    zoned = plain.tz_localize("Europe/Berlin")
    expected = ridge(calendar=ALL).fit(plain).predict(9).to_numpy()
    np.testing.assert_array_equal(ridge(calendar=ALL).fit(zoned).predict(9).to_numpy(), expected)


# -------------------------------------------------------------------------------- further steps


@pytest.mark.parametrize("regressor", [Ridge(), network()], ids=["flat", "windows"])
def test_two_blocks_equal_one_after_an_update_with_the_other(regressor):
    series = daily(800)
    forecaster = ridge(calendar=ALL, window=20, transform=None).set_params(regressor=regressor)
    forecaster.fit(series)
    both = forecaster.predict(6)
    forecaster.update(both[:3])
    # Units of the series stay those of the fit; a network multiplies in float32.
    np.testing.assert_allclose(forecaster.predict(3), both[3:], rtol=1e-6)
    repeated = forecaster._model.with_panel(forecaster._model.panel.until(800 - 1))
    first = repeated.in_values(repeated.forecast(3), np.array([0]))[0]
    np.testing.assert_allclose(first, both[:3], rtol=1e-12)


@pytest.mark.parametrize("refit", [True, False])
def test_what_comes_later_changes_neither_columns_nor_forecasts(refit):
    """At the first cutoff two years are not full, at the last they are."""
    series = daily(TWO_YEARS + 3)
    folds = backtest(ridge(), series, horizon=3, n_folds=3, refit=refit)
    for k, (cutoff, fold) in enumerate(folds.groupby("cutoff")):
        known = series[:cutoff]
        assert len(known) == TWO_YEARS - 6 + 3 * k
        honest = ridge().fit(known if refit or k == 0 else series[: -3 * 3])
        if not refit and k:
            honest.update(series[-3 * 3 : -3 * (3 - k)])
        assert honest.calendar_ == (("year",) if refit and len(known) >= TWO_YEARS else ())
        np.testing.assert_allclose(fold["y_hat"], honest.predict(3), rtol=1e-12)


# -------------------------------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("series", "calendar", "message"),
    [
        (daily(40), "yearly", "calendar='yearly'; one of 'auto', None or a list of 'year', "),
        (daily(40), "year", "calendar='year'; one of 'auto', None or a list of 'year', 'month',"),
        (daily(40), ["yaer"], "a word of calendar='yaer'; one of 'year', .* Did you mean 'year'?"),
        (daily(40), [7], "calendar=7; one of 'year', 'month', 'week', 'day' is needed."),
        (daily(40), 7, "calendar=7; one of 'auto', None or a list"),
        (
            daily(40).reset_index(drop=True),
            ["year"],
            "calendar=['year'], but the times of the series are integers, .* dates are needed. "
            "Pass dates for times, or calendar=None.",
        ),
        (
            daily(40),
            ["year", "day"],
            "calendar holds 'day', but the series have frequency D; several steps a day are "
            "needed to tell them apart. Leave 'day' out.",
        ),
        (daily(40, freq="B"), ["day"], "calendar holds 'day', .* frequency B"),
        (daily(40, freq="W-MON"), ["week"], "calendar holds 'week', .* frequency W-MON"),
        (daily(40, freq="MS"), ["month"], "calendar holds 'month', .* frequency MS"),
        (daily(40, freq="YE"), ["year"], "calendar holds 'year', .* frequency YE-DEC"),
        (daily(40, start="2021-02-01", freq="MS"), ["month"], "calendar holds 'month', .*"),
        (daily(40, start="2024-03-31", tz="Europe/Berlin"), ["day"], "calendar holds 'day', .*"),
        (  # on the clock 23 hours, where summer time ends
            daily(40, start="2024-10-26 12:00", freq="24h", tz="Europe/Berlin"),
            ["day"],
            "calendar holds 'day', .*",
        ),
    ],
)
def test_words_that_cannot_be_used_are_refused(series, calendar, message):
    pattern = re.escape(message).replace(r"\.\*", ".*")
    forecaster = ridge().fit(daily(40))
    expected = forecaster.predict(3)
    with pytest.raises(ValueError, match=pattern):
        forecaster.set_params(calendar=calendar).fit(series)
    pd.testing.assert_series_equal(forecaster.predict(3), expected)


@pytest.mark.parametrize(
    ("freq", "words"),
    [
        ("h", ["year", "month", "week", "day"]),
        ("12h", ["day"]),
        ("B", ["year", "month", "week"]),
        ("W", ["year", "month"]),
        ("MS", ["year"]),
        ("QS", ["year"]),
    ],
)
def test_words_that_a_frequency_tells_are_taken(freq, words):
    forecaster = ridge(calendar=words[::-1]).fit(daily(60, freq=freq))
    assert forecaster.calendar_ == tuple(words)


# ------------------------------------------------------------------------------- a known answer


NOISE = 0.25


def yearly_waves():
    """Five years of a summer and two short rises a year, weekends, and noise."""
    index = pd.date_range("2018-01-01", periods=5 * 365, freq="D")
    angle = 2 * np.pi * np.arange(len(index)) / 365.25
    waves = 4 * np.sin(angle) + 2 * np.cos(2 * angle) + 2 * (index.day_of_week > 4)
    noise = NOISE * np.random.default_rng(0).standard_normal(len(index))
    return pd.Series(waves + noise, index=index)


def avoidable_error(calendar, series):
    """Return the mean absolute error of forecasts, less that of the noise."""
    forecaster = Forecaster(Ridge(), window=14, horizon=14, calendar=calendar)
    folds = backtest(forecaster, series, horizon=14, n_folds=52, refit=False)
    return evaluate(folds, "mae")["y_hat"].item() - NOISE * math.sqrt(2 / math.pi)


def test_yearly_waves_are_learnt():
    series = yearly_waves()
    told = avoidable_error("auto", series)
    assert told == avoidable_error(["year"], series)
    assert told < 0.5 * avoidable_error(None, series)
