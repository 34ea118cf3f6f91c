"""What all pictures share: colours, sizes of text, and how a season is marked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

# The colours of Okabe and Ito, which the colour-blind tell apart; each has a line of its own, so
# that print in black and white does, too.
BLUE, SKY, VERMILLION, GREEN = "#0072B2", "#56B4E9", "#D55E00", "#009E73"
ORANGE, PURPLE, BLACK = "#E69F00", "#CC79A7", "black"
LINES = (
    (BLUE, "-", "o"),
    (GREEN, "--", "s"),
    (PURPLE, "-.", "^"),
    (ORANGE, ":", "D"),
    (SKY, (0, (5, 1, 1, 1, 1, 1)), "v"),
    (BLACK, (0, (1, 2)), "x"),
)
"""Colour, line and marker of the things that one picture compares."""

FIRST = "0.6"
"""Grey, for what was before training."""

SEASON = VERMILLION
"""Of nothing else that is drawn beside a season."""

COLOR_MAP = "viridis"
_LAG = "lag (steps before the last of the window)"

_LEGEND: dict[str, Any] = {
    "fontsize": "small",
    "framealpha": 0.8,
    "edgecolor": "none",
    "borderaxespad": 0.3,
    "handlelength": 1.8,
    "handletextpad": 0.5,
    "columnspacing": 1.2,
    "labelspacing": 0.3,
}

_PLAIN = 100
"""Ratio of the ends of an axis up to which 1, 2 and 5 of each decade are written."""

_IN_A_COLUMN, _ROW_HEIGHT = 3, 1.4
"""Small multiples: how many stand below each other before a second column begins, and inches."""

_NARROW = 4.0
"""Inches; axes of half a page are below."""


def new_axes(ax: Axes | None) -> Axes:
    """Return the caller's axes, or those of a new figure."""
    if ax is not None:
        check_axes(ax)
        return ax
    import matplotlib.pyplot as plt

    return plt.subplots(layout="constrained")[1]


def check_axes(ax: Any) -> None:
    """Raise unless it can be drawn into."""
    if not hasattr(ax, "plot"):
        raise TypeError(
            f"ax is a {type(ax).__name__}; one matplotlib Axes is needed. Pass one of "
            "plt.subplots(...)[1], or None."
        )


