"""What a command computes with: the known rows of all series, and the rows that lie ahead."""

from __future__ import annotations

from argparse import Namespace
from dataclasses import dataclass

import numpy as np
import pandas as pd

from seqforecast._shared.time_index import show_time
from seqforecast.cli.files.reading import read_table, shown
from seqforecast.cli.files.values import names_in, numbers_in, times_in
from seqforecast.cli.messages import CommandError, counted
from seqforecast.forecasting.arrays.ragged import offsets_of, up_to_last_value
from seqforecast.forecasting.data.columns import show
from seqforecast.forecasting.data.frames import read_panel
from seqforecast.forecasting.data.panel import Panel
from seqforecast.forecasting.data.time_grid import TimeGrid


@dataclass(frozen=True)
class SeriesTable:
    """All series of a table as one long frame."""

    known: pd.DataFrame  # up to the last target of each series
    ahead: pd.DataFrame  # the rows behind it
    columns: tuple[str, str, str]  # series, time, target
    named: bool  # whether the table names its series
    features: dict[str, list[str]]  # past, future and static
    sep: str
    decimal: str
    panel: Panel  # what is known, as the forecaster will read it

    def without_id(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return a result without the column of names that the table does not have."""
        return frame if self.named else frame.drop(columns=self.columns[0])

    def next_rows(self, horizon: int) -> pd.DataFrame:
        """Return the next rows with their features, of all series that have not ended."""
        unique_id, time, _ = self.columns
        asked = self.ahead.groupby(unique_id, sort=False, observed=True).head(horizon)
        counts = asked[unique_id].value_counts().reindex(self.panel.ids, fill_value=0)
        short = counts[(counts < horizon) & ~self.panel.ids.isin(self.ended())]
        if len(short):
            name = short.index[0]
            last = self.known.loc[self.known[unique_id] == name, time].iloc[-1]
            rows = counted(int(short.iloc[0]), "row")
            names = ", ".join(map(repr, self.features["future"]))
            raise CommandError(
                f"series {show(name)} has {rows} after its last target, at {show_time(last)}; "
                f"--horizon {horizon} needs {horizon}, which tell {names}. Add "
                f"rows with an empty target{', or pass a smaller --horizon' * bool(short.iloc[0])}."
            )
        return asked[[unique_id, time, *self.features["future"]]]

    def ended(self) -> pd.Index:
        """Return the series that end before the newest target and of which nothing is planned."""
        last, ids = self.panel.last, self.panel.ids
        return ids[(last < last.max()) & ~ids.isin(self.ahead[self.columns[0]])]

    def with_plan(self, horizon: int) -> pd.DataFrame:
        """Return what is known, and of each series the rows behind it, a horizon at most."""
        unique_id = self.columns[0]
        if not self.features["future"]:
            return self.known
        plan = self.ahead.groupby(unique_id, sort=False, observed=True).head(horizon)
        frame = pd.concat([self.known, plan], ignore_index=True)
        if static := self.features["static"]:  # a row of the plan need not repeat it
            frame[static] = frame.groupby(unique_id, observed=True)[static].ffill()
        return frame


def read_series(arguments: Namespace) -> SeriesTable:
    """Read and check the table that the arguments of a command name."""
    a = arguments
    features = {"past": a.past, "future": a.future, "static": a.static}
    numbers = [a.target, *a.past, *a.future, *a.static]
    _require_one_use([a.time, *numbers, *([a.id] if a.id else [])])
    table = read_table(a.data, [a.time, *([a.id] if a.id else [])], numbers, a.sep)
    frame = pd.DataFrame({a.time: times_in(table.frame[a.time], a.time_format)})
    for name in numbers:
        frame[name] = numbers_in(table.frame[name], a.decimal)
    # A series without a name is called what it holds; its column is called what no other is.
    unique_id = a.id or "series of " + " ".join(frame.columns)
    frame[unique_id] = names_in(table.frame[a.id], is_typed=table.is_typed) if a.id else a.target
    columns = (unique_id, a.time, a.target)
    _require_once(frame, columns, a.id)
    frame = frame.sort_values([unique_id, a.time], ignore_index=True)
    made = pd.Series(False, index=frame.index)
    if a.fill_gaps:
        frame, made = _without_gaps(frame, columns, a.static)
    is_ahead = _is_ahead(frame, columns)
    step = is_ahead.groupby(frame[unique_id], observed=True).cumsum()
    _require_planned(frame, made & (step <= a.horizon), a)
    known, ahead = (frame[part].reset_index(drop=True) for part in (~is_ahead, is_ahead))
    panel, _ = read_panel(known, columns=columns, **features)
    return SeriesTable(
        known, ahead, columns, a.id is not None, features, table.sep, a.decimal, panel
    )


def _require_one_use(names: list[str]) -> None:
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise CommandError(
            f"column {twice!r} is named for two uses; each needs a column of its own. Name it once."
        )


def _require_once(frame: pd.DataFrame, columns: tuple[str, str, str], id_given: str | None) -> None:
    """Refuse two rows of one step."""
    unique_id, time, _ = columns
    again = frame.duplicated([unique_id, time])
    if not again.any():
        return
    row = int(again.to_numpy().argmax())
    same = (frame[[unique_id, time]] == frame[[unique_id, time]].iloc[row]).all(axis=1)
    first = int(same.to_numpy().argmax())
    what = f"series {show(frame[unique_id].iloc[row])} has the time" if id_given else "the time"
    advice = (
        "Add them up, or drop one of them."
        if id_given
        else "If the table holds several series, pass --id with the column of their names; else "
        "add the rows up, or drop one of them."
    )
    raise CommandError(
        f"{what} {show_time(frame[time].iloc[row])} {'' if id_given else 'is there '}twice, in "
        f"rows {first + 1} and {row + 1} ({int(again.sum())} row(s) repeat a time); a step needs "
        f"one row. {advice}"
    )


def _is_ahead(frame: pd.DataFrame, columns: tuple[str, str, str]) -> pd.Series:
    """Tell which of sorted rows lie behind the last target of their series."""
    unique_id, _, target = columns
    series = frame.groupby(unique_id, sort=False, observed=True)
    known = up_to_last_value(frame[target].to_numpy(), offsets_of(np.asarray(series.size())))
    if not known.all():
        name = series.size().index[known == 0][0]
        raise CommandError(
            f"series {show(name)} has no target: column {target!r} is empty in all of its rows; "
            "at least one is needed. Drop the series."
        )
    return series.cumcount() >= known[series.ngroup()]


def _without_gaps(
    frame: pd.DataFrame, columns: tuple[str, str, str], static: list[str]
) -> tuple[pd.DataFrame, pd.Series]:
    """Add the rows that are missing between the first and the last of each series; tell which."""
    unique_id, time, _ = columns
    grid = TimeGrid.infer(pd.Index(frame[time].drop_duplicates().sort_values()))
    parts, made = [], []
    for name, rows in frame.groupby(unique_id, sort=False, observed=True):
        index = pd.Index(rows[time])
        position = grid.positions(index)
        _require_steps(position, grid, name)
        every = grid.times(np.arange(position[0], position[-1] + 1))
        part = rows.set_index(index).reindex(every)
        part[time], part[unique_id] = every, name
        part[static] = part[static].ffill()
        parts.append(part)
        made.append(~every.isin(index))
    whole = pd.concat(parts, ignore_index=True).astype({unique_id: frame[unique_id].dtype})
    return whole, pd.Series(np.concatenate(made))


def _require_steps(position: np.ndarray, grid: TimeGrid, name: object) -> None:
    """Refuse a series of another frequency: of many rows no two are one step apart."""
    if len(position) >= 10 and np.diff(position).min() > 1:
        raise CommandError(
            f"series {show(name)} has no two rows that are one step apart, and the table has the "
            f"frequency {grid.freqstr}; --fill-gaps needs one frequency. Forecast each by itself."
        )


def _require_planned(frame: pd.DataFrame, made: pd.Series, arguments: Namespace) -> None:
    """Refuse rows that were made where nobody said what was planned in them."""
    a = arguments
    if not (a.future and made.any()):
        return
    first = frame[made].iloc[0]
    series = f" of series {show(first[a.id])}" if a.id else ""
    names = ", ".join(map(repr, a.future))
    raise CommandError(
        f"{shown(a.data)} has no row{series} at {show_time(first[a.time])}: --fill-gaps added it, "
        f"one of {int(made.sum())}, with an empty target and empty {names}; every step needs "
        f"{names}. Add these rows to the table with {names}, the target may be empty."
    )
