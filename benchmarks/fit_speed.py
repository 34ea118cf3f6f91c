"""Milliseconds a training step: seqforecast beside what its users write instead.

    python benchmarks/fit_speed.py                        # 12 settings, one thread, under 4 minutes
    python benchmarks/fit_speed.py --threads all          # the same, then on all threads
    python benchmarks/fit_speed.py --cells LSTM --shapes 32,24,32 --repeats 20

The contenders, on the same windows of one channel, from PyTorch's own initialisation, loss at the
last step (mean squared error), Adam:

user loop       the bare torch loop as users write it: nn.LSTM + nn.Linear, X[idx],
                torch.optim.Adam, clip_grad_norm_, loss.item()
lean loop       the same with fused Adam and index_select, without clipping and without item()
skorch recipe   NeuralNetRegressor with its default DataLoader and GradientNormClipping
seqforecast     LSTMRegressor.fit on strided float64 windows, everything on: scaling, clipping,
                gradient norms, history, and the gradient at every lag after every pass; only
                `forget_bias` and `recurrent_init` are None. With our kernels (the first line says
                which are at work) a step is one native call

How a step is timed. All contenders run a pass over `block` batches three times from fresh weights;
the first pass warms up, the other two are timed as a whole, the drawing of the order and whatever
is recorded at the end of an epoch included. (Our gradient at every lag weighs more here than in a
fit: `observe="auto"` looks after each of the first epochs and seldom later, and a pass here may be
as short as 6 steps.) In seqforecast and in skorch the clock is a callback at the begin and the end
of an epoch. (A callback at every batch would switch on bookkeeping that is otherwise skipped, and
the native step off; the difference of two whole fits has twice the noise.) The checks before a
training are left out: they are paid once a fit. Contenders alternate, ABCD ABCD ..., because other
work on the machine comes and goes; a ratio is the median of the ratios within a round. On one
thread the clock is the thread's processor time, which other processes do not lengthen; on several
it is the wall's. Only seqforecast flushes denormal numbers, as `fit` does.
"""

from __future__ import annotations

import argparse
import importlib
import logging
import platform
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from skorch import NeuralNetRegressor
from skorch.callbacks import Callback, GradientNormClipping
from torch import nn

import seqforecast
from seqforecast import GRURegressor, LSTMRegressor, RNNRegressor, _kernels, make_windows
from seqforecast.datasets import make_seasonal_ar

REGRESSORS = {"RNN": RNNRegressor, "LSTM": LSTMRegressor, "GRU": GRURegressor}
SHAPES = ("32,24,32", "64,48,64", "128,96,64", "32,300,100")
LR, MAX_NORM, PASSES = 3e-3, 1.0, 3


def clock() -> float:
    """Seconds: of the processor on one thread, on the wall where there are several."""
    return time.thread_time() if torch.get_num_threads() == 1 else time.perf_counter()


@dataclass(frozen=True)
class Setting:
    """One row of the table, and its data: one pass over X is a block of steps."""

    cell: str
    batch: int
    window: int
    hidden: int
    threads: int

    @property
    def block(self) -> int:
        """Steps in a pass: fewer where a step is long."""
        return int(np.clip(3_000_000 / (self.batch * self.window * self.hidden), 6, 60))

    def data(self) -> tuple[np.ndarray, np.ndarray]:
        """Return windows (strided views, float64) and targets."""
        n_windows = self.block * self.batch
        series = make_seasonal_ar(n_windows + self.window, random_state=0)
        return make_windows(series, self.window)


class TorchNet(nn.Module):
    """What users write: a recurrent layer and a linear one on its last step."""

    def __init__(self, cell: str, hidden: int) -> None:
        super().__init__()
        self.recurrent = getattr(nn, cell)(1, hidden, batch_first=True)
        self.head = nn.Linear(hidden, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        hidden, _ = self.recurrent(x)
        return self.head(hidden[:, -1])


# ------------------------------------------------------------------------------ contenders
# Each returns the seconds that the timed passes took.


def tensors(setting: Setting) -> tuple[torch.Tensor, torch.Tensor]:
    X, y = setting.data()
    X = torch.from_numpy(X.astype(np.float32))[..., None]
    return X, torch.from_numpy(y.astype(np.float32))[:, None]


def user_loop(setting: Setting) -> list[float]:
    torch.manual_seed(0)
    X, y = tensors(setting)
    model, criterion = TorchNet(setting.cell, setting.hidden), nn.MSELoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=LR)
    seconds = []
    for _ in range(PASSES):
        start = clock()
        losses = []
        order = torch.randperm(len(X))
        for first in range(0, len(X), setting.batch):
            idx = order[first : first + setting.batch]
            optimizer.zero_grad()
            loss = criterion(model(X[idx]), y[idx])
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), MAX_NORM)
            optimizer.step()
            losses.append(loss.item())
        seconds.append(clock() - start)
    return seconds[1:]


