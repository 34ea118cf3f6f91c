"""Forward and backward of one recurrent layer: our kernels beside torch's.

    python benchmarks/kernels.py                             # a table a cell, one thread
    python benchmarks/kernels.py --step                      # and a training step, path by path
    python benchmarks/kernels.py --threads all               # and one thread beside all of them
    python benchmarks/kernels.py --instruction-set avx2      # ours on AVX2, torch limited to it
    python benchmarks/kernels.py --cells GRU --shapes 64,48,64,1 --repeats 30

The contenders compute the same from the same weights, float32: the last hidden state of windows
(batch, window, inputs) and, from a random gradient of it, those of the four parameters; none of x.
Before a row is timed, the gradients of all three are compared.

torch     torch.nn.LSTM, GRU or RNN (tanh), batch first, and torch.autograd.grad
layer     seqforecast.nn.LSTM, GRU or RNN in its place; it returns every hidden state, too
kernel    the two compiled functions below the layer, into buffers that are kept between calls,
          without the output at every step: what a whole native step of training calls

How it is timed. Denormal numbers are flushed to zero for all. Contenders alternate, in rounds; a
ratio is the median of the ratios within a round, a time the median over the rounds. On one thread
the clock is the thread's processor time. A call's memory is as warm as the call before left it;
other contenders run between two rounds.

GFLOP/s counts products and nothing else, neither activations nor padding: 2 G H (H + I) a step and
window forward and 2 G H (2 H + I) back, for H units, I inputs, G gates. 'sgemm' is the rate of
torch.mm on 512 x 512 matrices, measured in the same round, and 'share' is ours over that: sgemm is
whatever torch's BLAS makes of the processor, not the ceiling of its arithmetic.

The weights matter. Where a gradient has vanished to exact zeros, our backward pass stops, torch's
goes on. The tables are taken where it does not vanish: recurrent matrices are orthogonal, and the
gates that keep the past are open (bias 5). `--initialisation torch` shows the other case; 'lags'
are those that the gradient reaches, and steps beyond them count no flops.

'target' is the least ratio torch / kernel that the kernels were written to reach. It was set on
another processor, of the Sapphire Rapids class, where sgemm ran at 130 to 170 GFLOP/s and torch was
measured beside a prototype; with another ratio of sgemm to the rest, another ratio is to be had.

With `--instruction-set avx2` the script starts itself anew with the variables by which ATen, oneDNN
and MKL are limited (MKL reads its own on Intel processors only: on AMD's it chooses freely).
`plain` and `avx512` leave torch as it is. With `--threads all` the clock is the wall's, and
rows with less to do than (128, 96, 64, 8) are left out.

`--step` fits the estimator as fit_speed.py does, but does not observe the gradient, and forces the
step onto each path it can take:

native step      forward, head, loss, backward, clipping and Adam in one call
native update    our layers through autograd, clipping and Adam in one call: a forward hook on the
                 network, put there by a callback, is what keeps the whole step from being taken
torch's update   our layers through autograd, torch's Adam and clipping: a callback looks at the
                 gradients, so that skorch's bookkeeping of every batch is in the time as well
torch's kernels  torch's layers, Adam and clipping: SEQFORECAST_KERNELS=0
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from fit_speed import EpochClock, Setting, clock, machine, ours
from fit_speed import measure as measure_steps
from fit_speed import ratio as ratio_of_steps
from skorch.callbacks import Callback
from torch import Tensor, nn

import seqforecast.nn
from seqforecast import _kernels

CELLS = ("LSTM", "GRU", "RNN")
GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}
SHAPES = ("32,24,32,1", "64,48,64,1", "128,96,64,8", "256,168,128,8", "32,300,100,2")
STEP_SHAPES = ("32,24,32", "32,300,100")
TARGETS = {
    "avx512": {
        "LSTM": (4.5, 2.0, 3.0, 2.7, 2.4),
        "GRU": (10.0, 5.0, 4.3, 2.9, 4.8),
        "RNN": (12.0, 5.5, 4.0, 2.0, 4.0),
    },
    "avx2": {"LSTM": (3.3, 1.8, 2.4, 2.0, 1.9)},
}
THREADS_TARGET, THREADS_FROM = 1.6, "128,96,64,8"
LIMITED_TO_AVX2 = {
    "ATEN_CPU_CAPABILITY": "avx2",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "MKL_ENABLE_INSTRUCTIONS": "AVX2",
}
SGEMM = 512
OPEN = 5.0
TOLERANCE = 1e-3
"""Share of the largest value by which gradients may differ: all three are float32."""

Runs = dict[str, Callable[[], Any]]


@dataclass(frozen=True)
class Work:
    """One row: a cell and its sizes."""

    cell: str
    batch: int
    window: int
    hidden: int
    inputs: int

    @classmethod
    def of(cls, cell: str, shape: str) -> Work:
        return cls(cell, *(int(size) for size in shape.split(",")))

    def flops(self, lags: int) -> float:
        """Count the products of a forward pass, and of a backward pass over `lags` steps."""
        step = 2.0 * self.batch * GATES[self.cell] * self.hidden
        forward = step * self.window * (self.hidden + self.inputs)
        return forward + step * lags * (2 * self.hidden + self.inputs)

    def __str__(self) -> str:
        return f"{self.batch}, {self.window}, {self.hidden}, {self.inputs}"


# ------------------------------------------------------------------------------ contenders
# Each is called without arguments and returns the gradients of the parameters.


def make_layer(work: Work, initialisation: str) -> seqforecast.nn.RecurrentLayer:
    generator = torch.Generator().manual_seed(0)
    layer = getattr(seqforecast.nn, work.cell)(work.inputs, work.hidden, generator=generator)
    if initialisation == "orthogonal":
        seqforecast.nn.orthogonal_(layer, generator=generator)
        if work.cell != "RNN":
            seqforecast.nn.forget_gate_bias_(layer, OPEN)
    return layer


def make_twin(layer: seqforecast.nn.RecurrentLayer) -> nn.RNNBase:
    """Return torch's layer with the same weights."""
    kind = getattr(nn, type(layer).__name__)
    twin = kind(layer.input_size, layer.hidden_size, batch_first=True)
    twin.load_state_dict(layer.state_dict())
    return twin


