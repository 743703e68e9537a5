"""Commands that are pasted into sh, bash, zsh and fish."""

import re

LONGEST_LINE = 900  # bytes; a terminal drops what is behind the first 1,024 or 4,096 of a line that nothing edits
_PLAIN = re.compile(r"[\w/][\w@%+=:,./-]*", re.ASCII)
_APART = re.compile(r"""['!^]|\\(?!["/bfnrtu])""")  # what fish escapes in quotes, and old versions of bash expand there
_OUTSIDE = str.maketrans({"'": r"\'", "!": r"\!", "^": r"\^", "\\": r'\\""'})  # bash's history takes \\' for a \'
_OBEYED = re.compile(r"[\x01-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
_OCTAL = re.compile(r"[^ -~]|['%\\]")


def quoted(text: str) -> str:
    """Return a word that means a text, without its NULs, in each of these shells."""
    text = text.replace("\0", "")
    parts = _APART.sub(lambda found: f"'{found[0].translate(_OUTSIDE)}'", text)
    word = text if _PLAIN.fullmatch(text) else f"'{parts}'"
    if max(map(len, word.encode(errors="surrogateescape").split(b"\n"))) <= LONGEST_LINE:
        return word
    step = min(LONGEST_LINE - 100, len(text) // 2)
    return "\\\n".join(quoted(text[at : at + step]) for at in range(0, len(text), step))


def typed(command: str) -> str:
    """Return a command that does the same, without what a terminal obeys, as tabs, or what turns text around."""
    if not _OBEYED.search(command):
        return command
    raw = command.encode(errors="surrogateescape").decode("latin-1")
    octal = _OCTAL.sub(lambda found: f"\\{ord(found[0]):03o}", raw)
    return "printf " + "\\\n".join(f"'{one}'" for one in re.findall(r"(?:\\...|[^\\]){1,200}", octal)) + " | sh"
