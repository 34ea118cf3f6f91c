"""Which periods of the calendar a row is told its position in, and the columns that tell it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqforecast._shared.checks import check_word
from seqforecast._shared.memory_limits import require_memory
from seqforecast.forecasting.arrays.phases import PERIODS, phase_columns, phase_names
from seqforecast.forecasting.data.panel import Panel
from seqforecast.forecasting.data.time_grid import TimeGrid

_DAY = np.timedelta64(1, "D")
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
    dates = panel.grid.offset is not None
    if not isinstance(given, list | tuple):
        others = ", ".join(repr(word) for word in PERIODS)
        check_word("calendar", given, ("auto", None), other=f"a list of {others}")
        return ("year",) if dates and _shows_years(panel, season) else ()
    for word in given:
        check_word("a word of calendar", word, PERIODS)
    if given and not dates:
        raise ValueError(
            f"calendar={given!r}, but the times of the series are integers, which belong to no "
            "calendar; dates are needed. Pass dates for times, or calendar=None."
        )
    words = tuple(word for word in PERIODS if word in given)
    for word in words:
        _require_several_steps(word, panel.grid)
    return words


def phases_between(
    words: tuple[str, ...], grid: TimeGrid, low: int, stop: int
) -> NDArray[np.float32]:
    """Return `phase_columns` of the positions low, ..., stop - 1; no rows where there are no words.

    Series may lie ages apart, and the times between them are too many to be laid out.
    """
    if not words:
        return np.empty((0, 0), np.float32)
    require_memory(
        (stop - low) * (16 + 4 * len(phase_names(words))),
        f"Positions in the calendar at all {stop - low} times from the first series to the last",
        "Leave out series that are far from the others, or pass calendar=None.",
    )
    return phase_columns(words, grid.clock(np.arange(low, stop)))


def _shows_years(panel: Panel, season: int) -> bool:
    """Tell whether a year is far longer than the season, and some series lasts two."""
    grid = panel.grid
    begin, step, seasonal = grid.clock(np.array([0, 1, season]))
    if step - begin >= _MONTH or seasonal - begin > _QUARTER:
        return False
    # A series lasts until the step after its last one begins.
    begins, ends = grid.clock(np.append(panel.first, panel.last + 1)).reshape(2, -1)
    return bool((ends - begins).max() >= _TWO_YEARS)


def _require_several_steps(word: str, grid: TimeGrid) -> None:
    """Refuse a period that is about as long as a step, or shorter."""
    begin, step = grid.clock(np.arange(2))
    # A month may have 28 days, and 24 hours may be 23 on the clock: steps must be clearly shorter.
    if 1.5 * ((step - begin) / _DAY) >= PERIODS[word][1]:
        raise ValueError(
            f"calendar holds {word!r}, but the series have frequency {grid.freqstr}; several "
            f"steps a {word} are needed to tell them apart. Leave {word!r} out."
        )
