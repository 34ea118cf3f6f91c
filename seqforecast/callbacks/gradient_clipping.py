"""Clipping, with a guard against Inf and NaN, for any skorch net."""

from __future__ import annotations

from functools import partial
from typing import Any

from skorch.callbacks import Callback
from skorch.dataset import unpack_data
from torch import Tensor

from seqforecast.callbacks.gradient_norms import record_norms
from seqforecast.clipping import ClipOutcome, ClippingStrategy, clip_gradients, own_strategy
from seqforecast.training.divergence import DivergenceGuard


class GradientClipping(Callback):
    """Limit the gradient, leave out steps with Inf or NaN, and record both.

    Use it on your own skorch nets, in the place of skorch's ``GradientNormClipping``, which turns
    a single Inf into parameters full of NaN and records nothing. The regressors of seqforecast
    do the same by their parameter ``gradient_clipping``.

    Parameters
    ----------
    strategy : float, ClippingStrategy or None, default=1.0
        How the gradient is limited: a largest norm, a strategy of `seqforecast.clipping`, or None
        (or infinity) to measure and to guard only. A training works on a copy: what a strategy
        learns changes no parameter.

    Raises
    ------
    ValueError
        When a training begins, if `strategy` is none of these or out of range.
    DivergenceError
        While training, after three steps in a row whose gradient was not finite.

    See Also
    --------
    GradientNorms : Only measures; per parameter, too. It comes before this one.

    Notes
    -----
    At the end of each epoch the history gets, as plain numbers:

    - ``grad_norm``, the mean Euclidean norm before clipping, over the steps where it is finite;
    - ``grad_norm_max``, the largest of these;
    - ``clip_fraction``, the share of the steps whose gradient was made smaller;
    - ``skipped_steps``, the number of steps left out because the norm was not finite.

    At a step left out the gradients are None, for which the optimizers of torch change neither
    parameters nor their own state. An optimizer that evaluates the loss several times a step
    (LBFGS) may have moved within the step already. The ``train_loss`` which skorch records for
    that epoch may still be NaN.

    A net that clips by itself, as our regressors do unless ``gradient_clipping=None``, clips what
    this callback has left, and ``clip_fraction`` is the larger of the two shares.

    Examples
    --------
    >>> import numpy as np
    >>> import torch
    >>> from skorch import NeuralNetRegressor
    >>> from seqforecast.callbacks import GradientClipping
    >>> X = np.random.default_rng(0).normal(size=(32, 4)).astype("float32")
    >>> net = NeuralNetRegressor(
    ...     torch.nn.Linear(4, 1),
    ...     train_split=None,
    ...     callbacks=[("gradient_clipping", GradientClipping(1.0))],
    ...     verbose=0,
    ... )
    >>> net = net.fit(X, 100 * X.sum(axis=1, keepdims=True))
    >>> net.history[-1, ("clip_fraction", "skipped_steps")]
    (1.0, 0)
    >>> net = net.set_params(callbacks__gradient_clipping__strategy=None)
    >>> net.fit(X, 100 * X.sum(axis=1, keepdims=True)).history[-1, "clip_fraction"]
    0.0
    """

    def __init__(self, strategy: float | ClippingStrategy | None = 1.0) -> None:
        self.strategy = strategy

    def on_train_begin(self, net: Any, X: Any = None, y: Any = None, **kwargs: Any) -> None:
        """Check the strategy and take a copy that may learn."""
        self.strategy_ = own_strategy(self.strategy, "GradientClipping(strategy)")
        self.outcomes_: list[ClipOutcome] = []
        self.guard_, self.steps_ = DivergenceGuard(), 0

    def on_grad_computed(
        self, net: Any, named_parameters: Any, batch: Any = None, **kwargs: Any
    ) -> None:
        """Limit the gradient of one step, or see to it that the step is left out."""
        named = list(named_parameters)
        outcome = clip_gradients((parameter for _, parameter in named), self.strategy_)
        self.outcomes_.append(outcome)
        self.steps_ += 1
        culprit = partial(_first_not_finite, batch, named)
        if self.guard_.diverged(self.steps_, outcome.skipped, culprit):
            self._record(net)  # skorch tells callbacks of no end after an error
            raise self.guard_.error(
                "scale the data, lower lr or limit the gradient further "
                f"(strategy={self.strategy!r} now). The steps left out moved no parameter."
            )

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        """Write what happened in the epoch to the history."""
        self._record(net)
        self.outcomes_ = []

    def on_train_end(self, net: Any, X: Any = None, y: Any = None, **kwargs: Any) -> None:
        """Write what happened in an epoch that was broken off."""
        if self.outcomes_:
            self._record(net)

    def _record(self, net: Any) -> None:
        outcomes, history = self.outcomes_, net.history
        record_norms(history, [outcome.norm for outcome in outcomes])
        fraction = sum(outcome.clipped for outcome in outcomes) / max(1, len(outcomes))
        history.record("clip_fraction", max(fraction, history[-1].get("clip_fraction", 0.0)))
        history.record("skipped_steps", sum(outcome.skipped for outcome in outcomes))


def _first_not_finite(batch: Any, named_parameters: list[tuple[str, Tensor]]) -> str:
    """Name the first thing in a step that is not finite: input, target or parameter."""
    x, target = unpack_data(batch)
    if isinstance(target, tuple | list):  # with weights
        target = target[0]
    if isinstance(x, Tensor) and not x.isfinite().all():
        return "the input"
    if isinstance(target, Tensor) and target.isinf().any():
        return "the target"
    for name, parameter in named_parameters:
        if not parameter.isfinite().all():
            return f"parameter {name!r}"
    # A loss may take NaN for 'no target there', as ours do: it is a suspect, not the culprit.
    suspect = isinstance(target, Tensor) and target.isnan().any()
    return "the loss or its gradient" + (" (the target holds NaN)" if suspect else "")
