"""docs/payloads.md: each command on it is run, and the body that the webhook gets is the one printed below it."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from collections.abc import Iterator

import pytest

from flaresend_mock import FlaresendMock
from flaresend_mock.core.kinds import KINDS
from flaresend_mock.package_data import event_names
from tests import payload_page
from tests.golden import CASES
from tests.live.commands import control, run
from tests.support import REPOSITORY

PAGE = (REPOSITORY / "docs" / "payloads.md").read_text(encoding="utf-8")
ADDRESS = "http://127.0.0.1:3577"
SECTIONS = re.findall(r"^## (\S+)\n\n[^\n]+\n\n```sh\n(.*?)^```\n\n```json\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def emulator() -> Iterator[FlaresendMock]:
    with FlaresendMock(log_level="error", public_url=ADDRESS) as running:
        yield running


def test_the_page_is_made_of_the_golden_events() -> None:
    assert payload_page.document() == PAGE


def test_the_page_has_every_kind_and_every_sample() -> None:
    names = [name for name, _, _ in SECTIONS]

    assert names == [*(case.name for case in CASES), *event_names()]
    assert {kind.replace("_", "-") for kind in KINDS} <= set(names)


@pytest.mark.parametrize(("name", "commands", "printed"), SECTIONS, ids=[name for name, _, _ in SECTIONS])
def test_the_commands_make_the_webhook_get_the_body(
    emulator: FlaresendMock, name: str, commands: str, printed: str
) -> None:
    control(emulator, "POST", "/reset")
    control(emulator, "PATCH", "/clock", {"now": payload_page.NOW, "frozen": True})

    for line in commands.splitlines():
        program, *words = shlex.split(line)
        if program == "curl":
            here = [word.replace(ADDRESS, emulator.url) for word in words]
            subprocess.run(["curl", "--fail-with-body", "-sS", *here], check=True, capture_output=True)
        else:
            assert run(*words, "--url", emulator.url).lines

    got = control(emulator, "GET", "/deliveries?limit=1")["deliveries"][0]["body"]
    assert json.dumps(payload_page.shortened(got)) == json.dumps(json.loads(printed))


def test_the_command_payload_prints_the_bodies_of_the_page() -> None:
    files = [sorted(f"{name}.json" for name in names) for names in ((case.name for case in CASES), event_names())]
    assert [f"{name}.json" for name in run("payload").lines] == [*files[0], *files[1]]
    for name, _, printed in SECTIONS:
        body = json.loads("\n".join(run("payload", name).lines))
        whole = body | {key: value for key, value in json.loads(printed).items() if key in ("instanceId", "timestamp")}
        assert payload_page.shortened(whole) == json.loads(printed)
    assert run("payload", "poll_vote").out == run("payload", "poll-vote").out
    run("payload", "pol").failed("did you mean 'poll'?", 2)
