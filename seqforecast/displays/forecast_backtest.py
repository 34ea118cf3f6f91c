"""The forecasts of a backtest, with the actual values and the history, as long frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seqforecast._shared.checks import check_integer
from seqforecast.containers.frames import as_pandas, plain_times
from seqforecast.displays.forecast_frames import (
    DS,
    FEWEST,
    ID,
    Frames,
    Y,
    chosen_series,
    index_of,
)
from seqforecast.forecasting.data.columns import nearest
from seqforecast.forecasting.data.fold_columns import (
    CURE,
    CUTOFF,
    NAIVE,
    Y_HAT,
    columns_of,
    levels_of,
    require_columns,
)
from seqforecast.forecasting.data.frames import read_panel
from seqforecast.forecasting.data.panel import Panel
from seqforecast.forecasting.data.time_grid import TimeGrid, check_times

Cells = NDArray[np.int64]


def read_backtest(
    frame: Any, history: Any, *, ids: Any, n_history: int | None, columns: Any
) -> Frames:
    """Take forecasts of all cutoffs from a backtest, actual values from it and the history."""
    frame = as_pandas(frame, "frame")
    unique_id, ds, y = columns = columns_of(frame, columns)
    require_columns(frame, (unique_id, CUTOFF, ds, y, Y_HAT), "frame", CURE)
    if n_history is not None:
        check_integer("n_history", n_history)
    if frame.empty:
        raise ValueError(f"frame has no rows; a row a forecast is needed. {CURE}")
    known = index_of(frame[unique_id]).unique()
    shown = known.take(chosen_series(ids, known))
    series = shown.get_indexer(index_of(frame[unique_id]))
    order = np.concatenate([np.flatnonzero(series == k) for k in range(len(shown))])
    frame, series = frame.iloc[order].copy(), series[order]
    for name in (ds, CUTOFF):
        frame[name] = plain_times(pd.Index(frame[name]))
    panel = _history_panel(history, columns)
    grid = _grid(frame[ds], frame[CUTOFF]) if panel is None else panel.grid

    labels = {ID: frame[unique_id], CUTOFF: frame[CUTOFF], DS: frame[ds]}
    ends = [f"{end}-{level}" for level in levels_of(frame) for end in ("lo", "hi")]
    values = {name: frame[name] for name in (Y_HAT, *ends, NAIVE) if name in frame}
    forecast = pd.DataFrame(labels | values).reset_index(drop=True)
    rows = _Observed(grid, panel, len(known) == 1)
    parts = [rows.of(name, frame[series == k], ds, y, n_history) for k, name in enumerate(shown)]
    before = pd.concat([part for part, _ in parts], ignore_index=True)
    after = pd.concat([part for _, part in parts], ignore_index=True)
    return Frames(forecast, before, after, len(known))


@dataclass(frozen=True)
class _Listed:
    """Times whose frequency cannot be told: they follow one another as they are."""

    index: pd.Index

    def positions(self, times: pd.Index) -> Cells:
        return self.index.get_indexer(times).astype(np.int64)

    def times(self, positions: Cells) -> pd.Index:
        return self.index.take(positions)


def _grid(*times: pd.Series) -> TimeGrid | _Listed:
    """Find the grid of the times of a backtest, so that missing ones can be seen."""
    first, *rest = (pd.Index(one) for one in times)
    check_times(first)
    index = first.append(rest).unique().sort_values()
    try:
        return TimeGrid.infer(index)
    except ValueError:  # two times, or such as follow no frequency
        return _Listed(index)


def _history_panel(history: Any, columns: Any) -> Panel | None:
    if history is None:
        return None
    X, y = history if isinstance(history, tuple) else (history, None)
    return read_panel(X, y, columns=columns, future=[])[0]


@dataclass(frozen=True)
class _Observed:
    """What is known of a series, from a backtest and from the history given beside it."""

    grid: Any
    panel: Panel | None
    is_only: bool  # series: it needs no name to be found

    def of(
        self, name: Any, rows: pd.DataFrame, ds: Any, y: Any, n_history: int | None
    ) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Return the values up to the first cutoff and those after it, NaN where unknown."""
        at = self.grid.positions(pd.Index(rows[ds]))
        cutoff, end = int(self.grid.positions(pd.Index(rows[CUTOFF])).min()), int(at.max())
        values = rows[y].to_numpy(dtype=np.float64)
        positions, given = self._given(name)
        if n_history is None:
            n_history = max(end - cutoff, FEWEST)
        begin = max(int(min(positions.min(initial=cutoff + 1), at.min())), cutoff + 1 - n_history)
        series = np.full(end - begin + 1, np.nan)
        series[at - begin] = values
        inside = (positions >= begin) & (positions <= end) & ~np.isnan(given)
        series[positions[inside] - begin] = given[inside]
        frame = pd.DataFrame(
            {
                ID: index_of([name]).repeat(len(series)),
                DS: self.grid.times(np.arange(begin, end + 1)),
                Y: series,
            }
        )
        n_known = cutoff + 1 - begin
        return frame[:n_known], frame[n_known:]

    def _given(self, name: Any) -> tuple[Cells, NDArray[np.float64]]:
        """Return positions and values of the history."""
        if self.panel is None:
            return np.empty(0, dtype=np.int64), np.empty(0)
        one = self.panel.ids.get_indexer(index_of([name]))[0]
        if one < 0 and self.is_only and self.panel.n_series == 1:
            one = 0
        if one < 0:
            raise ValueError(
                f"history has no series {name!r}, which frame has; every series that is shown is "
                f"needed. {nearest(name, self.panel.ids, 'series')}"
            )
        rows = slice(self.panel.offsets[one], self.panel.offsets[one + 1])
        values = self.panel.values[rows]  # noqa: PD011  (an array)
        return self.panel.first[one] + np.arange(len(values)), values
