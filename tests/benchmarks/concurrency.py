"""Lets many clients mix every call of the API and most of the control plane, and checks what must hold then.

    python -m tests.benchmarks.concurrency [--clients 64] [--seconds 60] [--seed 1]

The emulator is a process of its own: clients in its process would share its interpreter lock, and slow down
what they measure. The clients are threads of one process, each with a connection that it keeps: a call over
http.client costs a fraction of what the emulator needs to answer it, so the emulator is the bottleneck, and
threads can share what they know (which groups, tasks and deliveries there are) without sending it around.

Each client goes through all calls in an order of its own, again and again. Everybody works in the default
world, which is never reset, so that everything in it can be accounted for; what tears a world down (resets,
snapshots, imports, deletions, disconnected phones, faults) happens in four other worlds, while others use
these. A reader of the event stream sees every message and task of the default world, and a receiver gets its
webhook events.

At the end one table is printed, and it exits with 1 unless all of this holds:

- every call was answered with a status that is documented for it: 5xx only where a magic number or the
  documentation says so; nothing went unanswered for 30 s (if it does, the stacks of all the emulator's
  threads are printed)
- messages are there as often as they were sent, each with an id of its own; no task was sent twice, none
  after it was cancelled, and none is left
- groups are as large as the list of their members is long, with nobody in them twice and one superadmin each
- each inbound message made one delivery, and reached the receiver once
- the emulator is healthy, and has logged neither errors nor warnings
"""

from __future__ import annotations

import argparse
import http.client
import json
import random
import statistics
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

from tests.benchmarks.support import KEY, percentile, started, table
from tests.receiver import Receiver

STUCK_SECONDS = 30
CALL_SECONDS = 120
HISTORY = 1_000_000
MAX_GROUPS = 40
KEPT = 200
MAX_PROBLEMS = 20
MAX_LOG = 20_000
WORLDS = 4
ANN, BEN = "254712345678", "254723456789"
FAMILY, PROJECT = "120363420250618357@g.us", "120363422712338174@g.us"
ENGINEERING, NAIVAS = "120363406469149890@newsletter", "120363313617097254@newsletter"
INVITE = "0029VanAL05IHphM6gyJ7h02"
FAILING, GONE, SLOW = "999000000500", "999000000404", "999000000408"
REFUSED = {"999000000425": 425, "999000000429": 429, "999000000503": 503}
PEOPLE = [f"2547000001{number:02}" for number in range(40)]
ANYTHING = frozenset({200, 201, 202, 400, 401, 403, 404, 408, 409, 422, 425, 429})
"""What calls to a world may answer that somebody else resets, breaks or deletes meanwhile."""

Answer = tuple[int, Any]


@dataclass
class Shared:
    """What all clients know, and what came of their calls."""

    stop: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)
    problems: list[str] = field(default_factory=list)
    calls: dict[str, list[tuple[int, float]]] = field(default_factory=lambda: defaultdict(list))
    sent: Counter[str] = field(default_factory=Counter)
    tasks: dict[str, str] = field(default_factory=dict)
    cancelled: set[str] = field(default_factory=set)
    inbound: dict[str, str] = field(default_factory=dict)
    groups: list[str] = field(default_factory=lambda: [FAMILY, PROJECT])
    channels: list[str] = field(default_factory=lambda: [ENGINEERING])
    media: list[str] = field(default_factory=list)
    now: str = ""
    event: int = 0
    answered_at: float = 0.0

    def problem(self, text: str) -> None:
        with self.lock:
            self.problems.append(text)


