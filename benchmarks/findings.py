"""How often do the findings of `diagnose` raise a false alarm, and how often do they miss?

    python benchmarks/findings.py                 # all situations
    python benchmarks/findings.py --fits 10       # a quick look: ten fits of each

Every situation is a kind of series with a kind of estimator. Cells, seeds and initialisations
rotate over its fits; `diagnose(model, X, y)` then sees the training windows. In 'sound' situations
a GF01 is a false alarm; in 'planted' ones the finding named is the truth. Results go, one line a
fit, into a JSON-lines file; a fit that is found there is not repeated.
"""

from __future__ import annotations

import argparse
import json
import sys
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from seqforecast import GRURegressor, LSTMRegressor, RNNRegressor, diagnose, make_windows
from seqforecast.datasets import load_airline, make_delayed_echo, make_seasonal_ar

RESULTS = Path(__file__).parent / "results" / "findings.jsonl"
CODES = ("GF01", "GF03", "GF04", "GF05", "GF06", "GF08")
CELLS = (LSTMRegressor, GRURegressor, RNNRegressor)
TORCH = {"recurrent_init": None}
SHORT = {"hidden_size": 16, "max_epochs": 20}


class Situation(NamedTuple):
    """A kind of series with a kind of estimator, and what should be found there."""

    truth: str  # a code, or "" where nothing should be
    windows: Callable[[int], tuple]  # seed -> X, y
    estimator: Callable[[int], object]  # seed -> unfitted estimator


def autoregression(coefficients: tuple[float, ...], seed: int, n_steps: int = 1_000) -> np.ndarray:
    """Draw an autoregressive series of unit noise, past its start."""
    noise = np.random.default_rng(seed).normal(size=n_steps + 200)
    series = np.zeros_like(noise)
    for t in range(len(coefficients), len(noise)):
        past = series[t - len(coefficients) : t][::-1]
        series[t] = np.dot(coefficients, past) + noise[t]
    return series[200:]


def estimator(seed: int, *, torch_init: bool | None = None, **params: object) -> object:
    """Return the regressor of a seed: cells rotate, and initialisations where not given."""
    kind = CELLS[seed % 3]
    own = seed % 2 == 1 if torch_init is None else torch_init
    initial = dict(TORCH) if own else {}
    if own and kind is not RNNRegressor:
        initial["forget_bias"] = None
    return kind(**{**SHORT, **initial, **params}, random_state=seed)


