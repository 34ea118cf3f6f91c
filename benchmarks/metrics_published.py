"""Do our metrics reproduce the published errors of the seasonal naive forecast?

    python benchmarks/metrics_published.py --data ../shared/data

Five sets of the forecasting literature, each series forecast once, over its whole horizon, by its
last season. The errors are computed in two ways: a series at a time with `seqforecast.metrics`, and
for all at once with `evaluate`, as after a backtest. Beside them stand the means to be met: M4
hourly is the competition's own row; the MASE of Tourism monthly is in Chronos' tables (1.63094), as
is that of M3 monthly (1.1462: its data differ a little). Nobody prints the others: they follow the
protocol of the Monash archive and of Hewamalage, Bergmeir and Bandara (2021), which was checked
with the rows that they do print. The script fails where a number differs in its last digit.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from accuracy_published import SEASONAL_NAIVE
from accuracy_sets import SETS, Split, splits_of

from seqforecast.forecasting.evaluation import evaluate
from seqforecast.metrics import mase, smape


def by_series(splits: list[Split], season: int) -> tuple[float, float]:
    """Return the mean sMAPE and MASE with the functions of `seqforecast.metrics`."""
    errors = []
    for past, future in splits:
        forecast = np.resize(past[-season:], len(future))
        errors.append(
            (smape(future, forecast), mase(future, forecast, y_train=past, season=season))
        )
    return tuple(np.nanmean(errors, axis=0))


def at_once(splits: list[Split], season: int) -> tuple[float, float]:
    """Return the same from `evaluate`, over a frame such as a backtest gives."""
    frame = pd.concat(
        pd.DataFrame(
            {
                "unique_id": number,
                "y": future,
                "y_hat": np.resize(past[-season:], len(future)),
                "mase_scale": np.mean(np.abs(past[season:] - past[:-season])),
            }
        )
        for number, (past, future) in enumerate(splits)
    )
    table = evaluate(frame.assign(seasonal_naive=frame["y_hat"]), ("smape", "mase"))
    return tuple(table["y_hat"])


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="the folder of the data sets")
    data = parser.parse_args().data

    failed = 0
    print(
        f"{'seasonal naive':16} {'series':>6} {'error':6} {'published':>9} {'metrics':>10} "
        f"{'evaluate':>10}  agree"
    )
    for key, series_set in SETS.items():
        splits, to_meet = splits_of(key, data), SEASONAL_NAIVE[key]
        rows = zip(
            ("sMAPE", "MASE"),
            (to_meet.smape, to_meet.mase),
            to_meet.decimals,
            by_series(splits, series_set.season),
            at_once(splits, series_set.season),
            strict=True,
        )
        for error, published, digits, ours, table in rows:
            agree = round(ours, digits) == published and np.isclose(ours, table, rtol=1e-12, atol=0)
            failed += not agree
            print(
                f"{series_set.title:16} {len(splits):6} {error:6} {published:9.{digits}f} "
                f"{ours:10.6f} {table:10.6f}  {'yes' if agree else 'NO'}"
            )
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
