"""The RNN as a scikit-learn regressor."""

from __future__ import annotations

from torch import Generator

from seqforecast import nn
from seqforecast.regressors.base import RecurrentRegressor


class RNNRegressor(RecurrentRegressor):
    r"""Elman network for windows of a time series.

    The simplest of the three and the cheapest: use it as the baseline that shows whether gates
    are needed, or where the past matters for a few steps only. Its gradient vanishes soonest.

    Parameters
    ----------
    hidden_size : int, default=32
        Number of units of each recurrent layer.
    num_layers : int, default=1
        Number of recurrent layers, each reading the output of the one below.
    dropout : float, default=0.0
        Share of the values dropped while training, between the layers and before the head, in
        [0, 1).
    nonlinearity : {"tanh", "relu"}, default="tanh"
        Activation of the state.
    recurrent_init : {"orthogonal", None}, default="orthogonal"
        First value of the recurrent matrices: orthogonal, one block a gate, or (None) PyTorch's
        own uniform one.
    n_channels : int, default=1
        How a flat row of `X` is read: so many values belong to one step. Windows of three
        dimensions tell it themselves.
    scaling : {"standard", "window", None}, default="standard"
        Units of the network: ``"standard"`` is mean 0 and standard deviation 1 over the training
        windows, per channel and per output; ``"window"`` gives each window its own, and the
        targets those of channel 0, which must be the target's past; None is the data's own.
        Forecasts always come back in the data's units.
    loss : {"squared_error", "absolute_error", "huber", "quantile"}, default="squared_error"
        What training minimises, in scaled units. ``"huber"`` is squared up to 1 and absolute
        beyond; ``"quantile"`` forecasts all levels of `quantiles`.
    quantiles : sequence of float, default=(0.1, 0.5, 0.9)
        Levels in (0, 1) for ``loss="quantile"``; 0.5 is added if absent.
    optimizer : {"adam", "adamw", "sgd", "rmsprop"} or torch.optim class, default="adam"
        Update rule. A class may be wrapped in ``functools.partial`` to fix its arguments.
    lr : float, default=0.003
        Learning rate.
    weight_decay : float, default=0.0
        Weight decay of the matrices; biases are left alone.
    lr_schedule : {None, "cosine"}, default=None
        Course of the learning rate: constant, or a rise over the first 5 % of the steps and a
        cosine down to 0 at the last possible one.
    batch_size : int, default=32
        Windows a step.
    max_epochs : int, default=100
        Largest number of passes over the training windows.
    max_steps : int, default=None
        Step at which training ends, if its epochs do not end before.
    gradient_clipping : float, ClippingStrategy or None, default=1.0
        Limit of the gradient: a largest norm, a strategy of `seqforecast.clipping`, or None (or
        infinity) to measure only. In every case a step whose gradient is not finite is left out.
    early_stopping : "auto" or bool, default="auto"
        Whether to stop, and return to the best weights, once the validation loss has not
        improved for `n_iter_no_change` epochs. ``"auto"`` does so from 500 windows on, and
        wherever `X_val` is given.
    validation_fraction : float, default=0.1
        Share of the rows, the newest ones, that validate when early stopping is on and no
        `X_val` is given; of more than 10,000, evenly spaced ones.
    n_iter_no_change : int, default=10
        Epochs without a better validation loss before training stops. If the network has learnt
        next to nothing by then, training goes on for up to ``2 * n_iter_no_change`` more epochs.
    observe : {"auto", "epoch", "off"}, default="auto"
        When the gradient at every time lag is recorded, into `gradient_flow_`: before training,
        after epochs 1, 2, 3, 5, 8, 13, ... and at the end; after every epoch; or never. It changes
        nothing else and costs little.
    callbacks : list of skorch callbacks, default=None
        Told of every epoch, and of batches and gradients where they ask for it. A fit works on
        copies, which share what a callback refers to and are then in ``net_.callbacks_``. Their
        parameters are set by ``callbacks__name__parameter``.
    verbose : int, default=0
        1 prints a line an epoch.
    warm_start : bool, default=False
        Whether `fit` goes on from the weights, the scaling and the history of the last one.
    n_jobs : int, default=None
        Threads that compute within one fit; None is 1, -1 all cores, -2 all but one.
    device : str, default="auto"
        ``"cpu"``, ``"cuda"`` or another torch device; ``"auto"`` takes a GPU where there is one.
    random_state : int, RandomState instance or None, default=None
        Source of the first weights, the order of the windows and the dropout masks. An int gives
        the same bits every time; None a new seed from the operating system.

    Attributes
    ----------
    net_ : skorch.NeuralNet
        The trained net; ``net_.module_`` is the torch module.
    history_ : pandas.DataFrame
        One row an epoch (index ``epoch``, from 1): ``train_loss``, ``valid_loss`` (where there is
        validation), ``grad_norm`` (mean before clipping), ``grad_norm_max``, ``clip_fraction``,
        ``skipped_steps``, ``lr``, and ``effective_memory`` (steps that the gradient reaches back)
        of the epochs that were observed. Losses are in scaled units.
    gradient_flow_ : GradientFlow
        How far back the gradient reached, before, during and after training; only where `observe`
        is not ``"off"``.
    n_iter_ : int
        Number of epochs.
    n_validation_ : int
        Number of windows that validated; 0 if none.
    n_features_in_ : int
        Number of columns of a flat row: ``window_ * n_channels_``.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Column names of `X`, where it was a DataFrame.
    window_, n_channels_, n_outputs_ : int
        Steps and channels of a window, values forecast at once.
    quantiles_ : tuple of float or None
        The levels that the network forecasts, increasing; None where the loss is no quantile.

    See Also
    --------
    LSTMRegressor : Gates, and a cell state that keeps the past.
    GRURegressor : Gates, with fewer parameters.

    Notes
    -----
    .. math:: h_t = \phi(W_{ih} x_t + b_{ih} + W_{hh} h_{t-1} + b_{hh}), \qquad
        \hat y = W h_T + b

    References
    ----------
    J. L. Elman, Finding structure in time, Cognitive Science 14, 1990.

    Examples
    --------
    >>> from seqforecast import RNNRegressor, last_window, make_windows
    >>> from seqforecast.datasets import load_airline
    >>> passengers = load_airline()
    >>> X, y = make_windows(passengers, window=24)
    >>> model = RNNRegressor(max_epochs=5, random_state=0).fit(X, y)
    >>> model.predict(last_window(passengers, window=24)).shape
    (1,)
    >>> model.history_.columns[:3].to_list()
    ['train_loss', 'grad_norm', 'grad_norm_max']
    >>> model.gradient_flow_.lag_curve.shape  # records, layers, lags
    (5, 1, 24)
    """

    def __init__(
        self,
        *,
        hidden_size=32,
        num_layers=1,
        dropout=0.0,
        nonlinearity="tanh",
        recurrent_init="orthogonal",
        n_channels=1,
        scaling="standard",
        loss="squared_error",
        quantiles=(0.1, 0.5, 0.9),
        optimizer="adam",
        lr=3e-3,
        weight_decay=0.0,
        lr_schedule=None,
        batch_size=32,
        max_epochs=100,
        max_steps=None,
        gradient_clipping=1.0,
        early_stopping="auto",
        validation_fraction=0.1,
        n_iter_no_change=10,
        observe="auto",
        callbacks=None,
        verbose=0,
        warm_start=False,
        n_jobs=None,
        device="auto",
        random_state=None,
    ):
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.dropout = dropout
        self.nonlinearity = nonlinearity
        self.recurrent_init = recurrent_init
        self.n_channels = n_channels
        self.scaling = scaling
        self.loss = loss
        self.quantiles = quantiles
        self.optimizer = optimizer
        self.lr = lr
        self.weight_decay = weight_decay
        self.lr_schedule = lr_schedule
        self.batch_size = batch_size
        self.max_epochs = max_epochs
        self.max_steps = max_steps
        self.gradient_clipping = gradient_clipping
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.observe = observe
        self.callbacks = callbacks
        self.verbose = verbose
        self.warm_start = warm_start
        self.n_jobs = n_jobs
        self.device = device
        self.random_state = random_state

    def _recurrent_layer(self, generator: Generator) -> nn.RecurrentLayer:
        return nn.RNN(
            self.n_channels_,
            self.hidden_size,
            self.num_layers,
            self.dropout,
            generator=generator,
            nonlinearity=self.nonlinearity,
        )
