"""The action that starts the emulator in a job, and what a release is made by."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from flaresend_mock.version import __version__
from tests.support import REPOSITORY

ACTION = REPOSITORY / ".github" / "actions" / "flaresend-mock"
BASH = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c"]  # as a runner of GitHub starts it
TOOLS = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
CLEAN = {name: value for name, value in os.environ.items() if not name.startswith(("FLARESEND", "GIT_"))}

Act = Callable[..., dict[str, str]]


@pytest.fixture
def act(tmp_path: Path) -> Iterator[Act]:
    """Run steps of the action with these inputs, and return its outputs; AssertionError shows a failed step."""
    action = yaml.safe_load((ACTION / "action.yml").read_text(encoding="utf-8"))
    defaults = {name: one["default"] for name, one in action["inputs"].items()}
    groups: list[int] = []

    def run(*steps: int, **inputs: str) -> dict[str, str]:
        values = {f"inputs.{name}": value for name, value in {**defaults, **inputs}.items()}
        values |= {"github.action_path": str(ACTION), "github.server_url": "", "github.repository": ""}
        values["github.action_repository || github.repository"] = ""
        outputs = tmp_path / "outputs"
        outputs.write_text("")
        runner = {"RUNNER_TEMP": str(tmp_path), "GITHUB_OUTPUT": str(outputs), "PATH": TOOLS}
        for number in steps:
            step = action["runs"]["steps"][number]
            given = {
                name: re.sub(r"\$\{\{ (.+?) }}", lambda found: values[found[1]], v) for name, v in step["env"].items()
            }
            with (tmp_path / "said").open("w+") as said:
                process = subprocess.Popen(
                    [*BASH, step["run"]],
                    env={**CLEAN, **runner, **given},
                    stdout=said,
                    stderr=said,
                    start_new_session=True,
                )
                groups.append(process.pid)
                assert process.wait(200) == 0, (tmp_path / "said").read_text()
        found = dict(line.split("=", 1) for line in outputs.read_text().splitlines())
        assert {f"${{{{ steps.start.outputs.{name} }}}}" for name in found} == {
            one["value"] for one in action["outputs"].values()
        }
        return found

    yield run
    for group in groups:
        try:
            os.killpg(group, signal.SIGTERM)
        except ProcessLookupError:
            continue


@pytest.mark.slow
def test_the_action_starts_the_emulator_with_its_inputs(act: Act, tmp_path: Path) -> None:
    world = tmp_path / "a world.json"
    world.write_text(json.dumps({"version": 1, "instances": [{"number": "254708920430", "api_keys": ["MINE"]}]}))

    found = act(1, port="0", world=str(world), options="--control-token 'a\"b' --seed 7 --log-format json")

    assert found["api-key"] == "MINE"
    groups = requests.get(f"{found['url']}/groups", headers={"Authorization": "Bearer MINE"}, timeout=10)
    control = requests.get(f"{found['url']}/_mock/world", headers={"X-Control-Token": 'a"b'}, timeout=10).json()
    assert (groups.status_code, control["seed"]) == (200, 7)
    assert "GET /groups" in Path(found["log"]).read_text()


@pytest.mark.slow
def test_an_emulator_that_does_not_start_fails_the_job_with_its_message(act: Act) -> None:
    with pytest.raises(AssertionError, match=r"(?s)::error::flaresend-mock did not start.*nowhere\.json"):
        act(1, port="0", world="nowhere.json")


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_action_installs_the_emulator_from_its_own_checkout(act: Act, tmp_path: Path) -> None:
    assert act(0, 1, port="0")["api-key"] == "YOUR_API_KEY"
    assert (tmp_path / "flaresend-mock" / "bin" / "flaresend-mock").exists()


@pytest.fixture
def checkout(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """Return a repository in which everything is ready for a release; what slow tests alone need is in no other."""
    folder = tmp_path / "checkout"
    left_out = [".git", ".*_cache", "__pycache__", "dist", ".venv"]
    if request.node.get_closest_marker("slow") is None:
        left_out += ["docs", "tests", "fixtures", "assets"]
    shutil.copytree(REPOSITORY, folder, ignore=shutil.ignore_patterns(*left_out))
    change(folder / "CHANGELOG.md", r"(?ms)^## Unreleased\n.*?(?=^## )", "")
    git(folder, "init", "-q")
    commit(folder)
    return folder


def change(file: Path, pattern: str, new: str) -> None:
    file.write_text(re.sub(pattern, new, file.read_text(encoding="utf-8")), encoding="utf-8")


def git(folder: Path, *arguments: str) -> None:
    known = ["-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *known, *arguments], cwd=folder, check=True, env=CLEAN)


def commit(folder: Path) -> None:
    git(folder, "add", "--all")
    git(folder, "commit", "-q", "--allow-empty", "-m", "release")


def release(folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    here: dict[str, Any] = {**CLEAN, "PATH": TOOLS, "DOCKER_HOST": "unix:///nowhere", "CHECK": "echo checked"}
    done = [str(folder / ".ci" / "release")]
    return subprocess.run(done, env={**here, **variables}, capture_output=True, text=True)


@pytest.mark.parametrize(
    ("file", "pattern", "new", "variables", "said"),
    [
        (
            "flaresend_mock/version.py",
            r'"[\d.]+"',
            '"9.9.9"',
            {},
            f"the version is 9.9.9, and the newest .* is {__version__}",
        ),
        ("CHANGELOG.md", r"(?m)^## \d.*$", "## Unreleased\n\n- more\n\n\\g<0>", {}, "has changes under Unreleased"),
        ("CHANGELOG.md", r"(?m)^(## \d\S*) - .*$", "\\1", {}, "with a date is none"),
        ("README.md", "$", "\n", {"TAG": "v0.0.1"}, f"the tag v0.0.1 is not v{__version__}"),
    ],
)
def test_a_release_that_does_not_fit_together_is_refused(
    checkout: Path, file: str, pattern: str, new: str, variables: dict[str, str], said: str
) -> None:
    change(checkout / file, pattern, new)
    assert "the tree has changes" in release(checkout).stderr
    commit(checkout)

    done = release(checkout, **variables)

    assert done.returncode == 1
    assert re.search(said, done.stderr)
    assert "checked" not in done.stdout


def test_the_tag_of_another_commit_is_refused(checkout: Path) -> None:
    git(checkout, "tag", f"v{__version__}")
    commit(checkout)
    assert "is the tag of another commit" in release(checkout).stderr


def test_nothing_is_made_if_the_checks_fail(checkout: Path) -> None:
    assert release(checkout, CHECK="false").returncode == 1
    assert not (checkout / "dist").exists()


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_release_has_packages_an_sbom_and_checksums(checkout: Path) -> None:
    done = release(checkout, TAG=f"v{__version__}")
    assert done.returncode == 0, done.stdout + done.stderr

    base = f"flaresend_mock-{__version__}"
    made = {f"{base}-py3-none-any.whl", f"{base}.tar.gz", f"{base}.cdx.json"}
    assert {one.name for one in (checkout / "dist").iterdir()} == made | {"SHA256SUMS"}
    subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=checkout / "dist", check=True)
    sbom = json.loads((checkout / "dist" / f"{base}.cdx.json").read_text(encoding="utf-8"))
    assert {"flask", "httptools"} < {one["name"].lower() for one in sbom["components"]}
    assert not {"pip", "pytest", "twine"} & {one["name"] for one in sbom["components"]}
    about = sbom["metadata"]["component"]
    assert (about["name"], about["version"]) == ("flaresend-mock", __version__)
