"""Time stamps as integer positions, and back: what comes n steps after a time."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.tseries.frequencies import to_offset
from pandas.tseries.offsets import BaseOffset, Day, Tick

from seqforecast._shared.time_index import show_time
from seqforecast.exceptions import ParameterError
from seqforecast.forecasting.data.columns import show

_DAY = np.timedelta64(1, "D")
_MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
_WEEKDAYS = ["MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN"]


@dataclass(frozen=True)
class TimeGrid(ABC):
    """The grid of times that all series of a panel lie on; position 0 is the first time known."""

    first: int  # the first time, as an integer in the unit of its index
    step: int  # from a position to the next, in that unit; 0 where the steps differ
    dtype: Any  # of the index
    offset: BaseOffset | None  # None for integers

    @staticmethod
    def infer(index: pd.Index) -> TimeGrid:
        """Find the grid on which all times lie; a missing time is a gap in it.

        Parameters
        ----------
        index : Index
            The distinct times of all series, sorted. A frequency that it carries decides.
        """
        check_times(index)
        if isinstance(index, pd.PeriodIndex):
            step = cast(Any, index.dtype).freq
            return _Periods(int(index.asi8[0]), step.n, index.dtype, step)
        if isinstance(index, pd.DatetimeIndex):
            return _stamps(index, index.freq or _infer_offset(index))
        return _Integers(int(index[0]), _integer_step(index), index.dtype, None)

    @property
    @abstractmethod
    def freqstr(self) -> str:
        """The frequency in a word, for messages."""

    def positions(self, times: pd.Index) -> NDArray[np.int64]:
        """Return the position of each time; 0 is the first. Raise if one is not on the grid."""
        positions, beside = np.divmod(self._integers(times) - self.first, self.step)
        self._refuse_beside(times, beside != 0)
        return positions

    def times(self, positions: NDArray[np.int64]) -> pd.Index:
        """Return the times at any positions, also beyond the known ones, with the dtype known."""
        return self._index(self.first + np.asarray(positions, dtype=np.int64) * self.step)

    def clock(self, positions: NDArray[np.int64]) -> NDArray[np.datetime64]:
        """Return the times as a clock on the wall shows them, those of periods their begin."""
        times = self.times(positions)
        if isinstance(times, pd.PeriodIndex):
            return cast(Any, times.asfreq("us", how="S")).asi8.view("M8[us]")
        return cast(pd.DatetimeIndex, times).tz_localize(None).to_numpy().astype("M8[us]")

    def starting(self, position: int) -> TimeGrid:
        """Return the same grid, counted from another time."""
        first = self._integers(self.times(np.array([position])))
        return replace(self, first=int(first[0]))

    def label(self, position: int) -> str:
        """Write the time at a position, for messages."""
        return show_time(self.times(np.array([position]))[0])

    @abstractmethod
    def filling(self, what: str) -> str:
        """Write the call that fills the gaps of the Series or frame named `what` with NaN."""

    @abstractmethod
    def _integers(self, times: pd.Index) -> NDArray[np.int64]:
        """Write times as integers, in the unit of `dtype`."""

    @abstractmethod
    def _index(self, integers: NDArray[np.int64]) -> pd.Index:
        """Undo `_integers`."""

    def _require(self, kind: bool, times: pd.Index) -> None:
        """Refuse times of another kind than those known."""
        check_times(times)
        if not kind:
            raise TypeError(
                f"The times have dtype {times.dtype}; the series have times of dtype {self.dtype}. "
                "Give both the same kind of index."
            )

    def _refuse_beside(self, times: pd.Index, beside: NDArray[np.bool_]) -> None:
        """Refuse times that are not on the grid."""
        if beside.any():
            raise ValueError(
                f"The time {show_time(times[int(np.argmax(beside))])} ({int(beside.sum())} of "
                f"{len(times)} are like it) is not on the grid of the series, whose frequency "
                f"is {self.freqstr} and which has a time at {self.label(0)}. Pass times of that "
                "frequency."
            )


# ------------------------------------------------------------------------ the kinds of grids


@dataclass(frozen=True)
class _Integers(TimeGrid):
    """Integers, a constant step apart."""

    @property
    def freqstr(self) -> str:
        return f"integer step {self.step}"

    def filling(self, what: str) -> str:
        step = "" if self.step == 1 else f", {self.step}"
        return f"{what}.reindex(range({what}.index[0], {what}.index[-1] + 1{step}))"

    def _integers(self, times: pd.Index) -> NDArray[np.int64]:
        self._require(pd.api.types.is_integer_dtype(times.dtype), times)
        return times.to_numpy(dtype=np.int64)

    def _index(self, integers: NDArray[np.int64]) -> pd.Index:
        return pd.Index(integers, dtype=self.dtype)


@dataclass(frozen=True)
class _Periods(TimeGrid):
    """Periods of one frequency."""

    @property
    def freqstr(self) -> str:
        return pd.PeriodIndex([], dtype=self.dtype).freqstr

    def filling(self, what: str) -> str:
        return (
            f"{what}.reindex(pd.period_range({what}.index[0], {what}.index[-1], "
            f"freq={self.freqstr!r}))"
        )

    def _integers(self, times: pd.Index) -> NDArray[np.int64]:
        self._require(times.dtype == self.dtype, times)
        return np.asarray(cast(pd.PeriodIndex, times).asi8)

    def _index(self, integers: NDArray[np.int64]) -> pd.Index:
        return cast(Any, pd.PeriodIndex).from_ordinals(integers, freq=self.dtype.freq)


@dataclass(frozen=True)
class _Stamps(TimeGrid):
    """Time stamps a constant span apart: on the clock of the time zone, or in absolute time.

    Days follow the clock on the wall, hours and what is below do not, as in pandas.date_range.
    """

    @property
    def freqstr(self) -> str:
        assert self.offset is not None
        return self.offset.freqstr

    def filling(self, what: str) -> str:
        return f"{what}.asfreq({self.freqstr!r})"

    def _integers(self, times: pd.Index) -> NDArray[np.int64]:
        return np.asarray(self._clock(times).asi8)

    def _index(self, integers: NDArray[np.int64]) -> pd.DatetimeIndex:
        return self._zoned(pd.DatetimeIndex(integers.view(f"M8[{_unit(self.dtype)}]")))

    def times(self, positions: NDArray[np.int64]) -> pd.DatetimeIndex:
        times = self._index(self.first + np.asarray(positions, dtype=np.int64) * self.step)
        if times.tz is None and _is_contiguous(positions):
            return pd.DatetimeIndex(times, freq=cast(Any, self.offset))
        return times

    def _clock(self, times: pd.Index) -> pd.DatetimeIndex:
        """Strip the time zone, and bring the times to the unit known."""
        zone = getattr(self.dtype, "tz", None)
        known = isinstance(times, pd.DatetimeIndex) and (times.tz is None) == (zone is None)
        self._require(known, times)
        clock = cast(pd.DatetimeIndex, times)
        if zone is not None:
            clock = clock.tz_convert(zone)
            clock = clock.tz_convert(None) if _is_absolute(self.offset) else clock.tz_localize(None)
        if clock.unit == _unit(self.dtype):
            return clock
        exact = clock.as_unit(_unit(self.dtype))
        self._refuse_beside(times, np.asarray(exact != clock))
        return exact

    def _zoned(self, clock: pd.DatetimeIndex) -> pd.DatetimeIndex:
        """Undo `_clock`; a time that the change to summer time skips moves to the hour after."""
        zone = getattr(self.dtype, "tz", None)
        if zone is None:
            return clock
        if _is_absolute(self.offset):
            return clock.tz_localize("UTC").tz_convert(zone)
        first_of_two = np.ones(len(clock), dtype=bool)
        return clock.tz_localize(zone, ambiguous=first_of_two, nonexistent="shift_forward")


@dataclass(frozen=True)
class _UnevenStamps(_Stamps):
    """Time stamps whose distance depends on the calendar: months, weeks, business days."""

    def positions(self, times: pd.Index) -> NDArray[np.int64]:
        clock = self._clock(times)
        if len(clock) == 0:
            return np.empty(0, dtype=np.int64)
        before = self._steps_back(clock.min())
        start = self._at(-before)
        grid = self._range(start, end=max(clock.max(), start))
        positions = grid.get_indexer(clock)
        self._refuse_beside(times, positions < 0)
        return positions.astype(np.int64) - before

    def times(self, positions: NDArray[np.int64]) -> pd.DatetimeIndex:
        positions = np.asarray(positions, dtype=np.int64)
        if len(positions) == 0:
            return self._index(positions)
        low, high = int(positions.min()), int(positions.max())
        grid = self._range(self._at(low), periods=high - low + 1)
        return self._zoned(grid if _is_contiguous(positions) else grid[positions - low])

    def _range(self, start: pd.Timestamp, **until: Any) -> pd.DatetimeIndex:
        return pd.date_range(start, freq=cast(Any, self.offset), unit=_unit(self.dtype), **until)

    def _at(self, position: int) -> pd.Timestamp:
        """Find the time at a position, on the clock."""
        origin = pd.DatetimeIndex(np.array([self.first]).view(f"M8[{_unit(self.dtype)}]"))[0]
        return origin + position * cast(Any, self.offset) if position else origin

    def _steps_back(self, time: pd.Timestamp) -> int:
        """Count steps, at least as many as lead from the first time back to `time`."""
        steps = 0
        while self._at(-steps) > time:
            steps = max(1, 2 * steps)
        return steps


TIME_GRIDS: dict[str, type[TimeGrid]] = {
    "integers": _Integers,
    "periods": _Periods,
    "stamps": _Stamps,
    "uneven_stamps": _UnevenStamps,
}
"""The kinds of calendars, by the names that they have in files."""


def _stamps(index: pd.DatetimeIndex, offset: BaseOffset) -> TimeGrid:
    """Make the calendar of time stamps that follow `offset`."""
    kind: type[_Stamps] = _UnevenStamps
    span = 0
    if isinstance(offset, Day | Tick):
        days = isinstance(offset, Day)
        delta = pd.Timedelta(days=offset.n) if days else pd.Timedelta(cast(Any, offset))
        span = delta // _one(index.dtype)
        kind = _Stamps
    first = int(kind(0, span, index.dtype, offset)._integers(index[:1])[0])
    return kind(first, span, index.dtype, offset)


def _is_absolute(offset: BaseOffset | None) -> bool:
    """Tell whether steps are spans of absolute time: hours and below, in any version of pandas."""
    return isinstance(offset, Tick) and not isinstance(offset, Day)


def _one(dtype: Any) -> pd.Timedelta:
    """Return one unit of a dtype of time stamps."""
    return pd.Timedelta(np.timedelta64(1, _unit(dtype)))


def _is_contiguous(positions: NDArray[np.int64]) -> bool:
    """Tell whether positions follow each other, so that an index of them has a frequency."""
    return len(positions) > 0 and bool((np.diff(positions) == 1).all())


def _unit(dtype: Any) -> Any:
    """Return the unit of a dtype of time stamps: s, ms, us or ns."""
    return dtype.unit if isinstance(dtype, pd.DatetimeTZDtype) else np.datetime_data(dtype)[0]


# -------------------------------------------------------------------------------- inference


def _infer_offset(index: pd.DatetimeIndex) -> BaseOffset:
    """Find the coarsest frequency that all times follow, most of them without a gap.

    pandas.infer_freq knows no gaps. Here the times become integers that a frequency makes
    even (months since 1970, say), and the greatest common divisor of their steps is the step.
    """
    if len(index) < 3:
        raise ParameterError(
            f"The frequency cannot be told from {len(index)} time(s); at least 3 are needed.",
            parameter="ds",
            cure="Pass more of them, or an index with a frequency, for example series.asfreq('D').",
        )
    clock = index if index.tz is None else index.tz_localize(None)
    stamps = clock.to_numpy()
    days = stamps.astype("M8[D]")
    offset = None
    if len(np.unique(stamps - days)) == 1:  # at one time of the day
        offset = _infer_months(days) or _infer_days(days)
    if offset is None:
        step = _common_step(index.asi8)
        offset = None if step is None else to_offset(step * _one(index.dtype))
    # pandas knows a few more, such as the second Tuesday of each month.
    offset = offset or pd.DatetimeIndex(clock, freq="infer").freq
    if offset is None:
        raise ParameterError(
            f"The times follow no frequency: {_uneven(index)}. Steps of one length are needed.",
            parameter="ds",
            cure="Pass a PeriodIndex, as series.to_period('M') makes it, or fill a regular index: "
            "series.asfreq('D').",
        )
    return offset


def _common_step(integers: NDArray[np.int64]) -> int | None:
    """Return the step of sorted integers with gaps; None if most steps are multiples of it."""
    steps, counts = np.unique(np.diff(integers), return_counts=True)
    step = int(np.gcd.reduce(steps))
    return step if step == steps[np.argmax(counts)] else None


_MONTH_DAYS: dict[str, Callable[[NDArray[Any]], NDArray[Any]]] = {
    "{}S": lambda months: months.astype("M8[D]"),
    "{}E": lambda months: (months + 1).astype("M8[D]") - _DAY,
    "B{}S": lambda months: np.busday_offset(months.astype("M8[D]"), 0, roll="forward"),
    "B{}E": lambda months: np.busday_offset((months + 1).astype("M8[D]"), -1, roll="forward"),
}
"""The day of a month at which the frequencies of months, quarters and years stand."""


def _infer_months(days: NDArray[Any]) -> BaseOffset | None:
    """Find a frequency of months, quarters or years that the days follow."""
    months = days.astype("M8[M]")
    for name, day in _MONTH_DAYS.items():
        if (day(months) == days).all():
            step = _common_step(months.astype(np.int64))
            return None if step is None else to_offset(_month_alias(name, step, months[0]))
    return None


def _month_alias(name: str, step: int, first: Any) -> str:
    """Name a frequency of `step` months: the largest unit, anchored at a month where it needs."""
    ends = name.endswith("E")
    if step % 12 == 0:
        return f"{step // 12}{name.format('Y')}-{_MONTHS[int(first.astype(np.int64)) % 12]}"
    if step % 3 == 0:
        # Of the four months, pandas names the first for starts and the last for ends.
        number = int(first.astype(np.int64)) % 3 + (9 if ends else 0)
        return f"{step // 3}{name.format('Q')}-{_MONTHS[number]}"
    return f"{step}{name.format('M')}"


def _infer_days(days: NDArray[Any]) -> BaseOffset | None:
    """Find a frequency of days, business days or weeks that the days follow."""
    numbers = days.astype(np.int64)
    on_weekdays = bool(np.is_busday(days).all())
    crosses_weekend = np.busday_count(days[0], days[-1]) < numbers[-1] - numbers[0]
    weekly = bool((np.diff(numbers) % 7 == 0).all())
    if on_weekdays and crosses_weekend and not weekly:
        step = _common_step(np.busday_count(days[0], days))
        return None if step is None else to_offset(f"{step}B")
    step = _common_step(numbers)
    if step is None:
        return None
    if step % 7 == 0:
        return to_offset(f"{step // 7}W-{_WEEKDAYS[int(numbers[0] + 3) % 7]}")
    return to_offset(f"{step}D")


def _integer_step(index: pd.Index) -> int:
    """Find the step of integer times."""
    if isinstance(index, pd.RangeIndex):
        return index.step
    if len(index) < 3:
        raise ParameterError(
            f"The step cannot be told from {len(index)} time(s); at least 3 are needed.",
            parameter="ds",
            cure="Pass more of them, or number the steps with pd.RangeIndex.",
        )
    step = _common_step(index.to_numpy(dtype=np.int64))
    if step is None:
        raise ParameterError(
            f"The times follow no constant step: {_uneven(index)}. Steps of one length are needed.",
            parameter="ds",
            cure="Number them: series.reset_index(drop=True).",
        )
    return step


def _uneven(index: pd.Index) -> str:
    """Show the first times whose distance changes."""
    if isinstance(index, pd.DatetimeIndex):
        steps = np.diff(index.asi8)
    else:
        steps = np.diff(index.to_numpy(dtype=np.int64))
    row = int(np.argmax(steps[1:] != steps[:-1]))
    return f"{index[row]}, {index[row + 1]}, {index[row + 2]} are unevenly spaced"


# ----------------------------------------------------------------------------------- checks


def check_times(index: pd.Index) -> None:
    """Refuse an index that does not hold time stamps, periods or integers."""
    stamps = isinstance(index, pd.DatetimeIndex | pd.PeriodIndex)
    if not (stamps or pd.api.types.is_integer_dtype(index.dtype)):
        raise TypeError(
            f"The times have dtype {index.dtype}{_example(index)}; time stamps, periods or "
            "integers are needed. Convert text and dates with pd.to_datetime, whole numbers with "
            "astype(int)."
        )


def _example(index: pd.Index) -> str:
    return f" ({show(index[0])})" if len(index) else ""
