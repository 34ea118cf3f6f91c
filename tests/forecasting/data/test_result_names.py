"""Names of the user's own columns, and those of results: kept apart, or refused by name."""

import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.linear_model import Ridge

from seqforecast import Forecaster, ParameterError, backtest, evaluate, load, save
from seqforecast.displays.forecast_backtest import read_backtest
from seqforecast.displays.forecast_read import read_forecast
from seqforecast.forecasting.data import fold_columns
from seqforecast.forecasting.data.reading import Form
from seqforecast.forecasting.parts import parts_of

RESULTS = ["y_hat", "seasonal_naive", "step", "cutoff", "mase_scale", "rmsse_scale", "metric"]
ENDS = ["lo-80", "hi-80", "lo-99.5", "hi-99.99999", "hi-1e-05"]
FORECASTS = ["y_hat", "lo-80", "hi-80"]
NAMES = ("id", "t", "sold")


def frame_of(columns, **features):
    rng = np.random.default_rng(0)
    values = (np.repeat(["a", "b"], 30), np.tile(np.arange(30), 2), rng.random(60))
    return pd.DataFrame(dict(zip(columns, values, strict=True)) | features)


def forecaster(**options):
    return Forecaster(Ridge(), **{"window": 4, "horizon": 2, "season": None} | options)


def renamed_by(error, frame):
    """Follow the cure to the letter."""
    call, _, rest = error.cure.partition("Rename: ")[2].partition(", and pass columns=")
    return eval(call, {"frame": frame}), eval(rest.removesuffix("."))


@pytest.mark.parametrize(("place", "name"), list(enumerate(RESULTS + ENDS)))
def test_series_time_and_target_are_not_called_like_results(name, place):
    columns = tuple(name if k == place % 3 else other for k, other in enumerate(NAMES))
    frame, test = frame_of(columns), forecaster(columns=columns)
    for call in (test.fit, lambda data: backtest(test, data, horizon=2, n_folds=2)):
        with pytest.raises(ParameterError, match=f"Column '{name}' is called like") as raised:
            call(frame)
        assert raised.value.parameter == "columns"
    assert not hasattr(test, "regressor_")
    cured, names = renamed_by(raised.value, frame)
    folds = backtest(test.set_params(columns=names), cured, horizon=2, n_folds=2)
    assert evaluate(folds, "mae")["y_hat"].item() > 0
    with pytest.raises(ParameterError, match=rf"{name}.*Pass what backtest returned"):
        evaluate(folds, columns=columns)


def test_the_names_of_all_results_are_known():
    frame, test = frame_of(NAMES), forecaster(columns=NAMES)
    folds = backtest(test, frame, horizon=2, n_folds=2, level=[80, 99.5])
    made = {*test.fit(frame).predict(level=80), *folds, *evaluate(folds, by="cutoff")}
    for name in made - set(NAMES):
        with pytest.raises(ParameterError, match=f"'{name}'"):
            fold_columns.require_own_names((name, "t", "sold"), frame)
    for name in ("lo-fi", "hi-", "y_hat2", "lo", "Step", ("y_hat", 1), 3):
        fold_columns.require_own_names((name, "t", "sold"), frame)


def test_the_cure_finds_names_that_nothing_else_has():
    columns = ("metric", "y", "step")
    frame = frame_of(columns, unique_id=1.0)
    with pytest.raises(ParameterError, match="Columns 'metric' and 'step' are called") as raised:
        forecaster(columns=columns).fit(frame)
    cured, names = renamed_by(raised.value, frame)
    assert names == ("unique_id_2", "y", "y_2")
    test = forecaster(columns=names, past=["unique_id"]).fit(cured)
    assert test.predict().columns.tolist() == [*names[:2], "y_hat"]


def test_of_one_series_other_names_are_passed():
    series = pd.Series(np.random.default_rng(0).random(30))
    with pytest.raises(ParameterError, match=r"Pass .*columns=\('unique_id', 't', 'sold'\)"):
        forecaster(columns=("y_hat", "t", "sold")).fit(series)


def twin_frames():
    """Return a frame whose features are called like results, and one where they are not."""
    rng = np.random.default_rng(1)
    features = {name: rng.random(60) for name in [*FORECASTS, "step", "cutoff", "seasonal_naive"]}
    plain = {f"f{k}": values for k, values in enumerate(features.values())}
    return frame_of(NAMES, **features), frame_of(NAMES, **plain)


def test_features_may_be_called_like_results(tmp_path):
    answers = []
    for frame in twin_frames():
        known, ahead = frame[frame["t"] < 26], frame[frame["t"] >= 26]
        test = forecaster(columns=NAMES, calendar=None).fit(known)
        save(test, tmp_path / "f.safetensors")
        folds = backtest(test, frame, horizon=2, n_folds=3, level=80)
        asked = ahead.drop(columns="sold")
        shown = read_forecast(test, asked, level=80, ids=None, n_history=None, truth=ahead)
        answers.append(
            [
                test.predict(ahead, level=80),
                load(tmp_path / "f.safetensors").predict(ahead),
                folds,
                *(evaluate(folds, ["mae", "coverage"], by=by) for by in (None, "series", "step")),
                shown.forecast,
                shown.truth,
            ]
        )
    for one, other in zip(*answers, strict=True):
        pd.testing.assert_frame_equal(one, other)


