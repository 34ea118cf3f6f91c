"""The rules of `diagnose`, on evidence made by hand: thresholds, words, advice, order."""

import copy
import math
import pickle
import re

import numpy as np
import pytest

from seqforecast import GRURegressor, LSTMRegressor, RNNRegressor
from seqforecast.clipping import ClipNorm
from seqforecast.diagnosis.evidence import Evidence, reach
from seqforecast.diagnosis.findings import Diagnosis, Finding
from seqforecast.diagnosis.rules import findings
from seqforecast.gradients.residuals import MissedLag

WINDOW = 24


def evidence(kind=LSTMRegressor, params=None, **measured):
    """Evidence of a training in order, but for what is given."""
    course = {
        "grad_norm": np.array([1.0, 0.5]),
        "grad_norm_max": np.array([4.0, 2.0]),
        "clip_fraction": np.array([0.5, 0.1]),
        "skipped_steps": np.zeros(2),
        "max_norm": 1.0,
    }
    seen = {
        "curves": 0.9 ** np.arange(WINDOW)[None],
        "memory": 19.0,
        "spread": np.full((1, 8), 0.3),
        "strongest_lag": 0,
    }
    settings = {**kind().get_params(), **(params or {})}
    return Evidence(settings, WINDOW, **{**course, **seen, **measured})


def only(found, code):
    """Return the only finding, whose code is this one."""
    assert [finding.code for finding in found] == [code]
    return found[0]


def curve(**sizes):
    """A curve of one layer that is 1 at lag 0 and small elsewhere, but for ``at23=0.5``."""
    values = np.full((1, WINDOW), 1e-6)
    values[0, 0] = 1.0
    for lag, size in sizes.items():
        values[0, int(lag[2:])] = size
    return values


def missed(correlation=0.4, lag=20, channel=0, output=0, chance=0.05):
    return MissedLag(lag, channel, output, correlation, chance, n_windows=500)


def of_residuals(**changes):
    sign = {"missed": missed(), "curves": curve(), "memory": 3.0}
    return evidence(**{**sign, **changes})


def test_a_training_in_order_has_no_finding():
    assert findings(evidence()) == []
    assert findings(evidence(season=12)) == []
    nothing_seen = {"curves": None, "spread": None, "memory": math.nan, "strongest_lag": None}
    assert findings(evidence(**nothing_seen)) == []


# GF01, by the season ------------------------------------------------------------------------------


@pytest.mark.parametrize(("size", "fires"), [(0.0099, True), (0.01, False), (0.0101, False)])
@pytest.mark.parametrize("lag", ["at11", "at12", "at23"])
def test_gf01_season_whose_gradient_is_below_a_hundredth(size, fires, lag):
    found = findings(evidence(curves=curve(**{lag: size}), memory=1.0, season=12))
    if not fires:
        assert found == []
        return
    finding = only(found, "GF01")
    assert finding.name == "vanishing gradient"
    assert finding.severity == "warning"
    assert (finding.value, finding.threshold) == (size, 0.01)
    assert finding.source.endswith("1 % (ours)")
    assert finding.message == (
        "The value 12 steps before the forecast is not used: 95 % of the gradient is within the "
        "last 1 of 24 steps, and from lag 11 on no gradient is above 0.99 % of the largest."
    )


def test_gf01_season_looks_at_the_first_layer_and_not_before_the_season():
    both = np.concatenate([curve(), curve(at12=0.5)])
    assert only(findings(evidence(curves=both, season=12)), "GF01").value == 1e-6
    assert findings(evidence(curves=both[::-1], season=12)) == []
    assert only(findings(evidence(curves=curve(at10=0.5), season=12)), "GF01")
    assert findings(evidence(curves=curve(), season=1)) == []


def test_gf01_season_of_the_window_is_its_oldest_step():
    assert findings(evidence(curves=curve(at23=0.02), season=24)) == []
    assert only(findings(evidence(curves=curve(at22=0.02), season=24)), "GF01")


