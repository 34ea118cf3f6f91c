"""scikit-learn's own callbacks (1.9 and later), told about every epoch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from skorch.callbacks import Callback


class EpochTasks(Callback):
    """Report the epochs of a skorch training as subtasks of a scikit-learn fit.

    Parameters
    ----------
    estimator : estimator
        The regressor that is being fitted.
    data : dict
        ``X``, ``y`` and ``metadata`` of the fit, handed to callbacks that ask for them.
    fitted_attributes : callable
        Gives the attributes that would make the estimator fitted as training stands.
    """

    def __init__(
        self,
        estimator: Any,
        data: dict[str, Any],
        fitted_attributes: Callable[[], dict[str, Any]],
    ) -> None:
        self.estimator = estimator
        self.data = data
        self.fitted_attributes = fitted_attributes

    def on_train_begin(self, net: Any, X: Any = None, y: Any = None, **kwargs: Any) -> None:
        """Open the task of the whole fit."""
        context = self.estimator._init_callback_context(max_subtasks=net.max_epochs)
        self._fit_ = context.call_on_fit_task_begin(estimator=self.estimator, **self.data)
        self._epoch_: Any = None

    def on_epoch_begin(self, net: Any, **kwargs: Any) -> None:
        """Open the task of one epoch."""
        task = self._fit_.subcontext(task_name="epoch")
        self._epoch_ = task.call_on_fit_task_begin(estimator=self.estimator, **self.data)

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        """Close the task of one epoch; a callback may ask for the end of training."""
        epoch, self._epoch_ = self._epoch_, None
        if self._close(epoch):
            raise KeyboardInterrupt  # the way a skorch callback says so

    def on_train_end(self, net: Any, X: Any = None, y: Any = None, **kwargs: Any) -> None:
        """Close the task of the whole fit, unless an epoch broke off: then it is not done."""
        if self._epoch_ is None:
            self._close(self._fit_)

    def _close(self, task: Any) -> bool:
        return task.call_on_fit_task_end(
            estimator=self.estimator,
            reconstruction_attributes=self.fitted_attributes,
            **self.data,
        )
