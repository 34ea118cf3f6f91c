"""Long frames of pandas, polars and Arrow: the same forecasts, in the library that came in."""

import subprocess
import sys

import narwhals as nw
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV

from seqforecast import (
    ForecastDisplay,
    Forecaster,
    PanelSplit,
    backtest,
    evaluate,
    forecast_scorer,
    load,
    save,
)

N, STEPS = 40, 2
DAYS = pd.date_range("2024-01-01", periods=N + STEPS)
MICROSECONDS = pl.Datetime("us")


def panel():
    """Return two series of days, with a price that is known ahead."""
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "unique_id": np.repeat(["a", "b"], len(DAYS)),
            "ds": np.tile(DAYS, 2),
            "y": rng.integers(10, 200, 2 * len(DAYS)).astype(float),
            "price": rng.integers(1, 9, 2 * len(DAYS)).astype(float),
        }
    )


def polars_of(frame, time=MICROSECONDS):
    columns = {name: frame[name].to_numpy() for name in frame}
    columns["unique_id"] = frame["unique_id"].tolist()
    return pl.DataFrame(columns).with_columns(pl.col("ds").cast(time))


def zoned(frame):
    return polars_of(frame).with_columns(pl.col("ds").dt.replace_time_zone("Europe/Berlin"))


def with_types(**dtypes):
    return lambda frame: frame.astype({name: dtypes[name] for name in dtypes if name in frame})


# What is made of the plain frame, and the types that its columns `unique_id` and `ds` have in it,
# which the results have as well.
LONG = {
    "shuffled": lambda f: f.sample(frac=1, random_state=0),
    "categories": with_types(unique_id="category"),
    "ordered categories": lambda f: f.assign(
        unique_id=pd.Categorical(f["unique_id"], ["a", "unused", "b"], ordered=True)
    ),
    "Arrow text": with_types(unique_id="string[pyarrow]"),
    "Arrow times": with_types(ds="timestamp[us][pyarrow]"),
    "Arrow dates": with_types(ds="date32[pyarrow]"),
    "Arrow values": with_types(y="double[pyarrow]", price="float[pyarrow]"),
    "nullable": with_types(y="Float64", price="Int64"),
    "all of Arrow": lambda f: f.convert_dtypes(dtype_backend="pyarrow"),
    "polars": polars_of,
    "polars dates": lambda f: polars_of(f, pl.Date),
    "polars nanoseconds": lambda f: polars_of(f, pl.Datetime("ns")),
    "polars categories": lambda f: polars_of(f).with_columns(
        pl.col("unique_id").cast(pl.Categorical)
    ),
    "polars enum": lambda f: polars_of(f).with_columns(
        pl.col("unique_id").cast(pl.Enum(["a", "b"]))
    ),
    "polars integers": lambda f: polars_of(f).with_columns(
        pl.col("unique_id").replace_strict({"a": 1, "b": 2}), pl.col("price").cast(pl.Int8)
    ),
    "Arrow table": lambda f: pa.Table.from_pandas(f, preserve_index=False),
}


QUICK = (
    "shuffled",
    "ordered categories",
    "Arrow dates",
    "all of Arrow",
    "polars enum",
    "Arrow table",
)
EVERY_KIND = [pytest.param(kind, marks=() if kind in QUICK else pytest.mark.slow) for kind in LONG]


def is_known(column):
    return column <= DAYS[N - 1]


def parts(make):
    """Return the known rows and the rows to come, in the kind that `make` makes."""
    frame = panel()
    known = is_known(frame["ds"])
    return make(frame[known]), make(frame[~known].drop(columns="y"))


def fresh():
    return Forecaster(Ridge(), window=7, horizon=STEPS)


def types(frame):
    """Return the types of the first two columns, of any library."""
    schema = nw.from_native(frame).schema if not isinstance(frame, pd.DataFrame) else frame.dtypes
    return schema["unique_id"], schema["ds"]


def rows(frame, names=("y_hat",)):
    """Return some columns of a frame of any library, sorted by series and time, as numbers."""
    columns = nw.from_native(frame).to_dict(as_series=False)
    plain = pd.DataFrame({name: list(values) for name, values in columns.items()})
    plain["unique_id"] = plain["unique_id"].astype(str).replace({"1": "a", "2": "b"})
    plain["ds"] = plain["ds"].astype(str).str[:10]
    by = [name for name in ("unique_id", "cutoff", "ds") if name in plain]
    return plain.sort_values(by)[list(names)].to_numpy(dtype=float)


