"""Whether a forecast is worth it: better than repeating the last season, or not."""

from __future__ import annotations

from argparse import Namespace

import pandas as pd

from seqforecast.cli.commands.forecaster import season_of
from seqforecast.cli.files.series import SeriesTable
from seqforecast.cli.messages import counted
from seqforecast.forecasting import evaluate
from seqforecast.forecasting.model.seasons import season_lengths

_ALIKE = 0.02
"""Errors that differ by less are called alike: ours, and much less than a few folds can tell."""


def verdict(folds: pd.DataFrame, data: SeriesTable, arguments: Namespace) -> str:
    """Say in a sentence how the forecasts compare with the seasonal naive ones."""
    for metric in ("mase", "mae"):  # a series that never changed has no scale
        by_fold = evaluate(folds, metric, by="cutoff")
        whole = evaluate(folds, metric)
        ours, naive = whole["y_hat"].item(), whole["seasonal_naive"].item()
        if not (pd.isna(ours) or pd.isna(naive)):
            break
    else:
        return "Not compared: the naive forecast has no error that could be measured."
    n_better = int((by_fold["y_hat"] < by_fold["seasonal_naive"]).sum())
    return _sentence(ours, naive, n_better, len(by_fold), _naive_name(data, arguments))


def _sentence(ours: float, naive: float, n_better: int, n_folds: int, repeating: str) -> str:
    in_folds = f"in {n_better} of {counted(n_folds, 'fold')}"
    if ours == naive == 0:
        return f"Both are without any error: {repeating} is enough."
    if abs(ours - naive) <= _ALIKE * max(ours, naive):
        return (
            f"As good as {repeating}, better {in_folds}: use that, it is simpler (forecast --model "
            "naive)."
        )
    if ours < naive and 2 * n_better > n_folds:
        less = f"{100 - 100 * ours / naive:.0f} % lower"
        return f"Better than {repeating} {in_folds}; the error is {less}."
    if ours > naive and 2 * n_better <= n_folds:
        more = f"{100 * ours / naive - 100:.0f} % higher" if naive else "higher"
        return (
            f"Worse than {repeating}: better {in_folds}, the error is {more}. Use that "
            "(forecast --model naive)."
        )
    return (
        f"Not clear: the error is {'lower' if ours < naive else 'higher'} than that of "
        f"{repeating}, but it is better {in_folds}. Test more --folds."
    )


def _naive_name(data: SeriesTable, arguments: Namespace) -> str:
    """Say what the seasonal naive forecast repeats."""
    panel = data.panel
    seasons = season_lengths(
        season_of(arguments.season),
        panel.grid.offset,
        longest=int(panel.lengths.max()) - arguments.horizon,
        horizon=arguments.horizon,
    )
    return "repeating the last season" if seasons[0] > 1 else "repeating the last value"
