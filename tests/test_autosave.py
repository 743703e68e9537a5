"""--autosave: worlds that outlive their emulator, also one that is killed."""

from __future__ import annotations

import errno
import json
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing
from pathlib import Path
from threading import Event
from types import SimpleNamespace
from typing import Any

import pytest
import requests

from flaresend_mock import FlaresendMock
from flaresend_mock.background import autosave, files
from flaresend_mock.core import worlds
from flaresend_mock.core.redaction import key_id
from flaresend_mock.server import CannotStart
from flaresend_mock.testing.client import Flaresend
from tests.defaults import ANN

MESSAGE = {"recipients": [ANN], "type": "text", "text": "Hello"}
Start = Callable[..., FlaresendMock]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "state" / "worlds"


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let emulators save a hundred times as often."""
    monkeypatch.setattr(autosave, "PAUSE", 0.01)


@pytest.fixture
def start(folder: Path) -> Iterator[Start]:
    running: list[FlaresendMock] = []

    def begin(**options: Any) -> FlaresendMock:
        running.append(FlaresendMock(autosave=str(folder), **options).start())
        return running[-1]

    yield begin
    for emulator in running:
        emulator.stop()


def send(emulator: FlaresendMock, key: str | None = None, **changes: object) -> int:
    headers = {"Authorization": f"Bearer {key or emulator.api_key}"}
    return requests.post(
        f"{emulator.url}/send-message", json={**MESSAGE, **changes}, headers=headers, timeout=20
    ).status_code


def control(emulator: FlaresendMock, method: str, path: str, body: Any = None) -> Any:
    response = requests.request(method, f"{emulator.url}/_mock/{path}", json=body, timeout=20)
    response.raise_for_status()
    return response.json()


def texts(emulator: FlaresendMock) -> list[str | None]:
    with closing(Flaresend(emulator.url, emulator.api_key)) as kit:
        return [message.text for message in kit.messages()]


def export(emulator: FlaresendMock, world: str) -> bytes:
    return requests.get(
        f"{emulator.url}/_mock/world", params={"world": world, "with_secrets": "true"}, timeout=20
    ).content


def names(folder: Path) -> list[str]:
    return sorted(one.name for one in folder.iterdir())


def eventually(emulator: FlaresendMock, condition: Callable[[], bool]) -> None:
    """Let the emulator save until a condition holds."""
    saver = emulator._autosave
    assert saver is not None
    for _ in range(600):
        if condition():
            return
        Event().wait(0.05)
    pytest.fail("it was not saved")


def test_all_worlds_continue_with_their_names_keys_and_secrets(start: Start, folder: Path) -> None:
    first = start(auth="open", world="demo", webhook_url="http://127.0.0.1:9/", webhook_secret="hush")
    made = control(first, "POST", "worlds", {"name": "Shop", "seed": 4, "api_key": "key-of-the-shop"})
    assert made["name"] == "Shop"
    assert [send(first), send(first, "key-of-the-shop"), send(first, "unknown-key")] == [200] * 3
    control(first, "PATCH", "clock?world=Shop", {"now": "2031-01-01T00:00:00Z", "frozen": True})
    first.stop()
    known = [one.name for one in first.worlds.all()]
    before = {name: first.worlds.get(name).saved() for name in known}

    second = start()

    assert sorted(one.name for one in second.worlds.all()) == sorted(known)
    for name in known:
        after = second.worlds.get(name).saved()
        assert after.instances == before[name].instances
        assert list(after.messages) == list(before[name].messages)
        assert after.clock == before[name].clock
    assert second.worlds.default().instances.first().webhook.secret == "hush"  # type: ignore[union-attr]
    assert [send(second, key) for key in ("key-of-the-shop", "unknown-key", "another")] == [200, 200, 401]


def test_an_export_of_a_world_is_the_same_after_a_restart(start: Start) -> None:
    first = start()
    control(first, "PATCH", "clock", {"now": "2031-01-01T00:00:00Z", "frozen": True})
    send(first)
    before = export(first, "default")
    first.stop()

    assert export(start(), "default") == before


@pytest.mark.usefixtures("often")
def test_a_change_is_saved_while_the_emulator_runs(start: Start, folder: Path) -> None:
    emulator = start()
    file = folder / "default.json"
    send(emulator, text="first one")
    eventually(emulator, lambda: file.exists() and b"first one" in file.read_bytes())
    send(emulator, text="second one")
    eventually(emulator, lambda: b"second one" in file.read_bytes())

    assert file.stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == 0o700
    assert json.loads(file.read_bytes())["secrets"] is True


@pytest.mark.usefixtures("often")
def test_a_world_that_is_busy_keeps_no_other_from_being_saved(start: Start, folder: Path) -> None:
    emulator, file = start(), folder / "default.json"
    with emulator.worlds.default().lock:
        emulator.worlds.default().people.put(ANN, name="Ann Busy")
        control(emulator, "POST", "worlds", {"name": "other"})
        eventually(emulator, (folder / "other.json").exists)

    eventually(emulator, lambda: file.exists() and b"Ann Busy" in file.read_bytes())


def test_a_world_that_is_always_busy_is_waited_for_longer_each_time(
    start: Start, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(autosave, "PAUSE", 1000.0)
    emulator = start()
    world, saver = emulator.worlds.default(), emulator._autosave
    assert saver is not None
    busy, waited = 6, list[float]()

    class Lock(AbstractContextManager[bool]):
        real = world.lock
        release, __enter__, __exit__ = real.release, real.__enter__, real.__exit__

        def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
            if timeout == -1:
                return self.real.acquire(blocking)
            waited.append(round(timeout, 3))
            return len(waited) % busy == 0 and self.real.acquire()

    world.people.put(ANN, name="Ann Busy")
    monkeypatch.setattr(world, "lock", Lock())
    for _ in range(busy):
        saver._save_all()
    assert b"Ann Busy" in (folder / "default.json").read_bytes()
    world.people.put(ANN, name="Ann")
    saver._save_all()

    assert waited == [0.1, 0.4, 1.6, 5.0, 0.1, 0.4, 0.1]  # after the longest wait, another world has its turn


def test_quiet_worlds_are_saved_before_busy_ones_and_one_of_these_is_waited_for(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(autosave, "PAUSE", 1000.0)
    emulator = start()
    saver, order = emulator._autosave, list[tuple[str, float]]()
    assert saver is not None
    for name in ("busy", "busiest", "quiet"):
        control(emulator, "POST", "worlds", {"name": name})
    for world in emulator.worlds.all():
        lock = SimpleNamespace(acquire=lambda timeout, name=world.name: order.append((name, round(timeout, 3))))
        monkeypatch.setattr(world, "lock", lock)
    saver._skipped.update({"busy": 3, "busiest": 4})

    saver._save_all()

    assert order == [("default", 0.1), ("quiet", 0.1), ("busy", 0.1), ("busiest", 5.0)]
    monkeypatch.undo()


@pytest.mark.usefixtures("often")
def test_a_world_that_does_not_change_is_not_written(
    start: Start, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[str] = []
    rounds: list[None] = []
    write, save_all = files.write_file, autosave.Autosave._save_all
    monkeypatch.setattr(files, "write_file", lambda file, *a, **k: (written.append(file.name), write(file, *a, **k)))
    monkeypatch.setattr(autosave.Autosave, "_save_all", lambda self: (save_all(self), rounds.append(None)))
    emulator = start()
    control(emulator, "POST", "worlds", {"name": "other"})
    eventually(emulator, lambda: len(rounds) > 5 and "other.json" in written)
    written.clear()
    send(emulator)
    rounds.clear()
    eventually(emulator, lambda: len(rounds) > 5)

    assert set(written) == {"default.json"}
    emulator.stop()
    written.clear()
    again = start()
    rounds.clear()
    eventually(again, lambda: len(rounds) > 5)
    assert written == []


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "inbound", {"from": ANN, "text": "Hi"}),
        ("PUT", "world", {"instances": [{"number": "254708920430"}]}),
        ("PATCH", "world", {"directory": "closed"}),
        ("PATCH", "clock", {"now": "2031-01-01T00:00:00Z", "frozen": True}),
        ("POST", "reset", None),
        ("POST", "faults", {"preset": "slow"}),
        ("PUT", "people/254700000001", {"name": "Zoe"}),
    ],
)
def test_every_kind_of_change_is_noticed(method: str, path: str, body: Any, start: Start) -> None:
    emulator = start()
    world = emulator.worlds.default()
    before = autosave._version(world)
    response = requests.request(method, f"{emulator.url}/_mock/{path}", json=body, timeout=20)

    assert response.ok, response.text
    assert autosave._version(world) != before


def test_saving_takes_at_most_a_twentieth_of_the_time(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    class Slow:
        seconds = 3.0

    pauses: list[float] = []

    class End(Event().__class__):  # type: ignore[misc]
        def wait(self, timeout: float | None = None) -> bool:
            pauses.append(timeout or 0)
            return len(pauses) > 2

    monkeypatch.setattr(autosave, "Stopwatch", Slow)
    monkeypatch.setattr(autosave.threading, "Event", End)
    saver = object.__new__(autosave.Autosave)
    saver._end, saver._save_all = End(), lambda: None  # type: ignore[method-assign]
    saver._run()

    assert pauses == [1.0, 57.0, 57.0]


@pytest.mark.usefixtures("often")
def test_the_file_of_a_deleted_world_goes(start: Start, folder: Path) -> None:
    emulator = start()
    control(emulator, "POST", "worlds", {"name": "Other"})
    eventually(emulator, lambda: (folder / "=other.json").exists())
    control(emulator, "DELETE", "worlds/Other")
    eventually(emulator, lambda: not (folder / "=other.json").exists())
    emulator.stop()

    assert names(folder) == [".lock", "default.json"]


def test_names_that_differ_in_case_have_files_that_differ_on_every_system(start: Start, folder: Path) -> None:
    emulator = start()
    for name in ("Shop", "shop", "SHOP"):
        control(emulator, "POST", "worlds", {"name": name})
    emulator.stop()

    assert names(folder) == [".lock", "=s=h=o=p.json", "=shop.json", "default.json", "shop.json"]
    assert {one.name for one in start().worlds.all()} == {"default", "Shop", "shop", "SHOP"}


@pytest.mark.usefixtures("often")
def test_a_full_disk_is_told_once_and_hurts_nothing_else(
    start: Start, folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    tries: list[Path] = []
    write = files.write_file

    def full(file: Path, *_: object, **__: object) -> None:
        tries.append(file)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    emulator = start()
    monkeypatch.setattr(files, "write_file", full)
    assert send(emulator) == 200
    eventually(emulator, lambda: len(tries) > 5)
    response = requests.get(f"{emulator.url}/_mock/health", timeout=20)
    problem = "cannot save default.json: No space left on device"

    assert (response.status_code, response.json()["autosave"]) == (200, problem)
    assert [one.message for one in caplog.records if one.levelname == "ERROR"] == [f"autosave: {problem}"]
    monkeypatch.setattr(files, "write_file", write)
    eventually(emulator, lambda: control(emulator, "GET", "health")["autosave"] == "ok")
    emulator.stop()
    assert "autosave: saves again" in caplog.text
    assert b"Hello" in (folder / "default.json").read_bytes()


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("default.json", "{", r"^autosave: /.*/default.json: line 1 column 2"),
        (
            "shop.json",
            '{"format": "flaresend-mock world", "version": 2}',
            "^autosave: /.*/shop.json: .*reads version 1 of worlds, not 2",
        ),
        ("shop.json", '{"hello": 1}', "^autosave: /.*/shop.json: "),
        ("letter.txt", "Dear Ann", "letter.txt is not the file of a world; give --autosave a folder of its own"),
        ("Shop.json", "{}", "Shop.json is not the file of a world"),
    ],
)
def test_a_broken_or_foreign_file_is_refused_and_kept(
    name: str, text: str, says: str, start: Start, folder: Path
) -> None:
    folder.mkdir(parents=True)
    (folder / name).write_text(text)

    with pytest.raises(CannotStart, match=says):
        start()
    assert (folder / name).read_text() == text


def test_a_link_is_refused(start: Start, folder: Path) -> None:
    start().stop()
    (folder / "default.json").rename(folder.parent / "default.json")
    (folder / "default.json").symlink_to(folder.parent / "default.json")

    with pytest.raises(CannotStart, match="it is a symbolic link; name the file itself"):
        start()


@pytest.mark.usefixtures("often")
def test_a_file_that_comes_later_is_not_overwritten(start: Start, folder: Path) -> None:
    emulator = start()
    eventually(emulator, lambda: (folder / "default.json").exists())
    (folder / "shop.json").write_text("precious")
    control(emulator, "POST", "worlds", {"name": "shop"})
    emulator.stop()

    assert (folder / "shop.json").read_text() == "precious"
    assert emulator.app.services.autosave() == "cannot save shop.json: another program wrote it"


def test_what_a_killed_emulator_left_half_written_is_no_obstacle(start: Start, folder: Path) -> None:
    start().stop()
    (folder / ".default.json.tmp").write_text("{")
    (folder / "lost+found").mkdir()
    emulator = start()
    send(emulator)
    emulator.stop()

    assert names(folder) == [".lock", "default.json", "lost+found"]


def test_two_emulators_cannot_have_one_folder(start: Start, folder: Path) -> None:
    first = start()
    with pytest.raises(CannotStart, match=f"^autosave: {folder}: another emulator saves there$"):
        start()
    first.stop()

    assert start().worlds.default()


def test_a_folder_that_cannot_be_used_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for place, says in (("file", "File exists"), ("file/inside", "Not a directory")):
        with pytest.raises(CannotStart, match=f"^autosave: .*: {says}$"):
            FlaresendMock(autosave=str(tmp_path / place))


def test_options_that_begin_a_world_do_not_replace_a_saved_one(start: Start, tmp_path: Path) -> None:
    first = start(seed=5)
    send(first)
    first.stop()
    second = start(world="demo", seed=6, import_=str(tmp_path / "missing.json"), api_key="new-key")

    assert texts(second) == ["Hello"]
    assert second.worlds.default().state.seed == 5
    assert second.api_key == "new-key"


def test_worlds_of_unknown_keys_make_room_for_others_after_a_restart(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worlds, "MAX_WORLDS", 3)
    first = start(auth="open")
    assert [send(first, key) for key in ("key-a", "key-b")] == [200] * 2
    first.stop()
    second = start(auth="open")

    assert [send(second, key) for key in ("key-a", "key-b", "key-c")] == [200] * 3
    assert len(second.worlds.all()) == 3


def test_a_key_that_two_files_have_is_that_of_the_newer(start: Start, folder: Path) -> None:
    first = start()
    for name in ("older", "newer"):
        control(first, "POST", "worlds", {"name": name, "api_key": f"key-of-{name}"})
    first.stop()
    for name, age in (("older", 100), ("newer", 200)):
        file = folder / f"{name}.json"
        file.write_text(file.read_text().replace(f"key-of-{name}", "one-key-of-both"))
        os.utime(file, (age, age))
    second = start()

    found = second.worlds.with_key("one-key-of-both")
    assert found is not None
    assert found[0].name == "newer"


def test_without_the_option_nothing_is_written_and_health_says_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with FlaresendMock() as emulator:
        send(emulator)
        assert "autosave" not in control(emulator, "GET", "health")

    assert list(tmp_path.iterdir()) == []


def test_a_key_belongs_to_the_world_that_was_saved_last(start: Start, folder: Path) -> None:
    """An emulator may be killed after one of two worlds was saved between which a key has moved."""
    emulator = start()
    default = emulator.worlds.default()
    default.instances.add_key(None, "moved")
    control(emulator, "POST", "worlds", {"name": "other", "api_key": "other-key"})
    emulator.stop()
    stale = (folder / "default.json").read_bytes()
    again = start()
    again.worlds.default().instances.revoke_key(None, key_id("moved"))
    again.worlds.get("other").instances.add_key(None, "moved")
    again.stop()
    newest = (folder / "other.json").stat().st_mtime
    (folder / "default.json").write_bytes(stale)
    os.utime(folder / "default.json", (newest - 1, newest - 1))

    last = start()

    found = last.worlds.with_key("moved")
    assert found is not None
    assert found[0].name == "other"
    assert last.worlds.default().instances.first().api_keys == (last.api_key,)


def test_the_key_of_the_option_is_the_default_worlds_whoever_had_it(start: Start) -> None:
    emulator = start()
    second = emulator.worlds.default().instances.create(api_key="second")
    control(emulator, "POST", "worlds", {"name": "other", "api_key": "others"})
    emulator.stop()

    for key in ("second", "others"):
        again = start(api_key=key)
        again.worlds.default().people.put(ANN, name=key)
        default, found = again.worlds.default(), again.worlds.with_key(key)
        assert found == (default, default.instances.first())
        assert key not in default.instances.find(second.id).api_keys
        again.stop()

    assert start().api_key == "others"
