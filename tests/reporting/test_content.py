"""The numbers of a report are those of the package's own functions."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Ridge

from seqforecast import (
    Forecaster,
    GRURegressor,
    LSTMRegressor,
    backtest,
    diagnose,
    evaluate,
    report,
)
from seqforecast._shared.numbers import number, percent
from seqforecast.reporting.backtest_errors import _FEWEST_FOLDS, _cutoffs, later_steps, measure
from seqforecast.reporting.forecast import chosen_series
from seqforecast.reporting.svg import dark_colour
from tests.reporting.conftest import HOSTILE, panel_frame
from tests.reporting.reading import Page

METRICS = ["mae", "rmse", "smape", "mase"]


def read(text):
    return float(text.replace(",", ""))


@pytest.fixture(scope="module")
def lstm_page(pages):
    return pages["lstm"]


def test_forecast_and_intervals(lstm_page, lstm_forecaster):
    expected = lstm_forecaster.predict(12, level=[80, 95])
    rows = lstm_page.table("forecast-table-0")
    assert list(rows) == list(expected.index.strftime("%Y-%m-%d"))
    for row, (_, numbers) in zip(rows.values(), expected.iterrows(), strict=True):
        assert [read(cell) for cell in row.values()] == pytest.approx(list(numbers), abs=0.51)
    assert "low 95\N{NO-BREAK SPACE}%" in rows["1961-01-01"]


def test_errors_are_those_of_a_backtest_of_one_fit(lstm_page, lstm_forecaster, passengers):
    folds = backtest(lstm_forecaster, passengers, horizon=12, n_folds=4, refit=False)
    expected = evaluate(folds, METRICS).set_index("metric")
    rows = lstm_page.table("errors-table")
    assert list(rows) == [name.upper() for name in METRICS]
    for name in METRICS:
        ours, naive = (read(rows[name.upper()][of]) for of in ("forecaster", "seasonal naive"))
        assert [ours, naive] == pytest.approx(list(expected.loc[name]), rel=1e-3)
        assert read(rows[name.upper()]["ratio"]) == pytest.approx(ours / naive, rel=1e-3)
    said = lstm_page.said("errors-part")
    assert "fitted without the newest 48 steps, and made 48 forecasts, up to 12 steps" in said
    assert "from 1957-01-01 to 1960-12-01" in said
    assert "These are all 48 steps that it went without" in said


def test_errors_on_seen_steps_stand_apart(lstm_page, lstm_forecaster, passengers):
    model, panel = lstm_forecaster._model, lstm_forecaster._model.panel
    errors = []
    for cutoff in 95, 107, 119, 131:  # 144 months
        known = model.with_panel(panel.until(cutoff))
        forecast = known.in_values(known.forecast(12), np.arange(1))[0]
        errors.append(forecast - passengers[cutoff + 1 : cutoff + 13])
    column = lstm_page.table("errors-table")["MAE"]["as fitted: had seen these"]
    assert read(column) == pytest.approx(np.abs(errors).mean(), rel=1e-3)


def test_training_and_gradient(lstm_page, lstm_forecaster):
    regressor = lstm_forecaster.regressor_
    flow, history = regressor.gradient_flow_, regressor.history_
    rows = lstm_page.table("epochs")
    assert [int(epoch) for epoch in rows] == list(history.index)
    assert [read(row["training loss"]) for row in rows.values()] == pytest.approx(
        list(history["train_loss"]), rel=1e-3
    )
    curve = [read(row["layer 0"]) for row in lstm_page.table("flow-lag-table").values()]
    assert curve == pytest.approx(list(flow.lag_curve[-1, 0]), rel=1e-3)
    memory = lstm_page.table("flow-memory-table")
    assert [read(row["memory, layer 0"]) for row in memory.values()] == list(
        flow.effective_memory[:, 0]
    )
    gates = lstm_page.table("flow-gates-table")
    assert gates["forget gate f, layer 0"]["saturated high"] == percent(
        flow.gates["f"].high[-1, 0].mean()
    )
    assert number(np.median(flow.time_scale[-1, 0])) in lstm_page.said("gradient")


def test_parameters_that_differ_come_first(lstm_page, lstm_forecaster):
    rows = lstm_page.table("parameter-table")
    assert set(rows) == set(lstm_forecaster.get_params())
    changed = [name for name, row in rows.items() if row[""] == "changed"]
    assert changed == list(rows)[: len(changed)]
    assert set(changed) == {
        "horizon", "regressor", "window", "regressor__hidden_size", "regressor__max_epochs",
        "regressor__random_state",
    }  # fmt: skip
    assert rows["regressor__max_epochs"] == {"value": "6", "default": "100", "": "changed"}


def test_findings_are_those_of_diagnose(forgetful, windows, pages):
    X, y = windows
    page = pages["regressor"]
    found = diagnose(forgetful, X[1500:], y[1500:], season=24)
    said = page.said("findings")
    assert [finding.code for finding in found] == ["GF01"]
    for finding in found:
        for part in (finding.name, finding.message, finding.parameter, finding.source):
            assert part in said
        assert f"{number(finding.value)} against {number(finding.threshold)}" in said
    assert "vanishing gradient (warning)" in page.said()


def test_the_best_epoch_is_told_in_words(forgetful, pages):
    losses = forgetful.history_["valid_loss"]
    assert losses.idxmin() != losses.idxmax()
    best = f"the smallest is {number(losses.min())} after epoch {losses.idxmin()}."
    assert best in pages["regressor"].said()


def test_errors_on_windows_beside_the_last_season(forgetful, windows, pages):
    X, y = (part[1500:] for part in windows)
    page = pages["regressor"]
    rows = page.table("errors-table")
    forecast = forgetful.predict(X)
    naive = X[:, -24]  # one channel: the value 24 steps before what is forecast
    assert read(rows["MAE"]["regressor"]) == pytest.approx(np.abs(y - forecast).mean(), rel=1e-3)
    assert read(rows["MAE"]["seasonal naive"]) == pytest.approx(np.abs(y - naive).mean(), rel=1e-3)
    assert read(rows["R2"]["regressor"]) == pytest.approx(forgetful.score(X, y), rel=1e-3)
    assert "Whether the fit had seen them a report cannot know" in page.said("errors-part")


@pytest.mark.usefixtures("undrawn")
def test_windows_in_another_order_have_no_naive_forecast(forgetful, windows, tmp_path):
    X, y = (part[1500:] for part in windows)
    order = np.random.default_rng(0).permutation(len(y))
    page = Page(report(forgetful, tmp_path / "a.html", X[order], y[order]))
    assert "There is no naive forecast beside them" in page.said("errors-part")
    assert all(list(row) == ["regressor"] for row in page.table("errors-table").values())


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize("since", [0, 120, 142])
def test_steps_after_the_fit_are_forecast_as_it_is(passengers, tmp_path, since):
    forecaster = Forecaster(Ridge(), window=24, horizon=12).fit(passengers[:120])
    page = (
        Page(report(forecaster, tmp_path / "a.html", passengers[since:])) if since < 142 else None
    )
    measured = measure(forecaster, later_steps(forecaster, passengers[min(since, 120) :], None))
    expected = backtest(forecaster, passengers, horizon=12, n_folds=2, refit=False)
    assert measured.kind == "new"
    np.testing.assert_allclose(measured.folds["y_hat"], expected["y_hat"])
    if page is not None:
        assert "These are all 24 steps that came after those that the forecaster" in page.said()
        assert "in 80\N{NO-BREAK SPACE}% interval" in page.table("errors-table")
        assert "as fitted" not in page.said("errors-part")


def hours(n_steps):
    """An hourly series with a daily season and a feature that moves it."""
    index = pd.date_range("2024-01-01", periods=n_steps, freq="h", name="time")
    heat = pd.DataFrame({"heat": np.random.default_rng(0).normal(size=n_steps)}, index=index)
    load = 50 + 9 * np.sin(2 * np.pi * np.arange(n_steps) / 24) + heat["heat"]
    return heat, load.rename("load")


@pytest.mark.usefixtures("undrawn")
def test_every_step_after_the_fit_is_measured_also_one_at_a_time(tmp_path):
    _, load = hours(600)
    forecaster = Forecaster(Ridge(), window=24, horizon=1, season=24).fit(load[:500])
    page = Page(report(forecaster, tmp_path / "a.html", load))
    expected = backtest(forecaster, load, horizon=1, n_folds=100, refit=False)
    error = np.abs(expected["y_hat"] - expected["y"]).mean()
    assert read(page.table("errors-table")["MAE"]["forecaster"]) == pytest.approx(error, rel=1e-3)
    said = page.said("errors-part")
    assert "100 forecasts, up to 1 step ahead of 100 cutoffs" in said
    assert "from 2024-01-21 20:00:00 to 2024-01-25 23:00:00" in said
    assert "These are all 100 steps that came after" in said


@pytest.mark.usefixtures("undrawn")
def test_steps_that_are_no_whole_horizon_are_said_to_be_left_out(passengers, tmp_path):
    forecaster = Forecaster(Ridge(), window=24, horizon=12).fit(passengers[:113])
    said = Page(report(forecaster, tmp_path / "a.html", passengers)).said("errors-part")
    assert "from 1959-01-01 to 1960-12-01" in said
    assert "These are the newest 24 of 31 steps that came after" in said


def test_of_too_many_steps_the_newest_are_measured(passengers):
    panel = Forecaster(Ridge(), horizon=3).fit(passengers)._model.panel
    long = panel.take(np.zeros(20_000, dtype=np.int64))  # 2,880,000 values: 50 cutoffs are enough
    assert list(_cutoffs(panel, 100, 1)) == list(range(43, 143))
    assert list(_cutoffs(long, 100, 1)) == list(range(143 - _FEWEST_FOLDS, 143))
    assert list(_cutoffs(panel, 8, 3)) == [137, 140]
    assert list(_cutoffs(panel, 2, 3)) == [141]


def test_one_step_is_shown_behind_days_not_years_and_marked(tmp_path):
    heat, load = hours(340)
    forecaster = Forecaster(Ridge(), window=24, horizon=1, season=24, future=["heat"])
    page = Page(report(forecaster.fit(heat[:300], load[:300]), tmp_path / "a.html", heat, load))
    said = page.said("forecast")
    newest = load.index[-1]
    assert f"The forecast for {newest}" in said
    assert f"The actual value at the last step is {load.iloc[-1]:.1f}" in said
    (svg,) = (node for node in page.all("svg") if node.get("aria-labelledby") == "forecast-0-title")
    ticks = {"".join(node.itertext()).strip() for node in svg.iter("text")}
    assert {"12:00", newest.strftime("%Y-%b-%d")} <= ticks
    clipped = [node for node in svg.iter("g") if node.get("clip-path")]
    drawn = [len(list(node.iter("use"))) for node in clipped if node.find("use") is not None]
    assert drawn == [
        1,
        1,
        1,
        1,
    ]  # forecast, actual value, a bar for each level


def test_series_too_short_to_hold_out_show_training_errors_as_such(tmp_path):
    series = pd.Series(np.sin(np.arange(20.0)))
    forecaster = Forecaster(Ridge(), window=8, horizon=8, season=None).fit(series)
    page = Page(report(forecaster, tmp_path / "a.html"))
    assert "Measured on TRAINING data" in page.said("errors-part")
    assert "On its own TRAINING data" in page.said()
    assert "forecaster, on TRAINING data" in page.table("errors-table")["MAE"]
    assert "There are no intervals" in page.said("forecast")
    assert "last value" in page.table("errors-table")["MAE"]


@pytest.mark.usefixtures("undrawn")
def test_quantiles_of_the_regressor_are_the_intervals(passengers, tmp_path):
    regressor = LSTMRegressor(
        hidden_size=4,
        max_epochs=2,
        loss="quantile",
        quantiles=(0.05, 0.1, 0.5, 0.9),
        random_state=0,
    )
    forecaster = Forecaster(regressor, window=12, horizon=3, intervals="quantile").fit(passengers)
    page = Page(report(forecaster, tmp_path / "a.html"))
    heads = list(page.table("forecast-table-0").popitem()[1])
    assert heads == ["forecast", "low 80\N{NO-BREAK SPACE}%", "high 80\N{NO-BREAK SPACE}%"]
    assert "in 80\N{NO-BREAK SPACE}% interval" in page.table("errors-table")


def test_future_features_show_the_newest_measured_steps(tmp_path):
    frame = panel_frame(2)
    frame["promotion"] = (np.arange(len(frame)) % 5 == 0).astype(float)
    forecaster = Forecaster(Ridge(), window=14, horizon=7, future=["promotion"]).fit(frame)
    page = Page(report(forecaster, tmp_path / "a.html"))
    assert "that takes the future values of promotion" in page.said("forecast")
    titles = [node.text for node in page.all("title")]
    assert sum(title.startswith("Newest measured forecast of store_") for title in titles) == 2


# Panels -----------------------------------------------------------------------------------------


def test_panel_shows_the_worst_the_median_and_the_best(panel_forecaster, pages):
    page = pages["panel"]
    measured = measure(panel_forecaster, None)
    errors = evaluate(measured.folds, "mase", by="series").sort_values("y_hat", ascending=False)
    order = list(errors["unique_id"])
    titles = [
        node.text for node in page.all("title") if (node.text or "").startswith("Forecast of")
    ]
    expected = [order[k] for k in (0, 1, 4, 5, 8, 9)]
    assert len(titles) == 6
    for title, name in zip(titles, expected, strict=True):
        assert title.startswith(f"Forecast of {name} (among the ")
    rows = page.table("errors-by-series")
    assert list(rows) == order
    assert read(rows[order[0]]["forecaster"]) == pytest.approx(errors["y_hat"].iloc[0], rel=1e-3)


def test_few_of_ten_thousand_series():
    errors = pd.Series(np.arange(10_000.0)[::-1], index=np.arange(10_000), name="mase")

    class Known:
        by_series = errors

    chosen = chosen_series(errors.index, Known())
    assert [one.name for one in chosen] == [0, 1, 4999, 5000, 9998, 9999]
    assert [one.why.split(",")[0] for one in chosen] == [
        "among the worst", "among the worst", "among the median", "among the median",
        "among the best", "among the best",
    ]  # fmt: skip


def test_names_are_escaped_wherever_they_stand(pages):
    page = pages["panel"]
    assert HOSTILE in page.table("errors-by-series")
    assert not page.all("script")
    assert "<script" not in page.text


def test_names_of_letters_that_no_font_here_has(passengers, tmp_path):
    name = "\N{GREEK SMALL LETTER ALPHA}\u5e97\N{SNOWMAN}"  # matplotlib would warn: an error here
    page = Page(report(Forecaster(Ridge()).fit(passengers.rename(name)), tmp_path / "a.html"))
    assert f"Forecast of {name}" in page.said("forecast")


def test_names_that_xml_cannot_hold(passengers, tmp_path):
    name = "a\x00b\x1b]]>"
    series = passengers.rename(name)
    page = Page(report(Forecaster(Ridge(), horizon=3).fit(series), tmp_path / "a.html"))
    assert "a\ufffdb\ufffd]]>" in page.said("forecast")


def test_tuples_as_names(tmp_path):
    frame = panel_frame(2).replace({"store_0": "a", "store_1": "b"})
    frame["unique_id"] = [(name, 1) for name in frame["unique_id"]]
    page = Page(report(Forecaster(Ridge(), horizon=3).fit(frame), tmp_path / "a.html"))
    assert set(page.table("errors-by-series")) == {"('a', 1)", "('b', 1)"}


# The small parts --------------------------------------------------------------------------------


def test_dark_colours_turn_light_into_dark_and_keep_the_hue():
    assert dark_colour("#000000") == "#ebebeb"
    assert dark_colour("#ffffff") == "#1a1a1a"
    blue = dark_colour("#0072b2")
    assert int(blue[5:], 16) > int(blue[1:3], 16)


@pytest.mark.usefixtures("undrawn")
def test_update_counts_as_known(passengers, tmp_path):
    forecaster = Forecaster(GRURegressor(hidden_size=4, max_epochs=2, random_state=0), horizon=3)
    forecaster.fit(passengers[:-6]).update(passengers[-6:])
    page = Page(report(forecaster, tmp_path / "a.html", passengers))
    assert "The next 3 steps after 1960-12-01" in page.said("forecast")
    assert "unless they came by update" in page.said("errors-part")


@pytest.mark.usefixtures("undrawn")
def test_series_that_only_the_new_data_have_are_measured_but_not_forecast(tmp_path):
    frame = panel_frame(8)
    known = frame[(frame["ds"] < "2024-03-20") & (frame["unique_id"] != "store_0")]
    forecaster = Forecaster(Ridge(), window=14, horizon=7).fit(known)
    page = Page(report(forecaster, tmp_path / "a.html", frame))
    assert "store_0" in page.table("errors-by-series")
    assert "6 of 7 series are shown" in page.said("forecast")
