"""The bot of the shipped world `demo`: an application that gets webhook events, and replies over the API with its key.

It keeps nothing: what it knows of a customer follows from the messages of the world, so it survives exports and resets.
"""

import json
import re
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from functools import partial
from threading import Lock
from typing import Any
from weakref import WeakKeyDictionary
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment
from zoneinfo import ZoneInfo

from werkzeug.test import Client
from werkzeug.wrappers import Request, Response

from flaresend_mock.background.applications import origin
from flaresend_mock.core import event_bodies, hosts, inbound, numbers, payloads
from flaresend_mock.core.models import Instance, Message, TaskChange
from flaresend_mock.core.world import World
from flaresend_mock.package_data import load_fixture

BOT = load_fixture("demo/bot.json")
TEXTS: dict[str, str] = BOT["texts"]
AGENT = "demo-bot/1.0"
MAX_READ = 500  # characters of a text: patterns may take the square of its length, while the world waits
_WORDS = {name: re.compile(rf"\b(?:{words})(?!\w)", re.IGNORECASE) for name, words in BOT["words"].items()}
_AT_NEXT_ATTEMPT = (401, 408, 425, 429)  # of the delivery, the bot tries again; with a 5xx, also at once
_turns: WeakKeyDictionary[World, Lock] = WeakKeyDictionary()


