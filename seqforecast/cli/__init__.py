"""The command line: ``seqforecast forecast | backtest | diagnose``.

What is imported here and in the parser is imported by ``seqforecast --help``: the standard library
alone, so that help comes at once. Whatever computes is imported by the command that runs.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence
from importlib import import_module

from seqforecast.cli.messages import CommandError, say_bug, say_error, warnings_in_words
from seqforecast.cli.parser import parser
from seqforecast.exceptions import DivergenceError

__all__ = ["main"]

_FAILED, _USAGE, _BUG, _INTERRUPTED = 1, 2, 70, 130  # a bug: EX_SOFTWARE of sysexits.h

_EXPECTED = (CommandError, DivergenceError, ImportError, MemoryError, OSError, ValueError)
"""What the package raises where data, arguments or the machine do not serve."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line, and return its exit code.

    Use it to call a command from Python as a terminal would; `Forecaster`, `backtest` and
    `diagnose` return frames and objects in place of text.

    Parameters
    ----------
    argv : sequence of str, default=None
        The arguments, without the name of the program; None takes those of the process.

    Returns
    -------
    int
        0 if it worked, 1 if the data cannot be used, a forecast failed or a result cannot be
        written, 2 if the command line is wrong, 70 if the package has a bug, 130 after Ctrl-C.

    Examples
    --------
    >>> from seqforecast.cli import main
    >>> main(["--version"])
    seqforecast ...
    0
    """
    try:
        code = _run(argv)
        _flush()
    except BrokenPipeError:  # whoever reads has read enough, as in `seqforecast ... | head`
        _forget_stdout()
        return 0
    except OSError as error:
        _forget_stdout()
        say_error(error)
        return _FAILED
    return code


def _run(argv: Sequence[str] | None) -> int:
    try:
        arguments = parser().parse_args(argv)
    except SystemExit as leaving:  # argparse has said all
        return leaving.code if isinstance(leaving.code, int) else _USAGE
    try:
        with warnings_in_words():
            import_module(f"seqforecast.cli.commands.{arguments.command}").run(arguments)
    except KeyboardInterrupt:
        say_error("interrupted.")
        return _INTERRUPTED
    except BrokenPipeError:
        raise
    except Exception as error:
        if arguments.traceback:
            traceback.print_exc()
        if isinstance(error, _EXPECTED):
            say_error(error)
            return _FAILED
        say_bug(error)
        return _BUG
    return 0


def _flush() -> None:
    if sys.stdout is not None:
        sys.stdout.flush()


def _forget_stdout() -> None:
    """Let what is left in the buffer go nowhere, or Python complains of it at its end."""
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
    except (OSError, ValueError):  # not a file: there is no buffer
        pass
