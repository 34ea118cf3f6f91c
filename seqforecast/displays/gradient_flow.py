"""How far back a network learns, as a picture."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sklearn.utils._optional_dependencies import check_matplotlib_support

from seqforecast._shared.checks import check_integer, check_word
from seqforecast.diagnosis.measure import gradient_flow, recurrent_part
from seqforecast.displays.gradient_pictures import (
    draw_gates,
    draw_heatmap,
    draw_lag,
    draw_timescales,
)
from seqforecast.displays.input_sensitivity import draw_input
from seqforecast.displays.style import clean, new_axes
from seqforecast.gradients.gradient_flow import GradientFlow
from seqforecast.training.scaling import NoScaling

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_KINDS = ("heatmap", "lag", "timescales", "gates", "input")


class GradientFlowDisplay:
    """How far back a network learns, as a picture.

    Use it to watch the gradient reach back in time while a network trains, and to see what the
    fitted one looks at. Make one with `from_estimator`, or from the record of a
    `GradientFlowRecorder`; `plot` then draws the same record in other ways.

    Parameters
    ----------
    flow : GradientFlow
        What was recorded or measured.
    channels : sequence of str, default=None
        Names of the input channels, for the kind "input". None numbers them.
    input_unit : str, default=""
        Unit of the derivative of an output by an input, for the kind "input".

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes drawn into by the last `plot`.
    figure_ : matplotlib Figure
        Their figure.
    artists_ : dict
        What was drawn into them, by name; None for what there was no reason to draw.

        - heatmap: ``image``, ``colorbar``, ``memory``, ``season``
        - lag: ``first``, ``last``, ``fit``, ``season``
        - timescales: ``first``, ``last``, ``window``, ``season``
        - gates: the gates by their letters
        - input: ``lines`` or ``image`` and ``colorbar``, and ``season``

    See Also
    --------
    GradientNormDisplay : The size of the gradient, and what clipping did to it.
    diagnose : What to change, in words.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> import matplotlib.pyplot as plt
    >>> from seqforecast import GradientFlowDisplay, LSTMRegressor, make_windows
    >>> from seqforecast.datasets import load_airline
    >>> X, y = make_windows(load_airline(), window=24)
    >>> model = LSTMRegressor(max_epochs=5, random_state=0).fit(X, y)
    >>> display = GradientFlowDisplay.from_estimator(model, season=12)
    >>> display.ax_.get_ylabel()
    'epoch'
    >>> figure, ax = plt.subplots(figsize=(3.3, 2.5), layout="constrained")
    >>> display.plot(kind="lag", season=12, ax=ax)
    <GradientFlowDisplay of <GradientFlow: 5 record(s) of 1 layer(s), window 24, ...>>
    >>> plt.close("all")
    """

    def __init__(
        self,
        flow: GradientFlow,
        *,
        channels: Sequence[str] | None = None,
        input_unit: str = "",
    ) -> None:
        self.flow = flow
        self.channels = channels
        self.input_unit = input_unit

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any = None,
        *,
        kind: str = "heatmap",
        season: int | None = None,
        layer: int = 0,
        ax: Axes | None = None,
    ) -> GradientFlowDisplay:
        """Draw how far back a fitted estimator learns.

        Parameters
        ----------
        estimator : RNNRegressor, LSTMRegressor, GRURegressor, Pipeline, fitted search or Forecaster
            A fitted recurrent regressor, or what ends in one; a Forecaster of one where `X` is
            None.
        X : array-like of shape (n_windows, window * n_channels) or \
