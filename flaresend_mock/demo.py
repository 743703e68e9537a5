"""`flaresend-mock --demo`: sample conversations of a bakery, and the chat bot that replies to its customers."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from werkzeug.test import Client
from werkzeug.wrappers import Request, Response

from flaresend_mock.core.models import Content
from flaresend_mock.core.payloads import InboundMessage
from flaresend_mock.core.state import State
from flaresend_mock.core.store import HostServices
from flaresend_mock.core.world import World
from flaresend_mock.package_data import load_fixture

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

_BOT = load_fixture("demo/bot.json")
TEXTS: dict[str, str] = _BOT["texts"]
CHATS = ("@s.whatsapp.net", "@g.us")
"""The chats that the bot writes to. The API takes no LID, and a channel belongs to its owner."""


class Bot:
    """The application of the demonstration: it gets events by WSGI, and replies over the API as any client does."""

    def __init__(self, api: WSGIApplication, url: str, api_key: str) -> None:
        self._client, self._url = Client(api), url
        self._headers = {"Authorization": f"Bearer {api_key}", "User-Agent": "demo-bot/1.0"}

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        event: Any = json.loads(Request(environ).get_data() or b"null")
        data = event.get("data", {}) if isinstance(event, dict) else {}
        text, chat = reply_to(data.get("message", {})), data.get("from", "")
        if text is not None and isinstance(chat, str) and chat.endswith(CHATS):
            self._send(chat, text)
        return Response(b'{"received":true}', content_type="application/json")(environ, start_response)

    def _send(self, chat: str, text: str) -> None:
        is_group = chat.endswith("@g.us")
        to = {"groupJids": [chat]} if is_group else {"recipients": [chat.partition("@")[0]]}
        path = "/groups/send-message" if is_group else "/send-message"
        self._client.post(path, json={**to, "type": "text", "text": text}, base_url=self._url, headers=self._headers)


def reply_to(message: dict[str, Any]) -> str | None:
    if any(key in message for key in ("reactionMessage", "protocolMessage")):
        return None
    extended = message.get("extendedTextMessage")
    text = extended.get("text") if isinstance(extended, dict) else message.get("conversation")
    if not isinstance(text, str):
        return next((reply for kind, reply in _BOT["kinds"].items() if kind in message), "Got it!")
    words = text.lower()
    if words.startswith("order"):
        return f"Thank you! I noted *{text[5:].strip() or 'a surprise'}*. It is ready in 20 minutes."
    for word, name in _BOT["words"].items():
        if word in words:
            return TEXTS[name]
    if words.startswith(("hi", "hello", "hey", "good ", "jambo", "habari")):
        return TEXTS["hello"]
    if "thank" in words:  # the customer ends the conversation
        return None
    return f"You said: “{text[:500]}”. Write _menu_ to see what is fresh."


def add_conversations(state: State, now: datetime, host: HostServices[World]) -> State:
    """Return a state with the sample conversations in it, up to half an hour before `now`. No webhook gets them."""
    people = dict(state.people)
    state = state.copy()
    for number, person in people.items():  # auto-replies would mix with the sample conversations
        state.people[number] = replace(person, rules=())
    moment = now
    world = World("demo", state, lambda: moment, replace(host, on_timer_changed=lambda world: None))
    instance = world.instances.first()
    for line in sorted(load_fixture("demo/conversations.json"), key=itemgetter("minutes_ago"), reverse=True):
        number, text, moment = line["person"], line["text"], now - timedelta(minutes=line["minutes_ago"])
        if number in people and line["writes"]:
            world.inbound.receive(InboundMessage(number, text=text))
        elif number in people:
            world.sending.send(instance.id, [number], Content("text", text=text))
    moment = now - timedelta(minutes=30)
    for group in list(world.state.groups.values())[:1]:
        member = next((number for number in group.members if number != instance.number), None)
        if member is not None and not group.announce:
            world.inbound.receive(InboundMessage(member, text="Who brings the bread on Saturday?", group=group.id))
    moment = now
    filled = world.state.copy()
    for number, person in people.items():
        # a rule without `when` replies to everything: it would talk to the bot for ever
        rules = tuple(rule for rule in person.rules if rule.when is not None)
        filled.people[number] = replace(person, rules=rules)
    return filled
