"""Does the initialisation decide whether a lag of 24 steps is learnt in 1,500 steps?

    python benchmarks/seasonal_ar.py                     # every variant of LSTM, GRU and RNN
    python benchmarks/seasonal_ar.py --cells LSTM GRU --variants torch default

The series is y[t] = 0.9 y[t - 24] + e[t]: its only memory lies 24 steps back, the best possible
mean squared error is 0.19, and the mean of the series has 1. Lag 0 is the last step of a window, so
the useful one is lag 23; whoever takes lag 47 instead, two seasons back, can reach 1 - 0.9**4 =
0.344. Every run draws a training series,
fits, and is tested on a fresh series. Results go, one line a run, into a JSON-lines file; a run
that is found there is not repeated, so that a broken-off table goes on where it stopped.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from pathlib import Path

import numpy as np
import torch

import seqforecast
from seqforecast import GRURegressor, LSTMRegressor, RNNRegressor, make_windows
from seqforecast.datasets import make_seasonal_ar

RESULTS = Path(__file__).parent / "results" / "seasonal_ar.jsonl"
REGRESSORS = {"LSTM": LSTMRegressor, "GRU": GRURegressor, "RNN": RNNRegressor}
PERIOD = 24
TRAINING = {"hidden_size": 32, "batch_size": 64}
TEST_STEPS, TEST_SEED = 20_000, 1_000

GATED = {
    "PyTorch's own": {"forget_bias": None, "recurrent_init": None},
    "PyTorch's own + orthogonal": {"forget_bias": None, "recurrent_init": "orthogonal"},
    "forget bias 1": {"forget_bias": 1.0, "recurrent_init": None},
    "forget bias 1 + orthogonal": {"forget_bias": 1.0, "recurrent_init": "orthogonal"},
    "chrono": {"forget_bias": "chrono", "recurrent_init": None},
    "chrono + orthogonal (default)": {"forget_bias": "chrono", "recurrent_init": "orthogonal"},
}
UNGATED = {
    "PyTorch's own": {"recurrent_init": None},
    "orthogonal (default)": {"recurrent_init": "orthogonal"},
}
WORDS = {"torch": "PyTorch's own", "default": "(default)"}


def variants(cell: str, wanted: list[str]) -> dict[str, dict]:
    """Return the initialisations of a cell: all of them, or those picked on the command line."""
    table = UNGATED if cell == "RNN" else GATED
    if "all" in wanted:
        return table
    return {
        name: params
        for name, params in table.items()
        if ("torch" in wanted and name == WORDS["torch"])
        or ("default" in wanted and name.endswith(WORDS["default"]))
    }


def measure(cell: str, params: dict, seed: int, length: int, max_steps: int, window: int) -> dict:
    """Fit once; return the test error and what it can be compared with."""
    X, y = make_windows(make_seasonal_ar(length, period=PERIOD, random_state=seed), window)
    model = REGRESSORS[cell](**TRAINING, **params, max_steps=max_steps, random_state=seed)
    start = time.perf_counter()
    model.fit(X, y)
    seconds = time.perf_counter() - start
    test = make_seasonal_ar(TEST_STEPS, period=PERIOD, random_state=TEST_SEED + seed)
    X, y = make_windows(test, window)
    return {
        "test_mse": float(np.mean((model.predict(X) - y) ** 2)),
        "best_mse": float(np.mean((0.9 * X[:, -PERIOD] - y) ** 2)),
        "mean_mse": float(np.mean(y**2)),
        "grad_norm": float(model.history_["grad_norm"].iloc[-1]),
        "strongest_lag": int(model.gradient_flow_.input_sensitivity[0, :, 0].argmax()),
        "seconds": seconds,
    }


def load(path: Path) -> dict[tuple, dict]:
    """Read finished runs by what identifies them."""
    if not path.exists():
        return {}
    lines = (json.loads(line) for line in path.read_text().splitlines() if line.strip())
    return {tuple(line["run"]): line for line in lines}


def table(rows: dict[str, list[dict]], seeds: int) -> str:
    """Write test errors, and the lag that moves the forecast most, as a markdown table."""
    each = " | ".join(f"seed {seed}" for seed in range(seeds))
    lines = [
        f"| initialisation | min | median | max | below 0.45 | {each} |",
        "|---" + "|--:" * (4 + seeds) + "|",
    ]
    for name, results in rows.items():
        errors = [result["test_mse"] for result in results]
        good = f"{sum(error < 0.45 for error in errors)} of {len(errors)}"
        middle = statistics.median(errors)
        numbers = " | ".join(
            f"{result['test_mse']:.3f} (lag {result['strongest_lag']})" for result in results
        )
        lines.append(
            f"| {name} | {min(errors):.3f} | **{middle:.3f}** | {max(errors):.3f} | {good} "
            f"| {numbers} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Run what is missing, then print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--cells", nargs="+", choices=REGRESSORS, default=list(REGRESSORS))
    parser.add_argument("--variants", nargs="+", choices=["all", *WORDS], default=["all"])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=1_500, help="training steps (max_steps)")
    parser.add_argument("--length", type=int, default=200_000, help="points of the series")
    parser.add_argument("--window", type=int, default=2 * PERIOD, help="steps of a window")
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--fresh", action="store_true", help="forget earlier results")
    args = parser.parse_args()

    if args.fresh:
        args.results.unlink(missing_ok=True)
    args.results.parent.mkdir(parents=True, exist_ok=True)
    done = load(args.results)
    tables: dict[str, dict[str, list[dict]]] = {}
    best: list[float] = []
    for cell in args.cells:
        rows = tables.setdefault(cell, {})
        for name, params in variants(cell, args.variants).items():
            for seed in range(args.seeds):
                run = (
                    *(seqforecast.__version__, cell, name),
                    *(seed, args.length, args.steps, args.window),
                )
                if run not in done:
                    done[run] = {"run": run, **measure(cell, params, *run[3:])}
                    with args.results.open("a") as file:
                        file.write(json.dumps(done[run]) + "\n")
                result = done[run]
                print(
                    f"{cell} {name}, seed {seed}: {result['test_mse']:.3f} "
                    f"({result['seconds']:.0f} s)",
                    file=sys.stderr,
                    flush=True,
                )
                rows.setdefault(name, []).append(result)
                best.append(result["best_mse"])

    print(
        f"Test error (MSE) after {args.steps:,} steps of batch {TRAINING['batch_size']} on "
        f"{args.length:,} points; period {PERIOD}, window {args.window}, hidden size "
        f"{TRAINING['hidden_size']}; tested on {TEST_STEPS:,} points of a fresh series. Best "
        f"possible 0.19 ({min(best):.3f} to {max(best):.3f} on these test series), the mean 1.0. "
        f"torch {torch.__version__}, seqforecast {seqforecast.__version__}."
    )
    for cell, rows in tables.items():
        print(f"\n{cell}\n\n{table(rows, args.seeds)}")


if __name__ == "__main__":
    main()
