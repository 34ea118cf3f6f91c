"""What the three recurrent regressors share: fit, predict and everything scikit-learn expects."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np
from joblib import cpu_count, effective_n_jobs
from numpy.typing import NDArray
from sklearn.base import RegressorMixin
from sklearn.metrics import r2_score
from sklearn.utils.validation import check_is_fitted, validate_data
from torch import Generator

from seqforecast import nn
from seqforecast._shared.at_once import Alone, as_it_is, become
from seqforecast._shared.checks import check_number, require_finite
from seqforecast._shared.early_stopping import ENOUGH_WINDOWS
from seqforecast._shared.memory_limits import require_memory
from seqforecast._shared.sklearn_compat import SUPPORTED, CallbackSupportMixin, with_callbacks
from seqforecast.callbacks import Checkpoint
from seqforecast.callbacks.copies import copies_for_fit, with_name_of
from seqforecast.callbacks.parameter import CallbackParameter
from seqforecast.callbacks.refused import refuse_without_effect
from seqforecast.clipping import own_strategy
from seqforecast.containers.arrays import as_array
from seqforecast.containers.windows import targets_array, windows_array
from seqforecast.exceptions import DivergenceError
from seqforecast.regressors.column_names import (
    check_lag_names,
    check_target_names,
    check_validation_names,
    warn_if_features,
    warn_if_not_in_order,
)
from seqforecast.regressors.epoch_tasks import EpochTasks
from seqforecast.regressors.html_repr import RecurrentDiagram
from seqforecast.regressors.inputs import (
    InputForm,
    hold_out_newest,
    training_dataset,
    warn_if_degenerate,
    warn_if_units_differ,
)
from seqforecast.regressors.observe import OBSERVED_EVERY, LastLook, Observer
from seqforecast.regressors.parameters import (
    LOSSES,
    OPTIMIZERS,
    built_with,
    check_nested,
    check_parameters,
    check_unchanged,
    device_of,
    generators,
    quantile_column,
    warn_if_one_sided,
)
from seqforecast.regressors.repeated_channels import check_repeated_channels
from seqforecast.regressors.stream import Stream
from seqforecast.regressors.time_order import warn_if_newest_first, warn_if_unsorted
from seqforecast.training.batches import WindowDataset
from seqforecast.training.net import RecurrentNet
from seqforecast.training.scaling import SCALINGS, Scaling
from seqforecast.training.state import as_it_stands
from seqforecast.training.threads import computing
from seqforecast.training.training_id import training_id

Array = NDArray[Any]

_DEFAULT_BATCH = 32
_CALLER_OF_FIT = 5 if SUPPORTED else 4  # scikit-learn's decorator is one of them
"""Frames between a warning and the line of the user that called `fit` or `partial_fit`."""

_OF_A_PARAMETER = 12
"""Bytes, at least: its value, its gradient and the best value so far."""

_OF_A_LAYER = 4_096
"""Bytes of the objects that hold its four arrays, at least."""

_OF_A_VALUE = 20
"""Bytes of a value of the input: as it is gathered, scaled, and in float32."""


class RecurrentRegressor(
    RecurrentDiagram,
    CallbackSupportMixin,
    RegressorMixin,
    CallbackParameter,
    ABC,
):
    """Fit and predict of a recurrent network on windows.

    The base of `RNNRegressor`, `LSTMRegressor` and `GRURegressor`, which hold the parameters and
    their documentation; it cannot be used by itself.
    """

    hidden_size: int
    num_layers: int
    dropout: float
    recurrent_init: str | None
    n_channels: int
    scaling: str | None
    loss: str
    quantiles: tuple[float, ...]
    optimizer: Any
    lr: float
    weight_decay: float
    lr_schedule: str | None
    batch_size: int
    max_epochs: int
    max_steps: int | None
    gradient_clipping: Any
    early_stopping: Any
    validation_fraction: float
    n_iter_no_change: int
    observe: str
    callbacks: list[Any] | None
    verbose: int
    warm_start: bool
    n_jobs: int | None
    device: str
    random_state: Any

    def set_params(self, **params):
        """Set parameters; of a callback on a copy of it, by ``callbacks__name__parameter``.

        The name is that of its tuple, or its class; None in its place leaves it out. A parameter of
        a strategy is set by ``gradient_clipping__max_norm``.

        Parameters
        ----------
        **params : dict
            Values by name.

        Returns
        -------
        self : object
            The estimator.
        """
        check_nested(self.get_params(deep=False), params)
        return super().set_params(**params)

    # The public methods -----------------------------------------------------------------------

    def fit(self, X, y, sample_weight=None, *, X_val=None, y_val=None):
        """Fit the network to windows and the values that follow them.

        Parameters
        ----------
        X : array-like of shape (n_windows, window * n_channels) or \
