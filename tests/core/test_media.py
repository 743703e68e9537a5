"""The media host: sealed files with right hashes, at links that expire on the world's clock."""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from werkzeug.test import Client, TestResponse

from flaresend_mock.core.models import Upload
from flaresend_mock.core.world import World
from flaresend_mock.package_data import sample
from tests.defaults import ANN, FOLLOWED
from tests.golden import DOCUMENTED_NOW, documented_world
from tests.support import client_of
from tests.unsealing import Spoiled, hash_of, unseal

KINDS = ["image", "video", "audio", "document", "sticker"]
FOLDERS = {
    "image": "t62.7118-24",
    "video": "t62.7161-24",
    "audio": "t62.7117-24",
    "document": "t62.7119-24",
    "sticker": "t62.15575-24",
}
DATA = bytes(range(256)) * 20


@pytest.fixture
def world() -> World:
    return documented_world()


@pytest.fixture
def client(world: World) -> Client:
    return client_of(world)


def share(world: World, kind: str = "image", **flaws: bool) -> dict[str, Any]:
    with world.lock:
        return world.media.share(kind, Upload(DATA, "a.bin", ""), flaws, world.instances.first().id)


def fetch(client: Client, fields: dict[str, Any], **headers: str) -> TestResponse:
    return client.get(fields["directPath"], headers=headers)


def test_a_download_waits_for_no_call_of_a_world(world: World, client: Client) -> None:
    fields = share(world)
    with world.lock, ThreadPoolExecutor(1) as other:
        assert other.submit(fetch, client, fields).result(30).status_code == 200


@pytest.mark.parametrize("kind", KINDS)
def test_hashes_lengths_and_key_are_right(kind: str, world: World, client: Client) -> None:
    fields = share(world, kind)

    response = fetch(client, fields)

    assert response.status_code == 200
    assert unseal(response.data, fields["mediaKey"], kind) == DATA
    assert fields["fileSha256"] == hash_of(DATA)
    assert fields["fileEncSha256"] == hash_of(response.data)
    assert fields["fileLength"] == str(len(DATA))
    assert len(b64decode(fields["mediaKey"], validate=True)) == 32
    assert fields["mediaKeyTimestamp"] == "1760705279"


@pytest.mark.parametrize("kind", KINDS)
def test_a_shipped_sample_opens_again(kind: str, world: World, client: Client) -> None:
    with world.lock:
        fields = world.media.share(kind, sample(kind), {}, world.instances.first().id)

    assert unseal(fetch(client, fields).data, fields["mediaKey"], kind) == sample(kind).data


@pytest.mark.parametrize("kind", KINDS)
def test_a_path_is_shaped_like_whatsapps(kind: str, world: World) -> None:
    fields = share(world, kind)

    parts = urlsplit(fields["directPath"])
    expires = int((DOCUMENTED_NOW + timedelta(days=30)).timestamp())
    assert re.fullmatch(rf"/v/{re.escape(FOLDERS[kind])}/\d{{8}}_\d{{15}}_\d{{19}}_n\.enc", parts.path)
    query = parse_qs(parts.query)
    assert list(query) == ["ccb", "oh", "oe", "mms3"]
    assert (query["ccb"], query["mms3"]) == (["11-4"], ["true"])
    assert int(query["oe"][0], 16) == expires
    assert fields["url"] == "http://127.0.0.1:3577" + fields["directPath"]


def test_every_file_has_a_key_and_a_path_of_its_own(world: World) -> None:
    first, second = share(world), share(world)

    assert first["mediaKey"] != second["mediaKey"]
    assert first["directPath"] != second["directPath"]


def test_a_file_is_served_as_an_octet_stream(world: World, client: Client) -> None:
    response = fetch(client, share(world))

    assert response.headers["Content-Type"] == "application/octet-stream"
    assert response.headers["Content-Length"] == str(len(response.data))


@pytest.mark.parametrize(
    ("range_", "first", "last"),
    [("bytes=0-15", 0, 15), ("bytes=16-", 16, 5145), ("bytes=-10", 5136, 5145), ("bytes=0-99999", 0, 5145)],
)
def test_a_range_of_a_file_is_served_as_206(range_: str, first: int, last: int, world: World, client: Client) -> None:
    fields = share(world)
    whole = fetch(client, fields).data

    response = fetch(client, fields, Range=range_)

    assert response.status_code == 206
    assert response.data == whole[first : last + 1]
    assert response.headers["Content-Range"] == f"bytes {first}-{last}/{len(whole)}"
    assert response.headers["Content-Length"] == str(last + 1 - first)


def test_a_range_behind_the_end_is_416(world: World, client: Client) -> None:
    assert fetch(client, share(world), Range="bytes=99999-").status_code == 416


def test_a_head_request_tells_the_length(world: World, client: Client) -> None:
    response = client.head(share(world)["directPath"])

    assert (response.status_code, response.headers["Content-Length"], response.data) == (200, "5146", b"")


def test_a_link_expires_on_the_worlds_clock(world: World, client: Client) -> None:
    fields = share(world)

    world.timeline.advance(timedelta(days=30) - timedelta(milliseconds=1))
    before = fetch(client, fields).status_code
    world.timeline.advance(timedelta(milliseconds=1))

    assert (before, fetch(client, fields).status_code) == (200, 410)


