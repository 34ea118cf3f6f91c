"""What a fitted regressor forecasts, written as plain loops in float64."""

import numpy as np


def sigmoid(a):
    return np.exp(-np.logaddexp(0.0, -a))


def forecast_twin(regressor, windows):
    """Forecast from windows (n, window, n_channels): (n, n_outputs) or (n, n_outputs, n_levels).

    The input is rounded to float32, as it is for the network; all else is in float64.
    """
    weights = {
        name: value.detach().cpu().numpy().astype(np.float64)
        for name, value in regressor.net_.module_.state_dict().items()
    }
    windows = np.asarray(windows, dtype=np.float64)
    return np.stack([_one(regressor, weights, window) for window in windows])


def _one(regressor, weights, window):
    x, level, scale = _scaled(regressor, window)
    steps = x.astype(np.float32).astype(np.float64)
    for k in range(regressor.num_layers):
        layer = {
            name: weights[f"recurrent.{name}_l{k}"]
            for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        }
        steps = _states(regressor, layer, steps)
    raw = weights["head.linear.weight"] @ steps[-1] + weights["head.linear.bias"]
    if regressor.quantiles_ is None:
        return raw * scale + level
    levels = regressor.quantiles_
    raw, middle = raw.reshape(-1, len(levels)), levels.index(0.5)
    quantiles = np.empty_like(raw)
    for output, row in enumerate(raw):
        quantiles[output, middle] = row[middle]
        for k in range(middle + 1, len(levels)):
            quantiles[output, k] = quantiles[output, k - 1] + np.logaddexp(0.0, row[k])
        for k in reversed(range(middle)):
            quantiles[output, k] = quantiles[output, k + 1] - np.logaddexp(0.0, row[k])
    return quantiles * np.reshape(scale, (-1, 1)) + np.reshape(level, (-1, 1))


def _scaled(regressor, window):
    """Return the window in the network's units, and level and scale of the targets."""
    if regressor.scaling is None:
        return window, 0.0, 1.0
    scaling = regressor.net_.scaling
    if regressor.scaling == "standard":
        units = scaling._units
        return (window - units.level) / units.scale, units.target_level[0], units.target_scale[0]
    level, scale = window.mean(axis=0), window.std(axis=0)
    for channel, flat in enumerate(scale <= 1e-12 * abs(level)):
        if flat:
            scale[channel] = scaling._overall[channel]
    return (window - level) / scale, level[0], scale[0]


def _states(regressor, layer, inputs):
    """Run one layer over the steps of one window: torch's equations, one gate at a time."""
    size = layer["weight_hh"].shape[1]
    h, c, states = np.zeros(size), np.zeros(size), []
    for x in inputs:
        of_x = np.split(layer["weight_ih"] @ x + layer["bias_ih"], len(layer["bias_ih"]) // size)
        of_h = np.split(layer["weight_hh"] @ h + layer["bias_hh"], len(of_x))
        if len(of_x) == 1:
            relu = regressor.nonlinearity == "relu"
            h = np.maximum(of_x[0] + of_h[0], 0.0) if relu else np.tanh(of_x[0] + of_h[0])
        elif len(of_x) == 3:
            r, z = sigmoid(of_x[0] + of_h[0]), sigmoid(of_x[1] + of_h[1])
            h = (1.0 - z) * np.tanh(of_x[2] + r * of_h[2]) + z * h
        else:
            i, f, g, o = (a + b for a, b in zip(of_x, of_h, strict=True))
            c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
            h = sigmoid(o) * np.tanh(c)
        states.append(h)
    return np.array(states)
