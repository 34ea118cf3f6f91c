"""What does observing the gradient cost, as a share of the time of a fit?

    python benchmarks/observing.py

The same fit with ``observe="auto"``, ``"epoch"`` and ``"off"`` in turn, with everything else at its
default (100 epochs at most, early stopping from 500 windows on), on the airline-like series of the
given numbers of windows. Times are processor times of the process on one thread; the share is the
median over the rounds of (observed / not observed - 1), both timed in the same round.
"""

from __future__ import annotations

import argparse
import statistics
import time

import torch

import seqforecast
from seqforecast import GRURegressor, LSTMRegressor, RNNRegressor, make_windows
from seqforecast.datasets import make_seasonal_ar

REGRESSORS = {"RNN": RNNRegressor, "LSTM": LSTMRegressor, "GRU": GRURegressor}
WAYS = ("off", "auto", "epoch")


def seconds(regressor: type, X: object, y: object, observe: str) -> tuple[float, int, int]:
    """Fit once; return processor seconds, epochs and records."""
    model = regressor(observe=observe, random_state=0)
    start = time.process_time()
    model.fit(X, y)
    took = time.process_time() - start
    records = 0 if observe == "off" else len(model.gradient_flow_.epochs)
    return took, model.n_iter_, records


def measure(regressor: type, n_windows: int, window: int, rounds: int) -> list[str]:
    """Return one row of the table."""
    series = make_seasonal_ar(n_windows + window, period=window // 2, random_state=0)
    X, y = make_windows(series, window)
    taken: dict[str, list[float]] = {way: [] for way in WAYS}
    counts = {}
    for round_ in range(rounds + 1):
        for way in WAYS if round_ % 2 else WAYS[::-1]:
            took, epochs, records = seconds(regressor, X, y, way)
            counts[way] = epochs, records
            if round_:  # the first round warms up
                taken[way].append(took)
    share = {
        way: statistics.median(a / b - 1 for a, b in zip(taken[way], taken["off"], strict=True))
        for way in WAYS
    }
    off = statistics.median(taken["off"])
    return [
        f"{n_windows:,}",
        str(window),
        str(counts["auto"][0]),
        str(counts["auto"][1]),
        f"{off:.2f}",
        f"**{100 * share['auto']:.1f} %**",
        f"{100 * share['epoch']:.1f} %",
    ]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--cells", nargs="+", choices=REGRESSORS, default=list(REGRESSORS))
    parser.add_argument("--windows", nargs="+", type=int, default=[150, 1_600, 10_000])
    parser.add_argument("--lengths", nargs="+", type=int, default=[24, 48], help="steps a window")
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()

    print(f"One thread, torch {torch.__version__}, seqforecast {seqforecast.__version__}\n")
    print("| cell | windows | steps | epochs | records | fit, s | auto | every epoch |")
    print("|---|--:|--:|--:|--:|--:|--:|--:|")
    for cell in args.cells:
        for n_windows in args.windows:
            for length in args.lengths:
                row = measure(REGRESSORS[cell], n_windows, length, args.rounds)
                print(f"| {cell} | {' | '.join(row)} |", flush=True)


if __name__ == "__main__":
    main()
