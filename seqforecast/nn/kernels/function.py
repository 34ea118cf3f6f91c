"""Our own kernels as a function of torch.autograd."""

from __future__ import annotations

from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.autograd import forward_ad
from torch.nn import Parameter

from seqforecast import _kernels
from seqforecast.nn.kernels.torch_layers import run_torch
from seqforecast.nn.kernels.workspace import Workspace


def can_run(x: Tensor, state: tuple[Tensor, ...] | None, parameters: list[Tensor]) -> bool:
    """Tell whether our kernels can run a layer whose shapes fit together."""
    return (
        _kernels.VARIANT is not None
        and x.numel() > 0
        and all(_is_plain(t) for t in (x, *(state or ()), *parameters))
        and not _is_transformed()
    )


def _is_plain(tensor: Tensor) -> bool:
    return (
        type(tensor) in (Tensor, Parameter)
        and tensor.dtype is torch.float32
        and tensor.device.type == "cpu"
        and tensor.layout is torch.strided
        and not tensor.is_neg()
    )


def _is_transformed() -> bool:
    """Tell whether torch wants to see the operations: tracing, compiling, functorch, autocast."""
    return (
        torch.jit.is_tracing()
        or torch.compiler.is_compiling()
        or torch.is_autocast_enabled("cpu")
        or forward_ad._current_level >= 0
        or torch._C._are_functorch_transforms_active()
    )


def run_native(
    cell: str, x: Tensor, state: tuple[Tensor, ...] | None, parameters: list[Tensor]
) -> tuple[Tensor, ...]:
    """Run one layer with our kernels; the arguments are those of `run_layer`."""
    h0, c0 = (*state, None)[:2] if state is not None else (None, None)
    inputs = (x, h0, c0, *parameters)
    if torch.is_grad_enabled() and any(t is not None and t.requires_grad for t in inputs):
        results: tuple[Tensor, ...] = _Layer.apply(cell, *inputs)  # type: ignore[no-untyped-call]
    else:
        results, _ = _forward(cell, inputs, keep=False)
    return results


class _Layer(torch.autograd.Function):
    """One layer, forward and back, on the CPU in float32."""

    @staticmethod
    def forward(ctx: Any, cell: str, *inputs: Tensor | None) -> tuple[Tensor, ...]:
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(*inputs)
        ctx.cell = cell
        results, ctx.workspace = _forward(cell, inputs, keep=True)
        return results

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        inputs, wanted = ctx.saved_tensors, ctx.needs_input_grad[1:]
        if torch.is_grad_enabled():  # create_graph=True: derivatives of derivatives
            return None, *_backward_by_torch(ctx.cell, inputs, wanted, gradients)
        return None, *_backward(ctx.cell, inputs, wanted, gradients, ctx.workspace)


def _forward(
    cell: str, inputs: tuple[Tensor | None, ...], *, keep: bool
) -> tuple[tuple[Tensor, ...], Workspace]:
    x, h0, c0, *parameters = inputs
    assert x is not None
    n, window, n_inputs = x.shape
    hidden = parameters[1].shape[1]  # type: ignore[union-attr]
    native, variant = _kernels.NATIVE, _kernels.VARIANT
    workspace = Workspace(native.workspace_size(variant, cell, n, window, n_inputs, hidden, keep))
    output, h = x.new_empty(n, window, hidden), x.new_empty(1, n, hidden)
    c = x.new_empty(1, n, hidden) if cell == "lstm" else None
    native.forward(
        variant,
        cell,
        _sequence(x),
        _state(h0),
        _state(c0),
        [_array(p) for p in parameters],
        _array(output),
        _state(h),
        _state(c),
        keep,
        _array(workspace.values),
        torch.get_num_threads(),
    )
    return (output, h) if c is None else (output, h, c), workspace


def _backward(
    cell: str,
    inputs: tuple[Tensor | None, ...],
    wanted: tuple[bool, ...],
    gradients: tuple[Tensor | None, ...],
    workspace: Workspace,
) -> tuple[Tensor | None, ...]:
    x, h0, c0, *parameters = inputs
    assert x is not None
    of_output, of_h, of_c = (*gradients, None)[:3]
    native, variant = _kernels.NATIVE, _kernels.VARIANT
    hidden = parameters[1].shape[1]  # type: ignore[union-attr]
    scratch = Workspace(native.scratch_size(variant, cell, *x.shape, hidden))
    of_inputs = [
        t.new_empty(t.shape) if t is not None and asked else None
        for t, asked in zip((x, h0, c0), wanted, strict=False)
    ]
    of_parameters = [p.new_empty(p.shape) for p in parameters]  # type: ignore[union-attr]
    native.backward(
        variant,
        cell,
        _sequence(x),
        h0 is not None,
        [_array(p) for p in parameters],
        _array(workspace.values),
        None if of_output is None else _sequence(of_output),
        _state(of_h),
        _state(of_c),
        [_array(gradient) for gradient in of_parameters],
        _array(of_inputs[0]),
        _state(of_inputs[1]),
        _state(of_inputs[2]),
        _array(scratch.values),
        torch.get_num_threads(),
    )
    return *of_inputs, *of_parameters


def _backward_by_torch(
    cell: str,
    inputs: tuple[Tensor | None, ...],
    wanted: tuple[bool, ...],
    gradients: tuple[Tensor | None, ...],
) -> list[Tensor | None]:
    """Differentiate torch's kernel at the same place: its derivatives have derivatives."""
    x, h0, c0, *parameters = inputs
    state = None if h0 is None else (h0,) if c0 is None else (h0, c0)
    results = run_torch(cell, x, state, parameters, training=True)  # type: ignore[arg-type]
    pairs = [
        (result, gradient)
        for result, gradient in zip(results, gradients, strict=True)
        if gradient is not None
    ]
    asked = [t for t, want in zip(inputs, wanted, strict=True) if want and t is not None]
    found = iter(
        torch.autograd.grad(
            [result for result, _ in pairs],
            asked,
            [gradient for _, gradient in pairs],
            create_graph=True,
            allow_unused=True,
        )
    )
    return [
        next(found) if want and t is not None else None
        for t, want in zip(inputs, wanted, strict=True)
    ]


def _array(tensor: Tensor | None) -> NDArray[Any] | None:
    """Return the values of a tensor, without a copy where they are side by side."""
    return None if tensor is None else tensor.detach().contiguous().numpy()


def _state(tensor: Tensor | None) -> NDArray[Any] | None:
    return None if tensor is None else tensor.detach().contiguous().numpy()[0]


def _sequence(tensor: Tensor) -> NDArray[Any]:
    """Return values at every step; windows and steps may lie anywhere."""
    tensor = tensor.detach()
    side_by_side = tensor.stride(2) == 1 or tensor.shape[2] == 1
    return (tensor if side_by_side else tensor.contiguous()).numpy()