class Client:
    """Makes calls over one connection, in an order that its seed decides.

    Args:
        number: which of the clients it is.
        rounds: after how many it ends; None for when it is told to.
    """

    def __init__(self, shared: Shared, port: int, number: int, seed: int, rounds: int | None) -> None:
        self.shared = shared
        self.number = number
        self.rounds = rounds
        self.random = random.Random(f"{seed} {number}")
        self.count = 0
        self.results: list[tuple[str, int, float]] = []
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=CALL_SECONDS)

    def run(self) -> None:
        """Make calls until it is enough; whatever goes wrong is a problem."""
        try:
            for _ in count() if self.rounds is None else range(self.rounds):
                deck = [call for call, times in DECK for _ in range(times)]
                self.random.shuffle(deck)
                for call in deck:
                    if self.shared.stop.is_set():
                        return
                    call(self)
        except Exception as error:
            self.shared.problem(f"client {self.number} gave up: {error!r}")
        finally:
            self._connection.close()
            with self.shared.lock:
                for name, status, seconds in self.results:
                    self.shared.calls[name].append((status, seconds))

    def api(self, method: str, path: str, body: Any = None, *, ok: Iterable[int] = (200,)) -> Answer:
        """Make a call of the API in the default world."""
        return self.call(method, path, body, key=KEY, ok=ok)

    def mock(self, method: str, path: str, body: Any = None, *, ok: Iterable[int] = (200,)) -> Answer:
        """Make a call of the control plane."""
        return self.call(method, f"/_mock/{path}", body, ok=ok)

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        key: str | None = None,
        form: bytes | None = None,
        ok: Iterable[int],
    ) -> Answer:
        """Make a call, and note how long it took and whether its status is one that it may have."""
        headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        data = form
        if form is not None:
            headers["Content-Type"] = "multipart/form-data; boundary=load"
        elif body is not None:
            headers["Content-Type"] = "application/json"
            data = json.dumps(body).encode()
        begun = time.perf_counter()
        self._connection.request(method, path, data, headers)
        response = self._connection.getresponse()
        raw = response.read()
        ended = time.perf_counter()
        self.count += 1
        self.shared.answered_at = ended
        self.results.append((f"{method} {pattern(path)}", response.status, ended - begun))
        if response.status not in ok:
            self.shared.problem(f"{method} {path} {data!r:.300}: {response.status} {raw[:300]!r}")
        is_json = (response.getheader("Content-Type") or "").startswith("application/json")
        return response.status, json.loads(raw) if is_json else raw

    def tag(self) -> str:
        """Return a text that nobody else writes."""
        return f"c{self.number}-{self.count}"

    def person(self) -> str:
        return self.random.choice(PEOPLE)

    def group(self) -> str:
        return self.random.choice(self.shared.groups)

    def channel(self) -> str:
        return self.random.choice([*self.shared.channels, NAIVAS])

    def soon(self) -> str:
        """Return a time of the default world that is most likely to come."""
        now = datetime.fromisoformat(self.shared.now).astimezone(UTC)
        return f"{now + timedelta(seconds=self.random.randint(60, 600)):%Y-%m-%d %H:%M:%S}"


def pattern(path: str) -> str:
    """Return a path with names in the place of what differs from call to call."""
    plain = path.partition("?")[0]
    parts = plain.strip("/").split("/")
    if parts[0] == "v":
        return "/v/{folder}/{name}"
    collections = {
        "groups": "{jid}",
        "channels": "{jid}",
        "invite": "{code}",
        "scheduled-messages": "{id}",
        "worlds": "{name}",
        "snapshots": "{name}",
        "people": "{number}",
        "instances": "{id}",
        "api-keys": "{id}",
        "deliveries": "{id}",
        "media": "{id}",
        "faults": "{id}",
    }
    fixed = {"send-message", "invite", "settle", "search", "wait", "verify", "redeliver"}
    shown = [
        collections[before] if before in collections and part not in fixed else part
        for before, part in zip(["", *parts], parts, strict=False)
    ]
    return "/" + "/".join(shown)


# --- the API, in the default world


def send_text(client: Client) -> None:
    tag, people = client.tag(), [client.person() for _ in range(client.random.randint(1, 3))]
    body = {"recipients": [*people, FAILING, GONE, "nobody"], "type": "text", "text": tag}
    _, response = client.api("POST", "/send-message", body)
    expect(client, tag, len(response["successful_recipients"]) + len(response["failed_recipients"]))


def send_url(client: Client) -> None:
    tag = client.tag()
    body = {"recipients": [ANN], "type": "image", "url": "https://example.com/a.png", "caption": tag}
    client.api("POST", "/send-message", body)
    expect(client, tag, 1)


def send_template(client: Client) -> None:
    body = {"recipients": [ANN], "type": "template", "template": {"name": client.tag()}}
    client.api("POST", "/send-message", body)


