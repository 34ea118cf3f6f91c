"""Put the lags of other forecasting libraries into the order that a recurrent network reads."""

from __future__ import annotations

import re
from collections.abc import Sequence
from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import check_array
from sklearn.utils.validation import _check_feature_names_in, check_is_fitted, validate_data

from seqforecast.containers.arrays import as_array

if TYPE_CHECKING:
    from sklearn.utils import Tags

__all__ = ["OldestFirst"]

Array = NDArray[Any]

_LAG = re.compile(r"lag_?(\d+)")
"""How skforecast (lag_1) and mlforecast (lag1) name the columns of lags."""
_WINDOW = re.compile(r".+@lag\d+")
"""How make_windows names the columns of a window."""
_ROWS = 1_000
"""Rows that are looked at for the order of columns without names."""
_FEW = 10
"""Rows of which coincidences can be expected."""
_NEARLY_ALL = 0.9
"""The share of rows that a shift must hold in: series meet, and rows with gaps are left out."""


class OldestFirst(TransformerMixin, BaseEstimator):
    """Put lags that come newest first into windows, oldest step first.

    Use it inside skforecast or mlforecast, in front of a recurrent regressor: both feed the
    newest lag first, and a recurrent network reads a row by position, oldest step first.

    Parameters
    ----------
    n_exog : int, default=0
        The number of columns that are no lags (exogenous variables, features of the calendar).
        Each becomes a channel that holds its value at every step of the window: set
        ``n_channels`` of the regressor to ``1 + n_exog``.

    Attributes
    ----------
    columns_ : ndarray of shape (n_lags * (1 + `n_exog`),)
        Position in the rows given to `fit` of each column that comes out.
    n_features_in_ : int
        Number of columns seen in `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Their names, if `fit` saw names that are all strings.

    See Also
    --------
    make_windows : Windows of a series, which are oldest first already.
    Forecaster : Makes a forecaster of a regressor without another library.

    Notes
    -----
    Columns named ``lag_1`` or ``lag1``, ... are ordered by name, wherever they stand; all others
    are exogenous, in their order. Where no name is of that kind, or where there are none
    (skforecast passes arrays), the lags are the first columns, newest first, and the last
    `n_exog` are exogenous. The rows of arrays that follow each other in time show whether that
    is so: what is lag 1 in a row is lag 2 in the next. Where they show another order, `fit`
    raises; rows in another order, or of few steps, show nothing. Put it before any scaler, which
    gives each column units of its own and hides what the rows show.

    What is known of the step to forecast, as a promotion on that day, is told at every step of
    the window: a network has one input, and an exogenous column has no past.

    Missing values pass through, for the regressor to accept or refuse.

    Examples
    --------
    >>> import pandas as pd
    >>> from seqforecast import OldestFirst
    >>> rows = pd.DataFrame({"lag_1": [12, 13], "lag_2": [11, 12], "lag_3": [10, 11]})
    >>> OldestFirst().set_output(transform="pandas").fit_transform(rows)
       y@lag2  y@lag1  y@lag0
    0      10      11      12
    1      11      12      13

    As the estimator of skforecast or mlforecast, here with a promotion that is known ahead:

    >>> from sklearn.pipeline import make_pipeline
    >>> from seqforecast import LSTMRegressor
    >>> network = LSTMRegressor(n_channels=2, hidden_size=4, max_epochs=2, random_state=0)
    >>> estimator = make_pipeline(OldestFirst(n_exog=1), network)
    >>> estimator.fit(rows.assign(promotion=[0, 1]), [13.0, 14.0]).predict(
    ...     rows.assign(promotion=[1, 1])
    ... ).shape
    (2,)
    """

    def __init__(self, n_exog: int = 0) -> None:
        self.n_exog = n_exog

    def fit(self, X: ArrayLike, y: object = None) -> OldestFirst:
        """Learn where the lags stand.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_lags + `n_exog`)
            Rows of lags and exogenous columns.
        y : object, default=None
            Ignored.

        Returns
        -------
        OldestFirst
            The transformer itself.

        Raises
        ------
        ValueError
            If `n_exog` is negative or leaves no lag, or is not the number of columns that names
            tell; if lags have gaps or come twice; if the rows show that the first columns are
            not lags, newest first.
        TypeError
            If `n_exog` is not an integer.
        """
        n_exog = _count(self.n_exog)
        rows = _rows(self, X, reset=True)
        lags, exog = self._by_name() or self._by_position(rows)
        if len(exog) != n_exog:
            names = [str(self.feature_names_in_[position]) for position in exog]
            raise ValueError(
                f"n_exog={n_exog} was given, but X has {len(exog)} column(s) that are no lags"
                f"{': ' if names else ''}{', '.join(names)}. Set n_exog={len(exog)} and "
                f"n_channels={1 + len(exog)} of the regressor, or leave such columns out."
            )
        steps = [[lag, *exog] for lag in lags]
        self.columns_ = np.array(steps, dtype=np.intp).ravel()
        return self

    def transform(self, X: ArrayLike) -> Array:
        """Put rows into the order of windows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_lags + `n_exog`)
            Rows with the columns that `fit` saw, in the same order.

        Returns
        -------
        ndarray of shape (n_samples, n_lags * (1 + `n_exog`))
            Windows, step by step, oldest first; behind the lag of a step its exogenous columns.

        Raises
        ------
        ValueError
            If `X` has other columns than `fit` saw.
        NotFittedError
            If `fit` was not called.
        """
        check_is_fitted(self)
        rows = _rows(self, X, reset=False)
        columns = self.columns_
        if np.array_equal(columns, np.arange(len(columns))[::-1]):
            return rows[:, ::-1]  # skforecast passes a view of the series: no copy of it
        return rows[:, columns]

    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> Array:
        """Name the columns that come out, as `make_windows` does.

        Parameters
        ----------
        input_features : array-like of str, default=None
            Ignored, but compared with the names seen in `fit`.

        Returns
        -------
        ndarray of str
            ``y@lag{k}``, k steps before the last step of the window, and so for exogenous columns.

        Raises
        ------
        ValueError
            If `input_features` are not the columns that `fit` saw.
        NotFittedError
            If `fit` was not called.
        """
        check_is_fitted(self)
        names = _check_feature_names_in(self, input_features)
        n_channels = 1 + self.n_exog
        n_lags = len(self.columns_) // n_channels
        channels = ["y", *(names[position] for position in self.columns_[1:n_channels])]
        lags = range(n_lags - 1, -1, -1)
        return np.array([f"{channel}@lag{lag}" for lag in lags for channel in channels], object)

    def _by_name(self) -> tuple[list[int], list[int]] | None:
        """Find the lags, oldest first, and the other columns by their names."""
        names = list(getattr(self, "feature_names_in_", ()))
        if names and all(_WINDOW.fullmatch(name) for name in names):
            raise ValueError(
                f"X has the columns {names[0]}, ..., named as make_windows names windows, which "
                "are oldest first already; OldestFirst needs lags, newest first. Leave it out."
            )
        found = [_LAG.fullmatch(name) for name in names]
        lags = {position: int(match[1]) for position, match in enumerate(found) if match}
        if not lags:
            return None
        _check_gaps(list(lags.values()))
        oldest_first = sorted(lags, key=lags.__getitem__, reverse=True)
        return oldest_first, [position for position in range(len(found)) if position not in lags]

    def _by_position(self, rows: Array) -> tuple[list[int], list[int]]:
        """Take the first columns for lags, newest first, unless the rows tell otherwise."""
        n_columns = rows.shape[1]
        n_lags = n_columns - self.n_exog
        if n_lags < 1:
            raise ValueError(
                f"X has {n_columns} column(s), of which n_exog={self.n_exog} are no lags; at least "
                "1 lag is needed. Lower n_exog, or pass rows with lags."
            )
        _check_shifts(rows[:_ROWS], n_lags)
        return list(range(n_lags))[::-1], list(range(n_lags, n_columns))

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags


