"""How far back do RNN, LSTM and GRU learn, and what does their initialisation change?

    python benchmarks/long_dependency.py                 # everything, seed after seed
    python benchmarks/long_dependency.py --minutes 60    # start no run after an hour
    python benchmarks/long_dependency.py --table-only    # the tables of what has been run

Tasks whose target hangs on steps long past, with a known error for whoever forgets them. Every run
draws training data, fits, and is tested on a fresh draw; no window is seen twice, and one setting
serves all tasks. Results go, one line a run, into a JSON-lines file; a run that is found there is
not repeated, so that a broken-off benchmark goes on where it stopped. Seeds are the outermost
loop, and short tasks come before long ones: what is broken off is balanced.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from joblib import Parallel, delayed

import seqforecast
from seqforecast import GRURegressor, LSTMRegressor, RNNRegressor, make_windows
from seqforecast.datasets import (
    make_adding_problem,
    make_copy_memory,
    make_delayed_echo,
    make_seasonal_ar,
    make_temporal_order,
)

RESULTS = Path(__file__).parent / "results" / "long_dependency.jsonl"
TEST_SEED = 1_000
N_TEST = 4_000
COPIED = 5

CELLS = {"RNN": RNNRegressor, "LSTM": LSTMRegressor, "GRU": GRURegressor}
# Of everything else the regressors' defaults: Adam, scaling="standard", one thread, ...
TRAINING = {"hidden_size": 32, "batch_size": 64, "lr": 3e-3, "gradient_clipping": 1.0}

VARIANTS = {
    "torch": {"forget_bias": None, "recurrent_init": None},
    "torch+orthogonal": {"forget_bias": None, "recurrent_init": "orthogonal"},
    "bias1": {"forget_bias": 1.0, "recurrent_init": None},
    "bias1+orthogonal": {"forget_bias": 1.0, "recurrent_init": "orthogonal"},
    "chrono": {"forget_bias": "chrono", "recurrent_init": None},
    "chrono+orthogonal": {"forget_bias": "chrono", "recurrent_init": "orthogonal"},
}
WORDS = {
    "torch": "PyTorch's own",
    "torch+orthogonal": "PyTorch's own + orthogonal",
    "bias1": "forget bias 1",
    "bias1+orthogonal": "forget bias 1 + orthogonal",
    "chrono": "chrono",
    "chrono+orthogonal": "chrono + orthogonal (default)",
}
UNGATED_WORDS = {"torch": "PyTorch's own", "torch+orthogonal": "orthogonal (default)"}

Arrays = tuple[np.ndarray, np.ndarray]


# How a fitted model is scored ---------------------------------------------------------------------


def mean_squared_error(model: Any, X: np.ndarray, y: np.ndarray) -> float:
    return float(np.mean((model.predict(X) - y) ** 2))


def class_accuracy(model: Any, X: np.ndarray, y: np.ndarray) -> float:
    """Return how often the largest of the regressed one-hot outputs is the class."""
    return float(np.mean(model.predict(X).argmax(axis=-1) == y.argmax(axis=-1)))


def recall_accuracy(model: Any, X: np.ndarray, y: np.ndarray) -> float:
    """Return the share of copied symbols that come back right.

    `predict` speaks of the last step only, so the network itself is asked for every step; it
    answers in the data's units because the task is fitted with scaling=None.
    """
    right = []
    with torch.no_grad():
        for x, target in zip(np.array_split(X, 16), np.array_split(y, 16), strict=True):
            output = model.net_.module_(torch.from_numpy(x).float(), every_step=True)
            recalled = output[:, -COPIED:].argmax(dim=-1).numpy()
            right.append(recalled == target[:, -COPIED:].argmax(axis=-1))
    return float(np.mean(np.concatenate(right)))


# The tasks ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Task:
    """A task, what to compare an error with, and what counts as solved."""

    title: str
    draw: Callable[..., Arrays]
    memoryless: float
    best: float
    solved: float
    score: Callable[[Any, np.ndarray, np.ndarray], float] = mean_squared_error
    scaling: str | None = "standard"
    series: tuple[int, int] | None = None

    def sizes(self, steps: int) -> tuple[int, int]:
        """Return how much to draw for training and for the test.

        Windows: as many as the steps take, the validation tenth and a reserve, so that training
        ends within its first pass. Series: the points of benchmarks/seasonal_ar.py.
        """
        return self.series or (int(1.2 * steps * TRAINING["batch_size"]), N_TEST)

    @property
    def metric(self) -> str:
        return "MSE" if self.score is mean_squared_error else "accuracy"

    @property
    def criterion(self) -> str:
        return f"{'<' if self.best < self.memoryless else '>'} {self.solved:g}"

    def is_solved(self, value: float) -> bool:
        return value < self.solved if self.best < self.memoryless else value > self.solved


def draw_seasonal(n_steps: int, *, period: int, window: int, random_state: int) -> Arrays:
    series = make_seasonal_ar(n_steps, period=period, random_state=random_state)
    return make_windows(series, window)


def adding(window: int, *, scaling: str | None = "standard") -> Task:
    return Task(
        title=f"Adding problem (Arjovsky's variant), T = {window}, scaling = {scaling!r}",
        draw=partial(make_adding_problem, window=window, variant="arjovsky"),
        memoryless=1 / 6,
        best=0.0,
        solved=0.02,
        scaling=scaling,
    )


def seasonal(period: int, window: int) -> Task:
    return Task(
        title=f"Seasonal AR, period {period}, window {window}",
        draw=partial(draw_seasonal, period=period, window=window),
        memoryless=1.0,
        best=0.19,
        solved=0.45,
        series=(200_000, 20_000),
    )


def temporal_order(window: int) -> Task:
    return Task(
        title=f"Temporal order, window {window}",
        draw=partial(make_temporal_order, window=window),
        memoryless=0.25,
        best=1.0,
        solved=0.99,
        score=class_accuracy,
    )


def delayed_echo(window: int, delay: int) -> Task:
    return Task(
        title=f"Delayed echo, delay {delay}, window {window}",
        draw=partial(make_delayed_echo, window=window, delay=delay),
        memoryless=1.0,
        best=0.0,
        solved=0.1,
    )


def copy_memory(delay: int) -> Task:
    return Task(
        title=f"Copy memory, {COPIED} symbols out of 8, delay {delay}, window {delay + 2 * COPIED}",
        draw=partial(make_copy_memory, delay=delay, n_symbols=COPIED),
        memoryless=1 / 8,
        best=1.0,
        solved=0.99,
        score=recall_accuracy,
        scaling=None,
    )


# Short before long.
TASKS = {
    "seasonal-24": seasonal(24, window=48),
    "copy-40": copy_memory(40),
    "adding-60": adding(60),
    "order-60": temporal_order(60),
    "echo-50": delayed_echo(60, delay=50),
    "adding-120": adding(120),
    # The network sees a mark as 1; standard scaling makes it sqrt(T / 2) = 7.7.
    "adding-120-raw": adding(120, scaling=None),
    "seasonal-168": seasonal(168, window=192),
    "adding-200": adding(200),
    "adding-400": adding(400),
}

# Nothing quoted from memory. None of it has our sizes, lengths and optimiser: not comparable.
PUBLISHED = """\
| task | length, size | published result | source |
|---|---|---|---|
| adding, marks anywhere ("bai") | T = 600, 70,000 parameters | MSE: LSTM 0.164, GRU 5.3e-5, \
RNN 0.177 (TCN 5.8e-5) | Bai, Kolter, Koltun 2018, table 1 |
| adding (Arjovsky's variant) | T = 200 and 750, 128 units, RMSprop | LSTM: chrono faster than \
forget bias 1 at both, 7 times at 750; forget bias 1 learns too | Tallec, Ollivier 2018 |
| adding, marks in the first half ("hs97") | T = 100 | LSTM: 74,000 training sequences until its \
stopping rule held | Hochreiter, Schmidhuber 1997, as quoted on a forum |
| copy memory | T = 1000, 10 symbols, 16,000 parameters | cross-entropy: LSTM 0.0204, GRU 0.0197, \
RNN 0.0202, where forgetting has 0.0204 (TCN 3.5e-5) | Bai, Kolter, Koltun 2018 |
| copy memory | T = 500 and 2000, 128 units, RMSprop | LSTM: chrono falls below what forgetting \
has, forget bias 1 does not | Tallec, Ollivier 2018 |
| temporal order | 50 to 200 steps, 50 tanh units, batch 20 | RNN, SGD with clipping and the \
regulariser Omega: error below 1 % on 10,000 sequences in 5 of 5 seeds | Pascanu, Mikolov, \
Bengio 2013 |"""


# Running ------------------------------------------------------------------------------------------

Run = tuple[str, str, str, str, int, int]  # version, task, cell, variant, seed, steps


def measure(run: Run) -> dict[str, Any]:
    """Fit once; return what identifies the run, its score on a fresh draw and its time."""
    _, name, cell, variant, seed, steps = run
    task = TASKS[name]
    torch.set_num_threads(1)
    n_train, n_test = task.sizes(steps)
    X, y = task.draw(n_train, random_state=seed)
    params = {key: value for key, value in VARIANTS[variant].items() if takes(cell, key)}
    model = CELLS[cell](
        **TRAINING, **params, scaling=task.scaling, max_steps=steps, random_state=seed
    )
    start = time.perf_counter()
    model.fit(X, y)
    seconds = time.perf_counter() - start
    value = task.score(model, *task.draw(n_test, random_state=TEST_SEED + seed))
    return {"run": run, "metric": task.metric, "value": value, "seconds": seconds}


def takes(cell: str, parameter: str) -> bool:
    return parameter in CELLS[cell]().get_params()


def wanted_runs(args: argparse.Namespace) -> Iterator[Run]:
    for seed in range(args.seeds):
        for task in args.tasks:
            for cell in args.cells:
                for variant in args.variants:
                    if takes(cell, "forget_bias") or variant in UNGATED_WORDS:
                        version = seqforecast.__version__
                        yield version, task, cell, variant, seed, args.steps


def load(path: Path) -> dict[Run, dict[str, Any]]:
    """Read finished runs by what identifies them."""
    if not path.exists():
        return {}
    lines = (json.loads(line) for line in path.read_text().splitlines() if line.strip())
    return {tuple(line["run"]): line for line in lines}


def run_missing(args: argparse.Namespace, done: dict[Run, dict[str, Any]]) -> None:
    """Run what is not done yet, as long as there is time to start it."""
    end = time.monotonic() + 60 * args.minutes

    def jobs() -> Iterator[Any]:
        for run in wanted_runs(args):
            if run not in done and time.monotonic() < end:
                yield delayed(measure)(run)

    # joblib asks for a job when a worker is free, so that the clock above is read in time.
    parallel = Parallel(args.jobs, return_as="generator_unordered", pre_dispatch="n_jobs")
    for result in parallel(jobs()):
        run = tuple(result["run"])
        done[run] = result
        with args.results.open("a") as file:
            file.write(json.dumps(result) + "\n")
        print(
            f"seed {run[4]}, {' '.join(run[1:4])}: {result['metric']} {result['value']:.4f} "
            f"({result['seconds']:.0f} s)",
            file=sys.stderr,
            flush=True,
        )


# The tables ---------------------------------------------------------------------------------------

Rows = dict[str, dict[tuple[str, str], list[dict[str, Any]]]]  # task, (cell, variant), seeds


def print_tables(args: argparse.Namespace, done: dict[Run, dict[str, Any]]) -> None:
    rows: Rows = {}
    for run in wanted_runs(args):
        if run in done:
            rows.setdefault(run[1], {}).setdefault(run[2:4], []).append(done[run])
    shown = [name for name in args.tasks if name in rows]
    if not shown:
        sys.exit("Nothing to show: none of these runs has been made.")
    print(
        f"{args.steps:,} steps of batch {TRAINING['batch_size']}, hidden size "
        f"{TRAINING['hidden_size']}, Adam with lr {TRAINING['lr']}, clipping at norm "
        f"{TRAINING['gradient_clipping']}; tested on {N_TEST:,} fresh windows (seasonal AR: "
        f"trained on 200,000 points, tested on 20,000). torch {torch.__version__}, seqforecast "
        f"{seqforecast.__version__}.\n\nMedian over seeds (solved / seeds):\n"
    )
    print(overview(rows, shown))
    for name in shown:
        print(f"\n{detail(TASKS[name], rows[name])}")
    print(f"\nPublished:\n\n{PUBLISHED}")


def overview(rows: Rows, shown: list[str]) -> str:
    """Write all tasks side by side: how far, and in how many seeds."""
    lines = [
        f"| network | initialisation | {' | '.join(shown)} |",
        "|---|---" + "|--:" * len(shown) + "|",
        f"| *without memory* | | {' | '.join(number(TASKS[name].memoryless) for name in shown)} |",
        f"| *solved* | | {' | '.join(TASKS[name].criterion for name in shown)} |",
    ]
    networks = [(cell, variant) for cell in CELLS for variant in VARIANTS]
    for cell, variant in networks:
        if any((cell, variant) in rows[name] for name in shown):
            cells = (summary(TASKS[name], rows[name].get((cell, variant), [])) for name in shown)
            lines.append(f"| {cell} | {words(cell, variant)} | {' | '.join(cells)} |")
    return "\n".join(lines)


def detail(task: Task, networks: dict[tuple[str, str], list[dict[str, Any]]]) -> str:
    """Write the runs of one task, with their spread and their time."""
    lines = [
        f"{task.title}: {task.metric}; without memory {number(task.memoryless)}, best possible "
        f"{task.best:g}, solved {task.criterion}",
        "",
        f"| network | initialisation | lowest {task.metric} | median | highest | solved | s |",
        "|---|---|--:|--:|--:|--:|--:|",
    ]
    for (cell, variant), results in networks.items():
        values = [result["value"] for result in results]
        low, middle, high = min(values), statistics.median(values), max(values)
        seconds = statistics.mean(result["seconds"] for result in results)
        lines.append(
            f"| {cell} | {words(cell, variant)} | {number(low)} | **{number(middle)}** "
            f"| {number(high)} | {n_solved(task, values)} of {len(values)} | {seconds:.0f} |"
        )
    return "\n".join(lines)


def summary(task: Task, results: list[dict[str, Any]]) -> str:
    if not results:
        return "not run"
    values = [result["value"] for result in results]
    return f"{number(statistics.median(values))} ({n_solved(task, values)}/{len(values)})"


def n_solved(task: Task, values: list[float]) -> int:
    return sum(map(task.is_solved, values))


def words(cell: str, variant: str) -> str:
    return (WORDS if takes(cell, "forget_bias") else UNGATED_WORDS)[variant]


def number(value: float) -> str:
    """Write three decimals, or the size of what they would show as zero."""
    return f"{value:.0e}" if 0 < value < 0.0005 else f"{value:.3f}"


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=list(TASKS))
    parser.add_argument("--cells", nargs="+", choices=CELLS, default=list(CELLS))
    parser.add_argument("--variants", nargs="+", choices=VARIANTS, default=list(VARIANTS))
    parser.add_argument("--seeds", type=int, default=10, help="seeds 0 to N - 1")
    parser.add_argument("--steps", type=int, default=1_500, help="training steps (max_steps)")
    parser.add_argument("--jobs", type=int, default=1, help="runs at once, each on one thread")
    parser.add_argument("--minutes", type=float, default=np.inf, help="start no run after these")
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--fresh", action="store_true", help="forget earlier results")
    parser.add_argument("--table-only", action="store_true", help="run nothing")
    return parser.parse_args()


def main() -> None:
    """Run what is missing, then print the tables."""
    args = parse_arguments()
    if args.fresh:
        args.results.unlink(missing_ok=True)
    args.results.parent.mkdir(parents=True, exist_ok=True)
    done = load(args.results)
    if not args.table_only:
        run_missing(args, done)
    print_tables(args, done)


if __name__ == "__main__":
    main()