def last_hidden(layer: nn.Module, x: Tensor) -> Tensor:
    """Return the last hidden state from the final one: output[:, -1] costs the way back more."""
    _, state = layer(x)
    return state[0] if isinstance(state, tuple) else state


def by_autograd(layer: nn.Module, x: Tensor, gradient: Tensor) -> Callable[[], Any]:
    parameters = list(layer.parameters())
    return lambda: torch.autograd.grad(last_hidden(layer, x), parameters, gradient[None])


def by_kernel(
    layer: seqforecast.nn.RecurrentLayer, x: Tensor, gradient: Tensor
) -> Callable[[], Any]:
    """Call the compiled functions; all memory is taken here, once."""
    native, names, sizes = _kernels.NATIVE, (_kernels.VARIANT, layer.kernel), (*x.shape,)
    parameters = [p.detach().numpy() for p in layer.parameters()]
    found = [torch.empty_like(p) for p in layer.parameters()]
    hidden = layer.hidden_size
    workspace = np.empty(native.workspace_size(*names, *sizes, hidden, True), np.float32)
    scratch = np.empty(native.scratch_size(*names, *sizes, hidden), np.float32)
    h = np.empty(gradient.shape, np.float32)
    c = np.empty_like(h) if layer.kernel == "lstm" else None
    windows, of_h, of_parameters = x.numpy(), gradient.numpy(), [g.numpy() for g in found]

    def run() -> list[Tensor]:
        threads = torch.get_num_threads()
        native.forward(
            *names, windows, None, None, parameters, None, h, c, True, workspace, threads
        )
        native.backward(
            *names,
            windows,
            False,  # no initial state
            parameters,
            workspace,
            *(None, of_h, None),  # of every hidden state, of the last one, of the last c
            of_parameters,
            *(None, None, None),  # of x and of the initial state: not wanted
            scratch,
            threads,
        )
        return found

    return run


def contenders(work: Work, initialisation: str) -> tuple[Runs, int]:
    """Return torch, kernel and layer, and the number of lags that the gradient reaches."""
    rng = torch.Generator().manual_seed(1)
    x = torch.randn(work.batch, work.window, work.inputs, generator=rng)
    gradient = torch.randn(work.batch, work.hidden, generator=rng)
    layer = make_layer(work, initialisation)
    twin = make_twin(layer)
    runs = {
        "torch": by_autograd(twin, x, gradient),
        "kernel": by_kernel(layer, x, gradient),
        "layer": by_autograd(layer, x, gradient),
    }
    check_equal(work, runs)
    return runs, lags_reached(twin, x, gradient)


def check_equal(work: Work, runs: Runs) -> None:
    expected = runs["torch"]()
    for name, run in runs.items():
        for found, right in zip(run(), expected, strict=True):
            if not (found - right).abs().max() <= TOLERANCE * right.abs().max():
                raise RuntimeError(f"{name} and torch differ at {work.cell} ({work})")