def lean_loop(setting: Setting) -> list[float]:
    torch.manual_seed(0)
    X, y = tensors(setting)
    model, criterion = TorchNet(setting.cell, setting.hidden), nn.MSELoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=LR, fused=True)
    seconds = []
    for _ in range(PASSES):
        start = clock()
        for idx in torch.randperm(len(X)).split(setting.batch):
            optimizer.zero_grad()
            criterion(model(X.index_select(0, idx)), y.index_select(0, idx)).backward()
            optimizer.step()
        seconds.append(clock() - start)
    return seconds[1:]


class EpochClock(Callback):
    """Time every epoch; the times live in the class, because estimators copy their callbacks."""

    seconds: list[float] = []  # noqa: RUF012

    def on_epoch_begin(self, net, **kwargs) -> None:
        self.start_ = clock()

    def on_epoch_end(self, net, **kwargs) -> None:
        self.seconds.append(clock() - self.start_)


def skorch_recipe(setting: Setting) -> list[float]:
    torch.manual_seed(0)
    X, y = (tensor.numpy() for tensor in tensors(setting))
    net = NeuralNetRegressor(
        TorchNet,
        module__cell=setting.cell,
        module__hidden=setting.hidden,
        optimizer=torch.optim.Adam,
        lr=LR,
        batch_size=setting.batch,
        max_epochs=PASSES,
        iterator_train__shuffle=True,
        train_split=None,
        callbacks=[GradientNormClipping(MAX_NORM), EpochClock()],
        verbose=0,
    )
    EpochClock.seconds.clear()
    net.fit(X, y)
    return EpochClock.seconds[1:]


def ours(
    setting: Setting, clock_of_epochs: type[EpochClock] = EpochClock, observe: str = "auto"
) -> list[float]:
    X, y = setting.data()
    gates = {} if setting.cell == "RNN" else {"forget_bias": None}
    model = REGRESSORS[setting.cell](
        hidden_size=setting.hidden,
        recurrent_init=None,
        batch_size=setting.batch,
        max_epochs=PASSES,
        max_steps=PASSES * setting.block,
        lr=LR,
        early_stopping=False,
        gradient_clipping=MAX_NORM,
        n_jobs=setting.threads,
        callbacks=[clock_of_epochs()],
        observe=observe,
        random_state=0,
        **gates,
    )
    EpochClock.seconds.clear()
    model.fit(X, y)
    return EpochClock.seconds[1:]


def difference_of_fits(fit: Callable[[int], object], block: int) -> list[float]:
    """Seconds of two blocks of steps, for libraries without a hook at hand."""
    seconds = []
    for steps in (block, 3 * block):
        start = clock()
        fit(steps)
        seconds.append(clock() - start)
    return [(seconds[1] - seconds[0]) / 2] * 2


QUIET = {
    "accelerator": "cpu",
    "logger": False,
    "enable_checkpointing": False,
    "enable_progress_bar": False,
    "enable_model_summary": False,
    "gradient_clip_val": MAX_NORM,
}


def neuralforecast(setting: Setting) -> list[float]:
    """One series, `windows_batch_size` windows a step, direct forecast of one step, MSE.

    Not the same network: its decoder is an MLP, here of one layer.
    """
    from neuralforecast import NeuralForecast, losses, models

    n_steps = setting.block * setting.batch + setting.window
    frame = pd.DataFrame(
        {
            "unique_id": "a",
            "ds": np.arange(n_steps),
            "y": make_seasonal_ar(n_steps, random_state=0),
        }
    )

    def fit(steps: int) -> None:
        model = getattr(models, setting.cell)(
            h=1,
            input_size=setting.window,
            encoder_n_layers=1,
            encoder_hidden_size=setting.hidden,
            decoder_layers=1,
            decoder_hidden_size=setting.hidden,
            loss=losses.pytorch.MSE(),
            learning_rate=LR,
            max_steps=steps,
            batch_size=1,
            windows_batch_size=setting.batch,
            scaler_type="identity",
            val_check_steps=10**6,
            **QUIET,
        )
        NeuralForecast(models=[model], freq=1).fit(frame)

    return difference_of_fits(fit, setting.block)


def darts(setting: Setting) -> list[float]:
    """BlockRNNModel: the same network (a linear layer on the last state), float32, MSE."""
    from darts import TimeSeries
    from darts.models import BlockRNNModel

    n_steps = setting.block * setting.batch + setting.window
    values = make_seasonal_ar(n_steps, random_state=0).astype(np.float32)
    series = TimeSeries.from_values(values)

    def fit(steps: int) -> None:
        BlockRNNModel(
            model=setting.cell,
            input_chunk_length=setting.window,
            output_chunk_length=1,
            hidden_dim=setting.hidden,
            n_rnn_layers=1,
            batch_size=setting.batch,
            n_epochs=10**6,
            optimizer_kwargs={"lr": LR},
            pl_trainer_kwargs={**QUIET, "max_steps": steps},
        ).fit(series)

    return difference_of_fits(fit, setting.block)


