"""What does each part of the recipe bring? One change at a time, against the default.

By default on validation data: the last horizon of the training parts. NN5 is then shorter than two
years, so that calendar="auto" tells nothing; the position in the year is asked for instead, of sets
with dates alone.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from accuracy_forecasters import Problem, median_of, recipe, run_of
from accuracy_last_step import with_last_step_loss
from accuracy_sets import Array
from accuracy_store import Run, Store, results_of

from seqforecast import Forecaster

CHOSEN = "default"
TORCH = {"forget_bias": None, "recurrent_init": None}


class Variant(NamedTuple):
    """The default with one change: of the recipe's arguments, or of what it returns."""

    name: str
    change: Callable[[Forecaster], Forecaster]
    arguments: dict[str, Any]


def parameters(**values: Any) -> Callable[[Forecaster], Forecaster]:
    return partial(set_parameters, values=values)


def set_parameters(forecaster: Forecaster, values: dict[str, Any]) -> Forecaster:
    return forecaster.set_params(**values)


def network(**values: Any) -> Callable[[Forecaster], Forecaster]:
    return parameters(**{f"regressor__{name}": value for name, value in values.items()})


def variant(name: str, change: Callable[[Forecaster], Forecaster], **arguments: Any) -> Variant:
    return Variant(name, change, arguments)


DEFAULT = variant(CHOSEN, parameters())
GROUPS: dict[str, list[Variant]] = {
    "baseline": [
        variant(f"baseline={name!r}", parameters(baseline=name))
        for name in ("linear", "seasonal", "last", None)
    ],
    "loss": [variant("loss at the last step only", with_last_step_loss)],
    "scaling": [
        variant(f"scaling={name!r}", network(scaling=name)) for name in (None, "standard", "window")
    ],
    "transform": [variant("transform=None", parameters(transform=None))],
    "initialisation": [
        variant("PyTorch's own", network(**TORCH)),
        variant("forget bias 1", network(**TORCH | {"forget_bias": 1.0})),
        variant("chrono", network(**TORCH | {"forget_bias": "chrono"})),
        variant("chrono + orthogonal", network(forget_bias="chrono", recurrent_init="orthogonal")),
    ],
    "weight": [
        variant(f"regressor_weight={weight!r}", parameters(regressor_weight=weight))
        for weight in ("auto", 1.0)
    ],
    "calendar": [variant("calendar=['year']", parameters(calendar=["year"]))],
    "size": [
        variant("hidden_size=64", network(hidden_size=64)),
        variant("dropout=0.3", network(dropout=0.3)),
    ],
    "cell": [variant(f"cell={cell!r}", parameters(), cell=cell) for cell in ("lstm", "gru", "rnn")],
}


class Outcome(NamedTuple):
    """Errors (n_sets, n_seeds, 2) of single runs and (n_sets, 2) of their median: sMAPE, MASE."""

    single: Array
    median: Array
    is_default: bool


def show(args: argparse.Namespace, store: Store) -> None:
    problems = [Problem(key, args.data, args.part) for key in args.sets]
    dated = all(problem.series_set.start is not None for problem in problems)
    groups = [name for name in args.ablation or GROUPS if dated or name != "calendar"]
    variants = [DEFAULT, *(v for name in groups for v in GROUPS[name])]
    runs = {v.name: [runs_of(problem, v, args.seeds) for problem in problems] for v in variants}
    # All in one go, so that no core waits for the last run of a variant.
    results_of(once(run for sets in runs.values() for one in sets for run in one), store, args.jobs)
    default = outcome(runs[CHOSEN], runs[CHOSEN], problems, store)
    print(header(problems, args))
    for name, of_sets in runs.items():
        print(line(name, outcome(of_sets, runs[CHOSEN], problems, store), default))
    print(note(args.seeds))


def runs_of(problem: Problem, variant: Variant, seeds: int) -> list[Run]:
    forecasters = [
        variant.change(recipe(problem, seed, **variant.arguments)) for seed in range(seeds)
    ]
    # A variant that is the default has its fingerprint, and so its runs.
    return [run_of(problem, "network", one, seed) for seed, one in enumerate(forecasters)]


def once(runs: Any) -> list[Run]:
    return list({run.place: run for run in runs}.values())


def outcome(
    of_sets: Sequence[Sequence[Run]],
    default: Sequence[Sequence[Run]],
    problems: Sequence[Problem],
    store: Store,
) -> Outcome:
    single, median = [], []
    for problem, runs in zip(problems, of_sets, strict=True):
        results = results_of(runs, store, 1)
        found = [problem.errors(result.forecast) for result in results]
        single.append([(one.smape, one.mase) for one in found])
        middle = problem.errors(median_of(results))
        median.append((middle.smape, middle.mase))
    same = of_sets[0][0].place == default[0][0].place
    return Outcome(np.array(single), np.array(median), same)


def header(problems: Sequence[Problem], args: argparse.Namespace) -> str:
    titles = [problem.series_set.title for problem in problems]
    columns = ["sMAPE, relative", "MASE, relative", "median: sMAPE", "MASE", *titles]
    return (
        f"{args.part}, {args.seeds} seeds\n\n| change | {' | '.join(columns)} |\n"
        f"|---{'|--:' * len(columns)}|"
    )


def line(name: str, found: Outcome, default: Outcome) -> str:
    """Write errors relative to the default's mean, over sets, and those of each set."""
    relative = geometric_mean(found.single / default.single.mean(axis=1, keepdims=True))
    of_median = geometric_mean(found.median / default.median)
    cells = [with_deviation(relative[:, measure]) for measure in (0, 1)]
    cells += [f"{ratio:.3f}" for ratio in of_median]
    cells += [f"{smape:.2f} / {mase:.3f}" for smape, mase in found.single.mean(axis=1)]
    mark = " (default)" if found.is_default and name != CHOSEN else ""
    return f"| {name}{mark} | {' | '.join(cells)} |"


def geometric_mean(ratios: Array) -> Array:
    """Return the geometric mean over sets, the first axis."""
    return np.exp(np.mean(np.log(ratios), axis=0))


def with_deviation(ratios: Array) -> str:
    mean = f"{ratios.mean():.3f}"
    return mean if len(ratios) < 2 else f"{mean} ± {ratios.std(ddof=1):.3f}"


def note(seeds: int) -> str:
    return (
        "\nRelative: geometric mean over sets of the error of a single run, divided by the mean "
        f"of the default's; ± is its standard deviation over the {seeds} seeds. By chance alone "
        f"two such means lie {np.sqrt(2 / seeds):.2f} times that apart (one standard deviation). "
        "median: the same of the median of all seeds. Of each set: sMAPE / MASE, mean of the "
        "single runs."
    )
