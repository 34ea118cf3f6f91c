"""The three recurrent regressors: windows in, the values that follow them out."""

from seqforecast.regressors._gru import GRURegressor
from seqforecast.regressors._lstm import LSTMRegressor
from seqforecast.regressors._rnn import RNNRegressor
from seqforecast.regressors._stream import Stream

__all__ = ["GRURegressor", "LSTMRegressor", "RNNRegressor", "Stream"]
