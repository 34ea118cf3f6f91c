"""One line an epoch: what a training prints while it runs."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

from skorch.callbacks import PrintLog


class EpochLine(PrintLog):
    """Print a header once a training, and a line of at most 80 columns at the end of each epoch.

    Being a PrintLog, it has its turn after all other callbacks, whatever the order of the list,
    and so sees all that they have written to the history.

    Parameters
    ----------
    sink : callable, default=print
        Called with each line. Lines for ``print`` are left out where ``net.verbose`` is 0.
    """

    def __init__(self, sink: Callable[[str], Any] = print) -> None:
        self.sink = sink

    def initialize(self) -> EpochLine:
        """Do nothing: skorch's own would read parameters that are not here."""
        return self

    def on_train_begin(self, net: Any, X: Any = None, y: Any = None, **kwargs: Any) -> None:
        """Forget the header of the last training."""
        self._columns_: list[_Column] = []

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        """Print the line of the epoch, below the header if it is the first."""
        row = net.history[-1]
        if not self._columns_:
            self._columns_ = [c for c in _COLUMNS if not c.optional or c.key in row]
            self._sink("  ".join(c.title.rjust(c.width) for c in self._columns_), net.verbose)
        line = "  ".join(c.cell(row).rjust(c.width) for c in self._columns_)
        self._sink(line + _note(row.get("skipped_steps", 0)), net.verbose)
        if self.sink is print:
            sys.stdout.flush()


class _Column(NamedTuple):
    """How one value of the history is shown."""

    key: str
    title: str
    width: int
    text: Callable[[float], str]
    optional: bool = False
    """Whether it is left out where the first row has no such value."""

    def cell(self, row: dict[str, Any]) -> str:
        value = row.get(self.key, math.nan)
        return "-" if math.isnan(value) else self.text(value)


def _number(value: float) -> str:
    """Write at most 10 characters, the decimal points of usual sizes below each other."""
    return f"{value:.4f}" if value == 0 or 1e-3 <= abs(value) < 1e3 else f"{value:.3e}"


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _note(n_skipped: int) -> str:
    return f"  {n_skipped} step{'s' if n_skipped > 1 else ''} skipped" if n_skipped else ""


_COLUMNS = (
    _Column("epoch", "epoch", 5, "{:d}".format),
    _Column("train_loss", "train loss", 10, _number),
    _Column("valid_loss", "valid loss", 10, _number, optional=True),
    _Column("grad_norm", "grad norm", 9, _number),
    _Column("clip_fraction", "clipped", 7, _percent),
    _Column("effective_memory", "memory", 6, "{:.0f}".format, optional=True),
)
