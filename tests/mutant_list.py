"""Faults that somebody could make, which `tests.mutants` plants, one at a time.

Most give plausible wrong numbers in silence. Where only some networks or series show a fault, it
says so in brackets: such mutants tell when the parameters of a test have become too few.
"""

from typing import NamedTuple


class Mutant(NamedTuple):
    """One fault."""

    module: str
    """In seqforecast/."""
    fault: str
    """What goes wrong."""
    text: str
    """Occurs once in the module."""
    instead: str
    tests: tuple[str, ...]
    """Files in tests/ that must notice."""


NETWORKS = (
    Mutant(
        "nn/recurrent.py",
        "all layers begin with the first one's state [layers]",
        "tuple(part[k : k + 1] for part in state)",
        "tuple(part[:1] for part in state)",
        ("nn/test_recurrent.py",),
    ),
    Mutant(
        "nn/network.py",
        "the head reads the lowest layer [layers]",
        "(state[0] if isinstance(state, tuple) else state)[-1]",
        "(state[0] if isinstance(state, tuple) else state)[0]",
        ("nn/test_network.py", "nn/test_recurrent.py"),
    ),
    Mutant(
        "nn/gates.py",
        "gates r and z of a GRU change places [GRU]",
        '"GRU": ("r", "z", "n")',
        '"GRU": ("z", "r", "n")',
        ("nn/test_initialisers.py", "gradients/test_lag_gradients.py"),
    ),
    Mutant(
        "nn/heads.py",
        "levels above the median do not add up [levels]",
        "up = F.softplus(above).cumsum(-1)",
        "up = F.softplus(above)",
        ("nn/test_heads.py",),
    ),
    Mutant(
        "nn/losses.py",
        "weights change the size of the loss",
        "/ known.sum().clamp(min=1)",
        "/ share.sum().clamp(min=1)",
        ("nn/test_losses.py",),
    ),
    Mutant(
        "nn/initialisers.py",
        "chrono: the input gate keeps its sign [LSTM]",
        'bias_ih[rows["i"]] = -value',
        'bias_ih[rows["i"]] = value',
        ("nn/test_initialisers.py",),
    ),
    Mutant(
        "nn/kernels/__init__.py",
        "a type that does not fit is not refused",
        "tensor.dtype != weight_hh.dtype and not",
        "tensor.dtype.is_complex and not",
        ("nn/test_kernels_bad_input.py", "nn/test_recurrent.py"),
    ),
    Mutant(
        "nn/kernels/function.py",
        "h and c of the first state change places [LSTM]",
        "_state(h0),\n        _state(c0),",
        "_state(h0 if c0 is None else c0),\n        _state(None if c0 is None else h0),",
        ("nn/test_kernels_equality.py",),
    ),
    Mutant(
        "nn/kernels/function.py",
        "a negated view is read as it lies in memory",
        "and not tensor.is_neg()",
        "and not tensor.is_conj()",
        ("nn/test_kernels_dispatch.py", "nn/test_kernels_bad_input.py"),
    ),
    Mutant(
        "nn/kernels/torch_layers.py",
        "relu runs torch's tanh [relu]",
        '"relu": torch.rnn_relu',
        '"relu": torch.rnn_tanh',
        ("nn/test_recurrent.py", "nn/test_kernels_equality.py"),
    ),
    Mutant(
        "nn/kernels/workspace.py",
        "a buffer that comes may exceed what is kept",
        "while _kept() + size > _MOST_KEPT and _free",
        "while _kept() > _MOST_KEPT and _free",
        ("nn/test_kernels_workspace.py",),
    ),
    Mutant(
        "clipping.py",
        "AutoClip: a percentile of n steps, not n - 1",
        "position = (len(self._ordered) - 1) * self.percentile / 100",
        "position = len(self._ordered) * self.percentile / 100",
        ("test_clipping.py",),
    ),
    Mutant(
        "clipping.py",
        "the message lacks its cure",
        '"gradient_clipping=None turns clipping off."',
        '""',
        ("test_clipping.py", "regressors/test_bad_parameters.py"),
    ),
)

