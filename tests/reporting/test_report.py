"""What `report` takes and refuses, and that it leaves nothing behind."""

import os
import sys
import threading

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, TimeSeriesSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from seqforecast import Forecaster, GRURegressor, LSTMRegressor, load, report, save
from tests.reporting.reading import Page, without_time


def test_returns_the_path_of_one_file(ridge_forecaster, tmp_path):
    path = report(ridge_forecaster, str(tmp_path / "a.html"))
    assert path == tmp_path / "a.html"
    assert [one.name for one in tmp_path.iterdir()] == ["a.html"]
    assert path.stat().st_size < 1_000_000


def test_same_input_gives_the_same_bytes(ridge_forecaster, pages, tmp_path):
    again = report(ridge_forecaster, tmp_path / "a.html").read_text()
    assert without_time(again) == without_time(pages["ridge"].text)
    assert without_time(again) != again


def test_a_style_of_the_caller_changes_nothing_and_is_left_as_it_was(
    lstm_forecaster, pages, tmp_path
):
    with mpl.rc_context({"font.size": 30, "lines.linewidth": 9, "axes.facecolor": "red"}):
        settings, figures = dict(mpl.rcParams), plt.get_fignums()
        styled = report(lstm_forecaster, tmp_path / "a.html").read_text()
        assert dict(mpl.rcParams) == settings
        assert plt.get_fignums() == figures
    assert without_time(styled) == without_time(pages["lstm"].text)


