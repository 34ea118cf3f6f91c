"""What the LSTM and the GRU share: a gate that keeps the past, and its first bias."""

from __future__ import annotations

from torch import Generator

from seqforecast import nn
from seqforecast.regressors.base import RecurrentRegressor


class GatedRegressor(RecurrentRegressor):
    """The base of `LSTMRegressor` and `GRURegressor`, which document the parameters."""

    _layer: type[nn.LSTM] | type[nn.GRU]

    def __init__(
        self,
        *,
        hidden_size=32,
        num_layers=1,
        dropout=0.0,
        forget_bias="chrono",
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
        self.forget_bias = forget_bias
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
        sizes = self.n_channels_, self.hidden_size, self.num_layers
        return self._layer(*sizes, self.dropout, generator=generator)
