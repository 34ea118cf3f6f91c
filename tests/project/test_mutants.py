"""The list of faults that `tests.mutants` plants keeps up with the code."""

from tests.mutants import MUTANTS, problem


def test_every_mutant_can_be_tried():
    assert [found for mutant in MUTANTS if (found := problem(mutant))] == []


def test_no_mutant_is_listed_twice():
    faults = {(mutant.module, mutant.text, mutant.instead) for mutant in MUTANTS}
    assert len(faults) == len(MUTANTS)


def test_what_a_problem_is():
    good = MUTANTS[0]
    assert problem(good) is None
    bad = (
        good._replace(module="nn/nothing.py"),
        good._replace(text="what no module says"),
        good._replace(text="self"),
        good._replace(instead="("),
        good._replace(tests=(*good.tests, "nn/test_nothing.py")),
    )
    assert all(problem(mutant) for mutant in bad)
