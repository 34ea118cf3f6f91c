"""How far back a fitted estimator looks, measured on windows of the caller."""

from __future__ import annotations

from typing import Any

from sklearn.compose import TransformedTargetRegressor
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from seqforecast._shared.at_once import as_it_is
from seqforecast._shared.checks import check_integer
from seqforecast.gradients.gradient_flow import (
    GradientFlow,
    input_sensitivity,
    probe_rows,
    take_snapshot,
)
from seqforecast.training.net import RecurrentNet
from seqforecast.training.threads import computing

_NEEDED = (
    "a fitted RNNRegressor, LSTMRegressor or GRURegressor is needed, or a Pipeline or search that "
    "ends in one, or a Forecaster of one. Gradients through time exist in recurrent networks only."
)


def gradient_flow(estimator: Any, X: Any, *, n_windows: int = 16) -> GradientFlow:
    """Measure how far back the forecasts of a fitted estimator reach.

    Use it to see which of the past steps a forecast depends on, on windows of your choice. What
    was recorded while the estimator was fitted stands in `gradient_flow_`.

    Parameters
    ----------
    estimator : RNNRegressor, LSTMRegressor, GRURegressor, Pipeline or fitted search
        A fitted recurrent regressor, or what ends in one: a Pipeline, whose other steps transform
        `X` first, a TransformedTargetRegressor, or a search with its best estimator.
    X : array-like of shape (n_windows, window * n_channels) or (n_windows, window, n_channels)
        Windows, as for ``estimator.predict``.
    n_windows : int, default=16
        Windows looked at, spread evenly over `X`.

    Returns
    -------
    GradientFlow
        One record: the lag curve of every layer, its memory and half-life, the gates, and the
        sensitivity of each output to each input.

    Raises
    ------
    NotFittedError
        If the estimator is not fitted.
    TypeError
        If there is no recurrent regressor in it.
    ValueError
        If `X` does not have the form of the windows it was fitted to, or holds NaN.

    Notes
    -----
    The gradient is that of the forecast from the last step, with respect to the states of the
    network. It is exact: one pass over the gates and one reverse scan, no autograd through time.

    Examples
    --------
    >>> from seqforecast import GRURegressor, gradient_flow, make_windows
    >>> from seqforecast.datasets import load_airline
    >>> X, y = make_windows(load_airline(), window=24, horizon=3)
    >>> model = GRURegressor(max_epochs=5, random_state=0).fit(X, y)
    >>> flow = gradient_flow(model, X[-20:])
    >>> flow.lag_curve.shape, flow.input_sensitivity.shape
    ((1, 1, 24), (3, 24, 1))
    """
    check_integer("n_windows", n_windows)
    regressor, X = recurrent_part(estimator, X)
    regressor = as_it_is(regressor)  # a fit in another thread may end meanwhile
    windows = regressor.checked_windows(X)
    some = windows[probe_rows(len(windows), n_windows)]

    def look(net: RecurrentNet) -> GradientFlow:
        x = net.inputs(some)
        snapshot, probe = take_snapshot(
            net.module_, lambda: net.point_forecast(x), epoch=regressor.n_iter_
        )
        return GradientFlow.of([snapshot], input_sensitivity(probe))

    with computing(1):
        flow: GradientFlow = regressor.net_.rest.read(regressor.net_, look)
    return flow


def recurrent_part(estimator: Any, X: Any = None) -> tuple[Any, Any]:
    """Return the fitted recurrent regressor within an estimator, and X as it sees it."""
    part = estimator
    while not isinstance(getattr(part, "net_", None), RecurrentNet):
        if isinstance(part, type) or not hasattr(part, "fit"):
            raise TypeError(f"got {_described(part)}; {_NEEDED}")
        check_is_fitted(part)
        if isinstance(part, Pipeline):
            if X is not None and len(part) > 1:
                X = part[:-1].transform(X)
            part = part[-1]
        elif is_forecaster(part):
            if X is not None:
                raise TypeError(
                    "got a Forecaster and X; its regressor and the windows that this was given are "
                    "needed. Pass the Forecaster alone, or its regressor_ with windows for it."
                )
            part = part.regressor_
        elif isinstance(part, TransformedTargetRegressor):
            part = part.regressor_
        elif hasattr(part, "best_estimator_"):
            part = part.best_estimator_
        elif getattr(part, "refit", True) is False:
            raise TypeError(
                f"got a {type(part).__name__} with refit=False, which keeps no estimator; a fitted "
                "one is needed. Set refit=True, or the name of a score with several of them."
            )
        else:
            raise TypeError(f"got {_described(part)}; {_NEEDED}")
    return part, X


def is_forecaster(estimator: Any) -> bool:
    """Tell whether an estimator makes windows itself, as a Forecaster does, and can show them."""
    return hasattr(estimator, "training_data")


def _described(thing: Any) -> str:
    if isinstance(thing, type):
        return f"the class {thing.__name__}"
    if thing is None or isinstance(thing, str):
        return repr(thing)
    return f"a {type(thing).__name__}"
