"""Where in the year, month, week or day a cutoff stands, as columns of its row."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.float32]
Clock = NDArray[np.datetime64]

PERIODS = {"year": ("Y", 365), "month": ("M", 30), "week": ("W", 7), "day": ("D", 1)}
"""The unit that numpy has for a period, and how many days it has, about."""

_WAVES = (1, 2)
"""Of one period and of two in it: a high and a low a year, or two of each."""

_DAY = np.timedelta64(1, "D")
_SINCE_MONDAY = 3 * _DAY
"""Time from a Monday to the begin of numpy's weeks."""


def phase_names(words: tuple[str, ...]) -> list[str]:
    """Name the columns of `phase_columns`."""
    return [f"{word}.{wave}{k}" for word in words for k in _WAVES for wave in ("sin", "cos")]


def phase_columns(words: tuple[str, ...], clock: Clock) -> Rows:
    """Return sine and cosine of where in each period some times are.

    Parameters
    ----------
    words : tuple of str
        The periods: "year", "month", "week", "day".
    clock : ndarray of datetime64 of shape (n,)
        The times as a clock on the wall shows them; periods are told by their begin.

    Returns
    -------
    ndarray of shape (n, n_columns), float32
        The columns of `phase_names`.
    """
    rows = np.empty((len(clock), 2 * len(_WAVES) * len(words)), np.float32)
    columns = iter(rows.T)
    for word in words:
        angle = 2.0 * np.pi * _elapsed(clock, word)
        for k in _WAVES:
            next(columns)[:] = np.sin(k * angle)
            next(columns)[:] = np.cos(k * angle)
    return rows


def _elapsed(clock: Clock, word: str) -> NDArray[np.float64]:
    """Return the share of its period that has passed at each time: 0 at the beginning."""
    if word == "week":
        clock = clock + _SINCE_MONDAY
    period = clock.astype(f"M8[{PERIODS[word][0]}]")
    begin, end = (edge.astype(clock.dtype) for edge in (period, period + 1))
    share: NDArray[np.float64] = (clock - begin) / (end - begin)
    return share
