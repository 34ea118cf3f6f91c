"""Names of series that look like others and are not the same: '1' and 1, 'A' and 'A '.

A file that is read again may give names of another type, or with white space at the end. Taken for
new series, they would start without a history, in silence.
"""

from __future__ import annotations

import re
import unicodedata
import warnings
from collections.abc import Callable, Hashable, Iterable
from functools import partial
from keyword import iskeyword
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seqforecast._shared.time_index import show_time
from seqforecast.forecasting.data.series_ids import as_known, find_ids

_WHOLE = re.compile(r"([+-]?)0*(\d+)(\.0*)?")
"""A whole number as text: of 007 and 7.0 the second group is the same."""


class Place(NamedTuple):
    """Where names of series stand: in a column of a frame, or above its columns.

    Parameters
    ----------
    frame : str
        What the user calls the frame.
    column : hashable
        The column of a long frame.
    is_header : bool
        Whether the frame is wide, so that its columns are the names.
    is_pandas : bool
        Whether the methods of pandas mend it.
    """

    frame: str
    column: Hashable
    is_header: bool = False
    is_pandas: bool = True


def known_ids(known: pd.Index, given: pd.Index, what: str, place: Place) -> pd.Index:
    """Write given names as known ones are written; refuse such as only look like them.

    Parameters
    ----------
    known : Index
        The names of fit.
    given : Index
        Those of other data.
    what : str
        The other data, at the beginning of a sentence.
    place : Place
        Where the given names stand.
    """
    return as_known(known, given, find_known(known, given, what, place))


def find_known(known: pd.Index, given: pd.Index, what: str, place: Place) -> NDArray[np.int64]:
    """Return where given names stand among known ones, -1 for strangers; refuse lookalikes."""
    found = find_ids(known, given)
    if (found < 0).any():
        pairs = _pairs_between(known.tolist(), given[found < 0].unique().tolist())
        if pairs:
            raise ValueError(_lookalikes(known, given.unique(), pairs, what, place))
    return found


def require_one_type(ids: pd.Index, place: Place) -> None:
    """Refuse names of one frame that differ in their type only: 1 and '1'."""
    names = ids.categories if isinstance(ids, pd.CategoricalIndex) else ids
    if names.dtype != object or pd.api.types.infer_dtype(names, skipna=False) == "string":
        return
    pairs = [pair for pair in _pairs_within(ids.tolist()) if not _are_texts(*pair)]
    if not pairs:
        return
    where = "The frame has the columns" if place.is_header else f"Column {place.column!r} holds"
    cure = "Rename one of them." if place.is_header else "Write them alike."
    if not place.is_header:
        unites = partial(_unites, ids, pairs)
        cure = _cure(ids, place, unites, ids) or cure
    a, b = map(_typed, pairs[0])
    raise ValueError(
        f"{where} {a} and {b}, which look the same; names of one type are needed. {cure}"
    )


def warn_of_spaces(ids: pd.Index, place: Place, *, stacklevel: int) -> None:
    """Warn of names in one frame that differ in white space at their ends only.

    `stacklevel` counts from the caller of this function; 1 is its own line.
    """
    pairs = [pair for pair in _pairs_within(_spaced(ids)) if _are_texts(*pair)]
    if not pairs:
        return
    a, b = pairs[0]
    more = f" (as do {len(pairs) - 1} more)" if len(pairs) > 1 else ""
    cure = "put their values into one column"
    if not place.is_header:
        cure = "strip the names" + (f": {_call(_STRIP, place)}" if place.is_pandas else "")
    warnings.warn(
        f"Series {a!r} and {b!r} differ in white space at the ends of their names only{more}, and "
        f"are read as two; names should differ in what can be seen. If they are one, {cure}.",
        stacklevel=stacklevel + 1,
    )


def _lookalikes(
    known: pd.Index, others: pd.Index, pairs: dict[Any, Any], what: str, place: Place
) -> str:
    """Say which names look like known ones, and how to write them as these are written."""
    pair = next(iter(pairs.items()))
    if _are_texts(*pair):
        given = repr(pair[0])
        seen = f"{pair[1]!r}, which differs only in white space or in how it is spelt"
    else:
        given, seen = _typed(pair[0]), f"{_typed(pair[1])}, a name of another type"
    more = f" ({len(pairs)} such series)" if len(pairs) > 1 else ""
    restores = partial(_restores, known, others, pairs)
    cure = (
        _cure(others, place, restores, known)
        or f"Write {pair[1]!r} here, or {pair[0]!r} in the data of fit."
    )
    return (
        f"{what} hold series {given}, and fit saw {seen}{more}; names must be written as in the "
        f"data of fit, or they are other series. {cure}"
    )


def _typed(label: Any) -> str:
    return f"{label!r} ({type(label).__name__})"


# ---------------------------------------------------------------------------- what looks alike


def _look(label: Any) -> str:
    """Return what a name looks like, its type, white space around it and leading zeros aside."""
    text = _seen(show_time(label))
    whole = _WHOLE.fullmatch(text)
    return text if whole is None else f"{whole[1].strip('+')}{whole[2]}"


def _are_texts(*labels: Any) -> bool:
    return all(isinstance(label, str) for label in labels)


def _alike(a: Any, b: Any) -> bool:
    """Tell whether two names of one look are meant to be one: '007' and '7' are two."""
    return _seen(a) == _seen(b) if _are_texts(a, b) else True


def _seen(text: str) -> str:
    """Return a text as it is seen: without white space, marks without width and decimals of 0."""
    shown = unicodedata.normalize("NFC", text).replace("\ufeff", "").replace("\u200b", "").strip()
    return re.sub(r"^(\d+)\.0*$", r"\1", shown)


