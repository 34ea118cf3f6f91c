"""Recurrent layers, initialisers, heads and losses, for use in any torch model."""

from seqforecast.nn.dropout import Dropout
from seqforecast.nn.gates import gate_rows, recurrent_parameters
from seqforecast.nn.heads import LinearHead, QuantileHead
from seqforecast.nn.initialisers import forget_gate_bias_, orthogonal_, uniform_
from seqforecast.nn.losses import AbsoluteError, Huber, Loss, PinballLoss, SquaredError
from seqforecast.nn.network import RecurrentNetwork
from seqforecast.nn.recurrent import GRU, LSTM, RNN, RecurrentLayer

__all__ = [
    "GRU",
    "LSTM",
    "RNN",
    "AbsoluteError",
    "Dropout",
    "Huber",
    "LinearHead",
    "Loss",
    "PinballLoss",
    "QuantileHead",
    "RecurrentLayer",
    "RecurrentNetwork",
    "SquaredError",
    "forget_gate_bias_",
    "gate_rows",
    "orthogonal_",
    "recurrent_parameters",
    "uniform_",
]
