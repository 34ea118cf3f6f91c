"""Units in which a network sees windows and targets, and the way back to the data's."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seqforecast._shared.row_blocks import row_blocks

Array = NDArray[np.float64]

_CHUNK = 1 << 16
"""Values read at once: windows overlap, and a copy of all of them may not fit into memory."""

_NOISE = 1e-12
"""Spread relative to the level below which a channel is constant but for rounding."""


@dataclass(frozen=True)
class Units:
    """Level and scale of a batch.

    Parameters
    ----------
    level, scale : ndarray, broadcastable to (n, window, n_channels)
        Of the input.
    target_level, target_scale : ndarray, broadcastable to (n, n_outputs)
        Of the target.
    """

    level: Array
    scale: Array
    target_level: Array
    target_scale: Array

    def of_windows(self, x: Array) -> Array:
        """Express windows (n, window, n_channels) in these units."""
        return (x - self.level) / self.scale

    def of_targets(self, y: Array) -> Array:
        """Express targets (n, n_outputs) or (n, window, n_outputs) in these units."""
        level, scale = self.target_level, self.target_scale
        if y.ndim == 3:
            level, scale = level[:, None], scale[:, None]
        return (y - level) / scale

    def restore(self, prediction: Array) -> Array:
        """Express forecasts (n, n_outputs) or (n, n_outputs, n_levels) in the data's units."""
        level, scale = self.target_level, self.target_scale
        if prediction.ndim == 3:
            level, scale = level[..., None], scale[..., None]
        return prediction * scale + level


class Scaling(ABC):
    """A rule that gives the units of every batch, learnt from the training windows."""

    @abstractmethod
    def fit(self, windows: Array, targets: Array, weight: Array | None) -> None:
        """Learn from the training windows (n, window, n_channels) and their targets."""

    @abstractmethod
    def units(self, windows: Array) -> Units:
        """Return the units of a batch of windows (n, window, n_channels)."""

    @abstractmethod
    def has_learnt(self, n_channels: int, n_outputs: int) -> bool:
        """Tell whether what was learnt is of so many channels and outputs."""


class NoScaling(Scaling):
    """The data's own units."""

    def fit(self, windows: Array, targets: Array, weight: Array | None) -> None:
        """Learn nothing."""

    def units(self, windows: Array) -> Units:
        """Return level 0 and scale 1."""
        zero, one = np.zeros((1, 1)), np.ones((1, 1))
        return Units(zero, one, zero, one)

    def has_learnt(self, n_channels: int, n_outputs: int) -> bool:
        """Return True: there is nothing to learn."""
        return True


class StandardScaling(Scaling):
    """Mean 0 and standard deviation 1 over the training windows, per channel and per output."""

    def fit(self, windows: Array, targets: Array, weight: Array | None) -> None:
        """Learn mean and standard deviation of each channel and each output."""
        level, scale = weighted_moments(windows, weight, name="X")
        target_level, target_scale = weighted_moments(targets, weight, name="y")
        self._units = Units(
            level,
            usable(scale, level),
            target_level[None],
            usable(target_scale, target_level)[None],
        )

    def units(self, windows: Array) -> Units:
        """Return the same units for every batch."""
        return self._units

    def has_learnt(self, n_channels: int, n_outputs: int) -> bool:
        """Tell whether there is a level and a scale of each channel and each output."""
        inputs = self._units.level.shape == self._units.scale.shape == (n_channels,)
        targets = self._units.target_level.shape, self._units.target_scale.shape
        return inputs and targets == ((1, n_outputs),) * 2