def send_file(client: Client) -> None:
    tag = client.tag()
    parts = {"recipients[]": ANN, "type": "document", "caption": tag}
    lines = [
        f'--load\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in parts.items()
    ]
    lines.append('--load\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\n')
    form = "".join(lines).encode() + b"x" * client.random.randint(1, 20_000) + b"\r\n--load--\r\n"
    client.call("POST", "/send-message", key=KEY, form=form, ok=(200,))
    expect(client, tag, 1)


def send_magic(client: Client) -> None:
    number, status = client.random.choice(list(REFUSED.items()))
    tag = client.tag()
    client.api("POST", "/send-message", {"recipients": [ANN, number], "type": "text", "text": tag}, ok=(status,))
    expect(client, tag, 0)


def send_slow(client: Client) -> None:
    if client.rounds is None and client.random.random() < 0.1:  # it takes five seconds
        client.api("POST", "/check-number", {"number": SLOW})


def send_nonsense(client: Client) -> None:
    client.api("POST", "/send-message", {"recipients": [], "type": "text"}, ok=(400,))
    client.call("GET", "/groups", key="nobody's", ok=(401,))
    client.api("GET", "/no-such-path", ok=(404,))


def check_number(client: Client) -> None:
    client.api("POST", "/check-number", {"number": client.person()})


def schedule(client: Client) -> None:
    tag = client.tag()
    body = {"recipients": [ANN], "type": "text", "text": tag, "sendAt": client.soon()}
    status, response = client.api("POST", "/schedule-message", body, ok=(200, 400))
    if status == 200:
        with client.shared.lock:
            client.shared.tasks[response["task_id"]] = tag


def list_scheduled(client: Client) -> None:
    client.api("GET", "/scheduled-messages")


def update_scheduled(client: Client) -> None:
    schedule(client)
    if id_ := a_task(client):
        client.api("PATCH", f"/scheduled-messages/{id_}", {"sendAt": client.soon()}, ok=(200, 400))


def cancel_scheduled(client: Client) -> None:
    if id_ := a_task(client):
        status, _ = client.api("DELETE", f"/scheduled-messages/{id_}", ok=(200, 404))
        if status == 200:
            with client.shared.lock:
                if id_ in client.shared.cancelled:
                    client.shared.problems.append(f"task {id_} was cancelled twice")
                client.shared.cancelled.add(id_)


def create_group(client: Client) -> None:
    shared = client.shared
    if len(shared.groups) >= MAX_GROUPS:
        use_other_world(client, "POST", "/groups", {"subject": "Another", "participants": [ANN]})
        return
    people = list({client.person() for _ in range(5)})
    _, response = client.api("POST", "/groups", {"subject": client.tag(), "participants": people})
    if response["data"]["size"] != len(people) + 1:
        shared.problem(f"a group of {len(people) + 1} was made with {response['data']['size']}")
    shared.groups.append(response["data"]["id"])


def list_groups(client: Client) -> None:
    _, response = client.api("GET", f"/groups?page={client.random.randint(1, 4)}&limit=10")
    for group in response["data"].values():
        check_group(client.shared, group)


def group_info(client: Client) -> None:
    client.api("GET", f"/groups/{client.group()}")


def invite_link(client: Client) -> None:
    client.api("GET", f"/groups/{client.group()}/invite-link")


def send_to_groups(client: Client) -> None:
    tag, jids = client.tag(), [client.group(), client.group(), "120363000000000000@g.us"]
    _, response = client.api("POST", "/groups/send-message", {"groupJids": jids, "type": "text", "text": tag})
    expect(client, tag, len(response["data"]["delivered"]))


def manage(action: str) -> Callable[[Client], None]:
    def act(client: Client) -> None:
        people = list({client.person() for _ in range(client.random.randint(1, 2))})
        body = {"action": action, "participants": people}
        client.api("POST", f"/groups/{client.group()}/participants", body, ok=(200, 400))

    return act


def create_channel(client: Client) -> None:
    _, response = client.api("POST", "/channels", {"name": client.tag()})
    if len(client.shared.channels) < MAX_GROUPS:
        client.shared.channels.append(response["channel"]["id"])


def list_channels(client: Client) -> None:
    client.api("GET", "/channels", ok=(501,))


