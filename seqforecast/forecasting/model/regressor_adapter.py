"""How the rows of the cutoffs are handed to a regressor, and its forecasts taken back.

A regressor that reads windows (tag `three_d_array`) is given views of the rows, with targets at
every step. Any other is given one flat row a cutoff; where it forecasts one value only, a copy of
it is fitted for every step.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from sklearn.utils import get_tags
from sklearn.utils.validation import has_fit_parameter

from seqforecast._shared.early_stopping import ENOUGH_WINDOWS
from seqforecast._shared.row_blocks import row_blocks
from seqforecast.forecasting.model.fit_tasks import fit_clone

Rows = NDArray[np.float32]

_ENOUGH_ROWS = 10_000
"""Beyond so many training rows scikit-learn's gradient boosting stops early by itself."""

_VALIDATION_FRACTION = 0.1

_MOST_LOST = 0.05
"""Share of the cutoffs that may be lost to missing targets before each step is fitted alone."""

_BLOCK = 1 << 18
"""Values copied at once."""


@dataclass(frozen=True)
class TrainingRows:
    """Rows of consecutive cutoffs, series after series.

    Parameters
    ----------
    rows : ndarray of shape (n, n_channels)
        For a regressor that reads windows of w rows, each series begins with w - 1 rows without
        targets: no window then holds targets of two series, and the one view over all rows is the
        training set.
    targets : ndarray of shape (n, horizon)
        NaN where there is no target.
    weight : ndarray of shape (n,), default=None
        Weight of the series that a row belongs to.
    """

    rows: Rows
    targets: Rows
    weight: NDArray[np.float64] | None


def reads_windows(regressor: Any) -> bool:
    """Tell whether a regressor takes windows (n, window, n_channels)."""
    return bool(get_tags(regressor).input_tags.three_d_array)


def validates(regressor: Any, n_cutoffs: int) -> float:
    """Return the share of the cutoffs, the newest, that a regressor wants to validate on."""
    if not (has_fit_parameter(regressor, "X_val") and has_fit_parameter(regressor, "y_val")):
        return 0.0
    stops_early = getattr(regressor, "early_stopping", False)
    fraction = getattr(regressor, "validation_fraction", None)
    if not (isinstance(fraction, float) and 0.0 < fraction < 1.0):
        fraction = _VALIDATION_FRACTION
    if stops_early == "auto":
        if reads_windows(regressor):
            stops_early = n_cutoffs >= ENOUGH_WINDOWS
        else:
            stops_early = (1.0 - fraction) * n_cutoffs > _ENOUGH_ROWS
    return fraction if stops_early else 0.0


