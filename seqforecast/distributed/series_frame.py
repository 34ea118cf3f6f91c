"""The Dask side: a frame of many series, each whole within a partition."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from typing import Any

import pandas as pd
from sklearn.utils.validation import check_is_fitted

from seqforecast.distributed.partitions import SERIES, plain
from seqforecast.forecasting.data.columns import show
from seqforecast.forecasting.forecaster import Forecaster
from seqforecast.forecasting.parts import parts_of


@dataclass(frozen=True)
class SeriesFrame:
    """A Dask DataFrame of many series.

    Parameters
    ----------
    frame : dask.dataframe.DataFrame
        The columns that are needed.
    unique_id : hashable
        The column, or the name of the index, that tells the series.
    whole : bool
        Whether the partitions are known to cut no series.
    """

    frame: Any
    unique_id: Hashable
    whole: bool

    @classmethod
    def of(
        cls, ddf: Any, unique_id: Hashable, columns: Iterable[Hashable], name: str
    ) -> SeriesFrame:
        """Check a frame, and take some of its columns; `name` is that of the argument."""
        _, dataframe = _dask()
        if not isinstance(ddf, dataframe.DataFrame):
            raise TypeError(
                f"{name} is a {type(ddf).__name__}; a Dask DataFrame is needed. Read one with "
                "dask.dataframe.read_parquet(...), or give a frame that fits into memory to the "
                "forecaster itself."
            )
        in_index = unique_id not in ddf.columns and ddf.index.name == unique_id
        needed = [column for column in columns if not (in_index and column == unique_id)]
        lacking = [column for column in needed if column not in ddf.columns]
        if lacking:
            raise ValueError(
                f"{name} has the columns {list(ddf.columns)}, but not {lacking}, which fit saw; a "
                "long frame with the columns of fit is needed. Add or rename them."
            )
        return cls(ddf[needed], unique_id, in_index and bool(ddf.known_divisions))

    def beside(self, other: SeriesFrame) -> tuple[SeriesFrame, Any]:
        """Bring the rows of each series in two frames into partitions of the same number."""
        if self.whole and other.whole:
            borders = sorted({*self.frame.divisions, *other.frame.divisions})
            mine, theirs = (
                one.frame.repartition(divisions=borders, force=True) for one in (self, other)
            )
            return SeriesFrame(mine, self.unique_id, True), theirs
        n = self.frame.npartitions
        mine, theirs = (
            plain(one.frame, self.unique_id).shuffle(self.unique_id, npartitions=n)
            for one in (self, other)
        )
        return SeriesFrame(mine, self.unique_id, True), theirs

    def forecasts(
        self,
        function: Callable[..., pd.DataFrame],
        light: Forecaster,
        *others: Any,
        meta: pd.DataFrame,
        **options: Any,
    ) -> Any:
        """Call a function on every partition; refuse series that stand in two of them.

        The forecaster is a task of its own: it travels to a worker once, and is there again when
        a worker was lost. What a partition gives is held back until it is known of all that they
        cut no series, where the index does not say so: forecasts are small, data are not.
        """
        dask, _ = _dask()
        model = dask.delayed(light, traverse=False)
        parts = self.frame.map_partitions(
            function,
            *others,
            model,
            meta=meta,
            empty=meta,
            whole=self.whole,
            enforce_metadata=False,
            clear_divisions=True,
            **options,
        )
        if self.whole:
            return parts.map_partitions(_released, meta=meta)
        empty = pd.DataFrame({SERIES: meta.iloc[:, 0]})
        n_series = parts.map_partitions(_series_of, meta=empty).reduction(
            _same, combine=_refuse_split, aggregate=_count_series, meta=0
        )
        return parts.map_partitions(_released, n_series, meta=meta)

    def names(self) -> pd.Series:
        """Return an empty column of the names of series, of the type that a result has."""
        column = plain(self.frame._meta, self.unique_id)[self.unique_id]
        return column.iloc[:0].reset_index(drop=True)


def check_forecaster(forecaster: Any) -> tuple[Hashable, Hashable, Hashable]:
    """Refuse a forecaster that cannot forecast long frames; return their three columns."""
    if not isinstance(forecaster, Forecaster):
        raise TypeError(
            f"forecaster is a {type(forecaster).__name__}; a fitted Forecaster is needed. Pass "
            "Forecaster(regressor, ...).fit(frame)."
        )
    check_is_fitted(forecaster)
    form = parts_of(forecaster).form
    if form.kind != "long":
        raise ValueError(
            "The forecaster was fitted to a Series, a wide frame, or X and y; many series are "
            f"forecast by one that was fitted to a long frame. Fit it to a frame with the columns "
            f"{list(forecaster.columns)}."
        )
    unique_id, ds, y = form.columns
    return unique_id, ds, y


def _dask() -> tuple[Any, Any]:
    """Import Dask, which most users do without."""
    try:
        import dask
        import dask.dataframe as dataframe
    except ImportError as error:
        raise ImportError(
            f"Dask's DataFrame cannot be imported ({error}); seqforecast.distributed needs it. "
            'Install it: pip install "seqforecast[dask]".'
        ) from error
    return dask, dataframe


def _series_of(part: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame({SERIES: part.attrs[SERIES]})


def _same(series: pd.DataFrame) -> pd.DataFrame:
    return series


def _refuse_split(series: pd.DataFrame) -> pd.DataFrame:
    """Raise if a series comes from two partitions."""
    again = series[SERIES].duplicated()
    if again.any():
        name = show(series[SERIES][again].iloc[0])
        raise ValueError(
            f"Series {name} stands in more than one partition ({int(again.sum())} series do); all "
            "rows of a series must be in one, or parts of it would be forecast as if they were "
            "all. Call ddf.shuffle(...) by the column of the series before, or ddf.set_index(...): "
            "what these return is partitioned by series."
        )
    return series


def _count_series(series: pd.DataFrame) -> int:
    return len(_refuse_split(series))


def _released(part: pd.DataFrame, _n_series: int = 0) -> pd.DataFrame:
    """Give a partition of forecasts out; the number of series is known when all were checked."""
    part = part.copy(deep=False)
    part.attrs.pop(SERIES, None)
    return part
