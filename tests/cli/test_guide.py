"""The guide: every command that it shows is run, and prints what it shows."""

import fnmatch
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from seqforecast import datasets
from seqforecast.cli import main

PAGE = Path(__file__).parents[2] / "docs" / "user_guide" / "command_line.md"
ALIKE = 0.02
"""Numbers may differ by so much from those shown: kernels of other machines round otherwise."""


class Example(NamedTuple):
    command: str
    output: str


def examples(text):
    blocks = re.findall(r"```console\n(.*?)```", text, re.DOTALL)
    found = []
    for block in blocks:
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, output = part.replace("\\\n   ", "").partition("\n")
            found.append(Example(command, output))
    return found


def as_case(example):
    """Mark as slow what refits at each cutoff or starts another process."""
    slow = [pytest.mark.slow] * (" backtest " in example.command or "| seqf" in example.command)
    return pytest.param(example, id=example.command[:40], marks=slow)


EXAMPLES = examples(PAGE.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The tables of the page, and ``seqforecast`` as a program."""
    folder = tmp_path_factory.mktemp("guide")
    shutil.copy(Path(datasets.__file__).parent / "data" / "co2.csv", folder)
    rng = np.random.default_rng(0)
    week = 10 + np.sin(2 * np.pi * np.arange(60) / 7)
    days = np.arange("2024-01-01", "2024-03-01", dtype="M8[D]")
    rows = ["store,day,sold,promo"]
    for store in (1, 2):
        promo = (rng.random(60) < 0.2).astype(int)
        sold = 40 * store * week * 1.5**promo
        known = [f"{value:.0f}" for value in sold[:53]] + [""] * 7
        rows += [f"{store},{d},{y},{p}" for d, y, p in zip(days, known, promo, strict=True)]
    (folder / "sales.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    german = [f"{d.strftime('%d.%m.%Y')};{y:.1f}" for d, y in zip(days.tolist(), week, strict=True)]
    text = "\n".join(["tag;menge", *(row.replace(".", ",").replace(",", ".", 2) for row in german)])
    (folder / "verkauf.csv").write_text(text + "\n", encoding="utf-8")
    program = folder / "bin" / "seqforecast"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m seqforecast "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    return folder


def printed(command, folder, capfd, monkeypatch):
    """Run a command: here where it is ours alone, in a shell where it is more."""
    monkeypatch.chdir(folder)
    words = shlex.split(command)
    if words[0] == "seqforecast" and "|" not in words:
        main(words[1:])
    else:
        monkeypatch.setenv("PATH", f"{folder / 'bin'}:/usr/bin:/bin")
        monkeypatch.setenv("PYTHONPATH", str(PAGE.parents[2]))
        subprocess.run(["bash", "-c", f"set -o pipefail; {command}"], check=True)
    out, err = capfd.readouterr()
    return out + err


@pytest.mark.skipif(sys.platform == "win32", reason="head, tail and pipes")
@pytest.mark.parametrize("example", [*map(as_case, EXAMPLES)])
def test_every_command_prints_what_the_guide_shows(example, folder, capfd, monkeypatch):
    got = printed(example.command, folder, capfd, monkeypatch)
    shown, words = example.output.split(), got.split()
    assert len(shown) == len(words), got
    differ = [pair for pair in zip(shown, words, strict=True) if not is_alike(*pair)]
    assert not differ, got


def is_alike(shown, word):
    """Compare words; ... stands for anything, and numbers for any that are close."""
    try:
        return float(word.rstrip(".,;")) == pytest.approx(float(shown.rstrip(".,;")), rel=ALIKE)
    except ValueError:
        return fnmatch.fnmatchcase(word, shown.replace("[", "[[]").replace("...", "*"))


@pytest.mark.parametrize(
    ("shown", "word", "alike"),
    [("1.00", "1.01", True), ("1.00", "1.1", False), ("ab", "ac", False), ("a...", "abc", True)],
)
def test_what_is_alike(shown, word, alike):
    assert is_alike(shown, word) is alike


def test_the_guide_shows_all_commands():
    shown = {words[1] for e in EXAMPLES if (words := e.command.split())[0] == "seqforecast"}
    assert shown == {"forecast", "backtest", "diagnose"}
    assert all("--help" not in e.command for e in EXAMPLES)
