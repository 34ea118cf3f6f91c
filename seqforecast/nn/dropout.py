"""Dropout whose masks come from an explicit generator."""

from __future__ import annotations

import torch
from torch import Generator, Tensor, nn

from seqforecast._shared.checks import check_number


class Dropout(nn.Module):
    """Zero a random share of the values while training, scale up the rest.

    ``torch.nn.Dropout`` draws from torch's global generator, which other threads and libraries
    share; this one draws from the generator it is given, so that a fit repeats bit for bit.

    Parameters
    ----------
    p : float
        Share of the values that is dropped, in [0, 1).
    generator : torch.Generator, default=None
        Source of the masks, on the CPU; None is torch's global one.

    References
    ----------
    N. Srivastava et al., Dropout: a simple way to prevent neural networks from overfitting,
    JMLR 15, 2014.

    Examples
    --------
    >>> import torch
    >>> from seqforecast.nn import Dropout
    >>> dropout = Dropout(0.5, generator=torch.Generator().manual_seed(0))
    >>> sorted(set(dropout(torch.ones(100)).tolist()))
    [0.0, 2.0]
    >>> dropout.eval()(torch.ones(2))
    tensor([1., 1.])
    """

    def __init__(self, p: float, *, generator: Generator | None = None) -> None:
        super().__init__()
        check_number("dropout", p, low=0, high=1)
        self.p = p
        self.generator = generator

    def forward(self, x: Tensor) -> Tensor:
        """Return `x` with a share `p` of its values dropped, `x` itself outside training."""
        if not self.training or self.p == 0.0:
            return x
        keep = 1.0 - self.p
        # Drawn on the CPU, where the generator lives: the same masks on every device.
        mask = torch.empty(x.shape, dtype=x.dtype).bernoulli_(keep, generator=self.generator)
        return x * mask.div_(keep).to(x.device)

    def extra_repr(self) -> str:
        """Return the share, for ``print(layer)``."""
        return f"p={self.p}"
