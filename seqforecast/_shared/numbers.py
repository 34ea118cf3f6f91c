"""Numbers as reports, findings and the shell write them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any


def number(value: Any) -> str:
    """Write a number with four digits that matter, from 1,000 on as a whole one."""
    value = float(value)
    if math.isnan(value):
        return "unknown"
    if math.isinf(value):
        return "infinite" if value > 0 else "minus infinite"
    size = abs(value)
    if size >= 1e9 or 0 < size < 1e-4:
        return f"{value:.3e}"
    return f"{value:,.0f}" if size >= 1000 else f"{value:.4g}"


def short(value: float, digits: int = 2) -> str:
    """Write a number with so few digits that matter, and no exponent where it can be helped."""
    return f"{float(f'{value:.{digits}g}'):g}"


def percent(share: float, digits: int = 3) -> str:
    """Write a share of 1."""
    return "unknown" if math.isnan(share) else f"{short(100 * share, digits)} %"


def same_decimals(
    values: Sequence[float], size: float, digits: int, *, unknown: str = "-", comma: str = ""
) -> list[str]:
    """Write numbers with the same decimals: those that so many digits of a `size` need."""
    decimals = max(digits - 1 - math.floor(math.log10(size)), 0) if size > 0 else 0
    plain = decimals <= 10 and not any(1e12 <= abs(value) < math.inf for value in values)
    form = f"{comma}.{decimals}f" if plain else f".{digits - 1}e"
    return [unknown if math.isnan(value) else f"{value:{form}}" for value in values]
