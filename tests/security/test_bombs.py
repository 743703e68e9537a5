"""Small bodies that ask for much work: nested without end, or searched without end."""

from __future__ import annotations

import copy
import gzip
import io
import json
import struct
import zlib
from typing import Any

import pytest
from PIL import Image
from werkzeug.test import Client

from flaresend_mock import FlaresendMock
from flaresend_mock.core import media
from flaresend_mock.core.errors import InvalidMatcher
from flaresend_mock.core.matchers.matchers import compile_regex
from tests.receiver import Receiver, Reply
from tests.security.hostile import ANN, SOON, bodies, cheap, deep, headers_for, last_event
from tests.support import KEY

DEEP = {
    "lists": deep(100_000),
    "lists that never end": "[" * 20_000,
    "objects": deep(20_000, '{"a":', "}"),
    "objects in lists": deep(10_000, '[{"a":', "}]"),
    "one level more than an import may have": deep(301),
}
CATASTROPHIC = [r"(a+a+)+b", r"(.*?,){11}P", r"\b(?:(?:\w|h)+ ?)*$!"]
COMMON = [
    r"[^@\s]{1,64}@[^@\s]{1,255}\.[a-z]{2,10}$",
    r"\b\w+@\w+\.\w+\b",
    r"https?://\S+/\w{8,32}$",
    r"\border \d{4,10}\b",
    r"\b\d{4}-\d{2}-\d{2}\b",
    r"(?:[a-z]{1,30}[0-9]?){1,30}!",
]
UNFOLDING = [
    "(a{500}){500}",
    "((a{90}){90}){90}",
    "a{1000000000}",
    "(?:){1000000000}",
    "(?:(a{500})){500}",
    "(?:a{0,500}){,500}",
]
UNFOLDING_UNSEEN = ["(a{500})(?#x){500}", "(a{500})(?i){500}", "(?x)(a{500}) {500}", "(?x)(a{500})# comment\n{500}"]


@pytest.mark.parametrize("nested", DEEP.values(), ids=DEEP)
def test_no_call_takes_what_is_nested_without_end(nested: str, shared: Client) -> None:
    before = last_event(shared)
    inside = f'{{"text": {nested}, "match": {nested}, "message": {nested}, "world": {nested}}}'

    with cheap(SOON * 5):
        for method, path in bodies():
            for body in (nested, inside):
                response = shared.open(
                    path, method=method, headers=headers_for(path), data=body, content_type="application/json"
                )
                assert response.status_code in (400, 413), (method, path, response.text)

    assert [event for event in events_since(shared, before) if event != "request"] == []


@pytest.mark.parametrize(("levels", "status"), [(97, 201), (99, 400), (300, 400), (900, 400)])
def test_what_may_hold_any_json_holds_a_hundred_levels_of_it(levels: int, status: int, client: Client) -> None:
    """Python itself would read a thousand, and stumble when it writes them wrapped in more."""
    letter = f'{{"from": "{ANN}", "message": {{"a": {deep(levels)}}}}}'
    fault = f'{{"respond": {{"status": 503, "body": {deep(levels)}}}}}'

    for path, body in (("/_mock/inbound", letter), ("/_mock/faults", fault)):
        response = client.post(path, data=body, content_type="application/json")
        assert response.status_code == status, response.text


def events_since(client: Client, number: int) -> list[str]:
    return [event["kind"] for event in client.get(f"/_mock/events?since={number}").get_json()["events"]]


@pytest.mark.parametrize("name", ["media", "message", "contact", "link", "chaos"])
@pytest.mark.parametrize("nested", DEEP.values(), ids=DEEP)
def test_no_part_of_a_form_is_nested_without_end(name: str, nested: str, shared: Client) -> None:
    response = shared.post("/_mock/inbound", data={"from": ANN, name: nested})

    assert response.status_code == 400


@pytest.mark.parametrize("nested", DEEP.values(), ids=DEEP)
def test_a_list_in_a_form_of_the_api_may_be_any_text(nested: str, shared: Client) -> None:
    form = {"recipients": nested, "type": "text", "text": nested}

    response = shared.post("/send-message", headers=KEY, data=form)

    assert response.status_code in (200, 400, 413)
    assert shared.get("/_mock/requests?limit=1").status_code == 200


def test_an_export_with_something_deep_in_it_is_refused_and_changes_nothing(client: Client) -> None:
    client.post("/_mock/inbound", json={"from": ANN, "text": "hi"})
    exported = client.get("/_mock/world").get_json()
    payload = json.dumps(exported["messages"][0]["payload"])
    before = last_event(client)

    for nested in DEEP.values():
        body = json.dumps(exported).replace(payload, f'{{"a": {nested}}}')
        assert body != json.dumps(exported)
        response = client.put("/_mock/world", data=body, content_type="application/json")
        assert response.status_code == 400

    assert last_event(client) == before


