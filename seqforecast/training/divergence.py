"""When a training has diverged, and what in its step was the first not to be finite."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from seqforecast.exceptions import DivergenceError

_SKIPS_UNTIL_DIVERGED = 3


class DivergenceGuard:
    """Count the steps of a training that were left out; three in a row are too many.

    Attributes
    ----------
    skipped_in_a_row : int
        How many of the newest steps were left out.
    first_skip : tuple of (int, str)
        Number of the first of them, counted from 1, and what was not finite there.
    """

    def __init__(self) -> None:
        self.skipped_in_a_row = 0
        self.first_skip = (0, "")

    def diverged(self, step: int, skipped: bool, culprit: Callable[[], str]) -> bool:
        """Count one step; return whether the training has diverged."""
        if not skipped:
            self.skipped_in_a_row = 0
            return False
        if self.skipped_in_a_row == 0:
            self.first_skip = step, culprit()
        self.skipped_in_a_row += 1
        return self.skipped_in_a_row >= _SKIPS_UNTIL_DIVERGED

    def error(self, cure: str) -> DivergenceError:
        """Return the error that ends a training; the cure also says what became of the weights."""
        step, culprit = self.first_skip
        return DivergenceError(
            f"the gradient was not finite in {_SKIPS_UNTIL_DIVERGED} steps in a row, from step "
            f"{step} on: first in {culprit}. Finite values are needed there; {cure}",
            culprit=culprit,
            step=step,
        )

    def state_dict(self) -> dict[str, Any]:
        """Return what a training needs that goes on later."""
        return dict(vars(self))

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on where another guard stood; `state` may hold more."""
        vars(self).update({name: state[name] for name in vars(self)})


def lower_lr(lr: float) -> str:
    """Say what to do where steps lead too far."""
    return f"Scale the data (scaling='standard'), lower lr (now {lr:g}) or set gradient_clipping."


NO_SUCH_CALLBACK = (
    "A callback loaded them in on_train_end: leave it out, or let it load finite weights only."
)
"""What to do where the weights were finite until then."""


def ended_not_finite(culprit: str, step: int, cure: str) -> DivergenceError:
    """Return the error of a training that would have ended with a net that cannot forecast."""
    return DivergenceError(
        f"after {step} step(s) infinity or NaN is in {culprit}; finite weights and forecasts are "
        f"needed. {cure} The best weights so far are in place.",
        culprit=culprit,
        step=step,
    )


def parameter_not_finite(module: nn.Module) -> str | None:
    """Name the first parameter that is not finite; None where all are."""
    named = dict(module.named_parameters())
    if torch.cat([parameter.detach().flatten() for parameter in named.values()]).isfinite().all():
        return None
    wrong = next(name for name, values in named.items() if not values.isfinite().all())
    return f"parameter {wrong!r}"


def first_not_finite(
    batch: tuple[Tensor, Any], module: nn.Module, feature_names: Sequence[str] | None
) -> str:
    """Name the first thing in a step that is not finite: input, target or parameter.

    Parameters
    ----------
    batch : tuple of Tensor
        Windows (n, window, n_channels), and targets or a pair of targets and weights.
    module : torch.nn.Module
        The network.
    feature_names : sequence of str or None
        Names of the flat input columns.
    """
    x, target = batch
    target = target[0] if isinstance(target, tuple) else target
    if not x.isfinite().all():
        _, step, channel = (~x.isfinite()).nonzero()[0].tolist()
        return f"input {_column(step, channel, x.shape[2], feature_names)} (beyond float32)"
    if target.isinf().any():
        output = target.isinf().nonzero()[0][-1].item()
        return f"target {output} (beyond float32)"
    return parameter_not_finite(module) or _overflow(x, target, module)


def _column(step: int, channel: int, n_channels: int, feature_names: Sequence[str] | None) -> str:
    if feature_names is None:
        return f"step {step}, channel {channel}"
    return f"column {str(feature_names[step * n_channels + channel])!r}"


def _overflow(x: Tensor, target: Tensor, module: nn.Module) -> str:
    """Name what overflows although every number that goes in is finite."""
    with torch.no_grad():
        prediction = module(x, every_step=target.ndim == 3)
    if not prediction.isfinite().all():
        largest = max(module.named_parameters(), key=lambda item: item[1].abs().max())
        return f"the forecasts; the largest parameter is {largest[0]!r}"
    if target.nan_to_num().abs().max() > prediction.abs().max():
        return f"the loss of a target of {target.nan_to_num().abs().max():.3g} scaled units"
    return f"the loss of a forecast of {prediction.abs().max():.3g} scaled units"
