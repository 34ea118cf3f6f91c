"""Forecasts beside the history and the actual values, as a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from sklearn.utils._optional_dependencies import check_matplotlib_support

from seqforecast._shared.checks import check_flag
from seqforecast.displays.forecast_backtest import read_backtest
from seqforecast.displays.forecast_draw import draw_series, time_axis
from seqforecast.displays.forecast_frames import DS, ID, Frames, Y, index_of
from seqforecast.displays.forecast_read import read_forecast
from seqforecast.displays.style import check_axes, clean, legend_of_all, small_multiples, text_size
from seqforecast.forecasting.data.fold_columns import CUTOFF, Y_HAT, require_columns

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_NOTHING = pd.DataFrame({ID: [], DS: [], Y: []})


class ForecastDisplay:
    """Forecasts beside the history and the actual values, as a picture.

    Use it to see whether a forecast continues its series as you would, how wide its intervals
    are, and, from a backtest, when it went wrong. Make one with `from_estimator` or
    `from_backtest`, or from long frames of forecasts made elsewhere; `plot` then draws it again.
    Several series become small multiples.

    Parameters
    ----------
    forecast : DataFrame
        A row a forecast, as `backtest` returns it: ``unique_id``, ``cutoff`` (the last time
        known), ``ds``, ``y_hat``; where there are intervals ``lo-80``, ``hi-80`` and so on, and
        perhaps ``seasonal_naive``. Each series gets axes of its own.
    history : DataFrame, default=None
        What was known at the first cutoff of each series: ``unique_id``, ``ds``, ``y``, oldest
        first, NaN where a value is missing.
    truth : DataFrame, default=None
        The actual values after the first cutoff of each series, with the same columns.
    n_series : int, default=None
        How many series there are, of which these are some; None where these are all.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes of the first series drawn by the last `plot`.
    axes_ : ndarray of shape (n_shown,)
        The axes of all of them.
    figure_ : matplotlib Figure
        Their figure.
    artists_ : dict
        What was drawn, by name; each a list over series, and over cutoffs where it is about one:

        - ``history``, ``truth``: lines
        - ``forecast``, ``naive``: lines, which begin at the last known value
        - ``cutoffs``: vertical lines
        - ``bands``: a dict of such lists, by level: the areas of intervals

    See Also
    --------
    Forecaster : What makes forecasts.
    backtest : Forecasts from earlier cutoffs.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> import matplotlib.pyplot as plt
    >>> from sklearn.linear_model import Ridge
    >>> from seqforecast import Forecaster, ForecastDisplay, backtest
    >>> from seqforecast.datasets import load_airline
    >>> passengers = load_airline()
    >>> forecaster = Forecaster(Ridge(), horizon=12).fit(passengers[:-12])
    >>> display = ForecastDisplay.from_estimator(forecaster, level=[80, 95], truth=passengers)
    >>> sorted(display.artists_["bands"])
    ['80', '95']
    >>> folds = backtest(forecaster, passengers, horizon=12, n_folds=3)
    >>> figure, ax = plt.subplots(figsize=(3.3, 2.5), layout="constrained")
    >>> display = ForecastDisplay.from_backtest(folds, history=passengers, ax=ax)
    >>> len(display.artists_["forecast"])
    3
    >>> plt.close("all")
    """

    def __init__(
        self,
        forecast: pd.DataFrame,
        *,
        history: pd.DataFrame | None = None,
        truth: pd.DataFrame | None = None,
        n_series: int | None = None,
    ) -> None:
        self.forecast = forecast
        self.history = history
        self.truth = truth
        self.n_series = n_series

    @classmethod
    def from_estimator(
        cls,
        forecaster: Any,
        X: Any = None,
        *,
        level: Any = None,
        ids: Any = None,
        n_history: int | None = None,
        truth: Any = None,
        ax: Axes | None = None,
    ) -> ForecastDisplay:
        """Draw the forecasts of a fitted forecaster behind what it knows.

        Parameters
        ----------
        forecaster : Forecaster or fitted search
            A fitted forecaster, or a search that found one.
        X : int, Series, DataFrame or array-like, default=None
            How many steps, or the rows to forecast, as for ``forecaster.predict``.
        level : float or list of float, default=None
            Coverage of intervals in percent. Narrower ones are darker.
        ids : label or list of labels, default=None
            The series to show. None shows the first six at most.
        n_history : int, default=None
            How many steps of the past are shown of each series. None shows four seasons, and
            three times what is forecast, and 24 steps at least.
        truth : Series, DataFrame or array-like, default=None
            The actual values, in the form of the fit. Times that are not forecast are left out, so
            that the whole series may be given.
        ax : matplotlib Axes, default=None
            Axes to draw one series into. None makes a figure.

        Returns
        -------
        display : ForecastDisplay
            The picture, and the frames that it shows.

        Raises
        ------
        NotFittedError
            If the forecaster is not fitted.
        TypeError
            If it is no forecaster.
        ValueError
            If series are unknown, ``forecaster.predict`` refuses `X` or `level`, `truth` is not
            in the form of the fit, or `ax` is given for several series.
        ImportError
            If matplotlib is not installed.
        """
        check_matplotlib_support(f"{cls.__name__}.from_estimator")
        frames = read_forecast(
            forecaster, X, level=level, ids=ids, n_history=n_history, truth=truth
        )
        return cls._of(frames).plot(ax=ax)

    @classmethod
    def from_backtest(
        cls,
        frame: pd.DataFrame,
        *,
        history: Any = None,
        ids: Any = None,
        n_history: int | None = None,
        naive: bool | None = None,
        columns: Any = None,
        ax: Axes | None = None,
    ) -> ForecastDisplay:
        """Draw the forecasts from all cutoffs of a backtest over the actual values.

        Parameters
        ----------
        frame : DataFrame
            What `backtest` returned.
        history : Series, DataFrame, array-like or tuple (X, y), default=None
            The history, as it was given to `backtest`; it may be the same data.
        ids : label or list of labels, default=None
            The series to show. None shows the first six at most.
        n_history : int, default=None
            How many steps before the first cutoff are shown, where `history` is given. None
            shows as many as come after it, 24 at least.
        naive : bool, default=None
            Whether the seasonal naive forecast is drawn, too. None draws it beside one series.
        columns : tuple of three names, default=None
            What series, time and target are called in `frame`. None takes the names that
            `backtest` noted in ``frame.attrs``, else ("unique_id", "ds", "y").
        ax : matplotlib Axes, default=None
            Axes to draw one series into. None makes a figure.

        Returns
        -------
        display : ForecastDisplay
            The picture, and the frames that it shows.

        Raises
        ------
        TypeError
            If `frame` is no DataFrame.
        ValueError
            If it lacks columns, series are unknown, `history` cannot be read, or `ax` is given
            for several series.
        ImportError
            If matplotlib is not installed.
        """
        check_matplotlib_support(f"{cls.__name__}.from_backtest")
        frames = read_backtest(frame, history, ids=ids, n_history=n_history, columns=columns)
        return cls._of(frames).plot(naive=naive, ax=ax)

    @classmethod
    def _of(cls, frames: Frames) -> ForecastDisplay:
        return cls(
            frames.forecast, history=frames.history, truth=frames.truth, n_series=frames.n_series
        )

    def plot(self, *, naive: bool | None = None, ax: Axes | None = None) -> ForecastDisplay:
        """Draw the forecasts.

        Parameters
        ----------
        naive : bool, default=None
            Whether the seasonal naive forecast is drawn, where `forecast` holds it. None draws
            it beside one series.
        ax : matplotlib Axes, default=None
            Axes to draw one series into. None makes a figure.

        Returns
        -------
        display : ForecastDisplay
            The display itself.

        Raises
        ------
        TypeError
            If a frame is none.
        ValueError
            If a frame lacks columns, or `ax` is given for several series.
        ImportError
            If matplotlib is not installed.
        """
        check_matplotlib_support(f"{type(self).__name__}.plot")
        ids = self._check(naive, ax)
        naive = len(ids) == 1 if naive is None else naive
        axes = small_multiples(len(ids)) if ax is None else np.array([ax], dtype=object)
        frames = [_rows_by_id(frame, ids) for frame in (self.forecast, self.history, self.truth)]
        drawn = []
        for one, name, parts in zip(axes, ids, zip(*frames, strict=True), strict=True):
            drawn.append(draw_series(one, *parts, naive=naive))
            time_axis(one, self.forecast[DS].dtype)
            if len(ids) == 1:
                one.set_ylabel(str(name))
            else:
                one.set_title(str(name), loc="left", fontsize=text_size(one), pad=3)
            clean(one)
        self.axes_, self.ax_, self.figure_ = axes, axes[0], axes[0].figure
        self.artists_ = _joined(drawn)
        some = len(ids) > 1 and self.n_series is not None and self.n_series > len(ids)
        legend_of_all(axes, f"{len(ids)} of {self.n_series} series" if some else None)
        return self

    def _check(self, naive: bool | None, ax: Axes | None) -> pd.Index:
        """Raise before there is a figure, if something cannot be drawn; return the series."""
        cure = "Make the picture with from_estimator or from_backtest."
        require_columns(self.forecast, (ID, CUTOFF, DS, Y_HAT), "forecast", cure)
        for name in ("history", "truth"):
            if getattr(self, name) is not None:
                require_columns(getattr(self, name), (ID, DS, Y), name, cure)
        if naive is not None:
            check_flag("naive", naive)
        ids = index_of(self.forecast[ID]).unique()
        if len(ids) == 0:
            raise ValueError(f"forecast has no rows; a row a forecast is needed. {cure}")
        if ax is not None:
            check_axes(ax)
        if ax is not None and len(ids) > 1:
            raise ValueError(
                f"ax was given for {len(ids)} series, which need axes of their own; one series "
                f"is needed. Pass ids=[{ids[0]!r}], or leave ax out for small multiples."
            )
        return ids

    def __repr__(self) -> str:
        ids, cutoffs = (index_of(self.forecast[name]).nunique() for name in (ID, CUTOFF))
        return f"<{type(self).__name__} of {ids} series, {cutoffs} cutoff(s)>"


def _rows_by_id(frame: pd.DataFrame | None, ids: pd.Index) -> list[pd.DataFrame]:
    """Return the rows of each series."""
    if frame is None:
        return [_NOTHING] * len(ids)
    codes = ids.get_indexer(index_of(frame[ID]))
    return [frame[codes == k] for k in range(len(ids))]


def _joined(drawn: list[dict[str, Any]]) -> dict[str, Any]:
    """Put the artists of all series behind one another, name by name."""
    artists: dict[str, Any] = {"bands": {}}
    for one in drawn:
        for level, bands in one.pop("bands").items():
            artists["bands"].setdefault(level, []).extend(bands)
        for name, lines in one.items():
            artists.setdefault(name, []).extend(lines)
    return artists
