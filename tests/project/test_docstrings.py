"""Hold the docstrings to numpydoc, to the signatures, and to the same words for the same thing."""

import ast
import inspect
from types import ModuleType

import pytest
from numpydoc.docscrape import ClassDoc, FunctionDoc
from numpydoc.validate import validate

import seqforecast

# What numpydoc asks for and this project does not.
NOT_ASKED = {
    "ES01",  # an extended summary: one line can be enough
    "GL01",  # the text starts on the line of the opening quotes
    "PR01",  # parameters: a test below compares them with the signature, and more exactly
    "PR02",
    "PR03",
    "RT02",  # a bare type in "Returns": a name helps, as in scikit-learn
    "SA01",  # a "See Also" section
    "SS05",  # infinitives: takes "Loss" for a verb; ruff's D401 knows better
}
EXAMPLES, RETURNS = "EX01", "RT01"

REGRESSORS = ("RNNRegressor", "LSTMRegressor", "GRURegressor")


def public_objects():
    """List (path, object) of every public function and class, as a user would write the path."""
    for name in seqforecast.__all__:
        value = getattr(seqforecast, name)
        if isinstance(value, ModuleType):
            for inner in value.__all__:
                yield f"seqforecast.{name}.{inner}", getattr(value, inner)
        else:
            yield f"seqforecast.{name}", value


def public_methods(cls):
    """List (name, method) of the public methods that the package itself defines."""
    for name, value in inspect.getmembers(cls):
        function = value.fget if isinstance(value, property) else value
        if not name.startswith("_") and is_ours(function):
            yield name, value


def is_ours(function):
    return callable(function) and str(getattr(function, "__module__", "")).startswith("seqforecast")


OBJECTS = dict(public_objects())
CLASSES = {path: value for path, value in OBJECTS.items() if inspect.isclass(value)}
METHODS = {f"{path}.{name}": m for path, cls in CLASSES.items() for name, m in public_methods(cls)}


def is_brief(path):
    """Whether one sentence may do: for the methods of building blocks, not of estimators."""
    text = inspect.getdoc(METHODS[path]) or ""
    return path.split(".")[1] not in REGRESSORS and "\n\n" not in text


FULL = OBJECTS | {p: m for p, m in METHODS.items() if callable(m) and not is_brief(p)}


def complaints(path, accepted):
    return [f"{code}: {text}" for code, text in validate(path)["errors"] if code not in accepted]


def documented(value, section="Parameters"):
    """Map the name of each entry of a section to its type and description."""
    doc = ClassDoc(value) if inspect.isclass(value) else FunctionDoc(value)
    return {entry.name: (entry.type, " ".join(entry.desc)) for entry in doc[section]}


def parameters(value):
    """Map the name of each parameter to its default, as in `inspect.signature`."""
    if inspect.isclass(value) and not is_ours(value.__init__):
        return {}
    found = inspect.signature(value).parameters.values()
    return {p.name: p.default for p in found if p.name != "self"}


@pytest.mark.parametrize("path", OBJECTS)
def test_docstring_is_valid(path):
    # An abstract class cannot be used by itself: nothing to show.
    accepted = {EXAMPLES} if inspect.isabstract(OBJECTS[path]) else set()
    assert complaints(path, NOT_ASKED | accepted) == []


@pytest.mark.parametrize("path", METHODS)
def test_docstring_of_method_is_valid(path):
    # The examples stand in the docstring of the class.
    accepted = {EXAMPLES, RETURNS} if is_brief(path) else {EXAMPLES}
    assert complaints(path, NOT_ASKED | accepted) == []


@pytest.mark.parametrize("path", FULL)
def test_docstring_lists_the_parameters_of_the_signature(path):
    value = FULL[path]
    assert [name.lstrip("*") for name in documented(value)] == list(parameters(value))


@pytest.mark.parametrize("path", FULL)
def test_docstring_defaults_equal_the_signature(path):
    value = FULL[path]
    types = {name.lstrip("*"): kind for name, (kind, _) in documented(value).items()}
    for name, default in parameters(value).items():
        _, stated, text = types[name].rpartition("default=")
        if default is inspect.Parameter.empty:
            assert not stated, f"{name} has no default"
        else:
            assert stated, f"write 'default={default!r}' at the end of the line of {name}"
            assert repr(ast.literal_eval(text)) == repr(default), name


@pytest.mark.parametrize("section", ["Parameters", "Attributes"])
def test_regressors_describe_what_they_share_with_the_same_words(section):
    first, *others = (documented(getattr(seqforecast, name), section) for name in REGRESSORS)
    shared = [name for name in first if all(name in other for other in others)]
    assert shared
    for name in shared:
        assert [other[name] for other in others] == [first[name]] * len(others), name
