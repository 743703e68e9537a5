"""The helper for tests in Node: its functions, its types, and the end of the emulator that it starts."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from flaresend_mock import FlaresendMock
from flaresend_mock.control import resources
from flaresend_mock.http.resources import Resource, instance
from tests.live.commands import CLEAN, run

needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="Node is not installed")

SUITE = Path(__file__).parent / "node"
TYPESCRIPT = Path(os.environ.get("NODE_FOLDER", "")).resolve() / "node_modules"
SCRIPTS = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
START = """
import { start, world } from "./flaresend.mjs";
const one = await world("of a program");
console.log((await start()).url);
"""
MEMBERS = """
import { Flaresend } from "./flaresend.mjs";
const one = new Flaresend();
const names = [...Object.keys(one), ...Object.getOwnPropertyNames(Flaresend.prototype)];
console.log(names.filter((name) => name !== "constructor").join(" "));
console.log(Object.keys(one.clock).join(" "));
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the helper as it is printed."""
    for name, file in (("node", "flaresend.mjs"), ("node-cjs", "flaresend.cjs"), ("node-types", "flaresend.d.mts")):
        (tmp_path / file).write_text(run("helper", name).out, encoding="utf-8")
    return tmp_path


def node(folder: Path, *arguments: str, **variables: str) -> str:
    done = subprocess.run(
        ["node", *arguments],
        cwd=folder,
        env={**CLEAN, "PATH": SCRIPTS, **variables},
        capture_output=True,
        text=True,
        timeout=50,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
@needs_node
def test_its_functions_do_what_the_types_say_and_leave_no_world(folder: Path) -> None:
    shutil.copy(SUITE / "helper.test.mjs", folder)

    with FlaresendMock(control_token="open-sesame") as emulator:
        variables = {"FLARESEND_MOCK_URL": f"{emulator.url}/", "FLARESEND_MOCK_CONTROL_TOKEN": "open-sesame"}
        node(folder, "--test", "helper.test.mjs", **variables)
        variables["FLARESEND_MOCK_URL"] = emulator.url.removeprefix("http://")
        node(folder, "--input-type=module", "--eval", f"{START} await one.close()", **variables)
        left = [world.name for world in emulator.worlds.all()]

    assert left == ["default"]


@pytest.mark.slow
@needs_node
def test_it_reaches_an_emulator_by_https(folder: Path) -> None:
    with FlaresendMock(tls_ca=str(folder / "ca.pem")) as emulator:
        url = emulator.url.replace("http://", "https://")
        variables = {"FLARESEND_MOCK_URL": f" {url} ", "NODE_EXTRA_CA_CERTS": str(folder / "ca-certificate.pem")}
        said = node(folder, "--input-type=module", "--eval", f"{START} await one.close()", **variables)
        left = [world.name for world in emulator.worlds.all()]

    assert said == f"{url}\n"
    assert left == ["default"]


def test_it_has_at_most_250_lines_and_no_dependencies(folder: Path) -> None:
    source = (folder / "flaresend.mjs").read_text(encoding="utf-8")

    assert len(source.splitlines()) <= 250
    assert max(map(len, source.splitlines())) <= 120
    assert all(name.startswith("node:") for name in re.findall(r'^import .* from "(.+)"', source, re.MULTILINE))


@pytest.mark.slow
@needs_node
def test_it_is_required_as_commonjs(folder: Path) -> None:
    program = 'const { perTest, world } = require("./flaresend.cjs"); console.log(typeof perTest, typeof world)'

    assert node(folder, "-e", program).split() == ["function", "function"]


@pytest.mark.slow
@needs_node
@pytest.mark.parametrize("how", ["it ends", "it is killed"])
def test_the_emulator_ends_with_the_process_that_started_it(folder: Path, how: str) -> None:
    told = "process.stdin.once('data', () => process.stdin.unref());"  # nothing else keeps it then
    (folder / "program.mjs").write_text(f"{told}{START}")
    process = subprocess.Popen(
        ["node", "program.mjs"],
        cwd=folder,
        env={**CLEAN, "PATH": SCRIPTS},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin
    assert process.stdout
    try:
        url = urlsplit(process.stdout.readline())
        with socket.create_connection((url.hostname, url.port), timeout=20) as connection:
            if how == "it is killed":
                process.send_signal(signal.SIGKILL)
            else:
                process.stdin.write("end\n")
                process.stdin.flush()
            assert connection.recv(1) == b""  # the emulator closes it when it stops
    finally:
        process.kill()
        process.communicate()


@pytest.mark.slow
@needs_node
def test_it_says_how_to_get_an_emulator_where_none_can_be_started(folder: Path) -> None:
    (folder / "program.mjs").write_text(START)

    for variables, expected in (
        ({"PATH": ""}, "Cannot start flaresend-mock: spawn flaresend-mock ENOENT; `pip install flaresend-mock`"),
        ({"FLARESEND_MOCK_URL": "http://127.0.0.1:9"}, "Cannot reach an emulator at http://127.0.0.1:9: "),
        ({"FLARESEND_MOCK_HISTORY": "none"}, "flaresend-mock ended with status 2: flaresend-mock: FLARESEND_MOCK_HIS"),
    ):
        done = subprocess.run(
            [shutil.which("node") or "", "program.mjs"],
            cwd=folder,
            env={**CLEAN, "PATH": SCRIPTS, **variables},
            capture_output=True,
            text=True,
            timeout=50,
        )
        assert done.returncode == 1
        assert expected in done.stderr


@pytest.mark.parametrize(
    ("name", "of"), [("Message", resources.Message), ("Request", resources.Request), ("Delivery", resources.Delivery)]
)
def test_the_types_have_the_fields_of_the_resources(folder: Path, name: str, of: type[Resource]) -> None:
    types = (folder / "flaresend.d.mts").read_text(encoding="utf-8")
    known = {one.data_key or key: one.only_match for key, one in instance(of).fields.items()}

    assert fields_of(types, name) == {field for field, only_match in known.items() if not only_match}
    union = re.search(rf"^export type {name}Field =(.*?);", types, re.MULTILINE | re.DOTALL)
    assert union
    assert set(re.findall(r'"(\w+)"', union[1])) == set(known)


@pytest.mark.parametrize(("name", "of"), [("Attempt", resources.Attempt), ("Scheduled", resources.ScheduledMessage)])
def test_the_other_types_have_the_fields_of_the_resources(folder: Path, name: str, of: type[Resource]) -> None:
    types = (folder / "flaresend.d.mts").read_text(encoding="utf-8")

    assert fields_of(types, name) == {one.data_key or key for key, one in instance(of).fields.items()}


def fields_of(types: str, name: str) -> set[str]:
    """Return the names of the members of an interface or a class."""
    found = re.search(rf"^export (?:interface|class) {name}\b[^\n]*{{\n(.*?)^}}", types, re.MULTILINE | re.DOTALL)
    assert found
    return set(re.findall(r"^  (\w+)[?]?[(:<]", found[1], re.MULTILINE))


@pytest.mark.slow
@needs_node
def test_the_types_name_each_member(folder: Path) -> None:
    (folder / "members.mjs").write_text(MEMBERS)
    types = (folder / "flaresend.d.mts").read_text(encoding="utf-8")
    members, clock = node(folder, "members.mjs").splitlines()

    assert fields_of(types, "Flaresend") == set(members.split())
    inner = re.search(r"^  clock: {\n(.*?)^  };", types, re.MULTILINE | re.DOTALL)
    assert inner
    assert set(re.findall(r"^    (\w+)\(", inner[1], re.MULTILINE)) == set(clock.split())


@pytest.mark.slow
@needs_node
@pytest.mark.skipif(not (TYPESCRIPT / "typescript").is_dir(), reason="not in the node_modules of NODE_FOLDER")
def test_a_strict_user_compiles_and_mistakes_do_not(folder: Path) -> None:
    shutil.copy(SUITE / "user.mts", folder)
    (folder / "node_modules").symlink_to(TYPESCRIPT)
    options = [
        "--strict",
        "--noEmit",
        "--module",
        "nodenext",
        "--target",
        "es2022",
        "--lib",
        "es2022,esnext.disposable",
    ]

    node(folder, str(TYPESCRIPT / "typescript" / "bin" / "tsc"), *options, "--types", "node", "user.mts")
