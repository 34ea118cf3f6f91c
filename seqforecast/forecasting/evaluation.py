"""Turn the forecasts of a backtest into a table of errors: by series, by step, by cutoff."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seqforecast._shared.checks import check_word
from seqforecast.containers.arrays import float_values
from seqforecast.containers.frames import DATE, as_pandas, in_library, library_of, time_kind
from seqforecast.forecasting.data.fold_columns import (
    CURE,
    CUTOFF,
    MASE_SCALE,
    METRIC,
    NAIVE,
    RMSSE_SCALE,
    STEP,
    Y_HAT,
    columns_of,
    level_text,
    levels_of,
    require_columns,
)
from seqforecast.metrics.arrays import check_order
from seqforecast.metrics.losses import (
    absolute_error,
    interval_score,
    is_inside,
    percentage_error,
    quantile_loss,
    squared_error,
)

Floats = NDArray[np.float64]
Metric = str | Callable[[Floats, Floats], float]

BY = (None, "series", STEP, CUTOFF)


def evaluate(
    frame: pd.DataFrame,
    metrics: Metric | Iterable[Metric] = ("mae", "smape", "mase"),
    *,
    by: str | None = None,
    columns: Sequence[str] | None = None,
) -> Any:
    """Compute the errors of a backtest, those of the seasonal naive forecast beside them.

    Use it after `backtest`: over all forecasts to compare settings, by series to find the hard
    ones, by step to see how fast the error grows, by cutoff to see when it was large.

    Parameters
    ----------
    frame : DataFrame
        What `backtest` returned, of pandas or polars, a row per forecast: the series, ``cutoff``,
        ``step`` (1 is the first step after the cutoff), the target, ``y_hat``, ends of intervals
        such as ``lo-80`` and ``hi-80``, ``seasonal_naive``, and the in-sample errors of the
        seasonal naive forecast that scale MASE and RMSSE, ``mase_scale`` and ``rmsse_scale``.
        Columns that no metric needs may be missing. Rows may come in any order.
    metrics : str, callable or iterable of them, default=("mae", "smape", "mase")
        The names of errors: "mae", "rmse", "smape", "mase", "rmsse"; of intervals also
        "coverage" and "winkler", for every level in `frame`, or "coverage-80" and "winkler-80"
        for one, and "pinball", the mean loss of all ends of intervals. Or functions
        ``f(y_true, y_pred) -> float`` of two arrays (n,), called ``__name__`` in the table.
    by : {"series", "step", "cutoff"}, default=None
        What each row of the table speaks of; None takes all forecasts together.
    columns : sequence of three str, default=None
        The names of the series, the time and the target in `frame`. None takes those that
        `backtest` noted in ``frame.attrs``, else ("unique_id", "ds", "y"), or those at their
        places. Selecting rows keeps the note, and so does Parquet; `merge` and CSV files lose it.

    Returns
    -------
    DataFrame
        A row per metric and group, with the columns ``unique_id`` (or its other name), ``step``
        or ``cutoff``, unless `by` is None; ``metric``; ``y_hat``, the error of the forecasts;
        ``seasonal_naive``, the error of the seasonal naive ones, NaN for intervals. Errors are
        in the unit of the metric. Series keep their order, steps and cutoffs are sorted.

    Raises
    ------
    ValueError
        If a column is missing, no target is known, a forecast of a known target is NaN or
        infinite, an interval ends before it begins, `frame` lacks the intervals that a metric
        asks for, two metrics share a name, or `metrics` or `by` is unknown.
    TypeError
        If `frame` is no DataFrame, a column is not numeric, or a metric is neither a name nor a
        function that returns a number.

    See Also
    --------
    backtest : Where the frame comes from.
    seqforecast.metrics.mase : One of the errors, for arrays.

    Notes
    -----
    A metric is computed for each series from all of its rows in the group; the table holds the
    mean over the series, each counting once, as published tables do. Scaled errors divide each
    row by the scale of its own cutoff.

    Left out are rows without a target; from scaled errors, rows whose scale is NaN or 0; from
    SMAPE, rows where target and forecast are both 0; from the seasonal naive, rows where it is
    NaN: mind this when such rows abound. A series without a row that is left, or for which a
    function returns NaN, is left out of the mean; a group without such a series has NaN.

    Examples
    --------
    One series, forecast from two cutoffs:

    >>> import pandas as pd
    >>> from seqforecast import evaluate
    >>> frame = pd.DataFrame(
    ...     {
    ...         "unique_id": "store",
    ...         "cutoff": [4, 4, 6, 6],
    ...         "step": [1, 2, 1, 2],
    ...         "ds": [5, 6, 7, 8],
    ...         "y": [10.0, 12.0, 11.0, 15.0],
    ...         "y_hat": [11.0, 10.0, 11.0, 12.0],
    ...         "seasonal_naive": [8.0, 8.0, 12.0, 12.0],
    ...         "mase_scale": [2.0, 2.0, 2.0, 2.0],
    ...     }
    ... )
    >>> evaluate(frame, ["mae", "mase"])
      metric  y_hat  seasonal_naive
    0    mae   1.50            2.50
    1   mase   0.75            1.25
    >>> evaluate(frame, "mae", by="step")
       step metric  y_hat  seasonal_naive
    0     1    mae    0.5             1.5
    1     2    mae    2.5             3.5
    """
    library, of_days = library_of(frame), time_kind(frame, CUTOFF) == DATE
    frame = as_pandas(frame, "frame")
    series, _, target = columns_of(frame, columns)
    check_word("by", by, BY)
    group = {"series": series, STEP: STEP, CUTOFF: CUTOFF}.get(by or "")
    recipes = _recipes(metrics, {text: float(text) for text in levels_of(frame)})
    grouped = () if group is None else (group,)
    needed = [series, target, *grouped, *(name for recipe in recipes for name in recipe.needs)]
    require_columns(frame, dict.fromkeys(needed), "frame", CURE)

    labels, rows = _read(frame, series, target, group)
    tables = []
    for recipe in recipes:
        table = {} if labels is None else {group: labels}
        table |= {METRIC: recipe.name, Y_HAT: rows.mean_over_series(recipe.of_cells(rows, Y_HAT))}
        known = NAIVE in recipe.needs
        table[NAIVE] = rows.mean_over_series(recipe.of_cells(rows, NAIVE)) if known else np.nan
        tables.append(pd.DataFrame(table))
    errors = pd.concat(tables, ignore_index=True)
    return errors if library is None else in_library(errors, library, (CUTOFF,) * of_days)


# ----------------------------------------------------------------------------------- the rows


@dataclass(frozen=True)
class _KnownRows:
    """The rows whose target is known, as arrays; a cell is what a group has of one series."""

    frame: pd.DataFrame
    known: NDArray[np.bool_]  # of all rows of the frame
    y: Floats
    cell: NDArray[np.int64]  # (n_rows,) the cell of each row
    group: NDArray[np.int64]  # (n_cells,) the group of each cell
    n_groups: int

    def numbers(self, name: str) -> Floats:
        """Return a column; NaN where a value is missing."""
        return _numbers(self.frame, name)[self.known]

    def forecasts(self, name: str) -> Floats:
        """Return a column in which every row needs a number."""
        values = self.numbers(name)
        _require_finite(values, name, "every row with a target needs one")
        return values

    def mean_over_rows(self, losses: Floats) -> Floats:
        """Return the mean of each cell (n_cells,), without what is NaN."""
        return _means(losses, self.cell, len(self.group))

    def mean_over_series(self, errors: Floats) -> Floats:
        """Return the mean of each group (n_groups,) from that of its cells, without NaN."""
        return _means(errors, self.group, self.n_groups)


def _means(values: Floats, part: NDArray[np.int64], n_parts: int) -> Floats:
    """Return the mean of the values of each part, NaN left out; NaN where none is left."""
    known = ~np.isnan(values)
    sums = np.bincount(part[known], values[known], minlength=n_parts)
    counts = np.bincount(part[known], minlength=n_parts)
    return np.divide(sums, counts, out=np.full(n_parts, np.nan), where=counts > 0)


def _read(
    frame: pd.DataFrame, series: str, target: str, group: str | None
) -> tuple[Any, _KnownRows]:
    """Return the labels of the groups (None if all is one) and the rows with a target."""
    of_series, names = _codes(frame, series, sort=False)
    labels: Any = None
    of_group, n_groups = np.zeros_like(of_series), 1
    if group is not None:
        of_group, labels = _codes(frame, group, sort=group != series)
        n_groups = len(labels)
    place = [name for name in (series, CUTOFF, STEP) if name in frame]
    n_again = int(frame.duplicated(place).sum()) if len(place) == 3 else 0
    if n_again:
        raise ValueError(
            f"frame has {n_again} rows whose {place} came before; one "
            "forecast of each step is needed. Evaluate the frames of several forecasters one by "
            "one."
        )
    y = _numbers(frame, target)
    known = ~np.isnan(y)
    if not known.any():
        raise ValueError(
            f"frame has no row whose {target!r} is known; errors need at least one. Pass what "
            "backtest returned, with the targets that came."
        )
    _require_finite(y[known], target, "a target must be a number, or NaN where it is missing")
    cell, cells = pd.factorize((of_group * len(names) + of_series)[known])
    return labels, _KnownRows(frame, known, y[known], cell, cells // len(names), n_groups)


def _codes(frame: pd.DataFrame, name: str, *, sort: bool) -> tuple[NDArray[np.int64], Any]:
    """Return the number of each value of a column, and the different values."""
    codes, labels = pd.factorize(frame[name], sort=sort)
    if (codes < 0).any():
        raise ValueError(
            f"column {name!r} has {np.count_nonzero(codes < 0)} missing values; every forecast "
            f"needs one. Drop those rows: frame.dropna(subset={name!r})."
        )
    return codes.astype(np.int64), labels


def _numbers(frame: pd.DataFrame, name: str) -> Floats:
    return float_values(
        frame[name], f"column {name!r}", "Convert it, for example with pd.to_numeric."
    )


def _require_finite(values: Floats, name: str, need: str) -> None:
    bad = np.count_nonzero(~np.isfinite(values))
    if bad:
        raise ValueError(
            f"column {name!r} is NaN or infinite in {bad} of the {len(values)} rows with a target; "
            f"{need}. Mend or drop those rows; a mean over the others would flatter the forecast."
        )


# -------------------------------------------------------------------------------- the metrics


class _Recipe(NamedTuple):
    """How a metric is computed: rows and a column of forecasts in, an error per cell out."""

    name: str
    needs: tuple[str, ...]
    of_cells: Callable[[_KnownRows, str], Floats]


class PointMetric(NamedTuple):
    """An error of point forecasts: the mean of a loss, or its root."""

    loss: Callable[[Floats, Floats], Floats]
    root: bool = False
    scale: str | None = None


POINT_METRICS = {
    "mae": PointMetric(absolute_error),
    "rmse": PointMetric(squared_error, root=True),
    "smape": PointMetric(percentage_error),
    "mase": PointMetric(absolute_error, scale=MASE_SCALE),
    "rmsse": PointMetric(squared_error, root=True, scale=RMSSE_SCALE),
}
_LEVEL = r"\d{1,2}(\.\d+)?"  # in percent, below 100
_OF_INTERVALS = re.compile(rf"(coverage|winkler)(-{_LEVEL})?|pinball")


def _recipes(metrics: Any, levels: dict[str, float]) -> list[_Recipe]:
    """Return how each metric is computed; refuse what is unknown or named twice."""
    many = isinstance(metrics, Iterable) and not isinstance(metrics, str)
    wanted = list(metrics) if many else [metrics]
    recipes = [recipe for metric in wanted for recipe in _recipes_of(metric, levels)]
    names = [recipe.name for recipe in recipes]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None or not names:
        given = "is empty" if twice is None else f"has {twice!r} more than once"
        raise ValueError(
            f"metrics {given}; names that differ are needed, a row of the table each. Pass for "
            'example metrics=["mae", "mase"]; give each function a name of its own with def.'
        )
    return recipes


def _recipes_of(metric: Any, levels: dict[str, float]) -> list[_Recipe]:
    if callable(metric):
        return [_of_function(metric)]
    if not isinstance(metric, str):
        raise TypeError(
            f"metrics has {metric!r} of type {type(metric).__name__}; names or functions f(y_true, "
            'y_pred) are needed. Pass for example metrics=["mae", "mase"].'
        )
    if metric in POINT_METRICS:
        return [_of_points(metric, POINT_METRICS[metric])]
    if _OF_INTERVALS.fullmatch(metric) is None:
        kinds = ("coverage", "winkler")
        ones = [f"{kind}-{text}" for kind in kinds for text in levels]
        check_word("metric", metric, [*POINT_METRICS, *kinds, "pinball", *ones])
    return _recipes_of_intervals(metric, levels)


def _recipes_of_intervals(metric: str, levels: dict[str, float]) -> list[_Recipe]:
    """Return the recipe of one metric of intervals, or one for each level."""
    kind, _, level = metric.partition("-")
    if not levels:
        raise ValueError(
            f"metric={metric!r}, but frame has no intervals; columns such as 'lo-80' and 'hi-80' "
            "are needed. Pass level=[80] to backtest."
        )
    if kind == "pinball":
        return [_of_intervals(metric, levels)]
    if level and level not in levels:
        level = level_text(float(level))  # coverage-80.0 is coverage-80
    if level and level not in levels:
        raise ValueError(
            f"metric={metric!r}, but the intervals of frame are of level {', '.join(levels)}; "
            f"columns 'lo-{level}' and 'hi-{level}' are needed. Pass level=[{level}] to backtest."
        )
    wanted = [level] if level else levels
    return [_of_intervals(f"{kind}-{text}", {text: levels[text]}) for text in wanted]


def _of_points(name: str, metric: PointMetric) -> _Recipe:
    def of_cells(rows: _KnownRows, column: str) -> Floats:
        forecast = rows.forecasts(column) if column == Y_HAT else rows.numbers(column)
        losses = metric.loss(rows.y, forecast)
        if metric.scale is not None:
            scale = rows.numbers(metric.scale)
            scale = np.where(np.isfinite(scale) & (scale > 0), scale, np.nan)
            losses = losses / (np.square(scale) if metric.root else scale)
        means = rows.mean_over_rows(losses)
        return np.sqrt(means) if metric.root else means

    scales = () if metric.scale is None else (metric.scale,)
    return _Recipe(name, (Y_HAT, NAIVE, *scales), of_cells)


def _of_intervals(name: str, levels: dict[str, float]) -> _Recipe:
    kind = name.partition("-")[0]

    def of_cells(rows: _KnownRows, _: str) -> Floats:
        losses = np.zeros_like(rows.y)
        for text, level in levels.items():
            ends = f"lo-{text}", f"hi-{text}"
            lower, upper = (rows.forecasts(end) for end in ends)
            check_order(lower, upper, ends)
            losses += _interval_loss(kind, rows.y, lower, upper, level)
        return rows.mean_over_rows(losses / len(levels))

    ends = (f"{end}-{text}" for text in levels for end in ("lo", "hi"))
    return _Recipe(name, (*ends,), of_cells)


def _interval_loss(kind: str, y: Floats, lower: Floats, upper: Floats, level: float) -> Floats:
    if kind == "coverage":
        return is_inside(y, lower, upper)
    if kind == "winkler":
        return interval_score(y, lower, upper, level)
    tail = (100 - level) / 200
    return (quantile_loss(y, lower, tail) + quantile_loss(y, upper, 1 - tail)) / 2


def _of_function(function: Callable[[Floats, Floats], float]) -> _Recipe:
    name = getattr(function, "__name__", None)
    if not isinstance(name, str):
        raise TypeError(
            f"metrics has {function!r}, which has no __name__; the table needs one. Wrap it: def "
            "my_error(y_true, y_pred): return ..."
        )

    def of_cells(rows: _KnownRows, column: str) -> Floats:
        forecast = rows.forecasts(column) if column == Y_HAT else rows.numbers(column)
        known = np.flatnonzero(~np.isnan(forecast))
        order = known[np.argsort(rows.cell[known], kind="stable")]
        errors = np.full(len(rows.group), np.nan)
        bounds = np.searchsorted(rows.cell[order], np.arange(len(errors) + 1))
        for cell, (start, end) in enumerate(pairwise(bounds)):
            if start < end:
                part = order[start:end]
                errors[cell] = _number(name, function, rows.y[part], forecast[part])
        return errors

    return _Recipe(name, (Y_HAT, NAIVE), of_cells)


def _number(name: str, function: Callable[[Floats, Floats], Any], *arrays: Floats) -> float:
    try:
        value = function(*arrays)
    except TypeError as error:
        raise TypeError(
            f"the metric {name} failed: {error}. A function of two arrays, f(y_true, y_pred), is "
            "needed. Wrap it: def my_error(y_true, y_pred): return ..."
        ) from error
    try:
        return float(value)
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"{name} returned a {type(value).__name__}; a number is needed. Return a float, for "
            "example the mean of the errors."
        ) from error
