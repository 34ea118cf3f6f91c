"""Values as nodes of JSON and arrays, and back; and what no node may say."""

import json
from dataclasses import dataclass

import numpy as np
import pytest

from seqforecast.persistence.format.codec import Decoder, Encoder, Kind, record
from seqforecast.persistence.format.fields import Each, Numbers, Table, holds, shown
from seqforecast.persistence.format.values import VALUES


@dataclass
class Point:
    x: object
    y: object


def _positive(point):
    if isinstance(point.x, int) and point.x < 0:
        raise ValueError("a point lies left of everything")


POINT = record("point", Point, {"x": object, "y": (None, int, list, Point)}, check=_positive)
KINDS = (*VALUES, POINT)


def through(value, kinds=KINDS):
    """Write a value, JSON and all, and read it."""
    encoder = Encoder(kinds)
    node = json.loads(json.dumps(encoder.encode(value)))
    return Decoder(kinds, encoder.arrays).decode(node)


def decode(node, arrays=None, kinds=KINDS):
    return Decoder(kinds, arrays or {}).decode(node)


def a_point(x=1, y=None, **more):
    return {"kind": "point", "parts": {"x": x, "y": y, **more}}


@pytest.mark.parametrize(
    "value",
    [
        *(None, True, 0, -(2**80), 1.5, float("inf"), "", "ä\n\ud800", [], [[1], ["a"]], {}),
        *({"same": 1}, {"kind": "point"}, {"array": "a"}, (1, (2,)), {1: 2, None: (3,)}),
        Point(1, [2]),
    ],
    ids=repr,
)
def test_comes_back_as_it_was(value):
    again = through(value)
    assert again == value
    assert type(again) is type(value)


def test_what_looks_like_a_node_is_not_one():
    value = {"kind": "point", "parts": {"x": 1, "y": 2}}
    assert through(value) == value


@pytest.mark.parametrize("order", ["C", "F"])
def test_arrays_keep_their_order_in_memory(order):
    array = np.asarray(np.random.default_rng(0).random((3, 4, 2)), order=order)
    again = through({"a": array})["a"]
    assert again.strides == array.strides
    np.testing.assert_array_equal(again, array)
    again[:] = 0  # it may be written to


def test_sharing_is_kept():
    inner, array = Point(1, None), np.arange(3)
    first, second, third = through((Point(inner, None), Point(array, inner), {"a": array}))
    assert first.x is second.y
    assert second.x is third["a"]


def test_what_is_of_no_kind_is_named():
    class Local:
        pass

    for value, named in (
        (Local(), r"a\.x\[0\] is a .*Local, which is not among what can be saved"),
        (Local, "is the class .*Local"),
        (np.linspace, "is the function numpy.linspace"),
        (b"bytes", "is a builtins.bytes"),
        (1j, "is a builtins.complex"),
        (np.array([1j]), "an array has the dtype complex128, which cannot be saved"),
        (np.zeros(1, dtype="M8[s]"), r"an array has the dtype datetime64\[s\]"),
        (np.zeros(1, dtype=np.longdouble), "an array has the dtype .*, which cannot be saved"),
        (np.longdouble(1), "is a numpy scalar that cannot be saved"),
        ({"a": b"1"}, "is a builtins.bytes"),
    ):
        with pytest.raises(ValueError, match=named):
            Encoder(KINDS).encode({"a": Point([value], None)})


def test_a_subclass_is_another_class():
    class Closer(Point):
        pass

    with pytest.raises(ValueError, match="Closer, which is not among what can be saved"):
        Encoder(KINDS).encode(Closer(1, 2))


