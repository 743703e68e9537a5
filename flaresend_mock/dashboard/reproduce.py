"""Commands of curl and tests of pytest that repeat messages, API calls and webhook deliveries, without changes."""

import json
import re
from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pprint import pformat
from typing import Any
from urllib.parse import quote

from flask import render_template

from flaresend_mock.core import kinds, models, numbers, payloads, redaction, worlds
from flaresend_mock.core.event_bodies import OWN_EVENT, given
from flaresend_mock.core.world import World
from flaresend_mock.http.bodies import body_of
from flaresend_mock.http.context import CONTROL, own_url, services
from flaresend_mock.package_data import SAMPLES, sample
from flaresend_mock.shell import quoted, typed

KNOWN_KEY = "YOUR_API_KEY"  # The API key of the default world. It is no secret, so commands contain it.

_JSON = "-H 'Content-Type: application/json'"
LONGEST_ARGUMENT = 100_000  # The number of bytes of one argument. Linux allows 128 KiB.
INLINE_FILE = 2_000  # The bytes of a file that a command contains. It downloads a larger one from the emulator.
_MEDIA_TYPE = re.compile(r"[\w.+-]+/[\w.+-]+(?:; ?[\w-]+=[\w.+-]+)*", re.ASCII)
_WORDED = frozenset({"text", "poll", "button_reply", "list_reply"})
_OF_THE_CONNECTION = frozenset({"content-length", "host", "connection", "accept-encoding", "accept"})

MAX_PRETTY = 10_000  # characters of a value that is written over several lines
WIDTH = 100
FIRST_MESSAGE = "The first message"  # stands for the text of a referenced message that is no longer kept or has no text
TEMPLATE = "dashboard/reproduce.txt"

Names = dict[str, str]  # of variables of a test, by the ids that they hold, which differ in another world
Code = dict[str, Any]  # expressions of Python, by what they are in the template


def call_again(world: World, call: models.Call, attached: models.Media | None = None) -> str:
    """Return a command that repeats an API call, with the file `attached` to its form; empty if its body was cut."""
    if call.body_size is not None:
        return ""
    headers, parts = dict(call.headers), [_curl(call.method, own_url() + call.raw_url)]
    if "HTTP_AUTHORIZATION" in headers:
        parts.append(f"-H {quoted(f'Authorization: Bearer {key_of(world, call.instance)}')}")
    if isinstance(call.body, Mapping):
        return _with_form(parts, world, call.body, attached)
    if raw := call.body if isinstance(call.body, bytes) else b"":
        parts.append("-H " + quoted(f"Content-Type: {headers.get('CONTENT_TYPE', '')}"))
    if call.status == 415 and (encoding := headers.get("HTTP_CONTENT_ENCODING")):
        parts.append("-H " + quoted(f"Content-Encoding: {encoding}"))
    return _with_body(parts, raw)


def example(world: World, path: str, body: Mapping[str, Any]) -> str:
    """Return a command that sends something to the first person of a world, with the key of its first instance."""
    with world.lock:
        owner = world.instances.first()
        people = (one.number for one in world.state.people.values() if one.on_whatsapp and one.number != owner.number)
        number, key = next(people, "254712345678"), key_of(world, owner.id)
    parts = [_curl("POST", own_url() + path), f"-H {quoted(f'Authorization: Bearer {key}')}", _JSON]
    return _with_body(parts, json.dumps({"recipients": [number], "type": "text", **body}).encode())


def delivery_again(delivery: models.Delivery, webhook: models.Webhook | None) -> str:
    """Return a command that repeats the last attempt of a delivery to a webhook; empty if there was none."""
    if not delivery.attempts:
        return ""
    last = delivery.attempts[-1]
    headers = (one for one in sent_headers(last).items() if one[0].lower() not in _OF_THE_CONNECTION)
    insecure = ["--insecure"] if webhook and not webhook.verify else []
    parts = [_curl("POST", last.url), *insecure, *(f"-H {quoted(f'{name}: {value}')}" for name, value in headers)]
    return _with_body(parts, delivery.body)


def sent_headers(attempt: models.Attempt) -> dict[str, str]:
    return {name: redaction.MASK if redaction.is_secret(name) else value for name, value in attempt.headers}


