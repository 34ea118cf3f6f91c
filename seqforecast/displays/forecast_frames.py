"""What a picture of forecasts shows, as long frames, and which series of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seqforecast.forecasting.data.columns import COLUMNS, nearest

ID, DS, Y = COLUMNS

AT_MOST = 6
"""Series that are shown where nobody says which."""

FEWEST = 24
"""Steps of the past that are shown at least, where there are so many and nobody says how many."""


@dataclass(frozen=True, eq=False)
class Frames:
    """The rows of the series that are shown, and how many series there are."""

    forecast: pd.DataFrame
    history: pd.DataFrame
    truth: pd.DataFrame | None
    n_series: int


def index_of(ids: Any) -> pd.Index:
    """Return names of series as an index, also such as are tuples."""
    return pd.Index(ids, tupleize_cols=False)


def chosen_series(ids: Any, known: pd.Index) -> NDArray[np.int64]:
    """Return which of the known series are shown: those named, or the first few."""
    if ids is None:
        return np.arange(min(len(known), AT_MOST))
    one = isinstance(ids, str) or not isinstance(ids, Iterable)
    names = [ids] if one else list(dict.fromkeys(ids))
    if not names:
        raise ValueError(
            f"{ids=} names no series; at least one is needed. Pass None for the first {AT_MOST}."
        )
    found = known.get_indexer(index_of(names))
    if (found < 0).any():
        stranger = names[int(np.argmax(found < 0))]
        raise ValueError(
            f"ids names {stranger!r}, which is not among the {len(known)} series. "
            f"{nearest(stranger, known, 'series')}"
        )
    return found.astype(np.int64)
