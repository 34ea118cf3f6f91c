"""The plan in the data of a report: the rows behind the last value are what is forecast."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Ridge

from seqforecast import Forecaster, report
from tests.reporting.conftest import panel_frame
from tests.reporting.reading import Page

pytestmark = pytest.mark.usefixtures("undrawn")

HORIZON = 7


@pytest.fixture(scope="module")
def planned():
    """Four series with promotions, known for 76 days and planned for 14 more."""
    frame = panel_frame(5)
    frame = frame[~frame["unique_id"].str.startswith("<")].reset_index(drop=True)
    frame["promotion"] = (np.arange(len(frame)) % 5 == 0).astype(float)
    frame["y"] += 20 * frame["promotion"]
    is_plan = frame.groupby("unique_id").cumcount() >= 76
    return frame.assign(y=frame["y"].mask(is_plan)), is_plan


@pytest.fixture(scope="module")
def forecaster(planned):
    """Knows the first 76 days."""
    frame, is_plan = planned
    return fitted(frame[~is_plan])


@pytest.fixture(scope="module")
def without_a_plan(forecaster, tmp_path_factory):
    return Page(report(forecaster, tmp_path_factory.mktemp("report") / "a.html"))


def fitted(frame):
    forecaster = Forecaster(Ridge(), window=14, horizon=HORIZON, future=["promotion"])
    return forecaster.fit(frame)


def shown(page, n_series):
    """Return what the page forecasts, by series."""
    titles = [node.text for node in page.all("title")]
    names = [text.split()[2] for text in titles if (text or "").startswith("Forecast of ")]
    assert len(names) == n_series
    tables = (page.table(f"forecast-table-{place}") for place in range(n_series))
    return {
        name: [float(row["forecast"].replace(",", "")) for row in rows.values()]
        for name, rows in zip(names, tables, strict=True)
    }


def assert_forecasts(page, expected):
    by_series = {name: part["y_hat"].to_numpy() for name, part in expected.groupby("unique_id")}
    found = shown(page, len(by_series))
    assert set(found) == set(by_series)
    for name, values in by_series.items():
        assert found[name] == pytest.approx(values, abs=0.06)


def next_rows(frame):
    return frame.groupby("unique_id").head(HORIZON).drop(columns="y")


@pytest.mark.parametrize("alone", [True, False])
def test_rows_behind_the_last_value_are_forecast_as_predict_does(
    planned, forecaster, without_a_plan, tmp_path, alone
):
    frame, is_plan = planned
    page = Page(report(forecaster, tmp_path / "a.html", frame[is_plan] if alone else frame))
    assert_forecasts(page, forecaster.predict(next_rows(frame[is_plan])))
    said = page.said("forecast")
    assert "The next 7 steps after 2024-03-16 , the newest step whose value is known." in said
    assert "not forecast" not in said.lower()
    assert page.table("errors-table") == without_a_plan.table("errors-table")


def test_behind_values_that_came_later_it_goes_on_from_these(planned, tmp_path):
    frame, is_plan = planned
    is_later = frame.groupby("unique_id").cumcount() >= 60
    forecaster = fitted(frame[~is_later])
    before = forecaster.predict(next_rows(frame[is_later]))
    page = Page(report(forecaster, tmp_path / "a.html", frame))
    pd.testing.assert_frame_equal(forecaster.predict(next_rows(frame[is_later])), before)
    later = fitted(frame[~is_later]).update(frame[is_later & ~is_plan])
    assert_forecasts(page, later.predict(next_rows(frame[is_plan])))
    only_later = Page(report(forecaster, tmp_path / "b.html", frame[~is_plan]))
    assert page.table("errors-table") == only_later.table("errors-table")


def test_series_without_a_whole_plan_are_left_out_and_counted(planned, forecaster, tmp_path):
    frame, is_plan = planned
    step = frame.groupby("unique_id").cumcount() - 76
    lacks = (frame["unique_id"] == "store_1") & (step >= HORIZON - 1)
    page = Page(report(forecaster, tmp_path / "a.html", frame[~lacks]))
    expected = forecaster.predict(next_rows(frame[is_plan]))
    assert_forecasts(page, expected[expected["unique_id"] != "store_1"])
    assert "Not forecast: 1 of 4 series, for lack of a row for each" in page.said("forecast")


def test_features_and_a_target_with_nan_at_its_end(planned, tmp_path):
    frame, is_plan = planned
    one = frame[frame["unique_id"] == "store_2"].set_index("ds")
    known = ~is_plan[frame["unique_id"] == "store_2"].to_numpy()
    X = one[["promotion"]].asfreq("D")
    forecaster = fitted_pair(X[known], one["y"][known])
    page = Page(report(forecaster, tmp_path / "a.html", X, one["y"]))
    rows = page.table("forecast-table-0")
    expected = forecaster.predict(X[~known][:HORIZON])
    assert [float(row["forecast"]) for row in rows.values()] == pytest.approx(expected, abs=0.06)


def fitted_pair(X, y):
    forecaster = Forecaster(Ridge(), window=14, horizon=HORIZON, future=["promotion"])
    return forecaster.fit(X, y)


def test_without_a_plan_the_report_says_how_to_pass_one(without_a_plan):
    said = without_a_plan.said("forecast")
    assert "Pass data with a row for each of these steps, its target NaN." in said
