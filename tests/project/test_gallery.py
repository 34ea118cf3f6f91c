"""What every example of the gallery has; the docs build runs them."""

import ast
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
ABSOLUTE_PATH = re.compile(r"""["'](?:/\w|~/|file:|[A-Za-z]:[\\/])""")

every_example = pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)


@pytest.fixture
def order(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "docs")
    import gallery

    yield gallery.EXAMPLES
    del sys.modules["gallery"]


def parsed(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def last_statement(tree):
    """Return the last statement, also of what only the main process does."""
    last = tree.body[-1]
    return last.body[-1] if isinstance(last, ast.If) else last


def first_words(statement):
    """Return the literal text that a call of print begins with, "" if it is no such call."""
    call = getattr(statement, "value", None)
    if not isinstance(call, ast.Call) or getattr(call.func, "id", "") != "print" or not call.args:
        return ""
    text = call.args[0]
    while isinstance(text, ast.BinOp):
        text = text.left
    if isinstance(text, ast.JoinedStr):
        text = text.values[0]
    value = getattr(text, "value", "")
    return value if isinstance(value, str) else ""


def test_the_order_names_every_example_once(order):
    assert sorted(order) == [path.stem for path in EXAMPLES]


@every_example
def test_title_is_a_question(path):
    title, line, blank = ast.get_docstring(parsed(path)).splitlines()[:3]
    assert title.endswith("?")
    assert line == "=" * len(title)
    assert blank == ""


@every_example
def test_last_statement_prints_the_answer(path):
    assert first_words(last_statement(parsed(path))).startswith("Answer:")


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("print('Answer: 1')", "Answer: 1"),
        ("print(f'Answer: {1}')", "Answer: "),
        ("print(f'Answer: {1}' + ('x' if 2 else 'y'))", "Answer: "),
        ("if __name__ == '__main__':\n    1\n    print('Answer: 2')", "Answer: 2"),
        ("print('Answer: 1')\nplt.show()", ""),
        ("answer = print('Answer: 1')\nfor i in x:\n    print('Answer: 1')", ""),
        ("print(answer)", ""),
        ("print(1)", ""),
        ("print()", ""),
    ],
)
def test_what_an_answer_is(source, words):
    assert first_words(last_statement(ast.parse(source))) == words


@every_example
def test_pictures_are_shown_and_no_file_is_left(path):
    text = path.read_text(encoding="utf-8")
    assert "plt.show()" in text
    assert "savefig" not in text
    assert "matplotlib.use" not in text
    assert not ABSOLUTE_PATH.search(text)


@pytest.mark.parametrize("path", ["/tmp/x", "~/x", "C:\\x", "d:/x", "file:///x"])
def test_what_an_absolute_path_is(path):
    assert ABSOLUTE_PATH.search(f'open("{path}")')
    assert ABSOLUTE_PATH.search(f"open('{path}')")


@pytest.mark.parametrize("text", ['"a/b"', '" / "', '"kWh/day"', '"https://x.org"', "1 / 2"])
def test_what_no_absolute_path_is(text):
    assert not ABSOLUTE_PATH.search(text)