(n_windows, window, n_channels)
            The windows, in time order, each with its oldest step first and the channels of a step
            side by side. Nothing is copied: a strided view stays one.
        y : array-like of shape (n_windows,), (n_windows, n_outputs) or \
(n_windows, window, n_outputs)
            The targets. With three dimensions there is one at every step, and NaN marks a step
            without one.
        sample_weight : array-like of shape (n_windows,), default=None
            Weight of each window: 2 counts like the window twice, 0 leaves it out.
        X_val : array-like, default=None
            Windows of the same form for validation; of a frame, the columns of `X` in their
            order. None takes the newest `validation_fraction` of the rows where early stopping
            is on.
        y_val : array-like, default=None
            Targets of `X_val`.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If a parameter or an array cannot be used, or if names or values of the columns of
            `X` tell of other channels than `n_channels`; what was fitted before stays.
        DivergenceError
            If the gradient is not finite in three steps in a row, or weights or forecasts are not
            finite at the end; the best weights so far stay.
        RuntimeError
            If another thread, or a callback of this fit, fits this estimator.
        """
        with self._learner() as learner:
            learner._fit(X, y, sample_weight, X_val, y_val)
        return self

    def partial_fit(self, X, y, sample_weight=None):
        """Train one more pass, at a constant learning rate.

        Call it after `fit`, or by itself: the first call builds the network and learns the
        scaling, and later ones keep both, so that a stream is seen in the same units. A first
        batch of a few windows would fix the scaling on these few; give it the history.

        Parameters
        ----------
        X : array-like of shape (n_windows, window * n_channels) or \
(n_windows, window, n_channels)
            The windows.
        y : array-like of shape (n_windows,), (n_windows, n_outputs) or \
(n_windows, window, n_outputs)
            The targets.
        sample_weight : array-like of shape (n_windows,), default=None
            Weight of each window.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError, DivergenceError, RuntimeError
            As `fit`.
        """
        with self._learner() as learner:
            learner._fit_one_pass(X, y, sample_weight)
        return self

    def predict(self, X):
        """Forecast the values that follow each window.

        Parameters
        ----------
        X : array-like of shape (n_windows, window * n_channels) or \
(n_windows, window, n_channels)
            The windows, as in `fit`.

        Returns
        -------
        y_pred : ndarray of shape (n_windows,) or (n_windows, n_outputs)
            The forecasts, float64, in the units of the targets; one dimension where `fit` saw
            one. The median with ``loss="quantile"``.
        """
        fitted = as_it_is(self)
        forecast = fitted._forecast(X)
        if fitted.quantiles_ is not None:
            forecast = forecast[..., fitted._level_column(0.5)]
        return forecast[:, 0] if fitted._form.y_ndim == 1 else forecast

    def predict_quantiles(self, X):
        """Forecast the quantiles of the values that follow each window.

        Parameters
        ----------
        X : array-like of shape (n_windows, window * n_channels) or \
(n_windows, window, n_channels)
            The windows, as in `fit`.

        Returns
        -------
        quantiles : ndarray of shape (n_windows, n_quantiles) or \
(n_windows, n_outputs, n_quantiles)
            One column a level of the parameter `quantiles`, in its order; they never cross.
        """
        return self._quantiles(X, self.quantiles)

    def predict_interval(self, X, coverage=0.8):
        """Forecast an interval that holds the value with a given probability.

        Parameters
        ----------
        X : array-like of shape (n_windows, window * n_channels) or \
