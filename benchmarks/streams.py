"""What an update of a stream costs, and how far its forecast is from that of the moved window.

    python benchmarks/streams.py                # the cost; 2 minutes
    python benchmarks/streams.py --relation     # the distance from predict, on the sunspots

The cost of one step of all series is processor time, of one thread: what other work on the machine
takes is left out. It is the median of the rounds that fit into two seconds, three at least.
A regressor (LSTM, 32 units) is asked with `predict` for windows of 48 and
300 steps, and by `update` of a stream. A `Forecaster` (window 24, horizon 7, season 7) takes a row
of an array by `update` and `predict`, or by `update` of a stream; its series have 1,000 or 100,000
steps. 10,000 series of 100,000 steps are 8 GB, and left out.

For `--relation` GRUs of 32 units are fitted to windows of monthly sunspots, five epochs, with the
default initialisation (chrono, whose memory grows with the window) and with PyTorch's own. Each is
then streamed over the 1,000 newest months, which it has not seen. The distance is the mean absolute
difference between the two forecasts, in standard deviations of the series; beside it stand the mean
absolute error of both, the effective memory (`gradient_flow`) and the gradient at the first step of
the window, relative to the largest.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable, Iterator

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")

SECONDS, FEWEST = 2.0, 3
WINDOWS = (48, 300)
SIZES = ((1, 1_000), (1, 100_000), (100, 1_000), (100, 100_000), (10_000, 1_000))


def seconds_of(step: Callable[[], object]) -> float:
    """Return the median processor time of a step after a first one."""
    step()
    rounds: list[float] = []
    while len(rounds) < FEWEST or sum(rounds) < SECONDS:
        begin = time.process_time()
        step()
        rounds.append(time.process_time() - begin)
    return statistics.median(rounds)


def waves(n_series: int, n_steps: int):
    """Return weekly waves (n_steps, n_series) with noise."""
    import numpy as np

    noise = np.random.default_rng(0).standard_normal((n_steps, n_series))
    return 100 + 10 * np.sin(np.arange(n_steps) * 2 * np.pi / 7)[:, np.newaxis] + noise


def regressor_rows() -> Iterator[tuple[str, str, float, float]]:
    import numpy as np

    from seqforecast import LSTMRegressor, make_windows

    for window in WINDOWS:
        X, y = make_windows(waves(1, 1_000)[:, 0], window=window)
        model = LSTMRegressor(max_steps=10, random_state=0).fit(X, y)
        for n in (1, 100, 10_000):
            windows = np.resize(X, (n, window))
            stream = model.stream(windows)
            newest = windows[:, -1].copy()
            yield (
                f"LSTMRegressor, window {window}",
                f"{n:,}",
                seconds_of(lambda: model.predict(windows)),  # noqa: B023
                seconds_of(lambda: stream.update(newest)),  # noqa: B023
            )


def forecaster_rows() -> Iterator[tuple[str, str, float, float]]:
    from sklearn.linear_model import Ridge

    from seqforecast import Forecaster, LSTMRegressor

    for regressor in (Ridge(), LSTMRegressor(max_steps=10, random_state=0)):
        for n_series, n_steps in SIZES:
            known = waves(n_series, n_steps)
            forecaster = Forecaster(regressor, window=24, horizon=7, season=7)
            forecaster.fit(known[:100]).update(known[100:])  # the fit is not what is measured
            stream, row = forecaster.stream(), known[-1:]
            yield (
                f"Forecaster({type(regressor).__name__}), {n_steps:,} steps",
                f"{n_series:,}",
                seconds_of(lambda: forecaster.update(row).predict()),  # noqa: B023
                seconds_of(lambda: stream.update(row)),  # noqa: B023
            )


def in_words(seconds: float) -> str:
    digits = 1 if seconds < 0.1 else 0
    return f"{seconds * 1e3:,.{digits if seconds > 1e-3 else 2}f} ms"


def print_cost() -> None:
    print("| | series | `predict` (and `update`) | `stream.update` | times |")
    print("|---|--:|--:|--:|--:|")
    for rows in (regressor_rows(), forecaster_rows()):
        for what, n, whole, step in rows:
            print(
                f"| {what} | {n} | {in_words(whole)} | {in_words(step)} | {whole / step:,.1f} |",
                flush=True,
            )


def print_relation() -> None:
    import numpy as np

    from seqforecast import GRURegressor, gradient_flow, make_windows
    from seqforecast.datasets import load_sunspots

    sunspots = load_sunspots().to_numpy()
    print("| forget_bias | window | memory | first step | distance | error, window | stream |")
    print("|---|--:|--:|--:|--:|--:|--:|")
    for forget_bias in ("chrono", None):
        for window in (12, 48, 192):
            X, y = make_windows(sunspots, window=window)
            known = len(X) - 1_000
            model = GRURegressor(forget_bias=forget_bias, max_epochs=5, random_state=0)
            model.fit(X[:known], y[:known])
            flow = gradient_flow(model, X[known:])
            stream = model.stream(X[known : known + 1])
            moved = model.predict(X[known:])
            later = [stream.update(row[-1])[0] for row in X[known + 1 :]]
            forecasts = np.stack([moved[1:], later])[:, window:] / sunspots.std()
            came = y[known + 1 :][window:] / sunspots.std()
            errors = np.abs(forecasts - came).mean(axis=1)
            distance = np.abs(forecasts[1] - forecasts[0]).mean()
            print(
                f"| {forget_bias} | {window} | {flow.effective_memory[0, 0]:.0f} "
                f"| {flow.lag_curve[0, 0, -1]:.1g} | {distance:.2g} "
                f"| {errors[0]:.3f} | {errors[1]:.3f} |",
                flush=True,
            )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--relation", action="store_true", help="the distance from predict")
    if parser.parse_args().relation:
        print_relation()
    else:
        print_cost()
