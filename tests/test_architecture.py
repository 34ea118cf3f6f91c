"""Hold the package to its layers: who may import whom, what, and when."""

import ast
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import seqforecast

PACKAGE = Path(seqforecast.__file__).parent

# From top to bottom; a module imports only from the rows below its own, and from its own entry.
# An entry is a module, or a package with all that is in it. The two columns never meet: what is
# left handles time series, what is right learns, and `both` may be imported by either.
LAYERS = (
    # (time series, both, recurrent learning)
    ((), ("__main__",), ()),
    ((), ("cli",), ()),
    ((), ("reporting",), ()),
    ((), ("displays", "distributed", "export", "recipes"), ()),
    ((), ("diagnosis", "persistence"), ()),
    (("forecasting.__init__",), (), ("regressors",)),
    (("forecasting.backtest", "forecasting.evaluation"), (), ("callbacks",)),
    ((), (), ("_training_state",)),
    (("forecasting.forecaster",), (), ("_training",)),
    (("forecasting.stream",), (), ()),
    (("forecasting.asked", "forecasting.observations", "forecasting.parameters"), (), ()),
    (("forecasting.frames", "forecasting.intervals", "forecasting.weighting"), (), ()),
    (("forecasting.held_out", "forecasting.newest"), (), ()),
    (("forecasting.future",), (), ()),
    (
        ("forecasting.model", "forecasting.reading"),
        (),
        (
            "_batches",
            "_culprit",
            "_hooks",
            "_native_step",
            "_observation",
            "_progress",
            "_schedules",
        ),
    ),
    (("forecasting.features", "forecasting.rows"), (), ()),
    (
        (
            "forecasting.baseline",
            "forecasting.covariates",
            "forecasting.own_lags",
            "forecasting.phases",
        ),
        (),
        (),
    ),
    (("forecasting.history", "forecasting.panel"), (), ("gradients",)),
    (("forecasting.calendar",), (), ()),
    (
        (
            "datasets",
            "forecasting.columns",
            "forecasting.regression",
            "forecasting.seasons",
            "forecasting.transforms",
            "forecasting.units",
            "lag_order",
            "metrics",
            "windows",
        ),
        (),
        (),
    ),
    (
        ("forecasting.fit_tasks", "forecasting.fold_columns", "forecasting.summary"),
        (),
        ("_scaling", "clipping", "nn"),
    ),
    ((), ("serialization",), ()),
    ((), ("_checks", "_versions", "exceptions"), ("_threads",)),
    ((), ("_bars", "_blocks", "_callback_support", "_kernels", "_notes", "_sizes"), ()),
)
TIME_SERIES, BOTH, RECURRENT = range(3)

# Serves a model where nothing else is installed: imports numpy and nothing of the package.
STANDALONE = ("runtime",)

# What a module must not import, directly or through the modules that it imports.
NO_LEARNING = {"skorch", "torch"}
NO_FRAMES = {"pandas", "skorch"}
FORBIDDEN = {
    "_checks": {"pandas", "skorch", "torch"},
    "_scaling": NO_FRAMES,
    "clipping": NO_FRAMES,
    "datasets": NO_LEARNING,
    "forecasting": NO_LEARNING,
    "gradients": NO_FRAMES,
    "lag_order": NO_LEARNING,
    "metrics": NO_LEARNING,
    "nn": NO_FRAMES,
    "windows": NO_LEARNING,
}
ONLY_WHEN_USED = {"dask", "distributed", "matplotlib", "onnx", "onnxruntime"}

MAY_PRINT = ("_versions", "cli")
MAX_LINES = 500


def module_name(path):
    """Give the dotted name of a file: forecasting/panel.py in seqforecast/ is forecasting.panel."""
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts)


SOURCES = {module_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}
TREES = {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in SOURCES.items()}
MODULES = [name for name in SOURCES if name != "__init__"]

PLACES = {
    entry: (row, column)
    for row, layer in enumerate(LAYERS)
    for column, entries in enumerate(layer)
    for entry in entries
}


def entry_of(module):
    """Find the entry of LAYERS that a module belongs to."""
    parts = module.split(".")
    for length in range(len(parts), 0, -1):
        entry = ".".join(parts[:length])
        if entry in PLACES or entry in STANDALONE:
            return entry
    pytest.fail(
        f"seqforecast.{module} has no layer yet. Add it to LAYERS in tests/test_architecture.py, "
        "in the lowest row that is above all it imports."
    )


def imported_names(nodes):
    """List what statements import, as 'package.module' or 'package.module.name'."""
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def own_imports(module):
    """List the modules of the package that a module imports, at its top or within a function."""
    for name in imported_names(ast.walk(TREES[module])):
        if not name.startswith("seqforecast."):
            continue
        inner = name.removeprefix("seqforecast.")
        candidates = [inner, f"{inner}.__init__"]
        if "." in inner:
            outer = inner.rpartition(".")[0]
            candidates += [outer, f"{outer}.__init__"]
        found = next((candidate for candidate in candidates if candidate in SOURCES), None)
        assert found, (
            f"seqforecast.{module} imports {name}, which is no module of the package. "
            "Import a public name from the module that defines it."
        )
        yield found


