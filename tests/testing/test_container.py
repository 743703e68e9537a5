"""FlaresendContainer, with a stand-in for docker's daemon whose containers are emulators of this process."""

from __future__ import annotations

import importlib
import io
import json
import sys
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from flask import Flask, request
from testcontainers.core.config import ConnectionMode, testcontainers_config
from testcontainers.core.exceptions import ContainerStartException
from werkzeug.serving import make_server

from flaresend_mock import FlaresendMock
from flaresend_mock.settings import resolve
from flaresend_mock.testing import container as module
from flaresend_mock.testing.container import FlaresendContainer
from tests.defaults import ANN


class Daemon:
    """Speaks as much of docker's API as Testcontainers needs to create, start, inspect and remove one container."""

    def __init__(self, folder: Path) -> None:
        self.app = Flask("docker")
        self.has_image = True
        self.fails: str | None = None  # what the emulator prints before it ends
        self.created: dict[str, Any] = {}
        self.calls: list[str] = []
        self.emulator: FlaresendMock | None = None
        self._folder = folder
        self.app.route("/version")(lambda: {"ApiVersion": "1.44"})
        self.app.route("/v1.44/<path:path>", methods=["GET", "POST", "PUT", "DELETE"])(self.respond)

    def respond(self, path: str) -> Any:
        self.calls.append(f"{request.method} {path}")
        match request.method, path.split("/"):
            case "GET", ["info"]:
                return {}
            case "GET", ["networks"]:
                return []
            case "GET", ["images", *_]:
                return {"Id": "sha256:1"} if self.has_image else ({"message": "No such image"}, 404)
            case "POST", ["images", "create"]:
                return {"message": "pull access denied"}, 404
            case "POST", ["containers", "create"]:
                self.created = request.get_json()
                return {"Id": "c1", "Warnings": []}, 201
            case "PUT", ["containers", "c1", "archive"]:
                with tarfile.open(fileobj=io.BytesIO(request.get_data())) as archive:
                    archive.extractall(self._folder, filter="data")
                return ""
            case "POST", ["containers", "c1", "start"]:
                if self.fails is None:
                    self.start()
                return "", 204
            case "GET", ["containers", "c1", "json"]:
                state = {"Status": "running" if self.emulator else "exited"}
                ports = {"3577/tcp": [{"HostIp": "127.0.0.1", "HostPort": str(self.port)}]}
                settings = {"Ports": ports, "Networks": {"bridge": {"Gateway": "127.0.0.1"}}}
                config = {"Config": {"Tty": True}, "HostConfig": {"LogConfig": {"Type": "json-file"}}}
                return {"Id": "c1", "Name": "/c1", "State": state, "NetworkSettings": settings, **config}
            case "GET", ["containers", "json"] if self.emulator is None:
                return [{"Id": "c1", "Ports": []}]  # a container that ended has none
            case "GET", ["containers", "json"]:
                return [{"Id": "c1", "Ports": [{"PrivatePort": 3577, "PublicPort": self.port}]}]
            case "GET", ["containers", "c1", "logs"]:
                return self.fails or "ready"
            case "DELETE", ["containers", "c1"]:
                self.stop()
                return "", 204
        return {"message": f"not known: {request.method} {path}"}, 500

    def start(self) -> None:
        variables = dict(one.split("=", 1) for one in self.created["Env"])
        if variables["FLARESEND_MOCK_WORLD"].startswith("/"):
            variables["FLARESEND_MOCK_WORLD"] = str(self._folder / variables["FLARESEND_MOCK_WORLD"].lstrip("/"))
        settings = resolve({"port": "0", "log_level": "error"}, variables)
        self.emulator = FlaresendMock(settings).start()

    def stop(self) -> None:
        if self.emulator is not None:
            self.emulator.stop()
        self.emulator = None

    @property
    def port(self) -> int:
        return int(self.emulator.url.rpartition(":")[2]) if self.emulator else 1

    def variable(self, name: str) -> str | None:
        return dict(one.split("=", 1) for one in self.created["Env"]).get(f"FLARESEND_MOCK_{name}")


