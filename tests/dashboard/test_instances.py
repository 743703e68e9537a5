"""The instances page: phones in each status, with their keys and webhooks."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from html import unescape
from typing import Any

import pytest
from werkzeug.test import Client

from flaresend_mock.core.models import INSTANCE_STATUSES, Chaos, Webhook
from flaresend_mock.core.payloads import InboundMessage
from flaresend_mock.core.redaction import key_id, key_mask
from flaresend_mock.core.world import World
from flaresend_mock.dashboard.message_view import TEXTS
from flaresend_mock.dashboard.worlds import read_cards
from flaresend_mock.package_data import event_names, sample_event
from tests.certificates import authority
from tests.defaults import ANN, INSTANCE, OUR_LID, OUR_NUMBER
from tests.support import RealTime, client_of

PAGE = "/_mock/ui/w/default/instances"
PARTS = "/_mock/ui/w/default/parts/instances"
EVIL = '<script>alert("x")</script>'
SECRET = "whsec_very-much-a-secret"
TOKEN = "verify-very-much-a-token"

Show = Callable[..., str]


@pytest.fixture
def show(client: Client) -> Show:
    """Return a function that gets a page or a part, with white space collapsed."""

    def shown(path: str = PAGE, **headers: str) -> str:
        response = client.get(path, headers=headers)
        assert response.status_code == 200, response.text
        return " ".join(response.text.split())

    return shown


def webhook(world: World, url: str = "http://127.0.0.1:9/hook", **given: Any) -> None:
    world.instances.set_webhook(INSTANCE, Webhook(url, **given))


def test_a_card_tells_name_number_lid_id_and_status(show: Show, world: World) -> None:
    world.instances.rename(INSTANCE, "Shop")

    shown = show()

    assert f'<h2 id="name-{INSTANCE}" dir="auto">Shop</h2><p>+{OUR_NUMBER}</p>' in shown
    assert f'<code id="id-{INSTANCE}">{INSTANCE}</code>' in shown
    assert f'data-copy="id-{INSTANCE}"' in shown
    assert f"<code>{OUR_LID}</code>" in shown
    assert f"faces/face/{OUR_NUMBER}.svg" in shown
    assert '<span class="state connected"><i aria-hidden="true"></i>connected</span>' in shown


@pytest.mark.parametrize("status", INSTANCE_STATUSES)
def test_each_status_has_its_word_its_meaning_and_its_buttons(show: Show, world: World, status: str) -> None:
    world.pairing.set_status(INSTANCE, status)

    shown = show()

    assert f'<span class="state {status}">' in shown
    assert TEXTS["instances"][status] in unescape(shown)
    assert (f"POST instances/{INSTANCE}/scan" in shown, 'class="qr"' in shown) == (status == "qr", status == "qr")
    assert (f"POST instances/{INSTANCE}/reconnect" in shown) == (status == "disconnected")
    assert (f"POST instances/{INSTANCE}/disconnect" in shown) == (status != "disconnected")
    assert f"POST instances/{INSTANCE}/logout" in shown


def test_a_qr_code_is_shown_with_the_time_it_has_left(show: Show, world: World, real_time: RealTime) -> None:
    world.pairing.set_status(INSTANCE, "qr")
    code = world.pairing.qr(INSTANCE)[1].code
    real_time.pass_by(seconds=17)

    shown = show(PARTS)

    source = re.search(r'<img class="qr" id="qr-(\w+)" [^>]*src="([^"]+)"', shown)
    assert source is not None
    assert source[1] == code
    assert unescape(source[2]).endswith(f"../instances/{INSTANCE}/qr?format=svg&world=default")
    assert 'data-expires="43"' in shown
    assert "Expires in 43 s" in shown
    assert f'data-of="instances/{INSTANCE}/qr"' in shown

    real_time.pass_by(seconds=100)
    assert 'data-expires="0"' in show(PARTS)
    assert world.pairing.qr(INSTANCE)[1].code != code, "looking changed nothing; asking for it does"


def test_from_creation_over_the_qr_code_to_connected(client: Client, show: Show, real_time: RealTime) -> None:
    client.patch("/_mock/clock", json={"frozen": True})
    made = client.post("/_mock/instances", json={"name": "Second", "number": "254700111222"}).get_json()["id"]

    def card() -> str:
        return show(PARTS).partition(f'id="card-{made}"')[2]

    assert 'class="state initializing"' in card()
    assert "clock is frozen" in card()
    client.post("/_mock/clock/advance", json={"seconds": 1})
    assert 'class="state qr"' in card()
    assert "data-frozen" in card()
    path = re.search(r'data-do="POST (instances/[^"]+/scan)"', card())
    assert path is not None
    assert client.post(f"/_mock/{path[1]}", json={}).status_code == 200
    assert 'class="state connecting"' in card()
    client.post("/_mock/clock/advance", json={"seconds": 1})
    assert 'class="state connected"' in card()
    assert 'class="qr"' not in card()


def test_who_is_logged_out_may_be_scanned_by_another_phone(show: Show, world: World) -> None:
    world.pairing.set_status(INSTANCE, "qr")
    assert f"parts/instances/{INSTANCE}/scan" not in show()

    world.pairing.disconnect(INSTANCE, log_out=True)
    assert "a phone with another number may scan" in show()
    assert f"POST instances/{INSTANCE}/logout" not in show()
    world.pairing.set_status(INSTANCE, "qr")

    assert f"parts/instances/{INSTANCE}/scan" in show()
    assert f'data-call="POST instances/{INSTANCE}/scan"' in show(f"{PARTS}/{INSTANCE}/scan")


def test_api_keys_are_masked_and_named_by_their_ids(show: Show, world: World) -> None:
    long = world.instances.add_key(INSTANCE)
    world.instances.add_key(INSTANCE, "short")

    shown = show()

    assert long not in shown
    assert ">short<" not in shown
    assert "YOUR_API_KEY" not in shown
    assert f"<code>…{long[-4:]}</code>" in shown
    assert "<code>***</code>" in shown
    for key in (long, "short", "YOUR_API_KEY"):
        assert f'data-key="instances/{INSTANCE}/api-keys" data-id="{key_id(key)}"' in shown
        assert f'data-do="DELETE instances/{INSTANCE}/api-keys/{key_id(key)}"' in shown


def test_keys_are_masked_as_the_control_plane_masks_them(client: Client, world: World) -> None:
    for key in ("a", "eleven-char", "twelve-chars", "k" * 40):
        world.instances.add_key(INSTANCE, key)

    told = client.get(f"/_mock/instances/{INSTANCE}/api-keys").get_json()["api_keys"]

    assert [(one["id"], one["api_key"]) for one in told] == read_cards(world)[0]["api_keys"]
    assert key_mask("twelve-chars") == "…hars"


def test_the_way_a_page_copies_a_key_leads_to_the_whole_one(client: Client, show: Show) -> None:
    found = re.search(r'data-key="([^"]+)" data-id="([^"]+)"', show())
    assert found is not None

    told = client.get(f"/_mock/{found[1]}?with_secrets=true&world=default").get_json()["api_keys"]

    assert {"id": found[2], "api_key": "YOUR_API_KEY"} in told


def test_without_keys_and_webhook_the_card_says_so(show: Show, world: World) -> None:
    world.instances.revoke_key(INSTANCE, key_id("YOUR_API_KEY"))
    world.instances.set_webhook(INSTANCE, None)

    shown = show()

    assert "Create a key to use the API with this phone" in shown
    assert "Configure webhook" in shown
    assert "webhook/test" not in shown


def test_a_webhook_is_told_of_without_its_secrets(show: Show, world: World) -> None:
    webhook(
        world,
        secret=SECRET,
        verify_token=TOKEN,
        verification="challenge",
        retries=(0.5, 30),
        chaos=Chaos(drop=0.25, delay=3),
    )

    shown = show()

    assert "<code>http://127.0.0.1:9/hook</code>" in shown
    assert "set; events are signed" in shown
    assert "challenge, verify token set" in shown
    assert "0.5, 30 s" in shown
    assert "drop 25 % delay 3 s" in shown
    for text in (shown, show(f"{PARTS}/{INSTANCE}/webhook")):
        assert SECRET not in text
        assert TOKEN not in text

    webhook(world, retries=())
    assert "none; events are not signed" in show()
    assert "<dt>Retries after</dt><dd>none</dd>" in show()
    assert "Chaos" not in show(PARTS)


def test_a_paused_webhook_offers_to_go_on_and_counts_what_it_holds(client: Client, show: Show, world: World) -> None:
    webhook(world)
    assert f"POST instances/{INSTANCE}/webhook/pause" in show()
    assert client.post(f"/_mock/instances/{INSTANCE}/webhook/pause").status_code == 200
    for words in ("one", "two"):
        assert client.post("/_mock/inbound", json={"from": ANN, "text": words}).status_code == 201

    shown = show()

    assert '<span class="badge warn">paused</span>' in shown
    assert "<dt>Held</dt><dd>2 events</dd>" in shown
    assert f"POST instances/{INSTANCE}/webhook/resume" in shown
    assert f"POST instances/{INSTANCE}/webhook/pause" not in shown


def test_failures_in_a_row_are_shown(show: Show, world: World) -> None:
    world.instances.set_webhook(INSTANCE, None)
    webhook(world, failures=3)

    assert "3 failed in a row" in show()


def test_the_form_of_a_webhook_holds_what_is_set(show: Show, world: World) -> None:
    webhook(world, url="http://127.0.0.1:9/?a=%22", secret=SECRET, verification="post", retries=(1, 2.5, 1_000_000))

    form = show(f"{PARTS}/{INSTANCE}/webhook")

    assert 'value="http://127.0.0.1:9/?a=%22"' in form
    assert "<option selected>post</option>" in form
    assert "Remove the secret" in form
    assert 'value="1, 2.5, 1e+06"' in form  # which JavaScript reads as the same number
    world.instances.set_webhook(INSTANCE, None)
    assert "Remove the secret" not in show(f"{PARTS}/{INSTANCE}/webhook")


def test_settings_offer_every_status_and_delete_all_but_the_last_instance(show: Show, world: World) -> None:
    settings = show(f"{PARTS}/{INSTANCE}/settings")
    assert all(f">{status}</option>" in settings for status in INSTANCE_STATUSES)
    assert "<option selected>connected</option>" in settings
    assert f"DELETE instances/{INSTANCE}" not in settings

    world.instances.create(number="254700111222")

    assert f'data-do="DELETE instances/{INSTANCE}"' in show(f"{PARTS}/{INSTANCE}/settings")


def test_what_others_wrote_is_text(show: Show, world: World) -> None:
    world.instances.rename(INSTANCE, EVIL)
    webhook(world, url=f"http://127.0.0.1:9/{EVIL}")
    world.instances.create(number="254700111222", status="qr", name='"><img src=x>')

    for path in (PAGE, PARTS, f"{PARTS}/{INSTANCE}/webhook", f"{PARTS}/{INSTANCE}/settings"):
        shown = show(path)
        assert "<script>alert" not in shown
        assert "<img src=x>" not in shown
        assert "&lt;script&gt;alert" in shown
        assert "style=" not in shown
        assert " onclick=" not in shown


def test_no_dialog_for_what_is_not_there(client: Client) -> None:
    for path in (f"{PARTS}/none/webhook", f"{PARTS}/{INSTANCE}/keys", f"{PARTS}/none/settings"):
        assert client.get(path).status_code == 404, path
    assert client.get("/_mock/ui/w/nowhere/instances").status_code == 404


def test_links_of_a_part_lead_from_the_page_it_is_put_into(show: Show, world: World) -> None:
    world.pairing.set_status(INSTANCE, "qr")

    shown = show(PARTS, **{"HX-Current-URL": "https://proxy.example/deep/_mock/ui/w/default/instances"})

    assert 'src="../../../instances/' in shown
    assert 'hx-get="../../w/default/parts/instances/' in shown


def test_a_qr_code_that_is_scanned_by_itself_says_when(show: Show, world: World) -> None:
    world.pairing.change_settings(pairing_seconds=2.5)
    world.pairing.set_status(INSTANCE, "qr")

    assert "Scanned automatically 2.5 s after" in show()


def test_each_status_has_a_text() -> None:
    assert tuple(TEXTS["instances"]) == INSTANCE_STATUSES


def test_of_several_instances_each_has_a_card_of_its_own(world: World) -> None:
    other = world.instances.create(number="254700111222", name="Other", status="disconnected")
    shown = client_of(world).get(PARTS).text

    assert shown.count("<article") == 2
    assert shown.index(f"card-{INSTANCE}") < shown.index(f"card-{other.id}")
    ids = re.findall(r' id="([^"]+)"', shown)
    assert len(ids) == len(set(ids))


def test_what_the_page_is_made_of_is_served(client: Client, show: Show) -> None:
    for name in ("instances_people.css", "instances_people.js"):
        assert f"../../assets/{name}" in show()
        assert client.get(f"/_mock/ui/assets/{name}").status_code == 200


def test_an_event_of_ones_own_is_sent_from_a_sample_or_as_json(show: Show, world: World) -> None:
    webhook(world)
    assert f'parts/instances/{INSTANCE}/event"' in show()
    dialog = show(f"{PARTS}/{INSTANCE}/event")

    assert f'data-form="event" data-instance="{INSTANCE}"' in dialog
    filled = dict(re.findall(r'<option value="([^"]+)">([\w-]+)</option>', dialog))
    samples = {name: json.loads(unescape(value)) for value, name in filled.items()}
    assert samples == {name: sample_event(name) for name in event_names()}
    assert [list(samples["call"]), list(samples["message-null"]["data"])] == [
        ["event", "data"],
        ["from", "message", "timestamp", "id"],
    ]


def test_order_and_body_style_are_shown_and_set(show: Show, world: World) -> None:
    webhook(world)
    assert "later events overtake" not in show()
    dialog = show(f"{PARTS}/{INSTANCE}/webhook")
    assert '<input name="ordered" type="checkbox" checked>' in dialog
    assert "<option selected>raw</option><option>escaped</option>" in dialog

    webhook(world, ordered=False, body_style="escaped")

    assert "later events overtake retries" in show()
    assert "<dt>JSON</dt><dd>escaped</dd>" in show()
    dialog = show(f"{PARTS}/{INSTANCE}/webhook")
    assert '<input name="ordered" type="checkbox">' in dialog
    assert "<option>raw</option><option selected>escaped</option>" in dialog


def test_the_ca_and_whether_it_is_verified_are_shown_and_set(show: Show, world: World) -> None:
    webhook(world)
    assert "certificate not verified" not in show()
    assert "<dt>CA</dt>" not in show()
    dialog = show(f"{PARTS}/{INSTANCE}/webhook")
    assert '<input name="verify" type="checkbox" checked' in dialog
    assert "<details>" in dialog

    webhook(world, ca=authority().pem)
    assert "<dt>CA</dt><dd>the webhook's own, besides the public ones</dd>" in show()
    dialog = show(f"{PARTS}/{INSTANCE}/webhook")
    assert f">{' '.join(authority().pem.split())} </textarea>" in dialog
    assert "<details open>" in dialog

    webhook(world, verify=False)
    assert '<span class="badge warn">certificate not verified</span>' in show()
    dialog = show(f"{PARTS}/{INSTANCE}/webhook")
    assert '<input name="verify" type="checkbox" aria-describedby' in dialog
    assert "can read and change the events" in dialog
    assert "<details open>" in dialog


def test_a_card_tells_that_qr_codes_run_out(show: Show, world: World) -> None:
    world.pairing.set_status(INSTANCE, "qr")
    assert "Disconnects after" not in show()
    world.pairing.change_settings(qr_codes=5)

    assert "Disconnects after 5 QR codes of a minute each." in show()


def test_a_card_counts_what_waits_for_the_phone(show: Show, world: World) -> None:
    world.pairing.set_status(INSTANCE, "disconnected")
    for expected in ("1 event waits until it is connected.", "2 events wait until it is connected."):
        world.inbound.receive(InboundMessage(ANN, text="hi"))
        assert expected in show()
    world.pairing.set_status(INSTANCE, "connected")
    assert "until it is connected" not in show()
