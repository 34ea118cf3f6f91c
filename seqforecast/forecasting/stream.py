"""A forecaster that goes on: new values in, the next forecast out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seqforecast._shared.at_once import Alone, as_it_is, become
from seqforecast.forecasting.data.columns import nearest, show
from seqforecast.forecasting.data.frames import to_form
from seqforecast.forecasting.data.future_rows import requested_rows
from seqforecast.forecasting.data.panel import FutureRows
from seqforecast.forecasting.data.stream_rows import read_stream_rows
from seqforecast.forecasting.model.intervals import checked_levels, requested_forecasts
from seqforecast.forecasting.model.stream_model import StreamModel


class ForecastStream:
    """A fitted forecaster that goes on, one step of all its series at a time.

    Use it where values arrive one by one and each must be answered at once: it keeps as much of
    the series as a forecast needs, so that an update costs the same however long they are, and a
    recurrent regressor carries its state on, so that only the newest row of features goes through
    the network. ``forecaster.stream()`` makes one. The forecaster is not changed by it, nor it by
    a later `fit` or `update` of the forecaster.

    Parameters
    ----------
    forecaster : Forecaster
        The fitted forecaster.
    X : int, Series, DataFrame, Index or array-like, default=None
        What to forecast first, of all series, as for its ``predict``.
    level : float or list of float, default=None
        Coverage of intervals in percent, which all forecasts of the stream have, as for
        ``predict``. Conformal ones are measured at the beginning.

    Attributes
    ----------
    levels : tuple of float
        Coverage of the intervals.

    See Also
    --------
    Stream : The same of a recurrent regressor alone, on windows.

    Notes
    -----
    With a regressor that reads flat rows (`Ridge`, gradient boosting) ``stream.update(new)`` is
    ``forecaster.update(new).predict()``. With a recurrent one the network has read all rows since
    the window that the stream began with, where ``predict`` reads the newest window from a state
    of zero: see `Stream`, with feature rows for :math:`x_t`. Rows are read once; what is planned
    now of future features does not change those that were read.

    A missing value (NaN) is filled and marked as in `Forecaster`. At the end of a series the
    network waits for the next known value, and the steps between are forecast.

    Units of series that joined the forecaster after its fit stay those of the begin, where
    ``update`` of the forecaster would learn them again.

    `pickle`, `joblib` and `copy.deepcopy` keep all that is needed, and the copy goes on with the
    same bits.

    Examples
    --------
    >>> from seqforecast import Forecaster, GRURegressor
    >>> from seqforecast.datasets import load_airline
    >>> passengers = load_airline()
    >>> forecaster = Forecaster(GRURegressor(max_epochs=5, random_state=0), window=18, horizon=3)
    >>> stream = forecaster.fit(passengers[:141]).stream()
    >>> stream.forecast.index.strftime("%Y-%m").to_list()
    ['1960-10', '1960-11', '1960-12']
    >>> stream.update(passengers.iloc[141]).index.strftime("%Y-%m").to_list()
    ['1960-11', '1960-12', '1961-01']
    """

    _model: StreamModel
    _rows: FutureRows
    _columns: dict[str, NDArray[np.float64]]

    def __init__(self, forecaster: Any, X: Any = None, level: Any = None) -> None:
        self.levels = checked_levels(level)
        self._form = forecaster._form
        model = StreamModel(forecaster._model)
        rows = requested_rows(self._form, model.panel, model.horizon, X)
        _require_every_series(model, rows)
        self._intervals = forecaster._intervals.without_data(self.levels, rows.horizon)
        self._answer(model, rows)

    # The public methods -----------------------------------------------------------------------

    @property
    def ids_(self) -> pd.Index:
        """The series."""
        return self._model.panel.ids

    @property
    def forecast(self) -> Any:
        """The newest forecast, in the form that ``predict`` of the forecaster gives it."""
        now = as_it_is(self)
        return to_form(now._form, now._model.panel, now._rows, now._columns)

    def update(self, X: Any, y: Any = None, *, X_future: Any = None) -> Any:
        """Take in new values, and forecast what follows.

        Parameters
        ----------
        X : number, Series, DataFrame or array-like
            The new values: rows that follow what is known, in the form of the fit, one step or
            several; of some series only, where the form is a long frame. Without features also a
            number, of one series, or an array of shape (n_series,) or (n_steps, n_series) in the
            order of `ids_`; of a wide frame a row of it. NaN is a missing value.
        y : number, Series or array-like of shape (n_steps,), default=None
            The series, where the fit was given one beside features; with a number, `X` is the
            features of one step.
        X_future : int, Series, DataFrame, Index or array-like, default=None
            What to forecast, as for ``predict`` of the forecaster: `horizon` steps where it is
            None; the rows to come where features of the future are known.

        Returns
        -------
        forecast : Series, DataFrame or ndarray
            The forecasts from the new end, in the form of ``predict``.

        Raises
        ------
        ValueError
            If the rows overlap what is known, leave steps out, are of a series that the stream
            does not know or cannot be used, or those to come lack features; all stays as it was.
        RuntimeError
            If another thread updates this stream.
        """
        with Alone(self, "update"):
            model = self._model.take_in(read_stream_rows(self._form, self._model.panel, X, y))
            rows = requested_rows(self._form, model.panel, model.horizon, X_future)
            self._answer(model, rows)
        self._intervals.warn_if_too_narrow(model, rows, self.levels)
        return self.forecast

    def take(self, ids: Any) -> ForecastStream:
        """Return a stream of some series, which goes on by itself.

        Parameters
        ----------
        ids : list of labels
            The series to keep, as they are called in `ids_`.

        Returns
        -------
        stream : ForecastStream
            It stands where this one stands.

        Raises
        ------
        ValueError
            If a series is unknown, or named twice.
        """
        now = as_it_is(self)
        labels = [ids] if isinstance(ids, str) or np.ndim(ids) == 0 else list(ids)
        wanted = pd.Index(labels, tupleize_cols=False)
        places = now.ids_.get_indexer(wanted)
        if not len(wanted) or (places < 0).any() or not wanted.is_unique:
            wrong = wanted[places < 0]
            advice = nearest(wrong[0], now.ids_, "series") if len(wrong) else "Name each once."
            raise ValueError(f"ids={labels}; different series of the stream are needed. {advice}")
        taken = as_it_is(now)
        taken._model = now._model.take(places.astype(np.int64))
        place = wanted.get_indexer(now.ids_)[now._rows.series]
        kept = np.flatnonzero(place >= 0)
        taken._rows = replace(now._rows.take(kept), series=place[kept])
        taken._columns = {name: values[kept] for name, values in now._columns.items()}
        return taken

    def __repr__(self) -> str:
        regressor = type(self._model.regressor).__name__
        return (
            f"ForecastStream({regressor}, n_series={len(self.ids_)}, horizon={self._model.horizon})"
        )

    def _answer(self, model: StreamModel, rows: FutureRows) -> None:
        """Forecast by a model, and go on with it."""
        columns = requested_forecasts(model, self._intervals, rows, self.levels)
        model.forget()
        become(self, {"_model": model, "_rows": rows, "_columns": columns})


def _require_every_series(model: StreamModel, rows: FutureRows) -> None:
    """Refuse to begin with some series only: the others would never be read."""
    n_series, n_requested = model.panel.n_series, len(np.unique(rows.series))
    if n_requested < n_series:
        lacking = model.panel.ids[int(np.argmin(np.isin(np.arange(n_series), rows.series)))]
        raise ValueError(
            f"X has rows of {n_requested} of {n_series} series, none of {show(lacking)}; a stream "
            "begins with all. Pass rows of each, and use stream.take([...]) for some."
        )
