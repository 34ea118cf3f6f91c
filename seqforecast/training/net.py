"""The skorch net that seqforecast trains: the lean step and the divergence guard.

skorch keeps the epochs, the history and the callbacks. Ours are the batches, a step without
per-batch bookkeeping that nobody reads, clipping, and the rule that the best weights survive
whatever ends a training.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import nullcontext, suppress
from copy import deepcopy
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from skorch import NeuralNetRegressor
from skorch.callbacks import Callback, LRScheduler
from torch import Generator, Tensor, nn

from seqforecast.clipping import ClipOutcome, ClippingStrategy, clip_gradients
from seqforecast.nn import QuantileHead
from seqforecast.training.batches import Batches, WindowDataset, n_targets, without_weights
from seqforecast.training.divergence import (
    NO_SUCH_CALLBACK,
    ended_not_finite,
    first_not_finite,
    lower_lr,
    parameter_not_finite,
)
from seqforecast.training.epoch_line import EpochLine
from seqforecast.training.hooks import (
    asks_for_the_end,
    hooks_in_use,
    may_read_batches,
    naming_what_is_missing,
)
from seqforecast.training.native_step import NativeStep, NativeUpdate
from seqforecast.training.patience import Patience, patience_of
from seqforecast.training.rest import Rest
from seqforecast.training.run import Mean, Run
from seqforecast.training.scaling import Scaling
from seqforecast.training.schedules import schedule_of

Array = NDArray[Any]

_EVALUATION_BATCH = 256
_LOOKED_AT = 16
"""Windows that are forecast at the end of a training, to see that all is finite."""

PREDICTION_BLOCK = 64


class RecurrentNet(NeuralNetRegressor):
    """A skorch net that trains a recurrent network on windows.

    Parameters
    ----------
    module : torch.nn.Module
        The network, ready to train: ``module(x, every_step=...)``.
    criterion : torch.nn.Module
        ``criterion(prediction, target, weight)`` gives the mean loss of a batch.
    optimizer : callable
        Called with parameter groups and ``lr``.
    scaling : Scaling
        The fitted units.
    generator : torch.Generator
        Source of the random order of the windows.
    clipping : ClippingStrategy, default=None
        Limit of the gradient; None only measures it.
    weight_decay : float, default=0.0
        Decay of the matrices; biases are left alone.
    feature_names : sequence of str, default=None
        Names of the flat input columns, for messages.
    lr, batch_size, callbacks, device, verbose
        As in skorch.
    """

    def __init__(
        self,
        module: nn.Module,
        criterion: nn.Module,
        *,
        optimizer: Callable[..., torch.optim.Optimizer],
        scaling: Scaling,
        generator: Generator,
        clipping: ClippingStrategy | None = None,
        weight_decay: float = 0.0,
        feature_names: Sequence[str] | None = None,
        lr: float = 3e-3,
        batch_size: int = 32,
        callbacks: list[Any] | None = None,
        device: str = "cpu",
        verbose: int = 0,
    ) -> None:
        super().__init__(
            module,
            criterion=criterion,
            optimizer=optimizer,
            lr=lr,
            batch_size=batch_size,
            callbacks=callbacks,
            device=device,
            verbose=verbose,
            train_split=None,
            # Cached predictions would be in scaled units; a score of an epoch wants the data's.
            use_caching=False,
        )
        self.scaling = scaling
        self.generator = generator
        self.clipping = clipping
        self.weight_decay = weight_decay
        self.feature_names = feature_names
        self.rest = Rest()

    copies_: Sequence[Any] = ()
    """The callbacks of the user, and what the net works on in their place."""

    best_epoch_ = 0
    """The epoch whose weights are the best of the last training; 0 where none came to its end."""

    callbacks_: list[tuple[str, Callback]]
    lr: float

    # What a training starts from --------------------------------------------------------------

    @property
    def _default_callbacks(self) -> list[tuple[str, Any]]:
        return [("epoch_line", EpochLine())] if self.verbose else []

    def initialize_optimizer(self, triggered_directly: bool | None = None) -> RecurrentNet:
        """Give the optimizer the parameters; weight decay is for the matrices alone."""
        matrices = [p for p in self.module_.parameters() if p.ndim > 1]
        biases = [p for p in self.module_.parameters() if p.ndim <= 1]
        groups: list[dict[str, Any]] = [{"params": matrices + biases}]
        if self.weight_decay:  # a second group is a second kernel call in every step
            groups = [
                {"params": matrices, "weight_decay": self.weight_decay},
                {"params": biases, "weight_decay": 0.0},
            ]
        self.optimizer_ = self.optimizer(groups, lr=self.lr)
        return self

    def get_iterator(self, dataset: WindowDataset, training: bool = False) -> Batches:
        """Iterate in random order while training, in larger ordered batches otherwise."""
        size, shuffle = self._batch_size(training), self.generator if training else None
        return Batches(dataset, self.scaling, size, shuffle=shuffle, device=self.device)

    def _batch_size(self, training: bool) -> int:
        return self.batch_size if training else max(self.batch_size, _EVALUATION_BATCH)

    def use_callbacks(self, callbacks: list[Any], verbose: int) -> None:
        """Take other callbacks and verbosity; callbacks that stay keep what they have seen."""
        known = {id(callback) for _, callback in self.callbacks_}
        self.callbacks, self.verbose = callbacks, verbose
        named = list(self._uniquely_named_callbacks())
        for _, callback in named:
            if id(callback) not in known:
                callback.initialize()
        self.callbacks_ = named

    def use_lr(self, lr: float) -> None:
        """Train at this rate from now on; a scheduler of skorch goes on where it stands."""
        schedulers = [one for _, one in self.callbacks_ if isinstance(one, LRScheduler)]
        goes_on = lr == self.lr and any(one.lr_scheduler_ is not None for one in schedulers)
        self.lr = lr
        if not goes_on:
            for group in self.optimizer_.param_groups:
                group["lr"] = lr
                if "initial_lr" in group:  # from which a scheduler computes
                    group["initial_lr"] = lr
            for one in schedulers:
                if hasattr(one.lr_scheduler_, "base_lrs"):  # one that a checkpoint has brought back
                    one.lr_scheduler_.base_lrs = [lr] * len(one.lr_scheduler_.base_lrs)

    # Training ---------------------------------------------------------------------------------

    def train(
        self,
        dataset: WindowDataset,
        valid: WindowDataset | None = None,
        *,
        epochs: int = 1,
        max_steps: int | None = None,
        lr_schedule: str | None = None,
        n_iter_no_change: int | None = None,
        callbacks: Sequence[tuple[str, Callback]] = (),
    ) -> None:
        """Train on from where the net stands; whatever ends it, good weights stay.

        Parameters
        ----------
        dataset : WindowDataset
            The training windows.
        valid : WindowDataset, default=None
            Windows on which the loss is measured after every epoch.
        epochs : int, default=1
            The largest number of passes over `dataset`.
        max_steps : int, default=None
            The step at which training ends, if the epochs do not end before.
        lr_schedule : {None, "cosine"}, default=None
            Course of the learning rate over this training.
        n_iter_no_change : int, default=None
            Epochs without a better loss on `valid` after which training stops, once something is
            learnt (`Patience`); the best weights come back. None trains to the end and keeps the
            last ones.
        callbacks : sequence of (str, Callback), default=()
            Callbacks of this training alone, which have their turn after all others.

        Raises
        ------
        DivergenceError
            After three skipped steps in a row, or where weights or forecasts at the end are not
            finite. The best weights so far are in place, as they are after a KeyboardInterrupt;
            those of the beginning where even they forecast nothing finite.
        """
        steps_an_epoch = -(-len(dataset) // self.batch_size)
        n_steps = epochs * steps_an_epoch
        n_steps = n_steps if max_steps is None else min(n_steps, max_steps)
        self.max_epochs = -(-n_steps // steps_an_epoch)  # callbacks read it
        self.best_epoch_ = 0
        self.iterator_valid__batch_size = self._batch_size(training=False)  # callbacks read it
        self._callbacks_before = self.callbacks_
        self.callbacks_ = [*self.callbacks_, *callbacks]
        try:
            self.notify("on_train_begin", X=dataset.X, y=dataset.y)
            self._run = Run(
                n_steps=n_steps,
                steps_an_epoch=steps_an_epoch,
                patience=self._patience(dataset, valid, n_iter_no_change),
                hooks=(hooks := hooks_in_use(self.callbacks_)),
                keeps_batches=bool(hooks) or may_read_batches(self.callbacks_),
                schedule=schedule_of(lr_schedule, self.lr, n_steps),
                best_weights=(first := _copies(self.module_)),
                earlier_best=(0, first),
            )
            self._run_to_the_end(dataset, valid, epochs)
        finally:
            if hasattr(self, "_run"):  # not even the best weights could be brought back
                self._end_native_steps()
                del self._run
            self.callbacks_ = self._callbacks_before
            del self._callbacks_before

    def _run_to_the_end(
        self, dataset: WindowDataset, valid: WindowDataset | None, epochs: int
    ) -> None:
        """Run the epochs, and see to it that good weights are in place, whatever ends them."""
        run, first = self._run, self._run.best_weights
        try:
            self._tell("restore_checkpoint")
            try:
                self._run_epochs(dataset, valid, epochs)
            except KeyboardInterrupt as interrupt:
                if not asks_for_the_end(interrupt):
                    raise
            if run.patience is not None:
                self.module_.load_state_dict(run.best_weights)
            unfit = self._not_finite(dataset)
            if unfit is not None:
                raise ended_not_finite(unfit, run.steps, lower_lr(self.lr))
        except BaseException:
            self._restore_best(run, first, dataset)
            self._end(run, first, dataset, after_error=True)
            raise
        else:
            try:
                self._tell("remove_checkpoint")
            finally:
                unfit = self._end(run, first, dataset)
            if unfit is not None:
                raise ended_not_finite(unfit, run.steps, NO_SUCH_CALLBACK)

    def _end(
        self, run: Run, first: dict[str, Tensor], dataset: WindowDataset, after_error: bool = False
    ) -> str | None:
        """Tell callbacks of the end; name what they have left that cannot forecast."""
        self._end_native_steps()
        del self._run
        self.module_.eval()
        unfit = None
        try:
            for _, callback in self.callbacks_:
                # After an error that one is what the user must see, and files are to be closed.
                with suppress(Exception) if after_error else nullcontext():
                    callback.on_train_end(self, X=dataset.X, y=dataset.y)
        finally:
            if may_read_batches(self.callbacks_):
                unfit = self._not_finite(dataset)
            if unfit is not None:  # a callback has brought back other weights
                self._restore_best(run, first, dataset)
            self.best_epoch_ = run.best_epoch
        return unfit

    def _run_epochs(self, dataset: WindowDataset, valid: WindowDataset | None, epochs: int) -> None:
        data = {"dataset_train": dataset, "dataset_valid": valid}
        batches = self.get_iterator(dataset, training=True)
        valid_batches = None if valid is None else self.get_iterator(valid)
        self._tell_patience(self._run.epochs)  # those before a checkpoint
        for _ in range(self._run.epochs, epochs):
            self.notify("on_epoch_begin", **data)
            self._run.parameters = list(self.module_.parameters())  # a callback may replace them
            self._choose_native_steps()
            self.run_single_epoch(batches, True, "train", self.train_step)
            self.run_single_epoch(valid_batches, False, "valid", self.validation_step)
            self._keep_best("train_loss" if valid is None else "valid_loss")
            self._tell_patience(1)
            self._end_epoch(data)
            self._run.epochs += 1
            if self._run.steps >= self._run.n_steps or self._stalled():
                return
            self._tell("keep_checkpoint")

    def _end_epoch(self, data: dict[str, WindowDataset | None]) -> None:
        self.on_epoch_end(self, **data)
        has_validation = data["dataset_valid"] is not None
        for _, callback in self.callbacks_:
            with naming_what_is_missing(callback, has_validation=has_validation):
                callback.on_epoch_end(self, **data)

    def __getstate__(self) -> dict[str, Any]:
        """Leave out a training that is under way: a copy of the net stands still."""
        state: dict[str, Any] = self.rest.read(self, RecurrentNet._without_training)
        return state

    def _without_training(self) -> dict[str, Any]:
        if not hasattr(self, "_callbacks_before"):
            return dict(super().__getstate__())
        still = object.__new__(type(self))
        still.__dict__.update(self.__dict__, callbacks_=self._callbacks_before)
        del still.__dict__["_callbacks_before"]
        run = still.__dict__.pop("_run", None)  # not yet, or no longer, at both ends of a training
        if run is not None and run.native is not None:
            # In its buffers each parameter would carry all others.
            names = ("module", "module_", "criterion_", "optimizer_")
            still.__dict__.update(deepcopy({name: getattr(self, name) for name in names}))
            for moments in still.optimizer_.state.values():
                moments.update({name: moment.clone() for name, moment in moments.items()})
        return still._without_training()

    def _tell(self, hook: str) -> None:
        """Call what checkpoints have beside skorch's hooks: after all other callbacks."""
        for _, callback in self.callbacks_:
            if hasattr(callback, hook):
                getattr(callback, hook)(self)

    def run_single_epoch(
        self,
        iterator: Batches | None,
        training: bool,
        prefix: str,
        step_fn: Callable[..., dict[str, Any]],
        **fit_params: Any,
    ) -> None:
        """Run one pass; per-batch history and hooks only where a callback may read them."""
        if iterator is None:
            return
        self._set_training(training)
        run, losses, n_batches = self._run, Mean(), 0
        run.outcomes.clear()
        try:
            for batch in iterator:
                if run.hooks:
                    shown = without_weights(batch)
                    self.notify("on_batch_begin", batch=shown, training=training)
                step = step_fn(batch, **fit_params)
                loss = float(step["loss"])
                losses.add(loss, weight=n_targets(batch))
                n_batches += 1
                if run.keeps_batches:
                    self._record_batch(
                        {f"{prefix}_loss": loss, f"{prefix}_batch_size": len(batch[0])}
                    )
                if run.hooks:
                    run.shown = shown[0], step["y_pred"]
                    self.notify("on_batch_end", batch=shown, training=training, **step)
                if training and run.steps >= run.n_steps:
                    break
        finally:
            # Where training breaks off, too: the last row tells what happened.
            run.shown = None
            self.history.record(f"{prefix}_loss", losses.value)
            self.history.record(f"{prefix}_loss_best", self._is_best(f"{prefix}_loss"))
            self.history.record(f"{prefix}_batch_count", n_batches)
            if training:
                self._record_gradients(run.outcomes)
                if run.native is not None:
                    run.native.write_back()

    def _record_batch(self, values: dict[str, float]) -> None:
        batches = self.history[-1]["batches"]
        if self._run.hooks:  # on_batch_begin has begun the batch
            batches[-1].update(values)
        else:
            batches.append(values)

    def _is_best(self, key: str) -> bool:
        """Tell whether the newest value of a loss is the lowest of the whole history."""
        best, newest = self._run.lowest, self.history[-1][key]
        if key not in best:
            before = [row.get(key, math.nan) for row in self.history[:-1]]
            best[key] = min((value for value in before if not math.isnan(value)), default=math.inf)
        is_best = newest < best[key]
        best[key] = newest if is_best else best[key]
        return bool(is_best)

    def train_step(self, batch: tuple[Tensor, Any], **fit_params: Any) -> dict[str, Any]:
        """Take one step: forward, backward, clip, update; or skip it."""
        run = self._run
        if isinstance(run.native, NativeStep):
            return self._native_step(run.native, batch)
        if run.native is not None:
            run.native.clear_gradient()
        else:
            for parameter in run.parameters:  # what zero_grad does, without its profiling record
                parameter.grad = None
        prediction, loss = self._forward(batch)
        loss.backward()
        if "on_grad_computed" in run.hooks:
            named, shown = list(self.module_.named_parameters()), without_weights(batch)
            self.notify("on_grad_computed", named_parameters=named, batch=shown, training=True)
        lr = self.optimizer_.param_groups[0]["lr"]
        self._set_lr(self._scheduled_lr())
        if run.native is not None:
            outcome = run.native.update()
        else:
            outcome = clip_gradients(run.parameters, self.clipping)
            if not outcome.skipped:
                self.optimizer_.step()
        self._count(outcome, batch, lr)
        return {"loss": loss.detach(), "y_pred": prediction.detach()}

    def _native_step(self, native: NativeStep, batch: tuple[Tensor, Any]) -> dict[str, Any]:
        lr = self.optimizer_.param_groups[0]["lr"]
        self._set_lr(self._scheduled_lr())
        loss, outcome = native.step(batch)
        self._count(outcome, batch, lr)
        return {"loss": loss}

    @property
    def _trained(self) -> tuple[Any, ...]:
        return self.module_, self.criterion_, self.optimizer_, self.clipping

    def _end_native_steps(self) -> None:
        if self._run.native is not None:
            self._run.native.close()
            self._run.native = None

    def _choose_native_steps(self) -> None:
        """Take the steps of an epoch in native code, as far as callbacks let it.

        Before each epoch, because callbacks may freeze a layer, and unfreeze it.
        """
        run = self._run
        if run.native is not None and not run.native.still_fits(*self._trained):
            self._end_native_steps()
        # Who looks at every batch may change anything between two of them.
        if run.native is None and not run.hooks:
            kinds = (NativeStep, NativeUpdate)
            fitting = next((kind for kind in kinds if kind.fits(*self._trained)), None)
            run.native = None if fitting is None else fitting(*self._trained)

    def _scheduled_lr(self) -> float | None:
        run = self._run
        return None if run.schedule is None else run.schedule(run.steps + 1)

    def _set_lr(self, lr: float | None) -> None:
        if lr is not None:
            for group in self.optimizer_.param_groups:
                group["lr"] = lr

    def _count(self, outcome: ClipOutcome, batch: tuple[Tensor, Any], lr_before: float) -> None:
        run = self._run
        run.steps += 1
        run.outcomes.append(outcome)
        if outcome.skipped:
            self._set_lr(None if run.schedule is None else lr_before)
        if run.guard.diverged(run.steps, outcome.skipped, lambda: self._culprit(batch)):
            raise run.guard.error(
                f"scale the data (scaling='standard'), lower lr (now {self.lr:g}) or set "
                "gradient_clipping. The best weights so far are in place."
            )

    def _culprit(self, batch: tuple[Tensor, Any]) -> str:
        return first_not_finite(batch, self.module_, self.feature_names)

    def validation_step(self, batch: tuple[Tensor, Any], **fit_params: Any) -> dict[str, Any]:
        """Return the loss of one batch without training on it."""
        with torch.no_grad():
            prediction, loss = self._forward(batch)
        return {"loss": loss, "y_pred": prediction}

    def _forward(self, batch: tuple[Tensor, Any]) -> tuple[Tensor, Tensor]:
        x, target = batch
        target, weight = target if isinstance(target, tuple) else (target, None)
        prediction = self.module_(x, every_step=target.ndim == 3)
        return prediction, self.criterion_(prediction, target, weight)

    def _record_gradients(self, outcomes: list[ClipOutcome]) -> None:
        norms = [outcome.norm for outcome in outcomes if not outcome.skipped]
        n_clipped = sum(outcome.clipped for outcome in outcomes)
        self.history.record("grad_norm", math.fsum(norms) / len(norms) if norms else math.nan)
        self.history.record("grad_norm_max", max(norms, default=math.nan))
        self.history.record("clip_fraction", n_clipped / max(1, len(outcomes)))
        self.history.record("skipped_steps", len(outcomes) - len(norms))
        self.history.record("lr", self.optimizer_.param_groups[0]["lr"])

    def history_frame(self) -> pd.DataFrame:
        """Return the history as a table, a row an epoch, the losses first."""
        # A callback may have ended a training before the first step of its last epoch.
        begun = [row for row in self.history if "train_batch_count" in row or "train_loss" in row]
        rows = [{k: v for k, v in row.items() if _is_column(k)} for row in begun]
        frame = pd.DataFrame(rows, index=pd.RangeIndex(1, len(rows) + 1, name="epoch"))
        losses = [name for name in ("train_loss", "valid_loss") if name in frame]
        return frame[[*losses, *frame.columns.difference(losses, sort=False)]]

    @property
    def epochs_done(self) -> int:
        """Epochs of the training that is under way, those before an interruption included."""
        return self._run.epochs

    # What happens to the weights --------------------------------------------------------------

    def _keep_best(self, monitored: str) -> None:
        run, loss = self._run, self.history[-1][monitored]
        if loss < run.best_loss:
            run.earlier_best = run.best_epoch, run.best_weights
            run.best_loss, run.best_epoch = loss, len(self.history)
            run.best_weights = _copies(self.module_)

    def _restore_best(self, run: Run, first: dict[str, Tensor], dataset: WindowDataset) -> None:
        """Load the best weights that can forecast: the last step of an epoch may lead too far."""
        for epoch, weights in ((run.best_epoch, run.best_weights), run.earlier_best, (0, first)):
            run.best_epoch = epoch
            self.module_.load_state_dict(weights)
            if self._not_finite(dataset) is None:
                return

    def _not_finite(self, dataset: WindowDataset) -> str | None:
        """Name a parameter that is not finite, or the forecasts; None where the net can forecast.

        Both are looked at: finite steps may lead too far, and an infinite weight to a finite
        forecast of the few windows that are tried.
        """
        if hasattr(self, "_run"):
            self._end_native_steps()
        parameter = parameter_not_finite(self.module_)
        if parameter is not None:
            return parameter
        self.module_.eval()
        some = dataset.X[:: -(-len(dataset) // _LOOKED_AT)]
        with torch.no_grad():
            forecasts: Tensor = self.module_(self.inputs(some))
        return None if forecasts.isfinite().all() else "the forecasts"

    def _patience(
        self, train: WindowDataset, valid: WindowDataset | None, n_epochs: int | None
    ) -> Patience | None:
        if valid is None or n_epochs is None:
            return None
        batches = (
            Batches(
                dataset,
                self.scaling,
                _EVALUATION_BATCH,
                shuffle=Generator().manual_seed(0),  # not the training's, whose order stays
                device=self.device,
            )
            for dataset in (train, valid)
        )
        return patience_of(n_epochs, self.criterion_, *batches)

    def _tell_patience(self, n_epochs: int) -> None:
        """Tell patience of the newest epochs of the history."""
        if self._run.patience is not None:
            for row in self.history[len(self.history) - n_epochs :]:
                if "valid_loss" in row:  # a file may be of a training without validation
                    self._run.patience.add(row["train_loss"], row["valid_loss"])

    def _stalled(self) -> bool:
        return self._run.patience is not None and self._run.patience.has_ended

    # Prediction -------------------------------------------------------------------------------

    def predict(self, X: Any) -> NDArray[np.float64]:
        """Forecast (n, n_outputs) in the data's units; of quantiles the median.

        Of the batch that a callback is being told of, return what the network has just forecast,
        in its own units, which are those of the batch: that is what a score of a batch compares.
        """
        windows, forecast = (self._run.shown if hasattr(self, "_run") else None) or (None, None)
        if forecast is None or windows is not X:
            return np.asarray(self._point(self.forecast(X)))
        return np.asarray(self._point(forecast.cpu().numpy()))

    def forecast(self, X: Any) -> NDArray[np.float64]:
        """Forecast in the data's units: (n, n_outputs), or (n, n_outputs, n_levels).

        Windows pass in blocks of one size, the last one filled up: the products of a smaller
        block are rounded differently, and a forecast must not depend on its neighbours.
        """
        windows = X.X if isinstance(X, WindowDataset) else np.asarray(X)
        self.module_.eval()
        forecasts = []
        with torch.no_grad():
            for start in range(0, len(windows), PREDICTION_BLOCK):
                x = windows[start : start + PREDICTION_BLOCK]
                units = self.scaling.units(x)
                block = np.zeros((PREDICTION_BLOCK, *x.shape[1:]))
                block[: len(x)] = units.of_windows(x)
                output = self.module_(self.tensor(block))[: len(x)]
                forecasts.append(units.restore(output.cpu().numpy().astype(np.float64)))
        return np.concatenate(forecasts)

    # What is looked at ------------------------------------------------------------------------

    def inputs(self, windows: Array) -> Tensor:
        """Return windows (n, window, n_channels) as the module takes them."""
        return self.tensor(self.scaling.units(windows).of_windows(windows))

    def point_forecast(self, x: Tensor) -> Tensor:
        """Return the forecast (n, n_outputs) in scaled units; of quantiles the median."""
        forecast: Tensor = self.module_(x)
        return self._point(forecast)

    def _point(self, forecast: Any) -> Any:
        """Return of quantiles the median, of other forecasts all."""
        head = self.module_.head
        return forecast[..., head.median] if isinstance(head, QuantileHead) else forecast

    def tensor(self, values: Array) -> Tensor:
        """Return an array in float32, on the device of the net."""
        return torch.from_numpy(values).to(device=self.device, dtype=torch.float32)


def _is_column(name: str) -> bool:
    """Tell skorch's bookkeeping from what a row of the history says."""
    return name not in ("batches", "epoch") and not name.endswith(("_batch_count", "_best"))


def _copies(module: nn.Module) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in module.state_dict().items()}
