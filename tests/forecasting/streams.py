"""What the tests of a forecaster's stream share: series, forecasters, and the network's twin."""

import copy
import dataclasses

import numpy as np
import pandas as pd
import torch
from sklearn.linear_model import Ridge

from seqforecast import Forecaster, GRURegressor, LSTMRegressor, RNNRegressor

T, N_UPDATES = 420, 50
DAYS = pd.date_range("2021-03-01", periods=T, freq="D", name="day")


def waves(n=3, *, seed=0, index=DAYS, gaps=0.0):
    """Noisy weekly waves around levels that rise, in columns a, b, ..."""
    rng = np.random.default_rng(seed)
    t = np.arange(len(index))[:, np.newaxis]
    level = 50 * 2.0 ** np.arange(n) * (1 + t / 1000)
    values = level * np.exp(0.2 * np.sin(t * 2 * np.pi / 7) + 0.05 * rng.standard_normal((T, n)))
    values[1:][rng.random((T - 1, n)) < gaps] = np.nan
    return pd.DataFrame(values, index=index, columns=list("abcdefgh")[:n])


def long_of(wide):
    rows = wide.rename_axis(index="ds", columns="unique_id").melt(
        value_name="y", ignore_index=False
    )
    return rows.reset_index()


def forecaster(regressor=None, **params):
    settings = {"window": 9, "horizon": 3, "season": 7}
    return Forecaster(regressor or Ridge(), **settings | params)


def network(kind=GRURegressor, **params):
    return kind(**{"hidden_size": 5, "max_steps": 5, "random_state": 0} | params)


def numbers(frame):
    """Give the values of a forecast without its labels."""
    if isinstance(frame, pd.DataFrame):
        frame = frame.select_dtypes("number")
    return np.asarray(frame, dtype=float)


def same(a, b, **tolerance):
    assert type(a) is type(b)
    if not isinstance(a, np.ndarray):
        assert a.index.equals(b.index)
        if isinstance(a, pd.DataFrame):
            assert a.columns.equals(b.columns)
            pd.testing.assert_frame_equal(
                a.select_dtypes(exclude="number"), b.select_dtypes(exclude="number")
            )
    np.testing.assert_allclose(numbers(a), numbers(b), **tolerance)


EXACT = {"rtol": 1e-10, "atol": 1e-10}


class Grown:
    """Runs torch's own layers from a zero state over all rows since the window of the begin."""

    windows, reads_on = True, False

    def __init__(self, fitted, n_rows, horizon):
        kinds = {RNNRegressor: torch.nn.RNN, LSTMRegressor: torch.nn.LSTM}
        self.net, sizes = fitted.net_, (fitted.n_channels_, fitted.hidden_size, fitted.num_layers)
        self.twin = kinds.get(type(fitted), torch.nn.GRU)(*sizes, batch_first=True)
        self.twin.load_state_dict(self.net.module_.recurrent.state_dict())
        self.n_rows, self.horizon, self.block = n_rows, horizon, 0

    def answer(self, X, quantiles):
        assert not quantiles
        forecasts = []
        for rows, n in zip(X, self.n_rows + self.block * self.horizon, strict=True):
            grown = rows[None, -int(n) :]
            units = self.net.scaling.units(grown)
            with torch.no_grad():
                hidden, _ = self.twin(torch.from_numpy(units.of_windows(grown)).float())
                output = self.net.module_.head(hidden[:, -1]).double().numpy()
            forecasts.append(units.restore(output)[0])
        self.block += 1
        return np.array(forecasts)


def grown_forecast(now, known_at_start, steps=None):
    """Forecast with windows that begin where those of the stream began."""
    model = copy.copy(now._model)
    last = model.panel.lengths - model.missing_at_end(np.arange(model.panel.n_series))
    window, horizon = model.lookback.window, model.horizon
    n_rows = window + last - known_at_start
    longest = int(n_rows.max()) + 6 * horizon
    model.lookback = dataclasses.replace(model.lookback, window=longest)
    grown = Grown(model.adapter.fitted, n_rows, horizon)
    model.adapter = grown
    model.adapter.answer = lambda X, q: (
        (grown_answer := Grown.answer(grown, X, q)) is None
        or (
            grown_answer,
            np.empty((*grown_answer.shape, 0)),
        )
    )
    twin = copy.copy(now)
    twin._model = model
    return twin.predict(steps)
