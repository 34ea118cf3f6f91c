"""The moments at which a backtest, or a search, cuts all series."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from seqforecast.exceptions import ParameterError
from seqforecast.forecasting.arrays.ragged import stretches
from seqforecast.forecasting.data.columns import show
from seqforecast.forecasting.data.panel import Panel


def cutoffs_before(newest: int, horizon: int, n_folds: int, step: int) -> NDArray[np.int64]:
    """Return cutoffs of which the last lies `horizon` steps before the newest moment."""
    return newest - horizon - step * np.arange(n_folds - 1, -1, -1)


def checked_cutoffs(
    panel: Panel, *, horizon: int, n_folds: int, step: int, needed: int, need: str
) -> NDArray[np.int64]:
    """Return the cutoffs, counted back from the newest value of the panel, the oldest first.

    Rows behind it, whose values are missing, tell what is planned, and nothing can be scored there.

    Parameters
    ----------
    panel : Panel
        The series that are cut.
    horizon, n_folds, step : int
        Steps after each cutoff, number of cutoffs, steps from one to the next.
    needed : int
        How many values one series must have before the first cutoff.
    need : str
        What needs them, with its verb: for the message.
    """
    # In Python's integers, which do not overflow: so many cutoffs need not fit into memory.
    newest = newest_value(panel)
    oldest = max(newest - horizon - step * (n_folds - 1), int(panel.first.min()) - 1)
    known = np.minimum(panel.last, oldest) - panel.first + 1
    if known.max() < needed:
        longest = show(panel.ids[int(known.argmax())])
        of_series = f", of series {longest}" if panel.n_series > 1 else ""
        parameter, cure = _cure(panel, newest, horizon=horizon, step=step, needed=needed)
        raise ParameterError(
            f"{n_folds=}, {step=} and {horizon=} leave {max(int(known.max()), 0)} value(s) before "
            f"the first cutoff{of_series}; {need} {needed}.",
            parameter=parameter,
            cure=cure,
        )
    return cutoffs_before(newest, horizon, n_folds, step)


def newest_value(panel: Panel) -> int:
    """Return the calendar position of the newest value that is not missing."""
    position = stretches(panel.first, panel.lengths)
    return int(position[~np.isnan(panel.values)].max())


def _cure(panel: Panel, newest: int, *, horizon: int, step: int, needed: int) -> tuple[str, str]:
    """Return the parameter to change, and what leaves enough before the first cutoff."""
    long_enough = panel.lengths >= needed
    if long_enough.any():
        earliest = int(panel.first[long_enough].min()) + needed - 1
        if newest - horizon >= earliest:
            most = (newest - horizon - earliest) // step + 1
            return "n_folds", f"Use n_folds={most} or fewer, or pass more data."
        if newest > earliest:
            largest = newest - earliest
            return "horizon", f"Use n_folds=1 and horizon={largest} or less, or pass more data."
    return "horizon", "Pass more data."
