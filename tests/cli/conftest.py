"""What the tests of the command line share: small tables, and commands in and out of process."""

import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest

import seqforecast
from seqforecast.cli import main

ROOT = Path(seqforecast.__file__).parent.parent


class Done(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture(scope="session")
def daily():
    """Sixty days with a week in them."""
    rng = np.random.default_rng(0)
    week = 10 + np.sin(2 * np.pi * np.arange(60) / 7)
    days = pd.date_range("2024-01-01", periods=60, freq="D")
    values = (week + 0.1 * rng.standard_normal(60)).round(2)
    return pd.DataFrame({"day": days, "sold": values})


@pytest.fixture(scope="session")
def stores(daily):
    """Three stores of different sizes, with promotions, visitors and an area."""
    rng = np.random.default_rng(1)
    parts = []
    for number, area in ((2, 40), (10, 80), (1, 200)):
        promo = (rng.random(60) < 0.2).astype(int)
        sold = (area * daily["sold"] * 1.5**promo).round(1)
        visitors = (3 * sold * rng.lognormal(sigma=0.1, size=60)).round()
        part = daily.assign(
            store=number, sold=sold, promo=promo, visitors=visitors, area=float(area)
        )
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


@pytest.fixture
def here(tmp_path, monkeypatch, daily, stores):
    """A working folder with daily.csv and stores.csv."""
    monkeypatch.chdir(tmp_path)
    daily.to_csv("daily.csv", index=False)
    stores.to_csv("stores.csv", index=False)
    return tmp_path


DAILY = ("--time", "day", "--target", "sold", "--horizon", "7", "--max-steps", "3")


@pytest.fixture
def run(here, capsys):  # noqa: ARG001  (where the tables are)
    """Return a function that runs a command in this process: on daily.csv, unless told other."""

    def run(command, data="daily.csv", *options, common=DAILY):
        code = main([command, str(data), *common, *map(str, options)])
        return Done(code, *capsys.readouterr())

    return run


@pytest.fixture
def start(here):
    """Return a function that starts ``python -m seqforecast`` as a process of its own."""

    def start(*arguments, **options):
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return subprocess.Popen(
            [sys.executable, "-m", "seqforecast", *map(str, arguments)],
            cwd=here,
            env=environment,
            **{**pipes, **options},
        )

    return start
