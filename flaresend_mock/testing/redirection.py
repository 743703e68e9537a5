"""redirect(): code under test that calls https://api.flaresend.com reaches an emulator, until a test ends."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, TypeVar, overload
from urllib.parse import urlsplit

from flaresend_mock import environment, settings
from flaresend_mock.overrides import python
from flaresend_mock.testing.client import Flaresend

if TYPE_CHECKING:
    from flaresend_mock.server import FlaresendMock

__tracebackhide__ = True  # pytest shows the line of the test instead

_Emulator = TypeVar("_Emulator", "FlaresendMock", Flaresend)

_lock = threading.RLock()
_active: list[tuple[Any, dict[str, str]]] = []  # emulators and variables; the last one counts
_before: dict[str, str | None] = {}  # the values of all these variables before the first one


@overload
def redirect(emulator: _Emulator) -> AbstractContextManager[_Emulator]: ...
@overload
def redirect() -> AbstractContextManager[FlaresendMock]: ...
@contextmanager
def redirect(emulator: Any = None) -> Iterator[Any]:
    """Lead calls of https://api.flaresend.com by this process and its children to an emulator, in a `with` block.

        with flaresend_mock.redirect() as emulator:
            code_under_test()  # calls https://api.flaresend.com/send-message

    It sets variables such as HTTPS_PROXY, and in this process also leads libraries that read none. https calls of other
    hosts are refused. It counts for all threads; API keys keep their tests apart. The end of the block restores
    everything.

    Args:
        emulator: a running FlaresendMock, or the kit's client, such as the fixture `flaresend_mock`. Without one, it is
            that of the redirection around this one, or else a new one.
    """
    with ExitStack() as opened:
        with _lock:
            emulator = emulator or (_active[-1][0] if _active else None)
            without = {name: value for name, value in {**settings.ENVIRONMENT, **_before}.items() if value is not None}
        if emulator is None:
            from flaresend_mock.server import FlaresendMock  # only this case needs the emulator

            emulator = opened.enter_context(FlaresendMock())
        url = environment.with_port(emulator.url)
        host, port = urlsplit(url).hostname or "", urlsplit(url).port or 0
        folder = Path(opened.enter_context(TemporaryDirectory(prefix="flaresend-mock-", ignore_cleanup_errors=True)))
        is_client = isinstance(emulator, Flaresend)
        authority = emulator._control.fetch("/ca.pem")[0] if is_client else emulator.authority.certificate
        environment.write_files(folder, authority, without)
        variables = environment.variables(url, url, folder, without, hermetic=True)
        entry = (emulator, variables)
        with _lock:
            _active.append(entry)
            opened.callback(_end, entry)
            opened.callback(python.stop, python.start(host, port, str(folder / environment.CA), True))
            _set(variables)
        yield emulator


def _end(entry: tuple[Any, dict[str, str]]) -> None:
    with _lock:
        _active[:] = [one for one in _active if one is not entry]
        _set(_active[-1][1] if _active else _before)
        if not _active:
            _before.clear()


def _set(variables: Mapping[str, str | None]) -> None:
    for name, value in variables.items():
        _before.setdefault(name, settings.ENVIRONMENT.get(name))
        if value is None:
            settings.ENVIRONMENT.pop(name, None)
        else:
            settings.ENVIRONMENT[name] = value
