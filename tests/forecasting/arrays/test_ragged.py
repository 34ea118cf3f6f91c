"""Series of any lengths in flat arrays, against loops over lists."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from seqforecast.forecasting.arrays.ragged import offsets_of, up_to_last_value

VALUES = st.lists(st.sampled_from([np.nan, 0.0, 1.0]), min_size=1, max_size=6)


@given(st.lists(VALUES, min_size=1, max_size=5))
def test_rows_up_to_the_last_value(series):
    offsets = offsets_of(np.array([len(values) for values in series]))
    expected = [max((k + 1 for k, v in enumerate(one) if v == v), default=0) for one in series]
    assert up_to_last_value(np.concatenate(series), offsets).tolist() == expected