@pytest.mark.parametrize(("season", "window"), [(25, 31), (168, 210), (28, 35)])
def test_gf01_season_beyond_the_window(season, window):
    for seen in ({}, {"curves": None, "memory": math.nan}):
        finding = only(findings(evidence(season=season, **seen)), "GF01")
        assert (finding.value, finding.threshold) == (24, season)
        assert finding.parameter == f"window={window}"
        expected = f"The windows have 24 steps and cannot hold a season of {season}."
        assert finding.message == expected


# GF01, by the residuals ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("correlation", "chance", "threshold", "fires"),
    [
        (0.101, 0.05, 0.1, True),
        (-0.101, 0.05, 0.1, True),
        (0.1, 0.05, 0.1, False),
        (0.201, 0.2, 0.2, True),
        (-0.199, 0.2, 0.2, False),
    ],
)
def test_gf01_residuals_beyond_chance(correlation, chance, threshold, fires):
    found = findings(of_residuals(missed=missed(correlation, chance=chance)))
    if fires:
        finding = only(found, "GF01")
        assert (finding.value, finding.threshold) == (abs(correlation), threshold)
        assert finding.severity == "warning"
        assert f"residuals of 500 windows; chance {chance:g} (5 %, Bonferroni)" in finding.source
        assert "(ours)" in finding.source
    else:
        assert found == []


@pytest.mark.parametrize(("size", "fires"), [(0.099, True), (0.1, False), (0.101, False)])
@pytest.mark.parametrize("lag", ["at20", "at23"])
def test_gf01_residuals_stay_silent_where_a_tenth_of_the_gradient_arrives(size, fires, lag):
    found = findings(of_residuals(curves=curve(**{lag: size})))
    assert [finding.code for finding in found] == ["GF01"] * fires
    assert only(findings(of_residuals(curves=curve(at19=0.9))), "GF01")


def test_gf01_residuals_need_a_curve():
    assert findings(of_residuals(curves=None, spread=None)) == []


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ({}, "follow the input at lag 20 (correlation 0.40), 21 steps before what is forecast"),
        ({"output": 3}, "follow the input at lag 20 (correlation 0.40), 24 steps before what is"),
        ({"channel": 2}, "follow the input of channel 2 at lag 20 (correlation 0.40), 21 steps"),
        ({"correlation": -0.4}, "(correlation -0.40)"),
    ],
)
def test_gf01_residuals_tell_where(place, words):
    message = only(findings(of_residuals(missed=missed(**place))), "GF01").message
    assert words in message
    assert message.startswith("The residuals still follow the input")
    assert message.endswith("but 95 % of the gradient is within the last 3 of 24 steps.")


def test_gf01_is_said_once_by_the_strongest_evidence():
    all_three = only(findings(of_residuals(season=40)), "GF01")
    assert "cannot hold a season of 40" in all_three.message
    two = only(findings(of_residuals(season=12)), "GF01")
    assert two.message.startswith("The residuals still follow")


CHRONO = "more epochs than max_epochs=100, or a longer n_iter_no_change"


@pytest.mark.parametrize(
    ("kind", "params", "advice"),
    [
        (LSTMRegressor, {"forget_bias": None}, 'forget_bias="chrono"'),
        (LSTMRegressor, {"forget_bias": 1.0}, 'forget_bias="chrono"'),
        (GRURegressor, {"forget_bias": None, "recurrent_init": None}, 'forget_bias="chrono"'),
        (LSTMRegressor, {}, CHRONO),
        (GRURegressor, {"recurrent_init": None}, CHRONO),
        (GRURegressor, {"max_steps": 300}, "more steps than max_steps=300"),
        (RNNRegressor, {"recurrent_init": None}, 'recurrent_init="orthogonal"'),
        (RNNRegressor, {}, "LSTMRegressor, whose gates keep a state"),
    ],
)
def test_gf01_advice_is_what_is_not_set_yet(kind, params, advice):
    by_residuals = findings(of_residuals(kind=kind, params=params))
    by_season = findings(of_residuals(kind=kind, params=params, missed=None, season=12))
    assert only(by_residuals, "GF01").parameter == only(by_season, "GF01").parameter == advice


