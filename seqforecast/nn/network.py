"""The whole network of a regressor: recurrent layers, dropout, head."""

from __future__ import annotations

from torch import Generator, Tensor, nn

from seqforecast.nn.dropout import Dropout
from seqforecast.nn.recurrent import RecurrentLayer


class RecurrentNetwork(nn.Module):
    """Recurrent layers with a head on the last step, or on every step.

    Parameters
    ----------
    recurrent : RecurrentLayer
        `RNN`, `LSTM` or `GRU`.
    head : torch.nn.Module
        Maps a hidden state (..., hidden_size) to outputs.
    dropout : float, default=0.0
        Share of the hidden state that is dropped before the head while training.
    generator : torch.Generator, default=None
        Source of the dropout masks; None is torch's global one.

    Examples
    --------
    >>> import torch
    >>> from seqforecast.nn import LSTM, LinearHead, RecurrentNetwork
    >>> network = RecurrentNetwork(LSTM(1, 8), LinearHead(8, n_outputs=2))
    >>> x = torch.zeros(3, 10, 1)
    >>> network(x).shape, network(x, every_step=True).shape
    (torch.Size([3, 2]), torch.Size([3, 10, 2]))
    """

    def __init__(
        self,
        recurrent: RecurrentLayer,
        head: nn.Module,
        dropout: float = 0.0,
        *,
        generator: Generator | None = None,
    ) -> None:
        super().__init__()
        self.recurrent = recurrent
        self.dropout = Dropout(dropout, generator=generator)
        self.head = head

    def forward(self, x: Tensor, *, every_step: bool = False) -> Tensor:
        """Forecast from windows.

        Parameters
        ----------
        x : Tensor of shape (n, window, n_channels)
            The windows, oldest step first.
        every_step : bool, default=False
            Whether to forecast from every step instead of the last one.

        Returns
        -------
        forecast : Tensor of shape (n, n_outputs) or (n, window, n_outputs)
            A `QuantileHead` adds an axis of levels.
        """
        hidden, state = self.recurrent(x)
        if not every_step:
            # The last state rather than hidden[:, -1], whose backward pass would carry a
            # gradient of zeros for every other step. The numbers are the same.
            hidden = (state[0] if isinstance(state, tuple) else state)[-1]
        forecast: Tensor = self.head(self.dropout(hidden))
        return forecast
