"""Rows in any order become a Panel: sorted, trimmed, checked, all series at once."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field, replace
from typing import NoReturn

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seqforecast._shared.time_index import show_time
from seqforecast.exceptions import ParameterError
from seqforecast.forecasting.arrays.ragged import offsets_of, stretches
from seqforecast.forecasting.data.columns import (
    Roles,
    show,
)
from seqforecast.forecasting.data.panel import Panel
from seqforecast.forecasting.data.time_grid import TimeGrid

LARGEST = 1e150
"""What float64 holds the square of."""


@dataclass(frozen=True)
class LongTable:
    """What was read: one observation a row, in any order."""

    ids: pd.Index  # (n_series,), each with at least one row
    series: NDArray[np.int64]  # (n_rows,): index into ids
    times: pd.Index  # (n_times,): distinct, sorted
    time: NDArray[np.int64]  # (n_rows,): index into times
    target: NDArray[np.float64]  # (n_rows,); may be a view of the user's data
    filling: Callable[[TimeGrid], str]  # writes the call that fills gaps
    keep_first: str = ""  # what to do about rows of one time
    in_a_search: str = ""  # what to do if a search picked the rows
    roles: Roles = field(default_factory=Roles)
    features: dict[Hashable, NDArray[np.float64]] = field(default_factory=dict)  # (n_rows,) each


def to_panel(rows: LongTable, *, continues: Panel | None = None) -> Panel:
    """Sort rows by series and time, trim and check them, and copy them into a Panel.

    Parameters
    ----------
    rows : LongTable
        What was read.
    continues : Panel, optional
        The panel that the rows are to be appended to: it gives the calendar, and of its series
        no leading NaN are trimmed, for they are missing values between others.
    """
    rows = _trim(_sort(rows), continues)
    offsets = _offsets(rows)
    grid = continues.grid if continues is not None else _infer(rows, offsets)
    first = _first_positions(rows, offsets, grid, check_mixed=continues is None)
    if continues is None and first.min() > 0:  # the first times had no value
        grid, first = grid.starting(int(first.min())), first - first.min()
    past, future, static = (_table(rows, names) for _, names in rows.roles.items())
    _check_values(_Places(rows, offsets), past, future, static)
    return Panel(
        ids=rows.ids,
        offsets=offsets,
        values=rows.target.copy(),
        first=first,
        past=past,
        future=future,
        static=static[offsets[:-1]],
        past_names=rows.roles.past,
        future_names=rows.roles.future,
        static_names=rows.roles.static,
        grid=grid,
    )


def _offsets(rows: LongTable) -> NDArray[np.int64]:
    """Return where each series begins in sorted rows, and after the last where it ends."""
    return offsets_of(np.bincount(rows.series, minlength=len(rows.ids)))


def _table(rows: LongTable, names: tuple[Hashable, ...]) -> NDArray[np.float64]:
    """Copy some features side by side, (n_rows, n_names)."""
    table = np.empty((len(rows.series), len(names)))
    for k, name in enumerate(names):
        table[:, k] = rows.features[name]
    return table


def _pick(rows: LongTable, places: NDArray[np.intp]) -> LongTable:
    """Keep the rows at some places, in their order."""
    return replace(
        rows,
        series=rows.series[places],
        time=rows.time[places],
        target=rows.target[places],
        features={name: column[places] for name, column in rows.features.items()},
    )


def _sort(rows: LongTable) -> LongTable:
    """Sort by series and time, unless the rows are sorted; refuse two rows of one time."""
    key = rows.series * np.int64(len(rows.times)) + rows.time
    if (key[1:] < key[:-1]).any():
        order = np.argsort(key)
        key, rows = key[order], _pick(rows, order)
    again = key[1:] == key[:-1]
    if again.any():
        row = int(np.argmax(again))
        time = show_time(rows.times[rows.time[row]])
        raise ValueError(
            f"Series {show(rows.ids[rows.series[row]])} has the time {time} "
            f"twice ({int(again.sum())} row(s) repeat a time); a step needs one row. "
            f"{rows.keep_first}"
        )
    return rows


def _trim(rows: LongTable, continues: Panel | None) -> LongTable:
    """Let every series begin at its first value that is not missing."""
    offsets = _offsets(rows)
    begin, end = offsets[:-1], offsets[1:]
    if not np.isnan(rows.target[begin]).any():
        return rows
    n_rows = len(rows.target)
    known = np.where(np.isnan(rows.target), n_rows, np.arange(n_rows))
    first = np.minimum.reduceat(known, begin)
    if continues is not None:
        first = np.where(rows.ids.isin(continues.ids), begin, first)
    empty = first >= end
    if empty.any():
        named = ", ".join(show(name) for name in rows.ids[empty][:5])
        asfreq = (
            " If asfreq left nothing, its frequency is not that of the dates: ends of months are "
            "'ME', their first days 'MS'."
        )
        raise ValueError(
            f"Series without any value: {named}{', ...' if empty.sum() > 5 else ''} "
            f"({int(empty.sum())} of {len(empty)} series); a series needs at least one that is "
            f"not missing. Drop such series.{asfreq if empty.all() else ''}"
        )
    return _pick(rows, stretches(first, end - first))


# ------------------------------------------------------------------- frequencies and gaps

_NAMED = 1000
"""Series that are looked at one by one, to name two of them in a message."""


def _infer(rows: LongTable, offsets: NDArray[np.int64]) -> TimeGrid:
    """Infer the calendar of all series; if there is none, name two that disagree."""
    try:
        return TimeGrid.infer(rows.times)
    except ValueError as error:
        found: dict[str, int] = {}
        for i in range(min(len(rows.ids), _NAMED)):
            own = _frequency(rows, offsets, i)
            if own is not None:
                found.setdefault(own, i)
            if len(found) == 2:
                (a, i), (b, k) = found.items()
                _refuse_frequencies(rows, i, a, k, b)
        if not (isinstance(error, ParameterError) and rows.in_a_search):
            raise
        cure = f"{error.cure} {rows.in_a_search}"
        raise ParameterError(error.reason, parameter=error.parameter, cure=cure) from None


def _first_positions(
    rows: LongTable, offsets: NDArray[np.int64], grid: TimeGrid, *, check_mixed: bool
) -> NDArray[np.int64]:
    """Return the calendar position of each series' first row; refuse series with gaps."""
    positions = grid.positions(rows.times)
    first, last = positions[rows.time[offsets[:-1]]], positions[rows.time[offsets[1:] - 1]]
    gaps = np.flatnonzero(last - first + 1 != np.diff(offsets))
    if len(gaps):
        series = int(gaps[0])
        if check_mixed:
            _refuse_mixed(rows, offsets, grid, series)
        own = positions[rows.time[offsets[series] : offsets[series + 1]]]
        _refuse_gap(rows, grid, series, own)
    return first


