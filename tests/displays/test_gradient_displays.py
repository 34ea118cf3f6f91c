import pickle
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, TimeSeriesSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from seqforecast import GRURegressor, LSTMRegressor, RNNRegressor, make_windows
from seqforecast.clipping import AutoClip, ClipNorm
from seqforecast.datasets import load_airline
from seqforecast.diagnosis import gradient_flow
from seqforecast.displays import GradientFlowDisplay, GradientNormDisplay
from seqforecast.gradients import decay_fit

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")
plt = pytest.importorskip("matplotlib.pyplot")

KINDS = ("heatmap", "lag", "timescales", "gates", "input")
WINDOW = 8


def render(display):
    """Draw, which raises what constructing alone does not."""
    display.figure_.draw_without_rendering()
    return display


def frame(n=60):
    rng = np.random.default_rng(0)
    season = np.sin(np.arange(n) * 2 * np.pi / 6)
    return pd.DataFrame({"price": season + rng.normal(size=n) / 5, "promo": rng.normal(size=n)})


def fitted(regressor, horizon=1, series=None, **params):
    X, y = make_windows(frame() if series is None else series, window=WINDOW, horizon=horizon)
    options = {"hidden_size": 4, "max_epochs": 3, "random_state": 0, "n_channels": X.shape[1] // 8}
    return regressor(**options | params).fit(X, y)


@pytest.fixture(scope="module")
def model():
    """An LSTM of one channel and one output, with records after 0, 1, 2 and 3 epochs."""
    return fitted(LSTMRegressor, series=frame()["price"])


@pytest.fixture(scope="module")
def models(model):
    return {
        "LSTM": model,
        "RNN": fitted(RNNRegressor),
        "two layers": fitted(GRURegressor, num_layers=2),
        "outputs": fitted(GRURegressor, horizon=14, series=frame()["price"]),
        "outputs and channels": fitted(LSTMRegressor, horizon=3),
        "quantiles": fitted(LSTMRegressor, horizon=2, loss="quantile"),
        "many channels": fitted(GRURegressor, series=np.random.default_rng(0).normal(size=(40, 9))),
    }


NAMES = (
    "LSTM",
    "RNN",
    "two layers",
    "outputs",
    "outputs and channels",
    "quantiles",
    "many channels",
)


# What is drawn is what was recorded ------------------------------------------------------------


@pytest.mark.parametrize("layer", [0, 1])
def test_heatmap_shows_the_lag_curves(models, layer):
    flow = models["two layers"].gradient_flow_
    display = GradientFlowDisplay.from_estimator(models["two layers"], layer=layer, season=6)
    render(display)
    image = display.artists_["image"]
    np.testing.assert_array_equal(image.get_array(), np.log10(flow.lag_curve[:, layer]))
    assert tuple(image.get_extent()) == (-0.5, WINDOW - 0.5, len(flow.epochs) - 0.5, -0.5)
    labels = [label.get_text() for label in display.ax_.get_yticklabels()]
    assert labels == [str(epoch) for epoch in flow.epochs]


def test_heatmap_bounds_the_memory_row_by_row(model):
    memory = GradientFlowDisplay.from_estimator(model).artists_["memory"]
    steps, rows = memory.get_data()
    # The last K steps are lags 0 to K - 1; the cell of lag K - 1 ends at K - 1/2.
    expected = model.gradient_flow_.effective_memory[:, 0] - 0.5
    np.testing.assert_array_equal(steps[::2], expected)
    np.testing.assert_array_equal(steps[1::2], expected)
    np.testing.assert_array_equal(rows, [-0.5, 0.5, 0.5, 1.5, 1.5, 2.5, 2.5, 3.5])


@pytest.mark.parametrize("kind", ["heatmap", "lag", "input"])
def test_value_one_season_before_the_next_step_is_marked(model, kind):
    display = GradientFlowDisplay.from_estimator(model, kind=kind, season=6)
    line = display.artists_["season"]
    assert set(line.get_xdata()) == {5}  # lag 0 is one step before the forecast
    assert line.get_label() == "season 6 (lag 5)"


def test_lag_shows_first_and_last_curve_and_the_fit(model):
    artists = GradientFlowDisplay.from_estimator(model, kind="lag").artists_
    flow = model.gradient_flow_
    for name, record in (("first", 0), ("last", -1)):
        line = artists[name]
        np.testing.assert_array_equal(line.get_ydata(), flow.lag_curve[record, 0])
        assert line.get_markevery() == [flow.effective_memory[record, 0] - 1]
    lags, values = artists["fit"].get_data()
    fit = decay_fit(flow.lag_curve[-1, 0])
    np.testing.assert_array_equal(lags, np.arange(1, WINDOW))
    np.testing.assert_allclose(values[1:] / values[:-1], fit.rate)
    assert f"r$^2$ {fit.r_squared:.2f}" in artists["fit"].get_label()
    assert f"half-life {fit.half_life:.3g} steps" in artists["fit"].get_label()


def test_exponential_decay_lies_on_its_fit(model):
    curve = np.tile(0.5 ** np.arange(8.0), (4, 1, 1))
    flow = replace(model.gradient_flow_, lag_curve=curve)
    artists = GradientFlowDisplay(flow).plot(kind="lag").artists_
    np.testing.assert_allclose(artists["fit"].get_ydata(), curve[-1, 0, 1:])
    assert artists["fit"].get_label() == "fit: half-life 1 steps, r$^2$ 1.00"


def test_curve_that_does_not_decay_says_so(model):
    flow = replace(model.gradient_flow_, lag_curve=np.ones((4, 1, 8)))
    artists = GradientFlowDisplay(flow).plot(kind="lag").artists_
    assert artists["fit"].get_label().startswith("fit: no decay")


def test_timescales_counts_every_unit(model):
    artists = GradientFlowDisplay.from_estimator(model, kind="timescales", season=6).artists_
    for name, record in (("first", 0), ("last", -1)):
        counts, edges, _ = artists[name].get_data()
        scales = model.gradient_flow_.time_scale[record, 0]
        np.testing.assert_array_equal(counts, np.histogram(scales, edges)[0])
        assert counts.sum() == 4
    assert set(artists["window"].get_xdata()) == {WINDOW}
    assert set(artists["season"].get_xdata()) == {6}


def test_timescale_without_end_is_in_the_last_bin(model):
    scales = np.array([[[1.0, 2.0, 30.0, np.inf]]]).repeat(4, axis=0)
    flow = replace(model.gradient_flow_, time_scale=scales)
    artists = GradientFlowDisplay(flow).plot(kind="timescales").artists_
    counts, edges, _ = artists["last"].get_data()
    assert counts.sum() == 4
    assert counts[-1] == 2
    assert edges[-1] >= 30


def test_gates_shows_both_saturations_of_every_unit(model):
    artists = GradientFlowDisplay.from_estimator(model, kind="gates").artists_
    assert list(artists) == ["i", "f", "g", "o"]
    for name, gate in model.gradient_flow_.gates.items():
        points = np.column_stack([gate.low[-1, 0], gate.high[-1, 0]])
        np.testing.assert_array_equal(artists[name].get_offsets(), points)


def test_input_of_one_output_is_a_line_a_channel():
    model = fitted(LSTMRegressor)
    display = GradientFlowDisplay.from_estimator(model, kind="input")
    lines = display.artists_["lines"]
    for channel, line in enumerate(lines):
        expected = model.gradient_flow_.input_sensitivity[0, :, channel]
        np.testing.assert_array_equal(line.get_ydata(), expected)
    assert [line.get_label() for line in lines] == ["price", "promo"]
    assert display.ax_.get_ylabel() == "|d output / d input| (sd per sd)"


def test_input_of_several_outputs_is_a_map(models):
    model = models["outputs and channels"]
    display = GradientFlowDisplay.from_estimator(model, kind="input", season=2)
    sensitivity = model.gradient_flow_.input_sensitivity
    rows = np.concatenate([sensitivity[:, :, channel] for channel in range(2)])
    np.testing.assert_array_equal(display.artists_["image"].get_array(), rows)
    labels = [label.get_text() for label in display.ax_.get_yticklabels()]
    assert labels == ["price", "promo"]
    # A season of 2: before step 1 stands lag 1, before step 2 lag 0, before step 3 lag 1 again.
    lags, at = display.artists_["season"].get_data()
    np.testing.assert_array_equal(lags, [1, 0, 1, 1, 0, 1])
    np.testing.assert_array_equal(at, np.arange(6))


def test_channels_without_names_are_numbered(models):
    model = models["many channels"]
    display = GradientFlowDisplay.from_estimator(model, kind="input")
    labels = [label.get_text() for label in display.ax_.get_yticklabels()]
    assert labels == [f"channel {k}" for k in range(9)]


def test_unit_of_the_input_is_stated_only_where_it_is_known():
    model = fitted(LSTMRegressor, series=frame()["price"], scaling=None)
    display = GradientFlowDisplay.from_estimator(model, kind="input")
    assert display.ax_.get_ylabel() == "|d output / d input|"


# Every kind, for every model, from every estimator ---------------------------------------------


@pytest.mark.parametrize(
    ("name", "kind"),
    [(name, kind) for name in NAMES for kind in KINDS if (name, kind) != ("RNN", "timescales")],
)
def test_every_kind_draws(models, name, kind):
    display = render(GradientFlowDisplay.from_estimator(models[name], kind=kind, season=3))
    assert display.ax_.get_xlabel()
    assert display.ax_.get_ylabel()
    assert display.figure_ is display.ax_.figure


@pytest.mark.parametrize("kind", KINDS)
def test_windows_are_measured_now(model, kind):
    X, _ = make_windows(frame()["price"], window=WINDOW)
    display = GradientFlowDisplay.from_estimator(model, X[-5:], kind=kind)
    np.testing.assert_array_equal(display.flow.epochs, [3])
    np.testing.assert_array_equal(display.flow.lag_curve, gradient_flow(model, X[-5:]).lag_curve)
    if kind in ("lag", "timescales"):
        assert display.artists_["first"] is None


@pytest.mark.parametrize("kind", KINDS)
def test_dead_gradient_is_drawn(model, kind):
    flow = replace(
        model.gradient_flow_,
        lag_curve=np.zeros((4, 1, 8)),
        input_sensitivity=np.zeros((2, 8, 1)),
    )
    render(GradientFlowDisplay(flow).plot(kind=kind))


@pytest.mark.filterwarnings("ignore:X has windows of 1 step")
@pytest.mark.parametrize("kind", KINDS)
def test_window_of_one_step_is_drawn(kind):
    X, y = make_windows(frame()["price"], window=1)
    model = LSTMRegressor(hidden_size=2, max_epochs=1, random_state=0).fit(X, y)
    render(GradientFlowDisplay.from_estimator(model, kind=kind, season=1))


def test_many_records_share_few_labels():
    model = fitted(LSTMRegressor, observe="epoch", max_epochs=30)
    display = render(GradientFlowDisplay.from_estimator(model))
    labels = [label.get_text() for label in display.ax_.get_yticklabels()]
    assert [label for label in labels if label] == ["0", "10", "20", "30"]


@pytest.mark.parametrize("display", [GradientFlowDisplay, GradientNormDisplay])
def test_pipeline_and_search_are_taken(display):
    X, y = make_windows(frame()["price"], window=WINDOW)
    pipeline = make_pipeline(
        StandardScaler(), LSTMRegressor(hidden_size=2, max_epochs=1, random_state=0)
    )
    search = GridSearchCV(pipeline, {"lstmregressor__lr": [0.01]}, cv=TimeSeriesSplit(2))
    inner = search.fit(X, y).best_estimator_[-1]
    if display is GradientNormDisplay:
        assert display.from_estimator(search).history is inner.history_
        return
    assert display.from_estimator(search).flow is inner.gradient_flow_
    measured = display.from_estimator(search.best_estimator_, X, kind="lag").flow
    np.testing.assert_array_equal(
        measured.lag_curve, gradient_flow(search.best_estimator_, X).lag_curve
    )


@pytest.mark.parametrize("kind", KINDS)
def test_axes_of_the_caller_are_used(model, kind):
    figure, (left, right) = plt.subplots(1, 2, layout="constrained")
    display = GradientFlowDisplay.from_estimator(model, kind=kind, ax=right)
    assert display.ax_ is right
    assert display.figure_ is figure
    assert not left.has_data()
    assert plt.get_fignums() == [figure.number]


def test_plot_draws_again_and_returns_the_display(model):
    display = GradientFlowDisplay.from_estimator(model)
    before = display.ax_
    assert display.plot(kind="lag") is display
    assert display.ax_ is not before
    assert repr(display).startswith("<GradientFlowDisplay of <GradientFlow: 4 record(s)")


# The norms -------------------------------------------------------------------------------------


def test_norms_shows_the_history(model):
    display = GradientNormDisplay.from_estimator(model)
    lines = {
        "mean": "grad_norm",
        "largest": "grad_norm_max",
        "train_loss": "train_loss",
    }
    for name, column in lines.items():
        np.testing.assert_array_equal(display.artists_[name].get_xdata(), [1, 2, 3])
        np.testing.assert_array_equal(display.artists_[name].get_ydata(), model.history_[column])
    clipped, edges, _ = display.artists_["clipped"].get_data()
    np.testing.assert_array_equal(clipped, model.history_["clip_fraction"])
    np.testing.assert_array_equal(edges, [0.5, 1.5, 2.5, 3.5])
    assert display.artists_["skipped"] is None
    assert display.artists_["valid_loss"] is None


@pytest.mark.parametrize(
    ("clipping", "threshold"), [(0.5, 0.5), (ClipNorm(2), 2.0), (AutoClip(), None), (None, None)]
)
def test_norms_marks_a_fixed_threshold(clipping, threshold):
    model = fitted(LSTMRegressor, gradient_clipping=clipping, max_epochs=1)
    display = GradientNormDisplay.from_estimator(model)
    line = display.artists_["threshold"]
    assert display.threshold == threshold
    assert (line and line.get_ydata()[0]) == threshold


def test_norms_shows_validation():
    model = fitted(LSTMRegressor, early_stopping=True)
    artists = GradientNormDisplay.from_estimator(model).artists_
    np.testing.assert_array_equal(artists["valid_loss"].get_ydata(), model.history_["valid_loss"])


def test_norms_marks_epochs_with_skipped_steps(model):
    history = model.history_.assign(skipped_steps=[0, 2, 1])
    history.loc[2, ["grad_norm", "grad_norm_max"]] = np.nan
    skipped = render(GradientNormDisplay(history).plot()).artists_["skipped"]
    np.testing.assert_array_equal(skipped.get_xdata(), [2, 3])
    assert skipped.get_label() == "steps skipped (3)"


@pytest.mark.parametrize("value", [0.0, np.nan, np.inf])
def test_norms_draws_what_has_no_logarithm(model, value):
    columns = ["grad_norm", "grad_norm_max", "train_loss"]
    render(GradientNormDisplay(model.history_.assign(**dict.fromkeys(columns, value))).plot())


def test_norms_divides_one_axes(model):
    figure, (_, right) = plt.subplots(1, 2, layout="constrained")
    display = render(GradientNormDisplay.from_estimator(model, ax=right))
    assert display.figure_ is figure
    assert not right.axison
    for axes in display.axes_:
        assert axes.get_subplotspec().get_topmost_subplotspec() == right.get_subplotspec()


def test_norms_uses_three_axes(model):
    _, axes = plt.subplots(3, 1)
    display = GradientNormDisplay.from_estimator(model, ax=list(axes))
    assert list(display.axes_) == list(axes)
    assert [ax.get_ylabel() for ax in axes] == ["gradient norm", "clipped", "loss (scaled units)"]


# Errors ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("display", [GradientFlowDisplay, GradientNormDisplay])
@pytest.mark.parametrize(
    ("estimator", "error", "match"),
    [
        (LSTMRegressor(), NotFittedError, "not fitted yet"),
        (make_pipeline(StandardScaler(), LSTMRegressor()), NotFittedError, "not fitted yet"),
        (GridSearchCV(LSTMRegressor(), {}), NotFittedError, "not fitted yet"),
        (Ridge().fit([[0.0], [1.0]], [0.0, 1.0]), TypeError, "got a Ridge; a fitted RNNRegressor"),
    ],
)
def test_estimator_without_a_fitted_network_is_refused(display, estimator, error, match):
    with pytest.raises(error, match=match):
        display.from_estimator(estimator)


def test_nothing_recorded_and_no_windows_is_refused():
    model = fitted(LSTMRegressor, series=frame()["price"], observe="off")
    with pytest.raises(ValueError, match=r"observe='off'\); a record or windows are needed. Pass"):
        GradientFlowDisplay.from_estimator(model)
    X, _ = make_windows(frame()["price"], window=WINDOW)
    assert GradientFlowDisplay.from_estimator(model, X).ax_.has_data()
    assert GradientNormDisplay.from_estimator(model).axes_[0].has_data()


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"kind": "heat map"}, "Did you mean 'heatmap'?"),
        ({"kind": None}, "kind=None; one of 'heatmap', 'lag'"),
        ({"layer": 1}, r"layer=1, but the network has 1 recurrent layer\(s\); one from 0 to 0"),
        ({"layer": -1}, "layer=-1; an integer of at least 0 is needed"),
        ({"season": 0}, "season=0; an integer of at least 1 is needed"),
        ({"season": 6.0}, "season=6.0; an integer of at least 1 is needed"),
        ({"season": 9}, "season=9, but the windows have 8 steps; a season within the window"),
    ],
)
def test_bad_argument_is_refused_before_there_is_a_figure(model, arguments, match):
    with pytest.raises(ValueError, match=match):
        GradientFlowDisplay.from_estimator(model, **arguments)
    assert not plt.get_fignums()


