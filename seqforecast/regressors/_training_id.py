"""What tells one training from another, so that a checkpoint finds its own."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from seqforecast._batches import WindowDataset
from seqforecast._training import RecurrentNet

if TYPE_CHECKING:
    from seqforecast.regressors._base import RecurrentRegressor

__all__ = ["training_id"]

_NO_MATTER = {"callbacks", "n_jobs", "verbose", "warm_start"}
"""Parameters that change nothing of what is learnt, or are looked at by themselves."""

_ROWS = 64
"""Rows that are looked at: all windows of a long series would take longer than an epoch."""

_LETTERS = 24


def training_id(
    estimator: RecurrentRegressor,
    net: RecurrentNet,
    data: WindowDataset,
    valid: WindowDataset | None,
    options: Mapping[str, Any],
) -> str:
    """Return letters that are the same for the same training, and others for any other.

    Parameters
    ----------
    estimator : RecurrentRegressor
        Its parameters count.
    net : RecurrentNet
        Ready to train; what it has learnt before counts.
    data, valid : WindowDataset
        Shape and some rows count.
    options : mapping
        How long and at what rate is trained.
    """
    digest = hashlib.sha256(repr([type(estimator).__name__, sorted(options.items())]).encode())
    params = estimator.get_params(deep=False)
    for name in sorted(set(params) - _NO_MATTER):
        digest.update(f"{name}={_shown(params[name])}".encode())
    digest.update(repr([type(callback).__name__ for _, callback in net.callbacks_]).encode())
    for array in (*_arrays(data), *_arrays(valid)):
        rows = np.linspace(0, len(array) - 1, _ROWS).round().astype(int)
        digest.update(repr(array.shape).encode())
        digest.update(np.ascontiguousarray(array[rows]).tobytes())
    if net.history:  # it goes on from weights that may be any
        for tensor in net.module_.state_dict().values():
            digest.update(tensor.detach().cpu().numpy().tobytes())
    return digest.hexdigest()[:_LETTERS]


def _shown(value: Any) -> str:
    """Return a parameter in words; generators, whose address would be among them, by class."""
    return type(value).__name__ if isinstance(value, np.random.RandomState) else repr(value)


def _arrays(data: WindowDataset | None) -> Iterator[NDArray[Any]]:
    for array in () if data is None else (data.X, data.y, data.weight):
        if array is not None:
            yield array
