"""Damaged and hostile files: one clear error each, nothing executed, no crash, no hang."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from seqforecast import export_numpy, load, save
from seqforecast.persistence.format import to_bytes
from tests import damaged_files
from tests.persistence import models

ROOT = Path(__file__).parents[2]
LIMITED = pytest.mark.skipif(sys.platform != "linux", reason="limits of memory are Linux's")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Return a function: the name of a model to the path of its file."""
    folder, made = tmp_path_factory.mktemp("files"), {}

    def file(name):
        if name not in made:
            made[name] = folder / f"{name}.safetensors"
            save(models.build(name), made[name])
        return made[name]

    return file


def refusal(data, path):
    """Return what `load` says of bytes."""
    path.write_bytes(data)
    with pytest.raises(ValueError, match=re.escape(str(path))) as caught:
        load(path)
    assert len(str(caught.value)) < 1_000
    return str(caught.value)


def test_every_changed_byte_and_every_cut_of_a_small_file(tmp_path):
    path = tmp_path / "ridge"
    save(Ridge().fit(np.eye(3), np.arange(3)), path)
    data, rng = path.read_bytes(), np.random.default_rng(0)
    for place in range(len(data)):
        changed = bytearray(data)
        changed[place] ^= int(rng.integers(1, 256))
        refusal(bytes(changed), path)
        refusal(data[:place], path)


def test_files_that_no_reader_may_accept(files, tmp_path):
    data, path = files("forecaster_linear").read_bytes(), tmp_path / "m"
    for _, made in damaged_files.hostile(data):
        refusal(made, path)


def test_files_for_other_readers_say_who_reads_them(tmp_path):
    export_numpy(models.rnn(), tmp_path / "export")
    said = refusal((tmp_path / "export").read_bytes(), tmp_path / "m")
    assert "one of kind 'estimator' is needed. seqforecast.runtime.load_numpy reads this" in said
    said = refusal(to_bytes("checkpoint", None, {}), tmp_path / "m")
    assert "seqforecast.callbacks.Checkpoint" in said


def test_what_is_wrong_stands_in_one_line_of_words(files, tmp_path):
    header, document, body = damaged_files.opened(files("lstm").read_bytes())
    document["content"]["parts"]["params"]["fields"]["hidden_size"] = [["x" * 10_000]] * 100
    built_with = document["content"]["parts"]["learnt"]["fields"]["built_with"]["fields"]
    built_with["hidden_size"] = [["x" * 10_000]] * 100
    said = refusal(damaged_files.closed(header, document, body), tmp_path / "m")
    assert "does not fit together: hidden_size=[['xxx" in said
    assert "... A file that seqforecast.save wrote is needed; save the estimator again." in said


def load_damaged(seed, counts, paths):
    """Load damaged files in a process with little memory; return how many of each fared how."""
    command = [sys.executable, "-m", "tests.persistence.load_damaged"]
    command += [str(item) for item in (seed, *counts, *paths)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-5_000:]
    for line in done.stdout.splitlines():
        yield {what: int(count) for what, count in re.findall(r"(\w+)=(\d+)", line)}


@LIMITED
@pytest.mark.parametrize(
    ("names", "counts"),
    [
        (["lstm", "forecaster_lstm"], (5, 5, 15)),
        pytest.param(
            ["lstm", "gru", "pipeline", "forecaster_lstm"], (25, 25, 75), marks=pytest.mark.slow
        ),
    ],
    ids=["50", "500"],
)
def test_damaged_files_are_refused_or_work(files, names, counts):
    for seen in load_damaged(0, counts, [files(name) for name in names]):
        assert seen["refused"] > sum(counts) / 2
        assert seen["forecast"] > 0  # some edits change what does not matter
        assert sum(seen.values()) >= sum(counts) - 1  # a damage may change nothing


@LIMITED
@pytest.mark.slow
@pytest.mark.parametrize("name", models.NAMES)
def test_10_000_damaged_files_are_refused_or_work(name, files):
    (seen,) = load_damaged(1, (250, 250, 620), [files(name)])
    assert sum(seen.values()) > 1_110


AUDITED = """
import sys, warnings
from pathlib import Path
import numpy as np
from seqforecast import load
from tests import damaged_files
from tests.persistence.load_damaged import restructured

warnings.simplefilter("ignore")
files = [Path(name) for name in sys.argv[1:]]
for path in files:
    load(path)  # whatever is imported late is imported now
rng = np.random.default_rng(0)
hostile = [data for path in files for _, data in restructured(path.read_bytes(), rng, 4)]
hostile += [data for _, data in damaged_files.hostile(files[0].read_bytes())]
target, seen, watching = files[0].with_name("hostile"), [], False
target.write_bytes(b"")
FORBIDDEN = ("import", "exec", "compile", "pickle", "marshal", "subprocess", "os.system", "os.exec",
             "os.posix_spawn", "os.fork", "ctypes", "socket", "shutil", "os.remove", "os.rename",
             "os.mkdir", "os.putenv", "code", "sys.addaudithook", "urllib")

def hook(event, arguments):
    if not watching:
        return
    if event.startswith(FORBIDDEN):
        seen.append((event, str(arguments)[:200]))
    if event == "open" and str(arguments[0]) not in map(str, (*files, target)):
        seen.append((event, str(arguments)[:200]))

sys.addaudithook(hook)
n = 0
for path in files:
    watching = True
    load(path)
    watching = False
for data in hostile:
    target.write_bytes(data)
    watching = True
    try:
        load(target)
    except ValueError:
        n += 1
    finally:
        watching = False
watching = True
eval("1 + 1")  # the hook is at work
watching = False
print(n, [event for event, _ in seen[-2:]])
print(*seen[:-2], sep="\\n")
"""


def test_nothing_is_executed_imported_or_opened(files):
    paths = [str(files(name)) for name in models.NAMES]
    command = [sys.executable, "-c", AUDITED, *paths]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-5_000:]
    first, others = done.stdout.split("\n", 1)
    assert others.strip() == ""
    n_refused, own = first.split(maxsplit=1)
    assert int(n_refused) > 40
    assert own == "['compile', 'exec']"
