"""Copies of a user's callbacks, for a fit, a clone and a worker process.

A fit assigns attributes to its callbacks, so it works on copies. They are copied one level deep:
what a callback refers to (a study, a writer, a list) is the user's, and all copies share it.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any

from joblib.externals.loky.backend.reduction import dumps

Callbacks = Sequence[Any]
"""Callbacks, classes of callbacks, or pairs of a name and one of these, as skorch takes them."""


@dataclass
class CopyForFit:
    """A callback of a user, and what a training works on in its place.

    Parameters
    ----------
    given : Callback or class
        What the user gave.
    attributes : dict
        Those of `given` when it was copied, by which a change is seen.
    callback : Callback
        The copy.
    """

    given: Any
    attributes: dict[str, Any]
    callback: Any

    @classmethod
    def of(cls, given: Any) -> CopyForFit:
        """Copy a callback that no training has had so far."""
        made = given() if isinstance(given, type) else copy(given)
        return cls(given, attributes_of(given), made)

    def is_current(self) -> bool:
        """Tell whether the user has changed nothing of the callback since it was copied."""
        now = attributes_of(self.given)
        return now.keys() == self.attributes.keys() and all(
            _is_same(now[name], value) for name, value in self.attributes.items()
        )


def copies_for_fit(callbacks: Callbacks, before: Iterable[CopyForFit]) -> list[CopyForFit]:
    """Copy the callbacks of a training.

    Parameters
    ----------
    callbacks : sequence
        What the user asks for now.
    before : iterable of CopyForFit
        What an earlier training of the same network has worked on. The copy of a callback that
        has not been changed is used again, with all it has seen.
    """
    earlier: dict[int, list[CopyForFit]] = {}
    for one in before:
        earlier.setdefault(id(one.given), []).append(one)
    copies, new = [], {}
    for given in map(callback_of, callbacks):
        known = earlier[id(given)].pop(0) if earlier.get(id(given)) else None
        one = known if known is not None and known.is_current() else CopyForFit.of(given)
        copies.append(one)
        new[id(given)] = one.callback
        if known is not None:
            new[id(known.callback)] = one.callback
    for one in copies:
        _refer_to(new, one.callback)
    return copies


def copies_of(callbacks: Callbacks) -> list[Any]:
    """Return the same list with a copy of each callback."""
    given = [callback_of(item) for item in callbacks]
    return replaced(
        callbacks,
        {place: copy(one) for place, one in enumerate(given) if not isinstance(one, type)},
    )


def replaced(callbacks: Callbacks, new: Mapping[int, Any]) -> list[Any]:
    """Return the same list with other callbacks at some places.

    A callback that refers to one of these (skorch's LoadInitState to a Checkpoint) refers to the
    new one then; it is a copy itself, so that no callback in the old list changes.
    """
    given = [callback_of(item) for item in callbacks]
    now = {id(given[place]): callback for place, callback in new.items()}
    while referring := [
        one
        for one in given
        if id(one) not in now and any(id(value) in now for value in attributes_of(one).values())
    ]:
        now |= {id(one): copy(one) for one in referring}
    for callback in now.values():
        _refer_to(now, callback)
    return [
        with_name_of(item, now.get(id(one), one))
        for item, one in zip(callbacks, given, strict=True)
    ]


def callback_of(item: Any) -> Any:
    """Return the callback, or the class of one, of what may be a pair with its name."""
    return item[1] if _is_pair(item) else item


def with_name_of(item: Any, callback: Any) -> Any:
    """Return a callback as a pair where `item` is a pair with a name."""
    return (item[0], callback) if _is_pair(item) else callback


def _is_pair(item: Any) -> bool:
    return isinstance(item, tuple) and len(item) == 2  # anything else fit refuses


def attributes_of(callback: Any) -> dict[str, Any]:
    """Return what a callback refers to, by name; a class refers to nothing."""
    return {} if isinstance(callback, type) else dict(getattr(callback, "__dict__", {}))


def _refer_to(copies: Mapping[int, Any], callback: Any) -> None:
    """Let a callback refer to copies where it refers to the originals, whose `id` is given."""
    for name, value in attributes_of(callback).items():
        if id(value) in copies:
            setattr(callback, name, copies[id(value)])


def _is_same(a: Any, b: Any) -> bool:
    # A pickle keeps no identity of numbers.
    return a is b or (isinstance(a, int | float | str) and type(a) is type(b) and a == b)


class NamedInPickle:
    """Stand first in the pickle of an object, and say which of its callbacks has none.

    Parameters
    ----------
    callbacks : sequence of Callback
        What comes later in the same pickle.
    """

    def __init__(self, callbacks: Sequence[Any]) -> None:
        self._callbacks = callbacks

    def __reduce__(self) -> tuple[Any, ...]:
        for callback in self._callbacks:
            try:
                dumps(callback)  # by the pickler of joblib's worker processes
            except Exception as error:
                name = callback.__name__ if isinstance(callback, type) else type(callback).__name__
                raise pickle.PicklingError(
                    f"the callback {name} has no pickle ({error}), and worker processes need one. "
                    "Use n_jobs=1 or joblib's threading backend, or a callback that opens what it "
                    "writes to in on_train_begin."
                ) from error
        return _nothing, ()

    def __deepcopy__(self, memo: dict[int, Any]) -> None:
        return None


def _nothing() -> None:
    return None
