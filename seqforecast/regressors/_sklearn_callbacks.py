"""scikit-learn's own callbacks (1.9 and later), told about every epoch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from skorch.callbacks import Callback

try:
    from sklearn.callback import CallbackSupportMixin, with_callbacks
except ImportError:  # scikit-learn before 1.9

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Stands in where scikit-learn has no callbacks yet."""

    def with_callbacks(method: Any) -> Any:
        """Return the method unchanged."""
        return method


SUPPORTED = hasattr(CallbackSupportMixin, "set_callbacks")
"""Whether the installed scikit-learn has callbacks."""

__all__ = ["SUPPORTED", "CallbackSupportMixin", "EpochTasks", "with_callbacks"]


class EpochTasks(Callback):
    """Report the epochs of a skorch training as subtasks of a scikit-learn fit.

    Parameters
    ----------
    estimator : estimator
        The regressor that is being fitted.
    n_epochs : int
        The largest number of epochs.
    data : dict
        ``X``, ``y`` and ``metadata`` of the fit, handed to callbacks that ask for them.
    fitted_attributes : callable
        Gives the attributes that would make the estimator fitted as training stands.
    """

    def __init__(
        self,
        estimator: Any,
        n_epochs: int,
        data: dict[str, Any],
        fitted_attributes: Callable[[], dict[str, Any]],
    ) -> None:
        self.estimator = estimator
        self.n_epochs = n_epochs
        self.data = data
        self.fitted_attributes = fitted_attributes

    def on_train_begin(self, net: Any, X: Any = None, y: Any = None, **kwargs: Any) -> None:
        """Open the task of the whole fit."""
        context = self.estimator._init_callback_context(max_subtasks=self.n_epochs)
        self._fit_ = context.call_on_fit_task_begin(estimator=self.estimator, **self.data)

    def on_epoch_begin(self, net: Any, **kwargs: Any) -> None:
        """Open the task of one epoch."""
        task = self._fit_.subcontext(task_name="epoch")
        self._epoch_ = task.call_on_fit_task_begin(estimator=self.estimator, **self.data)

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        """Close the task of one epoch; a callback may ask for the end of training."""
        if self._close(self._epoch_):
            raise KeyboardInterrupt  # the way a skorch callback says so

    def on_train_end(self, net: Any, X: Any = None, y: Any = None, **kwargs: Any) -> None:
        """Close the task of the whole fit."""
        self._close(self._fit_)

    def _close(self, task: Any) -> bool:
        return task.call_on_fit_task_end(
            estimator=self.estimator,
            reconstruction_attributes=self.fitted_attributes,
            **self.data,
        )
