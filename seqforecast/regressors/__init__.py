"""The three recurrent regressors: windows in, the values that follow them out."""

from seqforecast.regressors.gru import GRURegressor
from seqforecast.regressors.lstm import LSTMRegressor
from seqforecast.regressors.rnn import RNNRegressor
from seqforecast.regressors.stream import Stream

__all__ = ["GRURegressor", "LSTMRegressor", "RNNRegressor", "Stream"]
