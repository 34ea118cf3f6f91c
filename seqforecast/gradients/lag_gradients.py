"""The gradient of one terminal loss at every step of a recurrent module."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from seqforecast.gradients.effective_memory import normalised
from seqforecast.gradients.layer_runs import batch_first, run_layers
from seqforecast.gradients.scan import Direct, scan_layers
from seqforecast.nn.gates import cell_name


@dataclass(frozen=True, eq=False)
class LagGradients:
    r"""Gradient of one terminal loss with respect to what a recurrent module computed.

    What `lag_gradients` returns. Tensors are batch first, in the order of time, and zero after the
    step of the loss.

    Parameters
    ----------
    dh : Tensor of shape (n_layers, n, window, hidden)
        Gradient with respect to the hidden state of every step, over all paths.
    dc : Tensor of shape (n_layers, n, window, hidden) or None
        The same for the cell state of an LSTM, the path through h of the same step included.
    dx : Tensor of shape (n, window, n_channels)
        Gradient with respect to the input.
    da : Tensor of shape (n_layers, n, window, n_gates * hidden)
        Gradient with respect to the gates' arguments, as they come from the recurrent product:
        the sum over windows and steps of ``da`` times `h_before` is the gradient of ``weight_hh``.
    h_before : Tensor of shape (n_layers, n, window, hidden)
        Hidden state before every step.
    gates : dict of str to Tensor of shape (n_layers, n, window, hidden)
        Gates after their activation: i, f, g, o of an LSTM; r, z, n of a GRU; the state h of an
        RNN.
    log10_curve : ndarray of shape (n_layers, step + 1)
        Base-10 logarithm of the root mean square over the windows of the gradient's norm, by lag:
        ``[..., k]`` is k steps before the loss. The state is c for an LSTM, h otherwise. It does
        not underflow; -inf is an exact zero.

    Examples
    --------
    >>> import torch
    >>> from seqforecast.gradients import lag_gradients
    >>> layer = torch.nn.GRU(input_size=1, hidden_size=4, batch_first=True)
    >>> gradients = lag_gradients(layer, torch.randn(8, 24, 1), torch.ones(8, 4))
    >>> gradients.dh.shape, gradients.lag_curve.shape
    (torch.Size([1, 8, 24, 4]), (1, 24))
    """

    dh: Tensor
    dc: Tensor | None
    dx: Tensor
    da: Tensor
    h_before: Tensor
    gates: dict[str, Tensor]
    log10_curve: NDArray[np.float64]

    @property
    def lag_curve(self) -> NDArray[np.float64]:
        """The curve itself, relative to its largest value: (n_layers, step + 1)."""
        return relative_curve(self.log10_curve)


def lag_gradients(
    module: nn.Module, x: Tensor, cotangent: Tensor, *, step: int = -1
) -> LagGradients:
    r"""Return the gradient of one terminal loss at every step of a recurrent module.

    Use it to see how far back a loss reaches in any ``torch.nn.RNN``, ``LSTM``, ``GRU`` or layer
    of `seqforecast.nn`. It runs the module in evaluation mode, from a zero state, and changes
    nothing in it. Exact: equal to what autograd gives, at every step, where
    ``output.retain_grad()`` on ``torch.nn.LSTM`` gives only the direct part of the last layer.

    Parameters
    ----------
    module : torch.nn.RNN, torch.nn.LSTM, torch.nn.GRU or a layer of seqforecast.nn
        The layers, of any depth, with or without biases; one direction, no projection.
    x : Tensor of shape (n, window, n_channels)
        The input, in the module's own layout: (window, n, n_channels) where ``batch_first`` is
        False.
    cotangent : Tensor of shape (n, hidden)
        Gradient of the loss with respect to the output of the last layer at `step`.
    step : int, default=-1
        The step at which the loss is taken; negative steps count from the end. Never sum the
        losses of several steps: each step's short paths would hide that the long ones vanish.

    Returns
    -------
    LagGradients
        The gradients by hidden state, cell state, input and gates, and their size by lag.

    Raises
    ------
    TypeError
        If `module` is not a recurrent layer.
    ValueError
        If a shape does not fit, or the module has two directions or a projection.

    Notes
    -----
    With :math:`\delta_t` the gradient by the gates' arguments :math:`a_t`, for the LSTM

    .. math::

        \bar c_t &= \bar h_t \odot o_t (1 - \tanh^2 c_t) + \bar c_{t+1} \odot f_{t+1} \\
        \delta_t &= [\bar c_t g_t i_t (1 - i_t),\; \bar c_t c_{t-1} f_t (1 - f_t),\;
            \bar c_t i_t (1 - g_t^2),\; \bar h_t \tanh(c_t) o_t (1 - o_t)] \\
        \bar h_{t-1} &= W_{hh}^\top \delta_t, \qquad \bar x_t = W_{ih}^\top \delta_t

    and accordingly for the other cells; :math:`\bar x` of a layer is what the layer below receives
    at every step.

    References
    ----------
    R. Pascanu, T. Mikolov, Y. Bengio, On the difficulty of training recurrent neural networks,
    ICML 2013.

    Examples
    --------
    A linear recurrence with weight 0.5 passes 2**-17 of the gradient over 17 steps:

    >>> import torch
    >>> from seqforecast.gradients import lag_gradients
    >>> layer = torch.nn.RNN(1, 1, nonlinearity="relu", bias=False, batch_first=True)
    >>> _ = torch.nn.init.constant_(layer.weight_hh_l0, 0.5)
    >>> _ = torch.nn.init.constant_(layer.weight_ih_l0, 1.0)
    >>> gradients = lag_gradients(layer, torch.ones(1, 20, 1), torch.ones(1, 1))
    >>> gradients.dh[0, 0, 2].item() == 2**-17
    True
    """
    x = checked_windows(module, x)
    n, window = x.shape[:2]
    step = checked_step(step, window)
    runs = run_layers(module, x)
    _check_cotangent(cotangent, (n, runs[-1].h.shape[2]))
    loss = Direct({step: cotangent.detach()})
    scans, dx = scan_layers(runs, [*[Direct()] * (len(runs) - 1), loss], last=step)
    scaled = [scan.true_values() for scan in scans]
    return LagGradients(
        dh=torch.stack([dh for dh, _, _ in scaled]),
        dc=None if scans[0].dc is None else torch.stack([dc for _, dc, _ in scaled]),
        dx=dx,
        da=torch.stack([da for _, _, da in scaled]),
        h_before=torch.stack([run.previous for run in runs]),
        gates={name: torch.stack([run.gates[name] for run in runs]) for name in runs[0].gates},
        log10_curve=np.stack([scan.log10_curve() for scan in scans]),
    )


def relative_curve(log10_curve: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return 10**log10_curve relative to its maximum, without overflow; zeros stay zeros."""
    peak = log10_curve.max(axis=-1, keepdims=True)
    shift = np.where(np.isfinite(peak), peak, 0.0)
    return normalised(10.0 ** (log10_curve - shift))