@pytest.mark.parametrize("pattern", CATASTROPHIC)
@pytest.mark.parametrize("asked", ["search", "wait", "verify"])
def test_a_search_takes_linear_time(asked: str, pattern: str, client: Client) -> None:
    for text in ("a" * 5000 + "c", "hello wrold " * 5000):
        client.post("/_mock/inbound", json={"from": ANN, "text": text})
    body = {"match": {"text": {"regex": pattern}}, **({"timeout": 0} if asked == "wait" else {})}

    with cheap():
        response = client.post(f"/_mock/messages/{asked}", json=body)

    assert response.status_code == (200 if asked == "search" else 408 if asked == "wait" else 422)


@pytest.mark.parametrize("text", ["a" * 65_536, "ab " * 21_845, "1234567890" * 6_553, "京都" * 32_768], ids="ab1京")
@pytest.mark.parametrize("pattern", COMMON)
def test_a_common_pattern_is_searched_fast_in_a_long_text(pattern: str, text: str) -> None:
    is_found, _ = compile_regex(pattern, "match")
    is_found("")

    with cheap():
        assert not any(is_found(f"{text}#") for _ in range(5))


def test_a_fault_takes_linear_time(client: Client) -> None:
    for pattern in CATASTROPHIC:
        match = {"body": {"text": {"regex": pattern}}}
        assert client.post("/_mock/faults", json={"match": match, "preset": "slow"}).status_code == 201
    body = {"recipients": [ANN], "type": "text", "text": "a" * 5000 + "c"}

    with cheap():
        response = client.post("/send-message", headers=KEY, json=body)

    assert response.status_code == 200


def test_what_somebody_answers_to_is_a_text_and_no_pattern(client: Client) -> None:
    rule = {"when": "(a+)+$", "reply": "found", "after": 0}
    assert client.put(f"/_mock/people/{ANN}", json={"rules": [rule]}).status_code == 200

    for text, responses in (("a" * 50_000 + "b", 0), ("x(a+)+$x", 1)):
        body = {"recipients": [ANN], "type": "text", "text": text}
        assert client.post("/send-message", headers=KEY, json=body).status_code == 200
        client.post("/_mock/clock/advance", json={"seconds": 1})
        found = client.post("/_mock/messages/search", json={"match": {"direction": "inbound", "text": "found"}})
        assert found.get_json()["count"] == responses


@pytest.mark.parametrize("pattern", UNFOLDING)
def test_a_pattern_that_unfolds_into_a_huge_one_is_refused_everywhere(pattern: str, shared: Client) -> None:
    asked = [
        shared.post("/_mock/messages/search", json={"match": {"text": {"regex": pattern}}}),
        shared.post("/_mock/requests/wait", json={"match": {"query": {"regex": pattern}}, "timeout": 0}),
        shared.post("/_mock/deliveries/verify", json={"in_order": [{"chat": {"regex": pattern}}]}),
        shared.post("/_mock/faults", json={"match": {"query": {"regex": pattern}}, "preset": "down"}),
    ]

    assert {(response.status_code, response.get_json()["error"]["code"]) for response in asked} == {
        (400, "invalid_matcher")
    }


@pytest.mark.parametrize("pattern", UNFOLDING_UNSEEN)
def test_a_pattern_does_not_hide_how_often_it_repeats(pattern: str) -> None:
    """These would compile to 250,000 characters; with larger numbers, to all memory of the machine."""
    with pytest.raises(InvalidMatcher):
        compile_regex(pattern, "match.text.regex")


@pytest.mark.parametrize("pattern", ["(?V0)(?V1)a", "(?a)(?u)a", "(?L)(?u)a", "(?R)", "(?b)(?:hello world){e}"])
def test_a_pattern_whose_flags_contradict_each_other_is_refused(pattern: str, shared: Client) -> None:
    asked = [
        shared.post("/_mock/messages/search", json={"match": {"text": {"regex": pattern}}}),
        shared.post("/_mock/faults", json={"match": {"query": {"regex": pattern}}, "preset": "down"}),
    ]

    assert [response.status_code for response in asked] == [400, 400]


def test_an_export_brings_no_fault_that_could_not_be_armed(client: Client) -> None:
    client.post("/_mock/faults", json={"match": {"query": "x"}, "preset": "down"})
    exported = client.get("/_mock/world").get_json()

    for match in [{"query": {"regex": pattern}} for pattern in UNFOLDING] + [_not(50), {"nope": 1}]:
        spoilt = copy.deepcopy(exported)
        spoilt["faults"][0]["match"] = match
        response = client.put("/_mock/world", json=spoilt)
        assert (response.status_code, response.get_json()["error"]["code"]) == (400, "invalid_world")


def _not(levels: int) -> dict[str, Any]:
    match: Any = "x"
    for _ in range(levels):
        match = {"not": match}
    return {"query": match}


@pytest.mark.parametrize("field", ["text", "template"])
def test_a_matcher_of_very_many_conditions_is_refused(field: str, shared: Client) -> None:
    wide = {"subset": {str(n): n for n in range(100_000)}}

    response = shared.post("/_mock/messages/search", json={"match": {field: wide}})

    assert (response.status_code, response.get_json()["error"]["code"]) == (400, "invalid_matcher")