(n_windows, window, n_channels)
            The windows, as in `fit`.
        coverage : float, default=0.8
            Probability, in (0, 1). The levels (1 - coverage) / 2 and (1 + coverage) / 2 must be
            among `quantiles`.

        Returns
        -------
        interval : ndarray of shape (n_windows, 2) or (n_windows, n_outputs, 2)
            Lower and upper end.

        Raises
        ------
        ValueError
            If the network was not fitted for these levels.
        """
        check_number("coverage", coverage, low=0, high=1, open_low=True)
        ends = (1 - coverage) / 2, (1 + coverage) / 2
        return self._quantiles(X, ends)

    def checked_windows(self, X):
        """Return windows as the network takes them, checked as `predict` checks them.

        Parameters
        ----------
        X : array-like of shape (n_windows, window * n_channels) or \
(n_windows, window, n_channels)
            The windows, as in `fit`.

        Returns
        -------
        windows : ndarray of shape (n_windows, window, n_channels)
            The same values, oldest step first; a view where `X` is an array.

        Raises
        ------
        NotFittedError
            If it is not fitted.
        ValueError
            If `X` does not have the form of the windows of the fit, or holds NaN or infinity.
        """
        return as_it_is(self)._checked(X)

    def stream(self, X):
        """Return a stream: the network reads on step by step, at the cost of one step each.

        Parameters
        ----------
        X : array-like of shape (n_windows, window * n_channels) or \
(n_windows, window, n_channels)
            The newest window of every series, as in `fit`.

        Returns
        -------
        stream : Stream
            Its `forecast` is ``predict(X)``; its `update` takes the next step of every series.
        """
        return Stream(self, X)

    def score(self, X, y, sample_weight=None):
        """Return the coefficient of determination of the forecasts.

        Parameters
        ----------
        X : array-like of shape (n_windows, window * n_channels) or \
(n_windows, window, n_channels)
            The windows, as in `fit`.
        y : array-like of shape (n_windows,), (n_windows, n_outputs) or \
