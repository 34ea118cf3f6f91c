"""One object and several threads: one changes it at a time, and others see the change at once."""

from __future__ import annotations

import os
import threading
from collections.abc import Collection, Mapping
from typing import Any, TypeVar

E = TypeVar("E")

_at_work: dict[int, tuple[object, int]] = {}
"""By the `id` of an object that is being changed: who changes it, and in which thread."""


def as_it_is(estimator: E) -> E:
    """Return a shallow copy, all of whose attributes are of the same moment.

    Whatever reads several attributes of a fitted estimator reads them from such a copy: a fit in
    another thread may end between two of them.
    """
    twin: E = object.__new__(type(estimator))
    twin.__dict__.update(estimator.__dict__)  # one step: no other thread has its turn within
    return twin


def become(estimator: Any, learnt: Mapping[str, Any], gone: Collection[str] = ()) -> None:
    """Give an estimator all that it has learnt, in one step.

    Parameters
    ----------
    estimator : estimator
        What is changed.
    learnt : mapping
        Attributes by name.
    gone : collection of str
        Attributes that it has no longer.
    """
    kept = {name: value for name, value in as_it_is(estimator).__dict__.items() if name not in gone}
    estimator.__dict__ = {**kept, **learnt}  # Ctrl-C, or another thread, finds the old or the new


class Alone:
    """Refuse to change an object while another thread changes it.

    It does not wait: a callback of the other fit may be waiting for this thread.

    Parameters
    ----------
    thing : object
        What is changed.
    work : str
        What changes it, for the message.

    Raises
    ------
    RuntimeError
        If another thread is at it, or a callback of this one.
    """

    def __init__(self, thing: Any, work: str) -> None:
        self._thing = thing
        self._work = work
        self._claim = object(), threading.get_ident()

    def __enter__(self) -> None:
        holder = _at_work.setdefault(id(self._thing), self._claim)
        if holder is not self._claim and holder[1] == self._claim[1]:
            # Ctrl-C may have left it behind: the next call goes through.
            del _at_work[id(self._thing)]
            raise RuntimeError(
                f"a {self._work} of this {type(self._thing).__name__} is under way in this thread, "
                "and one of its callbacks began another; only one may run at a time, because what "
                "one of them learns would be lost. Call it after the fit, or train a clone."
            )
        if holder is not self._claim:
            raise RuntimeError(
                f"another {self._work} of this {type(self._thing).__name__} is under way in "
                "another thread; only one may run at a time, because what one of them learns would "
                "be lost. Call it after the other has ended, or hold one threading.Lock around "
                "both calls."
            )

    def __exit__(self, *_: object) -> None:
        if _at_work.get(id(self._thing)) is self._claim:
            del _at_work[id(self._thing)]


def _alone_after_fork() -> None:
    """Forget the work of other threads, which a forked process does not have."""
    for key, (_, thread) in tuple(_at_work.items()):
        if thread != threading.get_ident():
            del _at_work[key]


if hasattr(os, "register_at_fork"):  # there is no fork on Windows
    os.register_at_fork(after_in_child=_alone_after_fork)
