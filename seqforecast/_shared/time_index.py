"""Times of rows: how they are written, and whether they run on."""

from __future__ import annotations

from typing import Any

import numpy as np


def show_time(time: Any) -> str:
    """Write a time: midnight is a day."""
    return str(time).removesuffix(" 00:00:00")


def check_increasing(index: Any, several: str, in_a_search: str = "") -> None:
    """Refuse a pandas index with labels that are missing, out of order or repeated.

    `several` says what to do where labels are repeated because the rows are of several series,
    `in_a_search` where they are out of order because a search has drawn them by chance.
    """
    if index.hasnans:
        raise ValueError(
            f"The index has no label at row {int(np.argmax(index.isna()))}; every row needs one. "
            "Drop such rows: series[series.index.notna()]."
        )
    if not index.is_monotonic_increasing:
        row = 1 + int(np.argmax(np.asarray(index[1:] < index[:-1])))
        raise ValueError(
            f"The index is not sorted: {show_time(index[row])} at row {row} comes after "
            f"{show_time(index[row - 1])}; the oldest step must come first. Call "
            f"series.sort_index() before. {in_a_search}".rstrip()
        )
    if not index.is_unique:
        row = int(np.argmax(index.duplicated()))
        raise ValueError(
            f"The index has {show_time(index[row])} twice, again at row {row}; a step needs one "
            f"row. Keep the first: series[~series.index.duplicated()]. {several}"
        )
