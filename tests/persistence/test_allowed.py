"""What may be saved and loaded is a list: all else is refused by its name, both ways."""

from functools import partial

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import BaseEstimator
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    OneHotEncoder,
    SplineTransformer,
    StandardScaler,
)
from skorch.callbacks import Callback, EpochScoring, LRScheduler

from seqforecast import Forecaster, GRURegressor, LSTMRegressor, load, save
from seqforecast.persistence import files
from seqforecast.persistence.format import from_bytes, to_bytes
from tests.persistence import models


class Own(BaseEstimator):
    pass


class OwnLSTM(LSTMRegressor):
    pass


class OwnOptimizer(torch.optim.SGD):
    pass


def doubled(values):
    return 2 * values


REFUSED = {
    "a class": (LSTMRegressor, "the class LSTMRegressor itself cannot be saved"),
    "an array": (np.arange(3), "numpy.ndarray cannot be saved"),
    "a search": (GridSearchCV(LSTMRegressor(), {}), r"Of a search, save its best_estimator_\."),
    "a tree": (RandomForestRegressor(), "RandomForestRegressor cannot be saved; a regressor of"),
    "an own class": (Own(), "test_allowed.Own cannot be saved"),
    "a subclass": (OwnLSTM(), "OwnLSTM cannot be saved"),
    "a part of a pipeline": (
        make_pipeline(SplineTransformer(), LSTMRegressor()),
        r"holds what cannot be saved: params.steps\[0\].items\[1\] is a sklearn.*SplineTransformer",
    ),
    "an encoder": (make_pipeline(OneHotEncoder(), LSTMRegressor()), "OneHotEncoder, which is not"),
    "a regressor of a forecaster": (
        Forecaster(HistGradientBoostingRegressor()),
        "params.regressor is a sklearn.*HistGradientBoostingRegressor, which is not among",
    ),
    "a function": (FunctionTransformer(doubled), "params.func is the function .*doubled, which"),
    "a lambda": (FunctionTransformer(lambda x: x), "params.func is the function .*<lambda>"),
    "a function of numpy": (FunctionTransformer(np.sin), "the function numpy.sin is not among tho"),
    "an own optimizer": (
        GRURegressor(optimizer=OwnOptimizer),
        "OwnOptimizer is none of torch.opti",
    ),
    "a partial of a function": (
        GRURegressor(optimizer=partial(doubled, values=1)),
        "is of no optimizer of torch.optim",
    ),
    "a partial with places": (
        GRURegressor(optimizer=partial(torch.optim.SGD, [])),
        "has arguments without names",
    ),
    "a callback": (GRURegressor(callbacks=[EpochScoring("r2")]), "EpochScoring, which is not amo"),
    "a scheduler": (GRURegressor(callbacks=[LRScheduler()]), "LRScheduler, which is not among"),
    "the class of a callback": (GRURegressor(callbacks=[Callback]), "the class skorch.*Callback"),
    "a folder": (
        make_pipeline(StandardScaler(), LSTMRegressor(), memory="cache"),
        "Pipeline.memory is set, which names a folder of this machine",
    ),
    "a generator": (GRURegressor(random_state=np.random.default_rng(0)), "numpy.*Generator"),
}


@pytest.mark.parametrize("case", REFUSED.values(), ids=REFUSED)
def test_what_is_not_in_the_list_is_not_saved(case, tmp_path):
    estimator, message = case
    path = tmp_path / "model"
    path.write_bytes(b"what was there")
    with pytest.raises(ValueError, match=message):
        save(estimator, path)
    assert path.read_bytes() == b"what was there"
    assert [one.name for one in tmp_path.iterdir()] == ["model"]


def test_arguments_the_other_way_round_are_named(tmp_path):
    with pytest.raises(TypeError, match="the estimator is 'model'.*Call save.estimator, path"):
        save("model", LSTMRegressor())
    with pytest.raises(TypeError, match="an estimator is needed, then the path"):
        save(tmp_path, LSTMRegressor())


def test_an_attribute_that_somebody_added_is_not_saved(tmp_path):
    scaler = StandardScaler().fit([[1.0], [2.0]])
    scaler.extra = 3
    with pytest.raises(ValueError, match="StandardScaler.extra is no parameter and nothing learnt"):
        save(scaler, tmp_path / "model")


def file_of(path, node, arrays=None):
    path.write_bytes(to_bytes("estimator", node, arrays or {}))
    return path


