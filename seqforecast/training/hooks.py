"""What skorch's callbacks ask of a training: batches, validation losses, or to come to its end."""

from __future__ import annotations

import dis
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from skorch.callbacks import (
    Callback,
    EpochScoring,
    GradientNormClipping,
    LRScheduler,
    MlflowLogger,
    NeptuneLogger,
    SacredLogger,
    TensorBoard,
)


def hooks_in_use(callbacks: list[tuple[str, Any]]) -> set[str]:
    """Return the per-batch hooks that a callback overrides; most override none."""
    hooks = ("on_batch_begin", "on_batch_end", "on_grad_computed")
    return {
        hook
        for hook in hooks
        for _, callback in callbacks
        if getattr(getattr(callback, hook), "__func__", None) is not getattr(Callback, hook)
        and not _does_nothing_by_batch(callback)
    }


def _does_nothing_by_batch(callback: Any) -> bool:
    """Tell whether a callback of skorch overrides the hooks for a use that it is not put to."""
    kind = type(callback)
    if kind is LRScheduler:
        return bool(callback.step_every != "batch")
    if kind is GradientNormClipping:
        return callback.gradient_clip_value is None
    if kind in (MlflowLogger, NeptuneLogger, SacredLogger):
        return not callback.log_on_batch_end
    # These collect for a cache that this net does not use, and set a mark that nobody reads.
    return kind in (EpochScoring, TensorBoard)


def may_read_batches(callbacks: list[tuple[str, Any]]) -> bool:
    """Tell whether a callback may read the losses of single batches: ours never do."""
    ours = __name__.partition(".")[0]
    return any(type(callback).__module__.partition(".")[0] != ours for _, callback in callbacks)


@contextmanager
def naming_what_is_missing(callback: Callback, *, has_validation: bool) -> Iterator[None]:
    """Say what to do where a callback looks for a validation loss that is not in the history.

    Raises
    ------
    ValueError
        In the place of the callback's own error.
    """
    try:
        yield
    except Exception as error:
        pattern = _MISSING_KEY if isinstance(error, KeyError) else _MISSING
        missing = pattern.search(str(error))
        if has_validation or missing is None:
            raise
        raise ValueError(
            f"{type(callback).__name__} looks for {missing[1]!r} in the history, but this training "
            "has no validation windows, which are needed for it. Pass X_val and y_val to fit, set "
            "early_stopping=True, or let the callback watch 'train_loss'."
        ) from error


_MISSING = re.compile(r"'(valid_\w+)'[^']* was not found in history")
_MISSING_KEY = re.compile(r"'(valid_\w+)'")


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
