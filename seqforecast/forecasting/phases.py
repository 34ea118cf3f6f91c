"""Where in the year, month, week or day a cutoff stands, as columns of its row."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seqforecast._checks import check_word
from seqforecast._sizes import require_memory
from seqforecast.forecasting.calendar import Calendar
from seqforecast.forecasting.panel import Panel

__all__ = ["calendar_words", "phase_columns", "phase_names", "phases_between"]

Rows = NDArray[np.float32]
Cells = NDArray[np.int64]

_PERIODS = {"year": ("Y", 365), "month": ("M", 30), "week": ("W", 7), "day": ("D", 1)}
"""The unit that numpy has for a period, and how many days it has, about."""

_WAVES = (1, 2)
"""Of one period and of two in it: a high and a low a year, or two of each."""

_DAY = np.timedelta64(1, "D")
_SINCE_MONDAY = 3 * _DAY
"""Time from a Monday to the begin of numpy's weeks."""

_MONTH = 28 * _DAY
_QUARTER = np.timedelta64(365 * 24 // 4, "h")
_TWO_YEARS = 2 * 365 * _DAY


def calendar_words(given: Any, panel: Panel, season: int) -> tuple[str, ...]:
    """Return the periods of the calendar that a row tells its position in.

    Parameters
    ----------
    given : {"auto"}, list of str or None
        What the user says. "auto" takes the year where the season does not tell it and a series
        shows it twice: with steps below a month, a season of at most a quarter and two years.
    panel : Panel
        The training panel.
    season : int
        Steps in the longest season.
    """
    if given is None:
        return ()
    dates = panel.calendar.offset is not None
    if not isinstance(given, list | tuple):
        others = ", ".join(repr(word) for word in _PERIODS)
        check_word("calendar", given, ("auto", None), other=f"a list of {others}")
        return ("year",) if dates and _shows_years(panel, season) else ()
    for word in given:
        check_word("a word of calendar", word, _PERIODS)
    if given and not dates:
        raise ValueError(
            f"calendar={given!r}, but the times of the series are integers, which belong to no "
            "calendar; dates are needed. Pass dates for times, or calendar=None."
        )
    words = tuple(word for word in _PERIODS if word in given)
    for word in words:
        _require_several_steps(word, panel.calendar)
    return words


def phase_names(words: tuple[str, ...]) -> list[str]:
    """Name the columns of `phase_columns`."""
    return [f"{word}.{wave}{k}" for word in words for k in _WAVES for wave in ("sin", "cos")]


def phase_columns(words: tuple[str, ...], calendar: Calendar, positions: Cells) -> Rows:
    """Return sine and cosine of where in each period the times at some positions are.

    Times are those of the clock in their time zone, those of periods their begin.

    Returns
    -------
    ndarray of shape (n, n_columns), float32
        The columns of `phase_names`.
    """
    if not words:
        return np.empty((len(positions), 0), np.float32)
    clock = _clock(calendar.times(positions))
    rows = np.empty((len(clock), 2 * len(_WAVES) * len(words)), np.float32)
    columns = iter(rows.T)
    for word in words:
        angle = 2.0 * np.pi * _elapsed(clock, word)
        for k in _WAVES:
            next(columns)[:] = np.sin(k * angle)
            next(columns)[:] = np.cos(k * angle)
    return rows


def phases_between(words: tuple[str, ...], calendar: Calendar, low: int, stop: int) -> Rows:
    """Return `phase_columns` of the positions low, ..., stop - 1; no rows where there are no words.

    Series may lie ages apart, and the times between them are too many to be laid out.
    """
    if not words:
        return np.empty((0, 0), np.float32)
    require_memory(
        (stop - low) * (16 + 8 * len(_WAVES) * len(words)),
        f"Positions in the calendar at all {stop - low} times from the first series to the last",
        "Leave out series that are far from the others, or pass calendar=None.",
    )
    return phase_columns(words, calendar, np.arange(low, stop))


def _elapsed(clock: NDArray[np.datetime64], word: str) -> NDArray[np.float64]:
    """Return the share of its period that has passed at each time: 0 at the begin."""
    if word == "week":
        clock = clock + _SINCE_MONDAY
    period = clock.astype(f"M8[{_PERIODS[word][0]}]")
    begin, end = (edge.astype(clock.dtype) for edge in (period, period + 1))
    share: NDArray[np.float64] = (clock - begin) / (end - begin)
    return share


def _clock(times: pd.Index) -> NDArray[np.datetime64]:
    """Return times as the clock on the wall shows them."""
    if isinstance(times, pd.PeriodIndex):
        return cast(Any, times.asfreq("us", how="S")).asi8.view("M8[us]")
    return cast(pd.DatetimeIndex, times).tz_localize(None).to_numpy().astype("M8[us]")


def _shows_years(panel: Panel, season: int) -> bool:
    """Tell whether a year is far longer than the season, and some series lasts two."""
    calendar = panel.calendar
    begin, step, seasonal = _clock(calendar.times(np.array([0, 1, season])))
    if step - begin >= _MONTH or seasonal - begin > _QUARTER:
        return False
    # A series lasts until the step after its last one begins.
    begins, ends = _clock(calendar.times(np.append(panel.first, panel.last + 1))).reshape(2, -1)
    return bool((ends - begins).max() >= _TWO_YEARS)


def _require_several_steps(word: str, calendar: Calendar) -> None:
    """Refuse a period that is about as long as a step, or shorter."""
    begin, step = _clock(calendar.times(np.arange(2)))
    # A month may have 28 days, and 24 hours may be 23 on the clock: steps must be clearly shorter.
    if 1.5 * ((step - begin) / _DAY) >= _PERIODS[word][1]:
        raise ValueError(
            f"calendar holds {word!r}, but the series have frequency {calendar.freqstr}; several "
            f"steps a {word} are needed to tell them apart. Leave {word!r} out."
        )
