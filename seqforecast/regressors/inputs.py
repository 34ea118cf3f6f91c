"""What a regressor is given: windows, targets and weights, checked and cut for training."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Number
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import _check_sample_weight

from seqforecast._shared.checks import require_finite
from seqforecast._shared.row_blocks import row_blocks
from seqforecast.containers.arrays import as_array
from seqforecast.containers.windows import targets_array, windows_array
from seqforecast.training.batches import WindowDataset
from seqforecast.training.scaling import Scaling, WindowScaling, is_constant

Array = NDArray[Any]

_LARGEST_VALIDATION = 10_000
_ABSURD = 10.0
"""Standard deviations from the mean of its window beyond which a target is not of its units."""
_OTHER_UNITS = 4.0
"""Ratio of two standard deviations, or its inverse, beyond which the units are not the same."""
_ENOUGH = 20
"""Windows that tell the standard deviation of what goes on: a few may lie before a jump."""
_SAMPLE = 1_000
_BLOCK = 1 << 20
"""Values whose marks are read at once."""


@dataclass(frozen=True)
class InputForm:
    """The form of windows and targets that a network was built for.

    Parameters
    ----------
    owner : str
        Name of the estimator, for messages.
    window, n_channels, n_outputs : int
        Steps and channels of a window, values forecast at once.
    y_ndim : int
        Number of dimensions of the targets.
    columns : sequence of str, default=None
        Names of the columns of a flat row.
    """

    owner: str
    window: int
    n_channels: int
    y_ndim: int
    n_outputs: int
    columns: Sequence[str] | None = None

    @classmethod
    def of(
        cls,
        windows: Array,
        targets: Array,
        *,
        n_channels: int,
        owner: str,
        columns: Sequence[str] | None,
    ) -> InputForm:
        """Learn the form from the first data."""
        if 0 in windows.shape[1:]:
            raise ValueError(
                f"X has shape {windows.shape}; at least 1 step and 1 channel are needed. Pass "
                "windows as make_windows(series, window, flat=False) returns them."
            )
        if windows.ndim == 2:
            if windows.shape[1] % n_channels:
                raise ValueError(
                    f"X has {windows.shape[1]} columns, but n_channels={n_channels}; window * "
                    "n_channels columns are needed. Set n_channels to the number of columns of "
                    "one step."
                )
            window = windows.shape[1] // n_channels
        else:
            if n_channels not in (1, windows.shape[2]):
                raise ValueError(
                    f"X has {windows.shape[2]} channels, but n_channels={n_channels}; the same "
                    "number is needed. Leave n_channels out: windows of three dimensions tell it."
                )
            window, n_channels = windows.shape[1:]
        n_outputs = 1 if targets.ndim == 1 else targets.shape[-1]
        names = None if columns is None else tuple(columns)
        return cls(owner, window, n_channels, targets.ndim, n_outputs, names)

    @property
    def n_features(self) -> int:
        """Number of columns of a flat row."""
        return self.window * self.n_channels

    def windows(self, X: Any, name: str = "X") -> Array:
        """Return windows as a view of shape (n, window, n_channels), checked."""
        windows = windows_array(X, owner=self.owner, name=name)
        n_features = int(np.prod(windows.shape[1:]))
        flat = windows.ndim == 2
        if n_features != self.n_features or not (
            flat or windows.shape[1:] == (self.window, self.n_channels)
        ):
            if n_features == self.n_features:
                raise ValueError(
                    f"{name} has windows of {windows.shape[1]} steps and {windows.shape[2]} "
                    f"channels, but {self.owner} was fitted to {self.window} steps and "
                    f"{self.n_channels} channels; windows as for fit are needed. Swap the axes, "
                    f"if that is what differs: {name}.transpose(0, 2, 1)."
                )
            raise ValueError(
                f"{name} has {n_features} features, but {self.owner} is expecting "
                f"{self.n_features} features as input: {self.window} steps of {self.n_channels} "
                f"channel(s) each. {name} has shape {windows.shape}; make the windows as for fit."
            )
        require_finite(windows, name, columns=self.columns)
        return windows.reshape(len(windows), self.window, self.n_channels) if flat else windows

    def targets(self, y: Any, name: str = "y") -> Array:
        """Return targets of shape (n, n_outputs) or (n, window, n_outputs), checked."""
        targets = targets_array(y, owner=self.owner, name=name)
        shape = {1: (), 2: (self.n_outputs,), 3: (self.window, self.n_outputs)}[self.y_ndim]
        if targets.shape[1:] != shape or 0 in targets.shape:
            needed = "".join(f", {size}" for size in shape) or ","
            raise ValueError(
                f"{name} has shape {targets.shape}; (n_windows{needed}) is needed beside windows "
                f"of {self.window} steps and the targets of the first fit. Reshape {name}."
            )
        require_finite(targets, name, allow_nan=targets.ndim == 3)
        _require_target(targets, name)
        return targets[:, None] if targets.ndim == 1 else targets

    def dataset(self, X: Any, y: Any, *, X_name: str = "X", y_name: str = "y") -> WindowDataset:
        """Return windows and targets, checked to belong together."""
        windows, targets = self.windows(X, X_name), self.targets(y, y_name)
        if len(windows) != len(targets):
            raise ValueError(
                f"{X_name} has {len(windows)} windows, but {y_name} has {len(targets)} targets; "
                "one for each window is needed. Take both from one call of make_windows, and drop "
                "rows from both alike."
            )
        return WindowDataset(windows, targets)


def form_of(regressor: Any) -> InputForm:
    """Return the form of the windows and targets that a fitted regressor has seen."""
    form: InputForm = regressor._form
    return form


def training_dataset(
    form: InputForm, X: Any, y: Any, sample_weight: Any, *, min_windows: int
) -> WindowDataset:
    """Return the training data; windows of weight 0 are left out.

    The other weights average 1 over the targets that are known, so that the loss keeps its size.
    """
    data = form.dataset(X, y)
    windows, targets = data.X, data.y
    if len(data) < min_windows:
        raise ValueError(
            f"X has 1 window (n_samples=1, shape={data.X.shape}); at least 2 are needed to learn "
            "from. Use a longer series or a shorter window."
        )
    if sample_weight is None:
        return data
    weights = sample_weight
    if not isinstance(weights, Number):  # one for all windows
        weights = as_array(sample_weight, "sample_weight")
        if weights.shape != (len(data),):
            raise ValueError(
                f"sample_weight has shape {weights.shape}; ({len(data)},) is needed, a weight for "
                "each window. np.ravel(sample_weight) makes (n,) of (n, 1)."
            )
    with np.errstate(invalid="ignore"):  # scikit-learn adds up all weights, infinities too
        weight = _check_sample_weight(weights, data.X, dtype=np.float64)
    if (weight < 0).any() or not (weight > 0).any():
        raise ValueError(
            f"sample_weight lies between {weight.min():g} and {weight.max():g}; weights of at "
            "least 0, not all of them 0, are needed. Drop the windows that should not count."
        )
    if (weight == 0).any():
        used = np.flatnonzero(weight)
        windows, targets, weight = windows[used], targets[used], weight[used]
    _require_target(targets, "y of the windows whose sample_weight is above 0")
    known = _known_share(targets)
    return WindowDataset(windows, targets, weight / np.average(weight, weights=known))


def hold_out_newest(
    data: WindowDataset, fraction: float, *, n_outputs: int
) -> tuple[WindowDataset, WindowDataset]:
    """Split off the newest rows for validation.

    The targets of a window reach `n_outputs` steps into the future; as many rows less one are
    left out between the parts, so that no training target is seen again in validation.
    """
    n = len(data)
    n_valid = max(1, round(fraction * n))
    n_train = n - n_valid - (n_outputs - 1)
    if n_train < 1:
        raise ValueError(
            f"{n} windows, of which {n_valid} validate and {n_outputs - 1} lie between, leave "
            "none to train on. Pass more windows, lower validation_fraction or set "
            "early_stopping=False."
        )
    # Neighbours overlap: more than some thousand of them cost time and tell nothing new.
    thin = -(-n_valid // _LARGEST_VALIDATION)
    train, valid = _rows(data, slice(0, n_train)), _rows(data, slice(n - n_valid, n, thin))
    _require_target(train.y, "y of the training windows, all but the newest,")
    return train, valid


def _rows(data: WindowDataset, rows: slice) -> WindowDataset:
    return WindowDataset(
        data.X[rows], data.y[rows], None if data.weight is None else data.weight[rows]
    )


def _require_target(targets: Array, name: str) -> None:
    """Raise if targets at every step are nothing but marks that there is none."""
    if targets.ndim < 3:
        return
    if all(np.isnan(targets[rows]).all() for rows in row_blocks(targets, _BLOCK)):
        raise ValueError(
            f"{name} is NaN at every step; at least one target is needed. Check how the targets "
            "were made."
        )


def _known_share(targets: Array) -> NDArray[np.float64]:
    """Return the share of known targets of each window."""
    axes = tuple(range(1, targets.ndim))
    blocks = row_blocks(targets, _BLOCK)
    return np.concatenate([(~np.isnan(targets[rows])).mean(axis=axes) for rows in blocks])


def warn_if_degenerate(data: WindowDataset, *, is_flat: bool, stacklevel: int) -> None:
    """Warn of data that can be fitted but from which nothing can be learnt."""
    newest = data.y[:, -1] if data.y.ndim == 3 else data.y
    low, high = np.fmin.reduce(newest, axis=None), np.fmax.reduce(newest, axis=None)
    if low == high:
        warnings.warn(
            f"y is constant: {low:g} in all {len(data)} windows. There is nothing to learn, and "
            "every forecast will be close to it. Check the target column.",
            stacklevel=stacklevel + 1,
        )
    if data.X.shape[1] == 1:
        steps = "n_channels=1" if is_flat else "X.transpose(0, 2, 1)"
        warnings.warn(
            "X has windows of 1 step: a recurrent network has nothing to remember there. Use "
            f"longer windows, or {steps} if the columns are steps.",
            stacklevel=stacklevel + 1,
        )


def warn_if_units_differ(data: WindowDataset, scaling: Scaling, *, stacklevel: int) -> None:
    """Warn if scaling="window" gives targets the units of a channel that they do not have.

    A StandardScaler before the regressor moves the windows and leaves the targets; a
    TransformedTargetRegressor around it does the reverse.
    """
    if not isinstance(scaling, WindowScaling):
        return
    some = slice(0, None, -(-len(data) // _SAMPLE))
    windows, targets = data.X[some], data.y[some]
    found = _level_apart(windows, targets, scaling) or _spread_apart(windows, targets)
    if found:
        warnings.warn(
            f"{found}; with scaling='window', channel 0 of X must be the target's own past in y's "
            "units. Remove a scaler before the regressor, or a TransformedTargetRegressor around "
            "it (transform the series before make_windows instead), put the target first, or set "
            "scaling='standard'.",
            stacklevel=stacklevel + 1,
        )


def _level_apart(windows: Array, targets: Array, scaling: Scaling) -> str:
    """Say how far targets lie from their windows, if that is out of all proportion."""
    size = np.abs(scaling.units(windows).of_targets(targets))[..., 0]
    if not np.isfinite(size).any() or np.nanmedian(size) <= _ABSURD:
        return ""
    return (
        f"y lies {np.nanmedian(size):.3g} standard deviations of its window away from the window's "
        "mean (median)"
    )


def _spread_apart(windows: Array, targets: Array) -> str:
    """Say how much targets vary, if that is no way for the series in channel 0 to go on.

    Of the same windows the newest steps and the next values are the same numbers, but for a few.
    """
    if targets.ndim == 3 or len(targets) < _ENOUGH:
        return ""  # at every step a Forecaster gives errors, which may be as small as they like
    newest, target = (
        np.asarray(windows[:, -1, 0], np.float64),
        np.asarray(targets[:, 0], np.float64),
    )
    spread, own = target.std(), newest.std()
    constant = is_constant(np.array([spread, own]), np.array([target.mean(), newest.mean()]))
    if constant.any() or 1 / _OTHER_UNITS <= spread / own <= _OTHER_UNITS:
        return ""
    return (
        f"y has a standard deviation of {spread:.3g}, and the newest step of channel 0 of X one of "
        f"{own:.3g}"
    )
