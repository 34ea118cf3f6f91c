"""What all tests share: profiles of hypothesis, threads, and the report of the slowest files."""

import signal
from collections import Counter

import hypothesis
import torch

# A time limit per example fails on a busy machine. `make test` draws the same examples every time,
# so that it never depends on luck; `make test-full` draws others, many more, and prints how to
# repeat what it finds: pytest --hypothesis-profile=explore.
hypothesis.settings.register_profile("quick", deadline=None, derandomize=True)
hypothesis.settings.register_profile("explore", deadline=None, max_examples=1000, print_blob=True)
hypothesis.settings.load_profile("quick")

_SLOWEST = 20


def pytest_sessionstart():
    # The tests' tensors are small: more threads would only wait for each other.
    torch.set_num_threads(1)
    # A job in the background of a script starts with SIGINT ignored, and so do its children.
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_terminal_summary(terminalreporter):
    """Name the files that take longest, of a run of many."""
    seconds = Counter()
    for reports in terminalreporter.stats.values():
        for report in reports:
            if hasattr(report, "duration"):
                seconds[report.nodeid.partition("::")[0]] += report.duration
    if len(seconds) <= _SLOWEST:
        return
    terminalreporter.section(f"the {_SLOWEST} slowest files of {len(seconds)}")
    for name, duration in seconds.most_common(_SLOWEST):
        terminalreporter.write_line(f"{duration:6.1f} s  {name}")
    terminalreporter.write_line(f"{seconds.total():6.1f} s  all")
