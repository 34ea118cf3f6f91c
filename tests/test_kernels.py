"""Which kernels are at work: chosen once, when the package is imported, so in new processes."""

import os
import shutil
import subprocess
import sys
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import pytest

import seqforecast
from seqforecast import _kernels

PACKAGE = Path(seqforecast.__file__).parent
STATUS = "from seqforecast._kernels import VARIANT, status; print(VARIANT, status(), sep='|')"
SHOW = "import seqforecast; seqforecast.show_versions()"
LAYERS = "import seqforecast.nn"
CHOOSE = "import seqforecast._kernels"  # what the layers import to choose, and nothing else
# The finder of an editable installation finds the compiled module wherever the package itself is.
ONLY_BY_PATH = (
    "import sys; sys.meta_path[:] = [f for f in sys.meta_path if 'Editable' not in str(f)]; "
)

# The suite itself runs under each choice of kernels.
UNSET = {name: value for name, value in os.environ.items() if name != "SEQFORECAST_KERNELS"}


def python(code, choice=None, home=PACKAGE.parent):
    """Run code in a new process that imports the package from `home`."""
    environment = UNSET if choice is None else UNSET | {"SEQFORECAST_KERNELS": choice}
    command = [sys.executable, "-c", ONLY_BY_PATH + code]
    return subprocess.run(command, capture_output=True, text=True, cwd=home, env=environment)


def output(code, choice=None, home=PACKAGE.parent):
    done = python(code, choice, home)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def kernels_line(choice=None, home=PACKAGE.parent):
    lines = output(SHOW, choice, home).splitlines()
    (line,) = [line for line in lines if line.startswith("kernels ")]
    return line.removeprefix("kernels").strip()


def is_built(home=PACKAGE.parent):
    code = "from importlib.util import find_spec; print(find_spec('seqforecast._native'))"
    return output(code, home=home) != "None"


needs_ours = pytest.mark.skipif(not is_built(), reason="our kernels were not built")


def variants():
    code = "from seqforecast._native import variants; print(*variants())"
    return output(code).split() if is_built() else []


@pytest.fixture
def without_module(tmp_path):
    """Copy the package as an installation without a compiler leaves it."""
    compiled = shutil.ignore_patterns("_native.*", "__pycache__")
    shutil.copytree(PACKAGE, tmp_path / "seqforecast", ignore=compiled)
    assert not is_built(tmp_path)
    return tmp_path


def test_status_is_what_this_process_runs():
    assert _kernels.status().startswith("torch's" if _kernels.VARIANT is None else "ours")
    assert (_kernels.NATIVE is None) == (_kernels.VARIANT is None)


def test_zero_means_torch():
    assert output(STATUS, "0") == "None|torch's (SEQFORECAST_KERNELS=0)"
    assert kernels_line("0") == "torch's (SEQFORECAST_KERNELS=0)"


@needs_ours
@pytest.mark.parametrize("choice", [None, "", "1"])
def test_unset_and_one_mean_the_best(choice):
    best = variants()[0]
    assert output(STATUS, choice) == f"{best}|ours, {best} (the best of {', '.join(variants())})"
    assert kernels_line(choice).startswith(f"ours, {best} ")


@needs_ours
def test_plain_vectors_run_everywhere():
    assert variants()[-1] == "plain"


@pytest.mark.parametrize("name", variants())
def test_name_forces_an_instruction_set(name):
    assert output(STATUS, name) == f"{name}|ours, {name} (SEQFORECAST_KERNELS={name})"
    assert kernels_line(name) == f"ours, {name} (SEQFORECAST_KERNELS={name})"


@pytest.mark.parametrize(
    ("choice", "code"),
    [("avx1024", LAYERS), *((name, CHOOSE) for name in ("AVX2", "2", "plain,avx2", "float64"))],
)
def test_unknown_name_stops_the_layers_and_shows_in_the_versions(choice, code):
    done = python(code, choice)
    assert done.returncode == 1
    message = done.stderr.splitlines()[-1]
    assert message.startswith(f"ValueError: SEQFORECAST_KERNELS={choice!r}")
    wanted = ", ".join(["0 (torch's kernels)", "1 (the best of ours)", *variants()])
    assert f"one of {wanted} is needed on this machine." in message
    assert message.endswith("Set SEQFORECAST_KERNELS to one of these, or unset it.")
    assert f"ValueError: {kernels_line(choice)}" == message


@pytest.mark.parametrize("choice", [None, "1"])
def test_without_the_module_torch_is_chosen(without_module, choice):
    assert output(STATUS, choice, without_module) == "None|torch's (ours were not built)"
    assert kernels_line(choice, without_module) == "torch's (ours were not built)"


def test_without_the_module_torch_runs(without_module):
    code = (
        "import torch; from seqforecast import nn; "
        "print(*nn.LSTM(2, 3)(torch.zeros(4, 5, 2))[0].shape)"
    )
    assert output(code, home=without_module) == "4 5 3"


def test_forced_name_without_the_module_is_refused(without_module):
    done = python(CHOOSE, "plain", without_module)
    assert done.returncode == 1
    assert "SEQFORECAST_KERNELS='plain', but ours were not built; one of 0 " in done.stderr
    assert kernels_line("plain", without_module).startswith("SEQFORECAST_KERNELS='plain', but ours")


def test_module_that_cannot_be_loaded_says_why(without_module):
    broken = without_module / "seqforecast" / f"_native{EXTENSION_SUFFIXES[0]}"
    broken.write_bytes(b"not a library")
    variant, words = output(STATUS, home=without_module).split("|")
    assert variant == "None"
    assert words.startswith("torch's (ours cannot be loaded: ")
    assert kernels_line(home=without_module) == words


def test_choosing_imports_neither_numpy_nor_torch():
    code = "import sys; sys.modules.update(numpy=None, torch=None); " + STATUS
    assert output(code) == output(STATUS)


def test_import_seqforecast_does_not_choose():
    # A wrong name must not keep anyone from cutting windows or serving a model.
    code = "import seqforecast, sys; print('seqforecast._kernels' in sys.modules)"
    assert output(code, "avx1024") == "False"
