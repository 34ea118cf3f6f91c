"""The gradient of a whole network's forecast at every step of its recurrent layers."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from seqforecast.gradients.layer_runs import batch_first, run_layers
from seqforecast.gradients.scan import Direct, LayerScan, scan_layers
from seqforecast.nn.gates import GATE_ORDER


def recurrent_layers(network: nn.Module) -> list[nn.Module]:
    """Return the recurrent layers of a network; raise a TypeError if there are none."""
    layers = [
        module
        for module in network.modules()
        if {cls.__name__ for cls in type(module).__mro__} & set(GATE_ORDER)
        and hasattr(module, "weight_hh_l0")
    ]
    if not layers:
        raise TypeError(
            f"{type(network).__name__} holds no recurrent layer; an RNN, LSTM or GRU of torch.nn "
            "or seqforecast.nn is needed (cells that a loop calls step by step are not seen). Use "
            "such a layer in the network."
        )
    return layers


@dataclass(frozen=True)
class _Call:
    """What a recurrent layer was given, and what it handed to the rest of the network."""

    layer: nn.Module
    x: Tensor
    state: tuple[Tensor, ...] | None
    output: Tensor
    final: tuple[Tensor, ...]


class NetworkProbe:
    """One forward pass of a network, ready for gradients of its forecast.

    Of several recurrent modules the one that is called first counts: all that the input says
    passes through it. It is differentiated by the reverse scan, the rest of the network by
    autograd. The network is in evaluation mode meanwhile,
    and nothing in it changes, random generators included.

    Parameters
    ----------
    network : torch.nn.Module
        A network with a recurrent layer.
    forecast : callable
        Runs the network on the probe windows; returns what it forecasts from the last step, as a
        Tensor of shape (n, n_outputs).
    """

    def __init__(self, network: nn.Module, forecast: Callable[[], Tensor]) -> None:
        layers = recurrent_layers(network)
        calls: list[_Call] = []
        with _evaluating(network), torch.enable_grad(), _cut_open(layers, calls):
            self.forecast = forecast()
        if not calls:
            raise TypeError(
                f"the network's {type(layers[0]).__name__} was not called; a network that runs "
                "its recurrent layer as a module is needed."
            )
        self._call = calls[0]
        self.layer = self._call.layer
        output = self._call.output.detach()
        self.runs = run_layers(
            self.layer,
            self._call.x,
            self._call.state,
            output if batch_first(self.layer) else output.transpose(0, 1),
        )

    def scan(self, weights: Tensor) -> tuple[list[LayerScan], Tensor]:
        """Return the gradients of ``(weights * forecast).sum()`` by layer, and by the input.

        Parameters
        ----------
        weights : Tensor of shape (n, n_outputs)
            One terminal loss a window.
        """
        return scan_layers(self.runs, self._direct(weights), last=self.runs[0].h.shape[1] - 1)

    def input_gradients(self) -> Tensor:
        """Return d forecast[:, j] / d input, of shape (n_outputs, n, window, n_channels)."""
        directs = [self._direct(row) for row in _one_output_each(self.forecast)]
        together = [Direct(*_joined(parts)) for parts in zip(*directs, strict=True)]
        runs = run_layers(self.layer, *self._repeated(len(directs)))
        dx = scan_layers(runs, together, last=runs[0].h.shape[1] - 1)[1]
        by_output: Tensor = dx.unflatten(0, (len(directs), -1))
        return by_output

    def _direct(self, weights: Tensor) -> list[Direct]:
        """Differentiate the rest of the network; return what reaches each layer's states."""
        call = self._call
        with torch.enable_grad():  # the caller may have turned it off
            loss = (self.forecast * weights).sum()
        leaves = [call.output, *call.final]
        if not loss.requires_grad:  # the forecast does not depend on the recurrent layer
            gradients: list[Tensor | None] = [None] * len(leaves)
        else:
            gradients = list(
                torch.autograd.grad(loss, leaves, allow_unused=True, retain_graph=True)
            )
        of_output, of_h, of_c = [*gradients, None][:3]
        n_layers, last = len(self.runs), self.runs[0].h.shape[1] - 1
        steps: list[dict[int, Tensor]] = [{} for _ in range(n_layers)]
        if of_output is not None:
            rows = of_output if batch_first(self.layer) else of_output.transpose(0, 1)
            for t in rows.abs().amax(dim=(0, 2)).nonzero().flatten().tolist():
                steps[-1][t] = rows[:, t]
        if of_h is not None:
            for k, found in enumerate(steps):
                found[last] = found[last] + of_h[k] if last in found else of_h[k]
        return [Direct(found, None if of_c is None else of_c[k]) for k, found in enumerate(steps)]

    def _repeated(self, times: int) -> tuple[Tensor, tuple[Tensor, ...] | None]:
        x, state = self._call.x, self._call.state
        if state is not None:
            state = tuple(part.repeat(1, times, 1) for part in state)
        return x.repeat(times, 1, 1), state


