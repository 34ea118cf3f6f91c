"""The real process: exit codes, pipes, Ctrl-C, a terminal."""

import os
import re
import signal
import struct
import sys
import time

import numpy as np
import pandas as pd
import pytest

from seqforecast.cli import main

NAIVE = ("--time", "day", "--target", "sold", "--horizon", "7", "--model", "naive")
"""Starts without torch."""
ARGUMENTS = ("--time", "day", "--target", "sold", "--horizon", "7", "--max-steps", "3")

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals and pipes of POSIX")


def ended(process, data=None):
    out, err = process.communicate(data, timeout=120)
    assert b"Traceback" not in err
    assert b"Exception ignored" not in err
    return process.returncode, out.decode(), err.decode()


def test_a_wrong_command_line_ends_with_2(start):
    code, out, err = ended(start("forecast", "daily.csv"))
    assert (code, out) == (2, "")
    assert err.startswith("seqforecast")


@pytest.fixture
def terminal():
    """Return a terminal of 80 columns: the end that shows, and the end to write to."""
    import fcntl
    import termios

    shows, written = os.openpty()
    fcntl.ioctl(written, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    yield shows, written
    os.close(shows)


def test_interrupt_ends_with_130(start, here, terminal):
    """Ctrl-C while a network trains, which the bar tells of."""
    days = pd.date_range("1960-01-01", periods=20_000)  # no machine is done before the signal
    frame = pd.DataFrame({"day": days, "sold": np.sin(np.arange(20_000))})
    frame.to_csv(here / "daily.csv", index=False)
    arguments = (*ARGUMENTS[:-1], "1000000", "--folds", "4", "--out", "f.csv")
    shows, written = terminal
    process = start("backtest", "daily.csv", *arguments, stderr=written)
    os.close(written)
    wait_for(shows, b"fits")
    process.send_signal(signal.SIGINT)
    said = read_all(shows)
    process.communicate(timeout=120)
    assert process.returncode == 130
    assert said.rstrip().endswith(b"seqforecast: error: interrupted.")
    assert b"Traceback" not in said


def wait_for(stream, word):
    """Read until a terminal shows a word."""
    said = b""
    deadline = time.monotonic() + 120
    while word not in said:
        assert time.monotonic() < deadline, said
        said += os.read(stream, 1000)


def read_all(stream):
    said = b""
    try:
        while part := os.read(stream, 1000):
            said += part
    except OSError:  # what Linux says when the other end is closed
        pass
    return said


# What needs no torch is enough for every change; a forecast is printed by the same two lines.
PRINTING = [
    ("--help",),
    pytest.param(("forecast", "daily.csv", *NAIVE), marks=pytest.mark.slow),
]


@pytest.mark.parametrize("arguments", PRINTING)
def test_a_reader_that_has_read_enough_is_no_error(start, arguments):
    process = start(*arguments)
    process.stdout.close()  # before anything is written
    with process.stderr:
        err = process.stderr.read()
    assert (process.wait(timeout=120), err) == (0, b"")


LINUX = pytest.mark.skipif(not os.path.exists("/dev/full"), reason="a Linux device")


@LINUX
def test_a_full_disk_is_an_error(monkeypatch, capsys):
    with open("/dev/full", "w") as full:
        monkeypatch.setattr(sys, "stdout", full)
        assert main(["--version"]) == 1
    assert capsys.readouterr().err == "seqforecast: error: No space left on device.\n"


@LINUX
@pytest.mark.slow
def test_a_full_disk_behind_stdout_is_an_error(start):
    with open("/dev/full", "wb") as full:
        process = start("forecast", "daily.csv", *ARGUMENTS, "--out", "-", stdout=full)
    err = process.communicate(timeout=120)[1]
    assert process.returncode == 1
    assert err == b"seqforecast: error: No space left on device.\n"


def test_stdout_carries_the_table_alone_while_a_terminal_shows_progress(start, here, run, terminal):
    quiet = run("forecast", "daily.csv", "--out", "-", common=ARGUMENTS).out
    shows, written = terminal
    process = start("forecast", "-", *ARGUMENTS, "--out", "-", stdin=-1, stderr=written)
    os.close(written)
    process.stdin.write((here / "daily.csv").read_bytes())
    process.stdin.close()
    said = read_all(shows)
    with process.stdout:
        assert process.stdout.read().decode() == quiet
    assert process.wait(timeout=120) == 0
    assert b"1/2 fits" in said
    assert max(len(line) for line in re.split(rb"[\r\n]", said)) <= 4 * 80  # of several bytes each
