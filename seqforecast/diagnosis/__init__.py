"""How far back a fitted estimator learns, and what to change: measured, said, and scored."""

from seqforecast.diagnosis._diagnose import diagnose
from seqforecast.diagnosis._flow import gradient_flow
from seqforecast.diagnosis._scorers import (
    clip_fraction_scorer,
    effective_memory_scorer,
    half_life_scorer,
    lag_sensitivity_scorer,
)

__all__ = [
    "clip_fraction_scorer",
    "diagnose",
    "effective_memory_scorer",
    "gradient_flow",
    "half_life_scorer",
    "lag_sensitivity_scorer",
]
