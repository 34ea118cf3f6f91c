"""Read a large array a block of rows at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from numpy.typing import NDArray


def row_blocks(array: NDArray[Any], n_values: int) -> Iterator[slice]:
    """Yield slices of consecutive rows that hold about `n_values` values, at least a row each.

    Windows overlap: whatever is made of all of them at once, a mask or a copy, can be hundreds of
    times larger than the series that they show.
    """
    step = max(1, n_values * len(array) // max(1, array.size))
    for start in range(0, len(array), step):
        yield slice(start, start + step)
