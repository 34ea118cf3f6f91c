"""Run a page where the library that it comes from is installed: `make test-peers` has them all."""

from importlib.util import find_spec

import pytest
import torch

NEEDS = {
    "from_darts.md": "darts",
    "from_keras.md": "keras",
    "from_neuralforecast.md": "neuralforecast",
    "from_skforecast.md": "skforecast",
    "inside_mlforecast.md": "mlforecast",
    "inside_skforecast.md": "skforecast",
}

collect_ignore = [page for page, library in NEEDS.items() if find_spec(library) is None]


def pytest_sessionstart():
    # The networks are small: more threads would only wait for each other.
    torch.set_num_threads(1)


def pytest_collection_modifyitems(items):
    # Warnings are errors where the code is ours; what other libraries warn of is theirs.
    for item in items:
        if item.path.name in NEEDS:
            item.add_marker(pytest.mark.filterwarnings("default"))