def _frequency(rows: LongTable, offsets: NDArray[np.int64], series: int) -> str | None:
    """Name the frequency of one series by itself; None if it has none."""
    try:
        own = rows.times[rows.time[offsets[series] : offsets[series + 1]]]
        return TimeGrid.infer(own).freqstr
    except ValueError:
        return None


def _refuse_mixed(rows: LongTable, offsets: NDArray[np.int64], grid: TimeGrid, series: int) -> None:
    """Refuse a series whose gaps on the calendar come from a frequency of its own."""
    own = _frequency(rows, offsets, series)
    others = [i for i in range(min(len(rows.ids), _NAMED)) if i != series]
    if own is None or own == grid.freqstr or not others:
        return
    for other in others:
        theirs = _frequency(rows, offsets, other)
        if theirs not in (None, own):
            _refuse_frequencies(rows, series, own, other, theirs)
    _refuse_frequencies(rows, series, own, others[0], f"{own} at other times")


def _refuse_frequencies(rows: LongTable, i: int, a: str, k: int, b: str | None) -> NoReturn:
    raise ParameterError(
        f"Mixed frequencies: series {show(rows.ids[i])} is {a}, series {show(rows.ids[k])} is "
        f"{b}; the series of a panel need one frequency and the same times of it.",
        parameter="unique_id",
        cure=f"Resample them, or fit a Forecaster for each frequency. {rows.in_a_search}".rstrip(),
    )


