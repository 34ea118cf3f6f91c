"""One file of arrays and JSON: read as it was written, or refused with what is wrong."""

import json
import os
import re
import subprocess
import sys
import zipfile

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import save_file

from seqforecast.persistence.format import container, from_bytes, read, to_bytes, write
from tests import damaged_files

CONTENT = {"text": 'a "quoted" \\ text, é', "numbers": [1, 2.5, None, True], "deep": {"a": [{}]}}
ARRAYS = {
    "floats": np.arange(6, dtype=np.float32).reshape(2, 3),
    "columns first": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "every second": np.arange(10)[::2],
    "of another machine": np.arange(3, dtype=">f8"),
    "a number": np.array(1.5),
    "nothing": np.empty((0, 4)),
    "words": np.array([True, False]),
    "bytes": np.arange(256, dtype=np.uint8),
    "special": np.array([np.nan, np.inf, -0.0, 5e-324]),
    "halves": np.arange(3, dtype=np.float16),
}


@pytest.fixture(scope="module")
def data():
    return to_bytes("estimator", CONTENT, ARRAYS)


@pytest.fixture
def path(tmp_path, data):
    path = tmp_path / "model.safetensors"
    path.write_bytes(data)
    return path


def test_reads_what_was_written(tmp_path):
    path = tmp_path / "model"
    write(path, "checkpoint", CONTENT, ARRAYS)
    content, arrays = read(str(path), "checkpoint")
    assert content == CONTENT
    assert set(arrays) == set(ARRAYS)
    for name, array in ARRAYS.items():
        assert arrays[name].dtype == array.dtype.newbyteorder("=")
        assert arrays[name].shape == array.shape
        assert arrays[name].tobytes() == array.astype(array.dtype.newbyteorder("<")).tobytes()
        assert not arrays[name].flags.writeable


def test_any_reader_of_safetensors_shows_the_arrays(path):
    with safe_open(path, framework="np") as file:
        assert set(file.keys()) == set(ARRAYS)
        np.testing.assert_array_equal(file.get_tensor("floats"), ARRAYS["floats"])
        document = json.loads(file.metadata()["seqforecast"])
    assert list(document) == ["sha256", "format", "kind", "versions", "content"]
    assert document["format"] == 1
    assert {"seqforecast", "python", "numpy", "torch", "pandas"} <= set(document["versions"])


def test_the_checksum_is_that_of_the_file_with_zeros_in_its_place(data):
    header, document, _ = damaged_files.opened(data)
    blank = data.replace(document["sha256"].encode(), b"0" * 64)
    assert damaged_files.signed(blank) == data
    assert next(iter(header)) == "__metadata__"


def test_every_cut_is_refused(data):
    for size in range(len(data)):
        with pytest.raises(ValueError, match="m is (cut short|no file of seqforecast)"):
            from_bytes(data[:size], "estimator", "m")
    for size in range(len(data) - 300, len(data)):
        with pytest.raises(ValueError, match=f"m is cut short: it has {size} of {len(data)} byt"):
            from_bytes(data[:size], "estimator", "m")


def test_every_changed_byte_is_refused(data):
    rng = np.random.default_rng(0)
    for place in range(len(data)):
        changed = bytearray(data)
        changed[place] ^= int(rng.integers(1, 256))
        with pytest.raises(ValueError, match="^m (is|was|holds|has) "):
            from_bytes(bytes(changed), "estimator", "m")


def test_other_damages_are_refused(data, tmp_path):
    path = tmp_path / "m"
    for description, damaged in damaged_files.damaged(data, np.random.default_rng(0), 300):
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match=re.escape(str(path))) as caught:
            read(path, "estimator")
        assert len(str(caught.value)) < 1_000, description


READ_ALL_THE_SAME = ("no content", "no arrays")
"""Nothing is wrong with the file then: what it holds is for its reader to judge."""


def test_hostile_headers_are_refused(data):
    for description, made in damaged_files.hostile(data):
        if description not in READ_ALL_THE_SAME:
            with pytest.raises(ValueError, match="^m (is|has|holds) "):
                from_bytes(made, "estimator", "m")


