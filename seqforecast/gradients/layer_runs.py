"""What a recurrent layer computed at every step, recomputed at once from its states.

A fused kernel returns the states alone, but the gates of step t depend on nothing more than x[t]
and h[t - 1]: one matrix product gives those of all steps, whichever kernel ran.

Index table, for one layer: n windows, t steps, g gates in torch's row order, h units.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from seqforecast.nn.gates import GATE_ORDER, cell_name

_TORCH_OPTIONS = (1, 0.0, False, False, True)
"""One layer, no dropout, not training, one direction, batch first."""


@dataclass(frozen=True)
class LayerRun:
    """One layer's states and gates at every step, and the local derivatives of its cell.

    Parameters
    ----------
    x : Tensor of shape (n, window, n_inputs)
        What the layer read.
    previous : Tensor of shape (n, window, hidden)
        Hidden state before each step.
    h : Tensor of shape (n, window, hidden)
        Hidden state after each step.
    gates : dict of str to Tensor of shape (n, window, hidden)
        Gates after their activation, in torch's row order; an RNN has its state alone, ``"h"``.
    slopes : Tensor of shape (n, window, n_gates, hidden)
        Derivative of the state by each gate's argument, as it comes from the recurrent product.
        The state of an LSTM is c for i, f and g, and h for o.
    weight_ih, weight_hh : Tensor of shape (n_gates * hidden, n_inputs or hidden)
        The layer's matrices.
    keep : Tensor of shape (n, window, hidden) or None
        The gate on the direct path from state to state: z of a GRU, f of an LSTM.
    c : Tensor of shape (n, window, hidden) or None
        Cell state of an LSTM.
    read : Tensor of shape (n, window, hidden) or None
        Derivative of h by c in an LSTM.
    input_slopes : Tensor or None
        The slopes by the arguments as they come from the input's product, where these differ: the
        reset gate of a GRU multiplies only the recurrent part.
    """

    x: Tensor
    previous: Tensor
    h: Tensor
    gates: dict[str, Tensor]
    slopes: Tensor
    weight_ih: Tensor
    weight_hh: Tensor
    keep: Tensor | None = None
    c: Tensor | None = None
    read: Tensor | None = None
    input_slopes: Tensor | None = None


@torch.no_grad()
def run_layers(
    module: nn.Module,
    x: Tensor,
    state: tuple[Tensor, ...] | None = None,
    output: Tensor | None = None,
) -> list[LayerRun]:
    """Run the layers of a recurrent module in evaluation mode; return what each one did.

    Parameters
    ----------
    module : torch.nn.RNN, LSTM, GRU or a layer of seqforecast.nn
        The layers.
    x : Tensor of shape (n, window, n_channels)
        The windows, batch first whatever the module's own layout.
    state : tuple of Tensors of shape (n_layers, n, hidden), default=None
        State before the first step; None is zero.
    output : Tensor of shape (n, window, hidden), default=None
        What the last layer returns, where it is known already; None runs that layer, too.
    """
    run_layer = _RUN[cell_name(module)]
    if getattr(module, "nonlinearity", "tanh") == "relu":
        run_layer = partial(_run_rnn, relu=True)
    _require_one_direction(module)
    runs: list[LayerRun] = []
    for k, parameters in enumerate(_parameters_by_layer(module)):
        h = output if k + 1 == module.num_layers else None
        runs.append(run_layer(x, _initial_state(module, x, state, k), parameters, h))
        x = runs[-1].h
    return runs


def batch_first(module: nn.Module) -> bool:
    """Tell whether a module takes (n, window, n_channels); our layers always do."""
    return bool(getattr(module, "batch_first", True))


def _parameters_by_layer(module: nn.Module) -> Iterator[list[Tensor]]:
    names = ["weight_ih", "weight_hh"]
    if getattr(module, "bias", True):
        names += ["bias_ih", "bias_hh"]
    for k in range(int(module.num_layers)):  # type: ignore[arg-type]
        yield [getattr(module, f"{name}_l{k}").detach() for name in names]


def _initial_state(
    module: nn.Module, x: Tensor, state: tuple[Tensor, ...] | None, k: int
) -> tuple[Tensor, ...]:
    if state is not None:
        return tuple(part[k : k + 1].detach() for part in state)
    zero = x.new_zeros(1, x.shape[0], int(module.hidden_size))  # type: ignore[arg-type]
    return zero, zero


def _require_one_direction(module: nn.Module) -> None:
    for option in ("bidirectional", "proj_size"):
        if getattr(module, option, False):
            raise ValueError(
                f"{type(module).__name__} has {option}={getattr(module, option)!r}; layers of one "
                "direction without a projection are needed. A forecaster reads no future: use "
                f"{option}={False if option == 'bidirectional' else 0}."
            )


def _arguments(x: Tensor, parameters: list[Tensor], weight: int) -> Tensor:
    """Return x W^T + b for all steps: weight 0 is the input's, weight 1 the recurrent one."""
    bias = parameters[2 + weight] if len(parameters) > 2 else None
    return nn.functional.linear(x, parameters[weight], bias)


