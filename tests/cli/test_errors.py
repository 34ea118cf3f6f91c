"""Errors in the words of the shell: options in place of parameters, and bugs told from bad data."""

import re

import numpy as np
import pytest

from seqforecast.cli.commands import forecast
from seqforecast.cli.messages import _CURES

STORES = ("--id", "store", "--future", "promo")


def without_promo(daily, stores):  # noqa: ARG001
    """Leave a promotion unknown that had been planned."""
    table = stores.astype({"promo": float})
    table.loc[5, "promo"] = np.nan
    return table.where(table["day"] < "2024-02-23", table.assign(sold=np.nan))


def of_two_frequencies(daily, stores):  # noqa: ARG001
    """Keep every other day of one of the stores."""
    return stores[(stores["store"] != 10) | (stores.index % 2 == 0)].drop(columns="promo")


ASKED = {
    "X": (lambda daily, _: daily.drop([4, 5]), ()),
    "columns": (
        lambda daily, _: daily.rename(columns={"sold": "y_hat"}),
        ("--target", "y_hat"),
    ),
    "ds": (lambda daily, _: daily[:2], ()),
    "level": (lambda daily, _: daily[:12], ("--window", "2", "--season", "4", "--level", "80")),
    "horizon": (lambda daily, _: daily, ("--folds", "1", "--window", "55")),
    "n_folds": (lambda daily, _: daily, ("--folds", "20")),
    "past": (without_promo, STORES),
    "season": (lambda daily, _: daily, ("--season", "90")),
    "static": (lambda _, stores: stores, ("--id", "store", "--static", "visitors")),
    "unique_id": (of_two_frequencies, STORES[:2]),
    "window": (lambda daily, _: daily, ("--window", "90")),
    "y": (lambda daily, _: daily.assign(sold=daily["sold"].replace(10.01, np.inf)), ()),
}


@pytest.mark.parametrize("parameter", _CURES)
def test_the_cure_is_an_option_of_the_shell(run, daily, stores, parameter):
    make, options = ASKED[parameter]
    make(daily, stores).to_csv("a.csv", index=False)
    command = "backtest" if parameter in ("horizon", "n_folds") else "forecast"
    done = run(command, "a.csv", *options)
    said = " ".join(done.err.split())
    assert done.code == 1
    assert done.out == ""
    assert said.endswith(f". {_CURES[parameter]}")
    assert not re.search(r"\bpd\.|Forecaster|\bUse |None|=\[|\w\((?!s\))", said)


def test_every_option_in_a_cure_exists(run):
    known = run("backtest", "--help", common=()).out
    for option in re.findall(r"--[a-z-]+", " ".join(_CURES.values())):
        assert f"  {option} " in known


def test_a_name_that_looks_like_a_parameter_stays_as_it_is(run, daily):
    daily.assign(**{"window=3": np.inf}).to_csv("a.csv", index=False)
    done = run("forecast", "a.csv", "--past", "window=3")
    assert done.code == 1
    assert "'window=3'" in done.err


def test_missing_data_are_told_though_the_result_exists(run, here):
    (here / "f.csv").write_text("")
    for options in ((), ("--out", "f.csv"), ("--plot", "nowhere/f.png")):
        done = run("forecast", "dayly.csv", *options)
        assert done.code == 1
        assert "dayly.csv is not there; a file with a table is needed." in done.err
        assert "Did you mean 'daily.csv'?" in " ".join(done.err.split())


def test_a_report_without_matplotlib_is_refused_before_the_fit(run, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "matplotlib", None)
    monkeypatch.setattr("seqforecast.cli.commands.diagnose.read_series", pytest.fail)
    done = run("diagnose", "daily.csv", "--html", "f.html")
    assert done.code == 1
    assert 'pip install "seqforecast[plot]"' in " ".join(done.err.split())


@pytest.mark.parametrize("bug", [TypeError("no len()"), KeyError("y"), ZeroDivisionError("zero")])
def test_what_no_data_explain_is_called_a_bug(run, monkeypatch, bug):
    def broken(_):
        raise bug

    monkeypatch.setattr(forecast, "read_series", broken)
    done = run("forecast")
    assert done.code == 70
    assert f"internal error: {type(bug).__name__}: {bug}" in done.err
    assert "This is a bug in seqforecast, not in your data." in " ".join(done.err.split())
    assert "Traceback" not in done.err
    assert "in broken" in run("forecast", "daily.csv", "--traceback").err


def test_traceback_shows_where_data_were_refused(run):
    done = run("forecast", "daily.csv", "--season", "90", "--traceback")
    assert done.code == 1
    assert done.err.startswith("Traceback")
    assert "Pass a shorter --season" in done.err


@pytest.mark.parametrize("command", ["forecast", "backtest", "diagnose"])
@pytest.mark.parametrize(
    ("option", "column", "name"), [("--time", "day", "cutoff"), ("--id", "store", "lo-80")]
)
def test_columns_called_like_those_of_a_result_are_refused(
    run, stores, command, option, column, name
):
    stores.rename(columns={column: name}).to_csv("a.csv", index=False)
    done = run(command, "a.csv", *STORES[:2], option, name)
    assert done.code == 1
    assert f"Column '{name}' is called like a column of results" in " ".join(done.err.split())


def test_features_may_be_called_like_columns_of_a_result(run, here, stores):
    renamed = stores.rename(columns={"visitors": "y_hat", "area": "lo-80"})
    options = ("--window", "6", "--level", "80", "--out", "f.csv")
    for command, more in (("forecast", ()), ("backtest", ("--folds", "2"))):
        texts = []
        for table, names in ((stores, ("visitors", "area")), (renamed, ("y_hat", "lo-80"))):
            table.to_csv("a.csv", index=False)
            use = ("--id", "store", "--past", names[0], "--static", names[1])
            assert run(command, "a.csv", *use, *options, *more).code == 0
            texts.append((here / "f.csv").read_text())
        assert texts[0] == texts[1]
        names = texts[0].splitlines()[0].split(",")
        assert len(names) == len(set(names))