@pytest.fixture(scope="module")
def plain():
    """The answers of the plain frame."""
    known, later = parts(lambda frame: frame)
    model = fresh().fit(known)
    folds = backtest(fresh(), known, horizon=STEPS, n_folds=2)
    return model.predict(later, level=80), folds, evaluate(folds)


@pytest.mark.parametrize("kind", EVERY_KIND)
def test_forecasts_are_those_of_the_plain_frame_in_the_types_that_came_in(kind, plain, tmp_path):
    known, later = parts(LONG[kind])
    model = fresh().fit(known)
    forecast = model.predict(later, level=80)
    names = ["y_hat", "lo-80", "hi-80"]
    np.testing.assert_array_equal(rows(forecast, names), rows(plain[0], names))
    assert type(forecast) is type(known)
    assert types(forecast) == types(later)

    save(model, tmp_path / "model.safetensors")
    again = load(tmp_path / "model.safetensors").predict(later, level=80)
    np.testing.assert_array_equal(rows(again, names), rows(plain[0], names))
    assert types(again) == types(later)


@pytest.mark.parametrize("kind", EVERY_KIND)
def test_backtest_and_evaluate_are_those_of_the_plain_frame(kind, plain):
    known, _ = parts(LONG[kind])
    folds = backtest(fresh(), known, horizon=STEPS, n_folds=2)
    names = ["step", "y", "y_hat", "seasonal_naive", "mase_scale"]
    np.testing.assert_array_equal(rows(folds, names), rows(plain[1], names))
    assert type(folds) is type(known)
    assert types(folds) == types(known)
    table = evaluate(folds)
    assert type(table) is type(known)
    by_metric = nw.from_native(table).to_dict(as_series=False)["y_hat"]
    np.testing.assert_allclose(list(by_metric), plain[2]["y_hat"], rtol=1e-12)
    display = ForecastDisplay.from_backtest(folds, history=known)
    assert len(display.forecast) == len(plain[1])


@pytest.mark.parametrize("kind", EVERY_KIND)
def test_new_rows_are_those_of_the_plain_frame(kind):
    before, new = (
        lambda f: f[f["ds"] <= DAYS[N - 1 - STEPS]],
        lambda f: f[(f["ds"] > DAYS[N - 1 - STEPS]) & is_known(f["ds"])],
    )
    frame, make = panel(), LONG[kind]
    later = parts(make)[1]
    expected = rows(fresh().fit(before(frame)).update(new(frame)).predict(parts(lambda f: f)[1]))
    model = fresh().fit(make(before(frame)))
    stream = model.stream(make(new(frame).drop(columns="y")))
    np.testing.assert_array_equal(rows(model.update(make(new(frame))).predict(later)), expected)
    streamed = stream.update(make(new(frame)), X_future=later)
    np.testing.assert_array_equal(rows(streamed), expected)


SPLIT, MASE = PanelSplit(3, STEPS), forecast_scorer("mase")


@pytest.mark.parametrize("kind", EVERY_KIND)
def test_folds_are_those_of_the_plain_frame(kind):
    given = LONG[kind](panel())
    place = given.index if isinstance(given, pd.DataFrame) else np.arange(len(given))
    for found, plain in zip(SPLIT.split(given), SPLIT.split(panel()), strict=True):
        for rows_found, rows_plain in zip(found, plain, strict=True):
            expected = np.flatnonzero(np.isin(place, rows_plain))
            np.testing.assert_array_equal(rows_found, expected)


def scores(make):
    """Return all that is scored of the two newest days, with and without y beside them."""
    frame = panel()
    known, later = make(frame[is_known(frame["ds"])]), make(frame[~is_known(frame["ds"])])
    model, bare, y = fresh().fit(known), without(later, "y"), later["y"]
    return [
        *(model.score(later), model.score(bare, y), model.score(later, None, later["price"])),
        *(MASE(model, later), MASE(model, bare, y)),
    ]


def without(frame, name):
    return nw.from_native(frame).drop(name).to_native()


@pytest.mark.parametrize("kind", EVERY_KIND)
def test_scores_are_those_of_the_plain_frame(kind):
    assert scores(LONG[kind]) == scores(lambda frame: frame)