# GF03, exploding ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("largest", "fires"), [(9.99, False), (10.0, False), (10.01, True)])
def test_gf03_burst_of_ten_times_the_mean(largest, fires):
    norms = {"grad_norm": np.array([2.0, 0.5]), "grad_norm_max": np.array([4.0, largest / 2])}
    found = findings(evidence(params={"gradient_clipping": None}, max_norm=None, **norms))
    assert [finding.code for finding in found] == ["GF03"] * fires
    if fires:
        assert found[0].severity == "warning"
        assert found[0].value == pytest.approx(10.01)
        assert found[0].threshold == 10
        assert "Pascanu" in found[0].source
        assert "burst to 10 times its mean norm within an epoch" in found[0].message
        assert found[0].message.endswith("and nothing limits it.")
        # the middle of half to ten times the mean norm, 1.25, on a log scale
        assert found[0].parameter == "gradient_clipping=2.8"


@pytest.mark.parametrize("limit", [math.inf, ClipNorm(math.inf)])
def test_gf03_an_infinite_limit_holds_nothing(limit):
    norms = {"grad_norm_max": np.array([50.0, 1.0])}
    found = findings(evidence(params={"gradient_clipping": limit}, max_norm=None, **norms))
    assert only(found, "GF03").message.endswith("and nothing limits it.")


@pytest.mark.parametrize(("mean", "limit"), [(400.0, "890"), (1e16, "1")])
def test_gf03_does_not_propose_a_mean_that_exploded(mean, limit):
    norms = {"grad_norm": np.array([mean]), "grad_norm_max": np.array([20 * mean])}
    found = findings(evidence(params={"gradient_clipping": None}, max_norm=None, **norms))
    assert found[0].parameter == f"gradient_clipping={limit}"


def test_gf03_is_information_where_clipping_holds_it():
    found = findings(evidence(grad_norm_max=np.array([50.0, 1.0]), params={"lr": 0.01}))
    finding = only(found, "GF03")
    assert finding.severity == "info"
    assert finding.message.endswith("; clipping held it.")
    assert finding.parameter == "a lower lr than 0.01"


@pytest.mark.parametrize("norm", [0.0, math.nan])
def test_gf03_epochs_without_a_norm_say_nothing(norm):
    norms = {"grad_norm": np.array([norm, 1.0]), "grad_norm_max": np.array([norm, 2.0])}
    assert findings(evidence(**norms)) == []
    nowhere = {"grad_norm": np.array([norm]), "grad_norm_max": np.array([norm])}
    assert findings(evidence(**nowhere)) == []


# GF04, not finite ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("params", "advice"),
    [
        ({"scaling": None}, 'scaling="standard"'),
        ({"lr": 0.5}, "a lower lr than 0.5, and look for outliers in the data"),
    ],
)
def test_gf04_any_skipped_step(params, advice):
    found = findings(evidence(skipped_steps=np.array([1.0, 2.0]), params=params))
    finding = only(found, "GF04")
    assert finding.severity == "error"
    assert (finding.value, finding.threshold) == (3, 0)
    assert finding.message.startswith("3 step")
    assert finding.message.endswith("because their gradient was not finite.")
    assert finding.parameter == advice


def test_gf04_of_one_step_is_grammatical():
    finding = only(findings(evidence(skipped_steps=np.array([1.0, 0.0]))), "GF04")
    assert finding.message == "1 step was left out, because its gradient was not finite."


def test_gf04_curve_that_is_nan_is_an_error():
    nan = {"curves": np.full((1, WINDOW), np.nan), "memory": math.nan}
    finding = only(findings(evidence(**nan, spread=np.full((1, 8), np.nan))), "GF04")
    assert finding.severity == "error"


# GF05 and GF06, clipping --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shares", "fires"), [((1, 0.97), False), ((1, 0.98), True), ((1, 1), True)]
)
def test_gf05_of_ninety_nine_in_a_hundred_steps(shares, fires):
    found = findings(evidence(clip_fraction=np.array(shares, dtype=float)))
    assert [finding.code for finding in found] == ["GF05"] * fires
    if fires:
        finding = found[0]
        assert finding.severity == "info"
        assert (finding.value, finding.threshold) == (sum(shares) / 2, 0.99)
        assert "(ours)" in finding.source
        words = {2: "100 % of the steps", 1.98: "99 % of the steps"}[sum(shares)]
        assert finding.message.startswith(words)
        assert finding.parameter.startswith("gradient_clipping=1.7 if")  # sqrt(5) * 0.75


