"""Files that are written whole or not at all, whatever happens meanwhile."""

import os
import re
import stat
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest

from seqforecast.persistence.format import atomic
from seqforecast.persistence.format.atomic import write_atomically
from tests.persistence.kills import killed_before_each_line

POSIX = pytest.mark.skipif(os.name == "nt", reason="signals, limits and permissions of POSIX")


def run(script, *arguments, wrapper=()):
    """Run a script in a process of its own; return what it printed."""
    code = "from seqforecast.persistence.format.atomic import write_atomically\n"
    command = [*wrapper, sys.executable, "-c", code + textwrap.dedent(script), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_writes_and_replaces(tmp_path):
    path = tmp_path / "model"
    for data in (b"", b"one", bytes(range(256)) * 4096):
        write_atomically(path, data)
        assert path.read_bytes() == data
    write_atomically(str(path), b"a text for a path")
    assert names(tmp_path) == ["model"]


def test_nothing_is_written_into_the_old_file(tmp_path):
    path, same_file = tmp_path / "model", tmp_path / "its other name"
    path.write_bytes(b"old")
    same_file.hardlink_to(path)
    write_atomically(path, b"new")
    assert (path.read_bytes(), same_file.read_bytes()) == (b"new", b"old")


@POSIX
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # beside threads of other tests
def test_a_kill_at_any_moment_leaves_one_of_the_two(tmp_path):
    path, old, new, left = tmp_path / "model", b"a" * 3_000, b"b" * 2_000, 0
    path.write_bytes(old)
    found = []
    for _ in killed_before_each_line(lambda: write_atomically(path, new), atomic.__file__):
        found.append(path.read_bytes())
        for name in names(tmp_path):
            if name != "model":
                assert re.fullmatch(r"\.model\.[0-9a-f]+\.tmp", name)
                (tmp_path / name).unlink()
                left += 1
    n_old = found.count(old)
    assert found == [old] * n_old + [new] * (len(found) - n_old)
    assert 0 < n_old < len(found)
    assert left > 0  # some kills came in the middle of a write


FULL = """
    import os, resource, sys
    folder, limit = sys.argv[1], int(sys.argv[2])
    path = os.path.join(folder, "model")
    write_atomically(path, b"old")
    if limit:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    try:
        write_atomically(path, b"new" * 1_000_000)
    except OSError as error:
        print(error)
    with open(path, "rb") as file:
        print(file.read(), os.listdir(folder))
    write_atomically(path, b"a small one still fits")
    """


def check_full(said, reason):
    message, after = said.strip().split("\n")
    assert reason in message
    assert "3000000 bytes of room" in message
    assert "What was there before is unchanged" in message
    assert after == "b'old' ['model']"


@POSIX
def test_a_file_that_may_not_grow(tmp_path):
    check_full(run(FULL, tmp_path, 100_000), "File too large")


@pytest.mark.skipif(sys.platform != "linux", reason="a small disk is made of Linux namespaces")
def test_a_full_disk(tmp_path):
    disk = f'mount -t tmpfs -o size=256k tmpfs "{tmp_path}" && exec "$0" "$@"'
    wrapper = ["unshare", "--map-root-user", "--mount", "sh", "-c", disk]
    try:
        subprocess.run([*wrapper, "true"], check=True, capture_output=True, timeout=60)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no small disk can be made here: {error}")
    check_full(run(FULL, tmp_path, 0, wrapper=wrapper), "No space left on device")


@pytest.mark.skipif(sys.platform != "linux", reason="/proc takes no new files, from root neither")
def test_a_folder_that_takes_no_files():
    with pytest.raises(OSError, match="/proc/x cannot be written: the folder /proc takes no file"):
        write_atomically("/proc/x", b"model")


@POSIX
@pytest.mark.skipif(hasattr(os, "getuid") and os.getuid() == 0, reason="root writes anywhere")
def test_a_folder_that_must_not_be_written(tmp_path):
    path = tmp_path / "model"
    write_atomically(path, b"old")
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(PermissionError, match="takes no file .Permission denied"):
            write_atomically(path, b"new")
        assert path.read_bytes() == b"old"
    finally:
        tmp_path.chmod(0o700)


def test_places_where_no_file_can_be(tmp_path):
    (tmp_path / "file").write_bytes(b"old")
    with pytest.raises(OSError, match="there is no folder .*. Make it"):
        write_atomically(tmp_path / "file" / "model", b"new")
    with pytest.raises(OSError, match="there is no folder .*. Make it"):
        write_atomically(tmp_path / "nowhere" / "model", b"new")
    with pytest.raises(OSError, match=r"is a folder; the path of a file is needed. Choose"):
        write_atomically(tmp_path, b"new")
    assert names(tmp_path) == ["file"]


@POSIX
def test_a_device_is_no_place_for_a_file():
    with pytest.raises(OSError, match="/dev/null is no regular file"):
        write_atomically("/dev/null", b"new")


@POSIX
def test_what_a_link_points_to_is_replaced_and_the_link_stays(tmp_path):
    (tmp_path / "real").mkdir()
    target, link = tmp_path / "real" / "model", tmp_path / "link"
    target.write_bytes(b"old")
    link.symlink_to(target)
    write_atomically(link, b"new")
    assert link.is_symlink()
    assert target.read_bytes() == b"new"
    dangling = tmp_path / "dangling"
    dangling.symlink_to(tmp_path / "real" / "later")
    write_atomically(dangling, b"new")
    assert (tmp_path / "real" / "later").read_bytes() == b"new"
    assert names(tmp_path / "real") == ["later", "model"]


@POSIX
def test_permissions_stay_and_new_files_have_the_usual_ones(tmp_path):
    old = tmp_path / "old"
    old.write_bytes(b"")
    old.chmod(0o640)
    write_atomically(old, b"new")
    assert stat.S_IMODE(old.stat().st_mode) == 0o640
    said = run(
        """
        import os, sys
        for mask in (0o022, 0o077):
            os.umask(mask)
            path = f"{sys.argv[1]}/{mask}"
            write_atomically(path, b"")
            print(oct(os.stat(path).st_mode & 0o777))
        """,
        tmp_path,
    )
    assert said.split() == ["0o644", "0o600"]


def test_four_threads_that_write_one_file(tmp_path):
    path, errors = tmp_path / "model", []
    versions = [bytes([k]) * 200_000 for k in range(4)]
    done = threading.Event()

    def write(version):
        try:
            for _ in range(25):
                write_atomically(path, version)
        except BaseException as error:
            errors.append(error)

    def look():
        while not done.is_set():
            if path.exists() and path.read_bytes() not in versions:
                errors.append("half a file was seen")

    threads = [threading.Thread(target=write, args=(version,)) for version in versions]
    watcher = threading.Thread(target=look)
    for thread in (watcher, *threads):
        thread.start()
    for thread in threads:
        thread.join()
    done.set()
    watcher.join()
    assert errors == []
    assert path.read_bytes() in versions
    assert names(tmp_path) == ["model"]


def test_a_name_of_another_language(tmp_path):
    path = tmp_path / "Prognose für März 📈"
    write_atomically(Path(path), b"new")
    assert names(tmp_path) == [path.name]
