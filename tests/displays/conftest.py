"""What all tests of pictures share."""

import matplotlib
import pytest

matplotlib.use("Agg")


@pytest.fixture(autouse=True)
def _figures_are_closed_and_matplotlib_stays_as_it_was():
    plt = pytest.importorskip("matplotlib.pyplot")
    plt.close("all")  # examples of the documentation may have left some
    before = dict(matplotlib.rcParams)
    yield
    plt.close("all")
    assert dict(matplotlib.rcParams) == before
