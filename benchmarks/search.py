"""A search over a panel beside the same fits and forecasts done by hand.

    python benchmarks/search.py                             # twelve minutes
    python benchmarks/search.py --threads one --pairs 1     # two minutes

The panel has 1,000 daily series of 1,000 steps in a long frame, with text as ids. `GridSearchCV`
tries four windows of a `Forecaster(Ridge(), horizon=14)` on the three folds of `PanelSplit`, and
fits the best one to everything: 13 fits and 12 forecasts. By hand are the same: the rows of a fold
are picked by date, once for all four windows; `fit` is given those up to the cutoff, `predict`
those after it without their values; and numpy computes the mean over series of the mean absolute
error, or of R2, the default score. Both must find the same 12 scores, to 1e-9.

The two alternate, and the other one begins every second pair, because other work on the machine
comes and goes. The ratio is the median of those within the pairs; at most 1.1 is allowed. Both fit
the same models to the same rows: what a run takes beside its fits tells them apart with less noise.
All runs on a number of threads share a process. On one thread the clock is the processor's time,
which other processes lengthen little; on all threads it is the wall's.
"""

from __future__ import annotations

import argparse
import functools
import itertools
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

from forecaster import ONE_THREAD, make_panel

SIZE, SMALL = (1_000, 1_000), (3, 100)
WINDOWS, N_FOLDS, HORIZON = (7, 14, 21, 28), 3, 14
SCORES = {"MAE": "mae", "R2": None}
ALLOWED = 1.1


def mean_error(name: str, y, forecast) -> float:
    """Return the mean over series (n_series, HORIZON) of the negative error, or of R2."""
    import numpy as np

    if name == "MAE":
        return -float(np.abs(y - forecast).mean())
    spread = ((y - y.mean(axis=1, keepdims=True)) ** 2).sum(axis=1)
    return float((1 - ((y - forecast) ** 2).sum(axis=1) / spread).mean())


def by_hand(frame, name: str) -> list[float]:
    """Return the scores of all windows, fold by fold; fit the best window to everything."""
    import pandas as pd
    from sklearn.linear_model import Ridge

    from seqforecast import Forecaster

    scores: dict[int, list[float]] = {window: [] for window in WINDOWS}
    days = pd.Timedelta(days=HORIZON)
    for fold in range(N_FOLDS):
        cutoff = frame["ds"].max() - (N_FOLDS - fold) * days
        train = frame[frame["ds"] <= cutoff]
        test = frame[(frame["ds"] > cutoff) & (frame["ds"] <= cutoff + days)]
        y = test["y"].to_numpy().reshape(-1, HORIZON)
        for window in WINDOWS:
            forecaster = Forecaster(Ridge(), window=window, horizon=HORIZON)
            forecast = forecaster.fit(train).predict(test.drop(columns="y"))["y_hat"].to_numpy()
            scores[window].append(mean_error(name, y, forecast.reshape(y.shape)))
            del forecaster  # as in a search, which keeps none
    best = max(WINDOWS, key=lambda window: statistics.mean(scores[window]))
    Forecaster(Ridge(), window=best, horizon=HORIZON).fit(frame)
    return [score for window in WINDOWS for score in scores[window]]


def by_search(frame, name: str) -> list[float]:
    """Return the same scores, found by scikit-learn."""
    from sklearn.linear_model import Ridge
    from sklearn.model_selection import GridSearchCV

    from seqforecast import Forecaster, PanelSplit, forecast_scorer

    search = GridSearchCV(
        Forecaster(Ridge(), horizon=HORIZON),
        {"window": list(WINDOWS)},
        cv=PanelSplit(N_FOLDS, HORIZON),
        scoring=None if SCORES[name] is None else forecast_scorer(SCORES[name]),
    ).fit(frame)
    folds = [search.cv_results_[f"split{fold}_test_score"] for fold in range(N_FOLDS)]
    return [float(fold[k]) for k in range(len(WINDOWS)) for fold in folds]


def timing_fits(clock: Callable[[], float]) -> list[float]:
    """Let `Forecaster.fit` note its seconds in the list that is returned."""
    from seqforecast import Forecaster

    fit, noted = Forecaster.fit, []

    @functools.wraps(fit)
    def noting(self, X, y=None):
        start = clock()
        fitted = fit(self, X, y)
        noted.append(clock() - start)
        return fitted

    Forecaster.fit = noting
    return noted


CONTENDERS = {"by hand": by_hand, "search": by_search}


def child(pairs: int, clock: Callable[[], float]) -> dict[str, list[dict[str, float]]]:
    """Return the seconds of each pair, for each score."""
    import numpy as np

    fits = timing_fits(clock)
    for name, run in itertools.product(SCORES, CONTENDERS.values()):
        run(make_panel(*SMALL), name)  # the first call loads code
    frame = make_panel(*SIZE)
    found: dict[str, list[dict[str, float]]] = {name: [] for name in SCORES}
    for pair, name in itertools.product(range(pairs), SCORES):
        seconds, scores = {}, {}
        for contender in sorted(CONTENDERS, reverse=pair % 2 == 1):
            fits.clear()
            start = clock()
            scores[contender] = CONTENDERS[contender](frame, name)
            seconds[contender] = clock() - start
            seconds[f"{contender}, beside fits"] = seconds[contender] - sum(fits)
        np.testing.assert_allclose(scores["search"], scores["by hand"], rtol=1e-9)
        found[name].append(seconds)
    return found


def main() -> None:
    """Start a process for each number of threads; print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--threads", nargs="+", choices=["one", "all"], default=["one", "all"])
    parser.add_argument("--child", choices=["one", "all"], help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        clock = time.process_time if args.child == "one" else time.perf_counter
        print(json.dumps(child(args.pairs, clock)))
        return
    columns = "threads", "score", "by hand, s", "search, s", "search / by hand", "lowest, highest"
    print("|", " | ".join(columns), "| beside fits: by hand, s | search, s | ok |")
    print("|---|---|--:|--:|--:|--:|--:|--:|---|", flush=True)
    for threads in args.threads:
        command = [sys.executable, __file__, "--child", threads, "--pairs", str(args.pairs)]
        environment = {**os.environ, **(ONE_THREAD if threads == "one" else {})}
        run = subprocess.run(
            command, stdout=subprocess.PIPE, text=True, check=True, env=environment
        )
        for name, pairs in json.loads(run.stdout.splitlines()[-1]).items():
            print_row(threads, name, pairs)


def print_row(threads: str, name: str, pairs: list[dict[str, float]]) -> None:
    ratios = [seconds["search"] / seconds["by hand"] for seconds in pairs]
    median = {key: statistics.median(seconds[key] for seconds in pairs) for key in pairs[0]}
    ratio = statistics.median(ratios)
    print(
        f"| {threads} | {name} | {median['by hand']:.1f} | {median['search']:.1f} "
        f"| **{ratio:.2f}** | {min(ratios):.2f}, {max(ratios):.2f} "
        f"| {median['by hand, beside fits']:.2f} | {median['search, beside fits']:.2f} "
        f"| {'yes' if ratio <= ALLOWED else '**NO**'} |",
        flush=True,
    )


if __name__ == "__main__":
    main()