def packages(nodes):
    """Collect the other packages that statements import, the standard library's among them."""
    return {name.partition(".")[0] for name in imported_names(nodes)} - {"seqforecast"}


def reachable(module):
    """Collect a module and all of the package that it imports, however indirectly."""
    found, left = set(), [module]
    while left:
        name = left.pop()
        if name not in found:
            found.add(name)
            left.extend(own_imports(name))
    return found


def run_at_import(node):
    """Walk the statements that run when a module is imported: no function bodies, no typing."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
            continue
        yield child
        yield from run_at_import(child)


@pytest.mark.parametrize("module", MODULES)
def test_imports_run_downwards(module):
    entry = entry_of(module)
    if entry in STANDALONE:
        assert not list(own_imports(module)), f"{module} must stand alone"
        assert packages(ast.walk(TREES[module])) <= {"numpy", *sys.stdlib_module_names}
        return
    row, column = PLACES[entry]
    for imported in own_imports(module):
        target = entry_of(imported)
        if target == entry:
            continue
        assert target not in STANDALONE, f"{module} imports {imported}, which stands alone"
        target_row, target_column = PLACES[target]
        assert target_row > row, f"{module} imports {imported}, which is not below it"
        assert BOTH in (column, target_column) or column == target_column, (
            f"{module} imports {imported}: handling time series and recurrent learning "
            "must not know each other"
        )


@pytest.mark.parametrize("module", [m for m in MODULES if m.partition(".")[0] in FORBIDDEN])
def test_module_reaches_no_forbidden_package(module):
    forbidden = FORBIDDEN[module.partition(".")[0]]
    for name in sorted(reachable(module)):
        found = packages(ast.walk(TREES[name])) & forbidden
        assert not found, f"{module} must not import {found}, but seqforecast.{name} does"


@pytest.mark.parametrize("module", SOURCES)
def test_optional_packages_are_imported_only_when_used(module):
    assert not packages(run_at_import(TREES[module])) & ONLY_WHEN_USED


@pytest.mark.parametrize("module", SOURCES)
def test_imports_are_absolute(module):
    levels = [node.level for node in ast.walk(TREES[module]) if isinstance(node, ast.ImportFrom)]
    assert not any(levels)


@pytest.mark.parametrize("module", [m for m in SOURCES if m.partition(".")[0] not in MAY_PRINT])
def test_nothing_is_printed(module):
    names = {
        node.func.id
        for node in ast.walk(TREES[module])
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    assert "print" not in names


def test_files_can_be_read_in_one_sitting():
    sources = [path for end in ("py", "cpp", "h") for path in PACKAGE.rglob(f"*.{end}")]
    lengths = {str(p): len(p.read_text(encoding="utf-8").splitlines()) for p in sources}
    assert {path: n for path, n in lengths.items() if n > MAX_LINES} == {}


def test_the_package_itself_imports_nothing_of_its_own():
    names = list(imported_names(run_at_import(TREES["__init__"])))
    assert not [name for name in names if name.startswith("seqforecast")]


def test_import_seqforecast_imports_nothing_heavy():
    code = "import sys, seqforecast; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=PACKAGE.parent
    )
    heavy = {"numpy", "pandas", "sklearn", "skorch", "torch", *ONLY_WHEN_USED}
    assert not heavy & set(done.stdout.split())


@pytest.mark.parametrize("name", seqforecast.__all__)
def test_public_name_resolves_to_what_it_says(name):
    value = getattr(seqforecast, name)
    if isinstance(value, ModuleType):
        assert value.__name__ == f"seqforecast.{name}"
        assert all(hasattr(value, public) for public in value.__all__)
    else:
        assert value.__name__ == name


def test_public_names_are_frozen():
    assert seqforecast.__all__ == [
        "DivergenceError",
        "ForecastDisplay",
        "ForecastStream",
        "Forecaster",
        "GRURegressor",
        "GradientFlow",
        "GradientFlowDisplay",
        "GradientNormDisplay",
        "LSTMRegressor",
        "OldestFirst",
        "RNNRegressor",
        "Stream",
        "backtest",
        "callbacks",
        "clip_fraction_scorer",
        "clipping",
        "datasets",
        "diagnose",
        "distributed",
        "effective_memory_scorer",
        "evaluate",
        "export_numpy",
        "export_onnx",
        "gradient_flow",
        "gradients",
        "half_life_scorer",
        "lag_sensitivity_scorer",
        "last_window",
        "load",
        "make_windows",
        "metrics",
        "nn",
        "recurrent_forecaster",
        "report",
        "runtime",
        "save",
        "show_versions",
    ]
    assert {*seqforecast._HOME, *seqforecast._SUBMODULES} == set(seqforecast.__all__)
    assert set(seqforecast.__all__) <= set(dir(seqforecast))


def test_unknown_name_raises_attribute_error():
    with pytest.raises(AttributeError, match="has no attribute 'LSTMRegresor'"):
        seqforecast.LSTMRegresor  # noqa: B018
