"""Does early stopping wait until something is learnt, and what does waiting cost?

    python benchmarks/early_stopping.py

Each fit has 3,000 points of a series and the regressor's defaults, but for what its row names; R2
is taken on the 1,000 points that follow. "patience alone" is the same fit, ended once
`n_iter_no_change` epochs have passed without a better validation loss, whether something is learnt
or not.
"""

from __future__ import annotations

import argparse
import statistics
from typing import Any, NamedTuple

import numpy as np
from skorch.callbacks import Callback

from seqforecast import GRURegressor, LSTMRegressor, make_windows
from seqforecast.datasets import make_seasonal_ar

REGRESSORS = {"LSTM": LSTMRegressor, "GRU": GRURegressor}
POINTS, FRESH = 3_000, 1_000
PATIENCE = 10


class Row(NamedTuple):
    """A row of the table; a period of 0 is white noise."""

    period: int
    window: int
    cell: str
    loss: str
    seeds: int


ROWS = (
    Row(24, 30, "LSTM", "squared_error", 50),
    Row(24, 30, "LSTM", "absolute_error", 20),
    Row(24, 30, "LSTM", "huber", 20),
    Row(24, 30, "LSTM", "quantile", 20),
    Row(24, 30, "GRU", "squared_error", 50),
    Row(12, 24, "LSTM", "squared_error", 20),
    Row(48, 60, "LSTM", "squared_error", 20),
    Row(0, 30, "LSTM", "squared_error", 50),
    Row(0, 30, "GRU", "squared_error", 20),
)


class Score(Callback):
    """R2 on fresh windows after each epoch."""

    def __init__(self, X: np.ndarray, y: np.ndarray) -> None:
        self.X = X
        self.y = y

    def initialize(self) -> Score:
        self.scores_: list[float] = []
        return self

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        error = net.predict(self.X)[:, 0] - self.y
        self.scores_.append(float(1 - np.mean(error**2) / np.var(self.y)))


class Ending(NamedTuple):
    """How a training ended."""

    epochs: int
    score: float


def end(losses: np.ndarray, scores: list[float]) -> Ending:
    """End after the epochs that are given, with the best weights among them."""
    return Ending(len(losses), scores[int(np.argmin(losses))])


def patience_alone(losses: np.ndarray) -> int:
    """Return the epochs of a training that ends once `PATIENCE` have brought nothing better."""
    for epoch in range(1, len(losses) + 1):
        if epoch - 1 - int(np.argmin(losses[:epoch])) >= PATIENCE:
            return epoch
    return len(losses)


def measure(row: Row, seed: int) -> tuple[Ending, Ending]:
    """Fit once; return how patience alone would have ended, and how it did end."""
    if row.period:
        series = make_seasonal_ar(POINTS + FRESH, period=row.period, random_state=seed)
    else:
        series = np.random.default_rng(seed).normal(size=POINTS + FRESH)
    X, y = make_windows(series, row.window)
    n = POINTS - row.window
    model = REGRESSORS[row.cell](
        loss=row.loss,
        n_iter_no_change=PATIENCE,
        observe="off",
        callbacks=[Score(X[n:, :, None], y[n:])],
        random_state=seed,
    ).fit(X[:n], y[:n])
    losses = model.history_["valid_loss"].to_numpy()
    scores = dict(model.net_.callbacks_)["Score"].scores_
    short = patience_alone(losses)
    return end(losses[:short], scores), end(losses, scores)


def columns(endings: list[Ending]) -> str:
    """Write how the fits of a row ended."""
    scores = [ending.score for ending in endings]
    epochs = statistics.mean(ending.epochs for ending in endings)
    median = statistics.median(scores)
    stuck = sum(score < 0.4 for score in scores)
    return f"{epochs:.1f} | {min(scores):.2f} | {median:.2f} | {stuck} of {len(scores)}"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", type=int, default=50, help="at most so many for each row")
    args = parser.parse_args()
    names = "epochs | lowest R2 | median R2 | below 0.4"
    print(f"| series | regressor | patience alone: {names} | as it is: {names} | epochs, most |")
    print("|---|---|" + "--:|" * 9)
    for row in ROWS:
        pairs = [measure(row, seed) for seed in range(min(row.seeds, args.seeds))]
        alone, waited = map(list, zip(*pairs, strict=True))
        most = max(b.epochs / a.epochs for a, b in pairs)
        series = f"season of {row.period}, window {row.window}" if row.period else "white noise"
        print(
            f"| {series} | {row.cell}, {row.loss} | {columns(alone)} | {columns(waited)} "
            f"| {most:.1f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
