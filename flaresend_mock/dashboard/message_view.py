"""Messages as a phone shows them: formatted text, sender, file, quote, reactions, edits and the delivery mark."""

import re
import tomllib
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from markupsafe import Markup, escape

from flaresend_mock.core import composer, models, numbers, payloads
from flaresend_mock.core.world import World

Shown = dict[str, Any]  # what a template shows of one thing

_BLOCK = re.compile(r"```(.+?)```", re.DOTALL)
_CODE = re.compile(r"`([^`]+)`")
_LINK = re.compile(r"((?:https?://|\bwww\.(?=\w))[^\s<>\"]+[^\s<>\"'.,;:!?)\]*_~])", re.IGNORECASE)
_STYLES = (("*", "strong"), ("_", "em"), ("~", "s"))
# a mark stands at the edge of a word; the text inside neither begins nor ends with a space
_MARKED = r"(?<![\w{0}]){0}(?=\S)([^{0}\n]*?\S){0}(?![\w{0}])"
_STYLED = {tag: re.compile(_MARKED.format(re.escape(sign))) for sign, tag in _STYLES}
_code = Markup("<code>{}</code>").format
_TAG = re.compile(r"<(/?)(\w+)>")
MAX_STYLED = 5000  # The number of characters that are formatted. The rest of a longer text is plain.

NOWHERE = "no endpoint"  # the status of a delivery for which there was no webhook

TEXTS = tomllib.loads((Path(__file__).parent / "assets" / "texts.toml").read_text(encoding="utf-8"))
LABELS: dict[str, str] = TEXTS["messages"]


def bubbles(world: World, messages: Iterable[models.Message], changes: Iterable[models.Message]) -> list[Shown]:
    """Return messages as bubbles, with the later messages that change them. The caller holds the lock."""
    deliveries = {one.message: one.status for one in world.deliveries.all()}
    changes_of: dict[str | None, list[models.Message]] = {}
    for change in changes:
        changes_of.setdefault(payloads.target_of(change), []).append(change)
    return [_bubble(world, one, deliveries.get(one.id, NOWHERE), changes_of.get(one.id, ())) for one in messages]


def _bubble(world: World, message: models.Message, delivery: str, changes: Iterable[models.Message]) -> Shown:
    """Return one message as the page shows it. `ours`: the instance sent it. `deleter` may delete it."""
    opened, context = payloads.open_payload(message.payload), payloads.context_of(message)
    inner, kind = opened.fields, message.content.type
    reactions: dict[str, str] = {}
    votes: dict[str, bool] = {}
    text, deleted, edited = words(message), None, False
    contact = [payloads.contact_of(inner)] if kind == "contact" else []
    for change in changes:
        match change.content.type if composer.applies(world.state, change, message) else None:
            case "reaction":
                reactions[change.sender] = change.content.text or ""
            case "poll_vote":
                votes[change.sender] = payloads.chooses(payloads.open_payload(change.payload).fields)
            case "delete":
                deleted = change.sender
            case "edit":
                text, edited = words(change), True
    outbound, quoted = message.direction == "outbound", payloads.quoted_by(message)
    bubble: Shown = {"message": message, "ours": outbound, "author": name_of(world, message.sender), "text": text}
    bubble |= {"details": inner, "key": opened.name, "label": LABELS.get(kind, "Message"), "edited": edited}
    bubble |= {"deleted": deleted is not None, "deleter": _deleter(world, message), "voters": sum(votes.values())}
    bubble |= {"file": _file(world, message.content), "choices": payloads.choices(inner)}
    return bubble | {
        "mark": message.status if outbound else delivery,
        "quote": None if quoted is None else _quote(world, quoted),
        "contacts": payloads.contacts_of(inner) if kind == "contacts" else contact,
        "reactions": Counter(filter(None, reactions.values())),
        "deleted_by": name_of(world, deleted) if deleted not in (None, message.sender) else "",
        "forwarded": bool(context.get("isForwarded")),
    }


def _deleter(world: World, message: models.Message) -> str | None:
    """Return the author of a received message; of one that the instance sent to a group, another admin of it."""
    if message.direction == "inbound":
        return message.sender
    group = world.state.groups.get(message.chat)
    admins = () if group is None else (one for one in group.members if group.is_admin(one))
    return next((one for one in admins if instance_of(world, one) is None), None)


