"""Names of series whatever their type: which are the same, and how new ones join."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray


def ids_of(column: pd.Series) -> pd.Index:
    """Return the names in a column as an index of their type; Arrow's dictionaries as categories.

    pandas looks nothing up in an index of Arrow's dictionaries.
    """
    ids = pd.Index(column, dtype=column.dtype)  # pandas 2 would make dates of objects
    of_arrow = isinstance(ids.dtype, pd.ArrowDtype) and str(ids.dtype).startswith("dictionary<")
    return ids.astype("category") if of_arrow else ids


def find_ids(known: pd.Index, given: pd.Index) -> NDArray[np.int64]:
    """Return where given names stand among known ones, -1 for strangers.

    Names are the same that are equal: 1, 1.0 and a 1 of Int64. Of two types pandas would also take
    text for the date in it, and large numbers for the nearest float.

    Parameters
    ----------
    known : Index
        Each once.
    given : Index
        Of any type, and perhaps repeated.
    """
    if known.dtype != given.dtype:
        known, given = (_objects(ids.tolist()) for ids in (known, given))
    return known.get_indexer(given).astype(np.int64)


def as_known(known: pd.Index, given: pd.Index, found: NDArray[np.int64]) -> pd.Index:
    """Write given names as the known ones are written: in their type, where it holds strangers too.

    `found` is what `find_ids` says of them.
    """
    if known.dtype == given.dtype:
        return given.rename(known.name)
    labels = known.tolist()
    pairs = zip(found, given.tolist(), strict=True)
    return _typed([labels[at] if at >= 0 else label for at, label in pairs], known)


def join_ids(known: pd.Index, new: pd.Index) -> pd.Index:
    """Put new names behind the known ones, in their type where it holds both."""
    return _typed([*known.tolist(), *new.tolist()], known)


def _typed(labels: list[Any], known: pd.Index) -> pd.Index:
    """Make an index like that of known names, or one of plain objects if its type cannot hold all.

    Categories grow by those that are new.
    """
    dtype = known.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        categories = dtype.categories
        new = dict.fromkeys(labels).keys() - set(categories.tolist())
        if new:
            more = [label for label in dict.fromkeys(labels) if label in new]
            categories = _typed([*categories.tolist(), *more], categories)
        dtype = pd.CategoricalDtype(categories, ordered=dtype.ordered)
    try:
        ids = pd.Index(labels, dtype=dtype, name=known.name, tupleize_cols=False)
        if ids.tolist() == labels:
            return ids
    except (TypeError, ValueError, OverflowError):
        pass
    return _objects(labels).rename(known.name)


def _objects(labels: list[Any]) -> pd.Index:
    return pd.Index(labels, dtype=object, tupleize_cols=False)