GRADIENTS = (
    Mutant(
        "gradients/layer_runs.py",
        "a projection is not refused [proj]",
        'for option in ("bidirectional", "proj_size"):',
        'for option in ("bidirectional",):',
        ("gradients/test_lag_gradients.py",),
    ),
    Mutant(
        "gradients/lag_gradients.py",
        "time and windows change places [batch_first]",
        "return x if batch_first(module) else x.transpose(0, 1)",
        "return x",
        ("gradients/test_lag_gradients.py",),
    ),
    Mutant(
        "gradients/scan.py",
        "dx by the recurrent slopes [GRU]",
        "if run.input_slopes is not None:",
        "if run.input_slopes is not None and run.c is not None:",
        ("gradients/test_lag_gradients.py", "gradients/test_scan.py"),
    ),
    Mutant(
        "gradients/scan.py",
        "what a head reads of c is lost [LSTM]",
        "dc=direct.dc)",
        "dc=torch.zeros_like(direct.dc))",
        ("gradients/test_scan.py", "gradients/test_probe.py"),
    ),
    Mutant(
        "gradients/probe.py",
        "the final state hides the output [both are read]",
        "found[last] = found[last] + of_h[k] if last in found else of_h[k]",
        "found[last] = of_h[k]",
        ("gradients/test_probe.py",),
    ),
    Mutant(
        "gradients/gate_statistics.py",
        "the candidate n counts as a sigmoid [GRU]",
        'if name in ("g", "n", "h")',
        'if name in ("g", "h")',
        ("gradients/test_gate_statistics.py",),
    ),
    Mutant(
        "gradients/effective_memory.py",
        "omega: the mean over steps that do not count",
        "total / np.maximum(count, 1)",
        "total / max(sizes.shape[-1] - 1, 1)",
        ("gradients/test_effective_memory.py",),
    ),
)