def foreign_files(folder):
    def file(name, data):
        path = folder / name
        path.write_bytes(data)
        return path

    yield file("empty", b"")
    yield file("short", b"1234")
    yield file("text", b"unique_id,ds,y\n1,2001-01-01,5\n" * 100)
    yield file("pickle", b"\x80\x04\x95\x0b\x00\x00\x00\x00\x00\x00\x00}\x94\x8c\x01a\x94K\x01s.")
    np.savez(folder / "arrays.npz", a=np.arange(3))
    yield folder / "arrays.npz"
    with zipfile.ZipFile(folder / "archive.zip", "w") as archive:
        archive.writestr("a", "b")
    yield folder / "archive.zip"
    save_file({"a": np.arange(3.0)}, folder / "plain.safetensors")
    yield folder / "plain.safetensors"
    save_file({"a": np.arange(3.0)}, folder / "other.safetensors", {"format": "pt"})
    yield folder / "other.safetensors"
    save_file({"a": np.arange(3.0)}, folder / "like.safetensors", {"seqforecast": "[1]"})
    yield folder / "like.safetensors"
    yield file("huge header", (2**63).to_bytes(8, "little") + b"{}" * 100)
    yield file("large header", (90_000_000).to_bytes(8, "little") + b'{"a":' * 100)
    yield file("deep", (200_000).to_bytes(8, "little") + b"[" * 100_000 + b"]" * 100_000)


def test_foreign_files_are_refused(tmp_path):
    for path in foreign_files(tmp_path):
        with pytest.raises(ValueError, match="is no file of seqforecast, or its beginning was al"):
            read(path, "estimator")


@pytest.mark.skipif(os.name == "nt", reason="there are no such files")
@pytest.mark.parametrize("device", ["/dev/null", "/dev/zero"])
def test_devices_are_refused_before_they_are_read(device):
    with pytest.raises(OSError, match=f"{device} is no regular file; the path of one is needed"):
        read(device, "estimator")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes with names")
def test_a_pipe_that_nobody_writes_to_is_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="is no regular file"):
        read(tmp_path / "pipe", "estimator")


def test_folders_and_files_that_are_not_there(tmp_path):
    with pytest.raises((IsADirectoryError, PermissionError), match=re.escape(str(tmp_path)[-20:])):
        read(tmp_path, "estimator")
    with pytest.raises(FileNotFoundError, match="nowhere"):
        read(tmp_path / "nowhere", "estimator")


def edited(data, **changes):
    header, document, body = damaged_files.opened(data)
    return damaged_files.closed(header, {**document, **changes}, body)


def test_newer_formats_say_what_to_install(data):
    newer = edited(data, format=2, versions={"seqforecast": "9.1"})
    with pytest.raises(ValueError, match=r"m has format 2, written by seqforecast '9.1'; this ver"):
        from_bytes(newer, "estimator", "m")
    for number in (0, -1, 10**400):
        with pytest.raises(ValueError, match=r"this version reads formats up to 1. Install a new"):
            from_bytes(edited(data, format=number, versions=3), "estimator", "m")
    for number in (True, 1.0, "1", None):
        with pytest.raises(ValueError, match="m is no file of seqforecast"):
            from_bytes(edited(data, format=number), "estimator", "m")


@pytest.mark.parametrize("kind", container._READERS)
def test_other_kinds_say_what_reads_them(kind):
    data = to_bytes(kind, None, {})
    other = "numpy" if kind != "numpy" else "estimator"
    message = f"m is a file of kind '{kind}'; one of kind '{other}' is needed. seqforecast."
    with pytest.raises(ValueError, match=message):
        from_bytes(data, other, "m")
    assert from_bytes(data, kind, "m") == (None, {})


@pytest.mark.skipif(sys.platform != "linux", reason="the limit of address space is Linux's")
def test_a_large_foreign_file_is_not_read(tmp_path):
    large = tmp_path / "large.safetensors"
    save_file({"a": np.arange(3.0)}, large, {"format": "pt"})
    with large.open("r+b") as file:
        file.truncate(50_000_000_000)  # sparse: it takes no room
    script = (
        "import resource, sys\n"
        "from seqforecast.persistence.format import read\n"
        "resource.setrlimit(resource.RLIMIT_AS, (4_000_000_000,) * 2)\n"
        "try:\n    read(sys.argv[1], 'estimator')\n"
        "except ValueError as error:\n    print(error)"
    )
    command = [sys.executable, "-c", script, str(large)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert "is no file of seqforecast" in done.stdout


def test_more_text_than_a_header_holds_is_refused_when_written(monkeypatch, tmp_path):
    monkeypatch.setattr(container, "_LONGEST_HEADER", 2_000)
    with pytest.raises(ValueError, match=r"of which a file holds 2000; fewer names are needed"):
        write(tmp_path / "m", "estimator", ["x" * 2_000], {})
    assert not (tmp_path / "m").exists()
