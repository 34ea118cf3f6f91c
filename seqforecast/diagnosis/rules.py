"""What the measurements mean, and which parameter to change: one function for each rule.

A threshold marked 'ours' was calibrated by benchmarks/findings.py; the others have a source.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from seqforecast._shared.numbers import percent, short
from seqforecast.clipping import strategy_of
from seqforecast.diagnosis.evidence import Evidence, reach
from seqforecast.diagnosis.findings import Finding

_PASCANU = "Pascanu, Mikolov, Bengio 2013"

_UNSEEN, _FAINT = 0.01, 0.1
_BURST = 10.0
_ALWAYS = 0.99
_IDLE = 10.0
_DEAD_SPREAD, _DEAD_SHARE = 1e-3, 0.25

_EXPLODED = 1e3
"""A limit above limits nothing: in scaled units the norm of a training that learns is about 1."""


def findings(evidence: Evidence) -> list[Finding]:
    """Apply every rule; return what they find, the worst first."""
    found = [finding for rule in RULES if (finding := rule(evidence)) is not None]
    return sorted(found, key=lambda finding: ("error", "warning", "info").index(finding.severity))


# The rules ------------------------------------------------------------------------------------


def short_window(evidence: Evidence) -> Finding | None:
    """GF01: the window ends before the season that the user named."""
    season = evidence.season
    if season is None or season <= evidence.window:
        return None
    return Finding(
        code="GF01",
        name="window too short",
        severity="warning",
        value=evidence.window,
        threshold=season,
        source="steps of the window against the season named",
        message=f"The windows have {evidence.window} steps and cannot hold a season of {season}.",
        parameter=f"window={season + max(2, season // 4)}",
    )


def vanishing_by_season(evidence: Evidence) -> Finding | None:
    """GF01: nearly no gradient arrives at the value one season before the forecast."""
    season, curves = evidence.season, evidence.curves
    if season is None or curves is None or season > evidence.window:
        return None
    # Lag 0 is one step before the forecast: the value one season before it has lag season - 1.
    arrives = float(curves[0, season - 1 :].max())
    if not arrives < _UNSEEN:
        return None
    return Finding(
        code="GF01",
        name="vanishing gradient",
        severity="warning",
        value=arrives,
        threshold=_UNSEEN,
        source="largest relative gradient from the season on, against 1 % (ours)",
        message=(
            f"The value {season} steps before the forecast is not used: "
            f"{reach(evidence.memory, evidence.window)}, and from lag {season - 1} on no gradient "
            f"is above {percent(arrives, 2)} of the largest."
        ),
        parameter=_longer_memory(evidence.params),
    )


def vanishing_by_residuals(evidence: Evidence) -> Finding | None:
    """GF01: the residuals follow an input that lies beyond the memory."""
    missed, curves = evidence.missed, evidence.curves
    if missed is None or curves is None or not missed.is_evidence:
        return None
    if not curves[0, missed.lag :].max() < _FAINT:  # a gradient arrives: it is yet to learn
        return None
    of_channel = f" of channel {missed.channel}" if missed.channel else ""
    return Finding(
        code="GF01",
        name="vanishing gradient",
        severity="warning",
        value=abs(missed.correlation),
        threshold=missed.threshold,
        source=(
            f"partial correlation with the residuals of {missed.n_windows} windows; chance "
            f"{missed.chance:.2g} (5 %, Bonferroni), at least 0.1 (ours), where less than a tenth "
            "of the gradient arrives (ours)"
        ),
        message=(
            f"The residuals still follow the input{of_channel} at lag {missed.lag} (correlation "
            f"{missed.correlation:.2f}), {missed.lag + missed.output + 1} steps before what is "
            f"forecast, but {reach(evidence.memory, evidence.window)}."
        ),
        parameter=_longer_memory(evidence.params),
    )


def exploding(evidence: Evidence) -> Finding | None:
    """GF03: some steps of an epoch have a gradient far beyond the epoch's mean."""
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = evidence.grad_norm_max / evidence.grad_norm
    ratios = ratios[np.isfinite(ratios)]
    worst = float(ratios.max(initial=0.0))
    if worst <= _BURST:
        return None
    limit = evidence.params.get("gradient_clipping")
    clipped = strategy_of(limit, "gradient_clipping") is not None
    return Finding(
        code="GF03",
        name="exploding gradient",
        severity="info" if clipped else "warning",
        value=worst,
        threshold=_BURST,
        source=f"largest norm against the epoch's mean; ten times, {_PASCANU}",
        message=(
            f"The gradient burst to {worst:.3g} times its mean norm within an epoch"
            + ("; clipping held it." if clipped else ", and nothing limits it.")
        ),
        parameter=(
            f"a lower lr than {evidence.params.get('lr'):g}"
            if clipped
            else f"gradient_clipping={_limit_of_a_burst(evidence)}"
        ),
    )


def _limit_of_a_burst(evidence: Evidence) -> str:
    """Write the usual limit; the default where the mean norm has exploded itself."""
    limit = _usual_limit(evidence)
    return short(limit) if limit < _EXPLODED else "1"


