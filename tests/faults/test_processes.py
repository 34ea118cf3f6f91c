"""Fork and spawn: the same bits in every process, and none that waits for ever."""

import json
import sys

import pytest

TIMEOUT = 200  # seconds; each process needs a few

SCRIPT = """
import json, multiprocessing, os, pickle, signal, sys, threading, time, warnings

import numpy as np
import torch

from seqforecast import Forecaster, GRURegressor, LSTMRegressor, make_windows

series = 10 + np.sin(np.arange(120)) + 0.1 * np.random.default_rng(0).standard_normal(120)
X, y = make_windows(series, window=8)
warnings.simplefilter("ignore")  # Python 3.12 warns of a fork beside threads


def new(number, **options):
    kind = (LSTMRegressor, GRURegressor)[number % 2]  # GRU with dropout: torch's own threads
    return kind(**{"hidden_size": 48, "dropout": 0.1 * (number % 2), "max_epochs": 2,
                   "random_state": number, "n_jobs": 2, **options})


def fit(number):
    return new(number).fit(X, y).predict(X).tobytes()


def use(models):
    return [model.predict(X).tobytes() for model in models]


def ask(forecaster):
    return np.asarray(forecaster.predict(3, level=80)).tobytes()


if __name__ == "__main__":
    results = {}
    models = [new(number).fit(X, y) for number in range(2)]
    alone, fits = use(models), [fit(number) for number in range(2)]
    forecaster = Forecaster(new(0), window=8).fit(series)
    asked = ask(forecaster)
    torch.set_num_threads(2)
    torch.randn(700, 700) @ torch.randn(700, 700)  # torch's threads run before the fork, too

    for way in sys.argv[1].split(",") if len(sys.argv) > 1 else ("fork", "spawn"):
        if way not in multiprocessing.get_all_start_methods():
            continue
        with multiprocessing.get_context(way).Pool(1) as pool:
            results[way] = {
                "predict": pool.apply_async(use, (models,)).get(60) == alone,
                "fit": pool.map_async(fit, range(2)).get(60) == fits,
                "forecaster": pool.apply_async(ask, (forecaster,)).get(60) == asked,
            }

    if hasattr(os, "fork"):
        # Others fit at the moment of the fork: their locks are not the child's.
        stop = threading.Event()

        def fit_on():
            while not stop.is_set():
                new(0, hidden_size=4, max_epochs=1, n_jobs=1).fit(X[:40], y[:40])

        threads = [threading.Thread(target=fit_on) for _ in range(3)]
        for thread in threads:
            thread.start()
        codes = []
        for _ in range(8):
            child = os.fork()
            if child == 0:
                signal.alarm(60)  # ends a child that hangs
                same = use(models) == alone and torch.get_num_threads() == 2
                os._exit(0 if same else 1)
            codes.append(os.waitpid(child, 0)[1])
        stop.set()
        for thread in threads:
            thread.join()
        results["fork beside threads"] = codes
    print(json.dumps(results))
"""


@pytest.fixture(scope="module")
def results(start, request):
    with start(SCRIPT, request.param) as process:
        try:
            out, errors = process.communicate(timeout=TIMEOUT)
        except BaseException:
            process.kill()
            raise
    assert process.returncode == 0, errors
    return json.loads(out)


POSIX = pytest.mark.skipif(sys.platform == "win32", reason="there is no fork")
WAYS = [pytest.param("fork", marks=POSIX), pytest.param("spawn", marks=pytest.mark.slow)]


@pytest.mark.parametrize("what", ["predict", "fit", "forecaster"])
@pytest.mark.parametrize("results", WAYS, indirect=True)
def test_process_gives_the_bits_of_its_parent(results, what):
    (by_what,) = (results[way] for way in ("fork", "spawn") if way in results)
    assert by_what[what]


@POSIX
@pytest.mark.parametrize("results", WAYS[:1], indirect=True)
def test_fork_while_other_threads_fit_does_not_hang(results):
    assert results["fork beside threads"] == [0] * 8
