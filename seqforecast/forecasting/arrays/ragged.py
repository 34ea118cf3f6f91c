"""Series of any lengths in flat arrays: series i is rows ``offsets[i]:offsets[i + 1]``."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Cells = NDArray[np.int64]


def stretches(starts: Cells, lengths: Cells) -> Cells:
    """List start, start + 1, ... for every stretch, one stretch behind the other."""
    ends = np.cumsum(lengths)
    total = int(ends[-1]) if len(ends) else 0
    return np.arange(total) + np.repeat(starts - (ends - lengths), lengths)


def offsets_of(lengths: Cells) -> Cells:
    """Return where each series begins, and after the last where it ends."""
    offsets = np.zeros(len(lengths) + 1, dtype=np.int64)
    np.cumsum(lengths, out=offsets[1:])
    return offsets


def up_to_last_value(values: Array, offsets: Cells) -> Cells:
    """Return how many rows each series has up to its last value; what lies behind is planned."""
    valued = np.flatnonzero(~np.isnan(values))
    begin, end = np.searchsorted(valued, offsets[:-1]), np.searchsorted(valued, offsets[1:])
    last = np.append(valued, -1)[end - 1]
    return np.where(begin < end, last + 1 - offsets[:-1], 0)


def fill_missing(values: Array, offsets: Cells, season: int) -> Array:
    """Fill missing values with that of a season ago, or else with the one before.

    The first value of a series is known. The fill serves the look back alone: no loss is taken
    at a missing value.
    """
    missing = np.isnan(values)
    if not missing.any():
        return values
    filled = values.copy()
    lengths = np.diff(offsets)
    step = np.arange(len(values)) - np.repeat(offsets[:-1], lengths)
    # Within a series the steps of one phase of the season stand a season apart: in that order a
    # value is carried forward along its phase.
    series = np.repeat(np.arange(len(lengths)), lengths)
    for phase in (step % season, np.zeros_like(step)):
        order = np.lexsort((step, phase, series))
        source = np.where(np.isnan(filled[order]), -1, np.arange(len(order)))
        begins = np.flatnonzero(
            np.diff(series[order], prepend=-1).astype(bool)
            | np.diff(phase[order], prepend=-1).astype(bool)
        )
        group = np.repeat(begins, np.diff(np.append(begins, len(order))))
        source = np.maximum.accumulate(source)
        reached = source >= group  # not one of the group before
        filled[order[reached]] = filled[order[source[reached]]]
    return filled


def sum_of_first(n: Cells, values: Array, offsets: Cells) -> Array:
    """Return the sum of the first n[i] values of each series, which may be none."""
    parts = np.stack([offsets[:-1], offsets[:-1] + n], axis=1).reshape(-1)
    # reduceat sums up to the next index; a part that ends with the array has none to end at.
    sums = np.add.reduceat(np.append(values, 0.0), parts)[::2]
    return np.where(n > 0, sums, 0.0)
