"""Backpropagation through time by hand: one reverse scan a layer, stacked layers top-down.

No autograd, so that it runs beside any kernel and in evaluation mode. The scan carries a power of
two beside the numbers: a gradient that falls below the smallest float over a long window is still
known, and powers of two cost no digit.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seqforecast.gradients.layer_runs import LayerRun

_RESCALE_EVERY = 4
"""Steps between two looks at the size; no cell moves a gradient by 1e30 within so few."""

_LARGEST_SHIFT = 120
"""Powers of two that one rescaling may move: 2**120 is a float32."""

_NOTHING = -(1 << 20)
"""Exponent of a gradient of zero: below that of everything that may be added to it."""


@dataclass(frozen=True)
class Direct:
    """What the loss puts on the states of one layer, before any time is passed.

    Parameters
    ----------
    dh : dict of int to Tensor of shape (n, hidden)
        Direct gradient by the hidden state, at the steps that have one.
    dc : Tensor of shape (n, hidden) or None
        Direct gradient by the cell state of the last step.
    """

    dh: dict[int, Tensor] = field(default_factory=dict)
    dc: Tensor | None = None


@dataclass(frozen=True)
class LayerScan:
    """The gradients of one layer, time first, divided by ``2**exponents[t]`` at step t.

    Parameters
    ----------
    dh : Tensor of shape (window, n, hidden)
        Gradient by the hidden state, over all paths.
    dc : Tensor of shape (window, n, hidden) or None
        Gradient by the cell state of an LSTM.
    da : Tensor of shape (window, n, n_gates, hidden)
        Gradient by the gates' arguments from the recurrent product.
    exponents : list of int
        A power of two for each step.
    last : int
        The step of the loss.
    """

    dh: Tensor
    dc: Tensor | None
    da: Tensor
    exponents: list[int]
    last: int

    def true_values(self) -> tuple[Tensor, Tensor, Tensor]:
        """Return dh, dc (dh where there is none) and da (gates flattened), batch first."""
        dc = self.dh if self.dc is None else self.dc
        parts = (self.dh, dc, self.da.flatten(2))
        dh, dc, da = (_times_powers_of_two(part, self.exponents) for part in parts)
        return dh, dc, da

    def log10_curve(self) -> NDArray[np.float64]:
        """Return log10 of the gradient's root mean square over the windows, by lag."""
        state = self.dh if self.dc is None else self.dc
        squares = state[: self.last + 1].double().square().sum(dim=2).mean(dim=1)
        exponents = np.array(self.exponents[: self.last + 1], dtype=np.float64)
        with np.errstate(divide="ignore"):
            log10 = 0.5 * np.log10(squares.cpu().numpy()) + exponents * math.log10(2.0)
        return np.ascontiguousarray(log10[::-1])


@torch.no_grad()
def scan_layers(
    runs: Sequence[LayerRun], direct: Sequence[Direct], *, last: int
) -> tuple[list[LayerScan], Tensor]:
    """Scan the layers top-down; return them bottom-up, and the gradient by the input.

    Parameters
    ----------
    runs : sequence of LayerRun
        The layers, bottom-up.
    direct : sequence of Direct
        What the loss puts on each of them, bottom-up.
    last : int
        The last step that anything is put on.
    """
    scans: list[LayerScan] = []
    above: LayerScan | None = None
    dx = torch.empty(0)
    for run, own in zip(reversed(runs), reversed(direct), strict=True):
        above = _scan_layer(run, own, above, dx, last)
        dx = _by_input(run, above)
        scans.append(above)
    return scans[::-1], _times_powers_of_two(dx, scans[-1].exponents)


def _scan_layer(
    run: LayerRun, direct: Direct, above: LayerScan | None, from_above: Tensor, last: int
) -> LayerScan:
    cell = _HiddenBackward(run) if run.c is None else _CellBackward(run)
    if direct.dc is not None:
        cell.add(last, torch.zeros_like(direct.dc), 0, dc=direct.dc)
    exponents = [0] * run.h.shape[1]
    for t in range(last, -1, -1):
        if t in direct.dh:
            cell.add(t, direct.dh[t], 0)
        if above is not None:
            cell.add(t, from_above[t], above.exponents[t])
        if (last - t) % _RESCALE_EVERY == 0:
            cell.rescale(t)
        exponents[t] = cell.exponent
        cell.step(t)
    return LayerScan(cell.dh, cell.dc, cell.da, exponents, last)


