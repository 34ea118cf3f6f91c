"""What does it take to serve a forecast: time to start, memory, latency, size of the file?

    python benchmarks/serving.py

Windows of 48 steps of one channel, 32 units, one layer, one step ahead, on one thread. Each row is
a process of its own (the median of three) that loads a fitted model and forecasts a window after
window, then 1,000 windows at once. `ready` is the time from the start of Python to the loaded
model; `memory` the largest resident set of the process, the batch of 1,000 included. On a machine
that is busy with other work, ``--clock processor`` tells the processor time instead. Rows for
neuralforecast and darts appear where these are installed: the same LSTM, without scaling, served
in the way that their documentation tells.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import logging
import os
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

WINDOW, UNITS, BATCH = 48, 32, 1_000
CELLS = ("LSTM", "GRU", "RNN")
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")

CLOCKS = {"wall": time.perf_counter, "processor": time.process_time}

Forecast = Callable[[], Any]


# What is served: write(cell, path) makes a file, and serve(path) gives what forecasts one window
# and what forecasts 1,000. Only `serve` runs in the process that is measured.


def series() -> Any:
    import numpy as np

    rng = np.random.default_rng(0)
    n = BATCH + WINDOW
    return np.sin(np.arange(n) * 2 * np.pi / 12) + rng.normal(0, 0.3, n)


def rows() -> Any:
    import numpy as np

    return np.ascontiguousarray(np.lib.stride_tricks.sliding_window_view(series(), WINDOW)[:BATCH])


def fitted(cell: str) -> Any:
    import seqforecast

    X, y = seqforecast.make_windows(series(), window=WINDOW)
    regressor = getattr(seqforecast, f"{cell}Regressor")
    return regressor(hidden_size=UNITS, max_epochs=2, random_state=0).fit(X, y)


def write_torch(cell: str, path: Path) -> None:
    import seqforecast

    seqforecast.save(fitted(cell), path)


def serve_torch(path: Path) -> tuple[Forecast, Forecast]:
    import seqforecast

    return on_rows(seqforecast.load(path).predict)


def write_numpy(cell: str, path: Path) -> None:
    import seqforecast

    seqforecast.export_numpy(fitted(cell), path)


def serve_numpy(path: Path) -> tuple[Forecast, Forecast]:
    from seqforecast.runtime import load_numpy

    return on_rows(load_numpy(path).predict)


def write_onnx(cell: str, path: Path) -> None:
    import seqforecast

    seqforecast.export_onnx(fitted(cell), path)


def serve_onnx(path: Path) -> tuple[Forecast, Forecast]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return on_rows(lambda X: session.run(["y"], {"X": X}))


def on_rows(predict: Callable[[Any], Any]) -> tuple[Forecast, Forecast]:
    windows = rows()
    return lambda: predict(windows[:1]), lambda: predict(windows)


QUIET = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False}


def write_neuralforecast(cell: str, path: Path) -> None:
    from neuralforecast import NeuralForecast, models

    kind = getattr(models, cell)
    model = kind(
        h=1, input_size=WINDOW, encoder_n_layers=1, encoder_hidden_size=UNITS, decoder_layers=1,
        decoder_hidden_size=UNITS, max_steps=2, scaler_type="identity", accelerator="cpu", **QUIET,
    )  # fmt: skip
    forecaster = NeuralForecast([model], freq=1)
    forecaster.fit(long_frame(series()[None, : 3 * WINDOW]))
    forecaster.save(str(path), overwrite=True, save_dataset=False)


def serve_neuralforecast(path: Path) -> tuple[Forecast, Forecast]:
    from neuralforecast import NeuralForecast

    forecaster = NeuralForecast.load(str(path))
    one, many = long_frame(rows()[:1]), long_frame(rows())
    return lambda: forecaster.predict(one), lambda: forecaster.predict(many)


def long_frame(values: Any) -> Any:
    import numpy as np
    import pandas as pd

    n_series, n_steps = values.shape
    return pd.DataFrame(
        {
            "unique_id": np.repeat(np.arange(n_series), n_steps),
            "ds": np.tile(np.arange(n_steps), n_series),
            "y": values.ravel(),
        }
    )


def write_darts(cell: str, path: Path) -> None:
    from darts.models import BlockRNNModel

    model = BlockRNNModel(
        input_chunk_length=WINDOW, output_chunk_length=1, model=cell, hidden_dim=UNITS,
        n_rnn_layers=1, n_epochs=1, pl_trainer_kwargs={"accelerator": "cpu", **QUIET},
    )  # fmt: skip
    model.fit(time_series(series()[: 3 * WINDOW]))
    path.mkdir()
    model.save(str(path / "model.pt"))


def serve_darts(path: Path) -> tuple[Forecast, Forecast]:
    from darts.models import BlockRNNModel

    model = BlockRNNModel.load(str(path / "model.pt"))
    many = [time_series(row) for row in rows()]
    return (
        lambda: model.predict(1, series=many[0], verbose=False),
        lambda: model.predict(1, series=many, verbose=False, batch_size=BATCH),
    )


def time_series(values: Any) -> Any:
    import numpy as np
    from darts import TimeSeries

    return TimeSeries.from_values(values.astype(np.float32))


SERVERS: dict[str, tuple[Callable[[str, Path], None], Callable[[Path], tuple[Forecast, Forecast]]]]
SERVERS = {
    "numpy": (write_numpy, serve_numpy),
    "onnxruntime": (write_onnx, serve_onnx),
    "torch": (write_torch, serve_torch),
    "neuralforecast": (write_neuralforecast, serve_neuralforecast),
    "darts": (write_darts, serve_darts),
}
NAMES = {"numpy": "`runtime`, numpy alone", "torch": "`seqforecast.load`, torch"}


# The process that is measured --------------------------------------------------------------------


def measured(kind: str, path: Path, clock: str, started: float) -> dict[str, float]:
    """Serve in this process; return seconds and megabytes."""
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    one, many = SERVERS[kind][1](path)
    ready = time.time() - started if clock == "wall" else time.process_time()
    single, batch = (latencies(forecast, CLOCKS[clock]) for forecast in (one, many))
    return {
        "ready": ready,
        "memory": peak_megabytes(),
        "one": statistics.median(single),
        "one_p99": percentile_99(single),
        "batch": statistics.median(batch),
        "batch_p99": percentile_99(batch),
    }


def latencies(forecast: Forecast, clock: Callable[[], float]) -> list[float]:
    """Call for two seconds, 10 to 2,000 times; the first three calls, to warm up, do not count."""
    for _ in range(3):
        forecast()
    found: list[float] = []
    while len(found) < 10 or (sum(found) < 2.0 and len(found) < 2_000):
        start = clock()
        forecast()
        found.append(clock() - start)
    return found


def percentile_99(values: list[float]) -> float:
    return sorted(values)[int(0.99 * (len(values) - 1))]


def peak_megabytes() -> float:
    """Return the largest resident set; getrusage would count the parent's before the exec."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


