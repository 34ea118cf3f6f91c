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

_OF_A_FREQUENCY = 3
"""Times that tell a frequency."""


class PanelSplit(BaseCrossValidator):
    """Cut a long frame of many series at moments in time, all series at the same one.

    Use it as `cv` of `GridSearchCV`, `cross_validate` and their like around a `Forecaster` that is
    given many series in a long frame, which splitters of rows cut across series. The folds are
    those of `backtest`: the rows up to a cutoff are for training, the `horizon` steps after it for
    testing. For one series, or a wide frame, use ``TimeSeriesSplit(n_folds, test_size=horizon)``.

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
        rows = self._read(X, y)
        panel = to_panel(rows)
        position = panel.grid.positions(rows.times)[rows.time]
        begin = panel.first[rows.series]
        for cutoff in self._cutoffs(panel, rows):
            begun = begin <= cutoff
            train = np.flatnonzero(begun & (position <= cutoff))
            test = begun & (position > cutoff) & (position <= cutoff + self.horizon)
            if not test.any():
                raise ValueError(
                    f"No series is known before and after the cutoff {panel.grid.label(cutoff)}; "
                    "a fold needs one that goes on. Use fewer folds, or another step."
                )
            yield train, np.flatnonzero(test)

    def _read(self, X: Any, y: Any) -> LongTable:
        """Read ids, times and targets of a long frame, row by row in its order."""
        names, there = check_three(self.columns), column_names(X)
        if sum(name in there for name in names) > 1:
            return read_targets(X, y, names)
        in_index = isinstance(X, pd.DataFrame) and names[0] in X.index.names
        raise ValueError(
            f"X has the columns {there!r}, but not {list(names)!r}, which hold the series, the "
            "time and the target of each row of a long frame. "
            + (
                "Those in the index become columns: X.reset_index()."
                if in_index
                else "Tell PanelSplit their names: PanelSplit(..., columns=...). Of one series, or "
                "with a series in each column, pass cv=TimeSeriesSplit"
                f"(n_splits={self.n_folds}, test_size={self.horizon})."
            )
        )

    def _cutoffs(self, panel: Panel, rows: LongTable) -> list[int]:
        """Return the cutoffs; refuse those before which a fit would not see the frequency."""
        cutoffs = checked_cutoffs(
            panel,
            horizon=int(self.horizon),
            n_folds=int(self.n_folds),
            step=int(self.horizon if self.step is None else self.step),
            needed=max(_OF_A_FREQUENCY, 1 + self.horizon),
            need="a fit there needs a window and the horizon, at least",
        )
        known = rows.times[panel.grid.positions(rows.times) <= cutoffs[0]]
        seen = TimeGrid.infer(known).freqstr
        if seen != panel.grid.freqstr:
            raise ParameterError(
                f"The {len(known)} time(s) up to the first cutoff are of frequency {seen}, those "
                f"of the whole frame of {panel.grid.freqstr}; a fit must see the same.",
                parameter="n_folds",
                cure="Use fewer folds, or a smaller step.",
            )
        return cutoffs.tolist()
