"""The units of a series: where it lies, and how much it changes from season to season."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Cells = NDArray[np.int64]

_SMALLEST = 1e-3
"""Of a series that repeats itself, relative to its spread (or, of logarithms, to 1): anything
that deviates would look enormous otherwise."""


@dataclass(frozen=True)
class SeriesScaling:
    """Mean and scale of each series.

    Parameters
    ----------
    mean, scale : ndarray of shape (n_series,), or one more axis of steps
        Mean, and mean absolute change over a season.
    """

    mean: Array
    scale: Array

    @classmethod
    def of(cls, values: Array, offsets: Cells, season: int, *, relative: bool) -> SeriesScaling:
        """Learn the units of series that stand one after another; NaN is left out."""
        mean, spread = _moments(values, offsets)
        seasonal = mean_change(values, offsets, season)
        scale = np.where(np.isnan(seasonal), mean_change(values, offsets, 1), seasonal)
        floor = np.full_like(mean, _SMALLEST)
        if not relative:
            floor = _SMALLEST * np.where(spread > 1e-9 * np.abs(mean), spread, np.abs(mean))
            floor = np.where(floor > 0, floor, 1.0)
        return cls(mean, np.fmax(scale, floor))

    def express(self, values: Array) -> Array:
        """Express values in these units, of which there is one a value."""
        return (values - self.mean) / self.scale

    def restore(self, units: Array) -> Array:
        """Return the values that are so much in these units."""
        return units * self.scale + self.mean

    def by_row(self, lengths: Cells) -> SeriesScaling:
        """Repeat the units of each series for its rows, so that there is one a value."""
        return SeriesScaling(np.repeat(self.mean, lengths), np.repeat(self.scale, lengths))

    def by_step(self, series: Cells) -> SeriesScaling:
        """Take the units of some series, to be used for values (n, steps)."""
        return SeriesScaling(self.mean[series, np.newaxis], self.scale[series, np.newaxis])

    def known_from(self, fitted: SeriesScaling, members: Cells) -> SeriesScaling:
        """Replace the units of those series that `fitted` has: its member, or -1."""
        seen = members >= 0
        return SeriesScaling(
            np.where(seen, fitted.mean[members], self.mean),
            np.where(seen, fitted.scale[members], self.scale),
        )


def _moments(values: Array, offsets: Cells) -> tuple[Array, Array]:
    """Return mean and standard deviation of each series, leaving NaN out."""
    known = ~np.isnan(values)
    count = np.add.reduceat(known, offsets[:-1], dtype=np.float64)
    filled = np.where(known, values, 0.0)
    mean = np.add.reduceat(filled, offsets[:-1]) / count
    deviation = np.where(known, values - np.repeat(mean, np.diff(offsets)), 0.0)
    return mean, np.sqrt(np.add.reduceat(deviation**2, offsets[:-1]) / count)


def mean_change(values: Array, offsets: Cells, lag: int, *, power: int = 1) -> Array:
    """Return the mean of abs(change over `lag` steps)**power of each series; NaN if none is."""
    change = np.full_like(values, np.nan)
    change[lag:] = np.abs(values[lag:] - values[:-lag]) ** power
    lengths = np.diff(offsets)
    step = np.arange(len(values)) - np.repeat(offsets[:-1], lengths)
    change[step < lag] = np.nan  # its other end lies in the series before
    known = ~np.isnan(change)
    total = np.add.reduceat(np.where(known, change, 0.0), offsets[:-1])
    count = np.add.reduceat(known, offsets[:-1], dtype=np.float64)
    return np.where(count > 0, total / np.maximum(count, 1.0), np.nan)