def test_season_beyond_the_window_is_marked_among_time_scales(model):
    display = GradientFlowDisplay.from_estimator(model, kind="timescales", season=20)
    assert set(display.artists_["season"].get_xdata()) == {20}


def test_time_scales_of_an_rnn_are_refused(models):
    with pytest.raises(ValueError, match="an RNN has no gate .* LSTM or GRU is needed. Choose"):
        GradientFlowDisplay.from_estimator(models["RNN"], kind="timescales")
    assert not plt.get_fignums()


def test_wrong_number_of_channel_names_is_refused(model):
    display = GradientFlowDisplay(model.gradient_flow_, channels=["price", "promo"])
    with pytest.raises(ValueError, match=r"the input has 1 channel\(s\); a name for each"):
        display.plot(kind="input")


def test_norms_refuses_axes_that_it_cannot_use(model):
    display = GradientNormDisplay.from_estimator(model)
    figure, two = plt.subplots(1, 2)
    with pytest.raises(ValueError, match="ax holds 2 axes; three are needed"):
        display.plot(ax=two)
    with pytest.raises(ValueError, match="placed by hand .* axes of a grid are needed"):
        display.plot(ax=figure.add_axes((0, 0, 1, 1)))


@pytest.mark.parametrize("display", [GradientFlowDisplay, GradientNormDisplay])
def test_missing_matplotlib_is_named(model, monkeypatch, display):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"from_estimator requires matplotlib. You can install"):
        display.from_estimator(model)
    made = display(model.gradient_flow_ if display is GradientFlowDisplay else model.history_)
    with pytest.raises(ImportError, match=r"plot requires matplotlib. You can install"):
        made.plot()


@pytest.fixture(scope="module")
def airline_model():
    X, y = make_windows(load_airline(), window=12)
    return LSTMRegressor(hidden_size=4, max_epochs=2, random_state=0).fit(X, y)


@pytest.mark.parametrize("kind", ["heatmap", "lag", "timescales", "gates", "input", "norms"])
def test_drawn_display_pickles(airline_model, kind):
    if kind == "norms":
        display = GradientNormDisplay.from_estimator(airline_model)
    else:
        display = GradientFlowDisplay.from_estimator(airline_model, kind=kind)
    assert type(pickle.loads(pickle.dumps(display))) is type(display)
