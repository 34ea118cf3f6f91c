"""Errors that seqforecast raises beside Python's own."""

__all__ = ["DivergenceError"]


class DivergenceError(ArithmeticError):
    """Training stopped because the gradient was not finite several steps in a row.

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

    def __reduce__(self):
        # An exception travels from a joblib worker by pickle, which knows positional args only.
        return _rebuild, (self.args[0], self.culprit, self.step)


def _rebuild(message: str, culprit: str, step: int) -> DivergenceError:
    return DivergenceError(message, culprit=culprit, step=step)
