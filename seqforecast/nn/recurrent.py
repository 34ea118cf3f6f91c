"""Recurrent layers with torch's equations and parameter names, and explicit randomness."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Any, ClassVar, Literal

import torch
from torch import Generator, Tensor, nn

from seqforecast._shared.checks import check_integer, check_word
from seqforecast.nn.dropout import Dropout
from seqforecast.nn.gates import GATE_ORDER
from seqforecast.nn.initialisers import uniform_
from seqforecast.nn.kernels import run_layer


class RecurrentLayer(nn.Module, ABC):
    """Stack of recurrent layers, batch first, oldest step first.

    The base of `RNN`, `LSTM` and `GRU`; it cannot be used by itself. The parameters
    ``weight_ih_l0``, ``weight_hh_l0``, ``bias_ih_l0``, ``bias_hh_l0``, ... have torch's names,
    shapes and gate order, so that a ``state_dict`` moves to ``torch.nn`` and back unchanged.
    Unlike torch's, the layer draws its first values and its dropout masks from a generator of
    the caller, never from torch's global one.

    Parameters
    ----------
    input_size : int
        Number of channels of the input.
    hidden_size : int
        Number of units of each layer.
    num_layers : int, default=1
        Number of layers, each reading the output of the one below.
    dropout : float, default=0.0
        Share of the values that is dropped between the layers while training.
    generator : torch.Generator, default=None
        Source of the first values and of the dropout masks; None is torch's global one.

    Attributes
    ----------
    input_size, hidden_size, num_layers : int
        As given.
    """

    cell: ClassVar[str]
    """Name of the cell in `GATE_ORDER`."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        dropout: float = 0.0,
        *,
        generator: Generator | None = None,
    ) -> None:
        super().__init__()
        sizes = {"input_size": input_size, "hidden_size": hidden_size, "num_layers": num_layers}
        for name, size in sizes.items():
            check_integer(name, size)
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.dropout = Dropout(dropout, generator=generator)
        rows = len(GATE_ORDER[self.cell]) * hidden_size
        for k in range(num_layers):
            columns = input_size if k == 0 else hidden_size
            self.register_parameter(f"weight_ih_l{k}", nn.Parameter(torch.empty(rows, columns)))
            self.register_parameter(f"weight_hh_l{k}", nn.Parameter(torch.empty(rows, hidden_size)))
            self.register_parameter(f"bias_ih_l{k}", nn.Parameter(torch.empty(rows)))
            self.register_parameter(f"bias_hh_l{k}", nn.Parameter(torch.empty(rows)))
        uniform_(self, 1.0 / math.sqrt(hidden_size), generator=generator)

    def layer_parameters(self, k: int) -> list[Tensor]:
        """Return ``weight_ih, weight_hh, bias_ih, bias_hh`` of layer `k`."""
        names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        return [getattr(self, f"{name}_l{k}") for name in names]

    def forward(self, x: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        """Run the network over windows.

        Parameters
        ----------
        x : Tensor of shape (n_windows, window, input_size)
            The windows, oldest step first.
        state : Tensor of shape (num_layers, n_windows, hidden_size), default=None
            State before the first step; None is zero.

        Returns
        -------
        output : Tensor of shape (n_windows, window, hidden_size)
            The state of the last layer at every step.
        state : Tensor of shape (num_layers, n_windows, hidden_size)
            The state of every layer after the last step.
        """
        if isinstance(state, tuple):
            raise TypeError(
                f"the state of the {self.cell} is a tuple of {len(state)}; one tensor of shape "
                "(num_layers, n_windows, hidden_size) is needed. Pass h alone."
            )
        output, (final,) = self._run_stack(x, None if state is None else (state,))
        return output, final

    @property
    @abstractmethod
    def kernel(self) -> str:
        """What is computed at each step, in the words of `kernels.run_layer`."""

    def _run_stack(
        self, x: Tensor, state: tuple[Tensor, ...] | None
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        final: list[list[Tensor]] = []
        for part in state or ():
            needed = (self.num_layers, len(x), self.hidden_size)
            if part.shape != needed:
                raise ValueError(
                    f"a state has shape {tuple(part.shape)}; {needed} is needed: layers, windows, "
                    "units. None starts from zero."
                )
        for k in range(self.num_layers):
            if k > 0:
                x = self.dropout(x)
            initial = None if state is None else tuple(part[k : k + 1] for part in state)
            x, *last = run_layer(
                self.kernel, x, initial, self.layer_parameters(k), training=self.training
            )
            final.append(last)
        if self.num_layers == 1:  # nothing to join, which a short step would notice
            return x, tuple(final[0])
        return x, tuple(torch.cat(parts) for parts in zip(*final, strict=True))

    def extra_repr(self) -> str:
        """Return the sizes, for ``print(layer)``."""
        return f"{self.input_size}, {self.hidden_size}, num_layers={self.num_layers}"


class RNN(RecurrentLayer):
    r"""Elman network: the simplest memory, and the first to vanish.

    Parameters
    ----------
    input_size : int
        Number of channels of the input.
    hidden_size : int
        Number of units of each layer.
    num_layers : int, default=1
        Number of layers, each reading the output of the one below.
    dropout : float, default=0.0
        Share of the values that is dropped between the layers while training.
    nonlinearity : {"tanh", "relu"}, default="tanh"
        Activation of the state.
    generator : torch.Generator, default=None
        Source of the first values and of the dropout masks; None is torch's global one.

    Notes
    -----
    .. math:: h_t = \phi(W_{ih} x_t + b_{ih} + W_{hh} h_{t-1} + b_{hh})

    Examples
    --------
    >>> import torch
    >>> from seqforecast.nn import RNN
    >>> output, state = RNN(input_size=1, hidden_size=4)(torch.zeros(2, 10, 1))
    >>> output.shape, state.shape
    (torch.Size([2, 10, 4]), torch.Size([1, 2, 4]))
    """

    cell = "RNN"

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        dropout: float = 0.0,
        *,
        nonlinearity: Literal["tanh", "relu"] = "tanh",
        generator: Generator | None = None,
    ) -> None:
        check_word("nonlinearity", nonlinearity, ["tanh", "relu"])
        super().__init__(input_size, hidden_size, num_layers, dropout, generator=generator)
        self.nonlinearity = nonlinearity

    @property
    def kernel(self) -> str:
        """The activation, ``"tanh"`` or ``"relu"``."""
        return self.nonlinearity


class LSTM(RecurrentLayer):
    r"""Long short-term memory: a cell state that gates write, keep and read.

    Parameters
    ----------
    input_size : int
        Number of channels of the input.
    hidden_size : int
        Number of units of each layer.
    num_layers : int, default=1
        Number of layers, each reading the output of the one below.
    dropout : float, default=0.0
        Share of the values that is dropped between the layers while training.
    generator : torch.Generator, default=None
        Source of the first values and of the dropout masks; None is torch's global one.

    Notes
    -----
    With gates i, f, o = sigmoid and g = tanh of
    :math:`W_{ih} x_t + b_{ih} + W_{hh} h_{t-1} + b_{hh}`, row blocks in the order i, f, g, o:

    .. math:: c_t = f \odot c_{t-1} + i \odot g, \qquad h_t = o \odot \tanh(c_t)

    References
    ----------
    S. Hochreiter, J. Schmidhuber, Long short-term memory, Neural Computation 9, 1997.

    Examples
    --------
    >>> import torch
    >>> from seqforecast.nn import LSTM
    >>> output, (h, c) = LSTM(input_size=1, hidden_size=4)(torch.zeros(2, 10, 1))
    >>> output.shape, c.shape
    (torch.Size([2, 10, 4]), torch.Size([1, 2, 4]))
    """

    cell = "LSTM"
    kernel = "lstm"

    def forward(
        self, x: Tensor, state: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Run the network over windows.

        Parameters
        ----------
        x : Tensor of shape (n_windows, window, input_size)
            The windows, oldest step first.
        state : tuple of two Tensors of shape (num_layers, n_windows, hidden_size), default=None
            Hidden and cell state before the first step; None is zero.

        Returns
        -------
        output : Tensor of shape (n_windows, window, hidden_size)
            The hidden state of the last layer at every step.
        state : tuple of two Tensors of shape (num_layers, n_windows, hidden_size)
            Hidden and cell state of every layer after the last step.
        """
        if state is not None and not (isinstance(state, tuple) and len(state) == 2):
            raise TypeError(
                f"the state of the LSTM is a {type(state).__name__}; a tuple (h, c) of two tensors "
                "of shape (num_layers, n_windows, hidden_size) is needed. Pass both."
            )
        output, (h, c) = self._run_stack(x, state)
        return output, (h, c)


class GRU(RecurrentLayer):
    r"""Gated recurrent unit: one state, a gate that keeps it and a gate that resets it.

    Parameters
    ----------
    input_size : int
        Number of channels of the input.
    hidden_size : int
        Number of units of each layer.
    num_layers : int, default=1
        Number of layers, each reading the output of the one below.
    dropout : float, default=0.0
        Share of the values that is dropped between the layers while training.
    generator : torch.Generator, default=None
        Source of the first values and of the dropout masks; None is torch's global one.

    Notes
    -----
    torch's form, with the reset gate after the recurrent product; row blocks in the order
    r, z, n:

    .. math::

        n &= \tanh(W_{in} x_t + b_{in} + r \odot (W_{hn} h_{t-1} + b_{hn})) \\
        h_t &= (1 - z) \odot n + z \odot h_{t-1}

    z is the gate that keeps the past.

    References
    ----------
    K. Cho et al., Learning phrase representations using RNN encoder-decoder for statistical
    machine translation, EMNLP 2014.

    Examples
    --------
    >>> import torch
    >>> from seqforecast.nn import GRU
    >>> output, state = GRU(input_size=1, hidden_size=4)(torch.zeros(2, 10, 1))
    >>> output.shape
    torch.Size([2, 10, 4])
    """

    cell = "GRU"
    kernel = "gru"
