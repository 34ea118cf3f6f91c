"""With scaling="window" targets take the units of channel 0; those that have others are noticed."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler, RobustScaler, StandardScaler

from seqforecast import Forecaster, LSTMRegressor, make_windows
from seqforecast.datasets import load_airline, load_co2

OTHER_UNITS = "y has a standard deviation of .*TransformedTargetRegressor around it .transform the"


def small(**params):
    return LSTMRegressor(**{"hidden_size": 4, "max_steps": 1, "random_state": 0, **params})


def test_after_a_scaler_warns_of_the_units():
    windows, targets = make_windows(100 + np.random.default_rng(0).standard_normal(60), window=6)
    scaled = (windows - windows.mean(axis=0)) / windows.std(axis=0)
    with pytest.warns(UserWarning, match="y lies .* deviations of its window away.* Remove a sca"):
        small(scaling="window").fit(scaled, targets)
    small(scaling="window").fit(windows, targets)  # warnings are errors here: none comes


@pytest.mark.parametrize("horizon", [1, 12])
@pytest.mark.parametrize(
    "transformer",
    [FunctionTransformer(np.log, np.exp), StandardScaler(), MinMaxScaler(), RobustScaler()],
    ids=lambda transformer: type(transformer).__name__,
)
def test_of_transformed_targets_warns_of_the_units(transformer, horizon):
    windows, targets = make_windows(load_airline(), window=24, horizon=horizon)
    model = small(scaling="window")
    with pytest.warns(UserWarning, match=OTHER_UNITS) as record:
        TransformedTargetRegressor(model, transformer=transformer).fit(windows, targets)
    assert len(record) == 1
    # What the message offers is silent, as warnings are errors here.
    cured = small(scaling="standard")
    TransformedTargetRegressor(cured, transformer=transformer).fit(windows, targets)
    inside = clone(transformer).fit_transform(load_airline().to_frame().to_numpy())[:, 0]
    model.fit(*make_windows(inside, window=24, horizon=horizon))


def test_warns_of_the_units_at_the_line_of_the_user():
    windows, targets = make_windows(load_airline(), window=24)
    with pytest.warns(UserWarning, match=OTHER_UNITS) as record:
        small(scaling="window").fit(windows, np.log(targets))
    assert [warning.filename for warning in record] == [__file__]


def sound_series():
    rng = np.random.default_rng(0)
    time = np.arange(150)
    return {
        "airline": load_airline().to_numpy(),
        "co2": load_co2().to_numpy()[-150:],
        "walk": 100 + rng.standard_normal(150).cumsum(),
        "trend": 1.03**time + rng.random(150),
        "counts": rng.poisson(2, 150).astype(float),
        "rare": rng.poisson(3, 150) * (rng.random(150) < 0.2),
        "heavy tails": rng.standard_t(2, 150),
    }


@pytest.mark.parametrize("name", sound_series())
@pytest.mark.parametrize("horizon", [1, 24])
def test_of_a_series_and_its_own_future_is_silent(name, horizon):
    series = sound_series()[name]
    channels = np.column_stack([series, 1e4 * np.random.default_rng(1).random(len(series))])
    model = small(scaling="window")
    for n in (20, None):
        model.fit(*(part[:n] for part in make_windows(series, window=12, horizon=horizon)))
    model.fit(*make_windows(channels, window=12, horizon=horizon, target=0, flat=False))
    windows, every = make_windows(series, window=12, horizon=horizon, every_step=True, flat=False)
    model.fit(windows, np.where(np.arange(len(every))[:, None, None] % 3, every, np.nan))


def test_of_a_few_windows_before_a_jump_is_silent():
    series = 100 + np.random.default_rng(0).standard_normal(60)
    series[45:] += 30
    windows, targets = make_windows(series, window=12, horizon=24)
    few = slice(0, 15)
    assert targets[few, -1].std() > 4 * windows[few, -1].std()
    small(scaling="window").fit(windows[few], targets[few, -1])


def test_within_a_forecaster_is_silent_however_small_its_errors():
    wave = 10 + np.sin(np.arange(120) * np.pi / 6)  # the baseline leaves next to nothing
    Forecaster(small(scaling="window"), window=12, season=12).fit(wave)
