"""What training minimises: one loss a class, with weights and missing targets."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Loss(nn.Module, ABC):
    """Mean of an elementwise loss over the targets that are known.

    The base of the losses; it cannot be used by itself.
    """

    def forward(self, prediction: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
        """Return the mean loss of a batch.

        Parameters
        ----------
        prediction : Tensor of shape (n, n_outputs) or (n, window, n_outputs)
            Forecasts, at the last step or at every step; a loss on quantiles has one more axis.
        target : Tensor of shape (n, n_outputs) or (n, window, n_outputs)
            The actual values. With three dimensions NaN marks a step without a target, which counts
            for nothing.
        weight : Tensor of shape (n,), default=None
            Weight of each window, with mean 1 over the training set; None is 1.

        Returns
        -------
        loss : Tensor of shape ()
            The mean over the known targets.
        """
        if target.ndim == 2 and weight is None:
            return self.elementwise(prediction, target, reduction="mean")
        known = ~torch.isnan(target)
        # A NaN that is multiplied by zero is still NaN, in the gradient too: replace it first.
        loss = self.elementwise(prediction, torch.where(known, target, 0.0))
        share = known.to(loss.dtype)
        if weight is not None:
            share = share * weight.reshape(-1, *[1] * (target.ndim - 1))
        return (loss * share).sum() / known.sum().clamp(min=1)

    @abstractmethod
    def elementwise(self, prediction: Tensor, target: Tensor, reduction: str = "none") -> Tensor:
        """Return the loss of every target, or (``reduction="mean"``) their mean in one kernel."""


class SquaredError(Loss):
    """Squared error: the forecast is the mean.

    Examples
    --------
    >>> import torch
    >>> from seqforecast.nn import SquaredError
    >>> SquaredError()(torch.tensor([[1.0]]), torch.tensor([[3.0]]))
    tensor(4.)
    """

    def elementwise(self, prediction: Tensor, target: Tensor, reduction: str = "none") -> Tensor:
        """Return (prediction - target)**2."""
        return F.mse_loss(prediction, target, reduction=reduction)


class AbsoluteError(Loss):
    """Absolute error: the forecast is the median, which outliers do not move.

    Examples
    --------
    >>> import torch
    >>> from seqforecast.nn import AbsoluteError
    >>> AbsoluteError()(torch.tensor([[1.0]]), torch.tensor([[3.0]]))
    tensor(2.)
    """

    def elementwise(self, prediction: Tensor, target: Tensor, reduction: str = "none") -> Tensor:
        """Return abs(prediction - target)."""
        return F.l1_loss(prediction, target, reduction=reduction)


class Huber(Loss):
    """Squared error up to one unit of the scaled target, absolute error beyond.

    References
    ----------
    P. J. Huber, Robust estimation of a location parameter, Annals of Mathematical Statistics 35,
    1964.

    Examples
    --------
    >>> import torch
    >>> from seqforecast.nn import Huber
    >>> Huber()(torch.tensor([[1.0]]), torch.tensor([[3.0]]))
    tensor(1.5000)
    """

    def elementwise(self, prediction: Tensor, target: Tensor, reduction: str = "none") -> Tensor:
        """Return d**2 / 2 where d = abs(prediction - target) <= 1, else d - 1/2."""
        return F.huber_loss(prediction, target, reduction=reduction)


class PinballLoss(Loss):
    r"""Pinball loss, averaged over quantile levels: each forecast is a quantile.

    Parameters
    ----------
    levels : sequence of float
        The quantile levels, in the order of the last axis of the prediction.

    Notes
    -----
    .. math:: \ell_q(\hat y, y) = \max(q (y - \hat y), (q - 1)(y - \hat y))

    References
    ----------
    R. Koenker, G. Bassett, Regression quantiles, Econometrica 46, 1978.

    Examples
    --------
    >>> import torch
    >>> from seqforecast.nn import PinballLoss
    >>> PinballLoss([0.9])(torch.tensor([[[1.0]]]), torch.tensor([[3.0]]))
    tensor(1.8000)
    """

    levels: Tensor

    def __init__(self, levels: Sequence[float]) -> None:
        super().__init__()
        self.register_buffer("levels", torch.tensor(list(levels)))

    def elementwise(self, prediction: Tensor, target: Tensor, reduction: str = "none") -> Tensor:
        """Return the pinball loss of each target, averaged over the levels."""
        error = target.unsqueeze(-1) - prediction
        loss = torch.maximum(self.levels * error, (self.levels - 1.0) * error)
        return loss.mean() if reduction == "mean" else loss.mean(-1)
