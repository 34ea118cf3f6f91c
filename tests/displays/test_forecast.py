import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, TimeSeriesSplit

from seqforecast import ForecastDisplay, Forecaster, backtest
from seqforecast.forecasting.parts import Parts

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")
plt = pytest.importorskip("matplotlib.pyplot")

N, HORIZON = 60, 3


def render(display):
    """Draw, which raises what constructing alone does not."""
    display.figure_.draw_without_rendering()
    return display


def values(n=N, seed=0):
    rng = np.random.default_rng(seed)
    return 5 + np.sin(np.arange(n) * 2 * np.pi / 12) + rng.random(n)


def series(index=None, name="sales"):
    index = pd.date_range("2020-01-31", periods=N, freq="ME") if index is None else index
    return pd.Series(values(len(index)), index, name=name)


def wide(n_series=3):
    index = series().index
    return pd.DataFrame({f"s{k}": values(seed=k) for k in range(n_series)}, index)


def long(n_series=3):
    """A panel whose series end one step after another."""
    frame = wide(n_series).rename_axis("ds").reset_index().melt("ds", var_name="unique_id")
    frame = frame.rename(columns={"value": "y"})
    return frame[frame.groupby("unique_id").cumcount() < N - frame.unique_id.str[1:].astype(int)]


def forecaster(**params):
    return Forecaster(Ridge(), window=4, horizon=HORIZON, **params)


def stamps(index):
    """What matplotlib is given for the times of an index."""
    if isinstance(index, pd.PeriodIndex):
        index = index.to_timestamp()
    if getattr(index, "tz", None) is not None:
        index = index.tz_convert("UTC").tz_localize(None)
    return index.to_numpy()