class RegressorAdapter:
    """A regressor, fitted to rows.

    Parameters
    ----------
    regressor : scikit-learn regressor
        Not fitted; it is cloned.
    window : int
        Rows in a window, for one that reads windows.
    """

    def __init__(self, regressor: Any, window: int) -> None:
        self.regressor = regressor
        self.window = window
        self.windows = reads_windows(regressor)
        self.fitted: Any = None
        self.by_step: list[Any] | None = None

    def fit(self, train: TrainingRows, valid: TrainingRows | None) -> RegressorAdapter:
        """Fit the regressor, or a copy of it for each step of the horizon."""
        if self._fits_all_steps(train.targets):
            self.fitted = self._fit_one(train, valid, slice(None))
        else:
            steps = range(train.targets.shape[1])
            self.by_step = [self._fit_one(train, valid, slice(k, k + 1)) for k in steps]
            self.fitted = self.by_step[0]
        return self

    def partial_fit(self, train: TrainingRows, passes: int) -> None:
        """Train on for some passes; a copy for a step that has no target yet is left as it is."""
        trained = False
        for k, one in enumerate(self.by_step or [self.fitted]):
            columns = slice(None) if self.by_step is None else slice(k, k + 1)
            X, y, weight = self.arranged(train, columns)
            if len(X) == 0 or np.isnan(train.targets[:, columns]).all():
                continue
            arguments, trained = self._weighted(weight), True
            for _ in range(passes):
                one.partial_fit(X, y, **arguments)
        if not trained:
            raise ValueError(
                f"the new observations hold no {train.targets.shape[1]} known values in a row, "
                "which a regressor of several outputs needs to be trained on. Pass more of them "
                "at once, or passes=0."
            )

    def answer(
        self, rows: Rows, quantiles: Sequence[float]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Forecast from the newest rows of each series, and some quantiles, perhaps none."""
        errors = self.predict(rows)
        if not quantiles:
            return errors, np.empty((*errors.shape, 0))
        return errors, self.predict_quantiles(rows, quantiles)

    def predict(self, rows: Rows) -> NDArray[np.float64]:
        """Forecast from the newest rows of each series: (n_series, window, n_channels)."""
        X = self._newest(rows)
        forecasts = [np.asarray(one.predict(X)) for one in self.by_step or [self.fitted]]
        columns = [f.reshape(len(rows), -1) for f in forecasts]
        return np.concatenate(columns, axis=1).astype(np.float64, copy=False)

    def predict_quantiles(self, rows: Rows, quantiles: Sequence[float]) -> NDArray[np.float64]:
        """Forecast quantiles from the newest rows of each series: (n_series, horizon, n_quantiles).

        Those of a regressor that lets them cross are put in order.
        """
        X = self._newest(rows)
        forecasts = [np.asarray(one.predict_quantiles(X)) for one in self.by_step or [self.fitted]]
        steps = [f.reshape(len(rows), -1, len(self.regressor.quantiles)) for f in forecasts]
        every = np.concatenate(steps, axis=1).astype(np.float64, copy=False)
        return self.chosen(every, quantiles)

    def chosen(self, every: NDArray[np.float64], quantiles: Sequence[float]) -> NDArray[np.float64]:
        """Choose some of all the quantiles that the regressor forecasts, which stand last."""
        known = np.asarray(self.regressor.quantiles, dtype=np.float64)
        order = np.argsort(known)
        wanted = [int(np.argmin(np.abs(known[order] - quantile))) for quantile in quantiles]
        return np.sort(every[..., order], axis=-1)[..., wanted]

    @property
    def reads_on(self) -> bool:
        """Whether the regressor can carry a state from row to row, by a method `stream`."""
        return self.windows and hasattr(self.fitted, "stream")

    def _newest(self, rows: Rows) -> NDArray[Any]:
        return rows if self.windows else rows[:, -1].astype(np.float64)

    def _fits_all_steps(self, targets: Rows) -> bool:
        if targets.shape[1] == 1 or self.windows:
            return True
        return get_tags(self.regressor).target_tags.multi_output and _lost(targets) <= _MOST_LOST

    def _fit_one(self, train: TrainingRows, valid: TrainingRows | None, columns: slice) -> Any:
        X, y, weight = self.arranged(train, columns)
        if len(X) == 0 or np.isnan(train.targets[:, columns]).all():
            raise ValueError(
                "no cutoff of the training part has its next values known, all "
                f"{train.targets[:, columns].shape[1]} of them; at least one is needed. Fill the "
                "missing values, use a shorter horizon or pass more data."
            )
        arguments = self._weighted(weight)
        if valid is not None:
            X_val, y_val, _ = self.arranged(valid, columns)
            if len(X_val):
                arguments |= {"X_val": X_val, "y_val": y_val}
        return fit_clone(self.regressor, X, y, **arguments)

    def _weighted(self, weight: NDArray[np.float64] | None) -> dict[str, Any]:
        takes = weight is not None and has_fit_parameter(self.regressor, "sample_weight")
        return {"sample_weight": weight} if takes else {}

    def arranged(
        self, data: TrainingRows, columns: slice = slice(None)
    ) -> tuple[NDArray[Any], NDArray[Any], NDArray[np.float64] | None]:
        """Return X, y and weight of some steps of the horizon, as the regressor takes them.

        Flat rows go without weights: with them scikit-learn's gradient boosting finds its bins in
        a loop of Python, which takes many times as long as all the rest of a fit.
        """
        targets = data.targets[:, columns]
        if self.windows:
            X, y = as_windows(data.rows, self.window), as_windows(targets, self.window)
            # A window belongs to the series that its first row belongs to.
            return X, y, None if data.weight is None else data.weight[: len(X)]
        known = np.logical_not(np.isnan(targets).any(axis=1))
        y = targets[known].astype(np.float64)
        return _picked(data.rows, known), y[:, 0] if y.shape[1] == 1 else y, None


def _lost(targets: Rows) -> float:
    """Return the share of cutoffs with a target that is missing before one that is known.

    A regressor of several outputs cannot learn from them; what lies beyond the end of a series
    does not count.
    """
    known = ~np.isnan(targets)
    later = np.logical_or.accumulate(known[:, ::-1], axis=1)[:, ::-1]
    holes = (later & ~known).any(axis=1)
    return float(holes.sum() / max(1, later[:, 0].sum()))


def _picked(rows: Rows, which: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Copy some rows in float64, a block at a time.

    Lags relative to their mean are collinear: what solves normal equations needs the digits.
    """
    picked = np.empty((np.count_nonzero(which), rows.shape[1]))
    start = 0
    for block in row_blocks(rows, _BLOCK):
        some = rows[block][which[block]]
        picked[start : start + len(some)] = some
        start += len(some)
    return picked


def as_windows(rows: Rows, window: int) -> Rows:
    """View rows (n, width) as windows (n - window + 1, window, width)."""
    return np.moveaxis(sliding_window_view(rows, window, axis=0), -1, 1)
