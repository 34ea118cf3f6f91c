"""The main table: our forecasts of each set between simple methods and published rows."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from accuracy_forecasters import (
    Problem,
    baseline_alone,
    median_of,
    recipe,
    run_of,
    run_of_statsforecast,
)
from accuracy_peers import STATSFORECAST, seasonal_naive, ses, statsforecast_version
from accuracy_published import SEASONAL_NAIVE, SES, SUILIN, Digits, published_rows
from accuracy_sets import Array, Errors
from accuracy_store import Result, Store, results_of

DECIMALS = (2, 2, 3)  # of both sMAPE, of MASE


class Row(NamedTuple):
    """A line of the table: what is not known stays empty."""

    name: str
    by: str
    smape: str
    suilin: str | None
    mase: str
    seconds: str = ""


# The table ----------------------------------------------------------------------------------------


def show(args: argparse.Namespace, store: Store) -> None:
    for key in args.sets:
        problem = Problem(key, args.data, args.part)
        print(header(problem, suilin=key in SUILIN))
        for row in rows(problem, args, store):
            cells = row if key in SUILIN else row._replace(suilin=None)
            print("| " + " | ".join(cell for cell in cells if cell is not None) + " |", flush=True)
        print()
    print(
        "sMAPE and MASE are means over series. ± is the standard deviation over seeds. Seconds "
        "are those of one core. Networks of Hewamalage et al. are medians of 10 seeds; DeepAR is "
        "one run."
    )
    if args.part == "test":
        print()
        check(args, store)


def header(problem: Problem, *, suilin: bool) -> str:
    splits = problem.splits
    title = f"{problem.series_set.title}, {len(splits)} series"
    if problem.part != "test":
        title += f", {problem.part}"
    columns = ["forecast", "by", "sMAPE", *(["sMAPE, Suilin"] if suilin else []), "MASE", "fit, s"]
    lines = "|---" * 2 + "|--:" * (len(columns) - 2) + "|"
    return f"**{title}**\n\n| {' | '.join(columns)} |\n{lines}"


def rows(problem: Problem, args: argparse.Namespace, store: Store) -> Iterator[Row]:
    if problem.part == "test":
        for name, source, *values in published_rows(problem.key, problem.data):
            yield Row(name, source, *(number(v, d) for v, d in zip(values, DECIMALS, strict=True)))
    yield scored("seasonal naive", problem, seasonal_naive_of(problem))
    yield scored("SES", problem, ses(problem.splits))
    result = by_statsforecast(problem, "AutoETS", store)
    if result is None:
        yield Row("AutoETS: not run, statsforecast is not installed", "here", "", "", "")
    else:
        yield scored(f"AutoETS ({result.made_by})", problem, result.forecast, result.seconds)
    (baseline,) = results_of(
        [run_of(problem, "baseline", baseline_alone(problem))], store, args.jobs
    )
    yield scored("linear baseline alone", problem, baseline.forecast, baseline.seconds)
    yield from ours(problem, args, store)


def ours(problem: Problem, args: argparse.Namespace, store: Store) -> Iterator[Row]:
    """Make the rows of `recurrent_forecaster`: its single runs, and their median."""
    runs = [
        run_of(problem, args.cell, recipe(problem, seed, cell=args.cell), seed)
        for seed in range(args.seeds)
    ]
    results = results_of(runs, store, args.jobs)
    single = np.array([problem.errors(result.forecast) for result in results])
    cells = [with_spread(seeds, d) for seeds, d in zip(single.T, DECIMALS, strict=True)]
    name = "recurrent_forecaster" + ("" if args.cell == "lstm" else f"(cell={args.cell!r})")
    seconds = float(np.mean([result.seconds for result in results]))
    yield Row(f"{name}, single", "here", *cells, number(seconds, 1))
    if len(results) > 1:
        middle = scored(f"**{name}, median of {len(results)}**", problem, median_of(results))
        yield middle._replace(seconds=number(seconds * len(results), 1))


def scored(name: str, problem: Problem, forecasts: Array, seconds: float = np.nan) -> Row:
    found = problem.errors(forecasts)
    cells = (number(value, d) for value, d in zip(found, DECIMALS, strict=True))
    return Row(name, "here", *cells, number(seconds, 1))


def with_spread(seeds: Array, decimals: int) -> str:
    """Write the mean over seeds, and their standard deviation where there are several."""
    mean = number(float(np.mean(seeds)), decimals)
    return f"{mean} ± {np.std(seeds, ddof=1):.{decimals}f}" if len(seeds) > 1 else mean


def number(value: float, decimals: int) -> str:
    return "" if np.isnan(value) else f"{value:.{decimals}f}"


def seasonal_naive_of(problem: Problem) -> Array:
    return seasonal_naive(problem.splits, problem.series_set.season)


def by_statsforecast(problem: Problem, name: str, store: Store) -> Result | None:
    """Return what the store has, or else run the model where it is installed."""
    run = run_of_statsforecast(problem, name)
    if statsforecast_version() is None:
        return Store(store.folder).read(run)  # what cannot be made anew is not forgotten
    return results_of([run], store, 1)[0]


# The digits that must be met ----------------------------------------------------------------------


def check(args: argparse.Namespace, store: Store) -> int:
    """Compare simple methods with their published means; return how many naive ones differ."""
    print("| method | set | measure | to be met | ours | difference | agree | source |")
    print("|---|---|---|--:|--:|--:|---|---|")
    failed = 0
    for key in args.sets:
        problem = Problem(key, args.data)
        naive = problem.errors(seasonal_naive_of(problem))
        failed += compare("seasonal naive", problem, naive, SEASONAL_NAIVE[key])
        compare("SES", problem, problem.errors(ses(problem.splits)), SES[key])
        for name in STATSFORECAST:
            result = by_statsforecast(problem, name, store) if "SES" in name else None
            if result is not None:
                compare(name, problem, problem.errors(result.forecast), SES[key])
    print(
        "\nagree: equal in every digit given. SES is a numerical optimum: its solvers stop at "
        "different ones, and none meets all digits of R's."
    )
    if statsforecast_version() is None:
        print("statsforecast is not installed: its rows are those stored, if any.")
    return failed


def compare(method: str, problem: Problem, found: Errors, digits: Digits) -> int:
    """Print two lines; return how many of them differ."""
    failed = 0
    pairs = zip(
        ("sMAPE", "MASE"),
        (digits.smape, digits.mase),
        (found.smape, found.mase),
        digits.decimals,
        strict=True,
    )
    for measure, published, ours, decimals in pairs:
        agree = round(ours, decimals) == published
        failed += not agree
        print(
            f"| {method} | {problem.series_set.title} | {measure} | {published:.{decimals}f} "
            f"| {ours:.{decimals + 1}f} | {100 * (ours / published - 1):+.2f} % "
            f"| {'yes' if agree else 'NO'} | {digits.source} |"
        )
    return failed
