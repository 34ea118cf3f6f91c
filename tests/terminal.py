"""Run code in a process of its own whose output goes to a terminal, and read what it shows."""

import os
import re
import subprocess
import sys

import pytest

LINES, COLUMNS = 40, 80
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def shown_in_terminal(code, *, timeout=120):
    """Return everything that Python code writes to a terminal of 80 columns, line by line."""
    if sys.platform == "win32":
        pytest.skip("pseudo-terminals are of POSIX")
    import fcntl
    import pty
    import struct
    import termios

    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-W", "error", "-c", code],
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
        env=os.environ | {"TERM": "xterm", "OMP_NUM_THREADS": "1"},
    )
    os.close(theirs)
    written = bytearray()
    try:
        while True:
            try:
                part = os.read(ours, 1 << 16)
            except OSError:  # the other end was closed
                break
            if not part:
                break
            written += part
        assert process.wait(timeout) == 0, written.decode()
    finally:
        process.kill()
        os.close(ours)
    text = _CONTROL.sub("", written.decode()).replace("\r", "\n")
    return [line.rstrip() for line in text.split("\n") if line.strip()]
