"""The classic tests of long memory: adding, copy, temporal order, each as its source defines it."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from seqforecast._shared.checks import check_integer, check_word
from seqforecast.datasets.randomness import RandomState, generator_from

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


def make_adding_problem(
    n_windows: int,
    *,
    window: int,
    variant: str = "arjovsky",
    random_state: RandomState = None,
) -> tuple[FloatArray, FloatArray]:
    """Draw windows whose target is the sum of the two marked values.

    Use it to compare how far back recurrent networks learn; it is the most common test of that
    kind. The literature holds four versions that differ in difficulty: compare numbers only
    within one.

    Parameters
    ----------
    n_windows : int
        Number of windows, at least 1.
    window : int
        Steps in a window (the shortest sequence, where the length varies). At least 2 for
        "arjovsky" and "bai", 10 for "pascanu", 22 for "hs97".
    variant : {"arjovsky", "bai", "pascanu", "hs97"}, default="arjovsky"
        Which version of the task to draw; see the table in the notes.
    random_state : int, RandomState instance or None, default=None
        An int gives the same windows in every call (with the same version of NumPy); None draws
        fresh entropy from the operating system. NumPy's global generator is never used.

    Returns
    -------
    X : ndarray of shape (n_windows, n_steps, 2), float64
        Channel 0 is the value, channel 1 the mark; oldest step first. n_steps is `window` for
        "arjovsky" and "bai", the longest possible sequence for the other two:
        ``window + window // 10 - 1`` for "pascanu", ``window + window // 10`` for "hs97".
        Shorter sequences start late: the steps before them are zero in both channels.
    y : ndarray of shape (n_windows,), float64
        The sum of the two marked values, scaled as the variant asks.

    Raises
    ------
    ValueError
        If a size is too small for the variant, or the variant is unknown.

    See Also
    --------
    make_copy_memory : Many symbols to remember instead of two values.
    make_temporal_order : Remember the order of two symbols.

    Notes
    -----
    L is the length of a sequence, T the `window`, all intervals exclude their right end.

    =========== ======================== ========== ========================= ============
    variant     L                        values     first mark, second mark   target
    =========== ======================== ========== ========================= ============
    "arjovsky"  T                        U[0, 1)    [0, T/2), [T/2, T)        v1 + v2
    "bai"       T                        U[0, 1)    two of [0, T)             v1 + v2
    "pascanu"   T + randint(T/10)        U[0, 1)    [0, .1 L), [.1 L, .5 L)   (v1 + v2) / 2
    "hs97"      T to 1.1 T, inclusive    U[-1, 1)   [0, 10), rest of          .5 + (v1 + v2)
                                                    [0, T/2 - 1)              / 4
    =========== ======================== ========== ========================= ============

    Divisions round down. In "hs97" the mark of the first and the last pair is -1; if the first
    pair is one of the two marked ones, its mark stays -1 and its value is set to 0. Pascanu's
    own code draws one length for a whole batch; here every window draws its own.

    Mean squared error of the best constant: 1/6 = .1667 for "arjovsky" and "bai" (predict 1),
    1/24 = .0417 for "pascanu" (predict .5), and (2 - p)/48 for "hs97" (predict .5), where
    p = .1 + .9 / (T // 2 - 2) is the probability that the first pair is marked. The best
    possible error is 0.

    The sources are [1]_ for "arjovsky", [2]_ for "bai", [3]_ and its code for "pascanu" and
    [4]_, experiment 4, for "hs97".

    References
    ----------
    .. [1] M. Arjovsky, A. Shah and Y. Bengio (2016), "Unitary evolution recurrent neural
       networks", ICML.
    .. [2] S. Bai, J. Z. Kolter and V. Koltun (2018), "An empirical evaluation of generic
       convolutional and recurrent networks for sequence modeling", arXiv:1803.01271.
    .. [3] R. Pascanu, T. Mikolov and Y. Bengio (2013), "On the difficulty of training recurrent
       neural networks", ICML.
    .. [4] S. Hochreiter and J. Schmidhuber (1997), "Long short-term memory", Neural Computation
       9(8), 1735-1780.

    Examples
    --------
    >>> from seqforecast.datasets import make_adding_problem
    >>> X, y = make_adding_problem(1000, window=50, random_state=0)
    >>> X.shape, y.shape
    ((1000, 50, 2), (1000,))
    >>> value, mark = X[0, :, 0], X[0, :, 1]
    >>> bool(abs(value @ mark - y[0]) < 1e-12)
    True
    """
    check_integer("n_windows", n_windows)
    check_word("variant", variant, _ADDING_VARIANTS)
    shortest, draw = _ADDING_VARIANTS[variant]
    check_integer("window", window, minimum=shortest)
    return draw(n_windows, window, generator_from(random_state))


def make_copy_memory(
    n_windows: int,
    *,
    delay: int,
    n_symbols: int = 10,
    alphabet: int = 8,
    random_state: RandomState = None,
) -> tuple[FloatArray, FloatArray]:
    """Draw windows that ask for the first symbols again after a long silence.

    Use it as the hardest of the tests: every one of `n_symbols` symbols must be held over
    `delay` steps, and there is a target at every step.

    Parameters
    ----------
    n_windows : int
        Number of windows, at least 1.
    delay : int
        Steps from the last symbol seen to the delimiter that asks for them; at least 1. Each
        symbol is asked for `delay` + `n_symbols` steps after it was shown.
    n_symbols : int, default=10
        Symbols to remember, at least 1.
    alphabet : int, default=8
        Number of different symbols, at least 2.
    random_state : int, RandomState instance or None, default=None
        An int gives the same windows in every call (with the same version of NumPy); None draws
        fresh entropy from the operating system. NumPy's global generator is never used.

    Returns
    -------
    X : ndarray of shape (n_windows, delay + 2 * n_symbols, alphabet + 2), float64
        One-hot inputs, oldest step first. Channel 0 is the blank, 1 to `alphabet` the symbols,
        the last one the delimiter.
    y : ndarray of shape (n_windows, delay + 2 * n_symbols, alphabet + 2), float64
        One-hot targets at every step, coded in the same way; the delimiter never occurs.

    Raises
    ------
    ValueError
        If a size is too small.

    See Also
    --------
    make_adding_problem : A target at the last step only.
    make_temporal_order : A class at the last step only.

    Notes
    -----
    With n symbols out of an alphabet of A, and delay T, the sequence [1]_ is::

        input    n symbols, T - 1 blanks, the delimiter, n blanks
        target   T + n blanks, then the n symbols

    A predictor that counts the steps but has forgotten the symbols answers with the blank, and
    with 1/A for every symbol in the last n steps. Averaged over the T + 2n steps its cross-entropy
    is n ln(A) / (T + 2n), which is 10 ln(8) / (T + 20) at the defaults (.1733 at T = 100). Its
    squared error at a step to recall is (1 - 1/A)^2 + (A - 1)/A^2 = 1 - 1/A, so that the mean
    squared error over steps and outputs is n (1 - 1/A) / ((T + 2n)(A + 2)), which is .00729 at
    T = 100. The best possible value of both is 0.

    References
    ----------
    .. [1] M. Arjovsky, A. Shah and Y. Bengio (2016), "Unitary evolution recurrent neural
       networks", ICML.

    Examples
    --------
    >>> from seqforecast.datasets import make_copy_memory
    >>> X, y = make_copy_memory(1, delay=3, n_symbols=2, random_state=0)
    >>> X.shape, y.shape
    ((1, 7, 10), (1, 7, 10))
    >>> shown, asked = X[0].argmax(axis=1), y[0].argmax(axis=1)
    >>> shown[2:].tolist(), asked[:5].tolist()
    ([0, 0, 9, 0, 0], [0, 0, 0, 0, 0])
    >>> bool((shown[:2] == asked[5:]).all())
    True
    """
    check_integer("n_windows", n_windows)
    check_integer("delay", delay)
    check_integer("n_symbols", n_symbols)
    check_integer("alphabet", alphabet, minimum=2)
    symbols = generator_from(random_state).integers(1, alphabet + 1, size=(n_windows, n_symbols))
    shown = np.zeros((n_windows, delay + 2 * n_symbols), dtype=np.int64)
    asked = np.zeros_like(shown)
    shown[:, :n_symbols] = symbols
    shown[:, n_symbols + delay - 1] = alphabet + 1
    asked[:, -n_symbols:] = symbols
    return _one_hot(shown, alphabet + 2), _one_hot(asked, alphabet + 2)


def make_temporal_order(
    n_windows: int,
    *,
    window: int,
    random_state: RandomState = None,
) -> tuple[FloatArray, FloatArray]:
    """Draw windows that hide two key symbols among distractors and ask in which order they came.

    Use it where the target is a class: only two bits are to be held, but the first of them over
    80 to 90 percent of the window.

    Parameters
    ----------
    n_windows : int
        Number of windows, at least 1.
    window : int
        Steps in a window, at least 10.
    random_state : int, RandomState instance or None, default=None
        An int gives the same windows in every call (with the same version of NumPy); None draws
        fresh entropy from the operating system. NumPy's global generator is never used.

    Returns
    -------
    X : ndarray of shape (n_windows, window, 6), float64
        One-hot inputs, oldest step first. Channels 0 and 1 are the keys A and B, channels 2 to
        5 the distractors c, d, e and f.
    y : ndarray of shape (n_windows, 4), float64
        One-hot class, in the order AA, BA, AB, BB (the key seen first is named first).

    Raises
    ------
    ValueError
        If `n_windows` is below 1 or `window` below 10.

    See Also
    --------
    make_adding_problem : Real values to remember instead of symbols.

    Notes
    -----
    With keys k1, k2 in {0, 1} (A, B) and L the `window`, all divisions rounded down::

        first key at  L/10 + randint(L/10),   second key at  L/2 + randint(L/10)
        class = k1 + 2 k2

    as in the code that goes with [1]_. The four classes are equally likely, so whoever has seen
    no key has a cross-entropy of ln 4 = 1.386, an error rate of 3/4 and, averaged over the four
    outputs, a squared error of 3/16 = .1875. Who remembers only the second key has half the
    entropy, ln 2, and a squared error of 1/8. The best possible value of all is 0.

    References
    ----------
    .. [1] R. Pascanu, T. Mikolov and Y. Bengio (2013), "On the difficulty of training recurrent
       neural networks", ICML.

    Examples
    --------
    >>> from seqforecast.datasets import make_temporal_order
    >>> X, y = make_temporal_order(100, window=20, random_state=0)
    >>> X.shape, y.shape
    ((100, 20, 6), (100, 4))
    """
    check_integer("n_windows", n_windows)
    check_integer("window", window, minimum=10)
    rng = generator_from(random_state)
    rows = np.arange(n_windows)
    first_key, second_key = rng.integers(2, size=(2, n_windows))
    codes = rng.integers(2, 6, size=(n_windows, window))
    codes[rows, window // 10 + rng.integers(window // 10, size=n_windows)] = first_key
    codes[rows, window // 2 + rng.integers(window // 10, size=n_windows)] = second_key
    return _one_hot(codes, 6), _one_hot(first_key + 2 * second_key, 4)


def _adding_arjovsky(
    n_windows: int, window: int, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    half = window // 2
    first = rng.integers(half, size=n_windows)
    second = rng.integers(half, window, size=n_windows)
    X, marked = _mark(rng.random((n_windows, window)), first, second)
    return X, marked.sum(axis=1)


def _adding_bai(
    n_windows: int, window: int, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    first = rng.integers(window, size=n_windows)
    second = _draw_other(window, first, rng)
    X, marked = _mark(rng.random((n_windows, window)), first, second)
    return X, marked.sum(axis=1)


def _adding_pascanu(
    n_windows: int, window: int, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    n_steps = window + window // 10 - 1
    length = window + rng.integers(window // 10, size=n_windows)
    start = n_steps - length
    first = start + rng.integers(length // 10)
    second = start + length // 10 + rng.integers(4 * length // 10)
    values = rng.random((n_windows, n_steps))
    values[np.arange(n_steps) < start[:, np.newaxis]] = 0.0
    X, marked = _mark(values, first, second)
    return X, marked.mean(axis=1)


def _adding_hs97(
    n_windows: int, window: int, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    n_steps = window + window // 10
    start = n_steps - window - rng.integers(window // 10 + 1, size=n_windows)
    first = rng.integers(10, size=n_windows)
    second = _draw_other(window // 2 - 1, first, rng)
    values = rng.uniform(-1.0, 1.0, (n_windows, n_steps))
    values[np.arange(n_steps) < start[:, np.newaxis]] = 0.0
    rows = np.arange(n_windows)
    values[rows, start] *= (first > 0) & (second > 0)
    X, marked = _mark(values, start + first, start + second)
    # The ends are marked last: their -1 wins over a 1 on the first pair.
    X[rows, start, 1] = -1.0
    X[:, -1, 1] = -1.0
    return X, 0.5 + marked.sum(axis=1) / 4


_AddingDraw = Callable[[int, int, np.random.Generator], tuple[FloatArray, FloatArray]]

# The shortest window in which every mark finds its place, and the function that draws.
_ADDING_VARIANTS: dict[str, tuple[int, _AddingDraw]] = {
    "arjovsky": (2, _adding_arjovsky),
    "bai": (2, _adding_bai),
    "pascanu": (10, _adding_pascanu),
    "hs97": (22, _adding_hs97),
}


def _draw_other(high: int, taken: IntArray, rng: np.random.Generator) -> IntArray:
    """Draw one of 0 .. high - 1 for each entry of `taken`, with equal chances, but never it."""
    other = rng.integers(high - 1, size=len(taken))
    return other + (other >= taken)


def _mark(values: FloatArray, first: IntArray, second: IntArray) -> tuple[FloatArray, FloatArray]:
    """Put a mark beside two values of each row; return the windows and the marked values."""
    places = np.stack([first, second], axis=1)
    marks = np.zeros_like(values)
    np.put_along_axis(marks, places, 1.0, axis=1)
    return np.stack([values, marks], axis=2), np.take_along_axis(values, places, axis=1)


def _one_hot(codes: IntArray, n_classes: int) -> FloatArray:
    return np.eye(n_classes)[codes]
