"""Peak memory and time of a fit on ten million steps: windows are views, never copies.

    python benchmarks/memory.py                     # an array, a Series, a frame of two columns
    python benchmarks/memory.py --inputs array --steps 1000000

Each input is measured in a fresh process. Its peak resident memory (getrusage's ru_maxrss, which
never falls) is read after the imports, after the series was made, and around each phase of
`make_windows` and `fit`; the fit may add 300 MB to the series. 'added' is the peak of the process
less its peak before make_windows, so it counts nothing that was there before; the series itself
is counted in 'before'. One thread.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time

INPUTS = ("array", "series", "frame")
PHASES = {
    "checks of X and y": ("seqforecast.regressors.base", "RecurrentRegressor", "_training_data"),
    "split": ("seqforecast.regressors.base", "RecurrentRegressor", "_split"),
    "scaling and network": ("seqforecast.regressors.base", "RecurrentRegressor", "_new_net"),
    "steps and validation": ("seqforecast.training.net", "RecurrentNet", "train"),
}
ALLOWED_MB = 300


def peak_mb() -> float:
    """Largest resident memory of this process so far, in MB (macOS counts bytes, Linux KiB)."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6


def timed(report: list, name: str, function):
    """Return `function` with a note of its time and of the peak it raised."""

    def measured(*args, **kwargs):
        before, start = peak_mb(), time.perf_counter()
        result = function(*args, **kwargs)
        report.append([name, time.perf_counter() - start, peak_mb() - before])
        return result

    return measured


def child(kind: str, n_steps: int, window: int, max_steps: int) -> dict:
    """Measure one input in this process."""
    import importlib

    import numpy as np
    import pandas as pd

    from seqforecast import LSTMRegressor, make_windows

    report: list[list] = []
    for name, (module, owner, method) in PHASES.items():
        cls = getattr(importlib.import_module(module), owner)
        setattr(cls, method, timed(report, name, getattr(cls, method)))
    # The first backward pass loads code that a fit of any size loads.
    LSTMRegressor(max_epochs=1).fit(*make_windows(np.arange(60.0), 8))
    report.clear()
    imported = peak_mb()

    series = np.empty(n_steps)
    np.random.default_rng(0).standard_normal(out=series)
    data = series
    if kind != "array":
        index = pd.date_range("2000-01-01", periods=n_steps, freq="min")
        data = pd.Series(series, index=index, name="y", copy=False)
    if kind == "frame":
        promo = np.random.default_rng(1).standard_normal(n_steps)
        data = pd.DataFrame({"y": series, "promo": promo}, index=index, copy=False)
    before = peak_mb()

    cut = timed(report, "make_windows", make_windows)
    X, y = cut(data, window)
    n_channels = X.shape[1] // window
    model = LSTMRegressor(n_channels=n_channels, max_steps=max_steps, random_state=0)
    fit = timed(report, "fit, the whole", model.fit)
    fit(X, y)
    return {
        "kind": kind,
        "imported": imported,
        "before": before,
        "added": peak_mb() - before,
        "phases": report,
        "loss": float(model.history_["train_loss"].iloc[-1]),
    }


def main() -> None:
    """Start a process for each input; print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--inputs", nargs="+", choices=INPUTS, default=INPUTS)
    parser.add_argument("--steps", type=int, default=10_000_000, help="length of the series")
    parser.add_argument("--window", type=int, default=168)
    parser.add_argument("--max-steps", type=int, default=200, help="training steps")
    parser.add_argument("--child", choices=INPUTS, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        print(json.dumps(child(args.child, args.steps, args.window, args.max_steps)))
        return

    results = []
    for kind in args.inputs:
        sizes = ["--steps", args.steps, "--window", args.window, "--max-steps", args.max_steps]
        command = [sys.executable, __file__, "--child", kind, *map(str, sizes)]
        run = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        results.append(json.loads(run.stdout.splitlines()[-1]))

    print(
        f"Peak memory in MB: LSTMRegressor(max_steps={args.max_steps}).fit on {args.steps:,} "
        f"steps of float64 ({args.steps * 8 / 1e6:.0f} MB a channel), window {args.window}\n"
    )
    print(f"| input | after imports | with the series | added | at most {ALLOWED_MB} |")
    print("|---|--:|--:|--:|---|")
    for result in results:
        verdict = "yes" if result["added"] <= ALLOWED_MB else "**NO**"
        print(
            f"| {result['kind']} | {result['imported']:.0f} | {result['before']:.0f} "
            f"| **{result['added']:.0f}** | {verdict} |"
        )
    for result in results:
        print(f"\n{result['kind']}\n\n| phase | s | raised the peak by, MB |\n|---|--:|--:|")
        for name, seconds, megabytes in result["phases"]:
            print(f"| {name} | {seconds:.2f} | {megabytes:.0f} |")


if __name__ == "__main__":
    main()
