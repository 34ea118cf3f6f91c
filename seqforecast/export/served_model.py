"""What is served of a fitted estimator: one network, and the maps before and after it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray
from sklearn.compose import TransformedTargetRegressor
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from seqforecast._shared.at_once import as_it_is
from seqforecast.export.scalers import ColumnMap, scaler_map
from seqforecast.regressors import GRURegressor, LSTMRegressor, RNNRegressor
from seqforecast.regressors.inputs import form_of
from seqforecast.regressors.parameters import quantile_column
from seqforecast.training.net import RecurrentNet
from seqforecast.training.scaling import WindowScaling
from seqforecast.training.state import require_finite

Array = NDArray[Any]

_REGRESSORS = (RNNRegressor, LSTMRegressor, GRURegressor)


@dataclass(frozen=True)
class Served:
    """A network as arrays.

    Parameters
    ----------
    cell : {"tanh", "relu", "lstm", "gru"}
        What is computed at each step.
    layers : list of dict
        ``weight_ih``, ``weight_hh``, ``bias_ih``, ``bias_hh`` of each layer, as in torch.
    head_weight, head_bias : ndarray
        The linear map of the last state, of shape (n_outputs * n_levels, hidden_size) and
        (n_outputs * n_levels,).
    window, n_channels, n_outputs : int
        Steps and channels of a window, values forecast at once.
    one_dimension : bool
        Whether forecasts have one dimension.
    inputs : ColumnMap
        From a flat row to the network's units, or to what each window is scaled from.
    overall_scale : ndarray of shape (n_channels,), default=None
        With scaling by window the spread that stands in where a window has none.
    target_level, target_scale : ndarray of shape (n_outputs,)
        From the network's output, or from the window's units, to the data's.
    levels, quantiles : list of float, default=None
        All quantile levels of the head, and those that ``predict_quantiles`` returns.
    feature_names : list of str, default=None
        The columns of a flat row.
    """

    cell: str
    layers: list[dict[str, Array]]
    head_weight: Array
    head_bias: Array
    window: int
    n_channels: int
    n_outputs: int
    one_dimension: bool
    inputs: ColumnMap
    overall_scale: Array | None
    target_level: Array
    target_scale: Array
    levels: list[float] | None
    quantiles: list[float] | None
    feature_names: list[str] | None

    @property
    def hidden_size(self) -> int:
        """Number of units of each layer."""
        return int(self.head_weight.shape[1])


def served(estimator: Any) -> Served:
    """Return what is served of an estimator, or say why it cannot be exported."""
    whole = _served(estimator, estimator)
    parts = [whole.inputs.level, whole.inputs.scale, whole.target_level, whole.target_scale]
    if not all(np.isfinite(part).all() for part in parts):
        raise ValueError(
            f"a scale of this {type(estimator).__name__} is not finite; finite numbers are needed. "
            "Fit its scalers to data that can be squared in float64: divide them by a constant."
        )
    names = getattr(estimator, "feature_names_in_", None)
    return replace(whole, feature_names=None if names is None else [str(name) for name in names])


def _served(estimator: Any, outermost: Any) -> Served:
    if type(estimator) in _REGRESSORS:
        return _of_regressor(estimator)
    if type(estimator) is Pipeline:
        return _of_pipeline(estimator, outermost)
    if type(estimator) is not TransformedTargetRegressor:
        _refuse(estimator, outermost)
    return _of_transformed_target(estimator, outermost)


def _of_regressor(regressor: Any) -> Served:
    regressor = as_it_is(regressor)  # a fit in another thread may end meanwhile
    check_is_fitted(regressor, "net_")
    net = regressor.net_
    network, scaling = net.module_, net.scaling
    weights = net.rest.read(net, _finite_weights)
    kinds = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    window, n_channels, n_outputs = regressor.window_, regressor.n_channels_, regressor.n_outputs_
    # A window of zeros has no spread of its own: its units are those that stand in for it.
    units = scaling.units(np.zeros((1, window, n_channels)))
    level, scale = (
        np.broadcast_to(part, (1, window, n_channels)).ravel()
        for part in (units.level, units.scale)
    )
    target_level, target_scale = (
        np.broadcast_to(part, (1, n_outputs))[0]
        for part in (units.target_level, units.target_scale)
    )
    overall = None
    if isinstance(scaling, WindowScaling):
        overall, scale = scale[:n_channels], np.ones_like(scale)
        target_scale = np.ones_like(target_scale)
    levels, name = regressor.quantiles_, type(regressor).__name__
    return Served(
        cell=network.recurrent.kernel,
        layers=[
            {kind: weights[f"recurrent.{kind}_l{k}"] for kind in kinds}
            for k in range(network.recurrent.num_layers)
        ],
        head_weight=weights["head.linear.weight"],
        head_bias=weights["head.linear.bias"],
        window=window,
        n_channels=n_channels,
        n_outputs=n_outputs,
        one_dimension=form_of(regressor).y_ndim == 1,
        inputs=ColumnMap(level, scale),
        overall_scale=overall,
        target_level=target_level,
        target_scale=target_scale,
        levels=None if levels is None else list(levels),
        quantiles=None
        if levels is None
        else [levels[quantile_column(q, levels, name)] for q in regressor.quantiles],
        feature_names=None,
    )


def _finite_weights(net: RecurrentNet) -> dict[str, Array]:
    require_finite(net)
    return {
        name: parameter.detach().cpu().numpy().astype(np.float32)
        for name, parameter in net.module_.state_dict().items()
    }


def _of_pipeline(pipeline: Pipeline, outermost: Any) -> Served:
    *steps, (_, last) = pipeline.steps
    whole = _served(last, outermost)
    before = _map(Pipeline(steps), outermost)
    return replace(whole, inputs=before.then(whole.inputs))


def _of_transformed_target(estimator: TransformedTargetRegressor, outermost: Any) -> Served:
    check_is_fitted(estimator, "regressor_")
    whole = _served(estimator.regressor_, outermost)
    scaler = _map(estimator.transformer_, outermost)
    return replace(
        whole,
        target_level=whole.target_level * scaler.scale + scaler.level,
        target_scale=whole.target_scale * scaler.scale,
        one_dimension=estimator._training_dim == 1,
    )


def _map(transformer: Any, outermost: Any) -> ColumnMap:
    found = scaler_map(transformer)
    if found is None:
        _refuse(_unknown(transformer), outermost)
    return found


def _unknown(transformer: Any) -> Any:
    """Return the part of a transformer that has no map."""
    if type(transformer) is not Pipeline:
        return transformer
    return next(_unknown(step) for _, step in transformer.steps if scaler_map(step) is None)


def _refuse(part: Any, outermost: Any) -> NoReturn:
    """Raise a TypeError that names what cannot be exported."""
    from seqforecast.forecasting import Forecaster  # only here: exporting needs no calendar

    inside = "" if part is outermost else f" in a {type(outermost).__name__}"
    advice = (
        "Leave it out, apply it before and after the exported model, or use seqforecast.save, "
        "which knows more estimators."
    )
    if isinstance(part, Forecaster):
        advice = (
            "Use seqforecast.save: a Forecaster makes its windows with pandas. For a model without "
            "it, make windows with seqforecast.make_windows and export the regressor."
        )
    elif hasattr(part, "best_estimator_"):
        advice = "Export its best_estimator_."
    elif isinstance(part, _REGRESSORS):
        advice = "What a subclass computes is not known here: fit the class itself."
    raise TypeError(
        f"a {type(part).__name__}{inside} cannot be exported; a fitted RNNRegressor, LSTMRegressor "
        "or GRURegressor is needed, alone, after StandardScaler, MinMaxScaler, MaxAbsScaler or "
        "RobustScaler in a Pipeline, or with one of these in a TransformedTargetRegressor. "
        + advice
    )
