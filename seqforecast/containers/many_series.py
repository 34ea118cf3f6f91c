"""Lists and dicts of series are no frame: refuse them, and say what to type to make one."""

from __future__ import annotations

from collections.abc import Collection
from numbers import Number
from typing import Any, NoReturn

import numpy as np
import pandas as pd

from seqforecast.containers.frames import column_names, is_foreign, is_frame, is_series

SIDE_BY_SIDE = "side by side"
BELOW_EACH_OTHER = "below each other"


def refuse_dict(values: dict[Any, Any], what: str) -> NoReturn:
    """Refuse a dict."""
    one = next(iter(values.values()), None)
    if is_frame(one):
        line = _one_long_frame(one, "data.items()", "data.values()")
    elif is_foreign(one):
        equal = _equally_long(values.values())
        line = "pl.DataFrame(data)" if equal else _extended("data.items()", "data.values()")
    elif isinstance(one, Number):  # one step, by name
        line = "pd.Series(data)"
    elif isinstance(one, pd.Series) or _equally_long(values.values()):
        line = "pd.DataFrame(data)"
    else:
        line = "pd.DataFrame({name: pd.Series(one) for name, one in data.items()})"
    raise TypeError(
        f"{what} is a dict; a Series, a DataFrame or an array is needed. Make a frame of it: "
        f"{line}."
    )


def refuse_series_in(values: Any, what: str, series: str) -> None:
    """Refuse a list or tuple of Series, frames or dicts, and of arrays where it is ambiguous.

    Parameters
    ----------
    values : list or tuple
        What was given.
    what : str
        The name of the argument.
    series : {SIDE_BY_SIDE, BELOW_EACH_OTHER}
        How series make the table that is needed.
    """
    for one in values:
        if is_series(one) or is_frame(one) or isinstance(one, dict):
            raise TypeError(
                f"{what} is a {type(values).__name__} of {len(values)} {type(one).__name__} "
                "objects; one Series, DataFrame or array is needed. Make "
                f"{_made_of(values, one, series)}."
            )
    arrays = [one for one in values if isinstance(one, np.ndarray) and one.ndim == 1]
    if series == SIDE_BY_SIDE and any(one.size > 1 for one in arrays):
        raise TypeError(
            f"{what} is a {type(values).__name__} of {len(values)} arrays, each of which may be a "
            f"series or the values of one step; one array is needed. {_stacked(arrays)}"
        )


def _made_of(values: Any, one: Any, series: str) -> str:
    """Say what to make of a list, and how."""
    if isinstance(one, dict):
        return "a frame of them: pd.DataFrame(data)"
    if series == BELOW_EACH_OTHER:
        return "a table of them: np.stack(data)"
    by_number = "((str(k), one) for k, one in enumerate(data))"
    if is_frame(one):
        line = _one_long_frame(one, by_number, "data")
    elif not is_foreign(one):
        names = [getattr(series, "name", None) for series in values]
        differ = None not in names and len(set(names)) == len(names)
        line = f"pd.concat({'data' if differ else 'dict(enumerate(data))'}, axis=1)"
    elif _equally_long(values):
        line = "pl.DataFrame({str(k): one for k, one in enumerate(data)})"
    else:
        line = _extended(by_number, "data")
    return f"a frame of them: {line}"


def _stacked(arrays: list[Any]) -> str:
    """Say how arrays become one."""
    if not _equally_long(arrays):
        return "If each is a series: pd.DataFrame(dict(enumerate(map(pd.Series, data))))."
    module = "np.ma" if any(map(np.ma.is_masked, arrays)) else "np"  # np forgets masks
    return (
        f"Pass {module}.column_stack(data) if each is a series, {module}.stack(data) if each is a "
        "step."
    )


def _equally_long(many: Collection[Any]) -> bool:
    return len({len(one) if hasattr(one, "__len__") else 1 for one in many}) == 1


def _extended(pairs: str, many: str) -> str:
    """Return the line that lays series of polars of unequal length side by side."""
    extended = f"one.extend_constant(None, max(map(len, {many})) - len(one))"
    return f"pl.DataFrame({{name: {extended} for name, one in {pairs}}})"


def _one_long_frame(one: Any, pairs: str, frames: str) -> str:
    """Return the line that puts frames of one series each below each other."""
    has_names = "unique_id" in column_names(one)
    if is_foreign(one):
        if has_names:
            return f"pl.concat(list({frames}))"
        return f"pl.concat([one.with_columns(unique_id=pl.lit(name)) for name, one in {pairs}])"
    if has_names:
        return f"pd.concat({frames})"
    levels, reset = "['unique_id', 'ds']", "reset_index()"
    if isinstance(one.index, pd.RangeIndex):
        levels, reset = "['unique_id', None]", "reset_index(level=0)"
    return f"pd.concat(dict({pairs}), names={levels}).{reset}"