def kind(kind_name, /, **parts):
    return {"kind": kind_name, "parts": parts}


SCALER = {"params": {"fields": {"copy": True, "with_mean": True, "with_std": True}}}
NAMED = ["os.system", "builtins.eval", "os", "posix.system", "subprocess.Popen", "pickle.loads",
         "sklearn.RandomForestRegressor", "sklearn.svm.SVR", "numpy.load", "torch.load", "type",
         "object", "function", "seqforecast.persistence", "callback.Checkpoint", "", "\x00",
         "seqforecast.Forecaster.fit", "sklearn.Pipeline "]  # fmt: skip


@pytest.mark.parametrize("name", NAMED)
def test_a_file_cannot_name_what_is_not_in_the_list(name, tmp_path):
    path = file_of(tmp_path / "m", kind(name, name="system", command="true"))
    with pytest.raises(ValueError, match="m does not fit together: .* is not among what can be lo|"
                       "m does not fit together: the function 'system' is not among"):  # fmt: skip
        load(path)


SHADOWS = ["transform", "predict", "fit", "__class__", "__dict__", "__init__", "__reduce__",
           "__getattr__", "__sklearn_tags__", "_check_feature_names", "n_features", "_a_", "__a_",
           "get_params", "set_output", "inverse_transform", "_repr_html_", ""]  # fmt: skip


@pytest.mark.parametrize("name", SHADOWS)
def test_a_file_cannot_hide_what_an_estimator_does(name, tmp_path):
    learnt = {"fields": {name: kind("function", name="exp")}}
    path = file_of(tmp_path / "m", kind("sklearn.StandardScaler", **SCALER, learnt=learnt))
    with pytest.raises(ValueError, match="a StandardScaler learns no"):
        load(path)


@pytest.mark.parametrize("name", ["mean_", "scale_"])
def test_a_fitted_estimator_has_what_it_learnt(name, tmp_path):
    save(StandardScaler().fit([[1.0], [2.0]]), tmp_path / "m")
    content, arrays = from_bytes((tmp_path / "m").read_bytes(), "estimator", "m")
    content["parts"]["learnt"]["fields"][name] = None
    with pytest.raises(ValueError, match=rf"a fitted StandardScaler lacks \['{name}'\]"):
        load(file_of(tmp_path / "n", content, dict(arrays)))


@pytest.mark.parametrize("name", ["__class__", "on_epoch_end", "initialize", "_x_", "flow"])
def test_a_file_cannot_hide_what_a_callback_does(name, tmp_path):
    save(models.rnn(), tmp_path / "m")
    content, arrays = from_bytes((tmp_path / "m").read_bytes(), "estimator", "m")
    seen = content["parts"]["learnt"]["fields"]["net"]["fields"]["callbacks"]["fields"]
    seen["gradient_flow"]["fields"][name] = kind("optimizer", name="SGD")
    with pytest.raises(ValueError, match=f"a Observer keeps no '{name}'"):
        load(file_of(tmp_path / "n", content, dict(arrays)))


@pytest.mark.parametrize("name", ["memory", "cache"])
def test_a_file_cannot_make_a_pipeline_read_pickles(name, tmp_path):
    params = {"steps": [], "transform_input": None, "verbose": False, name: "/tmp/cache"}
    node = kind("sklearn.Pipeline", params={"fields": params}, learnt={"fields": {}})
    with pytest.raises(ValueError, match="memory=, which would read pickles|unexpected keyword"):
        load(file_of(tmp_path / "m", node))


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"hidden_size": 10**9}, "asks? for|num_layers|hidden_size"),
        ({"unknown": 1}, "unexpected keyword argument 'unknown'"),
    ],
)
def test_parameters_ask_for_no_more_than_the_arrays_are(params, message, tmp_path):
    save(models.rnn(), tmp_path / "m")
    content, arrays = from_bytes((tmp_path / "m").read_bytes(), "estimator", "m")
    content["parts"]["params"]["fields"].update(params)
    content["parts"]["learnt"]["fields"]["built_with"]["fields"].update(params)
    with pytest.raises(ValueError, match=message):
        load(file_of(tmp_path / "n", content, dict(arrays)))


