"""A model that keeps of its series what forecasts need, and goes on with what comes."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqforecast.forecasting.arrays.feature_rows import feature_rows, feature_windows
from seqforecast.forecasting.arrays.feature_scaling import carry_forward
from seqforecast.forecasting.arrays.outlook import Outlook
from seqforecast.forecasting.arrays.padded_series import Earlier
from seqforecast.forecasting.arrays.ragged import offsets_of, stretches, sum_of_first
from seqforecast.forecasting.arrays.series_scaling import SeriesScaling
from seqforecast.forecasting.data.panel import Panel
from seqforecast.forecasting.model.series_model import Answer, SeriesModel

Array = NDArray[np.float64]
Cells = NDArray[np.int64]


class StreamModel(SeriesModel):
    """A fitted model that keeps the newest steps of its series, and a regressor's state.

    It forecasts what the model forecasts that keeps all steps. A regressor that reads on, by a
    method `stream`, is given a window once, and then each new row once.

    Parameters
    ----------
    model : SeriesModel
        Fitted; it is not changed.

    Attributes
    ----------
    by_phase : ndarray of shape (n_series, season)
        The newest known value of each phase of the season, in units of each series; NaN before
        there is one. It fills what is missing.
    reading : object or None
        The regressor's stream, of all series; None before the first forecast.
    read : ndarray of int of shape (n_series,)
        Steps of each series that it has read, counted from the first of all.
    """

    def __init__(self, model: SeriesModel) -> None:
        self.__dict__.update(model.__dict__)
        panel, season = self.panel, self.lookback.season
        self._blind = {}
        self.panel = replace(panel, past=carry_forward(panel.past, panel.offsets))
        self._left_out = Earlier.nothing(panel.n_series)
        self.reading: Any = None
        self.read = np.zeros(panel.n_series, np.int64)
        series = np.repeat(np.arange(panel.n_series), panel.lengths)
        phase = stretches(np.zeros_like(panel.lengths), panel.lengths) % season
        known = ~np.isnan(panel.values)
        self.by_phase = np.full((panel.n_series, season), np.nan)
        self.by_phase[series[known], phase[known]] = self.values[known]  # the last one stays

    def take_in(self, new: Panel) -> StreamModel:
        """Return a model that knows more: rows that follow those known, of some series or all."""
        before = self.panel
        panel = before.append(new)
        place = before.ids.get_indexer(new.ids)
        model = copy.copy(self)
        model.panel = replace(panel, past=carry_forward(panel.past, panel.offsets))
        model.values = np.empty(len(panel.values))
        model.values[stretches(panel.offsets[:-1], before.lengths)] = self.values
        model.by_phase = self.by_phase.copy()
        units = SeriesScaling(self.units.mean[place], self.units.scale[place])
        expressed = units.by_row(new.lengths).express(self.value_transform.forward(new.values))
        for step in range(int(new.lengths.max())):
            some = np.flatnonzero(new.lengths > step)
            model._fill_in(place[some], step, expressed[new.offsets[some] + step], before)
        return model

    def forget(self) -> None:
        """Drop the steps that no forecast needs any more."""
        panel, known = self.panel, self.left_out
        every = np.arange(panel.n_series)
        lengths = panel.lengths
        unread = known.n_steps.astype(np.int64) + lengths - self.read
        behind = self.missing_at_end(every) if self.reading is None else unread
        kept = np.minimum(lengths, self.lookback.memory + behind)
        dropped = lengths - kept
        if not dropped.any():
            return
        begins = np.minimum(self.lookback.season, lengths)
        level = sum_of_first(begins, self.values, panel.offsets) / begins
        self._left_out = Earlier(
            known.total + sum_of_first(dropped, self.values, panel.offsets),
            known.n_steps + dropped,
            np.where(known.n_steps > 0, known.first_level, level),
        )
        rows = stretches(panel.offsets[1:] - kept, kept)
        self.values = self.values[rows]
        self.panel = replace(
            panel,
            offsets=offsets_of(kept),
            values=panel.values[rows],
            first=panel.first + dropped,
            past=panel.past[rows],
            future=panel.future[rows],
        )

    def take(self, series: Cells) -> StreamModel:
        """Return a model of some series."""
        panel, model = self.panel, copy.copy(self)
        model.panel = panel.take(series)
        model.values = self.values[stretches(panel.offsets[series], panel.lengths[series])]
        model.units = SeriesScaling(self.units.mean[series], self.units.scale[series])
        model.members, model.by_phase = self.members[series], self.by_phase[series]
        model._left_out, model.read = self.left_out.take(series), self.read[series]
        model.reading = None if self.reading is None else self.reading.take(series)
        return model

    @property
    def left_out(self) -> Earlier:
        """What is known of the steps that were dropped."""
        return self._left_out

    def needed_steps(self, series: Cells) -> int:
        """Return how many of the newest steps a forecast of some series is made of."""
        memory = super().needed_steps(series)
        if self.reading is None:
            return memory
        steps = self.left_out.n_steps.astype(np.int64) + self.panel.lengths
        return memory + int((steps - self.read)[series].max())

    def answering(self, series: Cells) -> Answer:
        """Return what forecasts the baseline's error, and its quantiles, block by block."""
        return _Reader(self, series) if self.adapter.reads_on else super().answering(series)

    def _fill_in(self, series: Cells, step: int, values: Array, before: Panel) -> None:
        """Write the next value of some series, in their units; one that is missing is filled.

        What fills it is what `fill_missing` takes: the value of a season ago, or else the one
        before.
        """
        had = before.lengths[series] + step
        phase = (self.left_out.n_steps[series].astype(np.int64) + had) % self.lookback.season
        values = np.where(np.isnan(values), self.by_phase[series, phase], values)
        self.by_phase[series, phase] = values
        row = self.panel.offsets[series] + had
        self.values[row] = np.where(np.isnan(values), self.values[row - 1], values)