def _pairs_between(known: list[Any], strangers: list[Any]) -> dict[Any, Any]:
    """Return the known name that a stranger looks like, by stranger."""
    looks = {_look(label) for label in strangers}
    by_look: dict[str, list[Any]] = {}
    for label in known:
        look = _look(label)
        if look in looks:
            by_look.setdefault(look, []).append(label)
    pairs = {}
    for label in strangers:
        twin = [one for one in by_look.get(_look(label), []) if _alike(label, one)]
        if twin:
            pairs[label] = twin[0]
    return pairs


def _pairs_within(labels: Iterable[Any]) -> list[tuple[Any, Any]]:
    """Return names that look alike, each with the first such before it."""
    by_look: dict[str, list[Any]] = {}
    pairs = []
    for label in labels:
        same = by_look.setdefault(_look(label), [])
        twin = next((one for one in same if _alike(one, label)), None)
        if twin is not None:
            pairs.append((twin, label))
        same.append(label)
    return pairs


def _spaced(ids: pd.Index) -> list[Any]:
    """Return the names, or none if there are none with white space at their ends."""
    labels = ids.tolist()
    spaced = any(isinstance(label, str) and label != label.strip() for label in labels)
    return labels if spaced else []


# --------------------------------------------------------------------------------------- cures


class _Cure(NamedTuple):
    """What makes other names of a column, or of one name; and how that is written."""

    of_column: Callable[[pd.Series], pd.Series]
    of_one: Callable[[Any], Any]
    column_code: str
    one_code: str


_STRIP = _Cure(  # .str alone makes NaN of what is no text
    lambda ids: ids.astype(str).str.strip(), str.strip, ".astype(str).str.strip()", "str.strip"
)
_CURES = (
    _Cure(lambda ids: ids.astype(str), str, ".astype(str)", "str"),
    _Cure(lambda ids: ids.astype(int), int, ".astype(int)", "int"),
    _STRIP,
    _Cure(
        lambda ids: ids.astype(int).astype(str),
        lambda name: str(int(name)),
        ".astype(int).astype(str)",
        "lambda name: str(int(name))",
    ),
    _Cure(
        lambda ids: ids.astype(float).astype(int),
        lambda name: int(float(name)),
        ".astype(float).astype(int)",
        "lambda name: int(float(name))",
    ),
)


def _padding(width: int) -> tuple[_Cure, _Cure]:
    """Return what fills whole numbers up with zeros: of 7 it makes '007'."""
    return (
        _Cure(
            lambda ids: ids.astype(str).str.zfill(width),
            lambda name: str(name).zfill(width),
            f".astype(str).str.zfill({width})",
            f"lambda name: str(name).zfill({width})",
        ),
        _Cure(
            lambda ids: ids.astype(int).astype(str).str.zfill(width),
            lambda name: str(int(name)).zfill(width),
            f".astype(int).astype(str).str.zfill({width})",
            f"lambda name: str(int(name)).zfill({width})",
        ),
    )


def _cure(
    ids: pd.Index, place: Place, works: Callable[[pd.Index], bool], like: pd.Index
) -> str | None:
    """Return the first cure that works when it is tried, as a sentence.

    Where names that others are to be like begin with zeros, filling up comes first: of some ids,
    such as 10, plain text would do, and of the next, 7, it would make another series.
    """
    width = max((len(label) for label in like.tolist() if _begins_with_zero(label)), default=0)
    for cure in (*(_padding(width) if width else ()), *_CURES) if place.is_pandas else ():
        try:
            if place.is_header:
                labels = [cure.of_one(label) for label in ids.tolist()]
            else:
                labels = cure.of_column(pd.Series(ids)).tolist()
        except (AttributeError, NotImplementedError, OverflowError, TypeError, ValueError):
            continue
        if works(pd.Index(labels, dtype=object, tupleize_cols=False)):
            return f"Write them alike: {_call(cure, place)}."
    return None


def _begins_with_zero(label: Any) -> bool:
    return isinstance(label, str) and re.match(r"0\d", label) is not None


def _restores(known: pd.Index, given: pd.Index, pairs: dict[Any, Any], converted: pd.Index) -> bool:
    """Tell whether given names that are known stay so, and those that look known become so."""
    meant = [pairs.get(label, label) for label in given.tolist()]
    wanted = find_ids(known, pd.Index(meant, dtype=object, tupleize_cols=False))
    found = find_ids(known, converted)
    return bool((found == wanted)[wanted >= 0].all())


def _unites(ids: pd.Index, pairs: list[tuple[Any, Any]], converted: pd.Index) -> bool:
    """Tell whether names that look the same become the same."""
    new = dict(zip(ids.tolist(), converted.tolist(), strict=True))
    return all(new[a] == new[b] for a, b in pairs)


def _call(cure: _Cure, place: Place) -> str:
    """Write a cure as code."""
    frame, name = place.frame, repr(place.column)
    if place.is_header:
        return f"{frame}.rename(columns={cure.one_code})"
    if re.fullmatch(r"(\.astype\(\w+\))+", cure.column_code):
        return frame + re.sub(r"\((\w+)\)", rf"({{{name}: \1}})", cure.column_code)
    new = f"{frame}[{name}]{cure.column_code}"
    if not isinstance(place.column, str):
        return f"{frame}[{name}] = {new}"
    if place.column.isidentifier() and not iskeyword(place.column):
        return f"{frame}.assign({place.column}={new})"
    return f"{frame}.assign(**{{{name}: {new}}})"
