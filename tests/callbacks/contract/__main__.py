"""Print what each callback of skorch does on our net, and on skorch's: a row for each mode.

``python -m tests.callbacks.contract`` ends with status 0 where each difference is a declared one.
"""

import sys
import tempfile
from pathlib import Path

import torch

from tests.callbacks.contract.modes import MODES
from tests.callbacks.contract.verdict import verdict_of


def row_of(mode, verdict):
    """Return what stands in a row: ours, and skorch's."""
    ours, skorchs = verdict.quiet, verdict.skorchs
    if verdict.silent:
        return f"SILENT: {verdict.silent[0]:.150}", _told(skorchs)
    if mode.intended:
        return f"{_told(ours)}; {mode.intended}", _told(skorchs)
    return _told(ours), _told(skorchs)


def _told(seen):
    if seen.error is not None:
        return f"{type(seen.error).__name__}: {seen.error!s:.150}"
    steps = "native steps" if any(seen.native) else "torch steps" if seen.native else ""
    files, book = len(seen.files), len(seen.book)
    written = (f"files: {files}" if files else "", f"entries: {book}" if book else "")
    return ", ".join(part for part in (f"epochs: {len(seen.history)}", steps, *written) if part)


def main():
    """Try all modes; return how many differ silently."""
    torch.set_num_threads(1)
    print("| callback | mode | ours | skorch's |\n|---|---|---|---|")
    n_silent = n_intended = 0
    for mode in MODES:
        with tempfile.TemporaryDirectory() as folder:
            verdict = verdict_of(mode, Path(folder))
        n_silent += bool(verdict.silent)
        n_intended += bool(mode.intended or mode.refused)
        print("|", " | ".join((mode.name, mode.mode, *row_of(mode, verdict))), "|", flush=True)
    print(f"{len(MODES)} modes, {n_intended} declared differences, {n_silent} silent differences")
    return n_silent


if __name__ == "__main__":
    sys.exit(bool(main()))
