"""Verifies that a webhook's receiver is ready, by the configured handshake."""

import json
import logging
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import datetime
from threading import get_ident
from typing import Any
from urllib.parse import quote, quote_plus, urlencode, urlsplit, urlunsplit

from flaresend_mock.background.trust_store import TrustStore
from flaresend_mock.core.models import Webhook
from flaresend_mock.package_data import load_fixture

MODES = ("none", "post", "challenge")
CHALLENGE = "1158201444"


def sample_event(instance_id: str) -> bytes:
    """Return the documented event, which a test sends."""
    event = load_fixture("webhooks/documented/message_received.json")
    return json.dumps(event | {"instanceId": instance_id}, ensure_ascii=False, separators=(",", ":")).encode()


def verify(webhook: Webhook, instance_id: str, now: datetime, *, strict: bool, trust: TrustStore) -> dict[str, Any]:
    """Run a webhook's handshake, and return whether it succeeded, with the request and the response.

    none: sends nothing. post: sends the documented sample, and expects 200 (or any 2xx, if not strict).
    challenge: sends a GET with hub.mode, hub.challenge and hub.verify_token, and expects 200 and the challenge.
    """
    if webhook.verification == "none":
        return {"verified": True, "reason": "this webhook asks for no verification", "attempt": None}
    from flaresend_mock.background.posting import Poster  # imports requests, which not every run needs

    with closing(Poster(trust)) as poster:
        if webhook.verification == "challenge":
            with _unlogged():
                attempt = poster.get(replace(webhook, url=_with_challenge(webhook)))
            problem = _wrong_challenge(attempt)
        else:
            attempt = poster.post(webhook, "msg_test", now, sample_event(instance_id))
            problem = _wrong_status(attempt, strict)
    attempt |= {"url": webhook.url, "headers": dict(attempt["headers"])}  # the URL has no token in its query
    attempt |= {name: attempt[name] and _masked(attempt[name], webhook) for name in ("error", "response")}
    return {"verified": problem is None, "reason": _masked(problem or "", webhook), "attempt": attempt}


def _masked(text: str, webhook: Webhook) -> str:
    """Return a text without the token, in each way to quote it in a URL."""
    token = webhook.verify_token
    for spelled in sorted({token, quote(token), quote(token, safe=""), quote_plus(token)}) if token else ():
        text = text.replace(spelled, "***")
    return text


@contextmanager
def _unlogged() -> Iterator[None]:
    """Keep this thread's requests out of the log of urllib3, which writes whole URLs, with the token."""
    log, here = logging.getLogger("urllib3.connectionpool"), get_ident()
    log.addFilter(others := lambda record: record.thread != here)
    try:
        yield
    finally:
        log.removeFilter(others)


def _with_challenge(webhook: Webhook) -> str:
    values = {"hub.mode": "subscribe", "hub.challenge": CHALLENGE, "hub.verify_token": webhook.verify_token or ""}
    parts, asked = urlsplit(webhook.url), urlencode(values)
    return urlunsplit(parts._replace(query=f"{parts.query}&{asked}".removeprefix("&")))


def _wrong_status(attempt: dict[str, Any], strict: bool) -> str | None:
    if (status := attempt["status"]) is None:
        return f"no response: {attempt['error']}"
    accepted = status == 200 or (not strict and 200 <= status < 300)
    return None if accepted else f"the receiver returned {status}, not 200"


def _wrong_challenge(attempt: dict[str, Any]) -> str | None:
    problem = _wrong_status(attempt, strict=True)
    if problem is None and attempt["response"].strip() != CHALLENGE:
        return f"the receiver returned {attempt['response'][:100]!r}, not the challenge {CHALLENGE!r}"
    return problem