def planted_season(seed: int) -> tuple:
    """Cut a series whose only memory is a season of 24, 30 or 36 steps."""
    period = (24, 30, 36)[seed // 3 % 3]
    series = make_seasonal_ar(4_000, period=period, phi=0.8, random_state=seed)
    return make_windows(series, period + 8)


def planted_echo(seed: int) -> tuple:
    """Make windows whose target is the input 30 steps back, with as much noise again."""
    return make_delayed_echo(3_000, window=40, delay=30, noise=1.0, random_state=seed)


def ar1(seed: int) -> tuple:
    """Cut an AR(1)."""
    return make_windows(autoregression((0.8,), seed), 36)


def relu(seed: int, *, lr: float) -> object:
    """Return an RNN whose units die at a large learning rate."""
    return RNNRegressor(
        **SHORT, nonlinearity="relu", lr=lr, gradient_clipping=None, random_state=seed
    )


def spiky(seed: int) -> tuple:
    """Cut a noisy AR(1) with a few values a hundred times too large."""
    rng = np.random.default_rng(seed)
    series = autoregression((0.7,), seed, 2_000)
    series[rng.choice(2_000, 6, replace=False)] *= 100
    return make_windows(series, 24)


SITUATIONS = {
    "white noise": Situation(
        "", lambda seed: make_windows(autoregression((0.0,), seed), 36), estimator
    ),
    "AR(1), 0.8": Situation("", ar1, estimator),
    "AR(2), 1.2 and -0.4": Situation(
        "", lambda seed: make_windows(autoregression((1.2, -0.4), seed), 36), estimator
    ),
    "airline, defaults": Situation(
        "",
        lambda seed: make_windows(load_airline(), (12, 24, 36)[seed % 3]),
        lambda seed: CELLS[seed // 3 % 3](random_state=seed),
    ),
    "season missed": Situation(
        "GF01", planted_season, lambda seed: estimator(seed, torch_init=True, max_epochs=3)
    ),
    "echo missed": Situation(
        "GF01", planted_echo, lambda seed: estimator(seed, torch_init=True, max_epochs=3)
    ),
    "spikes, no clipping": Situation(
        "GF03", spiky, lambda seed: estimator(seed, gradient_clipping=None)
    ),
    "limit of 1e-4": Situation(
        "GF05",
        ar1,
        lambda seed: estimator(seed, gradient_clipping=1e-4),
    ),
    "limit of 100": Situation(
        "GF06",
        ar1,
        lambda seed: estimator(seed, gradient_clipping=100.0),
    ),
    "lr 1 and relu, no clipping": Situation("GF04", ar1, lambda seed: relu(seed, lr=1.0)),
    "lr 0.1 and relu, no clipping": Situation("GF08", ar1, lambda seed: relu(seed, lr=0.1)),
}


def run(situation: Situation, seed: int) -> dict:
    """Fit once and diagnose; a divergence is a result as well."""
    X, y = situation.windows(seed)
    model = situation.estimator(seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            model.fit(X, y)
        except ArithmeticError as error:
            if not hasattr(model, "net_"):
                return {"codes": [], "diverged": str(error)[:80]}
        found = diagnose(model, X, y)
    return {
        "codes": [finding.code for finding in found],
        "values": [finding.value for finding in found],
        "model": type(model).__name__,
        "r2": model.score(X, y),
    }


def load(path: Path) -> dict[tuple, dict]:
    """Read finished fits by what identifies them."""
    if not path.exists():
        return {}
    lines = (json.loads(line) for line in path.read_text().splitlines() if line.strip())
    return {tuple(line["run"]): line for line in lines}


def table(results: dict[str, list[dict]]) -> str:
    """Write how often each code was found, a row a situation."""
    lines = [
        f"| situation | truth | fits | {' | '.join(CODES)} |",
        "|---|---|--:" + "|--:" * len(CODES) + "|",
    ]
    for name, fits in results.items():
        counts = Counter(code for fit in fits for code in fit["codes"])
        truth = SITUATIONS[name].truth
        shares = [
            f"**{100 * counts[code] / len(fits):.1f} %**"
            if code == (truth or "GF01")
            else f"{100 * counts[code] / len(fits):.1f} %"
            for code in CODES
        ]
        lines.append(f"| {name} | {truth or 'sound'} | {len(fits)} | {' | '.join(shares)} |")
    return "\n".join(lines)


def main() -> None:
    """Run what is missing, then print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--situations", nargs="+", choices=SITUATIONS, default=list(SITUATIONS))
    parser.add_argument("--fits", type=int, default=None, help="fits of each (200 or 50)")
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--fresh", action="store_true", help="forget earlier results")
    args = parser.parse_args()

    if args.fresh:
        args.results.unlink(missing_ok=True)
    args.results.parent.mkdir(parents=True, exist_ok=True)
    done = load(args.results)
    results: dict[str, list[dict]] = {}
    for name in args.situations:
        situation = SITUATIONS[name]
        for seed in range(args.fits or (50 if situation.truth else 200)):
            if (name, seed) not in done:
                done[name, seed] = {"run": (name, seed), **run(situation, seed)}
                with args.results.open("a") as file:
                    file.write(json.dumps(done[name, seed]) + "\n")
            results.setdefault(name, []).append(done[name, seed])
        codes = Counter(code for fit in results[name] for code in fit["codes"])
        print(f"{name}: {dict(codes)} in {len(results[name])}", file=sys.stderr, flush=True)
    print(table(results))


if __name__ == "__main__":
    main()