def inbound_again(world: World, inbound: Mapping[str, Any], media: models.Media | None) -> str:
    """Return a command that repeats an inbound message, given as `inbound_of` and `file_of` return it."""
    parts = [_curl("POST", _control(world, "inbound")), *_token()]
    if media is not None and len(media.data) <= INLINE_FILE:
        given = {"base64": b64encode(media.data).decode(), "fileName": media.file_name, "mimetype": media.mimetype}
        inbound, media = {**inbound, "media": given}, None
    if media is None:
        return _with_body([*parts, _JSON], json.dumps(inbound, ensure_ascii=False).encode("utf-8", "replace"))
    return _with_form(parts, world, {**inbound, "file": media}, media)


def inbound_of(world: World, message: models.Message, *, as_lid: bool | None = None) -> dict[str, Any]:
    """Return the body of `POST /_mock/inbound` that repeats a message. The caller holds the lock.

    It has no file, unless it is a sample of the emulator. `as_lid`: the event named people by LID; None for as usual.
    """
    content = message.content
    instance = {} if message.instance == next(iter(world.state.instances)) else {"instance": message.instance}
    if content.type == OWN_EVENT:
        sent = next((one for one in world.deliveries.all() if one.message == message.id), None)
        return {"event": given(sent.body, message.instance) if sent else {}, **instance}
    opened, context = payloads.open_payload(message.payload), payloads.context_of(message)
    body, group = opened.fields, {"group": message.chat} if message.chat.endswith(numbers.GROUP) else {}
    inbound: dict[str, Any] = {"from": message.sender, **group, **instance}
    senders = world.state.settings.senders
    if as_lid not in (None, None if senders == "auto" and "group" in inbound else senders == "lid"):
        inbound["from_lid"] = as_lid
    if (details := _details(message, body)) is None:
        return inbound | {"message": dict(message.payload or {})}
    inbound |= {} if content.type == "text" else {"type": content.type}
    inbound |= {"text": content.text or ""} if content.type in _WORDED else {}
    if content.type == "edit":
        context = payloads.open_payload(body.get("editedMessage")).fields.get("contextInfo") or {}
        context = {"mentionedJid": context.get("mentionedJid")}
        inbound |= {"wrapped": True} if opened.wrappers else {}
    elif content.caption is not None:
        inbound["caption"] = content.caption
    inbound |= details
    if replied := payloads.quoted_by(message):
        inbound["reply_to"] = replied
    if (score := payloads.score_of(context)) > 0:
        inbound["forwarded"] = min(score, payloads.MAX_FORWARDS)
    if isinstance(context.get("mentionedJid"), list) and context["mentionedJid"]:
        inbound["mentions"] = context["mentionedJid"]
    media = world.state.media.get(content.media) if content.media else None
    if media is not None and content.type in payloads.MEDIA_KINDS and (name := _sample_name(media)):
        inbound["media"] = {"sample": name}
    return inbound


def file_of(world: World, message: models.Message) -> models.Media | None:
    """Return the file of a message, if it is still kept and not one of the emulator's samples."""
    media = world.state.media.get(message.content.media) if message.content.media else None
    return None if media is None or _sample_name(media) else media


def key_of(world: World, instance_id: str | None) -> str:
    """Return the API key of an instance if it is the default one, or else a placeholder."""
    if (instance := world.state.instances.get(instance_id or "")) is None:
        return "UNKNOWN_KEY"
    return KNOWN_KEY if KNOWN_KEY in instance.api_keys else "API_KEY_OF_THE_INSTANCE"


def _curl(method: str, url: str) -> str:
    """Return the start of a command, with options that keep brackets and dots of the URL literal."""
    options = " --globoff" * any(one in url for one in "[]{}") + " --path-as-is" * ("/." in url)
    verb = "--head" if method == "HEAD" else f"-X {quoted(method)}"
    return f"curl{options} {verb} {quoted(url)}"


def _control(world: World, path: str) -> str:
    query = "" if world.name == worlds.DEFAULT else f"?world={quote(world.name, safe='')}"
    return f"{own_url()}{CONTROL}/{path}{query}"


def _token() -> list[str]:
    return [] if services().token is None else ["-H 'X-Control-Token: YOUR_CONTROL_TOKEN'"]


