"""WhatsApp's way of writing: *bold*, _italic_, ~strike~, ```code``` and links; everything else is text."""

from __future__ import annotations

import re

from markupsafe import Markup, escape

_CODE = re.compile(r"```(.+?)```", re.DOTALL)
_LINK = re.compile(r"https?://[^\s<>\"]+[^\s<>\"'.,;:!?)\]]", re.IGNORECASE)
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
    for number, piece in enumerate(_CODE.split(head)):
        pieces.append(Markup("<code>{}</code>").format(piece) if number % 2 else _linked(piece))
    return Markup("").join([*pieces, escape(tail)])


def plain(text: str) -> str:
    """Return a text on one line, without the marks."""
    line = " ".join(text[:MAX_STYLED].replace("```", "").split())
    for styled in _STYLED.values():
        line = styled.sub(r"\1", line)
    return line


def _linked(text: str) -> Markup:
    pieces: list[Markup] = []
    end = 0
    for link in _LINK.finditer(text):
        pieces.append(_styled(text[end : link.start()]))
        pieces.append(
            Markup('<a href="{0}" target="_blank" rel="noopener noreferrer nofollow">{0}</a>').format(link[0])
        )
        end = link.end()
    return Markup("").join([*pieces, _styled(text[end:])])


def _styled(text: str) -> Markup:
    safe = str(escape(text))  # leaves the marks as they are, and has none of its own
    for tag, styled in _STYLED.items():
        safe = styled.sub(rf"<{tag}>\1</{tag}>", safe)
    return Markup(safe)  # escaped above  # noqa: S704  # nosec B704
