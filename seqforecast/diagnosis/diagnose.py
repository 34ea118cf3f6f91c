"""What a fitted estimator's gradients say, in words."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils import _safe_indexing

from seqforecast._shared.checks import check_integer, require_finite
from seqforecast.containers.windows import targets_array
from seqforecast.diagnosis.evidence import evidence_of, summary_of
from seqforecast.diagnosis.findings import Diagnosis
from seqforecast.diagnosis.measure import gradient_flow, is_forecaster, recurrent_part
from seqforecast.diagnosis.rules import findings
from seqforecast.gradients.gradient_flow import GradientFlow
from seqforecast.gradients.residuals import MissedLag, fewest_windows, missed_lag

_MOST_WINDOWS = 4_000
"""Windows whose residuals are looked at, spread evenly."""


def diagnose(
    estimator: Any, X: Any = None, y: Any = None, *, season: int | None = None
) -> Diagnosis:
    """Say what is wrong with the gradients of a fitted estimator, and what to change.

    Use it after a fit that disappoints. That a gradient vanishes is no fault by itself, because
    old values may say nothing: it is reported (GF01) only where something is missed, which takes
    `X` and `y`, whose residuals tell, or a `season`.

    Parameters
    ----------
    estimator : RNNRegressor, LSTMRegressor, GRURegressor, Pipeline, fitted search or Forecaster
        A fitted recurrent regressor, or what ends in one. A Forecaster of one, and a fitted search
        over it, have windows and targets of their own, those of their fit: `X` and `y` stay None.
    X : array-like of shape (n_windows, window * n_channels) or \
(n_windows, window, n_channels), default=None
        Windows, as for ``estimator.predict``, in time order. None looks at the recorded
        `gradient_flow_` alone, but for a Forecaster.
    y : array-like of shape (n_windows,), (n_windows, n_outputs) or \
(n_windows, window, n_outputs), default=None
        The actual values. Up to 4,000 windows, spread evenly, are looked at.
    season : int, default=None
        Steps of a season that the forecast should know.

    Returns
    -------
    Diagnosis
        A list of `Finding`, the worst first, each with a code, a severity, the number, the
        threshold and its source, a sentence and the parameter to change. ``print`` it.

        GF01 vanishing gradient, GF03 exploding gradient, GF04 gradient not finite, GF05 clipping
        saturated, GF06 clipping idle, GF08 dead state.

    Raises
    ------
    NotFittedError
        If the estimator is not fitted.
    TypeError
        If there is no recurrent regressor in it.
    ValueError
        If `X` or `y` does not have the form seen in `fit`, or `season` is no positive integer.

    Examples
    --------
    >>> from seqforecast import LSTMRegressor, diagnose, make_windows
    >>> from seqforecast.datasets import make_seasonal_ar
    >>> X, y = make_windows(make_seasonal_ar(4000, period=24, random_state=0), window=30)
    >>> model = LSTMRegressor(
    ...     forget_bias=None, recurrent_init=None, max_epochs=3, gradient_clipping=None,
    ...     random_state=0,
    ... ).fit(X, y)
    >>> [finding.code for finding in diagnose(model, X, y)]
    ['GF01']
    >>> diagnose(model, X, y)[0].parameter
    'forget_bias="chrono"'
    """
    if season is not None:
        check_integer("season", season)
    if y is not None and X is None:
        raise ValueError("X is None, but y was given; both are needed. Pass the windows of y, too.")
    regressor, inner = recurrent_part(estimator, X)
    if X is None and (forecaster := _forecaster(estimator)) is not None:
        return diagnose(forecaster.regressor_, *forecaster.training_data(), season=season)
    flow = (
        getattr(regressor, "gradient_flow_", None) if X is None else gradient_flow(regressor, inner)
    )
    missed, untested = None, "was not tested: that takes X and y"
    if flow is not None and y is not None:
        memory = float(flow.effective_memory[-1, 0])
        missed = _missed(estimator, regressor, X, inner, y, memory)
        untested = _too_few(flow, memory)
    evidence = evidence_of(regressor, flow, season=season, missed=missed)
    return Diagnosis(findings(evidence), summary=summary_of(regressor, evidence, untested))


def _too_few(flow: GradientFlow, memory: float) -> str:
    """Say what it would take to tell whether something is missed."""
    if not np.isfinite(memory):
        return "cannot be told"
    needed = fewest_windows(int(memory), flow.input_sensitivity.shape[2])
    return f"cannot be told: that takes {needed:,} windows whose targets do not overlap"


def _forecaster(estimator: Any) -> Any:
    """Return a Forecaster, or that of a fitted search; None where there is none."""
    best = getattr(estimator, "best_estimator_", estimator)
    return best if is_forecaster(best) else None


def _missed(
    estimator: Any, regressor: Any, X: Any, inner: Any, y: Any, memory: float
) -> MissedLag | None:
    """Look for the past in the residuals of windows that share no target."""
    targets = targets_array(y, owner=type(regressor).__name__)
    windows = regressor.checked_windows(inner)
    if len(targets) != len(windows):
        raise ValueError(
            f"X has {len(windows)} windows, but y has {len(targets)} rows; the same number is "
            "needed. Pass them as make_windows(series, window) returns them."
        )
    newest = targets[:, -1] if targets.ndim == 3 else targets.reshape(len(targets), -1)
    window, n_outputs = regressor.window_, regressor.n_outputs_
    if newest.shape[1] != n_outputs or (targets.ndim == 3 and targets.shape[1] != window):
        raise ValueError(
            f"y has shape {targets.shape}; (n_windows, {n_outputs}) is needed, or (n_windows, "
            f"{window}, {n_outputs}) with a target at every step. Pass the targets as for fit."
        )
    require_finite(targets, "y", allow_nan=targets.ndim == 3)
    known = np.flatnonzero(np.isfinite(newest).all(axis=1))
    if not known.size or not np.isfinite(memory):
        return None
    step = max(regressor.n_outputs_, -(-len(known) // _MOST_WINDOWS))
    rows = known[::step]
    forecast = np.asarray(estimator.predict(_safe_indexing(X, rows))).reshape(len(rows), -1)
    return missed_lag(np.asarray(windows[rows], dtype=float), newest[rows] - forecast, int(memory))