class WindowScaling(Scaling):
    """Each window by its own mean and standard deviation, per channel.

    Targets take the units of channel 0, the target's own past. A channel that is constant within
    a window takes its standard deviation over all training windows, or is divided by nothing
    where that is zero too: next to a flat window an ordinary target would look enormous.
    """

    def fit(self, windows: Array, targets: Array, weight: Array | None) -> None:
        """Learn the overall spread of each channel, for windows that have none."""
        level, scale = weighted_moments(windows, weight, name="X")
        self._overall = usable(scale, level)

    def units(self, windows: Array) -> Units:
        """Return mean and standard deviation of each window."""
        # The rounding of a sum follows the memory layout, which no forecast may depend on; and in
        # float32 a flat window has a spread, that of rounding its mean.
        windows = np.ascontiguousarray(windows, dtype=np.float64)
        level = windows.mean(axis=1, keepdims=True)
        own = windows.std(axis=1, keepdims=True)
        scale = np.where(is_constant(own, level), self._overall, own)
        return Units(level, scale, level[:, 0, :1], scale[:, 0, :1])

    def has_learnt(self, n_channels: int, n_outputs: int) -> bool:
        """Tell whether there is a spread of each channel."""
        return self._overall.shape == (n_channels,)


SCALINGS: dict[str | None, type[Scaling]] = {
    "standard": StandardScaling,
    "window": WindowScaling,
    None: NoScaling,
}
"""The values of the parameter `scaling`."""


def is_constant(scale: Array, level: Array) -> NDArray[np.bool_]:
    """Tell where a spread is nothing but the rounding of a level."""
    return scale <= _NOISE * np.abs(level)


def usable(scale: Array, level: Array) -> Array:
    """Return the scale, with 1 where the values are constant: nothing to divide by."""
    return np.where(is_constant(scale, level), 1.0, scale)


def weighted_moments(
    values: Array, weight: Array | None, *, name: str = "values"
) -> tuple[Array, Array]:
    """Return mean and standard deviation over all axes but the last, leaving NaN out.

    Reads `values` of shape (n, n_outputs) or (n, window, n_channels) chunk by chunk, so that
    overlapping windows are never copied as a whole, and merges the chunks' moments by the rule
    of T. F. Chan, G. H. Golub, R. J. LeVeque, The American Statistician 37, 1983.

    Parameters
    ----------
    values : ndarray of shape (n, ..., n_columns)
        What to describe.
    weight : ndarray of shape (n,), default=None
        Weight of each row; None is 1.
    name : str, default="values"
        What the values are, for messages.
    """
    n_columns = values.shape[-1]
    total, mean, squares = np.zeros(n_columns), np.zeros(n_columns), np.zeros(n_columns)
    for part in row_blocks(values, _CHUNK):
        chunk_weight = None if weight is None else weight[part]
        chunk = np.ascontiguousarray(values[part], dtype=np.float64)
        with np.errstate(over="ignore", invalid="ignore"):
            n, chunk_mean, chunk_squares = _chunk_moments(chunk, chunk_weight)
            merged = np.maximum(total + n, np.finfo(float).tiny)
            shift = chunk_mean - mean
            mean = mean + shift * n / merged
            squares = squares + chunk_squares + shift**2 * total * n / merged
            total = total + n
    if not np.isfinite(squares).all():
        raise ValueError(
            f"{name} holds {np.nanmax(np.abs(values[..., ~np.isfinite(squares)])):.3g}; "
            "numbers whose square fits into float64 are needed. Divide the data by a constant."
        )
    return mean, np.sqrt(squares / np.maximum(total, np.finfo(float).tiny))


def _chunk_moments(chunk: Array, weight: Array | None) -> tuple[Array, Array, Array]:
    """Return total weight, mean and summed squared deviations of each column of a chunk."""
    axes = tuple(range(chunk.ndim - 1))
    if weight is None and not np.isnan(chunk.sum()):
        # Column by column: over a last axis of two numpy is ten times slower.
        columns = np.ascontiguousarray(chunk.reshape(-1, chunk.shape[-1]).T)
        mean = columns.mean(axis=1)
        squares = ((columns - mean[:, None]) ** 2).sum(axis=1)
        return np.full(mean.shape, float(columns.shape[1])), mean, squares
    known = ~np.isnan(chunk)
    filled = np.where(known, chunk, 0.0)
    share = known * (1.0 if weight is None else weight.reshape(-1, *[1] * (chunk.ndim - 1)))
    total = share.sum(axes)
    mean = (share * filled).sum(axes) / np.maximum(total, np.finfo(float).tiny)
    return total, mean, (share * (filled - mean) ** 2).sum(axes)
