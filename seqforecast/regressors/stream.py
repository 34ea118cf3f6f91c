"""A fitted network that reads on: one step of every series in, the next forecast out."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seqforecast._shared.at_once import Alone, as_it_is
from seqforecast.containers.arrays import as_array
from seqforecast.regressors.parameters import quantile_column
from seqforecast.training.net import PREDICTION_BLOCK, RecurrentNet
from seqforecast.training.scaling import Units
from seqforecast.training.threads import computing

Array = NDArray[np.float64]
Cells = NDArray[np.int64]


class Stream:
    r"""A fitted network that reads on, one step at a time.

    Use it where values arrive one by one and each must be answered at once: the state of the
    network is carried on, so that a step costs one step, where `predict` reads a whole window.
    ``regressor.stream(X_last)`` makes one; of many series at once, which share the network.

    Parameters
    ----------
    regressor : RNNRegressor, LSTMRegressor or GRURegressor
        The fitted regressor. The network is used where it lies, not copied.
    X : array-like of shape (n_series, window * n_channels) or (n_series, window, n_channels)
        The newest window of every series, as for ``predict``.

    Attributes
    ----------
    regressor : RNNRegressor, LSTMRegressor or GRURegressor
        The regressor as it was at the beginning.
    state : tuple of Tensors of shape (num_layers, n_series, hidden_size)
        The state of every layer, float32, on the device of the network: h, and c of an LSTM.
    units : Units
        Level and scale of every series and its targets: those of the window that the stream
        began with, where the regressor has ``scaling="window"``.
    output : ndarray of shape (n_series, n_outputs) or (n_series, n_outputs, n_levels)
        What the network forecasts from this state.

    See Also
    --------
    ForecastStream : The same of a `Forecaster`.

    Notes
    -----
    With the window :math:`x_1, \dots, x_w` that a stream began with, the network's step
    :math:`s_t = f(s_{t-1}, x_t)` and its head g, the forecast after k updates is

    .. math:: \hat y_{w+k} = g(s_{w+k}), \qquad s_t = f(s_{t-1}, x_t), \quad s_0 = 0:

    that of the network over the one window that has grown by k steps, equal but for rounding in
    float32. ``predict`` on the window that has moved by k steps forgets what lies before it: it
    starts at :math:`s_k = 0`. The two differ by what that state still says w steps later,

    .. math:: |\hat y^{\,stream} - \hat y^{\,window}| \le
        \max_{0 \le a \le 1} \left\| \frac{\partial \hat y_{w+k}}{\partial s_k} (a s_k)
        \right\| \, \| s_k \|,

    the gradient over a whole window, which `gradient_flow` measures: the last value of its
    ``lag_curve``. Where it has vanished, they agree. Before the first update, `forecast` is
    ``predict(X)``, bit by bit.

    ``fit`` builds a new network, and the stream goes on with the one it has. ``partial_fit``, and
    ``fit`` with ``warm_start``, train the network where it lies: the next update is made with the
    new weights, from a state that the old ones left. Begin a new stream then. An update in another
    thread, while they train, is made with the old weights.

    With ``scaling="window"`` a series that moves far from its first window is seen in units that
    no longer suit it: after some windows' worth of updates, or where the level has changed by more
    than the window's spread, begin a new stream with the newest window.

    `pickle`, `joblib` and `copy.deepcopy` keep all that is needed, the regressor included, and
    the copy goes on with the same bits; a state on a GPU is stored as plain arrays.

    Examples
    --------
    >>> from seqforecast import LSTMRegressor, make_windows
    >>> from seqforecast.datasets import load_airline
    >>> passengers = load_airline().to_numpy()
    >>> X, y = make_windows(passengers[:132], window=24)
    >>> model = LSTMRegressor(max_epochs=20, random_state=0).fit(X, y)
    >>> stream = model.stream(passengers[108:132].reshape(1, -1))
    >>> stream.forecast.shape
    (1,)
    >>> forecasts = [stream.update(value) for value in passengers[132:]]
    >>> len(forecasts), forecasts[-1].shape
    (12, (1,))
    """

    def __init__(self, regressor: Any, X: Any) -> None:
        self.regressor = as_it_is(regressor)  # a later fit changes the original
        windows = self.regressor.checked_windows(X)
        net = self.regressor.net_
        net.rest.read(net, lambda net: self._begin(net, windows))

    def _begin(self, net: RecurrentNet, windows: Array) -> None:
        regressor = self.regressor
        n, _, n_channels = windows.shape
        units = net.scaling.units(windows)
        self.units = Units(
            *(np.broadcast_to(part, (n, 1, n_channels)) for part in (units.level, units.scale)),
            *(
                np.broadcast_to(part, (n, regressor.n_outputs_))
                for part in (units.target_level, units.target_scale)
            ),
        )
        net.module_.eval()
        states, outputs = [], []
        with computing(regressor._n_threads()), torch.no_grad():
            for start in range(0, n, PREDICTION_BLOCK):  # as predict does: the same bits
                rows = slice(start, start + PREDICTION_BLOCK)
                some = windows[rows]
                block = np.zeros((PREDICTION_BLOCK, *windows.shape[1:]))
                block[: len(some)] = _taken(self.units, rows).of_windows(some)
                state, output = _read(net, block, None)
                states.append(tuple(part[:, : len(some)] for part in state))
                outputs.append(output[: len(some)])
        self.state = tuple(torch.cat(parts, dim=1) for parts in zip(*states, strict=True))
        self.output = self.units.restore(np.concatenate(outputs))

    # The public methods -----------------------------------------------------------------------

    @property
    def n_series(self) -> int:
        """The number of series."""
        return len(self.output)

    @property
    def forecast(self) -> Array:
        """The next values, (n_series,) or (n_series, n_outputs), as ``predict`` gives them."""
        values = self.output
        if self.regressor.quantiles_ is not None:
            values = values[..., self._column(0.5)]
        return self._in_form(values)

    @property
    def quantiles(self) -> Array:
        """Their quantiles, as ``predict_quantiles`` gives them; the loss must be "quantile"."""
        columns = [self._column(level) for level in self.regressor.quantiles]
        return self._in_form(self.output[..., columns])

    def update(self, observation: Any, series: Any = None) -> Array:
        """Take the next step of the series, and forecast what follows.

        Parameters
        ----------
        observation : array-like of shape (n_series, n_channels)
            The next step of every series, in the units of the windows. (n_series,) will do with
            one channel, (n_channels,) with one series, and a number with one of both.
        series : array-like of int of shape (n_observed,), default=None
            The series that `observation` is of, by their place; the others stay where they are.
            None is all of them.

        Returns
        -------
        forecast : ndarray of shape (n_series,) or (n_series, n_outputs)
            The attribute `forecast`, of all series.

        Raises
        ------
        ValueError
            If the observation has another shape, or is not finite, or so large that the network
            cannot answer; the stream stays as it was.
        RuntimeError
            If another thread updates this stream.
        """
        with Alone(self, "update"):
            self._take_in(observation, series)
        return self.forecast

    def take(self, series: Any) -> Stream:
        """Return a stream of some series, which goes on by itself.

        Parameters
        ----------
        series : array-like of int of shape (n_taken,)
            The series to keep, by their place.

        Returns
        -------
        stream : Stream
            It stands where this one stands. Its numbers may differ in the last bit of float32:
            products of fewer rows are rounded otherwise.

        Raises
        ------
        ValueError
            If a place is not one of the series, or given twice.
        """
        places = self._places(series)
        taken = copy.copy(self)
        taken.units = _taken(self.units, places)
        taken.state = tuple(part[:, torch.from_numpy(places)] for part in self.state)
        taken.output = self.output[places]
        return taken

    # What is stored ---------------------------------------------------------------------------

    def __getstate__(self) -> dict[str, Any]:
        now = as_it_is(self)
        return now.__dict__ | {"state": tuple(part.cpu().numpy() for part in now.state)}

    def __setstate__(self, content: dict[str, Any]) -> None:
        self.__dict__.update(content)
        device = self.regressor.net_.device
        self.state = tuple(torch.from_numpy(part).to(device) for part in content["state"])

    def __copy__(self) -> Stream:
        return as_it_is(self)  # arrays are shared: an update puts others in their place

    def __repr__(self) -> str:
        form = self.regressor._form
        return (
            f"Stream({type(self.regressor).__name__}, n_series={self.n_series}, "
            f"n_channels={form.n_channels}, n_outputs={form.n_outputs})"
        )

    # Within -----------------------------------------------------------------------------------

    def _take_in(self, observation: Any, series: Any) -> None:
        places = None if series is None else self._places(series)
        step = self._step(observation, self.n_series if places is None else len(places))
        units, before = self.units, self.state
        if places is not None:
            units = _taken(units, places)
            before = tuple(part[:, torch.from_numpy(places)] for part in before)
        with np.errstate(over="ignore", invalid="ignore"):  # seen in the forecast
            with computing(self.regressor._n_threads()), torch.no_grad():
                net = self.regressor.net_
                scaled_step = units.of_windows(step)
                state, scaled = net.rest.read(net, lambda net: _read(net, scaled_step, before))
            output = units.restore(scaled)
        if not np.isfinite(output).all():
            raise ValueError(
                f"the observation, {np.abs(step).max():.3g} at most, leads the network to a "
                "forecast that is not finite; one of the size of the training data is needed. "
                "Correct it, or begin a new stream with the newest window."
            )
        if places is not None:
            state = tuple(
                part.index_copy(1, torch.from_numpy(places).to(part.device), new)
                for part, new in zip(self.state, state, strict=True)
            )
            whole = self.output.copy()
            whole[places] = output
            output = whole
        self.__dict__.update(state=state, output=output)  # both at once, for other threads

    def _column(self, level: float) -> int:
        return quantile_column(level, self.regressor.quantiles_, type(self.regressor).__name__)

    def _in_form(self, values: Array) -> Array:
        return values[:, 0].copy() if self.regressor._form.y_ndim == 1 else values.copy()

    def _step(self, observation: Any, n: int) -> Array:
        """Return an observation of n series as (n, 1, n_channels), checked."""
        n_channels = self.regressor._form.n_channels
        step = as_array(observation, "observation")
        fitting: set[tuple[int, ...]] = {(n, n_channels)}
        fitting |= {(n,)} if n_channels == 1 else set()
        fitting |= {(n_channels,)} if n == 1 else set()
        fitting |= {()} if n == n_channels == 1 else set()
        if step.shape not in fitting:
            raise ValueError(
                f"the observation has shape {step.shape}; ({n}, {n_channels}) is needed, one step "
                f"of {n} series with {n_channels} channel(s) each. Reshape it, and call update "
                "once for each step."
            )
        step = step.astype(np.float64).reshape(n, 1, n_channels)
        if not np.isfinite(step).all():
            row, _, channel = (int(k) for k in np.argwhere(~np.isfinite(step))[0])
            raise ValueError(
                f"the observation is {step[row, 0, channel]} in series {row}, channel {channel}; "
                "finite numbers are needed, for the state would be lost. Fill it, for example with "
                "the forecast or the value before."
            )
        return step

    def _places(self, series: Any) -> Cells:
        places = np.asarray(series)
        whole = places.dtype.kind in "iu" and places.ndim == 1 and len(places) > 0
        if (
            not whole
            or len(np.unique(places)) < len(places)
            or not (places.min() >= 0 and places.max() < self.n_series)
        ):
            raise ValueError(
                f"{series=}; different places from 0 to {self.n_series - 1} are needed, in a list. "
                "Pass for example [0]."
            )
        return places.astype(np.int64)


def _read(
    net: RecurrentNet, scaled: Array, state: tuple[Tensor, ...] | None
) -> tuple[tuple[Tensor, ...], Array]:
    """Read steps (n, n_steps, n_channels) on from a state; return the new one and forecasts."""
    network: Any = net.module_
    before: Any = state if state is None or len(state) == 2 else state[0]
    _, last = network.recurrent(net.tensor(scaled), before)
    after = last if isinstance(last, tuple) else (last,)
    output: Tensor = network.head(after[0][-1])
    return after, output.cpu().numpy().astype(np.float64)


def _taken(units: Units, rows: Any) -> Units:
    """Return the units of some series."""
    parts = units.level, units.scale, units.target_level, units.target_scale
    return Units(*(part[rows] for part in parts))
