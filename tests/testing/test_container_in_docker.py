"""FlaresendContainer with a real daemon of docker: the one of DOCKER_HOST, which has the image flaresend-mock.

The tests of the image (`tests/container`) start a daemon and run these tests beside it.
"""

from __future__ import annotations

import gc
import json
import os
import re
import shutil
import subprocess
import sys
import warnings
from pathlib import Path

import docker
import docker.errors
import pytest
import requests
from testcontainers.core.config import testcontainers_config
from testcontainers.core.container import DockerContainer
from testcontainers.core.exceptions import ContainerStartException
from testcontainers.core.network import Network

from flaresend_mock.testing import Flaresend, WebhookReceiver
from flaresend_mock.testing.container import IMAGE, FlaresendContainer
from tests.defaults import ANN
from tests.support import REPOSITORY

GUIDE = (REPOSITORY / "docs" / "testing" / "containers.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r"^```\w+ (\S+\.\w+)\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL))


def lack() -> str | None:
    """Return what is missing here."""
    try:
        client = docker.from_env()
    except docker.errors.DockerException:
        return "no daemon of docker responds; DOCKER_HOST names another one"
    try:
        client.images.get(IMAGE)
    except docker.errors.ImageNotFound:
        return f"the daemon has no image {IMAGE}; docker build -t {IMAGE} ."
    finally:
        client.close()
    return None


pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture(autouse=True, scope="module")
def _docker() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # docker's client leaves its socket open if nothing responds
        missing = lack()
        gc.collect()
    if missing:
        pytest.skip(missing)
    testcontainers_config.ryuk_disabled = True  # its image is not on every machine


def test_an_emulator_that_ends_shows_its_log() -> None:
    with pytest.raises(ContainerStartException, match=r"(?s)the emulator ended:.*nowhere\.json"):
        FlaresendContainer().with_env("FLARESEND_MOCK_IMPORT", "/nowhere.json").start()


def run(folder: Path, *command: str) -> str:
    """Run a recipe of the guide. Testcontainers for Java takes a machine in a container for docker's own."""
    local = {"TESTCONTAINERS_RYUK_DISABLED": "true", "TESTCONTAINERS_HOST_OVERRIDE": "127.0.0.1"}
    done = subprocess.run(command, cwd=folder, env={**os.environ, **local}, capture_output=True, text=True, timeout=280)
    if "Could not transfer" in done.stdout:
        pytest.skip("Maven cannot download Testcontainers")
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_recipe_for_python_passes(tmp_path: Path) -> None:
    (tmp_path / "test_in_docker.py").write_text(FILES["test_in_docker.py"], encoding="utf-8")
    said = run(tmp_path, sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_in_docker.py")
    assert "2 passed" in said


def test_the_recipe_for_node_passes(tmp_path: Path) -> None:
    modules = Path(os.environ.get("NODE_FOLDER", ""), "node_modules").resolve()
    if not (modules / "testcontainers").exists() or shutil.which("node") is None:
        pytest.skip("testcontainers is not in the node_modules of NODE_FOLDER")
    (tmp_path / "node_modules").symlink_to(modules)
    (tmp_path / "testcontainers.test.mjs").write_text(FILES["testcontainers.test.mjs"], encoding="utf-8")
    assert "pass 2" in run(tmp_path, "node", "--test", "testcontainers.test.mjs")


@pytest.mark.skipif(shutil.which("mvn") is None, reason="Maven is not installed")
def test_the_recipe_for_java_passes(tmp_path: Path) -> None:
    tests = tmp_path / "src" / "test" / "java"
    tests.mkdir(parents=True)
    (tests / "FlaresendTest.java").write_text(FILES["FlaresendTest.java"], encoding="utf-8")
    (tmp_path / "pom.xml").write_text(FILES["pom.xml"], encoding="utf-8")
    assert "Tests run: 2, Failures: 0, Errors: 0" in run(tmp_path, "mvn", "-B", "-ntp", "test")


def test_messages_media_and_webhooks_pass_between_the_container_and_this_machine() -> None:
    with FlaresendContainer() as container, container.world() as flaresend:
        body = {"recipients": [ANN], "type": "text", "text": "hi"}
        requests.post(f"{flaresend.url}/send-message", json=body, headers=flaresend.headers, timeout=10)
        assert flaresend.expect_message(to=ANN).text == "hi"

        receiver = flaresend.webhook_receiver(secret="s3cret")
        flaresend.receive(ANN, media={"sample": "png"})
        (received,) = receiver.expect(1, within=30)
        link = received.event["data"]["message"]["imageMessage"]["url"]
        assert requests.get(link, timeout=10).status_code == 200
        assert link.startswith(f"{container.url}/v/")


def test_an_application_on_this_machine_gets_the_webhooks_of_every_world() -> None:
    with WebhookReceiver("0.0.0.0") as app:
        port = int(app.url.split(":")[2].split("/")[0])
        with FlaresendContainer().with_app_on_host(port) as container:
            with Flaresend(container.url, "YOUR_API_KEY") as default, container.world() as flaresend:
                for world in (default, flaresend):
                    world.receive(ANN, "hi")
                    world.expect_delivery(within=30)
            assert [one.text for one in app.events] == ["hi", "hi"]


def test_an_application_in_a_container_downloads_media_by_the_alias() -> None:
    """The application is the emulator's own image, which has Python."""
    with Network() as network:
        emulator = FlaresendContainer().with_network(network).with_network_aliases("flaresend")
        with emulator as container, container.world() as flaresend:
            link = flaresend.receive(ANN, media={"sample": "png"})["data"]["message"]["imageMessage"]["url"]
            assert link.startswith("http://flaresend:3577/v/")
            script = f"import urllib.request; print(len(urllib.request.urlopen({link!r}).read()))"
            app = DockerContainer(IMAGE).with_kwargs(entrypoint=["python"]).with_network(network)
            with app.with_command(["-c", script]):
                assert app.wait() == 0, app.get_logs()
                assert int(app.get_logs()[0]) > 100


def test_a_world_file_and_memory_limit_reach_the_container(tmp_path: Path) -> None:
    file = tmp_path / "mine.json"
    file.write_text(json.dumps({"version": 1, "instances": [{"number": "254708920430", "api_keys": ["MINE"]}]}))
    with FlaresendContainer(world=file, seed=7).with_kwargs(mem_limit="128m") as container:
        response = requests.get(f"{container.url}/groups", headers={"Authorization": "Bearer MINE"}, timeout=10)
    assert response.status_code == 200