CONTENDERS = {
    "user loop": user_loop,
    "lean loop": lean_loop,
    "skorch recipe": skorch_recipe,
    "seqforecast": ours,
}
PEERS = {"neuralforecast": neuralforecast, "darts": darts}


# ------------------------------------------------------------------------------- measuring


def measure(contenders: dict, setting: Setting, repeats: int) -> dict[str, np.ndarray]:
    """Return milliseconds a step, (repeats, passes), of each contender, alternating."""
    torch.set_num_threads(setting.threads)
    rounds: dict[str, list[list[float]]] = {name: [] for name in contenders}
    for _ in range(repeats):
        for name, run in contenders.items():
            rounds[name].append(run(setting))
    return {name: 1e3 * np.array(times) / setting.block for name, times in rounds.items()}


def ratio(times: dict[str, np.ndarray], name: str, other: str) -> float:
    """Return the median over the rounds of the ratio within a round."""
    return float(np.median(times[name].mean(axis=1) / times[other].mean(axis=1)))


def settings(args: argparse.Namespace, threads: int) -> Iterator[Setting]:
    for cell in args.cells:
        for shape in args.shapes:
            yield Setting(cell, *(int(size) for size in shape.split(",")), threads)


def print_speed(contenders: dict, args: argparse.Namespace, threads: int) -> None:
    names = " | ".join(contenders)
    time_of = "processor time" if threads == 1 else "wall time"
    print(
        f"\nMilliseconds a step ({time_of}), {threads} thread(s), medians of {args.repeats} "
        "rounds\n"
    )
    print(f"| cell | batch, window, hidden | {names} | ours / user loop | ours / lean loop |")
    print("|---|---|" + "--:|" * (len(contenders) + 2))
    for setting in settings(args, threads):
        times = measure(contenders, setting, args.repeats)
        cells = " | ".join(f"{np.median(times[name]):.2f}" for name in contenders)
        print(
            f"| {setting.cell} | {setting.batch}, {setting.window}, {setting.hidden} | {cells} "
            f"| **{ratio(times, 'seqforecast', 'user loop'):.2f}** "
            f"| **{ratio(times, 'seqforecast', 'lean loop'):.2f}** |",
            flush=True,
        )


def usable_peers() -> dict:
    peers = {}
    for name, run in PEERS.items():
        try:
            importlib.import_module(name)
        except ImportError as error:
            print(f"{name} is left out: {error}")
        else:
            what = " ".join((run.__doc__ or "").split())
            print(f"{name} {importlib.import_module(name).__version__}: {what}")
            peers[name] = run
    for logger in ("pytorch_lightning", "lightning.pytorch", "lightning_fabric"):
        logging.getLogger(logger).setLevel(logging.ERROR)
    return peers


# -------------------------------------------------------------------------------- the whole


def processor() -> str:
    """Name the processor."""
    info = Path("/proc/cpuinfo")
    if info.exists():
        entries = dict(
            [part.strip() for part in line.split(":", 1)]
            for line in info.read_text().splitlines()
            if ":" in line
        )
        return (
            f"{entries.get('model name', platform.machine())} (family {entries.get('cpu family')})"
        )
    return platform.processor() or platform.machine()


def machine() -> str:
    """Describe what a table was measured on."""
    return (
        f"{processor()}, {torch.get_num_threads()} core(s), torch instructions "
        f"{torch.backends.cpu.get_cpu_capability()}; torch {torch.__version__}, numpy "
        f"{np.__version__}, seqforecast {seqforecast.__version__}, Python "
        f"{platform.python_version()}; {platform.system()}; recurrent kernels: {_kernels.status()}"
    )


def main() -> None:
    """Print the header and the tables that were asked for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--cells", nargs="+", choices=REGRESSORS, default=list(REGRESSORS))
    parser.add_argument("--shapes", nargs="+", default=SHAPES, metavar="BATCH,WINDOW,HIDDEN")
    parser.add_argument("--repeats", type=int, default=5, help="rounds of all contenders")
    parser.add_argument("--threads", choices=["one", "all"], default="one")
    parser.add_argument("--peers", action="store_true", help="add neuralforecast and darts")
    args = parser.parse_args()
    warnings.simplefilter("ignore")

    cores = torch.get_num_threads()
    print(machine())
    contenders = CONTENDERS | (usable_peers() if args.peers else {})
    for threads in (1,) if args.threads == "one" else (1, cores):
        print_speed(contenders, args, threads)


if __name__ == "__main__":
    main()
