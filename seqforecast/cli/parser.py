"""What may be written behind ``seqforecast``, and the help that teaches it."""

from __future__ import annotations

import argparse
from functools import partial
from typing import Any, NoReturn

import seqforecast
from seqforecast.cli.files.paths import figure_path, html_path, table_path
from seqforecast.cli.help import BACKTEST, DIAGNOSE, FORECAST, OVERVIEW
from seqforecast.cli.messages import WIDTH, filled


def parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    top = _Parser(prog="seqforecast", description=OVERVIEW.what, epilog=OVERVIEW.more, **_OF_ALL)
    top.add_argument("--version", action="version", version=f"%(prog)s {seqforecast.__version__}")
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, text, add in (
        ("forecast", FORECAST, _add_forecast),
        ("backtest", BACKTEST, _add_backtest),
        ("diagnose", DIAGNOSE, _add_diagnose),
    ):
        one = commands.add_parser(
            name,
            usage="%(prog)s data --time COLUMN --target COLUMN\n       --horizon N [options]",
            help=text.short,
            description=text.what,
            epilog=text.more,
            **_OF_ALL,
        )
        _add_data(one)
        _add_model(one, also=("naive",) if name == "forecast" else ())
        add(one)
        one.add_argument(
            "--traceback", action="store_true", help="show where in the code an error was raised"
        )
    return top


class _Parser(argparse.ArgumentParser):
    """One that names what is wrong, and where the examples are, in place of the whole usage."""

    def error(self, message: str) -> NoReturn:
        advice = f"Examples to copy: {self.prog} --help"
        self.exit(2, filled(f"{self.prog}: error: {message}\n{advice}") + "\n")


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """Texts as they are written, at a fixed width."""

    def __init__(self, prog: str, **_: Any) -> None:
        super().__init__(prog, max_help_position=22, width=WIDTH - 1)


# An option that comes later must not change what an abbreviation means in somebody's script.
_OF_ALL: dict[str, Any] = {"allow_abbrev": False, "formatter_class": _Formatter}


def _add_data(one: argparse.ArgumentParser) -> None:
    one.add_argument(
        "data",
        type=lambda text: table_path(text, stream="stdin"),
        help="the table: .csv, .csv.gz or .parquet; - reads CSV from standard input",
    )
    group = one.add_argument_group("columns of the table")
    group.add_argument("--time", required=True, metavar="COLUMN", help="dates, or whole numbers")
    group.add_argument("--target", required=True, metavar="COLUMN", help="what is forecast")
    group.add_argument(
        "--id", metavar="COLUMN", help="names the series of each row, where there are several"
    )
    for name, text in (
        ("future", "known ahead (promotions): rows after the last target hold them"),
        ("past", "known up to the last target only (visitors, weather)"),
        ("static", "the same in all rows of a series (size of the store)"),
    ):
        group.add_argument(f"--{name}", nargs="+", default=[], metavar="COLUMN", help=text)
    group = one.add_argument_group("how the table is written")
    group.add_argument(
        "--sep",
        type=_character,
        metavar="CHAR",
        help="between the cells of CSV; found out where left out. Results have the same",
    )
    group.add_argument(
        "--decimal", type=_character, default=".", metavar="CHAR", help="decimal point (default .)"
    )
    group.add_argument(
        "--time-format",
        metavar="FORMAT",
        help="how dates are written, where not like 2024-12-31: '%%d.%%m.%%Y' is 31.12.2024",
    )
    group.add_argument(
        "--fill-gaps", action="store_true", help="take missing rows for missing targets"
    )


def _add_model(one: argparse.ArgumentParser, also: tuple[str, ...]) -> None:
    group = one.add_argument_group("model")
    group.add_argument(
        "--horizon", required=True, type=_positive, metavar="N", help="steps to forecast at once"
    )
    group.add_argument(
        "--model",
        choices=("lstm", "gru", "rnn", *also),
        default="lstm",
        help="network (default lstm)" + ("; naive repeats the last season" if also else ""),
    )
    group.add_argument(
        "--season",
        nargs="+",
        type=_season,
        metavar="N",
        help="steps in a season, or in several (24 168); none: there is none. Left out: what the "
        "calendar suggests (12 for months, 7 for days, 24 and 168 for hours)",
    )
    group.add_argument(
        "--window",
        type=_positive,
        metavar="N",
        help="steps that the network reads (default 24, or what the series allow)",
    )
    group.add_argument(
        "--max-steps",
        type=_positive,
        metavar="N",
        help="training steps at most (default 25 a step of the horizon, from 400 to 1600); "
        "100 is a quick look",
    )
    group.add_argument(
        "--seed",
        type=_natural,
        default=0,
        metavar="N",
        help="another one, another network; the same one, the same forecast (default 0)",
    )


def _add_level(one: argparse.ArgumentParser) -> None:
    one.add_argument(
        "--level",
        nargs="+",
        type=_level,
        default=[],
        metavar="PERCENT",
        help="add intervals that hold this share of what comes: 80, or 80 95",
    )


def _add_out(one: argparse.ArgumentParser, what: str) -> None:
    one.add_argument(
        "--out",
        type=lambda text: table_path(text, stream="stdout"),
        metavar="FILE",
        help=f"write {what} to .csv, .csv.gz or .parquet; - writes CSV to standard output, "
        "and nothing else there",
    )
    one.add_argument(
        "--plot", type=figure_path, metavar="FILE", help="draw them into .png, .svg or .pdf"
    )


def _add_forecast(one: argparse.ArgumentParser) -> None:
    group: Any = one.add_argument_group("result")
    _add_level(group)
    _add_out(group, "the forecasts")


def _add_backtest(one: argparse.ArgumentParser) -> None:
    group: Any = one.add_argument_group("test")
    group.add_argument(
        "--folds", type=_positive, default=5, metavar="N", help="how many cutoffs (default 5)"
    )
    group.add_argument(
        "--no-refit",
        dest="refit",
        action="store_false",
        help="fit once, before the first cutoff, in place of once for each: faster",
    )
    group = one.add_argument_group("result")
    _add_level(group)
    _add_out(group, "the forecasts of all folds")


def _add_diagnose(one: argparse.ArgumentParser) -> None:
    group = one.add_argument_group("result")
    group.add_argument(
        "--html", type=html_path, metavar="FILE", help="write a report with pictures: one file"
    )


# ---------------------------------------------------------------------------- kinds of values


def _whole(text: str, least: int) -> int:
    if not (text.isascii() and text.isdigit() and least <= int(text) < 2**31):
        raise argparse.ArgumentTypeError(f"{text!r}; a whole number from {least} on is needed")
    return int(text)


_positive, _natural = partial(_whole, least=1), partial(_whole, least=0)


def _season(text: str) -> int | None:
    return None if text == "none" else _positive(text)


def _level(text: str) -> float:
    try:
        level = float(text)
    except ValueError:
        level = 0.0
    if not 1 <= level < 100:
        raise argparse.ArgumentTypeError(
            f"{text!r}; a percentage from 1 to below 100 is needed, such as 80"
        )
    return int(level) if level.is_integer() else level


def _character(text: str) -> str:
    character = "\t" if text in (r"\t", "tab") else text
    if len(character) != 1:
        raise argparse.ArgumentTypeError(
            f"{text!r}; one character is needed, such as ';' (tab for a tabulator)"
        )
    return character
