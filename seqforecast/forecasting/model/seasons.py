"""How long a season is: what the user says, or what the calendar suggests."""

from __future__ import annotations

from typing import Any

import pandas as pd

from seqforecast._shared.checks import check_integer, check_word
from seqforecast.exceptions import ParameterError

_STEPS = {
    **dict.fromkeys(("QE", "QS", "BQE", "BQS"), 4),
    **dict.fromkeys(("ME", "MS", "BME", "BMS", "CBME", "CBMS"), 12),
    **dict.fromkeys(("SME", "SMS"), 24),
    "W": 52,
    "D": 7,
    **dict.fromkeys(("B", "C"), 5),
}
"""Steps in a year, and in a week of days, by pandas' code of a frequency."""

_CYCLES = (60, 3_600, 86_400, 604_800)
"""Seconds in a minute, an hour, a day and a week."""

_LONGEST = 1_500
"""Steps; a season beyond is not looked for: it would need a history of many more."""


def season_lengths(
    season: Any, offset: pd.offsets.BaseOffset | None, *, longest: int, horizon: int
) -> tuple[int, ...]:
    """Return the lengths of the seasons in steps, increasing; (1,) where there is none.

    Parameters
    ----------
    season : {"auto"}, int, list of int or None
        What the user says. "auto" takes what the calendar suggests and the series are long
        enough to show: two seasons and a horizon.
    offset : pandas offset or None
        The frequency; None where times are integers.
    longest : int
        Number of steps of the longest series.
    horizon : int
        Number of steps forecast at once.
    """
    if season is None:
        return (1,)
    if isinstance(season, str):
        check_word("season", season, ("auto", None), other="the steps in a season, or a list")
        suggested = () if offset is None else calendar_seasons(offset)
        return tuple(m for m in suggested if 2 * m + horizon <= longest) or (1,)
    listed = season if isinstance(season, list | tuple) else [season]
    for length in listed:
        check_integer("season", length)
    lengths = tuple(sorted({int(length) for length in listed}))
    if not lengths:
        raise ValueError(
            f"{season=} is empty; at least one number of steps is needed. Pass None for series "
            "without a season."
        )
    if longest <= lengths[-1]:
        raise ParameterError(
            f"{season=} needs more than {lengths[-1]} values; the longest series has {longest}.",
            parameter="season",
            cure="Use a shorter season, None, or pass more data.",
        )
    return lengths


def calendar_seasons(offset: pd.offsets.BaseOffset) -> tuple[int, ...]:
    """Return the seasons that a calendar suggests: a year of months, a day and a week of hours."""
    code = offset.rule_code.partition("-")[0]
    if code not in _STEPS and isinstance(offset, pd.offsets.Tick):
        step = offset.nanos
        lengths = [cycle * 10**9 // step for cycle in _CYCLES if cycle * 10**9 % step == 0]
        return tuple(m for m in lengths if 2 <= m <= _LONGEST)[-2:]
    length, rest = divmod(_STEPS.get(code, 1), offset.n)
    return (length,) if rest == 0 and length > 1 else ()
