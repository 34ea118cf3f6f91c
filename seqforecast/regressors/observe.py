"""Observe the gradient of a regressor while it is fitted."""

from __future__ import annotations

from typing import Any

from skorch.callbacks import Callback

from seqforecast.callbacks import GradientFlowRecorder

OBSERVED_EVERY: dict[str, int | str | None] = {"auto": "auto", "epoch": 1, "off": None}
"""The values of the parameter `observe`, in the words of GradientFlowRecorder."""


class Observer(GradientFlowRecorder):
    """A recorder that has the first turn after every epoch, so that loggers see what it writes.

    When training ends it must have the last one, because another callback may bring back other
    weights: `LastLook` does that.
    """

    def on_train_end(self, net: Any, X: Any = None, y: Any = None, **kwargs: Any) -> None:
        """Leave the last look to `LastLook`."""


class LastLook(Callback):
    """Record the weights that a training ends with, after all other callbacks.

    Parameters
    ----------
    observer : Observer
        The recorder.
    """

    def __init__(self, observer: Observer) -> None:
        self.observer = observer

    def on_train_end(self, net: Any, X: Any = None, y: Any = None, **kwargs: Any) -> None:
        """Take the last record of this training."""
        self.observer.finish(net)