def test_gf05_without_scaling_advises_to_scale():
    found = findings(evidence(clip_fraction=np.ones(2), params={"scaling": None}))
    assert only(found, "GF05").parameter == 'scaling="standard"'


@pytest.mark.parametrize(
    ("optimizer", "words"),
    [("sgd", "normalised gradient descent"), ("adam", "hardly notices a constant factor")],
)
def test_gf05_means_something_else_for_sgd(optimizer, words):
    found = findings(evidence(clip_fraction=np.ones(2), params={"optimizer": optimizer}))
    assert words in only(found, "GF05").message


@pytest.mark.parametrize(("limit", "fires"), [(7.4, False), (7.5, False), (7.6, True), (100, True)])
def test_gf06_limit_of_ten_times_the_mean_norm(limit, fires):
    found = findings(evidence(clip_fraction=np.zeros(2), max_norm=limit))
    assert [finding.code for finding in found] == ["GF06"] * fires
    if fires:
        finding = found[0]
        assert finding.severity == "info"
        assert finding.value == pytest.approx(limit / 0.75)
        assert finding.threshold == 10
        assert "Pascanu" in finding.source
        expected = f"The limit of {limit:g} never acted: the mean norm is 0.75."
        assert finding.message == expected
        numbers = [float(number) for number in re.findall(r"[\d.]+", finding.parameter)]
        assert numbers == pytest.approx([0.375, 7.5], rel=0.1)  # half to ten times


@pytest.mark.parametrize(
    "course",
    [
        {"clip_fraction": np.array([0.0, 0.01])},
        {"max_norm": None},
        {"grad_norm": np.full(2, math.nan)},
        {"grad_norm": np.zeros(2)},
    ],
    ids=["once", "no fixed limit", "no norm", "no gradient"],
)
def test_gf06_stays_silent(course):
    assert findings(evidence(**{"clip_fraction": np.zeros(2), "max_norm": 100.0, **course})) == []


# GF08, dead ---------------------------------------------------------------------------------------


def spread(*dead):
    """State spreads of layers of 8 units, so many of them dead."""
    layers = np.full((len(dead), 8), 1.01e-3)
    for layer, count in zip(layers, dead, strict=True):
        layer[:count] = 0.99e-3
    return layers


@pytest.mark.parametrize(
    ("dead", "share"), [((2,), None), ((3,), 0.375), ((0, 3), 0.375), ((4, 3), 0.5)]
)
def test_gf08_more_than_a_quarter_of_a_layer(dead, share):
    found = findings(evidence(spread=spread(*dead)))
    assert [finding.code for finding in found] == ["GF08"] * (share is not None)
    if found:
        assert found[0].severity == "warning"
        assert (found[0].value, found[0].threshold) == (share, 0.25)
        assert "(ours)" in found[0].source
        assert found[0].message == f"{100 * share:.2g} % of a layer's units never move."
        assert found[0].parameter == "a lower lr than 0.003"


def test_gf08_no_gradient_at_all_is_an_error():
    found = findings(evidence(curves=np.zeros((1, WINDOW)), memory=0.0))
    finding = only(found, "GF08")
    assert finding.severity == "error"
    assert "the forecast does not depend on X." in finding.message
    assert not finding.message.startswith("0 %")  # no unit is dead here
    assert not found[0].value == 0 < found[0].threshold == 0.25


def test_gf08_relu_is_told_of_tanh():
    for nonlinearity, advice in (
        ("relu", 'nonlinearity="tanh"'),
        ("tanh", "a lower lr than 0.003"),
    ):
        found = findings(evidence(RNNRegressor, {"nonlinearity": nonlinearity}, spread=spread(8)))
        assert only(found, "GF08").parameter == advice


# Order and words ----------------------------------------------------------------------------------


