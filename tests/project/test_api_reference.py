import sys
from collections import Counter
from pathlib import Path
from types import ModuleType

import pytest

import seqforecast

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture
def sections(monkeypatch):
    monkeypatch.syspath_prepend(DOCS)
    import api_reference

    yield api_reference.SECTIONS
    del sys.modules["api_reference"]


def public_names():
    for name in seqforecast.__all__:
        value = getattr(seqforecast, name)
        if isinstance(value, ModuleType):
            yield from ((value.__name__, inner) for inner in value.__all__)
        else:
            yield "seqforecast", name


def test_reference_lists_every_public_name_once(sections):
    listed = Counter((section.module, name) for section in sections for name in section.names)
    assert listed == Counter(public_names())