def test_an_answer_of_a_receiver_that_unpacks_to_very_much_is_cut() -> None:
    """It announces 50 KB, which unpack to 50 MB, and sends the first one: to read on would be an error."""
    packed = gzip.compress(bytes(1024 * 1024))[:1000]
    reply = Reply(body=packed, missing=50_000, headers={"Content-Encoding": "gzip"})
    with Receiver(lambda _: reply) as receiver, FlaresendMock() as running:
        client = running.app.test_client()
        client.put("/_mock/instances/default/webhook", json={"url": receiver.url, "retries": []})
        tried = client.post("/_mock/instances/default/webhook/test").get_json()

    assert tried["verified"] is True
    assert tried["attempt"]["error"] is None
    assert len(tried["attempt"]["response"]) == 64 * 1024


def _chunk(kind: bytes, data: bytes = b"") -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _pictures() -> dict[str, bytes]:
    """Return small pictures with a million bytes of the smallest parts that their formats have."""
    png, jpeg, gif = (io.BytesIO() for _ in range(3))
    for file, kind in ((png, "PNG"), (jpeg, "JPEG"), (gif, "GIF")):
        Image.new("L", (10, 10)).save(file, kind)
    head, rest = png.getvalue()[:33], png.getvalue()[33:]
    start, end = jpeg.getvalue()[:2], jpeg.getvalue()[2:]
    before, comma, after = gif.getvalue().rpartition(b",")
    return {
        "png": head + _chunk(b"prIv") * 80_000 + rest,
        "png text": head + _chunk(b"tEXt", b"a\0") * 80_000 + rest,
        "jpeg comments": start + b"\xff\xfe\x00\x02" * 250_000 + end,
        "jpeg segments": start + b"\xff\xe5\x00\x02" * 250_000 + end,
        "jpeg fill": start + b"\xff" * 1_000_000 + end,
        "gif comment": before + b"!\xfe" + b"\1a" * 500_000 + b"\0" + comma + after,
        "gif extensions": before + b"!\x01\0" * 300_000 + comma + after,
    }


@pytest.mark.parametrize("name", _pictures())
def test_a_picture_of_very_many_parts_is_read_so_far(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[media._InParts] = []

    class Kept(media._InParts):
        def __init__(self, data: bytes) -> None:
            super().__init__(data)
            read.append(self)

    monkeypatch.setattr(media, "_InParts", Kept)

    assert media.image_info(_pictures()[name]) is None
    assert 1000 < read[0].parts < media.MAX_PARTS + 20


def _saved(size: tuple[int, int], kind: str, mode: str = "L", **options: Any) -> bytes:
    file = io.BytesIO()
    Image.new(mode, size).save(file, kind, **options)
    return file.getvalue()


SCANS = _saved((80, 80), "JPEG", progressive=True)
LAST_SCAN = SCANS[SCANS.rindex(b"\xff\xda") : -2]
TWO = _saved((16, 16), "MPO", "RGB", save_all=True, append_images=[Image.new("RGB", (16, 16))])
LISTS_TWO = TWO[(at := TWO.index(b"\xff\xe2")) : at + 2 + int.from_bytes(TWO[at + 2 : at + 4], "big")]
SLOW_PICTURES = {
    "many scans of one of two pictures": (SCANS[:2] + LISTS_TWO + SCANS[2:-2] + LAST_SCAN * 60 + SCANS[-2:], (80, 80)),
    "many scans": (SCANS[:-2] + LAST_SCAN * 60 + SCANS[-2:], (80, 80)),
    "one line": (_saved((20_000, 1), "PNG"), (20_000, 1)),
    "one column": (_saved((1, 20_000), "PNG"), (1, 20_000)),
    "run-length encoding": (
        b"BM"
        + struct.pack("<IHHIIiiHHIIiiII", 1082, 0, 0, 1078, 40, 99, 9, 1, 8, 1, 4, 0, 0, 256, 0)
        + b"\0" * 1024
        + b"\1\1\0\0",
        (99, 9),
    ),
}


@pytest.mark.parametrize("name", SLOW_PICTURES)
def test_of_a_picture_that_takes_long_to_unpack_the_size_is_read(name: str) -> None:
    data, (width, height) = SLOW_PICTURES[name]

    assert media.image_info(data) == media.Picture(height, width)


def test_a_progressive_picture_has_a_thumbnail() -> None:
    found = media.image_info(SCANS)
    assert found is not None
    assert found.thumbnail is not None


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP", "BMP"])
def test_a_large_picture_of_usual_parts_is_read(kind: str) -> None:
    file = io.BytesIO()
    Image.effect_noise((2000, 2000), 100).save(file, kind)

    found = media.image_info(file.getvalue())

    assert found is not None
    assert (found.width, found.height, found.thumbnail is not None) == (2000, 2000, True)
