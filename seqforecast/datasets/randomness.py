"""The source of randomness of every generator."""

import numpy as np

from seqforecast._shared.checks import check_integer

RandomState = int | np.random.RandomState | None


def generator_from(random_state: RandomState) -> np.random.Generator:
    """Make an explicit generator, so that NumPy's global one is neither read nor moved."""
    if isinstance(random_state, np.random.RandomState):
        # Words drawn from it seed ours: it moves on, so that a second call gives other numbers.
        return np.random.default_rng(random_state.randint(2**32, size=4, dtype=np.uint32))
    if random_state is not None:
        check_integer("random_state", random_state, minimum=0)
    return np.random.default_rng(random_state)