def channel_info(client: Client) -> None:
    client.api("GET", f"/channels/{client.channel()}")


def channel_by_invite(client: Client) -> None:
    client.api("GET", f"/channels/invite/{INVITE}")


def update_channel(client: Client) -> None:
    client.api("PUT", f"/channels/{client.channel()}", {"description": client.tag()}, ok=(200, 403))


def follow_channel(client: Client) -> None:
    client.api("POST", f"/channels/{client.channel()}/follow")


def unfollow_channel(client: Client) -> None:
    client.api("POST", f"/channels/{client.channel()}/unfollow", ok=(200, 400))


def post_in_channel(client: Client) -> None:
    tag = client.tag()
    body = {"type": "text", "text": tag}
    status, _ = client.api("POST", f"/channels/{client.channel()}/message", body, ok=(200, 403))
    expect(client, tag, int(status == 200))


def expect(client: Client, tag: str, times: int) -> None:
    with client.shared.lock:
        client.shared.sent[tag] = times


def a_task(client: Client) -> str | None:
    with client.shared.lock:
        recent = list(client.shared.tasks)[-KEPT:]
    return client.random.choice(recent) if recent else None


def check_group(shared: Shared, group: Mapping[str, Any]) -> None:
    """Note if a group, as it is listed, is not as it must be."""
    people = [one["id"] for one in group["participants"]]
    superadmins = [one["admin"] for one in group["participants"]].count("superadmin")
    if not group["size"] == len(people) == len(set(people)) or superadmins != 1:
        shared.problem(f"group {group['id']}: size {group['size']}, people {group['participants']}")


# --- the control plane, in the default world


def inbound(client: Client) -> None:
    body = {"from": client.person(), "text": client.tag()}
    _, response = client.mock("POST", "inbound", body, ok=(201,))
    delivery = response["delivery"]["id"]
    with client.shared.lock:
        client.shared.inbound[response["event"]["data"]["id"]] = delivery
    client.mock("GET", f"deliveries/{delivery}")


def inbound_file(client: Client) -> None:
    body = {"from": client.person(), "media": {"sample": "jpeg"}}
    _, response = client.mock("POST", "inbound", body, ok=(201,))
    url = response["event"]["data"]["message"]["imageMessage"]["url"]
    with client.shared.lock:
        client.shared.inbound[response["event"]["data"]["id"]] = response["delivery"]["id"]
    client.call("GET", "/v/" + url.partition("/v/")[2], ok=(200,))


def advance(client: Client) -> None:
    _, response = client.mock("POST", "clock/advance", {"seconds": client.random.randint(1, 60)})
    client.shared.now = response["now"]


def read_clock(client: Client) -> None:
    client.mock("GET", "clock")


def health(client: Client) -> None:
    client.mock("GET", "health")


def lists(client: Client) -> None:
    name = client.random.choice(("messages", "requests", "deliveries", "events"))
    _, response = client.mock("GET", f"{name}?limit=5")
    if name == "messages" and response["messages"]:
        client.shared.event = max(client.shared.event, response["messages"][-1]["event"])
        media = [one["media"] for one in response["messages"] if one["media"]]
        client.shared.media[:] = [*client.shared.media[-10:], *media]


def list_tasks(client: Client) -> None:
    client.mock("GET", "scheduled")


def fetch_media(client: Client) -> None:
    if client.shared.media:
        client.mock("GET", f"media/{client.random.choice(client.shared.media)}")


def wait(client: Client) -> None:
    """Send something, and wait for it."""
    tag = client.tag()
    client.api("POST", "/send-message", {"recipients": [ANN], "type": "text", "text": tag})
    expect(client, tag, 1)
    client.mock(
        "POST", "messages/wait", {"match": {"text": tag}, "timeout": 60, "since": max(0, client.shared.event - KEPT)}
    )


def wait_in_vain(client: Client) -> None:
    body = {"match": {"text": "nobody writes this"}, "timeout": 0.2, "since": client.shared.event}
    client.mock("POST", "messages/wait", body, ok=(408, 409))


