"""The emulator in a container, by Testcontainers: needs the extra `testcontainers`."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import fields
from pathlib import Path
from typing import Any, Self

try:
    from docker.errors import APIError, ImageNotFound
    from testcontainers.core.config import ConnectionMode
    from testcontainers.core.container import DockerContainer
    from testcontainers.core.exceptions import ContainerStartException
except ModuleNotFoundError as missing:
    text = f"{missing.msg}; FlaresendContainer needs the extra: pip install 'flaresend-mock[testcontainers]'"
    raise ModuleNotFoundError(text, name=missing.name) from None

from flaresend_mock.background.realtime import Stopwatch
from flaresend_mock.client import ControlPlane, ControlPlaneError, EmulatorUnreachable
from flaresend_mock.settings import PREFIX, SECRETS, Settings, variable
from flaresend_mock.testing.client import Flaresend
from flaresend_mock.testing.server import Server, _source

__tracebackhide__ = True  # pytest shows the line of the test instead

IMAGE = "flaresend-mock"
PORT = 3577
HOST = "host.docker.internal"  # this machine, as the container sees it

_LOOPBACK = "127.0.0.1"
_WORLD_FILE = "/world.json"
_SECONDS = 60.0
_LOG_LINES = 20


class FlaresendContainer(DockerContainer):
    """An emulator in a container of its own, on a free port of this machine. A `with` starts and removes it.

    Its methods `with_...` are those of DockerContainer, and return the container.

    Args:
        image: the image; docker has it, or can pull it.
        world: the world to start with: a shipped one by its name, or the path of a world file or an export here.
        options: options of the emulator, as FlaresendMock takes them. Paths are those in the container, but files with
            secrets are read here. TypeError for an unknown one, ValueError for a wrong value, also in the world file.
    """

    def __init__(self, image: str = IMAGE, *, world: str | Path = "default", **options: Any) -> None:
        settings = Settings(port=PORT, **options)  # names the option that is wrong
        options |= {name: getattr(settings, name) for name in SECRETS if options.pop(f"{name}_file", None)}
        source = _source(world)
        super().__init__(image)
        self.with_kwargs().with_exposed_ports(PORT)
        for option in fields(Settings):
            if options.get(option.name) is not None:
                self.with_env(variable(option), str(options[option.name]).strip())
        if "fixture" not in source:
            self.with_copy_into_container(json.dumps(*source.values()).encode(), _WORLD_FILE)
        self.with_env(f"{PREFIX}WORLD", source.get("fixture", _WORLD_FILE))
        self._webhook: str | None = None
        self._server: Server | None = None

    def with_kwargs(self, **kwargs: Any) -> Self:
        """Set further arguments of docker, such as mem_limit. The name of this machine stays known in the container."""
        hosts = {HOST: "host-gateway", **(kwargs.pop("extra_hosts", None) or {})}
        return super().with_kwargs(extra_hosts=hosts, **kwargs)

    def with_app_on_host(self, port: int, path: str = "/webhook") -> Self:
        """Deliver the webhooks of all worlds to an application at a port of this machine.

        On Linux, the application listens on 0.0.0.0, or on the address of docker's bridge.
        """
        self._webhook = f"http://{HOST}:{port}/{path.lstrip('/')}"
        return self.with_env(f"{PREFIX}WEBHOOK_URL", self._webhook)

    def start(self) -> Self:
        """Start the emulator; ContainerStartException, with the end of its log, if it ends or is not ready in time."""
        try:
            super().start()
        except APIError as problem:
            if self._container is not None or self._has_image():
                raise
            text = f"docker has no image {self.image}, and cannot pull it: {problem.explanation or problem}"
            raise ContainerStartException(text) from None
        try:
            self._server = self._wait()
            control = ControlPlane(self.url, token=self._setting("control_token"))
            with suppress(ControlPlaneError):  # an older image has no such setting
                control.call("PATCH", "/world", {"public_url": self.public_url})
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self, force: bool = True, delete_volume: bool = True) -> None:
        if self._server is not None:
            self._server.close()
        super().stop(force, delete_volume)
        self._container = self._server = None

    @property
    def server(self) -> Server:
        """The emulator, as the kit's fixture `flaresend_mock_server` has it."""
        if self._server is None:
            raise ContainerStartException("the container is not started")
        return self._server

    @property
    def url(self) -> str:
        """The address of the emulator for this machine."""
        return self.server.url

    @property
    def public_url(self) -> str:
        """The address of the emulator for applications: that of its alias in its network, or else its `url`."""
        aliases = self._network_aliases if self._network else None
        return self._setting("public_url") or (f"http://{aliases[0]}:{PORT}" if aliases else self.url)

    @contextmanager
    def world(self, about: str = "", /, **wanted: Any) -> Iterator[Flaresend]:
        """Create a world, and delete it afterwards. Takes the arguments of `Server.world`."""
        if self.public_url != self.url:
            wanted.setdefault("public_url", self.public_url)
        with self.server.world(about, **wanted) as flaresend:
            flaresend.host = HOST
            if self._webhook:
                flaresend.webhook(self._webhook, secret=self._setting("webhook_secret"))
            yield flaresend

    def _setting(self, name: str) -> str | None:
        return self.env.get(PREFIX + name.upper())

    def _configure(self) -> None:
        """Publish the port for this machine alone, where docker runs on it."""
        client, published = self.get_docker_client(), str(PORT)
        is_here = client.host() in ("localhost", _LOOPBACK)
        if is_here and client.get_connection_mode() is ConnectionMode.docker_host and self.ports[published] is None:
            self.ports[published] = (_LOOPBACK,)  # type: ignore[assignment]  # docker takes it

    def _has_image(self) -> bool:
        try:
            self.get_docker_client().client.images.get(self.image)
        except ImageNotFound:
            return False
        return True

    def _wait(self) -> Server:
        watch, never = Stopwatch(), threading.Event()
        while True:
            try:
                host, port = self.get_container_host_ip(), self._get_exposed_port(PORT)
                url = f"http://{_LOOPBACK if host == 'localhost' else host}:{port}"
                return Server(url, self._setting("control_token")).check()
            except (ConnectionError, EmulatorUnreachable) as problem:  # no port is published, or no emulator responds
                reason = str(problem)
            self.reload()
            if self.status not in ("created", "running"):
                raise ContainerStartException(f"the emulator ended:\n{self._log()}")
            if watch.seconds > _SECONDS:
                raise ContainerStartException(f"no emulator in {_SECONDS:g} s: {reason}\n{self._log()}")
            never.wait(0.05)

    def _log(self) -> str:
        return "\n".join(b"".join(self.get_logs()).decode(errors="replace").splitlines()[-_LOG_LINES:])
