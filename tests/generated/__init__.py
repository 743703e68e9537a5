"""Programs that read the OpenAPI documents: generators of clients, linters, Postman and Prism.

They are where `.ci/run` puts them: Node's in NODE_FOLDER, openapi-generator as OPENAPI_GENERATOR_JAR, and what its
Java client needs in JAVA_LIBRARIES. A test whose program is missing is skipped, and says which.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from flaresend_mock.app import document

PROGRAMS = Path(__file__).parent / "programs"
MODULES = Path(os.environ.get("NODE_FOLDER", "")).resolve() / "node_modules"


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


def write_document(folder: Path, name: str = "api", *, webhooks: bool = True, forms_only: bool = False) -> None:
    whole = json.loads(json.dumps(document(name, "http://127.0.0.1:3577")))
    if not webhooks:
        del whole["webhooks"]
    if forms_only:
        del whole["paths"]["/send-message"]["post"]["requestBody"]["content"]["application/json"]
    (folder / "api.json").write_text(json.dumps(whole))


def needs(*programs: str) -> None:
    missing = [one for one in programs if not shutil.which(one)]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")


def needs_node(*packages: str) -> None:
    needs("node")
    missing = [one for one in packages if not (MODULES / one).is_dir()]
    if missing:
        pytest.skip(f"not in the node_modules of NODE_FOLDER: {', '.join(missing)}")


def bin_of(package: str) -> str:
    return str(MODULES / ".bin" / package)
