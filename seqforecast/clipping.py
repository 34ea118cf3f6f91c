"""What limits a gradient before it moves the parameters.

Every strategy makes a step's gradient smaller: it tames the rare explosion and cannot raise what
has vanished.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from bisect import bisect_left, insort
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
import torch
from sklearn.base import BaseEstimator, clone
from torch import Tensor

from seqforecast._shared.checks import check_number

__all__ = ["AutoClip", "ClipNorm", "ClipOutcome", "ClipValue", "ClippingStrategy", "clip_gradients"]


@dataclass(frozen=True)
class ClipOutcome:
    """What happened to the gradient of one step.

    Parameters
    ----------
    norm : float
        Euclidean norm over all parameters before clipping; not finite where the step is skipped.
    clipped : bool
        Whether the gradient was made smaller.
    skipped : bool
        Whether the gradient was not finite, so that the step must be left out.

    Examples
    --------
    >>> from seqforecast.clipping import ClipOutcome
    >>> ClipOutcome(norm=3.0, clipped=True, skipped=False).norm
    3.0
    """

    norm: float
    clipped: bool
    skipped: bool


class ClippingStrategy(BaseEstimator, ABC):
    """How far a gradient is limited.

    The base of the strategies; it cannot be used by itself. A strategy is a set of parameters,
    with ``get_params`` and ``set_params`` like any scikit-learn object; what it learns during a
    training stays in the copy which that training uses.
    """

    @abstractmethod
    def validate(self) -> None:
        """Raise a ValueError if a parameter is out of range."""

    @abstractmethod
    def clip(self, gradients: list[Tensor], norm: float) -> bool:
        """Limit finite gradients of Euclidean norm `norm` in place; tell whether they changed."""


class ClipNorm(ClippingStrategy):
    r"""Scale the whole gradient down where its norm exceeds a limit; its direction stays.

    The default. With targets scaled to unit spread, 1.0 lets ordinary steps pass.

    Parameters
    ----------
    max_norm : float, default=1.0
        The largest Euclidean norm that passes; with infinity all do.

    Notes
    -----
    .. math:: g \leftarrow g \, \min(1, \mathrm{max\_norm} / \lVert g \rVert)

    References
    ----------
    R. Pascanu, T. Mikolov, Y. Bengio, On the difficulty of training recurrent neural networks,
    ICML 2013, algorithm 1.

    Examples
    --------
    >>> import torch
    >>> from seqforecast.clipping import ClipNorm
    >>> gradient = torch.tensor([3.0, 4.0])
    >>> ClipNorm(max_norm=1.0).clip([gradient], norm=5.0)
    True
    >>> gradient
    tensor([0.6000, 0.8000])
    """

    def __init__(self, max_norm: float = 1.0) -> None:
        self.max_norm = max_norm

    def validate(self) -> None:
        """Raise a ValueError if `max_norm` is not a positive number."""
        _require_positive("ClipNorm(max_norm)", self.max_norm)

    def clip(self, gradients: list[Tensor], norm: float) -> bool:
        """Scale the gradients to `max_norm` where their norm exceeds it; tell whether it did."""
        return _scale_to(gradients, norm, self.max_norm)


class ClipValue(ClippingStrategy):
    r"""Cut every element of the gradient at a limit; the direction changes.

    Use it where a few elements explode and the others should keep their size.

    Parameters
    ----------
    limit : float, default=1.0
        The largest absolute value that passes; with infinity all do.

    Notes
    -----
    .. math:: g_j \leftarrow \max(-\mathrm{limit}, \min(\mathrm{limit}, g_j))

    References
    ----------
    A. Graves, Generating sequences with recurrent neural networks, arXiv:1308.0850, 2013.

    Examples
    --------
    >>> import torch
    >>> from seqforecast.clipping import ClipValue
    >>> gradient = torch.tensor([3.0, -0.5])
    >>> ClipValue(limit=1.0).clip([gradient], norm=3.04)
    True
    >>> gradient
    tensor([ 1.0000, -0.5000])
    """

    def __init__(self, limit: float = 1.0) -> None:
        self.limit = limit

    def validate(self) -> None:
        """Raise a ValueError if `limit` is not a positive number."""
        _require_positive("ClipValue(limit)", self.limit)

    def clip(self, gradients: list[Tensor], norm: float) -> bool:
        """Cut the elements at `limit`; tell whether any was beyond it."""
        if norm <= self.limit:  # no element is larger than the norm
            return False
        clipped = any(float(gradient.abs().max()) > self.limit for gradient in gradients)
        for gradient in gradients:
            gradient.clamp_(-self.limit, self.limit)
        return clipped


class AutoClip(ClippingStrategy):
    r"""Scale the gradient down to a percentile of the norms seen so far.

    Use it where no fixed limit fits, for example across the candidates of a search. The low
    default clips nine steps in ten, which its authors found best.

    Parameters
    ----------
    percentile : float, default=10
        Percentile of the last 1,024 norms, in [0, 100], to which larger ones are scaled.

    Notes
    -----
    .. math::

        g \leftarrow g \, \min(1, \eta_t / \lVert g \rVert), \qquad
        \eta_t = \mathrm{percentile}_p(\lVert g_1 \rVert, \dots, \lVert g_t \rVert)

    The method keeps all past norms; here the last 1,024 of them, so that a long training neither
    grows nor slows.

    References
    ----------
    P. Seetharaman et al., AutoClip: adaptive gradient clipping for source separation networks,
    MLSP 2020.

    Examples
    --------
    >>> import torch
    >>> from seqforecast.clipping import AutoClip
    >>> strategy = AutoClip(percentile=50)
    >>> [strategy.clip([torch.tensor([norm])], norm=norm) for norm in (1.0, 3.0)]
    [False, True]
    """

    _MEMORY = 1024

    def __init__(self, percentile: float = 10) -> None:
        self.percentile = percentile

    def validate(self) -> None:
        """Raise a ValueError if `percentile` is not a number in [0, 100]."""
        if not _is_real(self.percentile) or not 0 <= self.percentile <= 100:
            raise ValueError(
                f"AutoClip(percentile)={self.percentile!r}; a number from 0 to 100 is needed. "
                "The usual choice is 10."
            )

    def clip(self, gradients: list[Tensor], norm: float) -> bool:
        """Scale the gradients to the percentile of the norms so far; tell whether it did."""
        return _scale_to(gradients, norm, self._remember(norm))

    def state_dict(self) -> dict[str, list[float]]:
        """Return the norms seen so far, oldest first; nothing before the first step."""
        return {"norms": list(map(float, self._recent))} if hasattr(self, "_recent") else {}

    def load_state_dict(self, state: dict[str, list[float]]) -> None:
        """Go on with the norms that another one has seen."""
        if "norms" in state:
            self._recent: deque[float] = deque(state["norms"])
            self._ordered: list[float] = sorted(state["norms"])

    def _remember(self, norm: float) -> float:
        """Add a norm to the memory; return the percentile of what it holds."""
        if not hasattr(self, "_recent"):
            self.load_state_dict({"norms": []})
        if len(self._recent) == self._MEMORY:
            del self._ordered[bisect_left(self._ordered, self._recent.popleft())]
        self._recent.append(norm)
        insort(self._ordered, norm)
        # Linear interpolation, as numpy does it, on a list that is sorted already.
        position = (len(self._ordered) - 1) * self.percentile / 100
        low = math.floor(position)
        high = min(low + 1, len(self._ordered) - 1)
        share = position - low
        return self._ordered[low] + share * (self._ordered[high] - self._ordered[low])


def strategy_of(value: Any, name: str) -> ClippingStrategy | None:
    """Return the strategy that a parameter asks for, None where it is to measure only.

    Parameters
    ----------
    value : float, ClippingStrategy or None
        A largest norm stands for `ClipNorm`; an infinite one limits nothing, as None does.
    name : str
        What the user calls it.

    Raises
    ------
    ValueError
        If it is none of these, or out of range.
    """
    if isinstance(value, ClippingStrategy):
        value.validate()
        limit = {ClipNorm: "max_norm", ClipValue: "limit"}.get(type(value))
        return None if limit is not None and math.isinf(getattr(value, limit)) else value
    if value is None:
        return None
    if not isinstance(value, Real | np.bool_):
        raise ValueError(
            f"{name}={value!r}; None, a positive number (largest norm) or a strategy of "
            "seqforecast.clipping is needed. Give one of them, for example AutoClip()."
        )
    if value == math.inf:
        return None
    check_number(name, value, low=0, open_low=True)
    return ClipNorm(float(value))


def own_strategy(value: Any, name: str) -> ClippingStrategy | None:
    """Return the strategy of one training: a copy, so that the user's learns nothing."""
    strategy = strategy_of(value, name)
    return None if strategy is None else clone(strategy)