class _Reader:
    """Asks a regressor that carries its state from row to row.

    The first block of a forecast begins at the last known value: what is read up to there is read
    for good. Later blocks read the forecasts of the earlier ones, on a copy.
    """

    def __init__(self, model: StreamModel, series: Cells) -> None:
        self.model = model
        self.series = series
        self.ahead: tuple[Any, Cells] | None = None

    def __call__(
        self, outlook: Outlook, cells: Cells, quantiles: Sequence[float]
    ) -> tuple[Array, Array]:
        model = self.model
        if self.ahead is None:
            stream, read = model.reading, model.read
            model.reading, model.read = stream, read = self._read_on(stream, read, outlook, cells)
        else:
            stream, read = self._read_on(*self.ahead, outlook, cells)
        self.ahead = stream, read
        errors = np.asarray(stream.forecast)[self.series].reshape(len(cells), -1)
        if not quantiles:
            return errors, np.empty((*errors.shape, 0))
        every = np.asarray(stream.quantiles)[self.series].reshape(*errors.shape, -1)
        return errors, model.adapter.chosen(every, quantiles)

    def _read_on(
        self, stream: Any, read: Cells, outlook: Outlook, cells: Cells
    ) -> tuple[Any, Cells]:
        """Return a stream that has read the rows up to some cells, and how many steps these are."""
        model, padded, series = self.model, outlook.padded, self.series
        steps = padded.place[cells] + padded.earlier_count.astype(np.int64) + 1
        now = read.copy()
        now[series] = steps
        if stream is None:
            window = model.lookback.window
            X = feature_windows(outlook, model.baseline_, cells, window, flat=False)
            return model.adapter.fitted.stream(X), now
        stream = copy.copy(stream)
        unread = steps - read[series]
        begins = np.cumsum(unread) - unread
        rows = feature_rows(
            outlook, model.baseline_, stretches(cells - unread + 1, unread), flat=False
        )
        for step in range(int(unread.max())):
            some = np.flatnonzero(unread > step)
            every = len(some) == len(read)
            stream.update(rows[begins[some] + step], series=None if every else series[some])
        return stream, now
