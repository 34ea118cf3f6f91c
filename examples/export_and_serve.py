"""
How fast is a forecast where there is no torch?
===============================================

A fitted network is exported to a file that numpy alone can read, and to ONNX. Are the forecasts the
same? How long does one take, and what does the process that answers need to start?
"""

# %%
# Fit and export
# --------------
#
# The change of CO2 over a year, forecast three months ahead from four years of it, with quantiles.
# The network takes windows, so that the server needs no pandas to make them.

import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import matplotlib.pyplot as plt
import numpy as np
import onnxruntime
import pandas as pd

from seqforecast import GRURegressor, export_numpy, export_onnx, make_windows, save
from seqforecast.datasets import load_co2
from seqforecast.runtime import load_numpy

changes = load_co2().diff(12).dropna().to_numpy()
X, y = make_windows(changes, window=48, horizon=3)
model = GRURegressor(loss="quantile", max_epochs=10, random_state=0).fit(X, y)

folder = TemporaryDirectory()
paths = {name: Path(folder.name, f"co2.{name}") for name in ("torch", "numpy", "onnx")}
save(model, paths["torch"])  # for seqforecast.load, which needs torch
export_numpy(model, paths["numpy"])
export_onnx(model, paths["onnx"])
for name, path in paths.items():
    print(f"{name:5s} {path.stat().st_size / 1024:4.0f} kB")

# %%
# The same forecasts
# ------------------

served = load_numpy(paths["numpy"])
session = onnxruntime.InferenceSession(paths["onnx"], providers=["CPUExecutionProvider"])


def by_onnx(X):
    return session.run(["y"], {"X": X})[0]


predict = {"torch": model.predict, "numpy": served.predict, "onnx": by_onnx}
expected = model.predict(X)
for name in ("numpy", "onnx"):
    distance = np.abs(predict[name](X) - expected).max() / y.std()
    print(f"{name}: at most {distance:.0e} of the spread of the targets from model.predict")
quantiles = np.abs(served.predict_quantiles(X) - model.predict_quantiles(X)).max() / y.std()
print(f"numpy, quantiles: at most {quantiles:.0e}")

# %%
# The three lines of a server
# ---------------------------
#
# A new process loads the file and answers; the three lines in the middle are all that it needs.
# What it has imported, how long it took from its start to the answer, and its memory, it tells
# itself. The other two do the same with torch and with ONNX.

lines = {
    "numpy": """
from seqforecast.runtime import load_numpy
model = load_numpy(path)
answer = model.predict(window)
""",
    "onnx": """
import onnxruntime
model = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
answer = model.run(["y"], {"X": window})[0]
""",
    "torch": """
from seqforecast import load
model = load(path)
answer = model.predict(window)
""",
}
REPORT = """
packages = ("torch", "sklearn", "pandas", "onnxruntime", "numpy")
print(*answer[0], ",".join(name for name in packages if name in sys.modules))
import psutil
print(psutil.Process().memory_info().rss)
"""
np.save(Path(folder.name, "window.npy"), X[-1:])
rows = {}
for name, code in lines.items():
    ask = f"import sys, numpy\npath, window = sys.argv[1], numpy.load(sys.argv[2])\n{code}{REPORT}"
    command = [sys.executable, "-c", ask, paths[name], Path(folder.name, "window.npy")]
    started = time.perf_counter()
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    rows[name] = {
        "seconds": time.perf_counter() - started,
        "memory, MB": int(told[4]) / 2**20,
        "imported": told[3],
        "same": np.allclose(np.array(told[:3], dtype=float), expected[-1], atol=1e-5),
    }
starts = pd.DataFrame(rows).T
print(starts.to_string(float_format="{:.2f}".format))
assert "torch" not in starts.loc["numpy", "imported"]

# %%
# How long does an answer take?
# -----------------------------
#
# The median of many calls in this process, for one window and for many at once.

sizes = (1, 10, 100, 1_000)
latency = pd.DataFrame(index=pd.Index(sizes, name="windows"), columns=list(predict), dtype=float)
for size in sizes:
    batch = np.resize(X, (size, X.shape[1]))
    for name, answer in predict.items():
        seconds = []
        for _ in range(20 + 200 // size):
            started = time.perf_counter()
            answer(batch)
            seconds.append(time.perf_counter() - started)
        latency.loc[size, name] = 1_000 * np.median(seconds)
folder.cleanup()
print(latency.round(3).to_string())

# %%

styles = {"torch": ("#D55E00", "s"), "numpy": ("#0072B2", "o"), "onnx": ("#009E73", "^")}
figure, (left, middle, right) = plt.subplots(
    1, 3, figsize=(10, 3.4), width_ratios=(3, 2, 2), layout="constrained"
)
for name, (color, marker) in styles.items():
    left.plot(sizes, latency[name], color=color, marker=marker, label=name)
    for ax, column, text in ((middle, "seconds", "{:.1f}"), (right, "memory, MB", "{:.0f}")):
        value = starts.loc[name, column]
        ax.barh(name, value, color=color, height=0.6)
        ax.text(value, name, " " + text.format(value), va="center")
left.set(xscale="log", yscale="log", xlabel="windows in a call", ylabel="milliseconds")
left.set_title("One call", loc="left")
for axis in (left.xaxis, left.yaxis):
    axis.set_major_formatter("{x:g}")
left.legend(frameon=False)
middle.set_title("Start to first answer, s", loc="left")
right.set_title("Memory of the process, MB", loc="left")
for ax in (middle, right):
    ax.margins(x=0.2)
    ax.invert_yaxis()
    ax.tick_params(axis="y", length=0)
for ax in (left, middle, right):
    ax.spines[["top", "right"]].set_visible(False)
plt.show()

# %%
# What follows
# ------------

one = latency.loc[1]
alike = "all of them the same" if starts["same"].all() else "which differ"
seconds, memory = starts["seconds"], starts["memory, MB"]
print(
    f"Answer: one forecast takes {one['numpy']:.2f} ms with numpy, {one['onnx']:.2f} with ONNX and "
    f"{one['torch']:.2f} with torch, {alike}; a process with numpy alone answers "
    f"{seconds['numpy']:.1f} s after its start in {memory['numpy']:.0f} MB, with torch after "
    f"{seconds['torch']:.1f} s in {memory['torch']:.0f} MB."
)
