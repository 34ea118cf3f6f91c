"""Kinds of a Forecaster, its model and all that they consist of.

The names of attributes are part of the format. Where the package renames one, the record here gets
the name that files have for it (`written`): golden files in the tests hold it to that.
"""

from __future__ import annotations

from numbers import Integral, Real

import numpy as np
import pandas as pd
from pandas.tseries.offsets import BaseOffset
from sklearn.base import BaseEstimator

from seqforecast._shared.at_once import as_it_is
from seqforecast.forecasting import Forecaster
from seqforecast.forecasting.arrays.baseline import BASELINES, Baseline
from seqforecast.forecasting.arrays.feature_scaling import FeatureScaling
from seqforecast.forecasting.arrays.lookback import Lookback
from seqforecast.forecasting.arrays.series_scaling import SeriesScaling
from seqforecast.forecasting.data.columns import Roles
from seqforecast.forecasting.data.panel import Panel
from seqforecast.forecasting.data.reading import Form
from seqforecast.forecasting.data.time_grid import TIME_GRIDS, TimeGrid
from seqforecast.forecasting.loaded_checks import (
    check_forecaster,
    check_form,
    check_grid,
    check_lookback,
    check_model,
    check_panel,
    check_scores,
)
from seqforecast.forecasting.model.intervals import Conformal, ConformalScores, Intervals, Quantiles
from seqforecast.forecasting.model.regressor_adapter import RegressorAdapter
from seqforecast.forecasting.model.series_model import SeriesModel
from seqforecast.forecasting.model.transforms import Identity, Log, Transformer, ValueTransform
from seqforecast.persistence.format.codec import Kind, Parts, record
from seqforecast.persistence.format.fields import Each, Numbers, Table, holds, shown

_LEARNT = {
    "_form": Form,
    "_model": SeriesModel,
    "_intervals": Intervals,
    "regressor_": (BaseEstimator, Each(list, BaseEstimator)),
    "regressor_weight_": Real,
    "season_": Each(tuple, int),
    "transform_": object,
    "calendar_": Each(tuple, str),
    "ids_": pd.Index,
    "padded_": pd.Index,
    "row_names_": Each(list, str),
}
_OF_FEATURES = {"n_features_in_": int, "feature_names_in_": Numbers("O", 1)}
_SCORES = Table(Integral, ConformalScores)

_WORDS = Each(tuple, str)
_INTEGERS = Numbers("i", 1)
_FLOATS, _TABLE = Numbers("f", 1), Numbers("f", 2)

MODEL = {
    "regressor": BaseEstimator,
    "window": Integral,
    "horizon": Integral,
    "season": object,
    "transform": object,
    "baseline": (str, None),
    "calendar": object,
    "regressor_weight": (Real, str),
    "weight": Real,
    "lookback": Lookback,
    "calendar_words": _WORDS,
    "value_transform": ValueTransform,
    "ids": pd.Index,
    "fitted_units": SeriesScaling,
    "features": FeatureScaling,
    "panel": Panel,
    "_blind": Table(Integral, SeriesModel),
    "members": _INTEGERS,
    "units": SeriesScaling,
    "values": _FLOATS,
    "adapter": RegressorAdapter,
    "baseline_": Baseline,
}
WRITTEN = {"adapter": "regression"}
"""Attributes of a model that were renamed, and what files call them."""

_PANEL = {
    "ids": pd.Index,
    "offsets": _INTEGERS,
    "values": _FLOATS,
    "first": _INTEGERS,
    **dict.fromkeys(("past", "future", "static"), _TABLE),
    **dict.fromkeys(("past_names", "future_names", "static_names"), tuple),
    "grid": TimeGrid,
}
_CALENDAR = {
    "first": Integral,
    "step": Integral,
    "dtype": (np.dtype, pd.api.extensions.ExtensionDtype),
    "offset": (BaseOffset, None),
}
_FORM = {
    "kind": str,
    "labelled": bool,
    "name": object,
    "index_name": object,
    "columns": tuple,
    "features": tuple,
    "named": bool,
    "roles": Roles,
    "library": (str, None),
    "time_kind": (str, None),
}
_LOOKBACK = {"seasons": Each(tuple, int), **dict.fromkeys(("n_lags", "window", "horizon"), int)}
_REGRESSION = {
    "regressor": BaseEstimator,
    "window": Integral,
    "windows": bool,
    "fitted": BaseEstimator,
    "by_step": (None, Each(list, BaseEstimator)),
}
_LINEAR = {
    "coefficients": _FLOATS,
    "common": _TABLE,
    "by_series": _TABLE,
    "learns_own": (bool, np.bool_),
}


def _forecaster_parts(forecaster: Forecaster) -> Parts:
    forecaster, learnt = as_it_is(forecaster), None  # a fit in another thread may end meanwhile
    if hasattr(forecaster, "_model"):
        names = (*_LEARNT, *(name for name in _OF_FEATURES if hasattr(forecaster, name)))
        learnt = {name: getattr(forecaster, name) for name in names}
    return {"params": forecaster.get_params(deep=False), "learnt": learnt}


def _forecaster(parts: Parts) -> Forecaster:
    forecaster, learnt = Forecaster(**parts["params"]), parts["learnt"]
    if learnt is not None:
        if not isinstance(learnt, dict) or set(learnt) - set(_OF_FEATURES) != set(_LEARNT):
            raise ValueError(f"a Forecaster has learnt {shown(learnt)}")
        for name, what in {**_LEARNT, **_OF_FEATURES}.items():
            if name in learnt and not holds(what, learnt[name]):
                raise ValueError(f"{name} of a Forecaster is {shown(learnt[name])}")
        forecaster.__dict__.update(learnt)
        check_forecaster(forecaster)
        adapter = learnt["_model"].adapter
        forecaster.regressor_ = adapter.by_step or adapter.fitted
    return forecaster


FORECASTING = (
    Kind("seqforecast.Forecaster", Forecaster, _forecaster_parts, _forecaster),
    record("series_model", SeriesModel, MODEL, check=check_model, written=WRITTEN),
    record("panel", Panel, _PANEL, check=check_panel, written={"grid": "calendar"}),
    *(
        record(f"calendar.{name}", cls, _CALENDAR, check=check_grid)
        for name, cls in TIME_GRIDS.items()
    ),
    record(
        "form",
        Form,
        _FORM,
        check=check_form,
        defaults={"library": None, "time_kind": None},
    ),
    record("roles", Roles, dict.fromkeys(("past", "future", "static"), tuple)),
    record("lookback", Lookback, _LOOKBACK, check=check_lookback),
    record("series_units", SeriesScaling, {"mean": _FLOATS, "scale": _FLOATS}),
    record(
        "feature_scaling",
        FeatureScaling,
        dict.fromkeys(("_past", "_future", "_static"), Each(tuple, _FLOATS)),
    ),
    record("transform.identity", Identity, {}),
    record("transform.log", Log, {}),
    record(
        "transform.transformer",
        Transformer,
        {"transformer": BaseEstimator, "parameter": BaseEstimator},
    ),
    record("regression", RegressorAdapter, _REGRESSION),
    *(
        record(f"baseline.{name}", cls, _LINEAR if name == "linear" else {})
        for name, cls in BASELINES.items()
    ),
    record("conformal", Conformal, {"fitted": SeriesModel, "_scores": _SCORES}, check=check_scores),
    record(
        "conformal_scores", ConformalScores, {"errors": Each(list, _FLOATS), "difficulty": _FLOATS}
    ),
    record("quantiles", Quantiles, {"known": Each(tuple, float)}),
)
"""Kinds of values that a Forecaster may hold."""
