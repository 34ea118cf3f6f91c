"""How one step, and many steps in a row, stretch or shrink a gradient: exact Jacobians."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from seqforecast.gradients.lag_gradients import checked_step, checked_windows
from seqforecast.gradients.layer_runs import LayerRun, run_layers

_CLEAR = 10.0
"""How many times the rounding errors a singular value must be to count."""


def step_jacobian(module: nn.Module, x: Tensor, *, step: int = -1, layer: int = 0) -> Tensor:
    r"""Return the Jacobian of one layer's state by its state one step before.

    Use it to see what a single step does to a gradient, or to check a formula. The module runs in
    evaluation mode, from a zero state, and nothing in it changes.

    Parameters
    ----------
    module : torch.nn.RNN, torch.nn.LSTM, torch.nn.GRU or a layer of seqforecast.nn
        The layers, of any depth, with or without biases; one direction, no projection.
    x : Tensor of shape (n, window, n_channels)
        The input, in the module's own layout: (window, n, n_channels) where ``batch_first`` is
        False.
    step : int, default=-1
        The step whose Jacobian is wanted; negative steps count from the end.
    layer : int, default=0
        Which layer, 0 being the lowest; negative layers count from the top. What the layer reads
        from below is held fixed.

    Returns
    -------
    Tensor of shape (n, size, size)
        Row i, column j: the derivative of entry i of the new state by entry j of the old one. The
        state is h, of size hidden; that of an LSTM is h and then c, of size 2 * hidden.

    Raises
    ------
    TypeError
        If `module` is not a recurrent layer.
    ValueError
        If a shape does not fit, `step` or `layer` is out of range, or the module has two
        directions or a projection.

    Notes
    -----
    With :math:`D(v)` the diagonal matrix of v, q the recurrent part of a GRU's candidate, and
    :math:`u = o (1 - \tanh^2 c)` the derivative of h by c in an LSTM,

    .. math::

        \text{RNN:} \quad & D(\phi'(a_t)) W_{hh} \\
        \text{GRU:} \quad & D(z) + D((h_{t-1} - n) z (1 - z)) W_{hz}
            + D((1 - z)(1 - n^2)) [D(r) W_{hn} + D(q r (1 - r)) W_{hr}] \\
        \text{LSTM:} \quad & \begin{bmatrix}
            D(\tanh(c_t) o (1 - o)) W_{ho} + D(u) A & D(u f) \\ A & D(f) \end{bmatrix}, \\
        & A = D(c_{t-1} f (1 - f)) W_{hf} + D(g i (1 - i)) W_{hi} + D(i (1 - g^2)) W_{hg}

    A step takes a gradient back by the transpose: :math:`\bar h_{t-1} = J_t^\top \bar h_t` where
    the loss touches no other step. For the LSTM the two parts of that gradient are ``dh`` of
    `lag_gradients` and :math:`\bar c_t - u_t \bar h_t`: the state has c beside h, so that the path
    from :math:`c_t` through :math:`h_t`, which ``dc`` includes, belongs to h. The Jacobian of c by
    c alone, with the output gate held fixed, is another matrix: its product over two steps or more
    is not the derivative of :math:`c_t`.

    References
    ----------
    R. Pascanu, T. Mikolov, Y. Bengio, On the difficulty of training recurrent neural networks,
    ICML 2013.

    Examples
    --------
    >>> import torch
    >>> from seqforecast.gradients import step_jacobian
    >>> layer = torch.nn.LSTM(input_size=1, hidden_size=4, batch_first=True)
    >>> step_jacobian(layer, torch.randn(8, 24, 1)).shape
    torch.Size([8, 8, 8])
    """
    x = checked_windows(module, x)
    step = checked_step(step, x.shape[1])
    return _jacobian(_layer_run(module, x, layer), step)


def finite_time_exponents(
    module: nn.Module, x: Tensor, *, layer: int = 0, n_steps: int | None = None
) -> NDArray[np.float64]:
    r"""Return how much a gradient grows or decays per step, by direction and distance.

    Use it to see the best and the worst that can happen to a gradient on its way back from the
    last step, whatever the loss: where the largest stays above 0 it can explode, where it is far
    below 0 nothing comes through. It costs a singular value decomposition for each window and
    step: give it a few windows.

    Parameters
    ----------
    module : torch.nn.RNN, torch.nn.LSTM, torch.nn.GRU or a layer of seqforecast.nn
        The layers, of any depth, with or without biases; one direction, no projection.
    x : Tensor of shape (n, window, n_channels)
        The input, in the module's own layout: (window, n, n_channels) where ``batch_first`` is
        False.
    layer : int, default=0
        Which layer, 0 being the lowest; negative layers count from the top. What the layer reads
        from below is held fixed.
    n_steps : int, default=None
        How many steps back, at most the window; None is the window.

    Returns
    -------
    ndarray of shape (n, n_steps, size)
        Exponents, the largest first; ``[:, k - 1]`` are those over k steps. The size is that of
        the state: hidden, or 2 * hidden for the h and c of an LSTM. NaN stands for what rounding
        hides (see Notes), -inf for a gradient of exactly zero in all directions.

    Raises
    ------
    TypeError
        If `module` is not a recurrent layer.
    ValueError
        If a shape does not fit, `layer` or `n_steps` is out of range, the module has two
        directions or a projection, or its weights are not finite.

    Notes
    -----
    With :math:`J_t` the Jacobian of `step_jacobian`, and T the last step,

    .. math:: \lambda_i(k) = \frac{1}{k} \ln \sigma_i(J_T J_{T-1} \cdots J_{T-k+1})

    so that :math:`k \lambda_i` sum up to :math:`\sum_t \ln |\det J_t|`. The product is taken in
    float64 and carries the logarithm of its size: it neither overflows nor underflows. What
    rounding leaves of it runs along as a covariance,

    .. math:: C_k = J^\top C_{k-1} J + (\varepsilon \, \mathrm{size} \, \sigma_1)^2 I
        \quad (J = J_{T-k+1}),

    and an exponent is NaN where :math:`\sigma_i(k) \le 10 \lVert C_k \rVert_F^{1/2}`: mostly
    below 1e-13 of :math:`\sigma_1`, earlier where the directions that some steps keep are lost in
    others. What is given was within 0.01 of the true :math:`k \lambda_i` wherever it was compared
    with a product in 120 digits.

    References
    ----------
    R. Vogt, M. Puelma Touzel, E. Shlizerman, G. Lajoie, On Lyapunov exponents for RNNs:
    understanding information propagation using dynamical systems tools, Frontiers in Applied
    Mathematics and Statistics 8, 2022.

    Examples
    --------
    A linear recurrence that halves the gradient, step by step:

    >>> import torch
    >>> from seqforecast.gradients import finite_time_exponents
    >>> layer = torch.nn.RNN(1, 1, nonlinearity="relu", bias=False, batch_first=True)
    >>> _ = torch.nn.init.constant_(layer.weight_hh_l0, 0.5)
    >>> _ = torch.nn.init.constant_(layer.weight_ih_l0, 1.0)
    >>> finite_time_exponents(layer, torch.ones(1, 20, 1), n_steps=3)[0, :, 0].round(4)
    array([-0.6931, -0.6931, -0.6931])
    """
    x = checked_windows(module, x)
    window = x.shape[1]
    n_steps = _checked_n_steps(n_steps, window)
    run = _layer_run(module, x, layer)
    jacobians = (_finite(_jacobian(run, window - k).double()) for k in range(1, n_steps + 1))
    logs = torch.stack(list(_log_singular_values(jacobians)), dim=1)
    return logs.cpu().numpy() / np.arange(1, n_steps + 1)[:, None]


def _layer_run(module: nn.Module, x: Tensor, layer: int) -> LayerRun:
    runs = run_layers(module, x)
    if not -len(runs) <= layer < len(runs):
        raise ValueError(
            f"layer={layer}, but this {type(module).__name__} has num_layers={len(runs)}; an index "
            f"from {-len(runs)} to {len(runs) - 1} is needed. The lowest layer is layer=0."
        )
    return runs[layer]


def _checked_n_steps(n_steps: int | None, window: int) -> int:
    if n_steps is None:
        return window
    if not 1 <= n_steps <= window:
        raise ValueError(
            f"n_steps={n_steps}, but x has {window} steps; a number from 1 to {window} is needed. "
            "The whole window is n_steps=None."
        )
    return n_steps


def _jacobian(run: LayerRun, t: int) -> Tensor:
    """Return d s[t] / d s[t - 1] of every window; s is h, or h and c side by side."""
    slopes = run.slopes[:, t]
    weight = run.weight_hh.unflatten(0, (slopes.shape[1], -1))
    if run.keep is None:
        return _through_gates(slopes, weight)
    kept = torch.diag_embed(run.keep[:, t])
    if run.read is None:
        return _through_gates(slopes, weight) + kept
    read = run.read[:, t].unsqueeze(2)
    c_by_h = _through_gates(slopes[:, :3], weight[:3])
    h_by_h = _through_gates(slopes[:, 3:], weight[3:]) + read * c_by_h
    rows = (torch.cat([h_by_h, read * kept], dim=2), torch.cat([c_by_h, kept], dim=2))
    return torch.cat(rows, dim=1)


def _through_gates(slopes: Tensor, weight: Tensor) -> Tensor:
    """Add up D(slope) W over the gates (n windows, g gates, i new and j old units)."""
    return torch.einsum("ngi,gij->nij", slopes, weight)


def _finite(jacobian: Tensor) -> Tensor:
    if not jacobian.isfinite().all():
        raise ValueError(
            "the Jacobians hold NaN or infinity; finite weights and states are needed. Train again "
            "with a lower lr or a tighter gradient_clipping."
        )
    return jacobian


def _log_singular_values(jacobians: Iterator[Tensor]) -> Iterator[Tensor]:
    """Multiply Jacobians from the right; yield the logarithms of each product's singular values."""
    first = next(jacobians)
    eye = torch.eye(first.shape[-1], dtype=first.dtype, device=first.device)
    product = eye.expand_as(first)
    noise = torch.zeros_like(first)  # covariance of the rounding errors
    log_size = first.new_zeros(len(first), 1)
    for jacobian in itertools.chain([first], jacobians):
        product = product @ jacobian
        sigma = torch.linalg.svdvals(product)
        largest = sigma[:, :1]
        rounding = torch.finfo(sigma.dtype).eps * len(eye) * largest.unsqueeze(2)
        noise = jacobian.mT @ noise @ jacobian + rounding**2 * eye
        floor = torch.linalg.matrix_norm(noise).sqrt().unsqueeze(1) * _CLEAR
        hidden = ~(sigma > floor) & (largest > 0)
        yield (sigma.log() + log_size).masked_fill(hidden, math.nan)
        size = torch.where(largest > 0, largest, 1.0)
        log_size = log_size + size.log()
        product, noise = product / size.unsqueeze(2), noise / size.unsqueeze(2) ** 2