@pytest.mark.parametrize("kind", EVERY_KIND)
def test_a_search_finds_the_scores_of_the_plain_frame(kind):
    def found(frame):
        search = GridSearchCV(fresh(), {"window": [5]}, cv=SPLIT, scoring=MASE, refit=False)
        return [search.fit(frame).cv_results_[f"split{k}_test_score"][0] for k in range(3)]

    assert found(LONG[kind](panel())) == found(panel())


def test_frames_of_two_libraries_meet():
    known, _ = parts(polars_of)
    _, later = parts(lambda frame: frame)
    forecast = fresh().fit(known).predict(later)
    assert isinstance(forecast, pl.DataFrame)  # the library of the fit
    assert forecast.columns == ["unique_id", "ds", "y_hat"]
    newest = panel()[lambda frame: ~is_known(frame["ds"])]
    model = fresh().fit(known)
    assert model.score(newest) == model.score(polars_of(newest))


def test_time_zones_of_polars_come_back():
    known, later = parts(zoned)
    forecast = fresh().fit(known).predict(later)
    assert forecast["ds"].dtype == pl.Datetime("us", "Europe/Berlin")
    assert forecast.join(later, on=["unique_id", "ds"], how="inner").height == 4


WITHOUT_PYARROW = """
import sys
sys.modules["pyarrow"] = None  # polars looks whether there is one,
import polars as pl
del sys.modules["pyarrow"]  # all others try to import it
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "pyarrow":
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Blocked())
from datetime import date, timedelta
from sklearn.linear_model import Ridge
from seqforecast import Forecaster, GRURegressor, PanelSplit, backtest, evaluate, make_windows
from seqforecast.metrics import mae
days = [date(2024, 1, 1) + timedelta(k) for k in range(40)]
frame = pl.DataFrame({
    "unique_id": ["a"] * 40 + ["b"] * 40, "ds": days * 2, "y": [float(k % 7) for k in range(80)],
}).with_columns(pl.col("unique_id").cast(pl.Categorical))
forecast = Forecaster(Ridge(), window=7, horizon=2).fit(frame).predict()
assert list(forecast.schema.values()) == [pl.Categorical, pl.Date, pl.Float64]
folds = backtest(Forecaster(Ridge(), window=7, horizon=2), frame, horizon=2, n_folds=2)
assert evaluate(folds).columns == ["metric", "y_hat", "seasonal_naive"]
train, test = next(PanelSplit(2, 2).split(frame))
assert Forecaster(Ridge(), window=7, horizon=2).fit(frame[train]).score(frame[test]) > 0
X, y = make_windows(frame.select("y"), 3)
assert list(X.columns) == ["y@lag2", "y@lag1", "y@lag0"]
windows, target = pl.DataFrame({name: X[name].to_numpy() for name in X}), pl.Series(y.to_numpy())
network = GRURegressor(hidden_size=2, max_epochs=1, random_state=0)
expected = network.fit(X, y).predict(X)
assert (network.fit(windows, target).predict(windows) == expected).all()
assert mae(target, target) == 0
"""


def test_polars_needs_no_pyarrow():
    subprocess.run([sys.executable, "-c", WITHOUT_PYARROW], check=True)


# Forms without an index --------------------------------------------------------------------------


def test_one_polars_series_gives_a_polars_series():
    values = np.arange(40.0) % 7 + 5
    model = fresh().set_params(season=7).fit(pl.Series("sold", values))
    forecast = model.predict(3)
    assert isinstance(forecast, pl.Series)
    assert forecast.name == "sold"
    np.testing.assert_array_equal(
        forecast.to_numpy(), fresh().set_params(season=7).fit(values).predict(3)
    )
    assert model.predict(3, level=80).columns == ["y_hat", "lo-80", "hi-80"]


def test_a_wide_polars_frame_gives_a_column_a_series():
    values = np.random.default_rng(0).integers(10, 99, (40, 2)).astype(float)
    frame = pl.DataFrame({"north": values[:, 0], "south": values[:, 1]})
    model = fresh().fit(frame)
    forecast = model.predict(3)
    assert forecast.columns == ["north", "south"]
    np.testing.assert_array_equal(forecast.to_numpy(), fresh().fit(values).predict(3))
    ends = model.predict(3, level=80)
    assert ends.columns == [
        "north",
        "north-lo-80",
        "north-hi-80",
        *[f"south{end}" for end in ("", "-lo-80", "-hi-80")],
    ]
    new = pl.DataFrame({"south": [50.0], "north": [60.0]})  # by name
    np.testing.assert_array_equal(
        model.update(new).predict(2).to_numpy(),
        fresh().fit(values).update(np.array([[60.0, 50.0]])).predict(2),
    )