def small_multiples(count: int) -> NDArray[Any]:
    """Return axes for so many things of one kind in a new figure, row by row; x is shared."""
    import matplotlib.pyplot as plt

    n_columns = 1 if count <= _IN_A_COLUMN else 2 if count <= 4 * _IN_A_COLUMN else 3
    n_rows = -(-count // n_columns)
    figure = plt.figure(layout="constrained")
    width, height = figure.get_size_inches()
    figure.set_size_inches(width, max(height, _ROW_HEIGHT * n_rows + 0.8))
    grid = figure.subplots(n_rows, n_columns, sharex=True, squeeze=False).ravel()
    for empty in grid[count:]:
        empty.remove()
    for lowest in grid[max(count - n_columns, 0) : count]:  # above what was removed, too
        lowest.tick_params(labelbottom=True)
        lowest.xaxis.offsetText.set_visible(True)
    return grid[:count]


def is_narrow(ax: Axes) -> bool:
    """Whether axes are those of a column rather than of a page."""
    return width(ax) < _NARROW


def width(ax: Axes) -> float:
    """Return the width of axes in inches, as far as it is known before the layout."""
    figure: Any = ax.figure
    return ax.get_window_extent().width / figure.dpi


def text_size(ax: Axes) -> str:
    """Return the size of text that suits the axes, relative to the caller's own."""
    return "small" if is_narrow(ax) else "medium"


def label_lags(ax: Axes, window: int) -> None:
    """Make the x axis one of lags."""
    integer_ticks(ax.xaxis)
    label = "lag (steps before the last)" if is_narrow(ax) else _LAG
    ax.set(xlabel=label, xlim=(-0.5, window - 0.5))


def clean(ax: Axes, *, frame: bool = False) -> None:
    """Fit the size of the text to the axes, and leave out the lines that bound nothing."""
    ax.tick_params(labelsize=text_size(ax))
    for axis in (ax.xaxis, ax.yaxis):
        axis.label.set_fontsize(text_size(ax))
    if not frame:
        ax.spines[["top", "right"]].set_visible(False)


def legend_above(ax: Axes, n_columns: int | None = None) -> None:
    """Say above the axes what is what, where it hides nothing."""
    if n_columns is None:  # text wider than the axes would make them narrower
        n_columns = 1 if is_narrow(ax) else 2
    place = {"loc": "lower left", "bbox_to_anchor": (0, 1), "ncols": n_columns}
    ax.legend(**_LEGEND | place)


def legend_of_all(axes: Sequence[Axes] | NDArray[Any], title: str | None = None) -> None:
    """Say once what is what in all axes: above the only ones, or on top of their figure."""
    named: dict[str, Any] = {}
    for ax in axes:
        for handle, label in zip(*ax.get_legend_handles_labels(), strict=True):
            named.setdefault(label, handle)
    figure: Any = axes[0].figure
    alone = len(axes) == 1
    narrow = is_narrow(axes[0]) if alone else figure.get_figwidth() < _NARROW
    n_rows = -(-len(named) // (3 if narrow else 4))  # columns of one length look best
    options: dict[str, Any] = _LEGEND | {"ncols": -(-len(named) // n_rows), "title": title}
    options |= {"alignment": "left", "fontsize": "x-small" if narrow else "small"}
    if alone:
        axes[0].legend(
            named.values(), named.keys(), **options, loc="lower left", bbox_to_anchor=(0, 1)
        )
    else:
        figure.legend(named.values(), named.keys(), **options, loc="outside upper left")


def legend_within(ax: Axes, place: str = "best") -> None:
    """Say within the axes what is what."""
    ax.legend(**_LEGEND | {"loc": place})


def color_bar(ax: Axes, image: Any, label: str, **options: Any) -> Any:
    """Put the scale of an image beside its axes."""
    figure: Any = ax.figure
    bar = figure.colorbar(image, ax=ax, **options)
    bar.set_label(label, size=text_size(ax))
    bar.ax.tick_params(labelsize=text_size(ax))
    return bar


def halo(color: str) -> list[Any]:
    """Return the rim of a line that is drawn on an image."""
    from matplotlib.patheffects import withStroke

    return [withStroke(linewidth=3.2, foreground=color)]


def integer_ticks(axis: Any) -> None:
    """Put few ticks on an axis, at whole numbers."""
    from matplotlib.ticker import MaxNLocator

    axis.set_major_locator(MaxNLocator(6, integer=True, steps=[1, 2, 5, 10], min_n_ticks=1))


def log_scale(ax: Axes, low: float, high: float) -> None:
    """Make the y axis logarithmic where that shows more, with few and plain ticks."""
    from matplotlib.ticker import LogLocator

    if not 0 < 5 * low < high < np.inf:  # of 1, 2 and 5 two are within, or there are no ticks
        return
    ax.set_yscale("log")
    if high / low < _PLAIN:
        ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        plain_ticks(ax.yaxis)


def plain_ticks(axis: Any) -> None:
    """Write 1, 10, 100 on a logarithmic axis."""
    from matplotlib.ticker import NullFormatter, StrMethodFormatter

    axis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axis.set_minor_formatter(NullFormatter())


def mark_season(ax: Axes, season: int | None, *, on_image: bool = False) -> Line2D | None:
    """Draw a line at the value one season before the next step, and name its lag.

    Lag 0 is the last step of the window and the forecast is one step later, so that this value
    has lag season - 1.
    """
    if season is None:
        return None
    return ax.axvline(
        season - 1,
        color=SEASON,
        linestyle=(0, (4, 2)),
        linewidth=1.6,
        path_effects=halo("white") if on_image else None,
        label=f"season {season} (lag {season - 1})",
    )
