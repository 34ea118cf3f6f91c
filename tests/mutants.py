"""Show that the suite notices faults: plant one after the other, and see a test fail.

``python -m tests.mutants`` copies the tree, plants each fault of `tests.mutant_list` by itself and
runs the test files named beside it. It ends with status 0 where every mutant was red. A mutant
that survives is a hole in the tests, unless it computes the same as before: then put another one
in its place. ``--clean`` first runs all these test files without a fault.
"""

import argparse
import ast
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from queue import SimpleQueue

from tests.mutant_list import MUTANTS

ROOT = Path(__file__).parents[1]
PYTEST = (sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "-m", "not slow")
LONGEST = 900
"""Seconds after which a run is given up: a fault may loop for ever."""

OUTCOMES = {0: "SURVIVED", 1: "red", None: "no end"}
"""By pytest's exit code; any other, as of a crash, is no verdict of the tests."""


def module_of(mutant, root=ROOT):
    return root / "seqforecast" / mutant.module


def mutated(mutant, source):
    return source.replace(mutant.text, mutant.instead)


def problem(mutant):
    """Return why a mutant cannot be tried, None if it can."""
    if not module_of(mutant).is_file():
        return f"{mutant.module} does not exist"
    source = module_of(mutant).read_text(encoding="utf-8")
    if (count := source.count(mutant.text)) != 1:
        return f"{mutant.module} has {mutant.text!r} {count} times"
    try:
        ast.parse(mutated(mutant, source))
    except SyntaxError:
        return f"{mutant.module} with {mutant.instead!r} is no Python"
    lacking = [name for name in mutant.tests if not (ROOT / "tests" / name).is_file()]
    return f"{mutant.module}: there is no {lacking}" if lacking else None


def copy_tree(folder):
    """Copy the files that git knows, and the kernels that were built."""
    command = ["git", "ls-files", "-z"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    kernels = (ROOT / "seqforecast").glob("_native*")
    for file in (*map(ROOT.joinpath, filter(None, listed.split("\0"))), *kernels):
        if file.is_file():  # git may list what was deleted
            target = folder / file.relative_to(ROOT)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(file, target)


def run(tests, folder, *, output=subprocess.DEVNULL, limit=LONGEST):
    """Run test files in a copy of the tree; return pytest's exit code, None if it did not end."""
    # On one thread: the tensors of the tests are small.
    environment = os.environ | {"PYTHONPATH": str(folder), "OMP_NUM_THREADS": "1"}
    command = [*PYTEST, *(f"tests/{name}" for name in tests)]
    try:
        done = subprocess.run(command, cwd=folder, env=environment, stdout=output, timeout=limit)
    except subprocess.TimeoutExpired:
        return None
    return done.returncode


def try_out(mutant, copies):
    """Run the tests of a mutant in a copy that is free; return pytest's exit code and seconds."""
    folder, start = copies.get(), time.perf_counter()
    module = module_of(mutant, folder)
    source = module.read_text(encoding="utf-8")
    try:
        module.write_text(mutated(mutant, source), encoding="utf-8")
        return run(mutant.tests, folder), time.perf_counter() - start
    finally:
        module.write_text(source, encoding="utf-8")
        copies.put(folder)


def try_all(mutants, copies, jobs):
    """Print a row a mutant; count the outcomes."""
    seen = Counter()
    with ThreadPoolExecutor(jobs) as pool:
        results = pool.map(partial(try_out, copies=copies), mutants)
        for mutant, (code, seconds) in zip(mutants, results, strict=True):
            outcome = OUTCOMES.get(code, f"exit {code}")
            seen[outcome] += 1
            row = f"{mutant.module:<40}{mutant.fault:<54}{outcome:<9}{seconds:4.0f} s"
            print(row, flush=True)
    return seen


def arguments():
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("--jobs", type=int, default=1, help="how many run at once")
    parser.add_argument("--only", default="", metavar="TEXT", help="modules whose path contains it")
    parser.add_argument("--clean", action="store_true", help="first run the tests without a fault")
    return parser.parse_args()


def main():
    a = arguments()
    mutants = [mutant for mutant in MUTANTS if a.only in mutant.module]
    problems = [found for mutant in mutants if (found := problem(mutant))]
    if problems or not mutants:
        print("\n".join(problems) or f"no module contains {a.only!r}", file=sys.stderr)
        return 2
    with ExitStack() as stack:
        copies = SimpleQueue()
        for _ in range(a.jobs):
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            copy_tree(folder)
            copies.put(folder)
        if a.clean:
            tests = sorted({name for mutant in mutants for name in mutant.tests})
            if run(tests, folder, output=None, limit=None) != 0:
                return 2  # pytest has said why
        seen = try_all(mutants, copies, a.jobs)
    print(f"{len(mutants)} mutants:", ", ".join(f"{n} {what}" for what, n in seen.items()))
    return 0 if set(seen) == {"red"} else 1


if __name__ == "__main__":
    sys.exit(main())