def test_reports_in_threads_are_the_same_and_put_all_settings_back(
    ridge_forecaster, pages, tmp_path
):
    expected = without_time(pages["ridge"].text)
    settings = dict(mpl.rcParams)
    threads = [
        threading.Thread(target=report, args=(ridge_forecaster, tmp_path / f"{k}.html"))
        for k in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for k in range(4):
        assert without_time((tmp_path / f"{k}.html").read_text()) == expected
    assert dict(mpl.rcParams) == settings


def test_predictions_are_the_same_afterwards(passengers, tmp_path):
    forecaster = Forecaster(Ridge(), window=24, horizon=12).fit(passengers)
    before = forecaster.predict(12)
    report(forecaster, tmp_path / "a.html")
    pd.testing.assert_series_equal(forecaster.predict(12), before)


# What is reported -------------------------------------------------------------------------------


@pytest.mark.usefixtures("undrawn")
def test_search_around_a_forecaster(passengers, tmp_path):
    search = GridSearchCV(
        Forecaster(Ridge(), horizon=12), {"window": [12, 24]}, cv=TimeSeriesSplit(2, test_size=12)
    ).fit(pd.DataFrame(index=passengers.index), passengers)
    page = Page(report(search, tmp_path / "a.html"))
    assert f"Found by GridSearchCV: window={search.best_params_['window']}" in page.said()
    assert f"a score of {search.best_score_:.4g}" in page.said()


@pytest.mark.usefixtures("undrawn")
def test_pipeline_that_ends_in_a_regressor(windows, tmp_path):
    X, y = windows
    regressor = GRURegressor(hidden_size=4, max_epochs=2, random_state=0)
    pipeline = make_pipeline(StandardScaler(), regressor).fit(X[:300], y[:300])
    page = Page(report(pipeline, tmp_path / "a.html", X[300:400], y[300:400], season=24))
    expected = np.abs(pipeline.predict(X[300:400]) - y[300:400]).mean()
    assert float(page.table("errors-table")["MAE"]["regressor"]) == pytest.approx(expected, 1e-3)
    assert page.table("parameter-table")["gruregressor__hidden_size"]["value"] == "4"


@pytest.mark.usefixtures("undrawn")
def test_pipeline_that_ends_in_a_forecaster(passengers, tmp_path):
    pipeline = make_pipeline(Forecaster(Ridge(), horizon=12)).fit(passengers)
    assert "Forecaster of Ridge" in Page(report(pipeline, tmp_path / "a.html", passengers)).said()


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize(
    "regressor", [Ridge(), HistGradientBoostingRegressor(max_iter=5), make_pipeline(Ridge())]
)
def test_other_regressors_have_no_gradient_and_the_report_says_why(regressor, passengers, tmp_path):
    forecaster = Forecaster(regressor, window=24, horizon=3).fit(passengers)
    page = Page(report(forecaster, tmp_path / "a.html"))
    assert f"{type(regressor).__name__} is no recurrent network" in page.said("gradient")
    assert not [svg for svg in page.all("svg") if svg.get("aria-labelledby").startswith("flow")]


def test_unobserved_forecaster_is_measured_now(passengers, tmp_path):
    regressor = GRURegressor(hidden_size=4, max_epochs=2, observe="off", random_state=0)
    forecaster = Forecaster(regressor, window=12, horizon=3).fit(passengers)
    page = Page(report(forecaster, tmp_path / "a.html"))
    assert "Measured now, on windows" in page.said("gradient")
    names = {svg.get("aria-labelledby") for svg in page.all("svg")}
    assert "flow-lag-title" in names
    assert "flow-heatmap-title" not in names  # one record makes no course


def test_unobserved_regressor_without_windows_says_what_to_do(windows, tmp_path):
    X, y = windows
    model = GRURegressor(hidden_size=4, max_epochs=2, observe="off", random_state=0)
    page = Page(report(model.fit(X[:300], y[:300]), tmp_path / "a.html"))
    assert "observe='off'" in page.said("gradient")
    assert "a regressor keeps no data" in page.said("errors-part")


def test_a_saved_forecaster_gives_the_same_report(lstm_forecaster, pages, tmp_path):
    save(lstm_forecaster, tmp_path / "model.safetensors")
    loaded = report(load(tmp_path / "model.safetensors"), tmp_path / "a.html").read_text()
    assert without_time(loaded) == without_time(pages["lstm"].text)


# What is refused --------------------------------------------------------------------------------


@pytest.mark.parametrize("estimator", [Forecaster(Ridge()), LSTMRegressor()])
def test_not_fitted(estimator, tmp_path):
    with pytest.raises(NotFittedError):
        report(estimator, tmp_path / "a.html")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("estimator", [Ridge().fit([[0.0], [1.0]], [0.0, 1.0]), LSTMRegressor, 3])
def test_neither_forecaster_nor_network(estimator, tmp_path):
    with pytest.raises(TypeError, match="a fitted RNNRegressor, LSTMRegressor or GRURegressor"):
        report(estimator, tmp_path / "a.html")


def test_bad_paths_are_refused_before_any_work(tmp_path):
    unfitted = Forecaster(Ridge())  # work would begin with the complaint that it is not fitted
    with pytest.raises(IsADirectoryError, match="is a folder; the path of a file is needed"):
        report(unfitted, tmp_path)
    with pytest.raises(FileNotFoundError, match="cannot be written: there is no folder"):
        report(unfitted, tmp_path / "none" / "a.html")
    with pytest.raises(TypeError, match="path is a int; the path of a file is needed"):
        report(unfitted, 3)
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(PermissionError, match="takes no file"):
        report(Forecaster(Ridge()), tmp_path / "a.html")


def test_bad_arguments(ridge_forecaster, passengers, tmp_path):
    target = tmp_path / "a.html"
    with pytest.raises(ValueError, match="season=0"):
        report(ridge_forecaster, target, season=0)
    with pytest.raises(ValueError, match="X is None, but y was given; both are needed"):
        report(ridge_forecaster, target, y=passengers)
    with pytest.raises(ValueError, match="but fit saw 112; the data of the fit are needed"):
        report(ridge_forecaster, target, passengers + 1)
    assert not list(tmp_path.iterdir())


def test_windows_and_targets_in_one_tuple(ridge_forecaster, forgetful, windows, tmp_path):
    message = "X is a tuple of a ndarray and a ndarray; X and y are needed as two arguments"
    for estimator in forgetful, ridge_forecaster:
        with pytest.raises(TypeError, match=message):
            report(estimator, tmp_path / "a.html", windows)
    assert not list(tmp_path.iterdir())


def test_a_tuple_of_numbers_is_a_series(tmp_path):
    forecaster = Forecaster(Ridge(), window=2, season=None).fit(np.arange(9.0))
    page = Page(report(forecaster, tmp_path / "a.html", (*map(float, range(9)), 9.0, 10.0)))
    assert "all 2 steps that came after" in page.said("errors-part")


def test_windows_and_targets_of_different_length(forgetful, windows, tmp_path):
    X, y = windows
    with pytest.raises(ValueError, match="X has 90 windows, but y has 80 rows"):
        report(forgetful, tmp_path / "a.html", X[:90], y[:80])


def test_a_report_that_fails_leaves_the_old_one(ridge_forecaster, passengers, tmp_path):
    target = tmp_path / "a.html"
    target.write_text("old")
    with pytest.raises(ValueError, match="but fit saw"):
        report(ridge_forecaster, target, passengers + 1)
    assert target.read_text() == "old"
    assert [one.name for one in tmp_path.iterdir()] == ["a.html"]


def test_without_matplotlib(ridge_forecaster, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r'Run pip install "seqforecast\[plot\]"\.'):
        report(ridge_forecaster, tmp_path / "a.html")
    assert not list(tmp_path.iterdir())
