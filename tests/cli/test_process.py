"""The real process: exit codes, pipes, Ctrl-C, a terminal."""

import os
import re
import signal
import struct
import sys
import time
from io import StringIO

import pandas as pd
import pytest

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


def test_stdin_to_stdout_carries_a_table_alone_and_nothing_else_is_said(start, here, daily):
    process = start("forecast", "-", *ARGUMENTS, "--out", "-", stdin=-1)
    code, out, err = ended(process, (here / "daily.csv").read_bytes())
    assert (code, err) == (0, "")
    frame = pd.read_csv(StringIO(out), parse_dates=["day"])
    assert frame.columns.to_list() == ["day", "y_hat"]
    assert frame["day"].iloc[0] == daily["day"].iloc[-1] + pd.Timedelta(days=1)
    assert len(frame) == 7


@pytest.fixture
def terminal():
    """Return a terminal of 80 columns: the end that shows, and the end to write to."""
    import fcntl
    import termios

    shows, written = os.openpty()
    fcntl.ioctl(written, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    yield shows, written
    os.close(shows)


def test_interrupt_ends_with_130(start, terminal):
    """Ctrl-C while a network trains, which the bar tells of."""
    arguments = (*ARGUMENTS[:-2], "--folds", "4", "--out", "f.csv")
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


@pytest.mark.parametrize("arguments", [("--help",), ("forecast", "daily.csv", *NAIVE)])
def test_a_reader_that_has_read_enough_is_no_error(start, arguments):
    process = start(*arguments)
    process.stdout.close()  # before anything is written
    with process.stderr:
        err = process.stderr.read()
    assert (process.wait(timeout=120), err) == (0, b"")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="a Linux device")
def test_a_full_disk_behind_stdout_is_an_error(start):
    with open("/dev/full", "wb") as full:
        process = start("forecast", "daily.csv", *NAIVE, "--out", "-", stdout=full)
    err = process.communicate(timeout=120)[1]
    assert process.returncode == 1
    assert err == b"seqforecast: error: No space left on device.\n"


def test_progress_is_shown_on_a_terminal_and_the_forecast_is_the_same(start, run, terminal):
    quiet = run("forecast", "daily.csv", "--out", "-", common=ARGUMENTS).out
    shows, written = terminal
    process = start("forecast", "daily.csv", *ARGUMENTS, "--out", "-", stderr=written)
    os.close(written)
    said = read_all(shows)
    out = process.communicate(timeout=120)[0]
    assert process.returncode == 0
    assert out.decode() == quiet
    assert b"1/2 fits" in said
    assert max(len(line) for line in re.split(rb"[\r\n]", said)) <= 4 * 80  # of several bytes each
