"""The gradient through time, measured on tensors: how far back a recurrent layer learns."""

from importlib import import_module
from typing import Any

from seqforecast.gradients.effective_memory import (
    DecayFit,
    decay_fit,
    effective_memory,
    half_life,
    normalised,
    omega,
)
from seqforecast.gradients.gate_statistics import GateStatistics, gate_statistics, time_scale
from seqforecast.gradients.jacobian import finite_time_exponents, step_jacobian
from seqforecast.gradients.lag_gradients import LagGradients, lag_gradients
from seqforecast.gradients.weight_gradients import weight_gradient_by_lag

__all__ = [
    "DecayFit",
    "Diagnosis",
    "Finding",
    "GateStatistics",
    "LagGradients",
    "decay_fit",
    "effective_memory",
    "finite_time_exponents",
    "gate_statistics",
    "half_life",
    "lag_gradients",
    "normalised",
    "omega",
    "step_jacobian",
    "time_scale",
    "weight_gradient_by_lag",
]


def __getattr__(name: str) -> Any:
    # Both are defined beside `diagnose`, above this package, and have been public here before.
    if name in ("Diagnosis", "Finding"):
        return getattr(import_module("seqforecast.diagnosis"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
