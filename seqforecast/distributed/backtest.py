"""Forecasts of a partitioned frame from earlier cutoffs."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seqforecast._shared.checks import check_integer
from seqforecast.distributed.partitions import backtest_partition, shipped
from seqforecast.distributed.series_frame import SeriesFrame, check_forecaster
from seqforecast.forecasting.cutoffs import cutoffs_before
from seqforecast.forecasting.data.fold_columns import (
    CUTOFF,
    MASE_SCALE,
    NAIVE,
    RMSSE_SCALE,
    STEP,
    Y_HAT,
    level_text,
    note_columns,
    require_own_names,
)
from seqforecast.forecasting.data.time_grid import TimeGrid
from seqforecast.forecasting.forecaster import Forecaster
from seqforecast.forecasting.model.intervals import checked_levels
from seqforecast.forecasting.parts import parts_of


def backtest(
    forecaster: Forecaster,
    ddf: Any,
    *,
    horizon: int,
    n_folds: int,
    step: int | None = None,
    newest: Any = None,
    level: Any = None,
) -> Any:
    """Forecast the series of a Dask DataFrame from earlier cutoffs, beside the actual values.

    Use it to learn how good a forecaster is on more series than one machine holds. It tests a
    forecaster as it is, with what it has learnt: fit it to rows up to the first cutoff, of a sample
    of the series or of all. From every cutoff it forecasts with what was known there, of each
    series, and nothing later. Give the computed result to ``seqforecast.evaluate``.

    Parameters
    ----------
    forecaster : Forecaster
        Fitted to a long frame that ends at the first cutoff or before.
    ddf : dask.dataframe.DataFrame
        The series, as for `predict`, with the steps that came after the cutoffs.
    horizon : int
        Steps to forecast from each cutoff.
    n_folds : int
        Number of cutoffs, moments in time that are the same for all series. The last one lies
        `horizon` steps before `newest`.
    step : int, default=None
        Steps from a cutoff to the next; None is `horizon`.
    newest : timestamp, period or int, default=None
        The newest time in `ddf` with a known value. None computes it at once, in one pass.
    level : float or list of float, default=None
        Coverage of intervals in percent, as for ``forecaster.predict``.

    Returns
    -------
    dask.dataframe.DataFrame
        The columns of ``seqforecast.backtest``, sorted by series, cutoff and step within a
        partition. Nothing of it is computed yet.

    Raises
    ------
    ImportError
        If Dask is not installed.
    NotFittedError
        If the forecaster is not fitted.
    TypeError
        If `ddf` is no Dask DataFrame, or `newest` no time of the calendar of the fit.
    ValueError
        If the forecaster knows values after the first cutoff, or columns are missing. When
        the result is computed: if a series stands in two partitions or cannot be read.

    See Also
    --------
    predict : Forecasts after the end of the series.
    seqforecast.backtest : Also fits, on one machine.

    Notes
    -----
    ``seqforecast.backtest(..., refit=False)`` fits at the first cutoff to all that is known there.
    With a forecaster fitted to the same rows, those of all series up to the first cutoff, the
    forecasts here are the same; with one fitted to a sample they are those of that forecaster.
    ``refit=True`` has no counterpart: fit and test once for each cutoff.

    Examples
    --------
    >>> import dask.dataframe as dd
    >>> import numpy as np
    >>> import pandas as pd
    >>> from sklearn.linear_model import Ridge
    >>> from seqforecast import Forecaster, distributed, evaluate
    >>> frame = pd.DataFrame(
    ...     {
    ...         "unique_id": np.repeat(["a", "b", "c"], 40),
    ...         "ds": np.tile(np.arange(40), 3),
    ...         "y": 5 + np.sin(np.arange(120)),
    ...     }
    ... )
    >>> known = frame[frame["ds"] <= 35]
    >>> forecaster = Forecaster(Ridge(), window=6, horizon=2).fit(known)
    >>> ddf = dd.from_pandas(frame.set_index("unique_id"), npartitions=2)
    >>> folds = distributed.backtest(forecaster, ddf, horizon=2, n_folds=2).compute()
    >>> folds["cutoff"].unique().tolist()
    [35, 37]
    >>> evaluate(folds, "mae").shape
    (1, 3)
    """
    columns = check_forecaster(forecaster)
    require_own_names(columns, None)
    check_integer("horizon", horizon)
    check_integer("n_folds", n_folds)
    check_integer("step", horizon if step is None else step)
    levels = checked_levels(level)
    form, model, _ = parts_of(forecaster)
    roles = form.roles
    features = [name for _, names in roles.items() for name in names]
    history = SeriesFrame.of(ddf, columns[0], [*columns, *features], "ddf")
    grid = model.panel.grid
    if newest is None:
        known = history.frame.dropna(subset=[columns[2]])
        newest = known[columns[1]].max().compute()
    end = int(grid.positions(pd.Index([newest]))[0])
    stride = int(horizon if step is None else step)
    cutoffs = cutoffs_before(end, int(horizon), int(n_folds), stride)
    _refuse_leak(forecaster, cutoffs)
    meta = _meta(columns, history.names(), grid, levels)
    return history.forecasts(
        backtest_partition,
        shipped(forecaster, levels, int(horizon)),
        meta=meta,
        cutoffs=cutoffs,
        horizon=int(horizon),
        levels=levels,
    )


def _refuse_leak(forecaster: Forecaster, cutoffs: NDArray[np.int64]) -> None:
    """Refuse a forecaster that knows what it is to forecast."""
    form, model, _ = parts_of(forecaster)
    panel = model.panel
    known, first = int(panel.last.max()), int(cutoffs[0])
    if known > first:
        ds, label = form.columns[1], panel.grid.label(first)
        raise ValueError(
            f"The forecaster knows values up to {panel.grid.label(known)}, the first cutoff is "
            f"{label}: it would forecast what it has learnt from. One that has seen nothing later "
            f"is needed. Fit it to the rows with {ds!r} up to {label}, or use fewer folds or a "
            "smaller step."
        )


def _meta(
    columns: tuple[Hashable, Hashable, Hashable],
    series: pd.Series,
    grid: TimeGrid,
    levels: tuple[float, ...],
) -> pd.DataFrame:
    """Return an empty result."""
    unique_id, ds, y = columns
    times = grid.times(np.empty(0, np.int64))
    labels = {unique_id: series, CUTOFF: times, STEP: np.empty(0, np.int64), ds: times}
    ends = [f"{end}-{level_text(one)}" for one in levels for end in ("lo", "hi")]
    names = (y, Y_HAT, *ends, NAIVE, MASE_SCALE, RMSSE_SCALE)
    meta = pd.DataFrame(labels | {name: np.empty(0) for name in names})
    return note_columns(meta, columns)
