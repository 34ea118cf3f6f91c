"""Progress bars of tqdm, shown where somebody watches."""

from __future__ import annotations

import multiprocessing
import sys
from typing import Any


def new_bar(
    total: int, unit: str, *, always: bool = False, leave: bool = True, initial: int = 0
) -> Any:
    """Return a bar on stderr, in a notebook a widget; it says nothing where nobody watches.

    Parameters
    ----------
    total : int
        Where it ends.
    unit : str
        What is counted, in the plural.
    always : bool, default=False
        Whether it is shown in any case.
    leave : bool, default=True
        Whether it stays when it is closed.
    initial : int, default=0
        Where it begins.
    """
    from tqdm.auto import tqdm  # not with the package: it looks for a notebook when imported

    return tqdm(
        total=total,
        initial=initial,
        leave=leave,
        disable=not (always or is_watched()),
        dynamic_ncols=True,
        bar_format=f"{{n_fmt}}/{{total_fmt}} {unit} |{{bar}}| {{elapsed}}<{{remaining}}{{postfix}}",
    )


def fill(bar: Any) -> None:
    """Say that all is done, though less than the total."""
    bar.total = bar.n
    widget = getattr(bar, "container", None)
    if widget is not None:  # of a notebook; reset would set its end, and forget the time
        widget.children[1].max = bar.n


def is_watched() -> bool:
    """Tell whether a bar would be seen: in a terminal or a notebook, and not by a worker process.

    Workers share one terminal and know nothing of each other's lines.
    """
    if multiprocessing.parent_process() is not None or sys.stderr is None:
        return False
    return sys.stderr.isatty() or _writes_to_notebook()


def _writes_to_notebook() -> bool:
    """Tell whether stderr is shown below a cell; such a stream says that it is no terminal."""
    kernel = sys.modules.get("ipykernel.iostream")
    return kernel is not None and isinstance(sys.stderr, kernel.OutStream)
