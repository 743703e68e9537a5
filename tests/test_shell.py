"""Texts of others in commands: each shell takes them for texts, also where a command is pasted."""

from __future__ import annotations

import os
import random
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from flaresend_mock.shell import LONGEST_LINE, quoted, typed

SHELLS = ("sh", "dash", "bash", "zsh", "fish")
INTERACTIVE = (["dash", "-i"], ["bash", "--norc", "--noprofile", "-i"], ["zsh", "-fi"])
SECONDS = 30
PROMPT = "<next line>"
OBEYED = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
WORD = re.compile(r"""(?:'(?:[^'\\!^]|\\["/bfnrtu])*'|\\['!^]|\\\\""|\\\n|[\w@%+=:,./-]+)+""")
PRINTF = re.compile(r"printf '(?:[ -&(-\[\]-~]|\\[0-7]{3}|'\\\n')*' \| sh")
TEXTS = [
    "plain",
    "",
    "=ls",
    'it\'s \\n and \\\\n, "$HOME" `id` $(id) $$ (id) ~ * {a,b}',
    "Hi \\'\";touch owned;#",  # fish takes \' in quotes for a quote
    "ends with \\",
    "it's !# !! and \\'!# \\\\!#",
    "lines\n!#\n^a^b\n'\n",
    "Hi '/etc/hostn\t;touch owned;#",
    "\x03\x1b[201~\x15\x7f\x9b\r'\\ \u202e\u2066",
    "-n %d%% \t1\x011",
    "é😀" * 300,
    "long ' \\ " * 500,
    "\t'" * 500,
    "n" * 5000 + "\n!#",
]
TYPED = [
    "Hi '/etc/hostn\t;touch owned;#",
    "\x03touch owned\r",
    "\x1b[201~\x15touch owned\r",
    "\\'!#' ;touch owned;#",
    "it's !# ;touch owned;#",
    "a\n!#\n' ;touch owned;#",
    "long " * 1000,
]


def script(text: str) -> str:
    """Return a command that writes a text, and another one that an author wrote, into a file."""
    return typed(f"/usr/bin/printf '%s|%s' \\\n  {quoted(text)} \\\n  {quoted(' ;touch owned;#')} >written")


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("text", TEXTS)
def test_a_text_is_one_word_in_each_shell(shell: str, text: str, tmp_path: Path) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    (tmp_path / "script").write_text(script(text) + "\n", "utf-8")

    subprocess.run([shell, "script"], cwd=tmp_path, timeout=SECONDS, check=True)

    assert (tmp_path / "written").read_bytes().decode() == f"{text}| ;touch owned;#"


@pytest.mark.parametrize("text", TEXTS)
def test_no_character_of_a_text_ends_a_quote_or_a_line(text: str) -> None:
    command = script(text)

    assert WORD.fullmatch(quoted(text))
    assert PRINTF.fullmatch(command) if OBEYED.search(text) else "printf '%s|%s'" in command
    assert OBEYED.search(command) is None
    assert all(len(line.encode()) < LONGEST_LINE + 100 for line in command.split("\n"))


def test_a_text_of_any_characters_is_one_word(tmp_path: Path) -> None:
    letters = random.Random(5)
    texts = ["".join(letters.choices("\\\\''\"!^$\n\tbnu é;#-", k=40)) for _ in range(200)]
    words = " ".join(map(quoted, texts))
    (tmp_path / "script").write_text(f"/usr/bin/printf '%s\\0' {words} >written", "utf-8")

    subprocess.run(["sh", "script"], cwd=tmp_path, timeout=SECONDS, check=True)

    assert (tmp_path / "written").read_bytes().decode() == "".join(f"{text}\0" for text in texts)
    assert all(WORD.fullmatch(quoted(text)) for text in texts)


@pytest.mark.parametrize("shell", INTERACTIVE, ids=" ".join)
@pytest.mark.parametrize("text", TYPED)
def test_a_text_that_is_typed_runs_nothing(shell: list[str], text: str, tmp_path: Path) -> None:
    pty = pytest.importorskip("pty")
    if shutil.which(shell[0]) is None:
        pytest.skip(f"{shell[0]} is not installed")
    (tmp_path / "inputrc").write_text("set enable-bracketed-paste off\n")
    variables = {"PS1": PROMPT, "PS2": PROMPT, "INPUTRC": "inputrc", "TERM": "dumb", "LC_ALL": "C.UTF-8"}
    process, terminal = pty.fork()
    if process == 0:
        os.chdir(tmp_path)
        os.execvpe(shell[0], shell, {**os.environ, **variables})
    try:
        for line in script(text).split("\n"):
            until_prompt(terminal)
            os.write(terminal, line.encode() + b"\n")
        until_prompt(terminal)
    finally:
        os.close(terminal)
        os.waitpid(process, 0)

    assert (tmp_path / "written").read_bytes().decode() == f"{text}| ;touch owned;#"
    assert not (tmp_path / "owned").exists()


def until_prompt(terminal: int) -> None:
    shown = b""
    while PROMPT.encode() not in shown:
        shown += os.read(terminal, 1024)
