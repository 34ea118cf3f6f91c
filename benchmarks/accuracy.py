"""How accurate is recurrent_forecaster, beside simple methods and what others published?

    python benchmarks/accuracy.py --data ../shared/data                 # the five sets, 5 seeds
    python benchmarks/accuracy.py --data ../shared/data --sets cif --seeds 10 --cell gru
    python benchmarks/accuracy.py --data ../shared/data --check         # is the protocol right?
    python benchmarks/accuracy.py --data ../shared/data --ablation      # what matters? (validation)
    python benchmarks/accuracy.py --data ../shared/data --spread --sets cif --seeds 20
    python benchmarks/accuracy.py --data ../shared/data --coverage      # do intervals hold?
    python benchmarks/accuracy.py --data ../shared/data --untuned       # series nobody tuned on

One setting for all sets: nothing is chosen here, and the test parts are read to score. Every
forecast is stored as soon as it is made and used again; `--fresh` makes all anew. AutoETS needs
statsforecast (extra `bench`), in an environment of its own; once stored, it is shown without.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import accuracy_ablation
import accuracy_coverage
import accuracy_spread
import accuracy_table
import accuracy_untuned
from accuracy_sets import PARTS, SETS
from accuracy_store import Store, state_of_the_code

STORE = Path(__file__).parent / "results" / "accuracy"
CELLS = ("lstm", "gru", "rnn")
MODES = {
    "check": accuracy_table.check,
    "ablation": accuracy_ablation.show,
    "spread": accuracy_spread.show,
    "coverage": accuracy_coverage.show,
    "untuned": accuracy_untuned.show,
}


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--data", type=Path, required=True, help="the folder of the data sets")
    add("--sets", nargs="+", choices=SETS, default=list(SETS))
    add("--seeds", type=int, help="seeds 0 to N - 1; 5, and 20 for --spread")
    add("--cell", choices=CELLS, default="lstm")
    add("--part", choices=PARTS, help="validation: the last horizon of the training parts")
    add("--jobs", type=int, default=1, help="runs at once, each on one thread")
    add("--store", type=Path, default=STORE, help="the folder of what was made before")
    add("--fresh", action="store_true", help="make all forecasts anew")
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--check", action="store_true", help="simple methods against their digits")
    mode.add_argument(
        "--ablation",
        nargs="*",
        choices=accuracy_ablation.GROUPS,
        help="all of it, or some questions",
    )
    mode.add_argument("--spread", action="store_true", help="every seed of a set by itself")
    mode.add_argument("--coverage", action="store_true", help="coverage and width of intervals")
    mode.add_argument("--untuned", action="store_true", help="other series, rolling cutoffs")
    args = parser.parse_args()
    args.mode = next((name for name in MODES if getattr(args, name) not in (False, None)), None)
    args.seeds = args.seeds or (20 if args.mode == "spread" else 5)
    args.part = args.part or ("validation" if args.mode == "ablation" else "test")
    return args


def main() -> int:
    args = arguments()
    store = Store(args.store, fresh=args.fresh)
    show = accuracy_table.show if args.mode is None else MODES[args.mode]
    failed = show(args, store)
    ours = {state for state in store.states if state.startswith("seqforecast")}
    if ours - {state_of_the_code()}:
        print(
            f"\nSome of these forecasts were made by another state of the code "
            f"({', '.join(sorted(ours))}; now {state_of_the_code()}): --fresh makes all anew."
        )
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
