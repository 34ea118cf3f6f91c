"""Folds of a long frame, for the parameter `cv` of a search."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.model_selection import BaseCrossValidator

from seqforecast._shared.checks import check_integer
from seqforecast.containers.frames import column_names
from seqforecast.exceptions import ParameterError
from seqforecast.forecasting.cutoffs import checked_cutoffs
from seqforecast.forecasting.data.columns import COLUMNS, check_three
from seqforecast.forecasting.data.long_table import LongTable, to_panel
from seqforecast.forecasting.data.panel import Panel
from seqforecast.forecasting.data.reading import read_targets
from seqforecast.forecasting.data.time_grid import TimeGrid

Rows = NDArray[np.int64]

_FEWEST_TIMES = 3
"""Times that tell a frequency."""


class PanelSplit(BaseCrossValidator):
    """Cut a long frame of many series at moments in time, all series at the same one.

    Use it as `cv` of `GridSearchCV`, `cross_validate` and their like where a `Forecaster` is given
    a long frame: splitters of rows would cut across its series. The folds are those of `backtest`:
    the rows up to a cutoff are for training, the `horizon` steps after it for testing. For one
    series, or a wide frame, use ``TimeSeriesSplit(n_folds, test_size=horizon)``.

    Parameters
    ----------
    n_folds : int
        Number of cutoffs. The last one lies `horizon` steps before the newest known value.
    horizon : int
        Steps of a test part. Where the forecaster reads features of the future, its own horizon or
        a multiple of it.
    step : int, default=None
        Steps from a cutoff to the next; None is `horizon`, so that test parts do not overlap.
    columns : tuple of three names, default=("unique_id", "ds", "y")
        What series, time and target are called, as in the forecaster.

    See Also
    --------
    forecast_scorer : The error of a fold, for the parameter `scoring`.
    backtest : The forecasts of one forecaster from the same cutoffs.

    Notes
    -----
    A series that begins after a cutoff is in neither part of that fold. One that ended before it is
    used for training only. One that ends within the test part is tested up to its end; the last of
    its future features stay until the end of the block. Missing values before the first known one
    are no part of a series, and rows behind the newest known value of all are in no fold. Each fold
    counts the same, however many series it tests.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn.linear_model import Ridge
    >>> from sklearn.model_selection import GridSearchCV
    >>> from seqforecast import Forecaster, PanelSplit, forecast_scorer
    >>> from seqforecast.datasets import load_airline
    >>> north = load_airline().rename_axis("ds").rename("y").reset_index()
    >>> panel = pd.concat([north.assign(unique_id="north"), north[40:].assign(unique_id="south")])
    >>> search = GridSearchCV(
    ...     Forecaster(Ridge(), horizon=12),
    ...     {"window": [6, 12, 24]},
    ...     cv=PanelSplit(n_folds=3, horizon=12),
    ...     scoring=forecast_scorer("mase"),
    ... ).fit(panel)
    >>> search.best_params_
    {'window': 24}
    >>> len(search.predict(12))  # of both series
    24
    """

    def __init__(
        self,
        n_folds: int,
        horizon: int,
        step: int | None = None,
        *,
        columns: tuple[Any, Any, Any] = COLUMNS,
    ) -> None:
        self.n_folds = n_folds
        self.horizon = horizon
        self.step = step
        self.columns = columns
        check_integer("n_folds", n_folds)
        check_integer("horizon", horizon)
        check_integer("step", horizon if step is None else step)
        check_three(columns)

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """Return the number of folds, whatever the data.

        Parameters
        ----------
        X : object, default=None
            Ignored.
        y : object, default=None
            Ignored.
        groups : object, default=None
            Ignored.

        Returns
        -------
        n_splits : int
            Number of folds.
        """
        return int(self.n_folds)

    def split(
        self,
        X: Any,
        y: Any = None,
        groups: Any = None,
    ) -> Iterator[tuple[Rows, Rows]]:
        """Return the rows of each fold, the oldest fold first.

        Parameters
        ----------
        X : DataFrame
            A long frame with the names in `columns`, in any row order.
        y : None, default=None
            The target is a column of `X`.
        groups : object, default=None
            Ignored.

        Yields
        ------
        train, test : ndarray of int
            Positions of rows of X, in its order.

        Raises
        ------
        ValueError
            If X is no long frame, cannot be read, is too short for the folds (`ParameterError`),
            or has a fold without a series that goes on.
        TypeError
            If times or targets are of a type that cannot be used.
        """
        rows, horizon = self._read(X, y), int(self.horizon)
        panel = to_panel(rows)
        position = panel.grid.positions(rows.times)[rows.time]
        begin = panel.first[rows.series]
        for cutoff in self._cutoffs(panel):
            train = (begin <= cutoff) & (position <= cutoff)
            test = (begin <= cutoff) & (position > cutoff) & (position <= cutoff + horizon)
            _require_frequency(panel, int(cutoff), rows.times[_seen(rows, train)])
            if not test.any():
                raise ValueError(
                    f"No series is known before and after the cutoff {panel.grid.label(cutoff)}; "
                    "a fold needs one that goes on. Use a smaller horizon, another step or fewer "
                    "folds."
                )
            yield np.flatnonzero(train), np.flatnonzero(test)

    def _read(self, X: Any, y: Any) -> LongTable:
        """Read ids, times and targets of a long frame, row by row in its order."""
        names, there = tuple(self.columns), column_names(X)
        # With y beside it the frame may lack the target: reading refuses that, and says what to do.
        if all(name in there for name in names[: 3 if y is None else 2]):
            return read_targets(X, y, names)
        if isinstance(X, pd.DataFrame) and names[0] in X.index.names:
            cure = "Those in the index become columns: X.reset_index()."
        else:
            cure = (
                "Tell PanelSplit their names, PanelSplit(..., columns=...). For one series, or a "
                f"series in each column, pass cv=TimeSeriesSplit(n_splits={max(2, self.n_folds)}, "
                f"test_size={self.horizon})."
            )
        lacking = [name for name in names if name not in there]
        raise ValueError(
            f"X has the columns {there!r}, but not {lacking!r}; a long frame is needed, with the "
            f"series, the time and the target of each row. {cure}"
        )

    def _cutoffs(self, panel: Panel) -> list[int]:
        cutoffs = checked_cutoffs(
            panel,
            horizon=int(self.horizon),
            n_folds=int(self.n_folds),
            step=int(self.horizon if self.step is None else self.step),
            needed=_FEWEST_TIMES,
            need="a fit there needs a window and a horizon, at least",
        )
        return cutoffs.tolist()


def _seen(rows: LongTable, train: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Tell which times some rows have, (n_times,)."""
    seen = np.zeros(len(rows.times), dtype=bool)
    seen[rows.time[train]] = True
    return seen


def _require_frequency(panel: Panel, cutoff: int, known: pd.Index) -> None:
    """Refuse a training part whose times look like another frequency: its steps would be others."""
    seen = TimeGrid.infer(known).freqstr
    if seen != panel.grid.freqstr:
        raise ParameterError(
            f"The {len(known)} time(s) up to the cutoff {panel.grid.label(cutoff)} look like "
            f"frequency {seen}, but the whole frame is {panel.grid.freqstr}; every fit must see "
            "the same frequency.",
            parameter="n_folds",
            cure="Use fewer folds, a smaller step or horizon, or pass more data.",
        )
