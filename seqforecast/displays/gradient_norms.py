"""The size of the gradient while a network trained, as a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.utils._optional_dependencies import check_matplotlib_support

from seqforecast.clipping import ClipNorm
from seqforecast.diagnosis.measure import recurrent_part
from seqforecast.displays.style import (
    BLUE,
    SKY,
    VERMILLION,
    clean,
    integer_ticks,
    is_narrow,
    legend_above,
    log_scale,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_HEIGHTS = (3, 1, 3)
_MARKERS_UP_TO = 20


class GradientNormDisplay:
    """The size of the gradient while a network trained, what clipping did to it, and the losses.

    Use it to see whether a training exploded or stalled, and whether the limit of the gradient
    was ever reached. Three axes share the epochs: the norm of the gradient, the share of the
    steps that were clipped, the losses.

    Parameters
    ----------
    history : DataFrame
        One row an epoch, as `history_` of a regressor: ``train_loss``, ``valid_loss`` (if any),
        ``grad_norm``, ``grad_norm_max``, ``clip_fraction`` and ``skipped_steps``.
    threshold : float, default=None
        Norm above which a gradient was clipped; None where there was no fixed one.

    Attributes
    ----------
    axes_ : ndarray of shape (3,)
        The matplotlib Axes drawn into by the last `plot`, from top to bottom.
    figure_ : matplotlib Figure
        Their figure.
    artists_ : dict
        What was drawn into them, by name: ``mean``, ``largest``, ``threshold``, ``skipped``,
        ``clipped``, ``train_loss``, ``valid_loss``; None for what there was no reason to draw.

    See Also
    --------
    GradientFlowDisplay : How far back in time the gradient reaches.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> import matplotlib.pyplot as plt
    >>> from seqforecast import GradientNormDisplay, LSTMRegressor, make_windows
    >>> from seqforecast.datasets import load_airline
    >>> X, y = make_windows(load_airline(), window=24)
    >>> model = LSTMRegressor(max_epochs=5, random_state=0).fit(X, y)
    >>> display = GradientNormDisplay.from_estimator(model)
    >>> [ax.get_ylabel() for ax in display.axes_]
    ['gradient norm', 'clipped', 'loss (scaled units)']
    >>> plt.close(display.figure_)
    """

    def __init__(self, history: pd.DataFrame, *, threshold: float | None = None) -> None:
        self.history = history
        self.threshold = threshold

    @classmethod
    def from_estimator(cls, estimator: Any, *, ax: Any = None) -> GradientNormDisplay:
        """Draw the gradient norms of a fitted estimator.

        Parameters
        ----------
        estimator : RNNRegressor, LSTMRegressor, GRURegressor, Pipeline, fitted search or Forecaster
            A fitted recurrent regressor, or what ends in one, or a Forecaster of one.
        ax : matplotlib Axes or array-like of three, default=None
            Axes to draw into; one is divided into three. None makes a figure.

        Returns
        -------
        display : GradientNormDisplay
            The picture, and the history that it shows.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        TypeError
            If there is no recurrent regressor in it.
        ValueError
            If `ax` is neither axes that can be divided nor three.
        ImportError
            If matplotlib is not installed.
        """
        check_matplotlib_support(f"{cls.__name__}.from_estimator")
        regressor, _ = recurrent_part(estimator)
        clipping = regressor.net_.clipping
        threshold = float(clipping.max_norm) if isinstance(clipping, ClipNorm) else None
        return cls(regressor.history_, threshold=threshold).plot(ax=ax)

    def plot(self, *, ax: Any = None) -> GradientNormDisplay:
        """Draw the history.

        Parameters
        ----------
        ax : matplotlib Axes or array-like of three, default=None
            Axes to draw into; one is divided into three. None makes a figure.

        Returns
        -------
        display : GradientNormDisplay
            The display itself.

        Raises
        ------
        ValueError
            If `ax` is neither axes that can be divided nor three.
        ImportError
            If matplotlib is not installed.
        """
        check_matplotlib_support(f"{type(self).__name__}.plot")
        self.axes_ = norms, shares, losses = _three_axes(ax)
        self.figure_ = norms.figure
        self.artists_ = {
            **_draw_norms(norms, self.history, self.threshold),
            **_draw_shares(shares, self.history),
            **_draw_losses(losses, self.history),
        }
        epochs = self.history.index
        for axes in self.axes_:
            axes.set_xlim(epochs[0] - 0.5, epochs[-1] + 0.5)
            integer_ticks(axes.xaxis)
            clean(axes)
        losses.set_xlabel("epoch", size=losses.yaxis.label.get_size())
        self.figure_.align_ylabels(self.axes_)
        return self


def _three_axes(ax: Any) -> NDArray[Any]:
    """Return three axes, one below the other."""
    import matplotlib.pyplot as plt
    from matplotlib.axes import Axes

    if ax is None:
        figure = plt.figure(layout="constrained")
        return _stack(figure.add_gridspec(3, 1, height_ratios=_HEIGHTS))
    if not isinstance(ax, Axes):
        axes = np.asarray(ax, dtype=object).ravel()
        if len(axes) == 3:
            return axes
        raise ValueError(
            f"ax holds {len(axes)} axes; three are needed, or one to divide. Pass those of "
            "plt.subplots(3, 1, sharex=True), or None."
        )
    spec = ax.get_subplotspec()
    if spec is None:
        raise ValueError(
            "ax was placed by hand and cannot be divided; axes of a grid are needed. Make them "
            "with plt.subplots(), or pass three."
        )
    ax.set_axis_off()
    return _stack(spec.subgridspec(3, 1, height_ratios=_HEIGHTS))


def _stack(grid: Any) -> NDArray[Any]:
    return grid.subplots(sharex=True)


def _draw_norms(ax: Axes, history: pd.DataFrame, threshold: float | None) -> dict[str, Any]:
    artists = {
        "mean": _draw_line(ax, history["grad_norm"], "mean", BLUE, "-", "o"),
        "largest": _draw_line(ax, history["grad_norm_max"], "largest", SKY, "--", "^"),
        "threshold": None,
        "skipped": None,
    }
    if threshold is not None:
        artists["threshold"] = ax.axhline(
            threshold, color="0.4", linewidth=1, linestyle=":", label=f"clipped above {threshold:g}"
        )
    skipped = history["skipped_steps"]
    if skipped.any():
        artists["skipped"] = ax.plot(
            skipped.index[skipped > 0],
            np.full((skipped > 0).sum(), 0.95),
            "x",
            color=VERMILLION,
            markersize=5,
            transform=ax.get_xaxis_transform(),
            label=f"steps skipped ({skipped.sum():g})",
        )[0]
    log_scale(ax, history["grad_norm"].min(), history["grad_norm_max"].max())
    ax.set_ylabel("gradient norm")
    legend_above(ax, n_columns=2 if is_narrow(ax) else 4)
    return artists


def _draw_shares(ax: Axes, history: pd.DataFrame) -> dict[str, Any]:
    edges = np.append(history.index - 0.5, history.index[-1] + 0.5)
    clipped = ax.stairs(history["clip_fraction"], edges, fill=True, color="0.6")
    ax.set(ylim=(0, 1), yticks=(0, 1), yticklabels=("0 %", "100 %"), ylabel="clipped")
    return {"clipped": clipped}


def _draw_losses(ax: Axes, history: pd.DataFrame) -> dict[str, Any]:
    artists = {
        "train_loss": _draw_line(ax, history["train_loss"], "training", BLUE, "-", "o"),
        "valid_loss": None,
    }
    if "valid_loss" in history:
        loss = history["valid_loss"]
        artists["valid_loss"] = _draw_line(ax, loss, "validation", VERMILLION, "--", "s")
    losses = history.filter(like="_loss").to_numpy(dtype=float)
    log_scale(ax, np.nanmin(losses, initial=np.inf), np.nanmax(losses, initial=0))
    ax.set_ylabel("loss" if is_narrow(ax) else "loss (scaled units)")
    legend_above(ax, n_columns=2)
    return artists


def _draw_line(ax: Axes, values: pd.Series, label: str, *style: str) -> Any:
    """Draw one column of a history; markers where there are few epochs."""
    color, line, marker = style
    return ax.plot(
        values.index,
        values,
        color=color,
        linestyle=line,
        marker=marker if len(values) <= _MARKERS_UP_TO else None,
        markersize=4,
        label=label,
    )[0]
