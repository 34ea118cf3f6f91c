"""The forecaster that the arguments of a command describe, and its progress on a terminal."""

from __future__ import annotations

import time
from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sklearn.linear_model import Ridge
from skorch.callbacks import Callback

from seqforecast._shared.progress import is_watched, new_bar
from seqforecast.cli.files.series import SeriesTable
from seqforecast.cli.messages import CommandError, counted
from seqforecast.forecasting import Forecaster
from seqforecast.forecasting.data.columns import show
from seqforecast.recipes import recurrent_forecaster

NAIVE = "naive"
NAMES = {"lstm": "LSTM", "gru": "GRU", "rnn": "RNN", NAIVE: "Naive"}

Tell = Callable[[float], None]
"""Called with the share of one fit that is done; 1 at its end."""


def forecaster_of(arguments: Namespace, data: SeriesTable) -> Forecaster:
    """Return a forecaster with the settings of a command, not fitted."""
    if arguments.model == NAIVE:
        return _naive(arguments, data)
    forecaster = recurrent_forecaster(
        horizon=arguments.horizon,
        season=season_of(arguments.season),
        window=arguments.window or "auto",
        cell=arguments.model,
        random_state=arguments.seed,
        past=data.features["past"],
        future=data.features["future"],
        static=data.features["static"],
    ).set_params(columns=data.columns)
    if arguments.max_steps is not None:
        forecaster.set_params(regressor__max_steps=arguments.max_steps)
    return forecaster


def _naive(arguments: Namespace, data: SeriesTable) -> Forecaster:
    """Return what repeats the last season, with the intervals of any forecaster."""
    given = [name for names in data.features.values() for name in names]
    if given:
        raise CommandError(
            f"--model {NAIVE} repeats the last season and reads no features, but got "
            f"{', '.join(map(show, given))}. Leave them out, or choose a network."
        )
    return Forecaster(
        Ridge(),
        window=arguments.window or "auto",
        horizon=arguments.horizon,
        season=season_of(arguments.season),
        baseline="seasonal",
        regressor_weight=0,  # the baseline alone
        columns=data.columns,
    )


def season_of(given: list[int | None] | None) -> Any:
    """Return seasons as a Forecaster takes them."""
    if given is None:
        return "auto"
    lengths = [length for length in given if length is not None]
    return lengths[0] if len(lengths) == 1 else lengths or None


@contextmanager
def progress(forecaster: Forecaster, fits: int) -> Iterator[None]:
    """Show on stderr how far the training is, where that is a terminal.

    Parameters
    ----------
    forecaster : Forecaster
        Its regressor, if it is a network, tells of each epoch meanwhile.
    fits : int
        How often the regressor is fitted at most.
    """
    if not is_watched() or not hasattr(forecaster.regressor, "callbacks"):
        yield
        return
    with new_bar(fits, "fits", leave=False) as bar:
        forecaster.set_params(regressor__callbacks=[_Epochs(_telling(bar))])
        try:
            yield
        finally:
            forecaster.set_params(regressor__callbacks=None)


def _telling(bar: Any) -> Tell:
    ended = 0

    def tell(share: float) -> None:
        # A closure: whoever clones or copies a callback shares it.
        nonlocal ended
        done = min(round(ended + share, 1), bar.total)
        bar.n = int(done) if done == int(done) else done
        bar.refresh()
        ended += share == 1

    return tell


class _Epochs(Callback):
    """Tell after each epoch how much of the training is done.

    Not after each step: whoever looks at every step keeps the native kernels from running many.
    """

    def __init__(self, tell: Tell) -> None:
        self.tell = tell

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        self.tell(min(len(net.history) / net.max_epochs, 0.99))

    def on_train_end(self, net: Any, **kwargs: Any) -> None:
        self.tell(1.0)


def seconds(start: float) -> str:
    """Write how long something took since ``time.perf_counter()`` was `start`."""
    return f"{time.perf_counter() - start:.0f} s"


def described(arguments: Namespace, data: SeriesTable, forecaster: Forecaster) -> str:
    """Say in a sentence what was fitted to what."""
    n_series, n_rows = data.panel.n_series, int(data.panel.lengths.sum())
    of = f"{n_series} series, {n_rows} rows" if data.named else f"{n_rows} rows"
    ahead = counted(arguments.horizon, "step")
    seasons = [str(length) for length in forecaster.season_ if length > 1]
    season = f"season {' and '.join(seasons)}" if seasons else "no season"
    window = getattr(forecaster.regressor_, "window_", None)
    reads = "" if window is None else f"window {window}, "
    return (
        f"{NAMES[arguments.model]} forecast of {arguments.target}, {ahead} ahead: "
        f"{of}, {reads}{season}."
    )
