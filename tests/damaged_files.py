"""Damaged and hostile copies of a file of `seqforecast.persistence.format.container`.

`damaged` yields files in which bytes were changed after they were written: every reader refuses
them, because the checksum differs. `resigned` yields files whose header somebody edited and signed
anew: a reader refuses them or reads something that works, and raises nothing but ValueError.
`hostile` yields edited and signed files that no reader may accept. All yield pairs of a description
and the bytes; the random ones come from a `numpy.random.Generator`, so that a failure can be
repeated.
"""

import copy
import hashlib
import json

MARK = b'\\"sha256\\":\\"'
ZEROS = "0" * 64
DEEP = 100_000


def opened(data):
    """Split a file into header, JSON document and the bytes of the arrays."""
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    return header, json.loads(header["__metadata__"]["seqforecast"]), data[8 + length :]


def closed(header, document, body):
    """Join what `opened` gave, edited or not, with a right checksum; `document` may be text."""
    if isinstance(document, dict) and "sha256" in document:
        document = {**document, "sha256": ZEROS}
    text = document if isinstance(document, str) else json.dumps(document, separators=(",", ":"))
    raw = json.dumps({**header, "__metadata__": {"seqforecast": text}}, separators=(",", ":"))
    raw += " " * (-len(raw) % 8)  # as safetensors does
    return signed(len(raw).to_bytes(8, "little") + raw.encode() + body)


def signed(data):
    """Write the right checksum into a file whose checksum is 64 zeros."""
    start = data.find(MARK) + len(MARK)
    digest = hashlib.sha256(data).hexdigest().encode()
    return data[:start] + digest + data[start + 64 :]


def flipped(data, rng):
    """Change one to four bytes."""
    places = rng.choice(len(data), size=rng.integers(1, 5), replace=False)
    changed = bytearray(data)
    for place in places:
        changed[place] ^= int(rng.integers(1, 256))
    return f"bytes {sorted(places.tolist())} changed", bytes(changed)


def cut(data, rng):
    """Keep the beginning."""
    size = int(rng.integers(0, len(data)))
    return f"cut to {size} bytes", data[:size]


def inserted(data, rng):
    """Put one to 16 bytes in."""
    place, new = int(rng.integers(0, len(data) + 1)), rng.bytes(int(rng.integers(1, 17)))
    return f"{new!r} put in at {place}", data[:place] + new + data[place:]


def removed(data, rng):
    """Take one to 16 bytes out."""
    place = int(rng.integers(0, len(data) - 16))
    size = int(rng.integers(1, 17))
    return f"{size} bytes at {place} taken out", data[:place] + data[place + size :]


def overwritten(data, rng):
    """Fill a stretch with zeros, as a disk does that lost a block."""
    place, size = int(rng.integers(0, len(data) - 64)), int(rng.integers(64, 512))
    zeros = bytes(min(size, len(data) - place))
    return f"{len(zeros)} zeros at {place}", data[:place] + zeros + data[place + len(zeros) :]


DAMAGES = (flipped, cut, inserted, removed, overwritten)


def damaged(data, rng, n):
    """Yield n files that were changed after they were written."""
    for k in range(n):
        description, changed = DAMAGES[k % len(DAMAGES)](data, rng)
        if changed != data:  # zeros over zeros
            yield description, changed


ODD_VALUES = (
    None, True, False, -1, 0, 1, 2, 3, 2**31, 2**63, 10**400, -0.5, 0.5, 1e308, float("nan"),
    float("inf"), "", "x", "F16", "__import__('os')", [], [-1], [2**62, 2**62], [[]], {}, {"a": {}},
)  # fmt: skip


def resigned(data, rng, n):
    """Yield n files with a right checksum in which one value of the JSON is another one."""
    for _ in range(n):
        header, document, body = opened(data)
        whole = {"header": header, "document": document}
        path = _random_path(whole, rng)
        value = ODD_VALUES[rng.integers(len(ODD_VALUES))]
        parent = whole
        for key in path[:-1]:
            parent = parent[key]
        if rng.random() < 0.2 and isinstance(parent, dict) and len(path) > 1:
            del parent[path[-1]]
            description = f"{path} left out"
        else:
            parent[path[-1]] = copy.deepcopy(value)
            description = f"{path} = {value!r:.60}"
        if not isinstance(whole["header"], dict):
            whole["header"] = {}
        yield description, closed(whole["header"], whole["document"], body)


def _random_path(tree, rng):
    """Walk down from the root to a random place below it."""
    path = ()
    while isinstance(tree, dict | list) and len(tree) and (not path or rng.random() < 0.85):
        keys = list(tree) if isinstance(tree, dict) else range(len(tree))
        key = keys[int(rng.integers(len(keys)))]
        path, tree = (*path, key), tree[key]
    return path


def hostile(data):
    """Yield signed files that ask for too much, lead astray, or make no sense."""
    header, document, body = opened(data)
    names = [name for name in header if name != "__metadata__"]
    nested = "[" * DEEP + "]" * DEEP
    start = (
        f'{{"sha256":"{ZEROS}","format":1,"kind":"{document["kind"]}","versions":{{}},"content":'
    )

    def edited(**changes):
        return {name: {**header[name], **changes} for name in names}

    def with_arrays(arrays):
        return closed(arrays, document, body)

    yield "empty", b""
    yield "a header of 2**64 - 1 bytes", b"\xff" * 8 + data[8:]
    yield "a header of no bytes", bytes(8) + data[8:]
    yield "a header that is a list", (2).to_bytes(8, "little") + b"[]" + body
    yield "a deep header", len(nested).to_bytes(8, "little") + nested.encode() + body
    yield "a deep document", closed(header, nested, body)
    yield "a deep content", closed(header, start + nested + "}", body)
    yield "a pickle", b"\x80\x04cos\nsystem\n(S'false'\ntR."
    yield "shapes of 2**80 values", with_arrays(edited(shape=[2**40, 2**40]))
    yield "shapes of many axes", with_arrays(edited(shape=[2**60] * 20_000))
    yield "negative shapes", with_arrays(edited(shape=[-1, -8]))
    yield "shapes that are no numbers", with_arrays(edited(shape="ab"))
    yield "arrays of 2**60 bytes", with_arrays(edited(data_offsets=[0, 2**60]))
    yield "arrays before the beginning", with_arrays(edited(data_offsets=[-64, -32]))
    yield "arrays in one place", with_arrays(edited(data_offsets=[0, 4]))
    yield "places that are no numbers", with_arrays(edited(data_offsets=[None, {}]))
    yield "another type", with_arrays(edited(dtype="I16"))
    yield "an unknown type", with_arrays(edited(dtype="pickle"))
    yield "no arrays", closed({}, document, b"")
    yield "arrays that are not described", closed({}, document, body)
    yield "bytes beyond the arrays", closed(header, document, body + b"1234")
    yield "too few bytes", closed(header, document, body[:-8])
    yield "no document", closed(header, "{}", body)
    yield "a document that is a number", closed(header, "7", body)
    yield "a newer format", closed(header, {**document, "format": 2**70}, body)
    yield "a format that is no number", closed(header, {**document, "format": "1"}, body)
    yield "a kind that is unknown", closed(header, {**document, "kind": "recipe"}, body)
    yield "a kind that is a list", closed(header, {**document, "kind": [[]]}, body)
    yield "no content", closed(header, {**document, "content": None}, body)
