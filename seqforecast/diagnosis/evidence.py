"""What the records of a fit say: evidence for the rules, and a summary."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqforecast.clipping import ClipNorm
from seqforecast.gradients.gradient_flow import GradientFlow
from seqforecast.gradients.residuals import MissedLag

Array = NDArray[np.float64]

_COURSE = ("grad_norm", "grad_norm_max", "clip_fraction", "skipped_steps")


@dataclass(frozen=True)
class Evidence:
    """All numbers that the rules look at; what was not measured is None.

    Parameters
    ----------
    params : dict
        Parameters of the regressor.
    window : int
        Steps of a window.
    curves : ndarray of shape (n_layers, window) or None
        Lag curves relative to their maximum, the first layer first.
    memory : float
        Effective memory of the first layer, in steps.
    spread : ndarray of shape (n_layers, hidden) or None
        Standard deviation of every unit's state.
    season : int or None
        Season that the user named, in steps.
    strongest_lag : int or None
        Lag of the input that moves the forecasts most.
    missed : MissedLag or None
        What the residuals still follow.
    grad_norm, grad_norm_max, clip_fraction, skipped_steps : ndarray of shape (n_epochs,)
        Course of the training.
    max_norm : float or None
        Norm at which the gradient was clipped.
    """

    params: dict[str, object]
    window: int
    grad_norm: Array
    grad_norm_max: Array
    clip_fraction: Array
    skipped_steps: Array
    max_norm: float | None = None
    curves: Array | None = None
    memory: float = math.nan
    spread: Array | None = None
    season: int | None = None
    strongest_lag: int | None = None
    missed: MissedLag | None = None

    @property
    def mean_norm(self) -> float:
        """Mean gradient norm over all epochs, before clipping."""
        known = self.grad_norm[np.isfinite(self.grad_norm)]
        return float(known.mean()) if known.size else math.nan


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


def reach(memory: float, window: int) -> str:
    """Say how far back a gradient reaches."""
    if memory >= window:
        steps = "1 step" if window == 1 else f"{window} steps"
        return f"the gradient reaches back over the whole window of {steps}"
    return f"95 % of the gradient is within the last {memory:g} of {window} steps"
