"""``seqforecast backtest``: the numbers of the Python API, and an honest verdict."""

import re
from io import StringIO

import pandas as pd
import pytest

from seqforecast import backtest, evaluate, recurrent_forecaster


def forecaster():
    return recurrent_forecaster(horizon=7, random_state=0).set_params(regressor__max_steps=3)


@pytest.fixture
def folds(daily):
    series = daily.set_index("day")["sold"]
    return backtest(forecaster(), series, horizon=7, n_folds=2, level=80)


def number_after(text, *words):
    found = re.search(r"\s+".join(map(re.escape, words)) + r"\s+(\S+)\s+(\S+)", text)
    assert found, text
    return float(found[1]), float(found[2])


def test_numbers_are_those_of_python(run, folds):
    done = run("backtest", "daily.csv", "--folds", "2", "--level", "80")
    assert done.code == 0
    errors = evaluate(folds, ["mae", "smape", "mase"]).set_index("metric")
    for metric, name in (("mae", "MAE"), ("smape", "sMAPE"), ("mase", "MASE")):
        shown = number_after(done.out, f"\n{name}")
        assert shown == pytest.approx(errors.loc[metric].to_list(), rel=2e-3)
    by_step = evaluate(folds, "mae", by="step")
    for row in by_step.itertuples():
        shown = number_after(done.out, f"\n{row.step:4d}")
        assert shown == pytest.approx((row.y_hat, row.seasonal_naive), abs=1e-3)
    share = 100 * evaluate(folds, "coverage")["y_hat"].item()
    assert f"80 % intervals held {share:.0f} % of the actual values." in done.out
    assert max(map(len, done.out.splitlines())) <= 80


def test_all_forecasts_are_written(run, folds):
    done = run("backtest", "daily.csv", "--folds", "2", "--level", "80", "--out", "-")
    frame = pd.read_csv(StringIO(done.out), parse_dates=["cutoff", "day"])
    expected = folds.drop(columns="unique_id").rename(columns={"ds": "day", "y": "sold"})
    assert frame.columns.to_list() == expected.columns.to_list()
    for name in ("y_hat", "lo-80", "seasonal_naive", "mase_scale"):
        assert frame[name].to_numpy() == pytest.approx(expected[name].to_numpy())
    assert (frame["cutoff"].to_numpy() == expected["cutoff"].to_numpy()).all()


def test_of_many_series_the_worst_are_shown(run, stores):
    done = run("backtest", "stores.csv", "--id", "store", "--folds", "2")
    frame = backtest(
        forecaster().set_params(columns=("store", "day", "sold"), past=[], future=[], static=[]),
        stores,
        horizon=7,
        n_folds=2,
    )
    errors = evaluate(frame, "mase", by="series")
    worst = errors.sort_values("y_hat", ascending=False)["store"].astype(str).to_list()
    rows = done.out[done.out.index("By series:") :].splitlines()[2:5]
    assert [row.split()[0] for row in rows] == worst
    shown = sorted(float(row.split()[3]) for row in rows)
    assert shown == pytest.approx(sorted(errors["y_hat"]), abs=1e-3)


def test_no_refit_fits_once(run, daily):
    series = daily.set_index("day")["sold"]
    once = backtest(forecaster(), series, horizon=7, n_folds=2, refit=False)
    out = run("backtest", "daily.csv", "--folds", "2", "--no-refit", "--out", "-").out
    assert pd.read_csv(StringIO(out))["y_hat"].to_numpy() == pytest.approx(once["y_hat"].to_numpy())
    anew = run("backtest", "daily.csv", "--folds", "2", "--out", "-").out
    assert anew != out


def test_pictures(run, here):
    assert run("backtest", "daily.csv", "--folds", "2", "--plot", "f.png").code == 0
    assert (here / "f.png").read_bytes().startswith(b"\x89PNG")


def test_the_verdict_closes_the_table(run):
    done = run("backtest", "daily.csv", "--folds", "2")
    assert "repeating the last season" in done.out.split("\n\n")[-1]
