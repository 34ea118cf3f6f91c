"""Features in units of the panel: mean 0, standard deviation 1."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Features = NDArray[np.float32]

_LARGEST = 10.0


class FeatureScaling:
    """Units of the features, learnt from those of the training panel.

    Parameters
    ----------
    past, future : ndarray of shape (n_rows, n_features)
        Features by row; past ones may be missing.
    static : ndarray of shape (n_series, n_features)
        Features by series.
    """

    def __init__(self, past: Array, future: Array, static: Array) -> None:
        self._past = _moments(past)
        self._future = _moments(future)
        self._static = _moments(static)

    def express(
        self, past: Array, future: Array, static: Array, offsets: NDArray[np.int64]
    ) -> dict[str, Features]:
        """Return the features by row (past, future) and by series (static).

        A past feature that is missing keeps its last value, or is the mean where it has none.
        """
        carried = carry_forward(past, offsets)
        return {
            "past": _scaled(carried, *self._past),
            "future": _scaled(future, *self._future),
            "static": _scaled(static, *self._static),
        }

    @property
    def n_features(self) -> tuple[int, int, int]:
        """How many past, future and static features there are; -1 where levels lack a scale."""
        past, future, static = (
            len(level) if len(level) == len(scale) else -1
            for level, scale in (self._past, self._future, self._static)
        )
        return past, future, static

    def express_ahead(self, future: Array, n_steps: int) -> Features:
        """Return future features of the next steps (n, steps, n_future) for so many of them.

        Where none are given, the last ones that are stay.
        """
        steps = np.arange(future.shape[1])
        given = ~np.isnan(future).any(axis=2)
        newest = np.maximum.accumulate(np.where(given, steps, 0), axis=1)
        newest = newest[:, np.minimum(np.arange(n_steps), steps[-1])]
        scaled = _scaled(future, *self._future)
        return np.take_along_axis(scaled, newest[:, :, np.newaxis], axis=1)


def _moments(features: Array) -> tuple[Array, Array]:
    if not features.size:
        return np.zeros(features.shape[1]), np.ones(features.shape[1])
    known = ~np.isnan(features)
    count = np.maximum(known.sum(axis=0), 1)
    mean = np.where(known, features, 0.0).sum(axis=0) / count
    spread = np.sqrt((np.where(known, features - mean, 0.0) ** 2).sum(axis=0) / count)
    return mean, np.where(spread > 1e-12 * np.abs(mean), spread, 1.0)


def _scaled(features: Array, mean: Array, spread: Array) -> Features:
    scaled = np.clip((features - mean) / spread, -_LARGEST, _LARGEST)
    return np.nan_to_num(scaled, nan=0.0).astype(np.float32)


def carry_forward(features: Array, offsets: NDArray[np.int64]) -> Array:
    """Replace missing features by the value before, within each series."""
    missing = np.isnan(features)
    if not missing.any():
        return features
    rows = np.arange(len(features))[:, np.newaxis]
    source = np.maximum.accumulate(np.where(missing, -1, rows), axis=0)
    begins = np.repeat(offsets[:-1], np.diff(offsets))[:, np.newaxis]
    known = source >= begins  # not a value of the series before
    carried = np.take_along_axis(features, np.maximum(source, 0), axis=0)
    return np.where(known, carried, np.nan)
