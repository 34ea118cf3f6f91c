"""Steps of training in native code, where what is trained is of the common kind."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn

from seqforecast import _kernels
from seqforecast.clipping import ClipNorm, ClipOutcome, ClippingStrategy
from seqforecast.nn import (
    GRU,
    LSTM,
    RNN,
    AbsoluteError,
    Dropout,
    Huber,
    LinearHead,
    PinballLoss,
    QuantileHead,
    RecurrentNetwork,
    SquaredError,
)

_LOSSES: dict[type, str] = {
    SquaredError: "squared",
    AbsoluteError: "absolute",
    Huber: "huber",
    PinballLoss: "pinball",
}
_MODULE_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
_TENSOR_HOOKS = ("_backward_hooks", "_post_accumulate_grad_hooks")
_OPTIMIZER_HOOKS = ("_optimizer_step_pre_hooks", "_optimizer_step_post_hooks")
_MOMENTS = ("exp_avg", "exp_avg_sq")


class NativeUpdate:
    """Clipping by norm and Adam in one native pass over flat buffers.

    While it lives, the parameters of the network, their gradients and the moments of the optimizer
    are views of these buffers; `close` gives each its own memory again.

    Parameters
    ----------
    module : torch.nn.Module
        What is trained.
    criterion : torch.nn.Module
        The loss.
    optimizer : torch.optim.Adam or AdamW
        Holds learning rate, decay and moments.
    clipping : ClipNorm or None
        The limit of the gradient.
    """

    def __init__(
        self,
        module: nn.Module,
        criterion: nn.Module,
        optimizer: torch.optim.Optimizer,
        clipping: ClippingStrategy | None,
    ) -> None:
        self._parts = module, criterion, optimizer, clipping
        self._parameters = list(module.parameters())
        self._optimizer = optimizer
        self._max_norm = math.inf if clipping is None else clipping.max_norm
        self._values = _flattened(self._parameters)
        self._gradient = torch.zeros_like(self._values)
        self._moments = [_flattened(self._moment(name)) for name in _MOMENTS]
        self._steps = int(optimizer.state.get(self._parameters[0], {}).get("step", 0))
        self._view()
        self._seen = self._signature()
        group = optimizer.param_groups[0]
        mean, square = (moment.numpy() for moment in self._moments)
        self._updater = _kernels.NATIVE.Updater(
            variant=_kernels.VARIANT,
            parameters=self._values.numpy(),
            gradient=self._gradient.numpy(),
            mean=mean,
            square=square,
            decay=self._decay(),
            decoupled=_is_decoupled(optimizer),
            beta1=group["betas"][0],
            beta2=group["betas"][1],
            eps=group["eps"],
            max_norm=0.0 if clipping is None else self._max_norm,
        )

    @classmethod
    def fits(
        cls,
        module: nn.Module,
        criterion: nn.Module,  # noqa: ARG003 (the whole step asks for it)
        optimizer: torch.optim.Optimizer,
        clipping: ClippingStrategy | None,
    ) -> bool:
        """Tell whether a training is of the kind that this class can take over."""
        return (
            _kernels.VARIANT is not None
            and type(clipping) in (ClipNorm, type(None))
            and _are_plain(list(module.parameters()))
            and _is_common_optimizer(optimizer, list(module.parameters()))
            and _are_in_step(optimizer, list(module.parameters()))
        )

    def still_fits(self, *parts: Any) -> bool:
        """Tell whether module, criterion, optimizer and clipping are what they were.

        Callbacks may change them: freeze a layer, add a hook, set another optimizer.
        """
        same = all(a is b for a, b in zip(parts, self._parts, strict=True))
        return same and self._signature() == self._seen

    def _signature(self) -> list[Any]:
        """Return all that a native step relies on, cheap enough to ask for before every epoch."""
        seen: list[Any] = []
        for module in (*self._parts[0].modules(), self._parts[1]):
            seen += [id(module), type(module), _is_changed(module)]
            for p in module.parameters(recurse=False):
                seen += [id(p), p.data_ptr(), p.requires_grad]
                seen += [bool(getattr(p, hook)) for hook in _TENSOR_HOOKS]
            if isinstance(module, Dropout):
                seen.append(module.p)
        for p in self._parameters:
            state = self._optimizer.state.get(p, {})
            seen += [state[name].data_ptr() if name in state else None for name in _MOMENTS]
        groups = self._optimizer.param_groups
        seen += [[v for k, v in g.items() if k not in ("params", "lr")] for g in groups]
        seen.append({group["lr"] for group in groups} == {groups[0]["lr"]})
        seen += [bool(getattr(self._optimizer, hook)) for hook in _OPTIMIZER_HOOKS]
        return [*seen, getattr(self._parts[3], "max_norm", None)]

    def clear_gradient(self) -> None:
        """Set the gradient to zero, in which a backward pass adds up its own."""
        self._gradient.zero_()
        for p, (_, view, *_) in zip(self._parameters, self._views, strict=True):
            p.grad = view

    def update(self) -> ClipOutcome:
        """Clip the gradient and step, unless it is not finite."""
        norm, skipped = self._updater.update(self._lr, self._steps + 1)
        return self._outcome(norm, skipped)

    def write_back(self) -> None:
        """Tell the optimizer how many steps were taken; callbacks may look or save it."""
        for p in self._parameters:
            self._optimizer.state[p]["step"].fill_(self._steps)
        # The mark of a step that torch's schedulers look for.
        self._optimizer._opt_called = True  # type: ignore[attr-defined]

    def close(self) -> None:
        """Give parameters, gradients and moments memory of their own again."""
        for p, (values, gradient, *moments) in zip(self._parameters, self._views, strict=True):
            if p.data_ptr() == values.data_ptr():
                p.data = p.data.clone()
            if p.grad is gradient:
                p.grad = cast(Tensor, gradient).clone()
            state = self._optimizer.state.get(p, {})
            for name, moment in zip(_MOMENTS, moments, strict=True):
                if state.get(name) is moment:
                    state[name] = moment.clone()

    def __reduce__(self) -> tuple[Any, ...]:
        return _nothing, ()  # a copy of a net that trains takes its own steps

    @property
    def _lr(self) -> float:
        return float(self._optimizer.param_groups[0]["lr"])

    def _outcome(self, norm: float, skipped: bool) -> ClipOutcome:
        self._steps += not skipped
        if skipped:
            for p in self._parameters:
                p.grad = None
        return ClipOutcome(norm, clipped=not skipped and norm > self._max_norm, skipped=skipped)

    def _view(self) -> None:
        sizes = [p.numel() for p in self._parameters]
        parts = [buffer.split(sizes) for buffer in (self._values, self._gradient, *self._moments)]
        self._views = []
        for p, *part in zip(self._parameters, *parts, strict=True):
            values, gradient, *moments = views = [values.view_as(p) for values in part]
            p.data, p.grad = values, gradient
            self._views.append(views)
            state = self._optimizer.state[p]
            state.setdefault("step", torch.tensor(0.0))
            state.update(zip(_MOMENTS, moments, strict=True))

    def _moment(self, name: str) -> list[Tensor]:
        states = [self._optimizer.state.get(p, {}) for p in self._parameters]
        return [
            state.get(name, torch.zeros_like(p))
            for state, p in zip(states, self._parameters, strict=True)
        ]

    def _decay(self) -> Any:
        groups = self._optimizer.param_groups
        decay = {id(p): float(group["weight_decay"]) for group in groups for p in group["params"]}
        if not any(decay.values()):
            return None
        return _flattened([torch.full_like(p, decay[id(p)]) for p in self._parameters]).numpy()


class NativeStep(NativeUpdate):
    """The whole step of a batch: forward, loss, backward, clipping and Adam in one native call.

    Parameters
    ----------
    module : RecurrentNetwork
        The network.
    criterion : Loss
        The loss.
    optimizer, clipping
        As for `NativeUpdate`.
    """

    def __init__(
        self,
        module: RecurrentNetwork,
        criterion: nn.Module,
        optimizer: torch.optim.Optimizer,
        clipping: ClippingStrategy | None,
    ) -> None:
        super().__init__(module, criterion, optimizer, clipping)
        recurrent, head = module.recurrent, cast(LinearHead | QuantileHead, module.head)
        self._trainer = _kernels.NATIVE.Trainer(
            updater=self._updater,
            cell=recurrent.kernel,
            inputs=recurrent.input_size,
            hidden=recurrent.hidden_size,
            layers=recurrent.num_layers,
            outputs=head.linear.out_features // getattr(head, "n_levels", 1),
            levels=criterion.levels.tolist() if isinstance(criterion, PinballLoss) else [],
            median=getattr(head, "median", 0),
            loss=_LOSSES[type(criterion)],
        )

    @classmethod
    def fits(
        cls,
        module: nn.Module,
        criterion: nn.Module,
        optimizer: torch.optim.Optimizer,
        clipping: ClippingStrategy | None,
    ) -> bool:
        """Tell whether a training is of the kind that this class can take over."""
        return (
            super().fits(module, criterion, optimizer, clipping)
            and _is_common_network(module, criterion)
            and not any(_is_changed(part) for part in (*module.modules(), criterion))
        )

    def step(self, batch: tuple[Tensor, Any]) -> tuple[float, ClipOutcome]:
        """Take one step; return the loss of the batch and what happened to its gradient."""
        x, target = batch
        target, weight = target if isinstance(target, tuple) else (target, None)
        loss, norm, skipped = self._trainer.step(
            x.contiguous().numpy(),
            target.contiguous().numpy(),
            None if weight is None else weight.numpy(),
            self._lr,
            self._steps + 1,
            torch.get_num_threads(),
        )
        return loss, self._outcome(norm, skipped)


def _flattened(tensors: Sequence[Tensor]) -> Tensor:
    return torch.cat([tensor.detach().reshape(-1) for tensor in tensors])


def _nothing() -> None:
    return None


def _are_plain(parameters: list[nn.Parameter]) -> bool:
    return all(
        p.requires_grad
        and p.dtype is torch.float32
        and p.device.type == "cpu"
        and not any(getattr(p, hook) for hook in _TENSOR_HOOKS)
        for p in parameters
    )


def _is_changed(module: nn.Module) -> bool:
    """Tell whether a module of a known class does more, or something else, than its class."""
    return "forward" in vars(module) or any(getattr(module, hook) for hook in _MODULE_HOOKS)


def _is_common_network(module: nn.Module, criterion: nn.Module) -> bool:
    if type(module) is not RecurrentNetwork or type(criterion) not in _LOSSES:
        return False
    recurrent, head = module.recurrent, module.head
    quantiles = type(criterion) is PinballLoss
    return (
        type(recurrent) in (RNN, LSTM, GRU)
        and type(head) is (QuantileHead if quantiles else LinearHead)
        and type(head.linear) is nn.Linear
        and len(list(module.parameters())) == 4 * recurrent.num_layers + 2
        and not (quantiles and head.n_levels != len(cast(PinballLoss, criterion).levels))
        and (recurrent.num_layers == 1 or recurrent.dropout.p == 0.0)
        and module.dropout.p == 0.0
    )


def _is_common_optimizer(optimizer: torch.optim.Optimizer, parameters: list[Any]) -> bool:
    if type(optimizer) not in (torch.optim.Adam, torch.optim.AdamW):
        return False
    if any(getattr(optimizer, hook, None) for hook in _OPTIMIZER_HOOKS):
        return False
    groups = optimizer.param_groups
    known = {id(p) for group in groups for p in group["params"]}
    return known == {id(p) for p in parameters} and all(
        not any(group[option] for option in ("amsgrad", "maximize", "differentiable"))
        and all(group[name] == groups[0][name] for name in ("lr", "betas", "eps"))
        and not any(isinstance(value, Tensor) for value in (group["lr"], *group["betas"]))
        for group in groups
    )


def _are_in_step(optimizer: torch.optim.Optimizer, parameters: list[Any]) -> bool:
    """Tell whether all parameters have taken as many steps; those that were frozen have not."""
    return len({float(optimizer.state.get(p, {}).get("step", 0)) for p in parameters}) == 1


def _is_decoupled(optimizer: torch.optim.Optimizer) -> bool:
    decoupled = isinstance(optimizer, torch.optim.AdamW)
    return bool(optimizer.param_groups[0].get("decoupled_weight_decay", decoupled))
