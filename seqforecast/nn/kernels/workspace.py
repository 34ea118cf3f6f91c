"""Memory of the kernels, kept between calls: fresh pages cost more than the work in them."""

from __future__ import annotations

import weakref
from collections import deque

import torch
from torch import Tensor

_MOST_KEPT = 1 << 26
"""Values (256 MB) that are kept for the calls to come; more where several end at once."""


class _Return(weakref.ref["Workspace"]):
    """Holds the memory of a workspace for the time after its death."""

    values: Tensor = torch.empty(0)  # Ctrl-C may come before it is given what it is to hold


# A deque's operations are atomic, so that no lock is needed, which a fork could leave locked.
_free: deque[_Return] = deque(maxlen=8)


class Workspace:
    """Memory of float32 values for one call, kept for another one when this object dies.

    Parameters
    ----------
    size : int
        Number of values.

    Attributes
    ----------
    values : Tensor of shape (size,)
        Whatever an earlier call left there.
    """

    def __init__(self, size: int) -> None:
        self.values = _take(size)
        if size + _kept() <= _MOST_KEPT:
            # In C to the end: in a __del__ of ours, Python would swallow Ctrl-C.
            self._return = _Return(self, _free.append)
            self._return.values = self.values


def _take(size: int) -> Tensor:
    for _ in range(len(_free)):
        try:
            kept = _free.popleft()
        except IndexError:  # another thread took it
            break
        if kept.values.numel() == size:
            return kept.values
        _free.append(kept)
    while _kept() + size > _MOST_KEPT and _free:
        _free.popleft()
    return torch.empty(size, dtype=torch.float32, device="cpu")


def _kept() -> int:
    return sum(kept.values.numel() for kept in tuple(_free))