def _details(message: models.Message, body: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the fields of a kind of message, without text and file; None if only the payload describes it."""
    kind, target = message.content.type, payloads.target_of(message)
    if message.content.raw or kind == "poll_vote":  # the choices of a vote are encrypted
        return None
    names = kinds.IN_PAYLOADS.get(kind, {})
    found = {name: body.get(names.get(name, name)) for name in kinds.FIELDS.get(kind, ()) if name in kinds.DETAILS}
    match kind:
        case "contact":
            found = {"contact": _contact(payloads.contact_of(body))}
        case "contacts":
            found = {"contacts": list(map(_contact, payloads.contacts_of(body)))}
        case "disappearing":
            found = {"seconds": body.get("ephemeralExpiration")}
        case "view_once":
            found["complete"] = True if "url" in body else None
        case "poll":
            found["options"] = list(payloads.choices(body))
        case "list_reply":
            reply = body.get("singleSelectReply")
            found = {"selected": reply.get("selectedRowId") if isinstance(reply, Mapping) else None}
        case "channel_image":
            found = {"channel": message.chat}
        case "reaction":
            found = {"target": target, "emoji": message.content.text or ""}
        case "delete":
            found = {"target": target}
        case "edit":
            found = {"target": target, "text": message.content.text or message.content.caption}
        case "text" if body.get("matchedText"):
            link = {"url": body["matchedText"], "title": body.get("title"), "description": body.get("description")}
            found = {"link": {name: one for name, one in link.items() if one is not None}}
    return {name: value for name, value in found.items() if value is not None}


def _contact(found: Mapping[str, Any]) -> dict[str, Any]:
    return {"name": found["displayName"], "number": found["number"], "on_whatsapp": found["on_whatsapp"]}


def _sample_name(media: models.Media) -> str | None:
    return next((name for name in SAMPLES if sample(name).data == media.data), None)


def _with_form(parts: list[str], world: World, fields: Mapping[str, Any], attached: models.Media | None) -> str:
    given, piped = parts.copy(), ""
    pairs = ((name, each) for name, one in fields.items() for each in (one if isinstance(one, list | tuple) else [one]))
    for name, value in pairs:
        name = name.replace("=", "%3D")  # curl takes what is behind a = for the value, and after an @ for a file's name
        if attached is not None and (_is_file(value) or value is attached):
            named = attached.file_name.replace("\\", "\\\\").replace('"', '\\"') or "file"
            kind = f";type={attached.mimetype}" if _MEDIA_TYPE.fullmatch(attached.mimetype) else ""
            given.append("-F " + quoted(f'{name}=@-;filename="{named}"{kind}'))
            piped = " ".join(["curl -s", *_token(), quoted(_control(world, f"media/{attached.id}"))]) + " | \\\n"
        elif _is_file(value):  # the file is not kept, and its name must not become a local path
            given.append(f"-F {quoted(f'{name}=@THE_FILE')}")
        else:
            text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
            if len(text) > 1 and text[0] == text[-1] == '"':  # the API removes one pair of quotes
                text = f'"{text}"'
            given.append(f"--form-string {quoted(f'{name}={text}')}")
    return _lines(given, piped)


def _with_body(parts: Iterable[str], raw: bytes) -> str:
    """Return a command with a literal body. With other options than --data-raw, curl reads a file after an @."""
    if not raw:
        return _lines(parts)
    text = raw.decode(errors="ignore")
    if text.encode() != raw or "\0" in text or len(raw) > LONGEST_ARGUMENT:  # no argument of a command can contain this
        return _lines([*parts, "--data-binary @-"], f"echo {b64encode(raw).decode()} | base64 -d | \\\n")
    return _lines([*parts, f"--data-raw {quoted(text)}"])


def _lines(parts: Iterable[str], piped: str = "") -> str:
    return typed(piped + " \\\n  ".join(parts))


class _Variable(str):
    __repr__ = str.__str__


def of_received(world: World, message: models.Message, inbound: Mapping[str, Any]) -> str:
    """Return a test that repeats an inbound message, which `inbound_of` returned. The caller holds the lock."""
    names: Names = {}
    other = inbound.get("target") or inbound.get("reply_to")
    about = world.state.messages.get(other) if other else None
    made = {} if "event" in inbound else _create_chat(names, world, message, about)
    made |= _create_other(names, world, inbound, other) if other else {}
    made["received"] = _receive(names, inbound, file_of(world, message))
    made["event"] = _literal(names, inbound["event"]) if "event" in inbound else ""
    made["key"] = repr(next((name for name in message.payload or {} if name != payloads.CONTEXT), ""))
    return render_template(TEMPLATE, chat=names.get(message.chat, repr(message.sender)), **made)


def of_sent(
    world: World, message: models.Message, calls: Sequence[models.Call], task: models.Task | None, at: datetime
) -> str:
    """Return a test that sends a message by a call at a time, and changes it by others. The caller holds the lock."""
    names: Names = {}
    made = _create_chat(names, world, message)
    made |= {"time_zone": repr(world.state.time_zone), "moment": repr(at.strftime("%Y-%m-%dT%H:%M:%SZ"))}
    made |= _repeat_call(names, calls[0])
    names |= {task.id: "task"} if task else {}
    made["changes"] = [_repeat_call(names, one) for one in calls[1:]]
    content = message.content
    what = f", text={content.text!r}" if content.text else f", type={content.type!r}"
    failed = ", status='failed'" if message.status == "failed" else ""
    return render_template(TEMPLATE, task=task, expected=f"to={_literal(names, message.to)}{what}{failed}", **made)


def _create_chat(names: Names, world: World, message: models.Message, about: models.Message | None = None) -> Code:
    group, channel = world.state.groups.get(message.chat), world.state.channels.get(message.chat)
    if group is not None:
        ours = {one.number for one in world.state.instances.values()}
        writers = [one.sender for one in (message, about) if one is not None and one.sender not in ours]
        people = list(dict.fromkeys([*writers, *(one for one in group.members if one not in ours)]))[:3]
        made = {"group": f"{group.subject!r}, {people!r}"}
        names[group.id] = "group"
        if message.content.type == "delete" and about is not None and about.sender != message.sender:
            made["promoted"] = _literal(names, {"action": "promote", "participants": [message.sender]}, 8)
        return made
    if channel is not None and message.direction == "outbound":
        names[channel.id] = "channel"
        return {"channel": f"{{'name': {channel.name!r}}}"}
    return {}


def _repeat_call(names: Names, call: models.Call) -> Code:
    ids = {spelled: name for id_, name in names.items() for spelled in (id_, quote(id_))}
    parts = re.split(f"({'|'.join(map(re.escape, ids)) or '(?!)'})", call.raw_path)
    path = " + ".join(ids.get(part) or repr(part) for part in parts)
    if not isinstance(call.body, Mapping):
        return {"path": path, "call": {"json": _literal(names, body_of(call), 8)}}
    fields = {name: one for name, one in call.body.items() if not _is_file(one)}
    files = {name: (one["fileName"], b"...") for name, one in call.body.items() if _is_file(one)}
    given = {"data": fields, "files": files} if files else {"data": fields}
    return {"path": path, "call": {name: _literal(names, one, 8) for name, one in given.items()}}


def _create_other(names: Names, world: World, inbound: Mapping[str, Any], other: str) -> Code:
    if (before := world.state.messages.get(other)) is None or before.direction == "inbound":
        plain = {name: inbound[name] for name in ("from", "group") if name in inbound}
        plain["text"] = FIRST_MESSAGE
        can_be_written = before is not None and before.content.type != OWN_EVENT and payloads.target_of(before) is None
        earlier = inbound_of(world, before) if before is not None and can_be_written else plain
        received = _receive(names, {name: one for name, one in earlier.items() if name != "reply_to"}, None)
        names[other] = "earlier['data']['id']"
        return {"received_before": received}
    in_group = before.chat.endswith(numbers.GROUP)
    to = {"groupJids": [before.to]} if in_group else {"recipients": [before.to]}
    sent = _literal(names, {**to, "type": "text", "text": before.content.text or FIRST_MESSAGE}, 8)
    names[before.id] = "flaresend_mock.messages()[-1].id"
    return {"sent_before": sent, "sent_path": "'/groups/send-message'" if in_group else "'/send-message'"}


def _receive(names: Names, inbound: Mapping[str, Any], media: models.Media | None) -> str:
    if "event" in inbound:
        return f"flaresend_mock.event({_literal(names, inbound['event'])})"
    rest = {name: value for name, value in inbound.items() if name not in ("from", "text", "instance", "channel")}
    if media is not None:
        rest["media"] = {"fileName": media.file_name, "mimetype": media.mimetype}
    given = [repr(inbound[name]) for name in ("from", "text") if name in inbound]
    given += [f"{name}={_literal(names, value)}" for name, value in rest.items()]
    line = f"flaresend_mock.receive({', '.join(given)})"
    return line + ("  # a sample file; for yours: file='its path'" if media is not None else "")


def _literal(names: Names, value: Any, indent: int = 4) -> str:
    named = _named(names, value)
    text = repr(named)
    if len(text) <= MAX_PRETTY:  # it would take minutes for a body that is large and nested
        text = pformat(named, width=WIDTH - indent, sort_dicts=False)
    return text.replace("\n", "\n" + " " * indent)


def _named(names: Names, value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _named(names, one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_named(names, one) for one in value)
    return _Variable(names[value]) if isinstance(value, str) and value in names else value


def _is_file(value: Any) -> bool:
    return isinstance(value, Mapping) and "fileName" in value
