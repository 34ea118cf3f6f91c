"""What do denormal numbers cost on this processor, and what is flushing them worth?

    python benchmarks/denormals.py

With the loss at the last step of a long window and PyTorch's own initialisation, the gradient
shrinks on its way back until its numbers are denormal: smaller than 1.2e-38, with fewer digits.
Some processors compute with them many times slower, others at full speed. The first table times
the loop that users write with and without flushing them to zero and counts them; the second times
single operations.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable

import numpy as np
import torch
from fit_speed import REGRESSORS, Setting, TorchNet, clock, machine, measure, ratio, user_loop
from torch import nn


def shares(cell: str, batch: int, window: int, hidden: int) -> tuple[float, float, int | None]:
    """Share of denormal and of zero numbers in dL/dh over all lags; the first lag of all zeros."""
    torch.manual_seed(0)
    net = TorchNet(cell, hidden)
    x, y = torch.randn(batch, window, 1), torch.randn(batch, 1)
    state, hidden_states = None, []
    for step in range(window):  # step by step: the total derivative, not the direct part only
        _, state = net.recurrent(x[:, step : step + 1], state)
        hidden_states.append(state[0] if cell == "LSTM" else state)
        hidden_states[-1].retain_grad()
    nn.functional.mse_loss(net.head(hidden_states[-1][0]), y).backward()
    size = torch.stack([h.grad for h in reversed(hidden_states)]).abs()
    # Compared in float64, which holds them as normal numbers: flushing would hide them.
    size = size.double()
    smallest_normal = torch.finfo(torch.float32).tiny
    denormal = ((size > 0) & (size < smallest_normal)).double().mean().item()
    gone = (size.amax((1, 2, 3)) == 0).nonzero()
    return denormal, (size == 0).double().mean().item(), int(gone[0]) if len(gone) else None


def flushed(run: Callable[[Setting], list[float]]) -> Callable[[Setting], list[float]]:
    def run_flushed(setting: Setting) -> list[float]:
        torch.set_flush_denormal(True)
        try:
            return run(setting)
        finally:
            torch.set_flush_denormal(False)

    return run_flushed


def print_denormals(cells: list[str], repeats: int) -> None:
    print(
        "\nWhat denormal numbers cost here: the user loop at (32, 300, 100), one thread, with and "
        "without torch.set_flush_denormal(True). Shares are of dL/dh over all lags at the first "
        "step; 'zero from' is the first lag at which every number is zero.\n"
    )
    print(
        "| cell | ms a step | flushed | ratio | denormal | zero | zero from | flushed: denormal "
        "| zero | zero from |"
    )
    print("|---|" + "--:|" * 9)
    for cell in cells:
        setting = Setting(cell, 32, 300, 100, threads=1)
        loops = {"plain": user_loop, "flushed": flushed(user_loop)}
        times = measure(loops, setting, repeats)
        sizes = (setting.batch, setting.window, setting.hidden)
        plain = shares(cell, *sizes)
        torch.set_flush_denormal(True)
        flush = shares(cell, *sizes)
        torch.set_flush_denormal(False)
        numbers = " | ".join(
            f"{denormal:.1%} | {zero:.1%} | {'never' if lag is None else f'lag {lag}'}"
            for denormal, zero, lag in (plain, flush)
        )
        print(
            f"| {cell} | {np.median(times['plain']):.1f} | {np.median(times['flushed']):.1f} "
            f"| **{ratio(times, 'flushed', 'plain'):.2f}** | {numbers} |",
            flush=True,
        )


def print_arithmetic(size: int = 1 << 14, repeats: int = 15) -> None:
    """Time one product and one elementwise operation on normal and on denormal numbers."""
    print("\nOne operation in microseconds, on numbers near 1 and near 1e-39:\n")
    print("| operation | normal | denormal | denormal, flushed |")
    print("|---|--:|--:|--:|")
    torch.set_num_threads(1)
    normal = torch.rand(128, size // 128) + 0.5
    denormal = torch.from_numpy(normal.numpy() * np.float32(1e-39))
    weight = torch.rand(size // 128, 128)
    operations = {"elementwise a * 0.5": lambda a: a * 0.5, "matrix product": lambda a: a @ weight}
    for name, operation in operations.items():
        columns = []
        for values, flush in ((normal, False), (denormal, False), (denormal, True)):
            torch.set_flush_denormal(flush)
            times = []
            for _ in range(repeats):
                start = clock()
                for _ in range(50):
                    operation(values)
                times.append((clock() - start) / 50 * 1e6)
            columns.append(statistics.median(times))
        torch.set_flush_denormal(False)
        print(f"| {name} | " + " | ".join(f"{column:.1f}" for column in columns) + " |")


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--cells", nargs="+", choices=REGRESSORS, default=list(REGRESSORS))
    parser.add_argument("--repeats", type=int, default=5, help="rounds with and without flushing")
    args = parser.parse_args()
    print(machine())
    print_denormals(args.cells, args.repeats)
    print_arithmetic()


if __name__ == "__main__":
    main()