@contextmanager
def _evaluating(network: nn.Module) -> Iterator[None]:
    """Put a network into evaluation mode; give every module its own mode back."""
    modes = [(module, module.training) for module in network.modules()]
    network.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


@contextmanager
def _cut_open(layers: list[nn.Module], calls: list[_Call]) -> Iterator[None]:
    """Hand the rest of the network copies of the states that collect their own gradient.

    `retain_grad` on a layer's output would give the direct part of one layer; the copies give the
    direct part of every state that the network goes on with, and the scan does the rest.
    """
    caller = threading.get_ident()
    handles: list[Any] = []

    def hook(module: nn.Module, args: tuple[Any, ...], *given: Any) -> Any:
        # The first call reads the input; what follows it is the rest of the network. Another
        # thread may ask the same network meanwhile, while torch does not know yet, or no more,
        # that the hook takes keywords.
        if calls or threading.get_ident() != caller:
            return None
        kwargs, result = given
        # By position or by name: torch's names of both are not those of our layers.
        x, *rest = inspect.signature(module.forward).bind(*args, **kwargs).args
        if not isinstance(x, Tensor) or x.ndim != 3:
            raise TypeError(
                f"the network gives its {type(module).__name__} a {type(x).__name__}; a tensor of "
                "three dimensions (windows, steps, channels) is needed, all windows of one length."
            )
        output, final = result
        parts = tuple(
            part.detach().requires_grad_()
            for part in (final if isinstance(final, tuple) else (final,))
        )
        output = output.detach().requires_grad_()
        state = rest[0] if rest else None
        calls.append(
            _Call(
                module,
                (x if batch_first(module) else x.transpose(0, 1)).detach(),
                None if state is None else state if isinstance(state, tuple) else (state,),
                output,
                parts,
            )
        )
        _remove(handles)  # before the rest of the network: wherever Ctrl-C comes, no hook stays
        return output, parts if isinstance(final, tuple) else parts[0]

    try:
        for layer in layers:
            handles.append(layer.register_forward_hook(hook, with_kwargs=True))
        yield
    finally:
        _remove(handles)


def is_of_a_probe(hook: Any) -> bool:
    """Tell whether a hook is one by which a network is looked at just now."""
    return getattr(hook, "__module__", None) == __name__


def _remove(handles: list[Any]) -> None:
    for handle in handles:
        handle.remove()


def _one_output_each(forecast: Tensor) -> Iterator[Tensor]:
    for j in range(forecast.shape[1]):
        weights = torch.zeros_like(forecast)
        weights[:, j] = 1.0
        yield weights


def _joined(directs: tuple[Direct, ...]) -> tuple[dict[int, Tensor], Tensor | None]:
    """Put the direct gradients of several losses, on one layer, into one batch."""
    steps = sorted({t for direct in directs for t in direct.dh})
    some = next((dh for direct in directs for dh in direct.dh.values()), None)
    dh = {}
    for t in steps:
        assert some is not None
        dh[t] = torch.cat([direct.dh.get(t, torch.zeros_like(some)) for direct in directs])
    if directs[0].dc is None:
        return dh, None
    return dh, torch.cat([direct.dc for direct in directs if direct.dc is not None])
