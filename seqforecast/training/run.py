"""Where one training of a net stands."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

from torch import Tensor

from seqforecast.clipping import ClipOutcome
from seqforecast.training.divergence import DivergenceGuard
from seqforecast.training.native_step import NativeUpdate
from seqforecast.training.patience import Patience


@dataclass
class Run:
    """What a training knows of itself, from its first step to its last."""

    n_steps: int
    steps_an_epoch: int
    patience: Patience | None
    hooks: set[str]
    keeps_batches: bool
    schedule: Callable[[int], float] | None
    best_weights: dict[str, Tensor]
    earlier_best: tuple[int, dict[str, Tensor]]
    """The epoch that was the best before `best_epoch`, and its weights."""
    parameters: list[Tensor] = field(default_factory=list)
    epochs: int = 0
    steps: int = 0
    best_loss: float = math.inf
    best_epoch: int = 0
    outcomes: list[ClipOutcome] = field(default_factory=list)
    guard: DivergenceGuard = field(default_factory=DivergenceGuard)
    native: NativeUpdate | None = None
    lowest: dict[str, float] = field(default_factory=dict)
    """The lowest value so far of each loss in the history."""
    shown: tuple[Tensor, Tensor] | None = None
    """Windows and forecasts of the batch that callbacks are being told of."""


class Mean:
    """Weighted mean of the values that are finite."""

    def __init__(self) -> None:
        self._total, self._weight = 0.0, 0

    def add(self, value: float, *, weight: int) -> None:
        """Take in one value, unless it is not finite."""
        if math.isfinite(value):
            self._total += value * weight
            self._weight += weight

    @property
    def value(self) -> float:
        """The mean so far; NaN of nothing."""
        return self._total / self._weight if self._weight else math.nan