TRAINING = (
    Mutant(
        "training/batches.py",
        "weights are not shuffled with their windows",
        "self._tensor(weight[rows])",
        "self._tensor(weight[: len(x)])",
        ("training/test_batches.py", "regressors/test_sample_weight.py"),
    ),
    Mutant(
        "training/scaling.py",
        "spread between chunks counts once [long series]",
        "shift**2 * total * n / merged",
        "shift**2 * n / merged",
        ("training/test_scaling.py",),
    ),
    Mutant(
        "training/scaling.py",
        "targets in the units of the last channel [channels]",
        "level[:, 0, :1], scale[:, 0, :1]",
        "level[:, 0, -1:], scale[:, 0, -1:]",
        ("training/test_scaling.py",),
    ),
    Mutant(
        "training/scaling.py",
        "units of the first window for all [every step]",
        "level, scale = level[:, None], scale[:, None]",
        "level, scale = level[:1, None], scale[:1, None]",
        ("training/test_scaling.py",),
    ),
    Mutant(
        "training/native_step.py",
        "Adam counts steps that were skipped",
        "self._steps += not skipped",
        "self._steps += 1",
        ("training/test_native_state.py",),
    ),
    Mutant(
        "training/native_step.py",
        "the first level is taken for the median [quantiles]",
        'median=getattr(head, "median", 0)',
        "median=0",
        ("training/test_native_step.py",),
    ),
    Mutant(
        "callbacks/copies.py",
        "a fit changes the callback of the user",
        "made = given() if isinstance(given, type) else copy(given)",
        "made = given() if isinstance(given, type) else given",
        ("callbacks/test_copies.py",),
    ),
    Mutant(
        "callbacks/copies.py",
        "a copy refers to the callback of the user in place of its copy",
        "setattr(callback, name, copies[id(value)])",
        "pass",
        ("callbacks/test_copies.py",),
    ),
    Mutant(
        "training/native_step.py",
        "what was frozen is taken to have trained",
        "            and _are_in_step(optimizer, list(module.parameters()))\n",
        "",
        ("training/test_callbacks_of_skorch.py",),
    ),
    Mutant(
        "training/net.py",
        "the lowest loss is looked for in one training alone",
        "before = [row.get(key, math.nan) for row in self.history[:-1]]",
        "before = []",
        ("training/test_callbacks_of_skorch.py",),
    ),
    Mutant(
        "training/net.py",
        "every batch counts alike, however small",
        "weight=n_targets(batch)",
        "weight=1",
        ("training/test_net.py",),
    ),
    Mutant(
        "training/net.py",
        "a checkpoint forgets how long patience has waited",
        "self._tell_patience(self._run.epochs)",
        "self._tell_patience(0)",
        ("callbacks/test_checkpoint.py",),
    ),
    Mutant(
        "training/patience.py",
        "white noise is waited for as long as a plateau",
        "if not self.best_train < self.moved:",
        "if False:",
        ("training/test_patience.py",),
    ),
    Mutant(
        "training/patience.py",
        "the median or a quantile is searched like the mean [loss]",
        "low, high = torch.where(slope > 0, low, middle), torch.where(slope > 0, middle, high)",
        "low, high = middle - slope, middle - slope",
        ("training/test_patience.py",),
    ),
    Mutant(
        "training/threads.py",
        "threads of another fit are left behind",
        "return _ambient_threads if taken and not nested else now",
        "return now",
        ("training/test_threads.py",),
    ),
    Mutant(
        "training/training_id.py",
        "the last window's newest steps do not count",
        "return windows[:, :n_new], windows[-1:]",
        "return (windows[:, :n_new],)",
        ("training/test_training_id.py", "callbacks/test_checkpoint.py"),
    ),
    Mutant(
        "training/described.py",
        "the closure of a function does not count",
        "closure = [_content(cell) for cell in value.__closure__ or ()]",
        "closure: list[Any] = []",
        ("training/test_described.py",),
    ),
    Mutant(
        "callbacks/checkpoint.py",
        "another fit's file is overwritten",
        "and found is not None and found != self._seen_",
        "and False",
        ("callbacks/test_named_checkpoint.py",),
    ),
    Mutant(
        "training/state.py",
        "dropout restarts after a checkpoint [dropout]",
        'return {"order": net.generator, **dropout}',
        'return {"order": net.generator}',
        ("callbacks/test_checkpoint.py",),
    ),
    Mutant(
        "callbacks/recorder.py",
        "an epoch is recorded twice",
        "if shot.epoch < epoch and",
        "if shot.epoch <= epoch and",
        ("callbacks/test_recorder.py",),
    ),
    Mutant(
        "callbacks/checkpoint.py",
        "saved an epoch late",
        'if run["epochs"] % self.every:',
        'if (run["epochs"] - 1) % self.every:',
        ("callbacks/test_checkpoint.py",),
    ),
    Mutant(
        "diagnosis/rules.py",
        "the season is looked for one lag too far back",
        "curves[0, season - 1 :]",
        "curves[0, season:]",
        ("diagnosis/test_findings.py",),
    ),
    Mutant(
        "diagnosis/evidence.py",
        "only the first output is looked at [outputs]",
        "flow.input_sensitivity.sum(axis=(0, 2))",
        "flow.input_sensitivity[0].sum(axis=1)",
        ("diagnosis/test_diagnose.py", "diagnosis/test_findings.py"),
    ),
    Mutant(
        "regressors/inputs.py",
        "targets overlap what validates [outputs]",
        "n_train = n - n_valid - (n_outputs - 1)",
        "n_train = n - n_valid",
        ("regressors/test_validation.py",),
    ),
    Mutant(
        "regressors/stream.py",
        "an update changes copies, too",
        "whole = self.output.copy()",
        "whole = self.output",
        ("regressors/test_stream.py",),
    ),
)

