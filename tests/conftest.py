import os
import signal

import hypothesis
import torch

# A time limit per example fails on a busy machine; CI draws the same examples every time.
hypothesis.settings.register_profile(
    "seqforecast", deadline=None, derandomize="CI" in os.environ, print_blob=True
)
hypothesis.settings.load_profile("seqforecast")


def pytest_sessionstart():
    # The tests' tensors are small: more threads would only wait for each other.
    torch.set_num_threads(1)
    # A job in the background of a script starts with SIGINT ignored, and so do its children.
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
