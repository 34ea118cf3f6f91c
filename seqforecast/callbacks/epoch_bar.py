"""A progress bar over the epochs of a training."""

from __future__ import annotations

import math
from typing import Any

from skorch.callbacks import Callback

from seqforecast._shared.checks import check_flag
from seqforecast._shared.progress import fill, new_bar
from seqforecast.training.net import RecurrentNet

_SHOWN = {"train_loss": "train", "valid_loss": "valid", "grad_norm": "norm"}
"""Columns of the history, and how they are called beside a bar that must fit into a line."""


class EpochBar(Callback):
    """Show one progress bar over the epochs, with the losses and the gradient norm.

    Use it for one long fit, in the parameter `callbacks` of a regressor or of a skorch net. For a
    search over many fits, scikit-learn's own bars (1.9 and later) show folds and epochs together:
    ``search.set_callbacks(sklearn.callback.ProgressBar())``. A line for every epoch, which stays
    in a log file, is what ``verbose=1`` prints.

    Parameters
    ----------
    leave : bool, default=True
        Whether the bar stays when training has ended.
    always : bool, default=False
        Whether it is written where nobody watches, too. By default it is shown in terminals and
        notebooks only, and by worker processes, which share one terminal, not at all.

    Raises
    ------
    ValueError
        When a training begins, if a parameter is neither True nor False.

    See Also
    --------
    GradientNorms : Records the norm that the bar shows, on nets of your own.

    Notes
    -----
    The bar is tqdm's: a line on stderr, or a widget in a notebook that has ipywidgets. It shows
    ``train_loss``, ``valid_loss`` and ``grad_norm`` of the last epoch, as far as the history has
    them. Its total is the largest number of epochs that parameters allow; where training ends
    early and in good order, the bar is full at the epoch that it ended with, and where it breaks
    off, the bar stays where it was. A fitted estimator holds no bar.

    Examples
    --------
    >>> from seqforecast import LSTMRegressor, make_windows
    >>> from seqforecast.callbacks import EpochBar
    >>> from seqforecast.datasets import load_airline
    >>> X, y = make_windows(load_airline(), window=12)
    >>> model = LSTMRegressor(max_epochs=5, callbacks=[EpochBar()], random_state=0).fit(X, y)
    >>> model.n_iter_
    5
    """

    def __init__(self, *, leave: bool = True, always: bool = False) -> None:
        self.leave = leave
        self.always = always

    def __getstate__(self) -> dict[str, Any]:
        """Leave out the bar, which belongs to a training in this process."""
        return {name: value for name, value in self.__dict__.items() if name != "_bar_"}

    def on_train_begin(self, net: Any, X: Any = None, y: Any = None, **kwargs: Any) -> None:
        """Check the parameters, and close the bar of a training that never came to its end."""
        check_flag("EpochBar(leave)", self.leave)
        check_flag("EpochBar(always)", self.always)
        self._close()

    def on_epoch_begin(self, net: Any, **kwargs: Any) -> None:
        """Open the bar in the first epoch, when a checkpoint has said which one that is."""
        if not hasattr(self, "_bar_"):
            done = net.epochs_done if isinstance(net, RecurrentNet) else 0
            self._bar_ = new_bar(
                net.max_epochs, "epochs", always=self.always, leave=self.leave, initial=done
            )
        self._is_within_epoch_ = True

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        """Show what the epoch has brought."""
        self._is_within_epoch_ = False
        row = net.history[-1]
        shown = [
            f"{name} {row[key]:.3g}"
            for key, name in _SHOWN.items()
            if not math.isnan(row.get(key, math.nan))
        ]
        self._bar_.set_postfix_str(", ".join(shown), refresh=False)
        self._bar_.update()

    def on_train_end(self, net: Any, X: Any = None, y: Any = None, **kwargs: Any) -> None:
        """Close the bar."""
        bar = getattr(self, "_bar_", None)
        if bar is not None and not self._is_within_epoch_:
            fill(bar)
        self._close()

    def _close(self) -> None:
        bar = self.__dict__.pop("_bar_", None)
        if bar is not None:
            bar.refresh()
            bar.close()