def not_finite(evidence: Evidence) -> Finding | None:
    """GF04: steps were left out because their gradient held Inf or NaN."""
    skipped = int(evidence.skipped_steps.sum())
    if evidence.curves is not None and np.isnan(evidence.curves).any():
        return Finding(
            code="GF04",
            name="gradient not finite",
            severity="error",
            value=int(np.isnan(evidence.curves).any(axis=1).sum()),
            threshold=0,
            source="layers whose gradient is not finite; any is too many",
            message="The gradient of the forecast is not finite: a weight or a state is not.",
            parameter=f"a lower lr than {evidence.params.get('lr'):g}, and fit again",
        )
    if not skipped:
        return None
    return Finding(
        code="GF04",
        name="gradient not finite",
        severity="error",
        value=skipped,
        threshold=0,
        source="skipped steps; any is too many",
        message=(
            "1 step was left out, because its gradient was not finite."
            if skipped == 1
            else f"{skipped} steps were left out, because their gradient was not finite."
        ),
        parameter=(
            'scaling="standard"'
            if evidence.params.get("scaling") is None
            else f"a lower lr than {evidence.params.get('lr'):g}, and look for outliers in the data"
        ),
    )


def always_clipped(evidence: Evidence) -> Finding | None:
    """GF05: nearly every step was clipped, so that only the direction of the gradient counts."""
    share = float(evidence.clip_fraction.mean())
    if share < _ALWAYS:
        return None
    if evidence.params.get("optimizer") == "sgd":
        meaning = "this is normalised gradient descent, whose step length is lr alone"
    else:
        meaning = "an optimizer that adapts its steps hardly notices a constant factor"
    return Finding(
        code="GF05",
        name="clipping saturated",
        severity="info",
        value=share,
        threshold=_ALWAYS,
        source="share of clipped steps, against 99 % (ours)",
        message=f"{percent(share, 2)} of the steps were clipped: {meaning}.",
        parameter=(
            'scaling="standard"'
            if evidence.params.get("scaling") is None
            else f"gradient_clipping={short(_usual_limit(evidence))} if only bursts are to be cut"
        ),
    )


def never_clipped(evidence: Evidence) -> Finding | None:
    """GF06: the limit is so far above the gradient that it never acts."""
    limit, mean = evidence.max_norm, evidence.mean_norm
    if limit is None or not mean > 0 or evidence.clip_fraction.any() or limit <= _IDLE * mean:
        return None
    return Finding(
        code="GF06",
        name="clipping idle",
        severity="info",
        value=limit / mean,
        threshold=_IDLE,
        source=f"limit against the mean norm {mean:.2g}; half to ten times, {_PASCANU}",
        message=f"The limit of {limit:g} never acted: the mean norm is {mean:.2g}.",
        parameter=(
            f"gradient_clipping={short(0.5 * mean)} to {short(10 * mean)} if bursts are to be cut"
        ),
    )


def dead(evidence: Evidence) -> Finding | None:
    """GF08: units that never move, or a forecast that depends on no state at all."""
    if evidence.spread is None or evidence.curves is None:
        return None
    share = float((evidence.spread < _DEAD_SPREAD).mean(axis=1).max())
    gone = not evidence.curves[0].any()
    if share <= _DEAD_SHARE and not gone:
        return None
    if gone:
        severity, value, threshold = "error", 0.0, 0.0
        source = "largest gradient by any state; none is too few"
        message = "No gradient arrives at any step: the forecast does not depend on X."
    else:
        severity, value, threshold = "warning", share, _DEAD_SHARE
        source = "share of units whose state varies by less than 0.001, against 25 % (ours)"
        message = f"{percent(share, 2)} of a layer's units never move."
    return Finding(
        code="GF08",
        name="dead state",
        severity=severity,
        value=value,
        threshold=threshold,
        source=source,
        message=message,
        parameter=(
            'nonlinearity="tanh"'
            if evidence.params.get("nonlinearity") == "relu"
            else f"a lower lr than {evidence.params.get('lr'):g}"
        ),
    )


def vanishing(evidence: Evidence) -> Finding | None:
    """GF01: something that the forecast needs lies beyond its memory; the strongest evidence."""
    ways: tuple[Callable[[Evidence], Finding | None], ...]
    ways = (short_window, vanishing_by_residuals, vanishing_by_season)
    if evidence.curves is not None and not evidence.curves[0].any():  # GF08: none arrives at all
        ways = ways[:1]
    return next((finding for way in ways if (finding := way(evidence)) is not None), None)


# What breaks a training comes before what it misses: its advice is to be followed first.
RULES: tuple[Callable[[Evidence], Finding | None], ...] = (
    not_finite,
    dead,
    exploding,
    vanishing,
    always_clipped,
    never_clipped,
)


# Words ----------------------------------------------------------------------------------------


def _longer_memory(params: dict[str, object]) -> str:
    """Return the parameter that lengthens the memory of a regressor as it was set."""
    if "forget_bias" not in params:
        if params.get("recurrent_init") is None:
            return 'recurrent_init="orthogonal"'
        return "LSTMRegressor, whose gates keep a state"
    if params["forget_bias"] != "chrono":
        return 'forget_bias="chrono"'
    if params.get("max_steps") is not None:
        return f"more steps than max_steps={params['max_steps']}"
    return f"more epochs than max_epochs={params.get('max_epochs')}, or a longer n_iter_no_change"


def _usual_limit(evidence: Evidence) -> float:
    """Return the middle of half to ten times the mean norm, on a log scale."""
    return math.sqrt(0.5 * 10) * evidence.mean_norm
