"""flaresend-mock completion: shells complete commands, options, kinds, and what a running emulator has."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from flaresend_mock import FlaresendMock
from tests.live.commands import CLEAN, at, run

pytestmark = pytest.mark.slow


def complete(folder: Path, *words: str, **variables: str) -> list[str]:
    """Return what bash offers for the last of these words."""
    program = folder / "flaresend-mock"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m flaresend_mock "$@"\n')
    program.chmod(0o755)
    script = """
    eval "$(flaresend-mock completion bash)"
    COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
    _flaresend_mock_completion flaresend-mock
    printf '%s\\n' "${COMPREPLY[@]}"
    """
    path = f"{folder}{os.pathsep}{os.environ['PATH']}"
    command = ["bash", "-c", script, "bash", "flaresend-mock", *words]
    done = subprocess.run(
        command, env={**CLEAN, **variables, "PATH": path}, capture_output=True, text=True, cwd=folder, timeout=60
    )
    assert done.stderr == ""
    return done.stdout.split()


def test_bash_completes_commands_options_and_kinds(tmp_path: Path) -> None:
    assert complete(tmp_path, "mess") == ["messages"]
    assert complete(tmp_path, "world", "ex") == ["export"]
    assert complete(tmp_path, "messages", "--fo") == ["--follow"]
    assert complete(tmp_path, "receive", "--type", "poll") == ["poll", "poll_vote"]
    assert complete(tmp_path, "completion", "") == ["bash", "zsh", "fish"]


def test_bash_completes_worlds_instances_and_faults_of_a_running_emulator(
    tmp_path: Path, flaresend: FlaresendMock
) -> None:
    for name in ("shop-1", "shop-2"):
        at(flaresend, "world", "create", name)
    at(flaresend, "fault", "add", "down", "--world", "shop-1")
    (instance, *_) = at(flaresend, "instance", "list", "--world", "shop-1").lines[0].split()
    where = {"FLARESEND_MOCK_URL": flaresend.url}

    assert complete(tmp_path, "messages", "--world", "sh", **where) == ["shop-1", "shop-2"]
    assert complete(tmp_path, "world", "delete", "d", **where) == ["default"]
    assert complete(tmp_path, "fault", "clear", "--world", "shop-1", "--url", flaresend.url, "") == ["fault-1"]
    assert complete(tmp_path, "qr", "--world", "shop-1", instance[:4], **where) == [instance]
    nowhere = {"FLARESEND_MOCK_URL": "http://127.0.0.1:1"}
    assert complete(tmp_path, "messages", "--world", "sh", **nowhere) == []


@pytest.mark.parametrize(
    "hostile", ["$(touch x)", "`touch x`", "a;touch x", "a b", "a\nfile,x", "a,b", "'a", "\x1b[2J"]
)
def test_names_that_a_shell_would_obey_are_not_offered(hostile: str, tmp_path: Path, flaresend: FlaresendMock) -> None:
    world = flaresend.worlds.default()
    first = world.instances.first()
    world.state.instances[hostile] = replace(first, id=hostile, number="254700111222", api_keys=())

    assert complete(tmp_path, "qr", "--url", flaresend.url, "") == [first.id]


def test_there_is_a_script_for_each_shell() -> None:
    assert "#compdef flaresend-mock" in run("completion", "zsh").out
    assert "complete --no-files --command flaresend-mock" in run("completion", "fish").out
    run("completion", "tcsh").failed("'tcsh' is not one of 'bash', 'zsh', 'fish'", 2)
