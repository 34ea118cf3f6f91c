"""Memory of the kernels, kept between calls: fresh pages cost more than the work in them."""

from __future__ import annotations

from collections import deque

import torch
from torch import Tensor

__all__ = ["Workspace"]

_MOST_KEPT = 1 << 26
"""Values (256 MB) that are kept for the calls to come."""

# A deque's operations are atomic, so that no lock is needed, which a fork could leave locked.
_free: deque[Tensor] = deque(maxlen=8)


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

    def __del__(self) -> None:
        if hasattr(self, "values") and self.values.numel() + _kept() <= _MOST_KEPT:
            _free.append(self.values)


def _take(size: int) -> Tensor:
    for _ in range(len(_free)):
        try:
            kept = _free.popleft()
        except IndexError:  # another thread took it
            break
        if kept.numel() == size:
            return kept
        _free.append(kept)
    while _kept() + size > _MOST_KEPT and _free:
        _free.popleft()
    return torch.empty(size, dtype=torch.float32, device="cpu")


def _kept() -> int:
    return sum(values.numel() for values in tuple(_free))
