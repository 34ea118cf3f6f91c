"""Doors x kinds of containers: the answer of the plain values, bit for bit, or one clear error."""

import re

import numpy as np
import pandas as pd
import pytest

from tests.containers.entries import ENTRIES
from tests.containers.kinds import EQUAL, KINDS, REFUSED, hole

pytestmark = [
    # What scikit-learn says where names are on one side only.
    pytest.mark.filterwarnings("ignore:X(_val)? has (feature|column) names:UserWarning"),
    pytest.mark.filterwarnings("ignore:X does not have valid feature names:UserWarning"),
    pytest.mark.filterwarnings("ignore:Determining the column names of a LazyFrame"),
    pytest.mark.filterwarnings("ignore:the matrix subclass:PendingDeprecationWarning"),
]

QUICK = 12
"""Of so many cells one is tried by `make test`, every door and every kind among them."""


def cells():
    """Yield all cells, and whether each is quick."""
    for row, entry in enumerate(ENTRIES):
        for column, kind in enumerate(KINDS):
            fits = entry.has_names or kind.axes == (1, 2, 3)
            if entry.plain.ndim in kind.axes and fits:
                yield entry, kind, (row + column) % QUICK == 0


CELLS = [
    pytest.param(entry, kind, marks=() if quick else (pytest.mark.slow,), id=f"{entry} - {kind}")
    for entry, kind, quick in cells()
]


def test_quick_cells_hold_every_door_and_every_kind():
    quick = [(entry, kind) for entry, kind, quick in cells() if quick]
    assert {entry.name for entry, _ in quick} == {entry.name for entry in ENTRIES}
    assert {kind.name for _, kind in quick} == {kind.name for kind in KINDS}


def answer(entry, values):
    """Return what a door answers, or the error that it raises."""
    try:
        return entry.call(values)
    except (TypeError, ValueError) as error:
        return error


def same(a, b):
    if isinstance(a, tuple):
        return all(same(one, other) for one, other in zip(a, b, strict=True))
    if isinstance(a, str):
        return a == b
    if isinstance(a, pd.DataFrame) and "duration" in a:  # seconds differ
        a, b = a.drop(columns="duration"), b.drop(columns="duration")
    return np.array_equal(np.asarray(a, float), np.asarray(b, float), equal_nan=True)


@pytest.mark.parametrize(("entry", "kind"), CELLS)
def test_a_container_is_read_as_its_values_or_refused(entry, kind):
    found = answer(entry, kind.make(entry.plain))
    if entry.stands_alone and isinstance(found, Exception):
        assert re.search("X .* are needed", str(found)), found
        return
    result = kind.result
    if entry.stands_alone and "Series" in kind.name:
        result = EQUAL  # numpy reads them as the rows that they are
    if result == REFUSED:
        assert isinstance(found, TypeError | ValueError), found
        assert re.search(kind.says, str(found)), found
        assert "need" in str(found)
        return
    plain = entry.plain
    if result != EQUAL:
        plain = np.where(hole(plain), np.nan, plain)
    expected = answer(entry, plain)
    if isinstance(expected, Exception):
        assert result != EQUAL, expected
        assert type(found) is type(expected)
        assert re.search("nan|missing", str(found), re.IGNORECASE), found
    else:
        assert same(found, expected)
