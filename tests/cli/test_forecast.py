"""``seqforecast forecast``: the numbers of the Python API, and every option changes them."""

import gzip
import sys
from io import StringIO

import numpy as np
import pandas as pd
import pytest

from seqforecast import recurrent_forecaster


def printed(text, **options):
    return pd.read_csv(StringIO(text), **options)


@pytest.fixture
def series(daily):
    return daily.set_index("day")["sold"]


def test_numbers_are_those_of_python(run, series):
    forecaster = recurrent_forecaster(horizon=7, random_state=0)
    expected = forecaster.set_params(regressor__max_steps=3).fit(series).predict(7, level=[80, 90])
    done = run("forecast", "daily.csv", "--level", "80", "90", "--out", "-")
    frame = printed(done.out, parse_dates=["day"]).set_index("day")
    pd.testing.assert_frame_equal(frame, expected, check_freq=False, check_index_type=False)


def test_of_many_series_too(run, stores):
    lists = {"past": ["visitors"], "future": ["promo"], "static": ["area"]}
    names = ("store", "day", "sold")
    known = stores[stores["day"] < "2024-02-23"]
    ahead = stores[stores["day"] >= "2024-02-23"]
    forecaster = recurrent_forecaster(horizon=7, random_state=0)
    forecaster.set_params(regressor__max_steps=3, columns=names, **lists).fit(known)
    expected = forecaster.predict(ahead[["store", "day", "promo"]])

    table = stores.copy()
    table.loc[ahead.index, ["sold", "visitors"]] = np.nan
    table.to_csv("a.csv", index=False)
    options = [word for role, columns in lists.items() for word in (f"--{role}", *columns)]
    done = run("forecast", "a.csv", "--id", "store", *options, "--out", "-")
    frame = printed(done.out, parse_dates=["day"])
    assert frame["store"].drop_duplicates().to_list() == [1, 2, 10]
    pd.testing.assert_frame_equal(
        frame, expected.sort_values(["store", "day"], ignore_index=True), check_dtype=False
    )


def test_what_is_printed_is_what_is_written(run):
    done = run("forecast", "daily.csv", "--level", "80")
    written = printed(run("forecast", "daily.csv", "--level", "80", "--out", "-").out)
    head, rows = done.out.split("\n\n")
    assert "window 24, season 7." in " ".join(head.split())
    assert head.endswith("\nThe last known time is 2024-02-29.")
    cells = [row.split() for row in rows.splitlines()]
    assert cells[0] == ["day", "y_hat", "lo-80", "hi-80"]
    shown = np.array([row[1:] for row in cells[1:]], dtype=float)
    assert shown == pytest.approx(written.iloc[:, 1:].to_numpy(), abs=1e-3)
    assert max(map(len, done.out.splitlines())) <= 80
    assert head.startswith("LSTM forecast of sold, 7 steps ahead: 60 rows")


def test_a_long_forecast_is_cut_and_says_how_to_get_it_all(run):
    done = run("forecast", "stores.csv", "--id", "store", "--horizon", "14", "--level", "80")
    assert "... 24 more rows ..." in done.out
    assert "--out forecast.csv writes all 42 rows." in done.out


def test_columns_that_do_not_fit_are_named(run):
    levels = [str(level) for level in (50, 60, 70, 80, 85, 90)]
    done = run("forecast", "daily.csv", "--level", *levels)
    assert max(map(len, done.out.splitlines())) <= 80
    assert "--out forecast.csv writes the columns " in done.out
    assert "hi-90" in done.out


@pytest.mark.parametrize(
    "options",
    [
        ("--model", "gru"),
        ("--model", "rnn"),
        ("--season", "none"),
        ("--season", "5", "10"),
        ("--window", "9"),
        ("--max-steps", "6"),
        ("--seed", "1"),
    ],
)
def test_every_option_of_the_model_changes_the_forecast(run, options):
    plain, other, again = (
        run("forecast", "daily.csv", *words, "--out", "-").out for words in ((), options, options)
    )
    assert other != plain
    assert other == again


