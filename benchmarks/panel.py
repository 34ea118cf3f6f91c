"""Time and peak memory of reading a long frame: frames become arrays once, vectorised.

    python benchmarks/panel.py
    python benchmarks/panel.py --sizes 1000x1000

Each frame is read in a fresh process, with rows sorted or shuffled, with and without two feature
columns (one known for the past only). Its peak resident memory (getrusage's ru_maxrss) is read
after the frame was made, with what making it took touched already, and after `read_panel`;
tracemalloc, in a second reading, counts what was allocated at once, free pages of the process or
not. Both are given as multiples of the frame's own memory; allowed is 4.
"""

from __future__ import annotations

import argparse
import gc
import json
import resource
import subprocess
import sys
import time
import tracemalloc

SIZES = ("1000x1000", "10000x100")
ALLOWED_SECONDS, ALLOWED_MEMORY = 2, 4


def peak_bytes() -> int:
    """Largest resident memory of this process so far (macOS counts bytes, Linux KiB)."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def make_frame(n_series: int, n_steps: int, *, shuffled: bool, features: bool):
    """Make a long frame of hourly series with text as ids."""
    import numpy as np
    import pandas as pd

    rng = np.random.default_rng(0)
    n_rows = n_series * n_steps
    order = rng.permutation(n_rows) if shuffled else np.arange(n_rows)
    ids = pd.Series([f"series_{i:05d}" for i in range(n_series)])
    times = pd.Series(pd.date_range("2024-01-01", periods=n_steps, freq="h"))
    frame = pd.DataFrame(
        {
            "unique_id": ids.take(order // n_steps).to_numpy(),
            "ds": times.take(order % n_steps).to_numpy(),
            "y": rng.standard_normal(n_rows),
        }
    )
    if features:
        frame["promo"], frame["heat"] = rng.integers(0, 2, n_rows), rng.standard_normal(n_rows)
    return frame


def child(size: str, *, shuffled: bool, features: bool) -> dict:
    """Measure one frame in this process."""
    from seqforecast.forecasting.data.frames import read_panel

    past = ["heat"] if features else None
    # The first call loads code that a frame of any size loads.
    read_panel(make_frame(3, 9, shuffled=True, features=features), past=past)
    n_series, n_steps = map(int, size.split("x"))
    frame = make_frame(n_series, n_steps, shuffled=shuffled, features=features)
    gc.collect()
    own = int(frame.memory_usage(deep=True).sum())

    before, start = peak_bytes(), time.perf_counter()
    panel, _ = read_panel(frame, past=past)
    seconds, resident = time.perf_counter() - start, peak_bytes() - before
    assert panel.n_series == n_series
    del panel
    tracemalloc.start()
    read_panel(frame, past=past)
    return {
        "size": size,
        "rows": "shuffled" if shuffled else "sorted",
        "features": 2 if features else 0,
        "frame": own,
        "seconds": seconds,
        "resident": resident / own,
        "allocated": tracemalloc.get_traced_memory()[1] / own,
    }


def main() -> None:
    """Start a process for each frame; print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sizes", nargs="+", default=SIZES, help="series x steps")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("--shuffled", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--features", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        print(json.dumps(child(args.child, shuffled=args.shuffled, features=args.features)))
        return

    print("| series x steps | rows | features | frame, MB | s | peak, resident | allocated | ok |")
    print("|---|---|--:|--:|--:|--:|--:|---|")
    for size in args.sizes:
        for options in ([], ["--shuffled"], ["--features"], ["--shuffled", "--features"]):
            command = [sys.executable, __file__, "--child", size, *options]
            run = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
            found = json.loads(run.stdout.splitlines()[-1])
            most = max(found["resident"], found["allocated"])
            ok = found["seconds"] < ALLOWED_SECONDS and most < ALLOWED_MEMORY
            print(
                f"| {size} | {found['rows']} | {found['features']} | {found['frame'] / 1e6:.0f} "
                f"| {found['seconds']:.2f} | {found['resident']:.2f} x "
                f"| {found['allocated']:.2f} x | {'yes' if ok else '**NO**'} |"
            )


if __name__ == "__main__":
    main()
