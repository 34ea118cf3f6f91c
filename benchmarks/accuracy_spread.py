"""How far do seeds lie apart? A reader needs it to tell a gain from noise."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import numpy as np
from accuracy_forecasters import Problem, median_of, recipe, run_of
from accuracy_sets import Array
from accuracy_store import Result, Store, results_of

ENSEMBLE = 5
PARTITIONS = 200


def show(args: argparse.Namespace, store: Store) -> None:
    for key in args.sets:
        problem = Problem(key, args.data, args.part)
        runs = [
            run_of(problem, args.cell, recipe(problem, seed, cell=args.cell), seed)
            for seed in range(args.seeds)
        ]
        results = results_of(runs, store, args.jobs)
        errors = np.array([problem.errors(result.forecast) for result in results])
        print(f"**{problem.series_set.title}**, {args.part}, {args.cell}, {args.seeds} seeds\n")
        print("| seed | sMAPE | sMAPE, Suilin | MASE |\n|---|--:|--:|--:|")
        for seed, row in enumerate(errors):
            print(line(str(seed), row))
        print(line("mean", errors.mean(axis=0)))
        if len(errors) > 1:
            print(line("standard deviation", errors.std(axis=0, ddof=1)))
        print(line("lowest", errors.min(axis=0)))
        print(line("highest", errors.max(axis=0)))
        print(line(f"median of all {args.seeds}", np.array(problem.errors(median_of(results)))))
        if len(results) >= 2 * ENSEMBLE:
            of_medians = deviation_of_medians(problem, results)
            print(line(f"standard deviation of a median of {ENSEMBLE}", of_medians))
        print()


def line(name: str, row: Array) -> str:
    return f"| {name} | {row[0]:.3f} | {row[1]:.3f} | {row[2]:.4f} |"


def deviation_of_medians(problem: Problem, results: Sequence[Result]) -> Array:
    """Return by how much medians of some seeds differ from those of others.

    Seeds are dealt into ensembles that share none, again and again: the mean variance within a
    deal is unbiased.
    """
    rng = np.random.default_rng(0)
    whole = len(results) // ENSEMBLE * ENSEMBLE
    variances = []
    for _ in range(PARTITIONS):
        ensembles = rng.permutation(len(results))[:whole].reshape(-1, ENSEMBLE)
        errors = [problem.errors(median_of([results[i] for i in group])) for group in ensembles]
        variances.append(np.var(errors, axis=0, ddof=1))
    return np.sqrt(np.mean(variances, axis=0))
