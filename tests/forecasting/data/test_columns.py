"""Messages name what was meant as it is written."""

from seqforecast.forecasting.data.columns import nearest


def test_numbers_are_no_texts():
    assert nearest("7", [7, 12], "series") == "The series are 7, 12. Did you mean 7?"
    assert nearest("a", ["a1", "b"], "series") == "The series are 'a1', 'b'. Did you mean 'a1'?"
