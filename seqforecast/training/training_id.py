"""What tells one training from another, so that a checkpoint finds its own."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqforecast._shared.row_blocks import row_blocks
from seqforecast.training.batches import WindowDataset
from seqforecast.training.described import described
from seqforecast.training.net import RecurrentNet

Array = NDArray[Any]

_NO_MATTER = {"callbacks", "device", "n_jobs", "random_state", "verbose", "warm_start"}
"""Parameters that change nothing of what is learnt, or are looked at by themselves."""

_BLOCK = 1 << 20
"""Values copied at once."""

_LETTERS = 24


def training_id(
    name: str,
    params: Mapping[str, Any],
    net: RecurrentNet,
    data: WindowDataset,
    valid: WindowDataset | None,
    options: Mapping[str, Any],
) -> str:
    """Return letters that are the same for the same training, and others for any other.

    Parameters
    ----------
    name : str
        Of the class of the estimator.
    params : mapping
        Its parameters.
    net : RecurrentNet
        Ready to train; what it has learnt before counts.
    data, valid : WindowDataset
        All values count; of windows that overlap each one once.
    options : mapping
        How long and at what rate is trained.

    Raises
    ------
    ValueError
        If `random_state` is None: two trainings at the same time would be taken for one.
    """
    about = [name, net.device, sorted(options.items())]
    about += [(name, described(params[name])) for name in sorted(set(params) - _NO_MATTER)]
    about += [_of_callback(callback) for callback in params["callbacks"] or ()]
    digest = hashlib.sha256(repr(about).encode())
    digest.update(_of_generator(params["random_state"]))
    for array in (*_arrays(data), *_arrays(valid)):
        digest.update(repr((array.shape, array.dtype.str)).encode())
        for part in _each_once(array):
            for rows in row_blocks(part, _BLOCK):
                digest.update(np.ascontiguousarray(part[rows]).tobytes())
    if net.history:  # it goes on from weights that may be any
        for tensor in net.module_.state_dict().values():
            digest.update(tensor.detach().cpu().numpy().tobytes())
    return digest.hexdigest()[:_LETTERS]


def _of_callback(callback: Any) -> tuple[str, Any]:
    """Return the class and the parameters of a callback; where it saves does not matter."""
    callback = callback[1] if isinstance(callback, tuple) else callback
    if isinstance(callback, type):
        return described(callback), ()
    if hasattr(callback, "identify"):  # a checkpoint
        return described(type(callback)), ()
    given = {name: described(value) for name, value in vars(callback).items() if name[-1] != "_"}
    return described(type(callback)), sorted(given.items())


def _of_generator(random_state: Any) -> bytes:
    """Return what tells a source of random numbers from others."""
    if isinstance(random_state, np.random.RandomState):
        _, key, position, *_ = random_state.get_state()
        return np.asarray(key).tobytes() + bytes(str(position), "ascii")
    if isinstance(random_state, Integral):
        return str(int(random_state)).encode()
    raise ValueError(
        f"{random_state=}, but a Checkpoint is among the callbacks: an integer is needed, by which "
        "the training is known again. Set random_state=0, and another one for another network."
    )


def _each_once(windows: Array) -> tuple[Array, ...]:
    """Return views that show every value of an array, of windows that overlap only once."""
    if windows.ndim < 3 or len(windows) == 0:
        return (windows,)
    apart, step = windows.strides[:2]  # from a window to the next, from a step to the next
    n_new = apart // step if step > 0 and apart % step == 0 else 0
    if not 0 < n_new < windows.shape[1]:
        return (windows,)
    return windows[:, :n_new], windows[-1:]


def _arrays(data: WindowDataset | None) -> Iterator[Array]:
    for array in () if data is None else (data.X, data.y, data.weight):
        if array is not None:
            yield array
