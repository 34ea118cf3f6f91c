"""What the tests of faults share: data, small networks, and processes of their own."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import seqforecast
from seqforecast import make_windows

ROOT = Path(seqforecast.__file__).parent.parent


@pytest.fixture(scope="session")
def windows():
    rng = np.random.default_rng(0)
    steps = np.arange(80)
    series = 10 + np.sin(2 * np.pi * steps / 8) + 0.1 * rng.standard_normal(80)
    X, y = make_windows(series, window=8)
    return X.copy(), np.array(y)


@pytest.fixture(scope="session")
def start(tmp_path_factory):
    """Return a function that starts a Python process on a script, which finds the package."""

    def start(source, *arguments, **environment):
        script = tmp_path_factory.mktemp("script") / "script.py"
        script.write_text(source, encoding="utf-8")
        return subprocess.Popen(
            [sys.executable, str(script), *arguments],
            env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,  # a signal to its group does not reach the tests
        )

    return start