def checked_windows(module: nn.Module, x: Tensor) -> Tensor:
    """Return the input batch first, checked."""
    cell_name(module)  # before the shape: a module that is not recurrent has none to compare with
    if not isinstance(x, Tensor):
        raise TypeError(
            f"x is a {type(x).__name__}; a torch.Tensor of three dimensions is needed, all windows "
            "of one length. Convert an array with torch.from_numpy."
        )
    n_channels = int(getattr(module, "input_size", 0))
    if x.ndim != 3 or x.shape[2] != n_channels or 0 in x.shape:
        layout = "n, window" if batch_first(module) else "window, n"
        raise ValueError(
            f"x has shape {tuple(x.shape)}; ({layout}, {n_channels}) is needed by this "
            f"{type(module).__name__}. Reshape x; a single window is x.unsqueeze(0)."
        )
    if not x.isfinite().all():
        raise ValueError(
            "x holds NaN or infinity; finite numbers are needed. Fill or drop what is missing."
        )
    dtype = next(module.parameters()).dtype
    if x.dtype != dtype:
        raise ValueError(
            f"x is {x.dtype}, but the weights of this {type(module).__name__} are {dtype}; the "
            "same type is needed. Convert x with x.to(dtype), or the module with module.to(dtype)."
        )
    return x if batch_first(module) else x.transpose(0, 1)


def checked_step(step: int, window: int) -> int:
    """Return a step counted from the start, checked."""
    if not -window <= step < window:
        raise ValueError(
            f"step={step}, but x has {window} steps; an index from {-window} to {window - 1} is "
            "needed. The last step is step=-1."
        )
    return step % window


def _check_cotangent(cotangent: Tensor, shape: tuple[int, int]) -> None:
    if tuple(cotangent.shape) != shape:
        raise ValueError(
            f"cotangent has shape {tuple(cotangent.shape)}; {shape} is needed, a row a window: "
            "the gradient of the loss by the output of the last layer. For a loss on "
            "output[:, step] it is torch.autograd.grad(loss, output)[0][:, step]."
        )
