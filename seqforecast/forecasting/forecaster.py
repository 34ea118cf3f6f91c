"""The estimator: series in, series out, any regressor within."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, MetaEstimatorMixin, RegressorMixin, clone
from sklearn.utils.validation import check_is_fitted, validate_data

from seqforecast._shared.at_once import Alone, as_it_is, become
from seqforecast._shared.checks import check_integer, check_number, check_word
from seqforecast._shared.html_repr import NotedDiagram, Notes, notes_of
from seqforecast._shared.sklearn_compat import SUPPORTED, CallbackSupportMixin, with_callbacks
from seqforecast.forecasting.arrays.baseline import BASELINES
from seqforecast.forecasting.data.actual_values import actual_values, require_rows
from seqforecast.forecasting.data.columns import COLUMNS
from seqforecast.forecasting.data.frames import read_new, read_panel, to_form
from seqforecast.forecasting.data.future_rows import requested_rows
from seqforecast.forecasting.data.lookalikes import warn_of_spaces
from seqforecast.forecasting.data.own_lags import warn_of_own_lags
from seqforecast.forecasting.model.fit_tasks import reported_fit
from seqforecast.forecasting.model.intervals import (
    INTERVALS,
    checked_levels,
    intervals_of,
    requested_forecasts,
    require_quantiles,
)
from seqforecast.forecasting.model.regressor_adapter import reads_windows
from seqforecast.forecasting.model.regressor_check import check_regressor, warn_if_one_sided
from seqforecast.forecasting.model.scored_fold import ScoredFold, scored_fold, weight_of_rows
from seqforecast.forecasting.model.series_model import SeriesModel
from seqforecast.forecasting.model.weighting import fit_with_weight
from seqforecast.forecasting.stream import ForecastStream

Array = NDArray[np.float64]


class Forecaster(
    NotedDiagram, CallbackSupportMixin, MetaEstimatorMixin, RegressorMixin, BaseEstimator
):
    r"""Forecast one series or many with any scikit-learn regressor.

    Use it where you have series rather than windows: it cuts them, scales them, removes what a
    linear baseline knows, hands the rest to `regressor`, and gives back forecasts on the
    continued index, in the form that the data came in. Of many series one model is made, which
    learns from all of them. It is an estimator itself: `GridSearchCV` tunes it, `window` and the
    regressor's own parameters (``regressor__...``) included, over many series with `PanelSplit`.

    Parameters
    ----------
    regressor : scikit-learn regressor
        Learns what the baseline leaves. One of this package is given windows of feature rows
        with a target at every step; any other one flat row a cutoff, and where it forecasts one
        value only, a copy of it is fitted for each step of the horizon.
    window : {"auto"} or int, default="auto"
        How many past steps the regressor reads: rows for a recurrent one, lags for any other.
        At least one series must be as long as `window` and `horizon` together; "auto" is 24, or
        as many as that leaves.
    horizon : int, default=1
        Steps that are forecast at once. ``predict`` goes further in blocks of so many steps,
        taking its own forecasts for values.
    season : {"auto"}, int, list of int or None, default="auto"
        Steps in a season, or in several. "auto" asks the calendar (12 for months, 24 and 168 for
        hours, none for integers), and leaves out what the series are too short to show.
    transform : {"auto", "log"}, scikit-learn transformer or None, default="auto"
        What is done to the values first. "auto" takes the logarithm where all of them are
        positive. A transformer sees all values of all series as one column.
    baseline : {"linear", "seasonal", "last", None}, default="linear"
        A first forecast, whose error the regressor learns: a non-negative combination of seasonal
        profiles, levels and trend; the last season; the last value; or the mean of the last
        season.
    calendar : {"auto"}, list of {"year", "month", "week", "day"} or None, default="auto"
        Periods of the calendar whose position at the cutoff the regressor is told, as sine and
        cosine of one and two waves. "auto" takes the year for dates of steps below a month, with
        a season of at most a quarter, where a series lasts two years. None tells nothing.
    regressor_weight : float in [0, 1] or "auto", default=1.0
        Weight of the regressor in the forecast; the baseline alone has the rest. The mean of two
        forecasts is often better than either, most of all where series are short. "auto" is
        half-way between 1 and the weight with the smallest error on held-out steps, which takes a
        second fit without the newest ones; it serves conformal intervals, too. Of series too short
        for that it is 0.5.
    past : list of column names, default=None
        Features that are known up to the cutoff only.
    future : list of column names, default=None
        Features that are known of the steps to come, and must be given to ``predict``. None takes
        every column that the other lists do not name; a list takes these alone, and what no list
        names is left out.
    static : list of column names, default=None
        Features that stay the same within a series.
    intervals : {"conformal", "quantile"} or None, default=None
        What `level` of ``predict`` is answered with. "conformal": errors of held-out forecasts,
        of any regressor, which takes a second fit without the newest steps; None is the same, but
        pays at the first ``predict`` that asks. "quantile": the quantiles that the regressor
        forecasts, one with `predict_quantiles` and a parameter `quantiles` that holds both ends,
        0.1 and 0.9 for 80 %; of this package with ``loss="quantile"``.
    columns : tuple of three names, default=("unique_id", "ds", "y")
        What series, time and target are called in a long frame; not as a column of results is, such
        as ``y_hat``, ``step`` or ``lo-80``.

    Attributes
    ----------
    regressor_ : regressor or list of regressors
        The fitted regressor; one for each step of the horizon where it forecasts one value only,
        or where missing targets would cost a regressor of several outputs many cutoffs.
    regressor_weight_ : float
        Weight of the regressor in the forecast.
    season_ : tuple of int
        The seasons in steps; (1,) where there is none.
    transform_ : {"log"}, transformer or None
        What is done to the values.
    calendar_ : tuple of str
        The periods of the calendar that the regressor is told of.
    ids_ : pandas.Index of shape (n_series,)
        The series.
    padded_ : pandas.Index
        Those shorter than `window` and `horizon` together: what they lack is padded.
    row_names_ : list of str
        The columns of a feature row.
    n_features_in_ : int
        Number of columns of `X`, where `X` and `y` were given.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Their names, where `X` was a DataFrame with names.

    See Also
    --------
    recurrent_forecaster : One with a recurrent network and settings that suit it.
    backtest : Forecasts from earlier cutoffs, beside the actual values.

    Notes
    -----
    With the transformed values z of a series, its mean absolute seasonal change s and the mean of
    its last season :math:`L_t`, the regressor is given, at every cutoff t, the lags
    :math:`(z_{t-k} - L_t) / s`, the baseline's forecast in the same units, a mark of missing
    values, and the features; it learns the baseline's error

    .. math:: (z_{t+j} - \hat z^{\,base}_{t+j}) / s, \qquad j = 1, \dots, horizon.

    A missing value (NaN) is filled from a season before for the look back, marked, and carries no
    loss; those at the end of a series are forecast on the way to the steps behind them. Where a
    regressor of windows takes `sample_weight`, a series under a logarithm counts by the root of s.
    Where a regressor stops early and takes ``X_val, y_val``, the newest cutoffs of all series, from
    one moment on, validate; no training target lies after it.

    References
    ----------
    H. Hewamalage, C. Bergmeir, K. Bandara, Recurrent neural networks for time series forecasting:
    current status and future directions, International Journal of Forecasting 37, 2021.

    Examples
    --------
    >>> from seqforecast import Forecaster, GRURegressor
    >>> from seqforecast.datasets import load_airline
    >>> passengers = load_airline()
    >>> forecaster = Forecaster(GRURegressor(max_epochs=5, random_state=0), window=18, horizon=12)
    >>> forecaster.fit(passengers).predict(3).index.strftime("%Y-%m").to_list()
    ['1961-01', '1961-02', '1961-03']
    >>> forecaster.predict(3, level=80).columns.to_list()
    ['y_hat', 'lo-80', 'hi-80']
    """

    def __init__(
        self,
        regressor: Any,
        *,
        window: Any = "auto",
        horizon: int = 1,
        season: Any = "auto",
        transform: Any = "auto",
        baseline: str | None = "linear",
        calendar: Any = "auto",
        regressor_weight: float | str = 1.0,
        past: list[Any] | None = None,
        future: list[Any] | None = None,
        static: list[Any] | None = None,
        intervals: str | None = None,
        columns: tuple[str, str, str] = COLUMNS,
    ) -> None:
        self.regressor = regressor
        self.window = window
        self.horizon = horizon
        self.season = season
        self.transform = transform
        self.baseline = baseline
        self.calendar = calendar
        self.regressor_weight = regressor_weight
        self.past = past
        self.future = future
        self.static = static
        self.intervals = intervals
        self.columns = columns

    # The public methods -----------------------------------------------------------------------

    def fit(self, X: Any, y: Any = None) -> Forecaster:
        """Learn from one series or many.

        Parameters
        ----------
        X : Series, DataFrame or array-like
            One of

            - a Series, or an array of one dimension: one series;
            - a long frame with the names in `columns`, in any row order: many series, every
              other column a feature;
            - any other frame: a column a series;
            - with `y`, features: a row a time step, perhaps of no columns.

            Times stand in the index, or in the second of `columns`: dates of any frequency and
            time zone, periods or integers, without gaps. Frames and series may be of polars, which
            has no index: there, all but long frames are steps without times.
        y : Series or array-like of shape (n_steps,), default=None
            The series, where `X` holds features of it.

        Returns
        -------
        self : Forecaster
            The fitted forecaster.

        Raises
        ------
        ValueError
            If a parameter or the data cannot be used, or do not go together (`ParameterError`);
            what was fitted before stays.
        TypeError
            If times, targets or features are of a type that cannot be used.
        RuntimeError
            If another thread fits or updates this forecaster.

        Warns
        -----
        UserWarning
            If a future feature equals the target, or its value fewer than `horizon` steps before;
            or if names of two series differ in white space at their ends only.
        """
        with Alone(self, "fit"):
            self._fit(X, y)
        return self

    def predict(self, X: Any = None, *, level: Any = None) -> Any:
        """Forecast the steps that follow what is known.

        Parameters
        ----------
        X : int, Series, DataFrame, Index or array-like, default=None
            How many steps, `horizon` where it is None; or the rows to forecast, in the form of
            the fit, with their times and the features in `future`: of all series or of some. With
            such features, of whole blocks of `horizon` steps. An array, which has no times, is
            taken for the next rows.
        level : float or list of float, default=None
            Coverage of intervals in percent, for example ``[80, 95]``. They hold each value of
            the future with that probability, as far as it is like the newest past: split
            conformal prediction, by step, in units of each series, wider where the baseline errs
            more; or the regressor's quantiles, as `intervals` says. Wider levels contain narrower
            ones. It warns of intervals that are too narrow: where a short history gives too few
            errors for a level, or quantiles are asked for beyond `horizon`.

        Returns
        -------
        y_pred : Series, DataFrame or ndarray
            The forecasts in the form and library of the fit, on the continued index; a long frame
            has columns ``unique_id, ds, y_hat``. With `level` a DataFrame with columns ``y_hat``,
            ``lo-80``, ``hi-80`` and so on; for a wide frame below the name of each series.

        Raises
        ------
        NotFittedError
            If it is not fitted.
        ValueError
            If rows overlap what was known, leave steps out, are of unknown series or lack
            features; or if there is too little data for `level`, or no quantile.
        """
        fitted = self._fitted()
        form, model, intervals = fitted._form, fitted._model, fitted._intervals
        rows = requested_rows(form, model.panel, model.horizon, X)
        forecasts = requested_forecasts(model, intervals, rows, level)
        intervals.warn_if_too_narrow(model, rows, checked_levels(level))
        return to_form(form, model.panel, rows, forecasts)

    def update(self, X: Any, y: Any = None, *, passes: int = 0) -> Forecaster:
        """Take in new observations, and forecast from the new end without a refit.

        Parameters
        ----------
        X : Series, DataFrame or array-like
            The rows that follow what is known, in the form of the fit. In a long frame, series
            that are new join with a history of their own.
        y : Series or array-like of shape (n_steps,), default=None
            The series, where the fit was given one.
        passes : int, default=0
            How often the regressor is trained on over the new cutoffs, by its ``partial_fit``.

        Returns
        -------
        self : Forecaster
            The forecaster, which knows more.

        Raises
        ------
        NotFittedError
            If it is not fitted.
        ValueError
            If the rows overlap what is known, leave steps out or cannot be used, a name of a series
            is not known and differs from a known one in its type or in white space only, or the
            regressor cannot be trained on; all stays as it was.
        RuntimeError
            If another thread fits or updates this forecaster.

        Warns
        -----
        UserWarning
            If names of two new series differ in white space at their ends only.
        """
        check_is_fitted(self)
        check_integer("passes", passes, minimum=0)
        if passes and not hasattr(self._model.regressor, "partial_fit"):
            raise ValueError(
                f"{passes=}, but {type(self._model.regressor).__name__} has no partial_fit; a "
                "regressor that can be trained on is needed. Pass passes=0 to forecast from the "
                "new end, or fit again."
            )
        with Alone(self, "fit"):
            before = self._model.panel
            new = read_new(self._form, before, X, y)
            warn_of_spaces(new.ids[~new.ids.isin(before.ids)], self._form.place, stacklevel=2)
            model = self._model.with_panel(before.append(new))
            learnt = {"_model": model, "ids_": model.panel.ids}
            if passes:
                had = np.append(before.lengths, np.ones(model.panel.n_series - before.n_series))
                model.learn_newest(had.astype(np.int64) - 1, passes)
                learnt["regressor_"] = model.adapter.by_step or model.adapter.fitted
            become(self, learnt)
        return self

    def stream(self, X: Any = None, *, level: Any = None) -> ForecastStream:
        """Return a stream: each step that comes is answered at once, at the same small cost.

        Parameters
        ----------
        X : int, Series, DataFrame, Index or array-like, default=None
            What to forecast first, of all series, as for `predict`.
        level : float or list of float, default=None
            Coverage of intervals in percent, as for `predict`.

        Returns
        -------
        stream : ForecastStream
            Its `forecast` is ``predict(X, level=level)``; its `update` takes what comes.

        Raises
        ------
        NotFittedError
            If it is not fitted.
        ValueError
            If `X` or `level` cannot be used, as for `predict`, or `X` leaves series out.
        """
        fitted = self._fitted()
        stream = ForecastStream(fitted, X, level)
        model = fitted._model
        rows = requested_rows(fitted._form, model.panel, model.horizon, X)
        fitted._intervals.warn_if_too_narrow(model, rows, stream.levels)
        return stream

    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """Return the coefficient of determination of forecasts of the steps that follow.

        Parameters
        ----------
        X : Series, DataFrame or array-like
            The rows that follow the fit, in its form: features with `y`, or the series
            themselves. Rows of a long frame, in any order and of some series or all, follow
            everything that the fit has seen: `PanelSplit` cuts them so.
        y : Series or array-like of shape (n_steps,), default=None
            The actual values; None where `X` holds them. NaN does not count.
        sample_weight : array-like of shape (n_steps,), default=None
            Weight of each row, at least 0; rows of weight 0 are left out.

        Returns
        -------
        score : float
            R2: 1 is perfect, 0 is as good as the mean of the actual values; of several series the
            mean, each counting once, of those with two known values or more. A series whose values
            are all the same counts 1 or 0, as in scikit-learn.

        Raises
        ------
        NotFittedError
            If it is not fitted.
        ValueError
            If the rows are those of the fit, are of unknown series, overlap what is known of any
            series, lack features or actual values, or hold too few of these for R2; or if a weight
            is no number of at least 0.

        Warns
        -----
        UserWarning
            If the rows reach beyond `horizon`, and a future feature repeats the target from fewer
            steps back than that.

        See Also
        --------
        forecast_scorer : MAE, RMSE, SMAPE, MASE and RMSSE for a search.
        """
        fitted = self._fitted()
        fold = fitted._scored_fold(X, y, stacklevel=2)
        return fold.r2(weight_of_rows(fitted._form, fold, sample_weight))

    def training_data(self) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return what the regressor was given, to look into it.

        ``diagnose(forecaster)`` reads them by itself; ``gradient_flow(forecaster.regressor_, X)``
        measures the gradient of a network on some of them.

        Returns
        -------
        X : ndarray of shape (n_windows, window, n_channels) or (n_cutoffs, n_columns)
            Windows of feature rows, float32, views of one array; or flat rows. The columns are
            those of `row_names_`.
        y : ndarray of shape (n_windows, window, horizon), (n_cutoffs, horizon) or (n_cutoffs,)
            The errors of the baseline, in units of each series; NaN where there is no target.

        Raises
        ------
        NotFittedError
            If it is not fitted.
        """
        return self._fitted()._model.training_data()

    def set_output(self, *, transform: str | None = None) -> Forecaster:
        """Change nothing: what it returns has the form that the data came in.

        A Pipeline asks its steps for ``set_output`` where they have an attribute ``transform``,
        which here is a parameter: without this method its own ``set_output`` would fail.

        Parameters
        ----------
        transform : {"default", "pandas", "polars"}, default=None
            What the transformers of the Pipeline return.

        Returns
        -------
        self : Forecaster
            The forecaster, unchanged.
        """
        return self

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = False
        return tags

    def _notes(self) -> Notes:
        """Return what a notebook shows below the diagram: what it learnt, and its regressor."""
        fitted = as_it_is(self)
        if not hasattr(fitted, "_model"):
            return Notes()
        inner = notes_of(fitted.regressor_)
        return replace(inner, paragraphs=[fitted._summary(), *inner.paragraphs])

    def _summary(self) -> str:
        """Say in a sentence or two what it knows, and how it forecasts."""
        panel, weight = self._model.panel, self.regressor_weight_
        newest = panel.grid.label(int(panel.last.max()))
        n_series = panel.n_series
        known = f"{n_series} series, {len(panel.values)} values up to {newest}"
        seasons = [str(season) for season in self.season_ if season > 1]
        known += f", season {' and '.join(seasons)}" if seasons else ", no season"
        shares = f"{100 * weight:.0f} %"
        kind, baseline = type(self._model.regressor).__name__, self._model.baseline
        of_baseline = f"the {baseline} baseline" if baseline else "the mean of the last season"
        return (
            f"{type(self).__name__} of {known}. It reads {self._model.window} steps and "
            f"forecasts {self._model.horizon} at once: {of_baseline}, and what {kind} says of "
            f"its error, which counts {shares}."
        )

    # Within the package -----------------------------------------------------------------------

    @with_callbacks
    def _fit(self, X: Any, y: Any) -> None:
        self._check_parameters()
        panel, form = self._read(X, y)
        checked = clone(self)
        if y is not None:  # what is wrong with the names of X must be said before anything is lost
            validate_data(checked, X, skip_check_array=True)
        caller = 3 + SUPPORTED  # scikit-learn's decorator is between
        warn_if_one_sided(self.regressor, stacklevel=caller)
        warn_of_own_lags(panel, self.horizon, stacklevel=caller)
        warn_of_spaces(panel.ids, form.place, stacklevel=caller)
        with reported_fit(self, X, y, n_fits=self._most_fits()):
            model = fit_with_weight(self._new_model(), panel)
            intervals = intervals_of(self.intervals, model)
            if self.intervals == "conformal":
                intervals.prepare((), self.horizon)
        names = ("n_features_in_", "feature_names_in_")
        learnt = {name: getattr(checked, name) for name in names if hasattr(checked, name)}
        adapter = model.adapter
        learnt |= {
            "_form": form,
            "_model": model,
            "_intervals": intervals,
            "regressor_": adapter.by_step or adapter.fitted,
            "regressor_weight_": model.weight,
            "season_": model.lookback.seasons,
            "transform_": model.value_transform.parameter,
            "calendar_": model.calendar_words,
            "ids_": panel.ids,
            "padded_": panel.ids[panel.lengths < model.window + model.horizon],
            "row_names_": model.row_names(),
        }
        become(self, learnt, gone=[name for name in names if name not in learnt])

    def _check_parameters(self) -> None:
        """Raise if a parameter cannot be used."""
        check_regressor(self.regressor, Forecaster)
        if not (isinstance(self.window, str) and self.window == "auto"):
            check_integer("window", self.window)
        check_integer("horizon", self.horizon)
        check_word("baseline", self.baseline, BASELINES)
        check_word("intervals", self.intervals, INTERVALS)
        if isinstance(self.regressor_weight, str):
            check_word("regressor_weight", self.regressor_weight, ["auto"], other="0 to 1")
        else:
            check_number("regressor_weight", self.regressor_weight, low=0, high=1, closed_high=True)
        if self.intervals == "quantile":
            require_quantiles(self.regressor)

    def _fitted(self) -> Forecaster:
        """Return this forecaster as it is fitted now, whatever a fit in another thread does."""
        fitted = as_it_is(self)
        check_is_fitted(fitted)
        return fitted

    def _scored_fold(self, X: Any, y: Any, *, stacklevel: int) -> ScoredFold:
        """Return the forecasts of rows that follow the fit, beside their actual values."""
        fitted = self._fitted()
        return scored_fold(
            fitted._form, fitted._model, fitted._intervals, X, y, stacklevel=stacklevel + 1
        )

    def _actual_values(self, X: Any) -> Array:
        """Return the actual values in rows that follow the fit."""
        fitted = self._fitted()
        require_rows(fitted._form, X, None)
        return actual_values(fitted._form, fitted._model.panel.ids, X, None)

    def _most_fits(self) -> int | None:
        """Return how often a fit fits the regressor at most, before any data are known.

        None where it may need a copy for each step of the horizon.
        """
        if not reads_windows(self.regressor):
            return None
        without_newest = self.regressor_weight == "auto" or self.intervals == "conformal"
        return 2 if without_newest else 1

    def _read(self, X: Any, y: Any = None) -> Any:
        """Return data as a panel, and the form that they came in."""
        return read_panel(
            X, y, columns=self.columns, past=self.past, future=self.future, static=self.static
        )

    def _new_model(self) -> SeriesModel:
        """Return a model with these parameters, not fitted."""
        return SeriesModel(
            clone(self.regressor),
            window=self.window,
            horizon=int(self.horizon),
            season=self.season,
            transform=self.transform,
            baseline=self.baseline,
            calendar=self.calendar,
            regressor_weight=self.regressor_weight,
        )
