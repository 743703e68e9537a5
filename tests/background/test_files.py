"""Files are written whole or not at all, and leave nothing else behind."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from flaresend_mock.background import files
from flaresend_mock.background.files import append_file, hold, write_file, written_beside

KILLED = """
import os, signal, sys
from pathlib import Path
from flaresend_mock.background.files import written_beside
with written_beside(Path(sys.argv[1]), b"new" * 1000, private=True):
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "world.json"


def mode(file: Path) -> int:
    return file.stat().st_mode & 0o777


def test_what_killed_processes_leave_does_not_add_up(place: Path) -> None:
    place.write_bytes(b"before")
    for _ in range(3):
        assert subprocess.run([sys.executable, "-c", KILLED, str(place)], timeout=60).returncode == -signal.SIGKILL
    assert sorted(os.listdir(place.parent)) == [".world.json.tmp", "world.json"]
    assert place.read_bytes() == b"before"

    write_file(place, b"after", private=False)

    assert os.listdir(place.parent) == ["world.json"]
    assert place.read_bytes() == b"after"


def test_nothing_is_appended_to_what_a_link_names_that_is_laid_after_the_check(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    precious = place.with_name("precious")
    precious.write_bytes(b"precious")
    monkeypatch.setattr(files, "check_place", lambda checked: checked.symlink_to(precious))

    with pytest.raises(OSError, match=os.strerror(errno.ELOOP)):
        append_file(place, b"more")

    assert precious.read_bytes() == b"precious"


@pytest.mark.timeout(20)
def test_the_lock_of_another_user_is_not_waited_for(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with place.with_name(".world.json.tmp").open("w") as theirs:
        fcntl.flock(theirs, fcntl.LOCK_EX)
        monkeypatch.setattr(os, "geteuid", lambda: os.fstat(theirs.fileno()).st_uid + 1)

        write_file(place, b"ours", private=True)

    assert place.read_bytes() == b"ours"


def test_a_full_disk_leaves_what_was_there_and_nothing_else(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    place.write_bytes(b"before")
    monkeypatch.setattr(os, "fsync", fail)

    with pytest.raises(OSError, match="No space left"):
        write_file(place, b"after", private=True)

    assert os.listdir(place.parent) == ["world.json"]
    assert place.read_bytes() == b"before"


@pytest.mark.parametrize(("private", "expected"), [(True, 0o600), (False, 0o666)])
def test_a_file_has_the_mode_of_a_new_one(private: bool, expected: int, place: Path) -> None:
    umask = os.umask(0)
    try:
        for before in (0o666, 0o600):
            for file in (place, place.with_name(".world.json.tmp")):  # which a killed process left
                file.write_bytes(b"before")
                file.chmod(before)
            write_file(place, b"after", private=private)
            assert mode(place) == expected
    finally:
        os.umask(umask)


def test_a_temporary_file_is_never_readable_for_others(place: Path) -> None:
    with written_beside(place, b"secret", private=True) as temporary:
        assert mode(temporary) == 0o600


def test_links_are_not_followed(place: Path, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_bytes(b"precious")
    for link in (place, tmp_path / ".world.json.tmp"):
        link.symlink_to(precious)
        with pytest.raises(OSError, match="symbolic link"):
            write_file(place, b"after", private=True)
        link.unlink()
    os.link(precious, tmp_path / ".world.json.tmp")
    write_file(place, b"after", private=True)

    assert precious.read_bytes() == b"precious"
    assert sorted(os.listdir(tmp_path)) == ["precious", "world.json"]


def test_what_is_no_file_is_not_replaced(place: Path) -> None:
    os.mkfifo(place)

    with pytest.raises(OSError, match="not a regular file"):
        write_file(place, b"after", private=True)
    assert place.is_fifo()


def test_a_long_name_has_room_for_a_temporary_one(tmp_path: Path) -> None:
    name = "\u20ac" * 85

    write_file(tmp_path / name, b"after", private=True)

    assert os.listdir(tmp_path) == [name]


def test_writers_of_one_file_wait_for_each_other(place: Path) -> None:
    contents = [bytes([65 + number]) * 50_000 for number in range(8)]
    seen = []

    def write(data: bytes) -> None:
        for _ in range(10):
            write_file(place, data, private=True)
            seen.append(place.read_bytes())

    threads = [threading.Thread(target=write, args=(data,)) for data in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(seen) == 80
    assert set(seen) <= set(contents)
    assert os.listdir(place.parent) == ["world.json"]


def test_a_file_system_without_locks_is_written_to(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", fail)
    write_file(place, b"after", private=True)

    assert (place.read_bytes(), os.listdir(place.parent)) == (b"after", ["world.json"])
    with pytest.raises(OSError, match="another emulator saves there"):
        hold(place)


def test_a_folder_that_is_missing_is_told(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_file(tmp_path / "missing" / "file", b"after", private=True)
