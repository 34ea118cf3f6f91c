"""Seasons of all frequencies that pandas has, and of what the user says."""

import pandas as pd
import pytest
from pandas.tseries.frequencies import to_offset

from seqforecast.forecasting.model.seasons import calendar_seasons, season_lengths

SUGGESTED = {
    **dict.fromkeys(("YE", "YS", "BYE", "BYS", "YE-MAR", "YS-JUL", "2YE"), ()),
    **dict.fromkeys(("QE", "QS", "BQE", "BQS", "QE-JAN", "QS-FEB"), (4,)),
    "2QE": (2,),
    "4QE": (),
    **dict.fromkeys(("ME", "MS", "BME", "BMS"), (12,)),
    **{"2ME": (6,), "3MS": (4,), "5ME": (), "6MS": (2,), "12ME": ()},
    **dict.fromkeys(("SME", "SMS", "SME-10"), (24,)),
    **dict.fromkeys(("W", "W-MON", "W-SAT"), (52,)),
    **{"2W": (26,), "3W": (), "4W-MON": (13,)},
    **{"D": (7,), "2D": (), "7D": (), "24h": (7,)},
    **{"B": (5,), "C": (5,), "5B": (), "2B": ()},
    **{"h": (24, 168), "2h": (12, 84), "3h": (8, 56), "5h": (), "12h": (2, 14), "48h": ()},
    **{"min": (60, 1440), "5min": (288,), "15min": (96, 672), "30min": (48, 336)},
    **{"10min": (144, 1008), "20min": (72, 504), "90min": (16, 112), "45min": (32, 224)},
    **{"s": (60,), "10s": (6, 360), "30s": (2, 120), "100ms": (600,), "us": (), "ns": ()},
    **{"40ms": (1500,), "39ms": ()},
    **dict.fromkeys(("WOM-2TUE", "RE-N-DEC-MON", "bh"), ()),
}
SUGGESTED["5min"] = (12, 288)


@pytest.mark.parametrize(("freq", "expected"), SUGGESTED.items())
def test_what_a_frequency_suggests(freq, expected):
    assert calendar_seasons(to_offset(freq)) == expected


@pytest.mark.parametrize(
    ("freq", "expected"),
    [("Y", ()), ("Q", (4,)), ("M", (12,)), ("W", (52,)), ("D", (7,)), ("h", (24, 168))],
)
def test_periods_suggest_the_same(freq, expected):
    assert calendar_seasons(pd.period_range("2024-01-01", periods=3, freq=freq).freq) == expected


@pytest.mark.parametrize(
    ("longest", "horizon", "expected"),
    [(360, 24, (24, 168)), (359, 24, (24,)), (72, 24, (24,)), (71, 24, (1,)), (337, 1, (24, 168))],
)
def test_auto_takes_what_two_seasons_and_a_horizon_show(longest, horizon, expected):
    offset = to_offset("h")
    assert season_lengths("auto", offset, longest=longest, horizon=horizon) == expected


def test_auto_without_a_calendar_has_no_season():
    assert season_lengths("auto", None, longest=1000, horizon=1) == (1,)


@pytest.mark.parametrize(
    ("season", "expected"),
    [(None, (1,)), (12, (12,)), ([24, 7], (7, 24)), ((7, 7), (7,)), (1, (1,)), ([1, 4], (1, 4))],
)
def test_what_the_user_says_wins(season, expected):
    lengths = season_lengths(season, to_offset("ME"), longest=25, horizon=9)
    assert lengths == expected
    assert all(type(m) is int for m in lengths)


def test_the_longest_series_must_be_longer_than_a_season():
    assert season_lengths(12, None, longest=13, horizon=1) == (12,)
    with pytest.raises(ValueError, match="season=12 needs more than 12 values; .* has 12. Use"):
        season_lengths(12, None, longest=12, horizon=1)
    with pytest.raises(ValueError, match=r"season=\[4, 30\] needs more than 30 values"):
        season_lengths([4, 30], None, longest=12, horizon=1)


@pytest.mark.parametrize(
    ("season", "kind", "message"),
    [
        ("monthly", ValueError, "season='monthly'; one of 'auto', None or the steps .* is needed"),
        ([], ValueError, r"season=\[\] is empty; .* Pass None"),
        (0, ValueError, "season=0; an integer of at least 1 .* Set"),
        ([12, -3], ValueError, "season=-3; an integer"),
        (12.0, ValueError, "season=12.0; an integer"),
        (True, ValueError, "season=True; an integer"),
        ([4, "x"], ValueError, "season='x'; an integer"),
    ],
)
def test_no_season(season, kind, message):
    with pytest.raises(kind, match=message):
        season_lengths(season, None, longest=100, horizon=1)
