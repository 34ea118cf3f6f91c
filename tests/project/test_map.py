"""The map of docs/design.md agrees with the code."""

import re
from pathlib import Path

import seqforecast
from tests.project.test_architecture import LAYERS

PACKAGE = Path(seqforecast.__file__).parent
PAGE = (Path(__file__).parents[2] / "docs" / "design.md").read_text(encoding="utf-8")
MAP = PAGE[PAGE.index("## The map") : PAGE.index("## Decisions")]


def test_the_picture_shows_the_layers():
    rows, row = {}, 0
    for line in re.search(r"```text\n(.*?)```", MAP, re.DOTALL)[1].splitlines()[1:]:
        number, names = line[:3].strip(), line[3:].replace("|", " ").replace("/", ".").split()
        row = int(number) if number else row  # a row may take several lines
        rows.setdefault(row, set()).update(names)
    layers = {row: {name for side in layer for name in side} for row, layer in enumerate(LAYERS, 1)}
    assert rows == layers


def test_every_folder_has_its_line():
    table = MAP[MAP.index("| folder |") : MAP.index("### Where do I put")]
    described = {name.strip("/") for name in re.findall(r"`([\w/]+/)`", table)}
    folders = {str(path.parent.relative_to(PACKAGE)) for path in PACKAGE.rglob("__init__.py")}
    assert described - {"nn/kernels/src", "tests"} == folders - {"."}


def test_every_file_that_is_named_exists():
    files = [str(path.relative_to(PACKAGE)) for path in PACKAGE.rglob("*.py")]
    named = set(re.findall(r"`([\w/]+\.py)`", MAP))
    assert len(named) > 40
    lacking = {name for name in named if not any(f"/{file}".endswith(f"/{name}") for file in files)}
    assert lacking == set()