(n_windows, window, n_outputs)
            The actual values. Of targets at every step the last one counts, where there is one.
        sample_weight : array-like of shape (n_windows,), default=None
            Weight of each window.

        Returns
        -------
        score : float
            R2: 1 is perfect, 0 is as good as the mean.

        Notes
        -----
        Scorers of scikit-learn know no targets at every step: inside a search on these, use this
        method (``scoring=None``) or `seqforecast.forecast_scorer`, which compares with the last
        one, too.
        """
        forecast, y = self.predict(X), as_array(y, "y")
        if sample_weight is not None:
            sample_weight = as_array(sample_weight, "sample_weight")
        if y.ndim == 3:
            y = y[:, -1]
            known = ~np.isnan(y).any(axis=1)
            forecast, y = forecast[known], y[known]
            sample_weight = None if sample_weight is None else sample_weight[known]
        require_finite(y, "y")
        return r2_score(y, forecast, sample_weight=sample_weight)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.target_tags.multi_output = True
        tags.target_tags.single_output = True
        return tags

    # Input ------------------------------------------------------------------------------------

    @contextmanager
    def _learner(self) -> Iterator[RecurrentRegressor]:
        """Return a copy to fit in the place of this estimator, which becomes what it has learnt.

        All at once at the end, so that another thread sees what was fitted before or what is fitted
        now; and not at all if the fit fails before there is something to keep.
        """
        with Alone(self, "fit"):
            learner = as_it_is(self)
            before = as_it_is(self).__dict__
            try:
                yield learner
            except BaseException:  # Ctrl-C, too
                if learner.__dict__.get("history_") is not before.get("history_"):
                    self._become(learner, before)
                elif "net_" in before:  # which may have been trained where it lies
                    become(self, {"net_": before["net_"].rest.untrained(before["net_"])})
                raise
            else:
                self._become(learner, before)
            finally:
                for attributes in (before, learner.__dict__):
                    if "net_" in attributes:
                        attributes["net_"].rest.end()

    def _become(self, learner: RecurrentRegressor, before: dict[str, Any]) -> None:
        now, nothing = learner.__dict__, object()
        learnt = {name: v for name, v in now.items() if v is not before.get(name, nothing)}
        become(self, learnt, gone=before.keys() - now.keys())

    def _training_data(self, X: Any, y: Any, sample_weight: Any, *, reset: bool) -> WindowDataset:
        params = self.get_params(deep=False)
        check_parameters(params)
        if not reset:
            check_unchanged(params, self._built_with)
        validate_data(self, X, reset=reset, skip_check_array=True, ensure_2d=False)
        owner = type(self).__name__
        X, y = windows_array(X, owner=owner), targets_array(y, owner=owner)
        if reset:
            columns = getattr(self, "feature_names_in_", None)
            columns = None if columns is None else list(columns)
            check_lag_names(columns, self.n_channels)
            self._form = form = InputForm.of(
                X, y, n_channels=self.n_channels, owner=owner, columns=columns
            )
            self.n_features_in_ = form.n_features
            self.window_, self.n_channels_ = form.window, form.n_channels
            self.n_outputs_, self.n_validation_ = form.n_outputs, 0
        data = training_dataset(self._form, X, y, sample_weight, min_windows=2 if reset else 1)
        if reset:
            # Of X, not of data: windows of weight 0 are missing there, and their neighbours jump.
            check_repeated_channels(X, self.n_channels)
            warn_if_degenerate(data, is_flat=X.ndim == 2, stacklevel=_CALLER_OF_FIT)
            if y.ndim < 3:  # as a Forecaster gives them, which says for itself what it forecasts
                warn_if_one_sided(params, stacklevel=_CALLER_OF_FIT)
            warn_if_features(columns, self.n_channels, stacklevel=_CALLER_OF_FIT)
            if not warn_if_not_in_order(columns, self.n_channels, stacklevel=_CALLER_OF_FIT):
                warn_if_newest_first(X, self._form, stacklevel=_CALLER_OF_FIT)
        return data

    def _split(
        self, data: WindowDataset, X: Any, y: Any, X_val: Any, y_val: Any
    ) -> tuple[WindowDataset, WindowDataset | None, bool]:
        """Return training windows, validation windows, and whether these end the training."""
        given = X_val is not None
        if given != (y_val is not None):
            missing = "y_val" if given else "X_val"
            raise ValueError(
                f"{missing} is None, but its partner was given; both are needed. Pass both, or "
                "neither to validate on the newest windows of X."
            )
        early_stopping = self.early_stopping
        if early_stopping == "auto":
            early_stopping = given or len(data) >= ENOUGH_WINDOWS
        valid = None
        if given:
            form = self._form
            check_validation_names(X_val, form.columns, owner=form.owner, stacklevel=_CALLER_OF_FIT)
            check_target_names(y_val, y)
            valid = form.dataset(X_val, y_val, X_name="X_val", y_name="y_val")
        elif early_stopping:
            warn_if_unsorted(X, stacklevel=_CALLER_OF_FIT)
            fraction = self.validation_fraction
            data, valid = hold_out_newest(data, fraction, n_outputs=self.n_outputs_)
        self.n_validation_ = 0 if valid is None else len(valid)
        return data, valid, early_stopping

    # Training ---------------------------------------------------------------------------------

    @with_callbacks
    def _fit(self, X: Any, y: Any, sample_weight: Any, X_val: Any, y_val: Any) -> None:
        goes_on = self.warm_start and hasattr(self, "net_")
        data = self._training_data(X, y, sample_weight, reset=not goes_on)
        train, valid, early_stopping = self._split(data, X, y, X_val, y_val)
        self._train(
            self._same_net() if goes_on else self._new_net(train),
            train,
            valid,
            {"X": X, "y": y, "metadata": {"sample_weight": sample_weight}},
            epochs=self.max_epochs,
            max_steps=self.max_steps,
            lr_schedule=self.lr_schedule,
            n_iter_no_change=self.n_iter_no_change if early_stopping else None,
        )

    @with_callbacks
    def _fit_one_pass(self, X: Any, y: Any, sample_weight: Any) -> None:
        goes_on = hasattr(self, "net_")
        data = self._training_data(X, y, sample_weight, reset=not goes_on)
        self._train(
            self._same_net() if goes_on else self._new_net(data),
            data,
            None,
            {"X": X, "y": y, "metadata": {"sample_weight": sample_weight}},
            epochs=1,
        )

    def _new_net(self, data: WindowDataset) -> RecurrentNet:
        self._built_with = built_with(self.get_params(deep=False))
        # The median is always among them: it is what `predict` gives.
        levels = {float(level) for level in self.quantiles} | {0.5}
        self.quantiles_ = tuple(sorted(levels)) if self.loss == "quantile" else None
        self._require_memory(data)
        scaling: Scaling = SCALINGS[self.scaling]()
        scaling.fit(data.X, data.y, data.weight)
        warn_if_units_differ(data, scaling, stacklevel=_CALLER_OF_FIT)
        return self._build_net(scaling, generators(self.random_state))

    def _same_net(self) -> RecurrentNet:
        """Return the net that there is, to train it where it lies."""
        net: RecurrentNet = self.net_.rest.untrained(self.net_)
        net.rest.begin(as_it_stands(net))
        return net

    def _require_memory(self, data: WindowDataset) -> None:
        """Raise if the network and one batch can never fit into the memory of this machine."""
        hidden, layers = int(self.hidden_size), int(self.num_layers)
        gates = 1 if hasattr(self, "nonlinearity") else 3  # an LSTM has 4
        levels = 1 if self.quantiles_ is None else len(self.quantiles_)
        outputs, channels = levels * self.n_outputs_, self.n_channels_
        parameters = gates * hidden * (channels + (2 * layers - 1) * hidden) + outputs * hidden
        n, steps = min(int(self.batch_size), len(data)), data.y[0].size // self.n_outputs_
        states = (gates + 1) * hidden * layers
        batch = n * (self.window_ * (_OF_A_VALUE * channels + 4 * states) + 8 * steps * outputs)
        require_memory(
            _OF_A_PARAMETER * parameters + _OF_A_LAYER * layers + batch,
            f"hidden_size={hidden}, num_layers={layers}, batches of {n} windows of "
            f"{self.window_} steps and {outputs} outputs",
            "Use a smaller network, a smaller batch_size, shorter windows or fewer quantiles.",
        )

    def _build_net(self, scaling: Scaling, sources: Sequence[Generator]) -> RecurrentNet:
        """Return a net with first weights.

        `sources` are of the first weights, the order of the windows and the dropout masks.
        """
        weights, order, dropout = sources
        with computing(1):  # LAPACK rounds by the number of threads
            network = self._build_network(weights, dropout)
        criterion = LOSSES[self.loss]
        if self.quantiles_ is not None:
            criterion = partial(criterion, self.quantiles_)
        names = getattr(self, "feature_names_in_", None)
        net = RecurrentNet(
            network,
            criterion(),
            optimizer=OPTIMIZERS.get(self.optimizer, self.optimizer),
            scaling=scaling,
            generator=order,
            weight_decay=self.weight_decay,
            feature_names=None if names is None else list(names),
            lr=self.lr,
            callbacks=[("gradient_flow", Observer())],
            device=device_of(self.device),
        )
        self._give_callbacks(net.initialize())
        return net

    def _give_callbacks(self, net: RecurrentNet) -> None:
        """Give a net the callbacks and the verbosity that are asked for now."""
        observer: Observer = dict(net.callbacks_)["gradient_flow"]
        observer.every = OBSERVED_EVERY[self.observe]
        callbacks = list(self.callbacks or [])
        copies = copies_for_fit(callbacks, net.copies_)
        named = [
            with_name_of(item, copy.callback) for item, copy in zip(callbacks, copies, strict=True)
        ]
        net.use_callbacks([("gradient_flow", observer), *named], self.verbose)
        net.copies_ = copies  # now that each has been initialised

    def _build_network(self, weights: Generator, dropout: Generator) -> nn.RecurrentNetwork:
        recurrent = self._recurrent_layer(weights)
        recurrent.dropout.generator = dropout
        if self.recurrent_init == "orthogonal":
            nn.orthogonal_(recurrent, generator=weights)
        bias = getattr(self, "forget_bias", None)
        if bias is not None:
            nn.forget_gate_bias_(recurrent, bias, window=self.window_, generator=weights)
        head: nn.LinearHead | nn.QuantileHead
        hidden, n_outputs, levels = self.hidden_size, self.n_outputs_, self.quantiles_
        if levels is None:
            head = nn.LinearHead(hidden, n_outputs, generator=weights)
        else:
            head = nn.QuantileHead(hidden, n_outputs, levels, generator=weights)
        return nn.RecurrentNetwork(recurrent, head, self.dropout, generator=dropout)

    @abstractmethod
    def _recurrent_layer(self, generator: Generator) -> nn.RecurrentLayer:
        """Return the recurrent layer with torch's own first values."""

    def _train(
        self,
        net: RecurrentNet,
        data: WindowDataset,
        valid: WindowDataset | None,
        raw: dict[str, Any],
        **options: Any,
    ) -> None:
        """Train the net; keep it also where training was broken off with good weights."""
        self._give_callbacks(net)
        params = self.get_params(deep=False)
        refuse_without_effect(net.callbacks_, params, every_step=data.y.ndim == 3)
        net.use_lr(self.lr)
        net.batch_size = min(self.batch_size, len(data))
        # An epoch of one step is short; where steps are counted, nothing is lost.
        if self.max_steps is None and self.batch_size > max(len(data), _DEFAULT_BATCH):
            warnings.warn(
                f"batch_size={self.batch_size}, but there are {len(data)} training windows; every "
                "step uses them all. Lower batch_size or pass more windows.",
                stacklevel=_CALLER_OF_FIT,
            )
        net.clipping = own_strategy(self.gradient_clipping, "gradient_clipping")
        for _, callback in net.callbacks_:
            if isinstance(callback, Checkpoint) and callback.name is None:
                callback.identify(
                    training_id(type(self).__name__, params, net, data, valid, options)
                )
        tasks = EpochTasks(self, raw, lambda: self._fitted_attributes(net))
        last = [("last_look", LastLook(dict(net.callbacks_)["gradient_flow"]))]
        last += [("epoch_tasks", tasks)] if SUPPORTED else []
        try:
            with computing(self._n_threads()):
                net.train(data, valid, callbacks=last, **options)
        except DivergenceError:
            self._keep(net)
            raise
        except KeyboardInterrupt:
            if net.best_epoch_:  # first weights, drawn by chance, are nothing to keep
                self._keep(net)
            raise
        self._keep(net)

    def _keep(self, net: RecurrentNet) -> None:
        self.__dict__.pop("gradient_flow_", None)  # of an earlier fit, if this one saw nothing
        self.__dict__.update(self._fitted_attributes(net))

    def _fitted_attributes(self, net: RecurrentNet) -> dict[str, Any]:
        history = net.history_frame()
        flow = dict(net.callbacks_)["gradient_flow"].flow_
        observed = {} if flow is None else {"gradient_flow_": flow}
        return {"net_": net, "history_": history, "n_iter_": len(history), **observed}

    # Output -----------------------------------------------------------------------------------

    def _forecast(self, X: Any) -> NDArray[np.float64]:
        windows = self._checked(X)
        with computing(self._n_threads()):
            return self.net_.rest.read(self.net_, lambda net: net.forecast(windows))

    def _checked(self, X: Any) -> Array:
        check_is_fitted(self, "net_")
        validate_data(self, X, reset=False, skip_check_array=True, ensure_2d=False)
        return self._form.windows(X)

    def _quantiles(self, X: Any, wanted: Any) -> NDArray[np.float64]:
        fitted = as_it_is(self)
        check_is_fitted(fitted, "net_")
        columns = [fitted._level_column(level) for level in wanted]
        quantiles = fitted._forecast(X)[..., columns]
        return quantiles[:, 0] if fitted._form.y_ndim == 1 else quantiles

    def _level_column(self, level: float) -> int:
        return quantile_column(level, self.quantiles_, type(self).__name__)

    def _n_threads(self) -> int:
        # More threads than processors only wait, and too many end the process.
        return 1 if self.n_jobs is None else min(effective_n_jobs(self.n_jobs), cpu_count())
