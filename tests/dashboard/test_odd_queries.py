"""Odd queries: no page and no part of one fails, in an empty world and in a full one."""

from __future__ import annotations

import re

import pytest

from flaresend_mock import FlaresendMock
from flaresend_mock.app import dashboard_app
from tests.defaults import ANN

NAMES = (
    *("after", "before", "chat", "clear", "grown", "kind", "oldest", "open", "path", "person", "search", "since"),
    *("status", "tab"),
)
VALUES = ("", "0", "-1", "9999", "9" * 40, "x", "\u0663", "\0", "call", "delivery", "2xx", ANN)
QUERIES = [{}, *(dict.fromkeys(NAMES, value) for value in VALUES), *({name: "9999"} for name in NAMES)]
RULES = sorted(rule.rule for rule in dashboard_app().url_map.iter_rules() if "GET" in (rule.methods or ()))


@pytest.mark.parametrize("world", ["default", "demo"])
def test_no_page_fails(world: str) -> None:
    emulator = FlaresendMock(world=world)
    client = emulator.app.test_client()
    for _ in range(3):
        client.post("/_mock/inbound", json={"from": ANN, "text": "hello"})
    state = emulator.worlds.default().state
    known = {
        "world": "default",
        "instance": next(iter(state.instances)),
        "chat": f"{ANN}@s.whatsapp.net",
        "message": next(iter(state.messages)).id,
        "number": "1",
    }
    found = set()
    for rule in RULES:
        for values, queries in ((known, QUERIES), ({"world": "default"}, QUERIES[:1])):
            path = re.sub(r"<(?:\w+:)?(\w+)>", lambda part, of=values: of.get(part[1], "7"), rule)
            for query in queries:
                found.add((path, client.get(path, query_string=query).status_code))

    assert {one for one in found if one[1] not in (200, 302, 303, 304, 404)} == set()
    assert {status for _, status in found} >= {200, 404}