@pytest.mark.parametrize(
    "node",
    [
        *(None, 3, "text", [], {"fields": {}}, kind("tuple", items=[1]), [kind("tuple", items=[])]),
        *(kind("optimizer", name="SGD"), kind("function", name="exp")),
        kind("scalar", dtype="f8", value=1),
    ],
    ids=str,
)
def test_what_is_no_estimator_is_not_returned(node, tmp_path):
    with pytest.raises(
        ValueError, match=r"m holds a \w+, no estimator. A file that seqforecast.sa"
    ):
        load(file_of(tmp_path / "m", node))


def moved(model, tmp_path, change):
    """Save a model, edit its content, and return the path of the new file."""
    save(model, tmp_path / "m")
    content, arrays = from_bytes((tmp_path / "m").read_bytes(), "estimator", "m")
    arrays = dict(arrays)
    change(content["parts"]["learnt"]["fields"], arrays)
    return file_of(tmp_path / "n", content, arrays)


def array_named(arrays, end):
    return next(name for name in arrays if name.endswith(end))


@pytest.mark.parametrize(("name", "shape"), [("exp_avg", 2), ("exp_avg_sq", ()), ("step", (3,))])
def test_moments_beside_their_weights_are_refused(name, shape, tmp_path):
    def change(_, arrays):
        arrays[array_named(arrays, f"{name}.values")] = np.zeros(shape, np.float32)

    with pytest.raises(ValueError, match=f"{name} of the optimizer has the shape .*, not"):
        load(moved(models.lstm(), tmp_path, change))


def test_generators_that_point_beside_their_numbers_are_refused(tmp_path):
    def change(_, arrays):
        name = array_named(arrays, "generators.order.values")
        state = arrays[name].copy()
        state[8:12] = np.frombuffer(np.int32(624).tobytes(), np.uint8)
        state[16:24] = np.frombuffer(np.uint64(624).tobytes(), np.uint8)
        arrays[name] = state

    with pytest.raises(ValueError, match="a random generator points beside its numbers"):
        load(moved(models.lstm(), tmp_path, change))


def test_units_that_would_blow_a_forecast_up_are_refused(tmp_path):
    def change(_, arrays):
        arrays[array_named(arrays, "_units.level")] = np.zeros((1000, 1))

    with pytest.raises(ValueError, match="the units are of another number of channels or outputs"):
        load(moved(models.lstm(), tmp_path, change))


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("horizon", 10**9),
        ("horizon", 0),
        ("horizon", -1),
        ("window", 10**9),
        ("window", True),
        ("weight", "1"),
    ],
)
def test_sizes_of_a_forecaster_are_those_of_its_series(part, value, tmp_path):
    def change(learnt, _):
        learnt["_model"]["parts"][part] = value

    with pytest.raises(ValueError, match="does not fit together"):
        load(moved(models.forecaster_linear(), tmp_path, change))


def test_series_that_lie_an_age_from_each_other_are_refused(tmp_path):
    frame = pd.DataFrame({"a": models.wave(40), "b": models.wave(40)})

    def change(_, arrays):
        arrays[array_named(arrays, "panel.first")] = np.array([0, 10**12])

    model = Forecaster(GRURegressor(max_epochs=1), window=4, season=4).fit(frame)
    with pytest.raises(ValueError, match="lie 10+39 steps from each other"):
        load(moved(model, tmp_path, change))


@pytest.mark.parametrize("frequency", ["0MS", "-1MS"])
def test_calendars_that_do_not_go_on_are_refused(frequency, tmp_path):
    def change(learnt, _):
        calendar = learnt["_model"]["parts"]["panel"]["parts"]["calendar"]["parts"]
        calendar["offset"] = kind("offset", frequency=frequency)

    with pytest.raises(ValueError, match="a calendar does not go on from step to step"):
        load(moved(models.forecaster_quantile(), tmp_path, change))


def test_every_class_that_is_loaded_was_looked_at():
    assert {cls.__name__ for cls in files._SAVED} == {
        "ElasticNet",
        "ForecastStream",
        "Forecaster",
        "FunctionTransformer",
        "GRURegressor",
        "LSTMRegressor",
        "Lasso",
        "LinearRegression",
        "MaxAbsScaler",
        "MinMaxScaler",
        "OldestFirst",
        "Pipeline",
        "PowerTransformer",
        "QuantileTransformer",
        "RNNRegressor",
        "Ridge",
        "RobustScaler",
        "StandardScaler",
        "Stream",
        "TransformedTargetRegressor",
    }
