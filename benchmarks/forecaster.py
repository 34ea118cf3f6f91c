"""Time and memory of a Forecaster: a panel of 1,000 series, and a recurrent fit on M4 hourly.

    python benchmarks/forecaster.py                             # the panel
    python benchmarks/forecaster.py --data ../shared/data       # M4 hourly, too

For the panel (1,000 daily series of 1,000 steps) the parts of a fit before the regressor are timed
one by one: the frame is read, the histories are laid out, the baseline is fitted and the rows are
written; then `predict` for all series. The budgets are 2 s from frame to rows and 1 s for
`predict`. Each part runs in a fresh process, with one thread; what is printed is the median of
three rounds. M4 hourly (414 series, 353,500 points) is fitted by `recurrent_forecaster`; the peak
resident memory of the whole process must stay under 1,000 MB.
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
    from seqforecast.forecasting.regression import Regression

    forecaster = Forecaster(Ridge(), window=28, horizon=14)
    forecaster.fit(make_panel(3, 80)).predict()  # the first call loads code
    frame = make_panel(1_000, 1_000)
    marks = [("", time.perf_counter())]

    def note(name: str) -> None:
        marks.append((name, time.perf_counter()))

    fit_regressor = Regression.fit

    def fit(self, train, valid):
        note("frame to rows")
        fitted = fit_regressor(self, train, valid)
        note("fit of Ridge")
        return fitted

    Regression.fit = fit
    forecaster.fit(frame)
    note("")
    forecaster.predict()
    note("predict of 14 steps")
    forecaster.predict(56)
    note("predict of 56 steps")
    forecaster.read(frame)
    note("of which: frame to panel")
    spans = itertools.pairwise(marks)
    return {name: end - start for (_, start), (name, end) in spans if name}


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


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, help="folder that holds m4/Hourly-train.csv")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        print(json.dumps(measure_m4(args.data) if args.data else measure_panel()))
        return
    rounds = [in_a_process() for _ in range(ROUNDS)]
    print("| 1,000 series x 1,000 steps | s |\n|---|--:|")
    for name in rounds[0]:
        print(f"| {name} | {statistics.median(r[name] for r in rounds):.2f} |")
    if args.data:
        found = in_a_process("--data", str(args.data))
        print("\n| M4 hourly | |\n|---|--:|")
        for name, value in found.items():
            print(
                f"| {name} | {value:,.1f} |"
                if isinstance(value, float)
                else f"| {name} | {value:,} |"
            )


if __name__ == "__main__":
    main()
