"""``seqforecast diagnose``: the findings of Python, in words, and the report."""

from io import StringIO
from pathlib import Path

import pandas as pd
import pytest

from seqforecast import datasets, diagnose, recurrent_forecaster
from tests.reporting.reading import Page

CO2 = Path(datasets.__file__).parent / "data" / "co2.csv"


def test_findings_are_those_of_python(run):
    fitted = recurrent_forecaster(horizon=12, random_state=0)
    fitted.set_params(regressor__max_steps=20).fit(datasets.load_co2())
    options = ("--time", "date", "--target", "co2", "--horizon", "12", "--max-steps", "20")
    done = run("diagnose", CO2, common=options)
    found = diagnose(fitted.regressor_, *fitted.training_data())
    assert done.code == 0
    assert found
    for finding in found:
        assert str(finding) in done.out
    memory = fitted.regressor_.gradient_flow_.effective_memory[-1, 0]
    assert f"effective memory   {memory:.0f} of {fitted.regressor_.window_} rows" in done.out
    assert f"weight             {fitted.regressor_weight_:.2f};" in done.out
    assert max(map(len, done.out.splitlines())) <= 80


def test_another_model_says_something_else(run):
    lstm, rnn = run("diagnose").out, run("diagnose", "daily.csv", "--model", "rnn").out
    assert "LSTMRegressor after" in lstm
    assert "RNNRegressor after" in rnn


def test_the_report_is_written(run, here):
    pytest.importorskip("seqforecast.reporting")
    done = run("diagnose", "daily.csv", "--html", "report.html")
    assert done.code == 0, done.err
    assert done.out.endswith("\nThe report is in report.html.\n")
    page = (here / "report.html").read_text(encoding="utf-8")
    assert page.lstrip().lower().startswith("<!doctype html>")


def test_the_report_forecasts_what_the_table_plans(run, here, stores):
    table = stores.astype({"sold": float})
    ahead = table["day"] >= "2024-02-23"
    table.loc[ahead, ["sold", "visitors", "area"]] = float("nan")
    ended = (table["store"] == 10) & (table["day"] >= "2024-02-20")
    table[~ended].to_csv("a.csv", index=False)
    roles = ("--id", "store", "--future", "promo", "--past", "visitors", "--static", "area")
    done = run("diagnose", "a.csv", *roles, "--html", "report.html")
    assert done.code == 0, done.err
    page = Page(here / "report.html")
    said = page.said("forecast")
    assert "The next 7 steps after 2024-02-22 , the newest step whose value is known." in said
    assert "Not forecast: 1 of 3 series" in said
    written = pd.read_csv(StringIO(run("forecast", "a.csv", *roles, "--out", "-").out))
    titles = [node.text for node in page.all("title") if (node.text or "").startswith("Forecast")]
    names = [int(title.split()[2]) for title in titles]
    assert sorted(names) == [1, 2]
    for place, name in enumerate(names):
        shown = [
            float(row["forecast"].replace(",", ""))
            for row in page.table(f"forecast-table-{place}").values()
        ]
        expected = written.loc[written["store"] == name, "y_hat"].to_numpy()
        assert shown == pytest.approx(expected, rel=1e-2)


def test_a_report_that_cannot_be_written_is_refused_before_the_fit(run, monkeypatch):
    monkeypatch.setattr("seqforecast.Forecaster.fit", None)
    done = run("diagnose", "daily.csv", "--html", "nowhere/report.html")
    assert done.code == 1
    assert "there is no folder" in " ".join(done.err.split())