(n_windows, window, n_channels), default=None
            Windows to measure on now, as for ``estimator.predict``: one record. None shows what
            was recorded during the fit, `gradient_flow_`.
        kind : {"heatmap", "lag", "timescales", "gates", "input"}, default="heatmap"
            What is drawn, see `plot`.
        season : int, default=None
            Steps of a season to mark.
        layer : int, default=0
            The recurrent layer; 0 carries all that comes from the input.
        ax : matplotlib Axes, default=None
            Axes to draw into. None makes a figure.

        Returns
        -------
        display : GradientFlowDisplay
            The picture, and the record that it shows.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        TypeError
            If there is no recurrent regressor in it.
        ValueError
            If nothing was recorded and `X` is None, or another argument is out of range.
        ImportError
            If matplotlib is not installed.
        """
        check_matplotlib_support(f"{cls.__name__}.from_estimator")
        regressor, _ = recurrent_part(estimator)
        display = cls(
            _recorded(regressor) if X is None else gradient_flow(estimator, X),
            channels=_channel_names(regressor),
            input_unit="" if isinstance(regressor.net_.scaling, NoScaling) else "sd per sd",
        )
        return display.plot(kind=kind, season=season, layer=layer, ax=ax)

    def plot(
        self,
        *,
        kind: str = "heatmap",
        season: int | None = None,
        layer: int = 0,
        ax: Axes | None = None,
    ) -> GradientFlowDisplay:
        """Draw the record.

        Parameters
        ----------
        kind : {"heatmap", "lag", "timescales", "gates", "input"}, default="heatmap"
            What is drawn:

            - ``"heatmap"``: the size of the gradient, relative to its largest, by lag and epoch;
              a row a record. All below 1e-4 is dark. The line bounds the last steps of the
              window that hold 95 % of it, the effective memory.
            - ``"lag"``: the same for the first and the last record, down to 1e-6, with the
              exponential decay that fits the last one (dotted). A dot marks the last step of the
              effective memory.
            - ``"timescales"``: how many units keep their state for how many steps, by the forget
              gate of an LSTM or the update gate of a GRU; first and last record.
            - ``"gates"``: the share of steps at which each unit's gate is saturated low (below
              0.1, a candidate or state below -0.9) and high (above 0.9); last record.
            - ``"input"``: how much each output moves with each input; last record. In standard
              deviations, where the regressor scales.
        season : int, default=None
            Steps of a season to mark. Lag 0 is the last step of the window and the forecast is
            one step later: the value one season before it has lag ``season - 1``. Of several
            outputs, taken as the next steps, "input" marks for each the newest value that is
            whole seasons before it, the other kinds that of the first.
        layer : int, default=0
            The recurrent layer; "input" has none.
        ax : matplotlib Axes, default=None
            Axes to draw into. None makes a figure.

        Returns
        -------
        display : GradientFlowDisplay
            The display itself.

        Raises
        ------
        ValueError
            If `kind`, `season` or `layer` does not exist in the record.
        ImportError
            If matplotlib is not installed.
        """
        check_matplotlib_support(f"{type(self).__name__}.plot")
        self._check(kind, season, layer)
        ax = new_axes(ax)
        self.artists_ = self._draw(kind, ax, season, layer)
        clean(ax, frame="image" in self.artists_)
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _draw(self, kind: str, ax: Axes, season: int | None, layer: int) -> dict[str, Any]:
        if kind == "input":
            channels, unit = self._channels(), self.input_unit
            sensitivity = self.flow.input_sensitivity
            return draw_input(ax, sensitivity, season=season, channels=channels, unit=unit)
        if kind == "gates":
            return draw_gates(ax, self.flow, layer=layer)
        draw = {"heatmap": draw_heatmap, "lag": draw_lag, "timescales": draw_timescales}[kind]
        return draw(ax, self.flow, layer=layer, season=season)

    def _channels(self) -> Sequence[str]:
        if self.channels is not None:
            return self.channels
        return [f"channel {k}" for k in range(self.flow.input_sensitivity.shape[2])]

    def _check(self, kind: str, season: int | None, layer: int) -> None:
        """Raise before there is a figure, if one of the arguments does not suit the record."""
        _, n_layers, window = self.flow.lag_curve.shape
        check_word("kind", kind, _KINDS)
        check_integer("layer", layer, minimum=0)
        if layer >= n_layers:
            raise ValueError(
                f"layer={layer}, but the network has {n_layers} recurrent layer(s); one from 0 to "
                f"{n_layers - 1} is needed. Layer 0 carries all that comes from the input."
            )
        if kind == "timescales" and self.flow.time_scale is None:
            raise ValueError(
                "kind='timescales', but an RNN has no gate that keeps its state; an LSTM or GRU "
                "is needed. Choose kind 'heatmap', 'lag', 'gates' or 'input'."
            )
        n_channels = self.flow.input_sensitivity.shape[2]
        if kind == "input" and len(self._channels()) != n_channels:
            raise ValueError(
                f"channels={self.channels!r}, but the input has {n_channels} channel(s); a name "
                "for each is needed. Pass as many, or None to number them."
            )
        if season is not None:
            _check_season(season, window, is_lag=kind in ("heatmap", "lag", "input"))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self.flow!r}>"


def _check_season(season: int, window: int, *, is_lag: bool) -> None:
    check_integer("season", season)
    if is_lag and season > window:
        raise ValueError(
            f"season={season}, but the windows have {window} steps; a season within the window "
            "is needed to mark it. Fit with longer windows or leave season out."
        )


def _recorded(regressor: Any) -> GradientFlow:
    """Return what was recorded during the fit."""
    if not hasattr(regressor, "gradient_flow_"):
        raise ValueError(
            f"this {type(regressor).__name__} has no gradient_flow_: nothing was recorded while "
            f"it was fitted (observe={regressor.observe!r}); a record or windows are needed. Pass "
            "X to measure now, or set observe='auto' and fit again."
        )
    return regressor.gradient_flow_


def _channel_names(regressor: Any) -> list[str] | None:
    """Return the channels of columns named as make_windows names them: price@lag3."""
    columns = getattr(regressor, "feature_names_in_", [])
    found = [re.fullmatch(r"(.+)@lag\d+", name) for name in columns[: regressor.n_channels_]]
    names = [match[1] for match in found if match]
    return names if len(names) == regressor.n_channels_ else None