def test_polars_features_are_named_and_in_order():
    rng = np.random.default_rng(0)
    features = pl.DataFrame({"promo": rng.integers(0, 2, 42), "price": rng.normal(5, 1, 42)})
    y = 10 + 20 * features["promo"] - 2 * features["price"]
    model = Forecaster(Ridge(), window=7, horizon=2, past=["promo"]).fit(features[:40], y[:40])
    assert isinstance(model.predict(features[40:]), pl.Series)
    plain = Forecaster(Ridge(), window=7, horizon=2, past=["x0"])
    plain.fit(features[:40].to_numpy(), y[:40].to_numpy())
    np.testing.assert_array_equal(
        model.predict(features[40:]).to_numpy(), plain.predict(features[40:].to_numpy())
    )
    swapped = features.select("price", "promo")
    with pytest.raises(ValueError, match=r"X has the columns \['price', 'promo'\], fit saw"):
        model.predict(swapped[40:])
    with pytest.raises(ValueError, match=r"Pass X.select\(\['promo', 'price'\]\)"):
        model.update(swapped[40:], y[40:])


def test_polars_rows_follow_what_is_known_on_a_calendar():
    days = pd.date_range("2024", periods=40)
    X = pd.DataFrame({"promo": np.arange(40.0) % 3}, days)
    y = pd.Series(np.arange(40.0) % 7, days)
    model = fresh().fit(X, y)
    more = pl.DataFrame({"promo": [1.0, 2.0]})
    assert model.predict(more).index[0] == pd.Timestamp("2024-02-10")


def test_a_wide_polars_frame_with_times_is_refused_with_a_line_that_works():
    frame = pl.DataFrame({"date": DAYS.to_numpy(), "a": np.arange(42.0), "b": np.arange(42.0) % 7})
    with pytest.raises(TypeError, match="Column 'date' has dtype datetime64") as caught:
        fresh().fit(frame)
    line = str(caught.value).partition("it holds the times: ")[2].partition(", which")[0]
    long = eval(line, {"frame": frame})  # followed to the letter
    assert set(fresh().fit(long).predict()["unique_id"]) == {"a", "b"}


# Times of Arrow in an index ----------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["timestamp[us][pyarrow]", "date32[pyarrow]"])
def test_times_of_arrow_in_an_index_come_back(dtype):
    values = np.arange(40.0) % 7 + 5
    days = pd.date_range("2024", periods=42)
    series = pd.Series(values, index=pd.Index(days[:40], dtype=dtype), name="sold")
    forecast = fresh().fit(series).predict()
    plain = fresh().fit(series.set_axis(days[:40])).predict()
    np.testing.assert_array_equal(forecast, plain)
    assert forecast.index.equals(pd.Index(days[40:], dtype=dtype))
    wide = pd.concat({"a": series, "b": series[::-1].set_axis(series.index)}, axis=1)
    assert fresh().fit(wide).predict(level=80).index.dtype == dtype
    with pytest.raises(ValueError, match="not sorted"):
        fresh().fit(series[::-1])


@pytest.mark.parametrize("kind", ["polars", "Arrow table"])
def test_names_of_the_forecaster_are_found_by_place(kind):
    named = ("shop", "day", "sold")
    known = nw.from_native(parts(LONG[kind])[0])
    known = known.rename(dict(zip(("unique_id", "ds", "y"), named, strict=True))).to_native()
    folds = backtest(fresh().set_params(columns=named), known, horizon=STEPS, n_folds=2)
    plain = evaluate(backtest(fresh(), parts(lambda f: f)[0], horizon=STEPS, n_folds=2), "mae")
    found = nw.from_native(evaluate(folds, "mae")).to_dict(as_series=False)["y_hat"]
    np.testing.assert_allclose(list(found), plain["y_hat"])
    ForecastDisplay.from_backtest(folds)


def test_errors_by_cutoff_have_the_dates_of_the_folds():
    known, _ = parts(LONG["polars dates"])
    folds = backtest(fresh(), known, horizon=STEPS, n_folds=2)
    assert folds["cutoff"].dtype == pl.Date
    assert evaluate(folds, "mae", by="cutoff")["cutoff"].to_list() == (
        folds["cutoff"].unique(maintain_order=True).to_list()
    )
