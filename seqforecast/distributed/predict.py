"""Forecasts of a partitioned frame."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from seqforecast._shared.checks import check_integer
from seqforecast.distributed.partitions import forecast_partition, shipped
from seqforecast.distributed.series_frame import SeriesFrame, check_forecaster
from seqforecast.forecasting.data.fold_columns import Y_HAT, level_text
from seqforecast.forecasting.data.panel import FutureRows
from seqforecast.forecasting.forecaster import Forecaster
from seqforecast.forecasting.model.intervals import checked_levels
from seqforecast.forecasting.parts import parts_of


def predict(
    forecaster: Forecaster,
    ddf: Any,
    horizon: int | None = None,
    *,
    future: Any = None,
    level: Any = None,
) -> Any:
    """Forecast the series of a Dask DataFrame, partition by partition.

    Use it where series do not fit into one machine, or one machine takes too long. Nothing is
    computed before the result is (``compute``, ``to_parquet``); then every partition is one
    task, which forecasts its series as ``forecaster.update`` and ``predict`` would. Series that
    the fit knew keep their units and coefficients, others bring units of their own: so fit on a
    sample. Where `ddf` holds what the forecaster was fitted to, the result is that of
    ``forecaster.predict``.

    Parameters
    ----------
    forecaster : Forecaster
        Fitted to a long frame. What it has learnt is sent to every worker once, without the
        series of the fit.
    ddf : dask.dataframe.DataFrame
        The series, in the form of the fit: the columns in ``forecaster.columns`` and the
        features, in any row order. Every series must be whole within a partition. That is known
        where the index is ``unique_id`` with known divisions, as ``ddf.set_index`` makes it;
        otherwise it is checked, and forecasts are given out when all of them are there.
    horizon : int, default=None
        Steps to forecast after the end of each series; None is the horizon of the forecaster.
    future : dask.dataframe.DataFrame, default=None
        Of a forecaster with future features, the rows to forecast, with these features: of whole
        blocks of the forecaster's horizon, and at most `horizon` steps. Where both frames have
        the index above nothing is moved; otherwise both are shuffled by series.
    level : float or list of float, default=None
        Coverage of intervals in percent, as for ``forecaster.predict``. The errors that they are
        made of are those of the fit, and are computed here where they have not been.

    Returns
    -------
    dask.dataframe.DataFrame
        With columns ``unique_id``, ``ds``, ``y_hat`` and, with `level`, ``lo-80``, ``hi-80``:
        within a partition sorted by series and time, or in the order of `future`.

    Raises
    ------
    ImportError
        If Dask is not installed.
    NotFittedError
        If the forecaster is not fitted.
    TypeError
        If `ddf` or `future` is no Dask DataFrame.
    ValueError
        If columns are missing, or `future` is where it is not needed or the other way round.
        When the result is computed: if a series stands in two partitions or cannot be read, or
        `future` has rows of a series without a history or beyond `horizon`.

    See Also
    --------
    backtest : Forecasts from earlier cutoffs.
    seqforecast.Forecaster.predict : The same on one machine.

    Notes
    -----
    Networks forecast the same bits however series are partitioned, on one kind of processor. What
    calls a BLAS, such as scikit-learn's linear regressors, rounds by the number of rows it is
    given: the last digit may differ.

    Examples
    --------
    >>> import dask.dataframe as dd
    >>> import numpy as np
    >>> import pandas as pd
    >>> from sklearn.linear_model import Ridge
    >>> from seqforecast import Forecaster, distributed
    >>> frame = pd.DataFrame(
    ...     {
    ...         "unique_id": np.repeat(["a", "b", "c"], 40),
    ...         "ds": np.tile(np.arange(40), 3),
    ...         "y": 5 + np.sin(np.arange(120)),
    ...     }
    ... )
    >>> forecaster = Forecaster(Ridge(), window=6, horizon=2).fit(frame)
    >>> ddf = dd.from_pandas(frame.set_index("unique_id"), npartitions=2)
    >>> forecasts = distributed.predict(forecaster, ddf, 3)
    >>> forecasts.npartitions, len(forecasts.compute())
    (2, 9)
    """
    columns = check_forecaster(forecaster)
    form, model, intervals = parts_of(forecaster)
    check_integer("horizon", model.horizon if horizon is None else horizon)
    steps = int(model.horizon if horizon is None else horizon)
    levels = checked_levels(level)
    roles = form.roles
    features = [name for _, names in roles.items() for name in names]
    history = SeriesFrame.of(ddf, columns[0], [*columns, *features], "ddf")
    _check_future(future, roles.future)

    others = []
    if future is not None:
        ahead = SeriesFrame.of(future, columns[0], [*columns[:2], *roles.future], "future")
        history, aligned = history.beside(ahead)
        others.append(aligned)
    light = shipped(forecaster, levels, steps)
    n_series = model.panel.n_series
    furthest = FutureRows(np.arange(n_series), np.full(n_series, steps), np.empty((n_series, 0)))
    intervals.warn_if_too_narrow(model, furthest, levels)
    ends = [f"{end}-{level_text(one)}" for one in levels for end in ("lo", "hi")]
    times = model.panel.grid.times(np.empty(0, np.int64))
    meta = pd.DataFrame({columns[0]: history.names(), columns[1]: times})
    meta = meta.assign(**{name: np.empty(0) for name in (Y_HAT, *ends)})
    return history.forecasts(
        forecast_partition, light, *others, meta=meta, steps=steps, levels=levels
    )


def _check_future(future: Any, names: tuple[Any, ...]) -> None:
    """Refuse future rows where there are no such features, and their lack where there are."""
    if names and future is None:
        raise ValueError(
            f"fit saw the future feature(s) {list(names)}, whose values in the steps to come are "
            "needed. Pass future=, a Dask DataFrame with the future rows of each series, or name "
            "them in past= when you create the Forecaster."
        )
    if future is not None and not names:
        raise ValueError(
            "future was given, but the forecaster was fitted without future features; a number of "
            "steps is needed. Pass horizon=... and leave future out."
        )
