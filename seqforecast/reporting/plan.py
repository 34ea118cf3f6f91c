"""What the data of a report hold behind the newest value: the plan of the steps to come."""

from __future__ import annotations

import numpy as np

from seqforecast.forecasting.arrays.ragged import stretches, up_to_last_value
from seqforecast.forecasting.data.panel import FutureRows, Panel


def without_plan(given: Panel, known: Panel) -> Panel | None:
    """Leave out rows behind the last value of each series; None if nothing is newer than known.

    Parameters
    ----------
    given : Panel
        What a forecaster knows, and what data hold beyond it.
    known : Panel
        What it knows; of that nothing is left out.
    """
    found = known.ids.get_indexer(given.ids)
    least = np.where(found >= 0, known.lengths[found], 0)
    lengths = np.maximum(up_to_last_value(given.values, given.offsets), least)
    some = np.flatnonzero(lengths > 0)
    later = given.take(some, lengths[some])
    return later if later.last.max() > known.last.max() else None


def planned_rows(given: Panel, known: Panel, horizon: int) -> FutureRows | None:
    """Return the next steps of all series with a row for each of them; None if there are none."""
    place = given.ids.get_indexer(known.ids)
    series = np.flatnonzero(given.last[place] - known.last >= horizon)
    if not len(series):
        return None
    counts = np.full(len(series), horizon)
    begin = given.offsets[place[series]] + known.lengths[series]
    features = given.future[stretches(begin, counts)]
    return FutureRows(np.repeat(series, horizon), stretches(np.ones_like(counts), counts), features)
