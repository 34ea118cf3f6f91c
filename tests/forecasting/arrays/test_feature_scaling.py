"""Features in units of the panel, against loops."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqforecast.forecasting.arrays.feature_scaling import FeatureScaling


def scaling_of(panel):
    return FeatureScaling(panel.past, panel.future, panel.static)


def expressed(scaling, panel):
    return scaling.express(panel.past, panel.future, panel.static, panel.offsets)


def loop_moments(column):
    known = [value for value in column if not np.isnan(value)]
    mean = sum(known) / len(known)
    spread = (sum((value - mean) ** 2 for value in known) / len(known)) ** 0.5
    return mean, spread if spread > 1e-12 * abs(mean) else 1.0


def draw_features(rng, lengths, width, share=0.0):
    parts = [rng.standard_normal((n, width)) * 3 + 5 for n in lengths]
    for part in parts:
        part[rng.random(part.shape) < share] = np.nan
    return parts


@given(st.lists(st.integers(1, 12), min_size=2, max_size=4), st.integers(0, 999))
def test_features_are_those_of_the_loop(make_panel, lengths, seed):
    rng = np.random.default_rng(seed)
    past = draw_features(rng, lengths, 2, share=0.4)
    past[0][0] = 5.0
    past[-1][-1] = 6.0
    future, static = draw_features(rng, lengths, 1), rng.standard_normal((len(lengths), 3))
    panel = make_panel([np.ones(n) for n in lengths], past=past, future=future, static=static)
    found = expressed(scaling_of(panel), panel)
    columns = zip(*[np.concatenate(past)[:, k] for k in range(2)], strict=True)
    moments = [loop_moments(column) for column in zip(*columns, strict=True)]
    row = 0
    for part in past:
        last = [None, None]
        for values in part:
            for k, value in enumerate(values):
                if not np.isnan(value):
                    last[k] = value
                mean, spread = moments[k]
                expected = 0.0 if last[k] is None else (last[k] - mean) / spread
                assert found["past"][row, k] == pytest.approx(expected, rel=1e-5, abs=1e-6)
            row += 1
    for name, features in (("future", np.concatenate(future)), ("static", static)):
        for k in range(features.shape[1]):
            mean, spread = loop_moments(features[:, k])
            expected = [(value - mean) / spread for value in features[:, k]]
            np.testing.assert_allclose(found[name][:, k], expected, rtol=1e-5, atol=1e-6)
    assert {part.dtype for part in found.values()} == {np.dtype(np.float32)}


def test_units_are_those_of_the_training_panel_and_outliers_are_clipped(make_panel):
    train = make_panel([np.ones(4)], future=[np.array([[0.0], [2], [0], [2]])])
    later = make_panel([np.ones(3)], future=[np.array([[5.0], [1e9], [-1e9]])])
    scaling = scaling_of(train)
    assert expressed(scaling, later)["future"][:, 0].tolist() == [4.0, 10.0, -10.0]
    table = np.array([[[1.0], [3.0]], [[np.nan], [-2.0]]])
    found = scaling.express_ahead(table, 3)
    assert found.shape == (2, 3, 1)
    assert found[..., 0].tolist() == [[0.0, 2.0, 2.0], [0.0, -3.0, -3.0]]
    assert found.dtype == np.float32


def test_a_feature_that_never_changes_is_nought(make_panel):
    constant = [np.full((3, 1), 0.1), np.full((4, 1), 0.1)]
    panel = make_panel([np.ones(3), np.ones(4)], past=constant, static=[[1e9], [1e9]])
    found = expressed(scaling_of(panel), panel)
    np.testing.assert_allclose(found["past"], 0.0, atol=1e-12)
    assert not found["static"].any()
    unknown = make_panel([np.ones(3)], past=[np.full((3, 1), np.nan)])
    assert not expressed(scaling_of(unknown), unknown)["past"].any()


def test_what_is_missing_is_not_taken_from_the_series_before(make_panel):
    nan = np.nan
    past = [np.array([[0.0], [2.0]]), np.array([[nan], [0.0], [nan]]), np.array([[nan]])]
    panel = make_panel([np.ones(2), np.ones(3), np.ones(1)], past=past)
    spread = (8 / 9) ** 0.5  # of 0, 2, 0
    low, high = -2 / 3 / spread, 4 / 3 / spread
    found = expressed(scaling_of(panel), panel)["past"][:, 0]
    np.testing.assert_allclose(found, [low, high, 0.0, low, low, 0.0], rtol=1e-6)


def test_no_features(make_panel):
    panel = make_panel([np.ones(3)])
    shapes = {name: part.shape for name, part in expressed(scaling_of(panel), panel).items()}
    assert shapes == {"past": (3, 0), "future": (3, 0), "static": (1, 0)}
