"""How errors compare with those of the seasonal naive forecast, in words."""

from __future__ import annotations

import numpy as np
import pandas as pd

from seqforecast._shared.numbers import number, percent
from seqforecast.forecasting import evaluate

_ALIKE = 0.02
"""Errors that differ by less are called alike: ours, and much less than a few folds can tell."""


def naive_name(season: int) -> str:
    """Say what is forecast without any learning."""
    if season == 1:
        return "last value (there is no season)"
    return f"seasonal naive (the value {season} steps before)"


def naive_title(season: int) -> str:
    """Name the naive forecast above a column."""
    return "last value" if season == 1 else "seasonal naive"


def against_naive(ours: float, naive: float, season: int) -> str:
    """Write an error, and how it compares with that of the naive forecast."""
    return f"{number(ours)}, {_compared(ours, naive)} that of the {naive_name(season)}"


def _compared(ours: float, naive: float) -> str:
    if not (np.isfinite(ours) and np.isfinite(naive)) or naive == 0:
        return "cannot be compared"
    return "as large as" if abs(1 - ours / naive) < 0.005 else f"{_change(ours, naive)} than"


def _change(ours: float, naive: float) -> str:
    return f"{percent(abs(1 - ours / naive))} {'smaller' if ours < naive else 'larger'}"


def verdict(folds: pd.DataFrame, season: int) -> str:
    """Say in a sentence whether the forecasts of a backtest are worth it."""
    for metric in ("mase", "mae"):  # a series that never changed has no scale
        whole = evaluate(folds, metric)
        ours, naive = whole["y_hat"].item(), whole["seasonal_naive"].item()
        if not (pd.isna(ours) or pd.isna(naive)):
            break
    else:
        return "Not compared: the naive forecast has no error that could be measured."
    by_fold = evaluate(folds, metric, by="cutoff")
    n_better, n_folds = int((by_fold["y_hat"] < by_fold["seasonal_naive"]).sum()), len(by_fold)
    in_folds = f"in {n_better} of {n_folds} fold{'s' * (n_folds > 1)}"
    repeating = f"repeating the last {'season' if season > 1 else 'value'}"
    if ours == naive == 0:
        return f"Both are without any error: {repeating} is enough."
    if abs(ours - naive) <= _ALIKE * max(ours, naive):
        return (
            f"As good as {repeating}, better {in_folds}: use that, it is simpler (forecast --model "
            "naive)."
        )
    change = _change(ours, naive) if naive else "larger"
    if ours < naive and 2 * n_better > n_folds:
        return f"Better than {repeating} {in_folds}; the error is {change}."
    if ours > naive and 2 * n_better <= n_folds:
        return (
            f"Worse than {repeating}: better {in_folds}, the error is {change}. Use that (forecast "
            "--model naive)."
        )
    return (
        f"Not clear: the error is {change} than that of {repeating}, but it is better {in_folds}. "
        "Test more --folds."
    )
