"""``seqforecast diagnose``: how far back the network learns, and what to change."""

from __future__ import annotations

import time
from argparse import Namespace

import pandas as pd

from seqforecast.cli.commands.forecaster import described, forecaster_of, progress, seconds
from seqforecast.cli.files.checks import check_files
from seqforecast.cli.files.series import read_series
from seqforecast.cli.messages import counted, filled
from seqforecast.diagnosis import diagnose
from seqforecast.forecasting import Forecaster

_IN_PYTHON = (
    "What to try is a parameter of the network; it is set in Python: "
    "recurrent_forecaster(...).set_params(regressor__NAME=...)."
)


def run(arguments: Namespace) -> None:
    """Run the command."""
    a = arguments
    check_files(a.data, a.html)
    data = read_series(a)
    forecaster = forecaster_of(a, data)
    start = time.perf_counter()
    with progress(forecaster, fits=2):
        forecaster.fit(data.known)
    forecaster.regressor_.set_params(callbacks=None)  # the report lists the parameters
    print(filled(f"{described(a, data, forecaster)} Fitted in {seconds(start)}."))
    print(f"\n{_memory(forecaster)}\n")
    diagnosis = diagnose(forecaster)
    print(diagnosis)
    if diagnosis:
        print(f"\n{filled(_IN_PYTHON)}")
    if a.html is not None:
        _write_report(forecaster, a.html, data.with_plan(a.horizon))
        print(f"\nThe report is in {a.html}.")


def _memory(forecaster: Forecaster) -> str:
    """Write how far back the network reaches, and how much it counts."""
    network = forecaster.regressor_
    flow = network.gradient_flow_
    lags = sum(name.startswith("y@lag") for name in forecaster.row_names_)
    before, after = (flow.effective_memory[k, 0] for k in (0, -1))
    return "\n".join(
        (
            f"effective memory   {after:.0f} of {network.window_} rows; before training "
            f"{before:.0f}",
            f"a row              holds the last {counted(lags, 'value')}",
            f"training           {counted(network.n_iter_, 'epoch')}",
            f"weight             {forecaster.regressor_weight_:.2f}; the linear baseline has the "
            "rest",
        )
    )


def _write_report(forecaster: Forecaster, path: str, data: pd.DataFrame) -> None:
    from seqforecast.reporting import report

    report(forecaster, path, data)
