"""What the parts of a value may hold: types, arrays of a form, tuples and dicts of these.

A file may say anything. What is checked as it comes in need not be feared later: a number that is
a text, an array with an axis more.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

_LONGEST = 80


@dataclass(frozen=True)
class Numbers:
    """An array.

    Parameters
    ----------
    kinds : str
        The kinds that its dtype may be of, as in ``numpy.dtype.kind``.
    n_axes : int
        How many axes it has.
    """

    kinds: str
    n_axes: int

    def holds(self, value: Any) -> bool:
        """Tell whether a value is such an array."""
        is_array = isinstance(value, np.ndarray)
        return is_array and value.dtype.kind in self.kinds and value.ndim == self.n_axes


@dataclass(frozen=True)
class Each:
    """A list or tuple.

    Parameters
    ----------
    container : type
        Which of the two.
    of : Any
        What each item is, as `holds` takes it.
    """

    container: type
    of: Any

    def holds(self, value: Any) -> bool:
        """Tell whether a value is one of the two, with such items."""
        if not isinstance(value, list | tuple) or type(value) is not self.container:
            return False
        return all(holds(self.of, item) for item in value)


@dataclass(frozen=True)
class Table:
    """A dict.

    Parameters
    ----------
    key, of : Any
        What keys and values are, as `holds` takes it.
    """

    key: Any
    of: Any

    def holds(self, value: Any) -> bool:
        """Tell whether a value is a dict of such keys and values."""
        return type(value) is dict and all(
            holds(self.key, key) and holds(self.of, item) for key, item in value.items()
        )


def holds(what: Any, value: Any) -> bool:
    """Tell whether a value is of one of several kinds.

    Parameters
    ----------
    what : type, None, `Numbers`, `Each`, `Table`, or a tuple of these
        The kinds; of a tuple any. A boolean is no number.
    value : Any
        The value.
    """
    if isinstance(what, tuple):
        return any(holds(one, value) for one in what)
    if what is None:
        return value is None
    if isinstance(what, type):
        return isinstance(value, what) and (what in (bool, object) or not isinstance(value, bool))
    return bool(what.holds(value))


def shown(value: Any) -> str:
    """Write a value of any size in a few words, for messages."""
    if value is None or isinstance(value, bool | int | float | str):
        text = repr(value) if not isinstance(value, str) else repr(value[:_LONGEST])
        return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
    if isinstance(value, np.ndarray):
        return f"an array of shape {value.shape} and dtype {value.dtype}"
    return f"a {type(value).__name__}"