def test_an_expired_file_is_410_from_the_start(world: World, client: Client) -> None:
    fields = share(world, expired=True)

    (expires,) = parse_qs(urlsplit(fields["directPath"]).query)["oe"]
    assert int(expires, 16) < DOCUMENTED_NOW.timestamp()
    assert fetch(client, fields).status_code == 410


def test_a_truncated_file_is_shorter_than_its_hash_says(world: World, client: Client) -> None:
    fields = share(world, truncated=True)

    data = fetch(client, fields).data

    assert 0 < len(data) < len(DATA)
    assert hash_of(data) != fields["fileEncSha256"]
    with pytest.raises(Spoiled):
        unseal(data, fields["mediaKey"], "image")


def test_a_corrupted_file_has_its_length_but_not_its_hash(world: World, client: Client) -> None:
    fields = share(world, corrupted=True)

    data = fetch(client, fields).data

    assert len(data) == 5146
    assert hash_of(data) != fields["fileEncSha256"]
    with pytest.raises(Spoiled):
        unseal(data, fields["mediaKey"], "image")


def test_a_keyless_file_comes_without_its_key(world: World, client: Client) -> None:
    fields = share(world, keyless=True)

    assert "mediaKey" not in fields
    assert "fileEncSha256" not in fields
    assert fetch(client, fields).status_code == 200


def test_a_path_that_was_never_given_out_is_404(client: Client) -> None:
    assert client.get("/v/t62.7118-24/1_2_3_n.enc").status_code == 404
    assert client.get("/v/t62.7118-24").status_code == 404


def test_a_link_with_another_signature_is_404(world: World, client: Client) -> None:
    path = urlsplit(share(world)["directPath"]).path

    assert client.get(path).status_code == 200
    assert client.get(f"{path}?oh=01_0").status_code == 404


def test_a_reset_takes_files_off_the_host(world: World, client: Client) -> None:
    fields = share(world)

    world.reset()

    assert fetch(client, fields).status_code == 404


def received(client: Client, **request: Any) -> dict[str, Any]:
    response = client.post("/_mock/inbound", json={"from": ANN, **request})
    assert response.status_code == 201, response.text
    assert response.json is not None
    found: dict[str, Any] = response.json["event"]["data"]["message"]
    return found


def test_an_image_in_a_channel_is_served_as_it_is(client: Client) -> None:
    image = received(client, type="channel_image", channel=FOLLOWED)["imageMessage"]

    response = fetch(client, image)

    assert response.data == sample("image").data
    assert response.headers["Content-Type"] == "image/jpeg"
    assert image["fileSha256"] == hash_of(response.data)
    assert "mediaKey" not in image
    assert "fileEncSha256" not in image


def test_an_image_in_a_channel_of_no_known_type_is_served_as_the_event_says(client: Client) -> None:
    media = {"base64": b64encode(sample("image").data).decode()}

    image = received(client, type="channel_image", channel=FOLLOWED, media=media)["imageMessage"]

    assert fetch(client, image).headers["Content-Type"] == image["mimetype"]


@pytest.mark.parametrize("mimetype", ["image/png\r\nX-Injected: 1", "image/png\n", "bild/ü€"])
def test_a_media_type_that_no_header_can_hold_does_no_harm(mimetype: str, client: Client) -> None:
    media = {"base64": "AAAA", "mimetype": mimetype}
    body = {"from": ANN, "type": "channel_image", "channel": FOLLOWED, "media": media}

    response = client.post("/_mock/inbound", json=body)

    if response.status_code == 201:
        assert response.json is not None
        image = response.json["event"]["data"]["message"]["imageMessage"]
        served = fetch(client, image)
        assert served.status_code == 200
        assert "X-Injected" not in served.headers
    else:
        assert response.status_code == 400


def test_pictures_have_their_size_and_a_thumbnail(client: Client) -> None:
    image = received(client, type="image")["imageMessage"]

    assert (image["height"], image["width"]) == (240, 320)
    assert b64decode(image["jpegThumbnail"], validate=True).startswith(b"\xff\xd8\xff")


def test_what_is_no_picture_is_sent_all_the_same(client: Client) -> None:
    image = received(client, type="image", media={"base64": b64encode(b"no picture").decode()})

    assert "jpegThumbnail" not in image["imageMessage"]
    assert unseal(fetch(client, image["imageMessage"]).data, image["imageMessage"]["mediaKey"], "image") == (
        b"no picture"
    )


def test_an_empty_file_is_a_file(client: Client) -> None:
    document = received(client, type="document", media={"base64": ""})["documentMessage"]

    assert document["fileLength"] == "0"
    assert unseal(fetch(client, document).data, document["mediaKey"], "document") == b""


def test_a_voice_note_has_a_waveform_of_64_bars_and_a_recording_none(client: Client) -> None:
    voice = received(client, type="voice")["audioMessage"]
    audio = received(client, type="audio")["audioMessage"]

    bars = b64decode(voice["waveform"], validate=True)
    assert len(bars) == 64
    assert max(bars) <= 100
    assert (voice["ptt"], audio["ptt"]) == (True, False)
    assert "waveform" not in audio
    assert voice["mimetype"] == "audio/ogg; codecs=opus"
