"""What the series looked like up to every cutoff: padded histories and their levels.

All series stand one after another in flat arrays of cells. Each has a block of its own: cells of
padding, so that a look back never leaves the block; its steps; and blank cells for the steps to
come. What is rolling is then one operation on the whole array.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from seqforecast.forecasting.arrays.lookback import NEGLIGIBLE, SMOOTHING, Lookback
from seqforecast.forecasting.arrays.ragged import sum_of_first

Array = NDArray[np.float64]
Cells = NDArray[np.int64]

_ENORMOUS = 1e30


class Phases(NamedTuple):
    """Columns that tell the position in the calendar, of a range of times.

    Parameters
    ----------
    columns : ndarray of shape (n_times, n_phases)
        A row a time.
    begin : ndarray of int of shape (n_series,)
        The row of the first step of each series.
    """

    columns: NDArray[np.float32]
    begin: Cells


class Earlier(NamedTuple):
    """What stood before the first step that is laid out of each series.

    Parameters
    ----------
    total, n_steps : ndarray of shape (n_series,)
        Sum and number of the values left out.
    first_level : ndarray of shape (n_series,)
        Mean of the first season of all values, where some were left out.
    """

    total: Array
    n_steps: Array
    first_level: Array

    @classmethod
    def nothing(cls, n_series: int) -> Earlier:
        """Return that no values were left out."""
        return cls(*np.zeros((3, n_series)))

    def take(self, series: Cells) -> Earlier:
        """Return the same of some series."""
        return Earlier(*(part[series] for part in self))


@dataclass
class PaddedSeries:
    """Values and features of all series, padded, in the units of each series.

    Parameters
    ----------
    values : ndarray of shape (n_cells,)
        Known, filled and padded values; NaN in the blank cells.
    known : ndarray of bool of shape (n_cells,)
        Where a value was observed.
    place : ndarray of int of shape (n_cells,)
        Steps since the series' first step; negative in the padding.
    pad : int
        Cells of padding before each series.
    first : ndarray of int of shape (n_series,)
        Cell of the first step of each series.
    end : ndarray of int of shape (n_series,)
        Cell behind its last step: the first blank one.
    past, future : ndarray of shape (n_cells, n_features)
        Features, repeated into the padding and the blank cells.
    static : ndarray of shape (n_series, n_static)
        Features of a series.
    phases : Phases
        Positions in the calendar, which go on in the padding and the blank cells.
    earlier_sum, earlier_count : ndarray of shape (n_series,)
        Sum and number of the values before the first step, where only the newest were kept.
    first_level : ndarray of shape (n_series,)
        Mean of the first season, the longest one, of all values.
    """

    values: Array
    known: NDArray[np.bool_]
    place: NDArray[np.int32]
    pad: int
    first: Cells
    end: Cells
    past: NDArray[np.float32]
    future: NDArray[np.float32]
    static: NDArray[np.float32]
    phases: Phases
    earlier_sum: Array
    earlier_count: Array
    first_level: Array

    @classmethod
    def of(
        cls,
        values: Array,
        known: NDArray[np.bool_],
        offsets: Cells,
        features: Mapping[str, NDArray[np.float32]],
        lookback: Lookback,
        *,
        blank: int,
        newest: int | None = None,
        phases: Phases | None = None,
        earlier: Earlier | None = None,
    ) -> PaddedSeries:
        """Lay the series out in blocks.

        Parameters
        ----------
        values, known : ndarray of shape (n_rows,)
            Filled values in units of their series, and where they were observed.
        offsets : ndarray of int of shape (n_series + 1,)
            Series i is rows ``offsets[i]:offsets[i + 1]``.
        features : mapping of "past", "future" and "static" to ndarray
            Features by row, and by series.
        lookback : Lookback
            How far back a cutoff sees.
        blank : int
            Steps to come.
        newest : int, default=None
            Steps of each series to keep; None keeps all.
        phases : Phases, default=None
            Positions in the calendar, from the first step of each series on.
        earlier : Earlier, default=None
            What was left out before these values; None is nothing.
        """
        lengths = np.diff(offsets)
        kept = lengths if newest is None else np.minimum(lengths, newest)
        skipped = lengths - kept
        pad = lookback.padding
        sizes = pad + kept + blank
        stops = np.cumsum(sizes)
        series = np.repeat(np.arange(len(kept)), sizes)
        place = np.arange(stops[-1]) - np.repeat(stops - sizes + pad, sizes)
        # Before a series, its first season is repeated: longer than the series it cannot be.
        period = _longest_within(lookback.seasons, kept)[series]
        step = np.where(place < 0, place % period, np.minimum(place, kept[series] - 1))
        row = step + (offsets[:-1] + skipped)[series]
        present = (place >= 0) & (place < kept[series])
        laid = values[row]
        laid[place >= kept[series]] = np.nan
        begins = np.minimum(lookback.season, lengths)
        before = Earlier.nothing(len(kept)) if earlier is None else earlier
        own_level = sum_of_first(begins, values, offsets) / begins
        if phases is None:
            phases = Phases(np.empty((1, 0), np.float32), np.zeros_like(lengths))
        return cls(
            values=laid,
            known=known[row] & present,
            place=place.astype(np.int32),
            pad=pad,
            first=stops - sizes + pad,
            end=stops - blank,
            past=features["past"][row],
            future=features["future"][row],
            static=features["static"],
            phases=phases,
            earlier_sum=before.total + sum_of_first(skipped, values, offsets),
            earlier_count=before.n_steps + skipped,
            first_level=np.where(before.n_steps > 0, before.first_level, own_level),
        )

    def series_of(self, cells: Cells) -> Cells:
        """Return the series that cells belong to."""
        return np.searchsorted(self.first - self.pad, cells, side="right") - 1

    def phases_at(self, cells: Cells) -> NDArray[np.float32]:
        """Return where in the calendar cells are: (n, n_phases)."""
        if not self.phases.columns.shape[1]:
            return np.empty((len(cells), 0), np.float32)
        series = self.series_of(cells)
        step = self.place[cells] + self.earlier_count[series].astype(np.int64)
        return self.phases.columns[self.phases.begin[series] + step]

    def level(self, season: int) -> Array:
        """Return the mean of the last `season` values at every cell."""
        return self.values if season == 1 else self._sum(self.values, season) / season

    def levels(self, lookback: Lookback) -> NDArray[np.float32]:
        """Return other levels than that of the longest season, relative to it.

        What they are to a forecaster: where the series will be next, if it follows its mean of a
        shorter or longer time, its seasonally adjusted values or their change over the season,
        both smoothed, or its trend.

        Returns
        -------
        ndarray of shape (n_cells, n_levels), float32
        """
        season, shortest = lookback.season, lookback.seasons[0]
        level = self.level(season)
        columns = []
        if shortest < season:
            columns.append(self.level(shortest) - level)
        for length in dict.fromkeys((shortest, season)):
            own = self.level(length)
            change = self._difference(self.values, length)
            moved = self._difference(own, length) - (own - level)
            columns += [self._smoothed(change, weight) - moved for weight in SMOOTHING]
            adjusted = self._seasonally_adjusted(own, length, lookback.n_profiles)
            columns += [self._smoothed_mean(adjusted, weight) - level for weight in SMOOTHING]
        columns += [mean - level for mean in self._longer_means(4 * shortest, season, level)]
        columns.append(self._difference(level, season))
        levels = np.empty((len(level), len(columns)), np.float32)
        for k, column in enumerate(columns):
            # A step to a million times the size must not overflow on the way to float32.
            levels[:, k] = np.clip(column, -_ENORMOUS, _ENORMOUS)
        return levels

    def drift(self, season: int) -> NDArray[np.float32]:
        """Return the mean change of the level a step, since the first season; 0 before two."""
        level, series = self.level(season), self.series_of(np.arange(len(self.values)))
        steps = self.place + self.earlier_count[series] + 1 - season
        change = (level - self.first_level[series]) / np.maximum(steps, 1)
        change[(steps < season) | (self.place < 0) | np.isnan(change)] = 0.0
        return np.clip(change, -_ENORMOUS, _ENORMOUS).astype(np.float32)

    def _difference(self, values: Array, lag: int) -> Array:
        """Return the change over `lag` steps; 0 where it would leave the block."""
        change = np.zeros_like(values)
        change[lag:] = values[lag:] - values[:-lag]
        change[(self.place < lag - self.pad) | np.isnan(change)] = 0.0
        return change

    def _smoothed(self, values: Array, weight: float) -> Array:
        """Return the exponentially weighted mean of each block up to every cell."""
        keep, length = 1.0 - weight, 1
        total = values.copy()
        while keep**length > NEGLIGIBLE and length < len(values):
            total[length:] += keep**length * self._before(total, length)
            length *= 2
        return weight * total

    def _smoothed_mean(self, values: Array, weight: float) -> Array:
        """Return the same as a mean: weights add up to 1 where the block has just begun, too."""
        age = self.place + self.pad + 1.0
        smoothed: Array = self._smoothed(values, weight) / (1.0 - (1.0 - weight) ** age)
        return smoothed

    def _seasonally_adjusted(self, level: Array, season: int, n_profiles: int) -> Array:
        """Return the values less what their phase was above or below the level, on average."""
        if season == 1:
            return np.nan_to_num(self.values)
        deviation: Array = np.nan_to_num(self.values - level)
        deviation[self.place < season - 1 - self.pad] = 0.0  # a season is not yet known there
        profile = np.zeros_like(deviation)
        for back in range(season, season * n_profiles + 1, season):
            profile[back:] += self._before(deviation, back) / n_profiles
        return np.nan_to_num(self.values) - profile

    def _sum(self, values: Array, length: int) -> Array:
        """Return the sum of the last `length` values of the block, of fewer at its begin.

        Sums of 1, 2, 4, ... steps are doubled, and put together as the binary digits of `length`
        say. A running sum over all blocks would be faster, but leave the rounding errors of a
        large series to all behind it.
        """
        doubled, span = np.nan_to_num(values), 1
        total, covered = np.zeros_like(values), 0
        while span <= length:
            if length & span:
                if covered:
                    total[covered:] += self._before(doubled, covered)
                else:
                    total += doubled
                covered += span
            doubled[span:] += self._before(doubled, span)
            span *= 2
        return total

    def _before(self, values: Array, lag: int) -> Array:
        """Return the values `lag` cells before the cells from `lag` on; 0 outside the block."""
        inside = self.place[lag:] >= lag - self.pad
        return np.where(inside, values[:-lag], 0.0)

    def _longer_means(self, length: int, season: int, level: Array) -> tuple[Array, Array]:
        """Return the mean of the last `length` and of all steps; the level where they are few."""
        filled = np.where(self.place >= 0, self.values, 0.0)
        series = self.series_of(np.arange(len(filled)))
        count = self.place + 1
        counted = count + self.earlier_count[series]
        longest = int(count.max(initial=1))
        every = self._sum(filled, longest) + self.earlier_sum[series]
        some = self._sum(filled, min(length, longest)) / length
        return (
            np.where(count >= length, some, level),
            np.where((counted >= season) & (count > 0), every / np.maximum(counted, 1), level),
        )


def _longest_within(seasons: tuple[int, ...], lengths: Cells) -> Cells:
    """Return the longest season that fits into each series; 1 where none does."""
    period = np.ones_like(lengths)
    for season in seasons:
        period = np.where(lengths >= season, season, period)
    return period
