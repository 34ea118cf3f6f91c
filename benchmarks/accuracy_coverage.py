"""Do intervals hold what they promise? Conformal ones and quantile heads, on the five sets."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from accuracy_forecasters import Problem, recipe, run_of
from accuracy_sets import Array, mase_scale
from accuracy_store import Store, results_of

from seqforecast.metrics import coverage, winkler

LEVELS = (80, 95)
KINDS = ("conformal", "quantile")


class Held(NamedTuple):
    """Of each series and level: share held, width and Winkler score in units of MASE's scale."""

    coverage: Array
    width: Array
    winkler: Array


def show(args: argparse.Namespace, store: Store) -> None:
    problems = [Problem(key, args.data, args.part) for key in args.sets]
    print(f"{args.part}, {args.cell}, mean of {args.seeds} seeds\n")
    print("| set | intervals | level | coverage | width | Winkler | sMAPE | MASE | fit, s |")
    print("|---|---|--:|--:|--:|--:|--:|--:|--:|")
    for kind in KINDS:
        show_kind(kind, problems, args, store)
    print(
        "\nCoverage is the mean over series of the share of values inside, in percent; ± is the "
        "standard deviation over seeds. Width and Winkler score are divided by the scale of MASE "
        "of each series. sMAPE and MASE are those of the forecasts in the middle, single runs."
    )


def show_kind(
    kind: str, problems: Sequence[Problem], args: argparse.Namespace, store: Store
) -> None:
    every = []
    for problem in problems:
        runs = []
        for seed in range(args.seeds):
            forecaster = recipe(problem, seed, cell=args.cell, intervals=kind)
            runs.append(run_of(problem, kind, forecaster, seed, level=LEVELS))
        results = results_of(runs, store, args.jobs)
        held = [held_by(problem, result.forecast) for result in results]
        every.append(held)
        found = np.mean([problem.errors(result.forecast[..., 0]) for result in results], axis=0)
        seconds = float(np.mean([result.seconds for result in results]))
        rest = f"{found[0]:.2f} | {found[2]:.3f} | {seconds:.1f}"
        show_lines(problem.series_set.title, kind, [means(one) for one in held], rest)
    by_seed = list(zip(*every, strict=True))
    of_sets = [np.mean([means(one) for one in sets], axis=0) for sets in by_seed]
    show_lines("mean of the sets", kind, of_sets)
    together = [means(Held(*map(np.concatenate, zip(*sets, strict=True)))) for sets in by_seed]
    show_lines("all series together", kind, together)


def held_by(problem: Problem, values: Array) -> Held:
    """Score forecasts (n_series, horizon, 1 + 2 * n_levels)."""
    season = problem.series_set.season
    rows = []
    for (past, future), ends in zip(problem.splits, values, strict=True):
        scale = mase_scale(past, season)
        for i, level in enumerate(LEVELS):
            lower, upper = ends[: len(future), 1 + 2 * i : 3 + 2 * i].T
            rows.append(
                (
                    100 * coverage(future, lower, upper),
                    np.mean(upper - lower) / scale,
                    winkler(future, lower, upper, level=level) / scale,
                )
            )
    return Held(*np.array(rows).reshape(len(values), len(LEVELS), 3).transpose(2, 0, 1))


def means(held: Held) -> Array:
    """Return the means over series (3, n_levels)."""
    return np.nanmean(held, axis=1)


def show_lines(title: str, kind: str, seeds: Sequence[Array], rest: str = " | | ") -> None:
    mean = np.mean(seeds, axis=0)
    deviation = np.std(seeds, axis=0, ddof=1) if len(seeds) > 1 else np.full_like(mean, np.nan)
    for i, level in enumerate(LEVELS):
        spread = "" if np.isnan(deviation[0, i]) else f" ± {deviation[0, i]:.1f}"
        print(
            f"| {title} | {kind} | {level} | {mean[0, i]:.1f}{spread} | {mean[1, i]:.2f} "
            f"| {mean[2, i]:.2f} | {rest} |",
            flush=True,
        )
