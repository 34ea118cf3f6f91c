"""The model of a panel: arrays in, arrays out."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqforecast._shared.row_blocks import row_blocks
from seqforecast.exceptions import ParameterError
from seqforecast.forecasting.arrays.feature_rows import (
    feature_windows,
    lags_beside_memory,
    row_names,
    training_rows,
)
from seqforecast.forecasting.arrays.feature_scaling import FeatureScaling
from seqforecast.forecasting.arrays.lookback import Lookback
from seqforecast.forecasting.arrays.outlook import Outlook, actual_values
from seqforecast.forecasting.arrays.padded_series import Earlier, PaddedSeries, Phases
from seqforecast.forecasting.arrays.phases import phase_names
from seqforecast.forecasting.arrays.ragged import fill_missing, stretches
from seqforecast.forecasting.arrays.series_scaling import SeriesScaling
from seqforecast.forecasting.data.panel import Panel
from seqforecast.forecasting.model.baseline_fit import fit_baseline
from seqforecast.forecasting.model.calendar_features import calendar_words, phases_between
from seqforecast.forecasting.model.regressor_adapter import (
    RegressorAdapter,
    TrainingRows,
    reads_windows,
    validates,
)
from seqforecast.forecasting.model.seasons import season_lengths
from seqforecast.forecasting.model.transforms import ValueTransform, fit_transform_of

Array = NDArray[np.float64]
Cells = NDArray[np.int64]
Answer = Callable[[Outlook, Cells, Sequence[float]], tuple[Array, Array]]

_WINDOW = 24
"""Rows, or lags, that are seen where nobody says how many and the series are long enough."""

_MOST_ERRORS = 4_000_000
"""Of the baseline, that are enough to tell series that are hard to forecast from others."""

_BLOCK = 1 << 20
"""Errors computed at once."""


class SeriesModel:
    """One model of all series of a panel.

    Each series is transformed, expressed in units of its own, and given a baseline; a regressor
    learns the baseline's error from one row of features a cutoff.

    Parameters
    ----------
    regressor : scikit-learn regressor
        Learns the error of the baseline.
    window : int or "auto"
        Rows, or lags, that it sees; a number from the fit on.
    horizon : int
        Steps that it forecasts at once.
    season, transform, baseline, calendar, regressor_weight
        As in `Forecaster`.

    Attributes
    ----------
    weight : float
        Weight of the regressor in the forecast; from the fit on, 1 where it is "auto" until
        somebody decides.
    """

    def __init__(
        self,
        regressor: Any,
        *,
        window: int | str,
        horizon: int,
        season: Any,
        transform: Any,
        baseline: str | None,
        calendar: Any = None,
        regressor_weight: float | str = 1.0,
    ) -> None:
        self.regressor = regressor
        self.window: Any = window
        self.horizon = horizon
        self.season = season
        self.transform = transform
        self.baseline = baseline
        self.calendar = calendar
        self.regressor_weight = regressor_weight

    # Learning ---------------------------------------------------------------------------------

    def fit(self, panel: Panel) -> SeriesModel:
        """Learn from all series of a panel."""
        self.lookback = self._lookback(panel)
        self.calendar_words = calendar_words(self.calendar, panel, self.lookback.season)
        self.value_transform: ValueTransform = fit_transform_of(self.transform, panel.values)
        transformed = self.value_transform.forward(panel.values)
        relative = self.value_transform.relative
        self.ids = panel.ids
        self.fitted_units = SeriesScaling.of(
            transformed, panel.offsets, self.lookback.season, relative=relative
        )
        self.features = FeatureScaling(panel.past, panel.future, panel.static)
        self._adopt(panel, transformed)
        del transformed  # as large as the panel, while the rows are written
        self.adapter = RegressorAdapter(self.regressor, self.window)
        self.adapter.fit(*self._training_parts())
        self.weight = 1.0 if self.regressor_weight == "auto" else float(self.regressor_weight)
        return self

    def training_data(self) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return what the regressor is given of this panel, validation included."""
        padded = self._lay_out(blank=self.horizon)
        outlook = Outlook(padded, self.lookback, self.members)
        rows = self._rows(outlook, self._first_cutoffs(padded), padded.end - 1, None)
        X, y, _ = self.adapter.arranged(rows)
        return X, y

    def with_panel(self, panel: Panel) -> SeriesModel:
        """Return a model that forecasts from the end of another panel, with what was learnt.

        Series of the fit keep their units; those it has not seen bring their own.
        """
        model = copy.copy(self)
        model._adopt(panel, self.value_transform.forward(panel.values))
        return model

    def without_series(self) -> SeriesModel:
        """Return a model that knows no series: small to send, and good to forecast others with."""
        model, nothing = copy.copy(self), np.empty(0)
        model.panel = self.panel.take(np.empty(0, np.int64))
        model.members, model.values = nothing.astype(int), nothing
        model.units, model._blind = SeriesScaling(nothing, nothing), {}
        return model

    def learn_newest(self, since: Cells, passes: int) -> None:
        """Train the regressor on, on the cutoffs of each series from a step on."""
        padded = self._lay_out(blank=self.horizon)
        outlook = Outlook(padded, self.lookback, self.members)
        first = np.maximum(padded.first + since, self._first_cutoffs(padded))
        rows = self._rows(outlook, first, padded.end - 1, None)
        if np.isnan(rows.targets).all():
            raise ValueError(
                "the new observations hold no value that is known; at least one is needed to "
                "train on. Pass passes=0 to take them in without training."
            )
        self.adapter = copy.deepcopy(self.adapter)  # what fails half way leaves no trace
        self.adapter.partial_fit(rows, passes)

    def row_names(self) -> list[str]:
        """Return the columns of a feature row."""
        panel, phases = self.panel, phase_names(self.calendar_words)
        features = panel.past_names, panel.future_names, panel.static_names
        return row_names(self.lookback, *features, phases, flat=not self.adapter.windows)

    def blind(self, held_out: int) -> SeriesModel:
        """Return a model like this one, fitted without so many of the newest steps.

        What was "auto" is as it was decided here. It is fitted once: what is measured on held-out
        steps shares it.
        """
        if held_out not in self._blind:
            model = copy.copy(self)
            seasons = self.lookback.seasons
            model.season = None if seasons == (1,) else list(seasons)
            model.transform = self.value_transform.parameter
            model.calendar = self.calendar_words
            model.fit(self.panel.before_end(held_out))
            self._blind[held_out] = model
        return self._blind[held_out].weighted(self.weight)

    def weighted(self, weight: float) -> SeriesModel:
        """Return the same model with another weight of the regressor."""
        model = copy.copy(self)
        model.weight = weight
        return model

    # Forecasting ------------------------------------------------------------------------------

    def forecast(
        self, steps: int, future: Array | None = None, series: Cells | None = None
    ) -> Array:
        """Forecast the next steps, in units of each series.

        Parameters
        ----------
        steps : int
            Steps after the end of each series; beyond the horizon, forecasts are taken for
            values, a block of `horizon` steps at a time.
        future : ndarray of shape (n, steps, n_future), default=None
            Future features of these steps.
        series : ndarray of int of shape (n,), default=None
            The series to forecast; None is all.

        Returns
        -------
        ndarray of shape (n, steps)
        """
        return self.forecast_quantiles(steps, (), future, series)[0]

    def forecast_quantiles(
        self,
        steps: int,
        quantiles: Sequence[float],
        future: Array | None = None,
        series: Cells | None = None,
    ) -> tuple[Array, Array]:
        """Forecast the next steps and their quantiles, in units of each series.

        Parameters
        ----------
        steps, future, series
            As in `forecast`. Quantiles of a later block take the forecasts of the earlier ones
            for known.
        quantiles : sequence of float
            Probabilities, all of which the regressor forecasts.

        Returns
        -------
        forecast : ndarray of shape (n, steps)
        ends : ndarray of shape (n, steps, n_quantiles)
        """
        series = np.arange(self.panel.n_series) if series is None else series
        # Missing values at the end of a series are forecast, too, on the way to the others.
        missing = self.missing_at_end(series)
        n_blocks = -(-(int(missing.max()) + steps) // self.horizon)
        newest = self.needed_steps(series)
        padded = self._lay_out(
            blank=n_blocks * self.horizon, newest=newest, series=series, without=missing
        )
        answer = self.answering(series)
        members = self.members[series]
        if future is not None and future.shape[2]:
            future = self._with_missing(future, series, missing)
            n_cells = n_blocks * self.horizon
            cells = padded.end[:, np.newaxis] + np.arange(n_cells)
            padded.future[cells] = self.features.express_ahead(future, n_cells)
        ahead = np.arange(1, self.horizon + 1)
        ends = np.empty((len(series), n_blocks * self.horizon, len(quantiles)))
        for block in range(n_blocks):
            cells = padded.end - 1 + block * self.horizon
            outlook = Outlook(padded, self.lookback, members)
            forecast, ends[:, block * self.horizon + ahead - 1] = self._next_block(
                outlook, cells, quantiles, answer
            )
            padded.values[cells[:, np.newaxis] + ahead] = forecast
            padded.known[cells[:, np.newaxis] + ahead] = True
        ahead_of_end = missing[:, np.newaxis] + np.arange(steps)
        return (
            padded.values[padded.end[:, np.newaxis] + ahead_of_end],
            np.take_along_axis(ends, ahead_of_end[:, :, np.newaxis], axis=1),
        )

    def baseline_errors(self) -> tuple[Array, Cells]:
        """Return the mean absolute error of the baseline in each series, in its units.

        Returns
        -------
        errors : ndarray of shape (n_series,)
            NaN where nothing is known of what follows any cutoff of a series.
        n_cutoffs : ndarray of int of shape (n_series,)
            From how many cutoffs; of a large panel a part of them is looked at.
        """
        padded = self._lay_out(blank=self.horizon)
        outlook = Outlook(padded, self.lookback, self.members)
        first = self._first_cutoffs(padded)
        sizes = padded.end - 1 - first
        series, cells = np.repeat(np.arange(len(sizes)), sizes), stretches(first, sizes)
        share = _MOST_ERRORS / max(1, len(cells) * self.horizon)
        if share < 1.0:  # by chance: a fixed step has a phase
            picked = np.random.default_rng(0).random(len(cells)) < share
            series, cells = series[picked], cells[picked]
        total, count = np.zeros((2, len(cells)))
        for block in row_blocks(np.broadcast_to(0, (len(cells), self.horizon)), _BLOCK):
            base = self.baseline_.forecast(outlook, cells[block])
            error = np.abs(actual_values(outlook, cells[block]) - base)
            total[block], count[block] = np.nansum(error, axis=1), np.isfinite(error).sum(axis=1)
        totals, counts = (np.bincount(series, sums, len(sizes)) for sums in (total, count))
        errors = np.divide(totals, counts, out=np.full(len(sizes), np.nan), where=counts > 0)
        return errors, np.bincount(series[count > 0], minlength=len(sizes))

    def needed_steps(self, series: Cells) -> int:
        """Return how many of the newest steps a forecast of some series is made of."""
        return self.lookback.memory

    def answering(self, series: Cells) -> Answer:
        """Return what forecasts the baseline's error, and its quantiles, block by block."""
        return self._answer

    @property
    def left_out(self) -> Earlier:
        """What is known of the steps before those of the panel: all of them are in it."""
        return Earlier.nothing(self.panel.n_series)

    def missing_at_end(self, series: Cells) -> Cells:
        """Return how many values are missing behind the last that is known, of some series."""
        panel = self.panel
        place = stretches(np.zeros_like(panel.lengths), panel.lengths)
        known = np.where(np.isnan(panel.values), 0, place)
        missing = panel.lengths - 1 - np.maximum.reduceat(known, panel.offsets[:-1])
        return missing[series]

    def in_units(self, values: Array, series: Cells) -> Array:
        """Express values of some series (n, steps) in the units of each."""
        transformed = self.value_transform.forward(values.reshape(-1)).reshape(values.shape)
        return self.units.by_step(series).express(transformed)

    def in_values(self, units: Array, series: Cells) -> Array:
        """Express what is in units of some series (n, steps) in those of the data."""
        return self.value_transform.inverse(self.units.by_step(series).restore(units))

    @property
    def series_weight(self) -> Array:
        """How much each series counts, whose errors are in units of it."""
        scale = self.units.scale
        return np.sqrt(scale) if self.value_transform.relative else np.ones_like(scale)

    @property
    def fewest_values(self) -> int:
        """How many values the longest series must have for a fit."""
        learnt = self.lookback.season + 1 + self._least_ahead
        learnt += self.adapter.windows and self.panel.n_series == 1  # a network needs two windows
        return max(int(self.window) + self.horizon, learnt)

    # Within -----------------------------------------------------------------------------------

    @property
    def _least_ahead(self) -> int:
        """Known steps after a cutoff without which nothing can be learnt from it."""
        return 1 if self.adapter.windows else self.horizon

    def _lookback(self, panel: Panel) -> Lookback:
        longest = int(panel.lengths.max())
        if self.window == "auto":
            self.window = max(1, min(_WINDOW, longest - self.horizon))
        if longest < self.window + self.horizon:
            name = panel.ids[int(panel.lengths.argmax())]
            which = "the series" if panel.n_series == 1 else "the longest series"
            raise ParameterError(
                f"window={self.window} and horizon={self.horizon} need at least "
                f"{self.window + self.horizon} values; {which} {name!r} has {longest}.",
                parameter="window",
                cure="Use a shorter window or horizon, or pass more data.",
            )
        seasons = season_lengths(
            self.season, panel.grid.offset, longest=longest, horizon=self.horizon
        )
        if reads_windows(self.regressor):
            return Lookback(
                seasons, lags_beside_memory(self.horizon, seasons), self.window, self.horizon
            )
        return Lookback(seasons, self.window, 1, self.horizon)

    def _adopt(self, panel: Panel, transformed: Array) -> None:
        self.panel = panel
        self._blind: dict[int, SeriesModel] = {}  # shared with copies that know the same
        self.members = self.ids.get_indexer(panel.ids)
        relative = self.value_transform.relative
        season = self.lookback.season
        own = SeriesScaling.of(transformed, panel.offsets, season, relative=relative)
        self.units = own.known_from(self.fitted_units, self.members)
        filled = fill_missing(transformed, panel.offsets, season)
        self.values = self.units.by_row(panel.lengths).express(filled)

    def _lay_out(
        self,
        *,
        blank: int,
        newest: int | None = None,
        series: Cells | None = None,
        without: Cells | None = None,
    ) -> PaddedSeries:
        """Lay out some series, without some of their newest steps."""
        panel, values, left_out = self.panel, self.values, self.left_out
        if series is not None:
            lengths = panel.lengths[series] - (0 if without is None else without)
            values = values[stretches(panel.offsets[series], lengths)]
            panel, left_out = panel.take(series, lengths), left_out.take(series)
        low = int(panel.first.min()) - self.lookback.padding
        stop = int(panel.last.max()) + blank + 1
        phases = phases_between(self.calendar_words, panel.grid, low, stop)
        return PaddedSeries.of(
            values,
            ~np.isnan(panel.values),
            panel.offsets,
            self.features.express(panel.past, panel.future, panel.static, panel.offsets),
            self.lookback,
            blank=blank,
            newest=newest,
            phases=Phases(phases, panel.first - left_out.n_steps.astype(np.int64) - low),
            earlier=left_out,
        )

    def _first_cutoffs(self, padded: PaddedSeries) -> Cells:
        """Return the first cell of each series from which may be learnt: what it needs is known."""
        lengths = padded.end - padded.first
        least = self.lookback.season + 1
        wished = max(least, self.lookback.n_lags)
        needed = np.where(lengths >= wished + self.horizon, wished, least)
        return np.minimum(padded.first + needed - 1, padded.end - 1)

    def _training_parts(self) -> tuple[TrainingRows, TrainingRows | None]:
        """Fit the baseline, and return what is left to the regressor: training and validation."""
        padded = self._lay_out(blank=self.horizon)
        outlook = Outlook(padded, self.lookback, self.members)
        weight = self.series_weight
        # The newest value is a cutoff, too, but nothing is known yet of what follows it.
        first, end = self._first_cutoffs(padded), padded.end - 1
        self._require_cutoffs(first, end)
        # Not named: as large as a column of the panel, they must not live while rows are written.
        self.baseline_ = fit_baseline(
            self.baseline, outlook, list(map(np.arange, first, end)), weight
        )
        fraction = validates(self.regressor, int((end - first).sum()))
        if not fraction:
            return self._rows(outlook, first, end, weight), None
        # Cells of one moment in time: training targets come up to it, validation begins there.
        to_cell = padded.first - self.panel.first
        moments = stretches(first - to_cell, end - first)
        moment = int(np.quantile(moments, 1.0 - fraction, method="higher"))
        border = np.clip(moment + to_cell, first, end)
        train = self._rows(outlook, first, border, weight, until=moment + to_cell)
        valid = self._rows(outlook, border, end, None)
        if np.isnan(train.targets).all() or np.isnan(valid.targets).all():
            return self._rows(outlook, first, end, weight), None
        return train, valid

    def _require_cutoffs(self, first: Cells, end: Cells) -> None:
        """Raise if there is nothing to learn from."""
        if (end - first).max() < self._least_ahead:
            seasons = self.lookback.seasons
            season = None if seasons == (1,) else seasons[0] if len(seasons) == 1 else list(seasons)
            raise ParameterError(
                f"{season=} and horizon={self.horizon} need at least "
                f"{seasons[-1] + 1 + self._least_ahead} values; the longest series has "
                f"{self.panel.lengths.max()}.",
                parameter="season",
                cure="Use a shorter season or None, or pass more data.",
            )

    def _rows(
        self,
        outlook: Outlook,
        first: Cells,
        stop: Cells,
        weight: Array | None,
        *,
        until: Cells | None = None,
    ) -> TrainingRows:
        """Return the rows of the cutoffs first, ..., stop - 1 of each series.

        `until` is the cell of each series up to which targets count.
        """
        context = self.lookback.window - 1
        used = np.flatnonzero(stop > first)
        sizes = (stop - first)[used] + context
        cells = stretches(first[used] - context, sizes)
        flat = not self.adapter.windows
        rows, targets = training_rows(outlook, self.baseline_, cells, flat=flat)
        before_first = stretches(np.cumsum(sizes) - sizes, np.full_like(sizes, context))
        targets[before_first] = np.nan
        if until is not None:
            ahead = np.arange(1, self.horizon + 1)
            newest = np.repeat(until[used], sizes)
            targets[cells[:, np.newaxis] + ahead > newest[:, np.newaxis]] = np.nan
        if weight is None or flat or np.ptp(weight[used]) == 0:  # flat rows go without weights
            return TrainingRows(rows, targets, None)
        return TrainingRows(rows, targets, np.repeat((weight / weight.mean())[used], sizes))

    def _next_block(
        self, outlook: Outlook, cells: Cells, quantiles: Sequence[float], answer: Answer
    ) -> tuple[Array, Array]:
        """Forecast the steps after some cutoffs (n, horizon), and quantiles of each."""
        base = outlook.level[cells, np.newaxis] + self.baseline_.forecast(outlook, cells)
        errors, spread = answer(outlook, cells, quantiles)
        full = base + errors
        forecast = full
        if self.weight < 1.0:
            alone = outlook.level[cells, np.newaxis] + self.baseline_.alone(outlook, cells)
            forecast = alone + self.weight * (full - alone)
        shifted = base + (forecast - full)  # intervals move with the forecast
        return forecast, shifted[:, :, np.newaxis] + spread

    def _answer(
        self, outlook: Outlook, cells: Cells, quantiles: Sequence[float]
    ) -> tuple[Array, Array]:
        """Ask the regressor about the windows that end at some cutoffs."""
        window, flat = self.lookback.window, not self.adapter.windows
        X = feature_windows(outlook, self.baseline_, cells, window, flat=flat)
        return self.adapter.answer(X, quantiles)

    def _with_missing(self, future: Array, series: Cells, missing: Cells) -> Array:
        """Put the future features of the missing steps at the end before those that are asked."""
        panel, steps = self.panel, future.shape[1]
        longest = int(missing.max())
        whole = np.full((len(series), longest + steps, future.shape[2]), np.nan)
        rows = np.repeat(np.arange(len(series)), missing)
        place = stretches(np.zeros_like(missing), missing)
        known = stretches(panel.offsets[series + 1] - missing, missing)
        whole[rows, place] = panel.future[known]
        whole[np.arange(len(series))[:, np.newaxis], missing[:, np.newaxis] + np.arange(steps)] = (
            future
        )
        return whole
