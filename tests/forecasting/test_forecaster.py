"""Series in, series out: the forms, what predict is asked, update, and every parameter."""

import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import Ridge, SGDRegressor
from sklearn.neural_network import MLPRegressor
from sklearn.preprocessing import StandardScaler

from seqforecast import Forecaster, GRURegressor

INDEXES = {
    "month ends": pd.date_range("2019-01-31", periods=70, freq="ME"),
    "business days": pd.bdate_range("2024-02-01", periods=70),
    "hours over the clock change": pd.date_range(
        "2024-03-29", periods=70, freq="h", tz="Europe/Berlin"
    ),
    "days over 29 February": pd.date_range("2023-12-22", periods=70, freq="D"),
    "periods": pd.period_range("2010Q1", periods=70, freq="Q"),
    "integers": pd.RangeIndex(5, 5 + 3 * 70, 3),
    "seconds as unit": pd.date_range("2024-01-01", periods=70, freq="D").as_unit("s"),
}
N, KNOWN = 70, 64


def wave(index, *, seed=0, name="sales", level=100.0):
    """A noisy wave of six steps around a level, rising slowly."""
    t = np.arange(len(index))
    noise = np.random.default_rng(seed).standard_normal(len(index))
    values = level * (1 + 0.1 * np.sin(t * 2 * np.pi / 6) + 0.002 * t) + noise
    return pd.Series(values, index=index, name=name)


def forecaster(regressor=None, **params):
    return Forecaster(regressor or Ridge(), **{"window": 8, "horizon": 3, "season": 6} | params)


def same_index(a, b):
    assert a.dtype == b.dtype
    assert a.equals(b)


def long_of(frame, columns=("unique_id", "ds", "y")):
    """Stack a wide frame; the rows stand in no order."""
    unique_id, ds, y = columns
    named = frame.rename_axis(index=ds, columns=unique_id)
    rows = named.melt(value_name=y, ignore_index=False).reset_index()
    return rows.sample(frac=1.0, random_state=0)


# ------------------------------------------------------------------------ the form that came in


@pytest.mark.parametrize("index", INDEXES.values(), ids=INDEXES)
def test_series_in_series_out_on_the_continued_index(index):
    series = wave(index)
    forecast = forecaster().fit(series[:KNOWN]).predict(6)
    same_index(forecast.index, series.index[KNOWN:])
    assert forecast.name == "sales"
    assert np.abs(forecast - series[KNOWN:]).max() < 12  # the wave alone is 20 high


@pytest.mark.parametrize("index", INDEXES.values(), ids=INDEXES)
def test_every_form_gives_the_same_numbers_in_that_form(index):
    wide = pd.DataFrame({"b": wave(index), "a": wave(index, seed=1, level=50.0)})
    known, ahead = wide[:KNOWN], wide.index[KNOWN:]
    forecast = forecaster().fit(known).predict(6)
    pd.testing.assert_index_equal(forecast.columns, wide.columns)
    same_index(forecast.index, ahead)

    panel = forecaster().fit(long_of(known)).predict(6)
    assert list(panel.columns) == ["unique_id", "ds", "y_hat"]
    assert panel["ds"].dtype == long_of(known)["ds"].dtype
    table = panel.pivot_table(index="ds", columns="unique_id", values="y_hat")
    # The regressor sees the series in another order, so sums are rounded otherwise.
    np.testing.assert_allclose(table[["b", "a"]], forecast, rtol=1e-6)

    X, y = pd.DataFrame(index=known.index), known["b"]
    pair = forecaster().fit(X, y).predict(pd.DataFrame(index=ahead))
    pd.testing.assert_series_equal(pair, forecaster().fit(y).predict(6), check_freq=False)
    pd.testing.assert_series_equal(pair, forecaster().fit(X, y).predict(6), check_freq=False)


def test_arrays_in_arrays_out():
    values = wave(INDEXES["integers"]).to_numpy()
    series = forecaster().fit(values).predict(4)
    assert isinstance(series, np.ndarray)
    assert series.shape == (4,)
    np.testing.assert_array_equal(forecaster().fit(list(values)).predict(4), series)
    table = forecaster().fit(np.column_stack([values, values])).predict(4)
    assert table.shape == (4, 2)
    interval = forecaster().fit(values).predict(4, level=80)
    assert list(interval.columns) == ["y_hat", "lo-80", "hi-80"]
    np.testing.assert_array_equal(interval["y_hat"], series)
    promo = np.arange(80.0)[:, np.newaxis] % 5
    with_features = forecaster().fit(promo[:70], values).predict(promo[70:76])
    assert with_features.shape == (6,)


