"""Processes that are killed before each line of a file in turn: no kill depends on the clock."""

import os
import signal
import sys


def killed_before_each_line(work, file):
    """Run `work` in child processes; yield each time one was killed.

    The first is killed before the first line of `file` that it comes to, the next before the
    second, and so on, until one comes to its end.
    """
    for number in range(1, 1_000):
        child = os.fork()
        if child == 0:
            _die_before_line(number, file)
            try:
                work()
                os._exit(0)
            finally:
                os._exit(1)
        status = os.waitpid(child, 0)[1]
        if status == 0:
            return
        assert status == signal.SIGKILL, status
        yield
    raise AssertionError(f"{file} is never left")


def _die_before_line(number, file):
    left = number

    def trace(frame, event, _argument):
        nonlocal left
        if frame.f_code.co_filename != file:
            return None
        if event == "line":
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
        return trace

    sys.settrace(trace)
