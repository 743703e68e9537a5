"""Clients that generators make from the OpenAPI document: they compile, send, upload, schedule and read refusals."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from flaresend_mock import FlaresendMock
from tests.generated import MODULES, PROGRAMS, bin_of, needs, needs_node, run, write_document

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

JAR = os.environ.get("OPENAPI_GENERATOR_JAR", "")
LIBRARIES = Path(os.environ.get("JAVA_LIBRARIES", "nowhere")).resolve()
GUZZLE = Path("/usr/share/php/GuzzleHttp/autoload.php")
VALIDATOR = "gopkg.in/validator.v2"
QUICK_JAVA = ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"]
STRICT_TSC = ["--strict", "--module", "esnext", "--moduleResolution", "bundler", "--target", "es2022"]
STRICT_JAVAC = ["-Xlint:all,-processing,-serial,-rawtypes,-cast", "-Werror"]
PRINTED = {
    "sent": "sent true 1",
    "uploaded": "uploaded 2",
    "scheduled": "scheduled SCHED-",
    "group": "group Again again",
    "refused": "refused 400 sendAt must be in the future",
    "received": "received the garden",
}
ALWAYS = "sent scheduled group refused"
MODELS_OF_FORMS = ("--global-property", "skipFormModel=false")


def generate(generator: str, folder: Path, *options: str, to: str = "client") -> None:
    needs("java")
    if not (JAR and Path(JAR).is_file()):
        pytest.skip("OPENAPI_GENERATOR_JAR names no file")
    run(["java", *QUICK_JAVA, "-jar", JAR, "generate", "-i", "api.json", "-g", generator, "-o", to, *options], folder)


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
    run([bin_of("tsc"), *STRICT_TSC, "--allowImportingTsExtensions", "--noEmit", "program.ts"], folder)
    options = ["--bundle", "--packages=external", "--platform=node", "--format=esm", "--outfile=out.mjs"]
    run([bin_of("esbuild"), "program.ts", *options], folder)
    return ["node", "out.mjs"]


def test_openapi_typescript_knows_the_control_plane(tmp_path: Path) -> None:
    needs_node("openapi-typescript", "typescript")
    write_document(tmp_path, "control")
    run([bin_of("openapi-typescript"), "api.json", "-o", "api.ts"], tmp_path)

    assert ": Record<string, never>" not in (tmp_path / "api.ts").read_text()
    run([bin_of("tsc"), *STRICT_TSC, "--noEmit", "api.ts"], tmp_path)


def test_openapi_typescript_with_openapi_fetch(tmp_path: Path) -> None:
    needs_node("openapi-typescript", "openapi-fetch", "typescript", "esbuild", "@types/node")
    write_document(tmp_path)
    run([bin_of("openapi-typescript"), "api.json", "-o", "api.ts"], tmp_path)
    assert ": Record<string, never>" not in (tmp_path / "api.ts").read_text()

    check(compiled(tmp_path, "fetch.ts"), tmp_path, "sent uploaded scheduled group refused received")


@pytest.mark.parametrize(
    ("program", "forms_only", "what"), [("typescript_fetch.ts", False, ALWAYS), ("upload_fetch.ts", True, "uploaded")]
)
def test_openapi_generator_typescript_fetch(program: str, forms_only: bool, what: str, tmp_path: Path) -> None:
    needs_node("typescript", "esbuild", "@types/node")
    write_document(tmp_path, forms_only=forms_only)
    generate("typescript-fetch", tmp_path, *MODELS_OF_FORMS)

    check(compiled(tmp_path, program), tmp_path, what)


@pytest.mark.parametrize(
    ("program", "forms_only", "what"), [("typescript_axios.ts", False, ALWAYS), ("upload_axios.ts", True, "uploaded")]
)
def test_openapi_generator_typescript_axios(program: str, forms_only: bool, what: str, tmp_path: Path) -> None:
    needs_node("axios", "typescript", "esbuild", "@types/node")
    write_document(tmp_path, forms_only=forms_only)
    generate("typescript-axios", tmp_path)

    check(compiled(tmp_path, program), tmp_path, what)


def test_hey_api(tmp_path: Path) -> None:
    needs_node("@hey-api/openapi-ts", "typescript", "esbuild", "@types/node")
    write_document(tmp_path)
    run([bin_of("openapi-ts"), "-i", "api.json", "-o", "client", "-c", "@hey-api/client-fetch"], tmp_path)

    check(compiled(tmp_path, "hey_api.ts"), tmp_path, "sent uploaded scheduled group refused received")


def test_orval(tmp_path: Path) -> None:
    needs_node("orval", "typescript", "esbuild", "@types/node")
    write_document(tmp_path)
    for name in ("orval.config.cjs", "orval_http.ts"):
        shutil.copy(PROGRAMS / name, tmp_path)
    run([bin_of("orval"), "--config", "orval.config.cjs"], tmp_path)

    check(compiled(tmp_path, "orval.ts"), tmp_path, "sent uploaded scheduled group refused received")


@pytest.mark.parametrize(
    ("program", "forms_only", "what"), [("generator.py", False, f"{ALWAYS} received"), ("upload.py", True, "uploaded")]
)
def test_openapi_generator_python(program: str, forms_only: bool, what: str, tmp_path: Path) -> None:
    for module in ("pydantic", "dateutil", "urllib3"):
        if find_spec(module) is None:
            pytest.skip(f"{module}, which the client needs, is not installed")
    write_document(tmp_path, webhooks=False, forms_only=forms_only)  # its webhooks would not be valid Python
    generate("python", tmp_path)

    command = [sys.executable, str(PROGRAMS / program)]
    check(command, tmp_path, what, PYTHONPATH=str(tmp_path / "client"))


def test_openapi_generator_php(tmp_path: Path) -> None:
    needs("php")
    if not GUZZLE.is_file():
        pytest.skip("Guzzle is not installed")
    write_document(tmp_path)
    generate("php", tmp_path)

    check(["php", str(PROGRAMS / "generator.php")], tmp_path, "sent uploaded scheduled group refused")


@pytest.mark.parametrize(
    ("program", "forms_only", "what"), [("Generator", False, f"{ALWAYS} received"), ("Upload", True, "uploaded")]
)
def test_openapi_generator_java(program: str, forms_only: bool, what: str, tmp_path: Path) -> None:
    needs("javac")
    if not [*LIBRARIES.glob("okhttp-*.jar")]:
        pytest.skip("okhttp is not in JAVA_LIBRARIES")
    write_document(tmp_path, forms_only=forms_only)
    generate("java", tmp_path, *MODELS_OF_FORMS)
    options = [*STRICT_JAVAC, "-d", "classes", "-cp", f"{LIBRARIES}/*", "-sourcepath", "client/src/main/java"]
    run(["javac", *[f"-J{one}" for one in QUICK_JAVA], *options, f"{PROGRAMS}/{program}.java"], tmp_path)

    check(["java", "-cp", f"classes{os.pathsep}{LIBRARIES}/*", program], tmp_path, what)


@pytest.mark.parametrize(
    ("program", "forms_only", "what"), [("generator.go", False, f"{ALWAYS} received"), ("upload.go", True, "uploaded")]
)
def test_openapi_generator_go(program: str, forms_only: bool, what: str, tmp_path: Path) -> None:
    needs("go")
    settings = {"GOFLAGS": "-mod=mod -buildvcs=false", "GOPROXY": "off", "GONOSUMDB": "*"}
    found = subprocess.run(
        ["go", "mod", "download", f"{VALIDATOR}@v2.0.1"], env={**os.environ, **settings}, cwd=tmp_path, check=False
    )
    if found.returncode:
        pytest.skip(f"{VALIDATOR} is not in Go's module cache")
    write_document(tmp_path, forms_only=forms_only)
    generate("go", tmp_path, "--global-property", "apiTests=false")
    for name in ("go.mod", "go.sum"):
        (tmp_path / "client" / name).unlink()  # it becomes a package of this module
    (tmp_path / "go.mod").write_text(f"module example\n\ngo 1.23\n\nrequire {VALIDATOR} v2.0.1\n")
    shutil.copy(PROGRAMS / program, tmp_path)
    run(["go", "vet", "./..."], tmp_path, **settings)
    run(["go", "build", "-o", "program", "."], tmp_path, **settings)

    check(["./program"], tmp_path, what)


def test_openapi_python_client(tmp_path: Path) -> None:
    write_document(tmp_path)
    command = [sys.executable, "-m", "openapi_python_client", "generate", "--path", "api.json"]
    run([*command, "--output-path", "client"], tmp_path)

    command = [sys.executable, str(PROGRAMS / "python_client.py")]
    check(command, tmp_path, "sent uploaded scheduled group refused", PYTHONPATH=str(tmp_path / "client"))


def test_datamodel_code_generator(tmp_path: Path) -> None:
    if find_spec("datamodel_code_generator") is None:
        pytest.skip("datamodel-code-generator is not installed")
    write_document(tmp_path)
    command = [sys.executable, "-m", "datamodel_code_generator", "--input", "api.json", "--output", "api.py"]
    run([*command, "--input-file-type", "openapi", "--output-model-type", "pydantic_v2.BaseModel"], tmp_path)

    command = [sys.executable, str(PROGRAMS / "models.py")]
    check(command, tmp_path, "sent uploaded scheduled received", PYTHONPATH=str(tmp_path))
