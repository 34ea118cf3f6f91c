"""When early stopping ends a training: not on the plateau before anything was learnt.

A network that has yet to find a far lag forecasts little more than a constant. Its validation loss
goes up and down by chance, so epochs without a better one say nothing. The two shares below are
those that ``python benchmarks/early_stopping.py`` was measured with.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import islice

import torch
from torch import Tensor, nn

from seqforecast.nn import AbsoluteError, PinballLoss
from seqforecast.training.batches import Batches

_LEARNT = 0.7
"""Share of the best constant's squared error in validation below which something is learnt.

A few hundred windows show plateaus at 0.79 of it, by chance and by what is easy to find.
"""

_MOVED = 0.95
"""Share of the best constant's loss in training below which a network has found something.

White noise stays above it for the epochs that matter; plateaus had come to 0.94 and below.
"""

_ENOUGH_TARGETS, _ENOUGH_WINDOWS = 1 << 15, 2_000
"""A dataset with more of both is looked at in part: all of its targets may not fit into memory."""

_HALVINGS = 30
"""From the range of the targets to what float32 can tell apart."""


@dataclass
class Patience:
    """The rule that ends a training, told the losses of each of its epochs.

    Patience counts once something is learnt. Where it runs out before, training goes on for twice
    `n_epochs`; but for no more epochs than it has taken so far where not even the training loss
    has moved, because there may be nothing to learn.

    Parameters
    ----------
    n_epochs : int
        Epochs without a better validation loss that end a training.
    learnt : float
        Validation loss below which something is learnt.
    moved : float
        Training loss below which something may soon be learnt.
    """

    n_epochs: int
    learnt: float
    moved: float
    epoch: int = 0
    best_epoch: int = 0
    best_valid: float = math.inf
    best_train: float = math.inf
    ran_out: int | None = None
    """The first epoch at which patience had run out."""

    def add(self, train_loss: float, valid_loss: float) -> None:
        """Take the losses of the next epoch."""
        self.epoch += 1
        if train_loss < self.best_train:
            self.best_train = train_loss
        if valid_loss < self.best_valid:
            self.best_valid, self.best_epoch = valid_loss, self.epoch
        if self.ran_out is None and self._has_run_out:
            self.ran_out = self.epoch

    @property
    def has_ended(self) -> bool:
        """Tell whether training ends after this epoch."""
        if self.best_valid < self.learnt or self.ran_out is None:
            return self._has_run_out
        more = 2 * self.n_epochs
        if not self.best_train < self.moved:
            more = min(more, self.ran_out)
        return self.epoch >= self.ran_out + more

    @property
    def _has_run_out(self) -> bool:
        return self.epoch - self.best_epoch >= self.n_epochs


def patience_of(n_epochs: int, criterion: nn.Module, train: Batches, valid: Batches) -> Patience:
    """Return the patience of a training; the batches come in random order.

    A loss that grows linearly has the square root of the share, 0.84.
    """
    grows_linearly = isinstance(criterion, (AbsoluteError, PinballLoss))
    learnt = _LEARNT**0.5 if grows_linearly else _LEARNT
    return Patience(
        n_epochs,
        learnt=learnt * constant_loss(criterion, valid),
        moved=_MOVED * constant_loss(criterion, train),
    )


def constant_loss(criterion: nn.Module, batches: Batches) -> float:
    """Return the loss of the best constant: of a network whose forecast follows no input.

    It is a constant in the units of the network. With ``scaling="window"`` that is a number of
    spreads above the mean of each window, because such a network need not learn these.

    Every loss is convex, so halving an interval by the sign of the gradient finds the mean, the
    median or whatever the loss asks for, of each output and each level at once.
    """
    target, weight = _some_targets(batches)
    filled = target.nan_to_num(0.0)
    levels = getattr(criterion, "levels", torch.ones(()))  # each has a constant of its own
    axes = tuple(range(target.ndim - 1))
    low, high = (
        bound.reshape(-1, *[1] * levels.ndim).expand(-1, *levels.shape)
        for bound in (filled.amin(axes), filled.amax(axes))
    )

    def loss_of(constant: Tensor) -> Tensor:
        loss: Tensor = criterion(constant.expand(*target.shape, *levels.shape), target, weight)
        return loss

    for _ in range(_HALVINGS):
        middle = ((low + high) / 2).requires_grad_()
        (slope,) = torch.autograd.grad(loss_of(middle), middle)
        middle = middle.detach()
        low, high = torch.where(slope > 0, low, middle), torch.where(slope > 0, middle, high)
    return float(loss_of((low + high) / 2))


def _some_targets(batches: Batches) -> tuple[Tensor, Tensor | None]:
    """Return targets and weights of the first batches: all of them, or enough."""
    windows = max(_ENOUGH_WINDOWS, _ENOUGH_TARGETS // batches.dataset.y[0].size)
    parts = [target for _, target in islice(batches, -(-windows // batches.batch_size))]
    if not isinstance(parts[0], tuple):
        return torch.cat(parts), None
    targets, weights = zip(*parts, strict=True)
    return torch.cat(targets), torch.cat(weights)