def _refuse_gap(
    rows: LongTable, grid: TimeGrid, series: int, positions: NDArray[np.int64]
) -> NoReturn:
    """Refuse a series in which rows are missing."""
    missing = int(positions[-1] - positions[0] + 1 - len(positions))
    before = positions[int(np.argmax(np.diff(positions) > 1))]
    raise ParameterError(
        f"Series {show(rows.ids[series])} has gaps: {grid.label(before + 1)} is the first of "
        f"{missing} missing time(s) at frequency {grid.freqstr}; every step needs a row, "
        "whose value may be NaN.",
        parameter="X",
        cure=f"Fill the gaps: {rows.filling(grid)}. {rows.in_a_search}".rstrip(),
    )


# ----------------------------------------------------------------------- values and features


@dataclass(frozen=True)
class _Places:
    """Tell the series and the time of a row, for messages."""

    rows: LongTable
    offsets: NDArray[np.int64]

    def refuse(
        self, bad: NDArray[np.bool_], what: str, cure: str, parameter: str | None = None
    ) -> None:
        """Raise if any row is bad, and name the first."""
        if not bad.any():
            return
        row = int(np.argmax(bad))
        time = show_time(self.rows.times[self.rows.time[row]])
        reason = (
            f"{what} in series {show(self.rows.ids[self.rows.series[row]])} at {time} "
            f"({int(bad.sum())} such row(s)); a finite number is needed there."
        )
        if parameter is None:
            raise ValueError(f"{reason} {cure}")
        raise ParameterError(reason, parameter=parameter, cure=cure)

    def refuse_changes(self, column: NDArray[np.float64], name: Hashable) -> None:
        """Raise if a static feature changes within a series."""
        changes = column != np.repeat(column[self.offsets[:-1]], np.diff(self.offsets))
        if changes.any():
            series = show(self.rows.ids[self.rows.series[int(np.argmax(changes))]])
            raise ParameterError(
                f"The static feature {name!r} changes within series {series}; a "
                "static feature has one value for each series.",
                parameter="static",
                cure="Name it in future= or past= instead.",
            )


def _check_values(
    where: _Places,
    past: NDArray[np.float64],
    future: NDArray[np.float64],
    static: NDArray[np.float64],
) -> None:
    """Refuse infinite values, unknown future or static features, and static ones that change."""
    roles, unknown = where.rows.roles, "Replace it by NaN if it is unknown."
    where.refuse(np.isinf(where.rows.target), "The target is infinite", unknown, "y")
    everything = {"target": where.rows.target}
    for names, table in ((roles.past, past), (roles.future, future), (roles.static, static)):
        everything |= {
            f"feature {name!r}": column for name, column in zip(names, table.T, strict=True)
        }
    for what, column in everything.items():
        large = np.abs(np.nan_to_num(column, posinf=0.0, neginf=0.0)) > LARGEST
        where.refuse(large, f"The {what} is beyond {LARGEST:g}", "Divide it by a constant.")
    for name, column in zip(roles.past, past.T, strict=True):
        where.refuse(np.isinf(column), f"The past feature {name!r} is infinite", unknown, "y")
    for name, column in zip(roles.future, future.T, strict=True):
        what = f"The future feature {name!r} is NaN or infinite"
        cure = f"Fill it, or pass past=[{name!r}] if it is known for the past only."
        where.refuse(~np.isfinite(column), what, cure, "past")
    for name, column in zip(roles.static, static.T, strict=True):
        cure = "Fill it, or drop the column."
        where.refuse(~np.isfinite(column), f"The static feature {name!r} is NaN or infinite", cure)
        where.refuse_changes(column, name)
