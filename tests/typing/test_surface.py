"""Whether the surface uses each public name, method, attribute and argument, and whether pyright accepts it."""

from __future__ import annotations

import ast
import inspect
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import is_dataclass
from pathlib import Path
from runpy import run_path
from textwrap import dedent
from types import ModuleType
from typing import Any, is_typeddict

import pytest

import flaresend_mock
from flaresend_mock import Settings, testing
from flaresend_mock.testing import container
from tests.support import REPOSITORY

SURFACE = Path(__file__).with_name("surface.py")
MADE_BY_USERS = {"FlaresendMock", "Settings", "Flaresend", "Server", "WebhookReceiver", "FlaresendContainer"}
INTERNAL = {"app", "authority", "others", "worlds"}  # of FlaresendMock, for the kit
HOMES = ((flaresend_mock, flaresend_mock.__all__), (testing, testing.__all__), (container, ["FlaresendContainer"]))
PUBLIC = {name: getattr(home, name) for home, names in HOMES for name in names}

Uses = dict[str, tuple[int, set[str]]]
"""The calls, such as Flaresend.receive: the most positional arguments, and the names of others. Reads have none."""


def used() -> Uses:
    """Return what the surface uses: names, and attributes of arguments by the class that they are annotated with."""
    found: Uses = {}
    for function in ast.parse(SURFACE.read_text(encoding="utf-8")).body:
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        classes = {one.arg: ast.unparse(one.annotation) for one in function.args.args if one.annotation}

        def name_of(node: ast.AST, classes: dict[str, str] = classes) -> str | None:
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                return f"{classes.get(node.value.id, node.value.id)}.{node.attr}".removeprefix("flaresend_mock.")
            return node.id if isinstance(node, ast.Name) else None

        for node in ast.walk(function):
            call = node if isinstance(node, ast.Call) else None
            name = name_of(call.func if call else node)
            if name is not None:
                most, names = found.get(name, (0, set()))
                given = {one.arg for one in call.keywords if one.arg} if call else set()
                found[name] = (max(most, len(call.args) if call else 0), names | given)
    return found


def arguments(function: Callable[..., Any]) -> list[str]:
    """Return the names of the arguments that a user gives; those of calls to be awaited are of the blocking ones."""
    if hasattr(function, "__wrapped__") and "aio" in function.__code__.co_filename:
        return []
    parameters = inspect.signature(function).parameters.values()
    return [
        one.name for one in parameters if one.name != "self" and one.kind not in (one.VAR_KEYWORD, one.VAR_POSITIONAL)
    ]


def attributes(of: type) -> list[str]:
    """Return the public attributes of a class, with those that its constructor sets."""
    made = inspect.getsource(of.__init__) if "__init__" in vars(of) and not is_dataclass(of) else ""
    stored = [one for one in ast.walk(ast.parse(dedent(made))) if isinstance(one, ast.Attribute)]
    own = [one.attr for one in stored if isinstance(one.ctx, ast.Store) and ast.unparse(one.value) == "self"]
    found = dict.fromkeys((*vars(of), *own, *vars(of).get("__annotations__", ())))
    return [one for one in found if not one.startswith("_") and one not in INTERNAL]


def declared(name: str, of: Any) -> dict[str, list[str]]:
    """Return what is public of a name, and the arguments of what is called."""
    if not inspect.isclass(of) or of is Settings or is_typeddict(of):
        return {name: arguments(of) if callable(of) and not is_typeddict(of) else []}
    found = {name: arguments(of.__init__)} if name in MADE_BY_USERS else {}
    for one in attributes(of):
        value = vars(of).get(one)
        found[f"{name}.{one}"] = arguments(value) if inspect.isfunction(value) else []
    return found


def test_it_uses_every_public_name_and_argument() -> None:
    uses, missing = used(), []
    for public, of in PUBLIC.items():
        for name, wanted in declared(public, of).items():
            most, names = uses.get(name, (-1, set()))
            missing += [name] if most < 0 else []
            missing += [f"{name}({one}=…)" for one in wanted[max(most, 0) :] if one not in names]

    assert not missing, f"{SURFACE.relative_to(REPOSITORY)} does not use {', '.join(missing)}"


@pytest.mark.parametrize("home", [flaresend_mock, testing])
def test_type_checkers_find_what_python_imports(home: ModuleType) -> None:
    stub = run_path(str(Path(home.__file__ or "").with_suffix(".pyi")))

    assert stub["__all__"] == home.__all__
    assert all(stub[name] is getattr(home, name) for name in home.__all__)


@pytest.mark.slow
def test_pyright_accepts_it() -> None:
    installed = Path(os.environ.get("NODE_FOLDER", "/nowhere"), "node_modules", ".bin")
    pyright = shutil.which("pyright", path=f"{installed}{os.pathsep}{os.environ['PATH']}")
    if pyright is None:
        pytest.skip("pyright is not installed")

    done = subprocess.run(
        [pyright, "--pythonpath", sys.executable, str(SURFACE)], capture_output=True, text=True, cwd=REPOSITORY
    )

    assert done.stdout.startswith("0 errors, 0 warnings"), done.stdout
