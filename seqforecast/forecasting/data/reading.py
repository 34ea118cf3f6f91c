"""What fit may be given, kind by kind: each becomes rows, and a note of its form."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seqforecast._shared.time_index import check_increasing, show_time
from seqforecast.containers.arrays import as_array, float_values
from seqforecast.containers.frames import (
    as_pandas,
    column_names,
    is_foreign,
    library_of,
    plain_times,
    time_kind,
)
from seqforecast.containers.many_series import BELOW_EACH_OTHER, SIDE_BY_SIDE
from seqforecast.forecasting.data.columns import (
    COLUMNS,
    Roles,
    choose_roles,
    listed_names,
)
from seqforecast.forecasting.data.fold_columns import is_forecast_column
from seqforecast.forecasting.data.long_table import LongTable
from seqforecast.forecasting.data.lookalikes import Place, require_one_type
from seqforecast.forecasting.data.mending import THINNED_BY_A_SEARCH, Mending
from seqforecast.forecasting.data.series_ids import ids_of
from seqforecast.forecasting.data.time_grid import TimeGrid, check_times

_Names = Iterable[Hashable] | None

_FEW_STEPS = 8
"""Below these, columns may look by chance as if they counted the rows."""


@dataclass(frozen=True)
class Form:
    """How the data came in: what is needed to read more of it, and to give results back."""

    kind: str  # "series", "wide", "long" or "xy"
    labelled: bool = True  # False where nothing had an index: arrays, polars
    name: Hashable = None  # of the series or of y
    index_name: Hashable = None
    columns: tuple[Hashable, ...] = COLUMNS  # id, time and target of a long panel
    features: tuple[Hashable, ...] = ()  # all columns of X beside these, in their order
    named: bool = True  # False where the features were columns of an array
    roles: Roles = field(default_factory=Roles)
    library: str | None = None  # of the frames, where it is not pandas
    time_kind: str | None = None  # of the times, where pandas has no own type for them

    @property
    def place(self) -> Place:
        """Where frames of this form have the names of series."""
        is_pandas = self.library is None
        return Place("frame", self.columns[0], self.kind == "wide", is_pandas=is_pandas)


@dataclass(frozen=True)
class Data:
    """The rows of a frame, and the form they came in."""

    rows: LongTable
    form: Form


def read_rows(
    X: Any, y: Any, columns: tuple[Hashable, ...], past: _Names, future: _Names, static: _Names
) -> Data:
    """Find out what was given, and read it."""
    if y is not None:
        _refuse_panel_with_target(as_pandas(X, "X"), columns)
        return _read_xy(X, y, past, future, static)
    frame = as_pandas(X, "The data")
    if isinstance(frame, pd.DataFrame):
        check_unique(frame)
        if _is_long(frame, columns, library_of(X)):
            data = _read_long(frame, columns, past, future, static, library_of(X))
            return _noting(data, library_of(X), time_kind(X, columns[1]))
        _refuse_panel_without_names(frame)
    if not isinstance(frame, pd.Series | pd.DataFrame):
        frame = plain_array(X, "The data", SIDE_BY_SIDE)
    _refuse_roles(frame, past, future, static)
    data = _read_series(frame) if frame.ndim == 1 else _read_wide(frame, library_of(X))
    return _noting(data, library_of(X), time_kind(getattr(X, "index", None)))


def read_targets(X: Any, y: Any, columns: tuple[Hashable, ...]) -> LongTable:
    """Read the series, times and targets of a long frame, and leave its features alone."""
    rows = read_rows(X, y, columns, past=None, future=(), static=None).rows
    others = Roles(future=tuple(name for name in column_names(X) if name not in columns))
    of_arrow = time_kind(X, columns[1]) is not None
    return replace(rows, filling=Mending(columns, others, library_of(X), of_arrow).fill)


def _noting(data: Data, library: str | None, kind: str | None) -> Data:
    """Note where data came from; frames of other libraries than pandas have no index."""
    labelled = data.form.labelled and (library is None or data.form.kind == "long")
    form = replace(data.form, labelled=labelled, library=library, time_kind=kind)
    return replace(data, form=form)


def _read_series(series: pd.Series | NDArray[Any]) -> Data:
    check_filled(len(series), 1)
    labelled = isinstance(series, pd.Series)
    name = series.name if isinstance(series, pd.Series) else None
    index = series.index if isinstance(series, pd.Series) else pd.RangeIndex(len(series))
    _check_index_name(index, "series")
    values = float_values(series, "The series")
    rows = _steps(index, _one_id(name), values, "series")
    return Data(rows, Form("series", labelled, name, index.name))


def _read_wide(frame: pd.DataFrame | NDArray[Any], library: str | None = None) -> Data:
    check_filled(*frame.shape)
    if isinstance(frame, pd.DataFrame):
        columns = [
            float_values(frame.iloc[:, i], f"Column {name!r}", _into_panel(name, library))
            for i, name in enumerate(frame.columns)
        ]
        form = Form("wide", index_name=frame.index.name)
        require_one_type(frame.columns, form.place)
        rows = _steps(frame.index, frame.columns, np.concatenate(columns), "frame")
        return Data(rows, form)
    values = float_values(frame, "The array", "Convert it: array.astype(float).").T.ravel()
    ids = pd.RangeIndex(frame.shape[1])
    rows = _steps(pd.RangeIndex(len(frame)), ids, values, "frame")
    return Data(rows, Form("wide", labelled=False))


def _into_panel(name: Hashable, library: str | None) -> str:
    """Say what to do about a column of a wide frame that holds no numbers."""
    if library is None:
        times = f"frame.set_index({name!r})"
    else:
        times = (
            f"frame.unpivot(index={name!r}, variable_name='unique_id', value_name='y')"
            f".rename({{{name!r}: 'ds'}}), which is a long panel"
        )
    return (
        f"Convert or drop it; if it holds the times: {times}. A long panel needs the columns that "
        "columns= names."
    )


def _read_xy(X: Any, y: Any, past: _Names, future: _Names, static: _Names) -> Data:
    library = library_of(X) or library_of(y)
    kind = time_kind(getattr(X, "index", None)) or time_kind(getattr(y, "index", None))
    labelled = isinstance(X, pd.Series | pd.DataFrame), isinstance(y, pd.Series | pd.DataFrame)
    X, y = as_pandas(X, "X"), as_pandas(y, "y")
    X = X.to_frame() if isinstance(X, pd.Series) else X
    X = X if isinstance(X, pd.DataFrame) else plain_array(X, "X")
    y = y.iloc[:, 0] if isinstance(y, pd.DataFrame) and y.shape[1] == 1 else y
    y = y if isinstance(y, pd.Series) else plain_array(y, "y")
    y = y[:, 0] if y.ndim == 2 and y.shape[1] == 1 else y
    _check_shapes(X, y)
    check_filled(len(y), 1)
    index = _index_of(X, y, labelled)
    _check_index_name(index, "X" if isinstance(X, pd.DataFrame) else "y")
    names, table = _feature_columns(X)
    roles = choose_roles(names, past, future, static)
    features = {
        name: float_values(column, f"Feature {name!r}", "Encode it as numbers, or drop it.")
        for name, column in table.items()
        if any(name in chosen for _, chosen in roles.items())
    }
    name = y.name if isinstance(y, pd.Series) else None
    values = float_values(y, "The target y")
    rows = _steps(index, _one_id(name), values, "X")
    rows = replace(rows, roles=roles, features=features, filling=_fill_both)
    named = isinstance(X, pd.DataFrame)
    form = Form("xy", any(labelled), name, index.name, features=names, named=named, roles=roles)
    return Data(rows, replace(form, library=library, time_kind=kind))


def _read_long(
    frame: pd.DataFrame,
    columns: tuple[Hashable, ...],
    past: _Names,
    future: _Names,
    static: _Names,
    library: str | None,
) -> Data:
    check_filled(*frame.shape)
    unique_id, ds, y = columns
    names = tuple(name for name in frame.columns if name not in columns)
    roles = choose_roles(names, past, future, static)
    form = Form("long", columns=columns, features=names, roles=roles)
    mending = Mending(columns, roles, library, of_arrow=time_kind(frame, ds) is not None)
    series, ids = codes_of(frame, unique_id, mending.drop_missing(unique_id))
    require_one_type(ids, replace(form, library=library).place)
    check_times(plain_times(pd.Index(frame[ds][:1])))
    time, times = codes_of(frame, ds, mending.drop_missing(ds))
    rows = LongTable(
        ids=ids,
        series=series,
        times=plain_times(times),
        time=time,
        target=float_values(frame[y], f"The target {y!r}"),
        filling=mending.fill,
        keep_first=mending.keep_first(),
        in_a_search=THINNED_BY_A_SEARCH,
        roles=roles,
        features={
            name: float_values(
                frame[name], f"Feature {name!r}", "Encode it as numbers, or drop it."
            )
            for _, chosen in roles.items()
            for name in chosen
        },
    )
    return Data(rows, form)


def codes_of(frame: pd.DataFrame, name: Hashable, cure: str) -> tuple[NDArray[np.int64], pd.Index]:
    """Replace the values of a column by their ranks; also return the distinct values.

    `cure` says what to do about rows that have no value there.
    """
    labels: Any = ids_of(frame[name])
    try:
        codes, values = labels.factorize(sort=True)
    except TypeError:  # such as lists
        raise TypeError(
            f"Column {name!r} holds {labels[0]!r} and its like, which cannot be compared; text, "
            "numbers or times are needed. Write them as such."
        ) from None
    missing = codes < 0
    if missing.any():
        raise ValueError(
            f"Column {name!r} has no value in {int(missing.sum())} row(s), the first is row "
            f"{int(np.argmax(missing))}; every row needs its series and its time. {cure}"
        )
    return codes.astype(np.int64, copy=False), values


def _steps(index: pd.Index, ids: pd.Index, values: NDArray[np.float64], what: str) -> LongTable:
    """Make rows of series that share one index; `values` holds them one behind the other."""
    check_order(index)
    n_steps, n_series = len(index), len(ids)
    return LongTable(
        ids=ids,
        series=np.repeat(np.arange(n_series), n_steps),
        times=plain_times(index),
        time=np.tile(np.arange(n_steps), n_series),
        target=values,
        filling=lambda grid: f"{what} = {grid.filling(what)}",
    )


def _fill_both(grid: TimeGrid) -> str:
    return f"X = {grid.filling('X')} and y = {grid.filling('y')}"


def _one_id(name: Hashable) -> pd.Index:
    """Name the only series."""
    return pd.Index(["y" if name is None else name], tupleize_cols=False)


def _refuse_roles(X: Any, past: _Names, future: _Names, static: _Names) -> None:
    """Refuse features of a series or a wide frame, which have none."""
    if isinstance(X, pd.Series | pd.DataFrame):
        check_order(X.index)
    lists = {"past": past, "future": future, "static": static}
    named = {role: listed_names(role, names) for role, names in lists.items()}
    given = [f"{role}={list(names)}" for role, names in named.items() if names]
    if given:
        kind = "one series" if X.ndim == 1 else "a frame with a column a series"
        raise ValueError(
            f"{' and '.join(given)}, but the data is {kind}, which has no features; a long frame, "
            "or X and y, is needed. Name the columns of a long frame in columns=, pass such data, "
            "or leave the lists out."
        )


def check_column_order(form: Form, X: Any) -> None:
    """Refuse features of a frame without an index in another order than fit saw them.

    That is how scikit-learn reads such frames. Those of pandas are read by name.
    """
    if form.kind != "xy" or not form.named or not is_foreign(X):
        return
    given = [name for name in column_names(X) if name in form.features]
    known = [name for name in form.features if name in given]
    if given != known:
        raise ValueError(
            f"X has the columns {given}, fit saw them in the order {known}; the same order is "
            f"needed. Pass X.select({known})."
        )


def plain_array(values: Any, what: str, series: str = BELOW_EACH_OTHER) -> NDArray[Any]:
    """Return an array-like of one or two dimensions as an array, as `as_array` does."""
    array = as_array(values, what, series=series)
    if array.ndim not in (1, 2):
        raise ValueError(
            f"{what} has {array.ndim} dimensions, shape {array.shape}; one or two are needed. Pass "
            "a Series, a frame, or an array of shape (n_steps,) or (n_steps, n_series)."
        )
    return array


def _feature_columns(X: Any) -> tuple[tuple[Hashable, ...], dict[Hashable, Any]]:
    """Return the names and the columns of X; those of an array are named x0, x1, ..."""
    if isinstance(X, pd.DataFrame):
        check_unique(X)
        return tuple(X.columns), {name: X[name] for name in X.columns}
    columns: dict[Hashable, Any] = {f"x{k}": X[:, k] for k in range(X.shape[1])}
    return tuple(columns), columns


def check_same_times(X: Any, y: Any) -> None:
    """Refuse features and a target whose indexes differ; what has no index goes by rows."""
    if not (isinstance(X, pd.Series | pd.DataFrame) and isinstance(y, pd.Series | pd.DataFrame)):
        return
    if plain_times(X.index).equals(plain_times(y.index)):
        return
    check_filled(min(len(X), len(y)), 1)
    cure = "Align them: y = y.reindex(X.index)."
    same_levels = X.index.nlevels == y.index.nlevels
    if not (same_levels and y.index.isin(X.index).any()):
        moves_X = same_levels and isinstance(X.index, pd.RangeIndex)
        moved = "X = X.set_axis(y.index)" if moves_X else "y = y.set_axis(X.index)"
        cure = f"If they belong together row by row: {moved}."
    raise ValueError(
        f"X and y have different indexes: they begin at {show_time(X.index[0])} and "
        f"{show_time(y.index[0])}; they must agree row by row. {cure}"
    )


def _index_of(X: Any, y: Any, labelled: tuple[bool, bool]) -> pd.Index:
    """Return the times of those of X and y that have any."""
    if all(labelled):
        check_same_times(X, y)
    if labelled[0]:
        return X.index
    return y.index if labelled[1] else pd.RangeIndex(len(y))


# ------------------------------------------------------------------------------------- checks


def _is_long(frame: pd.DataFrame, columns: tuple[Hashable, ...], library: str | None) -> bool:
    """Tell whether a frame is a long panel; refuse one that lacks one of the three columns."""
    lacking = [name for name in columns if name not in frame.columns]
    if len(lacking) == 1:
        cure = "Add it, or name the three columns in columns=."
        if lacking[0] in frame.index.names:
            cure = "It is in the index: call frame.reset_index() before."
        elif lacking[0] == columns[0] and library is None:
            cure = (
                "If another column holds the series, name it in columns=. Else add it, even if "
                "there is one series: frame.assign"
                f"({columns[0]}='a'), or pass the series alone: frame.set_index({columns[1]!r})"
                f"[{columns[2]!r}]."
            )
        elif lacking[0] == columns[0]:
            cure = f"Add a column {columns[0]!r} with the same name in every row."
        rest = [name for name in columns if name != lacking[0]]
        raise ValueError(
            f"The frame has the columns {rest!r}, but no {lacking[0]!r}; a long panel needs all "
            f"three. {cure}"
        )
    return not lacking


def _refuse_panel_without_names(frame: pd.DataFrame) -> None:
    """Refuse a wide frame that is a long panel whose columns were not named in columns=."""
    by_lower = {str(name).lower(): name for name in frame.columns}
    spelt = [by_lower.get(name) for name in COLUMNS]
    if None not in spelt:
        raise ValueError(
            f"The frame has the columns {spelt!r}, spelt otherwise than a long panel needs them. "
            f"Pass columns={tuple(spelt)!r}."
        )
    counting = _counting_columns(frame) if isinstance(frame.index, pd.RangeIndex) else None
    if counting is not None:
        raise ValueError(
            f"Columns {counting[0]!r} and {counting[1]!r} count the rows together, as ids and "
            "times do; a wide frame needs a series in each column. For a long panel pass columns="
            "(id, time, target); otherwise drop them, and set the times as index: "
            f"frame.drop(columns={list(counting)!r})."
        )


def _counting_columns(frame: pd.DataFrame) -> tuple[Hashable, Hashable] | None:
    """Return two columns of integers of which one rises, and falls only where the other moves.

    So do times and ids of a panel, sorted by either, and months and years.
    """
    moves = {
        name: np.diff(frame[name].to_numpy(dtype=np.float64))
        for name, dtype in frame.dtypes.items()
        if pd.api.types.is_integer_dtype(dtype) and not frame[name].hasnans
    }
    for counter, steps in moves.items():
        again = steps < 0.0
        if len(steps) >= _FEW_STEPS and again.any() and (steps[~again] > 0.0).any() and steps.all():
            for name, other in moves.items():
                if name != counter and ((other != 0.0) == again).all():
                    return name, counter
    return None


def _refuse_panel_with_target(X: Any, columns: tuple[Hashable, ...]) -> None:
    """Refuse a long panel that is cut into X and y."""
    if isinstance(X, pd.DataFrame) and columns[0] in X.columns and columns[1] in X.columns:
        raise ValueError(
            f"X holds {columns[0]!r} and {columns[1]!r}, and y was given beside it; a panel is "
            "needed in one frame. Pass one frame that holds the target, and no y: "
            "fit(frame); in a search, with cv=PanelSplit(n_folds=..., horizon=...)."
        )


def check_unique(frame: pd.DataFrame) -> None:
    """Refuse columns that share a name, or have a name of several levels."""
    if isinstance(frame.columns, pd.MultiIndex):
        raise ValueError(
            f"The columns have {frame.columns.nlevels} levels; one is needed. Join them: "
            "frame.columns = ['_'.join(map(str, name)) for name in frame.columns]."
        )
    if frame.columns.hasnans:
        place = int(np.argmax(frame.columns.isna()))
        raise ValueError(
            f"Column {place} has no name ({frame.columns[place]!r}); every column needs a name. "
            "Rename it."
        )
    if not frame.columns.is_unique:
        name = frame.columns[frame.columns.duplicated()][0]
        raise ValueError(
            f"Two columns are named {name!r}; every column needs a name of its own. Rename one."
        )


def check_filled(n_rows: int, n_columns: int) -> None:
    """Refuse a frame without rows or columns."""
    if n_rows == 0 or n_columns == 0:
        raise ValueError(
            f"The data is empty: {n_rows} rows, {n_columns} columns; at least one value is needed. "
            "Check how it was read or filtered."
        )


def _check_shapes(X: Any, y: Any) -> None:
    """Refuse X and y that do not belong together."""
    if X.ndim != 2 or y.ndim != 1 or len(X) != len(y):
        raise ValueError(
            f"X has shape {X.shape} and y has shape {y.shape}; (n_steps, n_features) and "
            "(n_steps,) are needed. Pass one row of features and one target a step; for several "
            "targets, pass a frame of them without y."
        )


def _check_index_name(index: pd.Index, what: str) -> None:
    """Refuse an index of one series that is called like a column beside it in a frame."""
    if is_forecast_column(index.name):
        raise ValueError(
            f"The index of {what} is called {index.name!r}, like a column of the forecasts that "
            f"would stand beside it; another name is needed. Rename it: {what}.rename_axis('ds')."
        )


def check_order(index: pd.Index) -> None:
    """Refuse times that are missing, out of order or repeated."""
    if isinstance(index, pd.MultiIndex):
        raise TypeError(
            f"The index has {index.nlevels} levels; one level of times is needed. Make a long "
            "panel of a frame with frame.rename_axis(['unique_id', 'ds']).reset_index(), of a "
            "Series with series.rename_axis(['unique_id', 'ds']).reset_index(name='y')."
        )
    index = plain_times(index)
    check_times(index)
    check_increasing(
        index,
        "If several series share the frame, name them in a column.",
        "A halving search draws rows, unless it is given resource= and max_resources=, for example "
        "resource='regressor__max_steps' of a network.",
    )