def wait_for_delivery(client: Client) -> None:
    _, response = client.mock("POST", "inbound", {"from": ANN, "text": client.tag()}, ok=(201,))
    message, delivery = response["event"]["data"]["id"], response["delivery"]
    with client.shared.lock:
        client.shared.inbound[message] = delivery["id"]
    match = {"message": message, "status": {"one_of": ["delivered", "held"]}}
    since = max(0, delivery["event"] - 1)
    client.mock("POST", "deliveries/wait", {"match": match, "timeout": 60, "since": since})


def verify(client: Client) -> None:
    body = {"match": {"status": 500}, "never": True, "since": client.shared.event}
    client.mock("POST", "requests/verify", body, ok=(200, 409))


def search(client: Client) -> None:
    client.mock("POST", "requests/search", {"match": {"method": "POST"}, "since": client.shared.event})


def settle(client: Client) -> None:
    client.mock("POST", "deliveries/settle")


def pause(client: Client) -> None:
    """Hold the webhook's events back for a moment."""
    if client.random.random() < 0.3:
        client.mock("POST", "instances/default/webhook/pause")
        client.mock("POST", "instances/default/webhook/resume")


def make_group(client: Client) -> None:
    world = a_world(client)
    body = {"subject": "Made", "participants": [ANN, BEN]}
    client.mock("POST", f"groups?world={world}", body, ok=ANYTHING)
    client.mock("GET", f"groups?world={world}", ok=ANYTHING)


def people(client: Client) -> None:
    number = f"25470000099{client.random.randint(0, 9)}"
    client.mock("PUT", f"people/{number}", {"name": client.tag()})
    client.mock("DELETE", f"people/{number}", ok=(200, 404))


def snapshot(client: Client) -> None:
    """Keep what the default world is like; nobody returns to it."""
    if client.random.random() < 0.2:
        name = f"snapshot-{client.number % 4}"
        client.mock("POST", f"snapshots/{name}", ok=(201,))
        client.mock("GET", "snapshots")
        client.mock("DELETE", f"snapshots/{name}", ok=(200, 404))


# --- other worlds, which are torn down


def a_world(client: Client) -> str:
    return f"other-{client.random.randrange(WORLDS)}"


def use_other_world(client: Client, method: str, path: str, body: Any = None) -> Answer:
    return client.call(method, path, body, key=f"key-of-{a_world(client)}", ok=ANYTHING)


def make_world(client: Client) -> None:
    name = a_world(client)
    client.mock("POST", "worlds", {"name": name, "api_key": f"key-of-{name}"}, ok=(201, 409))


def show_worlds(client: Client) -> None:
    client.mock("GET", "worlds")
    client.mock("GET", f"worlds/{a_world(client)}", ok=(200, 404))


def delete_world(client: Client) -> None:
    if client.random.random() < 0.3:
        name = a_world(client)
        client.mock("DELETE", f"worlds/{name}", ok=(200, 404))
        client.mock("POST", "worlds", {"name": name, "api_key": f"key-of-{name}"}, ok=(201, 409))


def reset(client: Client) -> None:
    client.mock("POST", f"reset?world={a_world(client)}", ok=(200, 404))


def send_elsewhere(client: Client) -> None:
    use_other_world(client, "POST", "/send-message", {"recipients": [ANN], "type": "text", "text": "Hello"})
    later = {"recipients": [ANN], "type": "text", "text": "Later", "sendAt": "2090-01-01 00:00:00"}
    use_other_world(client, "POST", "/schedule-message", later)
    use_other_world(client, "GET", "/scheduled-messages")
    use_other_world(client, "GET", "/groups")


def restore(client: Client) -> None:
    path = f"snapshots/kept{{}}?world={a_world(client)}"
    client.mock("POST", path.format(""), ok=(201, 404))
    client.mock("POST", path.format("/restore"), ok=(200, 404))
    client.mock("DELETE", path.format(""), ok=(200, 404))


def export(client: Client) -> None:
    world = a_world(client)
    status, exported = client.mock("GET", f"world?world={world}&with_secrets=true", ok=(200, 404))
    if status == 200:
        client.mock("PUT", f"world?world={world}", exported, ok=(200, 404, 409))


