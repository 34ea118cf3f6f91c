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
from seqforecast.training.state import KINDS, progress_of, restore, resume, state_of


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

    Raises
    ------
    ValueError
        When training begins, if `every` is no positive integer, `random_state` is None or a file
        was altered; after the first epoch, if another callback holds something that cannot be
        saved.
    OSError
        If a file cannot be written; the one before it stays.

    See Also
    --------
    seqforecast.save : For the fitted estimator.

    Notes
    -----
    A training is told from others by the parameters of the estimator and of its callbacks, all
    values of the data, the epochs and weights that it began with, and `random_state`, which must
    not be None. When training ends, its file is removed; one of a training that is never taken up
    again stays, and may be deleted at any time. With ``verbose=1`` the first line tells which epoch
    it goes on with.

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

    def __init__(self, folder: str | os.PathLike[str], every: int = 1) -> None:
        self.folder = folder
        self.every = every

    def on_train_begin(self, net: Any, X: Any = None, y: Any = None, **kwargs: Any) -> None:
        """Check the parameters."""
        check_integer("every", self.every)
        if not isinstance(net, RecurrentNet):
            raise TypeError(
                f"Checkpoint is a callback of a {type(net).__name__}; a regressor of seqforecast "
                "is needed. Use skorch.callbacks.Checkpoint for other nets."
            )

    def identify(self, training: str) -> None:
        """Take in what tells the training that is to begin from others."""
        self._path_ = Path(self.folder) / f"{training}.safetensors"

    def restore_checkpoint(self, net: RecurrentNet) -> None:
        """Go on where a file of this training says, if there is one."""
        try:
            content, arrays = read(self._path_, "checkpoint")
            state = Decoder((*VALUES, *KINDS), arrays).decode(content)
            restore(net, state["net"])
            resume(net, state["run"])
        except FileNotFoundError:
            return
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            wrong = str(error).rstrip(".") or type(error).__name__
            raise ValueError(
                f"the checkpoint {self._path_} cannot be taken up: {wrong}. Delete it: the "
                "training then begins anew."
            ) from error

    def keep_checkpoint(self, net: RecurrentNet) -> None:
        """Save after an epoch that is not the last one."""
        run = progress_of(net)
        if run["epochs"] % self.every:
            return
        encoder = Encoder((*VALUES, *KINDS))
        content = encoder.encode({"net": state_of(net), "run": run})
        self._make_folder()
        write(self._path_, "checkpoint", content, encoder.arrays)

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
        with contextlib.suppress(FileNotFoundError):
            self._path_.unlink()
