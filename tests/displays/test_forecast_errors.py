"""What ForecastDisplay refuses: in words, and before there is a figure."""

import sys

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV

from seqforecast import ForecastDisplay, Forecaster, backtest

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")
plt = pytest.importorskip("matplotlib.pyplot")

N = 60


def series(index=None):
    index = pd.date_range("2020-01-31", periods=N, freq="ME") if index is None else index
    return pd.Series(5 + np.random.default_rng(0).random(N), index, name="sales")


def wide(n_series=3):
    return pd.DataFrame({f"s{k}": series() + k for k in range(n_series)})


def long():
    return wide().rename_axis("ds").reset_index().melt("ds", None, "unique_id", "y")


def forecaster():
    return Forecaster(Ridge(), window=4, horizon=3)


@pytest.fixture(scope="module")
def fitted():
    return forecaster().fit(series()[:-3])


@pytest.mark.parametrize(
    ("estimator", "error", "match"),
    [
        (forecaster(), NotFittedError, "not fitted yet"),
        (GridSearchCV(forecaster(), {}), NotFittedError, "not fitted yet"),
        (Ridge(), TypeError, "got a Ridge; a fitted Forecaster, or a search .* Pass Forecaster"),
        (Forecaster, TypeError, "got the class Forecaster; a fitted Forecaster"),
        (None, TypeError, "got a NoneType; a fitted Forecaster"),
    ],
)
def test_what_is_no_fitted_forecaster_is_refused(estimator, error, match):
    with pytest.raises(error, match=match):
        ForecastDisplay.from_estimator(estimator)
    assert not plt.get_fignums()


@pytest.mark.parametrize(
    ("arguments", "error", "match"),
    [
        ({"ids": "sale"}, ValueError, "'sale', which is not among the 1 .* Did you mean 'sales'?"),
        ({"ids": []}, ValueError, "names no series; at least one is needed. Pass None"),
        ({"n_history": 0}, ValueError, "n_history=0; an integer of at least 1"),
        ({"X": 0}, ValueError, "number of steps=0; an integer"),
        ({"level": 100}, ValueError, "level=100; numbers"),
        (
            {"truth": series()[:9]},
            ValueError,
            "no step that is forecast, such as .* Pass the actual",
        ),
        ({"truth": wide()}, ValueError, r"shape \(60, 3\); a column for each of the 1 series"),
        ({"truth": "no"}, TypeError, "truth is a str; a Series, a DataFrame"),
        ({"truth": series().astype(str)}, TypeError, "truth has dtype str|object"),
        ({"truth": series(pd.RangeIndex(N))}, TypeError, "The times have dtype int64"),
    ],
)
def test_bad_argument_is_refused_before_there_is_a_figure(fitted, arguments, error, match):
    with pytest.raises(error, match=match):
        ForecastDisplay.from_estimator(fitted, **arguments)
    assert not plt.get_fignums()


def test_truth_of_a_panel_needs_its_columns():
    with pytest.raises(
        ValueError, match="truth has the columns .*, but not 'unique_id', 'ds', 'y'"
    ):
        ForecastDisplay.from_estimator(forecaster().fit(long()), truth=wide())


def test_axes_for_several_series_are_refused():
    _, ax = plt.subplots()
    with pytest.raises(ValueError, match=r"ax was given for 3 series, .* Pass ids=\['s0'\], or"):
        ForecastDisplay.from_estimator(forecaster().fit(wide()), ax=ax)
    assert not ax.has_data()


@pytest.mark.parametrize(
    ("change", "arguments", "error", "match"),
    [
        (lambda f: f["y"], {}, TypeError, "frame is a Series; a DataFrame is needed. Pass what"),
        (lambda f: f.drop(columns=["y", "cutoff"]), {}, ValueError, "but not 'cutoff', 'y'"),
        (lambda f: f[:0], {}, ValueError, "frame has no rows; a row a forecast is needed"),
        (lambda f: f, {"columns": ("id", "ds", "y")}, ValueError, "but not 'id'. .* columns="),
        (
            lambda f: f.rename(columns={"ds": "day"}),
            {},
            ValueError,
            "but not 'ds'. .* columns= where",
        ),
        (lambda f: f, {"columns": ("ds", "y")}, ValueError, "three columns are needed"),
        (lambda f: f, {"ids": "s11"}, ValueError, "'s11', which is not .* Did you mean 's1'?"),
        (lambda f: f, {"n_history": -1}, ValueError, "n_history=-1; an integer"),
        (lambda f: f, {"naive": "yes"}, ValueError, "naive='yes'; True or False"),
        (lambda f: f, {"history": wide(2)}, ValueError, "history has no series 's2', .* 's0'"),
        (lambda f: f.astype({"ds": str}), {}, TypeError, "The times have dtype .*to_datetime"),
    ],
)
def test_bad_backtest_is_refused_before_there_is_a_figure(change, arguments, error, match):
    folds = backtest(forecaster(), wide(), horizon=3, n_folds=2)
    with pytest.raises(error, match=match):
        ForecastDisplay.from_backtest(change(folds), **arguments)
    assert not plt.get_fignums()


def test_frames_that_cannot_be_drawn_are_refused():
    forecast = pd.DataFrame({"unique_id": "a", "cutoff": 3, "ds": [4, 5], "y_hat": [1.0, 2.0]})
    with pytest.raises(ValueError, match="forecast has the columns .*but not 'y_hat'. Make"):
        ForecastDisplay(forecast.drop(columns="y_hat")).plot()
    with pytest.raises(TypeError, match="history is a list; a DataFrame is needed"):
        ForecastDisplay(forecast, history=[1]).plot()
    with pytest.raises(ValueError, match="forecast has no rows"):
        ForecastDisplay(forecast[:0]).plot()


def test_missing_matplotlib_is_named(fitted, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    for call in ("from_estimator", "from_backtest"):
        with pytest.raises(ImportError, match=f"{call} requires matplotlib. You can install"):
            getattr(ForecastDisplay, call)(fitted)
    with pytest.raises(ImportError, match="plot requires matplotlib"):
        ForecastDisplay(pd.DataFrame()).plot()


@pytest.mark.parametrize("ax", ["x", np.array([1, 2])])
def test_what_is_no_axes_is_refused(ax):
    with pytest.raises(TypeError, match="ax is a .*; one matplotlib Axes is needed. Pass one of"):
        ForecastDisplay.from_estimator(forecaster().fit(series()), ax=ax)


def test_actual_values_without_times_are_those_that_follow():
    values = np.arange(60.0) % 7 + 5
    model = Forecaster(Ridge(), window=7, horizon=2, season=7).fit(values[:50])
    shown = ForecastDisplay.from_estimator(model, truth=values[50:52])
    assert shown.truth["y"].tolist() == values[50:52].tolist()
    with pytest.raises(ValueError, match="truth has 60 rows without times, and 2 step"):
        ForecastDisplay.from_estimator(model, truth=values)


def test_actual_values_that_contradict_each_other_are_refused():
    days = pd.date_range("2024", periods=60)
    frame = pd.DataFrame({"unique_id": "a", "ds": days, "y": np.arange(60.0) % 7})
    model = Forecaster(Ridge(), window=7, horizon=2).fit(frame[:50])
    twice = pd.concat([frame, frame.assign(y=0.0)])
    with pytest.raises(ValueError, match="truth has the time 2024-02-20 of series 'a' twice"):
        ForecastDisplay.from_estimator(model, truth=twice)
