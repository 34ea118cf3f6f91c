"""A wrong command line ends with 2, says what is wrong, and where examples are."""

import pytest

from seqforecast.cli import main

RIGHT = ["forecast", "data.csv", "--time", "t", "--target", "y", "--horizon", "3"]


def said(capsys, arguments):
    code = main(arguments)
    out, err = capsys.readouterr()
    assert out == ""
    assert max(map(len, err.splitlines())) <= 80
    return code, " ".join(err.split())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "the following arguments are required: COMMAND"),
        (["forecsat"], "invalid choice: 'forecsat'"),
        (["forecast", "data.csv"], "are required: --time, --target, --horizon"),
        ([*RIGHT, "--horizont", "3"], "unrecognized arguments: --horizont 3"),
        ([*RIGHT, "--hor", "3"], "unrecognized arguments: --hor 3"),
        ([*RIGHT, "--horizon", "0"], "'0'; a whole number from 1 on is needed"),
        ([*RIGHT, "--horizon", "1.5"], "'1.5'; a whole number from 1 on is needed"),
        ([*RIGHT, "--seed", "-1"], "--seed"),
        ([*RIGHT, "--window", "99999999999"], "'99999999999'; a whole number"),
        ([*RIGHT, "--season", "None"], "'None'; a whole number from 1 on is needed"),
        ([*RIGHT, "--model", "lsmt"], "invalid choice: 'lsmt'"),
        ([*RIGHT, "--level", "100"], "'100'; a percentage from 1 to below 100 is needed"),
        ([*RIGHT, "--level", "high"], "'high'; a percentage from 1 to below 100 is needed"),
        ([*RIGHT, "--level", "nan"], "'nan'; a percentage from 1 to below 100 is needed"),
        ([*RIGHT, "--sep", "::"], "'::'; one character is needed, such as ';'"),
        ([*RIGHT, "--out", "f.xlsx"], "'f.xlsx' ends in none of .csv, .csv.gz, .parquet"),
        ([*RIGHT, "--plot", "-"], "'-' ends in none of .png, .svg, .pdf"),
        (["diagnose", *RIGHT[1:], "--html", "report"], "'report' ends in none of .html, .htm"),
        (["forecast", "data.xls", *RIGHT[2:]], "'data.xls' ends in none of"),
    ],
)
def test_usage_errors(capsys, arguments, message):
    code, err = said(capsys, arguments)
    assert code == 2
    assert message in err
    assert "Examples to copy: seqforecast" in err
