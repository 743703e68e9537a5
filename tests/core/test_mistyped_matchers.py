"""Mistyped matchers: each is refused with its place and a hint; a matcher in an unusual notation is accepted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from flaresend_mock.control.verification import COLLECTIONS
from flaresend_mock.core.errors import InvalidFault, InvalidMatcher
from flaresend_mock.core.matchers.parser import CALL_FIELDS, DELIVERY_FIELDS, Field, compile_matcher
from flaresend_mock.core.models import Reply
from flaresend_mock.core.world import World
from tests.defaults import ANN, INSTANCE, PROJECT

FIELDS: Mapping[str, Mapping[str, Field]] = {
    **{name: source.fields for name, source in COLLECTIONS.items()},
    "faults": CALL_FIELDS,
    "faults of deliveries": DELIVERY_FIELDS,
}
EVERYWHERE = tuple(FIELDS)
LISTS = tuple(COLLECTIONS)
CALLS = ("requests", "faults")
EVENTS = ("deliveries", "faults of deliveries")
MESSAGES = ("messages",)
REQUESTS = ("requests",)

SLASH = "a path begins with a slash"
QUERY = "a path has no query; that is matched with query (a question mark in a path is written %3F)"
OURS = "calls of the control plane are not matched"
ID = "the id of an instance is expected here"
NUMBER = "not a phone number in international format"
GROUP = "a group is named by its JID, such as 120363403582097887@g.us"
WHOLE = "a status is a whole number, such as 503"
MASKED = "credentials are masked; match the API key with key"
POST = "'post' is not known; did you mean 'POST'?"
KEY = "fm_0123456789ab"


def refused(spec: Any, kind: str) -> str:
    with pytest.raises(InvalidMatcher) as refusal:
        compile_matcher(spec, FIELDS[kind])
    return str(refusal.value)


@pytest.mark.parametrize(
    ("kinds", "spec", "message"),
    [
        (CALLS, {"path": "send-message"}, f"match.path: {SLASH}"),
        (CALLS, {"path": ""}, f"match.path: {SLASH}"),
        (CALLS, {"path": 5}, f"match.path: {SLASH}"),
        (CALLS, {"path": {"equal": "send-message"}}, f"match.path.equal: {SLASH}"),
        (CALLS, {"path": {"one_of": ["/groups", "groups"]}}, f"match.path.one_of[1]: {SLASH}"),
        (CALLS, {"path": {"not": "groups"}}, f"match.path.not: {SLASH}"),
        (CALLS, {"path": "/x?y=1"}, f"match.path: {QUERY}"),
        (CALLS, {"path": "/_mock/messages"}, f"match.path: {OURS}"),
        (EVERYWHERE, {"instance": "default"}, f"match.instance: {ID}"),
        (EVERYWHERE, {"instance": {"equal": "default"}}, f"match.instance.equal: {ID}"),
        (EVERYWHERE, {"instance": {"one_of": [INSTANCE, "default"]}}, f"match.instance.one_of[1]: {ID}"),
        ((*CALLS, *MESSAGES), {"number": "abc"}, f"match.number: {NUMBER}"),
        ((*CALLS, *MESSAGES), {"number": {"not": "abc"}}, f"match.number.not: {NUMBER}"),
        ((*CALLS, *MESSAGES), {"number": {"one_of": [ANN, "abc"]}}, f"match.number.one_of[1]: {NUMBER}"),
        ((*CALLS, *MESSAGES), {"number": {"equal": "abc"}}, f"match.number.equal: {NUMBER}"),
        ((*CALLS, *MESSAGES), {"number": True}, f"match.number: {NUMBER}"),
        (MESSAGES, {"from": "nobody"}, f"match.from: {NUMBER}"),
        (MESSAGES, {"to": {"not": "nobody"}}, f"match.to.not: {NUMBER}"),
        (MESSAGES, {"chat": {"one_of": ["nobody"]}}, f"match.chat.one_of[0]: {NUMBER}"),
        (MESSAGES, {"group": "Family"}, f"match.group: {GROUP}"),
        (MESSAGES, {"group": {"equal": "Family"}}, f"match.group.equal: {GROUP}"),
        (MESSAGES, {"group": {"not": "Family"}}, f"match.group.not: {GROUP}"),
        (REQUESTS, {"status": "200"}, f"match.status: {WHOLE}"),
        (REQUESTS, {"status": {"equal": "200"}}, f"match.status.equal: {WHOLE}"),
        (REQUESTS, {"status": {"one_of": [200, "404"]}}, f"match.status.one_of[1]: {WHOLE}"),
        (REQUESTS, {"status": True}, f"match.status: {WHOLE}"),
        (CALLS, {"method": "post"}, f"match.method: {POST}"),
        (CALLS, {"method": {"equal": "post"}}, f"match.method.equal: {POST}"),
        (CALLS, {"headers": {"authorization": "x"}}, f"match.headers.authorization: {MASKED}"),
        (CALLS, {"headers": {"Authorization": "x"}}, f"match.headers.Authorization: {MASKED}"),
        (CALLS, {"headers": {"subset": {"X-API-Key": "x"}}}, f"match.headers.subset.X-API-Key: {MASKED}"),
        (CALLS, {"headers": {"not": {"Cookie": "x"}}}, f"match.headers.not.Cookie: {MASKED}"),
    ],
)
def test_a_value_that_nothing_can_have_is_refused(kinds: tuple[str, ...], spec: dict[str, Any], message: str) -> None:
    for kind in kinds:
        assert refused(spec, kind) == message


@pytest.mark.parametrize(
    ("kinds", "spec", "mistake", "meant"),
    [
        (LISTS, {"statsu": "x"}, "match: 'statsu'", "status"),
        (EVERYWHERE, {"instance": {"regx": "x"}}, "match.instance: 'regx'", "regex"),
        (EVERYWHERE, {"instance": {"not": {"not": {"subst": {}}}}}, "match.instance.not.not: 'subst'", "subset"),
        (MESSAGES, {"txt": "x"}, "match: 'txt'", "text"),
        (MESSAGES, {"direction": "outbond"}, "match.direction: 'outbond'", "outbound"),
        (MESSAGES, {"type": "txt"}, "match.type: 'txt'", "text"),
        (MESSAGES, {"status": {"one_of": ["sentt"]}}, "match.status.one_of[0]: 'sentt'", "sent"),
        (CALLS, {"body": {"recipient": ANN}}, "match.body: 'recipient'", "recipients"),
        (REQUESTS, {"response": {"succes": True}}, "match.response: 'succes'", "success"),
        (CALLS, {"method": "POTS"}, "match.method: 'POTS'", "POST"),
        (CALLS, {"method": "GETT"}, "match.method: 'GETT'", "GET"),
        (("deliveries",), {"status": "deliverd"}, "match.status: 'deliverd'", "delivered"),
        (EVENTS, {"body": {"evnt": "x"}}, "match.body: 'evnt'", "event"),
        (CALLS, {"pth": "/"}, "match: 'pth'", "path"),
        (CALLS, {"path": {"contians": "x"}}, "match.path: 'contians'", "contains"),
    ],
)
def test_a_mistyped_name_is_refused_with_its_place_and_the_nearest_name(
    kinds: tuple[str, ...], spec: Any, mistake: str, meant: str
) -> None:
    for kind in kinds:
        assert refused(spec, kind).startswith(f"{mistake} is not known; did you mean {meant!r}?")


@pytest.mark.parametrize(
    ("kinds", "spec", "beginning"),
    [
        (EVERYWHERE, [1], "match: a matcher is an object of fields"),
        (EVERYWHERE, None, "match: a matcher is an object of fields"),
        (EVERYWHERE, {"instance": {"regex": "["}}, "match.instance.regex: not a regular expression: "),
        (EVERYWHERE, {"instance": {"regex": r"\L<x>"}}, "match.instance.regex: not a regular expression: "),
        (EVERYWHERE, {"instance": {"regex": 5}}, "match.instance.regex: a regular expression of at most 1000"),
        (("faults of deliveries",), {"path": "/"}, "match: 'path' is not known"),
        (CALLS, {"path": {"regex": "("}}, "match.path.regex: not a regular expression: "),
        (
            CALLS,
            {"path": {"regex": "^/a%20b"}},
            "match.path.regex: paths are matched percent-decoded: write ' ' instead of '%20', or match raw_path",
        ),
        (CALLS, {"path": {"regex": "x" * 1001}}, "match.path.regex: a regular expression of at most 1000"),
        (CALLS, {"path": {"one_of": []}}, "match.path.one_of: a list with at least one item"),
        (CALLS, {"path": {}}, "match.path: an operator is expected"),
        (CALLS, {"path": {"one_of": ["/x"] * 1001}}, "match.path.one_of[999]: a matcher has at most 1000"),
    ],
)
def test_a_matcher_that_cannot_be_read_is_refused_with_its_place(
    kinds: tuple[str, ...], spec: Any, beginning: str
) -> None:
    for kind in kinds:
        assert refused(spec, kind).startswith(beginning)


@pytest.mark.parametrize(
    ("kinds", "spec"),
    [
        ((*CALLS, *MESSAGES), {"number": "+254 712 345 678"}),
        ((*CALLS, *MESSAGES), {"number": {"one_of": ["+254 712 345 678", int(ANN)]}}),
        ((*CALLS, *MESSAGES), {"number": {"not": "+254 712 345 678"}}),
        ((*CALLS, *MESSAGES), {"number": {"not": {"one_of": ["+254 712 345 678"]}}}),
        (MESSAGES, {"from": PROJECT}),
        (MESSAGES, {"from": {"one_of": [PROJECT, ANN]}}),
        (MESSAGES, {"from": {"not": PROJECT}}),
        (MESSAGES, {"group": {"one_of": [PROJECT, None]}}),
        (REQUESTS, {"status": None}),
        (REQUESTS, {"status": 200.0}),
        (REQUESTS, {"status": {"one_of": [None, 200.0]}}),
        (REQUESTS, {"status": {"not": None}}),
        (CALLS, {"path": {"contains": "send"}}),
        (CALLS, {"path": {"regex": "^/x.y"}}),
        (CALLS, {"headers": {"X-Trace": "Bearer"}}),
    ],
)
def test_a_matcher_in_an_unusual_notation_is_accepted(kinds: tuple[str, ...], spec: dict[str, Any]) -> None:
    for kind in kinds:
        assert compile_matcher(spec, FIELDS[kind]).spec == spec


@pytest.mark.parametrize(
    "spec",
    [
        {"headers": {"X-Trace": KEY}},
        {"headers": {"X-Trace": {"one_of": ["x", f"Bearer {KEY}"]}}},
        {"body": {"text": KEY}},
        {"body": {"subset": {KEY: 1}}},
        {"body": {"template": {"deep": [{"er": {"contains": KEY}}]}}},
        {"query": f"key={KEY}"},
        {"path": f"/x/{KEY}"},
        {"key": KEY, "query": {"not": KEY}},
    ],
)
def test_an_api_key_in_the_matcher_of_a_fault_belongs_to_key(spec: dict[str, Any], world: World) -> None:
    def arm(match: dict[str, Any]) -> None:
        world.faults.arm(name="", on="calls", match=match, reply=Reply(503))

    arm(spec)  # this key is unknown yet
    world.instances.add_key(INSTANCE, KEY)

    with pytest.raises(InvalidFault) as refusal:
        arm(spec)

    assert str(refusal.value).endswith("keys are matched with key, which masks them")
    assert KEY not in str(refusal.value)
    arm({"key": KEY})
    arm({"key": {"one_of": [KEY]}})
