"""Record, while a network trains, how far back its gradient reaches."""

from __future__ import annotations

import math
from numbers import Integral
from typing import Any

from skorch.callbacks import Callback
from skorch.utils import to_device
from torch import Tensor
from torch.utils.data import default_collate

from seqforecast._shared.checks import check_integer, check_word
from seqforecast.gradients.gradient_flow import (
    GradientFlow,
    Snapshot,
    input_sensitivity,
    probe_rows,
    take_snapshot,
)
from seqforecast.gradients.probe import NetworkProbe
from seqforecast.training.batches import WindowDataset
from seqforecast.training.net import RecurrentNet


class GradientFlowRecorder(Callback):
    """Record the gradient at every time lag while a network trains.

    Use it in any skorch net whose module holds a ``torch.nn.RNN``, ``LSTM`` or ``GRU`` (or a layer
    of `seqforecast.nn`). The regressors of seqforecast have one already, set by their parameter
    `observe`. Recording changes nothing: neither the weights nor a random generator, and dropout
    is off meanwhile.

    Parameters
    ----------
    every : int, "auto" or None, default=1
        Epochs between two records. ``"auto"`` records after epochs 1, 2, 3, 5, 8, 13, ...; None
        never. Unless it is None there is one from before training, too, and one of the weights
        that a training of several epochs ends with.
    n_windows : int, default=16
        Windows looked at, spread evenly over the training data; the same every time.

    Attributes
    ----------
    flow_ : GradientFlow or None
        The record; None where nothing was recorded yet.

    Raises
    ------
    TypeError
        When training begins, if the module holds no recurrent layer.
    ValueError
        When training begins, if a parameter is out of range.

    Notes
    -----
    Every epoch writes ``effective_memory``, in steps and of the first layer, to the skorch history,
    from where skorch's TensorBoard, MLflow and Wandb loggers take it; NaN where the epoch was not
    recorded. The forecast that is differentiated is what the module
    returns (of a tuple the first): all of it for an output of shape (n, n_outputs), the last step
    for one of shape (n, window, n_outputs).

    Examples
    --------
    >>> import torch
    >>> from skorch import NeuralNetRegressor
    >>> from seqforecast.callbacks import GradientFlowRecorder
    >>> class Network(torch.nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.recurrent = torch.nn.GRU(input_size=1, hidden_size=4, batch_first=True)
    ...         self.head = torch.nn.Linear(4, 1)
    ...
    ...     def forward(self, x):
    ...         return self.head(self.recurrent(x)[0][:, -1])
    >>> recorder = GradientFlowRecorder()
    >>> net = NeuralNetRegressor(Network, max_epochs=2, callbacks=[recorder], verbose=0)
    >>> _ = net.fit(torch.randn(50, 12, 1).numpy(), torch.randn(50, 1).numpy())
    >>> recorder.flow_.lag_curve.shape
    (3, 1, 12)
    """

    def __init__(self, every: int | str | None = 1, n_windows: int = 16) -> None:
        self.every = every
        self.n_windows = n_windows

    def initialize(self) -> GradientFlowRecorder:
        """Forget earlier records: the weights are new."""
        self.snapshots_: list[Snapshot] = []
        self.flow_: GradientFlow | None = None
        return self

    def on_train_begin(self, net: Any, X: Any = None, y: Any = None, **kwargs: Any) -> None:
        """Check the parameters; the windows are picked when the first epoch hands them out."""
        if not isinstance(self.every, Integral) or isinstance(self.every, bool):
            check_word("every", self.every, ["auto", None], other="an integer of at least 1")
        else:
            check_integer("every", self.every)
        check_integer("n_windows", self.n_windows)
        self._windows_: Any = None
        self.recorded_ = False
        self.epochs_before_ = len(net.history)

    def on_epoch_begin(self, net: Any, dataset_train: Any = None, **kwargs: Any) -> None:
        """Pick the windows, and record what is there before training."""
        if self.every is None or self._windows_ is not None:
            return
        self._windows_ = _windows(net, dataset_train, self.n_windows)
        if not self.snapshots_:
            self.epochs_before_ = len(net.history) - 1  # a callback may have loaded a history
            self._record(net, epoch=self.epochs_before_)

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        """Record where the schedule says so."""
        if self.every is None:
            return
        epoch, memory = len(net.history), math.nan
        if _is_due(epoch, self.every):
            self._record(net, epoch)
            memory = self.snapshots_[-1].effective_memory
        net.history.record("effective_memory", memory)

    def on_train_end(self, net: Any, X: Any = None, y: Any = None, **kwargs: Any) -> None:
        """Record the weights that the training keeps."""
        self.finish(net)

    def finish(self, net: Any) -> None:
        """Take the last record of a training."""
        if self._windows_ is None:
            return
        epoch = len(net.history)
        if self.recorded_ or epoch > self.epochs_before_ + 1:
            # The best weights may have come back: look again. A single epoch that is not due is
            # a step of a stream, on which a record would weigh.
            probe = self._record(net, epoch)
            self.flow_ = GradientFlow.of(self.snapshots_, input_sensitivity(probe))
        self._windows_ = None

    def _record(self, net: Any, epoch: int) -> NetworkProbe:
        self.recorded_ = True
        snapshot, probe = take_snapshot(
            net.module_, lambda: _forecast(net, self._windows_), epoch=epoch
        )
        shape = snapshot.log10_curve.shape
        earlier = [
            shot
            for shot in self.snapshots_
            if shot.epoch < epoch and shot.log10_curve.shape == shape
        ]
        self.snapshots_ = [*earlier, snapshot]
        return probe


def _is_due(epoch: int, every: int | str) -> bool:
    if not isinstance(every, str):
        return epoch % every == 0
    a, b = 1, 2  # Fibonacci's numbers: dense while much happens, rare when little does
    while a < epoch:
        a, b = b, a + b
    return a == epoch


def _windows(net: Any, dataset: Any, n_windows: int) -> Any:
    """Return the input of some windows of a dataset, as the net's module takes it."""
    rows = probe_rows(len(dataset), n_windows)
    if isinstance(dataset, WindowDataset):
        return net.inputs(dataset.X[rows])
    # Not through the net's iterator: a DataLoader moves torch's global generator.
    return to_device(default_collate([dataset[int(row)] for row in rows])[0], net.device)


def _forecast(net: Any, windows: Any) -> Tensor:
    """Return what a net forecasts from the last step, as (n, n_outputs)."""
    if isinstance(net, RecurrentNet):
        return net.point_forecast(windows)
    prediction = net.infer(windows)
    if isinstance(prediction, tuple):
        prediction = prediction[0]
    if prediction.ndim == 3:
        prediction = prediction[:, -1]
    return prediction.reshape(len(prediction), -1)
