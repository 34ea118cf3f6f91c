"""Help: at once, within 80 columns, with examples, columns and exit codes."""

import re
import subprocess
import sys

import pytest

from seqforecast import __version__
from seqforecast.cli import main
from seqforecast.cli.parser import parser

COMMANDS = ("forecast", "backtest", "diagnose")


@pytest.fixture
def help_of(capsys):
    def help_of(*arguments):
        assert main([*arguments, "--help"]) == 0
        return capsys.readouterr().out

    return help_of


@pytest.mark.parametrize("command", [(), *((name,) for name in COMMANDS)])
def test_help_fits_into_80_columns_wherever_it_is_asked_for(help_of, command, monkeypatch):
    wide = help_of(*command)
    monkeypatch.setenv("COLUMNS", "40")
    assert help_of(*command) == wide
    assert max(map(len, wide.splitlines())) <= 80
    for code in ("0", "1", "2", "130"):
        assert re.search(rf"^  {code} +\S", wide[wide.index("exit codes:") :], re.MULTILINE)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_a_command_explains_in_two_lines_and_shows_examples(help_of, command):
    text = help_of(command)
    usage, what, *_ = text.split("\n\n")
    assert usage.startswith(f"usage: seqforecast {command} data --time")
    assert len(what.splitlines()) == 2
    assert text.count(f"seqforecast {command} ", text.index("examples:")) >= 3
    assert "\nthe table:\n" in text


@pytest.mark.parametrize("command", COMMANDS)
def test_every_example_of_help_can_be_parsed(help_of, command):
    """What is shown to be pasted must not be refused."""
    text = help_of(command)
    text = text[text.index("examples:") : text.index("\n\nthe table:")]
    examples = re.findall(r"seqforecast (?:.*\\\n)*.*", text)
    assert len(examples) >= 3
    for example in examples:
        words = example.replace("\\\n", " ").partition(">")[0].split()
        assert parser().parse_args(words[1:]).command == command


def test_columns_of_results_are_explained(help_of):
    assert "y_hat" in help_of("forecast")
    assert "lo-80, hi-80" in help_of("forecast")
    for column in ("cutoff", "step", "y_hat", "seasonal_naive", "mase_scale", "rmsse_scale"):
        assert column in help_of("backtest")


def test_version(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"seqforecast {__version__}\n"


@pytest.mark.parametrize("arguments", [["--help"], ["forecast", "--help"], ["forecast"]])
def test_help_and_usage_import_nothing_heavy(arguments):
    code = (
        "import sys; from seqforecast.cli import main; "
        f"main({arguments!r}); print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {"numpy", "pandas", "sklearn", "skorch", "torch", "matplotlib", "tqdm"}
    assert not heavy & set(done.stderr.split())
