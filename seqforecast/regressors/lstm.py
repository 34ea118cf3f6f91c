"""The LSTM as a scikit-learn regressor."""

from __future__ import annotations

from seqforecast import nn
from seqforecast.regressors.gated import GatedRegressor


class LSTMRegressor(GatedRegressor):
    r"""Long short-term memory for windows of a time series.

    Use it by default: the cell state keeps what mattered many steps ago, and the default
    ``forget_bias="chrono"`` lets it learn across a season from the first step on.

    Parameters
    ----------
    hidden_size : int, default=32
        Number of units of each recurrent layer.
    num_layers : int, default=1
        Number of recurrent layers, each reading the output of the one below.
    dropout : float, default=0.0
        Share of the values dropped while training, between the layers and before the head, in
        [0, 1).
    forget_bias : float, "chrono" or None, default="chrono"
        First bias of the forget gate, the gate that keeps the past: b is a memory of about
        1 + exp(b) steps. ``"chrono"`` spreads the units over the lengths that the window offers;
        None is PyTorch's own, a memory of two steps.
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
    GRURegressor : Fewer parameters, often as accurate.
    RNNRegressor : No gates: the cheapest, and the first to forget.

    Notes
    -----
    With :math:`a_t = W_{ih} x_t + b_{ih} + W_{hh} h_{t-1} + b_{hh}` split into four,

    .. math::

        i, f, o = \sigma(a^i_t), \sigma(a^f_t), \sigma(a^o_t), \qquad g = \tanh(a^g_t), \qquad
        c_t = f \odot c_{t-1} + i \odot g, \qquad h_t = o \odot \tanh(c_t)

    and the forecast is a linear map of the last :math:`h_t`.

    References
    ----------
    S. Hochreiter, J. Schmidhuber, Long short-term memory, Neural Computation 9, 1997.
    C. Tallec, Y. Ollivier, Can recurrent neural networks warp time?, ICLR 2018.

    Examples
    --------
    >>> from seqforecast import LSTMRegressor, last_window, make_windows
    >>> from seqforecast.datasets import load_airline
    >>> passengers = load_airline()
    >>> X, y = make_windows(passengers, window=24)
    >>> model = LSTMRegressor(max_epochs=5, random_state=0).fit(X, y)
    >>> model.predict(last_window(passengers, window=24)).shape
    (1,)
    >>> model.history_.columns[:3].to_list()
    ['train_loss', 'grad_norm', 'grad_norm_max']
    >>> model.gradient_flow_.lag_curve.shape  # records, layers, lags
    (5, 1, 24)
    """

    _layer = nn.LSTM
