"""Clients that generators make from the OpenAPI document: they compile, send, upload, schedule and read refusals.

Generators are where `.ci/run` puts them: Node's in NODE_FOLDER, openapi-generator as OPENAPI_GENERATOR_JAR. A test
whose generator is missing is skipped, and says which.
"""

from __future__ import annotations

import copy
import json
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from flaresend_mock import FlaresendMock
from flaresend_mock.app import document

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

PROGRAMS = Path(__file__).parent / "programs"
MODULES = Path(os.environ.get("NODE_FOLDER", "")).resolve() / "node_modules"
JAR = os.environ.get("OPENAPI_GENERATOR_JAR", "")
GUZZLE = Path("/usr/share/php/GuzzleHttp/autoload.php")
STRICT = ["--strict", "--module", "esnext", "--moduleResolution", "bundler", "--target", "es2022"]
PRINTED = {
    "sent": "sent true 1",
    "uploaded": "uploaded 1",
    "scheduled": "scheduled SCHED-",
    "group": "group Again again",
    "refused": "refused 400 sendAt must be in the future",
    "received": "received the garden",
}
ALWAYS = "sent scheduled group refused"


def run(command: list[str], folder: Path, **environment: str) -> str:
    scripts = Path(sys.executable).parent
    path = f"{scripts}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "PATH": path, **environment},
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def written(folder: Path, *, webhooks: bool = True, forms_only: bool = False) -> None:
    whole = document("api", "http://127.0.0.1:3577")
    if not webhooks:
        del whole["webhooks"]
    if forms_only:
        whole = copy.deepcopy(whole)
        del whole["paths"]["/send-message"]["post"]["requestBody"]["content"]["application/json"]
    (folder / "api.json").write_text(json.dumps(whole))


def needs_node(*packages: str) -> None:
    missing = [one for one in packages if not (MODULES / one).is_dir()]
    if missing or not shutil.which("node"):
        pytest.skip(f"not in the node_modules of NODE_FOLDER: {', '.join(missing) or 'node itself'}")


def bin_of(package: str) -> str:
    return str(MODULES / ".bin" / package)


def generate(generator: str, folder: Path, *options: str) -> None:
    if not (JAR and Path(JAR).is_file() and shutil.which("java")):
        pytest.skip("OPENAPI_GENERATOR_JAR names no file, or there is no java")
    run(["java", "-jar", JAR, "generate", "-i", "api.json", "-g", generator, "-o", "client", *options], folder)


def check(command: list[str], folder: Path, what: str, **environment: str) -> None:
    """Run a program against an emulator; it must print what the words tell, in their order."""
    with FlaresendMock(strict=True) as running:
        printed = run([*command, running.url], folder, **environment)
    assert printed.splitlines() == [PRINTED[word] for word in what.split()]


def compiled(folder: Path, program: str) -> list[str]:
    """Compile a program and its client strictly, and return the command that runs it."""
    shutil.copy(PROGRAMS / program, folder / "program.ts")
    (folder / "node_modules").symlink_to(MODULES)
    (folder / "package.json").write_text('{"type": "module"}')
    run([bin_of("tsc"), *STRICT, "--allowImportingTsExtensions", "--noEmit", "program.ts"], folder)
    run(
        [
            bin_of("esbuild"),
            "program.ts",
            "--bundle",
            "--packages=external",
            "--platform=node",
            "--format=esm",
            "--outfile=out.mjs",
        ],
        folder,
    )
    return ["node", "out.mjs"]


def test_openapi_typescript_with_openapi_fetch(tmp_path: Path) -> None:
    needs_node("openapi-typescript", "openapi-fetch", "typescript", "esbuild", "@types/node")
    written(tmp_path)
    run([bin_of("openapi-typescript"), "api.json", "-o", "api.ts"], tmp_path)
    assert ": Record<string, never>" not in (tmp_path / "api.ts").read_text()

    check(compiled(tmp_path, "fetch.ts"), tmp_path, "sent uploaded scheduled group refused received")


def test_openapi_generator_typescript_fetch(tmp_path: Path) -> None:
    needs_node("typescript", "esbuild", "@types/node")
    written(tmp_path)
    generate("typescript-fetch", tmp_path, "--global-property", "skipFormModel=false")

    check(compiled(tmp_path, "typescript_fetch.ts"), tmp_path, ALWAYS)


