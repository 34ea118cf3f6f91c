"""Kinds of streams: what a network, or a forecaster, stands at."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any

import numpy as np

from seqforecast._scaling import Units
from seqforecast.forecasting.history import Earlier
from seqforecast.forecasting.intervals import ConformalScores, Intervals, MeasuredConformal
from seqforecast.forecasting.newest import NewestModel
from seqforecast.forecasting.panel import FutureRows
from seqforecast.forecasting.reading import Form
from seqforecast.forecasting.stream import ForecastStream
from seqforecast.persistence._forecasting import MODEL
from seqforecast.regressors import LSTMRegressor, Stream
from seqforecast.regressors._base import RecurrentRegressor
from seqforecast.serialization.codec import Kind, Parts, record
from seqforecast.serialization.fields import Each, Numbers, Table, holds, shown

__all__ = ["STREAMS"]

_FLOATS, _TABLE, _INTEGERS = Numbers("f", 1), Numbers("f", 2), Numbers("i", 1)
_STREAM = {
    "regressor": RecurrentRegressor,
    "state": Each(tuple, Numbers("f", 3)),
    "units": Units,
    "output": (_TABLE, Numbers("f", 3)),
}


def _stream(parts: Parts) -> Stream:
    for name, what in _STREAM.items():
        if not holds(what, parts.get(name)):
            raise ValueError(f"{name} of a Stream is {shown(parts.get(name))}")
    regressor, output, units = parts["regressor"], parts["output"], parts["units"]
    n, n_outputs, channels = len(output), regressor.n_outputs_, regressor.n_channels_
    levels = () if regressor.quantiles_ is None else (len(regressor.quantiles_),)
    found = (
        [part.shape for part in parts["state"]],
        output.shape,
        [part.shape for part in vars(units).values()],
    )
    state = (regressor.num_layers, n, regressor.hidden_size)
    needed = (
        [state] * (2 if isinstance(regressor, LSTMRegressor) else 1),
        (n, n_outputs, *levels),
        [(n, 1, channels)] * 2 + [(n, n_outputs)] * 2,
    )
    if found != needed:
        raise ValueError("the state of a Stream is of another network")
    stream: Stream = object.__new__(Stream)
    stream.__setstate__(parts)
    return stream


def _check_newest(model: NewestModel) -> None:
    """Raise if the parts of a stream's model are of different sizes."""
    panel, n = model.panel, model.panel.n_series
    arrays: tuple[Any, ...] = (*model._left_out, model.by_phase, model.read, model.members)
    fits = (
        all(len(part) == n for part in (*arrays, model.units.mean, model.units.scale))
        and model.by_phase.shape[1] == model.lookback.season
        and len(model.values) == len(panel.values)
        and (model.reading is None or model.reading.n_series == n)
        and (model.members < len(model.ids)).all()
        and (model.members >= -1).all()
    )
    if not fits:
        raise ValueError("the model of a stream is of other series")


def _check_rows(rows: FutureRows) -> None:
    if not len(rows.series) == len(rows.step) == len(rows.features) or (rows.step < 1).any():
        raise ValueError("the rows that a stream forecasts do not fit together")


def _check_forecasts(stream: ForecastStream) -> None:
    rows, n_series = stream._rows, stream._model.panel.n_series
    lengths = {len(values) for values in stream._columns.values()}
    inside = bool((rows.series >= 0).all() and (rows.series < n_series).all())
    if lengths != {len(rows.series)} or not inside:
        raise ValueError("the forecasts of a stream are of other rows")


STREAMS = (
    Kind("seqforecast.Stream", Stream, lambda stream: stream.__getstate__(), _stream),
    record(
        "seqforecast.ForecastStream",
        ForecastStream,
        {
            "levels": Each(tuple, Real),
            "_form": Form,
            "_intervals": Intervals,
            "_model": NewestModel,
            "_rows": FutureRows,
            "_columns": Table(str, _FLOATS),
        },
        check=_check_forecasts,
    ),
    record(
        "newest_model",
        NewestModel,
        {
            **MODEL,
            "_left_out": Earlier,
            "by_phase": _TABLE,
            "reading": (Stream, None),
            "read": _INTEGERS,
        },
        check=_check_newest,
    ),
    Kind(
        "earlier",
        Earlier,
        lambda earlier: earlier._asdict(),
        lambda parts: Earlier(**{name: np.asarray(value) for name, value in parts.items()}),
    ),
    record(
        "future_rows",
        FutureRows,
        {"series": _INTEGERS, "step": _INTEGERS, "features": _TABLE},
        check=_check_rows,
    ),
    record(
        "measured_conformal",
        MeasuredConformal,
        {"measured": (ConformalScores, None), "steps": Integral},
    ),
)
"""Kinds of values that a stream may hold."""
