"""Kinds of streams: what a network, or a forecaster, stands at."""

from __future__ import annotations

from numbers import Integral, Real

import numpy as np

from seqforecast.forecasting.arrays.padded_series import Earlier
from seqforecast.forecasting.data.panel import FutureRows
from seqforecast.forecasting.data.reading import Form
from seqforecast.forecasting.loaded_checks import (
    check_forecast_stream,
    check_future_rows,
    check_stream_model,
)
from seqforecast.forecasting.model.intervals import ConformalScores, Intervals, MeasuredConformal
from seqforecast.forecasting.model.stream_model import StreamModel
from seqforecast.forecasting.stream import ForecastStream
from seqforecast.persistence.forecasting import MODEL, WRITTEN
from seqforecast.persistence.format.codec import Kind, Parts, record
from seqforecast.persistence.format.fields import Each, Numbers, Table, holds, shown
from seqforecast.regressors import LSTMRegressor, Stream
from seqforecast.regressors.base import RecurrentRegressor
from seqforecast.training.scaling import Units

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


STREAMS = (
    Kind("seqforecast.Stream", Stream, lambda stream: stream.__getstate__(), _stream),
    record(
        "seqforecast.ForecastStream",
        ForecastStream,
        {
            "levels": Each(tuple, Real),
            "_form": Form,
            "_intervals": Intervals,
            "_model": StreamModel,
            "_rows": FutureRows,
            "_columns": Table(str, _FLOATS),
        },
        check=check_forecast_stream,
    ),
    record(
        "newest_model",
        StreamModel,
        {
            **MODEL,
            "_left_out": Earlier,
            "by_phase": _TABLE,
            "reading": (Stream, None),
            "read": _INTEGERS,
        },
        check=check_stream_model,
        written=WRITTEN,
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
        check=check_future_rows,
    ),
    record(
        "measured_conformal",
        MeasuredConformal,
        {"measured": (ConformalScores, None), "steps": Integral},
    ),
)
"""Kinds of values that a stream may hold."""
