"""What in a step of training was not finite: the name that a DivergenceError gives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn


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
    for name, parameter in module.named_parameters():
        if not parameter.isfinite().all():
            return f"parameter {name!r}"
    return _overflow(x, target, module)


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
