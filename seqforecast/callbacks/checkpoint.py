"""Keep what a training has become, so that one that was killed goes on."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Any

from skorch.callbacks import Callback

from seqforecast._shared.checks import check_integer
from seqforecast.persistence.format.codec import Decoder, Encoder
from seqforecast.persistence.format.container import read, write
from seqforecast.persistence.format.values import VALUES
from seqforecast.training.net import RecurrentNet
from seqforecast.training.state import (
    KINDS,
    check_going_on,
    kind_of,
    progress_of,
    resume,
    state_of,
)


class Checkpoint(Callback):
    """Save a training every few epochs; a fit that was killed goes on from there.

    Use it for long fits, in the parameter `callbacks` of a regressor. Where a fit ended early, by
    a kill, a crash or Ctrl-C, the same fit again (parameters, data, callbacks) goes on after the
    last epoch that was saved, and ends with the same bits as one that was never interrupted:
    weights, optimizer, learning rate, random generators, history, early stopping and what the
    other callbacks have seen are all in the file.

    Parameters
    ----------
    folder : path-like
        Where the files are, one for each training: fits with other parameters or data, such as
        the candidates of a search, do not disturb each other. It is made if it is not there.
    every : int, default=1
        Epochs from one file to the next.
    name : str, default=None
        The name of the file in the folder, as it is: the training in it goes on, whatever its
        parameters and data were. Without a name, they make up the name.

    Raises
    ------
    ValueError
        When training begins, if `every` is no positive integer, `name` is no name of a file,
        `random_state` is None without a name, or a file was altered, is of another network or of
        a training that has come further; after the first epoch, if another callback holds
        something that cannot be saved; later, if another fit writes to the file of that name.
    OSError
        If a file cannot be written; the one before it stays.

    See Also
    --------
    seqforecast.save : For the fitted estimator.

    Notes
    -----
    Of other callbacks the attributes whose names end in an underscore are saved.

    When training ends, its file is removed; one of a training that is never taken up again stays,
    and may be deleted at any time. With ``verbose=1`` the first line tells which epoch it goes on
    with.

    Without `name` a training is told from others by the parameters of the estimator and of its
    callbacks, all values of the data, the epochs and weights that it began with, and
    `random_state`, which must not be None. A function counts by what it does: its code, defaults
    and closure, and the plain values and functions of its own module that it names. An object
    without a `repr` of its own counts by its class and attributes, or by its class alone where it
    holds what belongs to one process (a file, a lock, a thread), as writers and trials of Optuna
    do. Classes count by their name.

    With `name` all this is in your hands. The file says where the training stands: weights, random
    generators, history, the units of the data, the optimizer with its arguments and weight decay.
    What the fit is given says how it goes on: data, `lr`, `batch_size`, clipping, and `max_epochs`,
    towards which the epochs of the file count, so that a larger one goes on for longer. Two fits at
    a time need two names, and so do fits that must not go on with one another: the candidates and
    folds of a search, and the two networks that a `Forecaster` fits with
    ``intervals="conformal"`` or ``regressor_weight="auto"``.

    Examples
    --------
    >>> import tempfile
    >>> from seqforecast import LSTMRegressor, make_windows
    >>> from seqforecast.callbacks import Checkpoint
    >>> from seqforecast.datasets import load_airline
    >>> X, y = make_windows(load_airline(), window=12)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     checkpoint = Checkpoint(folder, every=2)
    ...     model = LSTMRegressor(max_epochs=5, callbacks=[checkpoint], random_state=0).fit(X, y)
    >>> model.n_iter_
    5
    """

    def __init__(
        self, folder: str | os.PathLike[str], every: int = 1, name: str | None = None
    ) -> None:
        self.folder = folder
        self.every = every
        self.name = name

    def on_train_begin(self, net: Any, X: Any = None, y: Any = None, **kwargs: Any) -> None:
        """Check the parameters."""
        check_integer("every", self.every)
        if not isinstance(net, RecurrentNet):
            raise TypeError(
                f"Checkpoint is a callback of a {type(net).__name__}; a regressor of seqforecast "
                "is needed. Use skorch.callbacks.Checkpoint for other nets."
            )
        if self.name is not None:
            _check_name(self.name)
            self._path_ = Path(self.folder) / self.name
        self._seen_: tuple[int, ...] | None = None

    def identify(self, training: str) -> None:
        """Take in what tells the training that is to begin from others; without a name."""
        self._path_ = Path(self.folder) / f"{training}.safetensors"

    def restore_checkpoint(self, net: RecurrentNet) -> None:
        """Go on where a file of this training says, if there is one."""
        try:
            self._seen_ = _mark(self._path_)
            content, arrays = read(self._path_, "checkpoint")
            state = Decoder((*VALUES, *KINDS), arrays).decode(content)
            check_going_on(net, state.get("kind", {}), state["run"])
            resume(net, state["net"], state["run"])
        except FileNotFoundError:
            return
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            wrong = str(error).rstrip(".") or type(error).__name__
            raise ValueError(
                f"the checkpoint {self._path_} cannot be taken up: {wrong}. {self._cure}: the "
                "training then begins anew."
            ) from error

    @property
    def _cure(self) -> str:
        return "Delete it" if self.name is None else "Delete it, or give Checkpoint another name"

    def keep_checkpoint(self, net: RecurrentNet) -> None:
        """Save after an epoch that is not the last one."""
        run = progress_of(net)
        if run["epochs"] % self.every:
            return
        encoder = Encoder((*VALUES, *KINDS))
        content = encoder.encode({"kind": kind_of(net), "net": state_of(net), "run": run})
        self._make_folder()
        if self._is_of_another_fit():
            raise ValueError(
                f"the checkpoint {self._path_} was written by another fit since this one began; "
                f"each fit needs a file of its own. Give Checkpoint another name than "
                f"{self.name!r}, or none."
            )
        write(self._path_, "checkpoint", content, encoder.arrays)
        self._seen_ = _mark(self._path_)

    def _is_of_another_fit(self) -> bool:
        """Tell whether there is a file under the given name that this fit has not seen."""
        found = _mark(self._path_)
        return self.name is not None and found is not None and found != self._seen_

    def _make_folder(self) -> None:
        try:
            self._path_.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OSError(
                error.errno,
                f"{error.strerror}; Checkpoint(folder) needs a folder that is there or can be "
                "made. Choose another one",
                str(self.folder),
            ) from error

    def remove_checkpoint(self, net: RecurrentNet) -> None:
        """Remove the file of a training that has come to its end."""
        if self._is_of_another_fit():
            return
        with contextlib.suppress(FileNotFoundError):
            self._path_.unlink()


def _check_name(name: Any) -> None:
    """Raise unless a name is that of a file, without a folder."""
    if not isinstance(name, str) or name in ("", ".", "..") or set(name) & _NOT_IN_A_NAME:
        raise ValueError(
            f"Checkpoint({name=}); the name of a file, without a folder, is needed. For example "
            "Checkpoint(folder, name='training.safetensors')."
        )


_NOT_IN_A_NAME = {"/", "\\", "\0"}


def _mark(path: Path) -> tuple[int, ...] | None:
    """Return numbers that differ after every write to a file; None if there is no file."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size
