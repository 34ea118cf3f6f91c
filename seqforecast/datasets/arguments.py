"""What every generator asks of its arguments: sizes, numbers and the source of randomness."""

from numbers import Real

import numpy as np

from seqforecast._shared.checks import is_integer

RandomState = int | np.random.RandomState | None


def generator_from(random_state: RandomState) -> np.random.Generator:
    """Make an explicit generator, so that NumPy's global one is neither read nor moved."""
    if isinstance(random_state, np.random.RandomState):
        # Words drawn from it seed ours: it moves on, so that a second call gives other numbers.
        return np.random.default_rng(random_state.randint(2**32, size=4, dtype=np.uint32))
    if random_state is None or (is_integer(random_state) and random_state >= 0):
        return np.random.default_rng(random_state)
    error = ValueError if is_integer(random_state) else TypeError
    raise error(
        f"random_state={random_state!r} cannot seed a generator; it must be None, an int of 0 or "
        "more, or a numpy.random.RandomState. Use random_state=0 for a result that repeats."
    )


def check_count(name: str, value: int, minimum: int, condition: str = "") -> int:
    """Return a size as an int, or raise where it is none of at least `minimum`."""
    if is_integer(value) and value >= minimum:
        return int(value)
    error = ValueError if is_integer(value) else TypeError
    raise error(
        f"{name}={value!r} was given; {name} must be an int of at least {minimum}{condition}. "
        f"Use {name}={minimum} or more."
    )


def check_real(name: str, value: object) -> float:
    """Return a number as a float, or raise where it is none."""
    if not isinstance(value, bool) and isinstance(value, Real):
        return float(value)
    raise TypeError(f"{name}={value!r} was given; {name} must be a number. Pass an int or a float.")