def _before(h: Tensor, initial: Tensor) -> Tensor:
    return torch.cat([initial[0].unsqueeze(1), h[:, :-1]], dim=1)


def _run_rnn(
    x: Tensor,
    initial: tuple[Tensor, ...],
    parameters: list[Tensor],
    h: Tensor | None,
    *,
    relu: bool = False,
) -> LayerRun:
    if h is None:
        kernel = torch.rnn_relu if relu else torch.rnn_tanh
        h = kernel(x, initial[0], parameters, len(parameters) > 2, *_TORCH_OPTIONS)[0]
    slope = (h > 0).to(h.dtype) if relu else 1 - h * h
    return LayerRun(
        x=x,
        previous=_before(h, initial[0]),
        h=h,
        gates={"h": h},
        slopes=slope.unsqueeze(2),
        weight_ih=parameters[0],
        weight_hh=parameters[1],
    )


def _run_lstm(
    x: Tensor, initial: tuple[Tensor, ...], parameters: list[Tensor], h: Tensor | None
) -> LayerRun:
    if h is None:
        h = torch.lstm(x, initial, parameters, len(parameters) > 2, *_TORCH_OPTIONS)[0]
    previous = _before(h, initial[0])
    a = (_arguments(x, parameters, 0) + _arguments(previous, parameters, 1)).unflatten(2, (4, -1))
    gates = torch.sigmoid(a)
    gates[:, :, 2] = torch.tanh(a[:, :, 2])
    i, f, g, o = gates.unbind(2)
    c = _cell_states(f, i * g, initial[1][0])
    c_previous = torch.cat([initial[1][0].unsqueeze(1), c[:, :-1]], dim=1)
    tanh_c = torch.tanh(c)
    slopes = gates * (1 - gates)
    slopes[:, :, 2] = 1 - g * g
    slopes *= torch.stack([g, c_previous, i, tanh_c], dim=2)
    return LayerRun(
        x=x,
        previous=previous,
        h=h,
        gates=dict(zip(GATE_ORDER["LSTM"], (i, f, g, o), strict=True)),
        slopes=slopes,
        weight_ih=parameters[0],
        weight_hh=parameters[1],
        keep=f,
        c=c,
        read=o * (1 - tanh_c * tanh_c),
    )


def _cell_states(keep: Tensor, write: Tensor, c: Tensor) -> Tensor:
    """Return c[t] = keep[t] c[t - 1] + write[t] for all steps."""
    states = []
    for keep_t, write_t in zip(keep.unbind(1), write.unbind(1), strict=True):
        c = torch.addcmul(write_t, keep_t, c)
        states.append(c)
    return torch.stack(states, dim=1)


def _run_gru(
    x: Tensor, initial: tuple[Tensor, ...], parameters: list[Tensor], h: Tensor | None
) -> LayerRun:
    if h is None:
        h = torch.gru(x, initial[0], parameters, len(parameters) > 2, *_TORCH_OPTIONS)[0]
    previous = _before(h, initial[0])
    from_input = _arguments(x, parameters, 0).unflatten(2, (3, -1))
    from_state = _arguments(previous, parameters, 1).unflatten(2, (3, -1))
    r, z = torch.sigmoid(from_input[:, :, :2] + from_state[:, :, :2]).unbind(2)
    q = from_state[:, :, 2]
    n = torch.tanh(from_input[:, :, 2] + r * q)
    by_n = (1 - z) * (1 - n * n)
    by_r, by_z = by_n * q * r * (1 - r), (previous - n) * z * (1 - z)
    return LayerRun(
        x=x,
        previous=previous,
        h=h,
        gates=dict(zip(GATE_ORDER["GRU"], (r, z, n), strict=True)),
        slopes=torch.stack([by_r, by_z, by_n * r], dim=2),
        weight_ih=parameters[0],
        weight_hh=parameters[1],
        keep=z,
        input_slopes=torch.stack([by_r, by_z, by_n], dim=2),
    )


_RUN: dict[str, Callable[..., LayerRun]] = {"RNN": _run_rnn, "LSTM": _run_lstm, "GRU": _run_gru}