def bot(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Accept an event once all that it asks for is done. Until then, its delivery is to be tried again."""
    event, known = json.loads(Request(environ).get_data() or b"{}"), origin.get()
    done = known is None or event.get("event") != inbound.EVENT or _handle(event, *known)
    body = b'{"received":true}' if done else b'{"received":false,"reason":"the reply could not be sent"}'
    return Response(body, 200 if done else 503, content_type="application/json")(environ, start_response)


class Talk:
    """A conversation with one customer until an event: the last reply, and the order with the time when it is ready."""

    def __init__(self, world: World, instance: Instance, chat: str, sender: str, until: float = float("inf")) -> None:
        self.stage, self.order, self.said = "start", "", set[str]()
        self.ready: datetime | None = None
        self.reply: str | None = None
        self.reminder: tuple[str, str] | None = None  # its text, and its local time
        self.former = self.reminder  # before the last message
        self._zone, self._last = ZoneInfo(world.state.time_zone), ""
        was_by_rule = False
        with world.lock:
            for one in world.state.messages:
                is_here = (one.chat, one.sender, one.instance) == (chat, sender, instance.id)
                if is_here and one.event <= until and _is_for_bot(world, instance, one):
                    self.former, self.reply = self.reminder, None
                    if not (was_by_rule and one.content.by_rule):  # else auto-replies would go on for ever
                        self._hear(one)
                    was_by_rule = one.content.by_rule

    def _hear(self, message: Message) -> None:
        content = payloads.read(message.payload)
        kind, text = BOT["same"].get(content.type, content.type), (content.text or content.caption or "")[:MAX_READ]
        if self.ready and message.at >= self.ready:
            self._enter("start")
        self.said.add(text.lower() if kind == "text" else kind)
        fits = (name for name, words in _WORDS.items() if words.search(text))
        name = next(fits, "puzzled") if kind == "text" else kind if kind in TEXTS else "silence"
        order = self.order
        if name == "order" and (found := _WORDS[name].search(text)):
            order = found[1].strip(" ?!.*_")[:100]
            name = "ask" if "cake" in order.lower() and self._last != "image" else "noted" if order else "what"
        elif self.stage == "picture" and name in ("image", "plain"):
            name = "noted"
        elif name in ("mine", "plain", "cancel") and (not self.order or name != "cancel"):
            name = {"start": "nothing", "picture": "ask"}.get(self.stage, "mine")
        if name in ("ask", "noted"):
            self._enter("picture" if name == "ask" else "ordered", order)
        if name == "noted":
            ready = message.at + timedelta(hours=3 if "cake" in order.lower() else 0.5)
            self.ready = ready.astimezone(self._zone).replace(second=0, microsecond=0)
            self.reminder = self._text("reminder") or "", f"{self.ready:%Y-%m-%d %H:%M:%S}"
        self.reply = None if name == self._last == "puzzled" else self._text(name)
        self._last = name
        if name == "cancel":
            self._enter("start")

    def _text(self, name: str) -> str | None:
        ready = f"{self.ready:%A at %H:%M}" if self.ready else ""
        return TEXTS[name].format(order=self.order, ready=ready) if name in TEXTS else None

    def _enter(self, stage: str, order: str = "") -> None:
        self.stage, self.order, self.ready, self.reminder, self.said = stage, order, None, None, set()


def suggestions(world: World, instance: Instance, chat: str) -> tuple[dict[str, Any], datetime | None]:
    """Return messages that go on with the conversation with a person, by label, and when an order will be ready."""
    talk = Talk(world, instance, chat, chat.removesuffix(numbers.USER))
    ready = talk.ready if talk.ready and talk.ready > world.clock.now() else None
    chips = {label: BOT["chips"][label] for label in BOT["stages"][talk.stage if ready == talk.ready else "ready"]}
    return {label: one for label, one in chips.items() if one.get("text", one.get("type")) not in talk.said}, ready


def _handle(event: dict[str, Any], api: WSGIApplication, world: World) -> bool:
    """Do what an event asks for and was not done yet, and return whether nothing is left."""
    message = world.state.messages.get(str(event_bodies.data_of(event).get("id")))
    instance, chat = world.state.instances.get(str(event.get("instanceId"))), event_bodies.chat_of(event) or ""
    is_reached = chat.endswith((numbers.USER, numbers.GROUP))  # the API takes no LID, and channels belong to others
    if not (message and instance and instance.api_keys and is_reached and _is_for_bot(world, instance, message)):
        return True
    with _turns.setdefault(world, Lock()):  # an earlier attempt, which took too long, may be under way
        call = partial(_call, Client(api), world.host.public_url(""), instance.api_keys[0], world, message)
        return all(map(call, _steps(world, instance, message, chat)))


def _steps(world: World, instance: Instance, message: Message, chat: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    talk = Talk(world, instance, message.chat, message.sender, message.event)
    path, to = "/send-message", {"recipients": [message.sender]}
    if talk.former and talk.former != talk.reminder:
        for task in world.schedule.pending(instance.id):
            if (task.recipients, task.content.text) == ((message.sender,), talk.former[0]):
                yield "DELETE", f"/scheduled-messages/{task.id}", {}
    if talk.reply:
        late = TEXTS["late"] if world.clock.now() - message.at > timedelta(seconds=30) else ""
        there = ("/groups/send-message", {"groupJids": [chat]}) if chat.endswith(numbers.GROUP) else (path, to)
        yield "POST", there[0], {**there[1], "type": "text", "text": late + talk.reply}
    if talk.reminder and talk.reminder != talk.former:
        yield "POST", "/schedule-message", {**to, "type": "text", "text": talk.reminder[0], "sendAt": talk.reminder[1]}


def _call(client: Client, url: str, key: str, world: World, message: Message, step: tuple[Any, ...]) -> bool:
    """Make a call that was not made yet, twice if it fails, and return whether it is done or refused for good."""
    (method, path, body), headers = step, {"Authorization": f"Bearer {key}", "User-Agent": AGENT}
    for _ in range(2):
        if body and _was_said(world, message, body["text"].removeprefix(TEXTS["late"])):
            return True
        status = client.open(path, method=method, json=body or None, base_url=url, headers=headers).status_code
        if status < 500:
            return status not in _AT_NEXT_ATTEMPT
    return False


def _was_said(world: World, message: Message, text: str) -> bool:
    """Tell whether a text was sent or scheduled since a message came: the response to that call may have been lost."""
    with world.lock:
        news = [event.subject for event in world.state.events.since(message.event)]
    sent = ("outbound", message.chat)
    tasks = [one.task for one in news if isinstance(one, TaskChange) and one.action == "scheduled"]
    said = [one.content for one in tasks if message.sender in one.recipients]
    said += [one.content for one in news if isinstance(one, Message) and (one.direction, one.chat) == sent]
    return any((one.text or "").endswith(text) for one in said)


def _is_for_bot(world: World, instance: Instance, message: Message) -> bool:
    """Tell whether a received message is for the bot. In a group, it mentions it, has its name, or replies to it."""
    bots = [one.number for one in world.state.instances.values() if one.webhook and hosts.DEMO_BOT in one.webhook.url]
    if message.direction != "inbound" or message.sender in (instance.number, *bots):  # two would talk for ever
        return False
    content, mentioned = payloads.read(message.payload), str(payloads.context_of(message).get("mentionedJid"))
    quoted = world.state.messages.get(payloads.quoted_by(message) or "")
    is_named = instance.title.lower() in (content.text or content.caption or "").lower()
    own = [instance.number + numbers.USER, *(lid for lid, one in world.state.lids.items() if one == instance.number)]
    is_quoted = quoted is not None and quoted.direction == "outbound"
    return not message.chat.endswith(numbers.GROUP) or is_named or is_quoted or any(jid in mentioned for jid in own)