def _by_input(run: LayerRun, scan: LayerScan) -> Tensor:
    """Return the gradient by what a layer read, in the units of the layer's scan."""
    da = scan.da
    if run.input_slopes is not None:
        da = scan.dh.unsqueeze(2) * run.input_slopes.transpose(0, 1)
    return da.flatten(2) @ run.weight_ih


class _HiddenBackward:
    """Steps back through a cell whose state is h alone: RNN and GRU.

    ``dh[t]`` is complete once all that flows into it was added, and is in units of
    ``2**exponent``; `step` then fills ``dh[t - 1]`` with what flows on.
    """

    def __init__(self, run: LayerRun) -> None:
        self.dh = run.h.new_zeros(run.h.transpose(0, 1).shape)
        self.da = run.h.new_zeros(run.slopes.transpose(0, 1).shape)
        self.dc: Tensor | None = None
        self.exponent = _NOTHING
        self._slopes = run.slopes.unbind(1)
        self._keep = None if run.keep is None else run.keep.unbind(1)
        self._weight = run.weight_hh

    def add(self, t: int, dh: Tensor, exponent: int, *, dc: Tensor | None = None) -> None:
        """Add ``dh * 2**exponent`` (and dc) to what flows into step t, in the larger unit."""
        if exponent > self.exponent:
            self._divide(t, exponent - self.exponent)
        share = math.ldexp(1.0, exponent - self.exponent)
        self.dh[t].add_(dh, alpha=share)
        if dc is not None:
            self._carried(t)[1].add_(dc, alpha=share)

    def rescale(self, t: int) -> None:
        """Bring the largest number near 1, so that none of the next steps underflows."""
        largest = max(float(torch.linalg.vector_norm(part, math.inf)) for part in self._carried(t))
        if largest == 0.0:
            self.exponent = _NOTHING
        else:  # frexp of Inf or NaN says 0, and leaves them alone
            shift = math.frexp(largest)[1]
            self._divide(t, max(-_LARGEST_SHIFT, min(_LARGEST_SHIFT, shift)))

    def step(self, t: int) -> None:
        """Complete step t and hand on what step t - 1 receives."""
        dh, da = self.dh[t], self.da[t]
        torch.mul(dh.unsqueeze(1), self._slopes[t], out=da)
        self._hand_on(t, da)
        if self._keep is not None and t > 0:
            self.dh[t - 1].addcmul_(dh, self._keep[t])

    def _hand_on(self, t: int, da: Tensor) -> None:
        if t > 0:
            torch.mm(da.view(len(da), -1), self._weight, out=self.dh[t - 1])

    def _carried(self, t: int) -> list[Tensor]:
        return [self.dh[t]]

    def _divide(self, t: int, shift: int) -> None:
        for part in self._carried(t):
            part.mul_(math.ldexp(1.0, -shift))
        self.exponent += shift


class _CellBackward(_HiddenBackward):
    """Steps back through an LSTM, whose state is h and c."""

    def __init__(self, run: LayerRun) -> None:
        super().__init__(run)
        assert run.keep is not None
        assert run.read is not None
        self._dc = self.dc = torch.zeros_like(self.dh)
        self._kept = torch.zeros_like(self.dh[0])
        self._of_c, self._of_h = run.slopes[:, :, :3].unbind(1), run.slopes[:, :, 3].unbind(1)
        self._forget, self._read = run.keep.unbind(1), run.read.unbind(1)

    def step(self, t: int) -> None:
        """Complete step t and hand on what step t - 1 receives."""
        dh, da = self.dh[t], self.da[t]
        dc = torch.addcmul(self._kept, dh, self._read[t], out=self._dc[t])
        torch.mul(dc.unsqueeze(1), self._of_c[t], out=da[:, :3])
        torch.mul(dh, self._of_h[t], out=da[:, 3])
        torch.mul(dc, self._forget[t], out=self._kept)
        self._hand_on(t, da)

    def _carried(self, t: int) -> list[Tensor]:
        return [self.dh[t], self._kept]


def _times_powers_of_two(values: Tensor, exponents: list[int]) -> Tensor:
    """Multiply step t of (window, n, ...) by ``2**exponents[t]``; return it batch first.

    In two halves: 2**200 is no float32, but 2**100 is, and the product may be one again.
    """
    largest = math.frexp(torch.finfo(values.dtype).max)[1] - 1
    powers = np.array(exponents)
    for half in (powers // 2, powers - powers // 2):
        factor = torch.from_numpy(np.ldexp(1.0, half.clip(-largest, largest)))
        values = values * factor.to(values)[:, None, None]
    return values.transpose(0, 1)
