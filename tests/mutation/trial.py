"""A plugin of pytest that tries mutants: it forks for each, changes the code there, and runs the tests that reach it.

A mutant of code that runs while modules are imported, or once in a process, is tried in a process of its own.
"""

from __future__ import annotations

import gc
import json
import os
import resource
import select
import signal
import subprocess
import sys
import threading
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from types import CodeType, FunctionType, SimpleNamespace
from typing import Any

import pytest

FIRST = 40  # so many tests run in any case; the others while the budget lasts, in seconds of the processor
SLOW_TEST = 5.0  # a test that takes more seconds of the processor is left out
CPU_SECONDS = 30  # after the time of a mutant; then it runs without end
HANGS_SECONDS = 60.0  # of real time; then it hangs
MEMORY = 6 << 30
WARM_SECONDS = 0.5
IMPORTED_LATE = (
    "requests PIL.Image cryptography.hazmat.primitives.ciphers msgspec re2 segno faker werkzeug.test".split()
)
NAMED = {
    "flaresend_mock/core/sending.py": ["schedule"],
    "flaresend_mock/core/deliveries.py": ["webhooks", "lanes", "away"],
    "flaresend_mock/background/webhook_sender.py": ["deliveries", "posting"],
    "flaresend_mock/core/clock.py": ["timers", "time_travel"],
    "flaresend_mock/core/inbound.py": ["kinds", "own_events", "identities", "rights", "away", "causes", "people"],
    "flaresend_mock/control/guard.py": ["cross_site"],
    "flaresend_mock/control/inbound.py": ["kinds", "own_events", "golden_webhooks", "mistypes", "wrong_fields"],
}  # the tests of a file that do not bear its name
RUNS_ONCE = "flaresend_mock/openapi/documents.py"
READ_DOCUMENTS = ("tests/test_openapi.py", "tests/test_control_plane_docs.py")

KILLED, TIMEOUT, SURVIVED, CUT = "killed", "timeout", "survived", "survived within the time"
UNREACHED, SAME = "reached by no test", "no other code"


class _NotPut(Exception):
    """The mutant cannot be put into functions that exist already."""


