"""WhatsApp's way of writing: *bold*, _italic_, ~strike~, `code`, ```code```, lists, quotes and links; else, text."""

from __future__ import annotations

import re

from markupsafe import Markup, escape

_CODE = re.compile(r"```(.+?)```|`([^`\n]+)`", re.DOTALL)
_LINK = re.compile(r"(?:https?://|\bwww\.(?=\w))[^\s<>\"]+[^\s<>\"'.,;:!?)\]]", re.IGNORECASE)
_ITEM = re.compile(r"^[*-] (?=\S)", re.MULTILINE)
_QUOTED = re.compile(r"^&gt; (.+)$", re.MULTILINE)
_STYLES = (("*", "strong"), ("_", "em"), ("~", "s"))
# a mark stands at the edge of a word, and what it encloses neither begins nor ends with a space
_MARKED = r"(?<![\w{0}]){0}(?=\S)([^{0}\n]*?\S){0}(?![\w{0}])"
_STYLED = {tag: re.compile(_MARKED.format(re.escape(sign))) for sign, tag in _STYLES}
MAX_STYLED = 5000
"""Of a longer text, this much is looked at for marks and links."""


def formatted(text: str) -> Markup:
    """Return a text as WhatsApp shows it. What looks like markup in it stays what it is: text."""
    head, tail = text[:MAX_STYLED], text[MAX_STYLED:]
    pieces = []
    end = 0
    for code in _CODE.finditer(head):
        pieces += [_linked(head[end : code.start()]), Markup("<code>{}</code>").format(code[1] or code[2])]
        end = code.end()
    return Markup("").join([*pieces, _linked(head[end:]), escape(tail)])


def plain(text: str) -> str:
    """Return a text on one line, without the marks."""
    line = " ".join(text[:MAX_STYLED].replace("`", "").split())
    for styled in _STYLED.values():
        line = styled.sub(r"\1", line)
    return line


def _linked(text: str) -> Markup:
    pieces: list[Markup] = []
    end = 0
    for link in _LINK.finditer(text):
        pieces.append(_styled(text[end : link.start()]))
        pieces.append(
            Markup('<a href="{}" target="_blank" rel="noopener noreferrer nofollow">{}</a>').format(
                link[0] if "://" in link[0][:8] else f"https://{link[0]}", link[0]
            )
        )
        end = link.end()
    return Markup("").join([*pieces, _styled(text[end:])])


def _styled(text: str) -> Markup:
    safe = str(escape(text))  # leaves the marks as they are, and has none of its own
    for tag, styled in _STYLED.items():
        safe = styled.sub(rf"<{tag}>\1</{tag}>", safe)
    safe = _QUOTED.sub(r'<q class="cited">\1</q>', _ITEM.sub("• ", safe))
    return Markup(safe)  # escaped above  # noqa: S704  # nosec B704