@pytest.mark.parametrize("role", ["past", "future", "static"])
def test_features_are_used(run, stores, role):
    column = {"past": "visitors", "future": "promo", "static": "area"}[role]
    table = stores.copy()
    table.loc[table["day"] >= "2024-02-23", "sold"] = np.nan
    table.to_csv("a.csv", index=False)
    plain = run("forecast", "a.csv", "--id", "store", "--out", "-").out
    other = run("forecast", "a.csv", "--id", "store", f"--{role}", column, "--out", "-").out
    assert printed(other)["day"].to_list() == printed(plain)["day"].to_list()
    assert other != plain


def test_too_few_planned_rows_are_refused(run, stores):
    stores.assign(sold=stores["sold"].where(stores["day"] < "2024-02-27")).to_csv("a.csv")
    done = run("forecast", "a.csv", "--id", "store", "--future", "promo")
    said = " ".join(done.err.split())
    assert done.code == 1
    assert "series 1 has 3 rows after its last target, at 2024-02-26; --horizon 7 needs 7" in said


def test_without_any_planned_row_a_smaller_horizon_is_not_advised(run, stores):
    stores.to_csv("a.csv")
    said = " ".join(run("forecast", "a.csv", "--id", "store", "--future", "promo").err.split())
    assert "series 1 has 0 rows after its last target" in said
    assert said.endswith("Add rows with an empty target.")


def closed(stores, *names):
    """Leave a week to be forecast, and of some stores the newest fortnight out."""
    ahead = stores["day"] >= "2024-02-23"
    table = stores.assign(sold=stores["sold"].mask(ahead))
    return table[~(table["store"].isin(names) & (table["day"] >= "2024-02-16"))]


def test_series_that_ended_are_left_out_with_a_note(run, stores):
    table = closed(stores, 10)
    table.to_csv("a.csv", index=False)
    options = ("--id", "store", "--future", "promo")
    done = run("forecast", "a.csv", *options, "--out", "-")
    frame = printed(done.out)
    assert frame["store"].drop_duplicates().to_list() == [1, 2]
    known = table[table["sold"].notna()].drop(columns=["visitors", "area"])
    forecaster = recurrent_forecaster(horizon=7, random_state=0)
    columns = {"columns": ("store", "day", "sold"), "future": ["promo"]}
    forecaster.set_params(regressor__max_steps=3, **columns).fit(known)
    ahead = table.loc[table["sold"].isna(), ["store", "day", "promo"]]
    expected = forecaster.predict(ahead).sort_values(["store", "day"])
    assert frame["y_hat"].to_numpy() == pytest.approx(expected["y_hat"].to_numpy())
    said = " ".join(done.err.split())
    assert said.startswith("seqforecast: note: 1 of 3 series not forecast")
    assert "no rows after their own: 10." in said
    shown = run("forecast", "a.csv", *options).out
    assert "The last known time is 2024-02-22." in shown
    assert "10 " not in shown[shown.index("store") :].replace("2024", "")


def test_a_note_names_a_few_of_many_series(run, stores):
    last = stores[stores["store"] == 1]
    many = [last.assign(store=100 + k) for k in range(8)]
    table = closed(pd.concat([stores, *many]), *range(100, 108))
    table.to_csv("a.csv", index=False)
    done = run("forecast", "a.csv", "--id", "store", "--future", "promo", "--plot", "a.png")
    assert done.code == 0
    said = " ".join(done.err.split())
    assert "8 of 11 series" in said
    assert "100, 101, 102, 103, 104 and 3 more." in said


def test_without_future_columns_each_series_goes_on_from_its_own_end(run, stores):
    closed(stores, 10).to_csv("a.csv", index=False)
    done = run("forecast", "a.csv", "--id", "store", "--out", "-")
    begins = printed(done.out).groupby("store")["day"].first()
    assert begins.to_dict() == {1: "2024-02-23", 2: "2024-02-23", 10: "2024-02-16"}
    assert done.err == ""


def test_more_planned_rows_than_the_horizon_are_left_for_later(run, stores):
    stores.assign(sold=stores["sold"].where(stores["day"] < "2024-02-15")).to_csv("a.csv")
    done = run("forecast", "a.csv", "--id", "store", "--future", "promo", "--out", "-")
    assert done.code == 0
    assert printed(done.out).groupby("store").size().to_list() == [7, 7, 7]


