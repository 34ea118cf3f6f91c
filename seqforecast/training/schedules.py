"""Courses of the learning rate over a training."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

_WARM_UP = 0.05
"""Share of the steps over which the learning rate rises."""


def schedule_of(name: str | None, lr: float, n_steps: int) -> Callable[[int], float] | None:
    """Return the learning rate of step 1, 2, ... as a function; None keeps it."""
    if name is None:
        return None
    return partial(_cosine, lr, n_steps)


def _cosine(lr: float, n_steps: int, step: int) -> float:
    warm_up = max(1, round(_WARM_UP * n_steps))
    if step <= warm_up:
        return lr * step / warm_up
    return lr * 0.5 * (1.0 + math.cos(math.pi * (step - warm_up) / max(1, n_steps - warm_up)))
