"""What users install holds the files that are no code, too."""

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "seqforecast"
CODE = {".py", ".pyc", ".so", ".pyd", ".cpp", ".h"}

FILES = {
    path.relative_to(ROOT).as_posix()
    for path in PACKAGE.rglob("*")
    if path.is_file() and path.suffix not in CODE
}

SHOW = """
import sys
from pathlib import Path
from sklearn.linear_model import Ridge
import seqforecast
from seqforecast import Forecaster, LSTMRegressor, report
from seqforecast.datasets import load_airline

assert Path(seqforecast.__file__).is_relative_to(sys.argv[1]), seqforecast.__file__
network = LSTMRegressor(hidden_size=2, max_epochs=1, random_state=0)
forecaster = Forecaster(network, window=12, horizon=3).fit(load_airline())
page = report(forecaster, Path(sys.argv[1], "report.html")).read_text(encoding="utf-8")
assert "<h1>Report: Forecaster of LSTMRegressor</h1>" in page
assert "color-scheme: light dark" in page
notes = forecaster._repr_mimebundle_()["text/html"].partition('class="seqforecast-notes"')[2]
assert "<polyline" in notes
"""


def test_files_beside_the_code_are_package_data():
    tomllib = pytest.importorskip("tomllib")  # of Python 3.11
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    globs = settings["tool"]["setuptools"]["package-data"]
    found = set()
    for init in PACKAGE.rglob("__init__.py"):
        folder = init.parent
        name = ".".join(folder.relative_to(ROOT).parts)
        for pattern in [*globs.get(name, ()), *globs["*"]]:
            found |= {path.relative_to(ROOT).as_posix() for path in folder.glob(pattern)}
    assert found == FILES
    assert {Path(name).suffix for name in FILES} == {".csv", ".css", ".html", ".svg", ".typed"}


@pytest.fixture(scope="module")
def distributions(tmp_path_factory):
    """An sdist and the wheel that is built from it, without the kernels, which take long."""
    pytest.importorskip("build")
    source, built = (tmp_path_factory.mktemp(name) for name in ("source", "built"))
    for name in ("LICENSE", "MANIFEST.in", "README.md", "pyproject.toml", "setup.py"):
        shutil.copy(ROOT / name, source)
    shutil.copytree(
        PACKAGE, source / PACKAGE.name, ignore=shutil.ignore_patterns("__pycache__", "*.so")
    )
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", built, source]
    environment = os.environ | {"SEQFORECAST_KERNELS": "0"}
    subprocess.run(command, check=True, capture_output=True, env=environment)
    (sdist,), (wheel,) = built.glob("*.tar.gz"), built.glob("*.whl")
    return sdist, wheel


@pytest.mark.slow
def test_sdist_and_wheel_hold_every_file(distributions):
    sdist, wheel = distributions
    with tarfile.open(sdist) as archive:
        assert {name.partition("/")[2] for name in archive.getnames()} >= FILES
    with zipfile.ZipFile(wheel) as archive:
        assert set(archive.namelist()) >= FILES


@pytest.mark.slow
def test_a_wheel_writes_a_report_and_notes(distributions, tmp_path):
    with zipfile.ZipFile(distributions[1]) as archive:
        archive.extractall(tmp_path)
    subprocess.run(
        [sys.executable, "-c", SHOW, tmp_path],
        check=True,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
    )
