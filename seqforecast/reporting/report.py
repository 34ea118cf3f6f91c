"""The report: all that is known about a fitted estimator, as one HTML file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from seqforecast._shared.checks import check_integer
from seqforecast._shared.numbers import number
from seqforecast.diagnosis import diagnose, gradient_flow
from seqforecast.diagnosis.findings import Diagnosis
from seqforecast.forecasting import Forecaster
from seqforecast.forecasting.data.panel import FutureRows, Panel
from seqforecast.forecasting.parts import parts_of, with_model
from seqforecast.gradients.gradient_flow import GradientFlow
from seqforecast.persistence.format.atomic import check_place, write_atomically
from seqforecast.reporting.backtest_errors import Measured, later_steps, measure
from seqforecast.reporting.blocks import Block, Facts, Findings, Paragraph, Section
from seqforecast.reporting.errors import error_part, window_part
from seqforecast.reporting.forecast import chosen_series, forecast_part
from seqforecast.reporting.learning import flow_part, training_part
from seqforecast.reporting.page import page
from seqforecast.reporting.parameters import made_part, parameter_part
from seqforecast.reporting.plan import planned_rows, without_plan
from seqforecast.reporting.subject import Subject, subject_of
from seqforecast.reporting.svg import Pictures, require_matplotlib
from seqforecast.reporting.verdict import against_naive, naive_title
from seqforecast.reporting.windows import WindowErrors, window_errors


def report(
    estimator: Any,
    path: str | os.PathLike[str],
    X: Any = None,
    y: Any = None,
    *,
    season: int | None = None,
) -> Path:
    """Write all that is known about a fitted estimator into one HTML file.

    Use it to look at a model as a whole, to keep with it, or to hand to somebody who has no
    Python: the forecast with its intervals, errors beside the seasonal naive forecast, how the
    training went, how far back the gradient reaches, findings in words, parameters and versions.
    The file loads nothing and runs nothing; it can be read on a phone, in the dark, on paper and
    by a screen reader.

    Parameters
    ----------
    estimator : Forecaster, RNNRegressor, LSTMRegressor, GRURegressor, Pipeline or fitted search
        A fitted forecaster, whatever its regressor; or a fitted recurrent regressor; or a
        Pipeline or search that ends in one of them.
    path : path-like
        Where the file goes; one that is there is replaced, as a whole or not at all.
    X : Series, DataFrame or array-like, default=None
        For a forecaster the data, as ``Forecaster.fit`` takes them: those of the fit, or with
        values that came later. Rows behind the last value, whose target is NaN, hold the future
        features of the steps to forecast. For a regressor windows in time order, as for
        ``predict``. None reports what the estimator itself holds.
    y : Series or array-like, default=None
        The target that belongs to `X`.
    season : int, default=None
        Steps of a season: it is marked in the pictures, and `diagnose` tests whether the network
        uses it. Of a regressor it is also that of the naive forecast. That of a forecaster is
        its own, ``season_``.

    Returns
    -------
    path : pathlib.Path
        Where the file is.

    Raises
    ------
    NotFittedError
        If the estimator is not fitted.
    TypeError
        If there is neither a forecaster nor a recurrent regressor in it, `path` is none, or `X`
        is a tuple of X and y.
    ValueError
        If `X` or `y` cannot be used, or differ from the data of the fit.
    OSError
        If the file cannot be written there; this is said before any work where it can be.
    ImportError
        If matplotlib is not installed.

    See Also
    --------
    diagnose : The findings alone.
    backtest : Errors of a forecaster that is fitted anew at every cutoff.

    Notes
    -----
    What the errors of a forecaster were measured on stands beside them. Steps in `X` that came
    after the fit are forecast as it is: all of them, or of very many the newest. Without any, a
    copy is fitted once more without the newest steps, the same that conformal intervals need, and
    forecasts these. Series too short for that leave errors on training data, and the report says
    so.

    The same input gives the same bytes, apart from the time at its end. matplotlib's settings are
    changed for this process while pictures are drawn, and put back.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from seqforecast import Forecaster, GRURegressor, report
    >>> from seqforecast.datasets import load_airline
    >>> forecaster = Forecaster(GRURegressor(max_epochs=3, random_state=0), horizon=12)
    >>> path = report(forecaster.fit(load_airline()), Path(tempfile.mkdtemp()) / "airline.html")
    >>> path.name, path.read_text(encoding="utf-8")[:15]
    ('airline.html', '<!DOCTYPE html>')
    """
    check_place(path)
    if season is not None:
        check_integer("season", season)
    _check_pair(X, y)
    require_matplotlib()
    subject = subject_of(estimator, X, y)
    text = _of_forecaster(subject, season) if subject.forecaster else _of_network(subject, season)
    write_atomically(path, text.encode("utf-8"))
    return Path(path)


def _check_pair(X: Any, y: Any) -> None:
    if y is not None and X is None:
        raise ValueError("X is None, but y was given; both are needed. Pass the data of y, too.")
    if y is None and isinstance(X, tuple) and len(X) == 2 and all(map(_is_array, X)):
        raise TypeError(
            f"X is a tuple of a {type(X[0]).__name__} and a {type(X[1]).__name__}; X and y are "
            "needed as two arguments. Pass report(estimator, path, X, y)."
        )


def _is_array(value: Any) -> bool:
    """Return whether it holds several values: of a tuple of numbers none does."""
    return hasattr(value, "__len__") and not isinstance(value, str)


# A forecaster -----------------------------------------------------------------------------------


def _of_forecaster(subject: Subject, season: int | None) -> str:
    forecaster = subject.forecaster
    assert forecaster is not None
    draw = Pictures()
    given = None if subject.X is None else later_steps(forecaster, subject.X, subject.y)
    later = None if given is None else without_plan(given, parts_of(forecaster).panel)
    measured = _measured(forecaster, later)
    known = measured if isinstance(measured, Measured) else None
    newest, plan = _planned(forecaster, given, later)
    ids = parts_of(newest).panel.ids
    chosen = chosen_series(ids if plan is None else ids[np.unique(plan.series)], known)
    sections = [
        Section("forecast", "Forecast", forecast_part(newest, chosen, known, draw, plan)),
        Section("errors-part", "Errors", error_part(forecaster, measured, draw)),
    ]
    network = subject.network
    diagnosis: Diagnosis | None = None
    if network is None:
        sections.append(Section("gradient", "Gradient", [Paragraph(_no_network(forecaster))]))
    else:
        diagnosis = diagnose(forecaster, season=season)
        recorded = flow = getattr(network, "gradient_flow_", None)
        if flow is None:
            flow = gradient_flow(forecaster.regressor_, forecaster.training_data()[0])
        sections += _network_parts(subject, diagnosis, flow, recorded is not None, season, draw)
    errors = []
    if known is not None:
        on = {"new": "new steps", "held out": "steps not seen", "seen": "TRAINING data"}
        errors = _error_facts(*known.mae, forecaster.season_[0], on[known.kind], "steps")
    summary = [
        Paragraph(_forecaster_summary(subject, known, diagnosis), style="lead"),
        Facts([*errors, *_network_facts(subject, diagnosis)]),
    ]
    return _page(subject, summary, sections, draw)


def _planned(
    forecaster: Forecaster, given: Panel | None, later: Panel | None
) -> tuple[Forecaster, FutureRows | None]:
    """Return the plan where forecasts need one, and the forecaster that knows all before it."""
    parts = parts_of(forecaster)
    known = parts.panel
    if given is None or not known.future_names:
        return forecaster, None
    plan = planned_rows(given, known if later is None else later, int(forecaster.horizon))
    if plan is None or later is None:
        return forecaster, plan
    return with_model(forecaster, parts.model.with_panel(later)), plan


def _measured(forecaster: Any, later: Any) -> Measured | str:
    try:
        found = measure(forecaster, later)
        found.errors  # noqa: B018  (computed here, so that what is wrong with it is caught)
    except ValueError as error:
        return str(error).rstrip(".")
    return found


def _no_network(forecaster: Any) -> str:
    name = type(forecaster.regressor).__name__
    return (
        f"There is no training to show, and no gradient through time: {name} is no recurrent "
        "network, it was not trained epoch by epoch, and has no state that a gradient could flow "
        "through. For this part of the report fit a Forecaster of an RNNRegressor, LSTMRegressor "
        "or GRURegressor."
    )


def _forecaster_summary(
    subject: Subject, measured: Measured | None, diagnosis: Diagnosis | None
) -> str:
    forecaster = subject.forecaster
    assert forecaster is not None
    parts = parts_of(forecaster)
    panel = parts.panel
    n_values, horizon = int(panel.lengths.sum()), int(forecaster.horizon)
    of = f"{panel.n_series:,} series with" if panel.n_series > 1 else "one series with"
    begin, end = (panel.grid.label(int(at)) for at in (panel.first.min(), panel.last.max()))
    said = (
        f"This {subject.name} knows {of} {n_values:,} values from {begin} to {end}, and forecasts "
        f"{horizon} step{'s' * (horizon > 1)} at once from windows of "
        f"{parts.model.window} steps."
    )
    if measured is not None:
        ours, naive = measured.mae
        on = {
            "new": "On new steps",
            "held out": "On steps that it had not seen in training",
            "seen": "On its own TRAINING data",
        }[measured.kind]
        error = against_naive(ours, naive, forecaster.season_[0])
        said += f" {on} its mean absolute error is {error}."
    return said + _found(diagnosis)


def _found(diagnosis: Diagnosis | None) -> str:
    if diagnosis is None:
        return ""
    if not diagnosis:
        return " Its gradients gave no finding."
    names = ", ".join(f"{finding.name} ({finding.severity})" for finding in diagnosis)
    return f" Findings about its gradients: {names}."


def _error_facts(
    ours: float, naive: float | None, season: int, on: str, what: str
) -> list[tuple[str, Any, str]]:
    pairs: list[tuple[str, Any, str]] = [("Mean absolute error", number(ours), f"on {on}")]
    if naive is not None:
        title = naive_title(season).capitalize()
        pairs.append((title, number(naive), f"its error on the same {what}"))
    return pairs


def _network_facts(subject: Subject, diagnosis: Diagnosis | None) -> list[tuple[str, Any, str]]:
    network = subject.network
    if network is None or diagnosis is None:
        return []
    pairs: list[tuple[str, Any, str]] = []
    flow = getattr(network, "gradient_flow_", None)
    if flow is not None:
        memory = number(flow.effective_memory[-1, 0])
        pairs.append(("Memory", memory, f"of {network.window_} steps hold 95 % of the gradient"))
    loss = network.history_["train_loss"].iloc[-1]
    worst = f"the worst: {diagnosis[0].name}" if diagnosis else "about the gradients"
    pairs.append(("Findings", len(diagnosis), worst))
    pairs.append(("Epochs", network.n_iter_, f"training loss {number(loss)}"))
    return pairs


# A regressor ------------------------------------------------------------------------------------


def _of_network(subject: Subject, season: int | None) -> str:
    network = subject.network
    assert network is not None
    draw = Pictures()
    diagnosis = diagnose(subject.whole, subject.X, subject.y, season=season)
    recorded: GradientFlow | None = getattr(network, "gradient_flow_", None)
    flow = recorded
    if flow is None and subject.X is not None:
        flow = gradient_flow(subject.whole, subject.X)
    errors: WindowErrors | str = (
        "No error could be measured: a regressor keeps no data. Pass windows that came after the "
        "fit, and what followed them: report(estimator, path, X, y)."
    )
    facts = []
    if subject.y is not None:
        errors = window_errors(subject.whole, network, subject.X, subject.y, season)
        where = "the windows that were passed", "windows"
        facts = _error_facts(*errors.rows[0][1:], errors.season, *where)
    sections = [Section("errors-part", "Errors", window_part(errors))]
    sections += _network_parts(subject, diagnosis, flow, recorded is not None, season, draw)
    summary = [
        Paragraph(_network_summary(subject, errors, diagnosis), style="lead"),
        Facts([*facts, *_network_facts(subject, diagnosis)]),
    ]
    return _page(subject, summary, sections, draw)


def _network_summary(subject: Subject, errors: WindowErrors | str, diagnosis: Diagnosis) -> str:
    network = subject.network
    assert network is not None
    outputs = "one value" if network.n_outputs_ == 1 else f"{network.n_outputs_} values"
    channels = "" if network.n_channels_ == 1 else f" of {network.n_channels_} channels"
    said = (
        f"This {subject.name} with {network.hidden_size} units reads windows of {network.window_} "
        f"steps{channels} and forecasts {outputs}."
    )
    if isinstance(errors, WindowErrors):
        _, ours, naive = errors.rows[0]
        error = number(ours) if naive is None else against_naive(ours, naive, errors.season)
        said += (
            f" On the {errors.n_windows:,} windows that were passed, seen in training or not, its "
            f"mean absolute error is {error}."
        )
    return said + _found(diagnosis)


# What both have ---------------------------------------------------------------------------------


def _network_parts(
    subject: Subject,
    diagnosis: Diagnosis,
    flow: GradientFlow | None,
    recorded: bool,
    season: int | None,
    draw: Pictures,
) -> list[Section]:
    """Return the parts about how a network learnt."""
    network = subject.network
    assert network is not None
    gradient: list[Block]
    if flow is not None:
        gradient = flow_part(flow, draw, season=season, recorded=recorded)
    else:
        gradient = [
            Paragraph(
                f"Nothing was recorded while this network trained (observe={network.observe!r}). "
                "Pass windows to measure now, report(estimator, path, X), or set observe='auto' "
                "and fit again."
            )
        ]
    return [
        Section("findings", "Findings", [Findings(diagnosis)]),
        Section("training-part", "Training", training_part(network, draw)),
        Section("gradient", "Gradient through time", gradient),
    ]


def _page(subject: Subject, summary: list[Block], sections: list[Section], draw: Pictures) -> str:
    made_from = (
        "and the data passed with it" if subject.X is not None else "and nothing but what it holds"
    )
    sections = [
        *sections,
        Section("parameters", "Parameters", parameter_part(subject)),
        Section("made", "How this was made", made_part(subject, made_from)),
    ]
    return page(f"Report: {subject.name}", summary, sections, draw.colours)
