"""Numbers and times as a report writes them."""

from __future__ import annotations

from typing import Any

import numpy as np


class Number(str):
    """A number that is written already."""


def number(value: Any) -> str:
    """Write a number with four digits that matter, from 1,000 on as a whole one."""
    value = float(value)
    if np.isnan(value):
        return "unknown"
    if np.isinf(value):
        return "infinite" if value > 0 else "minus infinite"
    size = abs(value)
    if size >= 1e9 or 0 < size < 1e-4:
        return f"{value:.3e}"
    return f"{value:,.0f}" if size >= 1000 else f"{value:.4g}"


def aligned(values: Any, like: Any = None) -> list[Number]:
    """Write numbers with as many decimals as tell them apart, all with the same.

    Parameters
    ----------
    values : array-like of float
        The numbers.
    like : array-like of float, default=None
        Numbers whose spread decides; `values` where it is None.
    """
    values = np.asarray(values, dtype=float).ravel()
    spread = np.asarray(values if like is None else like, dtype=float)
    spread = spread[np.isfinite(spread)]
    size = float(np.ptp(spread)) if spread.size else 0.0
    size = size if size > 0 else float(np.abs(spread).max(initial=0.0))
    if not 1e-8 < size < 1e12:
        return [Number(number(value)) for value in values]
    decimals = max(0, 2 - int(np.floor(np.log10(size))))
    return [Number("unknown" if np.isnan(value) else f"{value:,.{decimals}f}") for value in values]


def percent(share: float) -> str:
    """Write a share of 1."""
    return "unknown" if np.isnan(share) else f"{float(f'{100 * share:.3g}'):g} %"


def moment(value: Any) -> str:
    """Write a time without what is zero in it."""
    return str(value).removesuffix(" 00:00:00")