def advance_elsewhere(client: Client) -> None:
    world = a_world(client)
    client.mock("PATCH", f"clock?world={world}", {"frozen": bool(client.count % 2)}, ok=(200, 404))
    client.mock("POST", f"clock/advance?world={world}", {"seconds": 60}, ok=(200, 404))
    client.mock("POST", f"clock/advance?world={world}", {"to_next": True}, ok=(200, 404))


def break_phone(client: Client) -> None:
    world = a_world(client)
    client.mock("POST", f"instances/default/disconnect?world={world}", ok=(200, 404))
    client.mock("POST", f"instances/default/reconnect?world={world}", ok=(200, 404, 409))
    client.mock("GET", f"instances/default/qr?world={world}", ok=(200, 404, 409))
    client.mock("POST", f"instances/default/status?world={world}", {"status": "connected"}, ok=(200, 404))


def instances(client: Client) -> None:
    world = a_world(client)
    status, made = client.mock("POST", f"instances?world={world}", {}, ok=(201, 404))
    client.mock("GET", f"instances?world={world}", ok=(200, 404))
    client.mock("GET", f"instances/default?world={world}", ok=(200, 404))
    if status == 201:
        client.mock("POST", f"instances/{made['id']}/api-keys?world={world}", {}, ok=(201, 404))
        client.mock("DELETE", f"instances/{made['id']}?world={world}", ok=(200, 404))


def fault(client: Client) -> None:
    world = a_world(client)
    body = {"match": {"path": "/send-message"}, "respond": {"status": 429}, "times": 1}
    client.mock("POST", f"faults?world={world}", body, ok=(201, 404, 409))
    client.mock("GET", f"faults?world={world}", ok=(200, 404))
    client.mock("DELETE", f"faults?world={world}", ok=(200, 404))


def write_elsewhere(client: Client) -> None:
    """Write to a world whose receiver is not there, so that deliveries fail and are tried again."""
    world = a_world(client)
    webhook = {"url": "http://127.0.0.1:9/webhook", "retries": [0, 1, 5]}
    client.mock("PUT", f"instances/default/webhook?world={world}", webhook, ok=(200, 404))
    client.mock("POST", f"inbound?world={world}", {"from": ANN, "text": "hi"}, ok=(201, 404, 409))
    client.mock("POST", f"deliveries/redeliver?world={world}", {"status": "failed"}, ok=(202, 404, 409))


DECK: tuple[tuple[Callable[[Client], None], int], ...] = (
    (send_text, 6),
    *((call, 3) for call in (inbound, wait, schedule, cancel_scheduled, send_elsewhere)),
    *((manage(action), 2) for action in ("add", "remove", "promote", "demote")),
    *(
        (call, 1)
        for call in (
            send_url, send_template, send_file, send_magic, send_slow, send_nonsense, check_number,
            list_scheduled, update_scheduled, create_group, list_groups, group_info, invite_link,
            send_to_groups, create_channel, list_channels, channel_info, channel_by_invite, update_channel,
            follow_channel, unfollow_channel, post_in_channel, inbound_file, advance, read_clock, health,
            lists, list_tasks, fetch_media, wait_in_vain, wait_for_delivery, verify, search, settle, pause,
            make_group, people, snapshot, make_world, show_worlds, delete_world, reset, restore, export,
            advance_elsewhere, break_phone, instances, fault, write_elsewhere,
        )
    ),
)  # fmt: skip
"""Every call, and how often it is made in each round."""


# --- those who watch


