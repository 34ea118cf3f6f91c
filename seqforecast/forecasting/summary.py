"""A fitted Forecaster in a sentence or two."""

from __future__ import annotations

from typing import Any

__all__ = ["summary_of"]


def summary_of(forecaster: Any) -> str:
    """Say what a fitted Forecaster knows, and how it forecasts."""
    panel, weight = forecaster._model.panel, forecaster.regressor_weight_
    newest = panel.calendar.label(int(panel.last.max()))
    n_series = panel.n_series
    known = f"{n_series} series, {len(panel.values)} values up to {newest}"
    seasons = [str(season) for season in forecaster.season_ if season > 1]
    known += f", season {' and '.join(seasons)}" if seasons else ", no season"
    shares = f"{100 * weight:.0f} %"
    kind, baseline = type(forecaster._model.regressor).__name__, forecaster._model.baseline
    of_baseline = f"the {baseline} baseline" if baseline else "the mean of the last season"
    return (
        f"{type(forecaster).__name__} of {known}. It reads {forecaster._model.window} steps and "
        f"forecasts {forecaster._model.horizon} at once: {of_baseline}, and what {kind} says of "
        f"its error, which counts {shares}."
    )
