"""Saving over a file: a kill leaves one of the two models, an error leaves the old one."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from seqforecast import GRURegressor, LSTMRegressor, load, make_windows, save
from tests.persistence import models

ROOT = Path(__file__).parents[2]

KILLED = """
import os, random, signal, sys, time
from pathlib import Path
from seqforecast import load, save
from tests.persistence import models

path, (first, second) = Path(sys.argv[1]), (models.lstm(), models.gru())
save(first, path)
random.seed(0)
seen = set()
for _ in range(30):
    pid = os.fork()
    while pid == 0:
        save(second, path)
        save(first, path)
    time.sleep(random.uniform(0.01, 0.1))
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    seen.add(type(load(path)).__name__)
print(*sorted(seen))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kill and fork are of POSIX")
def test_a_kill_in_the_middle_of_save_leaves_one_of_the_two(tmp_path):
    command = [sys.executable, "-c", KILLED, str(tmp_path / "model")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["GRURegressor", "LSTMRegressor"]
    assert all(path.name.endswith((".tmp", "model")) for path in tmp_path.iterdir())


def test_what_cannot_be_written_leaves_the_old_model(tmp_path):
    X, _ = make_windows(models.wave(), window=4)
    path = tmp_path / "model"
    save(models.lstm(), path)
    before = path.read_bytes()
    with pytest.raises(ValueError, match="holds what cannot be saved"):
        save(GRURegressor(callbacks=[print]), path)
    assert path.read_bytes() == before
    with pytest.raises(OSError, match="is a folder; the path of a file is needed"):
        save(GRURegressor(), tmp_path)
    np.testing.assert_array_equal(load(path).predict(X), models.lstm().predict(X))


def test_a_path_may_be_a_text_or_a_path(tmp_path):
    save(LSTMRegressor(hidden_size=5), str(tmp_path / "a"))
    assert load(str(tmp_path / "a")).hidden_size == load(tmp_path / "a").hidden_size == 5
