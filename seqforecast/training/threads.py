"""How many threads compute, and what happens to denormal numbers, while seqforecast computes."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

_SMALLEST_DENORMAL = 5e-324

_lock = threading.Lock()
_active: dict[_Computation, tuple[int, int]] = {}
"""Thread and thread count of all that compute now."""
_ambient_threads = 1


@contextmanager
def computing(n_threads: int) -> Iterator[None]:
    """Compute on `n_threads` threads with denormals flushed to zero; restore both afterwards.

    A vanishing gradient fills the processor with denormal numbers, on which some processors are
    many times slower. The flag belongs to the calling thread, and so does OpenMP's thread count;
    with `n_threads` above 1, threads of the pool that run already keep a flag of their own.
    """
    computation = _Computation()
    try:
        computation.begin(n_threads)
        yield
    finally:
        # Here and not in a function of its own: Ctrl-C may come as one is entered, before its try.
        try:
            computation.end()
        except KeyboardInterrupt:
            computation.end()
            raise


class _Computation:
    """What one thread is set to while it computes, and was before."""

    def __init__(self) -> None:
        self._flushed = _flushes_denormals()
        self._gradients = torch.is_grad_enabled()
        self._errors = np.geterr()
        self._threads_before = 1

    def begin(self, n_threads: int) -> None:
        """Set thread and flag, after noting what `end` puts back: Ctrl-C may come in between."""
        with _lock:
            self._threads_before = _threads_to_restore()
            _active[self] = threading.get_ident(), n_threads
            torch.set_num_threads(n_threads)
        torch.set_flush_denormal(True)

    def end(self) -> None:
        """Put back what was; a second call changes nothing."""
        torch.set_flush_denormal(self._flushed)
        # A no_grad or an errstate that Ctrl-C broke off may not have put them back.
        torch.set_grad_enabled(self._gradients)
        np.seterr(**self._errors)
        with _lock:
            if self in _active:
                torch.set_num_threads(self._threads_before)
                del _active[self]


def _flushes_denormals() -> bool:
    # torch can set the flag but not read it: multiply and see. A variable, because a constant
    # expression would be folded by the compiler, with the flag off.
    smallest = _SMALLEST_DENORMAL
    return smallest * 1.0 == 0.0


def _threads_to_restore() -> int:
    """Return the thread count that the calling thread has, or should have had.

    torch keeps the last count that any thread set as the default of threads that it has not seen
    yet. A thread that starts while another one computes would take our count for its own, and
    'restore' it for ever; it gets the count from before the first of us instead.
    """
    global _ambient_threads
    now = torch.get_num_threads()
    if not _active:
        _ambient_threads = now
        return now
    thread, computing_now = threading.get_ident(), _active.values()
    nested = any(thread == other for other, _ in computing_now)
    taken = any(now == count for _, count in computing_now)
    return _ambient_threads if taken and not nested else now


def _alone_after_fork() -> None:
    """Forget the other threads, which a forked process does not have: one may hold the lock."""
    global _lock
    _lock = threading.Lock()
    for computation, (thread, _) in tuple(_active.items()):
        if thread != threading.get_ident():
            del _active[computation]


if hasattr(os, "register_at_fork"):  # there is no fork on Windows
    os.register_at_fork(after_in_child=_alone_after_fork)