SERIES = (
    Mutant(
        "windows.py",
        "windows are labelled a step late",
        "channels.index[window - 1 : n_steps - horizon : step]",
        "channels.index[window : n_steps - horizon + 1 : step]",
        ("test_windows.py",),
    ),
    Mutant(
        "lag_order.py",
        "names newest lag first",
        "lags = range(n_lags - 1, -1, -1)",
        "lags = range(n_lags)",
        ("test_lag_order.py",),
    ),
    Mutant(
        "forecasting/arrays/baseline.py",
        "a season too far back at its end [long horizon]",
        "season * -(-step // season)",
        "season * (1 + step // season)",
        ("forecasting/arrays/test_baseline.py",),
    ),
    Mutant(
        "forecasting/arrays/feature_scaling.py",
        "a feature is carried on from another series [panel]",
        "known = source >= begins",
        "known = source >= 0",
        ("forecasting/arrays/test_feature_scaling.py",),
    ),
    Mutant(
        "forecasting/arrays/series_scaling.py",
        "seasonal changes across series [panel, season]",
        "change[step < lag] = np.nan",
        "change[step < 1] = np.nan",
        ("forecasting/arrays/test_series_scaling.py",),
    ),
    Mutant(
        "forecasting/data/frames.py",
        "all series go on from the newest [panel]",
        "positions = panel.last[rows.series] + rows.step",
        "positions = panel.last.max() + rows.step",
        ("forecasting/data/test_frames.py", "forecasting/test_forecaster.py"),
    ),
    Mutant(
        "forecasting/data/long_table.py",
        "the panel shares memory with the frame",
        "values=rows.target.copy()",
        "values=rows.target",
        ("forecasting/data/test_frames.py", "forecasting/data/test_panel.py"),
    ),
    Mutant(
        "forecasting/model/series_model.py",
        "training targets reach into validation",
        "self._rows(outlook, first, border, weight, until=moment + to_cell)",
        "self._rows(outlook, first, border, weight)",
        ("forecasting/model/test_model_training.py",),
    ),
    Mutant(
        "forecasting/model/intervals.py",
        "one error too few for the level",
        "np.ceil((len(errors) + 1) * level / 100.0)",
        "np.ceil(len(errors) * level / 100.0)",
        ("forecasting/model/test_intervals.py",),
    ),
    Mutant(
        "forecasting/model/regressor_adapter.py",
        "quantiles in the order of the regressor [levels]",
        "np.sort(every[..., order], axis=-1)[..., wanted]",
        "every[..., wanted]",
        ("forecasting/model/test_regressor_adapter.py", "forecasting/model/test_intervals.py"),
    ),
    Mutant(
        "forecasting/model/folds.py",
        "the naive forecast is a step late in the season",
        "(rows.step - 1) % back",
        "rows.step % back",
        ("forecasting/test_backtest.py",),
    ),
    Mutant(
        "forecasting/panel_split.py",
        "a series that begins after the cutoff is tested",
        "test = (begin <= cutoff) & (position > cutoff)",
        "test = (position > cutoff)",
        ("forecasting/test_panel_split.py",),
    ),
    Mutant(
        "forecasting/panel_split.py",
        "a training part may show another frequency",
        "if seen != panel.grid.freqstr:",
        "if False:",
        ("forecasting/test_panel_split.py",),
    ),
    Mutant(
        "forecasting/cutoffs.py",
        "one fold more is named than works",
        "// step + 1\n",
        "// step + 2\n",
        ("forecasting/test_panel_split.py",),
    ),
    Mutant(
        "forecasting/data/future_rows.py",
        "rows are scored up to whose time another series is known",
        "if position.min() <= newest:",
        "if position.min() < 0:",
        ("forecasting/test_panel_search.py",),
    ),
    Mutant(
        "forecasting/model/scored_fold.py",
        "weights of rows keep the order given",
        "sample_weight[self.order]",
        "sample_weight",
        ("forecasting/test_panel_search.py",),
    ),
    Mutant(
        "metrics/points.py",
        "the naive error ignores the season [season]",
        "loss(train[season:], train[:-season])",
        "loss(train[1:], train[:-1])",
        ("metrics/test_metrics.py",),
    ),
    Mutant(
        "datasets/long_memory.py",
        "both marks on one step",
        "other + (other >= taken)",
        "other + (other > taken)",
        ("datasets/test_generators.py",),
    ),
)

FILES = (
    Mutant(
        "persistence/format/container.py",
        "a wrong checksum is not refused",
        'if document["sha256"] != _digest(data):',
        'if len(document["sha256"]) != len(_digest(data)):',
        ("persistence/format/test_container.py",),
    ),
    Mutant(
        "persistence/sklearn.py",
        "a fitted scaler may lack what it learnt",
        "            _check_fitted(estimator, learnt)\n",
        "            pass\n",
        ("persistence/test_allowed.py",),
    ),
    Mutant(
        "export/scalers.py",
        "two scalers: the second's level is not scaled",
        "self.level + after.level * self.scale",
        "self.level + after.level",
        ("export/test_scalers.py",),
    ),
    Mutant(
        "export/to_onnx.py",
        "gates of a GRU in torch's order [GRU]",
        '"gru": [1, 0, 2]',
        '"gru": [0, 1, 2]',
        ("export/test_equality.py",),
    ),
    Mutant(
        "runtime.py",
        "bias of a GRU's candidate within the reset gate [GRU]",
        "of_h[:, -1] = 0.0, bias_hh[2 * size :]",
        "of_h[:, -1] = 0.0, bias_ih[2 * size :]",
        ("test_runtime.py",),
    ),
    Mutant(
        "distributed/backtest.py",
        "only a forecaster that knows it all is refused",
        "known, first = int(panel.last.max()), int(cutoffs[0])",
        "known, first = int(panel.last.max()), int(cutoffs[-1])",
        ("distributed/test_backtest.py",),
    ),
)

