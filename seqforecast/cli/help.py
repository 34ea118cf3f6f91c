"""The texts of ``--help``: what a command does, examples to paste, columns, exit codes."""

from __future__ import annotations

from typing import NamedTuple


class Text(NamedTuple):
    """What stands above the options of a command, and below."""

    short: str
    what: str
    more: str


_EXIT = """\
exit codes:
  0  it worked (also where the reader of a pipe has read enough)
  1  the data cannot be used, a forecast failed, or a result cannot be written
  2  the command line is wrong
  70  a bug in seqforecast
  130  Ctrl-C"""

OVERVIEW = Text(
    short="",
    what="""\
Forecast series in a table with a recurrent network, one model for all of them.
Test it on the past, and see how far back it learns.""",
    more=f"""\
begin with:
  seqforecast backtest sales.csv --time ds --target y --horizon 14
  seqforecast forecast sales.csv --time ds --target y --horizon 14 --out f.csv
  seqforecast forecast --help

{_EXIT}""",
)

_ROWS = """\
the table:
  One row a step, in any order: a time, a target, perhaps the series it is of.
  Steps have one length (days, months, ...). An empty target is a missing value;
  rows after the last target of a series are its future, and need --future
  columns only."""

FORECAST = Text(
    short="forecast the steps after the last target of each series",
    what="""\
Fit a network to all series of a table, and forecast the steps that follow each.
Without --out a short table is printed; with --out all forecasts are written.""",
    more=f"""\
examples:
  one series, a year of months, with intervals and a picture:
    seqforecast forecast air.csv --time month --target passengers --horizon 12 \\
      --level 80 --plot air.png
  many series in one file, with promotions that are planned:
    seqforecast forecast sales.csv --time day --target sold --id store \\
      --future promo --horizon 14 --out forecast.parquet
  in a pipe:
    zcat sales.csv.gz | seqforecast forecast - --time day --target sold \\
      --horizon 14 --out - > forecast.csv
  semicolons, decimal commas and dates such as 31.12.2024:
    seqforecast forecast verkauf.csv --time tag --target menge --horizon 14 \\
      --decimal , --time-format %d.%m.%Y

{_ROWS}

columns of the result:
  the columns of --id and --time, with their names;
  y_hat         the forecast
  lo-80, hi-80  ends of the interval that holds 80 % of what comes, as far as
                the future is like the newest past (--level 80)

{_EXIT}""",
)

BACKTEST = Text(
    short="forecast the past as if it were not known, and compare",
    what="""\
Forecast from earlier cutoffs, each with nothing but what was known there, and
compare with the actual values: is it better than repeating the last season?""",
    more=f"""\
examples:
  the last five times 24 hours:
    seqforecast backtest load.csv --time hour --target mw --horizon 24
  twelve months of stores, and how often intervals hold the actual values:
    seqforecast backtest sales.csv --time month --target sold --id store \\
      --horizon 1 --folds 12 --no-refit --level 80 95
  all forecasts for a look of your own, and a picture:
    seqforecast backtest load.csv --time hour --target mw --horizon 24 \\
      --out folds.csv --plot folds.png

{_ROWS}

what is printed:
  MAE    mean absolute error, in units of the target
  sMAPE  symmetric mean absolute percentage error, 0 to 200
  MASE   MAE divided by how much the known past changed over a season: series
         of any size compare; of several series the mean
  naive  the same of repeating the last season: what does not beat it is not
         needed

columns of --out:
  the columns of --id, --time and --target, with their names;
  cutoff, step      the last time that was known, and steps after it, from 1
  y_hat             the forecast; lo-80 and hi-80 with --level 80
  seasonal_naive    the value of the last season
  mase_scale, rmsse_scale  by which scaled errors are divided

{_EXIT}""",
)

DIAGNOSE = Text(
    short="tell how far back the network learns, and what to change",
    what="""\
Fit a network to all series, and say how far back its gradient reaches, what is
wrong with it, and which parameter to change. --html adds a report to read.""",
    more=f"""\
examples:
  what there is to say, in words:
    seqforecast diagnose sales.csv --time ds --target y --horizon 14
  the same with forecasts, errors, learning curves and pictures:
    seqforecast diagnose sales.csv --time ds --target y --horizon 14 \\
      --html report.html
  an RNN, which forgets sooner:
    seqforecast diagnose sales.csv --time ds --target y --horizon 14 --model rnn

{_ROWS}

what is printed:
  effective memory   rows within which 95 % of the gradient lies, of those that
                     the network reads; each row holds newer values beside it
  weight             share of the network in the forecast; the linear baseline
                     has the rest
  GF01, GF03, ...    findings: what, the number behind it, what to try

{_EXIT}""",
)
