"""Thread count and denormal mode: set while computing, restored whatever happens."""

import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from seqforecast.training import threads
from seqforecast.training.threads import computing

AMBIENT = 3


@pytest.fixture(autouse=True)
def ambient_threads():
    """Start from a count that no `computing` below asks for, and leave no trace."""
    before = torch.get_num_threads()
    torch.set_num_threads(AMBIENT)
    yield
    torch.set_num_threads(before)
    torch.set_flush_denormal(False)


def flushes():
    """Tell whether a denormal product is zero, for Python's and for torch's numbers."""
    tiny = 1e-310
    in_python = tiny * 0.5 == 0.0
    in_torch = (torch.tensor([1e-39]) * torch.tensor([0.5])).item() == 0.0
    assert in_python == in_torch
    return in_python


def in_new_thread(function):
    results = []
    thread = threading.Thread(target=lambda: results.append(function()))
    thread.start()
    thread.join()
    return results[0]


@pytest.mark.parametrize("n_threads", [1, 2, AMBIENT])
def test_computing_sets_threads_and_flushes_and_restores_both(n_threads):
    assert not flushes()
    with computing(n_threads):
        assert torch.get_num_threads() == n_threads
        assert flushes()
    assert torch.get_num_threads() == AMBIENT
    assert not flushes()


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_computing_exception_restores_both(error):
    with pytest.raises(error), computing(1):
        raise error
    assert torch.get_num_threads() == AMBIENT
    assert not flushes()
    with computing(2):  # and the books are in order
        assert torch.get_num_threads() == 2
    assert torch.get_num_threads() == AMBIENT


def test_computing_already_flushing_goes_on_flushing():
    torch.set_flush_denormal(True)
    with computing(1):
        assert flushes()
    assert flushes()


@pytest.mark.parametrize("inner", [1, 2])
@pytest.mark.parametrize("outer", [1, 2])
def test_computing_nested_restores_the_outer_settings(outer, inner):
    with computing(outer):
        for _ in range(2):
            with computing(inner), computing(inner):
                assert torch.get_num_threads() == inner
                assert flushes()
            assert torch.get_num_threads() == outer
            assert flushes()
    assert torch.get_num_threads() == AMBIENT
    assert not flushes()


@pytest.mark.parametrize("counts", [(1, 1, 1, 1), (2, 2, 2, 2), (1, 2, 1, 2)])
def test_computing_four_threads_at_once_leave_every_thread_as_before(counts):
    entered, left = threading.Barrier(4), threading.Barrier(4)
    order = threading.Lock()

    def compute(n_threads):
        order.acquire()  # enter one after the other: later ones see the earlier one's count
        with computing(n_threads):
            order.release()
            entered.wait(timeout=60)
            inside = torch.get_num_threads(), flushes()
        left.wait(timeout=60)
        return inside, (torch.get_num_threads(), flushes())

    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(compute, counts))
    assert [inside for inside, _ in results] == [(count, True) for count in counts]
    assert [after for _, after in results] == [(AMBIENT, False)] * 4
    assert torch.get_num_threads() == AMBIENT
    assert in_new_thread(torch.get_num_threads) == AMBIENT


def test_computing_first_thread_leaves_first_and_the_last_restores_too():
    first_left = threading.Event()
    second_in = threading.Event()

    def second():
        with computing(2):
            second_in.set()
            first_left.wait(timeout=60)
        return torch.get_num_threads()

    with ThreadPoolExecutor(1) as pool:
        with computing(1):
            running = pool.submit(second)
            second_in.wait(timeout=60)
        assert torch.get_num_threads() == AMBIENT
        first_left.set()
        assert running.result() == AMBIENT
    assert torch.get_num_threads() == AMBIENT
    assert in_new_thread(torch.get_num_threads) == AMBIENT


def test_computing_in_another_thread_leaves_the_main_thread_alone():
    def compute():
        with computing(1):
            return main_is_free.wait(timeout=60)

    main_is_free = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(compute)
        assert torch.get_num_threads() == AMBIENT
        assert not flushes()
        main_is_free.set()
        assert running.result()
    assert torch.get_num_threads() == AMBIENT


def test_computing_thread_with_its_own_count_keeps_it():
    def compute():
        torch.set_num_threads(5)
        with computing(2):
            pass
        return torch.get_num_threads()

    with computing(1):
        assert in_new_thread(compute) == 5


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # beside threads: that is the test
def test_computing_in_a_forked_process_waits_for_no_lock_of_its_parent():
    with threads._lock:  # as another thread may hold it at that moment
        child = os.fork()
        if child == 0:
            signal.alarm(20)  # ends a child that hangs
            with computing(1):
                os._exit(0)
    assert os.waitpid(child, 0)[1] == 0


def test_computing_restores_though_ctrl_c_comes_as_it_begins_to(monkeypatch):
    before, end, calls = torch.get_num_threads(), threads._Computation.end, []

    def interrupted(computation):
        calls.append(computation)
        if len(calls) == 1:
            raise KeyboardInterrupt
        end(computation)

    monkeypatch.setattr(threads._Computation, "end", interrupted)
    with pytest.raises(KeyboardInterrupt), computing(before + 1), torch.no_grad():
        pass
    assert len(calls) == 2
    assert torch.get_num_threads() == before
    assert torch.is_grad_enabled()
