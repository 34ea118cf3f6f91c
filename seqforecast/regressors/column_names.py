"""What the names of columns tell of a row: the steps of which channels stand there."""

from __future__ import annotations

import re
import warnings
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

from sklearn.utils.validation import _get_feature_names

from seqforecast.containers.frames import column_names

_LAG = re.compile(r"(.+)@lag(\d+)", re.DOTALL)
"""How make_windows names a column of windows: channel and lag."""
_STEP = re.compile(r".+@step\d+", re.DOTALL)
"""How make_windows names a column of targets."""
_MONTHS = "january february march april may june july august september october november december"
_DAYS = "monday tuesday wednesday thursday friday saturday sunday"
_WORDS = [*_MONTHS.split(), *_DAYS.split()]
_SHORT = ["sept", "tues", "thur", "thurs", *(word[:3] for word in _WORDS)]
_COUNTED = re.compile(rf"\d+|(?<![a-z])(?:{'|'.join(_WORDS + _SHORT)})(?![a-z])")
"""What tells the steps of one channel apart: a number, a month, a day of the week."""
_FEW = 3
"""Names below this number tell nothing of what they have in common."""
_SHOWN = 5
_WITHOUT = "Drop them: X[[name for name in X.columns if '@lag' in name]]"


class _Lag(NamedTuple):
    channel: str
    lag: int


def check_lag_names(columns: Sequence[str] | None, n_channels: int) -> None:
    """Refuse columns named as by make_windows which contradict the reading of a row."""
    names = list(columns or ())
    lags = _lags_of(names)
    if not any(lags):
        return
    others = [name for name, lag in zip(names, lags, strict=True) if lag is None]
    _refuse_targets([name for name in others if _STEP.fullmatch(name)])
    if others:
        _check_other_columns(lags, others, n_channels)
    else:
        _check_channels(Counter(lag.channel for lag in lags if lag), len(names), n_channels)


def warn_if_not_in_order(
    columns: Sequence[str] | None, n_channels: int, *, stacklevel: int
) -> bool:
    """Warn if columns named as by make_windows are not in the order of time; return whether."""
    lags = _lags_of(columns or ())
    steps = zip(lags, lags[n_channels:], strict=False)
    if all(_follows(later, earlier) for earlier, later in steps):
        return False
    warnings.warn(
        "the columns of X are not in the order of time, but a row is read by position: oldest "
        "step first, the channels of a step side by side. Put them back into the order that "
        "make_windows gave them (a ColumnTransformer changes it).",
        stacklevel=stacklevel + 1,
    )
    return True


def warn_if_features(columns: Sequence[str] | None, n_channels: int, *, stacklevel: int) -> None:
    """Warn if the names look like those of features of one moment, not of steps."""
    names = list(columns or ())
    if len(names) < max(_FEW, 2 * n_channels) or len(set(names)) < len(names):
        return
    own = [name.rpartition("__")[2].lower() for name in names]  # of a ColumnTransformer's names
    counted = Counter(_COUNTED.sub("#", name) for name in own if _COUNTED.search(name))
    if any(count > 1 for count in counted.values()):
        return
    warnings.warn(
        f"the columns of X ({_listed(names)}) are read as {_reading(len(names), n_channels)}, "
        "oldest step first, but their names are not those of steps. If a row holds the features "
        "of one moment, cut windows of many rows: make_windows(frame, window, target=...). If the "
        "columns are steps, give them names such as lag_1 or pass an array.",
        stacklevel=stacklevel + 1,
    )


def check_validation_names(
    X_val: Any, columns: Sequence[str] | None, *, owner: str, stacklevel: int
) -> None:
    """Check the names of X_val as `predict` checks those of X: the same ones in the same order."""
    try:
        given = _get_feature_names(X_val)
    except (TypeError, ValueError):
        raise ValueError(
            "X_val has column names that are not all strings, or not all different; the names of "
            "X are needed. Set X_val.columns = X.columns."
        ) from None
    if given is not None and columns is not None:
        _check_same_names(list(given), list(columns), "X")
    elif given is not None or columns is not None:
        known = f"does not have valid feature names, but {owner} was fitted with feature names"
        unknown = f"has feature names, but {owner} was fitted without feature names"
        warnings.warn(
            f"X_val {known if given is None else unknown}: its columns are taken by position. "
            "Pass X and X_val of one kind, both with names or both without.",
            stacklevel=stacklevel + 1,
        )


def check_target_names(y_val: Any, y: Any) -> None:
    """Refuse a frame y_val whose columns are not those of a frame y, in their order."""
    given, columns = column_names(y_val), column_names(y)
    if given and columns:
        _check_same_names(list(map(str, given)), list(map(str, columns)), "y")


