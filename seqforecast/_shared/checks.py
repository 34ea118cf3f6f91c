"""Checks of parameters and arrays: what was given, what is needed, what to do."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Iterator, Sequence
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqforecast._shared.row_blocks import row_blocks

_LARGEST = 2**63 - 1
"""What numpy and torch take for an integer."""

_BLOCK = 1 << 20
"""Values checked at once, to bound the memory that a check takes."""


def is_integer(value: Any) -> bool:
    """Tell whether `value` is an integer; True and False are none."""
    return isinstance(value, Integral) and not isinstance(value, bool | np.bool_)


def check_integer(name: str, value: Any, *, minimum: int = 1) -> None:
    """Raise unless `value` is an integer of at least `minimum`."""
    whole = is_integer(value)
    if not whole or not minimum <= value <= _LARGEST:
        bounds = f"at least {minimum}" + (" and below 2**63" if whole and value > _LARGEST else "")
        raise ValueError(
            f"{name}={value!r}; an integer of {bounds} is needed. Set {name} to such an integer."
        )


def check_number(
    name: str,
    value: Any,
    *,
    low: float = -math.inf,
    high: float = math.inf,
    open_low: bool = False,
    closed_high: bool = False,
) -> None:
    """Raise unless `value` is a finite number in [low, high), without or with these bounds."""
    real = isinstance(value, Real) and not isinstance(value, bool | np.bool_)
    inside = real and math.isfinite(value) and low <= value <= high
    if not inside or (open_low and value == low) or (not closed_high and value == high):
        bounds = "" if low == -math.inf else f" {'above' if open_low else 'of at least'} {low:g}"
        if high != math.inf:
            bounds += f" and {'at most' if closed_high else 'below'} {high:g}"
        raise ValueError(
            f"{name}={value!r}; a number{bounds} is needed. Set {name} to such a number."
        )


def check_flag(name: str, value: Any) -> None:
    """Raise unless `value` is True or False."""
    if not isinstance(value, bool | np.bool_):
        raise ValueError(f"{name}={value!r}; True or False is needed. Set {name} to one of them.")


def check_word(name: str, value: Any, words: Iterable[str | None], *, other: str = "") -> None:
    """Raise unless `value` is one of `words`; suggest the nearest one.

    Parameters
    ----------
    name : str
        The parameter.
    value : object
        What was given.
    words : iterable of str or None
        What is allowed.
    other : str
        What is allowed beside the words, in words.
    """
    allowed = list(words)
    if isinstance(value, str | None) and value in allowed:
        return
    spelt = {word.lower(): word for word in allowed if word is not None}
    near = difflib.get_close_matches(str(value).lower(), spelt, n=1, cutoff=0.5)
    advice = f"Did you mean {spelt[near[0]]!r}?" if near else f"Choose {name} among them."
    choices = ", ".join(repr(word) for word in allowed) + (f" or {other}" if other else "")
    raise ValueError(f"{name}={value!r}; one of {choices} is needed. {advice}")


def check_quantiles(quantiles: Any) -> None:
    """Raise unless `quantiles` is a sequence of different levels in (0, 1)."""
    try:
        levels = (
            [] if any(isinstance(one, str) for one in quantiles) else list(map(float, quantiles))
        )
    except (TypeError, ValueError):
        levels = []
    if not levels or not all(0 < level < 1 for level in levels) or len(set(levels)) < len(levels):
        raise ValueError(
            f"quantiles={quantiles!r}; different numbers between 0 and 1 (exclusive) are needed. "
            "For the median and an 80 % interval set quantiles=(0.1, 0.5, 0.9)."
        )


def side_of_median(quantiles: Iterable[Any]) -> str:
    """Return "above" or "below" where all quantiles lie on that side of 0.5, or ""."""
    levels = [float(level) for level in quantiles]
    return "above" if min(levels) > 0.5 else "below" if max(levels) < 0.5 else ""


def require_finite(
    array: NDArray[Any], name: str, *, columns: Sequence[str] | None = None, allow_nan: bool = False
) -> None:
    """Raise if `array` holds Inf, or NaN unless that is allowed; name the first place.

    Rows that are windows of one series overlap: what a row shares with the row above it was
    checked there, so only its new columns are read.
    """
    if array.dtype.kind in "iub" or array.size == 0:
        return
    for row, column, part in _distinct_parts(array):
        bad = np.isinf(part) if allow_nan else ~np.isfinite(part)
        if bad.any():
            where = tuple(int(k) for k in np.argwhere(bad)[0])
            value = "NaN" if np.isnan(part[where]) else "infinity"
            at = (column + where[1], *where[2:]) if len(where) > 1 else (0,)
            place = _place(name, row + where[0], at, columns)
            raise ValueError(
                f"Input {name} contains {value}{place}; finite numbers are needed. Fill or drop "
                "the missing values before making windows, for example with "
                "series.interpolate(), and replace infinities."
            )


def _distinct_parts(array: NDArray[Any]) -> Iterator[tuple[int, int, NDArray[Any]]]:
    """Yield (first row, first column, block) of blocks that together hold every element."""
    first_row, first_column, rest = 0, 0, array
    if array.ndim > 1 and len(array) > 1 and array.strides[1] > 0:
        new, remainder = divmod(array.strides[0], array.strides[1])
        if remainder == 0 and 0 < new < array.shape[1]:
            first_row, first_column = 1, array.shape[1] - new
            yield 0, 0, array[:1]
            rest = array[1:, first_column:]
    for rows in row_blocks(rest, _BLOCK):
        yield first_row + rows.start, first_column, rest[rows]


def _place(name: str, row: int, at: tuple[int, ...], columns: Sequence[str] | None) -> str:
    if columns is not None and len(at) == 1:
        return f" in row {row}, column {columns[at[0]]!r}"
    if name.startswith("y") and at == (0,):
        return f" in row {row}"
    words = ("column",) if len(at) == 1 else ("step", "channel" if name[0] == "X" else "output")
    return f" in row {row}, " + ", ".join(f"{w} {k}" for w, k in zip(words, at, strict=True))
