"""How many threads compute, and what happens to denormal numbers, while seqforecast computes."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch

__all__ = ["computing"]

_SMALLEST_DENORMAL = 5e-324

_lock = threading.Lock()
_active: list[tuple[int, int]] = []
"""Thread and thread count of all that compute now."""
_ambient_threads = 1


@contextmanager
def computing(n_threads: int) -> Iterator[None]:
    """Compute on `n_threads` threads with denormals flushed to zero; restore both afterwards.

    A vanishing gradient fills the processor with denormal numbers, on which some processors are
    many times slower. The flag belongs to the calling thread, and so does OpenMP's thread count;
    with `n_threads` above 1, threads of the pool that run already keep a flag of their own.
    """
    was_flushing = _flushes_denormals()
    threads_before = _enter(n_threads)
    try:
        torch.set_flush_denormal(True)
        yield
    finally:
        torch.set_flush_denormal(was_flushing)
        _leave(n_threads, threads_before)


def _flushes_denormals() -> bool:
    # torch can set the flag but not read it: multiply and see. A variable, because a constant
    # expression would be folded by the compiler, with the flag off.
    smallest = _SMALLEST_DENORMAL
    return smallest * 1.0 == 0.0


def _enter(n_threads: int) -> int:
    """Set the thread count; return the one to restore.

    torch keeps the last count that any thread set as the default of threads that it has not seen
    yet. A thread that starts while another one computes would take our count for its own, and
    'restore' it for ever; it gets the count from before the first of us instead.
    """
    global _ambient_threads
    thread = threading.get_ident()
    with _lock:
        threads_before = torch.get_num_threads()
        nested = any(thread == other for other, _ in _active)
        if not _active:
            _ambient_threads = threads_before
        elif not nested and any(threads_before == count for _, count in _active):
            threads_before = _ambient_threads
        torch.set_num_threads(n_threads)
        _active.append((thread, n_threads))
        return threads_before


def _leave(n_threads: int, threads_before: int) -> None:
    with _lock:
        _active.remove((threading.get_ident(), n_threads))
        torch.set_num_threads(threads_before)
