"""The fits of a regressor within a fit of a Forecaster, told to scikit-learn's callbacks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from sklearn.base import clone

from seqforecast._shared.sklearn_compat import SUPPORTED

_CONTEXT: ContextVar[tuple[Any, Any] | None] = ContextVar("fit_of_a_forecaster", default=None)
"""The Forecaster that is being fitted in this thread, and its task: a model that is made on the
way, without the newest steps for example, need not hand them down."""


@contextmanager
def reported_fit(forecaster: Any, X: Any, y: Any, *, n_fits: int | None) -> Iterator[None]:
    """Tell callbacks of a Forecaster about its fit, and about those of its regressor within.

    Parameters
    ----------
    forecaster : Forecaster
        What is fitted.
    X, y : object
        What it is fitted to.
    n_fits : int or None
        How many fits of the regressor there are at most; None is not known.
    """
    if not SUPPORTED:
        yield
        return
    task = forecaster._init_callback_context(max_subtasks=n_fits)
    task.call_on_fit_task_begin(estimator=forecaster, X=X, y=y)
    token = _CONTEXT.set((forecaster, task))
    try:
        yield
    finally:
        _CONTEXT.reset(token)
    task.call_on_fit_task_end(estimator=forecaster, X=X, y=y)


def fit_clone(regressor: Any, X: Any, y: Any, **arguments: Any) -> Any:
    """Fit a clone of a regressor, and return it.

    Parameters
    ----------
    regressor : scikit-learn regressor
        Stays as it is.
    X, y : ndarray
        What its clone is fitted to.
    **arguments
        More for its ``fit``.
    """
    fresh = clone(regressor)
    context = _CONTEXT.get()
    if context is None:
        return fresh.fit(X, y, **arguments)
    forecaster, of_forecaster = context
    task = of_forecaster.subcontext(task_name="fit-regressor")
    if not hasattr(fresh, "set_callbacks"):  # it says nothing; that it was fitted is told
        task.call_on_fit_task_begin(estimator=forecaster, X=X, y=y)
        fresh.fit(X, y, **arguments)
    else:
        with task.propagate_callback_context(fresh):
            task.call_on_fit_task_begin(estimator=forecaster, X=X, y=y)
            fresh.fit(X, y, **arguments)
    task.call_on_fit_task_end(estimator=forecaster, X=X, y=y)
    return fresh