class Reader:
    """Reads the event stream of the default world: every message and task, as it comes."""

    def __init__(self, shared: Shared, port: int) -> None:
        self._shared = shared
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=CALL_SECONDS)
        self.texts: Counter[str] = Counter()
        self.ids: Counter[str] = Counter()
        self.ends: dict[str, list[str]] = defaultdict(list)
        self.last = 0
        self._connection.request("GET", "/_mock/events?stream=true&since=0&kind=message,task")
        self._answer = self._connection.getresponse()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._seen = threading.Condition()
        self._thread.start()

    def wait_for(self, event: int, seconds: float) -> bool:
        """Wait until everything up to an event was read, and return whether it was."""
        with self._seen:
            return self._seen.wait_for(lambda: self.last >= event, seconds)

    def _read(self) -> None:
        for kind, event in self._events():
            if kind == "evicted":
                self._shared.problem(f"the stream lost events: {event}")
                continue
            if event["id"] <= self.last:
                self._shared.problem(f"event {event['id']} came after {self.last}")
            self._take(kind, event[kind])
            with self._seen:
                self.last = event["id"]
                self._seen.notify_all()

    def _take(self, kind: str, happened: Mapping[str, Any]) -> None:
        if kind == "message":
            self.ids[happened["id"]] += 1
            if happened["direction"] == "outbound":
                self.texts[happened["text"] or happened["caption"] or ""] += 1
        elif happened["action"] not in ("scheduled", "updated"):
            self.ends[happened["id"]].append(happened["action"])

    def _events(self) -> Iterator[tuple[str, Any]]:
        kind = ""
        try:
            for line in self._answer:
                name, _, value = line.decode().rstrip("\r\n").partition(": ")
                if name == "event":
                    kind = value
                elif name == "data":
                    yield kind, json.loads(value)
        except (OSError, ValueError, http.client.HTTPException):
            return  # the emulator has stopped
        finally:
            self._connection.close()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it all: what went wrong, and by call the status and the seconds of each."""

    problems: list[str]
    calls: Mapping[str, list[tuple[int, float]]]
    seconds: float
    memory: float  # the emulator's at its peak, in MB
    processor_seconds: float  # the emulator's

    @property
    def count(self) -> int:
        return sum(map(len, self.calls.values()))

    def table(self) -> str:
        """Show how often each call got which status, and how long it took."""
        rows = [("call", "calls", "p50 ms", "p99 ms", "statuses")]
        rows += [row(name, self.calls[name]) for name in sorted(self.calls, key=by_path)]
        rows.append(row("all", [one for results in self.calls.values() for one in results]))
        return table(rows)


def by_path(name: str) -> tuple[bool, str, str]:
    method, _, path = name.partition(" ")
    return path.startswith("/_mock"), path, method


def row(name: str, results: list[tuple[int, float]]) -> tuple[str, str, str, str, str]:
    statuses = " ".join(f"{status}:{count}" for status, count in sorted(Counter(s for s, _ in results).items()))
    seconds = [taken for _, taken in results]
    median, late = statistics.median(seconds) * 1000, percentile(seconds, 99) * 1000
    return name, f"{len(results):,}", f"{median:.1f}", f"{late:.1f}", statuses


def run(
    clients: int, seed: int, *, seconds: float | None = None, rounds: int | None = None, checkout: Path | None = None
) -> Outcome:
    """Let so many clients work for so many seconds, or each for so many rounds of all calls.

    Args:
        checkout: where the emulator is from, if not from here.
    """
    shared = Shared()
    with Receiver() as receiver, started("--history", str(HISTORY), checkout=checkout) as emulator:
        control = Client(shared, emulator.port, -1, seed, None)
        shared.now = control.mock("GET", "clock")[1]["now"]
        control.mock("PUT", "instances/default/webhook", {"url": receiver.url})
        for number in range(WORLDS):
            make = {"name": f"other-{number}", "api_key": f"key-of-other-{number}"}
            control.mock("POST", "worlds", make, ok=(201,))
        reader = Reader(shared, emulator.port)
        begun = shared.answered_at = time.perf_counter()
        working = [
            threading.Thread(target=Client(shared, emulator.port, number, seed, rounds).run, daemon=True)
            for number in range(clients)
        ]
        for thread in working:
            thread.start()
        stuck = watch(shared, working, begun, seconds)
        took, memory, used = time.perf_counter() - begun, emulator.peak_memory, emulator.processor_seconds
        if stuck:
            shared.problem(f"no call was answered for {STUCK_SECONDS} s: {emulator.stacks()}")
        else:
            with closing(control._connection):
                control._connection.close()  # it has idled for too long; the next call opens it again
                try:
                    account(shared, control, reader, receiver)
                except (OSError, http.client.HTTPException) as error:
                    shared.problem(f"the emulator cannot be asked ({emulator.state}): {error!r}")
            if log := emulator.log():
                shared.problem(f"the emulator logged: {log[:MAX_LOG]}")
    with shared.lock:
        return Outcome(shared.problems, dict(shared.calls), took, memory, used)


def watch(shared: Shared, working: list[threading.Thread], begun: float, seconds: float | None) -> bool:
    """See the clients to their end, and return whether they are stuck."""
    while any(thread.is_alive() for thread in working):
        now = time.perf_counter()
        if seconds is not None and now - begun >= seconds:
            shared.stop.set()
        if now - shared.answered_at > STUCK_SECONDS:
            shared.stop.set()
            return True
        time.sleep(0.05)
    return False


def account(shared: Shared, control: Client, reader: Reader, receiver: Receiver) -> None:
    """Compare what there is to what there should be."""
    control.mock("POST", "instances/default/webhook/resume")
    control.mock("POST", "clock/advance", {"seconds": 3600})  # whatever is still scheduled is sent
    if not control.mock("POST", "deliveries/settle")[1]["settled"]:
        shared.problem("some deliveries are still under way")
    if control.mock("GET", "scheduled")[1]["scheduled"]:
        shared.problem("some tasks are still to be sent")
    last = control.mock("GET", "events?limit=1000")[1]["events"]
    told = [event["id"] for event in last if event["kind"] in ("message", "task")]
    if not reader.wait_for(max(told, default=0), STUCK_SECONDS):
        shared.problem("the stream has not told of everything")

    check_messages(shared, reader)
    check_deliveries(shared, control, receiver)
    for group in control.api("GET", "/groups")[1]["data"].values():
        check_group(shared, group)
        people = control.api("GET", f"/groups/{group['id']}")[1]["data"]["participants"]
        if people != group["participants"]:
            shared.problem(f"group {group['id']} is shown with other people than it is listed with")
    if control.mock("GET", "health")[1]["status"] != "ok":
        shared.problem("the emulator is not healthy")


def check_messages(shared: Shared, reader: Reader) -> None:
    """See that messages are there as often as they should be, and tasks were sent once."""
    twice = [id_ for id_, times in reader.ids.items() if times > 1]
    if twice:
        shared.problem(f"ids of several messages: {twice[:5]}")
    for id_, tag in shared.tasks.items():
        expected = ["cancelled"] if id_ in shared.cancelled else ["sent"]
        if reader.ends[id_] != expected:
            shared.problem(f"task {id_} was {reader.ends[id_]}, expected {expected}")
        shared.sent[tag] = int(id_ not in shared.cancelled)
    for tag, times in shared.sent.items():
        if reader.texts[tag] != times:
            shared.problem(f"{tag} was sent {reader.texts[tag]} times, expected {times}")


def check_deliveries(shared: Shared, control: Client, receiver: Receiver) -> None:
    """See that each inbound message made one delivery, and was received once."""
    kept = control.mock("GET", "deliveries")[1]
    if kept["evicted"]:
        shared.problem(f"{kept['evicted']} deliveries are no longer kept")
    made = {one["message"]: one for one in kept["deliveries"]}
    received = Counter(asked.event["data"]["id"] for asked in receiver.asked)
    if len(kept["deliveries"]) != len(shared.inbound):
        shared.problem(f"{len(kept['deliveries'])} deliveries of {len(shared.inbound)} messages")
    for message, delivery in shared.inbound.items():
        found = made.get(message, {"id": None, "status": "missing"})
        if found["id"] != delivery or found["status"] != "delivered" or received[message] != 1:
            shared.problem(f"message {message} was received {received[message]} times: {found!r:.500}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, default=64, help="how many clients there are")
    parser.add_argument("--seconds", type=float, default=60, help="how long they work")
    parser.add_argument("--seed", type=int, default=1, help="decides the order of each client's calls")
    wanted = parser.parse_args()

    outcome = run(wanted.clients, wanted.seed, seconds=wanted.seconds)
    print(outcome.table())
    rate = outcome.count / outcome.seconds
    print(f"\n{outcome.count:,} calls of {wanted.clients} clients in {outcome.seconds:.0f} s, {rate:.0f}/s")
    telling = sorted(outcome.problems, key=lambda problem: problem.startswith("client "))
    for problem in telling[:MAX_PROBLEMS]:
        print(f"- {problem}")
    print(f"problems: {len(outcome.problems)}")
    if outcome.problems:
        sys.exit(1)


if __name__ == "__main__":
    main()
