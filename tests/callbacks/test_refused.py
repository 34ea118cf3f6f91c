"""Callbacks of skorch that would have no effect are refused, and the message's cure works."""

import numpy as np
import pytest
from skorch.callbacks import (
    BatchScoring,
    EpochScoring,
    GradientNormClipping,
    InputShapeSetter,
    LRScheduler,
)

from seqforecast import LSTMRegressor, clipping

X = np.random.default_rng(0).standard_normal((60, 6)).cumsum(axis=1)
Y = X[:, -1] + X[:, 0]
EVERY_STEP = np.stack([X[:, 1:], X[:, 1:]], axis=2)[:, :, :1]


def model(callback, **params):
    return LSTMRegressor(
        hidden_size=2, max_epochs=1, random_state=0, callbacks=[callback], **params
    )


def refused(estimator, y, message):
    with pytest.raises(ValueError, match=message):
        estimator.fit(X[:, : y.shape[1]] if y.ndim == 3 else X, y)
    assert not hasattr(estimator, "net_")


def test_two_learning_rates():
    estimator = model(LRScheduler("StepLR", step_size=1), lr_schedule="cosine")
    refused(estimator, Y, "lr_schedule='cosine' sets .* so does the callback LRScheduler")
    estimator.set_params(lr_schedule=None).fit(X, Y)


def test_a_module_that_is_built_already():
    refused(
        model(InputShapeSetter()), Y, "callback InputShapeSetter sets a parameter of the module"
    )


@pytest.mark.parametrize("own", [1.0, 2, clipping.ClipNorm(1.5)])
def test_a_limit_above_the_own_one(own):
    callback = GradientNormClipping(5.0)
    estimator = model(callback, gradient_clipping=own)
    refused(estimator, Y, r"GradientNormClipping\(5.0\) has no effect .*Set gradient_clipping=5.0")
    estimator.set_params(callbacks=None, gradient_clipping=5.0).fit(X, Y)


@pytest.mark.parametrize(
    ("callback", "own"),
    [
        (GradientNormClipping(5.0), None),
        (GradientNormClipping(5.0), clipping.AutoClip()),
        (GradientNormClipping(5.0, gradient_clip_norm_type=1), 1.0),
        (GradientNormClipping(), 1.0),
        (GradientNormClipping(1.0), 1.0),
        (GradientNormClipping(0.1), 1.0),
    ],
)
def test_a_limit_that_has_an_effect(callback, own):
    model(callback, gradient_clipping=own).fit(X, Y)


@pytest.mark.parametrize("kind", [EpochScoring, BatchScoring])
@pytest.mark.parametrize("scoring", [None, "r2"])
def test_a_score_of_targets_at_every_step(kind, scoring):
    estimator = model(kind(scoring, on_train=True))
    refused(estimator, EVERY_STEP, f"{kind.__name__}.{scoring!r}. compares one target of each")
    estimator.fit(X, Y)


def test_a_function_may_score_targets_at_every_step():
    def last_error(net, X, y):
        return float(np.abs(net.predict(X) - y[:, -1]).mean())

    estimator = model(EpochScoring(last_error, on_train=True))
    assert estimator.fit(X[:, :5], EVERY_STEP).history_["last_error"].notna().all()