OUTPUT = (
    Mutant(
        "displays/input_sensitivity.py",
        "rows by output, labels by channel [channels]",
        "sensitivity.transpose(2, 0, 1)",
        "sensitivity.transpose(0, 2, 1)",
        ("displays/test_gradient_displays.py",),
    ),
    Mutant(
        "reporting/learning.py",
        "the epoch of the largest validation loss",
        "valid.idxmin()",
        "valid.idxmax()",
        ("reporting/test_content.py",),
    ),
    Mutant(
        "reporting/backtest_errors.py",
        "errors of a model that has seen the values",
        "_folds(task, model.blind(held_out), forecaster, cutoffs)",
        "_folds(task, model, forecaster, cutoffs)",
        ("reporting/test_content.py",),
    ),
    Mutant(
        "cli/files/checks.py",
        "the result may replace the data",
        "if data != STREAM and Path(path).exists() and os.path.samefile(path, data):",
        "if path == data + STREAM:",
        ("cli/test_forecast.py",),
    ),
    Mutant(
        "_shared/checks.py",
        "an upper bound that is excluded passes",
        "or (not closed_high and value == high)",
        "",
        ("shared/test_checks.py",),
    ),
)

BORDER = (
    Mutant(
        "containers/arrays.py",
        "masked values are what stands under the mask",
        "array.astype(np.float64).filled(np.nan)",
        "array.astype(np.float64).data",
        ("containers/test_matrix.py",),
    ),
    Mutant(
        "containers/many_series.py",
        "a list of arrays is a table of steps, whatever each array is",
        "if series == SIDE_BY_SIDE and any(one.size > 1 for one in arrays):",
        "if False:",
        ("containers/test_refused.py",),
    ),
    Mutant(
        "containers/frames.py",
        "times of polars lose their zone",
        'return pd.Series(clock.tz_localize("UTC").tz_convert(dtype.time_zone))',
        "return pd.Series(clock)",
        ("containers/test_long_frames.py",),
    ),
    Mutant(
        "forecasting/data/frames.py",
        "columns of a polars frame are taken by position",
        'in ("long", "wide") and (data.form.labelled or data.form.library is not None)',
        'in ("long", "wide") and data.form.labelled',
        ("containers/test_long_frames.py",),
    ),
    Mutant(
        "forecasting/data/lookalikes.py",
        "1 is a new series beside '1'",
        "_seen(a) == _seen(b) if _are_texts(a, b) else True",
        "_seen(a) == _seen(b) if _are_texts(a, b) else False",
        ("forecasting/data/test_lookalikes.py",),
    ),
    Mutant(
        "windows.py",
        "times in Arrow's memory may run backwards",
        "    index = plain_times(index)\n    timed",
        "    timed",
        ("containers/test_refused.py",),
    ),
    Mutant(
        "regressors/column_names.py",
        "X_val may have its columns in any order",
        "        if name != needed:",
        "        if False:",
        ("regressors/test_column_names.py",),
    ),
    Mutant(
        "training/net.py",
        "a training may end with forecasts that are not finite",
        "if unfit is not None:\n                raise ended_not_finite(unfit, run.steps, lower",
        "if False:\n                raise ended_not_finite(unfit, run.steps, lower",
        ("regressors/test_divergence.py",),
    ),
    Mutant(
        "forecasting/data/actual_values.py",
        "columns of actual values are taken by position",
        "return actual[series]",
        "return actual",
        ("forecasting/test_scorers.py",),
    ),
)

MUTANTS = (*NETWORKS, *GRADIENTS, *TRAINING, *SERIES, *FILES, *OUTPUT, *BORDER)
