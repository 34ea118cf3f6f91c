"""A net that several threads use: whoever reads it while it is trained reads what it was before."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")


_process = object()
"""Another one in every forked process."""


def _forked() -> None:
    global _process
    _process = object()


if hasattr(os, "register_at_fork"):  # there is no fork on Windows
    os.register_at_fork(after_in_child=_forked)


class Rest:
    """Who reads a net, and what it was before the training under way.

    No reader waits, and a training waits only for readers that were there first, so that no two
    threads can wait for each other. No lock is shared by all: a fork could leave it locked.
    """

    def __init__(self) -> None:
        self._readers: dict[threading.Lock, tuple[object, int]] = {}  # with process and thread
        self._before: _Before | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), ()  # a copy of a net has no readers yet

    def read(self, net: Any, work: Callable[[Any], T]) -> T:
        """Return ``work(net)``, of a net that no other thread trains meanwhile.

        The thread that trains sees the net as it is.
        """
        reading, thread = threading.Lock(), threading.get_ident()
        reading.acquire()
        try:
            # First this, then the look: a training that begins in between waits.
            self._readers[reading] = _process, thread
            before = self._before
            if before is None or before.thread == thread:
                return work(net)
        finally:
            reading.release()
            self._readers.pop(reading, None)
        return work(before.net)

    def begin(self, copy: Callable[[], Any]) -> None:
        """Begin a training in this thread; `copy` gives the net as it is now, whenever called."""
        this = _process, threading.get_ident()
        self._before = _Before(this[1], copy)
        for reading, reader in tuple(self._readers.items()):
            # Those of this thread were broken off, those of another process ended with a fork.
            if reader[0] is this[0] and reader[1] != this[1]:
                with reading:
                    pass

    def end(self) -> None:
        """End the training."""
        self._before = None

    def untrained(self, net: Any) -> Any:
        """Return the net to train on: the one before a training that was cut off by a fork."""
        return net if self._before is None else self._before.net


class _Before:
    """A net before its training, made when it is first asked for."""

    def __init__(self, thread: int, copy: Callable[[], Any]) -> None:
        self.thread = thread
        self._copy = copy
        self._net: Any = None

    @property
    def net(self) -> Any:
        if self._net is None:
            self._net = self._copy()
        return self._net