def test_features_of_one_series_may_be_called_so():
    X, plain = (frame[:30].drop(columns=list(NAMES)) for frame in twin_frames())
    y = pd.Series(np.random.default_rng(0).random(30), name="y_hat")
    for level in (None, 80):
        one, other = (
            forecaster().fit(data[:28], y[:28]).predict(data[28:], level=level)
            for data in (X, plain)
        )
        assert one.equals(other)
        assert list(getattr(one, "columns", FORECASTS)) == FORECASTS


@pytest.mark.parametrize("shape", ["long", "wide"])
def test_series_may_be_called_like_results(shape):
    names = ["hi-80", "lo-80", "y_hat"]
    wide = pd.DataFrame(np.random.default_rng(2).random((30, 3)), columns=names)
    plain = wide.set_axis(["a", "b", "c"], axis=1)
    answers = []
    for data in (wide, plain):
        frame = data
        if shape == "long":
            frame = data.melt(var_name="unique_id", value_name="y", ignore_index=False)
            frame = frame.rename_axis("ds").reset_index()
        test = forecaster().fit(frame)
        folds = backtest(test, frame, horizon=2, n_folds=2, level=80)
        shown = read_backtest(folds, frame, ids=None, n_history=None, columns=None)
        answers.append(
            [
                *(test.predict(), test.predict(level=80), folds),
                *(evaluate(folds, "mae", by="series"), shown.forecast),
                *(shown.truth, shown.history),
            ]
        )
    for one, other in zip(*answers, strict=True):
        back = other.replace(dict(zip("abc", names, strict=True)))
        if shape == "wide":
            back = back.rename(columns=dict(zip("abc", names, strict=True)))
        np.testing.assert_array_equal(one.to_numpy(), back.to_numpy())
        assert one.columns.equals(back.columns)


@pytest.mark.parametrize("name", FORECASTS)
def test_the_index_of_one_series_is_not_called_like_a_column_beside_it(name):
    series = pd.Series(np.random.default_rng(3).random(30)).rename_axis(name)
    features = pd.DataFrame({"x": series})
    for given, what in (((series,), "series"), ((features, series), "X")):
        with pytest.raises(ValueError, match=rf"'{name}'.*{what}\.rename_axis\('ds'\)"):
            forecaster().fit(*given)
    cured = forecaster().fit(series.rename_axis("ds")).predict(level=80).reset_index()
    assert cured.columns.tolist() == ["ds", *FORECASTS]
    wide = forecaster().fit(series.to_frame("a")).predict(level=80)
    assert wide.reset_index().columns.tolist() == [(name, ""), *(("a", one) for one in FORECASTS)]


def as_from_an_older_file(columns):
    test = forecaster(columns=NAMES).fit(frame_of(NAMES))
    form = parts_of(test).form
    test._form = Form(**{**vars(form), "columns": columns})
    return test.set_params(columns=columns)


def test_an_older_file_loads_and_forecasts_what_is_apart(tmp_path):
    path = tmp_path / "f.safetensors"
    for columns in (("id", "t", "y_hat"), ("id", "step", "metric")):
        save(as_from_an_older_file(columns), path)
        assert load(path).predict().columns.tolist() == [*columns[:2], "y_hat"]
    save(as_from_an_older_file(("y_hat", "t", "y")), path)
    with pytest.raises(ValueError, match="The forecasts have the column 'y_hat'"):
        load(path).predict()


def test_results_without_a_clash_say_nothing():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        forecaster(columns=NAMES).fit(frame_of(NAMES)).predict(level=80)


def test_names_of_other_libraries():
    frame = pl.DataFrame(frame_of(("id", "t", "y_hat")).to_dict("list"))
    test = forecaster(columns=("id", "t", "y_hat"))
    with pytest.raises(
        ParameterError, match=r"Rename: frame.rename\({'y_hat': 'y'}\), and pass columns="
    ) as raised:
        test.fit(frame)
    renamed = eval(raised.value.cure.partition(": ")[2].partition(", and")[0], {"frame": frame})
    test.set_params(columns=("id", "t", "y")).fit(renamed)
    values = np.random.default_rng(0).random(30)
    wide = forecaster().fit(pl.DataFrame({"y_hat": values, "lo-80": values}))
    assert wide.predict(level=80).columns[:3] == ["y_hat", "y_hat-lo-80", "y_hat-hi-80"]
    wide = forecaster().fit(pl.DataFrame({"a": values, "a-lo-80": values}))
    with pytest.raises(ValueError, match="Two columns of the forecasts would be named 'a-lo-80'"):
        wide.predict(level=80)
    assert wide.predict().columns == ["a", "a-lo-80"]
