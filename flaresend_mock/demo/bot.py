"""The demonstration's application: a baker's bot that hears of messages at a webhook, and answers over the API."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from werkzeug.test import Client
from werkzeug.wrappers import Request, Response

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

MENU = (
    "*Our bakery* 🥐\n\n1. Sourdough, KES 350\n2. Chocolate cake, KES 1,800\n3. Croissant, KES 180\n\n"
    "Write _order_ and what you want, _hours_, or _where_."
)
HOURS = "We are open *Monday to Saturday 7:00 to 19:00* and Sunday 8:00 to 13:00."
WHERE = "Moi Avenue 12, Nairobi. The way: https://maps.example/demo-shop"
WRITTEN_TO = ("@s.whatsapp.net", "@g.us")
"""Whom the bot answers: nobody can be written to by their LID, and channels belong to somebody."""
HELLO = "Hello! I am the baker's bot. Write _menu_ to see what is fresh."


class Bot:
    """A WSGI application that is a webhook.

    Args:
        api: the emulator's application, which it calls as any application calls Flaresend.
        api_key: whose instance it writes with.
    """

    def __init__(self, api: WSGIApplication, api_key: str) -> None:
        self._client = Client(api)
        self._headers = {"Authorization": f"Bearer {api_key}", "User-Agent": "demo-bot/1.0"}

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        event: Any = json.loads(Request(environ).get_data() or b"null")
        data = event.get("data", {}) if isinstance(event, dict) else {}
        said = answer(data.get("message", {}))
        chat = data.get("from", "")
        if said is not None and isinstance(chat, str) and chat.endswith(WRITTEN_TO):
            self._write(chat, said)
        return Response(b'{"received":true}', content_type="application/json")(environ, start_response)

    def _write(self, chat: str, text: str) -> None:
        is_group = chat.endswith("@g.us")
        to = {"groupJids": [chat]} if is_group else {"recipients": [chat.partition("@")[0]]}
        path = "/groups/send-message" if is_group else "/send-message"
        self._client.post(path, json={**to, "type": "text", "text": text}, headers=self._headers)


def answer(message: dict[str, Any]) -> str | None:
    """Return what the bot says to a message, or None if it keeps quiet."""
    if any(key in message for key in ("reactionMessage", "protocolMessage")):
        return None
    text = _text(message)
    if text is None:
        return _about(message)
    words = text.lower()
    if words.startswith("order"):
        wanted = text[5:].strip() or "a surprise"
        return f"Thank you! I noted *{wanted}*. It is ready in 20 minutes."
    for word, said in (("menu", MENU), ("hours", HOURS), ("open", HOURS), ("where", WHERE), ("price", MENU)):
        if word in words:
            return said
    if words.startswith(("hi", "hello", "hey", "good ", "jambo", "habari")):
        return HELLO
    if "thank" in words:  # people say so in the end
        return None
    return f"You said: “{text[:500]}”. Write _menu_ to see what is fresh."


def _text(message: dict[str, Any]) -> str | None:
    extended = message.get("extendedTextMessage")
    text = extended.get("text") if isinstance(extended, dict) else message.get("conversation")
    return text if isinstance(text, str) else None


def _about(message: dict[str, Any]) -> str:
    kinds = {
        "imageMessage": "What a nice picture! 📷",
        "audioMessage": "I cannot listen yet, but I would love to. Please write.",
        "locationMessage": "Got your location. We deliver there in about 40 minutes. 🛵",
        "documentMessage": "Thank you for the document. I passed it on.",
        "contactMessage": "Thank you, I noted the contact.",
        "stickerMessage": "😄",
    }
    return next((said for kind, said in kinds.items() if kind in message), "Got it!")
