"""What skorch's callbacks ask of a training: to be told of every batch, or to come to its end."""

from __future__ import annotations

import dis
import signal
from typing import Any

from skorch.callbacks import Callback, EpochScoring, LRScheduler


def hooks_in_use(callbacks: list[tuple[str, Any]]) -> set[str]:
    """Return the per-batch hooks that a callback overrides; most override none."""
    hooks = ("on_batch_begin", "on_batch_end", "on_grad_computed")
    return {
        hook
        for hook in hooks
        for _, callback in callbacks
        if getattr(type(callback), hook) is not getattr(Callback, hook)
        and not _does_nothing_by_batch(callback)
    }


def _does_nothing_by_batch(callback: Any) -> bool:
    """Tell whether a callback of skorch overrides the hooks for a use that it is not put to."""
    if type(callback) is LRScheduler:
        return bool(callback.step_every != "batch")
    return type(callback) is EpochScoring  # which collects for a cache that this net does not use


def asks_for_the_end(error: KeyboardInterrupt) -> bool:
    """Tell whether a callback asks for the end of training, or whether Ctrl-C came meanwhile.

    Both are a KeyboardInterrupt that comes out of a callback. Its own is made by a ``raise``, in
    one of its methods or in what these call; Ctrl-C by any other instruction, or by a ``raise``
    in a handler of signals.
    """
    trace = error.__traceback__
    if trace is None:
        return False
    while trace.tb_next is not None:
        trace = trace.tb_next
    code = trace.tb_frame.f_code
    if dis.opname[code.co_code[trace.tb_lasti]] != "RAISE_VARARGS":
        return False
    handlers = (signal.getsignal(number) for number in signal.valid_signals())
    return all(getattr(handler, "__code__", None) is not code for handler in handlers)
