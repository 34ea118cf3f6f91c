"""The generators: structure against plain loops, known optima, seeds and refusals.

A mean over n draws of standard deviation s lies within 5 s / sqrt(n) of its expectation except
with a chance of one in a million; the seeds are fixed, so a test that passes keeps passing.
"""

import math
import os
import subprocess
import sys

import numpy as np
import pytest

from seqforecast import datasets
from seqforecast.datasets import (
    make_adding_problem,
    make_copy_memory,
    make_delayed_echo,
    make_seasonal_ar,
    make_temporal_order,
)
from seqforecast.datasets.generators import _filter_seasonal

VARIANTS = ["arjovsky", "bai", "pascanu", "hs97"]

CALLS = {
    "seasonal_ar": lambda **kw: (make_seasonal_ar(200, **kw),),
    "delayed_echo": lambda **kw: make_delayed_echo(9, window=12, delay=5, noise=0.1, **kw),
    "copy_memory": lambda **kw: make_copy_memory(9, delay=5, **kw),
    "temporal_order": lambda **kw: make_temporal_order(9, window=30, **kw),
    **{
        f"adding_{variant}": lambda variant=variant, **kw: make_adding_problem(
            9, window=30, variant=variant, **kw
        )
        for variant in VARIANTS
    },
}


def assert_mean_close(sample, expected):
    """Within five standard errors of the expected mean."""
    sample = np.asarray(sample, dtype=float)
    error = 5 * sample.std() / math.sqrt(len(sample))
    assert sample.mean() == pytest.approx(expected, abs=error + 1e-15)


@pytest.fixture(params=CALLS, ids=str)
def call(request):
    return CALLS[request.param]


# --- what all of them promise (NPY002 is off where NumPy's global generator is the subject)


def test_generators_every_public_one_is_covered():
    makers = {name for name in datasets.__all__ if name.startswith("make_")}
    assert makers == {"make_adding_problem"} | {
        f"make_{name}" for name in CALLS if not name.startswith("adding")
    }


def test_generator_int_seed_repeats_and_other_seed_differs(call):
    first, again, other = call(random_state=3), call(random_state=3), call(random_state=4)
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a, b)
    assert not np.array_equal(first[0], other[0])


def test_generator_float64_out(call):
    assert {array.dtype for array in call(random_state=0)} == {np.dtype("float64")}


def test_generator_random_state_object_moves_on_and_repeats(call):
    source, twin = np.random.RandomState(5), np.random.RandomState(5)
    first, second = call(random_state=source), call(random_state=source)
    np.testing.assert_array_equal(first[0], call(random_state=twin)[0])
    assert not np.array_equal(first[0], second[0])


def test_generator_numpy_integer_seed_equals_int_seed(call):
    np.testing.assert_array_equal(call(random_state=np.int64(7))[0], call(random_state=7)[0])


@pytest.mark.parametrize("random_state", [None, 0])
def test_generator_leaves_global_state_untouched(call, random_state):
    before = np.random.get_state()  # noqa: NPY002
    call(random_state=random_state)
    after = np.random.get_state()  # noqa: NPY002
    np.testing.assert_array_equal(before[1], after[1])
    assert before[2:] == after[2:]


def test_generator_without_seed_ignores_the_global_seed(call):
    state = np.random.get_state()  # noqa: NPY002
    try:
        np.random.seed(0)  # noqa: NPY002
        first = call()[0]
        np.random.seed(0)  # noqa: NPY002
        second = call()[0]
    finally:
        np.random.set_state(state)  # noqa: NPY002
    assert not np.array_equal(first, second)


