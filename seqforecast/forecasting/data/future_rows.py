"""The rows that predict is given: which series, which steps, with which features."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, replace
from datetime import date
from numbers import Number
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seqforecast._shared.checks import check_integer
from seqforecast.containers.arrays import float_values
from seqforecast.containers.frames import as_pandas, library_of, plain_times
from seqforecast.forecasting.data.columns import nearest, show
from seqforecast.forecasting.data.lookalikes import find_known
from seqforecast.forecasting.data.mending import CUT_BY_A_SEARCH, Mending
from seqforecast.forecasting.data.panel import FutureRows, Panel
from seqforecast.forecasting.data.reading import (
    Form,
    check_column_order,
    check_filled,
    check_order,
    check_unique,
    codes_of,
    plain_array,
)


def requested_rows(form: Form, panel: Panel, horizon: int, X: Any) -> FutureRows:
    """Return what ``predict(X)`` asks for: a number of steps, or rows with their features.

    Parameters
    ----------
    form : Form
        How the data of fit came in.
    panel : Panel
        The series that the rows follow.
    horizon : int
        Steps forecast at once; so many are asked for where X is None.
    X : int, Series, DataFrame, Index, array-like or None
        What predict was given.
    """
    if X is None or isinstance(X, Number | str):
        steps = horizon if X is None else X
        check_integer("the number of steps", steps)
        return panel.future_rows(int(steps))  # type: ignore[arg-type]
    rows = _read_rows(form, panel, X, "predict")
    if panel.future_names:
        _require_whole_blocks(form, panel, horizon, _steps_given(panel, rows))
    return rows


def rows_to_score(form: Form, panel: Panel, horizon: int, X: Any) -> FutureRows:
    """Return the rows of ``score(X)``: of a fold, which is one cutoff for all series.

    A series that ends within the fold has fewer rows than the others, as in a backtest, where
    ``predict`` would ask for the features of whole blocks.

    Parameters
    ----------
    form, panel, horizon, X
        As for `requested_rows`.
    """
    if X is None or isinstance(X, Number | str):
        return requested_rows(form, panel, horizon, X)
    rows = _read_rows(form, panel, X, "score")
    if form.kind == "long":
        _require_one_cutoff(panel, rows)
    if panel.future_names:
        given = _steps_given(panel, rows)
        _require_whole_blocks(form, panel, horizon, np.where(given < given.max(), 0, given))
    return rows


def _read_rows(form: Form, panel: Panel, X_future: Any, what_for: str) -> FutureRows:
    """Read rows after the end, in the form of fit without the target, to predict or to score."""
    check_column_order(form, X_future)
    library = library_of(X_future)
    X_future = as_pandas(X_future, "X")
    X_future = _times_in(X_future)
    if isinstance(X_future, pd.Index):
        X_future = pd.DataFrame(index=X_future)
    if form.kind == "long":
        series, times, columns = _read_long(
            replace(form, library=library), panel, X_future, what_for
        )
    else:
        series, times, columns = _read_steps(form, panel, X_future, has_index=library is None)
    step = panel.grid.positions(times) - panel.last[series]
    requested = _Requested(panel, series, step)
    requested.check_after_end()
    requested.check_once()
    features = requested.features(columns)
    if panel.future_names:
        requested.check_complete()
    return FutureRows(series, step, features)


def _times_in(X: Any) -> Any:
    """Return a time, or a list or array of times, as an index; all else as it is."""
    times = [X] if isinstance(X, date) else X
    listed = isinstance(times, list | tuple) and times and all(isinstance(t, date) for t in times)
    is_array = isinstance(X, np.ndarray) and X.ndim == 1 and X.dtype.kind == "M"
    return pd.DatetimeIndex(times) if listed or is_array else X


def _read_long(
    form: Form, panel: Panel, X: Any, what_for: str
) -> tuple[NDArray[np.int64], pd.Index, dict[Hashable, Any]]:
    """Read the series, times and columns of a long frame; `form` is that of these rows."""
    unique_id, ds, _ = form.columns
    if not isinstance(X, pd.DataFrame) or unique_id not in X.columns or ds not in X.columns:
        raise ValueError(
            f"The rows to predict are a {type(X).__name__} without {unique_id!r} and {ds!r}; fit "
            "saw a long panel, and these columns are needed. Pass such a frame."
        )
    check_unique(X)
    check_filled(*X.shape)
    mending = Mending(form.columns, form.roles, form.library)
    codes, ids = codes_of(X, unique_id, mending.drop_missing(unique_id))
    known = find_known(panel.ids, ids, "The rows to predict", form.place)
    if (known < 0).any():
        stranger = ids[int(np.argmax(known < 0))]
        cure = "Only series of the fit can be scored."
        if what_for == "predict":
            meant = nearest(stranger, panel.ids, "series")
            cure = f"{meant} A new series needs a history: give it to update(...)."
        raise ValueError(
            f"The rows to {what_for} hold {int((known < 0).sum())} series that fit has not seen, "
            f"the first is {show(stranger)}. {cure} {CUT_BY_A_SEARCH}"
        )
    times = plain_times(pd.Index(X[ds]))
    if times.hasnans:
        codes_of(X, ds, mending.drop_missing(ds))  # says so
    return known[codes], times, {name: X[name] for name in X.columns}


def _read_steps(
    form: Form, panel: Panel, X: Any, *, has_index: bool
) -> tuple[NDArray[np.int64], pd.Index, dict[Hashable, Any]]:
    """Read the times and columns of a frame, Series or array with a row a step."""
    X = X if isinstance(X, pd.DataFrame | pd.Series) else plain_array(X, "X")
    check_filled(len(X), 1)
    if isinstance(X, np.ndarray) or not (form.labelled and has_index):
        times = next_times(panel, len(X))
    else:
        check_order(X.index)
        times = plain_times(X.index)
    columns: dict[Hashable, Any] = {}
    if panel.future_names:
        X = X.to_frame() if isinstance(X, pd.Series) else X
        if X.ndim == 1:
            raise ValueError(
                f"X has one dimension, {len(X)} values; (n_steps, n_features) is needed, a row a "
                "step. Reshape your data: X.reshape(1, -1) is one step."
            )
        columns = _columns(form, X)
    series = np.repeat(np.arange(panel.n_series), len(times))
    if panel.n_series > 1:
        times = times.take(np.tile(np.arange(len(times)), panel.n_series))
    return series, times, columns


def _columns(form: Form, X: pd.DataFrame | NDArray[Any]) -> dict[Hashable, Any]:
    """Return the feature columns of X, by name or, where one side has none, by place."""
    if isinstance(X, pd.DataFrame) and form.named:
        check_unique(X)
        return {name: X[name] for name in X.columns}
    if X.shape[1] != len(form.features):
        raise ValueError(
            f"X has {X.shape[1]} features, but Forecaster is expecting {len(form.features)} "
            "features as input; columns without names must be the same, in the same order. Pass a "
            "frame to choose them by name."
        )
    get = X.iloc.__getitem__ if isinstance(X, pd.DataFrame) else X.__getitem__
    return {name: get((slice(None), k)) for k, name in enumerate(form.features)}


@dataclass(frozen=True)
class _Requested:
    """The steps that are asked for, and what may be wrong with them."""

    panel: Panel
    series: NDArray[np.int64]
    step: NDArray[np.int64]

    def place(self, row: int, step: int | None = None) -> str:
        """Name the series and the time of a row, or of another step of its series."""
        series = self.series[row]
        step = int(self.step[row]) if step is None else step
        time = self.panel.grid.label(int(self.panel.last[series]) + step)
        return f"series {show(self.panel.ids[series])} at {time}"

    def check_after_end(self) -> None:
        """Refuse rows that training has seen."""
        seen = self.step < 1
        if seen.any():
            row = int(np.argmax(seen))
            end = self.panel.grid.label(int(self.panel.last[self.series[row]]))
            raise ValueError(
                f"{int(seen.sum())} of {len(seen)} rows to predict overlap the training time: "
                f"{self.place(row)}, where training ended at {end}. A forecast needs times after "
                "it, or the model has seen the answer, as with KFold on a series. Cross-validate "
                "with TimeSeriesSplit, a long frame with PanelSplit, and pass "
                "return_train_score=False: rows of the fit have no score."
            )

    def check_once(self) -> None:
        """Refuse rows that ask for the same step."""
        keys = self.series * np.int64(self.step.max() + 1) + self.step
        _, first = np.unique(keys, return_index=True)
        if len(first) < len(keys):
            again = np.ones(len(keys), dtype=bool)
            again[first] = False
            raise ValueError(
                f"The rows to predict hold {self.place(int(np.argmax(again)))} twice; a step needs "
                "one row. Drop the duplicates: X.drop_duplicates()."
            )

    def features(self, columns: dict[Hashable, Any]) -> NDArray[np.float64]:
        """Return the future features (n, n_future) of the rows."""
        names = self.panel.future_names
        lacking = [name for name in names if name not in columns]
        if lacking:
            raise ValueError(
                f"The future features {lacking!r} are missing in the rows to predict, for "
                f"{self.place(0)} and all others; fit saw {list(names)!r}. Pass their future "
                "values, or name them in past= when you create the Forecaster."
            )
        features = np.empty((len(self.step), len(names)))
        for k, name in enumerate(names):
            cure = "Encode it as fit saw it."
            features[:, k] = float_values(columns[name], f"Feature {name!r}", cure)
            bad = ~np.isfinite(features[:, k])
            if bad.any():
                raise ValueError(
                    f"The future feature {name!r} is NaN or infinite in "
                    f"{self.place(int(bad.argmax()))} ({int(bad.sum())} such row(s)); a forecast "
                    "needs its values. Fill them."
                )
        return features

    def check_complete(self) -> None:
        """Refuse steps left out: their features are needed to come to those asked for."""
        order = np.lexsort((self.step, self.series))
        series, step = self.series[order], self.step[order]
        begins = np.append(True, series[1:] != series[:-1])
        expected = np.where(begins, 1, np.append(0, step[:-1]) + 1)
        wrong = step != expected
        if wrong.any():
            at = int(np.argmax(wrong))
            names = list(self.panel.future_names)
            raise ValueError(
                f"The rows to predict leave out {self.place(int(order[at]), int(expected[at]))}; "
                f"the future features {names!r} are needed at every step from the end of training "
                "on. Pass these rows too."
            )


def _require_one_cutoff(panel: Panel, rows: FutureRows) -> None:
    """Refuse rows of a panel up to whose time another series is known."""
    newest = int(panel.last.max())
    position = panel.last[rows.series] + rows.step
    if position.min() <= newest:
        row = int(position.argmin())
        longest = int(panel.last.argmax())
        raise ValueError(
            f"The rows to score hold series {show(panel.ids[rows.series[row]])} at "
            f"{panel.grid.label(int(position[row]))}, but of series {show(panel.ids[longest])} the "
            f"fit has seen the values up to {panel.grid.label(newest)}; all series must be cut at "
            f"the same time, or the fit sees the time of the test part. {CUT_BY_A_SEARCH}"
        )


def _steps_given(panel: Panel, rows: FutureRows) -> NDArray[np.int64]:
    """Return how many steps ahead the rows of each series go, (n_series,)."""
    given = np.zeros(panel.n_series, dtype=np.int64)
    np.maximum.at(given, rows.series, rows.step)
    return given


def _require_whole_blocks(form: Form, panel: Panel, horizon: int, given: NDArray[np.int64]) -> None:
    """Refuse future features of a part of the steps that are forecast at once."""
    partial = given % horizon > 0
    if partial.any():
        series = int(np.argmax(partial))
        n, needed = given[series], -(-given[series] // horizon) * horizon
        label = panel.grid.label(int(panel.last[series] + needed))
        fewer = f"leave the last {n % horizon} out" if n > horizon else f"fit with a horizon of {n}"
        of_panel = form.kind == "long"
        split = "PanelSplit(..., horizon" if of_panel else "TimeSeriesSplit(..., test_size"
        raise ValueError(
            f"The future features of {n} step(s) of series {panel.ids[series]!r} were given; "
            f"all steps of a block of {horizon=} read them, so {needed} are needed. Append "
            f"rows with what is planned up to {label}, or {fewer}. In a cross-validation, pass "
            f"cv={split}={horizon}), or a multiple of it."
        )


def next_times(panel: Panel, n_steps: int) -> pd.Index:
    """Return the times of the next steps after the end of the panel."""
    return panel.grid.times(int(panel.last.max()) + 1 + np.arange(n_steps))
