"""Ctrl-C may come between any two instructions, also of those that put something back."""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["to_the_end"]


def to_the_end(restore: Callable[[], object]) -> None:
    """Call what restores, again where Ctrl-C broke it off; raise that afterwards.

    Parameters
    ----------
    restore : callable
        Does the same however often it is called, and however far it came before.
    """
    interrupt = None
    while True:
        try:
            restore()
            break
        except KeyboardInterrupt as error:
            interrupt = error
    if interrupt is not None:
        raise interrupt
