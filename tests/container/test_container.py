"""The image, built and used as its users do. check.sh has the checks; each is a test here."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from flaresend_mock.version import __version__
from tests.support import REPOSITORY

SCRIPT = Path(__file__).with_name("check.sh")
CHECKS = re.findall(r"^check_(\w+)\(\) \{$", SCRIPT.read_text(encoding="utf-8"), re.MULTILINE)
IMPOSSIBLE = 77


@pytest.fixture(scope="module")
def printed() -> str:
    """What the checks print; they all run at once, for the image is built once."""
    if sys.platform != "linux":
        pytest.skip("containers need Linux")
    sudo = [] if os.geteuid() == 0 else ["sudo", "-n", f"PATH={os.environ['PATH']}"]
    if sudo and (shutil.which("sudo") is None or subprocess.run([*sudo, "true"], capture_output=True).returncode):
        pytest.skip("it needs root")
    command = [*sudo, "bash", str(SCRIPT), str(REPOSITORY)]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    print(done.stdout)
    if done.returncode == IMPOSSIBLE:
        pytest.skip(done.stdout.splitlines()[-1])
    return done.stdout


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", CHECKS)
def test_the_image(name: str, printed: str) -> None:
    of_this = re.search(rf"(?:^(?!ok |failed |== ).*\n)*^(ok|failed) {name} ", printed, re.MULTILINE)

    assert of_this, f"it was not checked:\n{printed[-2000:]}"
    assert of_this[1] == "ok", of_this[0]


@pytest.mark.parametrize(
    "command",
    [
        ["hadolint", "Dockerfile", "docs/examples/compose/app/Dockerfile"],
        ["shellcheck", "tests/container/check.sh", ".ci/run", ".ci/lint"],
    ],
    ids=lambda command: command[0],
)
def test_its_files_are_clean(command: list[str]) -> None:
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed")

    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True)

    assert (done.returncode, done.stdout) == (0, "")


def test_the_image_is_labelled_with_the_version_of_the_package() -> None:
    assert f"ARG VERSION={__version__}\n" in (REPOSITORY / "Dockerfile").read_text(encoding="utf-8")