def test_datasets_work_without_torch_or_matplotlib():
    code = (
        "import sys, seqforecast.datasets as d; d.make_seasonal_ar(50, random_state=0);"
        "sys.exit(any(m in sys.modules for m in ('torch', 'matplotlib')))"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    assert subprocess.run([sys.executable, "-c", code], env=environment).returncode == 0


# --- seasonal autoregression


@pytest.mark.parametrize(
    ("period", "phi", "n"), [(1, 0.9, 300), (7, -0.95, 500), (24, 0.999, 9999)]
)
def test_filter_seasonal_equals_plain_recursion(period, phi, n):
    innovations = np.random.default_rng(0).standard_normal(n)
    expected = innovations.copy()
    for t in range(period, n):
        expected[t] = phi * expected[t - period] + innovations[t]
    # Only the order of the additions differs.
    np.testing.assert_allclose(
        _filter_seasonal(innovations.copy(), period, phi), expected, rtol=0, atol=1e-11
    )


def test_seasonal_ar_oracle_reaches_the_best_error_and_mean_does_not():
    y = make_seasonal_ar(200_000, period=24, phi=0.9, random_state=0)
    assert_mean_close((y[24:] - 0.9 * y[:-24]) ** 2, 0.19)
    # Squares of y are correlated: the variance of their mean grows by (1 + phi^2)/(1 - phi^2).
    error = 5 * math.sqrt(2 / len(y) * (1 + 0.81) / (1 - 0.81))
    assert np.mean(y**2) == pytest.approx(1.0, abs=error)


def test_seasonal_ar_autocorrelation_is_zero_off_the_season():
    y = make_seasonal_ar(200_000, period=6, phi=0.8, random_state=1)
    # Bartlett: the largest standard error here is sqrt((1 + phi^2)/(1 - phi^2)/n) = 0.005.
    for lag in range(1, 20):
        expected = 0.8 ** (lag // 6) if lag % 6 == 0 else 0.0
        assert np.mean(y[lag:] * y[:-lag]) == pytest.approx(expected, abs=0.025), lag


def test_seasonal_ar_innovations_are_white_from_the_first_full_period():
    y = make_seasonal_ar(100_000, period=5, phi=0.9, random_state=2)
    innovations = y[5:] - 0.9 * y[:-5]
    for lag in (1, 4, 5, 6, 10):
        assert_mean_close(innovations[lag:] * innovations[:-lag], 0.0)


@pytest.mark.parametrize("step", [0, 2, 3, 5, 40])
def test_seasonal_ar_is_stationary_at_every_single_step(step):
    draws = [make_seasonal_ar(41, period=3, phi=0.9, random_state=s)[step] for s in range(2000)]
    assert_mean_close(draws, 0.0)
    assert_mean_close(np.square(draws), 1.0)


def test_seasonal_ar_phi_zero_is_white_noise_and_short_series_work():
    y = make_seasonal_ar(50_000, period=3, phi=0, random_state=0)
    assert_mean_close(y[3:] * y[:-3], 0.0)
    assert make_seasonal_ar(1, random_state=0).shape == (1,)
    assert make_seasonal_ar(random_state=0).shape == (2000,)


# --- delayed echo


@pytest.mark.parametrize("delay", [0, 3, 9])
def test_delayed_echo_without_noise_is_the_value_at_that_lag(delay):
    X, y = make_delayed_echo(50, window=10, delay=delay, random_state=0)
    assert X.shape == (50, 10)
    for row, target in zip(X.tolist(), y.tolist(), strict=True):
        assert row[::-1][delay] == target


def test_delayed_echo_errors_are_the_stated_ones():
    X, y = make_delayed_echo(50_000, window=8, delay=5, noise=0.5, random_state=0)
    assert_mean_close((y - X[:, 2]) ** 2, 0.25)
    assert_mean_close(y**2, 1.25)
    for other in (0, 1, 3, 4, 5, 6, 7):
        assert_mean_close(y * X[:, other], 0.0)
    assert_mean_close(X[:, 0] * X[:, 1], 0.0)


# --- adding problem


def read_adding(variant, sequence):
    """Redo the task by hand: (first mark, second mark, target) of one unpadded sequence."""
    values, marks = sequence[:, 0], sequence[:, 1]
    ones = [t for t in range(len(sequence)) if marks[t] == 1.0]
    if variant != "hs97":
        assert len(ones) == 2
        assert all(m in (0.0, 1.0) for m in marks)
        total = sum(values[t] for t in ones)
        return ones[0], ones[1], total / 2 if variant == "pascanu" else total
    assert marks[0] == marks[-1] == -1.0
    assert all(m in (0.0, 1.0) for m in marks[1:-1])
    assert len(ones) == (1 if values[0] == 0.0 else 2)
    total = sum(values[t] for t in ones)
    first = 0 if len(ones) == 1 else ones[0]
    return first, ones[-1], 0.5 + total / 4


def unpad_adding(variant, X, window):
    """Strip the zero steps in front, and check that the length is one the source allows."""
    n_steps = {"pascanu": window + window // 10 - 1, "hs97": window + window // 10}
    assert X.shape[1:] == (n_steps.get(variant, window), 2)
    for sequence in X:
        start = 0
        # In "hs97" the -1 shows the start; elsewhere an exact 0.0 is not drawn by this seed.
        while not sequence[start].any():
            start += 1
        assert len(sequence) - start >= window
        yield sequence[start:]


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("window", [22, 47, 100])
def test_adding_problem_equals_its_definition_read_by_hand(variant, window):
    X, y = make_adding_problem(2000, window=window, variant=variant, random_state=0)
    low = -1.0 if variant == "hs97" else 0.0
    assert X[:, :, 0].min() >= low
    assert X[:, :, 0].max() < 1.0
    assert X[:, :, 0].min() < low + 0.01
    for sequence, target in zip(unpad_adding(variant, X, window), y, strict=True):
        first, second, expected = read_adding(variant, sequence)
        length = len(sequence)
        assert target == pytest.approx(expected, abs=1e-12)
        if variant == "arjovsky":
            assert first < window // 2 <= second
        elif variant == "pascanu":
            assert first < int(0.1 * length) <= second < int(0.1 * length) + int(0.4 * length)
        elif variant == "hs97":
            assert first < 10
            assert second < window // 2 - 1


@pytest.mark.parametrize(
    ("variant", "reached"),
    [
        ("arjovsky", set(range(30))),
        ("bai", set(range(30))),
        # Length 30 to 32: marks over [0, 3) and [3, 15).
        ("pascanu", set(range(15))),
        # Position 0 shows -1, so its mark is not seen; the other 1 .. 13 are.
        ("hs97", set(range(1, 14))),
    ],
)
def test_adding_problem_marks_reach_every_allowed_position_and_no_other(variant, reached):
    X, _ = make_adding_problem(4000, window=30, variant=variant, random_state=1)
    seen = set()
    for sequence in unpad_adding(variant, X, 30):
        seen |= set(np.flatnonzero(sequence[:, 1] == 1.0).tolist())
    assert seen == reached


@pytest.mark.parametrize(
    ("variant", "lengths"), [("pascanu", {30, 31, 32}), ("hs97", {*range(30, 34)})]
)
def test_adding_problem_varying_lengths_are_all_drawn(variant, lengths):
    X, _ = make_adding_problem(400, window=30, variant=variant, random_state=2)
    assert {len(sequence) for sequence in unpad_adding(variant, X, 30)} == lengths


def test_adding_problem_bai_pairs_are_equally_likely():
    X, _ = make_adding_problem(60_000, window=4, variant="bai", random_state=0)
    pairs = [tuple(np.flatnonzero(marks)) for marks in X[:, :, 1]]
    for pair in [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)]:
        assert_mean_close([p == pair for p in pairs], 1 / 6)


def test_adding_problem_hs97_second_mark_is_even_over_what_is_left():
    X, _ = make_adding_problem(40_000, window=22, variant="hs97", random_state=0)
    # Ten places for two marks, none preferred: position k holds one with probability 2/10.
    marked = np.zeros((len(X), 10))
    for row, sequence in enumerate(unpad_adding("hs97", X, 22)):
        marked[row] = sequence[:10, 1] == 1.0
        marked[row, 0] = sequence[0, 0] == 0.0
    for position in range(10):
        assert_mean_close(marked[:, position], 0.2)


@pytest.mark.parametrize(
    ("variant", "constant", "baseline"),
    [
        ("arjovsky", 1.0, 1 / 6),
        ("bai", 1.0, 1 / 6),
        ("pascanu", 0.5, 1 / 24),
        ("hs97", 0.5, (2 - (0.1 + 0.9 / 10)) / 48),
    ],
)
def test_adding_problem_constant_predictor_has_the_stated_error(variant, constant, baseline):
    # window 24 for hs97: T // 2 - 2 = 10, so that p = 0.19 differs clearly from 0.1.
    _, y = make_adding_problem(100_000, window=24, variant=variant, random_state=0)
    assert_mean_close(y, constant)
    assert_mean_close((y - constant) ** 2, baseline)


# --- copy memory


@pytest.mark.parametrize(("delay", "n_symbols", "alphabet"), [(1, 1, 2), (7, 3, 4), (20, 10, 8)])
def test_copy_memory_equals_its_definition_written_as_a_loop(delay, n_symbols, alphabet):
    X, y = make_copy_memory(40, delay=delay, n_symbols=n_symbols, alphabet=alphabet, random_state=0)
    assert X.shape == y.shape == (40, delay + 2 * n_symbols, alphabet + 2)
    for shown, asked in zip(X.tolist(), y.tolist(), strict=True):
        assert all(sorted(step) == [0.0] * (alphabet + 1) + [1.0] for step in shown + asked)
        symbols = [step.index(1.0) for step in shown[:n_symbols]]
        assert all(1 <= symbol <= alphabet for symbol in symbols)
        rest = [0] * (delay - 1) + [alphabet + 1] + [0] * n_symbols
        assert [step.index(1.0) for step in shown[n_symbols:]] == rest
        assert [step.index(1.0) for step in asked] == [0] * (delay + n_symbols) + symbols


def test_copy_memory_symbols_are_equally_likely():
    X, _ = make_copy_memory(5000, delay=1, n_symbols=4, alphabet=5, random_state=0)
    shown = X[:, :4].reshape(-1, 7)
    for symbol in range(1, 6):
        assert_mean_close(shown[:, symbol], 0.2)


def test_copy_memory_forgetful_predictor_has_the_stated_baselines():
    delay, n, alphabet = 100, 10, 8
    _, y = make_copy_memory(500, delay=delay, random_state=0)
    guess = np.zeros(y.shape[1:])
    guess[: delay + n, 0] = 1.0
    guess[delay + n :, 1 : alphabet + 1] = 1 / alphabet
    squared = np.mean((y - guess) ** 2)
    # Both are the same for every draw of symbols, so equality is exact.
    assert squared == pytest.approx(n * (1 - 1 / alphabet) / ((delay + 2 * n) * (alphabet + 2)))
    assert squared == pytest.approx(0.00729, abs=5e-6)
    entropy = -np.log(np.sum(y * guess, axis=2)).mean()
    assert entropy == pytest.approx(10 * math.log(8) / (delay + 20))
    assert entropy == pytest.approx(0.1733, abs=5e-5)
    # No constant does better: the mean target is the guess, but for sampling error.
    sampling_error = 5 * math.sqrt(1 / alphabet / len(y))
    np.testing.assert_allclose(y.mean(axis=0), guess, atol=sampling_error)


# --- temporal order


@pytest.mark.parametrize("window", [10, 37, 60])
def test_temporal_order_class_and_positions_read_by_hand(window):
    X, y = make_temporal_order(1500, window=window, random_state=0)
    assert X.shape == (1500, window, 6)
    assert y.shape == (1500, 4)
    places = set()
    for sequence, target in zip(X.tolist(), y.tolist(), strict=True):
        assert all(sorted(step) == [0.0] * 5 + [1.0] for step in sequence)
        symbols = "".join("ABcdef"[step.index(1.0)] for step in sequence)
        keys = [t for t, symbol in enumerate(symbols) if symbol in "AB"]
        assert len(keys) == 2
        places.add((keys[0], keys[1]))
        order = symbols[keys[0]] + symbols[keys[1]]
        assert sorted(target) == [0.0, 0.0, 0.0, 1.0]
        assert ["AA", "BA", "AB", "BB"][target.index(1.0)] == order
    tenth = window // 10
    assert {first for first, _ in places} == set(range(tenth, 2 * tenth))
    assert {second for _, second in places} == set(range(window // 2, window // 2 + tenth))


def test_temporal_order_classes_and_distractors_are_equally_likely():
    X, y = make_temporal_order(20_000, window=10, random_state=0)
    for k in range(4):
        assert_mean_close(y[:, k], 0.25)
        assert_mean_close(X[:, 0, 2 + k], 0.25)
    assert_mean_close(np.mean((y - 0.25) ** 2, axis=1), 3 / 16)


def test_temporal_order_second_key_alone_leaves_half_the_entropy():
    X, y = make_temporal_order(2000, window=10, random_state=0)
    second_is_b = X[:, 5, 1]
    guess = 0.5 * np.where(second_is_b[:, np.newaxis], [0, 0, 1, 1], [1, 1, 0, 0])
    np.testing.assert_allclose(np.mean((y - guess) ** 2, axis=1), 1 / 8)
    np.testing.assert_allclose(np.sum(y * guess, axis=1), 0.5)


# --- bad input


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: make_seasonal_ar(0), "n_steps=0; an integer of at least 1 is needed. Set"),
        (lambda: make_seasonal_ar(10.5), "n_steps=10.5; an integer"),
        (lambda: make_seasonal_ar(True), "n_steps=True; an integer"),
        (lambda: make_seasonal_ar(period=0), "period=0; an integer"),
        (lambda: make_seasonal_ar(phi=1.0), "phi=1.0; a number above -1 and below 1 is needed."),
        (lambda: make_seasonal_ar(phi=-1), "phi=-1; a number"),
        (lambda: make_seasonal_ar(phi=float("nan")), "phi=nan; a number"),
        (lambda: make_seasonal_ar(phi="0.9"), "phi='0.9'; a number"),
        (lambda: make_seasonal_ar(random_state="seed"), "random_state='seed'; an integer"),
        (lambda: make_seasonal_ar(random_state=-1), "an integer of at least 0 is needed"),
        (lambda: make_seasonal_ar(random_state=True), "random_state=True; an integer"),
        (lambda: make_delayed_echo(0, window=5, delay=1), "n_windows=0; an integer"),
        (lambda: make_delayed_echo(5, window=0, delay=1), "window=0; an integer"),
        (lambda: make_delayed_echo(5, window=5, delay=-1), "delay=-1; an integer"),
        (
            lambda: make_delayed_echo(5, window=24, delay=24),
            "window=24 and delay=24 put the echo before the window; the window must hold at "
            "least delay + 1 = 25 steps. Use a longer window or a smaller delay.",
        ),
        (
            lambda: make_delayed_echo(5, window=5, delay=1, noise=-0.1),
            "noise=-0.1; a number of at least 0 is needed.",
        ),
        (
            lambda: make_delayed_echo(5, window=5, delay=1, noise=float("inf")),
            "noise=inf; a number",
        ),
        (
            lambda: make_adding_problem(5, window=30, variant="arjovski"),
            "variant='arjovski'; one of 'arjovsky', 'bai', 'pascanu', 'hs97' is needed. Did you "
            "mean 'arjovsky'?",
        ),
        (
            lambda: make_adding_problem(5, window=30, variant="zzz"),
            "variant='zzz'; one of 'arjovsky', 'bai', 'pascanu', 'hs97' is needed. Choose variant "
            "among them.",
        ),
        (
            lambda: make_adding_problem(5, window=30, variant=["bai"]),
            "variant=['bai']; one of",
        ),
        (lambda: make_adding_problem(0, window=30), "n_windows=0; an integer"),
        (lambda: make_adding_problem(5, window=1), "window=1; an integer"),
        (lambda: make_adding_problem(5, window=1, variant="bai"), "at least 2 is"),
        (
            lambda: make_adding_problem(5, window=9, variant="pascanu"),
            "at least 10 is",
        ),
        (
            lambda: make_adding_problem(5, window=21, variant="hs97"),
            "window=21; an integer of at least 22 is needed.",
        ),
        (lambda: make_copy_memory(0, delay=5), "n_windows=0; an integer"),
        (lambda: make_copy_memory(5, delay=0), "delay=0; an integer"),
        (lambda: make_copy_memory(5, delay=5, n_symbols=0), "n_symbols=0; an integer"),
        (lambda: make_copy_memory(5, delay=5, alphabet=1), "alphabet=1; an integer"),
        (lambda: make_temporal_order(0, window=20), "n_windows=0; an integer"),
        (
            lambda: make_temporal_order(5, window=9),
            "window=9; an integer of at least 10 is needed.",
        ),
    ],
)
def test_generator_bad_input_says_what_was_given_needed_and_to_do(make, message):
    with pytest.raises(ValueError) as raised:  # noqa: PT011  (the message is tested below)
        make()
    assert message in str(raised.value)


@pytest.mark.parametrize(
    ("variant", "shortest"), [("arjovsky", 2), ("bai", 2), ("pascanu", 10), ("hs97", 22)]
)
def test_adding_problem_shortest_window_works(variant, shortest):
    X, y = make_adding_problem(200, window=shortest, variant=variant, random_state=0)
    assert np.isfinite(X).all()
    assert np.isfinite(y).all()
