"""Batches of windows: gathered by index from strided views, without a DataLoader."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import torch
from numpy.typing import NDArray
from skorch.dataset import Dataset  # skorch's callbacks look for X and y in no other class
from torch import Generator, Tensor

from seqforecast.training.scaling import Scaling

Array = NDArray[Any]

_GATHERED = 1 << 15
"""Values that are gathered at once where batches are smaller: a quarter of a megabyte."""


class WindowDataset(Dataset):
    """Windows with their targets and weights; views stay views.

    Parameters
    ----------
    X : ndarray of shape (n, window, n_channels)
        The windows, usually a strided view.
    y : ndarray of shape (n, n_outputs) or (n, window, n_outputs)
        The targets.
    weight : ndarray of shape (n,), default=None
        Weight of each window, with mean 1.
    """

    def __init__(self, X: Array, y: Array, weight: Array | None = None) -> None:
        self.X = X
        self.y = y
        self.weight = weight

    def __len__(self) -> int:
        return len(self.X)


class Batches:
    """Iterate over a dataset in scaled float32 batches; a batch is the first copy of a window.

    Parameters
    ----------
    dataset : WindowDataset
        What to iterate over.
    scaling : Scaling
        The fitted units.
    batch_size : int
        Windows in a batch; the last one may be smaller.
    shuffle : torch.Generator, default=None
        Source of a new random order at each iteration; None keeps the order.
    device : str
        Where the batches go.
    """

    def __init__(
        self,
        dataset: WindowDataset,
        scaling: Scaling,
        batch_size: int,
        *,
        shuffle: Generator | None = None,
        device: str = "cpu",
    ) -> None:
        self.dataset = dataset
        self.scaling = scaling
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.device = device

    def __len__(self) -> int:
        return math.ceil(len(self.dataset) / self.batch_size)

    def __iter__(self) -> Iterator[tuple[Tensor, Any]]:
        n, size = len(self.dataset), int(self.batch_size)
        order = None if self.shuffle is None else torch.randperm(n, generator=self.shuffle).numpy()
        # Several batches are gathered at once: numpy's calls cost more than a small batch's values.
        n_values = max(1, self.dataset.X[0].size + self.dataset.y[0].size)
        stride = size * max(1, _GATHERED // (size * n_values))
        for start in range(0, n, stride):
            stop = min(start + stride, n)
            windows, *others = self._gather(
                slice(start, stop) if order is None else order[start:stop]
            )
            for x, target, *weight in zip(
                windows.split(size), *(other.split(size) for other in others), strict=True
            ):
                yield x, (target, *weight) if weight else target

    def _gather(self, rows: slice | Array) -> list[Tensor]:
        x, y, weight = self.dataset.X[rows], self.dataset.y, self.dataset.weight
        units = self.scaling.units(x)
        gathered = [self._tensor(units.of_windows(x)), self._tensor(units.of_targets(y[rows]))]
        if weight is not None:
            gathered.append(self._tensor(weight[rows]))
        return gathered

    def _tensor(self, values: Array) -> Tensor:
        return torch.from_numpy(values).to(device=self.device, dtype=torch.float32)


def without_weights(batch: tuple[Tensor, Any]) -> tuple[Tensor, Tensor]:
    """Return a batch as skorch hands it to callbacks: windows and targets."""
    x, target = batch
    return x, target[0] if isinstance(target, tuple) else target


def n_targets(batch: tuple[Tensor, Any]) -> int:
    """Return how many windows, or known targets at every step, a batch's loss is the mean of."""
    _, target = without_weights(batch)
    return len(target) if target.ndim == 2 else int((~target.isnan()).sum())
