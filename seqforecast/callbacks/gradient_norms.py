"""What size the gradients have while a net trains."""

from __future__ import annotations

import math
from typing import Any

import torch
from skorch.callbacks import Callback
from skorch.history import History

from seqforecast._shared.checks import check_flag


class GradientNorms(Callback):
    """Record the norm of the gradient, as it is before anything changes it.

    Use it to see whether a training explodes or stalls, and to choose the limit of a clipping.
    Put it before a callback that clips: the one that comes later sees what the first has left.
    The regressors of seqforecast record ``grad_norm`` and ``grad_norm_max`` by themselves; this
    adds the norms of their parameters.

    Parameters
    ----------
    per_parameter : bool, default=False
        Whether to record the norm of each parameter, too.

    Raises
    ------
    ValueError
        When a training begins, if `per_parameter` is neither True nor False.

    See Also
    --------
    GradientClipping : Limits the gradient as well, and records the same.

    Notes
    -----
    At the end of each epoch the history gets, as plain numbers:

    - ``grad_norm``, the mean Euclidean norm over all parameters;
    - ``grad_norm_max``, the largest one;
    - ``grad_norm/<name>``, the mean norm of that parameter, with `per_parameter`.

    Each is taken over the steps whose norm over all parameters is finite; NaN where there is
    none. Parameters without a gradient are left out.

    Examples
    --------
    >>> import numpy as np
    >>> import torch
    >>> from skorch import NeuralNetRegressor
    >>> from seqforecast.callbacks import GradientNorms
    >>> X = np.random.default_rng(0).normal(size=(32, 4)).astype("float32")
    >>> net = NeuralNetRegressor(
    ...     torch.nn.Linear(4, 1),
    ...     lr=0.1,
    ...     train_split=None,
    ...     callbacks=[GradientNorms(per_parameter=True)],
    ...     verbose=0,
    ... )
    >>> net = net.fit(X, X.sum(axis=1, keepdims=True))
    >>> norms = net.history[:, "grad_norm"]
    >>> norms[-1] < norms[0]
    True
    >>> [name for name in net.history[-1] if name.startswith("grad_norm/")]
    ['grad_norm/weight', 'grad_norm/bias']
    """

    def __init__(self, per_parameter: bool = False) -> None:
        self.per_parameter = per_parameter

    def on_train_begin(self, net: Any, X: Any = None, y: Any = None, **kwargs: Any) -> None:
        """Check the parameter."""
        check_flag("GradientNorms(per_parameter)", self.per_parameter)

    def on_epoch_begin(self, net: Any, **kwargs: Any) -> None:
        """Start a new mean."""
        self.norms_: list[float] = []
        self.parts_: dict[str, list[float]] = {}

    def on_grad_computed(self, net: Any, named_parameters: Any, **kwargs: Any) -> None:
        """Measure the gradient of one step."""
        gradients = {name: p.grad for name, p in named_parameters if p.grad is not None}
        if not gradients:
            return
        # In the order and by the operations of clip_gradients: the same number to the bit.
        parts = torch.stack(torch._foreach_norm(list(gradients.values())))
        norm = float(torch.linalg.vector_norm(parts))
        self.norms_.append(norm)
        if self.per_parameter and math.isfinite(norm):
            for name, part in zip(gradients, parts.tolist(), strict=True):
                self.parts_.setdefault(name, []).append(part)

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        """Write the norms of the epoch to the history."""
        record_norms(net.history, self.norms_)
        for name, parts in self.parts_.items():
            net.history.record(f"grad_norm/{name}", math.fsum(parts) / len(parts))


def record_norms(history: History, norms: list[float]) -> None:
    """Record the mean and the largest of the norms that are finite."""
    finite = [norm for norm in norms if math.isfinite(norm)]
    history.record("grad_norm", math.fsum(finite) / len(finite) if finite else math.nan)
    history.record("grad_norm_max", max(finite, default=math.nan))
