"""Kinds of a Forecaster, its model and all that they consist of.

The names of attributes are part of the format. Where the package renames one, the record here gets
a function that understands files of before: golden files in the tests hold it to that.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from seqforecast.forecasting import Forecaster
from seqforecast.forecasting.baseline import BASELINES
from seqforecast.forecasting.calendar import CALENDARS
from seqforecast.forecasting.columns import Roles
from seqforecast.forecasting.covariates import FeatureScaling
from seqforecast.forecasting.history import Lookback
from seqforecast.forecasting.intervals import Conformal, ConformalScores, Quantiles
from seqforecast.forecasting.model import SeriesModel
from seqforecast.forecasting.panel import Panel, offsets_of
from seqforecast.forecasting.reading import Form
from seqforecast.forecasting.regression import Regression
from seqforecast.forecasting.transforms import Identity, Log, Transformer
from seqforecast.forecasting.units import SeriesUnits
from seqforecast.serialization.codec import Kind, Parts, record

__all__ = ["FORECASTING"]

_LEARNT = (
    "_form",
    "_model",
    "_intervals",
    "regressor_",
    "regressor_weight_",
    "season_",
    "transform_",
    "calendar_",
    "ids_",
    "padded_",
    "row_names_",
)
_OF_FEATURES = ("n_features_in_", "feature_names_in_")

_MODEL = (
    "regressor",
    "window",
    "horizon",
    "season",
    "transform",
    "baseline",
    "calendar",
    "regressor_weight",
    "weight",
    "lookback",
    "calendar_words",
    "value_transform",
    "ids",
    "fitted_units",
    "features",
    "panel",
    "_blind",
    "members",
    "units",
    "values",
    "regression",
    "baseline_",
)


def _forecaster_parts(forecaster: Forecaster) -> Parts:
    learnt = None
    if hasattr(forecaster, "_model"):
        names = (*_LEARNT, *(name for name in _OF_FEATURES if hasattr(forecaster, name)))
        learnt = {name: getattr(forecaster, name) for name in names}
    return {"params": forecaster.get_params(deep=False), "learnt": learnt}


def _forecaster(parts: Parts) -> Forecaster:
    forecaster, learnt = Forecaster(**parts["params"]), parts["learnt"]
    if learnt is not None:
        if set(learnt) - set(_OF_FEATURES) != set(_LEARNT):
            raise ValueError(f"a Forecaster has learnt {sorted(learnt)}")
        forecaster.__dict__.update(learnt)
    return forecaster


def _panel(**parts: Any) -> Panel:
    panel = Panel(**parts)
    lengths, n_rows = panel.lengths, len(panel.values)
    fits = (
        len(panel.ids) == len(lengths) == len(panel.first) == len(panel.static)
        and (lengths > 0).all()
        and (offsets_of(lengths) == panel.offsets).all()
        and panel.offsets[-1] == n_rows == len(panel.past) == len(panel.future)
    )
    if not fits:
        raise ValueError("the series of a panel do not fill its rows")
    return panel


def _dataclass(name: str, cls: Any) -> Kind:
    return record(name, cls, [field.name for field in fields(cls)], make=cls)


FORECASTING = (
    Kind("seqforecast.Forecaster", Forecaster, _forecaster_parts, _forecaster),
    record("series_model", SeriesModel, _MODEL),
    record("panel", Panel, [field.name for field in fields(Panel)], make=_panel),
    *(_dataclass(f"calendar.{name}", cls) for name, cls in CALENDARS.items()),
    _dataclass("form", Form),
    _dataclass("roles", Roles),
    _dataclass("lookback", Lookback),
    _dataclass("series_units", SeriesUnits),
    record("feature_scaling", FeatureScaling, ("_past", "_future", "_static")),
    record("transform.identity", Identity, ()),
    record("transform.log", Log, ()),
    record("transform.transformer", Transformer, ("transformer", "parameter")),
    record("regression", Regression, ("regressor", "window", "windows", "fitted", "by_step")),
    *(
        record(
            f"baseline.{name}",
            cls,
            (),
            optional=("coefficients", "common", "by_series", "learns_own"),
        )
        for name, cls in BASELINES.items()
    ),
    record("conformal", Conformal, ("fitted", "_scores")),
    _dataclass("conformal_scores", ConformalScores),
    record("quantiles", Quantiles, ("known",)),
)
"""Kinds of values that a Forecaster may hold."""
