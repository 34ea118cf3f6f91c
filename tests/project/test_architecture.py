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
# An entry is a module, or a package with all that is in it and has no entry of its own. The two
# columns never meet: what is left handles time series, what is right learns, and `both` may be
# imported by either.
LAYERS = (
    # (time series, both, recurrent learning)
    ((), ("__main__",), ()),
    ((), ("cli",), ()),
    ((), ("reporting",), ()),
    ((), ("displays", "distributed", "export", "persistence", "recipes"), ()),
    (("forecasting",), (), ("regressors",)),
    (("forecasting.model",), (), ("callbacks", "diagnosis")),
    (("forecasting.data",), (), ("training",)),
    (("datasets", "forecasting.arrays", "lag_order", "metrics", "windows"), (), ("gradients",)),
    ((), (), ("clipping", "nn")),
    ((), ("containers", "persistence.format"), ()),
    ((), ("_shared", "_versions", "exceptions"), ()),
    ((), ("_kernels",), ()),
)
TIME_SERIES, BOTH, RECURRENT = range(3)

# Serves a model where nothing else is installed: imports numpy and nothing of the package.
STANDALONE = ("runtime",)

# What a module must not import, directly or through the modules that it imports; the longest name
# that fits counts.
NO_LEARNING = {"skorch", "torch"}
NO_FRAMES = {"pandas", "skorch"}
FORBIDDEN = {
    "_shared": {"pandas", "skorch", "torch"},
    "clipping": NO_FRAMES,
    "containers": NO_LEARNING,
    "datasets": NO_LEARNING,
    "forecasting": NO_LEARNING,
    "forecasting.arrays": {"pandas", "scipy", "sklearn", *NO_LEARNING},
    "gradients": NO_FRAMES,
    "gradients.gradient_flow": {"skorch"},  # it gives its curves as a frame
    "lag_order": NO_LEARNING,
    "metrics": NO_LEARNING,
    "nn": NO_FRAMES,
    "training.scaling": NO_FRAMES,
    "windows": NO_LEARNING,
}
ONLY_WHEN_USED = {"dask", "distributed", "jinja2", "matplotlib", "onnx", "onnxruntime"}

MAY_PRINT = ("_versions", "cli")
MOST_LINES = 700
MOST_MODULES = 16  # in a folder
MOST_AT_THE_ROOT = 10
MOST_ROWS = 12
FORECASTER = {"_form", "_intervals", "_model"}


def module_name(path):
    """Give the dotted name of a file: nn/gates.py in seqforecast/ is nn.gates."""
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


def longest_prefix(module, names):
    """Find the longest of some dotted names that a module is, or lies in; None if there is none."""
    parts = module.split(".")
    prefixes = (".".join(parts[:length]) for length in range(len(parts), 0, -1))
    return next((prefix for prefix in prefixes if prefix in names), None)


def entry_of(module):
    """Find the entry of LAYERS that a module belongs to."""
    entry = longest_prefix(module, {*PLACES, *STANDALONE})
    if entry is not None:
        return entry
    pytest.fail(
        f"seqforecast.{module} has no layer yet. Add it to LAYERS in this file, in the lowest row "
        "that is above all it imports."
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


@pytest.mark.parametrize("module", [m for m in MODULES if longest_prefix(m, FORBIDDEN)])
def test_module_reaches_no_forbidden_package(module):
    forbidden = FORBIDDEN[longest_prefix(module, FORBIDDEN)]
    for name in sorted(reachable(module)):
        found = packages(ast.walk(TREES[name])) & forbidden
        assert not found, f"{module} must not import {found}, but seqforecast.{name} does"


def test_modules_are_looked_up_by_name_where_that_is_known():
    # The tests of layers see import statements only. The package and its shell look names up when
    # they are used; `gradients` finds two public names that are defined above it.
    found = {
        module
        for module, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "import_module"
        if "seqforecast" in ast.unparse(node)
    }
    assert found == {"__init__", "cli.__init__", "gradients.__init__"}


def test_there_are_few_rows():
    assert len(LAYERS) <= MOST_ROWS


def test_no_modules_import_one_another():
    graph = {module: {m for m in own_imports(module) if m != module} for module in SOURCES}
    while leaves := [module for module, imported in graph.items() if not imported]:
        graph = {m: imported.difference(leaves) for m, imported in graph.items() if imported}
    assert not graph, f"each of these imports another one, round in a circle: {sorted(graph)}"


def of_its_own(tree):
    """Collect the private names that a module gives to what it defines."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.AnnAssign | ast.Assign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            yield from (target.id for target in targets if isinstance(target, ast.Name))
            yield from (x.attr for target in targets for x in ast.walk(target) if is_own(x))


def is_own(node):
    """Tell whether a node is an attribute of self or cls, or of super()."""
    if not isinstance(node, ast.Attribute):
        return False
    value = node.value.func if isinstance(node.value, ast.Call) else node.value
    return isinstance(value, ast.Name) and value.id in ("cls", "self", "super")


def room_of(module):
    return module.partition(".")[0]


PRIVATE = {}  # of every top-level folder and module: the private names that are its own
for _module, _tree in TREES.items():
    _names = {name for name in of_its_own(_tree) if name[0] == "_" and name[:2] != "__"}
    PRIVATE.setdefault(room_of(_module), set()).update(_names)
PRIVATE["forecasting"] |= FORECASTER  # `fit` sets them all at once, by name
OURS = set().union(*PRIVATE.values())


@pytest.mark.parametrize("module", SOURCES)
def test_private_attributes_are_touched_where_they_are_defined(module):
    own = PRIVATE[room_of(module)]
    for node in ast.walk(TREES[module]):
        if isinstance(node, ast.Attribute) and node.attr in OURS and not is_own(node):
            assert node.attr in own, (
                f"seqforecast.{module}, line {node.lineno}: {ast.unparse(node)} belongs to another "
                "package. Give it a door: a function or method there that says what is wanted."
            )


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
    assert {path: n for path, n in lengths.items() if n > MOST_LINES} == {}


def test_folders_can_be_seen_at_a_glance():
    folders = {path.parent for path in SOURCES.values()}
    counts = {str(folder): len(list(folder.glob("*.py"))) for folder in folders}
    assert counts.pop(str(PACKAGE)) <= MOST_AT_THE_ROOT
    assert {folder: n for folder, n in counts.items() if n > MOST_MODULES} == {}


def test_the_tests_mirror_the_package():
    tests = Path(__file__).parents[1]
    folders = {path.parent.relative_to(PACKAGE) for path in SOURCES.values()}
    helpers = {"faults", "peers", "project"}  # what concerns no folder of the package alone
    mirrored = {str(folder).replace("_shared", "shared") for folder in folders}
    found = {str(path.parent.relative_to(tests)) for path in tests.rglob("test_*.py")}
    assert found - helpers <= mirrored


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
        "PanelSplit",
        "ParameterError",
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
        "forecast_scorer",
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
