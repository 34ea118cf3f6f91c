"""Where a bar is shown, and how it ends."""

import io
import sys
from types import ModuleType, SimpleNamespace

import pytest

from seqforecast._shared import progress
from tests.terminal import COLUMNS, shown_in_terminal


def test_terminal_is_watched_by_the_user_and_not_by_workers():
    lines = shown_in_terminal(
        """
import multiprocessing
from seqforecast._shared.progress import is_watched

if __name__ == "__main__":
    with multiprocessing.get_context("fork").Pool(1) as pool:
        print(is_watched(), pool.apply(is_watched))
"""
    )
    assert lines == ["True False"]


def test_pipe_is_not_watched():
    assert not progress.is_watched()


def test_process_without_stderr_is_not_watched(monkeypatch):
    monkeypatch.setattr(sys, "stderr", None)
    assert not progress.is_watched()


def test_notebook_is_watched_though_its_stream_is_no_terminal(monkeypatch):
    class OutStream(io.StringIO):
        """Stands in for that of ipykernel, which the tests do without."""

    kernel = ModuleType("ipykernel.iostream")
    kernel.OutStream = OutStream
    monkeypatch.setitem(sys.modules, "ipykernel.iostream", kernel)
    assert not progress.is_watched()
    monkeypatch.setattr(sys, "stderr", OutStream())
    assert progress.is_watched()


def test_bar_fits_into_a_line_and_is_full_where_it_ends():
    lines = shown_in_terminal(
        """
from seqforecast._shared.progress import fill, new_bar
bar = new_bar(90, "epochs")
for _ in range(3):
    bar.set_postfix_str("train 0.123, valid 0.123, norm 0.123", refresh=False)
    bar.update()
fill(bar)
bar.close()
"""
    )
    assert lines[0].startswith("0/90 epochs |")
    assert lines[-1].startswith("3/3 epochs |\u2588")
    assert lines[-1].endswith("train 0.123, valid 0.123, norm 0.123")
    assert max(map(len, lines)) <= COLUMNS


def test_widget_of_a_notebook_ends_where_the_bar_does():
    of_notebook = SimpleNamespace(max=90)
    container = SimpleNamespace(children=(None, of_notebook, None))
    bar = SimpleNamespace(n=3, total=90, container=container)
    progress.fill(bar)
    assert (bar.total, of_notebook.max) == (3, 3)


@pytest.mark.parametrize(("always", "written"), [(True, True), (False, False)])
def test_bar_is_written_to_a_pipe_only_where_it_is_asked_for(capfd, always, written):
    with progress.new_bar(2, "folds", always=always, initial=1) as bar:
        bar.update()
    out, err = capfd.readouterr()
    assert out == ""
    assert ("2/2 folds" in err) == written