# The table ---------------------------------------------------------------------------------------


def row(kind: str, cell: str, path: Path, clock: str, rounds: int) -> str:
    """Return one row: the median of several processes."""
    runs = []
    for _ in range(rounds):
        command = [sys.executable, __file__, "--child", kind, str(path), clock, repr(time.time())]
        done = subprocess.run(
            command, capture_output=True, text=True, check=True,
            env={**os.environ, **ONE_THREAD},
        )  # fmt: skip
        runs.append(json.loads(done.stdout.splitlines()[-1]))
    middle = {name: statistics.median(run[name] for run in runs) for name in runs[0]}
    ms = {name: 1e3 * middle[name] for name in ("one", "one_p99", "batch", "batch_p99")}
    return (
        f"| {cell} | {NAMES.get(kind, kind)} | {size_of(path) / 1024:,.0f} | "
        f"{middle['ready']:.2f} | {middle['memory']:,.0f} | **{ms['one']:.3g}** | "
        f"{ms['one_p99']:.3g} | {ms['batch']:,.3g} | {ms['batch_p99']:,.3g} |"
    )


def size_of(path: Path) -> int:
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--cells", nargs="+", choices=CELLS, default=list(CELLS))
    parser.add_argument("--servers", nargs="+", choices=SERVERS, default=list(SERVERS))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--clock", choices=CLOCKS, default="wall")
    parser.add_argument("--child", nargs=4, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        kind, path, clock, started = args.child
        print(json.dumps(measured(kind, Path(path), clock, float(started))))
        return

    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    installed = [kind for kind in args.servers if importlib.util.find_spec(kind)]
    print(
        "| cell | served by | file, KB | ready, s | memory, MB | one, ms | p99 | 1,000, ms | p99 |"
    )
    print("|---|---|--:|--:|--:|--:|--:|--:|--:|")
    with tempfile.TemporaryDirectory() as folder:
        for cell in args.cells:
            for kind in installed:
                path = Path(folder, f"{kind}-{cell}")
                SERVERS[kind][0](cell, path)
                print(row(kind, cell, path, args.clock, args.rounds), flush=True)


if __name__ == "__main__":
    main()
