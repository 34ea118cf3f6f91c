"""Networks that learn from the last step of each window only, to see what the others bring.

The Forecaster hands over a target at every step. These take the last one, and leave out the windows
that have none there: the usual many-to-one training, on the same cutoffs and with as many steps.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqforecast import Forecaster, GRURegressor, LSTMRegressor, RNNRegressor

Array = NDArray[Any]


class _LastStepLoss:
    def fit(
        self,
        X: Array,
        y: Array,
        sample_weight: Array | None = None,
        *,
        X_val: Array | None = None,
        y_val: Array | None = None,
    ) -> Any:
        used = has_last_target(y)
        weight = None if sample_weight is None else sample_weight[used]
        validation = {}
        if X_val is not None:
            known = has_last_target(y_val)
            validation = {"X_val": X_val[known], "y_val": last_targets(y_val[known])}
        return super().fit(X[used], last_targets(y[used]), weight, **validation)


class LastStepLSTMRegressor(_LastStepLoss, LSTMRegressor):
    """An LSTM with its loss at the last step."""


class LastStepGRURegressor(_LastStepLoss, GRURegressor):
    """A GRU with its loss at the last step."""


class LastStepRNNRegressor(_LastStepLoss, RNNRegressor):
    """An RNN with its loss at the last step."""


LAST_STEP = {
    LSTMRegressor: LastStepLSTMRegressor,
    GRURegressor: LastStepGRURegressor,
    RNNRegressor: LastStepRNNRegressor,
}


def has_last_target(y: Array) -> Array:
    return ~np.isnan(y[:, -1]).all(axis=1)


def last_targets(y: Array) -> Array:
    """Return targets of which those before the last step are unknown."""
    masked = np.full(y.shape, np.nan, dtype=y.dtype)
    masked[:, -1] = y[:, -1]
    return masked


def with_last_step_loss(forecaster: Forecaster) -> Forecaster:
    """Return the forecaster with such a network of the same parameters."""
    regressor = forecaster.regressor
    kind = LAST_STEP[type(regressor)]
    return forecaster.set_params(regressor=kind(**regressor.get_params(deep=False)))