class Trials:
    """Tries mutants in forks of the session's process, which has imported everything."""

    def __init__(self, items: Sequence[pytest.Item], job: dict[str, Any]) -> None:
        self._items = {item.nodeid: item for item in items}
        self._budget: float = job["budget"]
        reach = json.loads(Path(job["reach"]).read_text())
        self._lines, self._at_import = reach["lines"], {name: set(lines) for name, lines in reach["at_import"].items()}
        self._tests: list[tuple[str, float]] = reach["tests"]
        self._killers: dict[str, list[str]] = defaultdict(list)
        self._is_sound: dict[str, bool] = {}
        self.functions: dict[str, list[FunctionType]] = {}
        self._failure = ""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed and not self._failure:
            crash = getattr(report.longrepr, "reprcrash", None)
            self._failure = str(crash.message if crash else report.longrepr)[:200] or "failed"

    def warm_up(self) -> None:
        """Import and cache what is used late, such as the default world, by one test of each file of tests."""
        quickest: dict[str, tuple[str, float]] = {}
        for name, seconds in self._tests:
            file = name.partition("::")[0]
            if name in self._items and seconds < min(WARM_SECONDS, quickest.get(file, ("", WARM_SECONDS))[1]):
                quickest[file] = name, seconds
        for name, _ in quickest.values():
            item = self._items[name]
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=None)
        assert threading.active_count() == 1, "a fork copies no threads"
        self._failure = ""

    def run(self, mutant: SimpleNamespace) -> dict[str, Any]:
        """Return what became of a mutant, and which test killed it."""
        path, before = Path(mutant.path), Path(mutant.path).read_text()
        lines = range(mutant.first, mutant.last + 1)
        apart = mutant.path == RUNS_ONCE or bool(self._at_import.get(mutant.path, set()).intersection(lines))
        reached = self._reached(mutant, None if apart else lines)
        result: dict[str, Any] = {"status": UNREACHED, "by": None, "ran": 0, "of": len(reached)}
        try:
            swap = _swapped(_codes(before), _codes(mutant.code))
        except SyntaxError:
            swap = {}
        if not swap:
            return result | {"status": SAME}
        if not reached:
            return result
        path.write_text(mutant.code)
        try:
            result |= self._apart(reached) if apart else self._confirmed(path, before, swap, reached)
        except _NotPut:
            result |= self._apart(reached)
        finally:
            path.write_text(before)
        if result["by"] and result["by"] not in self._killers[mutant.function]:
            self._killers[mutant.function].insert(0, result["by"])
        return result

    def _reached(self, mutant: SimpleNamespace, lines: range | None) -> list[str]:
        """Return the tests that reach some lines: those first that killed others, or bear the name of the file.

        Without lines these are the tests that reach the file, after those of the documents, which hold descriptions.
        The others follow in turns, from each file of tests the fastest one that is left.
        """
        of_file, turns, order = self._lines.get(mutant.path, {}), Counter[str](), {}
        names = {Path(mutant.path).stem, Path(mutant.path).parent.name, *NAMED.get(mutant.path, ())}
        reached = {number for line in lines or of_file for number in of_file.get(str(line), ())}
        for number, (test, seconds) in enumerate(self._tests):
            reads_documents = lines is None and test.startswith(READ_DOCUMENTS)
            if (number in reached or reads_documents) and test in self._items and seconds < SLOW_TEST:
                order[test] = seconds
        for test in sorted(order, key=lambda test: order[test]):
            file = test.partition("::")[0]
            turns[file] += 1
            bears_name = Path(file).stem.removeprefix("test_") in names
            order[test] = -1 if test in self._killers[mutant.function] else turns[file] / (50 if bears_name else 1)
            if lines is None and file in READ_DOCUMENTS:
                order[test] -= 1000
        return sorted(order, key=lambda test: order[test])

    def _confirmed(self, path: Path, before: str, swap: dict[CodeType, CodeType], tests: list[str]) -> dict[str, Any]:
        """Try a mutant. A test detects it that fails twice with it, and passes without it."""
        while True:
            outcome = self._forked(path, swap, tests)
            if outcome["status"] != KILLED:
                return outcome
            test, changed = outcome["by"], path.read_text()
            if test not in self._is_sound:
                path.write_text(before)
                self._is_sound[test] = self._forked(path, {}, [test])["status"] == SURVIVED
                path.write_text(changed)
            if self._is_sound[test] and self._forked(path, swap, [test])["status"] != SURVIVED:
                return outcome
            tests = [other for other in tests if other != test]

    def _forked(self, path: Path, swap: dict[CodeType, CodeType], tests: list[str]) -> dict[str, Any]:
        reads, writes = os.pipe()
        child = os.fork()
        if not child:
            os.setsid()
            resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
            resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS + int(self._budget),) * 2)
            outcome: dict[str, Any] = {"status": "error"}
            try:
                _put(self.functions[str(path.absolute())], swap)
                outcome = self._tried(tests)
            except _NotPut:
                outcome = {"status": SAME}
            finally:
                os.write(writes, json.dumps(outcome).encode())
                os._exit(0)
        os.close(writes)
        ready, _, _ = select.select([reads], [], [], self._budget + HANGS_SECONDS)
        told = os.read(reads, 65536) if ready else b""
        os.close(reads)
        for kill in (os.killpg, os.kill):
            with suppress(ProcessLookupError):
                kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        outcome = json.loads(told) if told else {"status": TIMEOUT}
        if outcome["status"] == SAME:
            raise _NotPut
        return outcome

    def _tried(self, tests: list[str]) -> dict[str, Any]:
        seconds, spent = dict(self._tests), 0.0
        items = [self._items[name] for name in tests]
        for number, item in enumerate(items):
            if number >= FIRST and spent > self._budget:
                return {"status": CUT, "ran": number}
            following = items[number + 1] if number + 1 < len(items) else None
            try:
                item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            except BaseException as problem:
                self._failure = self._failure or repr(problem)
            if self._failure:
                return {"status": KILLED, "by": item.nodeid, "why": self._failure, "ran": number + 1}
            spent += seconds[item.nodeid]
        return {"status": SURVIVED, "ran": len(items)}

    def _apart(self, tests: list[str]) -> dict[str, Any]:
        """Run tests in a process of their own, which imports the changed file."""
        some, seconds, spent = [], dict(self._tests), 0.0
        for name in tests:
            if len(some) >= FIRST and spent > self._budget:
                break
            some.append(name)
            spent += seconds[name]
        call = [
            sys.executable,
            "-m",
            "pytest",
            "-xqq",
            "-p",
            "no:randomly",
            "-p",
            "no:cacheprovider",
            "--tb=no",
            "-rfE",
        ]
        environment = {key: value for key, value in os.environ.items() if key != "MUTATION_JOB"}
        try:
            done = subprocess.run(
                [*call, *some], capture_output=True, text=True, env=environment, timeout=self._budget + HANGS_SECONDS
            )
        except subprocess.TimeoutExpired:
            return {"status": TIMEOUT, "ran": len(some)}
        if done.returncode == 0:
            return {"status": SURVIVED if len(some) == len(tests) else CUT, "ran": len(some)}
        return {"status": KILLED, "why": (done.stdout + done.stderr)[-400:], "ran": len(some)}


def _functions() -> dict[str, list[FunctionType]]:
    """Return the functions that exist, by their files."""
    found: dict[str, list[FunctionType]] = defaultdict(list)
    gc.unfreeze()  # the collector tells of no objects that are frozen, as those are that tests have imported
    for one in gc.get_objects():
        if isinstance(one, FunctionType):
            found[one.__code__.co_filename].append(one)
    return found


def _codes(source: str) -> dict[str, list[CodeType]]:
    found: dict[str, list[CodeType]] = defaultdict(list)

    def walk(code: CodeType) -> Iterator[CodeType]:
        for part in code.co_consts:
            if isinstance(part, CodeType):
                yield part
                yield from walk(part)

    for code in walk(compile(source, "", "exec", dont_inherit=True)):
        found[code.co_qualname].append(code)
    return found


def _swapped(before: dict[str, list[CodeType]], after: dict[str, list[CodeType]]) -> dict[CodeType, CodeType]:
    return {
        old: new
        for name, codes in before.items()
        if len(codes) == len(after[name])
        for old, new in zip(codes, after[name], strict=True)
        if old != new
    }


def _put(functions: list[FunctionType], swap: dict[CodeType, CodeType]) -> None:
    for function in functions:
        if (new := swap.get(function.__code__)) is not None:
            try:
                function.__code__ = new.replace(co_filename=function.__code__.co_filename)
            except ValueError:  # it refers to other variables of the function around it
                raise _NotPut from None


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool:
    job = json.loads(Path(os.environ["MUTATION_JOB"]).read_text())
    for module in IMPORTED_LATE:
        import_module(module)
    trials = Trials(session.items, job)
    session.config.pluginmanager.register(trials)
    if job["warm"]:
        trials.warm_up()
    trials.functions = _functions()  # also those that tests import, or make
    gc.freeze()  # forks share its memory
    with Path(job["results"]).open("a") as results:
        for fields in job["mutants"]:
            about = {name: value for name, value in fields.items() if name != "code"}
            results.write(json.dumps(about | trials.run(SimpleNamespace(**fields))) + "\n")
            results.flush()
    return True