def _check_same_names(given: list[str], columns: list[str], of: str) -> None:
    known, seen = set(columns), set(given)
    missing = [name for name in columns if name not in seen]
    more = [name for name in given if name not in known]
    if missing or more:
        lacks = f"lacks the columns {_listed(missing)}" if missing else ""
        has = f"has the columns {_listed(more)}, which are not in {of}" if more else ""
        cure = (
            f"Make {of}_val as {of} was made." if missing else f"Pass {of}_val[list({of}.columns)]."
        )
        raise ValueError(
            f"{of}_val {' and '.join(filter(None, (lacks, has)))}; the columns of {of} in their "
            f"order are needed. {cure}"
        )
    for position, (name, needed) in enumerate(zip(given, columns, strict=False)):
        if name != needed:
            raise ValueError(
                f"{of}_val has the columns of {of} in another order: column {position} is "
                f"{name!r}, in {of} {needed!r}; the same order is needed. Pass "
                f"{of}_val[list({of}.columns)]."
            )


# The names of make_windows ----------------------------------------------------------------------


def _lags_of(columns: Sequence[str]) -> list[_Lag | None]:
    """Return channel and lag of each column, None for one that is not named so.

    A ColumnTransformer puts the name of a part before: `scale__y@lag1` and `rest__y@lag0` are of
    one channel. Names that come twice tell nothing.
    """
    found = [_LAG.fullmatch(name) for name in columns]
    full = [None if match is None else _Lag(match[1], int(match[2])) for match in found]
    if not _different(full):
        return [None] * len(full)
    for separated in (str.rpartition, str.partition):  # behind the last "__", or the first
        short = [lag and lag._replace(channel=separated(lag.channel, "__")[2]) for lag in full]
        short = [a if a is None or a.channel else b for a, b in zip(short, full, strict=True)]
        if _different(short):
            return short
    return full


def _different(lags: Sequence[_Lag | None]) -> bool:
    named = [lag for lag in lags if lag is not None]
    return len(set(named)) == len(named)


def _follows(later: _Lag | None, earlier: _Lag | None) -> bool:
    """Tell whether a column can stand one step after another."""
    if later is None or earlier is None:
        return later is earlier
    return later.channel == earlier.channel and later.lag < earlier.lag


def _refuse_targets(columns: list[str]) -> None:
    if columns:
        raise ValueError(
            f"X has the columns {_listed(columns)}, named as the targets of make_windows, beside "
            "the columns @lag of windows; X must hold the past alone, as the steps of a window. "
            f"{_WITHOUT}, or make them channels of the frame before "
            "make_windows. For values that are known ahead use Forecaster(future=[...])."
        )


def _check_other_columns(lags: list[_Lag | None], others: list[str], n_channels: int) -> None:
    """Refuse columns of no lag, unless every step has them at the same places."""
    channels = [lag and lag.channel for lag in lags]
    if any(a != b for a, b in zip(channels, channels[n_channels:], strict=False)):
        raise ValueError(
            f"X has the columns {_listed(others)} beside the columns @lag of windows, but "
            f"n_channels={n_channels} reads a row as {_reading(len(lags), n_channels)}; the same "
            f"columns are needed at every step. {_WITHOUT}, or make them "
            "channels of the frame before make_windows(frame, window, target=...) and set "
            "n_channels. For values that are known ahead use Forecaster(future=[...])."
        )


def _check_channels(lags: Counter[str], n_columns: int, n_channels: int) -> None:
    """Refuse channels of unequal numbers of lags, and another number of channels."""
    reads = f"n_channels={n_channels} reads a row as {_reading(n_columns, n_channels)}"
    if len(set(lags.values())) > 1:
        counts = _listed([f"{channel}: {count}" for channel, count in lags.items()])
        raise ValueError(
            f"the columns of X name channels with different numbers of lags ({counts}), but "
            f"{reads}; every channel is needed at every step. Make windows of all channels at "
            "once by make_windows(frame, window, target=...), or drop the columns of a channel "
            "that has fewer lags; n_channels is the number of channels left."
        )
    if len(lags) != n_channels:
        raise ValueError(
            f"the columns of X name {len(lags)} channels ({_listed(list(lags))}), but {reads}; "
            f"the number that the names tell is needed. Set n_channels={len(lags)}."
        )


def _reading(n_columns: int, n_channels: int) -> str:
    steps = n_columns / n_channels
    return f"{steps:.4g} steps of {n_channels} channel{'s' if n_channels > 1 else ''}"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")
