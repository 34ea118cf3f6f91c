"""Refuse what the memory of the machine cannot hold, before anything large is taken of it."""

from __future__ import annotations

import os

_UNKNOWN = 1 << 40
"""Bytes that a machine is taken to have where the system does not tell."""

_GIGABYTE = 1 << 30
_MANY = 1 << 40


def require_memory(n_bytes: int, what: str, cure: str) -> None:
    """Raise a ValueError if something needs more memory than this machine has.

    What another process holds does not count: the rule is for what cannot work, and says the same
    whenever it is asked.

    Parameters
    ----------
    n_bytes : int
        What is needed at least.
    what : str
        What needs it, as a plural.
    cure : str
        What to do instead.
    """
    there = _memory()
    if n_bytes <= there:
        return
    gigabytes = -(-n_bytes // _GIGABYTE)
    needed = f"{gigabytes:,}" if gigabytes < _MANY else f"more than {_MANY:,}"
    raise ValueError(
        f"{what} need at least {needed} GB of memory; this machine has "
        f"{there / _GIGABYTE:,.1f} GB. {cure}"
    )


def _memory() -> int:
    """Return the bytes of memory of this machine."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # Windows has no sysconf
        return _UNKNOWN