def test_openapi_generator_typescript_axios(tmp_path: Path) -> None:
    needs_node("axios", "typescript", "esbuild", "@types/node")
    written(tmp_path)
    generate("typescript-axios", tmp_path)

    check(compiled(tmp_path, "typescript_axios.ts"), tmp_path, ALWAYS)


def test_hey_api(tmp_path: Path) -> None:
    needs_node("@hey-api/openapi-ts", "typescript", "esbuild", "@types/node")
    written(tmp_path)
    run([bin_of("openapi-ts"), "-i", "api.json", "-o", "client", "-c", "@hey-api/client-fetch"], tmp_path)

    check(compiled(tmp_path, "hey_api.ts"), tmp_path, f"{ALWAYS} received")


@pytest.mark.parametrize(
    ("program", "forms_only", "what"), [("generator.py", False, f"{ALWAYS} received"), ("upload.py", True, "uploaded")]
)
def test_openapi_generator_python(program: str, forms_only: bool, what: str, tmp_path: Path) -> None:
    for module in ("pydantic", "dateutil", "urllib3"):
        if find_spec(module) is None:
            pytest.skip(f"{module}, which the client needs, is not installed")
    written(tmp_path, webhooks=False, forms_only=forms_only)  # its webhooks would not be valid Python
    generate("python", tmp_path)

    command = [sys.executable, str(PROGRAMS / program)]
    check(command, tmp_path, what, PYTHONPATH=str(tmp_path / "client"))


def test_openapi_generator_php(tmp_path: Path) -> None:
    if not (GUZZLE.is_file() and shutil.which("php")):
        pytest.skip("php or Guzzle is not installed")
    written(tmp_path)
    generate("php", tmp_path)

    check(["php", str(PROGRAMS / "generator.php")], tmp_path, ALWAYS)


def test_openapi_python_client(tmp_path: Path) -> None:
    written(tmp_path)
    command = [sys.executable, "-m", "openapi_python_client", "generate", "--path", "api.json"]
    run([*command, "--output-path", "client"], tmp_path)

    command = [sys.executable, str(PROGRAMS / "python_client.py")]
    check(command, tmp_path, "sent uploaded scheduled group refused", PYTHONPATH=str(tmp_path / "client"))


def test_datamodel_code_generator(tmp_path: Path) -> None:
    if find_spec("datamodel_code_generator") is None:
        pytest.skip("datamodel-code-generator is not installed")
    written(tmp_path)
    command = [sys.executable, "-m", "datamodel_code_generator", "--input", "api.json", "--output", "api.py"]
    run([*command, "--input-file-type", "openapi", "--output-model-type", "pydantic_v2.BaseModel"], tmp_path)

    command = [sys.executable, str(PROGRAMS / "models.py")]
    check(command, tmp_path, "sent uploaded scheduled received", PYTHONPATH=str(tmp_path))


EXPLAINED = {"api": {"no-ambiguous-paths": 3, "operation-2xx-response": 1}, "control": {}}
"""Warnings of redocly about what Flaresend documents so; docs/openapi.md explains them."""


@pytest.mark.parametrize("name", EXPLAINED)
def test_redocly(name: str, tmp_path: Path) -> None:
    needs_node("@redocly/cli")
    (tmp_path / "api.json").write_text(json.dumps(document(name, "http://127.0.0.1:3577")))

    found = json.loads(run([bin_of("redocly"), "lint", "api.json", "--format=json"], tmp_path))

    rules = [problem["ruleId"] for problem in found["problems"]]
    assert {rule: rules.count(rule) for rule in rules} == EXPLAINED[name], found["problems"]


@pytest.mark.parametrize(
    ("name", "explained"), [("api", {"info-contact", "operation-success-response"}), ("control", {"info-contact"})]
)
def test_spectral(name: str, explained: set[str], tmp_path: Path) -> None:
    needs_node("@stoplight/spectral-cli")
    (tmp_path / "api.json").write_text(json.dumps(document(name, "http://127.0.0.1:3577")))
    (tmp_path / ".spectral.yaml").write_text('extends: ["spectral:oas"]\n')

    printed = run([bin_of("spectral"), "lint", "api.json", "--format=json", "--quiet"], tmp_path)

    assert {problem["code"] for problem in json.loads(printed)} == explained