def lags_reached(twin: nn.Module, x: Tensor, gradient: Tensor) -> int:
    x = x.clone().requires_grad_()
    (of_x,) = torch.autograd.grad(last_hidden(twin, x), x, gradient[None])
    return int((of_x != 0).any(2).any(0).sum())


# ------------------------------------------------------------------------------- measuring


def sgemm() -> tuple[Callable[[], Any], float]:
    a, b = torch.rand(2, SGEMM, SGEMM)
    return lambda: torch.mm(a, b), 2.0 * SGEMM**3


def seconds(run: Callable[[], Any], flops: float, tick: Callable[[], float]) -> float:
    """Return the time of one call, from as many as take some 20 milliseconds or more."""
    calls = int(np.clip(2e9 / flops, 1, 60))
    start = tick()
    for _ in range(calls):
        run()
    return (tick() - start) / calls


def measure(
    runs: dict[str, tuple[Callable[[], Any], float]], repeats: int, tick: Callable[[], float]
) -> dict[str, np.ndarray]:
    """Return seconds a call, one a round, of each (run, flops), alternating."""
    times: dict[str, list[float]] = {name: [] for name in runs}
    for run, _ in runs.values():
        run()
    for _ in range(repeats):
        for name, (run, flops) in runs.items():
            times[name].append(seconds(run, flops, tick))
    return {name: np.array(values) for name, values in times.items()}


def ms(times: np.ndarray) -> str:
    return f"{1e3 * np.median(times):.3f}"


def ratio(a: np.ndarray, b: np.ndarray) -> str:
    return f"{np.median(a / b):.2f}"


def table(*columns: str, text: int = 1) -> None:
    """Print the head of a table whose first columns are text."""
    print("| " + " | ".join(columns) + " |")
    print("|" + "---|" * text + "--:|" * (len(columns) - text))


def target(cell: str, shape: str) -> str:
    known = dict(zip(SHAPES, TARGETS.get(_kernels.VARIANT, {}).get(cell, ()), strict=False))
    return f"{known[shape]:.1f}" if shape in known else "-"


# ------------------------------------------------------------------------------ the tables


def print_cell(cell: str, args: argparse.Namespace) -> None:
    print(f"\n{cell}, {_kernels.VARIANT}, one thread, {args.repeats} rounds\n")
    table(
        "batch, window, hidden, inputs",
        "torch, ms",
        "kernel, ms",
        "layer, ms",
        "torch / kernel",
        "torch / layer",
        "target",
        "kernel, GFLOP/s",
        "sgemm, GFLOP/s",
        "share",
        "lags",
    )
    for shape in args.shapes:
        work = Work.of(cell, shape)
        runs, lags = contenders(work, args.initialisation)
        flops, (product, product_flops) = work.flops(lags), sgemm()
        jobs = {name: (run, flops) for name, run in runs.items()}
        times = measure(jobs | {"sgemm": (product, product_flops)}, args.repeats, clock)
        kernel_rate, sgemm_rate = flops / times["kernel"], product_flops / times["sgemm"]
        print(
            f"| {work} | {ms(times['torch'])} | {ms(times['kernel'])} | {ms(times['layer'])} "
            f"| **{ratio(times['torch'], times['kernel'])}** "
            f"| **{ratio(times['torch'], times['layer'])}** | {target(cell, shape)} "
            f"| {np.median(kernel_rate) / 1e9:.0f} | {np.median(sgemm_rate) / 1e9:.0f} "
            f"| {ratio(kernel_rate, sgemm_rate)} | {lags} |",
            flush=True,
        )


def on_threads(run: Callable[[], Any], threads: int) -> Callable[[], Any]:
    def run_on_threads() -> Any:
        torch.set_num_threads(threads)
        return run()

    return run_on_threads


def print_threads(args: argparse.Namespace, cores: int) -> None:
    print(
        f"\nOne thread and {cores}, wall time, ms, {args.repeats} rounds; "
        f"at least {THREADS_TARGET} on two threads is the target of the kernel\n"
    )
    names = ("kernel", "layer", "torch")
    head = [f"{name}: {what}" for name in names for what in ("one", "all", "one / all")]
    table("cell", "batch, window, hidden, inputs", *head, text=2)
    for cell in args.cells:
        least = Work.of(cell, THREADS_FROM)
        for work in (Work.of(cell, shape) for shape in args.shapes):
            flops = work.flops(work.window)
            if flops < least.flops(least.window):
                continue
            runs, _ = contenders(work, args.initialisation)
            # torch on all threads comes last: its idle threads go on spinning for a while.
            jobs = {
                f"{name} {threads}": (on_threads(runs[name], threads), flops)
                for name in names
                for threads in (1, cores)
            }
            times = measure(jobs, args.repeats, time.perf_counter)
            pairs = [(times[f"{name} 1"], times[f"{name} {cores}"]) for name in names]
            cells = (f"{ms(one)} | {ms(both)} | **{ratio(one, both)}**" for one, both in pairs)
            print(f"| {cell} | {work} | {' | '.join(cells)} |", flush=True)
    torch.set_num_threads(1)


