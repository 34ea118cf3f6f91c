"""What skorch's callbacks ask of a training: to be told of every batch, or to come to its end."""

from __future__ import annotations

import dis
from typing import Any

from skorch.callbacks import Callback, EpochScoring, LRScheduler

__all__ = ["asks_for_the_end", "hooks_in_use"]


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
    """Tell a callback that asks for the end of training from Ctrl-C.

    Both are a KeyboardInterrupt. A callback raises its own, by a ``raise`` in one of its methods;
    Ctrl-C comes out of any other instruction, or out of a handler of signals.
    """
    trace = error.__traceback__
    if trace is None:
        return False
    while trace.tb_next is not None:
        trace = trace.tb_next
    frame, place = trace.tb_frame, trace.tb_lasti
    if dis.opname[frame.f_code.co_code[place]] != "RAISE_VARARGS":
        return False
    return isinstance(frame.f_locals.get("self"), Callback)
