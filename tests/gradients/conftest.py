"""Twins of the recurrent layers: plain loops over the equations, for autograd to go through."""

from types import SimpleNamespace

import pytest
import torch

from seqforecast import nn

NAMES = "weight_ih", "weight_hh", "bias_ih", "bias_hh"
GATES = {"RNN-tanh": ["h"], "RNN-relu": ["h"], "LSTM": ["i", "f", "g", "o"], "GRU": ["r", "z", "n"]}


class LoopTwin(torch.nn.Module):
    """Stack of cells, step by step, window by window in one batch; every state keeps its gradient.

    It takes and returns what the layer takes and returns. Inside, everything is batch first.

    Parameters
    ----------
    layer : torch.nn.RNNBase or seqforecast.nn.RecurrentLayer
        Where the weights come from; they are copied.
    kind : str
        A key of GATES.
    bumps : dict of (str, int, int) to Tensor, default=None
        What is added to the state "h" or "c" of a layer at a step, for finite differences.
    """

    def __init__(self, layer, kind, bumps=None):
        super().__init__()
        self.kind = kind
        self.hidden_size = layer.hidden_size
        self.num_layers = layer.num_layers
        self.batch_first = getattr(layer, "batch_first", True)
        self.bumps = bumps or {}
        self.states = None
        for name, value in layer.named_parameters():
            self.register_parameter(name, torch.nn.Parameter(value.detach().clone()))

    def forward(self, x, state=None):
        x = x if self.batch_first else x.transpose(0, 1)
        shape = self.num_layers, len(x), self.hidden_size
        zeros = torch.zeros(shape, dtype=x.dtype)
        given = state if isinstance(state, tuple) else (state, None)
        h0, c0 = (zeros if part is None else part for part in given)
        states = {"h": [], "c": [], "before": [], "gates": []}
        inputs = list(x.unbind(1))
        for k in range(self.num_layers):
            h, c = h0[k], c0[k]
            for part in states.values():
                part.append([])
            for t, value in enumerate(inputs):
                states["before"][k].append(h)
                h, c, gates = self._step(k, t, value, h, c)
                states["gates"][k].append(gates)
                for name, now in (("h", h), ("c", c)):
                    now.requires_grad_() if now.is_leaf else now.retain_grad()
                    states[name][k].append(now)
            inputs = states["h"][k]
        output = torch.stack(inputs, dim=1 if self.batch_first else 0)
        h_n, c_n = (torch.stack([layer[-1] for layer in states[name]]) for name in "hc")
        self.states = self.states or states  # of the first call
        return output, (h_n, c_n) if self.kind == "LSTM" else h_n

    def _step(self, k, t, x, h, c):
        w_ih, w_hh, *biases = (
            getattr(self, f"{name}_l{k}") for name in NAMES if hasattr(self, f"{name}_l{k}")
        )
        b_ih, b_hh = biases or (0, 0)
        n_gates = len(GATES[self.kind])
        from_x = (x @ w_ih.T + b_ih).chunk(n_gates, dim=1)
        from_h = (h @ w_hh.T + b_hh).chunk(n_gates, dim=1)
        bump_h, bump_c = (self.bumps.get((name, k, t), 0) for name in "hc")
        if self.kind == "LSTM":
            i, f, g, o = (a + b for a, b in zip(from_x, from_h, strict=True))
            gates = i.sigmoid(), f.sigmoid(), g.tanh(), o.sigmoid()
            c = gates[1] * c + gates[0] * gates[2] + bump_c
            h = gates[3] * c.tanh() + bump_h
        elif self.kind == "GRU":
            r, z = ((a + b).sigmoid() for a, b in zip(from_x[:2], from_h[:2], strict=True))
            gates = r, z, (from_x[2] + r * from_h[2]).tanh()
            h = (1 - z) * gates[2] + z * h + bump_h
        else:
            a = from_x[0] + from_h[0]
            h = (a.tanh() if self.kind == "RNN-tanh" else a.relu()) + bump_h
            gates = (h,)
        return h, c, dict(zip(GATES[self.kind], gates, strict=True))

    def gradients(self):
        """Return dh, dc, the states before each step and the gates, (n_layers, n, window, ...)."""

        def stacked(layers):
            return torch.stack([torch.stack(list(steps), dim=1) for steps in layers])

        def gradient(value):
            return torch.zeros_like(value) if value.grad is None else value.grad

        gates_ = self.states["gates"]
        return SimpleNamespace(
            dh=stacked(map(gradient, steps) for steps in self.states["h"]),
            dc=stacked(map(gradient, steps) for steps in self.states["c"]),
            h=stacked(self.states["before"]).detach(),
            gates={
                name: stacked([gates[name] for gates in steps] for steps in gates_).detach()
                for name in GATES[self.kind]
            },
        )


def make_layer(kind, input_size=3, hidden_size=4, num_layers=1, *, own=False, seed=0, **options):
    """Return a layer of torch.nn or of ours with torch's own first values, float64."""
    name, _, nonlinearity = kind.partition("-")
    if nonlinearity:
        options["nonlinearity"] = nonlinearity
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if own:
            return getattr(nn, name)(input_size, hidden_size, num_layers, **options).double()
        options = {"batch_first": True, **options}
        return getattr(torch.nn, name)(input_size, hidden_size, num_layers, **options).double()


@pytest.fixture(scope="session")
def loop_twin():
    return LoopTwin


@pytest.fixture(scope="session")
def layer_of():
    return make_layer


@pytest.fixture(scope="session")
def normal():
    """Draw standard normal numbers, float64, always the same for a shape and a seed."""

    def draw(*shape, seed=1):
        generator = torch.Generator().manual_seed(seed)
        return torch.randn(shape, generator=generator, dtype=torch.float64)

    return draw
