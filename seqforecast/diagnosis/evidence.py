"""What the records of a fit say: evidence for the rules, and a summary."""

from __future__ import annotations

from typing import Any

import numpy as np

from seqforecast.clipping import ClipNorm
from seqforecast.diagnosis.findings import Evidence, reach
from seqforecast.gradients.record import GradientFlow
from seqforecast.gradients.residuals import MissedLag

_COURSE = ("grad_norm", "grad_norm_max", "clip_fraction", "skipped_steps")


def evidence_of(
    regressor: Any,
    flow: GradientFlow | None,
    *,
    season: int | None = None,
    missed: MissedLag | None = None,
) -> Evidence:
    """Collect what the rules look at.

    Parameters
    ----------
    regressor : RNNRegressor, LSTMRegressor or GRURegressor
        Fitted.
    flow : GradientFlow or None
        What its gradient does; the last record counts.
    season : int, default=None
        Season that the user named, in steps.
    missed : MissedLag, default=None
        What the residuals still follow.
    """
    measured: dict[str, Any] = {}
    if flow is not None:
        measured = {
            "curves": flow.lag_curve[-1],
            "memory": float(flow.effective_memory[-1, 0]),
            "spread": flow.spread[-1],
            "strongest_lag": _strongest_lag(flow),
        }
    history, clipping = regressor.history_, regressor.net_.clipping
    return Evidence(
        params=regressor.get_params(deep=False),
        window=regressor.window_,
        season=season,
        missed=missed,
        # The norm at which the last training clipped, where it is a fixed one.
        max_norm=float(clipping.max_norm) if isinstance(clipping, ClipNorm) else None,
        **{name: history[name].to_numpy(dtype=float) for name in _COURSE},
        **measured,
    )


def _strongest_lag(flow: GradientFlow) -> int | None:
    by_lag = flow.input_sensitivity.sum(axis=(0, 2))
    return int(by_lag.argmax()) if by_lag.any() else None


def summary_of(regressor: Any, evidence: Evidence, untested: str) -> str:
    """Say in a sentence or two what was looked at, and how far its gradient reaches.

    Parameters
    ----------
    regressor : RNNRegressor, LSTMRegressor or GRURegressor
        Fitted.
    evidence : Evidence
        What was measured.
    untested : str
        How the sentence "Whether it misses something ..." goes on where that is not known.
    """
    name, n_epochs = type(regressor).__name__, regressor.n_iter_
    head = f"{name} after {n_epochs} epoch{'s' if n_epochs != 1 else ''}"
    if evidence.curves is None:
        return f"{head}: its gradient was not observed. Pass X, or set observe='auto'."
    if not np.isfinite(evidence.memory):
        return f"{head}: its weights or its forecasts are not finite."
    if evidence.strongest_lag is None:
        return f"{head}: the forecast does not depend on X."
    said = (
        f"{head}: {reach(evidence.memory, evidence.window)}, and the forecast moves most with the "
        f"input at lag {evidence.strongest_lag}."
    )
    tested = evidence.season is not None or evidence.missed is not None
    if not tested and evidence.memory < evidence.window:
        said += f" Whether it misses something {untested}."
    return said
