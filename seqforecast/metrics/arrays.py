"""Check what a metric is given: finite numbers of the same shape."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seqforecast.containers.arrays import as_array

Floats = NDArray[np.float64]


def same_shape(**arrays: ArrayLike) -> tuple[Floats, ...]:
    """Return the arrays, the values first, as float64; raise unless they have one shape."""
    (first, truth), *others = ((name, _numbers(name, values)) for name, values in arrays.items())
    for name, forecast in others:
        if truth.shape != forecast.shape:
            raise ValueError(
                f"{first} has shape {truth.shape} and {name} {forecast.shape}; they must be the "
                "same. Pass one forecast a value; np.ravel turns (n, 1) into (n,)."
            )
    if truth.ndim not in (1, 2):
        raise ValueError(
            f"{' and '.join(arrays)} have {truth.ndim} dimensions; they must have one (n,) or two "
            "(n, horizon). Reshape them."
        )
    return truth, *(forecast for _, forecast in others)


def series(name: str, values: ArrayLike) -> Floats:
    """Return one series as float64."""
    array = _numbers(name, values)
    if array.ndim != 1:
        raise ValueError(
            f"{name} has {array.ndim} dimensions; it must have one (n_train,). Pass one series "
            "at a time."
        )
    return array


def check_season(season: Any) -> int:
    """Return the season as an int; raise unless it is a positive integer."""
    if isinstance(season, bool) or not isinstance(season, Integral):
        raise TypeError(
            f"{season=} is a {type(season).__name__}; it must be a positive integer, the steps "
            "in a season. Pass for example season=12."
        )
    if season < 1:
        raise ValueError(
            f"{season=} is below 1; it must be a positive integer, the steps in a season. "
            "Pass for example season=12."
        )
    return int(season)  # an unsigned numpy integer has no negative for a slice


def check_level(level: Any) -> None:
    """Raise unless `level` is in percent; a share such as 0.8 is refused, not misread."""
    real = isinstance(level, Real) and not isinstance(level, bool | np.bool_)
    if not real or not 1 <= level < 100:
        raise ValueError(
            f"{level=}; a number of percent, at least 1 and below 100, is needed. Pass level=80 "
            "for an interval meant to hold 80 % of the values."
        )


def check_order(lower: Floats, upper: Floats, names: tuple[str, str] = ("lower", "upper")) -> None:
    """Raise if an interval ends before it begins."""
    crossed = int(np.count_nonzero(lower > upper))
    if crossed:
        raise ValueError(
            f"{names[0]} is above {names[1]} in {crossed} of {lower.size} intervals; it must be "
            "below or equal. Swap the two, or sort the ends of each interval."
        )


def _numbers(name: str, values: ArrayLike) -> Floats:
    """Return finite float64 values, or say what is wrong with them."""
    array = as_array(values, name)
    if array.size == 0:
        raise ValueError(f"{name} is empty; it needs at least one value. Pass its values.")
    array = array.astype(np.float64)
    if not np.isfinite(array).all():
        cure = (
            "Fill its gaps."
            if name == "y_train"
            else "Drop those steps from y_true and its forecasts alike."
        )
        raise ValueError(f"{name} has NaN or infinite values; every value must be known. {cure}")
    return array