@pytest.mark.parametrize("names", [("store", "day", "sold"), ("unique_id", "ds", "y")])
def test_level_adds_columns_to_every_form(names):
    wide = pd.DataFrame({"b": wave(INDEXES["month ends"]), "a": wave(INDEXES["month ends"])})
    series = forecaster().fit(wide["b"]).predict(2, level=[80, 95])
    assert list(series.columns) == ["y_hat", "lo-80", "hi-80", "lo-95", "hi-95"]
    both = forecaster().fit(wide).predict(2, level=[80])
    assert both.columns.to_list() == [
        (name, column) for name in "ba" for column in ("y_hat", "lo-80", "hi-80")
    ]
    panel = forecaster(columns=names).fit(long_of(wide, names)).predict(2, level=62.5)
    assert list(panel.columns) == [*names[:2], "y_hat", "lo-62.5", "hi-62.5"]
    assert panel[names[0]].to_list() == ["a", "a", "b", "b"]


@pytest.mark.parametrize(
    "ids",
    [
        pd.Index([30, 4]),
        pd.Index(["x", "y"], dtype="string"),
        pd.CategoricalIndex(["north", "south"], categories=["south", "north", "west"]),
        pd.to_datetime(["2020-01-01", "2021-01-01"]),
    ],
    ids=["integers", "string", "categories", "dates"],
)
def test_ids_keep_their_type(ids):
    index = pd.RangeIndex(40)
    parts = [
        pd.DataFrame({"unique_id": ids.take([k] * 40), "ds": index, "y": wave(index, seed=k)})
        for k in range(2)
    ]
    frame = pd.concat(parts, ignore_index=True)
    model = forecaster().fit(frame)
    forecast = model.predict(2)
    assert forecast["unique_id"].dtype == frame["unique_id"].dtype
    assert set(forecast["unique_id"]) == set(ids)
    assert set(model.ids_) == set(ids)


# ------------------------------------------------------------------------ what predict is asked