def _count(n_exog: Any) -> int:
    """Return `n_exog` as an int, or say why it is no number of columns."""
    if isinstance(n_exog, bool) or not isinstance(n_exog, Integral):
        raise TypeError(
            f"n_exog={n_exog!r} is a {type(n_exog).__name__}; it must be an integer of at least 0. "
            "Pass the number of columns that are no lags."
        )
    if n_exog < 0:
        raise ValueError(
            f"n_exog={n_exog} is below 0; it must be an integer of at least 0. "
            "Pass the number of columns that are no lags."
        )
    return int(n_exog)


def _rows(estimator: OldestFirst, X: ArrayLike, *, reset: bool) -> Array:
    """Return the rows as an array, and see that they have the columns of `fit`."""
    rows: Array = check_array(
        as_array(X, "X"),
        dtype=None,
        ensure_all_finite="allow-nan",
        estimator=estimator,
        input_name="X",
    )
    validate_data(estimator, X, reset=reset, skip_check_array=True)  # names and their number
    return rows


def _check_gaps(lags: Sequence[int]) -> None:
    """Refuse lags that are not steps of one window."""
    first, last = min(lags), max(lags)
    if sorted(lags) == list(range(first, last + 1)):
        return
    shown = ", ".join(str(lag) for lag in sorted(lags)[:8]) + (", ..." if len(lags) > 8 else "")
    raise ValueError(
        f"X has the lags {shown}; every lag from {first} to {last} is needed once: a recurrent "
        f"network takes the columns for steps that follow each other. Use lags {first} to {last}, "
        "or name lags of your own as no lag is named, and count them in n_exog."
    )


# ------------------------------------------------------------------- the order that rows show


def _holds(shifted: Array, before: Array) -> Array:
    """Tell of each column whether it is what stood before, in nearly all rows."""
    same = (shifted == before) | (np.isnan(shifted) & np.isnan(before))
    return np.mean(same, axis=0) >= _NEARLY_ALL


def _check_shifts(rows: Array, n_lags: int) -> None:
    """Refuse lags that rows in time order show to be none, or to be oldest first."""
    lags = rows[:, :n_lags]
    if len(lags) <= _FEW or n_lags < 2:
        return
    lags = lags.astype(np.float64)
    constant = (lags[1:] == lags[:-1]).all(axis=0)
    telling = ~(constant[1:] & constant[:-1])
    newest_first = _holds(lags[1:, 1:], lags[:-1, :-1])[telling]
    oldest_first = _holds(lags[1:, :-1], lags[:-1, 1:])[telling]
    if oldest_first.any() and not newest_first.any():
        raise ValueError(
            f"X has {n_lags} lags whose rows show the order oldest first: what is in a column was "
            "in the next one a row before. OldestFirst needs the newest lag first. Leave it out: "
            "the regressors read such rows as they are."
        )
    if newest_first.any() and not newest_first.all():
        column = 1 + int(np.flatnonzero(telling)[np.argmin(newest_first)])
        n_exog = rows.shape[1] - column
        raise ValueError(
            f"X has no names, and its first {n_lags} columns are taken for lags 1 to {n_lags}; but "
            f"column {column} is not column {column - 1} of the row before. If a scaler comes "
            "before OldestFirst, put OldestFirst before the scaler; if the last "
            f"{n_exog} column(s) are exogenous, set n_exog={n_exog} and n_channels={1 + n_exog} of "
            "the regressor; if lags have gaps, use every lag; if lags come last, pass named "
            "columns."
        )