# ------------------------------------------------------------------------- steps of training


class PathClock(EpochClock):
    """Time every epoch, and make sure that its steps took the path that the table names."""

    path: str | None = None

    def on_epoch_end(self, net, **kwargs) -> None:
        super().on_epoch_end(net, **kwargs)
        native = net._run.native
        taken = None if native is None else type(native).__name__
        if taken != self.path:
            raise RuntimeError(f"the steps took {taken}, not {self.path}")


class WholeStep(PathClock):
    path = "NativeStep"


class Hooked(PathClock):
    path = "NativeUpdate"

    def on_train_begin(self, net, **kwargs) -> None:
        net.module_.register_forward_hook(lambda *_: None)


class Looking(PathClock):
    def on_grad_computed(self, net, **kwargs) -> None:
        pass


def by_path(callback: type[Callback], variant: str | None) -> Callable[[Setting], list[float]]:
    def run(setting: Setting) -> list[float]:
        before, _kernels.VARIANT = _kernels.VARIANT, variant
        try:
            return ours(setting, callback, observe="off")
        finally:
            _kernels.VARIANT = before

    return run


def print_steps(args: argparse.Namespace) -> None:
    paths = {
        "native step": by_path(WholeStep, _kernels.VARIANT),
        "native update": by_path(Hooked, _kernels.VARIANT),
        "torch's update": by_path(Looking, _kernels.VARIANT),
        "torch's kernels": by_path(PathClock, None),
    }
    print(
        f"\nMilliseconds a step of LSTMRegressor.fit and its kin, one thread, {args.repeats} "
        "rounds, PyTorch's initialisation, not observed\n"
    )
    table("cell", "batch, window, hidden", *paths, "torch's kernels / native step", text=2)
    for cell in args.cells:
        for shape in STEP_SHAPES:
            setting = Setting(cell, *(int(size) for size in shape.split(",")), threads=1)
            times = measure_steps(paths, setting, args.repeats)
            cells = " | ".join(f"{np.median(times[name]):.3f}" for name in paths)
            gain = ratio_of_steps(times, "torch's kernels", "native step")
            sizes = shape.replace(",", ", ")
            print(f"| {cell} | {sizes} | {cells} | **{gain:.1f}** |", flush=True)


# -------------------------------------------------------------------------------- the whole


def restart(instruction_set: str) -> None:
    """Run this script again where torch and our kernels find what limits them; they look once."""
    wanted = {"SEQFORECAST_KERNELS": instruction_set}
    if instruction_set == "avx2":
        wanted |= LIMITED_TO_AVX2
    if all(os.environ.get(name) == value for name, value in wanted.items()):
        return
    command = [sys.executable, *sys.argv]
    raise SystemExit(subprocess.run(command, env=os.environ | wanted, check=False).returncode)


def main() -> None:
    """Print the tables that were asked for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--cells", nargs="+", choices=CELLS, default=CELLS)
    parser.add_argument("--shapes", nargs="+", default=SHAPES, metavar="BATCH,WINDOW,HIDDEN,INPUTS")
    parser.add_argument("--repeats", type=int, default=15, help="rounds of all contenders")
    parser.add_argument("--instruction-set", choices=["avx512", "avx2", "plain"])
    parser.add_argument("--initialisation", choices=["orthogonal", "torch"], default="orthogonal")
    parser.add_argument("--threads", choices=["one", "all"], default="one")
    parser.add_argument("--step", action="store_true", help="add what a step of training costs")
    args = parser.parse_args()
    if args.instruction_set:
        restart(args.instruction_set)
    if _kernels.VARIANT is None:
        parser.error(f"there is nothing to measure: the kernels are {_kernels.status()}")
    warnings.simplefilter("ignore")

    cores = torch.get_num_threads()
    print(machine())
    limits = [f"{name}={os.environ[name]}" for name in LIMITED_TO_AVX2 if name in os.environ]
    if limits:
        print("torch under " + ", ".join(limits))
    torch.set_flush_denormal(True)  # before torch's pool starts, whose threads inherit it
    torch.set_num_threads(1)
    for cell in args.cells:
        print_cell(cell, args)
    if args.threads == "all":
        print_threads(args, cores)
    if args.step:
        print_steps(args)


if __name__ == "__main__":
    main()
