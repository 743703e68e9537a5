"""Saves the worlds into a folder while they change, from where the next emulator continues them."""

import logging
import os
import re
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from weakref import finalize

from flaresend_mock.background import files
from flaresend_mock.background.realtime import Stopwatch
from flaresend_mock.core.state import State
from flaresend_mock.core.world import World

PATIENCE, LONGEST = 0.1, 5.0  # seconds that a save waits for a busy world: for the busiest, longer each time
PAUSE, SHARE = 1.0, 20  # seconds between two saves, and which part of the time they take at most: a 20th
_FILE = re.compile(r"((?:[a-z0-9._-]|=[a-z])+)\.json")  # of a world: Shop has the file =shop.json on every system
_OTHERS = ("lost+found", "desktop.ini")

log = logging.getLogger(__name__)


class Autosave:
    """Saves each world that changed into a file of its own. `found` has the files that were there, by world.

    `export` writes a state. OSError if another emulator has the folder, or a file in it is not a saved world.
    """

    def __init__(self, folder: Path, export: Callable[[State], bytes]) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.problem, self._folder, self._export = "", folder, export
        self._leave = finalize(self, os.close, files.hold(folder / ".lock"))
        self.found: dict[str, Path] = {}
        for file in sorted(folder.glob("[!.]*"), key=lambda one: -one.lstat().st_mtime_ns):
            if spelled := _FILE.fullmatch(file.name):
                files.check_place(file)
                self.found[re.sub("=(.)", lambda found: found[1].upper(), spelled[1])] = file
            elif file.name not in _OTHERS:
                raise OSError(f"{file.name} is not the file of a world; give --autosave a folder of its own")
        self._skipped: Counter[str] = Counter()  # how often in a row a world was busy
        self._last = ""  # the world that was busy most often
        self._waited = 0.0  # seconds of a save for worlds that were busy
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name="autosave", daemon=True)

    def start(self, worlds: Callable[[], list[World]]) -> None:
        """Save the worlds, of which those in `found` are as they were saved, until `stop`."""
        self._worlds = worlds
        self._saved = {world.name: _version(world) for world in worlds() if world.name in self.found}
        self._thread.start()

    def stop(self) -> None:
        """Save what has changed, and leave the folder to others."""
        self._end.set()
        self._thread.join()
        self._save_all()
        self._leave()

    def _run(self) -> None:
        pause = PAUSE
        while not self._end.wait(pause):
            watch, self._waited = Stopwatch(), 0.0
            self._save_all()
            pause = max(PAUSE, (watch.seconds - self._waited) * (SHARE - 1))
            log.debug("autosave: the next one is in %.1f s", pause)

    def _save_all(self) -> None:
        worlds, problem = {world.name: world for world in self._worlds()}, ""
        quiet_first = sorted(worlds, key=lambda name: self._skipped.get(name, 0))
        self._last = next(reversed(quiet_first), "")
        for name in [*(self._saved.keys() - worlds.keys()), *quiet_first]:  # a deleted world's API key may be another's
            file = self._folder / f"{re.sub('[A-Z]', lambda found: '=' + found[0].lower(), name)}.json"
            try:
                self._save(name, worlds.get(name), file)
            except Exception as error:  # saving never ends, and hurts nothing else
                problem = f"cannot save {file.name}: {getattr(error, 'strerror', None) or error}"
        if bool(problem) != bool(self.problem):
            log.log(logging.ERROR if problem else logging.INFO, "autosave: %s", problem or "saves again")
        self.problem = problem

    def _save(self, name: str, world: World | None, file: Path) -> None:
        if world is None:
            file.unlink(missing_ok=True)
            del self._saved[name], self._skipped[name]
        elif (version := _version(world)) != self._saved.get(name):
            patience = min(PATIENCE * 4 ** self._skipped[name], LONGEST) if name == self._last else PATIENCE
            self._skipped[name] += 1
            watch = Stopwatch()
            is_free = world.lock.acquire(timeout=-1 if self._end.is_set() else patience)
            self._waited += watch.seconds
            if not is_free:  # a call holds it: others do not wait for that
                self._skipped[name] *= patience < LONGEST  # the next one has its turn
                return
            del self._skipped[name]
            try:
                version, state = _version(world), world.saved()
            finally:
                world.lock.release()
            if name not in self._saved and file.exists():
                raise FileExistsError("another program wrote it")
            files.write_file(file, self._export(state), private=True)
            self._saved[name] = version


def _version(world: World) -> tuple[object, ...]:
    """Return what differs after every change: each has an event, and an import may have the same number of them."""
    return world, world.replacements, world.state.events.last_number