def clip_gradients(
    parameters: Tensor | Iterable[Tensor], strategy: float | ClippingStrategy | None
) -> ClipOutcome:
    """Limit the gradients of `parameters` in place, and report their norm.

    Use it between ``loss.backward()`` and ``optimizer.step()`` of any training loop. A gradient
    with Inf or NaN (or one so large that its norm overflows) is never scaled, which would spread
    the NaN over every parameter: it is set to None and reported as skipped. Leave the
    optimizer's step out then; zeros instead of None would still move Adam.

    Parameters
    ----------
    parameters : Tensor or iterable of Tensor
        The parameters whose ``grad`` is limited.
    strategy : float, ClippingStrategy or None
        How to limit: a largest norm, or a strategy, which learns from step to step; None and
        infinity only measure.

    Returns
    -------
    ClipOutcome
        The norm before clipping, and whether the step was clipped or must be skipped.

    Raises
    ------
    ValueError
        If `strategy` is none of these or out of range.

    Examples
    --------
    >>> import torch
    >>> from seqforecast.clipping import clip_gradients
    >>> weight = torch.nn.Parameter(torch.tensor([2.0]))
    >>> (3 * weight).sum().backward()
    >>> clip_gradients([weight], 1.0)
    ClipOutcome(norm=3.0, clipped=True, skipped=False)
    >>> weight.grad
    tensor([1.])
    """
    strategy = strategy_of(strategy, "strategy")
    parameters = [parameters] if isinstance(parameters, Tensor) else parameters
    with_gradient = [parameter for parameter in parameters if parameter.grad is not None]
    gradients = [parameter.grad for parameter in with_gradient if parameter.grad is not None]
    # What torch.nn.utils.get_total_norm does, to the bit, less its sorting by device and type.
    norms = torch._foreach_norm(gradients) if gradients else [torch.zeros(())]
    norm = float(torch.linalg.vector_norm(torch.stack(norms)))
    if not math.isfinite(norm):
        for parameter in with_gradient:
            parameter.grad = None
        return ClipOutcome(norm, clipped=False, skipped=True)
    clipped = strategy is not None and strategy.clip(gradients, norm)
    return ClipOutcome(norm, clipped=clipped, skipped=False)


def _scale_to(gradients: list[Tensor], norm: float, max_norm: float) -> bool:
    if norm <= max_norm:
        return False
    for gradient in gradients:
        gradient.mul_(max_norm / norm)
    return True


def _require_positive(name: str, value: object) -> None:
    if not _is_real(value) or not 0 < value <= math.inf:  # type: ignore[operator]
        raise ValueError(
            f"{name}={value!r}; a positive number is needed. The usual choice is 1.0; "
            "gradient_clipping=None turns clipping off."
        )


def _is_real(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool | np.bool_)
