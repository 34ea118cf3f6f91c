"""The calls that mend a long frame, for messages: in the words of the library that made it."""

from __future__ import annotations

import re
from collections.abc import Hashable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from seqforecast.forecasting.data.columns import Roles
from seqforecast.forecasting.data.time_grid import TimeGrid

_EVERY = {
    **{"D": "d", "h": "h", "min": "m", "s": "s", "ms": "ms", "us": "us", "ns": "ns"},
    **{"MS": "mo", "QS": "q", "YS": "y", "W": "w"},
}
"""What polars calls the spans of pandas; it counts on from the first time of a series."""

CUT_BY_A_SEARCH = "In a search, pass cv=PanelSplit(n_folds=..., horizon=...)."
"""What to do about rows of a long frame that a splitter of rows picked."""

THINNED_BY_A_SEARCH = (
    f"{CUT_BY_A_SEARCH} A halving search also needs resource= and max_resources=, for example "
    "resource='regressor__max_steps' of a network."
)
"""What to do about series in which rows are missing, if it was a search that left them out."""


@dataclass(frozen=True)
class Mending:
    """How a long frame is mended.

    Parameters
    ----------
    columns : tuple of three names
        Its columns of ids, times and the target.
    roles : Roles
        Its features.
    library : str or None
        What made it, None for pandas.
    of_arrow : bool
        Whether its times are in Arrow's memory, within pandas.
    """

    columns: tuple[Hashable, ...]
    roles: Roles
    library: str | None
    of_arrow: bool = False

    def drop_missing(self, name: Hashable) -> str:
        """Return the sentence that drops rows without a value in a column."""
        call = {None: f"dropna(subset=[{name!r}])", "polars": f"drop_nulls([{name!r}])"}
        return _sentence("Drop such rows", call.get(self.library))

    def keep_first(self) -> str:
        """Return the sentence that keeps one row of each time."""
        keys = list(self.columns[:2])
        call = {None: f"drop_duplicates({keys!r})", "polars": f"unique({keys!r}, keep='first')"}
        return _sentence("Aggregate them, or keep the first", call.get(self.library))

    def fill(self, grid: TimeGrid) -> str:
        """Return what fills gaps, to stand behind "Fill the gaps"."""
        filled = {None: self._resampled, "polars": self._upsampled}
        call = filled.get(self.library, lambda _: None)(grid)
        missing = "NaN" if self.library is None else "null"
        if call is None:
            return f"add the missing rows, with {missing} in {self.columns[2]!r}"
        known = [*self.roles.future, *self.roles.static]
        if not known:
            return call
        return f"{call}, and then the new {missing} of {known!r}, which must be known"

    def _resampled(self, grid: TimeGrid) -> str | None:
        unique_id, ds, y = self.columns
        if not isinstance(grid.dtype, pd.DatetimeTZDtype | np.dtype) or grid.offset is None:
            return None
        kept = [y, *self.roles.past, *self.roles.future, *self.roles.static]
        plain = f".astype({{{ds!r}: 'datetime64[us]'}})" if self.of_arrow else ""
        return (
            f"frame{plain}.set_index({ds!r}).groupby({unique_id!r})[{kept!r}]"
            f".resample({grid.freqstr!r}).asfreq().reset_index()"
        )

    def _upsampled(self, grid: TimeGrid) -> str | None:
        unique_id, ds, _ = self.columns
        span = re.fullmatch(r"(\d*)([A-Za-z]+)(-[A-Z]+)?", grid.freqstr)
        if grid.offset is None:
            every = f"{grid.step}i"
        elif span is not None and span[2] in _EVERY:
            every = f"{span[1] or 1}{_EVERY[span[2]]}"
        else:
            return None
        keys = [unique_id, ds]
        return (
            f"frame.sort({keys!r}).upsample({ds!r}, every={every!r}, group_by={unique_id!r})"
            f".with_columns(pl.col({unique_id!r}).forward_fill())"
        )


def _sentence(what: str, call: str | None) -> str:
    return f"{what}." if call is None else f"{what}: frame.{call}."
