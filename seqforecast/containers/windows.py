"""Windows and targets as arrays, whatever they were handed in as."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray
from sklearn.utils import check_array

from seqforecast.containers.arrays import as_array


def windows_array(X: Any, *, owner: str, name: str = "X") -> NDArray[Any]:
    """Return windows as an array of two or three dimensions, without a copy where it is one."""
    windows = _array(X, name, owner, min_rows=1)
    if windows.ndim not in (2, 3):
        raise ValueError(
            f"{name} has shape {windows.shape}; (n_windows, window * n_channels) or (n_windows, "
            "window, n_channels) is needed. Reshape your data: a single window is np.reshape("
            f"{name}, (1, -1)), a series becomes windows by make_windows(series, window)."
        )
    return windows


def targets_array(y: Any, *, owner: str, name: str = "y") -> NDArray[Any]:
    """Return targets as an array of one to three dimensions."""
    if y is None:
        raise ValueError(
            f"This {owner} estimator requires y to be passed, but the target {name} is None. "
            "Pass the values that follow each window: X, y = make_windows(series, window)."
        )
    targets = _array(y, name, owner, min_rows=0)
    if targets.ndim not in (1, 2, 3):
        raise ValueError(
            f"{name} has shape {targets.shape}; (n_windows,), (n_windows, n_outputs) or, with a "
            "target at every step, (n_windows, window, n_outputs) is needed. Reshape it."
        )
    return targets


def _array(values: Any, name: str, owner: str, *, min_rows: int) -> NDArray[Any]:
    """Return an array, in the errors of scikit-learn where it is empty or has no dimension."""
    return check_array(
        as_array(values, name),
        dtype=None,
        ensure_2d=False,
        allow_nd=True,
        ensure_all_finite=False,
        ensure_min_samples=min_rows,
        estimator=owner,
        input_name=name,
    )