@pytest.fixture
def daemon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Daemon]:
    daemon = Daemon(tmp_path)
    server = make_server("127.0.0.1", 0, daemon.app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    monkeypatch.setenv("DOCKER_HOST", f"tcp://127.0.0.1:{server.port}")
    monkeypatch.setattr(testcontainers_config, "ryuk_disabled", True)
    monkeypatch.setattr(testcontainers_config, "connection_mode_override", ConnectionMode.docker_host)
    yield daemon
    daemon.stop()
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_test_uses_the_container_as_any_emulator(daemon: Daemon) -> None:
    with FlaresendContainer() as container, container.world("a test") as flaresend:
        body = {"recipients": [ANN], "type": "text", "text": "hi"}
        requests.post(f"{flaresend.url}/send-message", json=body, headers=flaresend.headers, timeout=10)
        assert flaresend.expect_message(to=ANN).text == "hi"
        assert container.url == f"http://127.0.0.1:{daemon.port}"
    assert daemon.created["Image"] == "flaresend-mock"
    assert daemon.calls[-1] == "DELETE containers/c1"


def test_docker_gets_the_options_as_variables_and_a_name_for_this_machine(daemon: Daemon) -> None:
    with FlaresendContainer("other:1", seed=7, demo=True, control_token="t0ken", world="demo").with_kwargs(
        mem_limit="96m"
    ) as container:
        assert container.server.check()
    assert daemon.created["Image"] == "other:1"
    found = {name: daemon.variable(name) for name in ("SEED", "DEMO", "CONTROL_TOKEN", "WORLD")}
    assert found == {"SEED": "7", "DEMO": "True", "CONTROL_TOKEN": "t0ken", "WORLD": "demo"}
    host = daemon.created["HostConfig"]
    assert host["ExtraHosts"] == ["host.docker.internal:host-gateway"]
    assert host["Memory"] == 96 * 1024**2
    assert host["PortBindings"] == {"3577/tcp": [{"HostIp": "127.0.0.1", "HostPort": ""}]}


def test_a_file_with_a_secret_is_read_on_this_machine(daemon: Daemon, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("t0ken\n")
    with FlaresendContainer(control_token_file=tmp_path / "token") as container:
        assert container.server.check()
    assert daemon.variable("CONTROL_TOKEN") == "t0ken"
    assert daemon.variable("CONTROL_TOKEN_FILE") is None


def test_a_world_file_of_this_machine_is_copied_into_the_container(daemon: Daemon, tmp_path: Path) -> None:
    file = tmp_path / "mine.json"
    file.write_text(json.dumps({"version": 1, "instances": [{"number": "254708920430", "api_keys": ["MINE"]}]}))

    with FlaresendContainer(world=file) as container:
        groups = requests.get(f"{container.url}/groups", headers={"Authorization": "Bearer MINE"}, timeout=10)
    assert groups.status_code == 200


def test_webhooks_reach_an_application_on_this_machine(daemon: Daemon) -> None:
    configured = FlaresendContainer(webhook_secret="s3cret").with_app_on_host(5000, "hook")
    with configured as container, container.world() as flaresend:
        flaresend.receive(ANN, "hi")
        flaresend.settle()
        (delivery,) = flaresend.deliveries()
    assert delivery.attempts[0].url == "http://host.docker.internal:5000/hook"
    assert "webhook-signature" in {name.lower() for name in delivery.attempts[0].headers}
    assert daemon.variable("WEBHOOK_URL") == "http://host.docker.internal:5000/hook"


def test_a_receiver_of_the_kit_is_shown_to_the_container_by_the_name_of_this_machine(daemon: Daemon) -> None:
    with FlaresendContainer() as container, container.world() as flaresend:
        assert flaresend.webhook_receiver().url.startswith("http://host.docker.internal:")


def test_applications_in_containers_get_links_with_the_alias(daemon: Daemon) -> None:
    with FlaresendContainer() as container:
        assert container.public_url == container.url
        container.with_network_aliases("flaresend")
        assert container.public_url == container.url
        container._network = object()  # type: ignore[assignment]
        assert container.public_url == "http://flaresend:3577"
        container.with_env("FLARESEND_MOCK_PUBLIC_URL", "http://here")
        assert container.public_url == "http://here"


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"seeed": 1}, TypeError, "seeed"),
        ({"port": 80}, TypeError, "port"),
        ({"time_zone": "Mars"}, ValueError, "'Mars' is not a time zone"),
        ({"world": "missing.json"}, FileNotFoundError, "missing.json"),
    ],
)
def test_wrong_options_are_refused_before_docker_is_asked(
    options: dict[str, Any], error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        FlaresendContainer(**options)


def test_an_emulator_that_ends_shows_its_log(daemon: Daemon) -> None:
    daemon.fails = "FLARESEND_MOCK_WORLD: there is no world 'x'\n"
    with pytest.raises(ContainerStartException, match="the emulator ended:\nFLARESEND_MOCK_WORLD: there is no world"):
        FlaresendContainer(world="x").start()
    assert daemon.calls[-1] == "DELETE containers/c1"


def test_an_emulator_that_does_not_get_ready_is_given_up(daemon: Daemon, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_SECONDS", -1.0)
    monkeypatch.setattr(FlaresendContainer, "status", "running")
    daemon.fails = "still starting"
    with pytest.raises(ContainerStartException, match=r"(?s)no emulator in .*still starting"):
        FlaresendContainer().start()


def test_a_missing_image_is_named(daemon: Daemon) -> None:
    daemon.has_image = False
    with pytest.raises(
        ContainerStartException, match="docker has no image flaresend-mock, and cannot pull it: pull ac"
    ):
        FlaresendContainer().start()


def test_the_extra_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "flaresend_mock.testing.container")
    monkeypatch.setitem(sys.modules, "testcontainers.core.config", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'flaresend-mock\[testcontainers\]'"):
        importlib.import_module("flaresend_mock.testing.container")