def everything(**params):
    """Evidence of as much as can be wrong at once."""
    return of_residuals(
        params={"forget_bias": None, **params},
        missed=missed(0.98765, lag=21, channel=1, output=7),
        grad_norm_max=np.array([1e5, 1e-3]),
        clip_fraction=np.ones(2),
        skipped_steps=np.array([2.0, 0.0]),
        spread=spread(7),
    )


def test_findings_come_by_severity():
    found = findings(everything())
    ranks = [("error", "warning", "info").index(finding.severity) for finding in found]
    assert ranks == sorted(ranks)
    assert [f.code for f in found] == ["GF04", "GF08", "GF01", "GF03", "GF05"]


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
@pytest.mark.parametrize("clipping", [None, 1.0])
def test_findings_read_well_in_79_columns(optimizer, clipping):
    several = findings(everything(optimizer=optimizer, gradient_clipping=clipping))
    others = findings(evidence(season=1000, clip_fraction=np.zeros(2), max_norm=1e7))
    for finding in [*several, *others]:
        head, *rest = str(finding).splitlines()
        assert head == f"{finding.code} {finding.severity}: {finding.name}"
        assert all(line.startswith("  ") for line in rest)
        assert max(map(len, [head, *rest])) <= 79
        words = " ".join(line.strip() for line in rest)
        assert words.startswith(f"{finding.message} Try {finding.parameter}. [")
        assert words.endswith(f"against {finding.threshold:.3g}: {finding.source}]")
        assert finding.message[0].isupper() or finding.message[0].isdigit()
        assert finding.message.endswith(".")
        assert "  " not in finding.message
        assert ".." not in finding.message
        assert "(s)" not in finding.message
        assert "nan" not in words


def test_diagnosis_prints_summary_and_findings_in_79_columns():
    summary = "LSTMRegressor after 2 epochs: " + "word " * 30 + "end."
    text = str(Diagnosis(findings(everything()), summary=summary))
    assert max(map(len, text.splitlines())) <= 79
    blocks = text.split("\n\n")
    assert " ".join(blocks[0].split()) == summary
    assert [block[:4] for block in blocks[1:]] == ["GF04", "GF08", "GF01", "GF03", "GF05"]


def test_diagnosis_without_findings_says_so():
    expected = "All well.\nNo finding. How good the forecasts are is not judged here."
    assert str(Diagnosis([], summary="All well.")) == expected
    assert len(Diagnosis()) == 0


def test_diagnosis_is_a_list_that_pickles_and_copies():
    found = findings(everything())
    diagnosis = Diagnosis(found, summary="As seen.")
    assert isinstance(diagnosis, list)
    assert diagnosis == found
    assert diagnosis[0].code == "GF04"
    for twin in (pickle.loads(pickle.dumps(diagnosis)), copy.deepcopy(diagnosis)):
        assert isinstance(twin, Diagnosis)
        assert twin == diagnosis
        assert str(twin) == str(diagnosis)
        assert twin.summary == "As seen."


def test_finding_cannot_be_changed():
    finding = Finding("GF04", "name", "error", 1, 0, "source", "Message.", "lr=0.001")
    with pytest.raises(AttributeError):
        finding.value = 2


@pytest.mark.parametrize(
    ("memory", "window", "words"),
    [
        (24, 24, "the gradient reaches back over the whole window of 24 steps"),
        (23, 24, "95 % of the gradient is within the last 23 of 24 steps"),
        (1.0, 24, "95 % of the gradient is within the last 1 of 24 steps"),
    ],
)
def test_reach_in_words(memory, window, words):
    assert reach(memory, window) == words


@pytest.mark.parametrize("mean", [1.2, 40.0])
def test_advised_limits_are_written_as_people_write_them(mean):
    norms = {"grad_norm": np.full(2, mean), "grad_norm_max": np.full(2, mean)}
    saturated = findings(evidence(clip_fraction=np.ones(2), **norms))
    idle = findings(evidence(clip_fraction=np.zeros(2), max_norm=1e4, **norms))
    assert "e+" not in only(saturated, "GF05").parameter
    assert "e+" not in only(idle, "GF06").parameter
