"""The parts of a fitted Forecaster, for whatever shows, measures or distributes it."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from seqforecast._shared.at_once import as_it_is
from seqforecast.forecasting.data.future_rows import requested_rows
from seqforecast.forecasting.data.panel import FutureRows, Panel
from seqforecast.forecasting.data.reading import Form
from seqforecast.forecasting.forecaster import Forecaster
from seqforecast.forecasting.model.intervals import Intervals, requested_forecasts
from seqforecast.forecasting.model.series_model import SeriesModel


class Parts(NamedTuple):
    """What a fitted Forecaster consists of.

    Parameters
    ----------
    form : Form
        How the data of the fit came in.
    model : SeriesModel
        The fitted model, and the series that it knows.
    intervals : Intervals
        How the ends of intervals are found.
    """

    form: Form
    model: SeriesModel
    intervals: Intervals

    @property
    def panel(self) -> Panel:
        """The series that are known."""
        return self.model.panel

    def requested_rows(self, X: Any) -> FutureRows:
        """Return what ``predict(X)`` asks for."""
        return requested_rows(self.form, self.panel, self.model.horizon, X)

    def forecasts(self, rows: FutureRows, *, level: Any = None) -> dict[str, NDArray[np.float64]]:
        """Return forecasts and ends of intervals, one value for each row, by column name."""
        return requested_forecasts(self.model, self.intervals, rows, level)


def parts_of(forecaster: Forecaster) -> Parts:
    """Return the parts of a fitted Forecaster; they are not copied."""
    fitted = as_it_is(forecaster)
    return Parts(fitted._form, fitted._model, fitted._intervals)


def read_as_fit(forecaster: Forecaster, X: Any, y: Any = None) -> tuple[Panel, Form]:
    """Read data as ``fit(X, y)`` of a Forecaster would, and return the form that they came in."""
    return forecaster._read(X, y)


def with_model(
    forecaster: Forecaster, model: SeriesModel, intervals: Intervals | None = None
) -> Forecaster:
    """Return a Forecaster with another model, and leave the one given as it is.

    Parameters
    ----------
    forecaster : Forecaster
        Fitted.
    model : SeriesModel
        A copy of its model that knows other series.
    intervals : Intervals, default=None
        How the ends of intervals are found; None keeps how it was.
    """
    other = as_it_is(forecaster)
    other._model, other.ids_ = model, model.panel.ids
    if intervals is not None:
        other._intervals = intervals
    return other
