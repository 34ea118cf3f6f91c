"""Fewer rows than all combinations of parameters: a covering array of them."""

from itertools import combinations, product


def covering(*factors, strength=2):
    """Return rows of one value per factor in which all pairs of values meet.

    A fault hangs on one value, or on a few that meet, hardly ever on all at once. Each row is
    the one of the whole product that has the most pairs not seen yet, the first of equals: the
    rows are always the same.

    Parameters
    ----------
    *factors : iterable
        The values of each parameter.
    strength : int
        How many factors act together: 2 for pairs, 3 for triples of values.

    Returns
    -------
    list of tuple
        As `pytest.mark.parametrize` takes them.
    """
    factors = [list(factor) for factor in factors]
    meets = {
        row: set(combinations(enumerate(row), strength))
        for row in product(*(range(len(factor)) for factor in factors))
    }
    unseen, rows = set().union(*meets.values()), []
    while unseen:
        best = max(meets, key=lambda row: len(meets[row] & unseen))
        unseen -= meets[best]
        rows.append(tuple(factor[k] for factor, k in zip(factors, best, strict=True)))
    return rows
