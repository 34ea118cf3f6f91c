"""Whatever the package imports is declared, and `show_versions` lists whatever is declared."""

import ast
import re
import sys
from importlib.metadata import packages_distributions, requires
from pathlib import Path

import seqforecast
from seqforecast._versions import versions

PACKAGE = Path(seqforecast.__file__).parent
NOT_OF_USERS = {"bench", "dev", "docs", "peers", "test"}
"""Extras for those who work on the package itself."""


def declared():
    """Collect the distributions that users need, those of extras included."""
    for requirement in requires("seqforecast"):
        extra = re.search(r"extra == .(\w+).", requirement)
        if extra is None or extra[1] not in NOT_OF_USERS:
            yield re.match(r"[\w-]+", requirement)[0]


def imported():
    """Collect the top-level packages that any line of the package imports."""
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                yield from (alias.name.partition(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                yield node.module.partition(".")[0]


def test_all_that_is_imported_is_declared():
    foreign = set(imported()) - {"seqforecast", *sys.stdlib_module_names}
    found = packages_distributions()
    assert foreign
    assert {
        name for name in foreign if not {one.lower() for one in found[name]} & set(declared())
    } == set()


def test_show_versions_lists_every_dependency():
    assert set(declared()) <= set(versions())
