"""Small real series, bundled as csv files, so that examples and tests need no network."""

from importlib.resources import files

import pandas as pd


def load_co2() -> pd.Series:
    """Load the monthly mean carbon dioxide concentration at Mauna Loa, 1958 to 2001.

    Use it for a smooth series with a strong trend and a regular yearly cycle: a seasonal naive
    forecast fails here by the trend, so it shows what differencing or scaling is good for.

    Returns
    -------
    pandas.Series
        526 float64 values in parts per million (ppm), named "co2", without missing values. The
        DatetimeIndex runs from 1958-03-01 to 2001-12-01 with frequency "MS" (month start).

    See Also
    --------
    load_airline : A series whose season grows with its level.
    load_sunspots : A series whose cycle has no fixed length.

    Notes
    -----
    Season length: 12 months.

    Source: the weekly record of C. D. Keeling and T. P. Whorf (Scripps Institution of
    Oceanography), published by the Carbon Dioxide Information Analysis Center [1]_, in the copy
    that statsmodels ships as ``co2``. Licence: public domain.

    A month is the mean of the weekly values dated in it; weeks without a measurement are left
    out. Five months hold no measurement at all and are filled by linear interpolation between
    the neighbouring months: 1958-06, 1958-10, 1964-02, 1964-03 and 1964-04. Values are rounded
    to 0.01 ppm; the weekly values come with 0.1 ppm.

    References
    ----------
    .. [1] C. D. Keeling and T. P. Whorf (2004), "Atmospheric CO2 concentrations derived from
       flask air samples at sites in the SIO network", in Trends: A Compendium of Data on Global
       Change, Oak Ridge National Laboratory.

    Examples
    --------
    >>> from seqforecast.datasets import load_co2
    >>> co2 = load_co2()
    >>> co2.index.freqstr, len(co2), float(co2.iloc[-1])
    ('MS', 526, 371.02)
    """
    return _read_series("co2.csv", freq="MS")


def load_sunspots() -> pd.Series:
    """Load the monthly mean sunspot number, 1749 to 2008.

    Use it for a long series with a cycle that no calendar knows: it is about 11 years long, but
    each one differs in length and height, so a window must reach back far and a fixed season
    does not help.

    Returns
    -------
    pandas.Series
        3120 float64 values (a relative count, without unit, never negative), named "sunspots",
        without missing values. The DatetimeIndex runs from 1749-01-01 to 2008-12-01 with
        frequency "MS" (month start).

    See Also
    --------
    load_co2 : A series with a fixed yearly season and a trend.
    load_airline : A short series with a season that grows.

    Notes
    -----
    Season length: none in the calendar; one solar cycle takes about 131 months, between 9 and
    14 years.

    Source: the table of monthly means published by the National Geophysical Data Center of the
    United States, in the copy that statsmodels ships beside its yearly ``sunspots``. Licence:
    public domain. This is the international sunspot number before its revision of 2015; values
    after the revision are about 1.4 times larger and must not be appended to it.

    The source marks the months after December 2008 as preliminary; they are left out. February
    1824 had no observation: the source fills it between January and March.

    Examples
    --------
    >>> from seqforecast.datasets import load_sunspots
    >>> sunspots = load_sunspots()
    >>> sunspots.index.freqstr, len(sunspots), float(sunspots.max())
    ('MS', 3120, 253.8)
    """
    return _read_series("sunspots.csv", freq="MS")


def load_airline() -> pd.Series:
    """Load the monthly number of international airline passengers, 1949 to 1960.

    Use it for a quick first try: it is short, and its season grows with its level, which a
    logarithm turns into a constant season.

    Returns
    -------
    pandas.Series
        144 float64 values in thousands of passengers, named "passengers", without missing
        values. The DatetimeIndex runs from 1949-01-01 to 1960-12-01 with frequency "MS" (month
        start).

    See Also
    --------
    load_co2 : A longer series with a season of constant height.
    load_sunspots : A much longer series with a cycle of varying length.

    Notes
    -----
    Season length: 12 months.

    Source: series G of Box and Jenkins [1]_. Licence: a published table of facts to which no
    terms are attached; sktime and aeon (BSD 3-Clause), pmdarima (MIT), statsforecast (Apache 2.0)
    and R bundle the same 144 numbers, and the values here agree with all five.

    References
    ----------
    .. [1] G. E. P. Box and G. M. Jenkins (1976), "Time Series Analysis: Forecasting and
       Control", revised edition, Holden-Day, series G.

    Examples
    --------
    >>> from seqforecast.datasets import load_airline
    >>> passengers = load_airline()
    >>> passengers.index.freqstr, len(passengers), float(passengers.iloc[0])
    ('MS', 144, 112.0)
    """
    return _read_series("airline.csv", freq="MS")


def _read_series(file_name: str, freq: str) -> pd.Series:
    """Read a bundled two-column csv (date, value) as a float64 series with a regular index."""
    with (files("seqforecast.datasets") / "data" / file_name).open(encoding="utf-8") as source:
        frame = pd.read_csv(source, index_col="date", parse_dates=["date"], dtype="float64")
    series = frame.iloc[:, 0]
    # Naming freq checks it too: pandas raises if a month is missing or out of order.
    series.index = pd.DatetimeIndex(series.index, freq=freq)
    return series
