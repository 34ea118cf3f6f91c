"""What is not exported, and what is said about it."""

import numpy as np
import pytest
import torch
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, TimeSeriesSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, PowerTransformer, StandardScaler

from seqforecast import (
    Forecaster,
    LSTMRegressor,
    RNNRegressor,
    export_numpy,
    export_onnx,
    make_windows,
)

EXPORTS = pytest.mark.parametrize("export", [export_numpy, export_onnx])


class Shifted(RNNRegressor):
    def predict(self, X):
        return super().predict(X) + 1.0


class Doubling(StandardScaler):
    def transform(self, X, copy=None):
        return 2.0 * super().transform(X, copy)


def small(cls=RNNRegressor, **params):
    return cls(hidden_size=2, max_epochs=1, random_state=0, **params)


@pytest.fixture(scope="module")
def data():
    return make_windows(np.random.default_rng(0).normal(size=40), window=6)


def refused(data):
    """List (estimator, what the message says)."""
    X, y = data
    search = GridSearchCV(small(), {"lr": [0.1]}, cv=TimeSeriesSplit(2))
    own = FunctionTransformer(np.log1p, np.expm1)
    power = make_pipeline(StandardScaler(), make_pipeline(PowerTransformer()), small())
    logs = TransformedTargetRegressor(small(), transformer=own)
    return [
        (HistGradientBoostingRegressor().fit(X, y), "a HistGradientBoostingRegressor cannot"),
        (small(Shifted).fit(X, y), "a Shifted cannot be exported.*fit the class itself"),
        (make_pipeline(Doubling(), small()).fit(X, y), "a Doubling in a Pipeline"),
        (power.fit(X, y), "a PowerTransformer in a Pipeline cannot.*apply it before"),
        (logs.fit(X, abs(y)), "a FunctionTransformer in a TransformedTargetRegressor"),
        (search.fit(X, y), "a GridSearchCV cannot.*Export its best_estimator_"),
        (Forecaster(small(), window=6), "a Forecaster cannot.*seqforecast.save"),
        (small, "a function cannot be exported"),
        (None, "a NoneType cannot be exported; a fitted RNNRegressor, LSTMRegressor or"),
    ]


@EXPORTS
def test_other_estimators_are_refused_by_name(tmp_path, data, export):
    for estimator, message in refused(data):
        with pytest.raises(TypeError, match=message):
            export(estimator, tmp_path / "model")
    assert list(tmp_path.iterdir()) == []


@EXPORTS
@pytest.mark.parametrize(
    "estimator",
    [
        small(),
        make_pipeline(StandardScaler(), small(LSTMRegressor)),
        TransformedTargetRegressor(small()),
    ],
    ids=["regressor", "pipeline", "transformed target"],
)
def test_unfitted_estimator_is_refused(tmp_path, export, estimator):
    with pytest.raises(NotFittedError, match="not fitted yet"):
        export(estimator, tmp_path / "model")


@EXPORTS
def test_unfitted_scaler_is_refused(tmp_path, data, export):
    model = make_pipeline(StandardScaler(), small()).fit(*data)
    model.steps[0] = ("scale", StandardScaler())
    with pytest.raises(NotFittedError, match="StandardScaler"):
        export(model, tmp_path / "model")


@EXPORTS
def test_weight_that_is_not_finite_is_refused(tmp_path, data, export):
    model = small().fit(*data)
    with torch.no_grad():
        model.net_.module_.head.linear.bias[0] = torch.nan
    with pytest.raises(ValueError, match="NaN is in parameter 'head.linear.bias'"):
        export(model, tmp_path / "model")


@EXPORTS
def test_quantiles_that_were_not_fitted_are_refused(tmp_path, data, export):
    model = small(loss="quantile", quantiles=(0.1, 0.9)).fit(*data)
    model.set_params(quantiles=(0.1, 0.95))
    with pytest.raises(ValueError, match="0.95 was asked for"):
        export(model, tmp_path / "model")


@EXPORTS
def test_what_was_there_is_replaced_or_kept(tmp_path, data, export):
    path = tmp_path / "model"
    path.write_bytes(b"old")
    with pytest.raises(NotFittedError):
        export(small(), path)
    assert path.read_bytes() == b"old"
    export(small().fit(*data), path)
    assert len(path.read_bytes()) > 500
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(OSError, match="is a folder"):
        export(small().fit(*data), tmp_path)