def panel_with_features(n=60, ids="ab"):
    rng = np.random.default_rng(1)
    parts = []
    for k, name in enumerate(ids):
        promo = rng.integers(0, 2, n).astype(float)
        y = wave(pd.RangeIndex(n), seed=k, level=50.0 * (k + 1)).to_numpy()
        heat = rng.standard_normal(n)
        size = float(k)
        parts.append(
            pd.DataFrame(
                {
                    "unique_id": name,
                    "ds": pd.date_range("2024-01-01", periods=n),
                    "y": y * (1 + 0.2 * promo) + np.append(0, heat[:-1]),
                    "promo": promo,
                    "heat": heat,
                    "size": size,
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def cut(frame, n_ahead):
    newest = frame.groupby("unique_id").cumcount(ascending=False) < n_ahead
    return frame[~newest], frame[newest]


def test_predict_none_is_the_horizon_and_rows_are_as_good_as_a_number():
    series = wave(INDEXES["month ends"])
    model = forecaster().fit(series[:KNOWN])
    pd.testing.assert_series_equal(model.predict(), model.predict(3))
    for rows in (series[KNOWN:], series[KNOWN:].to_frame(), series[KNOWN:].to_numpy()):
        pd.testing.assert_series_equal(model.predict(rows), model.predict(6), check_freq=False)
    some = series.iloc[[KNOWN + 1, KNOWN + 4]]  # a gap, as TimeSeriesSplit(gap=...) makes one
    pd.testing.assert_series_equal(
        model.predict(some), model.predict(6).iloc[[1, 4]], check_freq=False
    )


def test_predict_rows_of_a_panel_keep_the_order_asked_and_need_no_target():
    known, ahead = cut(panel_with_features(), 3)
    model = forecaster(past=["heat"], static=["size"]).fit(known)
    asked = ahead.drop(columns=["y", "heat", "size"]).sample(frac=1.0, random_state=1)
    forecast = model.predict(asked)
    assert forecast["unique_id"].to_list() == asked["unique_id"].to_list()
    assert forecast["ds"].to_list() == asked["ds"].to_list()
    ordered = model.predict(asked.sort_values(["unique_id", "ds"]))
    again = forecast.sort_values(["unique_id", "ds"]).reset_index(drop=True)
    pd.testing.assert_frame_equal(again, ordered)
    truth = asked.merge(ahead, on=["unique_id", "ds"])["y"]
    assert np.abs(forecast["y_hat"].to_numpy() - truth).mean() < 8  # promotions alone are worth 15


def test_predict_series_of_different_ends_each_continue_their_own():
    frame = panel_with_features()[["unique_id", "ds", "y"]]
    frame = frame[(frame["unique_id"] == "a") | (frame["ds"] < "2024-02-20")]
    forecast = forecaster().fit(frame).predict(2)
    assert forecast["ds"].astype(str).to_list() == [
        "2024-03-01",
        "2024-03-02",
        "2024-02-20",
        "2024-02-21",
    ]


# ------------------------------------------------------------------------------- intervals


def test_levels_nest_around_the_forecast_and_do_not_move_it():
    series = wave(INDEXES["month ends"])
    model = forecaster().fit(series)
    frame = model.predict(7, level=[70, 50, 60])
    ends = frame[["lo-70", "lo-60", "lo-50", "y_hat", "hi-50", "hi-60", "hi-70"]].to_numpy()
    assert (np.diff(ends, axis=1) >= 0).all()
    assert (ends[:, 0] < ends[:, -1]).all()
    pd.testing.assert_series_equal(frame["y_hat"].rename("sales"), model.predict(7))
    pd.testing.assert_frame_equal(model.predict(7, level=[70, 50, 60]), frame)


def test_conformal_intervals_are_those_computed_at_the_first_predict():
    series = wave(INDEXES["month ends"])
    lazily = forecaster().fit(series).predict(3, level=80)
    at_once = forecaster(intervals="conformal").fit(series)
    pd.testing.assert_frame_equal(at_once.predict(3, level=80), lazily)


def test_intervals_cover_what_comes_about_as_often_as_they_say():
    rng = np.random.default_rng(0)
    wide = pd.DataFrame(10 + rng.standard_normal((130, 40)))
    known, ahead = wide[:100], wide[100:]
    frame = (
        forecaster(horizon=5, season=None, transform=None).fit(known).predict(30, level=[50, 90])
    )
    for level, expected in ((50, 0.5), (90, 0.9)):
        lo, hi = (frame.xs(f"{end}-{level}", axis=1, level=1).to_numpy() for end in ("lo", "hi"))
        covered = ((ahead.to_numpy() >= lo) & (ahead.to_numpy() <= hi)).mean()
        # 1,200 values: 0.014 is the standard error; what the model learnt anew adds as much.
        assert abs(covered - expected) < 0.06


def test_update_keeps_the_widths_of_intervals():
    series = wave(INDEXES["month ends"])
    model = forecaster(intervals="conformal", transform=None).fit(series[:KNOWN])

    def widths():
        frame = model.predict(3, level=80)
        return frame["hi-80"] - frame["lo-80"]

    before = widths().to_numpy()
    model.update(series[KNOWN:])
    np.testing.assert_allclose(widths(), before, rtol=1e-12)


# ----------------------------------------------------------------------------------- update


@pytest.mark.parametrize("form", ["series", "wide", "long", "xy", "array", "table"])
def test_update_forecasts_from_the_new_end_in_every_form(form):
    wide = pd.DataFrame(
        {"b": wave(INDEXES["month ends"]), "a": wave(INDEXES["month ends"], seed=1)}
    )
    known, new = wide[:KNOWN], wide[KNOWN:]
    old_X, new_X = (pd.DataFrame(index=part.index) for part in (known, new))
    before, after = {
        "series": ((known["b"],), (new["b"],)),
        "wide": ((known,), (new,)),
        "long": ((long_of(known),), (long_of(new),)),
        "xy": ((old_X, known["b"]), (new_X, new["b"])),
        "array": ((known["b"].to_numpy(),), (new["b"].to_numpy(),)),
        "table": ((known.to_numpy(),), (new.to_numpy(),)),
    }[form]
    model = forecaster().fit(*before)
    old = model.predict(9)
    assert model.update(*after) is model
    forecast = model.predict(3)
    assert type(forecast) is type(old)
    value = forecast["y_hat"] if form == "long" else forecast
    if form == "long":
        assert (forecast["ds"] > new.index[-1]).all()
        old = old[old["ds"] > new.index[-1]]["y_hat"]
    elif isinstance(forecast, np.ndarray):
        old = old[6:]
    else:
        assert forecast.index[0] == old.index[6]
        old = old[6:]
    # It forecasts the same times as before, from six more values: nearly the same, not quite.
    assert not np.allclose(np.asarray(value), np.asarray(old), rtol=1e-6)
    np.testing.assert_allclose(np.asarray(value), np.asarray(old), rtol=0.2)


def test_update_takes_in_new_series_that_share_what_was_learnt():
    frame = panel_with_features(ids="abc")[["unique_id", "ds", "y"]]
    model = forecaster().fit(frame[frame["unique_id"] != "c"])
    model.update(frame[frame["unique_id"] == "c"])
    assert model.ids_.to_list() == ["a", "b", "c"]
    forecast = model.predict(3)
    assert forecast["unique_id"].unique().tolist() == ["a", "b", "c"]
    truth = frame[frame["unique_id"] == "c"]["y"]
    assert forecast["y_hat"].iloc[-3:].between(truth.min(), truth.max()).all()


def test_update_does_not_train_without_passes_and_does_with_them():
    series = wave(INDEXES["month ends"])
    regressor = GRURegressor(hidden_size=4, max_epochs=1, observe="off", random_state=0)
    results = {}
    for passes in (0, 1, 3):
        model = forecaster(regressor).fit(series[:50])
        network = model.regressor_
        weights = network.net_.module_.state_dict()
        before = {name: value.clone() for name, value in weights.items()}
        model.update(series[50:], passes=passes)
        assert all((before[name] == value).all() for name, value in weights.items())
        assert (model.regressor_ is network) == (passes == 0)
        results[passes] = model.predict(3).to_numpy()
    assert len({values.tobytes() for values in results.values()}) == 3


@pytest.mark.parametrize(
    "regressor",
    [
        SGDRegressor(random_state=0),
        MLPRegressor(hidden_layer_sizes=(4,), max_iter=300, tol=0.01, random_state=0),
    ],
    ids=lambda regressor: type(regressor).__name__,
)
def test_update_with_passes_trains_any_regressor_that_has_partial_fit(regressor):
    series = wave(INDEXES["month ends"])
    results = []
    for passes in (0, 2):
        model = forecaster(regressor).fit(series[:50]).update(series[50:], passes=passes)
        results.append(model.predict(3).to_numpy())
    assert not np.array_equal(*results)


# ------------------------------------------------------------------------------- parameters

HOURS = pd.date_range("2024-01-01", periods=120, freq="h")


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("regressor", [Ridge(), Ridge(alpha=100.0), HistGradientBoostingRegressor(max_iter=3)]),
        ("window", [6, 7, 30]),
        ("horizon", [1, 2, 5]),
        ("season", ["auto", 6, [6, 12], None]),
        ("transform", ["auto", None, StandardScaler()]),
        ("baseline", ["linear", "seasonal", "last", None]),
    ],
)
def test_parameter_that_changes_changes_the_forecast(name, values):
    series = wave(HOURS)
    results = [forecaster(**{name: value}).fit(series).predict(5) for value in values]
    assert len({result.to_numpy().tobytes() for result in results}) == len(values)
    assert all(np.abs(result - 100).max() < 60 for result in results)


@pytest.mark.parametrize(
    ("name", "column"), [("past", "heat"), ("future", "promo"), ("static", "size")]
)
def test_feature_that_is_named_changes_the_forecast(name, column):
    known, ahead = cut(panel_with_features(ids="abc"), 3)
    plain = forecaster(future=[]).fit(known).predict(3)["y_hat"]
    roles = {"future": []} | {name: [column]}
    model = forecaster(**roles).fit(known)
    asked = ahead[["unique_id", "ds", "promo"]] if name == "future" else 3
    assert np.abs(model.predict(asked)["y_hat"] - plain).max() > 0.01
    where = {"past": "heat@lag0", "future": "promo@step2", "static": "size"}[name]
    assert where in model.row_names_
    assert len(model.row_names_) == model.regressor_.n_features_in_


def test_future_none_takes_every_column_that_no_other_list_names():
    known, _ = cut(panel_with_features(), 3)
    names = forecaster(past=["heat"]).fit(known).row_names_
    assert {"promo@step1", "size@step1", "heat@lag0"} <= set(names)
    assert "heat@step1" not in names
    assert not any("promo" in name for name in forecaster(future=["size"]).fit(known).row_names_)


def test_transform_auto_is_the_logarithm_of_positive_values_alone():
    series = wave(INDEXES["month ends"])
    auto, log = (forecaster(transform=transform).fit(series) for transform in ("auto", "log"))
    assert auto.transform_ == "log"
    pd.testing.assert_series_equal(auto.predict(3), log.predict(3))
    for values in (series - series.min(), -series):  # with a zero, and below
        none, auto = (forecaster(transform=name).fit(values) for name in (None, "auto"))
        assert auto.transform_ is None
        pd.testing.assert_series_equal(auto.predict(3), none.predict(3))


def test_season_auto_is_that_of_the_calendar_where_the_series_shows_it():
    assert forecaster(season="auto").fit(wave(HOURS)).season_ == (24,)
    assert forecaster(season="auto").fit(wave(HOURS[:40])).season_ == (1,)
    assert forecaster(season="auto").fit(wave(INDEXES["month ends"])).season_ == (12,)
    assert forecaster(season="auto").fit(wave(INDEXES["integers"])).season_ == (1,)
    assert forecaster(season=[12, 6]).fit(wave(HOURS)).season_ == (6, 12)


# ------------------------------------------------------------------- lengths and missing values


def test_short_series_are_padded_and_never_dropped():
    lengths = {"a": 60, "b": 10, "c": 1, "d": 11}
    parts = [
        pd.DataFrame({"unique_id": name, "ds": range(60 - n, 60), "y": wave(pd.RangeIndex(n))})
        for name, n in lengths.items()
    ]
    frame = pd.concat(parts)
    for baseline in ("linear", "seasonal", "last", None):
        model = forecaster(baseline=baseline).fit(frame)
        assert model.padded_.to_list() == ["b", "c"]
        forecast = model.predict(5, level=80)
        assert forecast["unique_id"].value_counts().to_dict() == dict.fromkeys("abcd", 5)
        assert np.isfinite(forecast[["y_hat", "lo-80", "hi-80"]].to_numpy()).all()
        one = forecast[forecast["unique_id"] == "c"]["y_hat"]
        assert one.between(80, 120).all()  # its value is 100


@pytest.mark.parametrize("transform", ["auto", None])
@pytest.mark.parametrize("baseline", ["linear", "seasonal", "last", None])
@pytest.mark.parametrize("value", [5.0, 0.0, -3.0, 1e9])
def test_constant_series_stays_constant(baseline, transform, value):
    series = pd.Series(np.full(50, value))
    forecast = forecaster(baseline=baseline, transform=transform).fit(series).predict(7, level=80)
    np.testing.assert_allclose(forecast["y_hat"], value, rtol=1e-9)
    np.testing.assert_allclose(forecast["lo-80"], value, rtol=1e-9)


def test_missing_values_are_bridged_and_the_end_may_be_missing():
    series = wave(INDEXES["month ends"])
    holes = series.copy()
    holes.iloc[[10, 11, 30]] = np.nan
    holes.iloc[-2:] = np.nan
    for regressor in (Ridge(), GRURegressor(hidden_size=4, max_epochs=2, random_state=0)):
        forecast = forecaster(regressor).fit(holes).predict(4, level=80)
        assert forecast.index[0] == series.index[-1] + pd.offsets.MonthEnd()
        assert np.isfinite(forecast.to_numpy()).all()
        assert forecast["y_hat"].between(80, 140).all()


def test_fit_predict_update_warn_of_nothing_and_leave_what_they_are_given_alone():
    known, ahead = cut(panel_with_features(), 3)
    before = known.copy(), ahead.copy()
    transform, regressor, past = StandardScaler(), Ridge(), ["heat"]
    model = forecaster(regressor, transform=transform, past=past, static=["size"])
    parameters = model.get_params()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.fit(known).predict(ahead, level=80)
        model.update(ahead)
    pd.testing.assert_frame_equal(known, before[0])
    pd.testing.assert_frame_equal(ahead, before[1])
    assert all(model.get_params()[name] is value for name, value in parameters.items())
    assert not hasattr(regressor, "coef_")
    assert not hasattr(transform, "mean_")
    assert past == ["heat"]
    array = wave(pd.RangeIndex(60)).to_numpy()
    array.setflags(write=False)
    forecaster().fit(array).update(np.ones(2))


def test_intervals_after_update_do_not_depend_on_what_was_asked_before():
    values = wave(INDEXES["integers"])
    asked, silent = forecaster().fit(values[:-4]), forecaster().fit(values[:-4])
    asked.predict(2, level=80)
    asked.update(values[-4:])
    silent.update(values[-4:])
    pd.testing.assert_frame_equal(asked.predict(2, level=80), silent.predict(2, level=80))


def test_an_index_asks_for_its_times():
    values = wave(INDEXES["month ends"])
    model = forecaster().fit(values)
    ahead = model.predict(6).index
    pd.testing.assert_series_equal(model.predict(ahead[2:5]), model.predict(6)[2:5])


@pytest.mark.parametrize(("n", "window"), [(80, 24), (28, 24), (20, 16), (9, 5)])
def test_window_auto_is_what_the_series_leave(n, window):
    values = wave(pd.RangeIndex(n))
    auto = forecaster(window="auto", horizon=4, season=None).fit(values)
    given = forecaster(window=window, horizon=4, season=None).fit(values)
    assert sum(name.startswith("y@lag") for name in auto.row_names_) == window
    pd.testing.assert_series_equal(auto.predict(), given.predict())
