"""Real series that ship with the package, and made-up series whose best possible error is known."""

from seqforecast.datasets.generators import make_delayed_echo, make_seasonal_ar
from seqforecast.datasets.long_memory import (
    make_adding_problem,
    make_copy_memory,
    make_temporal_order,
)
from seqforecast.datasets.real_series import load_airline, load_co2, load_sunspots

__all__ = [
    "load_airline",
    "load_co2",
    "load_sunspots",
    "make_adding_problem",
    "make_copy_memory",
    "make_delayed_echo",
    "make_seasonal_ar",
    "make_temporal_order",
]
