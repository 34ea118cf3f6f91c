"""How far back a fitted estimator learns, and what to change: measured, said, and scored."""

from seqforecast.diagnosis.diagnose import diagnose
from seqforecast.diagnosis.findings import Diagnosis, Finding
from seqforecast.diagnosis.measure import gradient_flow
from seqforecast.diagnosis.scorers import (
    clip_fraction_scorer,
    effective_memory_scorer,
    half_life_scorer,
    lag_sensitivity_scorer,
)

__all__ = [
    "Diagnosis",
    "Finding",
    "clip_fraction_scorer",
    "diagnose",
    "effective_memory_scorer",
    "gradient_flow",
    "half_life_scorer",
    "lag_sensitivity_scorer",
]