NONSENSE = {
    "an unknown kind": {"kind": "os.system", "parts": {"command": "true"}},
    "a kind that is a list": {"kind": ["point"], "parts": {}},
    "a node with more keys": {"kind": "point", "parts": {"x": 1, "y": 1}, "module": "os"},
    "a node without keys": {},
    "parts that are no dict": {"kind": "point", "parts": [1, 2]},
    "fields that are no dict": {"fields": 3},
    "a missing array": {"array": "0:a"},
    "an array with no name": {"array": {"a": 1}},
    "a reference to what comes later": [{"same": 0}, a_point()],
    "a reference to itself": a_point(y={"same": 0}),
    "a reference that is negative": [a_point(), {"same": -1}],
    "a reference that is no number": [a_point(), {"same": "0"}],
    "a reference that is a truth": [a_point(), a_point(), {"same": True}],
    "a missing part": {"kind": "point", "parts": {"x": 1}},
    "a part too many": a_point(__class__=1),
    "a part of another type": a_point(y="text"),
    "a truth for a number": a_point(y=True),
    "parts that do not fit": a_point(x=-1),
}


@pytest.mark.parametrize("node", NONSENSE.values(), ids=NONSENSE)
def test_nonsense_is_refused(node):
    with pytest.raises(ValueError, match=".") as caught:
        decode(node)
    assert len(str(caught.value)) < 200


def test_references_to_references_are_not_written_out():
    # Each pair doubles what the one before it says: 2**60 numbers in sixty lines.
    pair = {"kind": "tuple", "parts": {"items": [1, 2]}}
    nodes = [pair]
    for k in range(60):
        nodes.append({"kind": "tuple", "parts": {"items": [{"same": k}, {"same": k}]}})
    with pytest.raises(ValueError, match="it refers to the same objects again and again"):
        decode(nodes)
    decode([pair, *[{"same": 0}] * 1_000])


def test_a_kind_that_is_left_out_is_not_made():
    node = Encoder(KINDS).encode(Point(1, 2))
    with pytest.raises(ValueError, match="'point' is not among what can be loaded"):
        decode(node, kinds=VALUES)


def test_a_name_stands_for_one_kind():
    from seqforecast.persistence.files import _KINDS

    names = [kind.name for kind in _KINDS]
    types = [kind.type for kind in _KINDS]
    assert len(set(names)) == len(names)
    assert len(set(types)) == len(types)
    assert all(isinstance(kind, Kind) for kind in _KINDS)


def test_what_holds():
    for what, good, bad in (
        (int, 1, True),
        (bool, True, 1),
        (object, True, ()),
        (None, None, 0),
        ((None, str), None, 1),
        (Each(tuple, int), (1, 2), [1, 2]),
        (Each(list, (int, None)), [1, None], ["1"]),
        (Table(str, int), {"a": 1}, {1: 1}),
        (Table(str, int), {}, {"a": "1"}),
        (Numbers("f", 2), np.zeros((1, 1)), np.zeros(1)),
        (Numbers("iu", 1), np.arange(2), np.zeros(1)),
        (Numbers("f", 1), np.zeros(1), [0.0]),
    ):
        assert holds(what, good)
        assert not holds(what, bad) or what is object


def test_what_is_shown_is_short():
    for value in ("x" * 1_000, 10**1_000, np.zeros((100, 100)), list(range(1_000)), {"a": "b"}):
        assert len(shown(value)) < 100


def test_an_attribute_that_was_renamed_keeps_its_name_in_files():
    fields = {"x": int, "y": int}
    new = record("point", Point, fields, written={"x": "abscissa"})
    encoder = Encoder([new])
    node = encoder.encode(Point(1, 2))
    assert node["parts"] == {"abscissa": 1, "y": 2}
    assert Decoder([new], {}).decode(node) == Point(1, 2)
    with pytest.raises(ValueError, match=r"a point lacks \['abscissa'\]"):
        Decoder([new], {}).decode({"kind": "point", "parts": {"x": 1, "y": 2}})
    with pytest.raises(ValueError, match="abscissa of a point is 'a'"):
        Decoder([new], {}).decode({"kind": "point", "parts": {"abscissa": "a", "y": 2}})