def edges(band):
    """The lower and the upper edge of a band, from left to right."""
    vertices = band.get_paths()[0].vertices[:-1]
    lower, upper = vertices[1 : len(vertices) // 2], vertices[len(vertices) // 2 + 1 :]
    return lower[:, 1], upper[::-1, 1]


def line_data(line):
    return line.get_xdata(orig=True), line.get_ydata()


def labels_of(display):
    [legend] = display.figure_.legends or [display.ax_.get_legend()]
    return [text.get_text() for text in legend.get_texts()]


# One series -------------------------------------------------------------------------------------


INDEXES = {
    "months": pd.date_range("2020-01-31", periods=N, freq="ME"),
    "business days": pd.date_range("2020-01-06", periods=N, freq="B"),
    "summer time ends": pd.date_range(
        "2024-10-26 12:00", periods=N, freq="h", tz="Europe/Berlin", unit="s"
    ),
    "days of a zone": pd.date_range("2024-03-01", periods=N, tz="America/New_York"),
    "periods": pd.period_range("2020-01", periods=N, freq="M"),
    "weeks": pd.period_range("2020-01-06", periods=N, freq="W"),
    "integers": pd.RangeIndex(100, 100 + 2 * N, 2),
}


@pytest.mark.parametrize("index", INDEXES.values(), ids=INDEXES)
def test_lines_and_bands_hold_history_and_forecast(index):
    y = series(index)
    model = forecaster().fit(y[:-5])
    known, expected = y[:-5], model.predict(5, level=[40, 60])
    display = render(
        ForecastDisplay.from_estimator(model, 5, level=[60, 40], n_history=30, truth=y)
    )
    artists = display.artists_
    [history], [truth], [forecast] = artists["history"], artists["truth"], artists["forecast"]

    x, drawn = line_data(history)
    np.testing.assert_array_equal(x, stamps(known.index[-30:]))
    np.testing.assert_array_equal(drawn, known[-30:])
    # What follows begins at the last known value, so that there is no gap.
    x, drawn = line_data(truth)
    np.testing.assert_array_equal(x, stamps(y.index[-6:]))
    np.testing.assert_array_equal(drawn, y[-6:])
    x, drawn = line_data(forecast)
    np.testing.assert_array_equal(x, stamps(y.index[-6:]))
    np.testing.assert_allclose(drawn, [known.iloc[-1], *expected["y_hat"]])
    assert (np.diff(x) > np.zeros(1, np.diff(x).dtype)).all()
    for level in (40, 60):
        [band] = artists["bands"][str(level)]
        lower, upper = edges(band)
        np.testing.assert_allclose(lower, [known.iloc[-1], *expected[f"lo-{level}"]])
        np.testing.assert_allclose(upper, [known.iloc[-1], *expected[f"hi-{level}"]])
    [cutoff] = artists["cutoffs"]
    assert cutoff.get_xdata()[0] == stamps(known.index[-1:])[0]
    assert display.ax_.get_ylabel() == "sales"
    assert labels_of(display) == ["history", "actual", "forecast", "40 %", "60 %", "cutoff"]


def test_narrower_bands_are_darker_and_in_front():
    display = ForecastDisplay.from_estimator(forecaster().fit(series()), level=[50, 80, 95])
    bands = [display.artists_["bands"][level][0] for level in ("50", "80", "95")]
    light = [band.get_facecolor()[0, :3].mean() for band in bands]
    assert light == sorted(light)
    order = [band.get_zorder() for band in bands]
    assert order == sorted(order, reverse=True)
    assert min(line.get_zorder() for line in display.ax_.lines) > max(order)


def test_ticks_tell_dates_in_the_time_zone_of_the_series():
    y = series(pd.date_range("2024-03-01", periods=N, freq="h", tz="Asia/Tokyo"))
    display = render(ForecastDisplay.from_estimator(forecaster().fit(y), n_history=12))
    assert display.ax_.get_xlabel() == "Asia/Tokyo"
    ticks = display.ax_.get_xticks()
    texts = [label.get_text() for label in display.ax_.get_xticklabels()]
    assert "12:00" in texts
    noon = matplotlib.dates.num2date(ticks[texts.index("12:00")])
    assert noon.astimezone(y.index.tz).hour == 12
    assert len(texts) <= 10


def test_integers_are_steps():
    display = render(ForecastDisplay.from_estimator(forecaster().fit(values())))
    assert display.ax_.get_xlabel() == "step"
    assert all(tick == int(tick) for tick in display.ax_.get_xticks())


def test_axis_of_values_is_not_forced_to_zero():
    display = ForecastDisplay.from_estimator(forecaster().fit(series() + 1000))
    assert display.ax_.get_ylim()[0] > 900


def test_missing_values_leave_gaps_and_a_lonely_value_is_a_dot():
    y = series()
    y.iloc[[-12, -10, -8]] = np.nan
    display = render(ForecastDisplay.from_estimator(forecaster().fit(y), n_history=20))
    [history] = display.artists_["history"]
    np.testing.assert_array_equal(history.get_ydata(), y[-20:])
    assert history.get_markevery() == [9, 11]
    assert history.get_marker() == "o"


@pytest.mark.parametrize("horizon", [1, 3])
def test_last_value_that_is_missing_joins_nothing(horizon):
    y = series()
    y.iloc[-1] = np.nan
    model = Forecaster(Ridge(), window=4, horizon=horizon).fit(y)
    display = render(ForecastDisplay.from_estimator(model, level=80))
    [forecast], [band] = display.artists_["forecast"], display.artists_["bands"]["80"]
    assert len(forecast.get_ydata()) == horizon
    if horizon == 1:  # neither a point nor an interval has an extent in time
        expected = model.predict(level=80).iloc[0]
        np.testing.assert_allclose(band.get_segments()[0][:, 1], expected[["lo-80", "hi-80"]])
        assert forecast.get_marker() == "o"


@pytest.mark.parametrize(
    ("horizon", "season", "shown"), [(3, None, 24), (12, None, 36), (3, 10, 40), (60, None, 50)]
)
def test_default_history_is_seasons_and_horizons(horizon, season, shown):
    model = forecaster(season=season).fit(series()[:50])
    display = ForecastDisplay.from_estimator(model, horizon)
    assert len(display.artists_["history"][0].get_ydata()) == shown


def test_steps_left_out_are_joined_and_truth_is_missing_there():
    y = series()
    model = forecaster().fit(y[:-6])
    display = ForecastDisplay.from_estimator(model, y[-3:], truth=y[-2:])
    x, drawn = line_data(display.artists_["forecast"][0])
    np.testing.assert_array_equal(x, stamps(y.index[[-7, -3, -2, -1]]))
    np.testing.assert_allclose(drawn[1:], model.predict(y[-3:]))
    truth = display.artists_["truth"][0].get_ydata()
    np.testing.assert_array_equal(truth, [y.iloc[-7], *[np.nan] * 4, *y[-2:]])


def test_future_features_and_target_of_a_grid_search_are_taken():
    y = series()
    X = pd.DataFrame({"price": values(seed=1)}, y.index)
    search = GridSearchCV(forecaster(), {"window": [3, 4]}, cv=TimeSeriesSplit(2, test_size=3))
    search.fit(X[:-3], y[:-3])
    display = ForecastDisplay.from_estimator(search, X[-3:], level=80, truth=y)
    forecast = display.artists_["forecast"][0].get_ydata()
    np.testing.assert_allclose(forecast[1:], search.predict(X[-3:]))
    np.testing.assert_array_equal(display.artists_["truth"][0].get_ydata(), y[-4:])


@pytest.mark.parametrize("level", [None, 80])
def test_plain_arrays_are_taken(level):
    table = np.column_stack([values(seed=k) for k in range(2)])
    for data in (table[:, 0], table):
        model = forecaster().fit(data[:-3])
        display = ForecastDisplay.from_estimator(model, level=level, truth=data[-3:])
        forecasts = [line.get_ydata()[1:] for line in display.artists_["forecast"]]
        expected = np.reshape(model.predict(), (3, -1))
        np.testing.assert_allclose(np.transpose(forecasts), expected)
        came = [line.get_ydata()[1:] for line in display.artists_["truth"]]
        np.testing.assert_array_equal(np.transpose(came), data[-3:].reshape(3, -1))


# Several series ---------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["wide", "long"])
@pytest.mark.parametrize("level", [None, [80, 95]])
def test_small_multiples_show_the_series_asked_for(kind, level):
    data = wide(9) if kind == "wide" else long(9)
    model = forecaster().fit(data)
    display = render(ForecastDisplay.from_estimator(model, level=level, ids=["s7", "s2"]))
    assert [ax.get_title(loc="left") for ax in display.axes_] == ["s7", "s2"]
    assert display.ax_ is display.axes_[0]
    assert display.figure_.legends[0].get_title().get_text() == "2 of 9 series"
    expected = model.predict(level=level)
    for name, history, forecast in zip(
        ("s7", "s2"), display.artists_["history"], display.artists_["forecast"], strict=True
    ):
        if kind == "long":
            y, ahead = (part[part.unique_id == name] for part in (data, expected))
            times = ahead.ds
            y, ahead = y.y, ahead.y_hat
        else:
            y, ahead = data[name], expected[name]
            times = ahead.index
            ahead = ahead if level is None else ahead["y_hat"]
        np.testing.assert_array_equal(history.get_ydata(), y[-len(history.get_ydata()) :])
        np.testing.assert_allclose(forecast.get_ydata(), [y.iloc[-1], *ahead])
        np.testing.assert_array_equal(forecast.get_xdata(orig=True)[1:], times.to_numpy())
        assert history.axes is forecast.axes
    assert list(display.artists_["bands"]) == ([] if level is None else ["80", "95"])


@pytest.mark.parametrize(("n_series", "shown"), [(1, 1), (2, 2), (3, 3), (5, 5), (6, 6), (9, 6)])
def test_first_few_series_are_shown(n_series, shown):
    display = render(ForecastDisplay.from_estimator(forecaster().fit(long(n_series))))
    assert display.axes_.shape == (shown,)
    assert len(display.figure_.axes) == shown
    assert [ax.axison for ax in display.axes_] == [True] * shown
    title = None if n_series == 1 else display.figure_.legends[0].get_title().get_text()
    assert title == (None if n_series == 1 else "6 of 9 series" if n_series == 9 else "")
    lowest = display.axes_[-1].xaxis.get_ticklabels()
    assert any(label.get_text() and label.get_visible() for label in lowest)


def test_every_column_of_small_multiples_has_dates():
    display = render(ForecastDisplay.from_estimator(forecaster().fit(wide(5))))
    ticks = [ax.xaxis.get_major_ticks() for ax in display.axes_]
    shown = [any(tick.label1.get_visible() for tick in some) for some in ticks]
    assert shown == [False, False, False, True, True]


def test_many_series_can_be_asked_for():
    names = [f"s{k}" for k in range(14)]
    display = render(ForecastDisplay.from_estimator(forecaster().fit(wide(14)), ids=names))
    assert len(display.axes_) == 14
    assert display.figure_.get_size_inches()[1] > plt.rcParams["figure.figsize"][1]


def test_forecasts_of_some_series_need_no_others(monkeypatch):
    model = forecaster().fit(long(9))
    asked = []
    forecasts = Parts.forecasts
    monkeypatch.setattr(
        Parts, "forecasts", lambda self, rows, **o: asked.append(rows) or forecasts(self, rows, **o)
    )
    ForecastDisplay.from_estimator(model, 2, ids="s3")
    assert asked[0].step.tolist() == [1, 2]


def test_future_rows_of_some_series_are_taken():
    data = long(4)
    data = data.assign(promotion=np.arange(len(data)) % 5)
    known = data[data.groupby("unique_id").cumcount(ascending=False) >= 3]
    rows = data.drop(known.index)
    model = forecaster().fit(known)
    display = ForecastDisplay.from_estimator(model, rows[rows.unique_id > "s1"], truth=data)
    assert [ax.get_title(loc="left") for ax in display.axes_] == ["s2", "s3"]
    assert display.n_series == 2
    came = [line.get_ydata()[1:] for line in display.artists_["truth"]]
    np.testing.assert_array_equal(np.concatenate(came), rows.y[rows.unique_id > "s1"])
    one = ForecastDisplay.from_estimator(model, rows, ids=["s3"])
    assert one.ax_.get_ylabel() == "s3"
    with pytest.raises(ValueError, match="future feature.* 'promotion'"):
        ForecastDisplay.from_estimator(model)


@pytest.mark.parametrize("name", [("a", 1), 7, pd.Timestamp("2020-01-01")])
def test_names_of_any_kind_are_taken(name):
    model = forecaster().fit(series(name=name))
    display = ForecastDisplay.from_estimator(model, level=80, ids=[name])
    assert display.ax_.get_ylabel() == str(name)
    folds = backtest(model, series(name=name), horizon=3, n_folds=2)
    assert len(ForecastDisplay.from_backtest(folds, ids=[name]).artists_["forecast"]) == 2


# Backtests --------------------------------------------------------------------------------------


@pytest.mark.parametrize("index", INDEXES.values(), ids=INDEXES)
def test_backtest_shows_every_cutoff_over_what_came(index):
    y = series(index)
    folds = backtest(forecaster(), y, horizon=4, n_folds=3, step=2, level=80)
    display = render(ForecastDisplay.from_backtest(folds, history=y, n_history=10))
    artists = display.artists_
    begin = N - 4 - 2 * 2  # the first step after the first cutoff
    x, drawn = line_data(artists["history"][0])
    np.testing.assert_array_equal(x, stamps(index[begin - 10 : begin]))
    np.testing.assert_array_equal(drawn, y.iloc[begin - 10 : begin])
    x, drawn = line_data(artists["truth"][0])
    np.testing.assert_array_equal(x, stamps(index[begin - 1 :]))
    np.testing.assert_array_equal(drawn, y.iloc[begin - 1 :])
    for k, (cutoff, rows) in enumerate(folds.groupby("cutoff")):
        at = stamps(pd.Index([cutoff]))[0]
        assert artists["cutoffs"][k].get_xdata()[0] == at
        for name, column in (("forecast", "y_hat"), ("naive", "seasonal_naive")):
            x, drawn = line_data(artists[name][k])
            np.testing.assert_array_equal(x, [at, *stamps(pd.Index(rows["ds"]))])
            np.testing.assert_array_equal(drawn, [y[cutoff], *rows[column]])
        lower, upper = edges(artists["bands"]["80"][k])
        np.testing.assert_allclose(lower, [y[cutoff], *rows["lo-80"]])
        np.testing.assert_allclose(upper, [y[cutoff], *rows["hi-80"]])
    assert len(artists["cutoffs"]) == 3


@pytest.mark.parametrize("n_folds", [1, 3])
def test_backtest_needs_no_history(n_folds):
    y = series()
    folds = backtest(forecaster(), y, horizon=1, n_folds=n_folds, level=80)
    display = render(ForecastDisplay.from_backtest(folds.sample(frac=1, random_state=0)))
    assert display.artists_["history"] == []
    np.testing.assert_array_equal(display.artists_["truth"][0].get_ydata(), y[-n_folds:])
    # Nothing is known at the first cutoff, and the values before them at the others.
    sizes = [len(line.get_ydata()) for line in display.artists_["forecast"]]
    assert sizes == [1, 2, 2][:n_folds]


def test_what_no_fold_tells_is_a_gap_which_the_history_fills():
    y = series(pd.date_range("2024-01-01", periods=N))
    folds = backtest(forecaster(), y, horizon=3, n_folds=2, step=5)
    truth = ForecastDisplay.from_backtest(folds).artists_["truth"][0].get_ydata()
    np.testing.assert_array_equal(np.flatnonzero(np.isnan(truth)), [3, 4])
    truth = ForecastDisplay.from_backtest(folds, history=y).artists_["truth"][0].get_ydata()
    np.testing.assert_array_equal(truth, y[-9:])


def test_default_history_of_a_backtest_is_as_long_as_what_follows():
    folds = backtest(forecaster(season=None), series(), horizon=9, n_folds=3)
    artists = ForecastDisplay.from_backtest(folds, history=series()).artists_
    assert len(artists["history"][0].get_ydata()) == 27


def test_backtest_of_a_panel_with_other_names():
    columns = ("store", "day", "sales")
    data = long(5).set_axis(["day", "store", "sales"], axis=1)
    folds = backtest(forecaster(columns=columns), data, horizon=3, n_folds=2, level=[80])
    display = render(ForecastDisplay.from_backtest(folds, history=data, ids=["s4", "s1"]))
    assert display.figure_.legends[0].get_title().get_text() == "2 of 5 series"
    first, second = display.axes_
    # s4 ends before the second cutoff.
    assert [line.axes for line in display.artists_["forecast"]] == [first, second, second]
    assert display.artists_["naive"] == []
    assert display.plot(naive=True).artists_["naive"]
    for name, line in zip(("s4", "s1"), display.artists_["truth"], strict=True):
        np.testing.assert_array_equal(line.get_ydata()[-2:], data.sales[data.store == name][-2:])


def test_history_of_an_only_series_needs_no_name():
    y = series()
    folds = backtest(forecaster(), y, horizon=3, n_folds=2)
    display = ForecastDisplay.from_backtest(folds, history=y.rename("other"))
    assert len(display.artists_["history"][0].get_ydata()) == 24
    display = ForecastDisplay.from_backtest(folds, history=(pd.DataFrame(index=y.index), y))
    assert len(display.artists_["history"][0].get_ydata()) == 24


def test_seasonal_naive_can_be_left_out():
    folds = backtest(forecaster(), series(), horizon=3, n_folds=2)
    display = ForecastDisplay.from_backtest(folds, naive=False)
    assert display.artists_["naive"] == []
    assert "seasonal naive" not in labels_of(display)


# The display ------------------------------------------------------------------------------------


def test_lines_differ_in_black_and_white():
    folds = backtest(forecaster(), series(), horizon=3, n_folds=2)
    artists = ForecastDisplay.from_backtest(folds, history=series()).artists_
    lines = [artists[name][0] for name in ("history", "truth", "forecast", "naive")]
    # History and actual values are one line, which goes on after the first cutoff.
    assert [line.is_dashed() for line in lines] == [False, False, True, True]
    assert len({line.get_linewidth() for line in lines}) >= 3
    assert len({line.get_color() for line in lines}) == 4


@pytest.mark.parametrize("width", [3.3, 8])
def test_axes_of_the_caller_are_used(width):
    figure, ax = plt.subplots(figsize=(width, 2.5), layout="constrained")
    model = forecaster().fit(long(3))
    display = render(ForecastDisplay.from_estimator(model, level=[80, 95], ids="s1", ax=ax))
    assert display.ax_ is ax
    assert display.axes_.tolist() == [ax]
    assert display.figure_ is figure
    assert plt.get_fignums() == [figure.number]
    # The legend stands above the data and within the figure.
    legend, inside = ax.get_legend().get_window_extent(), ax.get_window_extent()
    assert legend.y0 >= inside.y1 - 1
    assert legend.x1 <= figure.bbox.x1
    small = ax.yaxis.label.get_fontsize() < plt.rcParams["font.size"]
    assert small == (width < 4)


def test_long_frames_can_be_drawn_without_a_forecaster():
    forecast = pd.DataFrame({"unique_id": "a", "cutoff": 3, "ds": [4, 5], "y_hat": [1.0, 2.0]})
    display = render(ForecastDisplay(forecast).plot())
    np.testing.assert_array_equal(display.artists_["forecast"][0].get_ydata(), [1, 2])
    history = pd.DataFrame({"unique_id": "a", "ds": [2, 3], "y": [7.0, 8.0]})
    display = render(ForecastDisplay(forecast, history=history, n_series=1).plot())
    np.testing.assert_array_equal(display.artists_["forecast"][0].get_ydata(), [8, 1, 2])
    assert repr(display) == "<ForecastDisplay of 1 series, 1 cutoff(s)>"


def test_plot_draws_again_and_returns_the_display():
    display = ForecastDisplay.from_estimator(forecaster().fit(series()), level=80)
    before = display.ax_
    assert display.plot() is display
    assert display.ax_ is not before
    assert type(pickle.loads(pickle.dumps(display))) is ForecastDisplay
