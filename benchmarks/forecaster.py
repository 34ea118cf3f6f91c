"""Time and memory of a Forecaster: a panel of 1,000 series, and a recurrent fit on M4 hourly.

    python benchmarks/forecaster.py                             # the panel
    python benchmarks/forecaster.py --data ../shared/data       # M4 hourly, too

For the panel (1,000 daily series of 1,000 steps) what a fit does before the regressor is timed: the
frame is read, the histories are laid out, the baseline is fitted and the rows are written; then
`predict` for all series. The budgets are 2 s from frame to rows, with a peak of 4 times the memory
of the frame (counted by tracemalloc, in a process of its own), and 1 s for `predict`. Each round
runs in a fresh process, with one thread; what is printed is the median of three. M4 hourly (414
series, 353,500 points) is fitted by `recurrent_forecaster`; the peak resident memory of the whole
process must stay under 1,000 MB.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROUNDS = 3
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


def peak_mb() -> float:
    """Largest resident memory of this process so far, in MB (macOS counts bytes, Linux KiB)."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6


def make_panel(n_series: int, n_steps: int):
    import numpy as np
    import pandas as pd

    rng = np.random.default_rng(0)
    step = np.arange(n_steps)
    shape = 1 + 0.3 * np.sin(2 * np.pi * step / 7) + 0.1 * rng.normal(size=(n_series, n_steps))
    values = 50 + 100 * rng.lognormal(size=(n_series, 1)) * shape
    return pd.DataFrame(
        {
            "unique_id": np.repeat([f"series_{i:04d}" for i in range(n_series)], n_steps),
            "ds": np.tile(pd.date_range("2020-01-01", periods=n_steps, freq="D"), n_series),
            "y": values.ravel(),
        }
    )


def measure_panel() -> dict:
    from sklearn.linear_model import Ridge

    from seqforecast import Forecaster
    from seqforecast.forecasting.model.regressor_adapter import RegressorAdapter

    forecaster = Forecaster(Ridge(), window=28, horizon=14)
    forecaster.fit(make_panel(3, 80)).predict()  # the first call loads code
    frame = make_panel(1_000, 1_000)
    marks = [("", time.perf_counter())]

    def note(name: str) -> None:
        marks.append((name, time.perf_counter()))

    fit_regressor = RegressorAdapter.fit

    def fit(self, train, valid):
        note("frame to rows")
        fitted = fit_regressor(self, train, valid)
        note("fit of Ridge")
        return fitted

    RegressorAdapter.fit = fit
    forecaster.fit(frame)
    note("")
    forecaster.predict()
    note("predict of 14 steps")
    forecaster.predict(56)
    note("predict of 56 steps")
    forecaster._read(frame)
    note("of which: frame to panel")
    spans = itertools.pairwise(marks)
    return {name: end - start for (_, start), (name, end) in spans if name}


def measure_memory() -> dict:
    """Return the peak from frame to rows, as a multiple of the frame's own memory."""
    import tracemalloc

    from sklearn.linear_model import Ridge

    from seqforecast import Forecaster
    from seqforecast.forecasting.model.regressor_adapter import RegressorAdapter

    forecaster = Forecaster(Ridge(), window=28, horizon=14)
    forecaster.fit(make_panel(3, 80))
    frame = make_panel(1_000, 1_000)
    found: dict = {"frame, MB": frame.memory_usage(deep=True).sum() / 1e6}

    def fit(self, train, valid):  # noqa: ARG001  (in the place of RegressorAdapter.fit)
        peak = tracemalloc.get_traced_memory()[1] / 1e6
        found["rows and targets, MB"] = (train.rows.nbytes + train.targets.nbytes) / 1e6
        found["peak, times the frame"] = peak / found["frame, MB"]
        return self

    RegressorAdapter.fit = fit
    RegressorAdapter.by_step = []
    tracemalloc.start()
    forecaster.fit(frame)
    return found


def measure_m4(data: Path) -> dict:
    import numpy as np
    import pandas as pd

    from seqforecast import recurrent_forecaster

    wide = pd.read_csv(data / "m4" / "Hourly-train.csv", index_col=0)
    values = wide.to_numpy(dtype=float)
    series, step = np.nonzero(~np.isnan(values))
    frame = pd.DataFrame(
        {
            "unique_id": wide.index.to_numpy()[series],
            "ds": pd.date_range("2015-07-01", periods=values.shape[1], freq="h")[step],
            "y": values[series, step],
        }
    )
    before, start = peak_mb(), time.perf_counter()
    forecaster = recurrent_forecaster(horizon=48, random_state=0).fit(frame)
    fitted = time.perf_counter()
    forecaster.predict()
    return {
        "rows": len(frame),
        "peak before, MB": before,
        "fit, s": fitted - start,
        "predict, s": time.perf_counter() - fitted,
        "peak, MB": peak_mb(),
    }


def in_a_process(*arguments: str) -> dict:
    command = [sys.executable, __file__, "--child", *arguments]
    environment = {**os.environ, **ONE_THREAD}
    run = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=environment)
    return json.loads(run.stdout.splitlines()[-1])


CHILDREN = {"panel": measure_panel, "memory": measure_memory, "m4": measure_m4}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, help="folder that holds m4/Hourly-train.csv")
    parser.add_argument("--child", choices=CHILDREN, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        print(json.dumps(CHILDREN[args.child](*([args.data] if args.data else []))))
        return
    rounds = [in_a_process("panel") for _ in range(ROUNDS)]
    print("| 1,000 series x 1,000 steps | s |\n|---|--:|")
    for name in rounds[0]:
        print(f"| {name} | {statistics.median(r[name] for r in rounds):.2f} |")
    print_table("memory from frame to rows", in_a_process("memory"))
    if args.data:
        print_table("M4 hourly", in_a_process("m4", "--data", str(args.data)))


def print_table(title: str, found: dict) -> None:
    print(f"\n| {title} | |\n|---|--:|")
    for name, value in found.items():
        shown = f"{value:,.1f}" if isinstance(value, float) else f"{value:,}"
        print(f"| {name} | {shown} |")


if __name__ == "__main__":
    main()
