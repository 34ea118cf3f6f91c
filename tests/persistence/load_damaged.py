"""Load damaged files, in a process of its own that may not use much memory or time.

``python -m tests.persistence.load_damaged SEED DAMAGED RESIGNED RESTRUCTURED FILE ...`` makes so
many of each file NAME.safetensors: with random damages; with one value of the file edited, and a
right checksum; with some edits in what it says of the estimator, and a right checksum. Damaged
files must be refused, edited ones refused or loaded; what is loaded must forecast, or say with a
ValueError or TypeError why not. It ends with status 0 and one line a file,
``NAME failed=... forecast=... refused=...``; a crash, a hang, too much memory or another error end
it otherwise, with a description of the file.
"""

import copy
import faulthandler
import os
import resource
import signal
import sys
import traceback
import warnings
from collections import Counter
from contextlib import redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import torch

from seqforecast import load
from tests import damaged_files
from tests.persistence import models

MEMORY = 100_000_000
"""Bytes beyond those in use once everything is loaded and warm."""
CPU_SECONDS = 4.0
"""For one file; a second, on a machine that does nothing else, is already far too long."""
HANGS_AFTER = 100
"""Seconds after which Python code that does not return is ended."""


@dataclass
class Place:
    """A value in a file: what holds it, and its key there; beside all others."""

    parent: Any
    key: Any
    places: list[tuple[Any, Any]]
    header: dict[str, Any]
    rng: np.random.Generator

    def any_of(self, values):
        return values[self.rng.integers(len(values))]


def restructured(data, rng, n):
    """Yield n files with a right checksum whose content was edited in one to three places."""
    for _ in range(n):
        header, document, body = damaged_files.opened(data)
        done = []
        for _ in range(rng.integers(1, 4)):
            places = list(_places(document, "content"))
            if len(places) < 10:  # what was there is gone
                break
            parent, key = places[rng.integers(len(places))]
            edit = EDITS[rng.integers(len(EDITS))]
            done.append(f"{edit.__name__} {key!r} ({parent[key]!r:.50})")
            edit(Place(parent, key, places, header, rng))
        yield "; ".join(done), damaged_files.closed(header, document, body)


def _places(parent, key):
    """Yield every place in a tree."""
    yield parent, key
    inner = parent[key]
    if isinstance(inner, dict | list):
        for k in list(inner) if isinstance(inner, dict) else range(len(inner)):
            yield from _places(inner, k)


def odd(at):
    at.parent[at.key] = copy.deepcopy(at.any_of(damaged_files.ODD_VALUES))


def another(at):
    other, there = at.any_of(at.places)
    at.parent[at.key] = copy.deepcopy(other[there])


def deleted(at):
    if at.key != "content":
        del at.parent[at.key]


def doubled(at):
    if isinstance(at.parent, list):
        at.parent.insert(at.key, copy.deepcopy(at.parent[at.key]))
    else:
        at.parent[f"{at.key}_"] = copy.deepcopy(at.parent[at.key])


def a_number(at):
    numbers = [(p, k) for p, k in at.places if type(p[k]) in (int, float)] or [({0: 1}, 0)]
    parent, key = at.any_of(numbers)
    old, size = parent[key], 10 ** int(at.rng.integers(1, 13))
    parent[key] = at.any_of([-old, old + 1, size, -size, old * 1000, float(old)])


def a_reference(at):
    at.parent[at.key] = {"same": int(at.rng.integers(0, 200))}


def an_array(at):
    arrays = [p for p, k in at.places if k == "array"] or [{"array": None}]
    at.any_of(arrays)["array"] = at.any_of(arrays)["array"]


def the_form(at):
    """Read the bytes of an array as other numbers, or in another form."""
    entry = at.header[at.any_of([name for name in at.header if name != "__metadata__"])]
    same_size = {"F64": "I64", "I64": "F64", "F32": "I32", "U8": "I8", "U32": "F32"}
    if at.rng.random() < 0.5:
        entry["dtype"] = same_size.get(entry["dtype"], "U8")
    else:
        n = int(np.prod(entry["shape"]))
        entry["shape"] = at.any_of([[n], [1, n], [n, 1], [], [n, 1, 1]])


EDITS = (odd, odd, another, another, deleted, doubled, a_number, a_number, a_reference, an_array,
         the_form)  # fmt: skip

MAKERS = {
    "damaged": damaged_files.damaged,
    "resigned": damaged_files.resigned,
    "restructured": restructured,
}


def used():
    """Return the bytes of address space in use."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    return pages * os.sysconf("SC_PAGESIZE")


def try_one(path, name, asked, *, must_refuse):
    """Load a file and ask it; return what happened."""
    try:
        estimator = load(path)
    except ValueError as error:
        message = str(error)
        if str(path) in message and len(message) < 1_000:
            return "refused"
        raise
    assert not must_refuse, "a damaged file was loaded"
    answers = hasattr(estimator, "predict") or hasattr(estimator, "update")
    if not answers:  # a pipeline that has lost its end
        return "failed"
    try:
        models.answer(name, estimator, asked)
    except (ValueError, TypeError):
        return "failed"
    train_on(estimator)
    return "forecast"


def train_on(estimator):
    """Take a step of training, in native code where it can be: it may fail, and must not crash."""
    if not hasattr(estimator, "partial_fit"):
        return
    X = np.random.default_rng(0).normal(size=(8, estimator.n_features_in_))
    shape = (8,) if estimator._form.y_ndim == 1 else (8, estimator.n_outputs_)
    try:
        with redirect_stdout(StringIO()):  # verbose may be one of the edits
            estimator.partial_fit(X, np.ones(shape))
    except (MemoryError, TimeoutError):
        raise
    except Exception:  # of an optimizer that was told nonsense
        return


def refuse_to_go_on(*_):
    raise TimeoutError(f"it takes more than {CPU_SECONDS} seconds of computing")


def try_some(file, seed, n, how):
    """Load damaged copies of a file; count what happened."""
    name, path, seen = file.stem, Path(f"{file}.damaged"), Counter()
    asked = models.question(name)
    copies = MAKERS[how](file.read_bytes(), np.random.default_rng(seed), n)
    for number, (description, data) in enumerate(copies):
        path.write_bytes(data)
        faulthandler.dump_traceback_later(HANGS_AFTER, exit=True)
        signal.setitimer(signal.ITIMER_PROF, CPU_SECONDS)
        try:
            seen[try_one(path, name, asked, must_refuse=how == "damaged")] += 1
        except BaseException:
            traceback.print_exc()
            print(f"{name} {how} seed {seed} number {number}: {description}", file=sys.stderr)
            seen["wrong"] += 1
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
            faulthandler.cancel_dump_traceback_later()
    return seen


def main(seed, counts, files):
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    for file in files:  # whatever is imported late is imported now
        models.answer(file.stem, load(file), models.question(file.stem))
    resource.setrlimit(resource.RLIMIT_AS, (used() + MEMORY, resource.RLIM_INFINITY))
    signal.signal(signal.SIGPROF, refuse_to_go_on)
    wrong = 0
    for file in files:
        seen = sum((try_some(file, seed, n, how) for how, n in counts.items()), Counter())
        print(file.stem, *(f"{what}={count}" for what, count in sorted(seen.items())))
        wrong += seen["wrong"]
    return 1 if wrong else 0


if __name__ == "__main__":
    SEED, *COUNTS = map(int, sys.argv[1:5])
    FILES = [Path(name) for name in sys.argv[5:]]
    sys.exit(main(SEED, dict(zip(MAKERS, COUNTS, strict=True)), FILES))