@pytest.mark.parametrize("name", ["f.csv", "f.csv.gz", "f.parquet"])
def test_results_are_written_in_the_kind_that_their_name_tells(run, here, name):
    expected = printed(run("forecast", "daily.csv", "--out", "-").out, parse_dates=["day"])
    done = run("forecast", "daily.csv", "--out", name)
    assert done.code == 0
    assert done.out.endswith(f"\n7 rows are in {name}.\n")
    data = (here / name).read_bytes()
    if name.endswith(".gz"):
        data = gzip.decompress(data)
    read = pd.read_parquet(name) if name.endswith("parquet") else printed(data.decode())
    read, expected = (frame.astype({"day": "M8[ns]"}) for frame in (read, expected))
    pd.testing.assert_frame_equal(read, expected)


def test_results_look_like_the_data(run, daily):
    daily.to_csv("a.csv", index=False, sep=";", decimal=",")
    plain = printed(run("forecast", "daily.csv", "--out", "-").out)
    out = run("forecast", "a.csv", "--decimal", ",", "--out", "-").out
    pd.testing.assert_frame_equal(printed(out, sep=";", decimal=","), plain)


@pytest.mark.parametrize(
    ("name", "starts"), [("f.png", b"\x89PNG"), ("f.svg", b"<?xml"), ("f.pdf", b"%PDF")]
)
def test_pictures(run, here, name, starts):
    done = run("forecast", "daily.csv", "--plot", name)
    assert done.out.endswith(f"\nThe picture is in {name}.\n")
    assert (here / name).read_bytes().startswith(starts)


@pytest.fixture
def no_fit(monkeypatch):
    def fit(*_):
        raise AssertionError("fitted before it was checked")

    monkeypatch.setattr("seqforecast.Forecaster.fit", fit)


@pytest.mark.usefixtures("no_fit")
@pytest.mark.parametrize("option", ["--out", "--plot"])
def test_what_cannot_be_written_is_said_before_the_fit(run, here, option):
    ending = "csv" if option == "--out" else "png"
    done = run("forecast", "daily.csv", option, f"nowhere/f.{ending}")
    assert (done.code, done.out) == (1, "")
    assert f"nowhere/f.{ending} cannot be written: there is no folder" in " ".join(done.err.split())
    (here / f"folder.{ending}").mkdir()
    assert "is a folder" in run("forecast", "daily.csv", option, f"folder.{ending}").err


@pytest.mark.usefixtures("no_fit")
def test_the_data_are_not_overwritten(run, here, daily):
    assert "the data itself" in run("forecast", "daily.csv", "--out", "daily.csv").err
    assert len(pd.read_csv(here / "daily.csv")) == len(daily)


@pytest.mark.usefixtures("no_fit")
def test_a_picture_without_matplotlib_says_what_to_install(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    done = run("forecast", "daily.csv", "--plot", "f.png")
    assert done.code == 1
    assert 'pip install "seqforecast[plot]"' in " ".join(done.err.split())


@pytest.mark.filterwarnings("default")
def test_warnings_are_sentences(run):
    done = run("forecast", "daily.csv", "--level", "99")
    said = " ".join(done.err.split())
    assert done.code == 0
    assert said.startswith("seqforecast: warning: level=99 needs more errors")
    assert ".py" not in said


def test_naive_model_repeats_the_last_season(run, series):
    done = run("forecast", "daily.csv", "--model", "naive", "--level", "80", "--out", "-")
    frame = printed(done.out)
    np.testing.assert_allclose(frame["y_hat"], series[-7:], atol=1e-9)
    assert (frame["lo-80"] < frame["y_hat"]).all()
    assert (frame["y_hat"] < frame["hi-80"]).all()
    done = run("forecast", "daily.csv", "--model", "naive")
    assert done.out.startswith("Naive forecast of sold, 7 steps ahead: 60 rows, season 7.")


def test_naive_model_reads_no_features(run):
    arguments = ("stores.csv", "--id", "store", "--past", "visitors", "--model", "naive")
    done = run("forecast", *arguments)
    assert done.code == 1
    assert "reads no features, but got 'visitors'. Leave them out" in " ".join(done.err.split())
    for command in ("backtest", "diagnose"):
        done = run(command, "daily.csv", "--model", "naive")
        assert done.code == 2
        assert "invalid choice: 'naive'" in done.err
