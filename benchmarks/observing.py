"""What does observing the gradient cost, as a share of the time of a fit?

    python benchmarks/observing.py

Fits with ``observe="auto"`` and with ``"epoch"``, everything else at its default (100 epochs at
most, early stopping from 500 windows on), on seasonal series cut into the given numbers of windows.
The share is the processor time spent in the recorder over that of the rest of the fit, on one
thread: the median over the rounds. Two fits, one of them not observed, differ by more than the
recorder takes, from noise alone.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch

import seqforecast
from seqforecast import GRURegressor, LSTMRegressor, RNNRegressor, make_windows
from seqforecast.callbacks import GradientFlowRecorder
from seqforecast.datasets import make_seasonal_ar

REGRESSORS = {"RNN": RNNRegressor, "LSTM": LSTMRegressor, "GRU": GRURegressor}
WORK = ("on_epoch_begin", "on_epoch_end", "finish")


@contextmanager
def stopwatch() -> Iterator[list[float]]:
    """Collect the processor seconds that recorders spend in the methods that do work."""
    spent: list[float] = []
    own = {name: getattr(GradientFlowRecorder, name) for name in WORK}

    def timed(method: Callable) -> Callable:
        def run(*args: object, **kwargs: object) -> object:
            start = time.process_time()
            try:
                return method(*args, **kwargs)
            finally:
                spent.append(time.process_time() - start)

        return run

    for name, method in own.items():
        setattr(GradientFlowRecorder, name, timed(method))
    try:
        yield spent
    finally:
        for name, method in own.items():
            setattr(GradientFlowRecorder, name, method)


def share(regressor: type, X: object, y: object, observe: str) -> tuple[float, float, int, int]:
    """Fit once; return the share, the seconds of the rest, epochs and records."""
    model = regressor(observe=observe, random_state=0)
    with stopwatch() as spent:
        start = time.process_time()
        model.fit(X, y)
        total = time.process_time() - start
    rest = total - sum(spent)
    return sum(spent) / rest, rest, model.n_iter_, len(model.gradient_flow_.epochs)


def row(regressor: type, n_windows: int, window: int, rounds: int) -> str:
    """Return one row of the table; a first round, not counted, warms up."""
    series = make_seasonal_ar(n_windows + window, period=window // 2, random_state=0)
    X, y = make_windows(series, window)
    runs = [
        [share(regressor, X, y, observe) for observe in ("auto", "epoch")]
        for _ in range(rounds + 1)
    ][1:]
    auto, every = (statistics.median(run[k][0] for run in runs) for k in range(2))
    rest = statistics.median(run[0][1] for run in runs)
    _, _, epochs, records = runs[0][0]
    return (
        f"{n_windows:,} | {window} | {epochs} | {records} | {rest:.2f} | **{100 * auto:.1f} %** | "
        f"{100 * every:.1f} %"
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--cells", nargs="+", choices=REGRESSORS, default=list(REGRESSORS))
    parser.add_argument("--windows", nargs="+", type=int, default=[150, 1_600])
    parser.add_argument("--lengths", nargs="+", type=int, default=[24, 48], help="steps a window")
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()

    print(f"One thread, torch {torch.__version__}, seqforecast {seqforecast.__version__}\n")
    print("| cell | windows | steps | epochs | records | the rest, s | auto | every epoch |")
    print("|---|--:|--:|--:|--:|--:|--:|--:|")
    for cell in args.cells:
        for n_windows in args.windows:
            for length in args.lengths:
                line = row(REGRESSORS[cell], n_windows, length, args.rounds)
                print(f"| {cell} | {line} |", flush=True)


if __name__ == "__main__":
    main()
