"""WhatsApp's text formatting as HTML: *bold*, _italic_, ~strike~, `code`, ```code```, lists, quotes and links."""

from __future__ import annotations

import re

from markupsafe import Markup, escape

_BLOCK = re.compile(r"```(.+?)```", re.DOTALL)
_CODE = re.compile(r"`([^`]+)`")
_LINK = re.compile(r"(?:https?://|\bwww\.(?=\w))[^\s<>\"]+[^\s<>\"'.,;:!?)\]*_~]", re.IGNORECASE)
_STYLES = (("*", "strong"), ("_", "em"), ("~", "s"))
# a mark stands at the edge of a word; the text inside neither begins nor ends with a space
_MARKED = r"(?<![\w{0}]){0}(?=\S)([^{0}\n]*?\S){0}(?![\w{0}])"
_STYLED = {tag: re.compile(_MARKED.format(re.escape(sign))) for sign, tag in _STYLES}
_TAG = re.compile(r"<(/?)(\w+)>")
MAX_STYLED = 5000
"""The number of characters that are formatted. The rest of a longer text is plain."""


def formatted(text: str) -> Markup:
    """Return a text as WhatsApp shows it. HTML in the text is escaped."""
    head, tail = text[:MAX_STYLED], text[MAX_STYLED:]
    pieces: list[Markup] = []
    end = 0
    for block in _BLOCK.finditer(head):
        pieces += [
            _lines(head[end : block.start()], whole=not end),
            Markup("<code>{}</code>").format(block[1]),
        ]
        end = block.end()
    return Markup("").join([*pieces, _lines(head[end:], whole=not end), escape(tail)])


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
    pieces: list[Markup] = []
    end = 0
    for code in _CODE.finditer(text):
        pieces += [_linked(text[end : code.start()]), Markup("<code>{}</code>").format(code[1])]
        end = code.end()
    return Markup("").join([*pieces, _linked(text[end:])])


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