def _file(world: World, content: models.Content) -> Shown | None:
    if content.media is None and content.url is None:
        return None
    media = world.state.media.get(content.media) if content.media else None
    name = content.file_name or (media.file_name if media else "") or (content.url or "").rpartition("/")[2]
    kept = {"id": content.media, "size": len(media.data)} if media else {"id": None, "size": None}
    shown = {"name": name or "file", "mimetype": content.mimetype or "", "url": content.url}
    return {"kind": payloads.MEDIA_KINDS.get(content.type, content.type), **shown, **kept}


def _quote(world: World, wanted: str) -> Shown:
    if (quoted := world.state.messages.get(wanted)) is None:
        return {"author": "", "line": "a message that is no longer kept"}
    return {"event": quoted.event, "author": name_of(world, quoted.sender), "line": line_of(quoted)}


def words(message: models.Message) -> str:
    return message.content.text or message.content.caption or ""


def line_of(message: models.Message) -> str:
    kind, text = message.content.type, words(message)
    if kind == "reaction":
        return f"reacted {text}" if text else "removed a reaction"
    if kind == "delete":
        return "deleted a message"
    label = LABELS.get(kind, "")
    if kind == "document" and message.content.file_name:
        label = f"📄 {message.content.file_name}"
    return f"{label} {text}".strip() if label else text or kind


def name_of(world: World, party: str) -> str:
    """Return the name of a person, a group, a channel or an instance, or else the number or id."""
    if party.endswith(numbers.GROUP):
        group = world.state.groups.get(party)
        return group.subject if group else party
    number = party.removesuffix(numbers.USER)
    number = world.state.aliases.get(number, number)
    for known in (instance_of(world, number), world.state.people.get(number)):
        if known is not None and known.name:
            return known.name
    channel = world.state.channels.get(party)
    return channel.name if channel else f"+{number}" if number.isdigit() else party


def instance_of(world: World, number: str) -> models.Instance | None:
    return next((one for one in world.state.instances.values() if one.number == number), None)


def formatted(text: str) -> Markup:
    """Return a text as HTML, with WhatsApp's bold, italic, code, lists, quotes and links; HTML in it is escaped."""
    pieces = enumerate(_BLOCK.split(text[:MAX_STYLED]))
    head = (_code(piece) if index % 2 else _lines(piece, whole=not index) for index, piece in pieces)
    return Markup("").join([*head, escape(text[MAX_STYLED:])])


def plain(text: str) -> str:
    """Return a text on one line, without formatting marks."""
    line = " ".join(text[:MAX_STYLED].replace("`", "").split())
    for styled in _STYLED.values():
        line = styled.sub(r"\1", line)
    return line


def _lines(text: str, *, whole: bool) -> Markup:
    """Format lines. The first is a `whole` line, or continues one."""
    first, *others = text.split("\n")
    return Markup("\n").join([_line(first) if whole else _coded(first), *map(_line, others)])


def _line(line: str) -> Markup:
    if line.startswith("> ") and line[2:].strip():
        return Markup('<q class="cited">{}</q>').format(_coded(line[2:]))
    if line.startswith(("* ", "- ")) and line[2:].strip():
        return Markup("• {}").format(_coded(line[2:]))
    return _coded(line)


def _coded(text: str) -> Markup:
    pieces = enumerate(_CODE.split(text))
    return Markup("").join(_code(piece) if index % 2 else _linked(piece) for index, piece in pieces)


def _linked(text: str) -> Markup:
    link = Markup('<a href="{}" target="_blank" rel="noopener noreferrer nofollow">{}</a>')
    pieces = []
    for index, piece in enumerate(_LINK.split(text)):
        href = piece if "://" in piece[:8] else f"https://{piece}"
        pieces.append(link.format(href, piece) if index % 2 else _styled(piece))
    return Markup("").join(pieces)


def _styled(text: str) -> Markup:
    safe = plain_text = str(escape(text))  # keeps the marks, and adds none
    for tag, styled in _STYLED.items():
        safe = styled.sub(rf"<{tag}>\1</{tag}>", safe)
    return Markup(safe if _nests(safe) else plain_text)  # escaped above  # noqa: S704  # nosec B704


def _nests(text: str) -> bool:
    """Tell whether all tags are properly nested. Marks may overlap."""
    inside: list[str] = []
    for closes, tag in _TAG.findall(text):
        if not closes:
            inside.append(tag)
        elif not inside or inside.pop() != tag:
            return False
    return True
