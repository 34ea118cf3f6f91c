"""What others published for the five sets, and the digits that our own peers must meet.

The tables lie beside the data (`tables/*.csv`, whose README names pages and table numbers); the
rows that were typed in stand here with their source.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

HEWAMALAGE = "Hewamalage et al. 2021"
MONASH = "Monash archive 2021"
M4 = "M4 competition"
PROTOCOL = "protocol.py, printed by nobody"

NETWORKS = "LSTM|GRU|ERNN"
MONASH_SETS = {
    "cif": "CIF 2016",
    "nn5": "NN5 Daily",
    "tourism": "Tourism Monthly",
    "m3": "M3 Monthly",
    "m4h": "M4 Hourly",
}
HEWAMALAGE_SETS = {"cif": "CIF", "nn5": "NN5", "tourism": "Tourism", "m3": "M3"}
SUILIN = ("nn5", "tourism")  # where Hewamalage et al. print this sMAPE, not the plain one
M4_HOURLY = {"sNaive": "sNaive", "RNN": "RNN", "MLP": "MLP", "118": "Smyl, ES-RNN (winner)"}


class Published(NamedTuple):
    """A row of a published table; NaN is what the table does not have."""

    name: str
    source: str
    smape: float = np.nan
    suilin: float = np.nan
    mase: float = np.nan


class Digits(NamedTuple):
    """Means that a forecast of our own must reproduce, and their decimals."""

    smape: float
    mase: float
    decimals: tuple[int, int]
    source: str


# Chronos prints the MASE of Tourism (and of M3, from data that differ a little: 1.1462), the
# competition both of M4 hourly. Nobody prints the others: they come from loaders and measures that
# reproduce the rows that are printed (protocol/protocol.py beside the data).
SEASONAL_NAIVE = {
    "cif": Digits(19.053, 1.2905, (3, 4), PROTOCOL),
    "nn5": Digits(26.485, 1.0113, (3, 4), PROTOCOL),
    "tourism": Digits(21.670, 1.6309, (3, 4), "Chronos (MASE), protocol.py"),
    "m3": Digits(17.234, 1.1461, (3, 4), PROTOCOL),
    "m4h": Digits(13.912, 1.1932, (3, 4), M4),
}

# Godahewa et al. 2021, means over series.
SES = {
    "cif": Digits(14.95, 1.291, (2, 3), MONASH),
    "nn5": Digits(35.50, 1.521, (2, 3), MONASH),
    "tourism": Digits(36.39, 3.306, (2, 3), MONASH),
    "m3": Digits(16.22, 1.091, (2, 3), MONASH),
    "m4h": Digits(42.95, 11.607, (2, 3), MONASH),
}


def published_rows(key: str, data: Path) -> list[Published]:
    """Return the rows to stand beside ours, of one set."""
    rows = monash(key, data / "tables")
    if key in HEWAMALAGE_SETS:
        rows = hewamalage(key, data / "tables") + rows
    if key == "m4h":
        rows = m4_hourly(data / "tables") + rows
    return rows


def hewamalage(key: str, tables: Path) -> list[Published]:
    """Return the best recurrent network of table 5, their recommended one, and ets."""
    table = pd.read_csv(tables / "hewamalage2021_table5_mean_smape.csv", index_col="model")
    column = table[HEWAMALAGE_SETS[key]]
    best = column[table.index.str.contains(NETWORKS)].idxmin()
    names = {
        best: f"best recurrent network: {best}",
        "Stacked LSTM cocob": "Stacked LSTM cocob, their default",
        "ets": "ets (R)",
    }
    measure = "suilin" if key in SUILIN else "smape"
    return [
        Published(text, HEWAMALAGE, **{measure: float(column[name])})
        for name, text in names.items()
    ]


def monash(key: str, tables: Path) -> list[Published]:
    """Return the best row by each measure, DeepAR and ETS."""
    smape, mase = (
        pd.read_csv(tables / f"monash_mean_{measure}.csv", index_col="dataset").loc[
            MONASH_SETS[key]
        ]
        for measure in ("smape", "mase")
    )
    wanted = dict.fromkeys([smape.idxmin(), mase.idxmin(), "DeepAR", "ETS"])
    return [
        Published(name, MONASH, smape=float(smape[name]), mase=float(mase[name])) for name in wanted
    ]


def m4_hourly(tables: Path) -> list[Published]:
    table = pd.read_csv(tables / "m4_competition_by_frequency.csv", index_col="id")
    return [
        Published(
            text,
            M4,
            smape=float(table.loc[name, "sMAPE_Hourly"]),
            mase=float(table.loc[name, "MASE_Hourly"]),
        )
        for name, text in M4_HOURLY.items()
    ]
