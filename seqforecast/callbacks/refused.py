"""Callbacks of skorch that would have no effect, or another one, in a regressor."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Real
from typing import Any

from skorch.callbacks import (
    BatchScoring,
    Callback,
    EpochScoring,
    GradientNormClipping,
    InputShapeSetter,
    LRScheduler,
)


def refuse_without_effect(
    callbacks: list[tuple[str, Callback]], params: Mapping[str, Any], *, every_step: bool
) -> None:
    """Raise a ValueError for the first callback that cannot do what it is there for.

    Parameters
    ----------
    callbacks : list of (str, Callback)
        Those of one training.
    params : mapping
        The parameters of the regressor.
    every_step : bool
        Whether there is a target at every step of a window.
    """
    for _, callback in callbacks:
        if isinstance(callback, LRScheduler):
            _check_schedule(params["lr_schedule"])
        elif isinstance(callback, GradientNormClipping):
            _check_clipping(callback, params["gradient_clipping"])
        elif isinstance(callback, EpochScoring | BatchScoring) and every_step:
            _check_scoring(callback)
        elif isinstance(callback, InputShapeSetter):
            raise ValueError(
                "the callback InputShapeSetter sets a parameter of the module, but a regressor "
                "builds its network to the shape of X, so none is needed. Leave it out."
            )


def _check_schedule(lr_schedule: str | None) -> None:
    if lr_schedule is not None:
        raise ValueError(
            f"{lr_schedule=} sets the learning rate of every step, and so does the callback "
            "LRScheduler; one of them is needed. Set lr_schedule=None or leave out the callback."
        )


def _check_clipping(callback: Any, gradient_clipping: Any) -> None:
    limit = callback.gradient_clip_value
    own = getattr(gradient_clipping, "max_norm", gradient_clipping)
    if limit is None or callback.gradient_clip_norm_type != 2 or not isinstance(own, Real):
        return
    if limit > own:
        raise ValueError(
            f"the callback GradientNormClipping({limit}) has no effect beside {gradient_clipping=},"
            " which limits the gradient further; one limit is needed. Set "
            f"gradient_clipping={limit} in place of the callback."
        )


def _check_scoring(callback: Any) -> None:
    if not callable(callback.scoring):
        raise ValueError(
            f"the callback {type(callback).__name__}({callback.scoring!r}) compares one target of "
            "each window with its forecast, but y has targets at every step; y of shape (n_windows,"
            " n_outputs) or a function scoring(net, X, y) is needed. Watch 'valid_loss', which is "
            "recorded, or call the method score after the fit."
        )
