"""Errors that seqforecast raises beside Python's own."""

from __future__ import annotations

from functools import partial
from typing import Any

__all__ = ["DivergenceError", "ParameterError"]


class DivergenceError(ArithmeticError):
    """Training diverged: the gradient, or weights or forecasts at the end, were not finite.

    Raised by ``fit`` and ``partial_fit`` of the recurrent regressors, which keep the best weights
    they had so far and can still predict, and by `seqforecast.callbacks.GradientClipping` in any
    skorch net. Inside a search, scikit-learn's ``error_score`` decides what becomes of the
    candidate.

    Parameters
    ----------
    message : str
        What happened, what is needed, what to do.
    culprit : str
        The first place where a value stopped being finite: an input (with the regressors its
        column), the target or a parameter of the network.
    step : int
        Number of the first skipped training step, counted from 1.

    Examples
    --------
    >>> from seqforecast import DivergenceError
    >>> error = DivergenceError("training diverged", culprit="input column 'price@lag3'", step=7)
    >>> error.culprit
    "input column 'price@lag3'"
    """

    def __init__(self, message: str, *, culprit: str, step: int) -> None:
        super().__init__(message)
        self.culprit = culprit
        self.step = step

    def __reduce__(self) -> tuple[Any, ...]:
        # An exception travels from a joblib worker by pickle, which knows positional args only.
        return partial(type(self), culprit=self.culprit, step=self.step), self.args


class ParameterError(ValueError):
    """The data and a parameter do not go together.

    Raised by `Forecaster` and `backtest` where data have gaps or several frequencies, or are too
    short for a window, season, horizon, level or number of folds, where a feature does not fit its
    role, and where a column is called like one of a result. Catch it, in place of `ValueError`, in
    a program that tells its users in its own words what to change: the command line does so.
    Values that a parameter never takes are plain ValueErrors.

    Parameters
    ----------
    reason : str
        What was given, and what is needed.
    parameter : str
        Name of the parameter to change, or of the column of a long frame that is at fault.
    cure : str
        What to do. It ends the message.

    Attributes
    ----------
    reason, parameter, cure : str
        As given; ``str(error)`` is the reason and the cure.

    Examples
    --------
    >>> from seqforecast import ParameterError
    >>> error = ParameterError("A season is too long.", parameter="season", cure="Shorten it.")
    >>> str(error)
    'A season is too long. Shorten it.'
    >>> error.parameter
    'season'
    """

    def __init__(self, reason: str, *, parameter: str, cure: str) -> None:
        super().__init__(f"{reason} {cure}")
        self.reason = reason
        self.parameter = parameter
        self.cure = cure

    def __reduce__(self) -> tuple[Any, ...]:
        return partial(type(self), parameter=self.parameter, cure=self.cure), (self.reason,)
