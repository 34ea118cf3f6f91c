"""Many series as flat arrays: the rows of all series below each other, series after series."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seqforecast._shared.memory_limits import require_memory
from seqforecast.forecasting.arrays.ragged import offsets_of, stretches
from seqforecast.forecasting.data.columns import show
from seqforecast.forecasting.data.series_ids import join_ids
from seqforecast.forecasting.data.time_grid import TimeGrid

_OF_A_STEP = 64
"""Bytes of a forecast, at least: series, step and time, the cell that it fills, and the value."""


@dataclass(frozen=True, eq=False)
class FutureRows:
    """The forecasts that are asked for, one a row, in the order asked."""

    series: NDArray[np.int64]  # (n,): index into Panel.ids
    step: NDArray[np.int64]  # (n,): 1 is the first step after the end of that series
    features: NDArray[np.float64]  # (n, n_future)

    def __post_init__(self) -> None:
        _freeze(self)

    @property
    def horizon(self) -> int:
        """The largest step asked for; 0 without rows."""
        return int(self.step.max(initial=0))

    def take(self, rows: NDArray[np.int64]) -> FutureRows:
        """Keep these rows only, in this order."""
        return FutureRows(self.series[rows], self.step[rows], self.features[rows])

    def table(self, n_series: int) -> NDArray[np.float64]:
        """Lay the features out as (n_series, horizon, n_future), NaN where none are given."""
        _require_room(n_series, self.horizon, self.features.shape[1])
        table = np.full((n_series, self.horizon, self.features.shape[1]), np.nan)
        table[self.series, self.step - 1] = self.features
        return table


@dataclass(frozen=True, eq=False)
class Panel:
    """Series of any lengths on one calendar, each without gaps, oldest row first."""

    ids: pd.Index  # (n_series,), unique
    offsets: NDArray[np.int64]  # (n_series + 1,): series i is rows offsets[i] to offsets[i + 1]
    values: NDArray[np.float64]  # (n_rows,); NaN is missing, never the first of a series
    first: NDArray[np.int64]  # (n_series,): calendar position of each first row
    past: NDArray[np.float64]  # (n_rows, n_past); may hold NaN
    future: NDArray[np.float64]  # (n_rows, n_future)
    static: NDArray[np.float64]  # (n_series, n_static)
    past_names: tuple[Any, ...]
    future_names: tuple[Any, ...]
    static_names: tuple[Any, ...]
    grid: TimeGrid

    def __post_init__(self) -> None:
        _freeze(self)

    @property
    def n_series(self) -> int:
        """The number of series."""
        return len(self.ids)

    @property
    def lengths(self) -> NDArray[np.int64]:
        """The number of rows of each series."""
        return np.diff(self.offsets)

    @property
    def last(self) -> NDArray[np.int64]:
        """The calendar position of each last row."""
        return self.first + self.lengths - 1

    def take(self, series: NDArray[np.int64], lengths: NDArray[np.int64] | None = None) -> Panel:
        """Keep these series only, in this order, and of each the oldest steps, or all."""
        series = np.asarray(series, dtype=np.int64)
        return self._cut(series, self.lengths[series] if lengths is None else lengths)

    def until(self, position: int) -> Panel:
        """Return what was known at a calendar position; series that began later are left out."""
        known = np.clip(position - self.first + 1, 0, self.lengths)
        begun = np.flatnonzero(known)
        return self._cut(begun, known[begun])

    def before_end(self, steps: int) -> Panel:
        """Leave the newest steps of every series out, and series that have no others."""
        left = np.maximum(self.lengths - steps, 0)
        some = np.flatnonzero(left)
        return self._cut(some, left[some])

    def after(self, steps: NDArray[np.int64]) -> Panel:
        """Leave the oldest steps of each series out, and series that have no others."""
        some = np.flatnonzero(self.lengths > steps)
        lengths = (self.lengths - steps)[some]
        rows = stretches((self.offsets[:-1] + steps)[some], lengths)
        begun = self._at(rows, lengths, some)
        return replace(begun, first=(self.first + steps)[some])

    def _cut(self, series: NDArray[np.int64], lengths: NDArray[np.int64]) -> Panel:
        """Keep the oldest `lengths` rows of some series."""
        return self._at(stretches(self.offsets[series], lengths), lengths, series)

    def _at(
        self, rows: NDArray[np.int64], lengths: NDArray[np.int64], series: NDArray[np.int64]
    ) -> Panel:
        """Keep some rows of some series; `lengths` says how many of each series they are."""
        return replace(
            self,
            ids=self.ids.take(series),
            offsets=offsets_of(lengths),
            values=self.values[rows],
            first=self.first[series],
            past=self.past[rows],
            future=self.future[rows],
            static=self.static[series],
        )

    def append(self, other: Panel) -> Panel:
        """Add rows that follow directly upon those known; new ids join behind the others."""
        self._check_alike(other)
        shift = self._position_of_zero(other)
        found = self.ids.get_indexer(other.ids)
        new = np.flatnonzero(found < 0)
        self._check_follows(other, found, other.first + shift)
        self._check_static(other, found)
        place = found.astype(np.int64)
        place[new] = self.n_series + np.arange(len(new))

        had = np.append(self.lengths, np.zeros(len(new), dtype=np.int64))
        lengths = had.copy()
        lengths[place] += other.lengths
        offsets = offsets_of(lengths)
        mine = stretches(offsets[: self.n_series], self.lengths)
        theirs = stretches(offsets[place] + had[place], other.lengths)

        def joined(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
            rows = np.empty((offsets[-1], *a.shape[1:]))
            rows[mine], rows[theirs] = a, b
            return rows

        return replace(
            self,
            ids=join_ids(self.ids, other.ids[new]) if len(new) else self.ids,
            offsets=offsets,
            values=joined(self.values, other.values),
            first=np.append(self.first, other.first[new] + shift),
            past=joined(self.past, other.past),
            future=joined(self.future, other.future),
            static=np.concatenate([self.static, other.static[new]]),
        )

    def future_rows(self, steps: int) -> FutureRows:
        """Ask for the next `steps` steps of every series; they need no features."""
        if self.future_names:
            names = ", ".join(repr(name) for name in self.future_names)
            raise ValueError(
                f"A number of steps was given, but fit saw the future feature(s) {names}, whose "
                f"values in the next {steps} steps are needed. Pass a frame with their future "
                "rows to predict or stream, or name them in past= when you create the Forecaster."
            )
        _require_room(self.n_series, steps)
        self._require_times(steps)
        series = np.repeat(np.arange(self.n_series), steps)
        step = np.tile(np.arange(1, steps + 1), self.n_series)
        return FutureRows(series, step, np.empty((len(series), 0)))

    def rows_after(self, position: int, steps: int, *, known: Panel) -> FutureRows:
        """Ask, in a backtest, for the steps after a calendar position that this panel knows.

        Parameters
        ----------
        position : int
            The cutoff.
        steps : int
            How many steps after it; a series that ends earlier has fewer.
        known : Panel
            What was known at the cutoff: ``self.until(position)``.
        """
        here = self.ids.get_indexer(known.ids)
        counts = np.clip(self.last[here] - position, 0, steps)
        step = stretches(np.ones_like(counts), counts)
        rows = stretches(self.offsets[here] + position + 1 - self.first[here], counts)
        return FutureRows(np.repeat(np.arange(known.n_series), counts), step, self.future[rows])

    def _require_times(self, steps: int) -> None:
        """Refuse more steps than the calendar has times for."""
        newest = int(self.last.max())
        try:
            known, furthest = self.grid.times(np.array([newest])), None
            furthest = self.grid.times(np.array([newest + steps]))
        except (ValueError, OverflowError):  # pandas' dates have an end
            pass
        if furthest is None or not known[0] < furthest[0]:
            raise ValueError(
                f"{steps} steps were asked for, but series end at {self.grid.label(newest)}, "
                f"and the dates of pandas end before {steps} steps more; fewer steps are needed. "
                "Ask for less, or give the series integers for times."
            )

    # ------------------------------------------------------------------- checks of append

    def _check_alike(self, other: Panel) -> None:
        """Refuse rows of another frequency, or with other features."""
        if other.grid.freqstr != self.grid.freqstr:
            raise ValueError(
                f"The new rows have frequency {other.grid.freqstr}, the series have "
                f"{self.grid.freqstr}; one frequency is needed. Resample the new rows."
            )
        for kind in ("past", "future", "static"):
            mine, theirs = getattr(self, f"{kind}_names"), getattr(other, f"{kind}_names")
            if mine != theirs:
                raise ValueError(
                    f"The new rows have the {kind} features {list(theirs)}, the series have "
                    f"{list(mine)}; the same are needed. Pass the columns that fit saw."
                )

    def _position_of_zero(self, other: Panel) -> int:
        """Find where the calendar of another panel begins on this one's."""
        if other.grid == self.grid:
            return 0
        return int(self.grid.positions(other.grid.times(np.array([0])))[0])

    def _check_follows(
        self, other: Panel, found: NDArray[np.intp], first: NDArray[np.int64]
    ) -> None:
        """Refuse rows that overlap the series, or leave steps out."""
        ahead = np.where(found >= 0, first - self.last[found] - 1, 0)
        for wrong, what, cure in (
            (ahead < 0, "overlap", "Pass the rows after it only."),
            (ahead > 0, "a gap", "Pass the rows between too; values that are unknown may be NaN."),
        ):
            if wrong.any():
                row = int(np.argmax(wrong))
                begin, end = first[row], self.last[found[row]]
                raise ValueError(
                    f"There is {what} of {abs(ahead[row])} step(s): series "
                    f"{show(other.ids[row])} ends at {self.grid.label(end)}, its new "
                    f"rows begin at {self.grid.label(begin)}; they must begin at "
                    f"{self.grid.label(end + 1)}. {cure}"
                )

    def _check_static(self, other: Panel, found: NDArray[np.intp]) -> None:
        """Refuse static features that change."""
        old = np.flatnonzero(found >= 0)
        changed = self.static[found[old]] != other.static[old]
        if changed.any():
            row, column = np.argwhere(changed)[0]
            raise ValueError(
                f"The static feature {self.static_names[column]!r} of series "
                f"{show(other.ids[old[row]])} is {self.static[found[old[row]], column]:g}, but "
                f"{other.static[old[row], column]:g} in the new rows; it must stay the same. "
                "Name it in future= or past= if it changes."
            )


def _require_room(n_series: int, steps: int, n_features: int = 0) -> None:
    """Refuse forecasts of more steps than memory holds."""
    require_memory(
        n_series * steps * (_OF_A_STEP + 8 * n_features),
        f"Forecasts of {steps} step(s) of {n_series} series",
        "Ask for fewer steps, or for some of the series.",
    )


def _freeze(arrays: Any) -> None:
    """Make the arrays of a dataclass read-only."""
    for field in fields(arrays):
        value = getattr(arrays, field.name)
        if isinstance(value, np.ndarray):
            value.setflags(write=False)
