"""How many examples a property test looks at."""

from hypothesis import settings


def examples(number):
    """Return `number` in the suite for every change, and many where it explores at random."""
    profile = settings()
    return number if profile.derandomize else max(number, profile.max_examples)
