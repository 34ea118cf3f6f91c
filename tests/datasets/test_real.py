"""The bundled series: values, index and origin."""

import numpy as np
import pandas as pd
import pytest

from seqforecast.datasets import load_airline, load_co2, load_sunspots

LOADERS = [load_airline, load_co2, load_sunspots]


@pytest.mark.parametrize(
    ("load", "name", "n", "first", "last"),
    [
        (load_co2, "co2", 526, ("1958-03-01", 316.10), ("2001-12-01", 371.02)),
        (load_sunspots, "sunspots", 3120, ("1749-01-01", 58.0), ("2008-12-01", 0.8)),
        (load_airline, "passengers", 144, ("1949-01-01", 112.0), ("1960-12-01", 432.0)),
    ],
)
def test_load_known_ends_are_those_of_the_source(load, name, n, first, last):
    series = load()
    assert series.name == name
    assert len(series) == n
    assert (series.index[0], series.iloc[0]) == (pd.Timestamp(first[0]), first[1])
    assert (series.index[-1], series.iloc[-1]) == (pd.Timestamp(last[0]), last[1])


@pytest.mark.parametrize("load", LOADERS)
def test_load_index_is_regular_and_values_are_complete(load):
    series = load()
    assert isinstance(series, pd.Series)
    assert isinstance(series.index, pd.DatetimeIndex)
    assert series.index.freqstr == "MS"
    expected = pd.date_range(series.index[0], periods=len(series), freq="MS")
    assert list(series.index) == list(expected)
    assert series.dtype == np.float64
    assert np.isfinite(series).all()


@pytest.mark.parametrize("load", LOADERS)
def test_load_twice_returns_independent_series(load):
    changed = load()
    original = changed.copy()
    changed.iloc[:] = -1.0
    pd.testing.assert_series_equal(load(), original)


def test_airline_sum_and_peaks_match_series_g():
    passengers = load_airline()
    assert passengers.sum() == 40363.0
    assert passengers["1960-07"].item() == passengers.max() == 622.0
    assert passengers["1949-11"].item() == passengers.min() == 104.0


def test_airline_log_season_of_twelve_months_is_found():
    growth = np.log(load_airline()).diff().dropna()
    by_lag = {lag: growth.autocorr(lag) for lag in range(1, 19)}
    assert max(by_lag, key=by_lag.get) == 12


def test_co2_filled_months_lie_on_the_line_between_their_neighbours():
    co2 = load_co2()
    # Rounding to 0.01 on both ends and in between moves a value by at most 0.01.
    assert co2["1958-06"].item() == pytest.approx(
        (co2["1958-05"].item() + co2["1958-07"].item()) / 2, abs=0.0101
    )
    assert co2["1958-10"].item() == pytest.approx(
        (co2["1958-09"].item() + co2["1958-11"].item()) / 2, abs=0.0101
    )
    gap = co2["1964-01":"1964-05"].to_numpy()
    np.testing.assert_allclose(gap, np.linspace(gap[0], gap[-1], 5), atol=0.0101)


def test_co2_equals_monthly_means_of_the_weekly_record():
    record = pytest.importorskip("statsmodels.datasets.co2").load_pandas().data["co2"]
    months = {}
    for day, value in record.items():
        if not np.isnan(value):
            months.setdefault((day.year, day.month), []).append(value)
    co2 = load_co2()
    absent = [f"{d:%Y-%m}" for d in co2.index if (d.year, d.month) not in months]
    assert absent == ["1958-06", "1958-10", "1964-02", "1964-03", "1964-04"]
    for day, value in co2.drop(pd.DatetimeIndex([f"{m}-01" for m in absent])).items():
        # Values are rounded to 0.01.
        assert value == pytest.approx(np.mean(months[day.year, day.month]), abs=0.00501)


def test_sunspots_cycle_has_about_eleven_years():
    sunspots = load_sunspots()
    power = np.abs(np.fft.rfft(sunspots - sunspots.mean())) ** 2
    years = len(sunspots) / 12 / np.argmax(power)
    assert 10.5 < years < 11.5
    assert sunspots.min() == 0.0
    assert sunspots.idxmax() == pd.Timestamp("1957-10-01")
    assert sunspots["1824-02"].item() == 10.8


def test_sunspots_yearly_means_match_the_yearly_record():
    record = pytest.importorskip("statsmodels.datasets.sunspots").load_pandas().data
    yearly = record.set_index("YEAR")["SUNACTIVITY"].loc[1749:]
    sunspots = load_sunspots()
    means = sunspots.groupby(sunspots.index.year).mean()
    # The published yearly values average days, not months: at most half a spot apart.
    np.testing.assert_allclose(means, yearly, atol=0.5)
